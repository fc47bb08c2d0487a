"""The icons that the pages use, as a small style sheet, in the place of the theme's script of all icons (1.5 MB).

The theme names icons by classes such as "fa-solid fa-bars", and its script draws 2,000 of them. Here those that
a page or another script names are taken out of it and become masks, which have the colour of the text.
"""

import re
from urllib.parse import quote

SCRIPT = "fontawesome.js"
TAG = re.compile(rf"<(?:script|link)\b[^>]*{re.escape(SCRIPT)}[^>]*>(?:\s*</script>)?\s*")
NAMED = re.compile(r"\bfa-([a-z0-9-]+)")
DRAWN = re.compile(r'"?([a-z0-9-]+)"?:\[(\d+),(\d+),\[([^\]]*)\],"[0-9a-f]+","([^"]+)"\]')
RULE = """
.fa-solid, .fa-regular, .fa-brands, .fas, .far, .fab { display: inline-block; }
:is(.fa-solid, .fa-regular, .fa-brands, .fas, .far, .fab)::before {
  content: ""; display: inline-block; width: 1em; height: 1em; vertical-align: -0.125em; background: currentColor;
  mask: var(--icon) center / contain no-repeat; forced-color-adjust: none;
}
@media (forced-colors: active) {
  :is(.fa-solid, .fa-regular, .fa-brands, .fas, .far, .fab)::before { background: CanvasText; }
}
"""


def drawn(script):
    """The path of each icon, by all of its names: {name: (width, height, path)}; the solid one stays."""
    icons = {}
    for name, width, height, others, path in DRAWN.findall(script):
        for each in (name, *re.findall(r'"([a-z0-9-]+)"', others)):
            icons[each] = (width, height, path)
    return icons


def style(names, icons):
    """The rules that draw some of the icons."""
    rules = ["/* Icons: Font Awesome Free, https://fontawesome.com, CC BY 4.0. */", RULE]
    for name in sorted(names & icons.keys()):
        width, height, path = icons[name]
        image = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"><path d="{path}"/></svg>'
        rules.append(f'.fa-{name} {{ --icon: url("data:image/svg+xml,{quote(image)}"); }}')
    return "\n".join(rules) + "\n"


def replace(app, exception):
    """Take the script out of all pages, and write the style sheet that they name."""
    if exception or app.builder.format != "html":
        return
    scripts = list(app.outdir.glob(f"_static/scripts/{SCRIPT}*"))
    icons, names = drawn((app.outdir / "_static" / "scripts" / SCRIPT).read_text(encoding="utf-8")), set()
    for path in [*app.outdir.rglob("*.html"), *app.outdir.glob("_static/**/*.js")]:
        if path in scripts:
            continue
        text = path.read_text(encoding="utf-8")
        names |= set(NAMED.findall(text))
        if path.suffix == ".html":
            path.write_text(TAG.sub("", text), encoding="utf-8")
    (app.outdir / "_static" / "icons.css").write_text(style(names, icons), encoding="utf-8")
    for path in scripts:
        path.unlink()


def setup(app):
    app.add_css_file("icons.css")
    app.connect("build-finished", replace, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
