"""Units of the laboratory's work: each can be done anywhere, and its result is a small JSON object."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from thresher.lab.jobs import Job, Measured, Trainer
from thresher.lab.pairs import LabData


class Task(Protocol):
    """Something to do once."""

    @property
    def name(self) -> str:
        """Distinct among the tasks of a laboratory; its result is kept under it."""
        ...

    @property
    def samples(self) -> int:
        """How much work it is, in samples trained on."""
        ...

    def do(self, data: LabData, folder: Path, progress: Callable[[int], None]) -> dict[str, Any]:
        """Do it; what it leaves behind, if anything, goes below `folder`."""
        ...


@dataclass(frozen=True)
class Teach:
    """Train one teacher, and score the pool with it."""

    seed: int
    samples: int

    result = "taught"

    @property
    def name(self) -> str:
        """By its seed."""
        return f"teacher-s{self.seed}"

    def do(self, data: LabData, folder: Path, progress: Callable[[int], None]) -> dict[str, Any]:
        """The cosine of each pair of the pool, and the teacher's own error."""
        from thresher.lab.training import clip_scores, train

        model, measured = train(
            data.teacher, (self.samples,), data.evaluation, seed=self.seed, shifted=True, progress=progress
        )
        scores = clip_scores(model, data.pool)
        return {"error": measured[-1].error, "scores": [round(float(score), 6) for score in scores]}


@dataclass(frozen=True)
class Measure:
    """Train one job, and measure it at its checkpoints."""

    job: Job
    trainer: Trainer

    result = "measured"

    @property
    def name(self) -> str:
        """The job's."""
        return self.job.name

    @property
    def samples(self) -> int:
        """Up to its last checkpoint."""
        return self.job.checkpoints[-1]

    def do(self, data: LabData, folder: Path, progress: Callable[[int], None]) -> dict[str, Any]:
        """What was measured."""
        found = self.trainer.train(data, self.job, folder / self.job.name, progress)
        return {"measured": [vars(one) for one in found]}


def measured_of(result: dict[str, Any]) -> tuple[Measured, ...]:
    """The measurements in the result of `Measure`."""
    return tuple(Measured(**one) for one in result["measured"])
