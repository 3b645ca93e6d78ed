"""Scores from other files, joined to the metadata by id, out of core."""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from thresher.arguments import argument
from thresher.errors import FileFormatError, InputError, ThresherError
from thresher.files import written_whole
from thresher.metadata.id_sets import Paths
from thresher.metadata.ids import IdKind, read_keys, uniform
from thresher.metadata.local import DEFAULT_MEMORY
from thresher.metadata.parquet import InputFile, open_parquet
from thresher.metadata.table import Table, open_table
from thresher.metadata.types import ArrowArray, ArrowSchema, ArrowType, plain, plain_type
from thresher.metadata.work import fingerprint
from thresher.where import Bound, Columns, of_files, parse_where

JOIN_MEMORY_SHARE = 0.6
"""Of the memory, for DuckDB's hash table; the rest is the interpreter's and Arrow's."""
BATCH_ROWS = 1 << 16


def open_joined(
    paths: Sequence[str | Path], scores: Sequence[str | Path], folder: Path, *, score: str, id_column: str,
    where: str | None, memory: float = DEFAULT_MEMORY, within: Paths = (), without: Paths = (),
) -> Table:  # fmt: skip
    """The metadata with the score column of other files; samples without a score there have none.

    The joined table is written to `folder` under a name that its sources decide, and used again while they are
    unchanged: a resumed command does not join twice.

    Args:
        paths: Metadata, as in `open_table`.
        scores: Files, folders or URLs with the id column and the score column.
        folder: Where the joined table goes; one that nobody else writes to.
        score: Column in `scores`.
        id_column: Column in both.
        where: On columns of either; of two of a name, on the metadata's. The score's own name must be in one alone.
        memory: Bytes.
        within: As in `open_table`.
        without: As in `open_table`.

    Raises:
        InputError: As `open_table`; also ids of two kinds, or an id with two scores.
    """
    asked = parse_where(where) if where is not None else None
    given = open_table(paths, score=None, id_column=id_column, within=within, without=without)
    other = open_table(scores, score=score, id_column=id_column)
    if given.id_kind is not other.id_kind:
        raise InputError(
            f"Ids in the metadata are {given.id_kind}, in {argument('scores')} {other.id_kind}; they cannot be joined."
        )
    bound, own = None, frozenset[str]()
    if asked is not None:
        metadata = _columns(given.files, asked.names, "The metadata")
        beside = _columns(other.files, asked.names, argument("scores"))
        bound, own = Bound.to(asked, metadata.beside(beside, twice=score)), frozenset(metadata.types)
    mark = fingerprint(
        {
            "files": [(f.path, f.size, f.stamp) for f in (*given.files, *other.files)],
            "columns": (score, where),
        }
    )
    path = folder / f".thresher-joined-{mark[:16]}.parquet"
    if not path.exists():
        needed = [name for name in (bound.columns if bound else []) if name not in (id_column, score)]
        columns = (
            [id_column, *(name for name in needed if name in own)],
            [name for name in needed if name not in own],
        )
        _join(given, other, path, columns, memory)
    joined = open_table([path], score=score, id_column=id_column)
    # what the columns were in the files decides, since the join makes float32 of half floats
    joined = replace(joined, where=bound, where_text=where, score_type=other.score_type)
    return replace(joined, metadata_files=given.files, score_files=other.files, sets=given.sets)


def _columns(files: Sequence[InputFile], names: Iterable[str], place: str) -> Columns:
    """The columns of files that a condition may name."""

    def schemas() -> Iterator[tuple[str, ArrowSchema]]:
        for file in files:
            with open_parquet(file.path) as parquet:
                yield file.path, parquet.schema_arrow

    return of_files(schemas(), names, place)


