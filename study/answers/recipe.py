"""What the recipe's chapter says.

`draws` is the frozen table of `study.inference`, `ablations` what became of the new networks and of those of the
draws, `longer` the copy networks along their training; `today` holds the profiles of the other chapters' networks.
A *variant* is a task with one choice of its recipe set to one value; `table` holds the profiles of all
variants, with the choice in `varied` and its value, as text, in `value`.
"""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from scipy import stats

from schur_lib.metrics import NEGLIGIBLE_MASS
from schur_lib.schur import COUPLINGS
from study import claims, inference, paper
from study.figures.style import NAMES, STUDIES, without
from study.statistics import holm, joint_p
from study.words import ON_TASK, as_text, between, listed, mean_sd

VARIANT = ["task", "varied", "value"]
SPREAD = 0.05  # of an accuracy over the variants that is still little (our choice)
FACTOR, LITTLE = 2, 0.01  # of an FVU: this factor, or this difference (our choice)
MILD = 0.005  # change of the accuracy that is hardly one (our choice)
LARGE, SMALL = 0.5, 0.1  # ΔFVU of the sine generation (our choice)
SURE = 0.05  # level of every test here
PARTS = 3  # of equal prior probability, into which a continuous choice is cut
SMALLEST = 1e-4  # ΔFVU below this counts as this much on a logarithmic scale (our choice)
QUANTITIES = {
    "replay_accuracy": "accuracy",
    "fvu": "FVU",
    "delta_fvu": "ΔFVU",
    "normalized_sensitivity": "S_ΔT",
}
TITLES = {
    "start": "start of W_xh and W_hy",
    "l2": "L2 penalty",
    "probability": "pulse probability",
    "forced": "first pulse forced",
    "next_step": "target a step later",
    "periods": "periods of the slowest wave",
    "ratio": "highest over lowest",
    "cue_offset": "offset of the cue",
    "cue_scale": "scale of the cue",
    "noise": "noise",
    "drift": "drift",
    "target_scale": "scale of the target",
    "cue": "context cue",
    "last_only": "last step only",
}


# --- the inference --------------------------------------------------------------------------------


def choices(draws: pd.DataFrame) -> pd.DataFrame:
    """How often each value of each choice was drawn and accepted.

    A continuous choice is cut into `PARTS` of equal prior probability, 0 apart where the prior gives it a weight.

    Returns:
        One row a value: `task`, `choice`, `value` as text, `today` (whether it is that of the other chapters),
        `drawn`, `accepted`, `none`: the probability that none of as many draws is accepted where acceptance has
        nothing to do with the choice, corrected over all values of all choices (Holm); `p` that the choice has
        nothing to do with acceptance (χ²), corrected over all choices.
    """
    rows, tests = [], {}
    for task, part in draws.groupby("task", sort=False):
        n, kept = len(part), int(part.accepted.sum())
        for name, how in inference.PRIOR[task].items():
            labels = [_label(how, value) for value in part[name]]
            counts = pd.DataFrame({"value": labels, "accepted": part.accepted.to_numpy(dtype=bool)})
            counts = counts.groupby("value").accepted.agg(["size", "sum"])
            counts = counts.reindex([label for label in _labels(how) if label in counts.index])
            left = counts["size"] - counts["sum"]
            if len(counts) > 1 and 0 < kept < n:
                tests[task, name] = stats.chi2_contingency([counts["sum"], left], correction=False).pvalue
            else:
                tests[task, name] = float("nan")
            today = _label(how, inference.TODAY[task][name])
            for value, drawn, taken in counts.itertuples():
                none = stats.hypergeom.pmf(0, n, kept, drawn)
                rows.append((task, name, value, value == today, int(drawn), int(taken), none))
    found = pd.DataFrame(rows, columns=["task", "choice", "value", "today", "drawn", "accepted", "none"])
    corrected = dict(zip(tests, holm(list(tests.values())), strict=True))
    found["p"] = [corrected[key] for key in zip(found.task, found.choice, strict=True)]
    return found.assign(none=holm(found.none))


