"""Where the book's data lie, and where what it makes goes.

The task graph tells the notebooks through the environment: SCHUR_LIB_STORE is the folder of networks
trained and tables measured here, SCHUR_LIB_RESULTS that of the tables a notebook saves.
"""

import os
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
DATA = PROJECT / "data"
NETWORKS = DATA / "networks"  # the reference networks
CELLS = DATA / "scope"
RESULTS = DATA / "results"  # the reference results


def store() -> Path:
    """Networks trained here and tables measured here, made once for all builds."""
    return Path(os.environ.get("SCHUR_LIB_STORE") or PROJECT / "build" / "store").absolute()


def results() -> Path:
    """The tables that the running notebook saves."""
    return Path(os.environ.get("SCHUR_LIB_RESULTS") or PROJECT / "build" / "results")
