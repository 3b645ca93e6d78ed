"""Sorted parts are merged by their keys: no order of files and no overlap changes what comes out."""

import tracemalloc

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thresher.metadata.ids import IdKind
from thresher.metadata.keys import PairKeys, TextKeys
from thresher.metadata.spark import parts as module
from thresher.metadata.spark.parts import Part, local_parts, merge_parts, read_local

KEYS = st.lists(st.lists(st.integers(0, 40), max_size=30), max_size=6)


def keys_of(numbers, text):
    if text:
        return TextKeys(pa.array([b"%03d" % n for n in numbers], pa.large_binary()))
    return PairKeys(np.array(numbers, np.uint64), np.array(numbers, np.uint64) % 3)


@given(KEYS, st.integers(1, 7), st.booleans(), st.booleans(), st.randoms(use_true_random=False))
def test_parts_in_any_order_and_overlap_are_merged_and_equal_keys_never_part(
    numbers, batch, text, known, random
):
    content, made = {}, []
    for name, found in enumerate(numbers):
        content[str(name)] = keys_of(sorted(found), text)
        if found:
            first, last = (content[str(name)].key(row) for row in (0, -1))
            made.append(Part(str(name), len(found), first if known else None, last if known else None))
    random.shuffle(made)

    def read(part):
        keys = content[part.path]
        for start in range(0, len(keys), batch):
            rows = slice(start, start + batch)
            yield keys.take(rows), np.arange(len(keys), dtype=np.uint32)[rows]

    merged, before = [], None
    for keys, carried in merge_parts(made, read):
        assert len(keys) == len(carried)
        assert keys.is_sorted()
        assert before is None or keys.key(0) > before
        before = keys.key(-1)
        merged += [keys.key(row) for row in range(len(keys))]
    expected = keys_of(sorted(n for found in numbers for n in found), text)
    assert merged == [expected.key(row) for row in range(len(expected))]


def test_parts_that_do_not_overlap_are_open_one_at_a_time():
    opened, most = set(), 0
    parts = [Part(str(n), 4, (10 * n, 0), (10 * n + 9, 0)) for n in range(50)]

    def read(part):
        nonlocal most
        opened.add(part.path)
        most = max(most, len(opened))
        numbers = np.arange(int(part.path) * 10, int(part.path) * 10 + 10, dtype=np.uint64)
        for row in range(0, 10, 2):
            yield PairKeys(numbers[row : row + 2], numbers[row : row + 2] * 0), None
        opened.discard(part.path)

    assert sum(len(keys) for keys, _ in merge_parts(parts[::-1], read)) == 500
    assert most <= 2


def test_a_merge_holds_batches_not_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "BATCH_ROWS", 4096)
    rng = np.random.default_rng(0)
    for number in range(3):
        words = np.sort(rng.integers(0, 2**63, 200_000, dtype=np.uint64))
        raw = np.stack([words, words], axis=1).astype(">u8").tobytes()
        keys = pa.array([raw[i : i + 16] for i in range(0, len(raw), 16)], pa.binary())
        pq.write_table(pa.table({"key": keys}), tmp_path / f"{number}.parquet", row_group_size=20_000)
    found = local_parts(tmp_path, IdKind.HEX)
    tracemalloc.start()
    rows = sum(len(keys) for keys, _ in merge_parts(found, lambda part: read_local(part, IdKind.HEX)))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert rows == 600_000
    assert most < 600_000 * 16 / 4  # what numpy holds; Arrow holds a batch of each part beside it


@pytest.mark.parametrize(
    ("column", "said"),
    [([b"0" * 16, None], "without a key"), ([b"0" * 16, b"0" * 15], "not 16 bytes long")],
)
def test_a_part_with_a_wrong_key_is_refused(tmp_path, column, said):
    pq.write_table(pa.table({"key": pa.array(column, pa.binary())}), tmp_path / "0.parquet")
    (part,) = local_parts(tmp_path, IdKind.HEX)
    with pytest.raises(ValueError, match=said):
        list(read_local(part, IdKind.HEX))
