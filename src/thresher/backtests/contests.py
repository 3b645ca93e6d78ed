"""Measured choices: at which budgets several pools were trained, which was best, and what rules would take."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from thresher.fits.fit import Fit
from thresher.fits.weighing import mixture_of
from thresher.plans.candidates import FIXED_KEEP
from thresher.pools import Mixture, Pool, union
from thresher.runs import Measurement
from thresher.runs.run_table import EPOCH_SLACK
from thresher.units import format_count

SAME_BUDGET = 0.01
"""Budgets within 1 % are one: batches rarely divide a budget exactly."""
CONTRADICTION = 5.0
"""Runs of one mixture at one budget further apart than this many times the noise of a run are doubted."""
KEEP_SLACK = 0.01
"""A measured pool within 1 % of the wanted share of the metadata counts as it."""
WEIGHT_DIGITS = 6
BEST_AT_PILOT = "best pool at the largest pilot run"
KEEP_ALL = "keep everything ranked"
KEEP_FIXED = f"keep {100 * FIXED_KEEP:.0f} %"
BEST_FIXED = "best fixed choice, in hindsight"


@dataclass(frozen=True)
class Measured:
    """One candidate at one budget: what was trained on, and the mean error of its runs."""

    mixture: Mixture
    error: float
    runs: int

    @property
    def label(self) -> str:
        """Its pools, and weights where they are not in proportion to unique samples."""
        names = "+".join(self.mixture.names)
        if _key(self.mixture) == _key(union(self.mixture.pools)):
            return names
        return f"{names} ({', '.join(f'{weight:.3g}' for weight in self.mixture.weights)})"


@dataclass(frozen=True)
class Contest:
    """One budget at which two or more candidates were measured, smallest pool first."""

    samples_seen: float
    candidates: tuple[Measured, ...]

    @property
    def best(self) -> Measured:
        """The candidate of least measured error; the smallest pool among equals."""
        return min(self.candidates, key=lambda candidate: candidate.error)

    @property
    def regrets(self) -> tuple[float, ...]:
        """Measured error of each candidate less the least."""
        return tuple(candidate.error - self.best.error for candidate in self.candidates)


@dataclass(frozen=True)
class JointRuns:
    """What a fit of single pools is compared with.

    Attributes:
        rows: Runs that it has not seen, on fitted pools, from one epoch of the smallest on.
        mixtures: What each was trained on.
        contests: Budgets with a choice, smallest first.
        notes: What was left out, in words.
        warnings: Runs that contradict each other.
    """

    rows: tuple[Measurement, ...]
    mixtures: tuple[Mixture, ...]
    contests: tuple[Contest, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


def joint_runs(unseen: Sequence[Measurement], pilots: Sequence[Measurement], fit: Fit) -> JointRuns:
    """Sort joint runs into budgets with a choice.

    Args:
        unseen: Runs that the fit has not seen: joint ones, and single pools measured beside them.
        pilots: Single-pool runs of the fit; a ranked pool measured at a joint run's budget is a candidate.
        fit: Names and sizes of the pools.
    """
    known = {pool.name: pool for pool in fit.pools}
    usable = [row for row in unseen if all(name in known for name in row.pools)]
    notes = []
    if len(usable) < len(unseen):
        foreign = sorted({name for row in unseen for name in row.pools if name not in known})
        notes.append(
            f"{len(unseen) - len(usable)} joint runs are left out: {', '.join(foreign)} has no runs of its own."
        )
    mixing = {name for row in usable if row.is_joint for name in row.pools} or set(known)
    first = EPOCH_SLACK * min(known[name].unique_samples for name in mixing)
    late = [row for row in usable if row.samples_seen >= first]
    if len(late) < len(usable):
        notes.append(f"{len(usable) - len(late)} joint runs end before one epoch of the smallest pool.")
    if not any(row.is_joint for row in late):
        return JointRuns((), (), (), tuple(notes), ())
    mixtures = tuple(_mixture(row, known) for row in late)
    ranked = {pool.name for pool in fit.ranked} or set(known)
    solo = [row for row in pilots if row.pool in ranked]
    contests, warnings = [], []
    for budget in _budgets([row.samples_seen for row in late if row.is_joint]):
        entries = [
            (row, mixture)
            for row, mixture in zip(late, mixtures, strict=True)
            if _near(row, budget) and ranked.issuperset(row.pools)
        ]
        taken = {_key(mixture) for _, mixture in entries}
        extra = [(row, _mixture(row, known)) for row in solo if _near(row, budget)]
        entries += [(row, mixture) for row, mixture in extra if _key(mixture) not in taken]
        found, doubts = _candidates(entries, budget, fit.noise_sd)
        warnings += doubts
        if len(found) > 1:
            contests.append(Contest(budget, found))
    return JointRuns(tuple(late), mixtures, tuple(contests), tuple(notes), tuple(warnings))


def _mixture(row: Measurement, known: Mapping[str, Pool]) -> Mixture:
    if row.is_joint:
        return mixture_of(row, known)
    return union([replace(known[row.pool], unique_samples=row.unique_samples)])


def _candidates(
    entries: Sequence[tuple[Measurement, Mixture]], budget: float, noise_sd: float
) -> tuple[tuple[Measured, ...], list[str]]:
    """Runs of one budget by what they trained on, seeds averaged, smallest pool first."""
    groups: dict[tuple[object, ...], list[tuple[Measurement, Mixture]]] = {}
    for row, mixture in entries:
        groups.setdefault(_key(mixture), []).append((row, mixture))
    found, warnings = [], []
    for group in groups.values():
        errors = sorted(row.error for row, _ in group)
        found.append(Measured(group[0][1], math.fsum(errors) / len(errors), len(errors)))
        if errors[-1] - errors[0] > CONTRADICTION * noise_sd:
            warnings.append(
                f"Runs of {found[-1].label} at {format_count(budget)} samples contradict each other: {errors[0]:.4f} to "
                f"{errors[-1]:.4f}, {(errors[-1] - errors[0]) / noise_sd:.3g} times the noise of one run. Their mean is used; "
                "check what differs."
            )
    return tuple(sorted(found, key=lambda one: (one.mixture.unique_samples, one.label))), warnings


def fixed_choices(
    contests: Sequence[Contest], pilots: Sequence[Measurement], fit: Fit, pool_size: float | None
) -> Mapping[str, tuple[int | None, ...]]:
    """What each simple rule chooses at each budget: an index of its candidates, None where that is not measured.

    Args:
        contests: Budgets with a choice.
        pilots: Single-pool runs of the fit.
        fit: Ranks of the pools.
        pool_size: Rows of the metadata table, which `keep 30 %` needs.
    """
    rules: dict[str, tuple[int | None, ...]] = {}
    names = _best_at_largest_pilot(pilots, fit)
    rules[BEST_AT_PILOT] = tuple(_index(contest, names) for contest in contests)
    rules[KEEP_FIXED] = tuple(
        _of_size(contest, fit, FIXED_KEEP * pool_size) if pool_size else None for contest in contests
    )
    every = frozenset(pool.name for pool in fit.ranked)
    rules[KEEP_ALL] = tuple(_index(contest, every) for contest in contests)
    rules[BEST_FIXED] = _best_fixed(contests)
    return rules


def _best_at_largest_pilot(pilots: Sequence[Measurement], fit: Fit) -> frozenset[str]:
    ranked = {pool.name for pool in fit.ranked} or {pool.name for pool in fit.pools}
    eligible = [row for row in pilots if row.pool in ranked]
    longest = max(row.samples_seen for row in eligible)
    last: dict[str, list[float]] = {}
    for row in eligible:
        if row.samples_seen >= longest * (1 - SAME_BUDGET):
            last.setdefault(row.pool, []).append(row.error)
    return frozenset([min(last, key=lambda name: float(np.mean(last[name])))])


def _best_fixed(contests: Sequence[Contest]) -> tuple[int | None, ...]:
    """The set of pools of least mean regret among those measured at every budget."""
    if not contests:
        return ()
    places = {
        key: [_index_of_key(contest, key) for contest in contests]
        for key in (_key(candidate.mixture) for candidate in contests[0].candidates)
    }
    means = {
        key: float(
            np.mean([contest.regrets[i] for contest, i in zip(contests, at, strict=True) if i is not None])
        )
        for key, at in places.items()
        if None not in at
    }
    return tuple(places[min(means, key=lambda key: means[key])]) if means else (None,) * len(contests)


def _index(contest: Contest, names: frozenset[str]) -> int | None:
    """The candidate of exactly these pools in proportion to their size."""
    for i, candidate in enumerate(contest.candidates):
        if frozenset(candidate.mixture.names) == names and _key(candidate.mixture) == _key(
            union(candidate.mixture.pools)
        ):
            return i
    return None


def _of_size(contest: Contest, fit: Fit, wanted: float) -> int | None:
    """The nested candidate of this many unique samples."""
    for count in range(1, len(fit.ranked) + 1):
        pools = fit.ranked[:count]
        if abs(sum(pool.unique_samples for pool in pools) / wanted - 1.0) <= KEEP_SLACK:
            return _index(contest, frozenset(pool.name for pool in pools))
    return None


def _index_of_key(contest: Contest, key: tuple[object, ...]) -> int | None:
    keys = [_key(candidate.mixture) for candidate in contest.candidates]
    return keys.index(key) if key in keys else None


def _key(mixture: Mixture) -> tuple[object, ...]:
    """What makes two mixtures the same choice, whatever the order of their pools."""
    parts = zip(mixture.pools, mixture.weights, strict=True)
    return tuple(sorted((pool.name, round(weight, WEIGHT_DIGITS)) for pool, weight in parts))


def _budgets(samples_seen: Sequence[float]) -> list[float]:
    """Distinct budgets; those within 1 % of the one before are the same."""
    found: list[float] = []
    for n in sorted(samples_seen):
        if not found or n > found[-1] * (1 + SAME_BUDGET):
            found.append(n)
    return found


def _near(row: Measurement, budget: float) -> bool:
    return budget * (1 - 1e-9) <= row.samples_seen <= budget * (1 + SAME_BUDGET)
