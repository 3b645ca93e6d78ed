"""Run tables from tables of any other form, by a mapping that says what their columns are."""

import tomllib
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

from thresher.arguments import argument
from thresher.errors import FileFormatError, InputError
from thresher.runs.axes import is_time
from thresher.runs.cells import measurement_of
from thresher.runs.columns import complement_of, evaluated, lone_column, quoted, split_columns
from thresher.runs.directions import Kind, kind_of
from thresher.runs.labels import RunLabel, find_label
from thresher.runs.measurement import COLUMNS, REQUIRED_COLUMNS, Measurement
from thresher.runs.measuring import PERCENT
from thresher.runs.passed import Passed
from thresher.runs.reading import PARQUET_SUFFIXES, checked
from thresher.runs.run_table import RunTable
from thresher.runs.texts import Table, cell_value, has_comma, read_table, read_text
from thresher.units import parse_number

UNKNOWN = "?"
"""What a drafted mapping writes for a column that it does not know."""
MEASURED = ("samples_seen", "error")
"""Columns whose rows are passed over where they hold no number."""
LABELLED = (
    "pool",
    "unique_samples",
    "rank",
    "quality",
    "seed",
    "model",
    "schedule",
    "exposure",
    "weights",
    "subset_of",
)
"""Columns that a label may fill."""
MOST_MAPPING = 1 << 20


def columns_of(text: str) -> dict[str, str]:
    """A mapping from the run table's columns to expressions, written as `pool=Name,error=1-top1` or in a TOML file.

    Raises:
        InputError: It cannot be read, or maps a column that a run table does not have.
    """
    path = Path(text)
    if "=" not in text or path.is_file():
        return _read_mapping(path)
    found: dict[str, str] = {}
    for part in split_columns(text):
        name, equals, expression = part.partition("=")
        if not equals or not expression.strip():
            raise InputError(
                f"{argument('columns')} has {part!r}. Write COLUMN=EXPRESSION, for example samples_seen=Step*4096."
            )
        if name.strip() in found:
            raise InputError(f"{argument('columns')} gives {name.strip()} twice. Give each column once.")
        found[name.strip()] = expression.strip()
    return _known(found, argument("columns"))


def _read_mapping(path: Path) -> dict[str, str]:
    if not path.is_file():
        raise InputError(
            f"{argument('columns')} is {str(path)!r}, neither a file nor COLUMN=EXPRESSION, .. such as "
            "pool=Name,samples_seen=Step*4096."
        )
    try:
        content = tomllib.loads(read_text(path, MOST_MAPPING))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise FileFormatError(
            f"{path} is not TOML ({error}). Draft one with {argument('guess', True)}."
        ) from error
    odd = next((name for name, value in content.items() if not isinstance(value, str | int | float)), None)
    if odd is not None:
        raise FileFormatError(
            f"{path}: {odd} is no expression. Write it in quotes, for example error = '1 - top1'."
        )
    open_ = [name for name, value in content.items() if str(value).strip() in (UNKNOWN, "")]
    if open_:
        raise InputError(
            f"{path}: {', '.join(open_)} still to be filled in. Replace each {UNKNOWN!r} by an expression."
        )
    return _known({name: str(value) for name, value in content.items()}, str(path))


def _known(mapping: dict[str, str], where: str) -> dict[str, str]:
    for name in mapping:
        if name not in COLUMNS:
            close = get_close_matches(name, COLUMNS, n=1)
            hint = f"Did you mean {close[0]}?" if close else f"It can be {', '.join(COLUMNS)}."
            raise InputError(f"{where} maps {name!r}, which is no column of a run table. {hint}")
    if not mapping:
        raise InputError(f"{where} maps no column. It needs {', '.join(REQUIRED_COLUMNS)}.")
    return mapping


def read_any_table(path: Path) -> Table:
    """A table from CSV or Parquet, as text.

    Raises:
        FileFormatError: It is neither.
    """
    if path.suffix.lower() not in PARQUET_SUFFIXES:
        return read_table(path)
    import pyarrow
    import pyarrow.parquet

    try:
        found = pyarrow.parquet.read_table(path)
        columns = [
            ["" if value is None else str(value) for value in column.to_pylist()] for column in found.columns
        ]
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
        raise FileFormatError(f"{path} is not a whole Parquet file. Write it again.") from error
    rows = tuple((number, cells) for number, cells in enumerate(zip(*columns, strict=True), start=1))
    return Table(path, tuple(found.column_names), rows)


