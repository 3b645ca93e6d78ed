"""The types that a condition tells apart, and the columns that a table offers it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import StrEnum
from typing import Any

from thresher.arguments import argument
from thresher.errors import InputError
from thresher.where.parsing import as_column

SHOWN = 8
MOST_COMPARED = 10_000
"""Names that a wrong one is compared with; more would take seconds."""
DECIMAL_DIGITS = 38


class Kind(StrEnum):
    """What a value is, in the words of messages."""

    WHOLE = "a whole number"
    NUMBER = "a number"
    DECIMAL = "a decimal number"
    TEXT = "text"
    TRUTH = "true or false"
    DATE = "a date"
    TIME = "a date with a time"
    NOTHING = "always null"
    OTHER = "of a type that cannot be compared"


NUMBERS = (Kind.WHOLE, Kind.NUMBER, Kind.DECIMAL)


@dataclass(frozen=True)
class ColumnType:
    """What a column holds.

    Attributes:
        kind: What a condition may do with it.
        bytes: Width of a whole number or a float.
        digits: Of a decimal number: how many in all, and how many after the point.
        zone: Whether a time states its time zone.
        native: What its file or engine calls it.
    """

    kind: Kind
    bytes: int = 8
    digits: tuple[int, int] = (DECIMAL_DIGITS, 0)
    zone: bool = False
    native: str = field(default="", compare=False)


@dataclass(frozen=True)
class Columns:
    """The columns of one table, as far as a condition may name them.

    Attributes:
        place: What messages call the table.
        types: Of the columns that the condition may mean.
        names: Of all columns, for hints.
        refused: Columns that no condition can read, each with the reason and the remedy.
    """

    place: str
    types: Mapping[str, ColumnType]
    names: Sequence[str]
    refused: Mapping[str, str] = field(default_factory=dict)

    def __contains__(self, name: object) -> bool:
        return name in self.types or name in self.refused

    def beside(self, other: "Columns", twice: str | None = None) -> "Columns":
        """These columns and those of a second table that is joined to this one; of two of a name, this table's.

        Args:
            other: The second table.
            twice: A column that either table may be meant by, if both have it.
        """
        types = {**other.types, **self.types}
        refused = {**{name: why for name, why in other.refused.items() if name not in types}, **self.refused}
        if twice is not None and twice in self.types and twice in other.types:
            refused[twice] = (
                f"{self.place} and {other.place} both have a column {twice!r}, which {argument('where')} names; rename one of "
                "them"
            )
        names = list(dict.fromkeys([*self.names, *other.names]))
        return Columns(f"{self.place} with {other.place}", types, names, refused)

    def of(self, name: str) -> ColumnType:
        """The type of a column.

        Raises:
            InputError: There is no such column, or no condition can read it; the message names those that are near.
        """
        if name in self.refused:
            raise InputError(f"{self.refused[name]}.")
        if name not in self.types:
            raise InputError(
                f"{self.place} has no column {name!r}, which {argument('where')} names; {stopped(self.near(name))}"
            )
        return self.types[name]

    def near(self, name: str) -> str:
        """A hint at what a wrong name may mean, without a full stop."""
        pieces = name.split("-")
        if len(pieces) > 1 and all(piece in self.names or piece.isdecimal() for piece in pieces):
            return f"to subtract, write spaces around the sign: {' - '.join(pieces)}"
        close = get_close_matches(name, self.names[:MOST_COMPARED], n=3)
        starts = [one for one in self.names if name and one.lower().startswith(name.lower())]
        found = list(dict.fromkeys([*close, *starts]))[:3]
        if found:
            return f"did you mean {' or '.join(map(as_column, found))}?"
        more = f" and {len(self.names) - SHOWN:,} more" if len(self.names) > SHOWN else ""
        return f"it has {', '.join(map(as_column, self.names[:SHOWN])) or 'none'}{more}"


def stopped(sentence: str) -> str:
    """A sentence with its full stop, unless it asks."""
    return sentence if sentence.endswith("?") else sentence + "."


def of_arrow(schema: Iterable[Any], names: Iterable[str], place: str, all_names: Sequence[str]) -> Columns:
    """The columns of an Arrow schema that a condition may name.

    Args:
        schema: Arrow fields.
        names: What the condition may name.
        place: What messages call the table.
        all_names: Every column of the table, for hints.
    """
    wanted = set(names)
    types = {field.name: arrow_type(field.type) for field in schema if field.name in wanted}
    return Columns(place, types, all_names)


def of_files(schemas: Iterable[tuple[str, Any]], names: Iterable[str], place: str) -> Columns:
    """The columns of files that are one table: their types are joined.

    Args:
        schemas: Each file's path and Arrow schema.
        names: What the condition may name.
        place: What messages call the table.
    """
    wanted = list(names)
    all_names: list[str] = []
    found: dict[str, dict[str, ColumnType | None]] = {name: {} for name in wanted}
    for path, schema in schemas:
        all_names = all_names or list(schema.names)
        for name in wanted:
            there = schema.get_field_index(name) >= 0
            found[name][path] = arrow_type(schema.field(name).type) if there else None
    types, refused = {}, {}
    for name, by_file in found.items():
        having = {path: one for path, one in by_file.items() if one is not None}
        if not having:
            continue
        lacking = next((path for path, one in by_file.items() if one is None), None)
        if lacking is not None:
            refused[name] = (
                f"{lacking} has no column {name!r}, which other files have and {argument('where')} names; leave that file out"
            )
            continue
        types[name] = next(iter(having.values()))
        for path, one in having.items():
            together = joined(types[name], one)
            if together.kind is Kind.OTHER and one != types[name]:
                refused[name] = (
                    f"{argument('where')}: column {name!r} is {one.native} in {path}, and {types[name].native} in other files; "
                    "write all files with one type"
                )
                break
            types[name] = together
    return Columns(place, types, all_names, refused)


def joined(one: ColumnType, other: ColumnType) -> ColumnType:
    """The type that holds the columns of two files; OTHER where there is none."""
    if one.kind is Kind.NOTHING or other.kind is Kind.NOTHING:
        return other if one.kind is Kind.NOTHING else one
    kinds = {one.kind, other.kind}
    native = one.native if one.native == other.native else f"{one.native} and {other.native}"
    if len(kinds) == 1 and one.zone == other.zone:
        whole = max(a[0] - a[1] for a in (one.digits, other.digits))
        after = max(one.digits[1], other.digits[1])
        return ColumnType(
            one.kind,
            max(one.bytes, other.bytes),
            (min(whole + after, DECIMAL_DIGITS), after),
            one.zone,
            native,
        )
    if kinds == {Kind.WHOLE, Kind.NUMBER}:
        return ColumnType(Kind.NUMBER, 8, native=native)
    decimal = one if one.kind is Kind.DECIMAL else other
    if kinds == {Kind.WHOLE, Kind.DECIMAL} and not decimal.digits[1]:
        return ColumnType(Kind.DECIMAL, digits=decimal.digits, native=native)
    return ColumnType(Kind.OTHER, native=native)


def arrow_type(found: Any) -> ColumnType:  # noqa: ANN401 - an Arrow type
    """What an Arrow type is to a condition; a dictionary is what it lists, and whole numbers beyond int64 are decimals."""
    from pyarrow import types as pa

    native = str(found)
    if pa.is_dictionary(found):
        return arrow_type(found.value_type)
    if pa.is_uint64(found):
        return ColumnType(Kind.DECIMAL, digits=(20, 0), native=native)
    if pa.is_integer(found) or pa.is_floating(found):
        kind = Kind.WHOLE if pa.is_integer(found) else Kind.NUMBER
        return ColumnType(kind, found.bit_width // 8, native=native)
    if pa.is_decimal(found):
        if found.precision > DECIMAL_DIGITS or found.scale < 0:
            return ColumnType(Kind.OTHER, native=native)
        return ColumnType(Kind.DECIMAL, digits=(found.precision, found.scale), native=native)
    checks = {
        Kind.TEXT: (pa.is_string, pa.is_large_string, getattr(pa, "is_string_view", pa.is_string)),
        Kind.TRUTH: (pa.is_boolean,),
        Kind.DATE: (pa.is_date32,),
        Kind.TIME: (pa.is_timestamp,),
        Kind.NOTHING: (pa.is_null,),
    }
    kind = next((kind for kind, tests in checks.items() if any(test(found) for test in tests)), Kind.OTHER)
    return ColumnType(kind, zone=kind is Kind.TIME and found.tz is not None, native=native)
