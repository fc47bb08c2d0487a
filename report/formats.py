"""A network and its data from files, with all that can be wrong said before long work starts.

Weights: safetensors, or a `state_dict` that `torch.save` wrote; pickled objects are refused. Data: .npz
with the arrays `inputs` and `targets`, or a CSV table with one row a trial and step.
"""

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import safetensors
import torch
from safetensors.torch import load_file
from torch import Tensor

from schur_lib.metrics import fvu
from schur_lib.networks import ACTIVATIONS, OPTIONAL, REQUIRED, Network
from schur_lib.subjects import METRICS

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


def load_data(path, metric: str = "fvu", batch_first: bool = False) -> tuple[Tensor, Tensor]:
    """Inputs and targets from a file.

    .npz: `inputs` (T, B, N_x) and `targets` (T, B, N_y), or integer classes (T, B) or (B,) for
    "accuracy" and "cross_entropy". CSV: columns `trial` and `step`, then inputs, whose names begin with
    "input", and targets, whose names begin with "target" (one column of classes for the metrics that
    take classes); every trial with the same steps.

    Args:
        path: .npz or .csv.
        metric: one of `METRICS`; it decides what targets are.
        batch_first: whether the arrays are (B, T, …); a CSV is not asked.

    Returns:
        inputs (T, B, N_x) float32; targets float32 (T, B, N_y) or (B, N_y), classes int64 (T, B) or (B,).

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: says which array or column is missing or does not fit.
    """
    if metric not in METRICS:
        raise ValueError(f"metric must be one of {tuple(METRICS)}, got {metric!r}")
    path = _existing(path)
    if path.suffix == ".npz":
        inputs, targets = _from_npz(path)
    elif path.suffix == ".csv":
        inputs, targets = _from_csv(path, metric)
        batch_first = False
    else:
        raise ValueError(f"data must be .npz or .csv, got {path.name}")
    for name, array in (("inputs", inputs), ("targets", targets)):
        if array.dtype.kind not in "fiub":
            raise ValueError(f"{name} in {path} must be real numbers, got dtype {array.dtype}")
        if not array.size:
            raise ValueError(f"{name} in {path} are empty, {array.shape}")
        if not np.isfinite(array).all():
            raise ValueError(f"{name} in {path} hold NaN or infinite values")
    classes = metric in ("accuracy", "cross_entropy")
    wanted = "(T, B) or (B,)" if classes else "(T, B, N_y) or (B, N_y)"
    n_axes = 2 if classes else 3
    if inputs.ndim != 3:
        raise ValueError(f"inputs in {path} must be (T, B, N_x), got {inputs.shape}")
    if classes and (targets.astype(np.int64) != targets).any():
        raise ValueError(f"targets in {path} must be whole numbers for the metric {metric!r}")
    if targets.ndim not in (n_axes - 1, n_axes):
        raise ValueError(
            f"targets in {path} must be {wanted} for the metric {metric!r}, got {targets.shape}"
        )
    if batch_first:
        inputs = inputs.swapaxes(0, 1)
        targets = targets.swapaxes(0, 1) if targets.ndim == n_axes else targets
    n_trials = targets.shape[1] if targets.ndim == n_axes else targets.shape[0]
    n_steps = targets.shape[0] if targets.ndim == n_axes else 1
    if n_trials != inputs.shape[1] or n_steps > inputs.shape[0]:
        layout = "(B, T, …)" if batch_first else "(T, B, …)"
        raise ValueError(
            f"targets in {path} must have the trials of the inputs and no more steps: read as {layout}, "
            f"inputs have {inputs.shape[0]} steps of {inputs.shape[1]} trials, "
            f"targets {n_steps} of {n_trials}"
        )
    inputs = torch.from_numpy(np.array(inputs, dtype=np.float32, order="C"))
    kind = np.int64 if classes else np.float32
    return inputs, torch.from_numpy(np.array(targets, dtype=kind, order="C"))


def check_fit(net: Network, inputs: Tensor, targets: Tensor, metric: str) -> None:
    """Check that a network takes the inputs and answers in the form of the targets.

    Raises:
        ValueError: says which numbers differ.
    """
    if inputs.shape[-1] != net.n_inputs:
        raise ValueError(
            f"the network has {net.n_inputs} inputs, the data {inputs.shape[-1]} "
            f"(inputs are {tuple(inputs.shape)}, time first)"
        )
    if metric in ("accuracy", "cross_entropy"):
        if targets.min() < 0 or targets.max() >= net.n_outputs:
            raise ValueError(
                f"targets must be classes 0 to {net.n_outputs - 1}, one for each of the network's outputs; "
                f"got {int(targets.min())} to {int(targets.max())}"
            )
        return
    if targets.shape[-1] != net.n_outputs:
        raise ValueError(
            f"the network has {net.n_outputs} outputs, the targets {targets.shape[-1]} "
            f"(targets are {tuple(targets.shape)})"
        )
    if metric == "replay_accuracy" and not torch.all(targets.abs() == 1):
        raise ValueError("targets must be −1 or +1 for the metric 'replay_accuracy'")
    if metric == "fvu":
        whole = targets if targets.ndim == 3 else targets[None]
        fvu(whole, whole)


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


def _from_npz(path):
    try:
        file = np.load(path, allow_pickle=False)
        if not isinstance(file, np.lib.npyio.NpzFile):
            raise ValueError(f"{path} holds one array alone; numpy.savez writes several by name")
        with file:
            missing = [name for name in ("inputs", "targets") if name not in file]
            if missing:
                raise ValueError(
                    f"{path} must hold the arrays inputs and targets; missing {missing}, it holds "
                    f"{file.files}"
                )
            return file["inputs"], file["targets"]
    except (zipfile.BadZipFile, OSError, EOFError) as error:
        raise ValueError(f"{path} is damaged or no .npz file: {error}") from error
    except ValueError as error:
        if "allow_pickle" not in str(error):
            raise
        raise ValueError(f"{path} holds pickled objects; save plain arrays of numbers") from error


def _from_csv(path, metric):
    try:
        table = pd.read_csv(path)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is no CSV table: {error}") from error
    inputs = [c for c in table if c.startswith("input")]
    targets = [c for c in table if c.startswith("target")]
    foreign = [c for c in table if c not in ("trial", "step", *inputs, *targets)]
    if not {"trial", "step"} <= set(table) or not inputs or not targets or foreign:
        raise ValueError(
            f"{path} must have the columns trial, step, input… and target…; got {', '.join(table)}"
        )
    text = [c for c in table if table[c].dtype.kind not in "fiub"]
    if text:
        raise ValueError(f"{path}: the columns {', '.join(text)} must be numbers")
    table = table.sort_values(["step", "trial"], kind="stable")
    n_trials, n_steps = table.trial.nunique(), table.step.nunique()
    if table.duplicated(["trial", "step"]).any() or len(table) != n_trials * n_steps:
        raise ValueError(
            f"{path} must have one row for each of its {n_trials} trials and {n_steps} steps, got "
            f"{len(table)} rows"
        )
    shape = (n_steps, n_trials)
    classes = metric in ("accuracy", "cross_entropy")
    if classes and len(targets) != 1:
        raise ValueError(
            f"{path} must have one column of classes for the metric {metric!r}, got {targets}"
        )
    x = table[inputs].to_numpy().reshape(*shape, len(inputs))
    y = table[targets].to_numpy().reshape(shape if classes else (*shape, len(targets)))
    return x, y
