"""The network of a report, run in its page: its scores are those of schur_lib, whatever the network."""

import numpy as np
import pytest
import torch

from report import explorer
from report.equations import FORMS, Equation, RateNetwork, evaluate
from report.page import write_report
from schur_lib.metrics import NOT_SCORED
from schur_lib.networks import Network
from schur_lib.profile import profile_of
from schur_lib.schur import COUPLINGS, SUBSETS, label
from schur_lib.subjects import evaluation, of_network
from tests.cases import listen

T, B = 12, 80


def network(N, activation="tanh", bare=False, n_outputs=2):
    g = torch.Generator().manual_seed(N)
    draw = lambda *shape: torch.randn(*shape, generator=g)  # noqa: E731
    extra = {} if bare else {"b_h": draw(N) / 3, "b_y": draw(n_outputs), "h0": draw(N)}
    return Network(
        draw(N, 3), 0.9 * draw(N, N) / N**0.5, draw(n_outputs, N) / N**0.5, activation=activation, **extra
    )


def rate_network(N, equation):
    return RateNetwork(network(N).tensors(), equation)


def trials_of(net, metric, one_step=False, n_trials=B, masked=False):
    g = torch.Generator().manual_seed(1)
    x = torch.randn(T, n_trials, net.n_inputs, generator=g)
    (y,) = evaluate(net, x, torch.randn(T, n_trials, net.n_outputs)).run([net.W_hh])
    y = y + 0.3 * torch.randn(y.shape, generator=g)
    y = y.sign() if metric == "replay_accuracy" else y.argmax(-1) if metric in ("accuracy", "cross_entropy") else y
    if masked:  # trials that end at different steps, which is not scored
        beyond = torch.arange(T)[:, None] >= torch.randint(3, T + 1, (n_trials,), generator=g)
        y[beyond] = NOT_SCORED if y.ndim == 2 else float("nan")
    return evaluate(net, x, y[-1:] if one_step else y, metric)


CASES = {
    "fvu": (network(9), "fvu", False),  # an odd number of units, biases and a start
    "one step": (network(6, n_outputs=1), "fvu", True),
    "relu": (network(8, "relu", bare=True), "fvu", False),
    "signs": (network(7, bare=True), "replay_accuracy", False),
    "classes": (network(5, n_outputs=8), "accuracy", False),
    "one class a trial": (network(5, n_outputs=3), "cross_entropy", True),
    **{
        form: (rate_network(6, Equation(phi, leak, form, late)), "fvu", False)
        for (form, phi), leak, late in zip(
            [("rate", "sigmoid"), ("inside", "tanh"), ("potential", "relu"), ("potential-out", "softplus"),
             ("bias-inside", "relu")], (0.3, 0.6, 0.2, 1.0, 0.5), (True, False, False, True, False), strict=True,
        )
    },
    "identity": (rate_network(7, Equation("identity", 0.5)), "fvu", False),
}  # fmt: skip


@pytest.fixture(scope="module")
def tab(browser):
    context = browser.new_context(viewport={"width": 900, "height": 900})
    context.set_default_timeout(60_000)  # ms
    context.set_offline(True)
    tab, troubles = context.new_page(), []
    listen(tab, troubles)
    yield tab
    context.close()
    assert troubles == []


def shown(tab):
    tab.wait_for_function("document.getElementById('explorer').dataset.shown")
    data = tab.evaluate("({...document.getElementById('explorer').dataset})")
    return {key: float(data[key]) for key in ("score", "mass", "leading")}


def go(tab, **state):
    """What is shown at some doses and a cut."""
    tab.evaluate("document.getElementById('explorer').dataset.shown = ''")
    tab.evaluate("(hash) => { location.hash = hash; }", "&".join(f"{k}={v}" for k, v in state.items()))
    return shown(tab)


def page_of(trials, path, alpha=0.9):
    panel = (explorer.FOLDER / "panel.html").read_text(encoding="utf-8")
    scripts = "".join(f"<script>{text}</script>" for text in explorer.scripts(trials, alpha))
    path.write_text(f"<!DOCTYPE html><meta charset=utf-8>{panel}{scripts}", encoding="utf-8")
    return path.as_uri()


def sent(trials, n):
    """The same network on the trials that go into the page."""
    taken = torch.linspace(0, trials.n_trials - 1, n).round().long()
    return evaluate(trials.module, trials.inputs[:, taken], trials.targets[:, taken], trials.metric.name)


def test_every_equation_is_tried():
    assert set(FORMS) <= set(CASES)


@pytest.mark.parametrize("metric", ["fvu", "replay_accuracy", "accuracy", "cross_entropy"])
def test_what_is_not_scored_counts_in_the_page_as_little_as_in_the_library(tab, tmp_path, metric):
    trials = trials_of(network(7), metric, masked=True)
    tab.goto(page_of(trials, tmp_path / "page.html"))
    shown(tab)
    few, form = sent(trials, 64), trials.form
    expected = float(few.scores([form.ablate({"CR"})])[0])
    assert go(tab, CR=100)["score"] == pytest.approx(expected, abs=1e-5, rel=1e-4)
    assert "NaN" not in tab.locator("#explorer [data-part=lines]").inner_html()
    assert "NaN" not in tab.locator("#explorer [data-part=lags]").inner_html()


