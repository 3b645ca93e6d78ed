"""Run tables from swarms: many small runs on random mixtures, as one table of shares and one of losses.

RegMix, Olmix and their like write both with one row per run. They are joined on the run's id.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from thresher.arguments import argument
from thresher.errors import FileFormatError, InputError
from thresher.files import check_readable
from thresher.runs.directions import Kind, check_direction, kind_of, stated_kind, table_metric
from thresher.runs.measurement import Measurement
from thresher.runs.measuring import Value, Wanted, as_errors
from thresher.runs.passed import Passed
from thresher.runs.reading import checked
from thresher.runs.run_table import RunTable
from thresher.runs.texts import cell_value, has_comma, header_of, listed, number_of, read_table
from thresher.units import check_samples

ID_COLUMNS = ("run", "run_id", "index")
IGNORED_COLUMNS = ("name", "")
"""Columns that name a run for people, and unnamed ones, which are row numbers that pandas wrote."""
PANDAS_INDEX = "Unnamed:"
SUM_TOLERANCE = 0.03
"""Shares of a run may sum to 1 within this: three digits each of many pools."""
PERCENT = 100.0


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
    """One run table from the shares and the losses of a swarm, as `import_swarm` makes it.

    Raises:
        FileFormatError: A file is no such table.
        InputError: Runs that do not join, shares that are none, or sizes of unknown pools.
    """
    return import_swarm(
        shares,
        losses,
        samples_seen=samples_seen,
        unique_samples=unique_samples,
        metrics=metrics,
        model=model,
        unit=unit,
    )[0]


def import_swarm(
    shares: Path,
    losses: Path,
    *,
    samples_seen: float,
    unique_samples: Mapping[str, float] | None = None,
    metrics: Sequence[str] | None = None,
    model: str | None = None,
    unit: str | None = None,
    direction: str | None = None,
    percent: bool = False,
) -> tuple[RunTable, tuple[Passed, ...]]:
    """One run table from the shares and the losses of a swarm, and what of the losses was passed over.

    Args:
        shares: CSV with one row per run; every column but ids and names is a pool's share.
        losses: CSV with one row per run; every column but ids and names is a metric. Accuracies become errors.
        samples_seen: Samples that each run saw, repeats counted.
        unique_samples: Distinct samples by pool; a pool that is not named never repeats.
        metrics: Columns of losses to take; all that hold numbers if None.
        model: The model that was trained, if it should be in the table.
        unit: `fraction` or `loss`, for metrics whose name ends in neither `_error` nor `_loss`.
        direction: `higher` or `lower` is better, for metrics whose name does not say it.
        percent: Whether accuracies are in percent.

    Raises:
        FileFormatError: A file is no such table.
        InputError: Runs that do not join, shares that are none, or sizes of unknown pools.
    """
    check_samples(samples_seen, argument("samples_seen"))
    check_direction(direction)
    key = _common_key(shares, losses)
    swarm = read_shares_table(shares, key)
    sizes = dict(unique_samples or {})
    for name, size in sizes.items():
        if name not in swarm.pools:
            raise InputError(
                f"{argument('unique_samples')} names {name!r}, which is no pool of {shares}; it has {listed(swarm.pools, 6)}."
            )
        if size != math.inf:
            check_samples(size, f"{argument('unique_samples')} of {name}")
    table = _read_table(losses, "losses", key)
    _refuse_unjoined(swarm.shares, table.cells, shares, losses)
    chosen, passed = _chosen(table, metrics)
    alone = metrics is not None and len(set(metrics)) == 1
    rows = []
    for at, name in chosen:
        wanted = _wanted(name, unit, direction, alone=alone)
        values, without = _values(table, at, name)
        passed += without
        errors = as_errors(values, wanted, percent=percent)
        for value, error in zip(values, errors, strict=True):
            rows.append(_row(swarm, value.run, sizes, samples_seen, wanted.metric, error, model, losses))
    if not rows:
        raise InputError(
            f"{losses} has no value of {listed([name for _, name in chosen]) or 'any metric'} that is a number."
        )
    return checked(RunTable(tuple(rows), f"{shares} and {losses}", declared_unit=unit)), tuple(passed)


def _row(
    swarm: Swarm, run: str, sizes: Mapping[str, float], samples_seen: float, metric: str, error: float, model: str | None,
    losses: Path,
) -> Measurement:  # fmt: skip
    used = [(name, w) for name, w in zip(swarm.pools, swarm.shares[run], strict=True) if w > 0]
    own = tuple(sizes.get(name, math.inf) for name, _ in used)
    joint = len(used) > 1
    return Measurement(
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


def _wanted(name: str, unit: str | None, direction: str | None, *, alone: bool) -> Wanted:
    """What a column of losses is: by its name, by the direction that is given, or what `unit` declares."""
    known = kind_of(name)
    if known is None and direction is None and unit is not None:
        return Wanted(name, name, Kind.LOSS if unit == "loss" else Kind.ERROR)
    if unit is not None and known in (Kind.LOSS, Kind.ERROR) and direction is None:
        return Wanted(name, name, known)
    kind = stated_kind(name, direction, alone=alone)
    return Wanted(name, table_metric(name, kind), kind)


def read_shares_table(path: Path, key: str | None = None) -> Swarm:
    """Shares by run, rescaled to sum to 1; percent is accepted.

    Args:
        path: The table.
        key: The column that names runs; the first of `ID_COLUMNS` if None.

    Raises:
        FileFormatError: The file is no table of shares.
        InputError: A share that is negative, shares that sum to 0 or to anything but 1 or 100.
    """
    found = _read_table(path, "shares", key)
    columns = found.columns
    for name in columns:
        if "+" in name:
            raise FileFormatError(f"{path}: a pool's name holds no plus sign; rename the column {name!r}.")
        if columns.count(name) > 1:
            raise FileFormatError(f"{path} has two columns {name!r}. Rename or remove one.")
    table = {
        run: tuple(_share(cell, name, found.places[run]) for cell, name in zip(cells, columns, strict=True))
        for run, cells in found.cells.items()
    }
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


@dataclass(frozen=True)
class _Cells:
    """Cells by run, with the place of each run's row."""

    path: Path
    columns: tuple[str, ...]
    cells: Mapping[str, tuple[str, ...]]
    places: Mapping[str, str]


