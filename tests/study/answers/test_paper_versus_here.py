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
    ends = {"low": rows["mean"] - 0.1, "high": rows["mean"] + 0.1, "kind": "value", "agrees": ["yes", "yes", "no"]}
    return rows.assign(difference=rows["mean"] - rows.paper, **ends)


def test_a_verdict_is_quoted_with_the_claim_s_number():
    assert answers.verdict(claim(7, "undecided")) == "Claim 7: undecided"


def test_claims_are_counted_by_verdict():
    judged = [
        claim(1, "refuted"),
        claim(2, "reproduced"),
        claim(3, "reproduced"),
        claim(4, "undecided"),
    ]
    assert answers.counted(judged) == (
        "The 4 claims: 2 **reproduced** (2 and 3), 1 **refuted** (1) and 1 **undecided** (4)."
    )
    quick = answers.counted([claim(i, "undecided") for i in (1, 2)])
    assert quick.endswith("0 **refuted** and 2 **undecided** (1 and 2).")


def part(kind, low, high, n=10):
    return claims.Part("accuracy lost", kind, "mean", 0.05, "", (low + high) / 2, low, high, n)


def test_the_reason_is_the_part_that_decides():
    good, open_ = part("more", 0.1, 0.3), part("more", 0.01, 0.07)
    said = answers.reason(claims.judge(1, good))
    assert said == "accuracy lost: 0.200 (0.100 to 0.300); it should be above 0.05"
    assert answers.reason(claims.judge(1, good, open_)).startswith("accuracy lost: 0.0400 (0.0100 to 0.0700)")
    same = part("the same", 0.1, 0.3)._replace(test="$S_{ΔT}$ of $T_{CC}$, $n_R$", whose="the paper's pairs")
    said = answers.reason(claims.judge(1, same))  # plain text, as other pages quote it
    assert (
        said
        == "S_ΔT of CC, n_R: 0.200 (0.100 to 0.300); it should be at most 0.05 either way, as in the paper's pairs"
    )
    proved = answers.reason(claims.judge(3, part("by structure", 0.0, 0.0, n=1)))
    assert proved == "accuracy lost: exactly 0 in 1 network, by structure"
    few = answers.reason(claims.judge(1, part("more", np.nan, np.nan, n=3)))
    assert few == "3 networks, where 6 are the fewest that decide"


def test_with_few_networks_the_shipped_verdicts_stand_beside():
    shipped = pd.DataFrame({"claim": [1, 1], "verdict": "refuted"})
    few, enough = (claims.judge(1, part("more", 0.1, 0.3, n)) for n in (3, 6))
    shown = answers.beside_shipped([few], shipped)
    assert list(shown)[:2] == ["claim", "verdict"] and shown["shipped networks"].tolist() == ["refuted"]
    assert "shipped networks" not in answers.beside_shipped([enough], shipped)
    assert "shipped networks" not in answers.beside_shipped(
        [claims.judge(3, part("by structure", 0, 0, 3))], shipped
    )


def test_verdicts_that_hold_at_every_threshold_are_named():
    over = pd.DataFrame({"alpha": [0.8, 0.9] * 2, "claim": [1, 1, 7, 7], "verdict": ["a", "a", "a", "b"]})
    assert answers.alphas(over).to_numpy().tolist() == [["1", "a", "a"], ["7", "a", "b"]]
    assert answers.of_alphas(over) == "Between α = 0.80 and 0.90 the verdict is the same for claim 1."


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
    assert "in 0 of 1 network on the copy task and 1 of 2 networks on the flip-flop. Claim 9" in said


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
        "63.4 to 63.6",
        "value",
        "yes",
    ]
    assert list(shown.loc[1])[1:5] == ["0.634", "0.710 ± 0.050", "0.600", "0.780"]
    assert list(shown.loc[2])[1:] == ["0.0048 ± 0.001", "0.0003 ± 0.0000", "0.0002", "0.0004", 10, "−0.0045",
                                      "−0.0997 to 0.1003", "value", "no"]  # fmt: skip


def test_a_number_without_a_network_has_dashes_and_one_network_no_spread():
    none = dict.fromkeys(["mean", "sd", "min", "max"], np.nan)
    assert list(answers.rows_of(compared(**none, n=0)).loc[0])[2:] == [
        "–",
        "–",
        "–",
        0,
        "–",
        "–",
        "value",
        "–",
    ]
    assert answers.rows_of(compared(n=1, sd=np.nan)).ours[1] == "0.710 ± –"


def test_numbers_are_counted_by_what_agreement_means():
    three = compared()
    some = pd.concat([three, three.assign(kind="preserved", agrees=["yes", "undecided", "no"])])
    some = pd.concat([some, three.assign(kind="repeat", agrees="no")])
    assert answers.agreement(some) == (
        "Of 3 independent numbers that the paper prints, 2 lie in the 95 % prediction interval of the networks "
        "trained here (0 undecided); of 3 statements that nothing changes, 1 hold within a margin (1 undecided). "
        "3 more numbers repeat others and are not counted."
    )
    assert answers.outside(some) == (
        "Paper and networks disagree on `c_full` (0.0003 here, 0.0048 in the paper) and `c_full` (0.0003 here, "
        "0.0048 in the paper). Undecided stay `b_CR` (0.7100 here, 0.634 in the paper)."
    )
    assert (
        answers.outside(compared(n=0))
        == "No published number disagrees with the networks here, and none stays undecided."
    )
