"""Parquet types that writers really produce give the ids that plain types give."""

import shutil
import uuid
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from metadata_tables import hex_ids
from thresher.cli.app import run

CASES = Path(__file__).parent
ROWS = 40
HEX = hex_ids(ROWS)
VALUES = np.random.default_rng(8).permutation(ROWS).astype("f8") / 8  # exact in every float, half floats too


@pytest.fixture
def case(tmp_path, monkeypatch):
    def enter(name: str) -> Path:
        (found,) = CASES.glob(f"{name}_*")
        shutil.copytree(found, tmp_path / "case")
        monkeypatch.chdir(tmp_path / "case")
        return tmp_path / "case"

    return enter


def kept(folder, *more, keep="0.5", output="o.txt", score="s") -> list[str]:
    place = folder / output
    asked = [
        "cut",
        str(folder / "m"),
        "--score",
        score,
        "--keep",
        keep,
        "-o",
        str(place),
        "--force",
        "--quiet",
    ]
    assert run([*asked, *more]) == 0
    return place.read_text().split()


def refused(capsys, *arguments) -> str:
    capsys.readouterr()
    assert run(list(map(str, arguments))) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


def write(folder, *shards) -> None:
    """Tables as shards of a metadata folder."""
    shutil.rmtree(folder / "m", ignore_errors=True)
    (folder / "m").mkdir()
    for number, shard in enumerate(shards):
        pq.write_table(shard, folder / "m" / f"{number}.parquet")