@pytest.mark.parametrize("case", CASES)
def test_the_scores_of_all_eight_subsets_are_those_of_the_library(tab, tmp_path, case):
    net, metric, one_step = CASES[case]
    trials = trials_of(net, metric, one_step)
    tab.goto(page_of(trials, tmp_path / "page.html"))
    shown(tab)
    few = sent(trials, 64)
    assert tab.locator("#explorer [data-part=trials]").inner_text() == "64"
    table = profile_of(few, n_draws=0).set_index("removed")
    for removed in SUBSETS:
        ours = go(tab, **{name: 100 * (name in removed) for name in COUPLINGS})
        row = table.loc[label(removed)]
        assert ours["score"] == pytest.approx(row.score, abs=1e-5, rel=1e-4), label(removed)
        assert ours["mass"] == pytest.approx(row.mass, abs=1e-5)
        assert ours["leading"] == row.n_leading
    assert not tab.locator("#explorer-task").is_visible()  # there is one network to choose
    picture = "cells" if metric == "replay_accuracy" else "lines"
    assert tab.locator(f"#explorer [data-part={picture}]").is_visible()


def test_moving_the_sliders_of_a_report_shows_the_scores_of_its_network(tab, tmp_path):
    net = network(9)
    trials = trials_of(net, "fvu", n_trials=16)
    net.save(tmp_path / "w.safetensors")
    np.savez(tmp_path / "d.npz", inputs=trials.inputs, targets=trials.targets)
    (found,) = write_report(tmp_path / "w.safetensors", tmp_path / "d.npz", tmp_path / "r.html", alpha=0.3)
    tab.goto((tmp_path / "r.html").as_uri())
    table = found.profile.set_index("removed")
    start = shown(tab)
    assert start["score"] == pytest.approx(table.score[""], rel=1e-4) and start["leading"] == table.n_leading[""]
    tab.evaluate("document.getElementById('explorer').dataset.shown = ''")
    tab.focus("#explorer-remove-CC")
    tab.keyboard.press("Space")
    assert shown(tab)["score"] == pytest.approx(table.score["CC"], rel=1e-4)
    tab.evaluate("document.getElementById('explorer').dataset.shown = ''")
    tab.focus("#explorer-CC")
    for _ in range(60):
        tab.keyboard.press("ArrowLeft")
    tab.wait_for_function("document.getElementById('explorer').dataset.shown.includes('CC=40')")
    form = trials.form
    half = form.Q @ (form.T - 0.4 * np.where(form.mask({"CC"}, 0.3), form.T, 0)) @ form.Q.T
    assert shown(tab)["score"] == pytest.approx(float(trials.scores([half])[0]), rel=1e-4)


def test_a_link_to_a_part_of_the_page_changes_nothing_in_the_explorer(tab, tmp_path):
    net = network(7, bare=True)
    tab.goto(page_of(trials_of(net, "fvu"), tmp_path / "page.html") + "#CR=30")
    before = shown(tab)
    tab.evaluate("location.hash = 'section-2'")
    tab.wait_for_timeout(400)
    assert tab.evaluate("location.hash") == "#section-2" and shown(tab) == before


def test_what_has_grown_without_bound_is_said_and_drawn(tab, tmp_path):
    net = network(8, "relu", bare=True)
    long = trials_of(net, "fvu")
    page = page_of(long, tmp_path / "page.html")
    tab.goto(page)
    shown(tab)
    tab.evaluate("explorer.loaded.get('network').T.forEach((v, i, T) => { T[i] = 1e40 * v; })")
    go(tab, CR=1)
    said = tab.locator("#explorer output.score").inner_text()
    assert said.startswith("FVU without bound (whole network 0.")
    assert "NaN" not in tab.locator("#explorer [data-part=lines]").inner_html()


def test_a_network_that_the_page_cannot_run_is_left_out_with_the_reason():
    good = trials_of(network(5), "fvu")
    assert explorer.why_not(good) == ""
    layer = torch.nn.GRU(3, 4)
    gru = evaluation(
        layer, "weight_hh_l0", good.inputs, layer(good.inputs)[0], forward=lambda m, x: m(x)[0], gate="new"
    )
    assert "equation" in explorer.why_not(gru)
    own = evaluation(network(5), "W_hh", good.inputs, good.targets, lambda o, t: (o - t).square().mean((0, 2)))
    assert "metric" in explorer.why_not(own)
    large = of_network(network(300), torch.zeros(2, 4, 3), torch.randn(2, 4, 2))
    assert "more than 256 units" in explorer.why_not(large)
    long = of_network(network(5), torch.zeros(20_000, 4, 3), torch.randn(2, 4, 2))
    assert "too long" in explorer.why_not(long)


def test_a_script_holds_no_more_trials_than_a_browser_runs_at_once():
    net = network(64)
    x = torch.randn(1000, 30, 3)
    trials = of_network(net, x, torch.randn(1000, 30, 2))
    index = next(text for text in explorer.scripts(trials, 0.9) if "explorer.index" in text)
    assert '"n_trials": 9' in index  # 4e7 / (1000 · 64²)
