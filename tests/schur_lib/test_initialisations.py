"""The four constructions are what the paper says they are."""

import math

import pytest
import torch
from scipy import stats

from schur_lib import ordered_schur
from schur_lib.initialisations import (
    block_diagonal,
    initial_parameters,
    random_orthogonal,
    recurrent_matrix,
    uniform,
    with_gradients,
)


def start(construction, n=72, seed=0):
    parameters = initial_parameters(construction, n, torch.Generator().manual_seed(seed))
    return {k: v.double() for k, v in parameters.items()}


@pytest.mark.parametrize("construction", ["dense_default", "dense_orthogonal", "dense_normal", "cayley"])
def test_what_is_trained_is_float32_of_the_stated_shapes_and_follows_its_generator(construction):
    draw = lambda seed: initial_parameters(construction, 8, torch.Generator().manual_seed(seed))  # noqa: E731
    one, again, other = draw(0), draw(0), draw(1)
    assert {v.dtype for v in one.values()} == {torch.float32}
    assert all(torch.equal(one[k], again[k]) for k in one)
    name = "U" if construction == "cayley" else "W_hh"
    assert one[name].shape == (8, 8) and not torch.equal(one[name], other[name])
    assert set(one) == ({"U", "a", "b", "d"} if construction == "cayley" else {"W_hh"})
    if construction == "cayley":
        assert one["a"].shape == one["b"].shape and (one["b"] > 0).all()
    else:
        assert recurrent_matrix(one) is one["W_hh"]


def test_the_dense_start_is_what_the_generator_gives_scaled_to_one_over_root_n():
    found = start("dense_default", 5, 3)["W_hh"]
    drawn = torch.rand(5, 5, generator=torch.Generator().manual_seed(3)).double()
    torch.testing.assert_close(found, (2 * drawn - 1) / math.sqrt(5), atol=1e-7, rtol=0)
    wide = uniform((3, 4), 9, torch.Generator().manual_seed(3))
    drawn = torch.rand(3, 4, generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(wide, (2 * drawn - 1) / 3, atol=1e-7, rtol=0)


def test_the_eigenvalues_that_cayley_starts_with_are_those_of_its_second_draw():
    g = torch.Generator().manual_seed(4)
    U, M = (uniform((7, 7), 7, g) for _ in range(2))
    found = start("cayley", 7, 4)
    assert torch.equal(found["U"].float(), U)
    ours = torch.cat([torch.complex(found["a"], s * found["b"]) for s in (1, -1)] + [found["d"] + 0j])
    theirs = torch.linalg.eigvals(M.double())
    distance = (ours[:, None] - theirs).abs()
    assert distance.min(0).values.max() < 1e-6 and distance.min(1).values.max() < 1e-6


def test_a_block_diagonal_matrix_written_out():
    a, b, d = torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]), torch.tensor([5.0])
    expected = [[1, -3, 0, 0, 0], [3, 1, 0, 0, 0], [0, 0, 2, -4, 0], [0, 0, 4, 2, 0], [0, 0, 0, 0, 5]]
    assert block_diagonal(a, b, d).tolist() == expected
    assert block_diagonal(a[:0], b[:0], d).tolist() == [[5.0]]
    assert block_diagonal(a[:1], b[:1], d[:0]).tolist() == [[1, -3], [3, 1]]


