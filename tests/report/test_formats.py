"""Weights and data from files: what is right is read, what is wrong is named."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from report.formats import check_fit, load_data, load_network, load_weights
from schur_lib import Network, rollout

T, B = 6, 4


class Model(nn.Module):
    def __init__(self, kind=nn.RNN, **options):
        super().__init__()
        self.core, self.out = kind(3, 5, **options), nn.Linear(5, 2)

    def forward(self, x):
        return self.out(self.core(x)[0])


def arrays():
    g = np.random.default_rng(0)
    return g.standard_normal((T, B, 3)), g.standard_normal((T, B, 2))


@pytest.mark.parametrize("nested", [None, "state_dict", "model_state_dict"])
@pytest.mark.parametrize("ending", ["pt", "safetensors"])
@pytest.mark.parametrize("bias", [True, False])
def test_a_state_dict_of_torchs_gives_the_network_that_the_module_is(
    tmp_path, bias, ending, nested
):
    torch.manual_seed(0)
    model, path = Model(bias=bias, nonlinearity="relu"), tmp_path / f"w.{ending}"
    state = model.state_dict()
    if ending == "safetensors":
        save_file(state, path)
    else:
        torch.save({nested: state, "epoch": 3} if nested else state, path)
    net = load_network(path, "relu")
    x = torch.randn(T, B, 3)
    torch.testing.assert_close(rollout(net, x), model(x).detach(), rtol=0, atol=1e-5)
    assert (net.b_h is not None) == bias and net.activation == "relu"


def test_a_cell_with_a_readout_is_understood_too(tmp_path):
    cell, out = nn.RNNCell(3, 5), nn.Linear(5, 2, bias=False)
    state = {f"a.cell.{n}": t for n, t in cell.state_dict().items()} | {"out.weight": out.weight}
    torch.save(state, tmp_path / "w.pth")
    net = load_network(tmp_path / "w.pth")
    x, h = torch.randn(1, B, 3), torch.zeros(B, 5)
    torch.testing.assert_close(rollout(net, x)[0], out(cell(x[0], h)).detach())


def test_a_file_of_the_library_keeps_its_activation_and_refuses_another(tmp_path):
    draw = torch.randn
    net = Network(draw(5, 3), draw(5, 5), draw(2, 5), b_h=draw(5), activation="relu")
    net.save(tmp_path / "w.safetensors")
    assert load_network(tmp_path / "w.safetensors").activation == "relu"
    assert torch.equal(load_network(tmp_path / "w.safetensors").b_h, net.b_h)
    assert load_network(tmp_path / "w.safetensors", "tanh").activation == "tanh"


def test_other_names_are_given_by_role(tmp_path):
    names = {"W_xh": "in.kernel", "W_hh": "rec.kernel", "W_hy": "out.kernel", "b_h": "b1+b2"}
    state = {"in.kernel": torch.randn(5, 3), "rec.kernel": torch.randn(5, 5)}
    state |= {"out.kernel": torch.randn(2, 5), "b1": torch.ones(5), "b2": torch.ones(5)}
    save_file(state, tmp_path / "w.safetensors")
    net = load_network(tmp_path / "w.safetensors", names=names)
    assert torch.equal(net.W_hh, state["rec.kernel"]) and net.b_h.tolist() == [2.0] * 5
    with pytest.raises(ValueError, match=r"no recurrent matrix.*rec.kernel \(5, 5\).*--parameter"):
        load_network(tmp_path / "w.safetensors")
    with pytest.raises(ValueError, match=r"left over \['b1', 'b2'\]"):
        load_network(
            tmp_path / "w.safetensors", names={k: v for k, v in names.items() if k != "b_h"}
        )
    with pytest.raises(ValueError, match=r"not in the file \['b3'\]"):
        load_network(tmp_path / "w.safetensors", names={**names, "b_h": "b1+b2+b3"})
    with pytest.raises(ValueError, match=r"missing \['W_xh', 'W_hy'\], unknown \['W'\]"):
        load_network(tmp_path / "w.safetensors", names={"W_hh": "rec.kernel", "W": "in.kernel"})


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda: Model(nn.GRU), r"core.weight_hh_l0 is \(15, 5\), a GRU's.*schur_lib.evaluation"),
        (lambda: Model(nn.LSTM), r"\(20, 5\), a LSTM's"),
        (lambda: Model(num_layers=2), "2 recurrent matrices"),
        (lambda: Model(bidirectional=True), "2 recurrent matrices"),
        (lambda: nn.Linear(3, 5), r"no recurrent matrix.*weight \(5, 3\)"),
        (
            lambda: nn.Sequential(nn.RNN(3, 5), nn.Linear(5, 5), nn.Linear(5, 2)),
            "one matrix.*found",
        ),
        (lambda: nn.Sequential(nn.RNN(3, 5)), "found none"),
        (
            lambda: nn.Sequential(nn.RNN(3, 5), nn.Linear(5, 2), nn.LayerNorm(5)),
            r"left over \['2.weight', '2.bias'\]",
        ),
    ],
)
def test_what_is_no_plain_network_is_refused_with_what_it_is(tmp_path, model, message):
    torch.save(model().state_dict(), tmp_path / "w.pt")
    with pytest.raises(ValueError, match=message):
        load_network(tmp_path / "w.pt")


class Evil:
    def __reduce__(self):
        return (open, (Evil.path, "w"))


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_pickled_objects_are_refused_and_never_run(tmp_path):
    Evil.path = str(tmp_path / "was run")
    torch.save(Model(), tmp_path / "model.pt")
    torch.save({"weight": Evil()}, tmp_path / "evil.pt")
    (tmp_path / "plain.pt").write_bytes(pickle.dumps(Evil()))
    for name in ("model.pt", "evil.pt", "plain.pt"):
        with pytest.raises(ValueError, match="could run any code.*state_dict"):
            load_weights(tmp_path / name)
    assert not (tmp_path / "was run").exists()


def test_other_wrong_weight_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no file .*none.pt"):
        load_weights(tmp_path / "none.pt")
    (tmp_path / "w.h5").write_bytes(b"x")
    with pytest.raises(ValueError, match=".safetensors, .pt.*got w.h5"):
        load_weights(tmp_path / "w.h5")
    torch.save(Model().state_dict(), tmp_path / "whole.pt")
    data = (tmp_path / "whole.pt").read_bytes()
    for n in (0, 1, 100, len(data) // 2, len(data) - 30):
        (tmp_path / "cut.pt").write_bytes(data[:n])
        with pytest.raises(ValueError, match="cut.pt"):
            load_weights(tmp_path / "cut.pt")
    (tmp_path / "cut.safetensors").write_bytes(b"{}")
    with pytest.raises(ValueError, match="damaged or no safetensors"):
        load_weights(tmp_path / "cut.safetensors")
    torch.save({"weight": torch.ones(2), "step": 3}, tmp_path / "mixed.pt")
    with pytest.raises(ValueError, match="tensors only; these are none: step"):
        load_weights(tmp_path / "mixed.pt")
    torch.save(torch.ones(2), tmp_path / "tensor.pt")
    with pytest.raises(ValueError, match="must hold a state_dict, got Tensor"):
        load_weights(tmp_path / "tensor.pt")


def test_an_unknown_activation_is_refused(tmp_path):
    torch.save(Model().state_dict(), tmp_path / "w.pt")
    with pytest.raises(ValueError, match="'tanh', 'relu'.*'sigmoid'"):
        load_network(tmp_path / "w.pt", "sigmoid")


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
