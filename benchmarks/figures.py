"""Figures of the chapter on speed."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from study.figures.style import styled

BLACK, ORANGE, BLUE, GREEN, GREY = "#000000", "#D55E00", "#0072B2", "#009E73", "#777777"
KINDS = {"training step": (ORANGE, "o", "-"), "rollouts": (BLUE, "s", "--")}
QUANTITIES = {
    "hidden_size": "hidden size N$_h$",
    "length": "time steps T",
    "batch": "trials B",
    "networks": "networks, on two cores",
}
LABELS = {
    "train_fastest": "training beside the fastest peer",
    "roll_fastest": "rollouts beside the fastest peer",
    "train_jax": "training beside JAX by vmap",
    "train_rate": "training, share of products in turn",
    "roll_rate": "rollouts, share of products in turn",
    "complete_rate": "complete step, share of these",
    "train_cores": "training, gain of second core",
    "roll_cores": "rollouts, gain of second core",
    "complete_cores": "many networks, gain of second core",
    "memory": "memory added by 10,000 ablations",
    "memory_growth": "growth of this memory",
    "train_rate_strict": "the same of training, as by hand",
    "roll_rate_strict": "the same of rollouts, as by hand",
    "memory_process": "memory with Python and libraries",
}


def _name(id):
    return f"Schur form, N = {id.removeprefix('schur_')}" if id.startswith("schur_") else LABELS[id]


def _plain(axis):
    axis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
    axis.set_minor_formatter(NullFormatter())


@styled
def targets(table: pd.DataFrame) -> Figure:
    """How far each target is met: measured over target, or target over measured for an upper bound.

    Args:
        table: `id`, `kind`, `bound`, `target`, `measured`, `lowest`, `highest`; rows that were not
            measured are left out.
    """
    table = table[table.measured.notna()]
    fig, ax = plt.subplots(figsize=(6.4, 0.34 * len(table) + 1.3), layout="constrained")
    for i, r in enumerate(table.itertuples()):
        values = np.array([r.lowest, r.measured, r.highest])
        low, middle, high = values / r.target if r.bound == "at least" else r.target / values[::-1]
        asked, met = r.kind == "target", middle >= 1
        colour = GREY if not asked else BLUE if met else ORANGE
        ax.plot([low, high], [i, i], color=colour, lw=2)
        ax.plot(
            middle, i, marker="o" if met else "X", ms=8, color=colour,
            mfc=colour if asked else "white", ls="",
        )  # fmt: skip
    ax.axvline(1, color=BLACK, lw=1)
    ax.set_xscale("log", base=2)
    _plain(ax.xaxis)
    ax.set_yticks(range(len(table)), [_name(id) for id in table.id])
    ax.set_ylim(len(table) - 0.4, -0.6)
    ax.set_xlabel("how far the target is met (1: just)")
    styles = {
        "met": (BLUE, "o", BLUE),
        "missed": (ORANGE, "X", ORANGE),
        "stricter, no target": (GREY, "o", "white"),
    }
    for label, (colour, marker, face) in styles.items():
        ax.plot([], [], color=colour, marker=marker, mfc=face, ls="", ms=8, label=label)
    fig.legend(loc="outside lower center", ncols=3)
    return fig


@styled
def rates(table: pd.DataFrame) -> Figure:
    """GFLOP/s a core of every candidate, and the rates of bare products on as many cores.

    Args:
        table: `work`, `by`, `cores`, `gflops`, `lowest`, `highest`.
    """
    works = [work for work in ("training step", "complete step", "rollouts") if (table.work == work).any()]
    sizes = [int((table.work == work).sum()) for work in works]
    fig, axes = plt.subplots(
        len(works), 1, figsize=(6.4, 0.36 * sum(sizes) + 1.8), layout="constrained", sharex=True,
        squeeze=False, height_ratios=sizes,
    )  # fmt: skip
    bare = table[(table.work == "matrix product") & (table.by == "bare")].set_index("cores").gflops
    turn = table[(table.work == "matrix product") & (table.by != "bare")].gflops
    for ax, work in zip(axes[:, 0], works, strict=True):
        rows = table[table.work == work]
        names = [f"{r.by}, {r.cores} core{'s' * (r.cores > 1)}" for r in rows.itertuples()]
        per_core = rows.gflops / rows.cores
        ours = rows.by == "ours"
        ax.barh(names, per_core, color=[BLUE if own else "#bbbbbb" for own in ours], height=0.7)
        ends = np.array([per_core - rows.lowest / rows.cores, rows.highest / rows.cores - per_core])
        ax.errorbar(per_core, range(len(rows)), xerr=ends.clip(0), fmt="none", ecolor=BLACK, lw=1.2)
        for cores, style in ((1, "-"), (2, "--")):
            if cores in bare.index:
                label = f"bare products, {cores} core{'s' * (cores > 1)}"
                ax.axvline(bare[cores] / cores, color=BLACK, ls=style, lw=1.4, label=label)
        if len(turn):
            ax.axvline(turn.iloc[0], color=GREEN, ls=":", lw=2, label="one product after the other")
        ax.invert_yaxis()
        ax.grid(axis="y", visible=False)
        ax.set_title(work)
    axes[-1, 0].set_xlabel("GFLOP/s a core")
    fig.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return fig


@styled
def growth(table: pd.DataFrame, exponents: pd.DataFrame) -> Figure:
    """Time against each quantity on logarithmic axes, shaded from lowest to highest, with exponents.

    Args:
        table: `varied`, `value`, `what`, `seconds`, `lowest`, `highest`.
        exponents: `varied`, `what`, `exponent`.
    """
    names = list(table.varied.unique())
    n_rows = (len(names) + 1) // 2
    fig, axes = plt.subplots(n_rows, 2, figsize=(6.4, 2.6 * n_rows + 0.5), layout="constrained", squeeze=False)
    fitted = exponents.set_index(["varied", "what"]).exponent
    for ax in axes.ravel()[len(names) :]:
        ax.remove()
    for ax, varied in zip(axes.ravel(), names, strict=False):
        for i, (what, (colour, marker, dashes)) in enumerate(KINDS.items()):
            rows = table[(table.varied == varied) & (table.what == what)].sort_values("value")
            if rows.empty:
                continue
            ax.fill_between(rows.value, 1e3 * rows.lowest, 1e3 * rows.highest, color=colour, alpha=0.2, lw=0)
            ax.plot(rows.value, 1e3 * rows.seconds, color=colour, marker=marker, ms=4, ls=dashes, label=what)
            ax.text(
                0.04, 0.94 - 0.13 * i, f"{what}: ∝ x$^{{{fitted[varied, what]:.2f}}}$",
                transform=ax.transAxes, va="top", color=colour, fontsize=10,
            )  # fmt: skip
        ax.set_xscale("log", base=2)
        ax.set_yscale("log")
        low, high = ax.get_ylim()
        ax.set_ylim(low, high * (high / low) ** 0.3)  # room for the exponents
        _plain(ax.xaxis)
        _plain(ax.yaxis)
        ax.set_xlabel(QUANTITIES[varied])
    for ax in axes[:, 0]:
        ax.set_ylabel("time (ms)")
    fig.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return fig


@styled
def schur_form(table: pd.DataFrame, limit: float) -> Figure:
    """Time of the ordered Schur form over that of scipy.linalg.schur against N, lowest to highest.

    Args:
        table: `matrix`, `N`, `ratio`, `lowest`, `highest`.
        limit: the target.
    """
    fig, ax = plt.subplots(figsize=(5.2, 3.4), layout="constrained")
    styles = ((BLUE, "o", "-"), (GREEN, "s", "--"), (ORANGE, "^", "-."))
    kinds = table.groupby("matrix", sort=False)
    for k, ((matrix, rows), (colour, marker, dashes)) in enumerate(zip(kinds, styles, strict=False)):
        shift = 1.04 ** (k - 1)
        ax.errorbar(
            rows.N * shift, rows.ratio, yerr=[rows.ratio - rows.lowest, rows.highest - rows.ratio],
            color=colour, marker=marker, ls=dashes, capsize=2, label=matrix.replace("_", " "),
        )  # fmt: skip
    ax.axhline(limit, color=BLACK, lw=1.4, label="target: at most")
    ax.set_xscale("log", base=2)
    sizes = sorted(table.N.unique())
    ax.set_xticks(sizes, [str(N) for N in sizes])
    ax.set_ylim(0, max(1.1 * limit, 1.05 * table.highest.max()))
    ax.set(xlabel="matrix size N", ylabel="time / scipy.linalg.schur")
    fig.legend(loc="outside lower center", ncols=2)
    return fig


@styled
def memory(table: pd.DataFrame, limit: float) -> Figure:
    """Memory of an ablation run against the number of matrices, from lowest to highest.

    Args:
        table: `matrices`, `megabytes`, `lowest`, `highest`, `process`, `process_lowest`,
            `process_highest`.
        limit: the target in MB.
    """
    fig, ax = plt.subplots(figsize=(5.2, 3.2), layout="constrained")
    for column, ends, colour, marker, label in (
        ("megabytes", ("lowest", "highest"), BLUE, "o", "added by the run"),
        ("process", ("process_lowest", "process_highest"), GREY, "s", "with Python and libraries"),
    ):
        ax.fill_between(table.matrices, table[ends[0]], table[ends[1]], color=colour, alpha=0.2, lw=0)
        ax.plot(table.matrices, table[column], color=colour, marker=marker, label=label)
    ax.axhline(limit, color=BLACK, lw=1.4, label="target: at most")
    ax.set_xscale("log")
    ax.set_xticks(table.matrices, [f"{n:,}" for n in table.matrices])
    ax.set_ylim(0, 1.1 * max(limit, table.process_highest.max()))
    ax.set(xlabel="ablated matrices", ylabel="memory (MB)")
    fig.legend(loc="outside lower center", ncols=2)
    return fig
