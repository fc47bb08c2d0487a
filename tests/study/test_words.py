"""Numbers, lists, tables and sentences as the pages write them."""

import pandas as pd
import pytest

from study import words


@pytest.fixture
def shown(monkeypatch):
    """What is displayed, as Markdown, and what is glued."""
    texts, glued = [], {}
    monkeypatch.setattr(words, "display", lambda data, raw: texts.append(data["text/markdown"]))
    monkeypatch.setattr(words, "glue", lambda name, text, display: glued.update({name: text}))
    return texts, glued


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [(-0.25, ".2f", "−0.25"), (0.25, "+.2f", "+0.25"), (-0.0001, "+.3f", "0.000"), (0.0, "+.1f", "0.0"),
     (float("nan"), ".3f", "–"), (12345.0, ",.0f", "12,345")],
)  # fmt: skip
def test_a_number_has_a_true_minus_and_zero_no_sign(value, form, text):
    assert words.as_text(value, form) == text


def test_words_are_listed_as_one_speaks():
    assert [words.listed(list(w)) for w in ("", "a", "ab", "abc")] == ["none", "a", "a and b", "a, b and c"]


def test_a_table_is_markdown_with_numbers_to_the_right_and_unbroken(shown):
    table = pd.DataFrame({"block": ["RR", "CC"], "mass": [0.1234, float("nan")], "range": ["1 to 2", "3 to 4"],
                          "pair": ["0.1 ± 0.2", "1.0 ± 0.0"]})  # fmt: skip
    words.show(table, {"mass": ".2f"}, reading="So it is.")
    text, reading = shown[0]
    head, rule, first, second = [line.split("|")[1:-1] for line in text.splitlines()]
    assert [cell.strip() for cell in head] == ["block", "mass", "range", "pair"]
    assert [cell.endswith(":") for cell in rule] == [False, True, False, True]
    assert first[1].strip() == "0.12" and second[1].strip() == "–"
    assert first[2].strip() == "1 to 2" and "0.1\N{NO-BREAK SPACE}±" in first[3]
    assert reading == "So it is."


def test_a_function_may_write_a_column(shown):
    words.show(pd.DataFrame({"p": [0.5]}), {"p": lambda p: f"{100 * p:.0f} %"})
    assert "50\N{NO-BREAK SPACE}%" in shown[0][0]


def test_a_sentence_is_shown_and_kept_under_its_name_alone(shown):
    words.tell("First.")
    words.tell("Second $x$.", "second")
    assert shown == (["First.", "Second $x$."], {"second": "Second $x$."})


def test_a_bound_is_the_next_power_of_ten():
    assert [words.power_above(v) for v in (3e-8, 0.02, 0)] == ["10⁻⁷", "10⁻¹", "0"]


def test_an_interval_is_left_out_where_there_is_none():
    assert words.with_interval(0.5, -0.126, 0.76) == "+0.50 [−0.13, +0.76]"
    assert words.with_interval(0.5, float("nan"), float("nan"), ".1f") == "0.5"


def test_what_nothing_exceeds_is_rounded_up_and_never_zero():
    assert [words.at_most(x) for x in (0.0, 1e-9, 0.00011, 0.0002, 0.03)] == [
        "0.0001",
        "0.0001",
        "0.0002",
        "0.0002",
        "0.0300",
    ]


def test_a_mean_of_one_has_no_spread():
    assert words.mean_sd([1.0, 3.0], 1) == "2.0 ± 1.4"
    assert words.mean_sd([1.0]) == "1.000 ± –"
    assert words.signed(-1.0, 1) == "−1.0"


def test_a_range_of_values_that_print_alike_is_one_number():
    assert words.between([0.614, 0.716, 0.65], ".2f") == "0.61 to 0.72"
    assert words.between([0.614, 0.612], ".2f") == "0.61"
    assert words.between([3, 55], "d", "–") == "3–55" and words.between([-0.5, 0.5], "+.1f") == "−0.5 to +0.5"


def test_networks_are_counted_in_the_singular_too():
    assert words.in_networks(3, 10) == "in 3 of 10 networks"
    assert words.in_networks(1, 1) == "in the one network" and words.in_networks(0, 1) == "in no network"
    assert words.number_of(1, "task") == "1 task" and words.number_of(0, "task") == "0 tasks"
