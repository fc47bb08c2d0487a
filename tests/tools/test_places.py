"""Other people's places: what .venv, git, pip, Python and pytest are set to, and what may be written."""

import hashlib
import json
import os
import shlex
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import run
from tools import book
from tools.notebooks import ROOT

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the stand-ins are scripts with a #! line")
NOTHING = {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": ""}  # no test downloads

PYTHON = """import json, os, sys
with open({log!r}, "a") as file:
    file.write(json.dumps([sys.argv[1:], dict(os.environ)]) + chr(10))
answers = {answers!r}
if sys.argv[1] == "-c":
    print(answers["cuda"] if "requires" in sys.argv[2] else
          ascii(answers["libraries"]) if "sysconfig" in sys.argv[2] else sys.version_info[:2])
elif sys.argv[1:4] == ["-m", "pip", "index"]:
    print(answers["index"])
    sys.exit(not answers["index"])
elif sys.argv[1:4] == ["-m", "pip", "config"]:
    print(answers["config"])
"""


@pytest.fixture
def project(tmp_path):
    """A folder with run.py and what it reads; nothing is installed."""
    folder = tmp_path / "project"
    folder.mkdir()
    for name in ("run.py", "requirements.lock", "requirements-cuda.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    return folder


def stand_in(project, installed=True, cuda=False, index="", config=""):
    """Give the project a .venv whose Python writes down what it is called with and answers as told."""
    venv, log = project / ".venv", project / "log"
    (venv / "bin").mkdir(parents=True)
    (venv / "made-by-run.py").touch()
    answers = {"cuda": cuda, "index": index, "config": config, "libraries": str(venv)}
    (venv / "python.py").write_text(PYTHON.format(log=str(log), answers=answers), encoding="utf-8")
    command = shlex.join([sys.executable, "-I", str(venv / "python.py")])
    (venv / "bin" / "python").write_text(f'#!/bin/sh\nexec {command} "$@"\n', encoding="utf-8")
    (venv / "bin" / "python").chmod(0o755)
    if installed:
        code = "import run; run.INSTALLED.write_text(run.wanted())"
        subprocess.run([sys.executable, "-c", code], cwd=project, check=True)
    return lambda: [json.loads(line) for line in log.read_text().splitlines()]


def call(project, *arguments, **settings):
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "PYTEST_", "SCHUR_LIB_"))}
    done = subprocess.run(
        [sys.executable, "run.py", *arguments],
        cwd=project,
        capture_output=True,
        text=True,
        env={**kept, **NOTHING, **settings},
    )
    return done.returncode, done.stdout + done.stderr


# --- a .venv of somebody else ---------------------------------------------------------------


def whole(path):
    return {str(p.relative_to(path)): p.read_bytes() if p.is_file() else None for p in path.rglob("*")}


@pytest.mark.parametrize("python", [None, "exit 1", f'exec {shlex.quote(sys.executable)} "$@"'])
def test_an_environment_that_run_py_did_not_make_is_left_as_it_is(project, python):
    """Without a Python, with one that does not run, and with one that could be used."""
    venv = project / ".venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "pyvenv.cfg").write_text("home = /somewhere\nuv = 0.9\n")
    (venv / "mine.txt").write_text("mine")
    if python:
        (venv / "bin" / "python").write_text(f"#!/bin/sh\n{python}\n")
        (venv / "bin" / "python").chmod(0o755)
    before = whole(venv)
    code, said = call(project, "why")
    assert code == 1 and ".venv was made by something else" in said and "rename or remove it" in said
    assert whole(venv) == before


@pytest.mark.parametrize("kind", ["file", "link", "broken link"])
def test_a_file_or_a_link_named_venv_is_left_as_it_is(project, tmp_path, kind):
    venv, target = project / ".venv", tmp_path / "target"
    if kind == "file":
        venv.write_text("mine")
    else:
        venv.symlink_to(target)
    if kind == "link":
        target.mkdir()
        (target / "made-by-run.py").touch()
    code, said = call(project, "why")
    assert code == 1 and f".venv is a {'file' if kind == 'file' else 'link to'}" in said
    assert venv.read_text() == "mine" if kind == "file" else venv.is_symlink()


