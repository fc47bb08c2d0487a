"""Time against hidden size, length, batch and number of matrices, one quantity varied at a time."""

import statistics
import time

import torch

from schur_lib import Network, rollout

BASE = {"hidden_size": 72, "length": 108, "batch": 64, "matrices": 16}
VALUES = {
    "hidden_size": (16, 32, 64, 128, 256, 512, 1024),
    "length": (25, 50, 100, 200, 400, 800),
    "batch": (16, 32, 64, 128, 256, 512, 1024),
    "matrices": (1, 2, 4, 8, 16, 32, 64, 128, 256),
}
REPEATS = 5


def one(hidden_size, length, batch, matrices, what):
    """Median, lowest and highest seconds: of one training step, or of the rollouts of all matrices."""
    torch.manual_seed(0)
    W = torch.linalg.qr(torch.randn(hidden_size, hidden_size)).Q.contiguous()
    net = Network(torch.randn(hidden_size, 8) / 8, W, torch.randn(8, hidden_size) / hidden_size)
    inputs, targets = torch.randn(length, batch, 8), torch.randn(length, batch, 8)
    leaves = [tensor.requires_grad_() for tensor in net.tensors().values()]
    if what == "rollouts":
        stack = (W.detach() * torch.linspace(0.9, 1, matrices)[:, None, None]).contiguous()
    seconds = []
    for _ in range(REPEATS + 1):
        start = time.perf_counter()
        if what == "rollouts":
            with torch.no_grad():
                rollout(net, inputs, W_hh=stack)
        else:
            torch.autograd.grad((rollout(net, inputs) - targets).square().mean(), leaves)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[1:]), min(seconds[1:]), max(seconds[1:])


def rows():
    """One dict a point of the curves."""
    made = []
    for varied, values in VALUES.items():
        kinds = ("rollouts",) if varied == "matrices" else ("training step", "rollouts")
        for what in kinds:
            for value in values:
                size = {**BASE, varied: value}
                if what == "rollouts" and varied != "matrices":
                    size["matrices"] = 2  # one a core
                median, lowest, highest = one(**size, what=what)
                runs = size["matrices"] if what == "rollouts" else 3
                work = 2 * runs * size["length"] * size["batch"] * size["hidden_size"] ** 2
                made.append(
                    {
                        "varied": varied, "value": value, "what": what, **size,
                        "seconds": round(median, 6), "lowest": round(lowest, 6),
                        "highest": round(highest, 6), "gflops": round(work / median / 1e9, 2),
                    }
                )  # fmt: skip
        print(f"growth with the {varied.replace('_', ' ')}: measured", flush=True)
    return made
