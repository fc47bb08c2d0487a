"""One function a figure: from tidy tables, networks or Schur forms to a matplotlib Figure.

The colours are those of Okabe and Ito, which people with the common kinds of colour blindness can
tell apart; each coupling block has one colour everywhere. Figures are narrow with large type, so that
they can be read on a phone, and white, so that they look the same in light and dark pages.
"""

import base64
import io
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.colors import LinearSegmentedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.ticker import NullLocator

from schur_lib.schur import COUPLINGS, SUBSETS, OrderedSchur, label

COLOURS = {"RR": "#009E73", "CR": "#D55E00", "CC": "#0072B2"}
SECTORS = {"R": COLOURS["RR"], "C": COLOURS["CC"]}
NAMES = {
    "dense_default": "dense default",
    "dense_orthogonal": "dense orthogonal",
    "dense_normal": "dense normal",
    "cayley": "Cayley",
    "copy": "copy",
    "flip_flop": "flip-flop",
    "sine_generation": "sine generation",
    "context_integration": "context integration",
}
LINES = {  # colour, dashes
    "dense_default": ("#000000", ":"),
    "dense_orthogonal": ("#D55E00", "-"),
    "dense_normal": ("#0072B2", "--"),
    "cayley": ("#CC79A7", "-."),
}
ORDER = [label(s) for s in SUBSETS]
SET_COLOURS = {"": "#777777", **COLOURS, ORDER[-1]: "#000000"}
STUDIES = {  # what the recipe chapter varies, as its figures and tables write it
    "horizon": "training horizon (lags)",
    "steps": "training steps",
    "readout_scale": "scale of the first readout",
    "pulse_probability": "pulse probability",
    "first_pulse": "pulse at the first step",
    "highest": "highest frequency (Hz)",
    "noise": "noise",
    "bias": "drift",
}
PAPER = {"marker": "D", "facecolors": "none", "edgecolors": "#000000", "linewidths": 1.4, "s": 60}
STYLE = {
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "figure.dpi": 144,
    "figure.constrained_layout.h_pad": 0.09,  # a label stands clear of the title below it
    "font.size": 11,
    "axes.labelsize": 11,
    "axes.titlesize": 11,
    "legend.fontsize": 10,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "lines.linewidth": 1.8,
}
styled = plt.rc_context(STYLE)


def without(removed: str) -> str:
    """A removed set as the tables and figures write it: "intact", "−RR −CC", "−all three"."""
    if removed == ORDER[-1]:
        return "−all\N{NO-BREAK SPACE}three"
    return "\N{NO-BREAK SPACE}".join(f"−{name}" for name in removed.split("+")) if removed else "intact"


def quote(fig: Figure, name: str, alt: str) -> None:
    """Keep a figure, with alternative text, for `{glue}` of another page; nothing is shown here."""
    from IPython.display import HTML
    from myst_nb import glue

    file = io.BytesIO()
    fig.savefig(file, format="png", dpi=fig.dpi, bbox_inches="tight", metadata={"Software": None})
    data = base64.b64encode(file.getvalue()).decode()
    glue(name, HTML(f'<img alt="{alt}" src="data:image/png;base64,{data}">'), display=False)


