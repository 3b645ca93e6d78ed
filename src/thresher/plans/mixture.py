"""The best mixture over weights, what it gains over the nested pools, and whether to believe it.

The weights minimise the expected error of laws that cannot gain from dilution (`plans/weights.py`), and are then judged by
the laws as they are. They are offered only if both expect less error from them than from every nested pool: a gain that
needs half-lives to grow with the mixture is an assumption, and is said to be one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from thresher.fits.doubts import untrained_shares
from thresher.fits.fit import Fit, with_laws
from thresher.fits.forecast import forecast
from thresher.fits.quantiles import interval
from thresher.plans.candidates import Candidate
from thresher.plans.choice import Choice, compare
from thresher.plans.constraints import EVERY, WHOLE_SLACK, Bounds, Constraints, bounds, clash_of_sets
from thresher.plans.repetition import held_back
from thresher.plans.supports import solve
from thresher.plans.weights import Solution, divergence, free_objective, minimise
from thresher.pools import Mixture, rescaled
from thresher.units import format_count, format_percent

NEXT_TO_NOTHING = 1 / 30
"""Share of a run's noise that a worse pool must save to be in a mixture: 0.0001 for most fractions."""
ALIKE_DIGITS = 2
"""Mixtures whose weights agree to so many digits are one."""
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
    fit: Fit, samples_seen: float, constraints: Constraints | None = None
) -> tuple[Mixture, Solution]:
    """The mixture of least error, under laws that cannot gain from dilution.

    Args:
        fit: What was fitted.
        samples_seen: Budget in samples, repeats counted.
        constraints: What to respect.

    Returns:
        The mixture, without the pools that get no weight, and how it was found; `Solution.weights` has all pools
        but those in `never`.

    Raises:
        InputError: Constraints that clash.
    """
    limits = constraints or Constraints()
    found = bounds(limits, fit.mixable, samples_seen)
    objective = free_objective(fit, found.pools, samples_seen)
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
    *,
    asked_epochs: float | None = None,
) -> BestMixture | None:
    """The best mixture at one budget, beside the candidates; None where fewer than two pools mix.

    Args:
        fit: What was fitted, for the exposure that is planned.
        samples_seen: Budget in samples.
        constraints: What to respect.
        nested: Choices to beat; those of ranked pools only are looked at.
        pool_size: Rows of the metadata table, for the share kept.
        asked_epochs: The passes that were asked for; None where those in the constraints are the default.

    Raises:
        InputError: Constraints that clash, or that give a share to a pool that is in no mixture.
    """
    mixable = {pool.name for pool in fit.mixable}
    # a pool that is in no mixture is left out anyway
    constraints = replace(constraints, never=[name for name in constraints.never if name in mixable])
    simple = [choice for choice in nested if set(choice.candidate.mixture.names) <= mixable]
    if not simple or len(mixable) < 2:
        return None
    if constraints.near:
        simple = [_present(fit, constraints, samples_seen)]
    mixture, solution = best_weights(fit, samples_seen, constraints)
    keep = mixture.unique_samples / pool_size if pool_size else None
    option = Candidate(mixture, keep if fit.ranked else None)
    compared = [mixture, *[choice.candidate.mixture for choice in simple]]
    budget = np.array([samples_seen])
    found = forecast(fit, compared, budget)
    guarded = with_laws(fit, lambda law: law.without_dilution()) if _wears(fit) else fit
    error, *others = found.expected[:, 0]
    level = forecast(guarded, compared, budget, repeats=1).expected[:, 0]
    limits = bounds(constraints, fit.mixable, samples_seen)
    keeps = np.array([_keeps_shares(one, limits) for one in compared[1:]])
    comparable = keeps | ~keeps.any()
    best = int(np.argmin(np.where(comparable, others, np.inf)))
    gaps = found.errors[:, 1 + best, 0] - found.errors[:, 0, 0]
    low, high = interval(gaps, found.weights)
    helps = min(float(found.weights @ (gaps > NO_GAIN)), 1.0)
    saving = Saving(float(others[best] - error), float(low), float(high), helps)
    least = float(level[1:][comparable].min())
    # where no candidate has the shares asked for, the weights are what was asked for, saving or not
    offered = bool(not keeps.any() or (saving.error > NO_GAIN and least - level[0] > NO_GAIN))
    choice = simple[best]
    if offered:
        ends = [end[0, 0] for end in found.interval()]
        share, regret = compare(found.errors[:, :, 0], found.weights)
        choice = Choice(
            option, float(samples_seen), float(error), float(ends[0]), float(ends[1]), float(share[0]), float(regret[0])
        )  # fmt: skip
    sentence = _verdict(fit, option, simple[best], saving, float(least - level[0]), offered=offered)
    if limits.near is not None:
        moved = divergence(solution.weights[None], limits.near)[0]
        sentence += f" They are {moved:.3g} nats from the present mixture (limit {limits.kl:g})."
    if offered and constraints.max_epochs is not None:
        capped = _at_most_epochs(mixture, samples_seen, constraints)
        sentence += held_back(capped, constraints.max_epochs, asked_epochs)
    doubts = untrained_shares(fit, mixture) if offered else ()
    return BestMixture(choice, saving, offered, " ".join((sentence, *doubts)), solution.residual)


