"""Print a built book: all of its pages as one, and that one as a PDF, by the Chromium of the machine.

`run.py pdf` builds the book where it is out of date and calls this. Figures are taken as SVG, so that
they are sharp on paper; the explorer is replaced by the pictures that it shows without JavaScript.
"""

import argparse
import html
import os
import posixpath
import re
import shutil
import sys
from pathlib import Path
from urllib.parse import unquote

import yaml
from bs4 import BeautifulSoup
from playwright.sync_api import Error, sync_playwright

from tools.notebooks import ROOT

FOOTER = """<div style="width: 100%; font: 8pt sans-serif; text-align: center; color: #555">
<span class="pageNumber"></span></div>"""
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def parts():
    """The book's pages in order: [(caption of a part, [name of a page, …]), …], the first without."""
    toc = yaml.safe_load((ROOT / "book" / "_toc.yml").read_text(encoding="utf-8"))
    return [("", [toc["root"]])] + [
        (part["caption"], [chapter["file"] for chapter in part["chapters"]]) for part in toc["parts"]
    ]


def anchor(page, fragment=""):
    """The id, in the one page, of a page of the book or of a place in it."""
    return page.replace("/", "-") + (f"--{fragment}" if fragment else "")


def article(folder, page, pages):
    """A page's text as it is printed: own ids, links within the one page, vector figures."""
    soup = BeautifulSoup((folder / f"{page}.html").read_text(encoding="utf-8"), "html.parser")
    found, base = soup.select_one("article.bd-article"), posixpath.dirname(page)
    for pictures in found.select("noscript"):
        pictures.p.decompose()  # which says that the page needs JavaScript
        pictures.unwrap()
    for dark in found.select("img.of-dark"):
        dark.decompose()
    for fold in found.select("details.long-table"):  # on paper nothing folds
        fold.summary.decompose()
        fold.unwrap()
    for fold in found.select("details.sd-dropdown"):  # the solution of an exercise
        fold.summary.name = "p"
        fold.unwrap()
    for cell in found.select(".cell_output"):
        vectors = [a["data-vector"] for a in cell.select("details.provenance a[data-vector]")]
        images = cell.select("img")
        if len(vectors) == len(images) == 1:
            images[0]["src"] = vectors[0]
    command = found.select_one("details.provenance code")
    origin = f'<p class="origin">To reproduce: <code>{command.text}</code></p>' if command else ""
    for part in found.select(
        "script, link, style, .headerlink, .downloads, #explorer, "
        "details.provenance, details.history, details.above-input, .toctree-wrapper"
    ):
        part.decompose()
    for image in found.select("img"):
        if not image["src"].startswith("data:"):
            image["src"] = posixpath.normpath(posixpath.join("html", base, image["src"]))
        for attribute in ("loading", "style", "width", "height"):
            image.attrs.pop(attribute, None)
    for link in found.select("a[href]"):
        target, _, fragment = unquote(link["href"]).partition("#")
        if re.match(r"[a-z]+:", link["href"]):
            continue
        name = posixpath.normpath(posixpath.join(base, target)).removesuffix(".html") if target else page
        if name in pages:
            link["href"] = f"#{anchor(name, fragment)}"
        else:  # a file beside the book, which paper cannot open
            link.unwrap()
    for element in found.select("[id]"):
        element["id"] = anchor(page, element["id"])
    for element in found.select("[aria-describedby], [aria-labelledby]"):
        element.attrs.pop("aria-describedby", None), element.attrs.pop("aria-labelledby", None)
    return f'<section class="page" id="{anchor(page)}">{found.decode_contents()}{origin}</section>'


def heading(folder, page):
    soup = BeautifulSoup((folder / f"{page}.html").read_text(encoding="utf-8"), "html.parser")
    title = soup.select_one("article h1")
    for link in title.select(".headerlink"):
        link.decompose()
    return title.get_text().strip()


