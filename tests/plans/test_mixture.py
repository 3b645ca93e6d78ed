"""What a plan says about weights: what they save, how sure, and when they are not offered."""

import numpy as np
import pytest

from plans.mixtures import made_fit, random_fit
from thresher.fits.predict import expected_errors
from thresher.plans.constraints import Constraints
from thresher.plans.plan import choose_plans

pytestmark = pytest.mark.filterwarnings("ignore::thresher.errors.ExtrapolationWarning")


def test_offered_weights_beat_every_nested_pool_as_it_is_and_at_kappa_0():
    fit = random_fit(np.random.default_rng(2), 5, "utility", "sample_worth", 0.0)
    (plan,) = choose_plans(fit, [640e6])
    assert plan.weighted.offered
    assert plan.mixture.error < min(choice.error for choice in plan.choices)
    assert plan.weighted.saving.error == pytest.approx(
        min(c.error for c in plan.choices) - plan.mixture.error
    )
    assert plan.weighted.residual <= 1e-9


def test_the_mixtures_error_is_the_predicted_one():
    fit = random_fit(np.random.default_rng(2), 5, "saturating", "utility_mean", 1.0)
    (plan,) = choose_plans(fit, [640e6])
    predicted = expected_errors(fit, [plan.mixture.candidate.mixture], np.array([640e6]))[0, 0]
    assert plan.mixture.error == pytest.approx(predicted, abs=1e-12)
    assert all(weight > 0 for weight in plan.mixture.candidate.mixture.weights)


def test_equal_pools_are_sampled_evenly_and_no_weights_are_offered():
    fit = made_fit([8e6] * 3, [("utility", "sample_worth", 0.0, 1.0, [-0.2] * 3, [1.0] * 3, [4.0] * 3)])
    (plan,) = choose_plans(fit, [640e6])
    assert not plan.weighted.offered
    assert plan.mixture is plan.choices[-1]
    assert "no weights are better than sampling p0 + p1 + p2 evenly" in plan.weighted.verdict


def test_a_saving_below_the_noise_of_a_run_prefers_the_simpler_choice():
    fit = random_fit(np.random.default_rng(2), 5, "utility", "sample_worth", 0.0)
    noisy = made_fit(
        [pool.unique_samples for pool in fit.pools],
        [("utility", "sample_worth", 0.0, 1.0, *_parameters(fit))],
        noise_sd=0.2,
    )
    (plan,) = choose_plans(noisy, [640e6])
    assert "below the noise of one run (0.2000): prefer the simpler" in plan.weighted.verdict


def test_shares_that_were_asked_for_are_given_even_where_they_cost():
    fit = made_fit([20e6, 20e6], [("utility", "sample_worth", 0.0, 1.0, [-0.2] * 2, [1.0, 0.1], [4.0] * 2)])
    (plan,) = choose_plans(fit, [16e6], constraints=Constraints(min_share={"p1": 0.8}))
    assert plan.weighted.offered
    assert plan.mixture.candidate.mixture.weights == pytest.approx((0.2, 0.8))
    assert "what was asked for costs" in plan.weighted.verdict


def test_limits_on_every_choice_hold_for_the_nested_pools_too():
    fit = random_fit(np.random.default_rng(2), 5, "utility", "sample_worth", 0.0)
    (plan,) = choose_plans(fit, [640e6], constraints=Constraints(at_most=2))
    assert all(len(choice.candidate.mixture.pools) <= 2 for choice in (*plan.choices, plan.mixture))


def _parameters(fit):
    (member,) = fit.members
    return member.parameters.utility[0], member.parameters.worth[0], member.parameters.half_life[0]