def test_a_random_orthogonal_matrix_is_the_one_factor_whose_triangle_is_positive():
    Q = random_orthogonal(6, torch.Generator().manual_seed(2))
    A = torch.randn(6, 6, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    R = Q.T @ A
    assert Q.dtype == torch.float64 and (torch.diagonal(R) > 0).all()
    torch.testing.assert_close(R, R.triu(), atol=1e-12, rtol=0)


def commutator(W):
    return torch.linalg.norm(W @ W.T - W.T @ W) / torch.linalg.norm(W) ** 2


def test_dense_default_is_uniform_within_one_over_root_n():
    W = start("dense_default")["W_hh"]
    assert stats.kstest(W.flatten().numpy() * math.sqrt(72), "uniform", (-1, 2)).pvalue > 1e-4


def test_dense_orthogonal_starts_orthogonal():
    W = start("dense_orthogonal")["W_hh"]
    torch.testing.assert_close(W.T @ W, torch.eye(72, dtype=W.dtype), atol=1e-6, rtol=0)


def test_random_orthogonal_matrices_are_uniform():
    """Haar: each entry has variance 1/n, the trace has mean 0 and variance 1, both signs of det occur."""
    g = torch.Generator().manual_seed(0)
    Qs = torch.stack([random_orthogonal(6, g) for _ in range(3000)])
    traces = torch.diagonal(Qs, dim1=1, dim2=2).sum(1)
    assert abs(float(traces.mean())) < 5 / math.sqrt(3000) and abs(float(traces.var()) - 1) < 0.15
    assert torch.all((Qs.square().mean(0) - 1 / 6).abs() < 0.03)
    assert stats.binomtest(int((torch.linalg.det(Qs) > 0).sum()), 3000).pvalue > 1e-4


def test_dense_normal_is_normal_with_eigenvalue_parts_of_variance_one_sixth():
    Ws = [start("dense_normal", seed=s)["W_hh"] for s in range(40)]
    assert max(float(commutator(W)) for W in Ws) < 1e-6
    eigenvalues = torch.cat([torch.linalg.eigvals(W) for W in Ws])
    a, b = eigenvalues.real, eigenvalues.imag.abs()
    assert abs(float(a.var()) - 1 / 6) < 0.02 and abs(float(b.square().mean()) - 1 / 6) < 0.02


def test_cayley_starts_with_the_eigenvalues_of_a_uniform_matrix_and_is_normal():
    parameters = start("cayley")
    W = recurrent_matrix(parameters)
    assert commutator(W) < 1e-14
    expected = torch.linalg.eigvals(block_diagonal(parameters["a"], parameters["b"], parameters["d"]))
    moduli = torch.linalg.eigvals(W).abs().sort().values
    torch.testing.assert_close(moduli, expected.abs().sort().values, atol=1e-10, rtol=0)
    assert 2 * len(parameters["a"]) + len(parameters["d"]) == 72
    assert abs(float(moduli.max()) - 1 / math.sqrt(3)) < 0.12  # the circular law for this variance


def test_every_cayley_iterate_is_o_d_o_transposed_whatever_the_parameters():
    g = torch.Generator().manual_seed(5)
    for _ in range(5):
        U = torch.randn(9, 9, generator=g, dtype=torch.float64)
        a, b, d = (torch.randn(k, generator=g, dtype=torch.float64) for k in (3, 3, 3))
        A = (U - U.T) / 2
        eye = torch.eye(9, dtype=torch.float64)
        O = (eye - A) @ torch.linalg.inv(eye + A)  # noqa: E741
        D = torch.zeros(9, 9, dtype=torch.float64)
        for i in range(3):
            D[2 * i, 2 * i] = D[2 * i + 1, 2 * i + 1] = a[i]
            D[2 * i, 2 * i + 1], D[2 * i + 1, 2 * i] = -b[i], b[i]
            D[6 + i, 6 + i] = d[i]
        W = recurrent_matrix({"U": U, "a": a, "b": b, "d": d})
        torch.testing.assert_close(W, O @ D @ O.T, atol=1e-12, rtol=0)
        assert ordered_schur(W).removed_mass({"RR", "CR", "CC"}) < 1e-12


@pytest.mark.parametrize("n", [1, 2, 5])
def test_small_cayley_matrices_work(n):
    assert recurrent_matrix(start("cayley", n)).shape == (n, n)


def test_cayley_gradients_match_finite_differences():
    leaves = [v.requires_grad_() for v in start("cayley", 5).values()]
    names = list(start("cayley", 5))
    assert torch.autograd.gradcheck(lambda *v: recurrent_matrix(dict(zip(names, v, strict=True))), leaves)


@pytest.mark.parametrize(
    ("construction", "n", "message"),
    [
        ("dense", 8, "dense_default"),
        ("dense_normal", 7, "even hidden_size, got 7"),
        ("cayley", 0, "hidden_size must be an integer ≥ 1, got 0"),
        ("dense_default", 2.0, "hidden_size must be an integer ≥ 1, got 2.0"),
    ],
)
def test_bad_arguments_are_named(construction, n, message):
    with pytest.raises(ValueError, match=message):
        initial_parameters(construction, n, torch.Generator())


@pytest.mark.parametrize("construction", ["dense_default", "dense_orthogonal", "dense_normal", "cayley"])
def test_the_gradients_by_what_is_trained_are_those_of_autograd(construction):
    leaves = {k: v.requires_grad_() for k, v in start(construction, 8, 2).items()}
    W, gradients = with_gradients(leaves)
    G = torch.randn(8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    expected = torch.autograd.grad((W * G).sum(), list(leaves.values()))
    with torch.no_grad():
        found = with_gradients({k: v.detach() for k, v in leaves.items()})[1](G)
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)
