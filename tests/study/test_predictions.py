"""Predictions are made once, compared later, and refused where anything has changed."""

import json
import subprocess
from dataclasses import replace

import joblib
import numpy as np
import pandas as pd
import pytest
import torch

from schur_lib import Network, Spec
from schur_lib.recipes import Recipe
from schur_lib.subjects import on_task
from study import catalogue, folders, packs, predictions
from study.cache import measure_one
from study.probes.predictor import FORMS, predict
from study.probes.profiles import profiles

ROOT = folders.PROJECT
SPECS = [Spec("flip_flop", hidden_size=8, seed=seed, recipe=Recipe(steps=1, batch_size=1)) for seed in (0, 1)]
COPY = Spec("copy", hidden_size=10)


def network(seed, n=8, maps=3, scale=0.5):
    g = torch.Generator().manual_seed(seed)
    draw = lambda *shape: scale * torch.randn(*shape, generator=g)  # noqa: E731
    return Network(draw(n, maps), draw(n, n), draw(maps, n))


NETWORKS = [network(0), network(1)]


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setitem(predictions.LIMITS, "n_trials", 32)
    monkeypatch.setitem(predictions.LIMITS, "n_measured", 64)
    with joblib.parallel_config("threading"):  # other processes would not know of it
        yield


@pytest.fixture
def file(few, tmp_path):
    file = tmp_path / "predicted" / "first.csv"
    predictions.freeze(file, SPECS, NETWORKS)
    return file


def test_what_is_frozen_is_the_prediction_and_what_is_compared_the_ablation(file):
    table = predictions.compare(file, SPECS, NETWORKS)
    assert len(table) == 14 and table.seed.tolist() == [0] * 7 + [1] * 7
    row = table[(table.seed == 1) & (table.removed == "RR+CR")].iloc[0]
    task = SPECS[1].make_task()
    seen = on_task(NETWORKS[1].double(), task, 32, 0, metric="fvu")
    dW = seen.form.part(seen.form.mask({"RR", "CR"}, 0.9))
    assert row[list(FORMS)].tolist() == pytest.approx(predict(seen, [dW]).loc[0, list(FORMS)].tolist(), rel=1e-8)
    others = on_task(NETWORKS[1], task, 64, 1, metric="fvu")
    assert row.delta == pytest.approx(others.harms([others.form.ablate({"RR", "CR"})])[0], rel=1e-6)
    assert (table.little == (table.two_sided <= 0.05)).all() and (table.was_little == (table.delta <= 0.05)).all()
    assert (table.safe == (table.two_sided <= 0.05 * np.maximum(table.intact, 0.01))).all()
    assert table.accuracy.isna().all() and table.measured_accuracy.isna().all()


def test_on_the_copy_task_the_accuracy_is_predicted_too(few, tmp_path):
    net = network(2, 10, 8, scale=0.2)
    predictions.freeze(tmp_path / "copy.csv", [COPY], [net])
    table = predictions.compare(tmp_path / "copy.csv", [COPY], [net])
    assert table.accuracy.between(0, 1).all() and table.measured_accuracy.between(0, 1).all()
    trials = on_task(net, COPY.make_task(), 64, 1)
    wanted = trials.scores([trials.form.ablate({"RR", "CR", "CC"})])[0]
    assert table.measured_accuracy[table.removed == "RR+CR+CC"].item() == pytest.approx(float(wanted))


def test_predictions_are_made_once(file):
    with pytest.raises(ValueError, match="first.csv exists, and predictions are made once"):
        predictions.freeze(file, SPECS, NETWORKS)


def test_a_table_that_was_touched_is_refused(file):
    file.write_text(file.read_text().replace("flip_flop", "flip_flop ", 1))
    with pytest.raises(ValueError, match="is not the table that was frozen"):
        predictions.compare(file, SPECS, NETWORKS)


def test_other_networks_are_refused(file):
    nudged = replace(NETWORKS[1], W_xh=NETWORKS[1].W_xh * 1.0001)
    with pytest.raises(ValueError, match=f"other networks: {SPECS[1].name} differ"):
        predictions.compare(file, SPECS, [NETWORKS[0], nudged])
    with pytest.raises(ValueError, match=f"other networks: {COPY.name} differ"):
        predictions.compare(file, [COPY], NETWORKS[:1])


