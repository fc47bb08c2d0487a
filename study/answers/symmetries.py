"""What the chapter on the number of symmetries says.

`found` is the table of `study.probes.symmetries.symmetries`, `equal` that of `study.probes.smallest.equals`, each
with the columns that tell the networks apart.
"""

import numpy as np
import pandas as pd

from schur_lib.metrics import NEGLIGIBLE_MASS
from schur_lib.schur import COUPLINGS
from study.figures.style import NAMES, without
from study.probes.symmetries import FREE, LIMITS
from study.statistics import NETWORK
from study.words import ON_TASK, as_text, listed

EPSILONS = (1e-3, 1e-2, 1e-1)  # discrepancies at which two functions count as the same (our choice)
EXACTLY = 1e-6  # of the variance of the targets: rounding of two runs of the same function
NO_HARM = {"copy": 0.01}  # of an accuracy; of the FVU 0.01 as well (our choice)
SETS = ("the same function", *(f"within ε = {e:g}" for e in EPSILONS), "the task as well")


def together(*tables: pd.DataFrame) -> pd.DataFrame:
    """Tables of the same columns as one."""
    return pd.concat(tables, ignore_index=True)


def counts(found: pd.DataFrame) -> pd.DataFrame:
    """How many directions cost more than each limit, medians over networks, as text."""
    rows = []
    for (task, size), part in found[found.what == "above"].groupby(["task", "hidden_size"], sort=False):
        row = {"task": NAMES[task], "N_h": size, "networks": _networks(part), "directions": f"{size**2:,d}"}
        for limit in LIMITS:
            numbers = part[np.isclose(part.cost, limit)].number
            row[f"> {limit:g}"] = as_text(numbers.median() if numbers.notna().all() else np.nan, ".0f")
        rows.append(row)
    return pd.DataFrame(rows)


def fixed(found: pd.DataFrame) -> pd.Series:
    """By task, the share of the directions that cost more than `FREE`: the median over networks."""
    above = found[(found.what == "above") & np.isclose(found.cost, FREE)]
    return (above.number / above.hidden_size**2).groupby(above.task, sort=False).median()


def answer(found: pd.DataFrame, equal: pd.DataFrame) -> str:
    """What share of the directions each task fixes, and what is left of the ablations in the smallest networks."""
    shares = fixed(found)
    said = [f"{_percent(share)} % {ON_TASK[task]}" for task, share in shares.items()]
    most = (
        f"most of recurrent weight space is symmetry: to first order {_percent(1 - shares.max())} % of it or more"
    )
    headline = "On every task " + most if shares.max() < 0.5 else "Not on every task is most of weight space free"
    return (
        f"{headline}. The share of the directions of W whose change by 10 % of ‖W‖ costs more than {FREE:g} of "
        f"ΔFVU: {listed(said)} ({_networks(found)} networks). {_spans(equal)}"
    )


def places(found: pd.DataFrame) -> pd.DataFrame:
    """Where the blocks, and what W does off the activity, lie among the directions: medians, as text."""
    rows = []
    for task, rest in found.groupby("task", sort=False):
        everywhere = 1 - fixed(rest).iloc[0]
        for name in (*COUPLINGS, "off"):
            part = rest[(rest.what == name) & (rest.mass > NEGLIGIBLE_MASS) & (rest.number > 0)]
            if part.empty:
                continue
            row = {"task": NAMES[task], "place": "off the activity" if name == "off" else f"$T_{{{name}}}$"}
            row |= {"dimensions": as_text(part.number.median(), ".0f")}
            row["of them free"] = as_text((part.free / part.number).median(), ".3f")
            row["its own mass"] = as_text(part.mass.median(), ".2f")
            row["share in the free space"] = as_text(part.share.median(), ".3f")
            row["of a random change"] = as_text(everywhere, ".3f")
            row["cost, first order"] = as_text(part.cost.median(), ".4f")
            row["of a random change of its size"] = as_text(part.isotropic.median(), ".3f")
            rows.append(row)
    return pd.DataFrame(rows)


