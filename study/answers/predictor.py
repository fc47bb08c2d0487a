"""What the chapter on the predictor says.

`forms`, `doses`, `cells`, `replays`, `sectors` and `off` are tables of the probes of `study.probes.predictor`,
`predicted_cells`, `linear` and `off_task`, with the columns that tell the networks apart.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from schur_lib.metrics import NEGLIGIBLE_MASS
from schur_lib.networks import Network
from schur_lib.schur import COUPLINGS
from schur_lib.specs import Spec
from study.catalogue import FIGURE_1
from study.figures.style import NAMES, without
from study.predictions import KEYS, LIMITS, beside, place
from study.probes.predictor import FORMS
from study.statistics import NETWORK
from study.words import ON_TASK, as_text, at_most, between, listed, number_of, power_above

LINEAR = 0.005  # of an accuracy: what may move without tanh (our choice)
ROUNDED = 5e-8  # the tables keep seven digits
SMALLEST = 1e-5  # ΔFVU below this counts as this much on a logarithmic scale (our choice)
ACCOUNTS = {
    "mass": "Schur mass",
    "active_mass": "activity-weighted mass",
    "weights": "weights alone",
    "moments": "mean slopes, E[h hᵀ]",
    "no_states": "mean slopes, inputs",
    "mean_slopes": "mean slopes, states",
    "intact_carries": "slopes and states, carried by W",
    "two_sided": "two-sided: slopes and states, carried by W̃",
}
CANDIDATES = {
    **{name: without(name) for name in COUPLINGS},
    "RC": "−RC, complement first",
    "off": "−off the activity",
    "similar": "S W S⁻¹",
    "random": "random change",
}

CALLS = ("little", "safe")
COMMITTED = ("networks", "predictions", "ablations")
OFF = {  # where a discrepancy is largest, in a sentence
    "streams": "on streams",
    "half": "at half the input",
    "double": "at twice the input",
    "noisy": "with noise",
    "white": "in noise alone",
    "states": "from random states",
}


def single_blocks(forms: pd.DataFrame) -> pd.DataFrame:
    """The rows of single blocks above rounding level at the threshold of the paper."""
    at = np.isclose(forms.alpha, LIMITS["alpha"])
    return forms[at & forms.removed.isin(COUPLINGS) & (forms.mass > NEGLIGIBLE_MASS)]


def measures(table: pd.DataFrame, column: str = "two_sided") -> dict[str, float]:
    """How well a column predicts `delta`, ΔFVU.

    Returns:
        `n` rows; `spearman`, whose square is the R² of a line fitted to the ranks; `network` and `task`, R² of the
        ranks where a network or a task was left out of that line; `log`, R² of log ΔFVU with the prediction
        itself, without a fit (both at least 1e-5); `right`, calls of ΔFVU ≤ 0.05. NaN where it is undefined.
    """
    x, y = (table[name].rank().to_numpy() for name in (column, "delta"))
    networks = table.groupby(NETWORK).ngroup() if set(NETWORK) <= set(table) else table.index
    log_x, log_y = (np.log(table[name].clip(lower=SMALLEST)) for name in (column, "delta"))
    limit, varied = LIMITS["absolute"], np.ptp(x) > 0 and np.ptp(y) > 0 if len(x) else False
    return {
        "n": len(table),
        "spearman": float(spearmanr(x, y).statistic) if varied else np.nan,
        "network": _left_out(x, y, networks),
        "task": _left_out(x, y, table.task) if "task" in table else np.nan,
        "log": _r2(log_y, log_x),
        "right": int(((table[column] <= limit) == (table.delta <= limit)).sum()),
    }


def ladder(blocks: pd.DataFrame) -> pd.DataFrame:
    """Each account of the harm, from the dearest to the cheapest, as text.

    Args:
        blocks: from `single_blocks`.
    """
    rows = []
    for column, title in reversed(ACCOUNTS.items()):
        found = measures(blocks, column)
        row = {"account": title, "rank R²": as_text(found["spearman"] ** 2, ".2f")}
        row |= {f"{part} left out": as_text(found[part], ".2f") for part in ("network", "task")}
        predicts = column in FORMS
        row["log R², no fit"] = as_text(found["log"] if predicts else np.nan, ".2f")
        rows.append(row | {"right calls": f"{found['right']} of {found['n']}" if predicts else "–"})
    return pd.DataFrame(rows)


def of_ladder(blocks: pd.DataFrame, forms: pd.DataFrame) -> str:
    """How far the cheap accounts carry, and what holds for all seven sets."""
    found = {column: measures(blocks, column) for column in ACCOUNTS}
    sets = forms[np.isclose(forms.alpha, LIMITS["alpha"]) & (forms.mass > NEGLIGIBLE_MASS)]
    every, little = measures(sets), int((blocks.delta <= LIMITS["absolute"]).sum())
    cheap = measures(blocks, "weights")
    return (
        f"Rows: the {len(blocks)} single blocks above rounding level of {_networks(blocks)} networks. Rank R²: "
        "the square of Spearman's correlation, that is a line fitted to ranks, and the same line fitted without "
        "a network, or without a task, and tested on it. Log R²: the prediction itself against the logarithm of "
        f"ΔFVU, nothing fitted, both counted as at least {SMALLEST:.5f}. A call is right if the predicted and "
        f"the measured ΔFVU are on the same side of {LIMITS['absolute']:g}; {max(little, len(blocks) - little)} "
        "calls would be right if all were the same. **How far do the weights alone carry?** To a rank R² of "
        f"{as_text(cheap['spearman'] ** 2, '.2f')} and {cheap['right']} right calls; on a task that was left "
        f"out to {as_text(cheap['task'], '.2f')}. The slopes of every step are worth "
        f"{_gain(found, 'two_sided', 'mean_slopes')} in rank R² over their means, the states "
        f"{_gain(found, 'mean_slopes', 'no_states')} over the inputs. Over all {every['n']} rows of the seven "
        f"sets the two-sided prediction has a rank R² of {as_text(every['spearman'] ** 2, '.2f')} "
        f"({as_text(every['task'], '.2f')} on a task left out), a log R² of {as_text(every['log'], '.2f')}, and "
        f"{every['right']} right calls."
    )


def within_tasks(
    blocks: pd.DataFrame, columns=("two_sided", "mean_slopes", "weights", "active_mass")
) -> pd.DataFrame:
    """Spearman's correlation within each task, as text."""
    rows = []
    for task, part in blocks.groupby("task", sort=False):
        row = {"task": NAMES[task], "blocks": len(part)}
        row |= {ACCOUNTS[c].partition(":")[0]: as_text(measures(part, c)["spearman"], ".2f") for c in columns}
        rows.append(row | {"largest ΔFVU": as_text(part.delta.max(), ".2f")})
    return pd.DataFrame(rows)


