"""A network and its data from files to one HTML page, which asks no other file for anything, and its numbers."""

import base64
import hashlib
import importlib.metadata
import io
import json
import os
import re
import shlex
import sys
import tempfile
import urllib.parse
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from matplotlib import pyplot as plt
from torch import Tensor

from report import explorer, figures
from report.data import check_fit, load_data
from report.equations import RateNetwork
from report.findings import number, of_the_networks, of_the_plan
from report.measure import AMOUNTS, BUDGET, Diagnosis, Plan, diagnose, expected_seconds, plan_of, split
from report.options import arguments
from report.readings import other_readings
from report.weights import load_network
from schur_lib.metrics import NEGLIGIBLE_MASS, is_scored
from schur_lib.profile import over_networks
from schur_lib.stability import CAUTION
from study.figures.style import without
from study.probes.perturbations import SIZE

FOLDER = Path(__file__).parent
SCHEMA = 1  # of the tables and of the JSON: rises when a name goes or changes its meaning
ENDINGS = (".csv", ".json")  # of what goes beside a page
LARGEST = 1e308  # stands for what has grown beyond all bounds, which JSON cannot say


@dataclass(frozen=True, eq=False)
class Case:
    """One network and its data, ready to be measured."""

    weights: Path
    data: Path
    net: RateNetwork
    inputs: Tensor
    targets: Tensor
    plan: Plan
    settings: dict[str, Any]  #: metric, alpha, activation, names, batch_first, budget, reading


def write_report(
    weights: Path | Sequence[Path],
    data: Path,
    output: Path,
    metric: str = "fvu",
    alpha: float = 0.9,
    activation: str | None = None,
    names: Mapping[str, str] | None = None,
    batch_first: bool = False,
    budget: float = BUDGET,
    say: Callable[[str], None] = lambda text: None,
    **reading: Any,
) -> list[Diagnosis]:
    """The whole diagnostic of networks in files: a page each, and the numbers beside it.

    Args:
        weights, activation, names, reading: see `report.weights.load_network`; of several files each is a network,
            and `output` compares them and links their pages, which go beside it.
        data, batch_first: see `report.data.load_data`.
        output: the page, .html; its numbers go beside it as .csv and .json. None of them may exist.
        metric: name of the score.
        alpha: splits the leading sector from its complement, in (0, 1].
        budget: minutes, for all networks together; see `report.measure.plan_of`.
        say: is told, before the work on each network, what it will take.

    Returns:
        What the pages show, one a network, with `does_task`, `summary` and `findings` in words.

    Raises:
        FileNotFoundError, ValueError: what does not fit, before anything is measured or written.
        FileExistsError: a file has come to be there meanwhile.
    """
    files = [Path(weights)] if isinstance(weights, str | Path) else [Path(path) for path in weights]
    data, output = Path(data), Path(output)
    pages = [output]
    if len(files) > 1:
        pages = [output.with_name(f"{output.stem}-{i}-{path.stem}.html") for i, path in enumerate(files, start=1)]
    for page in {output, *pages}:
        _check_output(page)
    settings = {"metric": metric, "alpha": alpha, "activation": activation, "names": names or None,
                "batch_first": batch_first, "budget": budget, "reading": reading}  # fmt: skip
    cases = _cases(files, data, settings)
    all_found, texts = [], {}
    for case, page in zip(cases, pages, strict=True):
        trials, *parts = split(case.net, case.inputs, case.targets, metric, case.plan)
        seconds = expected_seconds(case.plan, trials, parts[0])
        trials.form.n_leading(alpha)  # raises for a bad alpha
        which = f"{_shown(case.weights.name)}: " if len(cases) > 1 else ""
        say(f"{which}{_expected(seconds, case.plan)}")
        with warnings.catch_warnings():
            warnings.filterwarnings(
                "ignore", "this network does not do the task"
            )  # the page says so, first of all
            found = diagnose(trials, *parts, case.plan, case.inputs.shape[1], alpha, equation=case.net.text())
        texts |= _texts(found, case, page)
        all_found.append(found)
    if len(cases) > 1:
        texts |= _comparison(all_found, cases, pages, output)
    _write(texts)
    return all_found


