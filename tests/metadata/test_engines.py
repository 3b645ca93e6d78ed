"""Every engine gives the same buckets and the same bytes.

What an engine cannot do stands in `CANNOT`, with the reason; that it really cannot is tested too.
"""

import uuid
from dataclasses import dataclass
from functools import cache

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from metadata_tables import SCORE, hex_ids, scores, write_table
from spark_sessions import CLASSIC, CONNECT, NAMES, QUIET, SAIL, session_of
from thresher.cuts import FromBuckets, Keep, Threshold, cut
from thresher.cuts.members import write_members
from thresher.errors import InputError
from thresher.metadata import Local, make_buckets, open_table
from thresher.metadata.frames import Frames
from thresher.metadata.spark import Spark
from thresher.metadata.work import work_folder

pytestmark = [pytest.mark.filterwarnings(one) for one in QUIET]
ROWS = 600
KINDS = {
    "hex": lambda ids: ids,
    "uuid": lambda ids: [str(uuid.UUID(hex=i)) for i in ids],
    "uuid bytes": lambda ids: pa.array([bytes.fromhex(i) for i in ids], pa.binary(16)),
    "integer": lambda ids: [int(i[:14], 16) - 2**54 for i in ids],
    "text": lambda ids: [f"{'é' if n % 3 else 'e'}{n}" for n in range(len(ids))],
    "small integer": lambda ids: pa.array([n * 7919 - 10**6 for n in range(len(ids))], pa.int32()),
    "large text": lambda ids: pa.array(ids, pa.large_string()),
}
FRAMES = ("duckdb", "pyarrow", "polars")
DUCKDB = duckdb.connect()
"""Kept: releases of DuckDB before 1.5 close a connection while its relations live."""
"""Frames that Narwhals queries. pandas is not among them: its columns hold no typed null, which
Narwhals' `lit(None, Float64)` needs."""
ENGINES = (*FRAMES, *NAMES)
CANNOT = {
    **{
        (engine, "uuid bytes"): "a frame's column of bytes does not say that it holds UUIDs"
        for engine in FRAMES
    },
    (
        "spark through uri",
        SAIL,
    ): "Sail has no input_file_name(), which tells parts apart; give it a shared folder",
}


@dataclass(frozen=True)
class Case:
    """A table; `awkward` says which rows are put into it besides the usual ones."""

    kind: str = "hex"
    wide: bool = False
    where: str | None = None
    awkward: str = "ties"

    def __str__(self):
        return f"{self.kind}-{'float64' if self.wide else 'float32'}-{self.where or 'all'}-{self.awkward}"


CASES = (
    Case(),
    Case(wide=True, where="width >= 20"),
    Case("uuid"),
    Case("uuid bytes"),
    Case("integer", wide=True),
    Case("text", where="group = b and width < 580"),
    Case(awkward="duplicate ids"),
    Case("integer", awkward="two scores"),
    Case(wide=True, awkward="infinite"),
    Case(where=f"{SCORE} > 0.1"),  # NaN is above no number, whatever an engine thinks
)


@cache
def written(folder, case):
    """The table of a case, as files, a null and a NaN among its scores."""
    ids = hex_ids(ROWS)
    values = scores(ROWS)
    values = values.astype(np.float64) + (np.arange(ROWS) % 5) * 1e-12 if case.wide else values
    if case.awkward == "two scores":
        values = (np.arange(ROWS) % 3 == 0).astype(values.dtype)
    if case.awkward == "infinite":
        values[:7], values[7:9], values[9:11] = np.inf, -np.inf, (-0.0, 0.0)
    if case.awkward == "duplicate ids":
        ids[100:160] = ids[:60]
        values[100:140] = values[:40]
    column = pa.array(values, mask=np.arange(ROWS) % 97 == 0)
    groups = np.array(["a", "b", None], dtype=object)[np.arange(ROWS) % 3]
    return write_table(
        folder / "m", KINDS[case.kind](ids), column, width=np.arange(ROWS), group=pa.array(groups)
    )


