"""Execute the notebooks, compare the pairs, and look for what makes a regression test blind."""

import base64
import csv
import hashlib
import importlib.metadata
import json
import os
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path

import jupytext
import nbformat
import papermill
from nbclient.exceptions import DeadKernelError
from traitlets.config import Config

from tools import forks, troubles  # kernels start as forks says

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "notebooks"
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
LANGUAGE = {"name": "python", "file_extension": ".py", "mimetype": "text/x-python"}
CELL_TIMEOUT = 1800  # s
PACKAGES = (
    "torch",
    "numpy",
    "scipy",
    "numba",
    "pandas",
    "matplotlib",
    "seaborn",
    "safetensors",
    "jupyter-book",
    "sphinx",
    "myst-nb",
    "papermill",
    "nbclient",
    "ipykernel",
)


def names():
    """The notebooks of the project, in alphabetical order."""
    return sorted(path.stem for path in FOLDER.glob("*.py"))


def versions():
    """Installed versions of Python and of the packages that results and pages depend on."""
    found = {name: importlib.metadata.version(name) for name in PACKAGES}
    return {"python": ".".join(map(str, sys.version_info[:3])), **found}


def read(name):
    """The py:percent source of a notebook as a notebook without outputs, with fixed cell ids."""
    nb = jupytext.read(FOLDER / f"{name}.py")
    nb.metadata = nbformat.from_dict(
        {
            "jupytext": {"formats": "ipynb,py:percent"},
            "kernelspec": KERNEL,
            "language_info": LANGUAGE,
        }
    )
    nb.nbformat, nb.nbformat_minor = 4, 5
    number_cells(nb)
    return nb


def number_cells(nb):
    for i, cell in enumerate(nb.cells):
        cell["id"] = f"cell-{i:02d}"


def check_parameters(name, path, parameters):
    known = papermill.inspect_notebook(str(path))
    unknown = sorted(set(parameters) - set(known))
    if unknown:
        raise ValueError(
            f"notebooks/{name}.py has no parameter {', '.join(unknown)}: its parameters cell "
            f"defines {', '.join(sorted(known)) or 'none'}"
        )


def execute(name, parameters=None, results=None, figures=None):
    """Execute a notebook in a kernel of its own, in the folder notebooks/.

    Args:
        name: file name without its ending.
        parameters: values for the parameters cell; {} runs it as it stands.
        results: folder for the tables that the notebook saves (default: a temporary one).
        figures: folder for what `keep_figures` keeps of each figure (default: keep nothing).
    Returns:
        (nb, seconds): the executed notebook, free of all that differs from run to run, and how
        long it took.
    Raises:
        ValueError: a parameter that the notebook does not have.
        RuntimeError: a cell failed, or shows no picture where it is to show a figure; says which one, with its
            first lines and the error.
    """
    parameters = parameters or {}
    nb = read(name)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        source, executed = Path(folder) / "source.ipynb", Path(folder) / "executed.ipynb"
        nbformat.write(nb, source)
        check_parameters(name, source, parameters)
        startup = Path(folder) / "ipython" / "profile_default" / "startup"
        startup.mkdir(parents=True)
        # without its mode, which may be read-only
        shutil.copyfile(Path(__file__).with_name("keep_figures.py"), startup / "keep_figures.py")
        variables = {
            "OMP_NUM_THREADS": "1",  # one thread a kernel keeps the last digits in place
            # the kernels share the processors; in each, joblib works without further processes
            "LOKY_MAX_CPU_COUNT": "1",
            "SCHUR_LIB_RESULTS": str(results or Path(folder) / "results"),
            "SCHUR_LIB_FIGURES": str(figures or ""),
            "IPYTHONDIR": str(startup.parents[1]),
            "MATPLOTLIBRC": os.devnull,
        }
        config = Config({"Provisioner": {"variables": variables}, "KernelManager": sockets(folder)})
        try:
            # the folder by `resources`: papermill's `cwd` moves the process, which has threads
            papermill.execute_notebook(
                str(source),
                str(executed),
                parameters=parameters,
                kernel_name="python3",
                language="python",
                resources={"metadata": {"path": str(FOLDER)}},
                progress_bar=False,
                config=config,
                execution_timeout=CELL_TIMEOUT,
            )
        except Exception as error:
            died = forks.exit_codes.get(variables["IPYTHONDIR"]) if isinstance(error, DeadKernelError) else None
            raise RuntimeError(failure(name, nb, executed, error, died)) from error
        finally:
            forks.exit_codes.pop(variables["IPYTHONDIR"], None)
        done = nbformat.read(executed, as_version=4)
    if blank := [i for i, cell in enumerate(done.cells) if has_no_picture(cell)]:
        head = done.cells[blank[0]].source.splitlines()[:6]
        raise RuntimeError(
            f"notebooks/{name}.py: cell {blank[0]} of the executed notebook is to show a figure and shows none:"
            + "\n\n"
            + "\n".join(f"    {line}" for line in head)
        )
    clean(done)
    return done, time.perf_counter() - start


