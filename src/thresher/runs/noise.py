"""Run noise: how much the error of one run varies between seeds, and which differences are beyond it."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from thresher.runs.measurement import Measurement
from thresher.runs.run_table import RunTable, metric_unit

USUAL_NOISE = 0.003
"""Spread of a zero-shot error between seeds where no repeats measure it; of a loss, as a share of it."""
FEWEST_REPEATS = 3
"""Degrees of freedom from which the spread of repeats is taken for the noise; fewer can agree by luck."""
NOISES_OF_DOUBT = 3.0
"""A difference of this many standard deviations of its own is taken for real."""


def repeat_noise(rows: Iterable[Measurement]) -> tuple[float, int]:
    """Pooled standard deviation of runs that differ only in seed, and its degrees of freedom (0: unknown).

    Only rows that state their seed count as repeats: runs with other names may differ in more than the seed.
    """
    repeats: dict[tuple[object, ...], dict[str, float]] = {}
    for row in sorted((row for row in rows if row.seed is not None), key=lambda row: row.error):
        setting = (
            row.metric, row.shares, row.model, row.schedule, row.exposure,
            row.subset_of, row.unique_samples, row.samples_seen,
        )  # fmt: skip
        repeats.setdefault(setting, {})[str(row.seed)] = row.error
    deviations, freedom = [], 0
    for by_seed in repeats.values():
        errors = list(by_seed.values())
        mean = _mean(errors)
        deviations += [error - mean for error in errors]
        freedom += len(errors) - 1
    return (math.hypot(*deviations) / math.sqrt(freedom) if freedom else 0.0), freedom


def run_noise(table: RunTable) -> Callable[[Measurement], float]:
    """The standard deviation to expect of a measurement, had it been made with another seed.

    That of the metric's repeats; with too few of them, the usual one or the stated standard error, if larger.
    """
    of_metric: dict[str, list[Measurement]] = {}
    for row in table.rows:
        of_metric.setdefault(row.metric, []).append(row)
    known = {metric: repeat_noise(rows) for metric, rows in of_metric.items()}
    losses = {metric for metric in known if metric_unit(metric, table.declared_unit) == "loss"}

    def noise(row: Measurement) -> float:
        repeated, freedom = known[row.metric]
        if repeated > 0 and freedom >= FEWEST_REPEATS:
            return repeated
        usual = USUAL_NOISE * (row.error if row.metric in losses else 1.0)
        return max(repeated, usual, row.standard_error or 0.0)

    return noise


class Training(NamedTuple):
    """What runs have in common that differ only in their seed and their length."""

    metric: str
    model: str | None
    schedule: str | None
    exposure: str
    shares: tuple[tuple[str, float | None], ...]


@dataclass(frozen=True, slots=True)
class Level:
    """The mean error of runs that trained alike for as many samples.

    Attributes:
        samples_seen: Samples processed, repeats counted.
        error: Mean over the runs.
        sd: Standard deviation to expect of that mean.
        row: One of the runs, for messages.
    """

    samples_seen: float
    error: float
    sd: float
    row: Measurement

    def is_above(self, other: "Level") -> bool:
        """Whether the error is larger than that of `other`, beyond noise."""
        return self.error - other.error > NOISES_OF_DOUBT * math.hypot(self.sd, other.sd)


def learning_curves(table: RunTable) -> Mapping[Training, tuple[Level, ...]]:
    """The errors of each pool and mixture, mean over seeds, from the fewest samples seen to the most."""
    noise = run_noise(table)
    found: dict[Training, dict[float, list[Measurement]]] = {}
    for row in table.rows:
        training = Training(row.metric, row.model, row.schedule, row.exposure or "unknown", row.shares)
        found.setdefault(training, {}).setdefault(row.samples_seen, []).append(row)
    return {
        training: tuple(_level(seen, rows, noise) for seen, rows in sorted(by_length.items()))
        for training, by_length in found.items()
    }


def _level(samples_seen: float, rows: list[Measurement], noise: Callable[[Measurement], float]) -> Level:
    if len(rows) == 1:
        return Level(samples_seen, rows[0].error, noise(rows[0]), rows[0])
    ordered = sorted(rows, key=lambda row: (row.error, row.run or "", row.seed or "", row.file, row.line))
    sd = max(noise(row) for row in ordered) / math.sqrt(len(ordered))
    return Level(samples_seen, _mean([row.error for row in ordered]), sd, ordered[0])


def _mean(values: list[float]) -> float:
    return math.fsum(value / len(values) for value in values)  # a sum of losses of 1e308 would overflow
