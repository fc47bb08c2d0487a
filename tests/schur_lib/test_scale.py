"""Beyond one process: other backends, workers that die, one store for all, and memory that stays flat."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import joblib
import pandas as pd
import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from schur_lib import Recipe, Spec, store, tasks, train, training
from schur_lib.dynamics import one_blas_thread
from schur_lib.initialisations import CONSTRUCTIONS

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
OPTIONS = {"n_symbols": 2, "n_channels": 2}


def tiny(seed, steps=30):
    recipe = Recipe(steps=steps, batch_size=8, clip_norm=1.0, horizons=(3, 5))
    construction = CONSTRUCTIONS[seed % 4]
    return Spec("copy", construction, 10, seed, recipe, OPTIONS)


def same(a, b):
    return all(torch.equal(a.tensors()[name], b.tensors()[name]) for name in a.tensors())


@pytest.fixture
def cluster(tmp_path):
    """A Dask scheduler and two worker processes of one thread on this machine; (client, workers)."""
    from distributed import Client

    file, log = tmp_path / "scheduler.json", open(tmp_path / "cluster.log", "w", encoding="utf-8")
    local = ["--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", str(file)]
    worker = ["worker", "--no-nanny", "--nthreads", "1", "--local-directory", str(tmp_path)]
    processes = []
    try:
        for command in (["scheduler", "--port", "0"], worker, worker):
            processes.append(
                subprocess.Popen(
                    [sys.executable, "-m", "dask", *command, *local],
                    env=ENVIRONMENT,
                    stdout=log,
                    stderr=log,
                )
            )
            while not file.exists():
                assert processes[0].poll() is None, (tmp_path / "cluster.log").read_text()
                time.sleep(0.05)
        with Client(scheduler_file=str(file), timeout=60) as client:
            client.wait_for_workers(2, timeout=60)
            yield client, processes[1:]
    finally:
        for process in processes:
            process.kill()
            process.wait()
        log.close()


@pytest.mark.slow
def test_a_sweep_on_dask_survives_a_killed_worker_and_equals_the_local_run(cluster, tmp_path):
    client, workers = cluster
    specs = [tiny(seed, steps=100) for seed in range(40)]
    folder, killed = tmp_path / "dask", {}

    def kill_one_at_work():
        pids = {pid: address for address, pid in client.run(os.getpid).items()}
        while "busy" not in killed:
            done = len(list(folder.glob("*.safetensors")))
            if done >= 5 and client.processing()[pids[workers[0].pid]]:
                workers[0].send_signal(signal.SIGKILL)
                killed["busy"] = done
            time.sleep(0.02)

    killer = threading.Thread(target=kill_one_at_work, daemon=True)
    killer.start()
    with joblib.parallel_config(backend="dask"):
        networks = train(specs, folder, progress=False)
    killer.join(5)
    assert workers[0].wait(10) == -signal.SIGKILL
    assert 5 <= killed["busy"] < 40, "the worker was not killed in the middle"
    assert [net.metadata["spec"]["seed"] for net in networks] == list(range(40))
    local = train(specs, tmp_path / "local", n_jobs=1, progress=False)
    assert all(same(a, b) for a, b in zip(networks, local, strict=True))
    left = {p.name for p in folder.iterdir()} - {f"{spec.name}.safetensors" for spec in specs}
    assert all(name.startswith(".") for name in left)  # what the killed worker had begun, at most


def test_ablations_measured_on_dask_are_those_of_a_local_run(cluster, tmp_path, monkeypatch):
    from distributed import get_task_stream

    from study.cache import measured
    from study.probes.profiles import profiles

    client, _ = cluster
    specs = [tiny(seed) for seed in range(8)]
    networks = train(specs, tmp_path / "networks", n_jobs=1, progress=False)
    tables, on = [], {"n_trials": 256}
    for name, backend in (("dask", "dask"), ("local", "sequential")):
        monkeypatch.setenv("SCHUR_LIB_STORE", str(tmp_path / name))
        monkeypatch.setenv("SCHUR_LIB_RESULTS", str(tmp_path / name / "results"))
        with joblib.parallel_config(backend=backend), get_task_stream(client) as stream:
            tables.append(measured("dask", profiles, specs, networks, on, removed=[["CC"], ["CR"]]))
        assert len(list((tmp_path / name / "measured").iterdir())) == len(specs)
        assert bool(stream.data) == (backend == "dask"), "the workers did not measure, or did both times"
    pd.testing.assert_frame_equal(*tables)
    assert (tables[0].groupby("seed").size() == 3).all()


RACE = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from test_scale import tiny
from schur_lib import train
folder, me = Path(sys.argv[1]), sys.argv[2]
(folder / f"ready{me}").touch()
while not (folder / "go").exists():
    time.sleep(0.001)
for seed in range(4):
    train([tiny(seed)], folder / "store", n_jobs=1, progress=False)
"""


