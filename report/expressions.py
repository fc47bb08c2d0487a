"""Expressions in the names of a weight file, such as "m @ n.T / 64" or "abs(weight) * mask".

    sum     = product {("+" | "-") product}
    product = factor {("*" | "@" | "/") factor}        after "/" stands a number
    factor  = "-" factor | (name | number | "abs(" sum ")" | "relu(" sum ")" | "(" sum ")") {".T" | part}
    part    = "[" place {"," place} "]"
    place   = row | [from] ":" [to]

A name is one of the file's, whatever signs it holds, the longest that fits. Nothing is run but these operations.
"""

import math
import re
from collections.abc import Mapping

import torch
from torch import Tensor

from report.files import Contents, described, fits

FUNCTIONS = {"abs": torch.abs, "relu": torch.relu}
LONGEST = 2000  # characters


def evaluated(text: str, tensors: Mapping[str, Tensor]) -> tuple[Tensor, set[str]]:
    """The value of an expression, and the names in it.

    Args:
        text: the expression.
        tensors: by name. Half precision is computed with as float32, integers as float64.

    Raises:
        ValueError: says where it breaks off, which name is not in the file, or which shapes do not fit.
    """
    if len(text) > LONGEST:
        raise ValueError(f"an expression may have {LONGEST} characters, got {len(text)}")
    tokens = _tokens(text, tensors)
    used = {value for kind, value in tokens if kind == "name"}
    try:
        value, rest = _sum(tokens, tensors)
    except (RuntimeError, IndexError) as error:
        raise ValueError(f"{text!r} cannot be computed: {str(error).partition(chr(10))[0]}") from error
    if rest or not isinstance(value, Tensor):
        raise ValueError(f"{text!r} is no expression in names: it breaks off at {rest[0][1] if rest else text!r}")
    return value, used


def _tokens(text, tensors):
    names, found, at = sorted(tensors, key=len, reverse=True), [], 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        rest = text[at:]
        name = next((n for n in names if n and rest.startswith(n) and not re.match(r"\w", rest[len(n) :])), None)
        number = re.match(r"\d+(\.\d+)?([eE][-+]?\d+)?(?![\w.])", rest)
        sign = re.match(r"\.T(?!\w)|\[[-\d\s:,]+\]|(abs|relu)(?=\s*\()|[-+*/@()]", rest)
        after = found[-1][1] if found else ""
        if number and (after == "/" or name is None):
            found.append(("number", number[0]))
        elif name is not None and not (sign and sign[0] in FUNCTIONS):
            found.append(("name", name))
        elif sign:
            found.append(("sign", sign[0]))
        else:
            word = re.match(r"[\w./:-]+|.", rest)[0]
            raise ValueError(
                f"{word!r} in {text!r} is not in the file; expressions are made of its names, .T, @, *, +, -, "
                f"/ number, abs(…), relu(…), [row] and [:, from:to]. {described(Contents('', dict(tensors)))}"
            )
        at += len(found[-1][1])
    return found


def _sum(tokens, tensors):
    value, tokens = _product(tokens, tensors)
    while tokens and tokens[0] in (("sign", "+"), ("sign", "-")):
        sign, (other, tokens) = tokens[0][1], _product(tokens[1:], tensors)
        _check_size(value, other)
        value = value + other if sign == "+" else value - other
    return value, tokens


def _product(tokens, tensors):
    value, tokens = _factor(tokens, tensors)
    while tokens and tokens[0][0] == "sign" and tokens[0][1] in "*/@":
        sign, (other, tokens) = tokens[0][1], _factor(tokens[1:], tensors)
        if sign == "/":
            if isinstance(other, Tensor) or other == 0:
                raise ValueError("after / stands a number other than 0")
            value = value / other
        elif sign == "@":
            if not (isinstance(value, Tensor) and isinstance(other, Tensor)):
                raise ValueError("on both sides of @ stand matrices")
            both = torch.promote_types(value.dtype, other.dtype)
            value = value.to(both) @ other.to(both)
        else:
            _check_size(value, other)
            value = value * other
    return value, tokens


def _factor(tokens, tensors):
    if not tokens:
        raise ValueError("an expression breaks off: a name or a number is missing at its end")
    (kind, word), tokens = tokens[0], tokens[1:]
    if kind == "name":
        value = tensors[word]
        if value.dtype not in (torch.float32, torch.float64):
            value = value.float() if value.is_floating_point() else value.double()
    elif kind == "number":
        value = float(word)
    elif word == "-":
        value, tokens = _factor(tokens, tensors)
        return -value, tokens
    elif word in FUNCTIONS or word == "(":
        value, tokens = _sum(tokens if word == "(" else tokens[1:], tensors)
        if not tokens or tokens[0][1] != ")":
            raise ValueError("a bracket is not closed")
        value, tokens = FUNCTIONS[word](torch.as_tensor(value)) if word in FUNCTIONS else value, tokens[1:]
    else:
        raise ValueError(f"{word!r} stands where a name or a number should")
    while tokens and (tokens[0][1] == ".T" or tokens[0][1].startswith("[")) and isinstance(value, Tensor):
        sign, tokens = tokens[0][1], tokens[1:]
        value = value[_place(sign)] if sign != ".T" else value.mT if value.ndim > 1 else value
    return value, tokens


def _place(sign):
    """The rows and columns that "[:, 3:]" means."""
    place = []
    for axis in sign[1:-1].split(","):
        ends = [part.strip() for part in axis.split(":")]
        if len(ends) > 2 or not all(re.fullmatch(r"-?\d+", end) or len(ends) == 2 and not end for end in ends):
            raise ValueError(f"{sign} is no place: rows and columns are [row], [from:to] or [:, from:to]")
        place.append(slice(*(int(end) if end else None for end in ends)) if len(ends) == 2 else int(ends[0]))
    return tuple(place)


def _check_size(value, other):
    """That two tensors, each repeated along the axes of the other, stay within the allowed memory."""
    shapes = [t.shape for t in (value, other) if isinstance(t, Tensor)]
    if len(shapes) == 2:
        fits("an expression", 8 * math.prod(torch.broadcast_shapes(*shapes)))
