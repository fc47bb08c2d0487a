"""The directions of weight space where they are known: finite differences, planes, linear networks, idle units."""

import numpy as np
import pytest
import torch
from torch import nn

from schur_lib import Network, evaluation, tasks
from schur_lib.subjects import of_network, on_task
from study.probes import symmetries as probe
from study.probes.linear import impulse_response
from study.probes.symmetries import AMOUNT, FREE, LIMITS, directions, finite, geometric, symmetries, tangent


def network(n=6, n_x=2, n_y=2, seed=0, scale=1.0, **more):
    g = torch.Generator().manual_seed(seed)
    draw = lambda *shape: torch.randn(*shape, generator=g, dtype=torch.float64)  # noqa: E731
    return Network(draw(n, n_x) * scale, 0.8 * draw(n, n) / n**0.5, draw(n_y, n), **more)


def drawn(n_steps=9, n_trials=20, n_x=2, seed=1):
    g = torch.Generator().manual_seed(seed)
    return torch.randn(n_steps, n_trials, n_x, generator=g, dtype=torch.float64)


def of_itself(net, inputs=None, free_steps=0):
    """A network whose targets are its own outputs: ΔFVU is the discrepancy of the outputs alone."""
    inputs = drawn(n_x=net.n_inputs) if inputs is None else inputs
    empty = of_network(net, inputs, torch.zeros(1, inputs.shape[1], net.n_outputs), free_steps=free_steps)
    return of_network(
        net, inputs, next(empty.run([net.W_hh]))[-(free_steps or len(inputs)) :], free_steps=free_steps
    )


def g_matrix(of):
    J = of.rows()
    return J.T @ J


@pytest.mark.parametrize(
    "more", [{}, {"activation": "relu"}, {"b_h": torch.full((6,), 0.3).double(), "h0": torch.ones(6).double()}]
)
def test_G_is_the_second_derivative_of_the_fvu_by_finite_differences(more):
    trials = of_itself(network(**more))
    small, W = 1e-5, trials.W_hh.numpy()
    steps = small * np.eye(36).reshape(36, 6, 6)
    plus, minus = ([y.numpy() for y in trials.outputs(W + sign * steps)] for sign in (1, -1))
    J = np.array([(a - b) / (2 * small) for a, b in zip(plus, minus, strict=True)])
    targets = trials.targets.numpy()
    by_hand = np.einsum("atbo,ctbo->ac", J, J) / (
        9 * 20 * np.square(targets - targets.mean((0, 1))).sum(-1).mean()
    )
    np.testing.assert_allclose(g_matrix(tangent(trials)), by_hand, rtol=1e-5, atol=1e-8 * by_hand.max())


def test_products_are_those_with_the_rows():
    trials = on_task(network(n_x=3, n_y=3).double(), tasks.flip_flop(steps=7), n_trials=5)
    of, rng = tangent(trials), np.random.default_rng(0)
    J, dW, c = of.rows(), rng.standard_normal((2, 6, 6)), rng.standard_normal((2, *of.weight.shape))
    flat = c.transpose(0, 1, 3, 2).reshape(2, -1)  # rows go by step, output, trial
    np.testing.assert_allclose(
        of.push(dW).transpose(0, 1, 3, 2).reshape(2, -1), dW.reshape(2, -1) @ J.T, atol=1e-12
    )
    np.testing.assert_allclose(of.pull(c).reshape(2, -1), flat @ J, atol=1e-12)
    assert np.square(of.residual).sum() == pytest.approx(trials.intact)


def test_a_target_that_is_not_scored_fixes_nothing():
    trials = of_itself(network())
    targets = trials.targets.clone()
    targets[4:] = float("nan")
    masked = of_network(trials.network, trials.inputs, targets)
    W = masked.W_hh.numpy()
    assert np.square(tangent(masked, 0.9 * W).residual).sum() == pytest.approx(float(masked.scores([0.9 * W])[0]))
    assert not tangent(masked).rows().reshape(9, -1, 36)[4:].any()


