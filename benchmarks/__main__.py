"""Measure the targets of speed and memory, and how time grows; `python3 run.py bench`.

Prints each target with what was measured, writes the tables that the book shows, with a description of
the machine, into data/benchmarks beside those of other machines, and puts the targets into the README. Takes
some five minutes; the machine should be quiet, although the targets are ratios of what runs side by side.
"""

import argparse
import os
import platform
import re
import subprocess
import sys
import time
import tomllib
from importlib.metadata import version
from pathlib import Path

import pandas as pd
from threadpoolctl import threadpool_info

from benchmarks import growth, memory, parts, readme, schur_form, speed, training_cost
from benchmarks.judging import BUSY, TABLES, put, shown, summary, target

ROOT = Path(__file__).resolve().parents[1]
PEERS = ROOT / "build" / "bench-peers"


def main():
    arguments = options()
    load = os.getloadavg()[0]
    if load > BUSY:
        print(f"the machine is busy (load {load:.1f}): this falls on the peers' threads most", flush=True)
    bind_to_two_cores()
    installed = all((PEERS / name).exists() for name in speed.NEEDS.values())
    if arguments.peers and not installed:
        install_peers()
    elif not installed:
        print("JAX and ONNX Runtime are not measured: `python3 run.py bench --peers` installs them", flush=True)
    where = description(load)
    times = speed.measure(PEERS)
    made = {
        "rates": speed.rate_rows(times),
        "parts": parts.rows(),
        "growth": growth.rows(),
        "schur_form": schur_form.rows(),
        "memory": memory.rows(),
        "training_cost": training_cost.rows(),
    }
    made["targets"] = target_rows(times, made["schur_form"], made["memory"])
    put(made, where, arguments.output)
    report(pd.DataFrame(made["targets"]), made["rates"])
    print(f"the tables are in {os.path.relpath(arguments.output)}")
    if arguments.output == TABLES:
        readme.write()
        print("the README's section on speed is rewritten; now `python3 run.py references`, for the book")


def options(given=None):
    parser = argparse.ArgumentParser(prog="run.py bench", description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--peers", action="store_true",
                        help="install JAX and ONNX Runtime into build/bench-peers (extra `bench`)")  # fmt: skip
    parser.add_argument("--output", type=lambda text: Path(text).absolute(), default=TABLES,
                        help="folder of the tables (default: data/benchmarks)")  # fmt: skip
    return parser.parse_args(given)


def bind_to_two_cores():
    """All that runs from here on shares two cores, where the system can say so."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: speed.CORES])
    if cores() != speed.CORES:
        sys.exit(f"the targets are for {speed.CORES} cores, and there are {cores()} here")


def cores():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def install_peers():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["optional-dependencies"]["bench"]
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(PEERS), *wanted]
    if subprocess.run(command).returncode:
        sys.exit("could not install the peers of the benchmark; what pip says is above")


def target_rows(times, schur_rows, memory_rows):
    """One dict a target, the stricter comparisons last."""
    rows = [target(*row[:3], "at least", *row[3:]) for row in speed.target_rows(times)]
    for table, module in ((schur_rows, schur_form), (memory_rows, memory)):
        rows += [target(*row[:3], "at most", *row[3:]) for row in module.target_rows(table)]
    return sorted(rows, key=lambda row: row["kind"] != "target")


def report(targets, rates):
    for kind, part in targets.groupby("kind", sort=False):
        print("\nStricter, and not targets:" if kind == "stricter" else "\nTargets:")
        for row in shown(part).itertuples():
            print(f"  {row.what}: {row.median} ({row.range}), target {row.target}: {row.verdict}")
    print()
    for row in rates:
        print(f"{row['work']}, {row['by']}, {row['cores']} core(s): {row['gflops']:.1f} GFLOP/s")
    print(f"\n{summary(targets)}")


def description(load):
    """Processor, cores, load and versions; nothing that names the machine or its user."""
    model = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
        model = found.group(1).strip() if found else model
    packages = ("torch", "numpy", "scipy", "numba", "joblib")
    peers = {name: sorted(PEERS.glob(f"{name}-*.dist-info")) for name in ("jax", "onnxruntime")}
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "system": f"{platform.system()} {platform.machine()}",
        "blas": blas(),
        "load_before": round(load, 2),
        "measured": time.strftime("%Y-%m-%d", time.gmtime()),
        "versions": {
            "python": platform.python_version(),
            **{name: version(name).split("+")[0] for name in packages},
            **{k: v[0].name.split("-")[1].removesuffix(".dist") if v else None for k, v in peers.items()},
        },
    }


def blas():
    """The BLAS that the library's own products run in, and the processor its code is written for."""
    libraries = [lib for lib in threadpool_info() if lib["user_api"] == "blas"]
    found = {f"{lib['internal_api']} {lib['version']} for {lib['architecture']}" for lib in libraries}
    return " and ".join(sorted(found))


if __name__ == "__main__":
    main()
