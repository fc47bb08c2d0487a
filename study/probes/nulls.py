"""Is it the structure or the size? Random changes of the weights as large as a removed block.

Five kinds of change, each of exactly the Frobenius norm of the removed block ΔT:

    isotropic         a Gaussian matrix
    same entries      Gaussian numbers where the block stands in T
    shuffled          the block's own entries, permuted among its places and with random signs
    random basis      the same mask in a random orthogonal basis U: what it holds of UᵀTU, rescaled
    random couplings  a random choice of entries of N, removed as the block is; the last one in part

All but the isotropic change and that in a random basis are strictly above the diagonal blocks of T
and so keep the spectrum, as the removal of the block does.

Throughout, α splits the leading sector from its complement.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from schur_lib.metrics import NEGLIGIBLE_MASS
from schur_lib.schur import SUBSETS, Mask, Matrix, OrderedSchur, label, random_changes
from schur_lib.subjects import Evaluation
from study.statistics import dominance

KINDS = ("isotropic", "same entries", "shuffled", "random basis", "random couplings")
KEEP_SPECTRUM = ("same entries", "shuffled", "random couplings")
REMOVED = tuple(label(s) for s in SUBSETS if s)
RESOLUTION = float(np.finfo(np.float32).eps)  # of a score: networks run in float32


def matched_nulls(
    trials: Evaluation,
    draws: int = 200,
    removed: Sequence[str] = REMOVED,
    kinds: Sequence[str] = KINDS,
    alpha: float = 0.9,
    seed: int | Sequence[int] = 0,
) -> pd.DataFrame:
    """Removed sets of couplings beside random changes of the same norm.

    p = (1 + #{null at least as mild}) / (1 + draws), so that a small p says: the removal of this
    set does less harm than changes of its size do.

    Args:
        trials: the network on some trials, the same for all changes.
        draws: random changes of each kind.
        removed: names of removed sets, such as "RR+CC".
        kinds: of the changes, some of KINDS; they are drawn in this order.
        alpha: in (0, 1].
        seed: of the changes.

    Returns:
        One row a removed set and kind: `removed`, `mass`, `kind`, `error` of the intact network, `harm` of the
        removal in units of the metric, `null_median`, `null_low` and `null_high` (5 % and 95 %), `p`,
        `p_harsher` (the same with "at least as harmful"), `effect` (Cliff's δ, 1 where every null does more
        harm), `draws`. Sets of a mass at rounding level have no rows: there is nothing to match.

    Raises:
        ValueError: an unknown kind or set, or a bad alpha.
    """
    form, rng, rows = trials.form, np.random.default_rng(seed), []
    for name in removed:
        mask = form.mask(name.split("+"), alpha)
        mass = form.mass(mask)
        if mass <= NEGLIGIBLE_MASS:
            continue
        done = trials.harms([form.without(mask)])[0]
        for kind in kinds:
            dT = changes(form, mask, kind, draws, rng)
            harms = trials.harms(form.Q @ (form.T - dT) @ form.Q.T)
            # A draw can be the removal itself but for rounding, and counts as equal.
            ties = np.isclose(harms, done, rtol=RESOLUTION, atol=RESOLUTION * abs(trials.intact))
            harms = np.where(ties, done, harms)
            p, p_harsher = ((1 + int(np.sum(t))) / (1 + draws) for t in (harms <= done, harms >= done))
            low, median, high = _quantiles(harms, (0.05, 0.5, 0.95))
            effect = dominance(harms, done)
            rows.append((name, mass, kind, trials.error, done, median, low, high, p, p_harsher, effect, draws))
    columns = "removed mass kind error harm null_median null_low null_high p p_harsher effect draws"
    return pd.DataFrame(rows, columns=columns.split())


def changes(form: OrderedSchur, mask: Mask, kind: str, n: int, rng: np.random.Generator) -> Matrix:
    """Random changes ΔT of the norm of a removed block, in Schur coordinates: T̃ = T − ΔT.

    Args:
        form: of the matrix.
        mask: (N, N) boolean, the block; it holds at least one nonzero entry.
        kind: one of KINDS.
        n: how many.
        rng: source of randomness.

    Returns:
        (n, N, N), each with ‖ΔT‖_F = ‖T[mask]‖_F.

    Raises:
        ValueError: unknown kind, or a block without a nonzero entry.
    """
    T, block = form.T, form.T[mask]
    norm = float(np.linalg.norm(block))
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {KINDS}, got {kind!r}")
    if norm == 0:
        raise ValueError("the block is zero: there is no norm to match")
    if kind == "isotropic":
        return random_changes(n, norm, len(T), rng)
    drawn = np.zeros((n, *T.shape))
    if kind == "random couplings":
        drawn[:, form.above] = _random_entries(T[form.above], norm, n, rng)
        return drawn
    if kind == "same entries":
        drawn[:, mask] = rng.standard_normal((n, len(block)))
    elif kind == "shuffled":
        signs = rng.choice((-1.0, 1.0), (n, len(block)))
        drawn[:, mask] = signs * rng.permuted(np.tile(block, (n, 1)), axis=1)
    else:
        U = random_orthogonal(n, len(T), rng)
        drawn = U @ np.where(mask, U.mT @ T @ U, 0) @ U.mT
    return drawn * (norm / np.linalg.norm(drawn, axis=(1, 2), keepdims=True))


def beside_random_changes(
    trials: Evaluation, draws: int = 20, alpha: float = 0.9, seed: int | Sequence[int] = 0
) -> pd.DataFrame:
    """The mildest block ablated, beside isotropic random changes of the same norm.

    The block is the one with some Schur mass whose ablation does least harm.

    Args:
        trials: the network on some trials.
        draws: random changes.
        alpha: in (0, 1].
        seed: of the changes; of several numbers the first, which is the network's.

    Returns:
        One row a change: `removed` ("" for the intact network, the block, "random"), `draw`,
        `mass`, `score`, `metric`. The intact network alone where no block holds mass.

    Raises:
        ValueError: a bad alpha.
    """
    form = trials.form
    masks = {b: mask for b, mask in form.couplings(alpha).items() if form.mass(mask) > NEGLIGIBLE_MASS}
    scores = trials.scores(form.without(mask) for mask in masks.values()).numpy()
    rows = [("", 0, 0.0, trials.intact)]
    if masks:
        i = int(np.argmin(trials.metric.harm(scores, trials.intact)))
        block, mask = list(masks.items())[i]
        rng = np.random.default_rng(np.ravel(seed)[0])
        drawn = random_changes(draws, float(np.linalg.norm(form.T[mask])), len(form.T), rng)
        drawn = trials.scores(trials.W_hh.numpy() + dW for dW in drawn).tolist()
        mass = form.mass(mask)
        rows.append((block, 0, mass, float(scores[i])))
        rows += [("random", n, mass, score) for n, score in enumerate(drawn)]
    table = pd.DataFrame(rows, columns=["removed", "draw", "mass", "score"])
    return table.assign(metric=trials.metric.name)


def random_orthogonal(n: int, size: int, rng: np.random.Generator) -> Matrix:
    """(n, size, size), uniformly distributed (Mezzadri, Notices AMS 54, 2007)."""
    Q, R = np.linalg.qr(rng.standard_normal((n, size, size)))
    return Q * np.sign(np.diagonal(R, axis1=-2, axis2=-1))[:, None, :]


def _quantiles(values, q):
    """Between two draws in proportion, but for infinite ones, between which there is nothing: the nearer."""
    with np.errstate(invalid="ignore"):
        between = np.quantile(values, q)
    return np.where(np.isfinite(between), between, np.quantile(values, q, method="nearest"))


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
