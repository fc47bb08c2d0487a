"""What the chapter on many networks of one recipe says.

`figure_1` is the profile of the copy networks (all eight sets, by accuracy), `figure_2` that of the networks of
the three other tasks (single blocks and all three, by FVU). *Harm* is what a network loses without a set:
accuracy, or ΔFVU.
"""

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from schur_lib.metrics import NEGLIGIBLE_MASS
from schur_lib.schur import COUPLINGS
from study import claims
from study.figures.style import NAMES, ORDER, without
from study.statistics import NETWORK, median_interval, share_interval
from study.words import ON_TASK, as_text, between, listed, number_of, signed

SETS = (*COUPLINGS, ORDER[-1])
N_BITS = 3  # of the flip-flop: a network with fewer leading dimensions holds bits in other ways
CLASSES = (2, 4, 8, 16, 32, 64)  # largest n_R of each class (our choice)


def harms(figure_1: pd.DataFrame, figure_2: pd.DataFrame) -> pd.DataFrame:
    """Harm of each block and of all three together, a row a network and set.

    Returns:
        NETWORK, `removed`, `mass`, `n_leading`, `intact` (error), `harm`, and `safe`: the error rises by at most
        `claims.EPSILON` of itself.
    """
    table = pd.concat([figure_1, figure_2], ignore_index=True)
    errors = table.assign(intact=claims.error(table))
    whole = errors[errors.removed == ""][[*NETWORK, "intact"]]
    rows = errors[errors.removed.isin(SETS)].drop(columns="intact").merge(whole, on=NETWORK)
    harm = claims.error(rows) - rows.intact
    safe = harm <= claims.EPSILON * claims.base_error(rows.intact, rows.metric)
    return rows[[*NETWORK, "removed", "mass", "n_leading", "intact"]].assign(harm=harm, safe=safe)


def distributions(found: pd.DataFrame) -> pd.DataFrame:
    """Medians of the harm over networks with their exact intervals, and how many networks a set is safe for.

    Args:
        found: from `harms`.

    Returns:
        `task`, `construction`, `removed`, `n` networks, `median` with `low` and `high` (95 %), `lowest` and
        `highest` network, `vacant` (networks whose set is empty), and `unsafe`, the share of networks in which the
        error rises by more than ε, with `unsafe_low` and `unsafe_high` (95 %).
    """
    rows = []
    for (task, construction, removed), part in found.groupby(["task", "construction", "removed"], sort=False):
        low, high = median_interval(part.harm)
        least, most = share_interval(~part.safe)
        row = {"task": task, "construction": construction, "removed": removed, "n": len(part)}
        row |= {"median": part.harm.median(), "low": low, "high": high}
        row |= {"lowest": part.harm.min(), "highest": part.harm.max()}
        row |= {"vacant": int((part.mass <= NEGLIGIBLE_MASS).sum())}
        rows.append(row | {"unsafe": (~part.safe).mean(), "unsafe_low": least, "unsafe_high": most})
    return pd.DataFrame(rows)


def shown(table: pd.DataFrame) -> pd.DataFrame:
    """The table of `distributions`, as text."""
    rows = []
    for row in table.itertuples():
        name = NAMES[row.task] + (f", {NAMES[row.construction]}" if row.task == "copy" else "")
        share = f"{100 * row.unsafe:.0f} %"
        if not np.isnan(row.unsafe_low):
            share += f" ({100 * row.unsafe_low:.0f}–{100 * row.unsafe_high:.0f})"
        interval = "–" if np.isnan(row.low) else _interval(row.low, row.high)
        rows.append(
            {"network": name, "ablated": without(row.removed), "n": row.n, "of these empty": row.vacant}
            | {"median harm": _harm(row.median), "95 % interval": interval}
            | {"lowest": _harm(row.lowest), "highest": _harm(row.highest), "more than ε": share}
        )
    return pd.DataFrame(rows)


