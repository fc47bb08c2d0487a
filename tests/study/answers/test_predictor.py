"""What the chapter on the predictor says follows from its tables, whichever way they turn out."""

import numpy as np
import pandas as pd
import pytest

from schur_lib.tasks import TASKS
from study.answers import predictor as answers
from study.probes.predictor import FORMS

NETWORK = {"construction": "dense_orthogonal", "hidden_size": 64}


def forms(effect, predicted=None, seeds=4, alphas=(0.9,)):
    """Rows whose ΔFVU is a function of (task, block, seed); the two-sided form is another, the rest is noise."""
    rng = np.random.default_rng(0)
    rows = []
    for alpha in alphas:
        for i, task in enumerate(TASKS):
            for seed in range(seeds):
                for j, removed in enumerate(("RR", "CR", "CC", "RR+CR+CC")):
                    delta = effect(i, j, seed)
                    row = dict(task=task, **NETWORK, seed=seed, alpha=alpha, removed=removed, n_leading=40)
                    row |= dict(mass=0.1 + rng.random(), active_mass=rng.random(), delta=delta, score=0.01)
                    row |= {form: rng.random() for form in FORMS}
                    rows.append(row | {"two_sided": delta if predicted is None else predicted(i, j, seed)})
    return pd.DataFrame(rows)


def effect(i, j, seed):
    return 10.0 ** (-2 + j) * (1 + i + seed / 10)


def test_a_perfect_prediction_explains_everything_and_a_constant_nothing():
    table = forms(effect)
    found = answers.measures(table)
    assert [found[k] for k in ("spearman", "network", "task", "log")] == pytest.approx([1] * 4)
    assert found["right"] == found["n"] == 64
    constant = answers.measures(table.assign(two_sided=1.0))
    assert np.isnan(constant["spearman"]) and constant["log"] < 0
    assert constant["right"] == (table.delta > 0.05).sum()


def test_a_wrong_scale_costs_the_logarithm_and_not_the_ranks():
    table = forms(effect, lambda i, j, seed: 10 * effect(i, j, seed))
    found = answers.measures(table)
    y = np.log(table.delta)
    assert found["spearman"] == pytest.approx(1)
    assert found["log"] == pytest.approx(1 - np.log(10) ** 2 / y.var(ddof=0))


def test_what_is_left_out_is_tested_by_a_line_fitted_to_the_rest():
    table = pd.DataFrame(
        {"task": list("aabbcc"), "two_sided": [1.0, 2, 3, 4, 5, 6], "delta": [2.0, 1, 3, 4, 6, 5]}
    )
    x, y = table.two_sided.rank(), table.delta.rank()
    missed = 0.0
    for task in "abc":
        rest = table.task != task
        slope, offset = np.polyfit(x[rest], y[rest], 1)
        missed += np.sum((y[~rest] - offset - slope * x[~rest]) ** 2)
    assert answers.measures(table)["task"] == pytest.approx(1 - missed / np.sum((y - y.mean()) ** 2))
    assert np.isnan(answers.measures(table[table.task == "a"])["task"])


def test_only_single_blocks_above_rounding_at_the_threshold_of_the_paper_are_ranked():
    table = forms(effect, alphas=(0.85, 0.9))
    table.loc[(table.removed == "RR") & (table.task == "copy"), "mass"] = 1e-7
    blocks = answers.single_blocks(table)
    assert set(blocks.alpha) == {0.9} and set(blocks.removed) == {"RR", "CR", "CC"}
    assert len(blocks) == 4 * 4 * 3 - 4


def test_the_ladder_goes_from_the_dearest_to_the_cheapest():
    blocks = answers.single_blocks(forms(effect))
    table = answers.ladder(blocks)
    assert table.account.tolist() == list(reversed(answers.ACCOUNTS.values()))
    assert table.loc[0].tolist()[1:] == ["1.00", "1.00", "1.00", "1.00", "48 of 48"]
    assert table.loc[7].tolist()[-2:] == ["–", "–"]
    said = answers.of_ladder(blocks, forms(effect))
    assert said.startswith("Rows: the 48 single blocks above rounding level of 16 networks.")
    little = int((blocks.delta <= 0.05).sum())
    assert f"{max(little, 48 - little)} calls would be right if all were the same" in said
    assert "Over all 64 rows of the seven sets the two-sided prediction has a rank R² of 1.00 (1.00 on a" in said


def test_the_ranking_within_tasks():
    shown = answers.within_tasks(answers.single_blocks(forms(effect))).set_index("task")
    assert shown.loc["flip-flop", "two-sided"] == "1.00" and shown.loc["flip-flop", "blocks"] == 12
    assert shown.loc["copy", "largest ΔFVU"] == "1.30"


