import json
import os

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