def test_what_run_py_began_to_make_it_makes_again(project):
    """Stopped between the folder and the installation."""
    (project / ".venv").mkdir()
    (project / ".venv" / "made-by-run.py").touch()
    code, said = call(project, "why")
    assert "making .venv" in said and "could not install requirements.lock" in said
    assert (project / ".venv" / "bin" / "python").exists()
    code, again = call(project, "why")  # and after an installation that failed
    assert "something else" not in again and "could not install requirements.lock" in again


def test_a_folder_that_cannot_be_written_is_named(project, monkeypatch):
    def refuse():
        raise PermissionError(13, "Permission denied", str(project / ".venv"))

    monkeypatch.setattr(run, "VENV", project / ".venv")
    monkeypatch.setattr(run, "INSTALLED", project / ".venv" / "installed")
    monkeypatch.setattr(run, "make", refuse)
    with pytest.raises(SystemExit, match="could not make .*Permission denied.*\n.*copy the project"):
        run.environment()


# --- what the surroundings are set to -------------------------------------------------------


def test_variables_of_python_do_not_reach_the_environment(project, tmp_path):
    calls = stand_in(project)
    code, said = call(
        project,
        "why",
        PYTHONPATH=str(tmp_path),
        PYTHONSAFEPATH="1",
        PIP_USER="1",
        PYTHONHOME=sys.base_prefix,
        PYTHONSTARTUP="x",
        PYTHONOPTIMIZE="1",
        LANG="C",
    )
    assert code == 0
    assert "set aside for what runs in .venv: PYTHONPATH\n" in said
    ((arguments, given),) = calls()
    assert not {"PYTHONPATH", "PYTHONSAFEPATH", "PYTHONHOME", "PYTHONSTARTUP", "PIP_USER"} & set(given)
    assert given["PYTHONOPTIMIZE"] == "1" and given["LANG"] == "C"


