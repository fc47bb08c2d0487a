"""Time of training steps and of rollouts against torch.nn.RNN, both on all cores.

    python benchmarks/rollouts.py [--json PATH]

Size of the copy task: 72 units, batch 64, 8 input and 100 free steps. Each peer gets its best case:
torch.nn.RNN runs network by network on all threads, ours one network a core. All are timed in turn,
in one process, and the medians of the ratios are printed, with the rate of the bare matrix product.
"""

import argparse
import json
import os
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from threadpoolctl import threadpool_limits

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from schur_lib import Network, rollout  # noqa: E402

N, B, T, CHANNELS, NETWORKS, MATRICES, REPEATS = 72, 64, 108, 8, 10, 64, 9


def peers():
    """Ten networks as torch modules, and the same as ours with gradients."""
    torch.manual_seed(0)
    modules = []
    for _ in range(NETWORKS):
        rnn, readout = (
            torch.nn.RNN(CHANNELS, N, bias=False),
            torch.nn.Linear(N, CHANNELS, bias=False),
        )
        torch.nn.init.orthogonal_(rnn.weight_hh_l0)
        modules.append((rnn, readout))
    networks = [Network.from_torch(*module) for module in modules]
    for net in networks:
        for tensor in net.tensors().values():
            tensor.requires_grad_()
    return modules, networks


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="also save the figures to this file")
    path = parser.parse_args().json
    cores = os.cpu_count()
    torch.set_num_threads(cores)
    modules, networks = peers()
    inputs = torch.zeros(T, B, CHANNELS)
    inputs[:8] = torch.sign(torch.randn(8, B, CHANNELS))
    targets = torch.sign(torch.randn(T, B, CHANNELS))
    net = networks[0]
    frozen = Network(*(t.detach() for t in (net.W_xh, net.W_hh, net.W_hy)))
    stack = torch.linalg.qr(torch.randn(MATRICES, N, N)).Q.contiguous()
    big = torch.randn(64, B, N), torch.randn(64, N, N)
    pool = ThreadPoolExecutor(cores)

    def train_torch():
        for rnn, readout in modules:
            (readout(rnn(inputs)[0]) - targets).square().mean().backward()

    def one_step(net):
        (rollout(net, inputs[:8], free_steps=T - 8) - targets).square().mean().backward()

    def train_ours():
        list(pool.map(one_step, networks))

    @torch.no_grad()
    def roll_torch():
        rnn, readout = modules[0]
        kept = rnn.weight_hh_l0.clone()
        for W in stack:
            rnn.weight_hh_l0.copy_(W)
            readout(rnn(inputs)[0])
        rnn.weight_hh_l0.copy_(kept)

    def roll_ours():
        rollout(frozen, inputs[:8], W_hh=stack, free_steps=T - 8)

    def product():
        torch.bmm(*big)

    functions = (train_torch, train_ours, roll_torch, roll_ours, product)
    times = {f.__name__: [] for f in functions}
    with threadpool_limits(1, "blas"):  # torch's own threads are not counted among these
        for repeat in range(REPEATS + 1):
            for function in functions:
                start = time.perf_counter()
                function()
                if repeat:
                    times[function.__name__].append(time.perf_counter() - start)
    work = 2 * T * B * N * N
    rates = {
        "training step, ours": 3 * NETWORKS * work / statistics.median(times["train_ours"]),
        "rollouts, ours": MATRICES * work / statistics.median(times["roll_ours"]),
        "bmm": 2 * 64 * B * N * N / statistics.median(times["product"]),
    }
    ratios = {
        f"training step of {NETWORKS} networks, torch.nn.RNN / ours": ("train_torch", "train_ours"),
        f"rollouts of {MATRICES} matrices, torch.nn.RNN / ours": ("roll_torch", "roll_ours"),
    }
    result = {"cores": cores}
    for label, (slow, quick) in ratios.items():
        pairs = zip(times[slow], times[quick], strict=True)
        result[label] = statistics.median(a / b for a, b in pairs)
        print(f"{label}: {result[label]:.2f}")
    for label, rate in rates.items():
        result[f"{label}, GFLOP/s on {cores} cores"] = rate / 1e9
        print(f"{label}: {rate / 1e9:.0f} GFLOP/s on {cores} cores")
    if path:
        path.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
