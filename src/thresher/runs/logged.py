"""What logs and evaluations of known tools say, before it is known which pool a run was trained on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from thresher.arguments import argument
from thresher.errors import InputError, MissingExtraError
from thresher.runs.passed import Passed
from thresher.runs.tasks import IMAGENET, task_key
from thresher.runs.texts import read_text
from thresher.stored import parse_foreign_json

TRAINER_TASKS: Mapping[str, str] = {
    "imagenet-zeroshot-val-top1": IMAGENET,
    "imagenetv2-zeroshot-val-top1": "imagenetv2",
}
"""Names that open_clip gives to zero-shot accuracies, in results.jsonl, TensorBoard and W&B alike."""
STEPS = ("epochs", "batches", "samples", "tokens")
"""What the steps of a file can count; tokens are the samples of runs whose pools are sized in tokens."""
TIME = "time"
"""What an axis counts that says nothing of samples."""
HALF_WRITTEN = "not whole JSON: its writer was stopped"
Value = TypeVar("Value")


@dataclass(frozen=True)
class TrainingFacts:
    """How a run was trained, as far as its files say; None where they do not.

    Attributes:
        model: The model's name.
        seed: The run's seed.
        epochs: Epochs of the trainer when it ends.
        samples_per_epoch: What the trainer calls an epoch, in samples.
        lengths: Samples of each epoch that the log tells of, counted from 0; a run may be resumed with other ones.
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
    lengths: Mapping[int, float] = field(default_factory=dict, hash=False)
    scheduler: str | None = None
    cooldown: float = 0.0
    exposure: str | None = None
    evaluation: str | None = None
    place: str = ""

    @property
    def home(self) -> str:
        """The run's folder."""
        return str(Path(self.place).parent)

    def samples_after(self, epochs: float) -> float | None:
        """Samples that were seen after so many epochs; None where nothing says how long they are.

        An epoch that the log does not tell of is as long as the one before it.
        """
        if len(set(self.lengths.values())) <= 1:
            return None if self.samples_per_epoch is None else epochs * self.samples_per_epoch
        total, done, length = 0.0, 0.0, self.lengths[min(self.lengths)]
        for epoch in sorted(self.lengths):
            upto = min(float(epoch), epochs)
            total, done = total + (upto - done) * length, upto
            length = self.lengths[epoch]
        return total + (epochs - done) * length

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
    """One evaluation of one run. What it measured is kept as it was found, and judged when it is asked for.

    Attributes:
        run: The run's name.
        place: File and line, for messages.
        reader: The format that it was read from.
        epoch: Epochs of the trainer; None where only the file's run says it.
        passes: Passes over the pool, where the file says that instead.
        samples_seen: Samples, where the file says that instead.
        batches: Steps of the trainer, where the file says that instead.
        steps: A number of which the file does not say what it counts.
        axis: What the file calls its steps.
        counts: What steps count by their name: one of `STEPS`, `time`, or None where that is not known.
        tasks: Accuracy (main metric) by task.
        logged: Other numbers, as logged.
        model: The model evaluated, if the evaluation says it.
        home: The run's folder or id: two runs of one name differ in it. Empty where the file knows none.
    """

    run: str
    place: str
    reader: str
    epoch: float | None = None
    passes: float | None = None
    samples_seen: float | None = None
    batches: float | None = None
    steps: float | None = None
    axis: str | None = None
    counts: str | None = None
    tasks: Mapping[str, object] = field(default_factory=dict)
    logged: Mapping[str, object] = field(default_factory=dict)
    model: str | None = None
    home: str = ""

    @property
    def when(self) -> tuple[str, float | None]:
        """How far training was, in the unit that the file uses."""
        for unit, value in (("epoch", self.epoch), ("passes", self.passes), ("samples", self.samples_seen),
                            ("batches", self.batches), ("steps", self.steps)):  # fmt: skip
            if value is not None:
                return unit, value
        return "epoch", None

    def counted(self, step: str | None) -> "Checkpoint":
        """With its steps taken for what they count: what the user says, or else what their name says.

        A time stays a time, whatever is said of it.
        """
        counts = self.counts if step is None or self.counts == TIME else step
        if self.steps is None or counts not in STEPS:
            return self
        steps = self.steps
        if counts == "epochs":
            return replace(self, epoch=steps, steps=None)
        if counts == "batches":
            return replace(self, batches=steps, steps=None)
        return replace(self, samples_seen=steps, steps=None)


