"""What a condition calculates: + - * /, the length and words of a text, the least and greatest of numbers."""

import math
import operator
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

from thresher.where.columns import Kind
from thresher.where.comparisons import nearest
from thresher.where.parsing import checked
from thresher.where.tree import Call, Node, Signed
from thresher.where.values import Value, balanced, check_number, wrong

SPACES = (
    "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
"""What separates words: exactly what Python's `str.split()` splits at, with which DataComp counts words. Written out, because
engines differ in what their regular expressions call white space."""
COMPUTE: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv,
}  # fmt: skip
FUNCTIONS = {"length": 1, "words": 1, "least": 2, "greatest": 2}
"""Their fewest arguments; the first two take one."""


def arithmetic(node: Node, compute: str, left: Value, right: Value) -> Value:
    """The sum, difference, product or quotient of two numbers, as float64; a quotient by 0 is null.

    Raises:
        InputError: A part is no number, or a literal is 0 below a fraction.
    """
    import narwhals as nw

    for side in (left, right):
        check_number(side, node)
    if compute == "/" and right.is_literal and right.literal == 0:
        raise wrong(f"{node} divides by 0")
    if left.is_literal and right.is_literal:
        return _folded(node, compute, left.literal, right.literal)
    kinds = {side.kind for side in (left, right) if not side.is_literal}
    infinite = any(side.is_literal and isinstance(side.literal, float) for side in (left, right))
    work = left.work + right.work + 2
    one, other = left.as_float, right.as_float
    if compute == "/" and left.is_whole and right.is_whole:
        one, other = left.plain, right.plain  # Sail divides whole numbers only
    if compute == "/" and not right.is_literal:
        other, work = nw.when(other != 0).then(other), work + right.work
    # a sign leaves a float32 what it is; every other result is a float64
    width = right.bytes if isinstance(node, Signed) and kinds == {Kind.NUMBER} else 8
    may_be_nan = infinite or Kind.NUMBER in kinds
    return Value(
        node, Kind.NUMBER, COMPUTE[compute](one, other), bytes=width, may_be_nan=may_be_nan, work=work
    )


def _folded(node: Node, compute: str, left: Fraction | float, right: Fraction | float) -> Value:
    """A calculation of numbers alone, exactly."""
    found = COMPUTE[compute](left, right)
    if isinstance(found, float) and math.isnan(found):
        raise wrong(f"{node} is no number")
    if isinstance(found, float) and not math.isinf(found):
        found = Fraction(found)
    return Value(node, Kind.NUMBER, literal=found if isinstance(found, float) else checked(found, str(node)))


def called(node: Call, values: Sequence[Value]) -> Value:
    """The value of a function.

    Raises:
        InputError: There is no such function, or it takes other values.
    """
    if node.name not in FUNCTIONS:
        there = "length(text), words(text), least(a, b, ..) and greatest(a, b, ..)"
        raise wrong(f"there is no function {node.name}; there are {there}")
    is_text = FUNCTIONS[node.name] == 1
    if len(values) < FUNCTIONS[node.name] or (is_text and len(values) > 1):
        given = f"{len(values)} value{'s' if len(values) > 1 else ''}"
        raise wrong(f"{node.name} takes {'one text' if is_text else 'two numbers or more'}, not {given}")
    if all(one.is_literal for one in values):
        raise wrong(f"{node} names no column")
    return _of_text(node, values[0]) if is_text else _extreme(node, values)


def _of_text(node: Call, value: Value) -> Value:
    """Characters (code points) or words of a text."""
    import narwhals as nw

    if value.kind not in (Kind.TEXT, Kind.NOTHING):
        raise wrong(f"{node} cannot be computed: {value.node} is {value.kind}, not text")
    text = value.expression.cast(nw.String)
    if node.name == "words":  # every word becomes one letter, then what separates words goes
        text = text.str.replace_all(f"[^{SPACES}]+", "x").str.replace_all(f"[{SPACES}]+", "")
    return Value(node, Kind.WHOLE, text.str.len_chars().cast(nw.Int64), bytes=4, work=value.work + 3)


def _extreme(node: Call, values: Sequence[Value]) -> Value:
    """The least or greatest of numbers; null where one of them is."""
    import narwhals as nw

    for one in values:
        check_number(one, node)
    held = [one.clean for one in values if not one.is_literal]
    literals = [one.literal for one in values if one.is_literal]
    whole = all(one.is_whole for one in values)
    widths = {one.bytes if one.kind is Kind.NUMBER else 8 for one in held}
    width = widths.pop() if len(widths) == 1 else 8
    parts = [one.plain if whole else one.as_float for one in held]
    least = node.name == "least"
    if literals:
        edge = min(literals) if least else max(literals)
        parts.append(nw.lit(int(edge), nw.Int64) if whole else nw.lit(nearest(edge, width), nw.Float64))
    missing = balanced(operator.or_, [one.expression.is_null() for one in held])
    found = nw.min_horizontal(*parts) if least else nw.max_horizontal(*parts)
    work = 2 * sum(one.work for one in held) + len(values) + 1
    kind = Kind.WHOLE if whole else Kind.NUMBER
    return Value(node, kind, nw.when(~missing).then(found), bytes=width, work=work)
