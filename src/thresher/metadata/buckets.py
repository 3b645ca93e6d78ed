"""Buckets: equal slices of the ranking by score, and the file that keeps their exact edges."""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

from thresher.arguments import argument
from thresher.errors import InputError
from thresher.files import write_json
from thresher.metadata.engine import Bin, Engine, Window
from thresher.metadata.id_sets import KnownSet, describe_sets, known
from thresher.metadata.ids import IdKind, id_key, id_text
from thresher.metadata.order import from_ordered, ordered_of
from thresher.metadata.ranks import Census, edges_at, standings, take_census
from thresher.metadata.selection import Edge, Slice
from thresher.metadata.table import Table
from thresher.metadata.work import WorkFolder, fingerprint
from thresher.quoting import check_file_names, check_pool_name
from thresher.stored import read_stored
from thresher.where import as_column

VERSION = 1
MADE_BY = "thresher buckets METADATA --score COL"
MOST_BUCKETS = 1000
HISTOGRAM_BARS = 60
FEWEST_BARS = 20
"""With fewer, scores are so close to each other that one more scan is worth its time."""


@dataclass(frozen=True)
class Bucket:
    """One slice of the ranking.

    Attributes:
        name: The pool's name in the run table.
        low: Score of its last sample.
        high: Score of its first sample, or of the last sample of the bucket above.
        rows: Its samples.
        fraction: Of all rows of the metadata.
        last: Its lower edge.
    """

    name: str
    low: float
    high: float
    rows: int
    fraction: float
    last: Edge


