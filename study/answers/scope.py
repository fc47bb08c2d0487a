"""What the chapter on time course and scope says."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from schur_lib.schur import COUPLINGS
from study.cells import GATES
from study.figures.style import NAMES, without
from study.probes.operative import SIDES
from study.statistics import NETWORK
from study.words import as_text, at_most, listed, signed

LATE = 0.2  # share of the training from which on the most harmful block is asked for (our choice)
ENOUGH = 0.01  # rise of the FVU below which dimensions stand for the matrix, and a harm is none (our choice)
LEFT = 0.2  # share of a block's effect that is not accounted for, from which on it is named (our choice)
MILD = 0.05  # p of an ablation that is milder than nearly all random changes


def harms(profile: pd.DataFrame) -> pd.DataFrame:
    """The rows of ablated blocks of a profile, with the `harm`, positive where worse."""
    rows = profile[profile.removed != ""]
    return rows.assign(harm=rows.delta.where(rows.metric == "fvu", -rows.delta))


def course(along: pd.DataFrame) -> pd.DataFrame:
    """Score, and its change without each block, along training: medians over networks, as text.

    Args:
        along: profiles of single blocks with `steps`.
    """
    rows = []
    for (task, steps), part in along.groupby(["task", "steps"], sort=False):
        row = {"task": NAMES[task], "steps": steps, "score": as_text(_intact(part).median())}
        rows.append(row | _changes(part))
    return pd.DataFrame(rows)


def settles(along: pd.DataFrame) -> str:
    """When the most harmful block becomes that of the end."""
    return f"{_settles(along)}."


def sizes(by_size: pd.DataFrame) -> pd.DataFrame:
    """FVU, n_R, and the change of the score without each block by hidden size, medians, as text.

    Args:
        by_size: profiles of single blocks of networks of several sizes.
    """
    return pd.DataFrame(
        {"N_h": size, "n": part.seed.nunique(), **_fvu_and_n_R(part), **_changes(part)}
        for size, part in by_size.groupby("hidden_size")
    )


def worst_by_size(by_size: pd.DataFrame) -> str:
    """Ablating which block does most harm at each size."""
    most = [f"{block} at {size}" for size, block in _worst(by_size, "hidden_size").items()]
    return f"The most harmful ablation, as a median over networks, is that of {', '.join(most)}."


def capacity(edges: pd.DataFrame) -> pd.DataFrame:
    """Accuracy, n_R, and the change of the accuracy without each block by hidden size, means, as text.

    Args:
        edges: profiles of single blocks of copy networks.
    """
    rows = []
    for size, part in edges.groupby("hidden_size"):
        row = {"N_h": size, "n": part.seed.nunique(), "accuracy": f"{_intact(part).mean():.3f}"}
        row |= {"n_R": f"{part.n_leading.mean():.0f}"}
        rows.append(row | _changes(part, "mean"))
    return pd.DataFrame(rows)


def cells(table: pd.DataFrame) -> pd.DataFrame:
    """FVU, n_R, and the change of the score without each block of other cells' matrices, medians, as text.

    Args:
        table: from `cell_profiles`.
    """
    rows = []
    for (cell, matrix), part in table.groupby(["cell", "matrix"], sort=False):
        row = {"cell": cell, "matrix": matrix, "n": part.seed.nunique()}
        rows.append(row | _fvu_and_n_R(part) | _changes(part))
    return pd.DataFrame(rows)


def worst_of_cells(table: pd.DataFrame) -> str:
    """Ablating which block of other cells' matrices does most harm."""
    most = _worst(table, ["cell", "matrix"])
    return (
        f"Of {len(most)} cuts (the leaky cell in two orders) the most harmful block, as a median over "
        f"networks, is {_counts(most)}."
    )


def points(found: pd.DataFrame) -> pd.DataFrame:
    """The fixed points of each cell, medians over points, as text.

    Args:
        found: from `study.probes.cells`.
    """
    rows = []
    for (cell, point), part in found.groupby(["cell", "point"], sort=False):
        row = {"cell": cell, "point": point, "points": len(part)}
        row |= {"stable": (part.n_unstable == 0).sum(), "ρ(J)": f"{part.rho.median():.2f}"}
        row |= {"n_R": f"{part.n_leading.median():.0f} of {part['size'].iloc[0]}"}
        row |= {"Henrici": f"{part.henrici.median():.2f}"}
        both = {n: (part[n].median(), part[f"share_{n}"].median()) for n in COUPLINGS}
        rows.append(row | {n: f"{mass:.3f} ({share:.2f})" for n, (mass, share) in both.items()})
    return pd.DataFrame(rows)


def at_rest(found: pd.DataFrame, n_networks: int) -> str:
    """How many trials end at rest, and whether any point is neither stable nor unstable.

    Args:
        found: from `study.probes.cells`.
        n_networks: that were left alone, with and without points.
    """
    settled = f"{100 * found.reached.sum() / n_networks:.1f}".removesuffix(".0")
    return (
        f"After {settled} % of the trials the cell comes to rest; the others have no part in the points. "
        f"{(found.point == 'marginal').sum()} points have an eigenvalue within 10⁻³ of the unit circle, where "
        '"stable" would say little.'
    )


