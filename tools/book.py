"""Assemble the book's pages and the executed notebooks, and build them with Jupyter Book."""

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

from safetensors import safe_open

from report import explorer
from schur_lib.provenance import LIBRARIES
from study import folders
from tools import forks, prose, publish
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
    for old in (html, work):
        if old.exists():
            remove(old)
    for path in (ROOT / "book").iterdir():
        if path.name not in ("__pycache__", "chapters"):
            copy(path, work / "book" / path.name)
    copy(ROOT / "_config.yml", work / "_config.yml")
    (work / "book" / "chapters").mkdir()
    for name in names():  # not the folder: it may hold pages of notebooks that are gone
        copy(chapters(output) / f"{name}.ipynb", work / "book" / "chapters" / f"{name}.ipynb")
    copy(explorer.FOLDER, work / "book" / "_extra" / "explorer")
    copy(output / "explorer", work / "book" / "_extra" / "explorer" / "data")
    copy_downloads(output, work / "book" / "_extra" / "downloads")
    generated = work / "book" / "_generated"
    generated.mkdir()
    (generated / "build.json").write_text(json.dumps({"profile": profile, "networks": networks, **code_version()}))
    (generated / "history.json").write_text(json.dumps(history()), encoding="utf-8")
    # a part of a page, which is none itself
    os.replace(work / "book" / "_extra" / "explorer" / "panel.html", generated / "panel.html")
    (generated / "records").mkdir()
    for record in (output / "records").glob("*.json"):
        copy(record, generated / "records" / record.name)
    files = (
        sorted(folders.NETWORKS.glob("*.safetensors"))
        if networks == "reference"
        else [
            Path(file)
            for one in sorted((output / "networks").glob("*.json"))
            for file in json.loads(one.read_text())
        ]
    )
    (generated / "training.json").write_text(json.dumps(training_times(dict.fromkeys(files))))
    (generated / "runs.md").write_text(runs(output / "records"))
    dictionary = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    (generated / "data.md").write_text(re.sub(r"\A# .*\n", "", dictionary), encoding="utf-8")
    publish.publish(work, os.environ)
    failed = forks.call("tools.book", "run_jupyter_book", work, output / "book.log")
    if failed:
        log = (output / "book.log").read_text()
        said = [line for line in log.splitlines() if "WARNING" in line or "ERROR" in line]
        raise RuntimeError(
            "Jupyter Book failed:\n"
            + ("\n".join(said) or log[-3000:])
            + f"\nThe whole log is {output / 'book.log'}"
        )
    os.replace(work / "_build" / "html", html)
    for page, kind, words in prose.of_folder(html):
        print(f"book: {page} may read badly, {kind}: …{words}…", flush=True)


def run_jupyter_book(work, log):
    """Run Jupyter Book in this process, which ends with its exit code; its words go into a file."""
    with log.open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.chdir(work)
    os.environ["NO_COLOR"] = "1"
    from jupyter_book.cli.main import main

    main(["build", "book", "--config", "_config.yml", "--path-output", ".", "--all", "-W", "--keep-going"])


def copy_downloads(output, folder):
    """Copy what the pages offer: notebooks, the figures and tables they show, tables they saved."""
    for name in names():
        target = folder / name
        shown = output / "records" / f"{name}.shown"
        copy(shown, target)
        copy(FOLDER / f"{name}.py", target / f"{name}.py")
        copy(chapters(output) / f"{name}.ipynb", target / f"{name}.ipynb")
        record = json.loads((output / "records" / f"{name}.json").read_text())
        for table in record["tables"]:
            copy(output / "results" / table, target / table)
        (target / "index.html").write_text(listing(name, record), encoding="utf-8")


def listing(name, record):
    """A page that offers all files of a chapter, with their checksums; figures as they were drawn among them."""
    lines = []
    for one in record["shown"]:
        links = [
            f'<li><a href="{file}" download>{file}</a> <small>SHA-256 {checksum}</small></li>'
            for file, checksum in one["files"].items()
        ]
        lines.append(
            f'<h2 id="{one["name"]}">{one["kind"].capitalize()} {one["name"]}</h2><ul>{"".join(links)}</ul>'
        )
    tables = [
        f'<li><a href="{file}" download>{file}</a> <small>SHA-256 {checksum}</small></li>'
        for file, checksum in record["tables"].items()
    ]
    notebook = "".join(f'<li><a href="{name}.{end}" download>{name}.{end}</a></li>' for end in ("ipynb", "py"))
    back = f"../../chapters/{name}.html"
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>Files of the chapter {name}</title>'
        '<meta name="viewport" content="width=device-width"><style>body { font-family: sans-serif; '
        "max-width: 50em; margin: 1em auto; padding: 0 1em; color-scheme: light dark; } "
        "small { overflow-wrap: anywhere; }</style>"
        f'</head><body><h1>Files of the chapter <a href="{back}">{name}</a></h1>'
        f'<p><a href="../../data.html">What their columns mean</a></p>{"".join(lines)}'
        f"<h2>Tables behind the chapter</h2><ul>{''.join(tables)}</ul><h2>The notebook</h2><ul>{notebook}</ul>"
        "</body></html>\n"
    )


