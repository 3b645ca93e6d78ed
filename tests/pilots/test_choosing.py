import numpy as np
import pytest

from pilot_worlds import world_of
from thresher.errors import InputError
from thresher.pilots.choosing import choose_design, shares_learned
from thresher.pilots.design import designs
from thresher.pilots.simulation import simulate_design

USUAL = {"schedule": "constant", "seeds": 1, "joint": True}


@pytest.fixture(scope="module")
def easy():
    return choose_design(world_of(12.8e6), 2.56e9, 640e6, **USUAL, replicates=60)


def test_an_easy_choice_is_found_and_the_verdict_says_so(easy):
    assert easy.simulation.right >= 0.9
    assert easy.enough_budget == easy.design.samples_seen
    assert easy.larger == ()
    assert "leads to a choice that is right in" in easy.verdict
    assert "Without any pilot the borrowed curves are right in" in easy.verdict
    assert easy.design.samples_seen <= 640e6


def test_the_chosen_design_trains_the_best_three_jointly_unless_told_not_to(easy):
    assert ("b0", "b1", "b2") in {run.pools for run in easy.design.runs}
    alone = choose_design(world_of(12.8e6), 2.56e9, 640e6, **USUAL | {"joint": False}, replicates=5)
    assert all(len(run.pools) == 1 for run in alone.design.runs)


def test_the_chosen_design_has_less_regret_than_the_usual_one_in_other_worlds():
    world = world_of(128e6, 4)
    chosen = choose_design(world, 12.8e9, 1.92e9, **USUAL, replicates=100).design
    compared = designs(world.pools, 12.8e9, 1.92e9, **USUAL)
    regrets = {
        design.runs: simulate_design(world, design, 12.8e9, replicates=200, seed=9).mean_regret
        for design in compared
    }
    assert regrets[chosen.runs] < np.median(list(regrets.values()))


def test_the_same_seed_chooses_the_same_design(easy):
    again = choose_design(world_of(12.8e6), 2.56e9, 640e6, **USUAL, replicates=60)
    assert again == easy


def test_runs_that_stay_at_guessing_have_learned_nothing():
    world = world_of(12.8e6)
    blind, seeing = (designs(world.pools, 1.28e9, budget, **USUAL)[-1] for budget in (64e6, 6.4e9))
    assert shares_learned(world, [blind, seeing], 0) == (
        pytest.approx(0, abs=0.3),
        pytest.approx(1, abs=0.05),
    )


def test_no_design_that_is_chosen_stays_at_guessing():
    found = choose_design(world_of(12.8e6), 1.28e9, 160e6, **USUAL, replicates=5)
    assert shares_learned(world_of(12.8e6), [found.design], 0)[0] >= 0.75


def test_a_budget_too_small_says_how_much_is_needed():
    with pytest.raises(InputError, match=r"pilot_budget 10M is too small .* about .*M samples are needed"):
        choose_design(world_of(128e6), 6.4e9, 10e6, **USUAL, replicates=5)
    with pytest.raises(InputError, match="Buckets of 1,000 samples are too small"):
        choose_design(world_of(1000), 6.4e9, 10e6, **USUAL, replicates=5)


def test_where_pilots_are_not_enough_the_verdict_says_what_it_takes():
    found = choose_design(world_of(12.8e6, 4), 640e6, 320e6, **USUAL, replicates=40)
    assert found.simulation.right < 0.9
    assert [one.budget for one in found.larger] == [480e6, 640e6]
    assert "More samples of pilots would be right in " in found.verdict


def test_pilots_that_could_not_be_larger_are_not_tried_larger():
    found = choose_design(world_of(12.8e6, 4), 640e6, 500e6, **USUAL, replicates=40)
    assert found.simulation.right < 0.9
    assert found.larger == ()
    assert found.enough_budget is None
    assert "Larger pilots would cost more than the run itself." in found.verdict
