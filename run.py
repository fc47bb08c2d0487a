#!/usr/bin/env python3
"""The only entry point: `python3 run.py book`, `python3 run.py test`; needs Python alone.

It makes .venv with the locked libraries where they are missing, then hands over to it.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036
    sys.exit("run.py needs Python 3.11 or newer; this is Python %d.%d" % sys.version_info[:2])  # noqa: UP031

import argparse
import ast
import contextlib
import ctypes
import hashlib
import importlib.util
import os
import platform
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

if os.name == "posix":
    import fcntl
else:
    import msvcrt

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
LOCK = ROOT / "requirements.lock"
CUDA = ROOT / "requirements-cuda.lock"  # what torch's build for graphics cards needs besides
MADE = VENV / "made-by-run.py"  # only an environment that holds this, or INSTALLED, is ours to change
INSTALLED = VENV / "installed"  # the hash of what was installed; written last
SETUP_LOCK = ROOT / "build" / "setup.lock"
START = time.monotonic()

# Variables that would lead the environment's Python, pip or pytest elsewhere: they are kept from it.
# Of pip's, those stay that say where it gets things from and how it speaks; pytest's arguments can
# be given to `run.py test`, and its plugins are those of the lock.
OF_PYTHON = {
    "PYTHONPATH",
    "PYTHONHOME",
    "PYTHONSAFEPATH",
    "PYTHONSTARTUP",
    "PYTHONINSPECT",
    "PYTHONEXECUTABLE",
    "PYTHONPLATLIBDIR",
    "PYTHONUSERBASE",
    "__PYVENV_LAUNCHER__",
}
OF_PIP = {
    f"PIP_{name}"
    for name in (
        "INDEX_URL",
        "EXTRA_INDEX_URL",
        "NO_INDEX",
        "FIND_LINKS",
        "TRUSTED_HOST",
        "PROXY",
        "CERT",
        "CLIENT_CERT",
        "USE_FEATURE",
        "USE_DEPRECATED",
        "KEYRING_PROVIDER",
        "RETRIES",
        "RESUME_RETRIES",
        "TIMEOUT",
        "DEFAULT_TIMEOUT",
        "CACHE_DIR",
        "NO_CACHE_DIR",
        "CONFIG_FILE",
        "ISOLATED",
        "NO_INPUT",
        "QUIET",
        "VERBOSE",
        "LOG",
        "PROGRESS_BAR",
        "NO_COLOR",
        "REQUIRE_VIRTUALENV",
        "DISABLE_PIP_VERSION_CHECK",
        "ROOT_USER_ACTION",
        "BREAK_SYSTEM_PACKAGES",
    )
}
ELSEWHERE = re.compile(r"^(?:global|install)\.(?:target|prefix|root|python)=.*", re.M)


def say(text):
    seconds = int(time.monotonic() - START)
    print(f"[{seconds // 60:2d}:{seconds % 60:02d}] {text}", flush=True)


def foreign(name):
    """Whether a variable is kept from what runs in .venv."""
    return name in OF_PYTHON or name.startswith("PYTEST_") or (name.startswith("PIP_") and name not in OF_PIP)


def variables(said=""):
    """The variables for what runs in .venv; says which of those that are set are kept from it.

    Args:
        said: the beginnings of the names to speak of; the others are dropped without a word.
    """
    dropped = sorted(name for name in os.environ if foreign(name) and os.environ[name])
    if told := [name for name in dropped if said and name.startswith(said)]:
        say(
            f"set aside for what runs in .venv: {', '.join(told)}"
            + ("; arguments for pytest can follow `run.py test`" if "PYTEST_ADDOPTS" in told else "")
        )
    return {name: value for name, value in os.environ.items() if not foreign(name)}


def wanted():
    """A hash of all that the environment is made from."""
    parts = [
        LOCK.read_bytes(),
        CUDA.read_bytes(),
        (ROOT / "pyproject.toml").read_bytes(),
        str(ROOT).encode(),
        repr(sys.version_info[:2]).encode(),
    ]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def environment():
    """Make .venv what requirements.lock says, once; an interrupted install is done again."""
    if installed():
        return
    refuse_what_is_not_ours()
    try:
        with alone(SETUP_LOCK, f"sets up {VENV}"):
            if not installed():  # nobody else has, while this one waited
                make()
    except OSError as error:
        sys.exit(
            f"could not make {VENV}: {error}.\nIt has to be made, or made anew, in this folder: free some space "
            "if the disk is full, else let somebody who may write here run this once, or copy the project to a "
            "folder of yours"
        )


def installed():
    return PYTHON.exists() and INSTALLED.exists() and INSTALLED.read_text() == wanted()


def refuse_what_is_not_ours():
    """A .venv that run.py did not make is left as it is: it may hold anything."""
    if not os.path.lexists(VENV):
        return
    if VENV.is_symlink():
        what = f"is a link to {os.readlink(VENV)}"
    elif not VENV.is_dir():
        what = "is a file"
    elif MADE.exists() or INSTALLED.exists() or not any(VENV.iterdir()):
        return
    else:
        what = "was made by something else"
    sys.exit(
        f"{VENV} {what}, and run.py would have to change it. It is left as it is: rename or "
        "remove it, and run this again; run.py then makes an environment of its own there"
    )


def make():
    INSTALLED.unlink(missing_ok=True)
    if not works(PYTHON):
        if not importlib.util.find_spec("venv") or not importlib.util.find_spec("ensurepip"):
            sys.exit(
                "This Python cannot make virtual environments (venv or ensurepip is missing).\n"
                f"On Debian or Ubuntu: apt-get install python3-venv "
                f"(or python3.{sys.version_info[1]}-venv); then run this again."
            )
        say("making .venv")
        if VENV.exists():
            shutil.rmtree(VENV)
        VENV.mkdir()
        MADE.touch()
        checked([sys.executable, "-m", "venv", str(VENV)], "could not make .venv")
    install()
    INSTALLED.write_text(wanted())
    say("installed")


def install():
    """Install the lock, hash by hash, and the project itself, with the pip of .venv."""
    settings = {
        **variables("PIP_"),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        # these hold against pip's settings file too
        "PIP_USER": "0",
        "PIP_REQUIRE_HASHES": "0",
        "PIP_NO_BINARY": ":none:",
    }
    pip = [str(PYTHON), "-m", "pip"]
    listed = subprocess.run([*pip, "config", "list"], env=settings, capture_output=True, text=True)
    if found := ELSEWHERE.search(listed.stdout):
        sys.exit(
            f"pip's settings file says {found.group()}, which would put the libraries elsewhere than "
            f"into .venv. Take that out, or leave the file out: PIP_CONFIG_FILE={os.devnull} "
            f"python3 run.py {' '.join(sys.argv[1:])}"
        )
    hint = (
        "could not install requirements.lock; what pip says is above. Settings of pip for where it "
        "gets things from and how (PIP_INDEX_URL, PIP_PROXY, PIP_CERT, …; pip.conf) are honoured; "
        "run this again to retry"
    )
    command = [*pip, "install", "--quiet", "--no-deps"]
    with tempfile.TemporaryDirectory() as folder:
        choice = []
        if cpu := torch_for_cpus(pip, settings):
            constraint = Path(folder) / "constraint.txt"
            constraint.write_text(f"torch=={cpu}\n")
            choice = ["--constraint", str(constraint)]
        say("installing requirements.lock into .venv (the first time takes minutes)")
        hashes = [*command, "--require-hashes", "--requirement"]
        checked([*hashes, str(LOCK), *choice], hint, settings)
    if needs_cuda():
        checked([*hashes, str(CUDA)], hint, settings)
    checked([*command, "--no-build-isolation", "--editable", str(ROOT)], hint, settings)
    add_rooms()


def add_rooms():
    """Let study, report and the other folders of code be imported from anywhere, as schur_lib can be.

    The line is code, in ASCII: a path in it would be read in the locale's encoding.
    """
    where = "import sysconfig; print(ascii(sysconfig.get_path('purelib')))"
    found = subprocess.run([str(PYTHON), "-c", where], capture_output=True, text=True, check=True, env=variables())
    line = f"import sys; sys.path.append({ascii(str(ROOT))})\n"
    Path(ast.literal_eval(found.stdout), "rooms.pth").write_text(line, encoding="ascii")


def torch_for_cpus(pip, settings):
    """The version of torch's build for CPUs where pip is offered it, else None; says what that means.

    Only on Linux is the build that pip takes by itself the one for graphics cards.
    """
    if not sys.platform.startswith("linux"):
        return None
    version = re.search(r"^torch==([\d.]+)", LOCK.read_text(encoding="utf-8"), re.M).group(1)
    if any(VENV.glob(f"lib/*/site-packages/torch-{version}*.dist-info")):
        return None
    offered = subprocess.run([*pip, "index", "versions", "torch"], env=settings, capture_output=True, text=True)
    if re.search(rf"(?<![\d.]){re.escape(version)}\+cpu(?![\w.])", offered.stdout):
        return f"{version}+cpu"
    if offered.returncode == 0:  # else there is no index to ask: the installation says why
        say(
            "pip will take PyTorch's build for graphics cards, which is of no use here: 3.0 GB to download "
            "in all, 5.9 GB on the disk.\n"
            "        Without it, it is 0.5 GB and 2.1 GB: stop this with Ctrl-C, and give pip the address of\n"
            '        PyTorch\'s index for CPUs ("A smaller installation" in README.md):\n'
            f"        PIP_EXTRA_INDEX_URL=<that address> python3 run.py {' '.join(sys.argv[1:])}"
        )
    return None


def needs_cuda():
    """Whether the torch in .venv is the build for graphics cards: its metadata ask for their libraries."""
    code = (
        "import importlib.metadata as m\n"
        "print(any(r.startswith(('cuda-', 'nvidia-')) for r in m.requires('torch')))"
    )
    done = subprocess.run([str(PYTHON), "-c", code], env=variables(), capture_output=True, text=True)
    return sys.platform.startswith("linux") and done.stdout.strip() == "True"


def works(python):
    """Whether a virtual environment's Python runs, is the Python at hand, and has pip."""
    if not python.exists():
        return False
    code = "import sys, pip; print(sys.version_info[:2])"
    done = subprocess.run([str(python), "-c", code], env=variables(), capture_output=True, text=True)
    return done.stdout.strip() == repr(tuple(sys.version_info[:2]))


