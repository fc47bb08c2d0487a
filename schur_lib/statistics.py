"""Statistics over networks: each trained network is one observation, whatever its trials.

Intervals, paired tests and effect sizes come from scipy.stats. Fewer than three networks give no
interval (NaN), because a bootstrap of two values says nothing.
"""

import warnings
from collections.abc import Callable, Sequence

import numpy as np
from scipy import stats

RESAMPLES = 9999
# All sign patterns are counted up to this many networks; beyond, RESAMPLES of them are drawn.
EXACT = 13


def interval(
    values: Sequence[float],
    statistic: Callable = np.mean,
    confidence: float = 0.95,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> tuple[float, float]:
    """Bootstrap confidence interval over networks, bias-corrected and accelerated (BCa).

    Efron, Better bootstrap confidence intervals, JASA 82 (1987); scipy.stats.bootstrap.

    Args:
        values: (n,), one a network; NaN are left out.
        statistic: of (…, n) along `axis`, such as np.mean or np.median.
        confidence: in (0, 1).
        seed: of the resamples.
        resamples: how many; fewer for a statistic that is slow.

    Returns:
        (low, high): NaN for fewer than three values, the value itself where all are equal.

    Raises:
        ValueError: confidence is not in (0, 1), or the values are not one-dimensional.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be in (0, 1), got {confidence!r}")
    values = _finite(values)
    if len(values) < 3:
        return float("nan"), float("nan")
    if np.ptp(values) == 0:
        return float(values[0]), float(values[0])
    options = {"confidence_level": confidence, "n_resamples": resamples, "vectorized": True}
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        # BCa is undefined where leaving out one value never changes the statistic, as with a median.
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        found = _bootstrap(values, statistic, "BCa", seed, options)
        if not np.isfinite(found).all():
            found = _bootstrap(values, statistic, "percentile", seed, options)
    return float(found[0]), float(found[1])


def sign_flip(differences: Sequence[float], seed: int = 0) -> float:
    """Two-sided p of the paired permutation test: is the mean difference over networks zero?

    Under the null hypothesis each difference is as likely with the other sign. With n networks no p
    can be below 2^(1−n): 0.25 for three, 0.002 for ten.

    Args:
        differences: (n,), one a network; NaN are left out.
        seed: of the drawn sign patterns, where there are too many to count all.

    Returns:
        p in (0, 1]; NaN without any value.
    """
    differences = _finite(differences)
    if not len(differences):
        return float("nan")
    if not differences.any():
        return 1.0
    if len(differences) == 1:
        return 1.0  # both signs are equally extreme; scipy asks for two values
    test = stats.permutation_test(
        (differences,),
        np.mean,
        permutation_type="samples",
        n_resamples=np.inf if len(differences) <= EXACT else RESAMPLES,
        vectorized=True,
        rng=np.random.default_rng(seed),
    )
    return float(test.pvalue)


def effect_size(differences: Sequence[float]) -> float:
    """Paired effect size d_z = mean / SD of the differences over networks (Cohen, 1988).

    Args:
        differences: (n,), one a network; NaN are left out.

    Returns:
        d_z; NaN for fewer than two values, or where they do not vary.
    """
    differences = _finite(differences)
    if len(differences) < 2 or np.ptp(differences) == 0:
        return float("nan")
    return float(differences.mean() / differences.std(ddof=1))


def dominance(values: Sequence[float], reference: float) -> float:
    """Cliff's δ of a sample against one value: share above it minus share below it.

    Args:
        values: (n,), n ≥ 1, without NaN.
        reference: the value.

    Returns:
        In [−1, 1]: 1 where every value is larger, 0 where as many are larger as smaller.
    """
    values = np.asarray(values, dtype=float)
    return float(np.mean(values > reference) - np.mean(values < reference))


def holm(p: Sequence[float]) -> np.ndarray:
    """p-values corrected for the number of tests (Holm, Scand. J. Statist. 6, 1979).

    With p₍₁₎ ≤ … ≤ p₍m₎ the corrected value of p₍ᵢ₎ is max over j ≤ i of min(1, (m − j + 1) p₍ⱼ₎).

    Args:
        p: (m,), NaN where a test was not possible; these do not count.

    Returns:
        (m,) in the order of p.

    Raises:
        ValueError: a p-value is not in [0, 1].
    """
    p = np.asarray(p, dtype=float)
    tested = np.flatnonzero(~np.isnan(p))
    if ((p[tested] < 0) | (p[tested] > 1)).any():
        raise ValueError(f"p-values must be in [0, 1], got {p.tolist()}")
    order = tested[np.argsort(p[tested], kind="stable")]
    corrected = p.copy()
    steps = (len(order) - np.arange(len(order))) * p[order]
    corrected[order] = np.minimum(1, np.maximum.accumulate(steps))
    return corrected


def _finite(values):
    values = np.asarray(values, dtype=float)
    if values.ndim != 1:
        raise ValueError(f"values must be (n,), one a network, got shape {values.shape}")
    return values[~np.isnan(values)]


def _bootstrap(values, statistic, method, seed, options):
    found = stats.bootstrap(
        (values,), statistic, method=method, rng=np.random.default_rng(seed), **options
    )
    return tuple(found.confidence_interval)
