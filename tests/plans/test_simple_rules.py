"""Baselines: what each simple rule chooses, and the error that the fit predicts for it."""

from dataclasses import replace

import numpy as np
import pytest

from made_fits import SIZE, example_fit, known_fit, made_fit, one_law, ranked_example, runs_of
from thresher import candidates, choose_plan, fit_law
from thresher.fits.forecast import forecast
from thresher.plans.simple_rules import (
    BEST_PILOT,
    COPY_NEAREST,
    KEEP_ALL,
    KEEP_FIXED,
    PAPER_RULE,
    baselines,
    best_pilot,
    copy_nearest,
    paper_fit,
)
from thresher.pools import Mixture, Pool, union
from thresher.runs import Measurement, RunTable

pytestmark = pytest.mark.filterwarnings("ignore::thresher.errors.ExtrapolationWarning")
FIT = example_fit()
TOP = ("top_0_10", "top_10_20", "top_20_30", "top_30_40")


def rules(plan):
    """Baselines by name."""
    return {rule.name: rule for rule in plan.baselines}


def row(pool, samples_seen, error, **columns):
    """A run of 1M samples."""
    return Measurement(pool, columns.pop("unique_samples", 1e6), samples_seen, "x_error", error, **columns)


@pytest.mark.parametrize("budget", [64e6, 640e6])
def test_every_rule_stands_beside_a_plan_with_the_error_that_the_fit_predicts(budget):
    plan = choose_plan(FIT, budget, pool_size=128e6)
    assert list(rules(plan)) == [BEST_PILOT, KEEP_ALL, KEEP_FIXED, COPY_NEAREST, PAPER_RULE]
    for rule in plan.baselines:
        expected = forecast(FIT, [rule.candidate.mixture], np.array([budget])).expected[0, 0]
        assert rule.error == pytest.approx(expected)
    error = {choice.candidate.mixture.names: choice.error for choice in plan.choices}
    assert rules(plan)[BEST_PILOT].error == pytest.approx(error[TOP[:1]])
    assert rules(plan)[KEEP_ALL].error == pytest.approx(error[TOP])
    assert rules(plan)[KEEP_FIXED].error == pytest.approx(error[TOP[:3]])


def test_the_papers_rule_chooses_what_the_papers_law_predicts_to_be_best():
    paper = fit_law(ranked_example(), law="paper")
    options = candidates(FIT)
    budgets = np.array([32e6, 128e6, 640e6])
    predicted = forecast(paper, [option.mixture for option in options], budgets).mean.argmin(axis=0)
    found = baselines(FIT, options, budgets, paper=paper_fit(FIT))
    chosen = [{rule.name: rule for rule in at}[PAPER_RULE].candidate for at in found]
    assert chosen == [options[i] for i in predicted]
    assert len(set(chosen)) > 1


def test_the_papers_fit_takes_the_single_runs_only_at_the_sizes_and_exposure_of_the_plan():
    fit = known_fit(((0, 1), (0, 1, 2)))
    paper = paper_fit(fit)
    assert {row.pool for row in paper.rows} == {"p0", "p1", "p2"}
    larger = replace(
        fit, exposure="resampled", pools=tuple(replace(p, unique_samples=3 * SIZE) for p in fit.pools)
    )
    found = paper_fit(larger)
    assert [pool.unique_samples for pool in found.pools] == [3 * SIZE] * 3
    assert found.exposure == "resampled"


def test_without_runs_of_every_pool_alone_there_is_no_papers_rule_and_no_pilot_to_copy():
    runs = runs_of(one_law([1.0, 0.6], [4.0] * 2), [SIZE] * 2, joint=((0, 1),))
    only_joint = RunTable(tuple(r for r in runs.rows if r.pool != "p1"), "nested")
    fit = fit_law(only_joint, draws=4)
    assert paper_fit(fit) is None
    found = rules(choose_plan(fit, 64e6))
    assert found[PAPER_RULE].error is None
    assert found[BEST_PILOT].candidate.mixture.names == ("p0",)


def test_a_swarm_has_no_simple_rule_and_still_a_plan():
    law = one_law([1.0, 0.6], [4.0] * 2, chance=None, floor=2.0)
    rows = tuple(
        Measurement(
            "p0+p1", 2 * SIZE, n, "val_loss", 3.0 - 0.1 * w, weights=(w, 1 - w), pool_sizes=(SIZE, SIZE)
        )
        for w in (0.2, 0.5, 0.8)
        for n in (16e6, 128e6)
    )
    plan = choose_plan(made_fit([SIZE] * 2, law, ranked=False, rows=rows), 64e6)
    assert {rule.error for rule in plan.baselines} == {None}
    assert plan.best.candidate.mixture.names == ("p0",)


def test_the_best_pilot_is_the_least_mean_over_seeds_of_the_longest_runs():
    rows = [
        row("a", 4e6, 0.50, seed="0"), row("a", 4e6, 0.60, seed="1"), row("b", 4e6, 0.54, seed="0"),
        row("b", 4e6, 0.545, seed="1"), row("b", 2e6, 0.1), row("a+b", 4e6, 0.2), row("c", 4e6, 0.3),
    ]  # fmt: skip
    assert best_pilot(rows, ["a", "b"]) == "b"  # the lucky seed of a does not count
    assert best_pilot(rows, ["a", "b", "c"]) == "c"
    assert best_pilot(rows, ["d"]) is None
    assert best_pilot([row("a+b", 4e6, 0.2)], ["a", "b"]) is None


def test_the_best_pilot_is_a_pool_that_may_be_chosen():
    """A pool without a rank may have the least error and is still no baseline."""
    law = one_law([1.0, 0.8, 1.0], [4.0] * 3)
    rows = tuple(row(f"p{i}", 128e6, error) for i, error in enumerate([0.5, 0.6, 0.4]))
    fit = made_fit([1e6] * 3, law, ranked=[1, 2, None], rows=rows)
    (found,) = baselines(fit, candidates(fit), np.array([64e6]))
    assert {rule.name: rule for rule in found}[BEST_PILOT].candidate.mixture.names == ("p0",)


def test_copying_takes_each_pools_nearest_run_by_samples_seen():
    rows = [row("a", 1e6, 0.9), row("a", 8e6, 0.6), row("b", 2e6, 0.7), row("b", 2e6, 0.8)]
    a, b = Pool("a", 1e6), Pool("b", 1e6)
    assert copy_nearest(rows, union([a]), 2e6) == 0.9
    assert copy_nearest(rows, union([a]), 4e6) == 0.6
    assert copy_nearest(rows, Mixture((a, b), (0.25, 0.75)), 1e9) == pytest.approx(0.25 * 0.6 + 0.75 * 0.75)
    assert np.isnan(copy_nearest(rows, union([a, Pool("c", 1e6)]), 1e6))


def test_copying_a_size_that_was_not_run_takes_the_nearest_size_of_its_quality():
    rows = [
        row("small", 1e6, 0.9, quality="q"), row("large", 1e6, 0.8, quality="q", unique_samples=1e9),
        row("other", 1e6, 0.1),
    ]  # fmt: skip
    assert copy_nearest(rows, union([Pool("new", 1e8, quality="q")]), 1e6) == 0.8
    assert copy_nearest(rows, union([Pool("new", 1e7, quality="q")]), 1e6) == 0.9
    assert copy_nearest(rows, union([Pool("small", 1e9, quality="q")]), 1e6) == 0.8
