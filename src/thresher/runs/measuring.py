"""What checkpoints measured of the metrics that were asked for: found, judged, and turned into errors."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from itertools import pairwise

from thresher.arguments import argument
from thresher.errors import InputError
from thresher.runs.directions import LOWER, TRAINER_PREFIX, Kind, stated_kind, table_metric
from thresher.runs.logged import TRAINER_TASKS, Checkpoint, Logs, Refused
from thresher.runs.passed import Passed
from thresher.runs.tasks import GROUPS, MOST_NAMED, task_key, task_metric
from thresher.runs.texts import has_comma, listed, number_of

PERCENT = 100.0
CHANGE_OF_UNIT = 30.0
"""No curve jumps by this factor from one checkpoint to the next; a change between fraction and percent is 100."""
EVALUATIONS = ("datacomp", "clip_benchmark")
"""Readers of whole suites of tasks, whose averages mean something."""


@dataclass(frozen=True)
class Wanted:
    """One metric that is asked for.

    Attributes:
        name: As it was asked for.
        metric: As the run table calls it.
        kind: What its numbers are.
        task: The task that it is; None for a logged name and for a group.
        group: The tasks whose mean it is; empty for anything else.
    """

    name: str
    metric: str
    kind: Kind
    task: str | None = None
    group: tuple[str, ...] = ()

    def is_in(self, one: Checkpoint) -> bool:
        """Whether a checkpoint was evaluated on it, with whatever result."""
        if self.group:
            return one.reader in EVALUATIONS and any(task in one.tasks for task in self.group)
        return self.task in one.tasks if self.task is not None else bool(_names(self.name, one.logged))

    def found_in(self, one: Checkpoint) -> object:
        """What a checkpoint has for it, as it stands in the file; None where that is nothing."""
        if self.task is not None:
            return one.tasks.get(self.task)
        return next((one.logged[name] for name in _names(self.name, one.logged)), None)


def _names(wanted: str, logged: Mapping[str, object]) -> list[str]:
    plain = wanted.removeprefix(TRAINER_PREFIX)
    return [name for name in dict.fromkeys((wanted, TRAINER_PREFIX + plain, plain)) if name in logged]


def wanted_metrics(
    names: Sequence[str], logs: Logs, direction: str | None, *, percent: bool = False
) -> tuple[Wanted, ...]:
    """The metrics that are asked for, each known to be in some checkpoint.

    Args:
        names: As they were asked for.
        logs: What was found.
        direction: `higher` or `lower` is better, for metrics whose name does not say it.
        percent: Whether accuracies are said to be in percent.

    Raises:
        InputError: A metric that no checkpoint holds, or one of which nothing says which way it points.
    """
    tasks = {key for one in logs.checkpoints for key in one.tasks}
    logged = {name for one in logs.checkpoints for name in one.logged}
    found = []
    for name in dict.fromkeys(names):
        task = task_key(TRAINER_TASKS.get(name.removeprefix(TRAINER_PREFIX), name))
        if name in GROUPS:
            members, metric = GROUPS[name]
            found.append(Wanted(name, metric, Kind.ERROR, group=members))
        elif task in tasks:
            found.append(Wanted(name, task_metric(task), Kind.ACCURACY, task=task))
        elif _names(name, dict.fromkeys(logged)):
            kind = stated_kind(name, direction, alone=len(set(names)) == 1)
            found.append(Wanted(name, table_metric(name, kind), kind))
        else:
            raise _not_there(name, sorted({*tasks, *logged}), logs)
    for one in found:
        if not any(one.is_in(checkpoint) for checkpoint in logs.checkpoints):
            raise _not_there(one.name, sorted({*tasks, *logged}), logs)
    if percent and all(one.kind is Kind.LOSS for one in found):
        raise InputError(
            f"{argument('percent', True)} is about accuracies, and {found[0].name} is a loss. Leave it out."
        )
    if direction == LOWER and all(one.task is not None or one.group for one in found):
        raise InputError(
            f"{found[0].name} is an accuracy, better when higher. Leave {argument('direction')} out."
        )
    return tuple(found)


def _not_there(wanted: str, there: Sequence[str], logs: Logs) -> InputError:
    """The hint is always something that is there, and never the word that was refused."""
    inside = [name for name in there if wanted.lower() in name.lower() and name != wanted]
    evaluated = any(one.reader in EVALUATIONS for one in logs.checkpoints)
    near = [name for name in (*there, *(GROUPS if evaluated else ())) if name != wanted]
    close = inside or get_close_matches(wanted, near, n=1, cutoff=0.6)
    hint = f"Did you mean {close[0]}? " if close else ""
    held = f"They hold {listed(there)}." if there else "They hold no metric."
    broken = next((one for one in logs.passed if one.kind == "line"), None)
    half = f" {broken.place} was passed over: {broken.reason}." if broken else ""
    return InputError(f"{argument('metric', wanted)} is in none of the logs. {hint}{held}{half}")


def grouped(checkpoints: Iterable[Checkpoint]) -> tuple[Checkpoint, ...]:
    """Checkpoints with the tasks of all files that evaluate the same one: CLIP_benchmark writes a file per task."""
    merged: dict[tuple[object, ...], Checkpoint] = {}
    for at, one in enumerate(checkpoints):
        key: tuple[object, ...] = (one.run, one.home, one.reader, one.when, one.model)
        if one.reader != "clip_benchmark":
            key = (at,)
        known = merged.get(key)
        if known is None:
            merged[key] = one
            continue
        twice = [task for task in one.tasks if task in known.tasks and known.tasks[task] != one.tasks[task]]
        clash = {
            task: Refused(
                f"{one.place} and {known.place} give different results for task {task!r} of run {one.run!r}: two runs are in "
                "one folder. Give each its own name."
            )
            for task in twice
        }
        merged[key] = replace(
            known, tasks={**known.tasks, **one.tasks, **clash}, logged={**known.logged, **one.logged}
        )
    return tuple(merged.values())


@dataclass(frozen=True)
class Value:
    """One number that was asked for.

    Attributes:
        run: The run that it is of.
        seen: Samples that were seen.
        number: As it stands in the file.
        place: Where.
    """

    run: str
    seen: float
    number: float
    place: str


def value_in(one: Checkpoint, wanted: Wanted, *, percent: bool = False) -> float | Passed:
    """The number that a checkpoint has for a metric, or why it has none that can be used.

    Args:
        one: The checkpoint.
        wanted: The metric; of a group of tasks the number is its error.
        percent: Whether the tasks of a group are in percent.

    Raises:
        InputError: A value that contradicts another, or whose commas may mean two things.
    """
    if wanted.group:
        return _group_error(one, wanted, percent)
    found = wanted.found_in(one)
    if isinstance(found, Refused):
        raise InputError(found.sentence)
    if has_comma(found):
        raise InputError(
            f"{one.place}: {wanted.name} is {found!r}; a comma may separate decimals or thousands. Write it with a point, and "
            "without separators of thousands."
        )
    number = number_of(found)
    return number if number is not None else Passed(one.place, _no_number(wanted.name, found), "value")


def _no_number(name: str, found: object) -> str:
    return f"{name} is {found!r:.40}, not a number" if found is not None else f"{name} is empty"


def _group_error(one: Checkpoint, wanted: Wanted, percent: bool) -> float | Passed:
    numbers = {}
    for task in wanted.group:
        found = one.tasks.get(task)
        if isinstance(found, Refused):
            raise InputError(found.sentence)
        number = number_of(found)
        if number is not None:
            numbers[task] = fraction(number / PERCENT if percent else number, task, one.place)
    missing = [task for task in wanted.group if task not in numbers]
    if not missing:
        return 1.0 - sum(numbers.values()) / len(numbers)
    shown = ", ".join(missing[:MOST_NAMED]) + (", .." if len(missing) > MOST_NAMED else "")
    return Passed(
        one.place,
        f"{len(missing)} of the {len(wanted.group)} tasks of {argument('metric', wanted.name)} are missing ({shown})",
        "evaluation",
    )


def fraction(number: float, name: str, place: str, kind: Kind = Kind.ACCURACY) -> float:
    """`number` as a fraction.

    Raises:
        InputError: It is none.
    """
    if 0 <= number <= 1:
        return number
    percent = f" If it is percent, give {argument('percent', True)}." if 1 < number <= PERCENT else ""
    raise InputError(f"{place}: {name} is {number:g}, not an {kind} in [0, 1].{percent}")


def as_errors(values: Sequence[Value], wanted: Wanted, *, percent: bool) -> tuple[float, ...]:
    """The error of each value: accuracies become 1 minus themselves, losses stay.

    Args:
        values: All values of one metric.
        wanted: The metric.
        percent: Whether accuracies and errors are in percent; they are fractions otherwise.

    Raises:
        InputError: A number that cannot be what the metric is, or a mixture of fractions and percent.
    """
    if wanted.group or wanted.kind is Kind.LOSS:
        return tuple(value.number for value in values)
    if percent:
        _check_percent(values, wanted.name)
    numbers = [
        fraction(value.number / PERCENT if percent else value.number, wanted.name, value.place, wanted.kind)
        for value in values
    ]
    return tuple(1.0 - number if wanted.kind is Kind.ACCURACY else number for number in numbers)


def _check_percent(values: Sequence[Value], name: str) -> None:
    """Refuse fractions among what is said to be percent.

    Raises:
        InputError: All values are fractions, or some are.
    """
    switch = argument("percent", True)
    over = next((value for value in values if not 0 <= value.number <= PERCENT), None)
    if over is not None:
        raise InputError(f"{over.place}: {name} is {over.number:g}, not a percentage from 0 to 100.")
    by_run: dict[str, list[Value]] = {}
    for value in sorted(values, key=lambda value: value.seen):
        by_run.setdefault(value.run, []).append(value)
    for found in by_run.values():
        largest = max(found, key=lambda value: value.number)
        if 0 < largest.number <= 1:
            raise InputError(
                f"{largest.place}: {name} is {largest.number:g} at most in its run, which looks like a fraction, not percent. "
                f"Leave {switch} out, or import the runs in percent apart from it."
            )
        for before, after in pairwise(found):
            low, high = sorted((before, after), key=lambda value: value.number)
            if 0 < low.number <= 1 and high.number >= CHANGE_OF_UNIT * low.number:
                raise InputError(
                    f"{low.place} and {high.place}: {name} is {low.number:g} and {high.number:g} one checkpoint apart, so "
                    f"fractions and percent are mixed. Write all of them one way before you give {switch}."
                )
