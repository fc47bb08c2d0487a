"""What the chapter on structure and size says: blocks beside random changes, by degrees, and together.

`nulls` is a table of `matched_nulls`, one row a network, ablated set and kind of random change.
"""

import pandas as pd

from schur_lib.schur import COUPLINGS, SUBSETS, label
from schur_lib.tasks import TASKS
from study.claims import EPSILON, base_error
from study.figures.style import NAMES, without
from study.probes.nulls import KINDS
from study.statistics import effect_size, holm, mean_interval, sign_flip
from study.words import ON_TASK, as_text, between, listed, mean_sd, signed, with_interval

LEVELS = (0.01, EPSILON, 0.5, 1.0)  # of ε, beside the one that counts
NOTABLE = 0.01  # Schur mass from which a block counts (our choice)
FEWEST_DRAWS = 19  # with fewer, no p reaches 0.05
SHOWN = ("isotropic", "same entries", "random couplings")  # of the kinds, in the table of blocks


def counted(table: pd.DataFrame) -> str:
    """How many networks of each task a table holds: "10 copy and 10 flip-flop networks"."""
    n = table.groupby("task", sort=False).seed.nunique()
    return listed([f"{count} {NAMES[task]}" for task, count in n.items()]) + " networks"


def pooled(nulls: pd.DataFrame) -> pd.DataFrame:
    """Effects of the nulls over networks, which are the unit.

    Returns:
        One row a task, kind and ablated set: `n` networks, mean `mass`, medians `harm` and `null_harm`,
        mean `effect` (Cliff's δ) with its t interval in `low` and `high`, `d_z`, the numbers of
        networks in which the set is `milder` or `harsher` (p ≤ 0.05), `p` of the paired test, `p_holm`
        corrected over the sets.
    """
    rows = []
    for (task, kind), part in nulls.groupby(["task", "kind"], sort=False):
        for removed, group in part.groupby("removed", sort=False):
            low, high = mean_interval(group.effect)
            rows.append(
                {
                    "task": task,
                    "removed": removed,
                    "kind": kind,
                    "n": len(group),
                    "mass": group["mass"].mean(),
                    "harm": group.harm.median(),
                    "null_harm": group.null_median.median(),
                    "effect": group.effect.mean(),
                    "low": low,
                    "high": high,
                    "d_z": effect_size(group.effect),
                    "milder": int((group.p <= 0.05).sum()),
                    "harsher": int((group.p_harsher <= 0.05).sum()),
                    "p": sign_flip(group.effect),
                }
            )
    table = pd.DataFrame(rows)
    table["p_holm"] = table.groupby(["task", "kind"], sort=False).p.transform(lambda p: holm(p))
    return table


def beside_nulls(pooled: pd.DataFrame) -> pd.DataFrame:
    """The single blocks beside three kinds of null, as text."""
    single = pooled[pooled.removed.isin(COUPLINGS) & pooled.kind.isin(SHOWN)]
    order = {"key": lambda column: pd.factorize(column)[0], "kind": "stable"}
    return pd.DataFrame(
        {
            "task": NAMES[row.task],
            "ablated": without(row.removed),
            "null": row.kind,
            "harm": signed(row.harm),
            "null's": signed(row.null_harm),
            "δ [95 %]": with_interval(row.effect, row.low, row.high),
            "p ≤ 0.05": f"{row.milder} of {row.n}",
            "p (Holm)": as_text(row.p_holm),
        }
        for row in single.sort_values(["task", "removed"], **order).itertuples()
    )


def drawn(nulls: pd.DataFrame, n_trials: int) -> str:
    """Of how many networks, draws and trials the table is."""
    return (
        f"These are {counted(nulls)}. Each kind of null is drawn {nulls.draws.iloc[0]} times for every network "
        f"and ablated set, and scored on the same {n_trials} held-out trials. "
        '"p ≤ 0.05" counts the networks in which the ablation is milder than nearly all nulls of the kind. '
        f"{_floor(nulls)}"
    )


def safe(nulls: pd.DataFrame, epsilon: float = EPSILON) -> pd.DataFrame:
    """The notable blocks that can go, with `destroyed`: whether the null destroys what their ablation keeps.

    A block can go where its ablation raises the error by at most ε of itself, with the floor of
    `study.claims`; a null destroys where its median harm is above that, and few draws are as mild.
    """
    blocks = _notable(nulls)
    allowed = epsilon * base_error(blocks.error, blocks.task.map(lambda task: TASKS[task]().metric.name))
    return blocks.assign(destroyed=(blocks.null_median > allowed) & (blocks.p <= 0.05))[blocks.harm <= allowed]


