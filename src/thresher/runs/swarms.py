"""Run tables from swarms: many small runs on random mixtures, as one table of shares and one of losses.

RegMix, Olmix and their like write both with one row per run. They are joined on the run's id.
"""

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from thresher.errors import FileFormatError, InputError
from thresher.files import check_readable
from thresher.runs.measurement import Measurement
from thresher.runs.reading import checked
from thresher.runs.run_table import RunTable
from thresher.units import check_samples

ID_COLUMNS = ("run", "run_id", "index")
IGNORED_COLUMNS = ("name", "")
"""Columns that name a run for people, and unnamed ones, which are row numbers that pandas wrote."""
PANDAS_INDEX = "Unnamed:"
SUM_TOLERANCE = 0.03
"""Shares of a run may sum to 1 within this: three digits each of many pools."""
PERCENT = 100.0
ACCURACY_WORDS = ("acc", "accuracy", "top1", "top-1", "recall", "f1")


@dataclass(frozen=True)
class Swarm:
    """Shares by run.

    Attributes:
        pools: Their names.
        shares: For each run one share per pool, rescaled to sum to 1.
        source: The file, for messages.
    """

    pools: tuple[str, ...]
    shares: Mapping[str, tuple[float, ...]]
    source: str


def read_swarm(
    shares: Path,
    losses: Path,
    *,
    samples_seen: float,
    unique_samples: Mapping[str, float] | None = None,
    metrics: Sequence[str] | None = None,
    model: str | None = None,
    unit: str | None = None,
) -> RunTable:
    """One run table from the shares and the losses of a swarm.

    Args:
        shares: CSV with one row per run; every column but ids and names is a pool's share.
        losses: CSV with one row per run; every column but ids and names is a metric.
        samples_seen: Samples that each run saw, repeats counted.
        unique_samples: Distinct samples by pool; a pool that is not named never repeats.
        metrics: Columns of losses to take; all if None.
        model: The model that was trained, if it should be in the table.
        unit: `fraction` or `loss`, for metrics whose name ends in neither `_error` nor `_loss`.

    Raises:
        FileFormatError: A file is no such table.
        InputError: Runs that do not join, shares that are none, or sizes of unknown pools.
    """
    check_samples(samples_seen, "samples_seen")
    swarm = read_shares_table(shares)
    sizes = dict(unique_samples or {})
    for name, size in sizes.items():
        if name not in swarm.pools:
            raise InputError(
                f"unique_samples names {name!r}, which is no pool of {shares}; it has {_listed(swarm.pools)}."
            )
        if size != math.inf:
            check_samples(size, f"unique_samples of {name}")
    columns, measured = _read_losses(losses)
    for name in metrics or ():
        if name not in columns:
            raise InputError(f"{losses} has no metric {name!r}; it has {_listed(columns)}.")
    _refuse_unjoined(swarm.shares, measured, shares, losses)
    rows = []
    for run, weights in swarm.shares.items():
        used = [(name, w) for name, w in zip(swarm.pools, weights, strict=True) if w > 0]
        own = tuple(sizes.get(name, math.inf) for name, _ in used)
        joint = len(used) > 1
        rows += [
            Measurement(
                "+".join(name for name, _ in used),
                math.fsum(own),
                float(samples_seen),
                metric,
                error,
                run=run,
                model=model,
                schedule="finished",
                weights=tuple(w for _, w in used) if joint else None,
                pool_sizes=own if joint else None,
                file=str(losses),
            )
            for metric, error in zip(columns, measured[run], strict=True)
            if metrics is None or metric in metrics
        ]
    return checked(RunTable(tuple(rows), f"{shares} and {losses}", declared_unit=unit))


