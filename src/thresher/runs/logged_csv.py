"""CSV exports of experiment trackers: W&B charts and run lists, MLflow metric histories and run lists."""

from collections.abc import Mapping, Sequence

from thresher.errors import FileFormatError, InputError
from thresher.runs.axes import EPOCHS, SAMPLES, counts_of
from thresher.runs.logged import TIME, Checkpoint, Logs, Refused, after_resumes, sorted_metrics
from thresher.runs.passed import Passed
from thresher.runs.tensorboard import steps_of
from thresher.runs.texts import Table, cell_value, has_comma, listed, number_of

READER = "logged_csv"
HISTORY_COLUMNS = ("key", "value", "step")
NAME_COLUMNS = ("Name", "Run Name", "name", "run_name", "tags.mlflow.runName")
ID_COLUMNS = ("Run ID", "run_id", "ID")
RUN_COLUMNS = (*NAME_COLUMNS, *ID_COLUMNS)
"""Columns that name a run, in the exports of MLflow's page and command line, and of W&B; a name comes before an id."""
BORN_COLUMNS = (*ID_COLUMNS, "Created", "Start Time", "start_time")
"""What differs between two runs of one name, and not between two rows of one run."""
STEP_COLUMNS = ("_step", "Step", "trainer/global_step", "global_step")
AGGREGATES = ("__MIN", "__MAX")
"""W&B adds each line's smoothed-away extremes under these names; they are not measurements."""
GROUP = "Group: "
"""W&B puts this before the name of a group of runs, whose line is a mean."""
PREFIXES = ("metrics.", "summary.")


def is_logged_table(header: Sequence[str]) -> bool:
    """Whether a header is one of a tracker's export."""
    return (
        all(name in header for name in HISTORY_COLUMNS)
        or any(" - " in name for name in header)
        or any(name in header for name in RUN_COLUMNS)
    )


def read_logged_table(table: Table) -> Logs:
    """The measurements in an export.

    Three forms are known: one column per run and metric (`RUN - METRIC`, W&B's charts), one row per value (`run_id, key,
    value, step`, MLflow's metric histories), and one row per run (both trackers' run lists, where the column `epoch`
    or `samples_seen` says how far it was).

    Raises:
        FileFormatError: It is none of these.
        InputError: An axis that is no number, or two runs of one name.
    """
    if all(name in table.header for name in HISTORY_COLUMNS):
        return _history(table)
    if any(" - " in name for name in table.header):
        return _chart(table)
    return _run_list(table)


def _chart(table: Table) -> Logs:
    lines = [
        (at, name) for at, name in enumerate(table.header) if " - " in name and not name.endswith(AGGREGATES)
    ]
    axes = [name for name in table.header if " - " not in name and name]
    axis = next((name for name in axes if counts_of(name) not in (None, TIME)), axes[0] if axes else None)
    if axis is None:
        raise FileFormatError(
            f"{table.path} has no column for the step. Export the chart again with its x axis."
        )
    series: dict[tuple[str, str], list[Written]] = {}
    for at, name in lines:
        run, metric = name.rsplit(" - ", 1)
        written = _column(table, at, axis)
        if table.header.count(name) > 1:
            written = _refused(
                written,
                f"{table.path} has two columns {name!r}: two runs are called {run!r}. Rename one, or export them apart.",
            )
        elif run.startswith(GROUP):
            written = _refused(
                written,
                f"{table.path}: the column {name!r} is the mean of a group of runs. Ungroup the runs and export the chart again.",
            )
        series[run, metric] = written
    return _checkpoints(table, series, axis, counts_of(axis))


Written = tuple[float | None, object]
"""A step, None where it cannot be read, and a value or why there is none."""


def _column(table: Table, at: int, axis: str) -> list[Written]:
    """Axis and value of each row that has a value in a column."""
    steps = table.at(axis)
    written = []
    for number, cells in table.rows:
        if cells[at].strip():
            written.append(_written(cells[steps], axis, cells[at], table.place(number)))
    return written


def _written(step: str, axis: str, value: str, place: str) -> Written:
    at = number_of(cell_value(step))
    return (
        (at, cell_value(value)) if at is not None else (None, Refused(str(_not_a_number(step, axis, place))))
    )


def _refused(written: list[Written], sentence: str) -> list[Written]:
    return [(step, Refused(sentence)) for step, _ in written]


def _history(table: Table) -> Logs:
    key, value, step = (table.at(name) for name in HISTORY_COLUMNS)
    naming = [table.at(name) for name in ("run_name", "run_id", "run_uuid") if name in table.header]
    ids = table.at("run_id") if "run_id" in table.header else None
    clock = table.at("timestamp") if "timestamp" in table.header else None
    series: dict[tuple[str, str], list[tuple[float, Written]]] = {}
    homes: dict[str, str] = {}
    for number, cells in table.rows:
        place = table.place(number)
        run = next((cells[at].strip() for at in naming if cells[at].strip()), table.path.stem)
        home = cells[ids].strip() if ids is not None else ""
        if homes.setdefault(run, home) != home:
            raise InputError(f"{place}: two runs are called {run!r}. Rename one, or export them apart.")
        time = number_of(cell_value(cells[clock])) if clock is not None else None
        entry = (time or 0.0, _written(cells[step], "step", cells[value], place))
        series.setdefault((run, cells[key].strip()), []).append(entry)
    in_order = {
        name: [written for _, written in sorted(entries, key=lambda entry: entry[0])]
        for name, entries in series.items()
    }
    return _checkpoints(table, in_order, "step", None, homes)