def _cases(files, data, settings):
    """All that is to be measured, loaded and checked."""
    metric = settings["metric"]
    inputs, targets = load_data(data, metric, settings["batch_first"])
    cases = []
    for path in files:
        net = load_network(path, settings["activation"], settings["names"], **settings["reading"])
        check_fit(net, inputs, targets, metric)
        n_steps, n_trials = inputs.shape[:2]
        if n_trials < 4:
            raise ValueError(
                f"the data must hold at least 4 trials, got {n_trials} (inputs are {tuple(inputs.shape)}, "
                "time first)"
            )
        budget, fused = settings["budget"] / len(files), net.plain() is not None
        plan = plan_of(n_steps, n_trials, net.hidden_size, net.n_outputs, budget, fused)
        cases.append(Case(path, data, net, inputs.to(net.W_hh.dtype), targets, plan, settings))
    return cases


def _expected(seconds, plan):
    """How long it will take, how much memory, and what is thinned."""
    time = f"{max(1, round(seconds))} s" if seconds < 90 else f"{round(seconds / 60)} minutes"
    thinned = "" if plan.amount == AMOUNTS[0] else "; thinned to fit, --budget MINUTES allows more"
    return f"this will take about {time} and {plan.memory / 1e9:.1f} GB of memory{thinned}"


def _texts(found, case, page):
    """The page of one network and what goes beside it, {path: text}."""
    table = found.profile.assign(schema=SCHEMA)
    csv, numbers = _csv(table), _json(as_json(found, case))
    metric, batch_first = case.settings["metric"], case.settings["batch_first"]
    readings = []
    if found.does_task is False:
        readings = other_readings(case.net, case.inputs, case.targets, metric, batch_first)
    files = {_shown(page.with_suffix(ending).name): text
             for ending, text in zip(ENDINGS, (csv, numbers), strict=True)}  # fmt: skip
    command = _command([case.weights], case.data, case.settings)
    text = render(found, _origin(case.weights), _origin(case.data), command, files, readings)
    return {page.with_suffix(".csv"): csv, page.with_suffix(".json"): numbers, page: text}


def as_json(found: Diagnosis, case: Case) -> dict:
    """All numbers of a report; `SCHEMA` says what its keys mean."""
    tables = {
        "profile": found.profile,
        "steady": found.steady,
        "doses": found.doses.rename(columns={found.trials.metric.name: "score"}),
        "halves": found.halves,
        "stabilisers": found.stable,
    }
    net, trials = case.net, found.trials
    return {
        "schema": SCHEMA,
        "versions": versions(),
        "weights": _origin(case.weights),
        "data": _origin(case.data),
        "equation": found.equation,
        "sources": case.net.sources, "notes": case.net.notes,
        "hidden_size": net.hidden_size, "n_inputs": net.n_inputs, "n_outputs": net.n_outputs,
        "n_steps": len(case.inputs), "n_scored": trials.n_scored,
        "share_scored": float(is_scored(trials.targets).double().mean()),
        "n_given": found.n_given, "n_trials": trials.n_trials,
        "n_some": found.some.n_trials, "n_held_out": found.held_out.n_trials,
        "draws": found.plan.amount.draws, "perturbations": found.plan.amount.perturbations,
        "metric": trials.metric.name, "alpha": found.alpha, "tolerance": found.tolerance,
        "score": trials.intact, "skill": found.skill, "does_task": found.does_task, "allowed": found.allowed,
        "summary": found.summary, "findings": found.findings,
        "cut": {"n_leading": trials.form.n_leading(found.alpha), **found.cut._asdict()},
        "departure": found.departure,
        "tables": {name: table.to_dict("records") for name, table in tables.items()},
    }  # fmt: skip


