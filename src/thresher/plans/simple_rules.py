"""What simple rules would choose: the baselines that stand beside every plan, frontier and backtest."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from thresher.errors import InputError
from thresher.fits.fit import Fit
from thresher.fits.fit_law import DRAWS, fit_law
from thresher.fits.forecast import forecast
from thresher.fits.transfer import resized
from thresher.plans.candidates import FIXED_KEEP, Candidate, candidate, keep_fraction, nested
from thresher.pools import Mixture, Pool
from thresher.runs import Measurement, RunTable
from thresher.shapes import Float
from thresher.units import format_percent

BEST_PILOT = "best pool at the largest pilot run"
KEEP_ALL = "keep everything ranked"
KEEP_FIXED = f"keep {format_percent(FIXED_KEEP)}"
COPY_NEAREST = "copy the nearest runs"
PAPER_RULE = "the paper's law"
FEW_POOLS = 64
"""With more the paper's law chooses by its most probable parameters: its draws would take longer than all the rest."""


@dataclass(frozen=True)
class Baseline:
    """What a simple rule would train on, and its predicted error; None where the rule cannot be applied."""

    name: str
    candidate: Candidate | None
    error: float | None


def baselines(
    fit: Fit,
    options: Sequence[Candidate],
    samples_seen: Float[np.ndarray, " budgets"],
    *,
    pool_size: float | None = None,
    paper: Fit | None = None,
) -> list[tuple[Baseline, ...]]:
    """The simple rules at each budget, with the error that the fit predicts for what they choose.

    Args:
        fit: What was fitted.
        options: Candidates, among which some rules choose.
        samples_seen: Budgets, in samples.
        pool_size: Rows of the metadata table; a fixed share kept is unknown without it.
        paper: The paper's law for the same pools; see `paper_fit`.
    """
    fixed: dict[str, Candidate | None] = {
        BEST_PILOT: _best_pilot(fit, pool_size),
        KEEP_ALL: candidate(fit.ranked, pool_size) if fit.ranked == nested(fit)[-1] else None,
        KEEP_FIXED: keep_fraction(fit, FIXED_KEEP, pool_size),
    }
    by_paper = forecast(paper, [one.mixture for one in options], samples_seen).mean if paper else None
    found = []
    for at, budget in enumerate(samples_seen):
        rules = {
            **fixed,
            COPY_NEAREST: _by_copying(fit, options, float(budget)),
            PAPER_RULE: options[int(np.argmin(by_paper[:, at]))] if by_paper is not None else None,
        }
        known = {name: rule.mixture for name, rule in rules.items() if rule is not None}
        errors: dict[str, float] = {}
        if known:
            expected = forecast(fit, list(known.values()), np.array([budget]), repeats=1).expected[:, 0]
            errors = dict(zip(known, map(float, expected), strict=True))
        found.append(tuple(Baseline(name, rule, errors.get(name)) for name, rule in rules.items()))
    return found


def paper_fit(fit: Fit) -> Fit | None:
    """The paper's law for the single-pool runs of a fit, at its pool sizes and exposure; None where they do not allow one."""
    if fit.parts:
        return None
    names = {pool.name for pool in fit.pools}
    singles = tuple(row for row in fit.rows if not row.is_joint and row.pool in names)
    if {row.pool for row in singles} != names:
        return None
    try:
        table = RunTable(singles, "the fitted runs", declared_unit=fit.unit)
        draws = DRAWS if len(names) <= FEW_POOLS else 0
        found = fit_law(table, law="paper", chance=fit.chance or 1.0, unit=fit.unit, draws=draws)
    except InputError:  # too few runs for a utility of every pool: then there is no such baseline
        return None
    sizes = {pool.name: pool.unique_samples for pool in fit.pools if math.isfinite(pool.unique_samples)}
    return replace(resized(found, sizes), exposure=fit.exposure)


def best_pilot(rows: Sequence[Measurement], names: Sequence[str]) -> str | None:
    """The pool of least error, mean over seeds, at the longest single-pool runs; None where there are none of these pools."""
    singles = [row for row in rows if not row.is_joint and row.pool in names]
    longest = max((row.samples_seen for row in singles), default=0.0)
    errors: dict[str, list[float]] = {}
    for row in singles:
        if row.samples_seen == longest:
            errors.setdefault(row.pool, []).append(row.error)
    means = {name: math.fsum(found) / len(found) for name, found in errors.items()}
    return min(sorted(means), key=lambda name: means[name]) if means else None


def copy_nearest(rows: Sequence[Measurement], mixture: Mixture, samples_seen: float) -> float:
    """Weighted mean of what each pool measured at the nearest samples seen; NaN where it measured nothing.

    Args:
        rows: Single-pool runs to copy from; runs of one pool at one budget are averaged.
        mixture: What is to be predicted. A pool without runs takes those of its quality nearest in size.
        samples_seen: Budget, in samples.
    """
    parts = [
        weight * _nearest(rows, pool, samples_seen)
        for pool, weight in zip(mixture.pools, mixture.weights, strict=True)
    ]
    return float(sum(parts))


def _nearest(rows: Sequence[Measurement], pool: Pool, samples_seen: float) -> float:
    own = [row for row in rows if row.pool == pool.name and row.unique_samples == pool.unique_samples]
    if not own and pool.quality is not None:
        alike = [row for row in rows if row.quality == pool.quality]
        sizes = {row.unique_samples for row in alike}
        if sizes:
            size = min(sizes, key=lambda N: (size_gap(N, pool.unique_samples), N))
            own = [row for row in alike if row.unique_samples == size]
    own = own or [row for row in rows if row.pool == pool.name]
    if not own:
        return float("nan")
    budget = min({row.samples_seen for row in own}, key=lambda n: (abs(np.log(n / samples_seen)), n))
    return float(np.mean([row.error for row in own if row.samples_seen == budget]))


def size_gap(one: float, other: float) -> float:
    """How far two sizes lie apart, as a logarithm; 0 for two pools that never repeat."""
    return 0.0 if one == other else abs(math.log(one) - math.log(other))


def _best_pilot(fit: Fit, pool_size: float | None) -> Candidate | None:
    winner = best_pilot(fit.rows, [pool.name for pool in fit.mixable])
    return (
        candidate([pool for pool in fit.pools if pool.name == winner], pool_size)
        if winner is not None
        else None
    )


def _by_copying(fit: Fit, options: Sequence[Candidate], samples_seen: float) -> Candidate | None:
    singles = [row for row in fit.rows if not row.is_joint]
    pools = dict.fromkeys(pool for option in options for pool in option.mixture.pools)
    rows_of: dict[str, list[Measurement]] = {}
    for row in singles:
        rows_of.setdefault(row.pool, []).append(row)
    near = {
        pool: _nearest(singles if pool.quality else rows_of.get(pool.name, []), pool, samples_seen)
        for pool in pools
    }
    copied = np.array([
        sum(weight * near[pool] for pool, weight in zip(one.mixture.pools, one.mixture.weights, strict=True))
        for one in options
    ])  # fmt: skip
    return options[int(np.nanargmin(copied))] if np.isfinite(copied).any() else None
