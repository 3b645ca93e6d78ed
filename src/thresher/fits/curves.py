"""The curves that a fit bends to the runs: parameters, bounds, residuals and their Jacobian.

Inside a fit each quality group has a level L (ln of the excess error at a reference sample count), a utility
b and a half-life tau; the error is exp(L + b (ln n_eff - ln n_ref)) + d. What is shared depends on the rule:

- `sample_worth`: one b for all groups; levels are free, and their differences are the worths;
- `utility_mean`, fractions: L = ln A + b (ln n_ref - ln n0) with A and n0 shared by all groups;
- `utility_mean`, losses: levels are free and n0 is the reference, so each quality has its own A.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from thresher.fits.observations import Observations
from thresher.laws.kernels import find_kernel
from thresher.shapes import Bool, Float, Int

UTILITY_BOUNDS = (1e-3, 5.0)
"""Magnitudes of b: an error that no budget changes, and one that falls a thousandfold in a decade."""
HALF_LIFE_BOUNDS = (0.05, 1000.0)
"""Half-lives in epochs: a first repetition worth 1e-6 of a pass, and 1000 epochs without visible loss."""
HIGHEST_FLOOR = 0.95
"""A floor that is fitted stays below this share of the smallest observed error."""
LEVEL_BOUNDS = (math.log(1e-9), math.log(1e6))
ONSET_BELOW_FIRST_RUN = math.exp(25.0)
"""The onset is sought between the smallest run's samples and this factor below it."""
TAU_STEP = 1e-4
"""Step in ln tau of the central difference."""


@dataclass(frozen=True)
class Sharing:
    """What the groups of one fit share, and what is fixed in advance.

    Attributes:
        shared_utility: One b for all groups (`sample_worth`).
        shared_onset: One A and n0 for all groups (`utility_mean` on fractions).
        log_amplitude: ln A where fixed; the centre of its prior where not.
        amplitude_prior_sd: Standard deviation of the prior of ln A; 0 fixes A.
        log_onset: ln n0 where fixed, else None.
        free_floor: Whether the floor d is a parameter too; the floor of the curves is then where it starts.
        guessing: Error of guessing, which caps the curves as it caps predictions: before the onset nothing is learned,
            and a measurement there says only that. None where no run is near it, and for losses.
    """

    shared_utility: bool
    shared_onset: bool
    log_amplitude: float
    amplitude_prior_sd: float
    log_onset: float | None
    free_floor: bool = False
    guessing: float | None = None


