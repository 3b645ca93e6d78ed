"""An index: ids in order with their scores beside them, so that any later cut is one short scan without sorting.

The folder holds `ids.npy` (pairs of integers, ascending), `scores.npy` (ordered scores, row by row the same
samples) and `index.json` (what they were made from).
"""

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from thresher.cuts.formats import npy_rows
from thresher.cuts.manifest import describe_files
from thresher.errors import FileFormatError, InputError
from thresher.files import read_json, write_json
from thresher.filters import parse_where
from thresher.metadata.engine import Bin, Block, Engine, Progress, SortedIds, Window, no_progress
from thresher.metadata.ids import IdKind
from thresher.metadata.keys import PairKeys
from thresher.metadata.local import bin_shapes, bins_of, count_batch
from thresher.metadata.parquet import InputFile, lasting_path
from thresher.metadata.ranks import take_census
from thresher.metadata.selection import Selection, Slice, Tally
from thresher.metadata.table import Table
from thresher.metadata.types import Array, Key
from thresher.metadata.work import WorkFolder, free_bytes, work_folder, work_path

VERSION = 1
BLOCK_ROWS = 1 << 18
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
    """

    path: Path
    table: Table
    rows: int
    missing: int

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
        raise InputError(f"{output.parent}: no such folder. Make it first, or write elsewhere with -o.")
    if output.exists() and not (replace and is_index(output)):
        raise InputError(f"{output} exists; use --force to replace an index, or another name.")
    if output.exists():
        _check_replaceable(output)
    job = {
        "index": describe_files(table.sources),
        "score": table.score,
        "id": table.id_column,
        "where": table.where_text,
    }
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


def _write(table: Table, part: Path, engine: Engine, work: WorkFolder) -> tuple[int, int]:
    needed = table.file_rows * ROW_BYTES - work.bytes()
    if needed > free_bytes(work.path):
        raise InputError(
            f"An index of {table.file_rows:,} rows needs {needed / 1e9:.2f} GB free in {work.disk}."
        )
    census = take_census(engine, table, work)
    found = engine.select(table, Selection((Slice("all", None, None),), scores=True), work)
    rows = 0
    with (part / "ids.npy").open("wb") as ids, (part / "scores.npy").open("wb") as scores:
        ids.write(_header(np.dtype("u8,u8"), census.rows))
        scores.write(_header(np.dtype(f"u{table.score_width}"), census.rows))
        for keys, carried in found.blocks():
            ids.write(npy_rows(keys))
            scores.write(np.ascontiguousarray(carried).data)
            rows += len(keys)
        for file in (ids, scores):
            file.flush()
            os.fsync(file.fileno())
    if rows != census.rows:
        raise InputError("The metadata changed between two scans; run the command again.")
    content = {
        "score": table.score, "score_width": table.score_width, "id": table.id_column, "id_kind": str(table.id_kind),
        "where": table.where_text, "rows": rows, "missing": census.missing,
        "inputs": _listed(table.metadata_files), "scores": _listed(table.score_files),
    }  # fmt: skip
    write_json(part / "index.json", "index", VERSION, content)
    return census.rows, census.missing


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
    document = read_json(path / "index.json", "index", VERSION, "thresher index")
    try:
        files, scores = (
            tuple(
                InputFile(f["path"], f["size"], f["stamp"], f["rows"], tuple(f["row_groups"]))
                for f in document[name]
            )
            for name in ("inputs", "scores")
        )
        where = document["where"]
        table = Table(
            files, document["id"], IdKind(document["id_kind"]), document["score"], document["score_width"],
            parse_where(where) if where is not None else (), where, files, scores,
        )  # fmt: skip
        found = Index(path, table, document["rows"], document["missing"])
        width = {"ids.npy": 16, "scores.npy": table.score_width}
        whole = all(
            (path / name).stat().st_size == HEADER_BYTES + found.rows * size for name, size in width.items()
        )
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise FileFormatError(
            f"{path} is damaged ({error!r}). Make it again with `thresher index`."
        ) from error
    if not whole:
        raise FileFormatError(
            f"{path} is damaged: a file has the wrong length. Make it again with `thresher index`."
        )
    try:
        table.check_unchanged()
    except InputError as error:
        raise InputError(f"{path} is out of date ({error}) Make it again with `thresher index`.") from error
    return found


@dataclass(frozen=True)
class FromIndex(Engine):
    """Queries answered by an index instead of the files it was made from."""

    index: Index
    progress: Progress = no_progress

    name = "index"

    def blocks(self) -> Iterator[tuple[int, Array]]:
        """First row and ordered scores of each block; read, not mapped, so that memory stays small."""
        dtype = np.dtype(f"u{self.index.table.score_width}")
        for first in range(0, self.index.rows, BLOCK_ROWS):
            yield first, self._read("scores.npy", dtype, first)

    def pairs(self, first: int) -> Array:
        """Ids of the block that begins with row `first`; shape (rows, 2)."""
        return self._read("ids.npy", np.dtype("u8,u8"), first).view(np.uint64).reshape(-1, 2)

    def _read(self, name: str, dtype: np.dtype[Any], first: int) -> Array:
        count = min(BLOCK_ROWS, self.index.rows - first)
        return np.fromfile(self.index.path / name, dtype, count, offset=HEADER_BYTES + first * dtype.itemsize)

    def count(self, table: Table, windows: Sequence[Window], work: WorkFolder) -> list[list[Bin]]:
        """Rows per score within each window; see `Engine.count`."""
        shifts, sizes = bin_shapes(windows)
        counts = [np.zeros(size, dtype=np.int64) for size in sizes]
        for _, ordered in self.blocks():
            for window, shift, found in zip(windows, shifts, counts, strict=True):
                count_batch(ordered, window, shift, found)
        return [
            bins_of(found, window, shift)
            for found, window, shift in zip(counts, windows, shifts, strict=True)
        ]

    def select(self, table: Table, selection: Selection, work: WorkFolder) -> "IndexIds":
        """The chosen ids; see `Engine.select`. Nothing is spilled: they stand in order already."""
        return IndexIds(self, selection, table.id_kind)


@dataclass(frozen=True)
class IndexIds(SortedIds):
    """A selection that is made while it is read."""

    engine: FromIndex
    selection: Selection
    kind: IdKind

    @property
    def rows_in(self) -> int:
        """Rows of the index."""
        return self.engine.index.rows

    @cached_property
    def tally(self) -> Tally:
        """Counts per slice; a scan of the scores, and of the ids where they decide."""
        if not self.selection.is_plain or self.selection.open_ties is not None:
            return sum((tally for *_, tally in self._chosen()), Tally.zero(len(self.selection.slices)))
        count = sum(int(self.selection.may_hold(ordered).sum()) for _, ordered in self.engine.blocks())
        return Tally([count], [count], [count])

    def blocks(self, after: Key = None) -> Iterator[Block]:
        """Keys in ascending order; see `SortedIds.blocks`."""
        waiting: PairKeys | None = None
        carried_waiting: Any = None
        for keys, carried, _ in self._chosen():
            if after is not None:
                rows = np.flatnonzero(~keys.at_most(after))
                keys, carried = keys.take(rows), None if carried is None else carried[rows]
            if waiting is not None:
                keys = PairKeys.concatenate([waiting, keys])
                carried = None if carried is None else np.concatenate([carried_waiting, carried])
            if not len(keys):
                continue
            # Equal ids must not be parted: the last one waits for the next block.
            whole = keys.count_below(keys.key(-1))
            if whole:
                yield keys.take(slice(0, whole)), None if carried is None else carried[:whole]
            waiting, carried_waiting = (
                keys.take(slice(whole, None)),
                None if carried is None else carried[whole:],
            )
        if waiting is not None and len(waiting):
            yield waiting, carried_waiting

    def _chosen(self) -> Iterator[tuple[PairKeys, Any, Tally]]:
        edge = self.selection.open_ties
        left = edge.ties if edge is not None and edge.ties is not None else 0
        for first, ordered in self.engine.blocks():
            chosen = np.flatnonzero(self.selection.may_hold(ordered))
            if edge is not None:
                tied = ordered[chosen] == edge.score
                surplus = tied & (np.cumsum(tied) > left)
                left -= int(tied.sum()) - int(surplus.sum())
                chosen = chosen[~surplus]
            pairs = self.engine.pairs(first)[chosen]
            keys = PairKeys(np.ascontiguousarray(pairs[:, 0]), np.ascontiguousarray(pairs[:, 1]))
            placed, carried, tally = self.selection.place(ordered[chosen], keys, self.kind)
            if isinstance(placed, PairKeys):
                yield placed, carried, tally
