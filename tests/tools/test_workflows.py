"""The commands of the workflows run in their order in a clean folder; what takes long is played by a stand-in."""

import json
import os
import shutil
import stat
import subprocess
import sys

import pytest
import yaml

from tools import workflows

ROOT = workflows.ROOT
STAND_IN = """#!{python}
# plays python3, bash .ci/run, gh and pip: notes what it was told, makes what a build makes, hands on what is short
import json, os, shutil, subprocess, sys
from pathlib import Path
name, words = Path(sys.argv[0]).name, sys.argv[1:]
with open({notes!r}, "a") as file:
    file.write(json.dumps([name, *words]) + "\\n")
if name == "gh":
    sys.exit(0 if words[:2] != ["issue", "list"] else print({open_issue!r}))
if words[:1] == ["run.py"]:
    made = Path("build", "paper-reference" if "--reference" in words else "paper-trained")
    if words[1] in ("book", "pdf"):
        shutil.copytree({build!r}, made, dirs_exist_ok=True)
    sys.exit(0)
if words[:2] in (["-m", "pip"], ["-m", "pip_audit"], ["-m", "tools.floors"], ["-m", "tools.mutants"]):
    sys.exit(0)
if words[:2] == ["-m", "tools.retrained"]:
    print("copy: 0.83 instead of 0.84")
    sys.exit({changed})
sys.exit(subprocess.run([{python!r}, *words]).returncode)
"""


@pytest.fixture
def folder(tmp_path):
    """A clean folder with what is committed, or as it is where git cannot tell."""
    target = tmp_path / "repository"
    cloned = (
        shutil.which("git")
        and not subprocess.run(
            ["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(target)], capture_output=True
        ).returncode
    )
    if not cloned:
        leave = shutil.ignore_patterns(".venv", "build", ".git", "__pycache__")
        shutil.copytree(ROOT, target, ignore=leave, dirs_exist_ok=True)
    ci = target / ".ci" / "run"
    ci.write_text("#!/bin/bash\npython3 run.py test\n")
    return target


def play(folder, tmp_path, changed=1, open_issue=""):
    """Stand-ins for the commands that take long; returns the environment and the file of notes."""
    build, notes, commands = tmp_path / "build", tmp_path / "notes", tmp_path / "commands"
    for path in ("html/index.html", "chapters/x.ipynb", "results/t.csv", "book.pdf", "work/book/a.md"):
        (build / path).parent.mkdir(parents=True, exist_ok=True)
        (build / path).write_text(path)
    (build / "work" / "_config.yml").write_text("{}\n")
    record = {"notebook": "x", "parameters": {"profile": "paper"}, "seconds": 1.0, "versions": {}, "tables": {},
              "shown": []}  # fmt: skip
    (build / "records").mkdir(exist_ok=True)
    (build / "records" / "x.json").write_text(json.dumps(record))
    commands.mkdir()
    text = STAND_IN.format(
        python=sys.executable, notes=str(notes), build=str(build), changed=changed, open_issue=open_issue
    )
    for target in (commands / "python3", commands / "gh", folder / ".venv" / "bin" / "python"):
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        target.chmod(target.stat().st_mode | stat.S_IEXEC)
    notes.touch()
    return {"PATH": f"{commands}{os.pathsep}{os.environ['PATH']}", "HOME": str(tmp_path)}, notes


def told(notes):
    return [json.loads(line) for line in notes.read_text().splitlines()]


@pytest.mark.parametrize("name", sorted(path.stem for path in workflows.FOLDER.glob("*.yml")))
def test_every_step_of_a_workflow_runs_in_order(name, folder, tmp_path):
    environment, notes = play(folder, tmp_path)
    lines = []
    code, ran = workflows.run(name, (), folder, environment, lines.append)
    assert code == 0, lines
    jobs = yaml.safe_load((workflows.FOLDER / f"{name}.yml").read_text())["jobs"]
    steps = [(job, step) for job, each in jobs.items() for step in each["steps"]]
    assert len(ran) == sum("run" in step for _, step in steps)
    assert sum("an action, left out" in line for line in lines) == sum("uses" in step for _, step in steps)
    if name == "release":
        packed = sorted(path.name for path in (folder / "build" / "release").iterdir())
        assert "SHA256SUMS" in packed and len(packed) == 8
        assert ["gh", "release", "create", "v0.1.0"] == told(notes)[-1][:4]


@pytest.mark.parametrize(("open_issue", "wanted"), [("", ["issue", "create"]), ("7", ["issue", "comment", "7"])])
def test_numbers_that_changed_open_an_issue_or_join_the_open_one(folder, tmp_path, open_issue, wanted):
    environment, notes = play(folder, tmp_path, open_issue=open_issue)
    code, _ = workflows.run("retrain", (), folder, environment, lambda line: None)
    last = told(notes)[-1]
    assert code == 0 and last[1 : 1 + len(wanted)] == wanted
    assert "copy: 0.83 instead of 0.84" in last[-1] and "someone/companion/actions/runs/1" in last[-1]


def test_a_comparison_that_breaks_stops_the_workflow(folder, tmp_path):
    environment, notes = play(folder, tmp_path, changed=3)
    code, ran = workflows.run("retrain", (), folder, environment, lambda line: None)
    assert code == 3 and ran[-1] == "retrain: Compare the numbers"
    assert not [words for words in told(notes) if words[0] == "gh"]


def test_what_a_step_writes_is_read_in_one_line_and_in_many():
    assert workflows.written("changed=1\ntext<<END\na=b\nc\nEND\n") == {"changed": "1", "a": "b", "text": "a=b\nc"}
    assert workflows.filled("${{ github.server_url }}/${{ secrets.TOKEN }}", {}) == "https://github.com/"
