"""Data from files: what is right is read, what is wrong is named."""

import importlib.util
import json
import pickle
import re
import sys
import tracemalloc
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.io
import torch
from safetensors.torch import save_file

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


def test_other_files_of_arrays_are_read_and_their_names_in_any_case(tmp_path):
    x, y = (array.astype("f4") for array in arrays())
    both = {"Inputs": torch.tensor(x), "Targets": torch.tensor(y)}
    torch.save({"data": both}, tmp_path / "d.pt")
    save_file(both, tmp_path / "d.safetensors", {"task": "mine"})
    scipy.io.savemat(tmp_path / "d.mat", {"data": {name: t.numpy() for name, t in both.items()}})
    (tmp_path / "d.json").write_text(json.dumps({name: t.tolist() for name, t in both.items()}))
    with h5py.File(tmp_path / "d.h5", "w") as file:
        file.update(both)
        file.attrs["task"] = "mine"
    for ending in ("pt", "safetensors", "mat", "json", "h5"):
        inputs, targets = load_data(tmp_path / f"d.{ending}")
        assert np.array_equal(inputs, x) and np.array_equal(targets, y), ending
    torch.save(both | {"lengths": torch.ones(B)}, tmp_path / "d.pt")
    with pytest.raises(ValueError, match="what lengths means is unknown"):
        load_data(tmp_path / "d.pt")


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
        (table.drop(columns="step"), "line of names, trial, step"),
        (table.assign(note=1), "got trial, step.*note"),
        (table.assign(input_0="x"), "input_0 must be numbers"),
        (table.assign(input_0=[np.nan, *table.input_0[1:]]), "inputs.*NaN"),
        (table.assign(step=[np.nan, *table.step[1:]]), "some are empty or NaN"),
        (table.assign(trial=[*table.trial[:-1], np.nan]), "some are empty or NaN"),
        (table.assign(step=table.step.replace(5, 6)), "a step is missing in all trials, between 0 and 6"),
        (table.rename(columns={"input_1": "Input_0"}), "input_0 are there more than once"),
        (table.rename(columns={"input_1": "input_00"}), "must be numbered, each once"),
        (table.rename(columns={"input_1": "input_left"}), "must be numbered, each once"),
        (table.assign(mask=0.5), "mask must be true"),
    ):
        change.to_csv(tmp_path / "e.csv", index=False)
        with pytest.raises(ValueError, match=message):
            load_data(tmp_path / "e.csv")
    with pytest.raises(ValueError, match="one column of classes"):
        load_data(tmp_path / "d.csv", "accuracy")
    (tmp_path / "f.csv").write_text("")
    with pytest.raises(ValueError, match="must begin with a line of names"):
        load_data(tmp_path / "f.csv")


