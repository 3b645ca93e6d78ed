"""The metadata table: Parquet files, the columns that matter, and proof that they stay the same."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from thresher.errors import InputError
from thresher.metadata.id_sets import IdSet, Paths, open_sets
from thresher.metadata.ids import IdKind, kind_of
from thresher.metadata.order import common_type, score_type_of, score_width
from thresher.metadata.parquet import InputFile, file_stamp, list_files, open_parquet
from thresher.metadata.types import ArrowSchema, ArrowType
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
    files, width, types, schemas, score_types = [], 4, {}, [], []
    for path in list_files(paths):
        with open_parquet(path) as parquet:
            schema = parquet.schema_arrow
            _check_columns(path, schema, needed, score)
            if score is not None:
                width = max(width, _width(path, schema.field(score).type, score))
                score_types.append(score_type_of(schema.field(score).type))
            types[str(schema.field(id_column).type)] = path
            schemas += [(path, schema)] if asked is not None else []
            groups = [parquet.metadata.row_group(i).num_rows for i in range(parquet.metadata.num_row_groups)]
            size, stamp = file_stamp(path)
            files.append(InputFile(path, size, stamp, sum(groups), tuple(groups)))
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
        score_type=common_type(score_types),
    )


def _check_columns(path: str, schema: ArrowSchema, needed: Sequence[str], score: str | None) -> None:
    for name in needed:
        if schema.get_field_index(name) < 0:
            # DataComp's columns first: a table may have hundreds.
            likely = [f.name for f in schema if score_width(f.type)] if name == score else schema.names
            shown = ", ".join(likely[:SCORES_SHOWN]) + (", .." if len(likely) > SCORES_SHOWN else "")
            raise InputError(f"{path} has no column {name!r}; it has {shown or 'no numeric columns'}.")


def _width(path: str, arrow_type: ArrowType, score: str) -> int:
    width = score_width(arrow_type)
    if width is None:
        raise InputError(
            f"{path}: column {score!r} is {arrow_type}, not a number; choose another with --score."
        )
    return width


def _id_kind(files: Sequence[InputFile], id_column: str, types: dict[str, str]) -> IdKind:
    """The one kind of all files' ids; the first id of the table decides between hex, UUID and text."""
    kinds: dict[IdKind, str] = {}
    first = next(
        (value for file in files if file.rows and (value := _first_id(file, id_column)) is not None), None
    )
    for text_of_type, path in types.items():
        with open_parquet(path) as parquet:
            try:
                kind = kind_of(
                    parquet.schema_arrow.field(id_column).type, first if isinstance(first, str) else None
                )
            except InputError as error:
                raise InputError(f"{path}: column {id_column!r} cannot hold ids: {error}") from error
        kinds.setdefault(kind, f"{text_of_type} in {path}")
    if len(kinds) > 1:
        raise InputError(
            f"column {id_column!r} is not the same in all files: {' and '.join(kinds.values())}."
        )
    return next(iter(kinds))


def _first_id(file: InputFile, id_column: str) -> object:
    with open_parquet(file.path) as parquet:
        for batch in parquet.iter_batches(1024, columns=[id_column], use_threads=False):
            for value in batch.column(0).to_pylist():
                if value is not None:
                    return value
    return None