def _chosen(table: _Cells, metrics: Sequence[str] | None) -> tuple[list[tuple[int, str]], list[Passed]]:
    """Where each wanted metric stands; without a choice every column that holds a number.

    Raises:
        InputError: A metric that is not there, or there twice.
    """
    short = [name.rsplit("/", 1)[-1].strip() for name in table.columns]
    for name in metrics or ():
        if name not in short and name not in table.columns:
            raise InputError(f"{table.path} has no metric {name!r}; it has {listed(short, 6)}.")
    found, passed = [], []
    for at, name in enumerate(short):
        if metrics is not None and name not in metrics and table.columns[at] not in metrics:
            continue
        whole = table.columns[at]
        chosen = metrics is not None and whole in metrics and table.columns.count(whole) == 1
        if short.count(name) > 1 and not chosen:
            raise FileFormatError(
                f"{table.path} has two columns for the metric {name!r}; remove or rename one."
            )
        if metrics is None and all(isinstance(cell_value(cells[at]), str) for cells in table.cells.values()):
            passed.append(Passed(f"{table.path} column {name!r}", "holds no number", "column"))
            continue
        found.append((at, name))
    return found, passed


def _values(table: _Cells, at: int, name: str) -> tuple[list[Value], list[Passed]]:
    """The numbers of one metric, and the cells that hold none: runs that failed.

    Raises:
        InputError: A number with commas.
    """
    values, passed = [], []
    for run, cells in table.cells.items():
        place = table.places[run]
        value = cell_value(cells[at])
        number = number_of(value)
        if has_comma(value):
            raise InputError(
                f"{place}: {name} is {value!r}; a comma may separate decimals or thousands. Write it with a point."
            )
        if number is None:
            passed.append(Passed(place, f"{name} is {cells[at].strip()!r:.40}, not a number", "value"))
        else:
            values.append(Value(run, 0.0, number, place))
    return values, passed


def _common_key(shares: Path, losses: Path) -> str | None:
    """The column that names runs in both tables; None where they name them by different ones."""
    for path in (shares, losses):
        check_readable(path, "a CSV with one row per run")
    names = [{name.lower() for name in header_of(path)} for path in (shares, losses)]
    return next((name for name in ID_COLUMNS if all(name in found for found in names)), None)


def _read_table(path: Path, what: str, key: str | None) -> _Cells:
    """Column names and cells by run id.

    Raises:
        FileFormatError: No id column, no other column, or an id that stands twice.
    """
    check_readable(path, f"a CSV of {what} with one row per run")
    table = read_table(path)
    lower = [name.lower() for name in table.header]
    if not any(table.header):
        raise FileFormatError(
            f"{path} is empty. It needs a header (run and one column for each) and one row per run."
        )
    column = next((name for name in ((key,) if key else ID_COLUMNS) if name in lower), None)
    if column is None:
        raise FileFormatError(
            f"{path} has no column {', '.join(ID_COLUMNS[:-1])} or {ID_COLUMNS[-1]}, on which shares and losses are joined. It "
            f"has {listed(table.header, 6)}."
        )
    at = lower.index(column)
    used = [i for i, name in enumerate(table.header) if i != at and not _is_ignored(name)]
    if not used or not table.rows:
        raise FileFormatError(f"{path} has no {what}: it needs a column for each, and one row per run.")
    if table.passed:
        raise FileFormatError(
            f"{table.passed[0].place} has {table.passed[0].reason}. Complete or remove the row."
        )
    ids = [cells[at].strip() for _, cells in table.rows]
    if all(
        name.endswith(".0") and name[:-2].isdigit() for name in ids
    ):  # numbers that pandas wrote as floats
        ids = [name[:-2] for name in ids]
    found: dict[str, tuple[str, ...]] = {}
    places: dict[str, str] = {}
    for run, (number, cells) in zip(ids, table.rows, strict=True):
        if run in found:
            raise FileFormatError(f"{path} row {number}: run {run!r} stands twice; every run has one row.")
        found[run] = tuple(cells[i] for i in used)
        places[run] = table.place(number)
    return _Cells(path, tuple(table.header[i] for i in used), found, places)


def _is_ignored(name: str) -> bool:
    return name in IGNORED_COLUMNS or name.startswith(PANDAS_INDEX) or name.lower() in ID_COLUMNS


def _share(cell: str, column: str, place: str) -> float:
    value = number_of(cell_value(cell))
    if value is None:
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
