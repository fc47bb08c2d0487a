"""ε-stabilisers: the largest sets of couplings that a network can lose at once.

A set S of entries of N is one if the network without them is at most ε worse (paper, section 2). The
paper asks it of blocks. Here also of groups (all that couples two eigenvalue blocks of T, up to four
entries; they do not depend on how a 2×2 block is turned) and of single entries of T, which are only
defined up to such turns and move under small changes of W. Blocks are searched exactly; groups and
entries greedily, so that their sets are large, not provably the largest. The search sees one set of
trials, the check another.
"""

import numpy as np
import pandas as pd
import torch

from schur_lib.schur import COUPLINGS, SUBSETS, OrderedSchur, label, ordered_schur
from schur_lib.subjects import Evaluation, interval

KINDS = ("blocks", "groups", "entries")
# Our choice: an accurate network makes so few errors that a share of them means nothing.
ACCURACY_LOST = 0.005
# Our choice: a greedy search tries thousands of sets and so finds some that are harmless by luck of the
# trials; it counts this many standard errors over trials as harm.
CAUTION = 2.0


def stabilisers(
    chosen_on: Evaluation,
    held_out: Evaluation,
    tolerance: float = 0.05,
    absolute: float | None = None,
    alpha: float = 0.9,
    kinds=KINDS,
) -> pd.DataFrame:
    """The largest sets of couplings that can go within a tolerance, checked on other trials.

    Args:
        chosen_on: the network on the trials that choose the sets.
        held_out: the same network on others.
        tolerance, absolute: see `allowed_harm`.
        alpha: splits the leading sector from its complement, in (0, 1].
        kinds: of "blocks", "groups" and "entries".

    Returns:
        One row a kind: `kind`, `removed` (the blocks; "" elsewhere), `n_RR`, `n_CR`, `n_CC` (entries
        removed of each block), `share` (of all entries of N), `mass` ‖ΔT‖_F/‖T‖_F, `allowed` (harm, in
        units of the metric), `harm`, and on the held-out trials `held_out_allowed`, `held_out_harm`
        with a 95 % bootstrap over trials in `low` and `high`, `holds` (held-out harm within what is
        allowed there), `metric`.

    Raises:
        ValueError: the evaluations are of different matrices or metrics, or an argument is unknown.
    """
    if not torch.equal(chosen_on.W_hh, held_out.W_hh) or chosen_on.metric != held_out.metric:
        raise ValueError("chosen_on and held_out must be of one network and one metric")
    form = ordered_schur(chosen_on.W_hh)
    masks, rows = form.couplings(alpha), []
    n_all = sum(int(mask.sum()) for mask in masks.values())
    for kind in kinds:
        mask = stabiliser(chosen_on, kind, tolerance, absolute, alpha)
        harm, allowed = _harms(chosen_on, form, mask, tolerance, absolute)
        held_harm, held_allowed = _harms(held_out, form, mask, tolerance, absolute)
        low, high = interval(held_harm) if mask.any() else (0.0, 0.0)
        counts = {f"n_{name}": int((mask & masks[name]).sum()) for name in COUPLINGS}
        blocks = {name for name in COUPLINGS if masks[name].any() and mask[masks[name]].all()}
        rows.append(
            {
                "kind": kind,
                "removed": label(blocks) if kind == "blocks" else "",
                **counts,
                "share": mask.sum() / n_all if n_all else 0.0,
                "mass": _mass(form, mask),
                "allowed": allowed,
                "harm": float(harm.mean()),
                "held_out_allowed": held_allowed,
                "held_out_harm": float(held_harm.mean()),
                "low": low,
                "high": high,
                "holds": bool(held_harm.mean() <= held_allowed),
                "metric": chosen_on.metric,
            }
        )
    return pd.DataFrame(rows)


