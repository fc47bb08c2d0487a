"""What the chapter on Figure 2 says.

A `table` is the profile of single blocks of the networks of the three tasks: `task`, `seed`, `removed`,
`mass`, `score`, `delta`, `sensitivity`, `n_leading`; `compared` is what `paper.beside_paper` makes of it.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from schur_lib.metrics import NEGLIGIBLE_MASS
from study.answers.neuroscience import block
from study.claims import Claim
from study.figures.style import NAMES, without
from study.paper import COLUMNS, paper_value
from study.words import as_text, between, listed, mean_sd, number_of, signed

TITLES = {"delta": "ΔFVU", "sensitivity": "S"}
FOUR = "flip_flop"  # its effects are small: numbers of this task have four decimals


def networks(table: pd.DataFrame, hidden_size: int) -> str:
    """How many networks there are, and how they are scored."""
    n = table.groupby("task").seed.nunique().min()
    return (
        f"{number_of(n, 'network')} of each task with {hidden_size} units, scored by the fraction of variance "
        "unexplained (FVU): 0 is perfect, 1 is no better than answering the mean. Above, the raw effect of an "
        "ablation, ΔFVU; below, the effect per ablated Schur mass, $S_{\\Delta T}$."
    )


def beside(table: pd.DataFrame, compared: pd.DataFrame) -> pd.DataFrame:
    """The paper's numbers and ours, as text."""
    rows = []
    for row in compared.itertuples():
        column = COLUMNS[row.quantity]
        ours = table.loc[(table.task == row.task) & (table.removed == row.removed), column].dropna()
        digits = 1 if column == "sensitivity" else _digits(row.task)
        sem = "" if pd.isna(row.paper_sem) else f" ± {row.paper_sem:g}"
        spread = {"median": ours.median(), "lowest": ours.min(), "highest": ours.max()}
        rows.append(
            {"task": NAMES[row.task], "ablated": without(row.removed), "quantity": TITLES[column]}
            | {"paper ± SEM": f"{row.paper:g}{sem}"}
            | {"ours ± SD": mean_sd(ours, digits) if len(ours) else "–"}
            | {name: as_text(value, f".{digits}f") for name, value in spread.items()}
            | {"n": len(ours), "difference": signed(row.difference, digits)}
            | {"agrees": row.agrees if row.n else "–"}
        )
    return pd.DataFrame(rows)


def differences(table: pd.DataFrame, compared: pd.DataFrame) -> str:
    """Where ours differ from the paper's, and why that may be."""
    outside = compared[(compared.agrees == "no") & (compared.n > 0)]
    found = "; ".join(map(_named, outside.itertuples())) or "none"
    return "\n".join(
        [
            f"**Where ours differ.** {len(outside)} of the {len(compared)} published values disagree with our "
            f"networks: {found}.\n",
            f"* *Flip-flop.* {_flip_flop(table, compared)}",
            f"* *Sine.* {_sine(table)}",
            f"* *Integration.* {_integration(table)}",
        ]
    )