def shown_choices(found: pd.DataFrame) -> pd.DataFrame:
    """The choices as text: accepted of drawn for every value, that of the other chapters in bold."""
    rows = []
    for (task, name), part in found.groupby(["task", "choice"], sort=False):
        values = [
            f"{'**' * v.today}{v.value}{'**' * v.today}: {v.accepted} of {v.drawn}" for v in part.itertuples()
        ]
        p = part.p.iloc[0]
        rows.append(
            {"task": NAMES[task], "choice": TITLES[name], "accepted of drawn": "; ".join(values)}
            | {"p": "< 0.001" if p < 0.001 else as_text(p)}
        )
    return pd.DataFrame(rows)


def compatible(found: pd.DataFrame) -> str:
    """Which choices the intact networks decide, which values they exclude, and what stays open."""
    said = []
    for task, part in found.groupby("task", sort=False):
        decided = part[part.p < SURE]
        names = list(dict.fromkeys(decided.choice))
        most = [
            f"{TITLES[name]} (most often accepted: {_often(decided[decided.choice == name])})" for name in names
        ]
        out = part[(part.accepted == 0) & (part.none < SURE)]
        excluded = [f"{TITLES[row.choice]} {row.value} (0 of {row.drawn})" for row in out.itertuples()]
        rest = [TITLES[name] for name in dict.fromkeys(part.choice) if name not in names]
        said.append(
            f"* *{NAMES[task].capitalize()}.* Decided: {listed(most)}. Excluded: {listed(excluded)}. Not decided "
            f"by the FVU of intact networks: {listed(rest)}."
        )
    return "\n".join(said)


def frozen(draws: pd.DataFrame) -> str:
    """How many networks there are, how near to the paper the accepted ones are, and how far the others."""
    said = []
    for task, part in draws.groupby("task", sort=False):
        kept = part[part.accepted]
        said.append(
            f"{ON_TASK[task]} {len(kept)} of {len(part)} draws (FVU {between(kept.fvu, '.4f', '–')}; "
            f"the paper {paper.paper_value(inference.PRINTED[task]):.4f}; all draws {part.fvu.min():.4f}–"
            f"{part.fvu.max():.2f})"
        )
    return f"Accepted: {'; '.join(said)}."


def means(ablations: pd.DataFrame) -> pd.DataFrame:
    """Means over the new networks of each accepted draw, as the paper's numbers are means over its networks.

    Returns:
        One row an accepted draw that has all its networks: `task`, `drawn`, `fvu`, ΔFVU by block and S_ΔT as
        `S_<block>`.
    """
    new = ablations[(ablations.seed >= inference.FIRST_FRESH) & (ablations.drawn != inference.UNDRAWN)].copy()
    for block in COUPLINGS:
        new[f"S_{block}"] = new[block] / new[f"mass_{block}"].where(new[f"mass_{block}"] > NEGLIGIBLE_MASS)
    by = new.groupby(["task", "drawn"], sort=False)
    found = by[["fvu", *COUPLINGS, *(f"S_{block}" for block in COUPLINGS)]].mean()
    return found[by.size() == inference.FRESH].reset_index()


def beside(predicted: pd.DataFrame, today: pd.DataFrame) -> pd.DataFrame:
    """The paper's numbers of the three tasks beside the predicted ones and today's.

    Args:
        predicted: from `means`.
        today: profiles of the other chapters' networks.

    Returns:
        One row a number: `task`, `removed`, `quantity`, `kind`, `paper`, `sem`, `today` (mean), `median`, `lowest`
        and `highest` of the `n` predicted means, `inside`: whether the paper's number is between these. Where the
        paper says "almost no effect", 5 % of the largest effect that it prints for the task still count as none.
    """
    printed = paper.numbers()
    printed = printed[printed.task.isin(inference.PRINTED)]
    largest = printed[printed.quantity == "delta_fvu"].groupby("task").value.max()
    rows = []
    for row in printed.itertuples():
        column = {"fvu": "fvu", "delta_fvu": row.removed}.get(row.quantity, f"S_{row.removed}")
        values = predicted.loc[predicted.task == row.task, column].dropna()
        ours = today.loc[(today.task == row.task) & (today.removed == row.removed), paper.COLUMNS[row.quantity]]
        slack = 0.05 * largest[row.task] if row.kind == "preserved" else 0.0
        low, high = values.min(), values.max()
        rows.append(
            {"task": row.task, "removed": row.removed, "quantity": row.quantity, "kind": row.kind}
            | {"paper": row.value, "sem": row.sem, "today": ours.mean()}
            | {"median": values.median(), "lowest": low, "highest": high, "n": len(values)}
            | {"inside": bool(low - slack <= row.value <= high + slack)}
        )
    return pd.DataFrame(rows)


