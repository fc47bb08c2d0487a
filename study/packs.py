"""Many networks that differ in their seed alone, in one file: a pack.

A safetensors file whose tensors W_xh, W_hh and W_hy hold the networks along a first axis, in the order of their
seeds. Its header holds their metadata, a JSON list in the same order, and a checksum of all of it. The learning
curves are thinned to every fifth point.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path

import safetensors.torch
import torch

from schur_lib.networks import REQUIRED, Network
from schur_lib.specs import Spec

FORMAT = "schur_lib networks 1"
THINNED = 5


def path(specs: Sequence[Spec], folder: Path) -> Path:
    """Where the pack of some specs lies, which are in the order of their seeds."""
    first, last = specs[0], specs[-1]
    family = f"{first.task}-{first.construction}-{first.hidden_size}"
    return folder / f"{family}-seeds{first.seed}-{last.seed}.safetensors"


def save(specs: Sequence[Spec], networks: Sequence[Network], folder: Path) -> Path:
    """Write the networks of some specs into one file, which appears whole or not at all; returns its path.

    Raises:
        ValueError: a network is not of its spec, or has more than three matrices.
    """
    for spec, net in zip(specs, networks, strict=True):
        if net.metadata.get("spec") != spec.as_dict() or set(net.tensors()) != set(REQUIRED):
            raise ValueError(
                f"a pack takes networks of its specs, with the tensors {REQUIRED}; {spec.name} is not"
            )
    tensors = {name: torch.stack([net.tensors()[name] for net in networks]) for name in REQUIRED}
    metadata = json.dumps([_thinned(net.metadata) for net in networks], sort_keys=True, allow_nan=False)
    header = {"format": FORMAT, "metadata": metadata, "sha256": _checksum(tensors, FORMAT, metadata)}
    file = path(specs, folder)
    folder.mkdir(parents=True, exist_ok=True)
    aside = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    aside.write_bytes(safetensors.torch.save(tensors, header))
    os.replace(aside, file)
    return file


def load(specs: Sequence[Spec], folder: Path) -> list[Network]:
    """The networks of a pack, in the order of the specs that it was saved with.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged, no pack, or holds other networks.
    """
    file = path(specs, folder)
    content = file.read_bytes()
    try:
        tensors = safetensors.torch.load(content)
    except safetensors.SafetensorError as error:
        raise ValueError(f"{file} is damaged or no safetensors file: {error}") from error
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")]).get("__metadata__") or {}
    told = [header.get(name, "") for name in ("format", "metadata")]
    if told[0] != FORMAT or header.get("sha256") != _checksum(tensors, *told):
        raise ValueError(f"{file} is damaged or no pack: what it holds does not match its checksum")
    metadata = json.loads(told[1])
    if [one["spec"] for one in metadata] != [spec.as_dict() for spec in specs]:
        raise ValueError(f"{file} does not hold the networks of {specs[0]} to seed {specs[-1].seed}")
    return [
        Network(**{name: tensors[name][i].clone() for name in REQUIRED}, metadata=one)
        for i, one in enumerate(metadata)
    ]


def _thinned(metadata):
    curve = metadata.get("history")
    if not curve:
        return metadata
    rows = [[float(f"{x:.5g}") if isinstance(x, float) else x for x in row] for row in curve["rows"]]
    # counted from the end: the last point is kept
    return {**metadata, "history": {**curve, "rows": rows[::-THINNED][::-1]}}


def _checksum(tensors, *texts):
    digest = hashlib.sha256("\0".join(texts).encode())
    for name in sorted(tensors):
        digest.update(name.encode() + tensors[name].numpy().tobytes())
    return digest.hexdigest()
