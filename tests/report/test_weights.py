"""Weights from files: what is right is read, what is wrong is named."""

import pickle

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from report.weights import load_network, load_weights
from schur_lib import Network, rollout

T, B = 6, 4


class Model(nn.Module):
    def __init__(self, kind=nn.RNN, **options):
        super().__init__()
        self.core, self.out = kind(3, 5, **options), nn.Linear(5, 2)

    def forward(self, x):
        return self.out(self.core(x)[0])


@pytest.mark.parametrize("nested", [None, "state_dict", "model_state_dict"])
@pytest.mark.parametrize("ending", ["pt", "safetensors"])
@pytest.mark.parametrize("bias", [True, False])
def test_a_state_dict_of_torchs_gives_the_network_that_the_module_is(tmp_path, bias, ending, nested):
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
        load_network(tmp_path / "w.safetensors", names={k: v for k, v in names.items() if k != "b_h"})
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
