"""The paper's law as a least-squares problem: a utility and a half-life for each quality, fitted to single-pool runs.

theta = [z, ln n0, ln A, ln(-b), ln tau], the last three for each quality, and d = 0.95 y_min / (1 + exp(-z)) where it is
free. Residuals are of the error itself, in units of its standard error. Joint runs play no part: the theorem predicts
them. The weak priors only keep directions that the runs do not see from running away.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from thresher.arguments import argument
from thresher.errors import InputError
from thresher.fits.observations import Observations
from thresher.fits.priors import FixedParts, Normal
from thresher.fits.solve import Prior
from thresher.laws.paper import PaperLaw
from thresher.shapes import Float
from thresher.units import format_number

FLOOR, ONSET = 0, 1
PAPER_KERNEL = "utility"
PAPER_FLOOR = 0.1
"""The irreducible error that the paper fixes for ImageNet zero-shot error."""
PAPER_KAPPA = 1.0
"""Theorem 1: p pools together have p times the half-life."""
HIGHEST_FLOOR = 0.95
"""The floor of a loss stays below this share of the least loss."""
AMPLITUDE = 0.1
"""Sd of ln A about ln(chance - d): the curve starts near guessing. One or two pools cannot move it, so it is fixed there."""
FEWEST_FOR_AMPLITUDE = 3
LEVEL = Normal(0.0, 3.0)
UTILITY = Normal(math.log(0.2), 2.0)
HALF_LIFE = Normal(math.log(5.0), 3.0)
WEAK = 5.0
DEFAULT_NOISE = 0.003
"""Spread of one run's error between seeds where the table cannot tell, and of a loss as a share of it: zero-shot accuracies of
ViT-B/32 runs that differ only in seed vary by 0.2 to 0.4 points."""
LOW = (-12.0, -60.0, -40.0, math.log(1e-3), math.log(0.02))
HIGH = (12.0, 60.0, 40.0, math.log(20.0), math.log(1e4))
"""Ranges of the parameters that are free; the level's is about its centre."""
START_UTILITIES = (0.08, 0.2, 0.5)
START_HALF_LIVES = (1.0, 5.0, 30.0)