def safe_blocks(nulls: pd.DataFrame) -> str:
    """What safe means, and how many blocks are."""
    of_one_kind = _of_one_kind(safe(nulls))
    where = of_one_kind.groupby(["task", "removed"], sort=False).size().items()
    where = "; ".join(f"{NAMES[task]}, {without(removed)}: {n}" for (task, removed), n in where)
    return (
        f"A block is *safe* if it holds at least {NOTABLE:g} of the Schur mass and its ablation raises the error "
        f"by at most {EPSILON:.0%} of itself, as in [Points raised](points_raised.ipynb). That is so for "
        f"{len(of_one_kind)} of "
        f"{len(_of_one_kind(_notable(nulls)))} blocks of all networks ({where or 'none'}). A kind of null "
        "*destroys* what the ablation preserves in a network if its median harm is above that limit and "
        "$p \\le 0.05$."
    )


def destroyed(nulls: pd.DataFrame) -> pd.DataFrame:
    """How often each kind of null destroys what the ablation of a safe block preserves, at several ε, as text."""
    tallies = {f"ε = {level:.0%}".replace("%", " %"): _tally(nulls, level) for level in LEVELS}
    return pd.DataFrame(
        {"null of equal norm": kind} | {name: f"{counts[kind]} of {n}" for name, (n, counts) in tallies.items()}
        for kind in KINDS
    )


def structure_or_size(nulls: pd.DataFrame, pooled: pd.DataFrame) -> str:
    """Whether the abstract's statement holds beside all kinds of null, and the numbers that show it best."""
    parts = [f"Beside five kinds of null, the statement {verdict(nulls)}.", _on_copy(pooled), _not_mild(pooled)]
    return "\n\n".join(filter(None, parts))


def verdict(nulls: pd.DataFrame) -> str:
    """Whether changes of similar scale destroy what the ablation preserves; nine in ten decide."""
    if _few(nulls):
        return "stays undecided: too few draws"
    blocks = safe(nulls)
    if blocks.empty:
        return "stays undecided: no notable block can go"
    by_task = blocks[blocks.kind == "isotropic"].groupby("task", sort=False).destroyed.mean()
    holds = [NAMES[task] for task in by_task.index if by_task[task] >= 0.9]
    fails = [NAMES[task] for task in by_task.index if by_task[task] < 0.9]
    tasks = [task for task in dict.fromkeys(nulls.task) if task not in by_task.index]
    nothing = [NAMES[task] for task in tasks]
    if not holds:
        return "does not hold"
    said = f"holds for {listed(holds)}"
    if fails:
        said += f", not for {listed(fails)}"
    if nothing:
        said += f"; for {listed(nothing)} there is no safe block to compare"
    if _by_place(nulls):
        said += (
            "; and it is about where a change stands, since changes within the places of a safe block are as safe"
        )
    return said


def of_other_copies(nulls: pd.DataFrame) -> pd.DataFrame:
    """Harm of each block and of each kind of null in the copy networks of other starts and sizes, as text."""
    rows = []
    single = nulls[nulls.removed.isin(COUPLINGS)]
    keys = ["construction", "hidden_size", "removed"]
    for (construction, size, removed), part in single.groupby(keys, sort=False):
        row = {"start": NAMES[construction], "N_h": size, "n": part.seed.nunique()}
        row |= {"block": removed, "mass": as_text(part["mass"].median())}
        row |= {"harm": signed(part.harm.median())}
        medians = part.groupby("kind").null_median.median()
        rows.append(row | {kind: signed(medians[kind]) for kind in KINDS})
    return pd.DataFrame(rows)


def safe_elsewhere(nulls: pd.DataFrame, n_normal: int) -> str:
    """How many blocks of the other copy networks are safe, and what each kind of null destroys there.

    Args:
        nulls: of the copy networks of other starts and sizes.
        n_normal: networks beside them that have no couplings.
    """
    n, counts = _tally(nulls)
    networks = nulls.groupby(["construction", "hidden_size"]).seed.nunique().sum()
    where = _of_one_kind(safe(nulls)).groupby("removed").size().items()
    where = "; ".join(f"{removed}: {n}" for removed, n in where) or "none"
    named = {
        "isotropic": "isotropic changes",
        "random basis": "the mask in a random basis",
        "random couplings": "random couplings",
        "shuffled": "the block's entries shuffled",
        "same entries": "random numbers in its places",
    }
    return (
        f"These are {networks} copy networks (the {n_normal} Cayley networks have couplings at rounding level: "
        "there is nothing to match); harm of the block and median harm of each kind of null, medians over "
        f"networks. Of their {len(_of_one_kind(_notable(nulls)))} notable blocks {n} are safe ({where}). What "
        "the ablation of these preserves is destroyed by "
        + listed([f"{name} in {counts[kind]}" for kind, name in named.items()])
        + "."
    )


