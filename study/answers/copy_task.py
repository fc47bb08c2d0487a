"""What the copy task's chapter says."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from schur_lib.initialisations import CONSTRUCTIONS
from schur_lib.networks import Network
from schur_lib.schur import COUPLINGS, ordered_schur
from schur_lib.specs import Spec
from study.figures.style import NAMES, without
from study.words import as_text, between, listed, mean_sd, power_above

SOLVED = 0.995  # mean accuracy of a configuration that has learned the task (our choice)
NEAR = 0.02  # distance of an eigenvalue that counts as at a root of unity (our choice)
ROUNDED = 5e-8  # tables keep seven decimals: what they show as 0 may be this
BELOW = 0.49  # accuracy below which wrong signs are no accident (our choice)


def recipe(specs: Sequence[Spec]) -> str:
    """How the networks were trained."""
    how = specs[0].recipe
    return (
        f"Mean squared error on the output steps; Adam with learning rate {how.learning_rate:g}, batches of "
        f"{how.batch_size} fresh sequences, the gradient's norm clipped at {how.clip_norm:g}; replay lengths "
        f"{listed([str(h) for h in how.horizons])}, moving on when the batch accuracy exceeds "
        f"{how.advance_at:g}; {how.steps:,d} steps; {len(specs)} networks in all."
    )


def learned(table: pd.DataFrame) -> pd.DataFrame:
    """Accuracy and n_R of the intact networks by configuration, as text.

    Args:
        table: profiles of single blocks.
    """
    rows = []
    for (size, start), part in _configurations(table[table.removed == ""]):
        row = {"N_h": size, "start": NAMES[start], "n": len(part)}
        rows.append(row | {"intact": mean_sd(part.score), "n_R": mean_sd(part.n_leading, 1)})
    return pd.DataFrame(rows)


def solved(table: pd.DataFrame) -> str:
    """Which configurations learn the task, and the best of each size."""
    means = table[table.removed == ""].groupby(["hidden_size", "construction"]).score.mean()
    good = [f"{NAMES[start]} with {size}" for (size, start), m in means.items() if m >= SOLVED]
    best = [f"with {n} units {NAMES[part.idxmax()[1]]} ({part.max():.3f})"
            for n, part in means.groupby(level=0)]  # fmt: skip
    reach = f"A mean accuracy of at least {SOLVED} is reached by {listed(good)}. " if good else ""
    return f"{reach}The best of each size is {listed(best)}."


def replay_length(per_lag: pd.DataFrame, trained: int) -> str:
    """How accurate the first and the last lag are.

    Args:
        per_lag: `lag`, `accuracy`, of dense orthogonal networks of 72 units.
        trained: longest replay of the training.
    """
    at = per_lag.groupby("lag").accuracy.mean()
    return (
        f"The training ends at {trained} lags; the score goes to {at.index[-1]}. The dense orthogonal "
        f"networks of 72 units answer with an accuracy of {at.iloc[0]:.4f} at the first lag and "
        f"{at.iloc[-1]:.4f} at the last."
    )


def after_solved(networks: Sequence[Network]) -> str:
    """When the batch accuracy is reached for good, and how far the loss falls after that."""
    reached, factors = [], []
    for net in networks:
        kept = net.metadata["history"]
        history = pd.DataFrame(kept["rows"], columns=kept["columns"])
        longest = history.horizon == history.horizon.max()
        done = history[longest & (history.replay_accuracy >= 0.999)]
        if len(done):
            reached.append(done.step.iloc[0])
            factors.append(done.loss.iloc[0] / history.loss.iloc[-5:].mean())
    said = (
        f"Of the dense orthogonal networks of 72 units {len(reached)} of {len(networks)} reach a batch "
        "accuracy of 0.999 at the longest replay"
    )
    if reached:
        said += (
            f", the median one at step {np.median(reached):,.0f}; from there to the end the loss still "
            f"falls by a factor of {np.median(factors):.1f}"
        )
    return said + "."


def at_roots(specs: Sequence[Spec], networks: Sequence[Network]) -> pd.DataFrame:
    """Share of the leading eigenvalues near an eighth root of unity, and n_R, by construction.

    Args:
        specs, networks: of one size.
    """
    roots, rows = np.exp(2j * np.pi * np.arange(8) / 8), []
    for spec, net in zip(specs, networks, strict=True):
        form = ordered_schur(net.W_hh)
        leading = form.eigenvalues[: form.n_leading()]
        near = np.abs(leading[:, None] - roots).min(axis=1) < NEAR
        rows.append((spec.construction, near.sum(), len(near)))
    table = pd.DataFrame(rows, columns=["start", "near", "n_R"]).groupby("start").agg(["sum", "mean"])
    share = 100 * table["near"]["sum"] / table["n_R"]["sum"]
    found = pd.DataFrame({"at a root, %": share, "n_R": table["n_R"]["mean"]}).reindex(CONSTRUCTIONS)
    return found.rename(index=NAMES).reset_index()


def masses(table: pd.DataFrame) -> str:
    """The Schur mass of each block.

    Args:
        table: profiles of single blocks of networks of 72 units.
    """
    blocks = table[table.removed != ""]
    mean = blocks.groupby(["construction", "removed"]).mass.mean()
    held = [
        f"in the {NAMES[start]} networks {listed([f'{mean[start, b]:.3f} in $T_{{{b}}}$' for b in COUPLINGS])}"
        for start in CONSTRUCTIONS
        if start != "cayley"
    ]
    largest = power_above(max(blocks[blocks.construction == "cayley"].mass.max(), ROUNDED))
    return (
        f"With 72 units the couplings hold, of the Schur mass, {'; '.join(held)}. (These are Frobenius norms: "
        f"their squares add up.) Every block of a Cayley network holds less than {largest}: the rounding of "
        "its single-precision weights. Where a block is at rounding level, effect per removed mass is zero "
        "divided by zero: the results leave the sensitivity undefined there."
    )


def ablated(table: pd.DataFrame) -> pd.DataFrame:
    """Accuracy without each block by configuration, as text."""
    rows = []
    for (size, start), part in _configurations(table):
        scores = {without(b): mean_sd(part.score[part.removed == b]) for b in ("", "CC", "RR", "CR")}
        rows.append({"N_h": size, "start": NAMES[start]} | scores)
    return pd.DataFrame(rows)


def below_chance(table: pd.DataFrame) -> str:
    """Where a network replays wrong signs with some regularity."""
    means = table.groupby(["hidden_size", "construction", "removed"]).score.mean()
    low = [f"{NAMES[start]} with {size} units without {block} ({m:.3f})"
           for (size, start, block), m in means.items() if m < BELOW]  # fmt: skip
    lie = f"these lie below it: {listed(low)}" if low else "none lies below it"
    return f"A network below {BELOW} replays wrong signs with some regularity; {lie}."


def at_lags(lags: pd.DataFrame, chosen: Sequence[int] = (1, 8, 9, 32, 64, 128)) -> pd.DataFrame:
    """Accuracy at some lags without each block, mean and range over networks, as text.

    Args:
        lags: `removed`, `lag`, `mean`, `lowest`, `highest`.
        chosen: lags.
    """
    by, rows = lags.set_index(["lag", "removed"]), []
    for lag in chosen:
        row = {"lag": lag, "intact": f"{by.loc[(lag, ''), 'mean']:.3f}"}
        for block in COUPLINGS:
            mean, low, high = by.loc[(lag, block), ["mean", "lowest", "highest"]]
            ends = between((low, high), joined="–")
            row[without(block)] = f"{mean:.3f}" + (f" ({ends})" if ends != f"{mean:.3f}" else "")
        rows.append(row)
    return pd.DataFrame(rows)


def phases(always: pd.DataFrame, only: Mapping) -> pd.DataFrame:
    """Accuracy with a block deleted always, only while the input lasts, or only afterwards, as text.

    Args:
        always: `removed`, `seed`, `score`.
        only: scores of the networks by (block, "input" or "replay").
    """
    return pd.DataFrame(
        {
            "ablated": without(block),
            "always": mean_sd(always.score[always.removed == block]),
            "while the input lasts": mean_sd(only[block, "input"]),
            "during the replay": mean_sd(only[block, "replay"]),
        }
        for block in COUPLINGS
    )


def which_lag(lags: pd.DataFrame, always: pd.DataFrame, only: Mapping) -> str:
    """Whether a lag breaks first, and in which phase each block is needed; a factor of two decides."""
    curves = lags.pivot(index="lag", columns="removed", values="mean")
    lost = {block: curves[""] - curves[block] for block in COUPLINGS}
    intact, last = always.score[always.removed == ""].mean(), curves.index[-1]
    cost = {key: intact - np.mean(scores) for key, scores in only.items()}
    moved = max(abs(lost[b].loc[1] - lost[b].loc[last]) for b in ("RR", "CR"))
    headline = (
        "No lag breaks first: the loss is there at once." if moved < 0.05 else "The loss changes along the replay."
    )
    at_ends = [
        f"without $T_{{{b}}}$ by {lost[b].loc[1]:.3f} at lag 1 and by {lost[b].loc[last]:.3f} at lag {last}"
        for b in ("CR", "RR")
    ]
    in_phases = [
        f"$T_{{{b}}}$ costs {as_text(cost[b, 'input'])} and {as_text(cost[b, 'replay'])}" for b in ("CR", "RR")
    ]
    return (
        f"**{headline}** The accuracy is lower {listed(at_ends)}. Without $T_{{CC}}$ no lag loses more than "
        f"{lost['CC'].max():.4f} on average. Ablated only while the input lasts, or only during the replay, "
        f"{listed(in_phases)}. So, in these networks (a factor of two decides, our choice): "
        f"{'; '.join(needed(b, cost[b, 'input'], cost[b, 'replay']) for b in ('CR', 'RR'))}."
    )


def needed(block: str, cost_input: float, cost_replay: float) -> str:
    """In which phase a block is needed, by what its absence there costs."""
    if cost_input > 2 * cost_replay:
        return f"{block} is needed mainly to take the sequence in"
    if cost_replay > 2 * cost_input:
        return f"{block} is needed mainly to replay it"
    return f"{block} is needed in both phases"


def _configurations(table):
    order = {name: i for i, name in enumerate(CONSTRUCTIONS)}
    groups = dict(list(table.groupby(["hidden_size", "construction"], sort=False)))
    return sorted(groups.items(), key=lambda item: (item[0][0], order[item[0][1]]))
