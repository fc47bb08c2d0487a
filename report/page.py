"""One network and its data from files: run the report notebook, write one HTML page and its table."""

import argparse
import base64
import hashlib
import html
import importlib.metadata
import os
import shlex
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import jupytext
import nbformat
import papermill
from markdown_it import MarkdownIt
from traitlets.config import Config

import run
from tools.notebooks import KERNEL, LANGUAGE, ROOT, failure, number_cells, sockets

TEMPLATE = ROOT / "report" / "report.py"
STYLE = ROOT / "report" / "report.css"
TIMEOUT = 1800  # s a cell
ROLES = ("W_xh", "W_hh", "W_hy", "b_h", "b_y", "h0")


def main():
    """Called by run.py."""
    parser = argparse.ArgumentParser(prog="python -m tools.report", description=__doc__)
    run.report_options(parser)
    try:
        made = report(parser.parse_args())
    except (ValueError, OSError, RuntimeError) as error:
        sys.exit(f"no report: {error}")
    print(f"the report is {made}\nits table is {made.with_suffix('.csv')}")


def report(arguments):
    """Check everything, run the notebook, write the page and the table; returns the page's path."""
    output = arguments.output
    if output.suffix not in (".html", ".htm"):
        raise ValueError(f"--output must end in .html, got {output}")
    table = output.with_suffix(".csv")
    for path in (output, table):
        if path.exists():
            raise ValueError(f"{path} exists and is left as it is; give another --output")
    if not output.parent.is_dir():
        raise ValueError(f"the folder of --output does not exist: {output.parent}")
    names = named(arguments.parameter)
    check(arguments, names)
    parameters = {
        "weights": str(arguments.weights), "data": str(arguments.data),
        "metric": arguments.metric, "alpha": arguments.alpha,
        "activation": arguments.activation or "", "names": names,
        "batch_first": arguments.batch_first,
    }
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "table.csv"
        nb = executed({**parameters, "table_file": str(made)}, Path(folder))
        csv = made.read_text()
    text = page(nb, arguments, csv, table.name)
    # "x": what has come to be there meanwhile stays
    with open(table, "x", encoding="utf-8") as file:
        file.write(csv)
    with open(output, "x", encoding="utf-8") as file:
        file.write(text)
    return output


def named(pairs):
    """{"W_hh": name, …} from the command line."""
    names = {}
    for pair in pairs:
        role, equals, name = pair.partition("=")
        role, name = (role, name) if equals else ("W_hh", pair)
        if role not in ROLES or not name or role in names:
            raise ValueError(f"--parameter must be ROLE=NAME, each role of {ROLES} once; got {pair!r}")
        names[role] = name
    return names


def check(arguments, names):
    """Load all and run the network once, so that what is wrong is said before long work starts."""
    from report.formats import check_fit, load_data, load_network
    from schur_lib import evaluation, ordered_schur

    if arguments.activation not in (None, "tanh", "relu"):
        raise ValueError(f"--activation must be tanh or relu, got {arguments.activation!r}")
    inputs, targets = load_data(arguments.data, arguments.metric, arguments.batch_first)
    net = load_network(arguments.weights, arguments.activation, names or None)
    ordered_schur(net.W_hh).n_leading(arguments.alpha)
    check_fit(net, inputs, targets, arguments.metric)
    if inputs.shape[1] < 4:
        raise ValueError(f"the data must hold at least 4 trials, got {inputs.shape[1]} (inputs are "
                         f"{tuple(inputs.shape)}, time first)")
    evaluation(net, "W_hh", inputs.to(net.W_hh.dtype), targets, arguments.metric)


def executed(parameters, folder):
    """The report notebook, run by papermill."""
    nb = jupytext.read(TEMPLATE)
    nb.metadata = nbformat.from_dict({"kernelspec": KERNEL, "language_info": LANGUAGE})
    nb.nbformat, nb.nbformat_minor = 4, 5
    number_cells(nb)
    source, done = folder / "report.ipynb", folder / "executed.ipynb"
    nbformat.write(nb, source)
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"  # whatever the user's is
    config = Config({"KernelManager": sockets(folder)})
    try:
        with quiet(folder / "stderr"):
            papermill.execute_notebook(
                str(source), str(done), parameters=parameters, kernel_name="python3",
                language="python", cwd=str(ROOT), progress_bar=False, config=config,
                execution_timeout=TIMEOUT,
            )
    except Exception as error:
        said = failure("report", nb, done, error).replace("notebooks/report.py", "report/report.py")
        raise RuntimeError(said) from error
    return nbformat.read(done, as_version=4)


