"""Invariances on the task and off it, where it is known which they are."""

import numpy as np
import pytest
import torch

from schur_lib import Network, tasks
from schur_lib.schur import ordered_schur
from schur_lib.subjects import of_network, on_task
from study.probes.off_task import SITUATIONS, _situations, complement_first, off_task, similarity

TASK = tasks.copy(n_symbols=4, n_channels=2, horizon=6)


def in_a_plane(n=8, seed=0):
    """A linear network whose task never leaves a plane of its states: what W does elsewhere is free on the task.

    The first two units are rotated and driven; the others are neither driven nor reached from these, but read.
    """
    g = torch.Generator().manual_seed(seed)
    W = torch.randn(n, n, generator=g, dtype=torch.float64)
    W[2:, :2] = 0
    W[:2, :2] = torch.tensor([[0.8, -0.6], [0.6, 0.8]])
    W[2:, 2:] *= 0.9 / torch.linalg.eigvals(W[2:, 2:]).abs().max()
    W_xh = torch.zeros(n, 2, dtype=torch.float64)
    W_xh[:2] = 1e-4 * torch.eye(2)
    return Network(W_xh, W, torch.randn(2, n, generator=g, dtype=torch.float64))


def test_an_invariance_of_the_task_alone_is_found_out_from_random_states():
    table = off_task(on_task(in_a_plane(), TASK, 32)).set_index(["removed", "situation"])
    assert set(table.index.levels[1]) == set(SITUATIONS)
    off = table.loc["off"]
    assert off.mass.iloc[0] > 0.1
    driven = [name for name in SITUATIONS if name != "states"]
    assert off.discrepancy[driven].max() < 1e-20 and off.discrepancy["states"] > 0.05
    assert table.discrepancy["random", "task"] > 1e-3


def test_the_discrepancy_is_that_of_the_outputs_on_the_trials():
    g = torch.Generator().manual_seed(1)
    net = Network(*(torch.randn(*s, generator=g) / 2 for s in ((7, 3), (7, 7), (3, 7))))
    trials = on_task(net, tasks.flip_flop(steps=9), 16)
    table = off_task(trials).set_index(["removed", "situation"])
    own, ablated = (
        next(trials.outputs([W])).double() for W in (trials.W_hh, torch.from_numpy(trials.form.ablate({"CR"})))
    )
    wanted = (ablated - own).square().sum(-1).mean() / (own - own.mean((0, 1))).square().sum(-1).mean()
    assert table.discrepancy["CR", "task"] == pytest.approx(float(wanted), rel=1e-5)
    assert table.harm["CR", "task"] == pytest.approx(trials.harms([trials.form.ablate({"CR"})])[0], abs=1e-6)
    assert table.mass["random", "task"] == pytest.approx(table.mass["CC", "task"])


def test_of_a_linear_network_amplitude_makes_no_difference():
    table = off_task(on_task(in_a_plane(seed=2), TASK, 32)).set_index(["removed", "situation"]).discrepancy
    for name in ("RR", "CR", "CC", "random"):
        assert table[name, "half"] == pytest.approx(table[name, "task"], rel=1e-4, abs=1e-15)


@pytest.mark.parametrize("seed", range(3))
def test_the_complement_comes_first_and_the_spectrum_stays(seed):
    W = np.random.default_rng(seed).normal(size=(9, 9))
    form = ordered_schur(W)
    other, between = complement_first(form, 0.6)
    n = form.n_leading(0.6)
    np.testing.assert_allclose(other.Q @ other.T @ other.Q.T, W, atol=1e-12)
    moduli = np.abs(other.eigenvalues)
    assert 0 < n < 9 and moduli[: 9 - n].max() < 0.6 * moduli.max() <= moduli[9 - n :].min() + 1e-9
    rows, columns = np.nonzero(between)
    assert rows.max() == 9 - n - 1 and columns.min() == 9 - n and between.sum() == n * (9 - n)
    whole, empty = complement_first(ordered_schur(np.eye(3)), 0.9)
    assert not empty.any() and whole.T.shape == (3, 3)


def test_a_similarity_that_fixes_both_maps_changes_no_output_of_a_linear_network():
    rng = np.random.default_rng(0)
    W, W_xh, W_hy = (rng.normal(size=s) for s in ((9, 9), (9, 2), (3, 9)))
    W /= 3
    other = similarity(W, W_xh, W_hy, 0.5, rng)
    assert np.linalg.norm(other - W) == pytest.approx(0.5)
    for m in range(12):
        power = np.linalg.matrix_power
        np.testing.assert_allclose(W_hy @ power(other, m) @ W_xh, W_hy @ power(W, m) @ W_xh, atol=1e-9)
    np.testing.assert_array_equal(similarity(W, W_xh, W_hy, 0.0, rng), W)
    # with N_x = N nothing is left to turn
    np.testing.assert_allclose(similarity(W, np.eye(9), W_hy, 0.5, rng), W)


def test_only_a_plain_network_is_taken_off_its_task():
    net = in_a_plane()
    trials = of_network(net, torch.zeros(4, 3, 2).double(), torch.zeros(4, 3, 2))
    from dataclasses import replace

    with pytest.raises(ValueError, match="needs a schur_lib.Network, got Network"):
        off_task(replace(trials, network=None))


def test_what_is_answered_while_the_input_lasts_does_not_count():
    g = torch.Generator().manual_seed(3)
    net = Network(*(torch.randn(*s, generator=g, dtype=torch.float64) / 2 for s in ((7, 2), (7, 7), (2, 7))))
    trials = on_task(net, TASK, 16)
    table = off_task(trials).set_index(["removed", "situation"])
    runs = []
    for W in (net.W_hh.numpy(), trials.form.ablate({"CR"})):
        h, outputs = np.zeros((16, 7)), []
        for t in range(len(trials.inputs) + trials.free_steps):
            x = trials.inputs[t].numpy() @ net.W_xh.numpy().T if t < len(trials.inputs) else 0
            h = np.tanh(x + h @ W.T)
            outputs.append(h @ net.W_hy.numpy().T)
        runs.append(np.array(outputs[len(trials.inputs) :]))
    own, ablated = runs
    wanted = np.square(ablated - own).sum(-1).mean() / np.square(own - own.mean((0, 1))).sum(-1).mean()
    assert table.discrepancy["CR", "task"] == pytest.approx(wanted, rel=1e-6)


def test_random_states_and_noise_are_as_large_as_those_of_the_task():
    trials = on_task(in_a_plane(), TASK, 512)
    found = _situations(trials, np.random.default_rng(0))
    rms = (trials.acted_on() @ trials.W_hh.T)[1:].square().mean().sqrt()
    assert float(found["states"][1].square().mean().sqrt() / rms) == pytest.approx(1, abs=0.05)
    x = trials.inputs
    assert float((found["noisy"][1] - x).norm() / x.norm()) == pytest.approx(0.5, abs=0.05)
    assert float(found["white"][1].norm() / x.norm()) == pytest.approx(1, abs=0.05)
