from dataclasses import replace

import numpy as np
import pytest

from made_fits import made_fit, one_law
from pilot_worlds import buckets, prior, world_of
from thresher.fits import union_doubt
from thresher.fits.priors import PRIORS
from thresher.pilots.design import designs
from thresher.pilots.recovered import Recovered
from thresher.pilots.simulation import _refit, simulate_design
from thresher.pilots.worlds import borrowed_world, choices, draw_worlds

USUAL = {"schedule": "constant", "seeds": 1, "joint": True}


def design_of(world, target, pilot, epochs, unions=1, **options):
    """The design whose longest single-bucket runs and whose number of unions are these."""
    return next(
        design
        for design in designs(world.pools, target, pilot, **USUAL | options)
        if design.most_epochs == epochs and sum(len(run.pools) > 1 for run in design.runs) == unions
    )


def test_the_same_seed_gives_the_same_answer():
    world = world_of(128e6)
    design = design_of(world, 1.28e9, 192e6, 6)
    first, again = (simulate_design(world, design, 1.28e9, replicates=20, seed=3) for _ in range(2))
    assert first == again
    assert simulate_design(world, design, 1.28e9, replicates=20, seed=4) != first


def test_intervals_hold_the_truth_where_unions_mix_as_the_law_says(monkeypatch):
    monkeypatch.setattr(union_doubt, "UNION_DOUBT", (0.0, 0.0))
    world = world_of(12.8e6)
    told = simulate_design(world, design_of(world, 1.28e9, 320e6, 10), 1.28e9, replicates=300)
    for found in (told.worth["b1"], told.worth["b2"], *told.half_life.values()):
        assert 0.84 <= found.inside <= 0.97


@pytest.mark.parametrize("sizes", [(12.8e6, 12.8e6, 12.8e6), (3.2e6, 12.8e6, 51.2e6)])
def test_intervals_of_single_bucket_runs_hold_the_truth(sizes):
    pools = tuple(replace(pool, unique_samples=size) for pool, size in zip(buckets(1.0), sizes, strict=True))
    world = borrowed_world(prior(), pools)
    design = design_of(world, 1.28e9, 640e6, 10, unions=0, joint=False)
    told = simulate_design(world, design, 1.28e9, replicates=300)
    for found in (told.worth["b1"], told.worth["b2"], *told.half_life.values()):
        assert 0.87 <= found.inside <= 0.97


def test_the_best_bucket_is_the_unit_of_worth():
    world = world_of(128e6)
    told = simulate_design(world, design_of(world, 6.4e9, 960e6, 6), 6.4e9, replicates=10)
    assert told.worth["b0"] is None
    assert isinstance(told.half_life["b0"], Recovered)


def test_more_noise_makes_intervals_wider_and_choices_worse():
    world = world_of(128e6)
    design = design_of(world, 6.4e9, 960e6, 10)
    quiet, loud = (
        simulate_design(replace(world, noise_sd=sd), design, 6.4e9, replicates=100) for sd in (0.001, 0.03)
    )
    for name in ("b0", "b1", "b2"):
        assert quiet.half_life[name].factor < loud.half_life[name].factor
        assert quiet.half_life[name].narrow >= loud.half_life[name].narrow
    assert quiet.worth["b2"].factor < loud.worth["b2"].factor
    assert quiet.mean_regret < loud.mean_regret


def test_one_joint_run_lowers_regret_at_the_same_cost():
    world = world_of(128e6, 4)
    with_joint, alone = (
        simulate_design(
            world, design_of(world, 12.8e9, 1.92e9, 10, unions, joint=bool(unions)), 12.8e9, replicates=400
        )
        for unions in (1, 0)
    )
    assert with_joint.mean_regret < 0.85 * alone.mean_regret
    assert with_joint.right > alone.right


def test_longer_runs_tell_more_of_half_lives():
    world = world_of(12.8e6)
    short, long = (
        simulate_design(world, design_of(world, 1.28e9, 640e6, epochs), 1.28e9, replicates=60)
        for epochs in (4, 10)
    )
    for name in ("b0", "b1", "b2"):
        assert long.half_life[name].factor < short.half_life[name].factor


@pytest.mark.parametrize("seeds", [1, 3])
def test_seeds_of_one_run_average_its_noise(seeds):
    world = replace(world_of(12.8e6), noise_sd=0.02, misfit=1e-4)
    design = design_of(world, 1.28e9, 2e9, 4)
    repeated = replace(
        design, runs=tuple(replace(run, seed=seed) for run in design.runs for seed in range(seeds))
    )
    told = simulate_design(world, repeated, 1.28e9, replicates=60)
    quieter = simulate_design(replace(world, noise_sd=0.02 / np.sqrt(seeds)), design, 1.28e9, replicates=60)
    assert told.worth["b1"].factor == pytest.approx(quieter.worth["b1"].factor, rel=1e-6)


def test_losses_are_simulated_and_refitted_as_losses():
    """Levels, floors and noise are those of losses: no error ends at a fraction's guessing, and refits find the floor."""
    law = one_law(
        [1.0, 0.6, 0.3], [[8.0] * 3, [8.0] * 3], chance=None, floor=2.4, level=-0.5, largest_run=1e9
    )
    world = made_fit([20e6] * 3, law, noise_sd=1e-4, misfit=1e-5)
    design = design_of(world, 1e9, 600e6, 10)
    worlds = draw_worlds(world, 10, 0)
    for refits in _refit(worlds, design, np.random.default_rng(0)):
        assert refits.problem.chance is None
        assert refits.problem.priors == PRIORS["loss"]
        assert refits.problem.observed.error.min() > 2.4
        assert np.median(refits.law.floor) == pytest.approx(2.4, abs=0.05)
    told = simulate_design(world, design, 1e9, replicates=20)
    assert 0 <= told.right <= 1
    assert np.isfinite(told.mean_regret)


def test_choices_that_repeat_too_often_are_none():
    """What a plan would not propose is not simulated as a choice either."""
    world = world_of(1e6)
    assert [len(one.pools) for one in choices(world, 90e6)] == [1, 2, 3]
    assert [len(one.pools) for one in choices(world, 150e6)] == [2, 3]
    assert [len(one.pools) for one in choices(world, 1e12)] == [3]
