"""What a run table holds, pool by pool."""

from collections.abc import Sequence
from dataclasses import dataclass

from thresher.runs.measurement import Measurement
from thresher.runs.run_table import RunTable


@dataclass(frozen=True)
class PoolSummary:
    """The runs of one pool, or of pools trained jointly.

    Attributes:
        pool: The pool's name, `a+b` for a joint run.
        joint: Whether several pools were trained jointly.
        rows: How many measurements.
        unique_samples: Distinct samples; the most stated, if joint runs disagree; `inf` if they never repeat.
        rank: Place in the quality order, if any.
        samples_seen: Fewest and most samples seen.
        epochs: Fewest and most passes over the unique samples; 0 where they never repeat.
        error: Least and greatest error.
    """

    pool: str
    joint: bool
    rows: int
    unique_samples: float
    rank: int | None
    samples_seen: tuple[float, float]
    epochs: tuple[float, float]
    error: tuple[float, float]


@dataclass(frozen=True)
class RunSummary:
    """How many rows a table has, of which pools, metrics and models."""

    rows: int
    pools: tuple[PoolSummary, ...]
    metrics: tuple[str, ...]
    models: tuple[str, ...]


def summarise_runs(table: RunTable) -> RunSummary:
    """What `table` holds; single pools by rank, then joint runs by their number of pools."""
    by_pool: dict[str, list[Measurement]] = {}
    for row in table.rows:
        by_pool.setdefault(row.pool, []).append(row)
    joint = sorted(by_pool.keys() - set(table.pools), key=lambda name: (name.count("+"), name))
    ranks = table.ranks
    pools = tuple(_summary(by_pool[name], ranks.get(name)) for name in (*table.pools, *joint))
    return RunSummary(len(table.rows), pools, table.metrics, table.models)


def _summary(rows: Sequence[Measurement], rank: int | None) -> PoolSummary:
    return PoolSummary(
        pool=rows[0].pool,
        joint=rows[0].is_joint,
        rows=len(rows),
        unique_samples=max(row.unique_samples for row in rows),
        rank=rank,
        samples_seen=(min(row.samples_seen for row in rows), max(row.samples_seen for row in rows)),
        epochs=(min(row.epochs for row in rows), max(row.epochs for row in rows)),
        error=(min(row.error for row in rows), max(row.error for row in rows)),
    )
