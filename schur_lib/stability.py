"""ε-stabilisers: the largest sets of couplings that a network can lose at once.

A set S of entries of N is one if the network without them is at most ε worse (paper, section 2). The paper asks
it of blocks. Here also of groups (all that couples two eigenvalue blocks of T, up to four entries; they do not
depend on how a 2×2 block is turned) and of single entries of T, which are only defined up to such turns and move
under small changes of W. Blocks are searched exactly; groups and entries greedily, so that their sets are large,
not provably the largest. The search sees one set of trials, the check another.
"""

import functools
import itertools
from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from schur_lib.intervals import interval
from schur_lib.schur import COUPLINGS, SUBSETS, Mask, label
from schur_lib.subjects import Evaluation

KINDS = ("blocks", "groups", "entries")
# Our choice: a greedy search tries thousands of sets and so finds some that are harmless by luck of the
# trials; it counts this many standard errors over trials as harm.
CAUTION = 2.0


def stabilisers(
    chosen_on: Evaluation,
    held_out: Evaluation,
    tolerance: float = 0.05,
    absolute: float | None = None,
    alpha: float = 0.9,
    kinds: Sequence[str] = KINDS,
) -> pd.DataFrame:
    """The largest sets of couplings that can go within a tolerance, checked on other trials.

    Args:
        chosen_on: the network on the trials that choose the sets.
        held_out: the same network on others.
        tolerance, absolute: see `allowed_harm`.
        kinds: of "blocks", "groups" and "entries".
    Returns:
        One row a kind: `kind`, `removed` (the blocks; "" elsewhere), `n_RR`, `n_CR`, `n_CC` (entries removed of
        each block), `share` (of all entries of N), `mass` ‖ΔT‖_F/‖T‖_F, `allowed` (harm, in units of the metric),
        `harm`, and on the held-out trials `held_out_allowed`, `held_out_harm` with a 95 % bootstrap over trials
        in `low` and `high`, `holds` (held-out harm within what is allowed there), `metric`.
    Raises:
        ValueError: the evaluations are of different matrices or metrics, or an argument is unknown.
    """
    if not torch.equal(chosen_on.W_hh, held_out.W_hh) or chosen_on.metric.name != held_out.metric.name:
        raise ValueError("chosen_on and held_out must be of one network and one metric")
    form = chosen_on.form
    masks, rows = form.couplings(alpha), []
    n_all = sum(int(mask.sum()) for mask in masks.values())
    for kind in kinds:
        mask = stabiliser(chosen_on, kind, tolerance, absolute, alpha)
        harm, allowed = _harms(chosen_on, form, mask, tolerance, absolute)
        held_harm, held_allowed = _harms(held_out, form, mask, tolerance, absolute)
        low, high = interval(held_harm) if mask.any() else (0.0, 0.0)
        counts = {f"n_{name}": int((mask & masks[name]).sum()) for name in COUPLINGS}
        blocks = {name for name in COUPLINGS if masks[name].any() and mask[masks[name]].all()}
        on_others, share = float(held_harm.mean()), mask.sum() / n_all if n_all else 0.0
        row = {"kind": kind, "removed": label(blocks) if kind == "blocks" else "", **counts, "share": share}
        row |= {"mass": form.mass(mask), "allowed": allowed, "harm": float(harm.mean())}
        row |= {"held_out_allowed": held_allowed, "held_out_harm": on_others, "low": low, "high": high}
        rows.append(row | {"holds": on_others <= held_allowed, "metric": chosen_on.metric.name})
    return pd.DataFrame(rows)


def stabiliser(
    trials: Evaluation,
    kind: str = "blocks",
    tolerance: float = 0.05,
    absolute: float | None = None,
    alpha: float = 0.9,
) -> Mask:
    """A set of couplings that can go within a tolerance on some trials, as large as it is found.

    Blocks: of the eight subsets, the one of largest Schur mass. Groups and entries: each is removed
    alone; then, in order of harm per squared mass, they are removed together, in runs that halve where
    too much and double where they may go, and what may not go even alone at its turn is left in. There
    two standard errors over trials are added to the harm, so that the set does not live on luck.

    Args:
        trials: the network on the trials that choose.
        kind: "blocks", "groups" or "entries".
        tolerance, absolute: see `allowed_harm`.
        alpha: where R ends; for blocks alone.
    Returns:
        (N, N) boolean, in Schur coordinates: the entries of T that go.
    """
    form = trials.form
    (intact,) = trials.trial_scores([trials.W_hh]).numpy()
    allowed = allowed_harm(trials, tolerance, absolute)

    def harm(masks, caution=0.0):
        scores = trials.trial_scores(form.without(mask) for mask in masks)
        each = trials.metric.harm(scores.numpy(), intact)
        error = each.std(1, ddof=1) / len(intact) ** 0.5 if len(intact) > 1 else 0.0
        return each.mean(1) + caution * error

    none = np.zeros(form.T.shape, dtype=bool)
    if kind == "blocks":
        sets = [form.mask(s, alpha) for s in SUBSETS]
        may_go = [mask for mask, h in zip(sets, harm(sets), strict=True) if h <= allowed]
        return max(may_go, key=lambda mask: (form.mass(mask), mask.sum()), default=none)
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {KINDS}, got {kind!r}")
    if kind == "groups":  # all between two eigenvalue blocks
        slices = [slice(a, b) for a, b in itertools.pairwise(form.blocks)]
        units = list(itertools.combinations(slices, 2))
    else:
        units = [tuple(entry) for entry in np.argwhere(form.above)]
    alone = harm(_with(none, unit) for unit in units)
    squared = np.array([np.square(form.T[unit]).sum() for unit in units])
    order = np.argsort(alone / np.maximum(squared, np.finfo(float).tiny), kind="stable")
    removed, at, size = none, 0, len(units)
    while at < len(units):
        more = functools.reduce(_with, (units[k] for k in order[at : at + size]), removed)
        if harm([more], CAUTION)[0] <= allowed:
            removed, at, size = more, at + size, 2 * size
        elif size > 1:
            size //= 2
        else:
            at += 1
    return removed


def allowed_harm(trials: Evaluation, tolerance: float = 0.05, absolute: float | None = None) -> float:
    """How much worse a network may become, in units of the metric: max(tolerance · error, absolute).

    Args:
        trials: the network; its error is the score, or 1 − score of an accuracy.
        tolerance: relative increase of the error, ≥ 0.
        absolute: change of the score that is allowed in any case, ≥ 0; None: what the metric allows,
            0.005 for accuracies, 0 for others. Needed for a function of one's own where more is better.
    Raises:
        ValueError: a negative number, or no absolute where it is needed.
    """
    metric = trials.metric
    if absolute is None and metric.higher_is_better and metric.perfect is None:
        raise ValueError(f"the error of {metric.name!r}, of which more is better, is unknown: give absolute")
    absolute = metric.allowed if absolute is None else absolute
    if not (tolerance >= 0 and absolute >= 0):
        raise ValueError(f"tolerance and absolute must be ≥ 0, got {tolerance!r}, {absolute!r}")
    # A function of one's own is its own error where less is better, and has none where more is.
    unknown = 0.0 if metric.higher_is_better else trials.intact
    return max(tolerance * (unknown if metric.perfect is None else trials.error), absolute)


def _harms(trials, form, mask, tolerance, absolute):
    """Harm of each trial, and what is allowed on average."""
    intact, without = trials.trial_scores([trials.W_hh, form.without(mask)])
    return trials.metric.harm(without, intact), allowed_harm(trials, tolerance, absolute)


def _with(mask, unit):
    more = mask.copy()
    more[unit] = True
    return more
