"""The nine claims of the paper, each with the parts that decide it.

A part is one number over networks with an interval, and of one of three kinds:

*more*: it holds where the whole 95 % interval is above a limit, and is refuted where the whole is below;
*the same*: it holds where the whole interval is within a margin of 0, and is refuted where the whole is outside
(two one-sided tests at 5 %, so the interval is the 90 % one);
*by structure*: the page proves it, and a single network is a counterexample.

A claim is reproduced if all its parts hold, refuted if one is refuted, and undecided otherwise. Fewer than
FEWEST networks decide nothing. Limits are our choice, except where a criterion says that the paper prints them.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from schur_lib.metrics import FVU, METRICS, NEGLIGIBLE_MASS, REPLAY_ACCURACY
from schur_lib.schur import COUPLINGS
from schur_lib.tasks import TASKS
from study.statistics import NETWORK, NONE, mean_interval, median_interval, share_interval

VERDICTS = ("reproduced", "refuted", "undecided")
OUTCOMES = ("holds", "refuted", "undecided")
CLAIMS = {
    1: "Copy task, dense orthogonal: ablating $T_{CC}$ preserves the replay, alone and given other ablations",
    2: "There, without $T_{CR}$ the accuracy is much lower, without $T_{RR}$ intermediate",
    3: "Cayley: the couplings are negligible, and no ablation changes the accuracy",
    4: "The copy profile does not depend on $\\alpha$ within 0.85–0.95",
    5: "Flip-flop: $T_{CR}$ matters most in raw ΔFVU, then $T_{CC}$; $T_{RR}$ has almost no effect",
    6: "Sine: $T_{CC}$ and $T_{CR}$ destroy the output; $S_{ΔT}$ is largest for $T_{CR}$; $T_{RR}$ does little",
    7: "Context-dependent integration: $T_{CC}$ dominates $T_{CR}$ in raw ΔFVU",
    8: "No single block is uniformly safe to ablate: it depends on the task and on the trained network",
    9: "Changes of similar scale can destroy what a structured change preserves (copy task, $T_{CC}$)",
}
ALL_SETS = ("", "CC", "RR", "RR+CC", "CR", "CR+CC", "RR+CR", "RR+CR+CC")
# What "safe" means everywhere: the error rises by at most this share of itself …
EPSILON = 0.05
# … where an error below this share of chance counts as this share, so that "5 % more" of nothing is something.
FLOOR = 0.01
# The error of an answer that knows nothing; of these two it does not depend on the targets.
CHANCE = {m.name: m.error(m.chance(None, 1)) for m in (FVU, REPLAY_ACCURACY)}
# The largest error of a network that solves its task.
SOLVED = {"fvu": 0.05, "replay_accuracy": 0.01}
# Accuracies that are called the same: the paper's pairs differ by no more.
MARGIN, PAIRS = 0.001, "the paper's pairs"
INTERVALS = {"mean": (np.mean, mean_interval), "median": (np.median, median_interval),
             "share": (np.mean, share_interval)}  # fmt: skip


class Part(NamedTuple):
    """One test of a claim: `value` with its interval `low` to `high` over `n` networks."""

    test: str
    kind: str  #: "more", "the same", "by structure"
    statistic: str  #: "mean", "median", "share" (of networks), "largest" or "number" (of networks)
    limit: float  #: in the unit of the value; of "the same" the margin
    whose: str  #: who says the limit: "the paper's …", or "" for our choice
    value: float
    low: float
    high: float
    n: int

    @property
    def outcome(self) -> str:
        """One of OUTCOMES."""
        return self.at(self.limit)

    def at(self, limit: float) -> str:
        """What it would come to with another limit."""
        low, high = self.low, self.high
        if np.isnan(low) or np.isnan(high):
            return "undecided"
        if self.kind == "more":
            holds, refuted = low > limit, high <= limit
        elif self.kind == "the same":
            holds, refuted = -limit <= low and high <= limit, low > limit or high < -limit
        else:
            holds, refuted = high <= limit, high > limit
        return OUTCOMES[0 if holds else 1 if refuted else 2]

    def flips(self) -> tuple[float, float]:
        """The limits at which it changes: refuted on one side of both, holding on the other; NaN for none.

        "more" holds below `low` and is refuted from `high` on; the others hold from the second on and are
        refuted below the first.
        """
        if self.kind != "the same" or np.isnan(self.low):
            return self.low, self.high
        within = self.low <= 0 <= self.high
        return 0.0 if within else min(abs(self.low), abs(self.high)), max(abs(self.low), abs(self.high))


class Claim(NamedTuple):
    """A claim of the paper with its parts and its verdict, one of VERDICTS."""

    number: int
    claim: str
    parts: tuple[Part, ...]
    verdict: str


def judge(number: int, *parts: Part) -> Claim:
    """The verdict: reproduced if all parts hold, refuted if one is refuted, undecided otherwise."""
    outcomes = [part.outcome for part in parts]
    verdict = "refuted" if "refuted" in outcomes else "undecided" if "undecided" in outcomes else "reproduced"
    return Claim(number, CLAIMS[number], parts, verdict)


def decisive(claim: Claim) -> Part:
    """The part that decides the verdict: the first that is refuted, else undecided, else the first."""
    return min(claim.parts, key=lambda part: ("refuted", "undecided", "holds").index(part.outcome))


def as_table(claims: Sequence[Claim]) -> pd.DataFrame:
    """One row a part: `claim` (its number), the fields of the part, its `outcome`, the claim's `verdict`."""
    return pd.DataFrame(
        {"claim": claim.number, **part._asdict(), "outcome": part.outcome, "verdict": claim.verdict}
        for claim in claims
        for part in claim.parts
    )


