"""Networks and their files: what is saved is loaded, and nothing else is."""

import hashlib
import json

import pytest
import torch
from safetensors.torch import save_file

from schur_lib import Network

W_XH, W_HH, W_HY = torch.randn(4, 2), torch.randn(4, 4), torch.randn(3, 4)


def test_a_saved_network_loads_bit_by_bit_with_its_metadata(tmp_path):
    metadata = {"spec": {"task": "copy", "seed": 1}, "note": "α ≥ 0.9"}
    net = Network(W_XH, W_HH, W_HY, torch.ones(4), torch.zeros(3), torch.ones(4) / 2, "relu", metadata)
    net.save(tmp_path / "deep" / "net.safetensors")
    back = Network.load(tmp_path / "deep" / "net.safetensors")
    assert back.metadata == metadata and back.activation == "relu"
    assert {n: t.tolist() for n, t in back.tensors().items()} == {n: t.tolist() for n, t in net.tensors().items()}
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["net.safetensors"]


def test_a_file_from_elsewhere_with_the_same_names_loads(tmp_path):
    save_file({"W_xh": W_XH, "W_hh": W_HH, "W_hy": W_HY}, tmp_path / "a.safetensors")
    net = Network.load(tmp_path / "a.safetensors")
    assert torch.equal(net.W_hh, W_HH) and net.activation == "tanh" and net.metadata == {}


def test_every_cut_of_a_file_is_refused(tmp_path):
    path = tmp_path / "net.safetensors"
    Network(W_XH, W_HH, W_HY).save(path)
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="net.safetensors"):
            Network.load(path)


def test_a_changed_weight_is_noticed(tmp_path):
    path = tmp_path / "net.safetensors"
    Network(W_XH, W_HH, W_HY).save(path)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(ValueError, match="checksum"):
        Network.load(path)


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"W_xh": W_XH, "W_hh": W_HH}, "must hold.*W_hy.*it holds.*W_hh"),
        ({"W_xh": W_XH, "W_hh": W_HH, "W_hy": W_HY, "gate": W_HH.clone()}, "may hold.*it holds.*gate"),
        ({"W_xh": W_XH, "W_hh": W_HH[:3].contiguous(), "W_hy": W_HY}, "W_hh"),
        ({"W_xh": W_XH, "W_hh": W_HH / 0, "W_hy": W_HY}, "NaN or infinite"),
    ],
)
def test_foreign_files_are_refused_with_a_reason(tmp_path, tensors, message):
    save_file(tensors, tmp_path / "a.safetensors")
    with pytest.raises(ValueError, match=message):
        Network.load(tmp_path / "a.safetensors")


def test_what_is_no_safetensors_file_is_refused(tmp_path):
    path = tmp_path / "a.safetensors"
    path.write_text(json.dumps({"W_hh": [[1]]}))
    with pytest.raises(ValueError, match="damaged or no safetensors file"):
        Network.load(path)
    with pytest.raises(FileNotFoundError, match="b.safetensors"):
        Network.load(tmp_path / "b.safetensors")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"W_hh": torch.zeros(4, 3)}, "W_hh"),
        ({"W_hh": torch.zeros(0, 0)}, "W_hh"),
        ({"W_xh": torch.zeros(3, 2)}, "W_xh"),
        ({"W_hy": torch.zeros(3, 5)}, "W_hy"),
        ({"W_hy": torch.zeros(4)}, "W_hy"),
        ({"b_h": torch.zeros(3)}, "b_h"),
        ({"h0": torch.zeros(1, 4)}, "h0"),
        ({"W_hh": torch.full((4, 4), float("nan"))}, "W_hh.*NaN"),
        ({"W_hh": torch.zeros(4, 4, dtype=torch.int64)}, "must be float32 or float64, got torch.int64"),
        (
            {"W_xh": W_XH.half(), "W_hh": W_HH.half(), "W_hy": W_HY.half()},
            "must be float32 or float64, got torch.float16",
        ),
        ({"W_hh": torch.zeros(0, 0), "W_xh": torch.zeros(0, 2), "W_hy": torch.zeros(3, 0)}, "W_hh must be"),
        ({"b_y": torch.zeros(4)}, r"b_y must be \(N_y\), here N_h = 4, N_x = 2, N_y = 3; got \(4,\)"),
        ({"W_hh": torch.zeros(4, 4, dtype=torch.complex64)}, "complex64"),
        ({"W_hy": torch.zeros(3, 4, dtype=torch.float64)}, "one dtype"),
        ({"W_hh": [[0.0]]}, "list"),
        ({"activation": "sigmoid"}, "sigmoid"),
    ],
)
def test_bad_tensors_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        Network(**{"W_xh": W_XH, "W_hh": W_HH, "W_hy": W_HY, **change})