@dataclass(frozen=True)
class PaperProblem:
    """Single-pool observations, one kernel, and what is fixed.

    Attributes:
        noise_sd: Spread of one run's error between seeds, if the table tells; None if not.
    """

    observed: Observations
    chance: float | None
    fixed: FixedParts
    noise_sd: float | None

    @property
    def qualities(self) -> int:
        """How many qualities there are."""
        return len(self.observed.qualities)

    @property
    def kernel(self) -> str:
        """How repeats count."""
        return self.fixed.kernel or PAPER_KERNEL

    @cached_property
    def least_error(self) -> float:
        """Least measured error."""
        return float(self.observed.error.min())

    @cached_property
    def fixed_floor(self) -> float | None:
        """The floor, where it is a number: the paper's for fractions, or half the least error where that is lower."""
        if self.fixed.floor is not None or self.chance is None:
            return self.fixed.floor
        return PAPER_FLOOR if self.least_error > PAPER_FLOOR / HIGHEST_FLOOR else 0.5 * self.least_error

    @cached_property
    def typical_size(self) -> Float[np.ndarray, " pools"]:
        """Geometric mean of the sizes of each pool's quality; exactly the size where there is one.

        A pool that never repeats counts as large as the largest run: its half-life is the prior's, at whatever size.
        """
        sizes, group = self.observed.sizes, self.observed.quality_of
        log_sizes = np.log(np.where(np.isfinite(sizes), sizes, self.observed.largest_run))
        means = [float(np.mean(log_sizes[group == g])) for g in range(self.qualities)]
        typical = np.exp(np.array(means))[group]
        return np.where(np.isclose(typical, self.observed.sizes, rtol=1e-12), self.observed.sizes, typical)

    @cached_property
    def prior(self) -> Prior:
        """Where the curve starts, and weak statements on all else."""
        Q, error = self.qualities, self.observed.error
        seen = np.log(self.observed.settings.samples_seen)
        amplitude = self._amplitude()
        centre = np.concatenate(
            [
                [0.0, self._log_onset(seen)],
                np.full(Q, math.log(0.5 * float(error.mean())) if amplitude is None else amplitude[0]),
                np.full(Q, UTILITY.mean),
                np.full(Q, HALF_LIFE.mean),
            ]
        )
        sd = np.concatenate(
            [
                [WEAK, WEAK],
                np.full(Q, LEVEL.sd if amplitude is None else AMPLITUDE),
                np.full(Q, UTILITY.sd),
                np.full(Q, HALF_LIFE.sd),
            ]
        )
        free = np.ones(len(centre), dtype=bool)
        free[FLOOR] = self.fixed_floor is None
        free[ONSET] = self.fixed.onset is None and self.chance is not None
        rows = np.diag(1.0 / sd)
        if amplitude is not None:  # one number for all: it is the first, and the others do not move
            free[2 : 2 + Q] = False
            free[2] = amplitude[1]
        low, high = (np.concatenate([ends[:2], np.repeat(ends[2:], Q)]) for ends in (LOW, HIGH))
        low[2 : 2 + Q] += centre[2 : 2 + Q]
        high[2 : 2 + Q] += centre[2 : 2 + Q]
        low, high = np.where(free, low, centre), np.where(free, high, centre)
        return Prior(centre, rows, low, high, free)

    def _amplitude(self) -> tuple[float, bool] | None:
        """Ln A that all pools share and whether it may move; None where every quality has its own."""
        if self.fixed.amplitude is not None:
            return math.log(self.fixed.amplitude), False
        if self.chance is None:
            return None
        start = max(self.chance, float(self.observed.error.max()) + 1e-4) - (self.fixed_floor or 0.0)
        return math.log(start), self.qualities >= FEWEST_FOR_AMPLITUDE

    def _log_onset(self, log_seen: Float[np.ndarray, " runs"]) -> float:
        if self.fixed.onset is not None:
            return math.log(self.fixed.onset)
        # with a level for each quality the onset is a convention: the typical samples seen
        return float(np.mean(log_seen)) if self.chance is None else float(np.min(log_seen)) - 1.0

    @property
    def target(self) -> Float[np.ndarray, " runs"]:
        """Measured errors."""
        return self.observed.error

    @cached_property
    def starts(self) -> Float[np.ndarray, "starts parameters"]:
        """A grid of utilities and half-lives; every level follows from the first run of its quality."""
        Q = self.qualities
        at = [(b, tau) for b in START_UTILITIES for tau in START_HALF_LIVES]
        theta = np.repeat(self.prior.centre[None], len(at), axis=0)
        theta[:, 2 + Q : 2 + 2 * Q] = np.log([one[0] for one in at])[:, None]
        theta[:, 2 + 2 * Q :] = np.log([one[1] for one in at])[:, None]
        return theta

    @property
    def first_misfit(self) -> float:
        """Residuals are in units of their noise."""
        return 1.0

    def law(self, theta: Float[np.ndarray, "draws parameters"]) -> PaperLaw:
        """The laws that parameters stand for, pool by pool."""
        Q, group = self.qualities, self.observed.quality_of
        level = theta[:, 2 : 2 + Q][:, group if self._amplitude() is None else np.zeros_like(group)]
        return PaperLaw(
            kernel=self.kernel,
            chance=self.chance,
            typical_size=self.typical_size,
            onset=np.exp(theta[:, ONSET]),
            floor=self._floor(theta),
            kappa=np.full(len(theta), PAPER_KAPPA if self.fixed.kappa is None else self.fixed.kappa),
            amplitude=np.exp(level),
            utility=-np.exp(theta[:, 2 + Q : 2 + 2 * Q][:, group]),
            half_life=np.exp(theta[:, 2 + 2 * Q :][:, group]),
        )

    def _floor(self, theta: Float[np.ndarray, "draws parameters"]) -> Float[np.ndarray, " draws"]:
        if self.fixed_floor is not None:
            return np.full(len(theta), self.fixed_floor)
        return HIGHEST_FLOOR * self.least_error / (1.0 + np.exp(-theta[:, FLOOR]))

    def evaluate(
        self, theta: Float[np.ndarray, "problems parameters"]
    ) -> tuple[Float[np.ndarray, "problems runs"], Float[np.ndarray, "problems runs parameters"]]:
        """Errors, and their slopes."""
        law = self.law(theta)
        y, J = law.evaluate(self.observed.settings, slopes=True)
        P, by_quality = len(self.observed.pools), self.observed.by_quality
        shared, by_level, by_utility, by_half_life = np.split(J, [2, 2 + P, 2 + 2 * P], axis=2)
        if self._amplitude() is not None:  # the first level stands for all
            by_level = by_level.sum(axis=2, keepdims=True) * (np.arange(P) == 0)
        slopes = np.concatenate([shared, *map(by_quality, (by_level, by_utility, by_half_life))], axis=2)
        slopes[..., FLOOR] *= (law.floor / (1.0 + np.exp(theta[:, FLOOR])))[:, None]
        return y, slopes

    @cached_property
    def noise(self) -> Float[np.ndarray, " runs"]:
        """Standard error of each observation: as stated, else that of the seeds."""
        observed = self.observed
        usual = self.noise_sd or DEFAULT_NOISE * (1.0 if self.chance is not None else observed.error)
        return np.where(
            observed.relative_error > 0,
            observed.relative_error * observed.error,
            usual / np.sqrt(observed.seeds),
        )

    def sd(self, misfit: float) -> Float[np.ndarray, " runs"]:
        """The noise of each run times how much larger residuals are than it."""
        return misfit * self.noise

    def estimate_misfit(self, gaps: Float[np.ndarray, " runs"], determined: float) -> float:
        """Root mean square residual in units of the noise; at least 1 where the noise is known."""
        freedom = len(gaps) - determined
        left = math.sqrt(float(np.sum((gaps / self.noise) ** 2)) / freedom) if freedom > 0.5 else 1.0
        known = self.noise_sd is not None or bool(np.any(self.observed.relative_error > 0))
        return max(left, 1.0 if known else 1e-6)


