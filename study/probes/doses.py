"""Dose and response: a block scaled by 1 − s, from s = 0 (the network) over 1 (removed) to 2 (negated)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from schur_lib.metrics import NEGLIGIBLE_MASS
from schur_lib.subjects import Evaluation

SMALL = (0.01, 0.02, 0.05, 0.1)  # doses of the fitted slope
DOSES = (0.0, 0.001, 0.002, 0.005, *SMALL, *(round(0.1 * i, 1) for i in range(2, 21)))
BREAK = 1.05  # relative error at which behaviour counts as broken (our choice)


def dose_response(trials: Evaluation, doses: Sequence[float] = DOSES, alpha: float = 0.9) -> pd.DataFrame:
    """The score of a network whose block is scaled: W(s) = W − s ΔW, ΔW = W − W̃(S).

    A share of wrong signs does not move under a small change: the FVU, `trials.scored_by("fvu")`, does.
    And in float32 small doses are lost in rounding: use `net.double()`.

    Args:
        trials: the network on some trials.
        doses: s.
        alpha: splits the leading sector from its complement, in (0, 1].

    Returns:
        One row a block and dose: `removed`, `mass` (of the whole block), `dose`, the score under the
        name of the metric (such as `fvu`), `harm`.

    Raises:
        ValueError: a bad alpha.
    """
    form, W = trials.form, trials.W_hh.numpy()
    tables = []
    for name, mask in form.couplings(alpha).items():
        dW = W - form.without(mask)
        scores = trials.scores(W - s * dW for s in doses).numpy()
        rows = {"removed": name, "mass": form.mass(mask), "dose": list(doses)}
        harm = trials.metric.harm(scores, trials.intact)
        tables.append(pd.DataFrame({**rows, trials.metric.name: scores, "harm": harm}))
    return pd.concat(tables, ignore_index=True)


def dose_summary(table: pd.DataFrame) -> pd.DataFrame:
    """Where behaviour breaks, and whether the effect of a small dose is linear or quadratic.

    Args:
        table: `dose_response` of several networks, scored by the FVU, with `task`, `construction`,
            `hidden_size`, `seed`.

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
