"""The report on one's own network: what it computes, what it writes, and what it refuses."""

import base64
import re
from argparse import Namespace
from html.parser import HTMLParser
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from axe_playwright_python.sync_playwright import Axe
from torch import nn

import run
from report import diagnosis, figures
from report.diagnosis import text
from schur_lib import (
    Network,
    ablation_profile,
    evaluation,
    ordered_schur,
    rollout,
    stabilisers,
    tasks,
)
from schur_lib.profile import held_out
from schur_lib.training import Spec
from study.probes.activity import halves as task_halves
from tools import report

T, B, N = 10, 24, 8


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


def given(folder, **change):
    arguments = {"weights": folder / "w.pt", "data": folder / "d.npz", "metric": "fvu",
                 "alpha": 0.9, "activation": None, "parameter": [], "batch_first": False,
                 "output": folder / "page.html"}  # fmt: skip
    return Namespace(**{**arguments, **change})


@pytest.fixture(scope="module")
def made(files):
    return report.report(given(files))


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))


def test_the_table_is_beside_the_page_and_within_it(made):
    csv = made.with_suffix(".csv").read_text()
    links = [a["href"] for tag, a in Page(made.read_text()).tags
             if tag == "a" and "download" in a]  # fmt: skip
    assert [base64.b64decode(link.partition("base64,")[2]).decode() for link in links] == [csv]
    table = pd.read_csv(made.with_suffix(".csv"), keep_default_na=False, na_values=["nan"])
    assert len(table) == 8 and {"isotropic_p", "same_entries_median", "low"} <= set(table)


def test_the_findings_say_the_numbers_of_the_table(made):
    table = pd.read_csv(made.with_suffix(".csv"), keep_default_na=False, na_values=["nan"])
    single = table[table.removed.isin(["RR", "CR", "CC"]) & (table.mass > 1e-5)]
    worst = single.loc[single.delta.idxmax()]
    findings = made.read_text().partition("<nav")[0]
    assert f"removing T<sub>{worst.removed}</sub> does the most harm" in findings
    assert f"a change of {text(worst.delta)} " in findings
    assert f"scores {text(table.score[0])} (" in findings
    assert f"leading sector holds {table.n_leading[0]} of {N} dimensions" in findings


def test_every_part_is_there_and_the_page_asks_nothing_of_other_machines(made):
    page = made.read_text()
    for heading in ("Spectrum and cut", "Is the cut well posed?", "The profile of the eight subsets",
                    "Dose and response", "only what reads the activity", "What can go at once",
                    "Nonnormality", "How to cite"):  # fmt: skip
        assert heading in page
    assert "arXiv:2606.18457" in page and "<script" not in page and "Traceback" not in page
    tags = Page(page).tags
    images = [a for tag, a in tags if tag == "img"]
    assert len(images) == 5 and all(len(a["alt"]) > 30 for a in images)
    for _, attributes in tags:
        for key in ("src", "href"):
            assert attributes.get(key, "#").startswith(("#", "data:"))
    assert not re.search(r"url\(|@import", page)
    assert not re.search(r">\s*nan\s*<", page, re.I)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 390])
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


# --- what is refused, before anything runs ----------------------------------------------------