def check_fixed(problem: PaperProblem) -> None:
    """Refuse parts that the paper's law of these runs cannot have.

    Raises:
        InputError: A mixing power, a floor or an amplitude that contradicts the errors.
    """
    fixed, highest = problem.fixed, float(problem.observed.error.max())
    if fixed.power is not None:
        raise InputError(
            f"The paper's law has no mixing power: utilities are averaged. Leave {argument('power')} out."
        )
    floor = fixed.floor
    if floor is not None and floor >= HIGHEST_FLOOR * problem.least_error:
        raise InputError(
            f"The floor is {format_number(floor, 6)}, but the least measured error is "
            f"{format_number(problem.least_error, 6)}, and the irreducible error lies "
            f"below {format_number(HIGHEST_FLOOR, 6)} times that. Give a floor below "
            f"{format_number(HIGHEST_FLOOR * problem.least_error, 4)}."
        )
    if fixed.amplitude is not None and fixed.amplitude + (problem.fixed_floor or 0.0) <= highest:
        raise InputError(
            f"Amplitude {format_number(fixed.amplitude, 6)} and floor "
            f"{format_number(problem.fixed_floor or 0.0, 6)} sum to less than the largest measured "
            f"error, {format_number(highest, 6)}; a curve starts at their sum. Give an amplitude above "
            f"{format_number(highest - (problem.fixed_floor or 0.0), 6)}."
        )