@pytest.mark.parametrize(
    ("bend", "headline"),
    [
        (lambda d: d, "The ranking in context integration depends little on the size of the change."),
        (
            lambda d: np.where(d < 0.5, d, 1 / d),
            "The first order is right for small changes, and whole blocks are not",
        ),
    ],
)
def test_saturation_is_told_by_dose(bend, headline):
    size = np.arange(1, 7)
    doses = pd.concat(
        pd.DataFrame({"dose": dose, "two_sided": dose * size, "moved": bend(dose * size)}) for dose in (0.01, 1.0)
    ).assign(task="context_integration")
    said = answers.saturated(doses)
    assert said.startswith(f"**{headline}") and "0.01 (Spearman 1.00; predicted over true change 1.00, in" in said
    assert answers.saturated(doses.assign(moved=0.0)).startswith("Cannot be told")


def test_what_is_missed_in_size_is_told_each_way():
    blocks = answers.single_blocks(
        forms(effect, lambda i, j, seed: effect(i, j, seed) * (1 + i if j == 2 else 0.4 + i / 10))
    )
    said = answers.missed(blocks)
    assert "is lowest for −CR on the copy task (0.40) and highest for −CC in context integration (4.00)." in said
    assert answers.missed(blocks.assign(delta=0.01)).startswith("No block")


def test_other_settings_are_named():
    table = forms(effect, alphas=(0.85, 0.9, 0.95))
    others = pd.concat(
        [table[table.task == "copy"].assign(construction="dense_normal"), table[table.task == "flip_flop"]]
    )
    cells = table[table.task == "flip_flop"].assign(cell="GRU").drop(columns=["construction", "hidden_size"])
    shown = answers.elsewhere(answers.settings(table, others[others.alpha == 0.9], cells[cells.alpha == 0.9]))
    assert shown.networks.tolist() == [
        "α = 0.85, all tasks",
        "α = 0.95, all tasks",
        "copy, dense normal, 56–72 units",
        "flip-flop, 64 units",
        "flip-flop, GRU",
    ]
    assert shown.Spearman.tolist() == ["1.00"] * 5 and shown["right calls"].tolist()[2] == "12 of 12"


def replays(shift=0.0, bend=0.0):
    score = np.tile(np.linspace(0.6, 1, 8), 2)
    rows = {"task": "copy", "construction": "dense_orthogonal", "hidden_size": 72, "seed": np.repeat([0, 1], 8)}
    return pd.DataFrame(rows | {"score": score, "linear": score + bend, "closed_form": score + shift})


def test_linearity_is_told_by_the_largest_change():
    said = answers.linear_is_enough(replays(shift=0.01, bend=0.001))
    assert said.startswith(
        "**They are linear**: without tanh no accuracy of the eight sets changes by more than 0.0010"
    )
    assert (
        "in 2 networks" in said
        and "their 16 accuracies with r = 1.0000 and a root mean square error of 0.0100" in said
    )
    assert answers.linear_is_enough(replays(bend=0.1)).startswith("**They are not quite linear**")
    assert answers.of_linear(replays(0.01)).loc[0].tolist() == [
        "dense orthogonal",
        72,
        2,
        "0.0000",
        "1.0000",
        "0.0100",
    ]
    flat = replays().assign(score=1.0, closed_form=1.0)
    assert answers.of_linear(flat).loc[0, "closed form: r"] == "–"


def test_networks_that_are_not_linear_are_named():
    both = pd.concat([replays(bend=0.002), replays(bend=0.05).assign(construction="dense_normal", hidden_size=56)])
    said = answers.exceptions(both)
    assert said.endswith("in dense normal with 56 units (0.050); elsewhere by at most 0.0020.")
    assert answers.exceptions(replays()).startswith("Nowhere does an accuracy move by more")


def sectors(**changed):
    row = dict(task="copy", construction="dense_orthogonal", hidden_size=72, n_complement=8, input_C=0.65,
               readout_C=0.002, beyond=0.01, memory=0.9, complement=0.003, cascade=0.95, not_cascade=1e-9, CC=0.1,
               CC_after_CR=0.004, CC_after_CR_late=2e-6, in_band=0, couplings=0.4)  # fmt: skip
    return pd.DataFrame([row | {"seed": seed} | changed for seed in range(3)])


