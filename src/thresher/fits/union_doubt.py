"""How wrong forecasts of unions may be for reasons that no law of single pools shows, and what joint runs tell of it.

The doubt is a normal error of the log excess. Its sd grows with the number of pools and with how unlike they are, and two
mixtures share it in proportion to the cosine of their weights: it is the projection of one normal vector over pools on the
mixture. Joint runs that were fitted therefore tell of the doubt of mixtures that are like them.
"""

import numpy as np

from thresher.fits.priors import UNION_DOUBT
from thresher.shapes import Float

ELSEWHERE = 2.0
"""A joint run tells of other mixtures and budgets as if its noise were this many times larger. Without joint runs counted at
all, 90 % intervals hold 98 % of the mixtures of a swarm; with 2 they hold 95 %, and the mean interval score of four beds with
one joint run falls from 0.110 to 0.105 (docs/log.md)."""


def doubt_sd(
    weights: Float[np.ndarray, "runs pools"], log_worth: Float[np.ndarray, "draws pools"]
) -> Float[np.ndarray, "draws runs"]:
    """Sd of the log excess of each mixture; 0 for a pool alone."""
    unlike = np.sqrt(np.maximum(log_worth**2 @ weights.T - (log_worth @ weights.T) ** 2, 0.0))
    further = np.sqrt(
        np.maximum(1.0 / np.sum(weights**2, axis=1) - 1.0, 0.0)
    )  # of p equal pools: sqrt(p - 1)
    return (UNION_DOUBT[0] + UNION_DOUBT[1] * unlike) * further


def directions(weights: Float[np.ndarray, "runs pools"]) -> Float[np.ndarray, "runs pools"]:
    """Weights of length 1; the product of two is the correlation of their doubts."""
    return weights / np.sqrt(np.sum(weights**2, axis=1, keepdims=True))


def joint_information(
    weights: Float[np.ndarray, "runs pools"],
    log_worth: Float[np.ndarray, " pools"],
    noise: Float[np.ndarray, " runs"],
) -> Float[np.ndarray, "pools pools"]:
    """Information of fitted runs on the normal vector behind all doubts, beside its prior of 1 in each direction.

    Args:
        weights: Of the fitted runs.
        log_worth: ln q of each pool.
        noise: Sd of the log excess of each run.
    """
    told = directions(weights) * (doubt_sd(weights, log_worth[None])[0] / (ELSEWHERE * noise))[:, None]
    return told.T @ told


def draw_doubts(
    weights: Float[np.ndarray, "runs pools"],
    log_worth: Float[np.ndarray, "draws pools"],
    information: Float[np.ndarray, "pools pools"],
    rng: np.random.Generator,
) -> Float[np.ndarray, "draws runs"]:
    """One doubt of the log excess of every mixture for every draw."""
    root = np.linalg.cholesky(np.linalg.inv(np.eye(len(information)) + information))
    vector = rng.standard_normal(log_worth.shape) @ root.T
    return doubt_sd(weights, log_worth) * (vector @ directions(weights).T)