def test_random_signs_have_the_same_mean():
    of = tangent(of_itself(network(n=3), drawn(4, 3)))
    mean = np.mean([(J := of.rows(8, seed)).T @ J for seed in range(400)], axis=0)
    G = g_matrix(of)
    assert np.abs(mean - G).max() < 0.03 * G.max()


def test_where_states_span_a_plane_all_that_acts_elsewhere_is_free():
    """W and the inputs write into the first two units only: four of six columns never meet the activity."""
    net = network()
    W_xh, W = net.W_xh.clone(), net.W_hh.clone()
    W_xh[2:], W[2:] = 0, 0
    of = tangent(of_itself(Network(W_xh, W, net.W_hy)))
    values, vectors = directions(of)
    assert np.abs(vectors[:, :, 2:]).max() < 1e-9  # every direction that costs anything reads the plane
    J = of.rows()
    assert np.linalg.matrix_rank(J) == 12
    table = symmetries(of_itself(Network(W_xh, W, net.W_hy))).set_index("what")
    assert table.free["off"] == table.number["off"] == 24
    assert table.share["off"] == pytest.approx(1) and table.cost["off"] == pytest.approx(0, abs=1e-12)


def test_a_linear_network_in_closed_form():
    """Tiny states, white input: G = Σ_m w_m Σ (W_hy W^p)ᵀ(W_hy W^p') ⊗ … from the impulse response; its null space
    are the similarities that fix both maps, (N − N_x)(N − N_y) dimensions (proposition of the chapter)."""
    n, n_x, n_y, steps = 6, 2, 1, 14
    net = network(n, n_x, n_y, scale=1e-5)
    x = 1e-5 * torch.eye(n_x, dtype=torch.float64).reshape(1, n_x, n_x)  # one impulse a trial
    of = tangent(of_itself(net, x, free_steps=steps))
    Wx, W, Wy = (t.numpy() for t in (net.W_xh, net.W_hh, net.W_hy))
    power = [np.linalg.matrix_power(W, k) for k in range(steps + 1)]
    J = [
        [
            sum(np.outer(power[m - 1 - q].T @ Wy[0], power[q] @ Wx[:, c]).ravel() for q in range(m))
            for c in range(n_x)
        ]
        for m in range(1, steps + 1)
    ]
    y = impulse_response(Wx, W, Wy, steps + 1)[1:, 0]
    by_hand = np.einsum("mca,mcb->ab", J, J) / (steps * n_x * np.square(y - y.mean()).mean())
    G = g_matrix(of)
    np.testing.assert_allclose(G, by_hand, rtol=1e-6, atol=1e-9 * by_hand.max())
    values, vectors = np.linalg.eigh(G)
    free = (n - n_x) * (n - n_y)
    assert values[free - 1] < 1e-12 * values[-1] < 1e-3 * values[free]
    away = [np.eye(n) - np.linalg.pinv(A) @ A for A in (Wy, Wx.T)]
    X = away[0] @ np.random.default_rng(0).standard_normal((n, n)) @ away[1]
    change = (X @ W - W @ X).ravel()
    assert np.abs(vectors[:, free:].T @ change).max() < 1e-8 * np.linalg.norm(change)


@pytest.mark.parametrize("n_trials", [3, 20])
def test_directions_are_of_unit_length_and_cost_what_is_said_of_few_rows_and_of_many(n_trials):
    of = tangent(of_itself(network(), drawn(2, n_trials)))
    assert (of.weight.size < 36) == (n_trials == 3)
    values, vectors = directions(of)
    flat = vectors.reshape(-1, 36)
    np.testing.assert_allclose(flat @ flat.T, np.eye(len(flat)), atol=1e-6)
    costs = [np.square(of.push(v)).sum() for v in vectors]
    np.testing.assert_allclose(costs, values, rtol=1e-6, atol=1e-9 * values[0])


def test_too_many_rows_are_mixed_to_as_many_as_are_allowed(monkeypatch):
    of, asked, rows = tangent(of_itself(network())), [], probe.Tangent.rows
    monkeypatch.setattr(probe, "ROWS", 60)  # of 360, on 20 trials
    monkeypatch.setattr(
        probe.Tangent, "rows", lambda self, signs, seed: asked.append(signs) or rows(self, signs, seed)
    )
    directions(of)
    assert asked == [3]