def doses(summary: pd.DataFrame) -> pd.DataFrame:
    """Where each block breaks behaviour, and how its effect grows: medians and ranges over networks, as text.

    Args:
        summary: from `dose_summary`.
    """
    return pd.DataFrame(
        {
            "task": NAMES[task],
            "block": removed,
            "breaks at s": _median_range(part.breaks, ".3f"),
            "exponent": _median_range(part.slope, ".2f"),
            "S(0.1) / S(1)": _median_range(part.constancy, ".2f"),
            "n": int(part.slope.notna().sum()),
        }
        for (task, removed), part in summary.groupby(["task", "removed"], sort=False)
    )


def of_doses(summary: pd.DataFrame) -> str:
    """Whether the effect of a small dose is linear or quadratic, and whether S_ΔT depends on the dose.

    Args:
        summary: from `dose_summary`.
    """
    fitted, breaks = summary.dropna(subset=["constancy"]), summary.breaks.dropna()
    if fitted.empty:
        return "No block has an effect that could be fitted."
    constant = int(fitted.constancy.between(0.5, 2).sum())
    exponent = fitted.slope.median()
    nearer = "a quadratic than to a linear" if exponent > 1.5 else "a linear than to a quadratic"
    where = "No block breaks behaviour at any dose up to 2. "
    if len(breaks):
        where = (
            "Of the blocks that break behaviour at all, half do so before $s = "
            f"{breaks.median():.3f}$; the ablation is at $s = 1$. "
        )
    kind = (
        "a number of the network alone"
        if constant >= 0.9 * len(fitted)
        else "a number of the network and the dose together: it can rank ablations, but it is no effect per unit "
        "of mass"
    )
    return (
        f"The median exponent is {as_text(exponent, '.2f')}, nearer to {nearer} effect; near a minimum of the "
        f"error it would be 2. {where}In {constant} of {len(fitted)} cases $S_{{\\Delta T}}$ at a tenth of the "
        "dose is within a factor of two of that of the ablation (median ratio "
        f"{as_text(fitted.constancy.median(), '.2f')}). So $S_{{\\Delta T}}$ is {kind}."
    )


def shapley_values(interactions: pd.DataFrame) -> pd.DataFrame:
    """The harm of ablating all three blocks and each block's share of it, as text.

    Args:
        interactions: `two_cubed` of several networks.
    """
    rows = []
    for task, part in interactions.groupby("task", sort=False):
        total = part[part.removed == label(SUBSETS[-1])].harm
        row = {"task": NAMES[task], "all three": mean_sd(total)}
        for name in COUPLINGS:
            share = mean_sd(part.shapley[part.removed == name])
            row[f"share of {name}"] = share.replace("-0.000", "0.000").replace("-", "−")
        rows.append(row | {"n": len(total)})
    return pd.DataFrame(rows)


def of_interactions(interactions: pd.DataFrame) -> str:
    """How large the interactions are beside the main effects.

    Args:
        interactions: `two_cubed` of several networks.
    """
    single = interactions.removed.isin(COUPLINGS)
    sizes = interactions.term.abs().groupby([interactions.task, single], sort=False).sum().unstack()
    times = {task: sizes.loc[task, False] / sizes.loc[task, True] for task in sizes.index}
    said = listed([f"{as_text(ratio, '.2f')} {ON_TASK[task]}" for task, ratio in times.items()])
    return (
        f"Summed without sign, the interactions are, as multiples of the main effects, {said}. Where that "
        "number is not small, effects of single blocks do not tell what a set of blocks does."
    )


