"""What the chapter that sets the paper beside our networks says."""

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from study import claims
from study.claims import Claim
from study.figures.style import NAMES
from study.statistics import FEWEST
from study.words import ON_TASK, as_text, listed, number_of, signed


def verdict(claim: Claim) -> str:
    """The verdict on one claim, as other pages quote it."""
    return f"Claim {claim.number}: {claim.verdict}"


def reason(claim: Claim) -> str:
    """What decides a verdict, in one line of plain text that other pages quote."""
    part = claims.decisive(claim)
    test = re.sub(r"\$(?:T_\{(\w+)\}|(\w)_\{?(\w+)\}?)\$", lambda m: m[1] or f"{m[2]}_{m[3]}", part.test)
    value, low, high = map(claims.digits, (part.value, part.low, part.high))
    if part.kind == "by structure":
        most = "exactly 0" if value == "0" else f"at most {value}"
        return f"{test}: {most} in {'each of ' * int(part.n > 1)}{number_of(part.n, 'network')}, by structure"
    if part.n < FEWEST:
        return f"{number_of(part.n, 'network')}, where {FEWEST} are the fewest that decide"
    asked = f"be above {part.limit:g}" if part.kind == "more" else f"be at most {part.limit:g} either way"
    whose = f", as in {part.whose}" if part.whose else ""
    return f"{test}: {value} ({low} to {high}); it should {asked}{whose}"


def beside_shipped(judged: Sequence[Claim], shipped: pd.DataFrame) -> pd.DataFrame:
    """The verdicts as text, and beside them those of the shipped networks where some have too few networks.

    Args:
        judged: of the networks at hand.
        shipped: the table of claims of the shipped networks.
    """
    shown = claims.as_text(judged, every_part=False)
    shown.insert(1, "verdict", shown.pop("verdict"))
    if all(part.n >= FEWEST or part.kind == "by structure" for claim in judged for part in claim.parts):
        return shown
    return shown.assign(
        **{"shipped networks": [shipped.verdict[shipped.claim == c.number].iloc[0] for c in judged]}
    )


def alphas(over: pd.DataFrame) -> pd.DataFrame:
    """The verdicts at several thresholds, a row a claim and a column an α, from `claims.over_alphas`."""
    wide = over.pivot(index="claim", columns="alpha", values="verdict")
    return wide.rename(columns=lambda alpha: f"α = {alpha:.2f}").reset_index().astype({"claim": str})


def of_alphas(over: pd.DataFrame) -> str:
    """Which verdicts do not depend on the threshold."""
    kinds = over.groupby("claim").verdict.nunique()
    steady = [str(number) for number in kinds.index[kinds == 1]]
    which = f"claim{'s' * (len(steady) > 1)} {listed(steady)}" if steady else "no claim"
    return f"Between α = {over.alpha.min():.2f} and {over.alpha.max():.2f} the verdict is the same for {which}."


def counted(judged: Sequence[Claim]) -> str:
    """How many claims come to which verdict, and which they are."""
    said = []
    for verdict in claims.VERDICTS:
        which = [str(claim.number) for claim in judged if claim.verdict == verdict]
        said.append(f"{len(which)} **{verdict}**" + (f" ({listed(which)})" if which else ""))
    return f"The {len(judged)} claims: {listed(said)}."


def beside_random(changes: pd.DataFrame) -> pd.DataFrame:
    """The mildest block beside random changes of its size, by task and block, as text.

    Args:
        changes: as for `claims.beside_random`.
    """
    rows = []
    for (task, block), part in claims.beside_random(changes).groupby(["task", "removed"], sort=False):
        rows.append(
            {
                "task": NAMES[task],
                "mildest block": block,
                "networks": len(part),
                "mass": f"{part.mass.median():.3f}",
                "ablating it": as_text(part.block.median(), ".4f"),
                "random change": as_text(part.random.median(), ".4f"),
                "as mild": f"{100 * part.as_mild.mean():.0f} %",
            }
        )
    return pd.DataFrame(rows)


def worse_than_random(changes: pd.DataFrame) -> str:
    """In how many networks of each task the ablation does more harm than a random change."""
    beside = claims.beside_random(changes)
    harder = (beside.block > beside.random).groupby(beside.task, sort=False)
    said = [f"{part.sum()} of {number_of(len(part), 'network')} {ON_TASK[task]}" for task, part in harder]
    return (
        "Ablating the mildest block harms *more* than the median random change of its size in "
        f"{listed(said)}. Claim 9 is judged on the copy task only."
    )


def rows_of(compared: pd.DataFrame) -> pd.DataFrame:
    """Published numbers beside ours, one a row, as text.

    Args:
        compared: from `paper.beside_paper`.
    """
    rows = []
    for row in compared.itertuples():
        digits = 1 if row.quantity in ("n_R", "normalized_sensitivity") else 3 if row.task == "copy" else 4
        rows.append(
            {
                "number": f"`{row.id}`",
                "paper": f"{row.paper:g}" + ("" if pd.isna(row.paper_sem) else f" ± {row.paper_sem:g}"),
                "ours": f"{row.mean:.{digits}f} ± {as_text(row.sd, f'.{digits}f')}" if row.n else "–",
                "lowest": as_text(row.min, f".{digits}f"),
                "highest": as_text(row.max, f".{digits}f"),
                "n": row.n,
                "difference": signed(row.difference, digits),
                "interval": "–" if np.isnan(row.low) else _between(row, digits),
                "kind": row.kind,
                "agrees": row.agrees if row.n else "–",
            }
        )
    return pd.DataFrame(rows)


def agreement(compared: pd.DataFrame) -> str:
    """How many published numbers agree, by what agreement means, as other pages quote it."""
    value, same = (compared[(compared.kind == kind) & (compared.n > 0)] for kind in ("value", "preserved"))
    unknown = [f"{(part.agrees == 'undecided').sum()}" for part in (value, same)]
    return (
        f"Of {len(value)} independent numbers that the paper prints, {(value.agrees == 'yes').sum()} lie in the "
        f"95 % prediction interval of the networks trained here ({unknown[0]} undecided); of {len(same)} "
        f"statements that nothing changes, {(same.agrees == 'yes').sum()} hold within a margin ({unknown[1]} "
        f"undecided). {(compared.kind == 'repeat').sum()} more numbers repeat others and are not counted."
    )


def outside(compared: pd.DataFrame) -> str:
    """Which numbers disagree, and on which nothing can be said."""
    said = []
    for outcome, words in (("no", "Paper and networks disagree on"), ("undecided", "Undecided stay")):
        rows = compared[(compared.agrees == outcome) & (compared.n > 0) & (compared.kind != "repeat")]
        named = [f"`{r.id}` ({r.mean:.4f} here, {r.paper:g} in the paper)" for r in rows.itertuples()]
        said += [f"{words} {listed(named)}."] if named else []
    if not said:
        return "No published number disagrees with the networks here, and none stays undecided."
    return " ".join(said)


def _between(row, digits):
    return " to ".join(as_text(end, f".{digits}f") for end in (row.low, row.high))
