"""What stands in a weight file, whoever wrote it: arrays by name, and the words and numbers beside them.

The kind of a file is told by its first bytes, never by its name. Nothing in a file is run: pickles are read by
torch's reader of weights alone, and what a file claims to hold is measured before it is loaded.
"""

import argparse
import codecs
import io
import json
import math
import os
import pathlib
import pickle
import types
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import scipy.io
import scipy.sparse
import torch
from torch import Tensor
from torch.serialization import get_unsafe_globals_in_checkpoint, safe_globals

LIMIT = "SCHUR_LIB_MAX_GB"  # the variable that allows more than this:
GIGABYTES = 2.0
OBJECT, COMPLEX, LIST = UNREAD = tuple(
    f"{what}, which is not read"
    for what in ("an array of Python objects", "an array of complex numbers", "a list")
)
HDF5 = b"\x89HDF\r\n\x1a\n"
SAVE = 'torch.save(model.state_dict(), "weights.pt")'

# What training loops leave beside the weights and what runs no code of theirs when it is made again.
_CORE = np._core.multiarray
HARMLESS = [
    *((getattr(_CORE, name), f"numpy.{core}.multiarray.{name}")
      for name in ("_reconstruct", "scalar") for core in ("core", "_core")),
    np.ndarray, np.dtype,
    *(getattr(np.dtypes, name) for name in np.dtypes.__all__ if name != "ObjectDType"),
    argparse.Namespace, types.SimpleNamespace,
    *((getattr(pathlib, f"Pure{kind}Path"), f"{module}.{pure}{kind}Path")
      for kind in ("Posix", "Windows") for pure in ("", "Pure") for module in ("pathlib", "pathlib._local")),
    *((dict, f"{module}.AttributeDict")
      for module in ("pytorch_lightning.utilities.parsing", "lightning.pytorch.utilities.parsing",
                     "lightning.fabric.utilities.data", "lightning_fabric.utilities.data")),
]  # fmt: skip


@dataclass(frozen=True)
class Contents:
    """What a file holds.

    Fields:
        kind: of the file, such as "torch" or "npz".
        tensors: real tensors by name; names of nested parts are joined as the library that wrote them does.
        facts: what stands beside them, by name: words, numbers, None.
    """

    kind: str
    tensors: dict[str, Tensor]
    facts: dict[str, Any] = field(default_factory=dict)


def read(path) -> Contents:
    """What a weight file holds.

    Read are safetensors, PyTorch's `state_dict` and checkpoints around one, NumPy's .npz, MATLAB's .mat, HDF5 and
    .keras (with h5py), Flax's msgpack (with msgpack), JSON, and ONNX with an RNN node.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: another kind of file, a damaged one, one that is larger in memory than is allowed, or one that
            holds pickled objects; says how to save the weights instead.
    """
    path = Path(path)
    if path.is_dir():
        raise ValueError(
            f"{path} is a folder (as Orbax and TensorFlow save): load it there and save its arrays by name, "
            "numpy.savez(file, W_xh=…, W_hh=…, W_hy=…)"
        )
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    fits(path, path.stat().st_size)
    with path.open("rb") as file:
        head = file.read(1024)
    reader = _reader(path, head)
    try:
        found = reader(path)
    except (FileNotFoundError, PermissionError):
        raise
    except ValueError as error:
        if str(path) in str(error) or LIMIT in str(error) or "pip install" in str(error):
            raise
        raise ValueError(f"{path} is damaged or not what it seems to be: {error}") from error
    except (OSError, EOFError, RuntimeError, LookupError, OverflowError, TypeError, zipfile.BadZipFile, zlib.error,
            NotImplementedError) as error:  # fmt: skip
        said = str(error).partition("\n")[0][:200]
        said = "" if "weights_only" in str(error) else said  # torch's advice would run what is in the file
        raise ValueError(
            f"{path} is damaged or not what it seems to be: {said or type(error).__name__}"
        ) from error
    real = {
        name: t.float() if t.dtype == torch.bool else t for name, t in found.tensors.items() if not t.is_complex()
    }
    fits(path, sum(t.numel() * t.element_size() for t in real.values()))
    other = {name: COMPLEX for name in found.tensors if name not in real}
    if not real:
        remedy = '. Save them by name: numpy.savez("weights.npz", W_xh=…, W_hh=…, W_hy=…)'
        raise ValueError(f"{path} holds no arrays of numbers by name; {described(found)}{remedy}")
    return Contents(found.kind, real, found.facts | other)