@pytest.mark.parametrize(
    ("change", "metric", "message"),
    [
        ({"targets": None}, "fvu", r"missing \['targets'\], it holds \['inputs'\]"),
        ({"inputs": np.ones((T, B))}, "fvu", r"inputs.*\(T, B, N_x\), got \(6, 4\)"),
        ({"targets": np.ones(B)}, "fvu", r"\(T, B, N_y\), \(B, N_y\) or, of one output, \(T, B\).*got \(4,\)"),
        ({"targets": np.ones((T, B, 2))}, "accuracy", r"\(T, B\) or \(B,\).*got \(6, 4, 2\)"),
        ({"targets": np.full((T, B), 0.5)}, "accuracy", "whole numbers"),
        ({"inputs": np.full((T, B, 3), np.inf)}, "fvu", "inputs.*infinite"),
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
    (tmp_path / "d.doc").write_bytes(b"x")
    with pytest.raises(ValueError, match=r"must be \.npz, \.mat, .*\.csv.*; got d\.doc"):
        load_data(tmp_path / "d.doc")
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


FILES = Path(__file__).parent / "files"


@pytest.mark.parametrize("file", sorted(FILES.glob("table_*.csv")), ids=lambda path: path.stem)
def test_tables_of_r_matlab_pandas_and_spreadsheets_hold_the_numbers_of_the_trials(file):
    with np.load(FILES / "trials_noisy.npz") as arrays:
        x, y = arrays["inputs"][:, :10], arrays["targets"][:, :10]
    inputs, targets = load_data(file)
    np.testing.assert_allclose(inputs, x, atol=1e-6)
    np.testing.assert_array_equal(targets, y)


@pytest.mark.parametrize(("file", "library"), [("table.parquet", "pyarrow"), ("table_excel.xlsx", "openpyxl")])
def test_other_tables_are_read_where_their_library_is_here_else_it_is_named(file, library, monkeypatch):
    if importlib.util.find_spec(library):
        with np.load(FILES / "trials_noisy.npz") as arrays:
            inputs, targets = load_data(FILES / file)
            np.testing.assert_allclose(inputs, arrays["inputs"], atol=1e-6)
            np.testing.assert_array_equal(targets, arrays["targets"])
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ValueError, match=f"pip install {library}, or save the table as .csv"):
        load_data(FILES / file)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"inputs": 1e39}, "inputs in .* float32 cannot hold"),
        ({"targets": -1e39}, "targets in .* float32 cannot hold"),
        ({"targets": np.float64(1)}, "targets in .* are one number"),
    ],
)
def test_numbers_beyond_single_precision_or_without_axes_are_refused(change, said, tmp_path):
    x, y = arrays()
    held = {"inputs": x, "targets": y}
    scaled = {name: held[name] * value if isinstance(value, float) and abs(value) > 1 else value
              for name, value in change.items()}  # fmt: skip
    np.savez(tmp_path / "d.npz", **{**held, **scaled})
    with pytest.raises(ValueError, match=said):
        load_data(tmp_path / "d.npz")


def test_the_rows_and_types_of_a_pandas_table_in_parquet_are_read_as_such(monkeypatch):
    table = pd.read_csv(FILES / "table_pandas.csv")
    for name, kept in (("index", table.set_index(["trial", "step"])), ("types", table.convert_dtypes())):
        monkeypatch.setattr("report.data._from_library", lambda _, kept=kept: kept)
        x, y = load_data(FILES / "table.parquet")
        inputs, targets = load_data(FILES / "table_pandas.csv")
        assert torch.equal(x, inputs) and torch.equal(y, targets), name


def written(tmp_path, change, **how):
    """A table of arrays, changed, through a file, and the arrays."""
    x, y = arrays()
    step, trial = (axis.ravel() for axis in np.meshgrid(np.arange(T), np.arange(B), indexing="ij"))
    table = pd.DataFrame({"trial": trial, "step": step})
    table = table.assign(**{f"input{i}": x[..., i].ravel().round(4) for i in range(3)})
    table = table.assign(**{f"target{i}": y[..., i].ravel().round(4) for i in range(2)})
    change(table).to_csv(tmp_path / "t.csv", **{"index": False, **how})
    return tmp_path / "t.csv", x.round(4), y.round(4)


@pytest.mark.parametrize(
    ("change", "how"),
    [
        (lambda t: t, {"sep": ";", "decimal": ","}),
        (lambda t: t, {"sep": "\t"}),
        (lambda t: t, {"sep": ";", "decimal": ",", "quoting": 1, "lineterminator": "\r\n"}),
        (lambda t: t.rename(columns=lambda c: c.replace("input", "input_größe")), {"encoding": "cp1252"}),
        (lambda t: t, {"sep": "|"}),
        (lambda t: t, {"sep": " "}),
        (lambda t: t, {"decimal": ",", "quoting": 1}),
        (lambda t: t, {"encoding": "utf-16", "sep": "\t"}),
        (lambda t: t.sample(frac=1, random_state=0), {"index": True}),
        (lambda t: t.reset_index(), {}),
        (lambda t: t[[*t][::-1]], {}),
        (lambda t: t.rename(columns=lambda c: f" {c.upper()} "), {}),
        (lambda t: t.rename(columns=lambda c: re.sub(r"(\d)", r"s[\1]", c)), {}),
    ],
)
def test_separators_order_and_names_make_no_difference(tmp_path, change, how):
    path, x, y = written(tmp_path, change, **how)
    inputs, targets = load_data(path)
    np.testing.assert_allclose(inputs, x, rtol=1e-6)
    np.testing.assert_allclose(targets, y, rtol=1e-6)


