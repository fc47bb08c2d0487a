"""The compiled kernels against naive loops in float64, torch's autograd and torch's own optimiser."""

import numpy as np
import pytest
import torch

from schur_lib import kernels

PHI = {False: np.tanh, True: lambda a: np.maximum(a, 0)}
TOLERANCE = {np.float32: 3e-6, np.float64: 1e-13}
# T_in, T, B, N_x, N, M: M = 0 for states; odd and single ones, free steps or none, input wider than output or not
SIZES = [(3, 5, 2, 3, 4, 2), (1, 1, 1, 1, 1, 1), (4, 4, 3, 1, 7, 5), (2, 9, 5, 2, 33, 1), (6, 6, 17, 3, 67, 3),
         (3, 5, 2, 3, 4, 0), (1, 1, 1, 1, 1, 0), (0, 4, 2, 1, 3, 2)]  # fmt: skip


def case(size, dtype=np.float64, relu=False, biased=False, seed=0):
    """Inputs, S and the initial state; of the preactivations some are negative and some positive."""
    T_in, T, B, X, N, M = size
    rng = np.random.default_rng(seed)
    S = rng.standard_normal((N + M, N + biased + X)) / N**0.5
    S[N:, N + biased :] = 0
    inputs, h0 = rng.standard_normal((T_in, B, X)), PHI[relu](rng.standard_normal((B, N)))
    return [x.astype(dtype) for x in (inputs, S, h0)]


def parts(S, N, X):
    """W_hh, W_xh, W_hy, b_h and b_y, the biases 0 where S has none."""
    biases = S[:, N] if S.shape[1] > N + X else 0 * S[:, 0]
    return S[:N, :N], S[:N, S.shape[1] - X :], S[N:, :N], biases[:N], biases[N:]


def naive(inputs, S, h0, relu, T, M):
    """(T, B, M or N): the equation, one trial, unit and step at a time."""
    N, out = h0.shape[1], []
    W_hh, W_xh, W_hy, b_h, b_y = (np.float64(x) for x in parts(S, N, inputs.shape[2]))
    h = np.float64(h0)
    for t in range(T):
        a = np.empty_like(h)
        for b in range(len(h)):
            for i in range(N):
                a[b, i] = b_h[i] + sum(W_hh[i, j] * h[b, j] for j in range(N))
                if t < len(inputs):
                    a[b, i] += sum(W_xh[i, j] * float(inputs[t, b, j]) for j in range(inputs.shape[2]))
        h = PHI[relu](a)
        out.append([W_hy @ x + b_y for x in h] if M else h)
    return np.array(out)


