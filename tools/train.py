"""Train what the store lacks, and list the files: `python3 -m tools.train TASK PROFILE LISTING`.

A process of its own, and no fork: joblib's processes would outlive one until they have been idle for
five minutes.
"""

import sys
from pathlib import Path

from schur_lib import store
from study import catalogue, folders
from tools import troubles


def run(task, profile, listing):
    with troubles.in_a_sentence():
        catalogue.main([task, profile])
        paths = [store.path(s, folders.store()) for s in catalogue.specs(task, profile, "trained")]
        Path(listing).write_text("\n".join(map(str, paths)))


if __name__ == "__main__":
    run(*sys.argv[1:])