def as_text(claims: Sequence[Claim], every_part: bool = True) -> pd.DataFrame:
    """The claims for `study.words.show`: each part, or the decisive one of each claim, in words.

    Args:
        claims: as judged.
        every_part: one row a part, with the limits at which it would come to something else; otherwise one
            row a claim, with its statement and verdict.
    """
    rows = []
    for claim in claims:
        for part in claim.parts if every_part else [decisive(claim)]:
            known = not np.isnan(part.low)
            row = {
                "claim": f"{claim.number}" if every_part else f"{claim.number}. {claim.claim}",
                "part": f"{part.test} ({part.statistic})",
                "value": digits(part.value),
                "interval": f"{digits(part.low)} to {digits(part.high)}" if known else "–",
                "n": part.n,
                "holds if": criterion(part),
            }
            if every_part:
                row |= {"outcome": part.outcome, "with other limits": other_limits(part)}
            else:
                row |= {
                    "parts that hold": f"{sum(p.outcome == 'holds' for p in claim.parts)} of {len(claim.parts)}"
                }
            rows.append(row | {"verdict": claim.verdict})
    return pd.DataFrame(rows)


def criterion(part: Part) -> str:
    """What has to be so, in words."""
    said = {"more": "above", "the same": "within ±", "by structure": "in no network above"}[part.kind]
    said += " " * (part.kind != "the same") + np.format_float_positional(part.limit, trim="-")
    return said + (f" ({part.whose})" if part.whose else "")


def other_limits(part: Part) -> str:
    """For which limits a part would hold, and for which it would be refuted."""
    first, last = part.flips()
    if np.isnan(first) or part.kind == "by structure":
        return "–"
    if part.kind == "more":
        return f"holds below {digits(first)}, refuted from {digits(last)}"
    return f"holds from {digits(last)}" + (f", refuted below {digits(first)}" if first > 0 else "")


def digits(value: float) -> str:
    """Three significant digits, four decimals at most: what is smaller may differ between machines."""
    if np.isnan(value):
        return "–"
    if abs(value) < 5e-5:
        return "0" if value == 0 else "< 0.0001"
    decimals = int(np.clip(2 - np.floor(np.log10(abs(value))), 0, 4))
    return f"{value:.{decimals}f}".replace("-", "−")


