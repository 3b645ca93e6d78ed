"""The paper's law: Theorem 1 of Goyal et al. 2024, with a utility and a half-life for each pool.

    log(y - d) = sum_i w_i (log A_i + b_i log(n_i / n0)),   n_i = n_eff(n, N_i/w_i, tau_i (N_i / (w_i Nbar_i))^kappa)

Equal pools, equal weights and kappa = 1 give exactly the theorem: b_eff^(j) = mean_i b_i 2^(-(j-1)/(p tau_i)) in epoch j
of the combined pool. Unequal pools, weights and other kappas are ours, and so is a level A_i for each pool, which losses
need; all A_i are one number for fractions. Errors are capped at guessing.

Source:
    Goyal et al. 2024, arXiv:2404.07177, Theorem 1 and the law for repeated data.
"""

from dataclasses import dataclass, replace

import numpy as np

from thresher.laws.settings import Settings, log_effective_per_pool, log_size
from thresher.shapes import Float


@dataclass(frozen=True, kw_only=True)
class PaperLaw:
    """Laws of one kernel, stacked over draws.

    Attributes:
        kernel: How repeats count.
        chance: Error of guessing, at which errors are capped; None for losses.
        typical_size: Nbar of each pool: the size at which its `half_life` holds, in samples.
        onset: n0, in samples; positive.
        floor: d, in the unit of the metric.
        kappa: How half-lives grow with size; 1 in the theorem.
        amplitude: A of each pool, in the unit of the metric; positive.
        utility: b of each pool; negative.
        half_life: tau of each pool, in epochs; positive.
    """

    kernel: str
    chance: float | None
    typical_size: Float[np.ndarray, " pools"]
    onset: Float[np.ndarray, " draws"]
    floor: Float[np.ndarray, " draws"]
    kappa: Float[np.ndarray, " draws"]
    amplitude: Float[np.ndarray, "draws pools"]
    utility: Float[np.ndarray, "draws pools"]
    half_life: Float[np.ndarray, "draws pools"]

    def __len__(self) -> int:
        return len(self.onset)

    def take(self, draws: slice | np.ndarray) -> "PaperLaw":
        """Some of the draws."""
        names = ("onset", "floor", "kappa", "amplitude", "utility", "half_life")
        return replace(self, **{name: getattr(self, name)[draws] for name in names})

    def of_pools(self, pools: np.ndarray) -> "PaperLaw":
        """The same draws for some of the pools, or for other pools that are like them."""
        return replace(
            self,
            typical_size=self.typical_size[pools],
            amplitude=self.amplitude[:, pools],
            utility=self.utility[:, pools],
            half_life=self.half_life[:, pools],
        )

    def without_dilution(self) -> "PaperLaw":
        """The same at kappa = 0, where no half-life grows because a share falls."""
        return replace(self, kappa=np.zeros_like(self.kappa))

    def half_lives(self, unique_samples: Float[np.ndarray, " pools"]) -> Float[np.ndarray, "draws pools"]:
        """Half-lives of the pools alone at their own sizes, in epochs."""
        ratio = np.where(np.isfinite(unique_samples), unique_samples, self.typical_size) / self.typical_size
        return self.half_life * ratio ** self.kappa[:, None]

    def errors(self, settings: Settings) -> Float[np.ndarray, "draws runs"]:
        """Error of each run under each draw, without noise."""
        return self.evaluate(settings)[0]

    def evaluate(
        self, settings: Settings, *, slopes: bool = False
    ) -> tuple[Float[np.ndarray, "draws runs"], Float[np.ndarray, "draws runs parameters"]]:
        """Errors and, if asked, their slopes against d, ln n0, ln A, ln(-b) and ln tau of each pool."""
        runs, slots = settings.by_slot, settings.slots
        size = log_size(runs, self.typical_size[slots])
        log_tau = np.log(self.half_life)[:, slots] + self.kappa[:, None, None] * size
        log_n, by_tau = log_effective_per_pool(runs, self.kernel, log_tau, slopes=slopes)
        w, b = runs.weights, self.utility[:, slots]
        steps = log_n - np.log(self.onset)[:, None, None]
        log_excess = np.sum(w * (np.log(self.amplitude)[:, slots] + b * steps), axis=-1)
        with np.errstate(over="ignore", under="ignore"):
            excess = np.exp(log_excess)
        error = self.floor[:, None] + excess
        below = np.isfinite(excess) if self.chance is None else error < self.chance
        if self.chance is not None:
            error = np.minimum(error, self.chance)
        if not slopes:
            return error, np.empty((len(self), len(settings), 0))
        P = self.utility.shape[1]
        J = np.zeros((*excess.shape, 2 + 3 * P))
        J[..., 1] = -np.sum(w * b, axis=-1)
        at = np.arange(len(settings))[:, None]
        for part, slope in enumerate((np.broadcast_to(w, b.shape), w * b * steps, w * b * by_tau)):
            J[:, at, 2 + part * P + slots] = slope
        J *= np.where(below, excess, 0.0)[..., None]
        J[..., 0] = below
        return error, J
