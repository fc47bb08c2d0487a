"""Other coordinates, the cut, symmetries and wrong implementations, on cases with known answers."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.linalg import block_diag

from schur_lib import tasks
from schur_lib.networks import Network
from schur_lib.schur import COUPLINGS, ordered_schur, random_changes
from schur_lib.subjects import of_network, on_task
from study import catalogue
from study.probes import coordinates
from study.probes.coordinates import ALL, SETS, WRONG
from study.probes.perturbations import perturbations

seeds = st.integers(0, 10**6)
few = settings(max_examples=20, deadline=None)


def gaussian(N, seed):
    return np.random.default_rng(seed).standard_normal((N, N))


def orthogonal(N, seed):
    return np.linalg.qr(gaussian(N, seed))[0]


def two_circles(seed, n=6, m=4, coupling=0.3):
    """Moduli within 4 % of 1 in R, and of 0.3 in C; couplings between and within its pairs."""
    rng = np.random.default_rng(seed)

    def turns(size, radius):
        angles = rng.uniform(0.3, 2.8, size // 2)
        radii = radius * rng.uniform(0.96, 1, size // 2)
        return [
            r * np.array([[np.cos(a), -1.5 * np.sin(a)], [np.sin(a) / 1.5, np.cos(a)]])
            for r, a in zip(radii, angles, strict=True)
        ]

    T = block_diag(*turns(n, 1.0), *turns(m, 0.3))
    block = np.arange(n + m) // 2
    T += coupling * rng.standard_normal(T.shape) * (block[:, None] < block[None, :])
    Q = orthogonal(n + m, seed)
    return Q @ T @ Q.T


def normal(N, seed):
    """Q D Qᵀ with pairs whose moduli are 6 % apart."""
    blocks = [r * np.array([[np.cos(r), -np.sin(r)], [np.sin(r), np.cos(r)]]) for r in 1.06 ** -np.arange(N // 2)]
    Q = orthogonal(N, seed)
    return Q @ block_diag(*blocks) @ Q.T


def network(W, seed=0):
    g = torch.Generator().manual_seed(seed)
    N = len(W)
    W_xh, W_hy = torch.randn(N, 3, generator=g), torch.randn(3, N, generator=g)
    return Network(W_xh.double(), torch.from_numpy(W), W_hy.double())


def on_flip_flop(net, n_trials=8):
    return on_task(net, tasks.flip_flop(steps=6), n_trials)


# --- other coordinates ------------------------------------------------------------------------


def test_the_mask_in_the_schur_basis_is_the_ablation():
    W = gaussian(9, 0)
    form = ordered_schur(W)
    for name, mask in form.couplings().items():
        changed = coordinates.in_basis(W, form.Q, mask)
        assert_allclose(changed, form.ablate({name}), atol=1e-12)


def test_the_mask_in_a_random_basis_moves_the_spectrum():
    W, form = two_circles(1), ordered_schur(two_circles(1))
    changed = coordinates.in_basis(W, orthogonal(10, 2), form.couplings()["CR"])
    assert coordinates.spectrum_moved(form, changed) > 0.05


def test_the_move_of_a_normal_matrix_is_the_largest_distance_from_its_nearest_eigenvalue():
    form = ordered_schur(np.diag([4.0, 2.0, 1.0]))
    assert coordinates.spectrum_moved(form, np.diag([1.0, 4.0, 2.5])) == pytest.approx(0.5 / 4)
    assert coordinates.spectrum_moved(form, np.diag([4.0, 2.0, 8.0])) == pytest.approx(1 / 4)  # of the 1
    assert coordinates.spectrum_moved(form, np.diag([2.0, 1.0, 1.0])) == pytest.approx(2 / 4)  # of the 4
    turned = ordered_schur(np.array([[0.0, -2.0], [2.0, 0.0]]))
    assert coordinates.spectrum_moved(turned, np.diag([0.0, 2.0])) == pytest.approx(1)


@pytest.mark.parametrize("coupling", [0.0, 1.0, 30.0])
def test_the_move_of_a_nonnormal_matrix_is_the_change_that_gives_it_the_eigenvalue(coupling):
    form, W = ordered_schur(np.eye(2)), np.array([[0.0, coupling], [0.0, 0.0]])
    moved = coordinates.spectrum_moved(form, W)
    assert moved == pytest.approx((np.sqrt(coupling**2 + 4) - coupling) / 2)  # σ_min of [[1, −c], [0, 1]]
    left, _, right = np.linalg.svd(np.eye(2) - W)
    changed = W + moved * np.outer(left[:, -1], right[-1])
    assert np.abs(np.linalg.eigvals(changed) - 1).min() < 1e-7


@pytest.mark.parametrize("rounding", [1e-13, -1e-13])
def test_a_tie_between_pairings_does_not_decide_how_far_a_spectrum_moved(rounding):
    # 2, 1, 0 becomes 3, 2, 1: each by one, or one of them by three, are pairings of the same sum
    form = ordered_schur(np.diag([2.0, 1.0, 0.0]))
    for changed in ([3, 2, 1], [3, 2 + rounding, 1], [3 + rounding, 2, 1], [3, 2, 1 + rounding]):
        assert coordinates.spectrum_moved(form, np.diag(changed)) == pytest.approx(1 / 2)


def test_a_change_moves_it_by_no_more_than_its_own_size():
    W = two_circles(5)
    form, changed = (
        ordered_schur(W),
        coordinates.in_basis(W, orthogonal(10, 6), np.triu(np.ones((10, 10)), 1) > 0),
    )
    found, rng = coordinates.spectrum_moved(form, changed), np.random.default_rng(0)
    for size in (1e-12, 1e-6, 1e-2):
        for change in random_changes(5, size, 10, rng):
            again = coordinates.spectrum_moved(form, changed + change)
            assert abs(again - found) <= size / np.abs(form.eigenvalues).max() + 1e-14


@pytest.mark.parametrize("task", ["copy", "flip_flop", "sine_generation"])
def test_rounding_does_not_decide_how_far_the_spectrum_of_a_shipped_network_moved(task):
    specs = [s for s in catalogue.specs(task) if (s.construction, s.seed) == ("dense_orthogonal", 0)]
    [net] = catalogue.networks(specs[-1:], "reference")
    W, rng = net.W_hh.double().numpy(), np.random.default_rng(0)
    form, U = ordered_schur(W), orthogonal(len(W), 0)
    for name, mask in form.couplings().items():
        cases = [coordinates.in_basis(W, U, mask), coordinates.complex_ablation(form, {name}).real]
        cases += [WRONG[wrong](form, W, {name})[2] for wrong in ("whole blocks", "permuted T")]
        for changed in cases:
            [rounding] = random_changes(1, 1e-15 * np.linalg.norm(W), len(W), rng)
            found, again = (coordinates.spectrum_moved(form, A) for A in (changed, changed + rounding))
            assert again == pytest.approx(found, abs=1e-13)


def test_the_transposed_form_removes_what_leads_from_the_leading_eigenvectors():
    # Upper triangular: e1 is the leading right eigenvector. In W's own coordinates CR is W[0, 1]; with
    # the complement first the triangle's other side is empty only after turning to the left eigenvector.
    W = np.array([[1.0, 0.7], [0.0, 0.2]])
    assert_allclose(ordered_schur(W).ablate({"CR"}), np.diag([1.0, 0.2]), atol=1e-15)
    left = np.array([0.8, 0.7]) / np.hypot(0.8, 0.7)  # leftᵀ W = leftᵀ
    other = np.array([-left[1], left[0]])
    expected = np.outer(left, left) + 0.2 * np.outer(other, other)
    assert_allclose(coordinates.of_transpose(W, {"CR"}), expected, atol=1e-14)


@given(seeds)
@few
def test_the_complex_form_is_a_schur_form_with_the_same_sectors(seed):
    W = gaussian(8, seed)
    form = ordered_schur(W)
    U, S = coordinates.complex_form(form)
    assert_allclose(U @ S @ U.conj().T, W, atol=1e-12)
    assert_allclose(np.tril(S, -1), 0, atol=1e-12)
    assert_allclose(np.abs(np.diagonal(S)), np.abs(form.eigenvalues), rtol=1e-8)


@given(seeds)
@few
def test_only_the_coupling_between_the_sectors_is_the_same_in_complex_form(seed):
    form = ordered_schur(two_circles(seed))
    assert_allclose(coordinates.complex_ablation(form, {"CR"}), form.ablate({"CR"}), rtol=0, atol=1e-10)
    inner = coordinates.complex_ablation(form, {"RR"})
    assert np.linalg.norm(inner - form.ablate({"RR"})) > 1e-3


def test_in_complex_form_each_block_goes_alone():
    form = ordered_schur(two_circles(5))
    U, S = coordinates.complex_form(form)
    parts = {"RR": np.s_[:6, :6], "CR": np.s_[:6, 6:], "CC": np.s_[6:, 6:]}
    for name in COUPLINGS:
        left = U.conj().T @ coordinates.complex_ablation(form, {name}) @ U
        for other, part in parts.items():
            kept = S[part] if other != name else np.where(np.tri(*S[part].shape), S[part], 0)
            kept = kept if name != "CR" or other != "CR" else 0
            assert_allclose(left[part], kept, atol=1e-12)


def test_the_complex_form_without_all_couplings_is_normal():
    A = coordinates.complex_ablation(ordered_schur(gaussian(7, 3)), ALL)
    assert_allclose(A @ A.conj().T, A.conj().T @ A, atol=1e-12)


@given(seeds)
@few
def test_the_spectral_projector_leaves_no_coupling_between_the_sectors(seed):
    W = two_circles(seed)
    P = coordinates.spectral_projector(ordered_schur(W))
    assert_allclose(P @ P, P, atol=1e-10)
    assert_allclose(P @ W, W @ P, atol=1e-10)
    assert np.trace(P) == pytest.approx(6)
    assert_allclose(P @ W @ (np.eye(10) - P), 0, atol=1e-10)


def test_the_spectral_projector_is_oblique_by_the_known_angle():
    # eigenvectors e1 and (cos t, sin t): ‖P‖ = 1 / sin t
    t = 0.4
    V = np.array([[1, np.cos(t)], [0, np.sin(t)]])
    W = V @ np.diag([1.0, 0.3]) @ np.linalg.inv(V)
    P = coordinates.spectral_projector(ordered_schur(W))
    assert np.linalg.norm(P, 2) == pytest.approx(1 / np.sin(t))


def test_orthogonal_eigenvectors_stay_as_they_are():
    W = normal(8, 5)
    for removed in SETS:
        assert_allclose(coordinates.eigen_ablation(ordered_schur(W), removed), W, atol=1e-10)


def test_two_oblique_eigenvectors_are_turned_by_half_the_angle_each():
    t = 0.4
    V = np.array([[1, np.cos(t)], [0, np.sin(t)]])
    W = V @ np.diag([1.0, 0.3]) @ np.linalg.inv(V)
    turn = (np.pi / 2 - t) / 2
    first = np.array([np.cos(-turn), np.sin(-turn)])
    second = np.array([np.cos(t + turn), np.sin(t + turn)])
    expected = np.outer(first, first) + 0.3 * np.outer(second, second)
    form = ordered_schur(W)
    assert_allclose(coordinates.eigen_ablation(form, {"CR"}), expected, atol=1e-12)
    assert_allclose(coordinates.eigen_ablation(form, ALL), expected, atol=1e-12)


@given(seeds)
@few
def test_the_eigen_analogue_keeps_the_spectrum_and_removes_what_it_says(seed):
    W = two_circles(seed)
    form = ordered_schur(W)
    for removed in SETS:
        changed = coordinates.eigen_ablation(form, removed)
        assert coordinates.spectrum_moved(form, changed) < 1e-7
        left = ordered_schur(changed)
        if removed == ALL:
            assert_allclose(changed @ changed.T, changed.T @ changed, atol=1e-9)
        elif removed == {"CR"}:
            assert left.removed_mass({"CR"}) < 1e-8
            assert left.removed_mass({"RR"}) > 1e-2


@given(seeds)
@few
def test_another_order_is_a_schur_form_with_the_same_leading_subspace(seed):
    W = two_circles(seed)
    form = ordered_schur(W)
    other, share = coordinates.shuffled_order(form, np.random.default_rng(seed))
    assert_allclose(other.Q @ other.T @ other.Q.T, W, atol=1e-12)
    P, R = form.Q[:, :6], other.Q[:, :6]
    assert_allclose(P @ P.T, R @ R.T, atol=1e-10)
    assert_allclose(other.ablate({"CR"}, n=6), form.ablate({"CR"}), rtol=0, atol=1e-10)
    assert 0 <= share <= 1


def test_orders_differ_where_moduli_are_near_and_only_there():
    near, far = ordered_schur(two_circles(3)), ordered_schur(normal(8, 3))
    rng = np.random.default_rng(0)
    near_shares = [coordinates.shuffled_order(near, rng)[1] for _ in range(20)]
    far_shares = [coordinates.shuffled_order(far, rng)[1] for _ in range(20)]
    assert max(near_shares) > 0
    assert max(far_shares) == 0


def test_no_order_moves_a_dimension_across_the_cut():
    form = ordered_schur(np.diag([1.0, 0.91, 0.89, 0.88]) + np.triu(np.ones((4, 4)), 1))
    rng = np.random.default_rng(0)
    for _ in range(20):
        other, _ = coordinates.shuffled_order(form, rng)
        assert (np.diagonal(other.T)[:2] > 0.9).all()


# --- the cut ----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_sep_is_the_smallest_singular_value_of_the_sylvester_matrix(seed):
    form = ordered_schur(gaussian(9, seed))
    n = form.n_leading(0.7)
    A, B = form.T[:n, :n], form.T[n:, n:]
    sylvester = np.kron(A, np.eye(9 - n)) - np.kron(np.eye(n), B.T)
    smallest = np.linalg.svd(sylvester, compute_uv=False)[-1]
    assert coordinates.exact_sep(form, 0.7) == pytest.approx(smallest, rel=1e-6)
    # LAPACK's estimate is of another norm: within √(n(N − n)) of it
    factor = np.sqrt(n * (9 - n))
    assert smallest / factor <= form.cut_report(0.7).sep * 1.001
    assert form.cut_report(0.7).sep <= smallest * factor * 1.001


def test_sep_of_a_normal_matrix_is_the_gap_between_the_sectors():
    W = np.diag([1.0, 0.95, 0.5, 0.1])
    assert coordinates.exact_sep(ordered_schur(W)) == pytest.approx(0.45)
    assert coordinates.exact_sep(ordered_schur(np.diag([1.0, 0.4]))) == pytest.approx(0.6)
    assert np.isnan(coordinates.exact_sep(ordered_schur(np.eye(3))))


# --- symmetries -------------------------------------------------------------------------------


@given(seeds)
@few
def test_a_signed_permutation_leaves_form_norms_and_scores(seed):
    g = torch.Generator().manual_seed(seed)
    biases = [torch.randn(size, generator=g).double() for size in (10, 3, 10)]
    plain = network(two_circles(seed), seed)
    biased = Network(plain.W_xh, plain.W_hh, plain.W_hy, *biases)
    P = coordinates.signed_permutation(10, np.random.default_rng(seed))
    assert_allclose(P @ P.T, np.eye(10))
    assert_allclose(np.abs(P).sum(0), 1)
    for trials in map(on_flip_flop, (plain, biased)):
        other = coordinates.relabelled(trials, P)
        assert coordinates.block_sign_error(trials.form, other.form, P) < 1e-8
        for name in COUPLINGS:
            mass = trials.form.removed_mass({name})
            assert other.form.removed_mass({name}) == pytest.approx(mass, abs=1e-9)
        before, after = (
            t.scores([t.W_hh, *(t.form.ablate({name}) for name in COUPLINGS)]) for t in (trials, other)
        )
        assert_allclose(after, before, atol=1e-8)


def test_a_rotation_is_no_symmetry_and_an_unrelated_form_no_sign_change():
    trials = on_flip_flop(network(two_circles(0)))
    turned = coordinates.relabelled(trials, orthogonal(10, 1))
    assert abs(turned.intact - trials.intact) > 0.01
    unrelated = coordinates.block_sign_error(
        ordered_schur(two_circles(0)), ordered_schur(two_circles(9)), np.eye(10)
    )
    assert unrelated > 0.3


# --- wrong implementations --------------------------------------------------------------------

BROKEN = {
    "unordered form": "order",
    "whole blocks": "spectrum",
    "sorted columns of Q": "reconstruction",
    "permuted T": "triangularity",
    "own output": None,
}


def unordered(seed):
    """A matrix that LAPACK's Schur form leaves out of order."""
    for s in range(seed, seed + 100):
        W = gaussian(8, s)
        Q, T, _ = coordinates.unordered_form(ordered_schur(W), W, set())
        if coordinates.violations(ordered_schur(W), W, Q, T, T)["order"] > 0.1:
            return W
    raise AssertionError("no unordered form among 100 matrices")


