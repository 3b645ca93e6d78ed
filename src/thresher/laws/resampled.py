"""Kernel `resampled`: the kernel `utility` for training that draws samples with replacement.

    n_eff = n exp(-Ein(c n / N)),   c = 1 - 2^(-1/tau),   Ein(x) = E1(x) + ln x + gamma

The views of a sample are then Poisson distributed, so some repeats come at the first draw: after n draws the
next one finds a sample worth E[2^(-views/tau)] = exp(-c n / N) of a new one, and ln n_eff integrates that.
"""

import numpy as np
from scipy.special import exp1

from thresher.shapes import Float

SMALLEST_EXP1 = 1e-3
"""Below this argument Ein is summed as its series, since E1(x) + ln x cancels."""


def log_effective_samples(
    n: Float[np.ndarray, "..."], N: Float[np.ndarray, "..."], tau: Float[np.ndarray, "..."]
) -> Float[np.ndarray, "..."]:
    """Natural logarithm of the effective samples, for arrays that broadcast together.

    Args:
        n: Draws, with replacement; positive.
        N: Unique samples; positive.
        tau: Half-life in views of a sample; positive, `inf` for no decay.
    """
    return np.log(n) - entire_exponential_integral(seen_share(n, N, tau))


def seen_share(
    n: Float[np.ndarray, "..."], N: Float[np.ndarray, "..."], tau: Float[np.ndarray, "..."]
) -> Float[np.ndarray, "..."]:
    """C n / N, the mean views of a sample times the loss of utility at each."""
    return -np.expm1(-np.log(2.0) / tau) * n / N


def entire_exponential_integral(x: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """Ein(x) = int_0^x (1 - e^-t) / t dt for x >= 0."""
    large = np.maximum(x, SMALLEST_EXP1)
    with np.errstate(under="ignore"):
        direct = exp1(large) + np.log(large) + np.euler_gamma
    small = np.minimum(x, SMALLEST_EXP1)
    series = small * (1.0 - small / 4.0 * (1.0 - small * (2.0 / 9.0)))
    return np.where(x < SMALLEST_EXP1, series, direct)
