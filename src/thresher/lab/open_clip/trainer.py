"""The laboratory's jobs trained by open_clip, and measured from the logs that it writes."""

import shutil
from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np

from thresher.errors import InputError
from thresher.files import write_text
from thresher.lab.jobs import Job, Measured
from thresher.lab.open_clip.child import TRAINER_LOG, run_child
from thresher.lab.open_clip.command import (
    Settings,
    check_batches,
    child_command,
    planned_epochs,
    train_script,
    trainer_arguments,
)
from thresher.lab.open_clip.leftovers import claim, keep_checkpoints, mark, remove_half_written
from thresher.lab.open_clip.operators import check_installed
from thresher.lab.open_clip.shards import shards_of, write_evaluation, write_shards
from thresher.lab.pairs import LabData
from thresher.runs.open_clip import PARAMS, read_open_clip
from thresher.runs.tasks import IMAGENET
from thresher.runs.texts import number_of

SHARDS = "shards"
SPARED = 2
"""Newest checkpoints that are kept while a run goes on: the last may be half-written when it is interrupted."""


class OpenClipTrainer:
    """Trains jobs by open_clip's own trainer, in a child process of one thread.

    The job's folder becomes open_clip's run folder: `params.txt`, `out.log`, `checkpoints/`, and beside them the shards,
    `train.sh` and what the process printed. Evaluation images are shared by the jobs of one folder.

    Raises:
        MissingExtraError: open_clip is not installed.
    """

    name = "open_clip"
    whole_epochs = True

    def __init__(self, settings: Settings | None = None) -> None:
        check_installed()
        self.settings = settings or Settings()

    def train(
        self, data: LabData, job: Job, folder: Path, progress: Callable[[int], None] | None = None
    ) -> tuple[Measured, ...]:
        """Train and measure a job, or go on from where an earlier attempt was interrupted.

        `samples_seen` of what is measured is what open_clip counts: epochs are rounded up to whole steps.

        Args:
            data: Whose pool the job's rows are of.
            job: What to train on; its name must be the folder's.
            folder: A new folder, or one with an earlier attempt.
            progress: Called with samples seen.

        Raises:
            InputError: The job cannot be trained here: the folder holds something else, there is no space, open_clip failed.
            MissingExtraError: open_clip cannot be imported.
        """
        if folder.name != job.name:
            raise InputError(f"open_clip names a run after its folder: {folder} is not named {job.name}.")
        folder = folder.absolute()
        epochs = planned_epochs(job)
        shards = shards_of(f"{job.name}/{SHARDS}", len(job.rows))
        check_batches(job, shards, self.settings)
        pairs = data.pool.take(job.rows)
        images, classes = (
            path.relative_to(folder.parent).as_posix()
            for path in write_evaluation(data.evaluation, folder.parent)
        )
        arguments = trainer_arguments(job, shards, images, epochs, self.settings)
        if not claim(folder, job, pairs, arguments):
            shutil.rmtree(
                folder / SHARDS, ignore_errors=True
            )  # of an attempt that was stopped before it was marked
            write_shards(pairs, folder / SHARDS)
            write_text(folder / "train.sh", train_script(classes, arguments))
            mark(folder, job, pairs, arguments)
        remove_half_written(folder)
        if not _all_measured(folder, epochs):
            run_child(
                child_command(classes, arguments),
                folder,
                progress or (lambda seen: None),
                lambda: keep_checkpoints(folder, epochs, SPARED),
            )
        keep_checkpoints(folder, epochs, 0)
        return read_measured(folder, epochs, len(data.evaluation))


def read_measured(folder: Path, epochs: Collection[int], images: int) -> tuple[Measured, ...]:
    """Planned checkpoints from a run's logs, read by the importer of run tables.

    Args:
        folder: The run's.
        epochs: Which to read, in epochs.
        images: How many images each error is of.

    Raises:
        InputError: One was not measured, or the logs cannot be read.
    """
    logs = read_open_clip(folder)
    each = next((fact.samples_per_epoch for fact in logs.facts.get(folder.name, ())), None)
    found = {one.epoch: number_of(one.tasks.get(IMAGENET)) for one in logs.checkpoints}
    errors = {epoch: 1 - accuracy for epoch, accuracy in found.items() if accuracy is not None}
    missing = [epoch for epoch in epochs if epoch not in errors]
    if missing or each is None:
        raise InputError(
            f"{folder} has no measurement after epoch {', '.join(map(str, missing or epochs))}; {TRAINER_LOG} there may say "
            "why. Remove it to train again."
        )
    return tuple(_measured(round(epoch * each), errors[epoch], images) for epoch in epochs)


def _measured(samples_seen: int, error: float, images: int) -> Measured:
    return Measured(samples_seen, error, float(np.sqrt(error * (1 - error) / images)))


def _all_measured(folder: Path, epochs: Collection[int]) -> bool:
    if not (folder / PARAMS).exists():
        return False
    try:
        return bool(read_measured(folder, epochs, 1))
    except InputError:
        return False
