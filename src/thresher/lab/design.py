"""How much the laboratory does: fixed by the minutes asked for, never by the clock, so that a seed gives the same numbers."""

from dataclasses import dataclass, replace

from thresher.arguments import argument
from thresher.errors import InputError
from thresher.lab.jobs import BATCH
from thresher.units import format_number

BUCKETS = 8
COMPARED = 4
"""The best buckets, half of the pool, are trained on: the rest is worth next to nothing, as it is in the paper's pools."""
TEACHERS = 2
"""Their mean score ranks the pool; two, so that two cores are busy."""
PAIRS_A_SECOND = 4500
"""Trained on by one core, evaluations and some other work on the machine included; for what is said of time."""
SLOW_PAIRS_A_SECOND = 2500
"""By which the minutes are filled, so that a core nearly half as fast holds them too."""
WHOLE_EPOCHS_PAIRS_A_SECOND = 150
"""The same for a trainer such as open_clip, which starts a process and keeps checkpoints for every job."""
FIXED_SECONDS = 60
"""Drawing icons, starting processes, fitting and drawing charts, on two cores."""
USUAL_CORES = 2
LEAST_MINUTES, MOST_MINUTES = 0.5, 24 * 60
SMOKE_MINUTES, LONG_MINUTES = 2, 15
FEWEST_RUNS, MOST_RUNS = 2, 24


@dataclass(frozen=True)
class Design:
    """What is trained.

    Attributes:
        bucket: Pairs in a bucket; a whole number of batches.
        teacher: Most pairs that a teacher is trained on.
        teacher_samples: Samples that each teacher sees.
        runs: Trainings of every pool, each with a seed of its own.
        pilots: Samples seen at which single-bucket runs are measured for the fit; never before one epoch.
        budgets: Samples seen at which the best 1, 2, .. buckets are compared.
    """

    bucket: int
    teacher: int
    teacher_samples: int
    runs: int
    pilots: tuple[int, ...]
    budgets: tuple[int, ...]

    @property
    def pool(self) -> int:
        """Pairs in all buckets."""
        return BUCKETS * self.bucket

    @property
    def samples(self) -> int:
        """Trained on, in all."""
        return TEACHERS * self.teacher_samples + self.runs * _samples_a_run(self.pilots, self.budgets)

    def seconds(self, cores: int) -> float:
        """About how long it takes, without fetching icons."""
        return (FIXED_SECONDS * USUAL_CORES + self.samples / PAIRS_A_SECOND) / cores


@dataclass(frozen=True)
class Scale:
    """A design before the numbers of pairs and runs are known; checkpoints in epochs of one bucket."""

    bucket: int
    teacher: int
    teacher_samples: int
    pilots: tuple[float, ...]
    budgets: tuple[float, ...]


SMOKE = Scale(400, 4000, 16_000, (1, 2, 4, 6, 8, 12), (4, 8, 16))
SHORT = Scale(2000, 24_000, 72_000, (1.5, 2, 3, 4, 6, 8), (2, 3, 4, 6, 8, 12, 16, 24))
"""From 3,000 samples on: the first 20 steps, an epoch of a bucket, follow no law (docs/log.md)."""
LONG = Scale(4000, 24_000, 72_000, (1, 1.5, 2, 3, 4, 6, 8), (2, 3, 4, 6, 8, 12, 16, 24))
WHOLE_EPOCHS = (12, 24)
"""Budgets that are whole epochs of 1, 2, 3 and 4 buckets, for a trainer that measures at nothing else."""
SMOKE_WHOLE = replace(SMOKE, budgets=WHOLE_EPOCHS)
LONG_WHOLE = Scale(2000, 24_000, 72_000, (2, 3, 4, 6, 8, 12), WHOLE_EPOCHS)
"""Such a trainer is slower, so that larger buckets take more minutes; an epoch is then 40 of open_clip's steps."""


def make_design(minutes: float, *, pairs: int | None = None, whole_epochs: bool = False) -> Design:
    """The design for some minutes on two idle cores.

    Args:
        minutes: Below 2, the smallest that shows anything; from 15 on, larger buckets.
        pairs: How many the pool has, where it has fewer than wanted.
        whole_epochs: Whether checkpoints must be whole epochs of every pool; from 15 minutes on buckets then hold 2,000 pairs.

    Raises:
        InputError: Too few or too many minutes.
    """
    if not LEAST_MINUTES <= minutes <= MOST_MINUTES:
        raise InputError(
            f"{argument('minutes')} is {format_number(minutes, 6)}; give a number from {LEAST_MINUTES} (a smoke run) to "
            f"{MOST_MINUTES}, such as 5 or 30."
        )
    if whole_epochs:
        scale = LONG_WHOLE if minutes >= LONG_MINUTES else SMOKE_WHOLE
    else:
        scale = LONG if minutes >= LONG_MINUTES else SMOKE if minutes < SMOKE_MINUTES else SHORT
    bucket = scale.bucket if pairs is None else min(scale.bucket, _whole(pairs // BUCKETS))
    pilots = tuple(round(bucket * epochs) for epochs in scale.pilots)
    budgets = tuple(round(bucket * epochs) for epochs in scale.budgets)
    rate = WHOLE_EPOCHS_PAIRS_A_SECOND if whole_epochs else SLOW_PAIRS_A_SECOND
    left = USUAL_CORES * (60 * minutes - FIXED_SECONDS) * rate - TEACHERS * scale.teacher_samples
    runs = min(max(int(left // _samples_a_run(pilots, budgets)), FEWEST_RUNS), MOST_RUNS)
    return Design(bucket, scale.teacher, scale.teacher_samples, runs, pilots, budgets)


def _whole(pairs: int) -> int:
    """As many as give whole batches in half an epoch too."""
    return pairs // (2 * BATCH) * 2 * BATCH


def _samples_a_run(pilots: tuple[int, ...], budgets: tuple[int, ...]) -> int:
    """One training of everything: the best bucket and joint pools to the last budget, the others to the last pilot."""
    return (COMPARED - 1) * pilots[-1] + max(pilots[-1], budgets[-1]) + (COMPARED - 1) * budgets[-1]