@pytest.mark.parametrize("implementation", WRONG)
def test_each_wrong_implementation_violates_what_it_is_said_to(implementation):
    W = unordered(0)
    form = ordered_schur(W)
    factors = WRONG[implementation](form, W, {"RR"})
    broken = coordinates.violations(form, W, *factors)
    if BROKEN[implementation]:
        assert broken[BROKEN[implementation]] > 0.05
    allowed = {BROKEN[implementation]}
    if implementation in ("sorted columns of Q", "permuted T"):
        allowed |= {"order", "spectrum"}  # consequences
    for name, size in broken.items():
        assert name in allowed or size < 1e-7, name


@given(seeds)
@few
def test_the_right_implementation_violates_nothing(seed):
    W = gaussian(8, seed)
    form = ordered_schur(W)
    for removed in SETS:
        broken = coordinates.violations(form, W, *coordinates.right(form, W, removed))
        assert max(broken.values()) < 1e-6


def test_the_right_factors_are_those_of_the_paper():
    W = two_circles(4)
    form = ordered_schur(W)
    for removed in SETS:
        Q, _, T = coordinates.right(form, W, removed)
        assert_allclose(Q @ T @ Q.T, form.ablate(removed), atol=1e-12)


def test_against_its_own_output_any_network_is_perfect(anyone, gated):
    net = on_flip_flop(network(two_circles(0)))
    assert coordinates.own_scores(net, [net.W_hh])[0] < 1e-25
    assert net.intact > 0.1
    trials = anyone()
    (own,) = coordinates.own_scores(trials, [trials.W_hh])
    assert trials.metric.error(own) == 0 < trials.error
    classes = torch.arange(12 * 6).reshape(12, 6) % 2
    by_class = replace(gated().scored_by("accuracy"), targets=classes)
    assert coordinates.own_scores(by_class, [by_class.W_hh]) == [1.0] != [by_class.intact]


