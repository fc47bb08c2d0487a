"""Time of the ordered real Schur form against scipy.linalg.schur, which does not order.

    python benchmarks/schur_form.py [--json PATH]

Both are timed in turn, in one process and on one BLAS thread; the target is a ratio of at most 3.
The times are processor times, so that other work on the machine does not fall on either side.
"""

import argparse
import json
import platform
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import scipy
from threadpoolctl import threadpool_limits

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from schur_lib.schur import ordered_schur  # noqa: E402

REPEATS = {72: 41, 256: 11, 512: 7, 1024: 3}
TARGET = 3.0


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
        "scipy_seconds": statistics.median(scipy_times),
        "ordered_seconds": statistics.median(our_times),
        "ratio": statistics.median(np.divide(our_times, scipy_times).tolist()),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="also save the table to this file")
    path = parser.parse_args().json

    rows = []
    print(f"{'matrix':>22} {'N':>5} {'scipy ms':>10} {'ordered ms':>11} {'ratio':>6}")
    with threadpool_limits(1):
        ordered_schur(np.eye(4))
        for make in (gaussian, uniform, orthogonal_plus_noise):
            for N, repeats in REPEATS.items():
                row = measure(make, N, repeats)
                rows.append(row)
                times = f"{1e3 * row['scipy_seconds']:10.2f} {1e3 * row['ordered_seconds']:11.2f}"
                print(f"{row['matrix']:>22} {N:5d} {times} {row['ratio']:6.2f}", flush=True)
    worst = max(row["ratio"] for row in rows)
    print(f"worst ratio {worst:.2f}, target {TARGET:.0f}: {'met' if worst <= TARGET else 'MISSED'}")
    if path:
        versions = {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "scipy": scipy.__version__,
        }
        path.write_text(
            json.dumps(
                {
                    "machine": platform.machine(),
                    "versions": versions,
                    "target": TARGET,
                    "rows": rows,
                },
                indent=2,
            )
            + "\n"
        )


if __name__ == "__main__":
    main()