def has_no_picture(cell):
    """Whether a cell that is to show a figure shows no PNG."""
    wanted = cell.cell_type == "code" and "figure" in cell.metadata.get("mystnb", {})
    return wanted and not any("image/png" in output.get("data", {}) for output in cell.outputs)


def sockets(folder):
    """Settings of a kernel's connection: sockets in a folder, where the system can have them there.

    Then nothing listens on a port, and ipykernel does not warn. Without a path of its own each kernel
    would take the same one. Windows has none, and a path of more than 103 bytes is too long for one.
    """
    path = str(Path(folder) / "kernel")
    fits = os.name == "posix" and len(os.fsencode(path)) < 100
    return {"transport": "ipc", "ip": path} if fits else {}


def failure(name, source, executed, error, died=None):
    """What a reader needs to mend a notebook: its name, the cell and its head, the error or the remedy.

    Args:
        name, source: of the notebook; as it was read.
        executed: a Path, the notebook as papermill left it.
        error: what papermill raised.
        died: exit code of a kernel that ended by itself.
    """
    if isinstance(error, OSError):
        return f"notebooks/{name}.py could not be executed: {troubles.said(error) or error}"
    if not executed.exists():
        return f"notebooks/{name}.py could not start: {error}"
    cells = nbformat.read(executed, as_version=4).cells
    began = [c for c in cells if c.metadata.get("papermill", {}).get("start_time")]
    bad = [c for c in cells if c.metadata.get("papermill", {}).get("status") in ("failed", "running")] or began[
        -1:
    ]
    if not bad:
        return f"notebooks/{name}.py failed: {error}"
    number = next((i for i, c in enumerate(source.cells) if c.source == bad[0].source), None)
    where = f"notebooks/{name}.py failed " + ("in the parameters" if number is None else f"in cell {number}")
    head = "\n".join(f"    {line}" for line in bad[0].source.splitlines()[:6])
    if died is not None:
        return f"{where}:\n\n{head}\n\nIts kernel {troubles.of_death(died)}"
    errors = [o for o in bad[0].outputs if o.output_type == "error"]
    if not errors:
        return f"{where}:\n\n{head}\n\n{type(error).__name__}: {error}"
    text = f"{errors[0].ename}: {errors[0].evalue}"
    if remedy := troubles.remedy(text):
        return f"{where}: {text}. {remedy}"
    ansi = re.compile(r"\x1b\[[0-9;]*m")
    trace = ansi.sub("", "\n".join(errors[0].traceback)).splitlines()[-25:]
    return f"{where}:\n\n{head}\n\n{text}\n\n" + "\n".join(trace)


