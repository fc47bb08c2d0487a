"""What the chapter on one's own network says follows from its tables."""

import math

import pandas as pd
import pytest
import torch

from schur_lib.networks import Network
from schur_lib.subjects import evaluation
from study.answers import own_network as answers

NAN = math.nan


def profile(masses, deltas, **columns):
    """A profile of the intact network and the three single blocks, in the order RR, CR, CC."""
    return pd.DataFrame(
        {
            "removed": ["", "RR", "CR", "CC"],
            "mass": [0.0, *masses],
            "score": [0.03, *(0.03 + d for d in deltas)],
            "delta": [0.0, *deltas],
            "low": [0.0, *(d - 0.01 for d in deltas)],
            "high": [0.0, *(d + 0.01 for d in deltas)],
            "n_leading": 2,
            **columns,
        }
    )


@pytest.fixture
def trials():
    generator = torch.Generator().manual_seed(0)
    shapes = ((5, 2), (5, 5), (1, 5))
    net = Network(*(torch.randn(*shape, generator=generator) / 3 for shape in shapes))
    inputs, targets = (torch.randn(4, 6, n, generator=generator) for n in (2, 1))
    return evaluation(net, "W_hh", inputs, targets, "fvu")


def test_which_networks_are_shown():
    said = answers.training(400, 3, "reference")
    assert "for 400 steps" in said and "shows 3 RNNs and one GRU whose weights lie in" in said
    said = answers.training(20, 1, "trained")
    assert "This page trained 1 RNN and one GRU itself" in said and "data/own_network" not in said


def test_a_profile_over_trials_and_one_over_networks():
    table = profile([0.0, 0.2, 0.6], [0.0, 0.334, -0.013])
    shown = answers.profile(table)
    assert shown.iloc[3].tolist() == ["−CC", "0.600", "0.017", "−0.013", "−0.023 to −0.003"]
    assert shown["95 % over trials"][0] == "–"
    pooled = table.assign(n_networks=1, low=NAN, high=NAN)
    shown = answers.profile(pooled)
    assert shown["95 % over networks"].tolist() == ["–"] * 4 and shown.n.tolist() == [1] * 4


def test_the_profile_is_read(trials):
    said = answers.of_profile(profile([0.0, 0.17, 0.616], [0.0, 0.334, 0.013]), trials)
    assert "leaves 0.030 of the variance unexplained; its leading sector holds 2 of 5 dimensions" in said
    assert "Most depends on CR, which holds 0.17 of the Schur mass: without it the FVU rises by 0.334." in said
    assert "Without the block of the largest mass (CC, 0.62) it changes by +0.013. Intervals" in said
    assert said.endswith("This one took the fast path.")


def test_where_no_block_is_needed_none_is_called_so(trials):
    table = profile([0.0, 0.2, 0.6], [1e-9, 0.0, -0.02])  # RR holds nothing: its harm is rounding
    said = answers.of_profile(table, trials)
    assert "Without any single block the FVU does not rise. Without the block of the largest" in said
    assert "(CC, 0.60) it changes by −0.020." in said and "Most depends" not in said
    assert answers.agreement([table]) == "In the one network the FVU does not rise without any single block."


def test_the_largest_block_is_not_named_twice_and_other_models_take_the_general_path(trials):
    lstm = torch.nn.LSTM(2, 3)
    other = evaluation(lstm, "weight_hh_l0", trials.inputs, torch.randn(4, 6, 3), gate="cell",
                       forward=lambda model, x: model(x)[0])  # fmt: skip
    said = answers.of_profile(profile([0.0, 0.7, 0.1], [0.0, 0.334, 0.013]), other)
    assert "largest mass" not in said and "of 3 dimensions" in said
    assert said.endswith("This one took the general path.")


def test_a_block_is_milder_or_harsher_than_its_size_or_neither():
    table = profile([0.0, 0.2, 0.6], [0.0, 0.334, 0.013]).assign(
        isotropic_median=[NAN, NAN, 0.1, 0.3], isotropic_p=[NAN, NAN, 1, 0.01],
        isotropic_effect=[NAN, NAN, -1.0, 1.0])  # fmt: skip
    shown = answers.beside_nulls(table)
    assert shown.verdict.tolist() == ["–", "harsher than its size", "milder than its size"]
    assert shown.iloc[2].tolist()[:4] == ["−CC", "0.013", "0.300", "0.010"]
    assert shown.iloc[0].tolist()[:4] == ["−RR", "0.000", "–", "–"]
    table.isotropic_effect = 0.9
    assert set(answers.beside_nulls(table).verdict) == {"as its size"}


def test_networks_agree_or_not_on_the_block_that_matters_most():
    cr, cc = profile([0.0, 0.2, 0.6], [0, 0.3, 0.1]), profile([0.0, 0.2, 0.6], [0, 0.1, 0.3])
    said = "networks CR is the block that matters most."
    assert answers.agreement([cr, cc, cr]) == f"In 2 of 3 {said}"
    assert answers.agreement([cr]) == "In the one network CR is the block that matters most."


def test_the_gates_are_read():
    new = profile([0.0, 0.2, 0.6], [0.0, 0.018, 0.005], gate="new")
    reset = profile([0.0, 0.2, 0.6], [0.0, -0.1, 0.011], gate="reset")
    said = answers.of_gates(pd.concat([new, reset], ignore_index=True), 0.934)
    assert "right in 0.934 of the trials, its cross-entropy is 0.030 nats" in said
    assert "The largest change, 0.018, comes from CR of the new gate. Of the 4 blocks" in said
    assert "hold anything, CR (new) and CC (reset) do harm for certain: the interval" in said
    assert "hold anything, none does harm for certain" in answers.of_gates(reset[:3], 0.9)


def test_what_can_go_at_once():
    row = dict(
        mass=0.5,
        share=0.61,
        harm=-0.0002,
        allowed=0.0016,
        held_out_harm=0.002,
        held_out_allowed=0.0017,
    )
    found = pd.DataFrame(
        [
            {"kind": "blocks", "removed": "", "holds": True, **row},
            {"kind": "blocks", "removed": "RR+CC", "holds": True, **row},
            {"kind": "groups", "removed": "", "holds": False, **row},
        ]
    )
    shown = answers.stabilisers(found)
    assert shown.ablated.tolist() == ["none", "RR+CC", "61% of the couplings"]
    assert shown.verdict.tolist() == ["holds", "holds", "does not hold"]
    assert shown.iloc[0].tolist()[3:5] == ["−0.0002 (0.0016)", "+0.0020 (0.0017)"]


def test_all_profiles_are_one_table():
    same = dict(alpha=0.9, metric="fvu", n_trials=8)
    one = profile([0.0, 0.2, 0.6], [0.0, 0.1, 0.1], **same)
    table = answers.together([one, one], {"reset": one, "new": one})
    assert table.groupby(["model", "seed", "gate"], sort=False).size().to_dict() == {
        ("rnn", 0, ""): 4, ("rnn", 1, ""): 4, ("gru", 0, "reset"): 4, ("gru", 0, "new"): 4
    }  # fmt: skip
    assert table.columns[:4].tolist() == ["model", "seed", "gate", "removed"]
