"""What a fit is: members, each a whole law with its replicates, and what was found out about every pool."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

import numpy as np

from thresher.pools import Pool
from thresher.runs import Measurement
from thresher.shapes import Float

INTERVAL = (0.05, 0.95)
"""Every interval runs from the 5 % to the 95 % point."""


class Verdict(Enum):
    """The ways in which a fitted parameter is not to be trusted."""

    NOT_CONVERGED = "not converged"
    AT_BOUND = "at bound"
    NOT_IDENTIFIABLE = "not identifiable"


@dataclass(frozen=True)
class Finding:
    """A verdict and what it means for this pool, in words."""

    verdict: Verdict
    message: str


@dataclass(frozen=True)
class Parameters:
    """Laws of all pools, stacked over draws; the first draw is the best fit and the rest are replicates.

    Attributes:
        amplitude: A, in the unit of the metric.
        onset: n0, in samples.
        floor: d, in the unit of the metric.
        utility: b; negative.
        worth: q, in samples of the best-ranked pool.
        half_life: tau, in epochs; `inf` under the kernel `fresh`.
    """

    amplitude: Float[np.ndarray, " draws"]
    onset: Float[np.ndarray, " draws"]
    floor: Float[np.ndarray, " draws"]
    utility: Float[np.ndarray, "draws pools"]
    worth: Float[np.ndarray, "draws pools"]
    half_life: Float[np.ndarray, "draws pools"]

    def __len__(self) -> int:
        return len(self.amplitude)

    def take(self, draws: slice | np.ndarray) -> "Parameters":
        """Some of the draws."""
        return Parameters(
            self.amplitude[draws],
            self.onset[draws],
            self.floor[draws],
            self.utility[draws],
            self.worth[draws],
            self.half_life[draws],
        )

    def then(self, other: "Parameters") -> "Parameters":
        """These draws, followed by others."""
        return Parameters(
            *(np.concatenate(pair) for pair in zip(self.arrays(), other.arrays(), strict=True)),
        )

    def arrays(self) -> Iterator[np.ndarray]:
        """The arrays in the order of the attributes."""
        yield from (self.amplitude, self.onset, self.floor, self.utility, self.worth, self.half_life)


@dataclass(frozen=True)
class Member:
    """One law of an ensemble: how repeats count, how pools mix, and its fitted parameters.

    Attributes:
        weight: Share of the ensemble; the weights of all members sum to 1.
    """

    kernel: str
    mixing: str
    kappa: float
    weight: float
    parameters: Parameters

    @property
    def best(self) -> Parameters:
        """The best fit, as one draw."""
        return self.parameters.take(slice(0, 1))

    @property
    def replicates(self) -> Parameters:
        """The bootstrap replicates; the best fit where there are none."""
        return self.parameters.take(slice(1, None)) if len(self.parameters) > 1 else self.parameters


@dataclass(frozen=True)
class PoolReport:
    """What a fit says of one pool; intervals are 5-95 %, None where nothing bounds them."""

    pool: Pool
    utility: float
    utility_interval: tuple[float, float]
    worth: float
    half_life: float | None
    half_life_interval: tuple[float, float] | None
    runs: int
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Fit:
    """Laws fitted to the single-pool runs of one metric and model.

    Attributes:
        metric: Name of the metric, as in the run table.
        unit: `fraction` or `loss`.
        chance: Error of guessing, which caps every prediction; None for losses.
        noise_sd: Spread of one run's error between seeds, in the unit of the metric.
        pools: Every fitted pool, best rank first.
        members: At least one law; weights sum to 1.
        reports: One for each pool.
        rmse: Root mean square residual of the best fits, weighted over members, in the unit of the metric.
        rows: The measurements that entered.
        dropped_rows: Measurements left out because they end before one epoch.
        joint_rows: Joint runs in the table; they never enter utility or half-life.
        widest_mixture: Most pools of any joint run in the table; 1 where there is none.
        notes: How well the parameters can be told apart, in words.
        warnings: What to doubt.
    """

    metric: str
    unit: str
    chance: float | None
    noise_sd: float
    pools: tuple[Pool, ...]
    members: tuple[Member, ...]
    reports: tuple[PoolReport, ...]
    rmse: float
    rows: tuple[Measurement, ...] = field(repr=False)
    dropped_rows: int = 0
    joint_rows: int = 0
    widest_mixture: int = 1
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def largest_run(self) -> float:
        """Most samples seen in any run."""
        return max(row.samples_seen for row in self.rows)

    @property
    def run_sd(self) -> float:
        """Spread of a new run about the laws: that of seeds, or what the laws leave, where that is larger."""
        return max(self.noise_sd, self.rmse)

    @property
    def most_epochs(self) -> float:
        """Most epochs over one pool in any run."""
        return max(row.samples_seen / row.unique_samples for row in self.rows)

    @property
    def ranked(self) -> tuple[Pool, ...]:
        """Pools that have a rank, best first: the ones that mix."""
        return tuple(pool for pool in self.pools if pool.rank is not None)