def at_points(effects: pd.DataFrame) -> pd.DataFrame:
    """What ablating a block of the Jacobian does around fixed points, medians over networks, as text.

    Args:
        effects: from `study.probes.cells`.
    """
    rows = []
    for (cell, case, removed), part in effects.groupby(["cell", "points", "removed"], sort=False):
        around = "the origin" if case == "origin" else "the nearest point"
        row = {"cell": cell, "changed around": around, "block": removed}
        row |= {"ΔFVU": signed(part.delta.median())}
        row |= {"random change": signed(part.null_median.median())}
        row |= {"milder than random": f"{(part.p <= MILD).sum()} of {len(part)}"}
        rows.append(row | {"ablated in W": signed(part.from_W.median())})
    return pd.DataFrame(rows)


def gated_at_rest(found: pd.DataFrame, effects: pd.DataFrame) -> str:
    """What the gated cells remember, which block of their Jacobian matters, and whether the check holds."""
    memories = _memories(found)
    held = memories.groupby(["cell", "seed"])[["bit_1", "bit_2", "bit_3"]]
    eight = [len(bits) == 8 == len(bits[bits.abs().all(axis=1)].drop_duplicates()) for _, bits in held]
    most, of_CC = _worst_at_rest(effects), _gated(effects)
    of_CC = of_CC[of_CC.removed == "CC"]
    origin = effects[(effects.points == "origin") & (effects.cell == "tanh")]
    felt = origin[origin.from_W >= ENOUGH]
    kept = [
        list(part.sort_values("delta").removed) == list(part.sort_values("from_W").removed)
        for _, part in origin.groupby("seed")
    ]
    size = ""
    if len(felt):
        size = (
            f" Their size differs ({(felt.delta / felt.from_W).median():.1f} times, as a median), because the "
            "change acts outside the tanh, which would have bounded it."
        )
    verdict = "So these effects rank blocks; they are no measure of what retouched weights would do."
    if not all(kept):
        verdict = "So these effects are no measure of what retouched weights would do, nor always the same order."
    return (
        f"The {found[found.cell.isin(GATES)].groupby(['cell', 'seed']).ngroups} gated networks rest at "
        f"{len(memories)} fixed points away from 0, of which {(memories.n_unstable == 0).sum()} are stable; "
        f"{sum(eight)} networks have exactly eight, one for each state of the three bits. The median dimension of "
        f"the leading sector there is {as_text(memories.n_leading.median(), '.0f')}, and $T_{{CC}}$ holds "
        f"{as_text(memories.share_CC.median(), '.2f')} of the squared departure from normality. Of the three "
        f"blocks the one whose ablation does most harm is {_counts(most)} of {len(most)} networks, and in "
        f"{(of_CC.p <= MILD).sum()} of {len(of_CC)} networks ablating $T_{{CC}}$ is milder than nearly all random "
        f"changes of its norm ($p \\le {MILD}$).\n\n"
        "The check: around the origin of the tanh network the blocks are those of $W_{hh}$, and their harms have "
        f"the order of those of the paper's ablation in {sum(kept)} of {len(kept)} networks.{size} {verdict}"
    )


def operative_blocks(operatives: pd.DataFrame) -> pd.DataFrame:
    """How far the leading operative dimensions account for the blocks, where they stand for the matrix.

    Args:
        operatives: from `operative_profile`, of several networks.

    Returns:
        One row a task, side and block: `task`, `side`, `k` (see `kept_alone`), `block`, and, medians over
        networks, `overlap`, `whole`, `left` (share of the block's harm that is left when its part on the
        first k is kept; over networks in which the harm is felt) and `n`.
    """
    rows = []
    for (task, side), k in _needed(operatives).items():
        for name in COUPLINGS:
            at = operatives[(operatives.task == task) & (operatives.side == side)]
            at = at[(at.removed == name) & (at.k == k)]
            left = (at.delta / at.whole)[at.whole >= ENOUGH]
            row = {
                "task": task,
                "side": side,
                "k": k,
                "block": name,
                "overlap": at.overlap.median(),
            }
            rows.append(row | {"whole": at.whole.median(), "left": left.median(), "n": len(at)})
    table = pd.DataFrame(rows)
    return table[table.n > 0].reset_index(drop=True)


def accounted(aligned: pd.DataFrame) -> pd.DataFrame:
    """The table of `operative_blocks`, as text."""
    return pd.DataFrame(
        {
            "task": aligned.task.map(NAMES),
            "side": aligned.side,
            "k": aligned.k,
            "block": aligned.block,
            "overlap above chance": [signed(value, 2) for value in aligned.overlap],
            "ΔFVU": [signed(value) for value in aligned.whole],
            "effect left": [signed(value, 2) for value in aligned.left],
            "n": aligned.n,
        }
    )


