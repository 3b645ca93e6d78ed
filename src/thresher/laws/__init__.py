"""Laws as pure functions of arrays: kernels, how pools mix, the default law and the paper's."""

from thresher.laws.kernels import EXPOSURES, KERNELS, Kernel, effective_samples, log_effective_samples
from thresher.laws.law import Law, excess_error
from thresher.laws.mixing import log_power_mean
from thresher.laws.one_law import OneLaw
from thresher.laws.paper import PaperLaw
from thresher.laws.settings import Settings

__all__ = [
    "EXPOSURES",
    "KERNELS",
    "Kernel",
    "Law",
    "OneLaw",
    "PaperLaw",
    "Settings",
    "effective_samples",
    "excess_error",
    "log_effective_samples",
    "log_power_mean",
]