def stabiliser(
    trials: Evaluation,
    kind: str = "blocks",
    tolerance: float = 0.05,
    absolute: float | None = None,
    alpha: float = 0.9,
) -> np.ndarray:
    """A set of couplings that can go within a tolerance on some trials, as large as it is found.

    Blocks: of the eight subsets, the one of largest Schur mass. Groups and entries: each is removed
    alone; then, in order of harm per squared mass, they are removed together, in runs that halve where
    too much and double where they may go, and what may not go even alone at its turn is left in. There
    two standard errors over trials are added to the harm, so that the set does not live on luck.

    Args:
        trials: the network on the trials that choose.
        kind: "blocks", "groups" or "entries".
        tolerance, absolute: see `allowed_harm`.
        alpha: splits the leading sector from its complement; used for blocks.

    Returns:
        (N, N) boolean, in Schur coordinates: the entries of T that go.

    Raises:
        ValueError: unknown kind, or a bad tolerance or alpha.
    """
    form = ordered_schur(trials.W_hh)
    (whole,) = trials.trial_scores([trials.W_hh]).numpy()
    allowed = allowed_harm(trials, float(whole.mean()), tolerance, absolute)
    sign = -1.0 if trials.higher_is_better else 1.0

    def harm(masks, caution=0.0):
        matrices = (_without(form, mask) for mask in masks)
        each = sign * (trials.trial_scores(matrices).numpy() - whole)
        error = each.std(1, ddof=1) / len(whole) ** 0.5 if len(whole) > 1 else 0.0
        return each.mean(1) + caution * error

    none = np.zeros(form.T.shape, dtype=bool)
    if kind == "blocks":
        masks = form.couplings(alpha)
        sets = [sum((masks[name] for name in s), none) for s in SUBSETS]
        may_go = [mask for mask, h in zip(sets, harm(sets), strict=True) if h <= allowed]
        return max(may_go, key=lambda mask: (_mass(form, mask), mask.sum()), default=none)
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {KINDS}, got {kind!r}")
    units = _groups(form) if kind == "groups" else _entries(form)
    alone = harm(_with(none, unit) for unit in units)
    squared = np.array([np.square(form.T[unit]).sum() for unit in units])
    order = np.argsort(alone / np.maximum(squared, np.finfo(float).tiny), kind="stable")
    removed, at, size = none, 0, len(units)
    while at < len(units):
        more = removed
        for k in order[at : at + size]:
            more = _with(more, units[k])
        if harm([more], CAUTION)[0] <= allowed:
            removed, at, size = more, at + size, 2 * size
        elif size > 1:
            size //= 2
        else:
            at += 1
    return removed


def allowed_harm(
    trials: Evaluation, whole: float, tolerance: float = 0.05, absolute: float | None = None
) -> float:
    """How much worse a network may become: max(tolerance · error, absolute).

    Args:
        trials: gives the metric. The error is the score, or 1 − score of an accuracy.
        whole: the score of the whole network.
        tolerance: relative increase of the error, ≥ 0.
        absolute: change of the score that is allowed in any case, ≥ 0; None: 0.005 for accuracies
            (our choice), 0 for other metrics. Needed for a function of one's own where more is better.

    Returns:
        float, in units of the metric.

    Raises:
        ValueError: a negative number, or no absolute where it is needed.
    """
    accuracy = trials.metric in ("accuracy", "replay_accuracy")
    if absolute is None and trials.higher_is_better and not accuracy:
        raise ValueError(
            f"the error of {trials.metric!r}, of which more is better, is unknown: give absolute"
        )
    absolute = absolute if absolute is not None else ACCURACY_LOST if accuracy else 0.0
    if not (tolerance >= 0 and absolute >= 0):
        raise ValueError(f"tolerance and absolute must be ≥ 0, got {tolerance!r}, {absolute!r}")
    error = 1 - whole if accuracy else 0.0 if trials.higher_is_better else whole
    return max(tolerance * error, absolute)


def _harms(trials, form, mask, tolerance, absolute):
    """Harm of each trial, and what is allowed on average."""
    whole, without = trials.trial_scores([trials.W_hh, _without(form, mask)])
    allowed = allowed_harm(trials, float(whole.mean()), tolerance, absolute)
    return (whole - without if trials.higher_is_better else without - whole), allowed


def _without(form, mask):
    return torch.from_numpy(form.Q @ np.where(mask, 0.0, form.T) @ form.Q.T)


def _mass(form, mask):
    return float(np.linalg.norm(form.T[mask]) / (np.linalg.norm(form.T) or 1))


def _with(mask, unit):
    more = mask.copy()
    more[unit] = True
    return more


def _groups(form: OrderedSchur):
    """The entries between each two eigenvalue blocks, as index pairs."""
    slices = [slice(a, b) for a, b in zip(form.blocks, form.blocks[1:], strict=False)]
    return [(slices[i], slices[j]) for i in range(len(slices)) for j in range(i + 1, len(slices))]


def _entries(form: OrderedSchur):
    masks = form.couplings()
    return [tuple(entry) for entry in np.argwhere(masks["RR"] | masks["CR"] | masks["CC"])]