@dataclass(frozen=True)
class Curves:
    """Least-squares problem of one kernel, one sharing and one floor on given runs."""

    observations: Observations
    kernel: str
    sharing: Sharing
    floor: float
    kappa: float
    soft_l1: bool = False

    @cached_property
    def log_reference(self) -> float:
        """Ln n_ref: the mean of ln n over the measurements."""
        used = self.observations.used
        return float(np.mean(np.log(self.observations.samples_seen[used])))

    @cached_property
    def size_factor(self) -> Float[np.ndarray, "groups runs"]:
        """What each row's half-life is of its group's: size^kappa, one column where all are 1."""
        factor = self.observations.size**self.kappa if self.kappa else np.ones_like(self.observations.size)
        return factor[:, :1] if np.all(factor == 1.0) else factor

    @cached_property
    def slices(self) -> dict[str, slice]:
        """Where each kind of parameter stands in a parameter vector."""
        groups = len(self.observations.groups)
        sharing = self.sharing
        lengths = {
            "log_utility": 1 if sharing.shared_utility else groups,
            "log_half_life": groups if find_kernel(self.kernel).decays else 0,
            "level": 0 if sharing.shared_onset else groups - self.anchored,
            "log_amplitude": int(sharing.shared_onset and sharing.amplitude_prior_sd > 0),
            "log_onset": int(sharing.shared_onset and sharing.log_onset is None),
            "floor": int(sharing.free_floor),
        }
        ends = np.cumsum(list(lengths.values()))
        return {
            name: slice(int(end) - length, int(end))
            for (name, length), end in zip(lengths.items(), ends, strict=True)
        }

    @property
    def anchored(self) -> bool:
        """Whether onset and amplitude, both given, fix the level of the best-ranked group."""
        return (
            not self.sharing.shared_onset
            and self.sharing.log_onset is not None
            and self.sharing.shared_utility
        )

    @property
    def size(self) -> int:
        """How many parameters there are."""
        return max(int(part.stop) for part in self.slices.values())

    @cached_property
    def bounds(self) -> tuple[Float[np.ndarray, " parameters"], Float[np.ndarray, " parameters"]]:
        """Least and greatest value of each parameter."""
        observations = self.observations
        used = observations.used
        first = np.log(observations.samples_seen[used].min())
        highest = np.log(observations.error[used].max() - self.floor)
        smallest = float(observations.error[used].min())
        limits: dict[str, tuple[float, float]] = {
            "log_utility": _logs(UTILITY_BOUNDS),
            "log_half_life": _logs(HALF_LIFE_BOUNDS),
            "level": LEVEL_BOUNDS,
            "log_amplitude": (highest, max(highest, self.sharing.log_amplitude) + 3.0),
            "log_onset": (first - np.log(ONSET_BELOW_FIRST_RUN), first),
            "floor": (0.0, HIGHEST_FLOOR * smallest),
        }
        lower, upper = np.empty(self.size), np.empty(self.size)
        for name, part in self.slices.items():
            lower[part], upper[part] = limits[name]
        return lower, upper

    def expand(self, theta: Float[np.ndarray, "problems parameters"]) -> "Expanded":
        """Level, utility and half-life of every group, from parameter vectors."""
        problems, groups = len(theta), len(self.observations.groups)
        part = self.slices
        b = np.broadcast_to(-np.exp(theta[:, part["log_utility"]]), (problems, groups))
        log_tau = (
            theta[:, part["log_half_life"]]
            if find_kernel(self.kernel).decays
            else np.zeros((problems, groups))
        )
        log_A = (
            theta[:, part["log_amplitude"]]
            if part["log_amplitude"].stop > part["log_amplitude"].start
            else np.full((problems, 1), self.sharing.log_amplitude)
        )
        log_n0 = (
            theta[:, part["log_onset"]]
            if part["log_onset"].stop > part["log_onset"].start
            else np.full(
                (problems, 1), self.sharing.log_onset if self.sharing.log_onset is not None else np.nan
            )
        )
        if self.sharing.shared_onset:
            level = log_A + b * (self.log_reference - log_n0)
        elif self.anchored:
            first = log_A + b[:, :1] * (self.log_reference - log_n0)
            level = np.concatenate([first, theta[:, part["level"]]], axis=1)
        else:
            level = theta[:, part["level"]]
        d = theta[:, part["floor"].start] if self.sharing.free_floor else np.full(problems, self.floor)
        return Expanded(level, b, log_tau, log_A[:, 0], log_n0[:, 0], d)

    def log_effective(
        self, log_tau: Float[np.ndarray, "problems groups"]
    ) -> Float[np.ndarray, "problems groups runs"]:
        """Ln n_eff of every row, for given half-lives."""
        observations = self.observations
        tau = np.exp(log_tau)[..., None] * self.size_factor
        return find_kernel(self.kernel).log_effective_samples(
            observations.samples_seen, observations.unique_samples, tau
        )

    def _log_effective_and_slope(
        self, log_tau: Float[np.ndarray, "problems groups"]
    ) -> tuple[Float[np.ndarray, "problems groups runs"], Float[np.ndarray, "problems groups runs"]]:
        """Ln n_eff of every row and its derivative with respect to ln tau, in one call of the kernel."""
        if not find_kernel(self.kernel).decays:
            x = self.log_effective(log_tau)
            return x, np.zeros_like(x)
        steps = np.array([0.0, TAU_STEP, -TAU_STEP])[:, None, None]
        stacked = self.log_effective((log_tau + steps).reshape(-1, log_tau.shape[1]))
        x, ahead, behind = stacked.reshape(3, len(log_tau), *stacked.shape[1:])
        return x, (ahead - behind) / (2.0 * TAU_STEP)

    def fitted(
        self, theta: Float[np.ndarray, "problems parameters"]
    ) -> Float[np.ndarray, "problems groups runs"]:
        """Error that the curves give to every row."""
        at = self.expand(theta)
        x = self.log_effective(at.log_tau) - self.log_reference
        error = np.exp(at.level[..., None] + at.b[..., None] * x) + at.d[:, None, None]
        return error if self.sharing.guessing is None else np.minimum(error, self.sharing.guessing)

    def evaluate(
        self,
        theta: Float[np.ndarray, "problems parameters"],
        index: Int[np.ndarray, " problems"],
        errors: Float[np.ndarray, "all_problems groups runs"] | None = None,
    ) -> tuple[Float[np.ndarray, "problems residuals"], Float[np.ndarray, "problems residuals parameters"]]:
        """Weighted residuals and their Jacobian.

        Args:
            theta: Parameters of each problem.
            index: Which problems these are among `errors`.
            errors: Measured errors of each problem, where they differ from the observed ones.
        """
        observations, part = self.observations, self.slices
        groups = len(observations.groups)
        at = self.expand(theta)
        x, rise = self._log_effective_and_slope(at.log_tau)
        x = x - self.log_reference
        excess = np.exp(np.minimum(at.level[..., None] + at.b[..., None] * x, 50.0))
        y = observations.error if errors is None else errors[index]
        weight = observations.weight
        error = excess + at.d[:, None, None]
        if self.sharing.guessing is not None:
            learned = error < self.sharing.guessing
            error = np.where(learned, error, self.sharing.guessing)
            weight_of_slope = weight * learned
        else:
            weight_of_slope = np.broadcast_to(weight, error.shape)
        r = weight * (error - y)
        slope = weight_of_slope * excess
        J = np.zeros((*r.shape, self.size))
        own = np.arange(groups)
        # the exponent's derivative with respect to a group's b, level held or moving with it
        lever = x + (self.log_reference - at.log_n0[:, None, None] if self.sharing.shared_onset else 0.0)
        if self.sharing.shared_utility:
            if self.anchored:
                lever[:, 0] += (self.log_reference - at.log_n0)[:, None]
            J[..., part["log_utility"].start] = slope * at.b[..., None] * lever
        else:
            J[:, own, :, part["log_utility"].start + own] = np.moveaxis(slope * at.b[..., None] * lever, 1, 0)
        if part["log_half_life"].stop > part["log_half_life"].start:
            J[:, own, :, part["log_half_life"].start + own] = np.moveaxis(
                slope * at.b[..., None] * rise, 1, 0
            )
        if not self.sharing.shared_onset:
            free = own[int(self.anchored) :]
            J[:, free, :, part["level"].start + free - int(self.anchored)] = np.moveaxis(slope[:, free], 1, 0)
        if part["log_amplitude"].stop > part["log_amplitude"].start:
            J[..., part["log_amplitude"].start] = slope
        if part["log_onset"].stop > part["log_onset"].start:
            J[..., part["log_onset"].start] = -slope * at.b[..., None]
        if self.sharing.free_floor:
            J[..., part["floor"].start] = weight_of_slope
        r, J = r.reshape(len(theta), -1), J.reshape(len(theta), -1, self.size)
        if self.soft_l1:
            r, J = _soften(r, J)
        return self._with_prior(theta, r, J)

    def _with_prior(
        self,
        theta: Float[np.ndarray, "problems parameters"],
        r: Float[np.ndarray, "problems residuals"],
        J: Float[np.ndarray, "problems residuals parameters"],
    ) -> tuple[Float[np.ndarray, "problems rows"], Float[np.ndarray, "problems rows parameters"]]:
        """Residuals with the prior of the amplitude as one more, where it has one."""
        part = self.slices["log_amplitude"]
        if part.stop == part.start:
            return r, J
        sd = self.sharing.amplitude_prior_sd
        extra = (theta[:, part] - self.sharing.log_amplitude) / sd
        row = np.zeros((len(theta), 1, self.size))
        row[:, 0, part] = 1.0 / sd
        return np.concatenate([r, extra], axis=1), np.concatenate([J, row], axis=1)


