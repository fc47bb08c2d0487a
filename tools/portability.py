"""Are the shipped numbers those of other processors too? `python3 -m tools.portability [SETTING …]`.

Every shipped table that is measured is measured again for some of its networks, in a process that is told to
use other instructions, threads or seeds, and compared with the shipped one. Nothing is read from a store.
Ends with 1 where an entry is beyond the tolerance of its column (`tools.references`).
"""

import argparse
import importlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

from study import cache, catalogue, cells, clamped, folders
from tools.references import beyond_tolerance, read_table, tolerances

SETTINGS = {
    "Nehalem": {"OPENBLAS_CORETYPE": "Nehalem"},
    "Haswell": {"OPENBLAS_CORETYPE": "Haswell"},
    "SkylakeX": {"OPENBLAS_CORETYPE": "SkylakeX"},
    "torch-default": {"ATEN_CPU_CAPABILITY": "default"},
    "torch-avx2": {"ATEN_CPU_CAPABILITY": "avx2"},
    "mkl-compatible": {"MKL_CBWR": "COMPATIBLE"},
    "numba-generic": {"NUMBA_CPU_NAME": "generic"},
    "one-thread": {"OMP_NUM_THREADS": "1"},
    "two-threads": {"OMP_NUM_THREADS": "2"},
    "hash-seed": {"PYTHONHASHSEED": "1"},
}
# What is farthest from an ordinary machine, all at once.
SETTINGS["extreme"] = {
    name: value
    for setting in ("Nehalem", "torch-default", "mkl-compatible", "numba-generic", "two-threads", "hash-seed")
    for name, value in SETTINGS[setting].items()
}


# Not measured again so far: they take minutes, and how far a minimisation comes in 30 steps has not been tried
# under other instructions. What is printed counts them.
UNTRIED = "symmetries"


def tables():
    """The shipped tables that have a stamp, and so can be measured."""
    return sorted(path.stem for path in folders.RESULTS.glob("*.json"))


def again(name, n=1):
    """The rows of some networks as they are shipped, and measured again.

    Args:
        name: of a table.
        n: networks, another choice for each table.
    Returns:
        [(shipped, measured), …], tables with the same columns.
    """
    stamp, table = cache.shipped_stamp(name), read_table(folders.shipped(folders.RESULTS / f"{name}.csv"))
    module, function = stamp["probe"].rsplit(".", 1)
    probe, keys = getattr(importlib.import_module(module), function), stamp["keys"]
    measure = of_cells(probe, stamp) if "cell" in keys else of_networks(probe, stamp)
    rows = dict(list(table.groupby(keys, sort=False)))
    names = list(rows)
    first, pairs = sum(map(ord, name)), []
    for i in range(min(n, len(names))):
        key = names[(first + 7 * i) % len(names)]
        pairs.append((rows[key].reset_index(drop=True), measure(key)[list(table.columns)]))
    return pairs


def of_cells(probe, stamp):
    """What measures a shipped cell of `study.cells`, or network of the flip-flop, by its keys."""
    models = {(kind, seed): model for kind, seed, model in cells.models()}
    specs = catalogue.specs("flip_flop")
    models |= {("tanh", s.seed): net for s, net in zip(specs, catalogue.networks(specs), strict=True)}
    return lambda key: cache.measure_model(probe, (*key, models[key]), stamp["options"])


def of_networks(probe, stamp):
    """What measures a shipped network by its keys."""
    keys = stamp["keys"]
    specs = [s for task in (*catalogue.TASKS, "studies") for s in catalogue.specs(task)]
    if "steps" not in keys:  # other networks of the same size and seed are of the studies
        packed = [s for task in catalogue.TASKS for pack in catalogue.packed(task) for s in pack]
        specs = [*catalogue.sizes(), *packed, *(s for task in catalogue.TASKS for s in catalogue.specs(task))]
    load = catalogue.networks
    if "held" in keys:
        specs, load = clamped.specs(), clamped.networks
    known = {tuple(getattr(s if hasattr(s, k) else s.recipe, k) for k in keys): s for s in reversed(specs)}

    def measure(key):
        net = load([known[key]])[0]
        return cache.measure_one(probe, known[key], net, stamp["on"], stamp["options"], keys)

    return measure


def measure(n):
    """Compare all tables in this process; one row a column with its largest difference."""
    rows, complaints = [], []
    for name in [name for name in tables() if not name.startswith(UNTRIED)]:
        for old, new in again(name, n):
            complaints += [f"{name}: {text}" for text in beyond_tolerance(old, new)]
            for column in old:
                if pd.api.types.is_float_dtype(old[column]) and len(old) == len(new):
                    far = (new[column] - old[column]).abs() / tolerances(column, old[column])
                    rows.append((name, column, len(old), (new[column] - old[column]).abs().max(), far.max()))
    columns = ["table", "column", "entries", "largest", "of_tolerance"]
    table = pd.DataFrame(rows, columns=columns).groupby(["table", "column"], as_index=False)
    table = table.agg(entries=("entries", "sum"), largest=("largest", "max"), of_tolerance=("of_tolerance", "max"))
    return table, complaints


def main():
    parser = argparse.ArgumentParser(prog="python3 -m tools.portability", description=__doc__)
    parser.add_argument("settings", nargs="*", metavar="SETTING", help=f"of {', '.join(SETTINGS)} (default: all)")
    parser.add_argument("--networks", type=int, default=1, metavar="N", help="of each table (default: 1)")
    parser.add_argument("--into", type=Path, help=argparse.SUPPRESS)  # the measuring process writes here
    arguments = parser.parse_args()
    if arguments.into:
        table, complaints = measure(arguments.networks)
        table.to_csv(arguments.into / "columns.csv", index=False)
        (arguments.into / "complaints.txt").write_text("\n".join(complaints), encoding="utf-8")
        return
    if unknown := set(arguments.settings) - set(SETTINGS):
        parser.error(f"SETTING must be of {', '.join(SETTINGS)}; got {', '.join(sorted(unknown))}")
    failed = False
    for setting in arguments.settings or SETTINGS:
        start = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "tools.portability", "--into", folder,
                       "--networks", str(arguments.networks)]  # fmt: skip
            subprocess.run(command, env={**os.environ, **SETTINGS[setting]}, check=True)
            table = pd.read_csv(Path(folder) / "columns.csv")
            complaints = (Path(folder) / "complaints.txt").read_text(encoding="utf-8").splitlines()
        worst = table.nlargest(8, "of_tolerance")
        print(f"\n{setting}: {table.table.nunique()} of {len(tables())} tables measured again for "
              f"{arguments.networks} network(s) each, {table.entries.sum()} numbers, "
              f"{time.monotonic() - start:.0f} s; {len(complaints)} beyond tolerance")  # fmt: skip
        print(worst.to_string(index=False, float_format="%.2g"))
        print("\n".join(complaints[:20]), flush=True)
        failed |= bool(complaints)
    sys.exit(failed)


if __name__ == "__main__":
    main()
