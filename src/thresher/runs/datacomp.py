"""DataComp's evaluations: files of one JSON line a task, named after checkpoints in several ways."""

import re
from pathlib import Path

from thresher.errors import FileFormatError, InputError
from thresher.runs.logged import Checkpoint, accuracy, read_json_lines
from thresher.runs.tasks import task_key

READER = "datacomp"

_EPOCH = re.compile(r"epoch[_-]?(\d+)")
_PASSES = re.compile(r"(.+)_(\d+(?:\.\d+)?)x")
PLAIN_FOLDERS = ("checkpoints", "evals", "eval", "results")
"""Folders that say nothing about a run; its name is the one above."""


def read_datacomp(path: Path) -> Checkpoint:
    """One checkpoint's evaluation, named in one of these ways.

    `RUN/eval_results_epoch_4_step_-1.jsonl`, `RUN/epoch_4/eval_results.jsonl`, `RUN_4x/eval_results.jsonl` (four
    passes over the pool), or `RUN/eval_results.jsonl` for the end of the run. The `info.pkl` beside such files is
    never opened.

    Raises:
        FileFormatError: A line is not whole, or is no DataComp result.
        InputError: A task without a usable main metric, or two results for one task.
    """
    tasks: dict[str, float] = {}
    places: dict[str, int] = {}
    name = str(path)
    for number, found in read_json_lines(path):
        metrics = found.get("metrics")
        if "key" not in found or not isinstance(metrics, dict):
            raise FileFormatError(
                f"{path} line {number} is no DataComp result: it needs key and metrics, and has {', '.join(found)}."
            )
        value = metrics.get("main_metric")
        if value is None:
            continue
        key = task_key(str(found["key"]))
        place = f"{name} line {number}"
        result = accuracy(value, f"main_metric of {key}", place)
        if tasks.setdefault(key, result) != result:
            raise InputError(
                f"{place} and line {places[key]} give different results for task {key!r}: two evaluations wrote into one "
                "file. Keep the lines of one."
            )
        places.setdefault(key, number)
    if not tasks:
        raise FileFormatError(f"{path} holds no result with a main_metric. Evaluate that checkpoint again.")
    run, epoch, passes = checkpoint_of(path)
    return Checkpoint(run, name, READER, epoch, passes, tasks=tasks)


def checkpoint_of(path: Path) -> tuple[str, float | None, float | None]:
    """Run, epoch and passes that the name of a results file gives.

    >>> checkpoint_of(Path("logs/b0/eval_results_epoch_4_step_-1.jsonl"))
    ('b0', 4.0, None)
    >>> checkpoint_of(Path("evals/b0-seed1/epoch_2/eval_results.jsonl"))
    ('b0-seed1', 2.0, None)
    >>> checkpoint_of(Path("bucket1_8x/eval_results.jsonl"))
    ('bucket1', None, 8.0)
    """
    if found := _EPOCH.search(path.stem):
        return _named(path.parent), float(found[1]), None
    if found := _EPOCH.fullmatch(path.parent.name):
        return _named(path.parent.parent), float(found[1]), None
    if found := _PASSES.fullmatch(path.parent.name):
        return found[1], None, float(found[2])
    return _named(path.parent), None, None


def _named(folder: Path) -> str:
    while folder.name in PLAIN_FOLDERS and folder.parent != folder:
        folder = folder.parent
    return folder.name or folder.resolve().name
