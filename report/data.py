"""Inputs and targets from a file, with all that can be wrong said before long work starts.

A file of arrays, `inputs`, `targets` and perhaps `mask`, or a table with one row a trial and step.
"""

import codecs
import csv
import re
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from report.equations import RateNetwork
from report.files import OBJECT, arrays_of_npz, fits, read
from report.options import ARRAYS, NEEDED, TABLES
from schur_lib.metrics import METRICS, NOT_SCORED, check_labels, is_scored, masked
from schur_lib.networks import Network

SEPARATORS = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar", " ": "a blank"}


def load_data(path, metric: str = "fvu", batch_first: bool = False) -> tuple[Tensor, Tensor]:
    """Inputs and targets from a file.

    .npz, and what `report.files.read` takes (.mat, .h5, .json, .safetensors, tensors that torch.save wrote):
    `inputs` (T, B, N_x) and `targets` (T, B, N_y), (B, N_y) or, of one output, (T, B); integer
    classes (T, B) or (B,) for "accuracy" and "cross_entropy"; if there is a `mask` of the targets' shape, or
    without its last axis, only what it marks is scored. Not scored either: targets that are NaN, and the class
    −100. Inputs may be NaN where nothing is scored any more.

    Tables (.csv with commas, semicolons, tabs, bars or blanks and decimal points or commas; .parquet, .xlsx):
    columns `trial` and `step`, then inputs, whose names begin with "input", and targets, whose names begin with
    "target", in the order of the numbers that the names end with, without numbers in that of the file; one
    column of classes for the metrics that take classes; perhaps `mask`; every trial with the same steps.

    Args:
        path: the file.
        metric: one of `METRICS`; it decides what targets are.
        batch_first: whether the arrays are (B, T, …); a table is not asked.

    Returns:
        inputs (T, B, N_x) float32; targets float32 (T, B, N_y) or (B, N_y), NaN where they are not scored;
        classes int64 (T, B) or (B,), there −100.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: says which array or column is missing or does not fit.
    """
    if metric not in METRICS:
        raise ValueError(f"metric must be one of {tuple(METRICS)}, got {metric!r}")
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    fits(path, path.stat().st_size)
    kind = path.suffix.lower()
    if kind in ARRAYS:
        arrays = _from_npz(path) if kind == ".npz" else _from_arrays(path)
    elif kind in TABLES:
        table = _from_library(path) if kind in NEEDED else _from_text(path)
        arrays, batch_first = _of_table(path, table, metric), False
    else:
        raise ValueError(f"data must be {', '.join(ARRAYS + TABLES)}; got {path.name}")
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiub":
            what = f"dtype {array.dtype}" if isinstance(array, np.ndarray) else repr(array)
            raise ValueError(f"{name} in {path} must be real numbers, got {what}")
        if not array.size or not array.ndim:
            raise ValueError(f"{name} in {path} are {'one number' if array.size else f'empty, {array.shape}'}")
        with np.errstate(over="ignore"):
            if np.isinf(array.astype(np.float32)).any():
                raise ValueError(f"{name} in {path} hold infinite values, or such as float32 cannot hold")
    classes = METRICS[metric].classes
    inputs, targets = arrays["inputs"], _tensor(arrays["targets"], classes, path, metric)
    if inputs.ndim != 3:
        raise ValueError(f"inputs in {path} must be (T, B, N_x), got {inputs.shape}")
    if "mask" in arrays:
        mask = arrays["mask"].astype(np.float32)
        mask = mask[..., 0] if mask.ndim == 3 and mask.shape[-1] == 1 else mask
        try:
            targets = masked(targets, torch.from_numpy(mask))
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
    if not is_scored(targets).any():
        raise ValueError(f"targets in {path} are all NaN, or {NOT_SCORED}: none is scored")
    n_axes, shape, (n_steps, n_trials) = 2 if classes else 3, targets.shape, inputs.shape[:2]
    if batch_first:
        n_steps, n_trials = n_trials, n_steps
    one_output = shape == inputs.shape[:2] or not batch_first and shape[0] != n_trials == shape[-1]
    if not classes and len(shape) == 2 and one_output:
        targets = targets[..., None]
    if targets.ndim not in (n_axes - 1, n_axes):
        wanted = "(T, B) or (B,)" if classes else "(T, B, N_y), (B, N_y) or, of one output, (T, B)"
        raise ValueError(f"targets in {path} must be {wanted} for the metric {metric!r}, got {tuple(shape)}")
    if batch_first:
        inputs = inputs.swapaxes(0, 1)
        targets = targets.swapaxes(0, 1) if targets.ndim == n_axes else targets
    whole = targets if targets.ndim == n_axes else targets[None]
    if whole.shape[1] != n_trials or len(whole) > n_steps:
        layout = "(B, T, …)" if batch_first else "(T, B, …)"
        raise ValueError(
            f"targets in {path} must have the trials of the inputs and no more steps: read as {layout}, "
            f"inputs have {n_steps} steps of {n_trials} trials, targets {len(whole)} of {whole.shape[1]}"
        )
    inputs = torch.from_numpy(np.array(inputs, dtype=np.float32, order="C"))
    # what comes after the last scored step of a trial cannot matter
    scored = is_scored(whole).reshape(len(whole), n_trials, -1).any(-1)
    over = ~scored.flip(0).cummax(0).values.flip(0)
    late = inputs[n_steps - len(whole) :]
    late[over] = late[over].nan_to_num(0.0)
    if inputs.isnan().any():
        raise ValueError(f"inputs in {path} hold NaN values")
    return inputs, targets.contiguous()


