"""An index: ids in order with their scores beside them, so that any later cut is one short scan without sorting.

The folder holds `ids.npy` (pairs of integers, ascending), `scores.npy` (ordered scores, row by row the same
samples) and `index.json` (what they were made from, and a checksum of each block of both).
"""

import os
import shutil
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from thresher.arguments import argument
from thresher.cuts.formats import npy_rows
from thresher.cuts.manifest import describe_files, describe_id_sets
from thresher.errors import FileFormatError, InputError
from thresher.files import write_json
from thresher.metadata.engine import Engine
from thresher.metadata.id_sets import IdSet, Paths, open_sets
from thresher.metadata.ids import IdKind
from thresher.metadata.parquet import InputFile, lasting_path
from thresher.metadata.ranks import take_census
from thresher.metadata.selection import Selection, Slice
from thresher.metadata.table import Table
from thresher.metadata.work import WorkFolder, fingerprint, free_bytes, work_folder, work_path
from thresher.stored import read_stored

VERSION = 2
MADE_BY = "thresher index METADATA --score COL"
BLOCK_ROWS = 1 << 18
"""Rows that are read at once and have one checksum: 4 MB of ids, 1 or 2 MB of scores."""
HEADER_BYTES = 128
"""Of an .npy file of one axis, as numpy writes it."""
ROW_BYTES = 2 * (16 + 8)
"""Of the index and of the sorted runs it is merged from."""
NAMES = ("ids.npy", "scores.npy", "index.json")


@dataclass(frozen=True)
class Index:
    """An index on disk.

    Attributes:
        path: Its folder.
        table: The metadata that it was made from.
        rows: Rows.
        missing: Rows without a score.
        block_rows: Rows of a block.
        checks: By file, the CRC-32 of each block.
    """

    path: Path
    table: Table
    rows: int
    missing: int
    block_rows: int
    checks: Mapping[str, Sequence[int]] = field(repr=False)

    def to_json(self) -> dict[str, Any]:
        """What `thresher index --json` prints."""
        size = sum((self.path / name).stat().st_size for name in ("ids.npy", "scores.npy"))
        return {
            "path": str(self.path),
            "rows": self.rows,
            "missing": self.missing,
            "score": self.table.score,
            "bytes": size,
        }


def make_index(
    table: Table, output: Path, *, engine: Engine, spill: Path | None = None, replace: bool = False
) -> Index:
    """Sort the ids of a table once, with their scores.

    Args:
        table: The metadata, with a score.
        output: Folder to make.
        engine: Where the metadata is queried.
        spill: Folder for unfinished work; beside the output by default.
        replace: Put it in the place of an index that exists.

    Raises:
        InputError: Ids that are text, an output that exists, or a full disk.
    """
    if table.id_kind is IdKind.TEXT:
        raise InputError(
            f"Column {table.id_column!r} holds text; an index needs ids of 32 hex digits, UUIDs or integers."
        )
    if not output.parent.is_dir():
        raise InputError(
            f"{output.parent}: no such folder. Make it first, or write elsewhere with {argument('path')}."
        )
    if output.exists() and not (replace and is_index(output)):
        raise InputError(
            f"{output} exists; give {argument('replace', True)} to replace an index, or another name."
        )
    if output.exists():
        _check_replaceable(output)
    job = {
        "index": describe_files(table.sources),
        "score": table.score,
        "id": table.id_column,
        "where": table.where_text,
    } | describe_id_sets(table.sets)
    with work_folder(work_path(output, spill), job) as work:
        part = work.beside("index", output, folder=True)
        made = _write(table, part, engine, work)
        table.check_unchanged()
        if output.exists():
            _check_replaceable(output)
            shutil.rmtree(output)
        part.rename(output)
    return Index(output, table, *made)


def _check_replaceable(output: Path) -> None:
    """Refuse to write over a folder that holds more than an index."""
    if output.is_symlink():
        raise InputError(f"{output} is a link; remove it, or give another name.")
    others = sorted(one.name for one in output.iterdir() if one.name not in NAMES)
    if others:
        raise InputError(f"{output} holds more than an index ({others[0]}); move that, or give another name.")


def _write(
    table: Table, part: Path, engine: Engine, work: WorkFolder
) -> tuple[int, int, int, dict[str, list[int]]]:
    """Write all files; rows, rows without a score, rows of a block, and the checksums of the blocks."""
    needed = table.file_rows * ROW_BYTES - work.bytes()
    if needed > free_bytes(work.path):
        raise InputError(
            f"An index of {table.file_rows:,} rows needs {needed / 1e9:.2f} GB free in {work.disk}."
        )
    census = take_census(engine, table, work)
    found = engine.select(table, Selection((Slice("all", None, None),), scores=True), work)
    rows = 0
    with (part / "ids.npy").open("wb") as id_file, (part / "scores.npy").open("wb") as score_file:
        ids = _Blocks(id_file, np.dtype("u8,u8"), census.rows)
        scores = _Blocks(score_file, np.dtype(f"u{table.score_width}"), census.rows)
        for keys, carried in found.blocks():
            ids.write(npy_rows(keys))
            scores.write(np.ascontiguousarray(carried).data)
            rows += len(keys)
        checks = {"ids": ids.close(), "scores": scores.close()}
    if rows != census.rows:
        raise InputError("The metadata changed between two scans; run the command again.")
    content = {
        "score": table.score, "score_width": table.score_width, "score_type": table.score_type,
        "id": table.id_column, "id_kind": str(table.id_kind), "where": table.where_text, "rows": rows, "missing": census.missing,
        "inputs": _listed(table.metadata_files), "scores": _listed(table.score_files),
        "block_rows": BLOCK_ROWS, "checks": checks,
    } | describe_id_sets(table.sets)  # fmt: skip
    write_json(part / "index.json", "index", VERSION, content | {"sha256": fingerprint(content)})
    return census.rows, census.missing, BLOCK_ROWS, checks


