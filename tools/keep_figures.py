"""Runs in a kernel before a notebook: shows every figure as PNG, and keeps it as SVG and its data as CSV.

tools/notebooks.py copies this file into the start-up folder of the kernel, so it stands alone. The
n-th figure is written to <SCHUR_LIB_FIGURES>/<n>.svg and <n>.csv.
"""

import csv
import os
from pathlib import Path

import numpy as np
from IPython import get_ipython
from IPython.core import pylabtools
from matplotlib import collections, rc_context
from matplotlib.patches import Rectangle

COLUMNS = ("panel", "kind", "label", "x", "y", "width", "height", "value")


def plotted(fig):
    """What a figure shows, one row a point, bar, segment end or pixel; columns as in COLUMNS.

    Coordinates are those of the axes: the place of a category is its number from 0.
    """
    rows = []
    panels = [ax for ax in fig.axes if ax.get_label() != "<colorbar>"]
    for number, ax in enumerate(panels, start=1):
        title = ax.get_title() or ax.get_title(loc="left") or ax.get_ylabel() or ax.get_xlabel()
        panel = f"{number} {title}".strip()

        def add(kind, artist, x, y, panel=panel, **values):
            label = "" if str(artist.get_label()).startswith("_") else artist.get_label()
            rows.append({"panel": panel, "kind": kind, "label": label, "x": x, "y": y, **values})

        for line in ax.lines:
            for x, y in line.get_xydata():
                add("line", line, x, y)
        for patch in ax.patches:
            if isinstance(patch, Rectangle):
                add("bar", patch, patch.get_x(), patch.get_y(), width=patch.get_width(), height=patch.get_height())
        for group in ax.collections:
            values = group.get_array()
            values = None if values is None else np.ravel(np.ma.filled(values, np.nan))
            if isinstance(group, collections.QuadMesh):
                corners = group.get_coordinates()
                centres = (corners[:-1, :-1] + corners[1:, 1:]).reshape(-1, 2) / 2
                for (x, y), value in zip(centres, values, strict=True):
                    add("cell", group, x, y, value=value)
            elif isinstance(group, collections.PathCollection):
                points = np.ma.filled(group.get_offsets().astype(float), np.nan)
                coloured = values is not None and len(values) == len(points)
                for i, (x, y) in enumerate(points):
                    add("point", group, x, y, **({"value": values[i]} if coloured else {}))
            else:
                kind = "segment" if isinstance(group, collections.LineCollection) else "area"
                for path in group.get_paths():
                    for x, y in path.vertices:
                        add(kind, group, x, y)
        for image in ax.images:
            pixels = np.ma.filled(image.get_array().astype(float), np.nan)
            if pixels.ndim == 2:
                left, right, bottom, top = image.get_extent()
                height, width = pixels.shape
                if image.origin == "upper":
                    bottom, top = top, bottom
                for i, row in enumerate(pixels):
                    y = bottom + (top - bottom) * (i + 0.5) / height
                    for j in np.flatnonzero(~np.isnan(row)):  # what is masked is not drawn
                        add("pixel", image, left + (right - left) * (j + 0.5) / width, y, value=row[j])
    return rows


def write_csv(rows, path):
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for row in rows:
            writer.writerow(
                [f"{row[c]:.7g}" if isinstance(row.get(c), float | np.number) else row.get(c, "") for c in COLUMNS]
            )


def keep(fig, folder):
    number = len(list(folder.glob("*.svg")))
    # ids and dates that change from run to run would make equal pictures differ
    with rc_context({"svg.hashsalt": "schur_lib"}):
        fig.savefig(folder / f"{number}.svg", bbox_inches="tight", metadata={"Date": None})
    write_csv(plotted(fig), folder / f"{number}.csv")


def install(folder):
    """Keep each figure that the inline backend prints, after it has been printed."""
    folder.mkdir(parents=True, exist_ok=True)
    print_figure = pylabtools.print_figure

    def print_and_keep(fig, *arguments, **options):
        printed = print_figure(fig, *arguments, **options)
        if printed is not None:
            keep(fig, folder)
        return printed

    pylabtools.print_figure = print_and_keep


def as_it_comes(shell):
    """Undo what IPython is told of figures for all users of a machine: it holds whatever IPYTHONDIR is."""
    from matplotlib_inline.config import InlineBackend

    backend = InlineBackend.instance(parent=shell)
    backend.shell = shell
    backend.print_figure_kwargs = {"bbox_inches": "tight"}
    backend.figure_formats = {"png"}
    pylabtools.select_figure_formats(shell, {"png"}, bbox_inches="tight")


if os.environ.get("SCHUR_LIB_FIGURES"):
    install(Path(os.environ["SCHUR_LIB_FIGURES"]))
if get_ipython():
    as_it_comes(get_ipython())  # after it: the choice of a format binds the function that prints figures
