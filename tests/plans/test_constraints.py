"""Limits on mixtures: kept, and refused by name where they clash."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plans.mixtures import random_fit
from thresher.errors import InputError
from thresher.plans.constraints import Constraints, bounds, read_shares
from thresher.plans.mixture import best_weights
from thresher.pools import Mixture, Pool

FIT = random_fit(np.random.default_rng(4), 8, "utility", "sample_worth", 0.0)
BUDGET = 640e6


def shares(mixture):
    return dict(zip(mixture.names, mixture.weights, strict=True))


@settings(max_examples=8)
@given(st.floats(12.0, 60.0))
def test_no_pool_is_passed_over_more_often_than_allowed(most):
    if most * sum(pool.unique_samples for pool in FIT.ranked) < BUDGET:
        return
    mixture, _ = best_weights(FIT, BUDGET, Constraints(max_epochs=most))
    assert max(mixture.epochs(BUDGET)) <= most * (1 + 1e-9)


@settings(max_examples=8)
@given(st.integers(1, 8))
def test_at_most_so_many_pools_are_used_and_more_of_them_never_cost(count):
    mixture, found = best_weights(FIT, BUDGET, Constraints(at_most=count))
    assert len(mixture.pools) <= count
    _, more = best_weights(FIT, BUDGET, Constraints(at_most=count + 1))
    assert more.value <= found.value + 1e-9


def test_the_best_two_pools_are_found_among_all_pairs():
    _, found = best_weights(FIT, BUDGET, Constraints(at_most=2))
    names = [pool.name for pool in FIT.ranked]
    pairs = [
        best_weights(FIT, BUDGET, Constraints(never=[name for name in names if name not in (a, b)]))[1].value
        for i, a in enumerate(names)
        for b in names[i + 1 :]
    ]
    assert found.value == pytest.approx(min(pairs), abs=1e-9)


def test_a_wide_choice_of_pools_is_searched_by_exchanges():
    fit = random_fit(np.random.default_rng(5), 25, "saturating", "sample_worth", 0.0)
    mixture, found = best_weights(fit, BUDGET, Constraints(at_most=4))
    assert len(mixture.pools) <= 4
    assert not found.proven
    rng = np.random.default_rng(0)
    names = [pool.name for pool in fit.ranked]
    for _ in range(20):
        kept = set(rng.choice(names, 4, replace=False))
        other = best_weights(fit, BUDGET, Constraints(never=[name for name in names if name not in kept]))[1]
        assert other.value >= found.value - 1e-9


@settings(max_examples=8)
@given(st.floats(0.2, 1.0))
def test_storage_is_kept(part):
    limit = part * sum(pool.unique_samples for pool in FIT.ranked)
    mixture, _ = best_weights(FIT, BUDGET, Constraints(storage=limit))
    assert mixture.unique_samples <= limit * (1 + 1e-9)


def test_shares_and_pools_that_must_or_must_not_be_in_are_kept():
    limits = Constraints(min_share={"p7": 0.1}, max_share={"*": 0.4, "p0": 0.2}, must=["p6"], never=["p1"])
    mixture, _ = best_weights(FIT, BUDGET, limits)
    found = shares(mixture)
    assert found["p7"] >= 0.1 - 1e-12
    assert found["p6"] > 0
    assert "p1" not in found
    assert found.get("p0", 0.0) <= 0.2 + 1e-12
    assert max(found.values()) <= 0.4 + 1e-12


def test_a_pool_that_must_be_in_is_seen_once_in_whole_where_the_budget_allows():
    worst = FIT.ranked[-1]
    mixture, _ = best_weights(FIT, 1e10, Constraints(must=[worst.name]))
    assert dict(zip(mixture.names, mixture.epochs(1e10), strict=True))[worst.name] >= 1 - 1e-9


def test_integer_repeats_are_whole_copies_of_one_subset():
    mixture, _ = best_weights(FIT, BUDGET, Constraints(integer_repeats=True))
    epochs = np.array(mixture.epochs(BUDGET))
    ratios = epochs / epochs.min()
    assert any(np.allclose(ratios * k, np.rint(ratios * k), atol=1e-6) for k in range(1, 13))


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"must": ["p1"], "never": ["p1"]}, "'p1' is both in --must and in --never"),
        ({"min_share": {"p0": 0.7, "p1": 0.6}}, "--min-share adds up to 1.3, past 1: p0=0.7, p1=0.6"),
        ({"min_share": {"*": 0.2}}, "Together --min-share need 1.6"),
        (
            {"min_share": {"p0": 0.5}, "max_share": {"p0": 0.3}},
            "--min-share p0=0.5 and --max-share 0.3 clash",
        ),
        ({"min_share": {"p0": 0.5}, "never": ["p0"]}, "--min-share p0=0.5 and --never p0 clash"),
        ({"max_share": {"*": 0.1}}, "Within --max-share there is room for 0.8"),
        ({"max_epochs": 1.0}, "Within --max-epochs there is room for"),
        (
            {"max_epochs": 3.0, "min_share": {"p0": 0.5}},
            "'p0' needs a share of 0.5 at 640M samples .*--max-epochs allows",
        ),
        ({"at_most": 1, "must": ["p0", "p1"]}, "--at-most 1 clashes with the 2 pools of --must"),
        ({"at_most": 2, "max_share": {"*": 0.4}}, "Within --at-most 2 and --max-share there is room for 0.8"),
        ({"storage": 10.0}, "--storage 10 is smaller than every pool"),
        ({"storage": 10.0, "must": ["p0"]}, "--storage 10 clashes with --must"),
        ({"storage": 30e6, "max_epochs": 15.0}, "No set of pools meets --storage 30M, --max-epochs together"),
        ({"never": [f"p{i}" for i in range(8)]}, "--never leaves out every ranked pool"),
        ({"must": ["other"]}, "Pool 'other' is not among the ranked pools"),
        ({"max_epochs": 0.0}, "--max-epochs is 0; it must be positive"),
        ({"at_most": 0}, "--at-most is 0"),
        ({"storage": 0.0}, "--storage is 0"),
        ({"max_share": {"p0": 1.2}}, "--max-share of p0 is 1.2; a share lies in"),
    ],
)
def test_limits_that_clash_are_named(limits, message):
    with pytest.raises(InputError, match=message):
        best_weights(FIT, BUDGET, Constraints(**limits))


def test_shares_are_read_from_text():
    assert read_shares(["p0=0.2", "30%"], "--max-share") == {"p0": 0.2, "*": 0.3}
    with pytest.raises(InputError, match="--max-share is given twice for p0"):
        read_shares(["p0=0.2", "p0=0.3"], "--max-share")
    with pytest.raises(InputError, match="--max-share is 'x'"):
        read_shares(["p0=x"], "--max-share")


def test_sets_are_held_to_epochs_number_and_storage():
    mixture = Mixture((Pool("a", 1e6), Pool("b", 1e6)), (0.5, 0.5))
    assert Constraints().allows(mixture, 4e6)
    assert not Constraints(max_epochs=1.5).allows(mixture, 4e6)
    assert not Constraints(at_most=1).allows(mixture, 4e6)
    assert not Constraints(storage=1.5e6).allows(mixture, 4e6)
    assert bounds(Constraints(), mixture.pools, 4e6).holds(np.array([True, True]))
