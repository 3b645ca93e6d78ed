"""Runs of one mixture at one budget, averaged; and the budgets at which several mixtures were measured."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from thresher.fits.fit import Fit
from thresher.fits.observations import quality_name, row_weights
from thresher.plans.candidates import nested
from thresher.plans.simple_rules import best_pilot, size_gap
from thresher.pools import Mixture, Pool, union
from thresher.runs import Measurement
from thresher.runs.run_table import EPOCH_SLACK
from thresher.units import format_number

SIZE_SLACK = 0.01
"""Mixtures of the same pools count as one where their sizes agree to 1 %."""
WEIGHT_DIGITS = 6


@dataclass(frozen=True)
class Measured:
    """Runs of one mixture at one budget, their errors averaged."""

    mixture: Mixture
    samples_seen: float
    error: float
    runs: int

    @property
    def is_joint(self) -> bool:
        """Whether several pools were trained jointly."""
        return len(self.mixture.pools) > 1

    @property
    def label(self) -> str:
        """Its pools, and weights where they are not in proportion to unique samples."""
        names = "+".join(self.mixture.names)
        weights = ", ".join(format_number(weight) for weight in self.mixture.weights)
        return names if _in_proportion(self.mixture) else f"{names} ({weights})"


@dataclass(frozen=True)
class Contest:
    """The candidates that were measured at one budget, smallest first."""

    samples_seen: float
    candidates: tuple[Measured, ...]

    @property
    def best(self) -> Measured:
        """The candidate of least measured error; the smallest among equals."""
        return min(self.candidates, key=lambda candidate: candidate.error)

    @property
    def regrets(self) -> tuple[float, ...]:
        """Measured error of each candidate less the least."""
        return tuple(candidate.error - self.best.error for candidate in self.candidates)


def measured_in(fit: Fit, rows: Sequence[Measurement]) -> tuple[Measured, ...]:
    """Rows by what they trained on, by budget and then smallest first; rows on pools that the fit does not know are left out."""
    groups: dict[tuple[object, ...], list[tuple[Mixture, Measurement]]] = {}
    for row in rows:
        mixture = trained_on(fit, row)
        if mixture is not None:
            groups.setdefault((_key(mixture), about(row.samples_seen)), []).append((mixture, row))
    found = [
        Measured(
            group[0][0],
            group[0][1].samples_seen,
            math.fsum(row.error for _, row in group) / len(group),
            len(group),
        )
        for group in groups.values()
    ]
    return tuple(
        sorted(found, key=lambda one: (about(one.samples_seen), one.mixture.unique_samples, one.label))
    )


def trained_on(fit: Fit, row: Measurement) -> Mixture | None:
    """What a row trained on, in pools of the fit; one of its quality stands in for a single pool that was not fitted."""
    known = {pool.name: pool for pool in fit.pools}
    if row.is_joint:
        if not known.keys() >= set(row.pools):
            return None
        listed = row.pool_sizes or [known[name].unique_samples for name in row.pools]
        sizes = dict(zip(row.pools, listed, strict=True))
        pools = tuple(replace(known[name], unique_samples=size) for name, size in sizes.items())
        return Mixture(pools, row_weights(row, sizes))
    quality = quality_name(Pool(row.pool, row.unique_samples, quality=row.quality))
    alike = (
        [known[row.pool]] if row.pool in known else [one for one in fit.pools if quality_name(one) == quality]
    )
    if not alike:
        return None
    nearest = min(alike, key=lambda pool: size_gap(pool.unique_samples, row.unique_samples))
    return union([replace(nearest, unique_samples=row.unique_samples)])


def contests(fit: Fit, unseen: Sequence[Measurement]) -> tuple[tuple[Contest, ...], tuple[str, ...]]:
    """The budgets of joint runs with their candidates, and notes on rows that are left out.

    Args:
        fit: What unseen rows are predicted with. Of its own runs the best-ranked pool alone is a candidate beside joint runs,
            and the pool that won the longest of them; every pool where none is ranked.
        unseen: Joint rows, and single pools measured beside them.
    """
    names = {pool.name for pool in fit.mixable}
    known = [row for row in unseen if names.issuperset(row.pools)]
    mixed = {name for row in known if row.is_joint for name in row.pools}
    sizes = [pool.unique_samples for pool in fit.pools if pool.name in mixed]
    first = EPOCH_SLACK * min((size for size in sizes if math.isfinite(size)), default=0.0)
    late = measured_in(fit, [row for row in known if row.samples_seen >= first])
    early = sum(row.samples_seen < first for row in known)
    foreign = ", ".join(sorted({name for row in unseen for name in row.pools} - names))
    notes = []
    if foreign:
        notes.append(
            f"Joint rows left out: {len(unseen) - len(known)}, because {foreign} has no rank or no runs of its own."
        )
    if early:
        notes.append(f"Joint rows left out: {early}, because they end before one epoch of the smallest pool.")
    alone = {pools[0].name for pools in nested(fit)} | {best_pilot(fit.rows, sorted(names))}
    pilots = measured_in(fit, [row for row in fit.rows if row.pool in alone])
    found = []
    for budget in dict.fromkeys(about(one.samples_seen) for one in late if one.is_joint):
        here, beside = ([one for one in of if about(one.samples_seen) == budget] for of in (late, pilots))
        taken = {_key(one.mixture) for one in here}
        here = [*(one for one in beside if _key(one.mixture) not in taken), *here]
        samples = max(one.samples_seen for one in here)
        found.append(
            Contest(samples, tuple(sorted(here, key=lambda one: (one.mixture.unique_samples, one.label))))
        )
    return tuple(found), tuple(notes)


def candidates_of(contests: Sequence[Contest]) -> tuple[Measured, ...]:
    """The candidates of all budgets in a row."""
    return tuple(candidate for contest in contests for candidate in contest.candidates)


def index_of(contest: Contest, mixture: Mixture | None) -> int | None:
    """The candidate of the same pools in the same shares, with as many unique samples."""
    for at, candidate in enumerate(contest.candidates):
        if (
            mixture
            and _shares(candidate.mixture) == _shares(mixture)
            and size_gap(candidate.mixture.unique_samples, mixture.unique_samples) <= SIZE_SLACK
        ):
            return at
    return None


def about(samples: float) -> float:
    """Counts that agree to about 1 % are one: batches rarely divide a budget exactly."""
    return round(math.log(samples), 2)


def _key(mixture: Mixture) -> tuple[object, ...]:
    return (_shares(mixture), about(mixture.unique_samples))


def _shares(mixture: Mixture) -> frozenset[tuple[str, float]]:
    """Weights by pool, whatever the order of the pools."""
    return frozenset(
        (name, round(weight, WEIGHT_DIGITS))
        for name, weight in zip(mixture.names, mixture.weights, strict=True)
    )


def _in_proportion(mixture: Mixture) -> bool:
    if len(mixture.pools) == 1:
        return True
    return math.isfinite(mixture.unique_samples) and _shares(mixture) == _shares(union(mixture.pools))
