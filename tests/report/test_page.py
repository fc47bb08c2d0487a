"""The report on one's own network: the page and its table, what it refuses, what it leaves alone."""

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import urllib.parse
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest
import torch
from axe_playwright_python.sync_playwright import Axe
from torch import nn

import run
from report import __main__ as command
from report import page
from report.findings import number
from report.page import marked, pictures, render, write_report

T, B, N = 10, 24, 8
ORIGIN = {"name": "w.pt", "sha256": "0"}
FILES = {"a.csv": "1", "a.json": "{}"}
ROOT = Path(run.__file__).parent


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.readout = nn.RNN(2, N), nn.Linear(N, 1)

    def forward(self, x):
        return self.readout(self.rnn(x)[0])


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    torch.manual_seed(0)
    model = Model()
    torch.save(model.state_dict(), folder / "w.pt")
    x = torch.randn(T, B, 2)
    y = model(x).detach() + 0.05 * torch.randn(T, B, 1)
    np.savez(folder / "d.npz", inputs=x, targets=y)
    return folder


@pytest.fixture(scope="module")
def found(files):
    """The diagnosis of the report that is at page.html."""
    said = []
    (found,) = write_report(files / "w.pt", files / "d.npz", files / "page.html", say=said.append)
    assert re.fullmatch(r"this will take about \d+ (s|minutes) and 0\.4 GB of memory", *said)
    return found


@pytest.fixture(scope="module")
def made(files, found):
    return files / "page.html"


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.text, self.within = [], {}, []  # what stands directly in a tag
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in ("meta", "img"):
            self.within.append(tag)

    def handle_endtag(self, tag):
        self.within.remove(tag)

    def handle_data(self, data):
        if self.within:
            self.text.setdefault(self.within[-1], []).append(data)


def read(path):
    return pd.read_csv(path, keep_default_na=False, na_values=["nan"])


def test_the_table_is_beside_the_page_and_within_it(made):
    csv = made.with_suffix(".csv").read_text()
    links = [a for tag, a in Page(made.read_text()).tags if tag == "a" and "download" in a]
    assert [link["download"] for link in links] == ["page.csv", "page.json"]
    held = [base64.b64decode(link["href"].removeprefix("data:text/plain;base64,")).decode() for link in links]
    assert held == [csv, made.with_suffix(".json").read_text()]
    table = read(made.with_suffix(".csv"))
    assert len(table) == 8 and {"isotropic_p", "same_entries_median", "low"} <= set(table)


def test_the_findings_say_the_numbers_of_the_table(made, found):
    table = read(made.with_suffix(".csv"))
    single = table[table.removed.isin(["RR", "CR", "CC"]) & (table.mass > 1e-5)]
    worst = single.loc[single.delta.idxmax()]
    findings = made.read_text().partition('<section id="section-1">')[0]
    assert f"removing T<sub>{worst.removed}</sub> does the most harm" in findings
    assert f"a change of {number(worst.delta)} " in findings
    assert f"scores {number(table.score[0])} (" in findings
    assert f"leading sector holds {table.n_leading[0]} of {N} dimensions" in findings
    assert findings.partition('id="findings"')[2].count("<li>") == len(found.findings)
    assert findings.partition("<nav")[0].count("<p") == 1 + len(found.summary) == 4


def test_the_json_holds_what_the_tables_and_the_page_say(made, found, files):
    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    numbers = json.loads(made.with_suffix(".json").read_text(), parse_constant=refuse)
    table = read(made.with_suffix(".csv"))
    assert numbers["schema"] == page.SCHEMA == 1 and (table.pop("schema") == 1).all()
    profile = pd.DataFrame(numbers["tables"]["profile"])
    pd.testing.assert_frame_equal(profile, table, check_dtype=False, rtol=1e-6)
    assert numbers["summary"] == found.summary and numbers["findings"] == found.findings
    assert (numbers["score"], numbers["does_task"]) == (found.trials.intact, False)
    assert numbers["data"]["sha256"] == hashlib.sha256((files / "d.npz").read_bytes()).hexdigest()
    assert set(numbers["tables"]) == {"profile", "steady", "doses", "halves", "stabilisers"}
    assert pd.DataFrame(numbers["tables"]["doses"]).score.max() == pytest.approx(found.doses.fvu.max())
    assert numbers["departure"]["growth"] == pytest.approx(found.departure["growth"])


