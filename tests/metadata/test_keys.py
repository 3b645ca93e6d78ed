import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thresher.metadata import keys as module
from thresher.metadata.keys import PairKeys, TextKeys, concatenated

words = st.one_of(st.integers(0, 2**64 - 1), st.integers(0, 5), st.integers(2**63, 2**63 + 40))


def pairs_of(values) -> PairKeys:
    table = np.array(values, dtype=np.uint64).reshape(-1, 2)
    return PairKeys(table[:, 0].copy(), table[:, 1].copy())


def listed(keys: PairKeys) -> list:
    return list(zip(keys.high.tolist(), keys.low.tolist(), strict=True))


@given(st.lists(st.tuples(words, words), max_size=200))
def test_digit_sort_agrees_with_python_s_sort(values):
    limit = module.DIGIT_SORT_ROWS
    try:
        module.DIGIT_SORT_ROWS = 1
        found, order = pairs_of(values).sort()
    finally:
        module.DIGIT_SORT_ROWS = limit
    assert listed(found) == sorted(values)
    assert sorted(order.tolist()) == list(range(len(values)))


@pytest.mark.parametrize("spread", ["even", "dense", "repeated", "skewed", "constant"])
def test_digit_sort_of_many_keys(spread):
    rng = np.random.default_rng(0)
    n = module.DIGIT_SORT_ROWS + 1000
    high = {
        "even": rng.integers(0, 2**64, n, dtype=np.uint64),
        "dense": rng.permutation(n).astype(np.uint64) + np.uint64(2**63),
        "repeated": rng.integers(0, 50, n).astype(np.uint64),
        "skewed": (rng.random(n) ** 30 * 2**63).astype(np.uint64),
        "constant": np.full(n, 7, dtype=np.uint64),
    }[spread]
    keys = PairKeys(high, rng.integers(0, 2**64, n, dtype=np.uint64))
    found, order = keys.sort()
    expected = np.lexsort((keys.low, keys.high))
    np.testing.assert_array_equal(found.high, keys.high[expected])
    np.testing.assert_array_equal(found.low, keys.low[expected])
    np.testing.assert_array_equal(keys.high[order], found.high)


@given(st.lists(st.lists(st.tuples(words, words), max_size=30), min_size=1, max_size=5))
def test_merging_sorted_parts_sorts_them_all(parts):
    merged, _ = concatenated([pairs_of(sorted(part)) for part in parts]).merge()
    assert listed(merged) == sorted(pair for part in parts for pair in part)
    assert merged.is_sorted()


@given(st.lists(st.tuples(words, words), min_size=1, max_size=40), st.tuples(words, words))
def test_counting_below_a_key(values, key):
    keys = pairs_of(sorted(values))
    assert keys.count_below(key) == sum(value < key for value in values)
    assert keys.at_most(key).sum() == sum(value <= key for value in values)


@given(st.lists(st.text(max_size=6), min_size=1, max_size=30), st.text(max_size=3))
def test_text_keys_order_by_bytes(texts, key):
    raw = [text.encode() for text in texts]
    keys, _ = TextKeys(pa.array(raw, pa.large_binary())).sort()
    assert keys.texts.to_pylist() == sorted(raw)
    assert keys.is_sorted()
    assert keys.count_below(key.encode()) == sum(one < key.encode() for one in raw)
    assert keys.same_as_before().tolist() == [
        a == b for a, b in zip(sorted(raw), sorted(raw)[1:], strict=False)
    ]