def shown_beside(numbers: pd.DataFrame) -> pd.DataFrame:
    """The numbers of `beside` as text."""
    rows = []
    for row in numbers.itertuples():
        digits = ".4f" if row.quantity == "fvu" else ".1f" if "sens" in row.quantity else ".3f"
        sem = "" if pd.isna(row.sem) else f" ± {row.sem:g}"
        rows.append(
            {"task": NAMES[row.task], "number": _name(row), "paper": f"{row.paper:g}{sem}"}
            | {"other chapters": as_text(row.today, digits), "predicted, median": as_text(row.median, digits)}
            | {"lowest": as_text(row.lowest, digits), "highest": as_text(row.highest, digits)}
            | {"paper's": "calibrated on" if row.quantity == "fvu" else "inside" if row.inside else "outside"}
        )
    return pd.DataFrame(rows)


def pairs(predicted: pd.DataFrame) -> dict[str, float]:
    """p of the paper's ΔFVU without CR and without CC as one more pair among the predicted, by task."""
    found = {}
    for task, prefix in (("flip_flop", "flipflop"), ("sine_generation", "sine"), ("context_integration", "cdi")):
        ours = predicted.loc[predicted.task == task, ["CR", "CC"]].dropna()
        theirs = [paper.paper_value(f"f2_{prefix}_{block}") for block in ("CR", "CC")]
        found[task] = joint_p(np.log(ours.clip(lower=SMALLEST)), np.log(theirs)) if len(ours) else float("nan")
    return found


def tested(numbers: pd.DataFrame, joint: Mapping[str, float]) -> str:
    """What the predictions were worth: number by number, and as pairs."""
    effects = numbers[numbers.quantity != "fvu"]
    n = effects.n.min()
    fair = as_text(100 * 2 / (n + 1), ".0f")
    ps = [f"{NAMES[task]} {_p(p)}" for task, p in joint.items()]
    return (
        f"{effects.inside.sum()} of {len(effects)} of the paper's effects lie within the range of the {n} "
        f"predicted means; outside: {_outside(effects)}. (A number from the same distribution would be outside "
        f"with a probability of {fair} %.) $T_{{CR}}$ and $T_{{CC}}$ as a pair, on a logarithmic scale "
        f"(Hotelling's T²): {listed(ps)}."
    )


def answer(numbers: pd.DataFrame, joint: Mapping[str, float]) -> str:
    """Whether a recipe that is calibrated on the intact networks gives the paper's ablations."""
    effects = numbers[numbers.quantity != "fvu"]
    fits = [NAMES[t] for t, part in effects.groupby("task", sort=False) if part.inside.all() and joint[t] >= SURE]
    rest = [NAMES[t] for t in dict.fromkeys(effects.task) if NAMES[t] not in fits]
    n, inside = len(effects), int(effects.inside.sum())
    if not rest:
        headline = "Yes: choices that give the paper's intact networks give its ablations too"
    elif fits:
        headline = f"For {listed(fits)}: choices that give the paper's intact networks give its ablations too"
    else:
        headline = "Not wholly" if inside else "No"
        headline += f": choices that give the paper's intact networks give {inside} of {n} of its effects"
    more = f" For {listed(rest)} they do not." if rest and fits else ""
    return (
        f"{headline}.{more} They were calibrated on nothing but the FVU of intact networks, and tested on "
        f"networks that nobody had looked at. Outside of what is predicted: {_outside(effects)}."
    )


def flip_flops(ablations: pd.DataFrame, today: pd.DataFrame, before: pd.DataFrame) -> pd.DataFrame:
    """The flip-flops of both editions, and the one that was tried between them, beside the paper's, as text.

    Args:
        ablations: with the networks by which the present flip-flop was chosen.
        today, before: profiles of the networks of this edition and of the first.
    """
    tried, rows = ablations[ablations.drawn == inference.UNDRAWN], []
    for row in paper.numbers()[lambda t: t.task == "flip_flop"].itertuples():
        of = [t[(t.task == "flip_flop") & (t.removed == row.removed)] for t in (before, today)]
        first, now = (part[paper.COLUMNS[row.quantity]] for part in of)
        sem = "" if pd.isna(row.sem) else f" ± {row.sem:g}"
        rows.append(
            {"number": _name(row), "paper": f"{row.value:g}{sem}", "first edition": mean_sd(first, 4)}
            | {"chosen by": mean_sd(tried[row.removed or "fvu"], 4), "this edition": mean_sd(now, 4)}
            | {"lowest": as_text(now.min(), ".4f"), "highest": as_text(now.max(), ".4f")}
        )
    return pd.DataFrame(rows)


