"""Tables measured ahead of their notebooks: the statements that they need, and no other."""

import ast

import pytest

from tests.cases import PARAMETERS
from tools import forks, measure, notebooks

NOTEBOOK = """
import matplotlib.pyplot as plt
from study.cache import measured
from study import words
sizes = [1, 2]
sizes = sizes + [3]
unused = plt.figure()
def probe(size):
    return size
table = measured("a", probe, sizes, on=dict(quick=profile == "quick"))
words.show(table)
big = table[table > 1]
left, right = measured("b", probe, big), 0
plt.plot(left)
"""


def test_what_a_call_needs_is_kept_in_its_order_and_the_rest_is_not():
    kept = measure.needed(NOTEBOOK).splitlines()
    assert kept == [
        "from study.cache import measured",
        "sizes = [1, 2]",
        "sizes = sizes + [3]",
        "def probe(size):",
        "    return size",
        "table = measured('a', probe, sizes, on=dict(quick=profile == 'quick'))",
        "big = table[table > 1]",
        "left, right = (measured('b', probe, big), 0)",
    ]
    assert measure.needed("import a.b\nx = a.b.c\nprint(x)") == ""


def test_the_parameters_are_those_given(toy):
    toy("from study.cache import measured\nprint(1)", "measured(profile, print, [], [])")
    assert measure.code("toy", {"profile": "quick"}).splitlines() == [
        *map(ast.unparse, ast.parse(PARAMETERS).body[1:]),
        "profile = 'quick'",
        "from study.cache import measured",
        "measured(profile, print, [], [])",
    ]


@pytest.mark.parametrize("name", notebooks.names())
def test_every_table_of_a_notebook_is_measured_ahead_and_nothing_is_drawn(name):
    cells = [c.source for c in notebooks.read(name).cells if c.cell_type == "code"]
    code = measure.code(name)
    assert code.count("measured(") == "\n".join(cells).count("measured(")
    assert "plt" not in code and "show(" not in code and "tell(" not in code


def test_what_is_measured_ahead_the_notebook_reads(toy, tmp_path, monkeypatch):
    """In processes of their own, with all processors, into the store and into no folder of results."""
    monkeypatch.setattr(forks, "FORKING", False)  # what forks is a fork itself, and not this process
    monkeypatch.setenv("SCHUR_LIB_STORE", str(tmp_path / "store"))
    toy(
        "from study import catalogue\nfrom study.cache import measured\n"
        "from study.probes.profiles import profiles\n"
        "specs = catalogue.specs('flip_flop')[:2]\nnets = catalogue.networks(specs)\n"
        "table = measured('toy', profiles, specs, nets, on={'n_trials': 8}, removed=[['CC']])"
    )
    measure.run("toy", {})
    parts = {path: path.stat().st_mtime_ns for path in (tmp_path / "store" / "measured").glob("toy-*.csv")}
    assert len(parts) == 2
    notebooks.execute("toy", {}, tmp_path / "results")
    assert parts == {path: path.stat().st_mtime_ns for path in (tmp_path / "store" / "measured").glob("toy-*.csv")}
    assert (tmp_path / "results" / "toy.csv").exists()
