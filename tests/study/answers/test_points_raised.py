"""What the chapter on the points raised says, from small tables with known answers."""

import numpy as np
import pandas as pd
import pytest

from schur_lib.schur import OrderedSchur, ordered_schur
from schur_lib.tasks import TASKS
from study.answers import points_raised as answers

# real 1, a pair of modulus 0.5, real 0.25
T = np.array([[1.0, 0.1, 0.2, 0.3], [0, 0.3, 0.4, 0.0], [0, -0.4, 0.3, 0.5], [0, 0, 0, 0.25]])
W = T[::-1, ::-1].T  # the same modes, the smallest first


def test_the_sorting_puts_the_largest_modulus_first():
    shown = answers.ordering(W, ordered_schur(W))
    assert list(shown.loc[1]) == ["after the sorting", "1.000", "0.500", "0.500", "0.250"]
    assert sorted(shown.loc[0][1:]) == sorted(shown.loc[1][1:])
    unsorted = answers.ordering(np.diag([1.0, 2.0]), ordered_schur(np.diag([1.0, 2.0])))
    assert unsorted.loc[0][1:].tolist() == ["1.000", "2.000"]


def test_couplings_stand_where_the_cut_puts_them():
    form = OrderedSchur.of_factors(np.eye(4), T)
    shown = answers.places(form, 0.5)
    assert list(shown) == ["row", "1 (R)", "2 (R)", "3 (R)", "4 (C)"]
    letters = ["".join(row[1:]) for row in shown.itertuples(index=False)]
    assert letters == ["λRRRRCR", "·λλCR", "·λλCR", "···λ"]
    assert list(answers.places(form, 0.9).loc[1]) == ["2 (C)", "·", "λ", "λ", "CC"]


def test_the_example_s_masses_and_spectrum():
    form = OrderedSchur.of_factors(np.eye(4), T)
    said = answers.example(T, form, 0.5)
    norm = np.linalg.norm(T)
    assert said.startswith("$n_R$ = 3; ")
    assert f"{np.hypot(0.1, 0.2) / norm:.4f} for $T_{{RR}}$" in said
    assert f"{np.hypot(0.3, 0.5) / norm:.4f} for $T_{{CR}}$ and 0.0000 for $T_{{CC}}$" in said


def table_1(n=4):
    rows = [
        ("copy", kind, 72, seed, alpha, removed, 64 + seed, 0.7 + 0.02 * seed if removed == "CR" else 1.0)
        for kind in ("dense_orthogonal", "cayley") for seed in range(n)
        for alpha in (0.85, 0.9, 0.95) for removed in ("", "CC", "CR")
    ]  # fmt: skip
    columns = [
        "task",
        "construction",
        "hidden_size",
        "seed",
        "alpha",
        "removed",
        "n_leading",
        "score",
    ]
    return pd.DataFrame(rows, columns=columns).assign(delta=0.0, mass=0.1, sensitivity=0.0)


def test_entries_of_table_1_have_an_interval_and_a_spread():
    shown = answers.spread(table_1(n=6))
    row = shown[(shown["α"] == "0.90") & (shown.entry == "−CR")].iloc[0]
    assert list(row)[3:5] == ["0.634", "0.750"]
    assert list(row)[6:] == ["0.037", "0.700", "0.800", 6]
    low, high = map(float, row["95 % interval"].split(" to "))
    assert (low, high) == (0.711, 0.789)  # 0.75 ± t(5) · 0.0374 / √6
    assert shown["95 % interval"][1] == "1.000"
    one = answers.spread(table_1(n=1))
    assert set(one.SD) == set(one["95 % interval"]) == {"–"}
    said = answers.how_much_networks_differ(table_1())
    assert said == (
        "Without $T_{CR}$ the paper prints 0.634; here it is 0.700 to 0.760 in 4 networks, with a mean of 0.730."
    )


def singles(n=4, **rises):
    """n networks a task; error 0.02, raised by the share given for a task's block, else tenfold and more."""
    rows = []
    for task in TASKS:
        metric = "replay_accuracy" if task == "copy" else "fvu"
        for seed in range(n):
            for removed in ("", "RR", "CR", "CC"):
                rise = 0 if not removed else rises.get(f"{task}_{removed}", 20)
                error = 0.02 * (1 + rise) if task != "copy" else 0.005 * (1 + rise)
                score = 1 - error if task == "copy" else error
                rows.append(
                    (
                        task,
                        "dense_orthogonal",
                        72,
                        seed,
                        removed,
                        0.1 * bool(removed),
                        score,
                        metric,
                    )
                )
    columns = ["task", "construction", "hidden_size", "seed", "removed", "mass", "score", "metric"]
    return pd.DataFrame(rows, columns=columns)


def test_shares_of_networks_grow_with_what_is_allowed():
    some = singles(copy_CC=0.02)
    some.loc[(some.task == "copy") & (some.removed == "CC") & (some.seed == 0), "score"] -= 0.01
    found = answers.shares(some, [0.01, 0.05, 3]).set_index(["task", "removed", "epsilon"]).share.sort_index()
    assert found["copy", "CC"].tolist() == [0, 0.75, 1]
    assert found["flip_flop", "CC"].tolist() == [0, 0, 0]


