"""What the chapter on Table 1 says."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from schur_lib.schur import OrderedSchur
from study import claims, paper
from study.answers.figure_1 import two_values
from study.figures.style import NAMES, without
from study.words import at_most, listed, signed
from study.words import between as span


def wide(table: pd.DataFrame) -> pd.DataFrame:
    """The table as the paper has it, ours with the paper's in brackets, as text."""
    rows = []
    for (kind, alpha), part in _beside(table).groupby(["construction", "alpha"], sort=False):
        row = {"network": NAMES[kind], "α": f"{alpha:.2f}"}
        rows.append(row | {r.entry: f"{r.mean:.{r.digits}f} ({r.paper:g})" for r in part.itertuples()})
    return pd.DataFrame(rows)


def means_of(table: pd.DataFrame) -> str:
    """Over how many networks the means are."""
    kinds = [f"{part.seed.nunique()} {NAMES[name]}"
             for name, part in table.groupby("construction", sort=False)]  # fmt: skip
    return f"Means over {listed(kinds)} networks of 72 units; in brackets, the paper's values."


def spread(table: pd.DataFrame) -> pd.DataFrame:
    """The same, one row an entry, with the spread over networks, as text."""
    rows = []
    for r in _beside(table).itertuples():
        ends = 0 if r.quantity == "n_R" else 3
        rows.append(
            {
                "network": NAMES[r.construction],
                "α": f"{r.alpha:.2f}",
                "quantity": r.entry,
                "paper": f"{r.paper:g}",
                "ours": f"{r.mean:.{r.digits}f} ± " + (f"{r.sd:.{r.digits}f}" if r.n > 1 else "–"),
                "lowest": f"{r.min:.{ends}f}",
                "highest": f"{r.max:.{ends}f}",
                "n": r.n,
                "difference": signed(r.difference, r.digits),
            }
        )
    return pd.DataFrame(rows)


def changes(table: pd.DataFrame) -> pd.DataFrame:
    """How far each network's accuracy moves between two thresholds, as text."""
    rows = []
    for kind, part in table.groupby("construction", sort=False):
        moved, same = _moved(part), _same(part)
        for block in ("CC", "CR"):
            values = moved.xs(block, level="removed")
            rows.append(
                {
                    "network": NAMES[kind],
                    "ablated": without(block),
                    "mean change": f"{values.mean():.4f}",
                    "largest change": f"{values.max():.4f}",
                    "same n_R": f"{same.sum()} of {len(same)}",
                }
            )
    return pd.DataFrame(rows)


def answer(table: pd.DataFrame) -> str:
    """Whether another threshold tells another story, in a sentence."""
    moved = max(_moved(part).max() for _, part in table.groupby("construction"))
    verdict = claims.claim_4(table).verdict
    return (
        f"From threshold to threshold no accuracy moves by more than {at_most(moved)} in any network: that the "
        f"profile does not depend on $\\alpha$ is **{verdict}**."
    )


def verdict(table: pd.DataFrame) -> str:
    """What claim 4 comes to, a paragraph."""
    orthogonal = table[table.construction == "dense_orthogonal"]
    largest = max(_moved(part).max() for _, part in table.groupby("construction"))
    same, n_R = _same(orthogonal), orthogonal.n_leading
    by_alpha = orthogonal[orthogonal.removed == "CR"].groupby("alpha").score.mean()
    return (
        "**Claim 4**, that the profile does not depend on $\\alpha$ within 0.85–0.95: "
        f"**{claims.claim_4(table).verdict}.** No accuracy moves by more than {at_most(largest)} in any network. "
        f"In {same.sum()} of {len(same)} dense orthogonal networks $n_R$ is the same at the three thresholds; "
        f"over all of them it is {span(n_R, 'd')}. Without $T_{{CR}}$ the mean accuracy is "
        f"{span(by_alpha)} at the three thresholds. {two_values()}"
    )


def between(forms: Mapping[str, Sequence[OrderedSchur]], alphas: Sequence[float]) -> str:
    """How many modes the choice of the threshold can move, by kind of network.

    Args:
        forms: of several networks by the name of their construction.
        alphas: thresholds.
    """
    low, high = min(alphas), max(alphas)
    counts = []
    for name, group in forms.items():
        sizes = [np.abs(form.eigenvalues) / np.abs(form.eigenvalues).max() for form in group]
        number = np.mean([((size >= low) & (size < high)).sum() for size in sizes])
        counts.append(f"{number:.1f} of {len(sizes[0])} modes in the {name} networks")
    return (
        "How much the split can matter shows in {numref}`fig-moduli`: a relative modulus between "
        f"{low:g} and {high:g} have, on average, {listed(counts)}. In the Cayley networks the couplings are at "
        "rounding level wherever one splits, so that no threshold can matter, and the sensitivity (effect per "
        "ablated mass) is undefined throughout."
    )


def _beside(table):
    """The paper's entries beside ours, with the name of the entry and its digits."""
    rows = paper.beside_paper(table, "Table 1")
    is_n_R = rows.quantity == "n_R"
    entry = rows.removed.map(without).mask(rows.removed == "", "intact").mask(is_n_R, "n_R")
    return rows.assign(entry=entry, digits=np.where(is_n_R, 1, 3))


def _moved(part):
    """Largest difference of an accuracy between two thresholds, by network and ablated block."""
    by_alpha = part.pivot(index=["seed", "removed"], columns="alpha", values="score")
    return by_alpha.max(axis=1) - by_alpha.min(axis=1)


def _same(part):
    """Whether n_R is the same at all thresholds, by network."""
    return part[part.removed == ""].groupby("seed").n_leading.nunique() == 1
