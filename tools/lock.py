"""Make requirements.lock and requirements-cuda.lock from pyproject.toml: `python3 -m tools.lock`.

Versions that are locked stay as they are; to renew some, name them: `python3 -m tools.lock jupytext`.
What a Python that is older needs, or another system, stands there under a marker. Needs uv, which is
not in the lock: `pip install uv`.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCK, CUDA = ROOT / "requirements.lock", ROOT / "requirements-cuda.lock"
OLDEST = "3.11"  # as pyproject.toml says; Debian 12 has 3.11.2
EXTRAS = ("book", "test", "cluster", "files")
OF_CUDA = re.compile(r"(cuda|nvidia)-|triton$")  # what torch's build for graphics cards needs
ENTRY = re.compile(
    r"^([A-Za-z0-9][\w.-]*)==([^\s;]+)(?: ; ([^\\\n]*?))?((?: \\\n +--hash=sha256:[0-9a-f]{64})*)$", re.M
)

HEAD = """\
# What .venv holds, made by `python3 -m tools.lock`. `python3 run.py` installs it; by hand:
#     pip install --no-deps -r requirements.lock
# and, where that took PyTorch's build for graphics cards (Linux, unless pip was given the address
# of the builds for CPUs), requirements-cuda.lock in the same way.
# For CPython 3.11, 3.12 and 3.13 on Linux (x86-64, arm64), macOS 14 or newer (Apple silicon) and
# Windows (x86-64). Not covered: Macs with Intel processors, for which PyTorch has no builds any more,
# and 32-bit systems. torch has the hashes of both its builds.
"""
HEAD_CUDA = """\
# What PyTorch's build for graphics cards needs beside requirements.lock, on Linux; made by
# `python3 -m tools.lock`. The build for CPUs needs none of it.
"""


def entries(text):
    """What a lock holds: (name, version, marker or "", [SHA-256, …]) of each entry, in its order."""
    return [
        (name, version, marker or "", re.findall(r"sha256:([0-9a-f]{64})", hashes))
        for name, version, marker, hashes in ENTRY.findall(text)
    ]


def written(found):
    lines = []
    for name, version, marker, hashes in found:
        head = f"{name}=={version}" + (f" ; {marker}" if marker else "")
        lines += [
            *(f"{line} \\" for line in (head, *(f"    --hash=sha256:{h}" for h in hashes[:-1]))),
            f"    --hash=sha256:{hashes[-1]}",
        ]
    return "\n".join(lines) + "\n"


def resolved(keep):
    """The entries that uv finds, with the versions in `keep` as they are."""
    with tempfile.TemporaryDirectory() as folder:
        constraints = Path(folder) / "constraints.txt"
        constraints.write_text(
            "".join(
                f"{name}=={version}" + (f" ; {marker}\n" if marker else "\n") for name, version, marker, _ in keep
            ),
            encoding="utf-8",
        )
        command = [
            "uv",
            "pip",
            "compile",
            "--no-config",
            "--quiet",
            "--universal",
            "--no-header",
            "--no-annotate",
            "--generate-hashes",
            "--python-version",
            OLDEST,
            *(f"--extra={extra}" for extra in EXTRAS),
            "--constraints",
            str(constraints),
            str(ROOT / "pyproject.toml"),
        ]
        done = subprocess.run(command, capture_output=True, encoding="utf-8")
    if done.returncode:
        sys.exit(done.stderr)
    return entries(done.stdout)


def main(renew):
    old = entries(LOCK.read_text(encoding="utf-8")) + entries(CUDA.read_text(encoding="utf-8"))
    found = resolved([entry for entry in old if entry[0] not in renew])
    # the builds of torch for CPUs lie on an index of their own, so uv knows nothing of them
    before = next(entry for entry in old if entry[0] == "torch")
    at = next(i for i, entry in enumerate(found) if entry[0] == "torch")
    if found[at][1] == before[1]:
        found[at] = (*before[:3], sorted({*before[3], *found[at][3]}))
    else:
        print(
            f"add the hashes of torch {found[at][1]} for CPUs to requirements.lock by hand: for "
            "Linux and Windows, and for each Python",
            file=sys.stderr,
        )
    parts = (LOCK, HEAD, False), (CUDA, HEAD_CUDA, True)
    for path, head, of_cuda in parts:
        part = [entry for entry in found if bool(OF_CUDA.match(entry[0])) == of_cuda]
        path.write_text(head + written(part), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(sys.argv[1:])
