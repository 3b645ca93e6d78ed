"""One choice for several metrics, each with a fit of its own: their weighted sum, or the worst of their regrets."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from thresher.errors import InputError
from thresher.fits.fit import Fit
from thresher.fits.forecast import Forecast, forecast
from thresher.fits.quantiles import INTERVAL
from thresher.plans.candidates import Candidate, candidates
from thresher.plans.choice import Choice, compare
from thresher.shapes import Float
from thresher.units import check_samples, format_count

JOINT_DRAWS = 2000
"""Draws of all metrics together; fits of different metrics are drawn independently, with a fixed seed."""
WEIGHT_TOLERANCE = 1e-6


@dataclass(frozen=True)
class MetricChoice:
    """What one metric alone would choose, and what the joint choice costs it.

    Attributes:
        metric: Its name.
        weight: In the objective; None for the worst case.
        best: What it would choose alone.
        error: Its predicted error of that.
        error_of_choice: Its predicted error of the joint choice.
    """

    metric: str
    weight: float | None
    best: Candidate
    error: float
    error_of_choice: float


@dataclass(frozen=True)
class MetricsPlan:
    """The choice for one budget over several metrics.

    Attributes:
        best: The candidate with the least objective. Its `error` is the objective: the weighted error, or for the worst
            case the largest excess of any metric over its own best.
        choices: All candidates.
        by_metric: Each metric's own answer.
        verdict: One sentence.
    """

    samples_seen: float
    best: Choice
    choices: tuple[Choice, ...]
    by_metric: tuple[MetricChoice, ...]
    verdict: str


def choose_over_metrics(
    fits: Sequence[Fit],
    samples_seen: Sequence[float],
    *,
    weights: Sequence[float] | None = None,
    worst: bool = False,
    sets: Sequence[Sequence[str]] = (),
    pool_size: float | None = None,
    must: Sequence[str] = (),
    never: Sequence[str] = (),
) -> tuple[MetricsPlan, ...]:
    """The best pool for each budget over several metrics.

    Errors of different metrics lie at different levels, so the worst case is over regrets: the largest excess of any
    metric over what it could have had (minimax regret), not the largest error, which the hardest metric would decide.

    Args:
        fits: One for each metric, of the same pools.
        samples_seen: Budgets in samples.
        weights: Of each metric, summing to 1; equal if None.
        worst: Whether to minimise the worst regret instead of the weighted sum.
        sets: Sets of pools to compare besides the nested top-k ones.
        pool_size: Rows of the metadata table, for the share kept.
        must: Pools that every candidate holds.
        never: Pools that no candidate holds.

    Raises:
        InputError: Fewer than two fits, fits of other pools or units, or weights that do not fit them.
    """
    shares = _check(fits, weights, worst)
    options = candidates(fits[0], sets=sets, pool_size=pool_size, must=must, never=never)
    mixtures = [option.mixture for option in options]
    for budget in samples_seen:
        check_samples(budget, "--budget")
    budgets = np.asarray(samples_seen, dtype=float)
    found = [forecast(fit, mixtures, budgets) for fit in fits]
    expected = np.stack([one.expected for one in found])
    drawn = np.stack([_draw(one, i) for i, one in enumerate(found)])
    return tuple(
        _plan(fits, options, float(n), expected[:, :, at], drawn[:, :, :, at], shares, worst)
        for at, n in enumerate(budgets)
    )


def _plan(
    fits: Sequence[Fit],
    options: Sequence[Candidate],
    budget: float,
    expected: Float[np.ndarray, "metrics candidates"],
    drawn: Float[np.ndarray, "metrics draws candidates"],
    shares: Float[np.ndarray, " metrics"],
    worst: bool,
) -> MetricsPlan:
    objective = _objective(expected[:, None, :], shares, worst)[0]
    draws = _objective(drawn, shares, worst)
    probability, regret = compare(draws, np.full(len(draws), 1.0 / len(draws)))
    low, high = np.quantile(draws, INTERVAL, axis=0)
    choices = tuple(
        Choice(
            option, budget, float(objective[i]), float(low[i]), float(high[i]), float(probability[i]), float(regret[i])
        )
        for i, option in enumerate(options)
    )  # fmt: skip
    at = int(np.argmin(regret))
    by_metric = tuple(
        MetricChoice(
            fit.metric,
            None if worst else float(shares[m]),
            options[int(np.argmin(expected[m]))],
            float(expected[m].min()),
            float(expected[m, at]),
        )
        for m, fit in enumerate(fits)
    )
    return MetricsPlan(budget, choices[at], choices, by_metric, _verdict(choices[at], by_metric, worst))


def _objective(
    errors: Float[np.ndarray, "metrics draws candidates"], shares: Float[np.ndarray, " metrics"], worst: bool
) -> Float[np.ndarray, "draws candidates"]:
    if worst:
        return (errors - errors.min(axis=2, keepdims=True)).max(axis=0)
    return np.tensordot(shares, errors, axes=1)


def _draw(found: Forecast, stream: int) -> Float[np.ndarray, "draws candidates budgets"]:
    """Equally likely draws of one metric's errors, independent of those of the others."""
    rng = np.random.default_rng([0, stream])
    return found.errors[rng.choice(len(found.weights), size=JOINT_DRAWS, p=found.weights)]


