"""Execute the paired notebooks again, rewrite the reference outputs, and show what changed.

References are the outputs in notebooks/*.ipynb, the tables in data/results and the checksums of
data/. With --check nothing is written, and a number that moved by more than rounding can, or other text,
is a failure: so that untouched code passes on another processor.
"""

import argparse
import difflib
import os
import re
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import pandas as pd

from study import folders
from tools import content, notebooks, pairs
from tools.notebooks import ROOT

DATA = ROOT / "data"
RESULTS = DATA / "results"
CHECKSUMS = DATA / folders.CHECKSUMS
GLUE = "application/papermill.record/text/plain"
NUMBER = re.compile(r"(?<![\w.])[-−]?\d+(?:\.\d+)?(?:e[-+]?\d+)?(?![\w])")
RTOL, ATOL = 1e-3, 1e-3  # between processors: rounding, carried on by 128 free-running steps
# Columns that cannot be as exact, and why. What counts draws moves by whole ones, where rounding puts a draw
# on the other side of the removal: two of 200 are allowed. The search of the Kreiss constant ends on a
# flat top, where its last step is rounding's.
COARSE = {"p": 0.011, "p_harsher": 0.011, "effect": 0.021, "as_mild": 0.051, "kreiss": 0.01}


def shown(nb):
    """What each code cell of a notebook shows, as lines of text."""
    lines = []
    for i, cell in enumerate(nb.cells):
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            text = output.get("text") or data.get("text/plain") or ""
            if GLUE in data:
                glued = output.metadata.get("scrapbook", {}).get("name", "")
                text = f"{glued} = {data[GLUE]}"
            lines += [(f"cell {i}", " ".join(line.split())) for line in text.splitlines()]
    return lines


def redrawn(old, new):
    """Rows for the figures whose picture changed."""

    def pictures(nb):
        return {
            i: [o.data["image/png"] for o in cell.get("outputs", []) if "image/png" in o.get("data", {})]
            for i, cell in enumerate(nb.cells)
        }

    before = pictures(old)
    return [
        (f"cell {i}", "figure", "figure", "redrawn")
        for i, now in pictures(new).items()
        if now != before.get(i, [])
    ]


def text_changes(old, new):
    """Rows (where, old, new, difference) for the numbers, and for other text, that changed."""
    rows = []
    a, b = shown(old), shown(new)
    matcher = difflib.SequenceMatcher(a=a, b=b, autojunk=False)
    for tag, i, j, k, m in matcher.get_opcodes():
        if tag == "equal":
            continue
        for n in range(max(j - i, m - k)):
            before = a[i + n] if i + n < j else ("", "")
            after = b[k + n] if k + n < m else ("", "")
            where = after[0] or before[0]
            numbers = NUMBER.findall(before[1]), NUMBER.findall(after[1])
            if before[1] and NUMBER.sub("#", before[1]) == NUMBER.sub("#", after[1]):
                label = NUMBER.sub("#", after[1])[:40]
                rows += [
                    (f"{where}: {label}", x, y, difference(x, y)) for x, y in zip(*numbers, strict=True) if x != y
                ]
            else:
                rows.append((where, before[1], after[1], "text"))
    return rows


def difference(old, new):
    return f"{_value(new) - _value(old):+.2e}"


def beyond_rounding(row):
    """Whether a row of `text_changes` is more than rounding: a unit of the last digit, and the tolerance."""
    _, old, new, change = row
    if change == "text":
        return True
    digits = max(len(text.partition(".")[2]) for text in (old, new))
    unit = 0 if "e" in old + new else 10.0**-digits
    return abs(_value(new) - _value(old)) > 1.01 * unit + ATOL + RTOL * abs(_value(old))


def _value(text):
    return float(text.replace("−", "-"))


def table_changes(old, new):
    """Rows (where, old, new, difference) for the entries of a results table that changed."""
    if old is None:
        return [("table", "none", f"{len(new)} rows", "new")]
    if list(old.columns) != list(new.columns) or len(old) != len(new):
        return [
            (
                "table",
                f"{len(old)} rows: {', '.join(old.columns)}",
                f"{len(new)} rows: {', '.join(new.columns)}",
                "shape",
            )
        ]
    rows = []
    for column in old.columns:
        for i, (x, y) in enumerate(zip(old[column], new[column], strict=True)):
            if x == y or (pd.isna(x) and pd.isna(y)):
                continue
            number = all(pd.api.types.is_number(z) and not pd.api.types.is_bool(z) for z in (x, y))
            change = f"{y - x:+.2e}" if number else "text"
            rows.append((f"row {i}, {column}", str(x), str(y), change))
    return rows


