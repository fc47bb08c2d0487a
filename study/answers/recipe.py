"""What the recipe's chapter says.

A *variant* is a task with one choice of its recipe set to one value; `table` holds the profiles of all
variants, with the choice in `varied` and its value, as text, in `value`.
"""

from collections.abc import Callable

import pandas as pd

from schur_lib.schur import COUPLINGS
from study import claims, paper
from study.figures.style import NAMES, ORDER, STUDIES, without
from study.words import as_text

VARIANT = ["task", "varied", "value"]
SPREAD = 0.05  # of an accuracy over the variants that is still robust (our choice)
FACTOR, LITTLE = 2, 0.01  # of an FVU: this factor, or this difference (our choice)
MILD = 0.005  # change of the accuracy that is hardly one (our choice)
LARGE, SMALL = 0.5, 0.1  # ΔFVU of the sine generation (our choice)
QUANTITIES = {
    "replay_accuracy": "accuracy",
    "fvu": "FVU",
    "delta_fvu": "ΔFVU",
    "normalized_sensitivity": "S_ΔT",
}


def published() -> pd.DataFrame:
    """The paper's numbers of dense orthogonal networks at α = 0.9, without those of its Table 1."""
    rows = paper.numbers()
    in_text = ~rows["where"].str.contains("Table 1")
    return rows[(rows.alpha == 0.9) & (rows.construction == "dense_orthogonal") & in_text]


def networks(table: pd.DataFrame, n_networks: int) -> str:
    """How many networks there are.

    Args:
        table: of all variants.
        n_networks: fewer than its rows say, because the default stands among several choices' values.
    """
    n_seeds = table.seed.nunique()
    return f"{n_networks} networks, {n_seeds} seed{'s' * (n_seeds > 1)} for each value."


def by_value_of_copy(table: pd.DataFrame) -> pd.DataFrame:
    """n_R and mean accuracies of the copy networks, one row a value, as text."""
    rows = []
    for varied, value, part in _variants(table[table.task == "copy"]):
        mean = part.groupby("removed").score.mean()
        scores = {without(r) if r else "intact": f"{mean[r]:.3f}" for r in ("", "CC", "RR", "CR", ORDER[-1])}
        rows.append({"varied": varied, "value": value, "n_R": _range(part.n_leading)} | scores)
    return pd.DataFrame(rows)


def by_value_of_others(table: pd.DataFrame) -> pd.DataFrame:
    """n_R, mean FVU and median ΔFVU of the other tasks' networks, one row a value, as text."""
    rows = []
    for varied, value, part in _variants(table[table.task != "copy"]):
        middle = part.groupby("removed").delta.median()
        fvu = part[part.removed == ""].score.mean()
        row = {
            "varied": varied,
            "value": value,
            "n_R": _range(part.n_leading),
            "intact FVU": f"{fvu:.4f}",
        }
        rows.append(row | {without(block): as_text(middle[block]) for block in COUPLINGS})
    return pd.DataFrame(rows)


def solving(table: pd.DataFrame) -> pd.Series:
    """Whether the networks of a variant solve their task on average, by `VARIANT`."""
    intact = table[table.removed == ""]
    intact = intact.assign(error=claims.error(intact), limit=intact.metric.map(claims.SOLVED))
    mean = intact.groupby(VARIANT, sort=False)[["error", "limit"]].mean()
    return mean.error <= mean.limit


def over_variants(table: pd.DataFrame) -> pd.DataFrame:
    """How far each published number moves over the variants that solve the task.

    Means over seeds; medians for ΔFVU and S_ΔT. Numbers with fewer than two variants are left out.

    Returns:
        `task`, `removed`, `quantity`, `paper`, `lowest`, `highest`, `variants`, `within` (the paper's
        number), `robust`.
    """
    good, rows = solving(table), []
    for number in published().itertuples():
        part = table[(table.task == number.task) & (table.removed == number.removed)]
        values = part.groupby(VARIANT, sort=False)[paper.COLUMNS[number.quantity]]
        values = values.mean() if number.quantity in ("replay_accuracy", "fvu") else values.median()
        values = values[good.reindex(values.index).to_numpy(dtype=bool)].dropna()
        if len(values) > 1:
            low, high = float(values.min()), float(values.max())
            within, robust = low <= number.value <= high, is_robust(number.quantity, low, high)
            rows.append((number.task, number.removed, number.quantity, number.value, low, high, len(values),
                         within, robust))  # fmt: skip
    columns = [
        "task",
        "removed",
        "quantity",
        "paper",
        "lowest",
        "highest",
        "variants",
        "within",
        "robust",
    ]
    return pd.DataFrame(rows, columns=columns)


