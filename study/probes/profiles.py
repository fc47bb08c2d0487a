"""The profile of the eight subsets at several thresholds."""

from collections.abc import Collection, Sequence

import pandas as pd

from schur_lib.profile import profile_of
from schur_lib.schur import SUBSETS
from schur_lib.subjects import Evaluation


def profiles(
    trials: Evaluation,
    alphas: Sequence[float] = (0.9,),
    removed: Sequence[Collection[str]] = SUBSETS,
) -> pd.DataFrame:
    """The rows of `profile_of` without intervals, threshold after threshold.

    Args:
        trials: the network on some trials.
        alphas: thresholds, each in (0, 1].
        removed: the sets of blocks; all eight subsets by default.
    """
    tables = [profile_of(trials, alpha, removed, n_draws=0) for alpha in alphas]
    return pd.concat(tables, ignore_index=True)
