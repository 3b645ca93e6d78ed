"""Answers as the JSON that scripts rely on; the keys are a contract."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from thresher.backtests.ranking import Ranking
from thresher.fits.doubts import blocking_doubts
from thresher.fits.fit import Fit
from thresher.fits.predict import Prediction
from thresher.fits.reports import PASSES
from thresher.pilots.next_run import NextRuns
from thresher.plans.by_metric import MetricChoice
from thresher.plans.candidates import Candidate
from thresher.plans.choice import Choice
from thresher.plans.frontier import Frontier
from thresher.plans.mixture import Saving
from thresher.plans.plan import Plan


def blend_summary(fit: Fit, rankings: Sequence[Ranking | None]) -> dict[str, Any]:
    """`fit --json` of several metrics."""
    return {
        "metric": fit.metric,
        "worst": fit.worst,
        "noise_sd": fit.noise_sd,
        "parts": [
            {"times": weight, **fit_summary(part, ranking)}
            for part, weight, ranking in zip(fit.parts, fit.part_weights, rankings, strict=True)
        ],
        "warnings": list(fit.warnings),
    }


def fit_summary(fit: Fit, ranking: Ranking | None = None) -> dict[str, Any]:
    """`fit --json`."""
    shared = {part.name: part for part in fit.shared}

    def value(name: str) -> float | None:
        return shared[name].value if name in shared else None

    return {
        "law": str(fit.law),
        "kernel": fit.laws[0].kernel if len(fit.laws) == 1 else None,
        "metric": fit.metric,
        "onset": value("onset"),
        "floor": value("floor"),
        "kappa": value("kappa"),
        "pools": [
            {
                "pool": report.pool.name,
                "unique_samples": _finite(report.pool.unique_samples),
                "utility": report.utility,
                "utility_interval": _pair(report.utility_interval),
                "worth": report.worth,
                "worth_interval": _pair(report.worth_interval),
                "half_life": report.half_life,
                "half_life_interval": _pair(report.half_life_interval),
                "worth_by_pass": dict(zip(map(str, PASSES), report.worth_by_pass, strict=True)),
                "runs": report.runs,
                "verdicts": [finding.verdict.name for finding in report.findings],
            }
            for report in fit.reports
        ],
        "shared": {
            part.name: {
                "value": part.value,
                "interval": list(part.interval),
                "prior": _pair(part.prior),
                "identified": part.identified,
            }
            for part in fit.shared
        },
        "ranking": asdict(ranking) if ranking is not None else None,
        "rmse": fit.rmse,
        "noise_sd": fit.noise_sd,
        "joint_rows": fit.joint_rows,
        "dropped_rows": fit.dropped_rows,
        "notes": list(fit.notes),
        "warnings": [
            *blocking_doubts(fit),
            *fit.warnings,
            *[finding.message for report in fit.reports for finding in report.findings],
        ],
    }


def _pair(interval: tuple[float, float] | None) -> list[float] | None:
    return list(interval) if interval is not None else None


def _finite(value: float) -> float | None:
    return value if value != float("inf") else None


def predictions(found: Sequence[Prediction]) -> dict[str, Any]:
    """`predict --json`."""
    return {
        "predictions": [
            {
                "pools": list(prediction.mixture.names),
                "weights": list(prediction.mixture.weights),
                "samples_seen": prediction.samples_seen,
                "epochs": list(prediction.epochs),
                "error": prediction.error,
                "low": prediction.low,
                "high": prediction.high,
            }
            for prediction in found
        ]
    }


def plans(found: Sequence[Plan]) -> dict[str, Any]:
    """`plan --json`, and the body of a PLAN file."""
    return {
        "plans": [
            {
                "samples_seen": plan.samples_seen,
                "best": choice_document(plan.best),
                "candidates": [choice_document(choice) for choice in plan.choices],
                "mixture": choice_document(plan.mixture) if plan.mixture else None,
                "mixture_verdict": plan.weighted.verdict if plan.weighted else None,
                "mixture_saving": _saving(plan.weighted.saving) if plan.weighted else None,
                "baselines": [{"name": rule.name, "error": rule.error} for rule in plan.baselines],
                "verdict": plan.verdict,
                "sensitivity": list(plan.sensitivity),
                "exposure": plan.exposure,
                **({"metrics": [_metric(one) for one in plan.by_metric]} if plan.by_metric else {}),
            }
            for plan in found
        ],
        "warnings": list(dict.fromkeys(text for plan in found for text in plan.warnings)),
    }


def _metric(one: MetricChoice) -> dict[str, Any]:
    return {
        "metric": one.metric,
        "weight": one.weight,
        "best": list(one.best.mixture.names),
        "keep": one.best.keep,
        "error": one.error,
        "error_of_choice": one.error_of_choice,
    }


def frontier(found: Frontier) -> dict[str, Any]:
    """`frontier --json`."""
    return {
        "points": [
            {
                "samples_seen": point.samples_seen,
                "pools": list(point.candidate.mixture.names),
                "keep": point.candidate.keep,
                "error": point.error,
                "low": point.low,
                "high": point.high,
                "probability_best": point.probability_best,
            }
            for point in found.points
        ],
        "crossovers": [
            {
                "samples_seen": crossover.samples_seen,
                "low": crossover.low,
                "high": crossover.high,
                "from": _pools(crossover.before),
                "to": _pools(crossover.after),
            }
            for crossover in found.crossovers
        ],
    }


def next_runs(found: NextRuns) -> dict[str, Any]:
    """`next --json`."""
    return {
        "runs": [
            {
                "pools": list(run.mixture.names),
                "unique_samples": _finite(run.mixture.unique_samples),
                "samples_seen": run.samples_seen,
                "cost": run.cost,
                "regret_reduction": run.regret_reduction,
                **({} if run.in_proportion else {"weights": list(run.mixture.weights)}),
            }
            for run in found.runs
        ],
        "stop": found.stop,
        "verdict": found.verdict,
    }


def choice_document(choice: Choice) -> dict[str, Any]:
    """One choice of a plan."""
    mixture = choice.candidate.mixture
    return {
        "pools": list(mixture.names),
        "weights": list(mixture.weights),
        "epochs": list(choice.epochs),
        "keep": choice.candidate.keep,
        "error": choice.error,
        "low": choice.low,
        "high": choice.high,
        "probability_best": choice.probability_best,
        "expected_regret": choice.expected_regret,
    }


def _saving(saving: Saving) -> dict[str, float]:
    return {"error": saving.error, "low": saving.low, "high": saving.high, "probability": saving.probability}


def _pools(candidate: Candidate) -> list[str]:
    return list(candidate.mixture.names)
