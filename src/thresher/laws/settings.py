"""What was trained, run by run: the arrays that every law of mixtures takes."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from thresher.laws.kernels import Kernel, find_kernel
from thresher.shapes import Bool, Float, Int

LOG_HALF_LIFE_STEP = 1e-4
"""Step in ln tau of the forward difference; truncation and rounding errors are then both about 1e-8."""


@dataclass(frozen=True)
class Settings:
    """Runs to be described by a law; the last axis of `weights` and `unique_samples` is the law's pools.

    Attributes:
        weights: Share of the samples seen that each pool gets; 0 for a pool that is not trained on.
        unique_samples: Distinct samples of each pool; `inf` for one that never repeats.
        samples_seen: Samples processed, repeats counted.
        resampled: Whether samples were drawn with replacement, instead of in epochs.
    """

    weights: Float[np.ndarray, "runs pools"]
    unique_samples: Float[np.ndarray, "runs pools"]
    samples_seen: Float[np.ndarray, " runs"]
    resampled: Bool[np.ndarray, " runs"]

    def __len__(self) -> int:
        return len(self.samples_seen)

    @cached_property
    def used(self) -> Bool[np.ndarray, "runs pools"]:
        """Which pools each run trains on."""
        return self.weights > 0

    @cached_property
    def spacing(self) -> Float[np.ndarray, "runs pools"]:
        """Samples between two views of one sample, N/w; `inf` for a pool that is not trained on."""
        with np.errstate(over="ignore"):  # of a weight next to 0 no sample comes twice
            return np.where(self.used, self.unique_samples / np.where(self.used, self.weights, 1.0), np.inf)

    @cached_property
    def epochs(self) -> Float[np.ndarray, "runs pools"]:
        """Passes over each pool."""
        return self.samples_seen[:, None] / self.spacing

    @cached_property
    def slots(self) -> Int[np.ndarray, "runs slots"]:
        """The pools that each run trains on, before enough others to make all rows as long as the widest run's."""
        widest = int(self.used.sum(axis=1).max(initial=1))
        return np.argsort(~self.used, axis=1, kind="stable")[:, :widest]

    @cached_property
    def by_slot(self) -> "Settings":
        """The same runs with a column for each slot instead of each pool: a tenth of the work where runs are of few pools."""
        weights, sizes = (
            np.take_along_axis(one, self.slots, axis=1) for one in (self.weights, self.unique_samples)
        )
        return Settings(weights, sizes, self.samples_seen, self.resampled)

    def take(self, runs: np.ndarray | slice) -> "Settings":
        """Some of the runs."""
        return Settings(
            self.weights[runs], self.unique_samples[runs], self.samples_seen[runs], self.resampled[runs]
        )


def log_size(
    settings: Settings, typical_size: Float[np.ndarray, "..."] | float
) -> Float[np.ndarray, "runs pools"]:
    """ln(N/(w typical size)), to whose multiple by kappa half-lives grow; 0 where a pool never repeats."""
    spacing = settings.spacing
    finite = np.isfinite(spacing)
    return np.where(finite, np.log(np.where(finite, spacing, 1.0) / typical_size), 0.0)


def log_effective_per_pool(
    settings: Settings,
    kernel: str,
    log_half_life: Float[np.ndarray, "draws runs pools"],
    *,
    slopes: bool = False,
) -> tuple[Float[np.ndarray, "draws runs pools"], Float[np.ndarray, "draws runs pools"]]:
    """Ln n_eff of each pool, were the whole run of it at the spacing that it has, and its slope against ln tau.

    Only samples that repeat are evaluated: everywhere else n_eff is n and the slope is 0.

    Args:
        settings: The runs.
        kernel: How repeats count.
        log_half_life: ln tau of every pool in every run, in epochs.
        slopes: Whether the slope is wanted; zeros otherwise.
    """
    found = find_kernel(kernel)
    spacing = settings.spacing
    log_n = np.broadcast_to(np.log(settings.samples_seen)[:, None], log_half_life.shape).copy()
    slope = np.zeros_like(log_n)
    # drawn with replacement, some samples repeat from the start; in epochs none does before the first ends
    drawn = settings.resampled[:, None] & np.isfinite(spacing)
    passed = ~settings.resampled[:, None] & (settings.epochs > 1)
    for entries, form in ((passed, found.for_exposure("epochs")), (drawn, found.for_exposure("resampled"))):
        if entries.any() and form.decays:
            n = np.broadcast_to(settings.samples_seen[:, None], spacing.shape)[entries]
            log_n[:, entries], slope[:, entries] = _evaluate(
                form, n, spacing[entries], log_half_life[:, entries], slopes=slopes
            )
    return log_n, slope


def _evaluate(
    kernel: Kernel,
    n: Float[np.ndarray, " entries"],
    spacing: Float[np.ndarray, " entries"],
    log_tau: Float[np.ndarray, "draws entries"],
    *,
    slopes: bool,
) -> tuple[Float[np.ndarray, "draws entries"], Float[np.ndarray, "draws entries"]]:
    value = kernel.log_effective_samples(n, spacing, np.exp(log_tau))
    if not slopes:
        return value, np.zeros_like(value)
    further = kernel.log_effective_samples(n, spacing, np.exp(log_tau + LOG_HALF_LIFE_STEP))
    return value, (further - value) / LOG_HALF_LIFE_STEP