@contextmanager
def quiet(path):
    """Keep what a kernel says when it is stopped from the user; errors come through the notebook."""
    kept = os.dup(2)
    with open(path, "wb") as file:
        os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


# --- the page --------------------------------------------------------------------------------


def page(nb, arguments, csv, table_name):
    """The executed notebook as one HTML page that asks no other file for anything."""
    markdown = MarkdownIt("commonmark", {"html": True}).enable("table")
    link = base64.b64encode(csv.encode()).decode()
    parts, n_figures = [], 0
    for cell in nb.cells:
        tags = cell.metadata.get("tags", [])
        if cell.cell_type == "markdown":
            parts.append(markdown.render(cell.source))
        elif "download" in tags:
            name = html.escape(table_name)
            parts.append(f'<p><a class="download" download="{name}" href="data:text/csv;base64,{link}">'
                         f"Download this table with all columns (CSV)</a></p>")
        elif "show" in tags:
            for output in cell.outputs:
                shown = output.get("data", {})
                if "image/png" in shown:
                    n_figures += 1
                    parts.append(figure(shown["image/png"], cell.metadata["mystnb"], n_figures))
                elif "text/markdown" in shown:
                    parts.append(markdown.render(shown["text/markdown"]))
    body = "\n".join(parts)
    findings, _, rest = body.partition("<h2>")
    headings = []

    def anchored(section):
        title, _, text = section.partition("</h2>")
        anchor = f"section-{len(headings) + 1}"
        headings.append(f'<li><a href="#{anchor}">{title}</a></li>')
        return f'<section id="{anchor}"><h2>{title}</h2>{text}</section>'

    sections = "\n".join(anchored(section) for section in rest.split("<h2>"))
    sections = sections.replace("<table>", '<div class="table" tabindex="0" role="group" '
                                           'aria-label="table, scrolls sideways"><table>')
    sections = sections.replace("</table>", "</table></div>").replace("<th ", '<th scope="col" ')
    title = f"Report: {html.escape(arguments.weights.name)}"
    contents = "\n".join(headings)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{STYLE.read_text()}</style>
</head>
<body>
<header>
<p class="kind">Recurrent weights in ordered Schur coordinates</p>
<h1>{title}</h1>
</header>
<main>
<section id="findings" class="findings"><h2>Findings</h2>
{findings}</section>
<nav aria-label="Contents"><ul>
{contents}
<li><a href="#cite">How to cite, and how this was made</a></li>
</ul></nav>
{sections}
<section id="cite"><h2>How to cite, and how this was made</h2>
{origin(arguments)}</section>
</main>
</body>
</html>
"""


def figure(png, metadata, number):
    alt, caption = metadata["image"]["alt"], metadata["figure"]["caption"]
    return (f'<figure><img alt="{html.escape(alt)}" src="data:image/png;base64,{"".join(png.split())}">'
            f"<figcaption><strong>Figure {number}.</strong> {html.escape(caption)}</figcaption></figure>")


def origin(arguments):
    """How to cite; the command, the files by their digest, the versions."""
    digests = "".join(
        f"<li>{what} <code>{html.escape(path.name)}</code>, SHA-256 "
        f"<code>{hashlib.sha256(path.read_bytes()).hexdigest()}</code></li>"
        for what, path in (("weights", arguments.weights), ("data", arguments.data))
    )
    given = ["--weights", arguments.weights.name, "--data", arguments.data.name,
             "--metric", arguments.metric, "--alpha", f"{arguments.alpha:g}"]
    if arguments.activation:
        given += ["--activation", arguments.activation]
    given += [part for pair in arguments.parameter for part in ("--parameter", pair)]
    given += ["--batch-first"] * arguments.batch_first
    command = html.escape("python3 run.py report " + shlex.join(given))
    versions = ", ".join(f"{name} {importlib.metadata.version(name).split('+')[0]}"
                         for name in ("schur-lib", "torch", "numpy", "scipy"))
    companion = importlib.metadata.version("schur-lib")
    return f"""<p>The method, the blocks and the removals are those of: Simon Dräger,
<cite>Task-Restricted Symmetries in Recurrent Weight Space</cite>, arXiv:2606.18457 (2026). The controls
(nulls, doses, halves, the search for sets that can go) are those of its reproducible companion, schur-lib
{companion}. Please cite both.</p>
<p>Command:</p>
<pre tabindex="0"><code>{command}</code></pre>
<ul>{digests}</ul>
<p>Versions: Python {sys.version_info[0]}.{sys.version_info[1]}, {versions}. Random numbers are seeded: the same
files give the same report on the same kind of machine.</p>
"""


if __name__ == "__main__":
    main()
