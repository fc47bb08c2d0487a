"""What small random changes of W do to its blocks and to the harm of ablating them."""

import numpy as np
import pandas as pd
from scipy.linalg import subspace_angles

from schur_lib.schur import COUPLINGS, OrderedSchur, ordered_schur, random_changes
from schur_lib.subjects import Evaluation

SIZE = 1e-3  # of a small change, relative to ‖W‖_F (our choice)


def perturbations(
    trials: Evaluation, draws: int = 10, size: float = SIZE, alpha: float = 0.9, seed=0
) -> pd.DataFrame:
    """Small isotropic changes of W, ‖ΔW‖_F = size · ‖W‖_F, and what becomes of each block.

    Args:
        trials: the network on some trials.
        draws: small changes.
        size: of each, over ‖W‖_F.
        alpha: splits the leading sector from its complement, in (0, 1].
        seed: of the changes; see `draws_of`.

    Returns:
        One row a draw, −1 for the network as it is, with the blocks cut at its n_R: `draw`, `n_leading`
        (the changed W cut anew), `RR`, `CR`, `CC`, `subspace`, `entries` (see `moved`), `score`,
        `score_RR`, `score_CR`, `score_CC` (the score, and how ablating a block changes it, each minus
        that of the network as it is); with the blocks cut anew: `mass_RR`, …, and `harm_RR`, … of
        ablating each.
    """
    form, W = trials.form, trials.W_hh.numpy()
    n = form.n_leading(alpha)
    changes = random_changes(draws, size * np.linalg.norm(W), len(W), draws_of(seed))
    rows = []
    for draw, V in enumerate([W, *(W + change for change in changes)], start=-1):
        other = form if draw < 0 else ordered_schur(V)
        cut = other.n_leading(alpha)
        ablated = [[other.ablate({name}, n=k) for name in COUPLINGS] for k in (n, cut)]
        score, *scores = trials.scores([V, *ablated[0]]).tolist()
        anew = scores if cut == n else trials.scores(ablated[1]).tolist()
        row = {"draw": draw, "n_leading": cut, **moved(form, other, n), "score": score}
        row |= {f"score_{name}": s - score for name, s in zip(COUPLINGS, scores, strict=True)}
        masks = other.couplings(n=cut)
        row |= {f"mass_{name}": other.mass(masks[name]) for name in COUPLINGS}
        harms = [trials.metric.harm(s, score) for s in anew]
        rows.append(row | {f"harm_{name}": h for name, h in zip(COUPLINGS, harms, strict=True)})
    table = pd.DataFrame(rows)
    relative = ["score", *(f"score_{name}" for name in COUPLINGS)]
    table[relative] -= table.loc[0, relative]
    return table


def steadiness(table: pd.DataFrame) -> pd.DataFrame:
    """How far each block's mass and harm, and n_R, vary under small changes.

    Args:
        table: from `perturbations`, of one network.

    Returns:
        One row a block: `removed`, `mass`, `mass_low`, `mass_high`, `harm`, `harm_low`, `harm_high` (the
        network as it is; lowest and highest, itself among them), and `n_low`, `n_high` of n_R.
    """
    rows = []
    for name in COUPLINGS:
        row = {"removed": name}
        for column in ("mass", "harm"):
            values = table[f"{column}_{name}"]
            row[column] = values.iloc[0]
            row |= {f"{column}_low": values.min(), f"{column}_high": values.max()}
        rows.append(row | {"n_low": table.n_leading.min(), "n_high": table.n_leading.max()})
    return pd.DataFrame(rows)


def moved(form: OrderedSchur, other: OrderedSchur, n: int) -> dict[str, float]:
    """How far the parts of a Schur form are from those of another one, such as that of a changed W.

    Args:
        form: ordered real Schur form.
        other: of the same size.
        n: dimensions of R in both.

    Returns:
        {"RR", "CR", "CC": relative change of the block's Frobenius norm (NaN for an empty block),
        "subspace": largest angle between the leading subspaces, in radians,
        "entries": ‖|N| − |N'|‖_F / ‖N‖_F, N the entries above the diagonal blocks: signs are
        left out because they are arbitrary}.
    """
    masks, theirs, change = form.couplings(n=n), other.couplings(n=n), {}
    for name in COUPLINGS:
        norm, new = np.linalg.norm(form.T[masks[name]]), np.linalg.norm(other.T[theirs[name]])
        change[name] = abs(new / norm - 1) if norm > 0 else np.nan
    change["subspace"] = float(subspace_angles(form.Q[:, :n], other.Q[:, :n]).max())
    here, there = (np.where(f.above, np.abs(f.T), 0) for f in (form, other))
    norm = np.linalg.norm(here)
    change["entries"] = float(np.linalg.norm(here - there) / norm) if norm > 0 else np.nan
    return change


def draws_of(seed) -> np.random.Generator:
    """Random numbers of a network's own seed alone: the same draws whatever its task.

    Args:
        seed: int, or (seed of the network, number of its task).
    """
    return np.random.default_rng(np.ravel(seed)[0])
