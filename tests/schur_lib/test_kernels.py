"""The compiled kernels against naive loops in float64, finite differences, and torch's own Adam."""

import math

import numpy as np
import pytest
import torch

from schur_lib import kernels

T_IN, T, B, N, N_X = 3, 5, 2, 4, 3
PHI = {False: np.tanh, True: lambda a: np.maximum(a, 0)}
TOLERANCE = {np.float32: 4e-6, np.float64: 1e-13}
BIASES = ["none", "one", "all"]


class Case:
    """Weights, inputs and an initial state; some preactivations are negative, some positive."""

    def __init__(self, dtype, relu, biases="all", n_y=2, seed=0, t_in=T_IN):
        rng = np.random.default_rng(seed)
        self.relu, self.n_y, self.biases = relu, n_y, biases
        self.W_hh, self.W_xh = rng.standard_normal((N, N)) / 2, rng.standard_normal((N, N_X))
        self.W_hy, self.h0 = rng.standard_normal((n_y, N)), PHI[relu](rng.standard_normal((B, N)))
        self.b_h, self.b_y = rng.standard_normal(N), rng.standard_normal(n_y)
        if biases == "none":
            self.b_h, self.b_y = 0 * self.b_h, 0 * self.b_y
        elif biases == "one":
            self.b_h[1:], self.b_y[:] = 0, 0
        self.inputs = rng.standard_normal((t_in, B, N_X))
        for name, value in vars(self).items():
            if isinstance(value, np.ndarray):
                setattr(self, name, value.astype(dtype))

    def S(self):
        S = np.zeros((N + self.n_y, N + (self.biases != "none") + N_X), self.W_hh.dtype)
        S[:N, :N], S[:N, -N_X:], S[N:, :N] = self.W_hh, self.W_xh, self.W_hy
        if self.biases != "none":
            S[:N, N], S[N:, N] = self.b_h, self.b_y
        return S

    def naive(self):
        """States (T + 1, B, N) and outputs (T, B, N_y): the equations, one trial and unit at a time."""
        H, Y = np.zeros((T + 1, B, N)), np.zeros((T, B, self.n_y))
        H[0] = self.h0
        for t in range(T):
            for b in range(B):
                for i in range(N):
                    a = float(self.b_h[i]) + sum(float(self.W_hh[i, j]) * H[t, b, j] for j in range(N))
                    if t < len(self.inputs):
                        a += sum(float(self.W_xh[i, k]) * float(self.inputs[t, b, k]) for k in range(N_X))
                    H[t + 1, b, i] = PHI[self.relu](a)
                for k in range(self.n_y):
                    Y[t, b, k] = float(self.b_y[k]) + sum(
                        float(self.W_hy[k, j]) * H[t + 1, b, j] for j in range(N)
                    )
        return H, Y

    def run(self, rows=T + 1):
        """States as far as they are kept, and what comes out."""
        S = self.S()
        H = np.full((rows, B, max(S.shape)), 0.5, S.dtype)  # what is beside the states may be anything
        H[0, :, :N] = self.h0
        out = np.full((T, B, self.n_y or N), np.nan, S.dtype)
        kernels.forward(self.inputs, S, N, self.relu, H, out)
        return H, out


@pytest.mark.parametrize("biases", BIASES)
@pytest.mark.parametrize("n_y", [0, 1, 7])
@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_states_and_outputs_are_those_of_the_equations_with_input_and_after_it(dtype, relu, n_y, biases):
    case = Case(dtype, relu, biases, n_y)
    states, outputs = case.naive()
    scale = max(1, np.abs(states).max(), np.abs(outputs).max(initial=0))
    for rows in (T + 1, 2):
        H, out = case.run(rows)
        expected = outputs if n_y else states[1:]
        assert out.dtype == dtype and out.shape == expected.shape
        np.testing.assert_allclose(out, expected, rtol=0, atol=TOLERANCE[dtype] * scale)
        if rows > 2:
            np.testing.assert_allclose(H[:, :, :N], states, rtol=0, atol=TOLERANCE[dtype] * scale)
    if relu:
        assert (states[1:] == 0).any() and (states[1:] > 0).any()


