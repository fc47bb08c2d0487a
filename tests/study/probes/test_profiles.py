"""Profiles at several thresholds are those of `profile_of`, one after the other."""

import pandas as pd

from schur_lib.profile import profile_of
from study.probes.profiles import profiles


def test_thresholds_follow_one_another_without_intervals(copier):
    trials = copier()
    table = profiles(trials, (0.9, 0.5), [["RR"], ["CC", "RR"]])
    assert table.removed.tolist() == ["", "RR", "RR+CC"] * 2 and list(table.index) == list(range(6))
    assert table.alpha.tolist() == [0.9] * 3 + [0.5] * 3 and "low" not in table
    for alpha, part in table.groupby("alpha"):
        alone = profile_of(trials, alpha, [["RR"], ["CC", "RR"]], n_draws=0)
        pd.testing.assert_frame_equal(part.reset_index(drop=True), alone)


def test_all_eight_subsets_at_nine_tenths_by_default(copier):
    trials = copier()
    pd.testing.assert_frame_equal(profiles(trials), profile_of(trials, 0.9, n_draws=0))
