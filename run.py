#!/usr/bin/env python3
"""The only entry point: `python3 run.py book`, `python3 run.py test`; needs Python alone.

It makes .venv with the locked libraries where they are missing, then hands over to it.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036
    sys.exit("run.py needs Python 3.11 or newer; this is Python %d.%d" % sys.version_info[:2])  # noqa: UP031

import argparse
import ast
import hashlib
import importlib.util
import os
import shutil
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
LOCK = ROOT / "requirements.lock"
INSTALLED = VENV / "installed"  # the hash of what was installed; written last
START = time.monotonic()


def say(text):
    seconds = int(time.monotonic() - START)
    print(f"[{seconds // 60:2d}:{seconds % 60:02d}] {text}", flush=True)


def wanted():
    """A hash of all that the environment is made from."""
    parts = [LOCK.read_bytes(), (ROOT / "pyproject.toml").read_bytes(), str(ROOT).encode(),
             repr(sys.version_info[:2]).encode()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def environment():
    """Make .venv what requirements.lock says, once; an interrupted install is done again."""
    if PYTHON.exists() and INSTALLED.exists() and INSTALLED.read_text() == wanted():
        return
    INSTALLED.unlink(missing_ok=True)
    if not works(PYTHON):
        if not importlib.util.find_spec("venv") or not importlib.util.find_spec("ensurepip"):
            sys.exit(
                "This Python cannot make virtual environments (venv or ensurepip is missing).\n"
                f"On Debian or Ubuntu: apt-get install python3-venv "
                f"(or python3.{sys.version_info[1]}-venv); then run this again."
            )
        say("making .venv")
        shutil.rmtree(VENV, ignore_errors=True)
        checked([sys.executable, "-m", "venv", str(VENV)], "could not make .venv")
    say("installing requirements.lock into .venv (the first time takes minutes)")
    pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    hint = ("could not install requirements.lock; what pip says is above. "
            "The settings of pip (PIP_* variables, pip.conf) are honoured; run this again to retry")
    checked([*pip, "--requirement", str(LOCK)], hint)
    checked([*pip, "--no-deps", "--no-build-isolation", "--editable", str(ROOT)], hint)
    add_rooms()
    INSTALLED.write_text(wanted())
    say("installed")


def add_rooms():
    """Let study, report and the other folders of code be imported from anywhere, as schur_lib can be.

    The line is code, in ASCII: a path in it would be read in the locale's encoding.
    """
    where = "import sysconfig; print(ascii(sysconfig.get_path('purelib')))"
    found = subprocess.run([str(PYTHON), "-c", where], capture_output=True, text=True, check=True)
    line = f"import sys; sys.path.append({ascii(str(ROOT))})\n"
    Path(ast.literal_eval(found.stdout), "rooms.pth").write_text(line, encoding="ascii")


def works(python):
    """Whether a virtual environment's Python runs, is the Python at hand, and has pip."""
    if not python.exists():
        return False
    code = "import sys, pip; print(sys.version_info[:2])"
    done = subprocess.run([str(python), "-c", code], capture_output=True, text=True)
    return done.stdout.strip() == repr(tuple(sys.version_info[:2]))


def checked(command, message):
    if subprocess.run(command).returncode:
        sys.exit(message)


def hand_over(*command, cwd=ROOT, **settings):
    """Run a Python command in .venv, in the project's folder unless told another; returns its exit code.

    One BLAS thread a process: processes share the processors, threads would fight over them.
    """
    variables = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1",
                 "PATH": f"{PYTHON.parent}{os.pathsep}{os.environ.get('PATH', '')}", **settings}
    try:
        return subprocess.run([str(PYTHON), *command], cwd=cwd, env=variables).returncode
    except KeyboardInterrupt:
        return 130


def settings_of(arguments):
    """What the task graph is told: profile, networks and folder of a build."""
    networks = "reference" if arguments.reference else "trained"
    output = arguments.output or ROOT / "build" / f"{arguments.profile}-{networks}"
    output = Path(output).absolute()
    store = os.environ.get("SCHUR_LIB_STORE") or (
        output / "store" if arguments.output else ROOT / "build" / "store")
    return output, [f"profile={arguments.profile}", f"networks={networks}", f"output={output}",
                    f"store={Path(store).absolute()}"]


def book(arguments):
    output, settings = settings_of(arguments)
    output.mkdir(parents=True, exist_ok=True)
    at_once = str(os.cpu_count() or 1)
    code = hand_over("-m", "doit", "-f", "dodo.py", "run", "-n", at_once, "-P", "thread", *settings,
                     "book")
    if code:
        say("the book was NOT built: the reason is above")
    else:
        say(f"the book is built; open {output / 'html' / 'index.html'}")
    return code