# --- tables -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small():
    W = torch.from_numpy(0.9 * two_circles(7)).float()
    g = torch.Generator().manual_seed(0)
    net = Network(torch.randn(10, 3, generator=g), W, torch.randn(3, 10, generator=g))
    return on_task(net, tasks.flip_flop(), 8)


def test_tables_hold_the_papers_ablation_as_their_first_case(anyone, small):
    for trials in (small, anyone()):
        form = trials.form
        scores = trials.scores(form.ablate(s) for s in SETS).numpy()
        bases = coordinates.measure_bases(trials, draws=2)
        ours = bases[bases.system == "schur"]
        assert_allclose(ours.score, scores, atol=1e-6)
        assert_allclose(ours.delta, scores - trials.intact, atol=1e-6)
        assert_allclose(ours.mass, [form.removed_mass(s) for s in SETS], atol=1e-6)
        cut = coordinates.measure_cut(trials)
        at = cut[cut.alpha == 0.9]
        assert_allclose(at.score, scores[:3], atol=1e-6)
        wrong = coordinates.measure_wrong(trials)
        right = wrong[wrong.implementation == "right"]
        assert_allclose(right.score, [trials.intact, *scores[:3]], atol=1e-6)
        assert (right.right == wrong.right[:4]).all()


def test_nudges_are_the_perturbations_cut_where_the_network_is(anyone):
    trials = anyone()
    table = coordinates.measure_nudges(trials, draws=2, seed=3)
    assert table.equals(perturbations(trials, draws=2, seed=3)[table.columns][1:].reset_index(drop=True))
    assert table.draw.tolist() == [0, 1] and table.columns[-1] == "score_CC"


