"""The lowest predicted error at every budget, and the budgets at which the best choice changes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from thresher.errors import InputError
from thresher.fits.fit import Fit
from thresher.fits.forecast import Forecast, forecast
from thresher.fits.quantiles import interval
from thresher.plans.candidates import Candidate
from thresher.plans.choice import compare
from thresher.shapes import Float, Int
from thresher.units import check_samples

POINTS = 200
"""Budgets along a frontier, evenly spaced in their logarithm: two of them differ by 2.3 % over two decades."""
REPEATS = 5
"""Times that each draw stands in the forecast of every budget."""


@dataclass(frozen=True)
class FrontierPoint:
    """The best candidate at one budget."""

    samples_seen: float
    candidate: Candidate
    error: float
    low: float
    high: float
    probability_best: float


@dataclass(frozen=True)
class Crossover:
    """A budget at which the best candidate changes; the interval's ends are None beyond the range looked at."""

    samples_seen: float
    low: float | None
    high: float | None
    before: Candidate
    after: Candidate


@dataclass(frozen=True)
class Frontier:
    """The Pareto frontier of error against budget.

    Attributes:
        candidates: What was compared.
        samples_seen: Budgets, rising.
        errors: Predicted error of each candidate at each budget.
        points: The best candidate at each budget.
        crossovers: Where the best candidate changes, by rising budget.
    """

    candidates: tuple[Candidate, ...]
    samples_seen: Float[np.ndarray, " budgets"]
    errors: Float[np.ndarray, "candidates budgets"]
    points: tuple[FrontierPoint, ...]
    crossovers: tuple[Crossover, ...]


def trace_frontier(
    fit: Fit, options: Sequence[Candidate], *, smallest: float, largest: float, points: int = POINTS
) -> Frontier:
    """The best candidate at every budget from the smallest to the largest.

    Args:
        fit: What was fitted.
        options: Candidates to compare; see `candidates`.
        smallest: First budget, in samples.
        largest: Last budget, in samples.
        points: How many budgets.

    Raises:
        InputError: Budgets that no run can have, or that do not rise.
    """
    check_samples(smallest, "--from")
    check_samples(largest, "--to")
    if smallest >= largest:
        raise InputError(f"--from {smallest:g} is not below --to {largest:g}; give the smaller budget first.")
    budgets = np.geomspace(smallest, largest, points)
    found = forecast(fit, [option.mixture for option in options], budgets, repeats=REPEATS)
    low, high = found.interval()
    best = np.argmin(found.mean, axis=0)
    rows = []
    for at, budget in enumerate(budgets):
        i = int(best[at])
        share, _ = compare(found.errors[:, :, at], found.weights)
        rows.append(
            FrontierPoint(
                float(budget),
                options[i],
                float(found.expected[i, at]),
                float(low[i, at]),
                float(high[i, at]),
                float(share[i]),
            )
        )
    return Frontier(
        candidates=tuple(options),
        samples_seen=budgets,
        errors=found.expected,
        points=tuple(rows),
        crossovers=tuple(_crossovers(options, budgets, best, found)),
    )


def _crossovers(
    options: Sequence[Candidate],
    budgets: Float[np.ndarray, " budgets"],
    best: Int[np.ndarray, " budgets"],
    found: Forecast,
) -> list[Crossover]:
    changes = []
    log_budgets = np.log(budgets)
    for at in np.flatnonzero(np.diff(best)):
        before, after = int(best[at]), int(best[at + 1])
        gap = found.mean[before] - found.mean[after]  # it rises through 0 between the two budgets
        share = -gap[at] / (gap[at + 1] - gap[at]) if gap[at + 1] > gap[at] else 0.5
        middle = log_budgets[at] + share * (log_budgets[at + 1] - log_budgets[at])
        gaps = found.errors[:, before] - found.errors[:, after]
        low, high = _crossing_interval(log_budgets, gaps, found.weights)
        changes.append(Crossover(float(np.exp(middle)), low, high, options[before], options[after]))
    return changes


def _crossing_interval(
    log_budgets: Float[np.ndarray, " budgets"],
    gap: Float[np.ndarray, "draws budgets"],
    weights: Float[np.ndarray, " draws"],
) -> tuple[float | None, float | None]:
    """Interval of the budget from which on the second candidate is better, over draws."""
    better = gap > 0
    # the last budget at which the first is still better; a draw that never changes lies outside the range
    last = np.where(better.all(axis=1), -1, better.shape[1] - 1 - np.argmax(~better[:, ::-1], axis=1))
    inside = (last >= 0) & (last < better.shape[1] - 1)
    at = np.clip(last, 0, better.shape[1] - 2)
    rows = np.arange(len(gap))
    left, right = gap[rows, at], gap[rows, at + 1]
    share = np.where(inside, -left / np.where(right > left, right - left, 1.0), 0.0)
    crossing = log_budgets[at] + np.clip(share, 0.0, 1.0) * (log_budgets[at + 1] - log_budgets[at])
    crossing = np.where(inside, crossing, np.where(last < 0, -np.inf, np.inf))
    low, high = (float(np.exp(end)) if np.isfinite(end) else None for end in interval(crossing, weights))
    return low, high