def test_metadata_that_json_cannot_hold_is_refused_and_leaves_no_file(tmp_path):
    for value in (object(), float("nan"), float("inf"), {(1, 2): 3}):
        with pytest.raises(ValueError, match="metadata must be what JSON can hold"):
            Network(W_XH, W_HH, W_HY, metadata={"a": value}).save(tmp_path / "a.safetensors")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("rnn", "message"),
    [
        (torch.nn.RNN(2, 4, num_layers=2), "2 layers"),
        (torch.nn.RNN(2, 4, bidirectional=True), "bidirectional"),
        (torch.nn.GRU(2, 4), "GRU"),
    ],
)
def test_other_torch_modules_are_refused(rnn, message):
    with pytest.raises(ValueError, match=message):
        Network.from_torch(rnn, torch.nn.Linear(4, 3))


def rewrite_header(path, change):
    """Change the metadata of a safetensors file and nothing else."""
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    change(header["__metadata__"])
    new = json.dumps(header).encode()
    path.write_bytes(len(new).to_bytes(8, "little") + new + content[8 + length :])


def in_metadata(key, value):
    def change(header):
        metadata = json.loads(header["metadata"])
        assert metadata[key] != value
        header["metadata"] = json.dumps(metadata | {key: value}, sort_keys=True)

    return change


@pytest.mark.parametrize(
    "change",
    [
        in_metadata("history", {"columns": ["step"], "rows": [[2]]}),
        in_metadata("provenance", {"code": "other"}),
        in_metadata("spec", {"task": "copy", "seed": 2}),
        lambda header: header.update(activation="relu"),
        lambda header: header.pop("activation"),
        lambda header: header.update(metadata="{}"),
        lambda header: header.pop("sha256"),
    ],
)
def test_a_changed_header_is_refused_as_damaged(tmp_path, change):
    metadata = {
        "spec": {"task": "copy", "seed": 1},
        "history": {"columns": ["step"], "rows": [[1]]},
        "provenance": {"code": "this"},
    }
    path = tmp_path / "net.safetensors"
    Network(W_XH, W_HH, W_HY, metadata=metadata).save(path)
    rewrite_header(path, lambda header: None)
    assert Network.load(path).metadata == metadata  # the layout of the header alone does not matter
    rewrite_header(path, change)
    with pytest.raises(ValueError, match="net.safetensors is damaged.*checksum"):
        Network.load(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda header: header.update(format="schur_lib network 3"),
        lambda header: header.update(format="pt"),
        lambda header: header.pop("format"),
    ],
)
def test_a_file_of_another_format_is_named(tmp_path, change):
    path = tmp_path / "net.safetensors"
    Network(W_XH, W_HH, W_HY).save(path)
    rewrite_header(path, change)
    with pytest.raises(ValueError, match="is of format .*this reads 'schur_lib network 2'"):
        Network.load(path)


def test_a_file_of_the_first_format_is_read_and_verified(tmp_path):
    path = tmp_path / "net.safetensors"
    tensors = {"W_xh": W_XH, "W_hh": W_HH, "W_hy": W_HY}
    sums = hashlib.sha256()
    for name in sorted(tensors):
        sums.update(name.encode() + tensors[name].numpy().tobytes())
    header = {
        "format": "schur_lib network 1",
        "activation": "relu",
        "metadata": '{"a": 1}',
        "sha256": sums.hexdigest(),
    }
    save_file(tensors, path, header)
    net = Network.load(path)
    assert (net.activation, net.metadata) == ("relu", {"a": 1}) and torch.equal(net.W_hh, W_HH)
    save_file(tensors | {"W_hh": -W_HH}, path, header)
    with pytest.raises(ValueError, match="damaged.*checksum"):
        Network.load(path)


