"""The lint over prose finds sentences that say nothing, and lets real ones pass; both builds are free of them."""

import pytest

from tools import notebooks, prose

BAD = {
    "a range of dashes": [
        "The FVU is –, – and – in these.",
        "It lies from – to –.",
        "an accuracy of 0.7 ± – there",
    ],
    "less than nothing": ["It changes by less than 0.", "at most 0.0000 of it", "up to 0 networks", "below 0.00"],
    "a measured nothing": ["by 0.0000 of their variance", "rises by 0.00 in one network", "moved by −0.000."],
    "a range of one value": [
        "1.14 to 1.14",
        "between 3 and 3",
        "8–8 dimensions",
        "from 62 % to 62 %",
        "1.0 to 1.0",
    ],
    "a count of one": ["in 0 of the 1 networks", "1 of 1", "in all 1 networks", "in 1, 1, 1 networks"],
    "one in the plural": ["RR in 1 networks of it", "with 1 seeds"],
    "one for all": ["that of the end in 0 of 0 cases", "all 0 of them"],
    "something not filled in": [
        "The rank is nan.",
        "needs None here",
        "{glue:text}`x`",
        "a {{name}}",
        "of {block} in",
    ],
    "a word twice": ["it is the the block"],
    "a space where none belongs": ["two  spaces", "a comma , here", "( open", "an end ."],
    "marks that do not go together": ["an empty () here", "two,, commas", "an end..", "a. , b", "a list: ."],
    "a number of a number": ["number 65 is 0.006–0.563 of number 64"],
    "an article for “for each”": [
        "a point a network",
        "Rows hold 6 networks a task",
        "Three panels, a panel a task",
    ],
}
GOOD = [
    "In 1 of 10 networks −CC can go, in 10 of 10 −RR; the median is 1.14 (1.10 to 1.20).",
    "It holds 0.5–0.50001, 64 × 64 and 64 × 67, 10 to 100, 1 of the 12 blocks, 1 block.",
    "None has more. None of the blocks holds an eigenvalue. A dash (–) stands where nothing is known.",
    "More than 0.01, less than 0.5, at most 0.3, by 0.02 and by 10 %, from 0 to 1, [Krause et al., 2022].",
    "That that is, is; it had had none. Files are .csv, .svg or .png, 1..N, and so on … 0 of 10 networks.",
    "With one network of 72 units, 100 networks for each task, and the 1 % that is left out.",
]


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in BAD.items() for text in texts])
def test_a_sentence_that_says_nothing_is_found(kind, text):
    assert kind in [found for found, _ in prose.complaints(text)], prose.complaints(text)


def test_every_kind_has_its_examples():
    assert set(BAD) == set(prose.KINDS)


@pytest.mark.parametrize("text", GOOD)
def test_a_real_sentence_passes(text):
    assert prose.complaints(text) == []


def test_a_page_is_read_by_blocks_without_code_formulas_and_short_entries():
    page = """<article><h1>A title</h1><p>It needs <code>None</code> at <math><mi>n</mi></math>.</p>
    <ul><li>by 0.000 here<p>a block of its own</p></li></ul><pre>nan nan</pre><figcaption>1.1 to 1.1</figcaption>
    <table><tr><td>0 of 1</td><td><p>–</p></td><td>A sentence in a table is read: 2 to 2.</td></tr></table>
    <details class="provenance"><dd>1 of 1</dd></details></article>"""
    assert list(prose.blocks(page))[:3] == ["A title", "It needs CODE at FORMULA.", "by 0.000 here"]
    kinds = [kind for kind, _ in prose.of_page(page)]
    assert kinds == ["a measured nothing", "a range of one value", "a range of one value"]


def test_markdown_is_read_as_the_reader_meets_it():
    said = prose.plain(
        "* **A** {term}`leading sector <x>` of `None`, $a  b$ ([here](x.md)).\n```console\nnan\n```"
    )
    assert " ".join(said.split()) == "A leading sector of CODE, FORMULA (here)."


def test_no_page_of_the_quick_build_says_nothing(pages):
    code = prose.DOCSTRINGS | {"search.html", "genindex.html"}
    sentences = {path: text for path, text in pages.items() if path not in code and "_modules/" not in path}
    found = [(path, *each) for path, text in sentences.items() for each in prose.of_page(text)]
    assert found == []


@pytest.mark.parametrize("name", notebooks.names())
def test_no_reference_output_says_nothing(name):
    assert prose.of_notebook(notebooks.FOLDER / f"{name}.ipynb") == []


def test_no_count_of_this_books_networks_is_typed():
    """Of the paper's, of two that a sentence compares, and the fewest that decide, the number is the point."""
    allowed = {"two networks", "three networks", "three seeds", "six networks"}
    for name in notebooks.names():
        typed = prose.typed(notebooks.FOLDER / f"{name}.ipynb")
        assert {words.lower() for _, words in typed} <= allowed, name
