"""The nine claims of the paper, each with the tests that decide it.

A claim is a few parts, each a number with a bootstrap interval over networks and a limit; a part holds
where the whole interval is on the right side of the limit. A claim is reproduced if all parts hold,
partly if some do, not reproduced if none does. It cannot be judged on fewer than three networks that
solve the task. Limits are our choice, except where a criterion says that the paper prints them.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from schur_lib.metrics import FVU, METRICS, NEGLIGIBLE_MASS, REPLAY_ACCURACY
from schur_lib.schur import COUPLINGS
from schur_lib.tasks import TASKS
from study.statistics import NETWORK, interval

VERDICTS = ("reproduced", "partly", "not reproduced", "cannot be judged")
CLAIMS = {
    1: "Copy task, dense orthogonal: deleting $T_{CC}$ preserves the replay, alone and given other deletions",
    2: "There, without $T_{CR}$ the accuracy is much lower, without $T_{RR}$ intermediate",
    3: "Cayley: the couplings are negligible, and no deletion changes the accuracy",
    4: "The copy profile does not depend on $\\alpha$ within 0.85–0.95",
    5: "Flip-flop: $T_{CR}$ matters most in raw ΔFVU, then $T_{CC}$; $T_{RR}$ has almost no effect",
    6: "Sine: $T_{CC}$ and $T_{CR}$ destroy the output; $S_{ΔT}$ is largest for $T_{CR}$; $T_{RR}$ does little",
    7: "Context-dependent integration: $T_{CC}$ dominates $T_{CR}$ in raw ΔFVU",
    8: "No single block is uniformly safe to delete: it depends on the task and on the trained network",
    9: "Changes of similar scale can destroy what a structured change preserves (copy task, $T_{CC}$)",
}
FEWEST = 3
EPSILON = 0.05
# The error of an answer that knows nothing; of these two it does not depend on the targets.
CHANCE = {m.name: m.error(m.chance(None, 1)) for m in (FVU, REPLAY_ACCURACY)}
# An error below this share of chance counts as this share, so that "5 % more" of nothing is something.
FLOOR = 0.01
# The largest error of a network that solves its task.
SOLVED = {"fvu": 0.05, "replay_accuracy": 0.01}


class Part(NamedTuple):
    """One test of a claim: `value` with its 95 % interval `low` to `high` over `n` networks."""

    test: str
    statistic: str
    criterion: str
    value: float
    low: float
    high: float
    n: int
    holds: bool


class Claim(NamedTuple):
    """A claim of the paper with its parts and its verdict, one of VERDICTS."""

    number: int
    claim: str
    parts: tuple[Part, ...]
    verdict: str


def judge(number: int, *parts: Part) -> Claim:
    """The verdict: reproduced if all parts hold, partly if some do, not reproduced if none does."""
    held = sum(part.holds for part in parts)
    verdict = VERDICTS[0 if held == len(parts) else 1 if held else 2]
    return Claim(number, CLAIMS[number], parts, verdict)


def decisive(claim: Claim) -> Part:
    """The part that decides the verdict: the first that fails, or the first where all hold."""
    return next((part for part in claim.parts if not part.holds), claim.parts[0])


def as_table(claims: list[Claim]) -> pd.DataFrame:
    """One row a part: `claim` (its number), the fields of the part (`holds` yes or no), `verdict`."""
    rows = [
        {
            "claim": claim.number,
            **part._asdict(),
            "holds": "yes" if part.holds else "no",
            "verdict": claim.verdict,
        }
        for claim in claims
        for part in claim.parts
    ]
    return pd.DataFrame(rows)


def as_text(claims: list[Claim], every_part: bool = True) -> pd.DataFrame:
    """The claims for `study.words.show`: each part, or the decisive one of each claim, in words.

    Args:
        claims: as judged.
        every_part: one row a part; otherwise one row a claim, with its statement and verdict.
    """
    rows = []
    for claim in claims:
        for part in claim.parts if every_part else [decisive(claim)]:
            held = sum(p.holds for p in claim.parts)
            rows.append(
                {
                    "claim": f"{claim.number}" if every_part else f"{claim.number}. {claim.claim}",
                    "test": f"{part.test} ({part.statistic})",
                    "value": _digits(part.value),
                    "95 % interval": f"{_digits(part.low)} to {_digits(part.high)}",
                    "n": part.n,
                    "holds if": part.criterion,
                    **(
                        {"holds": "yes" if part.holds else "no"}
                        if every_part
                        else {"tests that hold": f"{held} of {len(claim.parts)}"}
                    ),
                    "verdict": claim.verdict,
                }
            )
    return pd.DataFrame(rows)


def _digits(value):
    """Three significant digits, four decimals at most: what is smaller may differ between machines."""
    if np.isnan(value):
        return "–"
    if abs(value) < 5e-5:
        return "0" if value == 0 else "< 0.0001"
    decimals = int(np.clip(2 - np.floor(np.log10(abs(value))), 0, 4))
    return f"{value:.{decimals}f}".replace("-", "−")


def above(test: str, values, limit: float, statistic: str = "median") -> Part:
    """A part that holds where the whole interval is above a limit.

    Args:
        test: what the values are.
        values: (n,), one a network.
        limit: in the unit of the values.
        statistic: "mean", "median" or "share" (of true values).
    """
    return _part(test, values, limit, statistic, "above")


def at_most(test: str, values, limit: float, statistic: str = "median", whose="") -> Part:
    """A part that holds where the whole interval is at or below a limit; see `above`."""
    return _part(test, values, limit, statistic, "at most", whose)


def _part(test, values, limit, statistic, side, whose=""):
    values = np.asarray(values, dtype=float)
    function = np.median if statistic == "median" else np.mean
    low, high = interval(function, values)
    holds = low > limit if side == "above" else high <= limit
    criterion = f"{side} {np.format_float_positional(limit, trim='-')}"
    criterion += f" ({whose})" if whose else ""
    return Part(test, statistic, criterion, float(function(values)), low, high, len(values), bool(holds))


def error(table: pd.DataFrame) -> pd.Series:
    """The error of every row, its distance from a perfect score: FVU, or 1 − replay accuracy."""
    scores = zip(table.metric, table.score, strict=True)
    return pd.Series([METRICS[metric].error(score) for metric, score in scores], table.index)


def solving(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of the networks that solve their task whole: accuracy ≥ 0.99, FVU ≤ 0.05."""
    whole = table[table.removed == ""]
    good = whole[error(whole) <= whole.metric.map(SOLVED)][NETWORK].drop_duplicates()
    return table.merge(good, on=NETWORK)