def history():
    """{"repository": its address or "", "pages": {name of a page: its changes, the last first}}, as git tells it.

    A page's changes are those of its source. Where git cannot tell, there are none.
    """
    sources = {path.stem: f"book/{path.name}" for path in (ROOT / "book").glob("*.md")}
    sources |= {f"chapters/{name}": f"notebooks/{name}.py" for name in names()}
    found = {}
    for page, source in sources.items():
        try:
            log = git("log", "--follow", "--format=%h%x09%cs%x09%s", "--", source)
        except (OSError, ValueError):
            return {"repository": "", "pages": {}}
        found[page] = [
            dict(zip(("commit", "day", "subject"), line.split("\t", 2), strict=True)) for line in log.splitlines()
        ]
    repository = publish.config_overrides(os.environ).get("repository", {}).get("url", "")
    return {"repository": repository, "pages": found}


def code_version():
    """{"commit": of the project, "unknown" where git cannot tell, "" without git's folder; "code": digest}.

    The digest is that of schur_lib and study. Where git cannot tell, its reason is said.
    """
    digest = hashlib.sha256()
    for path in sorted(p for room in ("schur_lib", "study") for p in (ROOT / room).rglob("*.py")):
        digest.update(path.name.encode() + path.read_bytes())
    commit = ""
    if (ROOT / ".git").exists():
        try:
            commit = git("rev-parse", "HEAD")[:12]
            if git("status", "--porcelain", "--", "schur_lib", "study", "notebooks"):
                commit += ", with changes that are not committed"
        except (OSError, ValueError) as error:
            print(f"book: commit unknown; {error}", flush=True)
            commit = "unknown"
    return {"commit": commit, "code": digest.hexdigest()[:12]}


def git(*arguments):
    """What git says of this folder, and of no other that the environment or a folder above may name.

    Raises:
        ValueError: git refuses or is not there; holds the reason.
        OSError: git cannot be run.
    """
    # its settings stay: they say which owners are trusted; but those of a `git -c` around us are its own
    given = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("GIT_") or name.startswith("GIT_CONFIG_")
    }
    given.pop("GIT_CONFIG_PARAMETERS", None)
    given |= {"GIT_CEILING_DIRECTORIES": str(ROOT.parent), "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}

    if not shutil.which("git"):
        raise ValueError("git is not installed")

    def ask(*words):
        done = subprocess.run(
            ["git", *words], cwd=ROOT, env=given, capture_output=True, encoding="utf-8", errors="replace"
        )
        if done.returncode:
            raise ValueError("git says: " + " ".join(done.stderr.split()))
        return done.stdout.strip()

    if (top := ask("rev-parse", "--show-toplevel")) and not Path(top).samefile(ROOT):
        raise ValueError(f"git says: this folder belongs to {top}")
    return ask(*arguments)


def copy(source, target):
    """Copy a file, or a folder with what is in it, without the modes: what is read-only may be copied.

    Args:
        source: a Path; __pycache__ is left out.
        target: a Path, the copy's own; folders above it are made.
    """
    if source.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        for path in source.iterdir():
            if path.name != "__pycache__":
                copy(path, target / path.name)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def remove(folder):
    """Remove a folder, one with read-only folders in it too."""
    for path in (folder, *folder.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)
    shutil.rmtree(folder)


def runs(records):
    """The run times and versions of a build, as MyST tables for the reproduce page."""
    found = [json.loads(p.read_text()) for p in sorted(records.glob("*.json"))]
    lines = ["| What ran | Parameters | Time |", "|:--|:--|--:|"]
    for r in found:
        if "notebook" in r and r["notebook"] in names():
            parameters = ", ".join(f"{k} = {v}" for k, v in r["parameters"].items())
            lines.append(
                f"| [{r['notebook']}](chapters/{r['notebook']}.ipynb) | {parameters} | {r['seconds']:.1f} s |"
            )
        elif "task" in r:
            lines.append(f"| training, {r['task']} | {r['networks']} networks | {r['seconds']:.1f} s |")
    lines += [
        "",
        f"Machine: {platform.system()} {platform.machine()}, {os.cpu_count()} "
        "processors. A training time counts the last run only: networks that the store "
        "already held cost nothing.",
        "",
        "| Package | Version |",
        "|:--|:--|",
    ]
    lines += [f"| {name} | {version} |" for name, version in versions().items()]
    lines += ["", made_by(folders.NETWORKS)]
    return "\n".join(lines) + "\n"


def heads(paths):
    """What files of networks say of each network in them, without its weights; a pack holds several."""
    found = []
    for path in paths:
        with safe_open(path, "numpy") as file:
            told = json.loads(file.metadata()["metadata"])
        found += told if isinstance(told, list) else [told]
    return found


def training_times(paths):
    """[[task, construction, hidden size, seed, seconds on one core], …] of networks in files that say so."""
    keys = ("task", "construction", "hidden_size", "seed")
    return [
        [*(head["spec"][key] for key in keys), head["provenance"]["seconds"]]
        for head in heads(paths)
        if "seconds" in head.get("provenance", {}) and set(keys) <= set(head.get("spec", {}))
    ]


def made_by(folder):
    """Which versions of the libraries made the networks in a folder, as their files say."""
    made = [network["provenance"] for network in heads(sorted(folder.glob("*.safetensors")))]
    days = sorted(network["trained"] for network in made)
    told = sorted({f"{name} {network[name]}" for network in made for name in LIBRARIES if name in network})
    return (
        f"The {len(made)} networks in `data/networks` were trained from {days[0]} to {days[-1]} with "
        f"{', '.join(told)}. Training carries rounding on, so that another version may give other weights. The "
        "tables in `data/results` name the versions that measured them, and are measured anew under any others."
    )