def halves(ids, values, **columns):
    table = pa.table({"uid": ids, "s": values, **columns})
    return table.slice(0, ROWS // 2), table.slice(ROWS // 2)


@pytest.fixture
def plain(tmp_path):
    """The ids that are kept where all is a string and a double."""
    write(tmp_path, *halves(HEX, VALUES))
    return kept(tmp_path)


def test_28_a_shard_without_any_score(case, capsys):
    """A shard whose scores are all missing has Parquet's null type."""
    case("28")
    assert run(["cut", "meta", "--score", "s", "--keep", "50%", "-o", "out.txt", "--quiet"]) == 0
    assert [one[-2:] for one in Path("out.txt").read_text().split()] == ["00", "01"]
    assert "2 rows have no score and rank last" in capsys.readouterr().out


def test_29_ids_of_a_dictionary(case):
    """A dictionary of strings was called no ids."""
    case("29")
    assert run(["cut", "meta.parquet", "--score", "s", "--keep", "50%", "-o", "out.npy", "--quiet"]) == 0
    assert [low & 0xFF for _, low in np.load("out.npy").tolist()] == [2, 3]


def test_30_a_column_that_is_there_twice(case, capsys):
    """The message was: has no column 's'; it has s, s."""
    case("30")
    said = refused(capsys, "cut", "meta.parquet", "--score", "s", "--keep", "50%", "-o", "out.txt")
    assert "has 2 columns 's'" in said


def test_a_twin_of_another_column_is_no_harm(tmp_path, plain):
    twins = [one.append_column("t", one["s"]).append_column("t", one["s"]) for one in halves(HEX, VALUES)]
    write(tmp_path, *twins)
    assert kept(tmp_path) == plain


TEXTS = {
    "large_string": pa.large_string(), "string_view": pa.string_view(), "binary": pa.binary(), "large_binary": pa.large_binary(),
    "32 bytes": pa.binary(32), "dictionary int8": pa.dictionary(pa.int8(), pa.string()),
    "dictionary uint32 of large": pa.dictionary(pa.uint32(), pa.large_string()),
}  # fmt: skip


def cast(values, kind):
    if pa.types.is_dictionary(kind):
        found = pa.array(values, kind.value_type).dictionary_encode()
        return pa.DictionaryArray.from_arrays(found.indices.cast(kind.index_type), found.dictionary)
    if kind == pa.binary(32):
        return pa.array([one.encode() for one in values], kind)
    return pa.array(values, pa.string()).cast(kind)


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("mixed", [False, True])
def test_text_of_any_type_is_text(tmp_path, plain, name, mixed):
    """Ids are what they say, not how a writer stored them; a shard of plain strings beside them is no other table."""
    first, second = halves(cast(HEX, TEXTS[name]), VALUES)
    other = halves(HEX, VALUES)[1] if mixed else second
    write(tmp_path, first, other)
    assert kept(tmp_path) == plain
    pq.write_table(pa.table({"uid": cast(HEX, TEXTS[name]), "other": VALUES}), tmp_path / "scores.pq")
    write(tmp_path, *halves(HEX, np.zeros(ROWS)))
    assert kept(tmp_path, "--scores", str(tmp_path / "scores.pq"), score="other") == plain
    words = [f"id-{one}" for one in HEX]
    write(tmp_path, pa.table({"uid": cast(words, TEXTS[name]) if name != "32 bytes" else words, "s": VALUES}))
    assert kept(tmp_path) == [f"id-{one}" for one in plain]


def test_uuids_are_uuids_in_bytes_and_in_text(tmp_path, plain):
    """The same ids as 16 bytes, as Arrow's own type and as text, in shards of one table and on both sides of a join."""
    texts = [str(uuid.UUID(one)) for one in HEX]
    raw = pa.array([uuid.UUID(one).bytes for one in HEX], pa.binary(16))
    forms = [texts, raw]
    if hasattr(pa, "uuid"):
        forms.append(pa.ExtensionArray.from_storage(pa.uuid(), raw))
    expected = [str(uuid.UUID(one)) for one in plain]
    for one in forms:
        for other in forms:
            write(tmp_path, halves(one, VALUES)[0], halves(other, VALUES)[1])
            assert kept(tmp_path) == expected
            pq.write_table(pa.table({"uid": other, "other": VALUES}), tmp_path / "scores.pq")
            assert kept(tmp_path, "--scores", str(tmp_path / "scores.pq"), score="other") == expected


def test_bytes_that_are_no_text_are_refused(tmp_path, capsys):
    write(tmp_path, pa.table({"uid": pa.array([b"\xff\xfe"] * ROWS, pa.binary()), "s": VALUES}))
    asked = ("cut", tmp_path / "m", "--score", "s", "--keep", "1", "-o", tmp_path / "o.txt")
    assert "no text in UTF-8" in refused(capsys, *asked)


@pytest.mark.parametrize(
    "kind", [pa.int8(), pa.uint16(), pa.int32(), pa.uint64(), pa.dictionary(pa.int32(), pa.int64())]
)
def test_whole_numbers_of_any_width_are_ids(tmp_path, kind):
    numbers = pa.array(range(ROWS), pa.int64())
    ids = numbers.dictionary_encode() if pa.types.is_dictionary(kind) else numbers.cast(kind)
    write(tmp_path, halves(ids, VALUES)[0], halves(numbers, VALUES)[1])
    best = np.argsort(-VALUES)[: ROWS // 2]
    assert kept(tmp_path) == [str(one) for one in sorted(best)]


def test_a_number_beyond_63_bits_is_refused(tmp_path, capsys):
    write(
        tmp_path, pa.table({"uid": pa.array([2**64 - 1 - n for n in range(ROWS)], pa.uint64()), "s": VALUES})
    )
    asked = ("cut", tmp_path / "m", "--score", "s", "--keep", "1", "-o", tmp_path / "o.txt")
    assert "above 2^63 - 1" in refused(capsys, *asked)


SCORES = {
    "half": pa.float16(), "float": pa.float32(), "int16": pa.int16(), "uint64": pa.uint64(), "decimal": pa.decimal128(20, 4),
    "decimal256": pa.decimal256(50, 4), "dictionary": pa.dictionary(pa.int32(), pa.float64()),
}  # fmt: skip


@pytest.mark.parametrize("name", SCORES)
@pytest.mark.parametrize("joined", [False, True])
def test_numbers_of_any_type_are_scores(tmp_path, plain, name, joined):
    """In one shard, beside doubles in another; also where they are joined."""
    kind = SCORES[name]
    numbers = VALUES * 8 if kind in (pa.int16(), pa.uint64()) else VALUES
    if pa.types.is_dictionary(kind):
        column = pa.array(numbers).dictionary_encode()
    elif kind == pa.float16():
        column = pa.array(numbers.astype("f2"))
    else:
        column = pa.array(numbers).cast(kind)
    if not joined:
        write(tmp_path, halves(HEX, column)[0], halves(HEX, numbers)[1])
        assert kept(tmp_path) == plain
        return
    write(tmp_path, *halves(HEX, np.zeros(ROWS)))
    (tmp_path / "b").mkdir()
    for number, one in enumerate((halves(HEX, column)[0], halves(HEX, numbers)[1])):
        pq.write_table(one, tmp_path / "b" / f"{number}.parquet")
    assert kept(tmp_path, "--scores", str(tmp_path / "b")) == plain


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (pa.array([True] * ROWS), "column 's' is bool, not a number"),
        (pa.array([[1.0]] * ROWS), "not a number"),
        (pa.array([{"a": 1.0}] * ROWS), "not a number"),
        (pa.array(["1"] * ROWS), "column 's' is string, not a number"),
    ],
)
def test_what_is_no_number_is_refused(tmp_path, capsys, column, message):
    write(tmp_path, pa.table({"uid": HEX, "s": column}))
    asked = ("cut", tmp_path / "m", "--score", "s", "--keep", "1", "-o", tmp_path / "o.txt")
    assert message in refused(capsys, *asked)