def increase(table: pd.DataFrame, floor: float = FLOOR) -> pd.DataFrame:
    """How much the deletion of each block raises the error of each network, in relative terms.

    (e_ablated − e_full) / max(e_full, floor · e_chance): 0.05 is 5 % more error. The floor, our choice,
    matters where a network makes almost no error, so that a single bit would count as a large increase.

    Args:
        table: `task` … `seed`, `removed`, `mass`, `score`, `metric`, of whole networks and single blocks.
        floor: share of the chance error (FVU 1, replay error 0.5).

    Returns:
        The rows of single blocks with `error` (of the whole network), `rise` of the error, `increase`
        (rise in relative terms) and `no_mass` (the block is empty: deleting it is no change).
    """
    full = table[table.removed == ""].assign(error=error)[[*NETWORK, "error"]]
    blocks = table[table.removed.isin(COUPLINGS)].merge(full, on=NETWORK)
    base = np.maximum(blocks.error, floor * blocks.metric.map(CHANCE))
    rise = error(blocks) - blocks.error
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.where(rise == 0, 0.0, rise / base)
    no_mass = blocks.mass <= NEGLIGIBLE_MASS
    return blocks.assign(rise=rise, increase=relative, no_mass=no_mass)


def dispensable(table: pd.DataFrame, epsilon: float = EPSILON, floor: float = FLOOR) -> pd.DataFrame:
    """Which blocks each network can do without: its error rises by at most ε, and the block holds mass.

    Returns:
        (networks, 3) boolean, columns RR, CR, CC, indexed by task, construction, hidden_size, seed.
    """
    rows = increase(table, floor)
    rows["can_go"] = (rows.increase <= epsilon) & ~rows.no_mass
    wide = rows.pivot(index=NETWORK, columns="removed", values="can_go")
    return wide.reindex(columns=list(COUPLINGS)).astype(bool)


