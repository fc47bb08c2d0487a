"""The published numbers, and our results beside them.

The paper is Dräger, arXiv:2606.18457v1; `data/README.md` describes the table of its numbers.
"""

from functools import cache

import numpy as np
import pandas as pd
from scipy import stats

from study import folders
from study.claims import MARGIN
from study.statistics import FEWEST, joint_p, mean_interval, prediction_interval

KEYS = ["task", "construction", "hidden_size", "alpha", "removed"]
# What the paper prints, and the column of our results that holds it.
COLUMNS = {
    "n_R": "n_leading",
    "replay_accuracy": "score",
    "fvu": "score",
    "delta_fvu": "delta",
    "normalized_sensitivity": "sensitivity",
}


@cache
def _numbers() -> pd.DataFrame:
    table = pd.read_csv(folders.shipped(folders.DATA / "paper_numbers.csv"), dtype={"value": str})
    text = ["removed", "note"]
    table = table.assign(**{column: table[column].fillna("") for column in text})
    # as it is printed, because "1" and "1.00" are not the same statement
    table.insert(table.columns.get_loc("value"), "value_text", table.value)
    return table.assign(value=table.value.astype(float))


def numbers() -> pd.DataFrame:
    """Every number of the paper, one a row; `data/README.md` lists the columns.

    `value_text` is added: the value as it is printed.
    """
    return _numbers().copy()


def paper_value(name: str) -> float:
    """A published number by its id.

    Raises:
        ValueError: the paper's table has no such id.
    """
    found = _numbers().loc[_numbers().id == name, "value"]
    if found.empty:
        raise ValueError(f"no published number {name!r}; known are {', '.join(_numbers().id)}")
    return float(found.iloc[0])


def beside_paper(table: pd.DataFrame, where: str = "") -> pd.DataFrame:
    """The numbers of the paper, or of a part of it, beside ours, and whether they agree.

    The column `kind` of the paper's table says what agreement means. A *value* (and a *repeat* of one) agrees
    if it lies in the 95 % prediction interval of our networks, for a mean over as many networks as the paper
    used (three in its section 4; unknown on the copy task, where one is assumed), give or take the rounding of
    the printed number. Where the paper says that nothing changes (*preserved*), the 90 % interval of our mean
    must lie within a margin of the printed number: 0.001 for accuracies (the paper's own pairs differ by no
    more), 5 % of the largest effect printed for the task where it says "almost no effect" (our choice).

    Args:
        table: from `results`, perhaps of several alphas; rows that stand in it twice count once.
        where: a part of the paper, such as "Figure 1", "Table 1" or "Figure 2"; all of it by default.

    Returns:
        One row a published number: `id`, its keys (task, construction, hidden_size, alpha, removed),
        `quantity`, `kind`, `paper`, `paper_sem`, and of ours `mean`, `sd` (over seeds, NaN for one), `min`,
        `max`, `n` (0 where we have none), `difference` = mean − paper, the interval `low` to `high` and
        `agrees`: "yes", "no", or "undecided" (of a margin that the interval straddles, or with too few
        networks). Where removed is "any", ours are each network's largest change by any set.

    Raises:
        ValueError: the paper's table has no such part.
    """
    published = numbers()
    published["rounding"], published["margin"] = _rounding(published), _margin(published)
    published = published[published["where"].str.contains(where, regex=False)]
    if published.empty:
        raise ValueError(f"where must be part of one of {sorted(set(numbers()['where']))}: {where!r}")
    table = table.drop_duplicates([*KEYS, "seed"])
    every = [key for key in KEYS if key != "removed"]
    largest = table.assign(change=table.delta.abs()).groupby([*every, "seed"]).change.max()
    changes = largest.reset_index().assign(removed="any").groupby(KEYS).change
    rows = []
    for row in published.itertuples():
        column = COLUMNS.get(row.quantity)
        values = table.groupby(KEYS)[column] if column else changes
        key = tuple(getattr(row, k) for k in KEYS)
        ours = values.get_group(key).dropna() if key in values.groups else pd.Series(dtype=float)
        rows.append(_beside(row, ours))
    return pd.DataFrame(rows)


def joint(table: pd.DataFrame) -> pd.DataFrame:
    """The paper's accuracies without RR and without CR as a pair, among the pairs of our networks.

    Over networks the two go together, so that two numbers, each likely, may be unlikely as a pair.

    Args:
        table: profiles; of these the dense orthogonal copy networks count.
    Returns:
        One row: `n` networks, `r` (correlation over them), `RR` and `CR` (the paper's), `p` (Hotelling's T² of
        the pair as one more network), `predicted` (CR at the paper's RR by a line through our networks) with
        its 95 % prediction interval `low` to `high`. NaN where there are too few networks.
    """
    score = table[(table.task == "copy") & (table.construction == "dense_orthogonal")]
    pairs = score.pivot_table(index="seed", columns="removed", values="score")[["RR", "CR"]].dropna()
    RR, CR = paper_value("f1_orth_RR"), paper_value("f1_orth_CR")
    row = {"n": len(pairs), "RR": RR, "CR": CR, "p": joint_p(pairs.to_numpy(), [RR, CR])}
    row |= dict.fromkeys(("r", "predicted", "low", "high"), float("nan"))
    if len(pairs) >= FEWEST and pairs.RR.std() > 0:
        n, line = len(pairs), stats.linregress(pairs.RR, pairs.CR)
        predicted = line.intercept + line.slope * RR
        left = pairs.CR - line.intercept - line.slope * pairs.RR
        away = (RR - pairs.RR.mean()) ** 2 / ((pairs.RR - pairs.RR.mean()) ** 2).sum()
        half = stats.t.ppf(0.975, n - 2) * np.sqrt((left**2).sum() / (n - 2) * (1 + 1 / n + away))
        row |= {"r": line.rvalue, "predicted": predicted, "low": predicted - half, "high": predicted + half}
    return pd.DataFrame([row])


def _beside(row, ours):
    """One published number beside the values of our networks."""
    if row.kind == "preserved":
        low, high = mean_interval(ours, 0.90)
        inside = row.value - row.margin <= low and high <= row.value + row.margin
        outside = low > row.value + row.margin or high < row.value - row.margin
    else:
        low, high = prediction_interval(ours, m=1 if row.task == "copy" else 3)
        inside = low - row.rounding <= row.value <= high + row.rounding
        outside = not inside
    agrees = "undecided" if len(ours) < FEWEST else "yes" if inside else "no" if outside else "undecided"
    keys = {name: getattr(row, name) for name in ("id", *KEYS, "quantity", "kind")}
    found = {"mean": ours.mean(), "sd": ours.std(), "min": ours.min(), "max": ours.max(), "n": len(ours)}
    found |= {"difference": found["mean"] - row.value, "low": low, "high": high, "agrees": agrees}
    return keys | {"paper": row.value, "paper_sem": row.sem} | found


def _rounding(published):
    """What the printing of each number leaves open, in its own unit."""
    # "1" and "0" in a table of accuracies stand beside numbers of three decimals
    decimals = published.value_text.str.partition(".")[2].str.len()
    return 0.5 * 10.0 ** -decimals.where(~published.quantity.str.startswith("replay"), 3)


def _margin(published):
    """Within what a number that is preserved has to stay."""
    effects = published.value.where(published.quantity == "delta_fvu")
    largest = effects.groupby(published.task).transform("max")
    return (0.05 * largest).where(published.quantity == "delta_fvu", MARGIN)
