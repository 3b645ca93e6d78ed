"""`--within` and `--without` on buckets, cut and index: the commands, their files, and what they refuse."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from metadata_tables import SCORE, expected_npy, hex_ids, ranked, scores, write_table
from thresher.cli.app import run
from thresher.cuts import Keep, cut
from thresher.errors import InputError
from thresher.metadata import Local, id_files, local, marks, open_table, set_keys, tasks

ROWS = 300
IDS, SCORES = hex_ids(ROWS), scores(ROWS)
CLUSTERS, REPEATED, EVALUATION = range(40, 260), range(100, 150), range(0, 300, 7)
LEFT = [row for row in CLUSTERS if row not in REPEATED and row not in EVALUATION]


@pytest.fixture
def pool(tmp_path, monkeypatch):
    """Metadata, and three sets of its ids: image clusters, repeated samples, samples near evaluation data."""
    write_table(tmp_path / "metadata", IDS, SCORES)
    np.save(tmp_path / "clusters.npy", expected_npy([IDS[row] for row in CLUSTERS]))
    (tmp_path / "repeated.txt").write_text("".join(f"{IDS[row]}\n" for row in REPEATED))
    pq.write_table(pa.table({"uid": [IDS[row] for row in EVALUATION]}), tmp_path / "evaluation.parquet")
    write_table(tmp_path / "left", [IDS[row] for row in LEFT], SCORES[LEFT])
    monkeypatch.chdir(tmp_path)
    return tmp_path


SETS = ["--within", "clusters.npy", "--without", "repeated.txt", "--without", "evaluation.parquet"]
TOP = ["--keep", "30%", "--score", SCORE, "-o"]


def thresher(*arguments):
    assert run([*arguments, "--quiet"]) == 0


def refusal(capsys, *arguments):
    """The one sentence with which a command ends."""
    before = sorted(Path().rglob("*"))
    capsys.readouterr()
    assert run(list(arguments)) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert sorted(Path().rglob("*")) == before
    return line.removeprefix("Error: ")


def test_a_cut_is_that_of_the_rows_the_sets_leave(pool, capsys):
    """Fractions, ranks and counts are of what is left, and the bytes are those of a table that holds nothing else."""
    thresher("cut", "metadata", *SETS, *TOP, "a.npy")
    thresher("cut", "left", *TOP, "b.npy")
    assert Path("a.npy").read_bytes() == Path("b.npy").read_bytes()
    assert json.loads(Path("a.npy.manifest.json").read_text())["rows_in"] == len(LEFT)
    thresher("cut", "--verify", "a.npy")
    thresher("cut", "metadata", *SETS, *TOP, "a.npy")  # done already
    assert "an earlier run had finished it" in capsys.readouterr().out


def test_datacomps_best_filter_is_the_best_share_within_the_image_clusters(pool):
    """The intersection of two subset files is one set within the other, whichever is ranked."""
    thresher("cut", "metadata", *TOP, "clip.npy")
    best = set(ranked(IDS, SCORES)[: round(0.3 * ROWS)])
    thresher(
        "cut",
        "metadata",
        "--within",
        "clip.npy",
        "--within",
        "clusters.npy",
        "--keep",
        "1",
        *TOP[2:],
        "both.npy",
    )
    kept = [IDS[row] for row in CLUSTERS if IDS[row] in best]
    np.testing.assert_array_equal(np.load("both.npy"), expected_npy(kept))


def test_buckets_made_within_sets_are_cut_within_the_same(pool, capsys):
    """buckets.json records the sets; a cut takes them from there, and refuses others."""
    thresher("buckets", "metadata", *SETS, "--score", SCORE, "--buckets", "4", "-o", "a.json")
    thresher("buckets", "left", "--score", SCORE, "--buckets", "4", "-o", "b.json")
    made, plain = (json.loads(Path(name).read_text()) for name in ("a.json", "b.json"))
    assert [Path(one["path"]).name for one in made.pop("within")] == ["clusters.npy"]
    assert {Path(one["path"]).name for one in made.pop("without")} == {"repeated.txt", "evaluation.parquet"}
    assert made == plain
    thresher("cut", "metadata", "--buckets", "a.json", "--pool", "b1", "-o", "a.npy")
    thresher("cut", "metadata", "--buckets", "a.json", "--pool", "b1", *SETS, "-o", "c.npy")
    thresher("cut", "left", "--buckets", "b.json", "--pool", "b1", "-o", "b.npy")
    assert len({Path(name).read_bytes() for name in ("a.npy", "b.npy", "c.npy")}) == 1
    thresher("cut", "--verify", "a.npy")
    asked = ["cut", "metadata", "--buckets", "a.json", "--pool", "b1", "-o", "d.npy"]
    said = refusal(capsys, *asked, "--within", "clusters.npy")
    assert "The buckets were made without" in said
    assert said.endswith("not without no set of ids; give the same files with --without, or make them again.")
    Path("repeated.txt").write_text(f"{IDS[3]}\n")
    assert "repeated.txt, whose content has changed since" in refusal(capsys, *asked)
    asked[3] = "b.json"
    assert "were made within no set of ids, not within" in refusal(capsys, *asked, "--within", "clusters.npy")


def test_an_index_is_made_and_cut_within_sets(pool):
    """Sets may be given when the index is made, when it is cut, or some at each."""
    thresher("cut", "left", *TOP, "plain.npy")
    thresher("index", "metadata", "--score", SCORE, "-o", "whole")
    thresher("index", "metadata", "--score", SCORE, *SETS[:4], "-o", "part")
    thresher("cut", "whole", *SETS, *TOP, "a.npy")
    thresher("cut", "part", *SETS[4:], *TOP, "b.npy")
    thresher("cut", "part", *SETS, *TOP, "c.npy")
    for name in ("a.npy", "b.npy", "c.npy"):
        assert Path(name).read_bytes() == Path("plain.npy").read_bytes()
        thresher("cut", "--verify", name)


@dataclass(frozen=True)
class PilotPool:
    name: str
    bucket: str
    share: float
    unique_samples: int = 0


def test_uid_lists_of_a_pilot_are_of_the_buckets_sets(pool):
    """A pilot that is planned from buckets reads the same sets again."""
    from thresher.metadata.buckets import read_buckets
    from thresher.pilots.plan_pilot import _write_uids

    thresher("buckets", "metadata", *SETS, "--score", SCORE, "--buckets", "4", "-o", "a.json")
    made = read_buckets(Path("a.json"))
    planned = SimpleNamespace(pilot=SimpleNamespace(pools=[PilotPool("b0", "b0", 1.0)]))
    request = SimpleNamespace(seed=0, pool_size=1e9)
    _write_uids(planned, request, made, Path("uids").absolute(), ["metadata"], None)
    best = ranked([IDS[row] for row in LEFT], SCORES[LEFT])[: made.buckets[0].rows]
    np.testing.assert_array_equal(np.load("uids/b0.npy"), expected_npy(best))


def test_a_subset_is_proven_wherever_it_was_cut_and_a_changed_set_is_noticed(pool, capsys, monkeypatch):
    """Paths of sets are absolute in the manifest; their content decides, not their time of change."""
    thresher("cut", "metadata", *SETS[:4], *TOP, "a.npy")
    Path("repeated.txt").write_text(Path("repeated.txt").read_text())
    thresher("cut", "--verify", "a.npy")
    Path("repeated.txt").write_text(f"{IDS[3]}\n")
    said = refusal(capsys, "cut", "--verify", "a.npy")
    assert said.startswith("The subset was cut without ")
    assert "repeated.txt, whose content has changed since" in said
    assert "exists, and no manifest says that it is this cut" in refusal(
        capsys, "cut", "metadata", *SETS[:4], *TOP, "a.npy"
    )


REFUSED = {
    "missing": (["--within", "gone.npy"], "gone.npy: no such file. Give a file of ids"),
    "both": (
        ["--within", "clusters.npy", "--without", "copy.npy"],
        "is given with --within and with --without, which leaves no row",
    ),
    "empty": (["--without", "empty.txt"], "empty.txt holds no ids at all"),
    "no row": (["--within", "strange.txt"], "No row passes --within"),
    "nothing": (["--within", "repeated.txt", "--within", "strange.txt"], "No id is left by --within"),
    "kind": (
        ["--within", "numbers.txt"],
        "holds ids that are other text (for example '17'), but the table's are 32",
    ),
    "column": (["--within", "columns.parquet"], "or name the column with --id."),
    "blank": (["--without", "blank.txt"], "blank.txt line 2 is blank"),
    "binary": (["--without", "binary.txt"], "binary.txt is not"),
    "cut short": (["--without", "short.npy"], "short.npy should hold 220 ids"),
    "where": (
        ["--within", "strange.txt", "--where", "score > 0"],
        "No row passes --where 'score > 0' --within ",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("command", ["cut", "buckets", "index"])
def test_a_set_that_cannot_be_meant_is_refused_in_one_sentence(pool, capsys, name, command):
    """Nothing is written, whatever is wrong with the file."""
    shutil.copyfile("clusters.npy", "copy.npy")
    Path("empty.txt").touch()
    Path("strange.txt").write_text("0" * 32)
    Path("numbers.txt").write_text("17\n18\n")
    pq.write_table(pa.table({"a": IDS, "b": IDS}), "columns.parquet")
    Path("blank.txt").write_text(f"{IDS[0]}\n\n{IDS[1]}\n")
    Path("binary.txt").write_bytes(bytes(range(256)))
    Path("short.npy").write_bytes(Path("clusters.npy").read_bytes()[:-1])
    given, said = REFUSED[name]
    keep = ["--keep", "0.5"] if command == "cut" else []
    new = "new.json" if command == "buckets" else "new.npy"
    told = refusal(capsys, command, "metadata", "--score", SCORE, *keep, *given, "-o", new)
    assert said in told


def test_whole_shards_are_not_listed_within_a_set(pool, capsys):
    """A set parts shards."""
    Path("shards").mkdir()
    thresher("buckets", "metadata", *SETS, "--score", SCORE, "--buckets", "2", "-o", "b.json")
    said = refusal(
        capsys,
        "cut",
        "metadata",
        "--buckets",
        "b.json",
        "--pool",
        "b0",
        "--shards",
        "shards",
        "-o",
        "list.txt",
    )
    assert said.startswith("A set of ids parts shards")


@pytest.mark.parametrize("stage", ["sorted", "merged", "looked up"])
def test_an_interrupted_cut_does_no_finished_work_again(pool, monkeypatch, stage):
    """Sorted sets, their merge and the rows looked up are kept in the work folder."""
    monkeypatch.setattr(tasks, "LEAST_TASK_ROWS", 60)
    monkeypatch.setattr(tasks, "MOST_TASK_ROWS", 60)
    monkeypatch.setattr(local, "OWN_MEMORY", 0)
    monkeypatch.setattr(local, "LEAST_MEMORY", 0)
    monkeypatch.setattr(id_files, "BLOCK_ROWS", 20)
    engine = Local(memory=6000, workers=1)
    table = open_table(["metadata"], score=SCORE, within="clusters.npy", without="repeated.txt")
    sorted_sets, looked_up, merges = [], [], []
    sort, look, merge = set_keys._runs, marks.Marks.look_up, set_keys._merged

    def stop_after(wanted, seen):
        if stage == wanted and len(seen) == 3 - 2 * (wanted != "looked up"):
            raise KeyboardInterrupt

    def one_sort(one, *rest):
        sorted_sets.append(one.path)
        found = sort(one, *rest)
        stop_after("sorted", sorted_sets)
        return found

    def one_merge(*given):
        merges.append(1)
        stop_after("merged", merges)
        return merge(*given)

    def one_look(self, unit, passes, *rest):
        look(self, unit, passes, *rest)
        looked_up.append((unit, passes))
        stop_after("looked up", looked_up)

    monkeypatch.setattr(set_keys, "_runs", one_sort)
    monkeypatch.setattr(set_keys, "_merged", one_merge)
    monkeypatch.setattr(marks.Marks, "look_up", one_look)
    with pytest.raises(KeyboardInterrupt):
        cut(Keep(0.3), table, Path("a.npy"), engine=engine)
    read = []
    blocks = id_files.id_blocks
    monkeypatch.setattr(
        "thresher.metadata.id_sets.id_blocks", lambda path, *rest: read.append(path) or blocks(path, *rest)
    )
    cut(Keep(0.3), table, Path("a.npy"), engine=engine)
    assert len(set(looked_up)) == len(looked_up) > 5
    assert len(merges) == (2 if stage == "merged" else 1)
    assert [Path(path).name for path in read] == (["repeated.txt"] if stage == "sorted" else [])
    kept = [row for row in CLUSTERS if row not in REPEATED]
    plain = open_table([write_table(Path("kept"), [IDS[row] for row in kept], SCORES[kept])], score=SCORE)
    cut(Keep(0.3), plain, Path("b.npy"))
    assert Path("a.npy").read_bytes() == Path("b.npy").read_bytes()
    assert not list(Path().glob(".a.npy*"))


def test_a_set_that_changes_while_it_is_read_is_noticed(pool, monkeypatch):
    """What was sorted is what the manifest names, or nothing is written."""
    table = open_table(["metadata"], score=SCORE, within="repeated.txt")
    Path("repeated.txt").write_text(f"{IDS[3]}\n")
    with pytest.raises(InputError, match=r"repeated\.txt changed while it was being read"):
        cut(Keep(0.3), table, Path("a.npy"))
    assert not list(Path().glob("*a.npy*"))
