"""Training follows the recipe, is reproducible, and survives whatever kills it."""

import os
import signal
import subprocess
import sys
import time
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from joblib import parallel_config

from schur_lib import (
    Network,
    Recipe,
    Spec,
    initialisations,
    ordered_schur,
    rollout,
    store,
    tasks,
    train,
    training,
)
from schur_lib.dynamics import plain_states
from schur_lib.initialisations import recurrent_matrix
from schur_lib.recipes import COPY_RECIPE
from schur_lib.tasks import generator
from schur_lib.training import train_one

TINY = Recipe(steps=30, batch_size=8, clip_norm=1.0, horizons=(3, 5))


def tiny(construction="dense_orthogonal", seed=0, **changes):
    return Spec("copy", construction, 10, seed, TINY, {"n_symbols": 2, "n_channels": 2} | changes)


def test_the_default_copy_recipe_is_the_ancestors():
    assert COPY_RECIPE == Recipe(20_000, 64, 1e-3, 1.0, (10, 20, 40, 60, 100), 0.96)
    assert Spec("flip_flop").recipe == Recipe(3840, 64, 1e-3)


def test_the_same_spec_gives_the_same_weights_and_another_seed_does_not():
    a, b, other = train_one(tiny()), train_one(tiny()), train_one(tiny(seed=1))
    assert torch.equal(a.W_hh, b.W_hh) and torch.equal(a.W_hy, b.W_hy)
    assert not torch.equal(a.W_hh, other.W_hh)


@pytest.mark.parametrize("construction", ["dense_default", "dense_orthogonal", "dense_normal", "cayley"])
def test_200_steps_end_where_a_plain_loop_with_autograd_ends(construction):
    """An independent training loop, in float64 with torch's own parts, from the same start and data."""
    recipe = Recipe(steps=200, batch_size=16, clip_norm=1.0, horizons=(6,))
    options = {"n_symbols": 3, "n_channels": 2}
    spec = Spec("copy", construction, 12, 3, recipe, options)
    start, data = generator("start", 3), generator("data", 3)
    parameters = initialisations.initial_parameters(construction, 12, start)
    parameters["W_xh"] = initialisations.uniform((12, 2), 12, start)
    parameters["W_hy"] = initialisations.uniform((2, 12), 12, start)
    parameters = {k: v.double().requires_grad_() for k, v in parameters.items()}
    optimiser = torch.optim.Adam(parameters.values(), lr=1e-3)
    task = tasks.copy(3, 2, 6)
    for _ in range(200):
        inputs, targets = task.sample(16, data)
        net = Network(parameters["W_xh"], recurrent_matrix(parameters), parameters["W_hy"])
        H = plain_states(net, inputs.double(), free_steps=6)
        loss = ((H @ parameters["W_hy"].T)[3:] - targets).square().mean()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters.values(), 1.0)
        optimiser.step()
    trained = train_one(spec)
    # Adam moves each entry by up to 1e-3 a step: 0.2 in all. Float32 drift is far below.
    moved = (trained.W_hy.double() - parameters["W_hy"]).abs().max()
    assert moved < 2e-3
    assert (trained.W_hh.double() - recurrent_matrix(parameters)).abs().max() < 2e-3


@pytest.mark.parametrize("construction", ["dense_default", "dense_orthogonal", "dense_normal", "cayley"])
def test_gradients_of_the_loss_match_finite_differences_in_float64(construction):
    """Through construction, fused rollout, readout and the slice of the scored steps."""
    g = generator("start", 0)
    parameters = initialisations.initial_parameters(construction, 6, g)
    parameters |= {"W_xh": torch.randn(6, 2, generator=g), "W_hy": torch.randn(2, 6, generator=g)}
    leaves = [p.double().requires_grad_() for p in parameters.values()]
    inputs, targets = (t.double() for t in tasks.copy(3, 2, 4).sample(3, g))

    def loss(*values):
        named = dict(zip(parameters, values, strict=True))
        net = Network(named["W_xh"], recurrent_matrix(named), named["W_hy"])
        return (rollout(net, inputs, free_steps=4)[-4:] - targets).square().mean()

    assert torch.autograd.gradcheck(loss, leaves)


