"""What the chapter on coordinates says."""

import pandas as pd

from schur_lib.schur import COUPLINGS
from study.figures.coordinates import harm
from study.figures.style import NAMES, without
from study.words import as_text, between, power_above

ROUNDING = 5e-8  # tables are rounded to seven decimals: half a unit of the last
MATTERS = 0.05  # difference of two accuracies that counts (our choice)
IMPLEMENTATIONS = {  # the property that each breaks, and the column that says by how much
    "right": ("nothing", None),
    "unordered form": ("nonincreasing moduli (largest rise / ρ)", "order"),
    "whole blocks": ("the spectrum (change that gives an eigenvalue back / ρ)", "spectrum"),
    "sorted columns of Q": ("reconstruction, ‖QTQᵀ − W‖ / ‖W‖", "reconstruction"),
    "permuted T": ("triangularity, ‖below‖ / ‖W‖", "triangularity"),
    "own output": ("nothing of the form: the intact network scores perfectly by definition", None),
}


def other_systems(bases: pd.DataFrame) -> str:
    """What the same ablation does in the six systems of coordinates.

    Args:
        bases: from `measure_bases`, of the networks of all tasks.
    """
    mean = _by_network(bases)
    by_task = mean.groupby(["task", "system", "removed"]).mean()
    wide = mean.harm.unstack("system")
    cr = wide.xs("CR", level="removed")
    same = power_above(max(cr[["order", "complex"]].sub(cr.schur, axis=0).abs().max().max(), ROUNDING))
    single = wide[wide.index.get_level_values("removed").isin(("RR", "CC"))]
    moves = (single.order - single.schur).abs()
    ours, theirs, eigen = (by_task.loc["copy", s, "CR"] for s in ("schur", "transpose", "eigen"))
    flip = by_task.harm["flip_flop"].unstack("system").loc["CR"]
    far = abs(ours.harm - theirs.harm) > MATTERS
    random = mean.spectrum.xs("random", level="system").groupby("removed").mean()
    each = bases.drop_duplicates(["task", "seed"])
    return (
        f"These are {len(each)} dense orthogonal networks, at least {each.groupby('task').size().min()} for "
        "each task. **Given the sectors, $T_{CR}$ is well defined.** Any orthogonal change of basis inside R and "
        "inside C leaves its ablation as it is, so other orders and the complex form give the same score, to "
        f"within {same}. $T_{{RR}}$ and $T_{{CC}}$ are defined only with an order: shuffling moduli that lie "
        f"within 5 % of each other moves a network's harm by {moves.mean():.3f} on average and by up to "
        f"{moves.max():.2f}. In the complex form they hold the nonnormality of the 2×2 blocks too, and what is "
        f"left is no longer real (an imaginary part of up to {mean.imaginary.max():.3f} of the norm, left out)."
        f"\n\n**Which sector comes first is a choice, and {'it matters' if far else 'here it matters little'}.** "
        "The Schur form of $W^\\top$ is that of $W$ with the complement first: its off-diagonal block leads out "
        "of the leading eigenvalues instead of into them. On the copy task that block holds "
        f"{theirs.mass:.3f} of the norm, and without it {as_text(theirs.harm, '.4f')} of the accuracy is lost; "
        f"the paper's $T_{{CR}}$ holds {ours.mass:.3f}, and without it {as_text(ours.harm)} is lost. On the "
        f"flip-flop the harm is {as_text(flip['transpose'])} with the complement first, {as_text(flip['schur'])} "
        "for $T_{CR}$.\n\n"
        "**In eigen-coordinates there is nothing to ablate.** $W$ is block diagonal there: "
        "$P_R W (I - P_R) = 0$ for the oblique projector $P_R$ on the leading subspace. What the couplings do "
        "shows as oblique eigenvectors, with condition numbers $\\kappa(V)$ of "
        f"{between(each.condition, '.0f')} and projectors of norm up to "
        f"{each.projector.max():.1f}. The analogue drawn here (our choice) makes the two invariant subspaces "
        "orthogonal to each other (for CR), or the eigenvectors within one of them (for RR, CC), as evenly as "
        f"possible; it needs no order. For CR its harm is {as_text(eigen.harm)} on the copy task.\n\n"
        "**In a random basis the mask is no ablation of couplings.** It does not keep the spectrum: what "
        "is left has to change before the eigenvalue that it has lost most is one again, by at least "
        f"{random[list(COUPLINGS)].mean():.2f} of the spectral radius (2-norm; mean over blocks and networks)."
    )


