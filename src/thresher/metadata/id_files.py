"""Files of ids, read block by block: `.npy` of DataComp's uid pairs, text with one id a line, or Parquet."""

import codecs
import gzip
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from thresher.arguments import argument
from thresher.errors import FileFormatError, InputError
from thresher.metadata.ids import HEX, SHOWN_CHARACTERS, UUID, IdKind, is_binary_uuid, kind_of, read_keys
from thresher.metadata.keys import Keys, PairKeys
from thresher.metadata.parquet import list_files, open_parquet
from thresher.metadata.types import ArrowArray, ArrowType

BLOCK_ROWS = 1 << 17
BLOCK_BYTES = 1 << 22
LONGEST_LINE = 1 << 16
"""Bytes; a file without a line break in so many is no list of ids."""
INTEGER = re.compile(r"-?\d{1,19}")
ACCEPTED = ".npy (DataComp's uids), .txt or .txt.gz (one id per line), .parquet, or a folder of Parquet files"
KIND_NAMES = {
    IdKind.HEX: "32 hex digits", IdKind.UUID: "UUIDs with dashes", IdKind.INTEGER: "integers", IdKind.TEXT: "other text",
}  # fmt: skip


def list_id_files(path: Path) -> list[str]:
    """The files of a set: the file itself, or every Parquet file of a folder.

    Raises:
        InputError: There is no such file, or it is of no format that holds ids.
    """
    if not path.exists():
        raise InputError(f"{path}: no such file. Give a file of ids: {ACCEPTED}.")
    if path.is_dir():
        return list_files([path])
    if not path.is_file():
        raise InputError(f"{path} is a device or a pipe; write the ids to a file: {ACCEPTED}.")
    if not path.name.lower().endswith((".npy", ".txt", ".txt.gz", ".parquet")):
        raise InputError(f"{path} is not a file of ids that can be read: {ACCEPTED}.")
    return [str(path)]


def id_blocks(path: str, kind: IdKind, id_column: str) -> Iterator[Keys]:
    """The ids of one file, in its order, a block at a time.

    Args:
        path: As `list_id_files` gave it.
        kind: Of the table's ids; the file's must be the same.
        id_column: Column of a Parquet file; its only column will do as well.

    Raises:
        InputError: The ids are of another kind, or the file cannot be read.
        FileFormatError: The file is damaged.
    """
    lower = path.lower()
    try:
        if lower.endswith(".npy"):
            yield from _npy_blocks(Path(path), kind)
        elif lower.endswith((".txt", ".txt.gz")):
            yield from _text_blocks(Path(path), kind)
        else:
            yield from _parquet_blocks(path, kind, id_column)
    except OSError as error:  # of gzip's too: a damaged file is one
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (EOFError, zlib.error) as error:
        raise FileFormatError(
            f"{path} is not whole gzip ({error}). Fetch or write this file again."
        ) from error


def _npy_blocks(path: Path, kind: IdKind) -> Iterator[Keys]:
    with path.open("rb") as file:
        dtype, rows = _npy_header(file, path)
        if kind is not IdKind.HEX:
            raise _other_kind(str(path), IdKind.HEX, kind)
        for first in range(0, rows, BLOCK_ROWS):
            pairs = np.fromfile(file, dtype, min(BLOCK_ROWS, rows - first))
            high, low = (np.ascontiguousarray(pairs[name], dtype=np.uint64) for name in dtype.names or ())
            yield PairKeys(high, low)


def _npy_header(file: BinaryIO, path: Path) -> tuple[np.dtype[Any], int]:
    """The type and rows that the header tells, checked against the file's length."""
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    try:
        shape, _, dtype = readers[np.lib.format.read_magic(file)](file)
    except Exception as error:  # numpy's parser of headers raises errors of many types
        raise FileFormatError(f"{path} is not a whole .npy file. Fetch or write this file again.") from error
    fields = [dtype[name] for name in dtype.names or ()]
    if (
        [(one.kind, one.itemsize) for one in fields] != [("u", 8)] * 2
        or dtype.itemsize != 16
        or len(shape) != 1
    ):
        raise InputError(
            f"{path} holds {dtype} of shape {shape}, not DataComp's pairs (u8,u8). Give other ids as .txt or .parquet."
        )
    there = path.stat().st_size - file.tell()
    if there != 16 * shape[0]:
        raise FileFormatError(
            f"{path} should hold {shape[0]:,} ids, but has {there:,} bytes for them instead of {16 * shape[0]:,}. "
            "Fetch or write this file again."
        )
    return dtype, int(shape[0])


def _text_blocks(path: Path, kind: IdKind) -> Iterator[Keys]:
    checked = False
    for lines in _lines(path):
        if not checked:
            _check_texts(str(path), lines, kind)
            checked = True
        with _of(str(path)):
            yield _text_keys(lines, kind, path)


