"""Kernel `effective_data`: a sample seen for the j-th time counts as 2^(-(j-1)/tau) of a new one.

n_eff = sum_j (n_j - n_{j-1}) 2^(-(j-1)/tau)                 epoch by epoch
n_eff = N (1 - exp(-c n / N)) / c,   c = 1 - 2^(-1/tau)      drawn with replacement
"""

import numpy as np

from thresher.laws.resampled import SMALLEST_EXP1, seen_share
from thresher.shapes import Float


def log_effective_samples(
    n: Float[np.ndarray, "..."], N: Float[np.ndarray, "..."], tau: Float[np.ndarray, "..."]
) -> Float[np.ndarray, "..."]:
    """Natural logarithm of the effective samples when epochs are whole passes.

    Args:
        n: Samples seen; positive.
        N: Unique samples; positive.
        tau: Half-life in epochs; positive, `inf` for no decay.

    Source:
        The second objective of the reference implementation of Goyal et al. 2024 (arXiv:2404.07177), after
        Muennighoff et al. 2023 (arXiv:2305.16264).
    """
    u = n / N
    whole = np.floor(u)
    s = np.log(2.0) / np.where(np.isinf(tau), 1.0, tau)
    with np.errstate(under="ignore"):
        passes = np.expm1(-s * whole) / np.expm1(-s) + (u - whole) * np.exp(-s * whole)
    return np.log(N) + np.log(np.where(np.isinf(tau), u, passes))


def log_effective_samples_resampled(
    n: Float[np.ndarray, "..."], N: Float[np.ndarray, "..."], tau: Float[np.ndarray, "..."]
) -> Float[np.ndarray, "..."]:
    """Natural logarithm of the effective samples when samples are drawn with replacement.

    Args:
        n: Draws; positive.
        N: Unique samples; positive.
        tau: Half-life in views of a sample; positive, `inf` for no decay.
    """
    x = seen_share(n, N, tau)
    large = np.maximum(x, SMALLEST_EXP1)
    with np.errstate(under="ignore"):
        direct = np.log(-np.expm1(-large) / large)
    return np.log(n) + np.where(x < SMALLEST_EXP1, -x / 2.0 + x**2 / 24.0, direct)
