"""data/README.md describes every column of every table in data/."""

import csv
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TABLES = sorted(path.relative_to(ROOT / "data").as_posix() for path in ROOT.glob("data/**/*.csv"))


def dictionary(text):
    """Which names the text describes: (section, file or None for all of its folder) -> names.

    A section `## name.csv` describes that file, `## folder/` the files in it. In a folder's section
    the tables before the first named file count for all files; a paragraph that names files, and the
    tables up to the next such paragraph, count for these. A table describes what its first column
    holds in backticks, a paragraph whatever it holds in backticks; so does a table's row that
    begins with a file, for this file.
    """
    found = {}
    for section, body in re.findall(r"^## (\S+)\n(.*?)(?=^## |\Z)", text, re.M | re.S):
        files = [None]
        for block in re.split(r"\n\s*\n", body):
            if block.lstrip().startswith("|"):
                names = []
                for line in block.strip().splitlines():
                    first = re.findall(r"`([^`]+)`", line.split("|")[1])
                    if any(name.endswith(".csv") for name in first):
                        for file in first:
                            row = found.setdefault((section, file), set())
                            row.update(re.findall(r"`([^`]+)`", line))
                    else:
                        names += first
            else:
                names = re.findall(r"`([^`]+)`", block)
                named = [name for name in names if name.endswith(".csv")]
                if not named:
                    continue
                files = named
            for file in files:
                found.setdefault((section, file), set()).update(names)
    return found


def undescribed(file, columns, text):
    """The columns of a table that the text does not describe; None if it does not name the table."""
    folder, _, name = file.rpartition("/")
    entries = dictionary(text)
    if not folder:
        names = entries.get((name, None))
    else:
        pages = [
            names
            for (section, pattern), names in entries.items()
            if section == f"{folder}/"
            and pattern
            and re.fullmatch(re.sub(r"<\w+>", r"\\w+", re.escape(pattern)), name)
        ]
        common = entries.get((f"{folder}/", None), set())
        names = common.union(*pages) if pages else None
    return None if names is None else [column for column in columns if column not in names]


def readme():
    return (ROOT / "data" / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("file", TABLES)
def test_every_column_of_a_table_is_described_in_the_data_dictionary(file):
    with open(ROOT / "data" / file, newline="", encoding="utf-8") as table:
        columns = next(csv.reader(table))
    missing = undescribed(file, columns, readme())
    assert missing is not None, f"data/README.md does not name {file}"
    assert missing == [], f"data/README.md does not describe these columns of {file}"


TEXT = """# Data

## plain.csv

| Column | Meaning |
|:--|:--|
| `id` | a name, unlike `score` |

## results/

| Column | Meaning |
|:--|:--|
| `seed`, `task` | which network |

`first.csv`: as said. Prose with `score` in it does not describe it for others.

`<task>_parts.csv` and `second.csv`, with their own columns:

| Column | Meaning |
|:--|:--|
| `part` | which part |

A paragraph about `nothing` that names no file.

`last.csv`: at each `lag`.

| Table | Columns |
|:--|:--|
| `wide.csv` | at each `width` |
| `high.csv` | at each `height` |
"""


@pytest.mark.parametrize(
    ("file", "columns", "missing"),
    [
        ("plain.csv", ["id"], []),
        ("plain.csv", ["id", "score", "seed"], ["score", "seed"]),
        ("results/first.csv", ["seed", "task", "score"], []),
        ("results/first.csv", ["seed", "part"], ["part"]),
        ("results/copy_parts.csv", ["part", "seed", "score"], ["score"]),
        ("results/second.csv", ["part", "lag"], ["lag"]),
        ("results/last.csv", ["lag", "part", "nothing"], ["part", "nothing"]),
        ("results/last.csv", ["lag", "width"], ["width"]),
        ("results/wide.csv", ["seed", "width", "height", "lag"], ["height", "lag"]),
        ("results/other.csv", ["seed"], None),
        ("other.csv", ["seed"], None),
    ],
)
def test_a_column_counts_as_described_only_where_it_stands(file, columns, missing):
    assert undescribed(file, columns, TEXT) == missing
