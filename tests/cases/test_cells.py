"""Cells of run tables: what has two readings or cannot be seen is refused in one sentence; rounded and odd values are read."""

import time
import unicodedata
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thresher.cli.app import run
from thresher.errors import InputError
from thresher.runs import Measurement, RunTable, check_runs, read_runs

CASES = Path(__file__).parent
HEADER = "pool,unique_samples,samples_seen,metric,error"


def refusal(capsys, *words) -> str:
    status = run([str(word) for word in words])
    printed = capsys.readouterr()
    assert status == 2, printed.out + printed.err
    assert printed.out == ""
    lines = printed.err.splitlines()
    assert len(lines) == 1, printed.err
    return lines[0]


def written(folder, row, header=HEADER):
    path = folder / "runs.csv"
    path.write_text(f"{header}\n{row}\n", encoding="utf-8")
    return path


def test_german_thousands_are_refused_with_both_readings(capsys):
    """Case 41: 12.800 is no table of pools of 13 samples."""
    said = refusal(capsys, "runs", "check", CASES / "41_german_thousands" / "runs.csv")
    assert (
        "unique_samples 12.800 is 12.8 samples, no whole number. Write 12800, or 12.8M for millions." in said
    )


def test_seed_1_and_1_0_are_one_seed(capsys):
    """Case 42: the same measurement twice, once with the .0 of a pandas column with a gap."""
    folder = CASES / "42_seed_1_and_1.0"
    assert "both give imagenet1k_zeroshot_error" in refusal(
        capsys, "runs", "check", folder / "pilot.csv", folder / "more.csv"
    )


def test_rounded_shares_are_accepted(capsys):
    """Case 44: shares of three digits that sum to 0.999."""
    assert run(["runs", "check", str(CASES / "44_rounded_shares" / "runs.csv")]) == 0
    assert "3M" in capsys.readouterr().out


def test_bytes_that_are_no_utf8_are_refused(capsys):
    """Case R14: a damaged Parquet file."""
    assert "no UTF-8 text" in refusal(
        capsys, "runs", "check", CASES / "R14_parquet_bytes_not_utf8" / "t.parquet"
    )


@pytest.mark.parametrize("name", ["loss_tiny", "loss_1e300", "se_1e-300", "se_1e12"])
@pytest.mark.parametrize("law", [[], ["--kernel", "utility"]], ids=["default", "one kernel"])
def test_extreme_legal_values_are_fitted_or_refused(name, law, capsys, tmp_path):
    """Case R12: a fit, or one sentence; never a number that is none."""
    status = run(
        [
            "fit",
            str(CASES / "R12_fit_extreme_legal_values" / f"{name}.csv"),
            *law,
            "-o",
            str(tmp_path / "f.json"),
            "--json",
        ]
    )
    printed = capsys.readouterr()
    assert status in (0, 2)
    assert "NaN" not in printed.out
    if status == 2:
        assert len(printed.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("12.800", "12.8 samples, no whole number. Write 12800, or 12.8M"),
        ("12.000", "has two readings. Write 12000, or 12M"),
        ('"12,800"', "is not a number; Write 12800, or 12.8M"),
        ("1 280", "is not a number; Write 1280."),
        ("1'280", "is not a number; Write 1280."),
        ("1\u00a0280", "is not a number; Write 1280."),
        ("1\u202f280\u202f000", "is not a number; Write 1280000."),
        ("1.280.000", "is not a number; Write 1280000."),
        ('"1,280,000"', "is not a number; Write 1280000."),
        ("12.8", "unique_samples is 12.8, no whole number of samples. If it is millions, write 12.8M; if thousands, 12.8K."),
        ("12.8 million", "write a number of samples such as 12800000 or 12.8M."),
    ],
)  # fmt: skip
def test_a_size_with_two_readings_is_refused(cell, said, capsys, tmp_path):
    """Marks between thousands mean other numbers in other countries."""
    assert said in refusal(capsys, "runs", "check", written(tmp_path, f"a,{cell},1000000,x_error,0.5"))


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ('"0,63"', "Write 0.63, with a point."),
        ("63%", "Percent is written as a fraction: 63% is 0.63."),
        ('"63,5 %"', "63,5 % is 0.635."),
        ("63", "If it is percent, divide by 100."),
    ],
)  # fmt: skip
def test_an_error_in_another_notation_is_refused(cell, said, capsys, tmp_path):
    """Decimal commas and percent are named, with the number to write."""
    assert said in refusal(capsys, "runs", "check", written(tmp_path, f"a,1000000,1000000,x_error,{cell}"))