def engine_of(name, folder, case, **sets):
    """An engine, and the table as it sees it."""
    if name in NAMES:
        engine = Spark(session_of(name))
        frame = engine.session.read.parquet(f"file://{folder}")
        table = open_table([folder], score=SCORE, where=case.where, **sets)
        return engine, table if case.kind == "uuid bytes" else engine.table(
            frame, score=SCORE, where=case.where, **sets
        )
    if name == "polars":
        import polars

        frame = polars.scan_parquet(folder)
    else:
        frame = DUCKDB.from_parquet(str(folder / "*.parquet")) if name == "duckdb" else pq.read_table(folder)
    engine = Frames(frame)
    return engine, engine.table(score=SCORE, where=case.where, **sets)


def skip_what_it_cannot(*what):
    if what in CANNOT:
        pytest.skip(f"by design: {what[0]}, {what[1]}: {CANNOT[what]}")


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    return {case: tmp_path_factory.mktemp("table") for case in CASES}


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_engines_agree(tmp_path, tables, name, case):
    skip_what_it_cannot(name, case.kind)
    if name == CONNECT and case not in CASES[2:6]:
        pytest.skip(
            "by design: the same Java runs the same queries as for the classic session; a few cases prove the way there"
        )
    folder = written(tables[case], case)
    plain = open_table([folder], score=SCORE, where=case.where)
    engine, table = engine_of(name, folder, case)
    requests = [Keep(0.31), Keep(0.995), Threshold(0.2)]
    if case.awkward != "infinite":
        made = []
        for label, queried, one in (("a", plain, Local()), ("b", table, engine)):
            with work_folder(tmp_path / f"work-{label}", {}) as work:
                made.append(make_buckets(one, queried, 2 if case.awkward == "two scores" else 4, work))
        assert made[0].buckets == made[1].buckets
        last = made[0].names[-1]
        requests.append(FromBuckets(made[0], {"b0": 2.5, last: 1 / 3}, seed=3))
    suffix = ".npy" if case.kind == "hex" else ".txt"
    for number, request in enumerate(requests):
        one, other = (tmp_path / f"{label}{number}{suffix}" for label in "ab")
        cut(request, plain, one)
        cut(request, table, other, engine=engine)
        assert one.read_bytes() == other.read_bytes(), request


@pytest.mark.parametrize("name", ENGINES)
def test_engines_agree_on_members_and_pilot_samples(tmp_path, tables, name):
    case = CASES[0]
    folder = written(tables[case], case)
    plain = open_table([folder], score=SCORE)
    engine, table = engine_of(name, folder, case)
    found = []
    for label, queried, one in (("a", plain, Local()), ("b", table, engine)):
        with work_folder(tmp_path / f"work-{label}", {}) as work:
            made = make_buckets(one, queried, 40, work)
            path = tmp_path / f"{label}.parquet"
            sampled = write_members(one, queried, made, path, work, share=0.4, seed=5)
            found.append((made.buckets, sampled.sample, pq.read_table(path)))
    assert found[0] == found[1]


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize(
    "case", [Case(), Case("uuid", where="width >= 20"), *map(Case, list(KINDS)[2:])], ids=str
)
def test_engines_agree_on_sets_of_ids(tmp_path, tables, name, case):
    skip_what_it_cannot(name, case.kind)
    if name in NAMES and case.kind not in {CONNECT: ["hex"], SAIL: ["hex", "integer"]}.get(
        name, list(KINDS)[:5]
    ):
        pytest.skip("by design: the same queries as for the other sessions; a few kinds prove the way there")
    folder = written(tmp_path, case)
    ids = pq.read_table(folder).column("uid").combine_chunks()
    random = np.random.default_rng(1)
    first, second, third = (
        pa.array(random.choice(ROWS, count)) for count in (900, 500, 90)
    )  # some of them twice
    pq.write_table(pa.table({"other": range(900), "uid": ids.take(first)}), tmp_path / "first.parquet")
    texts = [
        str(uuid.UUID(bytes=i)) if isinstance(i, bytes) else str(i) for i in ids.take(second).to_pylist()
    ]
    (tmp_path / "second.txt").write_text("".join(f"{text}\n" for text in texts))
    pq.write_table(pa.table({"any": ids.take(third)}), tmp_path / "third.parquet")
    inside = set(first.to_pylist()) & set(second.to_pylist()) - set(third.to_pylist())
    outside = set(range(ROWS)) - set(second.to_pylist()) - set(third.to_pylist())
    suffix = ".npy" if case.kind in ("hex", "large text") else ".txt"
    for number, (rows, within, without) in enumerate(
        [
            (inside, ["first.parquet", "second.txt"], ["third.parquet"]),
            (outside, [], ["second.txt", "third.parquet"]),
        ]
    ):
        sets = {"within": [tmp_path / one for one in within], "without": [tmp_path / one for one in without]}
        kept = pq.read_table(folder).take(pa.array(sorted(rows)))
        pq.write_table(kept, tmp_path / f"kept{number}.parquet")
        plain = open_table([tmp_path / f"kept{number}.parquet"], score=SCORE, where=case.where)
        engine, table = engine_of(name, folder, case, **sets)
        local = open_table([folder], score=SCORE, where=case.where, **sets)
        for request in (Keep(0.31), Threshold(0.2)):
            written_by = {"plain": (plain, Local()), "local": (local, Local()), "engine": (table, engine)}
            for label, (queried, one) in written_by.items():
                cut(request, queried, tmp_path / f"{label}{suffix}", engine=one, replace=True)
            assert len({(tmp_path / f"{label}{suffix}").read_bytes() for label in written_by}) == 1, request