def beside_random(changes: pd.DataFrame) -> pd.DataFrame:
    """Harm of the mildest block and of random changes of its size, one row a network.

    Args:
        changes: from `study.probes.nulls.beside_random_changes`, of several networks.

    Returns:
        `task` … `seed`, `removed` (the block), `mass`, `metric`, `full` (error of the whole network),
        `block` and `random` (rise of the error: of the block, median of the draws), `as_mild` (share
        of the draws that raise it no more than the block does).
    """
    rows = []
    for key, part in changes.groupby(NETWORK, sort=False):
        errors = error(part)
        is_draw = part.removed == "random"
        is_block = part.removed.isin(COUPLINGS)
        if not is_draw.any():
            continue
        full = float(errors[part.removed == ""].iloc[0])
        block, draws = float(errors[is_block].iloc[0]) - full, errors[is_draw] - full
        first = part[is_block].iloc[0]
        rows.append(
            (
                *key,
                first.removed,
                first.mass,
                first.metric,
                full,
                block,
                float(draws.median()),
                float((draws <= block).mean()),
            )
        )
    columns = [*NETWORK, "removed", "mass", "metric", "full", "block", "random", "as_mild"]
    return pd.DataFrame(rows, columns=columns)


def claim_1(table: pd.DataFrame) -> Claim:
    """Copy, dense orthogonal: deleting T_CC changes nothing, alone and given other deletions.

    Args:
        table: profiles of all eight subsets (`study.probes.profiles`); other networks are ignored.
    """
    table, cannot = _judged_on(1, table, "copy", "dense_orthogonal")
    if cannot:
        return cannot
    score = _wide(table, "score")
    alone = (score["CC"] - score[""]).abs()
    given = pd.concat(
        [(score[f"{one}+CC"] - score[one]).abs() for one in ("RR", "CR")]
        + [(score["RR+CR+CC"] - score["RR+CR"]).abs()],
        axis=1,
    ).max(axis=1)
    return judge(
        1,
        at_most("change of the accuracy by $T_{CC}$, alone", alone, 0.001, "mean", "the paper's"),
        at_most(
            "largest change of the accuracy by $T_{CC}$, given other deletions",
            given,
            0.001,
            "mean",
            "the paper's",
        ),
    )


def claim_2(table: pd.DataFrame) -> Claim:
    """Copy, dense orthogonal: without T_RR the accuracy is intermediate, without T_CR much lower."""
    table, cannot = _judged_on(2, table, "copy", "dense_orthogonal")
    if cannot:
        return cannot
    score = _wide(table, "score")
    return judge(
        2,
        above("accuracy lost without $T_{RR}$", score[""] - score["RR"], 0.05, "mean"),
        above("further loss without $T_{CR}$ instead", score["RR"] - score["CR"], 0.05, "mean"),
    )


def claim_3(table: pd.DataFrame) -> Claim:
    """Copy, Cayley: the couplings are negligible, and no deletion changes the accuracy."""
    table, cannot = _judged_on(3, table, "copy", "cayley")
    if cannot:
        return cannot
    change = table.assign(change=table.delta.abs()).groupby("seed").change.max()
    return judge(
        3,
        at_most("Schur mass of all couplings", table.groupby("seed").mass.max(), 1e-5, "mean"),
        at_most("largest change of the accuracy", change, 0.001, "mean", "the paper's digits"),
    )


