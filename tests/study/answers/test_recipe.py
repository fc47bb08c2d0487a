"""What the recipe's chapter says, from small tables with known answers."""

import pandas as pd
import pytest

from study.answers import recipe

COPY = {"": 1.0, "CC": 0.999, "RR": 0.85, "CR": 0.7, "RR+CR+CC": 0.65}
EXACT = {"": 0.001, "RR": 0.002, "CR": 0.401, "CC": 0.051}


def rows(task, varied, value, scores, n=3):
    """n seeds of one variant; the score of seed s is 0.001 s higher where something is ablated."""
    made = pd.DataFrame(
        [(task, varied, value, seed, removed, 60 + seed, score + 0.001 * seed * bool(removed))
         for seed in range(n) for removed, score in scores.items()],
        columns=["task", "varied", "value", "seed", "removed", "n_leading", "score"],
    )  # fmt: skip
    made["metric"] = "replay_accuracy" if task == "copy" else "fvu"
    made["delta"] = made.score - made.groupby("seed").score.transform("first")
    return made.assign(sensitivity=10 * made.delta)


def table(n=3, moved=0.0):
    """Two values of a choice for the copy task, and for flip-flop; a third copy variant fails."""
    return pd.concat(
        [
            rows("copy", "horizon", "16", COPY, n),
            rows("copy", "horizon", "32", {**COPY, "CR": 0.7 + moved}, n),
            rows("copy", "steps", "4000", {**COPY, "": 0.98, "CR": 0.5}, n),
            rows("flip_flop", "pulse_probability", "0.1", EXACT, n),
            rows("flip_flop", "pulse_probability", "0.2", {**EXACT, "CR": 0.401 + 4 * moved}, n),
        ],
        ignore_index=True,
    )


def test_networks_are_counted_as_they_are_not_as_they_stand_in_the_table():
    assert recipe.networks(table(), 12) == "12 networks, 3 seeds for each value."
    assert recipe.networks(table(n=1), 4) == "4 networks, 1 seed for each value."


def test_values_of_the_copy_task_have_means_and_the_range_of_n_R():
    shown = recipe.by_value_of_copy(table())
    assert list(shown)[3:] == ["intact", "−CC", "−RR", "−CR", "−all\xa0three"]
    row = ["training horizon (lags)", "16", "60–62", "1.000", "1.000", "0.851", "0.701", "0.651"]
    assert list(shown.loc[0]) == row
    assert len(shown) == 3


def test_values_of_the_other_tasks_have_medians_of_the_change():
    shown = recipe.by_value_of_others(table())
    row = ["pulse probability", "0.1", "60–62", "0.0010", "0.002", "0.401", "0.051"]
    assert list(shown.loc[0]) == row


def test_a_variant_that_does_not_solve_its_task_is_named_and_left_out():
    assert recipe.solved(table()) == "4 of 5 variants solve their task (not: training steps 4000)."
    good = table().query("varied != 'steps'")
    assert recipe.solved(good) == "4 of 4 variants solve their task (not: none)."
    numbers = recipe.over_variants(table()).set_index(["task", "removed", "quantity"])
    low, high = numbers.loc[("copy", "CR", "replay_accuracy"), ["lowest", "highest"]]
    assert low == high == pytest.approx(0.701)
    assert numbers.loc[("copy", "CR", "replay_accuracy"), "variants"] == 2


def test_numbers_are_robust_or_depend_on_the_recipe():
    still, moved = recipe.over_variants(table()), recipe.over_variants(table(moved=0.1))
    assert still.robust.all()
    assert recipe.robust(still) == (
        f"{len(still)} of {len(still)} published numbers are robust to choices that the paper does not state."
    )
    depend = moved[~moved.robust]
    # ΔFVU of CR goes from 0.4 to 0.8, within a factor of two; the accuracy moves by 0.1
    assert list(zip(depend.task, depend.removed, strict=True)) == [("copy", "CR")]
    shown = recipe.shown(moved)
    assert "accuracy, intact" in set(shown.number)
    assert {"FVU", "ΔFVU, −CR"} <= set(shown.number[shown.task == "flip-flop"])
    row = shown[shown.number == "accuracy, −CR"].iloc[0]
    assert list(row) == [
        "copy",
        "accuracy, −CR",
        "0.639",
        "0.7010",
        "0.8010",
        2,
        "no",
        "depends on the recipe",
    ]


@pytest.mark.parametrize(
    ("quantity", "low", "high", "robust"),
    [
        ("replay_accuracy", 0.7, 0.749, True),
        ("replay_accuracy", 0.7, 0.76, False),
        ("fvu", 0.1, 0.2, True),
        ("delta_fvu", 0.1, 0.21, False),
        ("delta_fvu", -0.001, 0.008, True),
        ("normalized_sensitivity", -0.1, 0.1, False),
    ],
)
def test_what_is_robust(quantity, low, high, robust):
    assert recipe.is_robust(quantity, low, high) is robust


def test_with_one_variant_there_is_nothing_to_compare():
    one = table().query("value in ['16', '0.1']")
    numbers = recipe.over_variants(one)
    assert numbers.empty
    assert recipe.robust(numbers) == ("No published number can be compared: too few variants solve their task.")
    unsolved = recipe.orders(table().query("varied == 'steps'"))
    assert unsolved == "No variant solves its task, so that there is no order to compare."


def test_orders_are_counted_over_variants_that_solve_their_task():
    some = pd.concat(
        [
            table(),
            rows("copy", "readout_scale", "3.0", {**COPY, "CC": 0.9, "CR": 0.95}),
            rows("sine_generation", "highest", "3.0", {"": 0.01, "RR": 0.05, "CR": 2.0, "CC": 1.0}),
            rows("sine_generation", "highest", "6.0", {"": 0.01, "RR": 0.8, "CR": 0.3, "CC": 1.0}),
            rows("context_integration", "noise", "0.5", {"": 0.01, "RR": 0.1, "CR": 0.9, "CC": 0.4}),
        ]
    )
    said = recipe.orders(some)
    assert "by at most 0.005 in 2 of 3 variants, and $T_{CR}$ costs more than $T_{RR}$ in 2 of 3" in said
    assert "before $T_{RR}$ in 2 of 2. Sine" in said
    assert "both at least 0.5 in 1 of 2, $T_{RR}$ at most 0.1 in 1 of 2." in said
    assert said.endswith("$T_{CC}$ above $T_{CR}$ in 0 of 1.")


def test_the_paper_s_numbers_are_those_of_the_text():
    published = recipe.published()
    assert len(published) == 21
    assert set(published.construction) == {"dense_orthogonal"}