@styled
def figure_1(table: pd.DataFrame, published: pd.DataFrame) -> Figure:
    """Replay accuracy of the eight ablations, a panel a construction (the paper's Figure 1).

    Args:
        table: one row a network and removed set: `construction`, `removed`, `score`.
        published: `construction`, `removed`, `paper`.
    """
    panels = list(dict.fromkeys(table.construction))
    fig, axes = plt.subplots(1, len(panels), figsize=(6.2, 4.6), sharey=True, layout="constrained")
    for ax, construction in zip(np.atleast_1d(axes), panels, strict=True):
        ours = table[table.construction == construction]
        theirs = published[published.construction == construction]
        means = ours.groupby("removed").score.mean().reindex(ORDER)
        for i in range(0, len(ORDER), 2):
            ax.plot(means.iloc[i : i + 2], [i, i + 1], color="#999999", linewidth=3, zorder=1)
        for i, removed in enumerate(ORDER):
            colour = COLOURS["CC"] if "CC" in removed else "#444444"
            scores = ours.loc[ours.removed == removed, "score"]
            offsets = np.linspace(-0.18, 0.18, len(scores)) if len(scores) > 1 else 0
            ax.scatter(scores, i + offsets, s=14, color=colour, alpha=0.5, linewidths=0, zorder=2)
            ax.scatter(means[removed], i, s=60, color=colour, zorder=3)
        ax.scatter(theirs.paper, theirs.removed.map(ORDER.index), zorder=4, **PAPER)
        ax.set_title(NAMES[construction])
        ax.set_xlabel("replay accuracy")
        ax.set_xlim(min(0.48, table.score.min() - 0.02), 1.04)
        ax.set_yticks(range(len(ORDER)), [without(r) for r in ORDER])
        ax.grid(axis="y", visible=False)
    ax.invert_yaxis()
    dot = {"marker": "o", "linestyle": "", "color": "#444444"}
    fig.legend(
        handles=[
            Line2D([], [], **dot, markersize=8, label="mean"),
            Line2D([], [], **{**dot, "color": COLOURS["CC"]}, markersize=8, label="mean, CC ablated"),
            Line2D([], [], **dot, markersize=4, alpha=0.5, label="one network"),
            Line2D([], [], color="#999999", linewidth=3, label="differ by CC only"),
            Line2D([], [], marker="D", linestyle="", color="k", fillstyle="none", label="paper"),
        ],
        loc="outside lower center",
        ncols=3,
        columnspacing=1.2,
        handletextpad=0.4,
    )
    return fig


@styled
def replay_per_lag(table: pd.DataFrame) -> Figure:
    """Replay accuracy against lag, a panel a size, a line a construction, shaded min to max.

    Args:
        table: `construction`, `hidden_size`, `seed`, `lag` (1, 2, …), `accuracy`.
    """
    fig, axes = _panels_by_size(table)
    for ax, (_, rows) in zip(axes, table.groupby("hidden_size"), strict=True):
        for construction, part in rows.groupby("construction", sort=False):
            colour, dashes = LINES[construction]
            curve = part.groupby("lag").accuracy.agg(["mean", "min", "max"])
            ax.fill_between(curve.index, curve["min"], curve["max"], color=colour, alpha=0.15, lw=0)
            ax.plot(curve["mean"], color=colour, linestyle=dashes, label=NAMES[construction])
        ax.set_ylabel("accuracy")
    axes[-1].set_xlabel("lag (steps after the input)")
    _legend_below(fig, axes[0], 2)
    return fig


@styled
def learning_curves(networks: Sequence) -> Figure:
    """Training loss against step, a panel a size, a line a network, coloured by construction.

    Args:
        networks: `Network`s whose metadata hold "spec" and "history".
    """
    table = pd.concat(
        pd.DataFrame(net.metadata["history"]["rows"], columns=net.metadata["history"]["columns"]).assign(
            **{k: net.metadata["spec"][k] for k in ("construction", "hidden_size", "seed")}
        )
        for net in networks
    )
    fig, axes = _panels_by_size(table)
    for ax, (_, rows) in zip(axes, table.groupby("hidden_size"), strict=True):
        for (construction, seed), part in rows.groupby(["construction", "seed"], sort=False):
            colour, dashes = LINES[construction]
            name = NAMES[construction] if seed == rows.seed.min() else None
            ax.plot(
                part.step / 1000,
                part.loss,
                color=colour,
                linestyle=dashes,
                linewidth=1.2,
                label=name,
            )
        ax.set(ylabel="loss (MSE)", yscale="log")
    axes[-1].set_xlabel("training step (thousands)")
    _legend_below(fig, axes[0], 2)
    return fig


