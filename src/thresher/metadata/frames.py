"""The engine for any frame that Narwhals knows: a DuckDB relation, a Polars, PySpark or Ibis frame, an Arrow table."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from thresher.errors import InputError
from thresher.metadata.engine import Bin, Block, Engine, SortedIds, Window
from thresher.metadata.id_sets import Paths, open_sets
from thresher.metadata.ids import kind_of, read_keys
from thresher.metadata.keys import Keys, concatenated
from thresher.metadata.order import score_type_of, score_width, to_ordered
from thresher.metadata.selection import Selection, Tally
from thresher.metadata.table import DEFAULT_ID, Table
from thresher.metadata.types import ArrowArray, Key, plain_type
from thresher.metadata.work import WorkFolder
from thresher.where import Bound, Where, of_arrow, parse_where

if TYPE_CHECKING:
    from thresher.metadata.queries import Frame


@dataclass(frozen=True)
class Frames(Engine):
    """Queries run where the frame lives; counts, edges and the chosen ids come back.

    The chosen ids are collected whole, so the memory here grows with the subset, 16 bytes a sample and what the
    frame's own engine takes; for tables larger than memory use `Local` on their files.
    """

    frame: Any

    name = "frames"

    @cached_property
    def lazy(self) -> "Frame":
        """The frame as Narwhals sees it."""
        import narwhals as nw

        return nw.from_native(self.frame).lazy()

    def table(
        self,
        *,
        score: str,
        id_column: str = DEFAULT_ID,
        where: str | None = None,
        within: Paths = (),
        without: Paths = (),
    ) -> Table:
        """The frame as a table for buckets and cuts.

        Args:
            score: Column to rank by.
            id_column: Column of sample ids.
            where: A condition; rows that do not pass are as if not there.
            within: Files of ids; rows whose id is not in all of them are as if not there.
            without: Files of ids; rows whose id is in one of them are as if not there.

        Raises:
            InputError: A column is missing or of a type that cannot serve, or a set of other ids.
        """
        return frame_table(
            self.lazy,
            "The frame",
            score=score,
            id_column=id_column,
            where=where,
            within=within,
            without=without,
        )

    def count(self, table: Table, windows: Sequence[Window], work: WorkFolder) -> list[list[Bin]]:
        """Rows per score within each window; see `Engine.count`."""
        from thresher.metadata.queries import counted

        return counted(self._chosen(table, work), windows, table.score_width)

    def select(self, table: Table, selection: Selection, work: WorkFolder) -> "FrameIds":
        """The chosen ids; see `Engine.select`."""
        from thresher.metadata.queries import chosen_ids, tied_ids

        frame = self._chosen(table, work)
        found = chosen_ids(frame, selection, table.id_kind, table.score_width).collect("pyarrow").to_native()
        edge = selection.open_ties
        tied = (
            tied_ids(frame, edge, table.score_width).collect("pyarrow").to_native().column(0)
            if edge
            else None
        )
        (rows,) = frame.select(_length()).collect("pyarrow").to_native().column(0).to_pylist()
        return FrameIds(table, selection, found, tied, int(rows))

    def _chosen(self, table: Table, work: WorkFolder) -> "Frame":
        from thresher.metadata.queries import ids_and_scores, passing
        from thresher.metadata.set_frames import passing_sets

        frame = passing_sets(passing(self.lazy, table.where), table, work) if table.sets else self.lazy
        return ids_and_scores(frame, table.id_column, str(table.score), table.where)


def frame_table(
    frame: "Frame", name: str, *, score: str, id_column: str, where: str | None, within: Paths = (), without: Paths = ()
) -> Table:  # fmt: skip
    """A frame as a table for buckets and cuts; its first id decides between hex, UUID and text.

    Raises:
        InputError: A column is missing, or of a type that cannot serve; the message calls the frame `name`.
    """
    import narwhals as nw

    asked = parse_where(where) if where is not None else None
    names = frame.collect_schema().names()
    for column in (id_column, score):
        if column not in names:
            raise InputError(f"{name} has no column {column!r}; it has {', '.join(names[:8])}.")
    present = frame.select(id_column, score).filter(~nw.col(id_column).is_null())
    first = present.head(1).collect("pyarrow").to_native()
    width = score_width(first.schema.field(score).type)
    if width is None:
        raise InputError(f"Column {score!r} is {first.schema.field(score).type}, not a number.")
    value = first.column(id_column)[0].as_py() if len(first) else None
    try:
        if "binary" in str(plain_type(first.schema.field(id_column).type)):
            raise InputError("ids as bytes can be read from files only; write them as text.")
        kind = kind_of(first.schema.field(id_column).type, value if isinstance(value, str) else None)
    except InputError as error:
        raise InputError(f"{name}: column {id_column!r} cannot hold ids: {error}") from error
    score_type = score_type_of(first.schema.field(score).type)
    sets = open_sets(within, without, kind=kind, id_column=id_column)
    bound = _bound(asked, frame, names, name)
    return Table((), id_column, kind, score, width, bound, where, sets=sets, score_type=score_type)


def _bound(asked: Where | None, frame: "Frame", names: Sequence[str], name: str) -> Bound | None:
    """The condition on a frame, whose types are those of its columns in Arrow."""
    if asked is None:
        return None
    wanted = [one for one in names if one in asked.names]
    schema = frame.select(*wanted).head(0).collect("pyarrow").to_native().schema if wanted else ()
    return Bound.to(asked, of_arrow(schema, wanted, name, names))


def _length() -> Any:  # noqa: ANN401 - a Narwhals expression
    import narwhals as nw

    return nw.len().alias("rows")


@dataclass(frozen=True)
class FrameIds(SortedIds):
    """Ids that were collected, with the number of the slice of each."""

    table: Table
    selection: Selection
    found: Any
    tied: Any
    rows: int

    @property
    def rows_in(self) -> int:
        """Rows looked at, after `--where`."""
        return self.rows

    @property
    def tally(self) -> Tally:
        """Counts per slice."""
        return self._placed[2]

    def blocks(self, after: Key = None) -> Iterator[Block]:
        """Keys in ascending order; see `SortedIds.blocks`."""
        keys, carried, _ = self._placed
        if after is not None:
            rows = np.flatnonzero(~keys.at_most(after))
            keys, carried = keys.take(rows), None if carried is None else carried[rows]
        if len(keys):
            yield keys, carried

    @cached_property
    def _placed(self) -> tuple[Keys, Any, Tally]:
        from thresher.metadata.selection import copies_of

        keys = self._keys(self.found.column(0))
        number = np.asarray(self.found.column(2).to_numpy(), dtype=np.uint32)
        scores = np.asarray(self.found.column(1).to_numpy(), dtype=f"f{self.table.score_width}")
        carried = np.ones(len(keys), dtype=np.uint32)
        tally = Tally([], [], [])
        for index, piece in enumerate(self.selection.slices):
            rows = np.flatnonzero(number == index)
            given = copies_of(keys.take(rows), self.table.id_kind, piece.copies, self.selection.seed)
            carried[rows] = given
            for counts, value in zip(
                tally.lists, (len(rows), (given > 0).sum(), given.sum(dtype=np.uint64)), strict=True
            ):
                counts.append(int(value))
        chosen = carried > 0
        if self.selection.members or self.selection.scores:
            carried = number if self.selection.members else to_ordered(scores)
        keys, carried = keys.take(chosen), carried[chosen]
        if self.tied is not None:
            taken = self._keys(self.tied)
            for counts in tally.lists:
                counts[-1] += len(taken)
            keys, carried = (
                concatenated([keys, taken]),
                np.concatenate([carried, np.ones(len(taken), carried.dtype)]),
            )
        keys, order = keys.sort()  # engines may return parts of a sorted frame in any order
        return keys, carried[order] if self.selection.carries else None, tally

    def _keys(self, column: ArrowArray) -> Keys:
        import pyarrow as pa

        return read_keys(
            pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type),
            self.table.id_kind,
        )
