"""A network and its data from files to one HTML page, which asks no other file for anything, and a table."""

import base64
import hashlib
import importlib.metadata
import io
import os
import re
import shlex
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from matplotlib import pyplot as plt

from report import figures
from report.data import check_fit, load_data
from report.findings import number
from report.measure import PERTURBATIONS, Diagnosis, diagnose, split
from report.options import arguments
from report.readings import other_readings
from report.weights import load_network
from schur_lib.stability import CAUTION
from study.figures.style import without
from study.probes.perturbations import SIZE

FOLDER = Path(__file__).parent


def write_report(
    weights: Path,
    data: Path,
    output: Path,
    metric: str = "fvu",
    alpha: float = 0.9,
    activation: str | None = None,
    names: Mapping[str, str] | None = None,
    batch_first: bool = False,
    **reading: Any,
) -> Diagnosis:
    """The whole diagnostic of a network in files: a page, and its table beside it.

    Args:
        weights, activation, names, reading: see `report.weights.load_network`.
        data, batch_first: see `report.data.load_data`.
        output: the page, .html; its table goes beside it as .csv. Neither may exist.
        metric: name of the score.
        alpha: splits the leading sector from its complement, in (0, 1].

    Returns:
        What the page shows, with `does_task` and `findings` as its summary.

    Raises:
        FileNotFoundError, ValueError: what does not fit, before anything is measured or written.
        FileExistsError: a file has come to be there meanwhile.
    """
    weights, data, output = Path(weights), Path(data), Path(output)
    table = output.with_suffix(".csv")
    _check_output(output, table)
    inputs, targets = load_data(data, metric, batch_first)
    net = load_network(weights, activation, names or None, **reading)
    check_fit(net, inputs, targets, metric)
    if inputs.shape[1] < 4:
        raise ValueError(
            f"the data must hold at least 4 trials, got {inputs.shape[1]} (inputs are "
            f"{tuple(inputs.shape)}, time first)"
        )
    inputs = inputs.to(net.W_hh.dtype)
    trials, *parts = split(net, inputs, targets, metric)
    trials.form.n_leading(alpha)  # raises for a bad alpha
    found = diagnose(trials, *parts, alpha)
    csv = found.profile.to_csv(index=False, float_format="%.7g", na_rep="nan", lineterminator="\n")
    command = _command(weights, data, metric, alpha, activation, names or {}, batch_first, reading)
    readings = [] if found.does_task is not False else other_readings(net, inputs, targets, metric, batch_first)
    page = render(found, _origin(weights), _origin(data), command, _shown(table.name), csv, readings)
    _write({table: csv, output: page})
    return found


def render(
    found: Diagnosis,
    weights: Mapping[str, str],
    data: Mapping[str, str],
    command: str,
    table_name: str,
    csv: str,
    readings: Sequence[str] = (),
) -> str:
    """The page as text.

    Args:
        found: what it shows.
        weights, data: `name` and `sha256` of the files.
        command: what makes this page.
        table_name: under which its table is saved.
        csv: the table.
        readings: from `other_readings`.
    """
    environment = Environment(
        loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {
        "number": number,
        "known": lambda value: "–" if value != value else number(value),
        "fixed": lambda value, digits=4: "–" if value != value else f"{value:.{digits}f}",
        "percent": lambda value: f"{value:.0%}",
        "without": without,
        "marked": marked,
    }
    versions = {name: importlib.metadata.version(name).split("+")[0]
                for name in ("schur-lib", "torch", "numpy", "scipy")}  # fmt: skip
    return environment.get_template("page.html").render(
        found=found,
        trials=found.trials,
        net=found.trials.module,
        readings=readings,
        form=found.trials.form,
        cut=found.trials.form.cut_report(found.alpha),
        pictures=pictures(found),
        style=Markup((FOLDER / "report.css").read_text(encoding="utf-8")),
        weights=weights,
        data=data,
        command=command,
        table_name=table_name,
        csv=base64.b64encode(csv.encode()).decode(),
        versions=versions,
        python="{}.{}".format(*sys.version_info),
        perturbation=SIZE,
        n_perturbations=PERTURBATIONS,
        caution=CAUTION,
    )


def pictures(found: Diagnosis) -> dict[str, str]:
    """The figures of the page by name, as data URIs; the same whatever matplotlib is set to."""
    metric, drawn = found.trials.metric, {}
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.use("agg")
        for name, figure in (
            ("spectrum", figures.spectrum(found.trials.form, found.alpha)),
            ("profile", figures.profile(found.profile, found.allowed)),
            ("doses", figures.doses(found.doses, metric.name, found.allowed)),
            ("halves", figures.halves(found.halves, metric.name)),
            ("growth", figures.growth(found.departure["growth"], found.departure["henrici"])),
        ):
            file = io.BytesIO()
            figure.savefig(file, format="png", dpi=figure.dpi, bbox_inches="tight")
            plt.close(figure)
            drawn[name] = "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
    return drawn


def marked(text: str) -> Markup:
    """A text with its blocks T_RR and the number n_R set as HTML; all else in it is escaped."""
    return Markup(re.sub(r"\b([Tn])_(RR|CR|CC|R)\b", r"\1<sub>\2</sub>", str(escape(text))))


def _origin(path):
    return {"name": _shown(path.name), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def _shown(name):
    """A file's name, which may be any bytes, as text that can be written."""
    return os.fsencode(name).decode(errors="replace")


def _command(weights, data, metric, alpha, activation, names, batch_first, reading):
    given = ["--weights", weights.name, "--data", data.name, "--metric", metric]
    given += ["--alpha", f"{alpha:g}"]
    given += ["--activation", activation] if activation else []
    given += [part for pair in names.items() for part in ("--parameter", "=".join(pair))]
    given += arguments(reading) + ["--batch-first"] * batch_first
    return "python3 run.py report " + _shown(shlex.join(given))


def _check_output(output, table):
    if output.suffix not in (".html", ".htm"):
        raise ValueError(f"--output must end in .html, got {output}")
    for path in (output, table):
        if os.path.lexists(path):
            raise ValueError(f"{path} exists and is left as it is; give another --output")
    if not output.parent.is_dir():
        raise ValueError(f"the folder of --output does not exist: {output.parent}")
    if not os.access(output.parent, os.W_OK):
        raise ValueError(f"the folder of --output cannot be written to: {output.parent}")


def _write(texts):
    """Write files of one folder, all or none: aside, then renamed. What has come to be there stays."""
    folder = next(iter(texts)).parent
    with tempfile.TemporaryDirectory(prefix=".report-", dir=folder) as aside:
        for path, text in texts.items():
            (Path(aside) / path.name).write_bytes(text.encode(errors="replace"))
        ours = []
        try:
            for path in texts:
                path.open("x").close()  # raises if there is one by now
                ours.append(path)
            for path in texts:
                os.replace(Path(aside) / path.name, path)
        except BaseException:
            for path in ours:
                path.unlink(missing_ok=True)
            raise
