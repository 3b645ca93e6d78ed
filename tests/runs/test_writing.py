import math
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thresher.errors import InputError
from thresher.runs import EXPOSURES, OPTIONAL_COLUMNS, SCHEDULES, Measurement, RunTable, read_runs, write_runs

ROW = Measurement("a", 100.0, 200.0, "top1_error", 0.5)

names = st.text(st.characters(exclude_categories=("C", "Z"), exclude_characters="+"), min_size=1, max_size=5)
kept_texts = st.text(st.characters(exclude_categories=("Cs", "Cc"), include_characters="\n\r\t"), max_size=8)
counts = st.floats(1, 1e18).map(math.floor).map(float) | st.integers(1, 10**12).map(float)
sizes = counts | st.just(math.inf)


@st.composite
def measurements(draw, run: str) -> Measurement:
    joint = draw(st.booleans())
    share = draw(st.floats(0.01, 0.99))
    listed = draw(st.none() | st.tuples(sizes, sizes)) if joint else None
    weighted = joint and (listed is not None or draw(st.booleans()))
    return Measurement(
        pool=f"{run}x+{run}y" if joint else f"pool {run}",
        unique_samples=sum(listed) if listed else draw(counts if joint else sizes),
        samples_seen=draw(counts),
        metric="top1_error",
        error=draw(st.floats(0, 1)),
        run=run,
        model=draw(st.none() | names),
        seed=draw(st.none() | names),
        rank=None if joint else draw(st.sampled_from([None, int(run) + 1])),
        quality=draw(st.none() | names),
        schedule=draw(st.sampled_from([None, *SCHEDULES])),
        exposure=draw(st.sampled_from([None, *EXPOSURES])),
        standard_error=draw(st.none() | st.floats(1e-12, 1)),
        weights=(share, 1 - share) if weighted else None,
        pool_sizes=listed,
        subset_of=draw(st.none() | names),
        source=draw(st.none() | names),
        other={"a note": draw(kept_texts), "lr": draw(kept_texts)},
    )


tables = st.integers(1, 4).flatmap(lambda count: st.tuples(*(measurements(str(run)) for run in range(count))))


@settings(max_examples=60, deadline=None)
@given(tables, st.sampled_from([".csv", ".parquet"]))
def test_a_written_table_reads_back_the_same(rows, suffix):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"runs{suffix}"
        write_runs(RunTable(rows, "made"), path)
        assert read_runs(path).rows == rows
        assert [item.name for item in Path(folder).iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_sizes_beyond_exact_integers_survive_in_a_list(tmp_path, suffix):
    row = Measurement(
        "a+b+c", math.inf, 200.0, "top1_error", 0.5, weights=(0.5, 0.3, 0.2), pool_sizes=(1e18, 2.0, math.inf)
    )  # fmt: skip
    alone = Measurement("d", math.inf, 200.0, "top1_error", 0.5)
    path = tmp_path / f"runs{suffix}"
    write_runs(RunTable((row, alone), "made"), path)
    assert read_runs(path).rows == (row, alone)


def test_a_pipe_is_refused_and_stays_what_it_is(tmp_path):
    pipe = tmp_path / "runs.csv"
    os.mkfifo(pipe)
    with pytest.raises(InputError, match="is a device or a pipe; give the path of a file"):
        write_runs(RunTable((ROW,), "runs"), pipe)
    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]


def test_a_list_of_sizes_is_written_as_people_write_it(tmp_path):
    row = Measurement(
        "a+b", math.inf, 200.0, "top1_error", 0.5, weights=(0.5, 0.5), pool_sizes=(1e9, math.inf)
    )
    write_runs(RunTable((row,), "made"), tmp_path / "runs.csv")
    assert "\na+b,1000000000+inf,200," in (tmp_path / "runs.csv").read_text()


def test_columns_that_hold_nothing_are_not_written(tmp_path):
    write_runs(RunTable((ROW,), "made"), tmp_path / "runs.csv")
    written = (tmp_path / "runs.csv").read_text()
    assert written == "pool,unique_samples,samples_seen,metric,error\na,100,200,top1_error,0.5\n"
    assert not any(name in written for name in OPTIONAL_COLUMNS)


def test_rows_without_an_unknown_column_leave_it_empty(tmp_path):
    other = Measurement("b", 100.0, 200.0, "top1_error", 0.5, other={"note": "x"})
    for name in ("runs.csv", "runs.parquet"):
        write_runs(RunTable((ROW, other), "made"), tmp_path / name)
        assert [row.other["note"] for row in read_runs(tmp_path / name).rows] == ["", "x"]


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"no such folder"):
        write_runs(RunTable((ROW,), "made"), tmp_path / "no" / "runs.csv")
    assert not any(tmp_path.iterdir())
