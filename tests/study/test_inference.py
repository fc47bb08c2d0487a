"""The inference of the recipe: what is drawn and accepted; a frozen table that was changed is refused."""

import json
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from schur_lib import store, tasks
from schur_lib.profile import ablation_profile
from schur_lib.recipes import COPY_RECIPE, NEURO_RECIPE, Recipe
from schur_lib.specs import Spec
from schur_lib.training import train_one
from study import folders, inference

SHIPPED = [name for name in inference.TABLES if (inference.FOLDER / f"{name}.csv").exists()]


def weights(net):
    return torch.cat([net.W_xh.flatten(), net.W_hh.flatten(), net.W_hy.flatten()])


def trials(task, n=64, **choice):
    return inference.variant(task, choice).sample(n, tasks.generator("tried", 0))


def test_draws_stay_within_the_prior_and_fill_it():
    for task, prior in inference.PRIOR.items():
        draws = pd.DataFrame([inference.draw(task, seed) for seed in range(400)])
        assert list(draws) == list(prior) == list(inference.TODAY[task])
        for name, (kind, *of) in prior.items():
            values = draws[name]
            if kind in ("one of", "either"):
                assert set(values) == set(of)
                assert values.value_counts(normalize=True).min() > 0.8 / len(of)
                continue
            low, high = of[-2:]
            if kind.endswith("or 0"):
                assert (values > 0).mean() == pytest.approx(of[0], abs=0.1)
                values = values[values > 0]
            assert values.between(low, high).all()
            middle = (low + high) / 2 if kind == "uniform" else math.sqrt(low * high)
            assert (values < middle).mean() == pytest.approx(0.5, abs=0.1)
    assert inference.draw("flip_flop", 7) == inference.draw("flip_flop", 7) != inference.draw("flip_flop", 8)


@pytest.mark.parametrize("task", inference.PRIOR)
def test_what_the_other_chapters_choose_is_one_of_the_variants_and_trains_to_the_same_network(task):
    for ours, theirs in zip(trials(task, **inference.TODAY[task]),
                            tasks.TASKS[task]().sample(64, tasks.generator("tried", 0)), strict=True):  # fmt: skip
        assert torch.equal(ours, theirs)
    known = train_one(Spec(task, seed=5, recipe=replace(NEURO_RECIPE, steps=4)))
    assert torch.equal(weights(inference.network(task, inference.TODAY[task], 5, steps=4)), weights(known))


def test_a_copy_network_is_that_of_the_library_at_each_of_its_steps():
    recipe = replace(COPY_RECIPE, horizons=(3, 5), advance_at=0.4)  # so that the curriculum moves on
    first = train_one(Spec("copy", hidden_size=9, seed=2, recipe=replace(recipe, steps=1, learning_rate=1e-30)))
    start = {name: getattr(first, name) for name in inference.TRAINED}  # which one step does not move
    curriculum = [tasks.copy(horizon=h) for h in (3, 5)]
    looks = inference.optimise(curriculum, start, replace(recipe, steps=5), tasks.generator("data", 2), at=(2, 5))
    for steps, net in looks:
        known = train_one(Spec("copy", hidden_size=9, seed=2, recipe=replace(recipe, steps=steps)))
        assert torch.equal(weights(net), weights(known))


@pytest.mark.slow
def test_what_is_continued_begins_with_the_shipped_network_and_goes_on_from_it():
    (done, shipped), (steps, longer) = inference.continued(0, steps=(20_010,))
    assert (done, steps) == (20_000, 20_010)
    assert torch.equal(weights(shipped), weights(store.load(Spec("copy", hidden_size=72), folders.NETWORKS)))
    moved = (weights(longer) - weights(shipped)).abs()
    assert 0 < moved.max() <= 0.0101  # Adam moves no weight by much more than the rate in a step