def test_a_part_of_a_struct_is_no_column(tmp_path, capsys, plain):
    """`a.b` is the column of that name; it is no path into `a`."""
    write(tmp_path, pa.table({"uid": HEX, "a": [{"b": 1.0}] * ROWS}))
    asked = ("cut", tmp_path / "m", "--score", "a.b", "--keep", "1", "-o", tmp_path / "o.txt")
    assert "has no column 'a.b'" in refused(capsys, *asked)
    write(tmp_path, pa.table({"uid": HEX, "a.b": VALUES, "a": -VALUES}))
    assert kept(tmp_path, score="a.b") == plain


def test_shards_that_differ_in_harmless_ways_are_one_table(tmp_path, plain):
    """Order of columns, pandas's index, shards without rows or row groups, and types of columns without values."""
    first, second = halves(HEX, VALUES)
    empty = pa.table({"s": pa.nulls(0), "uid": pa.nulls(0)})
    write(
        tmp_path,
        first.append_column("__index_level_0__", pa.array(range(len(first)))),
        second.select([1, 0]),
        empty,
    )
    with pq.ParquetWriter(tmp_path / "m" / "none.parquet", first.schema):
        pass
    assert pq.ParquetFile(tmp_path / "m" / "none.parquet").metadata.num_row_groups == 0
    assert kept(tmp_path) == plain
    pq.write_table(pa.table({"uid": HEX, "other": VALUES}), tmp_path / "scores.pq")
    assert kept(tmp_path, "--scores", str(tmp_path / "scores.pq"), score="other") == plain


def test_ids_that_are_all_missing_are_refused(tmp_path, capsys):
    first, _ = halves(HEX, VALUES)
    write(tmp_path, first, pa.table({"uid": pa.nulls(3), "s": [9.0, 9.0, 9.0]}))
    asked = ("cut", tmp_path / "m", "--score", "s", "--keep", "1", "-o", tmp_path / "o.txt")
    assert "1.parquet: column 'uid': an id is null" in refused(capsys, *asked)


def test_a_table_without_any_score_is_cut_by_ids(tmp_path):
    write(tmp_path, pa.table({"uid": HEX, "s": pa.nulls(ROWS)}))
    assert kept(tmp_path) == sorted(HEX)[: ROWS // 2]


def test_an_id_of_the_scores_that_is_no_id_is_refused(tmp_path, capsys):
    """An upper-case id among the scores joined to nothing, in silence."""
    write(tmp_path, *halves(HEX, VALUES))
    wrong = [*HEX[:-1], "ABCDEF" + HEX[-1][6:]]
    pq.write_table(pa.table({"uid": wrong, "other": VALUES}), tmp_path / "scores.pq")
    asked = (
        "cut",
        tmp_path / "m",
        "--scores",
        tmp_path / "scores.pq",
        "--score",
        "other",
        "--keep",
        "1",
        "-o",
        tmp_path / "o.txt",
    )
    said = refused(capsys, *asked)
    assert "scores.pq: column 'uid': the id 'ABCDEF" in said


def test_frames_of_categories_are_text(tmp_path, plain):
    """Polars's categories are strings, ordered by their text."""
    polars = pytest.importorskip("polars")
    from thresher.cuts import Keep, cut
    from thresher.metadata.frames import Frames

    frame = polars.DataFrame({"uid": HEX, "s": VALUES}).with_columns(
        polars.col("uid").cast(polars.Categorical)
    )
    engine = Frames(frame)
    cut(Keep(0.5), engine.table(score="s"), tmp_path / "f.txt", engine=engine)
    assert (tmp_path / "f.txt").read_text().split() == plain
