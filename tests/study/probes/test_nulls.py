"""Nulls have the norm and the places they claim; the verdict is right where it is known."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose

from schur_lib import Network, ordered_schur
from schur_lib.profile import ablation_profile
from schur_lib.tasks import Task
from schur_lib.training import Spec
from study import catalogue
from study.probes.doses import DOSES, dose_response, dose_summary
from study.probes.interactions import interactions, mobius, shapley
from study.probes.nulls import (
    KEEP_SPECTRUM,
    KINDS,
    REMOVED,
    changes,
    harm,
    nulls,
    random_orthogonal,
)

# One sign, held for four steps.
SPEC = Spec("copy", task_options={"n_symbols": 1, "n_channels": 1, "horizon": 4})


def form_and_masks(n=12, seed=0):
    form = ordered_schur(np.random.default_rng(seed).standard_normal((n, n)))
    masks = form.couplings(0.7)
    assert all(masks[name].any() for name in masks)
    return form, masks, masks["RR"] | masks["CR"] | masks["CC"]


def silent_units():
    """A network of 4 units that holds one sign; units 2 and 3 are never driven.

    W_hh is its own ordered Schur form: R = {0, 1}, C = {2, 3}. Unit 1 gets the input, only the
    coupling RR takes it to unit 0, and the readout sees unit 0 alone: RR carries the task. The
    couplings CR and CC start from units 2 and 3, which stay at 0: they never meet the activity.
    """
    W = torch.diag(torch.tensor([1.0, 0.95, 0.4, 0.3]))
    W[0, 1], W[:2, 2:], W[2, 3] = 5.0, 2.0, 3.0
    return Network(torch.eye(4)[:, 1:2].clone(), W, torch.eye(4)[:1].clone())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("names", [("RR",), ("CR",), ("CC",), ("RR", "CC"), ("RR", "CR", "CC")])
def test_every_null_has_the_norm_of_the_removed_block(kind, names):
    form, masks, couplings = form_and_masks()
    mask = np.any([masks[name] for name in names], axis=0)
    dT = changes(form.T, mask, couplings, kind, 25, np.random.default_rng(1))
    assert dT.shape == (25, 12, 12)
    norm = np.linalg.norm(form.T[mask])
    assert_allclose(np.linalg.norm(dT, axis=(1, 2)), norm, rtol=1e-10, atol=0)
    if kind != "random couplings" or len(names) < 3:  # all couplings can be chosen in one way only
        assert np.linalg.norm(dT[0] - dT[1]) > 1e-3 * norm


@pytest.mark.parametrize("kind", KEEP_SPECTRUM)
def test_changes_within_the_couplings_keep_the_spectrum(kind):
    form, masks, couplings = form_and_masks()
    dT = changes(form.T, masks["CR"], couplings, kind, 5, np.random.default_rng(1))
    assert not dT[:, ~couplings].any()
    for change in dT:
        moved = np.sort_complex(np.linalg.eigvals(form.T - 0.01 * change))
        assert_allclose(moved, np.sort_complex(np.linalg.eigvals(form.T)), atol=1e-6)


def test_changes_on_the_blocks_places_stay_there_and_shuffling_keeps_the_magnitudes():
    form, masks, couplings = form_and_masks()
    block = form.T[masks["CR"]]
    for kind in ("same entries", "shuffled"):
        dT = changes(form.T, masks["CR"], couplings, kind, 5, np.random.default_rng(2))
        assert not dT[:, ~masks["CR"]].any()
        same = [np.allclose(np.sort(abs(d[masks["CR"]])), np.sort(abs(block))) for d in dT]
        assert all(same) if kind == "shuffled" else not any(same)


def test_random_couplings_are_removed_whole_but_for_one():
    form, masks, couplings = form_and_masks()
    dT = changes(form.T, masks["RR"], couplings, "random couplings", 9, np.random.default_rng(3))
    for change in dT:
        touched = change != 0
        whole = np.isclose(change[touched], form.T[touched])
        assert np.sum(~whole) <= 1
        assert (abs(change[touched]) <= abs(form.T[touched]) * (1 + 1e-12)).all()
        assert (change[touched] * form.T[touched] > 0).all()


def test_a_random_basis_of_a_normal_matrix_holds_couplings_that_its_own_lacks():
    angle = 0.3
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    T = np.kron(np.diag([1.0, 0.5, 0.2]), rotation)
    form = ordered_schur(T)
    masks = form.couplings(0.9)
    assert np.abs(form.T[masks["CR"]]).max() < 1e-12
    with pytest.raises(ValueError, match="the block is zero"):
        changes(T, np.zeros((6, 6), bool), masks["CR"], "random basis", 2, np.random.default_rng(0))
    seeded = form.T + 0.1 * masks["CR"]
    dT = changes(seeded, masks["CR"], masks["CR"], "random basis", 4, np.random.default_rng(0))
    assert_allclose(np.linalg.norm(dT, axis=(1, 2)), 0.1 * np.sqrt(masks["CR"].sum()), rtol=1e-10)
    # its places are no coupling's: in T's own basis it is spread over all entries
    assert (np.abs(dT) > 1e-6).mean() > 0.9


def test_in_a_random_basis_the_mask_takes_what_the_matrix_holds_there():
    form, masks, couplings = form_and_masks()
    dT = changes(form.T, masks["CR"], couplings, "random basis", 3, np.random.default_rng(4))
    U = random_orthogonal(3, 12, np.random.default_rng(4))
    for change, u in zip(dT, U, strict=True):
        there, held = u.T @ change @ u, u.T @ form.T @ u
        assert_allclose(there[~masks["CR"]], 0, atol=1e-12)
        ratio = there[masks["CR"]] / held[masks["CR"]]
        assert_allclose(ratio, ratio[0], rtol=1e-6)


def test_a_block_that_never_meets_the_activity_is_milder_than_changes_elsewhere():
    table = nulls(SPEC, silent_units(), draws=40).set_index(["removed", "kind"])
    for block in ("CR", "CC", "CR+CC"):
        assert (table.harm[block] == 0).all()
        for kind in ("same entries", "shuffled"):  # the place is safe, whatever stands there
            row = table.loc[(block, kind)]
            assert row.p == row.p_harsher == 1 and row.effect == row.null_median == 0
        row = table.loc[(block, "isotropic")]
        assert row.p < 0.8 and row.effect > 0.25 and row.null_high > 0.2


def test_a_block_that_alone_carries_the_task_is_harsher_than_all_changes_elsewhere():
    table = nulls(SPEC, silent_units(), draws=40).set_index(["removed", "kind"])
    assert (table.harm["RR"] == 1).all()  # the output is exactly 0, and 0 counts as wrong
    row = table.loc[("RR", "isotropic")]
    assert (row.p, row.p_harsher, row.effect) == (1, pytest.approx(1 / 41), -1)
    assert row.null_high < 1


def test_p_counts_the_block_itself_and_ties():
    row = nulls(SPEC, silent_units(), draws=9, removed=("RR+CR+CC",)).set_index("kind")
    row = row.loc["random couplings"]  # there is one such change: the removal itself
    assert (row.p, row.p_harsher, row.effect) == (1, 1, 0)
    assert row.null_median == pytest.approx(row.harm, abs=1e-6)


def test_there_is_nothing_to_match_in_a_normal_network():
    net = silent_units()
    normal = Network(net.W_xh, torch.diag(torch.diagonal(net.W_hh)), net.W_hy)
    assert nulls(SPEC, normal, draws=3).empty
    assert list(nulls(SPEC, normal, draws=3).columns)[:3] == ["removed", "mass", "kind"]


def test_nulls_repeat_and_their_harm_is_that_of_the_ablation_profile():
    spec = catalogue.specs("flip_flop")[3]
    net = catalogue.networks([spec])[0]
    table = nulls(spec, net, draws=5)
    again = nulls(spec, net, draws=5)
    assert table.equals(again)
    assert len(table) == len(KINDS) * len(REMOVED)
    profile = ablation_profile(net, spec.make_task(), batch_size=64).set_index("removed")
    for row in table.itertuples():
        assert row.harm == pytest.approx(profile.delta[row.removed], abs=1e-5)
        assert row.mass == pytest.approx(profile.mass[row.removed])


def test_harm_counts_lost_accuracy_and_gained_error():
    assert harm(0.7, 1.0, "replay_accuracy") == pytest.approx(0.3)
    assert harm(0.7, 0.5, "fvu") == pytest.approx(0.2)


# --- dose and response ----------------------------------------------------------------------


def test_the_dose_one_is_the_ablation_and_the_dose_zero_the_network():
    net = silent_units()
    table = dose_response(SPEC, net, batch_size=32)
    task = replace(SPEC.make_task(), score_name="fvu")
    profile = ablation_profile(net, task, batch_size=32).set_index("removed")
    for block in ("RR", "CR", "CC"):
        rows = table[table.removed == block].set_index("dose")
        assert list(rows.index) == list(DOSES)
        assert rows.fvu[0.0] == pytest.approx(profile.score[""], rel=1e-3, abs=1e-6)
        assert rows.fvu[1.0] == pytest.approx(profile.score[block], rel=1e-3, abs=1e-6)
    assert (table[table.removed != "RR"].groupby("removed").fvu.nunique() == 1).all()


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


# --- interactions ---------------------------------------------------------------------------


def subsets(value):
    return {name: value(set(filter(None, name.split("+")))) for name in ("", *REMOVED)}


def test_interactions_of_an_additive_effect_vanish():
    weight = {"RR": 0.3, "CR": -0.2, "CC": 1.5}
    harms = subsets(lambda s: sum(weight[name] for name in s))
    terms = mobius(harms)
    assert_allclose([terms[name] for name in weight], list(weight.values()))
    assert_allclose([terms[name] for name in terms if "+" in name], 0, atol=1e-12)
    assert shapley(harms) == pytest.approx(weight)


def test_the_terms_add_up_to_every_effect_and_shapley_values_to_the_whole():
    rng = np.random.default_rng(0)
    harms = subsets(lambda s: rng.normal() if s else 0.0)
    terms = mobius(harms)
    for name in harms:
        inside = [t for t in terms if set(filter(None, t.split("+"))) <= set(name.split("+"))]
        assert sum(terms[t] for t in inside) == pytest.approx(harms[name])
    assert sum(shapley(harms).values()) == pytest.approx(harms["RR+CR+CC"])


def test_an_effect_of_two_blocks_together_is_shared_equally_between_them():
    harms = subsets(lambda s: 1.0 if {"RR", "CC"} <= s else 0.0)
    assert mobius(harms)["RR+CC"] == 1 and mobius(harms)["RR+CR+CC"] == 0
    assert shapley(harms) == pytest.approx({"RR": 0.5, "CR": 0.0, "CC": 0.5})


def test_the_2x2x2_design_of_a_network_whose_only_block_is_RR():
    table = interactions(SPEC, silent_units(), batch_size=32).set_index("removed")
    assert table.term["RR"] == table.harm["RR"] == pytest.approx(table.shapley["RR"])
    assert_allclose(table.term[table.index != "RR"], 0, atol=1e-7)


def test_a_missing_subset_is_named():
    with pytest.raises(ValueError, match="RR\\+CC"):
        mobius({name: 0.0 for name in ("", *REMOVED) if name != "RR+CC"})


def test_the_example_network_is_what_its_description_says():
    net, task = silent_units(), SPEC.make_task()
    assert isinstance(task, Task)
    form = ordered_schur(net.W_hh)
    assert_allclose(np.abs(form.T), np.abs(net.W_hh.numpy()), atol=1e-6)
    assert form.n_leading() == 2
