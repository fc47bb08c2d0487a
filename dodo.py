"""The task graph: train:<task> -> notebook:<name> -> book. `run.py book` runs it with doit.

A task is out of date when the content of a file that it depends on or made, a parameter or the version of
an installed library has changed; `run.py why` names the change.
"""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

from doit import get_var
from doit.control import TaskDispatcher
from doit.exceptions import TaskFailed

from tools import book, content, forks, measure, notebooks, pairs, publish, troubles

ROOT = notebooks.ROOT
PROFILE = get_var("profile", "paper")
NETWORKS = get_var("networks", "trained")
OUTPUT = Path(get_var("output", str(ROOT / "build" / f"{PROFILE}-{NETWORKS}")))
STORE = Path(get_var("store", str(ROOT / "build" / "store")))
DOIT_CONFIG = {
    "backend": "files",  # of tools/finished.py
    "check_file_uptodate": content.ByContent,
    "dep_file": str(OUTPUT / "finished"),
    "default_tasks": ["book"],
    "verbosity": 2,
}

# The last are a part of the first: the networks of the paper's Figure 1, which it and Table 1 alone need.
TASKS = ("copy", "flip_flop", "sine_generation", "context_integration", "studies", "figure_1")
# What can be trained, and what each notebook uses (else: the first five).
USES = {
    "copy_task": ("copy",),
    "figure_1": ("figure_1",),
    "table_1": ("figure_1",),
    "flip_flop": ("flip_flop",),
    "sine_generation": ("sine_generation",),
    "context_integration": ("context_integration",),
    "figure_2": TASKS[1:4],
    "recipe": TASKS[1:5],
    "own_network": (),  # shipped weights, or trained in the chapter itself
    "speed": (),  # shows what was measured
}
# These are begun first, after what others wait for, so that none runs alone at the end.
LONG = ("symmetries", "predictor", "controls", "scope", "copy_task", "recipe")


def rank(name):
    """The lower, the sooner a task begins."""
    kind, _, what = name.partition(":")
    return -1 if kind == "train" else LONG.index(what) if what in LONG else len(LONG)


def next_by_rank(self, ready, tasks_to_run, take=TaskDispatcher._get_next_node):
    """doit takes what can run in the order of a set, so that the longest could come last."""
    ordered = sorted(ready, key=lambda node: rank(node.task.name))
    ready.clear()
    ready.extend(ordered)
    return take(self, ready, tasks_to_run)


TaskDispatcher._get_next_node = next_by_rank

os.environ["SCHUR_LIB_STORE"] = str(STORE)
CODE = sorted(str(p) for room in ("schur_lib", "study") for p in (ROOT / room).rglob("*.py"))
MEASURED = sorted(str(p) for p in (ROOT / "data" / "benchmarks").glob("*"))
DATA = sorted(
    str(p) for p in (ROOT / "data").rglob("*") if p.suffix in (".safetensors", ".csv") and str(p) not in MEASURED
)
COMMON = [*CODE, str(ROOT / "requirements.lock")]
REPORT = sorted(str(p) for p in (ROOT / "report").glob("*.py"))  # own_network shows its figures
EXECUTION = [
    str(ROOT / "tools" / f"{name}.py") for name in ("notebooks", "keep_figures", "forks", "preload", "measure")
]
INPUTS = {"profile": PROFILE, "networks": NETWORKS, **notebooks.versions()}
START = time.monotonic()


def say(text):
    seconds = int(time.monotonic() - START)
    print(f"[{seconds // 60:2d}:{seconds % 60:02d}] {text}", flush=True)


def same_inputs(task, values):
    """Whether profile, networks and library versions are those of the last run."""
    task.value_savers.append(lambda: {"inputs": task.meta["inputs"]})
    return values.get("inputs") == task.meta["inputs"]


def in_a_sentence(name, action):
    """The action, which says in a sentence what has a remedy, such as a full disk."""

    def run(*arguments):
        try:
            return action(*arguments)
        except Exception as error:
            if line := troubles.said(error):
                return TaskFailed(f"{name}: {line}")
            raise

    return run


def graph_task(name, action, arguments, file_dep, targets, doc, made=None, task_dep=()):
    """A task for doit; `made` gives the files that it makes, its targets by default."""
    return {
        "name": name,
        "actions": [(in_a_sentence(name, action), arguments)],
        "file_dep": file_dep,
        "targets": [str(t) for t in targets],
        "uptodate": [same_inputs, content.as_made(made or (lambda: targets))],
        "task_dep": list(task_dep),
        "meta": {"inputs": INPUTS},
        "io": {"capture": False},
        "title": content.title,
        "doc": doc,
    }


# before anything runs: what was edited in an .ipynb alone would not be in the book
pairs.refuse_edited(
    [word.removeprefix("notebook:") for word in sys.argv if word.removeprefix("notebook:") in notebooks.names()]
    or notebooks.names()
)
content.refuse_damaged()


ALONE = any(word.startswith("notebook:") for word in sys.argv)  # `run.py notebook`, not the whole book


# --- train:<task> ---------------------------------------------------------------------------


def manifest(task):
    return OUTPUT / "networks" / f"{task}.json"


def record(name):
    return OUTPUT / "records" / f"{name}.json"


