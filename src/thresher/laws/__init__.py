"""Laws as pure functions of arrays: kernels, the law of one pool, and the rules for mixtures."""

from thresher.laws.kernels import EXPOSURES, KERNELS, Kernel, effective_samples, log_effective_samples
from thresher.laws.law import Law, excess_error
from thresher.laws.mixing import MIXING_RULES, mixing_power, mixture_error, mixture_excess

__all__ = [
    "EXPOSURES",
    "KERNELS",
    "MIXING_RULES",
    "Kernel",
    "Law",
    "effective_samples",
    "excess_error",
    "log_effective_samples",
    "mixing_power",
    "mixture_error",
    "mixture_excess",
]
