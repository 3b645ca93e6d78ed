"""Run tables from the logs of known tools: which pool, how many samples, which metric, and what is doubtful."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from thresher.arguments import argument
from thresher.errors import InputError
from thresher.runs.directions import check_direction
from thresher.runs.discovering import Progress, read_logs
from thresher.runs.doubts import log_doubts
from thresher.runs.findings import Finding
from thresher.runs.labels import RunLabel, find_label
from thresher.runs.logged import TIME, Checkpoint, Logs, TrainingFacts, check_step
from thresher.runs.measurement import Measurement
from thresher.runs.measuring import Value, Wanted, as_errors, grouped, value_in, wanted_metrics
from thresher.runs.naming import labelled, named_apart, of_model, runs_of
from thresher.runs.passed import Passed
from thresher.runs.reading import checked
from thresher.runs.run_table import RunTable
from thresher.runs.tasks import IMAGENET

PREFERENCE = ("datacomp", "clip_benchmark", "open_clip", "tensorboard", "logged_csv")
"""Of two readers that measured one metric at one epoch of one run, the earlier is taken: a task's own evaluation
before what the trainer printed on the way."""


@dataclass(frozen=True)
class ImportOptions:
    """What logs do not say; None leaves a fact to them.

    Attributes:
        metrics: What is wanted: a task, `paper18`, `average38`, or a logged name.
        model: Take runs of this model only.
        step: What steps of event files and exports count.
        samples_per_epoch: What the trainer calls an epoch, in samples.
        batch_size: Samples of a batch over all devices.
        schedule: Of checkpoints whose schedule no file states.
        exposure: Of runs whose exposure no file states.
        direction: `higher` or `lower` is better, for a metric whose name does not say it.
        percent: Whether accuracies are in percent.
        samples_seen: Samples at the end of each run, for an evaluation that does not say when it was made.
    """

    metrics: tuple[str, ...] = (IMAGENET,)
    model: str | None = None
    step: str | None = None
    samples_per_epoch: float | None = None
    batch_size: float | None = None
    schedule: str | None = None
    exposure: str | None = None
    direction: str | None = None
    percent: bool = False
    samples_seen: float | None = None


@dataclass(frozen=True)
class Imported:
    """A run table made from logs, what is doubtful about them, and what was not used."""

    table: RunTable
    checkpoints: int
    findings: tuple[Finding, ...]
    passed: tuple[Passed, ...] = ()


def import_runs(
    paths: Sequence[Path],
    labels: Sequence[RunLabel],
    options: ImportOptions | None = None,
    progress: Progress | None = None,
    *,
    without: Path | None = None,
) -> Imported:
    """One run table from logs, evaluations, exports and run tables.

    What was not asked for is passed over and listed. What was asked for is never guessed.

    Args:
        paths: Files and folders.
        labels: Which pool each run was trained on.
        options: What logs do not say.
        progress: Told how many files have been read.
        without: A file to pass over, such as what an earlier import wrote among the logs.

    Raises:
        InputError: Nothing to import, a run without a label, or logs that contradict each other.
    """
    chosen = options or ImportOptions()
    check_step(chosen.step)
    check_direction(chosen.direction)
    logs, tables = read_logs(paths, progress, without)
    name = " and ".join(map(str, paths))
    tables, passed = _rows_of_model(tables, chosen.model)
    if not logs.checkpoints:
        if not tables:
            raise InputError(
                f"{argument('model', chosen.model)} is in none of the run tables. Choose a model that is."
            )
        table = checked(RunTable(tables, name))
        return Imported(table, 0, log_doubts(logs, labels, table), (*logs.passed, *passed))
    logs = replace(logs, checkpoints=tuple(one.counted(chosen.step) for one in logs.checkpoints))
    try:
        wanted = wanted_metrics(chosen.metrics, logs, chosen.direction, percent=chosen.percent)
    except InputError:
        if logs.missing is not None:
            raise logs.missing from None
        raise
    logs = _relevant(logs, wanted)
    logs = replace(logs, checkpoints=grouped(logs.checkpoints))
    logs = of_model(labelled(named_apart(logs, labels), labels), labels, chosen.model)
    rows, without_number = _rows(logs, labels, chosen, wanted)
    table = checked(RunTable((*tables, *rows), name))
    found = (*logs.passed, *passed, *without_number)
    return Imported(table, len(logs.checkpoints), log_doubts(logs, labels, table), found)


def _rows_of_model(
    rows: tuple[Measurement, ...], model: str | None
) -> tuple[tuple[Measurement, ...], tuple[Passed, ...]]:
    """The rows of run tables that are of one model; all where none is chosen."""
    if model is None:
        return rows, ()
    passed = tuple(
        Passed(row.place, f"its model is not {model}", "row") for row in rows if row.model != model
    )
    return tuple(row for row in rows if row.model == model), passed


def _relevant(logs: Logs, wanted: Sequence[Wanted]) -> Logs:
    """Only the checkpoints that were evaluated on something that is wanted, and the facts of their runs."""
    kept = tuple(one for one in logs.checkpoints if any(metric.is_in(one) for metric in wanted))
    runs = {(one.run, one.home) for one in kept}
    names = {run for run, _ in runs}
    where = {run: {home for name, home in runs if name == run and home} for run in names}
    facts = {}
    for run, known in logs.facts.items():
        if run in names:
            own = tuple(fact for fact in known if fact.home in where[run])
            facts[run] = own or known  # evaluations elsewhere are joined by the run's name
    asked = " or ".join(metric.name for metric in wanted)
    kept_places = {one.place for one in kept}
    passed = tuple(
        Passed(one.place, f"not evaluated on {asked}", "evaluation")
        for one in logs.checkpoints
        if one.place not in kept_places
    )
    return replace(logs, checkpoints=kept, facts=facts, passed=(*logs.passed, *passed))


@dataclass(frozen=True)
class _Measured:
    one: Checkpoint
    label: RunLabel
    value: Value


def _rows(
    logs: Logs, labels: Sequence[RunLabel], options: ImportOptions, wanted: Sequence[Wanted]
) -> tuple[list[Measurement], list[Passed]]:
    """The rows of all metrics, in the order of the run table, and the values that are none.

    Raises:
        InputError: A metric without any value, or one that differs within a run.
    """
    rows: dict[tuple[str, float, str], tuple[int, Measurement]] = {}
    passed: list[Passed] = []
    trained = {run: [one for one in found if one.when[1] != 0] for run, found in runs_of(logs).items()}
    for run in sorted(run for run, found in trained.items() if not found):
        passed.append(Passed(run, f"evaluated only before training ({_start(logs, run)})", "run"))
    in_order = sorted(
        (one for found in trained.values() for one in found), key=lambda one: PREFERENCE.index(one.reader)
    )
    for metric in wanted:
        measured, without = _measured(
            [one for one in in_order if metric.is_in(one)], logs, labels, options, metric
        )
        if not measured:
            raise _no_value(metric, [*without, *passed])
        passed += without
        errors = as_errors([item.value for item in measured], metric, percent=options.percent)
        for item, error in zip(measured, errors, strict=True):
            row = _row(item, _facts(logs, item.one.run), options, metric.metric, error)
            rank = PREFERENCE.index(item.one.reader)
            known = rows.setdefault((item.one.run, item.value.seen, row.metric), (rank, row))
            if known[0] == rank and known[1].error != row.error:
                raise InputError(
                    f"{item.one.place} and {known[1].file} give different {row.metric} of run {item.one.run!r} after the "
                    "same samples: two runs are in one folder. Give each its own name."
                )
        reached = {item.one.run for item in measured}
        passed += [
            Passed(run, f"no value of {metric.name}", "run")
            for run, found in sorted(trained.items())
            if found and run not in reached
        ]
    return [row for _, row in sorted(rows.values(), key=lambda item: _order(item[1]))], passed


def _measured(
    checkpoints: Sequence[Checkpoint],
    logs: Logs,
    labels: Sequence[RunLabel],
    options: ImportOptions,
    metric: Wanted,
) -> tuple[list[_Measured], list[Passed]]:
    found, passed = [], []
    label_of = {run: find_label(labels, run) for run in {one.run for one in checkpoints}}
    for one in checkpoints:
        label = label_of[one.run]
        number = value_in(one, metric, percent=options.percent)
        if isinstance(number, Passed):
            passed.append(number)
        elif label is not None:
            seen = samples_seen(one, label, _facts(logs, one.run), options)
            found.append(_Measured(one, label, Value(one.run, seen, number, one.place)))
    return found, passed


def _start(logs: Logs, run: str) -> str:
    unit, _ = next(one.when for one in logs.checkpoints if one.run == run)
    return f"{unit} 0"


def _no_value(metric: Wanted, passed: Sequence[Passed]) -> InputError:
    """Why nothing of a metric is left."""
    first = next((one for one in passed if one.kind != "run"), None)
    if first is not None:
        kind = "Finish that evaluation" if metric.group else "Evaluate again"
        return InputError(
            f"No value of {argument('metric', metric.name)} can be used: {first.place}: {first.reason}. {kind}, or import "
            "another metric."
        )
    run = next((one for one in passed if "before training" in one.reason), None)
    if run is not None:
        return InputError(
            f"Run {run.place!r} was {run.reason}. A law needs checkpoints of the training: evaluate a later one."
        )
    return InputError(f"No run has a value of {argument('metric', metric.name)}. Evaluate one on it.")


def samples_seen(one: Checkpoint, label: RunLabel, facts: TrainingFacts, options: ImportOptions) -> float:
    """Samples that a checkpoint was trained on.

    Raises:
        InputError: Nothing says how long an epoch or a batch is, or what a step counts.
    """
    if one.samples_seen is not None:
        return one.samples_seen
    if one.passes is not None:
        return one.passes * label.unique_samples
    if one.steps is not None:
        raise _unknown_axis(one)
    if one.batches is not None:
        batch = label.batch_size or options.batch_size
        if batch is None:
            raise InputError(
                f"{one.place} counts batches, and nothing says how large one is. Give {argument('batch_size')}, or "
                f"{argument('step')} if it counts epochs or samples."
            )
        return one.batches * batch
    epoch = one.epoch if one.epoch is not None else facts.epochs
    end = label.samples_seen or options.samples_seen if one.epoch is None else None
    if epoch is None and end is not None:
        return end
    if epoch is None:
        raise _unknown_epoch(one)
    each = label.samples_per_epoch
    logged = facts.samples_after(epoch)
    if each is None and logged is not None:
        return logged
    each = each or options.samples_per_epoch
    if each is None and end is not None:
        return end
    if each is None:
        raise InputError(
            f"{one.place} is after {epoch:g} epochs of the trainer, and nothing says how many samples one has. Give "
            f"{argument('samples_per_epoch')}, or the run's params.txt."
        )
    return epoch * each


def _unknown_axis(one: Checkpoint) -> InputError:
    if one.counts == TIME:
        return InputError(
            f"{one.place}: its x axis is a time ({one.axis}), which says nothing of samples. Export with a step or an epoch as "
            "x axis."
        )
    return InputError(
        f"{one.place}: nothing says what its x axis ({one.axis}) counts. Give {argument('step')}: epochs, batches, samples or "
        "tokens."
    )


def _unknown_epoch(one: Checkpoint) -> InputError:
    if one.reader == "logged_csv":
        return InputError(
            f"{one.place} does not say how far the run was. Say which columns tell it: {argument('columns')} with samples_seen, "
            f"or {argument('samples_seen')} where every run ends after the same."
        )
    kind = {"datacomp": "DataComp's", "clip_benchmark": "CLIP_benchmark's"}.get(one.reader, "an")
    return InputError(
        f"{one.place} is {kind} evaluation of run {one.run!r} and does not say after which epoch. Put it into a folder named "
        f"after the checkpoint, such as epoch_4, or give {argument('samples_seen')}."
    )


def _row(
    item: _Measured, facts: TrainingFacts, options: ImportOptions, metric: str, error: float
) -> Measurement:
    one, label = item.one, item.label
    epoch = one.epoch if one.epoch is not None else (facts.epochs if one.when[1] is None else None)
    return Measurement(
        label.pool,
        label.unique_samples,
        item.value.seen,
        metric,
        round(error, 12),
        run=one.run,
        model=one.model or facts.model or label.model or options.model,
        seed=label.seed or facts.seed,
        rank=label.rank,
        quality=label.quality,
        schedule=label.schedule or facts.schedule_at(epoch) or options.schedule,
        exposure=label.exposure or facts.exposure or options.exposure,
        weights=label.weights,
        subset_of=label.subset_of,
        source=one.reader,
        file=one.place,
    )


def _facts(logs: Logs, run: str) -> TrainingFacts:
    return next(iter(logs.facts.get(run, ())), TrainingFacts())


def _order(row: Measurement) -> tuple[object, ...]:
    return (row.rank is None, row.rank or 0, row.pool, row.run or "", row.metric, row.samples_seen)
