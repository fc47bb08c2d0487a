"""Tables that take long to measure: one part a network, kept on disk, shipped for the reference networks.

The shipped table data/results/<name>.csv has a stamp beside it, <name>.json: the code that the probe can
reach, the versions of the libraries, the options and the networks that made it. It is read only where all
of these are those at hand and both files are as they were shipped; anything else is measured. A part on
disk begins with its checksum.
"""

import hashlib
import inspect
import io
import json
import os
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from joblib import Parallel, delayed

from schur_lib.networks import Network
from schur_lib.provenance import code_digest, library_versions
from schur_lib.specs import Spec
from schur_lib.subjects import Evaluation, on_task
from schur_lib.tasks import TASKS
from study import folders

KEYS = ("task", "construction", "hidden_size", "seed")


def measured(
    name: str,
    probe: Callable[..., pd.DataFrame],
    specs: Sequence[Spec],
    networks: Sequence[Network],
    on: dict | Sequence[dict] | None = None,
    keys: Sequence[str] = KEYS,
    **options,
) -> pd.DataFrame:
    """The measurements of several networks as one tidy table, also saved as a result.

    Networks are measured in parallel by joblib, whose backend may be set with
    `joblib.parallel_config`, and each part is stored at once, so that a run that was killed goes on
    where it stopped. With SCHUR_LIB_MEASURE=all in the environment nothing is read.

    Args:
        name: of the table, such as "controls_nulls".
        probe: (evaluation, **options) → table; a function at the top level of a module. If it takes a
            `seed` that is not among the options, it is given one of the network and its task.
        specs: what each network is; its task gives the held-out trials.
        networks: as many.
        on: the trials: arguments of `on_task`, and `exact` for a run in float64; several for a probe that
            takes several evaluations.
        keys: columns that tell the networks apart: fields of their specs or recipes.
        options: keyword arguments of `probe`, such as could stand in a JSON file.

    Returns:
        The keys, then the columns of the probe.
    """
    on = [on or {}] if on is None or isinstance(on, dict) else list(on)
    stamp = stamp_of(probe, specs, networks, on, keys, options)
    calls = [
        ([spec.as_dict(), net.digest()], partial(measure_one, probe, spec, net, on, options, keys))
        for spec, net in zip(specs, networks, strict=True)
    ]
    return _table(name, stamp, calls)


def measured_models(
    name: str,
    probe: Callable[..., pd.DataFrame],
    models: Sequence[tuple[str, int, Any]],
    **options,
) -> pd.DataFrame:
    """`measured` for models that have no spec.

    Args:
        name: of the table.
        probe: ([(kind, seed, model)], **options) → table with the columns `cell` and `seed`.
        models: kind, seed, and a module or a Network.
        options: keyword arguments of `probe`.

    Returns:
        The tables of the probe, one after the other.
    """
    which = [[kind, seed, _digest(model)] for kind, seed, model in models]
    stamp = _stamp(probe, options, which) | {"on": [], "keys": ["cell", "seed"]}
    calls = [
        (known, partial(measure_model, probe, model, options)) for known, model in zip(which, models, strict=True)
    ]
    return _table(name, stamp, calls)


def measure_model(probe: Callable, model: tuple[str, int, Any], options: dict) -> pd.DataFrame:
    """The rows of one model, as they stand in the table."""
    return probe([model], **options).round(7)


def _digest(model):
    if isinstance(model, Network):
        return model.digest()
    state = [(name, value.numpy().tobytes()) for name, value in sorted(model.state_dict().items())]
    return hashlib.sha256(repr(state).encode()).hexdigest()[:16]


def _table(name, stamp, calls):
    """The shipped table of this stamp, or the parts, each from the store or measured."""
    anew = os.environ.get("SCHUR_LIB_MEASURE") == "all"
    table = None if anew else _shipped(name, stamp)
    if table is None:
        # the caller's store, wherever the backend of joblib has its workers
        part = partial(_part, folders.store() / "measured", name, stamp, anew)
        jobs = Parallel(n_jobs=-1 if len(calls) > 1 else 1)
        table = pd.concat(jobs(delayed(part)(known, call) for known, call in calls), ignore_index=True)
    save(table, name)
    _write(folders.results() / f"{name}.json", json.dumps(stamp, indent=1, sort_keys=True) + "\n")
    return table


