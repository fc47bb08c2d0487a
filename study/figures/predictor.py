"""The figure of the predictor's chapter."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from schur_lib.schur import COUPLINGS
from study.figures.controls import TASK_MARKERS
from study.figures.style import COLOURS, NAMES, styled

LOWEST = 1e-5  # effects below are drawn there


@styled
def predicted_and_measured(blocks: pd.DataFrame, limit: float) -> Figure:
    """ΔFVU against activity-weighted mass, and against its two-sided prediction, a point a network and block.

    Args:
        blocks: `task`, `removed`, `active_mass`, `two_sided`, `delta`.
        limit: ΔFVU up to which a block does little.
    """
    fig, axes = plt.subplots(1, 2, figsize=(6.6, 4.4), sharey=True, layout="constrained")
    labels = {"active_mass": "activity-weighted mass", "two_sided": "ΔFVU predicted"}
    for ax, (column, title) in zip(axes, labels.items(), strict=True):
        for (task, removed), part in blocks.groupby(["task", "removed"], sort=False):
            ax.scatter(
                part[column].clip(lower=LOWEST),
                part.delta.clip(lower=LOWEST),
                marker=TASK_MARKERS[task],
                s=26,
                facecolors="none",
                edgecolors=COLOURS[removed],
                linewidths=1.2,
            )
        ax.axhline(limit, color="#777777", linewidth=1, linestyle=":")
        ax.set(xscale="log", yscale="log", xlabel=title)
    axes[0].set_ylabel("ΔFVU measured")
    ends = np.array([LOWEST, max(blocks.delta.max(), blocks.two_sided.max(), 10 * LOWEST)])
    axes[1].plot(ends, ends, color="#777777", linewidth=1)
    axes[1].axvline(limit, color="#777777", linewidth=1, linestyle=":")
    markers = [
        Line2D([], [], marker=m, color="#333333", markerfacecolor="none", linestyle="", label=NAMES[t])
        for t, m in TASK_MARKERS.items()
    ]
    colours = [Line2D([], [], marker="o", color=COLOURS[b], linestyle="", label=f"T$_{{{b}}}$") for b in COUPLINGS]
    fig.legend(handles=[*markers, *colours], loc="outside lower center", ncols=4)
    return fig
