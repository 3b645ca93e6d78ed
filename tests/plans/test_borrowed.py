import warnings
from functools import cache

import numpy as np
import pytest

from thresher import choose_plan
from thresher.errors import ExtrapolationWarning, InputError
from thresher.examples.published import load_example
from thresher.plans.borrowed import PRIORS, borrow


@cache
def borrowed(pool_size):
    return borrow("datacomp_medium_tmars", pool_size)


def test_buckets_keep_their_share_and_half_lives_grow_with_kappa_draw_by_draw():
    same, tenfold = borrowed(128e6), borrowed(1.28e9)
    for one, other in zip(same.pools, tenfold.pools, strict=True):
        assert other.unique_samples == pytest.approx(10 * one.unique_samples)
        assert one.unique_samples / 128e6 == pytest.approx(0.1)
    sizes = [np.array([pool.unique_samples for pool in fit.pools]) for fit in (same, tenfold)]
    for one, other in zip(same.laws, tenfold.laws, strict=True):
        ratio = other.half_lives(sizes[1]) / one.half_lives(sizes[0])
        assert ratio == pytest.approx(np.broadcast_to(10.0 ** one.kappa[:, None], ratio.shape))


def test_a_larger_pool_lasts_longer_so_the_same_budget_is_spent_on_less_of_it():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExtrapolationWarning)
        small = choose_plan(borrowed(128e6), 640e6, pool_size=128e6)
        large = choose_plan(borrowed(1.28e10), 640e6, pool_size=1.28e10)
    assert len(small.best.candidate.mixture.pools) > 1
    assert len(large.best.candidate.mixture.pools) == 1


@pytest.mark.parametrize("name", PRIORS)
def test_a_prior_is_published_ranked_and_no_larger_than_its_table(name):
    ranked = {row.pool: row.unique_samples for row in load_example(name).rows if row.rank is not None}
    assert len(ranked) >= 2
    assert sum(ranked.values()) <= PRIORS[name]


def test_an_unknown_prior_is_refused_with_the_known_ones():
    with pytest.raises(InputError, match=r"There is no prior 'mine'\. Priors are: datacomp_medium_tmars"):
        borrow("mine", 128e6)


@pytest.mark.parametrize("size", [0.0, float("nan")])
def test_a_table_without_rows_is_refused(size):
    with pytest.raises(InputError, match=r"pool_size is (0|nan)"):
        borrow("datacomp_medium_tmars", size)
