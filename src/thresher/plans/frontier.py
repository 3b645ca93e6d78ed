"""The lowest predicted error at every budget, and the budgets at which the best choice changes."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from thresher.arguments import argument
from thresher.errors import ExtrapolationWarning, InputError
from thresher.fits.fit import Fit
from thresher.fits.forecast import forecast
from thresher.fits.quantiles import interval
from thresher.plans.candidates import Candidate
from thresher.plans.choice import compare
from thresher.plans.repetition import allowed, beyond, longest_run, most_epochs
from thresher.shapes import Bool, Float, Int
from thresher.units import check_samples, format_count

POINTS = 200
"""Budgets along a frontier, evenly spaced in their logarithm: two of them differ by 2.3 % over two decades."""
REPEATS = 5
"""Times that each draw stands in the forecast of every budget."""
PART = 2_000_000
"""Errors that are held at once (16 MB): draws times candidates times budgets."""


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
        limits: Sentences on what is left out because it repeats data too often.
    """

    candidates: tuple[Candidate, ...]
    samples_seen: Float[np.ndarray, " budgets"]
    errors: Float[np.ndarray, "candidates budgets"]
    points: tuple[FrontierPoint, ...]
    crossovers: tuple[Crossover, ...]
    limits: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Traced:
    """A forecast at every budget, without its draws.

    Attributes:
        expected: Errors under the most probable laws.
        mean: Over the draws; infinite where a candidate repeats data too often.
        rows: The best candidate at each budget.
    """

    expected: Float[np.ndarray, "candidates budgets"]
    mean: Float[np.ndarray, "candidates budgets"]
    rows: tuple[FrontierPoint, ...]


def trace_frontier(
    fit: Fit,
    options: Sequence[Candidate],
    *,
    smallest: float,
    largest: float,
    points: int = POINTS,
    max_epochs: float | None = None,
) -> Frontier:
    """The best candidate at every budget from the smallest to the largest, or to where every candidate is worn out.

    Args:
        fit: What was fitted.
        options: Candidates to compare; see `candidates`.
        smallest: First budget, in samples.
        largest: Last budget, in samples.
        points: How many budgets.
        max_epochs: Most passes over any pool; if None, 100, or ten times as many as any run of the fit made.

    Raises:
        InputError: Budgets that no run can have, that do not rise, or at all of which every candidate repeats data too often.
        ExtrapolationWarning: (as a warning) A candidate is left out from some budget on, or all are.
    """
    check_samples(smallest, argument("smallest"))
    check_samples(largest, argument("largest"))
    if smallest >= largest:
        raise InputError(
            f"{argument('smallest')} {smallest:g} is not below {argument('largest')} {largest:g}; give the smaller budget first."
        )
    if max_epochs is not None and not max_epochs > 0:
        raise InputError(f"{argument('max_epochs')} is {max_epochs:g}; it must be positive.")
    epochs = most_epochs(fit, max_epochs)
    budgets = np.geomspace(smallest, largest, points)
    passes = np.array([max(option.mixture.epochs(1.0)) for option in options])  # for each sample seen
    feasible = ~beyond(passes[:, None] * budgets, epochs)
    last = int(feasible.any(axis=0).sum())  # more samples never wear out less
    if not last:
        raise InputError(
            f"At {format_count(smallest)} samples and beyond, every candidate repeats a pool more often than "
            f"{allowed(epochs, max_epochs)}. Raise that, or add pools."
        )
    limits = []
    if last < points:
        limits.append(
            f"The frontier ends at {format_count(float(budgets[last - 1]))} samples: beyond, every candidate repeats a pool more "
            f"often than {allowed(epochs, max_epochs)}."
        )
    budgets, feasible = budgets[:last], feasible[:, :last]
    traced = _trace(fit, options, budgets, feasible)
    ends = np.array([longest_run(option.mixture, epochs) for option in options])
    best = np.argmin(traced.mean, axis=0)
    limits += _limits_at_crossovers(options, budgets, best, feasible, allowed(epochs, max_epochs))
    for text in limits:
        warnings.warn(text, ExtrapolationWarning, stacklevel=2)
    return Frontier(
        candidates=tuple(options),
        samples_seen=budgets,
        errors=traced.expected,
        points=traced.rows,
        crossovers=tuple(_crossovers(fit, options, budgets, best, traced.mean, ends)),
        limits=tuple(limits),
    )