def test_what_json_cannot_say_has_a_number_of_its_own():
    content = {1: [np.float64("nan"), np.inf, -np.inf], "a": np.arange(2), "b": (np.bool_(True), None, "c")}
    assert page._plain(content) == {"1": [None, 1e308, -1e308], "a": [0, 1], "b": [True, None, "c"]}


def test_every_key_and_column_is_in_the_data_dictionary(made):
    """What people build on them survives a renaming only if it is written down, and raises `SCHEMA`."""
    numbers = json.loads(made.with_suffix(".json").read_text())
    columns = {column for table in numbers["tables"].values() for row in table for column in row}
    names = {*numbers, *numbers["cut"], *numbers["departure"], *columns, "schema"}
    names |= {"network", "over_networks", "networks", "n_networks"}  # of several networks
    dictionary = (ROOT / "book" / "data.md").read_text().partition("## The numbers of a report, schema 1")[2]
    written = set(re.findall(r"`(\w+)`", dictionary))
    kinds = ("isotropic", "same_entries")
    written |= {f"{kind}_{part}" for kind in kinds for part in ("low", "median", "high", "p", "effect")}
    assert names - written == set()


def test_a_caution_stands_out_and_first(made, found):
    said = made.read_text()
    assert '<h2>In short</h2>\n<p class="caution">Caution: this network' in said
    assert found.does_task is False and said.count('class="caution"') == 1
    fine = render(replace(found, skill=0.99), ORIGIN, ORIGIN, "", FILES)
    equation = "h ← tanh(W<sub>hh</sub> h + W<sub>xh</sub> x + b<sub>h</sub>)"
    assert f"<h2>In short</h2>\n<p>What was run, with 8 units: {equation}" in fine


def test_every_part_is_there_and_the_page_asks_nothing_of_other_machines(made):
    text = made.read_text()
    for heading in ("Spectrum and cut", "Is the cut well posed?", "The profile of the eight subsets",
                    "Dose and response", "only what reads the activity", "What can go at once",
                    "Nonnormality", "How to cite"):  # fmt: skip
        assert heading in text
    assert "arXiv:2606.18457" in text and "<script src" not in text and "Traceback" not in text
    tags = Page(text).tags
    images = [a for tag, a in tags if tag == "img"]
    assert len(images) == 5 and all(len(a["alt"]) > 30 for a in images)
    anchors = {a["id"] for _, a in tags if "id" in a}
    for _, attributes in tags:
        for key in ("src", "href"):
            where = attributes.get(key, "data:")
            assert where.startswith("data:") or where.removeprefix("#") in anchors
    assert not re.search(r"url\(|@import", text)
    assert not re.search(r"(?<!<code)>\s*nan\s*<", text, re.I)


def test_the_page_says_how_it_was_made(made, files):
    text = made.read_text()
    assert "run.py report --weights w.pt --data d.npz --metric fvu --alpha 0.9</code>" in text
    for name in ("w.pt", "d.npz"):
        assert hashlib.sha256((files / name).read_bytes()).hexdigest() in text
    assert f"torch {torch.__version__.split('+')[0]}" in text


@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (390, "dark")])
def test_the_page_is_sound_in_a_browser_without_a_network(browser, made, width, scheme):
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    context.set_offline(True)
    tab, troubles = context.new_page(), []
    tab.on("pageerror", lambda error: troubles.append(str(error)))
    tab.on("console", lambda m: troubles.append(m.text) if m.type == "error" else None)
    tab.on("request", lambda r: None if r.url.startswith(("file:", "data:"))
           else troubles.append(f"asks for {r.url}"))  # fmt: skip
    tab.goto(made.as_uri())
    assert not tab.evaluate("document.documentElement.scrollWidth > innerWidth")
    assert tab.evaluate("[...document.images].every(i => i.complete && i.naturalWidth > 300)")
    assert troubles == []
    bad = [v["id"] for v in Axe().run(tab).response["violations"]
           if v["impact"] in ("serious", "critical")]  # fmt: skip
    context.close()
    assert bad == []


# --- several networks -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def compared(files):
    """Three networks, one of which does its task, on one page; its path, and what was found."""
    folder = files / "several"
    folder.mkdir()
    for seed in range(3):
        torch.manual_seed(seed)
        model = Model()
        torch.save(model.state_dict(), folder / f"a b{seed}.pt")
        if seed == 0:
            x = torch.randn(T, B, 2)
            np.savez(folder / "d.npz", inputs=x, targets=model(x).detach() + 0.01 * torch.randn(T, B, 1))
    weights = [folder / f"a b{seed}.pt" for seed in range(3)]
    return folder / "c.html", write_report(weights, folder / "d.npz", folder / "c.html")


