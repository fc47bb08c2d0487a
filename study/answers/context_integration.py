"""What the chapter on context integration says; tables as in `neuroscience`."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from torch import Tensor

from schur_lib.schur import COUPLINGS, OrderedSchur
from schur_lib.specs import Spec
from study.answers.neuroscience import (
    block,
    components,
    near_circle,
    paper_delta,
    radii,
    sizes,
    training,
)
from study.figures.style import without
from study.probes.parts import worst_parts
from study.words import as_text, between, in_networks, listed, mean_sd, signed

ORDER = ("CR", "CC", "RR")  # as the sentences name the blocks
LEAST = 0.01  # ΔFVU below which a context does not count (our choice)
UNEQUAL = 2  # times the ΔFVU of the better context: then a network loses mainly one (our choice)
BREAKS = 0.1  # ΔFVU from which a step is broken (our choice)
CROWD = 0.1  # share of the eigenvalues near the threshold that makes a crowd (our choice)
FEWEST = 4  # networks for a rank correlation, and for means over three to differ


def setting(specs: Sequence[Spec]) -> str:
    """Our trials and our training."""
    chosen = specs[0].task_options
    return (
        f"Here a trial has {chosen['steps']} steps, as in the paper; the noise has a standard deviation of "
        f"{chosen['noise']:.1f} divided by the square root of the number of steps, and a constant drift in each "
        f"trial, which some versions of the task add, one of {chosen['bias']:.1f} on the same scale. "
        f"{training(specs)}"
    )


def examples(context: Tensor, last: Tensor, ranks: Sequence[float]) -> list[int]:
    """Trials of both contexts from low to high final targets, in the order of the targets.

    Args:
        context: (B,), 0 or 1.
        last: (B,), final targets.
        ranks: which trials of a context, from 0 (its lowest target) to 1.
    """
    picked = []
    for c in (0, 1):
        own = (context == c).nonzero()[:, 0]
        own = own[last[own].argsort()]
        picked += [int(own[round(q * (len(own) - 1))]) for q in ranks]
    return sorted(picked, key=lambda trial: float(last[trial]))


def spectrum(states: ArrayLike, forms: Sequence[OrderedSchur]) -> str:
    """How large the leading sector is, and why.

    Args:
        states: (T, B, N_h) of the network that is drawn.
        forms: of all networks.
    """
    near_cut = np.mean([form.cut_report().n_near_cut for form in forms])
    crowd = (
        ": it passes through the crowd, and a little more or less of $\\alpha$ or "
        "$\\rho$ moves many dimensions from one sector to the other. The names RR, CR and CC then stand for "
        "different parts of the weights in different networks."
        if near_cut >= CROWD * len(forms[0].T)
        else "."
    )
    return (
        f"{components(states)} {sizes(forms)} The eigenvalues start on the unit circle, and "
        f"{near_circle(forms)} of them (mean over networks) end within 0.1 of it; the spectral radius ends "
        f"at {radii(forms)}. On average {near_cut:.0f} eigenvalues lie within 5 % of the "
        f"threshold $\\alpha\\rho${crowd}"
    )


def harms(table: pd.DataFrame) -> str:
    """What each ablation costs: means, medians, and how much hangs on the choice of networks."""
    effects, theirs = _effects(table), paper_delta(table)
    paper = {
        "CC": f" (paper: mean {theirs['CC']:.2f})",
        "CR": f" (paper {theirs['CR']:.2f})",
        "RR": "",
    }
    spread = "± standard deviation " if len(effects) > 1 else ""
    means = [
        f"{mean_sd(effects[b], 2).removesuffix(' ± –')} without {block(b)}{paper[b]}" for b in ("CC", "CR", "RR")
    ]
    medians = [as_text(effects[b].median(), ".2f") for b in ("CC", "CR", "RR")]
    return (
        f"As mean {spread}over networks, the ΔFVU is {listed(means)}; the medians are "
        f"{listed(medians)}. Without $T_{{CC}}$ single networks lose {between(effects.CC, '.2f')}."
        f"{_threes(effects)}\n\nThe block with the largest effect, network "
        f"by network ({len(effects)}), is {largest(table)}. Ablating $T_{{CC}}$ does more harm than "
        f"ablating $T_{{CR}}$ {in_networks((effects.CC > effects.CR).sum(), len(effects))}."
    )


def largest(table: pd.DataFrame) -> str:
    """In how many networks each block has the largest effect."""
    counts = _effects(table).idxmax(axis=1).value_counts()
    return listed([f"{b} in {counts.get(b, 0)}" for b in COUPLINGS])


def by_size(table: pd.DataFrame) -> str:
    """How the effects go with the size of the leading sector; nothing where the networks are too few."""
    effects = _effects(table)
    size = table[table.removed == ""].set_index("seed").n_leading
    if len(effects) < FEWEST or size.nunique() < 2:
        return "These networks are too few to correlate the effects with $n_R$."
    ranks = {b: effects[b].corr(size, method="spearman") for b in COUPLINGS}
    found = listed([f"{signed(ranks[b], 2)} without {block(b)}" for b in ("CC", "CR", "RR")])
    return (
        f"The rank correlation of ΔFVU with $n_R$ over networks is {found}: what counts as complement decides "
        "what its couplings are worth."
    )


def gains(fits: pd.DataFrame) -> pd.DataFrame:
    """What the last output depends on, medians over networks, as text.

    Args:
        fits: `removed`, `seed`, `cued`, `other`, `offset_1`, `offset_2`, `unexplained`.
    """
    fits = fits.assign(offset=fits[["offset_1", "offset_2"]].abs().max(axis=1))
    columns = ["cued", "other", "offset", "unexplained"]
    middle = fits.groupby("removed", sort=False)[columns].median()
    return pd.DataFrame(
        {
            "ablated": without(removed),
            "gain, cued": as_text(row.cued, ".2f"),
            "gain, other": signed(row.other, 2),
            "larger offset": as_text(row.offset, ".2f"),
            "SD of the rest": as_text(row.unexplained, ".2f"),
        }
        for removed, row in middle.iterrows()
    )


def leaks(fits: pd.DataFrame) -> str:
    """Without which block the stream that should be ignored comes through."""
    other = fits.pivot(index="seed", columns="removed", values="other")
    return (
        "The other stream leaks more without $T_{CR}$ than without $T_{CC}$ "
        f"{in_networks((other.CR > other.CC).sum(), len(other))}."
    )


def contexts(parts: pd.DataFrame) -> pd.DataFrame:
    """Which context suffers, network by network, as text."""
    worst, rows = worst_parts(parts[parts.part == "context"], LEAST), []
    for b in ORDER:
        counts = worst.worst[b] if worst.n[b] else ("–", "–")
        rows.append(
            {"ablated": without(b)}
            | {f"context {i + 1} is worse in": f"{count}" for i, count in enumerate(counts)}
            | {"worse / better": as_text(worst.ratio[b], ".1f")}
        )
    return pd.DataFrame(rows)


def which_context(parts: pd.DataFrame) -> str:
    """Whether a network loses both contexts alike."""
    worst = worst_parts(parts[parts.part == "context"], LEAST)
    if not worst.ratio.max() > UNEQUAL:
        return "The task treats both contexts alike, and both suffer alike."
    differs = all(min(counts) > 0 for counts in worst.worst[worst.n > 0])
    which = "and which one differs from network to network" if differs else "often the same one"
    return (
        f"The task treats both contexts alike, and yet a network loses mainly one of them, {which}: the mean "
        "over contexts hides it."
    )


def steps(parts: pd.DataFrame) -> pd.DataFrame:
    """When the median ΔFVU passes a limit, where it is largest and what it is at the end, as text."""
    medians = parts[parts.part == "step"].groupby(["removed", "value"]).delta.median()
    rows = []
    for b in ORDER:
        curve = medians[b]
        above = curve[curve > BREAKS]
        rows.append(
            {
                "ablated": without(b),
                f"passes {BREAKS} at step": f"{above.index[0]:.0f}" if len(above) else "–",
                "largest at step": f"{curve.idxmax():.0f}",
                "largest": as_text(curve.max(), ".2f"),
                "at the last step": as_text(curve.iloc[-1], ".2f"),
            }
        )
    return pd.DataFrame(rows)


def answer(table: pd.DataFrame, drawn: int) -> str:
    """The chapter's answer.

    Args:
        table: as in `neuroscience`.
        drawn: seed of the network in the figures.
    """
    first = _effects(table).idxmax(axis=1)
    n_R = table[table.removed == ""].n_leading
    found = (
        f"No one block holds the integrator or the gate in all {len(first)} networks: the largest effect is "
        f"that of {largest(table)}"
        if first.nunique() > 1
        else f"In all networks ({len(first)}) the largest effect is that of {block(first.iloc[0])}"
    )
    return (
        f"**The answer.** {found}, and $n_R$ is {between(n_R, 'd')}. The example network is seed "
        f"{drawn}, the one nearest to the median effects."
    )


def _effects(table):
    blocks = table[table.removed.isin(COUPLINGS)]
    return blocks.pivot(index="seed", columns="removed", values="delta")


def _threes(effects):
    """What the mean of three networks, as the paper has, could be."""
    if len(effects) < FEWEST:
        return ""
    means = pd.DataFrame([effects.loc[list(seeds)].mean() for seeds in combinations(effects.index, 3)])
    ranges = [f"of {between(means[b], '.2f')} without {block(b)}" for b in ("CC", "CR")]
    return (
        " Three networks, as the paper has, say little here: taken from ours, three have a mean ΔFVU "
        f"{listed(ranges)}, and in {100 * (means.CC > means.CR).mean():.0f} % of all threes $T_{{CC}}$ has the "
        "larger mean."
    )
