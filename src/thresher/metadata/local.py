"""The engine for one machine: Arrow streams the columns, numpy counts and sorts, memory stays bounded."""

import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from thresher.arguments import argument
from thresher.errors import InputError
from thresher.metadata.engine import Bin, Block, Engine, Progress, SortedIds, Window, no_progress
from thresher.metadata.ids import IdKind, read_keys
from thresher.metadata.keys import Keys, TextKeys
from thresher.metadata.marks import Asked, Marks, mark_tasks
from thresher.metadata.order import score_values, to_ordered
from thresher.metadata.parquet import InputFile, open_parquet
from thresher.metadata.selection import Edge, Selection, Tally
from thresher.metadata.set_keys import sort_sets
from thresher.metadata.spill import Run, check_files, merge_runs, sort_parts, write_run
from thresher.metadata.table import Table
from thresher.metadata.tasks import Task, make_tasks, run_tasks
from thresher.metadata.types import Array, ArrowBatch, Carried, Key, Rows
from thresher.metadata.work import WorkFolder, damaged_work, fingerprint
from thresher.stored import DamageError
from thresher.stored_arrays import load_arrays

DEFAULT_MEMORY = 512_000_000
LEAST_MEMORY = 256_000_000
OWN_MEMORY = 190_000_000
"""The interpreter, numpy, Arrow and its read buffers, measured; the rest of the memory is for keys."""
SORT_FACTOR = 5
"""Sorting holds this many times the keys' bytes at its peak: parts, their concatenation, positions, the result."""
MOST_MERGED_KEYS = 2_000_000
"""More than this at a time makes merging no faster."""
BATCH_ROWS = 1 << 17
BIN_BITS = 16
"""65,536 bins stay in cache; two scans make a float32 exact, four a float64."""
SNAPSHOT_TASKS = 16


