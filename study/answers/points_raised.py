"""What the chapter on the points raised says.

`singles` are profiles of the intact networks and of single blocks, of all tasks; `copies` profiles of all
sets of blocks, of copy networks of every construction and size.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.linalg import schur

from schur_lib.initialisations import CONSTRUCTIONS
from schur_lib.schur import COUPLINGS, OrderedSchur
from schur_lib.tasks import TASKS
from study import claims, paper
from study.figures.style import NAMES, without
from study.statistics import mean_interval
from study.words import ON_TASK, as_text, between, listed, number_of, power_above

LEVELS = (0.01, 0.05, 0.5, 1.0, 10.0)  # relative increases of the error that may count as little
SOLVED = 0.99  # accuracy of a copy network that solves its task (our choice)
AGREED = 0.001  # to this the paper's accuracies with and without CC agree
MORE = 0.01  # a loss of accuracy that is more than little (our choice)
NESTED = (("RR", "RR+CC"), ("CR", "CR+CC"), ("RR+CR", "RR+CR+CC"))  # differ by CC only


def ordering(W: np.ndarray, form: OrderedSchur) -> pd.DataFrame:
    """Moduli along the diagonal before and after the sorting, as text.

    Args:
        W: (N, N).
        form: of W.
    """
    T, Q = schur(W, output="real")
    steps = {"as LAPACK returns it": OrderedSchur.of_factors(Q, T), "after the sorting": form}
    rows = [[name, *(f"{m:.3f}" for m in np.abs(f.eigenvalues))] for name, f in steps.items()]
    return pd.DataFrame(rows, columns=["form", *(f"modulus {i + 1}" for i in range(len(W)))])


def places(form: OrderedSchur, alpha: float) -> pd.DataFrame:
    """Where the couplings stand: λ in the diagonal blocks, the name of a coupling block, · for zero."""
    letters = np.where(form.above.T, "·", "λ").astype(object)
    for name, mask in form.couplings(alpha).items():
        letters[mask] = name
    n_R = form.n_leading(alpha)
    sides = [f"{i + 1} ({'R' if i < n_R else 'C'})" for i in range(len(form.T))]
    table = pd.DataFrame(letters, columns=sides)
    table.insert(0, "row", sides)
    return table


def example(W: np.ndarray, form: OrderedSchur, alpha: float) -> str:
    """What the blocks of the worked example hold, and that no ablation moves an eigenvalue."""
    held = [f"{form.removed_mass({name}, alpha):.4f} for $T_{{{name}}}$" for name in COUPLINGS]
    spectrum = np.sort_complex(np.linalg.eigvals(W))
    moved = [np.abs(np.sort_complex(np.linalg.eigvals(form.ablate({name}, alpha))) - spectrum).max()
             for name in COUPLINGS]  # fmt: skip
    return (
        f"$n_R$ = {form.n_leading(alpha)}; the Schur masses are {listed(held)}. Ablating any of them moves no "
        f"eigenvalue by more than {power_above(float(max(moved)))}."
    )


def spread(table_1: pd.DataFrame) -> pd.DataFrame:
    """The entries of the paper's Table 1 beside ours, with interval and spread over networks, as text."""
    networks = table_1.groupby(["construction", "alpha", "removed"])
    rows = []
    for row in paper.beside_paper(table_1, "Table 1").itertuples():
        part = networks.get_group((row.construction, row.alpha, row.removed))
        form = ".1f" if row.quantity == "n_R" else ".3f"
        low, high = mean_interval(part[paper.COLUMNS[row.quantity]])
        rows.append(
            {
                "network": NAMES[row.construction],
                "α": f"{row.alpha:.2f}",
                "entry": "n_R" if row.quantity == "n_R" else without(row.removed),
                "paper": f"{row.paper:g}",
                "mean": as_text(row.mean, form),
                "95 % interval": "–" if np.isnan(low) else between((low, high), form),
                "SD": as_text(row.sd, form),
                "lowest": as_text(row.min, form),
                "highest": as_text(row.max, form),
                "n": row.n,
            }
        )
    return pd.DataFrame(rows)


def shares(singles: pd.DataFrame, levels: Sequence[float]) -> pd.DataFrame:
    """Share of the networks of a task whose error a block's ablation raises by at most ε.

    Returns:
        `task`, `removed`, `epsilon`, `share`; networks whose block is empty do not count.
    """
    rows = [
        (task, name, level, float((part.increase <= level).mean()))
        for (task, name), part in _increases(singles).groupby(["task", "removed"], sort=False)
        for level in levels
    ]
    return pd.DataFrame(rows, columns=["task", "removed", "epsilon", "share"])


def counts(singles: pd.DataFrame) -> pd.DataFrame:
    """How many networks can do without each block at several ε, and at 5 % without the floor."""
    kept, plain = _increases(singles), _increases(singles, floor=0)
    rows = []
    for task in TASKS:
        for name in COUPLINGS:
            one, bare = (t.increase[(t.task == task) & (t.removed == name)] for t in (kept, plain))
            found = {_percent(level): int((one <= level).sum()) for level in LEVELS}
            found["5 %, no floor"] = int((bare <= claims.EPSILON).sum())
            found = found if len(one) else dict.fromkeys(found, "–")
            rows.append({"task": NAMES[task], "ablated": without(name), "networks": len(one)} | found)
    return pd.DataFrame(rows)


def claim_8(singles: pd.DataFrame) -> pd.DataFrame:
    """The verdict on claim 8 at several ε: `ε`, the outcome of each part, `verdict`."""
    rows = []
    for level in LEVELS:
        claim = claims.claim_8(singles, level)
        rows.append((_percent(level), *(part.outcome for part in claim.parts), claim.verdict))
    return pd.DataFrame(rows, columns=["ε", "needed somewhere", "tasks differ", "networks differ", "verdict"])


