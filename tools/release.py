"""Pack a built book for a release: `python3 -m tools.release BUILD TARGET [--tag v1.2.3]`.

Writes one zip each of the site, the executed notebooks, the results and the networks, the printed book,
and SHA256SUMS.
The same files give the same bytes. Needs Python alone.
"""

import argparse
import hashlib
import shutil
import sys
import tomllib
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


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


def pack(build, target):
    """Write the archives of a build, and their checksums, into a folder that is made anew.

    Args:
        build: folder of a built book, a Path.
        target: folder for the archives, a Path.
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
                archive.writestr(entry, source.read_bytes())
    written.append(target / f"schur-lib-{version()}-book.pdf")
    shutil.copyfile(printed, written[-1])
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in written]
    written.append(target / "SHA256SUMS")
    written[-1].write_text("".join(sums), encoding="utf-8")
    return written


def main(arguments):
    parser = argparse.ArgumentParser(prog="python3 -m tools.release", description=__doc__)
    parser.add_argument("build", type=Path, help="folder of a built book")
    parser.add_argument("target", type=Path, help="folder for the archives; what it holds is deleted")
    parser.add_argument("--tag", help="refuse unless this is v and the project's version")
    given = parser.parse_args(arguments)
    if given.tag not in (None, f"v{version()}"):
        parser.error(f"the tag is {given.tag}, but the version in pyproject.toml is {version()}")
    try:
        written = pack(given.build, given.target)
    except ValueError as error:
        parser.error(str(error))
    for path in written:
        print(f"{path.stat().st_size / 1e6:8.1f} MB  {path}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
