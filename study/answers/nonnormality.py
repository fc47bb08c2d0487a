"""What the chapter on nonnormality says."""

import pandas as pd
from scipy.stats import spearmanr

from schur_lib.schur import COUPLINGS
from study.figures.style import NAMES
from study.words import ON_TASK, as_text, between, listed, signed

FELT = 1e-4  # change of the FVU below which no prediction is judged (our choice)
FACTOR = 1.5  # between prediction and exact change of what counts as foreseen (our choice)


def growth(departure: pd.DataFrame) -> pd.DataFrame:
    """How nonnormal W and the Jacobian are, a row a task and matrix, as text.

    Args:
        departure: from `measure_departure`, of several networks.
    """
    rows = []
    for (task, operator), m in _by_task(departure).iterrows():
        row = {"task": NAMES[task], "matrix": "W" if operator == "W" else "J", "ρ": f"{m.rho:.2f}"}
        row |= {"Henrici": f"{m.henrici:.3f}"} | {name: f"{m[name]:.3f}" for name in COUPLINGS}
        row |= {"pairs": f"{m.pairs:.3f}", "radius": f"{m.radius:.2f}", "peak": f"{m.peak:.2f}"}
        rows.append(row | {"Kreiss ≥": f"{m.kreiss:.2f}"})
    return pd.DataFrame(rows)


def where_it_grows(departure: pd.DataFrame) -> str:
    """Which task is the most nonnormal, how far units saturate, and where the growth comes from."""
    of = _by_task(departure)
    W, J = (of.xs(name, level="operator") for name in ("W", "jacobian"))
    at_rest = departure[departure.operator == "W"]
    networks = at_rest.groupby(["task", "seed"])[["pairs", "henrici"]].median()
    pairs = (networks.pairs**2 / networks.henrici**2).median()
    chance = (at_rest.n_leading / at_rest.hidden_size).groupby(at_rest.task).median()
    radius = {task: f"{J.rho[task] / W.rho[task]:.3f}" for task in ("copy", "flip_flop")}
    above = int((departure.kreiss > departure.peak * 1.001).sum())
    bound = "The Kreiss bound is not above the peak in any matrix."
    if above:
        bound = (
            f"In {above} of {len(departure)} matrices the Kreiss bound is above the peak, because the powers go "
            "on growing after k = 64 (leading moduli that are nearly equal)."
        )
    return (
        f"{bound}\n\nIn these {len(networks)} dense orthogonal networks, Henrici's departure is largest "
        f"{ON_TASK[W.henrici.idxmax()]} and smallest {ON_TASK[W.henrici.idxmin()]}; the 2×2 blocks, which the "
        f"paper's ablation leaves alone, hold {100 * pairs:.1f} % of its square in the median network. On the "
        f"copy task the spectral radius of $J$ is {radius['copy']} of that of $W$, on the flip-flop "
        f"{radius['flip_flop']}: near 1 the units are far from saturation and the Jacobian is nearly $W$ itself, "
        "far below 1 they saturate.\n\n**Where the growth comes from.** The share of the best input of the peak "
        f"power that lies in the leading subspace is {_named(W.input_R)}; a random direction would have "
        f"{_plain(chance.loc[W.index])}. Of its output {_plain(W.output_R)} lies there. Along a trial, the "
        f"product of Jacobians peaks at {_plain(W.trial_peak)}."
    )


def predictions(sensitivity: pd.DataFrame) -> pd.DataFrame:
    """Stability of the couplings, and exact and predicted harm of each block, by task, as text.

    Args:
        sensitivity: from `measure_sensitivity`, of several networks.
    """
    rows = []
    for task in sensitivity.task.unique():
        for name in COUPLINGS:
            here = sensitivity[(sensitivity.task == task) & (sensitivity.removed == name)]
            block, single = (here[here.unit == unit] for unit in ("block", "coupling"))
            row = {"task": NAMES[task], "block": name}
            row |= {"stable couplings": _percent(block.stable_couplings.mean())}
            row |= {"stable entries": _percent(block.stable_entries.mean()), "shown": len(single)}
            row |= {"block, exact": as_text(block.exact.median())}
            row |= {"1st order": signed(block["first"].median())}
            rows.append(row | {"2nd order": signed(block.second.median())})
    return pd.DataFrame(rows)


