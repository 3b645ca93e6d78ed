"""The estimator: the optimum, the misfit, and draws that are worth what they say, on a problem with a known answer."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pytest

from thresher import load_example
from thresher.fits.default_law import DefaultProblem
from thresher.fits.observations import observe
from thresher.fits.priors import PRIORS, FixedParts
from thresher.fits.solve import Prior, _shakes, curvature, refit, solve

X = np.array([[1.0, 0.0, 0.3], [1.0, 1.0, 0.1], [1.0, 2.0, -0.4], [1.0, 3.0, 0.2], [1.0, 4.0, 0.0]])


@dataclass(frozen=True)
class Line:
    """A linear law, whose most probable parameters and spread are known in closed form."""

    target: np.ndarray
    noise: float = 0.1
    fixed: tuple[int, ...] = ()

    @cached_property
    def prior(self):
        free = np.array([i not in self.fixed for i in range(3)])
        rows = np.vstack([np.diag([1.0, 0.5, 2.0]), [[0.0, 1.0, 1.0]]])
        return Prior(np.array([0.5, -0.5, 1.0]), rows, np.full(3, -50.0), np.full(3, 50.0), free)

    @property
    def starts(self):
        theta = np.array([[5.0, 5.0, 5.0], [-5.0, 0.0, 3.0]])
        return np.where(self.prior.free, theta, self.prior.centre)

    @property
    def first_misfit(self):
        return self.noise

    def evaluate(self, theta):
        return theta @ X.T, np.broadcast_to(X, (len(theta), *X.shape))

    def sd(self, misfit):
        return np.full(len(X), misfit)

    def estimate_misfit(self, gaps, determined):
        return self.noise

    def answer(self):
        H = X.T @ X / self.noise**2 + self.prior.rows.T @ self.prior.rows
        g = X.T @ self.target / self.noise**2 + self.prior.rows.T @ self.prior.rows @ self.prior.centre
        return np.linalg.solve(H, g), np.linalg.inv(H)


LINE = Line(np.array([0.2, 0.1, 0.5, -0.2, 0.4]))


def test_the_optimum_weighs_runs_and_priors():
    found = solve(LINE, draws=0, rng=np.random.default_rng(0))
    assert found.converged
    assert found.theta == pytest.approx(LINE.answer()[0][None], abs=1e-6)


def test_draws_have_the_mean_and_the_spread_of_the_posterior():
    found = solve(LINE, draws=4000, rng=np.random.default_rng(0)).theta[1:]
    mean, covariance = LINE.answer()
    assert found.mean(axis=0) == pytest.approx(mean, abs=0.05 * np.sqrt(np.diag(covariance)).max())
    assert np.cov(found.T) == pytest.approx(covariance, abs=0.05 * np.diag(covariance).max())


def test_80_draws_have_the_spread_of_the_posterior_too():
    """Shakes of runs and priors have mean 0 and covariance 1 exactly, so few draws are not far off by chance."""
    covariance = LINE.answer()[1]
    ratios = []
    for seed in range(30):
        found = solve(LINE, draws=80, rng=np.random.default_rng(seed)).theta[1:]
        ratios.append(np.var(found, axis=0) / np.diag(covariance))
        assert found.mean(axis=0) == pytest.approx(LINE.answer()[0], abs=0.02)
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.05)
    assert np.std(ratios, axis=0).max() < 0.16  # plain draws: sqrt(2/80) = 0.16 and more


def test_shakes_have_mean_0_and_covariance_1():
    z = _shakes(np.random.default_rng(0), 80, 12)
    assert z.mean(axis=0) == pytest.approx(np.zeros(12), abs=1e-12)
    assert z.T @ z / 80 == pytest.approx(np.eye(12), abs=1e-12)
    assert _shakes(np.random.default_rng(0), 10, 12).shape == (10, 12)


def test_what_is_fixed_does_not_move_in_any_draw():
    fixed = Line(LINE.target, fixed=(1,))
    found = solve(fixed, draws=20, rng=np.random.default_rng(0)).theta
    assert np.all(found[:, 1] == fixed.prior.centre[1])
    assert np.ptp(found[:, 0]) > 0


def test_the_same_seed_gives_the_same_draws():
    one, two, other = (solve(LINE, draws=5, rng=np.random.default_rng(seed)).theta for seed in (1, 1, 2))
    assert np.array_equal(one, two)
    assert np.array_equal(one[0], other[0])
    assert not np.array_equal(one[1:], other[1:])


def test_curvature_is_the_information_of_runs_and_of_runs_and_priors():
    _, told, whole = curvature(LINE, np.zeros((1, 3)), 0.1)
    assert told[0] == pytest.approx(X.T @ X / 0.01)
    assert np.linalg.inv(whole[0]) == pytest.approx(LINE.answer()[1], rel=1e-6)


def real(name="datacomp_medium_tmars", kernel="muennighoff", chance=0.999):
    return DefaultProblem(observe(load_example(name).rows), kernel, chance, PRIORS["fraction"], FixedParts())


@pytest.mark.parametrize("kernel", ["muennighoff", "utility_smooth", "utility"])
@pytest.mark.parametrize(
    ("name", "chance"), [("datacomp_medium_tmars", 0.999), ("icon_lab_weak_buckets", 1 - 1 / 241)]
)
def test_no_random_start_ends_lower(name, chance, kernel):
    one = real(name, kernel, chance)
    prior = one.prior
    found = solve(one, draws=0, rng=np.random.default_rng(0))
    assert found.converged
    random = (
        prior.centre
        + np.random.default_rng(1).normal(size=(15, len(prior.rows))) @ np.linalg.pinv(prior.rows).T
    )
    costs = [
        refit(
            one,
            np.clip(start, prior.low, prior.high),
            one.target[None],
            prior.centre[None],
            found.misfit,
            300,
        ).sum_of_squares.min()
        for start in (found.theta, random)
    ]
    assert costs[0] <= costs[1] * (1 + 1e-4)


def test_the_misfit_agrees_with_the_parameters():
    one = real()
    found = solve(one, draws=0, rng=np.random.default_rng(0))
    value, told, whole = curvature(one, found.theta, found.misfit)
    again = one.estimate_misfit(value[0] - one.target, float(np.trace(np.linalg.solve(whole[0], told[0]))))
    assert again == pytest.approx(found.misfit, rel=0.05)
