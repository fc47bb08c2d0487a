"""ε-stabilisers where the answer is known, and what must hold of any."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

from schur_lib import Network, evaluation, ordered_schur, rollout
from schur_lib.metrics import METRICS, Metric
from schur_lib.stability import KINDS, allowed_harm, stabiliser, stabilisers
from schur_lib.subjects import Evaluation

N = 6
# Upper triangular with decreasing moduli: its own ordered Schur form. R = {0, 1, 2}, C = {3, 4, 5}.
T = np.diag([0.9, 0.88, 0.86, 0.3, 0.2, 0.1]) + np.triu(np.full((N, N), 0.4), 1)


def by_cost(costs, W=T, metric="fvu", base=1.0, higher=False):
    """An evaluation whose score is known: base + what each absent entry of T costs."""
    form = ordered_schur(W)

    def trial_score(gone):
        change = costs[gone].sum()
        return torch.full((4,), base - change if higher else base + change, dtype=torch.float64)

    return scored(W, form, trial_score, 4, metric, higher)


def scored(W, form, trial_score, n_trials, metric="fvu", higher=False):
    """An evaluation of which a function of the absent entries of T is the score."""

    def run(matrices):
        for M in matrices:
            gone = ~np.isclose(form.Q.T @ M.numpy() @ form.Q, form.T, atol=1e-9)
            yield trial_score(gone)[None]

    known = METRICS.get(metric, Metric(metric, metric, None, higher))
    record = replace(known, per_trial=lambda outputs, targets: outputs[0])
    return Evaluation(torch.from_numpy(W), run, record, torch.zeros(1), 1, n_trials, 1)


def test_the_constructed_matrix_is_its_own_ordered_form():
    form = ordered_schur(T)
    np.testing.assert_allclose(np.abs(form.T), np.abs(T), atol=1e-12)
    assert form.n_leading() == 3


@pytest.mark.parametrize("kind", KINDS)
def test_a_block_that_does_nothing_is_found_whole_and_one_that_carries_all_is_kept(kind):
    masks = ordered_schur(T).couplings()
    costs = np.where(masks["CR"], 0.2, 0.0)
    mask = stabiliser(by_cost(costs), kind)
    assert mask[masks["CC"]].all() and mask[masks["RR"]].all()
    assert not mask[masks["CR"]].any()


@pytest.mark.parametrize("kind", KINDS)
def test_in_a_network_the_only_path_to_the_readout_is_kept(kind):
    """Input enters unit 3, only T[0, 3] takes it to unit 0, and the readout sees unit 0 alone."""
    W = np.diag([0.9, 0.88, 0.86, 0.3, 0.2, 0.1])
    W[0, 3], W[1, 2], W[4, 5], W[1, 4] = 1.0, 0.7, 0.6, 0.5
    g = torch.Generator().manual_seed(0)
    x = torch.randn(20, 32, 1, dtype=torch.float64, generator=g)
    enter = torch.zeros(N, 1, dtype=torch.float64)
    enter[3] = 1.0
    read = torch.zeros(1, N, dtype=torch.float64)
    read[0, 0] = 1.0
    net = Network(enter, torch.from_numpy(W), read)
    y = rollout(net, x) + 0.1 * torch.randn(20, 32, 1, dtype=torch.float64, generator=g)
    trials = evaluation(net, "W_hh", x, y)
    form = ordered_schur(W)
    mask = stabiliser(trials, kind)
    moved = np.abs(form.Q.T @ W @ form.Q)
    path = moved[:3, 3:].max()
    if kind == "blocks":
        assert mask[form.couplings()["RR"]].all() and mask[form.couplings()["CC"]].all()
        assert not mask[form.couplings()["CR"]].any()
    else:
        kept = np.argwhere(np.triu(~mask, 1))
        assert any(moved[i, j] == path for i, j in kept)
        # all else that is not zero goes
        assert np.linalg.norm(form.T[mask]) == pytest.approx(np.sqrt(0.7**2 + 0.6**2 + 0.5**2))


def test_blocks_are_the_exact_answer_of_all_subsets():
    g = np.random.default_rng(0)
    masks = ordered_schur(T).couplings()
    for _ in range(20):
        price = dict(zip(masks, g.uniform(0, 0.05, 3), strict=True))
        costs = sum(np.where(masks[n], price[n] / masks[n].sum(), 0) for n in masks)
        mask = stabiliser(by_cost(costs), "blocks")
        best = 0.0
        for k in range(4):
            for names in itertools.combinations(masks, k):
                if sum(price[n] for n in names) <= 0.05:
                    union = np.any([masks[n] for n in names], axis=0) if names else mask & False
                    best = max(best, np.linalg.norm(T[union]))
        assert np.linalg.norm(T[mask]) == pytest.approx(best)


@pytest.mark.parametrize("kind", ["groups", "entries"])
def test_a_greedy_set_is_within_the_tolerance_and_nothing_could_be_added(kind):
    g = np.random.default_rng(1)
    for _ in range(10):
        costs = np.triu(g.exponential(0.02, (N, N)), 1)
        mask = stabiliser(by_cost(costs), kind)
        assert costs[mask].sum() <= 0.05 + 1e-9
        left = np.argwhere(np.triu(~mask, 1))
        assert all(costs[mask].sum() + costs[i, j] > 0.05 for i, j in left)
        assert not np.tril(mask).any()


def test_cheap_couplings_go_first():
    costs = np.triu(np.full((N, N), 0.04), 1)
    costs[0, 1] = costs[2, 5] = costs[3, 4] = 0.004
    mask = stabiliser(by_cost(costs), "entries")
    assert mask[0, 1] and mask[2, 5] and mask[3, 4] and mask.sum() == 3


def test_a_greedy_set_does_not_live_on_luck():
    """Each entry costs 0.001 on average, but the trials differ: only many trials can tell."""
    form, costs = ordered_schur(T), np.triu(np.full((N, N), 0.001), 1)

    def with_trials(n):
        spread = torch.linspace(-1, 1, n, dtype=torch.float64) * 0.1

        return scored(T, form, lambda gone: 1 + costs[gone].sum() + gone.any() * spread, n)

    assert not stabiliser(with_trials(4), "entries").any()
    assert stabiliser(with_trials(400), "entries").sum() == 15
    assert stabiliser(with_trials(4), "blocks").sum() == 15


def test_groups_hold_both_rows_of_a_pair():
    W = np.zeros((4, 4))
    W[:2, :2], W[2, 2], W[3, 3] = [[0.9, 0.5], [-0.5, 0.9]], 0.3, 0.1
    W[0, 2], W[1, 2], W[0, 3], W[2, 3] = 1.0, 1.0, 1.0, 1.0
    costs = np.zeros((4, 4))
    form = ordered_schur(W)
    column = int(np.argmin(np.abs(np.diagonal(form.T) - 0.3)))
    costs[0, column] = 1.0
    mask = stabiliser(by_cost(costs, W), "groups")
    assert not mask[0, column] and not mask[1, column]  # one of the two costs: both stay
    entries = stabiliser(by_cost(costs, W), "entries")
    assert not entries[0, column] and entries[1, column]


def test_the_check_on_held_out_trials_can_fail_and_says_by_how_much():
    masks = ordered_schur(T).couplings()
    free, dear = np.zeros((N, N)), np.where(masks["CC"], 0.1, 0.0)
    good = stabilisers(by_cost(free), by_cost(free))
    assert good.holds.all() and (good.share == 1).all() and good.removed[0] == "RR+CR+CC"
    assert (good.n_CC == 3).all() and (good.n_CR == 9).all() and (good.n_RR == 3).all()
    np.testing.assert_allclose(good.mass, ordered_schur(T).removed_mass({"RR", "CR", "CC"}))
    bad = stabilisers(by_cost(free), by_cost(dear))
    assert not bad.holds.any()
    np.testing.assert_allclose(bad.held_out_harm, 0.3)
    np.testing.assert_allclose(bad.low, 0.3)
    np.testing.assert_allclose(bad.held_out_allowed, 0.05)


def test_where_more_is_better_the_errors_count():
    masks = ordered_schur(T).couplings()
    costs = np.where(masks["CR"], 0.002, 0.0)
    trials = by_cost(costs, metric="accuracy", base=0.9, higher=True)
    assert allowed_harm(trials) == pytest.approx(0.005)  # 5 % of 0.1, and our floor
    worse = by_cost(costs, metric="accuracy", base=0.5, higher=True)
    assert allowed_harm(worse) == pytest.approx(0.025)
    assert stabiliser(trials, "entries")[masks["CR"]].sum() == 2
    assert not stabiliser(trials, "blocks")[masks["CR"]].any()
    assert stabiliser(trials, "blocks", absolute=0.02).sum() == 15


def test_a_normal_matrix_has_nothing_to_lose():
    Q = np.linalg.qr(np.random.default_rng(0).standard_normal((N, N)))[0]
    trials = by_cost(np.ones((N, N)), 0.9 * Q)
    table = stabilisers(trials, trials)
    assert (table.mass < 1e-9).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "rows"}, "one of .*'entries'.*'rows'"),
        ({"tolerance": -0.1}, "≥ 0, got -0.1"),
        ({"absolute": float("nan")}, "≥ 0"),
        ({"alpha": 2}, "alpha"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        stabiliser(by_cost(np.zeros((N, N))), **arguments)


def test_what_has_no_error_needs_an_absolute_tolerance():
    trials = by_cost(np.zeros((N, N)), metric="reward", higher=True)
    with pytest.raises(ValueError, match="'reward'.*give absolute"):
        stabiliser(trials)
    assert stabiliser(trials, absolute=0.1).any()


def test_two_networks_are_not_compared():
    trials = by_cost(np.zeros((N, N)))
    with pytest.raises(ValueError, match="one network and one metric"):
        stabilisers(trials, by_cost(np.zeros((N, N)), 2 * T))