def claim_4(table: pd.DataFrame) -> Claim:
    """Copy: neither the scores nor n_R depend on the threshold within 0.85–0.95.

    Args:
        table: profiles at several thresholds, of dense orthogonal and Cayley networks.
    """
    table, cannot = _judged_on(4, table, "copy")
    if cannot:
        return cannot
    ranges = table.groupby([*NETWORK, "removed"])[["score", "n_leading"]].agg(lambda x: np.ptp(x))
    ranges = ranges.groupby(NETWORK).max()
    return judge(
        4,
        at_most(
            "largest change of an accuracy between thresholds",
            ranges.score,
            0.001,
            "mean",
            "the paper's digits",
        ),
        at_most("change of $n_R$ between thresholds", ranges.n_leading, 0.5, "mean"),
    )


def claim_5(table: pd.DataFrame) -> Claim:
    """Flip-flop: T_CR matters most in ΔFVU, then T_CC; T_RR has almost no effect.

    Args:
        table: single blocks of the three tasks with FVU; other tasks are ignored.
    """
    table, cannot = _judged_on(5, table, "flip_flop")
    if cannot:
        return cannot
    delta = _wide(table, "delta")
    ordered = (delta.CR > delta.CC) & (delta.CC > delta.RR)
    return judge(
        5,
        above("networks with CR > CC > RR in ΔFVU", ordered, 0.5, "share"),
        above("ΔFVU of $T_{CR}$ less that of $T_{CC}$", delta.CR - delta.CC, 0),
        above("ΔFVU of $T_{CC}$ less that of $T_{RR}$", delta.CC - delta.RR, 0),
        at_most("ΔFVU of $T_{RR}$ relative to that of $T_{CR}$", delta.RR / delta.CR, 0.05),
    )


def claim_6(table: pd.DataFrame) -> Claim:
    """Sine: T_CC and T_CR destroy the output, S_ΔT is largest for T_CR, T_RR has little effect."""
    table, cannot = _judged_on(6, table, "sine_generation")
    if cannot:
        return cannot
    delta, per_mass = _wide(table, "delta"), _wide(table, "sensitivity")
    # an empty block has no sensitivity and cannot have the largest
    others = per_mass[["CC", "RR"]].max(axis=1)
    return judge(
        6,
        above("ΔFVU without $T_{CC}$", delta.CC, 1),
        above("ΔFVU without $T_{CR}$", delta.CR, 1),
        above("$S_{ΔT}$ of $T_{CR}$ less the larger of the two others", per_mass.CR - others, 0),
        at_most(
            "ΔFVU of $T_{RR}$ relative to the larger of the two others",
            delta.RR / delta[["CC", "CR"]].max(axis=1),
            0.05,
        ),
    )


def claim_7(table: pd.DataFrame) -> Claim:
    """Context-dependent integration: T_CC dominates T_CR in ΔFVU."""
    table, cannot = _judged_on(7, table, "context_integration")
    if cannot:
        return cannot
    delta = _wide(table, "delta")
    return judge(
        7,
        above("ΔFVU of $T_{CC}$ less that of $T_{CR}$", delta.CC - delta.CR, 0),
        above("ΔFVU of $T_{CC}$ less that of $T_{CR}$", delta.CC - delta.CR, 0, "mean"),
        above("networks with CC > CR in ΔFVU", delta.CC > delta.CR, 0.5, "share"),
    )