@pytest.mark.parametrize("metadata", [[1, 2], None, "text", 3])
def test_metadata_that_are_no_dictionary_are_refused(tmp_path, metadata):
    with pytest.raises(ValueError, match="metadata must be a dictionary"):
        Network(W_XH, W_HH, W_HY, metadata=metadata)
    path = tmp_path / "a.safetensors"
    tensors = {"W_xh": W_XH, "W_hh": W_HH, "W_hy": W_HY}
    save_file(tensors, path, metadata={"metadata": json.dumps(metadata)})
    with pytest.raises(ValueError, match="a.safetensors: .*dictionary"):
        Network.load(path)


def odd_header(path, change):
    """Write the header of a safetensors file anew, with whatever JSON can hold."""
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    change(header)
    new = json.dumps(header).encode()
    path.write_bytes(len(new).to_bytes(8, "little") + new + content[8 + length :])


NESTED = "[" * 100_000 + "]" * 100_000


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda header: header["__metadata__"].update(metadata=[1]), "damaged or no safetensors"),
        (lambda header: header["__metadata__"].update(metadata=None), "damaged or no safetensors"),
        (lambda header: header["__metadata__"].update(activation={"a": 1}), "damaged or no safetensors"),
        (lambda header: header["__metadata__"].update(sha256=7), "damaged or no safetensors"),
        (lambda header: header.update(__metadata__=[]), "damaged or no safetensors"),
        (lambda header: header.update(__metadata__={"metadata": "null"}), "metadata must be a dictionary"),
        (lambda header: header.update(__metadata__={"metadata": "{"}), "its metadata are no JSON"),
        (lambda header: header.update(__metadata__={"metadata": ""}), "its metadata are no JSON"),
        (lambda header: header.update(__metadata__={"metadata": NESTED}), "its metadata are no JSON"),
        (lambda header: header.update(__metadata__={"metadata": '{"a": NaN}'}), "its metadata are no JSON.*NaN"),
        (lambda header: header.update(__metadata__={"metadata": '{"a": -Infinity}'}), "no JSON.*-Infinity"),
        (lambda header: header.update(__metadata__={"activation": ""}), "activation must be one of"),
        (lambda header: header["__metadata__"].update(metadata=NESTED), "checksum"),
    ],
)
def test_odd_metadata_count_as_damaged(tmp_path, change, message):
    path = tmp_path / "net.safetensors"
    Network(W_XH, W_HH, W_HY).save(path)
    odd_header(path, change)
    with pytest.raises(ValueError, match=f"net.safetensors.*{message}"):
        Network.load(path)


def test_a_file_without_metadata_is_a_plain_network(tmp_path):
    path = tmp_path / "net.safetensors"
    Network(W_XH, W_HH, W_HY).save(path)
    odd_header(path, lambda header: header.update(__metadata__=None))
    assert Network.load(path).metadata == {}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, b"bytes"])
