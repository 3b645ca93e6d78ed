import csv
import math
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from thresher.errors import InputError
from thresher.runs import concatenate_runs, read_runs

HEADER = "pool,unique_samples,samples_seen,metric,error"
GOOD = f"{HEADER}\na,100,200,top1_error,0.5\na,100,400,top1_error,0.4\n"


def written(tmp_path: Path, text: str | bytes, name: str = "runs.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def refusal(path: Path, **options: str) -> str:
    with pytest.raises(InputError) as caught:
        read_runs(path, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(str(path))
    return message.removeprefix(str(path)).strip(": ")


def test_a_row_is_read_with_its_place(tmp_path):
    path = written(tmp_path, GOOD)
    table = read_runs(path)
    row = table.rows[1]
    assert (row.pool, row.unique_samples, row.samples_seen, row.error) == ("a", 100.0, 400.0, 0.4)
    assert row.place == f"{path} row 3"
    assert row.run is row.rank is row.weights is None


def test_sample_counts_may_carry_suffixes_and_cells_may_have_spaces(tmp_path):
    table = read_runs(written(tmp_path, f"{HEADER}\n a , 12.8M ,1.28B, top1_error , 0.5\n"))
    assert (table.rows[0].pool, table.rows[0].unique_samples, table.rows[0].samples_seen) == (
        "a",
        12.8e6,
        1.28e9,
    )


def test_a_byte_order_mark_and_windows_line_ends_are_accepted(tmp_path):
    plain = read_runs(written(tmp_path, GOOD))
    marked = read_runs(written(tmp_path, b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode(), "marked.csv"))
    assert marked.rows == plain.rows


def test_rows_are_counted_as_an_editor_counts_lines(tmp_path):
    text = f'{HEADER},note\n\na,100,200,top1_error,0.5,"two\nlines"\na,100,400,top1_error,63.2,\n'
    assert refusal(written(tmp_path, text)).startswith("row 5: error 63.2")


def test_unknown_columns_are_kept_as_written(tmp_path):
    table = read_runs(written(tmp_path, f"{HEADER},lr,note\na,100,200,top1_error,0.5,0.0010, x \n"))
    assert table.rows[0].other == {"lr": "0.0010", "note": " x "}


@pytest.mark.parametrize("cell", ["0.7,0.3", "0.7;0.3", "[0.7, 0.3]", " 0.7 , 0.3"])
def test_weights_are_numbers_between_commas(tmp_path, cell):
    table = read_runs(written(tmp_path, f'{HEADER},weights\na+b,200,300,top1_error,0.5,"{cell}"\n'))
    assert table.rows[0].weights == (0.7, 0.3)


@pytest.mark.parametrize(
    ("cell", "sizes"),
    [
        ("1B+2B+inf", (1e9, 2e9, math.inf)),
        (" 100 + 200 + inf ", (100.0, 200.0, math.inf)),
        ("1e+9+2E+9+1.5e3", (1e9, 2e9, 1500.0)),
        ("Infinity+1+2", (math.inf, 1.0, 2.0)),
    ],
)
def test_sizes_of_a_joint_run_may_be_listed(tmp_path, cell, sizes):
    row = f'a+b+c,{cell},300,top1_error,0.5,"0.5,0.3,0.2"'
    table = read_runs(written(tmp_path, f"{HEADER},weights\n{row}\n"))
    assert table.rows[0].pool_sizes == sizes
    assert table.rows[0].unique_samples == sum(sizes)
    assert table.sizes == dict(zip("abc", sizes, strict=True))


@pytest.mark.parametrize(("cell", "size"), [("inf", math.inf), ("1e+9", 1e9), ("+1B", 1e9)])
def test_a_single_size_is_no_list(tmp_path, cell, size):
    row = read_runs(written(tmp_path, f"{HEADER}\na,{cell},300,top1_error,0.5\n")).rows[0]
    assert (row.unique_samples, row.pool_sizes) == (size, None)


def test_parquet_may_hold_sizes_as_lists_or_as_text(tmp_path):
    path = tmp_path / "runs.parquet"
    columns = {
        "pool": ["a+b", "a"], "unique_samples": [[1e9, math.inf], [1e9]], "samples_seen": [300, 300],
        "metric": ["top1_error"] * 2, "error": [0.5, 0.4], "weights": pa.array([[0.7, 0.3], None]),
    }  # fmt: skip
    pq.write_table(pa.table(columns), path)
    listed = read_runs(path)
    pq.write_table(pa.table({**columns, "unique_samples": ["1B+inf", "1000000000"]}), path)
    assert read_runs(path).rows == listed.rows
    assert [row.pool_sizes for row in listed.rows] == [(1e9, math.inf), None]


def test_several_files_become_one_table(tmp_path):
    other = written(tmp_path, f"{HEADER},rank\nb,100,200,top1_error,0.5,1\n", "more.csv")
    table = read_runs(written(tmp_path, GOOD), other)
    assert table.pools == ("b", "a")
    assert len(table) == 3


def test_parquet_is_known_by_its_content_and_keeps_types(tmp_path):
    path = tmp_path / "runs.data"
    columns = {
        "pool": ["a+b"], "unique_samples": [200], "samples_seen": [300], "metric": ["top1_error"], "error": [0.5],
        "seed": [1.0], "rank": pa.array([None], pa.int64()), "weights": [[0.7, 0.3]], "lr": [0.001],
        "quality": pa.array([float("nan")]),
    }  # fmt: skip
    pq.write_table(pa.table(columns), path)
    row = read_runs(path).rows[0]
    assert (row.seed, row.rank, row.weights, row.quality) == ("1", None, (0.7, 0.3), None)
    assert row.other == {"lr": "0.001"}
    assert row.line == 1


def test_a_parquet_row_without_an_error_is_refused(tmp_path):
    path = tmp_path / "runs.parquet"
    columns = {"pool": ["a"], "unique_samples": [2], "samples_seen": [3], "metric": ["top1_error"]}
    pq.write_table(pa.table({**columns, "error": pa.array([None], pa.float64())}), path)
    assert refusal(path).startswith("row 1: error is empty")


def test_a_cut_off_parquet_file_is_refused(tmp_path):
    whole = tmp_path / "whole.parquet"
    pq.write_table(pa.table({"pool": ["a"]}), whole)
    cut = written(tmp_path, whole.read_bytes()[:-9], "cut.parquet")
    assert "is not a whole Parquet file" in refusal(cut)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "is empty. A run table starts with a header: pool,unique_samples"),
        (b"\n\n", "is empty"),
        (HEADER.encode(), "has a header but no rows"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "is a binary file, neither CSV nor Parquet"),
        (GOOD.replace("a,", "\xe9,").encode("latin-1"), "is not UTF-8 text (byte 0xe9). Save it as CSV in UTF-8."),
        (GOOD.encode("utf-16"), "is text in UTF-16. Save it as CSV in UTF-8."),
        (GOOD.replace(",", ";").encode(), "separates its columns with semicolons; a run table is CSV with commas."),
        (GOOD.replace(",", "\t").encode(), "separates its columns with tabs"),
        (b"pool,unique_samples,metric,error\na,1,m_error,0.5\n", "lacks the required column samples_seen. It has pool"),
        (b"pool,Unique samples,sample_seen,metric,error\n",
         "lacks the required columns unique_samples, samples_seen. Perhaps rename 'Unique samples' for "
         "unique_samples, 'sample_seen' for samples_seen."),
        (b"pool,pool,unique_samples,samples_seen,metric,error\n", "has the column 'pool' more than once"),
        (f'{HEADER}\n"a,100,200,top1_error,0.5\n'.encode(), "row 2 is not CSV: unexpected end of data"),
        (f"{HEADER}\na,100,200,top1_error,0.5,7\n".encode(), "row 2 has 6 cells, but the header has 5"),
        (f"{HEADER}\na,100,200\n".encode(), "row 2 has 3 cells, but the header has 5"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_run_table_is_refused(tmp_path, text, message):
    path = written(tmp_path, text)
    assert refusal(path).startswith(message)


def test_a_csv_named_parquet_is_refused(tmp_path):
    assert "is not a Parquet file, whatever its name says" in refusal(written(tmp_path, GOOD, "runs.parquet"))


def test_missing_files_and_folders_are_refused(tmp_path):
    assert refusal(tmp_path / "no.csv").startswith("no such file")
    assert refusal(tmp_path).startswith("is a folder")
    with pytest.raises(InputError, match=r"No run table was given"):
        read_runs()


@pytest.mark.parametrize(
    ("column", "cell", "message"),
    [
        ("pool", "", "row 2: pool is empty"),
        ("metric", " ", "row 2: metric is empty"),
        ("error", "", "row 2: error is empty. Every row needs one; fill it in or remove the row."),
        ("samples_seen", "", "row 2: samples_seen is empty"),
        ("error", "abc", "row 2: error 'abc' is not a number; write a number such as 0.412."),
        ("error", "63.2%", "row 2: error '63.2%' is not a number; write a number such as 0.412. Percent is written"),
        ("samples_seen", "many", "row 2: samples_seen 'many' is not a number; write a number of samples such as"),
        ("unique_samples", "1B+", "row 2: unique_samples '1B+' has an empty part; list one size per pool, such as 1B+2B+inf."),
        ("unique_samples", "1B++2B", "row 2: unique_samples '1B++2B' has an empty part"),
        ("unique_samples", "1B+many", "row 2: unique_samples 'many' is not a number; write a number of samples"),
        ("unique_samples", "1B+2B", "row 2: unique_samples lists 2 sizes, but 'a' is one pool. Give one size per pool."),
        ("unique_samples", "inf+-inf", "row 2: unique_samples is -inf; a number of samples lies between"),
        ("unique_samples", "1e308+1e308", "row 2: unique_samples is 1e308; a number of samples lies between"),
        ("samples_seen", "100+200", "row 2: samples_seen '100+200' is not a number"),
        ("samples_seen", "inf", "row 2: samples_seen is inf; a number of samples lies between"),
        ("rank", "1.5", "row 2: rank '1.5' is not a whole number from 1"),
        ("rank", "0", "row 2: rank '0' is not a whole number from 1"),
        ("rank", "nan", "row 2: rank 'nan' is not a whole number from 1"),
        ("weights", "half", "row 2: weights 'half' are not numbers; write one per pool, such as 0.7,0.3."),
    ],
)  # fmt: skip
def test_a_cell_that_cannot_be_read_is_refused(tmp_path, column, cell, message):
    cells = dict(zip(HEADER.split(","), ["a", "100", "200", "top1_error", "0.5"], strict=True)) | {
        column: cell
    }
    path = tmp_path / "runs.csv"
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(cells))
        writer.writeheader()
        writer.writerow(cells)
    assert refusal(path).startswith(message)


def test_where_applies_before_rows_are_checked(tmp_path):
    path = written(tmp_path, f"{HEADER}\na,100,200,top1_error,nan\na,100,400,top1_error,0.4\n")
    assert "error is nan" in refusal(path)
    assert len(read_runs(path, where="error < 1")) == 1


def test_where_that_nothing_passes_is_refused(tmp_path):
    path = written(tmp_path, GOOD)
    assert refusal(path, where="error < 0.1").startswith("none of its 2 rows passes where='error < 0.1'")
    assert refusal(path, where="eror < 0.1").startswith(
        "has no column 'eror', which where names; did you mean error?"
    )
    assert refusal(path, where="model = x").endswith("but no row gives a model.")


def test_an_unknown_unit_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"unit is 'percent'; it can be fraction or loss"):
        read_runs(written(tmp_path, GOOD), unit="percent")


