import pytest

from thresher.errors import InputError
from thresher.examples import load_example
from thresher.fits import fit_ensemble
from thresher.pilots.choosing import choose_design
from thresher.pilots.simulation import simulate_design
from thresher.pilots.worlds import borrowed_world, typical_onset
from thresher.pools import Pool

USUAL = {"schedule": "constant", "seeds": 1, "joint": True}


@pytest.fixture(scope="module")
def prior():
    return fit_ensemble(load_example("datacomp_medium_tmars"), replicates=10)


def world_of(prior, size):
    return borrowed_world(prior, tuple(Pool(f"b{i}", size, rank=i + 1) for i in range(3)))


def test_worlds_take_the_buckets_names_and_sizes(prior):
    world = world_of(prior, 128e6)
    assert [pool.name for pool in world.pools] == ["b0", "b1", "b2"]
    assert {pool.unique_samples for pool in world.pools} == {128e6}
    assert 1e6 < typical_onset(world) < 1e8
    with pytest.raises(InputError, match="the prior has 4 ranked pools; give --top 4"):
        borrowed_world(prior, tuple(Pool(f"b{i}", 1e6, rank=i + 1) for i in range(5)))


def test_an_easy_choice_is_found_and_utilities_are_recovered(prior):
    found = choose_design(world_of(prior, 128e6), 1.28e9, 192e6, **USUAL, replicates=40)
    assert found.simulation.right >= 0.9
    assert found.enough_budget == 192e6
    assert "leads to a choice that is right in" in found.verdict
    assert min(found.simulation.utility.values()) > 0.8
    assert found.design.samples_seen <= 192e6


def test_the_same_seed_gives_the_same_answer(prior):
    world = world_of(prior, 128e6)
    design = choose_design(world, 1.28e9, 192e6, **USUAL, replicates=10).design
    first, again = (simulate_design(world, design, 1.28e9, replicates=20, seed=3) for _ in range(2))
    assert first == again
    assert simulate_design(world, design, 1.28e9, replicates=20, seed=4) != first


@pytest.mark.slow
def test_more_noise_recovers_less(prior):
    from dataclasses import replace

    world = world_of(prior, 128e6)
    design = choose_design(world, 6.4e9, 960e6, **USUAL, replicates=10).design
    quiet, loud = (
        simulate_design(replace(world, noise_sd=sd), design, 6.4e9, replicates=40) for sd in (0.001, 0.02)
    )
    assert sum(quiet.half_life.values()) > sum(loud.half_life.values())
    assert quiet.mean_regret < loud.mean_regret


@pytest.mark.slow
def test_where_pilots_are_not_enough_the_verdict_says_what_it_takes(prior):
    found = choose_design(world_of(prior, 12.8e6), 640e6, 96e6, **USUAL, replicates=20)
    assert found.simulation.right < 0.9
    assert "samples of pilots would be right in 90%" in found.verdict
