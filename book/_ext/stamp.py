"""Stamp every page with what it was computed from, and mend what the theme gets wrong."""

import html
import json
import re
from pathlib import Path

from mathematics import mathml

QUICK = (
    '<p class="stamp-quick"><strong>QUICK profile: toy numbers, not results.</strong> '
    "This build only shows that everything runs.</p>"
)
ORIGIN = {"trained": "networks trained here", "reference": "shipped reference networks"}


def stamp(app, config):
    build = json.loads(Path(app.srcdir, "_generated", "build.json").read_text(encoding="utf-8"))
    options = dict(config.html_theme_options)
    if build["profile"] == "quick":
        options["announcement"] = QUICK
    version = f"; commit {build['commit']}" if build["commit"] else ""
    options["extra_footer"] = (
        f'<p class="stamp">{build["profile"]} profile, {ORIGIN[build["networks"]]}{version}</p>'
    )
    config.html_theme_options = options


SYMBOL = re.compile(r"\b([NnST])_(RR|CR|CC|R|C|h|ΔT)\b")


def typeset(found):
    """A match of a tag and its text, the symbols in it, such as T_CR, set as in the formulas."""
    tag, text = found.groups()
    return tag + SYMBOL.sub(r"<i>\1</i><sub>\2</sub>", text)


def quoted(found):
    """A match of a tag and its text, which a notebook computed as Markdown: bold, formulas and symbols set."""
    tag, text = found.groups()
    pieces = re.split(r"\$(?=[A-Za-z\\])(.+?)\$", re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", text))
    plain = [SYMBOL.sub(r"<i>\1</i><sub>\2</sub>", piece) for piece in pieces[::2]]
    formulas = [f'<span class="math">{mathml(html.unescape(tex))}</span>' for tex in pieces[1::2]]
    return tag + "".join(a + b for a, b in zip(plain, [*formulas, ""], strict=True))


def cell(found):
    """A table's entry, typeset; short if it is not to break, long if it is not to become a ribbon."""
    kind, given, content = found.groups()
    length = len(re.sub(r"<[^>]*>", "", content).strip())
    size = "" if kind == "th" else "short" if length <= 22 else "long" if length > 140 else ""
    classes = " ".join(filter(None, (given, size)))
    # not after the tags that begin code or a formula
    content = re.sub(r"(<(?:p|em|strong|/\w+)>)([^<]*)", typeset, content)
    opening = f'{kind} class="{classes}"' if classes else kind
    return f"<{opening}>{content}</{kind}>"


SIGNATURE = re.compile(
    r'(<dt class="sig [^>]*>)(.*?)'
    r'(?=<a class="(?:headerlink|reference internal)" [^>]*>(?:#|<span class="viewcode))',
    re.S,
)
VALUE = re.compile(r"\b(None|NaN)\b")


def as_code(body):
    """The body of a page of the reference: signatures are code, and so are None and NaN in its prose."""
    body = SIGNATURE.sub(lambda m: f'{m[1]}<code class="signature">{m[2].strip()}</code>', body)
    pieces = re.split(r"(<(code|pre)\b.*?</\2>)", body, flags=re.S)  # every third is code, followed by its tag
    for i in range(0, len(pieces), 3):
        pieces[i] = re.sub(
            r"(^|>)([^<]+)", lambda m: m[1] + VALUE.sub(r'<code class="literal">\1</code>', m[2]), pieces[i]
        )
    return "".join(piece for i, piece in enumerate(pieces) if i % 3 != 2)


def mend(app, page, template, context, doctree):
    # live cells are not used, and their script is loaded twice, from another machine when clicked
    context["script_files"] = [
        script
        for script in context["script_files"]
        if "thebe" not in f"{script.filename} {script.attributes.get('body', '')}".lower()
    ]
    # what docutils calls a list has no list items, which screen readers stumble over
    if "body" in context:
        context["body"] = context["body"].replace(
            '<div role="list" class="citation-list">', '<div class="citation-list">'
        )
        # values that a notebook computed as plain text, and what tables hold
        if 'class="sig ' in context["body"]:
            context["body"] = as_code(context["body"])
        context["body"] = re.sub(r'(<span class="pasted-text">)([^<]*)', quoted, context["body"])
        context["body"] = re.sub(r'<(t[hd])(?: class="([^"]*)")?>(<p>.*?)</\1>', cell, context["body"], flags=re.S)


def plain_marks(app, what, name, thing, options, lines):
    """Let bars and stars in docstrings of `study` be what they are in text, and no marks of reStructuredText."""
    if name.startswith("study."):
        lines[:] = [re.sub(r"(?<!\\)(\||\*\*(?=\w+\b(?!\*)))", r"\\\1", line) for line in lines]


def setup(app):
    app.connect("config-inited", stamp)
    app.connect("autodoc-process-docstring", plain_marks, priority=400)  # before they are read
    app.connect("html-page-context", mend, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