def read_tables(
    paths: Sequence[Path],
    columns: Mapping[str, str],
    labels: Sequence[RunLabel] = (),
    *,
    unit: str | None = None,
) -> tuple[RunTable, tuple[Passed, ...]]:
    """One run table from tables with one row per run or per measurement, and the rows that measure nothing.

    Args:
        paths: CSV or Parquet files.
        columns: An expression for each column of the run table, as in `columns_of`.
        labels: What `columns` does not say of a run; found by the column run, or the same for every run.
        unit: `fraction` or `loss`, for metrics whose name does not say it.

    Raises:
        InputError: A required column is not said, or rows that cannot be right.
    """
    rows: list[Measurement] = []
    passed: list[Passed] = []
    for path in paths:
        if path.is_dir():
            raise InputError(
                f"{path} is a folder; {argument('columns')} is about tables. Give CSV or Parquet files."
            )
        if not path.exists():
            raise InputError(f"{path}: no such file. Give CSV or Parquet files.")
        table = read_any_table(path)
        passed += table.passed
        _check_meaning(columns, table)
        found, without = _rows(table, columns, labels)
        rows += found
        passed += without
    if not rows:
        why = f" {passed[0].place}: {passed[0].reason}." if passed else ""
        raise InputError(f"{' and '.join(map(str, paths))} has no row with a measurement.{why}")
    return checked(RunTable(tuple(rows), " and ".join(map(str, paths)), declared_unit=unit)), tuple(passed)


def _rows(
    table: Table, columns: Mapping[str, str], labels: Sequence[RunLabel]
) -> tuple[list[Measurement], list[Passed]]:
    values = {name: evaluated(expression, table) for name, expression in columns.items()}
    missing = [
        name
        for name in REQUIRED_COLUMNS
        if name not in columns and not (labels and name in ("pool", "unique_samples"))
    ]
    if missing:
        raise InputError(
            f"{argument('columns')} does not say what {' and '.join(missing)} {'is' if len(missing) == 1 else 'are'}. Add "
            f"{missing[0]}=.., an expression over {', '.join(map(quoted, table.header[:6]))}"
            f"{', ..' if len(table.header) > 6 else ''}."
        )
    rows, passed = [], []
    for at, (number, _) in enumerate(table.rows):
        place = table.place(number)
        row = {name: found[at] for name, found in values.items()}
        why = next((row[name][1] for name in MEASURED if row[name][0] is None), None)
        if why is None:
            why = next((f"{name} is {row[name][0]!r:.40}, not a number" for name in MEASURED
                        if not _is_number(row[name][0])), None)  # fmt: skip
        if why is not None:
            passed.append(Passed(place, why, "row"))
            continue
        cells = {name: value for name, (value, _) in row.items()}
        if labels:
            label = find_label(labels, str(cells.get("run") or ""))
            if label is None:
                passed.append(Passed(place, f"no row of {argument('labels')} names its run", "row"))
                continue
            for name in LABELLED:
                said = getattr(label, name)
                if cells.get(name) is None and said is not None:
                    cells[name] = ",".join(map(repr, said)) if name == "weights" else said
        rows.append(
            measurement_of({**cells, "source": cells.get("source") or "table"}, str(table.path), number)
        )
    return rows, passed


def _is_number(value: object) -> bool:
    """Whether a cell can stand in a run table as a number: with suffixes too, but not as NaN or infinity."""
    if not isinstance(value, str):
        return True
    if has_comma(value):
        raise InputError(
            f"{value!r} has a comma, which may separate decimals or thousands. Write it with a point."
        )
    if cell_value(value) is None:
        return False
    try:
        parse_number(value, "a cell")
    except InputError:
        return False
    return True


def _refuse_percent(expression: str, table: Table) -> None:
    """Refuse percent that is taken from 1.

    Raises:
        InputError: A value of the column is above 1.
    """
    taken = complement_of(expression)
    if taken is None or kind_of(taken) in (Kind.LOSS, Kind.ERROR):
        return
    for (number, _), (value, _) in zip(table.rows, evaluated(f"1 * {quoted(taken)}", table), strict=True):
        if isinstance(value, float) and 1 < value <= PERCENT:
            raise InputError(
                f"{table.place(number)}: {taken} is {value:g}, so error={expression} is no fraction. If {taken} is in percent, "
                f"write 1-{quoted(taken)}/100."
            )


def _check_meaning(columns: Mapping[str, str], table: Table) -> None:
    """Refuse a column that by its own name is something else than what it is mapped to.

    Raises:
        InputError: An accuracy or a loss the wrong way round, or a time for samples.
    """
    seen = lone_column(columns["samples_seen"]) if "samples_seen" in columns else None
    if seen is not None and is_time(seen):
        raise InputError(
            f"samples_seen={quoted(seen)} is a time, which says nothing of samples. Map a step or an epoch."
        )
    if "error" not in columns:
        return
    _refuse_percent(columns["error"], table)
    alone, taken = lone_column(columns["error"]), complement_of(columns["error"])
    if alone is not None and kind_of(alone) is Kind.ACCURACY:
        raise InputError(
            f"error={quoted(alone)} is an accuracy by its name. Write error=1-{quoted(alone)}, or rename the column."
        )
    if taken is not None and kind_of(taken) in (Kind.LOSS, Kind.ERROR):
        raise InputError(
            f"error={columns['error']} takes a {kind_of(taken)} from 1, by the column's name. Write error={quoted(taken)}."
        )
