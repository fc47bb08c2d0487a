"""Compare networks trained again with the shipped ones: `.venv/bin/python -m tools.retrained NEW_RESULTS`.

Numbers are compared, not verdicts, for a verdict near its limit may change although nothing has. Ends with 0
where every mean of the new networks lies in the prediction interval of the shipped ones, 1 where one does not,
2 where a table cannot be read.
"""

import sys
from pathlib import Path

import pandas as pd

from study import folders
from study.cache import read
from study.statistics import prediction_interval

TABLES = ("figure_1", "figure_2")
KEYS = ["task", "construction", "hidden_size", "removed"]


def differences(shipped: pd.DataFrame, new: pd.DataFrame) -> list[str]:
    """One line for each mean score of the new networks outside the interval, or that one table lacks.

    The intervals hold 95 % together: each is taken at 1 − 0.05 over the number of means (Bonferroni).
    """
    old, again = (table.groupby(KEYS).score for table in (shipped, new))
    level = 1 - 0.05 / len(old)
    lines = [f"- {_name(key)}: in one of the two tables only" for key in set(old.groups) ^ set(again.groups)]
    for key, values in old:
        if key not in again.groups:
            continue
        theirs = again.get_group(key)
        low, high = prediction_interval(values, len(theirs), level)
        if not low - 1e-6 <= theirs.mean() <= high + 1e-6:
            lines.append(
                f"- {_name(key)}: mean score {theirs.mean():.4f} of {len(theirs)} networks, "
                f"{low:.4f} to {high:.4f} expected from {len(values)} shipped ones"
            )
    return sorted(lines)


def _name(key):
    task, construction, size, removed = key
    return f"{task}, {construction}, N_h {size}, {removed or 'intact'}"


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("usage: python3 -m tools.retrained NEW_RESULTS", file=sys.stderr)
        return 2
    try:
        pairs = [[read(Path(place) / f"{n}.csv") for place in (folders.RESULTS, arguments[0])] for n in TABLES]
        shipped, new = (pd.concat(tables) for tables in zip(*pairs, strict=True))
        lines = differences(shipped, new)
    except (OSError, ValueError, KeyError) as error:
        print(f"the tables cannot be compared: {error}", file=sys.stderr)
        return 2
    print("\n".join(lines) or f"all {shipped.groupby(KEYS).ngroups} means are as expected")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
