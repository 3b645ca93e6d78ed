"""Kernel `utility_smooth`: the kernel `utility` with continuous epochs, so that every derivative exists.

    n_eff = n                                             for u <= 1, u = n/N
    n_eff = N exp(2^(0.5/tau) (E1(s) - E1(s u)))          for u > 1,  s = ln 2 / tau

The largest difference to `utility` in ln n_eff is 0.0134 at tau = 5.
"""

import numpy as np
from scipy.special import exp1

from thresher.shapes import Float

LARGEST_EXP1 = 50.0
"""Beyond this argument e^x E1(x) is summed as its asymptotic series, since E1 itself underflows."""


def log_effective_samples(
    n: Float[np.ndarray, "..."], N: Float[np.ndarray, "..."], tau: Float[np.ndarray, "..."]
) -> Float[np.ndarray, "..."]:
    """Natural logarithm of the effective samples, for arrays that broadcast together.

    Args:
        n: Samples seen; positive.
        N: Unique samples; positive.
        tau: Half-life in epochs; positive, `inf` for no decay.

    Source:
        The epochs of Goyal et al. 2024 (arXiv:2404.07177) made continuous, each decaying from its middle.
    """
    u = np.maximum(n / N, 1.0)
    s = np.log(2.0) / np.where(np.isinf(tau), 1.0, tau)
    with np.errstate(under="ignore"):
        growth = np.exp(-0.5 * s) * _scaled_exp1(s) - np.exp(0.5 * s - s * u) * _scaled_exp1(s * u)
    return np.log(np.minimum(n, N)) + np.where(np.isinf(tau), np.log(u), growth)


def _scaled_exp1(x: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """e^x E1(x) for x > 0, without overflow."""
    near = np.minimum(x, LARGEST_EXP1)
    scaled = np.exp(near) * exp1(near)
    if np.all(x < LARGEST_EXP1):
        return scaled
    far = np.maximum(x, LARGEST_EXP1)
    series = np.zeros_like(far)
    for k in range(16, 0, -1):  # 1/x (1 - 1/x (1 - 2/x (1 - ..))), nested
        series = (1.0 - series) * k / far
    return np.where(x < LARGEST_EXP1, scaled, (1.0 - series) / far)
