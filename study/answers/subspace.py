"""What the chapter on the subspace account says: activity-weighted mass, halves, rotations, decoders.

`halves`, `rotations`, `angles` and `decoded` are tables of the probes of `study.probes.activity`, with the
columns that tell the networks apart.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from study.figures.style import NAMES
from study.probes.activity import SHARE
from study.statistics import NETWORK, explained, holm, mean_interval, sign_flip
from study.words import ON_TASK, as_text, listed, signed, with_interval

KEYS = [*NETWORK, "removed"]
EFFECTIVE = 0.01  # ΔFVU from which a block has an effect (our choice)
UNLIKE = 0.9  # |δ| from which rotated changes are clearly unlike the block (our choice)
EVERYWHERE = "all tasks"
ACCOUNTS = {  # what might explain an effect, and the columns that say it
    "activity": ["active_mass"],
    "Schur mass": ["mass"],
    "block": ["removed"],
    "activity + block": ["active_mass", "removed"],
}
WITH_TASK = {
    "task": ["task"],
    "activity + task": ["active_mass", "task"],
    "block × task": ["removed × task"],
    "activity + block × task": ["active_mass", "removed × task"],
}


def accounts(blocks: pd.DataFrame) -> pd.DataFrame:
    """How much each account explains of the effects' ranks, in each task and over all of them.

    Args:
        blocks: the rows of whole blocks of `halves`.

    Returns:
        As `statistics.explained`, with the name of the task, or "all tasks", in `of`.
    """
    found = {NAMES[t]: explained(part, "delta", ACCOUNTS) for t, part in _by(blocks, "task")}
    found[EVERYWHERE] = explained(blocks, "delta", {**ACCOUNTS, **WITH_TASK})
    table = pd.concat([part.assign(of=of) for of, part in found.items()], ignore_index=True)
    return table[["of", "account", "r2", "low", "high", "unseen", "parameters"]]


def everywhere(accounts: pd.DataFrame) -> pd.DataFrame:
    """What the accounts explain over all tasks together, as text."""
    return pd.DataFrame(
        {
            "account": row.account,
            "R² [95 %]": with_interval(row.r2, row.low, row.high, ".2f"),
            "network left out": as_text(row.unseen, ".2f"),
            "parameters": row.parameters,
        }
        for row in accounts[accounts.of == EVERYWHERE].itertuples()
    )


def of_accounts(accounts: pd.DataFrame, others: pd.DataFrame) -> str:
    """What the activity and the name of the block explain, in each task and elsewhere.

    Args:
        accounts: from `accounts`.
        others: the rows of whole blocks of `halves`, of the copy networks of other starts and sizes.
    """
    r2 = accounts.set_index(["of", "account"]).r2
    (first, where), *rest = [(NAMES[task], where) for task, where in ON_TASK.items()]
    within = [
        f"{as_text(r2[of, 'activity'], '.2f')} and {as_text(r2[of, 'block'], '.2f')} {where}" for of, where in rest
    ]
    elsewhere = explained(others, "delta", ACCOUNTS).set_index("account").r2
    return (
        "Of the variance of the ranks the activity-weighted mass explains "
        f"{as_text(r2[first, 'activity'], '.2f')} and the name of the block {as_text(r2[first, 'block'], '.2f')} "
        f"{where}; it is {listed(within)}. In the {_networks(others)} copy networks of other starts and sizes "
        f"(Cayley networks have no couplings) they explain {as_text(elsewhere['activity'], '.2f')} and "
        f"{as_text(elsewhere['block'], '.2f')}. Over all tasks, a block's name in its task says "
        f"{as_text(r2[EVERYWHERE, 'block × task'], '.2f')} of the variance, the activity in its task "
        f"{as_text(r2[EVERYWHERE, 'activity + task'], '.2f')}."
    )


def ratios(halves: pd.DataFrame) -> pd.DataFrame:
    """The halves of the blocks that have an effect, with `effect` and `squared` mass over the block's."""
    whole = halves[halves.part == "whole"].set_index(KEYS)[["delta", "mass"]].add_suffix("_whole")
    parts = halves[halves.part != "whole"].join(whole, on=KEYS)
    parts = parts[parts.delta_whole >= EFFECTIVE]
    effect, squared = parts.delta / parts.delta_whole, (parts.mass / parts.mass_whole) ** 2
    return parts.assign(effect=effect, squared=squared)