def _tensor(targets, classes, path, metric):
    """Targets as float32, classes as int64."""
    missing = np.isnan(targets)
    if not classes:
        return torch.from_numpy(np.array(targets, dtype=np.float32))
    whole = np.where(missing, NOT_SCORED, targets).astype(np.int64)
    if (whole != targets)[~missing].any():
        raise ValueError(f"targets in {path} must be whole numbers for the metric {metric!r}")
    return torch.from_numpy(whole)


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
        check_labels(targets, net.n_outputs)
        return
    if targets.shape[-1] != net.n_outputs:
        raise ValueError(
            f"the network has {net.n_outputs} outputs, the targets {targets.shape[-1]} "
            f"(targets are {tuple(targets.shape)})"
        )
    whole = targets if targets.ndim == 3 else targets[None]
    METRICS[metric].per_trial(whole, whole)  # raises what the metric cannot take


def _known(path, arrays):
    """Inputs, targets and mask of a file that must hold no other arrays; names in any case, in a part or not."""
    last = [re.split(r"[./]", name)[-1].lower() for name in arrays]
    if len(set(last)) == len(arrays):
        arrays = dict(zip(last, arrays.values(), strict=True))
    missing = [name for name in ("inputs", "targets") if name not in arrays]
    if missing:
        raise ValueError(
            f"{path} must hold the arrays inputs and targets; missing {missing}, it holds {[*arrays]}"
        )
    others = [name for name in arrays if name not in ("inputs", "targets", "mask")]
    if others:
        raise ValueError(
            f"{path} may hold inputs, targets and mask; what {', '.join(others)} means is unknown: leave it out, "
            "or make a mask of it, such as mask = numpy.arange(T)[:, None] < lengths"
        )
    return arrays


def _from_npz(path):
    with path.open("rb") as file:
        if file.read(6) == b"\x93NUMPY":
            raise ValueError(f"{path} holds one array alone; numpy.savez writes several by name")
    try:
        arrays = _known(path, arrays_of_npz(path))
    except (zipfile.BadZipFile, OSError, EOFError, zlib.error, NotImplementedError) as error:
        raise ValueError(f"{path} is damaged or no .npz file: {error}") from error
    if OBJECT in [array for array in arrays.values() if isinstance(array, str)]:
        raise ValueError(f"{path} holds pickled objects; save plain arrays of numbers")
    return arrays


