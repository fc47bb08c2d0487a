"""Figures of the chapters on single tasks: trials, all eight ablations, parts of the trials, n_R."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from schur_lib.schur import COUPLINGS
from study.figures.style import COLOURS, NAMES, ORDER, PAPER, styled, without

SERIES = ("#000000", "#CC79A7", "#E69F00", "#56B4E9")
LEVELS = 3  # of a pulse or of a bit that is held
# Linear between −0.1 and 0.1, logarithmic beyond: where effects span orders of magnitude.
SYMLOG = {"linthresh": 0.1, "linscale": 0.6}


def drawn_as(values: np.ndarray) -> str:
    """How a curve is drawn: one of a few levels jumps from one to the next, and does not slope."""
    return "steps-mid" if len(np.unique(values)) <= LEVELS else "default"


@styled
def task_trials(
    rows: dict[str, dict[str, np.ndarray]], titles: Sequence[str], dt: float = 1, unit: str = "step"
) -> Figure:
    """Some trials of a task, a column each: inputs and targets against time.

    Args:
        rows: for each panel row, by its axis label, the series (T, n_trials) by name; a series named
            "target" is drawn broad and grey, pulses (mostly 0) as bars.
        titles: of the trials.
        dt: duration of a step.
        unit: of dt.
    """
    fig, axes = plt.subplots(
        len(rows), len(titles), figsize=(6.2, 1.35 * len(rows) + 1.1), sharex=True, sharey="row",
        squeeze=False, layout="constrained",
    )  # fmt: skip
    for line, (ylabel, series) in zip(axes, rows.items(), strict=True):
        colours = iter(SERIES)
        for name, values in series.items():
            values = np.asarray(values)
            style = (
                {"color": "#999999", "linewidth": 4}
                if name == "target"
                else {"color": next(colours), "linewidth": 1.3}
            )
            time = dt * np.arange(1, len(values) + 1)
            for trial, ax in enumerate(line):
                if name == "pulse":
                    ax.bar(time, values[:, trial], 0.5 * dt, color=style["color"], label=name)
                else:
                    ax.plot(time, values[:, trial], label=name, drawstyle=drawn_as(values), **style)
        line[0].set_ylabel(ylabel)
    for ax, title in zip(axes[0], titles, strict=True):
        ax.set_title(title)
    for ax in axes[-1]:
        ax.set_xlabel(f"time ({unit})")
    shown = {}
    for ax in axes[:, 0]:
        for handle, name in zip(*ax.get_legend_handles_labels(), strict=True):
            shown.setdefault(name, handle)
    fig.legend(shown.values(), shown.keys(), loc="outside lower center", ncols=4)
    return fig


@styled
def subset_profile(table: pd.DataFrame, published: pd.DataFrame | None = None, scale: str = "linear") -> Figure:
    """ΔFVU of all eight sets of deleted blocks: a point a network, with their median and mean ± SEM.

    Args:
        table: one row a network and set: `removed`, `delta`.
        published: `removed`, `paper`, drawn as diamonds; None for none.
        scale: of the ΔFVU axis, "linear" or "symlog".
    """
    fig, ax = plt.subplots(figsize=(6, 4.6), layout="constrained")
    for i, removed in enumerate(ORDER):
        values = table.loc[table.removed == removed, "delta"]
        colour = COLOURS.get(removed, "#444444")
        sem = values.sem() if len(values) > 1 else 0
        offsets = np.linspace(-0.25, 0.25, len(values)) if len(values) > 1 else 0
        ax.scatter(values.sort_values(), i + offsets, s=20, color=colour, alpha=0.6, linewidths=0, zorder=3)
        ax.plot([values.median()] * 2, [i - 0.36, i + 0.36], color=colour, linewidth=2.5, zorder=4)
        ax.errorbar(values.mean(), i, xerr=sem, fmt="|", color="black", markersize=12, capsize=3, linewidth=1.2,
                    zorder=4)  # fmt: skip
    handles = [
        Line2D([], [], color="#444444", marker="o", ls="", ms=4, alpha=0.6, label="one network"),
        Line2D([], [], color="#444444", marker="|", ls="", mew=2.5, ms=11, label="median"),
        Line2D([], [], color="black", marker="|", ms=9, linewidth=1.2, label="mean ± SEM"),
    ]
    if published is not None:
        ax.scatter(published.paper, published.removed.map(ORDER.index), zorder=5, **PAPER)
        handles.append(Line2D([], [], marker="D", ls="", color="k", fillstyle="none", label="paper"))
    ax.axvline(0, color="#444444", linewidth=1)
    if scale == "symlog":
        ax.set_xscale("symlog", **SYMLOG)
    ax.set_yticks(range(len(ORDER)), [without(removed) for removed in ORDER])
    ax.set_xlabel("ΔFVU")
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)
    fig.legend(handles=handles, loc="outside lower center", ncols=4, columnspacing=1.2)
    return fig


@styled
def per_channel(
    table: pd.DataFrame,
    xlabel: str,
    column: str = "delta",
    scale: str = "linear",
    names: Sequence[str] = (),
) -> Figure:
    """Score or its change in each part of the trials, a panel a block.

    Thin lines are networks; the thick line is their median, so that one network cannot carry it.

    Args:
        table: one division: `seed`, `value`, `removed`, and the column.
        xlabel: what `value` is.
        column: "delta" or "score".
        scale: of the vertical axis, "linear" or "symlog".
        names: of the values, in their order; as numbers by default.
    """
    fig, axes = plt.subplots(1, 3, figsize=(6.3, 3), sharey=True, layout="constrained")
    for ax, name in zip(axes, COUPLINGS, strict=True):
        curves = table[table.removed == name].pivot(index="value", columns="seed", values=column)
        few = {"marker": "o", "markersize": 3} if len(curves) <= 3 else {}
        ax.plot(curves, color=COLOURS[name], linewidth=0.8, alpha=0.55, **few)
        ax.plot(curves.median(axis=1), color="black", linewidth=2.2)
        ax.set_title(without(name), color=COLOURS[name])
        if few:
            ax.set_xticks(curves.index, names or None)
            ax.margins(x=0.15)
    if scale == "symlog":
        axes[0].set_yscale("symlog", **SYMLOG)
    axes[0].set_ylabel("ΔFVU" if column == "delta" else "accuracy")
    axes[1].set_xlabel(xlabel)
    fig.legend(
        handles=[
            Line2D([], [], color="#666666", linewidth=0.8, label="one network"),
            Line2D([], [], color="black", linewidth=2.2, label="median"),
        ],
        loc="outside lower center",
        ncols=2,
    )
    return fig


@styled
def against_n_leading(table: pd.DataFrame) -> Figure:
    """Effect of each block against the size of the leading sector, a point a network, a panel a task.

    Args:
        table: `task`, `removed`, `delta`, `n_leading`.
    """
    tasks = list(dict.fromkeys(table.task))
    size = (5.6, 3.6) if len(tasks) == 1 else (6.4, 3.8)
    fig, axes = plt.subplots(1, len(tasks), figsize=size, sharey=True, squeeze=False, layout="constrained")
    for ax, task in zip(axes[0], tasks, strict=True):
        for i, (name, marker) in enumerate(zip(COUPLINGS, "os^", strict=True)):
            rows = table[(table.removed == name) & (table.task == task)]
            ax.scatter(
                rows.n_leading * 1.06 ** (i - 1), rows.delta, s=40 if len(rows) <= 20 else 12,
                color=COLOURS[name], marker=marker, alpha=0.85 if len(rows) <= 20 else 0.6, linewidths=0,
                label=without(name) if task == tasks[0] else None,
            )  # fmt: skip
        ax.axhline(0, color="#444444", linewidth=1)
        ax.set_yscale("symlog", **SYMLOG)
        ax.set_xscale("log", base=2)
        ticks = [1, 2, 4, 8, 16, 32, 64]
        ax.set_xticks(ticks, ticks, fontsize=9 if len(tasks) > 1 else None)
        if len(tasks) > 1:
            ax.set_title(NAMES[task].replace(" ", "\n"))
    axes[0, 0].set_ylabel("ΔFVU")
    axes[0, len(tasks) // 2].set_xlabel("n$_R$ (dimensions of the leading sector)")
    fig.legend(loc="outside lower center", ncols=3)
    return fig
