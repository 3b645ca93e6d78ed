"""Single-pool runs as padded arrays, one row of them per quality group."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from thresher.errors import FitError
from thresher.pools import Pool
from thresher.runs import Measurement
from thresher.shapes import Bool, Float, Int

DEFAULT_NOISE_SD = 0.003
"""Spread of one run's error between seeds when the table cannot tell: zero-shot accuracies of ViT-B/32 runs
that differ only in seed vary by 0.2 to 0.4 points."""


@dataclass(frozen=True)
class Observations:
    """Every measurement that enters a fit; groups are qualities, and rows are padded with weight 0.

    Attributes:
        pools: Pools in the order of the run table's ranks, then names.
        groups: Names of the qualities; pools without one are a group of their own.
        group_of: Index of each pool's group.
        samples_seen: n.
        unique_samples: N of the row's pool.
        size: N over the geometric mean of N in the group; half-lives grow with size^kappa.
        error: y.
        weight: 1 / standard error, and 0 for padding.
        pool: Index of the row's pool.
    """

    pools: tuple[Pool, ...]
    groups: tuple[str, ...]
    group_of: Int[np.ndarray, " pools"]
    samples_seen: Float[np.ndarray, "groups runs"]
    unique_samples: Float[np.ndarray, "groups runs"]
    size: Float[np.ndarray, "groups runs"]
    error: Float[np.ndarray, "groups runs"]
    weight: Float[np.ndarray, "groups runs"]
    pool: Int[np.ndarray, "groups runs"]

    @property
    def used(self) -> Bool[np.ndarray, "groups runs"]:
        """Which entries are measurements rather than padding."""
        return self.weight > 0

    @property
    def count(self) -> int:
        """How many measurements there are."""
        return int(np.count_nonzero(self.weight))

    @property
    def pool_size(self) -> Float[np.ndarray, " pools"]:
        """N of each pool over the geometric mean of its group."""
        N = np.array([pool.unique_samples for pool in self.pools])
        return N / _typical_sizes(N, self.group_of, len(self.groups))[self.group_of]


def observe(rows: Sequence[Measurement], noise_sd: float) -> Observations:
    """Lay out the single-pool runs of a table for fitting.

    Args:
        rows: Measurements of single pools, of one metric and model.
        noise_sd: Standard error of a measurement that states none.

    Raises:
        FitError: No rows, or a pool whose error never changes.
    """
    if not rows:
        raise FitError("There are no single-pool runs to fit. Add pilot runs of each pool alone.")
    pools = _pools(rows)
    _check_change(rows, pools)
    groups = tuple(dict.fromkeys(_group(pool) for pool in pools))
    group_of = np.array([groups.index(_group(pool)) for pool in pools])
    index = {pool.name: i for i, pool in enumerate(pools)}
    members: list[list[Measurement]] = [[] for _ in groups]
    for row in sorted(rows, key=row_order):
        members[group_of[index[row.pool]]].append(row)
    most = max(len(group) for group in members)

    def padded(values: Sequence[Sequence[float]]) -> Float[np.ndarray, "groups runs"]:
        return np.array([[*group, *[group[0]] * (most - len(group))] for group in values], dtype=float)

    N = np.array([pool.unique_samples for pool in pools])
    typical = _typical_sizes(N, group_of, len(groups))
    weights = [[1.0 / (row.standard_error or noise_sd) for row in group] for group in members]
    return Observations(
        pools=pools,
        groups=groups,
        group_of=group_of,
        samples_seen=padded([[row.samples_seen for row in group] for group in members]),
        unique_samples=padded([[row.unique_samples for row in group] for group in members]),
        size=padded([[row.unique_samples / typical[g] for row in group] for g, group in enumerate(members)]),
        error=padded([[row.error for row in group] for group in members]),
        weight=np.array([[*group, *[0.0] * (most - len(group))] for group in weights]),
        pool=padded([[index[row.pool] for row in group] for group in members]).astype(int),
    )


def _pools(rows: Sequence[Measurement]) -> tuple[Pool, ...]:
    facts: dict[str, Pool] = {}
    for row in sorted(rows, key=row_order):
        known = facts.get(row.pool)
        facts[row.pool] = Pool(
            row.pool,
            row.unique_samples,
            row.rank if row.rank is not None or known is None else known.rank,
            row.quality if row.quality is not None or known is None else known.quality,
            max(row.samples_seen, known.largest_run or 0.0) if known else row.samples_seen,
        )
    return tuple(sorted(facts.values(), key=lambda pool: (pool.rank is None, pool.rank or 0, pool.name)))


def _check_change(rows: Sequence[Measurement], pools: Sequence[Pool]) -> None:
    for pool in pools:
        series = [row for row in rows if row.pool == pool.name]
        sizes = {row.samples_seen for row in series}
        if len(sizes) > 1 and len({row.error for row in series}) == 1:
            raise FitError(
                f"Pool {pool.name!r}: the error is {series[0].error:g} at all {len(sizes)} values of samples_seen; "
                "a law needs runs whose error changes. Check the column, or add longer runs."
            )


def _group(pool: Pool) -> str:
    return f"quality {pool.quality}" if pool.quality is not None else pool.name


def row_order(row: Measurement) -> tuple[object, ...]:
    """Where a measurement stands among others, whatever the order of the table."""
    return (row.pool, row.samples_seen, row.run or "", row.seed or "", row.error)


def _typical_sizes(
    N: Float[np.ndarray, " pools"], group_of: Int[np.ndarray, " pools"], groups: int
) -> Float[np.ndarray, " groups"]:
    """Geometric mean of N in each group; exactly N where all pools of the group have one size."""
    sizes = [N[group_of == g] for g in range(groups)]
    return np.array([size[0] if np.all(size == size[0]) else np.exp(np.mean(np.log(size))) for size in sizes])
