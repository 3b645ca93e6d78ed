import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from metadata_tables import SCORE, hex_ids, scores, write_table
from thresher.errors import FileFormatError, InputError
from thresher.metadata import Local, open_table
from thresher.metadata.ranks import take_census


def test_a_file_a_folder_and_nested_folders_are_one_table(tmp_path):
    write_table(tmp_path / "m" / "a", hex_ids(10), scores(10), files=2)
    write_table(tmp_path / "m" / "b", hex_ids(10, 1), scores(10, 1), files=1)
    (tmp_path / "m" / "_temporary").mkdir()
    (tmp_path / "m" / "_temporary" / "x.parquet").write_text("no")
    assert open_table([tmp_path / "m"], score=SCORE).file_rows == 20
    assert open_table([tmp_path / "m" / "a" / "0000.parquet"], score=SCORE).file_rows == 5


def test_urls_are_read_through_fsspec(tmp_path, work):
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    folder = write_table(tmp_path / "m", hex_ids(30), scores(30))
    for path in folder.iterdir():
        memory.pipe_file(f"/table/{path.name}", path.read_bytes())
    table = open_table(["memory://table"], score=SCORE)
    assert take_census(Local(), table, work).rows == 30
    with pytest.raises(InputError, match=r"holds no .parquet files"):
        open_table(["memory://nothing"], score=SCORE)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"score": "clip"}, r"no column 'clip'; it has score"),
        ({"score": "text"}, r"column 'text' is string, not a number"),
        ({"score": SCORE, "id_column": "key"}, "no column 'key'"),
        ({"score": SCORE, "id_column": SCORE}, "cannot hold ids"),
        ({"score": SCORE, "where": "language = en"}, "no column 'language'"),
        ({"score": SCORE, "where": "score >"}, "cannot read"),
    ],
)
def test_columns_that_do_not_fit_are_refused(tmp_path, options, said):
    folder = write_table(tmp_path / "m", hex_ids(10), scores(10), text=["a"] * 10)
    with pytest.raises(InputError, match=said):
        open_table([folder], **options)


def test_a_broken_file_among_many_is_named(tmp_path):
    folder = write_table(tmp_path / "m", hex_ids(300), scores(300))
    whole = (folder / "0001.parquet").read_bytes()
    (folder / "0001.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FileFormatError, match=r"0001.parquet is not whole Parquet"):
        open_table([folder], score=SCORE)


def test_a_damaged_page_is_named_when_it_is_read(tmp_path, work):
    folder = write_table(tmp_path / "m", hex_ids(300), scores(300, missing=0), rows_per_group=1000)
    path = folder / "0002.parquet"
    pq.write_table(pq.read_table(path), path, write_page_checksum=True)
    data = bytearray(path.read_bytes())
    place = pq.ParquetFile(path).metadata.row_group(0).column(1).data_page_offset + 40
    data[place : place + 8] = b"\xff" * 8
    path.write_bytes(bytes(data))
    table = open_table([folder], score=SCORE)
    with pytest.raises(FileFormatError, match=r"0002.parquet is not whole Parquet"):
        take_census(Local(), table, work)


def test_files_of_different_columns_are_refused(tmp_path):
    folder = write_table(tmp_path / "m", hex_ids(10), scores(10))
    pq.write_table(pa.table({"uid": hex_ids(3)}), folder / "9.parquet")
    with pytest.raises(InputError, match=r"9.parquet has no column 'score'"):
        open_table([folder], score=SCORE)
    pq.write_table(pa.table({"uid": [1, 2], SCORE: [0.1, 0.2]}), folder / "9.parquet")
    with pytest.raises(InputError, match=r"not the same in all files: .*int64 in .*9.parquet"):
        open_table([folder], score=SCORE)


def test_files_of_float32_and_float64_scores_are_one_table(tmp_path, work):
    folder = write_table(tmp_path / "m", hex_ids(10), scores(10, missing=0))
    pq.write_table(pa.table({"uid": hex_ids(2, 9), SCORE: [0.1, 0.2]}), folder / "9.parquet")
    table = open_table([folder], score=SCORE)
    assert table.score_width == 8
    assert take_census(Local(), table, work).scored == 12


def test_a_file_that_changes_is_noticed(tmp_path, work):
    folder = write_table(tmp_path / "m", hex_ids(30), scores(30))
    table = open_table([folder], score=SCORE)
    path = folder / "0000.parquet"
    os.utime(path, ns=(1, 1))
    with pytest.raises(InputError, match=r"0000.parquet changed while it was being read"):
        take_census(Local(), table, work)
    path.unlink()
    with pytest.raises(InputError, match="vanished"):
        table.check_unchanged()


def test_empty_tables_and_filters_that_let_nothing_through(tmp_path, work):
    folder = write_table(tmp_path / "m", hex_ids(10), scores(10))
    with pytest.raises(InputError, match="No row passes where='score > 5'"):
        take_census(Local(), open_table([folder], score=SCORE, where="score > 5"), work)
    pq.write_table(
        pa.table({"uid": pa.array([], pa.string()), SCORE: pa.array([], pa.float32())}),
        tmp_path / "e.parquet",
    )
    with pytest.raises(InputError, match="no rows at all"):
        take_census(Local(), open_table([tmp_path / "e.parquet"], score=SCORE), work)
    with pytest.raises(InputError, match="no such file or folder"):
        open_table([tmp_path / "none"], score=SCORE)


def test_where_compares_numbers_texts_and_nulls(tmp_path, work):
    folder = write_table(
        tmp_path / "m", hex_ids(6), np.arange(6, dtype=np.float32), width=[1, 2, 3, 4, None, 6],
        language=["en", "fr", None, "en", "en", "en"],
    )  # fmt: skip
    for where, rows in (
        ("width >= 2", 4),
        ('language = "en" and width < 5', 2),
        ("language != en", 1),
        ("score = 3", 1),
    ):
        table = open_table([folder], score=SCORE, where=where)
        for path in work.path.glob("scan-*"):
            path.unlink()
        assert take_census(Local(), table, work).rows == rows
