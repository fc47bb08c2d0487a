"""Kernels and other processes of a build: forked with the libraries loaded, and gone with the build."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tools import forks, notebooks

only_forks = pytest.mark.skipif(not forks.FORKING, reason="forks are for Linux")


def python(code):
    return [sys.executable, "-c", code]


@only_forks
def test_what_kernels_are_forked_from_has_one_thread_and_every_compiled_kernel():
    code = """
import os, tools.preload, torch
from schur_lib import Network, kernels, rollout
known = len(kernels.forward.signatures), len(kernels.backward.signatures)
assert known == (2, 2), known
print(len(os.listdir("/proc/self/task")), "thread")
for dtype in (torch.float32, torch.float64):
    for activation in ("tanh", "relu"):
        net = Network(*(torch.ones(2, 2, dtype=dtype, requires_grad=True) for _ in range(3)),
                      activation=activation)
        rollout(net, torch.ones(3, 4, 2, dtype=dtype)).sum().backward()
        with torch.no_grad():
            rollout(net, torch.ones(3, 4, 2, dtype=dtype), torch.ones(5, 2, 2, dtype=dtype))
print(len(kernels.forward.signatures) - known[0], "and",
      len(kernels.backward.signatures) - known[1], "compiled since")
"""
    done = subprocess.run(python(code), cwd=notebooks.ROOT, capture_output=True, text=True)
    assert done.stdout == "1 thread\n0 and 0 compiled since\n", done.stderr


@only_forks
def test_a_kernel_begins_with_the_libraries_in_place(toy):
    toy("import sys\nprint({'torch', 'numba', 'seaborn', 'schur_lib'} <= set(sys.modules))")
    nb, _ = notebooks.execute("toy")
    assert nb.cells[1].outputs[0].text == "True\n"


def test_notebooks_side_by_side_have_folders_and_variables_of_their_own(toy, tmp_path):
    toy(
        "import os, pathlib, time\ntime.sleep(1)\n"
        "print(os.environ['SCHUR_LIB_RESULTS'], os.environ['OMP_NUM_THREADS'])\n"
        "print(pathlib.Path('toy.py').exists())"
    )
    here, results = os.getcwd(), [tmp_path / "one", tmp_path / "two"]
    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(lambda folder: notebooks.execute("toy", {}, folder), results))
    for (nb, _), folder in zip(made, results, strict=True):
        assert nb.cells[1].outputs[0].text == f"{folder} 1\nTrue\n"
    assert os.getcwd() == here


def test_a_kernel_that_ends_is_named_with_its_cell(toy):
    toy("x = 1", "import os\nos._exit(3)", "y = 2")
    with pytest.raises(RuntimeError) as caught:
        notebooks.execute("toy")
    assert str(caught.value) == (
        "notebooks/toy.py failed in cell 2:\n\n    import os\n    os._exit(3)\n\n"
        "Its kernel ended by itself, with the exit code 3."
    )


@only_forks
def test_a_kernel_that_is_killed_is_named_with_its_cell_and_a_word_on_memory(toy):
    toy("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    with pytest.raises(RuntimeError, match=r"toy.py failed in cell 1:(?s:.*)was killed \(signal 9\).* no memory"):
        notebooks.execute("toy")


def test_a_call_in_a_process_of_its_own_has_the_variables_of_now_and_tells_how_it_ended(monkeypatch):
    assert forks.call("os", "getcwd") == 0
    assert forks.call("os", "listdir", "no such folder") == 1
    monkeypatch.setenv("SCHUR_LIB_STORE", "elsewhere")
    assert forks.call("os", "execvp", "sh", ["sh", "-c", "test $SCHUR_LIB_STORE = elsewhere"]) == 0
    assert forks.call("os", "execvp", "sh", ["sh", "-c", "test $SCHUR_LIB_STORE = here"]) == 1


@pytest.mark.slow
@only_forks
@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_kernel_and_what_it_started_end_with_the_build(signum, toy, tmp_path):
    """The build is stopped the hard way, or with Ctrl-C, while a cell runs."""
    toy(
        "import os, pathlib, subprocess, time\n"
        "child = subprocess.Popen(['sleep', '300'])\n"
        f"pathlib.Path('{tmp_path}/pids.part').write_text(f'{{os.getpid()}} {{child.pid}}')\n"
        f"os.rename('{tmp_path}/pids.part', '{tmp_path}/pids')\n"
        "time.sleep(300)"
    )
    # in a thread, as in the task graph; a shell has its background jobs ignore Ctrl-C
    code = (
        "import pathlib, signal, threading\nfrom tools import notebooks\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"notebooks.FOLDER = pathlib.Path('{tmp_path}')\n"
        "run = threading.Thread(target=notebooks.execute, args=('toy',), daemon=True)\n"
        "run.start()\nwhile run.is_alive():\n    run.join(0.1)"
    )
    build = subprocess.Popen(python(code), cwd=notebooks.ROOT, stderr=subprocess.DEVNULL)
    try:
        wait_for((tmp_path / "pids").exists)
        pids = list(map(int, (tmp_path / "pids").read_text().split()))
        assert all(map(running, pids))
        build.send_signal(signum)
        assert build.wait(30) != 0
        wait_for(lambda: not any(map(running, pids)))
    finally:
        build.kill()


def wait_for(condition):
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.1)


def running(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
