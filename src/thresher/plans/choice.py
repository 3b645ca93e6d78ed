"""One candidate at one budget, how choices compare, and the sentence that says so."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from thresher.fits.fit import Fit
from thresher.fits.forecast import Forecast
from thresher.plans.candidates import Candidate
from thresher.shapes import Float
from thresher.units import format_count

BORROWED = "Borrowed, not measured: "
"""How a verdict opens that rests on somebody else's runs."""


@dataclass(frozen=True)
class Choice:
    """One candidate at one budget.

    Attributes:
        error: Predicted error.
        low: 5 % point of the error of one new run.
        high: 95 % point.
        probability_best: Weighted share of draws in which its noise-free error is least.
        expected_regret: Mean excess over the best candidate of each draw.
    """

    candidate: Candidate
    samples_seen: float
    error: float
    low: float
    high: float
    probability_best: float
    expected_regret: float

    @property
    def epochs(self) -> tuple[float, ...]:
        """Passes over each pool."""
        return self.candidate.mixture.epochs(self.samples_seen)


def compare(
    errors: Float[np.ndarray, "draws candidates"], weights: Float[np.ndarray, " draws"]
) -> tuple[Float[np.ndarray, " candidates"], Float[np.ndarray, " candidates"]]:
    """Probability of being best, and expected regret, of each candidate; ties share the draw."""
    least = errors.min(axis=1, keepdims=True)
    first = errors <= least
    share = weights @ (first / first.sum(axis=1, keepdims=True))
    return np.minimum(share, 1.0), weights @ (errors - least)


def choices_at(
    found: Forecast, options: Sequence[Candidate], samples_seen: Float[np.ndarray, " budgets"], at: int,
    feasible: Sequence[int],
) -> tuple[Choice, ...]:  # fmt: skip
    """Every feasible candidate at one budget.

    Args:
        found: Forecast of all candidates at all budgets.
        options: The candidates.
        samples_seen: The budgets.
        at: Which budget.
        feasible: Which candidates are compared.
    """
    low, high = (ends[:, at] for ends in found.interval())
    share, regret = compare(found.errors[:, feasible, at], found.weights)
    return tuple(
        Choice(
            options[i], float(samples_seen[at]), float(found.expected[i, at]), float(low[i]), float(high[i]),
            float(share[k]), float(regret[k]),
        )
        for k, i in enumerate(feasible)
    )  # fmt: skip


def verdict(
    fit: Fit,
    best: Choice,
    runner_up: Choice | None,
    *,
    either: bool,
    borrowed: bool = False,
) -> str:
    """One sentence: what to train on, how good, how sure."""
    opening = BORROWED if borrowed else ""
    blended = ("worst " if fit.worst else "weighted ") if fit.parts else ""
    unit = blended + ("loss" if fit.unit == "loss" else "error")
    found = (
        f"predicted {unit} {best.error:.4f} ({best.low:.4f} to {best.high:.4f}), best with probability "
        f"{best.probability_best:.2f}"
    )
    at = f"{opening}At {format_count(best.samples_seen)} samples"
    if runner_up is None:
        return f"{at}: {best.candidate.label} is the only candidate, {found}."
    behind = runner_up.expected_regret - best.expected_regret
    if either:
        return (
            f"{at} either {best.candidate.label} or {runner_up.candidate.label}: they differ by {behind:.4f}, below the noise "
            f"of one run ({fit.noise_sd:.4f}); the first has {found}."
        )
    return (
        f"{at} train on {best.candidate.label}: {found}; {runner_up.candidate.label} is {behind:.4f} worse."
    )
