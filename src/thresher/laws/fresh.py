"""Kernel `fresh`: repeats are as good as new samples, so the law is a plain power law."""

import numpy as np

from thresher.shapes import Float


def log_effective_samples(
    n: Float[np.ndarray, "..."], N: Float[np.ndarray, "..."], tau: Float[np.ndarray, "..."]
) -> Float[np.ndarray, "..."]:
    """Natural logarithm of the effective samples: ln n, whatever the pool and its half-life.

    Args:
        n: Samples seen; positive.
        N: Unique samples; only its shape is used.
        tau: Half-life; only its shape is used.
    """
    return np.log(n) + np.zeros_like(N * tau)
