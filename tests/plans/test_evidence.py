"""What a run would settle of a choice, and what a plan says of the joint run that was never done."""

import re
from dataclasses import replace

import numpy as np
import pytest

from made_fits import SIZE, example_fit, known_fit, made_fit, one_law
from thresher.fits.forecast import forecast
from thresher.plans.candidates import candidates
from thresher.plans.evidence import joint_advice, joint_run, value_of_run
from thresher.plans.plan import choose_plans
from thresher.pools import Pool, union

pytestmark = pytest.mark.filterwarnings("ignore::thresher.errors.ExtrapolationWarning")
BUDGETS = (64e6, 256e6, 640e6, 2e9)
EVERY_UNION = ((0, 1), (0, 1, 2))


def at_target(fit, budget):
    """Forecast of the candidates."""
    return forecast(fit, [option.mixture for option in candidates(fit)], np.array([budget]))


@pytest.mark.parametrize("budget", BUDGETS)
def test_a_run_removes_at_least_nothing_and_at_most_the_regret_there_is(budget):
    fit = example_fit()
    target = at_target(fit, budget)
    for count in range(1, 5):
        for n in (16e6, 64e6, 256e6):
            found = value_of_run(fit, union(fit.ranked[:count]), n, target)
            assert 0 <= found.reduction <= found.regret


def test_the_regret_is_that_of_the_plan():
    fit = example_fit()
    (plan,) = choose_plans(fit, [640e6])
    found = value_of_run(fit, union(fit.ranked), 64e6, at_target(fit, 640e6))
    assert found.regret == pytest.approx(plan.best.expected_regret)


def test_a_noisier_run_is_worth_less_and_a_hopelessly_noisy_one_nothing():
    fit = example_fit()
    mixture, n = joint_run(fit.ranked)
    target = at_target(fit, 640e6)
    worths = [
        value_of_run(replace(fit, misfit=misfit), mixture, n, target).reduction
        for misfit in (0.002, 0.01, 0.05, 10.0)
    ]
    assert worths[0] > worths[1] > worths[2] > worths[3] >= 0
    assert worths[0] > 0.4 * value_of_run(fit, mixture, n, target).regret
    assert worths[3] < 1e-4


@pytest.mark.parametrize("misfit", [0.003, 0.02])
def test_what_a_run_is_worth_is_what_many_simulated_outcomes_give(misfit):
    fit = replace(example_fit(), misfit=misfit)
    mixture, n = joint_run(fit.ranked)
    target = at_target(fit, 640e6)
    found = value_of_run(fit, mixture, n, target)
    run = forecast(fit, [mixture], np.array([n]))
    logs, sd, weights = np.log(run.errors[:, 0, 0]), run.noise[0, 0], run.weights
    rng = np.random.default_rng(1)
    left = []
    for world in rng.choice(len(weights), 4000, p=weights):
        outcome = logs[world] + sd * rng.normal()
        posterior = weights * np.exp(-0.5 * ((outcome - logs) / sd) ** 2)
        errors = target.errors[:, :, 0]
        left.append((posterior @ (errors - errors.min(axis=1, keepdims=True))).min() / posterior.sum())
    error = np.std(left) * np.sqrt(1 / len(left) + 1 / 300)
    assert found.regret - found.reduction == pytest.approx(np.mean(left), abs=3 * error)


def two_pools(worths, misfit=0.01):
    """Pool 0 is the same in every world, pool 1 has these worths; the most probable law has their geometric mean."""
    worths = np.concatenate([[np.exp(np.mean(np.log(worths)))], worths])
    law = one_law(np.stack([np.ones(len(worths)), worths], axis=1), [4.0, 4.0], chance=None, floor=2.0)
    return made_fit([SIZE, SIZE], law, misfit=misfit)


def test_a_run_that_all_draws_agree_on_is_worth_nothing():
    fit = two_pools(np.geomspace(0.5, 2.0, 40), misfit=1e-4)
    p0, p1 = (union([pool]) for pool in fit.pools)
    target = forecast(fit, [p0, p1], np.array([64e6]))
    assert value_of_run(fit, p0, 64e6, target).reduction == pytest.approx(0.0, abs=1e-12)
    told = value_of_run(fit, p1, 64e6, target)
    assert told.reduction > 0.9 * told.regret > 0