@styled
def spectra(forms: dict[str, OrderedSchur], alpha: float = 0.9) -> Figure:
    """Eigenvalues in the complex plane, coloured by sector, with the unit circle and |λ| = αρ.

    Args:
        forms: a panel a form, by title.
        alpha: splits the sectors.
    """
    n_rows = (len(forms) + 1) // 2
    fig, axes = plt.subplots(
        n_rows, 2, figsize=(6, 3 * n_rows + 0.5), sharex=True, sharey=True, squeeze=False,
        layout="constrained",
    )  # fmt: skip
    angle = np.linspace(0, 2 * np.pi, 361)
    for ax, (title, form) in zip(axes.flat, forms.items(), strict=False):
        n = form.n_leading(alpha)
        rho = np.abs(form.eigenvalues).max()
        for radius, dashes in ((1, "-"), (alpha * rho, "--")):
            ax.plot(radius * np.cos(angle), radius * np.sin(angle), dashes, color="#777777", lw=1)
        for part, colour, marker in (
            (form.eigenvalues[:n], SECTORS["R"], "o"),
            (form.eigenvalues[n:], SECTORS["C"], "^"),
        ):
            ax.scatter(part.real, part.imag, s=22, color=colour, marker=marker, alpha=0.85, lw=0)
        ax.set(title=title, aspect="equal")
        ax.set_xticks([-1, 0, 1])
        ax.set_yticks([-1, 0, 1])
    for ax in axes.flat[len(forms) :]:
        ax.set_visible(False)
    for ax in axes[-1]:
        ax.set_xlabel("Re λ")
    for ax in axes[:, 0]:
        ax.set_ylabel("Im λ")
    point = {"linestyle": ""}
    fig.legend(
        handles=[
            Line2D([], [], marker="o", color=SECTORS["R"], label="leading sector R", **point),
            Line2D([], [], marker="^", color=SECTORS["C"], label="complement C", **point),
            Line2D([], [], color="#777777", lw=1, label="|λ| = 1"),
            Line2D([], [], color="#777777", lw=1, ls="--", label="|λ| = αρ"),
        ],
        loc="outside lower center",
        ncols=2,
    )
    return fig


