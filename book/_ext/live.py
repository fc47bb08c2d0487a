"""Figures that respond: which page holds which, and the scripts that each of them needs.

A page of prose has a place for its figure, `<div data-live="NAME">`, with what is shown where scripts do not
run. In a chapter the place is made here, behind the figure of the notebook that it lets the reader move.
"""

import re

ENGINE = ("explorer/data.js", "explorer/schur.js", "explorer/rollout.js")
SCRIPTS = {  # of each figure, beside live/live.js and its own; only what takes a network needs the engine
    "landing": (*ENGINE, "explorer/data/index.js"),
    "toy": (),
    "alpha": (*ENGINE[:2], "explorer/view.js"),
    "nulls": (*ENGINE, "explorer/data/index.js"),
    "memory": ENGINE,
    "scatter": ENGINE[:1],
    "path": ENGINE[:1],
}
PLACES = {  # page: the figure behind which it stands, and its name
    "chapters/context_integration": ("fig-integration-n-leading", "alpha"),
    "chapters/controls": ("fig-null-harms", "nulls"),
    "chapters/flip_flop": ("fig-flip-flop-states", "memory"),
    "chapters/predictor": ("fig-predicted", "scatter"),
    "chapters/symmetries": ("fig-smallest", "path"),
}


def placed(body, figure, name):
    """A page with a place for a figure that responds, which stays hidden where no script fills it.

    Raises:
        ValueError: the page has no such figure.
    """
    parts = re.split(rf'(<figure\b[^>]*\bid="{figure}".*?</figure>)', body, maxsplit=1, flags=re.S)
    if len(parts) != 3:
        raise ValueError(
            f'the page of the live figure "{name}" has no figure "{figure}": book/_ext/live.py names it'
        )
    before, found, after = parts
    return f'{before}{found}\n<section class="live" data-live="{name}" hidden></section>{after}'


def scripts(body, link):
    """What a page with places has to load, as HTML; "" where it has none.

    Args:
        body: of the page.
        link: a file's path from the root of the book → its address in this page.
    """
    names = re.findall(r'data-live="(\w+)"', body)
    if not names:
        return ""
    needed = dict.fromkeys(script for name in names for script in SCRIPTS[name])
    files = (*needed, "live/live.js", *(f"live/{name}.js" for name in names))
    return f'\n<link rel="stylesheet" href="{link("live/live.css")}">' + "".join(
        f'\n<script src="{link(file)}"></script>' for file in files
    )


def add(app, pagename, templatename, context, doctree):
    if app.builder.name != "html" or "body" not in context:
        return
    if pagename in PLACES:
        context["body"] = placed(context["body"], *PLACES[pagename])
    context["body"] += scripts(context["body"], lambda file: context["pathto"](file, 1))


def setup(app):
    app.connect("html-page-context", add)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
