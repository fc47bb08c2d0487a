"""Weight files that other libraries wrote, read as those run them, and files that nobody should trust."""

import argparse
import io
import json
import pickle
import struct
import types
import warnings
import zipfile
import zlib
from pathlib import Path, PurePosixPath

import h5py
import msgpack
import numpy as np
import pytest
import scipy.io
import torch
from safetensors.torch import save_file
from torch import nn

from report.equations import evaluate
from report.files import LIMIT, OBJECT, arrays_of_npz, read
from report.weights import load_network

FILES = Path(__file__).parent / "files"
ANSWERS = json.loads((FILES / "answers.json").read_text(encoding="utf-8"))
# What the file does not tell, and a person has to say.
SAID = {
    "psychrnn.npz": {"leak": 0.2},
    "psychrnn_dale.npz": {"leak": 0.2},
    "nn_brain_ctrnn.pt": {"library": "nn-brain", "leak": 0.2},
    "brainpy.bp": {
        "names": {
            "W_xh": "RNNCell0/RNNCell0.Wi.T",
            "W_hh": "RNNCell0/RNNCell0.Wh.T",
            "W_hy": "Dense0/Dense0.W.T",
            "b_h": "RNNCell0/RNNCell0.b",
            "b_y": "Dense0/Dense0.b",
        },
        "set_aside": ["*.state"],
        "activation": "relu",
    },
}
REFUSED = {
    "keras_gru.keras": r"gru/cell/vars/1 is \(16, 48\), a GRU's.*schur_lib.evaluation",
    "torch_unrolled.onnx": "no RNN node, but steps written out.*torch.save\\(model.state_dict",
    "equinox.eqx": "arrays without names.*numpy.savez",
}
UNSAID = {
    "psychrnn.npz": "leak.*not in its file: add --leak A",
    "psychrnn_dale.npz": "leak.*not in its file: add --leak A",
    "nn_brain_ctrnn.pt": "neither the leak nor where it stands: add --from nn-brain --leak A",
    "brainpy.bp": r"no recurrent matrix with a known name.*RNNCell0.Wh \(64, 64\).*--parameter W_xh=NAME",
}


@pytest.fixture(scope="module")
def trials():
    arrays = np.load(FILES / "trials.npz")
    return torch.from_numpy(arrays["inputs"]), torch.from_numpy(arrays["targets"])


def test_every_file_here_is_read_or_refused_by_one_of_these_tests():
    there = {p.name for p in FILES.iterdir() if not p.name.startswith(("README", "answers", "trials", "table"))}
    assert there == set(ANSWERS) and set(REFUSED) | set(SAID) <= there and set(UNSAID) == set(SAID)


@pytest.mark.parametrize("name", sorted(set(ANSWERS) - set(REFUSED)))
def test_a_file_of_another_library_scores_as_in_that_library(name, trials):
    net = load_network(FILES / name, **SAID.get(name, {}))
    x, y = (t.to(net.W_hh.dtype) for t in trials)
    found = evaluate(net, x, y)
    (outputs,) = found.outputs([found.W_hh])
    assert found.intact == pytest.approx(ANSWERS[name]["fvu"], abs=1e-5)
    np.testing.assert_allclose(outputs[-1, 0], ANSWERS[name]["outputs"], rtol=0, atol=1e-5)


@pytest.mark.parametrize(("name", "said"), [*REFUSED.items(), *UNSAID.items()])
def test_what_the_file_does_not_tell_is_asked_for(name, said):
    with pytest.raises(ValueError, match=said):
        load_network(FILES / name)


@pytest.mark.parametrize("name", sorted(set(ANSWERS) - set(REFUSED)))
def test_the_kind_of_a_file_is_told_by_its_content(name, tmp_path):
    (tmp_path / "weights").write_bytes((FILES / name).read_bytes())
    if name != "torch_rnn_node.onnx":
        assert read(tmp_path / "weights").kind == read(FILES / name).kind


