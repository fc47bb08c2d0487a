"""Time of the ordered real Schur form against scipy.linalg.schur, which does not order.

Both are timed in turn, in one process and on one BLAS thread; the target is a ratio of at most 3.
The times are processor times, so that other work on the machine does not fall on either side.
"""

import statistics
import time

import numpy as np
import scipy
from threadpoolctl import threadpool_limits

from schur_lib.schur import ordered_schur

REPEATS = {72: 41, 256: 11, 512: 7, 1024: 3}


def gaussian(N, rng):
    return rng.standard_normal((N, N)) / N**0.5


def uniform(N, rng):
    return rng.uniform(-1, 1, (N, N)) / N**0.5


def orthogonal_plus_noise(N, rng):
    """As the trained networks: moduli near 1 in no particular order, the worst case here."""
    return np.linalg.qr(rng.standard_normal((N, N)))[0] + 0.3 * gaussian(N, rng)


def seconds(function, W):
    start = time.process_time()
    function(W)
    return time.process_time() - start


def measure(make, N, repeats):
    rng = np.random.default_rng(N)
    scipy_times, our_times = [], []
    for _ in range(repeats):
        W = make(N, rng)
        scipy_times.append(seconds(scipy.linalg.schur, W))
        our_times.append(seconds(ordered_schur, W))
    return {
        "matrix": make.__name__,
        "N": N,
        "repeats": repeats,
        "scipy_seconds": round(statistics.median(scipy_times), 6),
        "ordered_seconds": round(statistics.median(our_times), 6),
        "ratio": round(statistics.median(np.divide(our_times, scipy_times).tolist()), 3),
    }


def rows():
    """One dict a kind and size of matrix."""
    made = []
    with threadpool_limits(1):
        ordered_schur(np.eye(4))
        for make in (gaussian, uniform, orthogonal_plus_noise):
            for N, repeats in REPEATS.items():
                made.append(measure(make, N, repeats))
                row = made[-1]
                print(f"Schur form, {row['matrix']}, N = {N}: {row['ratio']:.2f}", flush=True)
    return made