def measure_one(
    probe: Callable,
    spec: Spec,
    net: Network,
    on: Sequence[dict],
    options: dict,
    keys: Sequence[str] = KEYS,
) -> pd.DataFrame:
    """The rows of one network, as they stand in the table."""
    if "seed" in inspect.signature(probe).parameters and "seed" not in options:
        options = {**options, "seed": (spec.seed, list(TASKS).index(spec.task))}
    rows = probe(*(subject(spec, net, **trials) for trials in on), **options)
    for i, key in enumerate(keys):
        rows.insert(i, key, getattr(spec if hasattr(spec, key) else spec.recipe, key))
    return rows.round(7)


def subject(spec: Spec, net: Network, exact: bool = False, **trials) -> Evaluation:
    """A network on held-out trials of its task, in float64 if `exact`; `trials` as for `on_task`."""
    return on_task(net.double() if exact else net, spec.make_task(), **trials)


def save(table: pd.DataFrame, name: str) -> None:
    """Write a results table to <name>.csv in `folders.results()`."""
    # Rounded far below any tolerance, so that the file does not change in its last digits.
    _write(folders.results() / f"{name}.csv", table.round(7).to_csv(index=False, na_rep="nan"))


def read(source: Path | io.StringIO) -> pd.DataFrame:
    """A table as `save` wrote it: the removed set "" is no missing value."""
    return pd.read_csv(source, keep_default_na=False, na_values=["nan"])


def shipped_stamp(name: str) -> dict | None:
    """The stamp of a shipped table: its code, networks and options; None where there is none.

    Raises:
        ValueError: its file is not as it was shipped.
    """
    file = folders.RESULTS / f"{name}.json"
    return json.loads(folders.shipped(file).read_text(encoding="utf-8")) if file.exists() else None


def _shipped(name, stamp):
    """The shipped table, where it has this stamp; None, and a word, where a file of it is damaged."""
    try:
        if shipped_stamp(name) == stamp:
            return read(folders.shipped(folders.RESULTS / f"{name}.csv"))
    except ValueError as error:
        warnings.warn(f"{error}. The table {name} is measured here instead", stacklevel=3)
    return None


def stamp_of(probe, specs, networks, on, keys, options) -> dict:
    """What decides a table: the probe and all the code it reaches, libraries, options and networks."""
    nets = [[s.as_dict(), n.digest()] for s, n in zip(specs, networks, strict=True)]
    return _stamp(probe, options, nets) | {"on": json.loads(json.dumps(on)), "keys": list(keys)}


def _stamp(probe, options, which):
    return {
        "probe": f"{probe.__module__}.{probe.__name__}",
        "options": json.loads(json.dumps(options)),
        "code": code_digest(probe.__module__, __name__),
        "libraries": library_versions(),
        "networks": hashlib.sha256(json.dumps(which).encode()).hexdigest()[:16],
        "n_networks": len(which),
    }


def _part(folder, name, stamp, anew, known, call):
    decides = {key: value for key, value in stamp.items() if key not in ("networks", "n_networks")}
    key = json.dumps([name, decides, known], sort_keys=True)
    file = folder / f"{name}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.csv"
    text = "" if anew else _whole(file)
    if not text:
        text = call().to_csv(index=False, na_rep="nan")
        _write(file, f"{hashlib.sha256(text.encode()).hexdigest()}\n{text}")
    # read back even when just measured, so that a table does not depend on whether it was
    return read(io.StringIO(text))


def _whole(file):
    """The text of a part below its checksum; "" where there is none, and with a word where it is damaged."""
    if not file.exists():
        return ""
    checksum, _, rest = file.read_bytes().partition(b"\n")
    if hashlib.sha256(rest).hexdigest().encode() == checksum:
        return rest.decode()
    warnings.warn(f"{file} is damaged: what it holds does not match its checksum; measured again", stacklevel=2)
    return ""


def _write(path, text):
    """The file appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    aside.write_text(text, encoding="utf-8", newline="")
    os.replace(aside, path)
