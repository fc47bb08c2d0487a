"""What the chapter that sets the paper beside our networks says, from small tables with known answers."""

import numpy as np
import pandas as pd

from study import claims
from study.answers import paper_versus_here as answers


def claim(number, verdict):
    return claims.Claim(number, "It is so", (), verdict)


def compared(**changes):
    """One published number each of an n_R, a copy accuracy and an FVU."""
    rows = pd.DataFrame(
        {
            "id": ["a_nR", "b_CR", "c_full"],
            "task": ["copy", "copy", "flip_flop"],
            "quantity": ["n_R", "replay_accuracy", "fvu"],
            "paper": [64.0, 0.634, 0.0048],
            "paper_sem": [np.nan, np.nan, 0.001],
            "mean": [63.5, 0.71, 0.0003],
            "sd": [0.5, 0.05, 0.00001],
            "min": [63.0, 0.6, 0.0002],
            "max": [64.0, 0.78, 0.0004],
            "n": [10, 10, 10],
        }
    ).assign(**changes)
    return rows.assign(difference=rows["mean"] - rows.paper, within=[True, True, False])


def test_a_verdict_is_quoted_with_the_claim_s_number():
    assert answers.verdict(claim(7, "not reproduced")) == "Claim 7: not reproduced"


def test_claims_are_counted_by_verdict():
    judged = [
        claim(1, "partly"),
        claim(2, "reproduced"),
        claim(3, "reproduced"),
        claim(4, "not reproduced"),
    ]
    assert answers.counted(judged) == (
        "The 4 claims: 2 **reproduced** (2 and 3), 1 **partly** (1), 1 **not reproduced** (4) "
        "and 0 **cannot be judged**."
    )
    quick = answers.counted([claim(i, "cannot be judged") for i in (1, 2)])
    assert quick.endswith("0 **not reproduced** and 2 **cannot be judged** (1 and 2).")


def changes():
    """Copy: the block harms 0, draws 0.2 and 0.4. Flip-flop, two networks: the block harms more than most."""
    rows = []
    for task, seed, metric, scores in (
        ("copy", 0, "replay_accuracy", [1.0, 1.0, 0.8, 0.6]),
        ("flip_flop", 0, "fvu", [0.1, 0.5, 0.2, 0.6]),
        ("flip_flop", 1, "fvu", [0.1, 0.2, 0.2, 0.6]),
    ):
        for removed, score in zip(("", "CC", "random", "random"), scores, strict=True):
            rows.append((task, "dense_orthogonal", 64, seed, removed, 0.25, score, metric))
    columns = ["task", "construction", "hidden_size", "seed", "removed", "mass", "score", "metric"]
    return pd.DataFrame(rows, columns=columns)


def test_the_mildest_block_stands_beside_random_changes_of_its_size():
    shown = answers.beside_random(changes())
    assert list(shown.loc[0]) == ["copy", "CC", 1, "0.250", "0.0000", "0.3000", "0 %"]
    assert list(shown.loc[1]) == ["flip-flop", "CC", 2, "0.250", "0.2500", "0.3000", "50 %"]


def test_networks_are_counted_in_which_the_ablation_harms_more():
    said = answers.worse_than_random(changes())
    assert ": 0 of 1 in copy and 1 of 2 in flip-flop. Claim 9 is judged on the copy task only." in said


def test_a_row_has_the_digits_of_its_quantity_and_the_difference_in_sds():
    shown = answers.rows_of(compared())
    assert list(shown.loc[0]) == [
        "`a_nR`",
        "64",
        "63.5 ± 0.5",
        "63.0",
        "64.0",
        10,
        "−0.5",
        "−1.0",
        "yes",
    ]
    assert list(shown.loc[1])[1:5] == ["0.634", "0.710 ± 0.050", "0.600", "0.780"]
    assert list(shown.loc[2])[1:] == ["0.0048 ± 0.001", "0.0003 ± 0.0000", "0.0002", "0.0004", 10, "−0.0045",
                                      "–", "no"]  # fmt: skip


def test_a_number_without_a_network_has_dashes_and_one_network_no_spread():
    none = dict(zip(["mean", "sd", "min", "max"], [np.nan] * 4, strict=True))
    assert list(answers.rows_of(compared(**none, n=0)).loc[0])[2:] == [
        "–",
        "–",
        "–",
        0,
        "–",
        "–",
        "–",
    ]
    assert answers.rows_of(compared(n=1, sd=np.nan)).ours[1] == "0.710 ± –"
    assert answers.rows_of(compared(n=1, sd=np.nan)).SDs[1] == "–"


def test_numbers_within_and_outside_our_range_are_counted():
    assert answers.within(compared()) == (
        "2 of 3 published numbers lie within the range of the networks trained here."
    )
    said = answers.outside(compared())
    assert said.startswith("3 of them have a counterpart here; 1 are within one standard deviation")
    assert said.endswith("Outside the range: c_full (0.0003 here, 0.0048 in the paper).")
    assert answers.outside(compared(n=0)).endswith("Outside the range: none.")