def is_robust(quantity: str, low: float, high: float) -> bool:
    """Whether a published number's values over the variants stay close to one another."""
    if quantity == "replay_accuracy":
        return high - low <= SPREAD
    return high - low <= LITTLE or (low > 0 and high <= FACTOR * low)


def shown(numbers: pd.DataFrame) -> pd.DataFrame:
    """The numbers of `over_variants` as text."""
    return pd.DataFrame(
        {
            "task": NAMES[row.task],
            "number": _name(row),
            "paper": f"{row.paper:g}",
            "lowest": as_text(row.lowest, ".4f" if abs(row.lowest) < 1 else ".2f"),
            "highest": as_text(row.highest, ".4f" if abs(row.highest) < 1 else ".2f"),
            "variants": row.variants,
            "paper's within": "yes" if row.within else "no",
            "verdict": "robust" if row.robust else "depends on the recipe",
        }
        for row in numbers.itertuples()
    )


def robust(numbers: pd.DataFrame) -> str:
    """How many published numbers are robust, as other pages quote it."""
    if numbers.empty:
        return "No published number can be compared: too few variants solve their task."
    return (
        f"{numbers.robust.sum()} of {len(numbers)} published numbers are robust to choices that the paper does "
        "not state."
    )


def solved(table: pd.DataFrame) -> str:
    """How many variants solve their task, and which do not."""
    good = solving(table)
    failing = [f"{STUDIES[varied]} {value}" for (_, varied, value), solves in good.items() if not solves]
    return f"{good.sum()} of {len(good)} variants solve their task (not: {', '.join(failing) or 'none'})."


def orders(table: pd.DataFrame) -> str:
    """In how many variants that solve their task the paper's statements on the blocks hold."""
    median = table.groupby([*VARIANT, "removed"], sort=False).delta.median().unstack()
    median = median[solving(table).reindex(median.index)]
    if median.empty:
        return "No variant solves its task, so that there is no order to compare."

    def share(task: str, holds: Callable[[pd.DataFrame], pd.Series]) -> str:
        rows = median[median.index.get_level_values("task") == task]
        return f"{int(holds(rows).sum())} of {len(rows)}"

    # in the copy task a loss is negative, in the others positive
    mild = share("copy", lambda m: m.CC.abs() <= MILD)
    worst = share("copy", lambda m: (m.CR < m.RR) & (m.RR < m.CC))
    flip_flop = share("flip_flop", lambda m: (m.CR > m.CC) & (m.CC > m.RR))
    sine = share("sine_generation", lambda m: m[["CC", "CR"]].min(axis=1) >= LARGE)
    sine_RR = share("sine_generation", lambda m: m.RR <= SMALL)
    integration = share("context_integration", lambda m: m.CC > m.CR)
    return (
        f"Copy: $T_{{CC}}$ moves the median accuracy by at most {MILD} in {mild} variants, and $T_{{CR}}$ costs "
        f"more than $T_{{RR}}$ in {worst}. Flip-flop: $T_{{CR}}$ before $T_{{CC}}$ before $T_{{RR}}$ in "
        f"{flip_flop}. Sine generation: $T_{{CC}}$ and $T_{{CR}}$ both at least {LARGE} in {sine}, $T_{{RR}}$ at "
        f"most {SMALL} in {sine_RR}. Context-dependent integration: $T_{{CC}}$ above $T_{{CR}}$ in {integration}."
    )


def _variants(table):
    for (varied, value), part in table.groupby(["varied", "value"], sort=False):
        yield STUDIES[varied], value, part


def _range(n_leading):
    return f"{n_leading.min()}–{n_leading.max()}"


def _name(row):
    """The published number in words."""
    name = QUANTITIES[row.quantity]
    if row.removed:
        return f"{name}, {without(row.removed)}"
    return f"{name}, intact" if row.quantity == "replay_accuracy" else name
