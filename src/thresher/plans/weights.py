"""The weights of least predicted error: exact where the error is convex in them, which free laws make it."""

from dataclasses import dataclass

import numpy as np

from thresher.plans.objective import Objective
from thresher.plans.separable import minimise_separable
from thresher.shapes import Float

MOST_STEPS = 200
"""Steps of the solver; an ensemble takes about ten."""
RESIDUAL = 1e-9
"""Error that moving weight between two pools may still save, per unit of weight, at which the solver stops."""
LINE_STEPS = 24
"""Halvings of one line search."""
FLAT = 0.5
"""A whole step is taken where the slope at its end is at most this share of that at its start."""
SMALLEST_STEP = 1e-15
SLOWER, FASTER = 4.0, 0.25
"""What the stand-in for curvature is multiplied by after a step that went too far, or not far enough."""
NOTHING = 1e-9
"""A weight below this is none; so few samples teach nothing."""


@dataclass(frozen=True)
class Solution:
    """Weights that minimise an objective.

    Attributes:
        weights: Share of each pool; non-negative, summing to 1.
        value: The objective there.
        residual: Error that moving weight from one pool to another could still save, per unit of weight moved:
            the Karush-Kuhn-Tucker residual, which bounds how far the value is above the least.
        proven: Whether the residual proves the minimum: so it is for convex objectives without choices of pools.
    """

    weights: Float[np.ndarray, " pools"]
    value: float
    residual: float
    proven: bool


def minimise(
    objective: Objective,
    lower: Float[np.ndarray, " pools"],
    upper: Float[np.ndarray, " pools"],
    *,
    start: Float[np.ndarray, " pools"] | None = None,
) -> Solution:
    """Weights of least error between bounds.

    Each step linearises what is outside the sums over pools, minimises the separable rest exactly, kinks included,
    and searches along the line there. One law needs one step.

    Args:
        objective: Convex in the weights, unless it is a quantile; then the minimum is a local one.
        lower: Least weights, summing to at most 1.
        upper: Greatest weights, summing to at least 1.
        start: Where to start; in the middle of what the bounds allow if None.
    """
    spare = upper - lower
    w = lower + spare * ((1.0 - lower.sum()) / spare.sum()) if start is None and spare.sum() > 0 else start
    w = lower.astype(float) if w is None else w
    left = kkt_residual(objective, w, lower, upper) if objective.laws > 1 else np.inf
    damping = 0.0 if objective.laws == 1 else 1.0
    for _ in range(MOST_STEPS):
        if left <= RESIDUAL:
            break
        target = _target(objective, w, lower, upper, damping)
        share, overshot = _line_search(objective, w, target - w)
        moved = share * (target - w)
        w = w + moved
        damping *= SLOWER if overshot else FASTER
        left = kkt_residual(objective, w, lower, upper)
        if objective.laws == 1 or np.abs(moved).max() < SMALLEST_STEP:  # one law's target is exact
            break
    w = _cleaned(w, lower)
    return Solution(
        w, float(objective.value(w[None])[0]), left, objective.quantile is None and left <= 10 * RESIDUAL
    )


def _target(
    objective: Objective,
    w: Float[np.ndarray, " pools"],
    lower: Float[np.ndarray, " pools"],
    upper: Float[np.ndarray, " pools"],
    damping: float,
) -> Float[np.ndarray, " pools"]:
    rates, curvature = objective.tangent(w)

    def slope(nodes: Float[np.ndarray, "pools nodes"]) -> Float[np.ndarray, "pools nodes"]:
        return objective.slopes(rates, nodes) + damping * curvature[:, None] * (nodes - w[:, None])

    return minimise_separable(slope, lower, upper, laws=objective.laws)


def _line_search(
    objective: Objective, w: Float[np.ndarray, " pools"], direction: Float[np.ndarray, " pools"]
) -> tuple[float, bool]:
    """How far to go, as a share of `direction`, and whether all of it would be much too far."""
    if objective.laws == 1:
        return 1.0, False
    ends = np.maximum(np.stack([w, w + direction]), 0.0)
    start, end = objective.value(ends)
    if end < start and _slope(objective, ends[1], direction) <= FLAT * abs(_slope(objective, w, direction)):
        return 1.0, False
    near, far = 0.0, 1.0
    for _ in range(LINE_STEPS):
        middle = 0.5 * (near + far)
        ahead = _slope(objective, w + middle * direction, direction) > 0
        near, far = (near, middle) if ahead else (middle, far)
    return (near if near > 0 else far), far < 0.5


def _slope(
    objective: Objective, w: Float[np.ndarray, " pools"], direction: Float[np.ndarray, " pools"]
) -> float:
    return float(objective.slopes(objective.tangent(w)[0], w[:, None])[:, 0] @ direction)


def kkt_residual(
    objective: Objective,
    w: Float[np.ndarray, " pools"],
    lower: Float[np.ndarray, " pools"],
    upper: Float[np.ndarray, " pools"],
) -> float:
    """Most error that moving weight from one pool to another saves, per unit of weight; 0 at a minimum."""
    before, after = objective.sides(w)
    loses, gains = w > lower + NOTHING, w < upper - NOTHING
    if not loses.any() or not gains.any():
        return 0.0
    return max(0.0, float(before[loses].max() - after[gains].min()))


def _cleaned(
    w: Float[np.ndarray, " pools"], lower: Float[np.ndarray, " pools"]
) -> Float[np.ndarray, " pools"]:
    """Weights without the dust of rounding, summing to 1."""
    kept = np.where((w < NOTHING) & (lower <= 0), 0.0, w)
    free = kept > lower
    kept[free] += (1.0 - kept.sum()) * kept[free] / kept[free].sum() if free.any() else 0.0
    return kept
