"""What doit knows of finished tasks: a file for each, written whole the moment the task has finished.

doit's own backends write at the end of a run, and all is lost when the run is killed.
"""

import json
import os
from pathlib import Path

from doit.exceptions import InvalidTask

from tools import troubles


class Files:
    """A backend of doit: `DOIT_CONFIG` in dodo.py names its folder, pyproject.toml says where doit finds it."""

    desc = "a file for each finished task"

    def __init__(self, name, codec, module_name=None):
        self.name, self.known = name, {}

    def file(self, task):
        return Path(self.name) / f"{task.replace(':', '-')}.json"

    def of(self, task):
        """What is known of a task; nothing of one whose file is damaged, which runs again."""
        if task not in self.known:
            try:
                self.known[task] = dict(json.loads(self.file(task).read_text(encoding="utf-8")))
            except FileNotFoundError:
                self.known[task] = {}
            except (ValueError, TypeError, OSError) as error:
                print(
                    f"{task}: its file {self.file(task)} is damaged ({error}); the task will run again", flush=True
                )
                self.known[task] = {}
        return self.known[task]

    def get(self, task, key):
        return self.of(task).get(key)

    def in_(self, task):
        return bool(self.of(task))

    def set(self, task, key, value):
        self.of(task)[key] = value
        if key == "deps:":  # the last that is told of a finished task
            self.write(task)

    def write(self, task):
        file = self.file(task)
        aside = file.with_suffix(".part")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            aside.write_text(json.dumps(self.known[task]), encoding="utf-8")
            os.replace(aside, file)
        except OSError as error:
            text = f"{task} has finished, which could not be noted: {error}."
            raise InvalidTask(f"{text} {troubles.remedy(str(error)) or f'Mend that, {troubles.AGAIN}'}") from error

    def remove(self, task):
        self.known[task] = {}
        self.file(task).unlink(missing_ok=True)

    def remove_all(self):
        for file in Path(self.name).glob("*.json"):
            file.unlink()
        self.known = {}

    def dump(self):
        """Nothing is left to write at the end."""
