from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from made_fits import SIZE as N
from made_fits import example_fit, known_fit, made_fit, one_law
from thresher.errors import InputError
from thresher.fits.forecast import forecast
from thresher.pilots.next_run import WORTHWHILE_SHARE, choose_next_run
from thresher.plans.candidates import candidates
from thresher.plans.evidence import joint_run, value_of_run
from thresher.runs import Measurement

TARGETS = (4 * N, 12 * N, 60 * N)


def with_noise(noise):
    return replace(known_fit(), noise_sd=noise)


@cache
def unsettled(target=60 * N):
    """With less noise the choice is not settled by noise alone."""
    return choose_next_run(with_noise(0.0005), target)


@pytest.mark.parametrize("target", TARGETS)
def test_a_run_removes_some_of_the_regret_and_never_more_than_there_is(target):
    found = choose_next_run(known_fit(), target)
    assert found.runs
    assert all(0 <= run.regret_reduction <= found.expected_regret for run in found.runs)


@pytest.mark.parametrize("target", TARGETS)
def test_runs_are_ordered_by_what_they_remove_per_sample(target):
    rates = [run.regret_reduction / run.cost for run in choose_next_run(known_fit(), target).runs]
    assert rates == sorted(rates, reverse=True)


def test_no_run_is_shorter_than_an_epoch_or_longer_than_allowed():
    for run in choose_next_run(known_fit(), 60 * N, most_samples=16 * N).runs:
        assert run.mixture.unique_samples <= run.samples_seen <= 16 * N * (1 + 1e-9)


def test_candidates_are_single_joint_longer_and_repeated_runs():
    found = unsettled().runs
    assert {len(run.mixture.pools) for run in found} == {1, 2, 3}
    largest = known_fit().reach.largest_run
    assert max(run.samples_seen for run in found) > largest
    repeats = [run for run in found if run.repeats_a_run]
    assert repeats
    assert all(run.samples_seen == largest and len(run.mixture.pools) == 1 for run in repeats)


def test_the_run_named_next_is_the_cheapest_worthwhile_one():
    found = unsettled()
    assert not found.stop
    worthwhile = [r for r in found.runs if r.regret_reduction >= WORTHWHILE_SHARE * found.expected_regret]
    assert found.verdict.startswith(f"Next, train on {' + '.join(worthwhile[0].mixture.names)} for ")


def test_a_choice_settled_to_within_the_noise_stops():
    found = choose_next_run(with_noise(0.5), 60 * N)
    assert found.stop
    assert found.verdict.startswith("Stop: the choice at 768M samples is settled")


def test_runs_that_tell_nothing_stop():
    found = choose_next_run(replace(known_fit(), misfit=10.0, noise_sd=1e-6), 60 * N)
    assert found.stop
    assert all(run.regret_reduction < WORTHWHILE_SHARE * found.expected_regret for run in found.runs)
    assert found.verdict.startswith("Stop: no run considered would remove a tenth")


def test_one_candidate_has_no_regret_to_remove():
    alone = made_fit([N], one_law(np.geomspace(0.5, 2.0, 30)[:, None], [4.0]))
    found = choose_next_run(alone, 60 * N)
    assert found.expected_regret == 0.0
    assert found.stop


def test_the_answer_is_the_same_twice():
    assert unsettled() == choose_next_run(with_noise(0.0005), 60 * N)


def test_a_target_below_the_pilots_still_has_candidates():
    assert choose_next_run(known_fit(), N / 100).runs


def test_a_limit_below_every_candidate_is_refused_with_the_shortest():
    with pytest.raises(
        InputError,
        match=r"most_samples of 10 allows no run: the shortest candidate has 32M samples. Raise it.",
    ):
        choose_next_run(known_fit(), 60 * N, most_samples=10)


@pytest.mark.parametrize("target", [0.0, float("nan"), float("inf")])
def test_a_budget_that_no_run_has_is_refused(target):
    with pytest.raises(InputError, match=r"budget is (0|nan|inf)"):
        choose_next_run(known_fit(), target)


def test_the_joint_run_that_a_plan_asks_for_is_ranked_by_the_same_measure():
    fit = example_fit()
    found = choose_next_run(fit, 640e6)
    mixture, n = joint_run(fit.ranked)
    (asked,) = [run for run in found.runs if (run.mixture, run.samples_seen) == (mixture, n)]
    at_target = forecast(fit, [option.mixture for option in candidates(fit)], np.array([640e6]))
    assert asked.regret_reduction == pytest.approx(value_of_run(fit, mixture, n, at_target).reduction)
    singles = [run for run in found.runs if len(run.mixture.pools) == 1]
    assert asked.regret_reduction > max(run.regret_reduction for run in singles)


def test_what_joint_runs_have_settled_is_not_worth_another_run():
    before = choose_next_run(known_fit(), 60 * N)
    after = choose_next_run(known_fit(((0, 1), (0, 1, 2))), 60 * N)
    assert after.expected_regret < before.expected_regret
    assert max(run.regret_reduction for run in after.runs) < max(run.regret_reduction for run in before.runs)


def test_fresh_data_has_runs_of_less_than_an_epoch():
    """Where no run gets near an epoch of a pool, as with language models, the next one need not either."""
    law = one_law([[1.0, 0.6]] * 10, np.full((10, 2), 4.0), chance=None, floor=2.0, largest_run=128e6)
    for size in (1e12, np.inf):
        found = choose_next_run(made_fit([size, size], law), 1e9)
        assert {run.samples_seen for run in found.runs} <= {128e6 * times for times in (0.25, 0.5, 1, 2, 4)}
        assert found.runs


def test_ranked_pools_that_never_repeat_have_single_runs_only():
    law = one_law([[1.0, 0.6]] * 10, np.full((10, 2), 4.0), chance=None, floor=2.0)
    found = choose_next_run(made_fit([np.inf, N], law), 1e9)
    assert {len(run.mixture.pools) for run in found.runs} == {1}


def test_without_ranks_mixtures_that_may_be_best_are_considered_with_their_shares():
    """Two pools that wear out: the draws disagree on how much of the second one to take."""
    worth = np.column_stack([np.ones(10), np.geomspace(0.2, 0.9, 10)])
    law = one_law(worth, np.full((10, 2), 2.0), chance=None, floor=2.0)
    found = choose_next_run(made_fit([N, N], law, ranked=False), 20 * N)
    mixtures = [run for run in found.runs if len(run.mixture.pools) == 2]
    assert len({run.mixture.weights for run in mixtures}) > 1
    assert any(" %" in run.label for run in mixtures)
    assert 0 < max(run.regret_reduction for run in mixtures) <= found.expected_regret


def test_a_weighted_run_of_the_pools_of_a_union_that_was_run_repeats_nothing():
    worth = np.stack([np.ones(20), np.geomspace(0.4, 1.2, 20)], axis=1)
    fit = made_fit([N, N], one_law(worth, [4.0, 4.0], chance=None, floor=2.0), ranked=False)
    even = Measurement("p0+p1", 2 * N, 128e6, "val_loss", 2.5)
    found = choose_next_run(replace(fit, rows=(*fit.rows, even)), 1e9)
    weighted = [run for run in found.runs if not run.in_proportion and run.samples_seen == 128e6]
    assert weighted
    assert not any(run.repeats_a_run for run in weighted)
