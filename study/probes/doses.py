"""Dose and response: a block scaled by 1 − s, from s = 0 (the network) over 1 (removed) to 2 (negated)."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import torch

from schur_lib.metrics import NEGLIGIBLE_MASS
from schur_lib.networks import Network
from schur_lib.profile import scores_of
from schur_lib.schur import COUPLINGS, ordered_schur
from schur_lib.training import Spec

SMALL = (0.01, 0.02, 0.05, 0.1)  # doses of the fitted slope
DOSES = (0.0, 0.001, 0.002, 0.005, *SMALL, *(round(0.1 * i, 1) for i in range(2, 21)))
BREAK = 1.05  # relative error at which behaviour counts as broken (our choice)


def dose_response(
    spec: Spec,
    net: Network,
    doses: Sequence[float] = DOSES,
    batch_size: int = 128,
    alpha: float = 0.9,
) -> pd.DataFrame:
    """FVU of a network whose block is scaled: W(s) = W − s ΔW, ΔW = W − W̃(S).

    The FVU stands for the error on the copy task too, since a share of wrong signs does not move under
    a small change. The runs are in float64, so that small doses are not lost in rounding.

    Args:
        spec: what the network is; its task gives the trials.
        net: the network.
        doses: s.
        batch_size: held-out trials.
        alpha: splits the leading sector from its complement.

    Returns:
        One row a block and dose: `removed`, `mass` (of the whole block), `dose`, `fvu`.
    """
    task = replace(spec.make_task(), score_name="fvu")
    exact = replace(net, **{name: tensor.double() for name, tensor in net.tensors().items()})
    form = ordered_schur(net.W_hh)
    tables = []
    for name in COUPLINGS:
        dW = exact.W_hh - torch.from_numpy(form.ablate({name}, alpha))
        stack = torch.stack([exact.W_hh - s * dW for s in doses])
        scores = scores_of(exact, task, stack, batch_size).numpy()
        rows = {"removed": name, "mass": form.removed_mass({name}, alpha), "dose": list(doses)}
        tables.append(pd.DataFrame({**rows, "fvu": scores}))
    return pd.concat(tables, ignore_index=True)


def dose_summary(table: pd.DataFrame) -> pd.DataFrame:
    """Where behaviour breaks, and whether the effect of a small dose is linear or quadratic.

    Args:
        table: `dose_response` of several networks, with `task`, `construction`, `hidden_size`, `seed`.

    Returns:
        One row a network and block with `mass` and
        `breaks`: smallest dose with an FVU of 1.05 times the network's, NaN if none up to 2;
        `slope`: d log|ΔFVU| / d log s, fitted to doses of 0.01 to 0.1; 1 is linear, 2 quadratic;
        `constancy`: S_ΔT at a dose of 0.1 over S_ΔT of the removal; 1 where the effect is
        proportional to the removed mass, 0.1 where it is quadratic. NaN where the dose does nothing.
    """
    keys = ["task", "construction", "hidden_size", "seed", "removed", "mass"]
    rows = []
    for key, part in table.groupby(keys, sort=False):
        part = part.sort_values("dose")
        fvu = part.set_index("dose").fvu
        delta = fvu - fvu[0.0]
        # A block at rounding level has no effect that could be fitted.
        there = key[-1] > NEGLIGIBLE_MASS and (delta[list(SMALL)] != 0).all() and delta[1.0] != 0
        slope = constancy = float("nan")
        if there:
            slope = np.polyfit(np.log(SMALL), np.log(delta[list(SMALL)].abs()), 1)[0]
            constancy = delta[0.1] / 0.1 / delta[1.0]
        rows.append((*key, _first_crossing(fvu, BREAK * fvu[0.0]), slope, constancy))
    return pd.DataFrame(rows, columns=[*keys, "breaks", "slope", "constancy"])


def _first_crossing(curve, level):
    """Where a curve first reaches a level, by linear interpolation between its points."""
    x, y = curve.index.to_numpy(), curve.to_numpy()
    above = np.flatnonzero(y >= level)
    if not len(above):
        return float("nan")
    i = above[0]
    return float(np.interp(level, y[i - 1 : i + 1], x[i - 1 : i + 1]))
