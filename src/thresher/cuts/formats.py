"""Subset files: `.npy` of uid pairs as DataComp reads them, Parquet, or text with one id a line."""

import hashlib
import io
from abc import ABC, abstractmethod
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

import numpy as np

from thresher.arguments import argument
from thresher.errors import InputError
from thresher.metadata.ids import IdKind, hex_digits, written_ids
from thresher.metadata.keys import Keys, PairKeys

UID_TYPE = np.dtype("u8,u8")
"""DataComp's: the two halves of the 32-digit hex uid, fields f0 and f1."""
HASH_BYTES = 1 << 22
ROW_GROUP_ROWS = 1 << 20


class SubsetFormat(StrEnum):
    """How a subset is written; the file's suffix says it."""

    NPY = ".npy"
    PARQUET = ".parquet"
    TEXT = ".txt"

    @property
    def appends(self) -> bool:
        """Whether a file cut off at a row can be written on."""
        return self is not SubsetFormat.PARQUET

    def bytes_per_row(self, kind: IdKind) -> int:
        """About how large a row is on disk."""
        text = {IdKind.HEX: 33, IdKind.UUID: 37, IdKind.INTEGER: 12, IdKind.TEXT: 40}[kind]
        return UID_TYPE.itemsize if self is SubsetFormat.NPY else text


def format_of(path: Path, kind: IdKind) -> SubsetFormat:
    """The format that the suffix of `path` names.

    Raises:
        InputError: An unknown suffix, or `.npy` for ids that are not 32-digit hex.
    """
    suffix = path.suffix.lower()
    if suffix not in set(SubsetFormat):
        raise InputError(
            f"{path}: the suffix must be .npy (DataComp's uids), .parquet or .txt (one id a line)."
        )
    chosen = SubsetFormat(suffix)
    if chosen is SubsetFormat.NPY and kind is not IdKind.HEX:
        raise InputError(
            f"{path}: .npy holds ids of 32 lower-case hex digits, but these are {_described(kind)}; "
            f"write .parquet or .txt, or choose another column with {argument('id_column')}."
        )
    return chosen


def _described(kind: IdKind) -> str:
    return {IdKind.UUID: "UUIDs with dashes", IdKind.INTEGER: "integers"}.get(kind, "other text")


class SubsetWriter(ABC):
    """Writes ids in ascending order to a file and hashes what it writes."""

    @abstractmethod
    def write(self, keys: Keys) -> None:
        """Append ids, repeats already repeated."""

    @abstractmethod
    def flush(self) -> int:
        """Make sure that everything so far is in the file; its bytes."""

    @abstractmethod
    def close(self) -> str:
        """Finish the file; its sha256."""

    @abstractmethod
    def release(self) -> None:
        """Let go of the file, finished or not."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


class _StreamWriter(SubsetWriter):
    """`.npy` and text: bytes are appended, so a killed command can go on at a recorded length."""

    def __init__(self, path: Path, chosen: SubsetFormat, kind: IdKind, rows: int, size: int | None) -> None:
        self.chosen, self.kind = chosen, kind
        self.sha = hashlib.sha256()
        if size is None:
            self.file = path.open("wb")
            if chosen is SubsetFormat.NPY:
                self._put(npy_header(rows))
            return
        with path.open("r+b") as cut_off:
            cut_off.truncate(size)
        with path.open("rb") as written:
            while piece := written.read(HASH_BYTES):
                self.sha.update(piece)
        self.file = path.open("ab")

    def write(self, keys: Keys) -> None:
        """Append ids."""
        self._put(npy_rows(keys) if self.chosen is SubsetFormat.NPY else text_rows(keys, self.kind))

    def flush(self) -> int:
        """Everything so far is in the file; its bytes."""
        self.file.flush()
        return self.file.tell()

    def close(self) -> str:
        """Finish the file; its sha256."""
        self.file.close()
        return self.sha.hexdigest()

    def release(self) -> None:
        """Let go of the file, finished or not."""
        self.file.close()

    def _put(self, data: bytes | memoryview) -> None:
        self.sha.update(data)
        self.file.write(data)


class _ParquetWriter(SubsetWriter):
    def __init__(self, path: Path, kind: IdKind, column: str) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self.path, self.kind = path, kind
        self.schema = pa.schema(
            [pa.field(column, pa.int64() if kind is IdKind.INTEGER else pa.string(), nullable=False)]
        )
        self.writer = pq.ParquetWriter(path, self.schema, compression="zstd", use_dictionary=False)
        self.waiting: list[Any] = []
        self.rows = 0

    def write(self, keys: Keys) -> None:
        """Append ids; row groups are of one size, whatever the blocks, so that bytes do not depend on memory."""
        ids = written_ids(keys, self.kind).cast(self.schema.field(0).type)
        self.waiting.append(ids)
        self.rows += len(ids)
        while self.rows >= ROW_GROUP_ROWS:
            self._group(ROW_GROUP_ROWS)

    def _group(self, rows: int) -> None:
        import pyarrow as pa

        held = pa.concat_arrays(self.waiting)
        self.writer.write_table(pa.table([held.slice(0, rows)], schema=self.schema), row_group_size=rows)
        self.waiting, self.rows = [held.slice(rows)], self.rows - rows

    def flush(self) -> int:
        """Parquet cannot go on after a kill; nothing to do."""
        return 0

    def close(self) -> str:
        """Finish the file; its sha256."""
        if self.rows:
            self._group(self.rows)
        self.writer.close()
        return file_sha256(self.path)

    def release(self) -> None:
        """Let go of the file, finished or not."""
        self.writer.close()


def subset_writer(
    path: Path, chosen: SubsetFormat, kind: IdKind, column: str, rows: int, size: int | None = None
) -> SubsetWriter:
    """A writer for a new file, or for one that was cut off.

    Args:
        path: Where to write.
        chosen: The format.
        kind: What the ids are.
        column: Name of the id column, for Parquet.
        rows: Rows in the end, repeats counted.
        size: Bytes of the file to go on from; None to begin.
    """
    if chosen is SubsetFormat.PARQUET:
        return _ParquetWriter(path, kind, column)
    return _StreamWriter(path, chosen, kind, rows, size)


def npy_header(rows: int) -> bytes:
    """The header that `np.save` writes for `rows` uids."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": np.lib.format.dtype_to_descr(UID_TYPE), "fortran_order": False, "shape": (rows,)}
    )
    return header.getvalue()


def npy_rows(keys: Keys) -> memoryview:
    """Uids as the rows of DataComp's `.npy`."""
    if not isinstance(keys, PairKeys):
        raise InputError("A .npy subset holds ids of 32 hex digits only.")
    rows = np.empty((len(keys), 2), dtype="<u8")
    rows[:, 0], rows[:, 1] = keys.high, keys.low
    return rows.data


def text_rows(keys: Keys, kind: IdKind) -> bytes:
    """Ids as lines of text.

    Raises:
        InputError: An id holds a line break.
    """
    if kind is IdKind.HEX and isinstance(keys, PairKeys):
        return np.insert(hex_digits(keys), 32, ord("\n"), axis=1).tobytes()
    lines = [str(value) for value in written_ids(keys, kind).to_pylist()]
    if kind is IdKind.TEXT and any("\n" in line or "\r" in line for line in lines):
        raise InputError(
            "An id holds a line break, which a text file of ids cannot show; write .parquet instead."
        )
    return "".join(f"{line}\n" for line in lines).encode()


def file_sha256(path: Path) -> str:
    """The sha256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
