"""The rows of a run table as arrays: runs of one setting are one observation, their mean."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from thresher.errors import FitError
from thresher.laws.settings import Settings
from thresher.pools import Pool
from thresher.runs import Measurement, RunTable
from thresher.shapes import Float, Int
from thresher.units import format_number

FEWEST_OBSERVATIONS = 3
"""A level, a slope and one more: with fewer, nothing but the priors would speak."""
FEWEST_REPEATS = 3
"""Repeats from which the spread between seeds is taken from the runs."""
LEAST_ERROR, LARGEST_ERROR = 1e-100, 1e100
"""Errors that can be fitted: squares of what lies far outside are no numbers."""
LARGEST_SPREAD = 1e12
"""The largest error over the least, far beyond what training does: predictions outside would be no numbers."""
LARGEST_RELATIVE_ERROR = 1e3
"""A standard error beyond this many times the error says as little as one of this size."""


@dataclass(frozen=True)
class Observations:
    """Everything that a fit takes from a run table.

    Attributes:
        pools: Every pool that some run trains on: by rank, then by name.
        qualities: Names of the qualities; a pool without one is a quality of its own.
        quality_of: Index of each pool's quality.
        settings: What was trained.
        log_error: Mean of ln y over the runs of each setting.
        relative_error: Stated standard error of that mean, over the error; 0 where none is stated.
        seeds: Runs of each setting.
        seed_sd: Spread of ln y between runs of one setting; 0 where the table cannot tell.
    """

    pools: tuple[Pool, ...]
    qualities: tuple[str, ...]
    quality_of: Int[np.ndarray, " pools"]
    settings: Settings
    log_error: Float[np.ndarray, " runs"]
    relative_error: Float[np.ndarray, " runs"]
    seeds: Float[np.ndarray, " runs"]
    seed_sd: float

    @property
    def error(self) -> Float[np.ndarray, " runs"]:
        """Mean error of each setting, in the unit of the metric."""
        return np.exp(self.log_error)

    @property
    def sizes(self) -> Float[np.ndarray, " pools"]:
        """Unique samples of each pool."""
        return np.array([pool.unique_samples for pool in self.pools])

    @property
    def largest_run(self) -> float:
        """Most samples seen in any run."""
        return float(self.settings.samples_seen.max())

    @property
    def single(self) -> np.ndarray:
        """Which observations are of one pool alone."""
        return np.asarray(self.settings.used.sum(axis=1) == 1)

    def by_quality(
        self, slopes: Float[np.ndarray, "draws runs pools"]
    ) -> Float[np.ndarray, "draws runs qualities"]:
        """Slopes against a parameter of each quality, from those against one of each pool."""
        if len(self.qualities) == len(self.pools):
            return slopes
        return slopes @ np.eye(len(self.qualities))[self.quality_of]

    def trained_alone(self, pool: int) -> np.ndarray:
        """Which observations are of this pool alone."""
        return np.asarray(self.single & self.settings.used[:, pool])


def observe(rows: Sequence[Measurement], *, unknown_is_resampled: bool = False) -> Observations:
    """Lay out the rows of one metric and model for fitting.

    Args:
        rows: Measurements of single pools and of mixtures.
        unknown_is_resampled: How samples were drawn where a row does not say.

    Raises:
        FitError: Too few rows, an error of 0, rows that are all alike, or a pool whose size nothing tells.
    """
    if not rows:
        raise FitError("There are no runs to fit. Add pilot runs of each pool.")
    zero = next((row for row in rows if not 0 < row.error < math.inf), None)
    if zero is not None:
        raise FitError(
            f"{zero.place}: error {format_number(zero.error, 6)} cannot be fitted, because laws describe the "
            "logarithm of the error. Leave the row out, or use a metric that is always above 0."
        )
    extreme = next((row for row in rows if not LEAST_ERROR <= row.error <= LARGEST_ERROR), None)
    if extreme is not None:
        raise FitError(
            f"{extreme.place}: error {format_number(extreme.error, 6)} is out of range; errors between "
            f"{_power(LEAST_ERROR)} and {_power(LARGEST_ERROR)} can be fitted. Correct it, or give errors in another unit."
        )
    least, most = (ends(rows, key=lambda row: row.error) for ends in (min, max))
    if most.error / least.error > LARGEST_SPREAD:
        raise FitError(
            f"{least.place}: error {format_number(least.error, 4)} is less than a part in {_power(LARGEST_SPREAD)} of "
            f"{format_number(most.error, 4)} in {most.place}. No law spans that; correct one of them."
        )
    sizes = pool_sizes(rows)
    pools = _pools(rows, sizes)
    place = {pool.name: i for i, pool in enumerate(pools)}
    ordered = sorted(rows, key=row_order)
    weights = np.zeros((len(ordered), len(pools)))
    for i, row in enumerate(ordered):
        for name, share in zip(row.pools, row_weights(row, sizes), strict=True):
            weights[i, place[name]] = share
    seen = np.array([row.samples_seen for row in ordered])
    resampled = np.array([_is_resampled(row, unknown_is_resampled) for row in ordered])
    _, first, cell = np.unique(
        np.column_stack([weights.round(9), seen, resampled]), axis=0, return_index=True, return_inverse=True
    )
    cell = cell.ravel()
    runs = np.bincount(cell).astype(float)
    log_error = np.log([row.error for row in ordered])
    mean = np.bincount(cell, log_error) / runs
    stated = np.array(
        [min((row.standard_error or 0.0) / row.error, LARGEST_RELATIVE_ERROR) for row in ordered]
    )
    freedom = len(ordered) - len(first)
    spread = math.sqrt(float(np.sum((log_error - mean[cell]) ** 2)) / freedom) if freedom else 0.0
    qualities = tuple(dict.fromkeys(quality_name(pool) for pool in pools))
    N = np.array([pool.unique_samples for pool in pools])
    found = Observations(
        pools=pools,
        qualities=qualities,
        quality_of=np.array([qualities.index(quality_name(pool)) for pool in pools]),
        settings=Settings(
            weights[first], np.broadcast_to(N, (len(first), len(pools))), seen[first], resampled[first]
        ),
        log_error=mean,
        relative_error=np.sqrt(np.bincount(cell, stated**2)) / runs,
        seeds=runs,
        seed_sd=spread if freedom >= FEWEST_REPEATS else 0.0,
    )
    _refuse_too_little(found)
    return found


def _refuse_too_little(found: Observations) -> None:
    count = len(found.settings)
    if len(found.pools) > 1 and len(np.unique(found.settings.weights.round(9), axis=0)) == 1:
        raise FitError(
            f"All runs train on the same mixture of {len(found.pools)} pools, so nothing tells the pools apart. Add runs of "
            "other mixtures, or of single pools."
        )
    if count < FEWEST_OBSERVATIONS:
        raise FitError(
            f"The table has runs at {count} different settings (pools, weights, samples_seen); a fit needs at least "
            f"{FEWEST_OBSERVATIONS}. Add pilot runs."
        )
    if float(np.ptp(found.log_error)) == 0.0:
        raise FitError(
            f"The error is {format_number(found.error[0], 6)} in every run; a law needs runs whose error "
            "changes. Check the column, or add longer runs."
        )


def pool_sizes(rows: Sequence[Measurement]) -> Mapping[str, float]:
    """Unique samples of every pool: stated by its own runs, by lists in joint runs, or left over in a nested union.

    Raises:
        FitError: The size of some pool cannot be told.
    """
    sizes = RunTable(tuple(rows), "").sizes
    unknown = sorted({name for row in rows for name in row.pools} - set(sizes))
    if unknown:
        raise FitError(
            f"Nothing tells the size of {_listed(unknown)}. Give unique_samples of the joint runs as a list in the order of the "
            "pools, for example 1B+2B+inf (inf never repeats), or add a run of each pool alone."
        )
    return sizes


def row_weights(row: Measurement, sizes: Mapping[str, float]) -> tuple[float, ...]:
    """Share of each pool of a row: as stated, rescaled to sum to 1; else in proportion to unique samples.

    Raises:
        FitError: No weights are stated, and some pool never repeats, so that its proportion is not known.
    """
    if row.weights is not None:
        total = math.fsum(row.weights)
        return tuple(weight / total for weight in row.weights)
    own = [sizes[name] for name in row.pools]
    if len(own) > 1 and not all(map(math.isfinite, own)):
        raise FitError(
            f"{row.place}: pool {row.pool!r} has no weights, and a pool that never repeats (inf) has no share of its own. Give "
            "weights."
        )
    return tuple(size / math.fsum(own) for size in own) if len(own) > 1 else (1.0,)


def _pools(rows: Sequence[Measurement], sizes: Mapping[str, float]) -> tuple[Pool, ...]:
    ranks = _ranks(rows)
    qualities = {row.pool: row.quality for row in rows if row.quality is not None and not row.is_joint}
    alone = {row.pool for row in rows if not row.is_joint}
    longest: dict[str, float] = {}
    for row in rows:
        for name in row.pools:
            if not row.is_joint or name not in alone:
                longest[name] = max(longest.get(name, 0.0), row.samples_seen)
    pools = [
        Pool(name, size, ranks.get(name), qualities.get(name), longest[name]) for name, size in sizes.items()
    ]
    return tuple(sorted(pools, key=lambda pool: (pool.rank is None, pool.rank or 0, pool.name)))


def _ranks(rows: Sequence[Measurement]) -> Mapping[str, int]:
    """Stated ranks; those of a nesting `a`, `a+b`, `a+b+c` where it contradicts none that is stated."""
    table = RunTable(tuple(rows), "")
    nested = {name: rank for rank, name in enumerate(table.nesting, start=1)}
    agree = all(nested.get(name) == rank for name, rank in table.ranks.items())
    return nested if nested and agree else table.ranks


def _is_resampled(row: Measurement, unknown: bool) -> bool:
    return row.exposure == "resampled" or (row.exposure in (None, "unknown") and unknown)


def quality_name(pool: Pool) -> str:
    """What pools of one quality share; a pool without one is its own."""
    return f"quality {pool.quality}" if pool.quality is not None else pool.name


def row_order(row: Measurement) -> tuple[object, ...]:
    """Where a measurement stands among others, whatever the order of the table."""
    return (row.pool, row.samples_seen, row.run or "", row.seed or "", row.error)


def _listed(names: Sequence[str], most: int = 4) -> str:
    return ", ".join(map(repr, names[:most])) + (
        f" and {len(names) - most} more" if len(names) > most else ""
    )


def _power(value: float) -> str:
    return f"10^{round(math.log10(value))}"