def train(task):
    say(f"train:{task}: training what the store lacks ({PROFILE} profile)")
    start = time.monotonic()
    listing = OUTPUT / "networks" / f"{task}.txt"
    listing.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "tools.train", task, PROFILE, str(listing)]
    if subprocess.run(command, cwd=ROOT).returncode:
        return TaskFailed(f"the training of the task {task} failed: the reason is above")
    files = {path: content.digest(path) for path in listing.read_text().splitlines()}
    listing.unlink()
    seconds = round(time.monotonic() - start, 1)
    write_json(record(f"train-{task}"), {"task": task, "networks": len(files), "seconds": seconds})
    write_json(manifest(task), files)
    say(f"train:{task}: {len(files)} networks in the store, {seconds:.0f} s")


def write_json(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1, sort_keys=True))


def trained(task):
    """The files of a training, the networks in the store among them."""
    return [manifest(task), record(f"train-{task}"), *json.loads(manifest(task).read_text())]


def task_train():
    """Train the networks that the notebooks use (only with networks=trained)."""
    # The small ones first: their notebooks run beside the long training of the copy networks.
    order = (*TASKS[1:5], TASKS[0], TASKS[5]) if NETWORKS == "trained" else ()
    for before, task in zip((None, *order), order, strict=False):
        yield graph_task(
            task,
            train,
            [task],
            COMMON,
            [manifest(task), record(f"train-{task}")],
            f"train the {task} networks",
            made=partial(trained, task),
            # one after the other: each uses all processors; a notebook alone waits for its own networks only
            task_dep=[f"train:{before}"] if before and not ALONE else [],
        )


# --- notebook:<name> ------------------------------------------------------------------------


def chapter(name):
    return book.chapters(OUTPUT) / f"{name}.ipynb"


def needs(name):
    """The lists of the networks that a notebook uses."""
    return [str(manifest(task)) for task in (USES.get(name, TASKS[:5]) if NETWORKS == "trained" else ())]


# Each uses all processors; a second fills those that the last part of the first leaves idle.
measuring = threading.Semaphore(2)


def execute(name):
    # a page of an older run must not pass for one of this run
    shutil.rmtree(OUTPUT / "html", ignore_errors=True)
    say(f"notebook:{name}: executing")
    start, parameters = time.monotonic(), {"profile": PROFILE, "networks": NETWORKS}
    measured_in = 0.0
    if NETWORKS == "trained" and measure.code(name):  # the tables of shipped networks are shipped
        with measuring:
            say(f"notebook:{name}: measuring what the store lacks")
            if forks.call("tools.measure", "run", name, parameters):
                return TaskFailed(f"the tables of {name} could not be measured: the reason is above")
        measured_in = time.monotonic() - start
    try:
        notebooks.make_chapter(
            name,
            parameters,
            chapter(name),
            record(name),
            OUTPUT / "results",
            measured_in,
        )
    except (RuntimeError, ValueError) as error:
        return TaskFailed(str(error))
    say(f"notebook:{name}: done in {time.monotonic() - start:.0f} s")


def executed(name):
    """The files of a chapter: it, its record, the figures and tables that it shows, the tables that it saved."""
    tables = json.loads(record(name).read_text())["tables"]
    shown = record(name).with_suffix(".shown").iterdir()
    return [chapter(name), record(name), *sorted(shown), *(OUTPUT / "results" / table for table in tables)]


def task_notebook():
    """Execute a notebook into a chapter of the book."""
    for name in notebooks.names():
        yield graph_task(
            name,
            execute,
            [name],
            [
                str(notebooks.FOLDER / f"{name}.py"),
                *COMMON,
                *EXECUTION,
                *needs(name),
                *(MEASURED if name == "speed" else DATA),
                *(REPORT if name == "own_network" else ()),
            ],
            [chapter(name), record(name)],
            f"execute {name}",
            made=partial(executed, name),
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
        [
            *CODE,
            *DATA,
            *(str(ROOT / "tools" / f"{name}.py") for name in ("explorer", "live")),
            str(ROOT / "report" / "explorer.py"),
        ],
        [OUTPUT / "explorer" / "index.js"],
        "export the networks of the explorer",
        made=lambda: sorted((OUTPUT / "explorer").iterdir()),
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
    made = [str(path) for name in notebooks.names() for path in (chapter(name), record(name))]
    task = graph_task(
        "book",
        build,
        [],
        [
            *pages,
            *made,
            *CODE,
            *(str(p) for p in sorted((ROOT / "report" / "explorer").iterdir())),
            str(OUTPUT / "explorer" / "index.js"),
            str(ROOT / "_config.yml"),
            str(ROOT / "tools" / "book.py"),
            str(ROOT / "tools" / "publish.py"),
            str(ROOT / "tools" / "prose.py"),
            str(ROOT / "CITATION.cff"),
            str(ROOT / "data" / "README.md"),
            str(ROOT / "requirements.lock"),
        ],
        [OUTPUT / "html" / "index.html"],
        "build the book",
        task_dep=[f"notebook:{name}" for name in notebooks.names()],
    )
    del task["name"]
    repository = publish.config_overrides(os.environ).get("repository", {})
    return {**task, "basename": "book", "meta": {"inputs": {**INPUTS, **repository}}}
