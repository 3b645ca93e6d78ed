"""A table of measured runs, and the parts of it that one fits or compares."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from heapq import heapify, heappop, heappush

from thresher.arguments import argument
from thresher.errors import InputError
from thresher.runs.measurement import COLUMNS, Measurement
from thresher.units import format_number
from thresher.where import Where, parse_where

UNITS = ("fraction", "loss")
CHECKPOINT_SCHEDULES = ("constant", "mid-run")
"""Schedules whose rows are checkpoints of longer runs."""
EPOCH_SLACK = 0.99
"""A run within 1 % of an epoch counts as having reached it: batches rarely divide a pool exactly."""


@dataclass(frozen=True)
class RunTable:
    """Measurements of training runs; their order means nothing.

    Attributes:
        rows: The measurements.
        name: The file or label that messages call the table by.
        dropped_rows: Rows left out by `from_epoch` so far.
        declared_unit: `fraction` or `loss`, for metrics whose name does not say it.
    """

    rows: tuple[Measurement, ...]
    name: str
    dropped_rows: int = 0
    declared_unit: str | None = None

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def singles(self) -> "RunTable":
        """The rows of runs on one pool alone."""
        return self._keeping(lambda row: not row.is_joint)

    @property
    def joints(self) -> "RunTable":
        """The rows of runs on several pools."""
        return self._keeping(lambda row: row.is_joint)

    @property
    def pools(self) -> tuple[str, ...]:
        """Names of the single pools that have runs: by rank, then those without one by name."""
        ranks = self.ranks
        names = {row.pool for row in self.rows if not row.is_joint}
        return tuple(sorted(names, key=lambda name: (name not in ranks, ranks.get(name, 0), name)))

    @property
    def ranks(self) -> Mapping[str, int]:
        """The rank of each ranked single pool."""
        return {row.pool: row.rank for row in self.rows if row.rank is not None and not row.is_joint}

    @property
    def untrained_alone(self) -> tuple[str, ...]:
        """Names of the pools that only joint runs train on, sorted."""
        alone = {row.pool for row in self.rows if not row.is_joint}
        return tuple(sorted({name for row in self.rows if row.is_joint for name in row.pools} - alone))

    @property
    def sizes(self) -> Mapping[str, float]:
        """Unique samples of each pool whose size is known: from its own runs, from lists in joint runs, or left over.

        Left over is what a union holds beyond its other pools: of `a` and `a+b`, the size of `b`. Where rows differ by a little,
        the largest counts, so that their order means nothing.
        """
        found: dict[str, float] = {}
        listed: dict[str, float] = {}
        for row in self.rows:
            if not row.is_joint:
                found[row.pool] = max(row.unique_samples, found.get(row.pool, 0.0))
            for name, size in zip(row.pools, row.pool_sizes or (), strict=False):
                listed[name] = max(size, listed.get(name, 0.0))
        found = {**listed, **found}
        _add_what_is_left(found, self.rows)
        return found

    @property
    def nesting(self) -> tuple[str, ...]:
        """Pools in the order in which runs add them one after another, `a`, `a+b`, `a+b+c`; empty for other tables."""
        sets = sorted({frozenset(row.pools) for row in self.rows}, key=len)
        order: list[str] = []
        for count, names in enumerate(sets, start=1):
            new = names.difference(order)
            if len(names) != count or len(new) != 1:
                return ()
            order += new
        return tuple(order) if len(order) > 1 else ()

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics measured, sorted."""
        return tuple(sorted({row.metric for row in self.rows}))

    @property
    def models(self) -> tuple[str, ...]:
        """The models trained, sorted; rows that name none are left out."""
        return tuple(sorted({row.model for row in self.rows if row.model is not None}))

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that hold something: the known ones first, then the unknown ones in order of first use."""
        known = [name for name in COLUMNS if any(row.value(name) is not None for row in self.rows)]
        unknown = dict.fromkeys(name for row in self.rows for name in row.other)
        return (*known, *unknown)

    @property
    def unit(self) -> str:
        """`fraction` or `loss`, the unit of the errors.

        Raises:
            InputError: The metrics have different units, or one whose name says no unit needs a declared one.
        """
        units = {metric_unit(metric, self.declared_unit) for metric in self.metrics}
        if len(units) != 1:
            raise InputError(
                f"{self.name} mixes fractions and losses ({', '.join(self.metrics)}). "
                f"Choose one with {argument('metric')}."
            )
        return units.pop()

    def of_metric(self, metric: str) -> "RunTable":
        """The rows that measure `metric`.

        Raises:
            InputError: No row does.
        """
        if metric not in self.metrics:
            raise InputError(
                f"{self.name} has no metric {metric!r}; {argument('metric')} can be {' or '.join(self.metrics) or 'nothing'}."
            )
        return self._keeping(lambda row: row.metric == metric)

    def where(self, condition: str | Where) -> "RunTable":
        """The rows that pass a condition.

        Args:
            condition: For example `model = ViT-B-32 and samples_seen >= 100M`; text, or as `parse_where` reads it.

        Raises:
            InputError: It cannot be read or compared with the columns, or no row passes.
        """
        from thresher.runs.filtering import passing

        asked = parse_where(condition) if isinstance(condition, str) else condition
        kept = replace(self, rows=passing(self, asked))
        if not kept.rows:
            raise InputError(
                f"{self.name}: none of its {len(self.rows)} rows passes {argument('where', asked.text)}."
            )
        return kept

    def from_epoch(self, epochs: float) -> "RunTable":
        """The rows that no law is expected to miss for being too early; counts the rest.

        A checkpoint of a pool trained alone goes if it has fewer than `epochs` passes over its unique samples, to within 1 %.
        Finished runs, joint runs, rows that state no schedule and pools that never repeat stay.

        Raises:
            InputError: `epochs` is negative or not a number.
        """
        if not epochs >= 0:
            raise InputError(
                f"from_epoch is {format_number(epochs, 6)}; give 0 or more epochs, for example 1."
            )
        kept = self._keeping(
            lambda row: (
                row.is_joint
                or row.schedule not in CHECKPOINT_SCHEDULES
                or row.unique_samples == math.inf
                or row.samples_seen >= EPOCH_SLACK * epochs * row.unique_samples
            )
        )
        return replace(kept, dropped_rows=self.dropped_rows + len(self.rows) - len(kept.rows))

    def _keeping(self, keep: Callable[[Measurement], bool]) -> "RunTable":
        return replace(self, rows=tuple(row for row in self.rows if keep(row)))


def _add_what_is_left(sizes: dict[str, float], rows: Iterable[Measurement]) -> None:
    """Add the size of a pool that is the only unknown one in a union, until no more follow.

    Each union waits with its unknown pools; a size that becomes known is taken off the unions that wait for it, so that
    the work grows with the names in the table and not with its square.
    """
    unions = {(tuple(sorted(row.pools)), row.unique_samples) for row in rows if row.is_joint}
    ordered = sorted((u for u in unions if math.isfinite(u[1])), key=lambda union: (len(union[0]), union))
    unknown = [{name for name in names if name not in sizes} for names, _ in ordered]
    waiting: dict[str, list[int]] = {}
    for at, names in enumerate(unknown):
        for name in names:
            waiting.setdefault(name, []).append(at)
    ready = [at for at, names in enumerate(unknown) if len(names) == 1]
    heapify(ready)  # the smallest union first, whatever the order of rows
    while ready:
        at = heappop(ready)
        if len(unknown[at]) != 1:
            continue
        (name,) = unknown[at]
        left = ordered[at][1] - sum(sizes[other] for other in ordered[at][0] if other != name)
        if left < 1:
            continue
        sizes[name] = left
        for other in waiting[name]:
            unknown[other].discard(name)
            if len(unknown[other]) == 1:
                heappush(ready, other)


def metric_unit(metric: str, declared: str | None = None) -> str:
    """`fraction` for a metric ending in `_error`, `loss` for one ending in `_loss`, else what was declared.

    Raises:
        InputError: Neither the name nor `declared` says it.

    >>> metric_unit("imagenet1k_zeroshot_error"), metric_unit("perplexity", declared="loss")
    ('fraction', 'loss')
    """
    if metric.endswith("_error"):
        return "fraction"
    if metric.endswith("_loss"):
        return "loss"
    if declared is not None:
        return declared
    accuracy = " If it is an accuracy, give 1 - accuracy as an _error." if "acc" in metric.lower() else ""
    raise InputError(
        f"metric {metric!r} ends in neither _error nor _loss; "
        f"say what it is with {argument('unit', 'fraction')} or {argument('unit', 'loss')}.{accuracy}"
    )
