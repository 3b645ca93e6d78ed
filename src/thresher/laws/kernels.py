"""Kernels: how many effective samples n_eff the n seen are worth, when the pool holds N unique ones.

Every law is `y = A (n_eff / n0)^b + d`; kernels differ in n_eff alone. For each of them n_eff <= n, it grows
with n, and it is n when the half-life is infinite. Half-lives of different kernels are not comparable.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike

from thresher.errors import InputError
from thresher.laws import effective_data, fresh, muennighoff, resampled, saturating, utility, utility_smooth
from thresher.shapes import Float
from thresher.units import format_number

LogEffectiveSamples = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
EXPOSURES = ("epochs", "resampled")
"""How training draws samples: whole passes without replacement, or with replacement."""


@dataclass(frozen=True)
class Kernel:
    """One kernel: its name, its function, and the kernel for the other way of drawing samples, if known."""

    name: str
    log_effective_samples: LogEffectiveSamples
    decays: bool = True
    exposure: str = "epochs"
    converts_to: str | None = None

    def for_exposure(self, exposure: str | None) -> "Kernel":
        """This kernel, or its counterpart, for runs that draw samples as `exposure` says; itself if none."""
        if exposure in (None, "unknown", self.exposure) or self.converts_to is None:
            return self
        return KERNELS[self.converts_to]


KERNELS: Mapping[str, Kernel] = MappingProxyType(
    {
        kernel.name: kernel
        for kernel in (
            Kernel("fresh", fresh.log_effective_samples, decays=False),
            Kernel("utility", utility.log_effective_samples, converts_to="resampled"),
            Kernel("utility_smooth", utility_smooth.log_effective_samples, converts_to="resampled"),
            Kernel(
                "resampled",
                resampled.log_effective_samples,
                exposure="resampled",
                converts_to="utility",
            ),
            Kernel(
                "effective_data",
                effective_data.log_effective_samples,
                converts_to="effective_data_resampled",
            ),
            Kernel(
                "effective_data_resampled",
                effective_data.log_effective_samples_resampled,
                exposure="resampled",
                converts_to="effective_data",
            ),
            Kernel("muennighoff", muennighoff.log_effective_samples, converts_to="muennighoff_resampled"),
            Kernel(
                "muennighoff_resampled",
                muennighoff.log_effective_samples_resampled,
                exposure="resampled",
                converts_to="muennighoff",
            ),
            Kernel("saturating", saturating.log_effective_samples),
        )
    }
)


def find_kernel(name: str) -> Kernel:
    """The kernel called `name`.

    Raises:
        InputError: There is none; the message lists them.
    """
    if name not in KERNELS:
        raise InputError(f"There is no kernel {name!r}. Kernels are: {', '.join(KERNELS)}.")
    return KERNELS[name]


def log_effective_samples(
    kernel: str, samples_seen: ArrayLike, unique_samples: ArrayLike, half_life: ArrayLike
) -> Float[np.ndarray, "..."]:
    """Natural logarithm of the effective samples; the arguments broadcast together.

    Args:
        kernel: Name of a kernel; see `KERNELS`.
        samples_seen: Samples processed, repeats counted; positive.
        unique_samples: Distinct samples in the pool; positive.
        half_life: Half-life in epochs; positive, `inf` for no decay.

    Raises:
        InputError: A value is not positive, or there is no such kernel.
    """
    n, N, tau = (np.asarray(value, dtype=float) for value in (samples_seen, unique_samples, half_life))
    for name, value in (("samples_seen", n), ("unique_samples", N), ("half_life", tau)):
        if not np.all(value > 0):
            raise InputError(
                f"{name} must be positive; found {format_number(value[~(value > 0)].flat[0], 6)}."
            )
    return find_kernel(kernel).log_effective_samples(n, N, tau)


def effective_samples(
    kernel: str, samples_seen: ArrayLike, unique_samples: ArrayLike, half_life: ArrayLike
) -> Float[np.ndarray, "..."]:
    """Effective samples: how many new samples the ones seen are worth; arguments as above.

    Raises:
        InputError: A value is not positive, or there is no such kernel.

    >>> effective_samples("effective_data", [12.8e6, 25.6e6], 12.8e6, 1.0).round()
    array([12800000., 19200000.])
    """
    return np.exp(log_effective_samples(kernel, samples_seen, unique_samples, half_life))
