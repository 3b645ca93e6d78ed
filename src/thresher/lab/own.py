"""The laboratory's own trainer: a small CLIP in this process."""

from collections.abc import Callable
from pathlib import Path

from thresher.errors import MissingExtraError
from thresher.lab.jobs import Job, Measured
from thresher.lab.pairs import LabData


class OwnTrainer:
    """Trains jobs with `thresher.lab.training`; leaves nothing in the job's folder."""

    name = "own"
    whole_epochs = False

    def train(
        self, data: LabData, job: Job, folder: Path, progress: Callable[[int], None] | None = None
    ) -> tuple[Measured, ...]:
        """Train and measure one job; see `Trainer`."""
        from thresher.lab.training import train

        pairs = data.pool.take(job.rows)
        _, measured = train(pairs, job.checkpoints, data.evaluation, seed=job.seed, progress=progress)
        return tuple(measured)


def check_torch() -> None:
    """Refuse to begin without what trains.

    Raises:
        MissingExtraError: torch is not installed.
    """
    try:
        import torch  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("Training", "lab") from error
