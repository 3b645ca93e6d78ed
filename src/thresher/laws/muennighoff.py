"""Kernel `muennighoff`: repeated tokens decay exponentially towards a finite worth.

n_eff = n                                        for n <= U
n_eff = U + U R (1 - exp(-(n/U - 1) / R))        beyond,  R = tau / ln 2

U is the number of distinct samples seen so far: N after the first epoch, and N (1 - exp(-n/N)) after n draws with
replacement.
"""

import numpy as np

from thresher.shapes import Float


def log_effective_samples(
    n: Float[np.ndarray, "..."], N: Float[np.ndarray, "..."], tau: Float[np.ndarray, "..."]
) -> Float[np.ndarray, "..."]:
    """Natural logarithm of the effective samples when epochs are whole passes, for arrays that broadcast together.

    Args:
        n: Samples seen; positive.
        N: Unique samples; positive.
        tau: Half-life in repetitions; positive, `inf` for no decay.

    Source:
        Muennighoff et al. 2023, arXiv:2305.16264, equation for D' with R* = tau / ln 2.
    """
    return np.log(np.minimum(n, N)) + _log_worth_of_repeats(np.maximum(n / N - 1.0, 0.0), tau)


def log_effective_samples_resampled(
    n: Float[np.ndarray, "..."], N: Float[np.ndarray, "..."], tau: Float[np.ndarray, "..."]
) -> Float[np.ndarray, "..."]:
    """Natural logarithm of the effective samples when samples are drawn with replacement.

    Args:
        n: Draws; positive.
        N: Unique samples; positive.
        tau: Half-life in repetitions; positive, `inf` for no decay.

    Source:
        The same equation, with the expected number of distinct samples drawn in place of N; ours.
    """
    distinct = -N * np.expm1(-n / N)
    return np.log(distinct) + _log_worth_of_repeats(np.maximum(n / distinct - 1.0, 0.0), tau)


def _log_worth_of_repeats(
    r: Float[np.ndarray, "..."], tau: Float[np.ndarray, "..."]
) -> Float[np.ndarray, "..."]:
    """ln(n_eff / U) after r repetitions."""
    R = np.where(np.isinf(tau), 1.0, tau) / np.log(2.0)
    with np.errstate(under="ignore"):
        repeats = -R * np.expm1(-r / R)
    return np.log1p(np.where(np.isinf(tau), r, repeats))
