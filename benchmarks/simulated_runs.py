"""Run tables simulated from the default law: worlds drawn from its priors, with the noise that they expect.

Four equal ranked buckets, each measured alone at 2 to 10 epochs, and in every second world one joint run of the best three.
A fit of such a table tests the estimator, not the priors.
"""

from dataclasses import dataclass

import numpy as np

from thresher.fits.priors import DISTANCE, HIGHEST_FLOOR, IMAGENET_CHANCE, PRIORS, UNION_DOUBT
from thresher.laws.kernels import find_kernel
from thresher.laws.one_law import OneLaw
from thresher.laws.settings import Settings
from thresher.runs import Measurement, RunTable

METRIC = "imagenet1k_zeroshot_error"
BUCKETS = 4
SIZE = 12.8e6
EPOCHS = (2.0, 3.0, 4.5, 6.5, 10.0)
LAST_ERROR = (0.45, 0.8)
"""Error of the best bucket after its last epoch."""
SEED_SD = 0.004
"""Spread of ln y between seeds."""
STEP_DOWN = 0.7
"""Most by which ln q falls from one bucket to the next."""
KAPPA_RANGE = (0.0, 3.0)
POWER_RANGE = (0.1, 4.0)


@dataclass(frozen=True)
class World:
    """A true law of equal buckets, and how runs deviate from it.

    Attributes:
        law: One draw.
        mixing: How unions deviate from the law, in units of their doubt: those that share pools deviate alike.
    """

    law: OneLaw
    mixing: np.ndarray

    def errors(self, widths: np.ndarray, samples_seen: np.ndarray) -> np.ndarray:
        """True errors of the best k buckets, sampled evenly."""
        w = np.where(np.arange(BUCKETS) < widths[:, None], 1.0 / widths[:, None], 0.0)
        settings = Settings(w, np.full(w.shape, SIZE), samples_seen, np.zeros(len(w), dtype=bool))
        y = self.law.errors(settings)[0]
        log_q = np.log(self.law.worth[0])
        unlike = np.sqrt(np.maximum(w @ log_q**2 - (w @ log_q) ** 2, 0.0))
        doubt = (UNION_DOUBT[0] + UNION_DOUBT[1] * unlike) * np.sqrt(widths - 1.0)
        return self.law.floor[0] + (y - self.law.floor[0]) * np.exp(
            doubt * (w * np.sqrt(widths)[:, None] @ self.mixing)
        )

    def single_errors(self, bucket: int, samples_seen: np.ndarray) -> np.ndarray:
        """True errors of one bucket alone."""
        one = self.law.of_pools(np.array([bucket]))
        count = len(samples_seen)
        settings = Settings(
            np.ones((count, 1)), np.full((count, 1), SIZE), samples_seen, np.zeros(count, dtype=bool)
        )
        return one.errors(settings)[0]

    def measured(self, rng: np.random.Generator, y: np.ndarray, epochs: np.ndarray) -> np.ndarray:
        """One new run of each true error, with misfit and seed noise; `epochs` are passes over one bucket."""
        far = np.log(epochs / EPOCHS[-1])
        # beyond the longest run both samples and epochs are beyond it
        wide = np.sqrt(1.0 + DISTANCE**2 * (far**2 + np.maximum(far, 0.0) ** 2))
        sd = np.hypot(PRIORS["fraction"].misfit * wide, SEED_SD)
        return np.minimum(y * np.exp(sd * rng.standard_normal(y.shape)), IMAGENET_CHANCE)

    def table(self, rng: np.random.Generator, *, joint: bool) -> RunTable:
        """Noisy runs of every bucket alone, and one of the best three if asked."""
        epochs = np.array(EPOCHS)
        rows = []
        for bucket in range(BUCKETS):
            noisy = self.measured(rng, self.single_errors(bucket, epochs * SIZE), epochs)
            rows += [
                Measurement(f"b{bucket}", SIZE, n, METRIC, float(y), rank=bucket + 1)
                for n, y in zip(epochs * SIZE, noisy, strict=True)
            ]
        if joint:
            at = np.array([5.0])
            y = self.measured(rng, self.errors(np.array([3]), at * SIZE), at)
            rows.append(Measurement("b0+b1+b2", 3 * SIZE, 5 * SIZE, METRIC, float(y[0])))
        return RunTable(tuple(rows), "simulated runs")


def draw_world(rng: np.random.Generator, kernel: str) -> World:
    """A law drawn from the priors of fractions."""
    p = PRIORS["fraction"]
    last = rng.uniform(*LAST_ERROR)
    floor = HIGHEST_FLOOR * last / (1.0 + np.exp(-rng.normal(p.floor_share.mean, p.floor_share.sd)))
    b = np.exp(rng.normal(p.log_exponent.mean, p.log_exponent.sd))
    h = np.exp(rng.normal(p.log_bend.mean, p.log_bend.sd))
    mean_tau = rng.normal(p.log_half_life.mean, p.log_half_life.sd)
    tau = np.exp(mean_tau + rng.normal(0.0, p.half_life_spread, BUCKETS))
    log_q = -np.concatenate([[0.0], np.cumsum(rng.uniform(0.0, STEP_DOWN, BUCKETS - 1))])
    n = EPOCHS[-1] * SIZE
    M = float(find_kernel(kernel).log_effective_samples(np.array(n), np.array(SIZE), tau[0])) - np.log(n)
    a, excess = np.log(IMAGENET_CHANCE - floor), np.log(last - floor)
    # the level at which the best bucket ends at `last`: the law of a fraction, solved for L
    level = b * M + a - b / h * np.log(np.expm1(h * (a - excess) / b))
    law = OneLaw(
        kernel=kernel,
        chance=IMAGENET_CHANCE,
        largest_run=n,
        typical_size=SIZE,
        level=np.array([level]),
        floor=np.array([floor]),
        exponent=np.array([b]),
        kappa=np.clip(rng.normal(p.kappa.mean, p.kappa.sd, 1), *KAPPA_RANGE),
        power=np.clip(rng.normal(p.power.mean, p.power.sd, 1), *POWER_RANGE),
        bend=np.array([h]),
        worth=np.exp(log_q)[None],
        half_life=tau[None],
    )
    return World(law, rng.standard_normal(BUCKETS))
