"""Sentences that say nothing: `python3 -m tools.prose build/paper-reference/html` reads a built book.

Most sentences of the book are computed. One that was written for a hundred networks may come out empty, or wrong,
from a build with one: a range from a number to itself, less than nothing, a count of one in the plural. Each kind
is a pattern over the text of a block (a paragraph, an entry, a heading), where code and formulas are left out.
"""

import re
import sys
from pathlib import Path

import nbformat
from bs4 import BeautifulSoup

from tools.notebooks import FOLDER

NUMBER = r"[−+-]?\d[\d,]*(?:\.\d+)?"
KINDS = {
    "a range of dashes": r"–\s+(?:to|and|of)\s+–|\bfrom – to\b|\bis –|– \(–|\[–, –\]|± –(?=[\s,;.)])",
    "less than nothing": r"\b(?:(?:less|more|fewer|larger|smaller) than|at most|up to) [−-]?0(?:\.0+)?(?![.,]?\d)"
    r"|\b(?:below|above|at least) [−-]?0\.0+(?!\d)",
    "a measured nothing": r"\bby (?:only )?[−+-]?0(?:\.0+)?(?:\s?%)?(?![.,]?\d)",
    "a range of one value": rf"(?<![\d.,+−±:-])(?<!, )({NUMBER})(?:\s?%)? ?(?:–| to | and )\1(?![.,]?\d| ?×)",
    "a count of one": r"\b(?:[01] of (?:the )?1|all (?:the )?1|the 1|all of 1|both of 1)(?![.,]?\d| ?%)\b"
    r"|\b1(?:, 1)*(?:,| and) 1 (?=networks)",
    "one in the plural": r"(?<![\d.,/×^−+–] )(?<![\d.,/×^−+–])\b1 (?:networks|seeds|trials|pairs|sequences|blocks"
    r"|steps|sets|units|cases|tasks|rows|modes|couplings|changes|draws|eigenvalues|dimensions|clusters)\b",
    "one for all": r"\ball 0\b|\bnone of (?:the )?0\b|\b0 of (?:the )?0\b|\bin 0 of\b.{0,20}\bof 0\b",
    "something not filled in": r"\{glue|\{\{|\}\}|\bnan\b|\bNaN\b|"
    r"(?<!^)(?<![.:;]\s)\bNone\b|\binf\b|%\([a-z]|\{[a-z_]+\}|\bTODO\b",
    "a word twice": r"\b(?!that\b|had\b)([A-Za-zäöü]{2,}) \1\b",
    "a space where none belongs": r"(?<=\S)  +(?=\S)|\w ,|\( | \)|(?<=[\w)])(?<!\{\w) [.;:](?=\s|$)",
    "marks that do not go together": r"(?<!\w)\(\)|,,|(?<!\.)\.\.(?![.\w])|(?<!\bal)(?<!\.)\.\s?,|,\s?\.(?![\w.])"
    r"|;\s?[.;](?!\w)|:\s?\.(?![\w.])|\. \.(?!\.)",
    "a number of a number": r"\bnumber \d+\b.{0,60}\bof number \d+\b",
    "an article for “for each”": r"\b(?:a|one|\d+) "
    r"(?:point|line|panel|row|dot|curve|bar|column|marker|network|value)s?"
    r" an? (?:network|seed|size|task|set|block|construction|row|panel|trial|configuration)\b",
}
KINDS = {kind: re.compile(pattern) for kind, pattern in KINDS.items()}

# What is typed, and not counted: true of one build only. The paper's numbers are its own.
TYPED = re.compile(
    r"\b(?:two|three|five|six|ten|twenty|thirty|a hundred|\d+) (?:seeds|networks)\b(?! a task, as the paper)", re.I
)

DOCSTRINGS = {"api.html", "functions.html"}  # pages that are made of them, and no sentence of which is computed
BLOCKS = ("p", "li", "dd", "dt", "td", "th", "figcaption", "h1", "h2", "h3", "h4", "summary")


def complaints(text):
    """What is wrong with the text of one block: (kind, the words around it) of each."""
    found = []
    for kind, pattern in KINDS.items():
        for match in pattern.finditer(text):
            around = text[max(0, match.start() - 60) : match.end() + 60]
            found.append((kind, " ".join(around.split())))
    return found


