"""What a run table may hold but a reader should know about: doubts, in words."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations, groupby
from typing import Any, Literal

from thresher.runs.measurement import Measurement
from thresher.runs.noise import repeat_noise
from thresher.runs.run_table import EPOCH_SLACK, RunTable, metric_unit

USUAL_NOISE = 0.003
"""Spread of a zero-shot error between seeds where no repeats measure it; of a loss, as a share of it."""
NOISES_OF_DOUBT = 3.0
"""A difference of this many standard deviations of its own is taken for real."""
FEWEST_VALUES = 4
"""Scale, utility, half-life and floor are four numbers: fewer values of samples_seen cannot give them."""
FEWEST_REPEATED = 2
"""Half-life shows only past one epoch; one value there cannot tell it from a change of utility."""
MOST_NAMED = 4

Doubt = Callable[[Measurement], float]
"""The difference from a measurement that is beyond run noise."""


@dataclass(frozen=True)
class Finding:
    """One thing to know about a run table: `warning` can mislead a fit, `note` is only good to know."""

    severity: Literal["warning", "note"]
    message: str


def check_runs(table: RunTable) -> tuple[Finding, ...]:
    """Everything about an accepted table that is risky or good to know, warnings first.

    The order of rows changes nothing but the rows that a message names.
    """
    rows = sorted(table.rows, key=_order)
    noises = {metric: repeat_noise(row for row in rows if row.metric == metric) for metric in table.metrics}
    doubts = _doubts(table, noises)
    found = [
        *_several_studies(table),
        *_schedules(rows),
        *_exposures(rows),
        *_ranks(table),
        *_too_few(rows),
        *_early(rows),
        *_rising(rows, doubts),
        *_identical_pools(rows),
        *_joint_runs(table, rows, doubts),
        *_run_names(rows),
        *_noise(rows, noises),
    ]
    return tuple(sorted(found, key=lambda finding: finding.severity != "warning"))


def _several_studies(table: RunTable) -> Iterable[Finding]:
    if len(table.metrics) > 1:
        yield Finding(
            "warning",
            f"{len(table.metrics)} metrics: {_named(table.metrics)}. A fit takes one: use --metric.",
        )
    if len(table.models) > 1:
        yield Finding(
            "warning",
            f"{len(table.models)} models: {_named(table.models)}. "
            f"A fit takes one: use --where 'model = {table.models[0]}'.",
        )
    silent = sum(row.model is None for row in table.rows)
    if table.models and silent:
        yield Finding("warning", f"{_rows(silent)} no model, while others do. They are fitted together.")


def _schedules(rows: Sequence[Measurement]) -> Iterable[Finding]:
    counts = Counter(row.schedule for row in rows)
    stated = sorted(word for word in counts if word is not None)
    if len(stated) > 1:
        shares = ", ".join(f"{counts[word]} {word}" for word in stated)
        yield Finding("warning", f"Schedules are mixed ({shares}); their errors are not comparable.")
    if counts["mid-run"]:
        yield Finding(
            "warning",
            f"{counts['mid-run']} of {len(rows)} rows are checkpoints in the middle of a decaying "
            "learning rate; a finished run of that length would have a lower error.",
        )
    if counts[None]:
        yield Finding("note", f"{_rows(counts[None])} no schedule; taken as comparable with the rest.")


def _exposures(rows: Sequence[Measurement]) -> Iterable[Finding]:
    counts = Counter(row.exposure or "unknown" for row in rows)
    if counts["epochs"] and counts["resampled"]:
        yield Finding(
            "warning",
            f"{counts['epochs']} rows were trained in epochs and {counts['resampled']} with replacement; "
            "repetition is not the same in both.",
        )
    if counts["unknown"]:
        yield Finding(
            "note",
            f"Whether samples came in epochs or with replacement is not stated for {counts['unknown']} of "
            f"{len(rows)} rows (column exposure); DataComp's trainer draws with replacement by default.",
        )


def _ranks(table: RunTable) -> Iterable[Finding]:
    ranked = {row.quality for row in table.rows if row.rank is not None and row.quality is not None}
    other_sizes = {row.pool for row in table.rows if row.rank is None and row.quality in ranked}
    unranked = [pool for pool in table.pools if pool not in table.ranks and pool not in other_sizes]
    if not unranked:
        return
    if not table.ranks:
        yield Finding(
            "note", "No pool has a rank: every single pool is a candidate, and no share to keep follows."
        )
    else:
        yield Finding(
            "warning", f"No rank for {_named(unranked)}: fitted, but never a candidate nor part of a mixture."
        )


def _too_few(rows: Sequence[Measurement]) -> Iterable[Finding]:
    few: list[tuple[str, int, int]] = []
    several = len({row.model for row in rows}) > 1
    for (_, model, name), group in _grouped(
        [row for row in rows if not row.is_joint],
        lambda row: (row.metric, row.model or "", f"quality {row.quality}" if row.quality else row.pool),
    ):
        values = {(row.unique_samples, row.samples_seen) for row in group}
        past = sum(seen > unique for unique, seen in values)
        if len(values) < FEWEST_VALUES or past < FEWEST_REPEATED:
            few.append((f"{name} of {model}" if several and model else name, len(values), past))
    if few:
        shown = [f"{name} ({values}, {past} past one epoch)" for name, values, past in few]
        yield Finding(
            "warning",
            f"Too few values of samples_seen: {_named(shown)}. "
            f"Utility, half-life, scale and floor need at least {FEWEST_VALUES}, "
            f"{FEWEST_REPEATED} of them past one epoch.",
        )


def _early(rows: Sequence[Measurement]) -> Iterable[Finding]:
    early = sum(row.epochs < EPOCH_SLACK for row in rows)
    if early:
        yield Finding(
            "warning",
            f"{early} of {len(rows)} rows saw less than one epoch of their pool, where errors need "
            "not follow a law; --from-epoch 1 leaves them out.",
        )


def _rising(rows: Sequence[Measurement], doubts: Mapping[str, Doubt]) -> Iterable[Finding]:
    rises: list[str] = []
    for _, group in _grouped(rows, lambda row: (row.metric, *(part or "" for part in row.run_key))):
        least: Measurement | None = None
        worst: tuple[float, str] | None = None
        for row in sorted(group, key=lambda row: row.samples_seen):
            if least is not None and row.error > least.error + doubts[row.metric](least):
                rise = row.error - least.error
                if worst is None or rise > worst[0]:
                    worst = (rise, f"{row.place} is {rise:.3g} above {least.place} of the same run")
            if least is None or row.error < least.error:
                least = row
        if worst is not None:
            rises.append(worst[1])
    if rises:
        yield Finding(
            "warning",
            f"The error rises with more samples, beyond noise: {_named(rises)}. No law here can rise.",
        )


def _identical_pools(rows: Sequence[Measurement]) -> Iterable[Finding]:
    series: dict[str, frozenset[tuple[object, ...]]] = {}
    for (pool,), group in _grouped(rows, lambda row: (row.pool,)):
        series[pool] = frozenset(
            (row.metric, row.model, row.seed, row.samples_seen, row.error) for row in group
        )
    same = [
        f"{a} and {b}" for a, b in combinations(series, 2) if series[a] == series[b] and len(series[a]) > 1
    ]
    if same:
        yield Finding("warning", f"The same errors at the same samples_seen: {_named(same)}. Is one a copy?")


def _joint_runs(
    table: RunTable, rows: Sequence[Measurement], doubts: Mapping[str, Doubt]
) -> Iterable[Finding]:
    joint = [row for row in rows if row.is_joint]
    parts = {name for row in joint for name in row.pools}
    alone = sorted(parts - set(table.pools))
    if alone and table.pools:
        yield Finding("warning", f"Joint runs name pools that have no runs of their own: {_named(alone)}.")
    if any(row.rank is not None for row in joint):
        yield Finding("note", "The rank of a joint run means nothing; ranks belong to single pools.")
    for (_, _, names), group in _grouped(
        joint, lambda row: (row.metric, row.model or "", "+".join(sorted(row.pools)))
    ):
        sizes = sorted({row.unique_samples for row in group})
        if len(sizes) > 1:
            yield Finding("warning", f"Joint runs of {names} contradict: unique_samples is {_listed(sizes)}.")
        for _, same in _grouped(group, lambda row: (row.samples_seen, _shares(row))):
            low, high = min(same, key=lambda row: row.error), max(same, key=lambda row: row.error)
            if high.error - low.error > doubts[low.metric](low):
                yield Finding(
                    "warning",
                    f"Joint runs of {names} contradict: {high.place} has error {high.error:g} "
                    f"and {low.place} {low.error:g} after the same samples.",
                )


def _run_names(rows: Sequence[Measurement]) -> Iterable[Finding]:
    named = [row for row in rows if row.run is not None]
    mixed = [
        run for (run,), group in _grouped(named, lambda row: (row.run or "",))
        if len({(row.pools, row.model, row.seed) for row in group}) > 1
    ]  # fmt: skip
    if mixed:
        yield Finding("warning", f"One run name for several pools, models or seeds: {_named(mixed)}.")
    parents = sorted({row.subset_of for row in rows if row.subset_of} - {row.pool for row in rows})
    if parents:
        yield Finding("note", f"subset_of names pools without runs: {_named(parents)}.")


def _noise(rows: Sequence[Measurement], noises: Mapping[str, tuple[float, int]]) -> Iterable[Finding]:
    for metric, (noise, freedom) in noises.items():
        what = f" of {metric}" if len(noises) > 1 else ""
        if freedom:
            yield Finding(
                "note", f"Run noise{what} is {noise:.2g}, from {freedom} repeats with another seed."
            )
        elif not all(row.standard_error is not None for row in rows if row.metric == metric):
            yield Finding("note", f"No run{what} is repeated with another seed: run noise is unknown.")


def _doubts(table: RunTable, noises: Mapping[str, tuple[float, int]]) -> Mapping[str, Doubt]:
    def doubt(noise: float, is_loss: bool, row: Measurement) -> float:
        known = noise or row.standard_error or USUAL_NOISE * (row.error if is_loss else 1.0)
        return NOISES_OF_DOUBT * math.sqrt(2.0) * known

    return {
        metric: partial(doubt, noise, metric_unit(metric, table.declared_unit) == "loss")
        for metric, (noise, _) in noises.items()
    }


def _shares(row: Measurement) -> tuple[tuple[str, float], ...]:
    return tuple(sorted(zip(row.pools, row.weights, strict=True))) if row.weights is not None else ()


def _grouped(
    rows: Iterable[Measurement], key: Callable[[Measurement], tuple[Any, ...]]
) -> list[tuple[tuple[Any, ...], list[Measurement]]]:
    return [(k, list(group)) for k, group in groupby(sorted(rows, key=key), key=key)]


def _rows(count: int) -> str:
    return "1 row states" if count == 1 else f"{count} rows state"


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(names[:MOST_NAMED])
    return shown + (f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else "")


def _listed(values: Sequence[float]) -> str:
    return " and ".join(f"{value:,.12g}" for value in values)


def _order(row: Measurement) -> tuple[object, ...]:
    return (row.pool, row.metric, row.model or "", row.samples_seen, row.run or "", row.seed or "", row.error)
