"""Which checkpoints belong to one run, and which label is its: by the run's name, or by the end of its path."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from os.path import abspath
from pathlib import Path

from thresher.arguments import argument
from thresher.errors import InputError
from thresher.runs.labels import RunLabel, find_label, name_by_path
from thresher.runs.logged import Checkpoint, Logs, TrainingFacts
from thresher.runs.passed import Passed

NAMED_REMOTELY = "clip_benchmark"
"""The reader whose paths are those of another machine, and may be relative."""
TRAINER = "open_clip"
"""The reader that facts of training come from."""


def named_apart(logs: Logs, labels: Sequence[RunLabel]) -> Logs:
    """Logs whose runs have the names that labels know them by, no two runs the same.

    A run is called by its folder. Labels with slashes, such as `b0/medium_scale`, name it by more of its path, which
    tells folders of one name apart. What several tools say of a run is joined by its name.

    Raises:
        InputError: Two runs of one reader have the same name.
    """
    name = _namer(labels)
    facts: dict[str, list[TrainingFacts]] = defaultdict(list)
    homes: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for run, known in logs.facts.items():
        for fact in known:
            called = name(run, fact.home)
            facts[called].append(fact)
            homes[TRAINER, called].setdefault(_key(fact.home), fact.home)
    checkpoints = []
    for one in logs.checkpoints:
        called = name(one.run, one.home)
        checkpoints.append(one if called == one.run else replace(one, run=called))
        if one.home:
            homes[one.reader, called].setdefault(_key(one.home), one.home)
    for (reader, called), places in homes.items():
        first, *others = places.values()
        second = next((home for home in others if reader != NAMED_REMOTELY or not _is_end(first, home)), None)
        if second is not None:
            raise InputError(
                f"Two runs are called {called!r} ({first} and {second}). Name them by more of their paths in "
                f"{argument('labels')} ({_ends(first, second)}), rename a folder, or import them apart."
            )
    return replace(
        logs, checkpoints=tuple(checkpoints), facts={run: tuple(known) for run, known in facts.items()}
    )


def labelled(logs: Logs, labels: Sequence[RunLabel]) -> Logs:
    """The checkpoints of runs that a label names; others are passed over.

    Raises:
        InputError: No run has a label.
    """
    label_of = {run: find_label(labels, run) for run in {one.run for one in logs.checkpoints}}
    without = [one for one in logs.checkpoints if label_of[one.run] is None]
    if without and len(without) == len(logs.checkpoints):
        one = without[0]
        raise InputError(
            f"Nothing says which pool run {one.run!r} was trained on ({one.place}). Give {argument('labels')}, a CSV with "
            f"columns run, pool and unique_samples, or {argument('pool')} and {argument('unique_samples')}."
        )
    passed = tuple(
        Passed(run, f"no row of {argument('labels')} names it", "run")
        for run in dict.fromkeys(one.run for one in without)
    )
    kept = tuple(one for one in logs.checkpoints if label_of[one.run] is not None)
    return replace(logs, checkpoints=kept, passed=(*logs.passed, *passed))


def of_model(logs: Logs, labels: Sequence[RunLabel], model: str | None) -> Logs:
    """The checkpoints of one model.

    Raises:
        InputError: A run mixes models, or several models are there and none was chosen.
    """
    models: dict[str, str] = {}
    places: dict[str, str] = {}
    label_of = {run: find_label(labels, run) for run in {one.run for one in logs.checkpoints}}
    for one in logs.checkpoints:
        label = label_of[one.run]
        stated = next((fact.model for fact in logs.facts.get(one.run, ()) if fact.model), None)
        said = one.model or stated or (label.model if label else None)
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
                f"{argument('model')}."
            )
        return logs
    if model not in found:
        raise InputError(
            f"{argument('model')} {model!r} is in none of the logs; they are of {', '.join(found) or 'no named model'}."
        )
    kept = [one for one in logs.checkpoints if models.get(one.run) == model]
    other = dict.fromkeys(one.run for one in logs.checkpoints if models.get(one.run) != model)
    passed = tuple(Passed(run, f"its model is not {model}", "run") for run in other)
    return replace(logs, checkpoints=tuple(kept), passed=(*logs.passed, *passed))


def runs_of(logs: Logs) -> dict[str, list[Checkpoint]]:
    """Checkpoints by run."""
    found: dict[str, list[Checkpoint]] = defaultdict(list)
    for one in logs.checkpoints:
        found[one.run].append(one)
    return found


def _namer(labels: Sequence[RunLabel]) -> Callable[[str, str], str]:
    """What a run is called, by its name and home; each home is looked up once."""
    known: dict[tuple[str, str], str] = {}

    def name(run: str, home: str) -> str:
        if (run, home) not in known:
            known[run, home] = (name_by_path(labels, _key(home)) if home else None) or run
        return known[run, home]

    return name


def _key(home: str) -> str:
    return abspath(home)  # noqa: PTH100 (a link is a name of its own)


def _is_end(one: str, other: str) -> bool:
    """Whether one path is how the other ends: a checkpoint may be named by less of its path."""
    short, long = sorted((Path(one).parts, Path(other).parts), key=len)
    return long[len(long) - len(short) :] == short


def _ends(first: str, second: str) -> str:
    """The shortest ends of two paths that differ."""
    one, other = Path(first).absolute().parts, Path(second).absolute().parts
    count = next((n for n in range(1, len(one)) if one[-n:] != other[-n:]), len(one))
    return f"{'/'.join(one[-count:])} and {'/'.join(other[-count:])}"
