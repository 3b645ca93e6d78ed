"""Run noise: how much the error of one run varies between seeds."""

import math
from collections.abc import Iterable

from thresher.runs.measurement import Measurement


def repeat_noise(rows: Iterable[Measurement]) -> tuple[float, int]:
    """Pooled standard deviation of runs that differ only in seed, and its degrees of freedom (0: unknown).

    Only rows that state their seed count as repeats: runs with other names may differ in more than the seed.
    """
    repeats: dict[tuple[object, ...], dict[str, float]] = {}
    for row in sorted((row for row in rows if row.seed is not None), key=lambda row: row.error):
        setting = (
            row.metric, frozenset(row.pools), row.weights, row.model, row.schedule, row.exposure,
            row.subset_of, row.unique_samples, row.samples_seen,
        )  # fmt: skip
        repeats.setdefault(setting, {})[str(row.seed)] = row.error
    squares, freedom = [], 0
    for by_seed in repeats.values():
        errors = list(by_seed.values())
        mean = math.fsum(errors) / len(errors)
        squares.append(math.fsum((error - mean) ** 2 for error in errors))
        freedom += len(errors) - 1
    return (math.sqrt(math.fsum(squares) / freedom) if freedom else 0.0), freedom
