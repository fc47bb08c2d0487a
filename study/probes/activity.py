"""Is a block safe because of its role, or because the activity never goes there?

A removed block changes the next state by −ΔW h alone, so that only its action on the states that the
network visits can matter. With C = E[h hᵀ] over the states that W_hh acts on (not centred: a block
acts on h, not on its deviation from a mean), V_k holds the k leading eigenvectors of C, k such that
they carry a given share of its trace, and P_V = V_k V_kᵀ.

Effects are ΔFVU on all four tasks, so that they have one unit.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from scipy.linalg import subspace_angles

from schur_lib.dynamics import hidden_states
from schur_lib.metrics import NEGLIGIBLE_MASS
from schur_lib.networks import Network
from schur_lib.profile import held_out, scores_of
from schur_lib.schur import COUPLINGS, SUBSETS, label, ordered_schur
from schur_lib.tasks import Task
from schur_lib.training import TASKS, Spec
from study.probes.nulls import harm_of, random_orthogonal
from study.statistics import dominance

SHARE = 0.99  # of the activity that V_k carries (our choice); the others are shown beside it
SHARES = (0.95, 0.99, 0.999)
LAMBDAS = tuple(10.0**i for i in range(-8, 2))


def second_moments(net: Network, task: Task, batch_size: int = 256) -> np.ndarray:
    """C = E[h hᵀ] over the states that W_hh acts on: h_0, …, h_{T−1} of held-out trials.

    Args:
        net: the network.
        task: gives the trials.
        batch_size: held-out trials.

    Returns:
        (N_h, N_h) float64.
    """
    inputs, _ = held_out(task, batch_size)
    states = hidden_states(net, inputs.to(net.W_hh), free_steps=task.free_steps)[:-1].double()
    start = torch.zeros(net.hidden_size) if net.h0 is None else net.h0
    states, start = states.flatten(0, 1).numpy(), start.double().numpy()
    total = states.T @ states + batch_size * np.outer(start, start)
    return total / (len(states) + batch_size)


def activity_basis(C: np.ndarray, share: float = SHARE) -> np.ndarray:
    """V_k: the fewest leading eigenvectors of C that carry a share of its trace.

    Args:
        C: (N, N), from `second_moments`.
        share: in (0, 1].

    Returns:
        (N, k), orthonormal columns in order of decreasing eigenvalue; k = 0 where there is no
        activity.

    Raises:
        ValueError: share is not in (0, 1].
    """
    if not 0 < share <= 1:
        raise ValueError(f"share must be in (0, 1], got {share!r}")
    values, vectors = np.linalg.eigh(C)
    # Below rounding an eigenvalue is no activity.
    values = np.where(values > 1e-14 * max(values.max(), 0), values, 0)[::-1]
    if not values.any():
        return vectors[:, :0]
    reached = np.cumsum(values) >= share * values.sum() * (1 - 1e-14)
    return vectors[:, ::-1][:, : int(np.argmax(reached)) + 1]


def active_mass(dW: np.ndarray, W: np.ndarray, C: np.ndarray) -> float:
    """Activity-weighted mass E‖ΔW h‖² / E‖W h‖² = tr(ΔW C ΔWᵀ) / tr(W C Wᵀ).

    Args:
        dW: (N, N), what is removed.
        W: (N, N), the recurrent weights.
        C: (N, N), from `second_moments`.

    Returns:
        float ≥ 0: 0 where the removed weights never meet the activity; NaN without any activity.
    """
    whole = np.einsum("ij,jk,ik", W, C, W)
    return float(np.einsum("ij,jk,ik", dW, C, dW) / whole) if whole > 0 else float("nan")


def directions(
    spec: Spec,
    net: Network,
    draws: int = 50,
    share: float = SHARE,
    batch_size: int = 256,
    alpha: float = 0.9,
) -> pd.DataFrame:
    """Principal angles between what a block reads and writes and the subspaces that matter to a task.

    A block's input directions are the leading right singular vectors of ΔW, its output directions
    the left ones, as many as carry `share` of ‖ΔW‖². They are compared with V_k, the rows of W_hy and
    the columns of W_xh (scipy.linalg.subspace_angles), and with random subspaces of equal dimension.

    Args:
        spec: what the network is; its task gives the trials, its seed the random subspaces.
        net: the network.
        draws: random subspaces.
        share: of the activity in V_k, and of the block in its directions.
        batch_size: held-out trials.
        alpha: splits the leading sector from its complement.

    Returns:
        One row a block, side and subspace: `removed`, `side` ("input" or "output"), `subspace`
        ("activity", "readout" or "drive"), `n_block`, `n_subspace` (dimensions), `overlap` (mean cos²
        of the angles), `overlap_chance` (its expectation, the larger dimension over N_h), `smallest`
        and `median` angle in degrees, `smallest_chance`, `median_chance` (medians of the draws).
        Blocks at rounding level have no rows.
    """
    form, C = ordered_schur(net.W_hh), second_moments(net, spec.make_task(), batch_size)
    N = net.hidden_size
    subspaces = {
        "activity": activity_basis(C, share),
        "readout": _orthonormal(net.W_hy.double().numpy().T),
        "drive": _orthonormal(net.W_xh.double().numpy()),
    }
    bases = random_orthogonal(draws, N, np.random.default_rng([spec.seed, TASKS.index(spec.task)]))
    by_chance, rows = {}, []
    for name in COUPLINGS:
        if form.removed_mass({name}, alpha) <= NEGLIGIBLE_MASS:
            continue
        left, size, right = np.linalg.svd(_block(form, {name}, alpha))
        n = int(np.argmax(np.cumsum(size**2) >= share * np.sum(size**2))) + 1
        for side, vectors in (("input", right[:n].T), ("output", left[:, :n])):
            for title, subspace in subspaces.items():
                k = subspace.shape[1]
                if (n, k) not in by_chance:
                    drawn = [subspace_angles(np.eye(N)[:, :n], U[:, :k]) for U in bases]
                    by_chance[n, k] = np.median(
                        [(a.min(), np.median(a)) for a in np.degrees(drawn)], axis=0
                    )
                angles = subspace_angles(vectors, subspace)
                overlap = np.mean(np.cos(angles) ** 2)
                smallest, median = np.degrees((angles.min(), np.median(angles)))
                rows.append((name, side, title, n, k, overlap, max(n, k) / N, smallest, median,
                             *by_chance[n, k]))  # fmt: skip
    columns = (
        "removed side subspace n_block n_subspace overlap overlap_chance smallest median "
        "smallest_chance median_chance"
    )
    return pd.DataFrame(rows, columns=columns.split())


def halves(
    spec: Spec,
    net: Network,
    shares: Sequence[float] = SHARES,
    batch_size: int = 256,
    alpha: float = 0.9,
) -> pd.DataFrame:
    """Each block removed whole, only where it acts on the activity (ΔW P_V), or only elsewhere.

    Args:
        spec: what the network is; its task gives the trials.
        net: the network.
        shares: of the activity in V_k.
        batch_size: held-out trials.
        alpha: splits the leading sector from its complement.

    Returns:
        One row a block and part: `removed`, `share` (NaN for the whole block), `part` ("whole", "on",
        "off"), `k`, `delta` (ΔFVU), `mass` ‖ΔW‖_F/‖W‖_F of the part, `active_mass`.
    """
    task = replace(spec.make_task(), score_name="fvu")
    form, C = ordered_schur(net.W_hh), second_moments(net, task, batch_size)
    W = form.Q @ form.T @ form.Q.T
    parts = []
    for name in COUPLINGS:
        dW = _block(form, {name}, alpha)
        parts.append((name, np.nan, "whole", net.hidden_size, dW))
        for share in shares:
            V = activity_basis(C, share)
            on = dW @ V @ V.T
            parts += [
                (name, share, "on", V.shape[1], on),
                (name, share, "off", V.shape[1], dW - on),
            ]
    whole = float(scores_of(net, task, net.W_hh[None], batch_size)[0])
    deltas = harm_of(net, task, np.stack([W - part[-1] for part in parts]), whole, batch_size)
    size = np.linalg.norm(W)
    rows = [
        (*key, delta, np.linalg.norm(dW) / size, active_mass(dW, W, C))
        for (*key, dW), delta in zip(parts, deltas, strict=True)
    ]
    return pd.DataFrame(rows, columns="removed share part k delta mass active_mass".split())


def rotations(
    spec: Spec, net: Network, draws: int = 100, batch_size: int = 64, alpha: float = 0.9
) -> pd.DataFrame:
    """Blocks beside changes that read the same and write elsewhere: U ΔW, U a random rotation.

    ‖U ΔW h‖ = ‖ΔW h‖ for every h: the mass, the activity-weighted mass and the input directions are
    those of the block, at every step. What differs is where the change writes. If only the activity
    counted, block and rotations would do the same harm.

    Args:
        spec: what the network is; its task gives the trials, its seed the rotations.
        net: the network.
        draws: rotations.
        batch_size: held-out trials.
        alpha: splits the leading sector from its complement.

    Returns:
        One row a block: `removed`, `delta` (ΔFVU), `rotated_median`, `rotated_low`, `rotated_high` (5 %
        and 95 %), `effect` (Cliff's δ, 1 where every rotation does more harm), `draws`. Blocks at
        rounding level have no rows.
    """
    task = replace(spec.make_task(), score_name="fvu")
    form = ordered_schur(net.W_hh)
    W = form.Q @ form.T @ form.Q.T
    whole = float(scores_of(net, task, net.W_hh[None], batch_size)[0])
    U = random_orthogonal(
        draws, net.hidden_size, np.random.default_rng([spec.seed, TASKS.index(spec.task)])
    )
    rows = []
    for name in COUPLINGS:
        if form.removed_mass({name}, alpha) <= NEGLIGIBLE_MASS:
            continue
        dW = _block(form, {name}, alpha)
        delta = harm_of(net, task, (W - dW)[None], whole, batch_size)[0]
        rotated = harm_of(net, task, W - U @ dW, whole, batch_size)
        low, median, high = np.quantile(rotated, (0.05, 0.5, 0.95))
        rows.append((name, delta, median, low, high, dominance(rotated, delta), draws))
    columns = "removed delta rotated_median rotated_low rotated_high effect draws"
    return pd.DataFrame(rows, columns=columns.split())


def decoders(spec: Spec, net: Network, batch_size: int = 256, alpha: float = 0.9) -> pd.DataFrame:
    """The fixed readout beside a ridge decoder that is refitted to the states after the ablation.

    Fitted, its λ chosen and scored on three different sets of trials, each of `batch_size`. Like
    W_hy, the decoder is one matrix for all steps, without an offset.

    Args:
        spec: what the network is; its task gives the trials.
        net: the network.
        batch_size: trials of each of the three sets.
        alpha: splits the leading sector from its complement.

    Returns:
        One row a removed set, the first the full network: `removed`, `fixed` and `refitted` (score of
        the task, on the same trials), `metric`.
    """
    task = spec.make_task()
    form = ordered_schur(net.W_hh)
    # The last set is the one on which all other tables are measured.
    sets = [held_out(task, batch_size, seed) for seed in (1, 2, 0)]
    rows = []
    for removed in SUBSETS:
        W_hh = torch.from_numpy(form.ablate(removed, alpha)).to(net.W_hh)
        states = [
            hidden_states(net, inputs.to(W_hh), W_hh, task.free_steps).double()
            for inputs, _ in sets
        ]
        scored = [h[-len(y) :] for h, (_, y) in zip(states, sets, strict=True)]
        targets = [y.double() for _, y in sets]
        W_hy = ridge(*(a[i] for i in (0, 1) for a in (scored, targets)))
        b_y = 0 if net.b_y is None else net.b_y.double()
        fixed = float(task.score(scored[2] @ net.W_hy.double().T + b_y, targets[2]))
        refitted = float(task.score(scored[2] @ W_hy.T, targets[2]))
        rows.append((label(removed), fixed, refitted, task.score_name))
    return pd.DataFrame(rows, columns=["removed", "fixed", "refitted", "metric"])


def ridge(H: torch.Tensor, y: torch.Tensor, H_val: torch.Tensor, y_val: torch.Tensor):
    """Ridge regression in closed form, λ chosen on other trials.

    W = argmin E‖y − W h‖² + λ (tr E[h hᵀ] / N) ‖W‖² (Hoerl and Kennard, 1970).

    Args:
        H: (T, B, N) float64, states to fit.
        y: (T, B, N_y) float64, their targets.
        H_val: (T, B', N), states that choose λ from 1e-8, 1e-7, …, 10.
        y_val: (T, B', N_y).

    Returns:
        (N_y, N) float64.
    """
    H, y, H_val, y_val = (a.reshape(-1, a.shape[-1]).double() for a in (H, y, H_val, y_val))
    values, vectors = torch.linalg.eigh(H.T @ H)
    projected = vectors.T @ (H.T @ y)
    scale = values.sum() / len(values)
    best, chosen = float("inf"), torch.zeros(y.shape[1], H.shape[1], dtype=torch.float64)
    for lam in LAMBDAS if scale > 0 else ():
        W = (vectors @ (projected / (values.clamp(min=0) + lam * scale)[:, None])).T
        error = float((H_val @ W.T - y_val).square().mean())
        if error < best:
            best, chosen = error, W
    return chosen


def _block(form, removed, alpha):
    """ΔW = W − W̃(S)."""
    mask = np.any([form.couplings(alpha)[name] for name in removed], axis=0)
    return form.Q @ np.where(mask, form.T, 0) @ form.Q.T


def _orthonormal(columns):
    left, size, _ = np.linalg.svd(columns, full_matrices=False)
    return left[:, size > 1e-10 * size.max()]