def test_the_symmetry_table_is_at_rounding_level_and_the_rotation_is_not(small, copier):
    for trials in (small, copier()):
        net = trials.network.double()
        exact = of_network(net, trials.inputs.double(), trials.targets.double(), "fvu", trials.free_steps)
        table = coordinates.measure_symmetries(exact, draws=2)
        assert list(table) == ["draw", "form", "norms", "score", "rotation"] and table.draw.tolist() == [0, 1]
        assert table[["form", "norms", "score"]].max().max() < 1e-8
        assert (table.rotation.abs() > 1e-3).all()


def test_only_a_plain_tanh_network_can_be_relabelled(gated):
    with pytest.raises(ValueError, match="plain tanh network .* got a Gated"):
        coordinates.measure_symmetries(gated())


def test_one_network_is_measured_the_same_twice(small):
    for measure in (coordinates.measure_bases, coordinates.measure_nudges):
        one, two = (measure(small, draws=2) for _ in range(2))
        assert one.equals(two)


def test_each_row_of_the_table_of_bases_is_the_ablation_in_its_system(small):
    draws, seed, alpha = 2, 5, 0.7
    table = coordinates.measure_bases(small, draws, alpha, seed)
    form, W, rng = small.form, small.W_hh.numpy(), np.random.default_rng(seed)
    n, size = form.n_leading(alpha), np.linalg.norm(W)
    orders = [coordinates.shuffled_order(form, rng, alpha)[0] for _ in range(draws)]
    bases = [np.linalg.qr(rng.standard_normal((10, 10)))[0] for _ in range(draws)]
    expected = []
    for removed in SETS:
        mask = form.mask(removed, alpha)
        expected += [("schur", 0, removed, form.without(mask))]
        expected += [("order", i, removed, other.ablate(removed, n=n)) for i, other in enumerate(orders)]
        expected += [("complex", 0, removed, coordinates.complex_ablation(form, removed, alpha))]
        expected += [("transpose", 0, removed, ordered_schur(W.T).ablate(removed, alpha).T)]
        expected += [("eigen", 0, removed, coordinates.eigen_ablation(form, removed, alpha))]
        expected += [
            ("random", i, removed, W - U @ np.where(mask, U.T @ W @ U, 0) @ U.T) for i, U in enumerate(bases)
        ]
    assert len(table) == len(expected) == 4 * 8
    scores = small.scores([changed.real.copy() for *_, changed in expected]).numpy()
    for row, (system, draw, removed, changed), score in zip(table.itertuples(), expected, scores, strict=True):
        assert (row.system, row.draw, set(row.removed.split("+"))) == (system, draw, set(removed))
        assert row.mass == pytest.approx(np.linalg.norm(W - changed.real) / size, abs=1e-9)
        assert row.imaginary == pytest.approx(np.linalg.norm(changed.imag) / np.linalg.norm(changed), abs=1e-12)
        assert row.spectrum == pytest.approx(coordinates.spectrum_moved(form, changed.real), abs=1e-9)
        assert row.score == pytest.approx(score, abs=1e-5) and row.delta == pytest.approx(row.score - small.intact)
    assert table.condition.unique() == pytest.approx(np.linalg.cond(np.linalg.eig(W)[1]))
    projector = np.linalg.norm(coordinates.spectral_projector(form, alpha), 2)
    assert table.projector.unique() == pytest.approx(projector) and projector > 1


