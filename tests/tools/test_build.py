"""The quick profile, from an empty store to a built book, and what its pages hold."""

import csv
import hashlib
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
from bs4 import BeautifulSoup

from tests.cases import compiled, run
from tools import keep_figures, notebooks
from tools.notebooks import ROOT


class Page(HTMLParser):
    """The tags of a page with their attributes."""

    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))


@pytest.fixture(scope="module")
def tags(pages):
    """The tags of each page: {path: [(tag, its attributes), …]}."""
    return {path: Page(text).tags for path, text in pages.items()}


@pytest.fixture(scope="module")
def soups(pages):
    return {path: BeautifulSoup(text, "html.parser") for path, text in pages.items()}


def test_training_starts_from_an_empty_store_and_fills_it(output):
    assert list((output / "store").rglob("*.safetensors"))


def test_what_is_finished_is_noted_for_each_task(output):
    finished = {path.stem for path in (output / "finished").glob("*.json")}
    assert {"train-copy", "explorer", "book", *(f"notebook-{name}" for name in notebooks.names())} <= finished


def test_every_notebook_and_page_is_in_the_book(pages):
    assert {f"chapters/{name}.html" for name in notebooks.names()} <= set(pages)
    assert {
        "intro.html",
        "method.html",
        "explorer.html",
        "notation.html",
        "glossary.html",
        "reproduce.html",
        "references.html",
    } <= set(pages)


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


def test_every_image_has_alt_text(tags):
    for path, found in tags.items():
        for tag, attributes in found:
            if tag == "img":
                alt = attributes.get("alt") or ""
                assert alt and not re.search(r"\.(png|svg)$|^_images", alt), (path, attributes)


def test_no_page_loads_anything_from_another_machine(output, tags):
    for path, found in tags.items():
        for tag, attributes in found:
            loads = attributes.get("src") if tag in ("script", "img", "iframe") else None
            if tag == "link" and attributes.get("rel") != "canonical":
                loads = attributes.get("href")
            assert not re.match(r"(https?:)?//", loads or ""), (path, loads)
    for sheet in (output / "html").rglob("*.css"):
        assert not re.search(r"(@import|url\()\s*[\"']?(https?:)?//", sheet.read_text()), sheet


def test_the_mathematics_comes_with_the_book(output, pages):
    assert not (output / "html" / "mathjax").exists() and '<math display="block">' in pages["method.html"]
    for path, text in pages.items():
        if path.startswith("_modules/"):  # sources, whose patterns hold backslashes
            continue
        text = re.sub(r'<details class="history">.*?</details>', "", text)  # which may name what is gone
        assert "mathjax" not in re.sub('class="[^"]*"', "", text).lower() and r"\(" not in text, path


def test_the_icons_that_the_pages_name_are_drawn_without_the_themes_script(output, pages):
    sheet = (output / "html" / "_static" / "icons.css").read_text()
    assert len(sheet) < 50_000 and not list((output / "html").rglob("fontawesome.js*"))
    for path, text in pages.items():
        assert "fontawesome" not in text and "_static/icons.css" in text, path
        for name in set(re.findall(r'class="[^"]*\bfa-(?:solid|brands|regular) fa-([a-z0-9-]+)', text)):
            assert f".fa-{name} {{ --icon: url(" in sheet, (path, name)


def test_no_script_stands_in_a_page(output, tags, pages):
    """Neither in an element of its own nor in a button; so a server may forbid them."""
    for path, found in tags.items():
        for tag, attributes in found:
            assert not [name for name in attributes if name.startswith("on")], (path, attributes)
            if tag == "script" and "json" not in attributes.get("type", ""):
                assert attributes.get("src"), path
    assert sum('data-does="toggleFullScreen"' in text for text in pages.values()) > 20


def test_a_page_with_all_that_it_loads_is_light(output, tags):
    """Scripts, styles and pictures: those of the whole book in seeds weigh no more than 1.5 MB a page."""
    html = output / "html"
    for path, found in tags.items():
        loads = {a.get("src") or a.get("href") for tag, a in found if tag in ("script", "link", "img")}
        files = {(html / path).parent / unquote(name.split("?")[0]) for name in loads - {None} if ":" not in name}
        size = (html / path).stat().st_size + sum(f.stat().st_size for f in files if f.is_file())
        assert size < 1.5e6, (path, size)


