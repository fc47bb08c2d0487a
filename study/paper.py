"""The published numbers, and our results beside them.

The paper is Dräger, arXiv:2606.18457v1; `data/README.md` describes the table of its numbers.
"""

from functools import cache

import pandas as pd

from study import folders

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
    """The numbers of the paper, or of a part of it, beside ours.

    A number is *within* ours if it lies between our lowest and our highest network, give or take the
    rounding of the printed number (our choice). For a zero that the paper only states in words
    ("almost no effect") the rounding is 5 % of the largest effect that it prints for that task.

    Args:
        table: from `results`, perhaps of several alphas; rows that stand in it twice count once.
        where: a part of the paper, such as "Figure 1", "Table 1" or "Figure 2"; all of it by default.

    Returns:
        One row a published number: `id`, its keys (task, construction, hidden_size, alpha, removed),
        `quantity`, `paper`, `paper_sem`, and of ours `mean`, `sd` (over seeds, NaN for one), `min`,
        `max`, `n` (0 where we have none), `difference` = mean − paper and `within`. Where removed is
        "any", ours are each network's largest change by any set.

    Raises:
        ValueError: the paper's table has no such part.
    """
    published = numbers()
    published["rounding"] = _rounding(published)
    published = published[published["where"].str.contains(where, regex=False)]
    if published.empty:
        raise ValueError(f"where must be part of one of {sorted(set(numbers()['where']))}: {where!r}")
    table = table.drop_duplicates([*KEYS, "seed"])
    every = [key for key in KEYS if key != "removed"]
    largest = table.assign(change=table.delta.abs()).groupby([*every, "seed"]).change.max()
    largest = largest.reset_index().assign(removed="any")
    parts = []
    for quantity, rows in published.groupby("quantity", sort=False):
        if quantity == "replay_accuracy_change":
            values = largest.groupby(KEYS).change
        else:
            values = table.groupby(KEYS)[COLUMNS[quantity]]
        ours = values.agg(["mean", "std", "min", "max", "count"])
        parts.append(rows.join(ours, on=KEYS))
    joined = pd.concat(parts).sort_index()
    joined = joined.rename(columns={"value": "paper", "sem": "paper_sem", "std": "sd", "count": "n"})
    joined["n"] = joined["n"].fillna(0).astype(int)
    joined["difference"] = joined["mean"] - joined["paper"]
    low, high = joined["min"] - joined.rounding, joined["max"] + joined.rounding
    joined["within"] = (low <= joined.paper) & (joined.paper <= high)
    ours = ["mean", "sd", "min", "max", "n", "difference", "within"]
    return joined[["id", *KEYS, "quantity", "paper", "paper_sem", *ours]].reset_index(drop=True)


def _rounding(published):
    """What the printing of each number leaves open, in its own unit."""
    # "1" and "0" in a table of accuracies stand beside numbers of three decimals
    decimals = published.value_text.str.partition(".")[2].str.len()
    decimals = decimals.where(~published.quantity.str.startswith("replay"), 3)
    rounding = 0.5 * 10.0**-decimals
    in_words = published.quantity.eq("delta_fvu") & published.value.eq(0)
    effects = published.value.where(published.quantity == "delta_fvu")
    largest = effects.groupby(published.task).transform("max")
    return rounding.where(~in_words, 0.05 * largest)
