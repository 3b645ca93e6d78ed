"""Spark reads the same files under the same names, and the types that writers produce."""

import shutil
from contextlib import nullcontext

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from metadata_tables import SCORE, hex_ids, scores, write_table
from spark_sessions import NAMES, QUIET, session_of
from thresher.cuts import Keep, cut
from thresher.errors import InputError
from thresher.metadata import Local, open_table
from thresher.metadata.spark import Spark
from thresher.metadata.spark.files import UNSURE

pytestmark = [pytest.mark.filterwarnings(one) for one in QUIET]
FOLDERS = [
    "m[1]",
    "year=2020",
    "a*b?",
    "{x,y}",
    "back\\slash",
    "per%20cent #1 é",
    "comma,colon:x",
    "'q' \"r\"",
]
KINDS = pytest.mark.parametrize("kind", NAMES)


def both(tmp_path, kind, metadata, output, **columns):
    """The bytes that this machine cuts, and those that Spark does."""
    found = []
    for engine in (Local(), Spark(session_of(kind))):
        path = tmp_path / f"{output}-{engine.name}.txt"
        cut(Keep(0.5), open_table([metadata], score=SCORE, **columns), path, engine=engine)
        found.append(path.read_bytes())
    return found


@KINDS
def test_spark_reads_names_as_names(tmp_path, kind):
    """Spark's paths are patterns, and its folders partitions; outputs are written beside the inputs."""
    write_table(tmp_path / "m1", hex_ids(30, 9), scores(30, 9))
    for name in FOLDERS:
        write_table(tmp_path / name, hex_ids(60), scores(60), year=np.arange(60))
        (tmp_path / name / "0000.parquet").rename(tmp_path / name / f"{name.replace(':', ';')} .parquet")
        (tmp_path / name / "out").mkdir()
        unsure = kind == "sail" and set(name) & set(UNSURE)  # Sail's patterns cannot be escaped
        seen = (
            pytest.raises(InputError, match="takes characters in the files' names")
            if unsure
            else nullcontext()
        )
        with seen:
            local, spark = both(tmp_path / name / "out", kind, tmp_path / name, name, where="year >= 10")
            assert local == spark
        shutil.rmtree(tmp_path / name)


@KINDS
def test_spark_reads_urls_as_names(tmp_path, kind):
    """What Spark reads itself, without looking at the files here, is a name too."""
    write_table(tmp_path / "m1", hex_ids(30, 9), scores(30, 9))
    write_table(tmp_path / "m[1]", hex_ids(60), scores(60))
    engine = Spark(session_of(kind))
    if kind == "sail":
        with pytest.raises(InputError, match=r"holds no \.parquet files that Spark can see"):
            engine.named([f"file://{tmp_path}/m[1]"], score=SCORE)
        return
    table = engine.named([f"file://{tmp_path}/m[1]"], score=SCORE)
    assert cut(Keep(1.0), table, tmp_path / "s.txt", engine=engine).manifest.rows_out == 60


@KINDS
@pytest.mark.parametrize("order", [1, -1])
def test_spark_reads_what_writers_write(tmp_path, kind, order):
    """Shards without scores, dictionaries, bytes of text, large strings, floats beside doubles."""
    ids, values = hex_ids(60), scores(60, missing=0)
    shards = [
        pa.table({"uid": ids[:15], SCORE: pa.nulls(15)}),
        pa.table({"uid": pa.array(ids[15:30]).dictionary_encode(), SCORE: values[15:30]}),
        pa.table({"uid": pa.array(ids[30:45], pa.large_string()), SCORE: values[30:45].astype("f8")}),
        pa.table({"uid": pa.array([one.encode() for one in ids[45:]]), SCORE: values[45:]}),
    ]
    (tmp_path / "m").mkdir()
    for number, shard in enumerate(shards[::order]):
        pq.write_table(shard, tmp_path / "m" / f"{number}.parquet")
    if kind == "sail":
        with pytest.raises(InputError, match="Spark does not read a column in the types"):
            both(tmp_path, kind, tmp_path / "m", "s")
        return
    local, spark = both(tmp_path, kind, tmp_path / "m", "s")
    assert local == spark


def test_spark_says_that_it_reads_no_half_floats(tmp_path):
    write_table(tmp_path / "m", hex_ids(60), scores(60).astype("f2"))
    with pytest.raises(InputError, match="Spark does not read a column"):
        both(tmp_path, "spark", tmp_path / "m", "s")


@pytest.mark.parametrize("name", ["_x.parquet", "a:b.parquet"])
def test_spark_says_which_file_it_would_not_read(tmp_path, name):
    write_table(tmp_path / "m", hex_ids(60), scores(60), files=1)
    (tmp_path / "m" / "0000.parquet").rename(tmp_path / name)
    with pytest.raises(InputError, match=rf"Spark reads no file whose name .*{name}"):
        both(tmp_path, "spark", tmp_path / name, "s")