def verdicts(judged: Sequence[Claim], table: pd.DataFrame) -> str:
    """The verdict on each claim and the numbers behind it.

    Args:
        judged: claims 5, 6 and 7.
        table: as above.
    """
    said = {claim.number: claim.verdict for claim in judged}
    deltas = table.groupby(["task", "removed"]).delta
    mean, median = deltas.mean(), deltas.median()
    flip_flop, sine, integration = (mean[t] for t in (FOUR, "sine_generation", "context_integration"))
    middle = median["context_integration"]
    wide = _effects(table, "context_integration")
    return (
        f"**Claim 5**, flip-flop: $T_{{CR}}$ matters most, then $T_{{CC}}$, and $T_{{RR}}$ hardly: "
        f"**{said[5]}.** The mean ΔFVU is {as_text(flip_flop['CR'])} without $T_{{CR}}$, "
        f"{as_text(flip_flop['CC'])} without $T_{{CC}}$ and {as_text(flip_flop['RR'], '.4f')} without "
        "$T_{RR}$.\n\n"
        f"**Claim 6**, sine: $T_{{CC}}$ and $T_{{CR}}$ both destroy the output, $S_{{\\Delta T}}$ is largest for "
        f"$T_{{CR}}$, and $T_{{RR}}$ has little effect: **{said[6]}.** The FVU rises by "
        f"{as_text(sine['CC'], '.2f')} without $T_{{CC}}$ and by {as_text(sine['CR'], '.2f')} without "
        "$T_{CR}$, where an output that always answers the mean target would cost about 1. The mean effect of "
        f"$T_{{RR}}$ is {as_text(sine['RR'], '.2f')}, its median "
        f"{as_text(median['sine_generation', 'RR'], '.2f')}.\n\n"
        f"**Claim 7**, context-dependent integration: $T_{{CC}}$ dominates $T_{{CR}}$: **{said[7]}.** Mean rises "
        f"are {as_text(integration['CC'], '.2f')} without $T_{{CC}}$ and {as_text(integration['CR'], '.2f')} "
        f"without $T_{{CR}}$, medians {as_text(middle['CC'], '.2f')} and {as_text(middle['CR'], '.2f')}; "
        f"$T_{{CC}}$ matters more in {(wide.CC > wide.CR).sum()} of {len(wide)} networks."
    )


def _flip_flop(table, compared):
    rows = compared[compared.task == FOUR].set_index("removed")
    times = [f"{as_text(rows['mean'][b] / rows.paper[b], '.1f')} times without {block(b)}" for b in ("CR", "CC")]
    intact = table[(table.removed == "") & (table.task == FOUR)].score.mean()
    return (
        f"Our networks lose what the paper's lose {listed(times)}. The FVU of the intact networks is "
        f"{intact:.4f} here and {paper_value('s4_flipflop_full'):.4f} in the paper, and the pulse rate, which the "
        "paper does not state, is our choice."
    )


def _sine(table):
    RR = table[(table.task == "sine_generation") & (table.removed == "RR")]
    empty = RR.mass <= NEGLIGIBLE_MASS
    said = f"The leading sector has {_sizes(table, 'sine_generation')} dimensions. "
    if empty.any():
        said += (
            "With one leading block there is nothing among leading blocks to ablate: in "
            f"{empty.sum()} of {len(RR)} networks $T_{{RR}}$ is empty, and “little effect” is true because "
            "nothing is done. "
        )
    if empty.all():
        return said.strip()
    held = RR.delta[~empty]
    return f"{said}Where $T_{{RR}}$ is not empty, ablating it changes the FVU by {between(held, '+.2f')}."


def _integration(table):
    wide = _effects(table, "context_integration")
    change = between(wide.CC, "+.2f")
    said = (
        f"Without $T_{{CC}}$ the ΔFVU of single networks is {change}; the leading sector "
        f"has {_sizes(table, 'context_integration')} dimensions."
    )
    if len(wide) < 4:
        return said
    trios = np.array(list(combinations(range(len(wide)), 3)))
    above = int((wide.CC.to_numpy()[trios].sum(1) > wide.CR.to_numpy()[trios].sum(1)).sum())
    return (
        f"{said} A mean over three networks depends on which three: in {above:,d} of the {len(trios):,d} choices "
        "of three of our networks the mean effect of $T_{CC}$ is above that of $T_{CR}$, as in the paper."
    )


def _named(row):
    title, digits = TITLES[COLUMNS[row.quantity]], _digits(row.task)
    return (
        f"{NAMES[row.task]}, {title} {without(row.removed)}: {as_text(row.mean, f'.{digits}f')} here, "
        f"{row.paper:g} in the paper"
    )


def _digits(task):
    return 4 if task == FOUR else 2


def _sizes(table, task):
    n_R = table[(table.removed == "") & (table.task == task)].n_leading
    return between(n_R, "d")


def _effects(table, task):
    rows = table[(table.task == task) & (table.removed != "")]
    return rows.pivot(index="seed", columns="removed", values="delta")
