"""Batched forward runs of a network, or of many copies that differ in W_hh, with gradients.

On the processor the fused kernels of `kernels.py` do the work; on other devices, and as the oracle in
the tests, a plain torch loop does.
"""

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache

import numpy as np
import torch
from threadpoolctl import ThreadpoolController
from torch import Tensor

from schur_lib import kernels
from schur_lib.networks import Network


def rollout(net: Network, inputs: Tensor, W_hh: Tensor | None = None, free_steps: int = 0) -> Tensor:
    """Outputs y_t = W_hy h_t + b_y of a network on a batch of input sequences.

    >>> import torch
    >>> from schur_lib import Network, rollout
    >>> net = Network(torch.ones(4, 2), torch.eye(4), torch.ones(3, 4))
    >>> rollout(net, torch.zeros(10, 5, 2), free_steps=2).shape
    torch.Size([12, 5, 3])
    >>> rollout(net, torch.zeros(10, 5, 2), W_hh=torch.zeros(7, 4, 4)).shape
    torch.Size([7, 10, 5, 3])

    Args:
        net: the network.
        inputs: (T, B, N_x), time first, of the network's dtype.
        W_hh: (N_h, N_h) to run in place of the network's own, or a stack (K, N_h, N_h); None: its own.
        free_steps: steps that run on after the input has ended, on zero input.
    Returns:
        (T + free_steps, B, N_y); with a stack (K, T + free_steps, B, N_y). Gradients flow to the
        network's tensors, to W_hh and to the inputs.
    Raises:
        ValueError: shapes or dtypes do not fit.
    """
    return _run(net, inputs, W_hh, free_steps, net.W_hy, net.b_y)


def hidden_states(net: Network, inputs: Tensor, W_hh: Tensor | None = None, free_steps: int = 0) -> Tensor:
    """Hidden states h_1 … h_T; arguments as for `rollout`, the last axis of the result is N_h."""
    return _run(net, inputs, W_hh, free_steps, None, None)


def plain_states(net: Network, inputs: Tensor, W_hh: Tensor | None = None, free_steps: int = 0) -> Tensor:
    """Hidden states by a plain torch loop: any device, any derivative; the oracle of the fused path."""
    W_hh = net.W_hh if W_hh is None else W_hh
    bias = net.W_xh.new_zeros(net.hidden_size) if net.b_h is None else net.b_h
    activation = torch.relu if net.activation == "relu" else torch.tanh
    start = net.W_xh.new_zeros(net.hidden_size) if net.h0 is None else net.h0
    h = start.expand(*W_hh.shape[:-2], inputs.shape[1], net.hidden_size)
    states = []
    for t in range(len(inputs) + free_steps):
        drive = inputs[t] @ net.W_xh.T + bias if t < len(inputs) else bias
        h = activation(drive + h @ W_hh.mT)
        states.append(h)
    return torch.stack(states, dim=-3)


def _run(net, inputs, W_hh, free_steps, W_hy, b_y):
    W_hh = net.W_hh if W_hh is None else W_hh
    check_run(net, inputs, W_hh, free_steps)
    if inputs.device.type != "cpu":
        H = plain_states(net, inputs, W_hh, free_steps)
        return H if W_hy is None else H @ W_hy.T if b_y is None else H @ W_hy.T + b_y
    fixed = (inputs, net.W_xh, net.b_h, net.h0, W_hy, b_y, free_steps, net.activation == "relu")
    tensors = (inputs, W_hh, *net.tensors().values())
    needs_grad = torch.is_grad_enabled() and any(t.requires_grad for t in tensors)
    stack = W_hh if W_hh.ndim == 3 else W_hh[None]
    with one_blas_thread():
        runs = torch.stack([_FusedRollout.apply(W, *fixed) for W in stack]) if needs_grad else _runs(stack, *fixed)
    return runs if W_hh.ndim == 3 else runs[0]


class _FusedRollout(torch.autograd.Function):
    @staticmethod
    def forward(ctx, W_hh, inputs, W_xh, b_h, h0, W_hy, b_y, free_steps, relu):
        ctx.N, ctx.relu, ctx.inputs = len(W_hh), relu, inputs.shape
        ctx.S = _stacked(W_hh, W_xh, b_h, W_hy, b_y)
        ctx.H = _states(len(inputs) + free_steps + 1, inputs, ctx.S, ctx.N, h0)
        outputs = np.empty((len(ctx.H) - 1, inputs.shape[1], ctx.N if W_hy is None else len(W_hy)), ctx.S.dtype)
        kernels.forward(_array(inputs), ctx.S, ctx.N, relu, ctx.H, outputs)
        return torch.from_numpy(outputs)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, d_out):
        needs_inputs, _, needs_b_h, needs_h0, needs_W_hy, needs_b_y = ctx.needs_input_grad[1:7]
        N, (n_driven, *trials) = ctx.N, ctx.inputs
        dS, d_inputs = np.empty_like(ctx.S), np.empty((n_driven * needs_inputs, *trials), ctx.S.dtype)
        with one_blas_thread():
            dh0 = kernels.backward(ctx.H, ctx.S, N, ctx.relu, n_driven, _array(d_out), dS, d_inputs)
        gradients = (
            dS[:N, :N],
            d_inputs if needs_inputs else None,
            dS[:N, -trials[1] :],
            dS[:N, N] if needs_b_h else None,
            dh0.sum(0) if needs_h0 else None,
            dS[N:, :N] if needs_W_hy else None,
            dS[N:, N] if needs_b_y else None,
        )
        return *(g if g is None else torch.from_numpy(g) for g in gradients), None, None