def checked(command, message, settings=None):
    if guarded(command, ROOT, settings or variables()):
        sys.exit(message)


# --- what is started ends with this process, and only one at a time works in a folder ---------


def guarded(command, cwd, given, asks=False):
    """Run a command; returns its exit code. However this process ends, kill -9 included, all below it ends.

    Between this process and the command stands a guard, which waits for the end of either and kills what is
    then left. Windows has no fork to make one: what was started there before a kill goes on to its end.

    Args:
        command, cwd, given: words, folder and environment variables.
        asks: whether Ctrl-C is the command's too (as for pytest, which then says what failed so far), instead
            of ending it at once.
    """
    if os.name != "posix":
        return subprocess.run(command, cwd=cwd, env=given).returncode
    adopt_orphans()
    watched, held = os.pipe()  # its end here closes with this process
    sys.stdout.flush()
    guard = os.fork()
    if not guard:
        code = 1
        try:
            os.close(held)
            code = stand_guard(watched, command, cwd, given, asks)
        except OSError as error:
            print(error, file=sys.stderr, flush=True)
        finally:
            os._exit(code)
    os.close(watched)
    status = None
    try:
        try:
            status = os.waitpid(guard, 0)[1]
        except KeyboardInterrupt:
            if not asks:
                raise
            status = os.waitpid(guard, 0)[1]  # a second Ctrl-C ends it at once
    finally:
        os.close(held)
        if status is None:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)  # this takes a moment, and is not to be left half done
            status = os.waitpid(guard, 0)[1]
        if os.WIFSIGNALED(status):  # the guard itself was killed
            end_all()
    return os.waitstatus_to_exitcode(status)


