"""The fused runs against torch's own RNN, naive loops in float64 and finite differences."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from schur_lib import Network, kernels, rollout
from schur_lib.dynamics import hidden_states, one_blas_thread, plain_states


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
    np.testing.assert_allclose(outputs, readout, rtol=0, atol=1e-11 * max(1, np.abs(expected).max()))


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


class Elsewhere(torch.Tensor):
    """A tensor that says it is on another device, so that what runs there can be seen here."""

    device = torch.device("cuda")


@pytest.mark.parametrize("biases", [False, True])
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_on_another_device_a_plain_loop_gives_the_same(activation, biases, monkeypatch):
    net = random_network(biases=biases, activation=activation)
    inputs = torch.randn(5, 4, 3)
    stack = torch.stack([random_network(seed=s).W_hh / 2 for s in range(2)])
    expected = [rollout(net, inputs, free_steps=2), rollout(net, inputs, stack), hidden_states(net, inputs)]
    there = {name: tensor.as_subclass(Elsewhere) for name, tensor in net.tensors().items()}
    net, inputs, stack = (
        Network(**there, activation=activation),
        inputs.as_subclass(Elsewhere),
        stack.as_subclass(Elsewhere),
    )
    monkeypatch.setattr(kernels, "forward", None)  # knows no other device
    found = [rollout(net, inputs, free_steps=2), rollout(net, inputs, stack), hidden_states(net, inputs)]
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.shape == theirs.shape and isinstance(ours, Elsewhere)
        scale = max(1.0, float(theirs.abs().max()))
        np.testing.assert_allclose(ours.numpy() / scale, theirs.numpy() / scale, atol=2e-5)
    with pytest.raises(ValueError, match="inputs must be torch.float32 on cuda as the network is, got .* on cpu"):
        rollout(net, torch.randn(5, 4, 3))


@pytest.mark.parametrize("biases", [False, True])
def test_the_states_are_without_the_readout_and_their_gradients_too(biases):
    net = random_network(5, dtype=torch.float64, biases=biases)
    leaves = [t.requires_grad_() for n, t in net.tensors().items() if n not in ("W_hy", "b_y")]
    inputs = torch.randn(3, 2, 3, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(5, 2, 5, dtype=torch.float64)
    found = [
        torch.autograd.grad((states(net, inputs, free_steps=2) * weight).sum(), [inputs, *leaves])
        for states in (hidden_states, plain_states)
    ]
    for fused, plain in zip(*found, strict=True):
        torch.testing.assert_close(fused, plain, rtol=1e-10, atol=1e-12)


def test_gradients_are_computed_for_what_wants_them_and_only_there():
    net = random_network(5, biases=True)
    inputs = torch.randn(3, 2, 3)
    assert not rollout(net, inputs).requires_grad
    for name, tensor in net.tensors().items():
        tensor.requires_grad_()
        rollout(net, inputs, free_steps=1).square().sum().backward()
        with torch.no_grad():
            assert not rollout(net, inputs).requires_grad
        others = [t for n, t in net.tensors().items() if n != name]
        assert tensor.grad.abs().max() > 0 and all(t.grad is None for t in others)
        tensor.requires_grad_(False)
        tensor.grad = None


def test_a_network_may_be_given_another_matrix_and_its_own_is_not_touched():
    net = random_network()
    before, W = net.W_hh.clone(), random_network(seed=7).W_hh
    inputs = torch.randn(4, 6, 3)
    other = Network(net.W_xh, W, net.W_hy)
    assert torch.equal(rollout(net, inputs, W), rollout(other, inputs)) and torch.equal(net.W_hh, before)
    assert torch.equal(hidden_states(net, inputs, W), hidden_states(other, inputs))
    # a matrix in another layout, inputs that are a view
    assert torch.equal(rollout(net, inputs, W.T.contiguous().T), rollout(other, inputs))
    wide = torch.randn(6, 4, 3).transpose(0, 1)
    assert torch.equal(rollout(net, wide), rollout(net, wide.contiguous()))


def test_a_stack_is_run_by_as_many_threads_as_torch_has_and_gives_the_same():
    net, inputs = random_network(biases=True), torch.randn(4, 6, 3)
    stack = torch.stack([random_network(seed=s).W_hh for s in range(5)])
    threads, found = torch.get_num_threads(), []
    try:
        for n in (1, 2, 3, 8):
            torch.set_num_threads(n)
            found.append((rollout(net, inputs, stack, 2), hidden_states(net, inputs, stack, 2)))
    finally:
        torch.set_num_threads(threads)
    for outputs, states in found[1:]:
        assert torch.equal(outputs, found[0][0]) and torch.equal(states, found[0][1])


def test_one_blas_thread_inside_and_as_many_as_before_outside_nested_or_after_an_error():
    from threadpoolctl import ThreadpoolController

    def count():
        return {info["num_threads"] for info in ThreadpoolController().info() if info["user_api"] == "blas"}

    def flushes():
        return float(torch.tensor(1e-310, dtype=torch.float64) * 1) == 0

    with ThreadpoolController().limit(limits=2, user_api="blas"):
        for _ in range(2):
            with pytest.raises(KeyError), one_blas_thread():
                assert count() == {1} and flushes()
                with one_blas_thread():
                    assert count() == {1}
                assert count() == {1} and flushes()
                raise KeyError
            assert count() == {2} and not flushes()


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
        ({"inputs": torch.zeros(4, 0, 3)}, "T, B ≥ 1, got \\(4, 0, 3\\)"),
        ({"W_hh": np.zeros((11, 11))}, "W_hh must be a torch tensor, got ndarray"),
        ({"W_hh": torch.zeros(11)}, r"got \(11,\)"),
        ({"W_hh": torch.zeros(11, 11, dtype=torch.float64)}, "W_hh must be torch.float32"),
        ({"free_steps": -1}, "free_steps"),
        ({"free_steps": 1.5}, "free_steps"),
    ],
)
def test_bad_input_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        rollout(random_network(), **{"inputs": torch.zeros(4, 6, 3), **arguments})
