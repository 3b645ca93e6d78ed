from dataclasses import replace

import numpy as np
import pytest

from pilot_worlds import buckets, prior, world_of
from thresher.errors import InputError
from thresher.examples import load_example
from thresher.fits.fit_law import fit_law
from thresher.pilots.worlds import borrowed_world, draw_worlds, nested
from thresher.pools import union


def test_buckets_are_like_the_priors_pools_rank_by_rank():
    world = world_of(128e6)
    assert [pool.name for pool in world.pools] == ["b0", "b1", "b2"]
    assert {pool.unique_samples for pool in world.pools} == {128e6}
    names = [pool.name for pool in prior().pools]
    best = [names.index(pool.name) for pool in prior().ranked[:3]]
    for mine, borrowed in zip(world.laws, prior().laws, strict=True):
        np.testing.assert_array_equal(mine.worth, borrowed.worth[:, best])


def test_more_buckets_than_the_prior_has_are_refused():
    with pytest.raises(InputError, match=r"the prior has 4 ranked pools; give top=4 or fewer"):
        borrowed_world(prior(), buckets(1e6, 5))
    with pytest.raises(InputError, match="leaves nothing to choose"):
        borrowed_world(prior(), buckets(1e6, 1))


def test_a_world_of_one_bucket_is_a_draw_of_the_law():
    world = world_of(128e6)
    worlds = draw_worlds(world, 50, seed=0)
    settings = worlds.settings([union(world.pools[:1])] * 2, [128e6, 12.8e9])
    found = worlds.errors(settings)
    for law, place in zip(worlds.laws, worlds.places, strict=True):
        np.testing.assert_allclose(found[place], law.errors(settings))
    assert sum(map(len, worlds.places)) == 50


def test_a_union_strays_from_its_law_by_the_same_in_pilot_and_target():
    world = world_of(128e6)
    worlds = draw_worlds(world, 50, seed=0)
    part = union([replace(pool, unique_samples=1e6) for pool in world.pools])
    settings = worlds.settings([part, nested(world.pools)[-1]], [4e6, 1.28e9])
    found = worlds.errors(settings)
    for law, place in zip(worlds.laws, worlds.places, strict=True):
        by = np.log((found[place] - law.floor[:, None]) / (law.errors(settings) - law.floor[:, None]))
        inside = found[place].max(axis=1) < world.chance
        assert by[inside, 1].std() > 0.01
        np.testing.assert_allclose(by[inside, 0], by[inside, 1])


def test_no_draw_is_a_world_much_more_often_than_another():
    world = world_of(128e6)
    worlds = draw_worlds(world, world.draws, seed=0)
    for law in worlds.laws:
        assert len(np.unique(law.level)) == len(law)


def test_worlds_are_bounded_by_guessing():
    world = world_of(128e6)
    worlds = draw_worlds(world, 50, seed=0)
    assert worlds.errors(worlds.settings([nested(world.pools)[-1]], [1e5])).max() <= world.chance


def test_the_papers_law_makes_worlds_as_well():
    fit = borrowed_world(fit_law(load_example("datacomp_medium_tmars"), law="paper"), buckets(12.8e6))
    worlds = draw_worlds(fit, 30, seed=0)
    errors = worlds.errors(worlds.settings(nested(fit.pools), [128e6] * 3))
    assert errors.shape == (30, 3)
    assert np.all((errors > 0) & (errors <= fit.chance))