def test_foreign_modules_are_not_imported_and_our_own_are(tmp_path):
    """Run as the project is: a module of the project, in the environment, beside a numpy of others."""
    (tmp_path / "numpy.py").write_text("raise SystemExit('the foreign one')")
    given = {**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONSAFEPATH": "1"}
    code = (
        "import os, run, sys; from pathlib import Path; run.PYTHON = Path(sys.executable); "
        "sys.exit(run.hand_over('-m', 'tools.pairs', 'figure_1'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, '.'); {code}"],
        cwd=ROOT,
        env={**given, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and "the two files say the same" in done.stdout, done.stderr


def test_settings_of_pytest_do_not_reach_the_tests_and_arguments_do(project):
    calls = stand_in(project)
    code, said = call(
        project,
        "test",
        "-k",
        "word",
        PYTEST_DISABLE_PLUGIN_AUTOLOAD="1",
        PYTEST_ADDOPTS="--no-such-option",
        PYTEST_PLUGINS="none_such",
    )
    assert code == 0
    assert (
        "set aside for what runs in .venv: PYTEST_ADDOPTS, PYTEST_DISABLE_PLUGIN_AUTOLOAD, "
        "PYTEST_PLUGINS; arguments for pytest can follow `run.py test`"
    ) in said
    ((arguments, given),) = calls()
    assert arguments[-2:] == ["-k", "word"] and not [k for k in given if k.startswith("PYTEST_")]


ASTRAY = {
    "PIP_USER": "1",
    "PIP_TARGET": "/x",
    "PIP_PREFIX": "/x",
    "PIP_ROOT": "/x",
    "PIP_PYTHON": "/x",
    "PIP_REQUIRE_HASHES": "1",
    "PIP_NO_BINARY": ":all:",
    "PIP_CONSTRAINT": "/x",
    "PIP_DRY_RUN": "1",
    "PIP_PLATFORM": "x",
    "PIP_REQUIREMENT": "/x",
}
SOURCES = {"PIP_INDEX_URL": "file:///nowhere", "PIP_PROXY": "x", "PIP_CERT": "/x", "PIP_RETRIES": "1"}


def test_pip_is_told_where_from_by_its_settings_and_where_to_by_run_py(project):
    calls = stand_in(project, installed=False)
    code, said = call(project, "why", **ASTRAY, **SOURCES)
    assert code == 0, said
    assert "set aside for what runs in .venv: " + ", ".join(sorted(ASTRAY)) in said
    installs = [(words, given) for words, given in calls() if words[2:3] == ["install"]]
    assert len(installs) == 2  # the lock, and the project itself
    for _, given in installs:
        assert {name: given[name] for name in SOURCES} == SOURCES
        assert given["PIP_USER"] == given["PIP_REQUIRE_HASHES"] == "0"
        assert given["PIP_NO_BINARY"] == ":none:"
        assert not (set(ASTRAY) - {"PIP_USER", "PIP_REQUIRE_HASHES", "PIP_NO_BINARY"}) & set(given)
    assert {"--no-deps", "--require-hashes"} <= set(installs[0][0])
    assert "--require-hashes" not in installs[1][0]  # the project has no hash


@pytest.mark.parametrize("setting", ["global.target='/x'", "install.prefix='/x'", "global.python='/x'"])
def test_a_settings_file_of_pip_that_leads_elsewhere_is_named(project, setting):
    calls = stand_in(project, installed=False, config=f"global.index-url='x'\n{setting}")
    code, said = call(project, "why")
    assert code == 1 and f"pip's settings file says {setting}" in said
    assert f"PIP_CONFIG_FILE={os.devnull} python3 run.py why" in said
    assert not [words for words, _ in calls() if "install" in words]


# --- the size of the installation -----------------------------------------------------------

linux = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere pip takes the small build")


@linux
@pytest.mark.parametrize(
    ("index", "told", "cpu"),
    [
        ("torch (2.15.0)\nAvailable versions: 2.15.0, 2.13.0, 2.12.1", True, False),
        ("torch (2.15.0)\nAvailable versions: 2.13.0+cu130, 2.13.0, 2.12.0+cpu", True, False),
        ("torch (2.15.0)\nAvailable versions: 2.15.0+cpu, 2.13.0+cpu, 2.13.0", False, True),
        ("", False, False),  # there is no index to ask
    ],
)
def test_the_size_is_said_before_the_download_unless_the_small_build_is_offered(project, index, told, cpu):
    calls = stand_in(project, installed=False, index=index)
    code, said = call(project, "book", "--reference")
    assert ("3.0 GB" in said) == told
    if told:
        assert "PIP_EXTRA_INDEX_URL=<that address> python3 run.py book --reference" in said
        assert said.index("3.0 GB") < said.index("installing requirements.lock")
    lock = next(words for words, _ in calls() if "--requirement" in words)
    assert ("--constraint" in lock) == cpu


@linux
@pytest.mark.parametrize("cuda", [True, False])
def test_the_libraries_for_graphics_cards_come_with_the_build_that_asks_for_them_only(project, cuda):
    calls = stand_in(project, installed=False, cuda=cuda)
    call(project, "why")
    asked = [str(words) for words, _ in calls() if "--requirement" in words]
    assert ["requirements-cuda.lock" in words for words in asked] == [False, True][: 1 + cuda]


# --- processors and memory ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("processors", "quota", "free", "expected"),
    [
        (2, None, 24e9, 2),
        (64, None, 24e9, 34),
        (64, None, 2.9e9, 4),
        (64, [150_000, 100_000], 24e9, 2),
        (64, None, 1e8, 1),
        (64, None, None, 64),
    ],
)
def test_as_many_processes_as_processors_and_memory_allow(monkeypatch, processors, quota, free, expected):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: range(processors), raising=False)
    monkeypatch.setattr(run, "allowed", lambda name: quota)
    monkeypatch.setattr(run, "free_memory", lambda: free and int(free))
    assert run.processes() == expected


def test_memory_is_that_of_the_container(monkeypatch, tmp_path):
    (tmp_path / "memory.max").write_text("max\n")
    assert run.allowed("memory.max", tmp_path) is None and run.allowed("none", tmp_path) is None
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    assert run.allowed("cpu.max", tmp_path) == [50000, 100000]
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        monkeypatch.setattr(run, "allowed", {name: [3000]}.get)
        assert run.free_memory() == 3000


# --- git ------------------------------------------------------------------------------------

needs_git = pytest.mark.skipif(not shutil.which("git"), reason="there is no git")


