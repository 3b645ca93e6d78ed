"""Kernel `utility`: the exponent of the power law halves every `tau` repetitions.

    n_eff = n_1 prod_{j=2..k} (n_j / n_{j-1})^(2^(-(j-1)/tau))

where n_j is the samples seen at the end of epoch j and the last epoch may be partial. Raising n_eff to the
power b gives the law for y_k of Goyal et al. 2024 (arXiv:2404.07177).
"""

import numpy as np
from scipy.special import exp1, expn

from thresher.shapes import Float

TABULATED_EPOCHS = 512
"""Whole epochs summed one by one; the rest of a longer run is an Euler-Maclaurin sum (error below 1e-12)."""
LONGEST_HALF_LIFE = 1e30
"""Stands in for no decay where the exponential integral needs a finite half-life, in epochs."""
FASTEST_DECAY = 2.0
"""Decay an epoch from which all terms beyond the table underflow to 0; more of it would overflow on the way there."""
LARGEST_TABLE = 2**22
"""Entries of one table of partial sums (32 MB); larger problems are cut along the first axis."""


def log_effective_samples(
    n: Float[np.ndarray, "..."], N: Float[np.ndarray, "..."], tau: Float[np.ndarray, "..."]
) -> Float[np.ndarray, "..."]:
    """Natural logarithm of the effective samples, for arrays that broadcast together.

    Args:
        n: Samples seen; positive.
        N: Unique samples; positive.
        tau: Half-life in epochs; positive, `inf` for no decay.

    Source:
        Goyal et al. 2024, arXiv:2404.07177, the law for repeated data.
    """
    u = n / N
    whole = np.maximum(np.floor(u), 1.0)
    with np.errstate(under="ignore"):
        decay = np.exp(-np.log(2.0) / tau * whole)
    partial = decay * np.log(np.maximum(u, 1.0) / whole)
    return np.log(np.minimum(n, N)) + _whole_epochs(whole, np.asarray(tau, dtype=float)) + partial


def _whole_epochs(whole: Float[np.ndarray, "..."], tau: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """sum_{m=1..whole-1} ln(1 + 1/m) 2^(-m/tau), looked up in a table with a row for each half-life."""
    deepest = int(min(whole.max(initial=1.0), TABULATED_EPOCHS))
    if tau.size * deepest > LARGEST_TABLE and tau.ndim and tau.shape[0] > 1:
        whole = np.broadcast_to(whole, np.broadcast_shapes(whole.shape, tau.shape))
        tau = tau.reshape((1,) * (whole.ndim - tau.ndim) + tau.shape)
        if tau.shape[0] > 1:
            halves = np.array_split(np.arange(tau.shape[0]), 2)
            return np.concatenate([_whole_epochs(whole[half], tau[half]) for half in halves])
    m = np.arange(1, deepest)
    with np.errstate(under="ignore"):
        terms = np.log1p(1.0 / m) * np.exp(-np.log(2.0) / tau[..., None] * m)
    table = np.concatenate([np.zeros((*tau.shape, 1)), np.cumsum(terms, axis=-1)], axis=-1)
    row = np.arange(tau.size).reshape(tau.shape)
    column = np.minimum(whole, TABULATED_EPOCHS).astype(np.intp) - 1
    total: Float[np.ndarray, ...] = table.reshape(-1, deepest)[row, column]
    if np.any(whole > TABULATED_EPOCHS):
        total = total + np.where(whole > TABULATED_EPOCHS, _later_epochs(whole, tau), 0.0)
    return total


def _later_epochs(whole: Float[np.ndarray, "..."], tau: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """The terms m = TABULATED_EPOCHS .. whole-1 of the same sum, from its integral.

    With y = m + 1/2 a term is g(y) = e^{s/2} e^{-sy} (1/y + 1/(12 y^3) + ..), and the midpoint rule gives
    int g - (g'(end) - g'(start)) / 24.
    """
    s = np.minimum(np.log(2.0) / np.minimum(tau, LONGEST_HALF_LIFE), FASTEST_DECAY)
    start, end = float(TABULATED_EPOCHS), np.maximum(whole, TABULATED_EPOCHS + 1.0)
    with np.errstate(under="ignore"):

        def slope(y: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
            return -np.exp(-s * y) * (s / y + 1.0 / y**2)

        integral = exp1(s * start) - exp1(s * end)
        cubic = (expn(3, s * start) * start**-2.0 - expn(3, s * end) * end**-2.0) / 12.0
        return np.exp(0.5 * s) * (integral + cubic - (slope(end) - slope(np.asarray(start))) / 24.0)