def test_the_count_does_not_depend_on_which_trials_were_drawn():
    counts = []
    for seed in range(3):
        tiny = tangent(of_itself(network(scale=1e-5), drawn(seed=seed)))
        costs = np.linalg.eigvalsh(g_matrix(tiny))
        assert (costs > 1e-10 * costs[-1]).sum() == 36 - (6 - 2) * (6 - 2)  # the proposition's, on any trials
        table = symmetries(of_itself(network(), drawn(n_trials=400, seed=seed)))
        counts.append(table[table.what == "above"].number.tolist())
    assert np.ptp(counts, axis=0).max() <= 1 < np.ptp(counts, axis=1).min()


def test_lanczos_finds_what_the_whole_matrix_says(monkeypatch):
    of = tangent(of_itself(network(n=8)))
    exact = directions(of)[0]
    monkeypatch.setattr(probe, "EXACT", 7)
    monkeypatch.setattr(probe, "DEAREST", 5)
    values, vectors = directions(of)
    np.testing.assert_allclose(values, exact[:5], rtol=1e-3)
    assert [np.square(of.push(v)).sum() for v in vectors] == pytest.approx(values.tolist(), rel=1e-3)
    above = symmetries(of_itself(network(n=8))).query("what == 'above'").number
    assert above.isna().any()  # more may cost more than 1e-5 than the five that were looked for


def test_the_table_against_the_whole_matrix():
    trials = of_itself(network())
    of, form, W = tangent(trials), trials.form, trials.W_hh.numpy()
    G, size = g_matrix(of), np.square(W).sum()
    values, vectors = np.linalg.eigh(G)
    costs = AMOUNT**2 * size * values
    table = symmetries(trials, alpha=0.5)
    above = table[table.what == "above"].set_index("cost").number
    assert above.tolist() == [(costs > limit).sum() for limit in LIMITS]
    assert table[table.what == "spectrum"].cost.tolist() == pytest.approx(
        [costs[::-1][i] for i in geometric((costs > min(LIMITS)).sum())]
    )
    for name, mask in form.couplings(0.5).items():
        row, dW = table.set_index("what").loc[name], form.part(mask).ravel()
        i, j = np.nonzero(mask)
        basis = np.einsum("ik,jk->kij", form.Q[:, i], form.Q[:, j]).reshape(len(i), 36)
        inside = AMOUNT**2 * size * np.linalg.eigvalsh(basis @ G @ basis.T)
        assert (row.number, row.free) == (mask.sum(), (inside <= FREE).sum())
        assert row.cost == pytest.approx(dW @ G @ dW)
        assert row.mass == pytest.approx(form.removed_mass({name}, 0.5))
        assert row.isotropic == pytest.approx(dW @ dW * np.trace(G) / 36, rel=1e-3)
        free = vectors[:, costs <= FREE]
        if dW.any():
            assert row.share == pytest.approx(np.square(free.T @ dW).sum() / (dW @ dW), abs=1e-9)


def test_a_change_in_the_free_space_costs_less_than_one_anywhere():
    net = network()
    W_xh, W = net.W_xh.clone(), net.W_hh.clone()
    W_xh[2:], W[2:] = 0, 0
    trials = of_itself(Network(W_xh, W, net.W_hy))
    table = finite(trials, trials, amounts=(0.05,))
    assert (table.free < table.anywhere).all() and len(table) == 4


def test_what_has_no_slopes_is_refused():
    gru, x = nn.GRU(2, 4), torch.randn(5, 6, 2)
    trials = evaluation(gru, "weight_hh_l0", x, gru(x)[0].detach(), forward=lambda m, x: m(x)[0], gate="new")
    with pytest.raises(ValueError, match="Network"):
        symmetries(trials)


def test_a_geometric_row():
    assert geometric(0) == [] and geometric(1) == [0] and geometric(3) == [0, 1, 2]
    assert geometric(1000)[-1] == 999 and len(geometric(1000)) < 70