def _from_arrays(path):
    held = read(path)
    facts = {} if held.kind in ("hdf5", "safetensors") else held.facts  # their attributes are no data
    arrays = _known(path, {**{name: t.float().numpy() if t.dtype == torch.bfloat16 else t.numpy()
                              for name, t in held.tensors.items()}, **facts})  # fmt: skip
    if path.suffix.lower() == ".mat" and arrays["inputs"].ndim == 2:  # MATLAB drops a last axis of one
        arrays["inputs"] = arrays["inputs"][..., None]
    return arrays


def _from_text(path):
    """A table as spreadsheets, R, MATLAB and pandas write it."""
    with path.open("rb") as file:
        wide = file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    encoding = "utf-16" if wide else "utf-8-sig"
    try:
        if not wide and not _is_utf8(path):
            encoding = "cp1252"  # what spreadsheets on Windows write in the west
        with path.open(encoding=encoding, newline="") as file:
            header = file.readline()
            hint = header.lower().startswith("sep=")  # a line for Excel
            header = (file.readline() if hint else header).strip("\r\n")
            separator, names = _separated(path, header)
            blank = separator == " "
            rows = csv.reader(file, delimiter=separator, skipinitialspace=blank)
            widths = {len(row): rows.line_num + hint + 1 for row in rows if row}
        if len(widths) > 1 or not widths.keys() <= {len(names), len(names) + 1}:
            got = ", ".join(f"{width} (line {line})" for width, line in sorted(widths.items()))
            raise ValueError(
                f"{path}: each row must have as many fields as there are names, {len(names)} with "
                f"{SEPARATORS[separator]} between them; got {got}"
            )
        how = {"sep": separator, "encoding": encoding, "skiprows": int(hint), "skipinitialspace": blank}
        table = pd.read_csv(path, **how)
        if _words(table):
            commas = pd.read_csv(path, decimal=",", **how)
            table = commas if len(_words(commas)) < len(_words(table)) else table
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeError, csv.Error) as error:
        raise ValueError(f"{path} is no CSV table in UTF-8 or Windows-1252: {error}") from error
    # R leaves the name of the rows' numbers out; a separator at the end of each row would look the same
    return table if widths.keys() <= {len(names)} else table.reset_index(names="")


def _is_utf8(path):
    try:
        with path.open(encoding="utf-8") as file:
            return all(True for _ in file)
    except UnicodeError:
        return False


def _separated(path, header):
    """The separator under which a line of names has those of a table, and the names."""
    for separator in SEPARATORS:
        names = next(csv.reader([header], delimiter=separator, skipinitialspace=separator == " "), [])
        if {"trial", "step"} <= {name.strip().lower() for name in names}:
            return separator, names
    raise ValueError(
        f"{path} must begin with a line of names, trial, step, input… and target…, with "
        f"{', '.join(SEPARATORS.values())} between them; got {header[:100]!r}"
    )


def _from_library(path):
    """A table in a file that pandas reads with another library's help."""
    library = NEEDED[path.suffix.lower()]
    try:
        if library == "pyarrow":
            from pyarrow import parquet

            size = parquet.read_metadata(path)
            fits(path, 8 * size.num_rows * size.num_columns)
            return pd.read_parquet(path)
        with zipfile.ZipFile(path) as parts:
            fits(path, sum(part.file_size for part in parts.infolist()))
        sheets = pd.read_excel(path, sheet_name=None)
    except ImportError as error:
        wanted = f"pip install {library}, or save the table as .csv"
        raise ValueError(f"{path.suffix} is read with {library}, which is not here: {wanted}") from error
    except (ValueError, OSError, KeyError, zipfile.BadZipFile) as error:
        if str(path) in str(error):
            raise
        raise ValueError(f"{path} is damaged or no {path.suffix} file: {error}") from error
    tables = [sheet for sheet in sheets.values() if {"trial", "step"} <= {str(c).strip().lower() for c in sheet}]
    if len(tables) != 1:
        raise ValueError(f"{path} must have one sheet with the columns trial and step; its sheets are {[*sheets]}")
    return tables[0]


