"""`--where` and `--threshold` by the real commands, on the inputs that were answered wrongly and their neighbours."""

import json
import shutil
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from metadata_tables import hex_ids
from thresher.cli.app import run

CASES = Path(__file__).parent
RUNS = "pool,unique_samples,samples_seen,metric,error,rank,seed,lr,note\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def copied(case, folder):
    shutil.copy(CASES / case / "meta.parquet", folder / "meta.parquet")


def command(*arguments):
    return run([*map(str, arguments), "--quiet"])


def ids(path="out.txt"):
    return [int(line) for line in Path(path).read_text().split()]


def refusal(capsys, *arguments):
    before = sorted(Path().rglob("*"))
    assert command(*arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert sorted(Path().rglob("*")) == before
    return line


def kept(where, *more, path="meta.parquet", score="s"):
    assert (
        command(
            "cut",
            path,
            "--score",
            score,
            "--keep",
            "100%",
            "--where",
            where,
            "-o",
            "out.txt",
            "--force",
            *more,
        )
        == 0
    )
    return ids()


def written(path, **columns):
    rows = len(next(iter(columns.values())))
    pq.write_table(pa.table({"uid": [f"{n:032d}" for n in range(rows)], **columns}), path)


def test_text_is_not_compared_with_a_number(folder, capsys):
    """21: one sentence that width is text and 200 a number."""
    copied("21_where_number_in_text_column", folder)
    options = ["cut", "meta.parquet", "--score", "s", "--keep", "100%", "-o", "out.txt", "--where"]
    said = refusal(capsys, *options, "width >= 200")
    assert said.startswith("Error: --where: width is text and 200 is a number, which cannot be compared; ")
    assert 'write width = "200"' in refusal(capsys, *options, "width = 200")
    assert kept('width = "1000"') == [2]


def test_not_false_is_true_and_not_missing(folder):
    """22: true rows only; a null is out."""
    copied("22_where_not_false", folder)
    for text in ("safe != False", "safe = true", "safe", "not safe = FALSE", "safe in (True)"):
        assert kept(text) == [0, 2], text
    assert kept("not safe") == [1]
    assert kept("safe is null") == [3]


def test_a_float32_column_holds_a_decimal_literal(folder):
    """25: the same as a threshold gives."""
    copied("25_where_float32_literal", folder)
    assert kept("s >= 0.7") == [1, 3]
    assert (
        command("cut", "meta.parquet", "--score", "s", "--threshold", "0.7", "-o", "out.txt", "--force") == 0
    )
    assert ids() == [1, 3]


def test_a_threshold_is_rounded_to_half_floats(folder):
    """26: 0.1 of a half float is above the threshold 0.1, by --where and by an index as well."""
    copied("26_threshold_half_floats", folder)
    threshold = ["--threshold", "0.1", "-o", "out.txt", "--force"]
    assert command("cut", "meta.parquet", "--score", "s", *threshold) == 0
    assert ids() == [1, 2, 3]
    assert kept("s >= 0.1") == [1, 2, 3]
    assert command("index", "meta.parquet", "--score", "s", "-o", "index") == 0
    assert command("cut", "index", *threshold) == 0
    assert ids() == [1, 2, 3]


def test_half_floats_stay_half_floats_when_they_are_joined(folder):
    """26 with --scores, by a threshold and by --where."""
    copied("26_threshold_half_floats", folder)
    if duckdb.sql("select s from 'meta.parquet'").types == ["BLOB"]:
        pytest.skip("by design: this DuckDB, which joins, has no half floats")
    threshold = ["--threshold", "0.1", "-o", "out.txt", "--force"]
    pq.write_table(pq.read_table("meta.parquet").select(["uid"]), "plain.parquet")
    assert command("cut", "plain.parquet", "--scores", "meta.parquet", "--score", "s", *threshold) == 0
    assert ids() == [1, 2, 3]
    assert kept("s >= 0.1", "--scores", "meta.parquet", path="plain.parquet") == [1, 2, 3]


def test_a_threshold_of_whole_numbers_is_exact(folder):
    written("meta.parquet", s=pa.array([1, 2, 3], pa.int16()))
    assert command("cut", "meta.parquet", "--score", "s", "--threshold", "1.00000001", "-o", "out.txt") == 0
    assert ids() == [1, 2]


def test_advice_on_infinite_scores_works(folder, capsys):
    """31: following the advice gives buckets."""
    copied("31_advice_does_not_help", folder)
    options = ["buckets", "meta.parquet", "--score", "s", "--buckets", "2", "-o", "out.json", "--where"]
    said = refusal(capsys, *options, "s < 1e30")
    assert said.endswith("leave them out with --where '(s < 1e30) and s > -inf'.")
    assert command(*options, "(s < 1e30) and s > -inf") == 0
    assert json.loads(Path("out.json").read_text())["rows"] == 4
    written("meta.parquet", **{"top 1": np.array([np.inf, -np.inf, 1, 2])})
    options[3] = "top 1"
    said = refusal(capsys, *options[:-1])
    assert said.endswith("leave them out with --where '`top 1` > -inf and `top 1` < inf'.")


def test_two_columns_are_compared(folder):
    written("meta.parquet", s=np.arange(4.0), w=[1, 3, None, 2], h=[2, 2, 1, 2])
    assert kept("w < h") == [0]
    assert kept("w >= h") == [1, 3]
    assert kept("w = h") == [3]
    assert kept("not w = h") == [0, 1]
    assert kept("greatest(w, h) / least(w, h) > 1.4") == [0, 1]


def test_whole_numbers_beyond_a_float_are_exact(folder):
    written("meta.parquet", s=np.arange(4.0), n=[2**53, 2**53 + 1, 2**62, 640_000_000])
    assert kept("n = 9007199254740993") == [1]
    assert kept("n > 9007199254740992") == [1, 2]
    assert kept("n = 640M") == [3]
    assert kept("n / 2 >= 320M and n != 0.5") == [0, 1, 2, 3]


def test_nan_is_missing(folder):
    written("meta.parquet", s=np.arange(3.0), x=pa.array([np.nan, 1.0, None]))
    assert kept("x > 0") == kept("not (x > 2)") == kept("x != 2") == kept("x is not null") == [1]
    assert kept("x is null") == [0, 2]


def test_dictionaries_are_text_and_columns_without_values_are_null(folder):
    written(
        "meta.parquet",
        s=np.arange(3.0),
        kind=pa.array(["a", "b", None]).dictionary_encode(),
        none=pa.nulls(3),
    )
    assert kept("kind = a or none > 5") == [0]
    assert kept("kind != a") == [1]
    assert kept("none is null") == [0, 1, 2]


def test_the_columns_of_scores_are_seen(folder, capsys):
    written("meta.parquet", width=[100, 200, 300, 400], clip=[0.9, 0.9, 0.9, 0.9])
    written(
        "other.parquet",
        s=np.arange(4.0),
        face=[True, False, True, None],
        width=[1, 1, 1, 1],
        clip=[0.1, 0.2, 0.3, 0.4],
    )
    scores = ("--scores", "other.parquet")
    assert kept("face and s > 1", *scores) == [2]
    assert kept("width >= 200 and not face", *scores) == [1]  # the metadata's own width
    assert kept("clip > 0.5", *scores) == [0, 1, 2, 3]
    said = refusal(
        capsys,
        "cut",
        "meta.parquet",
        *scores,
        "--score",
        "clip",
        "--keep",
        "100%",
        "--where",
        "clip > 0.5",
        "-o",
        "o.txt",
    )
    assert "The metadata and --scores both have a column 'clip'" in said
    said = refusal(
        capsys,
        "cut",
        "meta.parquet",
        *scores,
        "--score",
        "s",
        "--keep",
        "1",
        "--where",
        "fase",
        "-o",
        "o.txt",
    )
    assert "The metadata with --scores has no column 'fase', which --where names; did you mean face?" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("widht >= 2", "The metadata has no column 'widht', which --where names; did you mean width?"),
        ("width >= 2 or", "cannot read 'width >= 2 or': it ends too early. Write for example width >= 200"),
        ("width >> 2", "cannot read 'width >> 2' from '> 2' on. Write for example"),
        ("(" * 10_000 + "width", "a condition has at most 10,000"),
        ("not " * 500 + "width > 1", "nested more than 60 deep"),
        ("width < 'a'", "width is a whole number and 'a' is text"),
    ],
)
def test_what_is_not_in_the_grammar_is_one_sentence(folder, capsys, text, said):
    written("meta.parquet", s=np.arange(3.0), width=[1, 2, 3])
    for words in (["buckets", "--buckets", "2"], ["cut", "--keep", "50%"], ["index"]):
        output = "out.json" if words[0] == "buckets" else "out.txt" if words[0] == "cut" else "out"
        line = refusal(
            capsys, words[0], "meta.parquet", "--score", "s", *words[1:], "--where", text, "-o", output
        )
        assert said in line
        assert len(line) < 700