def test_networks_are_counted_at_each_level_and_empty_blocks_left_out():
    some = singles(copy_CC=0.02, flip_flop_RR=0.6)
    some.loc[(some.task == "flip_flop") & (some.removed == "CR"), "mass"] = 0.0
    shown = answers.counts(some).set_index(["task", "ablated"])
    assert list(shown) == ["networks", "1 %", "5 %", "50 %", "100 %", "1000 %", "5 %, no floor"]
    assert list(shown.loc["copy", "−CC"]) == [4, 0, 4, 4, 4, 4, 4]
    assert list(shown.loc["flip-flop", "−RR"]) == [4, 0, 0, 0, 4, 4, 0]
    assert list(shown.loc["flip-flop", "−CR"]) == [0] + ["–"] * 6
    assert answers.vacant(some).endswith(": CR in 4 networks on the flip-flop.")
    assert answers.vacant(singles()) == "Every block holds some Schur mass."


def test_only_the_floor_makes_half_again_of_nearly_nothing_little():
    some = singles()
    some.loc[some.task == "copy", "score"] = 1 - 0.0004
    some.loc[(some.task == "copy") & (some.removed == "CC"), "score"] = 1 - 0.0006
    row = answers.counts(some).set_index(["task", "ablated"]).loc["copy", "−CC"]
    assert row["5 %"] == 4
    assert row["5 %, no floor"] == 0


def test_the_sets_that_can_go_are_counted_in_each_task():
    some = singles(copy_CC=0.02, flip_flop_RR=0.0, flip_flop_CC=0.01)
    some.loc[(some.task == "copy") & (some.seed == 0) & (some.removed == "CC"), "score"] = 0.5
    shown = answers.sets(some)
    assert shown.to_numpy().tolist()[:3] == [
        ["copy", "CC", 3],
        ["copy", "none", 1],
        ["flip-flop", "RR, CC", 4],
    ]


@pytest.mark.parametrize(
    ("rises", "sets", "same"),
    [
        ({}, "copy: none; flip-flop: none; sine generation: none; context integration: none", "the same"),
        ({"copy_CC": 0.0, "flip_flop_RR": 0.0},
         "copy: CC; flip-flop: RR; sine generation: none; context integration: none", "not the same"),
    ],
)  # fmt: skip
def test_the_usual_sets_are_the_same_or_not(rises, sets, same):
    said = answers.how_little_is_little(singles(**rises))
    assert f"that can go are: {sets}. They are {same} in all tasks." in said


def test_the_levels_with_the_default_s_verdict_are_named():
    # at 1 % nothing can go anywhere; from 5 % on, CC in the copy task only
    table = answers.claim_8(singles(copy_CC=0.02, n=12)).set_index("ε")
    assert table["tasks differ"]["1 %"] != table["tasks differ"]["5 %"]
    said = answers.how_little_is_little(singles(copy_CC=0.02, n=12))
    verdicts = table.verdict
    same = ", ".join(level for level in verdicts.index if verdicts[level] == verdicts["5 %"])
    assert said.endswith(f"Claim 8: {verdicts['5 %']}; the verdict is the same at ε = {same}.")
    few = answers.claim_8(singles(n=2))
    assert set(few.verdict) == {"undecided"} == set(few["tasks differ"])


def copies():
    """Two dense orthogonal networks that solve it, one of which loses with CC; one Cayley that does not."""
    rows = []
    for size, start, seed, intact, alone, given in (
        (72, "dense_orthogonal", 0, 1.0, 0.0005, 0.002),
        (72, "dense_orthogonal", 1, 0.995, 0.02, 0.0),
        (64, "cayley", 0, 0.9, 0.5, 0.5),
    ):
        sets = {"": intact, "CC": intact - alone, "RR": 0.8, "RR+CC": 0.8 - given, "CR": 0.7, "CR+CC": 0.7,
                "RR+CR": 0.6, "RR+CR+CC": 0.6}  # fmt: skip
        rows += [(size, start, seed, removed, score) for removed, score in sets.items()]
    return pd.DataFrame(rows, columns=["hidden_size", "construction", "seed", "removed", "score"])


def test_counterexamples_are_counted_among_networks_that_solve_the_task():
    shown = answers.counterexamples(copies())
    assert list(shown.loc[0]) == [64, "Cayley", 1, 0, "–", "–", "–", "–"]
    assert list(shown.loc[1]) == [72, "dense orthogonal", 2, 2, "0.0200", 1, 1, 1]
    assert answers.what_refutes(copies()) == (
        "Of 3 copy networks 2 solve the task. When $T_{CC}$ goes alone, 1 of these lose more than 0.001 of "
        "accuracy and 1 more than 0.01; the largest loss is 0.0200. When other blocks have gone before, 1 lose "
        "more than 0.001, and 0.0020 at most."
    )
    none = copies().query("construction == 'cayley'")
    assert answers.what_refutes(none) == "Of 1 copy networks 0 solve the task."


def test_the_four_answers_stand_in_one_list():
    said = answers.answers(table_1(), singles(), copies())
    points = [line.split(".**")[0] for line in said.splitlines()]
    assert points == [f"* **{p}" for p in ("The order", "The spread", "Little loss", "Refutation")]
