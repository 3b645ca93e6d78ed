"""Results of CLIP_benchmark: one JSON file a data set and checkpoint, or the CSV that its `build` makes of them."""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from thresher.errors import FileFormatError
from thresher.runs.datacomp import PLAIN_FOLDERS
from thresher.runs.logged import Checkpoint, Logs
from thresher.runs.passed import Passed
from thresher.runs.tasks import PER_CLASS_TASKS, task_key
from thresher.runs.texts import Table, cell_value, number_of

READER = "clip_benchmark"
COLUMNS = ("dataset", "model", "pretrained", "task")
ENGLISH = "en"
"""The language of a result that names none, as older releases wrote them."""
CLASSIFICATION, RETRIEVAL = "zeroshot_classification", "zeroshot_retrieval"

_EPOCH = re.compile(r"epoch[_-]?(\d{1,9})(?!\d)")


def is_clip_benchmark(found: object) -> bool:
    """Whether a JSON document is one of its results."""
    return (
        isinstance(found, dict)
        and all(name in found for name in COLUMNS)
        and isinstance(found.get("metrics"), dict)
    )


def read_clip_benchmark(found: Mapping[str, Any], place: str) -> Logs:
    """The result in one JSON document; one that is of another kind of task, or of no run, is passed over.

    Raises:
        FileFormatError: The document is none of its results.
    """
    if not is_clip_benchmark(found):
        raise FileFormatError(
            f"{place} is no CLIP_benchmark result: it needs {', '.join(COLUMNS)} and metrics."
        )
    return _result(found, found["metrics"], place)


def read_clip_benchmark_table(table: Table) -> Logs:
    """The results in a CSV made by `clip_benchmark build`.

    Raises:
        InputError: A column that says what a result is stands there twice.
    """
    said = {name: table.at(name) for name in COLUMNS}
    if "language" in table.header:
        said["language"] = table.at("language")
    checkpoints: list[Checkpoint] = []
    passed = list(table.passed)
    for number, cells in table.rows:
        found = {name: cells[at].strip() for name, at in said.items()}
        metrics = {
            name: cell_value(cells[at]) for at, name in enumerate(table.header) if at not in said.values()
        }
        logs = _result(found, metrics, table.place(number))
        checkpoints += logs.checkpoints
        passed += logs.passed
    return Logs(tuple(checkpoints), passed=tuple(passed))


def _result(found: Mapping[str, Any], metrics: Mapping[str, Any], place: str) -> Logs:
    kind, language = str(found["task"]), found.get("language") or ENGLISH
    key = task_key(str(found["dataset"]))
    if str(language).lower() != ENGLISH:
        key = f"{key}_{str(language).lower()}"  # another task: its class names and captions are other words
    if kind not in (CLASSIFICATION, RETRIEVAL):
        return Logs(passed=(Passed(place, f"{kind:.40} is no zero-shot task", "result"),))
    path = PurePosixPath(str(found["pretrained"]).replace("\\", "/"))
    parts = list(path.parts[:-1])
    while parts and parts[-1] in PLAIN_FOLDERS:
        parts.pop()
    if not parts or parts == ["/"]:
        reason = "pretrained is not the path of a run's checkpoint, such as RUN/checkpoints/epoch_4.pt"
        return Logs(passed=(Passed(place, reason, "result"),))
    epoch = _EPOCH.search(path.stem)
    checkpoint = Checkpoint(
        parts[-1],
        place,
        READER,
        float(epoch[1]) if epoch else None,
        tasks=_main_metric(kind, key, metrics),
        logged={f"{key}_{name}": value for name, value in metrics.items() if value is not None},
        model=str(found["model"]),
        home=str(PurePosixPath(*parts)),
    )
    return Logs((checkpoint,))


def _main_metric(kind: str, key: str, metrics: Mapping[str, Any]) -> dict[str, object]:
    """The accuracy of a task, where its result has the metric that the task is known by."""
    if kind == CLASSIFICATION:
        name = "mean_per_class_recall" if key in PER_CLASS_TASKS else "acc1"
        return {key: metrics[name]} if name in metrics else {}
    both = [metrics.get(f"{side}_retrieval_recall@1") for side in ("image", "text")]
    if all(value is None for value in both):
        return {}
    numbers = [number_of(value) for value in both]
    known = [number for number in numbers if number is not None]
    return {key: sum(known) / 2 if len(known) == len(both) else None}
