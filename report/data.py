"""Inputs and targets from a file, with all that can be wrong said before long work starts.

.npz with the arrays `inputs` and `targets`, or a CSV table with one row a trial and step.
"""

import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from report.equations import RateNetwork
from schur_lib.metrics import METRICS
from schur_lib.networks import Network


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
    classes = METRICS[metric].classes
    wanted = "(T, B) or (B,)" if classes else "(T, B, N_y) or (B, N_y)"
    n_axes = 2 if classes else 3
    if inputs.ndim != 3:
        raise ValueError(f"inputs in {path} must be (T, B, N_x), got {inputs.shape}")
    if classes and (targets.astype(np.int64) != targets).any():
        raise ValueError(f"targets in {path} must be whole numbers for the metric {metric!r}")
    if targets.ndim not in (n_axes - 1, n_axes):
        raise ValueError(f"targets in {path} must be {wanted} for the metric {metric!r}, got {targets.shape}")
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


def check_fit(net: Network | RateNetwork, inputs: Tensor, targets: Tensor, metric: str) -> None:
    """Check that a network takes the inputs and answers in the form of the targets.

    Raises:
        ValueError: says which numbers differ.
    """
    if inputs.shape[-1] != net.n_inputs:
        raise ValueError(
            f"the network has {net.n_inputs} inputs, the data {inputs.shape[-1]} "
            f"(inputs are {tuple(inputs.shape)}, time first)"
        )
    if METRICS[metric].classes:
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
    whole = targets if targets.ndim == 3 else targets[None]
    METRICS[metric].per_trial(whole, whole)  # raises what the metric cannot take


def _existing(path):
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    return path


def _from_npz(path):
    try:
        file = np.load(path, allow_pickle=False)
        if not isinstance(file, np.lib.npyio.NpzFile):
            raise ValueError(f"{path} holds one array alone; numpy.savez writes several by name")
        with file:
            missing = [name for name in ("inputs", "targets") if name not in file]
            if missing:
                raise ValueError(
                    f"{path} must hold the arrays inputs and targets; missing {missing}, it holds {file.files}"
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
        raise ValueError(f"{path} must have the columns trial, step, input… and target…; got {', '.join(table)}")
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
    classes = METRICS[metric].classes
    if classes and len(targets) != 1:
        raise ValueError(f"{path} must have one column of classes for the metric {metric!r}, got {targets}")
    x = table[inputs].to_numpy().reshape(*shape, len(inputs))
    y = table[targets].to_numpy().reshape(shape if classes else (*shape, len(targets)))
    return x, y
