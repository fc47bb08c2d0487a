"""What the chapter on structure and size says follows from its tables."""

import math

import pandas as pd
import pytest

from study.answers import controls as answers
from study.probes.nulls import KINDS

DESTRUCTIVE = ("isotropic", "random basis", "random couplings")


def nulls(blocks, draws=200, **columns):
    """Two networks a block: [(task, block, mass, harm, median of the destructive nulls, of the others)]."""
    rows = []
    for task, removed, mass, harm, much, little in blocks:
        for seed in range(2):
            for kind in KINDS:
                median = much if kind in DESTRUCTIVE else little
                effect = float(median > harm) - float(median < harm)
                p = 1 / (1 + draws) if effect > 0 else 1.0
                rows.append(
                    dict(task=task, construction="dense_orthogonal", hidden_size=72, seed=seed,
                         removed=removed, mass=mass, kind=kind, error=0.0, harm=harm, null_median=median, p=p,
                         p_harsher=1 / (1 + draws) if effect < 0 else 1.0, effect=effect, draws=draws)
                )  # fmt: skip
    return pd.DataFrame(rows).assign(**columns)


SAFE = ("copy", "CC", 0.07, 0.0, 0.3, 0.0)
DEAR = ("copy", "CR", 0.2, 0.27, 0.36, 0.09)
SMALL = ("copy", "RR", 0.001, 0.0, 0.0, 0.0)
SINE = ("sine_generation", "CC", 0.5, 1.9, 0.87, 0.35)
MILD = ("flip_flop", "CC", 0.1, 0.0002, 0.0003, 0.0001)  # safe, but so are changes of its size


def test_the_networks_of_each_task_are_counted():
    assert answers.counted(nulls([SAFE, DEAR, SINE])) == "2 copy and 2 sine generation networks"


def test_effects_are_pooled_over_networks_and_corrected_over_the_sets():
    table = answers.pooled(nulls([SAFE, DEAR])).set_index(["removed", "kind"])
    row = table.loc[("CC", "isotropic")]
    assert (row.n, row.effect, row.milder, row.harsher) == (2, 1.0, 2, 0)
    assert (row.harm, row.null_harm, row["mass"]) == (0.0, 0.3, pytest.approx(0.07))
    assert math.isnan(row.low)  # two networks give no interval
    assert (row.p, row.p_holm) == (0.5, 1.0)
    assert table.loc[("CR", "same entries")].harsher == 2


def test_the_table_of_blocks_keeps_a_task_and_a_block_together():
    shown = answers.beside_nulls(answers.pooled(nulls([SAFE, DEAR, SINE])))
    assert shown.ablated.tolist() == ["−CC"] * 3 + ["−CR"] * 3 + ["−CC"] * 3
    assert shown.task.tolist() == ["copy"] * 6 + ["sine generation"] * 3
    assert shown.iloc[0].tolist() == [
        "copy", "−CC", "isotropic", "0.000", "+0.300", "+1.00", "2 of 2", "1.000"
    ]  # fmt: skip


def test_what_is_safe_depends_on_epsilon_and_on_the_error_of_the_intact_network():
    some = nulls([("flip_flop", "CC", 0.1, 0.002, 0.5, 0.5)])
    shown = answers.destroyed(some).set_index("null of equal norm").loc["isotropic"]
    assert shown.tolist() == ["0 of 0", "0 of 0", "2 of 2", "2 of 2"]  # the floor is 0.01: ε of 0.2 is needed
    assert len(answers.safe(some.assign(error=0.04))) == len(some)  # 5 % of 0.04 is 0.002
    assert answers.safe(some.assign(error=0.039)).empty


def test_how_small_a_p_can_be_is_said():
    said = answers.drawn(nulls([SAFE, DEAR], draws=30), 64)
    assert "With 2 networks the paired test cannot give a p below 0.5" in said
    assert "with 2 sets corrected for together none below 1;" in said and "is at least 0.032." in said


def test_what_was_drawn_is_said():
    said = answers.drawn(nulls([SAFE], draws=30), 64)
    assert "2 copy networks" in said and "30 times" in said and "same 64 held-out trials" in said


