"""Tables that take long to measure: one part a network, kept on disk, shipped for the reference networks.

The shipped table data/results/<name>.csv has a stamp beside it, <name>.json: the code and the networks
that made it. It is read only where both are those at hand; anything else is measured.
"""

import ast
import hashlib
import inspect
import json
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pandas as pd
from joblib import Parallel, delayed

from schur_lib.networks import Network
from schur_lib.training import Spec
from study import folders, paper

# What every measurement rests on; the module that holds the measurement is added to these.
SHARED_CODE = ("schur", "networks", "kernels", "dynamics", "tasks", "metrics", "profile")


def measured(
    name: str,
    measure: Callable[..., pd.DataFrame],
    specs: Sequence[Spec],
    networks: Sequence[Network],
    **options,
) -> pd.DataFrame:
    """The measurements of several networks as one tidy table, also saved as a result.

    Networks are measured in parallel by joblib, whose backend may be set with
    `joblib.parallel_config`, and each part is stored at once, so that a run that was killed goes on
    where it stopped. With SCHUR_LIB_MEASURE=all in the environment nothing is read.

    Args:
        name: of the table, such as "controls_nulls".
        measure: (spec, network, **options) → table; a function at the top level of a module.
        specs: what each network is.
        networks: as many.
        options: keyword arguments of `measure`, such as could stand in a JSON file.

    Returns:
        `task`, `construction`, `hidden_size`, `seed`, then the columns of `measure`.
    """
    stamp = _stamp(measure, specs, networks, options)
    anew = os.environ.get("SCHUR_LIB_MEASURE") == "all"
    if not anew and shipped_stamp(name) == stamp:
        table = pd.read_csv(folders.RESULTS / f"{name}.csv", keep_default_na=False, na_values=["nan"])
    else:
        # the caller's store, wherever the backend of joblib has its workers
        folder = folders.store() / "measured"
        part = partial(_part, folder, name, measure, options, stamp["code"], anew)
        jobs = Parallel(n_jobs=-1 if len(specs) > 1 else 1)
        table = pd.concat(
            jobs(delayed(part)(spec, net) for spec, net in zip(specs, networks, strict=True)),
            ignore_index=True,
        )
    paper.save(table, name)
    paper.save_stamp(stamp, name)
    return table


def shipped_stamp(name: str) -> dict | None:
    """The stamp of a shipped table: its code, networks and options; None where there is none."""
    file = folders.RESULTS / f"{name}.json"
    return json.loads(file.read_text()) if file.exists() else None


def measure_one(measure: Callable, spec: Spec, net: Network, options: dict) -> pd.DataFrame:
    """The rows of one network, as they stand in the table."""
    rows = measure(spec, net, **options)
    for i, key in enumerate(("task", "construction", "hidden_size", "seed")):
        if key not in rows:
            rows.insert(i, key, getattr(spec, key))
    return rows.round(7)


def _part(folder, name, measure, options, code, anew, spec, net):
    key = json.dumps([name, options, code, _digest_of(net)], sort_keys=True)
    key = hashlib.sha256(key.encode()).hexdigest()[:16]
    file = folder / f"{name}-{spec.task}-{key}.csv"
    if anew or not file.exists():
        rows = measure_one(measure, spec, net, options)
        file.parent.mkdir(parents=True, exist_ok=True)
        aside = file.with_name(f".{file.name}.{os.getpid()}.tmp")
        rows.to_csv(aside, index=False, na_rep="nan")
        os.replace(aside, file)
    # read back even when just measured, so that a table does not depend on whether it was
    return pd.read_csv(file, keep_default_na=False, na_values=["nan"])


def _stamp(measure, specs, networks, options):
    nets = [[s.task, _digest_of(n)] for s, n in zip(specs, networks, strict=True)]
    return {
        "measure": f"{measure.__module__}.{measure.__name__}",
        "options": json.loads(json.dumps(options)),
        "code": _code_of(measure),
        "networks": hashlib.sha256(json.dumps(nets).encode()).hexdigest()[:16],
        "n_networks": len(nets),
    }


def _code_of(measure):
    files = [folders.PROJECT / "schur_lib" / f"{name}.py" for name in SHARED_CODE]
    files.append(Path(inspect.getfile(measure)))
    digest = hashlib.sha256()
    for file in files:
        digest.update(_logic(ast.parse(file.read_text())).encode())
    return digest.hexdigest()[:16]


def _logic(tree):
    """The code as text, blind to comments, layout and docstrings."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            if isinstance(body[0].value, ast.Constant):
                node.body = body[1:]
    return ast.dump(tree)


def _digest_of(net):
    digest = hashlib.sha256()
    for matrix in (net.W_xh, net.W_hh, net.W_hy):
        digest.update(matrix.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]
