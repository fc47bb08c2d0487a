"""The figure of the chapter on clamped blocks."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from study import claims
from study.answers.clamped import TRAINED
from study.figures.style import COLOURS, NAMES, styled

GREY = "#888888"
KINDS = dict(
    zip(
        TRAINED,
        (
            ("dense", GREY),
            ("chain", GREY),
            ("Schur", GREY),
            ("no CR", COLOURS["CR"]),
            ("no CC", COLOURS["CC"]),
            ("none", "black"),
        ),
        strict=True,
    )
)


@styled
def errors(profiles: pd.DataFrame) -> Figure:
    """Error of every network by how it was trained, a panel a task, a point a network, bars at medians.

    Args:
        profiles: with `task`, `construction`, `held`, `removed`, `score` and `metric`.
    """
    own = profiles[profiles.removed == ""].assign(error=claims.error(profiles))
    tasks = list(own.task.unique())
    rows = -(-len(tasks) // 2)
    fig, axes = plt.subplots(
        rows, min(2, len(tasks)), figsize=(6.4, 2.6 * rows), squeeze=False, layout="constrained"
    )
    for ax, task in zip(axes.flat, tasks, strict=False):
        for x, (kind, (_, colour)) in enumerate(KINDS.items()):
            values = own.error[own[["task", "construction", "held"]].eq([task, *kind]).all(axis=1)]
            values = values.clip(lower=1e-5)
            ax.scatter(x + np.linspace(-0.2, 0.2, len(values)), values, s=14, color=colour, linewidths=0, zorder=3)
            if len(values):
                ax.hlines(values.median(), x - 0.32, x + 0.32, color=colour, linewidth=1.4)
        ax.set(yscale="log", title=NAMES[task], ylabel="1 − accuracy" if task == "copy" else "FVU")
        ax.set_xticks(range(len(KINDS)), [name for name, _ in KINDS.values()], rotation=40, fontsize=9)
        ax.grid(axis="x", visible=False)
    return fig