def test_what_exists_is_never_overwritten(made, files):
    before = made.read_bytes()
    with pytest.raises(ValueError, match="page.html exists and is left as it is"):
        report.report(given(files))
    (files / "other.csv").write_text("mine")
    with pytest.raises(ValueError, match="other.csv exists and is left as it is"):
        report.report(given(files, output=files / "other.html"))
    assert made.read_bytes() == before and (files / "other.csv").read_text() == "mine"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": Path("/nowhere/w.pt")}, "no file /nowhere/w.pt"),
        ({"data": Path("/nowhere/d.npz")}, "no file"),
        ({"metric": "mse"}, "metric must be one of .*'mse'"),
        ({"metric": "accuracy"}, "whole numbers"),
        ({"metric": "replay_accuracy"}, "−1 or \\+1"),
        ({"alpha": 1.5}, r"alpha must be a number in \(0, 1\], got 1.5"),
        ({"activation": "gelu"}, "--activation must be tanh or relu, got 'gelu'"),
        ({"parameter": ["W=rnn.weight_hh_l0"]}, r"ROLE=NAME, each role of .*got 'W=rnn"),
        ({"parameter": ["W_hh="]}, "got 'W_hh='"),
        ({"parameter": ["W_hh=a", "b"]}, "got 'b'"),
        ({"parameter": ["rnn.weight_hh_l0"]}, r"missing \['W_xh', 'W_hy'\].*rnn.weight_ih_l0 \(8, 2\)"),
        ({"batch_first": True}, "network|trials"),
        ({"output": Path("/nowhere/page.html")}, "folder of --output does not exist: /nowhere"),
        ({"output": Path("page.pdf")}, "must end in .html, got page.pdf"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_before_anything_runs(files, tmp_path, monkeypatch, change, message):
    def never(*_):
        raise AssertionError("ran")

    monkeypatch.setattr(report, "executed", never)
    if change == {"batch_first": True}:
        change = {**change, "data": files / "flat.npz"}
        np.savez(files / "flat.npz", inputs=np.ones((T, B, 2)), targets=np.ones((T, B + 1, 1)))
    with pytest.raises((ValueError, OSError), match=message):
        report.report(given(files, **{"output": tmp_path / "page.html", **change}))
    assert list(tmp_path.iterdir()) == []


def test_run_py_hands_over_paths_that_are_good_in_any_folder(monkeypatch, tmp_path):
    handed = []
    monkeypatch.setattr(run, "hand_over", lambda *command: handed.append(command) or 0)
    monkeypatch.setattr(run, "environment", lambda: None)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        "sys.argv",
        ["run.py", "report", "--weights", "w.pt", "--data", "d.npz", "--parameter", "W_hh=a",
         "--parameter", "W_xh=b", "--activation", "relu", "--batch-first"],
    )  # fmt: skip
    with pytest.raises(SystemExit) as stopped:
        run.main()
    assert stopped.value.code == 0
    monkeypatch.setattr("sys.argv", ["tools.report", *handed[0][2:]])
    monkeypatch.setattr(
        report, "report", lambda arguments: got.append(arguments) or arguments.output
    )
    got = []
    report.main()
    assert vars(got[0]) == {
        "weights": tmp_path / "w.pt", "data": tmp_path / "d.npz", "metric": "fvu", "alpha": 0.9,
        "activation": "relu", "parameter": ["W_hh=a", "W_xh=b"], "batch_first": True,
        "output": tmp_path / "report-w.html",
    }  # fmt: skip


# --- what is computed ---------------------------------------------------------------------------


def flip_flop(B=32):
    torch.manual_seed(1)
    draw = torch.randn
    net = Network(draw(9, 3), draw(9, 9) / 2, draw(3, 9))
    return net, tasks.flip_flop(), held_out(tasks.flip_flop(), B)


def test_halves_are_those_of_the_tasks_chapter():
    net, task, (x, y) = flip_flop(256)
    ours = diagnosis.halves(evaluation(net, "W_hh", x, y), share=0.8)
    theirs = task_halves(Spec("flip_flop"), net, shares=(0.8,))
    theirs = theirs[theirs.removed.isin(set(ours.removed))]
    np.testing.assert_allclose(ours.harm, theirs.delta, atol=2e-4)
    np.testing.assert_allclose(ours.active_mass, theirs.active_mass, rtol=1e-4, atol=1e-12)
    assert ours.k.tolist()[1] < 9 and ours.harm[ours.part == "off"].abs().max() > 1e-3
    assert ours.part.tolist() == theirs.part.tolist()


def test_a_dose_of_nothing_does_nothing_and_a_whole_dose_is_the_removal():
    net, task, (x, y) = flip_flop()
    trials = evaluation(net, "W_hh", x, y)
    table = diagnosis.doses(trials)
    assert np.abs(table.harm[table.dose == 0]).max() < 1e-6
    profile = ablation_profile(net, task, batch_size=32).set_index("removed").delta
    for row in table[table.dose == 1].itertuples():
        assert row.harm == pytest.approx(profile[row.removed], abs=2e-4)


def test_nulls_stand_beside_every_set_and_p_counts_the_mild_ones():
    net, _, (x, y) = flip_flop()
    trials = evaluation(net, "W_hh", x, y)
    table = diagnosis.profile_with_nulls(trials, trials, draws=9)
    there = table.mass > 1e-5
    assert table[there].isotropic_p.between(0.1, 1).all() and table[~there].isotropic_p.isna().all()
    assert there.sum() >= 3
    form = ordered_schur(net.W_hh)
    rng, masks = np.random.default_rng(0), form.couplings()
    mask = masks["CC"]  # the first set of the profile
    dT = diagnosis.changes(form.T, mask, mask, "isotropic", 9, rng)
    y0 = rollout(net, x)
    error = lambda out: (out - y).square().mean() / (y - y.mean((0, 1))).square().mean()  # noqa: E731
    harm = [float(error(rollout(net, x, W_hh=torch.from_numpy(form.Q @ (form.T - d) @ form.Q.T).float()))
                  - error(y0)) for d in dT]  # fmt: skip
    row = table.iloc[1]
    assert row.isotropic_median == pytest.approx(np.median(harm), abs=2e-4)
    assert row.isotropic_p == (1 + sum(h <= row.delta for h in harm)) / 10