def stand_guard(watched, command, cwd, given, asks):
    """Run a command until it ends, or until the other end of a pipe closes; then end all below; its exit code."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, lambda *_: None)  # a function, for the command would inherit SIG_IGN
    if not asks:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    adopt_orphans()
    child = subprocess.Popen(command, cwd=cwd, env=given)

    def watch():
        os.read(watched, 1)
        end_all()

    threading.Thread(target=watch, daemon=True).start()
    code = child.wait()
    end_all()
    return code if code >= 0 else 128 - code


def adopt_orphans():
    """On Linux: have processes whose parent ends become children of this one, so that none is lost sight of."""
    if sys.platform.startswith("linux"):
        PR_SET_CHILD_SUBREAPER = 36
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_all(seconds=10):
    """Kill every process below this one, and those that these may still start."""
    until = time.monotonic() + seconds
    while (left := descendants(os.getpid())) and time.monotonic() < until:
        for pid in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(0.01)


def descendants(top):
    """The numbers of all processes below one: in /proc, or as `ps` lists them where there is none."""
    parents = {}
    if Path("/proc/self/stat").exists():
        for file in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):  # it has ended
                parents[int(file.parent.name)] = int(file.read_bytes().rsplit(b")", 1)[1].split()[1])
    else:
        with subprocess.Popen(["ps", "-A", "-o", "pid=,ppid="], stdout=subprocess.PIPE, text=True) as ps:
            parents = {int(pid): int(parent) for pid, parent in map(str.split, ps.stdout)}
        parents.pop(ps.pid, None)
    found = set()
    while more := {pid for pid, parent in parents.items() if parent in {top, *found}} - found:
        found |= more
    return found


@contextlib.contextmanager
def alone(path, doing):
    """Hold a lock; while another process has it, say which and wait. It ends with its holder, however that ends.

    Args:
        path: of the lock, a file that says who holds it.
        doing: what is done with it, to be said to those who wait.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        waited = False
        while not taken(file):
            if not waited:
                file.seek(0)
                say(f"waiting: another run.py {doing} ({file.read() or 'just started'})")
                waited = True
            time.sleep(0.3)
        file.truncate(0)
        file.write(f"process {os.getpid()} on {platform.node()}, since {time.strftime('%Y-%m-%d %H:%M:%S')}")
        file.flush()
        yield
        file.truncate(0)


