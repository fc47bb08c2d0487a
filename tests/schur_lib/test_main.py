"""`python -m schur_lib`: what it writes, what it says, and what it refuses."""

import json
import math
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch

from schur_lib import Network, profile_of, tasks
from schur_lib.__main__ import SCHEMA, main, measure
from schur_lib.subjects import of_network, on_task
from schur_lib.tasks import held_out

TASK = tasks.copy(n_symbols=2, n_channels=2, horizon=6)


def network(n=9, W=None, seed=0):
    g = torch.Generator().manual_seed(seed)
    draw = lambda *s: torch.randn(*s, generator=g)  # noqa: E731
    return Network(draw(n, 2), draw(n, n) / n**0.5 if W is None else W, draw(2, n))


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A network and trials of a copy task, in the folder at hand."""
    monkeypatch.chdir(tmp_path)
    network().save("net.safetensors")
    inputs, targets = held_out(TASK, 64)
    np.savez("data.npz", inputs=inputs.numpy(), targets=targets.numpy())
    return tmp_path


OPTIONS = ["net.safetensors", "data.npz", "--metric", "replay_accuracy", "--free-steps", "6"]


def test_the_tables_are_those_of_the_library_and_the_summary_tells_what_was_run(files, capsys):
    main([*OPTIONS, "--alpha", "0.8", "--output", "deep/out"])
    out = files / "deep" / "out"
    assert sorted(p.name for p in out.iterdir()) == ["profile.csv", "stabilisers.csv", "summary.json"]
    trials = on_task(network(), TASK, 64)
    profile = pd.read_csv(out / "profile.csv", keep_default_na=False, na_values=["nan"])
    expected = profile_of(trials, 0.8)
    pd.testing.assert_frame_equal(profile, expected, check_dtype=False)
    stable = pd.read_csv(out / "stabilisers.csv", keep_default_na=False)
    assert stable.kind.tolist() == ["blocks", "groups", "entries"]

    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"), parse_constant=refuse)
    assert summary["schema"] == SCHEMA == 1
    assert (summary["weights"], summary["data"]) == ("net.safetensors", "data.npz")
    assert (summary["metric"], summary["alpha"], summary["free_steps"]) == ("replay_accuracy", 0.8, 6)
    assert (summary["n_trials"], summary["n_steps"]) == (64, 8)
    assert summary["network"]["digest"] == network().digest()
    assert math.isclose(summary["score"], trials.intact, rel_tol=1e-12)
    assert math.isclose(summary["skill"], 2 * (trials.intact - 0.5), abs_tol=1e-12)
    assert summary["n_leading"] == trials.form.n_leading(0.8)
    report = trials.form.cut_report(0.8)
    assert math.isclose(summary["cut"]["gap"], report.gap) and math.isclose(summary["cut"]["sep"], report.sep)
    said = capsys.readouterr().out
    assert said.count(".\n") == 3 and "does not do the task" in said and "deep/out" in said


def test_stabilisers_are_chosen_on_every_other_trial_and_checked_on_the_rest(files):
    from schur_lib import stabilisers

    main(OPTIONS)
    inputs, targets = held_out(TASK, 64)
    some, others = (of_network(network(), inputs[:, i::2], targets[:, i::2], "replay_accuracy", 6) for i in (0, 1))
    stable = pd.read_csv(files / "net-profile" / "stabilisers.csv", keep_default_na=False)
    pd.testing.assert_frame_equal(stable, stabilisers(some, others), check_dtype=False)


def test_nothing_is_ever_written_over(files):
    main(OPTIONS)
    before = {p: p.read_bytes() for p in (files / "net-profile").iterdir()}
    with pytest.raises(SystemExit) as ended:
        main(OPTIONS)
    assert str(ended.value) == "schur_lib: net-profile is there already; nothing is written over"
    assert {p: p.read_bytes() for p in (files / "net-profile").iterdir()} == before


def test_a_run_that_fails_leaves_no_folder(files, monkeypatch):
    def full(*arguments, **options):
        raise OSError("No space left on device")

    monkeypatch.setattr(pd.Series, "to_json", full)
    with pytest.raises(SystemExit, match="No space left on device"):
        main(OPTIONS)
    assert sorted(p.name for p in files.iterdir()) == ["data.npz", "net.safetensors"]


def trained(n_trials, W=None):
    """A network, inputs, and its own outputs as targets: it does its task perfectly."""
    net = network(W=W)
    inputs = torch.randn(12, n_trials, 2, generator=torch.Generator().manual_seed(1))
    trials = of_network(net, inputs, torch.zeros(12, n_trials, 2), "fvu")
    (outputs,) = trials.outputs([net.W_hh])
    return net, inputs, outputs


def test_what_to_be_careful_about_is_said_where_it_holds_and_nowhere_else():
    W = torch.diag(torch.tensor([1.0, -0.95, 0.92, 0.3, -0.25, 0.2, 0.15, -0.1, 0.05]))
    W[0, 3] = W[4, 6] = 0.5
    _, _, summary = measure(*trained(64, W))
    assert summary["cautions"] == [] and summary["does_task"] and summary["skill"] > 0.999
    _, _, few = measure(*trained(10, W))
    assert len(few["cautions"]) == 1 and few["cautions"][0].startswith("few trials: 10")
    net, inputs, targets = trained(64, W)
    _, _, poor = measure(net, inputs, torch.randn_like(targets))
    assert len(poor["cautions"]) == 1 and poor["cautions"][0].startswith("poor score")
    assert poor["does_task"] is False
    _, _, full = measure(*trained(64, 0.9 * torch.linalg.qr(torch.randn(9, 9))[0]))
    assert full["cautions"] == ["complement empty: all of T is T_RR"]  # one modulus, which no alpha splits
    _, _, wide = measure(*trained(64, torch.diag(torch.linspace(1, 0.95, 9))))
    assert wide["cautions"] == ["complement empty: all of T is T_RR, and a larger alpha would split it"]
    near = torch.diag(torch.tensor([1.0, -0.903, 0.8995, 0.3, -0.25, 0.2, 0.15, -0.1, 0.05]))
    _, _, close = measure(*trained(64, near))
    assert len(close["cautions"]) == 1 and close["cautions"][0].startswith("cut not well posed")


def test_numbers_that_are_not_finite_are_null(files):
    network(W=0.9 * torch.linalg.qr(torch.randn(9, 9))[0]).save("normal.safetensors")
    main(["normal.safetensors", *OPTIONS[1:]])
    summary = json.loads((files / "normal-profile" / "summary.json").read_text())
    assert summary["cut"]["gap"] is None and summary["cut"]["sep"] is None


def test_classes_are_scored_too(files):
    inputs = np.random.default_rng(0).standard_normal((5, 60, 2))
    np.savez("classes.npz", inputs=inputs, targets=np.random.default_rng(1).integers(0, 2, 60))
    main(["net.safetensors", "classes.npz", "--metric", "accuracy"])
    summary = json.loads((files / "net-profile" / "summary.json").read_text())
    assert summary["metric"] == "accuracy" and 0.5 <= summary["chance"] < 0.7 and summary["n_steps"] == 5


X, Y = np.zeros((5, 8, 2), np.float32), np.random.default_rng(0).standard_normal((5, 8, 2))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": "none.safetensors"}, "no network file none.safetensors"),
        ({"weights": "data.npz"}, "data.npz is damaged or no safetensors file"),
        ({"data": "none.npz"}, "no data file none.npz"),
        ({"data": "net.safetensors"}, "must be .npz with arrays of numbers, inputs and targets"),
        ({"arrays": {"inputs": X}}, "targets"),
        ({"arrays": {"inputs": X, "targets": np.array([{}, None])}}, "allow_pickle"),
        ({"arrays": {"inputs": X, "targets": np.array(["a", "b"])}}, "arrays of numbers"),
        ({"arrays": {"inputs": X[0], "targets": Y}}, r"inputs must be \(T, B, N_x\).*\(8, 2\)"),
        ({"arrays": {"inputs": X[..., :1], "targets": Y}}, r"\(T, B, 2\)"),
        ({"arrays": {"inputs": X, "targets": Y[:, :4]}}, r"\(5, 4, 2\)"),
        ({"arrays": {"inputs": X, "targets": np.zeros_like(Y)}}, "must vary"),
        ({"arrays": {"inputs": X + np.float32(np.nan), "targets": Y}}, "NaN"),
        ({"arrays": {"inputs": X[:, :1], "targets": Y[:, :1]}}, "2 trials or more"),
        ({"arrays": {"inputs": X, "targets": Y, "lengths": np.full(8, 5)}}, "nothing is known of lengths"),
        ({"arrays": {"inputs": X, "targets": Y, "mask": np.ones(8)}}, "mask must have the shape"),
        ({"options": [*OPTIONS[2:], "--alpha", "2"]}, r"alpha must be a number in \(0, 1\], got 2.0"),
        ({"options": ["--free-steps", "-1"]}, "free steps ≥ 0.*-1"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(files, change, message):
    if "arrays" in change:
        np.savez("data.npz", **change["arrays"])
    given = [change.get("weights", "net.safetensors"), change.get("data", "data.npz"), *change.get("options", [])]
    with pytest.raises(SystemExit, match=message) as ended:
        main(given)
    assert str(ended.value).startswith("schur_lib: ") and "\n" not in str(ended.value)
    assert not (files / "net-profile").exists()


def test_the_command_runs_as_a_module_and_helps(files):
    done = subprocess.run([sys.executable, "-m", "schur_lib", "--help"], capture_output=True, text=True)
    assert done.returncode == 0 and "WEIGHTS" not in done.stderr and "--free-steps" in done.stdout


def test_padding_that_a_mask_marks_changes_nothing(files):
    x = np.random.default_rng(2).standard_normal(X.shape)
    np.savez("data.npz", inputs=x[:3], targets=Y[:3])
    main(OPTIONS[:2])
    padded = {"inputs": x, "targets": np.where(np.arange(5)[:, None, None] < 3, Y, 9)}
    np.savez("data.npz", **padded, mask=np.arange(5)[:, None] < np.full(8, 3))
    main([*OPTIONS[:2], "--output", "masked"])
    one, other = (json.loads((files / name / "summary.json").read_text()) for name in ("net-profile", "masked"))
    assert (
        math.isclose(one["score"], other["score"], rel_tol=1e-5)
        and one["does_task"] is other["does_task"] is False
    )
    tables = [
        pd.read_csv(files / name / "profile.csv", keep_default_na=False) for name in ("net-profile", "masked")
    ]
    np.testing.assert_allclose(tables[0].score, tables[1].score, rtol=1e-5)


def test_arrays_that_are_larger_than_is_allowed_are_not_loaded(files, monkeypatch):
    monkeypatch.setenv("SCHUR_LIB_MAX_GB", "0.001")
    np.savez_compressed("data.npz", inputs=np.zeros((5, 30_000, 2)), targets=Y)
    assert (files / "data.npz").stat().st_size < 1e5
    with pytest.raises(SystemExit, match="takes 0.0024 GB in memory; SCHUR_LIB_MAX_GB=1 would"):
        main(OPTIONS[:2])