def test_outputs_that_come_a_step_late_are_run_so_and_said_so(trials):
    x, y = (t.double() for t in trials)
    late = load_network(FILES / "trainrnnbrain_params.json")
    assert late.text().startswith("first y = W_hy h, then h ←") and any("one step late" in n for n in late.notes)
    assert (
        evaluate(late, x[:-1], y[:-1]).intact > 0.3
        and evaluate(late, x, torch.cat([y[:1] * 0, y[:-1]])).intact < 2e-4
    )
    seen = load_network(FILES / "trainrnnbrain_params.json", equation="rate")
    assert evaluate(seen, x, y).intact == pytest.approx(0.000117944, abs=1e-6)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"gamma": 0.1}, "gamma = 0.1: the cubic term"),
        ({"equation_type": "h"}, "equation_type is 'h'"),
        ({"activation_args": {"name": "relu", "slope": 2.0}}, "slope 2"),
        ({"recurrent_mask": np.eye(32).tolist()}, "W_rec is not zero everywhere where recurrent_mask is"),
    ],
)
def test_what_trainrnnbrain_can_do_beyond_a_rate_network_is_refused(changed, said, tmp_path):
    held = json.loads((FILES / "trainrnnbrain_params.json").read_text())
    (tmp_path / "w.json").write_text(json.dumps(held | changed))
    with pytest.raises(ValueError, match=said):
        load_network(tmp_path / "w.json")


def of_keras(tmp_path, **changed):
    """keras.keras with other entries in the config of its SimpleRNN; readout=… in that of its Dense."""
    with zipfile.ZipFile(FILES / "keras.keras") as archive:
        config = json.loads(archive.read("config.json"))
        weights = archive.read("model.weights.h5")
    _, rnn, dense = config["config"]["layers"]
    dense["config"] |= {"activation": changed.pop("readout", "linear")}
    rnn["class_name"] = changed.pop("layer", "SimpleRNN")
    rnn["config"] |= changed | ({"layer": changed["layer_within"]} if "layer_within" in changed else {})
    with zipfile.ZipFile(tmp_path / "w.keras", "w") as archive:
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("model.weights.h5", weights)
    return tmp_path / "w.keras"


def test_the_config_of_a_keras_model_is_heeded(tmp_path):
    for word, activation in (("relu", "relu"), ("linear", "identity"), ("softplus", "softplus")):
        net = load_network(of_keras(tmp_path, activation=word))
        assert net.activation == activation and not any("assumed" in note for note in net.notes)
    assert load_network(of_keras(tmp_path, activation="relu"), "tanh").notes == (
        "The file names the activation relu; tanh was run, as asked.",
    )
    assert "softmax" in load_network(of_keras(tmp_path, readout="softmax")).notes[0]
    for changed, said in (({"activation": "elu"}, "activation elu"), ({"go_backwards": True}, "backwards"),
                          ({"readout": "tanh"}, "readout has the activation tanh"),
                          ({"layer": "LayerNormalization"}, "a layer LayerNormalization"),
                          ({"layer": "Masking", "mask_value": -1}, "Masking, which skips the steps.*all -1"),
                          ({"layer": "TimeDistributed", "layer_within": {"class_name": "Dense", "config": {
                              "activation": "relu"}}}, "readout has the activation relu")):  # fmt: skip
        with pytest.raises(ValueError, match=said):
            load_network(of_keras(tmp_path, **changed))


def test_the_names_of_older_keras_files_end_in_a_number(tmp_path, trials):
    with h5py.File(FILES / "keras_biases_legacy.h5") as file, h5py.File(tmp_path / "w.h5", "w") as older:
        names = []
        file.visit(names.append)
        for name in names:
            if isinstance(file[name], h5py.Dataset):
                older[f"{name}:0"] = file[name][()]
    net = load_network(tmp_path / "w.h5")
    assert evaluate(net, *trials).intact == pytest.approx(ANSWERS["keras_biases_legacy.h5"]["fvu"], abs=1e-5)


