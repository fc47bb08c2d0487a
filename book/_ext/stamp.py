"""Stamp every page with what it was computed from, and mend what the theme gets wrong."""

import json
import re
from pathlib import Path

QUICK = ('<p class="stamp-quick"><strong>QUICK profile: toy numbers, not results.</strong> '
         "This build only shows that everything runs.</p>")
ORIGIN = {"trained": "networks trained here", "reference": "shipped reference networks"}


def stamp(app, config):
    build = json.loads(Path(app.srcdir, "_generated", "build.json").read_text())
    options = dict(config.html_theme_options)
    if build["profile"] == "quick":
        options["announcement"] = QUICK
    version = f"; commit {build['commit']}" if build["commit"] else ""
    options["extra_footer"] = (f'<p class="stamp">{build["profile"]} profile, '
                               f'{ORIGIN[build["networks"]]}{version}</p>')
    config.html_theme_options = options


SYMBOL = re.compile(r"\b([NnST])_(RR|CR|CC|R|C|h|ΔT)\b")


def typeset(found):
    """A match of three groups, its middle one with symbols such as T_CR set as in the formulas."""
    before, text, after = found.groups()
    return before + SYMBOL.sub(r"<i>\1</i><sub>\2</sub>", text) + after


def sized(found):
    """A table's entry with the class short or long, for it not to break, or not to become a ribbon."""
    given, entry = found.groups()
    length = len(re.sub(r"<[^>]*>", "", entry).strip())
    classes = [given, "short" if length <= 22 else "long" if length > 140 else None]
    classes = " ".join(filter(None, classes))
    return f'<td class="{classes}">{entry}' if classes else f"<td>{entry}"


def mend(app, page, template, context, doctree):
    # live cells are not used, and their script is loaded twice, from another machine when clicked
    context["script_files"] = [
        script for script in context["script_files"]
        if "thebe" not in f"{script.filename} {script.attributes.get('body', '')}".lower()
    ]
    # what docutils calls a list has no list items, which screen readers stumble over
    if "body" in context:
        context["body"] = context["body"].replace(
            '<div role="list" class="citation-list">', '<div class="citation-list">')
        # a table that scrolls on a narrow screen has to be reachable by keyboard
        context["body"] = context["body"].replace(
            '<table class="table">', '<table class="table" tabindex="0">')
        # values that a notebook computed as plain text, and what its tables hold
        for place in (r'(<span class="pasted-text">)([^<]*)(</span>)',
                      r"(<t[hd]\b[^>]*><p>)([^<]*)(</p>)"):
            context["body"] = re.sub(place, typeset, context["body"])
        context["body"] = re.sub(r'<td(?: class="([\w-]+)")?>(.*?</td>)', sized, context["body"],
                                 flags=re.S)


def setup(app):
    app.connect("config-inited", stamp)
    app.connect("html-page-context", mend, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