def claim_8(table: pd.DataFrame, epsilon: float = EPSILON) -> Claim:
    """No single block is uniformly safe: what can go depends on the task and on the network.

    Args:
        table: single blocks of dense orthogonal networks of all tasks, one size a task.
        epsilon: relative increase of the error that still counts as no loss.
    """
    table, cannot = _judged_on(8, table)
    if cannot:
        return cannot
    can_go = dispensable(table, epsilon).groupby("task")
    rise = increase(table).pivot(index=NETWORK, columns="removed", values="rise")
    order = rise[list(COUPLINGS)].apply(lambda row: ">".join(row.sort_values().index), axis=1)
    can_go = [part.to_numpy(dtype=float) for _, part in can_go]
    orders = [part.to_numpy() for _, part in order.groupby("task")]

    def safest(parts):
        return np.concatenate(parts).mean(axis=0).max()

    def between_tasks(parts):
        return np.ptp([part.mean(axis=0) for part in parts], axis=0).max()

    def unusual(parts):
        return max(1 - np.unique(part, return_counts=True)[1].max() / len(part) for part in parts)

    return judge(
        8,
        _over_tasks(
            "networks that can do without the block that most can do without",
            can_go,
            safest,
            "at most",
            0.95,
        ),
        _over_tasks(
            "largest difference between two tasks in the share of networks that can do without a block",
            can_go,
            between_tasks,
            "above",
            0.5,
        ),
        _over_tasks(
            "networks with another order of the blocks than is usual in their task, where most have it",
            orders,
            unusual,
            "above",
            0,
        ),
    )


def claim_9(changes: pd.DataFrame) -> Claim:
    """Copy: random changes of T_CC's size destroy the replay that deleting T_CC preserves.

    Args:
        changes: as for `beside_random`; only dense orthogonal copy networks are judged, and of these
            the ones whose mildest block costs at most 0.005 of accuracy.
    """
    changes, cannot = _judged_on(9, changes, "copy", "dense_orthogonal")
    if cannot:
        return cannot
    rows = beside_random(changes)
    rows = rows[rows.block <= 0.005]
    if len(rows) < FEWEST:
        return _cannot(9, len(rows))
    return judge(
        9,
        above("accuracy lost by a random change (median of its draws)", rows.random, 0.05),
        at_most("random changes as mild as the deletion", rows.as_mild, 0.05, "mean"),
    )


def all_claims(
    figure_1: pd.DataFrame, table_1: pd.DataFrame, figure_2: pd.DataFrame, changes: pd.DataFrame
) -> list[Claim]:
    """The nine claims, from the tables of those names and `random_changes`."""
    copy = figure_1[figure_1.construction == "dense_orthogonal"]
    return [
        claim_1(figure_1),
        claim_2(figure_1),
        claim_3(figure_1),
        claim_4(table_1),
        claim_5(figure_2),
        claim_6(figure_2),
        claim_7(figure_2),
        claim_8(pd.concat([copy, figure_2], ignore_index=True)),
        claim_9(changes),
    ]


def _over_tasks(test, parts, function, side, limit):
    """A part about several tasks: the networks of each are resampled on their own."""

    def of_drawn(*drawn):
        return function([part[i] for part, i in zip(parts, drawn, strict=True)])

    low, high = interval(of_drawn, *(np.arange(len(part)) for part in parts))
    holds = low > limit if side == "above" else high <= limit
    value, n = float(function(parts)), sum(map(len, parts))
    return Part(test, "share", f"{side} {limit:g}", value, low, high, n, bool(holds))


def _judged_on(number, table, task=None, construction=None):
    """The rows a claim is about, of networks that solve the task; or a claim that cannot be judged."""
    if task:
        table = table[table.task == task]
    if construction:
        table = table[table.construction == construction]
    table = solving(table)
    left = table[NETWORK].drop_duplicates().groupby("task").size()
    wanted = [task] if task else list(TASKS)
    fewest = min(int(left.get(name, 0)) for name in wanted)
    return table, (None if fewest >= FEWEST else _cannot(number, fewest))


def _cannot(number, n):
    criterion, nan = f"at least {FEWEST}", float("nan")
    part = Part("networks to judge on", "number", criterion, float(n), nan, nan, n, False)
    return Claim(number, CLAIMS[number], (part,), VERDICTS[3])


def _wide(table, column):
    return table.pivot(index="seed", columns="removed", values=column)