def test_networks_are_compared_with_each_as_one_observation(compared):
    made, all_found = compared
    harms = np.array([found.profile.set_index("removed").delta["CC"] for found in all_found])
    numbers = json.loads(made.with_suffix(".json").read_text())
    row = pd.DataFrame(numbers["over_networks"]).set_index("removed").loc["CC"]
    assert row.delta == pytest.approx(harms.mean()) and row.n_networks == 3
    assert harms.min() <= row.low <= row.delta <= row.high <= harms.max()
    assert [one["weights"]["name"] for one in numbers["networks"]] == ["a b0.pt", "a b1.pt", "a b2.pt"]
    table = read(made.with_suffix(".csv"))
    assert len(table) == 24 and table.groupby("weights").network.unique().str[0].tolist() == [1, 2, 3]
    assert table[(table.network == 2) & (table.removed == "CC")].delta.item() == pytest.approx(harms[1], rel=1e-6)


def test_the_page_of_the_comparison_links_the_page_of_each_network(compared):
    made, all_found = compared
    text = made.read_text()
    links = [a["href"] for tag, a in Page(text).tags if tag == "a" and a["href"].endswith(".html")]
    assert links == [f"c-{i + 1}-a%20b{i}.html" for i in range(3)]
    for link, found in zip(links, all_found, strict=True):
        page_of_one = made.with_name(urllib.parse.unquote(link)).read_text()
        assert marked(found.summary[0]) in page_of_one
    assert [found.does_task for found in all_found] == [True, False, False]
    assert "of these networks 2 of 3 do not do the task well" in text and ": a b1.pt, a b2.pt.</p>" in text
    assert text.count("<img ") == 1 and "data:image/png;base64," in text
    assert "--weights 'a b0.pt' 'a b1.pt' 'a b2.pt' --data d.npz" in text.replace("&#39;", "'")


def test_of_several_networks_all_pages_are_written_or_none(compared, files):
    folder = compared[0].parent
    before = sorted(folder.iterdir())
    weights = [folder / "a b0.pt", folder / "a b1.pt"]
    with pytest.raises(FileNotFoundError, match="no file"):
        write_report([*weights, folder / "none.pt"], folder / "d.npz", folder / "e.html")
    (folder / "e-2-a b1.json").write_text("mine")
    with pytest.raises(ValueError, match="e-2-a b1.json exists and is left as it is"):
        write_report(weights, folder / "d.npz", folder / "e.html")
    (folder / "e-2-a b1.json").unlink()
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize("width", [1400, 390])
def test_the_comparison_is_sound_in_a_browser(browser, compared, width):
    context = browser.new_context(viewport={"width": width, "height": 900})
    context.set_offline(True)
    tab = context.new_page()
    tab.goto(compared[0].as_uri())
    assert not tab.evaluate("document.documentElement.scrollWidth > innerWidth")
    bad = [v["id"] for v in Axe().run(tab).response["violations"] if v["impact"] in ("serious", "critical")]
    tab.get_by_role("link", name="a b1.pt").click()
    assert tab.title() == "Report: a b1.pt"
    context.close()
    assert bad == []


# --- strangers' names, strangers' settings ----------------------------------------------------------


def test_names_of_strangers_are_text_and_never_markup(found):
    evil = "</title><script>alert(1)</script>\"' & {{ 7 * 7 }} T_RR"
    origin = ORIGIN | {"name": evil}
    seen = Page(render(found, origin, origin, evil, {f"{evil}.csv": "a,b\n", f"{evil}.json": "{}"}))
    assert not any("alert(1)" in text for text in seen.text["script"])
    assert seen.text["title"] == [f"Report: {evil}"] == seen.text["h1"]
    assert [a["download"] for _, a in seen.tags if "download" in a] == [f"{evil}.csv", f"{evil}.json"]
    assert seen.text["code"].count(evil) == 3  # the command and two files


