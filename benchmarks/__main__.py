"""Measure the targets of speed and memory, and how time grows; `python3 run.py bench`.

Prints each target with what was measured, and writes the tables that the book shows, with a
description of the machine, into data/benchmarks. Takes a few minutes; the machine should be quiet,
although the targets are ratios of what runs side by side.
"""

import argparse
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pandas as pd

from benchmarks import growth, memory, schur_form, speed

ROOT = Path(__file__).resolve().parents[1]
PEERS = ROOT / "build" / "bench-peers"


def main():
    parser = argparse.ArgumentParser(prog="run.py bench", description=__doc__.splitlines()[0])
    parser.add_argument("--peers", action="store_true",
                        help="install JAX into build/bench-peers first (extra `bench`)")  # fmt: skip
    parser.add_argument("--output", type=Path, default=ROOT / "data" / "benchmarks")
    arguments = parser.parse_args()
    if arguments.peers and not (PEERS / "jax").exists():
        install_peers()
    if not (PEERS / "jax").exists():
        print("JAX is not measured: `python3 run.py bench --peers` installs it", flush=True)
    times = speed.measure(PEERS)
    made = {"growth": growth.rows(), "schur_form": schur_form.rows(), "memory": memory.rows()}
    made["rates"] = [{"what": k, "gflops": round(v, 1)} for k, v in speed.rates(times).items()]
    made["targets"] = targets(times, made["schur_form"], made["memory"])
    arguments.output.mkdir(parents=True, exist_ok=True)
    for name, rows in made.items():
        pd.DataFrame(rows).to_csv(arguments.output / f"{name}.csv", index=False)
    machine = json.dumps(description(), indent=1) + "\n"
    (arguments.output / "machine.json").write_text(machine)
    print()
    for row in made["targets"]:
        verdict = "met" if row["met"] else "MISSED"
        print(f"{row['what']}: {row['measured']:g}, target {row['bound']} {row['target']:g}: {verdict}")
    for row in made["rates"]:
        print(f"{row['what']}: {row['gflops']} GFLOP/s")
    print(f"the tables are in {os.path.relpath(arguments.output)}")


def install_peers():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["optional-dependencies"]["bench"]
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(PEERS), *wanted]
    if subprocess.run(command).returncode:
        sys.exit("could not install the peers of the benchmark; what pip says is above")


def targets(times, schur_rows, memory_rows):
    """One dict a target: the median over repeats, their lowest and highest, and whether it is met."""
    made = []
    for what, target, values in speed.ratios(times):
        median = statistics.median(values)
        made.append(
            {"what": what, "bound": "at least", "target": target, "measured": round(median, 2),
             "lowest": round(min(values), 2), "highest": round(max(values), 2),
             "met": median >= target}
        )  # fmt: skip
    by_size = pd.DataFrame(schur_rows).groupby("N").ratio
    for N, ratios in by_size:
        made.append(
            {"what": f"ordered Schur form, N = {N}: time / scipy.linalg.schur", "bound": "at most",
             "target": 3.0, "measured": round(ratios.max(), 2), "lowest": round(ratios.min(), 2),
             "highest": round(ratios.max(), 2), "met": ratios.max() <= 3}
        )  # fmt: skip
    used = memory_rows[-1]["mebibytes"]
    what = f"memory of {memory_rows[-1]['matrices']} ablations, MiB"
    made.append(
        {"what": what, "bound": "at most", "target": 500.0, "measured": used, "lowest": used,
         "highest": used, "met": used <= 500}
    )  # fmt: skip
    return made


def description():
    """Processor, cores and versions; nothing that names the machine or its user."""
    model = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
        model = found.group(1).strip() if found else model
    packages = ("torch", "numpy", "scipy", "numba")
    jax = sorted(PEERS.glob("jax-*.dist-info"))
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "busy_before": round(os.getloadavg()[2] / os.cpu_count(), 2),
        "versions": {
            "python": platform.python_version(),
            **{name: version(name).split("+")[0] for name in packages},
            "jax": jax[0].name.split("-")[1].removesuffix(".dist") if jax else None,
        },
    }


if __name__ == "__main__":
    main()
