"""The book for print: every page of it in one file, with formulas, figures and links in place."""

import re
import subprocess
import sys

import pytest
from bs4 import BeautifulSoup

import run
from tools import pdf
from tools.notebooks import ROOT


@pytest.fixture(scope="module")
def folder(output, tmp_path_factory):
    """A folder like that of a build, of which nobody else writes or checks anything."""
    folder = tmp_path_factory.mktemp("printed")
    (folder / "html").symlink_to(output / "html")
    return folder


@pytest.fixture(scope="module")
def printed(folder, browser):  # without a browser there is nothing to test
    done = subprocess.run(
        [sys.executable, "-m", "tools.pdf", str(folder)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in folder.iterdir()) == ["book.pdf", "html"]
    return (folder / "book.pdf").read_bytes()


@pytest.fixture(scope="module")
def soup(folder):
    return BeautifulSoup(pdf.joined(folder / "html"), "html.parser")


def text_of(element):
    return " ".join(element.get_text(" ").split())


def test_the_one_page_holds_the_text_of_every_page_of_the_book(soup, pages):
    names = [name for _, part in pdf.parts() for name in part]
    chosen = {page for page in pages if not page.startswith("_modules/")}
    assert {f"{name}.html" for name in names} == chosen - {"genindex.html", "py-modindex.html", "search.html"}
    for name in names:
        ours = text_of(soup.find(id=pdf.anchor(name)))
        article = BeautifulSoup(pages[f"{name}.html"], "html.parser").select_one("article.bd-article")
        for paragraph in article.select("section > p:not(.downloads)"):
            assert text_of(paragraph) in ours, name


def test_its_links_and_pictures_lead_somewhere_and_its_ids_are_single(soup, folder):
    ids = [element["id"] for element in soup.select("[id]")]
    assert len(ids) == len(set(ids))
    links = [link["href"] for link in soup.select("main a[href]")]
    assert all(link[1:] in ids if link.startswith("#") else re.match(r"https?:", link) for link in links)
    images = [image["src"] for image in soup.select("img")]
    assert sum(image.endswith(".svg") for image in images) > 20
    assert all(image.startswith("data:") or (folder / image).exists() for image in images)
    assert not soup.select("details, input, .headerlink, noscript")


@pytest.mark.slow
def test_the_pdf_has_an_outline_and_the_page_of_each_chapter(printed, soup):
    assert len(re.findall(rb"/Type /Page\b", printed)) > 60
    assert printed.count(b"/Title (") > 60
    numbers = pdf.page_numbers(printed)
    chapters = [span["data-page"] for span in soup.select("[data-page]")]
    found = [numbers[name] for name in chapters]
    assert found == sorted(set(found)) and found[0] == 3  # after the title and the contents
    assert found[-1] <= len(re.findall(rb"/Type /Page\b", printed))


@pytest.mark.slow
def test_a_page_that_lacks_something_is_not_printed(folder, tmp_path, browser):
    (tmp_path / "html").mkdir()
    for path in (folder / "html").iterdir():
        if path.name != "_images":
            (tmp_path / "html" / path.name).symlink_to(path)
    done = subprocess.run(
        [sys.executable, "-m", "tools.pdf", str(tmp_path)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 2 and "the printed page lacks" in done.stderr
    assert "_images" in done.stderr and not (tmp_path / "book.pdf").exists()


@pytest.mark.parametrize(("built", "calls"), [(0, 2), (1, 1)])
def test_run_py_prints_what_it_has_built(monkeypatch, tmp_path, built, calls):
    called = []
    monkeypatch.setattr(run, "hand_over", lambda *command: called.append(command) or built)
    arguments = run.parser().parse_args(["pdf", "--reference", "--output", str(tmp_path)])
    assert arguments.function(arguments) == built
    assert [command[1] for command in called] == ["doit", "tools.pdf"][:calls]
    assert called[-1][-1] == (str(tmp_path) if calls == 2 else "book")