def start_pair(script, folder):
    """The script in two processes, which begin their work at the same moment."""
    command = [sys.executable, "-c", script, str(folder)]
    here = os.path.dirname(__file__)
    pair = [subprocess.Popen([*command, str(i), here], env=ENVIRONMENT) for i in (0, 1)]
    while not all((folder / f"ready{i}").exists() for i in (0, 1)):
        assert all(process.poll() is None for process in pair)
        time.sleep(0.01)
    (folder / "go").touch()
    return pair


@pytest.mark.slow
def test_two_processes_that_train_the_same_specs_at_once_leave_one_sound_network_each(tmp_path):
    pair = start_pair(RACE, tmp_path)
    assert [process.wait(60) for process in pair] == [0, 0]
    specs = [tiny(seed) for seed in range(4)]
    left = {p.name for p in (tmp_path / "store").iterdir()}
    assert left == {f"{spec.name}.safetensors" for spec in specs}
    for spec in specs:
        assert same(store.load(spec, tmp_path / "store"), training.train_one(spec))


SAVES = """
import sys, time
from pathlib import Path
import torch
sys.path.insert(0, sys.argv[3])
from test_scale import tiny
from schur_lib import Network, store
folder, me = Path(sys.argv[1]), int(sys.argv[2])
net = Network(torch.full((300, 2), 1.0 + me), torch.full((300, 300), 1.0 + me), torch.ones(2, 300),
              metadata={"spec": tiny(0).as_dict()})
(folder / f"ready{me}").touch()
while not (folder / "go").exists():
    time.sleep(0.001)
for _ in range(150):
    store.save(tiny(0), net, folder / "store")
"""


@pytest.mark.slow
def test_who_reads_while_two_processes_write_meets_whole_networks_only(tmp_path):
    pair, loaded = start_pair(SAVES, tmp_path), 0
    while any(process.poll() is None for process in pair):
        if store.path(tiny(0), tmp_path / "store").exists():
            net = store.load(tiny(0), tmp_path / "store")  # raises on half a file
            assert net.W_hh[0, 0] == net.W_hh[-1, -1] == net.W_xh[0, 0]
            loaded += 1
    assert [process.wait() for process in pair] == [0, 0] and loaded > 0
    assert len(list((tmp_path / "store").iterdir())) == 1


def blas_threads():
    return {lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"}


def test_a_process_that_trains_uses_one_thread_and_gives_the_others_back(tmp_path, monkeypatch):
    before, seen = torch.get_num_threads(), set()

    def generator(purpose, seed):
        seen.add((torch.get_num_threads(), *blas_threads()))
        return tasks.generator(purpose, seed)

    monkeypatch.setattr(training, "generator", generator)
    torch.set_num_threads(2)
    try:
        with threadpool_limits(2, "blas"):
            training._train_into(tiny(0), tmp_path, None)
            assert seen == {(1, 1)}
            assert torch.get_num_threads() == 2 and blas_threads() == {2}
    finally:
        torch.set_num_threads(before)


def test_blas_has_one_thread_inside_nested_runs_and_all_of_them_afterwards():
    with threadpool_limits(2, "blas"):
        with one_blas_thread():
            with one_blas_thread():
                assert blas_threads() == {1}
            assert blas_threads() == {1}
        assert blas_threads() == {2}


MEMORY = """
import resource, sys
from pathlib import Path
import torch
from schur_lib import Network, tasks
from schur_lib.subjects import on_task
torch.manual_seed(0)
W = torch.linalg.qr(torch.randn(72, 72)).Q.contiguous()
net = Network(torch.randn(72, 8) / 8, W, torch.randn(8, 72) / 8)
def peak():  # MiB; of this program alone, where ru_maxrss begins with what the parent used
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().split("VmHWM:")[1].split()[0]) / 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
trials = on_task(net, tasks.copy(), 64)
trials.scores([W] * 3)
before = peak()
scores = trials.scores(W * (1 - k / 1e5) for k in range(int(sys.argv[1])))
assert len(scores) == int(sys.argv[1])
print(peak() - before)
"""


@pytest.mark.slow
def test_memory_of_an_ablation_run_does_not_grow_with_the_number_of_matrices():
    """All outputs of 2,500 runs would take 660 MiB."""
    done = subprocess.run([sys.executable, "-c", MEMORY, "2500"], env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 250
