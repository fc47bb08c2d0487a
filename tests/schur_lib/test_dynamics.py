"""The fused runs against torch's own RNN, naive loops in float64 and finite differences."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from schur_lib import Network, kernels, rollout
from schur_lib.dynamics import hidden_states, plain_states


def random_network(n_h=11, n_x=3, n_y=2, seed=0, dtype=torch.float32, biases=False, **kw):
    g = torch.Generator().manual_seed(seed)
    draw = lambda *shape: torch.randn(*shape, generator=g, dtype=torch.float64).to(dtype)  # noqa: E731
    extra = {"b_h": draw(n_h), "b_y": draw(n_y), "h0": draw(n_h).tanh()} if biases else {}
    return Network(draw(n_h, n_x), draw(n_h, n_h) / n_h**0.5, draw(n_y, n_h), **extra, **kw)


def naive_states(net, inputs, W_hh, free_steps):
    """The equations, one trial and one step at a time, in float64."""
    W_xh, W_hh, x = net.W_xh.double().numpy(), W_hh.double().numpy(), inputs.double().numpy()
    b = np.zeros(len(W_hh)) if net.b_h is None else net.b_h.double().numpy()
    phi = np.tanh if net.activation == "tanh" else lambda a: np.maximum(a, 0)
    states = np.empty((len(x) + free_steps, x.shape[1], len(W_hh)))
    for trial in range(x.shape[1]):
        h = np.zeros(len(W_hh)) if net.h0 is None else net.h0.double().numpy()
        for t in range(len(states)):
            drive = W_xh @ x[t, trial] if t < len(x) else 0
            h = phi(drive + W_hh @ h + b)
            states[t, trial] = h
    return states


@pytest.mark.parametrize("biases", [False, True])
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_fused_states_equal_a_naive_loop_in_float64(activation, biases):
    net = random_network(dtype=torch.float64, biases=biases, activation=activation)
    inputs = torch.randn(6, 4, 3, dtype=torch.float64)
    expected = naive_states(net, inputs, net.W_hh, 5)
    got = hidden_states(net, inputs, free_steps=5).numpy()
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-12 * max(1, np.abs(expected).max()))
    outputs = rollout(net, inputs, free_steps=5).numpy()
    readout = expected @ net.W_hy.numpy().T + (net.b_y.numpy() if biases else 0)
    np.testing.assert_allclose(
        outputs, readout, rtol=0, atol=1e-11 * max(1, np.abs(expected).max())
    )


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
def test_rollout_equals_torch_rnn_within_float32_rounding(nonlinearity, bias):
    torch.manual_seed(3)
    rnn = torch.nn.RNN(5, 32, nonlinearity=nonlinearity, bias=bias)
    readout = torch.nn.Linear(32, 4, bias=bias)
    inputs = torch.randn(40, 16, 5)
    with torch.no_grad():
        expected = readout(rnn(inputs)[0])
        got = rollout(Network.from_torch(rnn, readout), inputs)
    torch.testing.assert_close(got, expected, rtol=0, atol=2e-5)


@pytest.mark.parametrize("biases", [False, True])
def test_a_stack_runs_each_matrix_as_if_it_were_alone(biases):
    net = random_network(biases=biases)
    stack = torch.stack([random_network(seed=s).W_hh for s in range(5)])
    inputs = torch.randn(4, 6, 3)
    together = rollout(net, inputs, W_hh=stack, free_steps=3)
    states = hidden_states(net, inputs, W_hh=stack, free_steps=3)
    assert together.shape == (5, 7, 6, 2) and states.shape == (5, 7, 6, 11)
    for k, W in enumerate(stack):
        torch.testing.assert_close(together[k], rollout(net, inputs, W_hh=W, free_steps=3))
        np.testing.assert_allclose(states[k], naive_states(net, inputs, W, 3), atol=2e-5)


def test_free_steps_are_steps_on_zero_input():
    net = random_network(biases=True)
    inputs = torch.randn(4, 6, 3)
    padded = torch.cat([inputs, torch.zeros(9, 6, 3)])
    torch.testing.assert_close(rollout(net, inputs, free_steps=9), rollout(net, padded))


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_gradients_match_finite_differences_in_float64(activation):
    net = random_network(5, 3, 2, seed=2, dtype=torch.float64, biases=True, activation=activation)
    names = list(net.tensors())
    inputs = torch.randn(3, 4, 3, dtype=torch.float64, requires_grad=True)

    def run(inputs, *tensors):
        copy = Network(**dict(zip(names, tensors, strict=True)), activation=activation)
        return rollout(copy, inputs, free_steps=2)

    leaves = [t.clone().requires_grad_() for t in net.tensors().values()]
    assert torch.autograd.gradcheck(run, (inputs, *leaves))


def test_gradients_equal_autograd_through_the_plain_loop_in_float32():
    gradients = []
    for states in (hidden_states, plain_states):
        net = random_network(48, seed=1)
        leaves = [net.W_xh.requires_grad_(), net.W_hh.requires_grad_(), net.W_hy.requires_grad_()]
        inputs = torch.randn(8, 16, 3, generator=torch.Generator().manual_seed(0))
        H = states(net, inputs, free_steps=30)
        (H @ net.W_hy.T).square().mean().backward()
        gradients.append([leaf.grad for leaf in leaves])
    for fused, plain in zip(*gradients, strict=True):
        assert (fused - plain).norm() < 1e-4 * plain.norm()


def test_gradients_flow_to_each_matrix_of_a_stack():
    net = random_network(7, dtype=torch.float64)
    inputs = torch.randn(3, 2, 3, dtype=torch.float64)
    stack = torch.randn(3, 7, 7, dtype=torch.float64, requires_grad=True)
    rollout(net, inputs, W_hh=stack).square().sum().backward()
    for k in range(3):
        W = stack[k].detach().clone().requires_grad_()
        (plain_states(net, inputs, W_hh=W) @ net.W_hy.T).square().sum().backward()
        torch.testing.assert_close(stack.grad[k], W.grad)


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 30), st.integers(0, 2**31), st.floats(1e-3, 1e3))
def test_fused_tanh_is_within_4e_7_everywhere(n, seed, scale):
    x = (scale * np.random.default_rng(seed).standard_normal(n)).astype(np.float32)
    y = x.copy()
    kernels.tanh_in_place(y)
    assert np.abs(y - np.tanh(x.astype(float))).max() < 4e-7 and np.abs(y).max() <= 1


def test_fused_tanh_is_within_4e_7_on_a_dense_grid_and_exact_in_float64():
    x = np.linspace(-12, 12, 500_001)
    single, double = x.astype(np.float32), x.copy()
    kernels.tanh_in_place(single)
    kernels.tanh_in_place(double)
    assert np.abs(single - np.tanh(x.astype(np.float32).astype(float))).max() < 4e-7
    np.testing.assert_allclose(double, np.tanh(x), rtol=1e-15, atol=0)


def test_the_callers_denormals_are_left_as_they_were():
    net = random_network()
    rollout(net, torch.randn(4, 6, 3))
    assert np.float64(5e-324) * 1 != 0
    torch.set_flush_denormal(True)
    try:
        rollout(net, torch.randn(4, 6, 3))
        assert float(torch.tensor(5e-324, dtype=torch.float64) * 1) == 0
    finally:
        torch.set_flush_denormal(False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"inputs": torch.zeros(4, 6, 2)}, r"\(T, B, 3\)"),
        ({"inputs": torch.zeros(4, 3)}, r"\(T, B, 3\)"),
        ({"inputs": torch.zeros(0, 6, 3)}, r"\(T, B, 3\)"),
        ({"inputs": torch.zeros(4, 6, 3, dtype=torch.float64)}, "float32"),
        ({"inputs": np.zeros((4, 6, 3))}, "torch tensor"),
        ({"W_hh": torch.zeros(11, 10)}, r"\(11, 11\)"),
        ({"W_hh": torch.zeros(0, 11, 11)}, r"\(K, 11, 11\)"),
        ({"W_hh": torch.zeros(2, 2, 11, 11)}, r"\(K, 11, 11\)"),
        ({"free_steps": -1}, "free_steps"),
        ({"free_steps": 1.5}, "free_steps"),
    ],
)
def test_bad_input_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        rollout(random_network(), **{"inputs": torch.zeros(4, 6, 3), **arguments})
