"""Compare the verdicts of two claims tables: `python3 -m tools.verdicts OLD.csv NEW.csv`.

Ends with 0 when they agree, 1 when a verdict differs, 2 when a table cannot be read. Needs Python alone.
"""

import csv
import sys


def verdicts(path):
    """The verdict of each claim of a table with the columns `claim` and `verdict`.

    Args:
        path: a CSV file; a claim may have several rows, all with the same verdict.
    Returns:
        dict from claim to verdict, in the table's order.
    Raises:
        ValueError: a column is missing, there is no row, or a claim has two verdicts.
    """
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if not rows:
        raise ValueError(f"{path} has no rows")
    if missing := {"claim", "verdict"} - set(rows[0]):
        raise ValueError(f"{path} has no column {', '.join(sorted(missing))}; it has {list(rows[0])}")
    found = {}
    for row in rows:
        if found.setdefault(row["claim"], row["verdict"]) != row["verdict"]:
            raise ValueError(f"{path} has two verdicts of the claim {row['claim']!r}")
    return found


def differences(old, new):
    """One line for each claim whose verdict differs, or that only one of the two tables has."""
    return [
        f"- claim {claim}: {old.get(claim, 'no verdict')} -> {new.get(claim, 'no verdict')}"
        for claim in [*old, *(c for c in new if c not in old)]
        if old.get(claim) != new.get(claim)
    ]


def main(arguments):
    if len(arguments) != 2:
        print("usage: python3 -m tools.verdicts OLD.csv NEW.csv", file=sys.stderr)
        return 2
    try:
        old, new = map(verdicts, arguments)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    lines = differences(old, new)
    print("\n".join(lines) or f"the {len(new)} verdicts are the same")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
