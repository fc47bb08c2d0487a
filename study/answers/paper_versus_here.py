"""What the chapter that sets the paper beside our networks says."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from study import claims
from study.claims import Claim
from study.figures.style import NAMES
from study.words import as_text, listed, signed


def verdict(claim: Claim) -> str:
    """The verdict on one claim, as other pages quote it."""
    return f"Claim {claim.number}: {claim.verdict}"


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
    said = [f"{int(part.sum())} of {len(part)} in {NAMES[task]}" for task, part in harder]
    return (
        "Networks in which ablating the mildest block harms *more* than the median random change of its size: "
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
        known = row.n > 1 and row.sd > 10.0**-digits / 2
        rows.append(
            {
                "number": f"`{row.id}`",
                "paper": f"{row.paper:g}" + ("" if pd.isna(row.paper_sem) else f" ± {row.paper_sem:g}"),
                "ours": f"{row.mean:.{digits}f} ± {as_text(row.sd, f'.{digits}f')}" if row.n else "–",
                "lowest": as_text(row.min, f".{digits}f"),
                "highest": as_text(row.max, f".{digits}f"),
                "n": row.n,
                "difference": signed(row.difference, digits),
                "SDs": signed(row.difference / row.sd if known else np.nan, 1),
                "within": "–" if not row.n else "yes" if row.within else "no",
            }
        )
    return pd.DataFrame(rows)


def within(compared: pd.DataFrame) -> str:
    """How many published numbers lie within our range, as other pages quote it."""
    return (
        f"{compared.within.sum()} of {len(compared)} published numbers lie within the range of the networks "
        "trained here."
    )


def outside(compared: pd.DataFrame) -> str:
    """How near the others are, and which numbers lie outside.

    Near is a mean within one standard deviation of the published number, or within 0.0005.
    """
    near = (compared.difference.abs() <= compared.sd.fillna(0)) | (compared.difference.abs() < 5e-4)
    far = compared[~compared.within & (compared.n > 0)]
    named = [f"{r.id} ({r.mean:.4f} here, {r.paper:g} in the paper)" for r in far.itertuples()]
    return (
        f"{(compared.n > 0).sum()} of them have a counterpart here; {near.sum()} are within one standard "
        f"deviation of our mean. Outside the range: {', '.join(named) or 'none'}."
    )
