"""Is it the structure or the size? Random changes of the weights as large as a removed block.

Five kinds of change, each of exactly the Frobenius norm of the removed block ΔT:

    isotropic         a Gaussian matrix
    same entries      Gaussian numbers where the block stands in T
    shuffled          the block's own entries, permuted among its places and with random signs
    random basis      the same mask in a random orthogonal basis U: what it holds of UᵀTU, rescaled
    random couplings  a random choice of entries of N, removed as the block is; the last one in part

All but the isotropic change and that in a random basis are strictly above the diagonal blocks of T
and so keep the spectrum, as the removal of the block does.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from schur_lib.metrics import NEGLIGIBLE_MASS
from schur_lib.networks import Network
from schur_lib.profile import scores_of
from schur_lib.schur import SUBSETS, label, ordered_schur
from schur_lib.tasks import Task
from schur_lib.training import TASKS, Spec
from study.statistics import dominance

KINDS = ("isotropic", "same entries", "shuffled", "random basis", "random couplings")
KEEP_SPECTRUM = ("same entries", "shuffled", "random couplings")
REMOVED = tuple(label(s) for s in SUBSETS if s)


def changes(
    T: np.ndarray,
    mask: np.ndarray,
    couplings: np.ndarray,
    kind: str,
    n: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Random changes ΔT of the norm of a removed block, in Schur coordinates: T̃ = T − ΔT.

    Args:
        T: (N, N), the ordered Schur form.
        mask: (N, N) boolean, the block; it holds at least one nonzero entry.
        couplings: (N, N) boolean, all entries of N.
        kind: one of KINDS.
        n: how many.
        rng: source of randomness.

    Returns:
        (n, N, N), each with ‖ΔT‖_F = ‖T[mask]‖_F.

    Raises:
        ValueError: unknown kind, or a block without a nonzero entry.
    """
    block = T[mask]
    norm = np.linalg.norm(block)
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {KINDS}, got {kind!r}")
    if norm == 0:
        raise ValueError("the block is zero: there is no norm to match")
    drawn = np.zeros((n, *T.shape))
    if kind == "isotropic":
        drawn = rng.standard_normal(drawn.shape)
    elif kind == "same entries":
        drawn[:, mask] = rng.standard_normal((n, len(block)))
    elif kind == "shuffled":
        signs = rng.choice((-1.0, 1.0), (n, len(block)))
        drawn[:, mask] = signs * rng.permuted(np.tile(block, (n, 1)), axis=1)
    elif kind == "random basis":
        U = random_orthogonal(n, len(T), rng)
        drawn = U @ np.where(mask, U.mT @ T @ U, 0) @ U.mT
    else:
        drawn[:, couplings] = _random_entries(T[couplings], norm, n, rng)
        return drawn
    return drawn * (norm / np.linalg.norm(drawn, axis=(1, 2), keepdims=True))


def nulls(
    spec: Spec,
    net: Network,
    draws: int = 200,
    batch_size: int = 64,
    alpha: float = 0.9,
    removed: Sequence[str] = REMOVED,
) -> pd.DataFrame:
    """Removed blocks of a network beside random changes of the same norm.

    p = (1 + #{null at least as mild}) / (1 + draws), so that a small p says: the removal of this
    block does less harm than changes of its size do.

    Args:
        spec: what the network is; its task gives the trials, its seed the draws.
        net: the network.
        draws: random changes of each kind.
        batch_size: held-out trials, the same for all changes.
        alpha: splits the leading sector from its complement.
        removed: names of removed sets, such as "RR+CC".

    Returns:
        One row a removed set and kind: `removed`, `mass`, `kind`, `harm` of the block (accuracy lost,
        or FVU gained), `null_median`, `null_low` and `null_high` (5 % and 95 %), `p`, `p_harsher` (the
        same with "at least as harmful"), `effect` (Cliff's δ, 1 where every null does more harm),
        `draws`. Sets of a mass at rounding level have no rows: there is nothing to match.
    """
    task = spec.make_task()
    form = ordered_schur(net.W_hh)
    masks = form.couplings(alpha)
    couplings = masks["RR"] | masks["CR"] | masks["CC"]
    rng = np.random.default_rng([spec.seed, TASKS.index(spec.task)])
    whole = float(scores_of(net, task, net.W_hh[None], batch_size)[0])
    rows = []
    for name in removed:
        names = name.split("+")
        mass = form.removed_mass(names, alpha)
        if mass <= NEGLIGIBLE_MASS:
            continue
        mask = np.any([masks[block] for block in names], axis=0)
        done = harm_of(net, task, form.ablate(names, alpha)[None], whole, batch_size)[0]
        for kind in KINDS:
            dT = changes(form.T, mask, couplings, kind, draws, rng)
            harms = harm_of(net, task, form.Q @ (form.T - dT) @ form.Q.T, whole, batch_size)
            p, p_harsher = (
                (1 + int(np.sum(t))) / (1 + draws) for t in (harms <= done, harms >= done)
            )
            low, median, high = np.quantile(harms, (0.05, 0.5, 0.95))
            effect = dominance(harms, done)
            rows.append((name, mass, kind, done, median, low, high, p, p_harsher, effect, draws))
    columns = "removed mass kind harm null_median null_low null_high p p_harsher effect draws"
    return pd.DataFrame(rows, columns=columns.split())


def harm_of(
    net: Network, task: Task, matrices: np.ndarray, whole: float, batch_size: int
) -> np.ndarray:
    """How much worse copies of a network with other recurrent weights do their task.

    Args:
        net: the network.
        task: gives the held-out trials and the score.
        matrices: (K, N_h, N_h) in place of W_hh.
        whole: score of the network itself on the same trials.
        batch_size: held-out trials.

    Returns:
        (K,): accuracy lost (copy task) or FVU gained; negative where a change helps.
    """
    stack: Tensor = torch.from_numpy(matrices).to(net.W_hh)
    return harm(scores_of(net, task, stack, batch_size).numpy(), whole, task.score_name)


def harm(score, whole, metric: str):
    """Accuracy lost, or FVU gained, against the whole network; positive where it does worse."""
    return whole - score if metric == "replay_accuracy" else score - whole


def random_orthogonal(n, size, rng):
    """(n, size, size), uniformly distributed (Mezzadri, Notices AMS 54, 2007)."""
    Q, R = np.linalg.qr(rng.standard_normal((n, size, size)))
    return Q * np.sign(np.diagonal(R, axis1=-2, axis2=-1))[:, None, :]


def _random_entries(entries, norm, n, rng):
    """(n, m): entries in random order until their norm is reached, the last one in part."""
    drawn = np.zeros((n, len(entries)))
    for row in drawn:
        order = rng.permutation(len(entries))
        squares = np.cumsum(entries[order] ** 2)
        last = min(np.searchsorted(squares, norm**2), len(entries) - 1)
        row[order[:last]] = entries[order[:last]]
        before = squares[last - 1] if last else 0.0
        missing = np.sqrt(max(norm**2 - before, 0))
        row[order[last]] = np.copysign(missing, entries[order[last]])
    return drawn