def test_figures_are_vectors_with_their_size(tags):
    vectors = [a for found in tags.values() for tag, a in found if tag == "img" and a["src"].endswith(".svg")]
    shown = [a for a in vectors if "_images/" in a["src"]]
    assert len(shown) > 20 and all(int(a["width"]) > 100 and int(a["height"]) > 100 for a in shown)


def test_a_branch_of_github_pages_shows_the_folders_that_begin_with_an_underscore(output):
    assert (output / "html" / ".nojekyll").exists()


def test_internal_links_and_anchors_resolve(output, tags):
    html = output / "html"
    anchors = {path: {a["id"] for _, a in found if a.get("id")} for path, found in tags.items()}
    for path, found in tags.items():
        for tag, attributes in found:
            link = attributes.get("href", "") if tag in ("a", "link") else attributes.get("src", "")
            if not link or re.match(r"[a-z]+:|//", link):
                continue
            file, _, anchor = unquote(link).partition("#")
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
        assert f"missing or changed since it was made: {network}" in run(*arguments).stdout
    finally:
        shutil.move(aside, network)


def test_what_the_pages_are_built_from_is_noticed_when_it_was_changed_and_kept_its_time(output):
    """Chapter, record, picture and saved table of a notebook, a network in the store, data of the explorer."""
    record = json.loads((output / "records" / "flip_flop.json").read_text())
    files = [
        output / "chapters" / "flip_flop.ipynb",
        output / "records" / "flip_flop.json",
        output / "records" / "flip_flop.shown" / next(iter(record["shown"][0]["files"])),
        output / "results" / next(iter(record["tables"])),
        output / "networks" / "flip_flop.json",
        output / "records" / "train-flip_flop.json",
        Path(next(iter(json.loads((output / "networks" / "flip_flop.json").read_text())))),
        next((output / "explorer").glob("trials-*.js")),
    ]
    kept = [(file, file.read_bytes(), file.stat()) for file in files]
    for file, content, before in kept:
        file.write_bytes(content[:-2] + bytes([content[-2] ^ 1]) + content[-1:])
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    try:
        done = run("why", "--profile", "quick", "--output", output)
    finally:
        for file, content, _ in kept:
            file.write_bytes(content)
    assert done.returncode == 0, done.stderr
    found = re.findall(r"missing or changed since it was made: (.*)", done.stdout)
    assert sorted(found) == sorted(map(str, files))


def test_every_figure_and_table_of_a_notebook_says_how_it_was_made(output, soups):
    for name in notebooks.names():
        record = json.loads((output / "records" / f"{name}.json").read_text())
        soup = soups[f"chapters/{name}.html"]
        blocks = soup.find_all("details", class_="provenance")
        outputs = [cell for cell in soup.find_all("div", class_="cell_output") if cell.find(["figure", "table"])]
        assert len(blocks) == len(record["shown"]) and blocks
        assert all(cell.find("details", class_="provenance") for cell in outputs), name
        for block, shown in zip(blocks, record["shown"], strict=True):
            text = block.get_text(" ")
            assert f"python3 run.py notebook {name} --profile quick" in text
            assert "profile = quick" in text and "networks = trained" in text
            assert "digest of schur_lib" in text and f"torch {record['versions']['torch']}" in text
            assert f"{record['seconds']:.1f} s" in text
            endings = {"figure": [".csv", ".svg", ".png"], "table": [".csv"]}[shown["kind"]]
            assert [file[file.rindex(".") :] for file in shown["files"]] == endings


def test_the_columns_of_every_offered_file_are_described_in_the_book(output, soups):
    soup = soups["data.html"]
    described = [code.text for code in soup.find("table").find_all("code")]
    assert set(keep_figures.COLUMNS) <= set(described)
    text = soup.get_text(" ")
    for name in notebooks.names():
        page = soups[f"chapters/{name}.html"]
        record = json.loads((output / "records" / f"{name}.json").read_text())
        for block in page.find_all("details", class_="provenance"):
            assert block.find("a", href="../data.html")
        for table in record["tables"]:
            assert table in text or table.replace(name, "<task>") in text, table


