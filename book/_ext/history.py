"""Say at the foot of each page when it was last changed, and what the last changes were, as git tells it."""

import html
import json
from pathlib import Path

SHOWN = 12  # changes


def foot(changes, repository):
    """The fold of a page's changes, "" where none is known.

    Args:
        changes: [{"commit", "day", "subject"}, …], the last first.
        repository: its address, or "".
    """
    if not changes:
        return ""
    lines = []
    for change in changes[:SHOWN]:
        commit = f"<code>{change['commit']}</code>"
        if repository:
            commit = f'<a href="{html.escape(repository)}/commit/{change["commit"]}">{commit}</a>'
        lines.append(f"<li>{change['day']} {commit} {html.escape(change['subject'])}</li>")
    more = len(changes) - SHOWN
    lines += [f"<li>and {more} earlier</li>"] if more > 0 else []
    return (
        f'<details class="history"><summary>Last change of this page: {changes[0]["day"]}</summary>'
        f"<ul>{''.join(lines)}</ul></details>"
    )


def add(app, page, template, context, doctree):
    path = Path(app.srcdir, "_generated", "history.json")
    if "body" not in context or not path.exists():
        return
    told = json.loads(path.read_text(encoding="utf-8"))
    context["body"] += foot(told["pages"].get(page, []), told["repository"])


def setup(app):
    app.connect("html-page-context", add, priority=960)  # after the tables
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