@dataclass(frozen=True)
class Local(Engine):
    """This machine.

    Attributes:
        memory: Bytes of private memory to stay below.
        workers: Threads; None for one per processor.
        progress: Told of every finished piece of work.
    """

    memory: float = DEFAULT_MEMORY
    workers: int | None = None
    progress: Progress = no_progress

    name = "local"

    def __post_init__(self) -> None:
        if not self.memory >= LEAST_MEMORY:
            raise InputError(
                f"{argument('memory')} is {self.memory / 1e6:.0f}M; at least {LEAST_MEMORY / 1e6:.0f}M is needed."
            )
        if self.workers is not None and self.workers < 1:
            raise InputError(f"{argument('workers')} is {self.workers}; at least 1 is needed.")

    @property
    def threads(self) -> int:
        """Threads that work at once."""
        return self.workers or os.cpu_count() or 1

    def count(self, table: Table, windows: Sequence[Window], work: WorkFolder) -> list[list[Bin]]:
        """Rows per score within each window; see `Engine.count`. Bins are prefixes of the ordered score."""
        shifts, sizes = bin_shapes(windows)
        tasks = make_tasks(table)
        name = f"scan-{fingerprint({'windows': [(w.low, w.high) for w in windows]})[:16]}.npz"
        counts, done = _counts_so_far(work, name, sum(sizes), len(tasks))
        starts = np.concatenate([[0], np.cumsum(sizes)])
        marks = self._marks(table, tasks, work)

        def scan(task: Task) -> Array:
            found = np.zeros(sum(sizes), dtype=np.int64)
            for file, batch in batches(task, table, with_ids=False, marks=marks):
                ordered = ordered_scores(batch, table, file)
                for number, window in enumerate(windows):
                    part = found[starts[number] : starts[number + 1]]
                    count_batch(ordered, window, shifts[number], part)
            return found

        left = [task for task in tasks if not done[task.number]]
        rows_done = sum(task.rows for task in tasks) - sum(task.rows for task in left)
        with closing(run_tasks(scan, left, self.threads)) as answers:
            for finished, (task, found) in enumerate(answers, 1):
                counts += found
                done[task.number] = True
                rows_done += task.rows
                self.progress("counting scores", rows_done, table.file_rows)
                if finished % SNAPSHOT_TASKS == 0 or finished == len(left):
                    with work.writing(name) as path, path.open("wb") as snapshot:
                        np.savez_compressed(snapshot, counts=counts, done=done)
        return [
            bins_of(counts[starts[i] : starts[i + 1]], window, shifts[i]) for i, window in enumerate(windows)
        ]

    def select(self, table: Table, selection: Selection, work: WorkFolder) -> "LocalIds":
        """The chosen ids as sorted runs in the work folder; see `Engine.select`."""
        tasks = make_tasks(table)
        prefix = fingerprint({"selection": repr(selection)})[:12]
        kept = [_kept(work, f"{prefix}-{task.number:06d}.json", task, selection) for task in tasks]
        left = [task for task, found in zip(tasks, kept, strict=True) if found is None]
        rows_done = table.file_rows - sum(task.rows for task in left)
        room = (self.memory - OWN_MEMORY) / self.threads / SORT_FACTOR
        marks = self._marks(table, tasks, work)

        def pick(task: Task) -> dict[str, Any]:
            found = _pick(task, table, selection, work, room, f"{prefix}-{task.number:06d}", marks)
            work.put(f"{prefix}-{task.number:06d}.json", found)
            return found

        with closing(run_tasks(pick, left, self.threads)) as answers:
            for task, found in answers:
                kept[task.number] = found
                rows_done += task.rows
                self.progress("selecting samples", rows_done, table.file_rows)
        capacity = int((self.memory - OWN_MEMORY) / SORT_FACTOR / _key_bytes(table.id_kind))
        whole = [found for found in kept if found is not None]
        return LocalIds(table.id_kind, selection, whole, work, min(capacity, MOST_MERGED_KEYS))

    def _marks(self, table: Table, tasks: Sequence[Task], work: WorkFolder) -> Marks | None:
        """Which rows pass the table's sets of ids; None without any."""
        if not table.sets:
            return None
        unscored = replace(table, score=None)
        keys = sort_sets(table.sets, work, self.memory - OWN_MEMORY, self.progress)
        return mark_tasks(keys, tasks, lambda task: _asked(task, unscored), work, self.threads, self.progress)


@dataclass(frozen=True)
class LocalIds(SortedIds):
    """Sorted runs, and the tied samples among which the smaller ids are still to be taken."""

    kind: IdKind
    selection: Selection
    found: Sequence[dict[str, Any]]
    work: WorkFolder
    capacity: int

    @property
    def rows_in(self) -> int:
        """Rows looked at, after `--where`."""
        return sum(task["rows"] for task in self.found)

    @cached_property
    def tally(self) -> Tally:
        """Counts per slice."""
        tally = sum((Tally(*task["tally"]) for task in self.found), Tally.zero(len(self.selection.slices)))
        edge = self.selection.open_ties
        if edge is not None:
            taken = min(edge.ties or 0, sum(run.rows for run in self._runs("tied")))
            for counts in tally.lists:
                counts[-1] += taken
        return tally

    def blocks(self, after: Key = None) -> Iterator[Block]:
        """Keys in ascending order; see `SortedIds.blocks`."""
        return merge_runs([*self._runs("runs"), *self._taken_ties], self.capacity, after)

    def _runs(self, name: str) -> list[Run]:
        text = self.kind is IdKind.TEXT
        rows = [run for task in self.found for run in task[name]]
        return [Run(self.work.file(run["file"]), run["rows"], run["carries"], text) for run in rows]

    @cached_property
    def _taken_ties(self) -> list[Run]:
        """The tied samples of the smallest ids, as runs of their own."""
        edge = self.selection.open_ties
        left = 0 if edge is None else int(edge.ties or 0)
        taken: list[Run] = []
        for keys, _ in merge_runs(self._runs("tied"), self.capacity) if left else ():
            keys = keys.take(slice(0, left))
            path = self.work.file(f"taken-{len(taken):06d}.run")
            write_run(path, keys, None)
            taken.append(Run(path, len(keys), None, self.kind is IdKind.TEXT))
            left -= len(keys)
            if not left:
                break
        return taken


