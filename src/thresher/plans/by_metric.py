"""What each metric alone would choose, where a plan is for a blend of several."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from thresher.fits.fit import Fit
from thresher.fits.forecast import Forecast
from thresher.plans.candidates import Candidate
from thresher.plans.choice import compare


@dataclass(frozen=True)
class MetricChoice:
    """What one metric alone would choose, and what the joint choice costs it.

    Attributes:
        metric: Its name.
        weight: In the blend; None where the worst metric counts.
        best: What it would choose alone, under the same limits.
        error: Its predicted error of that.
        error_of_choice: Its predicted error of the joint choice.
    """

    metric: str
    weight: float | None
    best: Candidate
    error: float
    error_of_choice: float


def choices_by_metric(
    fit: Fit,
    found: Forecast,
    options: Sequence[Candidate],
    feasible: Sequence[int],
    at: int,
    chosen: Candidate,
) -> tuple[MetricChoice, ...]:
    """Every metric's own choice; empty where the fit is of one metric.

    Args:
        fit: What was fitted.
        found: Its forecast of the candidates.
        options: The candidates.
        feasible: Which of them are compared.
        at: Which budget.
        chosen: What the blend chooses.
    """
    here = options.index(chosen)
    choices = []
    for part, weight, told in zip(fit.parts, fit.part_weights, found.parts, strict=True):
        _, regret = compare(told.errors[:, feasible, at], told.weights)
        own = feasible[int(np.argmin(regret))]
        errors = told.expected[:, at]
        choices.append(
            MetricChoice(
                part.metric,
                None if fit.worst else weight,
                options[own],
                float(errors[own]),
                float(errors[here]),
            )
        )
    return tuple(choices)


def alone_verdict(by_metric: Sequence[MetricChoice], chosen: Candidate) -> list[str]:
    """A sentence on the metrics that alone would choose otherwise; none for one metric."""
    if not by_metric:
        return []
    apart = [one for one in by_metric if one.best.mixture.names != chosen.mixture.names]
    if not apart:
        return ["Every metric alone would choose the same."]
    shown = "; ".join(
        f"{one.metric} {one.best.label} ({one.error:.4f}, here {one.error_of_choice:.4f})" for one in apart
    )
    return [f"Alone would choose otherwise: {shown}."]