def test_training_learns_to_replay():
    recipe = Recipe(steps=600, clip_norm=1.0, horizons=(4,))
    options = {"n_symbols": 2, "n_channels": 2, "horizon": 4}
    net = train_one(Spec("copy", "dense_orthogonal", 16, 0, recipe, options))
    rows = np.array(net.metadata["history"]["rows"])
    assert rows[-1, 3] > 0.99 > rows[0, 3] and rows[-1, 2] < 0.2 * rows[0, 2]


def test_the_curriculum_moves_on_when_the_accuracy_allows_and_not_before():
    never = train_one(tiny()).metadata["history"]["rows"]
    assert {row[1] for row in never} == {3}
    recipe = Recipe(steps=30, batch_size=8, horizons=(3, 5), advance_at=0.01)
    always = train_one(Spec("copy", "dense_orthogonal", 10, 0, recipe)).metadata["history"]["rows"]
    assert [row[1] for row in always[:2]] == [3, 5]


def test_a_trained_cayley_network_has_couplings_at_rounding_level():
    form = ordered_schur(train_one(tiny("cayley")).W_hh)
    assert form.removed_mass({"RR", "CR", "CC"}) < 1e-6


def test_a_stored_network_is_not_trained_again(tmp_path):
    first = train([tiny()], tmp_path, progress=False)[0]
    file = store.path(tiny(), tmp_path)
    before = file.stat().st_mtime_ns
    again = train([tiny(), tiny()], tmp_path, progress=False)
    assert file.stat().st_mtime_ns == before and len(again) == 2
    assert all(torch.equal(net.W_hh, first.W_hh) for net in again)
    assert first.metadata["spec"] == tiny().as_dict()


def test_networks_come_in_the_order_of_their_specs_from_processes_as_in_line(tmp_path):
    specs = [tiny(seed=s) for s in (2, 0, 1)]
    parallel = train(specs, tmp_path / "a")
    inline = train(specs, tmp_path / "b", n_jobs=1, progress=False)
    assert [net.metadata["spec"]["seed"] for net in parallel] == [2, 0, 1]
    assert all(torch.equal(a.W_hh, b.W_hh) for a, b in zip(parallel, inline, strict=True))


def test_networks_are_trained_by_a_backend_that_gives_them_all_at_once(tmp_path):
    with parallel_config(backend="multiprocessing", n_jobs=2):
        nets = train([tiny(seed=s) for s in range(2)], tmp_path, progress=False)
    assert torch.equal(nets[1].W_hh, train_one(tiny(seed=1)).W_hh)


def test_progress_runs_to_the_end_and_leaves_nothing_beside_the_networks(tmp_path, capsys):
    train([tiny(seed=s) for s in range(3)], tmp_path, n_jobs=2)
    shown = capsys.readouterr().err
    assert "training 3 networks" in shown and "100%" in shown and "left" in shown
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("n", [1, 2])
def test_progress_moves_with_the_steps_of_networks_that_are_not_finished(tmp_path, monkeypatch, n):
    """The first network stays at half its steps until the bar has been seen there."""
    bars = []

    class Bar(training.tqdm):
        def __init__(self, **settings):
            super().__init__(**settings)
            bars.append(self)

    def half(spec, report):
        report(0.5)
        until = time.monotonic() + 30
        while spec.seed == 0 and bars[0].n < bars[0].total * (n - 0.5) / n:
            assert time.monotonic() < until
            time.sleep(0.01)
        return net

    net = train_one(tiny())
    monkeypatch.setattr(training, "tqdm", Bar)
    monkeypatch.setattr(training, "train_one", half)
    monkeypatch.setattr(training.store, "load", lambda *_: net)
    with parallel_config(backend="threading", n_jobs=2):
        train([tiny(seed=seed) for seed in range(n)], tmp_path)
    assert bars[0].n == bars[0].total


