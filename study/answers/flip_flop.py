"""What the flip-flop chapter says; tables as in `neuroscience`."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from schur_lib.metrics import masked
from schur_lib.schur import COUPLINGS, OrderedSchur
from schur_lib.specs import Spec
from schur_lib.subjects import Evaluation
from study.answers.neuroscience import components, paper_delta, sizes, training
from study.figures.style import without
from study.probes.parts import worst_parts
from study.words import as_text, between

PULSES = ("first", "same", "flip")  # what the line's last pulse did
STANDS_OUT = 3  # flips break if they cost this many times what any other pulse costs (our choice)
LEAST = 0.01  # ΔFVU below which a part does not count (our choice)
LITTLE = 0.05  # relative mass of a block in which there is little to ablate (our choice)


def setting(specs: Sequence[Spec]) -> str:
    """Our trials and our training."""
    chosen = specs[0].task_options
    first = " and one at the first" if chosen["first_pulse"] else ""
    return (
        f"Here a trial has {chosen['steps']} steps and {chosen['n_bits']} lines, as in the paper, and a line "
        f"gets a pulse at a step with probability {chosen['pulse_probability']:g}{first}. {training(specs)}"
    )


def spectrum(states: ArrayLike, forms: Sequence[OrderedSchur]) -> str:
    """How many dimensions the states take, and what the leading eigenvalues are.

    Args:
        states: (T, B, N_h) of the network that is drawn.
        forms: of all networks.
    """
    leading = np.concatenate([form.eigenvalues[: form.n_leading()] for form in forms])
    positive = (abs(leading.imag) < 1e-9) & (leading.real > 0)
    others = [abs(f.eigenvalues[f.n_leading() :]) / abs(f.eigenvalues).max() for f in forms]
    rest = max((values.max() for values in others if len(values)), default=0)
    return (
        f"{components(states)} {sizes(forms)} Of the {len(leading)} leading eigenvalues {positive.sum()} are "
        f"real and positive; their moduli are {between(abs(leading), '.2f')}, and the largest of the other "
        f"eigenvalues, over all networks, has {rest:.2f} of the spectral radius."
    )


def harms(table: pd.DataFrame) -> str:
    """What each ablation costs, beside the paper."""
    by = table.groupby("removed")
    mean, mass, theirs = by.delta.mean(), by.mass.mean()["RR"], paper_delta(table)
    little = "where there is little to ablate: its mass is" if mass < LITTLE else "with a mass of"
    return (
        f"The mean ΔFVU is {as_text(mean['CR'])} without $T_{{CR}}$ (in the paper {theirs['CR']:.4f}; ours "
        f"is {as_text(mean['CR'] / theirs['CR'], '.1f')} times that), {as_text(mean['CC'])} without $T_{{CC}}$ "
        f"(paper {theirs['CC']:.4f}; {as_text(mean['CC'] / theirs['CC'], '.1f')} times) and "
        f"{as_text(mean['RR'], '.5f')} without $T_{{RR}}$, {little} {mass:.3f}. It is {as_text(mean['CR+CC'])} "
        f"without $T_{{CR}}$ and $T_{{CC}}$, and {as_text(mean['RR+CR+CC'])} without all three."
    )


def by_sign(trials: Evaluation) -> Evaluation:
    """The same trials scored by the share of right signs, where there is a sign to hold."""
    held = masked(trials.targets, trials.targets != 0)
    return replace(trials, targets=held).scored_by("replay_accuracy")


def wrong_signs(signs: pd.DataFrame) -> pd.DataFrame:
    """Per cent of wrong signs without each block over networks, as text.

    Args:
        signs: `removed`, `score` (the share of right signs), one row a network and block.
    """
    wrong = 100 * (1 - signs.set_index("removed").score)
    rows = []
    for b in COUPLINGS:
        values = wrong[[b]]
        row = {"median": values.median(), "lowest": values.min(), "highest": values.max()}
        rows.append({"ablated": without(b)} | {f"{k} (%)": as_text(x, ".1f") for k, x in row.items()})
    return pd.DataFrame(rows)


def after_pulse(parts: pd.DataFrame) -> pd.DataFrame:
    """ΔFVU by what the last pulse did and by the steps since, medians over networks, as text."""
    medians, rows = _medians(parts), []
    for b in COUPLINGS:
        since, did = medians["since_pulse", b], medians["last_pulse", b]
        rows.append(
            {"ablated": without(b)}
            | {kind: as_text(did[value]) for value, kind in enumerate(PULSES)}
            | {"at the pulse": as_text(since[0]), "largest": as_text(since.max())}
            | {"steps after it": f"{since.idxmax():.0f}" if since.max() > LEAST else "–"}
        )
    return pd.DataFrame(rows)


def flips(parts: pd.DataFrame) -> bool:
    """Whether flips without CR cost far more than any other pulse without any block."""
    medians = _medians(parts)
    others = [medians["last_pulse", b][value] for b in COUPLINGS for value in (0, 1)]
    return bool(medians["last_pulse", "CR"][2] > STANDS_OUT * max(*others, LEAST))


def what_breaks(parts: pd.DataFrame) -> str:
    """Which kind of pulse the ablated networks fail at."""
    first, same, flip = _medians(parts)["last_pulse", "CR"]
    headline = "Flips break, memory does not." if flips(parts) else "No kind of pulse stands out."
    times = ""
    if flips(parts) and same > 0:
        times = f": {flip / same:.0f} times as much as after a confirming one"
    return (
        f"**{headline}** Without $T_{{CR}}$ the ΔFVU is {as_text(first)} after a line's first pulse, "
        f"{as_text(same)} after one that confirmed the sign and {as_text(flip)} after one that flipped "
        f"it{times}."
    )


def bits(parts: pd.DataFrame) -> pd.DataFrame:
    """ΔFVU of each bit: medians, and which is the worst in how many networks, as text."""
    of_bits = parts[parts.part == "bit"]
    medians, worst, rows = _medians(parts), worst_parts(of_bits, LEAST), []
    for b in COUPLINGS:
        count = worst.n[b] > 0
        rows.append(
            {"ablated": without(b)}
            | {f"bit {value}": as_text(x) for value, x in medians["bit", b].items()}
            | {"worst in": ", ".join(map(str, worst.worst[b])) if count else "–"}
            | {"worst / best": as_text(worst.ratio[b], ".1f")}
        )
    return pd.DataFrame(rows)


def answer(parts: pd.DataFrame, drawn: int) -> str:
    """The chapter's answer.

    Args:
        parts: as above.
        drawn: seed of the network in the figures.
    """
    found = (
        "holding a sign hardly needs any single block: one that was set mostly stays. What carries a new sign "
        "from the complement into the modes that hold the bits is CR; without it the new sign shows for the "
        "step of the pulse and does not take over"
        if flips(parts)
        else f"ablating CR does not hit flips more than {STANDS_OUT} times as hard as any block hits the other "
        "pulses, so memory and flipping are not told apart"
    )
    n = parts.seed.nunique()
    return (
        f"**The answer.** In {n} network{'s' * (n > 1)} (drawn is seed {drawn}, the one nearest to the median "
        f"effects): {found}."
    )


def _medians(parts):
    return parts.groupby(["part", "removed", "value"]).delta.median()
