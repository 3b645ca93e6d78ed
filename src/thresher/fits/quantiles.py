"""Quantiles of weighted draws: the one place where they are taken."""

import numpy as np

from thresher.shapes import Float

INTERVAL = (0.05, 0.95)
"""Every interval runs from the 5 % to the 95 % point."""


def weighted_quantile(
    values: Float[np.ndarray, "draws ..."], weights: Float[np.ndarray, " draws"], share: float
) -> Float[np.ndarray, "..."]:
    """The point below which a share of the draws lies, linear between draws.

    Args:
        values: Draws along the first axis; infinite ones are kept in order.
        weights: Of the draws; positive.
        share: Between 0 and 1.
    """
    order = np.argsort(values, axis=0)
    ranked = np.take_along_axis(values, order, axis=0)
    w = weights[order]
    # a draw stands in the middle of its own weight, so that equal weights give the usual quantile
    position = np.cumsum(w, axis=0) - 0.5 * w
    first, last = position[:1], position[-1:]
    position = (position - first) / np.where(last > first, last - first, 1.0)
    after = np.clip(np.sum(position < share, axis=0), 1, max(len(values) - 1, 1))[None]
    after = np.minimum(after, len(values) - 1)
    before = np.maximum(after - 1, 0)
    p0, p1 = (np.take_along_axis(position, at, axis=0) for at in (before, after))
    v0, v1 = (np.take_along_axis(ranked, at, axis=0) for at in (before, after))
    with np.errstate(invalid="ignore"):
        part = np.clip((share - p0) / np.where(p1 > p0, p1 - p0, 1.0), 0.0, 1.0)
        between = v0 + np.where(part > 0, part * (v1 - v0), 0.0)
    return np.where(np.isfinite(between), between, np.where(part < 0.5, v0, v1))[0]


def interval(
    values: Float[np.ndarray, "draws ..."], weights: Float[np.ndarray, " draws"]
) -> tuple[Float[np.ndarray, "..."], Float[np.ndarray, "..."]]:
    """The 5 % and the 95 % point."""
    low, high = (weighted_quantile(values, weights, share) for share in INTERVAL)
    return low, high
