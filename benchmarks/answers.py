"""What the chapter on speed says: the tables of data/benchmarks as tables and sentences of a page."""

from collections.abc import Mapping

import pandas as pd

from benchmarks import judging
from study.figures.style import NAMES
from study.words import as_text, listed

OPERATIONS = {"hidden_size": 2, "length": 1, "batch": 1, "networks": 1}  # exponent of their number
FASTER = 0.1  # how far above it an exponent counts (our choice)


def run(targets: pd.DataFrame, machine: Mapping) -> str:
    """How many targets the run met, and where and when it was."""
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items() if number)
    load = (
        "so other work ran beside it, which falls most on the peers that share one network among threads"
        if machine["load_before"] > judging.BUSY
        else "so it had little else to do"
    )
    return (
        f"In one run {judging.summary(targets)}. **The machine**: {machine['processor']}, {machine['cores']} "
        f"processors of which two were used, {machine['memory_gib']} GiB, {machine['system']}, on "
        f"{machine['measured']}; {versions}. Our products run in {machine['blas']}, PyTorch's in the library that "
        f"it brings. The load average before the run was {machine['load_before']:.2f}, {load}."
    )


def shortfall(causes: pd.DataFrame) -> str:
    """Whether the table of causes says anything.

    Args:
        causes: from `judging.causes`.
    """
    if causes.empty:
        return "None is missed, so there is no shortfall to explain."
    return "The next table says why the others are not met."


def rates(rates: pd.DataFrame) -> pd.DataFrame:
    """GFLOP/s of products, training and rollouts, as text, with their share of the rate of products in turn."""
    turn, rows = judging.rate(rates, "matrix product", "one after the other", 1), []
    for what, work, by in (
        ("bare product", "matrix product", "bare"),
        ("products one after the other", "matrix product", "one after the other"),
        ("training step", "training step", "ours"),
        ("complete step", "complete step", "ours"),
        ("rollouts", "rollouts", "ours"),
    ):
        one, two = (judging.rate(rates, work, by, cores) for cores in (1, 2))
        rows.append([what, *(as_text(value, ".0f") for value in (one, two, 100 * one / turn))])
    return pd.DataFrame(rows, columns=["GFLOP/s", "one core", "two cores", "of products one after the other, %"])


def parts(parts: pd.DataFrame) -> pd.DataFrame:
    """Where the time of a complete step goes, as text."""
    microseconds = [f"{1e6 * value:.0f}" for value in parts.seconds]
    return pd.DataFrame({"part": parts.part, "µs": microseconds, "%": [f"{100 * x:.0f}" for x in parts.share]})


def limit(parts: pd.DataFrame) -> str:
    """What could still be gained."""
    share = parts.set_index("part").share
    products = 100 * share[share.index.str.startswith("products")].sum()
    return (
        f"{products:.0f} % of a complete step are the three products, tanh is {100 * share['tanh']:.0f} % and "
        f"sampling {100 * share['sampling']:.0f} %: were all but the products free, a step would be "
        f"{100 / products:.2f} times as fast."
    )


def tried(tried: pd.DataFrame) -> pd.DataFrame:
    """What was tried and left out, as text: billions of operations a second without it and with it."""
    return pd.DataFrame(
        {
            "tried": tried.tried,
            "on": tried.on,
            "work": tried.work,
            "GFLOP/s without": [judging.text(value) for value in tried.without],
            "with": [judging.text(value) for value in tried["with"]],
        }
    )


def exponents(growth: pd.DataFrame) -> pd.DataFrame:
    """How the time of each curve grows, and its highest rate, as text."""
    rows = []
    for row in judging.exponents(growth).itertuples():
        curve = growth[(growth.varied == row.varied) & (growth.what == row.what)]
        best = curve.sort_values("value").loc[curve.gflops.idxmax()]
        rows.append(
            {
                "varied": row.varied.replace("_", " "),
                "what": row.what,
                "fitted over": f"{row.lowest_value}–{row.highest_value}",
                "exponent": f"{row.exponent:.2f}",
                "highest GFLOP/s": f"{best.gflops:.0f}",
                "reached at": best.value,
            }
        )
    return pd.DataFrame(rows)


