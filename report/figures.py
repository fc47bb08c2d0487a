"""The figures of the report on one network."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from schur_lib.metrics import METRICS
from schur_lib.schur import COUPLINGS, OrderedSchur
from study.figures.style import COLOURS, ORDER, SECTORS, styled, without

ALLOWED = "#444444"
HARM = {
    "fvu": "ΔFVU",
    "accuracy": "accuracy lost",
    "replay_accuracy": "accuracy lost",
    "cross_entropy": "Δ cross-entropy, nats",
}
NULL_COLOURS = {"isotropic": "#999999", "same_entries": "#CC79A7"}


@styled
def spectrum(form: OrderedSchur, alpha: float) -> Figure:
    """Eigenvalues in the complex plane and their moduli in order, coloured by sector, with the cut.

    Args:
        form: ordered real Schur form.
        alpha: splits the sectors.
    """
    n, moduli = form.n_leading(alpha), np.abs(form.eigenvalues)
    rho = moduli.max() or 1.0
    fig, (plane, line) = plt.subplots(1, 2, figsize=(6.2, 3.7), layout="constrained")
    angle = np.linspace(0, 2 * np.pi, 361)
    for radius, dashes in ((1, "-"), (alpha * rho, "--")):
        plane.plot(radius * np.cos(angle), radius * np.sin(angle), dashes, color="#777777", lw=1)
    order = np.arange(1, len(moduli) + 1)
    for part, name, marker in ((slice(0, n), "R", "o"), (slice(n, None), "C", "^")):
        style = {"s": 22, "color": SECTORS[name], "marker": marker, "lw": 0, "alpha": 0.85}
        values = form.eigenvalues[part]
        plane.scatter(values.real, values.imag, **style)
        line.scatter(order[part], moduli[part] / rho, **style)
    line.axhline(alpha, color="#777777", lw=1, ls="--")
    plane.set(xlabel="Re λ", ylabel="Im λ", aspect="equal")
    line.set(xlabel="i, in order of modulus", ylabel="|λ$_i$| / ρ", ylim=(0, 1.05))
    fig.legend(
        handles=[
            Line2D([], [], marker="o", ls="", color=SECTORS["R"], label="leading sector R"),
            Line2D([], [], marker="^", ls="", color=SECTORS["C"], label="complement C"),
            Line2D([], [], color="#777777", lw=1, label="|λ| = 1"),
            Line2D([], [], color="#777777", lw=1, ls="--", label="|λ| = αρ"),
        ],
        loc="outside lower center",
        ncols=2,
    )
    return fig


@styled
def profile(table: pd.DataFrame, allowed: float) -> Figure:
    """Harm of the seven removed sets with intervals over trials, beside the norm-matched nulls.

    Args:
        table: from `with_nulls`.
        allowed: harm within the tolerance, drawn as a line.
    """
    rows = table[table.removed != ""].set_index("removed").reindex(ORDER[1:])
    metric = METRICS[table.metric[0]]
    sign = -1 if metric.higher_is_better else 1
    fig, ax = plt.subplots(figsize=(6.2, 4.6), layout="constrained")
    for i, (removed, row) in enumerate(rows.iterrows()):
        for shift, (kind, colour) in zip((0.16, 0.32), NULL_COLOURS.items(), strict=True):
            low, high = row[f"{kind}_low"], row[f"{kind}_high"]
            if np.isfinite([low, high]).all():
                ax.plot([low, high], [i + shift] * 2, color=colour, lw=4, solid_capstyle="butt")
                ax.plot(row[f"{kind}_median"], i + shift, "|", color="black", ms=8)
        colour = COLOURS.get(removed, "#444444")
        harm, ends = sign * row.delta, sorted((sign * row.low, sign * row.high))
        if np.isfinite(harm):
            ax.plot(ends, [i - 0.08] * 2, color=colour, lw=1.5)
            ax.plot(harm, i - 0.08, "o", color=colour, ms=7)
    ax.axvline(0, color="#444444", lw=1)
    ax.axvline(allowed, color=ALLOWED, lw=1, ls=":")
    _scale(
        ax.set_xscale,
        np.concatenate([sign * rows.delta, *(rows[f"{k}_high"] for k in NULL_COLOURS)]),
    )
    ax.set_yticks(range(len(rows)), [without(r) for r in rows.index])
    ax.set(xlabel=f"harm ({HARM[metric.name]})")
    ax.grid(axis="y", visible=False)
    ax.invert_yaxis()
    fig.legend(
        handles=[
            Line2D([], [], marker="o", color="#444444", ms=7, lw=1.5, label="removed"),
            Line2D([], [], color=NULL_COLOURS["isotropic"], lw=4, label="null: isotropic"),
            Line2D([], [], color=NULL_COLOURS["same_entries"], lw=4, label="null: same entries"),
            Line2D([], [], color=ALLOWED, lw=1, ls=":", label="allowed harm"),
        ],
        loc="outside lower center",
        ncols=2,
    )
    return fig


@styled
def doses(table: pd.DataFrame, metric: str, allowed: float) -> Figure:
    """Harm against the dose of each block.

    Args:
        table: from `dose_response`, of the blocks to show.
        metric: its unit.
        allowed: harm within the tolerance, drawn as a line.
    """
    fig, ax = plt.subplots(figsize=(5.6, 3.6), layout="constrained")
    for name, marker in zip(COUPLINGS, "osv", strict=True):
        part = table[(table.removed == name) & np.isfinite(table.harm)]
        if len(part):
            ax.plot(part.dose, part.harm, marker=marker, ms=4, color=COLOURS[name], label=name)
    ax.axhline(allowed, color=ALLOWED, lw=1, ls=":", label="allowed")
    ax.axvline(1, color="#bbbbbb", lw=1)
    threshold = _scale(ax.set_yscale, table.harm)
    if threshold and table.harm.min() > -threshold:
        ax.set_ylim(bottom=-threshold)
    ax.set(xlabel="dose s (1: removed, 2: sign turned)", ylabel=f"harm ({HARM[metric]})")
    fig.legend(loc="outside lower center", ncols=4)
    return fig


@styled
def halves(table: pd.DataFrame, metric: str) -> Figure:
    """Harm of each block removed whole, on the activity alone, and off it alone.

    Args:
        table: from `halves` at one share, of the blocks to show.
        metric: its unit.
    """
    fig, ax = plt.subplots(figsize=(5.6, 3.6), layout="constrained")
    looks = {"whole": ("", 1.0), "on": ("//", 0.6), "off": ("..", 0.25)}
    finite = table.harm[np.isfinite(table.harm)]
    top = finite.max() if len(finite) else 1.0
    for i, name in enumerate(COUPLINGS):
        for j, (part, (hatch, alpha)) in enumerate(looks.items()):
            harm = table[(table.removed == name) & (table.part == part)].harm
            if len(harm):
                height = min(float(harm.iloc[0]), top)
                ax.bar(i + 0.27 * (j - 1), height, 0.25, color=COLOURS[name], alpha=alpha,
                       hatch=hatch, edgecolor="black", linewidth=0.8)  # fmt: skip
    ax.axhline(0, color="#444444", lw=1)
    _scale(ax.set_yscale, table.harm)
    ax.set_xticks(range(len(COUPLINGS)), COUPLINGS)
    ax.set(xlabel="removed block", ylabel=f"harm ({HARM[metric]})")
    ax.grid(axis="x", visible=False)
    fig.legend(
        handles=[
            plt.Rectangle((0, 0), 1, 1, facecolor="#666666", alpha=alpha, hatch=hatch,
                          edgecolor="black", label=label)
            for (hatch, alpha), label in zip(
                looks.values(), ("whole", "on the activity", "off the activity"), strict=True
            )
        ],
        loc="outside lower center",
        ncols=3,
    )  # fmt: skip
    return fig


@styled
def growth(curve: np.ndarray, henrici: float) -> Figure:
    """Norm of the powers of W without the growth of its spectral radius.

    Args:
        curve: ‖Wᵏ‖/ρᵏ for k = 0, 1, …
        henrici: departure from normality, for the title.
    """
    fig, ax = plt.subplots(figsize=(5.6, 3.2), layout="constrained")
    ax.plot(curve, color="black")
    ax.axhline(1, color="#777777", lw=1, ls="--")
    ax.set(xlabel="power k", ylabel="‖W$^k$‖ / ρ$^k$", ylim=(0, None))
    if len(curve) and curve.max() > 20:
        ax.set(yscale="log", ylim=(None, None))
    ax.set_title(f"departure from normality {henrici:.3f}; dashed: a normal matrix", fontsize=10)
    return fig


@styled
def comparison(table: pd.DataFrame, over: pd.DataFrame, sign: int) -> Figure:
    """Harm of the seven removed sets: a point a network, and the mean with its interval over networks.

    Args:
        table: profiles of several networks, with `network` and `harm`.
        over: from `over_networks`, of these.
        sign: of harm against change of the score.
    """
    fig, ax = plt.subplots(figsize=(6.2, 4.6), layout="constrained")
    means = over.set_index("removed")
    for i, removed in enumerate(ORDER[1:]):
        harms = table[table.removed == removed].harm.to_numpy()
        shown = np.isfinite(harms)
        offsets = np.linspace(-0.22, 0.22, len(harms))
        colour, one = COLOURS.get(removed, "#444444"), means.loc[removed]
        ax.scatter(harms[shown], i + offsets[shown], s=20, color=colour, alpha=0.5, linewidths=0)
        if np.isfinite([one.low, one.high]).all():
            ax.plot([sign * one.low, sign * one.high], [i, i], color=colour, lw=2.5)
        if np.isfinite(one.delta):
            ax.plot(sign * one.delta, i, "D", color=colour, ms=8, markeredgecolor="black")
    ax.axvline(0, color="#444444", lw=1)
    _scale(ax.set_xscale, table.harm[table.removed != ""])
    ax.set_yticks(range(len(ORDER) - 1), [without(removed) for removed in ORDER[1:]])
    ax.set(xlabel=f"harm ({HARM[table.metric.iloc[0]]})")
    ax.grid(axis="y", visible=False)
    ax.invert_yaxis()
    fig.legend(
        handles=[
            Line2D([], [], marker="o", ls="", color="#444444", alpha=0.5, ms=5, label="one network"),
            Line2D([], [], marker="D", color="#444444", markeredgecolor="black", ms=8, lw=2.5,
                   label="mean, 95 % over networks"),
        ],
        loc="outside lower center",
        ncols=2,
    )  # fmt: skip
    return fig


def _scale(set_scale, values):
    """A scale that shows small and large harms, where they differ much; its linear part, or None."""
    sizes = np.abs(np.asarray(values, dtype=float))
    sizes = sizes[np.isfinite(sizes) & (sizes > 0)]
    if len(sizes) and sizes.max() > 30 * np.median(sizes):
        threshold = float(np.median(sizes))
        set_scale("symlog", linthresh=threshold)
        return threshold
    return None


@styled
def gates(table: pd.DataFrame) -> Figure:
    """Change of the score without each single block of each gate's matrix.

    Args:
        table: from `profile_of`, with a column `gate`; `low` and `high` are drawn as lines.
    """
    names = list(dict.fromkeys(table.gate))
    fig, ax = plt.subplots(figsize=(5.8, 3.6), layout="constrained")
    for j, removed in enumerate(COUPLINGS):
        part = table[table.removed == removed].set_index("gate").reindex(names)
        x = np.arange(len(names)) + 0.27 * (j - 1)
        ax.bar(x, part.delta, 0.25, color=COLOURS[removed], alpha=0.75, label=without(removed))
        ax.vlines(x, part.low, part.high, color="black", lw=1.5)
    ax.axhline(0, color="#444444", lw=1)
    ax.set_xticks(range(len(names)), names)
    ax.set(xlabel="gate", ylabel=f"change ({HARM[table.metric.iloc[0]]})")
    ax.grid(axis="x", visible=False)
    fig.legend(loc="outside lower center", ncols=3)
    return fig
