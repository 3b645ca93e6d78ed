"""What a run table may hold but a reader should know about: doubts, in words."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal

from thresher.arguments import argument
from thresher.runs.coverage import not_told_apart, repeated_settings
from thresher.runs.inversions import check_ranks
from thresher.runs.measurement import Measurement
from thresher.runs.noise import Level, repeat_noise, run_noise
from thresher.runs.run_table import RunTable
from thresher.units import format_count, format_exact, format_number
from thresher.where import as_text

FEWEST_LENGTHS = 3
"""Values of samples_seen that show a level, a slope and a bend; with fewer, the rest is the prior's."""
FEWEST_REPEATED = 2
"""Settings past one epoch that show how fast a pool wears out; one cannot tell it from a change of worth."""
DEFAULT_FROM_EPOCH = 1.0
MOST_NAMED = 4
MOST_BUDGETS = 3
MOST_PARTS = 4
"""Pools of a mixture that a message names."""
SEVERITIES = ("blocking", "warning", "note")


@dataclass(frozen=True)
class Finding:
    """One thing to know about a run table.

    `blocking` makes every choice from the table doubtful, `warning` can mislead a fit, `note` is only good to know.
    """

    severity: Literal["blocking", "warning", "note"]
    message: str


def check_runs(table: RunTable) -> tuple[Finding, ...]:
    """Everything about an accepted table that is risky or good to know, the worst first.

    The order of rows changes nothing but the rows that a message names.
    """
    rows = sorted(table.rows, key=_order)
    noise = run_noise(table)
    found = [
        *rank_doubts(table),
        *_several_studies(table),
        *_schedules(rows),
        *_exposures(rows),
        *_ranks(table),
        *_few_lengths(rows),
        *_few_repeats(table),
        *_early(table),
        *_rising(rows, noise),
        *_identical_pools(rows),
        *_joint_pools(table),
        *_joint_runs(rows, noise),
        *_run_names(rows),
        *_cases(rows),
        *_noise(rows),
    ]
    return tuple(sorted(found, key=lambda finding: SEVERITIES.index(finding.severity)))


def rank_doubts(table: RunTable) -> tuple[Finding, ...]:
    """Whether ranks run against the measured order: one blocking doubt that names the worst pair of pools, or none."""
    checks = check_ranks(table)
    against = [(check, pair) for check in checks for pair in check.inversions]
    if not against:
        return ()
    check, worst = max(against, key=lambda found: found[1].gap)
    ranks = table.ranks
    shown = ", ".join(
        f"{format_number(better.error, 4)} against {format_number(worse.error, 4)} at {format_count(better.samples_seen)} samples"
        for better, worse in worst.levels[:MOST_BUDGETS]
    )
    more = len(worst.levels) - MOST_BUDGETS
    of_metric = f" ({check.metric})" if len({check.metric for check in checks}) > 1 else ""
    others = list(
        dict.fromkeys(f"{pair.better} and {pair.worse}" for _, pair in against if pair is not worst)
    )
    reversed_order = 2 * len(against) > sum(check.compared for check in checks) and len(against) > 1
    return (
        Finding(
            "blocking",
            f"Ranks contradict the runs: {worst.better} (rank {ranks[worst.better]}) has a larger error than {worst.worse} "
            f"(rank {ranks[worst.worse]}) at every budget that both share{of_metric}: {shown}"
            f"{f' and {more} more' if more > 0 else ''}. "
            f"{f'So do {_named(others)}. ' if others else ''}"
            f"{'Most pairs are the other way round: was the worst pool given rank 1? ' if reversed_order else ''}"
            "Correct the ranks (1 is the best quality), or say which score ranks the pools and rank them by it.",
        ),
    )


def _several_studies(table: RunTable) -> Iterable[Finding]:
    if len(table.metrics) > 1:
        yield Finding(
            "warning",
            f"{len(table.metrics)} metrics: {_named(table.metrics)}. A fit takes one: use {argument('metric')}.",
        )
    if len(table.models) > 1:
        yield Finding(
            "warning",
            f"{len(table.models)} models: {_named(table.models)}. "
            f"A fit takes one: use {argument('where', f'model = {as_text(table.models[0])}')}.",
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
            f"{format_count(counts['mid-run'])} of {format_count(len(rows))} rows are checkpoints in the middle of a decaying "
            "learning rate; a finished run of that length would have a lower error. "
            "Use them to compare pools, not to predict levels.",
        )
    if counts[None]:
        yield Finding("note", f"{_rows(counts[None])} no schedule; taken as comparable with the rest.")


