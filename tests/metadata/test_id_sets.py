"""Files of ids, what several of them come to, and which rows they leave, in bounded memory."""

import gzip
import tracemalloc
import uuid

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metadata_tables import SCORE, expected_npy, hex_ids, scores, write_table
from thresher.cuts import FromIndex, Keep, Threshold, cut, from_index, index, make_index, open_index, verify
from thresher.cuts.index import with_sets
from thresher.errors import InputError
from thresher.metadata import Local, id_files, local, open_table, tasks
from thresher.metadata.engine import no_progress
from thresher.metadata.id_sets import open_sets
from thresher.metadata.ids import IdKind, id_text
from thresher.metadata.keys import PairKeys
from thresher.metadata.set_keys import lookup_of, part_bytes, sort_sets
from thresher.metadata.spill import Run, write_run
from thresher.metadata.work import work_folder

HEX = hex_ids(300)
IDS = {
    IdKind.HEX: HEX,
    IdKind.UUID: [str(uuid.UUID(hex=one)) for one in HEX],
    IdKind.INTEGER: [int(one[:15], 16) - 2**59 for one in HEX],
    IdKind.TEXT: [f"img/{'é' if n % 3 else 'e'} {n}.jpg" for n in range(300)],
}


def texts_of(path, kind, id_column="uid"):
    (one,) = open_sets(path, (), kind=kind, id_column=id_column)
    return [id_text(keys.key(row), kind) for keys in one.blocks() for row in range(len(keys))]


@pytest.mark.parametrize("kind", IDS)
@pytest.mark.parametrize("suffix", [".txt", ".txt.gz", ".parquet", ""])
def test_every_format_gives_its_ids_in_order_with_repeats(tmp_path, monkeypatch, kind, suffix):
    monkeypatch.setattr(id_files, "BLOCK_BYTES", 90)
    monkeypatch.setattr(id_files, "BLOCK_ROWS", 17)
    monkeypatch.setattr(id_files, "LONGEST_LINE", 80)
    ids = [*IDS[kind], *IDS[kind][:20]]
    path = tmp_path / f"set{suffix}"
    if suffix.startswith(".txt"):
        content = "".join(f"{one}\n" for one in ids).encode()
        path.write_bytes(gzip.compress(content) if suffix.endswith("gz") else content)
    elif suffix:
        pq.write_table(pa.table({"uid": ids, "bucket": ["b0"] * len(ids)}), path)
    else:
        write_table(path, ids, np.zeros(len(ids)))
    assert texts_of(path, kind) == [str(one) for one in ids]


def test_datacomps_pairs_are_read_in_both_byte_orders(tmp_path):
    np.save(tmp_path / "a.npy", expected_npy(HEX))
    np.save(tmp_path / "b.npy", expected_npy(HEX).astype(">u8,>u8"))
    assert texts_of(tmp_path / "a.npy", IdKind.HEX) == texts_of(tmp_path / "b.npy", IdKind.HEX) == sorted(HEX)


