"""Run the unit tests with the lowest versions that pyproject.toml declares: `python3 -m tools.floors`.

They are installed together into build/floors; further arguments go to pytest. Needs Python alone.
"""

import re
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EXTRAS = ("book", "test", "cluster")


def floors():
    """The lowest version of each package that is declared, as constraints for pip: ["joblib==1.5", …].

    Raises:
        ValueError: a requirement has no lowest version.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [*project["dependencies"],
             *(line for extra in EXTRAS for line in project["optional-dependencies"][extra])]
    found = [re.fullmatch(r"([\w.-]+)>=([\w.]+)(?:,.*)?", line) for line in lines]
    if wrong := [line for line, match in zip(lines, found, strict=True) if not match]:
        raise ValueError(f"pyproject.toml declares no lowest version of {', '.join(wrong)}; "
                         "each has to be NAME>=VERSION, with or without an upper end")
    return [f"{name}=={version}" for name, version in (match.groups() for match in found)]


def main(arguments):
    folder = ROOT / "build" / "floors"
    venv.create(folder, clear=True, with_pip=True)
    constraints = folder / "constraints.txt"
    constraints.write_text("\n".join(floors()) + "\n", encoding="utf-8")
    python = str(folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python"))
    asked = f"{ROOT}[{','.join(EXTRAS)}]"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--constraint", str(constraints),
                    "--editable", asked], check=True)
    return subprocess.run([python, "-m", "pytest", "-m", "not built and not locked", *arguments],
                          cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
