"""Logs of open_clip's trainer: params.txt, checkpoints/results.jsonl and out.log of one run folder."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from thresher.errors import FileFormatError
from thresher.runs.logged import Checkpoint, Logs, Refused, TrainingFacts, read_json_lines, sorted_metrics
from thresher.runs.passed import Passed
from thresher.runs.texts import log_lines, number_of, read_text

READER = "open_clip"
PARAMS = "params.txt"
RESULTS = "results.jsonl"
OUT = "out.log"
DIGITS_IN_LOG = 4
"""out.log prints metrics with four decimals."""

MOST_PARAMS = 1 << 20
"""Bytes of a params.txt; it has some hundred lines."""

_EVALUATION = re.compile(r"Eval Epoch: (\d{1,9}) (?!\[)(.+)$")
_TRAINING = re.compile(r"Train Epoch: (\d{1,9}) \[\s*\d+/(\d{1,18}) ")
_RESUMED = re.compile(
    r"=> (?:resum|load)\w+ .*\(epoch (\d{1,9})\)\s*$|No latest resume checkpoint found", re.IGNORECASE
)
"""What the trainer says when it goes on: from one file, from a folder of shards, or from nothing."""


@dataclass(frozen=True)
class Evaluation:
    """One evaluation that out.log tells of.

    Attributes:
        epoch: Epochs that were done.
        printed: Metrics, rounded.
        abandoned: Whether the run was later resumed from an earlier epoch, so that its model was thrown away.
    """

    epoch: int
    printed: Mapping[str, float]
    abandoned: bool = False


def run_folder(path: Path) -> Path:
    """The run's folder, from any of its files."""
    return path.parent.parent if path.parent.name == "checkpoints" else path.parent


def read_open_clip(folder: Path) -> Logs:
    """What one run folder says: how the run was trained and what was measured at which epoch.

    `results.jsonl` has no epoch unless validation data was set; it then comes from the evaluations in `out.log`,
    found by their values, in order. A run that was stopped and resumed from an earlier checkpoint has evaluated some
    epochs twice; what it did not go on from is left out. Times and paths in the files are not used: machines and
    mounts change.

    Raises:
        FileFormatError: results.jsonl is no text.
    """
    params, out = folder / PARAMS, folder / OUT
    passed: list[Passed] = []
    facts = _facts(params, out, passed)
    results = next((p for p in (folder / "checkpoints" / RESULTS, folder / RESULTS) if p.is_file()), None)
    lines, broken = read_json_lines(results) if results is not None else ((), ())
    passed += broken
    named = [found.get("epoch") for _, found in lines]
    unclear = None in named or len(set(map(str, named))) < len(named)
    evaluations = _evaluations(out) if unclear else []
    run = folder.name or folder.resolve().name
    checkpoints = []
    for number, found in lines:
        place = f"{results} line {number}"
        evaluation = _printed_as(found, evaluations)
        if evaluation is not None and evaluation.abandoned:
            continue
        epoch = (
            evaluation.epoch if found.get("epoch") is None and evaluation is not None else found.get("epoch")
        )
        after = number_of(epoch)
        if epoch is not None and (after is None or after < 0):
            passed.append(Passed(place, f"its epoch is {epoch!r:.40}, not a number of epochs", "line"))
            continue
        measured = {
            name: value if epoch is not None else Refused(_without_epoch(place, out))
            for name, value in found.items()
            if name not in ("epoch", "num_samples", "num_elements")
        }
        tasks, logged = sorted_metrics(measured)
        checkpoints.append(
            Checkpoint(run, place, READER, after, tasks=tasks, logged=logged, home=str(folder))
        )
    return Logs(
        _distinct(checkpoints, folder), {run: (facts,)} if facts is not None else {}, passed=tuple(passed)
    )


def _facts(params: Path, out: Path, passed: list[Passed]) -> TrainingFacts | None:
    if not params.is_file():
        return None
    try:
        return read_params(params, out)
    except FileFormatError as error:
        passed.append(Passed(str(params), str(error).removeprefix(f"{params} ").split(". ")[0].rstrip(".")))
        return None


def read_params(path: Path, out: Path | None = None) -> TrainingFacts:
    """How a run was trained, from its params.txt.

    Samples of an epoch come from out.log where it has them: the trainer rounds what was asked for up to whole batches.

    Raises:
        FileFormatError: It is not a list of `name: value` lines.
    """
    text = read_text(path, MOST_PARAMS)
    given = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)
    if "model" not in given and "epochs" not in given:
        raise FileFormatError(f"{path} is not open_clip's params.txt: it has neither model nor epochs.")
    lengths = _logged_epochs(out)
    trained = lengths[min(lengths)] if lengths else None
    return TrainingFacts(
        model=_stated(given, "model"),
        seed=_stated(given, "seed"),
        epochs=_number(given, "epochs", path),
        samples_per_epoch=trained if trained is not None else _number(given, "train_num_samples", path),
        lengths=lengths,
        scheduler="const" if given.get("skip_scheduler") == "True" else _stated(given, "lr_scheduler"),
        cooldown=_number(given, "epochs_cooldown", path) or 0.0,
        exposure={"True": "resampled", "False": "epochs"}.get(given.get("dataset_resampled", "")),
        evaluation=_evaluated_on(given),
        place=str(path),
    )


