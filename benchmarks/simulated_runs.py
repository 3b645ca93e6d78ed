"""Run tables simulated from known laws: a world knows the true error of every mixture, a table is one look at it.

Worlds are drawn wide but plausible: 4 or 5 equal pools ranked by quality, 5 to 10 runs of each between 2 and 10
epochs, as in the published T-MARS runs, with run noise between 0.3 and 0.5 points.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from thresher.fits.choice import IMAGENET_CHANCE
from thresher.fits.ensemble import FRACTION_FLOORS, KAPPA_PRIOR, KERNEL_PRIOR, MIXING_PRIOR
from thresher.fits.fit import Fit, Member, Parameters
from thresher.fits.fit_law import AMPLITUDE_PRIOR_SD
from thresher.fits.predict import expected_errors
from thresher.laws.kernels import find_kernel
from thresher.pools import Mixture, Pool
from thresher.runs import Measurement, RunTable

METRIC = "imagenet1k_zeroshot_error"
FIRST_EPOCHS, LAST_EPOCHS = 2.0, 10.0
NOISE_SD = (0.003, 0.005)
UTILITY = (0.08, 0.35)
"""Magnitude of the best pool's utility; published ones lie between 0.1 and 0.25."""
HALF_LIFE = (1.0, 25.0)
"""Centre of the half-lives, in epochs; those of the pools scatter about it."""
HALF_LIFE_SCATTER = 0.4
FIRST_ERROR = (0.70, 0.93)
"""Error of the best pool after one epoch."""
HIGHEST_ERROR = 0.985
"""Worlds in which a run starts higher are drawn again: nobody reports runs at guessing."""


@dataclass(frozen=True)
class World:
    """A true law and the noise of its runs.

    Attributes:
        law: A fit of one member without replicates: the truth.
        epochs: Epochs at which each pool is measured.
        noise_sd: Spread of one run.
    """

    law: Fit
    epochs: tuple[float, ...]
    noise_sd: float

    @property
    def member(self) -> Member:
        """The true law."""
        return self.law.members[0]

    @property
    def size(self) -> float:
        """Unique samples of each pool."""
        return self.law.pools[0].unique_samples

    def errors(self, mixtures: Sequence[Mixture], samples_seen: Sequence[float]) -> np.ndarray:
        """True error of mixtures (rows) at budgets (columns)."""
        return expected_errors(self.law, mixtures, np.asarray(samples_seen, dtype=float))

    def table(self, rng: np.random.Generator, *, states_noise: bool) -> RunTable:
        """Noisy runs of every pool alone, with or without their standard errors."""
        budgets = [epochs * self.size for epochs in self.epochs]
        true = self.errors([Mixture((pool,), (1.0,)) for pool in self.law.pools], budgets)
        noisy = true + self.noise_sd * rng.standard_normal(true.shape)
        rows = tuple(
            Measurement(
                pool.name, self.size, n, METRIC, float(noisy[i, k]), rank=pool.rank,
                standard_error=self.noise_sd if states_noise else None,
            )
            for i, pool in enumerate(self.law.pools)
            for k, n in enumerate(budgets)
        )  # fmt: skip
        return RunTable(rows, "simulated runs")


def draw_world(
    rng: np.random.Generator, *, kernel: str, mixing: str, kappa: float = 1.0, floor: float = 0.1
) -> World:
    """A world of one law; its parameters are drawn until every run starts below guessing."""
    while True:
        world = _draw(rng, kernel, mixing, kappa, floor)
        first = world.errors(
            [Mixture((pool,), (1.0,)) for pool in world.law.pools], [FIRST_EPOCHS * world.size]
        )
        last = world.errors([Mixture((world.law.pools[0],), (1.0,))], [4 * LAST_EPOCHS * world.size])
        if first.max() < HIGHEST_ERROR and last.min() > floor + 0.02:
            return world


def draw_member_world(rng: np.random.Generator) -> World:
    """A world whose law is drawn from the prior of the ensemble."""

    def pick(prior):
        values = list(prior)
        shares = np.array([prior[value] for value in values], dtype=float)
        return values[int(rng.choice(len(values), p=shares / shares.sum()))]

    return draw_world(
        rng,
        kernel=pick(KERNEL_PRIOR),
        mixing=pick(MIXING_PRIOR),
        kappa=pick(KAPPA_PRIOR["fraction"]),
        floor=pick(FRACTION_FLOORS),
    )


def _draw(rng: np.random.Generator, kernel: str, mixing: str, kappa: float, floor: float) -> World:
    count = int(rng.integers(4, 6))
    size = float(np.round(_log_uniform(rng, (2e6, 5e7))))
    b = -_log_uniform(rng, UTILITY)
    excess = rng.uniform(*FIRST_ERROR) - floor
    A = IMAGENET_CHANCE - floor
    utility, worth = np.full(count, b), np.ones(count)
    if mixing == "sample_worth":  # each pool is worth 45 to 100 % of the one before it
        worth = np.exp(-np.concatenate([[0.0], np.cumsum(rng.uniform(0.0, 0.8, count - 1))]))
    else:  # each pool has 75 to 100 % of the utility of the one before it
        utility = b * np.concatenate([[1.0], np.cumprod(rng.uniform(0.75, 1.0, count - 1))])
        A *= np.exp(AMPLITUDE_PRIOR_SD * rng.standard_normal())
        A = max(A, excess + 0.02)
    n0 = size * (excess / A) ** (-1.0 / b)
    tau = _log_uniform(rng, HALF_LIFE) * np.exp(HALF_LIFE_SCATTER * rng.standard_normal(count))
    if not find_kernel(kernel).decays:
        tau = np.full(count, np.inf)
    parameters = Parameters(
        np.array([A]), np.array([n0]), np.array([floor]), utility[None], worth[None], tau[None]
    )
    epochs = np.linspace(FIRST_EPOCHS, LAST_EPOCHS, int(rng.integers(5, 11)))
    law = Fit(
        metric=METRIC,
        unit="fraction",
        chance=IMAGENET_CHANCE,
        noise_sd=1.0,
        pools=tuple(Pool(f"b{i}", size, i + 1, None, LAST_EPOCHS * size) for i in range(count)),
        members=(Member(kernel, mixing, kappa, 1.0, parameters),),
        reports=(),
        rmse=0.0,
        rows=(),
    )
    return World(law, tuple(float(e) for e in epochs), float(rng.uniform(*NOISE_SD)))


def _log_uniform(rng: np.random.Generator, between: tuple[float, float]) -> float:
    return float(np.exp(rng.uniform(*np.log(between))))
