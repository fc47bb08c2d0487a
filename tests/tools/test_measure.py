"""Tables measured ahead of their notebooks: the statements that they need, and no other."""

import ast
import re
import subprocess
import sys

import pytest

from tests.cases import PARAMETERS
from tools import forks, measure, notebooks
from tools.notebooks import ROOT

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
    calls = re.compile(r"\bmeasured(?:_models)?\(")
    assert len(calls.findall(code)) == len(calls.findall("\n".join(cells)))
    assert "plt" not in code and "show(" not in code and "tell(" not in code


def test_what_is_measured_ahead_the_notebook_reads(toy, tmp_path, monkeypatch):
    """In processes of their own, with all processors, into the store and into no folder of results."""
    monkeypatch.setenv("SCHUR_LIB_STORE", str(tmp_path / "store"))
    toy(
        "from study import catalogue\nfrom study.cache import measured\n"
        "from study.probes.profiles import profiles\n"
        "specs = catalogue.specs('flip_flop')[:2]\nnets = catalogue.networks(specs)\n"
        "table = measured('toy', profiles, specs, nets, on={'n_trials': 8}, removed=[['CC']])"
    )
    with monkeypatch.context() as patch:
        patch.setattr(forks, "FORKING", False)  # what forks is a fork itself, and not this process
        measure.run("toy", {})
    parts = {path: path.stat().st_mtime_ns for path in (tmp_path / "store" / "measured").glob("toy-*.csv")}
    assert len(parts) == 2
    notebooks.execute("toy", {}, tmp_path / "results")
    assert parts == {path: path.stat().st_mtime_ns for path in (tmp_path / "store" / "measured").glob("toy-*.csv")}
    assert (tmp_path / "results" / "toy.csv").exists()


def test_the_graph_measures_before_it_executes_where_there_is_something_to_measure():
    code = """
import importlib
from doit import doit_cmd
doit_cmd.reset_vars()
doit_cmd.set_var("output", "/nowhere")
doit_cmd.set_var("networks", "trained")
import dodo
for networks in ("trained", "reference"):
    doit_cmd.set_var("networks", networks)
    importlib.reload(dodo)
    dodo.say = lambda text: None
    dodo.forks.call = lambda module, function, name, parameters: print("measured", name, parameters["networks"])
    dodo.notebooks.make_chapter = lambda name, *_: print("executed", name)
    dodo.execute("flip_flop"), dodo.execute("speed")
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    executed = ["executed flip_flop", "executed speed"]
    assert done.stdout.splitlines() == ["measured flip_flop trained", *executed, *executed], done.stderr


def test_the_graph_begins_with_what_others_wait_for_and_then_with_what_takes_long():
    code = """
from doit import doit_cmd
doit_cmd.reset_vars()
doit_cmd.set_var("networks", "trained")
doit_cmd.set_var("output", "/nowhere")
import dodo
from doit import control, loader, reporter, runner
class Dry(runner.Runner):
    def select_task(self, node, tasks):
        node.run_status = "run"
        return True
    def execute_task(self, task):
        if task.actions:
            print(task.name)
    def process_task_result(self, node, failed):
        node.run_status = "successful"
graph = control.TaskControl(loader.load_tasks(vars(dodo)))
graph.process(["book"])
Dry(None, reporter.ZeroReporter(None, {})).run_tasks(graph.task_dispatcher())
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    order = done.stdout.splitlines()
    trained = [
        f"train:{name}" for name in ("flip_flop", "sine_generation", "context_integration", "studies", "copy")
    ]
    names = ("symmetries", "predictor", "controls", "scope", "copy_task", "recipe")
    long = [f"notebook:{name}" for name in names]
    assert order[:11] == [*trained, *long], done.stderr
    assert order[-1] == "book" and set(order[11:-1]) == {
        "explorer", "train:figure_1", *(f"notebook:{name}" for name in notebooks.names())
    } - set(long)  # fmt: skip


def test_a_notebook_alone_trains_its_own_networks_only():
    code = """
import sys
from doit import doit_cmd
doit_cmd.reset_vars()
doit_cmd.set_var("networks", "trained")
doit_cmd.set_var("output", "/nowhere")
sys.argv = ["doit", "run", "notebook:figure_1"]
import dodo
trainings = {task["name"]: task for task in dodo.task_train()}
[figure] = [task for task in dodo.task_notebook() if task["name"] == "figure_1"]
print([name for name, task in trainings.items() if set(task["targets"]) & set(figure["file_dep"])])
print([task["task_dep"] for task in trainings.values() if task["task_dep"]])
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.splitlines() == ["['figure_1']", "[]"], done.stderr