class _Blocks:
    """Writes rows of one type to an .npy file, with a checksum of every block.

    CRC-32 sees damage by disks and by programs, at three times the speed of a cryptographic hash. Whoever forges an index
    on purpose could forge its checksums too.
    """

    def __init__(self, file: BinaryIO, dtype: np.dtype[Any], rows: int) -> None:
        self.file, self.block_bytes = file, BLOCK_ROWS * dtype.itemsize
        self.check, self.held = 0, 0
        self.checks: list[int] = []
        file.write(_header(dtype, rows))

    def write(self, rows: memoryview) -> None:
        """Append rows."""
        left = rows.cast("B")
        while len(left):
            piece = left[: self.block_bytes - self.held]
            self.file.write(piece)
            self.check, self.held = zlib.crc32(piece, self.check), self.held + len(piece)
            if self.held == self.block_bytes:
                self._end()
            left = left[len(piece) :]

    def close(self) -> list[int]:
        """Make sure that everything is on disk; the checksums."""
        if self.held:
            self._end()
        self.file.flush()
        os.fsync(self.file.fileno())
        return self.checks

    def _end(self) -> None:
        self.checks.append(self.check)
        self.check, self.held = 0, 0


def _listed(files: Sequence[InputFile]) -> list[dict[str, Any]]:
    """Files as the index keeps them, under names that lead to them from any folder."""
    kept = ("size", "stamp", "rows", "row_groups")
    return [
        {"path": lasting_path(file.path)} | {name: getattr(file, name) for name in kept} for file in files
    ]


def _header(dtype: np.dtype[Any], rows: int) -> bytes:
    import io

    header = io.BytesIO()
    described = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": (rows,)}
    np.lib.format.write_array_header_1_0(header, described)
    return header.getvalue()


def is_index(path: Path) -> bool:
    """Whether a folder is an index."""
    return os.path.isfile(path / "index.json")  # noqa: PTH113 - unlike Path.is_file it never raises


def open_index(path: Path) -> Index:
    """An index made by `make_index`.

    Raises:
        InputError: It is damaged, or the metadata changed or vanished since it was made.
    """
    from thresher.cuts.index_model import SavedIndex

    saved = read_stored(path / "index.json", SavedIndex, "index", VERSION, MADE_BY)
    content = saved.model_dump(exclude_unset=True)
    if content.pop("sha256") != fingerprint(content):
        raise damaged_index(path, "index.json was changed")
    files, scores = (
        tuple(InputFile(**vars(one) | {"row_groups": tuple(one.row_groups)}) for one in listed)
        for listed in (saved.inputs, saved.scores)
    )
    kind = IdKind(saved.id_kind)
    # What was in a set decides no more once the index is made, so its files are not looked at again.
    sets = tuple(
        IdSet(one.path, one.sha256, inside, (), kind, saved.id)
        for inside, listed in ((True, saved.within), (False, saved.without))
        for one in listed
    )
    table = Table(
        files, saved.id, kind, saved.score, saved.score_width, None, saved.where, files, scores,
        sets=sets, score_type=saved.score_type,
    )  # fmt: skip
    for name, dtype in (("ids.npy", np.dtype("u8,u8")), ("scores.npy", np.dtype(f"u{table.score_width}"))):
        header = _header(dtype, saved.rows)
        try:
            with (path / name).open("rb") as file:
                begins = file.read(len(header))
            size = (path / name).stat().st_size
        except OSError as error:
            raise damaged_index(path, f"{name} cannot be read ({error.strerror or error})") from error
        if size != len(header) + saved.rows * dtype.itemsize or begins != header:
            raise damaged_index(path, f"{name} has the wrong length or header")
    try:
        table.check_unchanged()
    except InputError as error:
        raise InputError(f"{path} is out of date ({error}) Make it again with `{MADE_BY}`.") from error
    return Index(path, table, saved.rows, saved.missing, saved.block_rows, saved.checks.model_dump())


def damaged_index(path: Path, what: str) -> FileFormatError:
    """The error for an index that is not what was written."""
    return FileFormatError(f"{path} is damaged: {what}; make it again with `{MADE_BY}`.")


def with_sets(index: Index, within: Paths, without: Paths) -> Table:
    """The table of an index, with sets of ids besides those that it was made with.

    Raises:
        InputError: As `open_sets`.
    """
    table = index.table
    made = {one.mark for one in table.sets}
    given = open_sets(within, without, kind=table.id_kind, id_column=table.id_column)
    return replace(table, sets=(*table.sets, *(one for one in given if one.mark not in made)))
