"""The whole diagnostic of a network from a weight file and a data file, as one HTML page and its numbers."""

import argparse
import contextlib
import logging
import os
import sys
from pathlib import Path

from report.options import ARRAYS, FILES, TABLES, add_options, reading

ROLES = ("W_xh", "W_hh", "W_hy", "b_h", "b_y", "h0")


def main():
    """`python -m report`, which `run.py report` calls in its caller's folder."""
    given = parser().parse_args()
    weights = given.weights
    output = given.output or Path(f"report-{weights[0].stem if len(weights) == 1 else 'comparison'}.html")
    plain_matplotlib()
    try:
        from report.page import ENDINGS, write_report

        all_found = write_report(
            weights if len(weights) > 1 else weights[0], given.data, output, given.metric, given.alpha,
            given.activation, roles(given.parameter), given.batch_first, given.budget,
            say=lambda text: print(text, flush=True), **reading(given),
        )  # fmt: skip
    except KeyboardInterrupt:
        sys.exit(130)
    except (ValueError, OSError, RuntimeError, MemoryError) as error:
        said = f"{error.filename}: {error.strerror}" if getattr(error, "filename", None) else str(error)
        sys.exit(f"no report: {said or 'there is not enough memory'}")
    made = output.absolute()
    beside = " and ".join(made.with_suffix(ending).name for ending in ENDINGS)
    print(f"the report is {made}\nits numbers are beside it, in {beside}")
    for path, found in zip(weights, all_found, strict=True):
        if found.does_task is False:
            print(f"{path.name}: {found.summary[0]}" if len(weights) > 1 else found.summary[0])


def plain_matplotlib():
    """Import matplotlib as it comes: without any matplotlibrc, and without what it says of the user's folders."""
    os.environ |= {"MPLBACKEND": "Agg", "MATPLOTLIBRC": os.devnull}
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    with contextlib.chdir(Path(__file__).parent):  # a matplotlibrc in the folder at hand would come first
        import matplotlib  # noqa: F401


def parser():
    top = argparse.ArgumentParser(
        prog="python3 run.py report", description=__doc__, allow_abbrev=False, epilog=FILES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    option = top.add_argument
    # fmt: off
    option("--weights", required=True, type=Path, metavar="FILE", nargs="+",
           help="of the network, see below; of several files each is a network: a page each, and one that "
                "compares them")
    option("--data", required=True, type=Path, metavar="FILE",
           help=f"inputs and targets, as arrays ({', '.join(ARRAYS)}) or as a table ({', '.join(TABLES)}), see "
                "below")
    option("--metric", default="fvu", metavar="M",
           help="fvu (default), accuracy, cross_entropy or replay_accuracy")
    option("--alpha", default=0.9, type=float, metavar="A",
           help="splits the leading sector from its complement (default: 0.9)")
    option("--batch-first", action="store_true", help="the arrays are (B, T, ...)")
    option("--output", type=Path, metavar="FILE",
           help="the page, .html, which must not exist; its numbers go beside it as .csv and .json (default: "
                "report-<weights>.html in this folder, of several networks report-comparison.html)")
    option("--budget", type=float, default=15, metavar="MINUTES",
           help="how long it may take, on a processor of 2020: what takes longer is thinned, which the page says, "
                "or refused (default: 15)")
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
