"""What the parts of stored files may be, for pydantic; imported only when such a file is read.

A stored file has one schema, in a module beside what it stores: `buckets_model.py` beside `buckets.py`. A new key of a file
is a new field of its schema; with a default, older files are still read.
"""

import math
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, Strict

MOST_SAMPLES = 10**18
LARGEST_SCORE = 1.8e308
"""Scores are 64-bit floats."""


class Stored(BaseModel):
    """Part of a stored file: no text is a number, no number is infinite, and an unknown key is a sign of damage."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


def _as_written(value: object) -> Any:  # noqa: ANN401 - an int stays an int
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("it must be a number")
    return value


Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(gt=0, le=1)]
"""A part of a whole, never nothing."""
Probability = Annotated[float, Field(ge=0, le=1)]
Samples = Annotated[float, Field(ge=1, le=MOST_SAMPLES)]
Count = Annotated[int, Field(ge=0, le=MOST_SAMPLES)]
Whole = Annotated[int, Field(ge=1, le=MOST_SAMPLES)]
Seed = Annotated[int, Field(ge=-(2**63), lt=2**63)]
Ordered = Annotated[int, Field(ge=0, le=2**64)]
"""A score as an unsigned integer; see `metadata/order.py`."""
Name = Annotated[str, Field(min_length=1)]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Interval = Annotated[tuple[float, float], Strict(strict=False)]


class SavedSet(Stored):
    """A file of ids that decided which rows were looked at."""

    path: Name
    sha256: Sha256


AsWritten = Annotated[float, PlainValidator(_as_written)]
"""A number whose digest must be the same when it is read again: 1 stays 1 and does not become 1.0."""


def all_different(names: list[str], what: str) -> None:
    """Refuse a list that names something twice.

    Raises:
        ValueError: It does.
    """
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"{what} {name!r} appears twice")
        seen.add(name)


def one_for_each(what: str, found: int, each: str, wanted: int) -> None:
    """Refuse lists that belong together and differ in length.

    Raises:
        ValueError: They do.
    """
    if found != wanted:
        raise ValueError(f"{what} has {found} entries for {wanted} {each}")


def in_order(what: str, interval: tuple[float, float] | None) -> None:
    """Refuse an interval that ends before it begins.

    Raises:
        ValueError: It does.
    """
    if interval is not None and interval[0] > interval[1]:
        raise ValueError(f"{what} goes from {interval[0]:g} down to {interval[1]:g}")