def _verdict(best: Choice, by_metric: Sequence[MetricChoice], worst: bool) -> str:
    goal = (
        f"at most {best.error:.4f} worse than the best of any metric"
        if worst
        else f"weighted error {best.error:.4f}"
    )
    found = (
        f"At {format_count(best.samples_seen)} samples train on {best.candidate.label} for {len(by_metric)} metrics: predicted "
        f"{goal}, best with probability {best.probability_best:.2f}."
    )
    apart = [one for one in by_metric if one.best.mixture.names != best.candidate.mixture.names]
    if not apart:
        return f"{found} Every metric alone would choose the same."
    shown = "; ".join(
        f"{one.metric} {one.best.label} ({one.error:.4f}, here {one.error_of_choice:.4f})" for one in apart
    )
    return f"{found} Alone would choose otherwise: {shown}."


def _check(
    fits: Sequence[Fit], weights: Sequence[float] | None, worst: bool
) -> Float[np.ndarray, " metrics"]:
    """Weights of the metrics, once everything fits together."""
    if len(fits) < 2:
        raise InputError("Several metrics need several fits; add --also FIT2.")
    if worst and weights is not None:
        raise InputError("--worst-case and --metric-weights exclude each other; give one of them.")
    first = {pool.name: pool.unique_samples for pool in fits[0].mixable}
    for fit in fits[1:]:
        pools = {pool.name: pool.unique_samples for pool in fit.mixable}
        if pools != first:
            odd = sorted(set(first.items()) ^ set(pools.items()))[0][0]
            raise InputError(
                f"The fits of {fits[0].metric} and {fit.metric} differ in pool {odd!r}; fit every metric on runs of the same "
                "pools."
            )
        if fit.unit != fits[0].unit:
            raise InputError(
                f"{fits[0].metric} is a {fits[0].unit} and {fit.metric} a {fit.unit}; they cannot be added. Plan for them apart."
            )
    shares = np.full(len(fits), 1.0 / len(fits)) if weights is None else np.asarray(weights, dtype=float)
    if len(shares) != len(fits):
        raise InputError(
            f"--metric-weights gives {len(shares)} weights for {len(fits)} fits; give one for each."
        )
    if not (np.all(np.isfinite(shares)) and np.all(shares >= 0)):
        raise InputError("--metric-weights must be 0 or more.")
    if not math.isclose(float(shares.sum()), 1.0, abs_tol=WEIGHT_TOLERANCE):
        raise InputError(f"--metric-weights sum to {shares.sum():g}, not 1.")
    return shares