def kept_alone(operatives: pd.DataFrame, aligned: pd.DataFrame) -> str:
    """How many operative dimensions stand for the matrix, and what they leave of the blocks' effects."""
    k, left = _needed(operatives), _left(aligned)
    sine, context = ([k[task, side] for side in SIDES] for task in ("sine_generation", "context_integration"))
    return (
        f"The first $k$ alone lose at most {ENOUGH} of FVU from $k =$ {sine[0]} (columns) and {sine[1]} (rows) on "
        f"sine generation, and from {context[0]} and {context[1]} in context integration (of the measured $k$, "
        "as a median over networks; 64 is the whole matrix). At that $k$ the overlap is the share of a block's "
        "squared "
        'mass in its part on the first $k$, above chance, and "effect left" is what ablating the block still does '
        f"when that part is kept: {left['columns']} of the effect for the columns and {left['rows']} for the "
        "rows, as medians over blocks. (The more dimensions are kept, the less can be left: compare it with "
        "the overlap.)"
    )


def answer(
    along: pd.DataFrame,
    by_size: pd.DataFrame,
    of_cells: pd.DataFrame,
    found: pd.DataFrame,
    effects: pd.DataFrame,
    aligned: pd.DataFrame,
) -> str:
    """The chapter's answer, as other pages quote it: one clause a table."""
    sizes, cuts = _worst(by_size, "hidden_size"), _worst(of_cells, ["cell", "matrix"])
    if len(set(sizes)) == 1:
        by = f"is the same at all sizes ({sizes.iloc[0]})"
    else:
        by = "changes with the hidden size (" + ", ".join(f"{b} at {n}" for n, b in sizes.items()) + ")"
    most, left = _worst_at_rest(effects), _left(aligned)
    strays = [
        f"{row.block} in {NAMES[row.task]}, {row.side} ({row.left:.2f})"
        for row in aligned[aligned.left > LEFT].itertuples()
    ]
    agree = "account for" if len(aligned) and not strays else "only partly account for"
    exceptions = f", more for {listed(strays)}" if strays else ""
    return (
        f"{_settles(along)}; the most harmful block on the flip-flop {by}; in the {len(cuts)} cuts of other "
        f"cells' recurrent matrices (the leaky one in two orders) it is {_counts(cuts)}; at the "
        f"{len(_memories(found))} fixed points where GRU and LSTM come to rest the most harmful block of the "
        f"Jacobian is {_counts(most)} of {len(most)} networks; the operative dimensions {agree} the blocks: "
        f"with a block's part on the leading ones kept, {left['columns']} of its effect is left for the "
        f"columns and {left['rows']} for the rows, as medians over blocks{exceptions}."
    )


def _intact(part):
    return part.score[part.removed == ""]


def _fvu_and_n_R(part):
    return {"FVU": f"{_intact(part).median():.4f}", "n_R": f"{part.n_leading.median():.0f}"}


def _changes(part, statistic="median"):
    delta = part.groupby("removed").delta.agg(statistic)
    return {f"Δ {without(name)}": signed(delta[name]) for name in COUPLINGS}


def _worst(profile, by):
    """The block whose ablation raises the FVU most, as a median over networks, by group."""
    delta = profile[profile.removed != ""].groupby([*np.atleast_1d(by), "removed"], sort=False).delta.median()
    return delta.unstack()[list(COUPLINGS)].idxmax(axis=1)


def _counts(blocks):
    return ", ".join(f"{name} in {(blocks == name).sum()}" for name in COUPLINGS)


def _settles(along):
    single = harms(along)
    first = single[single.steps == single.steps.min()].mass.max()
    worst = single.loc[single.groupby([*NETWORK, "steps"]).harm.idxmax()]
    end = worst.groupby("task").steps.transform("max")
    final = worst[worst.steps == end].set_index(NETWORK).removed.rename("final")
    late = worst[(worst.steps < end) & (worst.steps >= LATE * end)].join(final, on=NETWORK)
    same = (late.removed == late.final).sum()
    early = f"After one step no block holds more than {at_most(first, 3)} of the mass"
    if late.empty:
        return early
    return (
        f"{early}, and from a fifth of the training on the most harmful block is that of the end in {same} of "
        f"{len(late)} cases"
    )


def _memories(found):
    """Points of gated cells away from the origin."""
    return found[(found.point != "origin") & found.cell.isin(GATES)]


def _gated(effects):
    return effects[(effects.points == "nearest") & effects.cell.isin(GATES)]


def _worst_at_rest(effects):
    gated = _gated(effects)
    return gated.loc[gated.groupby(["cell", "seed"]).delta.idxmax()].removed


def _needed(operatives) -> Mapping[tuple[str, str], int]:
    """The measured k from which on the first k dimensions alone do, by task and side."""
    alone, needed = operatives[operatives.removed == ""], {}
    for key, part in alone.groupby(["task", "side"], sort=False):
        lost = part.groupby("k").delta.median()
        short = lost.index[lost > ENOUGH]  # of the largest k that does not do, the next
        do = lost.index[lost.index > short.max()] if len(short) else lost.index
        needed[key] = int(do.min() if len(do) else lost.index.max())
    return needed


def _left(aligned):
    medians = aligned.dropna(subset="left").groupby("side").left.median().reindex(SIDES)
    return {side: as_text(value, ".2f") for side, value in medians.items()}
