"""`python -m schur_lib WEIGHTS DATA`: what each coupling block of a network does, as tables and a summary.

profile.csv      as `profile_of`, on all trials
stabilisers.csv  as `stabilisers`, chosen on every other trial and checked on the rest
summary.json     what was run, the score, and what to be careful about; its keys change with SCHEMA alone
"""

import argparse
import math
import os
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from schur_lib.metrics import METRICS
from schur_lib.networks import Network
from schur_lib.profile import profile_of
from schur_lib.stability import KINDS, stabilisers
from schur_lib.subjects import evaluation, of_network

SCHEMA = 1
# Our choices: so small a gap over ρ is none, so few trials tell little, so many couplings take too long to search.
GAP, FEW, MANY = 0.01, 50, 10_000


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; what is wrong with the arguments ends the process with one line."""
    parser = argparse.ArgumentParser("python -m schur_lib", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("weights", type=Path, help="safetensors with W_xh, W_hh, W_hy; b_h, b_y, h0 if any")
    parser.add_argument("data", type=Path, help=".npz: inputs (T, B, N_x), targets of the last steps, mask")
    parser.add_argument("--metric", choices=METRICS, default="fvu", help="the score (%(default)s)")
    parser.add_argument("--alpha", type=float, default=0.9, help="where the leading sector ends (%(default)s)")
    parser.add_argument("--free-steps", type=int, default=0, help="steps after the input (%(default)s)")
    parser.add_argument("--output", type=Path, help="a new folder (WEIGHTS without its ending, and -profile)")
    given = parser.parse_args(arguments)
    output = given.output or Path(f"{given.weights.stem}-profile")
    try:
        if output.exists():
            raise ValueError(f"{output} is there already; nothing is written over")
        net = Network.load(given.weights)
        inputs, targets, mask = _data(given.data, net, given.free_steps)
        profile, stable, summary = measure(net, inputs, targets, given.metric, given.alpha, mask)
        run = {"weights": str(given.weights), "data": str(given.data), "free_steps": given.free_steps}
        _write(output, profile, stable, {"schema": SCHEMA, **run, **summary})
    except (ValueError, OSError) as error:
        sys.exit(f"schur_lib: {error}")
    print(_said(profile, summary, output))


def measure(
    net: Network,
    inputs: Tensor,
    targets: Tensor,
    metric: str = "fvu",
    alpha: float = 0.9,
    mask: Tensor | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """The profile, the stabilisers and the summary of a network on trials; arguments as for `evaluation`."""
    trials = evaluation(net, "W_hh", inputs, targets, metric, mask=mask)
    if trials.n_trials < 2:
        raise ValueError("there must be 2 trials or more: some choose the stabilisers, others check them")
    some, others = (of_network(net, inputs[:, i::2], trials.targets[:, i::2], metric) for i in (0, 1))
    form, record = trials.form, trials.metric
    kinds = KINDS if int(form.above.sum()) <= MANY else KINDS[:1]
    profile, stable = profile_of(trials, alpha), stabilisers(some, others, alpha=alpha, kinds=kinds)
    n, gap, moduli = form.n_leading(alpha), form.cut_report(alpha).gap, np.abs(form.eigenvalues)
    split = ", and a larger alpha would split it" if moduli.min() < (1 - 1e-6) * moduli.max() else ""
    summary = {
        "network": {"digest": net.digest(), "hidden_size": net.hidden_size, "activation": net.activation},
        "metric": metric, "alpha": alpha, "n_trials": trials.n_trials, "n_steps": len(inputs),
        "score": trials.intact, "chance": record.chance and record.chance(trials.targets, net.n_outputs),
        "skill": trials.skill, "does_task": trials.does_task,
        "n_leading": n, "cut": form.cut_report(alpha)._asdict(), "stabilisers_searched": list(kinds),
    }  # fmt: skip
    cautions = {
        f"poor score: skill {trials.skill:.2f}, 0 is chance and 1 is perfect": trials.does_task is False,
        f"complement empty: all of T is T_RR{split}": n == net.hidden_size,
        f"cut not well posed: a gap of {gap:.2g} of the spectral radius; try another alpha as well": gap < GAP,
        f"few trials: {trials.n_trials}, so that the intervals are wide": trials.n_trials < FEW,
        "too many couplings to search groups and entries": kinds != KINDS,
    }
    return profile, stable, {**summary, "cautions": [words for words, holds in cautions.items() if holds]}


def _data(path, net, free_steps):
    """Inputs, with the free steps as zeros at their end, targets, and the mask of those scored, None without."""
    if not path.is_file():
        raise ValueError(f"no data file {path}")
    try:
        with zipfile.ZipFile(path) as members:
            size = sum(member.file_size for member in members.infolist()) / 1e9
        if size > float(os.environ.get("SCHUR_LIB_MAX_GB", 2)):
            raise ValueError(
                f"it takes {size:.3g} GB in memory; SCHUR_LIB_MAX_GB={math.ceil(size)} would allow that"
            )
        with np.load(path, allow_pickle=False) as file:
            inputs, targets = (torch.from_numpy(file[name]) for name in ("inputs", "targets"))
            mask = torch.from_numpy(file["mask"]) if "mask" in file else None
            others = sorted(set(file) - {"inputs", "targets", "mask"})
    except Exception as error:  # zipfile, numpy and torch each have their own for what is no array of numbers
        raise ValueError(f"{path} must be .npz with arrays of numbers, inputs and targets: {error}") from error
    if inputs.ndim != 3 or free_steps < 0:
        raise ValueError(f"inputs must be (T, B, N_x), free steps ≥ 0; got {tuple(inputs.shape)}, {free_steps}")
    if others:
        raise ValueError(f"{path} may hold inputs, targets and mask; nothing is known of {', '.join(others)}")
    inputs = inputs.to(net.W_hh)
    return torch.cat([inputs, inputs.new_zeros(free_steps, *inputs.shape[1:])]), targets, mask


def _write(output, profile, stable, summary):
    """All files at once, in a folder that appears whole or not at all."""
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{output.name}.", dir=output.parent) as aside:
        folder = Path(aside, "all")
        folder.mkdir()
        profile.to_csv(folder / "profile.csv", index=False, na_rep="nan")
        stable.to_csv(folder / "stabilisers.csv", index=False, na_rep="nan")
        # null for what is not finite
        pd.Series(summary).to_json(folder / "summary.json", indent=1, double_precision=15, force_ascii=False)
        folder.rename(output)


def _said(profile, summary, output):
    """Three sentences."""
    blocks = profile.set_index("removed").loc[["RR", "CR", "CC"]]
    harm = METRICS[summary["metric"]].harm(blocks.score, summary["score"])
    does = {True: "The network does the task", False: "The network does not do the task"}.get(
        summary["does_task"], "Whether the network does the task is unknown"
    )
    score = f"{summary['metric']} {summary['score']:.3g} on {summary['n_trials']} trials"
    cautions = f"; be careful, {'; '.join(summary['cautions'])}" if summary["cautions"] else ""
    return (
        f"{does}: {score}.\n"
        f"Of the three blocks {harm.idxmax()} matters most: without it the score is {harm.max():.3g} worse.\n"
        f"The tables and the summary are in {output}{cautions}."
    )


if __name__ == "__main__":
    main()