def _of_table(path, table, metric):
    """Arrays, time first, from a table with one row a trial and step."""
    table = table.reset_index() if any(table.index.names) else table  # pandas keeps one with names in .parquet
    table = table.set_axis([str(c).strip().lower() for c in table], axis=1)
    numbers_of_rows = [c for c in table if re.fullmatch(r"|index|unnamed: \d+.*", c) and _counts(table[c])]
    table = table.drop(columns=numbers_of_rows)
    inputs, targets = ([c for c in table if c.startswith(what)] for what in ("input", "target"))
    foreign = [c for c in table if c not in ("trial", "step", "mask", *inputs, *targets)]
    if not {"trial", "step"} <= set(table) or not inputs or not targets or foreign:
        raise ValueError(
            f"{path} must have the columns trial, step, input… and target…, and may have mask; got "
            f"{', '.join(table)}"
        )
    twice = sorted({c for c in table if list(table).count(c) > 1})
    if twice:
        raise ValueError(f"{path}: the columns {', '.join(twice)} are there more than once")
    if _words(table):
        raise ValueError(f"{path}: the columns {', '.join(_words(table))} must be numbers")
    if table[["trial", "step"]].isna().any(axis=None):
        raise ValueError(f"{path}: trial and step must be given in every row, some are empty or NaN")
    table = table.sort_values(["step", "trial"], kind="stable")
    n_trials, steps = table.trial.nunique(), table.step.unique()
    if table.duplicated(["trial", "step"]).any() or len(table) != n_trials * len(steps):
        raise ValueError(
            f"{path} must have one row for each of its {n_trials} trials and {len(steps)} steps, got "
            f"{len(table)} rows; where trials are shorter, fill them up with targets that are empty"
        )
    gaps = np.diff(steps)
    if not np.allclose(gaps, gaps[:1]):
        raise ValueError(f"{path}: a step is missing in all trials, between {steps[0]:g} and {steps[-1]:g}")
    classes = METRICS[metric].classes
    if classes and len(targets) != 1:
        raise ValueError(f"{path} must have one column of classes for the metric {metric!r}, got {targets}")
    shape, groups = (
        (len(steps), n_trials),
        {"inputs": _in_order(path, inputs), "targets": _in_order(path, targets)},
    )
    numbers = lambda part: part.to_numpy(float, na_value=np.nan)  # of pandas' own types too  # noqa: E731
    arrays = {name: numbers(table[part]).reshape(*shape, len(part)) for name, part in groups.items()}
    if classes:
        arrays["targets"] = arrays["targets"][..., 0]
    return arrays | ({"mask": numbers(table["mask"]).reshape(shape)} if "mask" in table else {})


def _words(table):
    return [c for c, kind in table.dtypes.items() if kind.kind not in "fiub"]


def _counts(column):
    """Whether a column numbers the rows, or is empty."""
    whole = column.dtype.kind in "iu" and column.is_unique
    return whole or column.isna().all()


def _in_order(path, columns):
    """Columns by the numbers that their names end with; as they are where no name does."""
    found = [re.fullmatch(r"(.*?)(\d+)\W*", c) for c in columns]
    if not any(found):
        return columns
    if not all(found) or len({f[1] for f in found}) > 1 or len({int(f[2]) for f in found}) < len(found):
        wanted = "numbered, each once, as input0, input1, …"
        raise ValueError(f"{path}: the columns {', '.join(columns)} must be {wanted}, or not numbered at all")
    return sorted(columns, key=lambda c: int(re.fullmatch(r"(.*?)(\d+)\W*", c)[2]))
