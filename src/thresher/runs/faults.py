"""What a run table must not hold: each fault is refused with its row, its value and a remedy."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence

from thresher.arguments import argument
from thresher.errors import InputError
from thresher.names import twin_key
from thresher.pools import ROUNDED_WEIGHTS, check_weights
from thresher.runs.measurement import EXPOSURES, SCHEDULES, Measurement
from thresher.runs.noise import Level, learning_curves
from thresher.runs.run_table import RunTable, metric_unit
from thresher.units import MOST_SAMPLES, WHOLE, format_count, format_exact, format_number

LARGEST_PERCENT = 100.0
SUM_TOLERANCE = 0.01
"""Published pool sizes are rounded, often to three digits; they, and a sum of them, are right to within 1 %."""
LONE_CURVE = 3
"""Values of samples_seen that a rising error needs to be taken for an accuracy where only one pool shows it."""


def refuse_faults(table: RunTable) -> None:
    """Refuse a table with a row that cannot be right, or rows that contradict each other.

    Raises:
        InputError: The first such row, by its place in the table.
    """
    for row in table.rows:
        _refuse_number(row)
        _refuse_error(row, _unit(row, table))
        _refuse_word(row, "schedule", row.schedule, SCHEDULES)
        _refuse_word(row, "exposure", row.exposure, EXPOSURES)
        _refuse_pool(row)
        _refuse_weights(row)
    _refuse_idle_unit(table)
    _refuse_twins(table.rows)
    _refuse_duplicates(table.rows)
    singles = [row for row in table.rows if not row.is_joint]
    for column in ("unique_samples", "rank", "quality", "subset_of"):
        _refuse_two_values(singles, column)
    _refuse_shared_ranks(singles)
    _refuse_listed_sizes(table)
    _refuse_wrong_sums(table)
    _refuse_accuracies(table)


def _unit(row: Measurement, table: RunTable) -> str:
    try:
        return metric_unit(row.metric, table.declared_unit)
    except InputError as error:
        raise InputError(f"{row.place}: {error}") from error


def _refuse_number(row: Measurement) -> None:
    sizes = row.pool_sizes or (row.unique_samples,)
    for column, value in (*(("unique_samples", size) for size in sizes), ("samples_seen", row.samples_seen)):
        endless = column == "unique_samples" and value == math.inf  # a pool that never repeats
        if not (1 <= value <= MOST_SAMPLES or endless):
            raise InputError(
                f"{row.place}: {column} is {format_number(value, 6)}; a number of samples lies between 1 and 10^18. "
                "Correct it or remove the row."
            )
        if not endless and abs(value - round(value)) > WHOLE * value:
            shown = format_exact(value)
            remedy = (
                f"If it is millions, write {shown}M; if thousands, {shown}K." if value < 1000 else "Round it."
            )
            raise InputError(f"{row.place}: {column} is {shown}, no whole number of samples. {remedy}")
    if row.standard_error is not None and not (0 < row.standard_error < math.inf):
        raise InputError(
            f"{row.place}: standard_error is {format_number(row.standard_error, 6)}; it must be positive. "
            "Leave it empty if it is not known."
        )
    if row.rank is not None and row.rank < 1:
        raise InputError(
            f"{row.place}: rank is {row.rank}; ranks are whole numbers, and 1 is the best quality."
        )


def _refuse_error(row: Measurement, unit: str) -> None:
    value = row.error
    if not math.isfinite(value):
        raise InputError(
            f"{row.place}: error is {value}, not a number. "
            "Remove the row of a run that failed, or correct it."
        )
    if unit == "loss" and value <= 0:
        raise InputError(
            f"{row.place}: error {format_number(value, 6)} is not a loss; {row.metric} must be positive."
        )
    if unit == "fraction" and not 0 <= value <= 1:
        percent = 1 < value <= LARGEST_PERCENT
        remedy = "If it is percent, divide by 100." if percent else "Correct it or remove the row."
        raise InputError(
            f"{row.place}: error {format_number(value, 6)} is not a fraction in [0, 1]. {remedy}"
        )


def _refuse_word(row: Measurement, column: str, word: str | None, accepted: tuple[str, ...]) -> None:
    if word is not None and word not in accepted:
        raise InputError(
            f"{row.place}: {column} is {word!r}; "
            f"it can be {', '.join(accepted[:-1])} or {accepted[-1]}, or empty."
        )


def _refuse_pool(row: Measurement) -> None:
    names = row.pools
    if not all(names):
        raise InputError(
            f"{row.place}: pool {row.pool!r} has an empty part; a joint run's pool is written a+b, and "
            "names hold no plus sign."
        )
    if row.pool_sizes is not None and len(row.pool_sizes) != len(names):
        raise InputError(
            f"{row.place}: unique_samples lists {len(row.pool_sizes)} sizes, but {row.pool!r} "
            f"{'is one pool' if len(names) == 1 else f'names {len(names)} pools'}. Give one size per pool."
        )
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        raise InputError(
            f"{row.place}: pool {row.pool!r} names {twice!r} twice; name each pool of a joint run once."
        )
    if row.subset_of is not None and row.subset_of == row.pool:
        raise InputError(
            f"{row.place}: pool {row.pool!r} is said to be a subset of itself. Leave subset_of empty, "
            "or name the larger pool."
        )


def _refuse_weights(row: Measurement) -> None:
    if row.weights is None:
        return
    total = sum(row.weights)
    if abs(total - LARGEST_PERCENT) <= ROUNDED_WEIGHTS * LARGEST_PERCENT:
        raise InputError(
            f"{row.place}: weights sum to {format_number(total, 6)}, so they are percent. Divide them by 100; weights sum to 1."
        )
    try:
        check_weights(row.pools, row.weights, tolerance=ROUNDED_WEIGHTS)
    except InputError as error:
        raise InputError(f"{row.place}: {error}") from error


def _refuse_idle_unit(table: RunTable) -> None:
    units = {metric_unit(metric, table.declared_unit) for metric in table.metrics}
    if table.declared_unit is not None and table.declared_unit not in units:
        raise InputError(
            f"{table.name}: {argument('unit', table.declared_unit)} contradicts {', '.join(table.metrics)}, "
            f"whose name says {' and '.join(sorted(units))}. Leave {argument('unit')} out."
        )


def _refuse_twins(rows: Iterable[Measurement]) -> None:
    """Refuse two names that look the same: a letter and its mark are one character in one, two in the other."""
    seen: dict[tuple[str, str], tuple[str, Measurement]] = {}
    for row in rows:
        names = [("pool", name) for name in (*row.pools, row.subset_of)]
        names += [(column, getattr(row, column)) for column in ("run", "model", "metric", "quality")]
        for column, name in names:
            if name is None or name.isascii():
                continue
            first, other = seen.setdefault((column, twin_key(name)), (name, row))
            if first != name:
                raise InputError(
                    f"{row.place}: {column} {name!r} looks like {first!r} in {other.place}, but is written with other characters "
                    f"({name!a} and {first!a}). Write both alike."
                )


def _refuse_duplicates(rows: Iterable[Measurement]) -> None:
    seen: dict[tuple[object, ...], Measurement] = {}
    for row in rows:
        key = (row.run_key, row.metric, row.samples_seen)
        first = seen.get(key)
        seen[key] = row
        if first is not None:
            run = f"run {row.run!r}" if row.run is not None else f"one run of pool {row.pool!r}"
            raise InputError(
                f"{row.place} and {first.place} both give {row.metric} of {run} at "
                f"{format_count(row.samples_seen)} samples seen. Remove one, or tell the runs apart with "
                "the column run or seed."
            )


def _refuse_two_values(singles: Iterable[Measurement], column: str) -> None:
    seen: dict[str, Measurement] = {}
    for row in singles:
        value = row.value(column)
        if value is None:
            continue
        first = seen.setdefault(row.pool, row)
        if first.value(column) != value:
            remedy = (
                "A pool has one size: give the other size a name of its own, and both the same quality."
                if column == "unique_samples"
                else f"A pool has one {column}: correct one."
            )
            raise InputError(
                f"{row.place}: {column} of pool {row.pool!r} is {_shown(value)}, "
                f"but {_shown(first.value(column))} in {first.place}. {remedy}"
            )


def _refuse_shared_ranks(singles: Iterable[Measurement]) -> None:
    holders: dict[int, Measurement] = {}
    for row in singles:
        if row.rank is None:
            continue
        first = holders.setdefault(row.rank, row)
        if first.pool != row.pool:
            raise InputError(
                f"{row.place}: pool {row.pool!r} has rank {row.rank}, "
                f"and so has pool {first.pool!r} in {first.place}. "
                "Give each its own place, or leave the rank of one empty."
            )


def _refuse_listed_sizes(table: RunTable) -> None:
    """Refuse a list of sizes that contradicts the pool's own runs or another list."""
    first = {row.pool: (row.unique_samples, row) for row in table.rows if not row.is_joint}
    for row in table.rows:
        for name, size in zip(row.pools, row.pool_sizes or (), strict=False):
            known, other = first.setdefault(name, (size, row))
            if not _agree(size, known):
                raise InputError(
                    f"{row.place}: unique_samples of pool {name!r} is {_shown(size)} in the list, "
                    f"but {_shown(known)} in {other.place}. A pool has one size: "
                    "correct one, or give the other size a name of its own."
                )