def answer(nulls: pd.DataFrame, others: pd.DataFrame) -> str:
    """Structure or size: the answer of the chapter; four in five decide.

    Args:
        nulls: of the networks of all tasks.
        others: of the copy networks of other starts and sizes.
    """
    n, counts = _tally(nulls)
    n_notable = len(_of_one_kind(_notable(nulls)))
    if not n:
        return (
            f"None of the {n_notable} notable blocks can go without harm, so that structure and size cannot be "
            "told apart."
        )
    if _few(nulls):
        so = "too few draws to judge"
    elif counts["isotropic"] < 0.8 * n:
        so = "size accounts for part of what the structure is credited with"
    elif _by_place(nulls):
        so = "what makes a change harmless is neither its size nor what stands in the block, but where it stands"
    else:
        so = "what makes a change harmless is not its size"
    m, there = _tally(others)
    both = f"{there['isotropic']} of {m} and {there['same entries']} of {m}"
    elsewhere = f" (in copy networks of other starts and sizes: {both})"
    return (
        f"Of {n_notable} notable blocks {n} can go when the error may rise by {EPSILON:.0%}; isotropic changes of "
        f"the same norm destroy the behaviour in {counts['isotropic']} of these, random numbers in the block's "
        f"own places in {counts['same entries']}: {so}{elsewhere if m else ''}."
    )


def _notable(nulls):
    return nulls[nulls.removed.isin(COUPLINGS) & (nulls.mass >= NOTABLE)]


def _of_one_kind(blocks):
    return blocks[blocks.kind == KINDS[0]]


def _tally(nulls, epsilon=EPSILON):
    """Safe blocks, and in how many of them each kind of null destroys."""
    blocks = safe(nulls, epsilon)
    counts = blocks.groupby("kind").destroyed.sum().reindex(KINDS).fillna(0).astype(int)
    return len(_of_one_kind(blocks)), counts


def _floor(nulls):
    """How small a p can be at all."""
    n, tests = nulls.groupby("task").seed.nunique().max(), nulls.groupby("task").removed.nunique().max()
    lowest = 2.0 ** (1 - n)
    return (
        f"With {n} networks the paired test cannot give a p below {lowest:.2g}, and with {tests} sets corrected "
        f"for together none below {min(1, tests * lowest):.2g}; a single network's p is at least "
        f"{1 / (1 + nulls.draws.iloc[0]):.2g}."
    )


def _few(nulls):
    return nulls.draws.iloc[0] < FEWEST_DRAWS


def _by_place(nulls):
    n, counts = _tally(nulls)
    return n > 0 and counts["same entries"] <= 0.1 * n


def _on_copy(pooled):
    rows = pooled[pooled.task == "copy"].set_index(["removed", "kind"])
    said = []
    if ("CC", "isotropic") in rows.index:
        null = rows.loc["CC"].null_harm
        at = rows.loc[("CC", "isotropic")]
        said.append(
            f"On the copy task $T_{{CC}}$ holds {at['mass']:.3f} of the Schur mass, and its ablation costs "
            f"{as_text(at.harm, '.4f')} of the accuracy. An isotropic change of that norm costs "
            f"{as_text(null['isotropic'])}, the same mask in a random basis {as_text(null['random basis'])}, as "
            f"much of the other couplings {as_text(null['random couplings'])}, random numbers *in the places "
            f"of* $T_{{CC}}$ {as_text(null['same entries'], '.4f')}."
        )
    if ("CR", "same entries") in rows.index:
        at = rows.loc[("CR", "same entries")]
        content = (
            "there the entries themselves count, since taking them away is worse than adding as much noise"
            if at.harm > at.null_harm
            else "there noise is no better than nothing"
        )
        said.append(
            f"For $T_{{CR}}$ the ablation costs {as_text(at.harm)}, random numbers in its places "
            f"{as_text(at.null_harm)}: {content}."
        )
    return " ".join(said)


def _not_mild(pooled):
    """Two blocks whose ablation is no mild change, where it is none."""
    rows, said = pooled[pooled.kind == "isotropic"].set_index(["task", "removed"]), []
    for key in (("sine_generation", "CC"), ("context_integration", "CR")):
        if key in rows.index and rows.harm[key] > rows.null_harm[key]:
            said.append(
                f"{ON_TASK[key[0]]} the ablation of $T_{{{key[1]}}}$ gains an FVU of "
                f"{as_text(rows.harm[key], '.2f')}, an isotropic change of that norm "
                f"{as_text(rows.null_harm[key], '.2f')}"
            )
    if not said:
        return ""
    return f"An ablated block need not be a mild change: {'; '.join(said)} (medians over networks)."


def _median_range(values, form):
    values = values.dropna()
    if values.empty:
        return "–"
    median, ends = as_text(values.median(), form), between(values, form)
    return median + (f" ({ends})" if ends != median else "")
