"""Figures of the chapters as vectors: sharp at every size, lighter than pixels, and their place is kept free.

A chapter shows a figure as PNG, and its record names the same figure as SVG. After the build the pages name the
SVG, its places rounded to a hundredth of a point. A figure whose SVG is the larger file stays as it is.
"""

import hashlib
import json
import re
from pathlib import Path

IMAGE = re.compile(r'<img\b[^>]*\bsrc="[^"]*_images/([0-9a-f]{64})\.png"[^>]*>')
SIZE = re.compile(r'<svg\b[^>]*?\bwidth="([\d.]+)pt" height="([\d.]+)pt"')
PLACES = re.compile(r'(?<=[ "])(?:d|x|y)="[^"]*"')
SCALE = 2  # pixels a point, as the figures were shown before; a narrow column makes them smaller


def light(svg):
    """An SVG of matplotlib without its metadata, places rounded to a hundredth of a point."""
    svg = re.sub(r"(?s)<metadata>.*?</metadata>\s*", "", svg)
    rounded = PLACES.sub(lambda m: re.sub(r"(\.\d\d)\d+", r"\1", m.group()), svg)
    return re.sub(r"\n\s*", "\n", rounded)


def figures(source):
    """{SHA-256 of a PNG: its light SVG} of all chapters, where the SVG is the smaller file."""
    found = {}
    for record in sorted((source / "_generated" / "records").glob("*.json")):
        told = json.loads(record.read_text(encoding="utf-8"))
        for shown in told.get("shown", ()):
            for name, checksum in shown["files"].items():
                if name.endswith(".png"):
                    png = source / "_extra" / "downloads" / told["notebook"] / name
                    svg = light(png.with_suffix(".svg").read_text(encoding="utf-8"))
                    if len(svg.encode()) < png.stat().st_size:
                        found[checksum] = svg
    return found


def replace(app, exception):
    """Let all pages name the SVGs, under names that change with their content."""
    if exception or app.builder.format != "html":
        return
    svgs, names = figures(Path(app.srcdir)), {}
    for checksum, svg in svgs.items():
        names[checksum] = f"{hashlib.sha256(svg.encode()).hexdigest()}.svg"
        Path(app.outdir, "_images", names[checksum]).write_text(svg, encoding="utf-8")

    def vector(found):
        if found.group(1) not in svgs:
            return found.group()
        width, height = (round(SCALE * float(side)) for side in SIZE.search(svgs[found.group(1)]).groups())
        tag = found.group().replace(f"{found.group(1)}.png", names[found.group(1)])
        return re.sub(r"<img\b", f'<img width="{width}" height="{height}"', tag, count=1)

    for path in Path(app.outdir).rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        if (changed := IMAGE.sub(vector, text)) != text:
            path.write_text(changed, encoding="utf-8")
    for checksum in svgs:
        Path(app.outdir, "_images", f"{checksum}.png").unlink(missing_ok=True)


def setup(app):
    app.connect("build-finished", replace, priority=400)  # before the previews are cut out of the pages
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