def clean(nb):
    """Take out of an executed notebook what differs from run to run: timings and cell ids."""
    nb.metadata = nbformat.from_dict(
        {
            "jupytext": {"formats": "ipynb,py:percent"},
            "kernelspec": KERNEL,
            "language_info": LANGUAGE,
        }
    )
    for cell in nb.cells:
        for key in ("papermill", "execution", "ExecuteTime"):
            cell.metadata.pop(key, None)
        if cell.metadata.get("tags") == []:
            del cell.metadata["tags"]
    if any("injected-parameters" in cell.metadata.get("tags", []) for cell in nb.cells):
        # the page's stamp says what holds: defaults that were overruled would mislead
        for cell in nb.cells:
            if {"parameters", "injected-parameters"} & set(cell.metadata.get("tags", [])):
                cell.metadata["tags"].append("remove-cell")
    number_cells(nb)


def write(nb, path):
    """Write a notebook so that a reader never meets half a file."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text(nbformat.writes(nb) + "\n", encoding="utf-8")
    os.replace(part, path)


OURS = ("mystnb", "tags")  # metadata of cells that mean something here; editors add others of theirs


def meaning(cell):
    """What has to be the same in both files of a pair: kind, text, and the metadata that the book uses."""
    metadata = {key: cell.metadata[key] for key in OURS if cell.metadata.get(key)}
    return cell.cell_type, cell.source.rstrip("\n"), metadata


def pair_difference(name):
    """Where the .py and the .ipynb of a pair say different things; "" where they agree."""
    path = FOLDER / f"{name}.ipynb"
    if not path.exists():
        return f"notebooks/{name}.ipynb is missing"
    try:
        paired = nbformat.read(path, as_version=4).cells
    except (ValueError, AttributeError, nbformat.ValidationError) as error:
        return f"notebooks/{name}.ipynb is no notebook: {str(error).splitlines()[0]}"
    source = read(name).cells
    if len(source) != len(paired):
        return f"notebooks/{name}: {len(source)} cells in the .py, {len(paired)} in the .ipynb"
    for i, (a, b) in enumerate(zip(source, paired, strict=True)):
        if meaning(a)[:2] != meaning(b)[:2]:
            return f"notebooks/{name}: cell {i} differs between the .py and the .ipynb"
        if meaning(a) != meaning(b):
            return f"notebooks/{name}: the metadata of cell {i} differ between .py and .ipynb"
    return ""


def texts(cell):
    """The text that a code cell shows: streams, plain representations and tables."""
    for output in cell.get("outputs", []):
        if output.output_type == "stream":
            yield output.text
        for mime in ("text/plain", "text/html"):
            if mime in output.get("data", {}):
                yield output.data[mime]


TRAPS_IN_TEXT = {
    "an unrounded float": re.compile(r"(?<![\w.])-?\d+\.\d{6,}"),
    "a number at rounding level": re.compile(r"\de-(0[7-9]|[1-9]\d)\b"),
    "an object's address": re.compile(r"0x[0-9a-f]{6,}"),
    "a timing": re.compile(r"\d(it/s|s/it)\b|\b(Wall time|CPU times)\b"),
    "a path of this machine": re.compile(r"(/tmp/|/home/|/Users/|ipykernel_\d+)"),
}
TRAPS_IN_SOURCE = {
    "a trailing semicolon": re.compile(r";\s*\Z"),
    "a clock": re.compile(r"%%?time|perf_counter|time\.time\(|datetime\.now"),
    "an unseeded generator": re.compile(r"default_rng\(\s*\)|manual_seed\(\s*\)"),
}


def lint(name):
    """What nbval cannot see or stumbles over in the paired .ipynb: a list of complaints."""
    nb = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    complaints = []
    for i, cell in enumerate(nb.cells):
        if cell.cell_type != "code":
            continue
        where = f"notebooks/{name}.ipynb, cell {i}"
        if cell.execution_count is None:
            complaints.append(f"{where}: was never run")
        for trap, pattern in TRAPS_IN_SOURCE.items():
            if pattern.search(cell.source):
                complaints.append(f"{where}: {trap}")
        for trap, pattern in TRAPS_IN_TEXT.items():
            if any(pattern.search(text) for text in texts(cell)):
                complaints.append(f"{where}: shows {trap}")
        for output in cell.outputs:
            if output.output_type == "error":
                complaints.append(f"{where}: {output.ename}: {output.evalue}")
            if output.get("name") == "stderr":
                complaints.append(f"{where}: writes to stderr")
        if has_no_picture(cell):
            complaints.append(f"{where}: is to show a figure and shows none")
        if any("image/png" in o.get("data", {}) for o in cell.outputs):
            shown = cell.metadata.get("mystnb", {})
            if not shown.get("image", {}).get("alt"):
                complaints.append(f"{where}: the figure has no alt text")
            for key in ("name", "caption"):
                if not shown.get("figure", {}).get(key):
                    complaints.append(f"{where}: the figure has no {key}")
    return complaints


def shown(nb, figures, folder):
    """Write every figure and table that an executed notebook shows as files of its own.

    Args:
        nb: the executed notebook.
        figures: folder of `keep_figures`: 0.svg, 0.csv, … in the order of the cells.
        folder: gets <name>.png, .svg and .csv of a figure, <name>.csv of a table.
    Returns:
        [{"cell": index, "kind": "figure" or "table", "name", "files": {name: SHA-256}}, …]
    """
    found, number = [], 0
    for i, cell in enumerate(nb.cells):
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            files = []
            if "image/png" in data:
                kind = "figure"
                title = cell.metadata.get("mystnb", {}).get("figure", {}).get("name", f"cell-{i:02d}")
                files = [folder / f"{title}{ending}" for ending in (".csv", ".svg", ".png")]
                for file in files[:2]:
                    shutil.copy(figures / f"{number}{file.suffix}", file)
                files[2].write_bytes(base64.b64decode(data["image/png"]))
                number += 1
            elif data.get("text/markdown", "").startswith("|"):
                earlier = sum((one["cell"], one["kind"]) == (i, "table") for one in found)
                kind, title = "table", f"table-{i:02d}" + (f"-{earlier + 1}" if earlier else "")
                files = [folder / f"{title}.csv"]
                lines = data["text/markdown"].replace("\N{NO-BREAK SPACE}", " ").splitlines()
                cells = [[entry.strip() for entry in line.strip("| ").split("|")] for line in lines]
                with files[0].open("w", newline="", encoding="utf-8") as file:
                    csv.writer(file, lineterminator="\n").writerows([cells[0], *cells[2:]])
            if files:
                found.append({"cell": i, "kind": kind, "name": title, "files": checksums(files)})
    return found


def checksums(files):
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def make_chapter(name, parameters, chapter, record, results, measured_in=0.0):
    """Execute a notebook into a chapter of the book.

    Args:
        name: file name without its ending.
        parameters: values for the parameters cell.
        chapter: the executed notebook, a Path.
        record: what was run and what it made, a JSON file; the figures and tables that the notebook
            shows go into a folder beside it, <name>.shown.
        results: folder for the tables that the notebook saves.
        measured_in: seconds that its tables took to be measured before, for the record.
    Raises:
        ValueError, RuntimeError: as `execute`.
    """
    for stale in (chapter, record):
        stale.unlink(missing_ok=True)
    files = record.with_suffix(".shown")
    shutil.rmtree(files, ignore_errors=True)
    files.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as folder:
        saved, figures = Path(folder) / "results", Path(folder) / "figures"
        nb, seconds = execute(name, parameters, saved, figures)
        results.mkdir(parents=True, exist_ok=True)
        content = {
            "notebook": name,
            "parameters": parameters,
            "seconds": round(seconds, 1),
            "measuring": round(measured_in, 1),
            "versions": versions(),
            "tables": checksums(sorted(saved.glob("*.csv"))),
            "shown": shown(nb, figures, files),
        }
        for file in saved.iterdir() if saved.exists() else ():
            shutil.move(file, results / file.name)
    record.write_text(json.dumps(content, indent=1))
    write(nb, chapter)