def _exposures(rows: Sequence[Measurement]) -> Iterable[Finding]:
    counts = Counter(row.exposure or "unknown" for row in rows)
    if counts["epochs"] and counts["resampled"]:
        yield Finding(
            "warning",
            f"{format_count(counts['epochs'])} rows were trained in epochs and "
            f"{format_count(counts['resampled'])} with replacement; "
            "repetition is not the same in both.",
        )
    if counts["unknown"]:
        yield Finding(
            "note",
            f"Whether samples came in epochs or with replacement is not stated for {format_count(counts['unknown'])} of "
            f"{format_count(len(rows))} rows (column exposure); DataComp's trainer draws with replacement by default.",
        )


def _ranks(table: RunTable) -> Iterable[Finding]:
    ranked = {row.quality for row in table.rows if row.rank is not None and row.quality is not None}
    ranks = table.ranks
    other_sizes = {row.pool for row in table.rows if row.rank is None and row.quality in ranked}
    unranked = [
        pool
        for pool in (*table.pools, *table.untrained_alone)
        if pool not in ranks and pool not in other_sizes
    ]
    if not unranked:
        return
    if ranks:
        yield Finding(
            "warning", f"No rank for {_named(unranked)}: fitted, but never a candidate nor part of a mixture."
        )
    elif table.nesting:
        yield Finding(
            "note",
            f"No pool has a rank; the order in which runs add pools is taken for it: {_named(table.nesting)}.",
        )
    else:
        yield Finding(
            "note", "No pool has a rank: every single pool is a candidate, and no share to keep follows."
        )


def _few_lengths(rows: Sequence[Measurement]) -> Iterable[Finding]:
    studies = _grouped(rows, lambda row: (row.metric, row.model or ""))
    few = []
    for (metric, model), group in studies:
        lengths = sorted({row.samples_seen for row in group})
        if len(lengths) < FEWEST_LENGTHS:
            which = f"{metric} {model}".strip() + ": " if len(studies) > 1 else ""
            few.append(which + " and ".join(map(format_count, lengths)))
    if few:
        yield Finding(
            "warning",
            f"Few values of samples_seen ({_named(few)}): how fast the error falls with more samples, and its floor, stay near "
            "their priors. Add runs of other lengths.",
        )


def _few_repeats(table: RunTable) -> Iterable[Finding]:
    few = [f"{name} ({count})" for name, count in repeated_settings(table).items() if count < FEWEST_REPEATED]
    if few:
        yield Finding(
            "warning",
            f"Few lengths past one epoch: {_named(few)}. Their half-lives stay near the prior and what other pools show; add "
            "longer runs.",
        )


def _early(table: RunTable) -> Iterable[Finding]:
    early = len(table) - len(table.from_epoch(DEFAULT_FROM_EPOCH))
    if early:
        yield Finding(
            "warning",
            f"{format_count(early)} of {format_count(len(table))} rows are checkpoints before one epoch of a "
            "pool trained alone, where errors need not "
            f"follow a law. A fit leaves them out unless {argument('from_epoch')} is less than "
            f"{format_number(DEFAULT_FROM_EPOCH, 6)}.",
        )


def _rising(rows: Sequence[Measurement], noise: Callable[[Measurement], float]) -> Iterable[Finding]:
    rises: list[str] = []
    for _, group in _grouped(rows, lambda row: (row.metric, *(part or "" for part in row.run_key))):
        least: Level | None = None
        worst: tuple[float, str] | None = None
        for row in sorted(group, key=lambda row: row.samples_seen):
            level = Level(row.samples_seen, row.error, noise(row), row)
            if least is not None and level.is_above(least):
                rise = row.error - least.error
                if worst is None or rise > worst[0]:
                    worst = (
                        rise,
                        f"{row.place} is {format_number(rise)} above {least.row.place} of the same run",
                    )
            if least is None or row.error < least.error:
                least = level
        if worst is not None:
            rises.append(worst[1])
    if rises:
        yield Finding(
            "warning",
            f"The error rises with more samples, beyond noise: {_named(rises)}. No law here can rise.",
        )


def _identical_pools(rows: Sequence[Measurement]) -> Iterable[Finding]:
    pools: dict[frozenset[tuple[object, ...]], list[str]] = {}
    for (pool,), group in _grouped(rows, lambda row: (row.pool,)):
        series = frozenset((row.metric, row.model, row.seed, row.samples_seen, row.error) for row in group)
        if len(series) > 1:
            pools.setdefault(series, []).append(_short(pool))
    same = [" and ".join(names[:MOST_NAMED]) for names in pools.values() if len(names) > 1]
    if same:
        yield Finding("warning", f"The same errors at the same samples_seen: {_named(same)}. Is one a copy?")


