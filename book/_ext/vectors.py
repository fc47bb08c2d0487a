"""Figures of the chapters as vectors: sharp at every size, lighter than pixels, and their place is kept free.

A chapter shows a figure as PNG, and its record names the same figure as SVG. After the build the pages name the
SVG, its places rounded to a tenth of a point. A figure whose SVG is large, and larger than the PNG, stays.

One file holds a figure's light and dark variant: its greys are variables, and the address `figure.svg#dark` gives
them the colours of a dark page. The page names it twice, and its style shows one of the two.
"""

import hashlib
import json
import re
from pathlib import Path

IMAGE = re.compile(r'<img\b[^>]*\bsrc="[^"]*_images/([0-9a-f]{64})\.png"[^>]*>')
SIZE = re.compile(r'<svg\b[^>]*?\bwidth="([\d.]+)pt" height="([\d.]+)pt"')
PLACES = re.compile(r'(?<=[ "])(?:d|x|y)="[^"]*"')
COLOUR = re.compile(r"(?<=[ ;\"])(fill|stroke): #([0-9a-f]{6})\b")
SCALE = 2  # pixels a point, as the figures were shown before; a narrow column makes them smaller
INK, PAPER = (232, 232, 232), (18, 18, 18)  # on a dark page: of black and of white
CONTRAST = 4.5  # of a colour against the dark page; what has less is made lighter
SMALL = 130_000  # bytes: an SVG of up to this size is worth its weight, for it is sharp and has a dark variant
FEW = 40  # colours: a figure with more is a heat map, whose colours say something


def light(svg):
    """An SVG of matplotlib without its metadata, places rounded to a tenth of a point."""
    svg = re.sub(r"(?s)<metadata>.*?</metadata>\s*", "", svg)
    rounded = PLACES.sub(lambda m: re.sub(r"(\.\d)\d+", r"\1", m.group()).replace(".0 ", " "), svg)
    return re.sub(r"\n\s*", "\n", rounded)


def luminance(colour):
    """Relative luminance of an sRGB colour, 0 to 1 (WCAG 2)."""
    parts = [value / 255 for value in colour]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in parts]
    return sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def mixed(one, other, share):
    return tuple(round((1 - share) * a + share * b) for a, b in zip(one, other, strict=True))


def of_the_dark(colour):
    """What a colour becomes on a dark page: greys run from ink to paper, colours get light enough to be seen."""
    if len(set(colour)) == 1:
        return mixed(INK, PAPER, colour[0] / 255)
    for share in (0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6):
        lighter = mixed(colour, (255, 255, 255), share)
        if (luminance(lighter) + 0.05) / (luminance(PAPER) + 0.05) >= CONTRAST:
            break
    return lighter


def with_dark_variant(svg):
    """The SVG with its colours as variables that `#dark` in its address changes; "" for heat maps and pixels."""
    colours = {found[1] for found in COLOUR.findall(svg)}
    if "<image" in svg or len(colours) > FEW:
        return ""
    dark = {name: of_the_dark(tuple(bytes.fromhex(name))) for name in colours}
    changed = [name for name in sorted(colours) if bytes(dark[name]).hex() != name]
    # a white line or letter parts or names what is coloured, and stays; a white ground is the page's
    kept = re.sub(r"(<(?:g|use|text)\b[^>]*)fill: #ffffff", r"\1fill: #fffffe", svg)
    kept = kept.replace("stroke: #ffffff", "stroke: #fffffe")
    kept = COLOUR.sub(lambda m: f"{m[1]}: var(--c{m[2]})" if m[2] in changed else m.group(), kept)
    rule = "".join(f"--c{name}:#{{}};" for name in changed)
    in_the_dark = rule.format(*(bytes(dark[name]).hex() for name in changed))
    style = (
        f"<style>:root{{fill:#000;{rule.format(*changed)}}}"  # letters have no fill of their own
        f":root:target{{fill:#{bytes(INK).hex()};{in_the_dark}}}</style>"
    )
    return re.sub(r"<svg\b([^>]*)>", rf'<svg id="dark"\1>{style}', kept.replace("#fffffe", "#ffffff"), count=1)


def figures(source):
    """{SHA-256 of a PNG: its light SVG} of all chapters, where the SVG is small, or smaller than the PNG."""
    found = {}
    for record in sorted((source / "_generated" / "records").glob("*.json")):
        told = json.loads(record.read_text(encoding="utf-8"))
        for shown in told.get("shown", ()):
            for name, checksum in shown["files"].items():
                if name.endswith(".png"):
                    png = source / "_extra" / "downloads" / told["notebook"] / name
                    svg = light(png.with_suffix(".svg").read_text(encoding="utf-8"))
                    if len(svg.encode()) < max(png.stat().st_size, SMALL):
                        found[checksum] = with_dark_variant(svg) or svg
    return found


def tags(image, name, svg):
    """An <img> of a PNG as one of the SVG, or as two where it has a dark variant.

    Args:
        image: the element.
        name: file name of the SVG.
        svg: its text.
    """
    width, height = (round(SCALE * float(side)) for side in SIZE.search(svg).groups())
    image = re.sub(r"[0-9a-f]{64}\.png", name, image)
    image = re.sub(r' style="[^"]*"', "", image)
    size = f'width="{width}" height="{height}" style="--width: {width}px"'  # the style sheet cannot read width
    image = re.sub(r"<img\b", f"<img {size}", image, count=1)
    if 'id="dark"' not in svg[:600]:
        return image
    found = re.search(r'class="([^"]*)"', image)
    both = []
    for kind, end in (("of-light", ""), ("of-dark", "#dark")):
        one = image.replace(name, name + end)
        one = (
            one.replace(found.group(), f'class="{found[1]} {kind}"')
            if found
            else one.replace("<img", f'<img class="{kind}"', 1)
        )
        both.append(one.replace("<img", '<img loading="lazy"', 1) if end and "loading=" not in one else one)
    return "".join(both)


def replace(app, exception):
    """Let all pages name the SVGs, under names that change with their content."""
    if exception or app.builder.format != "html":
        return
    svgs, names = figures(Path(app.srcdir)), {}
    for checksum, svg in svgs.items():
        names[checksum] = f"{hashlib.sha256(svg.encode()).hexdigest()}.svg"
        Path(app.outdir, "_images", names[checksum]).write_text(svg, encoding="utf-8")

    def vector(found):
        known = found.group(1)
        return tags(found.group(), names[known], svgs[known]) if known in svgs else found.group()

    for path in Path(app.outdir).rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        if (changed := IMAGE.sub(vector, text)) != text:
            path.write_text(changed, encoding="utf-8")
    for checksum in svgs:
        Path(app.outdir, "_images", f"{checksum}.png").unlink(missing_ok=True)


def setup(app):
    app.connect("build-finished", replace, priority=400)  # before the previews are cut out of the pages
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
