"""Dose and response: a block scaled, on networks and curves whose answer is known."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from schur_lib.profile import profile_of
from study.probes.doses import DOSES, dose_response, dose_summary
from tests.study.probes.test_nulls import silent


def test_the_dose_one_is_the_ablation_and_the_dose_zero_the_network():
    trials = silent(32, metric="fvu")
    table = dose_response(trials)
    profile = profile_of(trials, n_draws=0).set_index("removed")
    for block in ("RR", "CR", "CC"):
        rows = table[table.removed == block].set_index("dose")
        assert list(rows.index) == list(DOSES)
        assert rows.fvu[0.0] == pytest.approx(profile.score[""], rel=1e-3, abs=1e-6)
        assert rows.fvu[1.0] == pytest.approx(profile.score[block], rel=1e-3, abs=1e-6)
    assert (table[table.removed != "RR"].groupby("removed").fvu.nunique() == 1).all()


def test_the_doses_of_anyones_network_lead_from_it_to_the_removal(anyone):
    trials = anyone()
    name = trials.metric.name
    table = dose_response(trials, doses=(0.0, 0.5, 1.0), alpha=0.7)
    assert list(table.columns) == ["removed", "mass", "dose", name, "harm"]
    profile = profile_of(trials, 0.7, n_draws=0).set_index("removed")
    for block in ("RR", "CR", "CC"):
        rows = table[table.removed == block].set_index("dose")
        assert rows[name][1.0] == pytest.approx(profile.score[block], abs=1e-6)
        assert rows.harm[0.0] == pytest.approx(0, abs=1e-7)
        change = trials.metric.harm(profile.score[block], profile.score[""])
        assert rows.harm[1.0] == pytest.approx(change, abs=1e-6)


def test_a_linear_and_a_quadratic_response_are_told_apart():
    dose = np.array(DOSES)
    keys = {"task": "t", "construction": "c", "hidden_size": 2, "seed": 0}
    rows = [
        pd.DataFrame({**keys, "removed": name, "mass": 0.5, "dose": dose, "fvu": 0.1 + effect})
        for name, effect in (("RR", 0.2 * dose), ("CR", 0.3 * dose**2), ("CC", 0 * dose))
    ]
    table = dose_summary(pd.concat(rows)).set_index("removed")
    assert_allclose(table.slope[["RR", "CR"]], [1, 2], rtol=1e-6)
    assert_allclose(table.constancy[["RR", "CR"]], [1, 0.1], rtol=1e-6)
    assert table.breaks["RR"] == pytest.approx(0.025, rel=1e-6)
    assert table.breaks["CR"] == pytest.approx(np.sqrt(0.005 / 0.3), rel=0.06)
    assert np.isnan(table.loc["CC", ["slope", "breaks", "constancy"]].astype(float)).all()


def test_each_dose_scales_the_block_of_its_row(copier):
    trials = copier(metric="fvu")
    table = dose_response(trials, doses=(0.25, 2.0), alpha=0.7)
    form, W = trials.form, trials.W_hh.numpy()
    assert table.removed.tolist() == ["RR", "RR", "CR", "CR", "CC", "CC"]
    for row in table.itertuples():
        block = form.Q @ np.where(form.couplings(0.7)[row.removed], form.T, 0) @ form.Q.T
        score = float(trials.scores([W - row.dose * block])[0])
        assert row.fvu == pytest.approx(score, abs=1e-9) and row.harm == pytest.approx(score - trials.intact)
        assert row.mass == pytest.approx(np.linalg.norm(block) / np.linalg.norm(W))


def test_the_doses_run_from_the_network_to_its_negated_block_and_hold_those_of_the_slope():
    assert (DOSES[0], DOSES[-1]) == (0.0, 2.0) and list(DOSES) == sorted(set(DOSES))
    assert {0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 1.0, 1.9} < set(DOSES) and len(DOSES) == 27


def curve(fvu, dose=DOSES, **other):
    keys = {"task": "t", "construction": "c", "hidden_size": 2, "seed": 0, "removed": "RR", "mass": 0.5}
    return pd.DataFrame({**keys, "dose": dose, "fvu": fvu} | other)


def test_a_block_breaks_where_five_percent_more_are_reached_between_two_doses():
    """From 1.04 at 0.3 to 1.06 at 0.4: 1.05 lies half way; the order of the rows does not matter."""
    fvu = np.where(np.array(DOSES) <= 0.3, 1 + 0.04 * np.array(DOSES) / 0.3, 1.06)
    (row,) = dose_summary(curve(fvu).iloc[::-1]).itertuples()
    assert row.breaks == pytest.approx(0.35) and (row.mass, row.removed, row.task) == (0.5, "RR", "t")
    (row,) = dose_summary(curve(np.where(np.array(DOSES) > 0, 1.05, 1.0))).itertuples()
    assert row.breaks == pytest.approx(0.001)  # reached exactly is reached


def test_the_slope_is_of_the_small_doses_and_the_constancy_of_a_tenth_and_the_whole():
    dose = np.array(DOSES)
    odd = np.where(dose <= 0.1, dose**1.5, 4.0)
    (row,) = dose_summary(curve(1 - odd)).itertuples()  # an improvement has a slope too
    assert row.slope == pytest.approx(1.5)
    assert row.constancy == pytest.approx(0.1**1.5 / 0.1 / 4) and np.isnan(row.breaks)


@pytest.mark.parametrize("nothing", [{"mass": 1e-5}, {"at": 0.02}, {"at": 1.0}])
def test_where_a_dose_does_nothing_nothing_is_fitted(nothing):
    dose = np.array(DOSES)
    fvu = 1 + np.where(dose == nothing.get("at"), 0, 0.2 * dose)
    (row,) = dose_summary(curve(fvu, mass=nothing.get("mass", 0.5))).itertuples()
    assert np.isnan(row.slope) and np.isnan(row.constancy) and row.breaks == pytest.approx(0.25)


def test_networks_and_blocks_stand_apart_in_the_order_in_which_they_come():
    dose = np.array(DOSES)
    parts = [curve(1 + s * dose, seed=seed, removed=name) for s, seed, name in ((1, 3, "RR"), (2, 1, "CC"))]
    table = dose_summary(pd.concat(parts))
    assert list(zip(table.seed, table.removed, strict=True)) == [(3, "RR"), (1, "CC")]
    assert_allclose(table.breaks, [0.05, 0.025])