def on_and_off(ratios: pd.DataFrame) -> pd.DataFrame:
    """What the two halves of blocks do alone, by the share of the activity in V, as text: medians."""
    rows = []
    for (task, share), part in ratios.groupby(["task", "share"], sort=False):
        on, off = part[part.part == "on"], part[part.part == "off"]
        rows.append(
            (
                NAMES[task],
                f"{100 * share:.1f} %",
                f"{on.k.median():.0f}",
                as_text(off.squared.median(), ".2f"),
                as_text(on.effect.median(), ".2f"),
                as_text(off.effect.median(), ".3f"),
                len(on),
            )
        )
    columns = "task|activity in V|k|mass² off|effect of on|effect of off|blocks"
    return pd.DataFrame(rows, columns=columns.split("|"))


def through_activity(ratios: pd.DataFrame, others: pd.DataFrame) -> str:
    """Whether blocks act through the activity, at the middle cut.

    Args:
        ratios: from `ratios`.
        others: the same of the copy networks of other starts and sizes.
    """
    on, off = _at_cut(ratios)
    if off.empty:
        return "No block has an effect that could be divided."
    verdict = (
        "a block acts through the activity"
        if _needs_activity(on, off)
        else "most, but not all, of what a block does goes through the leading activity"
    )
    there_on, there_off = _at_cut(others)
    elsewhere = (
        " (in the copy networks of other starts and sizes the halves have "
        f"{as_text(there_off.effect.median(), '.3f')} and {as_text(there_on.effect.median(), '.2f')})"
    )
    return (
        f"Over all {len(off)} blocks with an effect, the half off the activity holds "
        f"{as_text(off.squared.median(), '.2f')} of the squared mass and has "
        f"{as_text(off.effect.median(), '.3f')} of the effect (median; "
        f"{as_text(off.effect.quantile(0.9), '.2f')} is reached by one block in ten); the half on it has "
        f"{as_text(on.effect.median(), '.2f')}. So, at this cut, {verdict}{elsewhere if len(there_off) else ''}. "
        f'With the {100 * (1 - SHARE):.0f} % of activity that $V_k$ leaves out, "off" is not exactly idle; the '
        "table shows how the rest of the effect goes away as $V_k$ grows."
    )


def pooled(rotations: pd.DataFrame) -> pd.DataFrame:
    """Effects of the rotated changes over networks, which are the unit.

    Returns:
        One row a task and block: `n`, medians `delta` and `rotated`, mean `effect` (Cliff's δ) with its
        interval in `low` and `high`, `p` of the paired test and `p_holm`, corrected over the blocks of a task.
    """
    rows = []
    for (task, removed), part in rotations.groupby(["task", "removed"], sort=False):
        low, high = mean_interval(part.effect)
        rows.append(
            {
                "task": task,
                "removed": removed,
                "n": len(part),
                "delta": part.delta.median(),
                "rotated": part.rotated_median.median(),
                "effect": part.effect.mean(),
                "low": low,
                "high": high,
                "p": sign_flip(part.effect),
            }
        )
    table = pd.DataFrame(rows)
    table["p_holm"] = table.groupby("task", sort=False).p.transform(lambda p: holm(p))
    return table


def beside_rotations(pooled: pd.DataFrame) -> pd.DataFrame:
    """The blocks beside their rotations, as text."""
    return pd.DataFrame(
        {
            "task": NAMES[row.task],
            "block": row.removed,
            "ΔFVU": signed(row.delta),
            "rotated": signed(row.rotated),
            "δ [95 %]": with_interval(row.effect, row.low, row.high),
            "p (Holm)": as_text(row.p_holm),
            "n": row.n,
        }
        for row in pooled.itertuples()
    )


def of_rotations(rotations: pd.DataFrame, pooled: pd.DataFrame) -> str:
    """Whether it matters where a block writes; one block in ten decides.

    Args:
        rotations: a row a network and block.
        pooled: from `pooled`.
    """
    unlike, n = _unlike(rotations)
    counts = [f"{_unlike(part)[0]} of {len(part)} {ON_TASK[task]}" for task, part in _by(rotations, "task")]
    rows = pooled[pooled.task == "copy"].set_index("removed")
    gains = [
        f"the ablation of $T_{{{b}}}$ gains an FVU of {as_text(rows.delta[b])}, the same reading with other "
        f"writing {as_text(rows.rotated[b])}"
        for b in ("CC", "CR")
        if b in rows.index
    ]
    matters = "matters as well" if unlike > 0.1 * n else "hardly matters"
    return (
        f"The blocks with $|\\delta| \\ge {UNLIKE:g}$ are {listed(counts)}. "
        + (f"On the copy task {'; '.join(gains)}. " if gains else "")
        + f"So where a block *writes* {matters}. (A rotated change is no coupling any more and moves the "
        "spectrum, which the ablation of a block does not: that is a part of what the role of a block is.)"
    )


