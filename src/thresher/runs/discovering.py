"""Which files below a folder are logs that are known, and what is in them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from thresher.arguments import argument
from thresher.errors import FileFormatError, InputError, MissingExtraError
from thresher.files import walk
from thresher.runs.clip_benchmark import (
    COLUMNS,
    is_clip_benchmark,
    read_clip_benchmark,
    read_clip_benchmark_table,
)
from thresher.runs.datacomp import is_datacomp, read_datacomp
from thresher.runs.logged import HALF_WRITTEN, Logs, joined
from thresher.runs.logged_csv import is_logged_table, read_logged_table
from thresher.runs.measurement import REQUIRED_COLUMNS, Measurement
from thresher.runs.open_clip import PARAMS, RESULTS, read_open_clip, run_folder
from thresher.runs.passed import Passed
from thresher.runs.reading import PARQUET_SUFFIXES, read_runs
from thresher.runs.tensorboard import EVENTS, read_tensorboard
from thresher.runs.texts import header_of, listed, peek, read_table, read_text
from thresher.stored import parse_foreign_json

KNOWN = (
    "eval_results*.jsonl of DataComp, results.jsonl or params.txt of open_clip, *.json or *.csv of CLIP_benchmark, TensorBoard "
    "event files, CSV of W&B or MLflow, run tables"
)
USED_WITHOUT_READING = ("out.log", "info.pkl", "train.sh")
"""Files that belong to a run and are read with another of its files, or never."""
CHECKPOINTS = (".pt", ".pth", ".ckpt", ".safetensors")
MOST_JSON = 1 << 26
"""Bytes of a JSON file that may be a result; one larger is data."""
Progress = Callable[[str, int, int], None]
Found = tuple[Logs, tuple[Measurement, ...]]


def read_logs(
    paths: Sequence[Path], progress: Progress | None = None, without: Path | None = None
) -> tuple[Logs, tuple[Measurement, ...]]:
    """Everything known in files and below folders, and the rows of run tables among them.

    A file inside a folder that is damaged or of another kind is passed over; one that was named is refused.

    Args:
        paths: Files and folders.
        progress: Told how many files have been read.
        without: A file that is passed over.

    Raises:
        FileFormatError: A file that was named is of no kind that is known.
        InputError: A path that does not exist, or nothing that is known in any.
    """
    found: list[Logs] = []
    rows: list[Measurement] = []
    done: set[Path] = set()
    for path in paths:
        files, passed = _files(path)
        before = sum(len(logs.checkpoints) for logs in found) + len(rows)
        for at, file in enumerate(files):
            if progress and (at % 200 == 0 or at + 1 == len(files)):
                progress("log files", at + 1, len(files))
            if without is not None and file.absolute() == without.absolute():
                passed.append(Passed(str(file), "the file that this import writes"))
                continue
            try:
                logs, table = _read(file, done, named=file == path)
            except MissingExtraError as error:
                passed.append(Passed(str(file), str(error).rstrip(".")))
                found.append(Logs(missing=error))
                continue
            except FileFormatError as error:
                if file == path:
                    raise
                passed.append(Passed(str(file), _reason(error, file)))
                continue
            found.append(logs)
            rows += table
        if sum(len(logs.checkpoints) for logs in found) + len(rows) == before:
            passed.append(Passed(str(path), "holds no measurement that is known", "path"))
        found.append(Logs(passed=tuple(passed)))
    logs = joined(found)
    if not logs.checkpoints and not rows:
        if logs.missing is not None:
            raise logs.missing
        raise InputError(_nothing(paths, logs.passed))
    return logs, tuple(rows)


def _reason(error: Exception, file: Path) -> str:
    return str(error).removeprefix(str(file)).strip(" :").removeprefix("is ").split(". ")[0].rstrip(".")


def _nothing(paths: Sequence[Path], passed: Sequence[Passed]) -> str:
    why = next((one for one in passed if one.kind not in ("path", "kind")), None)
    example = f" {why.place} was passed over: {why.reason}." if why is not None else ""
    return f"{' and '.join(map(str, paths))} holds no measurement that is known.{example} Known are: {KNOWN}."


def _files(path: Path) -> tuple[list[Path], list[Passed]]:
    if not path.exists():
        raise InputError(f"{path}: no such file or folder. Give logs, evaluations, or their folders.")
    if path.is_dir():
        return _walked(path)
    if not _is_candidate(path.name):
        packed = " Unpack it first." if path.suffix in (".gz", ".zip", ".xz", ".zst", ".bz2") else ""
        raise InputError(f"{path} is no kind of log that is known.{packed} Known are: {KNOWN}.")
    return [path], []


def _walked(folder: Path) -> tuple[list[Path], list[Passed]]:
    """The files below a folder that are worth a look, and those whose names or kinds say that they are not."""
    others: int = 0
    first: Path | None = None
    passed: list[Passed] = []

    def wanted(path: Path) -> bool:  # a folder of data may hold millions: only logs are kept
        nonlocal others, first
        if _is_candidate(path.name):
            return True
        if path.name not in USED_WITHOUT_READING and path.suffix not in CHECKPOINTS:
            others, first = others + 1, min(first or path, path)
        return False

    files = walk(folder, wanted, passed=lambda path, why: passed.append(Passed(str(path), why)))
    if first is not None:
        passed.append(Passed(str(first), "no log by its name", count=others))
    return files, passed


def _is_candidate(name: str) -> bool:
    """Names worth a look; pickles are never among them."""
    return name in (PARAMS, RESULTS) or name.startswith(EVENTS) or name.lower().endswith(
        (".jsonl", ".json", ".csv", ".tsv", *PARQUET_SUFFIXES)
    )  # fmt: skip


def _read(file: Path, done: set[Path], *, named: bool) -> Found:
    """What one file holds; the files of a run that are read together are read with the first of them."""
    suffix = file.suffix.lower()
    if file.absolute() in done:
        return Logs(), ()
    done.add(file.absolute())
    if not file.is_file():
        raise FileFormatError(f"{file} is no regular file. Leave it out.")
    if suffix == ".jsonl" and _is_datacomp(file, named=named):
        return read_datacomp(file), ()
    if file.name in (PARAMS, RESULTS):
        return _once(run_folder(file), done, read_open_clip), ()
    if file.name.startswith(EVENTS):
        if _has_results(file.parent):
            return Logs(), ()
        return _once(file.parent, done, read_tensorboard), ()
    if suffix == ".jsonl":
        raise FileFormatError(f"{file} holds no DataComp result: lines with key and metrics. Leave it out.")
    if suffix == ".json":
        return _json(file, named=named), ()
    if suffix in PARQUET_SUFFIXES:
        return Logs(), _parquet(file, named=named)
    return _csv(file, named=named)


def _once(folder: Path, done: set[Path], read: Callable[[Path], Logs]) -> Logs:
    if folder.absolute() in done:
        return Logs()
    done.add(folder.absolute())
    return read(folder)


def _has_results(folder: Path) -> bool:
    """Whether open_clip wrote the same numbers, unrounded, into results.jsonl beside its folder of event files."""
    return (folder.parent / PARAMS).exists() and (folder.parent / "checkpoints" / RESULTS).exists()


def _is_datacomp(file: Path, *, named: bool) -> bool:
    """Whether a file of JSON lines is DataComp's: by its first whole line, or by its name where that is broken."""
    text = peek(file)
    for line in text.split("\n"):
        if line.strip():
            try:
                found = parse_foreign_json(line)
            except ValueError:
                continue
            return is_datacomp(found)
    return file.name != RESULTS and (named or file.name.startswith("eval"))


