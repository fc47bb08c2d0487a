"""Formulas as MathML."""

import importlib.util

import pytest
from docutils.utils.math import MathError

from tools.notebooks import ROOT

spec = importlib.util.spec_from_file_location("mathematics", ROOT / "book" / "_ext" / "mathematics.py")
mathematics = importlib.util.module_from_spec(spec)
spec.loader.exec_module(mathematics)


@pytest.mark.parametrize(
    ("tex", "wanted"),
    [
        ("T_{CR}", "<msub><mi>T</mi><mrow><mi>C</mi><mi>R</mi></mrow></msub>"),
        (r"1, \dots", "<mn>1</mn><mo>,</mo><mi>…</mi>"),
        (r"|x", '<mo stretchy="false" lspace="0" rspace="0">|</mo><mi>x</mi>'),
        (r"\Delta", '<mi class="capital-greek" mathvariant="normal">Δ</mi>'),
        ("4{,}096", "<mn>4</mn><mtext>,</mtext><mn>096</mn>"),
        (r"\underbrace{a}_{b}", "<munder><munder><mi>a</mi><mo>⏟</mo></munder><mi>b</mi></munder>"),
        (r"\operatorname{sep} A", '<mi mathvariant="normal">sep</mi><mo>\u2061</mo><mi>A</mi>'),
    ],
)
def test_a_formula_is_known(tex, wanted):
    assert wanted in mathematics.mathml(tex).replace("<mrow><mi>a</mi></mrow>", "<mi>a</mi>")


def test_a_displayed_formula_stands_in_its_own_line():
    assert mathematics.mathml("x", display=True) == '<math display="block"><mi>x</mi></math>'


def test_what_is_unknown_is_refused():
    with pytest.raises(MathError, match="unheard"):
        mathematics.mathml(r"\unheard{x}")
