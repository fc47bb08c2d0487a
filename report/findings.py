"""The findings of the report: sentences in plain words, every number and verdict from the tables.

A block is written T_RR, which the page sets with a subscript.
"""

import numpy as np
import pandas as pd

from schur_lib.metrics import METRICS, NEGLIGIBLE_MASS, Metric
from schur_lib.schur import COUPLINGS
from study.probes.activity import SHARE
from study.probes.perturbations import SIZE

ONE_MODULUS = 1e-6  # relative: moduli this close are called one
CLEAR = 0.9  # our choice: Cliff's δ from which nulls are called different from the removal


def summary(found) -> list[str]:
    """Three sentences on a `Diagnosis`; first, where it does not do its task, that it does not."""
    profile, trials = found.profile, found.trials
    intact = profile.iloc[0]
    task = of_the_task(intact.score, intact.n_trials, trials.metric, found.skill)
    run = f"What was run, with {_count(len(trials.W_hh), 'unit')}: {found.equation}."
    said = [task, run] if found.does_task is False else [run, task]
    return [*said, of_the_parts(profile, found.departure, found.allowed)]


def findings(found) -> list[str]:
    """Further findings of a `Diagnosis`, from its cut to its normality."""
    profile, size = found.profile, len(found.trials.W_hh)
    moduli = np.abs(found.trials.form.eigenvalues) * (found.departure["rho"] > 0)
    return [
        of_the_cut(profile.n_leading[0], moduli, found.steady),
        *of_the_blocks(profile),
        *of_the_activity(found.halves, worst_block(profile), size),
        *(of_what_can_go(row) for row in found.stable.itertuples() if profile.mass.max() > NEGLIGIBLE_MASS),
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


def of_the_parts(profile: pd.DataFrame, departure: dict, allowed: float) -> str:
    """In one sentence, which coupling blocks a score depends on.

    Args:
        profile: from `profile_of`.
        departure: from `departure_of`, or its `rho` and `henrici`.
        allowed: harm that counts as none.
    """
    single = single_blocks(profile)
    if single.empty:
        return of_no_block(departure)
    harmless = (single.harm <= allowed).to_numpy()
    safe, worst = single.removed[harmless].tolist(), single.iloc[-1]
    becomes = f"the score becomes {number(worst.score)}"
    if len(single) == 1:
        does = (
            f"can be removed within a harm of {number(allowed)}" if safe else f"does harm when removed: {becomes}"
        )
        return f"The only coupling block that holds anything, T_{worst.removed}, {does}."
    if not safe:
        return f"Each coupling block does harm when removed, T_{worst.removed} the most: {becomes}."
    each = f"{_names(safe)} can {'each ' * (len(safe) > 1)}be removed within a harm of {number(allowed)}"
    if harmless.all():
        return f"Of the coupling blocks, {each}."
    harmful = single.removed[~harmless].tolist()[::-1]
    most = f" (without T_{worst.removed} {becomes})"
    return f"Of the coupling blocks, removing {_names(harmful)} does harm{most}, while {each}."


def of_no_block(departure: dict) -> str:
    """Why there is no coupling to remove.

    Args:
        departure: from `departure_of`, or its `rho` and `henrici`.
    """
    if departure["rho"] == 0:
        return "W is zero: the network has no recurrence, and nothing can be removed."
    if departure["henrici"] > NEGLIGIBLE_MASS:
        return (
            "No coupling block holds more than rounding, so that nothing can be removed: what makes W nonnormal "
            "stands in the 2×2 blocks of its complex eigenvalues."
        )
    return "No coupling block holds more than rounding: W is normal, and nothing can be removed."


def of_the_cut(n_leading: int, moduli: np.ndarray, steady: pd.DataFrame) -> str:
    """Where the cut lies, and whether small changes of W move it.

    Args:
        n_leading: n_R.
        moduli: (N_h,), of the eigenvalues.
        steady: from `steadiness`.
    """
    size = len(moduli)
    if size == 1:
        return "There is one dimension, and it leads: T_RR, T_CR and T_CC are empty."
    if n_leading == size:
        ratio = moduli.min() / moduli.max() if moduli.max() > 0 else 1.0
        why = f"An α above {ratio:.3g} splits the spectrum."
        if ratio > 1 - ONE_MODULUS:
            same = "are 0" if moduli.max() == 0 else "have one modulus"
            why = f"All eigenvalues {same}, so that no α splits them."
        return (
            f"The leading sector holds all {size} dimensions: there is no complement, and T_CR and T_CC are "
            f"empty. {why}"
        )
    low, high = int(steady.n_low.min()), int(steady.n_high.max())
    said = f"The leading sector holds {n_leading} of {size} dimensions"
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
        return []  # the summary says why
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
    henrici, peak = departure["henrici"], departure.get("peak", np.nan)
    said = f"W departs from normality by {henrici:.3f} (Henrici, 0 to 1)"
    if departure["rho"] == 0 and henrici == 0:
        return "W is zero, and with it each of its powers."
    if departure["rho"] == 0:
        return (
            f"{said}; it is nilpotent: all its eigenvalues are 0, and what it does is done by its couplings alone."
        )
    if np.isnan(peak):
        return f"{said}."
    if departure["peak_k"] == 0:
        return f"{said}; its powers, without the growth of ρᵏ, never exceed a norm of 1."
    reach = f"reach a norm of {number(peak)} at k = {departure['peak_k']}"
    return f"{said}; its powers, without the growth of ρᵏ, {reach}."


def of_the_plan(plan, n_given: int, everything) -> str:
    """What was thinned to keep the report within its budget; "" where nothing was.

    Args:
        plan: a `Plan`.
        n_given: trials in the data.
        everything: the `Amount` from which nothing is thinned.
    """
    amount, less = plan.amount, []
    if plan.n_trials < n_given:
        less.append(f"{plan.n_trials} of the {n_given} trials, taken evenly")
    for name, what in (
        ("draws", "random changes of each kind and set"),
        ("perturbations", "small changes of W"),
        ("doses", "doses of each block"),
        ("powers", "powers of W"),
    ):
        one, whole = getattr(amount, name), getattr(everything, name)
        if one < whole:
            less.append(f"{one or 'no'} {what} instead of {whole}")
    if not less:
        return ""
    less = "; ".join(less)
    return f"Thinned to keep within the budget of time and memory: {less}. --budget MINUTES allows more time."


def _count(n, what):
    return f"{n} {what}{'' if n == 1 else 's'}"


def _names(blocks):
    """T_CC; T_RR and T_CC; T_RR, T_CR and T_CC."""
    *first, last = (f"T_{block}" for block in blocks)
    return f"{', '.join(first)} and {last}" if first else last


def of_the_networks(over: pd.DataFrame, metric: Metric) -> str:
    """Which single block matters most and least on average over networks.

    Args:
        over: from `over_networks`.
        metric: the score.
    """
    single = over[over.removed.isin(COUPLINGS) & (over.mass > NEGLIGIBLE_MASS)]
    if single.empty:
        return "No coupling block of any network holds more than rounding, so that nothing can be removed."
    single = single.assign(harm=metric.harm(single.delta, 0)).sort_values("harm", kind="stable")
    worst, mildest = single.iloc[-1], single.iloc[0]
    said = f"On average over the networks, removing T_{worst.removed} does the most harm, {number(worst.harm)}"
    if np.isfinite(worst.low):
        between = sorted(metric.harm(end, 0) for end in (worst.low, worst.high))
        said += f" (95 % over networks {number(between[0])} to {number(between[1])})"
    return f"{said}{f', and T_{mildest.removed} the least, {number(mildest.harm)}' if len(single) > 1 else ''}."


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
