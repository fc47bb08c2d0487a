"""Every page of the quick build in a real browser, opened from the disk: what a reader meets."""

import os

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.cases import listen
from tools.notebooks import ROOT

# the folder for screenshots, which CI keeps; without it none are made
PICTURES = os.environ.get("SCHUR_LIB_SCREENSHOTS") or (
    ROOT / "build" / "screenshots" if os.environ.get("CI") else None
)


def uneasy(tab):
    """What is wrong with the page as it stands: formulas, width."""
    if unset := tab.locator(".bd-main .math:not(:has(math))").count():
        yield f"{unset} formulas without typesetting"
    if tab.evaluate("document.documentElement.scrollWidth > innerWidth"):
        yield "is wider than the window"
    for image in tab.evaluate("Array.from(document.images, (i) => i.complete && !i.naturalWidth ? i.src : '')"):
        if image:
            yield f"does not show {image}"


def turned(tab, scheme):
    """Wait until the theme has heard of another scheme, and its colours have stopped changing."""
    tab.wait_for_function("(scheme) => document.documentElement.dataset.theme === scheme", arg=scheme)
    tab.wait_for_function("!document.getAnimations().some((a) => a.playState === 'running')")


def violations(tab):
    """axe's serious findings: (rule, first element)."""
    return [
        (v["id"], v["nodes"][0]["html"])
        for v in Axe().run(tab).response["violations"]
        if v["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("turn", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["", "turned"])
def test_every_page_is_sound_wide_and_narrow_light_and_dark(output, pages, browser, turn):
    """Two loads a page, wide and light, narrow and dark; the other two by turning these round.

    axe, which takes longest, looks at each page after one of the loads, or after both where they are turned. Two
    pages of source code stand for all that their template makes, but where they are turned.
    """
    of_code = [path for path in pages if path.startswith("_modules/")]
    pages = [path for path in pages if turn or path not in of_code[2:]]
    troubles = []
    for i, (width, scheme, other) in enumerate([(1400, "light", "dark"), (390, "dark", "light")]):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        context.set_default_timeout(180_000)
        tab, said = context.new_page(), []
        listen(tab, said)
        for j, path in enumerate(pages):
            tab.goto((output / "html" / path).as_uri())
            if path == "explorer.html":
                tab.wait_for_function("document.getElementById('explorer').dataset.shown")
            said.extend(uneasy(tab))
            picture(tab, path, width, scheme)
            if turn:
                tab.emulate_media(color_scheme=other)
                turned(tab, other)
                said.extend(uneasy(tab))
                picture(tab, path, width, other)
                tab.emulate_media(color_scheme=scheme)
                turned(tab, scheme)
            troubles.extend(f"{path} at {width}: {text}" for text in said)
            # last, for axe asks for style sheets in a way that file:// does not allow
            if turn or (i + j) % 2:
                troubles.extend(f"{path} at {width}: {found}" for found in violations(tab))
            tab.goto("about:blank")
            said.clear()
        context.close()
    assert troubles == []


def picture(tab, path, width, scheme):
    if PICTURES:
        name = path.removesuffix(".html").replace("/", "-")
        tab.screenshot(path=f"{PICTURES}/{name}-{width}-{scheme}.png", full_page=True)


def test_the_first_screen_shows_the_finding_and_the_top_of_its_figure(output, browser):
    for width, height in ((1400, 900), (390, 844)):
        tab = browser.new_page(viewport={"width": width, "height": height})
        tab.goto((output / "html" / "intro.html").as_uri())
        finding = tab.locator(".bd-article p:has(.pasted-text)").first.bounding_box()
        assert finding["y"] + finding["height"] <= height, width
        figure = tab.locator(".bd-article .live").first.bounding_box()
        assert figure["y"] <= 0.85 * height and figure["width"] > 0.8 * min(width, 800), width
        tab.close()


def test_a_formula_wider_than_its_line_scrolls(output, browser):
    tab = browser.new_page(viewport={"width": 240, "height": 844})
    tab.goto((output / "html" / "chapters" / "controls.html").as_uri())
    tab.wait_for_selector("span.math.wide")
    cut = tab.evaluate("""Array.from(document.querySelectorAll(".bd-article p span.math"))
        .filter((f) => f.getBoundingClientRect().right > innerWidth).length""")
    assert cut == 0
    tab.close()


def test_the_search_finds_schur_without_a_server(output, tab):
    tab.goto((output / "html" / "search.html").as_uri() + "?q=Schur")
    tab.wait_for_selector("ul.search li a")
    found = tab.eval_on_selector_all("ul.search li a", "links => links.map(a => a.href)")
    assert any("method.html" in link for link in found)


def test_pointing_at_a_word_a_citation_an_equation_and_a_figure_shows_what_it_is(output, tab):
    def preview(page, selector):
        tab.goto((output / "html" / page).as_uri())
        link = tab.locator(f".bd-article {selector}").first
        link.scroll_into_view_if_needed()
        link.hover()
        tab.wait_for_selector("#preview:not([hidden])")
        assert link.get_attribute("aria-describedby") == "preview"
        return tab.locator("#preview")

    assert "largest" in preview("method.html", 'a[href="glossary.html#term-leading-sector"]').inner_text()
    assert "Dräger" in preview("method.html", 'a[href^="references.html#"]').inner_text()
    assert preview("notation.html", 'a[href="method.html#equation-eq-schur"]').locator("math").count() == 1
    figure = preview("chapters/figure_1.html", 'a.reference[href="#fig-1"]').locator(
        "img.of-light, img:only-of-type"
    )
    assert figure.evaluate("(image) => image.decode().then(() => image.naturalWidth > 100)")
    tab.keyboard.press("Escape")
    assert tab.locator("#preview").is_hidden()


def test_the_keyboard_opens_a_preview_too(output, tab):
    tab.goto((output / "html" / "method.html").as_uri())
    link = tab.locator('.bd-article a[href="glossary.html#term-leading-sector"]').first
    tab.evaluate("document.activeElement?.blur()")
    link.evaluate("(link) => { link.tabIndex = 0; }")
    tab.keyboard.press("Tab")
    link.focus()
    tab.wait_for_selector("#preview:not([hidden])")


def test_a_printed_page_is_the_article_alone(output, tab):
    tab.goto((output / "html" / "chapters" / "figure_1.html").as_uri())
    tab.emulate_media(media="print")
    for part in (".bd-sidebar-primary", ".bd-header-article", "details.provenance"):
        assert tab.locator(part).first.is_hidden(), part
    assert tab.locator("h1:visible").count() == 1


def test_a_page_read_in_the_dark_is_printed_on_white_and_is_dark_again(output, browser):
    tab = browser.new_page(color_scheme="dark")
    tab.goto((output / "html" / "method.html").as_uri())
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = tab.evaluate(ground)
    tab.emulate_media(media="print", color_scheme="dark")
    tab.wait_for_function(f"{ground} === 'rgb(255, 255, 255)'")
    tab.emulate_media(media="screen", color_scheme="dark")
    tab.wait_for_function(f"(dark) => {ground} === dark", arg=dark)
    assert dark != "rgb(255, 255, 255)"
    tab.close()


def test_the_sliders_and_keys_of_the_explorer_are_seen_in_forced_colours(output, browser):
    tab = browser.new_page(forced_colors="active")
    tab.goto((output / "html" / "explorer.html").as_uri())
    keys = tab.evaluate("""["RR", "CR", "CC"].map((name) => getComputedStyle(
        document.querySelector(`#explorer .coupling.${name} label[for]`), "::before").backgroundColor)""")
    assert len(set(keys)) == 3
    assert tab.locator("#explorer-RR").evaluate("(e) => getComputedStyle(e).forcedColorAdjust") == "none"
    tab.close()


def test_no_page_moves_sideways_at_four_hundred_per_cent(output, pages, browser):
    tab = browser.new_page(viewport={"width": 320, "height": 256})
    wide = []
    for path in pages:
        tab.goto((output / "html" / path).as_uri())
        if tab.evaluate("document.documentElement.scrollWidth > innerWidth"):
            wide.append(path)
    tab.close()
    assert wide == []


def test_a_figure_keeps_its_shape_on_a_phone(output, browser):
    tab = browser.new_page(viewport={"width": 390, "height": 844})
    tab.goto((output / "html" / "chapters" / "flip_flop.html").as_uri())
    shapes = tab.eval_on_selector_all(
        ".bd-article img[height]",
        "images => images.filter((i) => i.width)"
        ".map((i) => [i.width / i.height, i.getAttribute('width') / i.getAttribute('height')])",
    )
    assert len(shapes) > 3 and all(abs(seen / told - 1) < 0.05 for seen, told in shapes)
    tab.close()


def test_the_search_shows_excerpts_of_pages_from_the_disk(output, tab):
    tab.goto((output / "html" / "search.html").as_uri() + "?q=Henrici")
    tab.wait_for_selector("ul.search li p.context")
    assert "henrici" in tab.locator("ul.search li p.context").first.inner_text().lower()


def test_a_figure_is_drawn_for_a_dark_page_and_its_letters_are_light(output, browser):
    tab = browser.new_page(color_scheme="dark", viewport={"width": 1400, "height": 900})
    tab.goto((output / "html" / "chapters" / "flip_flop.html").as_uri())
    shown = tab.locator("img.of-dark").first
    shown.scroll_into_view_if_needed()
    shown.evaluate("(image) => image.decode()")
    assert tab.locator("img.of-light").first.is_hidden()
    levels = shown.evaluate("""(image) => {
        const canvas = document.createElement("canvas"), size = [image.naturalWidth, image.naturalHeight];
        [canvas.width, canvas.height] = size;
        const context = canvas.getContext("2d");
        context.drawImage(image, 0, 0);
        try { return Array.from(context.getImageData(2, 2, 1, 1).data); } catch { return null; }
    }""")
    if levels:  # where the browser lets a page from the disk read its own pictures
        assert max(levels[:3]) < 60
    tab.close()


@pytest.mark.parametrize("page", ["intro", "chapters/flip_flop", "chapters/paper_versus_here"])
def test_a_page_does_not_move_while_it_loads(output, browser, page):
    tab = browser.new_page(viewport={"width": 390, "height": 844})
    tab.add_init_script("""window.shift = 0; new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shift += entry.value;
    }).observe({ type: "layout-shift", buffered: true });""")
    tab.goto((output / "html" / f"{page}.html").as_uri())
    tab.wait_for_timeout(1500)
    assert tab.evaluate("window.shift") < 0.1
    tab.close()


def test_on_a_phone_the_first_column_stays_and_the_letters_of_figures_can_be_read(output, browser):
    tab = browser.new_page(viewport={"width": 390, "height": 844})
    tab.goto((output / "html" / "chapters" / "flip_flop.html").as_uri())
    moved = tab.evaluate("""() => {
        const frame = Array.from(document.querySelectorAll(".frame:not(.cards)"))
            .find((f) => f.scrollWidth > f.clientWidth + 60);
        const cell = frame.querySelector("td"), before = cell.getBoundingClientRect().left;
        frame.scrollLeft = 60;
        return cell.getBoundingClientRect().left - before;
    }""")
    assert abs(moved) < 1
    # letters of 10 points: a point is at least 1.1 pixels
    scales = tab.eval_on_selector_all(
        ".bd-article figure img.of-light", "images => images.map((i) => 2 * i.width / i.getAttribute('width'))"
    )
    assert scales and min(scales) > 1.09
    tab.close()
