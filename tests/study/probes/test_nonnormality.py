"""Measures of nonnormality and expansions of the error, on matrices and networks with known answers."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.linalg import block_diag

from schur_lib import tasks
from schur_lib.dynamics import hidden_states, rollout
from schur_lib.metrics import fvu
from schur_lib.networks import Network
from schur_lib.schur import COUPLINGS, ordered_schur
from schur_lib.subjects import of_network, on_task
from schur_lib.tasks import held_out
from study.probes import nonnormality

seeds = st.integers(0, 10**6)
few = settings(max_examples=20, deadline=None)


def gaussian(N, seed):
    return np.random.default_rng(seed).standard_normal((N, N))


def orthogonal(N, seed):
    return np.linalg.qr(gaussian(N, seed))[0]


def normal(N, seed):
    """Q D Qᵀ with pairs of moduli 1, 0.85, … and eigenvalues off the axes."""
    blocks = [
        0.85**i * np.array([[np.cos(1 + i), -np.sin(1 + i)], [np.sin(1 + i), np.cos(1 + i)]])
        for i in range(N // 2)
    ]
    Q = orthogonal(N, seed)
    return Q @ block_diag(*blocks) @ Q.T


def shift(N):
    """The nilpotent Jordan block."""
    return np.eye(N, k=1)


def network(seed, N=8, scale=0.9):
    g = torch.Generator().manual_seed(seed)
    W = scale * gaussian(N, seed) / np.sqrt(N)
    W_xh, W_hy = torch.randn(N, 3, generator=g).double(), torch.randn(3, N, generator=g).double()
    return Network(W_xh / 2, torch.from_numpy(W), W_hy / 2)


def data(steps=7, batch=6, seed=0):
    task = tasks.flip_flop(steps=steps, first_pulse=True)
    return [t.double() for t in held_out(task, batch, seed)]


def on_flip_flop(net, n_trials=6, steps=25):
    return on_task(net, tasks.flip_flop(steps=steps), n_trials)


# --- measures ---------------------------------------------------------------------------------


@given(seeds)
@few
def test_a_normal_matrix_departs_from_normality_by_nothing(seed):
    W = normal(8, seed)
    assert max(nonnormality.henrici(ordered_schur(W)).values()) < 1e-12
    assert nonnormality.numerical_radius(W) == pytest.approx(1, abs=1e-9)
    norms = nonnormality.power_norms(0.9 * W, 10)
    assert_allclose(norms, 0.9 ** np.arange(11), rtol=1e-9)
    assert nonnormality.kreiss_bound(W) == pytest.approx(1, abs=1e-6)


@given(seeds)
@few
def test_the_squared_departure_is_the_norm_without_the_eigenvalues_and_the_sum_of_its_parts(seed):
    W = gaussian(9, seed)
    parts = nonnormality.henrici(ordered_schur(W))
    norm = np.linalg.norm(W)
    departure = norm**2 - np.sum(np.abs(np.linalg.eigvals(W)) ** 2)
    total = parts.pop("henrici")
    assert total**2 == pytest.approx(departure / norm**2, abs=1e-9)
    assert total**2 == pytest.approx(sum(size**2 for size in parts.values()))
    for name in COUPLINGS:
        assert parts[name] == pytest.approx(ordered_schur(W).removed_mass({name}))


def test_an_unequal_pair_is_nonnormal_by_the_sum_of_its_off_diagonals():
    W = np.array([[0.2, 2.0], [-0.5, 0.2]])
    parts = nonnormality.henrici(ordered_schur(W))
    assert parts["pairs"] == pytest.approx(1.5 / np.linalg.norm(W))
    assert parts["RR"] == parts["CR"] == parts["CC"] == 0


@pytest.mark.parametrize("N", [2, 3, 5, 12])
def test_the_numerical_radius_of_a_jordan_block_is_known(N):
    assert nonnormality.numerical_radius(shift(N)) == pytest.approx(np.cos(np.pi / (N + 1)))
    eye = 0.7 * np.eye(N)
    known = 0.7 + np.cos(np.pi / (N + 1))
    assert nonnormality.numerical_radius(eye + shift(N)) == pytest.approx(known)


@given(seeds)
@few
def test_no_unit_vector_reaches_beyond_the_numerical_radius(seed):
    A, rng = gaussian(5, seed), np.random.default_rng(seed)
    radius = nonnormality.numerical_radius(A)
    x = rng.standard_normal((500, 5)) + 1j * rng.standard_normal((500, 5))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    assert np.abs(np.einsum("ki,ij,kj->k", x.conj(), A, x)).max() <= radius + 1e-9
    assert np.abs(np.linalg.eigvals(A)).max() <= radius + 1e-9
    assert np.linalg.norm(A, 2) / 2 <= radius + 1e-9 <= np.linalg.norm(A, 2) + 2e-9
    fine = max(
        np.linalg.eigvalsh((np.exp(1j * t) * A + np.exp(-1j * t) * A.T) / 2)[-1]
        for t in np.linspace(0, 2 * np.pi, 2001)
    )
    assert radius == pytest.approx(fine, rel=1e-4)


def test_power_norms_are_those_of_the_powers():
    A = np.diag([0.5, 0.5, 0.5]) + 2 * shift(3)
    naive = [np.linalg.norm(np.linalg.matrix_power(A, i), 2) for i in range(21)]
    assert_allclose(nonnormality.power_norms(A, 20), naive, rtol=1e-12)


@given(seeds)
@few
def test_the_departure_in_schur_coordinates_is_that_of_the_matrix(seed):
    W = gaussian(7, seed)
    rho = np.abs(np.linalg.eigvals(W)).max()
    found = nonnormality.departure_of(ordered_schur(W), powers=12)
    growth = [np.linalg.norm(np.linalg.matrix_power(W / rho, k), 2) for k in range(13)]
    assert_allclose(found["growth"], growth, rtol=1e-9)
    assert found["peak"] == pytest.approx(max(growth))
    assert found["peak"] == found["growth"][found["peak_k"]]
    assert found["radius"] == pytest.approx(nonnormality.numerical_radius(W) / rho, rel=1e-6)
    assert found["rho"] == pytest.approx(rho)
    assert found["henrici"] == nonnormality.henrici(ordered_schur(W))["henrici"]


def test_a_nilpotent_matrix_has_no_growth_to_compare_with():
    for W, henrici in ((shift(4), 1), (np.zeros((3, 3)), 0)):
        found = nonnormality.departure_of(ordered_schur(W))
        assert np.isnan(found["radius"]) and np.isnan(found["peak"])
        assert len(found["growth"]) == 0 == found["peak_k"]
        assert found["henrici"] == pytest.approx(henrici)


def test_pseudospectra_of_a_normal_matrix_are_discs():
    W, rng = normal(6, 1), np.random.default_rng(0)
    z = rng.standard_normal((4, 5)) + 1j * rng.standard_normal((4, 5))
    nearest = np.abs(z[..., None] - np.linalg.eigvals(W)).min(-1)
    assert_allclose(nonnormality.smallest_singular(W, z), nearest, atol=1e-10)


def test_pseudospectra_of_a_jordan_block_reach_far_beyond_its_eigenvalue():
    N = 10
    smallest = nonnormality.smallest_singular(shift(N), 0.5)
    resolvent = np.linalg.norm(np.linalg.inv(0.5 * np.eye(N) - shift(N)), 2)
    assert smallest == pytest.approx(1 / resolvent)
    assert smallest < 0.5**N  # a disc would give 0.5


@pytest.mark.parametrize("coupling", [0.5, 3.0, 20.0])
def test_the_kreiss_bound_lies_between_a_fine_grid_and_the_largest_power(coupling):
    A = np.array([[0.9, coupling], [0.0, 0.8]])
    bound = nonnormality.kreiss_bound(A)
    z = 1 + np.logspace(-3, 0.5, 300)
    on_the_axis = ((z - 1) / nonnormality.smallest_singular(A, z)).max()
    norms = nonnormality.power_norms(A, 100)
    assert max(1, on_the_axis) * 0.999 <= bound <= norms.max() * (1 + 1e-9)
    assert norms.max() <= np.e * 2 * bound * 1.001  # the other half of the theorem, near its supremum


# --- on the task ------------------------------------------------------------------------------


def test_the_jacobian_is_the_derivative_of_a_step():
    net = network(2)
    h0 = torch.randn(8, generator=torch.Generator().manual_seed(0)).double()
    drive = torch.randn(8, generator=torch.Generator().manual_seed(1)).double()

    def step(h):
        return torch.tanh(drive + net.W_hh @ h)

    exact = torch.autograd.functional.jacobian(step, h0).numpy()
    assert_allclose(nonnormality.jacobian(net.W_hh.numpy(), step(h0).numpy()), exact, atol=1e-12)


def test_states_are_taken_from_first_to_last_step_of_different_trials():
    trials = on_flip_flop(network(3), 3, steps=9)
    all_states = hidden_states(trials.network, trials.inputs).numpy()
    states = nonnormality.sampled_states(trials)
    assert_allclose(states, [all_states[0, 0], all_states[4, 1], all_states[8, 2]])


def test_the_product_of_jacobians_is_the_derivative_along_the_trial():
    net = network(4)
    trials = on_flip_flop(net, 2, steps=5)

    def last(h):
        for x in trials.inputs[:, 1]:
            h = torch.tanh(net.W_xh @ x + net.W_hh @ h)
        return h

    # h_1 … h_5 from h_0: the same product
    exact = torch.autograd.functional.jacobian(last, torch.zeros(8).double())
    norms = nonnormality.trial_norms(trials)
    assert norms.shape == (2, 5)
    assert norms[1, -1] == pytest.approx(torch.linalg.matrix_norm(exact, 2).item())


# --- expansion --------------------------------------------------------------------------------


def directions(net, n=5, seed=0):
    D = np.random.default_rng(seed).standard_normal((n, *net.W_hh.shape))
    return torch.from_numpy(D / np.linalg.norm(D, axis=(1, 2), keepdims=True))


@pytest.mark.parametrize("free_steps", [0, 3])
def test_first_and_second_order_are_the_finite_differences(free_steps):
    net, (inputs, targets) = network(5), data()
    D = directions(net)

    def error(s, k):
        y = rollout(net, inputs, W_hh=net.W_hh - s * D[k], free_steps=free_steps)
        return fvu(y[-7:], targets).item()

    table = nonnormality.expand(of_network(net, inputs, targets, free_steps=free_steps), D)
    e = 1e-4
    for k in range(len(D)):
        slope = (error(e, k) - error(-e, k)) / (2 * e)
        curvature = (error(e, k) - 2 * error(0, k) + error(-e, k)) / e**2
        assert table["first"][k] == pytest.approx(slope, rel=1e-5, abs=1e-8)
        assert table.second[k] == pytest.approx(slope + curvature / 2, rel=1e-4, abs=1e-6)
        assert table.exact[k] == pytest.approx(error(1, k) - error(0, k), rel=1e-9)


def test_where_the_error_is_quadratic_the_second_order_is_exact():
    # One step from h_0 at a tiny state: tanh is linear there, and the FVU quadratic in W.
    N = 6
    g = torch.Generator().manual_seed(0)
    net = Network(
        1e-4 * torch.randn(N, 3, generator=g).double(),
        torch.randn(N, N, generator=g).double(),
        1e4 * torch.randn(3, N, generator=g).double(),
    )
    inputs, targets = data(steps=2)
    inputs[1] = 0
    table = nonnormality.expand(of_network(net, inputs, targets[-1:]), directions(net))
    assert_allclose(table.second, table.exact, rtol=1e-4)
    assert not np.allclose(table["first"], table.exact, rtol=0.1)


def test_a_direction_that_never_meets_the_activity_changes_nothing():
    net, (inputs, targets) = network(6), data()
    W_xh, W = net.W_xh.clone(), net.W_hh.clone()
    W_xh[7], W[7] = 0, 0  # unit 7 stays at 0
    silent = Network(W_xh, W, net.W_hy)
    D = torch.zeros(1, 8, 8).double()
    D[0, :, 7] = 1
    table = nonnormality.expand(of_network(silent, inputs, targets), D)
    assert table.abs().max().max() < 1e-12


# --- stability --------------------------------------------------------------------------------


def spaced(coupling=0.4, seed=0):
    """Well separated eigenvalues: 1, a pair of modulus 0.7, 0.4 and −0.2."""
    T = block_diag([[1.0]], [[0.1, -0.9], [0.533, 0.1]], [[0.4]], [[-0.2]])
    block = np.array([0, 1, 1, 2, 3])
    T += coupling * (block[:, None] < block[None, :])
    Q = orthogonal(5, seed)
    return Q @ T @ Q.T


def test_couplings_of_well_separated_eigenvalues_are_stable_and_move_with_the_change():
    W = spaced()
    form = ordered_schur(W)
    moves = []
    for size in (1e-6, 1e-5):
        couplings, entries = nonnormality.couplings_moved(form, W, np.random.default_rng(0), draws=3, size=size)
        above = np.triu(np.ones((4, 4), dtype=bool), 1)
        assert np.isinf(couplings[~above]).all()
        assert np.isfinite(entries).sum() == 9
        moves.append(couplings[above])
    assert (moves[0] > 1e-8).all() and (moves[0] < 1e-4).all()
    assert_allclose(moves[1] / moves[0], 10, rtol=0.05)


def test_the_move_of_a_coupling_is_that_of_its_part_of_W():
    W, rng = spaced(), np.random.default_rng(3)
    form = ordered_schur(W)
    couplings, entries = nonnormality.couplings_moved(form, W, np.random.default_rng(3), 1, 1e-3)
    E = rng.standard_normal((5, 5))
    other = ordered_schur(W + 1e-3 * np.linalg.norm(W) / np.linalg.norm(E) * E)
    bounds = [0, 1, 3, 4, 5]
    for p in range(4):
        for q in range(p + 1, 4):
            P, R = slice(bounds[p], bounds[p + 1]), slice(bounds[q], bounds[q + 1])
            D, moved = (f.Q[:, P] @ f.T[P, R] @ f.Q[:, R].T for f in (form, other))
            assert couplings[p, q] == pytest.approx(np.linalg.norm(moved - D) / np.linalg.norm(D))
    d, moved = (f.T[0, 4] * np.outer(f.Q[:, 0], f.Q[:, 4]) for f in (form, other))
    assert entries[0, 4] == pytest.approx(np.linalg.norm(moved - d) / np.linalg.norm(d))


def test_couplings_of_nearly_equal_moduli_are_not_stable():
    # ±1 within 1e-6: any change puts them in either order
    T = np.diag([1.0, -1.0 + 1e-6, 0.3]) + 0.4 * np.triu(np.ones((3, 3)), 1)
    couplings, _ = nonnormality.couplings_moved(ordered_schur(T), T, np.random.default_rng(0), draws=8)
    assert couplings[0, 1] > nonnormality.STABLE
    assert couplings[0, 2] > nonnormality.STABLE


def test_a_pair_that_falls_apart_leaves_no_stable_coupling():
    W = block_diag([[1.0, 1e-9], [-1e-9, 1.0]], [[0.3]])
    W[:2, 2] = 0.5
    couplings, _ = nonnormality.couplings_moved(ordered_schur(W), W, np.random.default_rng(1), draws=8)
    assert np.isinf(couplings[0, 1])


# --- tables -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small():
    return on_flip_flop(network(7, N=10))


def test_the_departure_table_holds_W_first_and_then_the_states(small):
    net, two = small.network, on_flip_flop(small.network, 2)
    table = nonnormality.measure_departure(two, two)
    assert table.operator.tolist() == ["W", "jacobian", "jacobian"]
    W = net.W_hh.numpy()
    rho = np.abs(np.linalg.eigvals(W)).max()
    assert table.rho[0] == pytest.approx(rho)
    assert table.radius[0] == pytest.approx(nonnormality.numerical_radius(W) / rho)
    assert table.radius.min() >= 1
    assert (table.kreiss >= 1).all() and (table.peak >= 1).all()
    h = nonnormality.sampled_states(two)[1]
    J = (1 - h**2)[:, None] * W
    assert table.henrici[2] == pytest.approx(nonnormality.henrici(ordered_schur(J))["henrici"])
    assert table[["input_R", "output_R"]].min().min() >= 0
    assert table[["input_R", "output_R"]].max().max() <= 1 + 1e-9


def test_the_best_input_of_a_pure_coupling_lies_in_the_complement():
    T = np.diag([1.0, 0.99, 0.1, 0.05])
    T[0, 2] = 5.0
    net = Network(*(torch.from_numpy(A) for A in (np.eye(4)[:, :3], T, np.eye(4)[:3])))
    one = on_flip_flop(net, 1)
    row = nonnormality.measure_departure(one, one).iloc[0]
    assert row.input_R < 0.05
    assert row.output_R > 0.95
    assert row.n_leading == 2


def test_powers_are_scaled_to_the_spectral_radius_and_start_at_one(small):
    table = nonnormality.measure_powers(small, small)
    W = small.W_hh.numpy()
    rho = np.abs(np.linalg.eigvals(W)).max()
    third = np.linalg.norm(np.linalg.matrix_power(W, 3), 2) / rho**3
    assert table.W[3] == pytest.approx(third)
    assert_allclose(table.iloc[0][["W", "jacobian", "trial"]].astype(float), 1)
    assert table.trial.notna().sum() == 26


def test_the_pseudospectra_table_is_the_grid_over_the_spectral_radius(small):
    table = nonnormality.measure_pseudospectra(small, step=0.8, extent=1.6)
    assert len(table) == 2 * 5 * 3
    W = small.W_hh.numpy() / np.abs(np.linalg.eigvals(small.W_hh.numpy())).max()
    row = table[(table.operator == "W") & (table.x == 0.8) & (table.y == 1.6)].iloc[0]
    exact = np.linalg.svd((0.8 + 1.6j) * np.eye(10) - W, compute_uv=False)[-1]
    assert row.smallest == pytest.approx(exact)


def test_the_sensitivity_table_deletes_blocks_and_stable_couplings_exactly(small):
    table = nonnormality.measure_sensitivity(small, per_block=3, draws=2, seed=2)
    form = small.form

    def cost(W):
        return small.scores([W]).item() - small.intact

    blocks = table[table.unit == "block"]
    assert len(blocks) >= 2
    for row in blocks.itertuples():
        removed = set(row.removed.split("+"))
        assert row.exact == pytest.approx(cost(form.ablate(removed)), rel=1e-6)
        assert row.mass == pytest.approx(form.removed_mass(removed))
    couplings, _ = nonnormality.couplings_moved(form, small.W_hh.numpy(), np.random.default_rng(2), 2)
    masks = form.couplings()
    shown = table[table.unit == "coupling"]
    assert len(shown) > 0
    assert (shown.groupby("removed").size() <= 3).all()
    for row in shown.itertuples():
        assert couplings[row.p, row.q] < nonnormality.STABLE
        T = form.T.copy()
        part = np.s_[form.blocks[row.p] : form.blocks[row.p + 1],
                     form.blocks[row.q] : form.blocks[row.q + 1]]  # fmt: skip
        assert masks[row.removed][part].all()
        T[part] = 0
        changed = form.Q @ T @ form.Q.T
        assert row.exact == pytest.approx(cost(changed), rel=1e-6, abs=1e-12)


def test_one_network_is_measured_the_same_twice(small):
    one, two = (nonnormality.measure_sensitivity(small, per_block=2, draws=2) for _ in range(2))
    assert one.equals(two)


PROBES = {
    "departure": lambda trials: nonnormality.measure_departure(trials, trials),
    "powers": lambda trials: nonnormality.measure_powers(trials, trials),
    "pseudospectra": lambda trials: nonnormality.measure_pseudospectra(trials, step=0.8),
    "sensitivity": lambda trials: nonnormality.measure_sensitivity(trials, per_block=1, draws=1),
}


@pytest.mark.parametrize("name", PROBES)
def test_a_copy_network_has_a_jacobian_and_a_gated_or_rectified_one_is_refused(name, copier, gated):
    net = copier().network.double()
    trials = on_task(net, tasks.copy(n_symbols=2, n_channels=2, horizon=5), 3, metric="fvu")
    table = PROBES[name](trials)
    assert len(table) and np.isfinite(table.select_dtypes(float).iloc[0].dropna()).all()
    rectified = Network(net.W_xh, net.W_hh, net.W_hy, activation="relu")
    refused = {
        "Gated": gated(),
        "relu network": of_network(rectified, trials.inputs, trials.targets),
    }
    for kind, other in refused.items():
        with pytest.raises(ValueError, match=f"needs a plain tanh network .* got a {kind}"):
            PROBES[name](other)


def test_a_biased_network_on_free_steps_is_expanded_as_it_runs(copier):
    net, g = copier().network.double(), torch.Generator().manual_seed(0)
    biases = [torch.randn(size, generator=g).double() for size in (8, 2, 8)]
    biased = Network(net.W_xh, net.W_hh, net.W_hy, *biases)
    trials = on_task(biased, tasks.copy(n_symbols=2, n_channels=2, horizon=5), 3, metric="fvu")
    D = trials.form.part(trials.form.mask({"RR"}))
    table = nonnormality.expand(trials, D[None])
    (score,) = trials.scores([trials.W_hh.numpy() - D]).tolist()
    assert table.exact[0] == pytest.approx(score - trials.intact)


def test_the_shares_of_stable_couplings_and_entries_are_counted_within_each_block(small):
    table = nonnormality.measure_sensitivity(small, per_block=2, draws=2, seed=2)
    form = small.form
    couplings, entries = nonnormality.couplings_moved(form, small.W_hh.numpy(), np.random.default_rng(2), 2)
    starts, seen = form.blocks[:-1], 0
    for row in table[table.unit == "block"].itertuples():
        mask = form.mask(row.removed.split("+"))
        pairs = [(p, q) for p in range(len(starts)) for q in range(len(starts)) if mask[starts[p], starts[q]]]
        assert row.stable_couplings == pytest.approx(np.mean([couplings[pair] < 0.1 for pair in pairs]))
        places = np.argwhere(mask)
        assert row.stable_entries == pytest.approx(np.mean([entries[i, j] < 0.1 for i, j in places]))
        seen += 0 < row.stable_couplings < 1
        assert (row.p, row.q) == (-1, -1)
    assert seen
    single = table[table.unit == "coupling"]
    assert single.stable_couplings.isna().all() and single.stable_entries.isna().all()
    assert (single.p < single.q).all() and nonnormality.STABLE == 0.1


def test_of_the_stable_couplings_those_at_evenly_spaced_ranks_are_taken_the_largest_first(small):
    form = small.form
    every = nonnormality.measure_sensitivity(small, per_block=1000, draws=2, seed=2)
    some = nonnormality.measure_sensitivity(small, per_block=3, draws=2, seed=2)
    for name, part in every[every.unit == "coupling"].groupby("removed"):
        assert (np.diff(part.mass) <= 1e-15).all()
        ranks = np.linspace(0, len(part) - 1, min(3, len(part))).round().astype(int)
        chosen = some[(some.unit == "coupling") & (some.removed == name)]
        assert chosen[["p", "q"]].to_numpy().tolist() == part[["p", "q"]].to_numpy()[ranks].tolist()
        for row in part.itertuples():
            P, Q = (slice(*form.blocks[b : b + 2]) for b in (row.p, row.q))
            assert row.mass == pytest.approx(np.linalg.norm(form.T[P, Q]) / np.linalg.norm(form.T))
