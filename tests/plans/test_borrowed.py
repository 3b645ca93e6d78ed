from functools import cache

import pytest

from thresher.errors import InputError
from thresher.examples.published import load_example
from thresher.plans.borrowed import PRIORS, borrow


@cache
def borrowed(pool_size):
    return borrow("datacomp_medium_tmars", pool_size)


@pytest.mark.slow
def test_buckets_keep_their_share_and_half_lives_grow_with_each_kappa():
    same, tenfold = borrowed(128e6), borrowed(1.28e9)
    for one, other in zip(same.pools, tenfold.pools, strict=True):
        assert other.unique_samples == pytest.approx(10 * one.unique_samples)
        assert one.unique_samples / 128e6 == pytest.approx(0.1)
    for one, other in zip(same.members, tenfold.members, strict=True):
        if one.kernel == "fresh":  # its half-lives are infinite at any size
            continue
        ratio = other.best.half_life / one.best.half_life
        assert ratio == pytest.approx(10.0**one.kappa) or one.kernel == "fresh"


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
    with pytest.raises(InputError, match="--pool-size"):
        borrow("datacomp_medium_tmars", size)
