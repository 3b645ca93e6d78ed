"""The queries of buckets and cuts, written once on Narwhals: DuckDB, Polars, PySpark and others run them unchanged."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import narwhals as nw

from thresher.errors import InputError
from thresher.metadata.engine import Bin, Window
from thresher.metadata.ids import IdKind, id_text
from thresher.metadata.order import MISSING, from_ordered, ordered_of
from thresher.metadata.selection import Edge, Selection, Slice
from thresher.metadata.types import Key
from thresher.where import Bound

Frame: TypeAlias = "nw.LazyFrame[Any]"

BINS = 1 << 14
"""Of one count; few enough to collect, many enough that a float32 is usually exact after two."""
WINDOWS_AT_ONCE = 32
"""Counted in one scan; more would nest expressions deeper than a query planner likes."""
INFINITY = float("inf")
TIED = -1
"""In the place of a slice's number: among these samples the smaller ids are still to be taken."""
ID, SCORE, PLACE, WINDOW = "thresher_id", "thresher_score", "thresher_place", "thresher_window"


def passing(frame: Frame, where: Bound | None) -> Frame:
    """The rows for which a condition holds; all of them without one."""
    return frame if where is None else frame.filter(where.expression)


def ids_and_scores(frame: Frame, id_column: str, score: str, where: Bound | None) -> Frame:
    """Two columns: the id, and the score as float64, null where it is missing or NaN."""
    chosen = passing(frame, where)
    value = nw.col(score).cast(nw.Float64)
    return chosen.select(
        nw.col(id_column).alias(ID),
        nw.when(~value.is_nan()).then(value).otherwise(nw.lit(None, nw.Float64)).alias(SCORE),
    )


def counted(frame: Frame, windows: Sequence[Window], width: int) -> list[list[Bin]]:
    """Rows per score within each window; see `Engine.count`."""
    everything = Window(MISSING, (1 << 8 * width) - 1)
    if list(windows) == [everything]:
        return [count_all(frame, width)]
    found: list[list[Bin]] = []
    for first in range(0, len(windows), WINDOWS_AT_ONCE):
        limits = [
            (from_ordered(w.low, width), from_ordered(w.high, width))
            for w in windows[first : first + WINDOWS_AT_ONCE]
        ]
        found += count_between(frame, limits, width)
    return found


def count_all(frame: Frame, width: int) -> list[Bin]:
    """Rows per score over everything, missing scores first."""
    score = nw.col(SCORE)
    finite = nw.when(score.is_finite()).then(score)
    (summary,) = rows_of(
        frame.select(
            score.is_null().cast(nw.Int64).sum().alias("missing"),
            (score == -INFINITY).cast(nw.Int64).sum().alias("least"),
            (score == INFINITY).cast(nw.Int64).sum().alias("most"),
            finite.min().alias("low"),
            finite.max().alias("high"),
        )
    )
    bins = [
        Bin(MISSING, MISSING, int(summary["missing"] or 0)),
        _one_score(-INFINITY, summary["least"], width),
    ]
    if summary["low"] is not None:
        bins += count_between(frame, [(summary["low"], summary["high"])], width)[0]
    bins.append(_one_score(INFINITY, summary["most"], width))
    return [one for one in bins if one.rows]


def _one_score(score: float, rows: int | None, width: int) -> Bin:
    ordered = ordered_of(score, width)
    return Bin(ordered, ordered, int(rows or 0))