def test_eleven_inputs_are_in_the_order_of_their_numbers(tmp_path):
    names = [f"input{i}" for i in range(11)]
    change = lambda t: t.assign(**{name: float(i) for i, name in enumerate(names)})[  # noqa: E731
        ["trial", "step", *sorted(names), "target1", "target0"]
    ]
    path, _, y = written(tmp_path, change)
    inputs, targets = load_data(path)
    assert inputs[0, 0].tolist() == list(range(11))
    np.testing.assert_allclose(targets, y, rtol=1e-6)


def test_rows_numbered_without_a_name_are_told_from_rows_that_end_with_a_separator(tmp_path):
    path, x, _ = written(tmp_path, lambda t: t)
    header, *rows = path.read_text().splitlines()
    path.write_text("\n".join(["sep=,", header, *(f'"{i}",{row}' for i, row in enumerate(rows))]))
    np.testing.assert_allclose(load_data(path)[0], x, rtol=1e-6)  # as R's write.table has it, and a hint for Excel
    path.write_text("\n".join([header, *(f"{row}," for row in rows)]))
    with pytest.raises(ValueError, match="columns"):
        load_data(path)
    path.write_text("\n".join([header, *rows[:-1], rows[-1].rpartition(",")[0]]))
    with pytest.raises(ValueError, match=r"as many fields as there are names, 7.*6 \(line 25\)"):
        load_data(path)
    path.write_text("\n".join([header, *(row.replace(".", ",") for row in rows)]))
    with pytest.raises(ValueError, match="as many fields as there are names"):
        load_data(path)


def padded():
    """Trials of three to six steps, the number of valid steps, and which are valid."""
    x, y = arrays()
    valid = np.arange(T)[:, None] < np.array([3, 6, 4, 5])
    return np.where(valid[..., None], x, 0), np.where(valid[..., None], y, 7), valid


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize(
    "given", ["mask", "mask with an axis of one", "mask of outputs", "number mask", "NaN", "NaN everywhere"]
)
def test_padding_is_not_scored_however_it_is_said(tmp_path, given, batch_first):
    x, y, valid = padded()
    extra = {
        "mask": {"mask": valid},
        "mask with an axis of one": {"mask": valid[..., None]},
        "mask of outputs": {"mask": np.repeat(valid[..., None], 2, -1)},
        "number mask": {"mask": valid.astype(np.int8)},
    }.get(given, {})
    if given.startswith("NaN"):
        y = np.where(valid[..., None], y, np.nan)
    if given.endswith("everywhere"):
        x = np.where(valid[..., None], x, np.nan)
    content = {"inputs": x, "targets": y, **extra}
    if batch_first:
        content = {name: array.swapaxes(0, 1) for name, array in content.items()}
    np.savez(tmp_path / "d.npz", **content)
    inputs, targets = load_data(tmp_path / "d.npz", batch_first=batch_first)
    np.testing.assert_array_equal(targets.isnan().any(-1), ~valid)
    np.testing.assert_allclose(targets[torch.from_numpy(valid)], y[valid], rtol=1e-6)
    np.testing.assert_allclose(inputs, np.nan_to_num(x), rtol=1e-6)