def test_windows_text_with_a_mark_and_blank_lines_at_the_end_is_read(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbf" + "\r\n".join([*HEX, "", " ", ""]).encode())
    assert texts_of(tmp_path / "a.txt", IdKind.HEX) == HEX


def test_parquet_may_hold_dictionaries_other_integers_and_a_column_of_another_name(tmp_path):
    pq.write_table(pa.table({"key": pa.array(HEX).dictionary_encode()}), tmp_path / "a.parquet")
    assert texts_of(tmp_path / "a.parquet", IdKind.HEX) == HEX
    pq.write_table(pa.table({"key": pa.array([3, 1], pa.uint16())}), tmp_path / "b.parquet")
    assert texts_of(tmp_path / "b.parquet", IdKind.INTEGER) == ["3", "1"]


def damaged(folder):
    """Name, kind of the table, content of a file, and what is said of it."""
    whole = expected_npy(HEX)
    np.save(folder / "whole.npy", whole)
    pairs = (folder / "whole.npy").read_bytes()
    lines = "".join(f"{one}\n" for one in HEX).encode()
    yield "gone.txt", IdKind.HEX, None, "no such file. Give a file of ids"
    yield "a.csv", IdKind.HEX, lines, "is not a file of ids that can be read: .npy"
    yield (
        "short.npy",
        IdKind.HEX,
        pairs[:-3],
        "should hold 300 ids, but has 4,797 bytes for them instead of 4,800",
    )
    yield "long.npy", IdKind.HEX, pairs + b"0" * 16, "should hold 300 ids, but has 4,816 bytes"
    yield "header.npy", IdKind.HEX, pairs[:60], "is not a whole .npy file"
    yield "no.npy", IdKind.HEX, lines, "is not a whole .npy file"
    yield "pairs.npy", IdKind.UUID, pairs, "are 32 hex digits, but the table's are UUIDs with dashes"
    yield "empty.txt", IdKind.HEX, b"", "holds no ids at all"
    yield "blanks.txt", IdKind.HEX, b"\n\n \n", "holds no ids at all"
    yield "blank.txt", IdKind.HEX, lines[:66] + b"\n" + lines, "line 3 is blank, with ids after it"
    yield "nul.txt", IdKind.TEXT, b"a\0b\n", "is not text with one id per line"
    yield "latin.txt", IdKind.TEXT, b"a\nb\xe9\n", "is not UTF-8 text"
    yield "bytes.txt", IdKind.HEX, gzip.compress(lines), "is not"
    yield "mac.txt", IdKind.TEXT, b"a\rb\n", "carriage return within a line"
    yield "line.txt", IdKind.TEXT, b"a" * 70_000, "is not text with one id per line"
    yield "cut.txt.gz", IdKind.HEX, gzip.compress(lines)[:-20], "not whole gzip"
    yield "no.txt.gz", IdKind.HEX, lines, "cannot be read: Not a gzipped file"
    yield "bad.txt.gz", IdKind.HEX, gzip.compress(lines)[:40] + b"\xff" * 900, "is not whole gzip"
    yield "upper.txt", IdKind.HEX, lines + HEX[0].upper().encode(), "is not 32 lower-case hex digits"
    yield "uuid.txt", IdKind.HEX, str(uuid.UUID(hex=HEX[0])).encode(), "UUIDs with dashes .for example '"
    yield "numbers.txt", IdKind.HEX, b"12\n13\n", "holds ids that are other text"
    yield "hex.txt", IdKind.INTEGER, lines, "32 hex digits .* but the table's are integers"
    yield "hex.txt", IdKind.TEXT, lines, "32 hex digits .* but the table's are other text"
    yield "zeros.txt", IdKind.INTEGER, b"7\n007\n", "the id '007' is not a 64-bit integer"
    yield "base.txt", IdKind.INTEGER, b"7\n0x1f\n", "the id '0x1f' is not a 64-bit integer"
    yield "large.txt", IdKind.INTEGER, b"7\n9223372036854775808\n", "the id '9223372036854775808' is not"
    yield "no.parquet", IdKind.HEX, lines, "is not whole Parquet"
    columns = {
        "other": ({"a": HEX, "b": HEX}, IdKind.HEX, "has no column 'uid'; it has a, b"),
        "null": ({"uid": [*HEX, None]}, IdKind.HEX, "holds a null"),
        "float": ({"uid": [0.5]}, IdKind.HEX, "cannot hold ids"),
        "integer": ({"uid": [1, 2]}, IdKind.HEX, "ids that are integers, but the table's are 32 hex digits"),
        "text": ({"uid": ["1", "2"]}, IdKind.INTEGER, "other text, but the table's are integers"),
        "rows": ({"uid": pa.array([], pa.string())}, IdKind.HEX, "holds no ids at all"),
    }
    for name, (content, kind, said) in columns.items():
        pq.write_table(pa.table(content), folder / "made.parquet")
        yield f"{name}.parquet", kind, (folder / "made.parquet").read_bytes(), said


def test_what_is_no_set_of_the_tables_ids_is_refused_in_one_sentence(tmp_path):
    for name, kind, content, said in damaged(tmp_path):
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=said) as caught:
            texts_of(tmp_path / name, kind)
        assert name in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_file_within_and_without_and_a_url_are_refused(tmp_path):
    (tmp_path / "a.txt").write_text(HEX[0])
    (tmp_path / "b.txt").write_text(HEX[0])
    with pytest.raises(InputError, match="given with within and with without, which leaves no row"):
        open_sets(tmp_path / "a.txt", tmp_path / "b.txt", kind=IdKind.HEX, id_column="uid")
    with pytest.raises(InputError, match="is a URL; fetch the file first"):
        open_sets("s3://pool/a.txt", (), kind=IdKind.HEX, id_column="uid")


