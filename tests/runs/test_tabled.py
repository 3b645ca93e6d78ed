"""Tables of any form, by expressions over their columns; and the draft of them, which never imports anything."""

import json
import tomllib
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from thresher.cli.app import run
from thresher.errors import InputError
from thresher.runs import read_runs
from thresher.runs.columns import column_values, quoted, split_columns
from thresher.runs.guessing import drafted, guess_columns
from thresher.runs.tabled import columns_of, read_tables
from thresher.runs.texts import Table

RUNS = """\
Name,State,Created,seed,bucket,_step,batch size,eval/acc top1,eval/loss
r0,finished,2026-01-01,0,b0,100,4096,0.20,2.5
r1,crashed,2026-01-01,1,b0,,4096,NaN,
r2,finished,2026-01-02,0,b1,200,4096,0.30,2.1
"""
MAPPING = {
    "run": "Name", "pool": "bucket", "unique_samples": "1M", "samples_seen": '_step * "batch size"',
    "metric": "'top1_error'", "error": '1 - "eval/acc top1"', "seed": "seed",
}  # fmt: skip


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("w.csv").write_text(RUNS)
    return tmp_path


def table(*columns):
    names = tuple(columns[0])
    return Table(
        Path("w.csv"), names, tuple((at, tuple(cells)) for at, cells in enumerate(columns[1:], start=2))
    )


