"""The best mixture over weights, what it gains over the nested pools, and whether to believe it.

The weights minimise the expected error of laws under which weights may move freely (`plans/objective.py`), and are then
judged by the whole ensemble. They are offered only if the ensemble expects less error from them than from every nested
pool, both as it is and at kappa = 0, where no half-life grows with the mixture.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from thresher.fits.fit import INTERVAL, Fit
from thresher.fits.predict import draw_errors, expected_errors, run_interval
from thresher.plans.candidates import Candidate
from thresher.plans.choice import Choice, compare
from thresher.plans.constraints import WHOLE_SLACK, Bounds, Constraints, bounds, clash_of_sets
from thresher.plans.objective import free_objective, without_growth
from thresher.plans.supports import solve
from thresher.plans.weights import Solution
from thresher.pools import Mixture
from thresher.shapes import Float
from thresher.units import format_count, format_percent

NEXT_TO_NOTHING = 1 / 30
"""Share of a run's noise that a worse pool must save to be in a mixture: 0.0001 for most fractions."""
NO_GAIN = 1e-9
"""A saving below this is rounding."""


@dataclass(frozen=True)
class Saving:
    """Error that weights save over the best nested pool; negative where they cost.

    Attributes:
        error: Expected saving.
        low: 5 % point over draws, without the noise of runs.
        high: 95 % point.
        probability: Share of draws in which they save anything.
    """

    error: float
    low: float
    high: float
    probability: float


@dataclass(frozen=True)
class BestMixture:
    """What the plan says about weights.

    Attributes:
        choice: The best mixture that is offered: the optimal weights, or the best nested pool where these are not.
        saving: Of the optimal weights, offered or not.
        offered: Whether `choice` has the optimal weights.
        verdict: One sentence for a person.
        residual: Error that moving weight could still save under the laws optimised over, per unit of weight.
    """

    choice: Choice
    saving: Saving
    offered: bool
    verdict: str
    residual: float


def best_weights(
    fit: Fit, samples_seen: float, constraints: Constraints | None = None, *, quantile: float | None = None
) -> tuple[Mixture, Solution]:
    """The mixture of ranked pools of least error, under laws that let weights move freely.

    Args:
        fit: What was fitted.
        samples_seen: Budget in samples, repeats counted.
        constraints: What to respect.
        quantile: Minimise this quantile of one run's error instead of the expected error.

    Returns:
        The mixture, without the pools that get no weight, and how it was found; `Solution.weights` has all pools
        but those in `never`.

    Raises:
        InputError: Constraints that clash, or a fit without ranked pools.
    """
    limits = constraints or Constraints()
    found = bounds(limits, fit.ranked, samples_seen)
    objective = free_objective(fit, found.pools, samples_seen, quantile=quantile)
    solution = solve(
        objective,
        found,
        integer_repeats=limits.integer_repeats,
        tolerance=NEXT_TO_NOTHING * fit.noise_sd,
        noise_sd=fit.noise_sd,
    )
    if solution is None:
        raise clash_of_sets(found, limits)
    used = [(pool, float(w)) for pool, w in zip(found.pools, solution.weights, strict=True) if w > 0]
    return Mixture(tuple(pool for pool, _ in used), tuple(w for _, w in used)), solution


