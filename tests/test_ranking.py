"""Leaving a tenth out: the ranking is of mixtures that the law has not seen."""

import numpy as np
import pytest

from thresher.backtests.ranking import rank_correlation, rank_left_out
from thresher.examples import example_path, load_example
from thresher.fits.fit_law import fit_law
from thresher.runs import RunTable
from thresher.runs.swarms import read_swarm


@pytest.fixture(scope="module")
def rows():
    table = read_swarm(example_path("regmix_shares"), example_path("regmix_losses"), samples_seen=1e9)
    return [row for row in table.of_metric("arxiv_loss").rows if row.run.startswith("train")][:64]


def test_a_swarm_that_follows_the_law_is_ranked_well_and_one_of_noise_is_not(rows):
    fit = fit_law(RunTable(tuple(rows), "swarm"))
    assert rank_left_out(fit).spearman > 0.95
    from dataclasses import replace

    errors = np.random.default_rng(0).permutation([row.error for row in rows])
    shuffled = [replace(row, error=float(e)) for row, e in zip(rows, errors, strict=True)]
    assert rank_left_out(fit_law(RunTable(tuple(shuffled), "noise"))).spearman < 0.4


def test_what_is_no_swarm_is_not_ranked():
    assert rank_left_out(fit_law(load_example("datacomp_medium_tmars"))) is None


def test_ties_have_their_mean_rank():
    assert rank_correlation(np.array([1.0, 1.0, 2.0]), np.array([3.0, 3.0, 5.0])) == pytest.approx(1.0)
    assert rank_correlation(np.array([1.0, 2.0, 3.0]), np.array([3.0, 2.0, 1.0])) == pytest.approx(-1.0)
