"""Numbers and tables as text."""

import math

import pandas as pd

from study.paper import numbers


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
