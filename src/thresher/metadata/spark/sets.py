"""Sets of ids on Spark: their keys as Parquet that all machines read, joined with the table."""

from pathlib import Path
from typing import Any

from thresher.errors import InputError
from thresher.metadata.engine import Progress
from thresher.metadata.ids import read_keys
from thresher.metadata.queries import ID, passing
from thresher.metadata.set_frames import KEYS, binary_keys, key_chunks, sorted_keys
from thresher.metadata.set_keys import SetKeys
from thresher.metadata.spark.expressions import KEY, key_of
from thresher.metadata.spark.files import file_uri, quoted
from thresher.metadata.table import Table
from thresher.metadata.types import ArrowArray
from thresher.metadata.work import WorkFolder


def passing_sets(
    session: Any, frame: Any, table: Table, work: WorkFolder, place: str | None, progress: Progress  # noqa: ANN401
) -> Any:  # noqa: ANN401 - a DataFrame  # fmt: skip
    """The rows of a DataFrame that pass the sets of ids of its table; not computed yet.

    Args:
        session: PySpark's.
        frame: The table's rows.
        table: With at least one set.
        work: Where keys are sorted, and written unless `place` is given.
        place: Folder at a URI for the keys, where Spark shares no folder with this machine.
        progress: Told while sets are sorted.

    Raises:
        InputError: An id is not of the table's kind, so that nothing can be said of it.
    """
    import narwhals as nw

    found = sorted_keys(table, work, progress)
    kept = work.get(f"{found.name}-spark.json", "place")
    rows = nw.to_native(passing(nw.from_native(frame).lazy(), table.where))
    column_type = dict(rows.dtypes)[table.id_column]
    keyed = rows.selectExpr("*", f"{quoted(table.id_column)} AS {ID}").selectExpr(
        "*", f"{key_of(table.id_kind, column_type)} AS {KEY}"
    )
    if kept is None or kept["place"] != place:
        _check_kind(keyed, table)
        _write(session, found, table, work, place)
        work.put(f"{found.name}-spark.json", {"place": place})
    keys = session.read.parquet(_uri(found, work, place)).withColumnRenamed(KEYS, KEY)
    return keyed.join(keys, on=KEY, how="left_semi" if found.inside else "left_anti").drop(KEY, ID)


def _uri(found: SetKeys, work: WorkFolder, place: str | None) -> str:
    folder = f"{found.name}-keys"
    return f"{place}/{folder}" if place else file_uri(str(work.file(folder).absolute()))


def _write(session: Any, found: SetKeys, table: Table, work: WorkFolder, place: str | None) -> None:  # noqa: ANN401
    """Write the keys a chunk at a time: here, or through Spark where this machine does not see the place."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = Path(work.file(f"{found.name}-keys"))
    if place is None:
        folder.mkdir(exist_ok=True)
    for number, keys in enumerate(key_chunks(found)):
        chunk = pa.table({KEYS: binary_keys(keys, table.id_kind)})
        if place is None:
            pq.write_table(chunk, folder / f"{number:05d}.parquet", compression="none")
        else:  # a first chunk takes away what a killed command left
            mode = "append" if number else "overwrite"
            session.createDataFrame(chunk).write.mode(mode).parquet(_uri(found, work, place))


def _check_kind(keyed: Any, table: Table) -> None:  # noqa: ANN401 - a DataFrame
    """Refuse an id that makes no key: it would be taken for one that is in no set."""
    wrong = (
        keyed.where(f"{ID} IS NOT NULL AND {KEY} IS NULL")
        .select(ID)
        .limit(1)
        .toArrow()
        .column(0)
        .combine_chunks()
    )
    if len(wrong):
        raise wrong_id(wrong, table)


def wrong_id(found: ArrowArray, table: Table) -> InputError:
    """The error for ids that made no key, in the words of every other engine."""
    place = f"{table.origin or f'the {len(table.files)} files'}: column {table.id_column!r}"
    try:
        read_keys(found, table.id_kind)
    except InputError as error:
        return InputError(f"{place}: {error}")
    return InputError(f"{place} changed while it was read; run the command again.")
