"""Assemble the book's pages and the executed notebooks, and build them with Jupyter Book."""

import hashlib
import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

from tools import forks, publish
from tools.notebooks import FOLDER, ROOT, names, versions


def chapters(output):
    """The folder of a build that holds the executed notebooks."""
    return Path(output) / "chapters"


def build(output, profile, networks):
    """Build output/html from the pages in book/ and the notebooks in output/chapters.

    Args:
        output: folder of the build, a Path.
        profile, networks: what the notebooks were executed with; stamped on every page.
    Raises:
        RuntimeError: Jupyter Book failed or warned; holds what it said.
    """
    html, work = output / "html", output / "work"
    shutil.rmtree(html, ignore_errors=True)
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(ROOT / "book", work / "book",
                    ignore=shutil.ignore_patterns("__pycache__", "chapters"))
    shutil.copy(ROOT / "_config.yml", work)
    (work / "book" / "chapters").mkdir()
    for name in names():  # not the folder: it may hold pages of notebooks that are gone
        shutil.copy(chapters(output) / f"{name}.ipynb", work / "book" / "chapters")
    copy_mathjax(work / "book" / "_extra" / "mathjax")
    shutil.copytree(output / "explorer", work / "book" / "_extra" / "explorer" / "data")
    copy_downloads(output, work / "book" / "_extra" / "downloads")
    generated = work / "book" / "_generated"
    generated.mkdir()
    (generated / "build.json").write_text(
        json.dumps({"profile": profile, "networks": networks, **code_version()}))
    shutil.copytree(output / "records", generated / "records",
                    ignore=shutil.ignore_patterns("*.shown"))
    (generated / "runs.md").write_text(runs(output / "records"))
    dictionary = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    (generated / "data.md").write_text(re.sub(r"\A# .*\n", "", dictionary), encoding="utf-8")
    publish.publish(work, os.environ)
    failed = forks.call("tools.book", "run_jupyter_book", work, output / "book.log")
    if failed:
        log = (output / "book.log").read_text()
        said = [line for line in log.splitlines() if "WARNING" in line or "ERROR" in line]
        raise RuntimeError("Jupyter Book failed:\n" + ("\n".join(said) or log[-3000:])
                           + f"\nThe whole log is {output / 'book.log'}")
    os.replace(work / "_build" / "html", html)


def run_jupyter_book(work, log):
    """Run Jupyter Book in this process, which ends with its exit code; its words go into a file."""
    with log.open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.chdir(work)
    os.environ["NO_COLOR"] = "1"
    from jupyter_book.cli.main import main
    main(["build", "book", "--config", "_config.yml", "--path-output", ".", "--all", "-W",
          "--keep-going"])


def copy_mathjax(folder):
    """Copy from the installed wheel what a page needs of MathJax, so that it works offline."""
    package = Path(importlib.util.find_spec("mathjax").origin).parent / "static" / "mathjax"
    for part in ("tex-mml-chtml.js", "output/chtml/fonts/woff-v2", "input/tex/extensions"):
        source, target = package / "es5" / part, folder / part
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
    shutil.copy(package / "LICENSE", folder)


def copy_downloads(output, folder):
    """Copy what the pages offer: notebooks, the figures and tables they show, tables they saved."""
    for name in names():
        target = folder / name
        shutil.copytree(output / "records" / f"{name}.shown", target)
        shutil.copy(FOLDER / f"{name}.py", target)
        shutil.copy(chapters(output) / f"{name}.ipynb", target)
        record = json.loads((output / "records" / f"{name}.json").read_text())
        for table in record["tables"]:
            shutil.copy(output / "results" / table, target)


def code_version():
    """{"commit": of the project, "" where git cannot tell; "code": digest of schur_lib}."""
    digest = hashlib.sha256()
    for path in sorted(p for room in ("schur_lib", "study") for p in (ROOT / room).rglob("*.py")):
        digest.update(path.name.encode() + path.read_bytes())
    commit = ""
    if (ROOT / ".git").exists() and shutil.which("git"):
        def git(*arguments):
            done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
            return done.stdout.strip()

        commit = git("rev-parse", "HEAD")[:12]
        if commit and git("status", "--porcelain", "--", "schur_lib", "study", "notebooks"):
            commit += ", with changes that are not committed"
    return {"commit": commit, "code": digest.hexdigest()[:12]}


def runs(records):
    """The run times and versions of a build, as MyST tables for the reproduce page."""
    found = [json.loads(p.read_text()) for p in sorted(records.glob("*.json"))]
    lines = ["| What ran | Parameters | Time |", "|:--|:--|--:|"]
    for r in found:
        if "notebook" in r and r["notebook"] in names():
            parameters = ", ".join(f"{k} = {v}" for k, v in r["parameters"].items())
            lines.append(f"| [{r['notebook']}](chapters/{r['notebook']}.ipynb) | {parameters} "
                         f"| {r['seconds']:.1f} s |")
        elif "task" in r:
            lines.append(f"| training, {r['task']} | {r['networks']} networks "
                         f"| {r['seconds']:.1f} s |")
    lines += ["", f"Machine: {platform.system()} {platform.machine()}, {os.cpu_count()} "
              "processors. A training time counts the last run only: networks that the store "
              "already held cost nothing.", "", "| Package | Version |", "|:--|:--|"]
    lines += [f"| {name} | {version} |" for name, version in versions().items()]
    return "\n".join(lines) + "\n"
