"""Reading run tables: CSV and Parquet, told apart by what is in the file."""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from thresher.arguments import argument
from thresher.errors import FileFormatError, InputError
from thresher.files import check_readable
from thresher.names import listed, near, unguarded
from thresher.runs.cells import Cell, measurement_of
from thresher.runs.faults import refuse_faults
from thresher.runs.measurement import COLUMNS, REQUIRED_COLUMNS, Measurement
from thresher.runs.run_table import UNITS, RunTable
from thresher.where import Where

PARQUET_SUFFIXES = (".parquet", ".pq")
PARQUET_MAGIC = b"PAR1"
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
PEEK_BYTES = 1 << 16
OTHER_FILES: Mapping[bytes, str] = {
    b"PK\x03\x04": "an Excel workbook or another archive; save the sheet as CSV in UTF-8",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook; save the sheet as CSV in UTF-8",
    b"\x1f\x8b": "compressed; unpack it",
    b"ARROW1": "an Arrow file; write it as Parquet",
    b"{": "JSON; write it as CSV",
    b"[": "JSON; write it as CSV",
    b"<": "HTML or XML; save the table as CSV",
}
"""How files that are given in the place of run tables start."""
MOST_CELL = 10_000_000
"""Characters of one cell: a joint run names all of its pools."""
ANOTHER_SEPARATOR = {";": "semicolons", "\t": "tabs", "|": "bars"}


def read_runs(*paths: str | Path, where: str | Where | None = None, unit: str | None = None) -> RunTable:
    """One table of all rows of run tables, CSV or Parquet.

    Args:
        paths: The files; their rows are put together.
        where: A condition that a row must pass; rows that do not are not checked further.
        unit: `fraction` or `loss`, for metrics that end in neither `_error` nor `_loss`.

    Raises:
        FileFormatError: A file is neither CSV in UTF-8 nor Parquet, or lacks a required column.
        InputError: A file cannot be read, or a row cannot be right; the message names file, row and value.
    """
    if not paths:
        raise InputError("No run table was given. Give the path of one or more CSV or Parquet files.")
    if unit is not None and unit not in UNITS:
        raise InputError(f"{argument('unit')} is {unit!r}; it can be {' or '.join(UNITS)}.")
    rows = [row for path in paths for row in _rows_of_file(Path(path))]
    table = RunTable(tuple(rows), " and ".join(map(str, paths)), declared_unit=unit)
    return checked(table.where(where) if where is not None else table)


def read_csv_rows(stream: Iterable[str], file: str) -> Iterator[Measurement]:
    """The rows of a run table written as CSV.

    Args:
        stream: Its lines.
        file: What messages call it.

    Raises:
        FileFormatError: It is not a CSV with the required columns.
        InputError: A cell cannot be read.
    """
    reader = csv.reader(stream, strict=True)
    header: list[str] | None = None
    line = 0
    try:
        for cells in reader:
            line, end = line + 1, reader.line_num
            if header is None:
                if not any(cell.strip() for cell in cells):
                    continue
                header = [unguarded(name.strip()) for name in cells]
                _check_columns(header, file)
            elif any(cell.strip() for cell in cells):
                _check_width(cells, header, f"{file} row {line}")
                yield measurement_of(dict(zip(header, map(unguarded, cells), strict=True)), file, line)
            line = end
    except csv.Error as error:
        raise FileFormatError(f"{file} row {line + 1} is not CSV: {error}. Write it again as CSV.") from error
    if header is None:
        raise FileFormatError(
            f"{file} is empty. A run table starts with a header: {','.join(REQUIRED_COLUMNS)}."
        )


def checked(table: RunTable) -> RunTable:
    """`table` itself, when nothing in it has to be refused.

    Raises:
        InputError: It has no rows, or rows that cannot be right.
    """
    if not table.rows:
        raise InputError(f"{table.name} has a header but no rows. Add one row for each measured run.")
    refuse_faults(table)
    return table


