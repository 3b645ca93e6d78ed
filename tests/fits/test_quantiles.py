"""Weighted quantiles."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thresher.fits.quantiles import interval, weighted_quantile

values = st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=30, unique=True)


@given(values, st.floats(0.0, 1.0))
def test_with_equal_weights_it_is_the_usual_quantile(numbers, share):
    equal = np.full(len(numbers), 1.0 / len(numbers))
    assert weighted_quantile(np.array(numbers), equal, share) == pytest.approx(
        np.quantile(numbers, share), abs=1e-6
    )


@given(values, st.floats(0.01, 0.99), st.integers(0, 99))
def test_the_order_of_draws_is_irrelevant(numbers, share, seed):
    w = np.random.default_rng(0).dirichlet(np.ones(len(numbers)))
    order = np.random.default_rng(seed).permutation(len(numbers))
    draws = np.array(numbers)
    assert weighted_quantile(draws[order], w[order], share) == pytest.approx(
        weighted_quantile(draws, w, share), abs=1e-9
    )


def test_most_of_the_weight_decides():
    draws = np.array([0.0, 1.0, 2.0])
    assert weighted_quantile(draws, np.array([0.01, 0.01, 0.98]), 0.5) > 1.4
    assert weighted_quantile(draws, np.array([0.98, 0.01, 0.01]), 0.5) < 0.6


def test_infinite_draws_are_kept_in_order():
    draws = np.array([1.0, np.inf, 2.0, np.inf])
    equal = np.full(4, 0.25)
    assert weighted_quantile(draws, equal, 0.2) < 2.0
    assert weighted_quantile(draws, equal, 0.9) == np.inf


def test_every_column_has_its_own_interval():
    draws = np.random.default_rng(0).normal(size=(4000, 2)) * [1.0, 10.0]
    low, high = interval(draws, np.full(4000, 1 / 4000))
    assert low == pytest.approx([-1.645, -16.45], rel=0.06)
    assert high == pytest.approx([1.645, 16.45], rel=0.06)