def well_posed(cut: pd.DataFrame) -> pd.DataFrame:
    """How well posed the cut at α = 0.9 is, a row a task, as text.

    Args:
        cut: from `measure_cut`.
    """
    at, span, rows = _at(cut), _span(cut), []
    for task, part in at.groupby("task", sort=False):
        rows.append(
            {
                "task": NAMES[task],
                "n_R": between(part.n_leading, "d", "–"),
                "gap / ρ": as_text(part.gap.median()),
                "within 5 %": f"{part.n_near_cut.median():.0f}",
                "SEP": as_text(part.sep.median()),
                "s": as_text(part.s.median(), ".2f"),
                "moves in band": f"{span[task]:.3f}",
            }
        )
    return pd.DataFrame(rows)


def sectors(cut: pd.DataFrame) -> str:
    """Whether a block of one name is the same part of the matrix in each network."""
    at, span = _at(cut), _span(cut)
    n_R = {task: between(part.n_leading, "d") for task, part in at.groupby("task")}
    context = at[at.task == "context_integration"]
    same = cut.merge(at[["task", "seed", "n_leading"]], on=["task", "seed", "n_leading"])
    plateau = same[same.task == "copy"].groupby("seed").alpha.agg(["min", "max"])
    said = (
        f"**Copy task:** $n_R$ is {n_R['copy']}, and α from {plateau['min'].max():.2f} to "
        f"{plateau['max'].min():.2f} leaves each network's sectors as they are at 0.9. **Context "
        f"integration:** $n_R$ is {n_R['context_integration']}, with "
        f"{context.n_near_cut.median():.0f} of {context.hidden_size.iloc[0]} eigenvalues within 5 % of the cut "
        f"in the median network; **sine generation:** {n_R['sine_generation']}. Where $n_R$ differs much, "
        "a block of one name is another part of the matrix in each seed, and a mean over networks compares "
        "unlike things. Within the paper's own band of α the harm moves by up to "
    )
    return said + (
        f"{span['context_integration']:.2f} in context integration and {span['sine_generation']:.2f} on sine "
        f"generation, {span['copy']:.3f} on the copy task."
    )


def small_changes(nudges: pd.DataFrame, cut: pd.DataFrame) -> str:
    """What a change of W by 10⁻³ of its norm moves.

    Args:
        nudges: from `measure_nudges`.
        cut: from `measure_cut`, of the same networks.
    """
    moved = _moved(nudges)
    scores = nudges[[f"score_{name}" for name in COUPLINGS]].abs().max(axis=1)
    again = nudges.merge(_at(cut)[["task", "seed", "n_leading"]], on=["task", "seed"])
    empty = cut[(cut.alpha == 0.9) & (cut.removed == "RR")].groupby("task").mass.median().min() < 0.01
    recut = again[again.n_leading_x != again.n_leading_y].groupby(["task", "seed"]).ngroups
    return (
        f"The norms of $T_{{CR}}$ and $T_{{CC}}$ move by at most {_percent(moved[['CR', 'CC']].max().max(), 2)} "
        f"and that of $T_{{RR}}$ by at most {_percent(moved.RR.max(), 1)}"
        f"{' (it is nearly empty in some tasks)' if empty else ''}, the leading subspace by at most "
        f"{moved.subspace.max():.4f} rad; the entries move by {100 * moved.entries.min():.0f} to "
        f"{_percent(moved.entries.max(), 0)}. With the sectors held at the same size, what ablating a block "
        f"does to the score moves by at most {scores[nudges.task == 'copy'].max():.3f} (copy) and "
        f"{scores.max():.3f} (any task) in any draw. In {recut} of {len(moved)} networks some draw changes "
        "$n_R$ at α = 0.9."
    )


def symmetries(table: pd.DataFrame) -> pd.DataFrame:
    """What signed permutations leave as it is, and a rotation moves, a row a task, as text.

    Args:
        table: from `measure_symmetries`.
    """
    rows = []
    for task, part in table.groupby("task", sort=False):
        largest = ["below " + power_above(max(part[c].max(), ROUNDING)) for c in ("form", "norms", "score")]
        row = {"task": NAMES[task]} | dict(zip(("form", "block norms", "scores"), largest, strict=True))
        turned = part.rotation.abs()
        row["rotation moves the score by"] = between(turned, ".5f")
        rows.append(row)
    return pd.DataFrame(rows)