def test_a_damaged_file_is_named_set_aside_and_trained_again(tmp_path):
    good = train([tiny()], tmp_path, progress=False)[0]
    file = store.path(tiny(), tmp_path)
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.warns(UserWarning, match=f"{file.name}.*set aside"):
        again = train([tiny()], tmp_path, progress=False)[0]
    assert torch.equal(again.W_hh, good.W_hh)
    assert sorted(p.name for p in tmp_path.iterdir()) == [file.name, f"{file.name}.damaged"]


def test_a_file_under_the_wrong_name_is_not_taken(tmp_path):
    train([tiny()], tmp_path, progress=False)
    os.replace(store.path(tiny(), tmp_path), store.path(tiny(seed=1), tmp_path))
    with pytest.raises(ValueError, match="does not hold the network"):
        store.load(tiny(seed=1), tmp_path)


def test_a_network_that_other_code_trained_is_trained_again(tmp_path, monkeypatch):
    train([tiny()], tmp_path, progress=False)
    assert store.has(tiny(), tmp_path)
    monkeypatch.setattr(store, "training_code", lambda: "another")
    with pytest.warns(UserWarning, match="another version of the code"):
        assert not store.has(tiny(), tmp_path)


@pytest.mark.parametrize("provenance", [None, [], ["code"], "text", 3, {}, {"code": None}])
def test_a_network_of_odd_provenance_is_trained_again(tmp_path, provenance):
    good = train([tiny()], tmp_path, progress=False)[0]
    store.save(tiny(), replace(good, metadata=good.metadata | {"provenance": provenance}), tmp_path)
    with pytest.warns(UserWarning, match="another version of the code"):
        again = train([tiny()], tmp_path, progress=False)[0]
    assert torch.equal(again.W_hh, good.W_hh) and again.metadata["provenance"]["code"] == store.training_code()


@pytest.mark.parametrize("spec", [None, [], "copy", {}])
def test_a_network_of_an_odd_spec_is_set_aside(tmp_path, spec):
    good = train([tiny()], tmp_path, progress=False)[0]
    store.save(tiny(), replace(good, metadata=good.metadata | {"spec": spec}), tmp_path)
    with pytest.warns(UserWarning, match="does not hold the network of.*set aside"):
        assert not store.has(tiny(), tmp_path)


def test_a_network_says_which_libraries_made_it(tmp_path):
    [net] = train([tiny()], tmp_path, progress=False)
    made = net.metadata["provenance"]
    assert set(made) == {"seconds", "trained", "code", "numba", "numpy", "scipy", "torch"}
    assert made["torch"] == torch.__version__.partition("+")[0] and made["numpy"] == np.__version__


KILLED = """
import sys
from schur_lib import Recipe, Spec, train
recipe = Recipe(steps=60, batch_size=8, horizons=(3,))
if __name__ == "__main__":
    specs = [Spec("copy", "dense_orthogonal", 10, s, recipe, {"n_symbols": 2, "n_channels": 2})
             for s in range(60)]
    print("ready", flush=True)
    train(specs, sys.argv[1], n_jobs=1, progress=False)
"""