@dataclass(frozen=True)
class Expanded:
    """Parameters of every group, for each problem."""

    level: Float[np.ndarray, "problems groups"]
    b: Float[np.ndarray, "problems groups"]
    log_tau: Float[np.ndarray, "problems groups"]
    log_A: Float[np.ndarray, " problems"]
    log_n0: Float[np.ndarray, " problems"]
    d: Float[np.ndarray, " problems"]


def at_bound(curves: Curves, theta: Float[np.ndarray, " parameters"]) -> Bool[np.ndarray, " parameters"]:
    """Which parameters ended on a bound."""
    lower, upper = curves.bounds
    return (theta <= lower + 1e-9) | (theta >= upper - 1e-9)


def _logs(bounds: tuple[float, float]) -> tuple[float, float]:
    return math.log(bounds[0]), math.log(bounds[1])


def _soften(
    r: Float[np.ndarray, "problems residuals"], J: Float[np.ndarray, "problems residuals parameters"]
) -> tuple[Float[np.ndarray, "problems residuals"], Float[np.ndarray, "problems residuals parameters"]]:
    """Residuals whose squares are the soft-L1 loss 2 (sqrt(1 + r^2) - 1), exactly."""
    root = np.sqrt(1.0 + r**2)
    softened = r * np.sqrt(2.0 / (1.0 + root))
    slope = np.sqrt((1.0 + root) / 2.0) / root
    return softened, J * slope[..., None]