def test_the_penalty_is_the_weight_decay_of_torch():
    task, start = tasks.flip_flop(steps=4), {}
    g = torch.Generator().manual_seed(0)
    for name, shape in (("W_hh", (5, 5)), ("W_xh", (5, 3)), ("W_hy", (3, 5))):
        start[name] = torch.randn(shape, generator=g) / 3
    recipe = Recipe(steps=3, batch_size=8)
    [(step, net)] = inference.optimise([task], start, recipe, tasks.generator("data", 1), l2=0.3)
    parameters = {name: w.clone().requires_grad_() for name, w in start.items()}
    torch_adam = torch.optim.Adam(parameters.values(), lr=1e-3, weight_decay=0.3)
    data = tasks.generator("data", 1)
    for _ in range(3):
        x, y = task.sample(8, data)
        h, loss = torch.zeros(8, 5), 0
        for t in range(4):
            h = torch.tanh(x[t] @ parameters["W_xh"].T + h @ parameters["W_hh"].T)
            loss = loss + (h @ parameters["W_hy"].T - y[t]).square().mean() / 4
        torch_adam.zero_grad()
        loss.backward()
        torch_adam.step()
    assert step == 3
    for name, w in parameters.items():
        assert torch.allclose(getattr(net, name), w.detach(), atol=2e-6)
        assert not torch.allclose(getattr(net, name), start[name], atol=1e-3)


def test_a_flip_flop_without_a_forced_pulse_has_target_0_before_its_first():
    inputs, targets = trials("flip_flop", probability=0.1, forced=False)
    for trial in range(64):
        for bit in range(3):
            held = 0.0
            for t in range(25):
                held = float(inputs[t, trial, bit]) or held
                assert targets[t, trial, bit] == held
    assert (targets[0] == 0).any()
    _, later = trials("flip_flop", probability=0.1, forced=False, next_step=True)
    assert torch.equal(later[1:], targets[:-1]) and not later[0].any()


def test_sine_periods_ratio_and_cue():
    inputs, targets = trials("sine_generation", 4096, periods=2.0, ratio=3.0, cue_offset=0.0, cue_scale=2.0)
    assert inputs.min() == 0 and inputs.max() == pytest.approx(2 * 50 / 51)
    slowest, fastest = targets[:, inputs[0, :, 0].argmin(), 0], targets[:, inputs[0, :, 0].argmax(), 0]
    t = torch.arange(50) / 50
    assert torch.allclose(slowest, torch.sin(2 * math.pi * 2 * t), atol=1e-5)
    assert torch.allclose(fastest, torch.sin(2 * math.pi * 6 * t), atol=1e-5)


def test_integration_scale_cue_and_last_step():
    options = {"noise": 0.7, "drift": 0.1}
    inputs, targets = trials("context_integration", **options)
    other, scaled = trials("context_integration", **options, target_scale=3.0, cue=0.5, last_only=True)
    assert torch.equal(other[..., :2], inputs[..., :2]) and torch.equal(other[..., 2:], inputs[..., 2:] / 2)
    assert scaled.shape == (1, 64, 1) and torch.allclose(scaled, 3 * targets[-1:])
    chosen = torch.where(inputs[0, :, 2] == 1, inputs[..., 0].sum(0), inputs[..., 1].sum(0))
    assert torch.allclose(targets[-1, :, 0], chosen, atol=1e-5)


def test_the_nearest_share_is_accepted_and_a_nan_never_before_a_number():
    far = inference.distance([0.02, 0.01, np.nan, 0.005, 0.0101], 0.01)
    assert far[:2].tolist() == pytest.approx([math.log(2), 0]) and far[2] == np.inf
    assert inference.accepted(far, 0.4).tolist() == [False, True, False, False, True]
    assert inference.accepted(far, 0.01).tolist() == [False, True, False, False, False]
    assert inference.accepted([1.0, 1.0, 1.0, 0.5], 0.5).tolist() == [True, False, False, True]


