"""What the laboratory found: predictions from single buckets alone, beside joint runs that no fit has seen."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from thresher.errors import ExtrapolationWarning, InputError
from thresher.fits.fit import Fit
from thresher.fits.fit_law import DRAWS, fit_law
from thresher.fits.predict import Prediction, predict_mixture
from thresher.plans.candidates import candidates
from thresher.plans.frontier import Frontier, trace_frontier
from thresher.plans.plan import Plan, choose_plans
from thresher.runs import Measurement, RunTable
from thresher.shapes import Float
from thresher.units import format_number

CLEAR = 2.0
"""Standard errors by which a pool must be better than every other to count as clearly the best."""
FEWEST_SEEDS = 2
FRONTIER_POINTS = 48


@dataclass(frozen=True)
class Forecast:
    """What is known before any joint run is looked at.

    Attributes:
        fit: Of single-bucket runs.
        plans: The choice at each budget.
        predictions: Of the best 1, 2, .. buckets, at each budget.
    """

    fit: Fit
    plans: tuple[Plan, ...]
    predictions: tuple[tuple[Prediction, ...], ...]


@dataclass(frozen=True)
class Outcome:
    """One budget: measured beside predicted. Position k - 1 is the best k buckets.

    Attributes:
        samples_seen: The budget.
        measured: Mean error over seeds.
        standard_error: Of that mean, over seeds; every seed is evaluated on the same images.
        predicted: Error predicted from single buckets.
        chosen: How many of the best buckets thresher trains on.
        probability: How sure it is that this is best.
    """

    samples_seen: int
    measured: tuple[float, ...]
    standard_error: tuple[float, ...]
    predicted: tuple[float, ...]
    chosen: int
    probability: float

    @property
    def best(self) -> int:
        """How many of the best buckets measured the least error."""
        return int(np.argmin(self.measured)) + 1

    @property
    def clearly_best(self) -> bool:
        """Whether that is better than every other beyond noise."""
        others = [kept for kept in range(1, len(self.measured) + 1) if kept != self.best]
        return all(self.is_clear(self.best, other) for other in others)

    def is_clear(self, better: int, worse: int) -> bool:
        """Whether the best `better` buckets err less than the best `worse` by `CLEAR` standard errors of the difference."""
        spread = float(np.hypot(self.standard_error[better - 1], self.standard_error[worse - 1]))
        return self.measured[worse - 1] - self.measured[better - 1] > CLEAR * spread

    def regret(self, kept: int) -> float:
        """Measured error of keeping the best `kept` buckets less the least measured."""
        return self.measured[kept - 1] - min(self.measured)


@dataclass(frozen=True)
class Findings:
    """Everything that was found."""

    forecast: Forecast
    outcomes: tuple[Outcome, ...]
    frontier: Frontier
    joint: RunTable

    @property
    def mean_regret(self) -> float:
        """Of thresher's choices, over budgets."""
        return float(np.mean([one.regret(one.chosen) for one in self.outcomes]))

    @property
    def fixed_regrets(self) -> tuple[float, ...]:
        """Mean over budgets of the regret of always keeping the best 1, 2, .. buckets."""
        numbers = range(1, len(self.outcomes[0].measured) + 1)
        return tuple(float(np.mean([one.regret(kept) for one in self.outcomes])) for kept in numbers)

    @property
    def root_mean_square(self) -> float:
        """Of predicted less measured, over all pools and budgets."""
        return float(np.sqrt(np.mean(self._gaps**2)))

    @property
    def mean_gap(self) -> float:
        """Predicted less measured; positive is too pessimistic."""
        return float(np.mean(self._gaps))

    @property
    def rises(self) -> tuple[tuple[int, int, int, int], ...]:
        """Rises of the measured best pool beyond noise: (buckets before, last seen at, buckets after, first seen at).

        Each is clear against the pool that it replaces: the smaller was clearly better than the larger where it was best,
        and is clearly worse where the larger is. A third pool may tie with either.
        """
        found: list[tuple[int, int, int, int]] = []
        kept, since = self.outcomes[0].best, 0
        for at, one in enumerate(self.outcomes):
            earlier = [
                before
                for before in self.outcomes[since:at]
                if before.best == kept and before.is_clear(kept, one.best)
            ]
            if one.best > kept and earlier and one.is_clear(one.best, kept):
                found.append((kept, earlier[-1].samples_seen, one.best, one.samples_seen))
                kept, since = one.best, at
        return tuple(found)

    @property
    def _gaps(self) -> Float[np.ndarray, " predictions"]:
        return np.array([
            p - m for one in self.outcomes for p, m in zip(one.predicted, one.measured, strict=True)
        ])  # fmt: skip


