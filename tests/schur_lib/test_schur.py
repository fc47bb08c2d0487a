"""The ordered real Schur form on adversarial matrices: invariants, hand-computed cases, bad input.

Entries of T are not compared where moduli nearly tie: only block-level quantities are reproducible.
"""

import warnings
from itertools import combinations

import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.linalg import block_diag, lapack
from scipy.optimize import linear_sum_assignment
from threadpoolctl import threadpool_limits

from schur_lib.schur import (
    COUPLINGS,
    SUBSETS,
    OrderedSchur,
    _swap,
    choose_basis,
    label,
    ordered_schur,
    random_changes,
)

EPS = np.finfo(float).eps
SLOW_MACHINE = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])


# --- matrices ---------------------------------------------------------------------------------


def gaussian(N, rng):
    return rng.standard_normal((N, N))


def random_orthogonal(N, rng):
    return np.linalg.qr(rng.standard_normal((N, N)))[0]


def rotated(A, rng):
    """Q A Qᵀ: the same Schur form, hidden."""
    Q = random_orthogonal(len(A), rng)
    return Q @ A @ Q.T


def symmetric(N, rng):
    A = gaussian(N, rng)
    return A + A.T


def signed_permutation(N, rng):
    return np.eye(N)[rng.permutation(N)] * rng.choice([-1.0, 1.0], N)


def jordan(N, rng):
    return rng.choice([0.5, 1.0, -1.0]) * np.eye(N) + rng.choice([1.0, 10.0]) * np.eye(N, k=1)


def rotated_jordan(N, rng):
    return rotated(jordan(N, rng), rng)


def nilpotent(N, rng):
    return np.triu(gaussian(N, rng), 1)


def rotated_nilpotent(N, rng):
    return rotated(nilpotent(N, rng), rng)


def nearly_equal_eigenvalues(N, rng):
    noise = 10.0 ** rng.uniform(-16, -4) * rng.standard_normal(N)
    return np.diag(1 + noise) + 3 * nilpotent(N, rng)