def _refuse_wrong_sums(table: RunTable) -> None:
    sizes = table.sizes
    for row in table.rows:
        if not row.is_joint:
            continue
        unknown = [name for name in row.pools if name not in sizes]
        total = sum(sizes[name] for name in row.pools if name in sizes)
        if not unknown and row.pool_sizes is None and not _agree(row.unique_samples, total):
            raise InputError(
                f"{row.place}: unique_samples of the joint run {row.pool!r} is "
                f"{_shown(row.unique_samples)}, but its pools hold {_shown(total)} together. "
                "Give the sum, or give parts of pools names of their own."
            )
        if len(unknown) == 1 and math.isfinite(row.unique_samples):  # else its size would follow
            raise InputError(
                f"{row.place}: unique_samples of the joint run {row.pool!r} is {_shown(row.unique_samples)}, and its "
                f"other pools hold {_shown(total)}, so nothing is left for {unknown[0]!r}. Correct it."
            )
        if row.weights is None and total == math.inf:
            raise InputError(
                f"{row.place}: joint run {row.pool!r} has no weights, and a pool that never repeats (inf) has no share "
                "in proportion to its size. Give weights."
            )


def _agree(size: float, other: float) -> bool:
    return size == other or abs(size - other) <= SUM_TOLERANCE * min(size, other)


