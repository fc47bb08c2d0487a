"""Say below every figure and table of a notebook how it was made, and offer its data."""

import csv
import html
import json
from pathlib import Path

from docutils import nodes

LIBRARIES = ("python", "torch", "numpy", "scipy", "numba", "pandas", "matplotlib")


def record_of(app, docname):
    """The record of a chapter's execution, None for other pages."""
    name = docname.removeprefix("chapters/")
    path = Path(app.srcdir, "_generated", "records", f"{name}.json")
    if docname == name or not path.exists():
        return None
    return json.loads(path.read_text(encoding="utf-8"))


def networks(app, record):
    """Which networks the saved tables come from: "copy, dense_orthogonal 72: seeds 0–9", …"""
    found = {}
    for table in record["tables"]:
        path = Path(app.srcdir, "_extra", "downloads", record["notebook"], table)
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                if {"task", "construction", "hidden_size", "seed"} <= set(row):
                    key = f"{row['task']}, {row['construction']} {row['hidden_size']}"
                    found.setdefault(key, set()).add(int(float(row["seed"])))
    return [f"{key}: {seeds(values)}" for key, values in sorted(found.items())]


def trained_in(app, record):
    """How long the networks of the saved tables took to train, in seconds of one core; 0 where none says so."""
    times = json.loads(Path(app.srcdir, "_generated", "training.json").read_text(encoding="utf-8"))
    known, used = {tuple(row[:4]): row[4] for row in times}, set()
    for table in record["tables"]:
        path = Path(app.srcdir, "_extra", "downloads", record["notebook"], table)
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                if {"task", "construction", "hidden_size", "seed"} <= set(row) and row["hidden_size"]:
                    seed, size = int(float(row["seed"])), int(float(row["hidden_size"]))
                    used.add((row["task"], row["construction"], size, seed))
    return sum(known.get(key, 0) for key in used)


def duration(seconds):
    """A time as it is said: "12 s", "34 min", "5.6 h"."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def commands(app, record, build):
    """How to make a chapter again: with the shipped networks and with one's own, cold and warm.

    Cold is without a store, warm with one that holds the networks. What this build did not do has no time.
    """
    name, warm = record["notebook"], record["seconds"] + record.get("measuring", 0)
    shipped, training = build["networks"] == "reference", trained_in(app, record)
    quick = " --profile quick" if build["profile"] == "quick" else ""
    took = f": {duration(warm)} in this build"
    cold = f"; cold, its networks are trained first, {duration(training)} of one core" if training else ""
    own = "" if shipped else f"{took}, warm"
    lines = [f"<code>python3 run.py notebook {name}{quick}</code> (networks of your own){own}{cold}"]
    if not quick:
        shipped_line = (
            f"<code>python3 run.py notebook {name} --reference</code> (the shipped networks, nothing is trained)"
        )
        lines.insert(0 if shipped else 1, shipped_line + (took if shipped else ""))
    return "<br>".join(lines)


def seeds(values):
    first, last = min(values), max(values)
    if len(values) == 1:
        return f"seed {first}"
    if len(values) == last - first + 1:
        return f"seeds {first}–{last}"
    return "seeds " + ", ".join(map(str, sorted(values)))


def figures(name, shown):
    """A link to the figure as it was drawn: the page shows the same, lighter, and does not load these."""
    files = [file for file in shown["files"] if file.endswith((".svg", ".png"))]
    if not files:
        return []
    at = f"../downloads/{name}/index.html#{shown['name']}"
    return [f'<a href="{at}" data-vector="../downloads/{name}/{files[0]}">{html.escape(" and ".join(files))}</a>']


def link(name, file, checksum=""):
    tail = f' <span class="checksum">SHA-256 {checksum}</span>' if checksum else ""
    return f'<a href="../downloads/{name}/{file}" download>{html.escape(file)}</a>{tail}'


def details(app, record, shown, origin):
    build = json.loads(Path(app.srcdir, "_generated", "build.json").read_text(encoding="utf-8"))
    name = record["notebook"]
    tables = [link(name, *item) for item in record["tables"].items()]
    data = [link(name, *item) for item in shown["files"].items() if item[0].endswith(".csv")]
    rows = [
        ("To reproduce", commands(app, record, build)),
        ("What it shows", "<br>".join([*data, *figures(name, shown)])),
        ("Tables behind the chapter", "<br>".join(tables)),
        ("Columns of these files", '<a href="../data.html">Data dictionary</a>'),
        (
            "Notebook",
            f"{link(name, f'{name}.ipynb')}, {link(name, f'{name}.py')}, with "
            + html.escape(", ".join(f"{k} = {v}" for k, v in sorted(record["parameters"].items()))),
        ),
        ("Networks", "<br>".join(map(html.escape, origin))),
        (
            "Code",
            (f"commit {build['commit']}; " if build["commit"] else "") + f"digest of schur_lib {build['code']}",
        ),
        ("Libraries", ", ".join(f"{k} {record['versions'][k]}" for k in LIBRARIES)),
        ("Run time", f"{record['seconds']:.1f} s for the whole notebook"),
    ]
    body = "".join(f"<dt>{term}</dt><dd>{text}</dd>" for term, text in rows if text)
    return (
        f'<details class="provenance"><summary>How this {shown["kind"]} was made, and its data'
        f"</summary><dl>{body}</dl></details>"
    )


def add(app, doctree):
    record = record_of(app, app.env.docname)
    if record is None:
        return
    origin = networks(app, record)
    for cell in list(doctree.findall(nodes.container)):
        for shown in record["shown"] if "cell_index" in cell else ():
            outputs = [n for n in cell.children if "cell_output" in n.get("classes", ())]
            if shown["cell"] == cell["cell_index"] and outputs:
                outputs[-1] += nodes.raw("", details(app, record, shown, origin), format="html")
    name = record["notebook"]
    text = (
        f'<p class="downloads">This chapter as a notebook: {link(name, f"{name}.ipynb")} (as '
        f"executed here), {link(name, f'{name}.py')} (its source); "
        f'<a href="../downloads/{name}/index.html">all of its files</a>.</p>'
    )
    list(doctree.findall(nodes.section))[0] += nodes.raw("", text, format="html")


def setup(app):
    app.connect("doctree-read", add)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
