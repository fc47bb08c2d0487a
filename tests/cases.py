"""What several test modules share beside the fixtures."""

import os
import subprocess
import sys

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


def listen(tab, troubles):
    """Add to a list what goes wrong in a tab: errors, and requests that leave this machine."""
    tab.on("pageerror", lambda error: troubles.append(str(error)))
    tab.on("console", lambda m: troubles.append(m.text) if m.type == "error" else None)
    tab.on("requestfailed", lambda r: troubles.append(f"failed to load {r.url}"))
    tab.on(
        "request",
        lambda r: None if r.url.startswith(("file:", "data:", "blob:")) else troubles.append(f"asks for {r.url}"),
    )