def render(
    found: Diagnosis,
    weights: Mapping[str, str],
    data: Mapping[str, str],
    command: str,
    files: Mapping[str, str],
    readings: Sequence[str] = (),
) -> str:
    """The page of one network as text.

    Args:
        found: what it shows.
        weights, data: `name` and `sha256` of the files.
        command: what makes this page.
        files: the texts that go beside it, by their names: the table and all numbers.
        readings: from `other_readings`.
    """
    couplings = found.trials.form.mass(found.trials.form.above) > NEGLIGIBLE_MASS
    why_not = explorer.why_not(found.trials) if couplings else "it has no couplings to remove"
    return _template("page.html").render(
        found=found,
        trials=found.trials,
        net=found.trials.module,
        readings=readings,
        form=found.trials.form,
        scored=float(is_scored(found.trials.targets).double().mean()),
        pictures=pictures(found),
        explorer_css=Markup((explorer.FOLDER / "explorer.css").read_text(encoding="utf-8")),
        panel=Markup((explorer.FOLDER / "panel.html").read_text(encoding="utf-8")),
        scripts=[] if why_not else [Markup(text) for text in explorer.scripts(found.trials, found.alpha)],
        why_not=why_not,
        thinned=of_the_plan(found.plan, found.n_given, AMOUNTS[0]),
        weights=weights,
        data=data,
        command=command,
        files=_downloads(files),
        perturbation=SIZE,
        caution=CAUTION,
    )


# --- several networks -------------------------------------------------------------------------------


def _comparison(all_found, cases, pages, output):
    """The page that compares networks and what goes beside it, {path: text}."""
    metric = all_found[0].trials.metric
    names = [_shown(case.weights.name) for case in cases]
    profiles = [found.profile for found in all_found]
    over = over_networks(profiles)
    sign = -1 if metric.higher_is_better else 1
    harms = pd.concat([p.assign(network=i, weights=name, harm=sign * p.delta)
                       for i, (p, name) in enumerate(zip(profiles, names, strict=True), start=1)])  # fmt: skip
    csv = _csv(harms[["network", "weights", *profiles[0]]].assign(schema=SCHEMA))
    numbers = _json({
        "schema": SCHEMA,
        "versions": versions(),
        "over_networks": over.to_dict("records"),
        "networks": [as_json(found, case) for found, case in zip(all_found, cases, strict=True)],
    })  # fmt: skip
    with matplotlib.rc_context():
        own_defaults()
        picture = _picture(figures.comparison(harms, over, sign))
    files = {_shown(output.with_suffix(ending).name): text
             for ending, text in zip(ENDINGS, (csv, numbers), strict=True)}  # fmt: skip
    links = [urllib.parse.quote(os.fsencode(page.name)) for page in pages]
    text = _template("comparison.html").render(
        networks=list(zip(all_found, names, links, strict=True)),
        failing=[name for name, found in zip(names, all_found, strict=True) if found.does_task is False],
        over=over,
        blocks=of_the_networks(over, metric),
        equations=list(dict.fromkeys(found.equation for found in all_found)),
        sign=sign,
        metric=metric,
        picture=picture,
        data=_origin(cases[0].data),
        command=_command([case.weights for case in cases], cases[0].data, cases[0].settings),
        files=_downloads(files),
    )
    return {output.with_suffix(".csv"): csv, output.with_suffix(".json"): numbers, output: text}


# --- parts of pages ---------------------------------------------------------------------------------


def versions() -> dict[str, str]:
    """Of Python and of the libraries whose numbers these are."""
    known = {
        name: importlib.metadata.version(name).split("+")[0] for name in ("schur-lib", "torch", "numpy", "scipy")
    }
    return {"Python": "{}.{}.{}".format(*sys.version_info), **known}


def own_defaults() -> None:
    """Set matplotlib as it comes, whatever the user has set; within a `rc_context`."""
    matplotlib.rcdefaults()
    matplotlib.use("agg")


