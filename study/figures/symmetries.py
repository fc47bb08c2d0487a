"""The figures of the chapter on the number of symmetries."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from schur_lib.schur import COUPLINGS
from study.figures.style import COLOURS, NAMES, styled
from study.probes.symmetries import AMOUNT, FREE
from study.statistics import NETWORK

LOWEST = 1e-5  # costs below are drawn there


@styled
def cost_spectrum(found: pd.DataFrame) -> Figure:
    """Cost against the number of the direction, a panel a task, a line a network; the blocks at the edge.

    Args:
        found: from `symmetries`; a block's cost is scaled to the amount at which directions are compared.
    """
    tasks = list(dict.fromkeys(found.task))
    fig, axes = plt.subplots(-(-len(tasks) // 2), 2, figsize=(6.6, 5.4), sharey=True, squeeze=False,
                             layout="constrained")  # fmt: skip
    for ax in axes.flat[len(tasks) :]:
        ax.set_visible(False)
    for ax, task in zip(axes.flat, tasks, strict=False):
        part = found[found.task == task]
        size = part.hidden_size.iloc[0]
        for _, net in part[part.what == "spectrum"].groupby(NETWORK):
            ax.plot(net.number, net.cost, color="#555555", linewidth=1.2)
        for name in COUPLINGS:
            block = part[(part.what == name) & (part.mass > 0)]
            costs = (block.cost * (AMOUNT / block.mass) ** 2).clip(lower=LOWEST)
            ax.scatter([size**2] * len(costs), costs, color=COLOURS[name], s=22, marker="<", zorder=3)
        ax.axhline(FREE, color="#777777", linewidth=1, linestyle=":")
        ax.set(xscale="log", yscale="log", xlim=(0.8, 1.4 * size**2), title=NAMES[task])
    for ax in axes[:, 0]:
        ax.set_ylabel("ΔFVU at 10 % of ‖W‖")
    for ax in axes[-1]:
        ax.set_xlabel("number of the direction")
    handles = [
        Line2D([], [], marker="<", color=COLOURS[b], linestyle="", label=f"along T$_{{{b}}}$") for b in COUPLINGS
    ]
    handles.append(Line2D([], [], color="#777777", linestyle=":", label="free below"))
    fig.legend(handles=handles, loc="outside lower center", ncols=4)
    return fig


@styled
def paths(equal: pd.DataFrame) -> Figure:
    """Harm of each block against what is left of ‖W‖² on the way to the smallest network, a panel a task.

    Args:
        equal: from `equals`.
    """
    equal = equal[equal.way == "task"]
    tasks = list(dict.fromkeys(equal.task))
    fig, axes = plt.subplots(-(-len(tasks) // 2), 2, figsize=(6.6, 5.2), squeeze=False, layout="constrained")
    for ax in axes.flat[len(tasks) :]:
        ax.set_visible(False)
    for ax, task in zip(axes.flat, tasks, strict=False):
        for i, (_, net) in enumerate(equal[equal.task == task].groupby(NETWORK)):
            for name in COUPLINGS:
                ax.plot(net.kept, net[f"harm_{name}"], color=COLOURS[name], linestyle=("-", "--", ":")[i % 3])
                ax.scatter(net.kept.iloc[-1:], net[f"harm_{name}"].iloc[-1:], color=COLOURS[name], s=20, zorder=3)
        ax.invert_xaxis()
        if task != "copy":
            ax.set_yscale("symlog", linthresh=0.01)
        ax.set(title=NAMES[task], ylabel="accuracy lost" if task == "copy" else "ΔFVU")
    for ax in axes[-1]:
        ax.set_xlabel("‖W‖² kept")
    handles = [Line2D([], [], color=COLOURS[b], label=f"without T$_{{{b}}}$") for b in COUPLINGS]
    fig.legend(handles=handles, loc="outside lower center", ncols=3)
    return fig


def handle(equal: pd.DataFrame) -> list[dict]:
    """The ways as data for a handle in the page: a network each, with its steps as columns.

    Args:
        equal: from `equals`.

    Returns:
        `task`, `seed`, and lists, one number a step: `kept`, `fvu`, `score`, and `mass` and `harm` by block.
    """
    found = []
    for key, part in equal[equal.way == "task"].groupby(NETWORK, sort=False):
        row = {"task": key[0], "seed": int(key[-1])}
        row |= {column: part[column].round(5).tolist() for column in ("kept", "fvu", "score")}
        for what in ("mass", "harm"):
            row[what] = {name: part[f"{what}_{name}"].round(4).tolist() for name in COUPLINGS}
        found.append(row)
    return found
