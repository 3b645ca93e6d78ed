"""Comparisons of two values. A literal takes the type of the column beside it."""

import datetime
import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

from thresher.where.columns import Kind
from thresher.where.tree import Node
from thresher.where.values import COMPARE, Value, truth, wrong


def numbers_compared(node: Node, compare: str, left: Value, right: Value) -> Value:
    """Two numbers compared, of which the left one is no literal; null where one is missing."""
    if right.is_literal and left.kind is not Kind.NUMBER:
        return truth(node, _exactly(compare, left, right.literal), left.work + 1)
    if right.is_literal:
        clean = left.clean
        return truth(node, COMPARE[compare](clean.expression, nearest(right.literal, left.bytes)), clean.work)
    if left.kind is right.kind and left.kind is not Kind.NUMBER and left.digits == right.digits:
        return truth(node, COMPARE[compare](left.expression, right.expression), left.work + right.work)
    one, other = left.clean, right.clean
    return truth(node, COMPARE[compare](one.as_float, other.as_float), one.work + other.work)


def nearest(value: Fraction | float, width: int) -> float:
    """The number of a float type of `width` bytes that is nearest to a literal.

    A finite literal beyond the type's range stays what it is, so that `s < 1e30` does not become `s < inf`.
    """
    with np.errstate(over="ignore"):
        rounded = float(np.array(float(value), dtype=f"f{width}"))
    return float(value) if math.isinf(rounded) else rounded


def _exactly(compare: str, left: Value, value: Fraction | float) -> Any:  # noqa: ANN401 - a Narwhals expression
    """A whole or decimal column compared with a literal, exactly."""
    import narwhals as nw

    if isinstance(value, float):  # an infinity
        return left.always(COMPARE[compare](0.0, value))
    digits, limit = (0, 2**63) if left.kind is Kind.WHOLE else (left.digits[1], 10 ** left.digits[0])
    steps = value * 10**digits
    if steps.denominator != 1:
        if compare in ("=", "!="):
            return left.always(compare == "!=")
        # the column holds nothing between two steps
        low = compare in ("<", "<=")
        compare, steps = ("<=", Fraction(math.floor(steps))) if low else (">=", Fraction(math.ceil(steps)))
    if not -limit <= steps < limit:  # beyond everything that the column can hold
        return left.always(COMPARE[compare](0, steps))
    literal = int(steps) if left.kind is Kind.WHOLE else nw.lit(Decimal(f"{int(steps)}E-{digits}"))
    return COMPARE[compare](left.expression, literal)


def moment(literal: Value, column: Value) -> Value:
    """A text as the date or time that a column is compared with.

    Raises:
        InputError: It is none in ISO 8601, or states a time zone where the column does not.
    """
    text = str(literal.literal)
    date = column.kind is Kind.DATE
    found: Any
    try:
        found = datetime.date.fromisoformat(text) if date else datetime.datetime.fromisoformat(text)
    except ValueError as error:
        example = "2024-05-01" if date else "2024-05-01T12:00:00"
        raise wrong(
            f"{column.node} is {column.kind}, and {literal.node} is none; write it as {example}"
        ) from error
    if not date and column.zone and found.tzinfo is None:
        found = found.replace(tzinfo=datetime.UTC)
    if not date and not column.zone and found.tzinfo is not None:
        example = found.strftime("%Y-%m-%dT%H:%M:%S")
        raise wrong(
            f"{column.node} states no time zone, so {literal.node} must state none; write it as {example}"
        )
    return Value(literal.node, column.kind, literal=found, zone=column.zone)
