"""Keep the two files of a notebook together: notice when the .ipynb alone was edited, keep either side.

What is executed is the .py; the .ipynb is written from it, by `run.py references`, with a digest of its
text. Where the text no longer has that digest, somebody has edited the .ipynb.
"""

import argparse
import hashlib
import json
import re
import sys

import jupytext
import nbformat

from tools import notebooks


def digest(cells):
    """SHA-256 of what cells mean, without outputs."""
    return hashlib.sha256(
        json.dumps([notebooks.meaning(cell) for cell in cells], sort_keys=True).encode()
    ).hexdigest()


def stamped(nb):
    """The notebook, with the digest of its text in its metadata."""
    nb.metadata["schur_lib"] = {"sources": digest(nb.cells)}
    return nb


def edited(name):
    """What to say before the .ipynb of a pair is passed over or overwritten; "" if nothing would be lost."""
    difference = notebooks.pair_difference(name)
    py, path = (notebooks.FOLDER / f"{name}.{ending}" for ending in ("py", "ipynb"))
    if not difference or not path.exists():
        return ""
    try:
        nb = nbformat.read(path, as_version=4)
    except (ValueError, AttributeError, nbformat.ValidationError):
        return f"{difference}\nTo write it anew from the .py: python3 run.py pair {name} --keep py"
    written = nb.metadata.get("schur_lib", {}).get("sources")
    if written == digest(nb.cells):
        return ""  # only the .py was edited
    if written is None and path.stat().st_mtime <= py.stat().st_mtime:
        return ""  # written before there were digests, and not since the .py
    return (
        f"{difference}, and the .ipynb was edited. What is executed is the .py.\n"
        f"To put what the .ipynb says into the .py: python3 run.py pair {name} --keep ipynb\n"
        f"To undo the edits of the .ipynb:          python3 run.py pair {name} --keep py"
    )


def refuse_edited(names):
    """End with what `edited` says of any of the notebooks."""
    if said := [text for text in map(edited, names) if text]:
        sys.exit("\n\n".join(said))


def keep_ipynb(name):
    """Write the text of the .ipynb into the .py, whose head stays."""
    py, path = (notebooks.FOLDER / f"{name}.{ending}" for ending in ("py", "ipynb"))
    nb, source = nbformat.read(path, as_version=4), jupytext.read(py)
    source.metadata.get("jupytext", {}).pop("cell_metadata_filter", None)
    source.cells = []
    for cell in nb.cells:
        kind, text, metadata = json.loads(json.dumps(notebooks.meaning(cell), sort_keys=True))
        lines = {key: value for key, value in cell.metadata.items() if key.startswith("lines_to_")}
        new = getattr(nbformat.v4, f"new_{kind}_cell")
        source.cells.append(new(text, metadata={**metadata, **lines}))  # lines: Jupytext's empty ones
    before, text = py.read_text(encoding="utf-8"), jupytext.writes(source, fmt="py:percent")
    # letters stay letters in the captions, which Jupytext writes as escapes
    text = re.sub(
        r"^# %% .*$",
        lambda line: re.sub(r"(?<!\\)\\u(?!d[89a-f])([0-9a-f]{4})", lambda found: chr(int(found[1], 16)), line[0]),
        text,
        flags=re.M,
    )
    head, cells = before[: before.index("# %%")], text[text.index("# %%") :]
    py.write_text(head + cells, encoding="utf-8", newline="\n")
    notebooks.write(stamped(nb), path)


def keep_py(name):
    """Write the text of the .py into the .ipynb; cells that it does not change keep their outputs."""
    path, nb = notebooks.FOLDER / f"{name}.ipynb", notebooks.read(name)
    try:
        old = nbformat.read(path, as_version=4).cells
    except (OSError, ValueError, AttributeError, nbformat.ValidationError):
        old = []
    known = {notebooks.meaning(cell)[:2]: cell for cell in old if cell.cell_type == "code"}
    for cell in nb.cells:
        if before := known.get(notebooks.meaning(cell)[:2]):
            cell.outputs, cell.execution_count = before.outputs, before.execution_count
    notebooks.write(stamped(nb), path)


def main(arguments):
    parser = argparse.ArgumentParser(prog="run.py pair", description=__doc__)
    parser.add_argument("names", nargs="*", default=notebooks.names())
    parser.add_argument("--keep", choices=("py", "ipynb"))
    given = parser.parse_args(arguments)
    for name in given.names:
        if not (notebooks.FOLDER / f"{name}.py").exists():
            parser.error(f"there is no notebook {name}; there are {', '.join(notebooks.names())}")
        if given.keep:
            {"py": keep_py, "ipynb": keep_ipynb}[given.keep](name)
        difference = notebooks.pair_difference(name)
        print(edited(name) or difference or f"notebooks/{name}: the two files say the same")
    if given.keep == "py":
        print("cells whose text changed have no outputs now: python3 run.py references makes them")
    return bool([name for name in given.names if notebooks.pair_difference(name)])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