@styled
def key_figure(form: OrderedSchur, table: pd.DataFrame, published: pd.DataFrame) -> Figure:
    """What the paper claims of the copy task at a glance: the blocks, and the replay without each.

    Args:
        form: of one network, whose blocks are drawn in their colours.
        table: one row a network and removed set: `removed`, `score`.
        published: `removed`, `paper`.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(6.2, 2.5), width_ratios=(1, 1.75), layout="constrained")
    masks = form.couplings()
    diagonal = (form.T != 0) & ~np.any(list(masks.values()), axis=0)
    for colour, mask in (("#222222", diagonal), *((COLOURS[k], m) for k, m in masks.items())):
        left.imshow(
            np.ma.masked_array(np.abs(form.T), ~mask), norm=LogNorm(1e-3, 1),
            cmap=LinearSegmentedColormap.from_list(colour, ["white", colour]),
        )  # fmt: skip
    n, size = form.n_leading(), len(form.T)
    for line in (left.axhline, left.axvline):
        line(n - 0.5, color="black", linewidth=1)
    for name, x, y, place in (
        ("RR", 0.6 * n, 0.3 * n, "center"),
        ("CR", size + 1, 0.5 * n, "left"),
        ("CC", size + 1, (n + size) / 2, "left"),
    ):
        left.text(x, y, name, color=COLOURS[name], ha=place, va="center", fontweight="bold",
                  path_effects=[withStroke(linewidth=4, foreground="white")])  # fmt: skip
    left.set(xticks=[], yticks=[], title="recurrent weights, ordered")
    left.spines[:].set_visible(True)

    rows = ("", "CC", "RR", "CR")
    for y, removed in enumerate(rows):
        scores = table.loc[table.removed == removed, "score"]
        colour = COLOURS.get(removed, "#444444")
        offsets = np.linspace(-0.2, 0.2, len(scores)) if len(scores) > 1 else 0
        right.scatter(scores, y + offsets, s=14, color=colour, alpha=0.5, linewidths=0, zorder=2)
        right.scatter(scores.mean(), y, s=90, color=colour, zorder=3)
        theirs = published.loc[published.removed == removed, "paper"]
        right.scatter(theirs, [y] * len(theirs), zorder=4, **PAPER)
    right.set_yticks(range(len(rows)), ["intact", *(without(name) for name in rows[1:])])
    for tick, removed in zip(right.get_yticklabels(), rows, strict=True):
        tick.set(color=COLOURS.get(removed, "black"), fontweight="bold")
    right.set(ylim=(len(rows) - 0.5, -0.5), title="replay accuracy without a block")
    right.set_xlim(min(0.48, table.score.min() - 0.02), 1.03)
    right.grid(axis="y", visible=False)
    return fig


@styled
def schur_forms(forms: dict[str, OrderedSchur], alpha: float = 0.9) -> Figure:
    """|T| of ordered Schur forms with the borders of the sectors, on one logarithmic scale.

    Args:
        forms: a panel a form, by title.
        alpha: splits the sectors.
    """
    fig, axes = plt.subplots(1, len(forms), figsize=(6.2, 3.9), layout="constrained")
    for ax, (title, form) in zip(np.atleast_1d(axes), forms.items(), strict=True):
        n, size = form.n_leading(alpha), len(form.T)
        picture = ax.imshow(np.maximum(np.abs(form.T), 1e-9), norm=LogNorm(1e-4, 1), cmap="cividis")
        ax.axhline(n - 0.5, color="white", linewidth=1.2)
        ax.axvline(n - 0.5, color="white", linewidth=1.2)
        middle_c = (n + size) / 2
        for name, (x, y) in {
            "RR": (0.62 * n, 0.3 * n),
            "CR": (middle_c, 0.55 * n),
            "CC": (middle_c, middle_c),
        }.items():
            if n < size or name == "RR":
                box = {
                    "facecolor": "white",
                    "edgecolor": COLOURS[name],
                    "boxstyle": "round,pad=0.2",
                }
                ax.text(
                    x, y, name, color=COLOURS[name], ha="center", va="center", bbox=box,
                    fontsize=10, fontweight="bold", clip_on=False,
                )  # fmt: skip
        ax.set(title=title, xlabel="column j", ylabel="row i")
        ax.grid(False)
    fig.colorbar(picture, ax=axes, location="bottom", extend="both", shrink=0.7, label="|T$_{ij}$|")
    return fig


@styled
def moduli(forms: dict[str, Sequence[OrderedSchur]], alphas: Sequence[float]) -> Figure:
    """|λ_i| / ρ in order, a line a network, with the thresholds α.

    Args:
        forms: forms of several networks by title, a panel each.
        alphas: thresholds, drawn as horizontal lines.
    """
    fig, axes = plt.subplots(
        len(forms), 1, figsize=(5, 2.4 * len(forms)), sharex=True, sharey=True, layout="constrained"
    )
    for ax, (title, group) in zip(np.atleast_1d(axes), forms.items(), strict=True):
        for form in group:
            size = np.abs(form.eigenvalues)
            ax.plot(np.arange(1, len(size) + 1), size / size.max(), ".-", color="#444444",
                    alpha=0.5, linewidth=0.8, markersize=4)  # fmt: skip
        for alpha in alphas:
            ax.axhline(alpha, color=COLOURS["CR"], linewidth=1)
        names = ", ".join(f"{alpha:g}" for alpha in sorted(alphas))
        ax.text(1, min(alphas) - 0.03, f"α = {names}", color=COLOURS["CR"], fontsize=10, va="top")
        ax.set(title=title, ylabel="|λ$_i$| / ρ", ylim=(0, 1.05))
    np.atleast_1d(axes)[-1].set_xlabel("i, in order of modulus")
    return fig


@styled
def replay_example(target, outputs: dict[str, np.ndarray]) -> Figure:
    """One sequence: what should be replayed, and what is, as channels × lags.

    Args:
        target: (T, d) of ±1.
        outputs: (T, d) by title; every wrong sign is marked with a dot.
    """
    rows = {"target": np.asarray(target), **{k: np.asarray(v) for k, v in outputs.items()}}
    fig, axes = plt.subplots(
        len(rows), 1, figsize=(6.2, 1.05 * len(rows) + 1.1), sharex=True, layout="constrained"
    )
    for ax, (title, values) in zip(axes, rows.items(), strict=True):
        picture = ax.imshow(
            values.T, aspect="auto", cmap="PuOr", vmin=-1.5, vmax=1.5, interpolation="nearest",
            extent=(0.5, len(values) + 0.5, values.shape[1] + 0.5, 0.5),
        )  # fmt: skip
        lag, channel = np.nonzero(np.sign(values) != rows["target"])
        ax.scatter(lag + 1, channel + 1, s=3, color="black", linewidths=0)
        ax.set_title(title, loc="left", fontsize=10, pad=3)
        ax.set_yticks([1, values.shape[1]])
        ax.grid(False)
    axes[len(rows) // 2].set_ylabel("channel")
    axes[-1].set_xlabel("lag (steps after the input)")
    fig.colorbar(picture, ax=axes, label="output", shrink=0.6, aspect=30)
    return fig


@styled
def masses(table: pd.DataFrame) -> Figure:
    """Removed Schur mass of each block, a panel a size: mean, SD over seeds, single networks.

    Args:
        table: single blocks: `construction`, `hidden_size`, `removed`, `mass`.
    """
    table = table[table.removed.isin(COUPLINGS)]
    constructions = list(dict.fromkeys(table.construction))
    fig, axes = _panels_by_size(table, height=2.3)
    for ax, (_, rows) in zip(axes, table.groupby("hidden_size"), strict=True):
        _mass_bars(ax, rows, constructions)
        ax.set_ylabel("removed mass")
    names = [NAMES[name].replace(" ", "\n") for name in constructions]
    axes[-1].set_xticks(range(len(names)), names)
    axes[-1].set_xlabel("")
    _legend_below(fig, axes[0], 3)
    return fig


@styled
def figure_2(table: pd.DataFrame, published: pd.DataFrame | None = None) -> Figure:
    """Effects of single blocks: ΔFVU above, S_ΔT below, a column a task (the paper's Figure 2).

    The axes are square-root scaled, so that a few very large effects do not hide the others.

    Args:
        table: single blocks: `task`, `removed`, `delta`, `sensitivity`; one row a network.
        published: `task`, `removed`, `quantity` ("delta_fvu", "normalized_sensitivity"), `paper`,
            `paper_sem` (NaN where none is printed).
    """
    table = table[table.removed.isin(COUPLINGS)]
    tasks = list(dict.fromkeys(table.task))
    fig, axes = plt.subplots(2, len(tasks), figsize=(6.4, 5.6), sharex=True, squeeze=False, layout="constrained")
    for row, column, quantity in (
        (0, "delta", "delta_fvu"),
        (1, "sensitivity", "normalized_sensitivity"),
    ):
        for ax, task in zip(axes[row], tasks, strict=True):
            for i, name in enumerate(COUPLINGS):
                chosen = (table.task == task) & (table.removed == name)
                _points(ax, i, table.loc[chosen, column].dropna(), COLOURS[name])
            if published is not None:
                theirs = published[(published.task == task) & (published.quantity == quantity)]
                x = theirs.removed.map(COUPLINGS.index) + 0.37
                ax.errorbar(x, theirs.paper, theirs.paper_sem, fmt="none", color="black", zorder=4)
                face = {**PAPER, "facecolors": "white", "s": 40}
                ax.scatter(x, theirs.paper, zorder=5, clip_on=False, **face)
            ax.axhline(0, color="#444444", linewidth=1)
            ax.set_xticks(range(len(COUPLINGS)), COUPLINGS)
            ax.set_xlim(-0.6, 2.7)
            ax.grid(axis="x", visible=False)
            _square_root_scale(ax)
            if row == 0:
                ax.set_title(NAMES[task].replace(" ", "\n"))
    axes[0, 0].set_ylabel("ΔFVU (square-root scale)")
    axes[1, 0].set_ylabel("S$_{ΔT}$ (square-root scale)")
    axes[1, len(tasks) // 2].set_xlabel("ablated block")
    handles = [
        Line2D([], [], marker="o", ls="", color="#888888", markersize=4, label="one network"),
        Line2D([], [], color="#888888", lw=2.5, label="median"),
        Line2D([], [], color="black", marker="_", ls="", markersize=12, label="mean ± SEM"),
        Line2D([], [], marker="D", ls="", color="k", fillstyle="none", label="paper (± SEM)"),
    ]  # fmt: skip
    fig.legend(handles=handles, loc="outside lower center", ncols=4, columnspacing=1)
    return fig


def _points(ax, x, values, colour):
    """Single networks, their median and their mean with its standard error."""
    if values.empty:
        return
    offsets = np.linspace(-0.2, 0.2, len(values)) if len(values) > 1 else np.zeros(1)
    size = 18 if len(values) <= 20 else 6
    ax.scatter(x + offsets, values.sort_values(), s=size, color=colour, alpha=0.55, linewidths=0, zorder=3)
    ax.plot([x - 0.33, x + 0.33], [values.median()] * 2, color=colour, lw=2.5, zorder=4)
    ax.errorbar(x, values.mean(), values.sem() if len(values) > 1 else 0.0, fmt="_", color="black", capsize=3,
                markersize=16, linewidth=1.2, zorder=4)  # fmt: skip


def _square_root_scale(ax):
    """√|y| with its sign, and ticks that are about evenly spaced on it."""
    ax.set_yscale(
        "function",
        functions=(
            lambda y: np.sign(y) * np.sqrt(np.abs(y)),
            lambda r: np.sign(r) * np.square(r),
        ),
    )
    low, high = ax.dataLim.intervaly
    high, low = max(1.1 * high, 1e-6), 1.1 * min(low, 0)
    unit = 10.0 ** np.floor(np.log10(high))
    for step in (0.02, 0.05, 0.1, 0.2, 0.5, 1):
        ticks = unit * step * np.array([0, 1, 4, 9, 16, 25, 36, 49, 64, 81])
        if (ticks <= high).sum() <= 5:
            break
    ax.set_yticks(ticks[ticks <= high])
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_locator(NullLocator())
    ax.set_ylim(low, high)


@styled
def within_epsilon(shares: pd.DataFrame, epsilon: float) -> Figure:
    """Share of networks that can do without a block, against ε: a panel a task, a line a block.

    Args:
        shares: `task`, `removed`, `epsilon` (relative increase of the error, 0.05 for 5 %), `share`.
        epsilon: the default, drawn as a vertical line.
    """
    tasks = list(dict.fromkeys(shares.task))
    n_rows = (len(tasks) + 1) // 2
    fig, axes = plt.subplots(
        n_rows, 2, figsize=(6.2, 2.5 * n_rows + 0.7), sharex=True, sharey=True, squeeze=False,
        layout="constrained",
    )  # fmt: skip
    dashes = {"RR": "-", "CR": "--", "CC": "-."}
    for ax, task in zip(axes.flat, tasks, strict=False):
        for name in COUPLINGS:
            part = shares[(shares.task == task) & (shares.removed == name)]
            ax.plot(100 * part.epsilon, part.share, dashes[name], color=COLOURS[name],
                    drawstyle="steps-post", label=f"−{name}")  # fmt: skip
        ax.axvline(100 * epsilon, color="#444444", linewidth=1, linestyle=":")
        ax.set(title=NAMES[task], xscale="log", ylim=(-0.04, 1.04))
        ax.xaxis.set_major_formatter("{x:g}")
        ax.xaxis.set_minor_locator(NullLocator())
    for ax in axes.flat[len(tasks) :]:
        ax.set_visible(False)
    for ax in axes[-1]:
        ax.set_xlabel("allowed increase ε (%)")
    for ax in axes[:, 0]:
        ax.set_ylabel("share of networks")
    handles, names = axes[0, 0].get_legend_handles_labels()
    handles.append(Line2D([], [], color="#444444", lw=1, ls=":"))
    names.append(f"ε = {100 * epsilon:g} %")
    fig.legend(handles, names, loc="outside lower center", ncols=4)
    return fig


@styled
def trajectories(states: dict[str, np.ndarray], n_trials: int = 8) -> Figure:
    """Hidden states in the plane of the first network's two leading principal components.

    Args:
        states: (T, B, N_h) by title, a panel each; the first one gives the components.
        n_trials: trials that are drawn.
    """
    states = {title: np.asarray(h, dtype=float) for title, h in states.items()}
    first = next(iter(states.values()))
    flat = first.reshape(-1, first.shape[-1])
    centre = flat.mean(0)
    axes_of_variance = np.linalg.svd(flat - centre, full_matrices=False)[2][:2]
    n_rows = (len(states) + 1) // 2
    fig, axes = plt.subplots(
        n_rows, 2, figsize=(6, 2.8 * n_rows), sharex=True, sharey=True, squeeze=False,
        layout="constrained",
    )  # fmt: skip
    colours = plt.get_cmap("cividis")(np.linspace(0, 0.9, n_trials))
    for ax, (title, h) in zip(axes.flat, states.items(), strict=False):
        x, y = np.moveaxis((h[:, :n_trials] - centre) @ axes_of_variance.T, -1, 0)
        for trial in range(x.shape[1]):
            ax.plot(x[:, trial], y[:, trial], color=colours[trial], linewidth=1)
            ax.plot(x[-1, trial], y[-1, trial], "o", color=colours[trial], markersize=4)
        ax.set_title(title)
    for ax in axes.flat[len(states) :]:
        ax.set_visible(False)
    fig.supxlabel("principal component 1", fontsize=11)
    fig.supylabel("principal component 2", fontsize=11)
    return fig


@styled
def example_trials(
    targets, outputs: dict[str, np.ndarray], dt: float = 1, unit="step", titles: Sequence[str] = ()
) -> Figure:
    """The target in grey and outputs over it, a panel a channel (or a trial of one channel).

    Args:
        targets: (T, N_y).
        outputs: (T, N_y) by removed set; single blocks in their colours, the intact network in black.
        dt: duration of a step.
        unit: of dt.
        titles: of the panels; none for numbered outputs.
    """
    targets = np.asarray(targets)
    fig, axes = plt.subplots(
        targets.shape[1], 1, figsize=(5, 1.5 * targets.shape[1] + 1.4), sharex=True, squeeze=False,
        layout="constrained",
    )  # fmt: skip
    time = dt * np.arange(1, len(targets) + 1)
    for channel, ax in enumerate(axes[:, 0]):
        bits = len(np.unique(targets)) <= 3  # what is held jumps, and does not slope
        ax.plot(time, targets[:, channel], color="#bbbbbb", linewidth=5, label="target",
                drawstyle="steps-mid" if bits else "default")  # fmt: skip
        for name, values in outputs.items():
            colour = COLOURS.get(name, "black")
            ax.plot(time, np.asarray(values)[:, channel], color=colour, label=without(name))
        numbered = targets.shape[1] > 1 and not len(titles)
        ax.set_ylabel(f"output {channel + 1}" if numbered else "output")
        if len(titles):
            ax.set_title(titles[channel], loc="left", fontsize=10, pad=3)
    axes[-1, 0].set_xlabel(f"time ({unit})")
    _legend_below(fig, axes[0, 0], 3)
    return fig


@styled
def studies(table: pd.DataFrame, column: str, published: pd.DataFrame) -> Figure:
    """A score against one choice of the recipe a panel, a line a removed set, points for networks.

    Args:
        table: `task`, `varied`, `value`, `seed`, `removed`, and the column.
        column: "score" (means are drawn) or "delta" (medians, on an axis linear up to 0.01).
        published: the paper's numbers, drawn as dashed lines.
    """
    quantity = {"score": "replay_accuracy", "delta": "delta_fvu"}[column]
    sets = [name for name in SET_COLOURS if name in set(table.removed)]
    panels = list(table.groupby(["task", "varied"], sort=False))
    n_rows = (len(panels) + 1) // 2
    fig, axes = plt.subplots(
        n_rows, 2, figsize=(6.4, 2.9 * n_rows + 0.5), sharey=True, squeeze=False,
        layout="constrained",
    )  # fmt: skip
    for ax, ((task, varied), rows) in zip(axes.flat, panels, strict=False):
        values = list(dict.fromkeys(rows.value))
        for name in sets:
            part = rows[rows.removed == name]
            by_value = part.groupby("value")[column]
            middle = (by_value.mean() if column == "score" else by_value.median())[values]
            colour = SET_COLOURS[name]
            ax.plot(range(len(values)), middle, color=colour, label=without(name))
            ax.plot(part.value.map(values.index), part[column], ".", color=colour, alpha=0.5)
            theirs = published[
                (published.task == task) & (published.removed == name) & (published.quantity == quantity)
            ]
            for paper in theirs.value:
                ax.axhline(paper, color=colour, linestyle="--", linewidth=1)
        ax.set_title(NAMES[task])
        names = [value.replace("curriculum", "curri-\nculum") for value in values]
        ax.set_xticks(range(len(values)), names)
        ax.set_xlabel(STUDIES[varied])
        if column == "delta":
            ax.set_yscale("symlog", linthresh=0.01)
    for ax in axes[:, 0]:
        ax.set_ylabel("accuracy" if column == "score" else "ΔFVU")
    for ax in axes.flat[len(panels) :]:
        ax.set_visible(False)
    _legend_below(fig, axes[0, 0], len(sets))
    return fig


@styled
def growth(table: pd.DataFrame) -> Figure:
    """Seconds against hidden size, length, batch and number of matrices, a panel each.

    Args:
        table: `varied`, `value`, `what`, `seconds`, `lowest`, `highest`, from `run.py bench`.
    """
    fig, axes = plt.subplots(2, 2, figsize=(6.2, 5.6), layout="constrained")
    kinds = {"training step": ("#D55E00", "-"), "rollouts": ("#0072B2", "--")}
    for ax, (varied, rows) in zip(axes.flat, table.groupby("varied", sort=False), strict=True):
        for what, part in rows.groupby("what", sort=False):
            colour, dashes = kinds[what]
            ax.fill_between(part.value, part.lowest, part.highest, color=colour, alpha=0.15, lw=0)
            ax.plot(part.value, part.seconds, dashes, color=colour, marker=".", label=what)
        ax.set(xlabel=varied.replace("_", " "), xscale="log", yscale="log")
    for ax in axes[:, 0]:
        ax.set_ylabel("seconds")
    _legend_below(fig, axes[0, 0], 2)
    return fig


def _panels_by_size(table, height=2.1):
    sizes = sorted(set(table.hidden_size))
    fig, axes = plt.subplots(
        len(sizes), 1, figsize=(5, height * len(sizes) + 0.9), sharex=True, sharey=True,
        layout="constrained",
    )  # fmt: skip
    axes = np.atleast_1d(axes)
    for ax, size in zip(axes, sizes, strict=True):
        ax.set_title(f"N$_h$ = {size}")
    return fig, axes


def _mass_bars(ax, table, constructions):
    options = {
        "data": table, "x": "construction", "y": "mass", "order": constructions,
        "hue": "removed", "hue_order": COUPLINGS, "ax": ax,
    }  # fmt: skip
    sns.barplot(**options, palette=COLOURS, errorbar="sd", saturation=1, alpha=0.75,
                err_kws={"linewidth": 1.5, "color": "black"})  # fmt: skip
    sns.stripplot(**options, dodge=True, jitter=False, palette=["black"] * len(COUPLINGS), size=3,
                  alpha=0.6, legend=False)  # fmt: skip
    ax.get_legend().remove()
    ax.grid(axis="x", visible=False)


def _legend_below(fig, ax, n_columns):
    handles, names = ax.get_legend_handles_labels()
    fig.legend(handles, names, loc="outside lower center", ncols=n_columns)
