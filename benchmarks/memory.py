"""Memory that an ablation run takes above what the process had before, against the number of matrices."""

import resource
import subprocess
import sys
from pathlib import Path

COUNTS = (100, 1000, 10_000)


def run(count):
    """Score `count` matrices of a 72-unit network on the copy task; print the growth in MiB."""
    import torch

    from schur_lib import Network, tasks
    from schur_lib.ablation import scores_of

    torch.manual_seed(0)
    W = torch.linalg.qr(torch.randn(72, 72)).Q.contiguous()
    net = Network(torch.randn(72, 8) / 8, W, torch.randn(8, 72) / 8)
    scores_of(net, tasks.copy(), [W] * 3, batch_size=64)
    before = peak()
    scores_of(net, tasks.copy(), (W * (1 - k / 1e5) for k in range(count)), batch_size=64)
    print(peak() - before)


def peak():
    """MiB of this program alone, where ru_maxrss begins with what the parent process used."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().split("VmHWM:")[1].split()[0]) / 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def rows():
    """One dict a number of matrices, each measured in a process of its own."""
    made = []
    for count in COUNTS:
        command = [sys.executable, "-m", "benchmarks.memory", str(count)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        made.append({"matrices": count, "mebibytes": round(float(done.stdout), 1)})
        print(f"memory of {count} matrices: {made[-1]['mebibytes']} MiB", flush=True)
    return made


if __name__ == "__main__":
    run(int(sys.argv[1]))
