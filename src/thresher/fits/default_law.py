"""The default law as a least-squares problem: what its parameters are, what is taken for true of them, how noisy runs are.

theta = [L, z, ln b, kappa, r, ln h, ln q of each quality, ln tau of each quality], and d = 0.98 y_min / (1 + exp(-z)).
Residuals are of ln y.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from thresher.arguments import argument
from thresher.errors import InputError
from thresher.fits.observations import Observations
from thresher.fits.priors import DISTANCE, HIGHEST_FLOOR, MISFIT_ROWS, FixedParts, Normal, Priors
from thresher.fits.solve import Prior
from thresher.laws.one_law import OneLaw
from thresher.shapes import Float
from thresher.units import format_number

LEVEL, FLOOR, EXPONENT, KAPPA, POWER, BEND = range(6)
SCALARS = 6
LOW = (-30.0, -6.0, np.log(0.02), -0.5, 0.05, -1.0)
HIGH = (30.0, 6.0, np.log(4.0), 3.0, 4.0, 2.5)
"""Ranges of the shared parameters, far outside what their priors hold likely; the level's is about its centre."""
MOST_LOG_WORTH = 15.0
HALF_LIFE_RANGE = (0.05, 1000.0)
"""In epochs: below it repeats add nothing, beyond it they are as good as new in any run that one could do."""
START_EXPONENTS = (0.15, 0.35, 0.8)
START_FLOORS = (-1.0, 1.0)
START_HALF_LIVES = (-1.0, 1.0)
"""Where the twelve starts lie, the last two about the centres; 40 random ones found no better optimum on any bed."""