def _present(fit: Fit, constraints: Constraints, samples_seen: float) -> Choice:
    """The present mixture that the weights are to stay near, as a choice to beat."""
    pools = [pool for pool in fit.mixable if constraints.near.get(pool.name, 0.0) > 0]
    mixture = Mixture(
        tuple(pools), rescaled([pool.name for pool in pools], [constraints.near[pool.name] for pool in pools])
    )
    found = forecast(fit, [mixture], np.array([samples_seen]))
    low, high = (float(end[0, 0]) for end in found.interval())
    error = float(found.expected[0, 0])
    return Choice(Candidate(mixture, None, "the present mixture"), samples_seen, error, low, high, 1.0, 0.0)


def likely_mixtures(fit: Fit, samples_seen: float, count: int, max_epochs: float) -> tuple[Mixture, ...]:
    """The best weights, and those that would be best if one draw of the laws were true: what there is to choose between.

    Args:
        fit: What was fitted.
        samples_seen: Budget in samples.
        count: Draws looked at.
        max_epochs: Most passes over any pool.

    Raises:
        InputError: The pools do not last so long.
    """
    pools = fit.mixable
    within = bounds(Constraints(max_epochs=max_epochs), pools, samples_seen)
    lower, upper = within.lower, np.minimum(within.upper, 1.0)
    step = max(fit.draws // max(count, 1), 1) if not fit.parts else 7
    objectives = [
        free_objective(fit, pools, samples_seen),
        *[free_objective(fit, pools, samples_seen, draw=i * step) for i in range(count)],
    ]
    found: dict[tuple[float, ...], Mixture] = {}
    for objective in objectives:
        weights = minimise(objective, lower, upper).weights
        used = [(pool, float(w)) for pool, w in zip(pools, weights, strict=True) if w > 0]
        alike = tuple(np.round(weights, ALIKE_DIGITS))
        found.setdefault(alike, Mixture(tuple(pool for pool, _ in used), tuple(w for _, w in used)))
    return tuple(found.values())


def _at_most_epochs(mixture: Mixture, samples_seen: float, constraints: Constraints) -> list[str]:
    """Pools whose share no limit holds down but that on passes."""
    most = constraints.max_epochs if constraints.max_epochs is not None else np.inf
    every = constraints.max_share.get(EVERY, 1.0)
    return [
        name
        for name, weight, epochs in zip(
            mixture.names, mixture.weights, mixture.epochs(samples_seen), strict=True
        )
        if epochs >= most * (1 - WHOLE_SLACK) and weight < constraints.max_share.get(name, every)
    ]


def _wears(fit: Fit) -> bool:
    """Whether any pool that mixes can wear out; where none can, no share pays for being small."""
    return any(np.isfinite(pool.unique_samples) for pool in fit.mixable)


def _keeps_shares(mixture: Mixture, limits: Bounds) -> bool:
    """Whether a nested pool, sampled evenly, is within the shares asked for."""
    share = dict(zip(mixture.names, mixture.weights, strict=True))
    w = np.array([share.get(pool.name, 0.0) for pool in limits.pools])
    return bool(np.all((w >= limits.lower - WHOLE_SLACK) & (w <= limits.upper + WHOLE_SLACK)))


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
            f"{at} the weights {shares} would save {saving.error:.4f} over {simple_label}, but only because dilution is assumed "
            "to help: half-lives grow with the mixture (kappa above 0), or the mixing power is above 1. Without that they save "
            "nothing, so they are not offered."
        )
    if not offered and saved_at_0 > NO_GAIN:
        return (
            f"{at} no weights are offered beside {simple_label}: {shares} would save {saved_at_0:.4f} if dilution did not help "
            "(kappa 0, and a mixing power of at most 1), but not as the runs and priors have it."
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
