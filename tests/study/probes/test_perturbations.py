"""Small changes of W: their size, how far the blocks move, and what they do to mass and harm."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.linalg import block_diag

from schur_lib.schur import COUPLINGS, OrderedSchur, ordered_schur, random_changes
from study.probes.perturbations import SIZE, draws_of, moved, perturbations, steadiness


def pairs(seed):
    """Five pairs, three in R; couplings between them."""
    rng = np.random.default_rng(seed)
    T = block_diag(*(r * np.array([[0.5, -1.2], [0.6, 0.5]]) for r in (1, 0.98, 0.95, 0.4, 0.3)))
    block = np.arange(10) // 2
    T += 0.3 * rng.standard_normal(T.shape) * (block[:, None] < block)
    Q = np.linalg.qr(rng.standard_normal(T.shape))[0]
    return ordered_schur(Q @ T @ Q.T)


def test_a_form_has_not_moved_from_itself_nor_by_signs():
    form = pairs(2)
    signs = np.repeat([1.0, -1.0, 1.0, -1.0, -1.0], 2)
    flipped = OrderedSchur.of_factors(form.Q * signs, signs[:, None] * form.T * signs)
    for change in moved(form, flipped, 6).values():
        assert change == pytest.approx(0, abs=1e-7)


def test_a_scaled_coupling_and_a_turned_subspace_have_moved_by_that_much():
    T = np.diag([1.0, 0.95, 0.4, 0.2]) + np.triu(np.ones((4, 4)), 1)
    form = ordered_schur(T)
    longer = T.copy()
    longer[:2, 2:] *= 1.1
    change = moved(form, OrderedSchur.of_factors(np.eye(4), longer), 2)
    assert change["CR"] == pytest.approx(0.1)
    assert change["RR"] == change["CC"] == pytest.approx(0)
    assert change["entries"] == pytest.approx(np.sqrt(4 * 0.01 / 6))
    turn = np.eye(4)
    turn[1:3, 1:3] = [[np.cos(0.2), -np.sin(0.2)], [np.sin(0.2), np.cos(0.2)]]
    change = moved(form, OrderedSchur.of_factors(turn, T), 2)
    assert change["subspace"] == pytest.approx(0.2)


def test_changes_of_nothing_change_nothing(anyone):
    trials = anyone()
    table = perturbations(trials, draws=2, size=0.0)
    assert table.draw.tolist() == [-1, 0, 1]
    same = table.loc[:, "RR":"score_CC"].fillna(0)
    assert same.abs().max().max() < 1e-6
    steady = steadiness(table)
    for column in ("mass", "harm"):
        assert_allclose(steady[f"{column}_low"], steady[f"{column}_high"], atol=1e-6)


def test_each_row_is_that_of_a_change_of_the_stated_size(anyone):
    trials = anyone()
    W, form, n = trials.W_hh.numpy(), trials.form, trials.form.n_leading(0.7)
    table = perturbations(trials, draws=3, size=0.05, alpha=0.7, seed=4)
    changes = random_changes(3, 0.05 * np.linalg.norm(W), 8, np.random.default_rng(4))
    before = trials.scores([form.ablate({x}, n=n) for x in COUPLINGS]).numpy() - trials.intact
    for change, row in zip(changes, table[1:].itertuples(), strict=True):
        other = ordered_schur(W + change)
        assert row.n_leading == other.n_leading(0.7)
        score, *after = trials.scores([W + change, *(other.ablate({x}, n=n) for x in COUPLINGS)]).tolist()
        assert row.score == pytest.approx(score - trials.intact, abs=1e-7)
        effects = [getattr(row, f"score_{x}") for x in COUPLINGS]
        assert_allclose(effects, np.array(after) - score - before, atol=1e-7)
        for x in COUPLINGS:
            assert getattr(row, f"mass_{x}") == pytest.approx(other.removed_mass({x}, 0.7))
            (anew,) = trials.scores([other.ablate({x}, 0.7)]).tolist()
            harm = trials.metric.harm(anew, score)
            assert getattr(row, f"harm_{x}") == pytest.approx(harm, abs=1e-7)


def test_the_summary_is_the_network_as_it_is_between_the_lowest_and_the_highest(anyone):
    trials = anyone()
    table = perturbations(trials, draws=4, size=0.2)
    steady = steadiness(table).set_index("removed")
    for name, row in steady.iterrows():
        assert row.mass == pytest.approx(trials.form.removed_mass({name}))
        assert_allclose(row.harm, trials.harms([trials.form.ablate({name})])[0], atol=1e-7)
        for column in ("mass", "harm"):
            assert row[f"{column}_low"] == table[f"{column}_{name}"].min() <= row[column]
            assert row[f"{column}_high"] == table[f"{column}_{name}"].max() >= row[column]
    assert (steady.n_low == table.n_leading.min()).all()
    assert (steady.n_high == table.n_leading.max()).all()
    assert (table.loc[1:, [f"mass_{x}" for x in COUPLINGS]].diff().abs().max() > 0).any()


def test_networks_of_one_seed_have_the_same_draws_on_all_tasks():
    ours, theirs = (draws_of(seed).standard_normal(3) for seed in (5, (5, 2)))
    assert (ours == theirs).all()
    assert SIZE == 1e-3
