"""The default law: one curve for every run, single or joint, of any mixture at any budget.

    y = d + exp(l)
    loss:      l = L - b M
    fraction:  l = a - (b/h) ln(1 + exp(h (b M - L + a) / b)),  a = ln(c - d): the same, levelling off at guessing, c
    M = (1/r) ln sum_i w_i (q_i n_i / n_max)^r
    n_i = n_eff(n, N_i/w_i, tau_i (N_i / (w_i Nbar))^kappa)

One kappa serves unions and sizes: a pool that gets the share w of the samples decays like one that is 1/w times larger.
M is relative to n_max, the samples seen in the largest run, so L is the log excess error there at q = 1.
"""

from dataclasses import dataclass, replace

import numpy as np

from thresher.laws.mixing import log_power_mean
from thresher.laws.settings import Settings, log_effective_per_pool, log_size
from thresher.shapes import Float

SCALARS = ("level", "floor", "exponent", "kappa", "power", "bend")
"""What all pools share, in the order of the slopes; `exponent` and `bend` enter as logarithms."""


@dataclass(frozen=True, kw_only=True)
class OneLaw:
    """Laws of one kernel, stacked over draws.

    Attributes:
        kernel: How repeats count.
        chance: c, the error of guessing; None for losses, which have no such level.
        largest_run: n_max, in samples.
        typical_size: Nbar, in samples: the size at which `half_life` holds.
        level: L, the log excess error at n_max and worth 1.
        floor: d, in the unit of the metric.
        exponent: b; positive.
        kappa: How half-lives grow with size.
        power: r, the mixing power.
        bend: h, how sharply the curve leaves guessing; positive.
        worth: q of each pool, against a common scale; positive.
        half_life: tau of each pool at the typical size, in epochs; positive.
    """

    kernel: str
    chance: float | None
    largest_run: float
    typical_size: float
    level: Float[np.ndarray, " draws"]
    floor: Float[np.ndarray, " draws"]
    exponent: Float[np.ndarray, " draws"]
    kappa: Float[np.ndarray, " draws"]
    power: Float[np.ndarray, " draws"]
    bend: Float[np.ndarray, " draws"]
    worth: Float[np.ndarray, "draws pools"]
    half_life: Float[np.ndarray, "draws pools"]

    def __len__(self) -> int:
        return len(self.level)

    def take(self, draws: slice | np.ndarray) -> "OneLaw":
        """Some of the draws."""
        names = (*SCALARS, "worth", "half_life")
        return replace(self, **{name: getattr(self, name)[draws] for name in names})

    def of_pools(self, pools: np.ndarray) -> "OneLaw":
        """The same draws for some of the pools, or for other pools that are like them."""
        return replace(self, worth=self.worth[:, pools], half_life=self.half_life[:, pools])

    def without_dilution(self) -> "OneLaw":
        """The law under which worthless data can never help: half-lives do not grow, and no share pays for being small.

        With kappa > 0 a pool's half-life grows as its share falls, and with r > 1 a worn pool counts for more at a smaller
        share. Either can make a little worthless data look useful. At kappa = 0 and r <= 1 the error is convex in the weights.
        """
        return replace(self, kappa=np.zeros_like(self.kappa), power=np.minimum(self.power, 1.0))

    @property
    def onset(self) -> Float[np.ndarray, " draws"] | None:
        """n0: samples at which a pool of worth 1 would leave guessing, were the curve a plain power law; None for losses."""
        if self.chance is None:
            return None
        return self.largest_run * np.exp((self.level - np.log(self.chance - self.floor)) / self.exponent)

    def half_lives(self, unique_samples: Float[np.ndarray, " pools"]) -> Float[np.ndarray, "draws pools"]:
        """Half-lives of the pools alone at their own sizes, in epochs; at the typical size for one that never repeats."""
        ratio = np.where(np.isfinite(unique_samples), unique_samples, self.typical_size) / self.typical_size
        return self.half_life * ratio ** self.kappa[:, None]

    def errors(self, settings: Settings) -> Float[np.ndarray, "draws runs"]:
        """Error of each run under each draw, without noise."""
        return self.evaluate(settings)[0]

    def evaluate(
        self, settings: Settings, *, slopes: bool = False
    ) -> tuple[Float[np.ndarray, "draws runs"], Float[np.ndarray, "draws runs parameters"]]:
        """Errors and, if asked, their slopes against L, d, ln b, kappa, r, ln h, ln q of each pool and ln tau of each."""
        L, d, b, kappa, r, h = (getattr(self, name)[:, None] for name in SCALARS)
        runs, slots = settings.by_slot, settings.slots
        size = log_size(runs, self.typical_size)
        log_tau = np.log(self.half_life)[:, slots] + kappa[..., None] * size
        log_n, by_tau = log_effective_per_pool(runs, self.kernel, log_tau, slopes=slopes)
        x = log_n - np.log(self.largest_run) + np.log(self.worth)[:, slots]
        M, share = log_power_mean(x, runs.weights, self.power)
        with np.errstate(under="ignore", over="ignore"):
            if self.chance is None:
                S = np.ones_like(M)  # slope of l against L
                log_excess = L - b * M
            else:
                a = np.log(self.chance - d)
                T = h * (b * M - L + a) / b
                bend = np.logaddexp(0.0, T)
                S = np.exp(-np.logaddexp(0.0, -T))
                log_excess = a - b / h * bend
            excess = np.exp(log_excess)
        if not slopes:
            return d + excess, np.empty((len(self), len(settings), 0))
        by_q = -(b * S)[..., None] * share
        by_tau = by_q * by_tau
        columns = [
            S,
            np.zeros_like(S) if self.chance is None else -(1.0 - S) / (self.chance - d),
            -b * M if self.chance is None else -b * (bend / h + S * (M - T / h)),
            (by_tau * size).sum(axis=2),
            -b * S * ((share * x).sum(axis=2) - M) / np.where(r == 0, 1.0, r),
            np.zeros_like(S) if self.chance is None else b / h * (bend - S * T),
        ]
        J = np.zeros((*M.shape, len(SCALARS) + 2 * self.worth.shape[1]))
        J[..., : len(SCALARS)] = np.stack(columns, axis=2)
        at = np.arange(len(settings))[:, None]
        J[:, at, len(SCALARS) + slots] = by_q
        J[:, at, len(SCALARS) + self.worth.shape[1] + slots] = by_tau
        J *= excess[..., None]
        J[..., SCALARS.index("floor")] += 1.0
        return d + excess, J
