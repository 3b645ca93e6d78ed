"""Replicates of a fit: the same law refitted to runs that might have been."""

import numpy as np

from thresher.fits.curves import Curves
from thresher.fits.least_squares import minimise
from thresher.shapes import Float

SMALLEST_SHARE_OF_EXCESS = 0.05
"""A simulated error keeps at least this share of the fitted excess, so that it stays above the floor."""


def bootstrap(
    curves: Curves, theta: Float[np.ndarray, " parameters"], scale: float, replicates: int, seed: int
) -> Float[np.ndarray, "replicates parameters"]:
    """Parameters refitted to simulated runs.

    Every other replicate resamples the fit's own residuals (which keeps their shape); the rest draw normal
    noise (which does not depend on the few residuals there are).

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
    floor = curves.expand(theta[None]).d[0]
    least = floor + SMALLEST_SHARE_OF_EXCESS * (fitted[used] - floor)
    errors[:, used] = np.maximum(simulated, least)

    lower, upper = curves.bounds
    start = np.repeat(theta[None], replicates, axis=0)
    return minimise(lambda at, index: curves.evaluate(at, index, errors), start, lower, upper).parameters
