"""Answers as the JSON that scripts rely on; the keys are a contract."""

from collections.abc import Sequence
from typing import Any

from thresher.fits.fit import Fit
from thresher.fits.predict import Prediction
from thresher.pilots.next_run import NextRuns
from thresher.pilots.recovery import Recovery
from thresher.plans.candidates import Candidate
from thresher.plans.choice import Choice
from thresher.plans.frontier import Frontier
from thresher.plans.mixture import Saving
from thresher.plans.plan import Plan


def fit_summary(fit: Fit) -> dict[str, Any]:
    """`fit --json`."""
    single = fit.members[0] if len(fit.members) == 1 else None
    return {
        "kernel": single.kernel if single else "ensemble",
        "mixing": single.mixing if single else "ensemble",
        "metric": fit.metric,
        "amplitude": float(single.parameters.amplitude[0]) if single else None,
        "onset": float(single.parameters.onset[0]) if single else None,
        "floor": float(single.parameters.floor[0]) if single else None,
        "kappa": single.kappa if single else None,
        "pools": [
            {
                "pool": report.pool.name,
                "unique_samples": report.pool.unique_samples,
                "utility": report.utility,
                "utility_interval": list(report.utility_interval),
                "worth": report.worth,
                "half_life": report.half_life,
                "half_life_interval": list(report.half_life_interval) if report.half_life_interval else None,
                "runs": report.runs,
                "verdicts": [finding.verdict.name for finding in report.findings],
            }
            for report in fit.reports
        ],
        "rmse": fit.rmse,
        "noise_sd": fit.noise_sd,
        "dropped_rows": fit.dropped_rows,
        "warnings": [
            *fit.warnings,
            *[finding.message for report in fit.reports for finding in report.findings],
            *fit.notes,
        ],
    }


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
                "baselines": [
                    {"name": baseline.name, "error": baseline.error} for baseline in plan.baselines
                ],
                "verdict": plan.verdict,
                "sensitivity": list(plan.sensitivity),
            }
            for plan in found
        ],
        "warnings": list(dict.fromkeys(text for plan in found for text in plan.warnings)),
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


def next_runs(found: NextRuns, recoveries: tuple[Recovery, Recovery] | None) -> dict[str, Any]:
    """`next --json`."""
    return {
        "runs": [
            {
                "pools": list(run.mixture.names),
                "unique_samples": run.mixture.unique_samples,
                "samples_seen": run.samples_seen,
                "cost": run.cost,
                "regret_reduction": run.regret_reduction,
            }
            for run in found.runs
        ],
        "stop": found.stop,
        "verdict": found.verdict,
        "half_lives_identified": (
            {"now": dict(recoveries[0].identified), "with_runs_twice_as_long": dict(recoveries[1].identified)}
            if recoveries
            else None
        ),
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
