"""Intervals of a mean over trials or networks."""

import numpy as np
from numpy.typing import ArrayLike


def interval(values: ArrayLike, n_draws: int = 2000, seed: int = 0) -> tuple[float, float]:
    """95 % percentile bootstrap interval of a mean.

    Args:
        values: (B,), independent.
        n_draws: resamples.
        seed: of the resamples.

    Returns:
        (low, high); NaN where there are fewer than two values or some are not finite.
    """
    values = np.asarray(values, dtype=float)
    if len(values) < 2 or not np.isfinite(values).all():
        return float("nan"), float("nan")
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(len(values), np.full(len(values), 1 / len(values)), size=n_draws)
    low, high = np.quantile(counts @ values / len(values), [0.025, 0.975])
    return float(low), float(high)
