"""Parquet files as Spark reads them, and sorted ids read back through Spark where no folder is shared with it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from thresher.arguments import argument
from thresher.errors import InputError
from thresher.metadata.engine import Block
from thresher.metadata.ids import IdKind
from thresher.metadata.spark.expressions import KEY
from thresher.metadata.spark.faults import CLOSED
from thresher.metadata.spark.parts import Part, block_of, plain_key
from thresher.metadata.table import Table
from thresher.metadata.types import Key
from thresher.where.columns import Kind

GLOB = "\\{}[]*?"
UNSEEN = (".", "_")
"""How names begin that Spark takes for files of unfinished jobs."""
UNSURE = GLOB + "%#"
"""Characters in names that not every server that speaks Spark's language reads as they are."""
WIDER = {"tinyint": "bigint", "smallint": "bigint", "int": "bigint"}


def written_uri(path: str) -> str:
    """A path for Spark to write to: URIs as they are, others on every machine's own disk."""
    return path if "://" in path else "file://" + str(Path(path).absolute())


def file_uri(path: str) -> str:
    """A path for Spark to read, where it would take some characters for wildcards."""
    return _without_globs(written_uri(path))


def _without_globs(path: str) -> str:
    return "".join(f"\\{c}" if c in GLOB else c for c in path)


def read_files(session: Any, table: Table) -> Any:  # noqa: ANN401 - PySpark's session and DataFrame
    """The files of a table as a DataFrame, in types that hold the column of every file.

    Raises:
        InputError: A file's name, or the type of the scores, is one that Spark does not read.
    """
    for file in table.files:
        name = Path(file.path).name
        if "://" not in file.path and (name.startswith(UNSEEN) or ":" in name):
            raise InputError(
                f"Spark reads no file whose name begins with a dot or an underscore, or holds a colon, as {file.path} does. "
                f"Rename it, or use {argument('engine', 'local')}."
            )
    paths = [file_uri(file.path) for file in table.files]
    reader = session.read.option("recursiveFileLookup", "true")
    frame = reader.parquet(*(paths[:1] if table.mixed else paths))
    types = dict(frame.dtypes)
    needed = dict.fromkeys([table.id_column, str(table.score), *(table.where.columns if table.where else [])])
    if not types:
        raise _partly_seen(0, table)
    wanted = {name: types[name] for name in needed}
    wanted[table.id_column] = _id_type(types[table.id_column], table)
    if table.mixed or types[str(table.score)] == "void":
        wanted[str(table.score)] = "double"
    for name, held in table.where.types.items() if table.where else ():
        if name not in (table.id_column, table.score) and held.bytes == 8:  # of the widest file
            wide = {**WIDER, "float": "double"} if held.kind is Kind.NUMBER else WIDER
            wanted[name] = (
                wide.get(types[name], types[name]) if held.kind in (Kind.WHOLE, Kind.NUMBER) else types[name]
            )
    if table.mixed or any(types[name] != kind for name, kind in wanted.items()):
        columns = ", ".join(f"{quoted(name)} {kind}" for name, kind in wanted.items())
        frame = session.read.option("recursiveFileLookup", "true").schema(columns).parquet(*paths)
    if any(c in "".join(paths) for c in UNSURE) and (rows := frame.count()) != table.file_rows:
        raise _partly_seen(rows, table)
    return frame


def _partly_seen(rows: int, table: Table) -> InputError:
    return InputError(
        f"This Spark sees {rows:,} of the metadata's {table.file_rows:,} rows, because it takes characters in the files' names "
        f"for patterns. Rename them, or use {argument('engine', 'local')}."
    )


def _id_type(found: str, table: Table) -> str:
    """Spark's type for the ids of all files, of which it saw one."""
    if table.id_kind is IdKind.INTEGER:
        return "bigint" if found == "void" else WIDER.get(found, found)
    if table.id_kind is IdKind.UUID and found == "binary":
        return found
    return "string"


def quoted(name: str) -> str:
    """A column's name in SQL."""
    return "`" + name.replace("`", "``") + "`"


def remote_parts(session: Any, uri: str, kind: IdKind) -> list[Part]:  # noqa: ANN401
    """The parts under a URI, ranges of keys and rows counted by Spark."""
    columns = ("input_file_name() AS path", f"{KEY} AS low", f"{KEY} AS high", f"{KEY} AS keys")
    asked = {"low": "min", "high": "max", "keys": "count", "*": "count"}
    found = session.read.parquet(file_uri(uri)).selectExpr(*columns).groupBy("path").agg(asked).toArrow()
    return [
        Part(_without_globs(unquote(one["path"])), one["count(1)"], _plain(one["min(low)"], kind), _plain(one["max(high)"], kind),
             one["count(1)"] - one["count(keys)"])
        for one in found.to_pylist()
    ]  # fmt: skip


def _plain(value: int | bytes | None, kind: IdKind) -> Key:
    return None if value is None else plain_key(value, kind)


def read_remote(session: Any, part: Part, kind: IdKind) -> Iterator[Block]:  # noqa: ANN401
    """One part's keys, fetched whole and sorted again should Spark have split the file."""
    table = session.read.parquet(part.path).toArrow().combine_chunks()
    for batch in table.to_batches():
        keys, carried = block_of(batch, kind)
        if not keys.is_sorted():
            keys, order = keys.sort()
            carried = None if carried is None else carried[order]
        yield keys, carried


def remove_remote(session: Any, uri: str) -> None:  # noqa: ANN401
    """Delete a folder of parts under a URI, if there is one; a Connect session, which cannot, leaves an empty table."""
    context = getattr(session, "_sc", None)
    if context is None:
        try:
            session.read.option("recursiveFileLookup", "true").parquet(file_uri(uri)).count()
        except Exception as error:
            if any(words in str(error) for words in CLOSED):
                raise
            return  # nothing there
        session.range(0).write.mode("overwrite").parquet(uri)
        return
    path = context._jvm.org.apache.hadoop.fs.Path(uri)
    path.getFileSystem(context._jsc.hadoopConfiguration()).delete(path, True)
