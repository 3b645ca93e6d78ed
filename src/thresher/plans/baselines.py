"""What simple rules would choose, beside every plan."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from thresher.fits.fit import Fit
from thresher.fits.predict import expected_errors
from thresher.plans.candidates import FIXED_KEEP, Candidate, candidate, keep_fraction, nested
from thresher.shapes import Float


@dataclass(frozen=True)
class Baseline:
    """What a simple rule would choose, and its predicted error; None where the rule cannot be applied."""

    name: str
    error: float | None


def baselines(
    fit: Fit, pool_size: float | None, samples_seen: Float[np.ndarray, " budgets"]
) -> list[tuple[Baseline, ...]]:
    """The simple rules at each budget.

    Args:
        fit: What was fitted.
        pool_size: Rows of the metadata table; a fixed share kept is unknown without it.
        samples_seen: Budgets, in samples.
    """
    rules = _rules(fit, pool_size)
    errors = expected_errors(fit, [rule.mixture for _, rule in rules if rule], samples_seen)
    return [_with_errors(rules, errors[:, at]) for at in range(len(samples_seen))]


def _rules(fit: Fit, pool_size: float | None) -> list[tuple[str, Candidate | None]]:
    """Simple rules by name, and what each would train on."""
    longest = max(row.samples_seen for row in fit.rows)
    last = [row for row in fit.rows if row.samples_seen == longest]
    ranked = {pool.name for pool in fit.ranked} or {pool.name for pool in fit.pools}
    eligible = [row for row in last if row.pool in ranked]
    winner = min(eligible, key=lambda row: (row.error, row.pool)).pool if eligible else None
    best_pilot = candidate([pool for pool in fit.pools if pool.name == winner], pool_size) if winner else None
    everything = candidate(nested(fit)[-1], pool_size) if fit.ranked else None
    return [
        ("best pool at the largest pilot run", best_pilot),
        ("keep everything ranked", everything),
        (f"keep {100 * FIXED_KEEP:.0f} %", keep_fraction(fit, FIXED_KEEP, pool_size)),
    ]


def _with_errors(
    rules: Sequence[tuple[str, Candidate | None]], errors: Float[np.ndarray, " known_rules"]
) -> tuple[Baseline, ...]:
    known = iter(errors)
    return tuple(Baseline(name, float(next(known)) if rule else None) for name, rule in rules)
