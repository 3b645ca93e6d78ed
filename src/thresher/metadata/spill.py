"""Sorted runs of keys on disk, and their merge in bounded memory."""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from thresher.metadata.engine import Block
from thresher.metadata.keys import Keys, PairKeys, TextKeys, concatenated
from thresher.metadata.types import Carried, Key
from thresher.metadata.work import WorkFolder, damaged_work
from thresher.stored import DamageError

TEXT_BATCH_ROWS = 8192
LEAST_READ_KEYS = 512
CHECK_BYTES = 1 << 20


@dataclass(frozen=True)
class Run:
    """A file of keys in ascending order, with an unsigned number carried by each if `carries` names its type.

    Pairs are stored column by column (all high words, all low words, all carried numbers), texts as Arrow IPC.
    """

    path: Path
    rows: int
    carries: str | None
    text: bool

    def read(self, start: int, stop: int) -> Block:
        """The keys from row `start` up to `stop`, and what they carry."""
        stop = min(stop, self.rows)
        if self.text:
            return self._read_text(start, stop)
        count = stop - start
        with self.path.open("rb") as file:
            columns = []
            for place in (8 * start, 8 * self.rows + 8 * start):
                file.seek(place)
                columns.append(np.fromfile(file, dtype=np.uint64, count=count))
            carried = None
            if self.carries:
                dtype = np.dtype(self.carries)
                file.seek(16 * self.rows + dtype.itemsize * start)
                carried = np.fromfile(file, dtype=dtype, count=count)
        return PairKeys(columns[0], columns[1]), carried

    def _read_text(self, start: int, stop: int) -> Block:
        import pyarrow as pa

        with pa.ipc.open_file(str(self.path)) as reader:
            first, last = start // TEXT_BATCH_ROWS, -(-stop // TEXT_BATCH_ROWS)
            table = pa.Table.from_batches(
                [reader.get_batch(i) for i in range(first, last)], schema=reader.schema
            )
        table = table.slice(start - first * TEXT_BATCH_ROWS, stop - start)
        keys = TextKeys(table.column(0).combine_chunks())
        return keys, table.column(1).to_numpy() if self.carries else None

    def count_at_most(self, key: Key) -> int:
        """How many keys are at or below `key`."""
        low, high = 0, self.rows
        while low < high:
            middle = (low + high) // 2
            if self.read(middle, middle + 1)[0].key(0) <= key:
                low = middle + 1
            else:
                high = middle
        return low


def write_run(path: Path, keys: Keys, carried: Carried) -> int:
    """Write keys that are in ascending order; the file's CRC-32."""
    if isinstance(keys, PairKeys):
        check = 0
        with path.open("wb") as file:
            for column in (keys.high, keys.low, *(() if carried is None else (carried,))):
                data = np.ascontiguousarray(column).data
                file.write(data)  # unlike tofile, says when the disk is full
                check = zlib.crc32(data, check)
        return check
    import pyarrow as pa

    columns = {"key": keys.texts} | ({} if carried is None else {"carried": pa.array(carried)})
    table = pa.table(columns)
    with pa.ipc.new_file(str(path), table.schema) as writer:
        writer.write_table(table, max_chunksize=TEXT_BATCH_ROWS)
    return file_check(path)


def file_check(path: Path) -> int:
    """The CRC-32 of a file."""
    check = 0
    with path.open("rb") as file:
        while piece := file.read(CHECK_BYTES):
            check = zlib.crc32(piece, check)
    return check


def check_files(work: WorkFolder, name: str, checks: Mapping[str, int]) -> None:
    """Refuse unfinished work whose files are not as they were written.

    Args:
        work: Where they lie.
        name: What lists them, for the message.
        checks: File names with their CRC-32.

    Raises:
        FileFormatError: One of them is gone or was changed.
    """
    for file, check in checks.items():
        path = work.file(file)
        if not path.is_file() or file_check(path) != check:
            raise damaged_work(work.file(name), DamageError(f"{file} is not what was written"))


def sort_parts(parts: Sequence[Block]) -> Block:
    """Parts in any order as one block in ascending order."""
    keys = concatenated([keys for keys, _ in parts])
    ordered, positions = keys.sort()
    carried = None if parts[0][1] is None else np.concatenate([c for _, c in parts])[positions]
    return ordered, carried


def merge_runs(runs: Sequence[Run], capacity: int, after: Key = None) -> Iterator[Block]:
    """The keys of all runs in ascending order, holding about `capacity` of them at a time.

    Each step reads every run a little ahead and lets go of the keys that no unread key can precede or equal, so
    no distribution of keys needs more memory, short of one id on millions of rows.

    Args:
        runs: Sorted runs; all carry numbers, or none does.
        capacity: Keys.
        after: Leave out keys up to this one.
    """
    cursors = [_Cursor(run, run.count_at_most(after) if after is not None else 0) for run in runs if run.rows]
    while cursors:
        ahead = max(LEAST_READ_KEYS, capacity // len(cursors))
        for cursor in cursors:
            cursor.fill(ahead)
        cursors = [cursor for cursor in cursors if len(cursor.keys)]
        limits = [cursor.keys.key(-1) for cursor in cursors if cursor.more]
        limit = min(limits) if limits else None
        parts = [part for cursor in cursors if len((part := cursor.pop(limit))[0])]
        if parts:
            yield _merge_parts(parts)
        elif cursors:
            capacity *= 2  # one key fills every buffer: equal keys are kept together all the same


class _Cursor:
    """A place in a run, and the keys read ahead of it."""

    def __init__(self, run: Run, position: int) -> None:
        self.run = run
        self.position = position
        self.keys, self.carried = run.read(position, position)

    @property
    def more(self) -> bool:
        """Whether keys are left on disk."""
        return self.position < self.run.rows

    def fill(self, ahead: int) -> None:
        """Read on until `ahead` keys are held, or none are left."""
        missing = ahead - len(self.keys)
        if missing <= 0 or not self.more:
            return
        stop = min(self.position + missing, self.run.rows)
        keys, carried = self.run.read(self.position, stop)
        self.position = stop
        if len(self.keys):
            keys = concatenated([self.keys, keys])
            carried = None if carried is None else np.concatenate([self.carried, carried])
        self.keys, self.carried = keys, carried

    def pop(self, limit: Key) -> Block:
        """Let go of the keys below `limit`; of all without one."""
        count = len(self.keys) if limit is None else self.keys.count_below(limit)
        part = self.keys.take(slice(0, count)), None if self.carried is None else self.carried[:count]
        self.keys = self.keys.take(slice(count, None))
        self.carried = None if self.carried is None else self.carried[count:]
        return part


def _merge_parts(parts: Sequence[Block]) -> Block:
    if len(parts) == 1:
        return parts[0]
    keys = concatenated([keys for keys, _ in parts])
    merged, positions = keys.merge()
    carried = None if parts[0][1] is None else np.concatenate([c for _, c in parts])[positions]
    return merged, carried
