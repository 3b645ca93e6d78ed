"""Weights of least error: exact, feasible, and never a reward for diluting good data."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plans.mixtures import made_fit, random_fit
from thresher.errors import InputError
from thresher.fits.predict import expected_errors
from thresher.plans.constraints import Constraints, bounds
from thresher.plans.mixture import best_weights
from thresher.plans.objective import free_objective
from thresher.plans.separable import minimise_separable
from thresher.plans.supports import solve
from thresher.plans.weights import kkt_residual, minimise
from thresher.pools import Mixture, union

KERNELS = ["utility", "effective_data", "muennighoff", "saturating", "resampled", "utility_smooth", "fresh"]
FREE = [("utility_mean", 0.0), ("utility_mean", 1.0), ("sample_worth", 0.0), ("halfway", 0.0)]
EXACT = [rule for rule in FREE if rule[0] != "halfway"]
cases = st.tuples(
    st.integers(0, 10_000),
    st.integers(1, 7),
    st.sampled_from(KERNELS),
    st.sampled_from(FREE),
    st.floats(16e6, 2e9),
)


def solved(case, constraints=None):
    seed, pools, kernel, (mixing, kappa), budget = case
    fit = random_fit(np.random.default_rng(seed), pools, kernel, mixing, kappa)
    limits = bounds(constraints or Constraints(), fit.ranked, budget)
    objective = free_objective(fit, limits.pools, budget)
    return fit, objective, limits, solve(objective, limits)


@settings(max_examples=25)
@given(cases)
def test_weights_sum_to_one_and_moving_any_of_them_saves_nothing(case):
    _, objective, limits, found = solved(case)
    assert found.weights.sum() == pytest.approx(1.0, abs=1e-12)
    assert np.all(found.weights >= 0)
    assert found.residual <= 1e-9
    assert found.proven
    assert kkt_residual(objective, found.weights, limits.lower, limits.upper) <= 1e-8


@settings(max_examples=25)
@given(cases)
def test_no_draw_vertex_or_nested_set_is_better(case):
    _, objective, limits, found = solved(case)
    rng = np.random.default_rng(case[0])
    sizes, count = limits.sizes, len(limits.pools)
    nested = np.tril(np.ones((count, count))) * sizes
    draws = np.concatenate(
        [rng.dirichlet(np.full(count, 0.3), 300), np.eye(count), nested / nested.sum(axis=1, keepdims=True)]
    )
    assert objective.value(draws).min() >= found.value - 1e-9


@settings(max_examples=25)
@given(cases.filter(lambda case: case[3] in EXACT))
def test_the_objective_of_one_law_is_the_error_that_is_predicted(case):
    fit, objective, _, _ = solved(case)
    w = np.random.default_rng(case[0]).dirichlet(np.ones(case[1]))
    predicted = expected_errors(fit, [Mixture(fit.ranked, tuple(w / w.sum()))], np.array([case[4]]))[0, 0]
    assert min(objective.value(w[None])[0], fit.chance) == pytest.approx(predicted, abs=1e-9)


@settings(max_examples=25)
@given(cases, st.randoms(use_true_random=False))
def test_the_order_of_pools_is_irrelevant(case, random):
    _, objective, limits, found = solved(case)
    order = list(range(case[1]))
    random.shuffle(order)
    again = minimise(objective.of(order), limits.lower[order], limits.upper[order])
    assert again.value == pytest.approx(found.value, abs=1e-9)


@settings(max_examples=25)
@given(cases)
def test_one_pool_gets_everything(case):
    seed, _, *rest = case
    _, _, _, found = solved((seed, 1, *rest))
    assert found.weights == pytest.approx([1.0])


@settings(max_examples=20)
@given(st.integers(2, 9), st.sampled_from(KERNELS), st.sampled_from(FREE), st.floats(16e6, 2e9))
def test_equal_pools_get_equal_weights(count, kernel, rule, budget):
    member = (kernel, *rule, 1.0, [-0.2] * count, [1.0] * count, [4.0] * count)
    fit = made_fit([8e6] * count, [member])
    mixture, _ = best_weights(fit, budget)
    assert mixture.weights == pytest.approx([1 / count] * count, abs=1e-6)


@settings(max_examples=25)
@given(cases, st.floats(1e-9, 1e-7))
def test_a_worthless_pool_never_gets_weight(case, little):
    seed, count, kernel, (mixing, kappa), budget = case
    good = random_fit(np.random.default_rng(seed), count, kernel, mixing, kappa)
    (member,) = good.members
    b, q, tau = member.parameters.utility[0], member.parameters.worth[0], member.parameters.half_life[0]
    worse = (
        (np.append(b, b[0]), np.append(q, little))
        if mixing == "sample_worth"
        else (np.append(b, -little), np.append(q, 1.0))
    )
    sizes = [*(pool.unique_samples for pool in good.pools), 3e8]
    fit = made_fit(sizes, [(kernel, mixing, kappa, 1.0, *worse, np.append(tau, 5.0))])
    mixture, _ = best_weights(fit, budget)
    share = dict(zip(mixture.names, mixture.weights, strict=True)).get(f"p{count}", 0.0)
    assert share == 0.0


def test_free_weights_under_sample_worth_and_kappa_would_have_diluted_good_data():
    """Why such members enter at kappa = 0: the law itself says that worthless data helps."""
    fit = made_fit(
        [4e6, 100e6], [("utility", "sample_worth", 1.5, 1.0, [-0.2, -0.2], [1.0, 1e-6], [3.0, 3.0])]
    )
    errors = expected_errors(
        fit, [Mixture(fit.ranked, (1.0, 0.0)), Mixture(fit.ranked, (0.5, 0.5))], np.array([640e6])
    )[:, 0]
    assert errors[1] < errors[0] - 0.005
    mixture, _ = best_weights(fit, 640e6)
    assert mixture.names == ("p0",)


def test_halfway_would_have_diluted_good_data_through_its_power():
    """Why its power is held: it follows the mean utility, and a worthless pool sharpens it."""
    fit = made_fit(
        [1e5 * 20, 300e6], [("utility", "halfway", 0.0, 1.0, [-0.3, -1e-4], [1.0, 1.0], [0.5, 5.0])]
    )
    shares = [(1.0, 0.0), (0.001, 0.999)]
    errors = expected_errors(fit, [Mixture(fit.ranked, w) for w in shares], np.array([2e9]))[:, 0]
    assert errors[1] < errors[0] - 0.005
    mixture, _ = best_weights(fit, 2e9)
    assert mixture.names == ("p0",)


@settings(max_examples=6)
@given(st.integers(0, 1000), st.floats(30e6, 2e9))
def test_an_ensemble_is_solved_to_the_same_residual(seed, budget):
    rng = np.random.default_rng(seed)
    members = [random_fit(rng, 5, kernel, *rule).members[0] for kernel in KERNELS[:4] for rule in FREE]
    base = random_fit(rng, 5, "utility", "utility_mean", 0.0)
    laws = [
        (
            m.kernel,
            m.mixing,
            m.kappa,
            1 / len(members),
            m.parameters.utility[0],
            m.parameters.worth[0],
            m.parameters.half_life[0],
        )
        for m in members
    ]
    fit = made_fit([pool.unique_samples for pool in base.pools], laws)
    objective = free_objective(fit, fit.ranked, budget)
    found = minimise(objective, np.zeros(5), np.ones(5))
    assert found.residual <= 1e-8
    assert objective.value(rng.dirichlet(np.full(5, 0.3), 400)).min() >= found.value - 1e-9


def test_a_quantile_is_no_worse_at_its_own_weights_than_anywhere_near_them():
    rng = np.random.default_rng(3)
    fit = made_fit(
        [5e6, 9e6, 20e6],
        [
            ("utility", "utility_mean", 0.0, 0.5, -rng.uniform(0.1, 0.3, 3), [1.0] * 3, [3.0, 4.0, 5.0])
            for _ in range(2)
        ],
    )
    _, found = best_weights(fit, 640e6, quantile=0.9)
    objective = free_objective(fit, fit.ranked, 640e6, quantile=0.9)
    near = np.abs(found.weights + rng.normal(0, 0.02, (500, 3)))
    assert objective.value(near / near.sum(axis=1, keepdims=True)).min() >= found.value - 1e-9
    with pytest.raises(InputError, match="quantile is 1"):
        best_weights(fit, 640e6, quantile=1.0)


def test_a_grid_over_the_simplex_finds_nothing_better():
    steps = np.arange(0, 101)
    grid = np.array([(i, j, 100 - i - j) for i in steps for j in steps if i + j <= 100]) / 100.0
    for seed, kernel in enumerate(KERNELS):
        for rule in FREE:
            _, objective, _, found = solved((seed, 3, kernel, rule, 640e6))
            assert objective.value(grid).min() >= found.value - 1e-10


def test_separable_functions_meet_their_kinks_exactly():
    w = minimise_separable(
        lambda x: np.where(x < 0.3, -1.0, 1.0) + x * [[0.0], [2.0]], np.zeros(2), np.ones(2)
    )
    assert w == pytest.approx([0.7, 0.3], abs=1e-12) or w == pytest.approx([0.3, 0.7], abs=1e-12)


def test_nested_sets_are_never_better_under_the_same_objective():
    fit = random_fit(np.random.default_rng(8), 6, "utility", "sample_worth", 0.0)
    for budget in (16e6, 128e6, 640e6, 2e9):
        mixture, _ = best_weights(fit, budget)
        nested = [union(fit.ranked[:k]) for k in range(1, 7)]
        error, *others = expected_errors(fit, [mixture, *nested], np.array([budget]))[:, 0]
        assert error <= min(others) + 1e-9
