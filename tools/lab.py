"""JupyterLab for the notebooks: `python3 run.py lab`; arguments go to JupyterLab.

JupyterLab lives in an environment of its own, build/lab, so that it changes nothing of the locked one; what it
needs is the extra `lab` of pyproject.toml. Its kernel is the Python that runs this: the project's environment.
"""

import argparse
import json
import os
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "build" / "lab"
NAME = "schur"  # of the kernel; the notebooks ask for python3, which is made the same
VARIABLES = {"OMP_NUM_THREADS": "1", "PYTHONUTF8": "1"}  # as the notebooks are executed


def python_of(folder):
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def install(folder):
    """Make the environment and install the extra `lab` into it; once."""
    done = folder / "installed"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = project["optional-dependencies"]["lab"]
    if done.exists() and done.read_text() == json.dumps(wanted):
        return
    print(f"installing JupyterLab into {folder}", flush=True)
    venv.create(folder, with_pip=True, clear=True)
    command = [str(python_of(folder)), "-m", "pip", "install", "--quiet", *wanted]
    if subprocess.run(command).returncode:
        sys.exit("could not install JupyterLab; what pip says is above")
    done.write_text(json.dumps(wanted))


def add_kernel(folder, python=sys.executable):
    """Let JupyterLab's kernel be the project's Python, under its own name and as python3, the notebooks' one."""
    spec = {
        "argv": [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "Python 3 (schur_lib)",
        "language": "python",
        "env": VARIABLES,
    }
    for name in (NAME, "python3"):
        target = folder / "share" / "jupyter" / "kernels" / name
        target.mkdir(parents=True, exist_ok=True)
        (target / "kernel.json").write_text(json.dumps(spec, indent=1), encoding="utf-8")
    # every cell stands in the page, so that the browser finds what is not on the screen
    settings = folder / "share" / "jupyter" / "lab" / "settings"
    settings.mkdir(parents=True, exist_ok=True)
    shown = {"@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"}}
    (settings / "overrides.json").write_text(json.dumps(shown), encoding="utf-8")


def main(arguments):
    parser = argparse.ArgumentParser(prog="run.py lab", description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where JupyterLab is or will be installed")
    parser.add_argument("--root", type=Path, default=ROOT / "notebooks", help="folder that it opens")
    given, rest = parser.parse_known_args(arguments)
    install(given.folder)
    add_kernel(given.folder)
    command = [
        str(python_of(given.folder)),
        "-m",
        "jupyterlab",
        f"--ServerApp.root_dir={given.root}",
        *rest,
    ]
    try:
        return subprocess.run(command).returncode
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
