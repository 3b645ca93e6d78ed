import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from metadata_tables import SCORE, expected_npy, hex_ids, ranked, scores, write_table
from thresher.cuts import Keep, cut
from thresher.errors import InputError
from thresher.metadata import Local, open_table

ROOT = Path(__file__).parents[2]
ROWS = 1000


@pytest.fixture
def table(tmp_path):
    ids, values = hex_ids(ROWS), scores(ROWS)
    folder = write_table(tmp_path / "m", ids, values)
    return folder, expected_npy(ranked(ids, values)[: round(0.31 * ROWS)])


def child(folder, output, event, signal_name="SIGKILL"):
    log = output.parent / "tasks.log"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
    given = [str(folder), str(output), str(event), signal_name, str(log)]
    command = [sys.executable, str(Path(__file__).with_name("killed_cut.py")), *given]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def left_over(folder: Path) -> list:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("."))


def picked(folder: Path) -> list:
    return (folder / "tasks.log").read_text().split()


def check_killed_twice(tmp_path, table, first, second, suffix=".npy"):
    folder, expected = table
    output = tmp_path / f"s{suffix}"
    for event in (first, second):
        died = child(folder, output, event)
        assert died.returncode == -9, died.stderr
        assert not (output.exists() and not (tmp_path / f".{output.name}.thresher").exists())
    whole = child(folder, output, 0)
    assert whole.returncode == 0, whole.stderr
    if suffix == ".npy":
        np.testing.assert_array_equal(np.load(output), expected)
    assert left_over(tmp_path) == []
    done = picked(tmp_path)
    tasks = len(set(done))
    assert len(done) <= tasks + 2 * 2  # each kill costs at most the task that runs on each of two threads


@pytest.mark.parametrize(("first", "second"), [(4, 9), (12, 14), (20, 5), (28, 3)])
def test_killed_twice_a_cut_goes_on_where_it_was(tmp_path, table, first, second):
    check_killed_twice(tmp_path, table, first, second)


@pytest.mark.slow
@pytest.mark.parametrize(("suffix", "first"), [(".npy", 1), (".txt", 2), (".parquet", 3)])
def test_killed_at_any_moment_a_cut_goes_on(tmp_path, table, suffix, first):
    folder, _ = table
    whole = child(folder, tmp_path / f"s{suffix}", 0)
    events = int(whole.stdout.split()[-1])
    for event in range(first, events + 1, 3):
        place = tmp_path / str(event)
        place.mkdir()
        output = place / f"s{suffix}"
        assert child(folder, output, event).returncode == -9
        assert child(folder, output, 0).returncode == 0
        assert output.read_bytes() == (tmp_path / f"s{suffix}").read_bytes()
        assert left_over(place) == []


def test_interrupted_it_says_so_and_goes_on(tmp_path, table):
    folder, expected = table
    output = tmp_path / "s.npy"
    stopped = child(folder, output, 12, "SIGINT")
    assert stopped.returncode == 130
    assert stopped.stderr.splitlines()[-1] == "Interrupted."
    assert not output.exists()
    assert child(folder, output, 0).returncode == 0
    np.testing.assert_array_equal(np.load(output), expected)


def test_two_commands_never_share_a_work_folder(tmp_path, table):
    from thresher.metadata.work import work_folder

    folder, _ = table
    with (
        work_folder(tmp_path / ".s.npy.thresher", {}),
        pytest.raises(InputError, match="Another thresher command is writing"),
    ):
        cut(Keep(0.31), open_table([folder], score=SCORE), tmp_path / "s.npy")


class _Changing(Local):
    """Somebody writes to a file after its scores were counted."""

    def select(self, table, selection, work):
        path = Path(table.files[1].path)
        ids, values = hex_ids(ROWS, 3), scores(ROWS, 3)
        write_table(path.parent, ids, values)
        return super().select(table, selection, work)


def test_a_file_changed_between_two_passes_is_refused(tmp_path, table):
    folder, _ = table
    with pytest.raises(InputError, match="changed while it was being read"):
        cut(Keep(0.31), open_table([folder], score=SCORE), tmp_path / "s.npy", engine=_Changing())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m"]


class _Swapping(Local):
    """The same, by somebody who restores size and time of change: only the counts can tell."""

    def select(self, table, selection, work):
        for file in table.files:
            before = Path(file.path).stat()
            data = bytearray(Path(file.path).read_bytes())
            Path(file.path).write_bytes(self.swapped(file.path, data))
            os.truncate(file.path, before.st_size)
            os.utime(file.path, ns=(before.st_atime_ns, before.st_mtime_ns))
        return super().select(table, selection, work)

    @staticmethod
    def swapped(path, data):
        import pyarrow.parquet as pq

        place = pq.ParquetFile(path).metadata.row_group(0).column(1).data_page_offset + 60
        data[place : place + 16] = b"\x00" * 16
        return bytes(data)


def test_scores_changed_in_secret_never_give_a_subset_of_the_wrong_size(tmp_path, table):
    folder, _ = table
    with pytest.raises(InputError):
        cut(Keep(0.31), open_table([folder], score=SCORE), tmp_path / "s.npy", engine=_Swapping())
    assert not (tmp_path / "s.npy").exists()


@pytest.fixture
def small_disk(tmp_path):
    place = tmp_path / "disk"
    place.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("mounting a small disk is not permitted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_too_little_space_is_noticed_before_work_begins(small_disk, tmp_path):
    folder = write_table(tmp_path / "m", hex_ids(5000), scores(5000))
    with pytest.raises(InputError, match=r"has 0.00 GB free, but this cut needs"):
        cut(Keep(0.9), open_table([folder], score=SCORE), small_disk / "s.npy")
    assert list(small_disk.iterdir()) == []


@pytest.mark.parametrize("suffix", [".npy", ".parquet", ".txt"])
@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_disk_that_fills_up_leaves_nothing_half_written(
    small_disk, tmp_path, monkeypatch, suffix, elsewhere
):
    module = sys.modules["thresher.cuts.cut"]
    monkeypatch.setattr(module, "free_bytes", lambda path: 10**12)
    folder = write_table(tmp_path / "m", hex_ids(9000), scores(9000))
    table = open_table([folder], score=SCORE)
    with pytest.raises(InputError, match=r"is full"):
        cut(Keep(0.9), table, small_disk / f"s{suffix}", spill=tmp_path if elsewhere else None)
    assert list(small_disk.iterdir()) == []
    assert left_over(tmp_path) == []


def test_an_output_folder_that_is_read_only_is_refused(tmp_path, table):
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    folder, _ = table
    place = tmp_path / "locked"
    place.mkdir(mode=0o500)
    with pytest.raises(InputError, match="cannot be written"):
        cut(Keep(0.31), open_table([folder], score=SCORE), place / "s.npy")
