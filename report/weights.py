"""A plain network from a weight file, with all that can be wrong said before long work starts.

Safetensors, or a `state_dict` that `torch.save` wrote; pickled objects are refused.
"""

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path

import safetensors
import torch
from safetensors.torch import load_file
from torch import Tensor

from schur_lib.networks import ACTIVATIONS, OPTIONAL, REQUIRED, Network

# How torch's own layers call the tensors of a plain network; "+" adds the two biases.
TORCH = {"W_xh": "weight_ih", "W_hh": "weight_hh", "b_h": ("bias_ih", "bias_hh")}
NESTED = ("state_dict", "model_state_dict", "model")


def load_weights(path) -> dict[str, Tensor]:
    """The tensors of a weight file by name.

    Args:
        path: .safetensors, or .pt, .pth, .bin or .ckpt with a `state_dict` (also one under the key
            "state_dict", "model_state_dict" or "model").

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: another kind of file, a damaged one, or one that holds pickled objects.
    """
    path = _existing(path)
    if path.suffix == ".safetensors":
        try:
            return load_file(path)
        except safetensors.SafetensorError as error:
            raise ValueError(f"{path} is damaged or no safetensors file: {error}") from error
    if path.suffix not in (".pt", ".pth", ".bin", ".ckpt"):
        raise ValueError(f"weights must be .safetensors, .pt, .pth, .bin or .ckpt, got {path.name}")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"{path} holds more than tensors, and unpickling it could run any code: save the weights "
            "alone, torch.save(model.state_dict(), file), or as safetensors"
        ) from error
    except (RuntimeError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} is damaged or was not written by torch.save: {error}") from error
    inner = [key for key in NESTED if isinstance(state, Mapping) and key in state]
    if inner and isinstance(state[inner[0]], Mapping):
        state = state[inner[0]]
    if not isinstance(state, Mapping) or not state:
        raise ValueError(f"{path} must hold a state_dict, got {type(state).__name__}")
    foreign = [str(k) for k, value in state.items() if not isinstance(value, Tensor)]
    if foreign:
        raise ValueError(f"{path} must hold tensors only; these are none: {', '.join(foreign)}")
    return dict(state)


def load_network(path, activation: str | None = None, names: Mapping[str, str] | None = None):
    """A plain network from a weight file.

    Args:
        path: as for `load_weights`.
        activation: "tanh" or "relu"; None: what a file of `Network.save` says, else "tanh".
        names: see `network_from_state`.

    Returns:
        Network.

    Raises:
        FileNotFoundError, ValueError: as for `load_weights` and `network_from_state`.
    """
    state = load_weights(path)
    if set(REQUIRED) <= set(state) and Path(path).suffix == ".safetensors" and not names:
        net = Network.load(path)
        if activation in (None, net.activation):
            return net
    return network_from_state(state, activation or "tanh", names)


def network_from_state(
    state: Mapping[str, Tensor], activation: str = "tanh", names: Mapping[str, str] | None = None
) -> Network:
    """A plain network from the tensors of a `state_dict`.

    Known by themselves: W_xh, W_hh, W_hy (and b_h, b_y, h0), and torch's names for one `nn.RNN` (one
    layer, one direction) or `nn.RNNCell` with one linear readout, whatever stands before them.

    Args:
        state: tensors by name.
        activation: "tanh" or "relu": the weights do not tell.
        names: where names are others: {"W_xh": name, "W_hh": name, "W_hy": name}, and "b_h", "b_y" or
            "h0"; several names joined by "+" are added, as torch adds two biases.

    Returns:
        Network.

    Raises:
        ValueError: the names are not known, tensors are left over, or shapes do not fit; says what the
            file holds and how to name its tensors.
    """
    if activation not in ACTIVATIONS:
        raise ValueError(f"activation must be one of {ACTIVATIONS}, got {activation!r}")
    roles = dict(names) if names else _roles(state)
    unknown = [role for role in roles if role not in REQUIRED + OPTIONAL]
    missing = [role for role in REQUIRED if role not in roles]
    if unknown or missing:
        raise ValueError(
            f"name the tensors of {REQUIRED}, and {OPTIONAL} where there are such; missing {missing}, "
            f"unknown {unknown}. {_held(state)}"
        )
    used = [name for value in roles.values() for name in value.split("+")]
    absent = [name for name in used if name not in state]
    left = [name for name in state if name not in used]
    if absent or left:
        raise ValueError(
            f"every tensor of a plain network must be used: not in the file {absent}, left over {left}. "
            f"{_held(state)}"
        )
    tensors = {role: sum(state[name] for name in value.split("+")) for role, value in roles.items()}
    half = [n for n, t in tensors.items() if t.dtype in (torch.float16, torch.bfloat16)]
    tensors |= {n: tensors[n].float() for n in half}
    return Network(**tensors, activation=activation)


def _existing(path):
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    return path


def _held(state):
    shapes = ", ".join(f"{name} {tuple(tensor.shape)}" for name, tensor in state.items())
    return f"The file holds {shapes}"


def _roles(state):
    """Which tensor is which, from the names that torch and this library give."""
    if set(REQUIRED) <= set(state):
        return {name: name for name in state if name in REQUIRED + OPTIONAL}
    recurrent = [name for name in state if "weight_hh" in name]
    if len(recurrent) != 1:
        what = "no recurrent matrix with a known name" if not recurrent else (
            f"{len(recurrent)} recurrent matrices (several layers or directions): from files alone "
            "only one layer is understood, see the chapter 'Bring your own network' for all else"
        )  # fmt: skip
        raise ValueError(
            f"the weights have {what}. Known are {REQUIRED}, and torch's weight_ih_l0, weight_hh_l0 with a "
            f"readout's weight. {_held(state)}. Name them with names={{'W_xh': …, 'W_hh': …, 'W_hy': …}}, "
            "on the command line with --parameter W_hh=NAME and so on"
        )
    name = recurrent[0]
    rows, columns = state[name].shape if state[name].ndim == 2 else (0, 0)
    if rows in (3 * columns, 4 * columns) and rows:
        kind = "GRU" if rows == 3 * columns else "LSTM"
        raise ValueError(
            f"{name} is {tuple(state[name].shape)}, a {kind}'s: from files alone only a plain RNN is "
            "understood; `schur_lib.evaluation` takes the model itself, see the chapter 'Bring your own "
            "network'"
        )
    before, _, after = name.partition("weight_hh")
    roles = {"W_hh": name}
    if f"{before}weight_ih{after}" in state:
        roles["W_xh"] = f"{before}weight_ih{after}"
    biases = [f"{before}{bias}{after}" for bias in TORCH["b_h"]]
    if all(bias in state for bias in biases):
        roles["b_h"] = "+".join(biases)
    used = {part for value in roles.values() for part in value.split("+")}
    readouts = [n for n in state if n not in used and state[n].ndim == 2]
    if len(readouts) != 1:
        raise ValueError(
            f"the readout must be one matrix (N_y, {columns}), found {readouts or 'none'}. {_held(state)}. "
            "Name the tensors with names={…}, on the command line with --parameter W_hy=NAME and so on"
        )
    roles["W_hy"] = readouts[0]
    bias = f"{readouts[0].removesuffix('weight')}bias"
    if bias in state:
        roles["b_y"] = bias
    return roles