def by_size(found: pd.DataFrame) -> pd.DataFrame:
    """Median harm of each block by the size of the leading sector, as text.

    Args:
        found: from `harms`.
    """
    found = found[(found.task != "copy") & found.removed.isin(COUPLINGS)]
    rows, ends = [], (0, *CLASSES)
    for task, part in found.groupby("task", sort=False):
        for last, first in zip(CLASSES, ends, strict=False):
            of_class = part[(part.n_leading > first) & (part.n_leading <= last)]
            if of_class.empty:
                continue
            row = {"task": NAMES[task], "n_R": between((first + 1, last), "d", "–")}
            row["networks"] = of_class.seed.nunique()
            for name in COUPLINGS:
                harm = of_class.harm[of_class.removed == name]
                low, high = median_interval(harm)
                interval = "" if np.isnan(low) else f" ({_interval(low, high)})"
                row[without(name)] = _harm(harm.median()) + interval
            rows.append(row)
    return pd.DataFrame(rows)


def follows_size(found: pd.DataFrame) -> str:
    """How closely the harm of each block follows the size of the leading sector."""
    said = []
    for task, part in found[found.task != "copy"].groupby("task", sort=False):
        wide = part.pivot(index="seed", columns="removed", values="harm")
        n_R = part.groupby("seed").n_leading.first()
        rho = [f"{without(name)} {signed(_spearman(n_R, wide[name]), 2)}" for name in COUPLINGS]
        said.append(f"{ON_TASK[task]} {listed(rho)}")
    return f"Spearman's correlation of $n_R$ with the harm, over networks: {'; '.join(said)}."


def two_kinds(found: pd.DataFrame) -> str:
    """Flip-flop: whether networks with fewer leading dimensions than bits lose more without CC than the others."""
    part = found[(found.task == "flip_flop") & (found.removed == "CC")]
    few, others = (part.harm[flag] for flag in (part.n_leading < N_BITS, part.n_leading >= N_BITS))
    if few.empty or others.empty:
        return f"The flip-flop networks are of one kind: $n_R$ is {between(part.n_leading, 'd')}."
    above = np.mean(few.to_numpy()[:, None] > others.to_numpy())
    headline = (
        "There are two kinds of flip-flop network"
        if above == 1
        else "There are two kinds of flip-flop network, and they overlap"
        if above >= 0.9
        else "The size of the leading sector does not tell flip-flop networks apart"
    )
    return (
        f"**{headline}.** {len(few)} of {len(part)} have fewer leading dimensions than the task has bits; without "
        f"$T_{{CC}}$ their FVU rises by {between(few)} (median {as_text(few.median())}). The other {len(others)} "
        f"lose {between(others)} (median {as_text(others.median())}). A network of the first kind loses more than "
        f"one of the second with probability {as_text(above, '.2f')}. A median over all of them is a number "
        "between two heaps, and a mean over three networks depends on which three."
    )


def answer(found: pd.DataFrame) -> str:
    """What many networks show that three cannot, in a sentence or two that other pages quote."""
    table = distributions(found)
    n = table.n[table.task != "copy"].min()
    singles = table[table.removed.isin(COUPLINGS) & (table.vacant < table.n)]
    always = [_named(row) for row in singles.itertuples() if row.unsafe == 0]
    never = int((singles.unsafe == 1).sum())
    some = [_named(row) for row in singles.itertuples() if 0 < row.unsafe < 1]
    return (
        f"{number_of(n, 'network')} of each task were ablated{_copies(table)}. Of the {len(singles)} blocks "
        f"that hold anything, if the error may rise by {100 * claims.EPSILON:g} %, {len(always)} can go in every "
        f"network ({listed(always)}) and {never} in none; for the other {len(some)} it depends on the network "
        f"({listed(some)})."
    )


def _copies(table):
    n = table.n[table.task == "copy"]
    return f", and {n.min()} of each copy configuration" if len(n) else ""


def _named(row):
    kind = f"{NAMES[row.construction]} " if row.task == "copy" else ""
    return f"{without(row.removed)} {ON_TASK[row.task].replace('the copy', f'the {kind}copy')}"


def _harm(value):
    return as_text(value, ".4f" if abs(value) < 0.1 else ".2f")


def _interval(low, high):
    low, high = _harm(low), _harm(high)
    return low if low == high else f"{low} to {high}"


def _spearman(x, y):
    return float(spearmanr(x, y).statistic) if np.ptp(x) > 0 and np.ptp(y) > 0 else float("nan")
