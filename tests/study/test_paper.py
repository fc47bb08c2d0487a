"""The table of effects says what the numbers behind it say."""

import pandas as pd

from study import words


def profile(deltas, sensitivities, removed="CR"):
    n = len(deltas)
    one = {"task": "flip_flop", "mass": 0.5, "removed": removed}
    effect = pd.DataFrame({**one, "delta": deltas, "sensitivity": sensitivities})
    return pd.concat([pd.DataFrame({**one, "removed": "", "delta": [0.0] * n}), effect])


def test_the_effects_are_the_mean_its_standard_error_and_the_range():
    (row,) = words.effects(profile([0.1, 0.2, 0.6], [0.2, float("nan"), 0.4])).itertuples()
    assert row.ablated == "−CR" and row.mass == "0.500" and row.n == 3
    # SD of 0.1, 0.2, 0.6 is √0.07; the paper prints 0.0945 ± 0.00935
    assert row.ours == "0.300 ± 0.153" and row.median == "0.200"
    assert (row.lowest, row.highest) == ("0.100", "0.600")
    assert row.S == "0.30 ± 0.10" and row.paper == "0.0945 ± 0.00935"


def test_what_one_network_or_the_paper_does_not_give_is_a_dash():
    (row,) = words.effects(profile([0.1], [float("nan")], "RR+CC")).itertuples()
    assert row.ours == "0.100 ± –" and row.S == "–" and row.paper == "–"
    (row,) = words.effects(profile([0.1], [0.2], "RR")).itertuples()
    assert row.paper == "≈ 0"
