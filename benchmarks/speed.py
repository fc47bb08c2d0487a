"""Training steps and rollouts beside torch.nn.RNN and JAX, all on the same two cores and in turn.

Size of the copy task: 72 units, batch 64, 8 input and 100 free steps. A training step is forward run,
loss and gradients; 10 networks take STEPS of them. torch.nn.RNN runs network by network, each on both
cores by torch's own threads; as a stricter comparison also one network a core, which torch does not do
by itself. JAX runs all networks at once (vmap, scan, jit) in its own threads; ours is one process a
core, as in training. The peers are given the free steps as zero input, which is how they run on.

Every round runs every candidate once, every second round in reverse order, so that a machine that slows
down or is busy for a while does so to all. The first round, which compiles and warms up, is not counted.
"""

import os
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import numpy as np
import torch
from joblib import Parallel, delayed
from numba import njit
from threadpoolctl import threadpool_limits

from schur_lib import Network, rollout
from schur_lib.dynamics import one_blas_thread

N, B, T, CHANNELS, NETWORKS, MATRICES = 72, 64, 108, 8, 10, 64
CORES = 2
# As often as makes a run of one candidate a fifth of a second or more.
STEPS, SWEEPS, PRODUCTS, ROUNDS = 20, 4, 200, 11
FORWARD = 2 * T * B * N * N  # flop of one run; a training step takes three times as much
TRAINING, ROLLOUTS, PRODUCT = (  # flop of one run of a candidate
    3 * FORWARD * NETWORKS * STEPS,
    FORWARD * MATRICES * SWEEPS,
    FORWARD * PRODUCTS,
)


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
    """The same ten as ours, with gradients; as in training, freed memory is kept."""

    networks = []
    for rnn, readout in modules():
        weights = (rnn.weight_ih_l0, rnn.weight_hh_l0, readout.weight)
        leaves = [weight.detach().clone().requires_grad_() for weight in weights]
        networks.append(Network(*leaves))
    return networks


def our_steps(numbers):
    """Training steps of some of the ten networks on one core."""
    torch.set_num_threads(1)
    inputs, targets = batch()
    with one_blas_thread():
        for net in [our_networks()[i] for i in numbers]:
            leaves = list(net.tensors().values())
            for _ in range(STEPS):
                outputs = rollout(net, inputs[:8], free_steps=T - 8)
                torch.autograd.grad((outputs - targets).square().mean(), leaves)


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


def jax_peer(folder):
    """A process that takes JAX steps on demand: write a line, read the seconds; None without JAX."""
    if not (Path(folder) / "jax").exists():
        return None
    script = Path(__file__).with_name("jax_peer.py")
    variables = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
    process = subprocess.Popen(
        [sys.executable, str(script), *map(str, (N, B, T, CHANNELS, NETWORKS, STEPS))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**variables, "PYTHONPATH": str(folder)},
    )
    print("JAX", process.stdout.readline().strip(), flush=True)
    return process


def ask(process):
    process.stdin.write("go\n")
    process.stdin.flush()
    return float(process.stdout.readline())


