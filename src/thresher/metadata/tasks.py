"""Work on a table cut into tasks: the unit that runs on a thread, and that a resumed command skips."""

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from thresher.metadata.parquet import InputFile
from thresher.metadata.table import Table

MOST_TASK_ROWS = 2_500_000
"""About half a second of work; what a kill can cost, and what holds memory while it is sorted."""
LEAST_TASK_ROWS = 250_000
FEWEST_TASKS = 8
MOST_TASKS = 512
"""More runs than this make a merge read in small pieces; larger tables get larger tasks."""

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Task:
    """Row groups of files, about the same number of rows in every task."""

    number: int
    pieces: tuple[tuple[InputFile, tuple[int, ...]], ...]

    @property
    def rows(self) -> int:
        """Rows of the task, before any filter."""
        return sum(file.row_groups[group] for file, groups in self.pieces for group in groups)


def make_tasks(table: Table) -> list[Task]:
    """The table's row groups as tasks, in the order of the files; the same whatever the machine."""
    rows = table.file_rows
    size = max(min(MOST_TASK_ROWS, max(LEAST_TASK_ROWS, rows // FEWEST_TASKS)), rows // MOST_TASKS)
    tasks: list[Task] = []
    pieces: list[tuple[InputFile, tuple[int, ...]]] = []
    held = 0
    for file in table.files:
        groups: list[int] = []
        for group, count in enumerate(file.row_groups):
            groups.append(group)
            held += count
            if held >= size:
                tasks.append(Task(len(tasks), (*pieces, (file, tuple(groups)))))
                pieces, groups, held = [], [], 0
        if groups:
            pieces.append((file, tuple(groups)))
    if pieces or not tasks:
        tasks.append(Task(len(tasks), tuple(pieces)))
    return tasks


def run_tasks(
    work: Callable[[Task], Answer], tasks: Sequence[Task], threads: int
) -> Generator[tuple[Task, Answer], None, None]:
    """Run `work` on every task, some at a time; answers as they come.

    The first error, or an interruption, stops the rest: tasks that run are waited for, others never start.
    """
    if threads == 1 or len(tasks) < 2:
        for task in tasks:
            yield task, work(task)
        return
    waiting = iter(tasks)
    running: dict[Future[Any], Task] = {}
    with ThreadPoolExecutor(threads) as pool:
        try:
            for task in islice(waiting, threads):
                running[pool.submit(work, task)] = task
            while running:
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    task = running.pop(future)
                    answer = future.result()
                    for following in islice(waiting, 1):
                        running[pool.submit(work, following)] = following
                    yield task, answer
        finally:
            for future in running:
                future.cancel()
