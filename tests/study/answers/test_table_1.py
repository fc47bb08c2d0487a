"""What the chapter on Table 1 says, from small tables with known answers."""

import numpy as np
import pandas as pd
import pytest

from schur_lib.schur import ordered_schur
from study.answers import table_1

ALPHAS = (0.85, 0.9, 0.95)


def table(n=4, moves=0.0, n_R=(64, 64, 64)):
    """n networks a construction at three thresholds; −CR is lower by `moves` at the highest."""
    rows = [
        ("copy", kind, 72, seed, alpha, removed, 68 if kind == "cayley" else n_R[i],
         1.0 if kind == "cayley" or removed != "CR" else 0.7 + 0.01 * seed - moves * (i == 2))
        for kind in ("dense_orthogonal", "cayley") for seed in range(n)
        for i, alpha in enumerate(ALPHAS) for removed in ("", "CC", "CR")
    ]  # fmt: skip
    made = pd.DataFrame(rows, columns=["task", "construction", "hidden_size", "seed", "alpha", "removed",
                                       "n_leading", "score"])  # fmt: skip
    made["delta"] = made.score - made.groupby(["construction", "seed", "alpha"]).score.transform("first")
    return made.assign(metric="replay_accuracy", mass=0.1, sensitivity=np.nan)


def test_the_papers_table_has_ours_with_its_values_in_brackets():
    shown = table_1.wide(table())
    assert list(shown) == ["network", "α", "n_R", "intact", "−CC", "−CR"]
    assert list(shown.loc[1]) == ["dense orthogonal", "0.90", "64.0 (64)", "1.000 (1)", "1.000 (1)",
                                  "0.715 (0.634)"]  # fmt: skip
    assert len(shown) == 6
    assert "over 4 dense orthogonal and 4 Cayley networks" in table_1.means_of(table())


def test_the_spread_has_a_dash_for_one_network():
    row = [
        "dense orthogonal",
        "0.85",
        "−CR",
        "0.634",
        "0.715 ± 0.013",
        "0.700",
        "0.730",
        4,
        "+0.081",
    ]
    assert list(table_1.spread(table()).loc[3]) == row
    assert list(table_1.spread(table()).loc[0])[2:7] == ["n_R", "64", "64.0 ± 0.0", "64", "64"]
    assert table_1.spread(table(n=1)).ours[3] == "0.700 ± –"


def test_the_change_between_thresholds_is_within_each_network():
    shown = table_1.changes(table(moves=0.02, n_R=(65, 64, 64)))
    assert list(shown.loc[1]) == ["dense orthogonal", "−CR", "0.0200", "0.0200", "0 of 4"]
    assert list(shown.loc[3]) == ["Cayley", "−CR", "0.0000", "0.0000", "4 of 4"]


@pytest.mark.parametrize(
    ("some", "verdict"),
    [
        (table(), "reproduced"),
        (table(moves=0.02), "refuted"),
        (table(n_R=(66, 64, 60)), "refuted"),
        (table(n=1), "reproduced"),
    ],
)
def test_each_verdict_on_claim_4_is_said(some, verdict):
    assert f"0.85–0.95: **{verdict}.** " in table_1.verdict(some)


def test_the_answer_says_how_far_accuracies_move_and_the_verdict():
    assert table_1.answer(table(moves=0.02)) == (
        "From threshold to threshold no accuracy moves by more than 0.0200 in any network: that the profile does "
        "not depend on $\\alpha$ is **refuted**."
    )
    assert table_1.answer(table()).endswith("is **reproduced**.")


def test_the_paragraph_holds_the_numbers_of_the_table():
    said = table_1.verdict(table(moves=0.02, n_R=(65, 64, 60)))
    assert "moves by more than 0.0200 in any network" in said
    assert "In 0 of 4 dense orthogonal networks $n_R$ is the same" in said
    assert "over all of them it is 60 to 65" in said
    assert "is 0.695 to 0.715 at the three thresholds" in said
    assert "0.634 in its Table 1 and 0.639" in said


def test_modes_between_the_thresholds_are_counted_relative_to_the_largest():
    one, two = np.diag([2.0, 1.8, 1.7, 0.2]), np.diag([1.0, 0.95, 0.84, 0.5])
    forms = {
        "dense orthogonal": [ordered_schur(one), ordered_schur(two)],
        "Cayley": [ordered_schur(two)],
    }
    said = table_1.between(forms, ALPHAS)
    assert "between 0.85 and 0.95 have, on average, 1.0 of 4 modes in the dense orthogonal networks" in said
    assert "and 0.0 of 4 modes in the Cayley networks" in said
