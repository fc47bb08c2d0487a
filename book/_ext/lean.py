"""What no page needs leaves it, and no script stands in a page: it works on servers that forbid inline scripts.

The theme lets every page load the index of the search, and rules for two thousand icons; scripts of one line stand
in the pages, and buttons hold theirs. The lines become files, named by their content; book.js hears the buttons.
"""

import hashlib
import re
from pathlib import Path

INLINE = re.compile(r"<script\b(?![^>]*\bsrc=)[^>]*>(.*?)</script>", re.S)
UNUSED = re.compile(
    r"kernelName =|requestKernel|DOCUMENTATION_OPTIONS\.pagename"
)  # of live code, which is not used
SEARCH = re.compile(r"\s*<script\b[^>]*\b(?:searchtools|language_data|searchindex)\.js[^>]*></script>")
DESIGN = re.compile(
    r"\s*<(?:script|link)\b[^>]*\b(?:design-tabs|sphinx-design|sphinx-thebe)\b[^>]*>(?:</script>)?"
)
ANCHOR = re.compile(r'<dt\b[^>]*\bid="([^"]+)"')
BACK = re.compile(r'<a class="viewcode-back" href="(?:\.\./)*([^"]*)">\[docs\]</a>')
HANDLER = re.compile(r'\bonclick="(\w+(?:\.\w+)?)\(\)"')
ICONS = re.compile(r'(?:\.fa-[a-z0-9-]+:{1,2}before,?)+\{content:"\\[0-9a-f]+"\}')


def lean(text, root, name):
    """A page without what it does not need, and the scripts that stood in it.

    Args:
        text: the page.
        root: the way from it to the book's root, "" or "../".
        name: of the page's file.
    Returns:
        (text, {name of a file in _static: its script})
    """
    scripts = {}

    def aside(found):
        if "json" in found.group().split(">")[0]:
            return found.group()
        if UNUSED.search(found.group(1)):
            return ""
        file = f"line-{hashlib.sha256(found.group(1).encode()).hexdigest()[:12]}.js"
        again, scripts[file] = file in scripts, found.group(1).strip() + "\n"
        return "" if again else f'<script src="{root}_static/{file}"></script>'

    text = INLINE.sub(aside, text)
    text = HANDLER.sub(r'data-does="\1"', text)
    if name != "search.html":
        text = SEARCH.sub("", text)
    if not re.search(r'class="[^"]*\bsd-', text):
        text = DESIGN.sub("", text)
    return text, scripts


def replace(app, exception):
    if exception or app.builder.format != "html":
        return
    static = Path(app.outdir, "_static")
    sources = {
        path.relative_to(app.outdir).with_suffix("").as_posix() for path in app.outdir.glob("_modules/**/*.html")
    }
    anchors = {
        f"{name}.html#{found}"
        for name in app.env.found_docs
        for found in ANCHOR.findall(Path(app.outdir, f"{name}.html").read_text(encoding="utf-8"))
    }
    for name in app.env.found_docs | sources | {"search", "genindex", "py-modindex"}:
        path = Path(app.outdir, f"{name}.html")
        if not path.exists():
            continue
        if name in sources:  # what a source goes back to has to be there, under the name that it is documented by
            text = path.read_text(encoding="utf-8")
            path.write_text(BACK.sub(lambda m: m[0] if m[1] in anchors else "", text), encoding="utf-8")
        text, scripts = lean(path.read_text(encoding="utf-8"), "../" * name.count("/"), path.name)
        path.write_text(text, encoding="utf-8")
        for file, script in scripts.items():
            (static / file).write_text(script, encoding="utf-8")
    sheet = static / "styles" / "pydata-sphinx-theme.css"
    sheet.write_text(ICONS.sub("", sheet.read_text(encoding="utf-8")), encoding="utf-8")


def setup(app):
    app.connect("build-finished", replace, priority=950)  # after the icons
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
