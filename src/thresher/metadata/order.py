"""Scores as unsigned integers in the same order, so that ranks are exact and a missing score ranks last."""

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from thresher.errors import InputError
from thresher.metadata.types import Array, ArrowArray, ArrowType, plain, plain_type

Ordered: TypeAlias = np.ndarray[Any, np.dtype[Any]]

MISSING = 0
"""The ordered value of a missing score, null or NaN; no number has it."""


def to_ordered(scores: np.ndarray[Any, Any]) -> Ordered:
    """Scores as unsigned integers of their own width, in the order of the scores; missing ones are 0.

    The bits of an IEEE number, read as an integer, are in order once negative ones are turned over.

    Args:
        scores: float32 or float64, NaN for missing; one axis.

    >>> to_ordered(np.array([-1.0, 0.0, -0.0, 1.0, np.nan], dtype=np.float32)).argsort(kind="stable")
    array([4, 0, 1, 2, 3])
    """
    width = scores.dtype.itemsize
    unsigned = np.dtype(f"u{width}").type
    bits = (scores + scores.dtype.type(0)).view(f"i{width}")  # adding 0 makes one zero of -0.0 and 0.0
    flip = bits >> (8 * width - 1)
    ordered = flip.view(unsigned)
    ordered |= unsigned(1 << (8 * width - 1))
    ordered ^= bits.view(unsigned)
    missing = np.isnan(scores)
    if missing.any():
        ordered[missing] = MISSING
    return ordered


def from_ordered(value: int, width: int) -> float:
    """The score of an ordered value of `width` bytes; NaN for a missing one.

    >>> from_ordered(int(to_ordered(np.array([0.25]))[0]), 8)
    0.25
    """
    if value == MISSING:
        return math.nan
    top = 1 << (8 * width - 1)
    bits = value ^ top if value & top else ~value & ((1 << 8 * width) - 1)
    return float(np.array(bits, dtype=f"u{width}").view(f"f{width}"))


def ordered_of(score: float, width: int) -> int:
    """The ordered value of one score, rounded to `width` bytes first, as the column's own numbers are."""
    with np.errstate(over="ignore"):
        return int(to_ordered(np.array([score], dtype=f"f{width}"))[0])


def score_values(column: ArrowArray, width: int) -> Array:
    """An Arrow column of numbers as float32 or float64, NaN where missing.

    Raises:
        InputError: An integer too large to be a float exactly.
    """
    import pyarrow as pa

    column = plain(column)
    target = pa.float32() if width == 4 else pa.float64()
    if column.type != target:
        try:
            column = column.cast(target, safe=pa.types.is_integer(column.type))
        except pa.ArrowInvalid as error:
            raise InputError("an integer score is beyond 2^53, where ranks are no longer exact.") from error
    return column_values(column, np.dtype(f"f{width}"))


def column_values(column: ArrowArray, dtype: np.dtype[Any]) -> Array:
    """A column of fixed-width numbers as numpy sees its memory; null floats are NaN.

    Arrow's own `to_numpy` imports pandas where it is installed, which costs more than reading a million rows.
    """
    if not len(column):
        return np.zeros(0, dtype)
    if column.null_count == len(column):  # there may be no buffer of values at all
        return np.full(len(column), np.nan, dtype)
    values = np.frombuffer(column.buffers()[1], dtype=dtype)[column.offset : column.offset + len(column)]
    if column.null_count:
        valid = np.unpackbits(np.frombuffer(column.buffers()[0], dtype=np.uint8), bitorder="little")
        values = values.copy()
        values[valid[column.offset : column.offset + len(column)] == 0] = np.nan
    return values


def score_type_of(arrow_type: ArrowType) -> str:
    """The type of a score column, to which a threshold is rounded: `f2`, `f4` or `f8`, or `i` for whole numbers."""
    import pyarrow as pa

    if pa.types.is_integer(arrow_type):
        return "i"
    return f"f{arrow_type.bit_width // 8}" if pa.types.is_floating(arrow_type) else "f8"


def common_type(types: Sequence[str]) -> str:
    """The type that holds the scores of all files.

    >>> common_type(["f2", "f4"]), common_type(["i", "i"]), common_type(["i", "f4"])
    ('f4', 'i', 'f8')
    """
    found = set(types)
    return max(found) if len(found) == 1 or (found and "i" not in found) else "f8"


def rounded_threshold(threshold: float, score_type: str) -> float:
    """A threshold as a score column of this type holds it; of whole numbers the least that reaches it.

    >>> rounded_threshold(0.1, "f2"), rounded_threshold(0.1, "i")
    (0.0999755859375, 1.0)
    """
    if not math.isfinite(threshold):
        return threshold
    if score_type == "i":
        return float(math.ceil(threshold))
    with np.errstate(over="ignore"):
        rounded = float(np.array(threshold, dtype=score_type))
    return rounded if math.isfinite(rounded) else threshold


def score_width(arrow_type: ArrowType) -> int | None:
    """Bytes of the float that holds a column of this Arrow type exactly; None if it is not numeric.

    The null type, which some writers give to a column without any value, is that of missing scores.
    """
    import pyarrow as pa

    arrow_type = plain_type(arrow_type)
    if pa.types.is_null(arrow_type):
        return 4
    small = (pa.types.is_float16, pa.types.is_float32, pa.types.is_int8, pa.types.is_int16, pa.types.is_uint8,
             pa.types.is_uint16)  # fmt: skip
    if any(check(arrow_type) for check in small):
        return 4
    if pa.types.is_floating(arrow_type) or pa.types.is_integer(arrow_type) or pa.types.is_decimal(arrow_type):
        return 8
    return None
