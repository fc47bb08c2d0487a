"""Fused forward run, gradient and training step of one recurrent layer, for the processor's cache.

One network, one core, one matrix S = [[W_hh, b_h, W_xh], [W_hy, b_y, 0]] for all of its weights. Beside a row
of states stand a one and the input, so that a step is one BLAS product, and so is its part of the gradient:

    [a_{t+1}, y_t] = [h_t, 1, x_{t+1}] Sᵀ        h_t = φ(a_t)
    [∂h_t, ·, ∂x_{t+1}] = [∂a_{t+1}, ∂y_t] S     ∂a_t = φ'(a_t) ∂h_t
    ∂S = Σ_t [∂a_{t+1}, ∂y_t]ᵀ [h_t, 1, x_{t+1}]

(∂v: the gradient of the loss by v.) S has N + M rows, M = N_y or 0 where states are wanted and not outputs, and
N + K columns: one for the biases if there are any, then N_x. The GIL is released, so that several networks run
in threads side by side.
"""

import math

import numpy as np
from numpy.typing import NDArray

from schur_lib.compiled import fortran, jit

# tanh(x) = x P(x²) / Q(x²) on |x| ≤ LIMIT, a minimax fit (Lawson-weighted least squares on Chebyshev
# nodes, error 5e-9), lowest order first. Rounding in float32 brings the error to 3e-7, and |tanh| ≤ 1.
LIMIT = 7.9
P = (1.0, 0.13444451987743378, 0.0035716958809643984, 2.1903415472479537e-05, 1.525967796567329e-08)
Q = (1.0, 0.46777772903442383, 0.02616441249847412, 0.00034117428003810346, 8.530546438123565e-07)

# Gradients of so many states at a time make a product worth its start.
ROWS = 64

_sgemm, _dgemm = (fortran("cython_blas", name) for name in ("sgemm", "dgemm"))


@jit
def product(A: NDArray, B: NDArray, beta: float, C: NDArray) -> None:
    """C = A B + beta C, all of them parts of matrices in C order, A and B or their transposes."""
    size, N, T = C.itemsize, ord("N"), ord("T")
    by_row, also = A.strides[1] == size, B.strides[1] == size
    lda, ldb = A.strides[0 if by_row else 1] // size, B.strides[0 if also else 1] // size
    # BLAS counts by columns, and so sees all transposed: Cᵀ = Bᵀ Aᵀ.
    arguments = (
        N if also else T, N if by_row else T, B.shape[1], A.shape[0], A.shape[1],
        C.dtype.type(1), B, ldb, A, lda, C.dtype.type(beta), C, C.strides[0] // size,
    )  # fmt: skip
    if size == 4:
        _sgemm(arguments)
    else:
        _dgemm(arguments)


@jit
def tanh_in_place(x: NDArray) -> None:
    """Replace a contiguous array by its tanh: rational in float32 (error < 4e-7), exact in float64."""
    x = x.reshape(-1)
    if x.itemsize == 8:
        for i in range(x.size):
            x[i] = math.tanh(x[i])
    else:
        limit = np.float32(LIMIT)
        for i in range(x.size):
            v = min(max(np.float32(x[i]), -limit), limit)
            z = v * v
            p = np.float32(P[4]) * z + np.float32(P[3])
            p = (p * z + np.float32(P[2])) * z + np.float32(P[1])
            q = np.float32(Q[4]) * z + np.float32(Q[3])
            q = (q * z + np.float32(Q[2])) * z + np.float32(Q[1])
            x[i] = v * (p * z + np.float32(P[0])) / (q * z + np.float32(Q[0]))


@jit
def forward(inputs: NDArray, S: NDArray, N: int, relu: bool, H: NDArray, out: NDArray) -> None:
    """Run a network: out_t = y_t, or h_t where S has no rows for outputs.

    Args:
        inputs: (T_in, B, N_x).
        S: (N + M, N + K).
        N: states.
        relu: φ is max(0, ·) if true, tanh if false.
        H: (T + 1, B, N + max(K, M)) with T ≥ T_in and h_0 in H[0]; H[t] becomes [h_t, 1, x_{t+1}]. Or (2, B, …),
            used in turn, where no gradient is wanted. What is beside them need not be set, and becomes anything.
        out: (T, B, M), or (T, B, N).
    """
    M, T, columns = len(S) - N, len(out), S.shape[1]
    free = columns - inputs.shape[2]  # columns of [h, 1]
    S_T = np.ascontiguousarray(S.T)  # BLAS would transpose it anew at every step
    for t in range(T + 1):
        h = H[t % len(H)]
        if free > N:
            h[:, N] = 1
        if t == T:
            break
        if t < len(inputs):
            h[:, free:columns] = inputs[t]
        n = columns if t < len(inputs) else free
        a = H[(t + 1) % len(H)]
        product(h[:, :n], S_T[:n], 0.0, a[:, : len(S)])
        if M and t:
            out[t - 1] = a[:, N : len(S)]
        # All columns: a pass without ends of rows is quicker than one with fewer entries.
        if relu:
            np.maximum(a, np.zeros_like(a[0]), a)
        else:
            tanh_in_place(a)
        if not M:
            out[t] = a[:, : out.shape[2]]
    if M:
        product(h[:, :free], S_T[:free, N:], 0.0, out[T - 1])


