"""Files are what they were when they were made, or they are made anew: their content decides, not their time."""

import os
import sys
from functools import cache
from pathlib import Path

from doit.dependency import FileChangedChecker

from study import folders


class ByContent(FileChangedChecker):
    """Whether a file that a task depends on has changed; doit's own checker believes a time that was kept."""

    def check_modified(self, file_path, file_stat, state):
        return digest(file_path) != state

    def get_state(self, dep, current_state):
        return digest(dep)


def digest(path):
    """SHA-256 of a file, read once as long as its time and size stay: hundreds of tasks ask for the same."""
    found = os.stat(path)
    return _digest(str(path), found.st_mtime_ns, found.st_size)


@cache
def _digest(path, time, size):
    return folders.digest(Path(path))


def as_made(files):
    """A check of doit's: whether what a task made is there, and is what it left.

    Args:
        files: function without arguments that gives the paths; called when the task has ended.
    """

    def check(task, values):
        task.value_savers.append(lambda: {"made": {str(path): digest(path) for path in files()}})
        made = values.get("made")  # None: it never ended
        task.meta["changed"] = [
            path for path, known in (made or {}).items() if not os.path.isfile(path) or digest(path) != known
        ]
        return made is not None and not task.meta["changed"]

    return check


def title(task):
    """What doit prints when a task begins: its name, and which of its files are no longer as it left them."""
    changed = [f"\n    {path} is missing or was changed since: it is made anew" for path in task.meta["changed"]]
    return task.name + "".join(changed)


def refuse_damaged():
    """End with a word where a file in data/ that cannot be made here is not the one that was shipped.

    The tables in data/results can be, and are, measured anew instead.
    """
    for name in folders.checksums():
        if not name.startswith("results/") and not name.endswith(".md"):
            try:
                folders.shipped(folders.DATA / name)
            except ValueError as error:
                sys.exit(str(error))
