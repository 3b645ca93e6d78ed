"""What simulated pilots tell of each bucket's utility and half-life: is the truth in the interval, and is that narrow?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from thresher.fits.curves import Curves
from thresher.fits.fit import INTERVAL, Parameters
from thresher.pilots.worlds import Worlds
from thresher.shapes import Float

UTILITY_FACTOR = 1.25
"""An interval of a utility is narrow if it reaches no further than this factor either way. Utilities of T-MARS buckets
are within a factor of 2 of each other, so that a wider one could not tell the buckets apart."""
HALF_LIFE_FACTOR = 2.0
"""The same of a half-life; those of neighbouring T-MARS buckets differ by a factor of about 2."""
HALF_WIDTH = float(ndtri(INTERVAL[1]))
"""Standard errors from the middle of an interval to its end."""
RIDGE = 1e-6
"""Information on each parameter beside the runs': one that they say nothing of gets a standard error of 1,000."""

MOST_REACH = 20.0
"""Logarithm of the largest reach that is told apart from none at all."""


@dataclass(frozen=True)
class Recovered:
    """How a parameter of one bucket comes out of simulated pilots; intervals are 5-95 %.

    Attributes:
        inside: Share of worlds in which the interval holds the true value: 0.9 if intervals are honest.
        narrow: Share in which it is narrow enough to be of use.
        factor: The interval's median reach: estimate / factor to estimate x factor.
    """

    inside: float
    narrow: float
    factor: float


@dataclass(frozen=True)
class Found:
    """Estimates in some worlds of which the law is known, in logarithms; one column a bucket."""

    off: Float[np.ndarray, "worlds buckets"]
    reach: Float[np.ndarray, "worlds buckets"]


def found_by(
    curves: Curves, theta: Float[np.ndarray, "worlds parameters"], errors: Float[np.ndarray, "worlds groups runs"],
    parameters: Parameters, worlds: Worlds, mine: Sequence[int],
) -> tuple[Found, Found]:  # fmt: skip
    """Utilities and half-lives in the worlds that the fitted law made: how far off, and how far intervals reach.

    Args:
        curves: The problem.
        theta: Its optimum in every world.
        errors: The errors that it was fitted to.
        parameters: The same optimum, as laws of every pool.
        worlds: All worlds.
        mine: Those that this law made.
    """
    at = np.asarray(mine)
    buckets = len(worlds.fit.pools)
    group = curves.observations.group_of[:buckets]
    _, J = curves.evaluate(theta[at], at, errors)
    information = np.einsum("wrp,wrq->wpq", J, J) + RIDGE * np.eye(curves.size)
    reach = HALF_WIDTH * np.sqrt(np.diagonal(np.linalg.inv(information), axis1=1, axis2=2))
    sizes = np.array([pool.unique_samples for pool in curves.observations.pools[:buckets]])
    whole = np.array([pool.unique_samples for pool in worlds.fit.pools])
    utility = np.stack([worlds.parameters[i].utility[0] for i in mine])
    half_life = np.stack(
        [worlds.parameters[i].half_life[0] * (sizes / whole) ** worlds.members[i].kappa for i in mine]
    )
    part = curves.slices
    shape = (len(at), len(curves.observations.groups))
    reach_b = np.broadcast_to(reach[:, part["log_utility"]], shape)[:, group]
    reach_tau = np.broadcast_to(reach[:, part["log_half_life"]], shape)[:, group]
    return (
        Found(np.abs(np.log(parameters.utility[at, :buckets] / utility)), reach_b),
        Found(np.abs(np.log(parameters.half_life[at, :buckets] / half_life)), reach_tau),
    )


def recovered(found: Sequence[Found], names: Sequence[str], limit: float) -> dict[str, Recovered | None]:
    """Shares over all worlds whose law was among those fitted; None where there was none."""
    if not found:
        return dict.fromkeys(names)
    off = np.concatenate([one.off for one in found])
    reach = np.concatenate([one.reach for one in found])
    return {
        name: Recovered(
            float(np.mean(off[:, i] <= reach[:, i])),
            float(np.mean(reach[:, i] <= np.log(limit))),
            float(np.exp(min(np.median(reach[:, i]), MOST_REACH))),
        )
        for i, name in enumerate(names)
    }
