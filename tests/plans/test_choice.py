import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from made_fits import SIZE as N
from made_fits import known_fit
from thresher.errors import ExtrapolationWarning
from thresher.plans.choice import BORROWED, compare
from thresher.plans.plan import choose_plans

errors = st.tuples(st.integers(1, 12), st.integers(1, 5)).flatmap(
    lambda shape: arrays(float, shape, elements=st.sampled_from([0.1, 0.2, 0.25, 0.5]))
)


def plans(fit, budgets, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExtrapolationWarning)
        return choose_plans(fit, budgets, **options)


@given(errors)
def test_probabilities_sum_to_1_and_no_regret_is_negative(found):
    weights = np.full(len(found), 1 / len(found))
    share, regret = compare(found, weights)
    assert share.sum() == pytest.approx(1.0)
    assert np.all(regret >= 0)
    mean = weights @ found
    assert mean[np.argmin(regret)] == pytest.approx(mean.min(), rel=1e-12)


def test_candidates_that_tie_share_the_draw():
    share, regret = compare(np.array([[0.2, 0.2, 0.3]]), np.array([1.0]))
    assert share.tolist() == [0.5, 0.5, 0.0]
    assert regret.tolist() == pytest.approx([0.0, 0.0, 0.1])


def test_regret_is_the_weighted_mean_excess_over_the_best_of_each_draw():
    share, regret = compare(np.array([[0.2, 0.3], [0.6, 0.2]]), np.array([0.75, 0.25]))
    assert share.tolist() == [0.75, 0.25]
    assert regret == pytest.approx([0.25 * 0.4, 0.75 * 0.1])


@pytest.mark.parametrize("budget", [N, 4 * N, 12 * N, 40 * N])
def test_the_best_has_the_least_expected_regret_and_the_shares_sum_to_1(budget):
    (plan,) = plans(known_fit(), [budget])
    assert sum(choice.probability_best for choice in plan.choices) == pytest.approx(1.0)
    assert plan.best.expected_regret == min(choice.expected_regret for choice in plan.choices)
    assert plan.runner_up.expected_regret >= plan.best.expected_regret >= 0
    for choice in plan.choices:
        assert choice.low < choice.error < choice.high


def test_either_means_that_the_runner_up_is_behind_by_less_than_the_noise():
    (plan,) = plans(known_fit(), [12 * N])
    behind = plan.runner_up.expected_regret - plan.best.expected_regret
    assert behind > 0
    for noise, either in ((0.99 * behind, False), (1.01 * behind, True)):
        (found,) = plans(replace(known_fit(), noise_sd=noise), [12 * N])
        assert found.either is either
        assert ("samples either " in found.verdict) is either
        assert ("samples train on " in found.verdict) is not either


def test_answers_keep_the_order_of_the_budgets():
    found = plans(known_fit(), [12 * N, N, 4 * N])
    assert [plan.samples_seen for plan in found] == [12 * N, N, 4 * N]


def test_a_borrowed_verdict_opens_with_what_it_is():
    (plan,) = plans(known_fit(), [12 * N], borrowed=True)
    assert BORROWED == "Borrowed, not measured: "
    assert plan.verdict.startswith(BORROWED)


def test_beyond_the_runs_samples_epochs_and_width_are_warned_of():
    (plan,) = plans(known_fit(), [200 * N])
    said = " ".join(plan.warnings)
    assert "x the largest run" in said
    assert "epochs over a pool is beyond the 10 epochs of any run" in said
    assert len(plan.best.candidate.mixture.pools) > 1
    assert "is wider than any run (one pool at a time)" in said
    (wide,) = plans(replace(known_fit(), reach=replace(known_fit().reach, widest_mixture=3)), [200 * N])
    assert "wider than any run" not in " ".join(wide.warnings)


def test_a_budget_before_the_onset_is_warned_of_and_every_candidate_guesses():
    (plan,) = plans(known_fit(), [1000.0])
    assert any("before the onset" in text for text in plan.warnings)
    assert [choice.error for choice in plan.choices] == pytest.approx([known_fit().chance] * 3, abs=1e-3)
    assert all(choice.high <= known_fit().chance for choice in plan.choices)


def test_a_budget_within_the_runs_raises_no_warning():
    (plan,) = choose_plans(known_fit(), [2 * N])
    assert plan.warnings == ()