def saturated(doses: pd.DataFrame) -> str:
    """Where the ranking within a task breaks down: with the size of what is removed.

    Args:
        doses: from `predictor.doses`, of the networks of one task, with `task`.
    """
    doses = doses[doses.moved > 0]
    if doses.empty:
        return "Cannot be told: no block of these networks does anything."
    at = {
        dose: (part.two_sided / part.moved, spearmanr(part.two_sided, part.moved).statistic)
        for dose, part in doses.groupby("dose")
    }
    said = [
        f"{dose:g} (Spearman {as_text(rho, '.2f')}; predicted over true change "
        f"{as_text(ratio.median(), '.2f')}, in single blocks {between(ratio, '.2f')})"
        for dose, (ratio, rho) in at.items()
    ]
    first, last = at[min(at)][1], at[max(at)][1]
    where = ON_TASK[doses.task.iloc[0]]
    headline = (
        f"The first order is right for small changes, and whole blocks are not small {where}."
        if first > 0.9 > last
        else f"The ranking {where} depends little on the size of the change."
    )
    return f"**{headline}** With the share of each block that is removed: {listed(said)}."


def missed(blocks: pd.DataFrame) -> str:
    """Of which blocks with an effect the size is predicted worst, each way."""
    notable = blocks[blocks.delta > LIMITS["absolute"]]
    ratios = (notable.two_sided / notable.delta).groupby([notable.task, notable.removed]).median()
    if ratios.empty:
        return "No block of these networks does more than little."
    said = [
        f"−{ratios.index[at][1]} {ON_TASK[ratios.index[at][0]]} ({as_text(ratios.iloc[at], '.2f')})"
        for at in (ratios.argmin(), ratios.argmax())
    ]
    return (
        f"In size, not in rank: of the blocks with a ΔFVU above {LIMITS['absolute']:g}, the median of predicted "
        f"over measured is lowest for {said[0]} and highest for {said[1]}."
    )


