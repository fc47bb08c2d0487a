"""A leaky cell, cut in the order of its linear part.

h_t = (1 − a) h_{t−1} + a tanh(W_xh x_t + W h_{t−1}) has the linear part M = (1 − a) I + a W: the Schur vectors
of W, but in another order, since the modulus of 1 − a + a λ is another than that of λ.
"""

import numpy as np
import pandas as pd

from schur_lib.schur import COUPLINGS, OrderedSchur, ordered_schur
from schur_lib.subjects import Evaluation


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
    table = pd.DataFrame(
        {"removed": ["", *COUPLINGS], "mass": masses, "score": [trials.intact, *scores]}
    )
    return table.assign(delta=table.score - trials.intact, n_leading=form.n_leading(alpha))