def _json(file: Path, *, named: bool) -> Logs:
    """CLIP_benchmark's or DataComp's results; what a resharder or a downloader says of a data folder is noted."""
    try:
        found = parse_foreign_json(read_text(file, MOST_JSON))
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        if _is_datacomp(file, named=False):
            return read_datacomp(file)
        raise FileFormatError(f"{file} is {HALF_WRITTEN}. Make it again, or remove it.") from error
    if is_clip_benchmark(found):
        return read_clip_benchmark(found, str(file))
    if is_datacomp(found) or (isinstance(found, list) and found and all(map(is_datacomp, found))):
        return read_datacomp(file)
    if isinstance(found, dict):
        count = found.get("output_count") if file.name == "meta.json" else None
        if count is None and file.name.endswith("_stats.json"):
            count = found.get("successes")
        if isinstance(count, int) and not isinstance(count, bool):
            return Logs(downloaded={file.parent.name: count})
    if named:
        raise FileFormatError(f"{file} is JSON of no kind that is known. Known are: {KNOWN}.")
    return Logs(passed=(Passed(str(file), "JSON of another kind"),))


def _parquet(file: Path, *, named: bool) -> tuple[Measurement, ...]:
    """The rows of a run table; a Parquet file of another kind is passed over, unless the user named it.

    Raises:
        FileFormatError: It is no run table.
    """
    import pyarrow
    import pyarrow.parquet

    if named:
        return read_runs(file).rows
    try:
        names = pyarrow.parquet.read_schema(file).names
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
        raise FileFormatError(f"{file} is not a whole Parquet file. Leave it out.") from error
    if not all(name in names for name in REQUIRED_COLUMNS):
        raise FileFormatError(f"{file} is Parquet, but no run table. Leave it out.")
    return read_runs(file).rows


def _csv(file: Path, *, named: bool) -> Found:
    """Measurements in a CSV; one of another kind is passed over, unless the user named it."""
    header = header_of(file)
    if all(name in header for name in REQUIRED_COLUMNS):
        return Logs(), read_runs(file).rows
    if all(name in header for name in COLUMNS):
        return read_clip_benchmark_table(read_table(file)), ()
    if is_logged_table(header):
        return _passing(read_logged_table(read_table(file)), file), ()
    if not named:
        raise FileFormatError(f"{file} is a CSV of another kind. Leave it out.")
    raise FileFormatError(
        f"{file} is a CSV of no kind that is known: its header is {listed(header, 6) or 'empty'}. Known are: {KNOWN}. For a "
        f"table of your own, say what its columns are with {argument('columns')}; {argument('guess', True)} drafts that."
    )


def _passing(logs: Logs, file: Path) -> Logs:
    """With the file itself passed over where it holds no row."""
    if logs.checkpoints:
        return logs
    return replace(logs, passed=(*logs.passed, Passed(str(file), "an export without rows")))