def test_rejection_gives_the_posterior_of_a_toy():
    # log FVU = θ + noise with θ uniform in (−4, 4) and noise of SD 0.5: the posterior of θ is normal around the
    # log of what is printed, with the noise's SD, as long as it lies well inside the prior
    rng = np.random.default_rng(0)
    theta = rng.uniform(-4, 4, 40_000)
    fvu = np.exp(theta + 0.5 * rng.standard_normal(40_000))
    kept = theta[inference.accepted(inference.distance(fvu, math.e), 0.02)]
    assert len(kept) == 800
    assert kept.mean() == pytest.approx(1, abs=0.06) and kept.std() == pytest.approx(0.5, abs=0.04)


@pytest.fixture
def file(tmp_path):
    fvu = {task: {seed: 0.001 * 1.3**seed for seed in range(20)} for task in inference.PRIOR}
    file = tmp_path / "inference" / "calibration.csv"
    inference.freeze(inference.calibrated(fvu), file)
    return file


def test_a_frozen_table_reads_as_it_was_written_and_is_made_once(file):
    table = inference.frozen(file)
    assert table.groupby("task").accepted.sum().tolist() == [2, 2, 2]
    flip_flop = table[table.task == "flip_flop"]
    # 1.3 ** 6 = 4.83 times 0.001 is nearest to the paper's 0.0048
    assert flip_flop.seed[flip_flop.distance.idxmin()] == 6
    for row in table.to_dict("records"):
        choice = inference.choice_of(row)
        assert choice == pytest.approx(inference.draw(row["task"], row["seed"]), abs=1e-6)
        assert {type(value) for value in choice.values()} <= {str, bool, float}
    with pytest.raises(ValueError, match="the choice is made once"):
        inference.freeze(table, file)


def test_a_frozen_table_that_was_changed_is_refused(file):
    text = file.read_text()
    file.write_text(text.replace("True", "False", 1))
    with pytest.raises(ValueError, match="not the table that was frozen"):
        inference.frozen(file)
    stamp = json.loads(file.with_suffix(".json").read_text())
    file.write_text(text)
    assert stamp["table"] == folders.digest(file) and len(inference.frozen(file)) == 60


def test_what_is_ablated_is_new(file):
    table = inference.frozen(file)
    rows = inference.rows_to_ablate(table)
    new = rows[(rows.seed != rows.drawn) & (rows.drawn != inference.UNDRAWN)]
    assert len(new) == 6 * inference.FRESH and not set(new.seed) & set(table.seed)
    assert not rows.duplicated(["task", "drawn", "seed"]).any()
    tried = rows[rows.drawn == inference.UNDRAWN]
    assert len(tried) == 10 and not set(tried.seed) & {*table.seed, *new.seed}
    assert inference.choice_of(tried.iloc[0]) == {"start": "hidden", "l2": 0, "probability": 0.05, "forced": False,
                                                  "next_step": False}  # fmt: skip
    for row in new.to_dict("records"):  # the choices of the draw
        assert inference.choice_of(row) == pytest.approx(inference.draw(row["task"], row["drawn"]), abs=1e-6)


def test_a_second_table_has_other_draws_and_new_networks_of_its_own(file, tmp_path):
    first = inference.rows_to_ablate(inference.frozen(file))
    fvu = {task: {seed: 0.001 * 1.3 ** (seed - 20) for seed in range(20, 40)} for task in inference.PRIOR}
    more = file.with_name("calibration_2.csv")
    inference.freeze(inference.calibrated(fvu), more)
    rows = inference.rows_to_ablate(inference.frozen(more))
    assert len(rows) == 3 * 20 + 6 * inference.FRESH and (rows.drawn >= 20).all()
    assert not set(zip(rows.task, rows.seed, strict=True)) & set(zip(first.task, first.seed, strict=True))
    assert [inference.ablations_of(f).name for f in (file, more)] == ["ablations.csv", "ablations_2.csv"]


