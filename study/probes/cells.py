"""Cells that are not the paper's: what their blocks do, and where they rest.

A leaky cell h_t = (1 − a) h_{t−1} + a tanh(W_xh x_t + W h_{t−1}) has the linear part M = (1 − a) I + a W: the
Schur vectors of W, but in another order, since the modulus of 1 − a + a λ is another than that of λ.
"""

from collections.abc import Iterable
from functools import partial

import numpy as np
import pandas as pd
from torch import nn

from schur_lib.networks import Network
from schur_lib.schur import COUPLINGS, OrderedSchur, ordered_schur
from schur_lib.subjects import Evaluation, on_task
from schur_lib.tasks import flip_flop
from study import cells
from study.probes.fixed_points import Rest, effects_table, points_table
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


def points_at_rest(models: Iterable[tuple[str, int, nn.Module | Network]], n_trials: int) -> pd.DataFrame:
    """`points_table` of several models left alone.

    Args:
        models: cell, seed, and a cell of `study.cells` or a network of the flip-flop.
        n_trials: held-out trials that the model is left alone after.

    Returns:
        The points, with `cell` and `seed`.
    """
    return _tables(models, n_trials, points_table)


def effects_at_rest(
    models: Iterable[tuple[str, int, nn.Module | Network]], n_trials: int, draws: int
) -> pd.DataFrame:
    """`effects_table` of several models left alone: arguments as for `points_at_rest`.

    Args:
        draws: random changes at each point.

    Returns:
        The effects, with `cell` and `seed`.
    """
    return _tables(models, n_trials, partial(effects_table, draws=draws))


def _tables(models, n_trials, table_of):
    tables = []
    for cell, seed, model in models:
        if isinstance(model, Network):
            trials = on_task(model, flip_flop(), n_trials)
        else:
            trials = next(cells.evaluations(cell, model, n_trials))[1]
        tables.append(table_of(Rest(trials)).assign(cell=cell, seed=seed))
    return pd.concat(tables, ignore_index=True)
