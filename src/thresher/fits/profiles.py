"""Profile-likelihood intervals: how far a parameter can move when all others follow it."""

from dataclasses import dataclass

import numpy as np
from scipy.special import fdtri

from thresher.fits.curves import Curves
from thresher.fits.fit import INTERVAL
from thresher.fits.least_squares import minimise
from thresher.shapes import Bool, Float

LADDER = 12
"""Values tried on each side of the optimum before the crossing is refined."""
REFINEMENTS = 3
LARGE_FREEDOM = 1e6
"""Degrees of freedom that stand for a known noise."""


@dataclass(frozen=True)
class Profiles:
    """Ends of the interval of every parameter, and whether the likelihood closes it or only the bounds do."""

    low: Float[np.ndarray, " parameters"]
    high: Float[np.ndarray, " parameters"]
    closed_below: Bool[np.ndarray, " parameters"]
    closed_above: Bool[np.ndarray, " parameters"]


def threshold(scale: float, freedom: int) -> float:
    """Rise of the weighted sum of squares at the ends of a 90 % interval of one parameter."""
    confidence = INTERVAL[1] - INTERVAL[0]
    return float(fdtri(1, max(freedom, 1) if scale != 1.0 else LARGE_FREEDOM, confidence)) * scale**2


def profile(
    curves: Curves, theta: Float[np.ndarray, " parameters"], sum_of_squares: float, scale: float
) -> Profiles:
    """The interval of every parameter.

    Args:
        curves: The problem that was fitted.
        theta: Its optimum.
        sum_of_squares: Weighted sum of squares there.
        scale: Standard deviation of the weighted residuals.
    """
    size = curves.size
    lower, upper = curves.bounds
    limit = threshold(scale, curves.observations.count - size)
    side = np.repeat([-1.0, 1.0], size)
    parameter = np.tile(np.arange(size), 2)
    room = np.where(side < 0, theta[parameter] - lower[parameter], upper[parameter] - theta[parameter])
    room = np.maximum(room, 0.0)
    first = np.minimum(0.5 * _standard_deviations(curves, theta, scale)[parameter], 0.2 * room)
    steps = first[:, None] * np.maximum(room / np.maximum(first, 1e-12), 1.0)[:, None] ** np.linspace(
        0, 1, LADDER
    )
    rise, path = _rises(curves, theta, parameter, side, steps, sum_of_squares)
    steps = np.concatenate([np.zeros((2 * size, 1)), steps], axis=1)
    rise = np.concatenate([np.zeros((2 * size, 1)), rise], axis=1)
    closed = np.any(rise > limit, axis=1)
    beyond = np.where(closed, np.argmax(rise > limit, axis=1), LADDER)
    problems = np.arange(2 * size)
    inside, outside = steps[problems, beyond - 1], steps[problems, beyond]
    rise_in, rise_out = rise[problems, beyond - 1], rise[problems, beyond]
    for _ in range(REFINEMENTS):
        root_in, root_out = np.sqrt(np.maximum(rise_in, 0.0)), np.sqrt(np.maximum(rise_out, 0.0))
        share = (np.sqrt(limit) - root_in) / np.maximum(root_out - root_in, 1e-12)
        middle = inside + np.clip(share, 0.02, 0.98) * (outside - inside)
        start = path[problems, np.maximum(beyond - 2, 0)]
        rise_mid, _ = _rises(curves, start, parameter, side, middle[:, None], sum_of_squares, theta)
        crossed = rise_mid[:, 0] > limit
        outside, rise_out = np.where(crossed, middle, outside), np.where(crossed, rise_mid[:, 0], rise_out)
        inside, rise_in = np.where(crossed, inside, middle), np.where(crossed, rise_in, rise_mid[:, 0])
    reach = np.where(closed, outside, room)
    return Profiles(
        low=theta - reach[:size],
        high=theta + reach[size:],
        closed_below=closed[:size],
        closed_above=closed[size:],
    )


def _rises(
    curves: Curves,
    start: Float[np.ndarray, "... parameters"],
    parameter: np.ndarray,
    side: Float[np.ndarray, " problems"],
    steps: Float[np.ndarray, "problems steps"],
    sum_of_squares: float,
    optimum: Float[np.ndarray, " parameters"] | None = None,
) -> tuple[Float[np.ndarray, "problems steps"], Float[np.ndarray, "problems steps parameters"]]:
    """Rise of the sum of squares with one parameter held at each step from the optimum, and the path there."""
    problems, count = steps.shape
    centre = start if optimum is None else optimum
    at = np.broadcast_to(start if start.ndim == 1 else start[:, None], (problems, count, curves.size)).copy()
    rows = np.arange(problems)
    at[rows, :, parameter] = centre[parameter][:, None] + side[:, None] * steps
    frozen = np.zeros(at.shape, dtype=bool)
    frozen[rows, :, parameter] = True
    lower, upper = curves.bounds
    solution = minimise(
        curves.evaluate,
        at.reshape(-1, curves.size),
        lower,
        upper,
        frozen.reshape(-1, curves.size),
    )
    rise = solution.sum_of_squares.reshape(problems, count) - sum_of_squares
    return rise, solution.parameters.reshape(problems, count, curves.size)


def _standard_deviations(
    curves: Curves, theta: Float[np.ndarray, " parameters"], scale: float
) -> Float[np.ndarray, " parameters"]:
    """Standard deviations from the curvature at the optimum, only to choose the first step."""
    _, J = curves.evaluate(theta[None], np.arange(1))
    variance = np.diag(np.linalg.pinv(J[0].T @ J[0]))
    return scale * np.sqrt(np.maximum(variance, 1e-12))
