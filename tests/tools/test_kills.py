"""Kills, locks, full disks: nothing goes on, nothing that finished is lost, and one sentence says what to do."""

import functools
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time

import pytest

import run
from tools import notebooks, troubles
from tools.notebooks import ROOT

slow = functools.partial(pytest.param, marks=pytest.mark.slow)
posix = pytest.mark.skipif(os.name != "posix", reason="signals and forks are not those of Windows")


def until(condition, seconds=30):
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return found


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    done = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
    return not done.stdout.startswith("Z")


# --- run.py and all below it ----------------------------------------------------------------


@pytest.fixture
def project(tmp_path):
    """A folder with run.py; call it with the shell script that stands in for the Python of its .venv."""
    folder = tmp_path / "project"
    (folder / ".venv" / "bin").mkdir(parents=True)
    for name in ("run.py", "requirements.lock", "requirements-cuda.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    (folder / ".venv" / "made-by-run.py").touch()

    def write(script, installed=True):
        python = folder / ".venv" / "bin" / "python"
        python.write_text(f"#!/bin/sh\n{script}\n")
        python.chmod(0o755)
        if installed:
            code = "import run; run.INSTALLED.write_text(run.wanted())"
            subprocess.run([sys.executable, "-c", code], cwd=folder, check=True)
        return folder

    return write


def heard():
    """A shell has its background jobs ignore Ctrl-C, and nohup a hang-up."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def start(folder, *arguments, file="said"):
    with (folder / file).open("w") as said:
        return subprocess.Popen(
            [sys.executable, "run.py", *arguments],
            cwd=folder,
            stdout=said,
            stderr=said,
            env={**os.environ, "PIP_NO_INDEX": "1"},
            preexec_fn=heard,
        )


TREE = """
setsid sleep 301 & echo $! > one
(setsid sh -c 'sleep 302 & echo $! > two' &)
until test -s one && test -s two; do sleep 0.05; done
echo $$ > three
"""  # a session of its own, and an orphan


def pids(folder):
    until((folder / "three").exists)
    found = [int(until((folder / name).read_text)) for name in ("one", "two", "three")]
    assert all(map(alive, found[:2]))
    return found


@posix
@pytest.mark.parametrize("number", [slow(signal.SIGKILL), signal.SIGTERM, signal.SIGINT, slow(signal.SIGHUP)])
def test_however_run_py_is_ended_all_below_it_ends(project, number):
    folder = project(TREE + "exec sleep 300")
    with start(folder, "book") as build:
        below = pids(folder)
        build.send_signal(number)
        assert build.wait(30) == (-number if number == signal.SIGKILL else 128 + number)
        until(lambda: not any(map(alive, below)))
    said = (folder / "said").read_text()
    assert "Traceback" not in said
    if number != signal.SIGKILL:
        assert f"stopped ({number.name}): what is finished is kept, run this again to go on" in said


@posix
def test_what_a_command_leaves_behind_ends_with_it_and_its_exit_code_is_kept(project):
    folder = project(TREE + "exit 7")
    with start(folder, "book") as build:
        assert build.wait(30) == 7
    assert not any(alive(int((folder / name).read_text())) for name in ("one", "two", "three"))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="orphans can be kept in sight on Linux only")
def test_if_the_guard_is_killed_all_ends_too(project):
    folder = project(TREE + "exec sleep 300")
    with start(folder, "book") as build:
        below = pids(folder)
        guard = until(lambda: [p for p in run.descendants(build.pid) if below[2] in run.descendants(p)])
        os.kill(min(guard), signal.SIGKILL)
        assert build.wait(30) != 0
    assert not any(map(alive, below))


@posix
def test_the_processes_below_one_are_found_without_proc_too(monkeypatch):
    child = subprocess.Popen(["sh", "-c", "sleep 60 & wait"])
    try:
        below = until(lambda: run.descendants(child.pid))
        found = run.descendants(os.getpid())
        assert found >= below | {child.pid} and os.getpid() not in found
        monkeypatch.setattr(run.Path, "exists", lambda path: False)
        assert run.descendants(child.pid) == run.descendants(child.pid) and len(run.descendants(child.pid)) == 1
    finally:
        for pid in run.descendants(child.pid) | {child.pid}:
            os.kill(pid, signal.SIGKILL)
        child.wait()


# --- one at a time --------------------------------------------------------------------------


@posix
@pytest.mark.parametrize("end", ["by itself", slow("kill -9")])
def test_a_second_build_into_the_same_folder_says_who_holds_it_and_waits(project, end):
    folder = project("echo . >> begun; until test -e go; do sleep 0.05; done")
    with start(folder, "book") as first, start(folder, "book", "--output", "other", file="elsewhere") as other:
        until(lambda: (folder / "begun").exists() and len((folder / "begun").read_text()) == 4)
        with start(folder, "notebook", "x", file="second") as second:
            assert second.wait(30) == 1  # there is no such notebook: no lock is asked for
        with start(folder, "book", file="second") as second:
            said = until(lambda: "waiting" in (text := (folder / "second").read_text()) and text)
            assert f"waiting: another run.py builds in {folder / 'build' / 'paper-trained'} (process " in said
            assert f"(process {first.pid} on " in said and ", since 20" in said
            assert len((folder / "begun").read_text()) == 4
            if end == "kill -9":
                first.kill()
                until(lambda: len((folder / "begun").read_text()) == 6)
            (folder / "go").touch()
            assert second.wait(30) == other.wait(30) == 0
            assert first.wait(30) == (-9 if end == "kill -9" else 0)
    assert (folder / "build" / "paper-trained" / "lock").read_text() == ""


def said(folder):
    return [(folder / name).read_text() for name in ("first", "second")]


@posix
def test_two_first_set_ups_in_one_folder_install_once(project):
    script = f"""case "$*" in
*"-m pip install"*) echo . >> pip; until test -e go; do sleep 0.05; done;;
*sysconfig*) echo "'$PWD'";;
*"-m pip"*|*tools*) ;;
*) exec {shlex.quote(sys.executable)} "$@";;
esac"""
    folder = project(script, installed=False)
    with start(folder, "why", file="first") as first, start(folder, "why", file="second") as second:
        until(lambda: any("waiting" in text for text in said(folder)))
        (folder / "go").touch()
        assert first.wait(60) == second.wait(60) == 0
    texts = said(folder)
    assert sorted("installing requirements.lock" in text for text in texts) == [False, True]
    assert sorted(f"waiting: another run.py sets up {folder / '.venv'} (process " in text for text in texts) == [
        False, True,
    ]  # fmt: skip
    assert len((folder / "pip").read_text().split()) == 2  # the lock, and the project itself
    assert (folder / "rooms.pth").exists()


def test_where_a_file_system_has_no_locks_it_goes_on_with_a_word(tmp_path, monkeypatch, capsys):
    def refuse(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(*((run.fcntl, "flock") if os.name == "posix" else (run.msvcrt, "locking")), refuse)
    with run.alone(tmp_path / "lock", "builds"):
        assert f"process {os.getpid()}" in (tmp_path / "lock").read_text()
    assert "cannot be locked here (Operation not supported)" in capsys.readouterr().out


# --- what is finished -----------------------------------------------------------------------

GRAPH = """
import os, time
from pathlib import Path
HERE = Path(__file__).parent
DOIT_CONFIG = {"backend": "files", "dep_file": str(HERE / "finished")}
def work(name):
    with (HERE / "log").open("a") as log:
        log.write(name)
    while name == "b" and not (HERE / "go").exists():
        time.sleep(0.05)
