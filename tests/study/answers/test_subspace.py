"""What the chapter on the subspace account says follows from its tables."""

import math

import pandas as pd
import pytest

from schur_lib.tasks import TASKS
from study.answers import subspace as answers

NETWORK = {"construction": "dense_orthogonal", "hidden_size": 72}


def blocks(effect):
    """Whole blocks of three networks a task; their effect is a function of (task, block, seed)."""
    rows = [
        dict(task=task, **NETWORK, seed=seed, removed=removed, part="whole",
             delta=effect(i, j, seed), mass=0.1 * (j + 1) + 0.01 * seed, active_mass=0.5 + 0.01 * i + 0.1 * seed)
        for i, task in enumerate(TASKS)
        for j, removed in enumerate(("RR", "CR", "CC"))
        for seed in range(3)
    ]  # fmt: skip
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def accounts():
    return answers.accounts(blocks(lambda i, j, seed: float(j)))


def test_the_accounts_of_each_task_and_of_all(accounts):
    assert accounts.groupby("of", sort=False).size().tolist() == [4, 4, 4, 4, 8]
    r2 = accounts.set_index(["of", "account"]).r2
    assert r2["copy", "block"] == r2[answers.EVERYWHERE, "block"] == pytest.approx(1)
    assert r2[answers.EVERYWHERE, "task"] == pytest.approx(0)


def test_what_the_accounts_explain_is_read(accounts):
    shown = answers.everywhere(accounts).set_index("account")
    assert shown.loc["block", "R² [95 %]"] == "1.00"  # three networks have no interval
    assert shown.loc["task", "parameters"] == 3
    said = answers.of_accounts(accounts, blocks(lambda i, j, seed: float(j))[lambda t: t.task == "copy"])
    assert "explains 0.00 and the name of the block 1.00 on the copy task; it is 0.00 and 1.00" in said
    assert "In the 3 copy networks of other starts and sizes" in said and "they explain 0.00 and 1.00" in said
    assert said.endswith("says 1.00 of the variance, the activity in its task 0.00.")


def halved(effects, task="copy", share=0.99):
    """A network a row: [(effect of the block, of its half on the activity, of the other)]."""
    rows = []
    for seed, deltas in enumerate(effects):
        for part, delta, mass in zip(("whole", "on", "off"), deltas, (1.0, 0.6, 0.8), strict=True):
            rows.append(dict(task=task, **NETWORK, seed=seed, removed="CR", k=5, part=part, delta=delta,
                             mass=mass, share=math.nan if part == "whole" else share))  # fmt: skip
    return pd.DataFrame(rows)


THROUGH = answers.ratios(halved([(0.5, 0.5, 0.0), (1.0, 0.9, 0.1), (0.001, 0.0, 0.0)]))
BESIDE = answers.ratios(halved([(0.5, 0.3, 0.2)]))
BOTH_HALVES = answers.ratios(halved([(0.5, 0.5, 0.2)]))
LESS = answers.ratios(halved([(0.5, 0.3, 0.0)]))
NOTHING = answers.ratios(halved([(0.001, 0.0, 0.0)]))


def test_halves_are_taken_of_blocks_that_have_an_effect():
    assert THROUGH.seed.tolist() == [0, 0, 1, 1]
    assert THROUGH.effect.tolist() == pytest.approx([1.0, 0.0, 0.9, 0.1])
    assert THROUGH.squared.tolist() == pytest.approx([0.36, 0.64] * 2)


def test_the_table_of_halves():
    [row] = answers.on_and_off(THROUGH).values.tolist()
    assert row == ["copy", "99.0 %", "5", "0.64", "0.95", "0.050", 2]
    empty = answers.on_and_off(NOTHING)
    assert empty.empty and "mass² off" in empty


def test_whether_blocks_act_through_the_activity():
    said = answers.through_activity(THROUGH, BESIDE)
    assert "Over all 2 blocks with an effect" in said and "holds 0.64 of the squared mass" in said
    assert "has 0.050 of the effect (median; 0.09 is reached" in said and "half on it has 0.95" in said
    assert "a block acts through the activity (in the copy networks of other starts" in said
    assert "halves have 0.400 and 0.60)" in said and "With the 1 % of activity" in said
    for ratios in (BESIDE, BOTH_HALVES):
        said = answers.through_activity(ratios, NOTHING)
        assert "most, but not all, of what a block does goes through the leading activity. With" in said
    assert answers.through_activity(NOTHING, NOTHING) == ("No block has an effect that could be divided.")


def rotated(effects, task="copy"):
    """A network a row: [(block, effect of the block, of the rotations, Cliff's δ)]."""
    columns = ["removed", "delta", "rotated_median", "effect"]
    table = pd.DataFrame(effects, columns=columns).assign(task=task, **NETWORK)
    return table.assign(seed=table.groupby("removed").cumcount())


UNLIKE = rotated([("CC", 0.02, 0.2, 1.0), ("CC", 0.04, 0.4, 0.95), ("CR", 1.0, 0.7, -1.0)])
ALIKE = rotated([("RR", 0.2, 0.2, 0.1)] * 10, "flip_flop")


