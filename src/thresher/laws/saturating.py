"""Kernel `saturating`: the simplest law in which repeats have a finite worth.

n_eff = n                              for n <= N
n_eff = N (1 + K r / (K + r))          beyond,  r = n/N - 1,  K = tau
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
        tau: Repetitions after which half of all that repeating can give is reached; `inf` for no decay.
    """
    r = np.maximum(n / N - 1.0, 0.0)
    return np.log(np.minimum(n, N)) + np.log1p(r / (1.0 + r / tau))
