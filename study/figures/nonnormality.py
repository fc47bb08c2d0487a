"""Figures of the chapter on nonnormality: from the tables of `nonnormality` to a matplotlib Figure."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from schur_lib.schur import COUPLINGS, OrderedSchur
from study.figures.style import COLOURS, NAMES, styled

MARKERS = {"RR": "o", "CR": "s", "CC": "^", "RR+CR+CC": "D"}
CURVES = {  # colour, dashes, label
    "W": ("#000000", "-", "‖Wᵏ‖ / ρᵏ"),
    "jacobian": ("#CC79A7", "--", "‖Jᵏ‖ / ρᵏ, J at one state"),
    "trial": ("#E69F00", "-.", "‖J$_k$ … J$_1$‖ along a trial"),
}
LEVELS = (0.01, 0.03, 0.1, 0.3)


@styled
def powers(table: pd.DataFrame) -> Figure:
    """Transient growth against the number of steps: median over networks, shaded min to max.

    Args:
        table: from `nonnormality.measure_powers`, of several networks.
    """
    tasks = list(dict.fromkeys(table.task))
    fig, axes = _grid(len(tasks), sharex=True)
    for ax, task in zip(axes, tasks, strict=False):
        part = table[table.task == task]
        for name, (colour, dashes, title) in CURVES.items():
            curve = part.groupby("k")[name].agg(["median", "min", "max"]).dropna()
            ax.fill_between(curve.index, curve["min"], curve["max"], color=colour, alpha=0.15, lw=0)
            ax.plot(curve["median"], color=colour, linestyle=dashes, label=title)
        ax.set_yscale("log")
        ax.set_title(NAMES[task])
    for ax in axes[-2:]:
        ax.set_xlabel("k (steps)")
    for ax in axes[::2]:
        ax.set_ylabel("2-norm")
    handles, names = axes[0].get_legend_handles_labels()
    fig.legend(handles, names, loc="outside lower center", ncols=2)
    return fig


@styled
def pseudospectra(table: pd.DataFrame, forms: dict[str, OrderedSchur]) -> Figure:
    """ε-pseudospectra of W/ρ and of a Jacobian on the task, a row a task.

    Args:
        table: from `nonnormality.measure_pseudospectra`, one network a task.
        forms: the Schur form of W by task; its eigenvalues are drawn.
    """
    tasks = list(dict.fromkeys(table.task))
    fig, axes = plt.subplots(
        len(tasks), 2, figsize=(6.2, 2.5 * len(tasks) + 0.8), sharex=True, sharey=True,
        squeeze=False, layout="constrained",
    )  # fmt: skip
    angle = np.linspace(0, 2 * np.pi, 361)
    for row, task in zip(axes, tasks, strict=True):
        for ax, operator in zip(row, ("W", "jacobian"), strict=True):
            part = table[(table.task == task) & (table.operator == operator)]
            half = part.pivot(index="y", columns="x", values="smallest")
            y = np.concatenate([-half.index[:0:-1], half.index])
            values = np.vstack([half.to_numpy()[:0:-1], half.to_numpy()])
            drawn = ax.contourf(half.columns, y, values, levels=(1e-9, *LEVELS), cmap="cividis", alpha=0.85)
            ax.contour(half.columns, y, values, levels=LEVELS, colors="black", linewidths=0.7)
            ax.plot(np.cos(angle), np.sin(angle), color="black", linewidth=1, linestyle=":")
            ax.set(aspect="equal")
            ax.grid(False)
        z = forms[task].eigenvalues / np.abs(forms[task].eigenvalues).max()
        row[0].scatter(z.real, z.imag, s=7, color="white", edgecolors="black", linewidths=0.5)
        row[0].set_ylabel(f"{NAMES[task]}\nIm z")
    axes[0, 0].set_title("W / ρ")
    axes[0, 1].set_title("Jacobian / ρ, in mid-trial")
    for ax in axes[-1]:
        ax.set_xlabel("Re z")
    fig.colorbar(drawn, ax=axes, location="bottom", shrink=0.6, label="σ$_{min}$(zI − A) up to ε")
    return fig


@styled
def sensitivity(table: pd.DataFrame) -> Figure:
    """Predicted against exact change of the FVU: stable couplings and whole blocks, first and second order.

    Args:
        table: from `nonnormality.measure_sensitivity`, of several networks.
    """
    fig, axes = plt.subplots(2, 2, figsize=(6.2, 6.4), sharex="row", sharey="row", layout="constrained")
    for row, unit, small in zip(axes, ("coupling", "block"), (1e-5, 1e-3), strict=True):
        part = table[table.unit == unit]
        largest = max(part[["first", "second", "exact"]].abs().max().max(), 10 * small)
        for ax, column in zip(row, ("first", "second"), strict=True):
            ends = [-10 * small, *np.geomspace(small / 10, 2 * largest, 200)]
            ax.plot(ends, ends, color="#777777", linewidth=1)
            for name in (*COUPLINGS, "RR+CR+CC"):
                points = part[part.removed == name]
                ax.scatter(
                    points.exact, points[column], s=14, marker=MARKERS[name], linewidths=0,
                    color=COLOURS.get(name, "#000000"), alpha=0.6,
                )  # fmt: skip
            for scale, limits in ((ax.set_xscale, ax.set_xlim), (ax.set_yscale, ax.set_ylim)):
                scale("symlog", linthresh=small)
                limits(-2 * largest if scale == ax.set_yscale else -small * 10, 2 * largest)
            ticks = [0, small, *[10.0**e for e in range(-3, 4, 2) if small < 10.0**e < largest]]
            ax.set_xticks(ticks)
            ax.minorticks_off()
            ax.set_xlabel("exact ΔFVU")
        row[0].set_ylabel(f"{'single couplings' if unit == 'coupling' else 'blocks'}\npredicted")
    axes[0, 0].set_title("first order")
    axes[0, 1].set_title("second order")
    handles = [
        Line2D(
            [],
            [],
            color=COLOURS.get(n, "#000000"),
            marker=m,
            linestyle="",
            label=n if n in COLOURS else "all three",
        )  # fmt: skip
        for n, m in MARKERS.items()
    ]
    fig.legend(handles=handles, loc="outside lower center", ncols=4)
    return fig


def _grid(n, **options):
    rows = (n + 1) // 2
    fig, axes = plt.subplots(
        rows, 2, figsize=(6.2, 2.6 * rows + 0.9), squeeze=False, layout="constrained", **options
    )
    for ax in axes.flat[n:]:
        ax.set_visible(False)
    return fig, axes.flat
