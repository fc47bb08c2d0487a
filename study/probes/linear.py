"""The copy network as the linear network that it nearly is: its replay in closed form, and the part of each block.

Without tanh the outputs at lag t = 1, 2, … after s symbols of d channels are sums over the symbols,
y_t = Σ_j G_{t+s−j} x_j, with the impulse response G_m = W_hy W^m W_xh. In Schur coordinates, with B = Qᵀ W_xh and
C = W_hy Q cut into sectors and T_R, T_C the diagonal parts of T with their own couplings,

    G_m = C_R T_R^m B_R + C_C T_C^m B_C + Σ_{k<m} C_R T_R^{m−1−k} T_CR T_C^k B_C:

the memory alone, the complement alone, and the cascade, in which the complement writes into the memory.
"""

import numpy as np
import pandas as pd
import torch
from scipy.stats import norm

from schur_lib.schur import SUBSETS, Matrix, label
from schur_lib.subjects import Evaluation
from study.probes.predictor import linear_states

BAND = (0.85, 0.95)  # of the spectral radius: the thresholds that the paper tries


def impulse_response(W_xh: Matrix, W_hh: Matrix, W_hy: Matrix, n: int) -> Matrix:
    """G_m = W_hy W_hh^m W_xh for m = 0 … n − 1, (n, N_y, N_x)."""
    found, X = [], W_xh
    for _ in range(n):
        found.append(W_hy @ X)
        X = W_hh @ X
    return np.array(found)


def closed_form(G: Matrix, n_symbols: int, horizon: int) -> float:
    """Replay accuracy of a linear network from its impulse response, without a run and without a fit.

    At lag t the wanted symbol is k = (t − 1) mod s + 1; of channel c it comes with the weight G_{m_k}[c, c],
    m_j = t + s − j, and all other bits, ±1 and independent, come with theirs. As their sum is nearly normal,

        A_t = mean over c of Φ( G_{m_k}[c, c] / √( Σ_{j,i} G_{m_j}[c, i]² − G_{m_k}[c, c]² ) ).

    Args:
        G: (horizon + n_symbols, d, d) at least, from `impulse_response`.
        n_symbols: s.
        horizon: lags that are scored.

    Returns:
        Mean over lags, in [0, 1].
    """
    accuracy = []
    for t in range(1, horizon + 1):
        wanted = (t - 1) % n_symbols + 1
        signal = np.diagonal(G[t + n_symbols - wanted])
        rest = np.square(G[t : t + n_symbols]).sum((0, 2)) - signal**2
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(signal == 0, 0.0, signal / np.sqrt(np.maximum(rest, 0)))
        accuracy.append(norm.cdf(ratio).mean())
    return float(np.mean(accuracy))


def replays(trials: Evaluation, alpha: float = 0.9) -> pd.DataFrame:
    """Each of the eight ablations of a copy network: with tanh, without it, and in closed form.

    Args:
        trials: a network on trials of the copy task.
        alpha: splits the leading sector from its complement, in (0, 1].

    Returns:
        One row a set: `removed`, `mass`, `score` (replay accuracy of the network), `linear` (of the same
        weights without tanh, on the same trials), `closed_form`.
    """
    form, free, (W_xh, W_hy) = trials.form, trials.free_steps, _weights(trials)
    drive, ones = trials.inputs.double() @ W_xh.T, torch.ones(len(W_xh), dtype=torch.float64)
    rows = []
    for removed in SUBSETS:
        W = form.ablate(removed, alpha) if removed else trials.W_hh.numpy()
        states = linear_states(ones, torch.as_tensor(W), drive, len(drive) + free)
        G = impulse_response(W_xh.numpy(), W, W_hy.numpy(), len(drive) + free)
        rows.append(
            {
                "removed": label(removed),
                "mass": form.removed_mass(removed, alpha),
                "score": trials.scores([W]).item(),
                "linear": float(trials.metric.score(states[-free:] @ W_hy.T, trials.targets.double())),
                "closed_form": closed_form(G, len(drive), free),
            }
        )
    return pd.DataFrame(rows)


