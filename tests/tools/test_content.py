"""What was damaged or edited after it was made, its time kept, is noticed; what can be made is made anew."""

import os
import shutil
import subprocess
import sys

import pytest
import torch

from schur_lib.networks import Network
from study import folders
from tools import book, content
from tools.notebooks import ROOT

GRAPH = """
from pathlib import Path
from tools import content

DOIT_CONFIG = {"check_file_uptodate": content.ByContent, "dep_file": "doit.db", "verbosity": 2}

def make():
    print("making", flush=True)
    Path("folder").mkdir(exist_ok=True)
    for name in ("folder/page", "folder/picture"):
        Path(name).write_text(Path("source").read_text() + name)

def task_make():
    return {
        "actions": [make],
        "file_dep": ["source"],
        "targets": ["folder/page"],
        "uptodate": [content.as_made(lambda: sorted(Path("folder").iterdir()))],
        "title": content.title,
        "meta": {},
    }
"""


def change(path):
    """Another content of the same size, at the same time."""
    before = path.stat()
    content = path.read_bytes()
    path.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_mtime_ns, path.stat().st_size) == (before.st_mtime_ns, before.st_size)


@pytest.fixture
def graph(tmp_path):
    (tmp_path / "dodo.py").write_text(GRAPH)
    (tmp_path / "source").write_text("text of the source")

    def go():
        command = [sys.executable, "-m", "doit", "run"]
        variables = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert "making" in go() and "making" not in go()
    return go


def test_a_source_that_changed_and_kept_its_time_is_noticed(graph, tmp_path):
    change(tmp_path / "source")
    assert "making" in graph()
    assert (tmp_path / "folder" / "page").read_text().startswith("uext of the source")
    assert "making" not in graph()


@pytest.mark.parametrize("name", ["page", "picture"])
@pytest.mark.parametrize("how", [change, os.unlink], ids=["changed", "removed"])
def test_what_was_made_and_is_no_longer_so_is_made_anew_with_a_word(graph, tmp_path, name, how):
    file = tmp_path / "folder" / name
    good = file.read_bytes()
    how(file)
    said = graph()
    assert "making" in said and f"folder/{name} is missing or was changed since: it is made anew" in said
    assert file.read_bytes() == good
    assert "making" not in graph()


def test_a_source_that_was_touched_alone_is_not_made_again(graph, tmp_path):
    os.utime(tmp_path / "source")
    assert "making" not in graph()


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    """The project without its environment and builds."""
    copy = tmp_path_factory.mktemp("project") / "copy"
    left_out = shutil.ignore_patterns(".venv", "build", ".git", "__pycache__", "*.egg-info", "results")
    shutil.copytree(ROOT, copy, ignore=left_out)
    return copy


@pytest.mark.parametrize(
    "name",
    [
        "networks/flip_flop-*.safetensors",
        "scope/gru-seed0.safetensors",
        "own_network/trials.npz",
        "benchmarks/*.csv",
        "paper_numbers.csv",
    ],
)
@pytest.mark.parametrize("how", [change, os.unlink], ids=["changed", "removed"])
def test_a_shipped_file_that_is_not_whole_is_refused(copied, tmp_path, monkeypatch, name, how):
    monkeypatch.setattr(folders, "DATA", copied / "data")
    file = sorted((copied / "data").glob(name))[0]
    kept = shutil.copy2(file, tmp_path)
    how(file)
    with pytest.raises(SystemExit) as refused:
        content.refuse_damaged()
    shutil.copy2(kept, file)
    said = str(refused.value)
    assert file.name in said
    assert "`git checkout data/" in said and "`python3 run.py references` enters it" in said


def listed(copied, output):
    command = [sys.executable, "-m", "doit", "-f", "dodo.py", "list", "networks=reference", f"output={output}"]
    return subprocess.run(command, cwd=copied, capture_output=True, text=True)


def test_no_task_is_begun_with_a_shipped_file_that_is_not_whole(copied, tmp_path):
    file = copied / "data" / "paper_numbers.csv"
    kept = shutil.copy2(file, tmp_path)
    change(file)
    done = listed(copied, tmp_path)
    shutil.copy2(kept, file)
    assert done.returncode != 0 and "Traceback" not in done.stderr
    assert "paper_numbers.csv" in done.stderr and "`git checkout data/" in done.stderr


def test_a_whole_project_is_not_refused(copied, tmp_path):
    """Tables of results may be missing or damaged: they are measured."""
    done = listed(copied, tmp_path)
    assert done.returncode == 0 and "book" in done.stdout, done.stderr


def test_the_book_says_which_versions_made_the_networks(tmp_path):
    days = ["2026-01-02", "2025-12-31", "2026-01-01"]
    for day, numpy in zip(days, ("2.1", "2.2", ""), strict=True):
        made = {"trained": day, "torch": "2.9.0", "code": "abc"} | ({"numpy": numpy} if numpy else {})
        Network(*torch.rand(3, 2, 2), metadata={"provenance": made}).save(tmp_path / f"{day}.safetensors")
    said = book.made_by(tmp_path)
    assert (
        said.startswith("The 3 networks")
        and "from 2025-12-31 to 2026-01-02 with numpy 2.1, numpy 2.2, torch 2.9.0" in said
    )
    assert "torch 2." in book.made_by(folders.NETWORKS)


def test_what_is_changed_on_purpose_is_known_by_its_digest(tmp_path):
    file = tmp_path / "file"
    file.write_text("a")
    first = content.digest(file)
    assert first == folders.digest(file)
    file.write_text("bb")
    assert content.digest(file) == folders.digest(file) != first