def measure(peers_folder):
    """Seconds of every candidate in every counted round; `train_jax` only where JAX is installed."""
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
        "train_torch": (CORES, lambda: [torch_steps(p, inputs, targets) for p in pairs]),
        "train_torch_pool": (
            1,
            lambda: list(pool.map(lambda p: torch_steps(p, inputs, targets), pairs)),
        ),
        "products": (1, lambda: list(pool.map(products, [half] * CORES))),
        "in_turn": (
            1,
            lambda: products_in_turn(state.copy(), np.empty_like(state), W, T * PRODUCTS),
        ),
        "product_again": (1, products),
        "roll_ours_one": (1, our_rollouts),
        "roll_ours": (CORES, our_rollouts),
        "roll_torch": (CORES, lambda: torch_rollouts(pairs[0], inputs, stack)),
        "roll_torch_pool": (
            1,
            lambda: list(pool.map(lambda s: torch_rollouts(pairs[0], inputs, s), stack.chunk(CORES))),
        ),
    }
    jax = jax_peer(peers_folder)
    times = {name: [] for name in candidates} | ({"train_jax": []} if jax else {})
    with threadpool_limits(1, "blas"), workers:  # torch's own threads are not counted among these
        for number in range(ROUNDS + 1):
            names = list(times)
            for name in names if number % 2 else reversed(names):
                if name == "train_jax":
                    times[name].append(ask(jax))
                    continue
                threads, function = candidates[name]
                torch.set_num_threads(threads)
                start = time.perf_counter()
                function()
                times[name].append(time.perf_counter() - start)
    if jax:
        jax.stdin.close()
        jax.wait()
    pool.shutdown()
    # The faster of the two in a round: the rate that has to be reached is not a disturbed one.
    again = times.pop("product_again")
    times["product"] = [min(pair) for pair in zip(times["product"], again, strict=True)]
    print("training steps and rollouts: measured", flush=True)
    return {name: values[1:] for name, values in times.items()}


def target_rows(times):
    """Targets and stricter comparisons: (id, kind, text, target, one ratio a round or None)."""

    def beside(slow, quick, factor=1.0):
        if slow not in times:
            return None
        return [factor * a / b for a, b in zip(times[slow], times[quick], strict=True)]

    step, rolls = f"Training step of {NETWORKS} networks", f"Rollouts of {MATRICES} matrices"
    return [
        ("train_torch", "target", f"{step}: time of torch.nn.RNN network by network / ours", 5.0,
         beside("train_torch", "train_ours")),
        ("train_jax", "target", f"{step}: time of JAX vmap and scan / ours", 4.0,
         beside("train_jax", "train_ours")),
        ("roll_torch", "target", f"{rolls}: time of torch.nn.RNN with swapped weights / ours", 3.5,
         beside("roll_torch", "roll_ours")),
        ("train_rate", "target", "Training step on one core: rate / rate of the bare product", 0.75,
         beside("product", "train_ours_one", TRAINING / PRODUCT)),
        ("roll_rate", "target", "Rollouts on one core: rate / rate of the bare product", 0.75,
         beside("product", "roll_ours_one", ROLLOUTS / PRODUCT)),
        ("train_cores", "target", "Training step: time on one core / on two", 1.8,
         beside("train_ours_one", "train_ours")),
        ("roll_cores", "target", "Rollouts: time on one core / on two", 1.8,
         beside("roll_ours_one", "roll_ours")),
        ("train_torch_pool", "stricter",
         f"{step}: time of torch.nn.RNN, one network a core / ours", 5.0,
         beside("train_torch_pool", "train_ours")),
        ("roll_torch_pool", "stricter",
         f"{rolls}: time of torch.nn.RNN, half of them a core / ours", 3.5,
         beside("roll_torch_pool", "roll_ours")),
    ]  # fmt: skip


def rate_rows(times):
    """One dict a candidate: what it computed, by whom, on how many cores, GFLOP/s over the rounds."""
    what = {
        "product": ("matrix product", "bare", 1, PRODUCT),
        "products": ("matrix product", "bare", CORES, PRODUCT),
        "in_turn": ("matrix product", "one after the other", 1, PRODUCT),
        "train_ours_one": ("training step", "ours", 1, TRAINING),
        "train_ours": ("training step", "ours", CORES, TRAINING),
        "train_jax": ("training step", "JAX", CORES, TRAINING),
        "train_torch": ("training step", "torch.nn.RNN", CORES, TRAINING),
        "train_torch_pool": ("training step", "torch.nn.RNN, one a core", CORES, TRAINING),
        "roll_ours_one": ("rollouts", "ours", 1, ROLLOUTS),
        "roll_ours": ("rollouts", "ours", CORES, ROLLOUTS),
        "roll_torch": ("rollouts", "torch.nn.RNN", CORES, ROLLOUTS),
        "roll_torch_pool": ("rollouts", "torch.nn.RNN, one a core", CORES, ROLLOUTS),
    }
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
