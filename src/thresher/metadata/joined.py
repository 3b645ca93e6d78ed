"""Scores from other files, joined to the metadata by id, out of core."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from thresher.arguments import argument
from thresher.errors import InputError
from thresher.files import written_whole
from thresher.metadata.id_sets import Paths
from thresher.metadata.local import DEFAULT_MEMORY
from thresher.metadata.parquet import InputFile, list_files, open_parquet
from thresher.metadata.table import Table, open_table
from thresher.metadata.types import ArrowSchema
from thresher.metadata.work import fingerprint
from thresher.where import Bound, Columns, of_files, parse_where

JOIN_MEMORY_SHARE = 0.6
"""Of the memory, for DuckDB's hash table; the rest is the interpreter's and Arrow's."""


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
        folder: Where the joined table goes.
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
            f"Ids in the metadata are {given.id_kind}, in --scores {other.id_kind}; they cannot be joined."
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
        _join(list_files(paths), list_files(scores), path, columns, score, id_column, given.file_rows, memory)
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
    metadata: list[str], scores: list[str], path: Path, columns: tuple[list[str], list[str]], score: str, id_column: str,
    rows: int, memory: float,
) -> None:  # fmt: skip
    import duckdb

    parts = zip("ms", columns, strict=True)
    wanted = ", ".join(f"{which}.{_quoted(column)}" for which, names in parts for column in names)
    one, two = _quoted(id_column), _quoted(score)
    with written_whole(path) as temporary, duckdb.connect() as connection:
        connection.execute(f"SET memory_limit='{int(memory * JOIN_MEMORY_SHARE / 1e6)}MB'")
        connection.execute(
            f"SET temp_directory='{str(path.parent / '.thresher-join-spill').replace(chr(39), chr(39) * 2)}'"
        )
        for url in (*metadata, *scores):
            if "://" in url:
                import fsspec  # type: ignore[import-untyped, unused-ignore]

                connection.register_filesystem(fsspec.filesystem(url.split("://", 1)[0]))
        try:
            (twice,) = connection.execute(
                f"SELECT count(*) FROM (SELECT {one} FROM read_parquet(?) GROUP BY {one} HAVING count(*) > 1)",
                [scores],
            ).fetchone() or (0,)
            if twice:
                raise InputError(f"{twice:,} ids stand more than once in --scores; give one score for each.")
            connection.execute(
                f"COPY (SELECT {wanted}, s.{two} FROM read_parquet($metadata, union_by_name=true) m LEFT JOIN "
                f"read_parquet($scores, union_by_name=true) s ON m.{one} = s.{one}) TO '{_escaped(temporary)}' (FORMAT parquet)",
                {"metadata": metadata, "scores": scores},
            )
        except duckdb.Error as error:
            raise InputError(f"--scores cannot be joined: {str(error).splitlines()[0]}") from error


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _escaped(path: Path) -> str:
    return str(path).replace("'", "''")
