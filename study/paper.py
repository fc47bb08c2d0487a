"""The published numbers, and our results beside them.

The paper is Dräger, arXiv:2606.18457v1; `data/README.md` describes the table of its numbers.
"""

import json
import math
import os
from collections.abc import Sequence
from functools import cache

import pandas as pd

from schur_lib.networks import Network
from schur_lib.profile import ablation_profile
from schur_lib.schur import SUBSETS
from schur_lib.training import Spec
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
    table = pd.read_csv(folders.DATA / "paper_numbers.csv", dtype={"value": str})
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


def results(
    specs: Sequence[Spec],
    networks: Sequence[Network],
    alpha: float = 0.9,
    removed: Sequence[frozenset] = SUBSETS,
    batch_size: int = 1024,
) -> pd.DataFrame:
    """The ablation profiles of several networks as one tidy table.

    Args:
        specs: what each network is; its task gives the held-out trials.
        networks: as many.
        alpha: splits the leading sector from its complement, in (0, 1].
        removed: the sets of blocks; all eight subsets by default.
        batch_size: held-out trials.

    Returns:
        `task`, `construction`, `hidden_size`, `seed`, then the columns of `ablation_profile`.
    """
    profiles = []
    for spec, net in zip(specs, networks, strict=True):
        profile = ablation_profile(net, spec.make_task(), alpha, removed, batch_size)
        names = ("task", "construction", "hidden_size", "seed")
        for i, name in enumerate(names):
            profile.insert(i, name, getattr(spec, name))
        profiles.append(profile)
    return pd.concat(profiles, ignore_index=True)


def save(table: pd.DataFrame, name: str) -> None:
    """Write a results table to <name>.csv in `folders.results()`."""
    folder = folders.results()
    folder.mkdir(parents=True, exist_ok=True)
    # Rounded far below any tolerance, so that the file does not change in its last digits.
    aside = folder / f".{name}.{os.getpid()}.tmp"
    table.round(7).to_csv(aside, index=False, na_rep="nan")
    os.replace(aside, folder / f"{name}.csv")


def save_stamp(stamp: dict, name: str) -> None:
    """Write what made a table to <name>.json beside it: code, networks and options."""
    folder = folders.results()
    aside = folder / f".{name}.{os.getpid()}.json"
    aside.write_text(json.dumps(stamp, indent=1, sort_keys=True) + "\n")
    os.replace(aside, folder / f"{name}.json")


def profile_of(
    spec: Spec,
    net: Network,
    alphas: Sequence[float] = (0.9,),
    removed: Sequence[Sequence[str]] = SUBSETS,
    batch_size: int = 1024,
) -> pd.DataFrame:
    """The ablation profile of one network at several thresholds, for `study.cache.measured`.

    Args:
        spec: what the network is; its task gives the held-out trials.
        net: the network.
        alphas: thresholds, each in (0, 1].
        removed: the sets of blocks; all eight subsets by default.
        batch_size: held-out trials.

    Returns:
        The columns of `ablation_profile`, threshold after threshold.
    """
    task = spec.make_task()
    profiles = [ablation_profile(net, task, alpha, removed, batch_size) for alpha in alphas]
    return pd.concat(profiles, ignore_index=True)


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
        raise ValueError(
            f"where must be part of one of {sorted(set(numbers()['where']))}: {where!r}"
        )
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
    joined = joined.rename(
        columns={"value": "paper", "sem": "paper_sem", "std": "sd", "count": "n"}
    )
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


def effects(table: pd.DataFrame, digits: int = 3) -> pd.DataFrame:
    """What each removed set does, as text, beside the paper's ΔFVU where it prints one.

    Args:
        table: from `results`, one task scored by FVU.
        digits: after the decimal point of ΔFVU.

    Returns:
        One row a set: `deleted`, `mass` (mean), `paper` and `ours` (ΔFVU, mean ± SEM), `median`, `lowest`,
        `highest`, `S` (mean ± SEM; networks where it is undefined left out) and `n`.
    """

    def mean_sem(values, digits):
        spread = f"{values.sem():.{digits}f}" if len(values) > 1 else "–"
        return f"{values.mean():.{digits}f} ± {spread}" if len(values) else "–"

    printed = numbers()
    printed = printed[printed.quantity == "delta_fvu"].set_index(["task", "removed"])
    rows = []
    for removed, group in table[table.removed != ""].groupby("removed", sort=False):
        theirs, key = "–", (table.task.iloc[0], removed)
        if key in printed.index:
            value, sem = printed.loc[key, ["value", "sem"]]
            # where the paper says "almost no effect", its table of numbers has 0
            theirs = f"{value:g} ± {sem:g}" if value else "≈ 0"
        rows.append(
            {
                "deleted": " ".join(f"−{name}" for name in removed.split("+")),
                "mass": f"{group.mass.mean():.3f}",
                "paper": theirs,
                "ours": mean_sem(group.delta, digits),
                "median": f"{group.delta.median():.{digits}f}",
                "lowest": f"{group.delta.min():.{digits}f}",
                "highest": f"{group.delta.max():.{digits}f}",
                "S": mean_sem(group.sensitivity.dropna(), 2),
                "n": len(group),
            }
        )
    return pd.DataFrame(rows)


def mean_sd(values, digits: int = 3) -> str:
    """Mean and standard deviation over seeds as text, "0.684 ± 0.012"; a dash for the SD of one."""
    values = pd.Series(values, dtype=float)
    spread = f"{values.std():.{digits}f}" if len(values) > 1 else "–"
    return f"{values.mean():.{digits}f} ± {spread}"


def signed(value: float, digits: int = 3) -> str:
    """A difference as text, with its sign, "−0.012"; a dash where there is none."""
    if pd.isna(value):
        return "–"
    text = f"{value:+.{digits}f}".replace("-", "−")
    return text if text.strip("+−0.") else text[1:]


def power_above(value: float) -> str:
    """The next power of ten as text, "10⁻⁷": a bound for what is only rounding."""
    if value == 0:
        return "0"
    exponent = str(math.floor(math.log10(value)) + 1)
    return "10" + exponent.translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def show(table: pd.DataFrame) -> None:
    """Show a table of text as Markdown, which the book sets as a table and nbval compares.

    Args:
        table: text and integers; numbers are to be formatted before, with a fixed precision.
    """
    from IPython.display import display

    rows = [list(map(str, row)) for row in table.itertuples(index=False)]
    rows = [list(map(str, table.columns)), *rows]
    numeric = [
        not any(letter.isalpha() for cell in column[1:] for letter in cell)
        for column in zip(*rows, strict=True)
    ]
    # Numbers do not break over lines in a narrow column: the table scrolls instead.
    rows = [
        [
            cell.replace(" ", "\N{NO-BREAK SPACE}") if right else cell
            for cell, right in zip(row, numeric, strict=True)
        ]
        for row in rows
    ]
    widths = [max(3, *map(len, column)) for column in zip(*rows, strict=True)]
    rule = [
        "-" * (w - 1) + (":" if right else "-") for w, right in zip(widths, numeric, strict=True)
    ]
    lines = [
        "| " + " | ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) + " |"
        for row in [rows[0], rule, *rows[1:]]
    ]
    text = "\n".join(lines)
    display({"text/markdown": text, "text/plain": text}, raw=True)