def concatenate_runs(*tables: RunTable) -> RunTable:
    """One table with the rows of all, such as pilot runs and the joint runs they are compared with.

    Raises:
        InputError: Together they cannot be right, for example a pool of two sizes.
    """
    if not tables:
        raise InputError("No run tables were given to put together.")
    units = {table.declared_unit for table in tables if table.declared_unit is not None}
    if len(units) > 1:
        raise InputError(
            f"The run tables were read with different units. Read them with the same {argument('unit')}."
        )
    together = RunTable(
        tuple(row for table in tables for row in table.rows),
        " and ".join(table.name for table in tables),
        sum(table.dropped_rows for table in tables),
        units.pop() if units else None,
    )
    return checked(together)


def _rows_of_file(path: Path) -> list[Measurement]:
    check_readable(path, "a run table, CSV or Parquet")
    try:
        with path.open("rb") as stream:
            start = stream.read(PEEK_BYTES)
        if start.startswith(PARQUET_MAGIC):
            return _parquet_rows(path)
        _check_text(path, start)
        with path.open(encoding="utf-8-sig", newline="") as text:
            return _rows_of_text(text, path)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error


def _rows_of_text(text: IO[str], path: Path) -> list[Measurement]:
    most = csv.field_size_limit(MOST_CELL)
    try:
        return list(read_csv_rows(text, str(path)))
    except UnicodeDecodeError as error:
        raise FileFormatError(
            f"{path} is not UTF-8 text (byte 0x{error.object[error.start]:02x}). Save it as CSV in UTF-8."
        ) from error
    finally:
        csv.field_size_limit(most)


def _check_text(path: Path, start: bytes) -> None:
    if path.suffix.lower() in PARQUET_SUFFIXES:
        raise FileFormatError(
            f"{path} is not a Parquet file, whatever its name says. Write it again, or as CSV."
        )
    for mark, what in OTHER_FILES.items():
        if start.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(mark):
            raise FileFormatError(f"{path} is {what}.")
    if start.startswith(UTF16_MARKS):
        raise FileFormatError(f"{path} is text in UTF-16. Save it as CSV in UTF-8.")
    if any(byte < 9 for byte in start):
        raise FileFormatError(f"{path} is a binary file, neither CSV nor Parquet. Give a run table.")


def _parquet_rows(path: Path) -> list[Measurement]:
    import pyarrow
    import pyarrow.parquet

    try:
        file = pyarrow.parquet.ParquetFile(path)
        names = list(file.schema_arrow.names)
        _check_columns(names, str(path))
        table = file.read()
        table.validate(full=True)
        records: list[Mapping[str, Cell]] = table.to_pylist()
    except UnicodeDecodeError as error:
        raise FileFormatError(
            f"{path} is damaged: it holds bytes that are no UTF-8 text (0x{error.object[error.start]:02x}). Write it again."
        ) from error
    except (pyarrow.ArrowException, OSError, OverflowError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
        raise FileFormatError(f"{path} is not a whole Parquet file ({reason}). Write it again.") from error
    return [measurement_of(record, str(path), line) for line, record in enumerate(records, start=1)]


def _check_width(cells: Sequence[str], header: Sequence[str], place: str) -> None:
    if len(cells) != len(header):
        raise FileFormatError(
            f"{place} has {len(cells)} cells, but the header has {len(header)}. "
            "Put a value that holds a comma in double quotes."
        )


def _check_columns(header: Sequence[str], file: str) -> None:
    twice = sorted(name for name, count in Counter(header).items() if count > 1)
    if twice:
        raise FileFormatError(f"{file} has the column {twice[0]!r} more than once. Rename or remove one.")
    missing = [name for name in REQUIRED_COLUMNS if name not in header]
    if not missing:
        return
    separator = next((mark for mark in ANOTHER_SEPARATOR if mark in header[0]), None)
    if separator and (len(header) == 1 or missing == list(REQUIRED_COLUMNS)):
        raise FileFormatError(
            f"{file} separates its columns with {ANOTHER_SEPARATOR[separator]}; "
            "a run table is CSV with commas."
        )
    meant = [f"{found!r} for {name}" for name in missing if (found := _near(name, header))]
    hint = f" Perhaps rename {', '.join(meant)}." if meant else f" It has {listed(header)}."
    raise FileFormatError(
        f"{file} lacks the required column{'s' if len(missing) > 1 else ''} {', '.join(missing)}.{hint}"
    )


def _near(name: str, header: Sequence[str]) -> str | None:
    close = near(name, [column for column in header if column not in COLUMNS], cutoff=0.7)
    return close[0] if close else None
