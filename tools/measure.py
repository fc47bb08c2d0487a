"""Measure the tables of a notebook with all processors, before it runs on one of them and reads what was measured.

Nothing lists the tables: a notebook's calls of `measured`, and the statements that define what these are
given, are taken out of it and run. Alone in Jupyter it measures them itself.
"""

import ast
import multiprocessing
import os
import tempfile

import joblib

from tools import forks
from tools.notebooks import read


def measures(node):
    """Whether `measured` or `measured_models` of `study.cache` is called in it."""
    calls = (n.func for n in ast.walk(node) if isinstance(n, ast.Call))
    return any(getattr(call, "id", "").startswith("measured") for call in calls)


def needed(source):
    """The statements of some code, in their order, that its calls of `measured` need; "" where it has none."""
    kept, wanted = [], set()
    for statement in reversed(ast.parse(source).body):
        names = [node for node in ast.walk(statement) if isinstance(node, ast.Name)]
        made = {node.id for node in names if isinstance(node.ctx, ast.Store)}
        if isinstance(statement, ast.Import | ast.ImportFrom):
            made = {alias.asname or alias.name.partition(".")[0] for alias in statement.names}
        if isinstance(statement, ast.FunctionDef):
            made = {statement.name}
        if measures(statement) or made & wanted:
            kept.append(statement)
            wanted |= {node.id for node in names if isinstance(node.ctx, ast.Load)}
    return "\n".join(map(ast.unparse, reversed(kept)))


def code(name, parameters=None):
    """What measures the tables of a notebook, with values for its parameters cell; "" where it has no tables."""
    cells = [cell for cell in read(name).cells if cell.cell_type == "code"]
    given = "\n".join(f"{key} = {value!r}" for key, value in (parameters or {}).items())
    parts = []
    for cell in cells:
        parts.append(cell.source)
        if "parameters" in cell.metadata.get("tags", []):
            parts.append(given)
    return needed("\n".join(parts))


def run(name, parameters):
    """Measure into the store; the tables themselves are the notebook's to save."""
    backend = "loky"
    if forks.FORKING:  # forks of this process, which has the libraries in place
        backend = "multiprocessing"
        multiprocessing.set_start_method("fork", force=True)
    with tempfile.TemporaryDirectory() as folder, joblib.parallel_config(backend=backend, n_jobs=-1):
        os.environ["SCHUR_LIB_RESULTS"] = folder
        exec(compile(code(name, parameters), f"notebooks/{name}.py", "exec"), {"__name__": name})
