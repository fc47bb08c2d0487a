"""Numbers as text: a true minus sign, a fixed precision, a dash where there is none."""

import math

import pytest

from study.words import as_text, listed, mean_sd, power_above, signed, with_interval


@pytest.mark.parametrize(
    ("value", "form", "said"),
    [
        (-0.0123, ".3f", "−0.012"),
        (0.0123, "+.3f", "+0.012"),
        (-0.0001, "+.3f", "0.000"),
        (math.nan, ".3f", "–"),
        (-0.5, ".0%", "−50%"),
    ],
)
def test_a_number_as_text(value, form, said):
    assert as_text(value, form) == said


def test_an_interval_is_left_out_where_there_is_none():
    assert with_interval(0.5, -0.126, 0.76) == "+0.50 [−0.13, +0.76]"
    assert with_interval(0.5, math.nan, math.nan, ".1f") == "0.5"


def test_words_in_a_row():
    assert [listed(list(words)) for words in ("", "a", "ab", "abc")] == [
        "none", "a", "a and b", "a, b and c"
    ]  # fmt: skip


def test_a_mean_of_one_has_no_spread():
    assert mean_sd([1.0, 3.0], 1) == "2.0 ± 1.4"
    assert mean_sd([1.0]) == "1.000 ± –"
    assert signed(-1.0, 1) == "−1.0"


def test_the_next_power_of_ten():
    assert power_above(3e-8) == "10⁻⁷" and power_above(0) == "0"
