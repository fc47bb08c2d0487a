"""Each "add a …" of CONTRIBUTING.md does what it says, in a copy of the project."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from tests.cases import compiled
from tools.notebooks import ROOT

TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (Add a \w+)\n(.*?)(?=^## |\Z)", TEXT, re.M | re.S))
ROOMS = ("schur_lib", "study", "tools", "notebooks", "data", "book")


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """The project's code and data in a folder of its own."""
    folder = tmp_path_factory.mktemp("project")
    for room in ROOMS:
        shutil.copytree(ROOT / room, folder / room, ignore=shutil.ignore_patterns("__pycache__"))
    with compiled(folder / "schur_lib"):
        yield folder


def edit(folder, block):
    """Put a block of code where its first line says."""
    where, _, code = block.partition("\n")
    if new := re.match(r"# new file (\S+)$", where):
        (folder / new[1]).write_text(code, encoding="utf-8")
        return
    file, above = re.match(r"# into (\S+), (?:above (\w+)|at the end)$", where).groups()
    text = (folder / file).read_text(encoding="utf-8")
    if above is None:
        text += f"\n\n{code}"
    else:
        name = re.search(r"(?:def )?(\w+)", code)[1]
        at = re.search(rf"^{above}\b.*?(?=\n\S*\n|\Z)", text, re.M | re.S)
        named = re.sub(r" in \(([^()]*)\)", rf" in (\1, {name})", at[0], count=1)
        assert named != at[0], f"{file} has no tuple of names in {above}"
        text = text[: at.start()] + code + "\n\n" + named + text[at.end() :]
    (folder / file).write_text(text, encoding="utf-8")


@pytest.mark.parametrize("section", SECTIONS)
def test_what_contributing_says_works(copy, section, tmp_path):
    blocks = re.findall(r"```python\n(.*?)```", SECTIONS[section], re.S)
    *edits, check = blocks
    for block in edits:
        edit(copy, block)
    assert check.startswith("# run\n")
    script = f"from pathlib import Path\nfolder = Path({str(tmp_path)!r})\n{check}"
    variables = {k: v for k, v in os.environ.items() if not k.startswith("SCHUR_LIB_")}
    variables |= {"PYTHONPATH": str(copy), "SCHUR_LIB_STORE": str(tmp_path / "store")}
    done = subprocess.run([sys.executable, "-c", script], cwd=copy, env=variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_four_sections_are_there():
    assert set(SECTIONS) == {"Add a task", "Add a metric", "Add a claim", "Add a chapter"}