def test_only_names_of_blocks_are_set_and_all_else_is_escaped():
    assert marked("<b> T_RR, n_R; XT_RR T_RRR") == ("&lt;b&gt; T<sub>RR</sub>, n<sub>R</sub>; XT_RR T_RRR")
    assert marked("W_hh h_{t−1} + b_h_, x_{<}") == "W<sub>hh</sub> h<sub>t−1</sub> + b_h_, x<sub>&lt;</sub>"


def test_the_command_names_files_roles_and_options():
    settings = {"metric": "accuracy", "alpha": 0.5, "activation": "relu", "names": {"W_hh": "a b", "W_xh": "c"},
                "batch_first": True, "budget": 15.0, "reading": {"leak": 0.5}}  # fmt: skip
    paths = [Path("a/my w.pt"), Path("v.pt")]
    assert page._command(paths, Path("d.npz"), settings) == (
        "python3 run.py report --weights 'my w.pt' v.pt --data d.npz --metric accuracy --alpha 0.5 "
        "--activation relu --parameter 'W_hh=a b' --parameter W_xh=c --leak 0.5 --batch-first"
    )
    assert page._command(paths, Path("d.npz"), {**settings, "budget": 3}).endswith(" --batch-first --budget 3")


def test_the_figures_are_the_same_whatever_matplotlib_is_set_to(found):
    before = pictures(found)
    with matplotlib.rc_context({"text.usetex": True, "figure.dpi": 20, "axes.facecolor": "red"}):
        assert pictures(found) == before
        assert matplotlib.rcParams["text.usetex"]  # left as it was


# --- what is refused, before anything runs, and what is left alone ----------------------------------


def test_what_exists_is_never_overwritten(made, files):
    before = made.read_bytes()
    with pytest.raises(ValueError, match="page.html exists and is left as it is"):
        write_report(files / "w.pt", files / "d.npz", made)
    (files / "other.csv").write_text("mine")
    with pytest.raises(ValueError, match="other.csv exists and is left as it is"):
        write_report(files / "w.pt", files / "d.npz", files / "other.html")
    assert made.read_bytes() == before and (files / "other.csv").read_text() == "mine"


def test_what_has_come_to_be_there_meanwhile_stays_and_nothing_else_is_left(tmp_path):
    (tmp_path / "a.html").write_text("mine")
    with pytest.raises(FileExistsError):
        page._write({tmp_path / "a.csv": "1", tmp_path / "a.html": "2"})
    assert [p.name for p in tmp_path.iterdir()] == ["a.html"]
    assert (tmp_path / "a.html").read_text() == "mine"


