from dataclasses import replace

import pytest

from ensembles import ensemble, with_noise
from simulated import N
from thresher.errors import InputError
from thresher.pilots.next_run import WORTHWHILE_SHARE, choose_next_run

TARGETS = (4 * N, 12 * N, 60 * N)


def unsettled(target=60 * N):
    """With less noise a run tells more, and the choice is not settled by noise alone."""
    return choose_next_run(with_noise(ensemble(), 0.0005), target)


@pytest.mark.parametrize("target", TARGETS)
def test_a_run_removes_some_of_the_regret_and_never_more_than_there_is(target):
    found = choose_next_run(ensemble(), target)
    assert found.runs
    assert all(0 <= run.regret_reduction <= found.expected_regret for run in found.runs)


@pytest.mark.parametrize("target", TARGETS)
def test_runs_are_ordered_by_what_they_remove_per_sample(target):
    rates = [run.regret_reduction / run.cost for run in choose_next_run(ensemble(), target).runs]
    assert rates == sorted(rates, reverse=True)


def test_no_run_is_shorter_than_an_epoch_or_longer_than_allowed():
    for run in choose_next_run(ensemble(), 60 * N, most_samples=16 * N).runs:
        assert run.mixture.unique_samples <= run.samples_seen <= 16 * N * (1 + 1e-9)


def test_candidates_are_single_joint_longer_and_repeated_runs():
    found = unsettled().runs
    assert {len(run.mixture.pools) for run in found} == {1, 2, 3}
    assert max(run.samples_seen for run in found) > ensemble().largest_run
    repeats = [run for run in found if run.repeats_a_run]
    assert repeats
    assert all(run.samples_seen == ensemble().largest_run and len(run.mixture.pools) == 1 for run in repeats)


def test_the_run_named_next_is_the_cheapest_worthwhile_one():
    found = unsettled()
    assert not found.stop
    worthwhile = [r for r in found.runs if r.regret_reduction >= WORTHWHILE_SHARE * found.expected_regret]
    assert found.verdict.startswith(f"Next, train on {' + '.join(worthwhile[0].mixture.names)} for ")


def test_a_choice_settled_to_within_the_noise_stops():
    found = choose_next_run(with_noise(ensemble(), 0.5), 60 * N)
    assert found.stop
    assert found.verdict.startswith("Stop: the choice at 768M samples is settled")


def test_runs_that_tell_nothing_stop():
    drowned = with_noise(ensemble(), 0.5)
    regret = choose_next_run(drowned, 60 * N).runs
    assert all(run.regret_reduction < 1e-4 for run in regret)


def test_one_candidate_has_no_regret_to_remove():
    alone = replace(
        ensemble(), pools=ensemble().pools[:1], rows=tuple(r for r in ensemble().rows if r.pool == "a")
    )
    found = choose_next_run(alone, 60 * N)
    assert found.expected_regret == 0.0
    assert found.stop


def test_the_answer_is_the_same_twice():
    assert unsettled() == unsettled()


def test_a_target_below_the_pilots_still_has_candidates():
    assert choose_next_run(ensemble(), N / 100).runs


def test_a_limit_below_every_candidate_is_refused_with_the_shortest():
    with pytest.raises(
        InputError, match=r"--most-samples 10 allows no run: the shortest candidate has 44\.8M"
    ):
        choose_next_run(ensemble(), 60 * N, most_samples=10)


@pytest.mark.parametrize("target", [0.0, float("nan"), float("inf")])
def test_a_budget_that_no_run_has_is_refused(target):
    with pytest.raises(InputError, match="--budget"):
        choose_next_run(ensemble(), target)
