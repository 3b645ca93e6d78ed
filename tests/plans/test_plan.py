"""Choices and frontiers: against brute force, and what must always hold."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import brentq

from made_fits import example_fit, made_fit, one_law
from thresher import candidates, choose_plan, choose_plans, trace_frontier
from thresher.errors import InputError
from thresher.fits.forecast import forecast
from thresher.plans.candidates import keep_fraction
from thresher.plans.choice import compare
from thresher.plans.frontier import REPEATS
from thresher.pools import Mixture

FIT = example_fit()
UNRANKED = replace(FIT, pools=tuple(replace(pool, rank=None) for pool in FIT.pools))
BUDGETS = [32e6, 64e6, 128e6, 640e6]
TOP = ("top_0_10", "top_10_20", "top_20_30", "top_30_40")
pytestmark = pytest.mark.filterwarnings("ignore::thresher.errors.ExtrapolationWarning")


def names(choice):
    return choice.candidate.mixture.names


def test_candidates_are_the_best_1_2_and_more_ranked_pools():
    assert [option.mixture.names for option in candidates(FIT)] == [TOP[:k] for k in range(1, 5)]
    assert [option.keep for option in candidates(FIT, pool_size=128e6)] == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert [option.keep for option in candidates(FIT)] == [None] * 4


def test_without_ranks_every_pool_alone_is_a_candidate_and_nothing_is_kept():
    assert UNRANKED.ranked == ()
    options = candidates(UNRANKED)
    assert [option.mixture.names for option in options] == [(pool.name,) for pool in UNRANKED.pools]
    plan = choose_plan(UNRANKED, 64e6, pool_size=128e6)
    assert {choice.candidate.keep for choice in plan.choices} == {None}


def test_a_pool_without_a_rank_among_ranked_ones_is_no_candidate_even_if_it_is_named():
    fit = made_fit([1e6] * 3, one_law([1.0, 0.8, 0.9], [4.0] * 3), ranked=[1, 2, None])
    assert [option.mixture.names for option in candidates(fit)] == [("p0",), ("p0", "p1")]
    for names in (("p0", "p2"), ("p2",)):
        with pytest.raises(InputError, match="'p2' has no rank and is no candidate"):
            candidates(fit, sets=[names])


def test_beyond_a_ranked_pool_that_never_repeats_there_is_no_union():
    law = one_law([1.0, 0.8, 0.6], [4.0] * 3, chance=None, floor=2.0)
    assert len(candidates(made_fit([1e6, np.inf, 1e6], law))) == 1
    fit = made_fit([1e6, 1e6, np.inf], law)
    assert [option.mixture.names for option in candidates(fit)] == [("p0",), ("p0", "p1")]
    plan = choose_plan(fit, 64e6)
    assert "p2" in plan.mixture.candidate.mixture.names
    assert {rule.name: rule.error for rule in plan.baselines}["keep everything ranked"] is None


def test_explicit_sets_join_the_nested_ones_once():
    options = candidates(FIT, sets=[("top_0_10", "top_20_30"), ("top_10_20", "top_0_10")])
    assert [set(option.mixture.names) for option in options] == [
        *[set(TOP[:k]) for k in range(1, 5)],
        {"top_0_10", "top_20_30"},
    ]


def test_must_and_never_hold_for_every_candidate():
    for option in candidates(FIT, must=["top_10_20"], never=["top_20_30"]):
        assert "top_10_20" in option.mixture.names
        assert "top_20_30" not in option.mixture.names
    with pytest.raises(InputError, match="No candidate holds"):
        candidates(FIT, never=TOP)


def test_no_candidate_repeats_a_pool_more_than_allowed():
    (plan,) = choose_plans(FIT, [128e6], max_epochs=4.0)
    assert [len(names(choice)) for choice in plan.choices] == [3, 4]
    assert all(max(choice.epochs) <= 4.0 for choice in plan.choices)
    with pytest.raises(InputError, match=r"every candidate needs at least 12\.5 epochs"):
        choose_plans(FIT, [640e6], max_epochs=4.0)


def test_plans_come_in_the_order_of_the_budgets():
    there, back = (choose_plans(FIT, order) for order in (BUDGETS[1:3], BUDGETS[2:0:-1]))
    assert [plan.samples_seen for plan in there] == BUDGETS[1:3]
    assert [plan.best for plan in there] == [plan.best for plan in back[::-1]]


@pytest.mark.parametrize("fit", [FIT, UNRANKED], ids=["ranked", "unranked"])
def test_probabilities_sum_to_1_and_regret_is_never_negative(fit):
    for plan in choose_plans(fit, BUDGETS):
        assert sum(choice.probability_best for choice in plan.choices) == pytest.approx(1.0)
        assert all(choice.expected_regret >= 0.0 for choice in plan.choices)
        assert plan.best.expected_regret == min(choice.expected_regret for choice in plan.choices)
        assert all(choice.low <= choice.error <= choice.high for choice in plan.choices)


def test_probability_and_regret_are_what_counting_draws_gives():
    errors = np.random.default_rng(0).normal(0.5, 0.1, (400, 3))
    weights = np.random.default_rng(1).dirichlet(np.ones(400))
    share, regret = compare(errors, weights)
    for k in range(3):
        best = [errors[i, k] == errors[i].min() for i in range(400)]
        assert share[k] == pytest.approx(sum(w for w, first in zip(weights, best, strict=True) if first))
        assert regret[k] == pytest.approx(
            sum(w * (row[k] - min(row)) for w, row in zip(weights, errors, strict=True))
        )


def test_candidates_that_tie_share_the_draw():
    share, regret = compare(np.array([[0.4, 0.4, 0.5]]), np.array([1.0]))
    assert share == pytest.approx([0.5, 0.5, 0.0])
    assert regret == pytest.approx([0.0, 0.0, 0.1])


def test_choices_closer_than_the_noise_of_a_run_are_called_either():
    plans = choose_plans(FIT, np.geomspace(40e6, 1e9, 7).tolist())
    seen = set()
    for plan in plans:
        behind = plan.runner_up.expected_regret - plan.best.expected_regret
        assert plan.either == (behind < FIT.noise_sd)
        assert ("either" in plan.verdict) == plan.either
        seen.add(plan.either)
    assert seen == {True, False}


def test_a_fraction_that_is_no_bucket_edge_takes_the_last_bucket_in_part():
    part = keep_fraction(FIT, 0.25, 128e6)
    assert part.mixture.names == TOP[:3]
    assert [pool.unique_samples for pool in part.mixture.pools] == pytest.approx([12.8e6, 12.8e6, 6.4e6])
    assert part.keep == pytest.approx(0.25)
    assert part.mixture.weights == pytest.approx((0.4, 0.4, 0.2))


def test_a_fraction_that_cannot_be_known_is_null():
    assert keep_fraction(FIT, 0.3, None) is None
    assert keep_fraction(FIT, 0.6, 128e6) is None
    assert keep_fraction(UNRANKED, 0.3, 1e12) is None
    assert [rule.error for rule in choose_plan(FIT, 128e6).baselines if rule.name == "keep 30 %"] == [None]


def test_the_frontier_is_the_least_mean_error_at_each_budget():
    options = candidates(FIT)
    frontier = trace_frontier(FIT, options, smallest=16e6, largest=1.28e9, points=60)
    found = forecast(FIT, [option.mixture for option in options], frontier.samples_seen, repeats=REPEATS)
    best = np.tensordot(found.weights, found.errors, axes=1).argmin(axis=0)
    assert [point.candidate for point in frontier.points] == [options[k] for k in best]
    assert frontier.samples_seen[[0, -1]] == pytest.approx([16e6, 1.28e9])


def test_crossovers_are_where_the_mean_errors_are_equal():
    options = candidates(FIT)
    frontier = trace_frontier(FIT, options, smallest=16e6, largest=1.28e9)
    assert frontier.crossovers
    assert [crossover.before for crossover in frontier.crossovers] == list(
        options[: len(frontier.crossovers)]
    )
    for crossover in frontier.crossovers:

        def gap(budget, crossover=crossover):
            pair = [crossover.before.mixture, crossover.after.mixture]
            before, after = forecast(FIT, pair, np.array([budget]), repeats=REPEATS).mean[:, 0]
            return before - after

        root = brentq(gap, 0.9 * crossover.samples_seen, 1.1 * crossover.samples_seen, xtol=1e3)
        assert crossover.samples_seen == pytest.approx(root, rel=1e-3)
        assert gap(0.99 * root) < 0 < gap(1.01 * root)
        assert crossover.low is None or crossover.low <= crossover.samples_seen
        assert crossover.high is None or crossover.high >= crossover.samples_seen


def test_a_finer_search_finds_the_same_crossovers():
    options = candidates(FIT)
    coarse, fine = (
        trace_frontier(FIT, options, smallest=16e6, largest=1.28e9, points=points) for points in (60, 400)
    )
    assert [one.samples_seen for one in coarse.crossovers] == pytest.approx(
        [one.samples_seen for one in fine.crossovers], rel=2e-3
    )


def test_one_candidate_never_changes():
    frontier = trace_frontier(FIT, candidates(FIT)[:1], smallest=16e6, largest=1.28e9, points=20)
    assert frontier.crossovers == ()
    assert {point.probability_best for point in frontier.points} == {1.0}


def test_pools_of_equal_quality_are_better_together_once_they_repeat():
    pools = FIT.pools[:2]
    both = Mixture(pools, (0.5, 0.5))
    alone = Mixture(pools[:1], (1.0,))
    errors = forecast(FIT, [alone, both], np.array([25.6e6, 6.4e9])).expected
    assert errors[0, 0] < errors[1, 0]
    assert errors[0, 1] > errors[1, 1]