def test_the_parts_of_the_memory_are_told():
    said = answers.parts(sectors())
    assert "it has 8 dimensions and holds 65 % of ‖W_xh‖² (its share of the dimensions is 11 %)" in said
    assert "removing $T_{CR}$ removes the cascade and nothing else, up to 10⁻⁷" in said
    assert "by at most 10⁻⁵ beyond the first eight lags" in said
    assert answers.parts(sectors(n_complement=0)).startswith("Cannot be told")
    assert answers.parts(sectors(input_C=0.2)).startswith("**The complement is no input port.**")


def test_claims_3_and_4_are_told_by_their_structure():
    both = pd.concat([sectors(), sectors(construction="cayley", couplings=3e-7)])
    said = answers.normal_and_banded(both)
    assert "of the 3 Cayley networks hold at most 10⁻⁶ of the Schur mass" in said and "at least 0.40)" in said
    assert "units 3 have no eigenvalue" in said and said.endswith("at every α there, for all of them.")
    both.loc[both.seed == 0, "in_band"] = 2
    assert "units 2 have no eigenvalue" in answers.normal_and_banded(both)
    assert answers.normal_and_banded(both).endswith("for the others it has to be measured.")


def off(cc=(0.02, 0.03), off=(0.001, 0.5), task="copy"):
    rows = []
    changes = {
        "CC": cc,
        "CR": (0.9, 1.0),
        "RC": (0.04, 0.04),
        "off": off,
        "similar": (0.01, 0.3),
        "random": (4.0, 4.0),
    }
    for removed, (on, elsewhere) in changes.items():
        for situation in ("task", *answers.OFF):
            d = on if situation == "task" else elsewhere if situation == "states" else on
            rows.append((removed, situation, d))
    table = pd.DataFrame(rows, columns=["removed", "situation", "discrepancy"])
    mass = table.removed.map({"CC": 0.1, "CR": 0.1, "RC": 0.3, "off": 0.5, "similar": 0.1, "random": 0.1})
    return table.assign(task=task, **NETWORK, seed=0, mass=mass, harm=0.001)


def test_an_invariance_is_restricted_where_epsilon_is_passed_off_the_task_alone():
    said = answers.restricted(off())
    assert said.startswith("**Of 1 block that can go on its task at ε = 0.05, 0 can go on the task alone.**")
    assert "−CC on the copy task (0.0200 on the task, 0.0300 from random states: not restricted to it)" in said
    assert "can go on 1 task; elsewhere it matters 500 times as much." in said
    said = answers.restricted(off(cc=(0.02, 0.2)))
    assert (
        "0.05, 1 can go on the task alone" in said and "0.2000 from random states: restricted to the task)" in said
    )


def test_what_is_off_the_task_is_shown_by_candidate():
    shown = answers.off_the_task(off())
    assert shown.columns.tolist()[3:] == ["harm", "on the task", "streams", "double", "noise", "states"]
    assert shown.loc[0].tolist()[1:] == ["−CC", "0.10", "0.0010", "0.0200", "0.0200", "0.0200", "0.0200", "0.0300"]
    assert shown.removed.tolist() == ["−CC", "−RC, complement first", "−off the activity", "S W S⁻¹"]


def test_the_larger_candidate_is_told_by_both_scores():
    said = answers.better_candidate(off())
    assert "holds 3.0 times the mass of $T_{CC}$, and its harm is 0.0010" in said
    assert "they move by 0.040 of their variance, those without $T_{CC}$ by 0.020" in said
    assert "by accuracy it is the larger symmetry. By the outputs it is a worse one: they move by" in said
    dear = off()
    dear.loc[dear.removed == "RC", "harm"] = 0.1
    assert "by accuracy it is no such symmetry" in answers.better_candidate(dear)
    assert answers.better_candidate(off(task="flip_flop")).startswith("Cannot be told")


def test_a_similarity_is_told_beside_a_random_change():
    said = answers.of_similarity(off())
    assert "by at most 0.0100 of their variance on the task" in said
    assert said.endswith("a random change of this size moves them by 4.00, removing $T_{CC}$ by 0.0200.")
    assert answers.of_similarity(off().query("removed != 'similar'")).startswith("Cannot be told")


def test_the_answer_goes_with_the_tables():
    blocks = answers.single_blocks(forms(effect))
    said = answers.answer(blocks, replays(bend=0.001), off())
    assert said.startswith("Not its size: the path of its effect.") and "the harm of 48 blocks" in said
    assert "rank R² of 1.00 (1.00 on a task left out)" in said and "rightly for 48 of 48" in said
    assert "by more than 0.0010 without tanh" in said and said.endswith("0 can go on the task alone.")
    assert "are not linear (without tanh accuracies move by up to 0.1000)" in answers.answer(
        blocks, replays(bend=0.1), off()
    )
    worse = blocks.assign(active_mass=blocks.delta, two_sided=-blocks.delta)
    assert answers.answer(worse, replays(), off()).startswith("Not the path alone.")