def test_nonnormality_of_a_normal_matrix_and_of_a_jordan_block():
    Q = np.linalg.qr(np.random.default_rng(0).standard_normal((6, 6)))[0]
    normal = diagnosis.nonnormality(0.7 * Q)
    assert normal["henrici"] < 1e-7 and normal["peak"] == pytest.approx(1)
    assert normal["numerical_radius"] == pytest.approx(1, rel=1e-3)
    W = np.array([[0.5, 3.0], [0.0, 0.5]])
    jordan = diagnosis.nonnormality(W, powers=9)
    assert jordan["henrici"] == pytest.approx(3 / np.sqrt(9.5))
    expected = [np.linalg.norm(np.linalg.matrix_power(W, k), 2) / 0.5**k for k in range(10)]
    np.testing.assert_allclose(jordan["growth"], expected)
    assert jordan["peak_at"] == 9
    assert jordan["numerical_radius"] == pytest.approx((0.5 + 1.5) / 0.5, rel=1e-3)
    nilpotent = diagnosis.nonnormality(np.array([[0.0, 1.0], [0.0, 0.0]]))
    assert nilpotent["henrici"] == 1 and len(nilpotent["growth"]) == 0


def test_a_cut_through_equal_moduli_is_called_ill_posed():
    W = np.diag([1.0, 0.9001, 0.8999, 0.5]) + np.triu(np.ones((4, 4)), 1) * 0.2
    torch.manual_seed(0)
    net = Network(torch.randn(4, 1), torch.from_numpy(W).float(), torch.randn(1, 4))
    x, y = torch.randn(T, B, 1), torch.randn(T, B, 1)
    steady = diagnosis.steadiness(evaluation(net, "W_hh", x, y))
    assert steady.n_low.min() < steady.n_high.max()
    clear = W - np.diag([0, 0, 0.3, 0])
    net = Network(net.W_xh, torch.from_numpy(clear).float(), net.W_hy)
    steady = diagnosis.steadiness(evaluation(net, "W_hh", x, y), alpha=0.7)
    assert (steady.n_low == 2).all() and (steady.n_high == 2).all()
    assert (steady.mass_low <= steady.mass).all() and (steady.mass <= steady.mass_high).all()


def test_a_normal_network_without_a_complement_has_a_report_too():
    Q = np.linalg.qr(np.random.default_rng(0).standard_normal((6, 6)))[0]
    torch.manual_seed(0)
    net = Network(torch.randn(6, 1), torch.from_numpy(0.9 * Q).float(), torch.randn(1, 6))
    x = torch.randn(T, B, 1)
    trials = evaluation(net, "W_hh", x, rollout(net, x) + 0.1 * torch.randn(T, B, 1))
    form = ordered_schur(net.W_hh)
    table = diagnosis.profile_with_nulls(trials, trials, draws=3)
    steady, halved = diagnosis.steadiness(trials, draws=3), diagnosis.halves(trials)
    normal, dosed = diagnosis.nonnormality(net.W_hh), diagnosis.doses(trials)
    stable = stabilisers(trials, trials)
    said = diagnosis.findings(
        table, steady, halved, stable, normal, form.cut_report().gap, net.hidden_size
    )
    assert any("there is no complement" in sentence for sentence in said)
    assert any("nothing can be removed" in sentence for sentence in said)
    assert "nan" not in " ".join(said) and halved.empty and dosed.empty
    for figure in (
        figures.spectrum(form, 0.9),
        figures.profile(table, 0.1),
        figures.doses(dosed, "fvu", 0.1),
        figures.halves(halved, "fvu"),
        figures.growth(normal["growth"], normal["henrici"]),
    ):
        figure.canvas.draw()
        plt.close(figure)


def test_halves_need_a_network_whose_states_are_known():
    module = nn.Sequential(nn.Linear(4, 4))
    trials = evaluation(module, "0.weight", torch.randn(T, B, 4), torch.randn(T, B, 4))
    with pytest.raises(ValueError, match="plain network"):
        diagnosis.halves(trials)


@pytest.mark.parametrize(
    ("value", "said"),
    [(0, "0"), (0.25, "0.25"), (-0.0123456, "−0.0123"), (1.5e-7, "1.5·10⁻⁷"), (2e9, "2.0·10⁹"),
     (float("inf"), "without bound"), (float("nan"), "undefined")],
)  # fmt: skip
def test_numbers_are_written_for_readers(value, said):
    assert text(value) == said