def test_arrays_come_back_as_they_were_written(tmp_path):
    arrays = {"W": np.arange(6.0).reshape(2, 3), "b": np.arange(3, dtype="f4"), "mask": np.eye(2, dtype=bool),
              "swapped": np.arange(4, dtype=">f8")}  # fmt: skip
    np.savez(tmp_path / "a.npz", **arrays, nothing=np.array(None, object), dt=0.1, phi="relu")
    np.savez_compressed(tmp_path / "b.npz", **arrays)
    scipy.io.savemat(tmp_path / "a.mat", {"net": arrays | {"phi": "relu", "dt": 0.1}})
    scipy.io.savemat(tmp_path / "c.mat", arrays, do_compression=True)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.update(arrays)
        file["phi"] = "relu"
    (tmp_path / "a.json").write_text(
        json.dumps({n: a.tolist() for n, a in arrays.items()} | {"phi": "relu", "dt": 0.1})
    )
    ext = {n: msgpack.ExtType(1, msgpack.packb((a.shape, a.dtype.str, a.tobytes()))) for n, a in arrays.items()}
    (tmp_path / "a.msgpack").write_bytes(msgpack.packb({"net": {"params": ext}}))
    save_file({n: torch.tensor(a.astype(a.dtype.newbyteorder("="))) for n, a in arrays.items()},
              tmp_path / "a.safetensors", {"phi": "relu"})  # fmt: skip
    for name, before in (("a.npz", ""), ("b.npz", ""), ("a.mat", "net."), ("c.mat", ""), ("a.h5", ""),
                         ("a.json", ""), ("a.msgpack", "net/params/"), ("a.safetensors", "")):  # fmt: skip
        found = read(tmp_path / name)
        assert set(found.tensors) == {before + n for n in arrays}, name
        for n, array in arrays.items():
            assert np.array_equal(np.squeeze(found.tensors[before + n].numpy()), array), (name, n)
        words = {n.removeprefix(before): value for n, value in found.facts.items()}
        assert words.get("phi", "relu") == "relu" and words.get("dt", 0.1) == 0.1
    assert (
        read(tmp_path / "a.npz").facts["nothing"] == OBJECT
        and arrays_of_npz(tmp_path / "a.npz")["nothing"] == OBJECT
    )


def test_what_lies_in_structures_cells_lists_and_sparse_matrices_has_names(tmp_path):
    W, U = np.arange(6.0).reshape(2, 3), np.eye(3)
    cell, nets = np.empty(2, object), np.empty(2, object)
    cell[:], nets[:] = [W, U], [{"W": W, "info": {"phi": "relu"}}, {"W": W + 1, "info": {"phi": "tanh"}}]
    held = {"cell": cell, "nets": nets, "sparse": scipy.sparse.csc_matrix(W)}
    scipy.io.savemat(tmp_path / "a.mat", held)
    found = read(tmp_path / "a.mat")
    right = {"cell.0": W, "cell.1": U, "nets.0.W": W, "nets.1.W": W + 1, "sparse": W}
    assert set(found.tensors) == set(right) and found.facts["nets.1.info.phi"] == "tanh"
    assert all(np.array_equal(found.tensors[name], array) for name, array in right.items())
    scipy.io.savemat(tmp_path / "b.mat", {"W": W.astype("f4"), "U": U}, format="4")  # begins with a matrix's type
    assert set(read(tmp_path / "b.mat").tensors) == {"W", "U"}
    for text in ([{"W": W.tolist()}], {"layers": [{"W": W.tolist()}, "relu"]}):
        (tmp_path / "a.json").write_text(json.dumps(text), encoding="utf-8-sig")
        found = read(tmp_path / "a.json")
        assert [*found.tensors] in (["0/W"], ["layers/0/W"])
    assert found.facts["layers/1"] == "relu"


def test_a_sparse_matrix_is_measured_before_it_is_filled(tmp_path):
    scipy.io.savemat(tmp_path / "a.mat", {"W": scipy.sparse.csc_matrix((10**6, 10**6))})
    with pytest.raises(ValueError, match="8e\\+03 GB"):
        read(tmp_path / "a.mat")


def field(number, content):
    """A field of protocol buffers: a number below 128, or bytes."""
    if isinstance(content, int):
        return bytes([number << 3, content])
    assert len(content) < 2**14
    return bytes([number << 3 | 2, len(content) & 127 | 128, len(content) >> 7]) + content


def onnx(*nodes, **arrays):
    """A model of nodes (kind, names that go in, name that comes out, attributes in bytes) and float32 arrays."""
    graph = b""
    for kind, into, out, *attributes in nodes:
        node = (
            b"".join(field(1, name.encode()) for name in into) + field(2, out.encode()) + field(4, kind.encode())
        )
        graph += field(1, node + b"".join(field(5, attribute) for attribute in attributes))
    for name, a in arrays.items():
        shape = b"".join(field(1, n) for n in a.shape)
        graph += field(5, shape + field(2, 1) + field(8, name.encode()) + field(9, a.astype("<f4").tobytes()))
    return field(1, 8) + field(7, graph)


