"""The faults that are drawn, where they are put, and what is known of those that survive."""

import ast
import csv
import sys
from pathlib import Path

import pytest

from tools import mutants

SOURCE = '''"""Text with 1 number."""


def f(x: int = 3, *, scale: float = 0.5) -> "list[1]":
    """Not 2 be changed."""
    if x < 0:
        raise ValueError(f"x is {x + 1}, below {0}")
    rows = [y**2 for y in x.T if y]
    rows.append(g(x, scale, first=rows, last=True))
    said = f"{len(rows) + 1:.2f} of é"
    return rows
'''


def all_faults(source=SOURCE):
    """{kind: lines as they become}."""
    found = {}
    for faults in mutants.places(ast.parse(source)).values():
        for kind, old, new in faults:
            if text := mutants.put(source, old, new):
                found.setdefault(kind, []).append(
                    "|".join(mutants.difference(source, text)[1:]).replace("+", "", 1)
                )
    return found


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("comparison", "if (x <= 0):"),
        ("constant", "if x < 1:"),
        ("constant", "def f(x: int = 6, *, scale: float = 0.5) -> \"list[1]\":"),
        ("constant", "def f(x: int = 3, *, scale: float = 1.0) -> \"list[1]\":"),
        ("constant", "rows.append(g(x, scale, first=rows, last=False))"),
        ("operator", "rows = [(y * 2) for y in x.T if y]"),
        ("swapped operands", "rows = [(2 ** y) for y in x.T if y]"),
        ("dropped transpose", "rows = [y**2 for y in x if y]"),
        ("dropped row", "rows = [y**2 for y in list(x.T)[1:] if y]"),
        ("dropped row", "return rows[1:]"),
        ("negated condition", "rows = [y**2 for y in x.T if (not y)]"),
        ("negated condition", "if (not x < 0):"),
        ("dropped validation", "pass"),
        ("dropped statement", "pass"),
        ("dropped keyword", "rows.append(g(x, scale, last=True))"),
        ("swapped keywords", "rows.append(g(x, scale, first=True, last=rows))"),
        ("swapped arguments", "rows.append(g(scale, x, first=rows, last=True))"),
        ("dropped call", "said = f'{rows + 1:.2f} of é'"),
        ("operator", "said = f'{len(rows) - 1:.2f} of é'"),
    ],
)  # fmt: skip
def test_faults_of_each_kind_change_one_place(kind, line):
    assert line in all_faults()[kind]


def test_docstrings_annotations_and_messages_are_left_alone():
    for kind, lines in all_faults().items():
        for line in lines:
            assert "Text" not in line and "Not" not in line and "int =" not in line.replace("x: int =", ""), kind
            assert "ValueError" not in line and "list[1]" in line or "->" not in line


def test_a_fault_is_a_fault_and_stands_in_a_module_that_can_be_read():
    for path in mutants.modules(["schur", "subjects", "parts", "findings"]):
        source = (mutants.ROOT / path).read_text(encoding="utf-8")
        for _, line, _, text in mutants.draw({path: source}, 1, 5):
            assert text != source and ast.dump(ast.parse(text)) != ast.dump(ast.parse(source)) and line > 0


def test_a_seed_draws_the_same_faults_and_at_least_five_of_each_module():
    sources = {p: (mutants.ROOT / p).read_text(encoding="utf-8") for p in mutants.modules(["intervals", "tasks"])}
    one, again, other = ([fault[1:] for fault in mutants.draw(sources, 30, seed)] for seed in (1, 1, 2))
    assert one == again != other
    drawn = [str(fault[0]) for fault in mutants.draw(sources, 30, 1)]
    assert drawn.count("schur_lib/intervals.py") == mutants.AT_LEAST < drawn.count("schur_lib/tasks.py")
    assert len({text for *_, text in one}) == len(one)


def test_modules_are_named_by_path_name_or_room():
    every = mutants.modules([])
    assert mutants.modules(["schur"]) == mutants.modules(["schur_lib/schur.py"]) == [Path("schur_lib/schur.py")]
    assert set(mutants.modules(["study/probes", "schur_lib"])) <= set(every)
    assert all(path.parent == Path("study/probes") for path in mutants.modules(["study/probes"]))
    with pytest.raises(SystemExit, match="no module is named schurr"):
        mutants.modules(["schurr"])


def test_every_module_has_tests_that_mirror_it():
    for path in mutants.modules([]):
        tests = [test for test in mutants.tests_of(path) if test != mutants.EVERY]
        assert tests and all((mutants.ROOT / test).exists() for test in tests), path


def test_what_is_known_of_survivors_is_about_the_code_that_is_there():
    with open(mutants.ROOT / "tools" / "mutants.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        source = (mutants.ROOT / row["module"]).read_text(encoding="utf-8")
        lines = [line.strip() for line in source.splitlines()]
        assert row["before"] in " ".join(lines) and row["equivalent"] in ("yes", "no") and row["reason"], row
        there = [i for i, line in enumerate(lines, start=1) if line and row["before"].startswith(line)]
        faults = [fault for i in there for fault in mutants.places(ast.parse(source)).get(i, ())]
        texts = (mutants.put(source, old, new) for _, old, new in faults)
        said = (mutants.difference(source, text) for text in texts if text)
        assert row["after"] in {" ".join(x[1:] for x in diff if x[0] == "+") for diff in said}, row


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="forks")
def test_a_fault_is_noticed_and_none_is_where_there_is_none(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    project, path = mutants.Copy(tmp_path), Path("schur_lib/intervals.py")
    source = (mutants.ROOT / path).read_text(encoding="utf-8")
    assert project.test(path) and project.test(path, source + "\n# nothing\n")
    assert not project.test(path, source.replace("0.025", "0.05"))
    assert not project.test(path, source.replace("rng = ", "while True: pass\n    rng = "), seconds=5)
    assert (project.tree / path).read_text(encoding="utf-8") == source and project.test(path)