def run(inputs, S, h0, relu, T, M, rows=None):
    """What the kernel makes of buffers in which nothing is set but the initial state."""
    B, N = h0.shape
    H = np.full((rows or T + 1, B, max(S.shape)), np.nan, S.dtype)
    out = np.full((T, B, M or N), np.nan, S.dtype)
    H[0, :, :N] = h0
    kernels.forward(inputs, S, N, relu, H, out)
    return H, out


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_outputs_and_states_are_those_of_the_equation(dtype, relu, biased, size):
    _, T, B, _, N, M = size
    inputs, S, h0 = case(size, dtype, relu, biased)
    expected = naive(inputs, S, h0, relu, T, M)
    H, got = run(inputs, S, h0, relu, T, M)
    atol = TOLERANCE[dtype] * max(1, np.abs(expected).max())
    np.testing.assert_allclose(got, expected, rtol=0, atol=atol)
    np.testing.assert_allclose(H[1:, :, :N], naive(inputs, S[:N], h0, relu, T, 0), rtol=0, atol=atol)
    assert np.array_equal(run(inputs, S, h0, relu, T, M, rows=2)[1], got), "two rows in turn"


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("relu", [False, True])
def test_gradients_are_those_of_autograd_in_float64(relu, biased, size):
    T_in, T, _, X, N, M = size
    arrays = case(size, relu=relu, biased=biased, seed=1)
    x, S, h0 = (torch.from_numpy(a).clone().requires_grad_() for a in arrays)
    W_hh, W_xh, W_hy, b_h, b_y = parts(S, N, X)
    h, out = h0, []
    for t in range(T):
        a = h @ W_hh.T + b_h + (x[t] @ W_xh.T if t < T_in else 0)
        h = a.relu() if relu else a.tanh()
        out.append(h @ W_hy.T + b_y if M else h)
    out = torch.stack(out)
    d_out = np.random.default_rng(2).standard_normal(out.shape)
    expected = torch.autograd.grad(out, (S, x, h0), torch.from_numpy(d_out), allow_unused=True)
    H, _ = run(*arrays, relu, T, M)
    dS, dx = np.full_like(arrays[1], np.nan), np.full_like(arrays[0], np.nan)
    dh0 = kernels.backward(H, arrays[1], N, relu, T_in, d_out, dS, dx)
    without = dS.copy()
    kernels.backward(H, arrays[1], N, relu, T_in, d_out, without, dx[:0])
    np.testing.assert_allclose(without, dS, rtol=1e-11, atol=1e-12)
    meant = np.ones(dS.shape, bool)
    meant[N:, dS.shape[1] - X :] = False
    for found, wanted, where in ((dS, expected[0], meant), (dx, expected[1], ...), (dh0, expected[2], ...)):
        wanted = np.zeros(found.shape) if wanted is None else wanted.numpy()
        np.testing.assert_allclose(found[where], wanted[where], rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("n_targets", [2, 6])
@pytest.mark.parametrize("size", [(3, 6, 5, 2, 9, 3), (6, 6, 4, 1, 8, 1)], ids=str)
def test_loss_and_gradient_are_those_of_the_last_outputs(size, n_targets):
    T_in, T, B, X, N, M = size
    inputs, S, h0 = case(size, seed=3)
    targets = np.random.default_rng(4).standard_normal((n_targets, B, M))
    dS, outputs, H = np.empty_like(S), np.empty((T, B, M)), np.full((T + 1, B, max(S.shape)), np.nan)
    loss = kernels.loss_and_gradient(inputs, targets, S, H, outputs, dS)
    assert loss == pytest.approx(((outputs[-n_targets:] - targets) ** 2).mean(), rel=1e-12)
    np.testing.assert_allclose(outputs, naive(inputs, S, 0 * h0, False, T, M), atol=1e-13)
    step = 1e-6
    for i, j in ((0, 0), (N - 1, 2), (1, N), (N, 3), (N + M - 1, N - 1)):  # of W_hh, W_xh and W_hy
        there = []
        for sign in (1, -1):
            moved = S.copy()
            moved[i, j] += sign * step
            there.append(((naive(inputs, moved, 0 * h0, False, T, M)[-n_targets:] - targets) ** 2).mean())
        assert dS[i, j] == pytest.approx((there[0] - there[1]) / (2 * step), abs=1e-8)


@pytest.mark.parametrize("clip", [0.5, 1e9, np.inf])
def test_the_optimiser_is_torchs_with_its_clipping(clip):
    rng = np.random.default_rng(5)
    start = rng.standard_normal(50)
    theirs = torch.nn.Parameter(torch.from_numpy(start.copy()))
    optimiser = torch.optim.Adam([theirs], lr=0.01)
    values, mean, square = start.copy(), np.zeros(50), np.zeros(50)
    for step in range(1, 8):
        g = rng.standard_normal(50)
        theirs.grad = torch.from_numpy(g.copy())
        if clip < np.inf:
            torch.nn.utils.clip_grad_norm_([theirs], clip)
        optimiser.step()
        kernels.adam(values, g, mean, square, step, 0.01, clip)
    np.testing.assert_allclose(values, theirs.detach().numpy(), rtol=0, atol=1e-9)
    assert np.abs(values - start).max() > 0.01


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("n", "m", "k"), [(4, 3, 5), (1, 1, 1), (80, 64, 72), (1, 7, 2), (7, 1, 3)])
def test_products_of_parts_of_matrices_and_of_their_transposes(n, m, k, dtype):
    rng = np.random.default_rng(6)
    draw = lambda rows, columns: rng.standard_normal((rows, columns + 3)).astype(dtype)[:, 2 : columns + 2]  # noqa: E731
    for A in (draw(n, k), draw(k, n).T):
        for B in (draw(k, m), draw(m, k).T):
            for beta in (0.0, 1.0):
                C = draw(n, m)
                whole = C.base.copy()
                expected = A.astype(float) @ B + beta * C
                kernels.product(A, B, beta, C)
                np.testing.assert_allclose(C, expected, atol=10 * TOLERANCE[dtype])
                assert np.array_equal(C.base[:, :2], whole[:, :2]) and np.array_equal(C.base[:, -1], whole[:, -1])


def test_tanh_is_as_close_as_it_says_everywhere_and_never_beyond_one():
    x = np.concatenate([np.linspace(-12, 12, 40_001), [0, -0.0, 1e-30, 1e30, -1e30, np.inf, -np.inf]])
    for dtype, error in ((np.float32, 4e-7), (np.float64, 1e-15)):
        found = x.astype(dtype).reshape(1, -1)
        exact = np.tanh(found.astype(np.float64))
        kernels.tanh_in_place(found)
        assert np.abs(found - exact).max() < error and np.abs(found).max() <= 1
        assert np.array_equal(np.sign(found), np.sign(exact))