@pytest.mark.parametrize("n_y", [0, 2])
@pytest.mark.parametrize("t_in", [0, 1, T])
def test_a_run_may_have_no_input_or_no_free_steps(t_in, n_y):
    case = Case(np.float64, False, "all", n_y, t_in=t_in)
    states, outputs = case.naive()
    np.testing.assert_allclose(case.run()[1], outputs if n_y else states[1:], atol=1e-13)


def gradients(case, G, wanted=True):
    """By S, by the inputs and by the initial state, of the sum of what comes out times G."""
    H, _ = case.run()
    S = case.S()
    dS = np.full_like(S, np.nan)
    d_inputs = np.full((len(case.inputs) * wanted, B, N_X), np.nan, S.dtype)
    d_h0 = kernels.backward(H, S, N, case.relu, len(case.inputs), G.astype(S.dtype), dS, d_inputs)
    return dS, d_inputs, d_h0


@pytest.mark.parametrize("biases", BIASES)
@pytest.mark.parametrize("n_y", [0, 1, 7])
@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gradients_are_those_of_autograd_through_a_plain_loop(dtype, relu, n_y, biases):
    case = Case(dtype, relu, biases, n_y, seed=1)
    G = np.random.default_rng(2).standard_normal((T, B, n_y or N))
    dS, d_inputs, d_h0 = gradients(case, G)
    names = ("W_hh", "W_xh", "W_hy", "b_h", "b_y", "inputs", "h0")
    leaf = {name: torch.from_numpy(getattr(case, name).astype(float)).requires_grad_() for name in names}
    h, loss, phi = leaf["h0"], 0.0, torch.relu if relu else torch.tanh
    for t in range(T):
        drive = leaf["inputs"][t] @ leaf["W_xh"].T if t < T_IN else 0
        h = phi(h @ leaf["W_hh"].T + drive + leaf["b_h"])
        out = h @ leaf["W_hy"].T + leaf["b_y"] if n_y else h
        loss = loss + (out * torch.from_numpy(G[t])).sum()
    found = {"W_hh": dS[:N, :N], "W_xh": dS[:N, -N_X:], "inputs": d_inputs, "h0": d_h0}
    if n_y:
        found["W_hy"] = dS[N:, :N]
    if biases != "none":
        found |= {"b_h": dS[:N, N]} | ({"b_y": dS[N:, N]} if n_y else {})
    expected = dict(zip(found, torch.autograd.grad(loss, [leaf[name] for name in found]), strict=True))
    for name, ours in found.items():
        scale = max(1.0, float(expected[name].abs().max()))
        assert ours.dtype == dtype
        np.testing.assert_allclose(ours, expected[name], rtol=0, atol=20 * TOLERANCE[dtype] * scale, err_msg=name)
    assert np.abs(d_h0).max() > 1e-3
    again = gradients(case, G, wanted=False)
    np.testing.assert_array_equal(again[0][:N, :N], dS[:N, :N])
    np.testing.assert_array_equal(again[2], d_h0)


