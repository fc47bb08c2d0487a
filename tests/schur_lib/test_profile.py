"""The ablation profile against its definition, and where the answer is known."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from schur_lib import Network, ablation_profile, ordered_schur, tasks
from schur_lib.dynamics import plain_states
from schur_lib.profile import held_out, scores_of
from schur_lib.schur import SUBSETS, label

TASK = tasks.copy(n_symbols=2, n_channels=2, horizon=12)


def network(W_hh=None, n=9, seed=0):
    g = torch.Generator().manual_seed(seed)
    draw = lambda *s: torch.randn(*s, generator=g)  # noqa: E731
    W = draw(n, n) / n**0.5 if W_hh is None else W_hh
    return Network(draw(n, 2), W, draw(2, n))


def test_each_row_is_what_the_definition_says():
    net = network()
    table = ablation_profile(net, TASK, batch_size=32)
    assert list(table.removed) == [label(s) for s in SUBSETS] and table.removed[0] == ""
    form, (inputs, targets) = ordered_schur(net.W_hh), held_out(TASK, 32)
    N = form.T.copy()
    for row, removed in zip(table.itertuples(), SUBSETS, strict=True):
        T = form.T.copy()
        for name in removed:
            T[form.couplings()[name]] = 0
        assert_allclose(row.mass, np.linalg.norm(N - T) / np.linalg.norm(N), rtol=1e-12)
        W = torch.from_numpy(form.Q @ T @ form.Q.T).float()
        outputs = (plain_states(net, inputs, W, free_steps=12) @ net.W_hy.T)[2:]
        right = (torch.sign(outputs) == targets).float().mean()
        assert abs(row.score - float(right)) < 2e-3
        assert_allclose(row.delta, row.score - table.score[0])
        if row.mass > 1e-5:
            assert_allclose(row.sensitivity, row.delta / row.mass)
    assert (table.n_leading == form.n_leading()).all() and (table.metric == "replay_accuracy").all()


def test_a_normal_network_has_nothing_to_remove_and_no_sensitivity():
    Q, _ = torch.linalg.qr(torch.randn(9, 9, generator=torch.Generator().manual_seed(1)))
    table = ablation_profile(network(0.9 * Q), TASK, batch_size=32)
    assert (table.mass < 1e-6).all() and table.sensitivity.isna().all()
    assert_allclose(table.delta, 0, atol=1e-6)


def test_a_block_that_alone_carries_the_task_shows_as_such():
    """Input enters unit 1, only the coupling C→R takes it to unit 0, and the readout sees unit 0 alone."""
    W_hh = torch.tensor([[1.0, 5.0], [0.0, 0.1]])
    net = Network(torch.tensor([[0.0], [1.0]]), W_hh, torch.tensor([[1.0, 0.0]]))
    task = tasks.copy(n_symbols=1, n_channels=1, horizon=4)
    table = ablation_profile(net, task, batch_size=64).set_index("removed")
    assert table.score[""] == 1.0
    assert table.score["CR"] == 0.0  # the output is exactly 0, and 0 counts as wrong
    assert table.mass["RR"] == table.mass["CC"] == 0 and table.n_leading.iloc[0] == 1


def test_signed_permutations_of_the_units_change_nothing():
    net = network(seed=4)
    P = torch.eye(9)[torch.randperm(9, generator=torch.Generator().manual_seed(2))]
    P = P * torch.tensor([1.0, -1, 1, 1, -1, -1, 1, -1, 1])[:, None]
    twin = Network(P @ net.W_xh, P @ net.W_hh @ P.T, net.W_hy @ P.T)
    a, b = (ablation_profile(n, TASK, batch_size=64) for n in (net, twin))
    assert_allclose(a.mass, b.mass, atol=1e-5)
    assert_allclose(a.score, b.score, atol=5e-3)


def test_scores_do_not_depend_on_how_the_matrices_are_chunked(monkeypatch):
    net = network()
    stack = torch.stack([network(seed=s).W_hh for s in range(7)])
    together = scores_of(net, TASK, stack, batch_size=16)
    alone = torch.cat([scores_of(net, TASK, [W], batch_size=16) for W in stack])
    assert torch.equal(together, alone)
    assert len(scores_of(net, TASK, iter([]), batch_size=16)) == 0


def test_held_out_trials_are_not_training_trials():
    from schur_lib.training import generator

    task = tasks.context_integration()
    batches = [held_out(task, 64)[0]] + [task.sample(64, generator("data", s))[0] for s in range(10)]
    trials = [tuple(trial[:3, :2].flatten().tolist()) for x in batches for trial in x.unbind(1)]
    assert len(set(trials)) == len(trials)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"task": tasks.flip_flop()}, "3 inputs and 3 outputs, the network 2 and 2"),
        ({"alpha": 0}, "alpha"),
        ({"removed": [{"CC"}, {"XX"}]}, "XX"),
        ({"batch_size": 0}, "batch_size"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        ablation_profile(network(), **{"task": TASK, **arguments})