def test_classes_that_are_not_scored_are_masked_nan_or_the_class_of_torch(tmp_path):
    x, _, valid = padded()
    classes = np.arange(T * B).reshape(T, B) % 2
    for content in (
        {"targets": classes, "mask": valid},
        {"targets": np.where(valid, classes, -100)},
        {"targets": np.where(valid, classes, np.nan)},
    ):
        np.savez(tmp_path / "d.npz", inputs=x, **content)
        inputs, targets = load_data(tmp_path / "d.npz", "accuracy")
        assert targets.tolist() == np.where(valid, classes, -100).tolist()
        check_fit(Network(torch.ones(5, 3), torch.ones(5, 5), torch.ones(2, 5)), inputs, targets, "accuracy")
    np.savez(tmp_path / "d.npz", inputs=x, targets=np.where(valid, classes, -1))
    inputs, targets = load_data(tmp_path / "d.npz", "accuracy")
    with pytest.raises(ValueError, match=r"\(-100, or a mask: not scored\); got -1 to 1"):
        check_fit(Network(torch.ones(5, 3), torch.ones(5, 5), torch.ones(2, 5)), inputs, targets, "accuracy")


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ({"lengths": np.full(B, 3)}, "what lengths means is unknown.*make a mask"),
        ({"mask": np.full((T, B), 0.5)}, "mask must be true"),
        ({"mask": np.zeros((T, B))}, "and true somewhere"),
        ({"mask": np.ones((B, T))}, r"the targets' \(6, 4, 2\), or that without the last axis; got \(4, 6\)"),
        ({"targets": np.full((T, B, 2), np.nan)}, "none is scored"),
        ({"inputs": np.full((T, B, 3), np.nan)}, "inputs.*NaN"),
    ],
)
def test_masks_that_do_not_fit_and_arrays_that_are_not_known_are_refused(tmp_path, extra, message):
    x, y = arrays()
    np.savez(tmp_path / "d.npz", **{"inputs": x, "targets": y, **extra})
    with pytest.raises(ValueError, match=message):
        load_data(tmp_path / "d.npz")


def test_one_output_without_its_axis_is_one_output_and_not_as_many_trials(tmp_path):
    x, y = arrays()
    for content, batch_first, steps in (
        ((x, y[..., 0]), False, T),
        ((x, y[-2:, :, 0]), False, 2),
        ((x.swapaxes(0, 1), y[..., 0].T), True, T),
        ((x[:B], y[:B, :, 0]), False, B),
    ):
        np.savez(tmp_path / "d.npz", inputs=content[0], targets=content[1])
        targets = load_data(tmp_path / "d.npz", batch_first=batch_first)[1]
        expected = y[:B] if len(content[0]) == B and not batch_first else y
        np.testing.assert_allclose(targets, expected[-steps:, :, :1], rtol=1e-6)


def test_matlab_drops_a_last_axis_of_one(tmp_path):
    x, y = arrays()
    scipy.io.savemat(tmp_path / "d.mat", {"inputs": x[..., 0], "targets": y[..., 0]}, do_compression=True)
    inputs, targets = load_data(tmp_path / "d.mat")
    np.testing.assert_allclose(inputs, x[..., :1], rtol=1e-6)
    np.testing.assert_allclose(targets, y[..., :1], rtol=1e-6)
    (tmp_path / "d.mat").write_bytes((tmp_path / "d.mat").read_bytes()[:200])
    with pytest.raises(ValueError, match="damaged"):
        load_data(tmp_path / "d.mat")


def test_sizes_are_measured_before_anything_is_loaded(tmp_path, monkeypatch):
    monkeypatch.setenv("SCHUR_LIB_MAX_GB", "0.01")
    np.savez_compressed(tmp_path / "d.npz", inputs=np.zeros((1000, 2000, 1), np.float64), targets=np.zeros(3))
    scipy.io.savemat(tmp_path / "d.mat", {"inputs": np.zeros((1000, 2000)), "targets": 1.0}, do_compression=True)
    for file in ("d.npz", "d.mat"):
        assert (tmp_path / file).stat().st_size < 1e5
        tracemalloc.start()
        with pytest.raises(ValueError, match="SCHUR_LIB_MAX_GB="):
            load_data(tmp_path / file)
        assert tracemalloc.get_traced_memory()[1] < 4e6
        tracemalloc.stop()
    header = str({"descr": "<f8", "fortran_order": False, "shape": (10**6, 10**6)}).encode()
    with zipfile.ZipFile(tmp_path / "g.npz", "w") as file:
        for name in ("inputs", "targets"):
            file.writestr(f"{name}.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    with pytest.raises(ValueError, match="takes 1.6e[+]04 GB|takes 16000.* GB"):
        load_data(tmp_path / "g.npz")
