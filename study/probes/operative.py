"""Operative dimensions: directions of W_hh ranked by what their removal does to the next state.

After Krause, Cook, Kollmorgen, Mante and Indiveri (NeurIPS 2022), who remove a unit direction d from the
columns of W_hh, (I − d dᵀ) W, or from its rows, W (I − d dᵀ). At a state h the next preactivation
then moves by Δf:

    columns   Δf = |dᵀ W h|          what W writes
    rows      Δf = |dᵀ h| ‖W d‖      what W reads

The first local dimension at h is the unit d of the largest Δf, the next that of the largest Δf among
those orthogonal to it, and so on; the global ones are the left singular vectors of all local ones side by
side, each times its Δf. Columns have one local dimension, W h / ‖W h‖, so that the global ones are the
eigenvectors of W E[h hᵀ] Wᵀ. For rows Krause et al. search numerically; `local_rows` solves the
problem. (State here is the preactivation, as theirs, without the input. Our choice: the states are
those of held-out trials.)
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from schur_lib.metrics import NEGLIGIBLE_MASS
from schur_lib.subjects import Evaluation
from schur_lib.tasks import generator
from study.probes.activity import activity_moments

SIDES = ("columns", "rows")
KEPT = (1, 2, 4, 6, 8, 12, 16, 24, 32, 48, 64)
HALVINGS = 60  # of the bracket of a root, in its logarithm: beyond float64
ENOUGH = 1e-4  # local dimensions below this share of the largest Δf are left out (our choice)


def global_columns(W: np.ndarray, C: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Global operative columns: eigenvectors of W C Wᵀ, by decreasing effect.

    Args:
        W: (N, N), the recurrent weights.
        C: (N, N), E[h hᵀ] from `activity_moments`.

    Returns:
        (N, N) directions as columns, and (N,) the root mean square Δf of each.
    """
    return _principal(W @ C @ W.T)


def global_rows(W: np.ndarray, H: np.ndarray, enough: float = ENOUGH) -> tuple[np.ndarray, np.ndarray]:
    """Global operative rows: left singular vectors of all local ones, each times its Δf.

    Args:
        W: (N, N), the recurrent weights.
        H: (n, N), states.
        enough: local dimensions are taken until all Δf are below this share of the largest.

    Returns:
        (N, N) directions as columns, and (N,) the root of the mean over states of each one's squared Δf.
    """
    D, effects = local_rows(W, H, enough)
    scaled = (D * effects[..., None]).reshape(-1, len(W))
    return _principal(scaled.T @ scaled / len(H))