def _joint_pools(table: RunTable) -> Iterable[Finding]:
    """Pools that only joint runs train on: which of them those runs can tell apart, and size."""
    names, sizes = table.untrained_alone, table.sizes
    unsized = [name for name in names if name not in sizes]
    if unsized:
        yield Finding(
            "warning",
            f"Nothing tells the size of {_named(unsized)}, which only joint runs train on. Give unique_samples of those runs as "
            "a list in the order of their pools, for example 1B+2B+inf.",
        )
    untold = not_told_apart(table)
    if untold:
        yield Finding(
            "warning",
            f"The mixtures that were trained cannot tell apart {_named(untold)}: their worths stay near the prior. Add runs with "
            "other shares of these pools, or of each alone.",
        )
    doubtful = {*unsized, *untold}
    told = [name for name in names if name not in doubtful]
    if told:
        yield Finding("note", f"Pools without a run of their own are fitted from joint runs: {_named(told)}.")


def _joint_runs(rows: Sequence[Measurement], noise: Callable[[Measurement], float]) -> Iterable[Finding]:
    joint = [row for row in rows if row.is_joint]
    if any(row.rank is not None for row in joint):
        yield Finding("note", "The rank of a joint run means nothing; ranks belong to single pools.")
    sizes, errors = [], []
    for (_, _, names), group in _grouped(
        joint, lambda row: (row.metric, row.model or "", "+".join(sorted(row.pools)))
    ):
        stated = sorted({row.unique_samples for row in group})
        if len(stated) > 1:
            sizes.append(f"unique_samples of {_short(names)} is {_listed(stated)}")
        for _, same in _grouped(group, lambda row: (row.samples_seen, repr(row.shares))):
            low, high = (
                Level(row.samples_seen, row.error, noise(row), row)
                for row in (min(same, key=lambda row: row.error), max(same, key=lambda row: row.error))
            )
            if high.is_above(low):
                errors.append(
                    f"{high.row.place} has error {format_number(high.error, 6)} and {low.row.place} "
                    f"{format_number(low.error, 6)} after the same samples "
                    f"of {_short(names)}"
                )
    for contradictions in (sizes, errors):
        if contradictions:
            yield Finding("warning", f"Joint runs contradict: {_named(contradictions)}.")


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


def _cases(rows: Sequence[Measurement]) -> Iterable[Finding]:
    """Names that differ only in capitals, and so may be one."""
    for column in ("pool", "model", "metric", "quality"):
        found: dict[str, set[str]] = {}
        for row in rows:
            for name in row.pools if column == "pool" else (getattr(row, column),):
                if name is not None:
                    found.setdefault(name.casefold(), set()).add(name)
        twins = [" and ".join(sorted(names)) for _, names in sorted(found.items()) if len(names) > 1]
        if twins:
            yield Finding(
                "warning", f"Names of column {column} differ only in capitals: {_named(twins)}. Are they one?"
            )


def _noise(rows: Sequence[Measurement]) -> Iterable[Finding]:
    by_metric = _grouped(rows, lambda row: (row.metric,))
    for (metric,), group in by_metric:
        noise, freedom = repeat_noise(group)
        what = f" of {metric}" if len(by_metric) > 1 else ""
        if freedom:
            yield Finding(
                "note",
                f"Run noise{what} is {format_number(noise, 2)}, from {freedom} repeats with another seed.",
            )
        elif not all(row.standard_error is not None for row in group):
            yield Finding("note", f"No run{what} is repeated with another seed: run noise is unknown.")


def _grouped(
    rows: Iterable[Measurement], key: Callable[[Measurement], tuple[Any, ...]]
) -> list[tuple[tuple[Any, ...], list[Measurement]]]:
    return [(k, list(group)) for k, group in groupby(sorted(rows, key=key), key=key)]


def _rows(count: int) -> str:
    return "1 row states" if count == 1 else f"{format_count(count)} rows state"


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(names[:MOST_NAMED])
    return shown + (f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else "")


def _short(pool: str) -> str:
    names = pool.split("+")
    return (
        pool
        if len(names) <= MOST_PARTS + 1
        else "+".join(names[:MOST_PARTS]) + f"+{len(names) - MOST_PARTS} more pools"
    )


def _listed(values: Sequence[float]) -> str:
    return " and ".join(format_exact(value) for value in values)


def _order(row: Measurement) -> tuple[object, ...]:
    return (row.pool, row.metric, row.model or "", row.samples_seen, row.run or "", row.seed or "", row.error)
