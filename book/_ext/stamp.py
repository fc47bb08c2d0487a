"""Stamp every page with what it was computed from, and mend what the theme gets wrong."""

import json
from pathlib import Path

QUICK = ('<p class="stamp-quick"><strong>QUICK profile: toy numbers, not results.</strong> '
         "This build only shows that everything runs.</p>")
ORIGIN = {"trained": "networks trained here", "reference": "shipped reference networks"}


def stamp(app, config):
    build = json.loads(Path(app.srcdir, "_generated", "build.json").read_text())
    options = dict(config.html_theme_options)
    if build["profile"] == "quick":
        options["announcement"] = QUICK
    options["extra_footer"] = (f'<p class="stamp">{build["profile"]} profile, '
                               f'{ORIGIN[build["networks"]]}</p>')
    config.html_theme_options = options


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


def setup(app):
    app.connect("config-inited", stamp)
    app.connect("html-page-context", mend, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