def local_rows(W: np.ndarray, H: np.ndarray, enough: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Local operative rows of each state: unit d that maximise |dᵀh| ‖W d‖, each orthogonal to the last.

    With G = WᵀW, (dᵀh)² and dᵀG d together take the values of a convex set (Brickman, Proc. AMS 12,
    1961), on which their product has one maximum: d ∝ (μI − G)⁻¹ h with μ = 2 dᵀG d, of which there is
    one above the largest eigenvalue of G. The next one is the first of what is orthogonal to it.

    Args:
        W: (N, N), the recurrent weights.
        H: (n, N), states.
        enough: stop where all Δf are at most this share of the largest.

    Returns:
        (n, m, N) directions, orthonormal for each state, and (n, m) their Δf, nonincreasing; m ≤ N.
    """
    n, N = H.shape
    basis = np.broadcast_to(np.eye(N), (n, N, N))  # of what is orthogonal to the ones found
    directions, effects = [], []
    for _ in range(N):
        d = _largest(W @ basis, np.einsum("nij,ni->nj", basis, H))
        found = np.einsum("nij,nj->ni", basis, d)
        effect = np.abs(np.sum(found * H, axis=1)) * np.linalg.norm(found @ W.T, axis=1)
        if effects and effect.max() <= enough * effects[0].max():
            break
        directions.append(found)
        effects.append(effect)
        # the reflection that takes d to ± the first axis: its other columns are orthogonal to d
        v = d.copy()
        v[:, 0] += np.where(d[:, 0] >= 0, 1.0, -1.0)
        v *= np.sqrt(2) / np.linalg.norm(v, axis=1, keepdims=True)
        basis = (basis - np.einsum("nij,nj,nk->nik", basis, v, v))[:, :, 1:]
    return np.stack(directions, axis=1), np.stack(effects, axis=1)


def operative_profile(
    trials: Evaluation, kept: Sequence[int] = KEPT, n_states: int = 128, alpha: float = 0.9
) -> pd.DataFrame:
    """W_hh with the first k operative dimensions alone, and each block's part on these.

    With P_k on the first k: of the columns P_k W and P_k ΔW, of the rows W P_k and ΔW P_k.

    Args:
        trials: a network whose states are known, on some trials.
        kept: values of k.
        n_states: states of these for the rows, drawn at random (Krause et al. take about 120).
        alpha: splits the leading sector from its complement.

    Returns:
        One row a side ("columns", "rows") and k: `removed` "", `delta` (change of the score by the first k
        alone); and one a side, block and k: `overlap`, the share of ‖ΔW‖² in the block's part on the
        first k less its chance k/N_h, `delta` (of ablating the block but for that part), and `whole`
        (of ablating the block). Blocks at rounding level have no rows.

    Raises:
        ValueError: the states are unknown.
    """
    form, W = trials.form, trials.W_hh.numpy()
    sides = {
        "columns": global_columns(W, activity_moments(trials))[0],
        "rows": global_rows(W, visited_states(trials, n_states))[0],
    }
    masks = form.couplings(alpha)
    blocks = {n: form.part(m) for n, m in masks.items() if form.mass(m) > NEGLIGIBLE_MASS}
    rows, matrices = [], [W - dW for dW in blocks.values()]
    for side, D in sides.items():
        for k in kept:
            P = D[:, :k] @ D[:, :k].T

            def part(A, P=P, side=side):
                return P @ A if side == "columns" else A @ P

            rows.append((side, "", k, np.nan))
            matrices.append(part(W))
            for name, dW in blocks.items():
                overlap = np.sum(part(dW) ** 2) / np.sum(dW**2)
                rows.append((side, name, k, overlap - min(1.0, k / len(W))))
                matrices.append(W - (dW - part(dW)))
    deltas = trials.scores(matrices).numpy() - trials.intact
    whole = dict(zip(blocks, deltas[: len(blocks)], strict=True))
    table = pd.DataFrame(rows, columns=["side", "removed", "k", "overlap"])
    return table.assign(delta=deltas[len(blocks) :], whole=table.removed.map(whole).astype(float))


def visited_states(trials: Evaluation, n_states: int) -> np.ndarray:
    """States that W_hh acts on, drawn at random from all trials and steps but the start, (n_states, N_h)."""
    states = trials.acted_on()[1:].flatten(0, 1).cpu()
    chosen = torch.randperm(len(states), generator=generator("states", 0))[:n_states]
    return states[chosen].numpy()


def _principal(moments):
    values, vectors = np.linalg.eigh(moments)
    return vectors[:, ::-1], np.sqrt(values[::-1].clip(min=0))


def _largest(A, h):
    """The unit d that maximises |dᵀh| ‖A d‖, for stacks A (n, N, m) and h (n, m)."""
    values, vectors = np.linalg.eigh(A.mT @ A)
    c = np.einsum("nij,ni->nj", vectors, h)
    top = np.maximum(values[:, -1:], np.finfo(float).tiny)
    # Without a part along the top eigenvector the root lies at the end of its bracket; a part below
    # rounding brings it inside, and d by as little from where it is.
    size = np.maximum(np.linalg.norm(c, axis=1), 1e-150)
    c[:, -1] = np.where(np.abs(c[:, -1]) > 1e-9 * size, c[:, -1], 1e-9 * size)
    below = (top - values).clip(min=0)
    # Σ (μ − 2 g_i) c_i² / (μ − g_i)² rises through 0 once at μ = g_max + τ, 0 < τ ≤ g_max.
    low, high = np.log(1e-14 * top), np.log(top)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        tau = np.exp(middle)
        negative = np.sum((tau + below - values) * (c / (tau + below)) ** 2, axis=1, keepdims=True) < 0
        low, high = np.where(negative, middle, low), np.where(negative, high, middle)
    d = np.einsum("nij,nj->ni", vectors, c / (np.exp(high) + below))
    return d / np.linalg.norm(d, axis=1, keepdims=True)
