"""Nulls have the norm and the places they claim; the verdict is right where it is known."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from schur_lib import Network, ordered_schur, tasks
from schur_lib.metrics import Metric
from schur_lib.profile import profile_of
from schur_lib.schur import OrderedSchur
from schur_lib.subjects import on_task
from study.probes.nulls import (
    KEEP_SPECTRUM,
    KINDS,
    beside_random_changes,
    changes,
    matched_nulls,
    random_orthogonal,
)

# One sign, held for four steps.
TASK = tasks.copy(n_symbols=1, n_channels=1, horizon=4)


def form_of(n=12, seed=0):
    form = ordered_schur(np.random.default_rng(seed).standard_normal((n, n)))
    assert all(mask.any() for mask in form.couplings(0.7).values())
    return form


def silent_units():
    """A network of 4 units that holds one sign; units 2 and 3 are never driven.

    W_hh is its own ordered Schur form: R = {0, 1}, C = {2, 3}. Unit 1 gets the input, only the
    coupling RR takes it to unit 0, and the readout sees unit 0 alone: RR carries the task. The
    couplings CR and CC start from units 2 and 3, which stay at 0: they never meet the activity.
    """
    W = torch.diag(torch.tensor([1.0, 0.95, 0.4, 0.3]))
    W[0, 1], W[:2, 2:], W[2, 3] = 5.0, 2.0, 3.0
    return Network(torch.eye(4)[:, 1:2].clone(), W, torch.eye(4)[:1].clone())


def silent(n_trials=64, **options):
    return on_task(silent_units(), TASK, n_trials, **options)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("names", [("RR",), ("CR",), ("CC",), ("RR", "CC"), ("RR", "CR", "CC")])
def test_every_null_has_the_norm_of_the_removed_block(kind, names):
    form = form_of()
    mask = form.mask(names, 0.7)
    dT = changes(form, mask, kind, 25, np.random.default_rng(1))
    assert dT.shape == (25, 12, 12)
    norm = np.linalg.norm(form.T[mask])
    assert_allclose(np.linalg.norm(dT, axis=(1, 2)), norm, rtol=1e-10, atol=0)
    if kind != "random couplings" or len(names) < 3:  # all couplings can be chosen in one way only
        assert np.linalg.norm(dT[0] - dT[1]) > 1e-3 * norm


@pytest.mark.parametrize("kind", KEEP_SPECTRUM)
def test_changes_within_the_couplings_keep_the_spectrum(kind):
    form = form_of()
    dT = changes(form, form.mask({"CR"}, 0.7), kind, 5, np.random.default_rng(1))
    assert not dT[:, ~form.above].any()
    for change in dT:
        moved = np.sort_complex(np.linalg.eigvals(form.T - 0.01 * change))
        assert_allclose(moved, np.sort_complex(np.linalg.eigvals(form.T)), atol=1e-6)


def test_changes_on_the_blocks_places_stay_there_and_shuffling_keeps_the_magnitudes():
    form = form_of()
    mask = form.mask({"CR"}, 0.7)
    for kind in ("same entries", "shuffled"):
        dT = changes(form, mask, kind, 5, np.random.default_rng(2))
        assert not dT[:, ~mask].any()
        same = [np.allclose(np.sort(abs(d[mask])), np.sort(abs(form.T[mask]))) for d in dT]
        assert all(same) if kind == "shuffled" else not any(same)


def test_random_couplings_are_removed_whole_but_for_one():
    form = form_of()
    dT = changes(form, form.mask({"RR"}, 0.7), "random couplings", 9, np.random.default_rng(3))
    for change in dT:
        touched = change != 0
        whole = np.isclose(change[touched], form.T[touched])
        assert np.sum(~whole) <= 1
        assert (abs(change[touched]) <= abs(form.T[touched]) * (1 + 1e-12)).all()
        assert (change[touched] * form.T[touched] > 0).all()


def test_a_random_basis_of_a_normal_matrix_holds_couplings_that_its_own_lacks():
    angle = 0.3
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    form = ordered_schur(np.kron(np.diag([1.0, 0.5, 0.2]), rotation))
    mask = form.mask({"CR"})
    assert np.abs(form.T[mask]).max() < 1e-12
    with pytest.raises(ValueError, match="the block is zero"):
        changes(form, np.zeros((6, 6), bool), "random basis", 2, np.random.default_rng(0))
    seeded = OrderedSchur.of_factors(form.Q, form.T + 0.1 * mask)
    dT = changes(seeded, mask, "random basis", 4, np.random.default_rng(0))
    norm = np.linalg.norm(seeded.T[mask])
    assert_allclose(np.linalg.norm(dT, axis=(1, 2)), norm, rtol=1e-10)
    # its places are no coupling's: in T's own basis it is spread over all entries
    assert (np.abs(dT) > 1e-6).mean() > 0.9


def test_in_a_random_basis_the_mask_takes_what_the_matrix_holds_there():
    form = form_of()
    mask = form.mask({"CR"}, 0.7)
    dT = changes(form, mask, "random basis", 3, np.random.default_rng(4))
    U = random_orthogonal(3, 12, np.random.default_rng(4))
    for change, u in zip(dT, U, strict=True):
        there, held = u.T @ change @ u, u.T @ form.T @ u
        assert_allclose(there[~mask], 0, atol=1e-12)
        ratio = there[mask] / held[mask]
        assert_allclose(ratio, ratio[0], rtol=1e-6)


def test_a_block_that_never_meets_the_activity_is_milder_than_changes_elsewhere():
    table = matched_nulls(silent(), draws=40).set_index(["removed", "kind"])
    for block in ("CR", "CC", "CR+CC"):
        assert (table.harm[block] == 0).all()
        for kind in ("same entries", "shuffled"):  # the place is safe, whatever stands there
            row = table.loc[(block, kind)]
            assert row.p == row.p_harsher == 1 and row.effect == row.null_median == 0
        row = table.loc[(block, "isotropic")]
        assert row.p < 0.8 and row.effect > 0.25 and row.null_high > 0.2


def test_a_block_that_alone_carries_the_task_is_harsher_than_all_changes_elsewhere():
    table = matched_nulls(silent(), draws=40).set_index(["removed", "kind"])
    assert (table.harm["RR"] == 1).all()  # the output is exactly 0, and 0 counts as wrong
    row = table.loc[("RR", "isotropic")]
    assert (row.p, row.p_harsher, row.effect) == (1, pytest.approx(1 / 41), -1)
    assert row.null_high < 1


def test_p_counts_the_block_itself_and_ties():
    row = matched_nulls(silent(), 9, ("RR+CR+CC",), ("random couplings",)).iloc[
        0
    ]  # there is one such change: the removal itself
    assert (row.p, row.p_harsher, row.effect) == (1, 1, 0)
    assert row.null_median == pytest.approx(row.harm, abs=1e-6)


def test_there_is_nothing_to_match_in_a_normal_network():
    net = silent_units()
    normal = Network(net.W_xh, torch.diag(torch.diagonal(net.W_hh)), net.W_hy)
    table = matched_nulls(on_task(normal, TASK, 8), draws=3)
    assert table.empty and list(table.columns)[:3] == ["removed", "mass", "kind"]


def test_nulls_of_anyones_network_repeat_and_their_harm_is_that_of_the_profile(anyone):
    trials = anyone()
    table = matched_nulls(trials, draws=5, alpha=0.7, seed=(1, 2))
    assert table.equals(matched_nulls(trials, draws=5, alpha=0.7, seed=(1, 2)))
    assert len(table) == len(KINDS) * table.removed.nunique() and "CR" in set(table.removed)
    profile = profile_of(trials, 0.7, n_draws=0).set_index("removed")
    for row in table.itertuples():
        harm = trials.metric.harm(profile.score[row.removed], profile.score[""])
        assert row.harm == pytest.approx(harm, abs=1e-6)
        assert row.mass == pytest.approx(profile.mass[row.removed])
        assert row.null_low <= row.null_median <= row.null_high


def test_only_the_kinds_that_are_asked_for_are_drawn(copier):
    trials = copier()
    options = {"removed": ("CR",), "alpha": 0.7, "draws": 6}
    first_two = matched_nulls(trials, **options).iloc[:2]
    assert matched_nulls(trials, kinds=KINDS[:2], **options).equals(first_two)
    with pytest.raises(ValueError, match="kind must be one of"):
        matched_nulls(trials, kinds=("white",), **options)


def test_a_draw_that_is_the_removal_but_for_rounding_is_neither_milder_nor_harsher():
    g = torch.Generator().manual_seed(0)
    net = Network(*(torch.randn(*s, generator=g) / 3 for s in ((12, 3), (12, 12), (3, 12))))
    trials = on_task(net, tasks.flip_flop(steps=40), 50)
    # of all couplings there is one choice, whatever the order in which it is made
    row = matched_nulls(trials, 60, ("RR+CR+CC",), ("random couplings",)).iloc[0]
    assert (row.p, row.p_harsher, row.effect) == (1, 1, 0) and row.null_low == row.harm


def test_quantiles_are_numbers_where_every_second_change_is_infinitely_harmful(copier):
    def scored(limit):
        def per_trial(outputs, targets):
            size = outputs.square().mean((0, 2))
            return size if size.mean() <= limit else torch.full_like(size, torch.inf)

        return copier().scored_by(Metric("size", "such as of a run that grows", per_trial))

    options = (40, ("CR",), ("isotropic",), 0.7)
    (finite,) = matched_nulls(scored(np.inf), *options).itertuples()
    (half,) = matched_nulls(scored(scored(np.inf).intact + finite.null_median), *options).itertuples()
    assert half.null_low == pytest.approx(finite.null_low) and half.null_high == np.inf
    assert not np.isnan(half.null_median)


def test_the_mildest_block_of_a_silent_part_is_milder_than_random_changes():
    table = beside_random_changes(silent(), draws=12)
    assert list(table.removed) == ["", "CR", *["random"] * 12]
    assert list(table.draw) == [0, 0, *range(12)] and set(table.metric) == {"replay_accuracy"}
    assert (table.score[:2] == 1).all() and table.score[2:].min() < 1
    # four entries of 2.0 in a matrix of known entries
    assert_allclose(table.mass[1:], 4 / float(torch.linalg.norm(silent_units().W_hh)), rtol=1e-6)


def test_where_there_are_no_couplings_the_intact_network_stands_alone():
    normal = Network(torch.eye(2), torch.diag(torch.tensor([1.0, 0.5])), torch.eye(2))
    trials = on_task(normal, tasks.copy(n_symbols=1, n_channels=2, horizon=2), 8)
    assert list(beside_random_changes(trials).removed) == [""]


def test_random_changes_beside_anyones_mildest_block(anyone):
    trials = anyone()
    table = beside_random_changes(trials, draws=4, alpha=0.7, seed=(3, 1))
    scores = profile_of(trials, 0.7, n_draws=0).set_index("removed").score
    harms = trials.metric.harm(scores, scores[""])[["RR", "CR", "CC"]]
    block = table.removed[1]
    assert harms[block] == pytest.approx(harms.min(), abs=1e-6)
    assert table.score[1] == pytest.approx(scores[block], abs=1e-6)
    # isotropic and of the block's norm, drawn from the first number of the seed
    form = trials.form
    drawn = np.random.default_rng(3).standard_normal(form.T.shape)
    drawn *= np.linalg.norm(form.T[form.mask({block}, 0.7)]) / np.linalg.norm(drawn)
    changed = float(trials.scores([trials.W_hh.numpy() + drawn])[0])
    assert table.score[2] == pytest.approx(changed, abs=1e-6)


def test_the_example_network_is_what_its_description_says():
    trials = silent()
    assert_allclose(np.abs(trials.form.T), np.abs(trials.W_hh.numpy()), atol=1e-6)
    assert trials.form.n_leading() == 2


def test_ties_are_as_close_as_the_rounding_of_float32_of_the_score_or_of_the_harm(copier):
    """Of a score near 1000, harms 5e-5 apart are one; of a score near 0, harms of 1e-6 are two."""
    eps = float(np.finfo(np.float32).eps)

    def table(intact, harm, apart):
        trials = copier()
        scores = iter([intact + harm, intact, *(intact + harm + apart * np.array([1, -1, 1, 1]))])
        metric = Metric(
            "given", "one after the other", lambda outputs, targets: torch.tensor([next(scores)]).double()
        )
        (row,) = matched_nulls(trials.scored_by(metric), 4, ("CR",), ("isotropic",), 0.7).itertuples()
        return row.p, row.p_harsher, row.effect

    tied, apart = (1, 1, 0), (2 / 5, 4 / 5, 0.5)
    assert table(1000.0, 0.25, 300 * eps) == tied and table(1000.0, 0.25, 3000 * eps) == apart
    assert table(0.0, 0.25, eps / 8) == tied and table(0.0, 0.25, 3 * eps) == apart
    assert table(1e-6, 1e-6, eps) == apart


def test_every_column_of_the_nulls_is_what_it_says(copier):
    trials, draws = copier(), 9
    table = matched_nulls(trials, draws, ("RR+CC", "CR"), ("isotropic", "same entries"), 0.7, seed=3)
    form, rng = trials.form, np.random.default_rng(3)
    assert table.removed.tolist() == ["RR+CC"] * 2 + ["CR"] * 2 and (table.draws == draws).all()
    for row in table.itertuples():
        mask = form.mask(row.removed.split("+"), 0.7)
        dT = changes(form, mask, row.kind, draws, rng)
        harms = trials.harms([form.Q @ (form.T - change) @ form.Q.T for change in dT])
        (done,) = trials.harms([form.without(mask)])
        assert row.harm == pytest.approx(done, abs=1e-9) and row.mass == pytest.approx(form.mass(mask))
        expected = np.quantile(harms, (0.05, 0.5, 0.95))
        assert_allclose([row.null_low, row.null_median, row.null_high], expected, atol=1e-6)
        assert row.p == pytest.approx((1 + np.sum(harms <= done + 1e-6)) / (1 + draws))
        assert row.p_harsher == pytest.approx((1 + np.sum(harms >= done - 1e-6)) / (1 + draws))
        assert row.effect == pytest.approx(np.mean(harms > done + 1e-6) - np.mean(harms < done - 1e-6))
