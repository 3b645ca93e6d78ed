"""What one row of a file says, cell by cell, as a `Measurement`."""

import math
import re
from collections.abc import Mapping

from thresher.errors import InputError
from thresher.names import LONGEST_NAME, unseen, visible
from thresher.runs.measurement import COLUMNS, Measurement
from thresher.units import format_number, other_reading, parse_number

Cell = object
"""A cell as read: text from a CSV; text, a number, a date, a list or None from Parquet."""
NO_TEXT = (list, tuple, dict, bytes, bytearray)
"""Types of Parquet cells that are no names, although each could be printed."""

KINDS: Mapping[type, str] = {dict: "structure", bytes: "value of bytes", bytearray: "value of bytes"}
SHOWN = 40
"""Characters of a name that is too long, or of a cell, that a message shows."""
NUMBER_WORDS = {
    "samples": "a number of samples such as 12800000 or 12.8M",
    "error": "a number such as 0.412",
    "rank": "a whole number such as 1",
}

_PLUS = re.compile(r"(?<![\d.][eE])\+")
"""The sign between sizes, which is not that of an exponent such as 1e+9."""


def measurement_of(cells: Mapping[str, Cell], file: str, line: int) -> Measurement:
    """The measurement that a row of a file writes; ranges are not checked here.

    Args:
        cells: What each column of the row holds.
        file: The file, for messages.
        line: The row, for messages.

    Raises:
        InputError: A required cell is empty, or a cell is not the number it should be.
    """
    place = f"{file} row {line}"
    sizes = _pool_sizes(cells.get("unique_samples"), place)
    total = sum(sizes) if sizes else _required_number(cells, "unique_samples", place)
    return Measurement(
        pool=_required_text(cells, "pool", place),
        unique_samples=total,
        samples_seen=_required_number(cells, "samples_seen", place),
        metric=_required_text(cells, "metric", place),
        error=_required_number(cells, "error", place),
        run=_whole(_name(cells, "run", place)),
        model=_name(cells, "model", place),
        seed=_whole(_name(cells, "seed", place)),
        rank=_rank(cells.get("rank"), place),
        quality=_whole(_name(cells, "quality", place)),
        schedule=_name(cells, "schedule", place),
        exposure=_name(cells, "exposure", place),
        standard_error=_number(cells.get("standard_error"), "standard_error", place),
        weights=_weights(cells.get("weights"), place),
        pool_sizes=sizes if sizes and len(sizes) > 1 else None,
        subset_of=_name(cells, "subset_of", place),
        source=_text(cells.get("source"), "source", place),
        other={name: _kept(cell) for name, cell in cells.items() if name not in COLUMNS},
        file=file,
        line=line,
    )


def _is_empty(cell: Cell) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip())


def _required_text(cells: Mapping[str, Cell], column: str, place: str) -> str:
    text = _name(cells, column, place)
    if text is None:
        raise InputError(
            f"{place}: {column} is empty. Every row needs a {column}; fill it in or remove the row."
        )
    return text


def _required_number(cells: Mapping[str, Cell], column: str, place: str) -> float:
    number = _number(cells.get(column), column, place)
    if number is None:
        raise InputError(f"{place}: {column} is empty. Every row needs one; fill it in or remove the row.")
    return number


def _name(cells: Mapping[str, Cell], column: str, place: str) -> str | None:
    """The name in a cell; None if it is empty.

    Raises:
        InputError: It holds a character that cannot be seen, or is too long for a name.
    """
    text = _text(cells.get(column), column, place)
    if text is None:
        return None
    if (letter := unseen(text)) is not None:
        raise InputError(
            f"{place}: {column} {visible(text)[:SHOWN]!r} holds {letter}, a character that cannot be seen. Write the name "
            "without it."
        )
    parts = text.split("+") if column == "pool" else [text]
    longest = max(map(len, parts))
    if longest > LONGEST_NAME:
        raise InputError(
            f"{place}: {column} has a name of {longest:,} characters, and at most {LONGEST_NAME:,} are taken. It starts "
            f"{text[:SHOWN]!r}; is a quote missing?"
        )
    return text


