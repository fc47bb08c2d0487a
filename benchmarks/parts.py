"""Where the time of a complete training step goes: its parts by themselves, on one core, and what is left.

Size of the copy task, as in `speed.py`. The products are timed with the shapes that a step has, in cache.
"""

import statistics
import time

import numpy as np
import torch
from numba import njit

from benchmarks.speed import CHANNELS, TRAINED, B, N, T, complete_steps, our_networks
from schur_lib import kernels, tasks
from schur_lib.dynamics import one_blas_thread

ROUNDS = 31


@njit(nogil=True)
def products(A, B, beta, C, n):
    for _ in range(n):
        kernels.product(A, B, beta, C)


@njit(nogil=True)
def tanhs(a, n):
    for _ in range(n):
        kernels.tanh_in_place(a)


def rows():
    """One dict a part: median processor seconds a step and their share of a complete one."""
    L = N + CHANNELS
    rng = np.random.default_rng(0)
    h, a, d, S = (rng.standard_normal(shape).astype("f") / L for shape in ((B, L), (B, L), (B, L), (L, L)))
    dS, flat = np.zeros_like(S), [rng.standard_normal(S.size).astype("f") ** 2 for _ in range(4)]
    task, data = tasks.copy(horizon=T - 8), torch.Generator().manual_seed(0)
    (matrices, written), (x, y) = our_networks(), (part.numpy() for part in task.sample(B, data))
    torch.set_num_threads(1)
    parts = {
        "products: states and outputs": lambda: products(h[:, :N], S[:N], 0.0, a, T),
        "products: gradients by states": lambda: products(d, S[:, :N], 0.0, a[:, :N], T),
        "products: gradients by weights": lambda: products(d.T, h[:, :N], 1.0, dS[:, :N], T),
        "tanh": lambda: tanhs(a, T),
        "sampling": lambda: task.sample(B, data),
        "clipping and Adam": lambda: kernels.adam(*flat, 5, 1e-3, 1.0),
        "loss and gradients": lambda: kernels.loss_and_gradient(x, y, matrices[0], *written),
        "complete step": lambda: complete_steps([0]),
    }
    times = {name: [] for name in parts}
    with one_blas_thread():
        for number in range(ROUNDS + 1):
            for name in list(parts)[:: 1 if number % 2 else -1]:
                if name == "complete step" and number % 4:
                    continue
                dS[:] = 0
                start = time.process_time()
                parts[name]()
                times[name].append(time.process_time() - start)
    seconds = {name: statistics.median(values[1:]) for name, values in times.items()}
    seconds["complete step"] /= TRAINED
    inside = [name for name in seconds if name.startswith(("products", "tanh"))]
    seconds["rest of loss and gradients"] = seconds.pop("loss and gradients") - sum(
        seconds[name] for name in inside
    )
    whole = seconds.pop("complete step")
    seconds["rest of the step"] = whole - sum(seconds.values())
    print("parts of a training step: measured", flush=True)
    return [
        {"part": name, "seconds": round(value, 7), "share": round(value / whole, 4)}
        for name, value in [*seconds.items(), ("complete step", whole)]
    ]
