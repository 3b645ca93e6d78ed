import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thresher.errors import InputError
from thresher.metadata.order import MISSING, from_ordered, ordered_of, score_values, score_width, to_ordered


@pytest.mark.parametrize("width", [4, 8])
@given(data=st.data())
def test_ordered_values_rank_as_the_scores_do(width, data):
    pair = data.draw(st.lists(st.floats(allow_nan=False, width=8 * width), min_size=2, max_size=2))
    one, two = to_ordered(np.array(pair, dtype=f"f{width}")).tolist()
    assert (one < two) == (pair[0] < pair[1])
    assert (one == two) == (pair[0] == pair[1])
    assert min(one, two) > MISSING
    assert from_ordered(one, width) == pair[0]
    assert ordered_of(pair[0], width) == one


def test_missing_scores_rank_last():
    negative_nan = -np.float32(np.nan)
    values = np.array([np.nan, negative_nan, -np.inf, np.inf], dtype=np.float32)
    assert to_ordered(values)[:2].tolist() == [MISSING, MISSING]
    assert math.isnan(from_ordered(MISSING, 4))


def test_numbers_of_any_type_are_scores():
    assert score_values(pa.array([1, None], pa.int32()), 8).tolist()[0] == 1.0
    assert score_width(pa.float16()) == 4
    assert score_width(pa.decimal128(5, 2)) == 8
    assert score_width(pa.bool_()) is None
    with pytest.raises(InputError, match=r"beyond 2\^53"):
        score_values(pa.array([2**53 + 1], pa.int64()), 8)
