"""Give the search page the text of all pages: opened from the disk, it may not fetch them for its excerpts."""

import json
from pathlib import Path

from bs4 import BeautifulSoup


def text_of(page):
    """The text of a page's article, without code and formulas' parts."""
    soup = BeautifulSoup(page, "html.parser")
    article = soup.find("article")
    if article is None:
        return ""
    for part in article.select("script, style, svg, details.provenance, details.history, .headerlink, #explorer"):
        part.decompose()
    return " ".join(article.get_text(" ").split())


def collect(app, exception):
    """Write _static/excerpts.js, {"page.html": its text}, and let the search page load it."""
    if exception or app.builder.format != "html":
        return
    root = Path(app.outdir)
    found = {}
    for name in sorted(app.env.found_docs):
        page = app.builder.get_target_uri(name)
        found[page] = text_of((root / page).read_text(encoding="utf-8"))
    script = f"window.excerpts = {json.dumps(found, ensure_ascii=False, sort_keys=True)};\n"
    (root / "_static" / "excerpts.js").write_text(script, encoding="utf-8")
    search = root / "search.html"
    text = search.read_text(encoding="utf-8")
    search.write_text(text.replace("</head>", '<script src="_static/excerpts.js"></script>\n</head>', 1), "utf-8")


def setup(app):
    app.connect("build-finished", collect, priority=960)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