def count_between(frame: Frame, limits: Sequence[tuple[float, float]], width: int) -> list[list[Bin]]:
    """Rows in steps from each low to its high, one scan; each bin is given the least and greatest score it really holds.

    The step of a score never falls as the score rises, whatever the rounding, so the bins are in order on any engine.

    Args:
        frame: Ids and scores.
        limits: Disjoint.
        width: Bytes of the float that holds the scores.
    """
    score = nw.col(SCORE)
    number, place = nw.lit(None, nw.Int64), nw.lit(None, nw.Float64)
    for index, (low, high) in enumerate(limits):
        scale = BINS / (high - low) if high > low else 0.0
        inside = (score >= low) & (score <= high)
        step = score if scale == INFINITY else ((score - low) * scale).floor()
        number = nw.when(inside).then(nw.lit(index)).otherwise(number)
        place = nw.when(inside).then(step).otherwise(place)
    found = rows_of(
        frame.with_columns(number.alias(WINDOW), place.alias(PLACE))
        .filter(~nw.col(WINDOW).is_null())
        .group_by(WINDOW, PLACE)
        .agg(nw.len().alias("rows"), score.min().alias("low"), score.max().alias("high"))
    )
    bins: list[list[Bin]] = [[] for _ in limits]
    for one in sorted(found, key=lambda one: one["low"]):
        low, high = ordered_of(one["low"], width), ordered_of(one["high"], width)
        bins[one[WINDOW]].append(Bin(low, high, int(one["rows"])))
    return bins


def placed(frame: Frame, selection: Selection, kind: IdKind, width: int, *, with_ties: bool = False) -> Frame:
    """Ids and scores of a selection, each with the number of its slice, in no order.

    Args:
        frame: Ids and scores.
        selection: Which of them.
        kind: Of the ids.
        width: Bytes of the float that holds the scores.
        with_ties: Give the samples at the selection's open ties as well, with the number `TIED`.
    """
    place = nw.lit(None, nw.Int64)
    for number, piece in reversed(list(enumerate(selection.slices))):
        place = nw.when(_inside(piece, kind, width)).then(nw.lit(number)).otherwise(place)
    if with_ties and selection.open_ties is not None:
        place = nw.when(is_tied(selection.open_ties, width)).then(nw.lit(TIED)).otherwise(place)
    return frame.with_columns(place.alias(PLACE)).filter(~nw.col(PLACE).is_null()).select(ID, SCORE, PLACE)


def chosen_ids(frame: Frame, selection: Selection, kind: IdKind, width: int) -> Frame:
    """Ids of a selection in ascending order, each with the number of its slice."""
    return placed(frame, selection, kind, width).sort(ID)


def is_tied(edge: Edge, width: int) -> nw.Expr:
    """Whether a row has the very score of an edge; a missing score counts as one."""
    score = nw.col(SCORE)
    return score.is_null() if edge.score == MISSING else score == from_ordered(edge.score, width)


def tied_ids(frame: Frame, edge: Edge, width: int) -> Frame:
    """The smallest ids among the samples with the edge's score, as many as it says."""
    return frame.filter(is_tied(edge, width)).select(ID).sort(ID).head(int(edge.ties or 0))


def rows_of(frame: Frame) -> list[dict[str, Any]]:
    """A small answer as plain rows."""
    return list(frame.collect("pyarrow").iter_rows(named=True))


def _inside(piece: Slice, kind: IdKind, width: int) -> nw.Expr:
    inside = _at_or_above(piece.last, kind, width)
    return inside if piece.above is None else inside & ~_at_or_above(piece.above, kind, width)


def _at_or_above(edge: Edge | None, kind: IdKind, width: int) -> nw.Expr:
    """Whether a row ranks at or above an edge; never null."""
    score = nw.col(SCORE)
    if edge is not None and edge.score == MISSING and edge.ties is not None:
        return ~score.is_null()
    if edge is None or (edge.score == MISSING and edge.key is None):
        return nw.lit(True) | score.is_null()
    if edge.score == MISSING:
        return ~score.is_null() | _up_to(edge.key, kind)
    value = _value(edge, width)
    # Open ties are taken apart from the rest; the rows above them are sure.
    inside = score > value if edge.ties is not None or edge.key is not None else score >= value
    if edge.key is not None:
        inside = inside | ((score == value) & _up_to(edge.key, kind))
    return ~score.is_null() & inside.fill_null(False)


def _value(edge: Edge, width: int) -> float:
    value = from_ordered(edge.score, width)
    if value != value:
        raise InputError("An edge of the buckets is not a score; make them again with `thresher buckets`.")
    return value


def _up_to(key: Key, kind: IdKind) -> nw.Expr:
    text = id_text(key, kind)
    return nw.col(ID) <= (int(text) if kind is IdKind.INTEGER else text)
