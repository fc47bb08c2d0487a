"""Export the reference networks to the explorer page, each as a script of its own (see report/explorer.py)."""

import json
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import torch

from report.explorer import of_network, script
from schur_lib import store
from schur_lib.dynamics import rollout
from schur_lib.schur import ordered_schur
from schur_lib.tasks import TASKS, held_out
from study import catalogue, folders
from study.figures import style
from tools import live

# Enough for a score of two or three digits, few enough for sixty updates a second while a slider is dragged.
N_TRIALS = {"copy": 12, "flip_flop": 48, "sine_generation": 32, "context_integration": 32}


def specs():
    """The networks that the explorer offers: every reference network."""
    return [spec for task in TASKS for spec in catalogue.specs(task, "paper", "reference")]


def trials(task):
    """The held-out inputs (steps, B, N_x) and targets (T, B, N_y) that the page scores on."""
    return held_out(task, N_TRIALS[task.name])


def network_name(spec):
    """Name of a network's script and of its state in the page's address."""
    return f"{spec.task}-{spec.construction}-{spec.hidden_size}-{spec.seed}"


def export(folder):
    """Write index.js, a script a task and a script a network, and the pictures for no JavaScript.

    Args:
        folder: is made; a Path.
    """
    folder.mkdir(parents=True, exist_ok=True)
    first = next(s for s in specs() if (s.construction, s.hidden_size) == catalogue.FIGURE_1[0])
    start = {"network": network_name(first), "alpha": 0.9}
    index = {"tasks": {}, "networks": [], "start": start}
    for spec in specs():
        task, name = spec.make_task(), network_name(spec)
        if task.name not in index["tasks"]:
            inputs, targets = trials(task)
            index["tasks"][task.name] = {
                "title": style.NAMES[task.name],
                "score": task.metric.name,
                "free_steps": task.free_steps,
                "n_trials": N_TRIALS[task.name],
            }
            chosen = script(task.name, {}, inputs=inputs, targets=targets)
            (folder / f"trials-{task.name}.js").write_text(chosen)
        index["networks"].append(
            {
                "name": name,
                "task": spec.task,
                "seed": spec.seed,
                "kind": f"{spec.construction}-{spec.hidden_size}",
                "title": f"{style.NAMES[spec.construction]}, {spec.hidden_size} units",
            }
        )
        net = store.load(spec, folders.NETWORKS)
        (folder / f"{name}.js").write_text(of_network(name, net, ordered_schur(net.W_hh)))
    (folder / "index.js").write_text(f"explorer.index = {json.dumps(index)};\n")
    live.export(folder, network_name)
    pictures(folder)


def pictures(folder):
    """What a reader without JavaScript sees: the form and the replay of the first network."""
    spec = next(s for s in specs() if (s.construction, s.hidden_size) == catalogue.FIGURE_1[0])
    net, task = store.load(spec, folders.NETWORKS), spec.make_task()
    form = ordered_schur(net.W_hh)
    inputs, targets = (t[:, :1] for t in trials(task))
    outputs = {
        style.without(removed): rollout(
            net, inputs, torch.from_numpy(form.ablate({removed} - {""})).float(), task.free_steps
        )[-task.free_steps :, 0]
        for removed in ("", "CC", "RR", "CR")
    }
    for name, figure in (
        ("form", style.schur_forms({"dense orthogonal, seed 0": form})),
        ("replay", style.replay_example(targets[:, 0], outputs)),
    ):
        figure.savefig(folder / f"{name}.png", dpi=144, metadata={"Software": None})
        plt.close(figure)


if __name__ == "__main__":
    export(Path(sys.argv[1]))
