"""Designs of pilot runs: sub-sample sizes, epochs, seeds, joint checks and a size check that a budget pays for."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from thresher.errors import InputError
from thresher.pools import Pool

SCHEDULES = ("constant", "finished")
"""Of a constant learning rate every checkpoint counts; else each length is a run of its own, decayed to its end."""
MOST_EPOCHS = (4, 6, 10)
"""Lengths of single-bucket runs to try, besides the repetition of the target; the paper's pilots went to 10."""
MOST_REPETITION = 64
CHECKPOINTS = (1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 24, 32, 40, 48, 64)
FINISHED_POINTS = 4
"""Lengths of finished runs of one bucket: as many as there are parameters to fix."""
SIZE_STEP = 2.0
"""The size check uses at least this many times the samples of the bucket's own pilot: less says nothing of kappa."""


@dataclass(frozen=True)
class Allocation:
    """Shares of a pilot budget; they sum to 1.

    Attributes:
        singles: For every bucket alone.
        joint: For unions, which alone say how pools mix.
        size: For the best bucket once more, on a larger part: it alone says how half-lives grow with the samples.
    """

    singles: float
    joint: float
    size: float


ALLOCATIONS = (
    Allocation(0.30, 0.45, 0.25),
    Allocation(0.45, 0.30, 0.25),
    Allocation(0.65, 0.35, 0.0),
    Allocation(0.80, 0.20, 0.0),
)
"""Divisions to try; which is best hangs on how far the target is from the pilots (docs/log.md)."""


@dataclass(frozen=True)
class PilotPool:
    """Samples of one bucket that pilots train on.

    Attributes:
        name: Of the pool in launch files and run table: the bucket's, but for the size check.
        bucket: Which bucket they are of.
        share: Of the bucket's samples.
        unique_samples: How many that is.
        rank: Of the bucket, 1 the best; None for the size check, which is no candidate of its own.
    """

    name: str
    bucket: str
    share: float
    unique_samples: int
    rank: int | None


@dataclass(frozen=True)
class PilotRun:
    """One training run to do.

    Attributes:
        name: Of its folder of logs.
        pools: Names of the pools; several are trained jointly.
        unique_samples: Distinct samples of the pools together.
        epochs: Passes over them after which a checkpoint is kept and evaluated.
        schedule: `constant`, or `finished` for a learning rate that has decayed by the end.
        seed: Of the trainer.
    """

    name: str
    pools: tuple[str, ...]
    unique_samples: int
    epochs: tuple[int, ...]
    schedule: str
    seed: int

    @property
    def samples_seen(self) -> int:
        """What the run costs, in samples."""
        return self.epochs[-1] * self.unique_samples


@dataclass(frozen=True)
class Design:
    """Runs that together cost no more than the pilot budget.

    Attributes:
        allocation: How the budget is divided.
        most_epochs: Passes of the longest runs of each bucket.
        pools: What they train on, best bucket first, the size check last.
        runs: All runs, single buckets first.
    """

    allocation: Allocation
    most_epochs: int
    pools: tuple[PilotPool, ...]
    runs: tuple[PilotRun, ...]

    @property
    def samples_seen(self) -> int:
        """Cost of all runs, in samples."""
        return sum(run.samples_seen for run in self.runs)

    @property
    def sizes_differ(self) -> bool:
        """Whether one bucket is piloted at two sizes."""
        return self.pools[-1].rank is None

    @property
    def singles(self) -> tuple[PilotRun, ...]:
        """Runs of one bucket."""
        return tuple(run for run in self.runs if len(run.pools) == 1)


def target_epochs(pools: Sequence[Pool], target: float) -> tuple[float, ...]:
    """Passes that a target budget makes over the best 1, 2, .. pools."""
    total, found = 0.0, []
    for pool in pools:
        total += pool.unique_samples
        found.append(target / total)
    return tuple(found)


def check_plan(schedule: str, seeds: int) -> None:
    """Refuse what no design has.

    Raises:
        InputError: The schedule or the number of seeds.
    """
    if schedule not in SCHEDULES:
        raise InputError(
            f"--schedule is {schedule!r}; it is {' or '.join(SCHEDULES)}, for checkpoints in the middle of a decaying learning "
            "rate are not comparable."
        )
    if seeds < 1:
        raise InputError(f"--seeds is {seeds}; give 1 or more.")


