"""Is a block safe because of its role, or because the activity never goes there?

An ablated block changes the next state by −ΔW h alone, so that only its action on the states that the
network visits can matter. With C = E[h hᵀ] over the states that W_hh acts on (not centred: a block
acts on h, not on its deviation from a mean), V_k holds the k leading eigenvectors of C, k such that
they carry a given share of its trace, and P_V = V_k V_kᵀ.

The book scores all four tasks by the FVU here, so that effects have one unit. In every probe `trials` is
a network whose states are known, on some trials, and `alpha` splits the leading sector from its
complement.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from scipy.linalg import orth, subspace_angles

from schur_lib.metrics import NEGLIGIBLE_MASS, is_scored
from schur_lib.schur import COUPLINGS, SUBSETS, label
from schur_lib.subjects import Evaluation
from study.probes.nulls import random_orthogonal
from study.statistics import dominance

SHARE = 0.99  # of the activity that V_k carries (our choice); the others are shown beside it
SHARES = (0.95, 0.99, 0.999)
LAMBDAS = tuple(10.0**i for i in range(-8, 2))


def activity_moments(trials: Evaluation) -> np.ndarray:
    """C = E[h hᵀ] over the states that W_hh acts on, h_0, …, h_{T−1}: (N, N) float64.

    Steps after the last one of a trial that is scored, as in trials that were padded, are left out.

    Raises:
        ValueError: the states are unknown.
    """
    states = trials.acted_on()
    scored = is_scored(trials.targets)
    if scored.shape[:2] == (trials.n_scored, trials.n_trials) and not scored.all():
        # seen from its end, a trial begins where first a step is scored
        begun = scored.flatten(2).any(-1) if scored.ndim > 2 else scored
        begun = begun.flip(0).cummax(0).values.flip(0)
        before = torch.ones(len(states) - len(begun), *begun.shape[1:], dtype=torch.bool) & begun.any(0).cpu()
        kept = states[torch.cat([before, begun.cpu()])].numpy()
    else:
        kept = states.flatten(0, 1).numpy()
    return kept.T @ kept / len(kept)


def activity_basis(C: np.ndarray, share: float = SHARE) -> np.ndarray:
    """V_k: the fewest leading eigenvectors of C that carry a share of its trace.

    Args:
        C: (N, N), from `activity_moments`.
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
        dW: (N, N), what is ablated.
        W: (N, N), the recurrent weights.
        C: (N, N), from `activity_moments`.

    Returns:
        float ≥ 0: 0 where the ablated weights never meet the activity; NaN without any activity.
    """
    intact = np.einsum("ij,jk,ik", W, C, W)
    return float(np.einsum("ij,jk,ik", dW, C, dW) / intact) if intact > 0 else float("nan")


def directions(
    trials: Evaluation, draws: int = 50, share: float = SHARE, alpha: float = 0.9, seed=0
) -> pd.DataFrame:
    """Principal angles between what a block reads and writes and the subspaces that matter to a task.

    A block's input directions are the leading right singular vectors of ΔW, its output directions
    the left ones, as many as carry `share` of ‖ΔW‖². They are compared with V_k and, of a plain network,
    the rows of W_hy and the columns of W_xh (scipy.linalg.subspace_angles), and with random subspaces
    of equal dimension.

    Args:
        trials: see the module.
        draws: random subspaces.
        share: of the activity in V_k, and of the block in its directions.
        alpha: see the module.
        seed: of the random subspaces.

    Returns:
        One row a block, side and subspace: `removed`, `side` ("input" or "output"), `subspace`
        ("activity"; of a plain network "readout" and "drive" too), `n_block`, `n_subspace` (dimensions),
        `overlap` (mean cos² of the angles), `overlap_chance` (its expectation, the larger dimension over
        N_h), `smallest` and `median` angle in degrees, `smallest_chance`, `median_chance` (medians of the
        draws). Blocks at rounding level have no rows.
    """
    form, net = trials.form, trials.network
    subspaces = {"activity": activity_basis(activity_moments(trials), share)}
    if net is not None:
        for title, columns in (("readout", net.W_hy.T), ("drive", net.W_xh)):
            subspaces[title] = orth(columns.detach().cpu().double().numpy(), rcond=1e-10)
    N = len(form.T)
    bases = random_orthogonal(draws, N, np.random.default_rng(seed))
    by_chance, rows = {}, []
    for name, dW in _blocks(form, alpha):
        left, size, right = np.linalg.svd(dW)
        n = int(np.argmax(np.cumsum(size**2) >= share * np.sum(size**2))) + 1
        for side, vectors in (("input", right[:n].T), ("output", left[:, :n])):
            for title, subspace in subspaces.items():
                k = subspace.shape[1]
                if (n, k) not in by_chance:
                    drawn = [subspace_angles(np.eye(N)[:, :n], U[:, :k]) for U in bases]
                    by_chance[n, k] = np.median([(a.min(), np.median(a)) for a in np.degrees(drawn)], axis=0)
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


def halves(trials: Evaluation, shares: Sequence[float] = SHARES, alpha: float = 0.9) -> pd.DataFrame:
    """Each block ablated whole, only where it acts on the activity (ΔW P_V), or only elsewhere.

    Args:
        trials: see the module.
        shares: of the activity in V_k.
        alpha: see the module.

    Returns:
        One row a block and part: `removed`, `share` (NaN for the whole block), `part` ("whole", "on",
        "off"), `k`, `delta` (change of the score), `mass` ‖ΔW‖_F/‖W‖_F of the part, `active_mass`,
        `harm`.
    """
    form, C = trials.form, activity_moments(trials)
    W = form.Q @ form.T @ form.Q.T
    parts = []
    for name in COUPLINGS:
        dW = form.part(form.mask({name}, alpha))
        parts.append((name, np.nan, "whole", len(W), dW))
        for share in shares:
            V = activity_basis(C, share)
            on = dW @ V @ V.T
            parts += [
                (name, share, "on", V.shape[1], on),
                (name, share, "off", V.shape[1], dW - on),
            ]
    scores = trials.scores(W - part[-1] for part in parts).numpy()
    size = np.linalg.norm(W)
    rows = [
        (*key, score - trials.intact, np.linalg.norm(dW) / size, active_mass(dW, W, C))
        for (*key, dW), score in zip(parts, scores, strict=True)
    ]
    columns = "removed share part k delta mass active_mass".split()
    return pd.DataFrame(rows, columns=columns).assign(harm=trials.metric.harm(scores, trials.intact))


def rotations(trials: Evaluation, draws: int = 100, alpha: float = 0.9, seed=0) -> pd.DataFrame:
    """Blocks beside changes that read the same and write elsewhere: U ΔW, U a random rotation.

    ‖U ΔW h‖ = ‖ΔW h‖ for every h: the mass, the activity-weighted mass and the input directions are
    those of the block, at every step. What differs is where the change writes. If only the activity
    counted, block and rotations would do the same harm.

    Args:
        trials: see the module; its states need not be known.
        draws: rotations.
        alpha: see the module.
        seed: of the rotations.

    Returns:
        One row a block: `removed`, `delta` (its harm), `rotated_median`, `rotated_low`, `rotated_high`
        (of the rotations' harms, 5 % and 95 %), `effect` (Cliff's δ, 1 where every rotation does more
        harm), `draws`. Blocks at rounding level have no rows.
    """
    form = trials.form
    W = form.Q @ form.T @ form.Q.T
    U = random_orthogonal(draws, len(W), np.random.default_rng(seed))
    rows = []
    for name, dW in _blocks(form, alpha):
        (harm,) = trials.harms([W - dW])
        rotated = trials.harms(W - turn @ dW for turn in U)
        low, median, high = np.quantile(rotated, (0.05, 0.5, 0.95))
        rows.append((name, harm, median, low, high, dominance(rotated, harm), draws))
    columns = "removed delta rotated_median rotated_low rotated_high effect draws"
    return pd.DataFrame(rows, columns=columns.split())


def decoders(fit: Evaluation, choose: Evaluation, held_out: Evaluation, alpha: float = 0.9) -> pd.DataFrame:
    """The fixed readout beside a ridge decoder that is refitted to the states after the ablation.

    Like a plain network's W_hy, the decoder is one matrix for all steps, without an offset.

    Args:
        fit: a network whose states are known, on trials that the decoder is fitted to.
        choose: the same on others, which choose its λ.
        held_out: the same on those on which it is scored.
        alpha: see the module.

    Returns:
        One row an ablated set, the first the intact network: `removed`, `fixed` and `refitted` (the
        score, on the same trials), `metric`.

    Raises:
        ValueError: the targets are classes.
    """
    form, metric, sets = held_out.form, held_out.metric, (fit, choose, held_out)
    if metric.classes:
        raise ValueError(f"a decoder is fitted to targets that are numbers; {metric.name} has classes")
    rows = []
    for removed in SUBSETS:
        W = form.ablate(removed, alpha)
        states = [trials.states(W).double()[-trials.n_scored :] for trials in sets]
        targets = [trials.targets.double() for trials in sets]
        decoder = ridge(states[0], targets[0], states[1], targets[1])
        refitted = float(metric.score(states[2] @ decoder.T, targets[2]))
        rows.append((label(removed), held_out.scores([W]).item(), refitted, metric.name))
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


def _blocks(form, alpha):
    """Name and ΔW = W − W̃ of every block above rounding level."""
    for name, mask in form.couplings(alpha).items():
        if form.mass(mask) > NEGLIGIBLE_MASS:
            yield name, form.part(mask)