@pytest.mark.slow
def test_kill_9_at_ten_random_moments_loses_no_finished_network(tmp_path):
    script, folder = tmp_path / "go.py", tmp_path / "store"
    script.write_text(KILLED)
    rng, finished = np.random.default_rng(0), {}
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"}
    for _ in range(10):
        process = subprocess.Popen(
            [sys.executable, str(script), str(folder)], stdout=subprocess.PIPE, env=environment
        )
        process.stdout.readline()
        time.sleep(rng.uniform(0.02, 0.6))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        now = {p.name: p.read_bytes() for p in folder.glob("*.safetensors")}
        assert finished.items() <= now.items(), "a finished network was lost or written again"
        for file in folder.glob("*.safetensors"):
            Network.load(file)
        finished = now
    recipe = Recipe(steps=60, batch_size=8, horizons=(3,))
    specs = [Spec("copy", "dense_orthogonal", 10, s, recipe, {"n_symbols": 2, "n_channels": 2}) for s in range(60)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        networks = train(specs, folder, n_jobs=1, progress=False)
    assert [net.metadata["spec"]["seed"] for net in networks] == list(range(60))
    assert finished.items() <= {p.name: p.read_bytes() for p in folder.glob("*.safetensors")}.items()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Spec("copyy"), "copyy"),
        (lambda: Spec("copy", "dense"), "dense_default"),
        (lambda: Spec("copy", hidden_size=0), "hidden_size"),
        (lambda: Spec("copy", seed=-1), "seed"),
        (lambda: Spec("copy", recipe=Recipe(steps=10)), "horizons"),
        (lambda: Spec("flip_flop", recipe=TINY), "horizons"),
        (lambda: Spec("flip_flop", task_options={"pulse_rate": 1}), "pulse_rate"),
        (lambda: Spec("flip_flop", task_options={"pulse_probability": 2}), "pulse_probability"),
        (lambda: Recipe(steps=0), "steps"),
        (lambda: Recipe(steps=10, horizons=(0,)), "horizons"),
        (lambda: Recipe(steps=10, learning_rate=float("nan")), "learning_rate"),
        (lambda: Recipe(steps=10, clip_norm=0), "clip_norm"),
    ],
)
def test_bad_specs_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def by_hand(spec):
    """Parameters and curve of a loop with torch's own Adam and clipping, in float64, from the same data."""
    recipe, start, data = spec.recipe, generator("start", spec.seed), generator("data", spec.seed)
    task, n_h = spec.make_task(), spec.hidden_size
    parameters = initialisations.initial_parameters(spec.construction, n_h, start)
    for name, shape in (("W_xh", (n_h, task.n_inputs)), ("W_hy", (task.n_outputs, n_h))):
        parameters[name] = (2 * torch.rand(shape, generator=start) - 1) / n_h**0.5
    parameters["W_hy"] *= recipe.readout_scale
    parameters = {k: v.double().requires_grad_() for k, v in parameters.items()}
    optimiser, stage, history = torch.optim.Adam(parameters.values(), lr=recipe.learning_rate), 0, []
    for step in range(1, recipe.steps + 1):
        if recipe.horizons:
            task = spec.make_task(horizon=recipe.horizons[stage])
        inputs, targets = task.sample(recipe.batch_size, data)
        net = Network(parameters["W_xh"], recurrent_matrix(parameters), parameters["W_hy"])
        H = plain_states(net, inputs.double(), free_steps=task.free_steps)
        outputs = (H @ parameters["W_hy"].T)[-len(targets) :]
        loss = (outputs - targets).square().mean()
        optimiser.zero_grad()
        loss.backward()
        if recipe.clip_norm:
            torch.nn.utils.clip_grad_norm_(parameters.values(), recipe.clip_norm)
        optimiser.step()
        score = float(task.score(outputs.detach(), targets))
        history.append([step, task.free_steps, loss.item(), score])
        if stage < len(recipe.horizons) - 1 and score > recipe.advance_at:
            stage += 1
    return {k: v.detach() for k, v in parameters.items()}, history


HAND = {
    "a curriculum that moves on": Spec(
        "copy", "cayley", 7, 2, Recipe(40, 8, 2e-3, 0.5, (2, 5, 3), 0.5, 0.3), {"n_symbols": 2, "n_channels": 2}
    ),
    "a curriculum that waits": Spec(
        "copy", "dense_default", 8, 5, Recipe(60, 4, 5e-3, 0.2, (2, 4, 6), 0.7), {"n_symbols": 2, "n_channels": 1}
    ),
    "no clipping": Spec("flip_flop", "dense_normal", 6, 1, Recipe(50, 8, 3e-3), {"steps": 9}),
    "a large readout": Spec("sine_generation", "dense_orthogonal", 6, 0, Recipe(50, 8, readout_scale=4.0)),
    "a rare clipping": Spec("context_integration", "dense_orthogonal", 6, 0, Recipe(50, 8, clip_norm=3.0)),
}


