"""The figures of the recipe's chapter, but for `style.studies`."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from schur_lib.schur import COUPLINGS
from study.figures.style import COLOURS, NAMES, PAPER, styled, without

GREY, BLUE = "#999999", "#0072B2"


@styled
def posterior(choices: pd.DataFrame, titles: dict[str, str]) -> Figure:
    """Shares of the drawn and of the accepted values of every choice, a panel a choice, a row of panels a task.

    Args:
        choices: `task`, `choice`, `value` (text), `drawn`, `accepted`, one row a value.
        titles: of the choices.
    """
    tasks = list(dict.fromkeys(choices.task))
    panels = {task: list(choices[choices.task == task].groupby("choice", sort=False)) for task in tasks}
    n_columns = 3
    rows = [
        (task, part[i : i + n_columns]) for task, part in panels.items() for i in range(0, len(part), n_columns)
    ]
    fig, axes = plt.subplots(
        len(rows), n_columns, figsize=(6.6, 1.5 * len(rows) + 0.6), squeeze=False, layout="constrained"
    )
    for row, (task, part) in zip(axes, rows, strict=True):
        for ax in row[len(part) :]:
            ax.set_visible(False)
        for ax, (choice, values) in zip(row, part, strict=False):
            x = np.arange(len(values))
            ax.bar(x - 0.2, values.drawn / values.drawn.sum(), 0.4, color=GREY)
            ax.bar(x + 0.2, values.accepted / max(values.accepted.sum(), 1), 0.4, color=BLUE)
            ax.set_xticks(x, [value.replace("–", "–\n") for value in values.value], fontsize=7.5)
            ax.set_ylim(0, 1)
            ax.set_title(titles[choice], fontsize=9)
            ax.grid(axis="x", visible=False)
        row[0].set_ylabel(NAMES[task].replace(" ", "\n"), fontsize=9.5)
    marks = [Line2D([], [], marker="s", linestyle="", color=c) for c in (GREY, BLUE)]
    fig.legend(marks, ["drawn", "accepted"], loc="outside lower center", ncols=2)
    return fig


@styled
def predictive(
    networks: pd.DataFrame, means: pd.DataFrame, today: pd.DataFrame, published: pd.DataFrame
) -> Figure:
    """ΔFVU of the single blocks as predicted, beside the paper's, a panel a task.

    Args:
        networks: of all draws, `task` and a column a block.
        means: over the new networks of an accepted draw, the same columns.
        today: `task`, `removed` and `delta` of the other chapters' networks.
        published: `task`, `removed`, `value` and `sem` of the paper's ΔFVU.
    """
    tasks = list(dict.fromkeys(published.task))
    fig, axes = plt.subplots(1, len(tasks), figsize=(6.6, 4.2), layout="constrained")
    for ax, task in zip(axes, tasks, strict=True):
        for x, block in enumerate(COUPLINGS):
            for table, shift, colour, size in ((networks, -0.22, GREY, 6), (means, 0.02, COLOURS[block], 22)):
                values = table.loc[table.task == task, block]
                spread = 0.16 * (np.arange(len(values)) % 7 / 6 - 0.5)
                ax.scatter(x + shift + spread, values, s=size, color=colour, alpha=0.6, linewidths=0)
            ours = today.loc[(today.task == task) & (today.removed == block), "delta"].mean()
            ax.scatter(x + 0.26, ours, marker="x", s=36, color="#000000")
            theirs = published[(published.task == task) & (published.removed == block)]
            ax.scatter(x + 0.26 + 0 * theirs.value, theirs.value, zorder=4, **PAPER)
            ax.errorbar(
                x + 0.26 + 0 * theirs.value, theirs.value, theirs["sem"].fillna(0), color="k", linestyle=""
            )
        ax.set_title(NAMES[task], fontsize=10)
        ax.set_yscale("symlog", linthresh=0.01)
        ax.set_xticks(range(len(COUPLINGS)), [without(block) for block in COUPLINGS])
        ax.grid(axis="x", visible=False)
    axes[0].set_ylabel("ΔFVU")
    dot = {"linestyle": "", "color": "#000000"}
    fig.legend(
        handles=[
            Line2D([], [], marker=".", linestyle="", color=GREY, label="one network of a draw"),
            Line2D([], [], marker="o", linestyle="", color=COLOURS["CR"], label="mean of three, accepted"),
            Line2D([], [], marker="x", **dot, label="other chapters"),
            Line2D([], [], marker="D", fillstyle="none", **dot, label="paper"),
        ],
        loc="outside lower center",
        ncols=2,
    )
    return fig