def test_files_are_one_table_of_one_type(folder, capsys):
    Path("m").mkdir()
    written("m/a.parquet", s=np.arange(2.0), x=pa.array([1, 2], pa.int8()))
    pq.write_table(pa.table({"uid": hex_ids(2), "s": [1.0, 2.0], "x": pa.nulls(2)}), "m/b.parquet")
    assert kept("x >= 2", path="m") == [1]
    pq.write_table(pa.table({"uid": hex_ids(2), "s": [1.0, 2.0], "x": ["1", "2"]}), "m/b.parquet")
    said = refusal(capsys, "cut", "m", "--score", "s", "--keep", "1", "--where", "x >= 2", "-o", "o.txt")
    assert (
        "column 'x' is string in m/b.parquet, and int8 in other files; write all files with one type" in said
    )


def run_table(folder):
    rows = [
        f"p{n},1e6,{n + 1}e6,top1_error,0.{9 - n},{n + 1},{n},{'' if n == 2 else 0.1 * n},{'low' if n else ''}"
        for n in range(5)
    ]
    Path("runs.csv").write_text(RUNS + "\n".join(rows) + "\n")


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("samples_seen >= 3M", 3), ("rank <= 2 or seed = 4", 3), ("lr < 0.35 and lr != 0", 2), ("lr is null", 1),
        ("note = low", 4),
        ("not note = low", None), ("note is null and pool in (p0, p1)", 1), ("error * 10 <= rank + 2", 2),
        ("unique_samples < samples_seen", 4),
        ("pool != 'p0' and lr", "lr is a number, not a condition"), ("pool > 5", "pool is text and 5 is a number"),
        ("model = x", "--where names model, but no row gives a model"), ("sed = 1", "did you mean seed?"),
    ],
)  # fmt: skip
def test_run_tables_take_the_same_conditions(folder, capsys, text, rows):
    run_table(folder)
    status = run(["runs", "check", "runs.csv", "--json", "--where", text])
    printed = capsys.readouterr()
    if isinstance(rows, int):
        assert json.loads(printed.out)["rows"] == rows, printed.err
    else:
        assert status == 2
        assert (rows or "none of its 5 rows passes --where 'not note = low'") in printed.err
        assert len(printed.err.splitlines()) == 1