def to_the_activity(angles: pd.DataFrame) -> pd.DataFrame:
    """The smallest and the median angle of each block to the activity beside chance, as text: medians."""
    rows, keys = [], ["task", "removed", "side"]
    for (task, removed, side), part in angles[angles.subspace == "activity"].groupby(keys, sort=False):
        middle = part.median(numeric_only=True)
        rows.append(
            {
                "task": NAMES[task],
                "block": removed,
                "side": "reads" if side == "input" else "writes",
                "dimensions": f"{middle.n_block:.0f} and {middle.n_subspace:.0f}",
                "smallest": f"{middle.smallest:.0f} ({middle.smallest_chance:.0f})",
                "median": f"{middle['median']:.0f} ({middle.median_chance:.0f})",
                "n": len(part),
            }
        )
    return pd.DataFrame(rows)


def recovered(decoded: pd.DataFrame) -> str:
    """How much of the error that an ablation adds a refitted decoder takes back."""
    scores = decoded[["fixed", "refitted"]]
    errors = decoded[KEYS].join(scores.where(decoded.metric == "fvu", 1 - scores))
    intact = errors[errors.removed == ""].set_index(NETWORK)[["fixed", "refitted"]]
    ablated = errors[errors.removed != ""].join(intact.add_suffix("_intact"), on=NETWORK)
    lost = ablated.fixed - ablated.fixed_intact
    back = 1 - (ablated.refitted - ablated.refitted_intact) / lost
    back = back[lost >= EFFECTIVE].groupby(ablated.task, sort=False).median()
    if back.empty:
        return f"No ablation adds an error of {EFFECTIVE:g} that a refitted decoder could take back."
    said = listed([f"{as_text(median)} {ON_TASK[task]}" for task, median in back.items()])
    return (
        f"Of the error that an ablation adds (where it adds {EFFECTIVE:g} or more), a refitted decoder takes "
        f"back, as a median, {said}."
    )


def answer(
    accounts: pd.DataFrame, ratios: pd.DataFrame, rotations: pd.DataFrame, path: Mapping[str, float]
) -> str:
    """Subspace or Schur: the answer of the chapter, by what explains networks that were left out.

    The subspace account knows which states a block reads, the Schur account which block it is, and both are
    told the task here. The path is a prediction without a fit: what the block reads, carried on, as the readout
    sees it.

    Args:
        accounts: from `accounts`.
        ratios: from `ratios`.
        rotations: a row a network and block.
        path: of the two-sided prediction, from `answers.predictor.measures`.
    """
    off = ratios[ratios.part == "off"]
    if off.empty:
        return "Cannot be told: no block of these networks has an effect that could be divided."
    unseen = accounts[accounts.of == EVERYWHERE].set_index("account").unseen
    found = {
        "Subspace: how much of the activity a block reads": unseen["activity + task"],
        "Schur: which block it is": unseen["block × task"],
        "Neither alone, but the path of its effect": path["network"],
    }
    best = max(found, key=lambda name: np.nan_to_num(found[name], nan=-np.inf))
    effects = off.groupby("share").effect.median()
    cut = listed([f"{as_text(e, '.3f')} at {100 * share:g} %" for share, e in effects.items()])
    unlike, n = _unlike(rotations)
    reads, name = (as_text(value, ".2f") for value in list(found.values())[:2])
    return (
        f"**{best}.** In networks left out, activity-weighted mass and the task explain {reads} of the variance "
        f"of the ranked effects, the block's name and the task {name}, and what the block reads, carried on as "
        f"the readout sees it, {as_text(path['network'], '.2f')} without being told either "
        f"({as_text(path['task'], '.2f')} on a task left out). Reading the activity is the first step of that "
        f"path: the half of a block off the leading activity has a share of its effect of {cut} of the activity, "
        "so that how much is *in the subspace* is set by where the subspace is said to end. Where a block writes "
        f"is the rest: changes that read the same and write elsewhere are clearly unlike it in {unlike} of {n} "
        "cases."
    )


def _by(table, column):
    return table.groupby(column, sort=False)


def _networks(table):
    return table.groupby(NETWORK).ngroups


def _at_cut(ratios):
    """The halves on and off the activity, at the share that the chapter speaks of."""
    at = ratios[ratios.share == SHARE]
    return at[at.part == "on"], at[at.part == "off"]


def _needs_activity(on, off):
    return off.effect.median() <= 0.1 and on.effect.median() >= 0.8


def _unlike(rotations):
    """Blocks that their rotations are clearly unlike, and how many there are."""
    return int((rotations.effect.abs() >= UNLIKE).sum()), len(rotations)
