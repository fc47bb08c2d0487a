"""Where the book's data lie, and where what it makes goes.

The task graph tells the notebooks through the environment: SCHUR_LIB_STORE is the folder of networks
trained and tables measured here, SCHUR_LIB_RESULTS that of the tables a notebook saves.
"""

import hashlib
import os
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
DATA = PROJECT / "data"
NETWORKS = DATA / "networks"  # the reference networks
CELLS = DATA / "scope"
RESULTS = DATA / "results"  # the reference results
CHECKSUMS = "checksums.sha256"  # in DATA: of every file there, in the format of sha256sum


def store() -> Path:
    """Networks trained here and tables measured here, made once for all builds."""
    return Path(os.environ.get("SCHUR_LIB_STORE") or PROJECT / "build" / "store").absolute()


def results() -> Path:
    """The tables that the running notebook saves."""
    return Path(os.environ.get("SCHUR_LIB_RESULTS") or PROJECT / "build" / "results")


def shipped(path: Path) -> Path:
    """The same path, of a file in data/ that holds what data/checksums.sha256 says.

    Raises:
        ValueError: it is missing, damaged or another.
    """
    name = path.relative_to(DATA).as_posix()
    known = checksums().get(name, "not listed there")
    found = digest(path) if path.is_file() else "missing"
    if found != known:
        what = "is missing" if found == "missing" else "is damaged or was changed"
        raise ValueError(
            f"{path} {what}: it is not the file of data/{CHECKSUMS}. `git checkout data/{name}`, or a fresh copy "
            "of the project, brings that back; if the change is meant, `python3 run.py references` enters it"
        )
    return path


def checksums() -> dict[str, str]:
    """SHA-256 of the shipped files by their paths in data/, as data/checksums.sha256 says."""
    file = DATA / CHECKSUMS
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    return {name: known for known, _, name in (line.partition("  ") for line in lines)}


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
