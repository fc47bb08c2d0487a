"""Training steps and rollouts beside PyTorch, JAX and ONNX Runtime, in turn on the same two cores.

Size of the copy task: 72 units, batch 64, 8 input and 100 free steps. A training step is forward run, loss and
gradients; 10 networks take STEPS of them. A complete step is one of `train_one`: with sampling, clipping and Adam.
Ours is one process a core in training and one thread a core in rollouts. torch.nn.RNN runs one network a core, in
threads; the other peers in processes of their own (`peer.py`): JAX with all networks at once and with one a core,
torch.compile with half of the networks a core at once, ONNX Runtime, which has no gradients, with one a core. The
peers are given the free steps as zero input, which is how they run on.

Every round runs every candidate once, every second round in reverse order, so that a machine that slows down or is
busy for a while does so to all. The first round, which compiles and warms up, is not counted.
"""

import os
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from pathlib import Path

import numpy as np
import torch
from joblib import Parallel, delayed
from numba import njit
from threadpoolctl import threadpool_limits

from schur_lib import Network, Recipe, Spec, kernels, rollout
from schur_lib.dynamics import one_blas_thread
from schur_lib.training import HISTORY_POINTS, train_one

N, B, T, CHANNELS, NETWORKS, MATRICES = 72, 64, 108, 8, 10, 64
CORES = 2
# As often as makes a run of one candidate a tenth of a second or more.
STEPS, SWEEPS, PRODUCTS, TRAINED, ROUNDS = 20, 4, 200, 200, 11
FORWARD = 2 * T * B * N * N  # flop of one run; a training step takes three times as much
TRAINING, ROLLOUTS, PRODUCT, COMPLETE = (  # flop of one run of a candidate
    3 * FORWARD * NETWORKS * STEPS,
    FORWARD * MATRICES * SWEEPS,
    FORWARD * PRODUCTS,
    3 * FORWARD * CORES * TRAINED,
)
TORCH = "torch.nn.RNN, one a core"
# Peers in processes of their own: (key of the times, by whom, what `peer.py` calls it, whether one process a core,
# how often a run does its work)
PEERS = (
    ("train_jax", "JAX, all at once", "JAX", False, 5),
    ("train_jax_one", "JAX, one a core", "JAX, one a core", True, 5),
    ("train_compile", "torch.compile, half a core", "torch.compile, half a core", True, 2),
    ("roll_compile", "torch.compile, half a core", "torch.compile rollouts, half a core", True, 1),
    ("roll_onnx", "ONNX Runtime, one a core", "ONNX Runtime, one a core", True, 1),
)
NEEDS = {"JAX": "jax", "ONNX": "onnxruntime"}  # folders that `--peers` installs


def batch():
    torch.manual_seed(0)
    inputs = torch.zeros(T, B, CHANNELS)
    inputs[:8] = torch.sign(torch.randn(8, B, CHANNELS))
    return inputs, torch.sign(torch.randn(T, B, CHANNELS))


def modules():
    """Ten networks as torch modules."""
    torch.manual_seed(1)
    made = []
    for _ in range(NETWORKS):
        rnn = torch.nn.RNN(CHANNELS, N, bias=False)
        torch.nn.init.orthogonal_(rnn.weight_hh_l0)
        made.append((rnn, torch.nn.Linear(N, CHANNELS, bias=False)))
    return made


@cache
def our_networks():
    """The same ten as ours, each as the matrix S of the kernels, and what a step writes into."""
    matrices = np.zeros((NETWORKS, N + CHANNELS, N + CHANNELS), "f")
    for S, (rnn, readout) in zip(matrices, modules(), strict=True):
        S[:N, :N], S[:N, N:], S[N:, :N] = (
            weight.detach().numpy() for weight in (rnn.weight_hh_l0, rnn.weight_ih_l0, readout.weight)
        )
    return matrices, (np.empty((T + 1, B, N + CHANNELS), "f"), np.empty((T, B, CHANNELS), "f"), np.empty_like(S))


def our_steps(numbers):
    """Training steps of some of the ten networks on one core."""
    torch.set_num_threads(1)
    (matrices, written), (inputs, targets) = our_networks(), map(torch.Tensor.numpy, batch())
    with one_blas_thread():
        for i in numbers:
            for _ in range(STEPS):
                kernels.loss_and_gradient(inputs[:8], targets, matrices[i], *written)


class Enough(Exception):
    pass


def complete_steps(seeds):
    """The first steps of networks that are trained on the copy task, one after the other, on one core."""
    torch.set_num_threads(1)
    recipe = Recipe(steps=TRAINED * HISTORY_POINTS, batch_size=B, clip_norm=1.0, horizons=(T - 8,))

    def stop(share):
        raise Enough

    for seed in seeds:
        with suppress(Enough):
            train_one(Spec("copy", hidden_size=N, seed=seed, recipe=recipe), stop)


