"""What several test modules share beside the fixtures."""

import contextlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tools.notebooks import ROOT

PARAMETERS = """\
networks = "reference"   # "reference": shipped in data/; "trained": the store, training what is missing
profile = "paper"        # "paper": the paper's setting; "quick": tiny, to exercise the code only\
"""


def run(*arguments, cwd=ROOT, **settings):
    """`run.py` with arguments, in an environment that says nothing about this project but the settings."""
    variables = {k: v for k, v in os.environ.items() if not k.startswith(("SCHUR_LIB_", "PYTEST_"))}
    return subprocess.run(
        [sys.executable, "run.py", *map(str, arguments)],
        cwd=cwd,
        env={**variables, **settings},
        capture_output=True,
        text=True,
    )


@contextlib.contextmanager
def compiled(package):
    """For a copy of schur_lib, what numba has compiled of it: that is kept by folder and by the times of files."""
    from numba.core.caching import _CacheLocator

    from schur_lib import kernels

    kept = Path(kernels.forward._cache.cache_path)
    mine = kept.with_name(_CacheLocator.get_suitable_cache_subpath(str(package / "kernels.py")))
    with contextlib.suppress(OSError, shutil.Error):  # there is none, or another process is at work in it
        shutil.copytree(kept, mine, dirs_exist_ok=True)
    yield
    shutil.rmtree(mine, ignore_errors=True)


def listen(tab, troubles):
    """Add to a list what goes wrong in a tab: errors, and requests that leave this machine."""
    tab.on("pageerror", lambda error: troubles.append(str(error)))
    tab.on("console", lambda m: troubles.append(m.text) if m.type == "error" else None)
    tab.on("requestfailed", lambda r: troubles.append(f"failed to load {r.url}"))
    tab.on(
        "request",
        lambda r: None if r.url.startswith(("file:", "data:", "blob:")) else troubles.append(f"asks for {r.url}"),
    )
