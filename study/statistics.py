"""Statistics over networks: each trained network is one observation, whatever its trials.

Intervals, paired tests and effect sizes come from scipy.stats. Fewer than three networks give no
interval (NaN), because a bootstrap of two values says nothing.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import stats

NETWORK = ["task", "construction", "hidden_size", "seed"]

RESAMPLES = 1999
# All sign patterns are counted up to this many networks; beyond, some are drawn.
EXACT = 13
DRAWN = 9999


def interval(statistic: Callable, *samples: Sequence) -> tuple[float, float]:
    """95 % bootstrap interval of a statistic over networks, from a fixed seed.

    Bias-corrected and accelerated (Efron, JASA 82, 1987; scipy.stats.bootstrap) from five networks
    on; percentiles for fewer, and where BCa is undefined because leaving out one network never
    changes the statistic.

    Args:
        statistic: function of as many 1-D arrays as there are samples.
        samples: (n,) each, one entry a network: its value, or its number where the statistic looks
            its rows up. Several samples, such as the networks of different tasks, are resampled each
            on its own.

    Returns:
        (low, high); NaN if a sample holds fewer than three networks.

    Raises:
        ValueError: a sample is not one-dimensional, or holds NaN.
    """
    samples = [_checked(sample) for sample in samples]
    fewest = min(map(len, samples))
    if fewest < 3:
        return float("nan"), float("nan")
    if all(np.ptp(sample) == 0 for sample in samples):
        return (float(statistic(*samples)),) * 2
    for method in ("BCa", "percentile") if fewest >= 5 else ("percentile",):
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # BCa says in a warning that it is undefined
            found = stats.bootstrap(
                samples,
                statistic,
                vectorized=False,
                n_resamples=RESAMPLES,
                method=method,
                rng=np.random.default_rng(0),
            ).confidence_interval
        if np.isfinite(found.low) and np.isfinite(found.high):
            break
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

        low, high = interval(r2, *numbers)
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