def test_of_an_onnx_file_only_an_rnn_and_its_readout_are_taken(tmp_path):
    g = np.random.default_rng(0)
    shapes = {"W": (1, 4, 3), "R": (1, 4, 4), "B": (1, 8), "V": (4, 2), "c": (2,), "d": (2,), "e": (3,)}
    arrays = {name: g.normal(size=shape) for name, shape in shapes.items()}
    rnn = ("RNN", ("x", "W", "R", "B", "lengths"), "Y")
    read_out = ("MatMul", ("Y", "V"), "m")
    path = tmp_path / "w.onnx"
    path.write_bytes(onnx(rnn, read_out, ("Add", ("m", "c"), "o"), **arrays))
    found = read(path).tensors
    right = {"W_xh": arrays["W"][0], "W_hh": arrays["R"][0], "W_hy": arrays["V"].T, "b_y": arrays["c"],
             "b_h": arrays["B"][0, :4] + arrays["B"][0, 4:]}  # fmt: skip
    assert set(found) == set(right)
    for role, value in right.items():
        np.testing.assert_allclose(found[role], value, rtol=1e-6)
    path.write_bytes(onnx(rnn, ("Gemm", ("Y", "V", "c"), "m"), ("Add", ("m", "d"), "o"), **arrays))
    np.testing.assert_allclose(read(path).tensors["b_y"], arrays["c"] + arrays["d"], rtol=1e-6)
    clip = field(1, b"clip")
    for nodes, said in (
        ([("Add", ("x0", "e"), "x"), rnn, read_out], "Add of the inputs"),
        ([("MatMul", ("x0", "E"), "x"), rnn, read_out], "MatMul of the inputs"),
        ([(*rnn, clip), read_out], "clip"),
        ([rnn, read_out, ("Relu", ("m",), "o")], "Relu"),
    ):
        path.write_bytes(onnx(*nodes, **arrays))
        with pytest.raises(ValueError, match=f"one linear readout, it has .*{said}.*torch.save"):
            read(path)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.readout = nn.RNN(3, 5), nn.Linear(5, 2)

    def forward(self, x):
        return self.readout(self.rnn(x)[0])


BESIDE = {
    "path": {"hyper_parameters": {"out": Path("runs"), "pure": PurePosixPath("a/b")}},
    "namespace": {"args": argparse.Namespace(lr=0.1), "simple": types.SimpleNamespace(a=1)},
    "numpy": {"best": np.float64(0.1), "names": np.array(["a"])},
    "optimizer": {"optimizer": {"state": {0: {"exp_avg": torch.ones(5, 5)}}, "param_groups": [{"lr": 0.1}]}},
    "lists": {"optimizer_states": [{"state": {0: {"exp_avg": torch.ones(5, 5)}}}], "epoch": 3},
}


@pytest.mark.parametrize("key", ["state_dict", "model_state", "net", "a.b"])
@pytest.mark.parametrize("beside", BESIDE)
def test_a_checkpoint_is_opened_whatever_stands_beside_the_weights(beside, key, tmp_path):
    state = Model().state_dict()
    torch.save({key: state} | BESIDE[beside], tmp_path / "w.ckpt")
    found = read(tmp_path / "w.ckpt")
    for name, tensor in state.items():
        assert torch.equal(found.tensors[name], tensor)
    assert not any("exp_avg" in name for name in found.tensors)


@pytest.mark.parametrize("new", [True, False])
def test_numpy_arrays_and_older_files_of_torchs_are_read(new, tmp_path):
    state = Model().state_dict()
    for kept in (state, {n: t.numpy() for n, t in state.items()}):
        torch.save(kept, tmp_path / "w.tar", _use_new_zipfile_serialization=new)
        assert all(torch.equal(read(tmp_path / "w.tar").tensors[n], t) for n, t in state.items())


def test_parts_saved_one_by_one_are_joined(tmp_path):
    model = Model()
    torch.save({"rnn": model.rnn.state_dict(), "readout": model.readout.state_dict()}, tmp_path / "w.pt")
    assert load_network(tmp_path / "w.pt").sources["W_hh"] == "rnn.weight_hh_l0"


