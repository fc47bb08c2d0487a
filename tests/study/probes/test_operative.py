"""Operative dimensions of the columns and rows of W_hh, on cases whose answer is known."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from schur_lib import tasks
from schur_lib.dynamics import hidden_states
from schur_lib.networks import Network
from schur_lib.subjects import on_task
from study.probes import activity, operative


def random_matrix(n, seed):
    return np.random.default_rng(seed).normal(size=(n, n)) / n**0.5


def unit(v):
    return v / np.linalg.norm(v)


@pytest.fixture
def small():
    g = torch.Generator().manual_seed(0)
    net = Network(*(torch.randn(s, generator=g) / 4 for s in ((8, 1), (8, 8), (1, 8))))
    return on_task(net, tasks.sine_generation(), 8)


def test_columns_of_a_matrix_of_known_columns():
    # W = 3 e_0 v_0ᵀ + 2 e_1 v_1ᵀ + 5 e_2 v_2ᵀ, and the activity never has a part along v_2
    V = np.linalg.qr(random_matrix(6, 3))[0]
    W = 3 * np.outer(np.eye(6)[0], V[:, 0]) + 2 * np.outer(np.eye(6)[1], V[:, 1])
    W += 5 * np.outer(np.eye(6)[2], V[:, 2])
    C = V[:, :2] @ V[:, :2].T
    D, effect = operative.global_columns(W, C)
    np.testing.assert_allclose(np.abs(D[:, :2].T), np.eye(6)[:2], atol=1e-10)
    np.testing.assert_allclose(effect, [3, 2, 0, 0, 0, 0], atol=1e-7)


def test_columns_are_the_left_singular_vectors_of_all_local_ones_times_their_effect():
    W, H = random_matrix(5, 4), random_matrix(5, 5) + 1
    local = [(W @ h / np.linalg.norm(W @ h), np.linalg.norm(W @ h)) for h in H]
    left, size, _ = np.linalg.svd(np.stack([d * f for d, f in local], axis=1))
    D, effect = operative.global_columns(W, H.T @ H / 5)
    np.testing.assert_allclose(np.abs(np.sum(left * D, axis=0)), 1, atol=1e-8)
    np.testing.assert_allclose(effect, size / 5**0.5, atol=1e-8)


def test_a_scaled_rotation_has_one_row_the_state_itself():
    Q, h = np.linalg.qr(random_matrix(6, 0))[0], np.arange(1.0, 7)
    D, effect = operative.local_rows(3 * Q, h[None])
    np.testing.assert_allclose(np.abs(D[0, 0] @ unit(h)), 1, atol=1e-10)
    np.testing.assert_allclose(effect[0, 0], 3 * np.linalg.norm(h))
    assert effect[0, 1:].max() <= 1e-9


def test_rows_of_a_matrix_that_reads_one_direction_are_the_bisectors_of_it_and_the_state():
    # W = u vᵀ: |dᵀh| |dᵀv| is largest half way between h and v, (1 + cos)/2, then across, (1 − cos)/2
    rng = np.random.default_rng(1)
    u, v, h = rng.normal(size=(3, 5))
    size, cos = np.linalg.norm(u) * np.linalg.norm(v) * np.linalg.norm(h), unit(h) @ unit(v)
    D, effect = operative.local_rows(np.outer(u, v), h[None])
    expected = [size * (1 + abs(cos)) / 2, size * (1 - abs(cos)) / 2]
    np.testing.assert_allclose(effect[0, :2], expected, atol=1e-9)
    assert effect[0, 2:].max(initial=0) <= 1e-9  # none where the rest is exactly 0
    bisectors = unit(h) + np.sign(cos) * unit(v), unit(h) - np.sign(cos) * unit(v)
    for d, bisector in zip(D[0], bisectors, strict=False):
        np.testing.assert_allclose(np.abs(d @ unit(bisector)), 1, atol=1e-8)


def test_a_row_leans_to_where_the_matrix_is_large_even_if_the_state_has_no_part_there():
    # W = diag(2, 1), h = e_1: d_1² (4 d_0² + d_1²) is largest at d_1² = 2/3, where it is 4/3; at d = h it is 1
    D, effect = operative.local_rows(np.diag([2.0, 1.0]), np.array([[0.0, 1.0]]))
    np.testing.assert_allclose(D[0, 0] ** 2, [1 / 3, 2 / 3], atol=1e-7)
    np.testing.assert_allclose(effect[0, 0], (4 / 3) ** 0.5, atol=1e-8)


def test_no_search_finds_a_row_of_a_larger_effect():
    W, H = random_matrix(5, 2), np.random.default_rng(3).normal(size=(4, 5))
    D, effect = operative.local_rows(W, H)
    rng = np.random.default_rng(4)
    for h, ours, found in zip(H, effect, D, strict=True):
        for basis, best in ((np.eye(5), ours[0]), (np.linalg.svd(found[:1])[2][1:].T, ours[1])):

            def minus_effect(x, basis=basis, h=h):
                d = basis @ unit(x)
                return -abs(d @ h) * np.linalg.norm(W @ d)

            starts = rng.normal(size=(12, basis.shape[1]))
            searched = -min(minimize(minus_effect, x, method="BFGS").fun for x in starts)
            np.testing.assert_allclose(best, searched, rtol=1e-6)


def test_local_rows_are_orthonormal_and_their_effects_what_their_removal_does():
    W, H = random_matrix(7, 5), np.random.default_rng(6).normal(size=(3, 7))
    D, effect = operative.local_rows(W, H)
    for d, f, h in zip(D, effect, H, strict=True):
        np.testing.assert_allclose(d @ d.T, np.eye(7), atol=1e-8)
        moved = [np.linalg.norm(W @ h - W @ (np.eye(7) - np.outer(x, x)) @ h) for x in d]
        np.testing.assert_allclose(f, moved, atol=1e-9)
        assert (np.diff(f) <= 1e-9).all()


def test_global_rows_leave_out_what_the_matrix_reads_but_no_state_has():
    # states and weights of rank two in the same plane: the rest of the space has no effect
    V = np.linalg.qr(random_matrix(6, 7))[0]
    H = np.random.default_rng(8).normal(size=(20, 2)) @ V[:, :2].T
    W = random_matrix(6, 9) @ V[:, :2] @ V[:, :2].T
    D, effect = operative.global_rows(W, H)
    np.testing.assert_allclose(V[:, 2:].T @ D[:, :2], 0, atol=1e-6)
    assert (effect[:2] > 0.1).all() and effect[2:].max() <= 1e-6


def test_global_rows_are_the_left_singular_vectors_of_all_local_ones_times_their_effect():
    W, H = random_matrix(5, 10), np.random.default_rng(11).normal(size=(6, 5))
    local, effects = operative.local_rows(W, H)
    left, size, _ = np.linalg.svd((local * effects[..., None]).reshape(-1, 5).T)
    D, effect = operative.global_rows(W, H, enough=0)
    np.testing.assert_allclose(np.abs(np.sum(left * D, axis=0)), 1, atol=1e-8)
    np.testing.assert_allclose(effect, size / 6**0.5, atol=1e-8)


def test_visited_states_are_among_those_that_the_weights_act_on(small):
    states = operative.visited_states(small, 5)
    every = hidden_states(small.network, small.inputs)[:-1].flatten(0, 1).double().numpy()
    assert states.shape == (5, 8) and len(np.unique(states, axis=0)) == 5
    assert (np.abs(states[:, None] - every).max(-1).min(1) == 0).all()


def test_all_operative_dimensions_give_the_network_and_undo_every_removal(small):
    table = operative.operative_profile(small, kept=(2, 8), n_states=16, alpha=0.5)
    assert set(table.side) == set(operative.SIDES)
    assert np.abs(table.delta[table.k == 8]).max() <= 1e-5
    assert np.abs(table.overlap[(table.k == 8) & (table.removed != "")]).max() <= 1e-10
    assert (table[table.k == 2].groupby("side").delta.agg(lambda d: d.abs().max()) > 1e-4).all()


def test_the_columns_project_what_is_written_and_the_rows_what_is_read(anyone):
    trials = anyone()
    W = trials.W_hh.numpy()
    table = operative.operative_profile(trials, kept=(3,), n_states=16)
    columns = operative.global_columns(W, activity.activity_moments(trials))[0][:, :3]
    rows = operative.global_rows(W, operative.visited_states(trials, 16))[0][:, :3]
    changed = {"columns": columns @ columns.T @ W, "rows": W @ rows @ rows.T}
    for side, V in changed.items():
        delta = table.delta[(table.side == side) & (table.removed == "")].item()
        assert delta == pytest.approx(trials.scores([V]).item() - trials.intact, abs=1e-6)
    for row in table[table.removed != ""].itertuples():
        ablated = trials.scores([trials.form.ablate({row.removed})]).item()
        assert row.whole == pytest.approx(ablated - trials.intact, abs=1e-6)