def of_flip_flops(ablations: pd.DataFrame, today: pd.DataFrame, before: pd.DataFrame) -> str:
    """Whether the flip-flop of this edition gives the paper's pair of effects, and the first edition's."""
    tried = ablations[ablations.drawn == inference.UNDRAWN]
    pairs = [t[t.task == "flip_flop"].pivot_table(index="seed", columns="removed", values="delta") for t in
             (today, before)]  # fmt: skip
    theirs = [paper.paper_value(f"f2_flipflop_{block}") for block in ("CR", "CC")]
    p, old, chosen = (
        joint_p(np.log(pair[["CR", "CC"]].clip(lower=SMALLEST)), np.log(theirs), m=3) for pair in (*pairs, tried)
    )
    if np.isnan(p):
        return f"Whether it fits cannot be told from {len(pairs[0])} networks."
    verdict = "It fits" if p >= SURE else "It does not fit"
    return (
        f"**{verdict}** the paper's pair of effects without CR and without CC: for a mean of three networks "
        f"{_p(p)}; the networks that it was chosen by {_p(chosen)}, the first edition's flip-flop {_p(old)}."
    )


def longer_by_steps(longer: pd.DataFrame) -> pd.DataFrame:
    """Copy networks along their training: means over networks, and p of the paper's pair −RR, −CR.

    Returns:
        One row a number of `steps`: `n` networks, median `n_R`, mean accuracies `intact`, `RR`, `CR`, `all`, `r`
        of RR and CR over networks, and `p` (Hotelling's T² of the pair as one more network).
    """
    rows, theirs = [], [paper.paper_value("f1_orth_RR"), paper.paper_value("f1_orth_CR")]
    for steps, part in longer.groupby("steps"):
        by = part.pivot_table(index="seed", columns="removed", values="score")
        rows.append(
            {"steps": steps, "n": len(by), "n_R": part.groupby("seed").n_leading.first().median()}
            | {"intact": by[""].mean(), "RR": by.RR.mean(), "CR": by.CR.mean(), "all": by["RR+CR+CC"].mean()}
            | {
                "r": by.RR.corr(by.CR) if len(by) > 2 else float("nan"),
                "p": joint_p(by[["RR", "CR"]].to_numpy(), theirs),
            }
        )
    return pd.DataFrame(rows)


def shown_longer(by: pd.DataFrame) -> pd.DataFrame:
    """The rows of `longer_by_steps` as text, the paper's below."""
    rows = [
        {"steps": f"{row.steps:,d}", "networks": str(row.n), "n_R": f"{row.n_R:g}"}
        | {name: as_text(getattr(row, name)) for name in ("intact", "RR", "CR", "all")}
        | {"r": as_text(row.r, ".2f"), "p": as_text(row.p)}
        for row in by.itertuples()
    ]
    value = paper.paper_value
    printed = {"intact": "f1_orth_full", "RR": "f1_orth_RR", "CR": "f1_orth_CR", "all": "f1_orth_RR_CR_CC"}
    last = {"steps": "the paper", "networks": "–", "n_R": f"{value('t1_orth_090_nR'):g}"}
    rows.append(last | {name: as_text(value(number)) for name, number in printed.items()} | {"r": "–", "p": "–"})
    return pd.DataFrame(rows).rename(columns={"RR": without("RR"), "CR": without("CR"), "all": "−all three"})


