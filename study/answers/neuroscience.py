"""What the three chapters on tasks from neuroscience say alike.

A `table` is the profile of the networks of one task: `task`, `seed`, `removed`, `mass`, `score`, `delta`,
`n_leading`; a `parts` what each ablation does to parts of the trials: `part`, `value`, `removed`, `delta`,
`seed`.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from schur_lib.schur import OrderedSchur
from schur_lib.specs import Spec
from study.claims import SOLVED
from study.paper import beside_paper, numbers
from study.words import between, listed, mean_sd, signed

RING = 0.1  # distance of an eigenvalue that counts as near the unit circle (our choice)
ONE = ("The network does not solve", "The network solves")
APART = 2  # factor between our FVU and the paper's from which networks or trials must differ (our choice)


def block(name: str) -> str:
    """A coupling block as prose writes it."""
    return f"$T_{{{name}}}$"


def training(specs: Sequence[Spec]) -> str:
    """How the networks were trained."""
    how, size = specs[0].recipe, specs[0].hidden_size
    return (
        f"The training is the paper's: {size} units, an orthogonal $W_{{hh}}$ at the start, Adam with "
        f"learning rate {how.learning_rate:g}, batches of {how.batch_size} fresh trials, {how.steps:,d} "
        "steps. The mean squared error over all steps, no clipping of the gradient, and the start of "
        "$W_{xh}$ and $W_{hy}$ (uniform) are our choice."
    )


def published(table: pd.DataFrame) -> pd.DataFrame:
    """What the paper's Figure 2 prints of ΔFVU in the task, as the figures take it."""
    found = beside_paper(table, "Figure 2")
    return found[(found.task == table.task.iloc[0]) & (found.quantity == "delta_fvu")]


def paper_delta(table: pd.DataFrame) -> pd.Series:
    """The paper's ΔFVU in the task, by block."""
    return published(table).set_index("removed").paper


def intact(table: pd.DataFrame) -> pd.DataFrame:
    """FVU and n_R of the intact networks beside the paper's FVU, as text."""
    own = table[table.removed == ""]
    rows = [
        {"network": f"seed {row.seed}", "FVU": f"{row.score:.5f}", "n_R": f"{row.n_leading}"}
        for row in own.itertuples()
    ]
    return pd.DataFrame(
        [
            *rows,
            {
                "network": "mean ± SD",
                "FVU": mean_sd(own.score, 5),
                "n_R": mean_sd(own.n_leading, 1),
            },
            {"network": "paper (mean of 3)", "FVU": f"{_paper_fvu(table):.4f}", "n_R": "–"},
        ]
    )


def solved(table: pd.DataFrame, digits: int = 4) -> str:
    """Whether the intact networks solve the task, and as well as the paper's.

    Args:
        table: as above.
        digits: after the decimal point of an FVU.
    """
    scores, theirs = table[table.removed == ""].score, _paper_fvu(table)
    ours = scores.mean()
    spread = f" ({between(scores, f'.{digits}f')})" if len(scores) > 1 else ""
    good = int((scores <= SOLVED["fvu"]).sum())
    who = f"{good} of {len(scores)} networks solve" if len(scores) > 1 else ONE[good]
    said = (
        f"{who} the task, with an FVU of at most "
        f"{SOLVED['fvu']}. The mean FVU is {ours:.{digits}f}{spread}, where the paper has {theirs:.4f} "
        f"(difference {signed(ours - theirs, digits)})."
    )
    if max(ours / theirs, theirs / ours) > APART:
        times = (
            f"The paper's is {theirs / ours:.1f} times ours"
            if theirs > ours
            else f"Ours is {ours / theirs:.1f} times the paper's"
        )
        said += f" {times}: so our networks or our trials are not the paper's, and effects need not have its size."
    return said


def components(states: ArrayLike) -> str:
    """The share of the variance in the leading principal components.

    Args:
        states: (T, B, N_h) of the intact network.
    """
    flat = np.asarray(states, dtype=float)
    flat = flat.reshape(-1, flat.shape[-1])
    variances = np.linalg.svd(flat - flat.mean(0), compute_uv=False) ** 2
    two, three = (100 * variances[:n].sum() / variances.sum() for n in (2, 3))
    return (
        f"The two components drawn hold {two:.0f} % of the variance of the states, the first three {three:.0f} %."
    )


def near_circle(forms: Sequence[OrderedSchur]) -> str:
    """The share of the eigenvalues near the unit circle, in per cent: the mean over networks."""
    shares = [(abs(abs(form.eigenvalues) - 1) < RING).mean() for form in forms]
    return f"{100 * np.mean(shares):.0f} %"


def radii(forms: Sequence[OrderedSchur]) -> str:
    """The smallest and the largest spectral radius."""
    return between([abs(form.eigenvalues).max() for form in forms], ".2f")


def sizes(forms: Sequence[OrderedSchur]) -> str:
    """The dimension of the leading sector of all networks."""
    n_R = sorted(form.n_leading() for form in forms)
    if n_R[0] == n_R[-1]:
        return f"The leading sector has $n_R$ = {n_R[0]} dimensions in all networks."
    found = listed([str(size) for size in n_R])
    return f"The leading sector differs in size from network to network: $n_R$ is {found}."


def ranked(forms: Sequence[OrderedSchur], n: int = 4) -> list[int]:
    """Which networks to draw: from the smallest to the largest leading sector, in even steps of rank."""
    order = sorted(range(len(forms)), key=lambda i: forms[i].n_leading())
    return list(dict.fromkeys(order[round(q * (len(order) - 1))] for q in np.arange(n) / (n - 1)))


def _paper_fvu(table):
    found = numbers()
    chosen = (found.task == table.task.iloc[0]) & (found.quantity == "fvu")
    return float(found.value[chosen].iloc[0])