def fits(path, n_bytes: float) -> None:
    """Check that what a file claims to hold may be loaded; ValueError names the variable that allows more."""
    try:
        allowed = float(os.environ.get(LIMIT, GIGABYTES))
    except ValueError as error:
        raise ValueError(f"{LIMIT} must be a number, got {os.environ[LIMIT]!r}") from error
    if not n_bytes <= allowed * 1e9:
        raise ValueError(
            f"{path} takes {n_bytes / 1e9:.3g} GB in memory, and {allowed:g} GB are allowed: for a file that is "
            f"to be trusted, set {LIMIT}={math.ceil(n_bytes / 1e9):.3g}"
        )


def described(found: Contents) -> str:
    """What a file holds, in a sentence of bounded length."""
    shown = [f"{name} {tuple(t.shape)}" for name, t in found.tensors.items()]
    shown += [f"{name}: {str(value)[:40]}" for name, value in found.facts.items()]
    more = f" and {len(shown) - 60} more" if len(shown) > 60 else ""
    return f"the file holds {', '.join(shown[:60]) or 'nothing'}{more}"


def arrays_of_npz(path) -> dict[str, np.ndarray | str]:
    """The arrays of an .npz by name, measured by their headers before one is loaded; OBJECT for pickles."""
    found: dict[str, np.ndarray | str] = {}
    with zipfile.ZipFile(path) as archive:
        members = [info for info in archive.infolist() if info.filename.endswith(".npy")]
        claimed = {info.filename: _npy_header(archive, info) for info in members}
        fits(path, sum(max(info.file_size, claimed[info.filename][1]) for info in members))
        for info in members:
            dtype, _ = claimed[info.filename]
            name = info.filename.removesuffix(".npy")
            if dtype.hasobject:
                found[name] = OBJECT
                continue
            with archive.open(info) as member:
                found[name] = np.lib.format.read_array(member, allow_pickle=False)
    return found


def _npy_header(archive, info):
    """(dtype, bytes) that a member of an .npz claims, from its first bytes."""
    with archive.open(info) as member:
        start = io.BytesIO(member.read(2**16))
    try:
        version = np.lib.format.read_magic(start)
        reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = reader(start)
    except ValueError as error:
        raise ValueError(f"{info.filename} is damaged or has a header that no array needs") from error
    return dtype, math.prod(shape) * dtype.itemsize


def _reader(path, head):
    """The function that reads a file with these first bytes."""
    if not head:
        raise ValueError(f"{path} is empty")
    if head.startswith(b"version https://git-lfs"):
        raise ValueError(f"{path} is a pointer of Git LFS, the file itself was not fetched: git lfs pull")
    if head.startswith(b"PK\x03\x04"):
        return _of_zip(path)
    if HDF5 in (head[:8], head[512:520]) or head.startswith(b"MATLAB 7.3"):
        return _hdf5
    if head.startswith(b"MATLAB 5.0") or (path.suffix == ".mat" and _of_version_4(head)):
        return _mat
    if head.startswith(b"\x93NUMPY"):
        raise ValueError(
            f"{path} holds arrays without names, one after the other (as numpy.save and Equinox write them). Save "
            'them by name: f = open(file, "rb"); a, b, c = (numpy.load(f) for _ in range(3)); '
            'numpy.savez("weights.npz", W_xh=a, W_hh=b, W_hy=c), in the order of the model'
        )
    if head.startswith(b"\x1f\x8b") or head[257:262] == b"ustar":
        raise ValueError(f"{path} is an archive: unpack it, and give the weight file that is in it")
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 2**40:
        return _safetensors
    if head.removeprefix(codecs.BOM_UTF8).lstrip()[:1] in (b"{", b"["):
        return _json
    if head[0] == 0x80 and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return _torch
    if head[0] in range(0x80, 0x90) or head[0] in (0xDE, 0xDF):
        return _msgpack
    if (
        head[0] == 0x08
        and path.suffix == ".onnx"
        or head[:2] in (b"\x08\x07", b"\x08\x08", b"\x08\x09", b"\x08\x0a")
    ):
        return _onnx
    raise ValueError(
        f"{path} is none of the files that are read, which are .safetensors, a state_dict that torch.save "
        f"wrote (.pt, .pth, .bin, .ckpt), .npz, .mat, .h5, .keras, .msgpack, .json or .onnx, got {path.name}; it "
        "may "
        "be damaged"
    )


