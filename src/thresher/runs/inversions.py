"""Pairs of ranked pools that the runs order the other way round."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from thresher.runs.noise import Level, Training, learning_curves
from thresher.runs.run_table import RunTable

SAME_BUDGET = 0.01
"""Values of samples_seen that agree to 1 % are one budget: batches rarely divide it exactly."""
MOST_REPETITION = 2.0
"""A pool that is repeated more than this many times as often may be worse for that reason alone."""
MOST_IN_PAIRS = 500
"""Ranked pools of which every pair is compared; the number of pairs grows with the square."""
CLEAR_SHARE = 0.5
"""Share of the shared budgets at which more than noise must speak against the ranks: early on, all pools err alike."""


@dataclass(frozen=True)
class Inversion:
    """Two pools, of which the better-ranked has the larger error at every budget that both were trained for.

    Attributes:
        better: The pool of the better rank.
        worse: The pool of the worse rank.
        levels: Mean errors of both at each of those budgets.
    """

    better: str
    worse: str
    levels: tuple[tuple[Level, Level], ...]

    @property
    def gap(self) -> float:
        """The largest difference of their errors."""
        return max(better.error - worse.error for better, worse in self.levels)


@dataclass(frozen=True)
class RankCheck:
    """How many pairs of ranked pools can be compared for one metric and model, and which are inverted."""

    metric: str
    model: str | None
    compared: int
    inversions: tuple[Inversion, ...]


def check_ranks(table: RunTable) -> tuple[RankCheck, ...]:
    """The ranks of `table` against its runs, for each metric and model, sorted by name.

    Of more than `MOST_IN_PAIRS` pools only pairs 1, 2, 4, .. places apart are compared.

    Pools are compared where they saw the same number of samples, with the same schedule and exposure, and where the
    better-ranked one was not repeated more than twice as often. They are inverted if its error is larger at each of those
    budgets, and beyond run noise at most of them.
    """
    ranks = table.ranks
    studies: dict[tuple[str, str | None], dict[str, dict[Training, Sequence[Level]]]] = {}
    for training, levels in learning_curves(table).items():
        pool = levels[0].row.pool
        if pool in ranks:
            curves = studies.setdefault((training.metric, training.model), {}).setdefault(pool, {})
            curves[training._replace(shares=())] = levels
    found = []
    for (metric, model), curves_of in sorted(
        studies.items(), key=lambda study: (study[0][0], study[0][1] or "")
    ):
        compared, inversions = 0, []
        for better, worse in _pairs(sorted(curves_of, key=lambda pool: ranks[pool])):
            pairs = list(_until_in_order(_shared_budgets(curves_of[better], curves_of[worse])))
            compared += bool(pairs)
            clear = sum(first.is_above(second) for first, second in pairs)
            if pairs and _is_larger(*pairs[-1]) and clear > CLEAR_SHARE * len(pairs):
                inversions.append(Inversion(better, worse, tuple(pairs)))
        found.append(RankCheck(metric, model, compared, tuple(inversions)))
    return tuple(found)


def _pairs(ordered: Sequence[str]) -> Iterable[tuple[str, str]]:
    """The pairs to compare: all, or of many pools those 1, 2, 4, .. places apart, which a wrong order shows as well."""
    if len(ordered) <= MOST_IN_PAIRS:
        return combinations(ordered, 2)
    steps = [2**power for power in range(len(ordered).bit_length()) if 2**power < len(ordered)]
    return ((ordered[at], ordered[at + step]) for step in steps for at in range(len(ordered) - step))


def _until_in_order(pairs: Iterable[tuple[Level, Level]]) -> Iterator[tuple[Level, Level]]:
    """The pairs up to the first in the order of the ranks: the rest cannot change the answer."""
    for better, worse in pairs:
        yield better, worse
        if not _is_larger(better, worse):
            return


def _is_larger(better: Level, worse: Level) -> bool:
    return better.error > worse.error


def _shared_budgets(
    better: dict[Training, Sequence[Level]], worse: dict[Training, Sequence[Level]]
) -> Iterator[tuple[Level, Level]]:
    for training, levels in better.items():
        others = worse.get(training, ())
        lengths = [level.samples_seen for level in others]
        for level in levels:
            at = bisect_left(lengths, level.samples_seen)
            near = others[max(at - 1, 0) : at + 1]
            if not near:
                continue
            other = min(near, key=lambda one: abs(one.samples_seen - level.samples_seen))
            same = abs(other.samples_seen - level.samples_seen) <= SAME_BUDGET * level.samples_seen
            if same and _passes(level) <= MOST_REPETITION * _passes(other):
                yield level, other


def _passes(level: Level) -> float:
    return max(level.row.epochs, 1.0)  # below one epoch nothing repeats
