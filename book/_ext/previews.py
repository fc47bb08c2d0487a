"""Collect what internal links point at, for the previews that _static/book.js shows on hover."""

import json
import posixpath
import re
from pathlib import Path
from urllib.parse import unquote

from bs4 import BeautifulSoup


def preview_of(target, page):
    """The HTML to show for a link's target; "" for targets that are not previewed."""
    classes = target.get("class", [])
    if target.name == "dt":  # a word of the glossary
        definition = target.find_next_sibling("dd")
        return definition.decode_contents() if definition else ""
    if "citation" in classes:
        text = target.find("p")
        return text.decode_contents() if text else ""
    if target.name == "figure" or "math-wrapper" in classes or "math" in classes:
        for image in target.find_all("img"):
            image["src"] = posixpath.normpath(posixpath.join(posixpath.dirname(page), image["src"]))
            image.attrs.pop("style", None)
        for link in target.find_all("a", class_="headerlink"):
            link.decompose()
        for element in [target, *target.find_all(id=True)]:
            element.attrs.pop("id", None)
        return str(target)
    return ""


def collect(app, exception):
    """Write _static/previews.js: {"page.html#anchor": HTML} of every target that is linked to."""
    if exception or app.builder.format != "html":
        return
    root, wanted = Path(app.outdir), set()
    pages = {app.builder.get_target_uri(name): None for name in app.env.found_docs}
    for page in pages:
        text = (root / page).read_text(encoding="utf-8")
        pages[page] = text
        for href in re.findall(r'<a class="reference internal" href="([^"]*#[^"]+)"', text):
            file, anchor = unquote(href).split("#", 1)
            path = posixpath.normpath(posixpath.join(posixpath.dirname(page), file)) if file else page
            wanted.add((path, anchor))
    previews = {}
    for page in sorted({page for page, _ in wanted} & set(pages)):
        soup = BeautifulSoup(pages[page], "html.parser")
        for anchor in sorted(a for p, a in wanted if p == page):
            target = soup.find(id=anchor)
            content = preview_of(target, page) if target else ""
            if content:
                previews[f"{page}#{anchor}"] = content
    (root / "_static" / "previews.js").write_text(
        f"window.previews = {json.dumps(previews, ensure_ascii=False, sort_keys=True)};\n", encoding="utf-8"
    )


def setup(app):
    app.add_js_file("previews.js", priority=900)
    app.connect("build-finished", collect)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
