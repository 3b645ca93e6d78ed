"""The same rows from Spark, Spark Connect and Sail as from files."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conditions import TABLE
from metadata_tables import SCORE, hex_ids
from spark_sessions import CLASSIC, CONNECT, NAMES, QUIET, SAIL, session_of
from thresher.cuts import Keep, cut
from thresher.metadata import open_table
from thresher.metadata.frames import _bound
from thresher.metadata.spark import Spark
from thresher.where import Bound, of_files, parse_where

pytestmark = [pytest.mark.filterwarnings(one) for one in QUIET]
COLUMNS = ["row", "i", "small", "u", "f", "s", "d", "t", "b", "day", "at", "zoned", "z", "odd name"]
"""All but half floats and dictionaries, which Spark or Sail does not read."""
CONDITIONS = (
    "i > 9007199254740992", "i = 9.007199254740993e15", "i < 1e30 and i != 0.5", "i in (200, 640M, 1.5)", "not (i > 7)",
    "small + i > 5", "-small < -2",
    "s >= 0.7", "s in (0.1, 30%)", "-s <= -0.25", "greatest(s, 0.7) = 0.7", "f > s", "f = s", "f >= 0 and not f < 0",
    "f < inf and f > -inf",
    "f is null",
    "f - f = 0", "f * 10 > 1e300", "f + 1 is not null", "d >= 0.705", "d = 0.7", "d < 1e30", "d * 2 > 1.4", "d = i",
    "length(t) = 3", "words(t) >= 2", "words(t) = 0", "t >= 'b'", "t = en", "t != ''", "t in ('a b', \"200\")",
    "b", "not b", "b != True", "b or i > 0", "b and z = 1", "day >= 2024-01-06",
    "at <= '2024-01-06T05:00:00'", "zoned > 2024-01-03",
    "z is null", "z = 1 or small = 3", "not (z = 1)", "least(i, small) <= 1", "greatest(f, s, 1) > 1", "i / small > 2",
    "i / 7 >= 1",
    "`odd name` = 1 or \"odd name\" = 2", "greatest(small, `odd name`) / least(small, `odd name`) <= 3",
)  # fmt: skip
NOT_ON_SAIL = (
    "f / s > 1", "1 / f < 0", "small / 2.5 > 1", "(i + 1) / small > 0.5",
    "u >= 9223372036854775808", "u = 18446744073709551615", "u > 0.5",
)  # fmt: skip
"""Sail divides whole numbers only, and reads unsigned ones as signed."""


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    found = tmp_path_factory.mktemp("where") / "t.parquet"
    pq.write_table(TABLE.select(COLUMNS), found)
    return found


def on_files(text):
    asked = parse_where(text)
    bound = Bound.to(asked, of_files([("t", TABLE.schema)], asked.names, "The metadata"))
    return TABLE.filter(bound.mask(TABLE)).column("row").to_pylist()


@pytest.mark.parametrize("name", NAMES)
def test_spark_gives_the_rows_that_files_give(path, name):
    import narwhals as nw

    lazy = nw.from_native(session_of(name).read.parquet(f"file://{path}")).lazy()
    names = lazy.collect_schema().names()
    asked = CONDITIONS[::4] if name == CONNECT else CONDITIONS if name == SAIL else CONDITIONS + NOT_ON_SAIL
    bound = {text: _bound(parse_where(text), lazy, names, "The DataFrame") for text in asked}
    # one query for all of them
    tests = [
        nw.when(one.expression).then(nw.lit(1)).otherwise(nw.lit(0)).alias(f"c{n}")
        for n, one in enumerate(bound.values())
    ]
    table = lazy.select("row", *tests).collect("pyarrow").to_native().sort_by("row")
    for n, text in enumerate(bound):
        found = [
            row
            for row, passes in zip(table["row"].to_pylist(), table[f"c{n}"].to_pylist(), strict=True)
            if passes
        ]
        assert found == on_files(text), text


@pytest.mark.parametrize("name", [CLASSIC, SAIL])
def test_a_condition_on_files_of_two_types_is_the_same_on_spark(tmp_path, name):
    folder = tmp_path / "m"
    folder.mkdir()
    for number, (whole, real) in enumerate(((pa.int32(), pa.float32()), (pa.int64(), pa.float64()))):
        columns = {"x": pa.array([1, 2, None, 4], whole), "s": pa.array([0.7, 0.7, 0.5, None], real)}
        ids = hex_ids(8)[4 * number : 4 * number + 4]
        pq.write_table(
            pa.table({"uid": ids, SCORE: [0.1, 0.2, 0.3, 0.4], **columns}), folder / f"{number}.parquet"
        )
    if name == SAIL:
        pytest.skip("by design: Sail reads no files whose types differ")
    for number, where in enumerate(("s >= 0.7 and x < 4", "not (x = 1 or s < 0.6)")):
        table = open_table([folder], score=SCORE, where=where)
        cut(Keep(1.0), table, tmp_path / f"a{number}.txt")
        cut(Keep(1.0), table, tmp_path / f"b{number}.txt", engine=Spark(session_of(name)))
        assert (tmp_path / f"a{number}.txt").read_bytes() == (tmp_path / f"b{number}.txt").read_bytes()