def test_a_set_that_changes_is_noticed_and_a_new_date_alone_is_no_change(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("\n".join(HEX))
    (one,) = open_sets(path, (), kind=IdKind.HEX, id_column="uid")
    path.write_text("\n".join(HEX))
    one.check_unchanged()
    path.write_text("\n".join(HEX[1:]))
    with pytest.raises(InputError, match=r"a.txt changed while it was being read"):
        one.check_unchanged()
    path.unlink()
    with pytest.raises(InputError, match=r"a.txt vanished while it was being read"):
        one.check_unchanged()


@settings(max_examples=60, deadline=None)
@given(
    held=st.sets(st.tuples(st.integers(0, 4), st.integers(0, 6)), min_size=1),
    asked=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 7))),
)
def test_pairs_that_share_their_leading_integer_are_told_apart(tmp_path_factory, held, asked):
    path = tmp_path_factory.mktemp("run") / "run"
    columns = np.array(sorted(held), dtype=np.uint64).reshape(-1, 2)
    write_run(path, PairKeys(columns[:, 0].copy(), columns[:, 1].copy()), None)
    wanted = np.array(asked, dtype=np.uint64).reshape(-1, 2)
    found = lookup_of(Run(path, len(held), None, False))(PairKeys(wanted[:, 0].copy(), wanted[:, 1].copy()))
    assert found.tolist() == [one in held for one in asked]


def largest(keys):
    return max(part.rows for part in keys.parts)


@pytest.mark.parametrize("kind", [IdKind.HEX, IdKind.TEXT])
def test_sets_larger_than_the_room_are_sorted_in_parts_of_it(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(id_files, "BLOCK_ROWS", 100)
    ids = IDS[kind] * 5
    pq.write_table(pa.table({"uid": np.random.default_rng(0).permutation(ids)}), tmp_path / "a.parquet")
    sets = open_sets(tmp_path / "a.parquet", (), kind=kind, id_column="uid")
    with work_folder(tmp_path / "w", {}) as work:
        keys = sort_sets(sets, work, 2000, no_progress)
        read = [
            id_text(part.read(0, part.rows)[0].key(row), kind)
            for part in keys.parts
            for row in range(part.rows)
        ]
        assert read == sorted(IDS[kind], key=str.encode)
        assert len(keys.parts) > 3
        assert largest(keys) * 16 <= part_bytes(2000)
        monkeypatch.setattr(type(sets[0]), "blocks", None)
        assert sort_sets(sets, work, 2000, no_progress) == keys  # nothing is sorted again
        assert not list(work.path.glob("*-00-*"))


def test_memory_stays_within_the_room_however_large_the_set(tmp_path, monkeypatch):
    monkeypatch.setattr(id_files, "BLOCK_ROWS", 4096)
    rows, room = 1_500_000, 6_000_000
    pairs = np.random.default_rng(0).integers(0, 2**63, (rows, 2)).astype(np.uint64)
    np.save(tmp_path / "a.npy", pairs.view("u8,u8")[:, 0])
    del pairs
    sets = open_sets(tmp_path / "a.npy", (), kind=IdKind.HEX, id_column="uid")
    assert rows * 16 > 3 * room
    tracemalloc.start()
    with work_folder(tmp_path / "w", {}) as work:
        keys = sort_sets(sets, work, room, no_progress)
        held = [lookup_of(part)(PairKeys(*[np.arange(9, dtype=np.uint64)] * 2)) for part in keys.parts]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert not np.concatenate(held).any()
    assert peak < room


@pytest.fixture
def small_pieces(monkeypatch):
    """Tasks, batches, parts and blocks so small that some hundred rows exercise every seam."""
    monkeypatch.setattr(tasks, "LEAST_TASK_ROWS", 60)
    monkeypatch.setattr(tasks, "MOST_TASK_ROWS", 120)
    monkeypatch.setattr(local, "BATCH_ROWS", 17)
    monkeypatch.setattr(local, "OWN_MEMORY", 0)
    monkeypatch.setattr(local, "LEAST_MEMORY", 0)
    monkeypatch.setattr(from_index, "OWN_MEMORY", 0)
    monkeypatch.setattr(index, "BLOCK_ROWS", 31)


CHOICES = st.lists(st.tuples(st.integers(0, 99), st.sampled_from([1, 30, 300, 900])), max_size=2)
"""Seeds and sizes of sets: parts of one key, of some, and more than fit in the least memory at once."""


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(sorted(IDS)), within=CHOICES, without=CHOICES, workers=st.integers(1, 3),
    memory=st.sampled_from([2_000, 20_000, 512e6]), where=st.sampled_from([None, "width < 200"]),
    fraction=st.sampled_from([0.6, 1.0]),
)  # fmt: skip
def test_a_cut_within_sets_is_that_of_the_rows_that_are_left(
    tmp_path_factory, small_pieces, kind, within, without, workers, memory, where, fraction
):
    folder = tmp_path_factory.mktemp("cut")
    ids = [*IDS[kind][:290], *IDS[kind][:10]]  # ten ids twice; ten that are in sets alone
    values = scores(300)
    write_table(folder / "m", ids, values, width=np.arange(300))
    everything = [*ids, *IDS[kind][290:], *IDS[kind][280:300]]
    paths, members = {"within": [], "without": []}, {"within": [], "without": []}
    for name, choices in (("within", within), ("without", without)):
        for number, (seed, size) in enumerate(choices):
            chosen = [
                everything[row] for row in np.random.default_rng(seed).integers(0, len(everything), size)
            ]
            path = folder / f"{name}{number}.{('txt', 'parquet')[number % 2]}"
            if number % 2:
                pq.write_table(pa.table({"uid": chosen}), path)
            else:
                path.write_text("".join(f"{one}\n" for one in chosen))
            paths[name].append(path)
            members[name].append(set(chosen))
    kept = [
        row
        for row, one in enumerate(ids)
        if all(one in those for those in members["within"])
        and not any(one in those for those in members["without"])
    ]
    output, other = folder / "a.txt", folder / "b.txt"
    engine = Local(memory, workers)

    def attempt():
        return cut(
            Keep(fraction),
            open_table([folder / "m"], score=SCORE, where=where, **paths),
            output,
            engine=engine,
        )

    if not [row for row in kept if where is None or row < 200]:
        with pytest.raises(InputError, match=r"leaves no row|No row passes|No id is left"):
            attempt()
        return
    done = attempt()
    write_table(folder / "k", [ids[row] for row in kept], values[kept], width=np.array(kept))
    plain = cut(Keep(fraction), open_table([folder / "k"], score=SCORE, where=where), other)
    assert output.read_bytes() == other.read_bytes()
    assert (done.manifest.rows_in, done.manifest.missing) == (plain.manifest.rows_in, plain.manifest.missing)


