"""Targets, compute-equivalent gains and several metrics."""

import warnings
from dataclasses import replace

import numpy as np
import pytest

from made_fits import example_fit, made_fit, one_law
from thresher import blend_fits, candidates, choose_plan, choose_plans
from thresher.errors import ExtrapolationWarning, InputError
from thresher.fits.forecast import forecast
from thresher.plans.constraints import Constraints
from thresher.plans.gain import budget_for, compute_gains
from thresher.plans.simple_rules import BEST_PILOT, COPY_NEAREST
from thresher.plans.target import find_target, reach_probability


@pytest.fixture(scope="module")
def fit():
    return example_fit()


@pytest.fixture(scope="module")
def other(fit):
    """Another metric of the same pools, on which the worst-ranked pools are as good as the best."""
    laws = tuple(
        replace(law, worth=np.ones_like(law.worth), half_life=np.full_like(law.half_life, 2.0))
        for law in fit.laws
    )
    return replace(fit, metric="retrieval_error", laws=laws)


def quietly(function, *arguments, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*arguments, **options)


def test_the_target_is_the_cheapest_budget_that_reaches_it(fit):
    options = candidates(fit)
    found = find_target(fit, options, 0.66, probability=0.5)
    at = np.array([found.samples_seen])
    assert reach_probability(fit, found.candidate, 0.66, at)[0] == pytest.approx(0.5, abs=1e-3)
    for option in options:
        assert reach_probability(fit, option, 0.66, 0.999 * at)[0] < 0.5
    low, high = forecast(fit, [found.candidate.mixture], at).interval()
    assert low[0, 0] < 0.66 < high[0, 0]
    assert found.expected == pytest.approx(0.66, abs=0.015)
    assert len(found.others) == len(options) - 1


def test_more_certainty_and_less_error_cost_more(fit):
    options = candidates(fit)
    half = find_target(fit, options, 0.68).samples_seen
    assert find_target(fit, options, 0.68, probability=0.9).samples_seen > half
    assert find_target(fit, options, 0.66).samples_seen > half
    with pytest.raises(InputError, match="within 2 epochs"):
        find_target(fit, options, 0.6, max_epochs=2)


@pytest.mark.parametrize(
    ("error", "options", "message"),
    [
        (0.05, {}, r"No candidate reaches 0\.05 with probability 0\.5 within 100 epochs, .* the nearest is "),
        (1.2, {}, r"target is 1\.2; an error of this fit .* lies between 0 and 1"),
        (0.6, {"probability": 1.0}, r"probability is 1; it must lie between 0 and 1"),
        (0.6, {"max_epochs": 0.0}, r"max_epochs is 0"),
    ],
)
def test_a_target_that_cannot_be_reached_is_said(fit, error, options, message):
    with pytest.raises(InputError, match=message):
        find_target(fit, candidates(fit), error, **options)


def test_the_gain_is_the_budget_that_a_rule_needs_for_the_same_error(fit):
    plan = quietly(choose_plan, fit, 64e6, pool_size=128e6)
    gains = {one.name: one for one in compute_gains(fit, plan, pool_size=128e6)}
    everything = gains["keep everything ranked"]
    mixture = candidates(fit, pool_size=128e6)[3].mixture
    wanted = forecast(fit, [plan.best.candidate.mixture], np.array([64e6])).expected[0, 0]
    there = forecast(fit, [mixture], np.array([64e6 * everything.gain])).expected[0, 0]
    assert there == pytest.approx(wanted, abs=2e-4)
    assert everything.gain > 1
    assert everything.low < everything.gain < everything.high
    assert "keep 30 %" in gains
    assert "keep 30 %" not in {one.name for one in compute_gains(fit, plan)}
    assert not any("keep 10 %" in name for name in gains)  # that is the choice itself


def test_a_rule_that_never_gets_there_has_no_gain(fit):
    plan = quietly(choose_plan, fit, 1.28e9, pool_size=128e6)
    gains = {one.name: one for one in compute_gains(fit, plan, pool_size=128e6)}
    assert gains["always keep 10 %"].gain is None


def test_the_budget_for_an_error_is_read_off_a_curve():
    budgets = np.geomspace(1, 100, 3)
    curves = np.array([[3.0, 2.0, 1.0], [3.0, 2.0, 1.0], [3.0, 2.0, 1.0]])
    found = budget_for(curves, np.array([1.5, 0.5, 4.0]), budgets)
    assert found == pytest.approx([10**1.5, np.inf, 1.0])