def batches(
    task: Task, table: Table, *, with_ids: bool, marks: Marks | None = None
) -> Iterator[tuple[InputFile, Any]]:
    """The record batches of a task's row groups with their files, filtered by the table's `where` and sets of ids.

    Raises:
        InputError: A file changed since the table was opened, or cannot be read.
    """
    found = _passing_where(task, table, with_ids=with_ids)
    return found if marks is None else marks.rows_of(task.number, found)


def _passing_where(task: Task, table: Table, *, with_ids: bool) -> Iterator[tuple[InputFile, Any]]:
    """The record batches of a task's row groups with their files, filtered by the table's `where`.

    Raises:
        InputError: A file changed since the table was opened, or cannot be read.
    """
    wanted = [table.score] if table.score else []
    columns = list(
        dict.fromkeys(
            [*wanted, *([table.id_column] if with_ids else []), *(table.where.columns if table.where else [])]
        )
    )
    for file, groups in task.pieces:
        file.check_unchanged()
        rows = 0
        with open_parquet(file.path) as parquet:
            if groups:
                for batch in parquet.iter_batches(
                    BATCH_ROWS, row_groups=list(groups), columns=columns, use_threads=False
                ):
                    rows += len(batch)
                    yield file, batch if table.where is None else batch.filter(table.where.mask(batch))
        if rows != sum(file.row_groups[group] for group in groups):
            raise InputError(f"{file.path} changed while it was being read; run the command again.")
        file.check_unchanged()


def ordered_scores(batch: ArrowBatch, table: Table, file: InputFile) -> Array:
    """The ordered scores of a record batch; zeros when the table is read without scores."""
    if table.score is None:
        return np.zeros(len(batch), dtype=np.uint32)
    try:
        return to_ordered(score_values(batch.column(table.score), table.score_width))
    except InputError as error:
        raise InputError(f"{file.path}: column {table.score!r}: {error}") from error


def _counts_so_far(work: WorkFolder, name: str, bins: int, tasks: int) -> tuple[Array, Array]:
    path = work.file(name)
    if not path.exists():
        return np.zeros(bins, dtype=np.int64), np.zeros(tasks, dtype=bool)
    try:
        kept = load_arrays(path, {"counts": ("int64", (bins,)), "done": ("bool", (tasks,))})
        if kept["counts"].min(initial=0) < 0:
            raise DamageError("it counts fewer rows than none")
    except DamageError as error:
        raise damaged_work(path, error) from error
    return kept["counts"], kept["done"]


def _kept(work: WorkFolder, name: str, task: Task, selection: Selection) -> dict[str, Any] | None:
    """What an earlier command found in a task, with its sorted runs as they were written; None where it did not finish."""
    found = work.get(name, "task")
    if found is None:
        return None
    try:
        if found["rows"] > task.rows or len(found["tally"][0]) != len(selection.slices):
            raise DamageError("it is of another task")
    except DamageError as error:
        raise damaged_work(work.file(name), error) from error
    check_files(work, name, {run["file"]: run["check"] for run in (*found["runs"], *found["tied"])})
    return found


def bin_shapes(windows: Sequence[Window]) -> tuple[list[int], list[int]]:
    """For each window, the bits that its bins leave out, and how many bins there are."""
    shifts = [max(0, (w.high - w.low).bit_length() - BIN_BITS) for w in windows]
    return shifts, [((w.high - w.low) >> shift) + 1 for w, shift in zip(windows, shifts, strict=True)]


def count_batch(ordered: Array, window: Window, shift: int, counts: Array) -> None:
    """Add the ordered scores that lie in a window to the counts of its bins."""
    unsigned = ordered.dtype.type
    if window.low > 0 or window.high < np.iinfo(ordered.dtype).max:
        ordered = ordered[(ordered >= unsigned(window.low)) & (ordered <= unsigned(window.high))]
    if len(ordered):
        places = (ordered - unsigned(window.low)) >> unsigned(shift)
        found = np.bincount(places.astype(np.intp))
        counts[: len(found)] += found


