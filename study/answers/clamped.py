"""What the chapter on clamped blocks says.

`profiles` holds the profiles of the networks of `study.clamped` and of dense orthogonal ones, with the columns
that tell the networks apart and `held`, the blocks that were zero throughout training.
"""

import pandas as pd

from schur_lib.metrics import NEGLIGIBLE_MASS
from schur_lib.schur import COUPLINGS
from study import claims
from study.figures.style import NAMES, without
from study.statistics import FEWEST, median_interval
from study.words import ON_TASK, as_text, between, listed, number_of

ALL = "RR+CR+CC"
TRAINED = {  # how a network was trained, in the order of the table
    ("dense_orthogonal", ""): "all of W",
    ("chain", ""): "all of W, from a chain",
    ("schur", ""): "Schur form",
    ("schur", "CR"): "Schur form, T_CR = 0",
    ("schur", "CC"): "Schur form, T_CC = 0",
    ("schur", ALL): "Schur form, no coupling",
}
CLAMPS = {"CR": "$T_{CR}$", "CC": "$T_{CC}$", ALL: "a coupling of any kind"}
WITHOUT = ("needed", "not needed", "undecided")


def judged(profiles: pd.DataFrame) -> pd.DataFrame:
    """Is a task learned as well without a block? One row a task and clamp.

    Each network is compared with that of the same seed and task where nothing is clamped: the increase of the
    error relative to the latter's, by the rule that the book has for what can go (`claims.base_error`). A block is
    *not needed* if the whole interval of the median increase is at most ε, *needed* if it lies above, and
    *undecided* between, or with fewer than six networks.

    Returns:
        `task`, `held`, `n`, `increase` (median), `low`, `high`, `verdict`.
    """
    intact = profiles[(profiles.removed == "") & (profiles.construction == "schur")]
    intact = intact.assign(error=claims.error(intact))
    free = intact[intact.held == ""].set_index(["task", "seed"])
    rows = []
    for (task, held), part in intact[intact.held != ""].groupby(["task", "held"], sort=False):
        own = part.set_index(["task", "seed"])
        base = free.loc[own.index]
        increase = (own.error - base.error) / claims.base_error(base.error, base.metric)
        low, high = median_interval(increase)
        verdict = "not needed" if high <= claims.EPSILON else "needed" if low > claims.EPSILON else "undecided"
        rows.append((task, held, len(own), increase.median(), low, high, verdict))
    return pd.DataFrame(rows, columns=["task", "held", "n", "increase", "low", "high", "verdict"])


def answer(profiles: pd.DataFrame) -> str:
    """For which tasks each block is needed, not needed, or neither can be said."""
    verdicts = judged(profiles)
    n = int(verdicts.n.min())
    if n < FEWEST:
        return f"Undecided: {number_of(n, 'network')} for each task and clamp, where {FEWEST} decide at least."
    said = []
    for held, name in CLAMPS.items():
        of_block = verdicts[verdicts.held == held]
        where = {word: [ON_TASK[task] for task in of_block.task[of_block.verdict == word]] for word in WITHOUT}
        parts = [f"{word} {listed(tasks)}" for word, tasks in where.items() if tasks]
        said.append(f"{name} is {', '.join(parts)}")
    return f"**{'; '.join(said)}.**"


def table(profiles: pd.DataFrame) -> pd.DataFrame:
    """Error, increase and remaining effects of every kind of training, as text."""
    verdicts = judged(profiles).set_index(["task", "held"])
    rows = []
    for task in profiles.task.unique():
        for (construction, held), title in TRAINED.items():
            kind = profiles[profiles[["task", "construction", "held"]].eq([task, construction, held]).all(axis=1)]
            if kind.empty:
                continue
            own = kind[kind.removed == ""]
            errors = claims.error(own)
            row = {"task": NAMES[task], "trained": title, "error": as_text(errors.median(), ".4f")}
            row["lowest to highest"] = between(errors, ".4f")
            row["without the block"] = "–"
            if (task, held) in verdicts.index:
                found = verdicts.loc[(task, held)]
                interval = f" ({_percent(found.low)} to {_percent(found.high)})" if found.n >= FEWEST else ""
                row["without the block"] = f"{_percent(found.increase)}{interval}: {found.verdict}"
            for block in COUPLINGS:
                part = kind[(kind.removed == block) & (kind.mass > NEGLIGIBLE_MASS)]
                harm = (
                    claims.error(part).to_numpy() - errors.to_numpy()[: len(part)]
                    if len(part) == len(own)
                    else None
                )
                row[without(block)] = "–" if harm is None else as_text(pd.Series(harm).median(), ".4f")
            rows.append(row)
    return pd.DataFrame(rows)


def reading(profiles: pd.DataFrame) -> str:
    """How to read the table, and whether the parametrisation itself costs anything."""
    own = profiles[profiles.removed == ""].assign(error=claims.error(profiles))
    median = own.groupby(["task", "construction", "held"]).error.median()
    tasks = own.task.unique()
    factors = [median[t, "schur", ""] / median[t, "dense_orthogonal", ""] for t in tasks]
    times = [f"{as_text(f, '.2f')} {ON_TASK[t]}" for f, t in zip(factors, tasks, strict=True)]
    n = own.groupby(["task", "construction", "held"]).size().min()
    many = f"The error is the FVU, as a median over {n} networks in each row"
    return (
        f"{many if n > 1 else 'The error is the FVU of one network in each row'}. Without the block: the median "
        "increase of the error beside the network of the same seed where nothing is clamped, with its exact "
        f"interval; *not needed* if all of it is at most {100 * claims.EPSILON:g} %, *needed* if all of it is "
        "above. −RR, −CR, −CC: what ablating a block does to the error of the trained network; a dash where it "
        "holds nothing in some of the networks. **Does the parametrisation itself matter?** With nothing clamped, "
        f"the error over that of dense orthogonal networks is {listed(times)}."
    )


def chain(profiles: pd.DataFrame) -> str:
    """What a start that is all coupling leaves behind: mass and effect of the blocks after training."""
    said = []
    for task in profiles.task.unique():
        of_task = profiles[(profiles.task == task) & (profiles.held == "")]
        for construction, name in (("chain", "from the chain"), ("dense_orthogonal", "from an orthogonal start")):
            part = of_task[of_task.construction == construction]
            if part.empty:
                continue
            mass = part[part.removed == ALL].mass.median()
            errors = claims.error(part[part.removed == ""]).median()
            said.append(
                (task, name, f"couplings hold {as_text(mass, '.2f')} of the norm, error {as_text(errors, '.4f')}")
            )
    lines = [f"{NAMES[task]}, {name}: {text}" for task, name, text in said]
    return (
        "A chain is nilpotent: every eigenvalue is zero, and all of W is coupling. After training: "
        + "; ".join(lines)
        + "."
    )


def _percent(share):
    return f"{as_text(100 * share, '+.1f')} %"
