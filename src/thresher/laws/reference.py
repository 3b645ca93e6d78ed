"""The two objectives of the reference implementation, for comparison with published numbers only.

They differ from the paper's equation: `floor_decayed_*` multiplies the floor by the decay as well, and both
are parametrised as (a n / 1e5)^b, that is A = 1 and n0 = 1e5 / a. Mixtures are of p equal pools of N unique
samples; epochs are counted over p N samples and half-lives are multiplied by p.

Source:
    The public code that accompanies Goyal et al. 2024 (arXiv:2404.07177); its behaviour, not its text.
"""

import numpy as np

from thresher.shapes import Float

REFERENCE_SCALE = 1e5
"""The reference parametrisation counts samples in units of 1e5 / a."""


def reference_onset(a: float) -> float:
    """n0 of the default law for the reference's scale a, in samples.

    >>> round(reference_onset(0.022))
    4545455
    """
    return REFERENCE_SCALE / a


def floor_decayed_error(
    samples_seen: Float[np.ndarray, "..."],
    unique_samples: float,
    *,
    a: float,
    b: Float[np.ndarray, " pools"],
    tau: Float[np.ndarray, " pools"],
    d: float,
) -> Float[np.ndarray, "..."]:
    """Error of a mixture of equal pools with the floor inside the decay.

        y = ((a n_1 / 1e5)^{B_1} + d) prod_{j>=2} (n_j / n_{j-1})^{B_j},  B_j = mean_i b_i 2^(-(j-1)/(p tau_i))

    Args:
        samples_seen: Samples processed, repeats counted; positive.
        unique_samples: Unique samples N of each of the p pools.
        a: Scale; positive.
        b: Utilities; negative.
        tau: Half-lives of each pool alone, in epochs.
        d: Floor.
    """
    ends, decays = _epoch_ends(samples_seen, unique_samples, tau)
    B = np.mean(b * decays, axis=-1)
    steps = np.where(np.arange(len(B)) > 0, B * np.diff(np.log(ends), prepend=0.0), 0.0)
    return ((a * ends[..., 0] / REFERENCE_SCALE) ** B[0] + d) * np.exp(np.sum(steps, axis=-1))


def effective_data_error(
    samples_seen: Float[np.ndarray, "..."],
    unique_samples: float,
    *,
    a: float,
    b: Float[np.ndarray, " pools"],
    tau: Float[np.ndarray, " pools"],
    d: float,
) -> Float[np.ndarray, "..."]:
    """Error of a mixture of equal pools under the reference's second objective, effective data.

        E_j = sum_{m<=j} (e_m - e_{m-1}) mean_i D_im,   B_j = sum_i b_i D_ij / sum_i D_ij
        y = (a E_1 / 1e5)^{B_1} prod_{j>=2} (E_j / E_{j-1})^{B_j} + d,    D_ij = 2^(-(j-1)/(p tau_i))

    where e_j is the samples seen at the end of epoch j of the combined pool. Arguments as above.
    """
    ends, decays = _epoch_ends(samples_seen, unique_samples, tau)
    effective = np.cumsum(np.diff(ends, prepend=0.0) * np.mean(decays, axis=-1), axis=-1)
    B = np.sum(b * decays, axis=-1) / np.sum(decays, axis=-1)
    steps = np.where(np.arange(len(B)) > 0, B * np.diff(np.log(effective), prepend=0.0), 0.0)
    return (a * effective[..., 0] / REFERENCE_SCALE) ** B[0] * np.exp(np.sum(steps, axis=-1)) + d


def _epoch_ends(
    samples_seen: Float[np.ndarray, "..."], unique_samples: float, tau: Float[np.ndarray, " pools"]
) -> tuple[Float[np.ndarray, "... epochs"], Float[np.ndarray, "epochs pools"]]:
    """Samples seen at the end of each epoch of the combined pool, and the decay D_ij in it."""
    n = np.asarray(samples_seen, dtype=float)[..., None]
    p = len(tau)
    epochs = np.arange(1, max(1, int(np.ceil(n.max() / (p * unique_samples)))) + 1)
    ends = np.minimum(epochs * p * unique_samples, n)
    return ends, 2.0 ** (-(epochs[:, None] - 1) / (p * np.asarray(tau, dtype=float)))
