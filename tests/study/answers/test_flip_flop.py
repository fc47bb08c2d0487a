"""The flip-flop chapter says what its tables say, whichever way they turn out."""

import pandas as pd
import pytest
import torch

from schur_lib.networks import Network
from schur_lib.specs import Spec
from schur_lib.subjects import on_task
from schur_lib.tasks import flip_flop
from study.answers import flip_flop as answers
from tests.study.answers.tables import form, parts, profile, states


def pulses(first=0.07, same=0.08, flip=0.8, other=0.01):
    """Two networks, of which CR and the other blocks have these effects by kind of pulse."""
    others = {0: other, 1: other, 2: other}
    curves = {"RR": [others] * 2, "CR": [{0: first, 1: same, 2: flip}] * 2, "CC": [others] * 2}
    since = {b: [{0: 0.01, 1: 0.02, 2: 0.3}] * 2 for b in ("CR", "CC")} | {"RR": [{0: 0, 1: 0, 2: 0.001}] * 2}
    bits = {
        "RR": [{1: 0.0, 2: 0.001, 3: 0.0}] * 2,
        "CR": [{1: 0.4, 2: 0.2, 3: 0.1}, {1: 0.2, 2: 0.4, 3: 0.2}],
        "CC": [{1: 0.02, 2: 0.02, 3: 0.04}] * 2,
    }
    return pd.concat([parts("last_pulse", curves), parts("since_pulse", since), parts("bit", bits)])


def test_the_setting_is_the_specs():
    said = answers.setting([Spec("flip_flop", task_options={"pulse_probability": 0.3})])
    assert said.startswith("Here a trial has 25 steps and 3 lines") and "probability 0.3. The training" in said
    forced = answers.setting([Spec("flip_flop", task_options={"first_pulse": True})])
    assert "with probability 0.05 and one at the first. The training" in forced


def test_the_leading_eigenvalues_are_counted():
    forms = [form(1.25, -1.2, 0.5), form(1.1, 1.0j, 0.22)]
    said = answers.spectrum(states(2.0, 1.0, 1.0), forms)
    assert "hold 75 % of the variance" in said and "$n_R$ is 2 and 3." in said
    assert "Of the 5 leading eigenvalues 2 are real and positive; their moduli are 1.00 to 1.25" in said
    assert "over all networks, has 0.40 of the spectral radius" in said


def test_networks_without_a_complement_have_no_other_eigenvalues():
    assert "has 0.00 of" in answers.spectrum(states(1.0, 1.0), [form(1.0, 1.0)])


def test_the_harms_stand_beside_the_papers():
    table = profile("flip_flop", [0.001] * 2, [3, 3], {"RR": 0.002}, CR=[0.1, 0.278], CC=[0.02, 0.0296],
                    RR=[0.0001, 0.0003], CR_CC=[0.4, 0.5], RR_CR_CC=[0.5, 0.6])  # fmt: skip
    assert answers.harms(table) == (
        "The mean ΔFVU is 0.189 without $T_{CR}$ (in the paper 0.0945; ours is 2.0 times that), 0.025 without "
        "$T_{CC}$ (paper 0.0496; 0.5 times) and 0.00020 without $T_{RR}$, where there is little to ablate: its "
        "mass is 0.002. It is 0.450 without $T_{CR}$ and $T_{CC}$, and 0.550 without all three."
    )
    assert "with a mass of 0.200." in answers.harms(profile("flip_flop", [0.3], [60]))


def test_signs_count_from_a_lines_first_pulse_on():
    net = Network(torch.eye(3), torch.zeros(3, 3), torch.eye(3))  # says at each step the sign of its input
    trials = on_task(net, flip_flop(steps=6, pulse_probability=0.3), 50)
    right = ((trials.inputs != 0) & (trials.targets != 0)).sum() / (trials.targets != 0).sum()
    assert answers.by_sign(trials).scores([trials.W_hh])[0] == pytest.approx(float(right))


def test_wrong_signs_are_what_is_not_right():
    signs = pd.DataFrame(
        [("", 1.0), *[(b, s) for b, scores in {"RR": (1, 1, 1), "CR": (0.9, 0.8, 0.85), "CC": (1, 0.99, 1)}.items()
                      for s in scores]],
        columns=["removed", "score"],
    )  # fmt: skip
    found = answers.wrong_signs(signs).set_index("ablated")
    assert found.loc["−CR"].tolist() == ["15.0", "10.0", "20.0"]
    assert found.loc["−CC"].tolist() == ["0.0", "0.0", "1.0"]
    one = answers.wrong_signs(signs.drop_duplicates("removed"))
    assert one.set_index("ablated").loc["−CR"].tolist() == ["10.0"] * 3


def test_a_table_of_pulses_leaves_out_where_nothing_is_largest():
    found = answers.after_pulse(pulses()).set_index("ablated")
    assert found.loc["−CR"].tolist() == ["0.070", "0.080", "0.800", "0.010", "0.300", "2"]
    assert found.loc["−RR"].tolist() == ["0.010", "0.010", "0.010", "0.000", "0.001", "–"]


def test_flips_stand_out():
    assert answers.what_breaks(pulses()) == (
        "**Flips break, memory does not.** Without $T_{CR}$ the ΔFVU is 0.070 after a line's first pulse, 0.080 "
        "after one that confirmed the sign and 0.800 after one that flipped it: 10 times as much as after a "
        "confirming one."
    )
    assert "holding a sign hardly needs any single block" in answers.answer(pulses(), 1)


@pytest.mark.parametrize(
    "effects",
    [
        {"flip": 0.23},
        {"same": 0.3},
        {"first": 0.3},
        {"other": 0.3},
        {"flip": 0.02, "first": 0, "same": 0, "other": 0},
    ],
)
def test_flips_do_not_stand_out(effects):
    said = answers.what_breaks(pulses(**effects))
    assert said.startswith("**No kind of pulse stands out.**") and said.endswith("after one that flipped it.")
    assert "not told apart" in answers.answer(pulses(**effects), 0)


def test_flips_of_networks_that_confirm_without_loss_have_no_ratio():
    said = answers.what_breaks(pulses(same=-0.01))
    assert said.startswith("**Flips break") and "−0.010" in said and "times" not in said


def test_the_bits_are_ranked_network_by_network():
    found = answers.bits(pulses()).set_index("ablated")
    assert found.loc["−CR"].tolist() == ["0.300", "0.300", "0.150", "1, 1, 0", "3.0"]
    assert found.loc["−CC"].tolist() == ["0.020", "0.020", "0.040", "0, 0, 2", "2.0"]
    assert found.loc["−RR"].tolist() == ["0.000", "0.001", "0.000", "–", "–"]


def test_the_answer_counts_its_networks():
    assert "In 2 networks (drawn is seed 1," in answers.answer(pulses(), 1)
    one = pulses()[lambda rows: rows.seed == 0]
    assert "In 1 network (drawn is seed 0," in answers.answer(one, 0)
