"""Limits on mixtures: kept, and refused by name where they clash."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from made_fits import made_fit, one_law, random_fit
from thresher.errors import InputError
from thresher.plans.constraints import Constraints, bounds, read_shares
from thresher.plans.mixture import best_weights
from thresher.pools import Mixture, Pool

FIT = random_fit(4, 8)
FEW = random_fit(4, 5)
"""Few enough that every set of pools is solved in a moment."""
BUDGET = 640e6


def shares(mixture):
    return dict(zip(mixture.names, mixture.weights, strict=True))


@settings(max_examples=4)
@given(st.floats(12.0, 60.0))
def test_no_pool_is_passed_over_more_often_than_allowed(most):
    if most * sum(pool.unique_samples for pool in FIT.ranked) < BUDGET:
        return
    mixture, _ = best_weights(FIT, BUDGET, Constraints(max_epochs=most))
    assert max(mixture.epochs(BUDGET)) <= most * (1 + 1e-9)


def test_at_most_so_many_pools_are_used_and_more_of_them_never_cost():
    least = np.inf
    for count in (1, 2, 4):
        mixture, found = best_weights(FEW, BUDGET, Constraints(at_most=count))
        assert len(mixture.pools) <= count
        assert found.value <= least + 1e-7
        least = found.value


def test_the_best_two_pools_are_found_among_all_pairs():
    _, found = best_weights(FEW, BUDGET, Constraints(at_most=2))
    names = [pool.name for pool in FEW.ranked]
    pairs = [
        best_weights(FEW, BUDGET, Constraints(never=[name for name in names if name not in (a, b)]))[1].value
        for i, a in enumerate(names)
        for b in names[i + 1 :]
    ]
    assert found.value == pytest.approx(min(pairs), abs=1e-7)


def test_a_wide_choice_of_pools_is_searched_by_exchanges():
    fit = random_fit(5, 14, "saturating")
    mixture, found = best_weights(fit, BUDGET, Constraints(at_most=2))
    assert len(mixture.pools) <= 2
    rng = np.random.default_rng(0)
    names = [pool.name for pool in fit.ranked]
    for _ in range(5):
        kept = set(rng.choice(names, 2, replace=False))
        other = best_weights(fit, BUDGET, Constraints(never=[name for name in names if name not in kept]))[1]
        assert other.value >= found.value - 1e-7


@pytest.mark.parametrize("part", [0.25, 0.5, 0.75, 1.0])
def test_storage_is_kept(part):
    limit = part * sum(pool.unique_samples for pool in FEW.ranked)
    mixture, _ = best_weights(FEW, BUDGET, Constraints(storage=limit))
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
        ({"must": ["p1"], "never": ["p1"]}, "'p1' is both in must and in never"),
        ({"min_share": {"p0": 0.7, "p1": 0.6}}, "min_share adds up to 1.3, past 1: p0=0.7, p1=0.6"),
        ({"min_share": {"*": 0.2}}, "Together min_share need 1.6"),
        (
            {"min_share": {"p0": 0.5}, "max_share": {"p0": 0.3}},
            "min_share of p0, 0.5, and max_share, 0.3, clash",
        ),
        ({"min_share": {"p0": 0.5}, "never": ["p0"]}, "min_share of p0, 0.5, and never='p0' clash"),
        ({"max_share": {"*": 0.1}}, "Within max_share there is room for 0.8"),
        ({"max_epochs": 1.0}, "Within max_epochs there is room for"),
        (
            {"max_epochs": 3.0, "min_share": {"p0": 0.5}},
            "'p0' needs a share of 0.5 at 640M samples .*max_epochs allows",
        ),
        ({"at_most": 1, "must": ["p0", "p1"]}, "at_most=1 clashes with the 2 pools of must"),
        ({"at_most": 2, "max_share": {"*": 0.4}}, "Within at_most=2 and max_share there is room for 0.8"),
        ({"storage": 10.0}, "storage of 10 is smaller than every pool"),
        ({"storage": 10.0, "must": ["p0"]}, "storage of 10 clashes with must"),
        ({"storage": 30e6, "max_epochs": 15.0}, "No set of pools meets storage, max_epochs together"),
        ({"never": [f"p{i}" for i in range(8)]}, "never leaves out every pool that mixes"),
        ({"must": ["other"]}, "Pool 'other' is not among the pools that mix"),
        ({"max_epochs": 0.0}, "max_epochs is 0; it must be positive"),
        ({"at_most": 0}, "at_most is 0"),
        ({"storage": 0.0}, "storage is 0"),
        ({"max_share": {"p0": 1.2}}, "max_share of p0 is 1.2; a share lies in"),
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


ENDLESS = made_fit([8e6, np.inf, 4e6], one_law([1.0, 0.6, 0.4], [4.0] * 3), ranked=False)


def test_a_pool_that_never_repeats_keeps_every_limit():
    for limits in (
        Constraints(must=["p1"]),
        Constraints(max_epochs=3.0),
        Constraints(min_share={"*": 0.2}),
        Constraints(max_share={"*": 0.5}),
        Constraints(at_most=1),
    ):
        mixture, _ = best_weights(ENDLESS, BUDGET, limits)
        found = shares(mixture)
        assert found.get("p1", 0.0) > 0
        assert max(mixture.epochs(BUDGET)) <= (limits.max_epochs or np.inf) * (1 + 1e-9)
        assert min(found.values()) >= limits.min_share.get("*", 0.0) - 1e-12
        assert max(found.values()) <= limits.max_share.get("*", 1.0) + 1e-12


def test_a_pool_that_must_be_in_and_never_repeats_counts_as_large_as_the_largest_other():
    found = bounds(Constraints(must=["p1"]), ENDLESS.pools, BUDGET)
    assert found.lower.tolist() == [0.0, pytest.approx(8 / 20), 0.0]
    alone = made_fit([np.inf, np.inf], one_law([1.0, 0.5], [4.0] * 2), ranked=False)
    assert bounds(Constraints(must=["p1"]), alone.pools, BUDGET).lower.tolist() == [0.0, 0.5]


def test_a_pool_that_never_repeats_cannot_be_stored_or_copied():
    mixture, _ = best_weights(ENDLESS, BUDGET, Constraints(storage=12e6))
    assert "p1" not in mixture.names
    with pytest.raises(InputError, match=r"'p1' never repeats .inf., so integer_repeats cannot write it"):
        best_weights(ENDLESS, BUDGET, Constraints(integer_repeats=True))
    whole, _ = best_weights(ENDLESS, BUDGET, Constraints(integer_repeats=True, never=["p1"]))
    assert set(whole.names) <= {"p0", "p2"}


def test_copies_that_no_shares_allow_are_refused_by_name():
    with pytest.raises(InputError, match="No set of pools meets max_share, integer_repeats together"):
        best_weights(FEW, BUDGET, Constraints(integer_repeats=True, max_share={"*": 0.2001}))