@pytest.mark.parametrize("flag", ["12.800", "12,800", "1 280 000", "0.5M1"])
def test_a_budget_with_two_readings_is_refused(flag, capsys, tmp_path):
    """Flags are read like cells."""
    assert "--samples-seen is" in refusal(capsys, "predict", "f.json", "--pools", "a", "--samples-seen", flag)


@pytest.mark.parametrize(
    "letter", ["\x1b", "\x0e", "\u200b", "\u202e", "\u00ad", "\u2028", "a\u00a0b", "a\tb"]
)
@pytest.mark.parametrize("column", ["pool", "metric"])
def test_a_character_that_cannot_be_seen_is_refused(letter, column, capsys, tmp_path):
    """Row and column are named, and the character as its escape."""
    name = f"x{letter}y"
    row = (
        f'"{name}",1000000,1000000,x_error,0.5'
        if column == "pool"
        else f'a,1000000,1000000,"{name}_error",0.5'
    )
    said = refusal(capsys, "runs", "check", written(tmp_path, row))
    assert f"row 2: {column}" in said
    assert "cannot be seen" in said


def test_spaces_around_a_name_are_no_part_of_it(tmp_path):
    """Trailing spaces, plain or not, are cut off."""
    assert read_runs(written(tmp_path, "  a \u00a0,1000000,1000000,x_error ,0.5")).rows[0].pool == "a"


def test_a_name_of_ten_thousand_characters_is_refused(capsys, tmp_path):
    """It comes of a quote that is missing; the message shows its start."""
    said = refusal(capsys, "runs", "check", written(tmp_path, f"{'n' * 10_000},1000000,1000000,x_error,0.5"))
    assert "a name of 10,000 characters" in said
    assert len(said) < 400


def test_twins_in_unicode_are_refused(capsys, tmp_path):
    """Two names that look the same are one slip, not two pools."""
    twin = unicodedata.normalize("NFD", "é")
    said = refusal(
        capsys, "runs", "check",
        written(tmp_path, f"é,1000000,1000000,x_error,0.5\n{twin},1000000,2000000,x_error,0.4"),
    )  # fmt: skip
    assert "looks like" in said


def test_names_that_differ_in_capitals_are_doubtful():
    """They are accepted, and said."""
    rows = [Measurement(name, 1e6, 1e6, "x_error", error) for name, error in (("Top", 0.5), ("top", 0.6))]
    assert any(
        "differ only in capitals: Top and top" in one.message
        for one in check_runs(RunTable(tuple(rows), "made"))
    )


@pytest.mark.parametrize(
    ("start", "said"),
    [
        (b"PK\x03\x04xl/workbook", "is an Excel workbook"),
        (b"\xd0\xcf\x11\xe0old", "is an old Excel workbook"),
        (b"\x1f\x8bzip", "is compressed; unpack it"),
        (b'[{"pool": "a"}]', "is JSON; write it as CSV"),
        (b"<html><table>", "is HTML or XML"),
        (b"pool;unique_samples;samples_seen;metric;error\na;1;1;x_error;0,5\n", "separates its columns with semicolons"),
        (b"pool\tunique_samples\tsamples_seen\tmetric\terror\n", "separates its columns with tabs"),
        ("sep=;\npool;x\n".encode("utf-8-sig"), "separates its columns with semicolons"),
    ],
)  # fmt: skip
def test_other_tables_are_named(start, said, capsys, tmp_path):
    """One sentence says what the file is."""
    (tmp_path / "runs.csv").write_bytes(start)
    assert said in refusal(capsys, "runs", "check", tmp_path / "runs.csv")


def parquet(folder, **columns):
    whole = {
        "pool": pa.array(["a", "a"]), "unique_samples": pa.array([1e6, 1e6]), "samples_seen": pa.array([1e6, 2e6]),
        "metric": pa.array(["x_error", "x_error"]), "error": pa.array([0.5, 0.4]),
    } | columns  # fmt: skip
    path = folder / "runs.parquet"
    pq.write_table(pa.table(whole), path)
    return path


