"""The engine for Spark: the same queries, and a range-partitioned sort that executors write as files."""

import re
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from thresher.arguments import argument
from thresher.errors import InputError
from thresher.metadata.engine import Bin, Block, Engine, Progress, SortedIds, Window, no_progress
from thresher.metadata.id_sets import Paths
from thresher.metadata.order import to_ordered
from thresher.metadata.selection import Selection, Tally
from thresher.metadata.spark.expressions import CARRIED, COPIES, KEY, carried_of, copies_of, key_of, text_of
from thresher.metadata.spark.faults import spark_faults
from thresher.metadata.spark.files import file_uri, quoted, read_files, read_remote, remote_parts, written_uri
from thresher.metadata.spark.parts import Part, local_parts, merge_parts, read_local
from thresher.metadata.spark.watch import watched
from thresher.metadata.table import DEFAULT_ID, Table
from thresher.metadata.types import Carried, Key
from thresher.metadata.work import WorkFolder, fingerprint

if TYPE_CHECKING:
    from thresher.metadata.queries import Frame

TABLE_NAME = re.compile(r"\w+(\.\w+){0,3}")
PART_ROWS = 1_000_000
"""Keys of a part: 20 MB, sorted by one task in less than a hundred."""
MOST_PARTS = 1000
"""More parts than this only make shuffle blocks smaller; larger selections get larger parts."""
PLACES = "places.json"
"""In the work folder: where Spark wrote for it. The names end at random, so no other command's work lies there."""


