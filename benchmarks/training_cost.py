"""Processor time of a training step, for each task and each stage of the copy task's curriculum.

Timed inside `train_one` with the real recipes, on one core and between two of its reports, so that
sampling, gradients, optimiser and scoring are in it, and setting up is not. How many steps a network
spends at a stage is counted in the learning curves of the shipped networks.
"""

import statistics
import time
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise

import torch

from benchmarks.speed import Enough
from schur_lib import store
from schur_lib.dynamics import one_blas_thread
from schur_lib.specs import Spec
from schur_lib.tasks import TASKS
from schur_lib.training import train_one
from study import catalogue, folders

REPORTS = {"copy": 6, None: 16}  # of 200 and of 38 steps; the first is not counted


def seconds_a_step(spec, reports):
    """Processor seconds of a step, one value for each time between two reports."""
    noted = []

    def report(step):
        noted.append((step, time.process_time()))
        if len(noted) == reports:
            raise Enough

    with suppress(Enough):
        train_one(spec, report)
    return [(t1 - t0) / (n1 - n0) for (n0, t0), (n1, t1) in pairwise(noted)]


def held_at(spec, horizon):
    """The spec with a curriculum that stays at one of its horizons."""
    last = spec.recipe.horizons[-1]
    never = 2.0  # no accuracy is above it
    horizons = (last,) if horizon == last else (horizon, last)
    return replace(spec, recipe=replace(spec.recipe, horizons=horizons, advance_at=never))


def steps_at(specs):
    """Mean number of steps that the shipped networks of some specs spent at each horizon."""
    counts = {}
    for spec in specs:
        history = store.load(spec, folders.NETWORKS).metadata["history"]["rows"]
        for _, horizon, *_ in history:
            counts[horizon] = counts.get(horizon, 0) + 1 / len(history) / len(specs)
    return {horizon: share * specs[0].recipe.steps for horizon, share in sorted(counts.items())}


def rows():
    """One dict a task, construction and stage of the curriculum."""
    torch.set_num_threads(1)
    made = []
    for task in TASKS:
        configurations = catalogue.FIGURE_1 if task == "copy" else ((),)
        for configuration in configurations:
            spec = Spec(task, *configuration)
            stages = {0: spec.recipe.steps}
            if task == "copy":
                shipped = [
                    s for s in catalogue.specs("copy")
                    if (s.construction, s.hidden_size) == configuration
                ]  # fmt: skip
                stages = steps_at(shipped)
            for horizon, steps in stages.items():
                timed = held_at(spec, horizon) if horizon else spec
                with one_blas_thread():
                    times = seconds_a_step(timed, REPORTS.get(task, REPORTS[None]))
                made.append(
                    {"task": task, "construction": spec.construction,
                     "hidden_size": spec.hidden_size, "horizon": horizon, "steps": round(steps),
                     "seconds": round(statistics.median(times), 7),
                     "lowest": round(min(times), 7), "highest": round(max(times), 7)}
                )  # fmt: skip
        print(f"cost of training, {task.replace('_', ' ')}: measured", flush=True)
    return made
