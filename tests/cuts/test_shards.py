import numpy as np
import pytest

from metadata_tables import SCORE, hex_ids, write_table
from thresher.cuts import FromBuckets
from thresher.cuts.shards import write_shards
from thresher.errors import InputError
from thresher.metadata import Local, make_buckets, open_table
from thresher.metadata.work import work_folder


@pytest.fixture
def table(tmp_path):
    values = np.repeat(np.float32([0.9, 0.7, 0.5, 0.3]), 20) + np.linspace(0, 0.1, 80, dtype=np.float32)
    table = open_table([write_table(tmp_path / "m", hex_ids(80), values, files=4)], score=SCORE)
    (tmp_path / "shards").mkdir()
    for number in range(4):
        (tmp_path / "shards" / f"{number:04d}.tar").touch()
    return table


def buckets_of(table, number, folder):
    with work_folder(folder / "work", {}) as work:
        return make_buckets(Local(), table, number, work)


def test_whole_shards_are_listed_as_often_as_they_are_wanted(tmp_path, table):
    request = FromBuckets(buckets_of(table, 4, tmp_path), {"b0": 2.0, "b2": 1.0})
    assert write_shards(request, table, tmp_path / "shards", tmp_path / "list.txt", engine=Local()) == 3
    names = [line.rsplit("/", 1)[1] for line in (tmp_path / "list.txt").read_text().splitlines()]
    assert names == ["0000.tar", "0000.tar", "0002.tar"]


@pytest.mark.parametrize(("number", "copies"), [(3, {"b0": 1.0}), (4, {"b0": 1.5})])
def test_shards_that_are_partly_in_name_the_resharder(tmp_path, table, number, copies):
    request = FromBuckets(buckets_of(table, number, tmp_path), copies)
    with pytest.raises(InputError, match=r"python resharder.py --input-dir .*shards --output-dir new-shards"):
        write_shards(request, table, tmp_path / "shards", tmp_path / "list.txt", engine=Local())
    assert not (tmp_path / "list.txt").exists()


def test_a_missing_shard_is_named(tmp_path, table):
    (tmp_path / "shards" / "0000.tar").unlink()
    request = FromBuckets(buckets_of(table, 4, tmp_path), {"b0": 1.0})
    with pytest.raises(InputError, match=r"0000.tar is no such shard"):
        write_shards(request, table, tmp_path / "shards", tmp_path / "list.txt", engine=Local())