def pdf(arguments):
    return book(arguments) or hand_over("-m", "tools.pdf", str(settings_of(arguments)[0]))


def notebook(arguments):
    if not (ROOT / "notebooks" / f"{arguments.name}.py").exists():
        names = ", ".join(sorted(path.stem for path in (ROOT / "notebooks").glob("*.py")))
        sys.exit(f"there is no notebook {arguments.name}; there are {names}")
    output, settings = settings_of(arguments)
    output.mkdir(parents=True, exist_ok=True)
    code = hand_over("-m", "doit", "-f", "dodo.py", "run", *settings,
                     f"notebook:{arguments.name}")
    if code:
        say("the notebook was NOT executed: the reason is above")
    else:
        say(f"its figures and tables are in {output / 'records' / arguments.name}.shown, the "
            f"executed notebook is {output / 'chapters' / arguments.name}.ipynb")
    return code


def why(arguments):
    return hand_over("-m", "tools.why", *settings_of(arguments)[1])


def test(arguments):
    code = hand_over("-m", "pytest", "-n", "auto", "--dist", "loadscope", *arguments.rest)
    say("the tests passed" if code == 0 else "the tests did NOT pass")
    return code


def references(arguments):
    return hand_over("-m", "tools.references", *(["--check"] if arguments.check else []))


def report(arguments):
    # in the caller's folder, so that paths are the caller's; -P: whose modules are not ours
    return hand_over("-P", "-m", "report", *arguments.rest, cwd=Path.cwd())


def here(path):
    """A path of the caller's folder, good in any other: what is handed over runs in the project's."""
    return Path(path).absolute()


def bench(arguments):
    if not (ROOT / "benchmarks" / "__main__.py").exists():
        sys.exit("there is no benchmarks/__main__.py to run")
    given = ["--peers"] * arguments.peers
    given += [f"--output={arguments.output}"] * (arguments.output is not None)
    return hand_over("-m", "benchmarks", *given)


def parser():
    top = argparse.ArgumentParser(prog="run.py", description=__doc__, allow_abbrev=False)
    commands = top.add_subparsers(dest="command", required=True, metavar="command")

    def command(function, text, add_help=True):
        sub = commands.add_parser(function.__name__, help=text, description=text,
                                  allow_abbrev=False, add_help=add_help)
        sub.set_defaults(function=function)
        return sub

    for function, text in ((book, "train, execute the notebooks and build the book"),
                           (pdf, "the same, and print it to <folder of the build>/book.pdf; needs "
                                 "Chromium"),
                           (notebook, "execute one notebook, with all that it needs"),
                           (why, "say of each task of the book why it would run again")):
        sub = command(function, text)
        if function is notebook:
            sub.add_argument("name", help="of a file in notebooks/, without its ending")
        sub.add_argument("--reference", action="store_true",
                         help="use the networks shipped in data/ instead of training")
        sub.add_argument("--profile", choices=("paper", "quick"), default="paper",
                         help="paper: the paper's setting (default); quick: toy sizes, no results")
        sub.add_argument("--output", metavar="DIR", help="build there, store and all, instead of "
                                                        "build/<profile>-<networks>")
    command(test, "run all tests; further arguments go to pytest")
    sub = command(references, "execute the notebooks again, rewrite their reference outputs and "
                              "data/results, and show what changed in numbers")
    sub.add_argument("--check", action="store_true", help="write nothing; fail if anything changed")
    # Its options are those of `python -m report`, and its --help too.
    command(report, "the whole diagnostic of your own network, from a weight file and a data file, as "
                    "one HTML page", add_help=False)
    sub = command(bench, "measure speed and memory beside torch.nn.RNN and scipy, and rewrite "
                         "data/benchmarks and the table in the README")
    sub.add_argument("--peers", action="store_true",
                     help="beside JAX too, installed into build/bench-peers")
    sub.add_argument("--output", type=here, metavar="DIR",
                     help="write the tables there, and leave the README as it is")
    return top


def main():
    top = parser()
    arguments, rest = top.parse_known_args()
    if rest and arguments.command not in ("test", "report"):
        top.error(f"unknown arguments: {' '.join(rest)}")
    arguments.rest = rest
    if getattr(arguments, "reference", False) and arguments.profile == "quick":
        top.error("--reference goes with --profile paper only: the shipped networks are of the "
                  "paper's setting")
    environment()
    sys.exit(arguments.function(arguments))


if __name__ == "__main__":
    main()