def pictures(found: Diagnosis) -> dict[str, str]:
    """The figures of the page by name, as data URIs; the same whatever matplotlib is set to."""
    metric = found.trials.metric
    with matplotlib.rc_context():
        own_defaults()
        drawn = {
            "spectrum": figures.spectrum(found.trials.form, found.alpha),
            "profile": figures.profile(found.profile, found.allowed),
            "doses": figures.doses(found.doses, metric.name, found.allowed),
            "halves": figures.halves(found.halves, metric.name),
        }
        if len(found.departure["growth"]):
            drawn["growth"] = figures.growth(found.departure["growth"], found.departure["henrici"])
        return {name: _picture(figure) for name, figure in drawn.items()}


def _picture(figure):
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=figure.dpi, bbox_inches="tight")
    plt.close(figure)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def marked(text: str) -> Markup:
    """A text with the indices of its symbols, T_RR, n_R, h_{t−1}, set as HTML; all else in it is escaped."""
    index = r"\b([A-Za-z])_(?:\{([^{}]*)\}|(RR|CR|CC|R|xh|hh|hy|h|y|t|0)\b)"
    return Markup(re.sub(index, lambda m: f"{m[1]}<sub>{m[2] or m[3]}</sub>", str(escape(text))))


def _template(name):
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
    style = Markup((FOLDER / "report.css").read_text(encoding="utf-8"))
    environment.globals |= {"style": style, "versions": versions(), "schema": SCHEMA}
    return environment.get_template(name)


def _csv(table):
    return table.to_csv(index=False, float_format="%.7g", na_rep="nan", lineterminator="\n")


def _json(content):
    return json.dumps(_plain(content), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _plain(value):
    """What JSON can say: null for what is undefined, `LARGEST` for what is without bound."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(one) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None if np.isnan(value) else float(np.copysign(LARGEST, value))
    return value


def _downloads(files):
    """Names and data URIs of files by what they are."""
    return {
        Path(name).suffix: (
            name,
            "data:text/plain;base64," + base64.b64encode(text.encode(errors="replace")).decode(),
        )
        for name, text in files.items()
    }


def _origin(path):
    return {"name": _shown(path.name), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def _shown(name):
    """A file's name, which may be any bytes, as text that can be written."""
    return os.fsencode(name).decode(errors="replace")


def _command(weights, data, settings):
    given = ["--weights", *(path.name for path in weights), "--data", data.name, "--metric", settings["metric"]]
    given += ["--alpha", f"{settings['alpha']:g}"]
    given += ["--activation", settings["activation"]] if settings["activation"] else []
    given += [part for pair in (settings["names"] or {}).items() for part in ("--parameter", "=".join(pair))]
    given += arguments(settings["reading"]) + ["--batch-first"] * settings["batch_first"]
    given += ["--budget", f"{settings['budget']:g}"] if settings["budget"] != BUDGET else []
    return "python3 run.py report " + _shown(shlex.join(given))


def _check_output(output):
    if output.suffix not in (".html", ".htm"):
        raise ValueError(f"--output must end in .html, got {output}")
    for path in (output, *(output.with_suffix(ending) for ending in ENDINGS)):
        if os.path.lexists(path):
            raise ValueError(f"{path} exists and is left as it is; give another --output")
    if not output.parent.is_dir():
        raise ValueError(f"the folder of --output does not exist: {output.parent}")
    if not os.access(output.parent, os.W_OK):
        raise ValueError(f"the folder of --output cannot be written to: {output.parent}")


def _write(texts):
    """Write files of one folder, all or none: aside, then renamed. What has come to be there stays."""
    folder = next(iter(texts)).parent
    try:
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
    except FileExistsError:
        raise
    except OSError as error:
        size = sum(len(text.encode(errors="replace")) for text in texts.values())
        raise OSError(
            f"the report could not be written to {folder.absolute()}, which needs {size / 1e6:.1f} MB: "
            f"{error.strerror or error}; nothing is left there, so make room or give another --output"
        ) from error