@pytest.mark.parametrize(
    "columns",
    [
        {"error": pa.array([Decimal("0.5"), Decimal("0.4")])},
        {"samples_seen": pa.array([1_000_000, 2_000_000], pa.uint64())},
        {"pool": pa.array(["a", "a"]).dictionary_encode()},
        {"metric": pa.array(["x_error", "x_error"], pa.large_string())},
        {"error": pa.array([0.5, 0.4], pa.float32())},
        {"seed": pa.array([None, None], pa.null())},
        {"source": pa.array([datetime(2024, 1, 1), None])},
    ],
)  # fmt: skip
def test_parquet_types_that_writers_produce_are_read(columns, tmp_path):
    """Decimals, dictionaries, large strings, dates and columns of nulls."""
    assert [row.pool for row in read_runs(parquet(tmp_path, **columns)).rows] == ["a", "a"]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"pool": pa.array([["a"], ["b"]])}, "row 1: pool holds a list, not text"),
        ({"pool": pa.array([b"a", b"b"])}, "row 1: pool holds a value of bytes, not text"),
        ({"model": pa.array([{"x": 1}, {"x": 2}])}, "row 1: model holds a structure, not text"),
        ({"error": pa.array([datetime(2024, 1, 1), None])}, "row 1: error '2024-01-01 00:00:00' is not a number"),
        ({"error": pa.array([None, None], pa.null())}, "row 1: error is empty"),
        ({"error": pa.array([True, False])}, "row 1: error 'True' is not a number"),
        ({"samples_seen": pa.array([12.8, 25.6])}, "samples_seen is 12.8, no whole number"),
    ],
)  # fmt: skip
def test_other_parquet_types_are_refused(columns, said, capsys, tmp_path):
    """Lists, bytes and structures are no names; dates and truths no numbers."""
    assert said in refusal(capsys, "runs", "check", parquet(tmp_path, **columns))


def wide_tables() -> Iterator[tuple[str, str]]:
    yield (
        "columns",
        f"{HEADER},{','.join(f'c{i}' for i in range(100_000))}\na,1000000,1000000,x_error,0.5{',' * 100_000}\n",
    )
    names = "+".join(f"{i:x}" for i in range(20_000))
    yield "names", f"{HEADER}\n{names},1000000,1000000,x_error,0.5\na,1000000,1000000,x_error,0.5\n"


@pytest.mark.parametrize(("name", "text"), [*wide_tables()], ids=["columns", "names"])
def test_time_is_in_proportion_to_columns_and_names(name, text, tmp_path, capsys):
    """Case R19: 100,000 columns, and a joint run of 20,000 pools, within seconds; they were quadratic."""
    (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
    start = time.process_time()
    assert run(["runs", "check", str(tmp_path / f"{name}.csv"), "--json"]) == 0
    assert time.process_time() - start < 4


def test_many_pools_are_checked_in_seconds(tmp_path):
    """Ranks of 3,000 pools are compared without looking at every pair, and a reversed order is still found."""
    rows = tuple(
        Measurement(f"p{i}", 1e6, 1e6 * k, "x_error", (0.9 - i * 2e-4) / k**0.1, rank=i + 1)
        for i in range(3000) for k in (1, 2)
    )  # fmt: skip
    start = time.process_time()
    found = check_runs(RunTable(rows, "made"))
    assert time.process_time() - start < 10
    assert any("Ranks contradict the runs: p" in one.message for one in found)


def test_a_chain_of_unions_is_solved_in_one_pass():
    """Each size follows from the next: the order of the unions costs nothing."""
    rows = [Measurement(f"q{i:05d}+q{i + 1:05d}", 2e6, 1e6, "x_error", 0.5) for i in range(5000)]
    rows.append(Measurement("q05000", 1e6, 1e6, "x_error", 0.5))
    start = time.process_time()
    assert set(RunTable(tuple(rows), "made").sizes.values()) == {1e6}
    assert time.process_time() - start < 5


def test_errors_that_no_law_spans_are_refused(capsys, tmp_path):
    """Predictions between 1e-30 and 1e-90 would be no numbers."""
    rows = "\n".join(f"a,1000000,{k}000000,x_loss,1e-{30 * k}" for k in (1, 2, 3))
    assert "No law spans that" in refusal(capsys, "fit", written(tmp_path, rows))


@given(
    st.integers(1, 999),
    st.lists(st.integers(0, 999), min_size=1, max_size=4),
    st.sampled_from(",.' \u00a0\u202f’"),
)
def test_thousands_are_never_read_as_another_number(first, groups, mark):
    """A size with marks between its thousands is refused, whatever the mark."""
    import tempfile

    text = mark.join([str(first), *(f"{group:03d}" for group in groups)])
    with tempfile.TemporaryDirectory() as folder, pytest.raises(InputError, match="Write "):
        read_runs(written(Path(folder), f'a,"{text}",1000000,x_error,0.5'))
