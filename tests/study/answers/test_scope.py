"""What the chapter on time course and scope says, from small tables whose answers are known."""

from itertools import product

import numpy as np
import pandas as pd
import pytest

from schur_lib.schur import COUPLINGS
from study.answers import scope as answers

SETS = ("", *COUPLINGS)


def profile(deltas, **keys):
    """The rows of one network: its score is 0.5, n_R is 4."""
    rows = [
        {"removed": name, "delta": delta, "score": 0.5 + delta, "mass": 0.1 * i, "n_leading": 4}
        for i, (name, delta) in enumerate(zip(SETS, (0.0, *deltas), strict=True))
    ]
    return pd.DataFrame(rows).assign(construction="dense_orthogonal", hidden_size=64, metric="fvu", **keys)


def course(seeds=(0, 1)):
    """CR is the most harmful from half of the training on, RR before; copy has an accuracy."""
    tables = []
    for seed, steps in product(seeds, (1, 10, 30, 50, 100)):
        deltas = (0.3, 0.1, 0.0) if steps < 50 else (0.1, 0.4, 0.0)
        keys = {"seed": seed, "steps": steps}
        tables.append(profile(deltas, task="flip_flop", **keys))
        tables.append(profile([-d for d in deltas], task="copy", **keys).assign(metric="replay_accuracy"))
    table = pd.concat(tables, ignore_index=True)
    table.loc[table.steps == 1, "mass"] = 0.004
    return table


def by_size(last="CR"):
    deltas = {"RR": (0.5, 0.1, 0.2), "CR": (0.1, 0.5, 0.2), "CC": (0.1, 0.2, 0.5)}
    tables = [
        profile(deltas["CR" if size == 16 else last], task="flip_flop", seed=seed).assign(hidden_size=size)
        for size, seed in product((16, 32), (0, 1, 2))
    ]
    return pd.concat(tables, ignore_index=True)


def of_cells():
    tables = [
        profile((0.0, 0.2, 0.1), cell="biases", matrix="W", seed=0),
        profile((0.0, 0.2, 0.1), cell="biases", matrix="W", seed=1),
        profile((0.0, 0.2, 0.3), cell="GRU", matrix="reset", seed=0),
        profile((0.0, 0.4, 0.3), cell="GRU", matrix="new", seed=0),
    ]
    return pd.concat(tables, ignore_index=True)


def points(n_memories=8):
    """tanh rests at 0, GRU at points for the states of three bits, each reached by one trial in ten."""
    bits = list(product((-1, 1), repeat=3))[:n_memories]
    keys = [("tanh", "origin", (0, 0, 0), 3), *(("GRU", "memory", b, 0) for b in bits)]
    rows = []
    for cell, point, held, n_unstable in keys:
        row = {"cell": cell, "seed": 0, "point": point, "n_unstable": n_unstable, "size": 64}
        row |= {f"bit_{k}": bit for k, bit in enumerate(held, start=1)} | {
            "rho": 0.75,
            "n_leading": 2,
        }
        row |= {"henrici": 0.5, "reached": 0.1 * (point != "origin")}
        row |= {
            "RR": 0.125,
            "CR": 0.25,
            "CC": 0.75,
            "share_RR": 0.0,
            "share_CR": 0.1,
            "share_CC": 0.9,
        }
        rows.append(row)
    return pd.DataFrame(rows)


def effects(order=(0.01, 0.8, 0.04)):
    rows = []
    for name, here, in_W in zip(COUPLINGS, order, (0.0, 0.4, 0.02), strict=True):
        row = {
            "cell": "tanh",
            "seed": 0,
            "points": "origin",
            "removed": name,
            "delta": here,
            "from_W": in_W,
        }
        rows.append(row | {"null_median": 0.5, "p": 0.02 if name == "CC" else 0.5})
        row = {"cell": "GRU", "seed": 0, "points": "nearest", "removed": name, "from_W": np.nan}
        row |= {"delta": 0.3 if name == "CC" else 0.1, "null_median": 0.6}
        rows.append(row | {"p": 0.05 if name == "CC" else 0.06})
    return pd.DataFrame(rows)


def operatives(left=0.1, blocks=COUPLINGS):
    """The first 4 of 8 columns do, and all rows only; of a harm of 2 the share `left` is left at that k."""
    rows = []
    for task, (side, enough), seed in product(
        ("sine_generation", "context_integration"), (("columns", 4), ("rows", 8)), (0, 1)
    ):
        for k in (2, 4, 8):
            row = {"task": task, "side": side, "seed": seed, "k": k}
            rows.append(row | {"removed": "", "delta": 0.0 if k >= enough else 1.0})
            for name in blocks:
                rest = {
                    "delta": 2 * left if side == "columns" else 0.0,
                    "whole": 2.0,
                    "overlap": 0.25,
                }
                rows.append(row | {"removed": name} | rest)
    return pd.DataFrame(rows, columns=["task", "side", "seed", "k", "removed", "delta", "whole", "overlap"])


