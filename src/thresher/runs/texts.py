"""Text files that other programs wrote: byte order marks, broken encodings and endless lines end in one sentence."""

import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from thresher.errors import FileFormatError, InputError
from thresher.runs.passed import Passed

MOST_BYTES = 1 << 28
"""No log that is known comes near 256 MB; a larger file is data, and is not read into memory."""
PEEK = 1 << 16
LONGEST_LINE = 1 << 20
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
GZIP_MARK = b"\x1f\x8b"
SEPARATORS = (",", ";", "\t")
NO_NUMBERS = ("", "nan", "none", "null", "n/a", "na", "inf", "-inf", "+inf", "infinity", "-infinity", "-")
"""Cells that stand for a number that is not there, in lower case."""


def read_text(path: Path, most: int = MOST_BYTES) -> str:
    """The text of a file in UTF-8, without its byte order mark.

    Raises:
        FileFormatError: It cannot be read, is no text, is text in another encoding, or is too large for a log.
    """
    peek(path)
    try:
        size = path.stat().st_size
        if size > most:
            raise FileFormatError(f"{path} is too large for a log ({size:,} bytes). Leave it out.")
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileFormatError(
            f"{path} is not UTF-8 text (byte 0x{error.object[error.start]:02x}). Save it in UTF-8."
        ) from error
    except OSError as error:
        raise FileFormatError(f"{path} cannot be read: {error.strerror or error}.") from error


def peek(path: Path) -> str:
    """The first characters of a text file, without its byte order mark; enough to tell what it is.

    Raises:
        FileFormatError: It cannot be read, or is no text in UTF-8.
    """
    try:
        if not path.is_file():
            raise FileFormatError(f"{path} is not a regular file. Give a file.")
        with path.open("rb") as stream:
            start = stream.read(PEEK)
    except OSError as error:
        raise FileFormatError(f"{path} cannot be read: {error.strerror or error}.") from error
    if start.startswith(UTF16_MARKS):
        raise FileFormatError(f"{path} is text in UTF-16. Save it in UTF-8.")
    if start.startswith(GZIP_MARK):
        raise FileFormatError(f"{path} is compressed. Unpack it with gunzip first.")
    if b"\0" in start:
        raise FileFormatError(f"{path} is a binary file, not text. Leave it out.")
    try:
        return start.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if len(start) == PEEK and error.start > PEEK - 4:  # a character that the cut went through
            return start[: error.start].decode("utf-8-sig")
        raise FileFormatError(
            f"{path} is not UTF-8 text (byte 0x{start[error.start]:02x}). Save it in UTF-8."
        ) from error


def log_lines(path: Path) -> Iterator[str]:
    """The lines of a log of any size; bytes that are no text are replaced, and a line without an end is cut.

    Raises:
        FileFormatError: It cannot be read.
    """
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as stream:
            while line := stream.readline(LONGEST_LINE):
                yield line.rstrip("\n")
    except OSError as error:
        raise FileFormatError(f"{path} cannot be read: {error.strerror or error}.") from error


def number_of(value: object) -> float | None:
    """`value` as a finite number; None for everything else, also for text and booleans."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def cell_value(cell: str) -> object:
    """What a cell of a CSV holds: a finite number, None for one that holds none, or else its text."""
    plain = cell.strip()
    if plain.lower() in NO_NUMBERS:
        return None
    try:
        number = float(plain)
    except ValueError:
        return plain
    return number if math.isfinite(number) and "_" not in plain else plain


def has_comma(value: object) -> bool:
    """Whether a cell is a number with commas in it, such as 0,83 or 1,280,000: nobody knows what they separate."""
    return (
        isinstance(value, str)
        and "," in value
        and value.replace(",", "").replace(".", "").lstrip("+-").isdigit()
    )


@dataclass(frozen=True)
class Table:
    """A table as text.

    Attributes:
        path: The file.
        header: Names of its columns; one may stand there twice.
        rows: Row numbers as in a spreadsheet, and cells, as many as there are columns.
        passed: Rows that are not whole.
    """

    path: Path
    header: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]
    passed: tuple[Passed, ...] = ()

    def at(self, name: str) -> int:
        """Where the column `name` stands.

        Raises:
            InputError: It is not there, or there twice.
        """
        if self.header.count(name) != 1:
            what = "no column" if name not in self.header else "more than one column"
            raise InputError(f"{self.path} has {what} {name!r}. It has {listed(self.header)}.")
        return self.header.index(name)

    def place(self, number: int) -> str:
        """A row, for messages."""
        return f"{self.path} row {number}"


def header_of(path: Path) -> tuple[str, ...]:
    """The names of a table's columns, without reading its rows.

    Raises:
        FileFormatError: It is no text, or no CSV.
    """
    return _header(path, peek(path))[0]


def read_table(path: Path) -> Table:
    """A table from CSV, separated by commas, semicolons or tabs.

    A row may end in more separators than the header has. A row with too few cells is passed over: its writer was stopped.

    Raises:
        FileFormatError: It is no text, no CSV, or a row has more cells than the header.
    """
    text = read_text(path)
    header, separator = _header(path, text)
    rows, passed = [], []
    reader = csv.reader(StringIO(text, newline=""), delimiter=separator)
    try:
        next(reader, None)
        for number, cells in enumerate(reader, start=2):
            if not any(cell.strip() for cell in cells):
                continue
            while len(cells) > len(header) and not cells[-1].strip():
                cells.pop()
            if len(cells) > len(header):
                raise FileFormatError(
                    f"{path} row {number} has {len(cells)} cells, but the header has {len(header)}. Put a value that holds a "
                    "comma in double quotes."
                )
            if len(cells) < len(header):
                passed.append(Passed(f"{path} row {number}", "fewer cells than the header has", "row"))
                continue
            rows.append((number, tuple(cells)))
    except csv.Error as error:
        raise FileFormatError(f"{path} is not CSV ({error}). Export it again.") from error
    return Table(path, header, tuple(rows), tuple(passed))


def _header(path: Path, text: str) -> tuple[tuple[str, ...], str]:
    """The names of a table's columns, and what separates them: the sign that makes most cells of the header."""
    found = {}
    for separator in SEPARATORS:
        try:
            found[separator] = next(csv.reader(StringIO(text, newline=""), delimiter=separator), [])
        except csv.Error as error:
            raise FileFormatError(f"{path} is not CSV ({error}). Export it again.") from error
    best = max(SEPARATORS, key=lambda separator: len(found[separator]))
    header = [name.strip() for name in found[best]]
    while len(header) > 1 and not header[-1]:
        header.pop()  # a header that ends in a comma
    return tuple(header), best


def listed(names: Sequence[str], most: int = 8) -> str:
    """Some names, and how many more there are."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
