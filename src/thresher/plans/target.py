"""The cheapest budget that reaches an error with a stated probability."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from thresher.errors import InputError
from thresher.fits.fit import Fit
from thresher.fits.forecast import forecast
from thresher.plans.candidates import Candidate
from thresher.shapes import Float
from thresher.units import MOST_SAMPLES, format_count

MOST_EPOCHS = 100.0
"""Passes over a pool beyond which no budget is searched: error can rise again from about 45 passes on, and no law here can."""
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
    """

    error: float
    probability: float
    samples_seen: float
    candidate: Candidate
    expected: float
    others: tuple[tuple[Candidate, float | None], ...]

    @property
    def verdict(self) -> str:
        """One sentence for a person."""
        return (
            f"{format_count(self.samples_seen)} samples of {self.candidate.label} are the cheapest way to {self.error:g} or "
            f"better with probability {self.probability:g} (predicted {self.expected:.4f})."
        )


def find_target(
    fit: Fit,
    options: Sequence[Candidate],
    error: float,
    *,
    probability: float = 0.5,
    max_epochs: float | None = None,
) -> Target:
    """The cheapest budget at which one new run on the best candidate reaches an error with a stated probability.

    Args:
        fit: What was fitted, already of the exposure that training will have.
        options: Candidates to compare; see `candidates`.
        error: In the unit of the fit.
        probability: That a run, with its noise, has this error or less.
        max_epochs: Most passes over any pool; `MOST_EPOCHS` if None.

    Raises:
        InputError: A probability outside (0, 1), an error that is none, or one that no candidate reaches.
    """
    if not 0 < probability < 1:
        raise InputError(f"--probability is {probability:g}; it must lie between 0 and 1, both excluded.")
    if not (error > 0 and (fit.unit != "fraction" or error < 1)):
        accepted = "between 0 and 1" if fit.unit == "fraction" else "above 0"
        raise InputError(f"--target is {error:g}; an error of this fit ({fit.metric}) lies {accepted}.")
    epochs = MOST_EPOCHS if max_epochs is None else max_epochs
    if not epochs > 0:
        raise InputError(f"--max-epochs is {epochs:g}; it must be positive.")
    most = [_longest(option, epochs) for option in options]
    needed = [
        _cheapest(fit, option, error, probability, end) for option, end in zip(options, most, strict=True)
    ]
    reached = [(n, i) for i, n in enumerate(needed) if n is not None]
    if not reached:
        raise InputError(_unreachable(fit, options, most, error, probability, epochs))
    budget, best = min(reached)
    expected = forecast(fit, [options[best].mixture], np.array([budget]), repeats=1).expected
    others = tuple(
        (option, n) for i, (option, n) in enumerate(zip(options, needed, strict=True)) if i != best
    )
    return Target(error, probability, budget, options[best], float(expected[0, 0]), others)


def _longest(option: Candidate, epochs: float) -> float:
    """Largest budget searched for a candidate; one that never repeats has no limit but that of any run."""
    passes = max(option.mixture.epochs(1.0))
    return min(epochs / passes, MOST_SAMPLES) if passes > 0 else MOST_SAMPLES


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
    epochs: float,
) -> str:
    """Why no candidate gets there, and how near the nearest gets."""
    ends = [
        float(forecast(fit, [option.mixture], np.array([n]), repeats=1).expected[0, 0])
        for option, n in zip(options, most, strict=True)
    ]
    best = int(np.argmin(ends))
    return (
        f"No candidate reaches {error:g} with probability {probability:g} within {epochs:g} epochs: the nearest is "
        f"{options[best].label}, predicted {ends[best]:.4f} at {format_count(most[best])} samples. Ask for a higher error, or "
        "rank more pools."
    )