def test_harm_is_positive_where_worse():
    table = answers.harms(course())
    assert set(table.removed) == set(COUPLINGS)
    end = table[table.steps == 100].groupby(["task", "removed"]).harm.mean()
    assert end["copy", "CR"] == end["flip_flop", "CR"] == pytest.approx(0.4)


def test_the_course_shows_medians():
    table = answers.course(course()).set_index(["task", "steps"])
    assert table.loc[("flip-flop", 100)].tolist() == ["0.500", "+0.100", "+0.400", "0.000"]
    assert table.loc[("copy", 1)].tolist() == ["0.500", "−0.300", "−0.100", "0.000"]


def test_the_most_harmful_block_is_compared_with_that_of_the_end_from_a_fifth_on():
    # steps 30 and 50 of 100 count, 1 and 10 do not: of two tasks and two seeds, half
    said = answers.settles(course())
    assert said.startswith("After one step no block holds more than 0.004") and "in 4 of 8 cases." in said
    assert "in 2 of 4 cases" in answers.settles(course([0]))
    short = course([0])  # as in the quick profile: two steps, one before a fifth
    assert answers.settles(short[short.steps.isin([1, 100])]).endswith("of the mass.")


def test_sizes_and_capacity():
    table = answers.sizes(by_size("CC")).set_index("N_h")
    assert table.loc[32].tolist() == [3, "0.5000", "4", "+0.100", "+0.200", "+0.500"]
    assert answers.worst_by_size(by_size("CC")).endswith("that of CR at 16, CC at 32.")
    uneven = by_size()
    uneven.loc[(uneven.seed == 2) & (uneven.removed == "CR"), "delta"] = 3.5  # a mean, not a median
    means = answers.capacity(uneven).set_index("N_h")
    assert means.loc[16].tolist() == [3, "0.500", "4", "+0.100", "+1.500", "+0.200"]
    assert answers.sizes(uneven).set_index("N_h").loc[16, "Δ −CR"] == "+0.500"


def test_cells_are_counted_by_matrix():
    table = answers.cells(of_cells()).set_index(["cell", "matrix"])
    assert table.loc[("biases", "W")].tolist() == [2, "0.5000", "4", "0.000", "+0.200", "+0.100"]
    said = answers.worst_of_cells(of_cells())
    assert said.startswith("Of 3 cuts") and said.endswith("RR in 0, CR in 2, CC in 1.")


def test_fixed_points_are_described_by_kind():
    table = answers.points(points()).set_index(["cell", "point"])
    masses = ["0.125 (0.00)", "0.250 (0.10)", "0.750 (0.90)"]
    assert table.loc[("GRU", "memory")].tolist() == [8, 8, "0.75", "2 of 64", "0.50", *masses]
    assert table.loc[("tanh", "origin"), "stable"] == 0
    said = answers.at_rest(points(), 2)
    assert said.startswith("After 40 % of the trials") and "points. 0 points have" in said
    assert "After 26.7 % of" in answers.at_rest(points(), 3)
    marginal = points().replace({"point": {"origin": "marginal"}})
    assert "points. 1 points have" in answers.at_rest(marginal, 2)


def test_effects_at_fixed_points_stand_beside_random_changes():
    table = answers.at_points(effects()).set_index(["cell", "block"])
    assert table.loc[("tanh", "CC")].tolist() == [
        "the origin",
        "+0.040",
        "+0.500",
        "1 of 1",
        "+0.020",
    ]
    assert table.loc[("GRU", "CR")].tolist() == [
        "the nearest point",
        "+0.100",
        "+0.600",
        "0 of 1",
        "–",
    ]


def test_gated_cells_at_rest_are_told_with_their_numbers():
    said = answers.gated_at_rest(points(), effects())
    assert "The 1 gated networks rest at 8 fixed points away from 0, of which 8 are stable; 1 networks" in said
    assert "there is 2, and $T_{CC}$ holds 0.90 of" in said
    assert "RR in 0, CR in 0, CC in 1 of 1 networks, and in 1 of 1 networks ablating $T_{CC}$" in said
    assert "1 of 1 networks. Their size differs (2.0 times, as a median)" in said
    assert "So these effects rank blocks" in said


