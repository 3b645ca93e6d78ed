"""Tasks over processes of one thread each, longest first; every result is kept as it comes, so that a re-run goes on.

Processes are ours rather than an executor's: they end with the process that started them, however it ends, an interrupt
stops them at once, and none of them runs the user's own script again.
"""

import os
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, cast

from thresher.arguments import argument
from thresher.errors import InputError, ThresherError
from thresher.files import write_json
from thresher.lab.pairs import LabData
from thresher.lab.stored import read_lab_data
from thresher.lab.tasks import Task
from thresher.stored import read_stored

RESULT_VERSION = 1
REPORT_SECONDS = 0.5
"""How often a process says how far it is."""
COMMAND = "thresher lab run"
Progress = Callable[[int, int], None]
"""Told of samples trained on so far, and of all."""


@dataclass(frozen=True)
class Place:
    """Where tasks find the data, and leave results.

    Attributes:
        data: Folder of the laboratory's data.
        results: One JSON file for each finished task.
        trained: Folders of trainers that keep something.
    """

    data: Path
    results: Path
    trained: Path

    def result(self, task: Task) -> dict[str, Any] | None:
        """What a finished task found; None for one that is not finished."""
        path = self.results / f"{task.name}.json"
        if not path.exists():
            return None
        from thresher.lab.lab_model import RESULTS

        schema, remedy = RESULTS[getattr(task, "result", "other")], "delete it, and that run is done again"
        return read_stored(path, schema, "lab-result", RESULT_VERSION, COMMAND, remedy=remedy).model_dump()

    def keep(self, task: Task, found: Mapping[str, Any]) -> None:
        """Keep what a task found, whole or not at all."""
        write_json(self.results / f"{task.name}.json", "lab-result", RESULT_VERSION, found)


def do_tasks(
    tasks: Iterable[Task], data: LabData, place: Place, processes: int, progress: Progress | None = None
) -> dict[str, dict[str, Any]]:
    """Do what is not done yet.

    Args:
        tasks: Distinct names.
        data: What they work on; also in the folder `place.data`, where other processes read it.
        place: Where results are kept.
        processes: How many tasks at a time; with 1 all is done in this process.
        progress: Told of samples trained on.

    Returns:
        Results by name of task.

    Raises:
        InputError: A task was refused, a result cannot be written, or a process was killed.
    """
    tasks = list(tasks)
    found = {task.name: place.result(task) for task in tasks}
    left = sorted((task for task in tasks if found[task.name] is None), key=lambda task: -task.samples)
    before = sum(task.samples for task in tasks) - sum(task.samples for task in left)
    report = _Report(before, sum(task.samples for task in tasks), progress)
    if processes == 1 or len(left) < 2:
        for task in left:
            result = task.do(data, place.trained, partial(report, task.name))
            _keep(task, result, place, found)
            report(task.name, task.samples)
    else:
        _spread(left, place, min(processes, len(left)), report, found)
    return {name: result for name, result in found.items() if result is not None}


def _keep(task: Task, result: dict[str, Any], place: Place, found: dict[str, dict[str, Any] | None]) -> None:
    place.keep(task, result)
    found[task.name] = result


class _Report:
    """Adds up how far every task is."""

    def __init__(self, before: int, total: int, progress: Progress | None) -> None:
        self.before, self.total, self.progress = before, total, progress
        self.seen: dict[str, int] = {}

    def __call__(self, name: str, seen: int) -> None:
        self.seen[name] = seen
        if self.progress:
            self.progress(self.before + sum(self.seen.values()), self.total)


def _spread(
    left: list[Task], place: Place, processes: int, report: _Report, found: dict[str, dict[str, Any] | None]
) -> None:
    """Do the tasks in other processes, each taking the next when it is free."""
    waiting = list(left)
    busy: dict[Connection, Task] = {}
    with ExitStack() as stack:
        for _ in range(processes):
            ours = _start(place, stack)
            busy[ours] = waiting[0]
            ours.send(waiting.pop(0))
        while busy:
            for ready in wait(list(busy)):
                ours = cast("Connection", ready)
                task = busy[ours]
                kind, content = _receive(ours, task)
                if kind == "seen":
                    report(task.name, content)
                    continue
                if kind == "refused":
                    raise InputError(f"{task.name}: {content}")
                if kind == "failed":
                    raise RuntimeError(f"{task.name} failed:\n{content}")
                _keep(task, content, place, found)
                report(task.name, task.samples)
                if waiting:
                    busy[ours] = waiting[0]
                    ours.send(waiting.pop(0))
                else:
                    del busy[ours]


def _start(place: Place, stack: ExitStack) -> Connection:
    """A process that serves; it ends with the stack, or when this process does."""
    mine, theirs = socket.socketpair()
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with theirs:
        code = f"from thresher.lab.workers import serve; serve({theirs.fileno()})"
        command = [sys.executable, "-P", "-c", code]
        # a session of its own: an interrupt at the terminal is this process's to pass on
        process = subprocess.Popen(
            command, pass_fds=[theirs.fileno()], env=environment, start_new_session=True
        )
    stack.callback(process.wait)
    stack.callback(process.terminate)
    ours = stack.enter_context(Connection(mine.detach()))
    ours.send(place)
    return ours


def _receive(connection: Connection, task: Task) -> tuple[str, Any]:
    try:
        kind, content = connection.recv()
    except (EOFError, ConnectionError) as error:
        raise InputError(
            f"The process that trained {task.name} was killed, perhaps for want of memory; what is finished is kept. "
            f"Run the command again, with fewer {argument('processes')} if memory is short."
        ) from error
    return kind, content


def serve(descriptor: int) -> None:
    """A process: take tasks over a socket until the other side is gone."""
    connection = Connection(descriptor)
    data: LabData | None = None
    try:
        place: Place = connection.recv()
        while True:
            task: Task = connection.recv()
            try:
                data = data or read_lab_data(place.data)
                if data is None:
                    raise InputError(f"{place.data} is gone; run the command again.")
                connection.send(("done", task.do(data, place.trained, _reporter(connection))))
            except (EOFError, ConnectionError):
                raise
            except ThresherError as error:
                connection.send(("refused", str(error)))
            except Exception:
                connection.send(("failed", traceback.format_exc()))
    except (EOFError, ConnectionError):
        return


def _reporter(connection: Connection) -> Callable[[int], None]:
    last = time.monotonic()

    def report(seen: int) -> None:
        nonlocal last
        if time.monotonic() - last >= REPORT_SECONDS:
            last = time.monotonic()
            connection.send(("seen", seen))

    return report