def bins_of(counts: Array, window: Window, shift: int) -> list[Bin]:
    """The non-empty bins of a window."""
    found = []
    for place in np.flatnonzero(counts).tolist():
        low = window.low + (place << shift)
        found.append(Bin(low, min(window.high, low + (1 << shift) - 1), int(counts[place])))
    return found


def _key_bytes(kind: IdKind) -> int:
    return 20 if kind is not IdKind.TEXT else TextKeys.bytes_per_key


def _pick(
    task: Task, table: Table, selection: Selection, work: WorkFolder, room: float, name: str,
    marks: Marks | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Write the task's chosen ids as sorted runs, each at most `room` bytes; what was written and counted."""
    sure, tied = _Sink(f"{name}-run", work, room), _Sink(f"{name}-tied", work, room / 4)
    rows, tally = 0, Tally.zero(len(selection.slices))
    open_ties = selection.open_ties
    for file, batch in batches(task, table, with_ids=True, marks=marks):
        rows += len(batch)
        ordered = ordered_scores(batch, table, file)
        chosen = np.flatnonzero(selection.may_hold(ordered))
        if not len(chosen):
            continue
        ordered = ordered[chosen]
        keys = _keys(batch, chosen, table, file)
        if open_ties is not None:
            ordered, keys = _set_ties_apart(ordered, keys, open_ties, tied)
        keys, carried, counted = selection.place(ordered, keys, table.id_kind)
        tally += counted
        sure.add(keys, carried)
    return {"rows": rows, "tally": tally.lists, "runs": sure.close(), "tied": tied.close()}


def _asked(task: Task, table: Table) -> Asked:
    """The ids of a task's rows, for marking; a row without an id is in no set."""
    for file, batch in batches(task, table, with_ids=True):
        missing = batch.column(table.id_column).null_count
        there = np.asarray(batch.column(table.id_column).is_valid()) if missing else None
        known = batch if there is None else batch.filter(batch.column(table.id_column).is_valid())
        yield len(batch), _keys(known, None, table, file), there


def _keys(batch: ArrowBatch, chosen: Rows, table: Table, file: InputFile) -> Keys:
    try:
        return read_keys(batch.column(table.id_column), table.id_kind, chosen)
    except InputError as error:
        raise InputError(f"{file.path}: column {table.id_column!r}: {error}") from error


def _set_ties_apart(ordered: Array, keys: Keys, edge: Edge, tied: "_Sink") -> tuple[Array, Keys]:
    ties = ordered == ordered.dtype.type(edge.score)
    if not ties.any():
        return ordered, keys
    tied.add(keys.take(ties), None)
    return ordered[~ties], keys.take(~ties)


class _Sink:
    """Collects keys in memory and writes them as sorted runs when there is no more room."""

    def __init__(self, name: str, work: WorkFolder, room: float) -> None:
        self.name, self.work, self.room = name, work, room
        self.parts: list[Block] = []
        self.bytes = 0
        self.written: list[dict[str, Any]] = []

    def add(self, keys: Keys, carried: Carried) -> None:
        """Take keys in any order."""
        if len(keys):
            self.parts.append((keys, carried))
            self.bytes += keys.nbytes + (0 if carried is None else carried.nbytes)
            if self.bytes >= self.room:
                self._flush()

    def close(self) -> list[dict[str, Any]]:
        """Write what is left; all runs that were written."""
        if self.parts:
            self._flush()
        return self.written

    def _flush(self) -> None:
        keys, carried = sort_parts(self.parts)
        self.parts, self.bytes = [], 0
        file = f"{self.name}-{len(self.written):03d}"
        check = write_run(self.work.file(file), keys, carried)
        carries = None if carried is None else carried.dtype.str
        self.written.append({"file": file, "rows": len(keys), "carries": carries, "check": check})