def elsewhere(settings: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The two-sided prediction on networks other than those of the ladder, as text.

    Args:
        settings: by name, rows with `two_sided`, `delta` and `mass`.
    """
    rows = []
    for name, table in settings.items():
        found = measures(table[table.mass > NEGLIGIBLE_MASS])
        row = {"networks": name, "blocks": found["n"], "Spearman": as_text(found["spearman"], ".2f")}
        row |= {"log R², no fit": as_text(found["log"], ".2f")}
        rows.append(row | {"right calls": f"{found['right']} of {found['n']}"})
    return pd.DataFrame(rows)


def settings(forms: pd.DataFrame, others: pd.DataFrame, cells: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The rows of `elsewhere`: other thresholds, starts, sizes and cells."""
    blocks = forms[forms.removed.isin(COUPLINGS)]
    found = {
        f"α = {alpha:g}, all tasks": part
        for alpha, part in blocks.groupby("alpha")
        if not np.isclose(alpha, LIMITS["alpha"])
    }
    others = others[others.removed.isin(COUPLINGS)]
    copies = others[others.task == "copy"]
    found |= {
        f"copy, {NAMES[start]}, 56–72 units": part for start, part in copies.groupby("construction", sort=False)
    }
    sizes = others[others.task == "flip_flop"]
    found |= {f"flip-flop, {size} units": part for size, part in sizes.groupby("hidden_size")}
    return found | {f"flip-flop, {cell}": part for cell, part in cells.groupby("cell", sort=False)}


def of_linear(replays: pd.DataFrame) -> pd.DataFrame:
    """The copy networks without tanh, and their closed form, by configuration, as text."""
    rows = []
    for (start, size), part in replays.groupby(["construction", "hidden_size"], sort=False):
        rows.append(
            {
                "start": NAMES[start],
                "N_h": size,
                "networks": _networks(part),
                "largest change without tanh": as_text((part.linear - part.score).abs().max(), ".4f"),
                "closed form: r": as_text(part.closed_form.corr(part.score) if _varies(part) else np.nan, ".4f"),
                "RMSE": as_text(_rmse(part), ".4f"),
            }
        )
    return pd.DataFrame(rows)


def linear_is_enough(replays: pd.DataFrame) -> str:
    """Whether the copy networks of the main figure are linear, and what the closed form is worth.

    Args:
        replays: of all copy networks.
    """
    replays = _main(replays)
    change = float((replays.linear - replays.score).abs().max())
    headline = "They are linear" if change <= LINEAR else "They are not quite linear"
    r = replays.closed_form.corr(replays.score) if _varies(replays) else np.nan
    return (
        f"**{headline}**: without tanh no accuracy of the eight sets changes by more than "
        f"{as_text(change, '.4f')} in {_networks(replays)} networks. The closed form, which runs nothing and "
        f"fits nothing, gives their {len(replays)} accuracies with r = {as_text(r, '.4f')} and a root mean "
        f"square error of {as_text(_rmse(replays), '.4f')}."
    )


def exceptions(replays: pd.DataFrame) -> str:
    """Which copy networks are not linear."""
    change = (replays.linear - replays.score).abs()
    by = change.groupby([replays.construction, replays.hidden_size]).max()
    far = [
        f"{NAMES[start]} with {size} units ({as_text(m, '.3f')})" for (start, size), m in by.items() if m > 0.01
    ]
    of_rest = at_most(by[by <= 0.01].max()) if (by <= 0.01).any() else ""
    if not far:
        return f"Nowhere does an accuracy move by more than {of_rest} without tanh."
    elsewhere = f"; elsewhere by at most {of_rest}" if of_rest else ""
    return f"Without tanh an accuracy moves by more than 0.01 in {listed(far)}{elsewhere}."


def parts(sectors: pd.DataFrame) -> str:
    """What the sectors of the copy networks are for.

    Args:
        sectors: of all copy networks.
    """
    sectors = _main(sectors)
    if (sectors.n_complement == 0).any():
        return "Cannot be told: in some of these networks every mode is in the leading sector."
    by = sectors.select_dtypes("number").agg(["min", "max"])

    def span(column, form=".2f", scale=1):
        low, high = scale * by[column]
        if form[-1] == "f" and as_text(low, form).strip("0.") == "":
            return f"at most {at_most(high, int(form[1]))}"
        return between((low, high), form, "–")

    chance = (sectors.n_complement / sectors.hidden_size).mean()
    port = "is the input port" if by["input_C"]["min"] > 2 * chance else "is no input port"
    return (
        f"**The complement {port}.** In these {len(sectors)} networks it has "
        f"{span('n_complement', '.0f')} dimensions and holds {span('input_C', '.0f', 100)} % of ‖W_xh‖² (its "
        f"share of the dimensions is {as_text(100 * chance, '.0f')} %), but {span('readout_C', '.4f')} of "
        "‖W_hy‖². **The leading sector is the memory.** A perfect replay takes 64 dimensions. Here the first "
        f"Hankel singular value beyond these is {span('beyond', '.3f')} times the last of them (median "
        f"{as_text(sectors.beyond.median(), '.3f')}). **$T_{{CR}}$ is the write gate.** Of the norm "
        f"of the impulse response, the memory alone has {span('memory')}, the complement "
        f"alone {span('complement', '.4f')} and the cascade {span('cascade')}; removing $T_{{CR}}$ removes the "
        f"cascade and nothing else, up to {power_above(max(by['not_cascade']['max'], ROUNDED))}. **$T_{{CC}}$ "
        f"acts through the gate, or hardly at all.** Its removal changes the impulse response by "
        f"{span('CC', '.0f', 100)} %, after $T_{{CR}}$ is gone by {span('CC_after_CR', '.4f')}, and by at most "
        f"{power_above(max(by['CC_after_CR_late']['max'], ROUNDED))} beyond the first eight lags."
    )


def normal_and_banded(sectors: pd.DataFrame) -> str:
    """Claims 3 and 4 of the paper, where the structure decides them.

    Args:
        sectors: of all copy networks.
    """
    normal = sectors[sectors.construction == "cayley"]
    dense = sectors[sectors.construction != "cayley"]
    main = _main(dense)
    empty = int((main.in_band == 0).sum())
    follows = (
        "the profile is the same at every α there, for all of them"
        if empty == len(main)
        else f"for these {empty} the profile is the same at every α there; for the others it has to be measured"
    )
    return (
        f"The couplings of the {len(normal)} Cayley networks hold at most "
        f"{power_above(max(normal.couplings.max(), ROUNDED))} of the Schur mass, the rounding of single "
        f"precision (dense networks: at least {as_text(dense.couplings.min(), '.2f')}). Of the {len(main)} "
        f"dense orthogonal networks of 72 units {empty} have no eigenvalue with a modulus in [0.85 ρ, 0.95 ρ): "
        f"{follows}."
    )


def off_the_task(off: pd.DataFrame) -> pd.DataFrame:
    """What can go on the task: its mass, its harm, and its discrepancy there and elsewhere: medians, as text."""
    can_go = invariances(off).index
    situations = {"task": "on the task", "streams": "streams", "double": "double", "white": "noise"}
    rows, off = [], off[off.mass > NEGLIGIBLE_MASS]
    for task in dict.fromkeys(off.task):
        for name, title in CANDIDATES.items():
            part = off[(off.task == task) & (off.removed == name)]
            if (task, name) not in can_go:
                continue
            row = {"task": NAMES[task], "removed": title, "mass": as_text(part.mass.median(), ".2f")}
            row["harm"] = as_text(part.harm.median(), ".4f")
            at = part.groupby("situation").discrepancy.median()
            for situation, where in (situations | {"states": "states"}).items():
                row[where] = as_text(at[situation], ".4f")
            rows.append(row)
    return pd.DataFrame(rows)


def invariances(off: pd.DataFrame) -> pd.DataFrame:
    """Median discrepancies by task and candidate, of those that are at most the limit on the task.

    Returns:
        Indexed by task and candidate: `task`, the discrepancy there; `worst`, the largest elsewhere, and its
        `situation`.
    """
    off = off[off.mass > NEGLIGIBLE_MASS]
    at = off.pivot_table(index=["task", "removed"], columns="situation", values="discrepancy", aggfunc="median")
    at = at[at["task"] <= LIMITS["absolute"]]
    elsewhere = at.drop(columns="task")
    return pd.DataFrame(
        {"task": at["task"], "worst": elsewhere.max(axis=1), "situation": elsewhere.idxmax(axis=1)}
    )


def restricted(off: pd.DataFrame) -> str:
    """Which of the paper's blocks are invariances of the task alone, at one ε."""
    epsilon, found = LIMITS["absolute"], invariances(off)
    blocks = found[found.index.get_level_values("removed").isin(COUPLINGS)]
    said = [
        f"−{removed} {ON_TASK[task]} ({as_text(row.task, '.4f')} on the task, {as_text(row.worst, '.4f')} "
        f"{OFF[row.situation]}: {'restricted to the task' if row.worst > epsilon else 'not restricted to it'})"
        for (task, removed), row in blocks.iterrows()
    ]
    carved = found[found.index.get_level_values("removed") == "off"]
    ratio = carved.worst / carved.task
    n_yes = int((blocks.worst > epsilon).sum())
    headline = (
        f"Of {number_of(len(blocks), 'block')} that can go on {'their' if len(blocks) != 1 else 'its'} task at "
        f"ε = {epsilon:g}, {n_yes} can go on the task alone."
    )
    text = f"**{headline}** An invariance is restricted to the task if the discrepancy is at most ε on the task "
    text += f"and above ε elsewhere, in medians over networks: {listed(said)}."
    if len(carved):
        text += (
            " What is restricted by construction shows how large such sets can be: all that W does outside of "
            f"the directions that carry 99.99 % of the activity can go on {number_of(len(carved), 'task')}; "
            f"elsewhere it matters {between(ratio, '.0f')} times as much."
        )
    return text


def of_similarity(off: pd.DataFrame) -> str:
    """What a similarity that fixes both maps, as large as T_CC, does in the copy networks."""
    part = off[(off.task == "copy") & (off.mass > NEGLIGIBLE_MASS)]
    at = part.groupby(["removed", "situation"]).discrepancy.median()
    if ("similar", "task") not in at.index:
        return "Cannot be told: these networks have no $T_{CC}$ whose size could be taken."
    return (
        "A random one of these changes, as large as $T_{CC}$, moves the outputs of the copy networks, with "
        f"their tanh, by at most {at_most(at['similar', 'task'])} of their variance on the task and by at most "
        f"{at_most(at['similar', 'streams'])} on streams; a random change of this size moves them by "
        f"{as_text(at['random', 'task'], '.2f')}, removing $T_{{CC}}$ by {as_text(at['CC', 'task'], '.4f')}."
    )


def better_candidate(off: pd.DataFrame) -> str:
    """On the copy task: the coupling of the leading sector into a complement that comes first, beside T_CC."""
    part = off[(off.task == "copy") & (off.situation == "task")].groupby("removed").median(numeric_only=True)
    if not {"RC", "CC"} <= set(part.index) or not part.mass["CC"] > 0:
        return "Cannot be told: these networks have no such couplings."
    larger = part.harm["RC"] <= part.harm["CC"] + 0.001  # the paper's agreement
    verdict = f"by accuracy it is {'the larger' if larger else 'no such'} symmetry"
    alike = part.discrepancy["RC"] <= part.discrepancy["CC"]
    return (
        "With the complement first, what couples the leading sector into it holds "
        f"{as_text(part.mass['RC'] / part.mass['CC'], '.1f')} times the mass of $T_{{CC}}$, and its harm is "
        f"{as_text(part.harm['RC'], '.4f')} of the accuracy ($T_{{CC}}$: {as_text(part.harm['CC'], '.4f')}): "
        f"{verdict}. By the outputs it is {'one too' if alike else 'a worse one'}: they move by "
        f"{as_text(part.discrepancy['RC'], '.3f')} of their variance, those without $T_{{CC}}$ by "
        f"{as_text(part.discrepancy['CC'], '.3f')}. Accuracy does not see what stays on the right side of zero."
    )


def answer(blocks: pd.DataFrame, replays: pd.DataFrame, off: pd.DataFrame) -> str:
    """What predicts a safe block.

    Args:
        blocks: from `single_blocks`.
        replays: of all copy networks.
        off: from `off_task`.
    """
    replays = _main(replays)
    best, mass = measures(blocks), measures(blocks, "active_mass")
    little = int((blocks.delta <= LIMITS["absolute"]).sum())
    change = float((replays.linear - replays.score).abs().max())
    headline = (
        "Not its size: the path of its effect" if best["spearman"] > mass["spearman"] else "Not the path alone"
    )
    linear = (
        f"The copy networks are all but linear (no accuracy moves by more than {as_text(change, '.4f')} without "
        "tanh), so there it is an equation."
        if change <= LINEAR
        else f"The copy networks are not linear (without tanh accuracies move by up to {as_text(change, '.4f')})."
    )
    return (
        f"{headline}. What a block reads from the states, carried on by the ablated weights, as the readout "
        f"sees it, predicts the harm of {best['n']} blocks on four tasks with a rank R² of "
        f"{as_text(best['spearman'] ** 2, '.2f')} ({as_text(best['task'], '.2f')} on a task left out), without "
        f"a fit and without running an ablated network; activity-weighted mass has "
        f"{as_text(mass['spearman'] ** 2, '.2f')} ({as_text(mass['task'], '.2f')}). Whether ΔFVU is at most "
        f"{LIMITS['absolute']:g} it says rightly for {best['right']} of {best['n']} "
        f"({max(little, best['n'] - little)} if all were called the same). {linear} "
        f"{restricted(off).split('**')[1]}"
    )


def frozen() -> str:
    """The limits that frozen predictions are made with."""
    limits = LIMITS
    return (
        f"The limits stand in the code: α = {limits['alpha']:g}; *safe* if ΔFVU is at most "
        f"{100 * limits['epsilon']:g} % of the network's own FVU, which counts as at least {limits['floor']:g}; "
        f"*little* if it is at most {limits['absolute']:g}; predictions from {limits['n_trials']} trials, "
        f"measurements on {limits['n_measured']:,d} others."
    )


def compared(
    packs: Sequence[Sequence[Spec]],
    networks: Mapping[Spec, Network],
    outcomes: pd.DataFrame,
    accuracies: pd.DataFrame,
) -> pd.DataFrame:
    """The frozen predictions for some packs beside what was measured later, with α.

    Args:
        packs: specs, as they were frozen.
        networks: of all specs, or of some, whose rows are wanted.
        outcomes: profiles by FVU, whose `delta` counts.
        accuracies: profiles of the copy networks by replay accuracy.

    Returns:
        As `predictions.beside`, with `measured_accuracy` and `alpha`.
    """
    replays = accuracies.rename(columns={"score": "measured_accuracy"})
    measured = outcomes.merge(replays[[*KEYS, "removed", "measured_accuracy"]], "left", on=[*KEYS, "removed"])
    measured = measured[[*KEYS, "removed", "alpha", "delta", "measured_accuracy"]]
    tables = []
    for pack in packs:
        own = [spec for spec in pack if spec in networks]
        tables.append(beside(place(pack), own, [networks[spec] for spec in own], measured))
    return pd.concat(tables, ignore_index=True)


def outcome(compared: pd.DataFrame) -> pd.DataFrame:
    """How frozen predictions came out, by configuration, as text.

    Args:
        compared: from `predictions.beside`, of several packs.
    """
    rows = []
    for (task, start), part in [*compared.groupby(["task", "construction"], sort=False), (("", ""), compared)]:
        blocks, row = single_blocks(part), {"networks": _networks(part)}
        found = measures(blocks)
        row |= {"blocks": len(blocks), "rank R²": as_text(found["spearman"] ** 2, ".2f")}
        row |= {"log R², no fit": as_text(found["log"], ".2f")}
        for call in CALLS:
            right, same = _right(blocks, call)
            row |= {f"right “{call}”": right, f"right if all the same ({call})": same}
        name = f"{NAMES[task]}, {NAMES[start]}" if task == "copy" else NAMES[task] if task else "all"
        rows.append({"predicted for": name} | row)
    return pd.DataFrame(rows)


def of_outcome(compared: pd.DataFrame) -> str:
    """Whether the frozen predictions held, and where they lost."""
    blocks = single_blocks(compared)
    found, mass = measures(blocks), measures(blocks, "active_mass")
    said, lost = [], []
    for call in CALLS:
        right, same = _right(blocks, call)
        said.append(f"“{call}” for {right} ({same} if all were called the same)")
        for (task, start), part in blocks.groupby(["task", "construction"], sort=False):
            right, same = _right(part, call)
            if right < same:
                kind = f" ({NAMES[start]})" if task == "copy" else ""
                lost.append(f"“{call}” {ON_TASK[task]}{kind}, {right} right where {same} would be")
    of_tasks = {task: measures(part) for task, part in blocks.groupby("task", sort=False)}
    ranks = {task: of_task["spearman"] for task, of_task in of_tasks.items()}
    sizes = [
        f"{ON_TASK[task]} (log R² {as_text(m['log'], '.2f')})" for task, m in of_tasks.items() if m["log"] < 0
    ]
    worst = min(ranks, key=lambda task: np.nan_to_num(ranks[task], nan=2.0))
    right, same = _right(blocks, "little")
    headline = "The predictions hold" if right > same and found["spearman"] > mass["spearman"] else "They lose"
    return (
        f"**{headline}**: of {len(blocks)} blocks of {_networks(blocks)} networks that nobody had ablated, they "
        f"called rightly {listed(said)}; the rank R² is {as_text(found['spearman'] ** 2, '.2f')} "
        f"(activity-weighted mass: {as_text(mass['spearman'] ** 2, '.2f')}), the log R² without a fit "
        f"{as_text(found['log'], '.2f')}. Worse than calling all the same: {'; '.join(lost) or 'nowhere'}. Within "
        f"a task the ranking is weakest {ON_TASK[worst]} (Spearman {as_text(ranks[worst], '.2f')}); sizes are "
        f"predicted worse than one number for all would {listed(sizes) if sizes else 'nowhere'}."
    )


def of_replays_predicted(compared: pd.DataFrame) -> str:
    """The frozen accuracies of the copy networks, from the closed form, beside the measured ones.

    Args:
        compared: as above, with `measured_accuracy`.
    """
    part = compared[compared.accuracy.notna() & (compared.construction == FIGURE_1[0][0])]
    if part.empty:
        return "No copy networks are among them."
    missed = part.accuracy - part.measured_accuracy
    return (
        f"The closed form predicted the replay accuracies of {_networks(part)} dense orthogonal copy networks "
        f"without each of the seven sets with r = {as_text(part.accuracy.corr(part.measured_accuracy), '.4f')}, a "
        f"root mean square error of {as_text(np.sqrt((missed**2).mean()), '.4f')} and a largest error of "
        f"{as_text(missed.abs().max(), '.3f')}."
    )


def of_commits(commits: Mapping[str, Mapping[str, Mapping[str, str]]]) -> str:
    """In which order networks, predictions and ablations entered the project's history.

    Args:
        commits: of each edition, `commit` and `time` of "networks", "predictions" and "ablations".
    """
    said = []
    for edition, of in commits.items():
        there = [f"the {what} in `{of[what]['commit'][:7]}` ({of[what]['time']})" for what in COMMITTED]
        said.append(f"for the {edition} {listed(there)}")
    return (
        f"In the history of the project stand, {'; '.join(said)}. The flip-flop was replaced by another "
        "([Editions](../editions.md)), and its networks with it: their predictions were made anew, by the same "
        "predictor."
    )


def _right(blocks, call):
    """How many calls are right, and how many would be if all were called the same."""
    n_yes = int(blocks[f"was_{call}"].sum())
    return int((blocks[call] == blocks[f"was_{call}"]).sum()), max(n_yes, len(blocks) - n_yes)


def _main(table):
    """The copy networks that all tasks are compared with: dense orthogonal, 72 units."""
    start, size = FIGURE_1[0]
    return table[(table.construction == start) & (table.hidden_size == size)]


def _left_out(x, y, groups):
    """R² of y for each group by a line fitted to the rows of the others; NaN with one group."""
    codes, total = pd.factorize(np.asarray(groups))[0], np.sum((y - y.mean()) ** 2) if len(y) else 0
    if len(y) == 0 or codes.max() < 1 or not total:
        return float("nan")
    missed = 0.0
    for code in range(codes.max() + 1):
        rest = codes != code
        X = np.column_stack([np.ones(len(x)), x])
        fit = np.linalg.lstsq(X[rest], y[rest], rcond=1e-10)[0]
        missed += np.sum((y[~rest] - X[~rest] @ fit) ** 2)
    return float(1 - missed / total)


def _r2(y, predicted):
    total = float(np.square(y - y.mean()).sum()) if len(y) else 0.0
    return 1 - float(np.square(y - predicted).sum()) / total if total else float("nan")


def _gain(found, better, worse):
    return as_text(found[better]["spearman"] ** 2 - found[worse]["spearman"] ** 2, "+.2f")


def _varies(table):
    return np.ptp(table.score) > 0.01 and np.ptp(table.closed_form) > 0.01


def _rmse(table):
    return float(np.sqrt(np.square(table.closed_form - table.score).mean()))


def _networks(table):
    return table.groupby(NETWORK).ngroups