def taken(file):
    """Whether the lock of an open file could be had. Where a file system has no locks, it can."""
    try:
        if os.name == "posix":
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            file.seek(2**20)  # a byte beyond the text, for what is locked there cannot be read by others
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    except (BlockingIOError, PermissionError):
        return False
    except OSError as error:
        say(f"{file.name} cannot be locked here ({error.strerror}): start nothing else in this folder meanwhile")
    return True


MEMORY = 700_000_000  # bytes for one process: a test worker takes 290 MB, a kernel that trains more


def processes():
    """How many processes are to work at once: one a processor, if the memory that is free is enough."""
    count = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    if quota := allowed("cpu.max"):
        count = min(count, -(-quota[0] // quota[1]))
    if free := free_memory():
        count = min(count, free // MEMORY)
    return max(count, 1)


def free_memory():
    """Free memory in bytes, at most the limit of a container; None where the system does not say."""
    found = []
    try:
        text = Path("/proc/meminfo").read_text(encoding="utf-8")
        found.append(int(re.search(r"^MemAvailable:\s*(\d+) kB", text, re.M).group(1)) * 1024)
    except (OSError, AttributeError):
        if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
            found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for limit in map(allowed, ("memory.max", "memory/memory.limit_in_bytes")):  # of both versions
        found += limit or []
    return min(found, default=None)


def allowed(name, groups=Path("/sys/fs/cgroup")):
    """The numbers in a file of Linux's control groups, which hold containers; None without a limit."""
    try:
        return [int(word) for word in (groups / name).read_text().split()]
    except (OSError, ValueError):  # no such file, or "max"
        return None


def hand_over(*command, cwd=ROOT, asks=False, **settings):
    """Run a Python command in .venv, in the project's folder unless told another; returns its exit code.

    One BLAS thread a process: processes share the processors, threads would fight over them.
    """
    given = {
        **variables(("PYTHONPATH", "PYTEST_")),
        "OMP_NUM_THREADS": "1",
        "LOKY_MAX_CPU_COUNT": str(processes()),  # joblib's
        "PYTHONUNBUFFERED": "1",
        "MATPLOTLIBRC": os.devnull,  # matplotlib as it comes, whatever the user has set
        "PYTHONUTF8": "1",  # every file is read and written as UTF-8, whatever the locale says
        "PATH": f"{PYTHON.parent}{os.pathsep}{os.environ.get('PATH', '')}",
        **settings,
    }
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        # numba, Matplotlib and Jupyter keep files in the home folder; users of containers may have none
        if os.name == "posix" and not os.access(Path("~").expanduser(), os.W_OK):
            given["HOME"] = home
        return guarded([str(PYTHON), *command], cwd, given, asks)


def settings_of(arguments):
    """What the task graph is told: profile, networks and folder of a build."""
    networks = "reference" if arguments.reference else "trained"
    output = arguments.output or ROOT / "build" / f"{arguments.profile}-{networks}"
    output = Path(output).absolute()
    store = os.environ.get("SCHUR_LIB_STORE") or (
        output / "store" if arguments.output else ROOT / "build" / "store"
    )
    return output, [
        f"profile={arguments.profile}",
        f"networks={networks}",
        f"output={output}",
        f"store={Path(store).absolute()}",
    ]


@contextlib.contextmanager
def building_in(output):
    """Make a folder for a build, and have it alone."""
    with contextlib.ExitStack() as stack:
        try:
            output.mkdir(parents=True, exist_ok=True)
            stack.enter_context(alone(output / "lock", f"builds in {output}"))
        except OSError as error:
            sys.exit(f"cannot build in {output}: {error.strerror}; --output DIR builds in a folder of your choice")
        yield


def book(arguments):
    output, settings = settings_of(arguments)
    with building_in(output):
        code = hand_over(
            "-m", "doit", "-f", "dodo.py", "run", "-n", str(processes()), "-P", "thread", *settings, "book"
        )
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
    with building_in(output):
        code = hand_over("-m", "doit", "-f", "dodo.py", "run", *settings, f"notebook:{arguments.name}")
    if code:
        say("the notebook was NOT executed: the reason is above")
    else:
        say(
            f"its figures and tables are in {output / 'records' / arguments.name}.shown, the "
            f"executed notebook is {output / 'chapters' / arguments.name}.ipynb"
        )
    return code


def lab(arguments):
    return hand_over("-m", "tools.lab", *arguments.rest, asks=True)


def why(arguments):
    return hand_over("-m", "tools.why", *settings_of(arguments)[1])


def test(arguments):
    # modules in the order of tests/conftest.py
    spread = ("-n", str(processes()), "--dist", "loadscope", "--no-loadscope-reorder")
    code = hand_over("-m", "pytest", *spread, *arguments.rest, asks=True)
    say("the tests passed" if code == 0 else "the tests did NOT pass")
    return code


def references(arguments):
    return hand_over(
        "-m", "tools.references", "--processes", str(processes()), *(["--check"] if arguments.check else [])
    )


def portability(arguments):
    return hand_over("-m", "tools.portability", *arguments.rest)


def faults(arguments):
    return hand_over("-m", "tools.faults", *arguments.rest)


def pair(arguments):
    return hand_over(
        "-m", "tools.pairs", *arguments.names, *(["--keep", arguments.keep] if arguments.keep else [])
    )


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
        sub = commands.add_parser(
            function.__name__, help=text, description=text, allow_abbrev=False, add_help=add_help
        )
        sub.set_defaults(function=function)
        return sub

    for function, text in (
        (book, "train, execute the notebooks and build the book"),
        (pdf, "the same, and print it to <folder of the build>/book.pdf; needs Chromium"),
        (notebook, "execute one notebook, with all that it needs"),
        (why, "say of each task of the book why it would run again"),
    ):
        sub = command(function, text)
        if function is notebook:
            sub.add_argument("name", help="of a file in notebooks/, without its ending")
        sub.add_argument(
            "--reference", action="store_true", help="use the networks shipped in data/ instead of training"
        )
        sub.add_argument(
            "--profile",
            choices=("paper", "quick"),
            default="paper",
            help="paper: the paper's setting (default); quick: toy sizes, no results",
        )
        sub.add_argument(
            "--output", metavar="DIR", help="build there, store and all, instead of build/<profile>-<networks>"
        )
    command(
        test, "run the tests, with --slow those that take long and are rarely broken too; arguments go to pytest"
    )
    sub = command(
        references,
        "execute the notebooks again, rewrite their reference outputs and "
        "data/results, and show what changed in numbers",
    )
    sub.add_argument("--check", action="store_true", help="write nothing; fail if anything changed")
    command(
        portability,
        "measure shipped tables again under other instructions, threads and seeds; arguments "
        "and --help are those of tools.portability",
        add_help=False,
    )
    command(
        faults,
        "kill builds, fill their disks and damage their files, and see whether anything is lost or wrong",
        add_help=False,
    )
    command(
        lab,
        "open the notebooks in JupyterLab, with the project's kernel; installs it into build/lab the first time",
        add_help=False,
    )
    sub = command(pair, "say whether the two files of a notebook differ, and keep what either says")
    sub.add_argument("names", nargs="*", metavar="NAME", help="of a notebook (default: all)")
    sub.add_argument("--keep", choices=("py", "ipynb"), help="the file whose text is to hold for both")
    # Its options are those of `python -m report`, and its --help too.
    command(
        report,
        "the whole diagnostic of your own network, from a weight file and a data file, as one HTML page",
        add_help=False,
    )
    sub = command(
        bench,
        "measure speed and memory beside torch.nn.RNN and scipy, and rewrite "
        "data/benchmarks and the table in the README",
    )
    sub.add_argument("--peers", action="store_true", help="beside JAX too, installed into build/bench-peers")
    sub.add_argument(
        "--output", type=here, metavar="DIR", help="write the tables there, and leave the README as it is"
    )
    return top


def main():
    top = parser()
    arguments, rest = top.parse_known_args()
    if rest and arguments.command not in ("test", "report", "portability", "faults", "lab"):
        top.error(f"unknown arguments: {' '.join(rest)}")
    arguments.rest = rest
    if getattr(arguments, "reference", False) and arguments.profile == "quick":
        top.error("--reference goes with --profile paper only: the shipped networks are of the paper's setting")
    try:
        environment()
        sys.exit(arguments.function(arguments))
    except KeyboardInterrupt:
        print()  # after the ^C of a terminal
        stop(signal.SIGINT)
    except OSError as error:
        sys.exit(f"{error}: mend that (free some space if a disk is full), and run this again to go on")


def stop(number, frame=None):
    say(f"stopped ({signal.Signals(number).name}): what is finished is kept, run this again to go on")
    sys.exit(128 + number)


if __name__ == "__main__":
    if os.name == "posix":
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) != signal.SIG_IGN:  # as nohup has it
                signal.signal(number, stop)
    main()