def test_a_block_is_safe_if_it_is_notable_and_harmless():
    said = answers.safe_blocks(nulls([SAFE, DEAR, SMALL, SINE]))
    assert "at least 0.01 of the Schur mass" in said and "by at most 5% of itself" in said
    assert "2 of 6 blocks of all networks (copy, −CC: 2)" in said
    assert "0 of 2 blocks of all networks (none)" in answers.safe_blocks(nulls([DEAR]))


def test_the_nulls_that_destroy_are_counted():
    shown = answers.destroyed(nulls([SAFE, MILD])).set_index("null of equal norm")["ε = 5 %"]
    assert shown["isotropic"] == "2 of 4" and shown["shuffled"] == "0 of 4"
    assert answers.destroyed(nulls([DEAR]))["ε = 5 %"].tolist() == ["0 of 0"] * len(KINDS)


def test_a_null_that_is_often_as_mild_does_not_destroy():
    table = nulls([SAFE])
    table.loc[table.seed == 0, "p"] = 0.06
    assert answers.destroyed(table).set_index("null of equal norm")["ε = 5 %"]["isotropic"] == "1 of 2"


@pytest.mark.parametrize(
    ("blocks", "draws", "said"),
    [
        ([SAFE], 18, "stays undecided: too few draws"),
        ([DEAR], 19, "stays undecided: no notable block can go"),
        ([MILD], 19, "does not hold"),
        ([("copy", "CC", 0.07, 0.0, 0.3, 0.2)], 19, "holds for copy"),
        ([("copy", "CC", 0.07, 0.0, 0.3, 0.2), MILD], 19, "holds for copy, not for flip-flop"),
        (
            [SAFE, MILD, SINE],
            19,
            "holds for copy, not for flip-flop; for sine generation there is no safe block to compare; and it is "
            "about where a change stands, since changes within the places of a safe block are as safe",
        ),
    ],
)
def test_the_verdict_on_the_claim(blocks, draws, said):
    assert answers.verdict(nulls(blocks, draws)) == said


def test_the_verdict_is_shown_by_the_numbers_of_the_copy_task_and_of_blocks_that_are_not_mild():
    table = nulls([SAFE, DEAR, SINE])
    claim, copy, not_mild = answers.structure_or_size(table, answers.pooled(table)).split("\n\n")
    assert claim.startswith("Beside five kinds of null, the statement holds for copy;")
    assert "holds 0.070 of the Schur mass, and its ablation costs 0.0000" in copy
    assert "isotropic change of that norm costs 0.300, the same mask in a random basis 0.300" in copy
    assert "of the other couplings 0.300, random numbers *in the places of* $T_{CC}$ 0.0000." in copy
    assert "costs 0.270, random numbers in its places 0.090: there the entries themselves count" in copy
    assert "on sine generation the ablation of $T_{CC}$ gains an FVU of 1.90, an isotropic" in not_mild
    assert "norm 0.87 (medians over networks)." in not_mild


def test_what_is_not_there_is_not_spoken_of():
    noisy = ("copy", "CR", 0.2, 0.1, 0.36, 0.4)
    table = nulls([noisy, ("sine_generation", "CC", 0.5, 0.2, 0.87, 0.35)])
    claim, copy = answers.structure_or_size(table, answers.pooled(table)).split("\n\n")
    assert copy.startswith("For $T_{CR}$") and copy.endswith(": there noise is no better than nothing.")
    table = nulls([MILD])
    assert answers.structure_or_size(table, answers.pooled(table)) == (
        "Beside five kinds of null, the statement does not hold."
    )


def test_the_other_copy_networks_are_shown_and_counted():
    table = nulls([SAFE, DEAR], construction="dense_normal", hidden_size=56)
    shown = answers.of_other_copies(table)
    assert shown.iloc[0, :6].tolist() == ["dense normal", 56, 2, "CC", "0.070", "0.000"]
    assert shown["random basis"].tolist() == ["+0.300", "+0.360"]
    said = answers.safe_elsewhere(table, n_normal=16)
    assert "These are 2 copy networks (the 16 Cayley networks" in said
    assert "Of their 4 notable blocks 2 are safe (CC: 2)" in said
    assert "isotropic changes in 2, the mask in a random basis in 2, random couplings in 2, the" in said
    assert said.endswith("entries shuffled in 0 and random numbers in its places in 0.")