def test_eight_points_are_eight_memories_only_if_each_state_is_held_once():
    assert "0 networks have exactly eight" in answers.gated_at_rest(points(7), effects())
    twice = points()
    twice.loc[twice.index[-1], ["bit_1", "bit_2", "bit_3"]] = -1
    assert "0 networks have exactly eight" in answers.gated_at_rest(twice, effects())
    undecided = points()
    undecided.loc[undecided.index[-1], "bit_3"] = 0
    assert "0 networks have exactly eight" in answers.gated_at_rest(undecided, effects())


def test_effects_rank_blocks_only_where_the_check_holds():
    said = answers.gated_at_rest(points(), effects(order=(0.5, 0.8, 0.04)))
    assert "in 0 of 1 networks" in said and "rank blocks" not in said and "nor always the same order" in said


def test_without_memories_nothing_false_is_said():
    none = points(0)
    untouched = effects()[lambda t: t.cell == "tanh"]
    untouched = untouched.assign(from_W=0.001)
    said = answers.gated_at_rest(none, untouched)
    assert "The 0 gated networks rest at 0 fixed points" in said and "there is –, and" in said
    assert "CC in 0 of 0 networks, and in 0 of 0" in said and "Their size" not in said


def test_operative_dimensions_that_stand_for_the_matrix():
    table = answers.operative_blocks(operatives()).set_index(["task", "side", "block"])
    row = table.loc[("sine_generation", "columns", "CC")]
    assert row.tolist() == [4, 0.25, 2.0, 0.1, 2]
    assert (table.xs("rows", level="side").k == 8).all()
    text = answers.accounted(answers.operative_blocks(operatives()))
    assert text.iloc[0].tolist() == [
        "sine generation", "columns", 4, "RR", "+0.25", "+2.000", "+0.10", 2,
    ]  # fmt: skip
    said = answers.kept_alone(operatives(), answers.operative_blocks(operatives()))
    assert "$k =$ 4 (columns) and 8 (rows)" in said and "from 4 and 8 in context integration" in said
    assert "0.10 of the effect for the columns and 0.00 for the rows" in said


def test_a_k_does_only_if_all_larger_ones_do():
    table = operatives()
    table.loc[(table.removed == "") & (table.side == "columns") & (table.k == 8), "delta"] = 0.5
    found = answers.operative_blocks(table)
    assert set(found.k) == {8}  # none does: the largest stands
    table.loc[(table.removed == "") & (table.side == "columns"), "delta"] = 0.01
    assert set(answers.operative_blocks(table).query("side == 'columns'").k) == {2}


def test_blocks_at_rounding_level_have_no_row_and_no_share():
    some = answers.operative_blocks(operatives(blocks=["CR"]))
    assert set(some.block) == {"CR"}
    empty = answers.operative_blocks(operatives(blocks=[]))
    assert not len(empty)
    assert "– of the effect for the columns and – for" in answers.kept_alone(operatives(), empty)
    unfelt = answers.operative_blocks(operatives().assign(whole=0.005))
    assert unfelt.left.isna().all() and (unfelt.n == 2).all()


def answer(last="CR", left=0.1):
    aligned = answers.operative_blocks(operatives(left))
    return answers.answer(course(), by_size(last), of_cells(), points(), effects(), aligned)


def test_the_answer_is_told_with_its_numbers():
    said = answer()
    assert "0.004 of the mass" in said and "in 4 of 8 cases; " in said
    assert "in the 3 cuts" in said and "it is RR in 0, CR in 2, CC in 1;" in said
    assert "at the 8 fixed points" in said and "CC in 1 of 1 networks;" in said
    assert "0.10 of its effect is left for the columns and 0.00 for the rows, as medians over blocks." in said


@pytest.mark.parametrize(
    ("last", "verdict"),
    [
        ("CR", "is the same at all sizes (CR)"),
        ("CC", "changes with the hidden size (CR at 16, CC at 32)"),
    ],
)
def test_whether_the_size_matters(last, verdict):
    assert f"the most harmful block on the flip-flop {verdict};" in answer(last=last)


@pytest.mark.parametrize("left", [0.1, 0.5])
def test_whether_operative_dimensions_account_for_the_blocks(left):
    said = answer(left=left)
    assert ("dimensions account for the blocks" in said) == (left == 0.1)
    assert ("dimensions only partly account for the blocks" in said) == (left == 0.5)
    assert ("more for RR in sine generation, columns (0.50)" in said) == (left == 0.5)
    nothing = answers.operative_blocks(operatives(blocks=[]))
    empty = answers.answer(course(), by_size(), of_cells(), points(), effects(), nothing)
    assert "only partly account for" in empty and "– of its effect" in empty
