"""Names are names, links are followed, and a subset can be proven from anywhere: what the program made of each once."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from metadata_tables import SCORE, hex_ids, scores, write_table
from thresher.cli.app import run
from thresher.errors import InputError
from thresher.files import walk

CASES = Path(__file__).parent


@pytest.fixture
def case(tmp_path, monkeypatch):
    """Enter a copy of a stored case."""

    def enter(name: str) -> Path:
        (found,) = CASES.glob(f"{name}_*")
        shutil.copytree(found, tmp_path / "case")
        monkeypatch.chdir(tmp_path / "case")
        return tmp_path / "case"

    return enter


def ids_of(path) -> list[str]:
    return Path(path).read_text().split()


def refused(arguments, capsys) -> str:
    """The one sentence of a command that ends with status 2."""
    capsys.readouterr()
    assert run(arguments) == 2
    said = capsys.readouterr().err
    assert said.startswith("Error: ")
    assert said.count("\n") == 1
    return said


def keep_all(*metadata, output="out.txt") -> list[str]:
    return ["cut", *metadata, "--score", "s", "--keep", "100%", "-o", output, "--quiet"]


def test_19_a_linked_folder_is_read(case, capsys):
    """A folder that is a link was passed over in silence."""
    case("19")
    Path("meta/b").symlink_to("../disk2")
    assert run(keep_all("meta")) == 0
    assert "20 rows of 20 samples, from 20 rows" in capsys.readouterr().out


def test_32_a_folder_name_is_no_column(case):
    """`year=2020/` hid the file's own column `year` once scores were joined."""
    case("32")
    asked = ["cut", "meta", "--score", "s", "--scores", "scores", "--keep", "100%", "--where", "year >= 2021"]
    assert run([*asked, "-o", "out.txt", "--quiet"]) == 0
    assert [one[-2:] for one in ids_of("out.txt")] == ["02", "03"]


def test_35_two_files_are_not_one_shard(case, capsys):
    """Files of one name in two folders were both taken for one shard."""
    case("35")
    assert run(["buckets", "meta", "--score", "s", "--buckets", "2", "-o", "b.json", "--quiet"]) == 0
    asked = ["cut", "meta", "--score", "s", "--buckets", "b.json", "--pool", "b0", "--pool", "b1"]
    said = refused([*asked, "--shards", "shards", "-o", "out.txt", "--quiet"], capsys)
    assert "meta/p0/00000.parquet and meta/p1/00000.parquet would both be the shard shards/00000.tar" in said
    assert not Path("out.txt").exists()


def test_r05_brackets_are_no_pattern(case):
    """DuckDB took `m[1]` for a pattern and read the scores of `m1`."""
    case("R05")
    files = ["m[1]/a.parquet", "--scores", "m[1]/scores.pq", "--score", "sc", "--keep", ".5"]
    assert run(["cut", *files, "-o", "j.txt", "--quiet"]) == 0
    own = set(pq.ParquetFile("m[1]/a.parquet").read().column("uid").to_pylist())
    assert len(ids_of("j.txt")) == 50
    assert set(ids_of("j.txt")) <= own
    assert run(["cut", "--verify", "j.txt", "--quiet"]) == 0


# --- names that mean something to somebody ------------------------------------------------------

HOSTILE = st.text(
    st.sampled_from("*?[]{}'\"`$%#;&|<>!~\\ \n\t=,:@+-.aé日€0"), min_size=1, max_size=12
).filter(lambda name: name not in (".", "..") and not name.startswith((".", "_")))


def both_cuts(top: Path, folder: str, file: str, output: str) -> tuple[bytes, bytes]:
    """A cut of a table under these names, and one with joined scores, which is proven."""
    ids, values = hex_ids(60), scores(60, missing=0)
    (top / folder / file).mkdir(parents=True, exist_ok=True)
    table = pa.table({"uid": ids, "year": list(range(60)), SCORE: values})
    pq.write_table(table, top / folder / file / f"{file}.parquet")
    pq.write_table(pa.table({"uid": ids, "other": -values}), top / folder / f"{file}.scores")
    asked = ["cut", str(top / folder / file), "--keep", "0.3", "--quiet", "--where", "year >= 10"]
    joined = ["--scores", str(top / folder / f"{file}.scores"), "--score", "other"]
    subset, second = top / f"{output}.txt", top / f"{output}.joined.npy"
    assert run([*asked, "--score", SCORE, "-o", str(subset)]) == 0
    assert run([*asked, *joined, "-o", str(second)]) == 0
    assert run(["cut", "--verify", str(second), "--quiet"]) == 0
    assert not [path for path in top.iterdir() if path.name.startswith(".")]
    return subset.read_bytes(), second.read_bytes()


