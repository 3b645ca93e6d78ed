"""Designs of pilot runs: parts of buckets, epochs, seeds and joint runs that a budget pays for."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from thresher.arguments import argument
from thresher.errors import InputError
from thresher.plans.evidence import JOINT_EPOCHS, JOINT_POOLS
from thresher.pools import Pool
from thresher.quoting import LONGEST_FILE_NAME

SCHEDULES = ("constant", "finished")
"""Of a constant learning rate every checkpoint counts; else each length is a run of its own, decayed to its end."""
MOST_EPOCHS = (4, 6, 10)
"""Lengths of single-bucket runs to try, besides the repetition of the target; the paper's pilots went to 10."""
MOST_REPETITION = 64
CHECKPOINTS = (1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 24, 32, 40, 48, 64)
FINISHED_POINTS = 4
"""Lengths of finished runs of one bucket: as many as there are parameters to fix."""
MORE_JOINT_EPOCHS = 12
"""Samples that each union sees at least, in passes over one bucket, where a design trains the best two, three and all."""


@dataclass(frozen=True)
class PilotPool:
    """Samples of one bucket that pilots train on.

    Attributes:
        name: Of the pool in launch files and run table.
        bucket: Which bucket they are of.
        share: Of the bucket's samples.
        unique_samples: How many that is.
        rank: Of the bucket, 1 the best; None for a second pool of one bucket, which is no candidate of its own.
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
        most_epochs: Passes of the longest runs of each bucket.
        pools: What they train on, best bucket first.
        runs: All runs, single buckets first.
    """

    most_epochs: int
    pools: tuple[PilotPool, ...]
    runs: tuple[PilotRun, ...]

    @property
    def samples_seen(self) -> int:
        """Cost of all runs, in samples."""
        return sum(run.samples_seen for run in self.runs)

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
            f"{argument('schedule')} is {schedule!r}; it is {' or '.join(SCHEDULES)}, because checkpoints in the middle of a "
            "decaying learning rate are not comparable."
        )
    if seeds < 1:
        raise InputError(f"{argument('seeds')} is {seeds}; give 1 or more.")


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
        joint: Whether to train unions too: the best three buckets in every design, more unions in some. No other run of its cost
            lowers the regret of the choice so much.
    """
    over_all = min(MOST_REPETITION, max(2, round(target_epochs(pools, target)[-1])))
    best = min(JOINT_POOLS, len(pools))
    more = {count: math.ceil(MORE_JOINT_EPOCHS / count) for count in {2, best, len(pools)}}
    unions = ({best: math.ceil(JOINT_EPOCHS / best)}, more) if joint else ({},)
    found = (
        _design(pools, pilot, length, passes, schedule, seeds)
        for length in sorted({*MOST_EPOCHS, over_all})
        for passes in unions
    )
    return tuple(design for design in found if design)


def largest_cost(pools: Sequence[Pool], target: float, *, schedule: str, seeds: int, joint: bool) -> float:
    """Samples of the most expensive design there is: whole buckets, and the longest runs over them."""
    found = designs(pools, target, float("inf"), schedule=schedule, seeds=seeds, joint=joint)
    return float(max((design.samples_seen for design in found), default=0))


def _points(most: int, schedule: str) -> tuple[int, ...]:
    if schedule == "constant":
        return (*(e for e in CHECKPOINTS if e < most), most)
    step = most ** (1 / (FINISHED_POINTS - 1))
    return tuple(sorted({*(max(1, round(step**i)) for i in range(FINISHED_POINTS)), most}))


def _design(
    pools: Sequence[Pool], pilot: float, most: int, unions: Mapping[int, int], schedule: str, seeds: int
) -> Design | None:
    """Runs over the largest parts of the buckets that the budget pays for; `unions` has the passes over the best so many."""
    points = _points(most, schedule)
    sizes = [pool.unique_samples for pool in pools]
    # of a constant learning rate, all checkpoints come with the longest
    paid = seeds * (most if schedule == "constant" else sum(points))
    whole = paid * sum(sizes) + sum(passes * sum(sizes[:count]) for count, passes in unions.items())
    share = min(1.0, pilot / whole)
    parts = [
        PilotPool(pool.name, pool.name, share, math.floor(share * pool.unique_samples), rank)
        for rank, pool in enumerate(pools, start=1)
    ]
    if min(part.unique_samples for part in parts) < 1:
        return None
    runs = [run for part in parts for seed in range(seeds) for run in _runs([part], points, schedule, seed)]
    for count, passes in sorted(unions.items()):
        kept = _points(passes, schedule) if schedule == "constant" else (passes,)
        runs += _runs(parts[:count], kept, schedule, 0)
    return Design(most, tuple(parts), tuple(runs))


def _runs(
    parts: Sequence[PilotPool], points: tuple[int, ...], schedule: str, seed: int
) -> Iterator[PilotRun]:
    names = tuple(part.name for part in parts)
    unique = sum(part.unique_samples for part in parts)
    stem = "+".join(names)
    if len(stem.encode()) > LONGEST_FILE_NAME:  # a joint run; no pool has a `+` in its name
        stem = f"best+{len(names)}"
    if schedule == "constant":
        yield PilotRun(f"{stem}-s{seed}", names, unique, points, schedule, seed)
        return
    for epochs in points:
        yield PilotRun(f"{stem}-e{epochs}-s{seed}", names, unique, (epochs,), schedule, seed)
