from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensembles import SETS, ensemble, heaviest, joint_row, joint_rows_of
from simulated import N
from thresher.fits.weighing import joint_losses, log_weights, mixture_of, normalised

losses = st.lists(st.floats(0.01, 1e4), min_size=2, max_size=6)


def weights(values, priors=None, **options):
    held = [{"last epochs": np.array([value])} for value in values]
    logs = log_weights(held, priors or [1.0] * len(values), 4, **options)
    return normalised(np.exp(logs - logs.max()))


@given(losses)
def test_a_smaller_heldout_loss_never_gets_less_weight(values):
    found = weights(values)
    assert found.sum() == pytest.approx(1.0)
    order = np.argsort(values)
    assert np.all(np.diff(found[order]) <= 1e-15)


@given(losses, st.floats(1.0, 50.0))
def test_losses_all_scaled_alike_leave_the_weights(values, factor):
    above_noise = [value + 1.0 for value in values]
    assert weights([factor * value for value in above_noise]) == pytest.approx(weights(above_noise), abs=1e-9)


def test_losses_within_the_noise_differ_little():
    assert weights([0.2, 0.9]) == pytest.approx([0.5, 0.5], abs=0.2)


def test_without_folds_or_evidence_the_priors_stay():
    assert normalised(np.exp(log_weights([{}, {}], [0.3, 0.7], 4))) == pytest.approx([0.3, 0.7])
    assert weights([1.0, 100.0], [0.3, 0.7], pieces_per_pool=0.0) == pytest.approx([0.3, 0.7])


def test_more_pools_are_more_evidence():
    held = [{"one budget": np.array([1.0])}, {"one budget": np.array([4.0])}]
    few, many = (log_weights(held, [1.0, 1.0], pools) for pools in (1, 8))
    assert many[0] - many[1] > few[0] - few[1] > 0


def test_joint_losses_are_one_factor_for_each_rule_and_kappa():
    found = joint_losses(ensemble(), joint_rows_of(ensemble(), heaviest(ensemble(), "utility_mean")))
    factors = {}
    for member, factor in zip(ensemble().members, found.factors, strict=True):
        factors.setdefault((member.mixing, member.kappa), set()).add(float(factor))
    assert all(len(values) == 1 for values in factors.values())
    assert found.factors.max() == 1.0
    assert found.warnings == ()


def test_the_order_of_joint_rows_is_irrelevant():
    rows = joint_rows_of(ensemble(), heaviest(ensemble(), "halfway"))
    one, other = joint_losses(ensemble(), rows), joint_losses(ensemble(), rows[::-1])
    assert np.array_equal(one.factors, other.factors)


def test_joint_runs_of_pools_without_runs_say_nothing_and_are_named():
    found = joint_losses(ensemble(), [joint_row(("a", "stranger"), 2 * N, 0.6)])
    assert np.all(found.factors == 1.0)
    assert found.warnings == (
        "1 joint rows say nothing: there are no runs of stranger alone. Add such runs, or correct the name.",
    )


def test_contradictory_joint_runs_are_called_so():
    rows = [
        replace(joint_row(("a", "b"), 4 * N, error), seed=seed) for seed, error in [("0", 0.3), ("1", 0.9)]
    ]
    found = joint_losses(ensemble(), rows)
    (warning,) = found.warnings
    assert warning.startswith("No law predicts the joint runs")
    assert "Runs of a+b at 51.2M samples lie 0.6 apart" in warning
    assert np.all(found.factors > 0)


def test_joint_runs_that_no_law_explains_hardly_move_the_weights():
    found = joint_losses(ensemble(), [joint_row(pools, 4 * N, 0.95) for pools in SETS])
    assert found.warnings
    assert found.factors.min() > 0.05


def test_a_joint_run_without_weights_draws_in_proportion_to_unique_samples():
    known = {pool.name: pool for pool in ensemble().pools}
    assert mixture_of(joint_row(("a", "b"), N, 0.5), known).weights == (0.5, 0.5)
    given = replace(joint_row(("a", "b"), N, 0.5), weights=(0.8, 0.2))
    assert mixture_of(given, known).weights == (0.8, 0.2)