def more(test: str, values, limit: float, statistic: str = "median") -> Part:
    """A part that holds where the whole 95 % interval is above a limit.

    Args:
        test: what the values are.
        values: (n,), one a network.
        limit: in the unit of the values.
        statistic: "mean", "median" or "share" (of true values).
    """
    return _part(test, "more", values, limit, statistic, "", 0.95)


def the_same(test: str, values, margin: float, statistic: str = "median", whose: str = "") -> Part:
    """A part that holds where the whole 90 % interval is within a margin of 0; arguments as for `more`."""
    return _part(test, "the same", values, margin, statistic, whose, 0.90)


def by_structure(test: str, values, limit: float) -> Part:
    """A part that is proved, and that a single network with more than `limit` (rounding) refutes."""
    values = np.asarray(values, dtype=float)
    low, high = (float(values.min()), float(values.max())) if len(values) else NONE
    return Part(test, "by structure", "largest", limit, "", high, low, high, len(values))


def _part(test, kind, values, limit, statistic, whose, level):
    values = np.asarray(values, dtype=float)
    values = values[~np.isnan(values)]  # such as what an empty block does for its mass
    function, interval = INTERVALS[statistic]
    value = float(function(values)) if len(values) else float("nan")
    return Part(test, kind, statistic, limit, whose, value, *interval(values, level), len(values))


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
    """How much the ablation of each block raises the error of each network, in relative terms.

    (e_ablated − e_full) / max(e_full, floor · e_chance): 0.05 is 5 % more error. The floor, our choice,
    matters where a network makes almost no error, so that a single bit would count as a large increase.

    Args:
        table: `task` … `seed`, `removed`, `mass`, `score`, `metric`, of whole networks and single blocks.
        floor: share of the chance error (FVU 1, replay error 0.5).

    Returns:
        The rows of single blocks with `error` (of the whole network), `rise` of the error, `increase`
        (rise in relative terms) and `no_mass` (the block is empty: ablating it is no change).
    """
    full = table[table.removed == ""].assign(error=error)[[*NETWORK, "error"]]
    blocks = table[table.removed.isin(COUPLINGS)].merge(full, on=NETWORK)
    base = base_error(blocks.error, blocks.metric, floor)
    rise = error(blocks) - blocks.error
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.where(rise == 0, 0.0, rise / base)
    no_mass = blocks.mass <= NEGLIGIBLE_MASS
    return blocks.assign(rise=rise, increase=relative, no_mass=no_mass)


def base_error(errors: pd.Series, metrics: pd.Series, floor: float = FLOOR) -> pd.Series:
    """What an increase is relative to: the intact network's error, or the floor's share of chance."""
    return np.maximum(errors, floor * metrics.map(CHANCE))


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
    """Copy, dense orthogonal: ablating T_CC changes nothing, alone and given other ablations.

    Args:
        table: profiles of all eight subsets (`study.probes.profiles`); other networks are ignored.
    """
    score = _wide(_judged_on(table, "copy", "dense_orthogonal"), "score")
    given = [score[f"{one}+CC"] - score[one] for one in ("RR", "CR")] + [score["RR+CR+CC"] - score["RR+CR"]]
    largest = pd.concat(given, axis=1).abs().max(axis=1)
    return judge(
        1,
        the_same(
            "change of the accuracy by $T_{CC}$, alone",
            score["CC"] - score[""],
            MARGIN,
            "mean",
            "the paper's pairs",
        ),
        the_same(
            "largest change by $T_{CC}$, given other ablations", largest, MARGIN, "mean", "the paper's pairs"
        ),
    )


def claim_2(table: pd.DataFrame) -> Claim:
    """Copy, dense orthogonal: without T_RR the accuracy is intermediate, without T_CR much lower."""
    score = _wide(_judged_on(table, "copy", "dense_orthogonal"), "score")
    return judge(
        2,
        more("accuracy lost without $T_{RR}$", score[""] - score["RR"], 0.05, "mean"),
        more("further loss without $T_{CR}$ instead", score["RR"] - score["CR"], 0.05, "mean"),
    )


