"""One bit per row of a table: whether the row's id is among the keys of sets of ids. Kept in the work folder.

Rows come in any order of ids, so each part of the keys is held in memory once while all rows are looked up in it.
"""

import zlib
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias, TypeVar

import numpy as np

from thresher.errors import InputError
from thresher.metadata.engine import Progress
from thresher.metadata.keys import Keys
from thresher.metadata.set_keys import Lookup, SetKeys, give_back, lookup_of
from thresher.metadata.spill import Run
from thresher.metadata.tasks import Task, run_tasks
from thresher.metadata.types import ArrowBatch, Key, Mask
from thresher.metadata.work import WorkFolder, damaged_work
from thresher.stored import DamageError

HEADER = np.dtype([("passes", "<u8"), ("rows", "<u8"), ("check", "<u8")])
"""Parts looked up in, rows, and the CRC-32 of the bits."""

Source = TypeVar("Source")
Asked: TypeAlias = Iterator[tuple[int, Keys, Mask | None]]
"""Batch by batch: rows, the keys of those that have an id, and which those are (None: all)."""


@dataclass(frozen=True)
class Marks:
    """Which rows pass the sets of ids of a table.

    Attributes:
        keys: What the sets come to.
        work: Where the bits are kept, one file per unit of work.
        units: How many there are.
    """

    keys: SetKeys
    work: WorkFolder
    units: int

    def of(self, unit: int) -> Mask:
        """For each row of a unit, whether it passes.

        Raises:
            InputError: The bits are not those of all passes.
        """
        passes, found = self.read(unit)
        if passes != len(self.keys.parts):
            raise InputError("The work folder is damaged; remove it, and run the command again.")
        return found if self.keys.inside else ~found

    @cached_property
    def passing(self) -> int:
        """Rows that pass, in all units."""
        return sum(int(self.of(unit).sum()) for unit in range(self.units))

    def rows_of(
        self, unit: int, batches: Iterator[tuple[Source, ArrowBatch]]
    ) -> Iterator[tuple[Source, ArrowBatch]]:
        """The batches of a unit without the rows that do not pass.

        Raises:
            InputError: They are not the rows that were marked.
        """
        import pyarrow as pa

        mask, row = self.of(unit), 0
        for file, batch in batches:
            row += len(batch)
            if row > len(mask):
                break
            yield file, batch.filter(pa.array(mask[row - len(batch) : row]))
        if row != len(mask):
            raise InputError("The metadata changed between two scans; run the command again.")

    def read(self, unit: int) -> tuple[int, Mask]:
        """How many parts of the keys a unit's rows were looked up in, and which rows were found so far."""
        path = self.work.file(self._name(unit))
        if not path.exists():
            return 0, np.zeros(0, dtype=bool)
        content = path.read_bytes()
        if len(content) < HEADER.itemsize:
            raise damaged_work(path, DamageError("it is cut short"))
        ((passes, rows, check),) = np.frombuffer(content, HEADER, 1).tolist()
        bits = np.frombuffer(content, np.uint8, offset=HEADER.itemsize)
        if len(bits) != -(-rows // 8) or zlib.crc32(bits.data) != check:
            raise damaged_work(path, DamageError("it is not what was written"))
        return passes, np.unpackbits(bits, count=rows, bitorder="little").astype(bool)

    def write(self, unit: int, passes: int, found: Mask) -> None:
        """Keep what was found for a unit, in the place of what was kept before."""
        with self.work.writing(self._name(unit)) as path, path.open("wb") as file:
            bits = np.packbits(found, bitorder="little").tobytes()
            file.write(np.array([(passes, len(found), zlib.crc32(bits))], HEADER).tobytes())
            file.write(bits)

    def look_up(self, unit: int, passes: int, lookup: Lookup, asked: Asked) -> None:
        """Look the rows of a unit up in one more part, the one after `passes`."""
        masks = [_held(lookup, *one) for one in asked]
        found = np.concatenate(masks) if masks else np.zeros(0, dtype=bool)
        if passes:
            _, before = self.read(unit)
            if len(before) != len(found):
                raise InputError("The metadata changed between two scans; run the command again.")
            found |= before
        self.write(unit, passes + 1, found)

    def _name(self, unit: int) -> str:
        return f"{self.keys.name}-rows-{unit:06d}"


def _held(lookup: Lookup, rows: int, keys: Keys, there: Mask | None) -> Mask:
    if there is None:
        return lookup(keys)
    found = np.zeros(rows, dtype=bool)
    found[there] = lookup(keys)
    return found


def mark_tasks(
    keys: SetKeys, tasks: Sequence[Task], read: Callable[[Task], Asked], work: WorkFolder, threads: int, progress: Progress
) -> Marks:  # fmt: skip
    """Look up the rows of all tasks, one pass over their ids for each part of the keys; finished tasks are skipped.

    Raises:
        InputError: A file cannot be read or changed, or an id is not of the table's kind.
    """
    marks = Marks(keys, work, len(tasks))
    total = sum(task.rows for task in tasks)
    done = [marks.read(task.number)[0] for task in tasks]
    for passes, part in enumerate(keys.parts):
        left = [task for task in tasks if done[task.number] <= passes]
        rows = total - sum(task.rows for task in left)
        with closing(_one_pass(marks, passes, part, left, read, threads)) as finished:
            for task in finished:
                rows += task.rows
                progress("looking up ids", passes * total + rows, len(keys.parts) * total)
        give_back()
    return marks


def _one_pass(
    marks: Marks, passes: int, part: Run, tasks: Sequence[Task], read: Callable[[Task], Asked], threads: int
) -> Generator[Task, None, None]:
    """Look the rows of tasks up in one part, which is held only here; the tasks as they are finished."""
    if not tasks:
        return
    lookup = lookup_of(part)

    def look(task: Task) -> None:
        marks.look_up(task.number, passes, lookup, read(task))

    with closing(run_tasks(look, tasks, threads)) as answers:
        for task, _ in answers:
            yield task


def mark_sorted(
    keys: SetKeys, units: int, read: Callable[[int], Keys], work: WorkFolder, progress: Progress
) -> Marks:
    """As `mark_tasks`, for units whose ids are in ascending order throughout: each part is held once.

    Args:
        keys: What the sets come to.
        units: How many units there are.
        read: Gives the ids of a unit, at least one.
        work: Where the bits are kept.
        progress: Told of every unit.
    """
    marks = Marks(keys, work, units)
    limits: list[tuple[Key, Key]] = [
        (part.read(0, 1)[0].key(0), part.read(part.rows - 1, part.rows)[0].key(0)) for part in keys.parts
    ]
    held, lookup = -1, None
    for unit in range(units):
        if marks.read(unit)[0] == len(keys.parts):
            continue
        asked = read(unit)
        found = np.zeros(len(asked), dtype=bool)
        first: Key = asked.key(0)
        last: Key = asked.key(-1)
        for number, (low, high) in enumerate(limits):
            if low > last or high < first:
                continue
            if lookup is None or held != number:
                lookup = None  # before the next is loaded, so that one is held at a time
                held, lookup = number, lookup_of(keys.parts[number])
            found |= lookup(asked)
        marks.write(unit, len(keys.parts), found)
        progress("looking up ids", unit + 1, units)
    return marks
