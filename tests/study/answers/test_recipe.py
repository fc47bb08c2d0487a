"""What the recipe's chapter says, from small tables with known answers."""

import numpy as np
import pandas as pd
import pytest

from study import inference, paper
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


def test_a_variant_that_does_not_solve_its_task_is_named_and_left_out():
    assert recipe.solved(table()) == "4 of 5 variants solve their task (not: training steps 4000)."
    good = table().query("varied != 'steps'")
    assert recipe.solved(good) == "4 of 4 variants solve their task (not: none)."
    numbers = recipe.over_variants(table()).set_index(["task", "removed", "quantity"])
    low, high = numbers.loc[("copy", "CR", "replay_accuracy"), ["lowest", "highest"]]
    assert low == high == pytest.approx(0.701)
    assert numbers.loc[("copy", "CR", "replay_accuracy"), "variants"] == 2


def test_numbers_move_little_or_not():
    still, moved = recipe.over_variants(table()), recipe.over_variants(table(moved=0.1))
    assert still.little.all()
    assert recipe.little(still) == (
        f"{len(still)} of {len(still)} published numbers move little over the choices that are varied here; of "
        "choices that are not, and of several at once, that says nothing."
    )
    depend = moved[~moved.little]
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
        "moves",
    ]


@pytest.mark.parametrize(
    ("quantity", "low", "high", "little"),
    [
        ("replay_accuracy", 0.7, 0.749, True),
        ("replay_accuracy", 0.7, 0.76, False),
        ("fvu", 0.1, 0.2, True),
        ("delta_fvu", 0.1, 0.21, False),
        ("delta_fvu", -0.001, 0.008, True),
        ("normalized_sensitivity", -0.1, 0.1, False),
    ],
)
def test_what_moves_little(quantity, low, high, little):
    assert recipe.moves_little(quantity, low, high) is little


def test_with_one_variant_there_is_nothing_to_compare():
    one = table().query("value in ['16', '0.1']")
    numbers = recipe.over_variants(one)
    assert numbers.empty
    assert recipe.little(numbers) == ("No published number can be compared: too few variants solve their task.")
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


