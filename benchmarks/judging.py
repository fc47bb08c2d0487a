"""What the benchmark measured: verdicts on its targets, how time grows, what many networks would cost.

`benchmarks/` measures, this module judges: every verdict and cause follows from the tables in
data/benchmarks, of which nothing here depends on the machine at hand.
"""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from study.folders import DATA

TABLES = DATA / "benchmarks"
BUSY = 0.5  # load average before the run, above which its figures are not those of a quiet machine
DIGITS = 3  # of a ratio or size as text


def table(name: str, machine: str | None = None, folder: Path = TABLES) -> pd.DataFrame:
    """A table of the benchmark by its name, such as "targets"; `data/README.md` lists the columns.

    Args:
        name: of its file.
        machine: a processor of `machines`; None for the one that was measured last.
        folder: where the tables are.
    """
    rows = pd.read_csv(Path(folder) / f"{name}.csv", keep_default_na=False, na_values=["nan"])
    chosen = rows.machine == (machine or latest(folder))
    return rows[chosen].drop(columns="machine").reset_index(drop=True)


def tried(folder: Path = TABLES) -> pd.DataFrame:
    """What was tried by hand and left out: `tried`, `on` which processor, `work`, GFLOP/s `without` and `with`."""
    return pd.read_csv(Path(folder) / "tried.csv")


def machines(folder: Path = TABLES) -> dict[str, dict]:
    """By processor where and when the benchmark ran: cores, memory, load before it, versions."""
    return json.loads((Path(folder) / "machine.json").read_text(encoding="utf-8"))


def latest(folder: Path = TABLES) -> str:
    """The processor that was measured last."""
    found = machines(folder)
    return max(found, key=lambda processor: found[processor]["measured"])


def machine(folder: Path = TABLES) -> dict:
    """Of `machines` the one that was measured last."""
    return machines(folder)[latest(folder)]


