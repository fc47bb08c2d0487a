"""Training steps and rollouts beside torch.nn.RNN and JAX, all on the same cores and in turn.

Size of the copy task: 72 units, batch 64, 8 input and 100 free steps. A training step is forward run,
loss and gradient; 10 networks take STEPS of them. torch.nn.RNN runs network by network in two ways:
each on all threads, which is what torch does by itself, and one Python thread a core, which is faster.
JAX runs all networks at once (vmap, scan, jit); ours one process a core, as in training.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import torch
from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits

from schur_lib import Network, rollout
from schur_lib.rollout import one_blas_thread
from schur_lib.training import _keep_freed_memory

N, B, T, CHANNELS, NETWORKS, MATRICES, STEPS, REPEATS = 72, 64, 108, 8, 10, 64, 20, 7
WORK = 2 * T * B * N * N  # of one forward run; a training step takes three times as much


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
    _keep_freed_memory()
    networks = [Network.from_torch(*pair) for pair in modules()]
    for net in networks:
        for tensor in net.tensors().values():
            tensor.requires_grad_()
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


def jax_peer(folder):
    """A process that takes JAX steps on demand: write a line, read the seconds; None without JAX."""
    if not (Path(folder) / "jax").exists():
        return None
    script = Path(__file__).with_name("jax_peer.py")
    process = subprocess.Popen(
        [sys.executable, str(script), *map(str, (N, B, T, CHANNELS, NETWORKS, STEPS))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(folder), "OMP_NUM_THREADS": ""},
    )
    print("JAX", process.stdout.readline().strip(), flush=True)
    return process


def measure(peers_folder):
    """Seconds of every candidate in every repeat, and the version of JAX or None."""
    cores = os.cpu_count()
    inputs, targets = batch()
    peers, pool = modules(), ThreadPoolExecutor(cores)
    rnn, readout = peers[0]
    net = Network.from_torch(rnn, readout)
    stack = torch.linalg.qr(torch.randn(MATRICES, N, N)).Q.contiguous()
    factors = torch.randn(T, B, N), torch.randn(T, N, N)
    workers = Parallel(n_jobs=cores)
    shares = [range(i, NETWORKS, cores) for i in range(cores)]

    def torch_steps(pair):
        rnn, readout = pair
        for _ in range(STEPS):
            rnn.zero_grad()
            (readout(rnn(inputs)[0]) - targets).square().mean().backward()

    def train_torch_threads():
        torch.set_num_threads(cores)
        for pair in peers:
            torch_steps(pair)

    def train_torch_pool():
        torch.set_num_threads(1)
        list(pool.map(torch_steps, peers))

    def train_ours():
        workers(delayed(our_steps)(share) for share in shares)

    def train_ours_one_core():
        Parallel(n_jobs=1)([delayed(our_steps)(range(NETWORKS))])

    @torch.no_grad()
    def torch_rollouts(matrices):
        other = torch.nn.RNN(CHANNELS, N, bias=False)
        other.weight_ih_l0.copy_(rnn.weight_ih_l0)
        for W in matrices:
            other.weight_hh_l0.copy_(W)
            readout(other(inputs)[0])

    def roll_torch_threads():
        torch.set_num_threads(cores)
        torch_rollouts(stack)

    def roll_torch_pool():
        torch.set_num_threads(1)
        list(pool.map(torch_rollouts, stack.split(-(-MATRICES // cores))))

    def roll_ours():
        torch.set_num_threads(cores)
        rollout(net, inputs[:8], W_hh=stack, free_steps=T - 8)

    def roll_ours_one_core():
        torch.set_num_threads(1)
        rollout(net, inputs[:8], W_hh=stack, free_steps=T - 8)

    def product():
        torch.set_num_threads(1)
        for _ in range(20):
            torch.bmm(*factors)

    candidates = (
        train_ours, train_torch_threads, train_torch_pool, train_ours_one_core, product,
        roll_ours, roll_torch_threads, roll_torch_pool, roll_ours_one_core, product,
    )  # fmt: skip
    jax = jax_peer(peers_folder)
    times = {f.__name__: [] for f in candidates} | ({"train_jax": []} if jax else {})
    with threadpool_limits(1, "blas"), workers:  # torch's own threads are not counted among these
        for _ in range(REPEATS + 1):  # the first warms up
            if jax:
                jax.stdin.write("go\n")
                jax.stdin.flush()
                times["train_jax"].append(float(jax.stdout.readline()))
            for function in candidates:
                start = time.perf_counter()
                function()
                times[function.__name__].append(time.perf_counter() - start)
    torch.set_num_threads(cores)
    if jax:
        jax.stdin.close()
        jax.wait()
    # the product stands twice in a round
    times["product"] = [min(pair) for pair in zip(*[iter(times["product"])] * 2, strict=True)]
    return {name: values[1:] for name, values in times.items()}


def ratios(times):
    """(what, target, at least or at most, one ratio a repeat) for every target of this file."""
    def beside(slow, quick, factor=1.0):
        return [
            factor * a / b for a, b in zip(times[slow], times[quick], strict=True)
        ]

    rows = [
        (f"training step of {NETWORKS} networks: time of torch.nn.RNN / ours", 5.0,
         beside("train_torch_threads", "train_ours")),
        (f"training step of {NETWORKS} networks: time of torch.nn.RNN, one network a core / ours", 5.0,
         beside("train_torch_pool", "train_ours")),
        (f"rollouts of {MATRICES} matrices: time of torch.nn.RNN / ours", 3.5,
         beside("roll_torch_threads", "roll_ours")),
        (f"rollouts of {MATRICES} matrices: time of torch.nn.RNN, a share a core / ours", 3.5,
         beside("roll_torch_pool", "roll_ours")),
        ("training step on one core: rate / rate of the bare matrix product", 0.75,
         beside("product", "train_ours_one_core", 3 * NETWORKS * STEPS / 20)),
        ("rollouts on one core: rate / rate of the bare matrix product", 0.75,
         beside("product", "roll_ours_one_core", MATRICES / 20)),
        (f"training step: time on one core / on {os.cpu_count()}", 1.8,
         beside("train_ours_one_core", "train_ours")),
        (f"rollouts: time on one core / on {os.cpu_count()}", 1.8,
         beside("roll_ours_one_core", "roll_ours")),
    ]  # fmt: skip
    if "train_jax" in times:
        what = f"training step of {NETWORKS} networks: time of JAX / ours"
        rows.insert(2, (what, 4.0, beside("train_jax", "train_ours")))
    return rows


def rates(times):
    """GFLOP/s by name."""
    work = {
        "matrix product alone, one core": ("product", 20),
        "training step, one core": ("train_ours_one_core", 3 * NETWORKS * STEPS),
        "training step, all cores": ("train_ours", 3 * NETWORKS * STEPS),
        "rollouts, one core": ("roll_ours_one_core", MATRICES),
        "rollouts, all cores": ("roll_ours", MATRICES),
    }
    return {
        name: runs * WORK / statistics.median(times[key]) / 1e9
        for name, (key, runs) in work.items()
    }


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1]), indent=1))
