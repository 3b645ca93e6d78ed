"""Designs of pilot runs: sub-sample sizes, epochs, seeds and joint checks that a pilot budget pays for."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from thresher.errors import InputError
from thresher.pools import Pool
from thresher.units import format_count

SCHEDULES = ("constant", "finished")
"""Of a constant learning rate every checkpoint counts; else each length is a run of its own, decayed to its end."""
MOST_EPOCHS = (4, 6, 8, 10)
"""Lengths of single-bucket runs to try, besides the repetition of the target; the paper's pilots went to 10."""
MOST_REPETITION = 64
SINGLE_SHARES = (0.45, 0.65, 0.85)
"""Shares of the pilot budget for single buckets to try; the rest goes to joint checks, which single runs cannot
replace: they alone say how pools mix and how half-lives grow with the pool."""
CHECKPOINTS = (1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 24, 32, 40, 48, 64)
FINISHED_POINTS = 4
"""Lengths of finished runs of one bucket: as many as there are parameters to fix."""
LEAST_ONSETS = 2.0
"""The longest run must see this many times the onset, below which nothing is learned and every bucket looks alike."""


@dataclass(frozen=True)
class PilotRun:
    """One training run to do.

    Attributes:
        name: Of its folder of logs.
        pools: Names of the pools; several are trained jointly.
        unique_samples: Distinct samples of the (sub-sampled) pools together.
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
        share: Of each bucket's samples that the pilots use.
        most_epochs: Passes of the longest single-bucket runs.
        runs: All runs, single buckets first.
    """

    share: float
    most_epochs: int
    runs: tuple[PilotRun, ...]

    @property
    def samples_seen(self) -> int:
        """Cost of all runs, in samples."""
        return sum(run.samples_seen for run in self.runs)


def target_epochs(pools: Sequence[Pool], target: float) -> tuple[float, ...]:
    """Passes that a target budget makes over the best 1, 2, .. pools."""
    total, found = 0.0, []
    for pool in pools:
        total += pool.unique_samples
        found.append(target / total)
    return tuple(found)


def designs(
    pools: Sequence[Pool],
    target: float,
    pilot: float,
    *,
    schedule: str,
    seeds: int,
    joint: bool,
    onset: float,
) -> tuple[Design, ...]:
    """Designs to compare: each spends the pilot budget in another way.

    Args:
        pools: Whole buckets, best first.
        target: Budget of the run that the choice is for, in samples.
        pilot: Budget of all pilot runs together, in samples.
        schedule: `constant` or `finished`.
        seeds: Runs of each kind.
        joint: Whether to check nested unions.
        onset: Samples before which nothing is learned.

    Raises:
        InputError: A budget, schedule or number of seeds that allows none; the message says how much is needed.
    """
    if schedule not in SCHEDULES:
        raise InputError(
            f"--schedule is {schedule!r}; it is {' or '.join(SCHEDULES)}, for checkpoints in the middle of a decaying learning "
            "rate are not comparable."
        )
    if seeds < 1:
        raise InputError(f"--seeds is {seeds}; give 1 or more.")
    repetition = {min(MOST_REPETITION, max(2, round(e))) for e in target_epochs(pools, target)}
    lengths = sorted({*MOST_EPOCHS, *repetition})
    shares = SINGLE_SHARES if joint and len(pools) > 1 else (1.0,)
    found = {
        design.runs: design
        for length in lengths
        for share in shares
        if (design := _design(pools, pilot, length, share, schedule, seeds)) is not None
        and longest_single(design) >= LEAST_ONSETS * onset
    }
    if not found:
        smallest = min(pool.unique_samples for pool in pools)
        if max(lengths) * smallest < LEAST_ONSETS * onset:
            raise InputError(
                f"Buckets of {format_count(smallest)} samples are too small: {max(lengths)} passes do not reach "
                f"{format_count(LEAST_ONSETS * onset)} samples, before which nothing is learned. Make fewer buckets, or give "
                "--pool-size if they are of a part of the pool."
            )
        need = least_budget(pools, schedule=schedule, seeds=seeds, joint=joint, onset=onset)
        raise InputError(
            f"--pilot-budget {format_count(pilot)} is too small for any design of {len(pools)} buckets with {seeds} "
            f"seed{'s' if seeds > 1 else ''}: about {format_count(need)} samples are needed. Raise it, or lower --top."
        )
    return tuple(found.values())


def longest_single(design: Design) -> int:
    """Samples of the longest run of one bucket."""
    return max(run.samples_seen for run in design.runs if len(run.pools) == 1)


def least_budget(pools: Sequence[Pool], *, schedule: str, seeds: int, joint: bool, onset: float) -> float:
    """The smallest pilot budget with a design, in samples, to within rounding."""
    length = MOST_EPOCHS[0]
    share = max(SINGLE_SHARES) if joint and len(pools) > 1 else 1.0
    passes = sum(_lengths(length, schedule)) / length
    return 1.05 * LEAST_ONSETS * onset * passes * len(pools) * seeds / share


def _lengths(most: int, schedule: str) -> tuple[int, ...]:
    """Lengths, in epochs, that are paid for: all checkpoints of a constant learning rate come with the longest."""
    return (most,) if schedule == "constant" else _points(most, schedule)


def _points(most: int, schedule: str) -> tuple[int, ...]:
    kept = tuple(e for e in CHECKPOINTS if e < most)
    if schedule == "constant":
        return (*kept, most)
    step = most ** (1 / (FINISHED_POINTS - 1))
    return tuple(sorted({*(max(1, round(step**i)) for i in range(FINISHED_POINTS)), most}))


def _design(
    pools: Sequence[Pool], pilot: float, most: int, single_share: float, schedule: str, seeds: int
) -> Design | None:
    total = sum(pool.unique_samples for pool in pools)
    share = min(1.0, single_share * pilot / (sum(_lengths(most, schedule)) * total * seeds))
    sizes = {pool.name: math.floor(share * pool.unique_samples) for pool in pools}
    if min(sizes.values()) < 1:
        return None
    runs = [
        run
        for pool in pools
        for seed in range(seeds)
        for run in _runs((pool.name,), sizes[pool.name], _points(most, schedule), schedule, seed)
    ]
    if single_share < 1.0:
        left = pilot - sum(run.samples_seen for run in runs)
        runs += _joint_runs(pools, sizes, left, schedule)
    return Design(share, most, tuple(runs))


def _joint_runs(
    pools: Sequence[Pool], sizes: dict[str, int], budget: float, schedule: str
) -> Iterator[PilotRun]:
    """One run of each nested union, of about equal length; the widest first, should the budget not reach."""
    left = budget
    for position, count in enumerate(range(len(pools), 1, -1)):
        names = tuple(pool.name for pool in pools[:count])
        unique = sum(sizes[name] for name in names)
        allowance = left / (len(pools) - 1 - position)
        epochs = min(MOST_REPETITION, int(allowance / unique / (1.0 if schedule == "constant" else 1.6)))
        if epochs >= 1:
            points = _points(epochs, schedule) if schedule == "constant" else (epochs,)
            runs = list(_runs(names, unique, points, schedule, 0))
            left -= sum(run.samples_seen for run in runs)
            yield from runs


def _runs(
    names: tuple[str, ...], unique: int, points: tuple[int, ...], schedule: str, seed: int
) -> Iterator[PilotRun]:
    stem = "+".join(names)
    if schedule == "constant":
        yield PilotRun(f"{stem}-s{seed}", names, unique, points, schedule, seed)
        return
    for epochs in points:
        yield PilotRun(f"{stem}-e{epochs}-s{seed}", names, unique, (epochs,), schedule, seed)
