"""The figures that respond, each in a page: their numbers are those of schur_lib, and all can be reached."""

import importlib.util
import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest
import torch

from report.explorer import FOLDER
from schur_lib import store
from schur_lib.dynamics import rollout
from schur_lib.profile import ablation_profile
from schur_lib.schur import COUPLINGS, label, ordered_schur
from schur_lib.subjects import on_task
from study import cache, folders
from study.figures.symmetries import handle
from tests.cases import listen
from tools import explorer, live
from tools.notebooks import ROOT

spec = importlib.util.spec_from_file_location("live", ROOT / "book" / "_ext" / "live.py")
places = importlib.util.module_from_spec(spec)
spec.loader.exec_module(places)

SPECS = {explorer.network_name(spec): spec for spec in explorer.specs()}
FIGURES = tuple(places.SCRIPTS)


def network(name):
    return store.load(SPECS[name], folders.NETWORKS), SPECS[name].make_task()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder with a page for each figure, which needs no built book."""
    site = tmp_path_factory.mktemp("live")
    shutil.copytree(FOLDER, site / "explorer")
    shutil.copytree(ROOT / "book" / "_extra" / "live", site / "live")
    explorer.export(site / "explorer" / "data")
    for name in FIGURES:
        place = f'<main><div class="live" data-live="{name}"><noscript>as it was</noscript></div></main>'
        body = place + places.scripts(place, str)
        head = "<!DOCTYPE html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        (site / f"{name}.html").write_text(f"{head}<title>{name}</title><body>{body}", encoding="utf-8")
    return site


@pytest.fixture
def open_(site, browser):
    """open_(name, **context) → a tab with a figure that has drawn itself, offline and without motion."""
    contexts, troubles = [], []

    def opened(name, **settings):
        settings = {"viewport": {"width": 900, "height": 900}, "reduced_motion": "reduce"} | settings
        contexts.append(browser.new_context(offline=True, **settings))
        contexts[-1].set_default_timeout(60_000)
        tab = contexts[-1].new_page()
        listen(tab, troubles)
        tab.goto((site / f"{name}.html").as_uri())
        if settings.get("java_script_enabled", True):
            tab.wait_for_function("document.querySelector('[data-live]').dataset.shown")
        return tab

    yield opened
    for context in contexts:
        context.close()
    assert troubles == []


def shown(tab):
    return tab.evaluate("({...document.querySelector('[data-live]').dataset})")


def slide(tab, name, value):
    """Move a slider as a hand does, and wait for the frame in which the figure follows."""
    tab.get_by_label(name, exact=True).fill(str(value))
    tab.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def numbers(text):
    return np.array([float(value) for value in text.split(",")])


# --- what holds for all ----------------------------------------------------------------------------


def test_each_place_is_behind_a_figure_of_its_notebook():
    for page, (figure, name) in places.PLACES.items():
        text = (ROOT / "notebooks" / f"{page.removeprefix('chapters/')}.py").read_text(encoding="utf-8")
        assert f'"name": "{figure}"' in text, name
    with pytest.raises(ValueError, match='no figure "fig-a"'):
        places.placed("<figure id=fig-b></figure>", "fig-a", "alpha")
    assert places.placed('<figure id="fig-a">x</figure>y', "fig-a", "alpha").endswith("hidden></section>y")


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("width", [1400, 390])
def test_it_fits_its_letters_can_be_read_and_its_controls_be_touched(open_, name, width):
    tab = open_(name, viewport={"width": width, "height": 844})
    assert not tab.evaluate("document.documentElement.scrollWidth > innerWidth")
    small = """() => {
        const all = [...document.querySelectorAll('.live :is(button, select, input, text, p, label)')];
        return all.filter((e) => {
            const box = e.getBoundingClientRect(), tag = e.tagName.toLowerCase();
            if (!box.width) return false;
            if (['button', 'select', 'input'].includes(tag)) return Math.min(box.width, box.height) < 43.9;
            return (tag === 'text' ? box.height : parseFloat(getComputedStyle(e).fontSize)) < 11;
        }).map((e) => `${e.tagName} ${e.textContent.slice(0, 30)}`);
    }"""
    assert tab.evaluate(small) == []


@pytest.mark.parametrize("name", FIGURES)
def test_every_control_is_reached_with_the_keyboard_and_has_a_name(open_, name):
    tab = open_(name)
    controls = ".live :is(button, select, input, [tabindex='0'], a[href])"
    for control in tab.locator(controls).all():
        words = "(e) => e.getAttribute('aria-label') || e.textContent || (e.labels?.[0]?.textContent ?? '')"
        assert control.evaluate(words).strip(), control.evaluate("(e) => e.outerHTML")
    reached, n = 0, tab.locator(f"{controls}:not(:disabled)").count()
    tab.locator("body").focus()
    for _ in range(n):
        tab.keyboard.press("Tab")
        reached += tab.evaluate("!!document.activeElement.closest('.live')")
    assert reached == n > 0


def test_a_figure_is_drawn_anew_in_the_dark(open_):
    tab = open_("landing")
    picture = "document.querySelector('canvas.form').toDataURL()"
    before = tab.evaluate(picture)
    tab.evaluate("document.documentElement.dataset.theme = 'dark'")
    tab.add_style_tag(content=".live canvas { color: white !important; }")
    tab.evaluate("document.documentElement.dataset.theme = 'darker'")
    tab.wait_for_function(f"(before) => {picture} !== before", arg=before)


def test_without_scripts_there_is_what_was_there(open_):
    assert open_("landing", java_script_enabled=False).locator("main").inner_text() == "as it was"


def test_a_figure_without_its_numbers_says_so(site, browser):
    page = (site / "path.html").read_text(encoding="utf-8").replace("explorer/data.js", "explorer/data.js?x")
    (site / "elsewhere").mkdir()
    (site / "elsewhere" / "path.html").write_text(re.sub('(src|href)="', r'\1="../', page), encoding="utf-8")
    tab = browser.new_page()
    tab.route("**/live-path.js", lambda route: route.abort())
    tab.goto((site / "elsewhere" / "path.html").as_uri())
    tab.wait_for_selector("[role=alert]")
    assert "could not load" in tab.locator("[role=alert]").inner_text()
    tab.close()


# --- landing ---------------------------------------------------------------------------------------


def test_a_tap_on_a_block_shows_the_accuracy_without_it(open_):
    tab = open_("landing")
    name = tab.evaluate("explorer.index.start.network")
    net, task = network(name)
    table = ablation_profile(net, task, n_trials=explorer.N_TRIALS["copy"]).set_index("removed")
    removed = set()
    for block in ("CR", "RR", "CC", "CR", "RR"):
        if block == "CC":
            tab.get_by_role("button", name=f"{block}, among").press("Space")
        else:
            box = tab.locator(f"polygon.{block}").bounding_box()
            tab.mouse.click(box["x"] + 0.8 * box["width"], box["y"] + 0.2 * box["height"])
        removed ^= {block}
        row, now = table.loc[label(removed)], shown(tab)
        assert float(now["accuracy"]) == pytest.approx(row.score, abs=1e-3), removed
        assert float(now["mass"]) == pytest.approx(row.mass, abs=1e-5)
        assert f"{100 * row.score:.1f}"[:3] in tab.locator("[data-part=score]").inner_text()
        pressed = {b for b in COUPLINGS if tab.locator(f"button[data-block={b}][aria-pressed=true]").count()}
        assert pressed == removed


def test_the_replay_plays_step_by_step(open_):
    tab = open_("landing", reduced_motion="no-preference")
    width = """() => { const c = document.querySelectorAll('canvas.strip')[1], all = c.getContext('2d')
        .getImageData(0, 8, c.width, 1).data; let last = 0;
        for (let i = 0; i < c.width; i++) if (all[4 * i + 3]) last = i; return last / c.width; }"""
    tab.get_by_role("button", name="Put all back").is_disabled()
    tab.get_by_role("button", name="Play it step by step").click()
    tab.wait_for_function(f"({width})() < 0.5")
    tab.wait_for_function(f"({width})() > 0.95")


# --- the toy ---------------------------------------------------------------------------------------


def test_the_toy_is_an_ordered_form_whose_eigenvalues_stay_and_whose_growth_does_not(open_):
    tab = open_("toy")
    slide(tab, "R: size per step", 0.95)
    slide(tab, "C: turn per step", 120)
    slide(tab, "coupling from C to R", 2.5)
    peaks = []
    for _ in range(2):
        now = shown(tab)
        T = np.array(json.loads(now["T"])).reshape(4, 4)
        lengths = [np.linalg.norm(np.linalg.matrix_power(T, t)[:, 2]) for t in range(31)]
        assert float(now["peak"]) == pytest.approx(max(lengths))
        turn = np.array([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]]) / 2
        form = ordered_schur(turn @ T @ turn.T)
        assert form.n_leading() == 2
        assert np.abs(form.eigenvalues) == pytest.approx([0.95, 0.95, 0.6, 0.6])
        assert np.sort(np.abs(np.angle(form.eigenvalues, deg=True))) == pytest.approx([30, 30, 120, 120])
        peaks.append(max(lengths))
        tab.get_by_role("button", name="Ablate the coupling").press("Enter")
    assert peaks[0] > 2 * peaks[1]


def test_the_eigenvalues_of_the_toy_are_dragged_and_moved_with_keys_and_keep_their_order(open_):
    tab = open_("toy")
    handle_of = lambda key: tab.locator(f"[data-handle={key}]")  # noqa: E731
    state = lambda: json.loads(shown(tab)["shown"])  # noqa: E731
    handle_of("R").focus()
    tab.keyboard.press("ArrowUp")
    tab.keyboard.press("ArrowLeft")
    assert (state()["aR"], state()["rR"]) == (33, 0.88)
    box = handle_of("C").locator("circle").nth(1).bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    tab.mouse.move(x, y)
    tab.mouse.down()
    tab.mouse.move(x, y - 300)
    tab.mouse.up()
    assert state()["rC"] == pytest.approx(0.74) and state()["aC"] > 75  # 0.85 of R, and no more
    tab.mouse.move(x, y)
    assert state()["rC"] == pytest.approx(0.74)


def test_the_impulse_of_the_toy_is_shown_step_by_step(open_):
    tab = open_("toy")
    slide(tab, "step", 2)
    T = np.array(json.loads(shown(tab)["T"])).reshape(4, 4)
    z = np.linalg.matrix_power(T, 2)[:, 2]
    said = tab.locator("svg[aria-label^='Step 2']").get_attribute("aria-label").replace("−", "-")
    assert [float(v) for v in re.findall(r"-?\d+\.\d\d", said)][:4] == pytest.approx(z, abs=0.006)
    tab.get_by_role("button", name="Play the impulse").click()
    tab.wait_for_selector("svg[aria-label^='Step 30']")  # motion is unwanted: the end at once


# --- α ---------------------------------------------------------------------------------------------


def test_one_handle_moves_the_cut_of_three_networks_and_their_harms(open_):
    tab = open_("alpha")
    nets = tab.evaluate("explorer.loaded.get('live-alpha').networks.map(({ name }) => name)")
    sizes = []
    for alpha in (0.9, 0.75, 1.0):
        slide(tab, "Threshold α", alpha)
        now = shown(tab)
        for i, name in enumerate(nets):
            net, task = network(name)
            table = ablation_profile(net, task, alpha=alpha, n_trials=live.N_TRIALS).set_index("removed")
            assert numbers(now["leading"])[i] == table.n_leading.iloc[0]
            for block in COUPLINGS:
                assert numbers(now[block])[i] == pytest.approx(table.delta[block], abs=2e-3, rel=2e-3), (
                    name,
                    block,
                )
        sizes.append(numbers(now["leading"]))
    assert (np.diff(sizes[0]) > 0).all()  # at 0.9, from the smallest sector to the largest
    assert (sizes[1] >= sizes[0]).all() and (sizes[2] < sizes[0]).all()


# --- nulls -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["same entries", "shuffled", "isotropic"])
def test_a_random_change_has_the_norm_of_the_block_and_does_the_harm_that_is_said(open_, kind):
    tab = open_("nulls")
    net, task = network(tab.evaluate("explorer.index.start.network"))
    trials = on_task(net, task, explorer.N_TRIALS["copy"])
    form = trials.form
    tab.get_by_label("Block", exact=True).select_option("CR")
    tab.get_by_label("Changes", exact=True).select_option(kind)
    mask = form.mask({"CR"})
    assert float(shown(tab)["done"]) == pytest.approx(trials.harms([form.without(mask)])[0], abs=2e-3)
    seen, harms = set(), []
    for _ in range(3):
        tab.get_by_role("button", name="Draw another").click()
        now = shown(tab)
        dT = np.array(tab.evaluate("Array.from(document.querySelector('[data-live]').change)")).reshape(
            form.T.shape
        )
        assert np.linalg.norm(dT) == pytest.approx(np.linalg.norm(form.T[mask]), rel=1e-6)
        assert float(now["norm"]) == pytest.approx(float(now["size"]))
        assert (dT[~mask] == 0).all() == (kind != "isotropic")
        if kind == "shuffled":
            assert np.sort(abs(dT[mask])) == pytest.approx(np.sort(abs(form.T[mask])), abs=1e-6)
        expected = trials.harms([form.Q @ (form.T - dT) @ form.Q.T])[0]
        assert float(now["harm"]) == pytest.approx(expected, abs=2e-3)
        harms.append(float(now["harm"]))
        seen.add(dT.tobytes())
    assert len(seen) == 3
    assert float(now["p"]) == pytest.approx((1 + sum(h <= float(now["done"]) for h in harms)) / 4)
    tab.get_by_role("button", name="Draw twenty").click()
    tab.wait_for_function("document.querySelector('[data-live]').dataset.n === '23'")
    bars = "Array.from(document.querySelectorAll('.live rect'), (r) => r.height.baseVal.value)"
    assert sum(height > 0 for height in tab.evaluate(bars)) >= 1


# --- the flip-flop ---------------------------------------------------------------------------------


def test_pulses_that_are_placed_by_hand_move_the_state_as_in_the_library(open_):
    tab = open_("memory")
    now = shown(tab)
    net, _ = network(now["shown"])

    def check():
        now = shown(tab)
        x = torch.tensor(numbers(now["inputs"])).reshape(-1, 1, 3).float()
        ablated = torch.from_numpy(ordered_schur(net.W_hh).ablate({now["block"]})).float()
        for key, W in (("intact", net.W_hh), ("ablated", ablated)):
            expected = rollout(net, x, W).numpy().ravel()
            assert numbers(now[key]) == pytest.approx(expected, abs=2e-3), key
        return x[:, 0].numpy()

    inputs = [check()]
    box = tab.locator("svg[aria-label^='Three lines']").bounding_box()
    for _ in range(3):  # up, down, none
        tab.mouse.click(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"])
        inputs.append(check())
    changed = {tuple(place) for x in inputs for place in np.argwhere(x != inputs[0])}
    assert len(changed) == 1 and {bit for _, bit in changed} == {1}
    [place] = changed
    assert {float(x[place]) for x in inputs[:3]} == {-1, 0, 1} and (inputs[3] == inputs[0]).all()
    slide(tab, "step", 15)
    tab.get_by_role("button", name="line 3 +").press("Enter")
    assert check()[14, 2] == 1 and int(shown(tab)["step"]) == 14
    tab.get_by_label("Ablated", exact=True).select_option("CC")
    check()
    assert shown(tab)["block"] == "CC"


def test_the_corner_that_is_said_is_that_of_the_pulses(open_):
    tab = open_("memory")
    tab.get_by_role("button", name="No pulses but the first").click()
    slide(tab, "step", 5)
    first = numbers(shown(tab)["inputs"])[:3]
    signs = "".join("+" if value > 0 else "−" for value in first)
    said = tab.locator(".said").inner_text()
    assert f"to be held {signs}: intact {signs} (dot)" in said and "0 of 75 signs are wrong intact" in said


# --- scatter and path ------------------------------------------------------------------------------


def test_a_point_is_a_row_of_the_table_and_opens_its_network(open_):
    tab = open_("scatter")
    table = cache.read(folders.RESULTS / "predictor_forms.csv")
    tab.get_by_label("Task", exact=True).select_option("sine_generation")
    picture = tab.locator("svg.scatter")
    box = picture.bounding_box()
    tab.mouse.click(box["x"] + 0.9 * box["width"], box["y"] + 0.2 * box["height"])
    seen = set()
    for _ in range(4):
        now = shown(tab)
        rows = table[
            (table.task == now["task"]) & (table.seed == int(now["seed"])) & (table.removed == now["block"])
        ]
        (row,) = rows[np.isclose(rows.alpha, 0.9)].to_dict("records")
        for ours, theirs in (("measured", "delta"), ("predicted", "two_sided"), ("mass", "active_mass")):
            assert float(now[ours]) == pytest.approx(row[theirs], rel=1e-4)
        assert now["task"] == "sine_generation" and SPECS[now["network"]].seed == row["seed"]
        link = tab.locator("a.open").get_attribute("href")
        assert link.endswith(f"explorer.html#network={now['network']}&alpha=0.9&{now['block']}=100")
        seen.add(now["shown"])
        picture.press("ArrowLeft")
    assert len(seen) == 4


def test_the_way_to_the_smallest_network_shows_the_numbers_of_its_table(open_):
    tab = open_("path")
    tables = [cache.read(folders.RESULTS / f"symmetries_equals{end}.csv") for end in ("", "_copy")]
    ways = handle(pd.concat(tables, ignore_index=True))
    for k, way in enumerate(ways):
        tab.get_by_label("Network", exact=True).select_option(str(k))
        for step in {0, len(way["kept"]) // 2, len(way["kept"]) - 1}:
            slide(tab, "Step on the way", step)
            now = shown(tab)
            assert (now["task"], int(now["seed"]), int(now["step"])) == (way["task"], way["seed"], step)
            assert float(now["kept"]) == way["kept"][step] and float(now["score"]) == way["score"][step]
            assert numbers(now["harm"]) == pytest.approx([way["harm"][b][step] for b in COUPLINGS])
