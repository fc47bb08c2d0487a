"""Pack a built book for a release: `python3 -m tools.release BUILD TARGET [--tag v1.2.3]`.

Writes one zip each of the site, the executed notebooks, the results and the networks, of all that ran as an
RO-Crate, and of a repository in the layout of NeuroLibre; the printed book, and SHA256SUMS.
The same files give the same bytes. Needs Python alone.
"""

import argparse
import hashlib
import json
import re
import shutil
import sys
import tomllib
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tools import crate  # noqa: E402

DOI = re.compile(r"10\.\d{4,9}/\S+")


def version():
    """The project's version, as pyproject.toml has it."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]


def contents(build):
    """What each archive holds: its name, and each file's path in it with where the file lies."""
    data = ROOT / "data"
    networks = [
        *sorted((data / "networks").rglob("*")),
        data / "README.md",
        data / "checksums.sha256",
        data / "paper_numbers.csv",
    ]
    parts = {
        "site": (build / "html", sorted((build / "html").rglob("*"))),
        "notebooks": (build / "chapters", sorted((build / "chapters").glob("*.ipynb"))),
        "results": (build, [p for folder in ("results", "records") for p in sorted((build / folder).rglob("*"))]),
        "networks": (data, networks),
    }
    return {
        name: {path.relative_to(base).as_posix(): path for path in paths if path.is_file()}
        for name, (base, paths) in parts.items()
    }


def described(build, doi):
    """The files of the RO-Crate: those that ran and what they made, the networks, and the description of all."""
    files = {}
    for folder in ("chapters", "records", "results"):
        for path in sorted((build / folder).rglob("*")):
            if path.is_file() and path.suffix != ".txt":
                files[path.relative_to(build).as_posix()] = path
    networks = ROOT / "data" / "networks"
    for path in sorted(networks.rglob("*")):
        if path.is_file():
            files[f"networks/{path.relative_to(networks).as_posix()}"] = path
    told = crate.crate(files, project(), doi)
    if wrong := crate.faults(told, files):
        raise ValueError(f"the RO-Crate of {build} is not sound: {wrong[0]}")
    return {
        **files,
        "ro-crate-metadata.json": json.dumps(told, indent=1, ensure_ascii=False, sort_keys=True) + "\n",
    }


def project():
    """What pyproject.toml and CITATION.cff say of the project."""
    cited = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    table = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    title = re.search(r'^title: "(.*)"$', cited, re.M).group(1)
    return {key: table[key] for key in ("name", "version", "description", "license")} | {"title": title}


def cited(doi):
    """CITATION.cff with the DOI of the release, as the release's own copy."""
    return (ROOT / "CITATION.cff").read_text(encoding="utf-8").rstrip("\n") + f"\ndoi: {doi}\n"


def pack(build, target, doi=""):
    """Write the archives of a build, and their checksums, into a folder that is made anew.

    Args:
        build: folder of a built book, a Path.
        target: folder for the archives, a Path.
        doi: of the release, where one was reserved for it: it stands in the crate and in a CITATION.cff beside it.
    Returns:
        the written files, a list of Paths; the last is SHA256SUMS.
    Raises:
        ValueError: the build has nothing to put into one of the archives, or was not printed.
    """
    found = contents(build)
    for name, files in found.items():
        if not files:
            raise ValueError(f"{build} has no {name}: build the book first")
    printed = build / "book.pdf"
    if not printed.exists() or printed.stat().st_mtime < (build / "html" / "index.html").stat().st_mtime:
        raise ValueError(f"{build} has no book.pdf of these pages: print the book first (run.py pdf)")
    found["ro-crate"] = described(build, doi)
    found["neurolibre"] = crate.neurolibre(ROOT, build)
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    written = []
    for name, files in found.items():
        stem = f"schur-lib-{version()}-{name}"
        written.append(target / f"{stem}.zip")
        with zipfile.ZipFile(written[-1], "w") as archive:
            for path, source in files.items():
                entry = zipfile.ZipInfo(f"{stem}/{path}")  # says 1980, not when it was made
                entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
                archive.writestr(entry, source if isinstance(source, str) else source.read_bytes())
    written.append(target / f"schur-lib-{version()}-book.pdf")
    shutil.copyfile(printed, written[-1])
    if doi:
        written.append(target / "CITATION.cff")
        written[-1].write_text(cited(doi), encoding="utf-8")
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in written]
    written.append(target / "SHA256SUMS")
    written[-1].write_text("".join(sums), encoding="utf-8")
    return written


def main(arguments):
    parser = argparse.ArgumentParser(prog="python3 -m tools.release", description=__doc__)
    parser.add_argument("build", type=Path, help="folder of a built book")
    parser.add_argument("target", type=Path, help="folder for the archives; what it holds is deleted")
    parser.add_argument("--tag", help="refuse unless this is v and the project's version")
    parser.add_argument("--doi", default="", help="of this release, as the archive reserved it: 10.5281/zenodo.…")
    given = parser.parse_args(arguments)
    if given.doi and not DOI.fullmatch(given.doi):
        parser.error(f"{given.doi} is no DOI; it begins with 10. and a number, and has no address before it")
    if given.tag not in (None, f"v{version()}"):
        parser.error(f"the tag is {given.tag}, but the version in pyproject.toml is {version()}")
    try:
        written = pack(given.build, given.target, given.doi)
    except ValueError as error:
        parser.error(str(error))
    for path in written:
        print(f"{path.stat().st_size / 1e6:8.1f} MB  {path}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