def test_a_run_without_noise_settles_a_choice_between_two_worlds():
    fit = two_pools(np.repeat([0.5, 2.0], 20), misfit=1e-6)
    p0, p1 = (union([pool]) for pool in fit.pools)
    found = value_of_run(fit, p1, 16e6, forecast(fit, [p0, p1], np.array([64e6])))
    assert found.regret > 0.01
    assert found.reduction == pytest.approx(found.regret, abs=1e-9)


def test_the_joint_run_to_ask_for_is_the_best_three_pools_at_five_epochs_of_one():
    mixture, n = joint_run(example_fit().ranked)
    assert mixture.names == ("top_0_10", "top_10_20", "top_20_30")
    assert n == pytest.approx(5 * 12.8e6)
    small, large = Pool("a", 1e6, 1), Pool("b", 100e6, 2)
    mixture, n = joint_run((small, large))
    assert n == mixture.unique_samples == 101e6  # every sample once, however unequal the pools are
    assert joint_run((small,)) is None
    assert joint_run((small, Pool("c", np.inf, 2))) is None


ADVICE = re.compile(
    r"No joint run was fitted\. One of (.+) \((\S+) samples, (\d+)% of this budget\) would lower the expected regret of this "
    r"choice from ([\d.]+) to ([\d.]+)\."
)


def test_without_joint_rows_the_verdict_says_what_one_would_settle_and_what_it_costs():
    fit = example_fit()
    mixture, n = joint_run(fit.ranked)
    for plan in choose_plans(fit, [256e6, 640e6]):
        assert plan.verdict.endswith(plan.advice)
        said = ADVICE.fullmatch(plan.advice)
        found = value_of_run(fit, mixture, n, at_target(fit, plan.samples_seen))
        assert said[1] == "top_0_10 + top_10_20 + top_20_30"
        assert said[2] == "64M"
        assert int(said[3]) == pytest.approx(100 * 64e6 / plan.samples_seen, abs=0.5)
        assert float(said[4]) == pytest.approx(plan.best.expected_regret, abs=5.1e-5)
        assert float(said[5]) == pytest.approx(found.regret - found.reduction, abs=5.1e-5)
        assert float(said[5]) < float(said[4])


def test_with_joint_rows_the_verdict_says_nothing_of_joint_runs():
    fit = known_fit(EVERY_UNION)
    assert fit.joint_rows == 10
    (plan,) = choose_plans(fit, [640e6])
    assert plan.advice is None
    assert "joint run" not in plan.verdict


def test_nothing_is_advised_where_there_is_nothing_to_settle():
    fit = example_fit()
    one = forecast(fit, [union(fit.ranked[:1])], np.array([640e6]))
    assert joint_advice(fit, 640e6, one, 0) is None
    unranked = replace(fit, pools=tuple(replace(pool, rank=None) for pool in fit.pools))
    assert joint_advice(unranked, 640e6, at_target(unranked, 640e6), 0) is None


def test_a_joint_run_as_large_as_the_budget_or_without_use_is_called_that():
    fit = example_fit()
    (small,) = choose_plans(fit, [32e6])
    assert "(64M samples, no less than this budget)" in small.advice
    blind = replace(fit, misfit=10.0)
    (plan,) = choose_plans(blind, [640e6])
    assert (
        f"would hardly lower the expected regret of this choice ({plan.best.expected_regret:.4f})."
        in plan.advice
    )


def test_one_joint_run_in_the_fit_does_lower_the_regret_that_is_left():
    """The advice keeps its promise: with the run in the likelihood the choice is surer."""
    before = [plan.best.expected_regret for plan in choose_plans(known_fit(), [256e6, 640e6])]
    after = [plan.best.expected_regret for plan in choose_plans(known_fit(((0, 1, 2),)), [256e6, 640e6])]
    assert sum(after) < 0.7 * sum(before)
