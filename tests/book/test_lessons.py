"""What the method page and the lessons show in Python does what they say."""

import contextlib
import io
import re

import pytest

from tools.notebooks import ROOT


def lessons():
    text = (ROOT / "book" / "lessons.md").read_text(encoding="utf-8")
    return {part.split("\n")[0]: part for part in re.split(r"^## ", text, flags=re.M)[1:]}


def code(text):
    return re.findall(r"```python\n(.*?)```", text, flags=re.S)


def test_each_lesson_has_an_exercise_and_a_solution_that_is_hidden():
    assert len(lessons()) == 6
    for name, text in lessons().items():
        before, solution = text.split("````{dropdown} Solution: ")
        assert "**Exercise.**" in before and not code(before), name
        assert len(code(solution)) == 1 and "assert" in solution, name


@pytest.mark.parametrize("name", lessons())
def test_the_solutions_hold(name):
    (solution,) = code(lessons()[name])
    exec(solution, {})


def test_the_code_of_the_method_page_prints_what_stands_below_it():
    text = (ROOT / "book" / "method.md").read_text(encoding="utf-8")
    (lines,), said = code(text), io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(lines, {})
    assert f"```text\n{said.getvalue()}```" in text
    assert said.getvalue().count("\n") == 2
    eigenvalues = [line[: line.index("]")] for line in said.getvalue().splitlines()]
    growth = [float(line.split("]")[1]) for line in said.getvalue().splitlines()]
    assert eigenvalues[0] == eigenvalues[1] and growth[0] > 2 * growth[1]