def sets(singles: pd.DataFrame) -> pd.DataFrame:
    """Which blocks a network can do without at ε = 5 %, and how many networks have that set."""
    rows = [
        (NAMES[task], found, n)
        for task, part in _by_task(_sets(singles))
        for found, n in part.value_counts().items()
    ]
    return pd.DataFrame(rows, columns=["task", "blocks that can go", "networks"])


def vacant(singles: pd.DataFrame) -> str:
    """Which blocks are empty, and in how many networks."""
    rows = claims.increase(singles)
    found = rows[rows.no_mass].groupby(["task", "removed"]).size()
    named = [f"{name} in {number_of(n, 'network')} {ON_TASK[task]}" for (task, name), n in found.items()]
    if not named:
        return "Every block holds some Schur mass."
    return f"Some blocks hold no Schur mass and are not counted: {listed(named)}."


def losses(copies: pd.DataFrame) -> pd.DataFrame:
    """What each copy network loses when CC goes.

    Returns:
        `hidden_size`, `construction`, `seed`, `intact` (accuracy), `alone` (loss), `given` (the largest
        loss after other blocks have gone); one row a network.
    """
    keys = ["hidden_size", "construction", "seed"]
    score = copies.pivot(index=keys, columns="removed", values="score")
    given = pd.concat([score[one] - score[other] for one, other in NESTED], axis=1).max(axis=1)
    found = {"intact": score[""], "alone": score[""] - score["CC"], "given": given}
    return pd.DataFrame(found).reset_index()


def counterexamples(copies: pd.DataFrame) -> pd.DataFrame:
    """How many networks that solve the copy task lose their replay with CC, by size and start."""
    rows, groups = [], dict(list(losses(copies).groupby(["hidden_size", "construction"])))
    for size, start in sorted(groups, key=lambda key: (key[0], CONSTRUCTIONS.index(key[1]))):
        every = groups[size, start]
        part = every[every.intact >= SOLVED]
        row = {"N_h": size, "start": NAMES[start], "trained": len(every), "solve it": len(part)}
        found = {
            "largest loss": as_text(part.alone.max(), ".4f"),
            "lose > 0.001": int((part.alone > AGREED).sum()),
            "lose > 0.01": int((part.alone > MORE).sum()),
            "> 0.001 given others": int((part.given > AGREED).sum()),
        }
        rows.append(row | (found if len(part) else dict.fromkeys(found, "–")))
    return pd.DataFrame(rows)


def answers(table_1: pd.DataFrame, singles: pd.DataFrame, copies: pd.DataFrame) -> str:
    """The four answers, as a list."""
    said = {
        "The order": "Six rules, of which two settle what the paper leaves open (ties, and moduli at the "
        "threshold). They are those of `schur_lib.ordered_schur`.",
        "The spread": how_much_networks_differ(table_1),
        "Little loss": how_little_is_little(singles),
        "Refutation": what_refutes(copies),
    }
    return "\n".join(f"* **{point}.** {answer}" for point, answer in said.items())


def how_much_networks_differ(table_1: pd.DataFrame) -> str:
    """The entry of Table 1 that differs most between networks."""
    rows = paper.beside_paper(table_1, "Table 1").set_index("id")
    row = rows.loc["t1_orth_090_CR"]
    return (
        f"Without $T_{{CR}}$ the paper prints {row.paper:.3f}; here it is {between((row['min'], row['max']))} in "
        f"{number_of(row.n, 'network')}, with a mean of {row['mean']:.3f}."
    )


def how_little_is_little(singles: pd.DataFrame) -> str:
    """Whether the blocks that can go are the same in all tasks, and how claim 8 depends on ε."""
    usual = {task: part.value_counts().index[0] for task, part in _by_task(_sets(singles))}
    named = [f"{NAMES[task]}: {found}" for task, found in usual.items()]
    same = "the same" if len(set(usual.values())) == 1 else "not the same"
    by_level = claim_8(singles).set_index("ε").verdict
    verdict = by_level[_percent(claims.EPSILON)]
    return (
        f"At ε = {_percent(claims.EPSILON)} the usual sets of blocks that can go are: {'; '.join(named)}. They "
        f"are {same} in all tasks. Claim 8: {verdict}; the verdict is the same at ε = "
        f"{', '.join(by_level.index[by_level == verdict])}."
    )


def what_refutes(copies: pd.DataFrame) -> str:
    """How many copy networks lose their replay when CC goes."""
    every = losses(copies)
    solved = every[every.intact >= SOLVED]
    said = f"Of {len(every)} copy networks {len(solved)} solve the task."
    if solved.empty:
        return said
    return (
        f"{said} When $T_{{CC}}$ goes alone, {(solved.alone > AGREED).sum()} of these lose more than {AGREED} of "
        f"accuracy and {(solved.alone > MORE).sum()} more than {MORE}; the largest loss is "
        f"{as_text(solved.alone.max(), '.4f')}. When other blocks have gone before, "
        f"{(solved.given > AGREED).sum()} lose more than {AGREED}, and {as_text(solved.given.max(), '.4f')} at "
        "most."
    )


def _increases(singles, floor=claims.FLOOR):
    rows = claims.increase(singles, floor)
    return rows[~rows.no_mass]


def _sets(singles):
    """The blocks that each network can do without, in words."""
    rows = claims.dispensable(singles)
    return rows.apply(lambda row: ", ".join(b for b in COUPLINGS if row[b]) or "none", axis=1)


def _by_task(values):
    groups = dict(list(values.groupby("task")))
    return [(task, groups[task]) for task in TASKS if task in groups]


def _percent(level):
    return f"{100 * level:g} %"
