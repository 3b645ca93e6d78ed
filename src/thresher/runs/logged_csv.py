"""CSV exports of experiment trackers: W&B charts and run lists, MLflow metric histories and run lists."""

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from thresher.errors import FileFormatError, InputError
from thresher.runs.logged import Checkpoint, sorted_metrics
from thresher.runs.tensorboard import at_step

READER = "logged_csv"
HISTORY_COLUMNS = ("key", "value", "step")
NAME_COLUMNS = ("Name", "Run Name", "name", "tags.mlflow.runName")
RUN_COLUMNS = (*NAME_COLUMNS, "Run ID", "run_id")
"""Columns that name a run, in the exports of MLflow's page and command line, and of W&B; a name comes before an id."""
STEP_COLUMNS: Mapping[str, str] = {"epoch": "epochs", "Step": "batches", "trainer/global_step": "batches",
                                   "samples_seen": "samples"}  # fmt: skip
"""Columns that say how far training was, and what they count."""
AGGREGATES = ("__MIN", "__MAX")
"""W&B adds each line's smoothed-away extremes under these names; they are not measurements."""
PREFIXES = ("metrics.", "summary.", "val/")


def is_logged_csv(header: Sequence[str]) -> bool:
    """Whether a header is one of a tracker's export."""
    return (
        all(name in header for name in HISTORY_COLUMNS)
        or any(" - " in name for name in header)
        or any(name in header for name in RUN_COLUMNS)
    )


def read_logged_csv(path: Path, step: str | None) -> tuple[Checkpoint, ...]:
    """The measurements in an export.

    Three forms are known: one column a run and metric (`RUN - METRIC`, W&B's charts), one row a value (`run_id, key,
    value, step`, MLflow's metric histories), and one row a run (both trackers' run lists, where the column `epoch`
    or `samples_seen` says how far it was).

    Args:
        path: The CSV.
        step: What steps count; None is batches, or epochs where the column is called `epoch`.

    Raises:
        FileFormatError: It is none of these, or a cell is not a number.
        InputError: An accuracy that is none.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            header = list(reader.fieldnames or ())
            rows = [(number, row) for number, row in enumerate(reader, start=2)]
    except UnicodeDecodeError as error:
        raise FileFormatError(f"{path} is not UTF-8 text. Export it again.") from error
    for number, row in rows:
        if None in row or None in row.values():
            raise FileFormatError(
                f"{path} row {number} has not as many cells as the header. Export it again."
            )
    if all(name in header for name in HISTORY_COLUMNS):
        return _history(path, rows, step)
    if any(" - " in name for name in header):
        return _chart(path, header, rows, step)
    return _run_list(path, header, rows)


Rows = Sequence[tuple[int, Mapping[str, str]]]


def _chart(path: Path, header: Sequence[str], rows: Rows, step: str | None) -> tuple[Checkpoint, ...]:
    columns = [name for name in header if " - " in name and not name.endswith(AGGREGATES)]
    axis = next((name for name in header if " - " not in name), None)
    if axis is None:
        raise FileFormatError(f"{path} has no column for the step. Export the chart again with its x axis.")
    counts = step or STEP_COLUMNS.get(axis.rsplit("/", 1)[-1], "batches")
    found: dict[tuple[str, float], dict[str, object]] = {}
    for number, row in rows:
        place = f"{path} row {number}"
        for name in columns:
            if row[name].strip():
                run, metric = name.rsplit(" - ", 1)
                at = _number(row[axis], axis, place)
                found.setdefault((run, at), {})[metric] = _number(row[name], name, place)
    return _checkpoints(path, found, counts)


def _history(path: Path, rows: Rows, step: str | None) -> tuple[Checkpoint, ...]:
    found: dict[tuple[str, float], dict[str, object]] = {}
    ids: dict[str, str] = {}
    for number, row in rows:
        place = f"{path} row {number}"
        run = row.get("run_name") or row.get("run_id") or row.get("run_uuid") or path.stem
        known = ids.setdefault(run, row.get("run_id") or "")
        if known != (row.get("run_id") or ""):
            raise InputError(f"{place}: two runs are called {run!r}. Rename one, or export them apart.")
        at = _number(row["step"], "step", place)
        # of a step that was logged again after a resume, the later value counts, as in the tracker itself
        found.setdefault((run, at), {})[row["key"]] = _number(row["value"], row["key"], place)
    return _checkpoints(path, found, step or "epochs")


def _run_list(path: Path, header: Sequence[str], rows: Rows) -> tuple[Checkpoint, ...]:
    if not any(name in header for name in RUN_COLUMNS):
        raise FileFormatError(
            f"{path} is no export that is known: it needs columns such as 'RUN - METRIC', or key, value and step, or "
            f"{' or '.join(RUN_COLUMNS[:3])}."
        )
    checkpoints = []
    for number, row in rows:
        place = f"{path} row {number}"
        run = next((row[name] for name in RUN_COLUMNS if row.get(name)), path.stem)
        values = {_plain(name): value for name, cell in row.items() if (value := _maybe(cell)) is not None}
        epoch, samples = values.pop("epoch", None), values.pop("samples_seen", None)
        tasks, logged = sorted_metrics(values, place)
        model = row.get("model") or row.get("params.model")
        checkpoints.append(
            Checkpoint(run, place, READER, epoch, None, samples, None, tasks, logged, model or None)
        )
    return tuple(checkpoints)


def _checkpoints(
    path: Path, found: Mapping[tuple[str, float], Mapping[str, object]], counts: str
) -> tuple[Checkpoint, ...]:
    checkpoints = []
    for (run, at), values in found.items():
        place = f"{path} run {run} at {at:g} {counts}"
        measured = {name: value for name, value in values.items() if name.removeprefix("val/") != "epoch"}
        tasks, logged = sorted_metrics(measured, place)
        checkpoints.append(at_step(Checkpoint(run, place, READER, tasks=tasks, logged=logged), counts, at))
    return tuple(checkpoints)


def _plain(name: str) -> str:
    for prefix in PREFIXES:
        name = name.removeprefix(prefix)
    return name


def _maybe(cell: str) -> float | None:
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _number(cell: str, column: str, place: str) -> float:
    value = _maybe(cell)
    if value is None:
        raise FileFormatError(
            f"{place}: {column} is {cell!r}, not a number. Export it again without that run."
        )
    return value
