"""DataComp's evaluations: files of one JSON line a task, named after checkpoints in several ways."""

import re
from pathlib import Path
from typing import Any

from thresher.errors import FileFormatError
from thresher.runs.logged import HALF_WRITTEN, Checkpoint, Logs, Refused, read_json_lines
from thresher.runs.passed import Passed
from thresher.runs.tasks import task_key
from thresher.runs.texts import read_text
from thresher.stored import parse_foreign_json

READER = "datacomp"

_EPOCH = re.compile(r"epoch[_-]?(\d{1,9})(?!\d)")
_PASSES = re.compile(r"(.+)_(\d{1,9}(?:\.\d{1,9})?)x")
_KEY = re.compile(r'"key":\s*"((?:[^"\\]|\\.)*)"')
"""The task that a line is of, also where the line is only half there."""
PLAIN_FOLDERS = ("checkpoints", "evals", "eval", "results")
"""Folders that say nothing about a run; its name is the one above."""


def is_datacomp(found: object) -> bool:
    """Whether a JSON document is the result of one task."""
    return isinstance(found, dict) and "key" in found and isinstance(found.get("metrics"), dict)


def read_datacomp(path: Path) -> Logs:
    """One checkpoint's evaluation, named in one of these ways.

    `RUN/eval_results_epoch_4_step_-1.jsonl`, `RUN/epoch_4/eval_results.jsonl`, `RUN_4x/eval_results.jsonl` (four
    passes over the pool), or `RUN/eval_results.jsonl` for the end of the run; `results.jsonl` is the name under which
    DataComp's submission uploads it. A file that is one JSON list is read as well. The `info.pkl` beside such files is
    never opened.

    Raises:
        FileFormatError: It is no text, or holds no DataComp result.
    """
    lines, passed = _results(path)
    tasks: dict[str, object] = {}
    places: dict[str, int] = {}
    name = str(path)
    for number, found in lines:
        place = f"{name} line {number}"
        if not is_datacomp(found):
            passed += (Passed(place, "no DataComp result: it needs key and metrics", "line"),)
            continue
        value = found["metrics"].get("main_metric")
        if value is None:
            continue
        key = task_key(str(found["key"]))
        known = tasks.setdefault(key, value)
        if known != value and not isinstance(known, Refused):
            tasks[key] = Refused(
                f"{place} and line {places[key]} give different results for task {key!r}: two evaluations wrote into one "
                "file. Keep the lines of one."
            )
        places.setdefault(key, number)
    for key, one in _half_written(path, passed):
        tasks.setdefault(
            key,
            Refused(f"{one.place} is {HALF_WRITTEN}. Remove that line and evaluate that checkpoint again."),
        )
    if not tasks:
        raise FileFormatError(f"{path} holds no result with a main_metric. Evaluate that checkpoint again.")
    run, epoch, passes = checkpoint_of(path)
    home = str(home_of(path))
    return Logs((Checkpoint(run, name, READER, epoch, passes, tasks=tasks, home=home),), passed=passed)


def _results(path: Path) -> tuple[tuple[tuple[int, dict[str, Any]], ...], tuple[Passed, ...]]:
    if path.suffix == ".json":
        try:
            whole = parse_foreign_json(read_text(path))
        except ValueError:
            return read_json_lines(path)
        listed = whole if isinstance(whole, list) else [whole]
        return tuple((at, one) for at, one in enumerate(listed, start=1) if isinstance(one, dict)), ()
    return read_json_lines(path)


def _half_written(path: Path, passed: tuple[Passed, ...]) -> list[tuple[str, Passed]]:
    """The tasks of lines that are only half there, where the half names its task."""
    if not any(one.reason == HALF_WRITTEN for one in passed):
        return []
    lines = read_text(path).split("\n")
    found = []
    for one in passed:
        if one.reason == HALF_WRITTEN:
            line = lines[int(one.place.rsplit(" ", 1)[1]) - 1]
            found += [(task_key(match[1]), one) for match in _KEY.finditer(line)]
    return found


def home_of(path: Path) -> Path:
    """The folder of the run whose results file `path` is; for `RUN_4x` the folder `RUN`, which need not exist."""
    if not _EPOCH.search(path.stem):
        if _EPOCH.fullmatch(path.parent.name):
            return _above(path.parent.parent)
        if found := _PASSES.fullmatch(path.parent.name):
            return path.parent.with_name(found[1])
    return _above(path.parent)


def checkpoint_of(path: Path) -> tuple[str, float | None, float | None]:
    """Run, epoch and passes that the name of a results file gives.

    >>> checkpoint_of(Path("logs/b0/eval_results_epoch_4_step_-1.jsonl"))
    ('b0', 4.0, None)
    >>> checkpoint_of(Path("evals/b0-seed1/epoch_2/eval_results.jsonl"))
    ('b0-seed1', 2.0, None)
    >>> checkpoint_of(Path("bucket1_8x/eval_results.jsonl"))
    ('bucket1', None, 8.0)
    """
    home = home_of(path)
    run = home.name or home.resolve().name
    if found := _EPOCH.search(path.stem):
        return run, float(found[1]), None
    if found := _EPOCH.fullmatch(path.parent.name):
        return run, float(found[1]), None
    if found := _PASSES.fullmatch(path.parent.name):
        return run, None, float(found[2])
    return run, None, None


def _above(folder: Path) -> Path:
    while folder.name in PLAIN_FOLDERS and folder.parent != folder:
        folder = folder.parent
    return folder
