"""The examples in the docstrings do what they show, and the reference page names what there is."""

import doctest
import importlib
import pkgutil
import re

import pytest

import schur_lib
from tools.notebooks import ROOT

MODULES = [f"schur_lib.{m.name}" for m in pkgutil.iter_modules(schur_lib.__path__)]
SHOWN = ("ordered_schur", "rollout", "ablation_profile", "train", "fvu", "evaluation")


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_give_what_they_show(name):
    results = doctest.testmod(importlib.import_module(name))
    assert results.failed == 0


@pytest.mark.parametrize("name", SHOWN)
def test_the_main_functions_have_an_example(name):
    assert ">>> " in getattr(schur_lib, name).__doc__


def test_the_reference_page_holds_every_public_name():
    page = (ROOT / "book" / "api.md").read_text()
    named = re.findall(r"auto(?:function|class):: schur_lib\.([\w.]+)", page)
    assert set(schur_lib.__all__) - {"tasks"} <= {name for name in named if "." not in name}


def test_the_method_page_names_the_file_of_each_equations_code():
    page = (ROOT / "book" / "method.md").read_text(encoding="utf-8")
    labels = set(re.findall(r"^\$\$ \((eq-\w+)\)", page, re.M))
    rows = re.findall(r"^\| (\{eq\}.*?) \| (.*?) \| `(.*?)` \|$", page, re.M)
    assert labels == {label for row in rows for label in re.findall(r"\{eq\}`(eq-\w+)`", row[0])}
    for _, functions, file in rows:
        for name in re.findall(r"(?:<|`)(?:schur_lib[.\w]*\.)(\w+)", functions):
            assert f"def {name}(" in (ROOT / file).read_text(encoding="utf-8"), name
