"""The figure of the chapter that sets the paper beside our networks."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy import stats

from study.figures.style import COLOURS, NAMES, PAPER, styled, without

AGREES, DISAGREES = "#444444", COLOURS["CR"]
QUANTITIES = {"n_R": "n$_R$", "replay_accuracy": "accuracy", "fvu": "FVU", "delta_fvu": "ΔFVU",
              "normalized_sensitivity": "S$_{ΔT}$"}  # fmt: skip


@styled
def agreement(compared: pd.DataFrame, table: pd.DataFrame) -> Figure:
    """Each independent number of the paper against the prediction of our networks, and two of them as a pair.

    Left, a row a number: 0 is our mean, ±1 the ends of the 95 % prediction interval. Right, the accuracies
    without RR and without CR of each network, with the ellipse that holds 95 % of further networks.

    Args:
        compared: from `paper.beside_paper`.
        table: profiles of the dense orthogonal copy networks.
    """
    rows = compared[(compared.kind == "value") & (compared.n > 0)].reset_index(drop=True)
    fig, (left, right) = plt.subplots(1, 2, figsize=(6.4, 4.6), width_ratios=(1.15, 1), layout="constrained")
    half = (rows.high - rows.low) / 2
    at = (rows.paper - rows["mean"]) / half
    colours = np.where(rows.agrees == "no", DISAGREES, AGREES)
    left.axvspan(-1, 1, color="#eeeeee", zorder=0)
    left.axvline(0, color="#999999", linewidth=1)
    shown = at.clip(-3.4, 3.4)
    left.scatter(shown, rows.index, zorder=3, **{**PAPER, "edgecolors": colours})
    for y in rows.index[at.abs() > 3.4]:
        left.annotate(f"{at[y]:+.0f}".replace("-", "−"), (shown[y], y), (0, 7), textcoords="offset points",
                      ha="center", fontsize=9, color=colours[y])  # fmt: skip
    left.set_yticks(rows.index, [_name(row) for row in rows.itertuples()], fontsize=9)
    left.set(xlim=(-3.8, 3.8), xticks=(-3, -1, 0, 1, 3), title="each number alone")
    left.set_xlabel("paper − our mean,\nin half prediction intervals")
    left.invert_yaxis()
    left.grid(axis="y", visible=False)

    pairs = table.pivot_table(index="seed", columns="removed", values="score")[["RR", "CR"]].to_numpy()
    right.scatter(*pairs.T, s=24, color=COLOURS["CC"], linewidths=0, zorder=3)
    if len(pairs) > 3:
        right.plot(*_ellipse(pairs), color=COLOURS["CC"], linewidth=1)
    theirs = compared[compared.id.isin(["f1_orth_RR", "f1_orth_CR"])].set_index("removed").paper
    right.scatter(theirs["RR"], theirs["CR"], zorder=4, **{**PAPER, "edgecolors": DISAGREES})
    right.set(xlabel=f"accuracy, {without('RR')}", ylabel=f"accuracy, {without('CR')}", title="two as a pair")
    fig.legend(
        handles=[
            Line2D([], [], marker="D", linestyle="", color=AGREES, fillstyle="none", label="paper, agrees"),
            Line2D([], [], marker="D", linestyle="", color=DISAGREES, fillstyle="none", label="paper, disagrees"),
            Line2D([], [], marker="o", linestyle="", color=COLOURS["CC"], label="one network here"),
        ],
        loc="outside lower center", ncols=3, columnspacing=1, handletextpad=0.3,
    )  # fmt: skip
    return fig


def _ellipse(pairs):
    """What holds a further pair with 95 %, as (2, points)."""
    n, k = pairs.shape
    scale = np.sqrt(stats.f.ppf(0.95, k, n - k) * k * (n - 1) / (n - k) * (1 + 1 / n))
    angle = np.linspace(0, 2 * np.pi, 181)
    circle = np.array([np.cos(angle), np.sin(angle)])
    return pairs.mean(0)[:, None] + scale * np.linalg.cholesky(np.cov(pairs.T)) @ circle


def _name(row):
    task = NAMES["cayley"] if row.construction == "cayley" else NAMES[row.task].replace("generation", "").strip()
    what = f"{QUANTITIES[row.quantity]} {without(row.removed) if row.removed else ''}"
    return f"{task.removeprefix('context ')}, {what}".strip()