def nearly_defective_pairs(N, rng):
    """Pairs a ± i√(bc) with c down to 1e-16: a swap may split them into two real eigenvalues."""
    blocks = [
        np.array([[a, 10.0 ** rng.uniform(-4, 1)], [-(10.0 ** rng.uniform(-16, 0)), a]])
        for a in rng.choice([0.3, 0.7, 0.71, -0.7], N // 2)
    ]
    A = block_diag(*blocks, *[[0.5]] * (N % 2))
    return A + np.triu(rng.standard_normal((N, N)), 2) * (np.arange(N)[:, None] // 2 < np.arange(N)[None, :] // 2)


def repeated(N, rng):
    return rotated(np.diag(rng.choice([-1.0, 1.0, 0.5], N)), rng)


def companion(N, rng):
    A = np.eye(N, k=-1)
    A[0] = rng.integers(-2, 3, N)
    return A


def equal_modulus_rotations(N, rng):
    turns = rng.uniform(0, np.pi, N // 2)
    blocks = [[[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]] for t in turns]
    return rotated(block_diag(*blocks, *[[1.0]] * (N % 2)), rng)


def rank_deficient(N, rng):
    rank = rng.integers(0, N)
    return rng.standard_normal((N, rank)) @ rng.standard_normal((rank, N))


def small_integers(N, rng):
    return rng.integers(-1, 2, (N, N)).astype(float)


def graded(N, rng):
    return gaussian(N, rng) * 10.0 ** -np.add.outer(np.arange(N), np.arange(N))


KINDS = (
    gaussian,
    symmetric,
    random_orthogonal,
    signed_permutation,
    jordan,
    rotated_jordan,
    nilpotent,
    rotated_nilpotent,
    nearly_equal_eigenvalues,
    nearly_defective_pairs,
    repeated,
    companion,
    equal_modulus_rotations,
    rank_deficient,
    small_integers,
    graded,
)
NORMAL_KINDS = (
    symmetric,
    random_orthogonal,
    signed_permutation,
    repeated,
    equal_modulus_rotations,
)


@st.composite
def adversarial_matrices(draw, kinds=KINDS, scales=(1.0, 1e-295, 1e300)):
    kind, scale = draw(st.sampled_from(kinds)), draw(st.sampled_from(scales))
    N, seed = draw(st.integers(1, 12)), draw(st.integers(0, 2**32 - 1))
    return scale * kind(N, np.random.default_rng(seed))


alphas = st.sampled_from([0.05, 0.5, 0.85, 0.9, 0.95, 1.0])
subsets = st.sampled_from(SUBSETS)


def unit(W):
    """W / ‖W‖_F and ‖W‖_F, without overflow at 1e±300."""
    largest = np.abs(W).max()
    if largest == 0:
        return W, 0.0
    norm = largest * np.linalg.norm(W / largest)
    return W / norm, norm


def assert_is_an_ordered_schur_form(form, W):
    N = len(W)
    W, norm = unit(W)
    T = form.T / norm if norm else form.T
    assert np.linalg.norm(form.Q @ T @ form.Q.T - W) <= 20 * N * EPS
    assert np.linalg.norm(form.Q.T @ form.Q - np.eye(N)) <= 20 * N * EPS
    assert form.blocks[0] == 0 and form.blocks[-1] == N
    assert set(np.diff(form.blocks)) <= {1, 2}
    starts = [(i, j) for i, j in zip(form.blocks[:-1], form.blocks[1:], strict=True)]
    below = np.ones((N, N), dtype=bool)
    for i, j in starts:
        below[i:j, i:j] = False
        below[i:j, j:] = False
        block = T[i:j, i:j]
        oracle = np.linalg.eigvals(block)
        if j - i == 2:
            assert block[0, 1] * block[1, 0] < 0 and block[0, 0] == block[1, 1]
        else:
            assert form.eigenvalues[i].imag == 0
        ours = form.eigenvalues[i:j] / norm if norm else form.eigenvalues[i:j]
        assert_allclose(
            sorted(ours, key=lambda z: z.imag),
            sorted(oracle, key=lambda z: z.imag),
            rtol=0,
            atol=4 * np.sqrt(EPS) * np.linalg.norm(block),
        )
    assert np.all(T[below] == 0)


def eigenvalues_differ(a, b):
    """Largest distance in the best matching of two spectra."""
    distance = np.abs(a[:, None] - b[None, :])
    return distance[linear_sum_assignment(distance)].max()


def spectrum_tolerance(W):
    """How far eigenvalues of W (‖W‖_F = 1) may move at a backward error of 40 N eps.

    The smaller of Bauer and Fike's bound, for a well conditioned eigenbasis, and Elsner's, which
    holds for every matrix; both for a matching, hence the factors 2N − 1.
    """
    N = len(W)
    error = 40 * N * EPS
    condition = np.linalg.cond(np.linalg.eig(W)[1])
    bauer_fike = condition * error if np.isfinite(condition) else np.inf
    elsner = 2 ** (1 - 1 / N) * error ** (1 / N)
    return (2 * N - 1) * min(bauer_fike, elsner)


# --- the form ---------------------------------------------------------------------------------


@SLOW_MACHINE
@given(adversarial_matrices())
def test_the_form_is_quasi_triangular_and_puts_W_back_together(W):
    assert_is_an_ordered_schur_form(ordered_schur(W), W)


@SLOW_MACHINE
@given(adversarial_matrices())
def test_moduli_do_not_increase_along_the_diagonal(W):
    form = ordered_schur(W)
    moduli = np.abs(form.eigenvalues)
    largest_from_here = np.maximum.accumulate(moduli[::-1])[::-1]
    assert form.unswapped == 0
    assert np.all(moduli >= largest_from_here - 1e-10 * moduli.max())
    for first in form.blocks[:-1][np.diff(form.blocks) == 2]:
        assert moduli[first] == moduli[first + 1]


@SLOW_MACHINE
@given(adversarial_matrices())
def test_the_eigenvalues_are_those_numpy_finds(W):
    form = ordered_schur(W)
    W, norm = unit(W)
    if norm == 0:
        assert_array_equal(form.eigenvalues, 0)
        return
    oracle = np.linalg.eigvals(W)
    tolerance = spectrum_tolerance(W)
    assert eigenvalues_differ(form.eigenvalues / norm, oracle) <= tolerance
    moduli = np.sort(np.abs(oracle))[::-1]
    assert_allclose(np.abs(form.eigenvalues) / norm, moduli, rtol=0, atol=tolerance)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_larger_matrices_of_every_kind_have_the_form(kind):
    W = kind(61, np.random.default_rng(5))
    form = ordered_schur(W)
    assert_is_an_ordered_schur_form(form, W)
    assert form.unswapped == 0
    assert np.diff(np.abs(form.eigenvalues)).max() <= 1e-10 * np.abs(form.eigenvalues).max()


def test_a_matrix_of_a_thousand_units_is_ordered():
    rng = np.random.default_rng(0)
    W = random_orthogonal(1000, rng) + 0.3 * gaussian(1000, rng) / 1000**0.5
    with threadpool_limits(1):
        form = ordered_schur(W)
        assert_is_an_ordered_schur_form(form, W)
        assert np.diff(np.abs(form.eigenvalues)).max() <= 1e-10
        assert eigenvalues_differ(form.eigenvalues, np.linalg.eigvals(W)) <= 1e-8


@SLOW_MACHINE
@given(adversarial_matrices())
def test_the_first_vector_of_a_block_is_mostly_positive_and_a_pair_has_its_larger_entry_above(W):
    form = ordered_schur(W)
    for first, last in zip(form.blocks[:-1], form.blocks[1:], strict=True):
        assert form.Q[np.abs(form.Q[:, first]).argmax(), first] > 0
        if last - first == 2:
            assert form.T[first, first + 1] >= abs(form.T[first + 1, first])


@SLOW_MACHINE
@given(st.integers(1, 20), st.integers(0, 2**31))
def test_signed_permutations_within_the_blocks_lead_back_to_the_same_form(N, seed):
    rng = np.random.default_rng(seed)
    form = ordered_schur(gaussian(N, rng))
    P = np.zeros((N, N))
    for first, last in zip(form.blocks[:-1], form.blocks[1:], strict=True):
        P[first:last, first:last] = signed_permutation(last - first, rng)
    T, Q = P.T @ form.T @ P, form.Q @ P
    choose_basis(T, Q)
    assert_array_equal(T, form.T)
    assert_array_equal(Q, form.Q)


def test_equal_moduli_keep_the_order_LAPACK_gives():
    W = random_orthogonal(64, np.random.default_rng(1)) / 2
    T, Q = scipy.linalg.schur(W, output="real")
    choose_basis(T, Q)
    assert_allclose(ordered_schur(W).T, T, rtol=0, atol=1e-13)


def test_reverse_ordered_blocks_are_put_in_order():
    blocks = [np.array([[0.0, m], [-m, 0.0]]) if k else [[m]] for m, k in
              [(0.1, 0), (0.2, 1), (0.3, 1), (0.4, 0), (0.5, 1)]]  # fmt: skip
    W = block_diag(*blocks) + np.triu(np.ones((8, 8)), 2) * (
        np.repeat(range(5), [1, 2, 2, 1, 2])[:, None] < np.repeat(range(5), [1, 2, 2, 1, 2])
    )
    form = ordered_schur(W)
    assert_is_an_ordered_schur_form(form, W)
    assert_allclose(np.abs(form.eigenvalues), [0.5, 0.5, 0.4, 0.3, 0.3, 0.2, 0.2, 0.1], rtol=1e-10)
    assert_array_equal(form.blocks, [0, 2, 3, 5, 7, 8])


def not_compiled(T, Q):
    """In the place of `_form`: the Schur form as LAPACK leaves it, all of it to be sorted by `_sort`."""
    T[: len(T.T)], Q[: len(T.T)] = scipy.linalg.schur(T[: len(T.T)])
    return 0


def moved_up(T, Q, rows, moduli, this):
    """In the place of `_move_up`: the same with SciPy's dtrexc, one block, and then all is read again."""
    n_pairs, tie = np.count_nonzero(np.diagonal(T, -1)), 100 * np.finfo(float).eps * moduli.max()
    for k in range(this, len(moduli)):
        to = next((j for j in range(k, 0, -1) if moduli[k] - moduli[j - 1] <= tie), 0)
        if to < k:
            info = lapack.dtrexc(T, Q, rows[k] + 1, rows[to] + 1, overwrite_a=1, overwrite_q=1)[2]
            if info or np.count_nonzero(np.diagonal(T, -1)) != n_pairs:
                return k, to, info
            form = OrderedSchur.of_factors(Q[: len(T.T)], T[: len(T.T)])
            rows[:], moduli[:] = form.blocks, np.abs(form.eigenvalues[form.blocks[:-1]])
    return len(moduli), len(moduli), 0


@pytest.mark.parametrize("kind", [gaussian, random_orthogonal, nilpotent])
def test_every_block_is_moved_at_most_once_and_by_compiled_code_as_by_the_other(kind, monkeypatch):
    rng = np.random.default_rng(2)
    W = kind(60, rng) + np.diag(np.linspace(1, 2, 60))
    dtrexc, calls = lapack.dtrexc, []

    def counted(*args, **options):
        calls.append(args[2:])
        return dtrexc(*args, **options)

    monkeypatch.setattr(lapack, "dtrexc", counted)
    form = ordered_schur(W)
    assert not calls
    monkeypatch.setattr("schur_lib.schur._form", not_compiled)
    monkeypatch.setattr("schur_lib.schur._move_up", moved_up)
    other = ordered_schur(W)
    assert 0 < len(calls) < len(form.blocks) - 1
    assert_allclose(form.T, other.T, rtol=0, atol=1e-12)
    assert_allclose(form.Q, other.Q, rtol=0, atol=1e-12)


def test_a_pair_that_splits_on_its_way_gives_two_real_blocks():
    # 1 ± 1e-8 i moves up past 0.5: a perturbation of 1e-16 is enough to make it real.
    rng = np.random.default_rng(0)
    n_split = 0
    for _ in range(50):
        W = np.triu(rng.standard_normal((4, 4)), 1)
        W[[0, 1, 2, 3], [0, 1, 2, 3]] = 0.5, 0.4, 1, 1
        W[2, 3], W[3, 2] = 1, -EPS / 4
        form = ordered_schur(W)
        assert_is_an_ordered_schur_form(form, W)
        moduli = np.abs(form.eigenvalues)
        assert np.all(np.diff(moduli) <= 1e-10)
        assert_allclose(moduli, [1, 1, 0.5, 0.4], rtol=0, atol=1e-6)
        n_split += len(form.blocks) == 5
    assert 0 < n_split < 50


# --- pairs that LAPACK refuses to swap --------------------------------------------------------

# dtrexc returns info = 1 here although the moduli differ by 4e-6.
CLASHING = np.array(
    [
        [-7.17149899e-01, 2.18904509e03, -2.30107275e-06, 7.34547451e-05],
        [-4.14263102e-14, -7.17149899e-01, 1.03715268e-04, -1.27902092e-04],
        [0.0, 0.0, -7.17154335e-01, 1.30063078e-05],
        [0.0, 0.0, -1.17747393e-14, -7.17154335e-01],
    ]
)


# Brandts (2002), M4: the eigenvalues 1 ± i come before 1.00001 ± i, and dtrexc refuses to swap them.
M4 = np.array([[1, -1e4, 8812, 4566], [1e-4, 1, -9, 1200], [0, 0, 1.00001, -1e-4], [0, 0, 1e4, 1.00001]])


@pytest.mark.parametrize(
    ("W", "larger", "smaller"),
    [
        *[(sign * 2.0**power * M4, np.hypot(1.00001, 1), 2**0.5) for sign in (1, -1) for power in (0, -900, 900)],
        (CLASHING, 0.71715434, 0.71714990),
    ],
)
def test_what_lapack_refuses_to_swap_is_swapped_where_that_form_exists_to_rounding(W, larger, smaller):
    T, Q = scipy.linalg.schur(W)
    assert lapack.dtrexc(T, Q, 3, 1)[2] == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        form = ordered_schur(W)
    assert form.unswapped == 0
    assert_is_an_ordered_schur_form(form, W)
    moduli = np.abs(form.eigenvalues)
    assert moduli[:2] / moduli[2:] == pytest.approx(larger / smaller, abs=4e-7)


def test_a_refused_pair_moves_with_what_is_beside_and_above_it():
    W = block_diag([[3.0]], M4, [[0.5]])
    W[0, 1:], W[1:5, 5] = 2, 7
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        form = ordered_schur(W)
    assert_is_an_ordered_schur_form(form, W)
    assert_allclose(form.eigenvalues, [3, 1.00001 + 1j, 1.00001 - 1j, 1 + 1j, 1 - 1j, 0.5], rtol=0, atol=1e-6)


@pytest.mark.parametrize("seed", range(10))
def test_a_block_passes_several_with_which_lapack_refuses_to_swap_it(seed):
    rng = np.random.default_rng(seed)
    W, parts = 10 * np.triu(rng.uniform(-1, 1, (10, 10)), 1), 1 + 1e-5 * rng.permutation(5)
    for i, a in enumerate(parts):
        W[2 * i : 2 * i + 2, 2 * i : 2 * i + 2] = [[a, -1e4], [1e-4, a]]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        form = ordered_schur(W)
    assert_is_an_ordered_schur_form(form, W)
    assert_allclose(form.eigenvalues[::2].real, np.sort(parts)[::-1], rtol=0, atol=1e-6)


@pytest.mark.parametrize("block", [[[0.5]], [[1.0, 2.0], [-2.0, 1.0]]])
def test_blocks_that_cannot_change_places_stay_as_they_are(block):
    N = 2 * len(block)
    W = block_diag(block, block) + np.triu(np.ones((N, N)), len(block))
    T, Q = W.copy(), np.eye(N)
    assert not _swap(T, Q, 0, N // 2, N)
    assert_array_equal(T, W)
    assert_array_equal(Q, np.eye(N))


@pytest.mark.parametrize(
    ("W", "X"),
    [([[0.5, 1.0], [0.0, 0.6]], 0.0), ([[0.5, 0.0], [0.0, 0.5 + 2e-12]], 1e6)],
    ids=["something is left below", "the blocks are where they were"],
)
def test_a_swap_that_went_wrong_is_not_taken(monkeypatch, W, X):
    monkeypatch.setattr(np.linalg, "solve", lambda system, right: np.full_like(right, X))
    T, Q = np.array(W), np.eye(2)
    assert not _swap(T, Q, 0, 1, 2)
    assert_array_equal(T, W)
    assert_array_equal(Q, np.eye(2))


def test_a_refused_swap_is_reported_and_leaves_a_right_form(monkeypatch):
    monkeypatch.setattr("schur_lib.schur._swap", lambda *refused: False)
    with pytest.warns(RuntimeWarning, match="1 pair.* out of order"):
        form = ordered_schur(CLASHING)
    assert form.unswapped == 1
    assert_is_an_ordered_schur_form(form, CLASHING)
    assert form.n_leading(1.0) == 4  # R is a prefix that holds every leading eigenvalue


@pytest.mark.parametrize(
    ("second_way", "eigenvalues"),
    [(False, [0.9, 0.1, 0.5, 0.3, 0.2]), (True, [0.9, 0.5, 0.3, 0.2, 0.1])],
)
def test_a_block_that_is_stuck_does_not_stop_the_others(monkeypatch, second_way, eigenvalues):
    dtrexc = lapack.dtrexc

    def refuse_the_half(T, Q, first, last, **options):
        if abs(T[first - 1, first - 1] - 0.5) < 1e-9:
            return T, Q, 1
        return dtrexc(T, Q, first, last, **options)

    W = np.diag([0.1, 0.5, 0.2, 0.9, 0.3]) + np.triu(np.full((5, 5), 0.4), 1)
    monkeypatch.setattr(lapack, "dtrexc", refuse_the_half)
    monkeypatch.setattr("schur_lib.schur._form", not_compiled)
    monkeypatch.setattr("schur_lib.schur._move_up", moved_up)
    if not second_way:
        monkeypatch.setattr("schur_lib.schur._swap", lambda *refused: False)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        form = ordered_schur(W)
    assert_is_an_ordered_schur_form(form, W)
    assert form.unswapped == len(said) == (not second_way)
    assert_allclose(form.eigenvalues, eigenvalues, rtol=1e-12)
    assert form.n_leading(0.5) == (2 if second_way else 3)  # the prefix that holds 0.9 and 0.5


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_pairs_too_close_to_swap_never_give_a_wrong_form(seed):
    rng = np.random.default_rng(seed)
    W = 10.0 ** rng.uniform(-8, 1) * rng.standard_normal((6, 6))
    W = np.triu(W, 2) * (np.arange(6)[:, None] // 2 < np.arange(6) // 2)
    for i in (0, 2, 4):
        a = 0.7 + 10.0 ** rng.uniform(-16, -4)
        b, c = 10.0 ** rng.uniform(-8, 4), 10.0 ** rng.uniform(-16, 2)
        W[i : i + 2, i : i + 2] = [[a, b], [-c, a]]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        form = ordered_schur(W)
    assert_is_an_ordered_schur_form(form, W)
    moduli = np.abs(form.eigenvalues)
    assert np.sum(np.diff(moduli) > 1e-10 * moduli.max()) == form.unswapped


# --- sectors and couplings --------------------------------------------------------------------


@SLOW_MACHINE
@given(adversarial_matrices(), alphas)
def test_the_cut_keeps_blocks_whole_and_leading_eigenvalues_in_R(W, alpha):
    form = ordered_schur(W)
    n = form.n_leading(alpha)
    moduli = np.abs(form.eigenvalues)
    rho = moduli.max()
    assert 1 <= n <= len(W) and n in form.blocks
    assert np.all(moduli[:n] >= (alpha - 1e-9) * rho)
    assert np.all(moduli[n:] < alpha * rho)


@SLOW_MACHINE
@given(adversarial_matrices(), alphas)
def test_the_masks_partition_what_is_above_the_blocks(W, alpha):
    form = ordered_schur(W)
    n = form.n_leading(alpha)
    masks = form.couplings(alpha)
    assert tuple(masks) == COUPLINGS
    for i in range(len(W)):
        for j in range(len(W)):
            inside = {name for name, mask in masks.items() if mask[i, j]}
            same_block = any(
                a <= i < b and a <= j < b for a, b in zip(form.blocks[:-1], form.blocks[1:], strict=True)
            )
            if i > j or same_block:
                assert not inside
            else:
                assert inside == {"RR" if j < n else "CR" if i < n else "CC"}


@pytest.mark.parametrize("N", [2, 7, 40])
def test_at_alpha_one_every_eigenvalue_of_an_orthogonal_matrix_leads(N):
    W = random_orthogonal(N, np.random.default_rng(N))
    for scale in (1.0, 1e-295, 3e300):
        assert ordered_schur(scale * W).n_leading(1.0) == N


@pytest.mark.parametrize("W", [np.zeros((4, 4)), np.triu(np.ones((4, 4)), 1)])
def test_without_a_spectral_radius_everything_leads(W):
    form = ordered_schur(W)
    assert form.n_leading(0.9) == form.n_leading(1.0) == 4
    assert not form.couplings(0.9)["CR"].any() and not form.couplings(0.9)["CC"].any()
    report = form.cut_report()
    assert report.n_near_cut == 0
    assert np.isnan([report.gap, report.sep, report.s]).all()


def test_a_single_unit_has_no_couplings():
    form = ordered_schur(np.array([[-0.3]]))
    assert form.n_leading() == 1 and form.eigenvalues == -0.3
    assert not any(mask.any() for mask in form.couplings().values())
    assert form.ablate(COUPLINGS) == -0.3
    assert form.removed_mass(COUPLINGS) == 0


# --- ablation ---------------------------------------------------------------------------------


@SLOW_MACHINE
@given(adversarial_matrices(), subsets, alphas)
def test_ablation_changes_nothing_but_the_removed_entries(W, removed, alpha):
    form = ordered_schur(W)
    expected = form.T.copy()
    for name in removed:
        expected[form.couplings(alpha)[name]] = 0
    scale = unit(W)[1] or 1.0
    found = form.Q.T @ (form.ablate(removed, alpha) / scale) @ form.Q
    assert_allclose(found, expected / scale, rtol=0, atol=20 * len(W) * EPS)


@SLOW_MACHINE
@given(adversarial_matrices(), subsets, alphas)
def test_ablation_keeps_the_spectrum(W, removed, alpha):
    form = ordered_schur(W)
    norm = unit(W)[1]
    assume(norm > 0)
    W, ablated = W / norm, form.ablate(removed, alpha) / norm
    # The traces of powers determine the spectrum and are well conditioned even where it is not.
    for power in range(1, len(W) + 1):
        traces = [np.trace(np.linalg.matrix_power(A, power)) for A in (W, ablated)]
        assert abs(traces[0] - traces[1]) <= power * 40 * len(W) ** 1.5 * EPS
    tolerance = spectrum_tolerance(W) + spectrum_tolerance(ablated)
    assert eigenvalues_differ(np.linalg.eigvals(ablated), np.linalg.eigvals(W)) <= tolerance


@SLOW_MACHINE
@given(adversarial_matrices(), alphas)
def test_removing_nothing_gives_W_back_and_removing_all_gives_the_blocks(W, alpha):
    form = ordered_schur(W)
    scale = unit(W)[1] or 1.0
    atol = 20 * len(W) * EPS
    assert_allclose(form.ablate((), alpha) / scale, W / scale, rtol=0, atol=atol)
    pieces = [form.T[i:j, i:j] for i, j in zip(form.blocks[:-1], form.blocks[1:], strict=True)]
    B = block_diag(*pieces) / scale
    found = form.ablate(COUPLINGS, alpha) / scale
    assert_allclose(found, form.Q @ B @ form.Q.T, rtol=0, atol=atol)


@SLOW_MACHINE
@given(
    adversarial_matrices(kinds=(gaussian, small_integers, companion), scales=(1.0,)),
    subsets,
)
def test_ablating_twice_is_ablating_once(W, removed):
    form = ordered_schur(W)
    assume(well_separated(form))
    once = form.ablate(removed)
    again = ordered_schur(once)
    assume(again.n_leading() == form.n_leading() and well_separated(again))
    tolerance = 1e-6 * np.linalg.norm(W)
    assert_allclose(again.ablate(removed), once, rtol=0, atol=tolerance)
    assert again.removed_mass(removed) <= 1e-6


@SLOW_MACHINE
@given(adversarial_matrices(), alphas)
def test_squared_masses_of_disjoint_sets_add(W, alpha):
    form = ordered_schur(W)
    single = {name: form.removed_mass({name}, alpha) for name in COUPLINGS}
    for removed in SUBSETS:
        mass = form.removed_mass(removed, alpha)
        assert 0 <= mass <= 1 + 4 * EPS
        assert_allclose(mass**2, sum(single[name] ** 2 for name in removed), atol=1e-13)


@SLOW_MACHINE
@given(adversarial_matrices(), subsets, alphas)
def test_the_mass_is_the_relative_size_of_the_change(W, removed, alpha):
    form = ordered_schur(W)
    W, norm = unit(W)
    assume(norm > 0)
    change = np.linalg.norm(W - form.ablate(removed, alpha) / norm)
    assert_allclose(form.removed_mass(removed, alpha), change, rtol=0, atol=40 * len(W) * EPS)


@SLOW_MACHINE
@given(adversarial_matrices(kinds=NORMAL_KINDS), alphas)
def test_a_normal_matrix_has_couplings_at_rounding_level(W, alpha):
    assert ordered_schur(W).removed_mass(COUPLINGS, alpha) <= 20 * len(W) * EPS


def well_separated(form):
    """Moduli and eigenvalues so far apart that T is reproducible up to signs."""
    moduli = np.abs(form.eigenvalues)[form.blocks[:-1]]
    imaginary = np.abs(form.eigenvalues.imag)
    return (
        np.diff(-moduli).min(initial=np.inf) > 1e-2 * moduli[0]
        and np.all((imaginary == 0) | (imaginary > 1e-2 * moduli[0]))
        and np.abs(moduli - 0.9 * moduli[0]).min() > 1e-2 * moduli[0]
        and not form.cut_report().sep < 1e-3 * np.linalg.norm(form.T)
    )


@SLOW_MACHINE
@given(adversarial_matrices(kinds=(gaussian,), scales=(1.0,)), st.integers(0, 2**32 - 1))
def test_a_signed_permutation_of_the_units_leaves_block_norms_unchanged(W, seed):
    P = signed_permutation(len(W), np.random.default_rng(seed))
    form, permuted = ordered_schur(W), ordered_schur(P @ W @ P.T)
    assume(well_separated(form))
    assert permuted.n_leading() == form.n_leading()
    assert_allclose(np.abs(permuted.eigenvalues), np.abs(form.eigenvalues), rtol=1e-8)
    for removed in SUBSETS:
        assert_allclose(permuted.removed_mass(removed), form.removed_mass(removed), atol=1e-7)
        assert_allclose(permuted.ablate(removed), P @ form.ablate(removed) @ P.T, atol=1e-7 * np.linalg.norm(W))


def test_the_example_computed_by_hand():
    # λ = 3 with eigenvector (1, 1)/√2, λ = 1: ordering turns the basis by 45°, so T = [[3, ±2],
    # [0, 1]], and without the coupling W̃ = 3 uuᵀ + 1 vvᵀ with u, v = (1, ±1)/√2.
    form = ordered_schur(np.array([[1.0, 2.0], [0.0, 3.0]]))
    assert_allclose(np.abs(form.T), [[3, 2], [0, 1]], atol=1e-14)
    assert_allclose(np.abs(form.Q), np.full((2, 2), 0.5**0.5), atol=1e-14)
    assert_allclose(form.eigenvalues, [3, 1], atol=1e-14)
    assert form.n_leading(0.9) == 1 and form.n_leading(1 / 3) == 2
    assert_allclose(form.ablate({"CR"}), [[2, 1], [1, 2]], atol=1e-14)
    assert form.removed_mass({"CR"}) == pytest.approx(2 / 14**0.5)
    assert form.removed_mass({"RR", "CC"}) == 0
    # Here sep = 3 − 1 and s = 1 / √(1 + (2 / (3 − 1))²), exactly.
    report = form.cut_report()
    assert report == pytest.approx((2 / 3, 0, 2, 0.5**0.5))


def test_the_blocks_of_an_ordered_matrix_are_read_off():
    W = np.array(
        [
            [1.0, 6.0, 1.0, 3.0],
            [0.0, 0.95, 2.0, 4.0],
            [0.0, 0.0, 0.4, 0.5],
            [0.0, 0.0, -0.5, 0.4],
        ]
    )
    form = ordered_schur(W)
    size = np.linalg.norm(W)
    assert form.n_leading() == 2
    assert_array_equal(form.blocks, [0, 1, 2, 4])
    assert_allclose(form.eigenvalues, [1, 0.95, 0.4 + 0.5j, 0.4 - 0.5j], atol=1e-14)
    assert form.removed_mass({"RR"}) == pytest.approx(6 / size)
    assert form.removed_mass({"CR"}) == pytest.approx(30**0.5 / size)
    assert form.removed_mass({"CC"}) == 0
    without = W.copy()
    without[:2, 2:] = 0
    assert_allclose(form.ablate({"CR"}), without, atol=1e-13)
    assert form.n_leading(0.96) == 1
    assert form.removed_mass({"CC"}, 0.96) == pytest.approx(20**0.5 / size)
    assert form.removed_mass({"CR"}, 0.96) == pytest.approx(46**0.5 / size)


def hidden_form(seed=0, N=9):
    """A nonsymmetric matrix, its form, and two random masks."""
    rng = np.random.default_rng(seed)
    W = gaussian(N, rng)
    return W, ordered_schur(W), rng.random((N, N)) < 0.4


def test_a_matrix_is_the_part_in_a_mask_and_what_is_without_it():
    W, form, mask = hidden_form()
    dW = np.zeros_like(W)
    for i, j in np.argwhere(mask):
        dW += form.T[i, j] * np.outer(form.Q[:, i], form.Q[:, j])
    assert_allclose(form.part(mask), dW, atol=1e-13)
    assert_allclose(form.without(mask), W - dW, atol=1e-13)
    assert form.mass(mask) == pytest.approx(np.linalg.norm(dW) / np.linalg.norm(W))
    assert form.mass(np.zeros_like(mask)) == 0 and form.mass(np.ones_like(mask)) == 1
    assert OrderedSchur.of_factors(form.Q, 0 * form.T).mass(mask) == 0


def test_the_cut_may_be_given_in_dimensions():
    W, form, _ = hidden_form(1)
    for n in form.blocks[1:]:
        masks = form.couplings(0.9, n)
        expected = {"RR": form.above[:n, :n].sum(), "CR": n * (9 - n), "CC": form.above[n:, n:].sum()}
        assert {name: mask.sum() for name, mask in masks.items()} == expected
        assert_array_equal(form.mask(["CR", "CC"], n=n), masks["CR"] | masks["CC"])
        assert_array_equal(form.ablate({"CR"}, n=n), form.without(masks["CR"]))
        assert form.ablate({"CR"}, 0.3, int(n)).tolist() == form.ablate({"CR"}, 0.9, int(n)).tolist()
    assert not form.mask([]).any() and form.mask([]).shape == (9, 9)


def test_a_form_from_factors_has_the_blocks_and_eigenvalues_of_its_diagonal():
    T = np.array([[0.3, 1.0, 2.0, 3.0], [0.0, 0.5, 4.0, 5.0], [0.0, -1.0, 0.5, 6.0], [0.0, 0.0, 0.0, -0.7]])
    form = OrderedSchur.of_factors(np.eye(4), T)
    assert_array_equal(form.blocks, [0, 1, 3, 4])
    assert_allclose(form.eigenvalues, [0.3, 0.5 + 2j, 0.5 - 2j, -0.7])
    assert form.unswapped == 0
    expected = np.triu(np.ones((4, 4), bool), 1)
    expected[1, 2] = False
    assert_array_equal(form.above, expected)
    # R is a prefix, whatever the order: the leading pair ends at 3
    assert form.n_leading() == 3


@pytest.mark.parametrize(("below", "n"), [(0.0, 2), (0.5e-10, 2), (2e-10, 1)])
def test_a_modulus_that_is_below_the_cut_by_rounding_leads(below, n):
    for scale in (1.0, 64.0, 1e-200):
        assert ordered_schur(scale * np.diag([1.0, 0.9 - below, 0.5])).n_leading(0.9) == n


@pytest.mark.parametrize(("apart", "moves"), [(0, False), (1, False), (100, False), (101, True), (1000, True)])
def test_moduli_as_close_as_a_hundred_roundings_are_tied_and_others_are_not(apart, moves):
    second = 0.5 + apart * EPS
    form = ordered_schur(np.array([[1.0, 0.1, 0.2], [0.0, 0.5, 0.3], [0.0, 0.0, second]]))
    assert_allclose(form.eigenvalues[1] - form.eigenvalues[2], (1 if moves else -1) * apart * EPS, atol=20 * EPS)


def test_a_warning_points_at_who_asks(monkeypatch):
    monkeypatch.setattr("schur_lib.schur._swap", lambda *refused: False)
    with pytest.warns(RuntimeWarning) as seen:
        ordered_schur(CLASHING)
    assert [w.filename for w in seen] == [__file__]


@pytest.mark.parametrize("norm", [0.0, 1.0, 2.5])
def test_random_changes_are_isotropic_and_of_one_norm(norm):
    changes = random_changes(3000, norm, 4, np.random.default_rng(0))
    assert changes.shape == (3000, 4, 4)
    assert_allclose(np.linalg.norm(changes, axis=(1, 2)), norm)
    if norm:
        second = np.einsum("nij,nkl->ijkl", changes, changes).reshape(16, 16) / 3000
        assert_allclose(second, norm**2 / 16 * np.eye(16), atol=0.15 * norm**2 / 16 * 2)
        expected = np.random.default_rng(0).standard_normal((3000, 4, 4))[7]
        assert_allclose(changes[7], norm * expected / np.linalg.norm(expected))


# --- the cut report ---------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(adversarial_matrices(kinds=(gaussian, symmetric, companion), scales=(1.0, 1e-295, 1e300)))
def test_sep_and_s_agree_with_their_definitions(W):
    form = ordered_schur(W)
    n, N = form.n_leading(), len(W)
    report = form.cut_report()
    assume(n < N and report.s > 1e-6)
    norm = unit(W)[1]
    T = form.T / norm
    R, C, RC = T[:n, :n], T[n:, n:], T[:n, n:]
    # R X − X C = −T_CR block: the spectral projector of R is [[I, −X], [0, 0]].
    sylvester = np.kron(np.eye(N - n), R) - np.kron(C.T, np.eye(n))
    X = scipy.linalg.solve_sylvester(R, -C, RC)
    assert report.s == pytest.approx(1 / np.sqrt(1 + np.linalg.norm(X) ** 2), rel=1e-6)
    # LAPACK estimates 1 / ‖sylvester⁻¹‖_1, which is sep within a factor √(n (N − n)).
    estimate = report.sep / norm * np.linalg.norm(np.linalg.inv(sylvester), 1)
    assert 1 - 1e-6 <= estimate <= 10
    smallest = np.linalg.svd(sylvester, compute_uv=False)[-1]
    assert report.sep / norm <= 10 * (n * (N - n)) ** 0.5 * smallest
    moduli = np.abs(form.eigenvalues)
    assert report.gap == pytest.approx((moduli[n - 1] - moduli[n]) / moduli[0])


def test_moduli_near_the_cut_are_counted():
    W = np.diag([1.0, 0.94, 0.91, 0.89, 0.86, 0.85, 0.5])
    report = ordered_schur(W).cut_report(0.9)
    assert report.n_near_cut == 4
    assert report.gap == pytest.approx(0.02)
    assert report.sep == pytest.approx(0.02)
    assert report.s == 1
    assert ordered_schur(4 * W).cut_report(0.9).sep == pytest.approx(0.08)
    assert ordered_schur(W).cut_report(0.7).n_near_cut == 0


# --- what goes in -----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_torch_and_numpy_weights_give_the_same_form(dtype):
    W = torch.randn(9, 9, generator=torch.Generator().manual_seed(0)).to(dtype)
    W.requires_grad_()
    form = ordered_schur(W)
    assert form.T.dtype == form.Q.dtype == np.float64 and form.eigenvalues.dtype == complex
    assert_array_equal(form.T, ordered_schur(W.detach().double().numpy()).T)
    assert form.ablate({"CC"}).dtype == np.float64


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.longdouble])
def test_numpy_floats_of_any_width_are_read_as_float64(dtype):
    W = np.random.default_rng(0).standard_normal((5, 5)).astype(dtype)
    assert_array_equal(ordered_schur(W).T, ordered_schur(W.astype(np.float64)).T)


@pytest.mark.parametrize("order", ["C", "F"])
def test_W_is_left_as_it_was_and_its_memory_layout_does_not_matter(order):
    W = np.array(gaussian(8, np.random.default_rng(0)), order=order)
    before = W.copy()
    form = ordered_schur(W)
    T = form.T.copy()
    form.ablate(COUPLINGS)
    assert_array_equal(W, before)
    assert_array_equal(form.T, T)
    assert_array_equal(form.T, ordered_schur(np.repeat(before, 2, axis=1)[:, ::2]).T)


@pytest.mark.parametrize(
    ("W", "message"),
    [
        (np.array([[1.0, np.nan], [0.0, 1.0]]), r"finite.*W\[0, 1\] = nan"),
        (np.array([[1.0, 0.0], [-np.inf, 1.0]]), r"finite.*W\[1, 0\] = -inf"),
        (torch.tensor([[float("nan")]]), r"finite.*W\[0, 0\] = nan"),
        (np.array([[np.longdouble("1e4000")]]), "finite in float64"),
        (np.ones((2, 3)), r"square.*shape \(2, 3\)"),
        (torch.ones(2, 3), r"square.*shape \(2, 3\)"),
        (np.ones(4), r"square.*shape \(4,\)"),
        (np.ones((2, 2, 2)), r"square.*shape \(2, 2, 2\)"),
        (np.array(1.0), r"square.*shape \(\)"),
        (np.ones((2, 2), dtype=complex), "real floating-point.*complex128"),
        (torch.ones(2, 2, dtype=torch.complex64), "real floating-point.*complex64"),
        (np.ones((2, 2), dtype=int), "real floating-point.*int64"),
        (torch.ones(2, 2, dtype=torch.int32), "real floating-point.*int32"),
        (np.ones((2, 2), dtype=bool), "real floating-point.*bool"),
        (np.array([["a"]]), "real floating-point.*<U1"),
        (None, "real floating-point.*object"),
        (np.ones((0, 0)), r"at least one row.*\(0, 0\)"),
        (np.full((3, 3), np.finfo(float).max), "too large"),
    ],
)
def test_matrices_without_a_real_schur_form_are_refused(W, message):
    with pytest.raises(ValueError, match=message):
        ordered_schur(W)


@pytest.mark.parametrize("alpha", [0, -0.1, 1.0001, np.nan, np.inf, "0.9", None, 0.5j])
def test_alpha_outside_its_range_is_refused(alpha):
    form = ordered_schur(np.eye(2))
    for call in (
        lambda: form.n_leading(alpha),
        lambda: form.couplings(alpha),
        lambda: form.ablate({"CC"}, alpha),
        lambda: form.removed_mass({"CC"}, alpha),
        lambda: form.cut_report(alpha),
    ):
        with pytest.raises(ValueError, match=r"alpha must be a number in \(0, 1\], got"):
            call()


@pytest.mark.parametrize(
    ("removed", "message"),
    [
        ("CC", "removed is 'CC'; allowed"),
        ("", "removed is ''; allowed"),
        ({"CC", "RC"}, r"unknown names \['RC'\]; allowed .*RR, CR, CC"),
        (["cc"], r"unknown names \['cc'\]"),
        ([3], r"unknown names \['3'\]"),
        (None, "removed is None"),
        (7, "removed is 7"),
    ],
)
def test_unknown_couplings_are_refused(removed, message):
    form = ordered_schur(np.eye(2))
    for call in (form.ablate, form.removed_mass, label):
        with pytest.raises(ValueError, match=message):
            call(removed)


# --- names ------------------------------------------------------------------------------------


def test_the_eight_subsets_stand_in_pairs_that_differ_by_CC():
    labels = ["", "CC", "RR", "RR+CC", "CR", "CR+CC", "RR+CR", "RR+CR+CC"]
    assert [label(removed) for removed in SUBSETS] == labels
    assert len({*SUBSETS}) == 8
    for without, with_CC in zip(SUBSETS[::2], SUBSETS[1::2], strict=True):
        assert with_CC - without == {"CC"}


def test_a_label_does_not_depend_on_the_order_of_the_names():
    for pair in combinations(COUPLINGS, 2):
        assert label(pair) == label(reversed(pair)) == "+".join(pair)