def _lines(path: Path) -> Iterator[list[bytes]]:
    """Lines in blocks; blank ones may stand at the end only.

    Raises:
        InputError: A blank line among the ids.
        FileFormatError: The file is not text.
    """
    rest, done, blank = b"", 0, None
    with gzip.open(path, "rb") if path.name.lower().endswith(".gz") else path.open("rb") as file:
        while True:
            piece = file.read(BLOCK_BYTES)
            whole = rest + piece
            if not done and not rest:
                whole = whole.removeprefix(codecs.BOM_UTF8)
            end = whole.rfind(b"\n") + 1 if piece else len(whole)
            whole, rest = whole[:end], whole[end:]
            if b"\0" in whole or len(rest) > LONGEST_LINE:
                raise FileFormatError(f"{path} is not text with one id per line. Give {ACCEPTED}.")
            text = whole.removesuffix(b"\n").replace(b"\r\n", b"\n").removesuffix(b"\r")
            if b"\r" in text:
                raise InputError(f"{path} has a carriage return within a line. Write one id per line.")
            lines = text.split(b"\n") if whole else []
            first_blank = next((row for row, line in enumerate(lines) if not line.strip()), None)
            if first_blank is not None and blank is None:
                blank = done + first_blank + 1
            if blank is not None and any(line.strip() for line in lines[max(0, blank - done) :]):
                raise InputError(
                    f"{path} line {blank} is blank, with ids after it. Remove the line, or write the missing id."
                )
            done += len(lines)
            if lines[:first_blank]:
                yield lines[:first_blank]
            if not piece:
                return


def _text_keys(lines: list[bytes], kind: IdKind, path: Path) -> Keys:
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        texts = pa.array(lines, pa.binary()).cast(pa.string())
    except pa.ArrowException as error:
        raise FileFormatError(f"{path} is not UTF-8 text with one id per line. Give {ACCEPTED}.") from error
    if kind is not IdKind.INTEGER:
        return read_keys(texts, kind)
    try:
        numbers = texts.cast(pa.int64())
        if pc.all(pc.equal(numbers.cast(pa.string()), texts)).as_py():  # else 007 or 0x1f, read as another id
            return read_keys(numbers, kind)
    except pa.ArrowException:
        pass
    wrong = next((one for one in texts.to_pylist() if not _is_integer(one)), "")
    raise InputError(f"the id {wrong[:SHOWN_CHARACTERS]!r} is not a 64-bit integer, as the table's ids are.")


def _is_integer(text: str) -> bool:
    return INTEGER.fullmatch(text) is not None and str(int(text)) == text and -(2**63) <= int(text) < 2**63


def _parquet_blocks(path: str, kind: IdKind, id_column: str) -> Iterator[Keys]:
    with open_parquet(path) as parquet:
        schema = parquet.schema_arrow
        names = schema.names
        if id_column not in names and len(names) != 1:
            raise InputError(
                f"{path} has no column {id_column!r}; it has {', '.join(names[:8]) or 'none'}. Give a file with that "
                f"column, or with one column alone, or name the column with {argument('id_column')}."
            )
        column = id_column if id_column in names else names[0]
        if names.count(column) > 1:
            raise InputError(f"{path} has {names.count(column)} columns {column!r}; leave one of them.")
        _check_type(path, column, schema.field(column).type, kind)
        checked = False
        for batch in parquet.iter_batches(BLOCK_ROWS, columns=[column], use_threads=False):
            ids = _plain(batch.column(0))
            if not len(ids):
                continue
            if ids.null_count:
                raise InputError(
                    f"{path}: column {column!r} holds a null, which is no id. Leave it out of the file."
                )
            with _of(path):
                if not checked and kind is not IdKind.INTEGER and not is_binary_uuid(ids.type):
                    _check_texts(path, [one.encode() for one in ids.to_pylist()], kind)
                checked = True
                keys = read_keys(ids, kind)
            yield keys


def _plain(ids: ArrowArray) -> ArrowArray:
    import pyarrow as pa

    return ids.dictionary_decode() if pa.types.is_dictionary(ids.type) else ids


def _check_type(path: str, column: str, arrow_type: ArrowType, kind: IdKind) -> None:
    """Refuse a column whose very type says that its ids are of another kind."""
    import pyarrow as pa

    plain = arrow_type.value_type if pa.types.is_dictionary(arrow_type) else arrow_type
    try:
        found = kind_of(plain, None)
    except InputError as error:
        raise InputError(f"{path}: column {column!r} cannot hold ids: {error}") from error
    texts = found is IdKind.TEXT and kind is not IdKind.INTEGER
    if not texts and found is not kind:
        raise _other_kind(path, found, kind)


def _check_texts(path: str, lines: list[bytes], kind: IdKind) -> None:
    """Refuse texts that are ids of another kind than the table's.

    The first id of a table decides between hex, UUID and text, so among texts one may look like the others.
    """
    shown = lines if kind is IdKind.TEXT else lines[:1]
    texts = [line.decode(errors="replace") for line in shown]
    found = next(
        (k for k, p in ((IdKind.HEX, HEX), (IdKind.UUID, UUID)) if all(map(p.fullmatch, texts))), IdKind.TEXT
    )
    if found is IdKind.TEXT and kind is IdKind.INTEGER and INTEGER.fullmatch(texts[0]):
        found = IdKind.INTEGER
    if found is not kind:
        raise _other_kind(path, found, kind, texts[0])


def _other_kind(path: str, found: IdKind, kind: IdKind, example: str = "") -> InputError:
    shown = f" (for example {example[:SHOWN_CHARACTERS]!r})" if example else ""
    return InputError(
        f"{path} holds ids that are {KIND_NAMES[found]}{shown}, but the table's are {KIND_NAMES[kind]}; give a file of the same "
        f"ids, or choose another column with {argument('id_column')}."
    )


@contextmanager
def _of(path: str) -> Iterator[None]:
    """Say in which file an id is wrong."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise FileFormatError(f"{path} holds an id that is not UTF-8 text. Write this file again.") from error
    except InputError as error:
        if isinstance(error, FileFormatError) or str(error).startswith(path):
            raise
        raise InputError(f"{path}: {error}") from error