def task_work():
    for name in "abc":
        yield {"name": name, "actions": [(work, [name])], "file_dep": [HERE / "input"],
               "task_dep": ["work:a"] if name == "b" else ["work:b"] if name == "c" else []}
"""


@pytest.fixture
def graph(tmp_path):
    """Three tasks, one after the other; the second waits for a file. Call it to run them to their end."""
    (tmp_path / "dodo.py").write_text(GRAPH)
    (tmp_path / "input").write_text("x")
    command = [sys.executable, "-m", "doit", "-f", str(tmp_path / "dodo.py")]

    def build(wait=True, go=True):
        if go:
            (tmp_path / "go").touch()
        build = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return (build.communicate()[0], build.returncode) if wait else build

    return build


@pytest.mark.parametrize("threads", [slow(""), "'num_process': 2, 'par_type': 'thread', "])
def test_a_task_that_finished_before_a_kill_does_not_run_again(graph, tmp_path, threads):
    (tmp_path / "dodo.py").write_text(GRAPH.replace("DOIT_CONFIG = {", "DOIT_CONFIG = {" + threads))
    with graph(wait=False, go=False) as build:
        until(lambda: (tmp_path / "log").exists() and (tmp_path / "log").read_text() == "ab")
        build.kill()
    assert graph()[1] == 0 and (tmp_path / "log").read_text() == "abbc"
    assert graph()[1] == 0 and (tmp_path / "log").read_text() == "abbc"
    (tmp_path / "input").write_text("changed")
    assert graph()[1] == 0 and (tmp_path / "log").read_text() == "abbcabc"


@pytest.mark.parametrize("damage", ["", "[1]"])  # cut off, and of another form
def test_a_damaged_note_of_a_finished_task_is_named_and_the_task_runs_again(graph, tmp_path, damage):
    graph()
    (tmp_path / "finished" / "work-b.json").write_text(damage)
    said, code = graph()
    assert code == 0 and (tmp_path / "log").read_text() == "abcb"
    assert "work:b: its file" in said and "is damaged" in said and "Traceback" not in said
    json.loads((tmp_path / "finished" / "work-b.json").read_text())
    assert graph()[1] == 0 and (tmp_path / "log").read_text() == "abcb"


def test_a_finished_task_that_cannot_be_noted_ends_the_build_with_a_sentence(graph, tmp_path):
    (tmp_path / "finished").write_text("a file")
    said, code = graph()
    assert code != 0 and "work:a has finished, which could not be noted" in said and "run this again" in said
    assert "Traceback" not in said
    (tmp_path / "finished").unlink()
    assert graph()[1] == 0


# --- full disks, lost memory ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (OSError(28, "No space left on device", "a.csv"), "The disk is full: free some space"),
        (OSError(122, "Disk quota exceeded"), "The disk is full"),
        (MemoryError(), "Memory ran out"),
        (type("TerminatedWorkerError", (RuntimeError,), {})("A worker … was killed\nby"), "Memory ran out"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried …"), "Memory ran out"),
        (ValueError("sizes differ"), ""),
        (FileNotFoundError(2, "No such file", "memory"), ""),
    ],
)
def test_an_error_of_the_machine_has_a_remedy_and_others_have_none(error, word):
    said = troubles.said(error)
    first = str(error).splitlines()[:1]
    assert said.startswith(f"{type(error).__name__}: {''.join(first)}. {word}") if word else said == ""
    if word:
        with pytest.raises(SystemExit, match="what is finished is kept"), troubles.in_a_sentence():
            raise error
    else:
        with pytest.raises(type(error)), troubles.in_a_sentence():
            raise error


def test_a_full_disk_in_a_cell_is_a_sentence_with_the_cell(toy):
    toy("x = 1", "raise OSError(28, 'No space left on device', 'a.csv')")
    with pytest.raises(RuntimeError) as caught:
        notebooks.execute("toy")
    assert str(caught.value) == (
        "notebooks/toy.py failed in cell 2: OSError: [Errno 28] No space left on device: 'a.csv'. "
        "The disk is full: free some space, and run this again: what is finished is kept."
    )


def test_a_full_disk_under_the_execution_itself_is_a_sentence(toy, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    toy("x = 1")
    monkeypatch.setattr(notebooks.papermill, "execute_notebook", full)
    with pytest.raises(RuntimeError, match="toy.py could not be executed: OSError: .* The disk is full"):
        notebooks.execute("toy")


PROCESSES = """
from doit import doit_cmd
doit_cmd.reset_vars()
import dodo
from tests.tools import disk
from tools import forks, train
print(forks.call("tests.tools.disk", "full"))
print(dodo.in_a_sentence("train:copy", disk.full)().get_msg())
train.train = disk.full
train.run("copy", "quick", "x")
"""


def test_a_process_of_a_build_says_in_a_sentence_what_has_a_remedy():
    """A forked one, a task of the graph, a training."""
    done = subprocess.run([sys.executable, "-c", PROCESSES], cwd=ROOT, capture_output=True, text=True)
    sentence = "OSError: [Errno 28] No space left on device. The disk is full: free some space"
    assert done.returncode == 1 and "Traceback" not in done.stderr
    forked, task = done.stdout.split()[0], done.stdout
    assert forked == "1" and sentence in task and done.stderr.count(sentence) == 2


@posix
def test_run_py_itself_meets_a_full_disk_with_a_sentence(project):
    folder = project("exit 0")
    code = (
        "import sys, run\nsys.argv = ['run.py', 'why']\n"
        "def full(**_): raise OSError(28, 'No space left on device')\n"
        "run.tempfile.TemporaryDirectory = full\nrun.main()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.startswith("[Errno 28] No space left on device: mend that (free")
