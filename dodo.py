"""The task graph: train:<task> -> notebook:<name> -> book. `run.py book` runs it with doit.

A task is out of date when the content of a file it depends on, a parameter or the version of an
installed library has changed; `run.py why` names the change.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from doit import get_var
from doit.exceptions import TaskFailed

from tools import book, forks, notebooks, pairs, publish

ROOT = notebooks.ROOT
PROFILE = get_var("profile", "paper")
NETWORKS = get_var("networks", "trained")
OUTPUT = Path(get_var("output", str(ROOT / "build" / f"{PROFILE}-{NETWORKS}")))
STORE = Path(get_var("store", str(ROOT / "build" / "store")))
DOIT_CONFIG = {
    "backend": "sqlite3",
    "dep_file": str(OUTPUT / "doit.sqlite"),
    "default_tasks": ["book"],
    "verbosity": 2,
}

TASKS = ("copy", "flip_flop", "sine_generation", "context_integration", "studies")
# What can be trained, in this order, and what each notebook uses (else: the four tasks).
USES = {
    "copy_task": ("copy",),
    "figure_1": ("copy",),
    "table_1": ("copy",),
    "flip_flop": ("flip_flop",),
    "sine_generation": ("sine_generation",),
    "context_integration": ("context_integration",),
    "figure_2": TASKS[1:4],
    "recipe": ("studies",),
    "own_network": (),  # shipped weights, or trained in the chapter itself
    "speed": (),  # shows what was measured
}
# These are begun first, so that none runs alone at the end.
LONG = ("predictor", "controls", "scope", "copy_task", "recipe")

os.environ["SCHUR_LIB_STORE"] = str(STORE)
CODE = sorted(str(p) for room in ("schur_lib", "study") for p in (ROOT / room).rglob("*.py"))
MEASURED = sorted(str(p) for p in (ROOT / "data" / "benchmarks").glob("*"))
DATA = sorted(
    str(p) for p in (ROOT / "data").rglob("*") if p.suffix in (".safetensors", ".csv") and str(p) not in MEASURED
)
COMMON = [*CODE, str(ROOT / "requirements.lock")]
REPORT = sorted(str(p) for p in (ROOT / "report").glob("*.py"))  # own_network shows its figures
EXECUTION = [str(ROOT / "tools" / f"{name}.py") for name in ("notebooks", "keep_figures", "forks", "preload")]
INPUTS = {"profile": PROFILE, "networks": NETWORKS, **notebooks.versions()}
START = time.monotonic()


def say(text):
    seconds = int(time.monotonic() - START)
    print(f"[{seconds // 60:2d}:{seconds % 60:02d}] {text}", flush=True)


def same_inputs(task, values):
    """Whether profile, networks and library versions are those of the last run."""
    task.value_savers.append(lambda: {"inputs": task.meta["inputs"]})
    return values.get("inputs") == task.meta["inputs"]


def graph_task(name, action, arguments, file_dep, targets, doc, uptodate=(), task_dep=()):
    return {
        "name": name,
        "actions": [(action, arguments)],
        "file_dep": file_dep,
        "targets": [str(t) for t in targets],
        "uptodate": [same_inputs, *uptodate],
        "task_dep": list(task_dep),
        "meta": {"inputs": INPUTS},
        "io": {"capture": False},
        "title": lambda task: task.name,
        "doc": doc,
    }


# before anything runs: what was edited in an .ipynb alone would not be in the book
pairs.refuse_edited(
    [word.removeprefix("notebook:") for word in sys.argv if word.removeprefix("notebook:") in notebooks.names()]
    or notebooks.names()
)


# --- train:<task> ---------------------------------------------------------------------------


def manifest(task):
    return OUTPUT / "networks" / f"{task}.json"


def digest(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def networks_in_place(task):
    """Whether every network that was trained is still in the store, byte for byte."""

    def check():
        if not manifest(task).exists():
            return False
        files = json.loads(manifest(task).read_text())
        return all(Path(f).exists() and digest(f) == known for f, known in files.items())

    check.__name__ = "networks_in_place"
    return check


TRAIN_AND_LIST = """
import sys
from pathlib import Path
from schur_lib import store
from study import catalogue, folders
task, profile, listing = sys.argv[1:]
catalogue.main([task, profile])
paths = [store.path(s, folders.store()) for s in catalogue.specs(task, profile, "trained")]
Path(listing).write_text("\\n".join(map(str, paths)))
"""


def train(task):
    say(f"train:{task}: training what the store lacks ({PROFILE} profile)")
    start = time.monotonic()
    listing = OUTPUT / "networks" / f"{task}.txt"
    listing.parent.mkdir(parents=True, exist_ok=True)
    # no fork: joblib's processes would outlive it until they have been idle for five minutes
    command = [sys.executable, "-c", TRAIN_AND_LIST, task, PROFILE, str(listing)]
    if subprocess.run(command, cwd=ROOT).returncode:
        return TaskFailed(f"the training of the task {task} failed: the reason is above")
    files = {path: digest(path) for path in listing.read_text().splitlines()}
    listing.unlink()
    seconds = round(time.monotonic() - start, 1)
    write_json(
        OUTPUT / "records" / f"train-{task}.json", {"task": task, "networks": len(files), "seconds": seconds}
    )
    write_json(manifest(task), files)
    say(f"train:{task}: {len(files)} networks in the store, {seconds:.0f} s")


def write_json(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1, sort_keys=True))


def task_train():
    """Train the networks that the notebooks use (only with networks=trained)."""
    # The small ones first: their notebooks run beside the long training of the copy networks.
    order = (*TASKS[1:], TASKS[0]) if NETWORKS == "trained" else ()
    for before, task in zip((None, *order), order, strict=False):
        yield graph_task(
            task,
            train,
            [task],
            COMMON,
            [manifest(task)],
            f"train the {task} networks",
            uptodate=[networks_in_place(task)],
            # one after the other: each uses all processors
            task_dep=[f"train:{before}"] if before else [],
        )


# --- notebook:<name> ------------------------------------------------------------------------


def chapter(name):
    return book.chapters(OUTPUT) / f"{name}.ipynb"


def execute(name):
    # a page of an older run must not pass for one of this run
    shutil.rmtree(OUTPUT / "html", ignore_errors=True)
    say(f"notebook:{name}: executing")
    start = time.monotonic()
    try:
        notebooks.make_chapter(
            name,
            {"profile": PROFILE, "networks": NETWORKS},
            chapter(name),
            OUTPUT / "records" / f"{name}.json",
            OUTPUT / "results",
        )
    except (RuntimeError, ValueError) as error:
        return TaskFailed(str(error))
    say(f"notebook:{name}: done in {time.monotonic() - start:.0f} s")


def task_notebook():
    """Execute a notebook into a chapter of the book."""
    for name in notebooks.names():
        uses = USES.get(name, TASKS) if NETWORKS == "trained" else ()
        yield graph_task(
            name,
            execute,
            [name],
            [
                str(notebooks.FOLDER / f"{name}.py"),
                *COMMON,
                *EXECUTION,
                *map(str, map(manifest, uses)),
                *(MEASURED if name == "speed" else DATA),
                *(REPORT if name == "own_network" else ()),
            ],
            [chapter(name), OUTPUT / "records" / f"{name}.json"],
            f"execute {name}",
        )


# --- explorer -------------------------------------------------------------------------------


def export():
    say("explorer: exporting the reference networks")
    if forks.call("tools.explorer", "export", OUTPUT / "explorer"):
        return TaskFailed("the export of the networks failed: the reason is above")


def task_explorer():
    """Export the reference networks for the page that runs them in the browser."""
    task = graph_task(
        "explorer",
        export,
        [],
        [*CODE, *DATA, str(ROOT / "tools" / "explorer.py")],
        [OUTPUT / "explorer" / "index.js"],
        "export the networks of the explorer",
    )
    del task["name"]
    return {**task, "basename": "explorer"}


# --- book -----------------------------------------------------------------------------------


def build():
    say("book: building the pages")
    start = time.monotonic()
    try:
        book.build(OUTPUT, PROFILE, NETWORKS)
    except RuntimeError as error:
        return TaskFailed(str(error))
    say(f"book: done in {time.monotonic() - start:.0f} s")


def task_book():
    """Build the Jupyter Book from its pages and the executed notebooks."""
    pages = sorted(
        str(p)
        for p in (ROOT / "book").rglob("*")
        if p.is_file() and not {"__pycache__", "chapters"} & set(p.parts)
    )
    made = [
        str(path) for name in notebooks.names() for path in (chapter(name), OUTPUT / "records" / f"{name}.json")
    ]
    task = graph_task(
        "book",
        build,
        [],
        [
            *pages,
            *made,
            *CODE,
            str(OUTPUT / "explorer" / "index.js"),
            str(ROOT / "_config.yml"),
            str(ROOT / "tools" / "book.py"),
            str(ROOT / "tools" / "publish.py"),
            str(ROOT / "CITATION.cff"),
            str(ROOT / "data" / "README.md"),
            str(ROOT / "requirements.lock"),
        ],
        [OUTPUT / "html" / "index.html"],
        "build the book",
        task_dep=[f"notebook:{name}" for name in (*LONG, *notebooks.names())],
    )
    del task["name"]
    repository = publish.config_overrides(os.environ).get("repository", {})
    return {**task, "basename": "book", "meta": {"inputs": {**INPUTS, **repository}}}
