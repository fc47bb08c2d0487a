"""Figures of the chapter on coordinates: from the tables of `coordinates` to a matplotlib Figure."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from schur_lib.schur import COUPLINGS
from study.figures.style import COLOURS, NAMES, styled

MARKERS = {"RR": "o", "CR": "s", "CC": "^"}
SYSTEMS = {
    "schur": "Schur",
    "order": "other\norders",
    "complex": "complex\nSchur",
    "transpose": "Schur\nof Wᵀ",
    "eigen": "eigen-\nvectors",
    "random": "random\nbases",
}
TASK_MARKERS = {
    "copy": ("o", "#000000"),
    "flip_flop": ("s", "#D55E00"),
    "sine_generation": ("^", "#0072B2"),
    "context_integration": ("D", "#CC79A7"),
}


def harm(table: pd.DataFrame) -> pd.Series:
    """What an ablation does, positive where worse: the accuracy lost (copy) or ΔFVU (the other tasks)."""
    return table.delta.where(table.task != "copy", -table.delta)


@styled
def bases(table: pd.DataFrame) -> Figure:
    """The harm of ablating each block in each system of coordinates, a panel a task.

    Args:
        table: from `coordinates.measure_bases`, of several networks.
    """
    table = table[table.removed.isin(COUPLINGS)].assign(harm=harm)
    tasks = list(dict.fromkeys(table.task))
    fig, axes = plt.subplots(
        len(tasks), 1, figsize=(6.2, 2.2 * len(tasks) + 0.8), sharex=True, squeeze=False,
        layout="constrained",
    )  # fmt: skip
    for ax, task in zip(axes[:, 0], tasks, strict=True):
        part = table[table.task == task]
        networks = part.groupby(["system", "removed", "seed"]).harm.mean()
        for i, system in enumerate(SYSTEMS):
            for shift, name in zip((-0.25, 0, 0.25), COUPLINGS, strict=True):
                values = networks[system, name]
                style = {"color": COLOURS[name], "marker": MARKERS[name], "linewidths": 0}
                offsets = np.linspace(-0.08, 0.08, len(values)) if len(values) > 1 else 0
                ax.scatter(i + shift + offsets, values, s=10, alpha=0.45, **style)
                ax.scatter(i + shift, values.mean(), s=52, zorder=3, **style)
        ax.axhline(0, color="#444444", linewidth=1)
        ax.set_title(NAMES[task], loc="left")
        ax.set_ylabel(_unit(task))
        ax.grid(axis="x", visible=False)
    axes[-1, 0].set_xticks(range(len(SYSTEMS)), SYSTEMS.values())
    _legend(fig)
    return fig


@styled
def sweep(table: pd.DataFrame) -> Figure:
    """Effects of the three blocks against α, and the share of dimensions in R, a panel a task.

    Args:
        table: from `coordinates.measure_cut`, of several networks.
    """
    table = table.assign(harm=harm)
    tasks = list(dict.fromkeys(table.task))
    fig, axes = plt.subplots(
        len(tasks), 1, figsize=(6.2, 2.2 * len(tasks) + 0.9), sharex=True, squeeze=False,
        layout="constrained",
    )  # fmt: skip
    for ax, task in zip(axes[:, 0], tasks, strict=True):
        part = table[table.task == task]
        ax.axvspan(0.85, 0.95, color="#dddddd", alpha=0.6, linewidth=0)
        for name in COUPLINGS:
            curve = part[part.removed == name].groupby("alpha").harm.agg(["mean", "min", "max"])
            colour = COLOURS[name]
            ax.fill_between(curve.index, curve["min"], curve["max"], color=colour, alpha=0.15, lw=0)
            ax.plot(curve["mean"], color=colour, marker=MARKERS[name], markersize=4)
        share = (part.n_leading / part.hidden_size).groupby(part.alpha).mean()
        other = ax.twinx()
        other.plot(share, color="#666666", linestyle="--", linewidth=1.4)
        other.set(ylim=(0, 1.05), ylabel="n$_R$ / N$_h$")
        other.grid(False)
        other.spines["right"].set_visible(True)
        ax.set_title(NAMES[task], loc="left")
        ax.set_ylabel(_unit(task))
    axes[-1, 0].set_xlabel("α")
    _legend(fig, Line2D([], [], color="#666666", linestyle="--", label="n$_R$ / N$_h$"))
    return fig


@styled
def nudges(table: pd.DataFrame, size: float = 1e-3) -> Figure:
    """How far the parts of the Schur form move under a small change of W, a point a network.

    Args:
        table: from `coordinates.measure_nudges`, of several networks.
        size: of the change, relative to ‖W‖.
    """
    parts = {
        "RR": "‖T$_{RR}$‖",
        "CR": "‖T$_{CR}$‖",
        "CC": "‖T$_{CC}$‖",
        "subspace": "leading\nsubspace\n(rad)",
        "entries": "entries\nof N",
    }
    tasks = list(dict.fromkeys(table.task))
    medians = table.groupby(["task", "seed"], sort=False)[list(parts)].median()
    fig, ax = plt.subplots(figsize=(6.2, 3.9), layout="constrained")
    for task, shift in zip(tasks, np.linspace(-0.3, 0.3, len(tasks)), strict=True):
        marker, colour = TASK_MARKERS[task]
        for i, part in enumerate(parts):
            values = medians.loc[task][part].to_numpy()
            offsets = np.linspace(-0.06, 0.06, len(values)) if len(values) > 1 else 0
            ax.scatter(
                i + shift + offsets, np.maximum(values, 1e-7), s=16, color=colour, marker=marker,
                alpha=0.7, linewidths=0, label=NAMES[task] if i == 0 else None,
            )  # fmt: skip
    ax.axhline(size, color="#444444", linewidth=1, linestyle="--", label="the change of W")
    ax.set_yscale("log")
    ax.set_ylabel("relative change")
    ax.set_xticks(range(len(parts)), parts.values())
    ax.grid(axis="x", visible=False)
    fig.legend(loc="outside lower center", ncols=3, handletextpad=0.4, columnspacing=1.2)
    return fig


def _unit(task):
    return "accuracy lost" if task == "copy" else "ΔFVU"


def _legend(fig, *more):
    handles = [
        Line2D([], [], color=COLOURS[n], marker=MARKERS[n], linestyle="", label=f"without {n}") for n in COUPLINGS
    ]
    fig.legend(handles=[*handles, *more], loc="outside lower center", ncols=len(handles) + len(more))
