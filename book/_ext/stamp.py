"""Stamp every page with what it was computed from: the profile and the origin of the networks."""

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


def setup(app):
    app.connect("config-inited", stamp)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
