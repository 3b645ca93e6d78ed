"""What one row of a file says, cell by cell, as a `Measurement`."""

import math
import re
from collections.abc import Mapping

from thresher.errors import InputError
from thresher.runs.measurement import COLUMNS, Measurement
from thresher.units import parse_number

Cell = object
"""A cell as read: text from a CSV; text, a number, a list or None from Parquet."""

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
        run=_text(cells.get("run")),
        model=_text(cells.get("model")),
        seed=_whole(_text(cells.get("seed"))),
        rank=_rank(cells.get("rank"), place),
        quality=_text(cells.get("quality")),
        schedule=_text(cells.get("schedule")),
        exposure=_text(cells.get("exposure")),
        standard_error=_number(cells.get("standard_error"), "standard_error", place),
        weights=_weights(cells.get("weights"), place),
        pool_sizes=sizes if sizes and len(sizes) > 1 else None,
        subset_of=_text(cells.get("subset_of")),
        source=_text(cells.get("source")),
        other={name: _kept(cell) for name, cell in cells.items() if name not in COLUMNS},
        file=file,
        line=line,
    )


def _is_empty(cell: Cell) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip())


def _required_text(cells: Mapping[str, Cell], column: str, place: str) -> str:
    text = _text(cells.get(column))
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


def _text(cell: Cell) -> str | None:
    if _is_empty(cell) or (isinstance(cell, float) and math.isnan(cell)):
        return None
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()


def _whole(text: str | None) -> str | None:
    """A seed without the `.0` that pandas adds to a column of whole numbers with a gap: 1.0 is seed 1."""
    if text is None:
        return None
    number, point, zeros = text.partition(".")
    return number if point and zeros and not zeros.strip("0") and number.lstrip("-").isdigit() else text


def _number(cell: Cell, column: str, place: str) -> float | None:
    if _is_empty(cell):
        return None
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        return float(cell)
    try:
        return float(str(cell))
    except ValueError:
        kind = "samples" if "samples" in column else column
        wanted = NUMBER_WORDS.get(kind, NUMBER_WORDS["error"])
    if "samples" in column:
        try:
            return parse_number(str(cell), column)
        except InputError as error:
            raise InputError(f"{place}: {column} {cell!r} is not a number; write {wanted}.") from error
    hint = " Percent is written as a fraction: 63.2% is 0.632." if "%" in str(cell) else ""
    raise InputError(f"{place}: {column} {cell!r} is not a number; write {wanted}.{hint}")


def _rank(cell: Cell, place: str) -> int | None:
    if _is_empty(cell) or (isinstance(cell, float) and math.isnan(cell)):
        return None
    rank = _number(cell, "rank", place)
    if rank is None or not (math.isfinite(rank) and rank.is_integer() and rank >= 1):
        raise InputError(
            f"{place}: rank {cell!r} is not a whole number from 1 (the best quality) up. "
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
            f"{place}: unique_samples {cell!r} has an empty part; list one size per pool, such as 1B+2B+inf."
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
            f"{place}: weights {cell!r} are not numbers; write one per pool, such as 0.7,0.3."
        ) from error


def _kept(cell: Cell) -> str:
    return "" if cell is None else cell if isinstance(cell, str) else str(cell)