def joined(folder):
    """All pages of a built book as one.

    Args:
        folder: of the built pages, a Path whose last part is html.
    Returns:
        its HTML, for a file beside that folder: title, contents, then the pages in their order.
    """
    order = parts()
    pages = [page for _, names in order for page in names]
    first = BeautifulSoup((folder / f"{pages[0]}.html").read_text(encoding="utf-8"), "html.parser")
    head = []
    for tag in first.select("head link[rel=stylesheet]"):
        tag["href"] = f"html/{tag['href']}"
        head.append(str(tag))
    stamp = first.select_one(".stamp").get_text()
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    contents = ""
    for caption, names in order:
        entries = "".join(
            f'<li><a href="#{anchor(page)}">{html.escape(heading(folder, page))}</a>'
            f'<span data-page="{anchor(page)}"></span></li>'
            for page in names
        )
        contents += (f"<p>{caption}</p>" if caption else "") + f"<ul>{entries}</ul>"
    body = "\n".join(article(folder, page, set(pages)) for page in pages)
    return f"""<!DOCTYPE html>
<html lang="en" data-theme="light"><head><meta charset="utf-8"><title>{config["title"]}</title>
{"".join(head)}
</head><body class="printed"><main class="bd-article">
<div class="cover"><p class="title">{config["title"]}</p><p>{config["author"]}</p><p>{stamp}</p></div>
<nav class="contents"><p class="title">Contents</p>{contents}</nav>
{body}
</main></body></html>
"""


def page_numbers(pdf):
    """On which page, from 1, each target of a link stands in a PDF that Chromium wrote: {id: number}."""
    pages = re.findall(rb"(\d+) 0 obj\s*<<\s*/Type /Page\b", pdf)
    return {
        name.decode(): pages.index(page) + 1 for name, page in re.findall(rb"/([\w.-]+) \[(\d+) 0 R /XYZ", pdf)
    }


def write(output):
    """Print the book in output/html to output/book.pdf.

    Args:
        output: folder of a built book, a Path.
    Returns:
        the written file, a Path.
    Raises:
        RuntimeError: there is no Chromium, or the page does not show what it should.
    """
    page, target = output / "printed.html", output / "book.pdf"
    page.write_text(joined(output / "html"), encoding="utf-8")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    try:
        with sync_playwright() as playwright:
            try:
                browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
            except Error as error:
                raise RuntimeError(
                    "no Chromium on this machine (`playwright install chromium` gets "
                    f"one): {str(error).splitlines()[0]}"
                ) from None
            tab, failed = browser.new_page(), []
            tab.on("requestfailed", lambda request: failed.append(request.url))
            tab.set_default_timeout(300_000)  # ms; the whole book in one page
            tab.goto(page.absolute().as_uri())
            # a picture that is not there is among the failed requests
            tab.evaluate("Promise.all(Array.from(document.images, (i) => i.decode().catch(() => {})))")
            if failed:
                raise RuntimeError(f"the printed page lacks {', '.join(failed)}")
            paper = {
                "format": "A4",
                "print_background": True,
                "tagged": True,
                "outline": True,
                "display_header_footer": True,
                "header_template": "<span></span>",
                "footer_template": FOOTER,
                "margin": {"top": "18mm", "bottom": "18mm", "left": "20mm", "right": "20mm"},
            }
            # twice: only the first print says on which page a chapter begins
            tab.evaluate(
                """(numbers) => document.querySelectorAll("[data-page]").forEach((span) => {
                span.textContent = numbers[span.dataset.page]; })""",
                page_numbers(tab.pdf(**paper)),
            )
            tab.pdf(path=target, **paper)
            browser.close()
    finally:
        page.unlink()
    return target


def main(arguments):
    parser = argparse.ArgumentParser(prog="python3 -m tools.pdf", description=__doc__)
    parser.add_argument("output", type=Path, help="folder of a built book")
    try:
        target = write(parser.parse_args(arguments).output)
    except RuntimeError as error:
        parser.error(str(error))
    print(f"the book is printed; open {target} ({os.path.getsize(target) / 1e6:.1f} MB)")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
