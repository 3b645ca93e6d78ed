"""Writing run tables: CSV or Parquet, whole or not at all, so that reading gives the same rows back."""

from pathlib import Path

from thresher.files import written_whole
from thresher.names import guarded
from thresher.runs.measurement import COLUMNS, REQUIRED_COLUMNS, Measurement
from thresher.runs.reading import PARQUET_SUFFIXES
from thresher.runs.run_table import RunTable

NUMBER_COLUMNS = ("unique_samples", "samples_seen", "error", "standard_error")
EXACT_INTEGERS = 2.0**53
"""Floating-point numbers up to here are exact integers, and are written without a point."""


def write_runs(table: RunTable, path: str | Path) -> None:
    """Write the rows of `table`: Parquet when `path` ends in .parquet or .pq, else CSV.

    Columns that hold nothing are left out; unknown columns are written after the known ones.

    Raises:
        InputError: The path cannot be written.
    """
    target = Path(path)
    columns = tuple(dict.fromkeys((*REQUIRED_COLUMNS, *table.columns)))
    with written_whole(target) as temporary:
        if target.suffix.lower() in PARQUET_SUFFIXES:
            _write_parquet(table, columns, temporary)
        else:
            _write_csv(table, columns, temporary)


def _write_csv(table: RunTable, columns: tuple[str, ...], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        stream.write(",".join(_quoted(name) for name in columns) + "\n")
        stream.writelines(
            ",".join(_quoted(_text(row, name)) for name in columns) + "\n" for row in table.rows
        )


def _quoted(cell: str) -> str:
    text = guarded(cell)
    # The csv module leaves a carriage return bare when lines end in a newline only, and then cannot read it back.
    return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in ',"\r\n') else text


def _text(row: Measurement, column: str) -> str:
    if column == "unique_samples" and row.pool_sizes is not None:
        return "+".join(_size(size) for size in row.pool_sizes)
    value = row.value(column)
    if value is None:
        return ""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < EXACT_INTEGERS else repr(float(value))
    return str(value)


def _size(size: float) -> str:
    """One size of a list, in full: an exponent such as 1e+18 would hold the sign that separates sizes."""
    return str(int(size)) if size.is_integer() else repr(float(size))


def _cell(row: Measurement, column: str, sizes_are_text: bool) -> object:
    """What Parquet holds: numbers and lists as they are, but text for sizes where some row lists several."""
    if column == "unique_samples" and sizes_are_text:
        return _text(row, column)
    return getattr(row, column) if column in COLUMNS else row.other.get(column)


def _write_parquet(table: RunTable, columns: tuple[str, ...], path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    sizes_are_text = any(row.pool_sizes is not None for row in table.rows)
    types = {
        **dict.fromkeys(NUMBER_COLUMNS, pyarrow.float64()),
        **({"unique_samples": pyarrow.string()} if sizes_are_text else {}),
        "rank": pyarrow.int64(),
        "weights": pyarrow.list_(pyarrow.float64()),
    }
    arrays = {}
    for column in columns:
        values = [_cell(row, column, sizes_are_text) for row in table.rows]
        arrays[column] = pyarrow.array(values, type=types.get(column, pyarrow.string()))
    pyarrow.parquet.write_table(pyarrow.table(arrays), path)