def test_rotations_are_pooled_and_shown():
    table = answers.pooled(UNLIKE)
    assert table.n.tolist() == [2, 1] and table.p.tolist() == [0.5, 1.0]
    assert table.p_holm.tolist() == [1.0, 1.0] and table.low.isna().all()
    assert answers.beside_rotations(table).values.tolist() == [
        ["copy", "CC", "+0.030", "+0.300", "+0.97", "1.000", 2],
        ["copy", "CR", "+1.000", "+0.700", "−1.00", "1.000", 1],
    ]


def test_whether_it_matters_where_a_block_writes():
    both = pd.concat([UNLIKE, ALIKE])
    said = answers.of_rotations(both, answers.pooled(both))
    assert "$|\\delta| \\ge 0.9$ are 3 of 3 on the copy task and 0 of 10 on the flip-flop." in said
    assert "$T_{CC}$ gains an FVU of 0.030, the same reading with other writing 0.300; the" in said
    assert "$T_{CR}$ gains an FVU of 1.000, the same reading with other writing 0.700." in said
    assert "So where a block *writes* matters as well." in said
    said = answers.of_rotations(ALIKE, answers.pooled(ALIKE))
    assert "On the copy task" not in said and "So where a block *writes* hardly matters." in said


def test_the_angles_are_medians_over_networks_beside_chance():
    rows = [
        dict(task="copy", removed="CC", side=side, subspace=subspace, n_block=5, n_subspace=66,
             smallest=smallest, smallest_chance=5, median=84.2, median_chance=15)
        for side in ("input", "output")
        for subspace, smallest in (("activity", 20), ("activity", 30), ("drive", 80))
    ]  # fmt: skip
    shown = answers.to_the_activity(pd.DataFrame(rows))
    assert shown.values.tolist() == [
        ["copy", "CC", "reads", "5 and 66", "25 (5)", "84 (15)", 2],
        ["copy", "CC", "writes", "5 and 66", "25 (5)", "84 (15)", 2],
    ]


def decoded(rows, metric="fvu", task="flip_flop"):
    """[(ablated set, score of the readout, of the decoder)] of a network."""
    table = pd.DataFrame(rows, columns=["removed", "fixed", "refitted"])
    return table.assign(task=task, **NETWORK, seed=0, metric=metric)


def test_what_a_refitted_decoder_takes_back():
    # of an error of 0.4 and of 0.2, 0.1 stays: three quarters and a half; a loss below 0.01 is none
    errors = [("", 0.1, 0.1), ("CR", 0.5, 0.2), ("CC", 0.3, 0.2), ("RR", 0.105, 0.1)]
    accuracies = [("", 1.0, 1.0), ("CR", 0.6, 1.0)]
    copy = decoded(accuracies, "replay_accuracy", "copy")
    both = pd.concat([copy, decoded(errors)], ignore_index=True)
    said = answers.recovered(both)
    assert "(where it adds 0.01 or more)" in said
    assert said.endswith("as a median, 1.000 on the copy task and 0.625 on the flip-flop.")
    assert answers.recovered(decoded(errors[:1])).startswith("No ablation adds an error of 0.01")


def explained(activity, block):
    names = ["activity + task", "block × task"]
    return pd.DataFrame({"of": answers.EVERYWHERE, "account": names, "r2": 1.0, "unseen": [activity, block]})


@pytest.mark.parametrize(
    ("accounts", "path", "ratios", "rotations", "said"),
    [
        (explained(0.7, 0.6), 0.5, THROUGH, ALIKE, "**Subspace: how much of the activity a block reads.**"),
        (explained(0.5, 0.6), 0.5, THROUGH, ALIKE, "**Schur: which block it is.**"),
        (explained(0.5, 0.6), 0.9, THROUGH, ALIKE, "**Neither alone, but the path of its effect.**"),
        (explained(0.5, 0.6), 0.9, THROUGH, ALIKE, "0.90 without being told either (−0.20 on a task left out)"),
        (explained(0.5, 0.6), math.nan, THROUGH, ALIKE, "**Schur: which block it is.**"),
        (explained(0.7, 0.6), 0.5, THROUGH, ALIKE, "a share of its effect of 0.050 at 99 % of the activity"),
        (explained(-0.1, 0.6), 0.5, LESS, ALIKE, "explain −0.10 of the variance of the ranked effects"),
        (explained(0.7, 0.6), 0.5, THROUGH, UNLIKE, "clearly unlike it in 3 of 3 cases."),
        (explained(0.7, 0.6), 0.5, NOTHING, ALIKE, "Cannot be told: no block"),
    ],
)
def test_the_answer(accounts, path, ratios, rotations, said):
    assert said in answers.answer(accounts, ratios, rotations, {"network": path, "task": -0.2})


def test_the_answer_says_how_much_hangs_on_where_the_subspace_ends():
    wide = answers.ratios(halved([(0.5, 0.3, 0.2)], share=0.95))
    said = answers.answer(explained(0.7, 0.6), pd.concat([THROUGH, wide]), ALIKE, {"network": 0.9, "task": 0.8})
    assert "0.400 at 95 % and 0.050 at 99 % of the activity" in said
