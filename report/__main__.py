"""The whole diagnostic of a network from a weight file and a data file, as one HTML page and a table."""

import argparse
import os
import sys
from pathlib import Path

from report.options import FILES, add_options, reading

ROLES = ("W_xh", "W_hh", "W_hy", "b_h", "b_y", "h0")


def main():
    """`python -m report`, which `run.py report` calls in its caller's folder."""
    given = parser().parse_args()
    output = given.output or Path(f"report-{given.weights.stem}.html")
    os.environ["MPLBACKEND"] = "Agg"  # whatever the user's is, and before matplotlib reads it
    from report.page import write_report

    try:
        diagnosis = write_report(
            given.weights, given.data, output, given.metric, given.alpha, given.activation,
            roles(given.parameter), given.batch_first, **reading(given),
        )  # fmt: skip
    except KeyboardInterrupt:
        sys.exit(130)
    except (ValueError, OSError, RuntimeError) as error:
        sys.exit(f"no report: {error}")
    made = output.absolute()
    print(f"the report is {made}\nits table is {made.with_suffix('.csv')}")
    if diagnosis.does_task is False:
        print(diagnosis.findings[0])


def parser():
    top = argparse.ArgumentParser(
        prog="python3 run.py report", description=__doc__, allow_abbrev=False, epilog=FILES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    option = top.add_argument
    # fmt: off
    option("--weights", required=True, type=Path, metavar="FILE",
           help="of the network, see below")
    option("--data", required=True, type=Path, metavar="FILE",
           help=".npz with the arrays inputs (T, B, N_x) and targets, or a CSV table")
    option("--metric", default="fvu", metavar="M",
           help="fvu (default), accuracy, cross_entropy or replay_accuracy")
    option("--alpha", default=0.9, type=float, metavar="A",
           help="splits the leading sector from its complement (default: 0.9)")
    option("--batch-first", action="store_true", help="the arrays are (B, T, ...)")
    option("--output", type=Path, metavar="FILE",
           help="the page, .html, which must not exist; its table goes beside it as .csv (default: "
                "report-<weights>.html in this folder)")
    # fmt: on
    add_options(top)
    return top


def roles(pairs: list[str]) -> dict[str, str]:
    """What each role is taken from, {"W_hh": expression, …}, as the command line gives it.

    Raises:
        ValueError: an unknown role, one given twice, or one without a name.
    """
    names: dict[str, str] = {}
    for pair in pairs:
        role, equals, name = pair.partition("=")
        role, name = (role, name) if equals else ("W_hh", pair)
        if role not in ROLES or not name or role in names:
            raise ValueError(f"--parameter must be ROLE=NAME, each role of {ROLES} once; got {pair!r}")
        names[role] = name
    return names


if __name__ == "__main__":
    main()