def _text(cell: Cell, column: str, place: str) -> str | None:
    if isinstance(cell, NO_TEXT):
        raise InputError(
            f"{place}: {column} holds a {KINDS.get(type(cell), 'list')}, not text. Write one name in each cell."
        )
    if _is_empty(cell) or (isinstance(cell, float) and math.isnan(cell)):
        return None
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()


def _whole(text: str | None) -> str | None:
    """A label without the `.0` that pandas adds to a column of whole numbers with a gap: 1.0 is seed 1."""
    if text is None:
        return None
    number, point, zeros = text.partition(".")
    return number if point and zeros and not zeros.strip("0") and number.lstrip("-").isdigit() else text


def _number(cell: Cell, column: str, place: str) -> float | None:
    if _is_empty(cell):
        return None
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        return float(cell)
    text = str(cell).strip()
    value, samples, meant = _float(text), "samples" in column, other_reading(text)
    if value is not None and not (samples and meant):
        return value
    if value is not None:
        shown = (
            "has two readings" if value.is_integer() else f"is {text.rstrip('0')} samples, no whole number"
        )
        raise InputError(f"{place}: {column} {text} {shown}. {meant}")
    if samples and meant is None:
        try:
            return parse_number(text, column)
        except InputError:
            pass  # said below, with the row
    if "%" in text:
        meant = f"write a number such as 0.412. Percent is written as a fraction: {_percent(text)}."
    wanted = NUMBER_WORDS.get("samples" if samples else column, NUMBER_WORDS["error"])
    raise InputError(
        f"{place}: {column} {visible(text)[:SHOWN]!r} is not a number; {f'write {wanted}.' if meant is None else meant}"
    )


def _float(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _percent(text: str) -> str:
    """An example of percent as a fraction: the cell itself where it can be read."""
    value = _float(text.replace("%", "").replace(",", "."))
    return "63.2% is 0.632" if value is None else f"{text} is {format_number(value / 100, 12)}"


def _rank(cell: Cell, place: str) -> int | None:
    if _is_empty(cell) or (isinstance(cell, float) and math.isnan(cell)):
        return None
    rank = _number(cell, "rank", place)
    if rank is None or not (math.isfinite(rank) and rank.is_integer() and rank >= 1):
        raise InputError(
            f"{place}: rank {visible(str(cell))[:SHOWN]!r} is not a whole number from 1 (the best quality) up. "
            "Leave it empty for a pool without a place in the order."
        )
    return int(rank)


def _pool_sizes(cell: Cell, place: str) -> tuple[float, ...] | None:
    """The sizes that a joint run lists in the order of its pools, such as 1B+2B+inf; None for a single number."""
    if isinstance(cell, list | tuple):
        parts = ["" if _is_empty(part) else str(part) for part in cell]
    elif isinstance(cell, str) and len(_PLUS.split(cell.strip().removeprefix("+"))) > 1:
        parts = _PLUS.split(cell.strip())
    else:
        return None
    sizes = tuple(_number(part.strip(), "unique_samples", place) for part in parts)
    if None in sizes:
        raise InputError(
            f"{place}: unique_samples {str(cell)[:SHOWN]!r} has an empty part; list one size per pool, such as 1B+2B+inf."
        )
    return tuple(size for size in sizes if size is not None)


def _weights(cell: Cell, place: str) -> tuple[float, ...] | None:
    if _is_empty(cell):
        return None
    if isinstance(cell, list | tuple):
        parts = [str(part) for part in cell]
    elif isinstance(cell, int | float):
        if math.isnan(cell):
            return None
        parts = [repr(cell)]
    else:
        parts = str(cell).strip().strip("[]()").replace(";", ",").split(",")
    try:
        return tuple(float(part) for part in parts)
    except ValueError as error:
        raise InputError(
            f"{place}: weights {visible(str(cell))[:SHOWN]!r} are not numbers; write one per pool, such as 0.7,0.3."
        ) from error


def _kept(cell: Cell) -> str:
    return "" if cell is None else cell if isinstance(cell, str) else str(cell)
