"""Time against hidden size, length, batch and number of networks, one quantity varied at a time.

Hidden size, length and batch: one network on one core. Number of networks: all at once on two cores, in
training one process a core that takes several steps of each, in rollouts as one stack of matrices.
"""

import statistics
import time
from functools import cache

import numpy as np
import torch
from joblib import Parallel, delayed

from benchmarks.speed import CORES
from schur_lib import Network, kernels, rollout
from schur_lib.dynamics import one_blas_thread

BASE = {"hidden_size": 72, "length": 108, "batch": 64, "networks": 1}
VALUES = {
    "hidden_size": (16, 32, 64, 128, 256, 512, 1024),
    "length": (25, 50, 100, 200, 500, 1000),
    "batch": (16, 32, 64, 128, 256, 512, 1024),
    "networks": (1, 2, 4, 8, 16, 32, 64, 128),
}
LEAST_REPEATS, LEAST_SECONDS, MOST_REPEATS = 5, 0.3, 101
CHANNELS, STEPS = 8, 10  # steps of a network at a time, where networks are shared among processes


@cache
def make(hidden_size, length, batch):
    torch.manual_seed(0)
    W = torch.linalg.qr(torch.randn(hidden_size, hidden_size)).Q.contiguous()
    readout = torch.randn(CHANNELS, hidden_size) / hidden_size
    net = Network(torch.randn(hidden_size, CHANNELS) / CHANNELS, W, readout)
    return net, torch.randn(length, batch, CHANNELS), torch.randn(length, batch, CHANNELS)


@cache
def arrays(*size):
    """What the kernel of a training step reads and writes."""
    net, inputs, targets = make(*size)
    N, (T, B, _) = net.hidden_size, inputs.shape
    S = np.zeros((N + CHANNELS, N + CHANNELS), "f")
    S[:N, :N], S[:N, N:], S[N:, :N] = net.W_hh, net.W_xh, net.W_hy
    written = np.empty((T + 1, B, N + CHANNELS), "f"), np.empty((T, B, CHANNELS), "f"), np.empty_like(S)
    return inputs.numpy(), targets.numpy(), S, *written


def steps(count, *size):
    """Training steps on one core: forward run, loss and gradients."""
    torch.set_num_threads(1)
    with one_blas_thread():
        for _ in range(count):
            kernels.loss_and_gradient(*arrays(*size))


def run_of(what, hidden_size, length, batch, networks, workers):
    """What is timed, as a function without arguments, and how often it does it."""
    size = hidden_size, length, batch
    if what == "training step":
        if networks == 1:
            return (lambda: steps(1, *size)), 1
        shares = [len(range(i, networks, CORES)) * STEPS for i in range(CORES)]
        return (lambda: workers(delayed(steps)(share, *size) for share in shares)), STEPS
    net, inputs, _ = make(*size)
    scales = torch.linspace(0.9, 1, networks)[:, None, None]
    stack = (net.W_hh * scales).contiguous()

    def rollouts():
        torch.set_num_threads(min(networks, CORES))
        rollout(net, inputs, W_hh=stack)

    return rollouts, 1


def seconds(function, times_a_call):
    """Of every repeat but the first: at least five, and more where they are short."""
    function()
    times = []
    while len(times) < LEAST_REPEATS or (sum(times) < LEAST_SECONDS and len(times) < MOST_REPEATS):
        start = time.perf_counter()
        function()
        times.append((time.perf_counter() - start) / times_a_call)
    return times


def rows():
    """One dict a point of the curves."""
    made = []
    with Parallel(n_jobs=CORES) as workers:
        for varied, values in VALUES.items():
            for what in ("training step", "rollouts"):
                for value in values:
                    size = {**BASE, varied: value}
                    times = seconds(*run_of(what, **size, workers=workers))
                    median = statistics.median(times)
                    runs = size["networks"] * (3 if what == "training step" else 1)
                    flop = 2 * runs * size["length"] * size["batch"] * size["hidden_size"] ** 2
                    made.append(
                        {
                            "varied": varied, "value": value, "what": what, **size,
                            "cores": min(size["networks"], CORES), "repeats": len(times),
                            "seconds": round(median, 7), "lowest": round(min(times), 7),
                            "highest": round(max(times), 7),
                            "gflops": round(flop / median / 1e9, 2),
                        }
                    )  # fmt: skip
            print(f"growth with the {varied.replace('_', ' ')}: measured", flush=True)
    return made