def test_a_page_that_cannot_be_written_leaves_no_table_either(tmp_path, monkeypatch):
    rename, calls = os.replace, []

    def full(*paths):
        calls.append(paths)
        if len(calls) == 2:
            raise OSError("no space left")
        rename(*paths)

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="could not be written to .*needs 0.0 MB: no space left; nothing is left"):
        page._write({tmp_path / "a.csv": "1", tmp_path / "a.html": "2"})
    assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    page._write({tmp_path / "a.csv": "1\n", tmp_path / "a.html": "ρ \ud800"})
    assert (tmp_path / "a.csv").read_bytes() == b"1\n"
    assert (tmp_path / "a.html").read_text(encoding="utf-8") == "ρ ?"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": Path("/nowhere/w.pt")}, "no file /nowhere/w.pt"),
        ({"data": Path("/nowhere/d.npz")}, "no file"),
        ({"metric": "mse"}, "metric must be one of .*'mse'"),
        ({"metric": "accuracy"}, "whole numbers"),
        ({"metric": "replay_accuracy"}, "−1 or \\+1"),
        ({"alpha": 1.5}, r"alpha must be a number in \(0, 1\], got 1.5"),
        ({"activation": "gelu"}, "w.pt: activation must be one of .*got 'gelu'"),
        ({"names": {"W_hh": "nothing"}}, "w.pt: .*nothing.*rnn.weight_ih_l0 \\(8, 2\\)"),
        ({"leak": 2.0}, "leak, dt / tau, must be above 0 and at most 1, got 2"),
        ({"data": "few.npz"}, "at least 4 trials, got 3"),
        ({"data": "flat.npz", "batch_first": True}, "network|trials"),
        ({"output": Path("/nowhere/page.html")}, "folder of --output does not exist: /nowhere"),
        ({"output": Path("page.pdf")}, "must end in .html, got page.pdf"),
        ({"budget": 1e-6}, "would take some 1 minutes even with the fewest.*--budget 1 allows it"),
        ({"budget": 0}, "--budget must be a number of minutes above 0, got 0"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_before_anything_runs(files, tmp_path, monkeypatch, change, message):
    def never(*_):
        raise AssertionError("ran")

    monkeypatch.setattr(page, "diagnose", never)
    np.savez(files / "flat.npz", inputs=np.ones((T, B, 2)), targets=np.ones((T, B + 1, 1)))
    np.savez(files / "few.npz", inputs=np.ones((T, 3, 2)), targets=np.arange(30.0).reshape(T, 3, 1))
    given = {"weights": "w.pt", "data": "d.npz", "output": tmp_path / "page.html"} | change
    paths = {key: files / given.pop(key) for key in ("weights", "data")}
    with pytest.raises((ValueError, OSError), match=message):
        write_report(**paths, **given)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_somebody_else_is_named_before_anything_runs(files, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(ValueError, match=f"folder of --output cannot be written to: {tmp_path}"):
        write_report(files / "w.pt", files / "d.npz", tmp_path / "p.html")
    assert list(tmp_path.iterdir()) == []


def test_the_time_that_is_said_is_timed_on_the_network_and_its_matrix(files, tmp_path, monkeypatch):
    """A form that is there already would take no time."""

    def timed(plan, trials, some):
        assert "form" not in vars(trials)
        return 7200.0

    monkeypatch.setattr(page, "expected_seconds", timed)
    monkeypatch.setattr(page, "diagnose", lambda *_, **__: pytest.fail("said nothing"))

    def stop(text):
        raise KeyboardInterrupt(text)

    with pytest.raises(KeyboardInterrupt, match="about 120 minutes and 0.4 GB of memory$"):
        write_report(files / "w.pt", files / "d.npz", tmp_path / "p.html", say=stop)


# --- the command --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pairs", "names"),
    [([], {}), (["a"], {"W_hh": "a"}), (["W_xh=a=b", "c"], {"W_xh": "a=b", "W_hh": "c"})],
)
def test_names_are_given_by_role(pairs, names):
    assert command.roles(pairs) == names


@pytest.mark.parametrize(("pairs", "wrong"), [(["W=a"], "W=a"), (["W_hh="], "W_hh="), (["W_hh=a", "b"], "b")])
def test_a_role_that_is_unknown_empty_or_given_twice_is_named(pairs, wrong):
    with pytest.raises(ValueError, match=f"ROLE=NAME, each role of .*got '{wrong}'"):
        command.roles(pairs)


def test_the_options_reach_the_report_and_its_caution_the_terminal(monkeypatch, capsys):
    got = []

    class Found:
        does_task, summary = False, ["Caution: …", "more"]

    def write(*given, say):
        got.append(given)
        say("some minutes")
        return [Found] * (len(given[0]) if isinstance(given[0], list) else 1)

    monkeypatch.setattr(page, "write_report", write)
    options = ["--data", "d.npz", "--parameter", "W_hh=a", "--parameter", "W_xh=b", "--activation", "relu",
               "--batch-first", "--alpha", "0.5", "--metric", "accuracy", "--budget", "2"]  # fmt: skip
    monkeypatch.setattr("sys.argv", ["report", "--weights", "a/w.pt", *options])
    command.main()
    given = (Path("d.npz"), Path("report-w.html"), "accuracy", 0.5, "relu", {"W_hh": "a", "W_xh": "b"}, True, 2)
    assert got == [(Path("a/w.pt"), *given)]
    assert capsys.readouterr().out.splitlines() == [
        "some minutes",
        f"the report is {Path('report-w.html').absolute()}",
        "its numbers are beside it, in report-w.csv and report-w.json",
        "Caution: …",
    ]
    monkeypatch.setattr("sys.argv", ["report", "--weights", "a/w.pt", "v.pt", *options])
    command.main()
    assert got[1][0] == [Path("a/w.pt"), Path("v.pt")] and got[1][2] == Path("report-comparison.html")
    assert capsys.readouterr().out.splitlines()[-2:] == ["w.pt: Caution: …", "v.pt: Caution: …"]


@pytest.mark.parametrize("given", [["--help"], ["--weights", "w.pt", "--batch-first"]])
def test_run_py_hands_over_all_arguments_in_the_callers_folder(monkeypatch, tmp_path, given):
    handed = []
    monkeypatch.setattr(run, "environment", lambda: None)
    monkeypatch.setattr(run, "hand_over", lambda *c, **settings: handed.append((c, settings)) or 3)
    monkeypatch.setattr("sys.argv", ["run.py", "report", *given])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        run.main()
    assert stopped.value.code == 3
    assert handed == [(("-P", "-m", "report", *given), {"cwd": tmp_path})]


def in_folder(folder, *given, **variables):
    """The report's command in a folder that holds modules of the same names as its own."""
    for name in ("report", "study", "torch"):
        (folder / f"{name}.py").write_text("raise SystemExit('not ours')")
    return subprocess.run(
        [sys.executable, "-P", "-m", "report", *given], cwd=folder, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "module://nowhere", **variables},
    )  # fmt: skip