def test_the_command_makes_what_is_not_there(tmp_path, monkeypatch):
    monkeypatch.setattr(inference, "FOLDER", tmp_path)
    monkeypatch.setattr(inference, "DRAWS", 2)
    monkeypatch.setattr(inference, "TABLES", ("calibration", "calibration_2"))
    small = Recipe(steps=1, batch_size=2)
    monkeypatch.setattr(inference, "NEURO_RECIPE", small)
    network = inference.network
    monkeypatch.setattr(inference, "network", lambda task, choice, seed: network(task, choice, seed, steps=1))
    command = ["--networks", str(tmp_path / "networks"), "--processes", "1"]
    inference.main(["calibrate", *command])
    tables = [inference.frozen(tmp_path / f"{name}.csv") for name in inference.TABLES]
    assert [sorted(set(table.seed)) for table in tables] == [[0, 1], [2, 3]]
    inference.main(["ablate", *command])
    found = [inference.read(tmp_path / name) for name in ("ablations.csv", "ablations_2.csv")]
    assert [len(table) for table in found] == [10 + 3 * (2 + 3), 3 * (2 + 3)]
    files = {path: path.read_bytes() for path in tmp_path.glob("*.csv")}
    for action in ("calibrate", "ablate"):  # nothing is made twice
        inference.main([action, *command])
    assert files == {path: path.read_bytes() for path in tmp_path.glob("*.csv")}
    monkeypatch.setattr(folders, "shipped", lambda path: path)
    assert inference.again(4).difference.max() < 1e-6


def test_what_is_found_of_a_network_is_its_ablation_profile():
    net = inference.network("flip_flop", inference.TODAY["flip_flop"], 0, steps=3)
    found = inference.ablated("flip_flop", inference.TODAY["flip_flop"], net)
    known = ablation_profile(net, tasks.flip_flop()).set_index("removed")
    assert found["fvu"] == known.score[""] == inference.intact("flip_flop", inference.TODAY["flip_flop"], net)
    assert [found[b] for b in ("RR", "CR", "CC")] == known.delta[["RR", "CR", "CC"]].tolist()
    assert [found[f"mass_{b}"] for b in ("RR", "CR", "CC")] == known.mass[["RR", "CR", "CC"]].tolist()


def test_a_killed_run_goes_on_with_what_it_has(tmp_path, monkeypatch):
    made = []

    def network(task, choice, seed):
        made.append(seed)
        return inference_network(task, choice, seed, steps=2)

    inference_network = inference.network
    monkeypatch.setattr(inference, "network", network)
    rows = [{"task": "flip_flop", "seed": seed, **inference.TODAY["flip_flop"]} for seed in (0, 1)]
    first = inference._all(tmp_path, inference.intact, rows[:1], 1)
    assert inference._all(tmp_path, inference.intact, rows, 1)[:1] == first and made == [0, 1]


@pytest.mark.parametrize("name", SHIPPED)
def test_the_shipped_ablations_are_of_the_frozen_choice(name):
    table = inference.frozen(inference.FOLDER / f"{name}.csv")
    shipped = inference.read(folders.shipped(inference.ablations_of(inference.FOLDER / f"{name}.csv")))
    rows = inference.rows_to_ablate(table)
    assert rows[["task", "drawn", "seed"]].equals(shipped[["task", "drawn", "seed"]])
    own = shipped[shipped.seed == shipped.drawn].reset_index(drop=True)
    assert np.allclose(own.fvu, table.fvu, rtol=1e-4, atol=2e-7)
    fvu = {task: dict(zip(part.seed, part.fvu, strict=True)) for task, part in table.groupby("task", sort=False)}
    assert (inference.calibrated(fvu).accepted == table.accepted).all()


def test_the_shipped_draws_are_each_of_its_seed():
    tables = [inference.frozen(inference.FOLDER / f"{name}.csv") for name in inference.TABLES]
    table, n = pd.concat(tables, ignore_index=True), inference.DRAWS * len(tables)
    for task, part in table.groupby("task"):
        assert part.seed.tolist() == list(range(n)) and part.accepted.sum() == inference.ACCEPTED * n
        assert inference.choice_of(part.iloc[-1]) == pytest.approx(inference.draw(task, n - 1), abs=1e-6)


@pytest.mark.slow
def test_networks_of_the_shipped_tables_trained_anew_give_the_same_numbers():
    assert inference.again(10).difference.max() < 1e-3