def designs(
    pools: Sequence[Pool], target: float, pilot: float, *, schedule: str, seeds: int, joint: bool
) -> tuple[Design, ...]:
    """Designs to compare: each spends the pilot budget in another way; none where it pays for no sample.

    Args:
        pools: Whole buckets, best first.
        target: Budget of the run that the choice is for, in samples.
        pilot: Budget of all pilot runs together, in samples.
        schedule: `constant` or `finished`.
        seeds: Runs of each bucket.
        joint: Whether to train unions too.
    """
    over_best, *_, over_all = (
        min(MOST_REPETITION, max(2, round(epochs))) for epochs in target_epochs(pools, target)
    )
    found = {
        design.runs: design
        for length in sorted({*MOST_EPOCHS, over_best, over_all})
        for allocation in ALLOCATIONS
        if (
            design := _design(
                pools, pilot, length, allocation if joint else _without_joint(allocation), schedule, seeds
            )
        )
    }
    return tuple(found.values())


def _without_joint(allocation: Allocation) -> Allocation:
    return Allocation(allocation.singles + allocation.joint, 0.0, allocation.size)


def _points(most: int, schedule: str) -> tuple[int, ...]:
    if schedule == "constant":
        return (*(e for e in CHECKPOINTS if e < most), most)
    step = most ** (1 / (FINISHED_POINTS - 1))
    return tuple(sorted({*(max(1, round(step**i)) for i in range(FINISHED_POINTS)), most}))


def _paid(most: int, schedule: str) -> int:
    """Epochs that are paid for: all checkpoints of a constant learning rate come with the longest."""
    return most if schedule == "constant" else sum(_points(most, schedule))


def _design(
    pools: Sequence[Pool], pilot: float, most: int, allocation: Allocation, schedule: str, seeds: int
) -> Design | None:
    total = sum(pool.unique_samples for pool in pools)
    share = min(1.0, allocation.singles * pilot / (_paid(most, schedule) * total * seeds))
    parts = [
        PilotPool(pool.name, pool.name, share, math.floor(share * pool.unique_samples), rank)
        for rank, pool in enumerate(pools, start=1)
    ]
    if min(part.unique_samples for part in parts) < 1:
        return None
    runs = [
        run
        for part in parts
        for seed in range(seeds)
        for run in _runs([part], _points(most, schedule), schedule, seed)
    ]
    if allocation.joint:
        runs += _joint_runs(parts, allocation.joint * pilot, schedule)
    if allocation.size:
        checked = _size_check(pools[0], share, allocation.size * pilot, schedule)
        if checked is None:
            return None
        larger, passes = checked
        parts.append(larger)
        runs += _runs([larger], _points(passes, schedule), schedule, 0)
    return Design(allocation, most, tuple(parts), tuple(runs))


def _joint_runs(parts: Sequence[PilotPool], budget: float, schedule: str) -> Iterator[PilotRun]:
    """The union of all buckets and that of the best two, of about equal cost; the pair alone where not both are paid for."""
    counts = sorted({2, len(parts)}, reverse=True)
    left = budget
    for position, count in enumerate(counts):
        unique = sum(part.unique_samples for part in parts[:count])
        passes = min(MOST_REPETITION, int(left / (len(counts) - position) / unique))
        if passes >= 1:
            left -= passes * unique
            points = _points(passes, schedule) if schedule == "constant" else (passes,)
            yield from _runs(parts[:count], points, schedule, 0)


def _size_check(pool: Pool, share: float, budget: float, schedule: str) -> tuple[PilotPool, int] | None:
    """The best bucket on as many samples as two passes or more pay for; None where that is hardly more than `share`."""
    passes = 2
    while passes < MOST_REPETITION and _paid(passes + 1, schedule) * pool.unique_samples <= budget:
        passes += 1
    larger = min(1.0, budget / (_paid(passes, schedule) * pool.unique_samples))
    if larger < SIZE_STEP * share:
        return None
    size = math.floor(larger * pool.unique_samples)
    return PilotPool(f"{pool.name}-large", pool.name, larger, size, None), passes


def _runs(
    parts: Sequence[PilotPool], points: tuple[int, ...], schedule: str, seed: int
) -> Iterator[PilotRun]:
    names = tuple(part.name for part in parts)
    unique = sum(part.unique_samples for part in parts)
    stem = "+".join(names)
    if schedule == "constant":
        yield PilotRun(f"{stem}-s{seed}", names, unique, points, schedule, seed)
        return
    for epochs in points:
        yield PilotRun(f"{stem}-e{epochs}-s{seed}", names, unique, (epochs,), schedule, seed)
