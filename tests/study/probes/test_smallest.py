"""The smallest network where it is known: idle units, a linear memory, exact steps, similarities."""

import numpy as np
import pytest
import torch

from schur_lib import Network, tasks
from schur_lib.subjects import of_network, on_task
from study.probes import smallest as probe
from study.probes.linear import impulse_response
from study.probes.smallest import (
    conjugate_gradients,
    dimensions,
    equals,
    iterates,
    preconditioner,
    smallest,
    without_activation,
)
from study.probes.symmetries import tangent
from tests.study.probes.test_symmetries import drawn, network, of_itself


def test_idle_units_lose_their_weights_and_nothing_else_does():
    """Two units work, the other four are read by nothing: their rows go, and with them what only they read."""
    net, n = network(), 6
    W, W_xh, W_hy = (t.clone() for t in (net.W_hh, net.W_xh, net.W_hy))
    W[:2, 2:], W_hy[:, 2:] = 0, 0  # the idle ones reach neither the working units nor the readout
    trials = of_itself(Network(W_xh, W, W_hy))
    *_, last = iterates(trials, mu=1e-6)
    wanted = np.zeros((n, n))
    wanted[:2, :2] = W[:2, :2]
    np.testing.assert_allclose(last, wanted, atol=2e-3)
    table = smallest(trials, mu=1e-6)
    assert table.kept.iloc[-1] == pytest.approx(np.square(wanted).sum() / np.square(W.numpy()).sum(), rel=1e-2)
    assert table.kept[0] == 1 and table.moved[0] == 0 and table.fvu[0] < 1e-12
    assert (table.step == np.arange(len(table))).all() and table.dimensions.iloc[-1] <= 2


def memory(s=2, d=2, n=6, seed=0):
    """A linear copy network of more units than a perfect replay takes: a shift of s d units, turned, with the rest
    coupled into it; input and readout do not see the rest."""
    rng = np.random.default_rng(seed)
    shift = np.kron(np.roll(np.eye(s), 1, axis=0), np.eye(d))
    W = np.zeros((n, n))
    W[: s * d, : s * d] = shift
    W[:, s * d :] = 0.5 * rng.standard_normal((n, n - s * d)) / n**0.5
    W_xh, W_hy = np.zeros((n, d)), np.zeros((d, n))
    W_xh[:d], W_hy[:, :d] = 1e-4 * np.eye(d), 1e4 * np.eye(d)
    Q = np.linalg.qr(rng.standard_normal((n, n)))[0]
    return Network(*map(torch.from_numpy, (Q @ W_xh, Q @ W @ Q.T, W_hy @ Q.T)))


def test_the_smallest_copy_network_is_the_minimal_realisation(monkeypatch):
    """s d dimensions whose eigenvalues are the s-th roots of unity, d times each; no coupling is left."""
    monkeypatch.setattr(probe, "ACCURACY", 1e-4)
    monkeypatch.setattr(probe, "GAIN", 1e-8)
    net, s, d = memory(), 2, 2
    trials = on_task(net, tasks.copy(n_symbols=s, n_channels=d, horizon=8), n_trials=64, metric="fvu")
    before, *_, last = iterates(trials, mu=1e-5)
    assert dimensions(before) > s * d == dimensions(last)
    roots = np.sort(np.linalg.eigvals(last).real)
    np.testing.assert_allclose(roots, [-1, -1, 0, 0, 1, 1], atol=1e-3)
    perfect = impulse_response(net.W_xh.numpy(), last, net.W_hy.numpy(), 7)[1:]
    np.testing.assert_allclose(perfect, [np.eye(d) * (m % s == 0) for m in range(1, 7)], atol=1e-3)
    table = smallest(trials, mu=1e-5)
    masses = table[["mass_RR", "mass_CR", "mass_CC"]].to_numpy()
    assert masses[0].max() > 0.1 and masses[-1].max() < 1e-2


def test_a_step_is_that_of_gauss_and_newton(monkeypatch):
    monkeypatch.setattr(probe, "ACCURACY", 1e-6)
    monkeypatch.setattr(probe, "DAMPING", (10.0, 1e-7, 1e3))
    trials = of_network(network(seed=3), drawn(), drawn(seed=5)[:, :, :2])
    mu, nu, W = 1e-3, 10.0, trials.W_hh.numpy()
    of, size = tangent(trials), np.square(W).sum()
    J = of.rows()
    r = of.residual.transpose(0, 2, 1).ravel()
    step = np.linalg.solve(J.T @ J + (mu + nu) / size * np.eye(36), -(J.T @ r + mu / size * W.ravel()))
    first, second = list(iterates(trials, mu, iterations=1))
    np.testing.assert_allclose(first, W)
    assert np.linalg.norm((second - W).ravel() - step) < 1e-4 * np.linalg.norm(step)


