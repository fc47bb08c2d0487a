"""Train what the store lacks, and list the files: `python3 -m tools.train TASK PROFILE LISTING`.

A process of its own, and no fork: joblib's processes would outlive one until they have been idle for
five minutes.
"""

import sys
from pathlib import Path

from schur_lib import store
from schur_lib.training import train
from study import catalogue, folders
from tools import troubles


def run(task, profile, listing):
    with troubles.in_a_sentence():
        figure_1 = task == "figure_1"
        specs = catalogue.figure_1(profile, "trained") if figure_1 else catalogue.specs(task, profile, "trained")
        train(specs, folders.store())
        paths = [store.path(spec, folders.store()) for spec in specs]
        Path(listing).write_text("\n".join(map(str, paths)))


if __name__ == "__main__":
    run(*sys.argv[1:])