def of_longer(by: pd.DataFrame) -> str:
    """Whether longer training moves the pair −RR, −CR to the paper's."""
    first, last = by.iloc[0], by.iloc[-1]
    moves = (
        f"From {first.steps:,.0f} to {last.steps:,.0f} steps −RR goes from {as_text(first.RR)} to "
        f"{as_text(last.RR)} and −CR from {as_text(first.CR)} to {as_text(last.CR)}."
    )
    known = by.dropna(subset="p")
    if known.empty:
        return f"{moves} Whether that fits the paper's pair cannot be told from {by.n.min()} networks."
    first, best = known.iloc[0], known.loc[known.p.idxmax()]
    fits = known[known.p >= SURE]
    said = (
        f"at {listed(f'{s:,d}' for s in fits.steps)} steps the paper's pair is not excluded (p ≥ {SURE:g})"
        if len(fits)
        else "at none of these numbers of steps is the paper's pair likely"
    )
    return (
        f"Over networks −RR and −CR go together, so they are tested as a pair: {said}. The largest p is "
        f"{as_text(best.p)}, at {best.steps:,.0f} steps; at {first.steps:,.0f} it is {as_text(first.p)}. {moves} "
        f"The other chapters keep the ancestor's {first.steps:,.0f} steps"
        + (
            ": a number of steps that was chosen because it fits would make the fit no evidence."
            if best.steps != first.steps
            else "."
        )
    )


def _outside(effects):
    return listed([f"{NAMES[row.task]} {_name(row)}" for row in effects[~effects.inside].itertuples()])


def _p(value):
    return "p < 0.001" if value < 0.001 else f"p = {as_text(value)}"


def _edges(how):
    kind, *of = how
    low, high = of[-2:]
    return np.linspace(low, high, PARTS + 1) if kind == "uniform" else np.geomspace(low, high, PARTS + 1)


def _labels(how):
    kind, *of = how
    if kind in ("one of", "either"):
        return [_label(how, value) for value in of]
    edges = _edges(how)
    middle = [f"{_short(a)}–{_short(b)}" for a, b in zip(edges[:-1], edges[1:], strict=True)]
    return (["0"] if kind.endswith("or 0") else []) + middle


def _label(how, value):
    """The value of a choice as text, or the part of its range."""
    kind, *_ = how
    if kind in ("one of", "either"):
        return {"True": "yes", "False": "no"}.get(str(value), str(value))
    if value == 0:
        return "0"
    edges = _edges(how)
    part = min(max(int(np.searchsorted(edges, value, side="right")) - 1, 0), PARTS - 1)
    return f"{_short(edges[part])}–{_short(edges[part + 1])}"


def _short(number):
    return f"{number:.0e}".replace("e-0", "e−") if number < 0.01 else f"{number:.2g}"


def _often(values):
    share = values.accepted / values.drawn
    best = values.loc[share.idxmax()]
    return f"{best.value}, {best.accepted} of {best.drawn}"


# --- one choice at a time -------------------------------------------------------------------------


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
        number), `little` (whether it moves little).
    """
    good, rows = solving(table), []
    for number in published().itertuples():
        part = table[(table.task == number.task) & (table.removed == number.removed)]
        values = part.groupby(VARIANT, sort=False)[paper.COLUMNS[number.quantity]]
        values = values.mean() if number.quantity in ("replay_accuracy", "fvu") else values.median()
        values = values[good.reindex(values.index).to_numpy(dtype=bool)].dropna()
        if len(values) > 1:
            low, high = float(values.min()), float(values.max())
            within, little = low <= number.value <= high, moves_little(number.quantity, low, high)
            rows.append((number.task, number.removed, number.quantity, number.value, low, high, len(values),
                         within, little))  # fmt: skip
    columns = [
        "task",
        "removed",
        "quantity",
        "paper",
        "lowest",
        "highest",
        "variants",
        "within",
        "little",
    ]
    return pd.DataFrame(rows, columns=columns)


def moves_little(quantity: str, low: float, high: float) -> bool:
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
            "over the variants": "moves little" if row.little else "moves",
        }
        for row in numbers.itertuples()
    )


def little(numbers: pd.DataFrame) -> str:
    """How many published numbers moved little where one choice at a time was varied."""
    if numbers.empty:
        return "No published number can be compared: too few variants solve their task."
    return (
        f"{numbers.little.sum()} of {len(numbers)} published numbers move little over the choices that are varied "
        "here; of choices that are not, and of several at once, that says nothing."
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


def _name(row):
    """The published number in words."""
    name = QUANTITIES[row.quantity]
    if row.removed:
        return f"{name}, {without(row.removed)}"
    return f"{name}, intact" if row.quantity == "replay_accuracy" else name
