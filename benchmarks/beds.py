"""The published runs that ship with thresher, as beds: what a law is fitted to, and what guessing scores on them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from thresher import Mixture, load_example
from thresher.backtests.measured import trained_on
from thresher.examples.published import example_path
from thresher.fits.fit import Fit
from thresher.fits.forecast import forecast
from thresher.runs import Measurement, RunTable
from thresher.runs.swarms import read_swarm

IMAGENET = 0.999
BUCKETS = {
    "datacomp_medium_tmars": (IMAGENET, 1.0),
    "icon_lab": (1 - 1 / 212, 1.0),
    "icon_lab_small_buckets": (1 - 1 / 241, 1.5),
    "icon_lab_weak_buckets": (1 - 1 / 241, 1.0),
}
"""Error of guessing, and the epoch from which pilots count: an epoch of a small bucket is 20 steps."""
SLACK = 0.98
SWARM_RUNS = 1e9
FEWEST_ROWS = 6
FILTERS = ("clip_l14_top", "random", "none")
"""Families of DataComp's filters that keep nested or random parts of pools at two scales; all 172 pools take minutes."""
INTERVAL_PRICE = 20.0
"""Price of a run outside its 90 % interval, in widths: 2 / 0.1."""


@dataclass(frozen=True)
class Bed:
    """One set of runs: single pools to fit, and joint runs where there are any."""

    name: str
    pilots: RunTable
    joints: RunTable | None = None
    chance: float = IMAGENET

    @property
    def size(self) -> float:
        """Unique samples of the best-ranked pool."""
        return next(row.unique_samples for row in self.pilots.rows if row.rank == 1)


def bucket_bed(name: str) -> Bed:
    """Ranked buckets alone from the first epoch on, and measured joint runs."""
    chance, first = BUCKETS[name]
    pilots = load_example(name)
    rows = [r for r in pilots.rows if r.rank and r.samples_seen >= SLACK * first * r.unique_samples]
    joints = [r for r in load_example(name, "joint").rows if r.other.get("inferred") != "yes"]
    size = next(r.unique_samples for r in rows if r.rank == 1)
    late = tuple(r for r in joints if r.samples_seen >= SLACK * first * size)
    return Bed(name, RunTable(tuple(rows), name), RunTable(late, name), chance)


def bucket_beds() -> list[Bed]:
    """The four beds with joint runs."""
    return [bucket_bed(name) for name in BUCKETS]


def single_beds() -> list[Bed]:
    """The beds without joint runs, one for each model with enough rows."""
    clip = load_example("datacomp_medium_clip").from_epoch(1)
    beds = [Bed("datacomp_medium_clip", clip)]
    for name in ("laion_openclip", "datablations"):
        table = load_example(name)
        beds += [Bed(f"{name} {model}", table.where(f'model = "{model}"')) for model in table.models]
    filters = load_example("datacomp_baselines").of_metric("imagenet1k_zeroshot_error")
    kept = [
        r for r in filters.where("model = ViT-B-32 and suspect = no").rows if r.other["family"] in FILTERS
    ]
    beds.append(Bed("datacomp_baselines ViT-B-32", RunTable(tuple(kept), filters.name)))
    return [bed for bed in beds if len(bed.pilots) >= FEWEST_ROWS]


def swarm() -> tuple[RunTable, RunTable]:
    """RegMix's mixtures: those to fit and those to test, each with eight losses."""
    table = read_swarm(example_path("regmix_shares"), example_path("regmix_losses"), samples_seen=SWARM_RUNS)
    parts = [tuple(row for row in table.rows if str(row.run).startswith(part)) for part in ("train", "test")]
    return RunTable(parts[0], "train"), RunTable(parts[1], "test")


def averaged(rows: Sequence[Measurement]) -> list[Measurement]:
    """One row for each mixture and budget: the mean over seeds."""
    groups: dict[tuple[object, ...], list[Measurement]] = {}
    for row in rows:
        groups.setdefault((row.pool, row.weights, row.samples_seen), []).append(row)
    return [replace(group[0], error=float(np.mean([r.error for r in group]))) for group in groups.values()]


@dataclass(frozen=True)
class Said:
    """What a fit says of some rows, beside what was measured; one value for each row."""

    measured: np.ndarray
    error: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @property
    def inside(self) -> np.ndarray:
        """Which measurements lie inside the 90 % interval of one new run."""
        return (self.low <= self.measured) & (self.measured <= self.high)

    @property
    def interval_score(self) -> np.ndarray:
        """Width, and 20 times what lies outside: neither wide nor narrow intervals win."""
        outside = np.maximum(self.low - self.measured, 0) + np.maximum(self.measured - self.high, 0)
        return self.high - self.low + INTERVAL_PRICE * outside

    @property
    def rmse(self) -> float:
        """Root mean square difference."""
        return float(np.sqrt(np.mean((self.error - self.measured) ** 2)))

    def of(self, rows: np.ndarray) -> "Said":
        """The same for some of the rows."""
        parts = (self.measured, self.error, self.mean, self.low, self.high)
        return Said(*(part[rows] for part in parts))


def ask(fit: Fit, rows: Sequence[Measurement]) -> Said:
    """Predictions of rows that the fit may or may not have seen; their pools are known to it."""
    mixtures: list[Mixture] = [trained_on(fit, row) for row in rows]
    distinct = list(dict.fromkeys(mixtures))
    budgets = np.unique([row.samples_seen for row in rows])
    found = forecast(fit, distinct, budgets)
    at = (
        [distinct.index(mixture) for mixture in mixtures],
        np.searchsorted(budgets, [row.samples_seen for row in rows]),
    )
    low, high = found.interval()
    measured = np.array([row.error for row in rows])
    return Said(measured, found.expected[at], found.mean[at], low[at], high[at])
