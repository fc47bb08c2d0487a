"""Sentences of the chapter on clamped blocks, from constructed profiles."""

import pandas as pd
import pytest

from study.answers import clamped as answers
from study.figures.clamped import errors

BLOCKS = ("", "CC", "RR", "CR", "RR+CR+CC")


def profiles(errors_of, seeds=6, task="flip_flop"):
    """Profiles of networks trained in every way, with intact errors `errors_of(construction, held, seed)`."""
    rows = []
    for construction, held in answers.TRAINED:
        for seed in range(seeds):
            own = errors_of(construction, held, seed)
            for removed in BLOCKS:
                mass = 0.0 if removed in held.split("+") else 0.1
                score = own + (0.2 if removed and mass else 0)
                score = 1 - score if task == "copy" else score
                metric = "replay_accuracy" if task == "copy" else "fvu"
                rows.append((task, construction, 64, seed, held, removed, mass, score, metric))
    columns = ["task", "construction", "hidden_size", "seed", "held", "removed", "mass", "score", "metric"]
    return pd.DataFrame(rows, columns=columns)


def by_clamp(construction, held, seed):
    return {"CR": 0.5, "CC": 0.1001, answers.ALL: 0.1 + 0.02 * (seed - 2)}.get(held, 0.1) + 0.001 * seed


@pytest.mark.parametrize("task", ["flip_flop", "copy"])
def test_a_block_is_needed_not_needed_or_neither_can_be_said(task):
    verdicts = answers.judged(profiles(by_clamp, task=task)).set_index("held")
    assert verdicts.verdict.to_dict() == {"CR": "needed", "CC": "not needed", answers.ALL: "undecided"}
    assert verdicts.increase["CR"] == pytest.approx(0.4 / 0.1025, rel=0.05)


def test_the_answer_names_each_block_and_fewer_than_six_networks_decide_nothing():
    said = answers.answer(profiles(by_clamp))
    assert "$T_{CR}$ is needed on the flip-flop" in said and "$T_{CC}$ is not needed on the flip-flop" in said
    assert "a coupling of any kind is undecided on the flip-flop" in said
    assert answers.answer(profiles(by_clamp, seeds=2)).startswith("Undecided: 2 networks")
    assert answers.answer(profiles(by_clamp, seeds=1)).startswith("Undecided: 1 network for each task")


def test_the_table_has_a_row_a_training_and_no_effect_of_what_is_empty():
    table = answers.table(profiles(by_clamp)).set_index("trained")
    assert list(table.index) == list(answers.TRAINED.values())
    assert table.loc["Schur form, T_CR = 0", "−CR"] == "–"
    assert table.loc["Schur form, T_CR = 0", "−CC"] == "0.2000"
    assert table.loc["Schur form, T_CC = 0", "without the block"].endswith("not needed")
    few = answers.table(profiles(by_clamp, seeds=2))
    assert "nan" not in few.to_string()


def test_the_parametrisation_and_the_chain_are_set_beside_dense_networks():
    table = profiles(lambda construction, held, seed: {"schur": 0.2, "chain": 0.1}.get(construction, 0.05))
    assert "over that of dense orthogonal networks is 4.00 on the flip-flop" in answers.reading(table)
    assert "flip-flop, from the chain: couplings hold 0.10 of the norm, error 0.1000" in answers.chain(table)


def test_the_figure_has_a_point_a_network():
    figure = errors(profiles(by_clamp))
    points = [len(c.get_offsets()) for c in figure.axes[0].collections if len(c.get_offsets()) > 1]
    assert points == [6] * len(answers.TRAINED)