@pytest.mark.parametrize("kind", [IdKind.HEX, IdKind.UUID, IdKind.INTEGER])
@pytest.mark.parametrize("memory", [4_000, 512e6])
def test_an_index_is_made_and_cut_within_sets(tmp_path, small_pieces, kind, memory):
    ids, values = [*IDS[kind][:290], *IDS[kind][:10]], scores(300)
    folder = write_table(tmp_path / "m", ids, values)
    first, second, third = tmp_path / "first.txt", tmp_path / "second.parquet", tmp_path / "third.txt"
    first.write_text("".join(f"{one}\n" for one in IDS[kind][40:]))
    pq.write_table(pa.table({"any": IDS[kind][30:60]}), second)
    third.write_text("".join(f"{one}\n" for one in IDS[kind][60:100] * 2))
    plain = open_table([folder], score=SCORE, within=first, without=[second, third])
    whole = make_index(open_table([folder], score=SCORE), tmp_path / "whole", engine=Local(memory))
    part = make_index(
        open_table([folder], score=SCORE, within=first, without=third),
        tmp_path / "part",
        engine=Local(memory),
    )
    assert open_index(tmp_path / "part").table.sets[0].sha256 == part.table.sets[0].sha256
    for request in (Keep(0.31), Keep(1.0), Threshold(0.2)):
        cut(request, plain, tmp_path / "a.txt", replace=True)
        for made in (whole, open_index(tmp_path / "part")):
            table = with_sets(made, first, [second, third])
            assert len(table.sets) == 3
            cut(request, table, tmp_path / "b.txt", engine=FromIndex(made, memory=memory), replace=True)
            assert (tmp_path / "a.txt").read_bytes() == (tmp_path / "b.txt").read_bytes()
            assert verify(tmp_path / "b.txt").job["within"][0]["path"] == str(first)
    first.unlink()  # what it held decides no more
    cut(Keep(0.5), open_index(tmp_path / "part").table, tmp_path / "c.txt", engine=FromIndex(part))


def test_joined_scores_are_cut_within_sets(tmp_path):
    from thresher.metadata.joined import open_joined

    values = scores(300)
    write_table(tmp_path / "m", HEX, np.zeros(300))
    pq.write_table(pa.table({"uid": HEX, "other": values}), tmp_path / "scores.parquet")
    np.save(tmp_path / "set.npy", expected_npy(HEX[:100]))
    table = open_joined(
        [tmp_path / "m"], [tmp_path / "scores.parquet"], tmp_path, score="other", id_column="uid", where=None,
        without=tmp_path / "set.npy",
    )  # fmt: skip
    cut(Keep(0.5), table, tmp_path / "a.npy")
    plain = open_table([write_table(tmp_path / "k", HEX[100:], values[100:])], score=SCORE)
    cut(Keep(0.5), plain, tmp_path / "b.npy")
    assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "b.npy").read_bytes()
    assert verify(tmp_path / "a.npy").rows_in == 200
