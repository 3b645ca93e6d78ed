from dataclasses import replace

import pytest

from thresher.errors import InputError
from thresher.examples import load_example
from thresher.fits import fit_ensemble
from thresher.pilots.choosing import choose_design, shares_learned
from thresher.pilots.design import designs
from thresher.pilots.simulation import simulate_design
from thresher.pilots.worlds import borrowed_world
from thresher.pools import Pool

USUAL = {"schedule": "constant", "seeds": 1, "joint": True}


@pytest.fixture(scope="module")
def prior():
    return fit_ensemble(load_example("datacomp_medium_tmars"), replicates=10)


def world_of(prior, size, buckets=3):
    return borrowed_world(prior, tuple(Pool(f"b{i}", size, rank=i + 1) for i in range(buckets)))


def test_worlds_take_the_buckets_names_and_sizes(prior):
    world = world_of(prior, 128e6)
    assert [pool.name for pool in world.pools] == ["b0", "b1", "b2"]
    assert {pool.unique_samples for pool in world.pools} == {128e6}
    with pytest.raises(InputError, match="the prior has 4 ranked pools; give --top 4"):
        borrowed_world(prior, tuple(Pool(f"b{i}", 1e6, rank=i + 1) for i in range(5)))


def test_an_easy_choice_is_found_and_intervals_hold_the_truth(prior):
    found = choose_design(world_of(prior, 128e6), 1.28e9, 192e6, **USUAL, replicates=40)
    assert found.simulation.right >= 0.9
    assert found.enough_budget == found.design.samples_seen
    assert "leads to a choice that is right in" in found.verdict
    assert "Without any pilot the borrowed curves are right in" in found.verdict
    assert found.simulation.utility["b0"].inside > 0.8
    assert found.design.samples_seen <= 192e6


def test_the_same_seed_gives_the_same_answer(prior):
    world = world_of(prior, 128e6)
    design = designs(world.pools, 1.28e9, 192e6, **USUAL)[0]
    first, again = (simulate_design(world, design, 1.28e9, replicates=20, seed=3) for _ in range(2))
    assert first == again
    assert simulate_design(world, design, 1.28e9, replicates=20, seed=4) != first


def test_intervals_hold_the_truth_and_more_noise_makes_them_wider(prior):
    world = world_of(prior, 128e6)
    design = next(
        d for d in designs(world.pools, 6.4e9, 960e6, **USUAL) if d.sizes_differ and d.most_epochs == 6
    )
    quiet, loud = (
        simulate_design(replace(world, noise_sd=sd), design, 6.4e9, replicates=60, quick=True)
        for sd in (0.001, 0.01)
    )
    for name in ("b0", "b1", "b2"):
        assert quiet.half_life[name].factor < loud.half_life[name].factor
        assert quiet.half_life[name].narrow >= loud.half_life[name].narrow
        assert quiet.utility[name].inside > 0.7
    assert quiet.mean_regret < loud.mean_regret


def test_a_bucket_at_two_sizes_tells_kappa_and_with_it_the_choice(prior):
    """Half-lives at the target's size hang on kappa, which runs of one size say nothing of."""
    world = world_of(prior, 128e6)
    found = {
        design.sizes_differ: design
        for design in designs(world.pools, 12.8e9, 1.92e9, **USUAL)
        if design.most_epochs == 10
    }
    right = {
        differ: simulate_design(world, design, 12.8e9, replicates=60, quick=True).right
        for differ, design in found.items()
    }
    assert right[True] > right[False]


def test_runs_that_stay_at_guessing_have_learned_nothing(prior):
    world = world_of(prior, 12.8e6)
    blind, seeing = (designs(world.pools, 1.28e9, budget, **USUAL)[-1] for budget in (64e6, 6.4e9))
    assert shares_learned(world, [blind, seeing], 0) == (
        pytest.approx(0, abs=0.3),
        pytest.approx(1, abs=0.05),
    )


def test_a_budget_too_small_says_how_much_is_needed(prior):
    world = world_of(prior, 128e6)
    with pytest.raises(InputError, match=r"--pilot-budget 10M is too small .* about .*M samples are needed"):
        choose_design(world, 6.4e9, 10e6, **USUAL, replicates=5)
    with pytest.raises(InputError, match="Buckets of 1,000 samples are too small"):
        choose_design(world_of(prior, 1000), 6.4e9, 10e6, **USUAL, replicates=5)


@pytest.mark.slow
def test_where_pilots_are_not_enough_the_verdict_says_what_it_takes(prior):
    found = choose_design(world_of(prior, 12.8e6, buckets=4), 640e6, 320e6, **USUAL, replicates=20)
    assert found.simulation.right < 0.9
    assert found.larger
    assert "More samples of pilots would be right in " in found.verdict
