"""Any condition gives the same rows in plain Python, on Parquet files, on frames of every engine, and in run tables."""

import math

import duckdb
import polars
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings

from conditions import ROWS, TABLE, conditions
from thresher.metadata.frames import _bound
from thresher.runs.filtering import passing
from thresher.runs.measurement import Measurement
from thresher.runs.run_table import RunTable
from thresher.where import Bound, of_files, parse_where

MANY = settings(deadline=None, max_examples=40)


def expected(condition, rows=ROWS):
    return [row["row"] for row in rows if condition.value(row)]


def on_files(text, table=TABLE):
    """The rows that pass as record batches of files do."""
    asked = parse_where(text)
    bound = Bound.to(asked, of_files([("a.parquet", table.schema)], asked.names, "The metadata"))
    found = []
    for batch in table.to_batches(max_chunksize=5):
        read = batch.select(list(dict.fromkeys(["row", *bound.columns])))
        found += read.filter(bound.mask(read)).column("row").to_pylist()
    return found


def on_frame(text, frame):
    """The rows that pass on an engine of frames."""
    import narwhals as nw

    lazy = nw.from_native(frame).lazy()
    bound = _bound(parse_where(text), lazy, lazy.collect_schema().names(), "The frame")
    found = lazy.filter(bound.expression).select("row").collect("pyarrow").to_native()
    return sorted(found.column(0).to_pylist())


@pytest.fixture(scope="module")
def relation(tmp_path_factory):
    path = tmp_path_factory.mktemp("where") / "t.parquet"
    pq.write_table(TABLE, path)
    with duckdb.connect() as connection:
        yield connection.from_parquet(str(path))


@MANY
@given(conditions())
def test_files_give_the_rows_that_python_gives(condition):
    assert on_files(condition.text) == expected(condition), condition.text


@MANY
@given(conditions())
def test_arrow_and_polars_frames_give_the_rows_that_python_gives(condition):
    wanted = expected(condition)
    assert on_frame(condition.text, TABLE) == wanted, condition.text
    assert on_frame(condition.text, polars.from_arrow(TABLE).lazy()) == wanted, condition.text


@MANY
@given(conditions(names=(("i", "small", "`odd name`"), {"f": 8, "s": 4}, {"u": 0, "d": 2})))
def test_duckdb_gives_the_rows_that_python_gives(relation, condition):
    """Without half floats, which DuckDB reads as float32."""
    assert on_frame(condition.text, relation) == expected(condition), condition.text


COUNTED = [
    {"row": n, "i": i, "f": f, "t": t, "b": b}
    for n, (i, f, t, b) in enumerate(
        [(1, 0.7, "a", True), (None, None, "a b", False), (-3, math.nan, None, None), (200, math.inf, "en", True),
         (0, -0.0, " x y ", False), (640_000_000, 0.1, "é", None)]
    )
]  # fmt: skip
MEASURED = RunTable(
    tuple(
        Measurement(f"p{row['row']}", 1e6, 1e6 * (1 + row["row"]), "top1_error", 0.5,
                    other={name: "" if row[name] is None else str(row[name]) for name in "iftb"})
        for row in COUNTED
    ),
    "runs.csv",
)  # fmt: skip


@MANY
@given(conditions(names=(("i",), {"f": 8}, {})))
def test_run_tables_give_the_rows_that_python_gives(condition):
    rows = [{**row, "t": None if row["t"] is None else row["t"].strip()} for row in COUNTED]
    found = passing(MEASURED, parse_where(condition.text))
    assert [int(row.pool[1:]) for row in found] == expected(condition, rows), condition.text