@pytest.mark.parametrize("last", [1, 3, T])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_loss_is_the_mean_square_of_the_last_outputs_and_its_gradient_that_of_autograd(dtype, last):
    case = Case(dtype, False, "none", 2, seed=3)
    case.h0[:] = 0
    targets = np.random.default_rng(4).standard_normal((last, B, 2)).astype(dtype)
    S = case.S()
    H, outputs = np.full((T + 1, B, max(S.shape)), 0.5, dtype), np.full((T, B, 2), np.nan, dtype)
    dS = np.full_like(S, np.nan)
    loss = kernels.loss_and_gradient(case.inputs, targets, S, H, outputs, dS)
    leaf = torch.from_numpy(S.astype(float)).requires_grad_()
    h, ys = torch.zeros(B, N).double(), []
    for t in range(T):
        drive = torch.from_numpy(case.inputs[t].astype(float)) @ leaf[:N, N:].T if t < T_IN else 0
        h = torch.tanh(h @ leaf[:N, :N].T + drive)
        ys.append(h @ leaf[N:, :N].T)
    expected = (torch.stack(ys)[-last:] - torch.from_numpy(targets.astype(float))).square().mean()
    (gradient,) = torch.autograd.grad(expected, leaf)
    assert loss == pytest.approx(expected.item(), rel=1e-5 if dtype == np.float32 else 1e-12)
    np.testing.assert_allclose(outputs, torch.stack(ys).detach(), atol=TOLERANCE[dtype] * 4)
    for part in (np.s_[:N], np.s_[N:, :N]):  # beside the readout stand no weights
        np.testing.assert_allclose(dS[part], gradient[part], rtol=0, atol=20 * TOLERANCE[dtype])


@pytest.mark.parametrize("clip", [math.inf, 2.0, 0.1])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_step_of_adam_is_that_of_torch_with_its_clipping(dtype, clip):
    rng = np.random.default_rng(5)
    values = rng.standard_normal(50).astype(dtype)
    mean, square = np.zeros((2, 50), dtype)
    theirs = torch.from_numpy(values.astype(float)).requires_grad_()
    optimiser = torch.optim.Adam([theirs], lr=0.03)
    clipped = set()
    for step in range(1, 31):
        gradient = (rng.standard_normal(50) * rng.choice([1e-3, 0.1, 1.0])).astype(dtype)
        before = gradient.copy()
        clipped.add(bool(np.linalg.norm(gradient) > clip))
        kernels.adam(values, gradient, mean, square, step, 0.03, clip)
        np.testing.assert_array_equal(gradient, before)
        theirs.grad = torch.from_numpy(before.astype(float))
        if clip < math.inf:
            torch.nn.utils.clip_grad_norm_([theirs], clip)
        optimiser.step()
        atol = 3e-5 if dtype == np.float32 else 1e-12
        np.testing.assert_allclose(values, theirs.detach(), rtol=0, atol=atol)
    assert clipped == ({False} if clip == math.inf else {False, True})
    state = optimiser.state[theirs]
    np.testing.assert_allclose(mean, state["exp_avg"], rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(square, state["exp_avg_sq"], rtol=1e-3, atol=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_products_of_parts_and_transposes(dtype):
    rng = np.random.default_rng(6)
    big = [rng.standard_normal((9, 11)).astype(dtype) for _ in range(3)]
    for A in (big[0][1:5, 2:8], big[0][2:8, 3:7].T):
        for Bm in (big[1][3:9, :3], big[1][1:4, 4:10].T):
            for beta in (0.0, 1.0, -0.5):
                C = big[2].copy()
                part = C[2:6, 5:8]
                expected = A.astype(float) @ Bm + beta * part
                kernels.product(A, Bm, beta, part)
                np.testing.assert_allclose(part, expected, atol=TOLERANCE[dtype] * 4)
                C[2:6, 5:8] = big[2][2:6, 5:8]
                np.testing.assert_array_equal(C, big[2])


def test_tanh_is_as_close_as_it_says_everywhere_and_never_beyond_one():
    x = np.concatenate([np.linspace(-12, 12, 40_001), [0, -0.0, 1e-30, 1e30, -1e30, np.inf, -np.inf]])
    for dtype, error in ((np.float32, 4e-7), (np.float64, 1e-15)):
        found = x.astype(dtype).reshape(1, -1)
        exact = np.tanh(found.astype(np.float64))
        kernels.tanh_in_place(found)
        assert np.abs(found - exact).max() < error and np.abs(found).max() <= 1
        assert np.array_equal(np.sign(found), np.sign(exact))