def _join(
    given: Table, other: Table, path: Path, columns: tuple[list[str], list[str]], memory: float
) -> None:
    """Write the columns of `given` and those of `other`, whose score is always among them, row by row of `given`."""
    import duckdb

    id_column, score = given.id_column, str(other.score)
    metadata = _Source(given.files, columns[0], given.id_kind, id_column, "The metadata")
    scores = _Source(
        other.files, [id_column, score, *columns[1]], other.id_kind, id_column, argument("scores")
    )
    one = _quoted(id_column)
    wanted = [f"m.{_quoted(name)}" for name in columns[0]]
    wanted += [f"s.{_quoted(name)}" for name in dict.fromkeys([*columns[1], score])]
    with (
        written_whole(path) as temporary,
        tempfile.TemporaryDirectory(prefix=".thresher-", dir=path.parent) as spill,
        duckdb.connect() as connection,
    ):
        connection.execute(f"SET memory_limit='{int(memory * JOIN_MEMORY_SHARE / 1e6)}MB'")
        connection.execute(f"SET temp_directory={_text(spill)}")
        try:
            # What DuckDB reads are streams of Arrow: it sees no path, in which it would look for patterns and for
            # `name=value`, and every file comes in the same types.
            connection.register("s", scores.stream(check=True))
            ((twice,),) = connection.execute(
                f"SELECT count(*) FROM (SELECT {one} FROM s GROUP BY {one} HAVING count(*) > 1)"
            ).fetchall()
            if twice:
                raise InputError(
                    f"{twice:,} ids stand more than once in {argument('scores')}; give one score for each."
                )
            connection.register("m", metadata.stream())
            connection.register("s", scores.stream())
            connection.execute(
                f"COPY (SELECT {', '.join(wanted)} FROM m LEFT JOIN s ON m.{one} = s.{one}) "
                f"TO {_text(str(temporary))} (FORMAT parquet)"
            )
        except duckdb.Error as error:
            failed = metadata.failed or scores.failed
            if failed is not None:  # DuckDB wraps it
                raise failed from error
            raise InputError(
                f"{argument('scores')} cannot be joined: {str(error).splitlines()[0]}"
            ) from error


class _Source:
    """Columns of files as streams of Arrow batches, each column in one type that holds those of all files."""

    def __init__(
        self, files: Sequence[InputFile], columns: Sequence[str], kind: IdKind, id_column: str, place: str
    ) -> None:
        self.files, self.kind, self.id_column = files, kind, id_column
        self.columns = list(dict.fromkeys(columns))
        self.failed: ThresherError | None = None
        self.schema = self._common(place)

    def _common(self, place: str) -> ArrowSchema:
        import pyarrow as pa

        ids = pa.int64() if self.kind is IdKind.INTEGER else pa.string()
        schemas = []
        for file in self.files:
            with open_parquet(file.path) as parquet:
                types = {name: _joinable(parquet.schema_arrow.field(name).type) for name in self.columns}
            schemas.append(pa.schema(types | {self.id_column: ids}))
        try:
            return pa.unify_schemas(schemas, promote_options="permissive")
        except pa.ArrowException as error:
            raise InputError(
                f"{place}: a column is not of the same kind in all files: {str(error).splitlines()[0]}"
            ) from error

    def stream(self, *, check: bool = False) -> Any:  # noqa: ANN401 - Arrow's RecordBatchReader
        """All rows; an error of reading is kept in `failed`, as whoever reads the stream may hide it.

        Args:
            check: Refuse ids that are not of the table's kind, or missing.
        """
        import pyarrow as pa

        return pa.RecordBatchReader.from_batches(self.schema, self._batches(check))

    def _batches(self, check: bool) -> Iterator[Any]:
        import pyarrow as pa

        try:
            for file in self.files:
                with open_parquet(file.path) as parquet:
                    for batch in parquet.iter_batches(BATCH_ROWS, columns=self.columns, use_threads=False):
                        yield pa.record_batch(
                            [self._column(batch.column(name), name, file, check) for name in self.columns],
                            schema=self.schema,
                        )
        except ThresherError as error:
            self.failed = error
            raise

    def _column(self, column: ArrowArray, name: str, file: InputFile, check: bool) -> ArrowArray:
        import pyarrow as pa

        target = self.schema.field(name).type
        try:
            if name != self.id_column:
                return plain(column).cast(target)
            if check:
                read_keys(column, self.kind)
            return uniform(column, self.kind).cast(target)
        except (InputError, pa.ArrowException) as error:
            raise FileFormatError(f"{file.path}: column {name!r}: {str(error).splitlines()[0]}") from error


def _joinable(arrow_type: ArrowType) -> ArrowType:
    """The type in which DuckDB takes a column: it knows no half floats, and no views of older releases."""
    import pyarrow as pa

    found = plain_type(arrow_type)
    if pa.types.is_float16(found):
        return pa.float32()
    if pa.types.is_decimal(found):
        return pa.float64()
    return {"string_view": pa.string(), "binary_view": pa.binary()}.get(str(found), found)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
