"""What the laboratory trains, whoever trains it: jobs in, measurements out."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from thresher.lab.pairs import LabData
from thresher.shapes import Int

BATCH = 100
"""Pairs a step of our own trainer; buckets hold a multiple of it, so that epochs end with a step."""


@dataclass(frozen=True)
class Job:
    """One training run.

    Attributes:
        name: Such as `b0-s0` or `b0+b1-s1`; also the name of its folder.
        rows: Which pairs of the pool it trains on.
        checkpoints: Samples seen at which it is measured, ascending. For a trainer with `whole_epochs` each is a whole number
            of epochs; else each is a whole number of batches.
        seed: Decides weights and order.
    """

    name: str
    rows: Int[np.ndarray, " pairs"]
    checkpoints: tuple[int, ...]
    seed: int


@dataclass(frozen=True)
class Measured:
    """Zero-shot top-1 error after `samples_seen` samples, repeats counted; a fraction."""

    samples_seen: int
    error: float
    standard_error: float


class Trainer(Protocol):
    """Whatever can train a job on one core, in a process of its own.

    Attributes:
        name: As the request gives it.
        whole_epochs: Whether it measures after whole epochs only.
    """

    name: str
    whole_epochs: bool

    def train(
        self, data: LabData, job: Job, folder: Path, progress: Callable[[int], None] | None = None
    ) -> tuple[Measured, ...]:
        """Train and measure; what the job leaves behind goes to `folder`.

        Raises:
            InputError: It cannot be trained here; the sentence says why.
            MissingExtraError: What trains it is not installed.
        """
        ...
