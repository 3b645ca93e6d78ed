from dataclasses import replace

import numpy as np
import pytest

from laboratories import lab_data
from thresher.errors import FileFormatError, InputError
from thresher.lab import stored
from thresher.lab.stored import read_lab_data, write_lab_data


def test_data_come_back_as_they_were(tmp_path):
    data = lab_data(pool=40, teacher=30)
    write_lab_data(data, tmp_path / "data")
    found = read_lab_data(tmp_path / "data")
    assert (found.pool.ids, found.teacher.captions, found.sets) == (
        data.pool.ids,
        data.teacher.captions,
        data.sets,
    )
    np.testing.assert_array_equal(found.pool.images, data.pool.images)
    np.testing.assert_array_equal(found.evaluation.labels, data.evaluation.labels)
    assert (found.source, found.near_duplicates, found.evaluation.classes) == (
        "wheels",
        7,
        data.evaluation.classes,
    )


def test_another_process_that_was_first_is_no_error(tmp_path):
    data = lab_data(pool=40, teacher=30)
    for one in (data, replace(data, source="iconify")):
        write_lab_data(one, tmp_path / "data")
    assert read_lab_data(tmp_path / "data").source == "wheels"
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_no_folder_is_no_data(tmp_path):
    assert read_lab_data(tmp_path / "data") is None


@pytest.mark.parametrize("name", ["images.npz", "words.json"])
def test_half_of_it_is_refused_with_what_to_do(tmp_path, name):
    write_lab_data(lab_data(pool=40, teacher=30), tmp_path / "data")
    path = tmp_path / "data" / name
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(FileFormatError, match=r"is damaged: .*; delete .*data, and it is made again"):
        read_lab_data(tmp_path / "data")


def test_a_full_disk_leaves_nothing_behind(tmp_path, monkeypatch):
    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(stored.np, "savez", full)
    with pytest.raises(InputError, match="data cannot be written: No space left on device"):
        write_lab_data(lab_data(pool=40, teacher=30), tmp_path / "data")
    assert list(tmp_path.iterdir()) == []