def test_tables_put_together_are_checked_together(tmp_path):
    table = read_runs(written(tmp_path, GOOD))
    with pytest.raises(InputError, match=r"both give top1_error of one run of pool 'a' at 200 samples seen"):
        concatenate_runs(table, table)


def test_shares_that_were_rounded_to_three_digits_are_accepted(tmp_path):
    row = 'a+b+c,3M,6M,c4_val_loss,3.1,"0.333,0.333,0.333"'
    table = read_runs(written(tmp_path, f"{HEADER},weights\n{row}\n"))
    assert table.rows[0].weights == (0.333, 0.333, 0.333)


def test_shares_in_percent_are_refused(tmp_path):
    path = written(tmp_path, f'{HEADER},weights\na+b,3M,6M,c4_val_loss,3.1,"70,30"\n')
    assert (
        refusal(path)
        == "row 2: weights sum to 100, so they are percent. Divide them by 100; weights sum to 1."
    )


def test_a_seed_that_pandas_wrote_as_1_0_is_seed_1_and_its_repeat_is_refused(tmp_path):
    header = "pool,unique_samples,samples_seen,metric,error,seed"
    path = written(tmp_path, f"{header}\na,100,200,top1_error,0.5,1\na,100,200,top1_error,0.5,1.0\n")
    assert "both give top1_error of one run of pool 'a' at 200 samples seen" in refusal(path)
    path = written(tmp_path, f"{header}\na,100,200,top1_error,0.5,1.5\n")
    assert read_runs(path).rows[0].seed == "1.5"


def test_accuracies_are_refused_where_a_table_is_read(tmp_path):
    rows = "".join(f"{pool},100,{100 * k},top1_error,{k / 10}\n" for pool in "ab" for k in (1, 2, 3))
    path = written(tmp_path, f"{HEADER}\n{rows}")
    assert refusal(path).startswith("top1_error rises with samples_seen in 2 of 2 pools or mixtures")
    assert len(read_runs(path, where="samples_seen <= 100")) == 2


def test_very_many_columns_are_read_and_kept(tmp_path):
    header = ",".join(f"c{k}" for k in range(30_000))
    path = written(tmp_path, f"{HEADER},{header}\na,100,200,top1_error,0.5{',' * 30_000}\n")
    (row,) = read_runs(path).rows
    assert len(row.other) == 30_000


def test_a_file_as_long_as_a_pilot_study_reads_quickly(tmp_path):
    lines = "".join(f"p{i % 50},100,{200 + i},top1_error,0.5\n" for i in range(5000))
    assert len(read_runs(written(tmp_path, f"{HEADER}\n{lines}"))) == 5000