def read_shares_table(path: Path) -> Swarm:
    """Shares by run, rescaled to sum to 1; percent is accepted.

    Raises:
        FileFormatError: The file is no table of shares.
        InputError: A share that is negative, shares that sum to 0 or to anything but 1 or 100.
    """
    columns, table = _read_table(path, "shares")
    for name in columns:
        if "+" in name:
            raise FileFormatError(f"{path}: a pool's name holds no plus sign; rename the column {name!r}.")
    totals = [math.fsum(values) for values in table.values()]
    percent = bool(totals) and all(abs(total - PERCENT) <= PERCENT * SUM_TOLERANCE for total in totals)
    whole = PERCENT if percent else 1.0
    shares = {}
    for run, values in table.items():
        bad = next((i for i, value in enumerate(values) if not value >= 0), None)
        if bad is not None:
            raise InputError(
                f"{path}: run {run!r} has a share of {values[bad]:g} of {columns[bad]}; shares are 0 or more."
            )
        total = math.fsum(values)
        if total == 0:
            raise InputError(
                f"{path}: the shares of run {run!r} sum to 0; a run trains on something. Remove it."
            )
        if abs(total - whole) > whole * SUM_TOLERANCE:
            raise InputError(
                f"{path}: the shares of run {run!r} sum to {total:g}, not {whole:g}. Every column but the run's id and `name` is "
                "taken for a pool's share; remove other columns, or correct the row."
            )
        shares[run] = tuple(value / total for value in values)
    return Swarm(columns, shares, str(path))


def _read_losses(path: Path) -> tuple[tuple[str, ...], Mapping[str, tuple[float, ...]]]:
    columns, table = _read_table(path, "losses")
    metrics = tuple(name.rsplit("/", 1)[-1].strip() for name in columns)
    twice = next((name for name in metrics if metrics.count(name) > 1), None)
    if twice is not None:
        raise FileFormatError(f"{path} has two columns for the metric {twice!r}; remove or rename one.")
    for metric in metrics:
        words = metric.lower().replace("-", "_").split("_")
        if any(word in words for word in ACCURACY_WORDS) and not metric.endswith("_error"):
            raise InputError(
                f"{path}: the column {metric!r} looks like an accuracy, and laws describe errors. Give 1 - accuracy in a column "
                "that ends in _error."
            )
    return metrics, table


def _read_table(path: Path, what: str) -> tuple[tuple[str, ...], dict[str, tuple[float, ...]]]:
    """Column names and numbers by run id.

    Raises:
        FileFormatError: No id column, no other column, a cell that is no number, or an id that stands twice.
    """
    check_readable(path, f"a CSV of {what} with one row per run")
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            header = [name.strip() for name in next(reader, [])]
            rows = [(number, row) for number, row in enumerate(reader, start=2) if any(map(str.strip, row))]
    except (UnicodeDecodeError, csv.Error) as error:
        raise FileFormatError(f"{path} is not CSV in UTF-8 ({error}). Write it again.") from error
    if not header:
        raise FileFormatError(
            f"{path} is empty. It needs a header (run and one column for each) and one row per run."
        )
    key = next((header.index(name) for name in ID_COLUMNS if name in header), None)
    if key is None:
        raise FileFormatError(
            f"{path} has no column {', '.join(ID_COLUMNS[:-1])} or {ID_COLUMNS[-1]}, on which shares and losses are joined. It "
            f"has {_listed(header)}."
        )
    used = [i for i, name in enumerate(header) if i != key and not _is_ignored(name)]
    if not used or not rows:
        raise FileFormatError(f"{path} has no {what}: it needs a column for each, and one row per run.")
    table: dict[str, tuple[float, ...]] = {}
    for number, row in rows:
        if len(row) != len(header):
            raise FileFormatError(
                f"{path} row {number} has {len(row)} cells, but the header has {len(header)}."
            )
        run = row[key].strip()
        if run in table:
            raise FileFormatError(f"{path} row {number}: run {run!r} stands twice; every run has one row.")
        table[run] = tuple(_number(row[i], header[i], f"{path} row {number}") for i in used)
    return tuple(header[i] for i in used), table


def _is_ignored(name: str) -> bool:
    return name in IGNORED_COLUMNS or name.startswith(PANDAS_INDEX) or name in ID_COLUMNS


def _number(cell: str, column: str, place: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise FileFormatError(
            f"{place}: {column} is {cell!r}, not a number. Remove the row of a run that failed, or the column if it is no "
            "number by nature."
        )
    return value


def _refuse_unjoined(
    shares: Mapping[str, object], losses: Mapping[str, object], shares_file: Path, losses_file: Path
) -> None:
    known = set(shares)
    for run in shares:
        if run not in losses:
            raise InputError(
                f"Run {run!r} is in {shares_file} but not in {losses_file}. Both tables need one row for every run."
            )
    for run in losses:
        if run not in known:
            raise InputError(
                f"Run {run!r} is in {losses_file} but not in {shares_file}. Both tables need one row for every run."
            )


def _listed(names: Sequence[str], most: int = 6) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