def forecast(
    pilots: RunTable, budgets: Sequence[int], *, pool_size: int, classes: int, draws: int = DRAWS
) -> Forecast:
    """Fit single-bucket runs, choose a pool for each budget, and predict what each will reach.

    Args:
        pilots: Runs of single buckets, ranked.
        budgets: Samples seen.
        pool_size: Pairs of the whole pool.
        classes: Classes of the evaluation; guessing errs at 1 - 1 / classes.
        draws: Draws of each kernel.

    Raises:
        FitError: The runs cannot be fitted, for example since nothing was learned.
    """
    if pilots.joints.rows:
        raise InputError("A forecast is made from single buckets alone; leave joint runs out.")
    fit = fit_law(pilots, chance=1 - 1 / classes, draws=draws)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExtrapolationWarning)  # the joint runs tell what that is worth
        plans = choose_plans(fit, budgets, pool_size=pool_size)
        names = [pool.name for pool in fit.ranked]
        predictions = [predict_mixture(fit, names[:kept], list(budgets)) for kept in range(1, len(names) + 1)]
    return Forecast(fit, plans, tuple(zip(*predictions, strict=True)))


def compare(known: Forecast, joint: RunTable) -> Findings:
    """Measured beside predicted.

    Args:
        known: The forecast.
        joint: Runs of the best 1, 2, .. buckets at the forecast's budgets, several seeds each.
    """
    fit = known.fit
    sizes = range(1, len(fit.ranked) + 1)
    outcomes = []
    for plan, predicted in zip(known.plans, known.predictions, strict=True):
        groups = [_errors(joint, fit, kept, plan.samples_seen) for kept in sizes]
        outcomes.append(
            Outcome(
                int(plan.samples_seen),
                tuple(float(np.mean(group)) for group in groups),
                tuple(float(np.std(group, ddof=1) / np.sqrt(len(group))) for group in groups),
                tuple(one.error for one in predicted),
                len(plan.best.candidate.mixture.pools),
                plan.best.probability_best,
            )
        )
    budgets = [plan.samples_seen for plan in known.plans]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExtrapolationWarning)
        traced = trace_frontier(
            fit, candidates(fit), smallest=min(budgets), largest=max(budgets), points=FRONTIER_POINTS
        )
    return Findings(known, tuple(outcomes), traced, joint)


def _errors(joint: RunTable, fit: Fit, kept: int, samples_seen: float) -> list[float]:
    pools = frozenset(pool.name for pool in fit.ranked[:kept])
    errors = [
        row.error for row in joint.rows if frozenset(row.pools) == pools and row.samples_seen == samples_seen
    ]
    if len(errors) < FEWEST_SEEDS:
        raise InputError(
            f"The best {kept} at {format_number(samples_seen, 6)} samples were measured {len(errors)} times; "
            f"it takes {FEWEST_SEEDS} seeds."
        )
    return errors


def mean_rows(found: Findings) -> tuple[Measurement, ...]:
    """The mean over seeds of every joint measurement, to draw."""
    names = [pool.name for pool in found.forecast.fit.ranked]
    return tuple(
        Measurement("+".join(names[: at + 1]), 1.0, one.samples_seen, found.forecast.fit.metric, error)
        for one in found.outcomes
        for at, error in enumerate(one.measured)
    )


def findings_document(found: Findings, seconds: float) -> Mapping[str, Any]:
    """`lab run --json`."""

    def by_size(values: Sequence[float]) -> dict[str, float]:
        return {str(at + 1): value for at, value in enumerate(values)}

    return {
        "seconds": seconds,
        "budgets": [
            {
                "samples_seen": one.samples_seen,
                "measured": by_size(one.measured),
                "standard_error": by_size(one.standard_error),
                "predicted": by_size(one.predicted),
                "chosen": one.chosen,
            }
            for one in found.outcomes
        ],
        "best_by_budget": [one.best for one in found.outcomes],
        "mean_regret": found.mean_regret,
        "best_fixed_regret": min(found.fixed_regrets),
    }
