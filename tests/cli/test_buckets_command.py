import json

import pyarrow.parquet as pq
import pytest

from metadata_tables import SCORE, hex_ids, scores, write_table
from thresher.cli.app import run
from thresher.metadata import read_buckets


@pytest.fixture
def metadata(tmp_path):
    write_table(tmp_path / "m", hex_ids(400), scores(400))
    return str(tmp_path / "m")


def test_buckets_members_sample_and_chart(tmp_path, metadata, capsys):
    made, members, chart = (tmp_path / name for name in ("b.json", "members.parquet", "h.json"))
    arguments = ["buckets", metadata, "--score", SCORE, "--buckets", "4", "-o", str(made), "--json"]
    arguments += ["--sample", "25%", "--seed", "3", "--members", str(members), "--chart", str(chart)]
    assert run(arguments) == 0
    shown = capsys.readouterr()
    answer = json.loads(shown.out)
    assert list(answer)[:4] == ["rows", "missing", "edges", "buckets"]
    assert list(answer["buckets"][0]) == ["name", "low", "high", "rows", "fraction"]
    assert len(answer["edges"]) == 5
    table = pq.read_table(members)
    assert table.num_rows == sum(answer["sample"]["rows"].values())
    assert set(table.column("bucket").to_pylist()) == {"b0", "b1", "b2", "b3"}
    assert table.column("uid").to_pylist() == sorted(table.column("uid").to_pylist())
    assert read_buckets(made).to_json() == answer
    assert "Wrote" in shown.err
    assert "samples" in chart.read_text()


def test_all_members_without_a_sample(tmp_path, metadata, capsys):
    members = tmp_path / "members.parquet"
    assert (
        run(
            ["buckets", metadata, "--score", SCORE, "-o", str(tmp_path / "b.json"), "--members", str(members)]
        )
        == 0
    )
    made = read_buckets(tmp_path / "b.json")
    assert pq.read_table(members).num_rows == made.rows - made.missing
    assert "b9" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--buckets", "0"], "--buckets is 0"),
        (["--sample", "2"], "--sample is 2, not a share"),
        (["--names", "a,b"], "2 names for 10 buckets"),
        (["--score", "clip"], "no column 'clip'"),
    ],
)
def test_bad_requests_write_nothing(tmp_path, metadata, capsys, arguments, said):
    assert run(["buckets", metadata, "--score", SCORE, "-o", str(tmp_path / "b.json"), *arguments]) == 2
    assert said in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m"]


def test_what_was_interrupted_with_one_id_column_is_not_taken_for_another(tmp_path, monkeypatch):
    ids, others = hex_ids(400), [one[::-1] for one in hex_ids(400)]
    write_table(tmp_path / "m", ids, scores(400), other=others)
    members = tmp_path / "members.parquet"
    arguments = ["buckets", str(tmp_path / "m"), "--score", SCORE, "-o", str(tmp_path / "b.json"), "--quiet"]
    arguments += ["--members", str(members)]

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("thresher.cuts.members.written_ids", interrupted)
        assert run(arguments) == 130
    assert (tmp_path / ".b.json.thresher").is_dir()
    assert run([*arguments, "--id", "other"]) == 0
    assert set(pq.read_table(members).column("other").to_pylist()) <= set(others)