def growth(growth: pd.DataFrame) -> str:
    """Where time grows faster than the number of operations, and what small networks lose."""
    ahead = [
        f"{row.varied.replace('_', ' ')} ({row.what}: {row.exponent:.2f} instead of {OPERATIONS[row.varied]})"
        for row in judging.exponents(growth).itertuples()
        if row.exponent > OPERATIONS[row.varied] + FASTER
    ]
    faster = (
        f"Time grows faster than operations, by more than {FASTER:g} in the exponent, with {', '.join(ahead)}"
        if ahead
        else f"No exponent is more than {FASTER:g} above that of the number of operations"
    )
    by_size = growth[(growth.varied == "hidden_size") & (growth.what == "training step")]
    by_size = by_size.sort_values("value")
    small, large = by_size.iloc[0], by_size.iloc[-1]
    return (
        "The number of operations grows with the square of the hidden size, and in proportion to the others. "
        f"{faster}. Work beside the products, and the start of each call, do not shrink with the network: a "
        f"training step with {small.value} units reaches {small.gflops:.0f} GFLOP/s, with {large.value} units "
        f"{large.gflops:.0f}."
    )


def schur_form_and_memory(schur_form: pd.DataFrame, memory: pd.DataFrame) -> str:
    """What ordering the Schur form costs at worst, and what ever more ablated matrices add to memory."""
    worst = schur_form.loc[schur_form.ratio.idxmax()]
    fewer, most = memory.iloc[-2], memory.iloc[-1]
    return (
        f"Ordering costs most, a factor of {worst.ratio:.2f}, for matrices of the kind "
        f"*{worst.matrix.replace('_', ' ')}* with N = {worst.N}. An ablation run keeps one "
        f"chunk of outputs at a time: {fewer.matrices:,.0f} matrices add {fewer.megabytes:.0f} MB and "
        f"{most.matrices:,.0f} add {most.megabytes:.0f} MB."
    )


def estimate(estimate: pd.DataFrame) -> pd.DataFrame:
    """What many networks would cost, as text.

    Args:
        estimate: from `judging.estimate`.
    """
    return pd.DataFrame(
        {
            "task": NAMES[row.task],
            "construction": NAMES[row.construction],
            "units": row.hidden_size,
            "seconds a network": judging.text(row.seconds),
            "core-hours": judging.text(row.core_hours),
            "hours": judging.text(row.hours),
            "US dollars": f"{row.price:.2f}",
        }
        for row in estimate.itertuples()
    )


def costs(
    estimate: pd.DataFrame,
    efficiency: float,
    networks: int,
    cores: int,
    price: float,
    processor: str,
) -> str:
    """What many networks of each kind would take; in plain text, which another page quotes.

    Args:
        estimate: from `judging.estimate`.
        efficiency: of a core when all are busy.
        networks, cores, price: what the estimate assumes.
        processor: whose training step was measured.
    """
    kinds = estimate.groupby("task").construction.transform("nunique")
    each = [
        f"{judging.text(row.hours)} hours and {row.price:.2f} US dollars ({NAMES[row.task]}"
        f"{', ' + NAMES[row.construction] if n > 1 else ''}, {row.hidden_size} units)"
        for row, n in zip(estimate.itertuples(), kinds, strict=True)
    ]
    return (
        f"{networks:,} networks of a kind on {cores} cores would take {listed(each)}. This assumes a price of "
        f"{price:.2f} US dollars a core-hour, and that each core (measured: {processor}) keeps "
        f"{100 * efficiency:.0f} % of its rate when all are busy, as was measured from one core to two."
    )


def answer(
    targets: pd.DataFrame,
    causes: pd.DataFrame,
    rates: pd.DataFrame,
    estimate: pd.DataFrame,
    networks: int,
    cores: int,
    price: float,
) -> str:
    """How fast it is: the answer of the chapter; in plain text, which another page quotes.

    Args:
        targets, rates: tables of the benchmark.
        causes: from `judging.causes`.
        estimate: from `judging.estimate`.
        networks, cores, price: what the estimate assumes.
    """
    missed = [f"{row.what[0].lower()}{row.what[1:]} ({row.verdict})" for row in causes.itertuples()]
    turn = judging.rate(rates, "matrix product", "one after the other", 1)
    train, roll = (judging.rate(rates, work, "ours", 1) for work in ("training step", "rollouts"))
    copy = estimate[estimate.task == "copy"].iloc[0]
    return (
        f"On two cores {judging.summary(targets)}{': ' if missed else ''}{'; '.join(missed)}. A training step "
        f"runs at {100 * train / turn:.0f} % of the rate of products that wait for one another and rollouts at "
        f"{100 * roll / turn:.0f} %, on one core. A copy network of {copy.hidden_size} units takes "
        f"{judging.text(copy.seconds)} s of processor time; {networks:,} of them would take "
        f"{judging.text(copy.hours)} hours on {cores} cores, and cost {copy.price:.2f} US dollars at {price:.2f} "
        "a core-hour."
    )