def _runs(W_hh, inputs, W_xh, b_h, h0, W_hy, b_y, free_steps, relu):
    """Runs with each of the matrices (K, N_h, N_h), without gradients."""
    N, x = W_hh.shape[-1], _array(inputs)
    shape = (len(W_hh), len(x) + free_steps, x.shape[1], N if W_hy is None else len(W_hy))
    results, matrices = np.empty(shape, x.dtype), _array(W_hh)

    def work(networks):
        # Two rows of states: they stay in cache, and memory does not grow with K.
        S = _stacked(W_hh[0], W_xh, b_h, W_hy, b_y)
        with one_blas_thread():  # again, since the flag for denormals belongs to the thread
            for k in networks:
                S[:N, :N] = matrices[k]
                kernels.forward(x, S, N, relu, _states(2, inputs, S, N, h0), results[k])

    workers = min(torch.get_num_threads(), len(W_hh))
    if workers == 1:
        work(range(len(W_hh)))
        return torch.from_numpy(results)
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(work, [range(i, len(W_hh), workers) for i in range(workers)]))
    return torch.from_numpy(results)


def _stacked(W_hh, W_xh, b_h, W_hy, b_y):
    """S of `kernels`, (N + M, N + K)."""
    N, M, biased = len(W_hh), 0 if W_hy is None else len(W_hy), b_h is not None or b_y is not None
    S = np.zeros((N + M, N + biased + W_xh.shape[1]), _array(W_xh).dtype)
    S[:N, :N], S[:N, N + biased :] = _array(W_hh), _array(W_xh)
    if M:
        S[N:, :N] = _array(W_hy)
    if b_h is not None:
        S[:N, N] = _array(b_h)
    if b_y is not None:
        S[N:, N] = _array(b_y)
    return S


def _states(n, inputs, S, N, h0):
    """H of `kernels` with the initial state, (n, B, N + max(K, M))."""
    H = np.empty((n, inputs.shape[1], max(S.shape)), S.dtype)
    H[0, :, :N] = 0 if h0 is None else _array(h0)
    return H


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().contiguous().numpy()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Fast arithmetic for one small network a core: BLAS on one thread, denormals taken for zero.

    A product of this size is quicker on one thread, and the cores are for different networks. Dying
    states and vanishing gradients are denormal, and would be 100 times slower. May be nested.
    """
    if getattr(_thread, "inside", False):  # setting the limit takes longer than a short rollout
        yield
        return
    flushed = sys.float_info.min / 2 == 0
    with _blas().limit(limits=1, user_api="blas"):
        torch.set_flush_denormal(True)
        _thread.inside = True
        try:
            yield
        finally:
            _thread.inside = False
            torch.set_flush_denormal(flushed)


_thread = threading.local()
_blas = cache(ThreadpoolController)


def check_run(net: Network, inputs: Tensor, W_hh: Tensor, free_steps: int) -> None:
    """Raise a ValueError that says what does not fit where `rollout` cannot run these arguments."""
    n_h, n_x = net.W_xh.shape
    for name, tensor in (("inputs", inputs), ("W_hh", W_hh)):
        if not isinstance(tensor, Tensor):
            raise ValueError(f"{name} must be a torch tensor, got {type(tensor).__name__}")
        if (tensor.dtype, tensor.device) != (net.W_xh.dtype, net.W_xh.device):
            wanted, got = (f"{t.dtype} on {t.device}" for t in (net.W_xh, tensor))
            raise ValueError(f"{name} must be {wanted} as the network is, got {got}")
    if inputs.ndim != 3 or inputs.shape[2] != n_x or not inputs.numel():
        raise ValueError(f"inputs must be (T, B, {n_x}) with T, B ≥ 1, got {tuple(inputs.shape)}")
    if W_hh.ndim not in (2, 3) or tuple(W_hh.shape[-2:]) != (n_h, n_h) or not len(W_hh):
        raise ValueError(f"W_hh must be ({n_h}, {n_h}) or (K, {n_h}, {n_h}), got {tuple(W_hh.shape)}")
    if not isinstance(free_steps, int) or free_steps < 0:
        raise ValueError(f"free_steps must be an integer ≥ 0, got {free_steps!r}")