@pytest.mark.parametrize("name", ENGINES)
def test_an_id_of_another_kind_is_named_even_where_a_set_would_leave_it_out(tmp_path, name):
    ids = hex_ids(90)
    (tmp_path / "set.txt").write_text("\n".join(ids[:40]))
    folder = write_table(
        tmp_path / "m", [*ids[:50], ids[50].upper(), *ids[51:]], np.linspace(0, 1, 90, dtype=np.float32)
    )
    engine, table = engine_of(name, folder, Case(), within=tmp_path / "set.txt")
    with pytest.raises(InputError, match=rf"the id '{ids[50].upper()}' is not 32 lower-case hex digits"):
        cut(Keep(0.9), table, tmp_path / "s.npy", engine=engine)


@pytest.mark.parametrize("name", ENGINES)
def test_a_row_without_an_id_is_in_no_set(tmp_path, name):
    ids = hex_ids(90)
    (tmp_path / "set.txt").write_text("\n".join(ids[:40]))
    values = np.linspace(0, 1, 90, dtype=np.float32)
    folder = write_table(tmp_path / "m", pa.array([*ids[:89], None]), values)
    engine, table = engine_of(name, folder, Case(), within=tmp_path / "set.txt")
    assert cut(Keep(1.0), table, tmp_path / "s.npy", engine=engine).manifest.rows_in == 40
    engine, table = engine_of(name, folder, Case(), without=tmp_path / "set.txt")
    with pytest.raises(InputError, match="an id is null"):
        cut(Keep(1.0), table, tmp_path / "t.npy", engine=engine)


def test_a_frame_of_the_subset_is_not_made_within_sets(tmp_path, tables):
    from thresher.cuts.frame import cut_frame

    (tmp_path / "set.txt").write_text("\n".join(hex_ids(ROWS)[:140]))
    engine, table = engine_of(
        CLASSIC, written(tables[CASES[0]], CASES[0]), CASES[0], within=tmp_path / "set.txt"
    )
    with pytest.raises(InputError, match="cannot be made within or without sets of ids: join"):
        cut_frame(Keep(0.31), table, engine)


@pytest.mark.parametrize("name", [CLASSIC, CONNECT])
def test_sets_of_ids_reach_spark_through_a_uri(tmp_path, tables, name, monkeypatch):
    from thresher.metadata import set_frames

    monkeypatch.setattr(set_frames, "CHUNK_ROWS", 50)
    case = CASES[0]
    folder = written(tables[case], case)
    (tmp_path / "set.txt").write_text("\n".join(hex_ids(ROWS)[:140]))
    plain = open_table([folder], score=SCORE, within=tmp_path / "set.txt")
    engine = Spark(session_of(name), parts=f"file://{tmp_path}/parts")
    cut(Keep(0.31), plain, tmp_path / "a.npy")
    cut(Keep(0.31), plain, tmp_path / "b.npy", engine=engine)
    assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "b.npy").read_bytes()


@pytest.mark.parametrize("name", FRAMES)
def test_a_frames_bytes_are_no_uuids(tables, name):
    case = Case("uuid bytes")
    with pytest.raises(InputError, match="cannot hold ids"):
        engine_of(name, written(tables[case], case), case)


