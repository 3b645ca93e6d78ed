import json
import os
import random

import numpy as np
import pytest

from metadata_tables import SCORE, hex_ids, scores, write_table
from thresher.cuts import FromBuckets, FromIndex, Keep, Threshold, cut, make_index, open_index, verify
from thresher.cuts import index as module
from thresher.errors import FileFormatError, InputError
from thresher.metadata import Local, make_buckets, open_table
from thresher.metadata.work import work_folder


@pytest.fixture
def table(tmp_path):
    ids = hex_ids(1000)
    ids[500] = ids[20]
    return open_table([write_table(tmp_path / "m", ids, scores(1000))], score=SCORE)


@pytest.mark.parametrize("block", [7, 1 << 18])
def test_a_cut_from_the_index_has_the_same_bytes(tmp_path, table, monkeypatch, block):
    monkeypatch.setattr(module, "BLOCK_ROWS", block)
    index = make_index(table, tmp_path / "index", engine=Local())
    assert open_index(tmp_path / "index") == index
    engine = FromIndex(index)
    with work_folder(tmp_path / "work", {}) as work:
        made = make_buckets(Local(), table, 4, work)
    with work_folder(tmp_path / "work", {}) as work:
        assert make_buckets(engine, index.table, 4, work) == made
    for request in (Keep(0.31), Keep(1.0), Threshold(0.2), FromBuckets(made, {"b0": 2.5, "b3": 0.5}, seed=1)):
        cut(request, table, tmp_path / "plain.npy", replace=True)
        cut(request, index.table, tmp_path / "indexed.npy", engine=engine, replace=True)
        assert (tmp_path / "plain.npy").read_bytes() == (tmp_path / "indexed.npy").read_bytes()
        assert verify(tmp_path / "indexed.npy").engine == "index"


def test_an_index_of_changed_metadata_is_refused(tmp_path, table):
    make_index(table, tmp_path / "index", engine=Local())
    os.utime(table.files[0].path, ns=(5, 5))
    with pytest.raises(InputError, match="is out of date"):
        open_index(tmp_path / "index")


def test_damaged_and_unfit_indexes_are_refused(tmp_path, table):
    make_index(table, tmp_path / "index", engine=Local())
    with pytest.raises(InputError, match="exists; give replace=True"):
        make_index(table, tmp_path / "index", engine=Local())
    make_index(table, tmp_path / "index", engine=Local(), replace=True)
    (tmp_path / "index" / "scores.npy").write_bytes(b"short")
    with pytest.raises(FileFormatError, match="wrong length"):
        open_index(tmp_path / "index")
    document = json.loads((tmp_path / "index" / "index.json").read_text())
    del document["rows"]
    (tmp_path / "index" / "index.json").write_text(json.dumps(document))
    with pytest.raises(FileFormatError, match="is damaged"):
        open_index(tmp_path / "index")
    texts = open_table([write_table(tmp_path / "t", [f"a{n}" for n in range(10)], scores(10))], score=SCORE)
    with pytest.raises(InputError, match="an index needs ids of 32 hex digits"):
        make_index(texts, tmp_path / "other", engine=Local())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["index", "m", "t"]


@pytest.fixture
def small_index(tmp_path, monkeypatch):
    """An index of 60 rows in blocks of 7, half of whose blocks of ids are not read by a cut of the best few."""
    monkeypatch.setattr(module, "BLOCK_ROWS", 7)
    made = open_table([write_table(tmp_path / "m", sorted(hex_ids(60)), np.linspace(1, 0, 60))], score=SCORE)
    index = make_index(made, tmp_path / "index", engine=Local())
    cut(Keep(0.3), index.table, tmp_path / "whole.npy", engine=FromIndex(index))
    return tmp_path


@pytest.mark.parametrize("name", ["ids.npy", "scores.npy"])
@pytest.mark.parametrize("seed", range(40))
def test_another_bit_anywhere_is_seen_where_it_is_read(small_index, name, seed):
    """A damaged block is refused when it is read; a block that no cut needs is not read."""
    path = small_index / "index" / name
    data = bytearray(path.read_bytes())
    place = random.Random(seed).randrange(len(data))
    data[place] ^= 1 << seed % 8
    path.write_bytes(data)
    row = (place - module.HEADER_BYTES) // (16 if name == "ids.npy" else 8)
    try:
        index = open_index(small_index / "index")
        cut(Keep(0.3), index.table, small_index / "s.npy", engine=FromIndex(index))
        said = None
    except FileFormatError as error:
        said = str(error)
    if said is None:
        assert name == "ids.npy"
        assert row >= 21  # 18 rows are kept, and a block has 7
        assert (small_index / "s.npy").read_bytes() == (small_index / "whole.npy").read_bytes()
    else:
        assert f"index is damaged: {'rows' if place >= module.HEADER_BYTES else name}" in said
        assert not list(small_index.glob("*s.npy*"))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("rows", 59),
        ("missing", 3),
        ("where", "score > 0.5"),
        ("block_rows", 8),
        ("score", "uid"),
        ("sha256", "0" * 64),
    ],
)
def test_an_index_that_says_something_else_is_damaged(small_index, key, value):
    """What a cut would put into its manifest is as sure as the ids."""
    path = small_index / "index" / "index.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    with pytest.raises(FileFormatError, match="is damaged: "):
        open_index(small_index / "index")


def test_an_index_of_an_earlier_release_is_to_be_made_again(small_index):
    """Version 1 had no checksums."""
    path = small_index / "index" / "index.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"version": 1}))
    with pytest.raises(
        FileFormatError, match=r"version 1; this release reads version 2\. Make it again with `thresher index"
    ):
        open_index(small_index / "index")
