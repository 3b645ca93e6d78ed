"""Hundreds of pools: what is worked out in parts is the same, and takes memory for a part alone."""

import sys
import time
import tracemalloc

import numpy as np
import pytest

from made_fits import example_fit, made_fit, random_fit, random_law
from thresher.fits.forecast import forecast, forecast_runs
from thresher.pilots import next_run
from thresher.pilots.next_run import choose_next_run
from thresher.plans import frontier
from thresher.plans.candidates import candidates
from thresher.plans.frontier import trace_frontier
from thresher.plans.gain import MOST_THRESHOLDS, compute_gains
from thresher.plans.plan import choose_plan

pytestmark = pytest.mark.filterwarnings("ignore::thresher.errors.ExtrapolationWarning")


def test_a_forecast_in_parts_is_the_same(monkeypatch):
    """Whatever is worked out at once, the numbers are those of one go."""
    fit = random_fit(1, 5, draws=4)
    mixtures = [option.mixture for option in candidates(fit)]
    whole = forecast(fit, mixtures, np.array([1e6, 1e8, 1e9]))
    monkeypatch.setattr(sys.modules[forecast.__module__], "PART", 10)
    parts = forecast(fit, mixtures, np.array([1e6, 1e8, 1e9]))
    np.testing.assert_allclose(parts.errors, whole.errors, rtol=1e-12)
    np.testing.assert_allclose(parts.expected, whole.expected, rtol=1e-12)


def test_a_frontier_in_parts_is_the_same(monkeypatch):
    """Points, probabilities and crossovers do not depend on how many budgets are forecast at once."""
    fit = example_fit()
    whole = trace_frontier(fit, candidates(fit), smallest=1e7, largest=1e9, points=30)
    monkeypatch.setattr(frontier, "PART", 1)
    parts = trace_frontier(fit, candidates(fit), smallest=1e7, largest=1e9, points=30)
    for one, other in zip(parts.points, whole.points, strict=True):
        assert one.candidate == other.candidate
        assert [one.error, one.low, one.high, one.probability_best] == pytest.approx(
            [other.error, other.low, other.high, other.probability_best], rel=1e-12
        )
    assert [one.samples_seen for one in parts.crossovers] == pytest.approx(
        [one.samples_seen for one in whole.crossovers], rel=1e-9
    )


def test_runs_forecast_together_are_those_forecast_alone():
    """Each run of its own mixture and length is a cell of a forecast of all mixtures at all lengths."""
    fit = random_fit(2, 4, draws=3)
    mixtures, lengths = [option.mixture for option in candidates(fit)], [3e6, 5e7, 2e8, 1e9]
    together = forecast_runs(fit, mixtures, lengths)
    for i, (mixture, n) in enumerate(zip(mixtures, lengths, strict=True)):
        alone = forecast(fit, [mixture], np.array([n]))
        np.testing.assert_allclose(together.errors[:, i, 0], alone.errors[:, 0, 0], rtol=1e-12)
        assert together.noise[i, 0] == pytest.approx(alone.noise[0, 0])


def test_a_frontier_takes_memory_for_a_few_budgets_at_a_time(monkeypatch):
    """172 ranked pools took 24 GB, when every draw of every candidate was held at every budget."""
    monkeypatch.setattr(frontier, "PART", 100_000)
    fit = made_fit(np.full(60, 1e6), random_law(np.random.default_rng(0), 60, draws=40))
    tracemalloc.start()
    trace_frontier(fit, candidates(fit), smallest=1e6, largest=5e7, points=100)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40e6


def test_next_runs_of_many_pools_are_looked_at_closely_where_they_promise_most(monkeypatch):
    """A quick look at all finds the run that a close look finds."""
    fit = random_fit(3, 12, draws=10)
    whole = choose_next_run(fit, 3e8)
    monkeypatch.setattr(next_run, "MOST_RUNS", 12)
    some = choose_next_run(fit, 3e8)
    assert len(some.runs) <= 13 < len(whole.runs)
    assert {run.label for run in some.runs[:3]} & {run.label for run in whole.runs[:3]}
    by_run = {(run.mixture, run.samples_seen): run.regret_reduction for run in whole.runs}
    for run in some.runs:
        assert run.regret_reduction == pytest.approx(by_run[run.mixture, run.samples_seen])


def test_gains_are_over_a_few_thresholds_of_many():
    """Each further threshold is a curve of its own, and a page of them says no more."""
    rng = np.random.default_rng(1)
    fit = made_fit(np.full(90, 1e6), random_law(rng, 90, draws=2))
    started = time.process_time()
    gains = compute_gains(fit, choose_plan(fit, 3e7))
    assert 10 < len(gains) <= MOST_THRESHOLDS + 1
    assert time.process_time() - started < 30
