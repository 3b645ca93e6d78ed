"""The engine for an index: cuts read its blocks in order, check each once, and sort nothing."""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from thresher.cuts.index import HEADER_BYTES, Index, damaged_index
from thresher.metadata.engine import Bin, Block, Engine, Progress, SortedIds, Window, no_progress
from thresher.metadata.ids import IdKind
from thresher.metadata.keys import PairKeys
from thresher.metadata.local import DEFAULT_MEMORY, OWN_MEMORY, Local, bin_shapes, bins_of, count_batch
from thresher.metadata.marks import Marks, mark_sorted
from thresher.metadata.selection import Selection, Tally
from thresher.metadata.set_keys import sort_sets
from thresher.metadata.table import Table
from thresher.metadata.types import Array, Key
from thresher.metadata.work import WorkFolder


@dataclass(frozen=True)
class FromIndex(Engine):
    """Queries answered by an index instead of the files it was made from; each block is checked when it is first read.

    Attributes:
        index: What is read.
        progress: Told of every finished piece of work.
        memory: Bytes to stay below while sets of ids are looked up.
    """

    index: Index
    progress: Progress = no_progress
    memory: float = DEFAULT_MEMORY
    checked: set[tuple[str, int]] = field(default_factory=set, init=False, repr=False, compare=False)

    name = "index"

    def __post_init__(self) -> None:
        Local(self.memory)  # refuses too little

    def blocks(self) -> Iterator[tuple[int, Array]]:
        """First row and ordered scores of each block; read, not mapped, so that memory stays small."""
        dtype = np.dtype(f"u{self.index.table.score_width}")
        for first in range(0, self.index.rows, self.index.block_rows):
            yield first, self._read("scores", dtype, first)

    def pairs(self, first: int) -> Array:
        """Ids of the block that begins with row `first`; shape (rows, 2)."""
        return self._read("ids", np.dtype("u8,u8"), first).view(np.uint64).reshape(-1, 2)

    def _read(self, name: str, dtype: np.dtype[Any], first: int) -> Array:
        made = self.index
        number, count = first // made.block_rows, min(made.block_rows, made.rows - first)
        try:
            found = np.fromfile(
                made.path / f"{name}.npy", dtype, count, offset=HEADER_BYTES + first * dtype.itemsize
            )
        except OSError as error:
            raise damaged_index(
                made.path, f"{name}.npy cannot be read ({error.strerror or error})"
            ) from error
        if (name, number) not in self.checked or len(found) != count:
            if zlib.crc32(found.data) != made.checks[name][number]:
                raise damaged_index(
                    made.path,
                    f"rows {first:,} to {first + count - 1:,} of {name}.npy are not what was written",
                )
            self.checked.add((name, number))
        return found

    def count(self, table: Table, windows: Sequence[Window], work: WorkFolder) -> list[list[Bin]]:
        """Rows per score within each window; see `Engine.count`."""
        shifts, sizes = bin_shapes(windows)
        counts = [np.zeros(size, dtype=np.int64) for size in sizes]
        marks = self._marks(table, work)
        for first, block in self.blocks():
            ordered = block if marks is None else block[marks.of(first // self.index.block_rows)]
            for window, shift, found in zip(windows, shifts, counts, strict=True):
                count_batch(ordered, window, shift, found)
        return [
            bins_of(found, window, shift)
            for found, window, shift in zip(counts, windows, shifts, strict=True)
        ]

    def select(self, table: Table, selection: Selection, work: WorkFolder) -> "IndexIds":
        """The chosen ids; see `Engine.select`. Nothing is spilled: they stand in order already."""
        return IndexIds(self, selection, table.id_kind, self._marks(table, work))

    def keys(self, first: int) -> PairKeys:
        """Ids of the block that begins with row `first`, as keys."""
        pairs = self.pairs(first)
        return PairKeys(np.ascontiguousarray(pairs[:, 0]), np.ascontiguousarray(pairs[:, 1]))

    def _marks(self, table: Table, work: WorkFolder) -> Marks | None:
        """Which rows pass the sets of ids that the index was not made with; None without any."""
        made = {one.mark for one in self.index.table.sets}
        sets = [one for one in table.sets if one.mark not in made]
        if not sets:
            return None
        keys = sort_sets(sets, work, self.memory - OWN_MEMORY, self.progress)
        blocks = -(-self.index.rows // self.index.block_rows)
        return mark_sorted(
            keys, blocks, lambda block: self.keys(block * self.index.block_rows), work, self.progress
        )


@dataclass(frozen=True)
class IndexIds(SortedIds):
    """A selection that is made while it is read."""

    engine: FromIndex
    selection: Selection
    kind: IdKind
    marks: Marks | None = None

    @property
    def rows_in(self) -> int:
        """Rows of the index that pass the sets of ids."""
        return self.engine.index.rows if self.marks is None else self.marks.passing

    @cached_property
    def tally(self) -> Tally:
        """Counts per slice; a scan of the scores, and of the ids where they decide."""
        if not self.selection.is_plain or self.selection.open_ties is not None:
            return sum((tally for *_, tally in self._chosen()), Tally.zero(len(self.selection.slices)))
        count = sum(len(self._may_hold(first, ordered)) for first, ordered in self.engine.blocks())
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

    def _may_hold(self, first: int, ordered: Array) -> Array:
        """Rows of a block that pass the sets of ids and whose score alone allows them to be chosen."""
        allowed = self.selection.may_hold(ordered)
        return np.flatnonzero(
            allowed if self.marks is None else allowed & self.marks.of(first // self.engine.index.block_rows)
        )

    def _chosen(self) -> Iterator[tuple[PairKeys, Any, Tally]]:
        edge = self.selection.open_ties
        left = edge.ties if edge is not None and edge.ties is not None else 0
        for first, ordered in self.engine.blocks():
            chosen = self._may_hold(first, ordered)
            if edge is not None:
                tied = ordered[chosen] == edge.score
                surplus = tied & (np.cumsum(tied) > left)
                left -= int(tied.sum()) - int(surplus.sum())
                chosen = chosen[~surplus]
            if not len(chosen):
                continue  # its ids need not be read
            keys = self.engine.keys(first).take(chosen)
            placed, carried, tally = self.selection.place(ordered[chosen], keys, self.kind)
            if isinstance(placed, PairKeys):
                yield placed, carried, tally
