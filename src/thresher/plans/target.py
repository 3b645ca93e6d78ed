"""The cheapest budget that reaches an error with a stated probability."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from thresher.arguments import argument
from thresher.errors import InputError
from thresher.fits.fit import Fit
from thresher.fits.forecast import forecast
from thresher.plans.candidates import Candidate
from thresher.plans.repetition import allowed, longest_run, most_epochs
from thresher.shapes import Float
from thresher.units import format_count

FEWEST_SAMPLES = 1e3
"""Smallest budget searched; no model has learned anything by then."""
POINTS = 33
"""Budgets tried at once between two ends."""
REPEATS = 5
"""Times that each draw stands in a forecast."""
REFINEMENTS = 5
"""Times that the interval shrinks to a 32nd: to one part in 10^6 of a budget."""


@dataclass(frozen=True)
class Target:
    """What it takes to reach an error.

    Attributes:
        error: The error asked for.
        probability: That one new run reaches it.
        samples_seen: Cheapest budget.
        candidate: What to train on at that budget.
        expected: Its predicted error there.
        others: Budgets that the other candidates need; None where one never gets there.
        limit: A sentence where another candidate would be cheaper but for the limit on passes; else empty.
    """

    error: float
    probability: float
    samples_seen: float
    candidate: Candidate
    expected: float
    others: tuple[tuple[Candidate, float | None], ...]
    limit: str = ""

    @property
    def verdict(self) -> str:
        """One sentence for a person."""
        return (
            f"{format_count(self.samples_seen)} samples of {self.candidate.label} are the cheapest way to {self.error:g} or "
            f"better with probability {self.probability:g} (predicted {self.expected:.4f}).{self.limit}"
        )


def find_target(
    fit: Fit,
    options: Sequence[Candidate],
    target: float,
    *,
    probability: float = 0.5,
    max_epochs: float | None = None,
) -> Target:
    """The cheapest budget at which one new run on the best candidate reaches an error with a stated probability.

    Args:
        fit: What was fitted, already of the exposure that training will have.
        options: Candidates to compare; see `candidates`.
        target: The error to reach, in the unit of the fit.
        probability: That a run, with its noise, has this error or less.
        max_epochs: Most passes over any pool; if None, 100, or ten times as many as any run of the fit made.

    Raises:
        InputError: A probability outside (0, 1), an error that is none, or one that no candidate reaches.
    """
    if not 0 < probability < 1:
        raise InputError(
            f"{argument('probability')} is {probability:g}; it must lie between 0 and 1, both excluded."
        )
    if not 0 < target < (1 if fit.unit == "fraction" else math.inf):
        accepted = "between 0 and 1" if fit.unit == "fraction" else "above 0"
        raise InputError(
            f"{argument('target')} is {target:g}; an error of this fit ({fit.metric}) lies {accepted}."
        )
    epochs = most_epochs(fit, max_epochs)
    if not epochs > 0:
        raise InputError(f"{argument('max_epochs')} is {epochs:g}; it must be positive.")
    most = [longest_run(option.mixture, epochs) for option in options]
    needed = [
        _cheapest(fit, option, target, probability, end) for option, end in zip(options, most, strict=True)
    ]
    reached = [(n, i) for i, n in enumerate(needed) if n is not None]
    if not reached:
        most_searched = f", as many as are searched unless {argument('max_epochs')} says otherwise"
        within = f"{epochs:g} epochs{most_searched if max_epochs is None else ''}"
        raise InputError(_unreachable(fit, options, most, target, probability, within))
    budget, best = min(reached)
    expected = forecast(fit, [options[best].mixture], np.array([budget]), repeats=1).expected
    others = tuple(
        (option, n) for i, (option, n) in enumerate(zip(options, needed, strict=True)) if i != best
    )
    cut_short = [
        option
        for option, end, n in zip(options, most, needed, strict=True)
        if n is None and end < budget and _cheapest(fit, option, target, probability, budget) is not None
    ]
    limit = ""
    if cut_short:
        limit = (
            f" A limit decided this: {cut_short[0].label} is predicted to get there with fewer samples, but only in more "
            f"epochs than {allowed(epochs, max_epochs)}."
        )
    return Target(target, probability, budget, options[best], float(expected[0, 0]), others, limit)


def reach_probability(
    fit: Fit, option: Candidate, error: float, samples_seen: Float[np.ndarray, " budgets"]
) -> Float[np.ndarray, " budgets"]:
    """Probability that one new run on a candidate has an error or less, at each budget."""
    return forecast(fit, [option.mixture], samples_seen, repeats=REPEATS).probability_below(error)[0]


def _cheapest(fit: Fit, option: Candidate, error: float, probability: float, most: float) -> float | None:
    """Least budget at which the candidate reaches the error; it only grows likelier with the budget."""
    low, high = min(FEWEST_SAMPLES, most / 2), most
    for _ in range(REFINEMENTS):
        budgets = np.geomspace(low, high, POINTS)
        enough = reach_probability(fit, option, error, budgets) >= probability
        if not enough.any():
            return None
        at = int(np.argmax(enough))
        if at == 0:
            return float(budgets[0])
        low, high = float(budgets[at - 1]), float(budgets[at])
    return high


def _unreachable(
    fit: Fit,
    options: Sequence[Candidate],
    most: Sequence[float],
    error: float,
    probability: float,
    within: str,
) -> str:
    """Why no candidate gets there, and how near the nearest gets."""
    ends = [
        float(forecast(fit, [option.mixture], np.array([n]), repeats=1).expected[0, 0])
        for option, n in zip(options, most, strict=True)
    ]
    best = int(np.argmin(ends))
    return (
        f"No candidate reaches {error:g} with probability {probability:g} within {within}: the nearest is "
        f"{options[best].label}, predicted {ends[best]:.4f} at {format_count(most[best])} samples. Ask for a higher error, or "
        "rank more pools."
    )
