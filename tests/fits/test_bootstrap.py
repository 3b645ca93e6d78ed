"""Replicates of a fit."""

import numpy as np
import pytest

from thresher.examples.published import load_example
from thresher.fits.bootstrap import _cells, _resampled_seeds, bootstrap
from thresher.fits.choice import LawChoice
from thresher.fits.fit_law import optimum
from thresher.fits.observations import observe


@pytest.fixture(scope="module")
def two_seeds():
    """Two seeds of every run of the icon laboratory, from the first epoch on."""
    return observe(load_example("icon_lab").from_epoch(1.0).rows, 0.003)


def test_runs_that_differ_in_seed_alone_share_a_cell(two_seeds):
    assert set(np.bincount(_cells(two_seeds))) == {2}


def test_resampled_seeds_keep_the_mean_and_the_variance_of_single_runs(two_seeds):
    cell = _cells(two_seeds)
    measured = two_seeds.error[two_seeds.used]
    drawn = _resampled_seeds(measured, cell, 4000, np.random.default_rng(0))
    first = cell == cell[0]
    mean, variance = measured[first].mean(), measured[first].var(ddof=1)
    assert drawn[:, first].mean() == pytest.approx(mean, abs=4 * np.sqrt(variance / 8000))
    assert drawn[:, first].var() == pytest.approx(variance, rel=0.1)


def test_a_resampled_seed_never_comes_from_another_cell():
    measured = np.array([0.5, 0.9, 0.52, 0.91])
    drawn = _resampled_seeds(measured, np.array([0, 1, 0, 1]), 200, np.random.default_rng(0))
    assert drawn[:, [0, 2]].max() < 0.6 < 0.8 < drawn[:, [1, 3]].min()


def test_replicates_follow_the_seed_alone(two_seeds):
    point = optimum(two_seeds, LawChoice(chance=0.9953))
    first, again, other = (bootstrap(point.curves, point.theta, 1.0, 9, seed) for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
