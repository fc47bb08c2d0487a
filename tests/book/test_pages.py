"""What the extensions of the book do to a page: tables, folds, dark figures, history, the search's excerpts."""

import importlib.util
import re
import sys

import pytest
from bs4 import BeautifulSoup

from tools import book
from tools.notebooks import ROOT


def extension(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "book" / "_ext" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(name, module)
    spec.loader.exec_module(module)
    return module


extension("mathematics")  # which `stamp` imports
tables, vectors, history, excerpts, stamp = map(extension, ("tables", "vectors", "history", "excerpts", "stamp"))


def table(rows, entry="1"):
    cells = f"<tr><td>a</td><td>{entry}</td></tr>" * rows
    head = "<thead><tr><th>name</th><th>value</th></tr></thead>"
    return f'<table class="table">{head}<tbody>{cells}</tbody></table>'


def test_a_table_scrolls_in_a_frame_and_folds_with_a_name_of_its_own_where_it_is_long():
    body = f"<h2>Harm<a class='headerlink' href='#x'>#</a></h2>{table(12)}{table(13)}{table(13)}"
    soup = BeautifulSoup(tables.wrapped(body, folds=True), "html.parser")
    names = [frame["aria-label"] for frame in soup.select("div.frame[tabindex='0'] ")]
    assert names == ["Table of 12 rows: Harm", "Table of 13 rows: Harm", "Table of 13 rows: Harm (2)"]
    folds = [fold.text for fold in soup.select("details.long-table > summary")]
    assert len(folds) == len(set(folds)) == 2 and folds[0] == "Table of 13 rows: Harm (name, value, …)"
    open_ = BeautifulSoup(tables.wrapped(body, folds=False), "html.parser")
    assert not open_.select("details") and len(open_.select("div.frame > table")) == 3


def test_on_a_phone_the_rows_of_a_table_of_sentences_are_cards_with_the_names_of_their_entries():
    soup = BeautifulSoup(tables.wrapped(table(2, "a sentence " * 5), folds=True), "html.parser")
    assert soup.select_one("div.frame.cards") and soup.select("td")[1]["data-name"] == "value"
    assert "data-name" not in soup.select("td")[0].attrs
    assert not BeautifulSoup(tables.wrapped(table(2), folds=True), "html.parser").select(".cards")


def test_the_fold_below_each_figure_and_table_says_which_it_belongs_to():
    summary = "<summary>How this {} was made, and its data</summary>"
    caption = '<span class="caption-number">Fig. {} </span>'
    body = caption.format(7) + summary.format("figure") + summary.format("table") + caption.format(8)
    body += summary.format("figure") + summary.format("table")
    assert re.findall(r"<summary>How (.*?) was", tables.named(body)) == [
        "Fig. 7", "table 1 of this page", "Fig. 8", "table 2 of this page"]  # fmt: skip


SVG = (
    '<svg width="10pt" height="20pt"><g><path d="M 1.2345 2.0 L 3 4" style="fill: #ffffff"/>'
    '<path style="fill: none; stroke: #000000"/><path style="fill: #0072b2; stroke: #ffffff"/>'
    '<g id="text">{}</g></g></svg>'
)


def test_a_figure_holds_its_dark_variant_in_the_same_file():
    made = vectors.with_dark_variant(vectors.light(SVG.format("")))
    assert 'd="M 1.2 2 L 3 4"' in made and made.startswith('<svg id="dark" width')
    light, dark = re.search(r":root\{(.*?)\}:root:target\{(.*?)\}", made).groups()
    assert "--cffffff:#ffffff" in light and "--cffffff:#121212" in dark and "--c000000:#e8e8e8" in dark
    assert "fill: var(--cffffff)" in made and "stroke: var(--c000000)" in made
    assert "stroke: #ffffff" in made  # a white line parts what is coloured


def test_colours_are_light_enough_on_a_dark_page_and_pixels_and_heat_maps_stay():
    for colour in [(0, 158, 115), (213, 94, 0), (0, 114, 178), (0, 0, 255)]:
        seen = vectors.luminance(vectors.of_the_dark(colour)) + 0.05
        assert seen / (vectors.luminance(vectors.PAPER) + 0.05) >= vectors.CONTRAST
    assert vectors.of_the_dark((0, 0, 0)) == vectors.INK and vectors.of_the_dark((255,) * 3) == vectors.PAPER
    assert vectors.luminance((255, 255, 255)) == pytest.approx(1)
    assert vectors.with_dark_variant(SVG.format("<image/>")) == ""
    many = "".join(f'<path style="fill: #{i:02x}0000"/>' for i in range(vectors.FEW + 1))
    assert vectors.with_dark_variant(SVG.format(many)) == ""


def test_a_page_names_both_variants_of_one_file():
    image = f'<img alt="x" src="../_images/{"a" * 64}.png"/>'
    both = vectors.tags(image, "b.svg", vectors.with_dark_variant(SVG.format("")))
    assert re.findall(r'src="../_images/([^"]*)"', both) == ["b.svg", "b.svg#dark"]
    assert re.findall(r'class="([^"]*)"', both) == ["of-light", "of-dark"] and both.count('width="20"') == 2
    assert vectors.tags(image, "b.svg", SVG.format("")).count("<img") == 1


def test_signatures_and_none_are_code_in_the_reference():
    body = (
        '<dt class="sig sig-object py" id="f">f(x=None)<a class="headerlink" href="#f">#</a></dt>'
        "<dd><p>NaN where x is None, <code>None</code>.</p></dd>"
    )
    text = BeautifulSoup(stamp.as_code(body), "html.parser")
    assert text.select_one("dt > code.signature").text == "f(x=None)"
    assert [code.text for code in text.select("dd code")] == ["NaN", "None", "None"]


def test_the_foot_of_a_page_tells_its_last_changes():
    changes = [{"commit": f"c{i}", "day": f"2026-11-{30 - i}", "subject": f"<{i}>"} for i in range(14)]
    foot = BeautifulSoup(history.foot(changes, "https://h/o/n"), "html.parser")
    assert foot.summary.text == "Last change of this page: 2026-11-30"
    assert len(foot.find_all("li")) == 13 and foot.find_all("li")[-1].text == "and 2 earlier"
    assert foot.a["href"] == "https://h/o/n/commit/c0" and "<0>" in foot.li.text
    assert history.foot([], "") == "" and "<a" not in history.foot(changes[:1], "")


def test_the_history_is_that_of_each_pages_source(monkeypatch):
    def git(*words):
        return "abc\t2026-11-26\tA change\twith a tab" if words[-1] == "notebooks/figure_1.py" else ""

    monkeypatch.setattr(book, "git", git)
    told = book.history()["pages"]
    assert told["chapters/figure_1"] == [{"commit": "abc", "day": "2026-11-26", "subject": "A change\twith a tab"}]
    assert told["method"] == []
    monkeypatch.setattr(book, "git", lambda *words: (_ for _ in ()).throw(ValueError("no git")))
    assert book.history() == {"repository": "", "pages": {}}


def test_the_excerpts_are_the_text_of_the_article():
    page = "<nav>menu</nav><article><p>Ordered <b>Schur</b></p><details class='provenance'>x</details></article>"
    assert excerpts.text_of(page) == "Ordered Schur" and excerpts.text_of("<p>none</p>") == ""


def test_a_sentence_that_is_quoted_has_its_bold_words_formulas_and_symbols_set():
    said = re.sub(
        r'(<span class="pasted-text">)([^<]*)',
        stamp.quoted,
        '<p><span class="pasted-text">**Flips** break without $T_{CR}$, T_CC stays; '
        "$n_R$ &lt; 3 costs $5 or $6.</span></p>",
    )
    soup = BeautifulSoup(said, "html.parser")
    assert [word.text for word in soup("strong")] == ["Flips"] and len(soup("math")) == 2
    assert soup.i.text == "T" and soup.sub.text == "CC" and soup("math")[0].text == "TCR"
    assert soup.text == "Flips break without TCR, TCC stays; nR < 3 costs $5 or $6."
