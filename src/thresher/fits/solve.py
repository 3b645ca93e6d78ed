"""One estimator for every law: the most probable parameters, and draws of what else the runs and the priors allow.

A problem says what its parameters mean; here they are only numbers. Residuals of the runs and residuals of the priors
stand in one sum of squares. The misfit, how wrong the law itself is expected to be, is estimated with them. Draws are
refits to shaken runs and shaken priors, all in one batch.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from thresher.fits.least_squares import Solution, minimise
from thresher.shapes import Bool, Float

ROUNDS = 5
"""Most alternations between parameters and misfit; two or three are usual."""
SAME_MISFIT = 0.03
"""Relative change of the misfit at which they agree."""
FIRST_STEPS, LATER_STEPS, LAST_STEPS, DRAW_STEPS = 60, 20, 100, 30
"""Most steps towards an optimum: of all starts, of the best two, of the best where that was not enough, and of a draw."""
OPTIMUM_GAIN, DRAW_GAIN = 1e-6, 1e-4
"""Relative fall of the sum of squares below which a step ends the search. A draw that is off by 1e-4 of about 100 is well within
its own spread; with 1e-6 the intervals of every bed are the same to 0.001, in a third more time."""
KEPT_STARTS = 2
"""Optima that later rounds begin from."""
PART = 200_000
"""Slopes that are held at once (1.6 MB): arrays that outgrow the processor's cache cost several times more."""
RIDGE = 1e-9
"""Information on every parameter beside that of runs and priors, so that none is divided by 0."""


@dataclass(frozen=True)
class Prior:
    """Normal priors as rows of residuals, `rows @ (theta - centre)`, and the range of each parameter.

    Attributes:
        centre: Where every row is 0.
        rows: One row for each prior statement, divided by its sd.
        low: Least value of each parameter.
        high: Greatest value.
        free: Whether a parameter may move from its centre.
    """

    centre: Float[np.ndarray, " parameters"]
    rows: Float[np.ndarray, "statements parameters"]
    low: Float[np.ndarray, " parameters"]
    high: Float[np.ndarray, " parameters"]
    free: Bool[np.ndarray, " parameters"]


@runtime_checkable
class Problem(Protocol):
    """A law to be fitted to observations."""

    @property
    def prior(self) -> Prior:
        """What is taken for true before any run."""

    @property
    def target(self) -> Float[np.ndarray, " runs"]:
        """What was measured, on the scale of the residuals."""

    @property
    def starts(self) -> Float[np.ndarray, "starts parameters"]:
        """Parameters to begin from."""

    @property
    def first_misfit(self) -> float:
        """The misfit to begin with."""

    def evaluate(
        self, theta: Float[np.ndarray, "problems parameters"]
    ) -> tuple[Float[np.ndarray, "problems runs"], Float[np.ndarray, "problems runs parameters"]]:
        """What the law says of each run, on the scale of the residuals, and its slopes."""

    def sd(self, misfit: float) -> Float[np.ndarray, " runs"]:
        """Sd of each run's residual."""

    def estimate_misfit(self, gaps: Float[np.ndarray, " runs"], determined: float) -> float:
        """The misfit that the residuals show, of which so many parameters were determined by the runs."""


@dataclass(frozen=True)
class Solved:
    """Where a problem ended.

    Attributes:
        theta: The most probable parameters, then the draws.
        misfit: Estimated with them.
        converged: Whether the optimum was reached.
    """

    theta: Float[np.ndarray, "draws parameters"]
    misfit: float
    converged: bool


def solve(problem: Problem, *, draws: int, rng: np.random.Generator) -> Solved:
    """The most probable parameters and draws about them.

    Args:
        problem: What to fit.
        draws: How many draws; 0 for none.
        rng: What shakes runs and priors.
    """
    prior, target, misfit = problem.prior, problem.target, problem.first_misfit
    theta, converged = np.clip(problem.starts, prior.low, prior.high), False
    for step in range(ROUNDS):
        found = refit(
            problem, theta, target[None], prior.centre[None], misfit, LATER_STEPS if step else FIRST_STEPS
        )
        order = np.argsort(found.sum_of_squares)[:KEPT_STARTS]
        theta, converged = found.parameters[order], bool(found.converged[order[0]])
        before, misfit = misfit, _misfit(problem, theta[:1], misfit)
        if abs(np.log(misfit / before)) < SAME_MISFIT:
            break
    if not converged:
        found = refit(problem, theta[:1], target[None], prior.centre[None], misfit, LAST_STEPS)
        theta, converged = found.parameters, bool(found.converged[0])
    best = theta[:1]
    if not draws:
        return Solved(best, misfit, converged)
    shaken = target + _shakes(rng, draws, len(target)) * problem.sd(misfit)
    moved = _shakes(rng, draws, len(prior.rows)) @ np.linalg.pinv(prior.rows).T
    centres = prior.centre + np.where(prior.free, moved, 0.0)
    found = refit(problem, np.repeat(best, draws, axis=0), shaken, centres, misfit, DRAW_STEPS, DRAW_GAIN)
    return Solved(np.concatenate([best, found.parameters]), misfit, converged)


