"""Fused forward run and gradient of one recurrent layer, for the processor's cache.

One network, one core: per step a BLAS product into the next state and one pass over that state while
it is still in cache. The GIL is released, so that several networks run in threads side by side.
Only what is recurrent is here: `dynamics.py` adds the products over all steps at once, and torch.
"""

import math
import tempfile
from pathlib import Path
from typing import Any

import numba
import numpy as np
import platformdirs
from numba import njit
from numpy.typing import NDArray

# tanh(x) = x P(x²) / Q(x²) on |x| ≤ LIMIT, a minimax fit (Lawson-weighted least squares on Chebyshev
# nodes, error 5e-9), lowest order first. Rounding in float32 brings the error to 3e-7, and |tanh| ≤ 1.
LIMIT = 7.9
P = (1.0, 0.13444451987743378, 0.0035716958809643984, 2.1903415472479537e-05, 1.525967796567329e-08)
Q = (1.0, 0.46777772903442383, 0.02616441249847412, 0.00034117428003810346, 8.530546438123565e-07)


def _jit(function):
    """Compile at first use; kept in a folder of the user's, never beside the package, and nowhere if not there."""
    config: Any = numba.config
    before = config.CACHE_DIR  # NUMBA_CACHE_DIR; where other packages keep theirs is not ours to move
    folder = Path(before or platformdirs.user_cache_path("schur_lib") / "numba")
    options: dict[str, Any] = {"cache": True, "fastmath": {"contract", "nsz"}}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        options["cache"] = False
    config.CACHE_DIR = str(folder)
    try:
        return njit(nogil=True, error_model="numpy", **options)(function)
    finally:
        config.CACHE_DIR = before


@_jit
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


@_jit
def forward(drive: NDArray, bias: NDArray, W_hh: NDArray, relu: bool, H: NDArray) -> None:
    """Fill H[1:] with h_t = φ(drive_t + W_hh h_{t-1}), H[0] being the initial state.

    Args:
        drive: (T_in, B, N), the input's part of the preactivation with the bias in it.
        bias: (N,), the whole drive of the steps after the input has ended.
        W_hh: (N, N).
        relu: φ is max(0, ·) if true, tanh if false.
        H: (T + 1, B, N) with T ≥ T_in, written from H[1] on.
    """
    biased = bias.any()
    W_T = np.ascontiguousarray(W_hh.T)  # BLAS would transpose it anew at every step
    for t in range(len(H) - 1):
        h = H[t + 1]
        np.dot(H[t], W_T, out=h)
        if t < len(drive):
            h += drive[t]
        elif biased:
            h += bias
        if relu:
            np.maximum(h, np.zeros_like(bias), h)
        else:
            tanh_in_place(h)


@_jit
def backward(H: NDArray, W_hh: NDArray, relu: bool, dA: NDArray) -> NDArray:
    """Gradient of a loss by the preactivations, by backpropagation through time.

    dA_t = (∂loss/∂h_t + dA_{t+1} W_hh) φ'(a_t)

    Args:
        H: (T + 1, B, N) from `forward`.
        W_hh: (N, N).
        relu: as in `forward`.
        dA: (T, B, N), holds ∂loss/∂h_t where the recurrence is not followed, and then ∂loss/∂a_t.
    Returns:
        (B, N), the gradient by the initial state.
    """
    carried = np.zeros_like(H[0])
    one = H.dtype.type(1)
    c = carried.reshape(-1)
    for t in range(len(dA) - 1, -1, -1):
        a, h = dA[t].reshape(-1), H[t + 1].reshape(-1)
        if relu:
            for i in range(a.size):
                a[i] = a[i] + c[i] if h[i] > 0 else 0
        else:
            for i in range(a.size):
                a[i] = (a[i] + c[i]) * (one - h[i] * h[i])
        np.dot(dA[t], W_hh, out=carried)
    return carried
