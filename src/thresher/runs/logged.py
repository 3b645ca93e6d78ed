"""What logs and evaluations of known tools say, before it is known which pool a run was trained on."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from thresher.errors import FileFormatError, InputError
from thresher.runs.tasks import IMAGENET, task_key
from thresher.stored import parse_foreign_json

TRAINER_TASKS: Mapping[str, str] = {
    "imagenet-zeroshot-val-top1": IMAGENET,
    "imagenetv2-zeroshot-val-top1": "imagenetv2",
}
"""Names that open_clip gives to zero-shot accuracies, in results.jsonl, TensorBoard and W&B alike."""
LARGEST_ACCURACY = 1.0


@dataclass(frozen=True)
class TrainingFacts:
    """How a run was trained, as far as its files say; None where they do not.

    Attributes:
        model: The model's name.
        seed: The run's seed.
        epochs: Epochs of the trainer when it ends.
        samples_per_epoch: What the trainer calls an epoch, in samples.
        scheduler: `cosine`, `const` or `const-cooldown`, in open_clip's words.
        cooldown: Epochs of cooldown at the end.
        exposure: `epochs` or `resampled`.
        evaluation: What it was evaluated on, to see whether that changed.
        place: The file that says so.
    """

    model: str | None = None
    seed: str | None = None
    epochs: float | None = None
    samples_per_epoch: float | None = None
    scheduler: str | None = None
    cooldown: float = 0.0
    exposure: str | None = None
    evaluation: str | None = None
    place: str = ""

    def schedule_at(self, epoch: float | None) -> str | None:
        """`constant`, `finished` or `mid-run` for a checkpoint after `epoch` epochs; None where that is not known."""
        if self.scheduler is None or epoch is None:
            return None
        if self.scheduler == "const":
            return "constant"
        if self.epochs is not None and epoch >= self.epochs:
            return "finished"
        before_cooldown = self.epochs is not None and epoch <= self.epochs - self.cooldown
        return "constant" if self.scheduler == "const-cooldown" and before_cooldown else "mid-run"


@dataclass(frozen=True)
class Checkpoint:
    """One evaluation of one run.

    Attributes:
        run: The run's name.
        place: File and line, for messages.
        reader: The format that it was read from.
        epoch: Epochs of the trainer; None where only the file's run says it.
        passes: Passes over the pool, where the file says that instead.
        samples_seen: Samples, where the file says that instead.
        batches: Steps of the trainer, where the file says that instead.
        tasks: Accuracy (main metric) by task.
        logged: Other numbers, as logged.
        model: The model evaluated, if the evaluation says it.
    """

    run: str
    place: str
    reader: str
    epoch: float | None = None
    passes: float | None = None
    samples_seen: float | None = None
    batches: float | None = None
    tasks: Mapping[str, float] = field(default_factory=dict)
    logged: Mapping[str, float] = field(default_factory=dict)
    model: str | None = None

    @property
    def when(self) -> tuple[str, float | None]:
        """How far training was, in the unit that the file uses."""
        for unit, value in (("epoch", self.epoch), ("passes", self.passes), ("samples", self.samples_seen),
                            ("batches", self.batches)):  # fmt: skip
            if value is not None:
                return unit, value
        return "epoch", None


@dataclass(frozen=True)
class Logs:
    """Everything that a reader found.

    Attributes:
        checkpoints: Evaluations.
        facts: How runs were trained, by run.
        downloaded: Samples that data folders really hold, by folder name.
    """

    checkpoints: tuple[Checkpoint, ...] = ()
    facts: Mapping[str, tuple[TrainingFacts, ...]] = field(default_factory=dict)
    downloaded: Mapping[str, int] = field(default_factory=dict)


def read_json_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line numbers and objects of a file with one JSON object a line.

    Raises:
        FileFormatError: A line is not a whole JSON object, as one that a killed program was writing.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise FileFormatError(f"{path} is not a text file.") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error
    lines = [
        (number, line) for number, line in enumerate(text.split("\n"), start=1) if line and not line.isspace()
    ]
    try:  # one call for the whole file takes a third of the time of one a line
        whole = parse_foreign_json(f"[{','.join(line for _, line in lines)}]")
    except ValueError:
        whole = []
    at_once = whole if len(whole) == len(lines) else [None] * len(lines)
    for (number, line), parsed in zip(lines, at_once, strict=True):
        try:
            found = parsed if parsed is not None else parse_foreign_json(line)
        except ValueError as error:
            raise FileFormatError(
                f"{path} line {number} is not whole JSON: its writer was stopped. Remove that line and evaluate that "
                "checkpoint again."
            ) from error
        if not isinstance(found, dict):
            raise FileFormatError(f"{path} line {number} is not a JSON object; it should hold named results.")
        yield number, found


def accuracy(value: object, what: str, place: str) -> float:
    """`value` as an accuracy.

    Raises:
        InputError: It is not a number in [0, 1].
    """
    if type(value) is float and 0.0 <= value <= LARGEST_ACCURACY:
        return value
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InputError(f"{place}: {what} is {value!r}, not a number; evaluate that checkpoint again.")
    if not 0 <= value <= LARGEST_ACCURACY:
        percent = " If it is percent, divide by 100." if 1 < value <= 100 else ""
        raise InputError(f"{place}: {what} is {value:g}, not an accuracy in [0, 1].{percent}")
    return float(value)


def sorted_metrics(values: Mapping[str, object], place: str) -> tuple[dict[str, float], dict[str, float]]:
    """Logged numbers as accuracies of known tasks, and the rest; `val/` in front of a name is dropped.

    Raises:
        InputError: An accuracy that is none.
    """
    tasks: dict[str, float] = {}
    logged: dict[str, float] = {}
    for name, value in values.items():
        plain = name.removeprefix("val/")
        if plain in TRAINER_TASKS:
            tasks[task_key(TRAINER_TASKS[plain])] = accuracy(value, plain, place)
        elif isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            logged[plain] = float(value)
    return tasks, logged