def _stated(given: Mapping[str, str], name: str) -> str | None:
    value = given.get(name, "").strip()
    return None if value in ("", "None") else value


def _number(given: Mapping[str, str], name: str, path: Path) -> float | None:
    value = _stated(given, name)
    if value is None:
        return None
    try:
        number = number_of(float(value))
    except ValueError:
        number = None
    if number is None or number < 0:
        raise FileFormatError(f"{path} has {name} {value!r:.40}, which is not a number. Correct it.")
    return number


def _evaluated_on(given: Mapping[str, str]) -> str | None:
    """The evaluation sets by the last part of their paths, which survives a change of mounts."""
    sets = [
        f"{name}={Path(value).name or value}"
        for name in ("imagenet_val", "imagenet_v2", "val_data")
        if (value := _stated(given, name)) is not None
    ]
    return " ".join(sets) or None


def _logged_epochs(out: Path | None) -> dict[int, float]:
    """Samples of each epoch that was trained; of one that was trained again after a resume, the later."""
    if out is None or not out.is_file():
        return {}
    found: dict[int, float] = {}
    for line in log_lines(out):
        if "Train Epoch: " in line and (match := _TRAINING.search(line)):
            found[int(match[1])] = float(match[2])
    return found


def _evaluations(out: Path) -> list[Evaluation]:
    """Every evaluation in a log, in order.

    What lies behind the checkpoint of a resume is abandoned once training goes on from there; a program that only
    evaluates an earlier checkpoint abandons nothing.
    """
    if not out.is_file():
        return []
    found: list[Evaluation] = []
    kept: int | None = None
    for line in log_lines(out):
        if (resumed := _RESUMED.search(line)) is not None:
            kept = int(resumed[1] or 0)
        match = _EVALUATION.search(line)
        if kept is not None and ("Train Epoch: " in line or (match is not None and int(match[1]) > kept)):
            found = [replace(one, abandoned=one.abandoned or one.epoch > kept) for one in found]
            kept = None
        if match is not None:
            found.append(Evaluation(int(match[1]), _printed(match[2])))
    return found


def _printed(text: str) -> dict[str, float]:
    """The metrics of one line of out.log, but for those that are no numbers."""
    found = {}
    for part in text.split("\t"):
        name, colon, value = part.rpartition(": ")
        try:
            number = number_of(float(value)) if colon else None
        except ValueError:
            number = None
        if number is not None:
            found[name] = number
    return found


def _printed_as(found: Mapping[str, Any], evaluations: list[Evaluation]) -> Evaluation | None:
    """The first evaluation not yet used that printed these values; it and those before it are used up."""
    values = {name: number for name, value in found.items() if (number := number_of(value)) is not None}
    for at, evaluation in enumerate(evaluations):
        printed = evaluation.printed
        same = printed.keys() & values.keys()
        if same and all(abs(printed[name] - values[name]) <= 0.51 * 10**-DIGITS_IN_LOG for name in same):
            del evaluations[: at + 1]
            return evaluation
    return None


def _without_epoch(place: str, out: Path) -> str:
    return (
        f"{place} names no epoch, and {out.name if out.exists() else 'the missing ' + out.name} has no evaluation with its "
        'values. Put the run\'s out.log beside params.txt, or add "epoch" to that line.'
    )


def _distinct(checkpoints: Sequence[Checkpoint], folder: Path) -> tuple[Checkpoint, ...]:
    """Checkpoints, one an epoch; an evaluation repeated with the same result counts once.

    Of a metric with two results for one epoch the value says, when it is asked for, that two runs wrote into the folder.
    """
    first: dict[float | None, Checkpoint] = {}
    for one in checkpoints:
        known = first.setdefault(one.epoch if one.epoch is not None else -1.0 - len(first), one)
        if known is one or one.epoch is None:
            continue
        sentence = (
            f"{one.place} and {known.place} give different results for epoch {one.epoch:g}: two runs wrote into {folder}, "
            "or its out.log does not tell that it was resumed. Give each run its own folder, or remove the lines of the "
            "abandoned one."
        )
        first[one.epoch] = replace(
            known,
            tasks=_agreed(known.tasks, one.tasks, sentence),
            logged=_agreed(known.logged, one.logged, sentence),
        )
    return tuple(first.values())


def _agreed(known: Mapping[str, object], other: Mapping[str, object], sentence: str) -> dict[str, object]:
    clash = {
        name: Refused(sentence)
        for name in known.keys() & other.keys()
        if known[name] != other[name]
        and not (number_of(known[name]) is None and number_of(other[name]) is None)
    }
    return {**known, **other, **clash}
