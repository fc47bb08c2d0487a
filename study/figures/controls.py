"""Figures of the controls: nulls, doses, interactions; activity, halves, rotations, decoders."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator

from schur_lib.schur import COUPLINGS
from study.figures.style import COLOURS, NAMES, ORDER, styled, without
from study.probes.nulls import KINDS, REMOVED

HARM = {"copy": "accuracy lost"}
ERROR = "FVU gained"
NULLS = dict(zip(KINDS, ("o", "s", "D", "^", "v"), strict=True))
TASK_MARKERS = {"copy": "o", "flip_flop": "s", "sine_generation": "^", "context_integration": "D"}
NARROWEST = 1e-3  # below, a symmetric-logarithmic axis is linear


@styled
def null_harms(table: pd.DataFrame) -> Figure:
    """Harm of the single blocks beside that of norm-matched nulls, a panel a task.

    Args:
        table: `task`, `removed`, `kind`, `harm`, `null_median`, one row a network, block and kind.
    """
    fig, axes = _panels(table, (6.4, 7.2))
    for ax, (task, rows) in zip(axes, table.groupby("task", sort=False), strict=True):
        for i, name in enumerate(COUPLINGS):
            part = rows[rows.removed == name]
            if part.empty:
                continue
            harms = part.groupby("seed").harm.first()
            _spread(ax, i - 0.32, harms, COLOURS[name], "o", filled=True)
            for j, kind in enumerate(KINDS):
                medians = part.loc[part.kind == kind, "null_median"]
                _spread(ax, i - 0.18 + 0.14 * j, medians, "#333333", NULLS[kind])
        _symlog(ax, "x")
        ax.set_yticks(range(len(COUPLINGS)), [without(name) for name in COUPLINGS])
        ax.set_ylim(2.6, -0.6)
        ax.set_xlabel(HARM.get(task, ERROR))
        ax.grid(axis="y", visible=False)
    handles = [_dot("o", COLOURS["CC"], "block removed")]
    handles += [_dot(NULLS[kind], "#333333", kind, False) for kind in KINDS]
    fig.legend(handles=handles, loc="outside lower center", ncols=3)
    return fig


@styled
def null_effects(table: pd.DataFrame) -> Figure:
    """Cliff's δ of nulls against the removed set, a panel a task: mean over networks.

    Args:
        table: `task`, `removed`, `kind`, `effect`, one row a network, removed set and kind.
    """
    fig, axes = _panels(table, (6.4, 7.4))
    for ax, (_, rows) in zip(axes, table.groupby("task", sort=False), strict=True):
        mean = rows.pivot_table(index="removed", columns="kind", values="effect", sort=False)
        mean = mean.reindex(index=list(REMOVED), columns=list(KINDS))
        picture = ax.imshow(mean, cmap="PuOr", vmin=-1.3, vmax=1.3, aspect="auto")
        for (i, j), value in np.ndenumerate(mean.to_numpy()):
            if np.isfinite(value):
                text = f"{value:+.1f}".replace("-", "−") if abs(value) >= 0.05 else "0"
                colour = "white" if abs(value) > 0.85 else "black"
                ax.text(j, i, text, ha="center", va="center", fontsize=9, color=colour)
        ax.set_yticks(range(len(REMOVED)), [without(name) for name in REMOVED], fontsize=9)
        ax.set_xticks(range(len(KINDS)), KINDS, fontsize=9, rotation=40, ha="right", rotation_mode="anchor")
        ax.grid(False)
    for ax in axes[1::2]:
        ax.tick_params(labelleft=False)
    for ax in axes[: max(0, len(axes) - 2)]:
        ax.tick_params(labelbottom=False)
    bar = fig.colorbar(picture, ax=list(axes), location="bottom", shrink=0.7, aspect=30)
    bar.ax.set_xlim(-1, 1)
    bar.set_ticks([-1, -0.5, 0, 0.5, 1], labels=["−1", "−0.5", "0", "0.5", "1"])
    bar.set_label("Cliff's δ: −1 block worse than every null, +1 milder than every null")
    return fig


@styled
def dose_curves(table: pd.DataFrame) -> Figure:
    """FVU against dose, a panel a task, a line a block: median over networks, shaded min to max.

    Args:
        table: `task`, `removed`, `dose`, `fvu`.
    """
    fig, axes = _panels(table, (6.4, 5.6))
    for ax, (_, rows) in zip(axes, table.groupby("task", sort=False), strict=True):
        for name, part in rows.groupby("removed", sort=False):
            curve = part.groupby("dose").fvu.agg(["median", "min", "max"])
            ax.fill_between(curve.index, curve["min"], curve["max"], color=COLOURS[name], alpha=0.15, lw=0)
            dashes = dict(zip(COUPLINGS, ("--", "-", ":"), strict=True))[name]
            ax.plot(curve["median"], color=COLOURS[name], ls=dashes, label=f"T$_{{{name}}}$")
        ax.axvline(1, color="#777777", linewidth=1)
        ax.set(yscale="log", xlabel="dose s", ylabel="FVU")
    handles, names = axes[0].get_legend_handles_labels()
    fig.legend(handles, names, loc="outside lower center", ncols=3)
    return fig


@styled
def interaction_terms(table: pd.DataFrame) -> Figure:
    """Main effects and interactions, a panel a task: mean over networks, networks as points.

    Args:
        table: `task`, `removed`, `term`.
    """
    fig, axes = _panels(table, (6.4, 6.2))
    order = sorted(REMOVED, key=lambda name: (name.count("+"), ORDER.index(name)))
    for ax, (task, rows) in zip(axes, table.groupby("task", sort=False), strict=True):
        for i, name in enumerate(order):
            terms = rows.loc[rows.removed == name, "term"]
            colour = COLOURS.get(name, "#888888")
            ax.barh(i, terms.mean(), color=colour, alpha=0.75, height=0.7)
            offsets = np.linspace(-0.25, 0.25, len(terms)) if len(terms) > 1 else 0
            ax.scatter(terms, i + offsets, s=9, color="black", alpha=0.6, linewidths=0, zorder=3)
        ax.axvline(0, color="#444444", linewidth=1)
        ax.set_yticks(range(len(order)), [name.replace("+", " × ") for name in order], fontsize=9)
        ax.set_ylim(len(order) - 0.4, -0.6)
        _symlog(ax, "x", 1e-2)
        ax.set_xlabel(HARM.get(task, ERROR))
        ax.grid(axis="y", visible=False)
    for ax in axes[1::2]:
        ax.tick_params(labelleft=False)
    return fig


@styled
def effect_of_activity(table: pd.DataFrame) -> Figure:
    """ΔFVU of the single blocks against activity-weighted mass and against Schur mass.

    Args:
        table: whole blocks: `task`, `removed`, `delta`, `mass`, `active_mass`; one row a network.
    """
    fig, axes = plt.subplots(2, 1, figsize=(6, 7.4), sharey=True, layout="constrained")
    for ax, column, title in (
        (axes[0], "active_mass", "activity-weighted mass E‖ΔW h‖² / E‖W h‖²"),
        (axes[1], "mass", "removed Schur mass ‖ΔT‖ / ‖T‖"),
    ):
        shown = table[table[column] > 1e-6]
        for (task, name), part in shown.groupby(["task", "removed"], sort=False):
            ax.scatter(part[column], part.delta, s=26, marker=TASK_MARKERS[task],
                       color=COLOURS[name], alpha=0.7, linewidths=0)  # fmt: skip
        ax.set_xscale("log")
        _symlog(ax, "y", 1e-4)
        ax.set(xlabel=title, ylabel="ΔFVU")
    handles = [_dot("o", COLOURS[name], without(name)) for name in COUPLINGS]
    tasks = list(dict.fromkeys(table.task))
    handles += [_dot(TASK_MARKERS[task], "#555555", NAMES[task]) for task in tasks]
    fig.legend(handles=handles, loc="outside lower center", ncols=3)
    return fig


@styled
def half_effects(table: pd.DataFrame) -> Figure:
    """ΔFVU of each block: whole, its half on the activity, its half off the activity.

    Args:
        table: of one share: `task`, `removed`, `part`, `delta`.
    """
    fig, axes = _panels(table, (6.4, 6.2))
    markers = {"whole": "o", "on": "s", "off": "^"}
    for ax, (_, rows) in zip(axes, table.groupby("task", sort=False), strict=True):
        for i, name in enumerate(COUPLINGS):
            for j, part in enumerate(markers):
                deltas = rows.loc[(rows.removed == name) & (rows.part == part), "delta"]
                _spread(ax, i + 0.25 * (j - 1), deltas, COLOURS[name], markers[part], j == 0)
        _symlog(ax, "x", 1e-4)
        ax.set_yticks(range(len(COUPLINGS)), [without(name) for name in COUPLINGS])
        ax.set_ylim(2.6, -0.6)
        ax.set_xlabel("ΔFVU")
        ax.grid(axis="y", visible=False)
    names = {"whole": "whole block", "on": "on the activity", "off": "off the activity"}
    handles = [_dot(markers[part], "#555555", names[part], part == "whole") for part in markers]
    fig.legend(handles=handles, loc="outside lower center", ncols=3)
    return fig


@styled
def rotated_effects(table: pd.DataFrame) -> Figure:
    """ΔFVU of a block against that of changes which read the same and write elsewhere.

    Args:
        table: `task`, `removed`, `delta`, `rotated_median`; one row a network and block.
    """
    fig, ax = plt.subplots(figsize=(6, 5), layout="constrained")
    for (task, name), part in table.groupby(["task", "removed"], sort=False):
        ax.scatter(part.rotated_median, part.delta, s=28, marker=TASK_MARKERS[task],
                   color=COLOURS[name], alpha=0.75, linewidths=0)  # fmt: skip
    low = min(0, table.delta.min(), table.rotated_median.min())
    high = max(table.delta.max(), table.rotated_median.max(), NARROWEST)
    line = np.concatenate([[0], np.geomspace(1e-5, high, 60)])
    ax.plot(line, line, color="#777777", linewidth=1, zorder=0)
    ax.set(xlim=(2 * low - 3e-5, 2 * high), ylim=(2 * low - 3e-5, 2 * high))
    for axis in "xy":
        _symlog(ax, axis, 1e-4)
    ax.set(xlabel="ΔFVU of rotated changes (median)", ylabel="ΔFVU of the block")
    handles = [_dot("o", COLOURS[name], without(name)) for name in COUPLINGS]
    tasks = list(dict.fromkeys(table.task))
    handles += [_dot(TASK_MARKERS[task], "#555555", NAMES[task]) for task in tasks]
    fig.legend(handles=handles, loc="outside lower center", ncols=3)
    return fig


@styled
def explained_bars(table: pd.DataFrame) -> Figure:
    """R² of each account with its interval over networks, and R² for unseen networks, a panel a task.

    Args:
        table: as from `statistics.explained`, with the title of the panel in `of`.
    """
    accounts, tables = (
        list(dict.fromkeys(table.account)),
        dict(list(table.groupby("of", sort=False))),
    )
    fig, axes = plt.subplots(
        (len(tables) + 1) // 2, 2, figsize=(6.4, 2.2 * ((len(tables) + 1) // 2) + 0.8),
        sharex=True, sharey=True, squeeze=False, layout="constrained",
    )  # fmt: skip
    for ax, (title, part) in zip(axes.flat, tables.items(), strict=False):
        for row in part.itertuples():
            i = accounts.index(row.account)
            ax.barh(i, row.r2, color="#56B4E9", height=0.65)
            if np.isfinite(row.low):
                ax.plot([row.low, row.high], [i, i], color="black", linewidth=1.5)
            if np.isfinite(row.unseen):
                ax.plot(max(row.unseen, -0.05), i, "D", color="black", fillstyle="none", markersize=6)
        ax.set_yticks(range(len(accounts)), accounts, fontsize=9)
        ax.set_ylim(len(accounts) - 0.4, -0.6)
        ax.set_title(title)
        ax.set_xlim(-0.08, 1.02)
        ax.grid(axis="y", visible=False)
    for ax in axes.flat[len(tables) :]:
        ax.set_visible(False)
    for ax in list(axes.flat[: len(tables)])[-2:]:
        ax.set_xlabel("R² of ranks")
        ax.tick_params(labelbottom=True)
    bar = Line2D([], [], color="#56B4E9", linewidth=7, label="R², bar: 95 % interval")
    fig.legend(
        handles=[bar, _dot("D", "black", "R² for a network left out", False)],
        loc="outside lower center", ncols=2,
    )  # fmt: skip
    return fig


@styled
def overlaps(table: pd.DataFrame) -> Figure:
    """Overlap of what blocks read and write with the subspaces of a task, above what chance gives.

    Args:
        table: `task`, `removed`, `side`, `subspace`, `overlap`, `overlap_chance`.
    """
    table = table.assign(excess=table.overlap - table.overlap_chance)
    tasks = list(dict.fromkeys(table.task))
    sides, subspaces = ("input", "output"), ("activity", "readout", "drive")
    fig, axes = plt.subplots(3, 2, figsize=(6.4, 7), sharex=True, sharey=True, layout="constrained")
    for row, subspace in zip(axes, subspaces, strict=True):
        for ax, side in zip(row, sides, strict=True):
            part = table[(table.side == side) & (table.subspace == subspace)]
            for i, task in enumerate(tasks):
                for j, name in enumerate(COUPLINGS):
                    values = part.loc[(part.task == task) & (part.removed == name), "excess"]
                    _spread(ax, i + 0.25 * (j - 1), values, COLOURS[name], "osD"[j], True, "y")
            ax.axhline(0, color="#444444", linewidth=1)
            ax.set_title(f"{side}, {subspace}")
            ax.grid(axis="x", visible=False)
    for ax in axes[-1]:
        names = [NAMES[task].replace(" ", "\n") for task in tasks]
        ax.set_xticks(range(len(tasks)), names, fontsize=9, rotation=25)
    fig.supylabel("overlap minus chance", fontsize=11)
    handles = [_dot("osD"[j], COLOURS[n], f"T$_{{{n}}}$") for j, n in enumerate(COUPLINGS)]
    fig.legend(handles=handles, loc="outside lower center", ncols=3)
    return fig


@styled
def decoder_scores(table: pd.DataFrame) -> Figure:
    """Score of the fixed readout and of a refitted decoder after each ablation, a panel a task.

    Args:
        table: `task`, `removed` ("" to "RR+CR+CC"), `fixed`, `refitted`, `metric`.
    """
    fig, axes = _panels(table, (6.4, 6.8))
    for ax, (_, rows) in zip(axes, table.groupby("task", sort=False), strict=True):
        for i, name in enumerate(ORDER):
            part = rows[rows.removed == name]
            ax.plot([part.fixed.mean(), part.refitted.mean()], [i, i], color="#999999", linewidth=2)
            ax.scatter(part.fixed.mean(), i, s=40, color="#444444", zorder=3)
            ax.scatter(part.refitted.mean(), i, s=40, facecolors="white", zorder=3,
                       edgecolors=COLOURS["CR"], linewidths=1.8)  # fmt: skip
        ax.set_yticks(range(len(ORDER)), [without(name) for name in ORDER], fontsize=9)
        ax.set_ylim(len(ORDER) - 0.5, -0.5)
        ax.set_xlabel("replay accuracy" if rows.metric.iloc[0] == "replay_accuracy" else "FVU")
        ax.grid(axis="y", visible=False)
    for ax in axes[1::2]:
        ax.tick_params(labelleft=False)
    refitted = Line2D([], [], marker="o", ls="", markerfacecolor="white", label="refitted decoder",
                      markeredgecolor=COLOURS["CR"], markeredgewidth=1.8, markersize=7)  # fmt: skip
    fig.legend(
        handles=[_dot("o", "#444444", "readout of the network"), refitted],
        loc="outside lower center", ncols=2,
    )  # fmt: skip
    return fig


def _panels(table, size):
    tasks = list(dict.fromkeys(table.task))
    fig, axes = plt.subplots((len(tasks) + 1) // 2, 2, figsize=size, squeeze=False, layout="constrained")
    for ax, task in zip(axes.flat, tasks, strict=False):
        ax.set_title(NAMES[task])
    for ax in axes.flat[len(tasks) :]:
        ax.set_visible(False)
    return fig, axes.flat[: len(tasks)]


def _spread(ax, at, values: Sequence[float], colour, marker, filled=False, along="x"):
    """Median of the networks as a marker on a line from the lowest to the highest."""
    values = np.asarray(values, dtype=float)
    if not len(values):
        return
    face = colour if filled else "white"
    line, point = [values.min(), values.max()], np.median(values)
    if along == "x":
        ax.plot(line, [at, at], color=colour, linewidth=1.2, alpha=0.7)
        ax.scatter(point, at, s=38, marker=marker, facecolors=face, edgecolors=colour, zorder=3)
    else:
        ax.plot([at, at], line, color=colour, linewidth=1.2, alpha=0.7)
        ax.scatter(at, point, s=38, marker=marker, facecolors=face, edgecolors=colour, zorder=3)


def _symlog(ax, axis, linear=NARROWEST):
    """A logarithmic axis that has room for 0 and for small negative numbers, with few ticks."""
    getattr(ax, f"set_{axis}scale")("symlog", linthresh=linear, linscale=0.4)
    low, high = getattr(ax, f"get_{axis}lim")()
    powers = [10.0**k for k in range(round(np.log10(linear)), 6)]
    positive = [p for p in powers[1:] if p <= high] or [linear]
    negative = [-p for p in powers[1:] if -p >= low]
    step = 1 if len(positive) + len(negative) < 5 else 2
    shown = [*negative[::-1][::step], 0.0, *positive[::-1][::step]]
    getattr(ax, f"{axis}axis").set_major_locator(FixedLocator(sorted(shown)))
    getattr(ax, f"{axis}axis").set_minor_locator(NullLocator())


def _dot(marker, colour, name, filled=True):
    return Line2D([], [], marker=marker, ls="", color=colour, label=name,
                  fillstyle="full" if filled else "none")  # fmt: skip