def put(tables: Mapping[str, Sequence[dict]], where: dict, folder: Path) -> None:
    """Write what a machine measured into the tables, beside what others did and in the place of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    processor = where["processor"]
    known = machines(folder) if (folder / "machine.json").exists() else {}
    for name, rows in tables.items():
        file, made = folder / f"{name}.csv", pd.DataFrame(rows)
        made.insert(0, "machine", processor)
        if file.exists():
            others = pd.read_csv(file, keep_default_na=False, na_values=["nan"])
            made = pd.concat([others[others.machine != processor], made])
        made.to_csv(file, index=False, na_rep="nan")
    text = json.dumps(known | {processor: where}, indent=1, sort_keys=True)
    (folder / "machine.json").write_text(text + "\n", encoding="utf-8")


def side_by_side(folder: Path = TABLES) -> pd.DataFrame:
    """What each machine reached of every target, the machines in columns; empty where only one was measured."""
    columns = {}
    for processor in machines(folder):
        rows = table("targets", processor, folder)
        said = [f"{text(r.measured)}, {verdict(r.measured, r.bound, r.target)}" for r in rows.itertuples()]
        columns[processor] = pd.Series(said, index=rows.id)
    return pd.DataFrame(columns).fillna("–") if len(columns) > 1 else pd.DataFrame()


def target(id: str, kind: str, what: str, bound: str, goal: float, values: Sequence[float] | None) -> dict:
    """One row of the table of targets.

    Args:
        id: short name.
        kind: "target", or "stricter" for a comparison that nobody asked for.
        what: is compared, in words.
        bound: "at least" or "at most".
        goal: what is to be reached.
        values: one a round, or lowest, median and highest; None if it was not measured.

    Returns:
        The above with median `measured`, `lowest`, `highest` (nan if not measured) and `verdict`.
    """
    measured, low, high = (
        (math.nan,) * 3 if values is None else (float(np.median(values)), min(values), max(values))
    )
    measured, low, high = (round(float(value), 4) for value in (measured, low, high))
    return {
        "id": id,
        "kind": kind,
        "what": what,
        "bound": bound,
        "target": goal,
        "measured": measured,
        "lowest": low,
        "highest": high,
        "verdict": verdict(measured, bound, goal),
    }


def verdict(measured: float, bound: str, goal: float) -> str:
    """Whether a target was met, and if not by how much: "met", "missed by 19 %", "not measured".

    Args:
        measured: the median; nan if it was not measured.
        bound: "at least" or "at most".
        goal: the target, positive.

    Raises:
        ValueError: another bound.
    """
    if bound not in ("at least", "at most"):
        raise ValueError(f'bound must be "at least" or "at most", got {bound!r}')
    if math.isnan(measured):
        return "not measured"
    if measured >= goal if bound == "at least" else measured <= goal:
        return "met"
    share = 100 * abs(measured - goal) / goal
    return f"missed by {share:.{0 if share >= 10 else 1}f} %" if share >= 0.1 else "just missed"


def text(value: float) -> str:
    """A measured number with three digits, a dash where there is none."""
    if math.isnan(value):
        return "–"
    decimals = max(0, DIGITS - 1 - math.floor(math.log10(abs(value)))) if value else 0
    return f"{value:.{decimals}f}"


def shown(targets: pd.DataFrame) -> pd.DataFrame:
    """The table of targets as text, for the book and the README, verdicts computed anew.

    Args:
        targets: `what`, `bound`, `target`, `measured`, `lowest`, `highest`.
    """
    rows = []
    for r in targets.itertuples():
        rows.append(
            {
                "what": r.what,
                "target": f"{r.bound.replace('at least', '≥').replace('at most', '≤')} {r.target:g}",
                "median": text(r.measured),
                "range": "–" if math.isnan(r.measured) else f"{text(r.lowest)}–{text(r.highest)}",
                "verdict": verdict(r.measured, r.bound, r.target),
            }
        )
    return pd.DataFrame(rows, columns=["what", "target", "median", "range", "verdict"])


def summary(targets: pd.DataFrame) -> str:
    """How many targets were met, as the end of a sentence; stricter comparisons do not count.

    Args:
        targets: the table of targets.
    """
    rows = targets[targets.kind == "target"]
    verdicts = [verdict(r.measured, r.bound, r.target) for r in rows.itertuples()]
    n, met, absent = len(verdicts), verdicts.count("met"), verdicts.count("not measured")
    parts = [f"all {n} targets are met" if met == n else f"{met} of {n} targets are met"]
    if n - met - absent:
        parts.append(f"{n - met - absent} missed")
    if absent:
        parts.append(f"{absent} not measured")
    return ", ".join(parts)


def rate(rates: pd.DataFrame, work: str, by: str, cores: int) -> float:
    """Median GFLOP/s of one candidate; nan where it was not measured."""
    found = rates[(rates.work == work) & (rates.by == by) & (rates.cores == cores)].gflops
    return float(found.iloc[0]) if len(found) else math.nan


def causes(targets: pd.DataFrame, rates: pd.DataFrame, schur_form: pd.DataFrame) -> pd.DataFrame:
    """Why each target that is not met is not, from what was measured in the same run.

    Args:
        targets: the table of targets.
        rates: GFLOP/s of every candidate.
        schur_form: times of the ordered form, a row a kind and size of matrix.

    Returns:
        `what`, `verdict` and `why`, one row a target; none where all are met.
    """
    rows = []
    for r in targets[targets.kind == "target"].itertuples():
        found = verdict(r.measured, r.bound, r.target)
        if found != "met":
            rows.append((r.what, found, _cause(r, rates, schur_form)))
    return pd.DataFrame(rows, columns=["what", "verdict", "why"])


def _cause(row, rates, schur_form):
    if math.isnan(row.measured):
        return "The benchmark ran without this peer (`python3 run.py bench --peers` installs it)."
    work = {"train": "training step", "roll": "rollouts"}.get(row.id.partition("_")[0], "complete step")
    if row.id.endswith(("_fastest", "_jax")):
        others = rates[(rates.work == work) & (rates.by != "ours") & (rates.cores == 2)]
        others = others[others.by == "JAX, all at once"] if row.id.endswith("_jax") else others
        peer, ours = others.gflops.max(), rate(rates, work, "ours", 2)
        turn = 2 * rate(rates, "matrix product", "one after the other", 1)
        needed = row.target * peer
        judgement = (
            "which is more than there is" if needed > turn else f"which is {100 * needed / turn:.0f} % of it"
        )
        return (
            f"The peer computes {peer:.0f} GFLOP/s on two cores, where products that wait for one another would "
            f"reach {turn:.0f}. The target asks for {needed:.0f}, {judgement}; ours reaches {ours:.0f} "
            f"({100 * ours / turn:.0f} %). {_losses(work, rates)}"
        )
    if row.id.endswith("_rate"):
        return _losses(work, rates)
    if row.id.endswith("_cores"):
        one, two = (rate(rates, "matrix product", "bare", cores) for cores in (1, 2))
        gain = two / one
        return f"Bare matrix products gain a factor of {gain:.2f} from the second core, " + (
            "less than the target: the cores share their clock, cache or memory."
            if gain < row.target
            else "so that the loss is in our share of the work, not in the machine."
        )
    if row.id.startswith("schur_"):
        N = int(row.id.removeprefix("schur_"))
        by_kind = schur_form[N == schur_form.N].sort_values("ratio")
        return (
            "The ratio is "
            + ", ".join(f"{r.ratio:.2f} ({r.matrix.replace('_', ' ')})" for r in by_kind.itertuples())
            + ": what ordering adds depends on how far the moduli are from being in order."
        )
    return f"It took {text(row.measured)}, from {text(row.lowest)} to {text(row.highest)} over repeats."


def _losses(work, rates):
    """Where the time of one core goes, beside that of bare products."""
    bare = rate(rates, "matrix product", "bare", 1)
    turn = rate(rates, "matrix product", "one after the other", 1)
    ours = rate(rates, work, "ours", 1)
    return (
        f"On one core, bare products reach {bare:.0f} GFLOP/s, products that wait for one another "
        f"{turn:.0f} and ours {ours:.0f}: {100 * beside_products(rates, work):.0f} % of its time "
        "goes on what is no product by the recurrent weights, such as tanh."
    )


def beside_products(rates: pd.DataFrame, work: str) -> float:
    """Share of our time on one core beyond what as many products take, one after the other."""
    turn = rate(rates, "matrix product", "one after the other", 1)
    return max(0.0, 1 - rate(rates, work, "ours", 1) / turn)


def exponent(values: Sequence[float], seconds: Sequence[float]) -> float:
    """Exponent p of seconds ∝ valuesᵖ, by least squares of the logarithms over the upper half.

    The upper half, because fixed costs flatten the beginning of every curve.

    Args:
        values: at least three, increasing.
        seconds: as many.
    """
    n = max(3, (len(values) + 1) // 2)
    return float(np.polyfit(np.log(values[-n:]), np.log(seconds[-n:]), 1)[0])


def exponents(growth: pd.DataFrame) -> pd.DataFrame:
    """The exponent of every curve, and the values that it was fitted over.

    Args:
        growth: `varied`, `what`, `value`, `seconds`.

    Returns:
        `varied`, `what`, `exponent`, `lowest_value`, `highest_value`.
    """
    rows = []
    for (varied, what), part in growth.groupby(["varied", "what"], sort=False):
        part = part.sort_values("value")
        values = part.value.to_numpy(float)
        n = max(3, (len(values) + 1) // 2)
        p = exponent(values, part.seconds.to_numpy())
        rows.append((varied, what, p, int(values[-n:][0]), int(values[-1])))
    columns = ["varied", "what", "exponent", "lowest_value", "highest_value"]
    return pd.DataFrame(rows, columns=columns)


def efficiency(rates: pd.DataFrame) -> float:
    """Share of one core's training rate that each of two busy cores keeps, at most 1."""
    one, two = (rate(rates, "training step", "ours", cores) for cores in (1, 2))
    return min(1.0, two / (2 * one))


def estimate(cost: pd.DataFrame, efficiency: float, networks: int, cores: int, price: float) -> pd.DataFrame:
    """Time and price of training many networks on many cores, from the measured cost of a step.

    A network takes Σ steps × seconds over its curriculum on a core of its own, divided by the
    efficiency where all cores are busy. Cores are paid for until the last network is done.

    Args:
        cost: `task`, `construction`, `hidden_size`, `steps`, `seconds` a step, one row a stage.
        efficiency: of a core when all are busy, in (0, 1]; from `efficiency`.
        networks: how many of each row of the result.
        cores: that train them, one network a core.
        price: of a core-hour.

    Returns:
        `task`, `construction`, `hidden_size`, `seconds` a network on a core of its own,
        `core_hours`, `hours` and `price`.
    """
    rows = []
    keys = ["task", "construction", "hidden_size"]
    for key, part in cost.groupby(keys, sort=False):
        alone = float((part.steps * part.seconds).sum())
        busy = alone / efficiency / 3600
        hours = math.ceil(networks / cores) * busy
        rows.append((*key, alone, networks * busy, hours, cores * hours * price))
    return pd.DataFrame(rows, columns=[*keys, "seconds", "core_hours", "hours", "price"])