def choose_mixture(
    fit: Fit,
    samples_seen: float,
    constraints: Constraints,
    nested: Sequence[Choice],
    pool_size: float | None,
) -> BestMixture | None:
    """The best mixture at one budget, beside the nested pools; None where no pool is ranked.

    Args:
        fit: What was fitted, for the exposure that is planned.
        samples_seen: Budget in samples.
        constraints: What to respect.
        nested: Choices to beat; those of ranked pools only are looked at.
        pool_size: Rows of the metadata table, for the share kept.

    Raises:
        InputError: Constraints that clash.
    """
    ranked = {pool.name for pool in fit.ranked}
    simple = [choice for choice in nested if set(choice.candidate.mixture.names) <= ranked]
    if not simple or not set(constraints.names) <= ranked:
        return None
    mixture, solution = best_weights(fit, samples_seen, constraints)
    keep = mixture.unique_samples / pool_size if pool_size else None
    option = Candidate(mixture, keep)
    options = [choice.candidate.mixture for choice in simple]
    budget = np.array([samples_seen])
    error, *others = expected_errors(fit, [mixture, *options], budget)[:, 0]
    level = expected_errors(without_growth(fit), [mixture, *options], budget)[:, 0]
    draws, weights = draw_errors(fit, [mixture, *options], budget)
    limits = bounds(constraints, fit.ranked, samples_seen)
    keeps = np.array([_keeps_shares(one, limits) for one in options])
    best = int(np.argmin(np.where(keeps | ~keeps.any(), others, np.inf)))
    saving = _saving(draws[:, 1 + best, 0] - draws[:, 0, 0], weights, float(others[best] - error))
    least = float(level[1:].min())
    # where no nested pool has the shares asked for, the weights are what was asked for, saving or not
    offered = bool(not keeps.any() or (saving.error > NO_GAIN and least - level[0] > NO_GAIN))
    if offered:
        low, high = (ends[0] for ends in run_interval(draws[:, 0], weights, fit.run_sd))
        share, regret = compare(draws[:, :, 0], weights)
        top = fit.chance if fit.unit == "fraction" and fit.chance is not None else np.inf
        choice = Choice(
            option,
            float(samples_seen),
            float(error),
            float(max(low, 0.0)),
            float(min(high, max(top, error))),
            float(share[0]),
            float(regret[0]),
        )
    else:
        choice = simple[best]
    verdict = _verdict(fit, option, simple[best], saving, float(least - level[0]), offered=offered)
    return BestMixture(choice, saving, offered, verdict, solution.residual)


def _keeps_shares(mixture: Mixture, limits: Bounds) -> bool:
    """Whether a nested pool, sampled evenly, is within the shares asked for."""
    share = dict(zip(mixture.names, mixture.weights, strict=True))
    w = np.array([share.get(pool.name, 0.0) for pool in limits.pools])
    return bool(np.all((w >= limits.lower - WHOLE_SLACK) & (w <= limits.upper + WHOLE_SLACK)))


def _saving(
    saved: Float[np.ndarray, " draws"], weights: Float[np.ndarray, " draws"], expected: float
) -> Saving:
    order = np.argsort(saved)
    cumulative = np.cumsum(weights[order])
    low, high = (
        float(saved[order][min(int(np.searchsorted(cumulative, share)), len(order) - 1)])
        for share in INTERVAL
    )
    return Saving(expected, low, high, float(weights @ (saved > NO_GAIN)))


def _verdict(
    fit: Fit, option: Candidate, simple: Choice, saving: Saving, saved_at_0: float, *, offered: bool
) -> str:
    at = f"At {format_count(simple.samples_seen)} samples"
    mixture, simple_label = option.mixture, simple.candidate.label
    shares = ", ".join(
        f"{name} {format_percent(w)}" for name, w in zip(mixture.names, mixture.weights, strict=True)
    )
    if saving.error > NO_GAIN and not offered:
        return (
            f"{at} the weights {shares} would save {saving.error:.4f} over {simple_label}, but only because half-lives are "
            "assumed to grow with the mixture; at kappa = 0 they save nothing, so they are not offered."
        )
    if not offered and saved_at_0 > NO_GAIN:
        return (
            f"{at} no weights are offered beside {simple_label}: {shares} would save {saved_at_0:.4f} if half-lives did not "
            "grow with the mixture (kappa = 0), but not under the ensemble as a whole."
        )
    if not offered:
        return f"{at} no weights are better than sampling {simple_label} evenly."
    found = (
        f"the weights {shares} save {saving.error:.4f} over {simple_label} ({saving.low:.4f} to {saving.high:.4f}; better in "
        f"{saving.probability:.0%} of draws)"
    )
    if saving.error < 0:
        return f"{at} what was asked for costs {-saving.error:.4f} over {simple_label}: {shares}."
    if saving.error < fit.noise_sd:
        return f"{at} {found}, which is below the noise of one run ({fit.noise_sd:.4f}): prefer the simpler {simple_label}."
    return f"{at} {found}, more than the noise of one run ({fit.noise_sd:.4f})."
