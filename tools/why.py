"""Say of each task of the book whether it would run again, and why."""

import sys

from doit.cmd_base import DoitCmdBase
from doit.doit_cmd import DoitMain

from tools.notebooks import ROOT

SENTENCES = {
    "missing_target": "missing: {}",
    "changed_file_dep": "changed: {}",
    "missing_file_dep": "not there yet: {}",
    "removed_file_dep": "no longer depends on: {}",
    "added_file_dep": "depends on, since the last run: {}",
}


def changed_inputs(before, now):
    """One line for each parameter or library version that differs from the last run."""
    return [
        f"{key}: {before.get(key, 'nothing')} -> {now.get(key, 'nothing')}"
        for key in sorted({*before, *now})
        if before.get(key) != now.get(key)
    ]


def reasons(task, tasks, database):
    """Why a task is out of date, a line a reason; [] when it is up to date."""
    status = database.get_status(task, tasks, get_log=True)
    if status.status == "up-to-date":
        return []
    before = database.get_values(task.name).get("inputs")
    if before is None:
        return ["never finished before"]
    lines = changed_inputs(before, task.meta["inputs"])
    lines += [f"missing or changed since it was made: {shortened(path)}" for path in task.meta["changed"]]
    for reason, sentence in SENTENCES.items():
        for path in sorted(status.reasons.get(reason) or []):
            lines.append(sentence.format(shortened(path)))
    return lines


def shortened(path):
    return str(path).replace(f"{ROOT}/", "")


class Why(DoitCmdBase):
    """The command `why` beside those of doit, for its dependency database."""

    doc_purpose, doc_usage, doc_description = "say why tasks are out of date", "", None

    def _execute(self):
        tasks, stale = {task.name: task for task in self.task_list}, set()
        for task in (t for t in self.task_list if t.actions):
            lines = reasons(task, tasks, self.dep_manager)
            lines += [f"after {name}" for name in task.task_dep if name in stale]
            if lines:
                stale.add(task.name)
            print(f"{task.name}: {'out of date' if lines else 'up to date'}")
            for line in lines:
                print(f"    {line}")
        return 0


class Main(DoitMain):
    DOIT_CMDS = (*DoitMain.DOIT_CMDS, Why)


if __name__ == "__main__":
    sys.exit(Main().run(["why", "-f", str(ROOT / "dodo.py"), *sys.argv[1:]]))