@jit
def backward(
    H: NDArray, S: NDArray, N: int, relu: bool, n_driven: int, d_out: NDArray, dS: NDArray, d_inputs: NDArray
) -> NDArray:
    """Gradient of a loss by backpropagation through time.

    Args:
        H, S, N, relu: as in `forward`, with all of H.
        n_driven: T_in.
        d_out: as `out`, the gradient by it.
        dS: as S, written; what it has where S is 0 means nothing.
        d_inputs: (T_in, B, N_x), written; (0, B, N_x) if it is not wanted.
    Returns:
        (B, N), the gradient by the initial state.
    """
    M, T, columns = len(S) - N, len(d_out), S.shape[1]
    free, one, (B, L) = columns - d_inputs.shape[2], H.dtype.type(1), H.shape[1:]
    chunk = max(1, ROWS // B)
    G = np.empty((2, chunk, B, L), H.dtype)  # [∂a_{t+1}, ∂y_t] of the steps at hand and of those before
    dS[:] = 0
    g, end, side = G[0, 0], T, 0
    if M:
        g[:, N : len(S)] = d_out[T - 1]
        product(g[:, N : len(S)].T, H[T, :, :free], 0.0, dS[N:, :free])
    while end > 0:
        start, side = max(end - chunk, n_driven if end > n_driven else 0), 1 - side
        for t in range(end - 1, start - 1, -1):
            before = G[side, t - start]
            first = N if t + 1 == T else 0
            if first < len(S):
                n = columns if t + 1 < len(d_inputs) else N
                product(g[:, first : len(S)], S[first:, :n], 0.0, before[:, :n])
            else:
                before[:] = 0
            if t + 1 < len(d_inputs):
                d_inputs[t + 1] = before[:, free:columns]
            if not M:
                before[:, : d_out.shape[2]] += d_out[t]
            d, h = before.reshape(-1), H[t + 1].reshape(-1)
            if relu:
                for i in range(d.size):
                    d[i] = d[i] if h[i] > 0 else 0
            else:
                for i in range(d.size):
                    d[i] *= one - h[i] * h[i]
            if M and t:
                before[:, N : len(S)] = d_out[t - 1]
            elif M:
                before[:, N : len(S)] = 0
            g = before
        n = columns if start < n_driven else free
        rows = G[side, : end - start].reshape(-1, L)[:, : len(S)]
        product(rows.T, H[start:end].reshape(-1, L)[:, :n], 1.0, dS[:, :n])
        end = start
    before = G[1 - side, 0]
    n = columns if len(d_inputs) else N
    product(g[:, :N], S[:N, :n], 0.0, before[:, :n])
    if len(d_inputs):
        d_inputs[0] = before[:, free:columns]
    return before[:, :N].copy()


@jit
def loss_and_gradient(
    inputs: NDArray, targets: NDArray, S: NDArray, H: NDArray, outputs: NDArray, dS: NDArray
) -> float:
    """Mean squared error of the last outputs of a tanh network that starts at 0, and its gradient by S.

    Args:
        inputs, S, H: as in `forward`, without biases.
        targets: (T', B, M) with T' ≤ T, contiguous.
        outputs: (T, B, M), written.
        dS: as in `backward`.
    """
    N, T = S.shape[1] - inputs.shape[2], len(outputs)
    H[0] = 0
    forward(inputs, S, N, False, H, outputs)
    by_outputs = np.zeros_like(outputs)
    d, y, x = (
        by_outputs[T - len(targets) :].reshape(-1),
        outputs[T - len(targets) :].reshape(-1),
        targets.reshape(-1),
    )
    scale = S.dtype.type(2 / x.size)
    for i in range(x.size):
        d[i] = scale * (y[i] - x[i])
    backward(H, S, N, False, len(inputs), by_outputs, dS, inputs[:0])
    return np.dot(d, d) * x.size / 4


@jit
def adam(
    values: NDArray, gradient: NDArray, mean: NDArray, square: NDArray, step: int, rate: float, clip: float
) -> None:
    """A step of Adam (Kingma and Ba, 2015) with its default decay rates, in place; all vectors of one length.

    Args:
        values: that are trained.
        gradient: is scaled to norm `clip` where that is exceeded.
        mean, square: of the gradients so far, 0 at the start.
        step: 1, 2, …
        rate: of learning.
        clip: inf for no clipping.
    """
    real = values.dtype.type
    factor = real(min(1.0, clip / (math.sqrt(np.dot(gradient, gradient)) + 1e-6)))
    rate, spread = real(rate / (1 - 0.9**step)), real(1 / (1 - 0.999**step))
    for i in range(values.size):
        g = factor * gradient[i]
        mean[i] += real(0.1) * (g - mean[i])
        square[i] = real(0.999) * square[i] + real(0.001) * g * g
        values[i] -= rate * mean[i] / (math.sqrt(spread * square[i]) + real(1e-8))
