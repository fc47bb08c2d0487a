"""Figures of the chapter on time course and scope."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from schur_lib.schur import COUPLINGS
from study.figures.style import COLOURS, NAMES, styled, without

MARKERS = {"RR": "o", "CR": "s", "CC": "^"}


def _lines(ax, rows, x, y):
    for name in COUPLINGS:
        part = rows[rows.removed == name].groupby(x)[y].agg(["median", "min", "max"])
        ax.fill_between(part.index, part["min"], part["max"], color=COLOURS[name], alpha=0.15, lw=0)
        ax.plot(part["median"], color=COLOURS[name], marker=MARKERS[name], label=without(name))


@styled
def time_course(table: pd.DataFrame) -> Figure:
    """Effect and mass of the single blocks along training: median over networks, shaded min to max.

    Args:
        table: `task`, `removed`, `steps`, `harm`, `mass`, one row a network and block.
    """
    tasks = list(table.task.unique())
    fig, axes = plt.subplots(len(tasks), 2, figsize=(6.4, 2.1 * len(tasks)), layout="constrained", squeeze=False)
    for row, task in zip(axes, tasks, strict=True):
        rows = table[table.task == task]
        for ax, column in zip(row, ("harm", "mass"), strict=True):
            _lines(ax, rows, "steps", column)
            ax.set_xscale("log")
        row[0].set_yscale("symlog", linthresh=1e-2)
        row[0].set_ylabel("accuracy lost" if task == "copy" else "ΔFVU")
        row[0].set_title(NAMES[task])
        row[1].set_ylabel("Schur mass")
    for ax in axes[-1]:
        ax.set_xlabel("training steps")
    fig.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return fig


@styled
def sizes(table: pd.DataFrame) -> Figure:
    """Effect of the single blocks on the flip-flop against the hidden size.

    Args:
        table: `removed`, `hidden_size`, `delta`, `mass`, one row a network and block.
    """
    fig, axes = plt.subplots(1, 2, figsize=(6.4, 3.0), layout="constrained")
    for ax, column, title in zip(axes, ("delta", "mass"), ("ΔFVU", "Schur mass"), strict=True):
        _lines(ax, table, "hidden_size", column)
        ax.set_xscale("log", base=2)
        values = sorted(table.hidden_size.unique())
        ax.set_xticks(values, [str(v) for v in values])
        ax.set(xlabel="hidden size N$_h$", ylabel=title)
    axes[0].set_yscale("symlog", linthresh=1e-2)
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return fig


@styled
def cells(table: pd.DataFrame) -> Figure:
    """Effect of the single blocks of each recurrent matrix of other cells, networks as points.

    Args:
        table: `cell`, `matrix`, `removed`, `delta`, one row a network and block.
    """
    keys = list(dict.fromkeys(zip(table.cell, table.matrix, strict=True)))
    fig, ax = plt.subplots(figsize=(6.4, 0.36 * len(keys) + 1.2), layout="constrained")
    for i, (cell, matrix) in enumerate(keys):
        rows = table[(table.cell == cell) & (table.matrix == matrix)]
        for shift, name in zip((-0.22, 0, 0.22), COUPLINGS, strict=True):
            values = rows.loc[rows.removed == name, "delta"]
            ax.scatter(
                values,
                np.full(len(values), i + shift),
                color=COLOURS[name],
                marker=MARKERS[name],
                s=18,
                label=without(name) if i == 0 else None,
            )
    ax.set_yticks(range(len(keys)), [c if m == "W" else f"{c}, {m}" for c, m in keys])
    ax.set_ylim(len(keys) - 0.4, -0.6)
    ax.set_xscale("symlog", linthresh=1e-2)
    ax.set_xlabel("ΔFVU")
    fig.legend(loc="outside lower center", ncols=3)
    return fig


@styled
def fixed_points(points: pd.DataFrame, effects: pd.DataFrame) -> Figure:
    """Schur mass of the blocks of the Jacobian at fixed points, and the effect of deleting them there.

    Args:
        points, effects: from `study.probes.cells`.
    """
    places = list(dict.fromkeys(zip(points.cell, points.point, strict=True)))
    cases = list(dict.fromkeys(zip(effects.cell, effects.points, strict=True)))
    fig, (left, right) = plt.subplots(
        1, 2, figsize=(6.4, 0.5 * max(len(places), len(cases)) + 1.3), layout="constrained"
    )
    for shift, name in zip((-0.24, 0, 0.24), COUPLINGS, strict=True):
        style = {"color": COLOURS[name], "marker": MARKERS[name]}
        for i, (cell, place) in enumerate(places):
            values = points.loc[(points.cell == cell) & (points.point == place), name]
            left.scatter(values, np.full(len(values), i + shift), s=12, alpha=0.6, **style)
        for i, (cell, case) in enumerate(cases):
            rows = effects[(effects.cell == cell) & (effects.points == case)]
            rows, at = rows[rows.removed == name], i + shift
            right.scatter(rows.null_median, np.full(len(rows), at), s=26, marker="|", color="#333333")
            right.scatter(rows.delta, np.full(len(rows), at), s=18, **style)
        right.plot([], [], ls="", label=without(name), **style)
    right.plot([], [], ls="", marker="|", color="#333333", label="random change of equal norm")
    left.set_yticks(range(len(places)), [f"{cell}, {place}" for cell, place in places])
    right.set_yticks(range(len(cases)), [f"{cell}, {case}" for cell, case in cases])
    left.set_xlabel("Schur mass")
    right.set_xscale("symlog", linthresh=1e-2)
    right.set_xlim(left=min(-2e-3, 1.2 * effects[["delta", "null_median"]].min().min()))
    right.set_xticks([0, 1e-2, 1e-1, 1], ["0", "0.01", "0.1", "1"])
    right.set_xlabel("ΔFVU")
    for ax, n in ((left, len(places)), (right, len(cases))):
        ax.set_ylim(n - 0.4, -0.6)
    fig.legend(*right.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return fig


@styled
def operative(table: pd.DataFrame) -> Figure:
    """W_hh with the first k operative dimensions alone, and blocks that keep their part on these.

    Args:
        table: from `operative.operative`, with `task`.
    """
    tasks, sides = list(table.task.unique()), list(table.side.unique())
    fig, axes = plt.subplots(
        len(sides),
        len(tasks),
        figsize=(6.4, 2.5 * len(sides) + 0.6),
        layout="constrained",
        squeeze=False,
        sharex=True,
        sharey=True,
    )
    for row, side in zip(axes, sides, strict=True):
        for ax, task in zip(row, tasks, strict=True):
            rows = table[(table.side == side) & (table.task == task)]
            _lines(ax, rows, "k", "delta")
            kept = rows[rows.removed == ""].groupby("k").delta.median()
            ax.plot(kept, color="#333333", ls="--", marker="D", label="first k alone")
            ax.set_xscale("log", base=2)
            ax.set_yscale("symlog", linthresh=1e-3)
            ticks = [2**i for i in range(7)]
            ax.set_xticks(ticks, [str(k) for k in ticks])
            ax.set_title(f"{NAMES[task]}, {side}")
        row[0].set_ylabel("ΔFVU")
    for ax in axes[-1]:
        ax.set_xlabel("operative dimensions k")
    fig.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return fig
