"""Exact ranks by counting: which score stands at a rank, and which of the tied ids is the last one inside."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np

from thresher.errors import InputError
from thresher.metadata.engine import Bin, Engine, Window
from thresher.metadata.id_sets import row_filters
from thresher.metadata.keys import Keys
from thresher.metadata.order import MISSING
from thresher.metadata.selection import Edge, Selection, Slice
from thresher.metadata.table import Table
from thresher.metadata.work import WorkFolder


@dataclass(frozen=True)
class Census:
    """What one scan of the scores tells.

    Attributes:
        rows: Rows, after `--where`.
        missing: Rows without a score, null or NaN.
        bins: Scored rows, in ascending order of score.
    """

    rows: int
    missing: int
    bins: tuple[Bin, ...]

    @property
    def scored(self) -> int:
        """Rows with a score."""
        return self.rows - self.missing


@dataclass(frozen=True)
class Standing:
    """The score at a rank.

    Attributes:
        score: Ordered value; `MISSING` past the last scored row.
        above: Rows with a better score.
        tied: Rows with this very score.
    """

    score: int
    above: int
    tied: int


def take_census(engine: Engine, table: Table, work: WorkFolder) -> Census:
    """Count the rows by score; one scan.

    Raises:
        InputError: The table has no rows, or none that its filters let through.
    """
    (bins,) = engine.count(table, [Window(MISSING, (1 << 8 * table.score_width) - 1)], work)
    rows = sum(found.rows for found in bins)
    if not rows:
        filters = row_filters(table.where_text, table.sets)
        raise InputError(f"No row passes {filters}." if filters else "The metadata has no rows at all.")
    # No number is ordered so low that it shares a bin with missing scores: between them lie unused NaN patterns.
    missing = bins[0].rows if bins[0].low == MISSING else 0
    return Census(rows, missing, tuple(bins[1:] if missing else bins))


def standings(
    engine: Engine, table: Table, census: Census, ranks: Sequence[int], work: WorkFolder
) -> list[Standing]:
    """The scores at `ranks`, exactly: bins that hold a rank are counted again, finer, until they are one score.

    Args:
        engine: Where the scores are counted.
        table: The metadata.
        census: Of that table.
        ranks: From 1, the best, to the number of rows.
        work: Where unfinished counts are kept.
    """
    found: dict[int, Standing] = {rank: Standing(MISSING, census.scored, census.missing) for rank in ranks}
    open_ranks = [(rank, 0, census.bins) for rank in sorted(set(ranks)) if rank <= census.scored]
    while open_ranks:
        placed = [(rank, *_place(rank - above, bins, above)) for rank, above, bins in open_ranks]
        for rank, place, above in placed:
            if place.low == place.high:
                found[rank] = Standing(place.low, above, place.rows)
        unsettled = [(rank, place, above) for rank, place, above in placed if place.low < place.high]
        windows = sorted({(place.low, place.high) for _, place, _ in unsettled})
        finer = engine.count(table, [Window(*window) for window in windows], work) if windows else []
        by_window = dict(zip(windows, finer, strict=True))
        for window, place in {(p.low, p.high): p for _, p, _ in unsettled}.items():
            if sum(b.rows for b in by_window[window]) != place.rows:
                raise InputError(
                    "The metadata changed between two scans of its scores; run the command again."
                )
        open_ranks = [
            (rank, above, tuple(by_window[place.low, place.high])) for rank, place, above in unsettled
        ]
    return [found[rank] for rank in ranks]


def _place(rank: int, bins: Sequence[Bin], above: int) -> tuple[Bin, int]:
    """The bin that holds `rank` counted from the best of `bins`, and the rows above it, `above` included."""
    descending = bins[::-1]
    ends = list(accumulate(found.rows for found in descending))
    number = bisect_left(ends, rank)
    return descending[number], above + (ends[number - 1] if number else 0)


def edges_at(
    engine: Engine, table: Table, census: Census, ranks: Sequence[int], work: WorkFolder
) -> list[tuple[Edge, int]]:
    """The edges that end at `ranks`, with the rows inside each.

    Of tied scores the smaller ids are inside. An id that occurs twice with that score is not parted, so the rows
    inside may exceed the rank.

    Returns:
        An edge and the rows at or above it, for each rank.
    """
    placed = standings(engine, table, census, ranks, work)
    cut_ties = sorted(
        {place.score for rank, place in zip(ranks, placed, strict=True) if rank < place.above + place.tied}
    )
    wanted: dict[int, list[int]] = {score: [] for score in cut_ties}
    for rank, place in zip(ranks, placed, strict=True):
        if place.score in wanted and rank < place.above + place.tied:
            wanted[place.score].append(rank - place.above)
    keys = tied_keys(engine, table, wanted, work) if wanted else {}
    edges = []
    for rank, place in zip(ranks, placed, strict=True):
        if rank == place.above + place.tied:
            edges.append((Edge(place.score), rank))
        else:
            key, taken = keys[place.score, rank - place.above]
            edges.append((Edge(place.score, key), place.above + taken))
    return edges


def tied_keys(
    engine: Engine, table: Table, wanted: dict[int, list[int]], work: WorkFolder
) -> dict[tuple[int, int], tuple[Any, int]]:
    """Of the samples with a score, the n-th smallest id.

    Args:
        engine: Where the ids are sorted.
        table: The metadata.
        wanted: For each ordered score, the numbers n, from 1.
        work: Where sorted ids are kept.

    Returns:
        For each (score, n) the key, and how many of the samples have that key or a smaller one.
    """
    scores = list(wanted)
    slices = tuple(Slice(str(score), Edge(score + 1), Edge(score)) for score in scores)
    numbers = [sorted(set(wanted[score])) for score in scores]
    seen = [0] * len(scores)
    found: dict[tuple[int, int], tuple[Any, int]] = {}
    for keys, carried in engine.select(table, Selection(slices, members=True), work).blocks():
        for index, score in enumerate(scores):
            mine: Keys = keys.take(np.flatnonzero(carried == index))
            for number in numbers[index]:
                if seen[index] < number <= seen[index] + len(mine):
                    row = number - seen[index] - 1
                    while row + 1 < len(mine) and mine.key(row + 1) == mine.key(row):
                        row += 1
                    found[score, number] = mine.key(row), seen[index] + row + 1
            seen[index] += len(mine)
    return found