@pytest.fixture(scope="module")
def plain_cuts(tmp_path_factory):
    return both_cuts(tmp_path_factory.mktemp("plain"), "m", "a", "s")


@settings(max_examples=12)
@given(folder=HOSTILE, file=HOSTILE, output=HOSTILE)
@example(folder="m[1]", file="*", output="--x")
@example(folder="year=2020", file="SCORE=1", output="a'b\"c")
def test_hostile_names_give_what_plain_names_give(tmp_path_factory, plain_cuts, folder, file, output):
    """Whatever files are called, the ids are the same, with and without joined scores, and can be proven."""
    assert both_cuts(tmp_path_factory.mktemp("names"), folder, file, output) == plain_cuts


def test_a_name_that_is_no_utf8_is_refused(tmp_path, capsys):
    """Bytes that are no text gave a traceback."""
    write_table(tmp_path, hex_ids(10), scores(10), files=1)
    (tmp_path / "0000.parquet").rename(tmp_path / os.fsdecode(b"\xff.parquet"))
    assert "is no UTF-8" in refused(keep_all(str(tmp_path), output=str(tmp_path / "o.txt")), capsys)


def test_a_suffix_in_capitals_is_read(tmp_path):
    """Files of the suffix .PARQUET were passed over in silence."""
    write_table(tmp_path / "m", hex_ids(20), scores(20), files=2)
    (tmp_path / "m" / "0001.parquet").rename(tmp_path / "m" / "0001.PARQUET")
    asked = ["--score", SCORE, "--keep", "1", "-o", str(tmp_path / "o.txt"), "--quiet"]
    assert run(["cut", str(tmp_path / "m"), *asked]) == 0
    assert len(ids_of(tmp_path / "o.txt")) == 20


def test_a_file_url_is_a_local_path(tmp_path):
    """Links below `file://` were dropped by fsspec."""
    write_table(tmp_path / "disk", hex_ids(20), scores(20), files=2)
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "b").symlink_to("../disk")
    asked = ["--score", SCORE, "--keep", "1", "-o", str(tmp_path / "o.txt"), "--quiet"]
    assert run(["cut", f"file://{tmp_path}/m", *asked]) == 0
    assert len(ids_of(tmp_path / "o.txt")) == 20


def test_hidden_names_behind_a_url_are_passed_over():
    """Files of unfinished jobs are no data, on a disk or behind a URL."""
    import fsspec

    from thresher.metadata.parquet import list_files

    system = fsspec.filesystem("memory")
    for name in ("a.parquet", "_temporary/0/b.parquet", "c[1]/d.PARQUET"):
        system.pipe(f"/hidden-names/{name}", b"x")
    assert list_files(["memory://hidden-names"]) == [
        "memory:///hidden-names/a.parquet",
        "memory:///hidden-names/c[1]/d.PARQUET",
    ]


# --- links --------------------------------------------------------------------------------------


def test_links_in_a_circle_are_read_once(tmp_path):
    """A folder with a link to itself, and a file with two names, count once."""
    write_table(tmp_path / "m" / "deep", hex_ids(20), scores(20), files=2)
    (tmp_path / "m" / "again").symlink_to(".")
    (tmp_path / "m" / "deep" / "up").symlink_to(tmp_path / "m")
    (tmp_path / "m" / "aaa.parquet").symlink_to("deep/0000.parquet")
    found = walk(tmp_path / "m", lambda path: path.suffix == ".parquet")
    assert [str(path.relative_to(tmp_path / "m")) for path in found] == [
        "deep/0000.parquet",
        "deep/0001.parquet",
    ]
    asked = ["--score", SCORE, "--keep", "1", "-o", str(tmp_path / "o.txt"), "--quiet"]
    assert run(["cut", str(tmp_path / "m"), str(tmp_path / "m" / "again" / "deep"), *asked]) == 0
    assert len(ids_of(tmp_path / "o.txt")) == 20


@pytest.mark.parametrize("name", ["gone", "gone.parquet", "itself"])
def test_a_link_that_leads_nowhere_is_named(tmp_path, capsys, name):
    """Shards behind a dangling link were dropped in silence."""
    write_table(tmp_path / "m", hex_ids(20), scores(20), files=2)
    (tmp_path / "m" / name).symlink_to(name if name == "itself" else "nowhere")
    said = refused(
        ["cut", str(tmp_path / "m"), "--score", SCORE, "--keep", "1", "-o", str(tmp_path / "o.txt")], capsys
    )
    assert f"m/{name} is a link to" in said
    said = refused(
        ["cut", str(tmp_path / "m" / name), "--score", SCORE, "--keep", "1", "-o", str(tmp_path / "o.txt")],
        capsys,
    )
    assert f"m/{name}" in said


