"""Weights of least error: never beaten, feasible, and never a reward for diluting good data."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from made_fits import KERNELS, errors_of, example_fit, made_fit, one_law, random_fit
from thresher.fits.forecast import forecast
from thresher.plans.constraints import Constraints, bounds
from thresher.plans.mixture import best_weights
from thresher.plans.supports import solve
from thresher.plans.weights import Objective, free_objective, minimise, residual, within_bounds
from thresher.pools import Mixture, union

GAP = 1e-7
cases = st.tuples(
    st.integers(0, 10_000),
    st.integers(2, 7),
    st.sampled_from(KERNELS),
    st.sampled_from([1, 12]),
    st.floats(16e6, 2e9),
)


def solved(case):
    """A random problem and its solution."""
    seed, pools, kernel, draws, budget = case
    fit = random_fit(seed, pools, kernel, draws=draws)
    objective = free_objective(fit, fit.ranked, budget)
    return fit, objective, minimise(objective, np.zeros(pools), np.ones(pools))


def nested_sets(sizes):
    """Weights of the first 1, 2, .. pools in proportion to their sizes."""
    below = np.tril(np.ones((len(sizes), len(sizes)))) * sizes
    return below / below.sum(axis=1, keepdims=True)


@settings(max_examples=14)
@given(cases)
def test_no_draw_vertex_nested_set_or_neighbour_is_better_and_no_move_saves_anything(case):
    _, objective, found = solved(case)
    assert found.weights.sum() == pytest.approx(1.0, abs=1e-12)
    assert np.all(found.weights >= 0)
    assert found.value == objective.value(found.weights[None])[0]
    assert 0 <= found.residual <= 1e-5
    rng, count = np.random.default_rng(case[0]), case[1]
    near = np.abs(found.weights + rng.normal(0, 1, (200, count)) * 10 ** rng.uniform(-5, -1, (200, 1)))
    others = np.concatenate(
        [
            rng.dirichlet(np.full(count, 0.3), 200),
            rng.dirichlet(np.ones(count), 200),
            np.eye(count),
            nested_sets(objective.sizes),
            near / near.sum(axis=1, keepdims=True),
        ]
    )
    assert objective.value(others).min() >= found.value - GAP


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_grid_over_the_simplex_finds_nothing_better(kernel):
    steps = np.arange(0, 101)
    grid = np.array([(i, j, 100 - i - j) for i in steps for j in steps if i + j <= 100]) / 100.0
    for seed in range(2):
        _, objective, found = solved((seed, 3, kernel, 6, 640e6))
        assert objective.value(grid).min() >= found.value - GAP


def test_a_minimum_at_the_end_of_a_pass_is_found_and_known_to_be_one():
    """There the error has a kink: its slope to the left is not that to the right."""
    fit = made_fit([20e6, 30e6, 40e6], one_law([1.0, 0.9, 0.8], [0.6] * 3, kernel="utility"))
    objective = free_objective(fit, fit.ranked, 64e6)
    found = minimise(objective, np.zeros(3), np.ones(3))
    epochs = 64e6 * found.weights / objective.sizes
    assert np.any(np.abs(epochs - np.rint(epochs)) < 1e-3)
    assert found.residual <= 1e-5
    left, right = objective.gradient(found.weights, step=-1e-7), objective.gradient(found.weights)
    assert (right - left).max() > 0.01


def test_a_residual_is_what_a_small_move_saves():
    fit = random_fit(3, 4)
    objective = free_objective(fit, fit.ranked, 640e6)
    w = np.array([0.05, 0.05, 0.1, 0.8])
    rate = residual(objective, w, np.zeros(4), np.ones(4))
    moves = [w + 1e-6 * (np.eye(4)[j] - np.eye(4)[i]) for i in range(4) for j in range(4) if i != j]
    best = (objective.value(w[None])[0] - objective.value(np.array(moves)).min()) / 1e-6
    assert rate == pytest.approx(best, rel=1e-3)
    assert rate > 0.01


@settings(max_examples=8)
@given(cases)
def test_the_objective_of_one_law_is_the_error_that_is_predicted(case):
    seed, pools, kernel, _, budget = case
    fit = random_fit(seed, pools, kernel)
    objective = free_objective(fit, fit.ranked, budget)
    w = np.random.default_rng(seed).dirichlet(np.ones(pools))
    predicted = forecast(fit, [Mixture(fit.ranked, tuple(w / w.sum()))], np.array([budget])).expected
    assert objective.value(w[None])[0] == pytest.approx(predicted[0, 0], abs=1e-12)


def test_the_objective_is_the_mean_over_draws_and_kernels():
    fit = replace(example_fit(), laws=tuple(law.take(slice(0, 13)) for law in example_fit().laws))
    plain = replace(fit, laws=tuple(law.without_dilution() for law in fit.laws))
    objective = free_objective(fit, fit.ranked, 256e6)
    w = np.array([[0.4, 0.3, 0.2, 0.1]])
    sizes = [pool.unique_samples for pool in fit.ranked]
    by_draw = [
        [errors_of(law.take(slice(k, k + 1)), w, sizes, 256e6)[0] for k in range(1, 13)] for law in plain.laws
    ]
    assert objective.value(w)[0] == pytest.approx(np.mean(by_draw), abs=1e-12)


@settings(max_examples=5)
@given(cases, st.randoms(use_true_random=False))
def test_the_order_of_pools_is_irrelevant(case, random):
    _, objective, found = solved(case)
    order = list(range(case[1]))
    random.shuffle(order)
    again = minimise(objective.of(order), np.zeros(case[1]), np.ones(case[1]))
    assert again.value == pytest.approx(found.value, abs=GAP)


def test_one_pool_gets_everything():
    _, _, found = solved((0, 1, "muennighoff", 3, 640e6))
    assert found.weights.tolist() == [1.0]
    assert found.residual == 0.0


@settings(max_examples=10)
@given(st.integers(2, 9), st.sampled_from(KERNELS), st.floats(0.3, 2.0), st.floats(30e6, 2e9))
def test_equal_pools_get_equal_weights_once_they_repeat(count, kernel, power, budget):
    exposure = "resampled" if kernel == "resampled" else "epochs"
    law = one_law([1.0] * count, [4.0] * count, kernel=kernel, power=power, kappa=0.7)
    fit = made_fit([8e6] * count, law, exposure=exposure)
    if budget < 2 * count * 8e6:  # nothing wears out before the first pass ends: any weights are as good
        budget = 2 * count * 8e6
    mixture, _ = best_weights(fit, budget)
    assert mixture.weights == pytest.approx([1 / count] * count, abs=2e-3)


@settings(max_examples=8)
@given(
    st.integers(0, 10_000),
    st.integers(1, 5),
    st.sampled_from(KERNELS),
    st.sampled_from([(0.0, 1.0), (1.5, 1.0), (0.0, 2.0), (1.5, 2.0)]),
    st.floats(16e6, 2e9),
)
def test_a_worthless_pool_never_gets_weight(seed, count, kernel, parts, budget):
    kappa, power = parts
    good = random_fit(seed, count, kernel)
    (law,) = good.laws
    sizes = [*(pool.unique_samples for pool in good.pools), 3e8]
    law = one_law(
        np.append(law.worth[0], 1e-6), np.append(law.half_life[0], 5.0), kernel=kernel, kappa=kappa, power=power,
        level=law.level, floor=law.floor, exponent=law.exponent,
    )  # fmt: skip
    mixture, _ = best_weights(made_fit(sizes, law, exposure=good.exposure), budget)
    assert f"p{count}" not in mixture.names


@pytest.mark.parametrize("parts", [{"kappa": 1.5}, {"power": 2.0}])
def test_the_law_as_it_is_would_have_diluted_good_data(parts):
    """Why weights are free only without dilution: with kappa > 0 or r > 1 worthless data is predicted to help."""
    law = one_law([1.0, 1e-6], [3.0, 3.0], **parts)
    fit = made_fit([4e6, 100e6], law)
    alone, diluted = errors_of(law, [(1.0, 0.0), (0.5, 0.5)], [4e6, 100e6], 640e6)
    assert diluted < alone - 0.005
    as_it_is = Objective(**{**vars(free_objective(fit, fit.ranked, 640e6)), "laws": (law,)})
    assert minimise(as_it_is, np.zeros(2), np.ones(2)).weights[1] > 0.2
    mixture, _ = best_weights(fit, 640e6)
    assert mixture.names == ("p0",)


def test_where_nothing_wears_out_laws_enter_as_they_are_and_the_best_pool_gets_everything():
    law = one_law([0.5, 1.0, 0.8], [3.0] * 3, power=2.0, kappa=1.0, chance=None, floor=2.0)
    fit = made_fit([np.inf] * 3, law, ranked=False)
    objective = free_objective(fit, fit.pools, 640e6)
    assert objective.laws[0].power == [2.0]
    assert minimise(objective, np.zeros(3), np.ones(3)).weights.tolist() == [0.0, 1.0, 0.0]


def test_a_pool_that_never_repeats_takes_what_others_have_worn_out():
    law = one_law([1.0, 0.6], [2.0, 2.0], chance=None, floor=2.0)
    small, endless = (made_fit([8e6, size], law) for size in (8e6, np.inf))
    shares = [best_weights(fit, 640e6)[0].weights[1] for fit in (small, endless)]
    assert shares[1] > shares[0] + 0.2


@pytest.mark.parametrize("scale", [1e-9, 1e90])
def test_losses_of_any_size_get_the_same_weights(scale):
    def weights(scale):
        law = one_law([1.0, 0.6, 0.4], [3.0] * 3, chance=None, floor=2 * scale, level=np.log(0.5 * scale))
        objective = free_objective(made_fit([8e6] * 3, law), made_fit([8e6] * 3, law).pools, 640e6)
        return minimise(objective, np.zeros(3), np.ones(3)).weights

    assert weights(scale) == pytest.approx(weights(1.0), abs=1e-3)
    assert weights(1.0)[2] > 0.05


@settings(max_examples=4)
@given(cases, st.floats(0.0, 0.9))
def test_bounds_on_weights_are_kept(case, tight):
    _, objective, free = solved(case)
    rng, count = np.random.default_rng(case[0]), case[1]
    lower = tight * rng.dirichlet(np.ones(count))
    upper = np.minimum(lower + rng.uniform(1.2 / count, 1.0, count), 1.0)
    found = minimise(objective, lower, upper)
    assert np.all(found.weights >= lower - 1e-12)
    assert np.all(found.weights <= upper + 1e-12)
    assert found.weights.sum() == pytest.approx(1.0, abs=1e-12)
    assert found.value >= free.value - GAP
    inside = np.array([within_bounds(w, lower, upper) for w in rng.dirichlet(np.full(count, 0.5), 100)])
    assert np.allclose(inside.sum(axis=1), 1.0)
    assert objective.value(inside).min() >= found.value - GAP


def test_nested_sets_are_never_better_under_the_same_objective():
    fit = example_fit()
    for budget in (16e6, 128e6, 640e6, 2e9):
        objective = free_objective(fit, fit.ranked, budget)
        limits = bounds(Constraints(), fit.ranked, budget)
        found = solve(objective, limits)
        assert objective.value(nested_sets(limits.sizes)).min() >= found.value - GAP


def test_leaving_worse_pools_out_costs_no_more_than_a_thirtieth_of_a_runs_noise():
    fit = example_fit("icon_lab_weak_buckets")
    budget = 10 * fit.reach.largest_run
    objective = free_objective(fit, fit.ranked, budget)
    best = minimise(objective, np.zeros(len(fit.ranked)), np.ones(len(fit.ranked)))
    _, found = best_weights(fit, budget)
    assert best.value - GAP <= found.value <= best.value + fit.noise_sd / 30


def test_a_union_of_the_best_pools_is_a_start_so_a_flat_objective_keeps_it():
    fit = random_fit(8, 6)
    mixture, found = best_weights(fit, 640e6)
    nested = [union(fit.ranked[:k]) for k in range(1, 7)]
    error, *others = forecast(fit, [mixture, *nested], np.array([640e6])).expected[:, 0]
    assert error == pytest.approx(found.value, abs=1e-9)
    assert error <= min(others) + fit.noise_sd / 30
