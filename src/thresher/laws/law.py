"""The law of one pool: y = A (q n_eff / n0)^b + d."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from thresher.errors import InputError
from thresher.laws.kernels import log_effective_samples
from thresher.shapes import Float
from thresher.units import format_number


def excess_error(
    log_n_eff: Float[np.ndarray, "..."],
    *,
    A: ArrayLike,
    n0: ArrayLike,
    b: ArrayLike,
    q: ArrayLike = 1.0,
) -> Float[np.ndarray, "..."]:
    """Error above the irreducible one: A (q n_eff / n0)^b.

    Args:
        log_n_eff: Natural logarithm of the effective samples.
        A: Amplitude, the excess error at the onset; positive.
        n0: Onset, the sample count at which the curve starts; positive.
        b: Utility; negative.
        q: Worth of a sample, in samples of the reference pool; positive.
    """
    return np.asarray(A) * np.exp(np.asarray(b) * (log_n_eff + np.log(q) - np.log(n0)))


@dataclass(frozen=True, kw_only=True)
class Law:
    """The law of one pool, whole: what a fit returns and what a plan evaluates.

    Attributes:
        kernel: How repeats count; see `thresher.laws.KERNELS`.
        amplitude: A, the excess error at the onset, in the unit of the metric; positive.
        onset: n0, in samples; positive.
        utility: b; negative.
        half_life: tau, in epochs; positive, `inf` for no decay.
        floor: d, the irreducible error, in the unit of the metric; added last, never decayed.
        worth: q, in samples of the reference pool; 1 for that pool.

    >>> law = Law(kernel="utility", amplitude=0.9, onset=1e6, utility=-0.15, half_life=5.0, floor=0.1)
    >>> law.error([12.8e6, 64e6], 12.8e6).round(3)
    array([0.714, 0.611])
    """

    kernel: str
    amplitude: float
    onset: float
    utility: float
    half_life: float
    floor: float
    worth: float = 1.0

    def __post_init__(self) -> None:
        for name in ("amplitude", "onset", "half_life", "worth"):
            if not getattr(self, name) > 0:
                raise InputError(
                    f"{name} of a law must be positive; it is {format_number(getattr(self, name), 6)}."
                )
        if not self.utility < 0:
            raise InputError(f"utility of a law must be negative; it is {format_number(self.utility, 6)}.")

    def error(self, samples_seen: ArrayLike, unique_samples: ArrayLike) -> Float[np.ndarray, "..."]:
        """Error after training on the pool alone; the arguments broadcast together.

        Args:
            samples_seen: Samples processed, repeats counted; positive.
            unique_samples: Distinct samples in the pool; positive.

        Raises:
            InputError: A count is not positive.
        """
        log_n_eff = log_effective_samples(self.kernel, samples_seen, unique_samples, self.half_life)
        excess = excess_error(log_n_eff, A=self.amplitude, n0=self.onset, b=self.utility, q=self.worth)
        return excess + self.floor
