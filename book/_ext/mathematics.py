"""Formulas as MathML, made when the book is built: no script, no fonts, no tab stops; browsers draw it themselves.

Docutils turns TeX into MathML. What it does not know of the TeX in this book is mended here, and what it does not
know otherwise is a warning, which ends the build.
"""

import xml.etree.ElementTree as ElementTree

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

logger = logging.getLogger(__name__)
GREEK = "ΓΔΘΛΞΠΣΥΦΨΩ"  # upright in TeX


def mathml(tex, display=False):
    """A formula as a <math> element.

    Args:
        tex: the formula, without dollars.
        display: it stands in a line of its own.
    Raises:
        MathError: the formula holds what docutils does not know.
    """
    tex = tex.strip().replace(r"\dots", r"\ldots").replace("{,}", r"\text{,}").replace("°", r"\text{°}")
    text = tex2mathml(tex, as_block=display)
    root = ElementTree.fromstring(text.replace("&ApplyFunction;", "\N{FUNCTION APPLICATION}"))
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        if element.tag == "mo" and element.text in ("|", "‖"):  # of absolute values and norms: no operators
            element.attrib = {"stretchy": "false", "lspace": "0", "rspace": "0"}
        elif element.tag == "mi" and element.text in GREEK:
            element.set("mathvariant", "normal")
        if not len(element):
            continue
        element.text = None
        for child in element:
            child.tail = None
        # a word at a brace stands below the brace, not at its foot
        if element.tag == "msub" and element[0].tag.endswith("munder") and element[0][1].text == "⏟":
            element.tag = "munder"
    return ElementTree.tostring(root, encoding="unicode")


def written(translator, node, display):
    try:
        return mathml(node.astext(), display)
    except MathError as error:
        logger.warning("a formula that cannot be set: %s", error, location=node)
        return f"<code>{translator.encode(node.astext())}</code>"


def inline(translator, node):
    translator.body.append(translator.starttag(node, "span", "", CLASS="math notranslate nohighlight"))
    translator.body.append(f"{written(translator, node, False)}</span>")
    raise nodes.SkipNode


def displayed(translator, node):
    translator.body.append(translator.starttag(node, "div", CLASS="math notranslate nohighlight"))
    if node["number"]:
        translator.body.append(f'<span class="eqno">({get_node_equation_number(translator, node)})')
        translator.add_permalink_ref(node, "Link to this equation")
        translator.body.append("</span>")
    translator.body.append(f'<div class="formula">{written(translator, node, True)}</div></div>\n')
    raise nodes.SkipNode


def setup(app):
    app.add_html_math_renderer("mathml", (inline, None), (displayed, None))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
