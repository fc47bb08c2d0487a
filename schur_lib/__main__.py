"""`python -m schur_lib WEIGHTS DATA`: what each coupling block of a network does, as tables and a summary.

profile.csv      as `profile_of`, on all trials
stabilisers.csv  as `stabilisers`, chosen on every other trial and checked on the rest
summary.json     what was run, the score, and what to be careful about; its keys change with SCHEMA alone
"""

import argparse
import json
import math
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from schur_lib.metrics import METRICS
from schur_lib.networks import Network
from schur_lib.profile import profile_of
from schur_lib.stability import KINDS, stabilisers
from schur_lib.subjects import Evaluation, evaluation

SCHEMA = 1
# Our choices: a network does its task from half way between chance and perfect; a gap between the sectors this
# small, over ρ, is none; fewer trials than this tell little; and a search of more couplings takes too long.
SKILLED, GAP, FEW, MANY_COUPLINGS = 0.5, 0.01, 50, 10_000


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; what is wrong with the arguments ends the process with one line."""
    parser = argparse.ArgumentParser("python -m schur_lib", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("weights", type=Path, help="safetensors with W_xh, W_hh, W_hy; b_h, b_y, h0 if any")
    parser.add_argument("data", type=Path, help=".npz with inputs (T, B, N_x) and targets of the last steps")
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
        inputs, targets = _data(given.data, net, given.free_steps)
        tables, summary = measure(net, inputs, targets, given.metric, given.alpha)
        run = {"weights": str(given.weights), "data": str(given.data), "free_steps": given.free_steps}
        _write(output, tables, {"schema": SCHEMA, **run, **summary})
    except (ValueError, OSError) as error:
        sys.exit(f"schur_lib: {error}")
    print(_said(tables, summary, output))


def measure(
    net: Network, inputs: torch.Tensor, targets: torch.Tensor, metric: str = "fvu", alpha: float = 0.9
) -> tuple[dict[str, pd.DataFrame], dict[str, Any]]:
    """The tables by name, and the summary, of a network on trials; arguments as for `evaluation`."""
    trials = evaluation(net, "W_hh", inputs, targets, metric)
    if trials.n_trials < 2:
        raise ValueError("there must be 2 trials or more: some choose the stabilisers, others check them")
    halves = (evaluation(net, "W_hh", inputs[:, i::2], targets[..., i::2, :] if targets.ndim == 3 else
                         targets[..., i::2], metric) for i in (0, 1))  # fmt: skip
    kinds = KINDS if int(trials.form.above.sum()) <= MANY_COUPLINGS else ("blocks",)
    tables = {"profile": profile_of(trials, alpha), "stabilisers": stabilisers(*halves, alpha=alpha, kinds=kinds)}
    cut, chance = trials.form.cut_report(alpha), trials.metric.chance
    skill = trials.metric.skill(trials.intact, trials.targets, net.n_outputs)
    summary = {
        "network": {"digest": net.digest(), "hidden_size": net.hidden_size, "activation": net.activation},
        "metric": metric, "alpha": alpha, "n_leading": trials.form.n_leading(alpha), "cut": cut._asdict(),
        "n_trials": trials.n_trials, "n_steps": len(inputs), "score": trials.intact,
        "chance": chance(trials.targets, net.n_outputs) if chance else None,
        "skill": skill, "does_task": skill >= SKILLED, "stabilisers_searched": list(kinds),
    }  # fmt: skip
    return tables, {**summary, "cautions": _cautions(trials, summary)}


def _cautions(trials: Evaluation, summary):
    """What to be careful about: {what: in words}."""
    N, cut, all_trials = len(trials.W_hh), summary["cut"], trials.n_trials
    found = {
        "poor score": (not summary["does_task"], f"the skill is {summary['skill']:.2f} (0 chance, 1 perfect), "
                       "so that the profile says little about the task"),
        "complement empty": (summary["n_leading"] == N, "all of T is T_RR: a larger alpha would split it"),
        "cut not well posed": (cut["gap"] < GAP, f"the gap between the sectors is {cut['gap']:.2g} of the "
                               "spectral radius: try another alpha beside this one"),
        "few trials": (all_trials < FEW, f"{all_trials}: the intervals are wide and only as good as these trials"),
        "not searched": (len(summary["stabilisers_searched"]) < 3, "too many couplings for groups and entries"),
    }  # fmt: skip
    return {what: words for what, (holds, words) in found.items() if holds}


def _data(path, net, free_steps):
    """Inputs, with the free steps as zeros at their end, and targets."""
    try:
        with np.load(path, allow_pickle=False) as file:
            inputs, targets = (torch.from_numpy(file[name]) for name in ("inputs", "targets"))
    except FileNotFoundError:
        raise ValueError(f"no data file {path}") from None
    except Exception as error:  # zipfile, numpy and torch each have their own for what is no array of numbers
        raise ValueError(f"{path} must be .npz with arrays of numbers, inputs and targets: {error}") from error
    if inputs.ndim != 3 or free_steps < 0:
        raise ValueError(f"inputs must be (T, B, N_x), free steps ≥ 0; got {tuple(inputs.shape)}, {free_steps}")
    inputs = inputs.to(net.W_hh)
    return torch.cat([inputs, inputs.new_zeros(free_steps, *inputs.shape[1:])]), targets


def _write(output, tables, summary):
    """All files at once, in a folder that appears whole or not at all."""
    output.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{output.name}.", dir=output.parent))
    try:
        for name, table in tables.items():
            table.to_csv(aside / f"{name}.csv", index=False)
        text = json.dumps(_finite(summary), indent=1, allow_nan=False, ensure_ascii=False)
        (aside / "summary.json").write_text(text + "\n", encoding="utf-8")
        aside.chmod(0o755)
        aside.rename(output)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise


def _finite(value):
    """A value as JSON can hold it: null for a number that is not finite."""
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _said(tables, summary, output):
    profile, metric = tables["profile"].set_index("removed"), METRICS[summary["metric"]]
    harm = metric.harm(profile.score[["RR", "CR", "CC"]], summary["score"])
    does = "does" if summary["does_task"] else "does not do"
    cautions = "; ".join(f"{what}: {words}" for what, words in summary["cautions"].items())
    return (
        f"The network {does} the task: {metric.name} {summary['score']:.3g} on {summary['n_trials']} trials.\n"
        f"Without {harm.idxmax()} it is {harm.max():.3g} worse, the most of the three blocks "
        f"(R has {summary['n_leading']} of {summary['network']['hidden_size']} dimensions).\n"
        f"All is in {output}{'; be careful: ' if cautions else ''}{cautions}."
    )


if __name__ == "__main__":
    main()
