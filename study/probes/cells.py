"""Cells that are not the paper's: what their blocks do, and where they rest.

A leaky cell h_t = (1 − a) h_{t−1} + a tanh(W_xh x_t + W h_{t−1}) has the linear part M = (1 − a) I + a W: the
Schur vectors of W, but in another order, since the modulus of 1 − a + a λ is another than that of λ.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from schur_lib.schur import COUPLINGS, OrderedSchur, ordered_schur
from schur_lib.subjects import Evaluation
from study import cells
from study.probes.fixed_points import linearised
from study.probes.profiles import profiles


def leaky_form(W: np.ndarray, leak: float):
    """Ordered Schur form of a leaky cell's linear part M = (1 − a) I + a W, and the way back to W.

    Args:
        W: (N, N) float64.
        leak: a in (0, 1].

    Returns:
        OrderedSchur of M, and the function M → (M − (1 − a) I) / a.
    """
    identity = (1 - leak) * np.eye(len(W))
    form: OrderedSchur = ordered_schur(identity + leak * W)
    return form, lambda M: (M - identity) / leak


def leaky_profile(trials: Evaluation, leak: float, alpha: float = 0.9) -> pd.DataFrame:
    """The effect of each block of the linear part of a leaky cell.

    Args:
        trials: the cell on some trials.
        leak: a in (0, 1].
        alpha: splits the leading sector of M from its complement.

    Returns:
        One row the intact cell and each block: `removed`, `mass`, `score`, `delta`, `n_leading`, the
        masses of M.
    """
    form, back = leaky_form(trials.W_hh.numpy(), leak)
    scores = trials.scores(back(form.ablate({name}, alpha)) for name in COUPLINGS).tolist()
    masses = [0.0, *(form.removed_mass({name}, alpha) for name in COUPLINGS)]
    table = pd.DataFrame({"removed": ["", *COUPLINGS], "mass": masses, "score": [trials.intact, *scores]})
    return table.assign(delta=table.score - trials.intact, n_leading=form.n_leading(alpha))


def cell_profiles(models: Iterable[tuple[str, int, cells.Model]], n_trials: int) -> pd.DataFrame:
    """The effect of each block of every recurrent matrix, and of a leaky cell's linear part.

    Args:
        models: from `study.cells.models`.
        n_trials: held-out trials.

    Returns:
        One row an intact cell or block: `cell`, `matrix`, `removed`, `mass`, `score`, `delta`, `n_leading`,
        `seed`.
    """
    tables, blocks = [], [[name] for name in COUPLINGS]
    for kind, seed, model in models:
        for matrix, trials in cells.evaluations(kind, model, n_trials):
            key = {"cell": kind, "seed": seed}
            tables.append(profiles(trials, removed=blocks).assign(matrix=matrix, **key))
            if kind == "leaky":
                of_M = leaky_profile(trials, cells.LEAK)
                tables.append(of_M.assign(matrix="(1 − a) I + a W", **key))
    columns = ["cell", "matrix", "removed", "mass", "score", "delta", "n_leading", "seed"]
    return pd.concat(tables, ignore_index=True)[columns]


def cells_at_rest(
    subjects: Iterable[tuple[str, int, Evaluation]], draws: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`linearised` for several networks.

    Args:
        subjects: cell, seed and evaluation of each.
        draws: random changes at each point.

    Returns:
        The points and the effects, with `cell` and `seed`.
    """
    tables = [
        [part.assign(cell=cell, seed=seed) for part in linearised(trials, draws)]
        for cell, seed, trials in subjects
    ]
    points, effects = (pd.concat(parts, ignore_index=True) for parts in zip(*tables, strict=True))
    return points, effects