@pytest.mark.parametrize("name", HAND)
def test_weights_and_curve_are_those_of_torchs_adam_with_clipping_and_curriculum(name):
    spec = HAND[name]
    parameters, history = by_hand(spec)
    net = train_one(spec)
    for ours, theirs in ((net.W_xh, parameters["W_xh"]), (net.W_hh, recurrent_matrix(parameters)),
                         (net.W_hy, parameters["W_hy"])):  # fmt: skip
        assert ours.dtype == torch.float32 and not ours.requires_grad
        torch.testing.assert_close(ours.double(), theirs, atol=2e-4, rtol=0)
    curve = net.metadata["history"]
    assert curve["columns"] == ["step", "horizon", "loss", spec.make_task().metric.name]
    np.testing.assert_allclose(np.array(curve["rows"]), np.array(history), atol=2e-3)
    if spec.recipe.horizons:
        horizons = [row[1] for row in curve["rows"]]
        assert horizons[0] == 2 and horizons[-1] != 2  # the score was at times below and at times above


OFTEN = {"steps": 4, "first_pulse": True}  # no trial without a pulse: in so few the target would not vary


def test_the_curve_of_a_long_training_has_a_point_every_so_often_and_the_report_follows_it():
    spec, told = Spec("flip_flop", hidden_size=3, recipe=Recipe(1001, 4), task_options=OFTEN), []
    rows = train_one(spec, told.append).metadata["history"]["rows"]
    every = rows[0][0]
    assert [row[0] for row in rows] == list(range(every, 1002, every)) and 1 < every and 100 <= len(rows) <= 101
    np.testing.assert_allclose(told, np.array([row[0] for row in rows]) / 1001)
    short = train_one(Spec("flip_flop", hidden_size=3, recipe=Recipe(3, 4), task_options=OFTEN)).metadata[
        "history"
    ]["rows"]
    assert [row[0] for row in short] == [1, 2, 3]


def test_what_made_a_network_stands_in_its_metadata():
    before = time.time()
    net = train_one(tiny())
    made = net.metadata["provenance"]
    assert net.metadata["spec"] == tiny().as_dict() and set(net.metadata) == {"spec", "history", "provenance"}
    assert 0 <= made["seconds"] <= time.time() - before + 0.05
    assert made["trained"] in {time.strftime("%Y-%m-%d", time.gmtime(t)) for t in (before, time.time())}
    assert made["torch"] == torch.__version__.split("+")[0] and made["code"] == store.training_code()
    assert (net.b_h, net.b_y, net.h0, net.activation) == (None, None, None, "tanh")


def test_training_leaves_threads_and_random_numbers_as_they_were(tmp_path):
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    torch.set_num_threads(2)
    try:
        train([tiny()], tmp_path, progress=False)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(torch.get_rng_state(), state)


def test_without_a_folder_networks_go_into_the_users_store(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "default_folder", lambda: tmp_path / "mine")
    train([tiny()], progress=False)
    assert [p.name for p in (tmp_path / "mine").iterdir()] == [f"{tiny().name}.safetensors"]


def test_the_bar_of_a_single_network_is_shown_unless_it_is_told_not_to(tmp_path, capsys):
    train([tiny()], tmp_path / "a", progress=False)
    assert capsys.readouterr().err == ""
    train([tiny()], tmp_path / "b")
    shown = capsys.readouterr().err
    assert "training 1 network:" in shown and "100%" in shown
    train([tiny()], tmp_path / "b")
    assert capsys.readouterr().err == ""  # there is nothing to train