@pytest.mark.parametrize("name", NAMES)
def test_spark_reads_the_files_of_a_table_and_a_table_by_name(tmp_path, tables, name):
    case = CASES[0]
    folder = written(tables[case], case)
    engine = Spark(session_of(name))
    plain = open_table([folder], score=SCORE)
    engine.session.read.parquet(f"file://{folder}").createOrReplaceTempView("pool")
    cut(Keep(0.31), plain, tmp_path / "a.npy")
    cut(Keep(0.31), plain, tmp_path / "b.npy", engine=engine)
    cut(Keep(0.31), engine.table("pool", score=SCORE), tmp_path / "c.npy", engine=engine)
    cut(Keep(0.31), engine.named([f"file://{folder}"], score=SCORE), tmp_path / "d.npy", engine=engine)
    assert len({(tmp_path / f"{label}.npy").read_bytes() for label in "abcd"}) == 1


@pytest.mark.parametrize("name", NAMES)
def test_spark_gives_the_subset_back_as_a_table(tmp_path, tables, name):
    from thresher.cuts.frame import cut_frame

    case = CASES[0]
    folder = written(tables[case], case)
    engine = Spark(session_of(name))
    plain = open_table([folder], score=SCORE)
    with work_folder(tmp_path / "work", {}) as work:
        made = make_buckets(Local(), plain, 4, work)
    for request in (Keep(0.31), FromBuckets(made, {"b0": 2.5}, seed=3)):
        cut(request, plain, tmp_path / "a.txt", replace=True)
        frame = cut_frame(request, plain, engine).toArrow()
        ids = np.repeat(frame.column("uid").to_numpy(), frame.column("copies").to_numpy())
        assert sorted(ids) == (tmp_path / "a.txt").read_text().split()


@pytest.mark.parametrize("name", NAMES)
def test_spark_writes_its_parts_to_a_uri_and_reads_them_back(tmp_path, tables, name):
    case = CASES[0]
    folder = written(tables[case], case)
    plain = open_table([folder], score=SCORE)
    engine = Spark(session_of(name), parts=f"file://{tmp_path}/parts")
    skip_what_it_cannot("spark through uri", name)
    for number, request in enumerate((Keep(0.31), Keep(0.995))):
        cut(request, plain, tmp_path / f"a{number}.npy")
        cut(request, plain, tmp_path / f"b{number}.npy", engine=engine)
        assert (tmp_path / f"a{number}.npy").read_bytes() == (tmp_path / f"b{number}.npy").read_bytes()


@pytest.mark.parametrize("name", [CLASSIC, CONNECT])
def test_files_whose_types_differ_are_one_table_on_spark_as_well(tmp_path, name):
    ids = [n * 7919 for n in range(300)]
    values = scores(300)
    folder = write_table(tmp_path / "m", pa.array(ids[:150], pa.int32()), values[:150], files=1)
    wide = write_table(
        tmp_path / "n", pa.array(ids[150:], pa.int64()), values[150:].astype(np.float64), files=1
    )
    (wide / "0000.parquet").rename(folder / "0001.parquet")
    plain = open_table([folder], score=SCORE)
    cut(Keep(0.4), plain, tmp_path / "a.txt")
    cut(Keep(0.4), plain, tmp_path / "b.txt", engine=Spark(session_of(name)))
    assert (tmp_path / "a.txt").read_bytes() == (tmp_path / "b.txt").read_bytes()


@pytest.mark.parametrize("name", ENGINES)
def test_an_id_of_another_kind_is_named_on_every_engine(tmp_path, name):
    ids = hex_ids(90)
    ids[50] = ids[50].upper()
    folder = write_table(tmp_path / "m", ids, np.linspace(0, 1, 90, dtype=np.float32))
    engine, table = engine_of(name, folder, Case())
    with pytest.raises(InputError, match=rf"the id '{ids[50]}' is not 32 lower-case hex digits"):
        cut(Keep(0.9), table, tmp_path / "s.npy", engine=engine)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m"]


def test_a_frame_without_the_columns_is_refused():
    frames = Frames(pa.table({"uid": hex_ids(3), SCORE: ["a", "b", "c"]}))
    with pytest.raises(InputError, match="no column 'clip'; it has uid, score"):
        frames.table(score="clip")
    with pytest.raises(InputError, match="not a number"):
        frames.table(score=SCORE)