def test_each_row_of_the_sweep_is_the_cut_at_its_threshold(small):
    table, form = coordinates.measure_cut(small), small.form
    assert sorted(set(table.alpha)) == [round(0.30 + 0.03 * i, 2) for i in range(24)] == list(coordinates.ALPHAS)
    assert len(table) == 3 * 24 and table.n_leading.nunique() > 1
    for row in table.itertuples():
        report = form.cut_report(row.alpha)
        found = (row.n_leading, row.gap, row.n_near_cut, row.sep_estimate, row.s)
        expected = (form.n_leading(row.alpha), report.gap, report.n_near_cut, report.sep, report.s)
        assert_allclose(found, expected)
        assert_allclose(row.sep, coordinates.exact_sep(form, row.alpha))
        assert row.mass == pytest.approx(form.removed_mass({row.removed}, row.alpha))
    for row in table[::7].itertuples():
        score = small.scores([form.ablate({row.removed}, row.alpha)]).item()
        assert row.score == pytest.approx(score, abs=1e-6) and row.delta == pytest.approx(row.score - small.intact)


def test_the_table_of_wrong_implementations_says_what_each_breaks_and_scores(small):
    table = coordinates.measure_wrong(small, 0.7)
    form, W = small.form, small.W_hh.numpy()
    assert table.implementation.tolist() == [name for name in ("right", *WRONG) for _ in range(4)]
    assert table.removed.tolist() == ["", *COUPLINGS] * 6
    ways = {"right": coordinates.right, **WRONG}
    for row in table.itertuples():
        factors = ways[row.implementation](form, W, {row.removed} if row.removed else set(), 0.7)
        broken = coordinates.violations(form, W, *factors)
        assert_allclose([getattr(row, name) for name in broken], list(broken.values()), atol=1e-12)
        changed = [factors[0] @ factors[2] @ factors[0].T]
        own = row.implementation == "own output"
        score = coordinates.own_scores(small, changed)[0] if own else small.scores(changed).item()
        assert row.score == pytest.approx(score, abs=1e-6)
