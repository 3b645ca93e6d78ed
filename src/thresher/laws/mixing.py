"""Mixtures: the error of training on several pools at once, from the law of each.

A pool that gets the share w of all samples seen recurs every N/w samples, and its half-life grows to
tau (1/w)^kappa. Each pool's own law at that exposure gives an excess error e_i, and the mixture's is their
weighted power mean

    y = (sum_i w_i e_i^m)^(1/m) + d

with m = 0, the geometric mean, for `utility_mean`; m = 1/b for `sample_worth`, where all pools share one b
and samples differ in worth, so that y = A (sum_i w_i q_i n_eff_i / n0)^b + d; and m = 1/(2b) for `halfway`
between them, with b the mean utility of the pools under their weights.

What holds, for both rules and every kernel (tests/laws/test_mixing.py):
- one pool with weight 1 is that pool, and the order of pools is irrelevant;
- splitting a pool into parts that keep its sampling rate changes nothing if a part of f of the samples has
  half-life tau f^kappa: its weight is f w, so it recurs every f N / (f w) samples and tau_hat is
  tau f^kappa / (f w)^kappa. Two halves that are each given the half-life tau of the whole are the same as
  the whole only at kappa = 0; for kappa > 0 they say that a smaller pool decays as slowly as a larger one.

Source:
    `utility_mean` is Theorem 1 of Goyal et al. 2024 (arXiv:2404.07177), which is its case of equal pools,
    equal weights and kappa = 1; unequal pools, weights and the other powers are ours.
"""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from thresher.errors import InputError
from thresher.laws.kernels import find_kernel
from thresher.shapes import Float

MIXING_RULES: Mapping[str, float] = MappingProxyType(
    {"utility_mean": 0.0, "halfway": 0.5, "sample_worth": 1.0}
)
"""Mixing rules, and m * b of the power mean that each is."""


def mixing_power(
    mixing: str, b: Float[np.ndarray, "... pools"], w: Float[np.ndarray, "... pools"]
) -> Float[np.ndarray, "..."]:
    """The power m of the mean of excess errors: 0 for `utility_mean`, 1/b for `sample_worth`.

    Args:
        mixing: Name of a rule.
        b: Utilities of the pools; negative.
        w: Their weights.

    Raises:
        InputError: There is no such rule.
    """
    if mixing not in MIXING_RULES:
        raise InputError(f"There is no mixing rule {mixing!r}. Rules are: {', '.join(MIXING_RULES)}.")
    return MIXING_RULES[mixing] / np.sum(w * b, axis=-1)


def mixture_excess(
    n: Float[np.ndarray, "..."],
    N: Float[np.ndarray, "... pools"],
    w: Float[np.ndarray, "... pools"],
    *,
    kernel: str,
    A: Float[np.ndarray, "..."] | float,
    n0: Float[np.ndarray, "..."] | float,
    b: Float[np.ndarray, "... pools"],
    tau: Float[np.ndarray, "... pools"],
    q: Float[np.ndarray, "... pools"],
    kappa: float,
    m: Float[np.ndarray, "..."] | float,
) -> Float[np.ndarray, "..."]:
    """Excess error of mixtures; every argument broadcasts, with the pools along the last axis.

    Args:
        n: Samples seen in all; positive.
        N: Unique samples of each pool; positive.
        w: Share of the samples seen that each pool gets; non-negative, summing to 1. A pool of weight 0
            plays no part.
        kernel: How repeats count.
        A: Amplitude; positive.
        n0: Onset, in samples; positive.
        b: Utilities; negative.
        tau: Half-lives of the pools alone, in epochs; positive.
        q: Worths; positive.
        kappa: How half-lives grow with the samples that the others hold: tau (1/w)^kappa.
        m: Power of the mean; see `mixing_power`.
    """
    used = w > 0
    share = np.where(used, w, 1.0)
    log_n_eff = find_kernel(kernel).log_effective_samples(
        np.asarray(n, dtype=float)[..., None], N / share, tau * share**-kappa if kappa else tau + 0.0 * share
    )
    A, n0 = (np.asarray(value)[..., None] for value in (A, n0))
    log_excess = np.log(A) + b * (log_n_eff + np.log(q) - np.log(n0))
    return _power_mean(log_excess, np.where(used, w, 0.0), np.asarray(m, dtype=float))


def mixture_error(
    n: Float[np.ndarray, "..."],
    N: Float[np.ndarray, "... pools"],
    w: Float[np.ndarray, "... pools"],
    *,
    kernel: str,
    mixing: str,
    A: float,
    n0: float,
    b: Float[np.ndarray, " pools"],
    tau: Float[np.ndarray, " pools"],
    d: float,
    q: Float[np.ndarray, " pools"] | None = None,
    kappa: float = 1.0,
) -> Float[np.ndarray, "..."]:
    """Error of mixtures under one law; the floor d is added last. Arguments as in `mixture_excess`.

    Raises:
        InputError: There is no such kernel or rule, or `sample_worth` is given pools of different utility.
    """
    if mixing == "sample_worth" and np.ptp(b) > 1e-9 * np.abs(b).max():
        raise InputError("sample_worth needs one utility that all pools share; let worth tell them apart.")
    worth = np.ones_like(b) if q is None else q
    m = mixing_power(mixing, b, w)
    return mixture_excess(n, N, w, kernel=kernel, A=A, n0=n0, b=b, tau=tau, q=worth, kappa=kappa, m=m) + d


def _power_mean(
    log_values: Float[np.ndarray, "... pools"],
    weights: Float[np.ndarray, "... pools"],
    m: Float[np.ndarray, "..."],
) -> Float[np.ndarray, "..."]:
    """Weighted power mean along the last axis; m = 0 is the geometric mean."""
    geometric = np.sum(weights * log_values, axis=-1)
    if not np.any(m):
        return np.exp(geometric)
    power = np.where(m == 0, 1.0, m)
    scaled = power[..., None] * log_values
    highest = np.max(np.where(weights > 0, scaled, -np.inf), axis=-1)
    with np.errstate(under="ignore", over="ignore"):
        terms = weights * np.exp(np.where(weights > 0, scaled - highest[..., None], 0.0))
    mean = (highest + np.log(np.sum(terms, axis=-1))) / power
    return np.exp(np.where(m == 0, geometric, mean))
