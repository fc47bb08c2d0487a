"""Time of the ordered real Schur form against scipy.linalg.schur, which does not order.

Both run on the same matrices, in one process and on one BLAS thread, first the one and then the other in
turn. The times are processor times, so that other work on the machine does not fall on either side.
"""

import statistics
import time

import numpy as np
import scipy
from threadpoolctl import threadpool_limits

from schur_lib.schur import ordered_schur

REPEATS = {72: 61, 256: 11, 512: 5, 1024: 3}
GOALS = {72: 1.35, 256: 1.35, 512: 1.2, 1024: 1.2}  # at most


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
    times = {scipy.linalg.schur: [], ordered_schur: []}
    for number in range(repeats):
        W = make(N, rng)
        for function in list(times)[:: 1 if number % 2 else -1]:
            times[function].append(seconds(function, W))
    theirs, ours = times.values()
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    return {
        "matrix": make.__name__,
        "N": N,
        "repeats": repeats,
        "scipy_seconds": round(statistics.median(theirs), 6),
        "ordered_seconds": round(statistics.median(ours), 6),
        "ratio": round(statistics.median(ratios), 3),
        "lowest": round(min(ratios), 3),
        "highest": round(max(ratios), 3),
    }


def rows():
    """One dict a kind and size of matrix."""
    made = []
    with threadpool_limits(1):
        for function in (scipy.linalg.schur, ordered_schur):
            function(np.eye(4))
        for make in (gaussian, uniform, orthogonal_plus_noise):
            for N, repeats in REPEATS.items():
                made.append(measure(make, N, repeats))
                row = made[-1]
                print(f"Schur form, {row['matrix']}, N = {N}: {row['ratio']:.2f}", flush=True)
    return made


def target_rows(table):
    """One dict a size: the slowest kind of matrix, its median ratio and the range over repeats."""
    made = []
    for N in REPEATS:
        row = max((row for row in table if row["N"] == N), key=lambda row: row["ratio"])
        what = f"Ordered Schur form, N = {N}, slowest kind of matrix: time / scipy.linalg.schur"
        made.append((f"schur_{N}", "target", what, GOALS[N], (row["lowest"], row["ratio"], row["highest"])))
    return made
