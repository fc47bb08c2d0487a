"""The paired notebooks: they agree, were run, show nothing fragile, and still say the same."""

import os
import subprocess
import sys

import nbformat
import pytest

from tests.cases import PARAMETERS
from tools import notebooks, references

NAMES = notebooks.names()
every_notebook = pytest.mark.parametrize("name", NAMES)


def paired(name):
    return nbformat.read(notebooks.FOLDER / f"{name}.ipynb", as_version=4)


@every_notebook
def test_the_two_files_of_a_pair_say_the_same(name):
    assert notebooks.pair_difference(name) == "", (
        f"`python3 run.py pair {name} --keep py` (or ipynb) makes both say what one of them says"
    )


@every_notebook
def test_the_parameters_cell_is_the_same_in_every_notebook(name):
    tagged = [c.source for c in notebooks.read(name).cells if "parameters" in c.metadata.get("tags", [])]
    assert tagged == [PARAMETERS]


@every_notebook
def test_a_reference_was_run_in_order_and_without_errors(name):
    code = [c for c in paired(name).cells if c.cell_type == "code"]
    assert [c.execution_count for c in code] == list(range(1, len(code) + 1))
    assert not [o for c in code for o in c.outputs if o.output_type == "error"]


@every_notebook
def test_a_reference_shows_nothing_that_nbval_stumbles_over_or_cannot_see(name):
    assert notebooks.lint(name) == []


def test_every_paired_notebook_has_a_source():
    assert {p.stem for p in notebooks.FOLDER.glob("*.ipynb")} == set(NAMES)


def test_the_lint_finds_each_trap(tmp_path, monkeypatch):
    def output(text):
        return [nbformat.v4.new_output("stream", text=text)]

    figure = [nbformat.v4.new_output("display_data", {"image/png": ""})]
    warning = [nbformat.v4.new_output("stream", name="stderr", text="x")]
    cells = {
        "was never run": {"source": "1"},
        "trailing semicolon": {"source": "plt.plot(x);"},
        "a clock": {"source": "%time f()"},
        "an unseeded generator": {"source": "np.random.default_rng()"},
        "an unrounded float": {"outputs": output("0.123456")},
        "rounding level": {"outputs": output("mass 3.1e-16")},
        "an object's address": {"outputs": output("<object at 0x7f00aa11bb22>")},
        "a timing": {"outputs": output("12.1it/s")},
        "a path of this machine": {"outputs": output("/tmp/ipykernel_1/2.py")},
        "has no alt text": {"outputs": figure},
        "has no caption": {"outputs": figure},
        "is to show a figure and shows none": {"metadata": {"mystnb": {"figure": {"name": "fig-x"}}}},
        "writes to stderr": {"outputs": warning},
    }
    monkeypatch.setattr(notebooks, "FOLDER", tmp_path)
    for trap, content in cells.items():
        count = None if trap == "was never run" else 1
        cell = nbformat.v4.new_code_cell(**{"source": "x", "execution_count": count, **content})
        nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "trap.ipynb")
        assert any(trap in complaint for complaint in notebooks.lint("trap")), trap


# --- the user's own settings stay outside -----------------------------------------------------------

FIGURE = 'mystnb={"figure": {"name": "fig-x"}}\nimport matplotlib.pyplot as plt\n'


def pictures(nb):
    return [
        o.data["image/png"] for c in nb.cells for o in c.get("outputs", []) if "image/png" in o.get("data", {})
    ]


def test_settings_of_ipython_and_matplotlib_change_no_figure(toy, tmp_path, monkeypatch):
    toy("import matplotlib.pyplot as plt\n_ = plt.plot([1, 2])")
    plain = pictures(notebooks.execute("toy")[0])
    profile = tmp_path / "ipython" / "profile_default"
    profile.mkdir(parents=True)
    (profile / "ipython_config.py").write_text("get_config().InlineBackend.figure_formats = {'svg'}\n")
    (tmp_path / "matplotlibrc").write_text("text.usetex: True\nfigure.dpi: 20\n")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path))
    monkeypatch.setenv("MATPLOTLIBRC", str(tmp_path))
    monkeypatch.setenv("MPLBACKEND", "svg")
    assert pictures(notebooks.execute("toy")[0]) == plain and len(plain) == 1


