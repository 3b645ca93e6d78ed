"""Who is in which bucket, as a Parquet file, and the pilot sample of each bucket."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from thresher.arguments import argument
from thresher.errors import InputError
from thresher.files import written_whole
from thresher.metadata.buckets import Buckets
from thresher.metadata.engine import Engine, SortedIds
from thresher.metadata.ids import IdKind, written_ids
from thresher.metadata.selection import Selection
from thresher.metadata.table import Table
from thresher.metadata.work import WorkFolder
from thresher.units import format_number

ROW_GROUP_ROWS = 1 << 20


def write_members(
    engine: Engine,
    table: Table,
    made: Buckets,
    path: Path,
    work: WorkFolder,
    *,
    share: float | None,
    seed: int,
) -> Buckets:
    """Write every sample's id and bucket to a Parquet file, in ascending order of ids.

    Args:
        engine: Where the metadata is queried.
        table: The metadata.
        made: Its buckets.
        path: The file.
        work: Where unfinished work is kept.
        share: Write only this share of each bucket; None for all.
        seed: Decides which samples the share takes.

    Returns:
        The buckets, with the sample's counts if there is one.

    Raises:
        InputError: The share is not in (0, 1], or the file cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    ids = _chosen(engine, table, made, work, share, seed)
    kind = pa.int64() if table.id_kind is IdKind.INTEGER else pa.string()
    names = pa.array(made.names)
    schema = pa.schema([(table.id_column, kind), ("bucket", pa.dictionary(pa.int32(), pa.string()))])
    with written_whole(path) as temporary, pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
        waiting = schema.empty_table()
        for keys, carried in ids.blocks():
            buckets = pa.DictionaryArray.from_arrays(pa.array(np.asarray(carried, dtype="i4")), names)
            found = pa.table([written_ids(keys, table.id_kind).cast(kind), buckets], schema=schema)
            waiting = pa.concat_tables([waiting, found])
            while len(waiting) >= ROW_GROUP_ROWS:  # of one size, so that bytes depend on no engine's blocks
                writer.write_table(waiting.slice(0, ROW_GROUP_ROWS).unify_dictionaries().combine_chunks())
                waiting = waiting.slice(ROW_GROUP_ROWS)
        if len(waiting):
            writer.write_table(waiting.unify_dictionaries().combine_chunks())
    return _with_sample(made, ids, share, seed)


def count_sample(
    engine: Engine, table: Table, made: Buckets, work: WorkFolder, *, share: float, seed: int
) -> Buckets:
    """The buckets with the size of their pilot samples.

    Raises:
        InputError: The share is not in (0, 1].
    """
    return _with_sample(made, _chosen(engine, table, made, work, share, seed), share, seed)


def _chosen(
    engine: Engine, table: Table, made: Buckets, work: WorkFolder, share: float | None, seed: int
) -> SortedIds:
    if share is not None and not 0 < share <= 1:
        raise InputError(
            f"{argument('sample')} is {format_number(share, 6)}, not a share above 0 and up to 1."
        )
    slices = tuple(made.slice_of(name, share if share is not None else 1.0) for name in made.names)
    return engine.select(table, Selection(slices, seed, members=True), work)


def _with_sample(made: Buckets, ids: SortedIds, share: float | None, seed: int) -> Buckets:
    if share is None:
        return made
    rows = dict(zip(made.names, ids.tally.samples, strict=True))
    return replace(made, sample={"share": share, "seed": seed, "rows": rows})
