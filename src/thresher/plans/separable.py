"""Exact minima of separable convex functions over shares that sum to 1."""

from collections.abc import Callable

import numpy as np

from thresher.shapes import Float, Int

ROUNDS = 60
"""A round narrows every interval about tenfold; more only happen where slopes are flat."""
CLOSE = 1e-13
"""Width of an interval that is narrow enough for a share."""
ROUNDING = 1e-14
"""Sums of a few hundred shares are exact to this."""
SHRUNK = 0.9
"""An interval that keeps more of its width than this in a round has not shrunk."""
NEAR = 10.0 ** -np.arange(1.0, 5.0)
NEARBY = np.concatenate([NEAR, -NEAR])
"""Nodes beside the share that slopes rising evenly would give: where they nearly do, a round gains four digits."""
MOST_ELEMENTS = 4096
"""Slopes evaluated in one round: more nodes where that is cheap."""


def minimise_separable(
    slope: Callable[[Float[np.ndarray, "pools nodes"]], Float[np.ndarray, "pools nodes"]],
    lower: Float[np.ndarray, " pools"],
    upper: Float[np.ndarray, " pools"],
    *,
    laws: int = 1,
) -> Float[np.ndarray, " pools"]:
    """The shares w, summing to 1 between bounds, of least sum_i phi_i(w_i).

    At the minimum there is a multiplier L with phi_i'(w_i - 0) <= L <= phi_i'(w_i + 0) off the bounds. Every round
    evaluates the slopes on nodes across each share's interval, bounds L by counting, and narrows all intervals at
    once; kinks are met exactly, and where slopes are flat what is left is split evenly.

    Args:
        slope: Slopes of the phi_i, each rising along its row.
        lower: Least shares, summing to at most 1.
        upper: Greatest shares, summing to at least 1.
        laws: How many numbers one slope costs, which decides how many nodes a round has.
    """
    left, right = lower.astype(float), upper.astype(float)
    nodes = int(np.clip(MOST_ELEMENTS // max(1, len(left) * laws), 17, 65))
    even = np.linspace(0.0, 1.0, nodes - 2 * len(NEAR))
    guess = np.full(len(left), 0.5)
    for _ in range(ROUNDS):
        near = np.clip(guess[:, None] + NEARBY, 0.0, 1.0)
        steps = np.sort(np.concatenate([np.broadcast_to(even, (len(left), len(even))), near], axis=1), axis=1)
        w = left[:, None] + (right - left)[:, None] * steps
        w[:, -1] = right
        slopes = np.maximum.accumulate(slope(w), axis=1)
        first, last = _narrowed(w, slopes)
        rows = np.arange(len(w))
        low, high = w[rows, first], w[rows, last]
        guess = _crossing(high - low, slopes[rows, first], slopes[rows, last], 1.0 - low.sum())
        before, after = right - left, high - low
        left, right = low, high
        if not np.any((after < SHRUNK * before) & (before > CLOSE)):
            break
    spare = right - left
    return left + spare * ((1.0 - left.sum()) / spare.sum()) if spare.sum() > 0 else left


def _narrowed(
    w: Float[np.ndarray, "pools nodes"], slopes: Float[np.ndarray, "pools nodes"]
) -> tuple[Int[np.ndarray, " pools"], Int[np.ndarray, " pools"]]:
    """First and last node of shorter intervals that still hold the shares of the minimum."""
    order = np.argsort(slopes, axis=None, kind="stable")
    ranked = slopes.ravel()[order]
    rise = np.diff(w, axis=1)
    none = np.zeros((len(w), 1))
    # a multiplier above a node's slope puts the share at or beyond the node; one below it, at or before it
    least = w[:, 0].sum() + np.cumsum(np.concatenate([none, rise], axis=1).ravel()[order])
    after = np.concatenate([rise, none], axis=1).ravel()[order]
    most = w[:, 0].sum() + np.cumsum(after) - after
    above = int(np.searchsorted(least, 1.0 - ROUNDING))
    below = int(np.searchsorted(most, 1.0 + ROUNDING, side="right")) - 1
    greatest = ranked[above] if above < len(ranked) else np.inf
    smallest = min(ranked[below] if below >= 0 else -np.inf, greatest)
    first = np.maximum(np.sum(slopes < smallest, axis=1) - 1, 0)
    last = np.minimum(np.sum(slopes <= greatest, axis=1), w.shape[1] - 1)
    return first, last


def _crossing(
    width: Float[np.ndarray, " pools"],
    low: Float[np.ndarray, " pools"],
    high: Float[np.ndarray, " pools"],
    spare: float,
) -> Float[np.ndarray, " pools"]:
    """Where in its interval each share would be if slopes rose evenly there, as a part of the width."""
    rise = np.maximum(high - low, np.finfo(float).tiny)
    rate = np.minimum(width / rise, 1e300)
    total = rate.sum()
    if not 0 < total < np.inf:
        return np.full(len(width), 0.5)
    multiplier = (spare + rate @ low) / total
    return np.clip((multiplier - low) / rise, 0.0, 1.0)
