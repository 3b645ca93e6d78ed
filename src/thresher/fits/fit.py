"""What a fit is: laws with their draws, and what was found out about every pool and every shared part."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum, StrEnum
from typing import TypeVar

import numpy as np

from thresher.laws.one_law import OneLaw
from thresher.laws.paper import PaperLaw
from thresher.pools import Pool
from thresher.runs import Measurement
from thresher.shapes import Float

AnyLaw = TypeVar("AnyLaw", OneLaw, PaperLaw, OneLaw | PaperLaw)


class LawKind(StrEnum):
    """Which law was fitted."""

    DEFAULT = "default"
    PAPER = "paper"


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
class PoolReport:
    """What a fit says of one pool; values are medians of draws, intervals are 5-95 %.

    Attributes:
        utility: b of the paper's law, fitted to the pool's own runs; None for a pool never trained alone.
        utility_interval: Of it.
        worth: q, in samples of the best-ranked pool; of a pool of mean worth where no pool is ranked.
        worth_interval: Of it; None under the paper's law, which has no worth.
        half_life: At the pool's own size, in epochs; None under the kernel `fresh`.
        half_life_interval: Of it.
        worth_by_pass: What a sample is worth when it is seen for the 1st, 2nd, 4th and 8th time, on the scale of `worth`.
        runs: Rows that train on this pool alone.
        findings: What not to trust.
    """

    pool: Pool
    utility: float | None
    utility_interval: tuple[float, float] | None
    worth: float
    worth_interval: tuple[float, float] | None
    half_life: float | None
    half_life_interval: tuple[float, float] | None
    worth_by_pass: tuple[float, ...]
    runs: int
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class SharedReport:
    """What a fit says of one part of the law that all pools share.

    Attributes:
        name: `kappa`, `power`, `floor`, `onset` or `exponent`.
        value: Median of the draws, or the number it is fixed at.
        interval: 5-95 % of the draws.
        prior: 5-95 % of the prior; None where the part is fixed.
        identified: Whether the runs, rather than the prior, determine it.
        sentence: The same in words.
    """

    name: str
    value: float
    interval: tuple[float, float]
    prior: tuple[float, float] | None
    identified: bool
    sentence: str


@dataclass(frozen=True)
class Reach:
    """How far the fitted runs go; forecasts beyond it are less sure.

    Attributes:
        largest_run: Most samples seen.
        most_epochs: Most passes over any pool.
        sizes: Unique samples of every pool that was trained on.
        widest_mixture: Most pools in one run.
        largest_shares: Greatest share of the samples that each pool of the fit had in any run.
        joint_information: What joint runs tell of the doubt of unions, pool by pool; see `fits/union_doubt.py`.
    """

    largest_run: float
    most_epochs: float
    sizes: tuple[float, ...]
    widest_mixture: int
    largest_shares: tuple[float, ...]
    joint_information: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Fit:
    """Laws fitted to the runs of one metric and model.

    Attributes:
        law: Which law.
        metric: Name of the metric, as in the run table.
        unit: `fraction` or `loss`.
        chance: Error of guessing, which bounds every prediction; None for losses.
        noise_sd: Spread of one run's error between seeds, in the unit of the metric.
        pools: Every fitted pool, best rank first.
        laws: One stack for each kernel: the most probable law first, then the draws.
        weights: Of the kernels; they sum to 1.
        misfit: Sd of ln y by which the law itself is wrong at the largest run.
        seed_sd: Spread of ln y between seeds; 0 where the table cannot tell.
        rmse: Root mean square residual of the most probable laws, in the unit of the metric.
        rows: The measurements that entered.
        reach: How far they go.
        reports: One for each pool.
        shared: One for each shared part of the law.
        exposure: How the runs that are predicted draw samples, `epochs` or `resampled`; None is as the fitted runs do.
        dropped_rows: Measurements left out because they end before one epoch.
        notes: What is good to know, in words.
        warnings: What to doubt.
        parts: Fits of single metrics, where this is a blend of them; it then has no laws of its own.
        part_weights: What each part's error is multiplied by.
        worst: Whether the blend is the largest of the parts instead of their sum.
    """

    law: LawKind
    metric: str
    unit: str
    chance: float | None
    noise_sd: float
    pools: tuple[Pool, ...]
    laws: tuple[OneLaw | PaperLaw, ...] = field(repr=False)
    weights: tuple[float, ...]
    misfit: float
    seed_sd: float
    rmse: float
    rows: tuple[Measurement, ...] = field(repr=False)
    reach: Reach = field(repr=False)
    reports: tuple[PoolReport, ...] = field(default=(), repr=False)
    shared: tuple[SharedReport, ...] = field(default=(), repr=False)
    exposure: str | None = None
    dropped_rows: int = 0
    notes: tuple[str, ...] = field(default=(), repr=False)
    warnings: tuple[str, ...] = field(default=(), repr=False)
    parts: "tuple[Fit, ...]" = field(default=(), repr=False)
    part_weights: tuple[float, ...] = ()
    worst: bool = False

    @property
    def ranked(self) -> tuple[Pool, ...]:
        """Pools that have a rank, best first."""
        return tuple(pool for pool in self.pools if pool.rank is not None)

    @property
    def mixable(self) -> tuple[Pool, ...]:
        """Pools that may stand in a mixture: the ranked ones, or all where none is ranked."""
        return self.ranked or self.pools

    @property
    def joint_rows(self) -> int:
        """Joint runs among the fitted rows."""
        return sum(row.is_joint for row in self.rows)

    @property
    def draws(self) -> int:
        """Draws over all kernels; the most probable law alone where none were made."""
        return sum(max(len(law) - 1, 1) for law in self.laws)

    @property
    def draw_weights(self) -> Float[np.ndarray, " draws"]:
        """Weight of each draw, kernel by kernel; they sum to 1."""
        counts = [max(len(law) - 1, 1) for law in self.laws]
        return np.repeat(np.array(self.weights) / counts, counts)

    def over_draws(self, name: str) -> Float[np.ndarray, "draws ..."]:
        """One part of the law in every draw, kernel by kernel."""
        return np.concatenate([getattr(drawn(law), name) for law in self.laws])


def with_laws(fit: Fit, change: Callable[[OneLaw | PaperLaw], OneLaw | PaperLaw]) -> Fit:
    """The same fit, or blend of fits, with every law changed."""
    return replace(
        fit,
        laws=tuple(change(law) for law in fit.laws),
        parts=tuple(with_laws(part, change) for part in fit.parts),
    )


def drawn(law: AnyLaw) -> AnyLaw:
    """The draws of a stack, without the most probable law; that law where there are none."""
    return law.take(slice(1, None)) if len(law) > 1 else law
