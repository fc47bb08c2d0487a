"""The quick profile, from an empty store to a built book, and what its pages hold."""

import json
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

from tools import notebooks
from tools.notebooks import ROOT


def run(*arguments, cwd=ROOT):
    variables = {k: v for k, v in os.environ.items() if not k.startswith(("SCHUR_LIB_", "PYTEST_"))}
    return subprocess.run([sys.executable, "run.py", *map(str, arguments)], cwd=cwd, env=variables,
                          capture_output=True, text=True)


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    folder = tmp_path_factory.mktemp("quick")
    done = run("book", "--profile", "quick", "--output", folder)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-6000:]
    return folder


class Page(HTMLParser):
    """The tags of a page with their attributes."""

    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))


@pytest.fixture(scope="module")
def pages(output):
    """The pages that readers see: {path: text}; the redirect at the root is none."""
    html = output / "html"
    found = {p.relative_to(html).as_posix(): p.read_text() for p in html.rglob("*.html")
             if "_static" not in p.parts}
    return {path: text for path, text in found.items() if 'http-equiv="Refresh"' not in text}


def test_training_starts_from_an_empty_store_and_fills_it(output):
    assert list((output / "store").rglob("*.safetensors"))


def test_every_notebook_and_page_is_in_the_book(pages):
    assert {f"chapters/{name}.html" for name in notebooks.names()} <= set(pages)
    assert {"intro.html", "method.html", "reproduce.html", "references.html"} <= set(pages)


def test_every_page_is_stamped_quick(pages):
    for path, text in pages.items():
        assert "QUICK profile: toy numbers, not results" in text, path
        assert "quick profile, networks trained here" in text, path


def test_no_page_shows_a_traceback_or_an_empty_glue(pages):
    for path, text in pages.items():
        assert "Traceback (most recent call last)" not in text, path
        assert not re.search(r'class="[^"]*\boutput traceback\b', text), path
        assert not re.search(r'class="pasted-text">\s*</span>', text), path
        assert "{glue:" not in text and "pasted-missing" not in text, path


def test_every_image_has_alt_text(pages):
    for path, text in pages.items():
        for tag, attributes in Page(text).tags:
            if tag == "img":
                alt = attributes.get("alt") or ""
                assert alt and not re.search(r"\.(png|svg)$|^_images", alt), (path, attributes)


def test_no_page_loads_anything_from_another_machine(output, pages):
    for path, text in pages.items():
        for tag, attributes in Page(text).tags:
            loads = attributes.get("src") if tag in ("script", "img", "iframe") else None
            if tag == "link" and attributes.get("rel") != "canonical":
                loads = attributes.get("href")
            assert not re.match(r"(https?:)?//", loads or ""), (path, loads)
    for sheet in (output / "html").rglob("*.css"):
        assert not re.search(r"(@import|url\()\s*[\"']?(https?:)?//", sheet.read_text()), sheet


def test_the_mathematics_comes_with_the_book(output, pages):
    assert (output / "html" / "mathjax" / "tex-mml-chtml.js").exists()
    assert list((output / "html" / "mathjax" / "output" / "chtml" / "fonts").rglob("*.woff"))
    assert "mathjax/tex-mml-chtml.js" in pages["method.html"]


def test_internal_links_and_anchors_resolve(output, pages):
    html = output / "html"
    anchors = {path: {a["id"] for _, a in Page(text).tags if a.get("id")}
               for path, text in pages.items()}
    for path, text in pages.items():
        for tag, attributes in Page(text).tags:
            link = attributes.get("href", "") if tag == "a" else None
            if not link or re.match(r"[a-z]+:|//", link):
                continue
            file, _, anchor = link.partition("#")
            target = (html / path).parent / file.split("?")[0] if file else html / path
            assert target.resolve().exists(), (path, link)
            known = anchors.get(target.resolve().relative_to(html.resolve()).as_posix())
            if anchor and known is not None:
                assert anchor in known, (path, link)


def test_the_reproduce_page_tells_times_and_versions(pages):
    text = pages["reproduce.html"]
    for name in notebooks.names():
        assert f"{name}" in text
    for name, version in notebooks.versions().items():
        assert name in text and version in text


def test_nothing_is_out_of_date_after_a_build_and_why_says_what_is(output):
    arguments = ("why", "--profile", "quick", "--output", output)
    done = run(*arguments)
    assert done.returncode == 0 and "out of date" not in done.stdout, done.stdout + done.stderr
    record = json.loads(next((output / "networks").glob("*.json")).read_text())
    network, aside = sorted(record)[0], output / "aside"
    shutil.move(network, aside)
    try:
        assert "the store does not hold (all of) its networks" in run(*arguments).stdout
    finally:
        shutil.move(aside, network)


@pytest.fixture(scope="module")
def browser():
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("no Chromium: .ci/run installs it")
        pytest.skip("no Chromium on this machine: the pages were not looked at in a browser")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--disable-sync"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=flags)
        yield browser
        browser.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 390])
def test_every_page_is_sound_in_a_browser_without_a_network(output, pages, browser, width, scheme):
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    context.set_default_timeout(180_000)  # ms; a busy machine takes long, a broken page forever
    tab, troubles = context.new_page(), []
    tab.on("pageerror", lambda error: troubles.append(str(error)))
    tab.on("console", lambda m: troubles.append(m.text) if m.type == "error" else None)
    tab.on("request", lambda r: None if r.url.startswith(("file:", "data:", "blob:"))
           else troubles.append(f"asks for {r.url}"))
    for path in pages:
        tab.goto((output / "html" / path).as_uri())
        tab.evaluate("window.MathJax?.startup?.promise")
        unset = tab.locator(".math").count() - tab.locator("mjx-container").count()
        if unset or tab.locator("mjx-merror").count():
            troubles.append(f"{unset} formulas without typesetting, or one with an error")
        if tab.evaluate("document.documentElement.scrollWidth > innerWidth"):
            troubles.append("is wider than the window")
        assert troubles == [], path
        serious = [(v["id"], v["nodes"][0]["html"]) for v in Axe().run(tab).response["violations"]
                   if v["impact"] in ("serious", "critical")]
        assert serious == [], path
        tab.goto("about:blank")
        troubles.clear()  # axe asks for style sheets in a way that file:// does not allow
    context.close()


def test_a_failing_notebook_stops_the_build_and_leaves_no_older_page(output, tmp_path):
    """In a copy of the project, so that the notebooks at hand stay as they are."""
    copy, name = tmp_path / "copy", notebooks.names()[0]
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(
        ".venv", "build", ".git", "__pycache__", "*.egg-info"))
    built = copy / "build" / "quick-trained"
    shutil.copytree(output / "html", built / "html")
    shutil.copytree(output / "chapters", built / "chapters")
    shutil.copytree(output / "store", copy / "build" / "store")
    with (copy / "notebooks" / f"{name}.py").open("a") as source:
        source.write("\n# %%\nbroken = 1\nraise KeyError('on purpose')\n")
    settings = ["profile=quick", "networks=trained", f"output={built}",
                f"store={copy / 'build' / 'store'}"]
    done = subprocess.run([sys.executable, "-m", "doit", "run", *settings, f"notebook:{name}"],
                          cwd=copy, capture_output=True, text=True)
    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert f"notebooks/{name}.py failed in cell" in said
    assert "broken = 1" in said and "KeyError: 'on purpose'" in said
    assert not (built / "html").exists()
    assert not (built / "chapters" / f"{name}.ipynb").exists()