def test_symbols_in_tables_and_computed_sentences_are_set_as_formulas(pages, soups):
    for path, soup in soups.items():
        for found in soup.select("span.pasted-text, th > p, td > p"):
            text = "".join(found.find_all(string=True, recursive=False))
            assert not re.search(r"\b[NnST]_(RR|CR|CC|R|C|h|ΔT)\b", text), (path, text)
    assert "<i>n</i><sub>R</sub>" in pages["chapters/table_1.html"]


def test_the_checksum_beside_a_download_is_that_of_the_file(output, soups):
    checked = 0
    for name in notebooks.names():
        soup = soups[f"chapters/{name}.html"]
        for checksum in soup.find_all("span", class_="checksum"):
            link = checksum.find_previous_sibling("a")
            content = (output / "html" / "chapters" / link["href"]).read_bytes()
            assert hashlib.sha256(content).hexdigest() == checksum.text.split()[-1], link
            checked += 1
    assert checked


def test_every_notebook_can_be_downloaded_as_executed_and_as_source(output, soups):
    for name in notebooks.names():
        line = soups[f"chapters/{name}.html"].find(class_="downloads")
        assert {link["href"] for link in line.find_all("a")} == {
            f"../downloads/{name}/{name}.ipynb",
            f"../downloads/{name}/{name}.py",
            f"../downloads/{name}/index.html",
        }
        assert (output / "html" / "downloads" / name / f"{name}.py").read_bytes() == (
            notebooks.FOLDER / f"{name}.py"
        ).read_bytes()


def test_every_file_of_a_chapter_is_offered_with_its_checksum(output, soups):
    for name in notebooks.names():
        folder = output / "html" / "downloads" / name
        listed = BeautifulSoup((folder / "index.html").read_text(), "html.parser")
        offered = {link["href"]: link.find_next_sibling("small") for link in listed.select("li a")}
        assert set(offered) == {path.name for path in folder.iterdir()} - {"index.html"}
        for file, checksum in offered.items():
            if checksum:
                assert checksum.text.split()[-1] == hashlib.sha256((folder / file).read_bytes()).hexdigest()
        for link in soups[f"chapters/{name}.html"].select("a[data-vector]"):
            place, anchor = link["href"].split("#")
            assert place == f"../downloads/{name}/index.html" and listed.find(id=anchor), link
            assert (output / "html" / "chapters" / link["data-vector"]).exists()


def test_every_fold_of_a_page_has_a_name_of_its_own(soups):
    for path, soup in soups.items():
        names = [" ".join(fold.summary.get_text(" ").split()) for fold in soup.select("article details")]
        assert len(names) == len(set(names)) and all(names), (path, names)


def test_long_tables_of_the_chapters_fold(soups):
    long = [fold for soup in soups.values() for fold in soup.select("details.long-table")]
    assert len(long) > 3
    for path, soup in soups.items():
        for table in soup.select("table.table") if path.startswith("chapters/") else ():
            assert bool(table.find_parent("details", class_="long-table")) == (
                len(table.select("tbody > tr")) > 12
            )


def test_the_foot_of_each_page_tells_when_it_was_changed(output, soups):
    history = json.loads((output / "work" / "book" / "_generated" / "history.json").read_text())["pages"]
    for path, soup in soups.items():
        changes = history.get(path.removesuffix(".html"))
        assert bool(soup.select("details.history")) == bool(changes), path
        if changes:
            assert changes[0]["day"] in soup.select_one("details.history > summary").text


def test_the_provenance_offers_both_networks_and_says_what_they_take(soups):
    text = soups["chapters/figure_1.html"].find("details", class_="provenance").get_text(" ")
    assert "python3 run.py notebook figure_1 --profile quick (networks of your own)" in " ".join(text.split())
    assert re.search(r": \d+ s in this build, warm; cold, its networks are trained first, \d+ s of one core", text)


def test_code_cells_link_what_a_chapter_calls_to_its_page_and_that_to_its_source(pages):
    cell = re.search(
        r'sphinx-codeautolink-a" href="../(functions.html#study[^"]*measured)"', pages["chapters/figure_1.html"]
    )
    assert cell and '<span class="viewcode-link">' in pages["functions.html"]
    assert 'href="_modules/study/probes/profiles.html' in pages["functions.html"]


