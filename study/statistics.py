"""Statistics over networks: each trained network is one observation, whatever its trials.

Intervals, paired tests and effect sizes come from scipy.stats. No interval is given for fewer than FEWEST
networks: a bootstrap of three covers 63–79 % where it says 95 %, and the exact interval of a median does not
exist below six.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import stats

NETWORK = ["task", "construction", "hidden_size", "seed"]

FEWEST = 6
RESAMPLES = 1999
# All sign patterns are counted up to this many networks; beyond, some are drawn.
EXACT = 13
DRAWN = 9999
NONE = (float("nan"), float("nan"))


def mean_interval(values: Sequence[float], level: float = 0.95) -> tuple[float, float]:
    """Student's t interval of a mean over networks; NaN for fewer than FEWEST.

    Args:
        values: (n,), one a network, without NaN.
        level: of confidence.
    """
    values = _checked(values)
    if len(values) < FEWEST:
        return NONE
    half = stats.t.ppf((1 + level) / 2, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return float(values.mean() - half), float(values.mean() + half)


def median_interval(values: Sequence[float], level: float = 0.95) -> tuple[float, float]:
    """Exact interval of a median: two order statistics, whatever the distribution; NaN for fewer than FEWEST.

    The k-th lowest and the k-th highest value hold the median between them with probability
    1 − 2 P(Binomial(n, ½) < k); k is the largest for which that is at least the level.
    """
    values = np.sort(_checked(values))
    n = len(values)
    if n < FEWEST:
        return NONE
    k = int((2 * stats.binom.cdf(np.arange(n // 2 + 1), n, 0.5) <= 1 - level).sum())
    return (float(values[k - 1]), float(values[-k])) if k else NONE


def share_interval(values: Sequence[bool], level: float = 0.95) -> tuple[float, float]:
    """Exact interval of a share of networks (Clopper and Pearson, Biometrika 26, 1934); NaN below FEWEST."""
    values = _checked(values)
    if len(values) < FEWEST:
        return NONE
    found = stats.binomtest(int(values.sum()), len(values)).proportion_ci(level, "exact")
    return float(found.low), float(found.high)


def prediction_interval(values: Sequence[float], m: int = 1, level: float = 0.95) -> tuple[float, float]:
    """Where the mean of m further networks lies, if they are like these: mean ± t s √(1/m + 1/n)."""
    values = _checked(values)
    n = len(values)
    if n < FEWEST:
        return NONE
    half = stats.t.ppf((1 + level) / 2, n - 1) * values.std(ddof=1) * np.sqrt(1 / m + 1 / n)
    return float(values.mean() - half), float(values.mean() + half)


def joint_p(values: Sequence[Sequence[float]], new: Sequence[float], m: int = 1) -> float:
    """p of several numbers at once: is the mean of m further networks among these (Hotelling's T²)?

    T² = d S⁻¹ d / (1/m + 1/n) with d = new − mean; T² (n − k) / (k (n − 1)) is F with k and n − k degrees.

    Args:
        values: (n, k), one row a network.
        new: (k,).
        m: over how many networks `new` is a mean.
    Returns:
        p in [0, 1]; NaN for fewer than FEWEST networks, or where their values do not vary in every direction.
    """
    values = np.asarray(values, dtype=float)
    n, k = values.shape
    if n < max(FEWEST, k + 2) or np.linalg.matrix_rank(values - values.mean(0)) < k:
        return float("nan")
    d = np.asarray(new, dtype=float) - values.mean(0)
    squared = d @ np.linalg.solve(np.atleast_2d(np.cov(values.T)), d) / (1 / m + 1 / n)
    return float(stats.f.sf(squared * (n - k) / (k * (n - 1)), k, n - k))


def bootstrap_interval(statistic: Callable, *samples: Sequence) -> tuple[float, float]:
    """95 % percentile bootstrap of a statistic that has no interval of its own, such as an R².

    Args:
        statistic: function of as many 1-D arrays as there are samples.
        samples: (n,) each: the numbers of networks, where the statistic looks its rows up. Several, such as
            the networks of different tasks, are resampled each on its own.

    Returns:
        (low, high), from a fixed seed; NaN if a sample holds fewer than FEWEST networks.
    """
    samples = [_checked(sample) for sample in samples]
    if min(map(len, samples)) < FEWEST:
        return NONE
    found = stats.bootstrap(
        samples, statistic, vectorized=False, n_resamples=RESAMPLES, method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval  # fmt: skip
    return float(found.low), float(found.high)


def sign_flip(differences: Sequence[float], seed: int = 0) -> float:
    """Two-sided p of the paired permutation test: is the mean difference over networks zero?

    Under the null hypothesis each difference is as likely with the other sign. With n networks no p
    can be below 2^(1−n): 0.25 for three, 0.002 for ten.

    Args:
        differences: (n,), one a network, without NaN.
        seed: of the drawn sign patterns, where there are too many to count all.

    Returns:
        p in (0, 1]; NaN without any value.
    """
    differences = _checked(differences)
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
        n_resamples=np.inf if len(differences) <= EXACT else DRAWN,
        vectorized=True,
        rng=np.random.default_rng(seed),
    )
    return float(test.pvalue)


def effect_size(differences: Sequence[float]) -> float:
    """Paired effect size d_z = mean / SD of the differences over networks (Cohen, 1988).

    Args:
        differences: (n,), one a network, without NaN.

    Returns:
        d_z; NaN for fewer than two values, or where they do not vary.
    """
    differences = _checked(differences)
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


def explained(table: pd.DataFrame, outcome: str, accounts: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """How much of the variance of an effect's rank each account explains, over networks.

    R² of a least-squares fit of the outcome's rank on the ranks of numbers and on indicators of
    names. Ranks, because effects span orders of magnitude and a few may be negative, so that neither
    the raw nor the log scale gives each row a fair weight.

    Args:
        table: NETWORK columns, the outcome and the predictors; several rows a network.
        outcome: column of numbers.
        accounts: columns by account; "removed × task" is each combination of two.

    Returns:
        One row an account: `account`, `r2` with the bootstrap interval over networks (each task's
        resampled on its own) in `low` and `high`, `unseen` (R² for the rows of a network that was
        left out of the fit; below 0 where a constant would do better), `parameters` (beside the
        constant). NaN where the outcome does not vary.
    """
    y = table[outcome].rank().to_numpy()
    network = table.groupby(NETWORK, sort=False).ngroup().to_numpy()
    n = network.max() + 1
    numbers = [np.unique(network[rows]) for rows in table.groupby("task").indices.values()]
    rows = []
    for account, columns in accounts.items():
        X = _design(table, columns)
        parameters = X.shape[1] - 1

        def r2(*drawn, X=X):
            counts = np.bincount(np.concatenate(drawn).astype(int), minlength=n)
            return _r2(X, y, counts[network])

        low, high = bootstrap_interval(r2, *numbers)
        unseen = _unseen(X, y, network) if n > 1 else float("nan")
        rows.append((account, r2(*numbers), low, high, unseen, parameters))
    return pd.DataFrame(rows, columns=["account", "r2", "low", "high", "unseen", "parameters"])


def _design(table, columns):
    parts = [np.ones((len(table), 1))]
    for column in columns:
        names = column.split(" × ")
        if len(names) == 1 and pd.api.types.is_numeric_dtype(table[column]):
            parts.append(table[[column]].rank().to_numpy())
        else:
            joined = table[names].astype(str).agg(" ".join, axis=1)
            parts.append(pd.get_dummies(joined).to_numpy(dtype=float))
    # an orthonormal basis of what they span: the fit is the same, and quicker in every resample
    left, size, _ = np.linalg.svd(np.hstack(parts), full_matrices=False)
    return left[:, size > 1e-10 * size.max()]


def _r2(X, y, weights):
    deviation = y - np.average(y, weights=weights)
    total = np.sum(weights * deviation**2)
    if total == 0:
        return float("nan")
    weighted = X.T * weights
    fit = np.linalg.lstsq(weighted @ X, weighted @ y, rcond=1e-10)[0]
    return float(1 - np.sum(weights * (y - X @ fit) ** 2) / total)


def _unseen(X, y, network):
    total, missed = np.sum((y - y.mean()) ** 2), 0.0
    for left_out in range(network.max() + 1):
        rest = network != left_out
        fit = np.linalg.lstsq(X[rest], y[rest], rcond=1e-10)[0]
        missed += np.sum((y[~rest] - X[~rest] @ fit) ** 2)
    return float(1 - missed / total) if total else float("nan")


def _checked(values):
    values = np.asarray(values)
    if values.ndim != 1:
        raise ValueError(f"values must be (n,), one a network, got shape {values.shape}")
    if np.isnan(values.astype(float)).any():
        raise ValueError("values must not hold NaN: leave out networks that have no value")
    return values
