"""The whole command on one network of each library that people use, its numbers those of plain loops."""

import json
import os
import subprocess
import sys
from pathlib import Path

import h5py
import msgpack
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

import run
from schur_lib.schur import ordered_schur
from tests.report import loops

FILES = Path(__file__).parent / "files"
DATA = FILES / "trials.npz"


def psychrnn(_):
    """A leaky ReLU network under Dale's law."""
    held = np.load(FILES / "psychrnn_dale.npz")
    of = {"W_xh": "W_in", "W_hh": "W_rec", "W_hy": "W_out", "b_h": "b_rec", "b_y": "b_out", "h0": "init_state"}
    of = {role: held[name].squeeze() for role, name in of.items()}
    of["W_hh"] = abs(of["W_hh"] * held["rec_connectivity"]) @ held["Dale_rec"]
    of["W_hy"] = abs(of["W_hy"] * held["output_connectivity"]) @ held["Dale_out"]
    how = {"phi": "relu", "leak": 0.2, "form": "potential"}
    return FILES / "psychrnn_dale.npz", ["--dt", "20", "--tau", "100"], of, how


def keras(_):
    with h5py.File(FILES / "keras_biases_legacy.h5") as file:
        found = {}
        file.visititems(lambda name, part: found.update({name: part[()]} if hasattr(part, "dtype") else {}))
    (dense, kernel) = ({n.rpartition("/")[2]: array for n, array in found.items() if ("dense" in n) == readout}
                       for readout in (True, False))  # fmt: skip
    of = {"W_xh": kernel["kernel"].T, "W_hh": kernel["recurrent_kernel"].T, "W_hy": dense["kernel"].T,
          "b_h": kernel["bias"], "b_y": dense["bias"]}  # fmt: skip
    return FILES / "keras_biases_legacy.h5", [], of, {}


def flax(_):
    as_array = lambda _, data: (lambda s, d, c: np.frombuffer(c, d).reshape(s))(*msgpack.unpackb(data))  # noqa: E731
    held = msgpack.unpackb((FILES / "flax_linen.msgpack").read_bytes(), ext_hook=as_array)["params"]
    cell, readout = held["SimpleCell_0"], held["readout"]
    of = {"W_xh": cell["i"]["kernel"].T, "W_hh": cell["h"]["kernel"].T, "W_hy": readout["kernel"].T,
          "b_h": cell["i"]["bias"], "b_y": readout["bias"]}  # fmt: skip
    return FILES / "flax_linen.msgpack", [], of, {}


def nn_brain(_):
    held = {n: t.double().numpy() for n, t in torch.load(FILES / "nn_brain_ctrnn.pt", weights_only=True).items()}
    of = {"W_xh": held["rnn.input2h.weight"], "W_hh": held["rnn.h2h.weight"], "W_hy": held["fc.weight"],
          "b_h": held["rnn.input2h.bias"] + held["rnn.h2h.bias"], "b_y": held["fc.bias"]}  # fmt: skip
    return FILES / "nn_brain_ctrnn.pt", ["--leak", "0.2"], of, {"phi": "relu", "leak": 0.2, "form": "inside"}


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.readout = nn.RNN(3, 24), nn.Linear(24, 3)


def parametrized(tmp_path):
    torch.manual_seed(0)
    model = Model()
    parametrizations.weight_norm(model.rnn, "weight_hh_l0")
    with torch.no_grad():
        model.rnn.parametrizations.weight_hh_l0.original0.mul_(1.5)
    torch.save({"epoch": 3, "model": model.state_dict()}, tmp_path / "normed.ckpt")
    array = lambda t: t.detach().double().numpy()  # noqa: E731
    of = {"W_xh": array(model.rnn.weight_ih_l0), "W_hh": array(model.rnn.weight_hh_l0),
          "b_h": array(model.rnn.bias_ih_l0 + model.rnn.bias_hh_l0), "W_hy": array(model.readout.weight),
          "b_y": array(model.readout.bias)}  # fmt: skip
    return tmp_path / "normed.ckpt", ["--activation", "tanh"], of, {}


def low_rank(tmp_path):
    """Two factors, as lowrank_inference keeps them; the bias stands within φ, and not in the first step."""
    g, N = np.random.default_rng(2), 30
    shapes = {"wi": (3, N), "si": (3,), "m": (N, 2), "n": (N, 2), "b": (N,), "h0": (N,), "wo": (N, 3), "so": (3,)}
    held = {name: g.normal(size=shape).astype("f4") for name, shape in shapes.items()}
    torch.save({name: torch.tensor(array) for name, array in held.items()}, tmp_path / "factors.pt")
    f = {name: array.astype(float) for name, array in held.items()}
    of = {"W_xh": f["wi"].T * f["si"], "W_hh": f["m"] @ f["n"].T / N, "W_hy": (f["wo"] * f["so"]).T / N,
          "b_h": f["b"], "h0": f["h0"]}  # fmt: skip
    return tmp_path / "factors.pt", ["--leak", "0.2"], of, {"leak": 0.2, "form": "bias-inside"}


@pytest.mark.parametrize(
    ("library", "make"),
    [("psychrnn", psychrnn), ("keras", keras), ("flax", flax), ("nn-brain", nn_brain), ("torch", parametrized),
     ("low-rank", low_rank)],
)  # fmt: skip
def test_each_preset_reaches_a_report_whose_scores_are_those_of_a_loop(library, make, tmp_path):
    path, options, of, how = make(tmp_path)
    done = subprocess.run(
        [sys.executable, "-P", "-m", "report", "--weights", path, "--data", DATA, "--from", library, *options,
         "--budget", "0.03", "--output", "page.html"],
        cwd=tmp_path, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(Path(run.__file__).parent)},
    )  # fmt: skip
    assert done.returncode == 0 and done.stderr == "", done.stderr
    found = json.loads((tmp_path / "page.json").read_text(encoding="utf-8"))
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    of = {role: np.asarray(array, float) for role, array in of.items()}
    with np.load(DATA) as data:
        x, y = data["inputs"].astype(float), data["targets"].astype(float)
    assert found["n_trials"] == x.shape[1] and found["equation"] in page.replace("<sub>", "_").replace(
        "</sub>", ""
    )
    form = ordered_schur(of["W_hh"])
    rows = found["tables"]["profile"]
    assert len(rows) == 8 and rows[0]["score"] == found["score"]
    for row in rows:
        W = form.ablate(set(row["removed"].split("+")) - {""}, found["alpha"])
        right = loops.fvu(loops.outputs(x, **of | {"W_hh": W}, **how), y)
        assert row["score"] == pytest.approx(right, rel=1e-5, abs=1e-5), row["removed"]
    assert found["cut"]["n_leading"] == form.n_leading(found["alpha"])