def of_places(found: pd.DataFrame) -> str:
    """Whether the blocks are freer than chance."""
    blocks = found[found.what.isin(COUPLINGS) & (found.mass > NEGLIGIBLE_MASS)]
    shares = blocks.groupby(["task", "what"], sort=False).share.median()
    everywhere = 1 - fixed(found)
    freer = [key for key, share in shares.items() if share > everywhere[key[0]]]
    said = [f"{without(name)} {ON_TASK[task]}" for task, name in freer]
    return (
        f"Of {len(shares)} blocks {len(freer)} lie more in the free space than a random change of weights would "
        f"({listed(said)}). The blocks are no special sample of the symmetries: what training has put there is "
        "mostly less free than chance."
        if len(freer) <= len(shares) / 2
        else f"Of {len(shares)} blocks {len(freer)} lie more in the free space than a random change of weights "
        f"would: {listed(said)}."
    )


def of_rank(found: pd.DataFrame, n_x: int = 8, n_y: int = 8) -> str:
    """Whether the copy networks have as many costly directions as a linear network can have."""
    part = found[(found.task == "copy") & (found.what == "above") & np.isclose(found.cost, FREE)]
    if part.empty:
        return "Cannot be told: there is no copy network."
    size = int(part.hidden_size.iloc[0])
    most = size**2 - (size - n_x) * (size - n_y)
    low, high = int(part.number.min()), int(part.number.max())
    range_ = f"{low:,d}" if low == high else f"{low:,d} to {high:,d}"
    verdict = "No network has more" if high <= most else "Some have more: their tanh is felt"
    return (
        f"For the copy networks of {size} units the proposition allows at most {most:,d} directions that cost "
        f"anything, of {size**2:,d}. Found above {FREE:g}: {range_}. {verdict}."
    )


def of_finite(changes: pd.DataFrame) -> pd.DataFrame:
    """What finite changes do, anywhere and in the free space: medians over draws and networks, as text."""
    rows = []
    for (task, amount), part in changes.groupby(["task", "amount"], sort=False):
        row = {"task": NAMES[task], "‖δW‖/‖W‖": as_text(amount, ".1f")}
        row |= {"ΔFVU anywhere": as_text(part.anywhere.median(), ".4f")}
        rows.append(row | {"in the free space": as_text(part.free.median(), ".5f")})
    return pd.DataFrame(rows)


def ends(equal: pd.DataFrame) -> pd.DataFrame:
    """Each network beside the last one on its way to the smallest, as text."""
    rows = []
    for key, part in equal[equal.way == "task"].groupby(NETWORK, sort=False):
        first, last = part.iloc[0], part.iloc[-1]
        row = {
            "network": f"{NAMES[key[0]]} {key[-1]}",
            "steps": int(last.step),
            "‖W‖² kept": as_text(last.kept, ".3f"),
        }
        row["dimensions"] = f"{int(first.dimensions)} → {int(last.dimensions)}"
        row["score"] = _change(first.score, last.score, 5 if key[0] != "copy" else 3)
        row |= {without(name): _change(first[f"harm_{name}"], last[f"harm_{name}"]) for name in COUPLINGS}
        rows.append(row)
    return pd.DataFrame(rows)


def of_ends(equal: pd.DataFrame) -> str:
    """What the way to the smallest network does to the three effects."""
    told = []
    for task, part in equal[equal.way == "task"].groupby("task", sort=False):
        by = part.groupby(NETWORK, sort=False)
        first, last = by.first(), by.last()
        ratios = []
        for name in COUPLINGS:
            before, after = first[f"harm_{name}"].median(), last[f"harm_{name}"].median()
            if before > _no_harm(task):
                ratios.append(f"{without(name)} {as_text(100 * after / before, '.0f')} %")
        told.append(f"{ON_TASK[task]} {listed(ratios)}")
    return (
        f"What is left of each effect at the last step, in medians over networks, of those that were more than "
        f"little: {'; '.join(told)}. Not all of these ways had come to their end when they were stopped."
    )


