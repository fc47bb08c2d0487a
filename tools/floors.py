"""Run the unit tests with the lowest versions that pyproject.toml declares: `python3 -m tools.floors`.

uv finds what goes together with them, pip installs it into build/floors (pip alone searches for very
long); further arguments go to pytest. Needs Python alone: uv is installed there too.
"""

import re
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EXTRAS = ("book", "test", "cluster", "files")


def floors():
    """The lowest version of each package that is declared: {"joblib": "1.5", …}.

    Raises:
        ValueError: a requirement has no lowest version.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [
        *project["dependencies"],
        *(line for extra in EXTRAS for line in project["optional-dependencies"][extra]),
    ]
    found = [re.fullmatch(r"([\w.-]+)>=([\w.]+)(?:,.*)?", line) for line in lines]
    if wrong := [line for line, match in zip(lines, found, strict=True) if not match]:
        raise ValueError(
            f"pyproject.toml declares no lowest version of {', '.join(wrong)}; "
            "each has to be NAME>=VERSION, with or without an upper end"
        )
    return dict(match.groups() for match in found)


def higher(declared, constraints):
    """Which packages cannot be had in their lowest version: a line each, for the text of a constraints file."""
    found = dict(re.findall(r"^([\w.-]+)==([^\s;]+)", constraints, re.M))
    return [
        f"{name}>={version} is declared, the lowest that goes is {found[name]}"
        for name, version in declared.items()
        if re.sub(r"(\.0)+$", "", found[name]) != re.sub(r"(\.0)+$", "", version)
    ]


def main(arguments):
    folder, declared = ROOT / "build" / "floors", floors()
    venv.create(folder, clear=True, with_pip=True)
    python = str(folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python"))
    constraints = folder / "constraints.txt"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "uv"], check=True)
    subprocess.run(
        [
            python,
            "-m",
            "uv",
            "pip",
            "compile",
            "--quiet",
            "--no-config",
            "--no-header",
            "--no-annotate",
            "--resolution",
            "lowest-direct",
            "--output-file",
            str(constraints),
            *(f"--extra={extra}" for extra in EXTRAS),
            "pyproject.toml",
        ],
        cwd=ROOT,
        check=True,
    )
    if lines := higher(declared, constraints.read_text(encoding="utf-8")):
        sys.exit("\n".join(lines))
    # as constraints, not as requirements: then PyTorch's build for CPUs brings no libraries for others
    subprocess.run(
        [
            python,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--constraint",
            str(constraints),
            "--editable",
            f"{ROOT}[{','.join(EXTRAS)}]",
        ],
        check=True,
    )
    return subprocess.run(
        [python, "-m", "pytest", "-m", "not built and not locked", *arguments], cwd=ROOT
    ).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
