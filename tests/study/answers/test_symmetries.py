"""What the chapter on symmetries says follows from its tables, whichever way they turn out."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from schur_lib.tasks import TASKS
from study.answers import symmetries as answers
from study.figures.symmetries import cost_spectrum, handle, paths
from study.probes.symmetries import LIMITS


def found(fixed, share=0.9, tasks=TASKS, seeds=2, size=64):
    """`fixed`: directions above 0.001; `share`: of each block in the free space."""
    rows = []
    for task in tasks:
        for seed in range(seeds):
            key = dict(task=task, construction="dense_orthogonal", hidden_size=size, seed=seed)
            rows += [dict(key, what="spectrum", number=i + 1, cost=10.0**-i) for i in range(6)]
            rows += [dict(key, what="above", number=fixed, cost=limit) for limit in LIMITS]
            for name in ("RR", "CR", "CC", "off"):
                block = dict(number=100, free=90, mass=0.3, cost=0.2, isotropic=0.1, share=share)
                rows.append(dict(key, what=name) | block)
    return pd.DataFrame(rows)


def equal(harms, moved, fvu=(0.1, 0.1), way="task", task="flip_flop", seed=0):
    """One matrix a row of `harms` (RR, CR, CC)."""
    rows = []
    for step, (harm, m, f) in enumerate(zip(harms, moved, fvu, strict=True)):
        key = dict(task=task, construction="dense_orthogonal", hidden_size=64, seed=seed, way=way, step=step)
        row = dict(
            kept=1 - step / 4, dimensions=60 - 20 * step, n_leading=5, fvu=f, moved=m, score=f, fvu_held_out=f
        )
        row |= {f"harm_{b}": h for b, h in zip(("RR", "CR", "CC"), harm, strict=True)}
        rows.append(key | row | {f"mass_{b}": 0.1 for b in ("RR", "CR", "CC")})
    return pd.DataFrame(rows)


def test_the_share_is_of_all_directions():
    table = found(256)
    assert answers.fixed(table).tolist() == [0.0625] * 4
    said = answers.answer(table, equal([(0, 1, 1), (0, 0.1, 1)], (0, 0.5)))
    assert said.startswith("On every task most") and "93.8 % of it or more" in said
    assert "6.2 % on the copy task, 6.2 % on the flip-flop" in said and "8 networks" in said
    assert answers.answer(found(4000), equal([(0, 1, 1)] * 2, (0, 0.5))).startswith("Not on every task")


def test_counts_are_medians_and_missing_where_not_enough_were_looked_for():
    table = found(100)
    table.loc[(table.task == "copy") & (table.seed == 0) & (table.cost == 1e-5), "number"] = np.nan
    shown = answers.counts(table)
    assert shown["> 0.001"].tolist() == ["100"] * 4
    assert shown["> 1e-05"].tolist() == ["–", "100", "100", "100"]
    assert shown.directions[0] == "4,096" and shown.networks[0] == 2


def test_blocks_are_compared_with_a_random_change():
    free = answers.of_places(found(1024, share=0.8))
    assert free.startswith("Of 12 blocks 12 lie more in the free space")
    costly = answers.of_places(found(1024, share=0.7))
    assert costly.startswith("Of 12 blocks 0 lie more") and "(none)" in costly
    table = answers.places(found(1024))
    assert len(table) == 16 and table["of a random change"][0] == "0.750"
    assert table["of them free"][0] == "0.900" and table["cost, first order"][0] == "0.2000"


def test_a_linear_network_has_no_more_costly_directions_than_the_proposition_allows():
    assert "at most 1,088 directions" in answers.of_rank(found(1000, size=72))
    assert "No network has more" in answers.of_rank(found(1088, size=72))
    assert "Some have more" in answers.of_rank(found(1089, size=72))
    assert answers.of_rank(found(1, tasks=["flip_flop"])).startswith("Cannot be told")


def test_bounds_are_those_of_the_matrices_in_the_set():
    way = equal([(0, 1, 0.5), (0, 0.2, 0.5), (0, 3, 0.5)], (0, 0.005, 0.5), (0.1, 0.2, 0.1))
    table = answers.bounds(way)
    rows = table[table.removed == "CR"].set_index("set")
    assert rows.loc["the same function", ["low", "high", "n"]].tolist() == [1, 1, 1]
    assert rows.loc["within ε = 0.001", ["low", "high"]].tolist() == [1, 1]
    assert rows.loc["within ε = 0.01", ["low", "high"]].tolist() == [0.2, 1]
    assert rows.loc["the task as well", ["low", "high", "n"]].tolist() == [1, 3, 2]
    assert (rows.own == 1).all()
    shown = answers.side_by_side(way).set_index("ablated").loc["−CR"]
    assert shown["within ε = 0.01"] == "0.200 … 1.000" and shown["the task as well"] == "1.000 … 3.000"


def test_an_effect_that_halves_in_every_network_says_little_of_the_task():
    both = pd.concat([equal([(0, 1, 1), (0, 0.4, 0.9)], (0, 1), seed=s) for s in range(2)])
    said = answers.of_bounds(both)
    assert "for −CR on the flip-flop, which" in said and "does not for −CC on the flip-flop" in said
    assert said.startswith("Along the way")
    alike = equal([(0, 1, 1), (0, 0.4, 1)], (0, 1e-7))
    assert "the harm spans, over the networks, for −CR on the flip-flop 0.400 … 1.000." in answers.of_bounds(alike)
    # in one of two networks only: not in every one; and what costs nothing is no effect
    one = pd.concat([both[both.seed == 0], equal([(0, 1, 1), (0, 0.9, 1)], (0, 1), seed=1)])
    assert "every network (2 on 1 tasks) for none, which" in answers.of_bounds(one)
    assert answers.of_bounds(equal([(0, 0, 0)] * 2, (0, 1))).startswith("None of these networks has an effect")


def test_ends_are_the_first_and_the_last_of_the_way_to_the_task():
    table = pd.concat([equal([(0.5, 1, 1), (0, 0.4, 2)], (0, 1)), equal([(9, 9, 9)] * 2, (0, 1), way="same")])
    shown = answers.ends(table)
    assert shown.loc[0].tolist() == [
        "flip-flop 0", 1, "0.750", "60 → 40",
        "0.10000 → 0.10000", "0.500 → 0.000", "1.000 → 0.400", "1.000 → 2.000",
    ]  # fmt: skip
    assert "−RR 0 %, −CR 40 % and −CC 200 %" in answers.of_ends(table)


def test_finite_changes_are_medians():
    table = pd.DataFrame(
        {"task": "flip_flop", "amount": [0.1, 0.1, 0.3], "anywhere": [1.0, 3, 5], "free": [0.1, 0.3, 1]}
    )
    assert answers.of_finite(table)["ΔFVU anywhere"].tolist() == ["2.0000", "5.0000"]


def test_the_figures_draw_what_the_tables_hold():
    fig = cost_spectrum(found(100))
    assert len(fig.axes) == 4 and fig.axes[0].lines[0].get_ydata()[1] == 0.1
    marks = fig.axes[0].collections[0].get_offsets()
    assert marks[0].tolist() == pytest.approx([4096, 0.2 / 9])
    way = equal([(0, 1, 0.5), (0, 0.2, 0.5)], (0, 0.5))
    fig = paths(way)
    assert fig.axes[0].lines[1].get_xydata().tolist() == [[1, 1], [0.75, 0.2]]
    assert handle(way) == [
        {
            "task": "flip_flop", "seed": 0, "kept": [1, 0.75], "fvu": [0.1, 0.1], "score": [0.1, 0.1],
            "mass": {b: [0.1, 0.1] for b in ("RR", "CR", "CC")},
            "harm": {"RR": [0, 0], "CR": [1, 0.2], "CC": [0.5, 0.5]},
        }
    ]  # fmt: skip
    plt.close("all")
