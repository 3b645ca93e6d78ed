"""Every engine gives the same buckets and the same bytes."""

import uuid

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from metadata_tables import SCORE, hex_ids, scores, write_table
from thresher.cuts import FromBuckets, Keep, Threshold, cut
from thresher.errors import InputError
from thresher.metadata import Local, make_buckets, open_table
from thresher.metadata.frames import Frames
from thresher.metadata.work import work_folder

KINDS = {
    "hex": lambda ids: ids,
    "uuid": lambda ids: [str(uuid.UUID(hex=i)) for i in ids],
    "integer": lambda ids: [int(i[:14], 16) - 2**54 for i in ids],
    "text": lambda ids: [f"{'é' if n % 3 else 'e'}{n}" for n in range(len(ids))],
}


def frame_of(engine, folder):
    if engine == "duckdb":
        return duckdb.connect().from_parquet(str(folder / "*.parquet"))
    return pq.read_table(folder)


# pandas is not among them: its columns hold no typed null, which Narwhals' `lit(None, Float64)` needs.
@pytest.mark.parametrize("engine", ["duckdb", "pyarrow"])
@pytest.mark.parametrize(
    ("kind", "wide", "where"),
    [
        ("hex", False, None),
        ("hex", True, "width >= 20"),
        ("uuid", False, None),
        ("integer", True, None),
        ("text", False, None),
    ],
)
def test_engines_agree(tmp_path, engine, kind, wide, where):
    ids = KINDS[kind](hex_ids(600))
    values = scores(600)
    values = values.astype(np.float64) + (np.arange(600) % 5) * 1e-12 if wide else values
    folder = write_table(tmp_path / "m", ids, values, width=np.arange(600))
    plain = open_table([folder], score=SCORE, where=where)
    frames = Frames(frame_of(engine, folder))
    table = frames.table(score=SCORE, where=where)
    made = []
    for name, queried, one in (("a", plain, Local()), ("b", table, frames)):
        with work_folder(tmp_path / f"work-{name}", {}) as work:
            made.append(make_buckets(one, queried, 4, work))
    assert made[0].buckets == made[1].buckets
    suffix = ".npy" if kind == "hex" else ".txt"
    share = FromBuckets(made[0], {"b0": 2.5, "b2": 1.0}, seed=3)
    for request in (Keep(0.31), Keep(0.995), Threshold(0.2), share):
        cut(request, plain, tmp_path / f"a{suffix}", replace=True)
        cut(request, table, tmp_path / f"b{suffix}", engine=frames, replace=True)
        assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


def test_a_frame_without_the_columns_is_refused():
    frames = Frames(pa.table({"uid": hex_ids(3), SCORE: ["a", "b", "c"]}))
    with pytest.raises(InputError, match="no column 'clip'; it has uid, score"):
        frames.table(score="clip")
    with pytest.raises(InputError, match="not a number"):
        frames.table(score=SCORE)