def test_some_of_the_networks_can_be_compared(file):
    table = predictions.compare(file, SPECS, NETWORKS)
    pd.testing.assert_frame_equal(
        predictions.compare(file, SPECS[1:], NETWORKS[1:]), table[table.seed == 1].reset_index(drop=True)
    )


def test_a_profile_on_the_same_trials_is_what_is_compared(file):
    table = predictions.compare(file, SPECS, NETWORKS)
    on = {"n_trials": 64, "seed": 1, "metric": "fvu"}
    rows = [measure_one(profiles, s, n, [on], {}) for s, n in zip(SPECS, NETWORKS, strict=True)]
    measured = pd.concat(rows)[[*predictions.KEYS, "removed", "delta"]]
    again = predictions.beside(file, SPECS, NETWORKS, measured)
    assert again.delta.to_numpy() == pytest.approx(table.delta.to_numpy(), abs=1e-6)
    assert (again.was_safe == table.was_safe).all() and (again.was_little == table.was_little).all()


def test_other_code_is_refused(file, monkeypatch):
    then = json.loads(file.with_suffix(".json").read_text())["code"]
    monkeypatch.setattr(predictions, "code_digest", lambda *modules: "another")
    with pytest.raises(ValueError, match=f"predicted by other code: {then} then, another now"):
        predictions.compare(file, SPECS, NETWORKS)


@pytest.mark.parametrize("edition", ["first edition", "flip-flop of this edition"])
def test_the_history_shows_networks_then_predictions_then_ablations(edition):
    commits = predictions.commits()[edition]
    assert list(commits) == ["networks", "predictions", "ablations"]
    assert commits["networks"]["time"] < commits["predictions"]["time"] < commits["ablations"]["time"]
    ids = [entry["commit"] for entry in commits.values()]
    try:
        known = [git("cat-file", "-e", f"{commit}^{{commit}}").returncode == 0 for commit in ids]
    except FileNotFoundError:
        pytest.skip("no git here")
    if not all(known):
        pytest.skip("the history here is not whole")
    for earlier, later in zip(ids, ids[1:], strict=False):
        assert git("merge-base", "--is-ancestor", earlier, later).returncode == 0
    predicted = [place.relative_to(ROOT).as_posix() for place in (ROOT / "data/predictions").glob("*.csv")]
    assert len(predicted) == 5
    for file in predicted:  # as they were committed
        if ("flip_flop" in file) == (edition != "first edition"):
            assert git("show", f"{ids[1]}:{file}").stdout == (ROOT / file).read_bytes()
    table = "data/results/predictions_fvu.csv"
    before, after = (git("show", f"{commit}:{table}").stdout for commit in ids[1:])
    assert before != after and after
    if edition == "first edition":
        assert not before
    else:  # the ablations of these networks are those that are shipped, and were none of them there before
        rows = [line for line in (ROOT / table).read_bytes().splitlines() if line.startswith(b"flip_flop")]
        ablated = {line for line in rows if b",,0.0," not in line}
        assert len(rows) == 720 and set(rows) <= set(after.splitlines())
        assert not ablated & set(before.splitlines())


def git(*arguments):
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True)


def test_the_command_freezes_and_compares_packs(few, tmp_path, capsys, monkeypatch):
    packed = [replace(n, metadata={"spec": s.as_dict()}) for s, n in zip(SPECS, NETWORKS, strict=True)]
    monkeypatch.setattr(folders, "DATA", tmp_path)
    monkeypatch.setattr(catalogue, "packed", lambda task: [SPECS] if task == "flip_flop" else [])
    monkeypatch.setattr(catalogue, "networks", lambda specs: packs.load(specs, tmp_path))
    packs.save(SPECS, packed, tmp_path)
    for action in ("freeze", "compare"):
        predictions.main([action, "flip_flop"])
    said = capsys.readouterr().out
    assert "14 predictions in" in said and "right of 14 calls: safe" in said
    assert predictions.place(SPECS).name == "flip_flop-dense_orthogonal-8-seeds0-1.csv"