def bounds(equal: pd.DataFrame) -> pd.DataFrame:
    """The smallest and the largest harm of each block that was met within each of the sets of `SETS`.

    Returns:
        One row a task, network, set and block: `set`, `removed`, `n` matrices, `low`, `high`, `own`.
    """
    rows = []
    for key, part in equal.groupby(NETWORK, sort=False):
        first = part[part.way == "task"].iloc[0]
        within = {SETS[0]: part.moved <= EXACTLY}
        within |= {f"within ε = {e:g}": part.moved <= e for e in EPSILONS}
        within[SETS[-1]] = part.fvu <= first.fvu * (1 + EXACTLY)
        for name, inside in within.items():
            for removed in COUPLINGS:
                harms = part.loc[inside, f"harm_{removed}"]
                row = dict(zip(NETWORK, key, strict=True)) | {"set": name, "removed": removed, "n": len(harms)}
                rows.append(row | {"low": harms.min(), "high": harms.max(), "own": first[f"harm_{removed}"]})
    return pd.DataFrame(rows)


def side_by_side(equal: pd.DataFrame) -> pd.DataFrame:
    """The bounds as text, a row a task and block, a column a set; the widest over the networks of a task."""
    rows = []
    for (task, removed), part in bounds(equal).groupby(["task", "removed"], sort=False):
        row = {"task": NAMES[task], "ablated": without(removed), "networks": _networks(part)}
        row["the networks"] = _range(part.own.min(), part.own.max())
        for name in SETS:
            inside = part[part.set == name]
            row[name] = _range(inside.low.min(), inside.high.max())
        rows.append(row)
    return pd.DataFrame(rows)


def of_bounds(equal: pd.DataFrame) -> str:
    """Which effects are of the task and which of the solution, as far as these bounds tell."""
    exact = bounds(equal).query("set == @SETS[0] and n > 1 and high > low and high > 0.01")
    said = [
        f"{without(removed)} {ON_TASK[task]} {_range(part.low.min(), part.high.max())}"
        for (task, removed), part in exact.groupby(["task", "removed"], sort=False)
    ]
    of_function = (
        f"Not even the function decides: among matrices whose outputs differ by less than {EXACTLY:g} of the "
        f"variance, the harm spans, over the networks, for {listed(said)}. "
        if said
        else ""
    )
    return (
        f"{of_function}{_spans(equal)} These bounds were met, not proved to be the last: the true intervals can "
        "only be wider."
    )


def _spans(equal):
    """Which effects of the networks can be had or not within what does the task as well."""
    found = bounds(equal)
    found = found[(found.set == SETS[-1]) & (found.own > found.task.map(_no_harm))]
    changed, kept = [], []
    for (task, removed), part in found.groupby(["task", "removed"], sort=False):
        halved = ((part.low < part.own / 2) | (part.high > 2 * part.own)).all()
        (changed if halved else kept).append(f"{without(removed)} {ON_TASK[task]}")
    if found.empty:
        return "None of these networks has an effect that could be followed."
    return (
        "Along the way to the smallest network that does the task as well, the harm halves or doubles in "
        f"every network ({_networks(equal)} on {equal.task.nunique()} tasks) for {listed(changed)}, which says as "
        f"much of where training stopped as of the task; it does not for {listed(kept)}."
    )


def _no_harm(task):
    return NO_HARM.get(task, 0.01)


def _range(low, high):
    return "–" if pd.isna(low) else f"{as_text(low, '.3f')} … {as_text(high, '.3f')}"


def _change(before, after, digits=3):
    return f"{as_text(before, f'.{digits}f')} → {as_text(after, f'.{digits}f')}"


def _percent(share):
    return as_text(100 * share, ".1f")


def _networks(table):
    return table.groupby(NETWORK).ngroups
