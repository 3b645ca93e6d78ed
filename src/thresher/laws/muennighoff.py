"""Kernel `muennighoff`: repeated tokens decay exponentially towards a finite worth.

n_eff = n                                        for n <= N
n_eff = N + N R (1 - exp(-(n/N - 1) / R))        beyond,  R = tau / ln 2
"""

import numpy as np

from thresher.shapes import Float


def log_effective_samples(
    n: Float[np.ndarray, "..."], N: Float[np.ndarray, "..."], tau: Float[np.ndarray, "..."]
) -> Float[np.ndarray, "..."]:
    """Natural logarithm of the effective samples, for arrays that broadcast together.

    Args:
        n: Samples seen; positive.
        N: Unique samples; positive.
        tau: Half-life in repetitions; positive, `inf` for no decay.

    Source:
        Muennighoff et al. 2023, arXiv:2305.16264, equation for D' with R* = tau / ln 2.
    """
    r = np.maximum(n / N - 1.0, 0.0)
    R = np.where(np.isinf(tau), 1.0, tau) / np.log(2.0)
    with np.errstate(under="ignore"):
        repeats = -R * np.expm1(-r / R)
    return np.log(np.minimum(n, N)) + np.log1p(np.where(np.isinf(tau), r, repeats))


def elasticity(
    n: Float[np.ndarray, "..."], N: Float[np.ndarray, "..."], tau: Float[np.ndarray, "..."]
) -> Float[np.ndarray, "..."]:
    """Slope of ln n_eff against ln n; arguments as above."""
    r = np.maximum(n / N - 1.0, 0.0)
    R = np.where(np.isinf(tau), 1.0, tau) / np.log(2.0)
    with np.errstate(under="ignore"):
        slope = np.where(np.isinf(tau), 1.0, np.exp(-r / R))
        worth = 1.0 + np.where(np.isinf(tau), r, -R * np.expm1(-r / R))
    return np.where(n < N, 1.0, (1.0 + r) * slope / worth)
