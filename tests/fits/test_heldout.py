from dataclasses import replace

import numpy as np
import pytest

from ensembles import EPOCHS, runs
from simulated import simulated_runs
from thresher.fits.choice import LawChoice
from thresher.fits.fit_law import optimum
from thresher.fits.heldout import MOST_BUDGETS, folds, heldout_losses, heldout_residuals
from thresher.fits.observations import observe
from thresher.runs import RunTable


def observations(table=None):
    return observe((table or runs()).singles.rows, 0.003)


def at(kernel, table=None):
    return optimum(observations(table), LawChoice(kernel=kernel))


def test_single_size_pools_hold_out_last_epochs_and_budgets():
    kinds = [fold.kind for fold in folds(observations())]
    assert kinds.count("last epochs") == 1
    assert kinds.count("one budget") == len(EPOCHS)
    assert "one pool" not in kinds


def test_many_budgets_are_thinned():
    kinds = [fold.kind for fold in folds(observations(simulated_runs()))]
    assert kinds.count("one budget") == MOST_BUDGETS


def test_last_epochs_are_the_largest_budgets_of_every_pool():
    found = observations()
    (fold,) = [fold for fold in folds(found) if fold.kind == "last epochs"]
    for left_out, n in zip(fold.left_out, found.samples_seen, strict=True):
        assert np.count_nonzero(left_out) == len(EPOCHS) // 4
        assert n[left_out].min() > n[~left_out].max()


def test_a_budget_is_left_out_of_every_pool_at_once():
    found = observations()
    for fold in folds(found):
        if fold.kind == "one budget":
            assert len(set(found.samples_seen[fold.left_out])) == 1
            assert np.all(fold.left_out.sum(axis=1) == 1)


def test_one_pool_is_left_out_where_three_share_a_quality():
    rows = [
        replace(row, pool=f"b{size}", rank=None, quality="good", unique_samples=row.unique_samples * size)
        for size in (1, 2, 4)
        for row in simulated_runs(pools=("b",)).rows
    ]
    found = observations(RunTable(tuple(rows), "sizes"))
    pools = [set(found.pool[fold.left_out]) for fold in folds(found) if fold.kind == "one pool"]
    assert pools == [{0}, {1}, {2}]


def test_three_budgets_a_pool_are_too_few_to_hold_any_out():
    few = [row for row in runs().rows if row.samples_seen <= 4.01 * row.unique_samples]
    assert folds(observations(RunTable(tuple(few), "few"))) == ()


def test_the_law_that_made_the_runs_predicts_what_it_has_not_seen():
    point = at("utility", simulated_runs())
    for z in heldout_residuals(point.curves, point.theta, folds(point.curves.observations)):
        assert np.abs(z).max() < 1e-3


def test_a_law_without_decay_predicts_the_last_epochs_worse_than_one_with():
    held = folds(observations())
    losses = {
        kernel: heldout_losses(at(kernel).curves, at(kernel).theta, held)["last epochs"].mean()
        for kernel in ("fresh", "utility")
    }
    assert losses["fresh"] > 3 * losses["utility"]


def test_what_is_left_out_has_no_say_in_its_prediction():
    point = at("utility")
    found = point.curves.observations
    fold = folds(found)[0]
    moved = replace(found, error=found.error + 0.01 * fold.left_out)
    before = heldout_residuals(point.curves, point.theta, [fold])[0]
    after = heldout_residuals(replace(point.curves, observations=moved), point.theta, [fold])[0]
    assert after == pytest.approx(before - 0.01 / 0.003, abs=1e-4)
