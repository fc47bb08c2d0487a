"""Data from files: what is right is read, what is wrong is named."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch

from report.data import check_fit, load_data
from schur_lib import Network

T, B = 6, 4


def arrays():
    g = np.random.default_rng(0)
    return g.standard_normal((T, B, 3)), g.standard_normal((T, B, 2))


def test_arrays_are_read_as_they_were_written(tmp_path):
    x, y = arrays()
    np.savez(tmp_path / "d.npz", inputs=x, targets=y)
    inputs, targets = load_data(tmp_path / "d.npz")
    assert inputs.dtype == targets.dtype == torch.float32
    np.testing.assert_allclose(inputs, x, rtol=1e-6)
    np.testing.assert_allclose(targets, y, rtol=1e-6)
    np.savez(tmp_path / "b.npz", inputs=x.swapaxes(0, 1), targets=y.swapaxes(0, 1))
    turned = load_data(tmp_path / "b.npz", batch_first=True)
    assert torch.equal(turned[0], inputs) and torch.equal(turned[1], targets)
    np.savez(tmp_path / "c.npz", inputs=x, targets=np.arange(B, dtype=float))
    classes = load_data(tmp_path / "c.npz", "accuracy")[1]
    assert classes.dtype == torch.int64 and classes.tolist() == list(range(B))


def test_a_table_gives_the_same_as_the_arrays_whatever_the_order_of_its_rows(tmp_path):
    x, y = arrays()
    step, trial = np.meshgrid(np.arange(T), np.arange(B), indexing="ij")
    table = pd.DataFrame({"trial": trial.ravel(), "step": step.ravel()})
    for i in range(3):
        table[f"input_{i}"] = x[..., i].ravel()
    for i in range(2):
        table[f"target_{i}"] = y[..., i].ravel()
    table.sample(frac=1, random_state=0).to_csv(tmp_path / "d.csv", index=False)
    inputs, targets = load_data(tmp_path / "d.csv")
    np.testing.assert_allclose(inputs, x, rtol=1e-6)
    np.testing.assert_allclose(targets, y, rtol=1e-6)
    classes = table.drop(columns="target_1").assign(target_0=table.trial % 2)
    classes.to_csv(tmp_path / "c.csv", index=False)
    assert load_data(tmp_path / "c.csv", "cross_entropy")[1].tolist() == [[0, 1, 0, 1]] * T
    for change, message in (
        (table.iloc[:-1], "one row for each of its 4 trials and 6 steps, got 23"),
        (table.drop(columns="step"), "columns trial, step"),
        (table.assign(note=1), "got trial, step.*note"),
        (table.assign(input_0="x"), "input_0 must be numbers"),
        (table.assign(input_0=[np.nan, *table.input_0[1:]]), "inputs.*NaN"),
    ):
        change.to_csv(tmp_path / "e.csv", index=False)
        with pytest.raises(ValueError, match=message):
            load_data(tmp_path / "e.csv")
    with pytest.raises(ValueError, match="one column of classes"):
        load_data(tmp_path / "d.csv", "accuracy")
    (tmp_path / "f.csv").write_text("")
    with pytest.raises(ValueError, match="no CSV table"):
        load_data(tmp_path / "f.csv")


@pytest.mark.parametrize(
    ("change", "metric", "message"),
    [
        ({"targets": None}, "fvu", r"missing \['targets'\], it holds \['inputs'\]"),
        ({"inputs": np.ones((T, B))}, "fvu", r"inputs.*\(T, B, N_x\), got \(6, 4\)"),
        ({"targets": np.ones(B)}, "fvu", r"\(T, B, N_y\) or \(B, N_y\).*got \(4,\)"),
        ({"targets": np.ones((T, B, 2))}, "accuracy", r"\(T, B\) or \(B,\).*got \(6, 4, 2\)"),
        ({"targets": np.full((T, B), 0.5)}, "accuracy", "whole numbers"),
        ({"inputs": np.full((T, B, 3), np.inf)}, "fvu", "inputs.*NaN or infinite"),
        ({"inputs": np.zeros((0, B, 3))}, "fvu", "empty"),
        ({"inputs": np.ones((T, B, 3), dtype=complex)}, "fvu", "complex128"),
        ({"inputs": np.array(["a"])}, "fvu", "dtype <U1"),
        ({"inputs": np.array([None])}, "fvu", "pickled objects"),
        ({"targets": np.ones((T, B + 1, 2))}, "fvu", "6 steps of 4 trials, targets 6 of 5"),
        ({"targets": np.ones((T + 1, B, 2))}, "fvu", "targets 7 of 4"),
        ({}, "mse", "metric must be one of .*'mse'"),
    ],
)
def test_wrong_arrays_are_named(tmp_path, change, metric, message):
    x, y = arrays()
    content = {n: a for n, a in {"inputs": x, "targets": y, **change}.items() if a is not None}
    np.savez(tmp_path / "d.npz", **content)
    with pytest.raises(ValueError, match=message):
        load_data(tmp_path / "d.npz", metric)


def test_wrong_data_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no file"):
        load_data(tmp_path / "none.npz")
    (tmp_path / "d.mat").write_bytes(b"x")
    with pytest.raises(ValueError, match=".npz or .csv, got d.mat"):
        load_data(tmp_path / "d.mat")
    for content in (b"", b"PK", b"hello", pickle.dumps([1])):
        (tmp_path / "d.npz").write_bytes(content)
        with pytest.raises(ValueError, match="d.npz"):
            load_data(tmp_path / "d.npz")
    np.save(tmp_path / "one.npy", np.ones(3))
    (tmp_path / "one.npy").rename(tmp_path / "one.npz")
    with pytest.raises(ValueError, match="one array alone"):
        load_data(tmp_path / "one.npz")


@pytest.mark.parametrize(
    ("inputs", "targets", "metric", "message"),
    [
        (torch.ones(T, B, 4), torch.randn(T, B, 2), "fvu", "has 3 inputs, the data 4"),
        (torch.ones(T, B, 3), torch.randn(T, B, 1), "fvu", "has 2 outputs, the targets 1"),
        (torch.ones(T, B, 3), torch.ones(T, B, 2), "fvu", "must vary"),
        (torch.ones(T, B, 3), torch.randn(T, B, 2), "replay_accuracy", "−1 or \\+1"),
        (torch.ones(T, B, 3), torch.tensor([[0, 2]]), "accuracy", "classes 0 to 1.*got 0 to 2"),
    ],
)
def test_data_that_do_not_fit_the_network_are_named(inputs, targets, metric, message):
    net = Network(torch.ones(5, 3), torch.ones(5, 5), torch.ones(2, 5))
    with pytest.raises(ValueError, match=message):
        check_fit(net, inputs, targets, metric)
    check_fit(net, torch.ones(T, B, 3), torch.randn(T, B, 2), "fvu")
