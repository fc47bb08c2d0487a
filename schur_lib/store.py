"""Trained networks on disk, found by the content of their spec.

A file belongs to a spec if it loads whole, names that spec, and was trained by the code at hand.
"""

import os
import warnings
from functools import cache
from pathlib import Path

import platformdirs

from schur_lib.networks import Network
from schur_lib.provenance import code_digest
from schur_lib.specs import Spec


def default_folder() -> Path:
    """The store where nothing else is said: a folder of the user's."""
    return platformdirs.user_data_path("schur_lib") / "networks"


def path(spec: Spec, folder: str | Path) -> Path:
    """Where the network of a spec lies."""
    return Path(folder) / f"{spec.name}.safetensors"


def save(spec: Spec, net: Network, folder: str | Path) -> None:
    """Store a network under its spec; the file appears whole or not at all."""
    net.save(path(spec, folder))


def has(spec: Spec, folder: str | Path) -> bool:
    """Whether the store holds the spec's network, trained by the code at hand.

    A damaged file is named in a warning and set aside with the ending `.damaged`; one that other code
    trained is named too, and is written over when the network has been trained again.
    """
    file = path(spec, folder)
    if not file.exists():
        return False
    try:
        net = load(spec, folder)
    except ValueError as error:
        aside = file.with_name(file.name + ".damaged")
        os.replace(file, aside)
        warnings.warn(f"{error}; set aside as {aside.name}, to be trained again", stacklevel=2)
        return False
    match net.metadata:
        case {"provenance": {"code": code}} if code == training_code():
            return True
    warnings.warn(f"{file.name} was trained by another version of the code, to be trained again", stacklevel=2)
    return False


def load(spec: Spec, folder: str | Path) -> Network:
    """The network of a spec; FileNotFoundError where there is none, ValueError where damaged or another's."""
    net = Network.load(path(spec, folder))
    if net.metadata.get("spec") != spec.as_dict():
        raise ValueError(f"{path(spec, folder)} does not hold the network of {spec}")
    return net


@cache
def training_code() -> str:
    """Digest of the code that trains."""
    return code_digest("schur_lib.training")