def test_what_holds_no_weights_by_name_is_refused_with_its_cause_and_a_way_out(tmp_path):
    model = Model()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.trace(model, torch.zeros(3, 2, 3)).save(str(tmp_path / "script.pt"))
        torch.export.save(torch.export.export(model, (torch.zeros(3, 2, 3),)), tmp_path / "program.pt2")
    torch.save(model, tmp_path / "model.pt")
    torch.save(list(model.state_dict().values()), tmp_path / "list.pt")
    torch.save(torch.ones(2, 2), tmp_path / "tensor.pt")
    torch.save({}, tmp_path / "empty.pt")
    torch.save({"epoch": 3}, tmp_path / "none.pt")
    torch.save({"a": torch.eye(2).to_sparse()}, tmp_path / "sparse.pt")
    torch.save({"a": torch.ones(2, 2, dtype=torch.complex64)}, tmp_path / "complex.pt")
    np.save(tmp_path / "one.npy", np.ones((2, 2)))
    (tmp_path / "pointer.safetensors").write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    )
    (tmp_path / "nothing.pt").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "w.txt").write_text("weights")
    (tmp_path / "w.gz").write_bytes(b"\x1f\x8b" + bytes(20))
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("w.txt", "a")
    for name, said in {
        "script.pt": r"TorchScript.*torch.save\(torch.jit.load\(file\).state_dict\(\)",
        "program.pt2": r"torch.export.save wrote.*torch.save\(torch.export.load\(file\).state_dict, ",
        "model.pt": r"a whole model \(.*torch.nn.modules.rnn.RNN.*torch.save\(model.state_dict\(\)",
        "list.pt": "tensors by name, got several without names",
        "tensor.pt": "tensors by name, got Tensor",
        "empty.pt": "empty state_dict",
        "none.pt": "no arrays of numbers by name; the file holds epoch: 3",
        "sparse.pt": "sparse.pt",
        "complex.pt": "no arrays of numbers",
        "one.npy": "without names",
        "pointer.safetensors": "pointer of Git LFS.*git lfs pull",
        "nothing.pt": "is empty",
        "folder": "is a folder",
        "w.txt": "none of the files that are read.*got w.txt",
        "w.gz": "an archive: unpack it",
        "other.zip": "a zip with w.txt",
    }.items():
        with pytest.raises(ValueError, match=said) as refused:
            read(tmp_path / name)
        assert "weights_only" not in str(refused.value), name
    with pytest.raises(FileNotFoundError, match="no file .*absent"):
        read(tmp_path / "absent")


class Evil:
    def __reduce__(self):
        return (open, (Evil.path, "w"))