def doses(rows):
    """[(block, breaks, slope, constancy)] of a network each."""
    columns = ["removed", "breaks", "slope", "constancy"]
    return pd.DataFrame(rows, columns=columns).assign(task="copy")


NAN = math.nan


def test_doses_are_shown_as_medians_and_ranges():
    table = doses([("CC", 0.1, 2.0, 0.1), ("CC", 0.3, 1.0, -0.2), ("RR", NAN, NAN, NAN), ("CR", 0.2, 1, 1)])
    shown = answers.doses(table).set_index("block")
    assert shown.loc["CC", "breaks at s"] == "0.200 (0.100 to 0.300)"
    assert shown.loc["CC", "S(0.1) / S(1)"] == "−0.05 (−0.20 to 0.10)"
    assert shown.loc["CR", "exponent"] == "1.00"
    assert shown.loc["RR", "exponent"] == "–" and shown.n.tolist() == [2, 0, 1]


def test_the_effect_of_doses_is_read():
    said = answers.of_doses(doses([("CC", 0.1, 2.0, 0.1), ("CC", 0.3, 1.6, 0.2)]))
    assert "The median exponent is 1.80, nearer to a quadratic than to a linear effect" in said
    assert "half do so before $s = 0.200$" in said
    assert "In 0 of 2 cases" in said and "(median ratio 0.15)" in said
    assert "of the network and the dose together: it can rank" in said
    said = answers.of_doses(doses([("CC", NAN, 1.0, 1.0)]))
    assert "nearer to a linear than to a quadratic" in said and "No block breaks behaviour" in said
    assert "In 1 of 1 cases" in said and said.endswith("is a number of the network alone.")
    assert answers.of_doses(doses([("CC", NAN, NAN, NAN)])) == ("No block has an effect that could be fitted.")


def interactions():
    terms = {"RR": 0.2, "CR": -0.2, "CC": 0.0, "RR+CR": -0.1, "RR+CC": 0.1, "CR+CC": 0.0}
    rows = [
        dict(task="copy", seed=seed, removed=removed, harm=0.3 + 0.2 * seed, term=term,
             shapley=term if "+" not in removed else NAN)
        for seed in range(2)
        for removed, term in {**terms, "RR+CR+CC": 0.0}.items()
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_the_shares_of_the_blocks():
    [row] = answers.shapley_values(interactions()).to_dict("records")
    assert row == {"task": "copy", "all three": "0.400 ± 0.141", "share of RR": "0.200 ± 0.000",
                   "share of CR": "−0.200 ± 0.000", "share of CC": "0.000 ± 0.000", "n": 2}  # fmt: skip
    [row] = answers.shapley_values(interactions().query("seed == 0")).to_dict("records")
    assert row["all three"] == "0.300 ± –" and row["n"] == 1


def test_interactions_are_beside_main_effects():
    said = answers.of_interactions(interactions())
    assert "as multiples of the main effects, 0.50 on the copy task." in said


@pytest.mark.parametrize(
    ("blocks", "draws", "said"),
    [
        ([DEAR], 200, "None of the 2 notable blocks can go without harm"),
        ([SAFE, DEAR], 10, "Of 4 notable blocks 2 can go when the error may rise by 5%"),
        ([SAFE], 10, "in the block's own places in 0: too few draws to judge"),
        (
            [SAFE, DEAR],
            200,
            "in 2 of these, random numbers in the block's own places in 0: what makes",
        ),
        ([SAFE], 200, "neither its size nor what stands in the block, but where it stands ("),
        (
            [("copy", "CC", 0.1, 0.0, 0.3, 0.2)],
            200,
            "what makes a change harmless is not its size (",
        ),
        ([SAFE, MILD], 200, "size accounts for part of what the structure is credited with"),
    ],
)
def test_the_answer(blocks, draws, said):
    assert said in answers.answer(nulls(blocks, draws), nulls([SAFE]))


def test_the_answer_adds_the_other_copy_networks_where_they_have_safe_blocks():
    assert answers.answer(nulls([SAFE]), nulls([SAFE])).endswith("starts and sizes: 2 of 2 and 0 of 2).")
    assert answers.answer(nulls([SAFE]), nulls([DEAR])).endswith("but where it stands.")
