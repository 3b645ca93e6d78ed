"""What open_clip's trainer is called with for one job."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from math import gcd

from thresher.errors import InputError
from thresher.lab.jobs import Job
from thresher.lab.open_clip.shards import A_SHARD, Shards
from thresher.quoting import as_path, shell_command

LAUNCHER = "thresher.lab.open_clip.launch"
LOG_EVERY = 8
"""Steps between two lines of out.log, which is what progress is read from."""


@dataclass(frozen=True)
class Settings:
    """How open_clip trains a job.

    Attributes:
        model: A name that open_clip knows, or `icon-clip`, which the launcher adds.
        batch_size: Pairs a step; the laboratory's buckets hold whole ones. Epochs are rounded up to whole steps.
        learning_rate: Constant after the warm-up, so that every checkpoint is comparable with every other.
        warmup: Steps in which the learning rate rises.
        weight_decay: Of matrices; open_clip leaves gains and biases out.
        workers: Processes that read shards; 0 reads them in the trainer's own.
        precision: As open_clip names it; CPUs are fast at `fp32`, GPUs at `amp`.
    """

    model: str = "icon-clip"
    batch_size: int = 50
    learning_rate: float = 1e-3
    warmup: int = 20
    weight_decay: float = 0.05
    workers: int = 0
    precision: str = "fp32"


def planned_epochs(job: Job) -> tuple[int, ...]:
    """The job's checkpoints in epochs of its rows.

    Raises:
        InputError: A checkpoint is not a whole number of epochs.
    """
    for seen in job.checkpoints:
        if seen <= 0 or seen % len(job.rows):
            raise InputError(
                f"Job {job.name}: a checkpoint at {seen} samples is not a whole number of epochs of {len(job.rows)} pairs; "
                "open_clip measures after whole epochs only."
            )
    return tuple(seen // len(job.rows) for seen in job.checkpoints)


def check_batches(job: Job, shards: Shards, settings: Settings) -> None:
    """Refuse a job that open_clip would wait on for ever: a worker whose shards never fill one batch gives none.

    Raises:
        InputError: The worker with the fewest shards has fewer pairs than a batch.
    """
    workers = max(1, settings.workers)
    least = shards.count // workers * A_SHARD - (shards.count * A_SHARD - shards.samples)
    if least < settings.batch_size:
        raise InputError(
            f"Job {job.name}: with {shards.samples} pairs and --workers {settings.workers}, one worker may get only "
            f"{max(least, 0)}, below a batch of {settings.batch_size}, and open_clip waits for it without end. Train on more "
            "pairs, or with fewer workers or smaller batches."
        )


def trainer_arguments(
    job: Job, shards: Shards, evaluation: str, epochs: Sequence[int], settings: Settings
) -> list[str]:
    """Arguments of `open_clip_train.main` for a job whose folder is where it is started, and named after the job.

    Without `--dataset-resampled` an epoch is one pass, each pair once; `--resume latest` starts anew where there is nothing.
    """
    return [
        *("--train-data", shards.pattern, "--train-num-samples", str(shards.samples)),
        *("--dataset-type", "webdataset", "--imagenet-val", evaluation),
        *("--model", settings.model, "--precision", settings.precision),
        *("--batch-size", str(settings.batch_size), "--epochs", str(epochs[-1])),
        *("--lr-scheduler", "const", "--lr", f"{settings.learning_rate:g}", "--warmup", str(settings.warmup)),
        *("--wd", f"{settings.weight_decay:g}", "--seed", str(job.seed), "--workers", str(settings.workers)),
        *("--save-frequency", "1", "--zeroshot-frequency", str(reduce(gcd, epochs))),
        *("--log-every-n-steps", str(LOG_EVERY), "--logs", ".", "--name", job.name, "--resume", "latest"),
    ]


def child_command(classes: str, arguments: Sequence[str]) -> list[str]:
    """The process that trains: one thread, and it ends with its parent."""
    launcher = [sys.executable, "-P", "-m", LAUNCHER, "--classes", classes, "--threads", "1"]
    return [*launcher, "--end-with-parent", "--", *arguments]


def train_script(classes: str, arguments: Sequence[str]) -> str:
    """The same as a shell script, to read, to run again, and to change for other machines."""
    given = [
        shell_command(pair) for pair in zip(arguments[::2], arguments[1::2], strict=True)
    ]  # each flag has one value
    call = shell_command(
        ["exec", "python", "-m", LAUNCHER, "--classes", as_path(classes), "--threads", "1", "--"]
    )
    return (
        "#!/usr/bin/env bash\n# Written by thresher: how open_clip trained this run.\nset -euo pipefail\n"
        'cd "$(dirname "${BASH_SOURCE[0]}")/.."\n' + " \\\n  ".join([call, *given]) + "\n"
    )
