"""Mixtures: what training on several pools at once has learnt from, when each pool counts as its share.

    M = (1/r) ln sum_i w_i (q_i n_i / n_max)^r

is the logarithm of a weighted power mean. n_i are the effective samples, were the whole run of pool i at the spacing
that its samples have, and q_i is what a sample is worth. At r = 1 samples add up. Above 1 the best pools count for
more than their share, so concentrating pays. Below 1 variety pays, and r -> 0 is the geometric mean: with a worth
for each pool that is the exponential data-mixing law at one budget (Ye et al. 2024, arXiv:2403.16952), and with a
utility for each pool it is Theorem 1 of Goyal et al. 2024 (arXiv:2404.07177), in `laws/paper.py`.

What holds for every r and kernel (tests/laws/test_mixing.py): one pool with weight 1 is that pool; the order of pools is
irrelevant; and splitting a pool into parts that keep its sampling rate, with half-lives tau f^kappa for a part of f of
its samples, changes nothing.
"""

import numpy as np

from thresher.shapes import Float

SMALLEST_POWER = 1e-6
"""Powers nearer to 0 than this are taken as this: M then differs from the mean logarithm by 5e-7 of their variance."""


def log_power_mean(
    log_values: Float[np.ndarray, "draws runs pools"],
    weights: Float[np.ndarray, "runs pools"],
    power: Float[np.ndarray, " draws"],
) -> tuple[Float[np.ndarray, "draws runs"], Float[np.ndarray, "draws runs pools"]]:
    """Ln of the weighted power mean, and the share of each pool in it, which is its slope against each logarithm.

    Args:
        log_values: ln(q_i n_i / n_max).
        weights: Shares of the samples seen; a pool of weight 0 plays no part.
        power: r of each draw.
    """
    r = np.where(np.abs(power) < SMALLEST_POWER, SMALLEST_POWER, power)[:, None, None]
    with np.errstate(divide="ignore", invalid="ignore", under="ignore"):
        terms = np.where(weights > 0, np.log(weights) + r * log_values, -np.inf)
        top = terms.max(axis=-1, keepdims=True)
        shares = np.exp(terms - top)
    total = shares.sum(axis=-1, keepdims=True)
    return ((top + np.log(total)) / r)[..., 0], shares / total