def refused(capsys, *words):
    assert run(["runs", "import", *words]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert len(printed.err.splitlines()) == 1
    return printed.err


def test_one_row_per_run_becomes_a_run_table_and_rows_without_a_number_are_listed(folder):
    found, passed = read_tables([Path("w.csv")], MAPPING)
    assert [(row.run, row.pool, row.samples_seen, row.error, row.seed) for row in found.rows] == [
        ("r0", "b0", 409600, 0.8, "0"), ("r2", "b1", 819200, 0.7, "0"),
    ]  # fmt: skip
    assert [(one.place, one.reason) for one in passed] == [("w.csv row 3", "_step is empty")]


def test_the_command_reads_expressions_and_mapping_files_alike(folder, capsys):
    typed = ",".join(f"{name}={expression}" for name, expression in MAPPING.items())
    assert run(["runs", "import", "w.csv", "--columns", typed, "-o", "a.csv"]) == 0
    Path("m.toml").write_text("".join(f"{name} = {json.dumps(text)}\n" for name, text in MAPPING.items()))
    assert run(["runs", "import", "w.csv", "--columns", "m.toml", "-o", "b.csv"]) == 0
    assert Path("a.csv").read_bytes() == Path("b.csv").read_bytes()
    assert capsys.readouterr().err.count("Passed over: 1 row, w.csv row 3 (_step is empty).") == 2


def test_labels_and_flags_fill_in_what_the_table_does_not_say(folder, capsys):
    columns = "run=Name,samples_seen=_step*4096,error=1-\"eval/acc top1\",metric='top1_error'"
    Path("labels.csv").write_text("run,pool,unique_samples,rank\nr0,b0,1M,1\nr2,b1,2M,2\n")
    assert (
        run(["runs", "import", "w.csv", "--columns", columns, "--labels", "labels.csv", "-o", "a.csv"]) == 0
    )
    assert [(row.pool, row.unique_samples, row.rank) for row in read_runs("a.csv").rows] == [
        ("b0", 1e6, 1),
        ("b1", 2e6, 2),
    ]
    words = ["--columns", columns, "--pool", "p", "--unique-samples", "3M", "-o", "a.csv"]
    assert run(["runs", "import", "w.csv", *words]) == 0
    assert {(row.pool, row.unique_samples) for row in read_runs("a.csv").rows} == {("p", 3e6)}


def test_parquet_is_read_as_csv_is(folder):
    import pyarrow.csv
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.csv.read_csv("w.csv"), "w.parquet")
    assert read_tables([Path("w.parquet")], MAPPING)[0].rows == read_tables([Path("w.csv")], MAPPING)[0].rows


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"error": '"eval/acc top1"'}, r"is an accuracy by its name. Write error=1-"),
        ({"error": '1-"eval/loss"'}, r"takes a loss from 1, by the column's name"),
        ({"samples_seen": "Created"}, r"samples_seen=Created is a time"),
        ({"error": None}, r"does not say what error is. Add error=\.\., an expression over Name, State"),
        ({"pool": "buckt"}, r"has no column 'buckt'. Did you mean bucket\?"),
        ({"error": "eval/loss"}, r"has no column 'eval'. Did you mean \"eval/loss\"\?"),
        ({"error": "'x' + 1"}, r"'x' is a text, and nothing can be reckoned with it"),
        ({"samples_seen": "_step * 4096x"}, r"cannot be read at '4096x'"),
        ({"samples_seen": "(" * 2000}, r"more than 1000 characters"),
        ({"error": "_step / 0"}, r"has no row with a measurement. w.csv row 2: "),
        ({"metric": "'top1'"}, r"ends in neither _error nor _loss"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(folder, changes, message):
    mapping = {name: text for name, text in {**MAPPING, **changes}.items() if text is not None}
    with pytest.raises(InputError, match=message):
        read_tables([Path("w.csv")], mapping)


def test_percent_that_is_taken_from_1_and_commas_are_refused(folder):
    Path("w.csv").write_text(RUNS.replace("0.20", "20.5"))
    with pytest.raises(
        InputError, match=r"is 20.5, so .* If eval/acc top1 is in percent, write 1-\"eval/acc top1\"/100"
    ):
        read_tables([Path("w.csv")], MAPPING)
    Path("w.csv").write_text(RUNS.replace("0.20", '"0,20"').replace("100,4096", '"1,000",4096'))
    with pytest.raises(InputError, match="comma may separate decimals or thousands"):
        read_tables([Path("w.csv")], MAPPING)


def test_a_name_with_signs_beside_its_parts_has_to_be_quoted():
    found = table(("eval", "loss", "eval/loss"), ("6", "3", "9"))
    with pytest.raises(InputError, match='may mean the column "eval/loss" or arithmetic over eval and loss'):
        column_values("eval/loss", found)
    assert column_values('"eval/loss" * 1', found) == [9.0]
    assert column_values("eval / loss", found) == [2.0]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("Step", "100"),
        ("Step*4096", 409600.0),
        ("1.28B", 1.28e9),
        ("30%", 0.3),
        ("1 - acc", 0.8),
        ("-(acc - 1)", 0.8),
        ("2 * (1 + 2) / 4 - 1", 0.5),
        ("1 - 2 - 3", -4.0),
        ("8 / 4 / 2", 1.0),
        ("'a, text'", "a, text"),
        ("empty", None),
        ("acc * empty", None),
        ("acc / 0", None),
        ("1e308 * 1e308", None),
    ],
)
def test_arithmetic_is_that_of_school(expression, expected):
    assert column_values(expression, table(("Step", "acc", "empty"), ("100", "0.2", ""))) == [expected]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pool", "neither a file nor COLUMN=EXPRESSION"),
        ("pool=", "Write COLUMN=EXPRESSION"),
        ("pool=a,pool=b", "gives pool twice"),
        ("pol=a", r"maps 'pol', which is no column of a run table. Did you mean pool\?"),
        ("zzzzzz=a", "It can be pool, unique_samples"),
    ],
)
def test_a_mapping_that_cannot_be_read_is_refused(folder, text, message):
    with pytest.raises(InputError, match=message):
        columns_of(text)


@pytest.mark.parametrize(
    "text", ["pool = ", "pool = ['a']", "[pool]\na = 'b'", "a = " + "[" * 3000, "", "zz = 'a'", "pool = '?'"]
)
def test_a_mapping_file_that_cannot_be_used_is_refused(folder, text):
    Path("m.toml").write_text(text)
    with pytest.raises(InputError, match=r"^m\.toml"):
        columns_of("m.toml")


def test_flags_that_say_what_expressions_say_are_refused(folder, capsys):
    for flag in (["--percent"], ["--metric", "x"], ["--batch-size", "10"], ["--step", "epochs"]):
        assert "does not go with --columns" in refused(
            capsys, "w.csv", "--columns", "pool=Name", *flag, "-o", "a.csv"
        )
    assert "Give --swarm or --columns" in refused(
        capsys, "w.csv", "--columns", "pool=Name", "--swarm", "-o", "a.csv"
    )
    assert "-o is missing" in refused(capsys, "w.csv", "--columns", "pool=Name")


