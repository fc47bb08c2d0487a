"""Memory of an ablation run against the number of matrices, each run in a process of its own.

What the run added to a process that had scored a few matrices before, and the peak of the whole process,
most of which is Python and its libraries. Megabytes of 10⁶ bytes.
"""

import resource
import statistics
import subprocess
import sys
from pathlib import Path

COUNTS = (100, 1000, 10_000)
REPEATS = 3


def run(count):
    """Score `count` matrices of a 72-unit network on the copy task; print both peaks."""
    import torch

    from benchmarks.speed import CORES
    from schur_lib import Network, tasks
    from schur_lib.subjects import on_task

    torch.set_num_threads(CORES)
    torch.manual_seed(0)
    W = torch.linalg.qr(torch.randn(72, 72)).Q.contiguous()
    net = Network(torch.randn(72, 8) / 8, W, torch.randn(8, 72) / 8)
    on_task(net, tasks.copy(), 64).scores([W] * 3)
    before = peak()
    scores = on_task(net, tasks.copy(), 64).scores(W * (1 - k / 1e5) for k in range(count))
    assert len(scores) == count
    print(peak(), peak() - before)


def peak():
    """Megabytes of this program alone, where ru_maxrss begins with what the parent process used."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text(encoding="utf-8").split("VmHWM:")[1].split()[0]) * 1024 / 1e6
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, elsewhere KiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def rows():
    """One dict a number of matrices: medians over repeats, and their lowest and highest."""
    peaks = {count: [] for count in COUNTS}
    for _ in range(REPEATS):
        for count in COUNTS:
            command = [sys.executable, "-m", "benchmarks.memory", str(count)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            peaks[count].append([float(value) for value in done.stdout.split()])
    made = []
    for count, found in peaks.items():
        process, added = zip(*found, strict=True)
        made.append(
            {"matrices": count, "megabytes": round(statistics.median(added), 1),
             "lowest": round(min(added), 1), "highest": round(max(added), 1),
             "process": round(statistics.median(process), 1),
             "process_lowest": round(min(process), 1), "process_highest": round(max(process), 1)}
        )  # fmt: skip
        print(f"memory of {count} matrices: {made[-1]['megabytes']} MB", flush=True)
    return made


def target_rows(table):
    """The target in megabytes, and our reading of flat: ten times the matrices, a tenth more."""
    fewer, most = table[-2:]
    what = f"Ablation run of {most['matrices']} matrices: memory that it adds, MB"
    growth = f"Memory added by {most['matrices']} matrices / by {fewer['matrices']}"
    process = f"Ablation run of {most['matrices']} matrices: memory with Python and libraries, MB"
    return [
        ("memory", "target", what, 500.0,
         (most["lowest"], most["megabytes"], most["highest"])),
        ("memory_growth", "target", growth, 1.1,
         (most["lowest"] / fewer["highest"], most["megabytes"] / fewer["megabytes"],
          most["highest"] / fewer["lowest"])),
        ("memory_process", "stricter", process, 500.0,
         (most["process_lowest"], most["process"], most["process_highest"])),
    ]  # fmt: skip


if __name__ == "__main__":
    run(int(sys.argv[1]))
