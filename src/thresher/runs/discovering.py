"""Which files below a folder are logs that are known, and what is in them."""

import csv
import json
import warnings
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

from thresher.errors import DataWarning, FileFormatError, InputError
from thresher.files import walk
from thresher.runs.clip_benchmark import (
    COLUMNS,
    is_clip_benchmark,
    read_clip_benchmark_csv,
    read_clip_benchmark_json,
)
from thresher.runs.datacomp import read_datacomp
from thresher.runs.logged import Checkpoint, Logs, TrainingFacts
from thresher.runs.logged_csv import is_logged_csv, read_logged_csv
from thresher.runs.measurement import REQUIRED_COLUMNS, Measurement
from thresher.runs.open_clip import PARAMS, RESULTS, read_open_clip, run_folder
from thresher.runs.reading import PARQUET_SUFFIXES, read_runs
from thresher.runs.tensorboard import EVENTS, read_tensorboard

KNOWN = (
    "eval_results*.jsonl of DataComp, results.jsonl or params.txt of open_clip, *.json or *.csv of CLIP_benchmark, TensorBoard "
    "event files, CSV of W&B or MLflow, run tables"
)
Progress = Callable[[str, int, int], None]


def read_logs(
    paths: Sequence[Path], step: str | None, progress: Progress | None = None
) -> tuple[Logs, tuple[Measurement, ...]]:
    """Everything known in files and below folders, and the rows of run tables among them.

    Raises:
        FileFormatError: A file that is half-written or of another kind than its name says.
        InputError: A path that does not exist, or one with nothing that is known.
    """
    checkpoints: list[Checkpoint] = []
    facts: dict[str, tuple[TrainingFacts, ...]] = defaultdict(tuple)
    downloaded: dict[str, int] = {}
    rows: list[Measurement] = []
    for path in paths:
        files = _files(path)
        before = len(checkpoints) + len(rows)
        folders: set[Path] = set()
        for at, file in enumerate(files):
            if progress and (at % 200 == 0 or at + 1 == len(files)):
                progress("log files", at + 1, len(files))
            if file.name in (PARAMS, RESULTS):
                folder = run_folder(file)
                if folder not in folders:
                    folders.add(folder)
                    logs = read_open_clip(folder)
                    checkpoints += logs.checkpoints
                    for run, known in logs.facts.items():
                        facts[run] += known
            elif file.name.startswith(EVENTS):
                if file.parent not in folders and not _has_results(file.parent):
                    folders.add(file.parent)
                    checkpoints += read_tensorboard(file.parent, step or "epochs")
            elif file.suffix == ".jsonl":
                if file == path or _is_evaluation(file):
                    checkpoints.append(read_datacomp(file))
            elif file.suffix == ".json":
                checkpoints += _json(file, downloaded)
            elif file.suffix == ".csv":
                found, table = _csv(file, step, named=file == path)
                checkpoints += found
                rows += table
            else:
                rows += read_runs(file).rows
        if len(checkpoints) + len(rows) == before:
            raise InputError(f"{path} holds no measurement that is known. Known are: {KNOWN}.")
    return Logs(tuple(checkpoints), dict(facts), downloaded), tuple(rows)


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise InputError(f"{path}: no such file or folder. Give logs, evaluations, or their folders.")
    if path.is_file():
        if not _is_candidate(path.name):
            raise InputError(f"{path} is no kind of log that is known. Known are: {KNOWN}.")
        return [path]
    return walk(path, _is_candidate, lost=_lost)


def _lost(link: Path) -> None:
    if _is_candidate(link.name):
        raise InputError(
            f"{link} is a link to {link.readlink()}, which is not there. Mend the link, or remove it."
        )
    warnings.warn(
        f"{link} is a link to {link.readlink()}, which is not there; it was passed over.",
        DataWarning,
        stacklevel=2,
    )


def _is_candidate(name: str) -> bool:
    """Names worth a look; pickles are never among them."""
    return name in (PARAMS, RESULTS) or name.startswith(EVENTS) or name.endswith(
        (".jsonl", ".json", ".csv", *PARQUET_SUFFIXES)
    )  # fmt: skip


def _has_results(folder: Path) -> bool:
    """Whether open_clip wrote the same numbers, unrounded, into results.jsonl beside its folder of event files."""
    return (folder.parent / PARAMS).exists() and (folder.parent / "checkpoints" / RESULTS).exists()


def _is_evaluation(file: Path) -> bool:
    """Whether a file of JSON lines inside a folder is DataComp's: by its name, or by its first line."""
    if file.name.startswith("eval"):
        return True
    with file.open(encoding="utf-8", errors="replace") as lines:
        first = lines.readline()
    return '"main_metric"' in first


def _json(file: Path, downloaded: dict[str, int]) -> list[Checkpoint]:
    """CLIP_benchmark's results; what a resharder or a downloader says of a data folder is noted; the rest is passed over."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, ValueError) as error:
        raise FileFormatError(
            f"{file} is not whole JSON: its writer was stopped. Make it again, or remove it."
        ) from error
    if is_clip_benchmark(found):
        one = read_clip_benchmark_json(file)
        return [one] if one is not None else []
    if isinstance(found, dict):
        count = found.get("output_count") if file.name == "meta.json" else None
        if count is None and file.name.endswith("_stats.json"):
            count = found.get("successes")
        if isinstance(count, int):
            downloaded[file.parent.name] = downloaded.get(file.parent.name, 0) + count
    return []


def _csv(
    file: Path, step: str | None, *, named: bool
) -> tuple[tuple[Checkpoint, ...], tuple[Measurement, ...]]:
    """Measurements in a CSV; one of another kind is passed over, unless the user named it."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            header = next(csv.reader(stream), [])
    except UnicodeDecodeError as error:
        raise FileFormatError(f"{file} is not UTF-8 text. Save it as CSV in UTF-8.") from error
    if all(name in header for name in REQUIRED_COLUMNS):
        return (), read_runs(file).rows
    if all(name in header for name in COLUMNS):
        return read_clip_benchmark_csv(file), ()
    if is_logged_csv(header):
        return read_logged_csv(file, step), ()
    if not named:
        return (), ()
    raise FileFormatError(
        f"{file} is a CSV of no kind that is known: its header is {', '.join(header[:6]) or 'empty'}. Known are: {KNOWN}."
    )