def test_what_ipython_is_told_for_all_users_of_a_machine_changes_no_figure():
    """Such settings hold whatever IPYTHONDIR is: what a kernel runs first undoes those of figures."""
    code = """
from IPython.core.interactiveshell import InteractiveShell
from matplotlib_inline.config import InlineBackend
from traitlets.config import Config
told = {"figure_formats": {"svg"}, "print_figure_kwargs": {"facecolor": "red"}}
shell = InteractiveShell.instance(config=Config({"InlineBackend": told}))
assert InlineBackend.instance(parent=shell).figure_formats == {"svg"}
import runpy
runpy.run_path("tools/keep_figures.py")
backend = InlineBackend.instance(parent=shell)
assert backend.figure_formats == {"png"} and "facecolor" not in backend.print_figure_kwargs
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=notebooks.ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_figure_cell_without_a_picture_is_a_failure_that_names_it(toy, tmp_path):
    source = (tmp_path / "toy.py").read_text()
    shows = f"\n# %% {FIGURE}_ = plt.plot([1, 2])\n"
    asks = "from matplotlib_inline.config import InlineBackend\nInlineBackend.instance().figure_formats = {'svg'}"
    (tmp_path / "toy.py").write_text(f"{source}{shows}\n# %%\n{asks}\n{shows}")
    with pytest.raises(
        RuntimeError, match=r"toy.py: cell 4 of .* is to show a figure and shows none:\n\n    import mat"
    ):
        notebooks.execute("toy", {"networks": "trained"})


@pytest.mark.slow
def test_a_kernel_starts_where_names_of_temporary_folders_are_long(toy, tmp_path):
    toy("print(1 + 1)")
    long = tmp_path / ("x" * 90)
    long.mkdir()
    code = (
        "from pathlib import Path\nfrom tools import notebooks\n"
        f"if __name__ == '__main__':\n    notebooks.FOLDER = Path({str(tmp_path)!r})\n"
        "    print(notebooks.execute('toy')[0].cells[-1].outputs[0].text)\n"
    )
    (tmp_path / "program.py").write_text(code)
    variables = {**os.environ, "TMPDIR": str(long), "PYTHONPATH": str(notebooks.ROOT)}
    done = subprocess.run(
        [sys.executable, str(tmp_path / "program.py")],
        cwd=notebooks.ROOT,
        env=variables,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and done.stdout.strip() == "2", done.stderr


@pytest.fixture(scope="module")
def rerun(tmp_path_factory):
    """nbval over all pairs, once, its kernels forked as in a build; (its result, the folder of the tables)."""
    folder = tmp_path_factory.mktemp("nbval")
    settings = "--nbval -q -p no:cacheprovider -p tools.forks --nbval-cell-timeout 600 --rootdir ."
    command = [sys.executable, "-m", "pytest", *settings.split()]
    command += ["--nbval-sanitize-with", "tests/nbval_sanitize.cfg"]
    command += [f"notebooks/{name}.ipynb" for name in NAMES]
    variables = {**os.environ, "SCHUR_LIB_RESULTS": str(folder), "NO_COLOR": "1", "PY_COLORS": "0"}
    for key in [k for k in variables if k.startswith("PYTEST_")]:
        del variables[key]
    done = subprocess.run(command, cwd=notebooks.ROOT, env=variables, capture_output=True, text=True)
    return done, folder


def test_the_notebooks_print_again_what_their_references_print(rerun):
    done, _ = rerun
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]


def test_the_notebooks_save_again_the_reference_results_within_rounding(rerun):
    _, folder = rerun
    saved = {p.name for p in folder.glob("*.csv")}
    assert saved == {p.name for p in references.RESULTS.glob("*.csv")}
    for name in sorted(saved):
        old = references.read_table(references.RESULTS / name)
        new = references.read_table(folder / name)
        assert references.beyond_tolerance(old, new) == [], name


def test_the_files_in_data_are_those_the_references_were_made_with():
    turned = [path.name for path in references.DATA.rglob("*.csv") if b"\r\n" in path.read_bytes()]
    assert not turned, f"line ends became those of Windows in {turned}: take a fresh clone or copy of data/"
    assert references.CHECKSUMS.read_text() == references.checksums(), (
        "a file in data/ changed: `python3 run.py references` makes the references anew"
    )


def test_what_was_changed_on_purpose_is_entered_and_a_table_so_changed_is_not_believed(
    tmp_path, monkeypatch, capsys
):
    for owner in (references, references.folders):
        monkeypatch.setattr(owner, "DATA", tmp_path)
    monkeypatch.setattr(references, "CHECKSUMS", tmp_path / "checksums.sha256")
    for name in ("scope/a.safetensors", "results/b.csv", "results/b.json", "results/c.csv", "results/c.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    references.enter()
    capsys.readouterr()
    assert references.CHECKSUMS.read_text() == references.checksums()
    assert len(references.folders.checksums()) == 3  # no table is believed of which nothing is known
    for name in ("results/b.json", "results/c.json"):
        (tmp_path / name).write_text("stamp")
    references.CHECKSUMS.write_text(references.checksums())
    (tmp_path / "scope" / "a.safetensors").write_text("trained anew")
    (tmp_path / "results" / "b.csv").write_text("edited")
    references.enter()
    assert capsys.readouterr().out.splitlines() == [
        "data/results/b.csv is new or was changed",
        "data/scope/a.safetensors is new or was changed",
    ]
    assert references.CHECKSUMS.read_text() == references.checksums()
    assert references.folders.shipped(tmp_path / "scope" / "a.safetensors").exists()
    assert sorted(path.name for path in (tmp_path / "results").iterdir()) == ["b.csv", "c.csv", "c.json"]


@pytest.mark.parametrize("change", [0.01, float("nan")])
def test_a_changed_number_is_beyond_the_tolerance(change):
    old = references.pd.DataFrame({"removed": ["", "CR"], "score": [1.0, 0.639]})
    new = old.assign(score=[1.0, 0.639 + change])
    told = old.assign(held=True)
    assert len(references.beyond_tolerance(told, old.assign(held=False))) == len(old)
    assert references.beyond_tolerance(old, old.assign(score=[1.0, 0.639 + 1e-6])) == []
    assert len(references.beyond_tolerance(old, new)) == 1


def test_a_count_of_draws_may_move_by_two_of_them_and_other_columns_may_not():
    old = references.pd.DataFrame({"p": [0.5], "mass": [0.5]})
    for column, allowed in (("p", True), ("mass", False)):
        new = old.assign(**{column: 0.5 + 2 / 201})
        assert (references.beyond_tolerance(old, new) == []) == allowed
    assert references.beyond_tolerance(old, old.assign(p=0.5 + 4 / 201)) != []


def test_a_printed_number_may_move_by_its_last_digit_and_text_may_not():
    assert not references.beyond_rounding(("cell", "0.876", "0.877", "+1.00e-03"))
    assert references.beyond_rounding(("cell", "0.876", "0.879", "+3.00e-03"))
    assert references.beyond_rounding(("cell", "CR", "CC", "text"))


def test_the_numeric_difference_of_two_references_names_cell_old_and_new():
    def showing(text):
        outputs = [nbformat.v4.new_output("stream", text=text)]
        return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x", outputs=outputs)])

    rows = references.text_changes(showing("accuracy 0.876\n"), showing("accuracy 0.870\n"))
    assert rows == [("cell 0: accuracy #", "0.876", "0.870", "-6.00e-03")]


def test_a_misspelt_parameter_is_refused(toy):
    with pytest.raises(ValueError, match="toy.py has no parameter profil: .* networks, profile"):
        notebooks.execute("toy", {"profil": "quick"})


def test_a_failing_cell_is_named_with_its_first_lines_and_its_error(toy):
    toy("print(1)", "y = 1\nraise ZeroDivisionError('on purpose')")
    with pytest.raises(RuntimeError, match="toy.py failed in cell 2") as caught:
        notebooks.execute("toy", {})
    assert "y = 1" in str(caught.value)
    assert "ZeroDivisionError: on purpose" in str(caught.value)


def test_a_notebook_executed_twice_gives_the_same_bytes(toy):
    toy("import matplotlib.pyplot as plt\nplt.plot([1, 2, profile == 'quick'])\nplt.show()")
    first, second = (nbformat.writes(notebooks.execute("toy", {"profile": "quick"})[0]) for _ in range(2))
    assert first == second
    assert "image/png" in first and "injected-parameters" in first


def test_every_figure_that_is_shown_is_kept_too(toy, tmp_path):
    toy("import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()", "_ = plt.plot([3])")
    notebooks.execute("toy", {}, None, tmp_path / "figures")
    kept = sorted(path.name for path in (tmp_path / "figures").iterdir())
    assert kept == ["0.csv", "0.svg", "1.csv", "1.svg"]


def test_a_kernel_starts_from_a_temporary_folder_with_a_long_name(toy, tmp_path, monkeypatch):
    """Too long for the name of a socket."""
    long = tmp_path / ("x" * 120)
    long.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))
    toy("print(6 * 7)")
    nb, _ = notebooks.execute("toy", {})
    assert nb.cells[1].outputs[0].text == "42\n"


def test_two_tables_of_one_cell_are_two_files(tmp_path):
    tables = [f"| a |\n|--:|\n| {i} |" for i in (1, 2)]
    outputs = [nbformat.v4.new_output("display_data", {"text/markdown": text}) for text in tables]
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("", outputs=outputs)])
    found = notebooks.shown(nb, tmp_path, tmp_path)
    assert [one["name"] for one in found] == ["table-00", "table-00-2"]
    assert [(tmp_path / f"{one['name']}.csv").read_text() for one in found] == ["a\n1\n", "a\n2\n"]