def test_code_cells_link_the_names_of_the_library_to_its_reference(pages):
    assert 'class="sphinx-codeautolink-a" href="../api.html#schur_lib' in pages["chapters/flip_flop.html"]


def test_the_notation_table_names_things_that_exist(soups):
    """A name such as `OrderedSchur.ablate` or `metrics.fvu`: a class of the library, or a module."""
    import schur_lib
    from schur_lib.schur import OrderedSchur

    table = soups["notation.html"].find("table")
    names = {code.text for code in table.find_all("code")} - {"alpha"}
    assert len(names) > 15
    fields = {
        **dict.fromkeys(OrderedSchur.__dataclass_fields__, OrderedSchur),
        **dict.fromkeys(schur_lib.Network.__dataclass_fields__, schur_lib.Network),
    }
    for name in names:
        first, *rest = name.split(".")
        owner = {"OrderedSchur": OrderedSchur, "Network": schur_lib.Network}.get(first)
        thing = owner or importlib.import_module(f"schur_lib.{first}")
        for part in rest:
            if fields.get(part) is not owner or owner is None:
                assert hasattr(thing, part), name
                thing = getattr(thing, part)


def test_the_data_of_a_figure_are_what_was_plotted(tmp_path):
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2)
    left.set_title("curves")
    left.plot([1, 2], [3, 5], label="a")
    left.scatter([7], [0.25])
    right.bar(["x", "y"], [2, -1])
    right.imshow([[1.5, 2.5]])
    keep_figures.keep(figure, tmp_path)
    plt.close(figure)
    with (tmp_path / "0.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    found = {(r["panel"], r["kind"], r["label"], r["x"], r["y"], r["value"]) for r in rows}
    assert {
        ("1 curves", "line", "a", "1", "3", ""),
        ("1 curves", "line", "a", "2", "5", ""),
        ("1 curves", "point", "", "7", "0.25", ""),
        ("2", "pixel", "", "0", "0", "1.5"),
        ("2", "pixel", "", "1", "0", "2.5"),
    } <= found
    assert [r["height"] for r in rows if r["kind"] == "bar"] == ["2", "-1"]
    assert (tmp_path / "0.svg").read_text().startswith("<?xml")


def test_run_py_names_the_notebooks_there_are(tmp_path):
    done = run("notebook", "figure_9", "--output", tmp_path / "none")
    assert done.returncode != 0 and "there is no notebook figure_9; there are" in done.stderr
    assert "figure_1" in done.stderr


def test_a_failing_notebook_stops_the_build_and_leaves_no_older_page(output, tmp_path):
    """In a copy of the project, so that the notebooks at hand stay as they are."""
    copy, name = tmp_path / "copy", "speed"  # which needs no networks
    shutil.copytree(
        ROOT, copy, ignore=shutil.ignore_patterns(".venv", "build", ".git", "__pycache__", "*.egg-info")
    )
    built = copy / "build" / "quick-trained"
    shutil.copytree(output / "html", built / "html")
    shutil.copytree(output / "chapters", built / "chapters")
    shutil.copytree(output / "store", copy / "build" / "store")
    with (copy / "notebooks" / f"{name}.py").open("a") as source:
        source.write("\n# %%\nbroken = 1\nraise KeyError('on purpose')\n")
    settings = ["profile=quick", "networks=trained", f"output={built}", f"store={copy / 'build' / 'store'}"]
    command = [sys.executable, "-m", "doit", "run", *settings, f"notebook:{name}"]
    with compiled(copy / "schur_lib"):
        done = subprocess.run(command, cwd=copy, capture_output=True, text=True)
    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert f"notebooks/{name}.py failed in cell" in said
    assert "broken = 1" in said and "KeyError: 'on purpose'" in said
    assert not (built / "html").exists()
    assert not (built / "chapters" / f"{name}.ipynb").exists()


def test_what_is_copied_from_a_console_has_no_prompt(output):
    assert ".linenos, .gp" in (output / "html" / "_static" / "copybutton.js").read_text()