def drawn(n=120):
    """Draws of the flip-flop of which a tenth is accepted: none with a forced pulse, and whatever else."""
    table = pd.DataFrame([{"task": "flip_flop", "seed": s, **inference.draw("flip_flop", s)} for s in range(n)])
    free = table.index[~table.forced.astype(bool)]
    return table.assign(fvu=0.001 + 1e-5 * table.seed, accepted=table.index.isin(free[: n // 10]))


def test_a_choice_that_decides_and_a_value_that_is_excluded_are_named_and_no_others():
    found = recipe.choices(drawn())
    forced = found[found.choice == "forced"].set_index("value")
    assert forced.accepted.to_dict() == {"yes": 0, "no": 12}
    assert forced.today.to_dict() == {"yes": False, "no": True}
    assert forced.p.iloc[0] < 0.05 and forced.none["yes"] < 0.05
    assert (found[found.choice != "forced"].p > 0.05).all()
    assert (
        found.groupby("choice").drawn.sum().eq(120).all() and found.groupby("choice").accepted.sum().eq(12).all()
    )
    said = recipe.compatible(found)
    assert f"Decided: first pulse forced (most often accepted: no, 12 of {forced.drawn['no']})." in said
    assert f"Excluded: first pulse forced yes (0 of {forced.drawn['yes']})." in said
    shown = recipe.shown_choices(found).set_index("choice")
    assert shown.loc["first pulse forced", "accepted of drawn"].startswith("yes: 0 of ")
    frozen = recipe.frozen(drawn())
    assert (
        frozen.startswith("Accepted: on the flip-flop 12 of 120 draws (FVU 0.0010–") and "paper 0.0048" in frozen
    )


@pytest.mark.parametrize(
    ("value", "label"),
    [(0.0, "0"), (1e-5, "1e−5–7e−5"), (1e-3, "4e−4–3e−3"), (3e-3, "4e−4–3e−3")],
)
def test_a_value_belongs_to_a_part_of_its_range(value, label):
    assert recipe._label(inference.EVERY["l2"], value) == label
    assert recipe._labels(inference.EVERY["l2"])[0] == "0" and len(recipe._labels(inference.EVERY["l2"])) == 4


def ablated(shift=1.0, n=15):
    """New networks whose means lie around the paper's numbers, times `shift` for the flip-flop."""
    rng, rows = np.random.default_rng(0), []
    effect = {(r.task, r.removed): r.value for r in paper.numbers().itertuples() if r.quantity == "delta_fvu"}
    intact = {r.task: r.value for r in paper.numbers().itertuples() if r.quantity == "fvu"}
    for task in inference.PRIOR:
        for draw in range(n):
            for k in range(inference.FRESH):
                row = {"task": task, "drawn": draw, "seed": inference.FIRST_FRESH * (k + 1) + draw}
                row |= {"fvu": intact[task], "n_leading": 3, "mass_RR": 0.0, "mass_CR": 0.1, "mass_CC": 0.15}
                for block in ("RR", "CR", "CC"):
                    around = (shift if task == "flip_flop" else 1) * np.exp(0.5 * rng.standard_normal())
                    row[block] = effect.get((task, block), 0.0) * around
                rows.append(row)
    rows += [{**rows[0], "drawn": inference.UNDRAWN, "seed": 900_000 + k, "CR": 0.09 + 0.004 * k,
              "CC": 0.04 + 0.003 * (k * 7 % 10)} for k in range(10)]  # fmt: skip
    return pd.DataFrame(rows)


def todays():
    rows = []
    for task in inference.PRIOR:
        for seed in range(8):
            for removed, delta in (
                ("", 0.0),
                ("RR", 0.0),
                ("CR", 2.0 + 0.1 * seed),
                ("CC", 0.02 + 0.003 * (seed * 5 % 8)),
            ):
                rows.append((task, seed, removed, 0.001 + delta, delta, delta / 0.1))
    return pd.DataFrame(rows, columns=["task", "seed", "removed", "score", "delta", "sensitivity"])


def test_predicted_means_are_of_the_new_networks_of_a_draw():
    table = ablated()
    own = table.iloc[:1].assign(seed=0)  # a network of the draws is none of them
    short = table.drop(table.index[(table.task == "flip_flop") & (table.drawn == 4)][0])  # nor a draw without all
    means = recipe.means(pd.concat([own, short]))
    assert means.groupby("task").size().to_dict() == {
        "flip_flop": 14, "sine_generation": 15, "context_integration": 15
    }  # fmt: skip
    row = means[(means.task == "sine_generation") & (means.drawn == 3)].iloc[0]
    three = table[(table.task == "sine_generation") & (table.drawn == 3)]
    assert row.CR == pytest.approx(three.CR.mean()) and row.S_CR == pytest.approx((three.CR / 0.1).mean())
    assert np.isnan(row.S_RR)  # of a block without mass


def test_a_recipe_that_fits_and_one_that_does_not():
    for shift, fits in ((1.0, True), (20.0, False)):
        means = recipe.means(ablated(shift))
        numbers, joint = recipe.beside(means, todays()), recipe.pairs(means)
        flip_flop = numbers[(numbers.task == "flip_flop") & (numbers.removed.isin(["CR", "CC"]))]
        assert flip_flop.inside.eq(fits).all() and flip_flop.n.eq(15).all()
        assert numbers[numbers.removed == "RR"].inside.all()  # "almost no effect"
        assert flip_flop.today.tolist() == pytest.approx([2.35, 0.0305])
        assert (joint["flip_flop"] > 0.05) is fits and joint["context_integration"] > 0.05
        said, answer = recipe.tested(numbers, joint), recipe.answer(numbers, joint)
        assert ("flip-flop ΔFVU, −CR" in said) is not fits and "probability of 12 %" in said
        assert ("For flip-flop" in answer and "do not" in answer) is not fits
        shown = recipe.shown_beside(numbers)
        assert shown["paper's"].value_counts()["calibrated on"] == 3
        assert shown.iloc[list(numbers.removed).index("CR")]["paper"].startswith("0.0945 ± 0.00935")


def flip_flops(CR, n=8):
    """Profiles of flip-flop networks whose effect without CR is this times that of `todays`."""
    table = todays().query("task == 'flip_flop'").query("seed < @n").copy()
    table.loc[table.removed == "CR", ["delta", "score", "sensitivity"]] *= CR
    return table


def test_the_flip_flops_of_both_editions_stand_beside_the_paper_and_those_that_the_choice_was_made_by():
    today, before = flip_flops(0.04), flip_flops(1)
    shown = recipe.flip_flops(ablated(), today, before).set_index("number")
    row = shown.loc["ΔFVU, −CR"]
    assert row["first edition"].startswith("2.3500 ± ") and row["this edition"].startswith("0.0940 ± ")
    assert row["chosen by"] == "0.1080 ± 0.0121" and row[["lowest", "highest"]].tolist() == ["0.0800", "0.1080"]
    said = recipe.of_flip_flops(ablated(), today, before)
    assert said.startswith("**It fits** ") and said.endswith("the first edition's flip-flop p < 0.001.")
    other = recipe.of_flip_flops(ablated(), before, today)
    assert other.startswith("**It does not fit** ") and "a mean of three networks p < 0.001" in other
    few = recipe.of_flip_flops(ablated(), flip_flops(0.04, 3), before)
    assert few == "Whether it fits cannot be told from 3 networks."


def longer(n=10):
    """Copy networks that reach the paper's pair of accuracies at the second number of steps."""
    rows = []
    for steps, RR, CR in ((20_000, 0.84, 0.72), (40_000, 0.876, 0.639)):
        for seed in range(n):
            off = 0.01 * (seed - (n - 1) / 2)
            scores = {"": 1.0, "RR": RR + off, "CR": CR + off + 0.002 * (seed % 3 - 1), "RR+CR+CC": 0.62}
            rows += [(seed, steps, removed, score, 64) for removed, score in scores.items()]
    return pd.DataFrame(rows, columns=["seed", "steps", "removed", "score", "n_leading"])


def test_longer_training_is_judged_by_the_pair():
    by = recipe.longer_by_steps(longer())
    assert by.p[0] < 0.001 < 0.5 < by.p[1] and by.r.min() > 0.9 and by.n.tolist() == [10, 10]
    said = recipe.of_longer(by)
    assert "at 40,000 steps the paper's pair is not excluded" in said and "−CR from 0.720 to 0.63" in said
    shown = recipe.shown_longer(by)
    assert shown.iloc[-1].tolist() == ["the paper", "–", "64", "1.000", "0.876", "0.639", "0.624", "–", "–"]
    assert "cannot be told" in recipe.of_longer(recipe.longer_by_steps(longer(3)))
    assert "The other chapters keep the ancestor's 20,000 steps: a number" in said
    only = recipe.of_longer(by.iloc[:1])
    assert "at none of these" in only and only.endswith("the ancestor's 20,000 steps.")