def _shakes(rng: np.random.Generator, draws: int, size: int) -> Float[np.ndarray, "draws size"]:
    """Standard normal numbers; where there are more draws than columns, with mean 0 and covariance 1 exactly.

    Eighty plain draws of a dozen numbers are far from that: the interval score of one bed then had a spread of 0.029 between
    seeds, and has 0.007 so.
    """
    z = rng.standard_normal((draws, size))
    return np.linalg.qr(z - z.mean(axis=0))[0] * np.sqrt(draws) if draws > size else z


def refit(
    problem: Problem,
    theta: Float[np.ndarray, "problems parameters"],
    target: Float[np.ndarray, "targets runs"],
    centre: Float[np.ndarray, "centres parameters"],
    misfit: float,
    steps: int,
    gain: float = OPTIMUM_GAIN,
) -> Solution:
    """Every row of theta moved to the least sum of squares for its own target and centre, all in one batch.

    Args:
        problem: What is fitted.
        theta: Where each begins.
        target: What was measured; one row for each row of theta, or one for all.
        centre: Where the priors are centred; the same.
        misfit: How wrong the law itself is taken to be.
        steps: Most steps of each.
        gain: Relative fall of the sum of squares that ends the search.
    """
    prior, sd = problem.prior, problem.sd(misfit)
    target = np.broadcast_to(target, (len(theta), target.shape[1]))
    centre = np.broadcast_to(centre, theta.shape)
    columns = prior.rows * prior.free

    believed = columns.T @ columns

    def evaluate(at: np.ndarray, index: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        value, J = problem.evaluate(at)
        r, p = (value - target[index]) / sd, (at - centre[index]) @ columns.T
        J = J * (prior.free / sd[:, None])
        transposed = np.swapaxes(J, 1, 2)
        g = (transposed @ r[..., None])[..., 0] + p @ columns
        return np.sum(r**2, axis=1) + np.sum(p**2, axis=1), g, transposed @ J + believed

    def in_parts(at: np.ndarray, index: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        parts = np.array_split(np.arange(len(at)), max(at.size * len(sd) // PART, 1))
        cost, g, H = zip(*(evaluate(at[part], index[part]) for part in parts), strict=True)
        return np.concatenate(cost), np.concatenate(g), np.concatenate(H)

    scale = np.where(prior.free, np.sum(prior.rows**2, axis=0), 1.0)
    return minimise(in_parts, theta, prior.low, prior.high, scale=scale, iterations=steps, smallest_gain=gain)


def curvature(
    problem: Problem, theta: Float[np.ndarray, "problems parameters"], misfit: float
) -> tuple[
    Float[np.ndarray, "problems runs"],
    Float[np.ndarray, "problems parameters parameters"],
    Float[np.ndarray, "problems parameters parameters"],
]:
    """What the law says of each run, the information that the runs hold, and that of runs and priors together."""
    prior = problem.prior
    value, J = problem.evaluate(theta)
    slopes = J * (prior.free / problem.sd(misfit)[:, None])
    columns = prior.rows * prior.free
    told = np.swapaxes(slopes, -1, -2) @ slopes
    return value, told, told + columns.T @ columns + RIDGE * np.eye(told.shape[-1])


def _misfit(problem: Problem, best: Float[np.ndarray, "1 parameters"], misfit: float) -> float:
    """The misfit once more, from the residuals of the best parameters."""
    value, told, whole = curvature(problem, best, misfit)
    determined = float(np.trace(np.linalg.solve(whole[0], told[0])))
    return problem.estimate_misfit(value[0] - problem.target, determined)