def test_a_folder_that_cannot_be_listed_is_named(tmp_path, monkeypatch):
    """`os.walk` and `rglob` pass over a folder that they may not read."""
    (tmp_path / "locked").mkdir()
    scandir = os.scandir

    def refuse(path):
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(InputError, match=r"locked cannot be listed: Permission denied"):
        walk(tmp_path, lambda path: True)


def test_a_pipe_is_named(tmp_path):
    """A pipe called like a shard was passed over."""
    os.mkfifo(tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"a\.parquet is a device or a pipe"):
        walk(tmp_path, lambda path: True)


def test_importers_follow_links(tmp_path, capsys):
    """A run folder that is a link was passed over by `runs import`; a dangling link is named."""
    result = {"key": "imagenet1k", "dataset": "ImageNet", "metrics": {"acc1": 0.3, "main_metric": 0.3}}
    (tmp_path / "disk" / "epoch_4").mkdir(parents=True)
    (tmp_path / "disk" / "epoch_4" / "eval_results.jsonl").write_text(json.dumps(result) + "\n")
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "epoch_4").symlink_to("../disk/epoch_4")
    (tmp_path / "logs" / "latest-run").symlink_to("nowhere")
    asked = [
        "--pool",
        "b0",
        "--unique-samples",
        "1M",
        "--samples-per-epoch",
        "1M",
        "-o",
        str(tmp_path / "o.csv"),
    ]
    assert run(["runs", "import", str(tmp_path / "logs"), *asked]) == 0
    assert "latest-run (a link to nowhere, which is not there)" in capsys.readouterr().err
    assert "0.7" in (tmp_path / "o.csv").read_text()


# --- proofs -------------------------------------------------------------------------------------


@pytest.fixture
def proven(tmp_path, monkeypatch):
    """A subset cut with relative paths in the folder `here`."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    write_table(Path("m"), hex_ids(60), scores(60))
    pq.write_table(pa.table({"uid": hex_ids(60), "other": scores(60, 1)}), "scores.parquet")
    joined = ["--scores", "scores.parquet", "--score", "other"]
    assert run(["cut", "m", *joined, "--keep", "0.3", "-o", "s.npy", "--quiet"]) == 0
    return tmp_path


def test_a_proof_holds_from_any_folder(proven, monkeypatch):
    """A manifest of relative paths could be proven in one folder only."""
    monkeypatch.chdir(proven)
    assert run(["cut", "--verify", "here/s.npy"]) == 0


def test_a_proof_holds_where_subset_and_metadata_moved_together(proven, monkeypatch):
    monkeypatch.chdir(proven)
    (proven / "here").rename(proven / "there")
    assert run(["cut", "--verify", "there/s.npy"]) == 0


def test_a_proof_holds_where_the_subset_moved_alone(proven, monkeypatch):
    monkeypatch.chdir(proven)
    for name in ("s.npy", "s.npy.manifest.json"):
        (proven / "here" / name).rename(proven / name)
    assert run(["cut", "--verify", "s.npy"]) == 0


def test_a_proof_holds_after_touch(proven):
    for path in (*Path("m").iterdir(), Path("scores.parquet")):
        os.utime(path, ns=(1, 1))
    assert run(["cut", "--verify", "s.npy"]) == 0


def test_a_proof_fails_where_content_changed_under_an_old_time(proven, capsys):
    """Neither time nor size decides: the footer does, and the second cut."""
    before = Path("scores.parquet").stat()
    pq.write_table(pa.table({"uid": hex_ids(60), "other": scores(60, 2)}), "scores.parquet")
    os.utime("scores.parquet", ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert "scores.parquet changed since the subset was cut" in refused(["cut", "--verify", "s.npy"], capsys)


def test_a_proof_names_what_is_gone(proven, capsys):
    Path("m/0001.parquet").unlink()
    assert "m/0001.parquet is not there" in refused(["cut", "--verify", "s.npy"], capsys)


def test_a_proof_counts_rows(proven, capsys):
    """A footer may be the same and the rows not: counts are compared before the bytes."""
    path = Path("s.npy.manifest.json")
    document = json.loads(path.read_text())
    document["rows_in"] = 61
    path.write_text(json.dumps(document))
    assert "The metadata has 60 rows" in refused(["cut", "--verify", "s.npy"], capsys)


def test_an_index_works_from_any_folder(proven, monkeypatch):
    assert run(["index", "m", "--score", SCORE, "-o", "ix", "--quiet"]) == 0
    monkeypatch.chdir(proven)
    assert run(["cut", "here/ix", "--keep", "0.3", "-o", "t.npy", "--quiet"]) == 0
    assert np.load("t.npy").shape == (18,)
    assert run(["cut", "--verify", "t.npy"]) == 0
