"""What simulated runs tell of each bucket's worth and half-life: is the truth in the interval, and is that narrow?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from thresher.fits.default_law import KAPPA, SCALARS, DefaultProblem
from thresher.fits.quantiles import INTERVAL
from thresher.fits.solve import curvature
from thresher.laws.one_law import OneLaw
from thresher.pilots.worlds import Worlds
from thresher.shapes import Float

WORTH_FACTOR = 1.5
"""An interval of a worth is narrow if it reaches no further than this factor either way. Neighbouring T-MARS buckets differ by
about as much, so that a wider one could not tell them apart."""
HALF_LIFE_FACTOR = 2.0
"""The same of a half-life; those of T-MARS buckets differ by a factor of 3 in all."""
HALF_WIDTH = float(ndtri(INTERVAL[1]))
"""Standard errors from the middle of an interval to its end."""
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
class Refits:
    """The default law with one kernel, fitted to the runs of every world."""

    problem: DefaultProblem
    theta: Float[np.ndarray, "worlds parameters"]
    misfit: float

    @property
    def law(self) -> OneLaw:
        """One draw for each world."""
        return self.problem.law(self.theta)


def recovered(
    worlds: Worlds, refits: Sequence[Refits]
) -> tuple[dict[str, Recovered | None], dict[str, Recovered | None]]:
    """What is recovered of each bucket's worth, in samples of the best, and of its half-life, at the pilot's size.

    A world is held against the refit with its own kernel, because half-lives of two kernels are not comparable. Intervals
    are those of the curvature at the optimum, of runs and priors together.

    Returns:
        By bucket; None for the worth of the best, which is 1, and where no refit has the kernel of any world.
    """
    off, reach = [], []
    for mine, truth in zip(worlds.places, worlds.laws, strict=True):
        same = next((one for one in refits if one.problem.kernel == truth.kernel), None)
        if isinstance(truth, OneLaw) and same is not None and len(mine):
            sizes = same.problem.observed.sizes
            off.append(np.abs(_logarithms(same.law.take(mine), sizes) - _logarithms(truth, sizes)))
            reach.append(HALF_WIDTH * _standard_errors(same, mine))
    names = [pool.name for pool in worlds.fit.pools]
    if not off:
        return dict.fromkeys(names), dict.fromkeys(names)
    found = _shares(np.concatenate(off), np.concatenate(reach))
    return {names[0]: None, **dict(zip(names[1:], found[1:], strict=False))}, dict(
        zip(names, found[len(names) :], strict=True)
    )


def _logarithms(law: OneLaw, sizes: Float[np.ndarray, " buckets"]) -> Float[np.ndarray, "worlds columns"]:
    """Logarithms of the worth of every bucket against the best, then of its half-life at these sizes."""
    worth = np.log(law.worth)
    return np.concatenate([worth - worth[:, :1], np.log(law.half_lives(sizes))], axis=1)


def _standard_errors(refits: Refits, mine: np.ndarray) -> Float[np.ndarray, "worlds columns"]:
    """Standard errors of the same numbers."""
    problem = refits.problem
    buckets = len(problem.observed.pools)
    worth, half_life = SCALARS + np.arange(buckets), SCALARS + buckets + np.arange(buckets)
    rows = np.zeros((2 * buckets, SCALARS + 2 * buckets))
    rows[np.arange(buckets), worth] += 1.0
    rows[:buckets, worth[0]] -= 1.0
    rows[buckets + np.arange(buckets), half_life] = 1.0
    rows[buckets:, KAPPA] = np.log(problem.observed.sizes / problem.typical_size)
    _, _, information = curvature(problem, refits.theta[mine], refits.misfit)
    return np.sqrt(np.einsum("cp,wpq,cq->wc", rows, np.linalg.inv(information), rows))


def _shares(
    off: Float[np.ndarray, "worlds columns"], reach: Float[np.ndarray, "worlds columns"]
) -> list[Recovered]:
    half = off.shape[1] // 2
    return [
        Recovered(
            float(np.mean(off[:, i] <= reach[:, i])),
            float(np.mean(reach[:, i] <= np.log(WORTH_FACTOR if i < half else HALF_LIFE_FACTOR))),
            float(np.exp(min(np.median(reach[:, i]), MOST_REACH))),
        )
        for i in range(off.shape[1])
    ]
