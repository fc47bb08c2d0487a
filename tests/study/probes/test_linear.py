"""The linear account of the copy task on networks whose response is known."""

import numpy as np
import pytest
import torch
from scipy.stats import norm

from schur_lib import Network, tasks
from schur_lib.schur import SUBSETS, label
from schur_lib.subjects import on_task
from study.probes.linear import closed_form, hankel_values, impulse_response, replays, sectors

TASK = tasks.copy(n_symbols=3, n_channels=2, horizon=9)


def shift(extra=0, size=1e-3):
    """The perfect memory: s blocks of d units, turned on by one block a step; and some units that do nothing.

    The states are so small that tanh does nothing; the readout makes up for it.
    """
    n = 6 + extra
    W, W_xh, W_hy = torch.zeros(n, n), torch.zeros(n, 2), torch.zeros(2, n)
    for i in range(3):
        W[2 * ((i + 1) % 3) : 2 * ((i + 1) % 3) + 2, 2 * i : 2 * i + 2] = torch.eye(2)
    W_xh[:2], W_hy[:, :2] = size * torch.eye(2), torch.eye(2) / size
    return Network(*(a.double() for a in (W_xh, W, W_hy)))


def random_network(seed=0, n=10, scale=1e-4):
    g = torch.Generator().manual_seed(seed)
    W = torch.randn(n, n, generator=g, dtype=torch.float64)
    W = W / torch.linalg.eigvals(W).abs().max()
    W_xh, W_hy = (torch.randn(*shape, generator=g, dtype=torch.float64) for shape in ((n, 2), (2, n)))
    return Network(scale * W_xh, W, W_hy)


def test_a_perfect_replay_has_the_response_of_the_proposition():
    net = shift()
    G = impulse_response(*(a.numpy() for a in (net.W_xh, net.W_hh, net.W_hy)), 12)
    for m in range(12):
        np.testing.assert_allclose(G[m], np.eye(2) if m % 3 == 0 else 0, atol=1e-12)
    assert closed_form(G, 3, 9) == 1.0
    values = hankel_values(G[1:], 6)
    assert np.sum(values > 1e-9) == 6 and values.min() < 1e-12
    trials = on_task(net, TASK, 64)
    assert trials.intact == 1.0 and replays(trials).loc[0, ["linear", "closed_form"]].tolist() == [1, 1]


def test_the_closed_form_against_a_naive_loop_and_against_chance():
    G = np.random.default_rng(0).normal(size=(13, 2, 2))
    by_hand = []
    for t in range(1, 10):
        k = (t - 1) % 3 + 1
        for c in range(2):
            wanted = G[t + 3 - k][c, c]
            rest = sum(G[t + 3 - j][c, i] ** 2 for j in (1, 2, 3) for i in (0, 1)) - wanted**2
            by_hand.append(norm.cdf(wanted / rest**0.5))
    assert closed_form(G, 3, 9) == pytest.approx(np.mean(by_hand))
    assert closed_form(np.zeros((13, 2, 2)), 3, 9) == 0.5


def test_the_closed_form_is_the_accuracy_of_a_linear_network():
    task = tasks.copy(n_symbols=8, n_channels=2, horizon=8)
    trials = on_task(random_network(3, 16), task, 4096)
    table = replays(trials, alpha=0.7)
    assert table.removed.tolist() == [label(s) for s in SUBSETS]
    np.testing.assert_allclose(table.linear, table.score, atol=1e-12)
    np.testing.assert_allclose(table.closed_form, table.score, atol=0.02)
    assert np.ptp(table.score) > 0.1 and (table.closed_form - table.score).abs().max() > 1e-6


def test_with_saturation_the_network_is_not_linear():
    table = replays(on_task(random_network(1, 10, scale=30.0), TASK, 512), alpha=0.7)
    assert (table.linear - table.score).abs().max() > 0.02


def test_the_response_falls_apart_as_the_proposition_says():
    net = random_network()
    trials = on_task(net, TASK, 4)
    row, form = sectors(trials, alpha=0.7).loc[0], trials.form
    assert 0 < row.n_complement < 10 and row.not_cascade < 1e-12
    Wx, W, Wy = (a.numpy() for a in (net.W_xh, net.W_hh, net.W_hy))
    G = {r: impulse_response(Wx, form.ablate(r, 0.7), Wy, 12)[1:] for r in ((), ("CR",), ("CC",), ("CR", "CC"))}
    size = np.linalg.norm(G[()])
    assert row.cascade == pytest.approx(np.linalg.norm(G[()] - G["CR",]) / size)
    assert row.CC == pytest.approx(np.linalg.norm(G["CC",] - G[()]) / size)
    both = G["CR", "CC"] - G["CR",]
    assert row.CC_after_CR == pytest.approx(np.linalg.norm(both) / size)
    assert row.CC_after_CR_late == pytest.approx(np.linalg.norm(both[3:]) / size)
    n = 10 - int(row.n_complement)
    C = Wy @ form.Q
    decays = [np.linalg.norm(C[:, n:] @ np.linalg.matrix_power(form.T[n:, n:], m)) for m in (1, 40)]
    assert decays[1] < 1e-3 * decays[0]
    assert row.memory == pytest.approx(
        np.linalg.norm(impulse_response((form.Q.T @ Wx)[:n], form.T[:n, :n], C[:, :n], 12)[1:]) / size
    )


def test_sectors_of_the_perfect_memory():
    """Six units on the unit circle and two dead ones: nothing of the maps is in the complement."""
    row = sectors(on_task(shift(extra=2), TASK, 4)).loc[0]
    assert row.n_complement == 2 and row.in_band == 0
    assert row[["input_C", "readout_C", "CC", "cascade", "imperfect", "beyond"]].abs().max() < 1e-7
    assert row.memory == pytest.approx(1)


def test_where_the_band_is_empty_every_threshold_in_it_gives_the_same_blocks():
    W = torch.diag(torch.tensor([1.0, 0.96, 0.84, 0.3])).double() + torch.triu(torch.ones(4, 4), 1).double()
    g = torch.Generator().manual_seed(0)
    maps = (torch.randn(*s, generator=g, dtype=torch.float64) for s in ((4, 2), (2, 4)))
    W_xh, W_hy = maps
    form = on_task(Network(W_xh, W, W_hy), TASK, 4).form
    assert sectors(on_task(Network(W_xh, W, W_hy), TASK, 4)).in_band[0] == 0
    for alpha in (0.85, 0.9, 0.95):
        assert form.n_leading(alpha) == 2
    W[1, 1] = 0.9
    assert sectors(on_task(Network(W_xh, W, W_hy), TASK, 4)).in_band[0] == 1


def test_a_network_that_does_not_run_on_is_refused():
    g = torch.Generator().manual_seed(0)
    net = Network(*(torch.randn(*s, generator=g) / 3 for s in ((5, 3), (5, 5), (3, 5))))
    with pytest.raises(ValueError, match="as on the copy task; got Network with 0 free steps"):
        replays(on_task(net, tasks.flip_flop(), 4))