def claim_3(table: pd.DataFrame) -> Claim:
    """Copy, Cayley: W is normal, so that there is nothing to ablate."""
    networks = _judged_on(table, "copy", "cayley").assign(change=lambda t: t.delta.abs()).groupby("seed")
    return judge(
        3,
        by_structure("Schur mass of all couplings", networks.mass.max(), 1e-5),
        by_structure("change of the accuracy by any ablation", networks.change.max(), MARGIN),
    )


def claim_4(table: pd.DataFrame) -> Claim:
    """Copy: no modulus lies between the thresholds, so that the cut, and with it the profile, is the same.

    Args:
        table: profiles at several thresholds, of dense orthogonal and Cayley networks.
    """
    ranges = _judged_on(table, "copy").groupby([*NETWORK, "removed"])[["score", "n_leading"]].agg(np.ptp)
    ranges = ranges.groupby(NETWORK).max()
    return judge(
        4,
        by_structure("modes between the thresholds (change of $n_R$)", ranges.n_leading, 0),
        by_structure("change of an accuracy between thresholds", ranges.score, MARGIN),
    )


def claim_5(table: pd.DataFrame) -> Claim:
    """Flip-flop: T_CR matters most in ΔFVU, then T_CC; T_RR has almost no effect.

    Args:
        table: single blocks of the three tasks with FVU; other tasks are ignored.
    """
    delta = _wide(_judged_on(table, "flip_flop"), "delta")
    ordered = (delta.CR > delta.CC) & (delta.CC > delta.RR)
    return judge(
        5,
        more("networks with CR > CC > RR in ΔFVU", ordered, 0.5, "share"),
        more("ΔFVU of $T_{CR}$ less that of $T_{CC}$", delta.CR - delta.CC, 0),
        more("ΔFVU of $T_{CC}$ less that of $T_{RR}$", delta.CC - delta.RR, 0),
        the_same("ΔFVU of $T_{RR}$ relative to that of $T_{CR}$", delta.RR / delta.CR, 0.05),
    )


def claim_6(table: pd.DataFrame) -> Claim:
    """Sine: T_CC and T_CR destroy the output, S_ΔT is largest for T_CR, T_RR has little effect."""
    networks = _judged_on(table, "sine_generation")
    delta, per_mass = _wide(networks, "delta"), _wide(networks, "sensitivity")
    # an empty block has no sensitivity and cannot have the largest
    others = per_mass[["CC", "RR"]].max(axis=1)
    little = delta.RR / delta[["CC", "CR"]].max(axis=1)
    return judge(
        6,
        more("ΔFVU without $T_{CC}$", delta.CC, 1),
        more("ΔFVU without $T_{CR}$", delta.CR, 1),
        more("$S_{ΔT}$ of $T_{CR}$ less the larger of the two others", per_mass.CR - others, 0),
        the_same("ΔFVU of $T_{RR}$ relative to the larger of the two others", little, 0.05),
    )


def claim_7(table: pd.DataFrame) -> Claim:
    """Context-dependent integration: T_CC dominates T_CR in ΔFVU."""
    delta = _wide(_judged_on(table, "context_integration"), "delta")
    return judge(
        7,
        more("ΔFVU of $T_{CC}$ less that of $T_{CR}$", delta.CC - delta.CR, 0),
        more("ΔFVU of $T_{CC}$ less that of $T_{CR}$", delta.CC - delta.CR, 0, "mean"),
        more("networks with CC > CR in ΔFVU", delta.CC > delta.CR, 0.5, "share"),
    )


