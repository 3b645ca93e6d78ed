"""Where the polish of a fit begins: the best basins of a grid, by variable projection.

Given the half-life and what is shared (b, or the onset and amplitude), the rest of a group's curve has a
closed form, so a two-dimensional grid, evaluated as one array, covers every basin.
"""

import numpy as np

from thresher.fits.curves import UTILITY_BOUNDS, Curves
from thresher.laws.kernels import find_kernel
from thresher.shapes import Float, Int

UTILITY_GRID = 28
HALF_LIFE_GRID = 26
ONSET_GRID = 28
AMPLITUDE_GRID = 3
MOST_STARTS = 3
"""Basins of the grid that are polished, best first."""
HOPELESS = 10.0
"""A local minimum of the grid with this many times the least loss is not polished."""
SMALLEST_EXCESS = 1e-6


def starts(curves: Curves) -> Float[np.ndarray, "starts parameters"]:
    """Parameter vectors at the best local minima of a grid, best first."""
    decays = find_kernel(curves.kernel).decays
    log_tau = np.log(np.geomspace(0.1, 300.0, HALF_LIFE_GRID)) if decays else np.zeros(1)
    groups = len(curves.observations.groups)
    x = curves.log_effective(np.repeat(log_tau[:, None], groups, axis=1)) - curves.log_reference
    if curves.sharing.shared_onset:
        return _from_onsets(curves, log_tau, x)
    return _from_utilities(curves, log_tau, x)


def _from_utilities(
    curves: Curves, log_tau: Float[np.ndarray, " half_lives"], x: Float[np.ndarray, "half_lives groups runs"]
) -> Float[np.ndarray, "starts parameters"]:
    """Grid over b and half-life with the level projected out of each group."""
    observations = curves.observations
    b = -np.geomspace(5 * UTILITY_BOUNDS[0], 0.8 * UTILITY_BOUNDS[1], UTILITY_GRID)
    excess = observations.error - curves.floor
    w2 = observations.weight**2
    shape = np.exp(b[:, None, None, None] * x)
    scale = np.sum(w2 * shape * excess, axis=-1) / np.sum(w2 * shape**2, axis=-1)
    if curves.anchored:
        onset = curves.sharing.log_onset
        assert onset is not None
        scale[:, :, 0] = np.exp(curves.sharing.log_amplitude + b * (curves.log_reference - onset))[:, None]
    loss = np.sum(w2 * (scale[..., None] * shape - excess) ** 2, axis=-1)
    best_tau = np.argmin(loss, axis=1)
    groups = np.arange(loss.shape[-1])
    level = np.log(np.take_along_axis(scale, best_tau[:, None], axis=1)[:, 0])
    per_group = np.take_along_axis(loss, best_tau[:, None], axis=1)[:, 0]
    theta = np.empty((UTILITY_GRID, curves.size))
    part = curves.slices
    if curves.sharing.shared_utility:
        theta[:, part["log_utility"]] = np.log(-b)[:, None]
        order = _basins(per_group.sum(axis=-1))
        chosen_utility, chosen_group = order[:, None], groups
    else:  # groups are independent: combine their best, then their second-best, ..
        ranked = np.stack([np.resize(_basins(per_group[:, g]), MOST_STARTS) for g in groups], axis=1)
        chosen_utility, chosen_group = ranked, groups
        theta = theta[:MOST_STARTS]
        theta[:, part["log_utility"]] = np.log(-b)[ranked]
        order = np.arange(MOST_STARTS)
    theta = theta[order]
    theta[:, part["level"]] = level[chosen_utility, chosen_group][:, int(curves.anchored) :]
    if find_kernel(curves.kernel).decays:
        theta[:, part["log_half_life"]] = log_tau[best_tau[chosen_utility, chosen_group]]
    return theta


def _from_onsets(
    curves: Curves, log_tau: Float[np.ndarray, " half_lives"], x: Float[np.ndarray, "half_lives groups runs"]
) -> Float[np.ndarray, "starts parameters"]:
    """Grid over onset, amplitude and half-life with b from a regression in logarithms."""
    sharing, observations = curves.sharing, curves.observations
    lower, upper = curves.bounds
    part = curves.slices
    if sharing.log_onset is None:
        high = upper[part["log_onset"]][0]
        log_n0 = high - np.linspace(0.02, 1.0, ONSET_GRID) ** 2 * 14.0
    else:
        log_n0 = np.array([sharing.log_onset])
    log_A = np.array([sharing.log_amplitude])
    if sharing.amplitude_prior_sd > 0:
        least = max(lower[part["log_amplitude"]][0] + 1e-3, sharing.log_amplitude)
        log_A = least + sharing.amplitude_prior_sd * np.linspace(0.0, 2.0, AMPLITUDE_GRID)
    shared_A, shared_n0 = (grid.ravel() for grid in np.meshgrid(log_A, log_n0, indexing="ij"))
    excess = np.maximum(observations.error - curves.floor, SMALLEST_EXCESS)
    X = x + (curves.log_reference - shared_n0)[:, None, None, None]
    z = np.log(excess) - shared_A[:, None, None, None]
    w2 = (observations.weight * excess) ** 2
    b = np.sum(w2 * X * z, axis=-1) / np.maximum(np.sum(w2 * X**2, axis=-1), 1e-300)
    b = np.clip(b, -0.9 * UTILITY_BOUNDS[1], -1.1 * UTILITY_BOUNDS[0])
    fitted = np.exp(np.minimum(shared_A[:, None, None, None] + b[..., None] * X, 50.0))
    loss = np.sum((observations.weight * (fitted - observations.error + curves.floor)) ** 2, axis=-1)
    best_tau = np.argmin(loss, axis=1)
    total = np.take_along_axis(loss, best_tau[:, None], axis=1)[:, 0].sum(axis=-1)
    order = _basins(total.reshape(len(log_A), len(log_n0)).min(axis=0))
    order = total.reshape(len(log_A), len(log_n0))[:, order].argmin(axis=0) * len(log_n0) + order
    theta = np.empty((len(order), curves.size))
    theta[:, part["log_utility"]] = np.log(-np.take_along_axis(b, best_tau[:, None], axis=1)[order, 0])
    if find_kernel(curves.kernel).decays:
        theta[:, part["log_half_life"]] = log_tau[best_tau[order]]
    theta[:, part["log_amplitude"]] = shared_A[order][:, None][
        :, : part["log_amplitude"].stop - part["log_amplitude"].start
    ]
    theta[:, part["log_onset"]] = shared_n0[order][:, None][
        :, : part["log_onset"].stop - part["log_onset"].start
    ]
    return theta


def _basins(loss: Float[np.ndarray, " grid"]) -> Int[np.ndarray, " starts"]:
    """Indices of the best local minima of a one-dimensional grid, then of its least entries."""
    padded = np.concatenate([[np.inf], loss, [np.inf]])
    local = np.flatnonzero((padded[1:-1] <= padded[:-2]) & (padded[1:-1] <= padded[2:]))
    local = local[loss[local] <= HOPELESS * loss.min()]
    ordered = [*local[np.argsort(loss[local], kind="stable")], *np.argsort(loss, kind="stable")]
    return np.array(list(dict.fromkeys(int(i) for i in ordered))[:MOST_STARTS])
