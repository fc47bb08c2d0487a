"""What the chapter on sine generation says; tables as in `neuroscience`."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from schur_lib.metrics import NEGLIGIBLE_MASS
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
from study.words import as_text, in_networks, signed

MATTERS = 0.1  # ΔFVU from which a block matters to a network (our choice)
STILL = 0.1  # late swing below which an output stands still (our choice)
MOST = 0.8  # share of the networks that makes a tendency (our choice)
ADDS_UP = 0.1  # relative distance from the sum within which effects add up (our choice)


def setting(specs: Sequence[Spec]) -> str:
    """Our trials and our training."""
    chosen = specs[0].task_options
    steps, dt = chosen["steps"], chosen["dt"]
    return (
        f"Here a trial has {steps} steps, as in the paper, of {1000 * dt:.0f} ms, so it lasts {steps * dt:g} s; "
        f"its frequency is one of {chosen['n_frequencies']} from {chosen['lowest']:.1f} to "
        f"{chosen['highest']:.1f} Hz. {training(specs)}"
    )


def hertz(cue: ArrayLike, options: Mapping) -> np.ndarray:
    """The frequencies that inputs stand for.

    Args:
        cue: input values j / n_frequencies + cue_offset, perhaps rounded.
        options: the task's.
    """
    n = options["n_frequencies"]
    j = np.round((np.asarray(cue, dtype=float) - options["cue_offset"]) * n)
    return options["lowest"] + (options["highest"] - options["lowest"]) * j / (n - 1)


def spectrum(states: ArrayLike, forms: Sequence[OrderedSchur], table: pd.DataFrame) -> str:
    """How large the leading sector is, and why.

    Args:
        states: (T, B, N_h) of the network that is drawn.
        forms: of all networks.
        table: as in `neuroscience`.
    """
    n = len(forms)
    empty = (table[table.removed == "RR"].mass <= NEGLIGIBLE_MASS).sum()
    why = (
        ": a single eigenvalue or pair leads, there is nothing to couple within the sector, and "
        "$S_{\\Delta T}$ is undefined"
        if empty
        else ""
    )
    ends = radii(forms)
    real = sum(abs(form.eigenvalues[0].imag) < 1e-9 for form in forms)
    few = np.median([form.n_leading() / len(form.T) for form in forms]) < 0.5
    therefore = (
        "The threshold $\\alpha\\rho$ follows it, and where it passes the circle all the rest, with the many "
        "pairs that can rotate, is the complement. So a large effect of $T_{CC}$ does not mean that weak modes "
        "matter: here most modes are in $C$."
        if few
        else "The threshold $\\alpha\\rho$ leaves most modes in $R$."
    )
    return (
        f"{components(states)} {sizes(forms)} {in_networks(empty, n).capitalize()} $T_{{RR}}$ is empty or at "
        f"rounding level{why}.\n\n"
        f"The reason is in the eigenvalues. $W_{{hh}}$ starts with all of them on the unit circle, and after "
        f"training {near_circle(forms)} of them (mean over networks) are still within 0.1 of it. The spectral "
        f"radius, {ends}, is that of the outermost; {in_networks(real, n)} the largest is real, which by itself "
        f"rotates nothing. {therefore}"
    )


def harms(table: pd.DataFrame) -> str:
    """What each ablation costs, beside the paper."""
    deltas = table.groupby("removed").delta
    mean, theirs = deltas.mean(), paper_delta(table)
    RR = table[table.removed == "RR"].set_index("seed")
    median, most = RR.delta.median(), RR.delta.idxmax()
    hides = mean["RR"] > 2 * abs(median)
    last = "The last is a mean that hides its networks: the" if hides else "Of the last the"
    together, alone = mean["CR+CC"], mean["CR"] + mean["CC"]
    adds = "add up" if abs(together - alone) <= ADDS_UP * abs(alone) else "do not add up"
    return (
        f"The mean ΔFVU is {as_text(mean['CC'], '.2f')} without $T_{{CC}}$ (paper {theirs['CC']:.2f}), "
        f"{as_text(mean['CR'], '.2f')} without $T_{{CR}}$ (paper {theirs['CR']:.2f}) and "
        f"{as_text(mean['RR'], '.2f')} without $T_{{RR}}$. {last} median is {as_text(median)}, and the largest, "
        f"{as_text(RR.delta[most], '.2f')}, is that of seed {most} with $n_R$ = {RR.n_leading[most]}. "
        f"It is {as_text(together, '.2f')} without $T_{{CR}}$ and $T_{{CC}}$, and "
        f"{as_text(mean['RR+CR+CC'], '.2f')} without all three: the effects {adds}."
    )


def rhythm(shapes: pd.DataFrame) -> pd.DataFrame:
    """What the outputs look like without each block, medians over networks, as text.

    Args:
        shapes: `removed`, `correlation`, `swing`, `offset`, `late_swing`, one row a network and block.
    """
    rows = []
    for b in COUPLINGS:
        own = shapes[shapes.removed == b]
        middle = own[["correlation", "swing", "offset", "late_swing"]].median()
        rows.append(
            {
                "ablated": without(b),
                "correlation": signed(middle.correlation, 2),
                "swing": as_text(middle.swing, ".2f"),
                "offset": as_text(middle.offset, ".2f"),
                "late swing": as_text(middle.late_swing),
                "stands still in": f"{(own.late_swing < STILL).sum()} of {len(own)}",
            }
        )
    return pd.DataFrame(rows)


def by_frequency(parts: pd.DataFrame) -> pd.DataFrame:
    """Where the median ΔFVU is smallest and largest, and slow against fast sines, as text.

    Args:
        parts: as in `neuroscience`; `value` is the frequency in Hz.
    """
    medians = parts.groupby(["removed", "value"]).delta.median()
    middle, rows = _middle(parts), []
    for b in ("CC", "CR"):
        curve, halves = medians[b], _halves(parts, b)
        low, high = curve.idxmin(), curve.idxmax()
        rows.append(
            {
                "ablated": without(b),
                "smallest ΔFVU": f"{as_text(curve[low], '.2f')} at {low:.1f} Hz",
                "largest ΔFVU": f"{as_text(curve[high], '.2f')} at {high:.1f} Hz",
                f"below {middle:g} Hz": as_text(halves.slow.median(), ".2f"),
                "above": as_text(halves.fast.median(), ".2f"),
                "above is worse in": f"{(halves.fast > halves.slow).sum()} of {len(halves)}",
            }
        )
    return pd.DataFrame(rows)


def answer(table: pd.DataFrame, parts: pd.DataFrame, drawn: int) -> str:
    """Which frequencies suffer more, network by network.

    Args:
        table: as in `neuroscience`.
        parts: as for `by_frequency`.
        drawn: seed of the network in the figures.
    """
    RR = table[table.removed == "RR"].set_index("seed").delta
    most = RR.idxmax()
    curve = parts[(parts.removed == "RR") & (parts.seed == most)].set_index("value").delta
    low, high = curve.idxmin(), curve.idxmax()
    return (
        f"**The answer.** Comparing the frequencies below {_middle(parts):g} Hz with those above, network by "
        f"network: {tendency(parts, 'CC')}; {tendency(parts, 'CR')}. Ablating $T_{{RR}}$ raises the FVU by more "
        f"than {MATTERS} {in_networks((RR > MATTERS).sum(), len(RR))}; in seed {most}, which it hits most, it "
        f"goes from {as_text(curve[low], '.2f')} at {low:.1f} Hz to {as_text(curve[high], '.2f')} at "
        f"{high:.1f} Hz. The example network is seed {drawn}, the one nearest to the median effects."
    )


def tendency(parts: pd.DataFrame, name: str) -> str:
    """Whether the slow or the fast sines suffer more in most networks without a block."""
    halves = _halves(parts, name)
    faster = halves.fast > halves.slow
    if faster.mean() >= MOST:
        return f"without {block(name)} the fast sines suffer more"
    if (~faster).mean() >= MOST:
        return f"without {block(name)} the slow sines suffer more"
    return f"without {block(name)} it depends on the network"


def _middle(parts):
    return (parts.value.min() + parts.value.max()) / 2


def _halves(parts, name):
    rows = parts[parts.removed == name]
    half = np.where(rows.value < _middle(parts), "slow", "fast")
    return rows.groupby(["seed", half]).delta.mean().unstack()
