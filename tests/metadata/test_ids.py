import uuid

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thresher.errors import InputError
from thresher.metadata.ids import IdKind, id_key, id_text, kind_of, read_keys, written_ids


@given(st.lists(st.binary(min_size=16, max_size=16), max_size=40))
def test_hex_ids_survive_the_way_to_keys_and_back(raw):
    texts = [one.hex() for one in raw]
    keys = read_keys(pa.array(texts, pa.string()), IdKind.HEX)
    assert keys.high.tolist() == [int(text[:16], 16) for text in texts]
    assert keys.low.tolist() == [int(text[16:], 16) for text in texts]
    assert written_ids(keys, IdKind.HEX).to_pylist() == texts


@given(st.lists(st.uuids(), min_size=1, max_size=20))
def test_uuids_survive(values):
    texts = [str(value) for value in values]
    keys = read_keys(pa.array(texts), IdKind.UUID)
    assert written_ids(keys, IdKind.UUID).to_pylist() == texts
    stored = read_keys(pa.array([value.bytes for value in values], pa.binary(16)), IdKind.UUID)
    np.testing.assert_array_equal(stored.high, keys.high)


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=20))
def test_integers_keep_their_order(values):
    keys, _ = read_keys(pa.array(values, pa.int64()), IdKind.INTEGER).sort()
    assert written_ids(keys, IdKind.INTEGER).to_pylist() == sorted(values)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (IdKind.HEX, "0f" * 16),
        (IdKind.UUID, str(uuid.UUID(int=5))),
        (IdKind.INTEGER, "-12"),
        (IdKind.TEXT, "a é"),
    ],
)
def test_a_key_writes_its_id(kind, text):
    assert id_text(id_key(text, kind), kind) == text


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("AB" * 16, "upper-case"),
        (str(uuid.UUID(int=3)), "dashes"),
        ("ab" * 15, "30 characters"),
        ("zz" * 16, "other characters"),
        ("0f" * 15 + "/0", "other characters"),
        ("0f" * 15 + "g:", "other characters"),
    ],
)
def test_an_id_that_is_not_hex_is_shown(wrong, said):
    with pytest.raises(InputError, match=said):
        read_keys(pa.array(["0f" * 16, wrong]), IdKind.HEX)


@given(st.text(alphabet=[chr(c) for c in range(32, 127)], min_size=32, max_size=32))
def test_nothing_but_hex_digits_passes_for_hex(text):
    good = all(character in "0123456789abcdef" for character in text)
    try:
        read_keys(pa.array([text]), IdKind.HEX)
    except InputError:
        assert not good
    else:
        assert good


def test_null_ids_and_huge_integers_are_refused():
    with pytest.raises(InputError, match="an id is null"):
        read_keys(pa.array(["0f" * 16, None]), IdKind.HEX)
    with pytest.raises(InputError, match=r"above 2\^63 - 1"):
        read_keys(pa.array([2**63], pa.uint64()), IdKind.INTEGER)
    with pytest.raises(InputError, match="its type is double"):
        kind_of(pa.float64(), None)


def test_rows_are_read_alone():
    texts = [f"{n:032x}" for n in range(10)]
    keys = read_keys(pa.array(["ff" * 16, *texts]).slice(1), IdKind.HEX, np.array([2, 5]))
    assert keys.low.tolist() == [2, 5]