def test_the_limits_are_those_of_the_code():
    said = answers.frozen()
    assert "α = 0.9;" in said and "at most 5 % of" in said and "on 1,024 others" in said


def frozen(two_sided, delta, tasks=("copy", "flip_flop"), seeds=8, accuracy=None):
    """Predictions beside what was measured: functions of (task, block, seed)."""
    rows = []
    for i, task in enumerate(tasks):
        for seed in range(seeds):
            for j, removed in enumerate(("RR", "CR", "CC", "RR+CR+CC")):
                row = dict(task=task, **NETWORK, seed=seed, removed=removed, alpha=0.9, mass=0.2, intact=0.01)
                row |= dict(two_sided=two_sided(i, j, seed), delta=delta(i, j, seed), active_mass=(7 * seed) % 5)
                row |= dict(accuracy=np.nan, measured_accuracy=np.nan)
                if task == "copy":
                    row["accuracy"], row["measured_accuracy"] = 0.9 - j / 10, 0.9 - j / 10 + seed / 1000
                rows.append(row)
    table = pd.DataFrame(rows)
    for name, column in (("", "two_sided"), ("was_", "delta")):
        table[f"{name}little"], table[f"{name}safe"] = table[column] <= 0.05, table[column] <= 0.0005
    return table


def test_frozen_predictions_that_come_true_hold():
    table = frozen(effect, effect)
    shown = answers.outcome(table).set_index("predicted for")
    assert shown.index.tolist() == ["copy, dense orthogonal", "flip-flop", "all"]
    # the first block does little in both tasks
    assert shown.loc["all", ["networks", "blocks", "rank R²", "log R², no fit"]].tolist() == [
        16,
        48,
        "1.00",
        "1.00",
    ]
    assert (
        shown["right “little”"].tolist() == [24, 24, 48] and shown["right if all the same (little)"]["all"] == 32
    )
    said = answers.of_outcome(table)
    assert said.startswith("**The predictions hold**: of 48 blocks of 16 networks")
    assert "“little” for 48 (32 if all were called the same)" in said and "all the same: nowhere." in said
    assert said.endswith("sizes are predicted worse than one number for all would nowhere.")


def test_networks_without_a_block_are_counted_and_not_judged():
    table = frozen(effect, effect)
    table.loc[table.task == "copy", "mass"] = 1e-8
    shown = answers.outcome(table).set_index("predicted for")
    assert shown.loc["copy, dense orthogonal", ["networks", "blocks", "rank R²"]].tolist() == [8, 0, "–"]
    assert shown.loc["all", "blocks"] == 24 and answers.of_outcome(table).startswith(
        "**The predictions hold**: of 24"
    )


def test_frozen_predictions_can_lose():
    said = answers.of_outcome(frozen(lambda i, j, seed: effect(i, 2 - j, seed), effect))
    assert said.startswith("**They lose**: of 48")
    assert "would on the copy task (log R² −" in said
    assert "“little” on the flip-flop, 8 right where 16 would be" in said
    assert "“little” on the copy task (dense orthogonal), 8 right where 16 would be" in said


def test_the_task_that_is_ranked_worst_is_named():
    wrong = frozen(lambda i, j, seed: effect(i, 2 - j if i else j, seed), effect)
    assert "the ranking is weakest on the flip-flop (Spearman −" in answers.of_outcome(wrong)


def test_frozen_accuracies_stand_beside_the_measured():
    said = answers.of_replays_predicted(frozen(effect, effect))
    assert "of 8 dense orthogonal copy networks" in said and "a largest error of 0.007" in said
    assert answers.of_replays_predicted(frozen(effect, effect, tasks=["flip_flop"])).startswith("No copy")


def test_the_commits_are_named_in_their_order():
    commits = {name: {"commit": 4 * f"{i}abcdef", "time": f"2026-11-26 12:0{i}"}
               for i, name in enumerate(("networks", "predictions", "ablations"))}  # fmt: skip
    assert answers.of_commits({"first edition": commits}).startswith(
        "In the history of the project stand, for the first edition the networks in `0abcdef` (2026-11-26 12:00), "
        "the predictions in "
        "`1abcdef` (2026-11-26 12:01) and the ablations in `2abcdef` (2026-11-26 12:02)."
    )