def test_conjugate_gradients_with_a_perfect_preconditioner_need_one_step():
    of = tangent(of_itself(network()))
    rng = np.random.default_rng(0)
    A = rng.standard_normal((36, 36))
    A = A @ A.T + np.eye(36)
    b = rng.standard_normal((6, 6))
    exact = np.linalg.solve(A, b.ravel()).reshape(6, 6)
    product = lambda v: (A @ v.ravel()).reshape(6, 6)  # noqa: E731
    inverse = lambda v: np.linalg.solve(A, v.ravel()).reshape(6, 6)  # noqa: E731
    np.testing.assert_allclose(conjugate_gradients(product, b, inverse, 1), exact, atol=1e-8)
    found = conjugate_gradients(product, b, lambda v: v, 200)
    assert np.linalg.norm(found - exact) < 0.1 * np.linalg.norm(exact)
    # the trace is that of G, and the inverse is symmetric
    rough = preconditioner(of)(1.0)
    M = np.array([rough(e).ravel() for e in np.eye(36).reshape(36, 6, 6)])
    np.testing.assert_allclose(M, M.T, atol=1e-12)
    J = of.rows()
    assert np.trace(np.linalg.inv(M)) - 36 == pytest.approx(np.square(J).sum(), rel=0.5)


@pytest.mark.parametrize("size", [1.0, 1e3])
def test_the_preconditioner_has_the_trace_of_one_random_mixture_however_large_the_targets_are(size):
    of = tangent(of_network(network(), drawn(), size * drawn(seed=5)))
    signs = np.random.default_rng(0).choice([-1.0, 1.0], of.weight.shape)
    of_trial = [signs * (np.arange(20) == b)[:, None] for b in range(20)]
    trace = sum(np.square(of.pull(c)).sum() for c in of_trial)
    rough = preconditioner(of)(trace / 36)
    M = np.array([rough(e).ravel() for e in np.eye(36).reshape(36, 6, 6)])
    assert np.trace(np.linalg.inv(M)) == pytest.approx(2 * trace, rel=1e-6)


def test_the_objective_falls_and_same_keeps_the_outputs():
    trials = on_task(network(n_x=3, n_y=3), tasks.flip_flop(steps=6), n_trials=40)
    trials = of_network(network(n_x=3, n_y=3), trials.inputs, trials.targets)
    table, same = smallest(trials, mu=1e-2), smallest(trials, mu=1e-2, same=True)
    objective = table.fvu + 1e-2 * table.kept
    assert (np.diff(objective) < 0).all() and len(table) > 2
    assert same.moved.iloc[-1] < 0.01 < table.moved.iloc[-1]
    assert (np.diff(same.moved + 1e-2 * same.kept) < 0).all()


def test_similarities_are_equal_in_a_linear_network_and_profiles_are_those_of_the_ablations():
    net = network(scale=1e-5)
    trials = of_itself(net)
    table = equals(trials, trials, mu=1e-4, iterations=2).set_index("way")
    similar = table.loc["similar"]
    assert similar.moved.max() < 1e-6 and similar.harm_CC.std() > 0 and len(similar) == 12
    own = table.loc["task"].iloc[0]
    harms = trials.harms(trials.form.ablate({name}) for name in ("RR", "CR", "CC"))
    assert own[["harm_RR", "harm_CR", "harm_CC"]].tolist() == pytest.approx(harms.tolist())
    assert own.score == pytest.approx(trials.intact, abs=1e-9) and own.fvu_held_out == own.score


def test_mu_and_the_matrix_must_not_be_zero():
    trials = of_itself(network())
    with pytest.raises(ValueError, match="mu must be a number above 0"):
        next(iterates(trials, 0))
    zero = of_network(
        Network(trials.network.W_xh, 0 * trials.W_hh, trials.network.W_hy), trials.inputs, trials.targets
    )
    with pytest.raises(ValueError, match="W_hh must not be zero"):
        next(iterates(zero))


def test_dimensions():
    assert dimensions(np.diag([1.0, 1, 0.01])) == 2 and dimensions(np.zeros((3, 3))) == 0
    assert dimensions(np.eye(4), 0.5) == 2


def test_without_activation_the_outputs_are_those_of_the_impulse_response():
    net, x = network(), drawn()
    trials = without_activation(of_network(net, x, x))
    (outputs,) = trials.outputs([net.W_hh])
    G = impulse_response(net.W_xh.numpy(), net.W_hh.numpy(), net.W_hy.numpy(), 9)
    by_hand = [sum(x[t - m].numpy() @ G[m].T for m in range(t + 1)) for t in range(9)]
    np.testing.assert_allclose(outputs, by_hand, rtol=1e-5, atol=1e-5)
    with pytest.raises(ValueError, match="tanh"):
        without_activation(of_network(network(activation="relu"), x, x))


def test_the_ways_without_activation_are_scored_with_it():
    trials = of_itself(network())
    table = equals(trials, trials, mu=1e-4, iterations=1, linear=True).set_index("way")
    assert table.loc["similar"].moved.max() < 1e-6 < 1e-3 < table.loc["similar"].score.max()
