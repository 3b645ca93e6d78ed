"""Sets of ids for engines that join: their keys as Parquet files, and the rows of a frame that pass them."""

from typing import TYPE_CHECKING, Any

import numpy as np

from thresher.errors import InputError
from thresher.metadata.engine import Progress, no_progress
from thresher.metadata.ids import INTEGER_OFFSET, IdKind, written_ids
from thresher.metadata.keys import Keys, TextKeys
from thresher.metadata.set_keys import SetKeys, sort_sets
from thresher.metadata.table import Table
from thresher.metadata.types import ArrowArray
from thresher.metadata.work import WorkFolder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from thresher.metadata.queries import Frame

ROOM = 256_000_000
"""Bytes of memory for sorting sets, in engines that have no limit of their own."""
CHUNK_ROWS = 1 << 20
KEYS = "thresher_held"


def sorted_keys(table: Table, work: WorkFolder, progress: Progress = no_progress) -> SetKeys:
    """What the sets of a table come to; see `sort_sets`."""
    return sort_sets(table.sets, work, ROOM, progress)


def key_chunks(found: SetKeys) -> "Iterator[Keys]":
    """The keys in ascending order, a chunk at a time."""
    for part in found.parts:
        for start in range(0, part.rows, CHUNK_ROWS):
            yield part.read(start, start + CHUNK_ROWS)[0]


def binary_keys(keys: Keys, kind: IdKind) -> ArrowArray:
    """Keys as an engine that sorts bytes holds them: int64 for integers, else bytes."""
    import pyarrow as pa

    if isinstance(keys, TextKeys):
        return keys.texts.cast(pa.binary())
    if kind is IdKind.INTEGER:
        return pa.array((keys.high ^ np.uint64(INTEGER_OFFSET)).view(np.int64))
    pairs = np.column_stack([keys.high, keys.low]).astype(">u8")
    offsets = np.arange(len(keys) + 1, dtype=np.int32) * 16
    return pa.Array.from_buffers(
        pa.binary(), len(keys), [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(pairs))]
    )


def passing_sets(frame: "Frame", table: Table, work: WorkFolder) -> "Frame":
    """The rows of a frame that pass the sets of ids of its table; the frame itself without sets.

    Raises:
        InputError: An id is not of the table's kind, so that nothing can be said of it.
    """
    import narwhals as nw

    if not table.sets:
        return frame
    found = sorted_keys(table, work)
    path = work.file(f"{found.name}-ids.parquet")
    if not path.exists():
        check_kind(frame, table)
        with work.writing(path.name) as temporary:
            _write_ids(temporary, found, table.id_kind)
    ids = nw.from_native(_scan(nw.to_native(frame), str(path), frame.implementation)).lazy()
    column = nw.col(table.id_column)
    if table.id_kind is IdKind.INTEGER:
        unsigned = frame.collect_schema()[table.id_column] == nw.UInt64
        same = (nw.when(column < INTEGER_OFFSET).then(column) if unsigned else column).cast(nw.Int64)
    else:
        same = column.cast(nw.String)
    marked = frame.with_columns(same.alias(KEYS))
    kept = marked.join(ids, on=KEYS, how="semi" if found.inside else "anti")
    return kept.drop(KEYS)


def check_kind(frame: "Frame", table: Table) -> None:
    """Refuse an id that is not of the table's kind: a join by text would take it for another id.

    Raises:
        InputError: There is one; the message shows it.
    """
    import narwhals as nw

    from thresher.metadata.ids import read_keys

    if table.id_kind not in (IdKind.HEX, IdKind.UUID):
        return
    digits = (32,) if table.id_kind is IdKind.HEX else (8, 4, 4, 4, 12)
    pattern = f"^{'-'.join(f'[0-9a-f]{{{count}}}' for count in digits)}$"
    column = nw.col(table.id_column)
    right = column.str.contains(pattern) & (column.str.len_chars() == sum(digits) + len(digits) - 1)
    wrong = frame.filter(~column.is_null() & ~right).select(table.id_column).head(1)
    ids = wrong.collect("pyarrow").to_native().column(0).combine_chunks()
    if len(ids):
        try:
            read_keys(ids, table.id_kind)
        except InputError as error:
            raise InputError(f"Column {table.id_column!r}: {error}") from error


def _write_ids(path: Any, found: SetKeys, kind: IdKind) -> None:  # noqa: ANN401 - a path
    import pyarrow as pa
    import pyarrow.parquet as pq

    target = pa.int64() if kind is IdKind.INTEGER else pa.string()
    with pq.ParquetWriter(path, pa.schema([(KEYS, target)])) as writer:
        for keys in key_chunks(found):
            writer.write_table(pa.table({KEYS: written_ids(keys, kind).cast(target)}))


def _scan(frame: Any, path: str, library: Any) -> Any:  # noqa: ANN401 - frames of any library
    """A Parquet file as a frame of the library and the session that another frame belongs to."""
    engine = library.name.lower()
    if engine == "duckdb":
        quoted = path.replace("'", "''")
        return frame.query("thresher_frame", f"SELECT * FROM read_parquet(['{quoted}'])")
    if engine == "polars":
        import polars

        return polars.scan_parquet(path, glob=False)
    if engine.startswith("pyspark"):
        from thresher.metadata.spark.files import file_uri

        return frame.sparkSession.read.parquet(file_uri(path))
    if engine == "ibis":
        return frame.get_backend().read_parquet(path)
    if engine == "pyarrow":
        import pyarrow.parquet as pq

        return pq.read_table(path)
    import narwhals as nw

    return nw.scan_parquet(path, backend=library).to_native()
