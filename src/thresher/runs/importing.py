"""Run tables from the logs of known tools: which pool, how many samples, which metric, and what is doubtful."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from thresher.errors import InputError
from thresher.runs.discovering import Progress, read_logs
from thresher.runs.doubts import log_doubts
from thresher.runs.findings import Finding
from thresher.runs.labels import RunLabel, find_label
from thresher.runs.logged import Checkpoint, Logs, TrainingFacts
from thresher.runs.measurement import Measurement
from thresher.runs.reading import checked
from thresher.runs.run_table import RunTable, metric_unit
from thresher.runs.tasks import GROUPS, IMAGENET, check_metric, group_error, metric_name, task_key

PREFERENCE = ("datacomp", "clip_benchmark", "open_clip", "tensorboard", "logged_csv")
"""Of two readers that measured one metric at one epoch of one run, the earlier is taken: a task's own evaluation
before what the trainer printed on the way."""


@dataclass(frozen=True)
class ImportOptions:
    """What logs do not say; None leaves a fact to them.

    Attributes:
        metrics: What `--metric` asks for: a task, `paper18`, `average38`, or a logged name.
        model: Take runs of this model only.
        step: What steps of event files and exports count.
        samples_per_epoch: What the trainer calls an epoch, in samples.
        batch_size: Samples of a batch over all devices.
        schedule: Of checkpoints whose schedule no file states.
        exposure: Of runs whose exposure no file states.
    """

    metrics: tuple[str, ...] = (IMAGENET,)
    model: str | None = None
    step: str | None = None
    samples_per_epoch: float | None = None
    batch_size: float | None = None
    schedule: str | None = None
    exposure: str | None = None


@dataclass(frozen=True)
class Imported:
    """A run table made from logs, and what is doubtful about them."""

    table: RunTable
    checkpoints: int
    findings: tuple[Finding, ...]


def import_runs(
    paths: Sequence[Path],
    labels: Sequence[RunLabel],
    options: ImportOptions | None = None,
    progress: Progress | None = None,
) -> Imported:
    """One run table from logs, evaluations, exports and run tables.

    Args:
        paths: Files and folders.
        labels: Which pool each run was trained on.
        options: What logs do not say.
        progress: Told how many files have been read.

    Raises:
        InputError: Nothing to import, a run without a label, or logs that contradict each other.
    """
    chosen = options or ImportOptions()
    logs, tables = read_logs(paths, chosen.step, progress)
    logs = of_model(logs, labels, chosen.model)
    if chosen.metrics and logs.checkpoints:
        tasks = frozenset(key for one in logs.checkpoints for key in one.tasks)
        logged = frozenset(name for one in logs.checkpoints for name in one.logged)
        for wanted in chosen.metrics:
            check_metric(wanted, tasks, logged)
    rows = [*tables, *_rows(logs, labels, chosen)]
    table = checked(RunTable(tuple(rows), " and ".join(map(str, paths))))
    return Imported(table, len(logs.checkpoints), log_doubts(logs, labels, table))


def of_model(logs: Logs, labels: Sequence[RunLabel], model: str | None) -> Logs:
    """The checkpoints of one model.

    Raises:
        InputError: A run mixes models, or several models are there and none was chosen.
    """
    label_of = {run: find_label(labels, run) for run in {one.run for one in logs.checkpoints}}
    models: dict[str, str] = {}
    places: dict[str, str] = {}
    for run, facts in logs.facts.items():
        named = {fact.place: fact for fact in facts}
        if len(named) > 1:
            first, second = list(named)[:2]
            raise InputError(
                f"Two runs are called {run!r} ({first} and {second}). Import them apart, or rename a folder."
            )
    for one in logs.checkpoints:
        said = one.model or next((fact.model for fact in logs.facts.get(one.run, ()) if fact.model), None)
        label = label_of[one.run]
        said = said or (label.model if label else None)
        if said is None:
            continue
        known = models.setdefault(one.run, said)
        if known != said:
            raise InputError(
                f"{one.place} evaluates {said}, but run {one.run!r} is {known} in {places[one.run]}. Keep evaluations of "
                "one model in a run's folder."
            )
        if label and label.model and label.model != said:
            raise InputError(
                f"{one.place} is of model {said}, but run {one.run!r} should be {label.model}. Remove it."
            )
        places.setdefault(one.run, one.place)
    found = sorted(set(models.values()))
    if model is None:
        if len(found) > 1:
            raise InputError(
                f"The logs are of {len(found)} models ({', '.join(found)}), which are never fitted together. Choose one with "
                "--model."
            )
        return logs
    if model not in found:
        raise InputError(
            f"--model {model!r} is in none of the logs; they are of {', '.join(found) or 'no named model'}."
        )
    return replace(logs, checkpoints=tuple(c for c in logs.checkpoints if models.get(c.run) == model))


def _rows(logs: Logs, labels: Sequence[RunLabel], options: ImportOptions) -> list[Measurement]:
    rows: dict[tuple[str, float, str], tuple[int, Measurement]] = {}
    label_of = {run: find_label(labels, run) for run in {one.run for one in logs.checkpoints}}
    measured: dict[tuple[str, str], int] = defaultdict(int)
    for one in sorted(logs.checkpoints, key=lambda one: PREFERENCE.index(one.reader)):
        label = label_of[one.run]
        if label is None:
            raise InputError(
                f"Nothing says which pool run {one.run!r} was trained on ({one.place}). Give --labels, a CSV with columns "
                "run, pool and unique_samples, or --pool and --unique-samples."
            )
        facts = _facts(logs.facts.get(one.run, ()))
        if one.when[1] == 0:
            continue  # an evaluation before training
        seen = samples_seen(one, label, facts, options)
        for wanted in options.metrics:
            error = error_of(one, wanted)
            if error is None:
                continue
            row = _row(one, label, facts, options, seen, metric_name(wanted), error)
            rank = PREFERENCE.index(one.reader)
            key = (one.run, seen, row.metric)
            known = rows.setdefault(key, (rank, row))
            if known[0] == rank and known[1] is not row and known[1].error != row.error:
                raise InputError(
                    f"{one.place} and {known[1].file} give different {row.metric} of run {one.run!r} after the same samples: two "
                    "runs are in one folder. Give each its own name."
                )
            measured[one.run, wanted] += 1
    for run in {one.run for one in logs.checkpoints}:
        for wanted in options.metrics:
            if not measured[run, wanted]:
                raise InputError(
                    f"Run {run!r} has no {wanted}. Evaluate it on that, or import it alone with another --metric."
                )
    return [row for _, row in sorted(rows.values(), key=lambda item: _order(item[1]))]


def samples_seen(one: Checkpoint, label: RunLabel, facts: TrainingFacts, options: ImportOptions) -> float:
    """Samples that a checkpoint was trained on.

    Raises:
        InputError: Nothing says how long an epoch or a batch is.
    """
    if one.samples_seen is not None:
        return one.samples_seen
    if one.passes is not None:
        return one.passes * label.unique_samples
    if one.batches is not None:
        batch = label.batch_size or options.batch_size
        if batch is None:
            raise InputError(
                f"{one.place} counts batches, and nothing says how large one is. Give --batch-size, or --step if it counts "
                "epochs or samples."
            )
        return one.batches * batch
    epoch = one.epoch if one.epoch is not None else facts.epochs
    if epoch is None:
        raise InputError(
            f"{one.place} does not say after which epoch it was evaluated, and there is no params.txt of run {one.run!r}. Put it "
            "into a folder named after the checkpoint, such as epoch_4."
        )
    per_epoch = label.samples_per_epoch or facts.samples_per_epoch or options.samples_per_epoch
    if per_epoch is None:
        raise InputError(
            f"{one.place} is after {epoch:g} epochs of the trainer, and nothing says how many samples one has. Give "
            "--samples-per-epoch, or the run's params.txt."
        )
    return epoch * per_epoch


def error_of(one: Checkpoint, wanted: str) -> float | None:
    """The error of a checkpoint in the metric that is wanted; None where it was not measured.

    Raises:
        InputError: Some tasks of an average are missing, or a number that is neither error nor loss.
    """
    if wanted in GROUPS:
        return group_error(wanted, one.tasks, one.place) if one.tasks else None
    key = task_key(wanted)
    if key in one.tasks:
        return 1.0 - one.tasks[key]
    value = one.logged.get(wanted.removeprefix("val/"))
    if value is None:
        return None
    name = metric_name(wanted)
    if metric_unit(name) == "loss" or wanted.endswith("_error"):
        return value
    if not 0 <= value <= 1:
        raise InputError(
            f"{one.place}: {wanted} is {value:g}, neither an accuracy in [0, 1] nor a loss. Import another --metric."
        )
    return 1.0 - value


def _row(
    one: Checkpoint, label: RunLabel, facts: TrainingFacts, options: ImportOptions, seen: float, metric: str, error: float
) -> Measurement:  # fmt: skip
    epoch = one.epoch if one.epoch is not None else (facts.epochs if one.when[1] is None else None)
    return Measurement(
        label.pool,
        label.unique_samples,
        seen,
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


def _facts(known: Sequence[TrainingFacts]) -> TrainingFacts:
    return known[0] if known else TrainingFacts()


def _order(row: Measurement) -> tuple[object, ...]:
    return (row.rank is None, row.rank or 0, row.pool, row.run or "", row.metric, row.samples_seen)