@dataclass(frozen=True)
class DefaultProblem:
    """Observations, one kernel, priors, and what is fixed."""

    observed: Observations
    kernel: str
    chance: float | None
    priors: Priors
    fixed: FixedParts

    @property
    def qualities(self) -> int:
        """How many qualities there are."""
        return len(self.observed.qualities)

    @cached_property
    def least_error(self) -> float:
        """y_min, below which the floor lies; that of guessing where all runs are worse."""
        least = float(self.observed.error.min())
        return least if self.chance is None else min(least, self.chance)

    @cached_property
    def typical_size(self) -> float:
        """Nbar: geometric mean of the finite sizes of pools that some run trains on; 1 where none is finite."""
        sizes = self.observed.sizes[self.observed.settings.used.any(axis=0)]
        finite = sizes[np.isfinite(sizes)]
        return float(np.exp(np.mean(np.log(finite)))) if len(finite) else 1.0

    @cached_property
    def distance(self) -> Float[np.ndarray, " runs"]:
        """How much less a run tells for being far from the largest; 1 for the largest."""
        seen = self.observed.settings.samples_seen
        return np.sqrt(1.0 + (DISTANCE * np.log(seen / self.observed.largest_run)) ** 2)

    @cached_property
    def prior(self) -> Prior:
        """The priors of the table in docs/law.md, as rows."""
        p, Q = self.priors, self.qualities
        shared = [
            Normal(float(np.log(self.observed.error.mean() - 0.5 * self.least_error)), p.level),
            p.floor_share, p.log_exponent, p.kappa, p.power, p.log_bend,
        ]  # fmt: skip
        centre = np.concatenate([[one.mean for one in shared], np.zeros(Q), np.full(Q, p.log_half_life.mean)])
        worth, half_life = slice(SCALARS, SCALARS + Q), slice(SCALARS + Q, SCALARS + 2 * Q)
        rows = np.zeros((SCALARS + 2 * Q + 2, SCALARS + 2 * Q))
        rows[range(SCALARS), range(SCALARS)] = [1.0 / one.sd for one in shared]
        about_mean = np.eye(Q) - 1.0 / Q
        rows[worth, worth] = about_mean / p.worth_spread
        rows[half_life, half_life] = about_mean / p.half_life_spread
        rows[-2, worth] = 1.0 / (Q * p.log_worth.sd)
        rows[-1, half_life] = 1.0 / (Q * p.log_half_life.sd)
        low = np.concatenate([LOW, np.full(Q, -MOST_LOG_WORTH), np.full(Q, np.log(HALF_LIFE_RANGE[0]))])
        high = np.concatenate([HIGH, np.full(Q, MOST_LOG_WORTH), np.full(Q, np.log(HALF_LIFE_RANGE[1]))])
        low[LEVEL], high[LEVEL] = centre[LEVEL] + LOW[LEVEL], centre[LEVEL] + HIGH[LEVEL]
        free = np.ones(len(centre), dtype=bool)
        free[BEND] = self.chance is not None
        for at, value in ((KAPPA, self.fixed.kappa), (POWER, self.fixed.power)):
            if value is not None:
                centre[at], free[at] = value, False
        free[FLOOR] = self.fixed.floor is None
        free[LEVEL] = self.fixed.onset is None
        return Prior(centre, rows, low, high, free)

    @property
    def target(self) -> Float[np.ndarray, " runs"]:
        """Logarithm of the measured errors."""
        return self.observed.log_error

    @cached_property
    def starts(self) -> Float[np.ndarray, "starts parameters"]:
        """A grid about the centre in the directions that have more than one basin: exponent, floor and half-lives."""
        at = [(z, np.log(b), tau) for b in START_EXPONENTS for tau in START_HALF_LIVES for z in START_FLOORS]
        theta = np.repeat(self.prior.centre[None], len(at), axis=0)
        theta[:, FLOOR] = [one[0] for one in at]
        theta[:, EXPONENT] = [one[1] for one in at]
        theta[:, SCALARS + self.qualities :] += np.array([one[2] for one in at])[:, None]
        return theta

    @property
    def first_misfit(self) -> float:
        """The misfit that the priors expect."""
        return self.priors.misfit

    def law(self, theta: Float[np.ndarray, "draws parameters"]) -> OneLaw:
        """The laws that parameters stand for, pool by pool."""
        observed, Q = self.observed, self.qualities
        floor = self._floor(theta)
        exponent = np.exp(theta[:, EXPONENT])
        level = theta[:, LEVEL]
        if self.fixed.onset is not None and self.chance is not None:
            level = np.log(self.chance - floor) + exponent * np.log(self.fixed.onset / observed.largest_run)
        return OneLaw(
            kernel=self.kernel,
            chance=self.chance,
            largest_run=observed.largest_run,
            typical_size=self.typical_size,
            level=level,
            floor=floor,
            exponent=exponent,
            kappa=theta[:, KAPPA],
            power=theta[:, POWER],
            bend=np.exp(theta[:, BEND]),
            worth=np.exp(theta[:, SCALARS + observed.quality_of]),
            half_life=np.exp(theta[:, SCALARS + Q + observed.quality_of]),
        )

    def theta_of(self, law: OneLaw) -> Float[np.ndarray, "draws parameters"]:
        """The parameters that laws of the same pools stand for, as near as the ranges of this problem allow."""
        share = np.clip(law.floor / (HIGHEST_FLOOR * self.least_error), 1e-3, 1.0 - 1e-3)
        first = [int(np.argmax(self.observed.quality_of == g)) for g in range(self.qualities)]
        shared = [
            law.level,
            np.log(share / (1.0 - share)),
            np.log(law.exponent),
            law.kappa,
            law.power,
            np.log(law.bend),
        ]
        theta = np.concatenate(
            [np.stack(shared, axis=1), np.log(law.worth[:, first]), np.log(law.half_life[:, first])], axis=1
        )
        return np.clip(theta, self.prior.low, self.prior.high)

    def _floor(self, theta: Float[np.ndarray, "draws parameters"]) -> Float[np.ndarray, " draws"]:
        if self.fixed.floor is not None:
            return np.full(len(theta), self.fixed.floor)
        return HIGHEST_FLOOR * self.least_error / (1.0 + np.exp(-theta[:, FLOOR]))

    def evaluate(
        self, theta: Float[np.ndarray, "problems parameters"]
    ) -> tuple[Float[np.ndarray, "problems runs"], Float[np.ndarray, "problems runs parameters"]]:
        """Logarithm of every run's error, and its slopes."""
        law = self.law(theta)
        y, J = law.evaluate(self.observed.settings, slopes=True)
        shared, by_worth, by_half_life = np.split(J, [SCALARS, SCALARS + len(self.observed.pools)], axis=2)
        by_quality = self.observed.by_quality
        slopes = np.concatenate([shared, by_quality(by_worth), by_quality(by_half_life)], axis=2)
        by_share = law.floor / (1.0 + np.exp(theta[:, FLOOR]))  # of the floor against z
        slopes[..., FLOOR] *= by_share[:, None]
        if self.fixed.onset is not None and self.chance is not None:  # the level follows from the others
            lever = np.log(self.fixed.onset / self.observed.largest_run)
            slopes[..., EXPONENT] += J[..., LEVEL] * (law.exponent * lever)[:, None]
            slopes[..., FLOOR] -= J[..., LEVEL] * (by_share / (self.chance - law.floor))[:, None]
        slopes /= y[..., None]
        return np.log(y), slopes

    def sd(self, misfit: float) -> Float[np.ndarray, " runs"]:
        """Misfit at the distance of each run, seed noise and stated errors together."""
        observed = self.observed
        return np.sqrt(
            (misfit * self.distance) ** 2 + observed.seed_sd**2 / observed.seeds + observed.relative_error**2
        )

    def estimate_misfit(self, gaps: Float[np.ndarray, " runs"], determined: float) -> float:
        """Prior and residuals together; the prior counts as four rows."""
        squares = MISFIT_ROWS * self.priors.misfit**2 + float(np.sum((gaps / self.distance) ** 2))
        return float(np.sqrt(squares / (MISFIT_ROWS + len(gaps) - determined)))


def check_fixed(problem: DefaultProblem) -> None:
    """Refuse parts that no law of these runs can have.

    Raises:
        InputError: A floor above the errors, an onset of a loss, or an amplitude.
    """
    fixed = problem.fixed
    highest = HIGHEST_FLOOR * problem.least_error
    if fixed.floor is not None and fixed.floor >= highest:
        raise InputError(
            f"The floor is {format_number(fixed.floor, 6)}, but the least measured error is "
            f"{format_number(problem.least_error, 6)}, and the irreducible error "
            f"lies below {format_number(HIGHEST_FLOOR, 6)} times that. Give a floor below {format_number(highest, 4)}."
        )
    if fixed.onset is not None and problem.chance is None:
        raise InputError(
            f"An onset is where a fraction leaves guessing; a loss has none. Leave {argument('onset')} out."
        )
    if fixed.amplitude is not None:
        raise InputError(
            f"The default law has no amplitude; it starts at guessing. Leave {argument('amplitude')} out, or fit the law "
            f"of the paper with {argument('law', 'paper')}."
        )
