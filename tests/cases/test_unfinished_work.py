"""An interrupted command goes on from what it left; if that is damaged, one sentence says so and the next run begins anew."""

import json

import numpy as np
import pytest

from metadata_tables import SCORE, hex_ids, scores, write_table
from thresher.cuts import Keep, cut
from thresher.errors import FileFormatError
from thresher.metadata import Local, open_table


class Interrupted(Local):
    """Somebody presses Ctrl-C once everything is selected."""

    def select(self, table, selection, work):
        super().select(table, selection, work)
        raise KeyboardInterrupt


KINDS = {"hex": hex_ids(600), "text": [f"id-{n:05d}" for n in np.random.default_rng(0).permutation(600)]}


@pytest.fixture(params=KINDS)
def left(request, tmp_path):
    """A table, an output, what an interrupted cut left, and what a whole one gives."""
    table = open_table(
        [write_table(tmp_path / "m", KINDS[request.param], scores(600, ties=1.0))], score=SCORE
    )
    cut(Keep(0.4), table, tmp_path / "whole.txt")
    with pytest.raises(KeyboardInterrupt):
        cut(Keep(0.4), table, tmp_path / "s.txt", engine=Interrupted(workers=1))
    folder = tmp_path / ".s.txt.thresher" / "work"
    assert any(folder.glob("*.npz"))
    return table, tmp_path / "s.txt", folder, (tmp_path / "whole.txt").read_bytes()


def flipped(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x40
    path.write_bytes(data)


def cut_short(path):
    path.write_bytes(path.read_bytes()[:-5])


def emptied(path):
    path.write_bytes(b"")


def doubled(path):
    path.write_bytes(path.read_bytes() * 2)


DAMAGE = (flipped, cut_short, emptied, doubled)


def check(left, damaged):
    """Whether the next run refuses; it or the one after it gives the same subset."""
    table, output, folder, expected = left
    try:
        cut(Keep(0.4), table, output)
        said = None
    except FileFormatError as error:
        said = str(error)
    if said is not None:
        assert damaged.name in said
        assert "is damaged: " in said
        assert "run the command again, which begins anew" in said
        assert not folder.exists()
        assert not output.exists()
        cut(Keep(0.4), table, output)
    assert output.read_bytes() == expected
    return said is not None


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("pattern", ["scan-*.npz", "*-000000.json", "*-run-000", "*-tied-000"])
def test_damaged_work_is_refused_once_and_then_done_anew(left, pattern, damage):
    """Every file of a work folder, damaged in four ways; the subset is never another one."""
    damaged = sorted(left[2].glob(pattern))[0]
    damage(damaged)
    refused = check(left, damaged)
    assert refused or (damage is doubled and damaged.suffix == ".npz")  # an archive is read from its end


def test_whole_work_is_gone_on_from(left):
    """Without damage nothing is refused."""
    assert not check(left, left[2] / "job.json")


@pytest.mark.parametrize("key", ["rows", "tally", "runs", "tied"])
@pytest.mark.parametrize("value", [None, -1, 10**30, "x", [], {}, [[[]]]])
def test_work_of_another_type_is_refused_once(left, key, value):
    """The JSON of a finished task, with one value of another type or size."""
    damaged = sorted(left[2].glob("*-000000.json"))[0]
    document = json.loads(damaged.read_text())
    document[key] = value
    damaged.write_text(json.dumps(document))
    assert check(left, damaged)


def test_a_run_that_is_gone_is_noticed(left):
    """A file that the work names is not there."""
    damaged = sorted(left[2].glob("*-run-000"))[0]
    damaged.unlink()
    assert check(left, damaged)