def _trace(
    fit: Fit,
    options: Sequence[Candidate],
    budgets: Float[np.ndarray, " budgets"],
    feasible: Bool[np.ndarray, "candidates budgets"],
) -> _Traced:
    """Forecasts of a few budgets at a time: their draws outgrow any memory where candidates are many."""
    mixtures = [option.mixture for option in options]
    draws = REPEATS * max(part.draws for part in fit.parts or (fit,))
    at_once = max(PART // (draws * len(options)), 1)
    expected, means, rows = [], [], []
    for first in range(0, len(budgets), at_once):
        some = budgets[first : first + at_once]
        found = forecast(fit, mixtures, some, repeats=REPEATS)
        low, high = found.interval()
        mean = np.where(feasible[:, first : first + at_once], found.mean, np.inf)
        expected.append(found.expected)
        means.append(mean)
        for at, budget in enumerate(some):
            compared = np.flatnonzero(np.isfinite(mean[:, at]))
            share, _ = compare(found.errors[:, compared, at], found.weights)
            i = int(np.argmin(mean[:, at]))
            probability = float(share[np.searchsorted(compared, i)])
            error, ends = float(found.expected[i, at]), (float(low[i, at]), float(high[i, at]))
            rows.append(FrontierPoint(float(budget), options[i], error, *ends, probability))
    return _Traced(np.concatenate(expected, axis=1), np.concatenate(means, axis=1), tuple(rows))


def _crossovers(
    fit: Fit,
    options: Sequence[Candidate],
    budgets: Float[np.ndarray, " budgets"],
    best: Int[np.ndarray, " budgets"],
    mean: Float[np.ndarray, "candidates budgets"],
    ends: Float[np.ndarray, " candidates"],
) -> list[Crossover]:
    """Where the best candidate changes: two errors are equal there, or the one before ends for repeating data too often."""
    changes = []
    log_budgets = np.log(budgets)
    for at in np.flatnonzero(np.diff(best)):
        before, after = int(best[at]), int(best[at + 1])
        pair = (options[before], options[after])
        if not np.isfinite(mean[before, at + 1]):
            changes.append(Crossover(*(float(ends[before]),) * 3, *pair))
            continue
        gap = (
            mean[before, at : at + 2] - mean[after, at : at + 2]
        )  # it rises through 0 between the two budgets
        share = -gap[0] / (gap[1] - gap[0]) if gap[1] > gap[0] else 0.5
        middle = log_budgets[at] + share * (log_budgets[at + 1] - log_budgets[at])
        found = forecast(fit, [option.mixture for option in pair], budgets, repeats=REPEATS)
        gaps = found.errors[:, 0] - found.errors[:, 1]
        low, high = _crossing_interval(log_budgets, gaps, found.weights)
        changes.append(Crossover(float(np.exp(middle)), low, high, *pair))
    return changes


def _limits_at_crossovers(
    options: Sequence[Candidate],
    budgets: Float[np.ndarray, " budgets"],
    best: Int[np.ndarray, " budgets"],
    feasible: Bool[np.ndarray, "candidates budgets"],
    limit: str,
) -> list[str]:
    """Sentences on candidates that are best until they repeat a pool too often."""
    return [
        f"From {format_count(float(budgets[at + 1]))} samples on a limit decided this: {options[best[at]].label} repeats a pool "
        f"more often than {limit}."
        for at in np.flatnonzero(np.diff(best))
        if not feasible[best[at], at + 1]
    ]


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