def rotations(table: pd.DataFrame) -> str:
    """How far a rotation moves the score, on the copy task and elsewhere."""
    turned, copy = table.rotation.abs(), table.task == "copy"
    linear = ": as it would for a linear network, of which every rotation of the hidden space is a symmetry"
    return (
        f"In the other tasks a rotation changes the score by at least {turned[~copy].min():.3f}. On the copy "
        f"task it changes the replay accuracy by at most {turned[copy].max():.5f}"
        f"{linear if turned[copy].max() < MATTERS / 10 else ''}."
    )


def implementations(wrong: pd.DataFrame) -> pd.DataFrame:
    """What each implementation breaks, and the accuracy that it reports on the copy task, as text.

    Args:
        wrong: from `measure_wrong`.
    """
    rows = []
    for name, (broken, column) in IMPLEMENTATIONS.items():
        part = wrong[(wrong.task == "copy") & (wrong.implementation == name)]
        score = part.groupby("removed").score.mean()
        by = as_text(part.groupby("seed")[column].max().mean(), ".2f") if column else "–"
        row = {"implementation": name, "violates": broken, "by": by, "intact": f"{score['']:.3f}"}
        rows.append(row | {without(block): f"{score[block]:.3f}" for block in COUPLINGS})
    return pd.DataFrame(rows)


def errors(wrong: pd.DataFrame) -> pd.DataFrame:
    """How far each wrong implementation's score is from the right one, by task.

    Returns:
        `implementation` and a column a task: mean over networks of the largest error over the intact network
        and the three blocks.
    """
    table = wrong[wrong.implementation != "right"].assign(error=(wrong.score - wrong.right).abs())
    worst = table.groupby(["implementation", "task", "seed"], sort=False).error.max()
    mean = worst.groupby(["implementation", "task"], sort=False).mean().unstack()[table.task.unique()]
    return mean.loc[table.implementation.unique()].rename(columns=NAMES).reset_index()


def answer(bases: pd.DataFrame, cut: pd.DataFrame, nudges: pd.DataFrame) -> str:
    """The chapter's answer, as other pages quote it."""
    moved, tasks = _moved(nudges), dict(list(_at(cut).groupby("task")))
    copy = _by_network(bases).harm["copy"].groupby(["system", "removed"]).mean()
    here, there = (
        f"{between(tasks[task].n_leading, 'd')} of {tasks[task].hidden_size.iloc[0]}"
        for task in ("copy", "context_integration")
    )
    return (
        "Once the leading sector is fixed and comes first, ablating T_CR means the same in every basis, and block "
        f"norms move by at most {_percent(moved[['CR', 'CC']].max().max(), 2)} (T_CR, T_CC) when W moves by "
        f"0.1 %, while single entries move by {_percent(moved.entries.median(), 0)}; but which sector comes "
        f"first is a choice (copy: without T_CR {as_text(copy['schur', 'CR'])} of the accuracy is lost, "
        f"without its counterpart with the complement first {as_text(copy['transpose', 'CR'])}), and the cut "
        f"at α = 0.9 puts {here} dimensions into the leading sector on the copy task, and {there} in context "
        "integration."
    )


def _by_network(bases):
    """Mean over draws."""
    columns = ["harm", "mass", "spectrum", "imaginary"]
    return bases.assign(harm=harm).groupby(["task", "seed", "system", "removed"])[columns].mean()


def _at(cut):
    """One row a network, at α = 0.9."""
    return cut[(cut.alpha == 0.9) & (cut.removed == "CR")]


def _span(cut):
    """How far a block's harm moves within the paper's band of α, in the worst network and block of a task."""
    inside = cut[(cut.alpha >= 0.849) & (cut.alpha <= 0.951)].assign(harm=harm)
    ends = inside.groupby(["task", "seed", "removed"]).harm.agg(["min", "max"])
    return (ends["max"] - ends["min"]).groupby("task").max()


def _moved(nudges):
    """Median over draws, a row a network."""
    parts = [*COUPLINGS, "subspace", "entries"]
    return nudges.groupby(["task", "seed"], sort=False)[parts].median()


def _percent(share, digits):
    return as_text(100 * share, f".{digits}f") + " %"
