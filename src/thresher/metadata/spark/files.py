"""Parquet files as Spark reads them, and sorted ids read back through Spark where no folder is shared with it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from thresher.metadata.engine import Block
from thresher.metadata.ids import IdKind
from thresher.metadata.spark.expressions import KEY
from thresher.metadata.spark.parts import Part, block_of, plain_key
from thresher.metadata.table import Table
from thresher.metadata.types import Key

GLOB = "\\{}[]*?"
WIDER = {"tinyint": "bigint", "smallint": "bigint", "int": "bigint"}


def file_uri(path: str) -> str:
    """A path for Spark: URIs as they are, others on every machine's own disk, and no character a wildcard."""
    if "://" in path:
        return path
    return "file://" + "".join(f"\\{c}" if c in GLOB else c for c in str(Path(path).absolute()))


def read_files(session: Any, table: Table) -> Any:  # noqa: ANN401 - PySpark's session and DataFrame
    """The files of a table as a DataFrame, in types that hold the column of every file."""
    paths = [file_uri(file.path) for file in table.files]
    frame = session.read.option("recursiveFileLookup", "true").parquet(*paths)
    types = dict(frame.dtypes)
    needed = dict.fromkeys([table.id_column, str(table.score), *(one.column for one in table.where)])
    wanted = {name: types[name] for name in needed}
    wanted[table.id_column] = WIDER.get(types[table.id_column], types[table.id_column])
    if table.score_width == 8 and types[str(table.score)] == "float":
        wanted[str(table.score)] = "double"
    if all(types[name] == kind for name, kind in wanted.items()):
        return frame
    columns = ", ".join(f"{quoted(name)} {kind}" for name, kind in wanted.items())
    return session.read.option("recursiveFileLookup", "true").schema(columns).parquet(*paths)


def quoted(name: str) -> str:
    """A column's name in SQL."""
    return "`" + name.replace("`", "``") + "`"


def remote_parts(session: Any, uri: str, kind: IdKind) -> list[Part]:  # noqa: ANN401
    """The parts under a URI, ranges of keys and rows counted by Spark."""
    parts = session.read.parquet(uri).selectExpr("input_file_name() AS path", KEY)
    ranges = parts.groupBy("path").agg({"*": "count", KEY: "count"})
    limits = [
        dict(parts.groupBy("path").agg({KEY: side}).toArrow().to_pydict().items()) for side in ("min", "max")
    ]
    counted = ranges.toArrow().to_pydict()
    least, most = (
        dict(zip(one["path"], next(v for k, v in one.items() if k != "path"), strict=True)) for one in limits
    )
    found = []
    for path, rows, keys in zip(counted["path"], counted["count(1)"], counted[f"count({KEY})"], strict=True):
        found.append(Part(path, rows, _plain(least[path], kind), _plain(most[path], kind), rows - keys))
    return found


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
    """Delete a folder under a URI, which only a classic session can; with Spark Connect it stays."""
    context = getattr(session, "_sc", None)
    if context is not None:
        path = context._jvm.org.apache.hadoop.fs.Path(uri)
        path.getFileSystem(context._jsc.hadoopConfiguration()).delete(path, True)
