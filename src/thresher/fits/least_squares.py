"""Many small bounded least-squares problems at once, by Levenberg-Marquardt.

scipy's solvers take one problem at a time; a thousand bootstrap refits and every point of a profile are
here one batch of arrays, which is what makes intervals cheap enough to be the default.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from thresher.shapes import Bool, Float, Int

Evaluate = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""From parameters (problems, parameters) and the problems' indices to residuals and their Jacobian."""

MOST_ITERATIONS = 300
SMALLEST_GAIN = 1e-13
"""Relative fall of the sum of squares below which a step no longer counts."""
SMALLEST_GRADIENT = 1e-6
"""Cosine between the residuals and any free column of the Jacobian at which a problem has converged."""
LARGEST_DAMPING = 1e12


@dataclass(frozen=True)
class Solution:
    """Where each problem ended."""

    parameters: Float[np.ndarray, "problems parameters"]
    sum_of_squares: Float[np.ndarray, " problems"]
    converged: Bool[np.ndarray, " problems"]


def minimise(
    evaluate: Evaluate,
    start: Float[np.ndarray, "problems parameters"],
    lower: Float[np.ndarray, " parameters"],
    upper: Float[np.ndarray, " parameters"],
    frozen: Bool[np.ndarray, "problems parameters"] | None = None,
) -> Solution:
    """The least sum of squares of each problem, reached from its start within the bounds.

    Args:
        evaluate: Residuals and Jacobian of the problems whose indices it is given.
        start: Where each problem begins; clipped to the bounds.
        lower: Least value of each parameter.
        upper: Greatest value of each parameter.
        frozen: Parameters that stay where they start, per problem.
    """
    theta = np.clip(start, lower, upper)
    frozen = np.zeros(theta.shape, dtype=bool) if frozen is None else frozen
    damping = np.full(len(theta), 1e-3)
    converged = np.zeros(len(theta), dtype=bool)
    active: Int[np.ndarray, " problems"] = np.arange(len(theta))
    r, J = evaluate(theta, active)
    cost = np.sum(r**2, axis=-1)
    for _ in range(MOST_ITERATIONS):
        step, gradient = _damped_step(theta[active], r, J, damping[active], lower, upper, frozen[active])
        trial = np.clip(theta[active] + step, lower, upper)
        trial_r, trial_J = evaluate(trial, active)
        trial_cost = np.sum(trial_r**2, axis=-1)
        better = trial_cost < cost[active]
        gain = cost[active] - trial_cost
        done = (gradient < SMALLEST_GRADIENT) & (gain <= SMALLEST_GAIN * cost[active])
        stuck = ~better & (damping[active] > LARGEST_DAMPING)
        taken = active[better]
        theta[taken], cost[taken] = trial[better], trial_cost[better]
        r, J = np.where(better[:, None], trial_r, r), np.where(better[:, None, None], trial_J, J)
        damping[active] = np.where(better, np.maximum(damping[active] / 6.0, 1e-12), damping[active] * 4.0)
        converged[active] = done | (stuck & (gradient < 1e3 * SMALLEST_GRADIENT)) | (cost[active] < 1e-20)
        left = ~(converged[active] | stuck)
        active, r, J = active[left], r[left], J[left]
        if not len(active):
            break
    return Solution(theta, cost, converged)


def _damped_step(
    theta: Float[np.ndarray, "problems parameters"],
    r: Float[np.ndarray, "problems residuals"],
    J: Float[np.ndarray, "problems residuals parameters"],
    damping: Float[np.ndarray, " problems"],
    lower: Float[np.ndarray, " parameters"],
    upper: Float[np.ndarray, " parameters"],
    frozen: Bool[np.ndarray, "problems parameters"],
) -> tuple[Float[np.ndarray, "problems parameters"], Float[np.ndarray, " problems"]]:
    """The damped Gauss-Newton step, and the largest cosine of the residuals with a free column."""
    transposed = np.swapaxes(J, -1, -2)
    g = (transposed @ r[..., None])[..., 0]
    H = transposed @ J
    blocked = frozen | ((theta <= lower) & (g > 0)) | ((theta >= upper) & (g < 0))
    free = ~blocked
    g = np.where(free, g, 0.0)
    diagonal = np.einsum("bkk->bk", H)
    scale = np.where(diagonal > 0, diagonal, 1.0)
    H = H * (free[:, :, None] & free[:, None, :])
    index = np.arange(theta.shape[1])
    H[:, index, index] = np.where(free, scale * (1.0 + damping[:, None]), 1.0)
    step = -np.linalg.solve(H, g[..., None])[..., 0]
    norm = np.sqrt(np.maximum(np.sum(r**2, axis=-1), 1e-300))
    return step, np.max(np.abs(g) / np.sqrt(scale), axis=-1, initial=0.0) / norm