@dataclass(frozen=True)
class Refused:
    """A value that cannot be used, with the sentence that says so if it is asked for."""

    sentence: str


@dataclass(frozen=True)
class Logs:
    """Everything that a reader found.

    Attributes:
        checkpoints: Evaluations.
        facts: How runs were trained, by run.
        downloaded: Samples that data folders really hold, by folder name.
        passed: What was not used, and why.
        missing: The extra that would have read some files.
    """

    checkpoints: tuple[Checkpoint, ...] = ()
    facts: Mapping[str, tuple[TrainingFacts, ...]] = field(default_factory=dict)
    downloaded: Mapping[str, int] = field(default_factory=dict)
    passed: tuple[Passed, ...] = ()
    missing: MissingExtraError | None = None


def joined(found: Sequence[Logs]) -> Logs:
    """What several readers found, together."""
    facts: dict[str, tuple[TrainingFacts, ...]] = {}
    downloaded: dict[str, int] = {}
    for logs in found:
        for run, known in logs.facts.items():
            facts[run] = (*facts.get(run, ()), *known)
        for name, count in logs.downloaded.items():
            downloaded[name] = downloaded.get(name, 0) + count
    return Logs(
        tuple(one for logs in found for one in logs.checkpoints),
        facts,
        downloaded,
        tuple(one for logs in found for one in logs.passed),
        next((logs.missing for logs in found if logs.missing is not None), None),
    )


def read_json_lines(path: Path) -> tuple[tuple[tuple[int, dict[str, Any]], ...], tuple[Passed, ...]]:
    """Line numbers and objects of a file with one JSON object per line, and the lines that hold none.

    A line that a killed program was writing is passed over, and so is one that holds no object.

    Raises:
        FileFormatError: It is no text.
    """
    lines = [
        (number, line)
        for number, line in enumerate(read_text(path).split("\n"), start=1)
        if line and not line.isspace()
    ]
    try:  # one call for the whole file takes a third of the time of one a line
        whole = parse_foreign_json(f"[{','.join(line for _, line in lines)}]")
    except ValueError:
        whole = []
    at_once = whole if len(whole) == len(lines) else [None] * len(lines)
    found, passed = [], []
    for (number, line), parsed in zip(lines, at_once, strict=True):
        try:
            one = parsed if parsed is not None else parse_foreign_json(line)
        except ValueError:
            passed.append(Passed(f"{path} line {number}", HALF_WRITTEN, "line"))
            continue
        if isinstance(one, dict):
            found.append((number, one))
        else:
            passed.append(Passed(f"{path} line {number}", "not a JSON object", "line"))
    return tuple(found), tuple(passed)


def sorted_metrics(values: Mapping[str, object]) -> tuple[dict[str, object], dict[str, object]]:
    """Logged values as accuracies of known tasks, and the rest."""
    tasks: dict[str, object] = {}
    logged: dict[str, object] = {}
    for name, value in values.items():
        plain = name.removeprefix("val/")
        if plain in TRAINER_TASKS:
            tasks[task_key(TRAINER_TASKS[plain])] = value
        else:
            logged[name] = value
    return tasks, logged


def after_resumes(written: Sequence[tuple[float, Value]]) -> dict[float, Value]:
    """Values by step, of a series in the order in which it was written.

    A step that is written again was resumed from before it: what stood there and after it belongs to a training that was
    abandoned, and the later values count. A series that was sorted by falling step tells no order of writing.

    >>> after_resumes([(1, "a"), (2, "b"), (3, "c"), (2, "d")])
    {1: 'a', 2: 'd'}
    """
    steps = [step for step, _ in written]
    falling = len(steps) > 1 and steps[0] > steps[-1] and steps == sorted(steps, reverse=True)
    found: dict[float, Value] = {}
    for step, value in written:
        if step in found and not falling:
            found = {known: kept for known, kept in found.items() if known < step}
        found[step] = value
    return found


def check_step(step: str | None) -> None:
    """Refuse a word that is none of `STEPS`.

    Raises:
        InputError: It is none.
    """
    if step is not None and step not in STEPS:
        raise InputError(f"{argument('step')} is {step!r}; it can be {', '.join(STEPS)}.")
