"""How much less compute a choice needs than a simple rule, for the same error."""

from dataclasses import dataclass

import numpy as np

from thresher.fits.fit import Fit
from thresher.fits.forecast import forecast
from thresher.fits.quantiles import INTERVAL, weighted_quantile
from thresher.plans.candidates import FIXED_KEEP, Candidate, candidate, keep_fraction, nested
from thresher.plans.plan import Plan
from thresher.shapes import Float
from thresher.units import format_percent

WIDEST_GAIN = 1000.0
"""Largest gain looked for; a rule that needs more than this is said never to get there."""
LEAST_GAIN = 0.1
"""Smallest gain told apart: the choice has the least expected regret, so that a rule beats it by little, and in few draws."""
REPEATS = 5
"""Times that each draw stands in a forecast."""
MOST_THRESHOLDS = 20
"""Fixed thresholds that are compared, evenly spread over the buckets where there are more."""
POINTS = 41
"""Budgets along which a rule's error is traced, evenly spaced in their logarithm: ten a decade."""


@dataclass(frozen=True)
class Gain:
    """Compute-equivalent gain of a choice over a rule: the budget that the rule needs for the same error / the budget.

    Attributes:
        name: The rule.
        gain: From the most probable laws; None where the rule never gets there.
        low: 5 % point over draws; None where it never gets there.
        high: 95 % point; None where it never gets there.
    """

    name: str
    gain: float | None
    low: float | None
    high: float | None


def compute_gains(fit: Fit, plan: Plan, *, pool_size: float | None = None) -> tuple[Gain, ...]:
    """The gain of a plan's choice over no filter, over keeping 30 % and over every other fixed threshold.

    Args:
        fit: What the plan was made from, of the same exposure.
        plan: One budget's choice.
        pool_size: Rows of the metadata table; without it, keeping 30 % is unknown and left out.
    """
    if not fit.ranked:
        return ()  # without an order of quality there are no thresholds to compare
    rules = _rules(fit, plan.best.candidate, pool_size)
    if not rules:
        return ()
    budget = plan.samples_seen
    budgets = budget * np.geomspace(LEAST_GAIN, WIDEST_GAIN, POINTS)
    # one forecast of all, so that a rule and the choice share their draws and their doubts of mixing
    mixtures = [*[rule.mixture for _, rule in rules], plan.best.candidate.mixture]
    traced = forecast(fit, mixtures, budgets, repeats=REPEATS)
    here = forecast(fit, mixtures, np.array([budget]), repeats=REPEATS)
    wanted, least = here.expected[-1], here.errors[:, -1, 0]
    found = []
    for at, (name, _) in enumerate(rules):
        gain = float(budget_for(traced.expected[at, None], wanted, budgets)[0] / budget)
        gains = budget_for(traced.errors[:, at], least, budgets) / budget
        low, high = (float(weighted_quantile(gains, here.weights, share)) for share in INTERVAL)
        found.append(Gain(name, _finite(gain), _finite(low), _finite(high)))
    return tuple(found)


def budget_for(
    errors: Float[np.ndarray, "draws budgets"],
    wanted: Float[np.ndarray, " draws"],
    budgets: Float[np.ndarray, " budgets"],
) -> Float[np.ndarray, " draws"]:
    """The budget at which each falling curve has the wanted error, between points linear in ln of the budget; `inf` beyond."""
    below = errors <= wanted[:, None]
    first = np.argmax(below, axis=1)
    rows = np.arange(len(errors))
    after = np.maximum(first, 1)
    left, right = errors[rows, after - 1], errors[rows, after]
    share = np.clip((left - wanted) / np.where(left > right, left - right, 1.0), 0.0, 1.0)
    logs = np.log(budgets)
    at = np.exp(logs[after - 1] + share * (logs[after] - logs[after - 1]))
    return np.where(below.any(axis=1), np.where(first == 0, budgets[0], at), np.inf)


def _rules(fit: Fit, chosen: Candidate, pool_size: float | None) -> list[tuple[str, Candidate]]:
    """Simple rules by name: everything ranked, a fixed 30 %, and each other threshold between buckets."""
    sets = [candidate(pools, pool_size) for pools in nested(fit)]
    rules: list[tuple[str, Candidate]] = []
    if fit.ranked == nested(fit)[-1]:
        rules.append(("keep everything ranked", sets.pop()))
    fixed = keep_fraction(fit, FIXED_KEEP, pool_size)
    if fixed is not None:
        rules.append((f"keep {format_percent(FIXED_KEEP)}", fixed))
    step = max(-(-len(sets) // MOST_THRESHOLDS), 1)
    rules += [(_threshold(one), one) for one in sets[::step] if fixed is None or not _same(one, fixed)]
    return [(name, rule) for name, rule in rules if rule.mixture != chosen.mixture]


def _threshold(rule: Candidate) -> str:
    kept = (
        f"keep {format_percent(rule.keep)}"
        if rule.keep is not None
        else "keep " + " + ".join(rule.mixture.names)
    )
    return f"always {kept}"


def _same(one: Candidate, other: Candidate) -> bool:
    return one.mixture.names == other.mixture.names and bool(
        np.isclose(one.mixture.unique_samples, other.mixture.unique_samples)
    )


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