@dataclass(frozen=True)
class Buckets:
    """All buckets of a table, best first: disjoint, and together every sample that has a score.

    Attributes:
        score: Score column.
        score_width: Bytes of the float that holds the scores.
        id_column: Id column.
        id_kind: What the ids are.
        where: The filter they were made under, or None.
        rows: Rows of the metadata, after the filters.
        missing: Rows without a score, which are in no bucket.
        buckets: Best first.
        histogram: (low, high, rows) of about equal steps of score; a score at an edge counts in the higher step.
        sample: Share and seed of the pilot sample, with its rows per bucket; or None.
        within: Sets of ids that rows had to be in.
        without: Sets of ids that rows were not to be in.
    """

    score: str
    score_width: int
    id_column: str
    id_kind: IdKind
    where: str | None
    rows: int
    missing: int
    buckets: tuple[Bucket, ...]
    histogram: tuple[tuple[float, float, int], ...] = ()
    sample: dict[str, Any] | None = None
    within: tuple[KnownSet, ...] = ()
    without: tuple[KnownSet, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The buckets' names, best first."""
        return tuple(bucket.name for bucket in self.buckets)

    @property
    def edges(self) -> tuple[float, ...]:
        """Scores that bound the buckets, best first: the highest score, then the last score of each bucket."""
        return (self.buckets[0].high, *(bucket.low for bucket in self.buckets))

    @property
    def fingerprint(self) -> str:
        """A digest of what decides who is in which bucket."""
        edges = [(b.name, b.last.score, b.last.key, b.rows) for b in self.buckets]
        sets = [[one.sha256 for one in sets] for sets in (self.within, self.without)]
        job = {"columns": (self.score, self.id_column), "where": self.where, "edges": edges}
        return fingerprint(job | ({"sets": sets} if any(sets) else {}))

    def slice_of(self, name: str, copies: float = 1.0) -> Slice:
        """The slice of the ranking that is the bucket `name`.

        Raises:
            InputError: There is no such bucket.
        """
        if name not in self.names:
            raise InputError(f"Pool {name!r} is not a bucket; the buckets are {', '.join(self.names)}.")
        number = self.names.index(name)
        above = self.buckets[number - 1].last if number else None
        return Slice(name, above, self.buckets[number].last, copies)

    def to_json(self) -> dict[str, Any]:
        """What `thresher buckets --json` prints."""
        return {
            "rows": self.rows,
            "missing": self.missing,
            "edges": list(self.edges),
            "buckets": [
                {"name": b.name, "low": b.low, "high": b.high, "rows": b.rows, "fraction": b.fraction}
                for b in self.buckets
            ],
            "sample": self.sample,
        }


def make_buckets(
    engine: Engine, table: Table, number: int, work: WorkFolder, names: Sequence[str] | None = None
) -> Buckets:
    """Cut the ranking into `number` buckets of equal size, to within one sample and undivided duplicate ids.

    Args:
        engine: Where the metadata is queried.
        table: The metadata, with a score.
        number: How many buckets.
        work: Where unfinished work is kept.
        names: One for each bucket, best first; None for b0, b1, ...

    Raises:
        InputError: Too few scored rows or distinct samples, an infinite score, or unusable names.
    """
    if not 1 <= number <= MOST_BUCKETS:
        raise InputError(f"{argument('number')} is {number}; give a number from 1 to {MOST_BUCKETS}.")
    chosen = _names(number, names)
    census = take_census(engine, table, work)
    _check_scored(table, census, number)
    best, worst = _extremes(engine, table, census, work)
    if best == worst and number > 1:
        raise InputError(
            f"Column {table.score!r} is {best:g} for every row, so it ranks nothing; choose another with {argument('score')}."
        )
    ranks = [_half_even(j * census.scored, number) for j in range(1, number + 1)]
    edges = edges_at(engine, table, census, ranks, work)
    buckets, high, inside = [], best, 0
    for name, (edge, rows) in zip(chosen, edges, strict=True):
        low = from_ordered(edge.score, table.score_width)
        buckets.append(Bucket(name, low, high, rows - inside, (rows - inside) / census.rows, edge))
        high, inside = low, rows
    bars = _histogram(engine, table, census, worst, best, work)
    return Buckets(
        str(table.score), table.score_width, table.id_column, table.id_kind, table.where_text,
        census.rows, census.missing, tuple(buckets), bars,
        within=known(table.sets, inside=True), without=known(table.sets, inside=False),
    )  # fmt: skip


def _names(number: int, names: Sequence[str] | None) -> list[str]:
    if names is None:
        width = len(str(number - 1))
        return [f"b{j:0{width}d}" for j in range(number)]
    if len(names) != number or len(set(names)) != number:
        raise InputError(
            f"{argument('names')} gives {len(names)} names for {number} buckets; give one, distinct, for each."
        )
    what = f"{argument('names')}: bucket"
    for name in names:
        check_pool_name(name, what)
    check_file_names(names, what)
    return list(names)


def _check_scored(table: Table, census: Census, number: int) -> None:
    if not census.scored:
        raise InputError(
            f"Column {table.score!r} has no score at all: all {census.rows:,} rows are null or NaN."
        )
    if census.scored < number:
        raise InputError(f"{argument('number')} is {number}, but only {census.scored:,} rows have a score.")


def _extremes(engine: Engine, table: Table, census: Census, work: WorkFolder) -> tuple[float, float]:
    first, last = standings(engine, table, census, [1, census.scored], work)
    best, worst = (from_ordered(place.score, table.score_width) for place in (first, last))
    if math.isinf(best) or math.isinf(worst):
        raise InputError(f"Column {table.score!r} holds infinite scores; {_finite_only(table, worst, best)}.")
    return best, worst


def _finite_only(table: Table, worst: float, best: float) -> str:
    """What leaves out just the infinite scores, beside the condition that is given."""
    score = as_column(str(table.score))
    tests = [f"{score} > -inf"] * math.isinf(worst) + [f"{score} < inf"] * math.isinf(best)
    given = [] if table.where_text is None else [f"({table.where_text})"]
    return f"leave them out with {argument('where', ' and '.join(given + tests))}"


def _half_even(numerator: int, denominator: int) -> int:
    """Numerator / denominator rounded half to even, exactly."""
    whole, rest = divmod(numerator, denominator)
    return whole + (2 * rest > denominator or (2 * rest == denominator and whole % 2 == 1))


def _histogram(
    engine: Engine, table: Table, census: Census, worst: float, best: float, work: WorkFolder
) -> tuple[tuple[float, float, int], ...]:
    """Exact rows in steps of score, from the census; where that is too coarse, the range of the scores is counted again."""
    if not 0 < best - worst < math.inf:
        return ((worst, best, census.scored),)
    low, high = (ordered_of(score, table.score_width) for score in (worst, best))
    bars = _bars(census.bins, table.score_width, worst, best)
    if len(bars) < FEWEST_BARS < high - low:
        (finer,) = engine.count(table, [Window(low, high)], work)
        bars = _bars(finer, table.score_width, worst, best)
    return bars


def _bars(bins: Sequence[Bin], width: int, worst: float, best: float) -> tuple[tuple[float, float, int], ...]:
    """Rows in about equal steps: an edge that would divide a bin moves to the bin's end, so that counts stay exact."""
    step = (best - worst) / HISTOGRAM_BARS
    lows = [max(from_ordered(found.low, width), worst) for found in bins]
    above = [0, *accumulate(found.rows for found in bins)]
    edges, at = [worst], [0]
    for wanted in (worst + j * step for j in range(1, HISTOGRAM_BARS)):
        first = bisect_left(lows, wanted)  # the first bin that lies past the edge as a whole
        divided = bins[first - 1]
        past = divided.low < divided.high and from_ordered(divided.high, width) >= wanted
        edge = from_ordered(divided.high + 1, width) if past else wanted
        if edges[-1] < edge < best:
            edges.append(edge)
            at.append(first)
    rows = [above[end] - above[start] for start, end in pairwise([*at, len(bins)])]
    return tuple(zip(edges, [*edges[1:], best], rows, strict=True))


def write_buckets(path: Path, made: Buckets) -> None:
    """Keep buckets in a file, whole or not at all.

    Raises:
        InputError: The file cannot be written.
    """
    content = made.to_json() | {
        "score": made.score, "score_width": made.score_width, "id": made.id_column, "id_kind": str(made.id_kind),
        "where": made.where,
        "tie_ids": [None if b.last.key is None else id_text(b.last.key, made.id_kind) for b in made.buckets],
        "histogram": [list(bar) for bar in made.histogram],
    } | describe_sets(made.within, made.without)  # fmt: skip
    write_json(path, "buckets", VERSION, content)


def read_buckets(path: Path) -> Buckets:
    """The buckets that `write_buckets` kept.

    Raises:
        InputError: The file cannot be read, is of another kind, or is damaged.
    """
    from thresher.metadata.buckets_model import SavedBuckets

    saved = read_stored(path, SavedBuckets, "buckets", VERSION, MADE_BY)
    kind, width = IdKind(saved.id_kind), saved.score_width
    buckets = (
        Bucket(
            b.name, b.low, b.high, b.rows, b.fraction,
            Edge(ordered_of(b.low, width), None if tie is None else id_key(tie, kind)),
        )
        for b, tie in zip(saved.buckets, saved.tie_ids, strict=True)
    )  # fmt: skip
    within, without = (
        tuple(KnownSet(one.path, one.sha256) for one in listed) for listed in (saved.within, saved.without)
    )
    return Buckets(
        saved.score, width, saved.id, kind, saved.where, saved.rows, saved.missing, tuple(buckets), tuple(saved.histogram),
        saved.sample.model_dump() if saved.sample is not None else None, within, without,
    )  # fmt: skip