def tolerances(column, values):
    """How far each entry of a column may be from another processor's."""
    return COARSE.get(column, ATOL) + RTOL * abs(values)


def beyond_tolerance(old, new):
    """Complaints about entries of a results table that differ by more than rounding can."""
    if old is None or list(old.columns) != list(new.columns) or len(old) != len(new):
        return [row[1] + " -> " + row[2] for row in table_changes(old, new)]
    complaints = []
    for where, x, y, change in table_changes(old, new):
        column = where.rpartition(", ")[2]
        far = change == "text" or not abs(float(y) - float(x)) <= tolerances(column, float(x))
        if far:
            complaints.append(f"{where}: {x} -> {y}")
    return complaints


def read_table(path):
    return pd.read_csv(path, keep_default_na=False, na_values=["nan", "NaN"]) if path.exists() else None


def checksums():
    """The checksum of every file in data/, in the format of sha256sum."""
    files = sorted(p for p in DATA.rglob("*") if p.is_file() and p != CHECKSUMS)
    lines = [f"{folders.digest(p)}  {p.relative_to(DATA).as_posix()}" for p in files]
    return "".join(f"{line}\n" for line in lines)


def enter():
    """Take what data/ holds for what is meant, and say what of it is new: the references are made with it.

    A table that is not the one that was shipped loses its stamp, so that it is measured anew.
    """
    known = folders.checksums()
    for line in checksums().splitlines():
        checksum, _, name = line.partition("  ")
        if known.get(name) != checksum:
            print(f"data/{name} is new or was changed", flush=True)
            if name.startswith("results/"):
                (DATA / name).with_suffix(".json").unlink(missing_ok=True)
    CHECKSUMS.write_text(checksums())


def print_table(title, rows):
    print(f"\n{title}: {len(rows)} changes" if rows else f"\n{title}: no change")
    rows = [[str(entry)[:48] for entry in row] for row in rows]
    rows = [["where", "old", "new", "difference"], *rows] if rows else []
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  " + "  ".join(e.ljust(w) for e, w in zip(row, widths, strict=True)).rstrip())


def main():
    parser = argparse.ArgumentParser(prog="run.py references", description=__doc__)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    check = arguments.check
    pairs.refuse_edited(notebooks.names())
    for folder in () if check else (notebooks.FOLDER, DATA):
        if not os.access(folder, os.W_OK):
            sys.exit(f"{folder} is read-only, and the references are written there; --check writes nothing")
    content.refuse_damaged() if check else enter()
    changed = 0
    with tempfile.TemporaryDirectory() as folder:
        made = []
        pool = ThreadPoolExecutor(arguments.processes)
        jobs = {name: pool.submit(notebooks.execute, name, {}, folder) for name in notebooks.names()}
        for name, job in jobs.items():
            try:
                new, seconds = job.result()
            except RuntimeError as error:
                pool.shutdown(cancel_futures=True)
                sys.exit(str(error))
            except KeyboardInterrupt:
                os._exit(130)  # threads cannot be stopped; the kernels end with this process
            print(f"executed notebooks/{name}.py in {seconds:.0f} s", flush=True)
            path = notebooks.FOLDER / f"{name}.ipynb"
            old = nbformat.read(path, as_version=4) if path.exists() else nbformat.v4.new_notebook()
            made.append((path, old, new))
        for path, old, new in made:
            rows = text_changes(old, new)
            shown_rows = [r for r in rows if beyond_rounding(r)] if check else rows + redrawn(old, new)
            print_table(path.relative_to(ROOT), shown_rows)
            changed += sum(map(beyond_rounding, rows))
            if not check:
                notebooks.write(pairs.stamped(new), path)
        tables = sorted(Path(folder).glob("*.csv"))
        for table in tables:
            old, new = read_table(RESULTS / table.name), read_table(table)
            rows = table_changes(old, new)
            far = beyond_tolerance(old, new)
            print_table(f"data/results/{table.name}", [(c, "", "", "") for c in far] if check else rows)
            changed += len(far)
            if not check:
                RESULTS.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(table, RESULTS / table.name)
                stamp = table.with_suffix(".json")
                if stamp.exists():
                    shutil.copyfile(stamp, RESULTS / stamp.name)
        known = {table.name for table in tables}
        for orphan in sorted(RESULTS.glob("*.csv")):
            if orphan.name not in known:
                print(f"\n{orphan.relative_to(ROOT)}: no notebook saves this table any more")
    if not check and DATA.exists():
        CHECKSUMS.write_text(checksums())
    if check and changed:
        sys.exit(
            f"\n{changed} changes beyond rounding against the references; "
            "`python3 run.py references` would write them"
        )


if __name__ == "__main__":
    main()
