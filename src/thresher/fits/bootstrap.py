"""Replicates of a fit: the same law refitted to runs that might have been."""

import numpy as np

from thresher.fits.curves import Curves
from thresher.fits.least_squares import minimise
from thresher.fits.observations import Observations
from thresher.shapes import Float, Int

SMALLEST_SHARE_OF_EXCESS = 0.05
"""A simulated error keeps at least this share of the fitted excess, so that it stays above the floor."""


def bootstrap(
    curves: Curves, theta: Float[np.ndarray, " parameters"], scale: float, replicates: int, seed: int
) -> Float[np.ndarray, "replicates parameters"]:
    """Parameters refitted to simulated runs.

    Replicates take turns: one resamples the fit's own residuals (which keeps their shape), one draws normal noise
    (which does not depend on the few residuals there are) and, where runs were repeated with other seeds, one
    resamples those runs themselves, which needs no law at all.

    Args:
        curves: The problem that was fitted.
        theta: Its optimum.
        scale: Standard deviation of the weighted residuals.
        replicates: How many.
        seed: Seed of the simulation.
    """
    observations = curves.observations
    used = observations.used
    rng = np.random.default_rng(seed)
    fitted = curves.fitted(theta[None])[0]
    residual = ((observations.error - fitted) * observations.weight)[used]
    residual = residual - residual.mean()
    spread = float(np.sqrt(np.mean(residual**2)))
    residual = residual * (scale / spread) if spread > 0 else residual
    count = len(residual)
    noise = rng.standard_normal((replicates, count)) * scale
    resampled = residual[rng.integers(0, count, (replicates, count))]
    noise[::2] = resampled[::2]
    errors = np.repeat(observations.error[None], replicates, axis=0)
    simulated = fitted[used] + noise / observations.weight[used]
    cell = _cells(observations)
    repeated = np.bincount(cell)[cell] > 1
    if repeated.any():
        measured = observations.error[used]
        simulated[2::3, repeated] = _resampled_seeds(measured, cell, len(simulated[2::3]), rng)[:, repeated]
    floor = curves.expand(theta[None]).d[0]
    least = floor + SMALLEST_SHARE_OF_EXCESS * (fitted[used] - floor)
    errors[:, used] = np.maximum(simulated, least)

    lower, upper = curves.bounds
    start = np.repeat(theta[None], replicates, axis=0)
    return minimise(lambda at, index: curves.evaluate(at, index, errors), start, lower, upper).parameters


def _cells(observations: Observations) -> Int[np.ndarray, " runs"]:
    """Which measurements are of one pool at one number of samples seen, so that only the seed differs."""
    used = observations.used
    keys = np.stack([observations.pool[used].astype(float), observations.samples_seen[used]], axis=1)
    return np.unique(keys, axis=0, return_inverse=True)[1].reshape(-1)


def _resampled_seeds(
    measured: Float[np.ndarray, " runs"],
    cell: Int[np.ndarray, " runs"],
    replicates: int,
    rng: np.random.Generator,
) -> Float[np.ndarray, "replicates runs"]:
    """Measured errors resampled within their cells, spread as widely as single runs of k seeds are.

    Drawing from k values has (k - 1)/k of their variance; deviations from the mean are stretched to make up for it.
    """
    order = np.argsort(cell, kind="stable")
    size = np.bincount(cell)
    first = np.concatenate([[0], np.cumsum(size)[:-1]])
    chosen = first[cell] + (rng.random((replicates, len(cell))) * size[cell]).astype(int)
    mean = (np.bincount(cell, measured) / size)[cell]
    stretch = np.sqrt(size / np.maximum(size - 1, 1))[cell]
    return mean + stretch * (measured[order][chosen] - mean)