def torch_steps(pair, inputs, targets):
    """Training steps of one of the ten networks as torch modules."""
    rnn, readout = pair
    leaves = [*rnn.parameters(), *readout.parameters()]
    for _ in range(STEPS):
        outputs = readout(rnn(inputs)[0])
        torch.autograd.grad((outputs - targets).square().mean(), leaves)


@torch.no_grad()
def torch_rollouts(pair, inputs, matrices):
    """Rollouts of a module with other recurrent weights, swapped in one after the other."""
    rnn, readout = pair
    other = torch.nn.RNN(CHANNELS, N, bias=False)
    other.weight_ih_l0.copy_(rnn.weight_ih_l0)
    for _ in range(SWEEPS):
        for W in matrices:
            other.weight_hh_l0.copy_(W)
            readout(other(inputs)[0])


@njit(cache=True)
def products_in_turn(h, other, W, steps):
    """Matrix products of which each waits for the one before, as the steps of a network do."""
    for _ in range(steps // 2):
        np.dot(h, W, out=other)
        np.dot(other, W, out=h)


def start_peer(folder, key, kind, by_core, repeats):
    """Processes that do a peer's work on demand: write a line, read the seconds; none where it does not run."""
    if any(kind.startswith(first) and not (Path(folder) / name).exists() for first, name in NEEDS.items()):
        return []
    total = NETWORKS if key.startswith("train") else MATRICES
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    variables = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
    numbers = map(str, (total // CORES if by_core else total, N, B, T, CHANNELS, repeats))
    command = [sys.executable, str(Path(__file__).with_name("peer.py")), kind, *numbers]
    processes = []
    for i in range(CORES if by_core else 1):
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**variables, "PYTHONPATH": "" if kind.startswith("torch") else str(folder)},
        )
        if by_core and cores:
            os.sched_setaffinity(process.pid, {cores[i]})
        processes.append(process)
    if not all(process.stdout.readline() for process in processes):
        print(f"{kind} is not measured: {(processes[0].stderr.read().splitlines() or ['?'])[-1]}", flush=True)
        return []
    return processes


def ask(processes):
    """Seconds until the last of the processes has done its work."""
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    return max(float(process.stdout.readline()) for process in processes)


def measure(peers_folder):
    """Seconds of every candidate in every counted round, those of peers only where they run."""
    inputs, targets = batch()
    pairs, pool = modules(), ThreadPoolExecutor(CORES)
    net = Network.from_torch(*pairs[0])
    stack = torch.linalg.qr(torch.randn(MATRICES, N, N)).Q.contiguous()
    factors = torch.randn(T, B, N), torch.randn(T, N, N)
    state, W = np.random.default_rng(0).standard_normal((B, N)).astype("f"), stack[0].numpy()
    workers = Parallel(n_jobs=CORES)
    shares = [range(i, NETWORKS, CORES) for i in range(CORES)]

    def products(count=PRODUCTS):
        for _ in range(count):
            torch.bmm(*factors)

    def our_rollouts():
        for _ in range(SWEEPS):
            rollout(net, inputs[:8], W_hh=stack, free_steps=T - 8)

    half = PRODUCTS // CORES
    candidates = {  # name: (torch's threads, what runs)
        "product": (1, products),
        "train_ours_one": (1, lambda: our_steps(range(NETWORKS))),
        "train_ours": (1, lambda: workers(delayed(our_steps)(share) for share in shares)),
        "train_torch": (1, lambda: list(pool.map(lambda p: torch_steps(p, inputs, targets), pairs))),
        "complete_one": (1, lambda: complete_steps(range(CORES))),
        "complete": (1, lambda: workers(delayed(complete_steps)([seed]) for seed in range(CORES))),
        "products": (1, lambda: list(pool.map(products, [half] * CORES))),
        "in_turn": (1, lambda: products_in_turn(state.copy(), np.empty_like(state), W, T * PRODUCTS)),
        "roll_ours_one": (1, our_rollouts),
        "roll_ours": (CORES, our_rollouts),
        "roll_torch": (
            1,
            lambda: list(pool.map(lambda s: torch_rollouts(pairs[0], inputs, s), stack.chunk(CORES))),
        ),
    }
    peers = {}
    for key, _, kind, by_core, repeats in PEERS:
        if processes := start_peer(peers_folder, key, kind, by_core, repeats):
            peers[key] = processes, (STEPS if key.startswith("train") else SWEEPS) / repeats
    print(f"peers that run: torch.nn.RNN, {', '.join(by for key, by, *_ in PEERS if key in peers)}", flush=True)
    times = {name: [] for name in (*candidates, *peers)}
    with threadpool_limits(1, "blas"), workers:  # torch's own threads are not counted among these
        for number in range(ROUNDS + 1):
            names = list(times)
            for name in names if number % 2 else reversed(names):
                if name in peers:
                    processes, factor = peers[name]
                    times[name].append(factor * ask(processes))
                    continue
                threads, function = candidates[name]
                torch.set_num_threads(threads)
                start = time.perf_counter()
                function()
                times[name].append(time.perf_counter() - start)
    for processes, _ in peers.values():
        for process in processes:
            process.stdin.close()
            process.wait()
    pool.shutdown()
    print("training steps and rollouts: measured", flush=True)
    return {name: values[1:] for name, values in times.items()}


def fastest(times, start):
    """Key and name of the peer with the lowest median among those whose key has a start."""
    names = {key: by for key, by, *_ in PEERS} | {"train_torch": TORCH, "roll_torch": TORCH}
    found = [key for key in names if key.startswith(start) and key in times]
    key = min(found, key=lambda key: statistics.median(times[key]), default=None)
    return key, names.get(key, "none was measured")


def target_rows(times):
    """Targets and stricter comparisons: (id, kind, text, target, one ratio a round or None)."""

    def beside(slow, quick, factor=1.0):
        if slow not in times:
            return None
        return [factor * a / b for a, b in zip(times[slow], times[quick], strict=True)]

    step, rolls = f"Training step of {NETWORKS} networks", f"Rollouts of {MATRICES} matrices"
    (train, by), (roll, by_roll) = (fastest(times, start) for start in ("train_", "roll_"))
    rate = "on one core: rate / that of products one after the other"
    return [
        ("train_fastest", "target", f"{step}: time of the fastest peer ({by}) / ours", 3.8,
         beside(train, "train_ours")),
        ("roll_fastest", "target", f"{rolls}: time of the fastest peer ({by_roll}) / ours", 2.8,
         beside(roll, "roll_ours")),
        ("train_jax", "target", f"{step}: time of JAX, all at once by vmap / ours", 6.0,
         beside("train_jax", "train_ours")),
        ("train_rate", "target", f"Training step {rate}", 0.62,
         beside("in_turn", "train_ours_one", TRAINING / PRODUCT)),
        ("roll_rate", "target", f"Rollouts {rate}", 0.60,
         beside("in_turn", "roll_ours_one", ROLLOUTS / PRODUCT)),
        ("complete_rate", "target", f"Complete step with sampling and optimiser, {rate}", 0.68,
         beside("in_turn", "complete_one", COMPLETE / PRODUCT)),
        ("train_cores", "target", "Training step: time on one core / on two", 1.8,
         beside("train_ours_one", "train_ours")),
        ("roll_cores", "target", "Rollouts: time on one core / on two", 1.8,
         beside("roll_ours_one", "roll_ours")),
        ("complete_cores", "target", "Training of many networks: time on one core / on two", 1.8,
         beside("complete_one", "complete")),
        ("train_rate_strict", "stricter", f"Training step {rate}", 0.75,
         beside("in_turn", "train_ours_one", TRAINING / PRODUCT)),
        ("roll_rate_strict", "stricter", f"Rollouts {rate}", 0.70,
         beside("in_turn", "roll_ours_one", ROLLOUTS / PRODUCT)),
    ]  # fmt: skip


def rate_rows(times):
    """One dict a candidate: what it computed, by whom, on how many cores, GFLOP/s over the rounds."""
    what = {
        "product": ("matrix product", "bare", 1, PRODUCT),
        "products": ("matrix product", "bare", CORES, PRODUCT),
        "in_turn": ("matrix product", "one after the other", 1, PRODUCT),
        "complete_one": ("complete step", "ours", 1, COMPLETE),
        "complete": ("complete step", "ours", CORES, COMPLETE),
        "train_ours_one": ("training step", "ours", 1, TRAINING),
        "train_ours": ("training step", "ours", CORES, TRAINING),
        "train_torch": ("training step", TORCH, CORES, TRAINING),
        "roll_ours_one": ("rollouts", "ours", 1, ROLLOUTS),
        "roll_ours": ("rollouts", "ours", CORES, ROLLOUTS),
        "roll_torch": ("rollouts", TORCH, CORES, ROLLOUTS),
    }
    for key, by, *_ in PEERS:
        work = (
            ("training step", by, CORES, TRAINING)
            if key.startswith("train")
            else ("rollouts", by, CORES, ROLLOUTS)
        )
        what[key] = work
    rows = []
    for name, (work, by, cores, flop) in what.items():
        if name in times:
            rates = [flop / seconds / 1e9 for seconds in times[name]]
            rows.append(
                {"work": work, "by": by, "cores": cores,
                 "gflops": round(statistics.median(rates), 2),
                 "lowest": round(min(rates), 2), "highest": round(max(rates), 2)}
            )  # fmt: skip
    return rows