def test_one_metric_counted_twice_chooses_as_it_does_alone(fit):
    alone = quietly(choose_plan, fit, 64e6)
    both = quietly(choose_plan, blend_fits([fit, fit]), 64e6)
    assert both.best.candidate.mixture == alone.best.candidate.mixture
    assert both.best.error == pytest.approx(alone.best.error)
    assert "Every metric alone would choose the same" in both.verdict


def test_metrics_that_differ_are_shown_and_weights_decide(fit, other):
    first = quietly(choose_plan, blend_fits([fit, other], [1.0, 0.0]), 64e6)
    second = quietly(choose_plan, blend_fits([fit, other], [0.0, 1.0]), 64e6)
    assert len(first.best.candidate.mixture.pools) == 1
    assert len(second.best.candidate.mixture.pools) == 4
    assert "Alone would choose otherwise: retrieval_error" in first.verdict
    assert [len(one.best.mixture.pools) for one in first.by_metric] == [1, 4]


@pytest.mark.parametrize("worst", [False, True])
def test_the_choice_of_each_metric_is_what_its_own_plan_says(fit, other, worst):
    """One path for one metric and for several: what a metric alone would choose, and its errors, are those of its own plan."""
    for limits in ({}, {"max_epochs": 2.0}, {"must": ["top_10_20"]}):
        found = choose_quietly(blend_fits([fit, other], worst=worst), **limits)
        for one, part in zip(found.by_metric, (fit, other), strict=True):
            alone = choose_quietly(part, **limits)
            assert one.best == alone.best.candidate
            assert one.error == pytest.approx(alone.best.error)
            errors = {choice.candidate.mixture: choice.error for choice in alone.choices}
            assert one.error_of_choice == pytest.approx(errors[found.best.candidate.mixture])


def choose_quietly(fit, **limits):
    (plan,) = quietly(choose_plans, fit, [64e6], **limits)
    return plan


def test_several_metrics_keep_every_limit_and_have_every_part_of_a_plan(fit, other):
    """A blend takes limits, warns and is noisy as a plan of one metric does."""
    blend = blend_fits([fit, other], [0.7, 0.3])
    limits = Constraints(max_epochs=3.0, at_most=3, never=["top_0_10"], max_share={"*": 0.6})
    with pytest.warns(ExtrapolationWarning, match="wider than any run"):
        (plan,) = choose_plans(blend, [64e6], constraints=limits, pool_size=128e6)
    for choice in (*plan.choices, plan.mixture):
        assert "top_0_10" not in choice.candidate.mixture.names
        assert max(choice.epochs) <= 3.0 * (1 + 1e-9)
        assert len(choice.candidate.mixture.pools) <= 3
        assert choice.low < choice.error < choice.high < blend.chance
    assert max(plan.mixture.candidate.mixture.weights) <= 0.6 + 1e-9
    assert {rule.name for rule in plan.baselines if rule.error is not None} >= {BEST_PILOT, COPY_NEAREST}
    assert plan.advice is not None
    widths = [(choice.high - choice.low) for choice in plan.choices]
    drawn = forecast(blend, [choice.candidate.mixture for choice in plan.choices], np.array([64e6])).errors
    assert np.all(widths > np.ptp(np.quantile(drawn[:, :, 0], [0.05, 0.95], axis=0), axis=0))


def test_several_metrics_have_a_target_too(fit, other):
    blend = blend_fits([fit, other])
    found = find_target(blend, candidates(blend), 0.7)
    at = np.array([found.samples_seen])
    assert reach_probability(blend, found.candidate, 0.7, at)[0] == pytest.approx(0.5, abs=1e-3)


def test_runs_that_two_tables_name_differently_are_the_same_runs(fit, other):
    renamed = replace(other, rows=tuple(replace(row, run=f"eval {i}") for i, row in enumerate(other.rows)))
    assert [row.error for row in blend_fits([fit, renamed]).rows] == [
        row.error for row in blend_fits([fit, other]).rows
    ]


def test_a_pool_that_never_repeats_has_a_target_without_a_limit_on_passes():
    law = one_law([1.0, 0.5], [4.0] * 2, chance=None, floor=2.0)
    fit = made_fit([np.inf, 8e6], law, ranked=False)
    found = find_target(fit, candidates(fit), 2.3)
    assert found.candidate.mixture.names == ("p0",)
    assert found.samples_seen > 100 * 8e6 / 10
    at = np.array([found.samples_seen])
    assert reach_probability(fit, found.candidate, 2.3, at)[0] == pytest.approx(0.5, abs=1e-3)
    with pytest.raises(InputError, match=r"No candidate reaches 1\.9"):
        find_target(fit, candidates(fit), 1.9)