def git(folder, *words):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    settings = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"]
    done = subprocess.run(
        ["git", *settings, *words], cwd=folder, env=kept, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A project under git, in a folder that is under git itself; and another repository, `other`."""
    for folder in (tmp_path, tmp_path / "ours", tmp_path / "other"):
        (folder / "schur_lib").mkdir(parents=True)
        (folder / "schur_lib" / "a.py").write_text(f"# {folder.name}\n")
        git(folder, "init")
        git(folder, "add", "schur_lib")
        git(folder, "commit", "-m", "x")
    monkeypatch.setattr(book, "ROOT", tmp_path / "ours")
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    return tmp_path / "ours"


@needs_git
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"GIT_DIR": "{other}/.git"},
        {"GIT_DIR": "{other}/.git", "GIT_WORK_TREE": "{other}"},
        {"GIT_WORK_TREE": "{other}"},
        {"GIT_INDEX_FILE": "{other}/.git/index"},
        {"GIT_OBJECT_DIRECTORY": "{other}/.git/objects"},
        {"GIT_COMMON_DIR": "{other}/.git"},
        {"GIT_CEILING_DIRECTORIES": "{other}"},
        {"GIT_NAMESPACE": "x"},
        {"GIT_PREFIX": "x/"},
        {"GIT_CONFIG_PARAMETERS": "'core.worktree={other}'"},
        {"GIT_TRACE": "1"},
    ],
    ids=lambda settings: " ".join(settings) or "nothing",
)
def test_git_is_asked_about_this_folder_whatever_is_set(repository, monkeypatch, settings):
    expected = git(repository, "rev-parse", "HEAD")[:12]
    for name, value in settings.items():
        monkeypatch.setenv(name, value.format(other=repository.parent / "other"))
    assert book.code_version()["commit"] == expected
    (repository / "schur_lib" / "a.py").write_text("# changed\n")
    assert book.code_version()["commit"] == f"{expected}, with changes that are not committed"


@needs_git
@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        ("owner", "dubious ownership"),
        ("broken", "not a git repository"),
        ("none", "git is not installed"),
        ("empty", "unknown revision"),
    ],
)
def test_where_git_cannot_tell_the_commit_is_unknown_and_the_reason_is_said(
    repository, monkeypatch, tmp_path, capsys, trouble, reason
):
    if trouble == "owner":
        if os.getuid():
            pytest.skip("only root can give a folder away")
        monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
        monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
        os.chown(repository, 12345, 12345)
    if trouble == "broken":
        (repository / ".git" / "HEAD").unlink()
    if trouble == "none":
        monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    if trouble == "empty":
        shutil.rmtree(repository / ".git")
        git(repository, "init")
    assert book.code_version()["commit"] == "unknown"
    said = capsys.readouterr().out
    assert said.startswith("book: commit unknown; ") and reason in said and said.count("\n") == 1


def test_a_folder_without_git_has_no_commit_and_nothing_is_said(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(book, "ROOT", tmp_path)
    assert book.code_version()["commit"] == "" and capsys.readouterr().out == ""


@needs_git
@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="the project is not under git here")
def test_a_clone_with_windows_line_ends_has_the_same_bytes(tmp_path):
    git(tmp_path, "clone", "-q", "--depth", "1", "-c", "core.autocrlf=true", ROOT.as_uri(), "clone")
    clone = tmp_path / "clone"
    assert b"\r" not in (clone / ".ci" / "run").read_bytes()
    for line in (clone / "data" / "checksums.sha256").read_text(encoding="utf-8").splitlines():
        known, name = line.split("  ")
        assert hashlib.sha256((clone / "data" / name).read_bytes()).hexdigest() == known, name
    assert git(clone, "status", "--porcelain") == ""


# --- a project that is read-only ------------------------------------------------------------


def test_copies_of_what_is_read_only_can_be_written_and_removed(tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    (source / "deep" / "__pycache__").mkdir(parents=True)
    (source / "deep" / "a.md").write_text("a")
    for path in (source / "deep" / "a.md", source / "deep", source):
        path.chmod(path.stat().st_mode & ~0o222)
    book.copy(source, target)
    assert whole(target) == {"deep": None, "deep/a.md": b"a"}
    assert all(path.stat().st_mode & stat.S_IWUSR for path in (target, *target.rglob("*")))
    book.remove(source)  # as a build of before has left it
    assert not source.exists()


def test_a_build_folder_that_cannot_be_made_is_named(project):
    stand_in(project)
    (project / "build").write_text("a file")
    code, said = call(project, "book")
    assert code == 1 and "cannot build in" in said and "--output DIR builds in a folder of your choice" in said


@pytest.mark.parametrize("there", [True, False])
def test_without_a_home_folder_what_runs_has_one_for_the_time(project, tmp_path, there):
    calls = stand_in(project)
    home = tmp_path / "home"
    if there:
        home.mkdir()
    assert call(project, "why", HOME=str(home))[0] == 0
    ((_, given),) = calls()
    assert (given["HOME"] == str(home)) == there and Path(given["HOME"]).exists() == there
