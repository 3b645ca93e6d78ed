"""Sorted parts that Spark's executors wrote, and their merge in bounded memory."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from thresher.errors import InputError
from thresher.metadata.engine import Block
from thresher.metadata.ids import INTEGER_OFFSET, IdKind
from thresher.metadata.keys import Keys, PairKeys, TextKeys, concatenated
from thresher.metadata.parquet import open_parquet
from thresher.metadata.types import ArrowArray, ArrowBatch, Key

BATCH_ROWS = 1 << 18
"""Read at a time from a part: 4 MB of keys."""


@dataclass(frozen=True)
class Part:
    """A sorted file of keys.

    Attributes:
        path: Local path, or a URI that Spark reads.
        rows: Its keys.
        first: No key is below it; None when that is not known.
        last: No key is above it; None when that is not known.
        nulls: Rows whose id made no key.
    """

    path: str
    rows: int
    first: Key
    last: Key
    nulls: int = 0


def local_parts(folder: Path, kind: IdKind) -> list[Part]:
    """The parts in a folder that this machine sees; ranges of keys are from their footers, never from their names."""
    parts = []
    for path in sorted(folder.rglob("*.parquet")):
        if path.name.startswith((".", "_")):
            continue
        with open_parquet(str(path)) as parquet:
            groups = [parquet.metadata.row_group(i) for i in range(parquet.metadata.num_row_groups)]
        rows = sum(group.num_rows for group in groups)
        if rows:
            limits = [group.column(0).statistics for group in groups if group.num_rows]
            known = all(one is not None and one.has_min_max for one in limits)
            first = plain_key(min(one.min for one in limits), kind) if known else None
            last = plain_key(max(one.max for one in limits), kind) if known else None
            nulls = sum(int(one.null_count or 0) for one in limits if one is not None)
            parts.append(Part(str(path), rows, first, last, nulls))
    return parts


def plain_key(value: int | bytes, kind: IdKind) -> Key:
    """A key as Spark holds it, as a plain comparable value."""
    if isinstance(value, int):
        return value + INTEGER_OFFSET, 0
    if kind is IdKind.TEXT:
        return bytes(value)
    return int.from_bytes(value[:8].ljust(8, b"\0"), "big"), int.from_bytes(
        value[8:16].ljust(8, b"\0"), "big"
    )


def read_local(part: Part, kind: IdKind) -> Iterator[Block]:
    """A part's keys and what they carry, batch by batch.

    Raises:
        InputError: The part cannot be read, or is damaged.
    """
    with open_parquet(part.path) as parquet:
        for batch in parquet.iter_batches(BATCH_ROWS, use_threads=False):
            yield block_of(batch, kind)


def block_of(batch: ArrowBatch, kind: IdKind) -> Block:
    """An Arrow batch of keys and perhaps what they carry.

    Raises:
        InputError: A key is missing, or of a wrong length.
    """
    carried = np.asarray(batch.column(1).to_numpy(zero_copy_only=False)) if batch.num_columns > 1 else None
    return _keys(batch.column(0), kind), carried


def _keys(column: ArrowArray, kind: IdKind) -> Keys:
    import pyarrow as pa

    if column.null_count:
        raise InputError("Spark wrote a part without a key in every row; run the command again.")
    if kind is IdKind.INTEGER:
        numbers = np.asarray(column.to_numpy(), dtype=np.int64)
        high = numbers.view(np.uint64) ^ np.uint64(INTEGER_OFFSET)
        return PairKeys(high, np.zeros_like(high))
    column = column.cast(pa.large_binary())
    if kind is IdKind.TEXT:
        return TextKeys(column)
    if not len(column):
        return PairKeys(np.zeros(0, np.uint64), np.zeros(0, np.uint64))
    offsets = np.frombuffer(column.buffers()[1], np.int64)[column.offset : column.offset + len(column) + 1]
    if not (np.diff(offsets) == 16).all():
        raise InputError("Spark wrote a part with a key that is not 16 bytes long; run the command again.")
    raw = np.frombuffer(column.buffers()[2], np.uint8)[int(offsets[0]) : int(offsets[-1])]
    pairs = raw.view(">u8").astype(np.uint64).reshape(-1, 2)
    return PairKeys(np.ascontiguousarray(pairs[:, 0]), np.ascontiguousarray(pairs[:, 1]))


def merge_parts(parts: Sequence[Part], read: Callable[[Part], Iterator[Block]]) -> Iterator[Block]:
    """The keys of all parts in ascending order, whatever the order of the files; equal keys never part.

    A part is opened when no key before its first is left: parts that do not overlap are read one after another,
    parts that do are merged.

    Args:
        parts: Each sorted.
        read: Gives a part's keys, batch by batch.
    """
    waiting = sorted(parts, key=lambda part: (part.first is not None, part.first))
    cursors: list[_Cursor] = []
    while waiting or cursors:
        while waiting and (not cursors or waiting[0].first is None):
            cursors.append(_Cursor(read(waiting.pop(0))))
        cursors = [cursor for cursor in cursors if cursor.fill()]
        limits = [cursor.keys.key(-1) for cursor in cursors if cursor.more]
        limits += [waiting[0].first] if waiting else []
        limit = min(limits) if limits else None
        popped = [block for cursor in cursors if len((block := cursor.pop(limit))[0])]
        if popped:
            yield _merged(popped)
        elif waiting and waiting[0].first == limit:
            cursors.append(_Cursor(read(waiting.pop(0))))
        else:
            for cursor in cursors:
                cursor.widen()  # one key fills every batch: equal keys are kept together all the same


class _Cursor:
    """A place in a part, and the keys read ahead of it."""

    def __init__(self, batches: Iterator[Block]) -> None:
        self.batches = batches
        self.held: list[Block] = []
        self.more = True

    @property
    def keys(self) -> Keys:
        """The keys that are held; `fill` first."""
        return self.held[0][0]

    def fill(self) -> bool:
        """Hold at least one key; whether there is one."""
        while self.more and not self.held:
            self.widen()
        return bool(self.held)

    def widen(self) -> None:
        """Read one batch more."""
        batch = next(self.batches, None)
        if batch is None:
            self.more = False
        elif len(batch[0]):
            self.held = [_joined([*self.held, batch])]

    def pop(self, limit: Key) -> Block:
        """Let go of the keys below `limit`; of all without one."""
        ((keys, carried),) = self.held
        count = len(keys) if limit is None else keys.count_below(limit)
        head, rest = slice(0, count), slice(count, None)
        self.held = (
            [(keys.take(rest), None if carried is None else carried[rest])] if count < len(keys) else []
        )
        return keys.take(head), None if carried is None else carried[head]


def _joined(blocks: Sequence[Block]) -> Block:
    if len(blocks) == 1:
        return blocks[0]
    numbers = [carried for _, carried in blocks if carried is not None]
    return concatenated([keys for keys, _ in blocks]), np.concatenate(numbers) if numbers else None


def _merged(blocks: Sequence[Block]) -> Block:
    if len(blocks) == 1:
        return blocks[0]
    keys, carried = _joined(blocks)
    keys, positions = keys.merge()
    return keys, None if carried is None else carried[positions]
