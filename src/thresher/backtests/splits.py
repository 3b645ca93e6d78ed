"""Runs held out of a table: the last epochs, one budget, one pool of a quality, or some of many mixtures."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from thresher.backtests.measured import about
from thresher.runs import Measurement
from thresher.units import format_count

LAST_SHARE = 0.25
"""Share of each pool's budgets, the largest ones, that `last epochs` holds out."""
FEWEST_LEFT = 2
"""Budgets that a pool keeps at least, or else its quality."""
MOST_BUDGETS = 6
"""Budgets held out one at a time; evenly spread where there are more."""
FEWEST_SIZES = 3
"""Sizes of one quality that `one pool` needs: with two, the rest could say nothing of how half-lives grow."""
MIXTURE_FOLDS = 5
"""Parts into which the mixtures of a table without single pools are dealt."""


@dataclass(frozen=True)
class Split:
    """Rows to hold out together.

    Attributes:
        label: Which, in words; it begins with `last epochs`, `one budget`, `one pool` or `some mixtures`.
        left_out: The rows.
        kept: The rows that laws are fitted to.
    """

    label: str
    left_out: tuple[Measurement, ...]
    kept: tuple[Measurement, ...]


def splits_of(rows: Sequence[Measurement]) -> tuple[Split, ...]:
    """Every way of holding out that these rows allow, each once; none where they are too few."""
    found: dict[frozenset[int], Split] = {}
    for label, left_out in (
        *_last_epochs(rows),
        *_one_budget(rows),
        *_one_pool(rows),
        *_some_mixtures(rows),
    ):
        out = frozenset(map(id, left_out))
        kept = tuple(row for row in rows if id(row) not in out)
        if out and kept:
            found.setdefault(out, Split(label, tuple(left_out), kept))
    return tuple(found.values())


def _last_epochs(rows: Sequence[Measurement]) -> Iterator[tuple[str, list[Measurement]]]:
    left_out: list[Measurement] = []
    for name in sorted({_trained_on(row) for row in rows}):
        own = [row for row in rows if _trained_on(row) == name]
        budgets = sorted({_budget(row) for row in own})
        last = min(max(1, round(LAST_SHARE * len(budgets))), len(budgets) - 1)
        mine = [row for row in own if _budget(row) in budgets[len(budgets) - last :]]
        if _enough_left(rows, [*left_out, *mine]):
            left_out += mine
    if left_out:
        seen = [row.samples_seen for row in left_out]
        beyond = " and beyond" if max(seen) > min(seen) else ""
        yield f"last epochs: {format_count(min(seen))} samples{beyond}", left_out


def _one_budget(rows: Sequence[Measurement]) -> Iterator[tuple[str, list[Measurement]]]:
    budgets = sorted({_budget(row) for row in rows})
    step = max(1.0, (len(budgets) - 1) / (MOST_BUDGETS - 1))
    for at in range(min(len(budgets), MOST_BUDGETS)):
        left_out = [row for row in rows if _budget(row) == budgets[round(at * step)]]
        if _enough_left(rows, left_out):
            yield f"one budget: {format_count(left_out[0].samples_seen)} samples", left_out


def _one_pool(rows: Sequence[Measurement]) -> Iterator[tuple[str, list[Measurement]]]:
    pools = {row.pool: row.quality for row in rows if not row.is_joint and row.quality is not None}
    for name in sorted(pools):
        left_out = [row for row in rows if row.pool == name]
        if list(pools.values()).count(pools[name]) >= FEWEST_SIZES and _enough_left(rows, left_out):
            yield f"one pool: {name}", left_out


def _some_mixtures(rows: Sequence[Measurement]) -> Iterator[tuple[str, list[Measurement]]]:
    mixtures = sorted({_trained_on(row) for row in rows if row.is_joint})
    if len(mixtures) <= MIXTURE_FOLDS:
        return
    for fold in range(MIXTURE_FOLDS):
        names = set(mixtures[fold::MIXTURE_FOLDS])
        left_out = [row for row in rows if _trained_on(row) in names]
        yield f"some mixtures: part {fold + 1} of {MIXTURE_FOLDS}", left_out


def _enough_left(rows: Sequence[Measurement], left_out: Sequence[Measurement]) -> bool:
    """Whether every pool, or else its quality, keeps enough budgets."""
    out = set(map(id, left_out))
    for group in {_quality(row) for row in left_out}:
        budgets = {_budget(row) for row in rows if id(row) not in out and _quality(row) == group}
        if len(budgets) < FEWEST_LEFT:
            return False
    return True


def _trained_on(row: Measurement) -> tuple[object, ...]:
    return (row.pool, row.weights or ())


def _quality(row: Measurement) -> tuple[object, ...]:
    return ("quality", row.quality) if row.quality is not None and not row.is_joint else _trained_on(row)


def _budget(row: Measurement) -> float:
    return about(row.samples_seen)
