"""The findings of the report: sentences in plain words, every number and verdict from the tables.

A block is written T_RR, which the page sets with a subscript.
"""

import numpy as np
import pandas as pd

from schur_lib.metrics import METRICS, NEGLIGIBLE_MASS, Metric
from schur_lib.schur import COUPLINGS
from study.probes.activity import SHARE
from study.probes.perturbations import SIZE

CLEAR = 0.9  # our choice: Cliff's δ from which nulls are called different from the removal


def findings(found) -> list[str]:
    """All findings of a `Diagnosis`; how well the network does its task comes first."""
    profile, trials = found.profile, found.trials
    intact, size = profile.iloc[0], len(trials.W_hh)
    gap = trials.form.cut_report(found.alpha).gap
    return [
        of_the_task(intact.score, intact.n_trials, trials.metric, found.skill),
        of_the_cut(intact.n_leading, size, gap, found.steady),
        *of_the_blocks(profile),
        *of_the_activity(found.halves, worst_block(profile), size),
        *map(of_what_can_go, found.stable.itertuples()),
        of_the_departure(found.departure),
    ]


def does_task(metric: Metric, skill: float) -> bool | None:
    """Whether a network does its task well enough for its removals to mean something.

    Args:
        metric: the score.
        skill: where it lies between chance (0) and perfect (1).

    Returns:
        None where the skill is unknown (NaN).
    """
    return None if np.isnan(skill) else bool(skill >= metric.enough)


def of_the_task(score: float, n_trials: int, metric: Metric, skill: float) -> str:
    """How well the network does its task; a caution where that is not enough."""
    scored = f"scores {number(score)} ({metric.title}) on {n_trials} trials"
    if does_task(metric, skill) is not False:
        return f"The whole network {scored}."
    return (
        f"Caution: this network does not do the task well, so that what a removal changes says little. It "
        f"{scored}; on the way from chance (0) to a perfect score (1) that is {number(skill)}, and this "
        f"report asks for {metric.enough:g}."
    )


def of_the_cut(n_leading: int, hidden_size: int, gap: float, steady: pd.DataFrame) -> str:
    """Where the cut lies, and whether small changes of W move it.

    Args:
        n_leading: n_R.
        hidden_size: N_h.
        gap: of the cut; NaN where the complement is empty.
        steady: from `steadiness`.
    """
    if np.isnan(gap):
        return (
            f"The leading sector holds all {hidden_size} dimensions: there is no complement, and T_CR and "
            "T_CC are empty. A larger α may split the spectrum."
        )
    low, high = int(steady.n_low.min()), int(steady.n_high.max())
    said = f"The leading sector holds {n_leading} of {hidden_size} dimensions"
    if low == high:
        return f"{said}, and changes of W by {SIZE:.1%} leave this number as it is."
    return (
        f"{said}, but under changes of W by {SIZE:.1%} this number varies from {low} to {high}: the cut is not "
        "well posed, and another α should be tried beside this one."
    )


def single_blocks(profile: pd.DataFrame) -> pd.DataFrame:
    """The rows of the single blocks that hold anything, with their `harm`, the mildest first."""
    single = profile[profile.removed.isin(COUPLINGS) & (profile.mass > NEGLIGIBLE_MASS)]
    harm = METRICS[profile.metric[0]].harm(single.score, profile.score[0])
    return single.assign(harm=harm).sort_values("harm", kind="stable")


def worst_block(profile: pd.DataFrame) -> str | None:
    """The block whose removal does the most harm; None where there is none."""
    single = single_blocks(profile)
    return None if single.empty else single.removed.iloc[-1]


def of_the_blocks(profile: pd.DataFrame) -> list[str]:
    """Which single block matters most and least, and whether that is its size."""
    single = single_blocks(profile)
    if single.empty:
        return ["No block holds more than rounding: W is normal, and nothing can be removed."]
    mildest, worst = single.iloc[0], single.iloc[-1]
    if len(single) == 1:
        return [of_a_block(worst, "the most harm"), of_its_size(worst)]
    return [
        of_a_block(worst, "the most harm"),
        of_a_block(mildest, "the least"),
        of_its_size(mildest),
        of_its_size(worst),
    ]


def of_a_block(row: pd.Series, what: str) -> str:
    """What removing one block changes."""
    between = f" (95 % over trials {number(row.low)} to {number(row.high)})"
    return (
        f"Of the single blocks, removing T_{row.removed} does {what}: it holds {row.mass:.3f} of the Schur "
        f"mass, and without it the score is {number(row.score)}, a change of {number(row.delta)}"
        f"{between if np.isfinite(row.low) else ''}."
    )


def of_its_size(row: pd.Series) -> str:
    """Whether removing a block does other harm than isotropic changes of its norm."""
    much = "less" if row.isotropic_effect > CLEAR else "more"
    verdict = f"{much} harm than its size lets expect"
    if abs(row.isotropic_effect) <= CLEAR:
        verdict = "about the harm that its size lets expect"
    return (
        f"Isotropic random changes as large as T_{row.removed} do a harm of {number(row.isotropic_median)} "
        f"(median; p = {row.isotropic_p:.3f} for a change as mild as the removal): removing it does "
        f"{verdict}."
    )


def of_the_activity(halved: pd.DataFrame, block: str | None, hidden_size: int) -> list[str]:
    """Whether a block matters where it reads the activity, or elsewhere.

    Args:
        halved: from `halves`, at one share.
        block: the one to speak of; None: of none.
        hidden_size: N_h.
    """
    if block is None:
        return []
    harm = halved[halved.removed == block].set_index("part").harm
    k = int(halved.k[halved.part == "on"].iloc[0])
    return [
        f"The activity fills {k} of {hidden_size} dimensions (to {SHARE:.0%}). Of T_{block}, the part that "
        f"reads them does a harm of {number(harm.on)} when removed alone, the rest {number(harm.off)}, the "
        f"whole {number(harm.whole)}."
    ]


def of_what_can_go(row) -> str:
    """How much can be removed at once, and whether that holds on other trials; of a row of `stabilisers`."""
    held_out = f"on other trials (harm {number(row.held_out_harm)} of {number(row.held_out_allowed)})"
    if row.kind == "blocks":
        said = f"Blocks that can go at once within a harm of {number(row.allowed)}: "
        if not row.removed:
            return f"{said}none."
        names = ", ".join(f"T_{name}" for name in row.removed.split("+"))
        check = "This holds" if row.holds else "This does not hold"
        return f"{said}{names} (Schur mass {row.mass:.3f}). {check} {held_out}."
    what = {"groups": "groups between eigenvalue blocks", "entries": "single entries"}[row.kind]
    return (
        f"In {what}, {row.share:.0%} of all couplings (Schur mass {row.mass:.3f}) were found to be "
        f"removable at once; this {'holds' if row.holds else 'does not hold'} {held_out}."
    )


def of_the_departure(departure: dict) -> str:
    """How far W is from normal, from `departure_of`."""
    return (
        f"W departs from normality by {departure['henrici']:.3f} (Henrici, 0 to 1); its powers, without the "
        f"growth of ρᵏ, reach a norm of {number(departure['peak'])} at k = {departure['peak_k']}."
    )


def number(value: float) -> str:
    """A number for prose: three significant digits, infinity in words."""
    if not np.isfinite(value):
        return "without bound" if value > 0 else "undefined"
    if value == 0:
        return "0"
    if 1e-4 <= abs(value) < 1e5:
        return f"{value:.3g}".replace("-", "−")
    digits, exponent = f"{value:.1e}".split("e")
    power = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{digits}·10{power}".replace("-", "−")
