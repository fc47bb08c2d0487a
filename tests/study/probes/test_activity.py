"""The subspace controls where the answer is known: silent units, carriers, linear codes."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from schur_lib import Network, evaluation, ordered_schur, tasks
from schur_lib.dynamics import plain_states
from schur_lib.profile import ablation_profile
from schur_lib.subjects import on_task
from schur_lib.tasks import held_out
from study.probes.activity import (
    active_mass,
    activity_basis,
    activity_moments,
    decoders,
    directions,
    halves,
    ridge,
    rotations,
)
from study.probes.nulls import random_orthogonal

# One sign, held for four steps.
TASK = tasks.copy(n_symbols=1, n_channels=1, horizon=4)
RNG = np.random.default_rng


def silent_units():
    """A network of 4 units that holds one sign; units 2 and 3 are never driven.

    W_hh is its own ordered Schur form: R = {0, 1}, C = {2, 3}. Unit 1 gets the input, only the
    coupling RR takes it to unit 0, and the readout sees unit 0 alone: RR carries the task. The
    couplings CR and CC start from units 2 and 3, which stay at 0: they never meet the activity.
    """
    W = torch.diag(torch.tensor([1.0, 0.95, 0.4, 0.3]))
    W[0, 1], W[:2, 2:], W[2, 3] = 5.0, 2.0, 3.0
    return Network(torch.eye(4)[:, 1:2].clone(), W, torch.eye(4)[:1].clone())


def turned(net, seed=0):
    """The same network in a random basis of its hidden space; only its activation is not turned."""
    U = torch.from_numpy(random_orthogonal(1, net.hidden_size, RNG(seed))[0]).float()
    return Network(U @ net.W_xh, U @ net.W_hh @ U.T, net.W_hy @ U.T)


def by_fvu(net, n_trials=32):
    return on_task(net, TASK, n_trials, metric="fvu")


def three_sets(net, n_trials):
    return [on_task(net, TASK, n_trials, seed) for seed in (1, 2, 0)]


def test_activity_moments_are_those_of_the_states_that_the_weights_act_on():
    net = silent_units()
    inputs, _ = held_out(TASK, 16)
    states = plain_states(net, inputs, free_steps=4).numpy()
    states = np.concatenate([np.zeros((1, 16, 4)), states[:-1]])  # from h_0, without the last one
    naive = sum(np.outer(h, h) for step in states for h in step) / (5 * 16)
    assert_allclose(activity_moments(by_fvu(net, 16)), naive, atol=1e-6)


@pytest.mark.filterwarnings("ignore:this network does not do the task")
def test_steps_after_the_last_one_that_is_scored_are_no_activity():
    net, inputs, padded = silent_units(), torch.randn(6, 4, 1), torch.full((3, 4, 1), torch.nan)
    for trial, n in enumerate((1, 2, 0, 3)):  # the third trial is not scored at all
        padded[:n, trial] = torch.randn(n, 1)
    padded[0, 3] = torch.nan  # a gap within a trial is no padding
    trials = evaluation(net, "W_hh", inputs, padded)
    states, kept = trials.acted_on().numpy(), [3 + 1, 3 + 2, 0, 3 + 3]  # three steps come before the scored ones
    naive = sum(np.outer(h, h) for trial, n in enumerate(kept) for h in states[:n, trial]) / sum(kept)
    assert_allclose(activity_moments(trials), naive, atol=1e-12)


def test_the_activity_basis_holds_the_share_it_says_and_no_fewer_would_do():
    U = random_orthogonal(1, 6, RNG(0))[0]
    C = U @ np.diag([5.0, 3.0, 1.5, 0.4, 0.1, 0.0]) @ U.T
    for share, k in ((0.5, 1), (0.51, 2), (0.8, 2), (0.81, 3), (0.99, 4), (1, 5)):
        V = activity_basis(C, share)
        assert V.shape == (6, k)
        assert_allclose(V.T @ V, np.eye(k), atol=1e-12)
        assert np.trace(V.T @ C @ V) >= share * np.trace(C) - 1e-12
    assert activity_basis(np.zeros((3, 3))).shape == (3, 0)
    with pytest.raises(ValueError, match="share must be"):
        activity_basis(C, 99)


def test_active_mass_is_the_mean_over_states():
    rng = RNG(1)
    W, dW, states = rng.normal(size=(5, 5)), rng.normal(size=(5, 5)), rng.normal(size=(40, 5))
    naive = np.mean([np.sum((dW @ h) ** 2) for h in states])
    naive /= np.mean([np.sum((W @ h) ** 2) for h in states])
    C = states.T @ states / len(states)
    assert_allclose(active_mass(dW, W, C), naive)
    assert_allclose(active_mass(W, W, C), 1)
    assert np.isnan(active_mass(dW, W, np.zeros((5, 5))))


def test_a_block_that_never_meets_the_activity_has_no_active_mass_and_no_effect():
    table = halves(by_fvu(silent_units()))
    safe = table[table.removed.isin(["CR", "CC"])]
    assert (safe.delta == 0).all() and (safe.active_mass == 0).all()
    whole = safe[safe.part == "whole"]
    assert (whole.mass > 0.3).all()
    # all of it is off the activity
    assert_allclose(safe.mass[safe.part == "off"], np.repeat(whole.mass, 3), rtol=1e-6)
    assert_allclose(safe.mass[safe.part == "on"], 0, atol=1e-7)


def test_a_block_that_alone_carries_the_task_carries_it_on_the_activity():
    table = halves(by_fvu(silent_units()))
    rows = table[(table.removed == "RR") & (table.share == 0.999)].set_index("part")
    whole = table[(table.removed == "RR") & (table.part == "whole")].iloc[0]
    assert whole.delta == pytest.approx(1, abs=0.1)  # the output is 0: an FVU of 1 or so
    assert rows.delta["on"] == pytest.approx(whole.delta, abs=1e-6)
    assert rows.delta["off"] == pytest.approx(0, abs=1e-6)
    assert rows.active_mass["on"] == pytest.approx(whole.active_mass)


def test_the_halves_are_the_block_and_orthogonal_to_each_other():
    net = turned(silent_units(), 3)
    table = halves(by_fvu(net))
    for name in ("RR", "CR", "CC"):
        part = table[table.removed == name].set_index(["part", "share"]).mass
        whole = part["whole"].iloc[0]
        for share in (0.95, 0.99, 0.999):
            assert part["on", share] ** 2 + part["off", share] ** 2 == pytest.approx(whole**2)
    profile = ablation_profile(net, TASK).set_index("removed")
    whole = table[table.part == "whole"].set_index("removed")
    assert_allclose(whole.mass, profile.mass[whole.index], rtol=1e-6)


def test_rotations_of_a_block_off_the_activity_do_nothing_and_others_read_the_same():
    table = rotations(by_fvu(silent_units(), 64), draws=20).set_index("removed")
    for name in ("CR", "CC"):
        row = table.loc[name]
        assert row.delta == row.rotated_low == row.rotated_high == row.effect == 0
    assert table.delta["RR"] == pytest.approx(1, abs=0.1) and table.rotated_high["RR"] > 0.01


def test_angles_of_a_block_to_the_subspaces_it_reads_and_writes():
    table = directions(by_fvu(silent_units()), draws=10)
    table = table.set_index(["removed", "side", "subspace"])
    # RR reads unit 1 and writes unit 0; the drive enters unit 1; the readout sees unit 0
    assert table.overlap["RR", "input", "drive"] == pytest.approx(1)
    assert table.overlap["RR", "output", "readout"] == pytest.approx(1)
    assert table.overlap["RR", "input", "readout"] == pytest.approx(0, abs=1e-9)
    assert table.smallest["RR", "output", "drive"] == pytest.approx(90)
    # CR and CC read units 2 and 3, where nothing happens
    for name in ("CR", "CC"):
        for row in table.loc[[(name, "input", s) for s in ("activity", "readout", "drive")]].itertuples():
            assert row.overlap == pytest.approx(0, abs=1e-9) and row.median == pytest.approx(90)
    assert table.n_subspace["RR", "input", "activity"] == 2
    assert (table.overlap_chance == np.maximum(table.n_block, table.n_subspace) / 4).all()


def test_the_overlap_of_random_subspaces_is_its_expectation():
    from scipy.linalg import subspace_angles

    n, k, N = 3, 5, 12
    drawn = [
        np.mean(np.cos(subspace_angles(np.eye(N)[:, :n], U[:, :k])) ** 2)
        for U in random_orthogonal(400, N, RNG(0))
    ]
    assert_allclose(np.mean(drawn), max(n, k) / N, atol=0.02)


def test_ridge_recovers_a_linear_code_and_chooses_to_shrink_noise():
    g = torch.Generator().manual_seed(0)
    H, H_val = (torch.randn(5, 60, 7, generator=g).double() for _ in range(2))
    code = torch.randn(2, 7, generator=g).double()
    assert_allclose(ridge(H, H @ code.T, H_val, H_val @ code.T), code, atol=1e-6)
    noise, noise_val = (torch.randn(5, 60, 2, generator=g).double() for _ in range(2))
    few = H[:, :3]  # 15 states for 7 weights: an unpenalised fit would follow the noise
    shrunk = ridge(few, noise[:, :3], H_val, noise_val)
    free = torch.linalg.lstsq(few.reshape(-1, 7), noise[:, :3].reshape(-1, 2)).solution.T
    assert shrunk.norm() < 0.5 * free.norm()
    assert not ridge(0 * H, noise, H_val, noise_val).any()


def test_ridge_agrees_with_its_normal_equations():
    g = torch.Generator().manual_seed(1)
    H, y = torch.randn(1, 50, 4, generator=g).double(), torch.randn(1, 50, 3, generator=g).double()
    W = ridge(H, y, H, y)  # validated on the fit itself: the smallest penalty wins
    A, lam = H[0].T @ H[0], 1e-8
    exact = torch.linalg.solve(A + lam * A.trace() / 4 * torch.eye(4), H[0].T @ y[0]).T
    assert_allclose(W, exact, rtol=1e-8)


def test_a_refitted_decoder_finds_what_the_readout_no_longer_sees():
    """Without RR the sign stays in unit 1: the readout sees 0, a new decoder sees everything."""
    table = decoders(*three_sets(silent_units(), 32)).set_index("removed")
    assert table.fixed[""] == table.refitted[""] == 1
    assert table.fixed["RR"] == 0 and table.refitted["RR"] == 1
    assert (table.fixed[["CR", "CC"]] == 1).all()


def test_a_refitted_decoder_finds_nothing_where_nothing_is_left():
    """A unit without self-coupling forgets, once the block that feeds it is gone."""
    W = torch.tensor([[1.0, 5.0], [0.0, 0.0]])
    net = Network(torch.tensor([[0.0], [1.0]]), W, torch.tensor([[1.0, 0.0]]))
    table = decoders(*three_sets(net, 64)).set_index("removed")
    assert table.refitted[""] == 1 and table.refitted["CR"] == 0
    assert ordered_schur(W).n_leading() == 1


def test_the_fixed_readout_scores_as_in_the_ablation_profile():
    net = turned(silent_units(), 5)
    table = decoders(*three_sets(net, 256)).set_index("removed")
    profile = ablation_profile(net, TASK, n_trials=256).set_index("removed")
    assert_allclose(table.fixed, profile.score[table.index], atol=5e-3)


def test_halves_and_rotations_of_anyones_network(anyone):
    trials = anyone()
    table = halves(trials, shares=(0.9,))
    assert table.part.tolist() == ["whole", "on", "off"] * 3
    whole = table[table.part == "whole"].set_index("removed")
    for name, row in whole.iterrows():
        (score,) = trials.scores([trials.form.ablate({name})])
        assert row.delta == pytest.approx(float(score) - trials.intact, abs=1e-9)
        assert row.harm == trials.metric.harm(0, -row.delta)  # as much worse as the score says
    assert (table.active_mass.dropna() >= 0).all() and (whole.mass > 0).any()
    turned_blocks = rotations(trials, draws=4).set_index("removed")
    assert_allclose(turned_blocks.delta, whole.harm[turned_blocks.index], atol=1e-9)


def test_directions_of_anyones_network_and_of_a_plain_one_its_readout_and_drive(gated, copier):
    for trials, expected in ((gated(), 1), (copier(), 3)):
        table = directions(trials, draws=3)
        assert table.subspace.nunique() == expected and table.overlap.between(0, 1 + 1e-9).all()


def test_a_decoder_of_anyones_network(anyone):
    fit, choose, held = (anyone(seed) for seed in (1, 2, 0))
    table = decoders(fit, choose, held)
    assert table.fixed[0] == pytest.approx(held.intact, abs=1e-6)
    assert len(table) == 8 and (table.metric == held.metric.name).all()
    assert np.isfinite(table.refitted).all()


def test_a_decoder_is_not_fitted_to_classes(gated):
    trials = gated()
    with pytest.raises(ValueError, match="accuracy has classes"):
        decoders(*[trials.scored_by("accuracy")] * 3)