def _refuse_accuracies(table: RunTable) -> None:
    """Refuse a metric that rises with training in most pools: errors fall, accuracies rise."""
    curves: dict[str, list[Sequence[Level]]] = {}
    for training, levels in learning_curves(table).items():
        if len(levels) > 1:
            curves.setdefault(training.metric, []).append(levels)
    for metric, found in sorted(curves.items()):
        loss = metric_unit(metric, table.declared_unit) == "loss"
        rising = [levels for levels in found if _rises(levels, throughout=loss)]
        if 2 * len(rising) <= len(found) or (len(found) == 1 and len(found[0]) < LONE_CURVE):
            continue
        first, *_, last = max(
            rising, key=lambda levels: (levels[-1].error - levels[0].error, levels[0].row.pool)
        )
        remedy = (
            "If the column error holds a score that is better when higher, such as an accuracy, replace each value by "
            "1 - error and let the metric end in _error. If the models over-fit, add shorter runs: no law here can rise."
            if loss
            else "The column error seems to hold accuracies; replace each value by 1 - error."
        )
        raise InputError(
            f"{table.name}: {metric} rises with samples_seen in {len(rising)} of {len(found)} pools or mixtures, "
            f"for example in {first.row.pool} from {format_number(first.error, 4)} at "
            f"{format_count(first.samples_seen)} samples to "
            f"{format_number(last.error, 4)} at {format_count(last.samples_seen)}. {remedy}"
        )


def _rises(levels: Sequence[Level], *, throughout: bool) -> bool:
    """Whether the last error lies above the first and none lies below it, beyond noise.

    With `throughout`, none lies below an earlier one either: a loss that falls before it rises is over-fitting.
    """
    highest, last = levels[0], levels[-1]
    if not last.is_above(highest):
        return False
    for level in levels:
        if highest.is_above(level):
            return False
        if throughout:
            highest = max(highest, level, key=lambda one: one.error)
    return True


def _shown(value: object) -> str:
    return format_exact(value) if isinstance(value, float) else repr(value)