def _run_list(table: Table) -> Logs:
    naming = [name for name in RUN_COLUMNS if name in table.header]
    if not naming:
        raise FileFormatError(
            f"{table.path} is no export that is known: it needs columns such as 'RUN - METRIC', or key, value and step, or "
            f"{' or '.join(RUN_COLUMNS[:3])}. It has {listed(table.header)}."
        )
    named = [table.at(name) for name in naming]
    born = [(name, table.at(name)) for name in BORN_COLUMNS if name in table.header]
    plain = [_plain(name) for name in table.header]
    checkpoints, passed = [], list(table.passed)
    first: dict[str, tuple[str, dict[str, str]]] = {}
    for number, cells in table.rows:
        place = table.place(number)
        run = next((cells[at].strip() for at in named if cells[at].strip()), table.path.stem)
        birth = {name: cells[at].strip() for name, at in born}
        known = first.setdefault(run, (place, birth))
        if known[1] != birth:
            raise InputError(
                f"{known[0]} and {place}: two runs are called {run!r}. Rename one, or export them apart."
            )
        values: dict[str, object] = {}
        for at, name in enumerate(plain):
            found = cell_value(cells[at])
            if name in values and values[name] != found:
                found = Refused(f"{table.path} has two columns {name!r} that differ. Remove or rename one.")
            values[name] = found
        epoch = next((values.pop(name) for name in EPOCHS if name in values), None)
        samples = next((values.pop(name) for name in SAMPLES if name in values), None)
        step = next((name for name in STEP_COLUMNS if number_of(values.get(name)) is not None), None)
        odd = [
            (name, v)
            for name, v in (("epoch", epoch), ("samples_seen", samples))
            if v and number_of(v) is None
        ]
        if odd:
            if has_comma(odd[0][1]):
                raise _not_a_number(odd[0][1], odd[0][0], place)
            passed.append(Passed(place, f"{odd[0][0]} is {odd[0][1]!r:.40}, not a number", "row"))
            continue
        tasks, logged = sorted_metrics(values)
        model = values.get("model") or values.get("params.model")
        said = epoch is not None or samples is not None
        checkpoints.append(
            Checkpoint(
                run, place, READER, number_of(epoch), None, number_of(samples), tasks=tasks, logged=logged,
                steps=number_of(values[step]) if step and not said else None, axis=step, counts="batches" if step else None,
                model=model if isinstance(model, str) else None, home=birth.get("Run ID") or birth.get("run_id") or "",
            )
        )  # fmt: skip
    return Logs(tuple(checkpoints), passed=tuple(passed))


def _checkpoints(
    table: Table,
    series: Mapping[tuple[str, str], Sequence[Written]],
    axis: str,
    counts: str | None,
    homes: Mapping[str, str] | None = None,
) -> Logs:
    """A checkpoint for each run and step. Of a step that was logged again after a resume the later value counts."""
    found: dict[tuple[str, float, str | None], dict[str, object]] = {}
    checkpoints = []
    for (run, metric), written in series.items():
        known = counts or steps_of(metric)
        for at, value in after_resumes([(at, value) for at, value in written if at is not None]).items():
            found.setdefault((run, at, known), {})[metric] = value
        for value in (value for at, value in written if at is None):
            tasks, logged = sorted_metrics({metric: value})
            checkpoints.append(Checkpoint(run, str(table.path), READER, tasks=tasks, logged=logged))
    for (run, at, known), values in found.items():
        tasks, logged = sorted_metrics(values)
        unclear = known is None or known == TIME
        place = f"{table.path} run {run} at {f'{axis} {at:g}' if unclear else f'{at:g} {known}'}"
        checkpoints.append(
            Checkpoint(
                run, place, READER, steps=at, axis=axis, counts=known, tasks=tasks, logged=logged,
                home=(homes or {}).get(run, ""),
            )
        )  # fmt: skip
    return Logs(tuple(checkpoints), passed=table.passed)


def _plain(name: str) -> str:
    for prefix in PREFIXES:
        name = name.removeprefix(prefix)
    return name


def _not_a_number(cell: object, column: str, place: str) -> InputError:
    how = "Write it without commas." if has_comma(cell) else "Export it again without that row."
    shown = cell.sentence if isinstance(cell, Refused) else repr(cell)
    return InputError(f"{place}: {column} is {shown:.80}, not a number. {how}")