def test_pickled_objects_are_refused_and_never_run(tmp_path):
    Evil.path = str(tmp_path / "was run")
    torch.save({"weight": torch.ones(2), "other": Evil()}, tmp_path / "evil.pt")
    torch.save({"weight": Evil()}, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    (tmp_path / "plain.pt").write_bytes(pickle.dumps(Evil()))
    np.savez(tmp_path / "evil.npz", W_hh=np.array([Evil()], object))
    for name in ("evil.pt", "old.pt", "plain.pt"):
        with pytest.raises(ValueError, match="could run any code.*state_dict"):
            read(tmp_path / name)
    with pytest.raises(ValueError, match="no arrays of numbers"):
        read(tmp_path / "evil.npz")
    assert not (tmp_path / "was run").exists()


def npz(path, shape, n_bytes=100, header=None):
    start = io.BytesIO()
    np.lib.format.write_array_header_1_0(start, {"descr": "<f8", "fortran_order": False, "shape": shape})
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("W_hh.npy", (start.getvalue() if header is None else header) + bytes(n_bytes))


def mat(path, claimed):
    inner = zlib.compress(struct.pack("<II", 14, claimed) + bytes(100))
    head = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H", 0x0100) + b"IM"
    path.write_bytes(head + struct.pack("<II", 15, len(inner)) + inner)


def h5(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("W_hh", (30_000, 30_000), "f8", chunks=True, compression="gzip")


def keras(path):
    h5(path.with_suffix(".h5"))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(path.with_suffix(".h5"), "model.weights.h5")


def expanded(path, **options):
    torch.save({"W_hh": torch.zeros(1).expand(30_000, 30_000)}, path, **options)


@pytest.mark.parametrize(
    ("make", "claimed"),
    [
        (expanded, "3.6"),
        (lambda path: expanded(path, _use_new_zipfile_serialization=False), "3.6"),
        (lambda path: npz(path, (30_000, 30_000)), "7.2"),
        (lambda path: npz(path, (10**30, 10**30)), "8e"),
        (lambda path: mat(path, 2**32 - 8), "4.29"),
        (h5, "7.2"),
        (keras, "7.2"),
    ],
)
def test_what_would_not_fit_into_memory_is_refused_before_it_is_loaded(make, claimed, tmp_path):
    make(tmp_path / "w.keras")
    assert sum(p.stat().st_size for p in tmp_path.iterdir()) < 100_000
    with pytest.raises(ValueError, match=rf"takes {claimed}.* GB in memory, and 2 GB are allowed.*set {LIMIT}="):
        read(tmp_path / "w.keras")


def test_the_limit_can_be_raised_and_must_be_a_number(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "w.npz", W_hh=np.zeros((400, 400)))
    monkeypatch.setenv(LIMIT, "0.001")
    with pytest.raises(ValueError, match=f"takes 0.00128 GB.*0.001 GB are allowed.*set {LIMIT}=1"):
        read(tmp_path / "w.npz")
    monkeypatch.setenv(LIMIT, "1")
    assert read(tmp_path / "w.npz").tensors["W_hh"].shape == (400, 400)
    monkeypatch.setenv(LIMIT, "much")
    with pytest.raises(ValueError, match=f"{LIMIT} must be a number, got 'much'"):
        read(tmp_path / "w.npz")


def test_headers_that_no_array_needs_and_loops_end_in_a_word(tmp_path):
    folder = tmp_path
    npz(folder / "long.npz", (1,), header=b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**31) + b" " * 1000)
    npz(folder / "negative.npz", (-5, 30))
    (folder / "giant.safetensors").write_bytes(struct.pack("<Q", 2**39) + b"{}")
    (folder / "list.safetensors").write_bytes(struct.pack("<Q", 25) + b'{"__metadata__":{"a":[]}}')
    (folder / "null.safetensors").write_bytes(struct.pack("<Q", 27) + b'{"__metadata__":{"a":null}}')
    (folder / "deep.json").write_text('{"a":' * 100_000)
    (folder / "deep.msgpack").write_bytes(b"\x81\xa1a" * 100_000)
    (folder / "long.msgpack").write_bytes(b"\x81\xa1a\xdd\xff\xff\xff\xff")
    (folder / "a.onnx").write_bytes(b"\x08\x07\x3a\x05abc")
    for path in folder.iterdir():
        with pytest.raises(ValueError, match=f"{path.name} is damaged"):
            read(path)
    part = {"w": torch.ones(2, 2)}
    for _ in range(60):  # 2^60 ways to the one tensor
        part = {"a": part, "b": part}
    part["itself"] = part
    torch.save(part, folder / "loop.pt")
    assert [t.shape for t in read(folder / "loop.pt").tensors.values()] == [(2, 2)]


def test_arrays_that_lie_in_other_files_are_not_read(tmp_path):
    (tmp_path / "secret").write_bytes(bytes(100))
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file.create_dataset("W_hh", (10,), "u1", external=[(str(tmp_path / "secret"), 0, 10)])
    with pytest.raises(ValueError, match="W_hh lie in other files"):
        read(tmp_path / "w.h5")


@pytest.mark.parametrize("name", sorted(set(ANSWERS) - {"equinox.eqx"}))
def test_a_file_that_is_cut_short_is_refused(name, tmp_path):
    content = (FILES / name).read_bytes()
    for n in (0, 1, 10, 200, len(content) // 2, len(content) - 30):
        (tmp_path / "cut").write_bytes(content[:n])
        with pytest.raises(ValueError, match="cut"):
            read(tmp_path / "cut")


@pytest.mark.parametrize(("library", "name"), [("h5py", "keras.keras"), ("msgpack", "flax_nnx.msgpack")])
def test_a_library_that_is_not_there_is_named(library, name, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, library, None)
    with pytest.raises(ValueError, match=rf"pip install {library}, or pip install 'schur-lib\[files\]'"):
        read(FILES / name)
