"""The chapter on a hundred networks says what its tables say, whichever way they turn out."""

import pandas as pd
import pytest

from study.answers import hundred as answers
from study.statistics import median_interval
from tests.study.answers.tables import profile

N = 8
FEW, OTHERS = [1, 2, 2, 1], [3, 3, 4, 5]


def copies(**losses):
    table = profile("copy", [1.0] * N, [64] * N, **{name: [-x for x in values] for name, values in losses.items()})
    return table.assign(metric="replay_accuracy")


def tasks(CC=(0.2, 0.15, 0.26, 0.2, 0.02, 0.03, 0.01, 0.02), n_leading=(*FEW, *OTHERS)):
    return profile("flip_flop", [0.001] * N, list(n_leading), CC=list(CC), CR=[0.4] * N)


def found(**changed):
    return answers.harms(copies(CR=[0.3] * N, CC=[0.0] * 7 + [0.002]), tasks(**changed))


def test_harm_is_lost_accuracy_or_a_rise_of_the_fvu():
    rows = found().set_index(["task", "removed", "seed"])
    assert rows.harm["copy", "CR", 3] == pytest.approx(0.3) and rows.harm["flip_flop", "CC", 2] == 0.26
    assert rows.intact["copy", "CR", 3] == 0 and rows.intact["flip_flop", "CC", 2] == pytest.approx(0.001)
    # 5 % of 1 % of chance: 0.00025 of accuracy, 0.0005 of FVU
    assert rows.safe["copy", "CC", 0] and not rows.safe["copy", "CC", 7] and not rows.safe["flip_flop", "CC", 6]


def test_medians_have_exact_intervals_and_shares_theirs():
    table = answers.distributions(found()).set_index(["task", "removed"])
    row = table.loc["flip_flop", "CC"]
    harm = tasks().query("removed == 'CC'").delta
    assert row[["low", "high", "median"]].tolist() == pytest.approx([*median_interval(harm), harm.median()])
    assert row[["n", "lowest", "highest", "unsafe"]].tolist() == pytest.approx([8, 0.01, 0.26, 1])
    assert table.unsafe["copy", "CC"] == 1 / 8 and table.unsafe_low["copy", "CC"] < 1 / 8
    shown = answers.shown(answers.distributions(found())).set_index(["network", "ablated"])
    assert shown.loc[("flip-flop", "−CC"), "median harm"] == "0.0900"
    assert shown.loc[("copy, dense orthogonal", "−CC"), "more than ε"].startswith("12 % (0–53)")


def test_blocks_without_mass_are_counted():
    table = tasks()
    table.loc[table.removed.eq("RR") & table.seed.lt(3), "mass"] = 0.0
    rows = answers.distributions(answers.harms(copies(), table)).set_index(["task", "removed"])
    assert rows.vacant["flip_flop", "RR"] == 3 and rows.vacant["flip_flop", "CC"] == 0


def test_two_kinds_of_flip_flop_are_told_apart_or_not():
    said = answers.two_kinds(found())
    assert said.startswith("**There are two kinds of flip-flop network.** 4 of 8 have fewer")
    assert "rises by 0.150 to 0.260 (median 0.200). The other 4 lose 0.010 to 0.030" in said
    mixed = answers.two_kinds(found(CC=[0.2, 0.15, 0.26, 0.2, 0.02, 0.03, 0.01, 0.17]))
    assert "and they overlap.**" in mixed and "with probability 0.94" in mixed
    assert "does not tell" in answers.two_kinds(found(CC=[0.02] * N))
    assert answers.two_kinds(found(n_leading=[3] * N)) == "The flip-flop networks are of one kind: $n_R$ is 3."


def test_medians_by_the_size_of_the_leading_sector():
    table = answers.by_size(found()).set_index("n_R")
    assert table.networks.to_dict() == {"1–2": 4, "3–4": 3, "5–8": 1}
    assert table["−CC"]["1–2"] == "0.20" and table["−CC"]["3–4"] == "0.0200"
    many = answers.by_size(found(n_leading=[2] * N))
    assert many["−CC"].tolist() == ["0.0900 (0.0100 to 0.26)"]


def test_the_correlation_with_the_size_has_its_sign():
    said = answers.follows_size(found(CC=[8, 7, 6, 5, 4, 3, 2, 1], n_leading=range(1, 9)))
    assert "on the flip-flop −RR –, −CR – and −CC −1.00" in said


def test_the_answer_counts_blocks_that_can_go_everywhere_nowhere_and_somewhere():
    said = answers.answer(found())
    assert said.startswith(
        "8 networks of each task were ablated, and 8 of each copy configuration. Of the 6 blocks that"
    )
    assert "2 can go in every network (−RR on the dense orthogonal copy task and −RR on the flip-flop)" in said
    assert "and 3 in none" in said and "(−CC on the dense orthogonal copy task)" in said


def test_three_networks_have_no_intervals():
    few = pd.DataFrame(found()[lambda t: t.seed < 3])
    shown = answers.shown(answers.distributions(few))
    assert set(shown["95 % interval"]) == {"–"} and shown["more than ε"].isin(["0 %", "100 %"]).all()
