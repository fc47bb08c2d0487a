"""The compiled kernels against naive loops in float64, and against finite differences."""

import numpy as np
import pytest

from schur_lib import kernels

T_IN, T, B, N = 3, 5, 2, 4
PHI = {False: np.tanh, True: lambda a: np.maximum(a, 0)}
TOLERANCE = {np.float32: 3e-6, np.float64: 1e-13}


def case(dtype, relu, biased, seed=0):
    """Drive, bias, weights and initial state; some preactivations are negative, some positive."""
    rng = np.random.default_rng(seed)
    bias = rng.standard_normal(N) if biased else np.zeros(N)
    drive, W, h0 = (
        rng.standard_normal((T_IN, B, N)) + bias,
        rng.standard_normal((N, N)) / 2,
        rng.standard_normal((B, N)),
    )
    return [x.astype(dtype) for x in (drive, bias, W, PHI[relu](h0))]


def naive(drive, bias, W, h0, relu):
    """(T + 1, B, N): the equation, one trial, unit and step at a time."""
    H = np.zeros((T + 1, B, N))
    H[0] = h0
    for t in range(T):
        for b in range(B):
            for i in range(N):
                a = float(drive[t, b, i]) if t < T_IN else float(bias[i])
                a += sum(float(W[i, j]) * H[t, b, j] for j in range(N))
                H[t + 1, b, i] = PHI[relu](a)
    return H


def run(drive, bias, W, h0, relu):
    H = np.full((T + 1, B, N), np.nan, W.dtype)
    H[0] = h0
    kernels.forward(drive, bias, W, relu, H)
    return H


@pytest.mark.parametrize("biased", [False, True, "one"])
@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_states_are_those_of_the_equation_with_input_and_after_it(dtype, relu, biased):
    drive, bias, W, h0 = case(dtype, relu, bool(biased))
    if biased == "one":  # of all units a single one has a bias
        bias[1:] = 0
    expected = naive(drive, bias, W, h0, relu)
    got = run(drive, bias, W, h0, relu)
    assert got.dtype == dtype
    np.testing.assert_allclose(got, expected, rtol=0, atol=TOLERANCE[dtype] * max(1, np.abs(expected).max()))
    if relu:
        assert (expected[1:] == 0).any() and (expected[1:] > 0).any()


def test_a_run_without_any_input_decays_from_its_initial_state():
    _, bias, W, h0 = case(np.float64, False, False)
    H = run(np.empty((0, B, N)), bias, W, h0, False)
    h = h0
    for t in range(T):
        h = np.tanh(h @ W.T)
        np.testing.assert_allclose(H[t + 1], h, atol=1e-13)


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_backward_pass_is_the_chain_rule_written_out(dtype, relu):
    drive, bias, W, h0 = case(dtype, relu, True, seed=1)
    H = run(drive, bias, W, h0, relu)
    G = np.random.default_rng(2).standard_normal((T, B, N))  # ∂loss/∂h_t along the readout
    dA = G.astype(dtype)
    dh0 = kernels.backward(H, W, relu, dA)
    expected, carried = np.zeros((T, B, N)), np.zeros((B, N))
    for t in reversed(range(T)):
        for b in range(B):
            for i in range(N):
                h = float(H[t + 1, b, i])
                slope = float(h > 0) if relu else 1 - h * h
                expected[t, b, i] = (G[t, b, i] + carried[b, i]) * slope
            carried[b] = [sum(expected[t, b, i] * float(W[i, j]) for i in range(N)) for j in range(N)]
    np.testing.assert_allclose(dA, expected, rtol=0, atol=20 * TOLERANCE[dtype])
    np.testing.assert_allclose(dh0, carried, rtol=0, atol=20 * TOLERANCE[dtype])
    assert np.abs(carried).max() > 0.01


@pytest.mark.parametrize("relu", [False, True])
def test_the_backward_pass_agrees_with_finite_differences(relu):
    drive, bias, W, h0 = case(np.float64, relu, False, seed=3)
    G, step = np.random.default_rng(4).standard_normal((T, B, N)), 1e-6
    dA = G.copy()
    dh0 = kernels.backward(run(drive, bias, W, h0, relu), W, relu, dA)
    for b in range(B):
        for i in range(N):
            there = []
            for sign in (1, -1):
                moved = h0.copy()
                moved[b, i] += sign * step
                there.append((G * run(drive, bias, W, moved, relu)[1:]).sum())
            assert dh0[b, i] == pytest.approx((there[0] - there[1]) / (2 * step), abs=1e-7)
    for t in range(T_IN):
        moved = [drive.copy(), drive.copy()]
        moved[0][t, 1, 2] += step
        moved[1][t, 1, 2] -= step
        there = [(G * run(x, bias, W, h0, relu)[1:]).sum() for x in moved]
        assert dA[t, 1, 2] == pytest.approx((there[0] - there[1]) / (2 * step), abs=1e-7)


def test_tanh_is_as_close_as_it_says_everywhere_and_never_beyond_one():
    x = np.concatenate([np.linspace(-12, 12, 40_001), [0, -0.0, 1e-30, 1e30, -1e30, np.inf, -np.inf]])
    for dtype, error in ((np.float32, 4e-7), (np.float64, 1e-15)):
        found = x.astype(dtype).reshape(1, -1)
        exact = np.tanh(found.astype(np.float64))
        kernels.tanh_in_place(found)
        assert np.abs(found - exact).max() < error and np.abs(found).max() <= 1
        assert np.array_equal(np.sign(found), np.sign(exact))
