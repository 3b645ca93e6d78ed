"""Results of CLIP_benchmark: one JSON file a data set and checkpoint, or the CSV that its `build` makes of them."""

import csv
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from thresher.errors import FileFormatError, InputError
from thresher.runs.datacomp import PLAIN_FOLDERS
from thresher.runs.logged import Checkpoint, accuracy
from thresher.runs.tasks import PER_CLASS_TASKS, task_key
from thresher.stored import parse_foreign_json

READER = "clip_benchmark"
COLUMNS = ("dataset", "model", "pretrained", "task")

_EPOCH = re.compile(r"epoch[_-]?(\d+)")


def is_clip_benchmark(found: object) -> bool:
    """Whether a JSON document is one of its results."""
    return isinstance(found, dict) and all(name in found for name in (*COLUMNS, "metrics"))


def read_clip_benchmark_json(path: Path) -> Checkpoint | None:
    """The result in one JSON file; None for a task that is no zero-shot task.

    Raises:
        FileFormatError: The file is not whole JSON of that kind.
        InputError: A result that is no accuracy, or a checkpoint without an epoch in its name.
    """
    try:
        found = parse_foreign_json(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, ValueError) as error:
        raise FileFormatError(
            f"{path} is not whole JSON: its writer was stopped. Evaluate it again."
        ) from error
    if not is_clip_benchmark(found):
        raise FileFormatError(
            f"{path} is no CLIP_benchmark result: it needs {', '.join(COLUMNS)} and metrics."
        )
    return _checkpoint(found, found["metrics"], str(path))


def read_clip_benchmark_csv(path: Path) -> tuple[Checkpoint, ...]:
    """The results in a CSV made by `clip_benchmark build`.

    Raises:
        InputError: A result that is no accuracy, or a checkpoint without an epoch in its name.
    """
    rows = []
    with path.open(encoding="utf-8-sig", newline="") as stream:
        for number, row in enumerate(csv.DictReader(stream), start=2):
            metrics = {name: _number(cell) for name, cell in row.items() if name not in COLUMNS}
            rows.append(_checkpoint(row, metrics, f"{path} row {number}"))
    return tuple(row for row in rows if row is not None)


def _number(cell: str | None) -> float | None:
    try:
        return float(cell) if cell else None
    except ValueError:
        return None


def _checkpoint(found: Mapping[str, Any], metrics: Mapping[str, Any], place: str) -> Checkpoint | None:
    key = task_key(str(found["dataset"]))
    kind = str(found["task"])
    tasks: dict[str, float] = {}
    logged: dict[str, float] = {}
    if kind == "zeroshot_classification":
        name = "mean_per_class_recall" if key in PER_CLASS_TASKS else "acc1"
        tasks[key] = accuracy(metrics.get(name), f"{name} of {key}", place)
    elif kind == "zeroshot_retrieval":
        both = [metrics.get(f"{side}_retrieval_recall@1") for side in ("image", "text")]
        if all(value is not None for value in both):
            tasks[key] = sum(accuracy(value, f"recall@1 of {key}", place) for value in both) / 2
        for name, value in metrics.items():
            if value is not None:
                logged[f"{key}_{name}"] = accuracy(value, name, place)
    else:
        return None
    run, epoch = _run_of(str(found["pretrained"]), place)
    return Checkpoint(run, place, READER, epoch, tasks=tasks, logged=logged, model=str(found["model"]))


def _run_of(pretrained: str, place: str) -> tuple[str, float | None]:
    """Run and epoch of a checkpoint's path, `.../RUN/checkpoints/epoch_4.pt`; only its last parts count."""
    path = Path(pretrained.replace("\\", "/"))
    parents = [name for name in path.parts[:-1] if name not in PLAIN_FOLDERS]
    found = _EPOCH.search(path.stem)
    if not parents:
        raise InputError(
            f"{place}: pretrained is {pretrained!r}, not the path of a checkpoint such as RUN/checkpoints/epoch_4.pt, so the run "
            "is not known. Evaluate the run's own checkpoints."
        )
    return parents[-1], float(found[1]) if found else None