@pytest.mark.parametrize("home", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_it_runs_without_a_home_too_and_says_nothing_of_the_users_settings(files, tmp_path, home):
    """Without one, nothing that numba compiles can be kept."""
    (tmp_path / "file").touch()
    (tmp_path / "matplotlibrc").write_text("text.usetex: True\nno such: setting\n")
    settings = {"MATPLOTLIBRC": str(tmp_path)}
    settings |= {} if home else dict.fromkeys(("HOME", "NUMBA_CACHE_DIR"), str(tmp_path / "file"))
    done = in_folder(
        tmp_path, "--weights", files / "w.pt", "--data", files / "d.npz", "--output", "page.html", **settings
    )
    assert done.returncode == 0 and done.stderr == ""
    assert (tmp_path / "page.html").read_text().count("<img ") == 5
    assert done.stdout.splitlines()[1] == f"the report is {tmp_path / 'page.html'}"


@pytest.fixture
def of_another_user(files, tmp_path):
    """A folder `theirs` that cannot be opened, and the command before which it is so for root too."""
    theirs, before = tmp_path / "theirs", []
    theirs.mkdir(mode=0o700)
    (theirs / "w.pt").write_bytes((files / "w.pt").read_bytes())
    if os.name != "posix":
        pytest.skip("who may open a folder is told otherwise here than by its mode")
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("root without setpriv may open every folder")
        os.chown(theirs, 65534, 65534)
        before = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"]
    else:
        theirs.chmod(0)
    yield theirs, before
    theirs.chmod(0o700)


def by_command(before, folder, files, *given, **variables):
    return subprocess.run(
        [*before, sys.executable, "-P", "-m", "report", "--data", files / "d.npz", *given], cwd=folder,
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
    )  # fmt: skip


def test_what_another_user_owns_is_named_in_one_line(files, tmp_path, of_another_user):
    theirs, before = of_another_user
    weights = ["--weights", files / "w.pt"]
    done = by_command(before, tmp_path, files, *weights, "--output", theirs / "p.html")
    assert (done.returncode, done.stderr) == (
        1,
        f"no report: the folder of --output cannot be written to: {theirs}\n",
    )
    done = by_command(before, tmp_path, files, "--weights", theirs / "w.pt", "--output", "p.html")
    assert (done.returncode, done.stderr) == (1, f"no report: {theirs / 'w.pt'}: Permission denied\n")


@pytest.mark.slow  # what numba compiles cannot be kept
def test_scratch_settings_and_caches_that_another_user_owns_are_done_without(files, tmp_path, of_another_user):
    theirs, before = of_another_user
    places = dict.fromkeys(("TMPDIR", "HOME", "NUMBA_CACHE_DIR", "MPLCONFIGDIR", "XDG_CACHE_HOME"), str(theirs))
    done = by_command(
        before, tmp_path, files, "--weights", files / "w.pt", "--budget", "0.05", "--output", "p.html", **places
    )
    assert done.returncode == 0 and done.stderr == "", done.stderr
    assert (tmp_path / "p.html").read_text().count("<img ") == 5 - ("powers of W" in done.stdout)


def test_it_runs_in_any_folder_and_says_in_a_line_what_is_wrong(tmp_path):
    done = in_folder(tmp_path, "--weights", "w.pt", "--data", "d.npz")
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr == "no report: no file d.npz\n"
    (tmp_path / "matplotlibrc").write_bytes(b"text.usetex: True\n\xff")  # unreadable, and first of all that count
    assert in_folder(tmp_path, "--weights", "w.pt", "--data", "d.npz").stderr == done.stderr
    done = in_folder(tmp_path, "--help")
    assert done.returncode == 0 and "usage: python3 run.py report" in done.stdout
