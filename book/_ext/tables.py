"""Tables that can be read: they scroll by themselves, show that more is hidden, and fold where they are long.

A table with more rows than fit a screen folds in a chapter; its fold has a name of its own, which says what is in
it. On pages that are looked up in (data, notation, reference) tables stay open.
"""

import html
import re

from bs4 import BeautifulSoup

ROWS = 12  # more than these fold
SENTENCE = 40  # characters: a table with a longer entry is one of sentences


def words(element):
    return " ".join(element.get_text(" ").split())


def heading_of(table):
    """The heading that a table stands under."""
    found = table.find_previous(["h1", "h2", "h3", "h4"])
    text = found and "".join(t for t in found.find_all(string=True) if t.parent.get("class") != ["headerlink"])
    return " ".join((text or "").split())


def wrapped(body, folds):
    """The body of a page with its tables wrapped, and the long ones folded.

    Args:
        body: HTML.
        folds: whether long tables fold.
    """
    soup, names = BeautifulSoup(body, "html.parser"), {}
    tables = [t for t in soup.find_all("table") if "table" in t.get("class", ()) and not t.find_parent("table")]
    if not tables:
        return body
    for table in tables:
        rows = len(table.select("tbody > tr"))
        under = heading_of(table)
        name = f"Table of {rows} row{'s' * (rows != 1)}" + (f": {under}" if under else "")
        names[name] = names.get(name, 0) + 1
        if names[name] > 1:
            name += f" ({names[name]})"
        table.attrs.pop("tabindex", None)
        old = table.find_parent(class_="pst-scrollable-table-container")
        frame = soup.new_tag(
            "div", attrs={"class": "frame", "tabindex": "0", "role": "region", "aria-label": name}
        )
        (old or table).replace_with(frame)
        frame.append(table)
        if any(len(words(cell)) > SENTENCE for cell in table.find_all("td")):
            frame["class"] = "frame cards"  # on a phone its rows are cards, whose entries say what they are
            heads = [words(cell) for cell in table.select("thead th")]
            for row in table.select("tbody > tr"):
                for cell, head in list(zip(row.find_all("td", recursive=False), heads, strict=False))[1:]:
                    if head and words(cell):
                        cell["data-name"] = head
        if folds and rows > ROWS:
            fold = soup.new_tag("details", attrs={"class": "long-table"})
            summary = soup.new_tag("summary")
            summary.string = f"{name} ({', '.join(words(cell) for cell in table.select('thead th')[:4])}, …)"
            frame.replace_with(fold)
            fold.extend([summary, frame])
    return str(soup)


SUMMARY = re.compile(r"<summary>How this (figure|table) was made, and its data</summary>")
CAPTION = re.compile(r'<span class="caption-number">\s*([^<]*?)\s*</span>')


def named(body):
    """The body of a page in which every fold below a figure or table says which one it belongs to."""
    tables, pieces, place = 0, [], 0
    for found in SUMMARY.finditer(body):
        captions = CAPTION.findall(body, 0, found.start())
        tables += found.group(1) == "table"
        which = captions[-1] if found.group(1) == "figure" and captions else f"table {tables} of this page"
        pieces += [
            body[place : found.start()],
            f"<summary>How {html.escape(which)} was made, and its data</summary>",
        ]
        place = found.end()
    return "".join(pieces) + body[place:]


def mend(app, page, template, context, doctree):
    if "body" in context:
        context["body"] = named(wrapped(context["body"], folds=page.startswith("chapters/")))


def setup(app):
    app.connect("html-page-context", mend, priority=950)  # after the entries have their classes
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
