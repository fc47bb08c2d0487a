"""The two files of a notebook: an edit of the .ipynb alone is noticed, kept or undone, never lost."""

import json
import os
import shutil
import subprocess
import sys

import nbformat
import pytest

from tools import notebooks, pairs
from tools.notebooks import ROOT


@pytest.fixture
def pair(toy, tmp_path):
    """A pair that agrees, as `run.py references` writes it; the path of its .ipynb."""
    toy("x = 1\nprint(x)", "y = 2")
    pairs.keep_py("toy")
    path = tmp_path / "toy.ipynb"
    nb = nbformat.read(path, as_version=4)
    for count, cell in enumerate(nb.cells, start=1):
        cell.execution_count = count
        cell.outputs = [nbformat.v4.new_output("stream", text=f"{count}\n")]
    notebooks.write(pairs.stamped(nb), path)
    return path


def change(path, function):
    content = json.loads(path.read_text(encoding="utf-8"))
    function(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def edit(path, text="x = 3\nprint(x)"):
    change(path, lambda content: content["cells"][1].update(source=text))


def test_an_edit_of_the_ipynb_alone_is_said_with_both_ways_out(pair):
    assert pairs.edited("toy") == ""
    edit(pair)
    said = pairs.edited("toy")
    assert "notebooks/toy: cell 1 differs between the .py and the .ipynb" in said
    assert "python3 run.py pair toy --keep ipynb" in said
    assert "python3 run.py pair toy --keep py" in said
    with pytest.raises(SystemExit, match="--keep ipynb"):
        pairs.refuse_edited(["toy"])


def test_an_edit_of_the_py_alone_is_how_notebooks_are_written(pair, toy):
    toy("x = 3\nprint(x)", "y = 2")
    assert notebooks.pair_difference("toy") and pairs.edited("toy") == ""


def test_edits_of_both_are_said(pair, toy):
    edit(pair)
    toy("x = 4\nprint(x)", "y = 2")
    assert "--keep ipynb" in pairs.edited("toy")


def test_kept_is_the_ipynb(pair):
    head = pair.with_suffix(".py").read_text().partition("# %%")[0]
    edit(pair, "x = 3  # ε\nprint(x)")
    assert pairs.main(["toy", "--keep", "ipynb"]) == 0
    text = pair.with_suffix(".py").read_text(encoding="utf-8")
    assert "x = 3  # ε" in text and "x = 1" not in text and text.startswith(head)
    assert notebooks.pair_difference("toy") == pairs.edited("toy") == ""


def test_kept_is_the_py_and_what_it_does_not_change_keeps_its_outputs(pair):
    before = pair.with_suffix(".py").read_bytes()
    edit(pair)
    assert pairs.main(["toy", "--keep", "py"]) == 0
    assert pair.with_suffix(".py").read_bytes() == before
    cells = nbformat.read(pair, as_version=4).cells
    assert [cell.execution_count for cell in cells] == [1, None, 3] and cells[2].outputs
    assert notebooks.pair_difference("toy") == pairs.edited("toy") == ""


EDITORS = {
    "VS Code": {"vscode": {"languageId": "python"}},
    "JupyterLab": {
        "collapsed": True,
        "editable": True,
        "slideshow": {"slide_type": ""},
        "jupyter": {"source_hidden": False},
        "scrolled": True,
        "trusted": True,
    },
    "Colab": {"id": "x", "colab": {"base_uri": ""}, "outputId": "y"},
    "PyCharm": {"pycharm": {"name": "#%%\n"}},
    "times": {"ExecuteTime": {"start_time": "x"}, "execution": {"iopub.execute_input": "x"}},
    "no tags": {"tags": []},
}


@pytest.mark.parametrize("editor", EDITORS)
def test_what_an_editor_adds_when_it_saves_is_no_difference(pair, editor):
    def save(content):
        content["metadata"]["kernelspec"]["display_name"] = ".venv (3.11.2)"
        content["metadata"]["language_info"].update(version="3.11.2", pygments_lexer="ipython3")
        content["metadata"]["vscode"] = {"interpreter": {"hash": "x"}}
        for i, cell in enumerate(content["cells"]):
            cell["metadata"].update(EDITORS[editor] if i else {})
            cell["id"] = f"5fb1c0d{i}"

    change(pair, save)
    assert notebooks.pair_difference("toy") == pairs.edited("toy") == ""
    pairs.keep_ipynb("toy")
    assert not any(word in pair.with_suffix(".py").read_text() for word in ("vscode", "slide", "colab"))


@pytest.mark.parametrize("metadata", [{"tags": ["hide-input"]}, {"mystnb": {"image": {"alt": "x"}}}])
def test_what_the_book_uses_of_metadata_is_a_difference(pair, metadata):
    change(pair, lambda content: content["cells"][1]["metadata"].update(metadata))
    assert "the metadata of cell 1 differ" in pairs.edited("toy")
    pairs.keep_ipynb("toy")
    assert next(iter(metadata)) in pair.with_suffix(".py").read_text()


@pytest.mark.parametrize(
    "function",
    [
        lambda content: content["cells"].pop(),
        lambda content: content["cells"].insert(1, content["cells"][2]),
        lambda content: content["cells"][1].update(cell_type="raw"),
    ],
)
def test_other_edits_are_said_too(pair, function):
    change(pair, function)
    assert "--keep ipynb" in pairs.edited("toy")


def test_an_ipynb_that_is_no_notebook_any_more_is_said(pair):
    pair.write_text("<<<<<<< ours\n{}", encoding="utf-8")
    assert "notebooks/toy.ipynb is no notebook" in pairs.edited("toy")
    pairs.keep_py("toy")
    assert notebooks.pair_difference("toy") == ""


@pytest.mark.parametrize("newer", [True, False])
def test_without_a_digest_the_newer_file_counts_as_edited(pair, newer):
    edit(pair)
    change(pair, lambda content: content["metadata"].pop("schur_lib"))
    os.utime(pair, (2e9, 2e9) if newer else (1e9, 1e9))
    assert bool(pairs.edited("toy")) == newer


def test_keeping_what_agrees_changes_neither_text(monkeypatch, tmp_path):
    """Each notebook of the project, there and back: Jupytext writes what it reads."""
    for path in notebooks.FOLDER.glob("*.*"):
        shutil.copy2(path, tmp_path)
    monkeypatch.setattr(notebooks, "FOLDER", tmp_path)
    for name in notebooks.names():
        source, nb = tmp_path / f"{name}.py", tmp_path / f"{name}.ipynb"
        before = source.read_bytes()
        pairs.keep_ipynb(name)
        assert source.read_bytes() == before, name
        before = nb.read_bytes()
        pairs.keep_py(name)
        assert nb.read_bytes() == before, name


@pytest.mark.parametrize(
    "command", [["doit", "-f", "dodo.py", "list"], ["tools.references"]], ids=["build", "references"]
)
def test_neither_a_build_nor_the_references_pass_over_an_edit(tmp_path, command):
    """In a copy of the project, before anything runs."""
    copy, name = tmp_path / "copy", notebooks.names()[0]
    shutil.copytree(
        ROOT, copy, ignore=shutil.ignore_patterns(".venv", "build", ".git", "__pycache__", "*.egg-info", "tests")
    )
    path = copy / "notebooks" / f"{name}.ipynb"
    change(path, lambda content: content["cells"][-1].update(source="mine"))
    os.utime(path, (2e9, 2e9))
    before = path.read_bytes()
    done = subprocess.run([sys.executable, "-m", *command], cwd=copy, capture_output=True, text=True)
    assert done.returncode == 1 and f"run.py pair {name} --keep ipynb" in done.stderr
    assert "Traceback" not in done.stderr and path.read_bytes() == before