def test_metadata_that_json_cannot_hold_are_not_saved(tmp_path, value):
    with pytest.raises(ValueError, match="metadata must be what JSON can hold"):
        Network(W_XH, W_HH, W_HY, metadata={"history": [value]}).save(tmp_path / "net.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_the_digest_sees_every_tensor_and_the_activation():
    extras = {"b_h": torch.ones(4), "b_y": torch.ones(3), "h0": torch.ones(4)}
    tensors = {"W_xh": W_XH, "W_hh": W_HH, "W_hy": W_HY, **extras}
    seen = {Network(**tensors).digest(), Network(**tensors, activation="relu").digest()}
    seen |= {Network(**{**tensors, name: tensor + 1}).digest() for name, tensor in tensors.items()}
    seen |= {Network(**{k: v for k, v in tensors.items() if k != name}).digest() for name in extras}
    assert len(seen) == 2 + 6 + 3
    assert Network(**tensors, metadata={"a": 1}).digest() == Network(**tensors).digest()


def test_sizes_and_tensors_of_a_network():
    net = Network(W_XH, W_HH, W_HY, h0=torch.ones(4))
    assert (net.hidden_size, net.n_inputs, net.n_outputs) == (4, 2, 3)
    assert list(net.tensors()) == ["W_xh", "W_hh", "W_hy", "h0"] and net.tensors()["h0"] is net.h0
    assert (net.activation, net.metadata) == ("tanh", {})


def test_the_network_in_float64_is_the_same_network():
    net = Network(W_XH, W_HH, W_HY, torch.ones(4), activation="relu", metadata={"a": 1})
    double = net.double()
    assert double.activation == "relu" and double.metadata == {"a": 1} and double.h0 is None
    for name, tensor in net.tensors().items():
        assert double.tensors()[name].dtype == torch.float64
        assert torch.equal(double.tensors()[name].float(), tensor)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
def test_a_torch_network_is_copied_tensor_by_tensor(nonlinearity, bias):
    torch.manual_seed(0)
    rnn, readout = torch.nn.RNN(2, 4, nonlinearity=nonlinearity, bias=bias), torch.nn.Linear(4, 3, bias=bias)
    net = Network.from_torch(rnn, readout)
    assert net.activation == nonlinearity and net.h0 is None
    theirs = [rnn.weight_ih_l0, rnn.weight_hh_l0, readout.weight]
    for ours, other in zip((net.W_xh, net.W_hh, net.W_hy), theirs, strict=True):
        assert torch.equal(ours, other) and not ours.requires_grad and ours.data_ptr() != other.data_ptr()
    if bias:
        assert torch.equal(net.b_h, rnn.bias_ih_l0 + rnn.bias_hh_l0) and torch.equal(net.b_y, readout.bias)
        assert net.b_y.data_ptr() != readout.bias.data_ptr() and not net.b_y.requires_grad
    else:
        assert net.b_h is None and net.b_y is None


def test_a_readout_that_is_no_linear_layer_is_refused():
    with pytest.raises(ValueError, match="need torch.nn.RNN and torch.nn.Linear, got RNN and Identity"):
        Network.from_torch(torch.nn.RNN(2, 4), torch.nn.Identity())


def test_a_write_that_fails_leaves_the_file_that_was_there_and_none_beside_it(tmp_path, monkeypatch):
    path = tmp_path / "net.safetensors"
    Network(W_XH, W_HH, W_HY).save(path)
    before = path.read_bytes()
    monkeypatch.setattr("os.fsync", lambda handle: (_ for _ in ()).throw(OSError("no space")))
    with pytest.raises(OSError, match="no space"):
        Network(W_XH + 1, W_HH, W_HY).save(path)
    assert path.read_bytes() == before and [p.name for p in tmp_path.iterdir()] == ["net.safetensors"]


def test_a_file_is_readable_for_others_and_goes_through_to_the_disk(tmp_path, monkeypatch):
    synced, fsync = [], __import__("os").fsync
    monkeypatch.setattr("os.fsync", lambda handle: (synced.append(handle), fsync(handle)))
    Network(W_XH, W_HH, W_HY).save(str(tmp_path / "net.safetensors"))
    assert (tmp_path / "net.safetensors").stat().st_mode & 0o777 == 0o644 and len(synced) == 1


def test_metadata_are_written_in_one_order_and_a_view_is_saved_whole(tmp_path):
    whole, told = torch.randn(8, 8), []
    for metadata in ({"x": 1, "y": 2}, {"y": 2, "x": 1}):
        net = Network(W_XH, whole[::2, ::2], W_HY, metadata=metadata)
        net.save(tmp_path / "a")
        rewrite_header(tmp_path / "a", lambda header: told.append((header["metadata"], header["sha256"])))
    assert told[0] == told[1] and told[0][0] == '{"x": 1, "y": 2}'
    assert torch.equal(Network.load(tmp_path / "a").W_hh, whole[::2, ::2])


def test_a_network_lands_on_the_device_that_is_asked_for(tmp_path, monkeypatch):
    Network(W_XH, W_HH, W_HY).save(tmp_path / "a")
    asked, to = [], torch.Tensor.to
    monkeypatch.setattr(torch.Tensor, "to", lambda self, device: asked.append(device) or to(self, "cpu"))
    Network.load(tmp_path / "a", device="elsewhere")
    assert asked == ["elsewhere"] * 3


def test_a_digest_has_16_hexadecimal_digits_and_is_the_same_for_the_same_numbers():
    one, other = (Network(W_XH.clone(), W_HH.clone(), W_HY.clone()).digest() for _ in range(2))
    assert one == other and len(one) == 16 and int(one, 16) >= 0