def sectors(trials: Evaluation, alpha: float = 0.9) -> pd.DataFrame:
    """What the two sectors of a copy network are for, by its impulse response from lag 1 on.

    Args:
        trials: a network on trials of the copy task.
        alpha: splits the leading sector from its complement, in (0, 1].

    Returns:
        One row: `n_complement`, dimensions; shares of the complement in ‖W_xh‖² (`input_C`) and ‖W_hy‖²
        (`readout_C`); `beyond`, the Hankel singular value number s d + 1 over the one before it, 0 where s d
        dimensions are enough; norms over that of the impulse response: `memory`, `complement`, `cascade`, its
        three parts (they need not add up to 1), and `not_cascade`, how far removing T_CR is from removing the
        cascade; changes of the impulse response over its norm: `CC` of removing T_CC, `CC_after_CR` of removing
        it after T_CR, `CC_after_CR_late` of that beyond the first s lags; `in_band`, eigenvalues whose modulus is
        in [0.85 ρ, 0.95 ρ); `couplings`, their Schur mass together; `imperfect`, ‖G − G*‖/‖G*‖ with the perfect
        replay's response G*_m = I at m = s, 2 s, …, else 0.
    """
    form = trials.form
    W_xh, W_hy = (w.numpy() for w in _weights(trials))
    n, s, steps = form.n_leading(alpha), len(trials.inputs), trials.free_steps + len(trials.inputs)
    B, C = form.Q.T @ W_xh, W_hy @ form.Q
    without = {name: np.where(form.mask(set(name), alpha), 0, form.T) for name in ((), ("CC",), ("CR",))}
    both = np.where(form.mask({"CR", "CC"}, alpha), 0, form.T)

    def response(T, rows=slice(None), columns=slice(None)):
        return impulse_response(B[columns], T[rows, columns], C[:, rows], steps)[1:]

    R, rest = slice(0, n), slice(n, None)
    full = response(form.T)
    memory, complement = response(form.T, R, R), response(form.T, rest, rest)
    cascade = full - memory - complement
    cut = response(without["CR",])
    perfect = np.zeros_like(full)
    perfect[s - 1 :: s] = np.eye(len(W_hy), len(W_xh.T))
    values, sd = hankel_values(full, 2 * s), s * len(W_xh.T)
    both_change = response(both) - cut
    moduli = np.abs(form.eigenvalues) / np.abs(form.eigenvalues).max()
    row = {
        "n_complement": len(B) - n,
        "input_C": _share(B[rest], B),
        "readout_C": _share(C[:, rest], C),
        "beyond": float(values[sd] / values[sd - 1]) if sd < len(values) else 0.0,
        "memory": _share(memory, full) ** 0.5,
        "complement": _share(complement, full) ** 0.5,
        "cascade": _share(cascade, full) ** 0.5,
        "not_cascade": _share(cut - (memory + complement), full) ** 0.5,
        "CC": _share(response(without["CC",]) - full, full) ** 0.5,
        "CC_after_CR": _share(both_change, full) ** 0.5,
        "CC_after_CR_late": _share(both_change[s:], full) ** 0.5,
        "in_band": int(np.sum((moduli >= BAND[0]) & (moduli < BAND[1]))),
        "couplings": form.mass(form.above),
        "imperfect": _share(full - perfect, perfect) ** 0.5,
    }
    return pd.DataFrame([row])


def hankel_values(G: Matrix, columns: int) -> Matrix:
    """Singular values of the Hankel matrix of an impulse response G_1, G_2, …, largest first.

    Its rank is the smallest number of dimensions in which any linear network has this response (Ho and Kalman,
    1966).

    Args:
        G: (n, N_y, N_x), from lag 1 on.
        columns: block columns; the block rows are n − columns + 1. The rank shows up to columns · N_x dimensions.
    """
    rows = [np.hstack(G[i : i + columns]) for i in range(len(G) - columns + 1)]
    return np.linalg.svd(np.vstack(rows), compute_uv=False)


def _weights(trials):
    net = trials.network
    if net is None or not trials.free_steps or any(t is not None for t in (net.b_h, net.b_y, net.h0)):
        raise ValueError(
            "the linear account needs a schur_lib.Network without biases that runs on after its input, as on the "
            f"copy task; got {type(trials.module).__name__} with {trials.free_steps} free steps"
        )
    return net.W_xh.double(), net.W_hy.double()


def _share(part, whole):
    return float(np.square(part).sum() / np.square(whole).sum())
