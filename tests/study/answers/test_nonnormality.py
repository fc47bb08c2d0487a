"""What the chapter on nonnormality says, from small tables whose answers are known."""

from itertools import product

import numpy as np
import pandas as pd
import pytest

from schur_lib.schur import COUPLINGS
from study.answers import nonnormality as answers

TASKS = ("copy", "flip_flop", "sine_generation", "context_integration")


def departure(seeds=(0, 1), kreiss=1.0):
    """Henrici 0.1 … 0.4 by task for W, the same for J, whose radius is half; two states of J."""
    rows = []
    for (i, task), seed in product(enumerate(TASKS, start=1), seeds):
        for operator, state in (("W", 0), ("jacobian", 0), ("jacobian", 1)):
            row = {
                "task": task,
                "seed": seed,
                "operator": operator,
                "state": state,
                "henrici": i / 10,
            }
            row |= dict.fromkeys(COUPLINGS, 0.05) | {"rho": 1.5 if operator == "W" else 0.5 + 0.5 * state}
            row |= {"pairs": i / 20, "radius": 1.25, "peak": 1.5 + i / 2, "kreiss": kreiss}
            row |= {"input_R": i / 10, "output_R": 0.9, "n_leading": 16, "hidden_size": 64}
            rows.append(row | {"trial_peak": 2.0 + i})
    return pd.DataFrame(rows)


def sensitivity(exact=1.0, first=0.1, second=1.2, block_second=3.0):
    """Two couplings a block and network, half of them stable on copy and all of them elsewhere."""
    rows = []
    for task, seed, removed in product(TASKS, (0, 1), (*COUPLINGS, "RR+CR+CC")):
        share = {"copy": 0.5}.get(task, 1.0) if removed in COUPLINGS else 0.0
        block = {"task": task, "seed": seed, "unit": "block", "removed": removed}
        near = 1 + 1e-6 * seed  # not all the same, so that ranks are defined
        block |= {"exact": exact * near, "first": first * near, "second": block_second * near}
        block |= {"stable_couplings": share}
        rows.append(block | {"stable_entries": share / 2})
        for k in range(2 * (removed in COUPLINGS)):
            size = exact / (1 + k)
            row = {
                "task": task,
                "seed": seed,
                "unit": "coupling",
                "removed": removed,
                "exact": size,
            }
            row |= {"first": first * size, "second": second * size}
            rows.append(row | {"stable_couplings": np.nan, "stable_entries": np.nan})
    return pd.DataFrame(rows)


def test_growth_is_the_median_over_networks_of_the_median_over_states():
    table = answers.growth(departure()).set_index(["task", "matrix"])
    assert table.loc[("copy", "W")].tolist() == [
        "1.50", "0.100", "0.050", "0.050", "0.050", "0.050", "1.25", "2.00", "1.00",
    ]  # fmt: skip
    assert table.loc[("copy", "J"), "ρ"] == "0.75"
    assert len(table) == 8


def test_where_it_grows_is_told_with_its_numbers():
    said = answers.where_it_grows(departure())
    assert "In these 8 dense orthogonal networks" in said
    assert "largest in context integration and smallest on the copy task" in said
    assert "hold 25.0 % of its square" in said
    assert "of $J$ is 0.500 of that of $W$, on the flip-flop 0.500" in said
    assert "is 0.10 (copy), 0.20 (flip-flop), 0.30 (sine generation) and 0.40 (context" in said
    assert "random direction would have 0.25 on every task" in said
    assert "Of its output 0.90 on every task lies there" in said
    assert "peaks at 3.00, 4.00, 5.00 and 6.00" in said
    assert "In these 4 dense orthogonal networks" in answers.where_it_grows(departure([0]))


@pytest.mark.parametrize(
    ("kreiss", "said"),
    [
        (1.0, "is not above the peak in any matrix"),
        (2.01, "In 6 of 24 matrices the Kreiss bound is above"),
    ],
)
def test_a_bound_above_the_peak_is_told(kreiss, said):
    assert said in answers.where_it_grows(departure(kreiss=kreiss))


def test_predictions_stand_beside_what_happens():
    table = answers.predictions(sensitivity()).set_index(["task", "block"])
    assert table.loc[("copy", "RR")].tolist() == ["50 %", "25 %", 4, "1.000", "+0.100", "+3.000"]
    assert "RR+CR+CC" not in table.index.get_level_values(1)
    some = sensitivity()
    some = some[(some.task != "copy") | (some.removed != "RR")]
    empty = answers.predictions(some).set_index(["task", "block"])
    assert empty.loc[("copy", "RR")].tolist() == ["–", "–", 0, "–", "–", "–"]


def test_what_an_expansion_foresees_is_told_with_its_numbers():
    said = answers.foreseen(sensitivity())
    assert said.startswith("88 % of the couplings of a block and 44 % of its entries")
    assert "on the copy task, 50.0 % of the couplings" in said
    assert "Of the 48 couplings" in said and "predicts 0 % within a factor of 1.5, the second order 100 %" in said
    assert "(rank correlations 1.00 and 1.00)" in said
    assert "Of the 32 blocks (all three at once included) it is 0 % and 0 %" in said


@pytest.mark.parametrize("first", [0.1, 1.0])
@pytest.mark.parametrize("block_second", [3.0, 1.0])
def test_verdicts_on_the_orders_depend_on_what_they_foresee(first, block_second):
    said = answers.foreseen(sensitivity(first=first, block_second=block_second))
    assert ("has little to say" in said) == (first == 0.1)
    assert ("not by how much" in said) == (block_second == 3.0)


def test_nothing_is_judged_where_nothing_is_felt():
    said = answers.foreseen(sensitivity(exact=1e-5))
    assert "Of the 0 couplings" in said and "predicts – within" in said and "– and –" in said
    assert "little to say" not in said and "not by how much" not in said


@pytest.mark.parametrize(("ratio", "share"), [(1.45, "100 %"), (1.55, "0 %"), (0.7, "100 %"), (0.6, "0 %")])
def test_a_prediction_counts_within_a_factor_of_one_and_a_half(ratio, share):
    said = answers.answer(departure(), sensitivity(second=ratio, block_second=9.0))
    assert f"in {share} of cases, that of a whole block in 0 %" in said


def test_the_answer_is_told_with_its_numbers():
    said = answers.answer(departure(), sensitivity())
    assert "by 0.10–0.40 of the norm of W" in said and "2.0–3.5 times" in said
    assert "and 44 % of the entries of a block" in said