def foreseen(sensitivity: pd.DataFrame) -> str:
    """How many couplings are stable, and how often the expansion foresees an ablation."""
    blocks = _single_blocks(sensitivity)
    copy = blocks[(blocks.task == "copy") & blocks.removed.isin(["RR", "CR"])]
    (first, second, n, ranks), (whole_first, whole_second, n_whole, whole_ranks) = (
        _agreement(sensitivity[sensitivity.unit == unit]) for unit in ("coupling", "block")
    )
    said = (
        f"{_percent(blocks.stable_couplings.mean())} of the couplings of a block and "
        f"{_percent(blocks.stable_entries.mean())} of its entries are stable, on average over blocks and "
        f"networks; of $T_{{RR}}$ and $T_{{CR}}$ on the copy task, {_percent(copy.stable_couplings.mean(), 1)} of "
        "the couplings. Of a coupling that is not stable no number means anything, and none is shown.\n\n"
        f"Of the {n} couplings without which the FVU differs by more than 10⁻⁴, the first order predicts "
        f"{_percent(first)} within a factor of {FACTOR}, the second order {_percent(second)} (rank correlations "
        f"{listed(ranks)}). Of the {n_whole} blocks (all three at once included) it is {_percent(whole_first)} "
        f"and {_percent(whole_second)} ({listed(whole_ranks)})."
    )
    if first < 0.5:
        said += " A trained network sits where the gradient nearly vanishes, so the first order has little to say."
    if whole_second < 0.5:
        said += (
            " Ablating a whole block is so long a step that a quadratic tells at best which blocks harm more, "
            "not by how much."
        )
    return said


def answer(departure: pd.DataFrame, sensitivity: pd.DataFrame) -> str:
    """The chapter's answer, as other pages quote it."""
    W = _by_task(departure).xs("W", level="operator")
    single, whole = (_agreement(sensitivity[sensitivity.unit == u])[1] for u in ("coupling", "block"))
    return (
        f"The networks depart from normality by {between(W.henrici, '.2f', '–')} of the norm of W "
        f"(medians of the tasks), which lets powers of W grow to {between(W.peak, '.1f', '–')} times "
        "what their eigenvalues allow; the second-order expansion foresees the ablation of a single stable "
        f"coupling within a factor of {FACTOR} in {_percent(single)} of cases, that of a whole block in "
        f"{_percent(whole)}, and {_percent(_single_blocks(sensitivity).stable_entries.mean())} of the entries of "
        "a block are stable enough to be looked at one by one."
    )


def _by_task(departure):
    """Medians: over the states of a network, then over networks."""
    network = departure.groupby(["task", "seed", "operator"], sort=False).median(numeric_only=True)
    return network.groupby(["task", "operator"], sort=False).median()


def _single_blocks(sensitivity):
    return sensitivity[(sensitivity.unit == "block") & sensitivity.removed.isin(COUPLINGS)]


def _agreement(units):
    """Of the units that are felt: shares foreseen by first and second order, how many, rank correlations."""
    felt = units[units.exact.abs() > FELT]
    if len(felt) < 3:
        return float("nan"), float("nan"), len(felt), ["–", "–"]
    ratios = felt[["first", "second"]].div(felt.exact, axis=0)
    shares = ((ratios > 1 / FACTOR) & (ratios < FACTOR)).mean()
    ranks = [as_text(spearmanr(felt[c], felt.exact).statistic, ".2f") for c in ("first", "second")]
    return *shares, len(felt), ranks


def _named(values):
    return listed([f"{value:.2f} ({NAMES[task]})" for task, value in values.items()])


def _plain(values):
    said = [f"{value:.2f}" for value in values]
    return listed(said) if len(set(said)) > 1 else f"{said[0]} on every task"


def _percent(share, digits=0):
    return "–" if pd.isna(share) else f"{100 * share:.{digits}f} %"
