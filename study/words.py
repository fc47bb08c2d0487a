"""How a chapter speaks: numbers as text, and the two calls that put tables and sentences on its page."""

import math
from collections.abc import Callable, Mapping

import pandas as pd
from IPython.display import display
from myst_nb import glue

from study.paper import numbers

ON_TASK = {  # where something happens, in a sentence
    "copy": "on the copy task",
    "flip_flop": "on the flip-flop",
    "sine_generation": "on sine generation",
    "context_integration": "in context integration",
}


def tell(sentence: str, name: str | None = None) -> None:
    """Put a computed sentence or paragraph on the page; with a name, other pages can quote it.

    Args:
        sentence: Markdown as the book reads it, from a tested function of `study.answers`.
        name: by which other pages quote it.
    """
    display({"text/markdown": sentence, "text/plain": sentence}, raw=True)
    if name:
        glue(name, sentence, display=False)


def show(
    table: pd.DataFrame,
    formats: Mapping[str, str | Callable] | None = None,
    reading: str = "",
) -> None:
    """Put a table on the page as Markdown, which the book sets as a table and nbval compares.

    Args:
        table: text and integers; numbers that are not whole need a format, so that they are printed with
            a fixed precision.
        formats: by column, as for `as_text`, or a function of the entry.
        reading: what the table says, a computed sentence below it.
    """
    shown = table.copy()
    for column, form in (formats or {}).items():
        write = form if callable(form) else lambda value, form=form: as_text(value, form)
        shown[column] = [write(value) for value in table[column]]
    shown = shown.astype(str)
    # Numbers do not break over lines in a narrow column: the table scrolls instead.
    numeric = [not shown[c].str.contains(r"[^\W\d_]").any() for c in shown]
    for column, right in zip(shown, numeric, strict=True):
        if right:
            shown[column] = shown[column].str.replace(" ", "\N{NO-BREAK SPACE}")
    align = ["right" if right else "left" for right in numeric]
    text = shown.to_markdown(index=False, disable_numparse=True, colalign=align)
    display({"text/markdown": text, "text/plain": text}, raw=True)
    if reading:
        display({"text/markdown": reading, "text/plain": reading}, raw=True)


def as_text(value: float, form: str = ".3f") -> str:
    """A number as text with a true minus sign: "+.3f" with its sign, a dash for NaN, no sign at zero."""
    if pd.isna(value):
        return "–"
    text = format(value, form).replace("-", "−")
    return text if text.strip("+−0.%") else text.lstrip("+−")


def listed(items) -> str:
    """Words in a row: "a", "a and b", "a, b and c"; "none" without any."""
    *first, last = items or ["none"]
    return f"{', '.join(first)} and {last}" if first else last


def between(values, form: str = ".3f", joined: str = " to ") -> str:
    """The lowest and the highest of some values as text, "0.61 to 0.72"; one number where both print alike."""
    low, high = (as_text(value, form) for value in (min(values), max(values)))
    return low if low == high else f"{low}{joined}{high}"


def in_networks(few: int, n: int) -> str:
    """In how many networks something is so: "in 3 of 10 networks"; a single network is not counted."""
    return f"in {few} of {n} networks" if n > 1 else "in the one network" if few else "in no network"


def number_of(n: int, thing: str) -> str:
    """How many there are, with the noun in its number: "1 network", "12 networks"."""
    return f"{n} {thing}" + "s" * int(n != 1)


def effects(table: pd.DataFrame, digits: int = 3) -> pd.DataFrame:
    """What each removed set does, as text, beside the paper's ΔFVU where it prints one.

    Args:
        table: from `results`, one task scored by FVU.
        digits: after the decimal point of ΔFVU.

    Returns:
        One row a set: `ablated`, `mass` (mean), `paper` and `ours` (ΔFVU, mean ± SEM), `median`, `lowest`,
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
                "ablated": " ".join(f"−{name}" for name in removed.split("+")),
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


def at_most(value: float, digits: int = 4) -> str:
    """A largest value as text, rounded up and never zero: what "by more than" can be said of."""
    steps = 10**digits
    return f"{max(math.ceil(round(value * steps, 3)), 1) / steps:.{digits}f}"


def mean_sd(values, digits: int = 3) -> str:
    """Mean and standard deviation over seeds as text, "0.684 ± 0.012"; a dash for the SD of one."""
    values = pd.Series(values, dtype=float)
    spread = f"{values.std():.{digits}f}" if len(values) > 1 else "–"
    return f"{as_text(values.mean(), f'.{digits}f')} ± {spread}"


def signed(value: float, digits: int = 3) -> str:
    """A difference as text, with its sign, "−0.012"; a dash where there is none."""
    return as_text(value, f"+.{digits}f")


def with_interval(value: float, low: float, high: float, form: str = "+.2f") -> str:
    """A number and its interval as text, "+0.50 [+0.13, +0.76]"; the number alone where it has none."""
    ends = "" if pd.isna(low) else f" [{as_text(low, form)}, {as_text(high, form)}]"
    return as_text(value, form) + ends


def power_above(value: float) -> str:
    """The next power of ten as text, "10⁻⁷": a bound for what is only rounding."""
    if value == 0:
        return "0"
    exponent = str(math.floor(math.log10(value)) + 1)
    return "10" + exponent.translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
