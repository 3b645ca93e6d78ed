"""Many small bounded least-squares problems at once, by Levenberg-Marquardt.

scipy's solvers take one problem at a time; all starts and all draws of a fit are here one batch of arrays, which is
what makes honest intervals cheap enough to be the default (4.8 s against 0.06 s for a thousand problems).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from thresher.shapes import Bool, Float, Int

Evaluate = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]]
"""From parameters (problems, parameters) and the problems' indices to the sum of squares r^T r, J^T r and J^T J."""

FIRST_DAMPING = 1.0
LARGEST_DAMPING = 1e6
LONGEST_STEP = 2.0
"""Most that a parameter, all of which are logarithms or of order 1, moves in one step."""
RIDGE = 1e-9
"""Added to the diagonal, so that a parameter which nothing depends on stays where it is."""
RELATIVE_RIDGE = 1e-10
"""Share of the diagonal that is added to it, so that curvatures of 1e20 (standard errors of 1e-12) can be solved."""


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
    *,
    scale: Float[np.ndarray, " parameters"],
    iterations: int,
    smallest_gain: float,
) -> Solution:
    """The least sum of squares of each problem, reached from its start within the bounds.

    Args:
        evaluate: Sum of squares, J^T r and J^T J of the problems whose indices it is given.
        start: Where each problem begins; clipped to the bounds.
        lower: Least value of each parameter.
        upper: Greatest value of each parameter.
        scale: Curvature that the damping is in units of. Marquardt's own, that of the problem, hardly moves along valleys that
            are far flatter than their walls: swarms of 17 pools had then not converged after 60 steps.
        iterations: Most steps of each problem.
        smallest_gain: Relative fall of the sum of squares below which a problem has converged.
    """
    theta = np.clip(start, lower, upper)
    damping = np.full(len(theta), FIRST_DAMPING)
    converged = np.zeros(len(theta), dtype=bool)
    active: Int[np.ndarray, " problems"] = np.arange(len(theta))
    cost, g, H = evaluate(theta, active)
    for _ in range(iterations):
        step = _damped_step(g[active], H[active], damping[active, None] * scale)
        trial = np.clip(theta[active] + step, lower, upper)
        trial_cost, trial_g, trial_H = evaluate(trial, active)
        better = trial_cost < cost[active]  # false for NaN, so that a step out of range is never taken
        still = better & (cost[active] - trial_cost < smallest_gain * (cost[active] + smallest_gain))
        stuck = ~better & (damping[active] > LARGEST_DAMPING)  # no step helps: this is the minimum
        taken = active[better]
        theta[taken], cost[taken] = trial[better], trial_cost[better]
        g[taken], H[taken] = trial_g[better], trial_H[better]
        damping[active] = np.where(better, np.maximum(damping[active] / 5.0, 1e-9), damping[active] * 4.0)
        converged[active] = still | stuck
        active = active[~(still | stuck)]
        if not len(active):
            break
    return Solution(theta, cost, converged)


def _damped_step(
    g: Float[np.ndarray, "problems parameters"],
    H: Float[np.ndarray, "problems parameters parameters"],
    damping: Float[np.ndarray, "problems parameters"],
) -> Float[np.ndarray, "problems parameters"]:
    """The Gauss-Newton step, shortened by the damping."""
    at = np.arange(H.shape[-1])
    H = H.copy()
    H[:, at, at] = H[:, at, at] * (1.0 + RELATIVE_RIDGE) + damping + RIDGE
    step = np.linalg.solve(H, g[..., None])[..., 0]
    return -np.clip(step, -LONGEST_STEP, LONGEST_STEP)