def claim_8(table: pd.DataFrame, epsilon: float = EPSILON) -> Claim:
    """No single block is uniformly safe: what can go depends on the task and on the network.

    The shares of each block and task have exact intervals, at a level that makes all of them hold at once
    (Bonferroni); what is largest or smallest among them lies within the largest or smallest of their ends.

    Args:
        table: single blocks of dense orthogonal networks of all tasks, one size a task.
        epsilon: relative increase of the error that still counts as no loss.
    """
    networks = _judged_on(table)
    n = networks[NETWORK].drop_duplicates().shape[0]
    need = apart = other = (float("nan"),) * 3
    if set(networks.task) == set(TASKS):
        can_go = dispensable(networks, epsilon)
        rise = increase(networks).pivot(index=NETWORK, columns="removed", values="rise")[list(COUPLINGS)]
        order = rise.apply(lambda row: ">".join(row.sort_values().index), axis=1)
        unusual = order != order.groupby("task").transform(lambda part: part.mode()[0])
        # (blocks, tasks, [value, low, high])
        shares = np.array([_shares(can_go[b], len(TASKS) * len(COUPLINGS)) for b in COUPLINGS])
        least, most = shares.min(1), shares.max(1)
        need = (1 - least.max(0))[[0, 2, 1]]
        apart = (most - least[:, [0, 2, 1]]).max(0)
        other = _shares(unusual, len(TASKS)).max(0)
    return judge(
        8,
        Part("networks that need each block, in the task that needs it most; of the block that fewest need",
             "more", "share", 0.05, "", *need, n),
        Part("largest difference between two tasks in the share of networks that can do without a block",
             "more", "share", 0, "", *apart, n),
        Part("networks with another order of the blocks than is usual in their task, where most have it",
             "more", "share", 0, "", *other, n),
    )  # fmt: skip


def claim_9(changes: pd.DataFrame) -> Claim:
    """Copy: random changes of T_CC's size destroy the replay that ablating T_CC preserves.

    Args:
        changes: as for `beside_random`; only dense orthogonal copy networks are judged, and of these
            the ones whose mildest block costs at most 0.005 of accuracy.
    """
    rows = beside_random(_judged_on(changes, "copy", "dense_orthogonal"))
    rows = rows[rows.block <= 0.005]
    return judge(
        9,
        more("accuracy lost by an isotropic random change (median of its draws)", rows.random, 0.05),
        the_same("share of the random changes that are as mild as the ablation", rows.as_mild, 0.05, "mean"),
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


# The claims about one threshold, which may be judged at any.
AT_ALPHA: dict[int, Callable[[pd.DataFrame], Claim]] = {
    1: claim_1, 2: claim_2, 5: claim_5, 6: claim_6, 7: claim_7, 8: claim_8,
}  # fmt: skip


def over_alphas(table: pd.DataFrame) -> pd.DataFrame:
    """The verdicts that rest on a threshold, at each of several.

    Args:
        table: profiles of dense orthogonal networks of all tasks at several `alpha`.
    Returns:
        One row an alpha and claim: `alpha`, `claim` (its number), `verdict`, `outcomes` (of its parts).
    """
    rows = []
    for alpha, part in table.groupby("alpha"):
        for number, function in AT_ALPHA.items():
            claim = function(part)
            rows.append((alpha, number, claim.verdict, ", ".join(p.outcome for p in claim.parts)))
    return pd.DataFrame(rows, columns=["alpha", "claim", "verdict", "outcomes"])


def _shares(flags, n_tests):
    """(tasks, 3): share of networks with a flag, with its interval where n_tests of them shall hold at once."""
    parts = [part.astype(float) for _, part in flags.groupby("task")]
    return np.array([(part.mean(), *share_interval(part, 1 - 0.05 / n_tests)) for part in parts])


def _judged_on(table, task=None, construction=None):
    """The rows a claim is about, of networks that solve the task."""
    if task:
        table = table[table.task == task]
    if construction:
        table = table[table.construction == construction]
    return solving(table)


def _wide(table, column):
    wide = table.pivot(index="seed", columns="removed", values=column)
    return wide if len(wide) else wide.reindex(columns=ALL_SETS)