@dataclass(frozen=True)
class Spark(Engine):
    """A Spark session; only edges, counts and the chosen ids, sorted, come back from it.

    Attributes:
        session: PySpark's, classic or Connect; the user's own, never stopped here.
        parts: Where executors write sorted ids. None: in the work folder, which they must then share with this
            machine. A URI such as `s3a://bucket/folder`: there, and they are read back through Spark.
        progress: Told of every finished query.
        label: What the sorted ids at a URI are for; part of their folder's name.
        places: Folders at URIs that this engine wrote or found, each with the work folder that it belongs to.
    """

    session: Any
    parts: str | None = None
    progress: Progress = no_progress
    label: str = "ids"
    places: dict[str, WorkFolder] = field(default_factory=dict, init=False, repr=False, compare=False)

    name = "spark"

    def table(
        self,
        source: Any,  # noqa: ANN401 - a DataFrame or a name
        *,
        score: str,
        id_column: str = DEFAULT_ID,
        where: str | None = None,
        within: Paths = (),
        without: Paths = (),
    ) -> Table:
        """A DataFrame, or a table by its name, as a table for buckets and cuts.

        Args:
            source: A DataFrame of this session, or the name of a table that it knows.
            score: Column to rank by.
            id_column: Column of sample ids.
            where: A condition; rows that do not pass are as if not there.
            within: Files of ids on this machine; rows whose id is not in all of them are as if not there.
            without: Files of ids on this machine; rows whose id is in one of them are as if not there.

        Raises:
            InputError: There is no such table, a column is missing or of a type that cannot serve, or a set of other ids.
        """
        rows = {"score": score, "id_column": id_column, "where": where, "within": within, "without": without}
        with spark_faults(self.session, "looking at the table", goes_on=False):
            if isinstance(source, str):
                return self._framed(self.session.table(source), source, f"Table {source}", rows)
            return self._framed(source, "a Spark DataFrame", "The DataFrame", rows)

    def named(
        self,
        names: Sequence[str],
        *,
        score: str,
        id_column: str = DEFAULT_ID,
        where: str | None = None,
        within: Paths = (),
        without: Paths = (),
    ) -> Table:
        """URLs that Spark reads, or one table that it knows by name, as a table for buckets and cuts.

        Raises:
            InputError: Names that are neither, or as `table`.
        """
        if len(names) == 1 and TABLE_NAME.fullmatch(names[0]):
            return self.table(
                names[0], score=score, id_column=id_column, where=where, within=within, without=without
            )
        for name in names:
            if "://" not in name and not Path(name).exists():
                raise InputError(
                    f"{name}: no such file or folder, nor the name of one of Spark's tables. Give the metadata's "
                    "Parquet files, their folder, a URL or a table."
                )
        with spark_faults(self.session, "looking at the files", goes_on=False):
            reader = self.session.read.option("recursiveFileLookup", "true")
            frame = reader.option("pathGlobFilter", "*.[pP][aA][rR][qQ][uU][eE][tT]").parquet(
                *[file_uri(name) for name in names]
            )
            given = ", ".join(names)
            if not frame.columns:
                raise InputError(f"{given} holds no .parquet files that Spark can see.")
            rows = {
                "score": score,
                "id_column": id_column,
                "where": where,
                "within": within,
                "without": without,
            }
            return self._framed(frame, given, given, rows)

    def _framed(self, frame: Any, origin: str, name: str, rows: dict[str, Any]) -> Table:  # noqa: ANN401
        import narwhals as nw

        from thresher.metadata.frames import frame_table

        made = frame_table(nw.from_native(frame).lazy(), name, **rows)
        return replace(made, frame=frame, origin=origin)

    def count(self, table: Table, windows: Sequence[Window], work: WorkFolder) -> list[list[Bin]]:
        """Rows per score within each window; see `Engine.count`. Counts are kept for a command that is run again."""
        from thresher.metadata.queries import counted

        self._remember(work)
        name = f"scan-{fingerprint({'windows': [(w.low, w.high) for w in windows]})[:16]}.json"
        kept = work.get(name, "bins")
        if kept is not None:
            return [[Bin(*one) for one in bins] for bins in kept["bins"]]
        table.check_unchanged()
        passing = self._passing(table, work)
        with self._doing("counting scores", table):
            found = counted(self._chosen(passing), windows, table.score_width)
        table.check_unchanged()
        work.put(name, {"bins": [[(one.low, one.high, one.rows) for one in bins] for bins in found]})
        return found

    def select(self, table: Table, selection: Selection, work: WorkFolder) -> "SparkIds":
        """The chosen ids, sorted by the executors and written as parts; see `Engine.select`."""
        self._remember(work)
        name = f"parts-{fingerprint({'selection': repr(selection), 'place': self.parts})[:12]}"
        kept = work.get(f"{name}.json", "parts")
        found = self._parts(kept, table) if kept is not None else None
        if kept is None or found is None:
            table.check_unchanged()
            for left in work.path.glob(f"{name}-*"):  # of a command that was killed while Spark wrote them
                shutil.rmtree(left, ignore_errors=True)
            passing = self._passing(table, work)
            kept = self._write(passing, selection, work, f"{name}-{secrets.token_hex(4)}")
            table.check_unchanged()
            found = self._parts(kept, table)
            if found is None:
                raise InputError(_unseen(kept, self.parts))
            if any(part.nulls for part in found):
                self._refuse_id(passing, selection)
            work.put(f"{name}.json", kept)
        return SparkIds(self, table, selection, kept["rows"], Tally(*kept["tally"]), tuple(found))

    def subset(self, table: Table, selection: Selection) -> Any:  # noqa: ANN401 - a DataFrame
        """The chosen ids as a DataFrame of the id column and `copies`, in no order; nothing is computed yet."""
        from thresher.metadata.queries import ID, PLACE, TIED

        if table.sets:
            raise InputError(
                f"A DataFrame of the chosen ids cannot be made {argument('within')} or {argument('without')} sets of ids: "
                "join the table with them first, or write the subset with `cut`."
            )
        weighed = self._weighed(table, selection)
        id_column, edge = quoted(table.id_column), selection.open_ties
        sure = weighed.where(f"{COPIES} > 0 AND {PLACE} <> {TIED}").selectExpr(
            f"{ID} AS {id_column}", f"{COPIES} AS copies"
        )
        if edge is None:
            return sure
        tied = weighed.where(f"{PLACE} = {TIED}").orderBy(KEY).limit(int(edge.ties or 0))
        return sure.union(tied.selectExpr(f"{ID} AS {id_column}", f"{COPIES} AS copies"))

    def unneeded(self) -> list[str]:
        """The places whose work folder is gone or holds other work: no command will read them again."""
        return [place for place, work in self.places.items() if place not in _places(work)]

    def _remember(self, work: WorkFolder) -> None:
        """Note what earlier runs of this job wrote at URIs; only the owner of the work folder's lock comes here."""
        self.places.update(dict.fromkeys(_places(work), work))

    def _place(self, parts: str, work: WorkFolder) -> str:
        """The folder under the URI `parts` for this work, noted before anything is written there."""
        known = _places(work)
        begin = f"{parts.rstrip('/')}/thresher-{re.sub(r'[^A-Za-z0-9_.-]', '_', self.label)}-"
        found = next((place for place in known if place.startswith(begin)), None)
        if found is None:
            found = begin + secrets.token_hex(8)
            work.put(PLACES, {"places": [*known, found]})
            self._remember(work)
        return found

    @contextmanager
    def _doing(self, what: str, table: Table) -> Iterator[None]:
        """Queries that may take long: their faults in words, and how far they are."""
        faults = spark_faults(self.session, what, goes_on=table.once is None)
        with faults, watched(self.session, what, self.progress):
            yield

    def _passing(self, table: Table, work: WorkFolder) -> Table:
        """The table without its sets of ids and the rows that do not pass them, in a frame that is not computed yet."""
        if not table.sets:
            return table
        from thresher.metadata.spark.sets import passing_sets

        with self._doing("looking up ids", table):
            frame = table.frame if table.frame is not None else read_files(self.session, table)
            place = self._place(self.parts, work) if self.parts else None
            kept = passing_sets(self.session, frame, table, work, place, self.progress)
        return replace(table, frame=kept, sets=())

    def _chosen(self, table: Table) -> "Frame":
        import narwhals as nw

        from thresher.metadata.queries import ids_and_scores

        frame = table.frame if table.frame is not None else read_files(self.session, table)
        return ids_and_scores(nw.from_native(frame).lazy(), table.id_column, str(table.score), table.where)

    def _weighed(self, table: Table, selection: Selection) -> Any:  # noqa: ANN401 - a DataFrame
        """The rows of a selection and of its open ties, in no order, each with its key and copies."""
        import narwhals as nw

        from thresher.metadata.queries import ID, PLACE, SCORE, placed

        frame = placed(self._chosen(table), selection, table.id_kind, table.score_width, with_ties=True)
        native = nw.to_native(frame)
        column_type = dict(native.dtypes)[ID]
        copies = copies_of(selection, text_of(table.id_kind, column_type))
        key = key_of(table.id_kind, column_type)
        return native.selectExpr(ID, SCORE, PLACE, f"{key} AS {KEY}", f"{copies} AS {COPIES}")

    def _write(self, table: Table, selection: Selection, work: WorkFolder, name: str) -> dict[str, Any]:
        """Have the executors sort the chosen ids by ranges and write them; what was written, and where."""
        with self._doing("selecting samples", table):
            weighed = self._weighed(table, selection)
            rows, tally, written = self._tally(table, selection, weighed)
            place = (
                f"{self._place(self.parts, work)}/{name}" if self.parts else str(work.file(name).absolute())
            )
            if written:
                number, carried = min(MOST_PARTS, -(-written // PART_ROWS)), carried_of(selection)
                columns = [KEY, *([f"{carried} AS {CARRIED}"] if carried else [])]
                chosen = weighed.where(f"{COPIES} > 0").selectExpr(*columns)
                ordered = chosen.repartitionByRange(number, KEY).sortWithinPartitions(KEY)
                # keys of random ids do not compress
                ordered.write.option("compression", "uncompressed").parquet(written_uri(place))
        return {"rows": rows, "tally": tally.lists, "written": written, "place": place}

    def _tally(self, table: Table, selection: Selection, weighed: Any) -> tuple[int, Tally, int]:  # noqa: ANN401
        """Rows looked at, counts per slice, and keys to write, those at open ties included."""
        import narwhals as nw

        from thresher.metadata.queries import PLACE, TIED, rows_of

        copies = nw.col(COPIES)
        counts = rows_of(
            nw.from_native(weighed)
            .lazy()
            .group_by(PLACE)
            .agg(
                nw.len().alias("held"),
                (copies > 0).cast(nw.Int64).sum().alias("samples"),
                copies.cast(nw.Int64).sum().alias("copies"),
            )
        )
        (total,) = rows_of(self._chosen(table).select(nw.len().alias("rows")))
        by_slice = {one[PLACE]: [int(one[name]) for name in ("held", "samples", "copies")] for one in counts}
        tied = by_slice.get(TIED, [0, 0, 0])[0]
        lists = [
            [by_slice.get(number, [0, 0, 0])[which] for number in range(len(selection.slices))]
            for which in range(3)
        ]
        written = sum(lists[1]) + tied
        if selection.open_ties is not None:
            for one in lists:
                one[-1] += min(tied, int(selection.open_ties.ties or 0))
        return int(total["rows"]), Tally(*lists), written

    def _parts(self, kept: dict[str, Any], table: Table) -> list[Part] | None:
        """The parts that were written, if all of them are there."""
        if not kept["written"]:
            return []
        try:
            if self.parts is None:
                found = local_parts(Path(kept["place"]), table.id_kind)
            else:
                with self._doing("looking at the sorted ids", table):
                    found = remote_parts(self.session, kept["place"], table.id_kind)
        except InputError:  # half-written, or gone
            return None
        return found if sum(part.rows for part in found) == kept["written"] else None

    def _refuse_id(self, table: Table, selection: Selection) -> None:
        """Name an id that made no key, in the words of every other engine."""
        from thresher.metadata.queries import ID
        from thresher.metadata.spark.sets import wrong_id

        doing = "looking for an id that is not like the others"
        with spark_faults(self.session, doing, goes_on=table.once is None):
            wrong = (
                self._weighed(table, selection).where(f"{COPIES} > 0 AND {KEY} IS NULL").select(ID).limit(1)
            )
            found = wrong.toArrow().column(0).combine_chunks()
        raise wrong_id(found, table)


def _places(work: WorkFolder) -> list[str]:
    """Where Spark wrote for a work folder, as far as the folder still says so."""
    return list((work.get(PLACES, "places") or {"places": []})["places"])


def _unseen(kept: dict[str, Any], parts: str | None) -> str:
    if parts is None:
        return (
            f"Spark's executors wrote {kept['written']:,} sorted ids to {kept['place']}, but this machine does not see "
            f"them there: give a folder that both share with {argument('spill')}, or a URI that Spark reads and writes with "
            f"{argument('spark_work')}."
        )
    return f"{kept['place']} does not hold the {kept['written']:,} chosen ids: the metadata changed; run the command again."


@dataclass(frozen=True)
class SparkIds(SortedIds):
    """Sorted parts that executors wrote, merged in the order of their keys while they are read."""

    engine: Spark
    table: Table
    selection: Selection
    rows: int
    counts: Tally
    parts: tuple[Part, ...]

    @property
    def rows_in(self) -> int:
        """Rows looked at, after `--where`."""
        return self.rows

    @property
    def tally(self) -> Tally:
        """Counts per slice."""
        return self.counts

    def blocks(self, after: Key = None) -> Iterator[Block]:
        """Keys in ascending order; see `SortedIds.blocks`."""
        from thresher.metadata.queries import TIED

        edge = self.selection.open_ties
        left = 0 if edge is None else int(edge.ties or 0)
        # Ties are taken by counting from the smallest id, so with open ones every part is read again.
        parts = [
            p for p in self.parts if edge is not None or after is None or p.last is None or p.last > after
        ]
        total = sum(part.rows for part in self.parts)
        merged = total - sum(part.rows for part in parts)
        for keys, carried in merge_parts(parts, self._read):
            merged += len(keys)
            self.engine.progress("merging sorted ids", merged, total)
            if edge is not None and carried is not None:
                tied = carried == TIED
                surplus = tied & (np.cumsum(tied) > left)
                left -= int(tied.sum()) - int(surplus.sum())
                rows = np.flatnonzero(~surplus)
                keys, carried = keys.take(rows), np.abs(carried[rows])
            if after is not None:
                rows = np.flatnonzero(~keys.at_most(after))
                keys, carried = keys.take(rows), None if carried is None else carried[rows]
            if len(keys):
                yield keys, self._numbers(carried)

    def _read(self, part: Part) -> Iterator[Block]:
        if self.engine.parts is None:
            yield from read_local(part, self.table.id_kind)
        else:
            goes_on = self.table.once is None
            with spark_faults(self.engine.session, "reading the sorted ids", goes_on=goes_on):
                yield from read_remote(self.engine.session, part, self.table.id_kind)

    def _numbers(self, carried: Carried) -> Carried:
        if not self.selection.carries or carried is None:
            return None
        if self.selection.scores:
            return to_ordered(carried.astype(f"f{self.table.score_width}"))
        return carried.astype(np.uint32)
