"""The metadata table: Parquet files, the columns that matter, and proof that they stay the same."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from thresher.arguments import argument
from thresher.errors import InputError
from thresher.metadata.id_sets import IdSet, Paths, open_sets
from thresher.metadata.ids import IdKind, is_text, kind_of
from thresher.metadata.order import common_type, score_type_of, score_width
from thresher.metadata.parquet import InputFile, file_stamp, footer_digest, list_files, open_parquet
from thresher.metadata.types import ArrowSchema, ArrowType, plain, plain_type
from thresher.where import Bound, of_files, parse_where

DEFAULT_ID = "uid"
"""DataComp's id column."""
SCORES_SHOWN = 8


@dataclass(frozen=True)
class Table:
    """A metadata table: its files and the columns that a query reads.

    Attributes:
        files: What is read, sorted by path.
        id_column: Where the sample ids stand.
        id_kind: What they are.
        score: The score column; None when no scores are needed.
        score_width: Bytes of the float that holds every score exactly, 4 or 8.
        where: Which rows to look at.
        where_text: The same as the user wrote it.
        metadata_files: What the user gave: `files`, unless scores were joined to them.
        score_files: Files of scores that were joined by id.
        sets: Sets of ids that decide, besides `where`, which rows to look at.
        frame: What is read instead of files, for an engine that queries frames of its own.
        origin: What such a frame is called in messages and manifests.
        score_type: The score column's own type, to which a threshold is rounded; see `order.score_type_of`.
        mixed: Whether files hold ids or scores in different types, which an engine must read as one.
    """

    files: tuple[InputFile, ...]
    id_column: str
    id_kind: IdKind
    score: str | None
    score_width: int
    where: Bound | None = None
    where_text: str | None = None
    metadata_files: tuple[InputFile, ...] = ()
    score_files: tuple[InputFile, ...] = ()
    sets: tuple[IdSet, ...] = ()
    frame: Any = field(default=None, repr=False, compare=False)
    origin: str | None = None
    score_type: str = "f8"
    mixed: bool = False

    @property
    def sources(self) -> tuple[InputFile, ...]:
        """Every file that the user gave."""
        return (*self.metadata_files, *self.score_files)

    @cached_property
    def once(self) -> str | None:
        """A mark that no later table has, where nothing proves that its rows are still the same; else None."""
        return None if self.files else secrets.token_hex(8)

    @property
    def file_rows(self) -> int:
        """Rows of all files, before any filter."""
        return sum(file.rows for file in self.files)

    @property
    def bytes(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    def check_unchanged(self) -> None:
        """Refuse if any file is no longer the one that was opened.

        Raises:
            InputError: A file is gone or was changed.
        """
        for file in self.sources:
            file.check_unchanged()
        for one in self.sets:
            one.check_unchanged()


def open_table(
    paths: Sequence[str | Path],
    *,
    score: str | None,
    id_column: str = DEFAULT_ID,
    where: str | None = None,
    within: Paths = (),
    without: Paths = (),
) -> Table:
    """Look at every file's footer and first id, and refuse what cannot be queried as one table.

    Args:
        paths: Files, folders (searched at any depth for *.parquet) or fsspec URLs of either.
        score: Column to rank by.
        id_column: Column of sample ids.
        where: A condition; rows that do not pass are as if not there.
        within: Files of ids; rows whose id is not in all of them are as if not there.
        without: Files of ids; rows whose id is in one of them are as if not there.

    Raises:
        InputError: No files, a column that is missing or of a wrong type, or a set of other ids.
        FileFormatError: A file that is not whole Parquet.
    """
    asked = parse_where(where) if where is not None else None
    needed = [name for name in (id_column, score) if name]
    files: list[InputFile] = []
    types: dict[ArrowType, list[int]] = {}
    width, schemas, score_types = 4, [], set()
    for path in list_files(paths):
        with open_parquet(path) as parquet:
            schema = parquet.schema_arrow
            _check_columns(path, schema, needed, score)
            if score is not None:
                width = max(width, _width(path, schema.field(score).type, score))
                score_types.add(plain_type(schema.field(score).type))
            types.setdefault(plain_type(schema.field(id_column).type), []).append(len(files))
            schemas += [(path, schema)] if asked is not None else []
            groups = [parquet.metadata.row_group(i).num_rows for i in range(parquet.metadata.num_row_groups)]
            size, stamp = file_stamp(path)
            files.append(InputFile(path, size, stamp, sum(groups), tuple(groups), footer_digest(path)))
    kind = _id_kind(files, id_column, types)
    bound = None if asked is None else Bound.to(asked, of_files(schemas, asked.names, "The metadata"))
    return Table(
        tuple(files),
        id_column,
        kind,
        score,
        width,
        bound,
        where,
        tuple(files),
        sets=open_sets(within, without, kind=kind, id_column=id_column),
        score_type=common_type([score_type_of(one) for one in score_types if str(one) != "null"]),
        mixed=len(types) > 1 or len(score_types) > 1,
    )


def _check_columns(path: str, schema: ArrowSchema, needed: Sequence[str], score: str | None) -> None:
    for name in dict.fromkeys(needed):
        if (times := schema.names.count(name)) > 1:
            raise InputError(
                f"{path} has {times} columns {name!r}, and nothing says which is meant. Write the file again with one of "
                "them, or choose another column."
            )
        if not times:
            # DataComp's columns first: a table may have hundreds.
            likely = [f.name for f in schema if score_width(f.type)] if name == score else schema.names
            shown = ", ".join(likely[:SCORES_SHOWN]) + (", .." if len(likely) > SCORES_SHOWN else "")
            raise InputError(f"{path} has no column {name!r}; it has {shown or 'no numeric columns'}.")


def _width(path: str, arrow_type: ArrowType, score: str) -> int:
    width = score_width(arrow_type)
    if width is None:
        raise InputError(
            f"{path}: column {score!r} is {arrow_type}, not a number. Choose another with {argument('score')}."
        )
    return width


def _id_kind(files: Sequence[InputFile], id_column: str, types: dict[ArrowType, list[int]]) -> IdKind:
    """The one kind of all files' ids; the first text of the table decides between hex, UUID and text.

    Args:
        files: Of the table.
        id_column: Column of ids.
        types: Its types, each with the places of its files.
    """
    kinds: dict[IdKind, str] = {}
    first: str | bytes | None = None
    for at in sorted(at for one, places in types.items() if is_text(one) for at in places):
        first = _first_id(files[at], id_column) if files[at].rows else None
        if first is not None:
            break
    for one, places in types.items():
        if str(one) == "null":  # a column without any value; were there rows, reading them says so
            continue
        place = files[places[0]].path
        try:
            kind = kind_of(one, first if is_text(one) else None)
        except InputError as error:
            raise InputError(f"{place}: column {id_column!r} cannot hold ids: {error}") from error
        kinds.setdefault(kind, f"{one} in {place}")
    if len(kinds) > 1:
        raise InputError(
            f"column {id_column!r} is not the same in all files: {' and '.join(kinds.values())}. Write them with one type."
        )
    return next(iter(kinds), IdKind.TEXT)


def _first_id(file: InputFile, id_column: str) -> Any:  # noqa: ANN401 - str, or bytes
    with open_parquet(file.path) as parquet:
        for batch in parquet.iter_batches(1024, columns=[id_column], use_threads=False):
            for value in plain(batch.column(batch.schema.names.index(id_column))).to_pylist():
                if value is not None:
                    return value
    return None
