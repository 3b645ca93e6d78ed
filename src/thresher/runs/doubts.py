"""What logs show that a run table cannot: epochs without an evaluation, changed evaluations, shrunken pools."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise

from thresher.arguments import argument
from thresher.runs.findings import Finding
from thresher.runs.labels import RunLabel, find_label
from thresher.runs.logged import Checkpoint, Logs
from thresher.runs.run_table import EPOCH_SLACK, RunTable
from thresher.units import format_exact, format_number

SHRUNK_SHARE = 0.99
"""A data folder with fewer than this share of its samples has lost some: dead links cost DataComp several percent."""
MOST_NAMED = 4
EPOCHS_WITHOUT = "Epochs without an evaluation"
"""How that doubt opens; a planned pilot knows its epochs better."""


def log_doubts(logs: Logs, labels: Sequence[RunLabel], table: RunTable) -> tuple[Finding, ...]:
    """Everything doubtful about imported logs, in words."""
    by_run: dict[str, list[Checkpoint]] = defaultdict(list)
    for one in logs.checkpoints:
        by_run[one.run].append(one)
    return (
        *_missing_epochs(by_run, logs),
        *_schedules(table),
        *_changed_evaluations(by_run, logs),
        *_shrunken(by_run, logs, labels),
        *_lengthened(by_run, logs, labels),
    )


def _missing_epochs(by_run: dict[str, list[Checkpoint]], logs: Logs) -> Iterable[Finding]:
    gaps, short = [], []
    for run, found in sorted(by_run.items()):
        epochs = sorted({one.epoch for one in found if one.epoch})
        if len(epochs) > 2:
            steps = [b - a for a, b in pairwise(epochs)]
            usual = max(set(steps), key=lambda step: (steps.count(step), -step))
            absent = [
                format_number(a + k * usual, 6)
                for a, b in pairwise(epochs)
                if usual > 0 and steps.count(usual) > 1 and steps.count(usual) >= len(steps) / 2
                for k in range(1, min(round((b - a) / usual), MOST_NAMED + 1))
            ]
            if absent:
                gaps.append(f"{run} (epoch {', '.join(absent)})")
        planned = next((fact.epochs for fact in logs.facts.get(run, ()) if fact.epochs), None)
        if epochs and planned is not None and epochs[-1] < planned:
            short.append(f"{run} ({format_number(epochs[-1], 6)} of {format_number(planned, 6)})")
    if gaps:
        yield Finding("warning", f"{EPOCHS_WITHOUT}: {_named(gaps)}. Was a checkpoint lost?")
    if short:
        yield Finding(
            "warning", f"Runs that end early, or whose last epoch is not evaluated: {_named(short)}."
        )


def _schedules(table: RunTable) -> Iterable[Finding]:
    kinds = sorted({row.schedule for row in table.rows if row.schedule})
    if len(kinds) > 1:
        yield Finding(
            "warning", f"Schedules are mixed ({', '.join(kinds)}); their errors are not comparable."
        )
    if "mid-run" in kinds:
        yield Finding(
            "warning",
            "Some checkpoints lie in the middle of a decaying learning rate; leave them out with "
            f"{argument('where', 'schedule = finished')}.",
        )


def _changed_evaluations(by_run: dict[str, list[Checkpoint]], logs: Logs) -> Iterable[Finding]:
    sets: dict[frozenset[str], list[Checkpoint]] = defaultdict(list)
    for found in by_run.values():
        for one in found:
            if one.reader == "datacomp":
                sets[frozenset(one.tasks)].append(one)
    if len(sets) > 1:
        usual = max(sets, key=lambda tasks: len(sets[tasks]))
        other = next(ones[0] for tasks, ones in sets.items() if tasks != usual)
        differ = sorted(usual ^ frozenset(other.tasks))
        yield Finding(
            "warning",
            f"The set of tasks changed: {other.place} differs from the other checkpoints in {_named(differ)}.",
        )
    evaluations = sorted(
        {fact.evaluation for run in by_run for fact in logs.facts.get(run, ()) if fact.evaluation}
    )
    if len(evaluations) > 1:
        yield Finding("warning", f"The evaluation set changed between runs: {_named(evaluations)}.")


def _shrunken(
    by_run: dict[str, list[Checkpoint]], logs: Logs, labels: Sequence[RunLabel]
) -> Iterable[Finding]:
    shrunk: dict[str, str] = {}
    for run in sorted(by_run):
        label = find_label(labels, run)
        if label is None:
            continue
        facts = next(iter(logs.facts.get(run, ())), None)
        held = logs.downloaded.get(label.pool)
        if held is None and facts is not None and facts.exposure == "epochs" and facts.samples_per_epoch:
            held = int(facts.samples_per_epoch)
            if held < 0.5 * label.unique_samples:
                continue  # several checkpoints within one pass
        if held is not None and held < SHRUNK_SHARE * label.unique_samples:
            shrunk[label.pool] = f"{label.pool} has {held:,} of {format_exact(label.unique_samples)} samples"
    if shrunk:
        yield Finding(
            "warning",
            f"Pools that shrank, as when downloads fail: {_named(list(shrunk.values()))}. Set unique_samples to what is there.",
        )


def _lengthened(
    by_run: dict[str, list[Checkpoint]], logs: Logs, labels: Sequence[RunLabel]
) -> Iterable[Finding]:
    """Epochs that the trainer rounded up to whole batches of every worker, where the label's length was taken instead."""
    longer = []
    for run in sorted(by_run):
        label = find_label(labels, run)
        logged = next(
            (
                max((*fact.lengths.values(), fact.samples_per_epoch or 0.0))
                for fact in logs.facts.get(run, ())
            ),
            None,
        )
        said = label.samples_per_epoch if label else None
        if said and logged and logged * EPOCH_SLACK > said:
            longer.append(f"{run} ({format_exact(logged)} samples, counted as {format_exact(said)})")
    if longer:
        yield Finding(
            "warning",
            f"Epochs were longer than they are counted: {_named(longer)}. open_clip rounds up to whole batches of every worker; "
            "train with smaller batches or fewer workers, or count more samples.",
        )


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(names[:MOST_NAMED])
    return shown + (f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else "")
