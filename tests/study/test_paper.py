"""The published numbers beside networks with known answers, and the table of effects."""

import numpy as np
import pandas as pd
import pytest

from study import paper, words


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


def replaying(scores, n=10, spread=0.0):
    """Dense orthogonal copy networks with these mean accuracies, that go up and down together."""
    wave = spread * np.linspace(-1, 1, n)
    rows = [(seed, removed, score + wave[seed]) for removed, score in scores.items() for seed in range(n)]
    table = pd.DataFrame(rows, columns=["seed", "removed", "score"])
    same = {"task": "copy", "construction": "dense_orthogonal", "hidden_size": 72, "alpha": 0.9, "n_leading": 64}
    return table.assign(**same, delta=table.score - 1, sensitivity=0.0, metric="replay_accuracy")


def beside(**options):
    return paper.beside_paper(replaying(**options), "Figure 1").set_index("id")


def test_a_value_agrees_in_the_prediction_interval_and_what_is_preserved_within_a_margin():
    means = {"": 1.0, "RR": 0.9, "CR": 0.7, "CC": 0.997}
    found = beside(scores=means, spread=0.03)
    # SD 0.0201; t(9) = 2.262; one further network: ± 0.0477
    assert found.loc["f1_orth_RR", ["low", "high"]].tolist() == pytest.approx([0.8523, 0.9477], abs=1e-3)
    assert found.agrees[["f1_orth_RR", "f1_orth_CR"]].tolist() == ["yes", "no"]
    assert found.agrees["f1_orth_CC"] == "undecided"  # the margin is 0.001, the interval of the mean ± 0.012
    still = beside(scores=means)
    assert still.agrees[["f1_orth_full", "f1_orth_CC", "f1_orth_RR"]].tolist() == ["yes", "no", "no"]
    assert beside(scores={"RR": 0.8765})["agrees"]["f1_orth_RR"] == "yes"  # printed as 0.876
    assert beside(scores={"RR": 0.8766})["agrees"]["f1_orth_RR"] == "no"


def test_few_networks_decide_nothing_and_none_have_no_numbers():
    found = beside(scores={"RR": 0.876}, n=5)
    assert found.agrees.eq("undecided").all() and np.isnan(found.low["f1_orth_RR"])
    assert found.n["f1_orth_CR"] == 0 and np.isnan(found["mean"]["f1_orth_CR"])


def test_the_numbers_are_of_three_kinds():
    assert paper.numbers().kind.value_counts().to_dict() == {"preserved": 20, "value": 16, "repeat": 10}


def test_the_pair_is_predicted_by_the_line_through_the_networks():
    rng = np.random.default_rng(0)
    table = replaying({"RR": 0.85, "CR": 0.7}, spread=0.05)
    table["score"] += rng.normal(0, 0.005, len(table))
    (row,) = paper.joint(table).itertuples()
    wide = table.pivot(index="seed", columns="removed", values="score")
    slope, intercept = np.polyfit(wide.RR, wide.CR, 1)
    assert row.predicted == pytest.approx(intercept + slope * 0.876)
    assert row.low < row.predicted < row.high and row.r > 0.95 and row.p < 0.01
    assert np.isnan(paper.joint(table[table.seed < 5]).p[0])