def blocks(page):
    """The texts of a page that readers read: paragraphs, entries, headings; code and formulas are a word each."""
    soup = BeautifulSoup(page, "html.parser")
    article = soup.find("article") or soup
    for tag in article.find_all(["pre", "script", "style", "svg", "template"]):
        tag.decompose()
    for tag in article.select(
        ".toctree-wrapper, .headerlink, .prev-next-area, .provenance, .downloads, .history, .sig, #explorer"
    ):
        tag.decompose()
    for tag in article.find_all(["code", "math"]):
        tag.replace_with("CODE" if tag.name == "code" else "FORMULA")
    for tag in article.find_all("br"):
        tag.replace_with("\n")
    found = [(tag, tag.name in ("td", "th") or tag.find_parent(["td", "th"])) for tag in article.find_all(BLOCKS)]
    for tag, in_table in found:
        for inner in tag.find_all(BLOCKS):
            inner.extract()
        text = tag.get_text()
        # an entry of a table may be a dash or a pair of equal numbers; a sentence in one may not
        if text.strip() and not (in_table and len(text.split()) <= 6):
            yield re.sub(r"\s*\n\s*", " ", text).strip()


def of_page(page):
    """The complaints about a built page, an HTML text."""
    return [found for text in blocks(page) for found in complaints(text)]


def plain(markdown):
    """Markdown as the reader meets it, near enough: no code, a word for a formula, a role's text."""
    text = re.sub(r"(?ms)^ *```(?:console|i?python)$.*?```$", "", markdown)
    text = re.sub(r"(?m)^ *(?:```|:).*$|^ *[*-] ", "", text)  # what opens, sets or closes a directive; items
    text = re.sub(r"`[^`]*`", "CODE", re.sub(r"\{[\w:-]+\}`([^`<]*)[^`]*`", r"\1", text))
    text = re.sub(r"(?s)\$\$.*?\$\$|\$[^$]+\$", "FORMULA", text)
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    return re.sub(r"[*_#]", "", text)


def sentences(notebook):
    """The texts that an executed notebook brings to its page, a block each: prose, captions, what it computed."""
    for cell in notebook.cells:
        told = [cell.source] if cell.cell_type == "markdown" else []
        for output in cell.get("outputs", ()):
            text = output.get("data", {}).get("text/markdown", "")
            told += [] if text.startswith("|") else [text]
        shown = cell.metadata.get("mystnb", {})
        told += [shown.get("figure", {}).get("caption", ""), shown.get("image", {}).get("alt", "")]
        for text in told:
            yield from (block for block in plain(text).split("\n\n") if block.strip())


def of_notebook(path):
    """The complaints about an executed notebook, a Path."""
    notebook = nbformat.read(path, as_version=4)
    return [found for text in sentences(notebook) for found in complaints(" ".join(text.split("\n")))]


def typed(path):
    """Counts of seeds or networks that are typed in a notebook's prose, a Path: they are those of one build."""
    found = []
    for cell in nbformat.read(path, as_version=4).cells:
        told = [cell.source] if cell.cell_type == "markdown" else []
        told.append(cell.metadata.get("mystnb", {}).get("figure", {}).get("caption", ""))
        found += [("a typed count", match.group()) for text in told for match in TYPED.finditer(plain(text))]
    return found


def of_folder(html):
    """The complaints about all pages of a built book: (page, kind, words)."""
    pages = [p for p in sorted(Path(html).rglob("*.html")) if not {"_static", "downloads"} & set(p.parts)]
    return [
        (page.relative_to(html).as_posix(), *found)
        for page in pages
        if page.name not in {"genindex.html", "search.html", *DOCSTRINGS} and "_modules" not in page.parts
        for found in of_page(page.read_text(encoding="utf-8"))
    ]


def main(folders):
    """Say what is wrong in built books, or in the executed notebooks of the project where none is named."""
    found = [each for folder in folders for each in of_folder(folder)]
    if not folders:
        for path in sorted(FOLDER.glob("*.ipynb")):
            found += [(path.stem, *each) for each in of_notebook(path) + typed(path)]
    for page, kind, words in found:
        print(f"{page}: {kind}: …{words}…")
    print(f"{len(found)} complaints")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