def test_a_draft_says_what_it_does_not_know_and_imports_nothing_before_that_is_filled_in(folder, capsys):
    assert run(["runs", "import", "--guess", "w.csv"]) == 0
    drawn = tomllib.loads(capsys.readouterr().out)
    assert drawn == {
        "pool": "bucket", "unique_samples": "?", "samples_seen": "?", "metric": "?", "error": "?", "run": "Name", "seed": "seed",
    }  # fmt: skip
    assert run(["runs", "import", "--guess", "w.csv", "-o", "m.toml"]) == 0
    assert "to fill in: unique_samples, samples_seen, metric, error" in capsys.readouterr().out
    said = refused(capsys, "w.csv", "--columns", "m.toml", "-o", "a.csv")
    assert "unique_samples, samples_seen, metric, error still to be filled in" in said
    assert not Path("a.csv").exists()
    text = Path("m.toml").read_text()
    for name, expression in MAPPING.items():
        text = text.replace(f"{name} = '?'", f"{name} = {json.dumps(expression)}")
    Path("m.toml").write_text(text)
    assert run(["runs", "import", "w.csv", "--columns", "m.toml", "-o", "a.csv"]) == 0
    assert len(read_runs("a.csv")) == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Name,loss\na,2.5\n", {"metric": "'logged_loss'", "error": "loss"}),
        ("Name,top1\na,0.2\nb,0.3\n", {"metric": "'top1_error'", "error": "1 - top1"}),
        ("Name,top1\na,20\nb,30\n", {"metric": "'top1_error'", "error": "1 - top1 / 100"}),
        ("Name,top1\na,0.2\nb,30\n", {"metric": "'top1_error'", "error": "?"}),
        ("Name,score\na,0.2\n", {"metric": "?", "error": "?"}),
        ("Name,samples_seen\na,5\n", {"samples_seen": "samples_seen"}),
        ("Name,Step,global_batch_size\na,5,6\n", {"samples_seen": "Step * global_batch_size"}),
        ("Name,tokens\na,5\n", {"samples_seen": "?"}),
        ("Name,Runtime\na,5\n", {"samples_seen": "?"}),
    ],
)
def test_a_draft_takes_names_at_their_word_and_nothing_else(folder, text, expected):
    Path("t.csv").write_text(text)
    found = {one.column: one.expression for one in guess_columns(Path("t.csv"))}
    assert {name: found[name] for name in expected} == expected


def test_a_draft_as_json(folder, capsys):
    assert run(["runs", "import", "--guess", "w.csv", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["columns"]["pool"] == "bucket"
    assert found["columns"]["error"] is None
    assert found["reasons"].keys() == found["columns"].keys()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters='"\r\n\0'), max_size=12), min_size=1, max_size=5),
       st.lists(st.text("0123456789.,-eNa ", max_size=6), min_size=1, max_size=5))  # fmt: skip
def test_every_draft_of_every_header_is_toml_that_names_columns_of_the_table(folder, header, cells):
    path = Path("t.csv")
    path.write_bytes(
        ("\n".join(",".join(f'"{one}"' for one in row) for row in (header, cells)) + "\n").encode()
    )
    try:
        guesses = guess_columns(path)
    except InputError:
        return
    assert tomllib.loads(drafted(path, guesses)) == {one.column: one.expression for one in guesses}


@given(st.text(max_size=30))
@settings(deadline=None, max_examples=150)
def test_any_text_is_an_expression_or_one_sentence(text):
    with suppress(InputError):
        assert len(column_values(text, table(("a", "b c"), ("1", "x"), ("", "2")))) == 2


@given(
    st.lists(
        st.text(st.characters(exclude_characters='"`'), min_size=1, max_size=8),
        min_size=1,
        max_size=4,
        unique=True,
    )
)
@settings(deadline=None, max_examples=50)
def test_a_quoted_column_is_that_column(names):
    found = table(names, [str(at) for at in range(len(names))])
    for at, name in enumerate(names):
        assert column_values(quoted(name), found) == [str(at)]
        assert split_columns(f"pool={quoted(name)}") == [f"pool={quoted(name)}"]
