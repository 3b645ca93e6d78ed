"""The batch solver: beside scipy, in batches as alone, within bounds, and where nothing can be solved."""

import numpy as np
import pytest
from scipy.optimize import least_squares

from thresher.fits.least_squares import minimise

X = np.linspace(0.0, 4.0, 12)
LOWER, UPPER = np.full(3, -8.0), np.full(3, 8.0)


def curve(theta, x=X):
    """exp(a) exp(-exp(b) x) + c, and its slopes."""
    a, b, c = (theta[:, i, None] for i in range(3))
    fall = np.exp(a - np.exp(b) * x)
    return fall + c, np.stack([fall, -np.exp(b) * x * fall, np.ones_like(fall)], axis=-1)


def normal_equations(targets):
    def evaluate(theta, index):
        value, J = curve(theta)
        r = value - targets[index]
        return np.sum(r**2, axis=1), np.einsum("bri,br->bi", J, r), np.einsum("bri,brj->bij", J, J)

    return evaluate


def solve(targets, starts, *, lower=LOWER, upper=UPPER, iterations=200):
    return minimise(
        normal_equations(targets),
        starts,
        lower,
        upper,
        scale=np.ones(3),
        iterations=iterations,
        smallest_gain=1e-12,
    )


def problems(count=6, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=(count, 3)) * 0.5
    return curve(truth)[0] + 0.05 * rng.normal(size=(count, len(X))), truth


def test_each_minimum_is_scipy_s():
    targets, truth = problems()
    found = solve(targets, truth + 0.3)
    assert found.converged.all()
    for target, start, sum_of_squares in zip(targets, truth, found.sum_of_squares, strict=True):
        best = least_squares(
            lambda at, target=target: curve(at[None])[0][0] - target,
            start,
            xtol=1e-14,
            ftol=1e-14,
            gtol=1e-14,
        )
        assert sum_of_squares == pytest.approx(2.0 * best.cost, rel=1e-9)


def test_a_batch_ends_where_each_problem_ends_alone():
    targets, truth = problems()
    together = solve(targets, truth + 0.3)
    for i in range(len(truth)):
        alone = solve(targets[i : i + 1], truth[i : i + 1] + 0.3)
        assert alone.parameters[0] == pytest.approx(together.parameters[i], abs=1e-9)


def test_no_parameter_leaves_its_bounds_and_one_at_its_bound_stays_there():
    targets, truth = problems()
    upper = np.array([8.0, 8.0, float(truth[:, 2].min()) - 0.2])
    found = solve(targets, truth, upper=upper)
    assert np.all(found.parameters <= upper + 1e-12)
    assert found.parameters[:, 2] == pytest.approx(upper[2])


def test_a_parameter_that_nothing_depends_on_stays_where_it_is():
    def evaluate(theta, index):
        r = theta[:, :1] - 2.0
        J = np.zeros((len(theta), 1, 3))
        J[..., 0] = 1.0
        return np.sum(r**2, axis=1), np.einsum("bri,br->bi", J, r), np.einsum("bri,brj->bij", J, J)

    found = minimise(
        evaluate, np.full((1, 3), 0.5), LOWER, UPPER, scale=np.zeros(3), iterations=50, smallest_gain=1e-12
    )
    assert found.parameters[0] == pytest.approx([2.0, 0.5, 0.5], abs=1e-6)


def test_curvatures_of_1e20_are_solved():
    targets, truth = problems(1)
    inner = normal_equations(targets)

    def steep(theta, index):
        cost, g, H = inner(theta, index)
        return 1e20 * cost, 1e20 * g, 1e20 * H

    found = minimise(steep, truth + 0.2, LOWER, UPPER, scale=np.ones(3), iterations=200, smallest_gain=1e-12)
    assert found.parameters == pytest.approx(solve(targets, truth + 0.2).parameters, abs=1e-4)


def test_a_step_to_where_there_are_no_numbers_is_never_taken():
    def evaluate(theta, index):
        with np.errstate(invalid="ignore"):
            r = np.sqrt(theta[:, :1]) - 0.1  # no number below 0, where a full step from 9 would lead
        J = np.zeros((len(theta), 1, 3))
        with np.errstate(invalid="ignore"):
            J[..., 0] = 0.5 / np.sqrt(theta[:, :1])
        return np.sum(r**2, axis=1), np.einsum("bri,br->bi", J, r), np.einsum("bri,brj->bij", J, J)

    found = minimise(
        evaluate,
        np.array([[0.5, 0.0, 0.0]]),
        LOWER,
        UPPER,
        scale=np.ones(3),
        iterations=100,
        smallest_gain=1e-12,
    )
    assert found.parameters[0, 0] == pytest.approx(0.01, abs=1e-4)


def test_too_few_steps_are_said_to_be_too_few():
    targets, truth = problems()
    assert not solve(targets, truth + 2.0, iterations=1).converged.any()


def test_flat_valleys_are_crossed():
    """The sum of two parameters is known to 1e-4 and their difference hardly at all: damping crawls along that valley."""

    def evaluate(theta, index):
        rows = np.array([[1e4, 1e4, 0.0], [0.1, -0.1, 0.0], [0.0, 0.0, 1.0]])
        r = (theta - np.array([3.0, -3.0, 0.0])) @ rows.T
        J = np.broadcast_to(rows, (len(theta), 3, 3))
        return np.sum(r**2, axis=1), np.einsum("bri,br->bi", J, r), np.einsum("bri,brj->bij", J, J)

    found = minimise(
        evaluate, np.zeros((1, 3)), LOWER, UPPER, scale=np.full(3, 0.01), iterations=12, smallest_gain=1e-9
    )
    assert found.parameters[0, :2] == pytest.approx([3.0, -3.0], abs=0.05)