def _of_version_4(head):
    """Whether a .mat file begins with a type of MATLAB's version 4: its digits are order, 0, precision, class."""
    kinds = int.from_bytes(head[:4], "little"), int.from_bytes(head[:4], "big")
    return any(kind // 1000 in (0, 1) and kind % 1000 < 53 for kind in kinds)


def _of_zip(path):
    """The function that reads a zip, by the names in it."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = {name: archive.getinfo(name).file_size for name in archive.namelist()}
    except zipfile.BadZipFile as error:
        raise ValueError(f"{path} is damaged: {error}") from error
    fits(path, sum(names.values()))
    last = {name.rpartition("/")[2] for name in names}
    if "model.weights.h5" in names:
        return _keras
    if "archive_format" in last or "serialized_exported_program.json" in last:
        raise ValueError(
            f"{path} is a program that torch.export.save wrote. Save its weights alone: "
            'torch.save(torch.export.load(file).state_dict, "weights.pt")'
        )
    if "constants.pkl" in last:
        raise ValueError(
            f"{path} is a TorchScript program. Save its weights alone: "
            'torch.save(torch.jit.load(file).state_dict(), "weights.pt")'
        )
    if "data.pkl" in last:
        return _torch
    if any(name.endswith(".npy") for name in names):
        return _npz
    raise ValueError(
        f"{path} is a zip with {', '.join(list(names)[:8])}: unpack it, and give the weight file in it"
    )


def _safetensors(path):
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
    if length > min(path.stat().st_size, 2**24):
        raise ValueError(f"{path} is damaged or no safetensors file: its header claims {length} bytes")
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            tensors, facts = {n: file.get_tensor(n) for n in file.keys()}, {}
            for name, word in (file.metadata() or {}).items():
                try:  # whole settings are kept as JSON
                    said = json.loads(word) if word.startswith("{") else word
                except (ValueError, RecursionError):
                    said = word
                _flat(said, ".", {}, facts, name)
            return Contents("safetensors", tensors, facts)
    except safetensors.SafetensorError as error:
        raise ValueError(f"{path} is damaged or no safetensors file: {error}") from error


def _torch(path):
    def load(place):
        with warnings.catch_warnings(), safe_globals(HARMLESS):
            warnings.simplefilter("ignore")
            return torch.load(path, map_location=place, weights_only=True)

    try:
        # First without numbers: what is stored small can be large, a tensor expanded from one number.
        for_size: dict[str, Tensor] = {}
        _flat(load("meta"), ".", for_size, {})
        storages = {t.untyped_storage().nbytes() for t in for_size.values()}
        fits(path, max([sum(t.numel() * t.element_size() for t in for_size.values()), *storages]))
        held = load("cpu")
    except pickle.UnpicklingError as error:
        raise ValueError(_of_objects(path)) from error
    if not isinstance(held, Mapping):
        raise ValueError(f"{path} must hold a state_dict, tensors by name, got {_kind(held)}: save {SAVE}")
    if not held:
        raise ValueError(f"{path} holds an empty state_dict")
    facts: dict[str, Any] = {}
    _flat(held, ".", {}, facts)
    while True:
        # A checkpoint's weights stand under one key ("state_dict", "net"), by which nobody calls them.
        tensors, within = {}, []
        _flat(held, ".", tensors, {})
        for part in held.values():
            inner: dict[str, Tensor] = {}
            _flat(part, ".", inner, {}, "it")
            within += [part] if inner else []
        if len(within) != 1 or not isinstance(within[0], Mapping):
            break
        held = within[0]
    bad = [n for n, t in tensors.items() if t.layout != torch.strided or t.is_quantized]
    if bad:
        raise ValueError(f"{path} must hold dense tensors; these are sparse or quantized: {', '.join(bad)}")
    return Contents("torch", tensors, facts)


def _kind(value):
    return "several without names" if isinstance(value, list | tuple) else type(value).__name__


def _of_objects(path):
    """What to do about a pickle that would have to be run."""
    try:
        foreign = sorted(get_unsafe_globals_in_checkpoint(path))
    except ValueError:  # an older file, or none of torch's
        foreign = []
    known = {name if isinstance(name, str) else "" for _, name in (h for h in HARMLESS if isinstance(h, tuple))}
    foreign = [name for name in foreign if name not in known and not name.startswith(("numpy.", "argparse."))]
    model = any(name.startswith("torch.nn.modules") for name in foreign)
    what = f" ({', '.join(foreign[:6])})" if foreign else ""
    return (
        f"{path} holds {'a whole model' if model else 'more than tensors'}{what}, and unpickling it could run any "
        f"code. In the program that wrote it, save the weights alone: {SAVE}, or arrays that you have by name: "
        'numpy.savez("weights.npz", **arrays)'
    )


def _flat(value, joint, tensors, facts, before="", seen=None):
    """Sort nested parts with names into tensors and facts; parts without names hold no weights."""
    seen = set() if seen is None else seen
    if isinstance(value, argparse.Namespace | types.SimpleNamespace):
        value = vars(value)
    if isinstance(value, Mapping):
        if id(value) in seen:  # a file can hold one part at two places, or within itself
            return
        seen.add(id(value))
        for name, part in value.items():
            if isinstance(name, str):
                _flat(part, joint, tensors, facts, f"{before}{joint}{name}" if before else name, seen)
    elif isinstance(value, Tensor):
        tensors[before] = value.detach()
    elif isinstance(value, np.ndarray | np.generic):
        if value.dtype.kind in "fiub" and value.ndim:
            # a copy in this machine's order of bytes, in memory that can be written
            tensors[before] = torch.from_numpy(np.array(value, dtype=value.dtype.newbyteorder("=")))
        elif value.size == 1 and value.dtype.kind in "fiubUS":
            one = value.item()
            facts[before] = one.decode(errors="replace") if isinstance(one, bytes) else one
        else:
            facts[before] = COMPLEX if value.dtype.kind == "c" else OBJECT
    elif isinstance(value, list | tuple):
        facts[before] = LIST
    elif isinstance(value, bytes):
        facts[before] = value.decode(errors="replace")
    elif isinstance(value, str):
        facts[before] = _number(value)
    elif value is None or isinstance(value, int | float | bool):
        facts[before] = value


def _number(word):
    """A word, as the number that it writes where it does: metadata of safetensors are words throughout."""
    try:
        return float(word)
    except ValueError:
        return word


def _by_place(value):
    """Nested lists and cells as mappings by their places, so that what is in them has names."""
    if isinstance(value, np.ndarray) and value.dtype.hasobject:
        value = value.ravel().tolist()
    if isinstance(value, list):
        value = {str(i): part for i, part in enumerate(value)}
    return {name: _by_place(part) for name, part in value.items()} if isinstance(value, dict) else value


def _npz(path):
    tensors, facts = {}, {}
    for name, array in arrays_of_npz(path).items():
        _flat(array, "/", tensors, facts, name.removesuffix(":0"))  # TensorFlow's number of an output
    return Contents("npz", tensors, facts)


def _mat(path):
    fits(path, _size_of_mat(path))
    try:
        held = scipy.io.loadmat(path, simplify_cells=True)
    except (ValueError, scipy.io.matlab.MatReadError) as error:
        raise ValueError(f"{path} is damaged or no .mat file: {error}") from error
    tensors, facts = {}, {}
    for name, value in held.items():
        if scipy.sparse.issparse(value):
            fits(path, 8 * math.prod(value.shape))
            value = value.toarray()
        if not name.startswith("__"):
            _flat(_by_place(value), ".", tensors, facts, name)
    return Contents("mat", tensors, facts)


def _size_of_mat(path):
    """Bytes that the variables of a .mat file claim, those that are compressed by their first bytes."""
    content, total, at = path.read_bytes(), 0, 128
    order = "big" if content[126:128] == b"MI" else "little"
    if not content.startswith(b"MATLAB 5.0"):
        return len(content)  # version 4 compresses nothing
    while at + 8 <= len(content):
        kind, n = (int.from_bytes(content[i : i + 4], order) for i in (at, at + 4))
        size = n
        if kind == 15:  # miCOMPRESSED: the element inside says how long it is
            inner = zlib.decompressobj().decompress(content[at + 8 : at + 8 + min(n, 4096)], 8)
            size = int.from_bytes(inner[4:8], order)
        total, at = total + size, at + 8 + n
    return total


def _h5py():
    try:
        import h5py
    except ImportError as error:
        raise ValueError(
            "HDF5 files (.h5, .keras, MATLAB's -v7.3) are read with h5py, which is not here: pip install h5py, or "
            "pip install 'schur-lib[files]'"
        ) from error
    return h5py


def _hdf5(path):
    return _of_hdf5(path, path)


def _of_hdf5(path, file):
    h5py = _h5py()
    tensors, facts = {}, {}
    with h5py.File(file, "r") as held:
        beside = [("", held)]
        held.visititems(lambda *found: beside.append(found))
        parts = [(name, part) for name, part in beside if isinstance(part, h5py.Dataset)]
        if foreign := [name for name, part in parts if part.external or part.is_virtual]:
            raise ValueError(f"{path}: {', '.join(foreign)} lie in other files, which are not read")
        fits(path, sum(part.size * part.dtype.itemsize for _, part in parts if part.size))
        for name, part in parts:
            kind = part.attrs.get("MATLAB_class")
            value = part[()] if part.dtype.kind in "fiubS" else part.asstr()[()] if part.dtype.kind == "O" and (
                h5py.check_string_dtype(part.dtype) and not part.shape) else OBJECT  # fmt: skip
            if kind == b"char":
                value = "".join(map(chr, np.ravel(value)))
            elif kind is not None and isinstance(value, np.ndarray):
                value = value.T  # MATLAB counts columns first
            _flat(value, "/", tensors, facts, name.removesuffix(":0"))
        for where, part in beside:
            for name, value in part.attrs.items():
                said = value[0] if isinstance(value, np.ndarray) and value.shape == (1,) else value
                if np.ndim(said) == 0 and not name.startswith(("MATLAB", "H5PATH")):
                    _flat(said, "/", {}, facts, f"{where}/{name}".lstrip("/"))
        if "model_config" in facts:
            facts["config"] = facts.pop("model_config")
    return Contents("hdf5", tensors, facts)


def _keras(path):
    with zipfile.ZipFile(path) as archive:
        found = _of_hdf5(path, io.BytesIO(archive.read("model.weights.h5")))
        config = archive.read("config.json").decode() if "config.json" in archive.namelist() else None
    return Contents("keras", found.tensors, found.facts | ({"config": config} if config else {}))


def _msgpack(path):
    try:
        import msgpack
    except ImportError as error:
        raise ValueError(
            f"{path} looks like msgpack (Flax), which is read with the library of that name: pip install "
            "msgpack, or "
            "pip install 'schur-lib[files]'"
        ) from error

    def extended(code, data):
        if code != 1:  # Flax: 1 is an array, 2 and 3 single numbers
            return None
        shape, dtype, content = msgpack.unpackb(data, raw=False)
        if dtype == "bfloat16":
            return torch.frombuffer(bytearray(content), dtype=torch.bfloat16).reshape(shape).float()
        return np.frombuffer(content, np.dtype(dtype)).reshape(shape)

    try:
        held = msgpack.unpackb(path.read_bytes(), ext_hook=extended, strict_map_key=False)
    except (ValueError, msgpack.UnpackException) as error:
        raise ValueError(f"{path} is damaged or no msgpack file: {error}") from error
    tensors, facts = {}, {}
    _flat(held, "/", tensors, facts)
    return Contents("msgpack", tensors, facts)


def _json(path):
    fits(path, 8 * path.stat().st_size)  # a number of a few signs takes 32 bytes in Python
    try:
        held = json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise ValueError(f"{path} is damaged or no JSON: {error}") from error

    def arrays(value):
        if isinstance(value, dict):
            return {name: arrays(part) for name, part in value.items()}
        if isinstance(value, list):
            try:
                return np.array(value, float)
            except (ValueError, TypeError):  # of words, of parts with names, or of lists of unequal length
                return {str(i): arrays(part) for i, part in enumerate(value)}
        return value

    tensors, facts = {}, {}
    _flat(arrays(held), "/", tensors, facts)
    return Contents("json", tensors, facts)


# --- ONNX: so little of its format that no library is needed for it -----------------------------------------

# What moves or shapes numbers and computes none; all else must be the RNN and its readout.
SHAPING = {"Shape", "Constant", "Gather", "Unsqueeze", "Concat", "ConstantOfShape", "Squeeze", "Transpose",
           "Identity", "Slice", "Expand", "Reshape", "Cast"}  # fmt: skip
NUMBERS = {1: "<f4", 7: "<i8", 6: "<i4", 10: "<f2", 11: "<f8"}


def _fields(data):
    """The fields of a message of protocol buffers, [(number, value), …]."""
    at, found = 0, []

    def varint(at):
        value = shift = 0
        while True:
            byte = data[at]
            value, at, shift = value | (byte & 127) << shift, at + 1, shift + 7
            if byte < 128:
                return value, at

    while at < len(data):
        key, at = varint(at)
        if key & 7 == 0:
            value, at = varint(at)
        else:
            length, at = (8, at) if key & 7 == 1 else (4, at) if key & 7 == 5 else varint(at)
            if key & 7 not in (1, 2, 5) or at + length > len(data):
                raise LookupError("no message of protocol buffers")
            value, at = data[at : at + length], at + length
        found.append((key >> 3, value))
    return found


def _all(message, number):
    return [value for n, value in message if n == number]


def _words(message, number):
    return [bytes(value).decode() for value in _all(message, number)]


def _array(message):
    shape, (kind,) = tuple(_all(message, 1)), _all(message, 2)
    if kind not in NUMBERS:
        return None
    raw = b"".join(_all(message, 9)) or b"".join(_all(message, {1: 4, 11: 10}.get(kind, 9)))
    return np.frombuffer(raw, NUMBERS[kind]).reshape(shape).copy()


def _onnx(path):
    (graph,) = _all(_fields(path.read_bytes()), 7) or [b""]
    graph = _fields(graph)
    arrays = {_words(m, 8)[0]: _array(m) for m in map(_fields, _all(graph, 5))}
    nodes = []
    for node in map(_fields, _all(graph, 1)):
        attributes = {_words(a, 1)[0]: a for a in map(_fields, _all(node, 5))}
        nodes.append((_words(node, 4)[0], _words(node, 1), attributes))
        if nodes[-1][0] == "Constant" and "value" in attributes:
            arrays[_words(node, 2)[0]] = _array(_fields(_all(attributes["value"], 5)[0]))
    remedy = f"save the weights of the model that it was exported from, {SAVE}"
    recurrent = [node for node in nodes if node[0] in ("RNN", "GRU", "LSTM")]
    if [node[0] for node in recurrent] != ["RNN"]:
        what = ", ".join(node[0] for node in recurrent)
        what = (
            f"the recurrent nodes {what}, not one RNN" if what else "no RNN node, but steps written out one by one"
        )
        raise ValueError(f"{path} holds {what}, from which no single recurrent matrix can be taken: {remedy}")
    ((_, names, attributes),) = recurrent
    readout = [node for node in nodes if node[0] in ("MatMul", "Gemm")]
    added = [node for node in nodes if node[0] == "Add"]
    other = sorted({node[0] for node in nodes} - SHAPING - {"RNN", "MatMul", "Gemm", "Add"})
    direction = _words(attributes.get("direction", []), 4) or ["forward"]
    # nodes stand in the order in which they are run: what comes before the RNN changes its inputs
    after = nodes[nodes.index(recurrent[0]) :]
    before = [node[0] for node in readout + added if node not in after]
    odd = other + [f"{kind} of the inputs" for kind in before] + ["clip"] * ("clip" in attributes)
    if len(readout) != 1 or len(added) > 1 or odd or direction != ["forward"]:
        found = [*odd, *(node[0] for node in readout + added if node in after), *direction]
        raise ValueError(
            f"{path} must hold one forward RNN and one linear readout, it has {', '.join(found)}: {remedy}"
        )
    take = lambda i: arrays.get(names[i]) if i < len(names) and names[i] else None  # noqa: E731
    W, R, B, start = take(1), take(2), take(3), take(5)
    kind, into, how = readout[0]
    matrices = [arrays[name] for name in into if name in arrays]
    flipped = kind == "Gemm" and _all(how.get("transB", []), 3) == [1]
    factors = [v for name in ("alpha", "beta") for v in _all(how.get(name, []), 2)]
    if W is None or R is None or not matrices or len(W) != 1 or any(v != np.float32(1).tobytes() for v in factors):
        raise ValueError(f"{path} holds an RNN whose weights are not in the file, or two directions: {remedy}")
    biases = matrices[1:] + [arrays[name] for _, into, _ in added for name in into if name in arrays]
    tensors = {"W_xh": W[0], "W_hh": R[0], "W_hy": matrices[0] if flipped else matrices[0].T}
    tensors |= {"b_h": B[0].reshape(2, -1).sum(0)} if B is not None else {}
    tensors |= {"b_y": sum(biases)} if biases else {}
    tensors |= {"h0": start} if start is not None and start.any() else {}
    activation = _words(attributes.get("activations", []), 9) or ["Tanh"]
    found, facts = {}, {"activation": activation[0]}
    _flat({name: np.ascontiguousarray(a) for name, a in tensors.items()}, ".", found, facts)
    return Contents("onnx", found, facts)
