"""Batched forward runs of a network, or of many copies that differ in W_hh, with gradients.

On the processor the fused kernels of `kernels.py` do the work; on other devices, and as the oracle in
the tests, a plain torch loop does.
"""

import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache

import numpy as np
import torch
from threadpoolctl import ThreadpoolController
from torch import Tensor

from schur_lib import kernels
from schur_lib.networks import Network


def rollout(
    net: Network, inputs: Tensor, W_hh: Tensor | None = None, free_steps: int = 0
) -> Tensor:
    """Outputs y_t = W_hy h_t + b_y of a network on a batch of input sequences.

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


def hidden_states(
    net: Network, inputs: Tensor, W_hh: Tensor | None = None, free_steps: int = 0
) -> Tensor:
    """Hidden states h_1 … h_T; arguments as for `rollout`, the last axis of the result is N_h."""
    return _run(net, inputs, W_hh, free_steps, None, None)


def plain_states(
    net: Network, inputs: Tensor, W_hh: Tensor | None = None, free_steps: int = 0
) -> Tensor:
    """Hidden states by a plain torch loop: any device, any derivative; the oracle of the fused path."""
    W_hh = net.W_hh if W_hh is None else W_hh
    bias = net.W_xh.new_zeros(net.hidden_size) if net.b_h is None else net.b_h
    activation = torch.relu if net.activation == "relu" else torch.tanh
    h = _initial_state(net, inputs.shape[1]).expand(
        *W_hh.shape[:-2], inputs.shape[1], net.hidden_size
    )
    states = []
    for t in range(len(inputs) + free_steps):
        drive = inputs[t] @ net.W_xh.T + bias if t < len(inputs) else bias
        h = activation(drive + h @ W_hh.mT)
        states.append(h)
    return torch.stack(states, dim=-3)


def _run(net, inputs, W_hh, free_steps, W_hy, b_y):
    W_hh = net.W_hh if W_hh is None else W_hh
    _check(net, inputs, W_hh, free_steps)
    needs_grad = torch.is_grad_enabled() and any(
        t.requires_grad for t in (inputs, W_hh, *net.tensors().values())
    )
    if inputs.device.type != "cpu":
        H = plain_states(net, inputs, W_hh, free_steps)
    else:
        bias = net.W_xh.new_zeros(net.hidden_size) if net.b_h is None else net.b_h
        drive = inputs @ net.W_xh.T + bias
        h0 = _initial_state(net, inputs.shape[1])
        relu = net.activation == "relu"
        with _fused():
            if W_hh.ndim == 2:
                H = _FusedStates.apply(drive, bias, W_hh, h0, free_steps, relu)
            elif needs_grad:
                H = torch.stack(
                    [_FusedStates.apply(drive, bias, W, h0, free_steps, relu) for W in W_hh]
                )
            else:
                return _run_stack(drive, bias, W_hh, h0, free_steps, relu, W_hy, b_y)
    if W_hy is None:
        return H
    outputs = H @ W_hy.T
    return outputs if b_y is None else outputs + b_y


def _run_stack(drive, bias, W_hh, h0, free_steps, relu, W_hy, b_y):
    drive, bias, W_hh, h0 = map(_array, (drive, bias, W_hh, h0))
    n_steps, B, N = len(drive) + free_steps, *h0.shape
    width = N if W_hy is None else len(W_hy)
    results = np.empty((len(W_hh), n_steps, B, width), drive.dtype)

    def work(networks):
        # The states of one network at a time: they stay in cache, and memory does not grow with K.
        H = np.empty((n_steps + 1, B, N), drive.dtype)
        H[0] = h0
        with _fused():  # again, since the flag for denormals belongs to the thread
            for k in networks:
                kernels.forward(drive, bias, W_hh[k], relu, H)
                if W_hy is None:
                    results[k] = H[1:]
                    continue
                flat = results[k].reshape(-1, width)
                np.dot(H[1:].reshape(-1, N), _array(W_hy).T, out=flat)
                if b_y is not None:
                    flat += _array(b_y)

    workers = min(torch.get_num_threads(), len(W_hh))
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(work, [range(i, len(W_hh), workers) for i in range(workers)]))
    return torch.from_numpy(results)


def _initial_state(net, batch_size):
    if net.h0 is None:
        return net.W_xh.new_zeros(batch_size, net.hidden_size)
    return net.h0.expand(batch_size, net.hidden_size)


class _FusedStates(torch.autograd.Function):
    @staticmethod
    def forward(ctx, drive, bias, W_hh, h0, free_steps, relu):
        H = torch.empty(len(drive) + free_steps + 1, *drive.shape[1:], dtype=drive.dtype)
        H[0] = h0
        W_hh = W_hh.contiguous()
        kernels.forward(_array(drive), _array(bias), _array(W_hh), relu, _array(H))
        ctx.save_for_backward(H, W_hh)
        ctx.relu, ctx.n_driven = relu, len(drive)
        return H[1:]

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, dH):
        H, W_hh = ctx.saved_tensors
        dA, dW_hh = torch.empty_like(H[1:]), torch.empty_like(W_hh)
        with _fused():
            dh0 = kernels.backward(
                _array(H), _array(W_hh), _array(dH), ctx.relu, _array(dA), _array(dW_hh)
            )
        dbias = dA[ctx.n_driven :].sum((0, 1)) if ctx.needs_input_grad[1] else None
        return dA[: ctx.n_driven], dbias, dW_hh, torch.from_numpy(dh0), None, None


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().contiguous().numpy()


@contextmanager
def _fused():
    # One BLAS thread, since a product of this size is quicker so and the cores are for different
    # networks; and no denormals, which make dying states and vanishing gradients 100 times slower.
    flushed = sys.float_info.min / 2 == 0
    with _blas().limit(limits=1, user_api="blas"):
        torch.set_flush_denormal(True)
        try:
            yield
        finally:
            torch.set_flush_denormal(flushed)


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController()


def _check(net, inputs, W_hh, free_steps):
    n_h, n_x = net.W_xh.shape
    for name, tensor in (("inputs", inputs), ("W_hh", W_hh)):
        if not isinstance(tensor, Tensor):
            raise ValueError(f"{name} must be a torch tensor, got {type(tensor).__name__}")
        if (tensor.dtype, tensor.device) != (net.W_xh.dtype, net.W_xh.device):
            raise ValueError(
                f"{name} must be {net.W_xh.dtype} on {net.W_xh.device} as the network is, "
                f"got {tensor.dtype} on {tensor.device}"
            )
    if inputs.ndim != 3 or inputs.shape[2] != n_x or not inputs.numel():
        raise ValueError(f"inputs must be (T, B, {n_x}) with T, B ≥ 1, got {tuple(inputs.shape)}")
    if W_hh.ndim not in (2, 3) or tuple(W_hh.shape[-2:]) != (n_h, n_h) or not len(W_hh):
        raise ValueError(
            f"W_hh must be ({n_h}, {n_h}) or (K, {n_h}, {n_h}), got {tuple(W_hh.shape)}"
        )
    if not isinstance(free_steps, int) or free_steps < 0:
        raise ValueError(f"free_steps must be an integer ≥ 0, got {free_steps!r}")
