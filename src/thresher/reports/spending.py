"""What a plan's JSON says of budgets, targets, gains and several metrics."""

from collections.abc import Mapping, Sequence
from typing import Any

from thresher.budget import Budget
from thresher.plans.gain import Gain
from thresher.plans.metrics import MetricsPlan
from thresher.plans.target import Target
from thresher.reports.documents import choice_document


def with_spending(
    document: Mapping[str, Any],
    budgets: Sequence[Budget],
    gains: Sequence[Sequence[Gain]],
    target: Target | None,
) -> dict[str, Any]:
    """`plan --json` with the budget of each plan in its own unit, its compute-equivalent gains, and the target."""
    plans = [
        {
            **plan,
            "budget": _budget(budget),
            "compute_gains": [
                {"name": one.name, "gain": one.gain, "low": one.low, "high": one.high} for one in found
            ],
        }
        for plan, budget, found in zip(document["plans"], budgets, gains, strict=True)
    ]
    return {**document, "plans": plans, "target": _target(target) if target else None}


def metrics_plans(found: Sequence[MetricsPlan], budgets: Sequence[Budget]) -> dict[str, Any]:
    """`plan --also .. --json`: the plans, and what each metric alone would choose."""
    return {
        "plans": [
            {
                "samples_seen": plan.samples_seen,
                "best": choice_document(plan.best),
                "candidates": [choice_document(choice) for choice in plan.choices],
                "mixture": None,
                "baselines": [],
                "verdict": plan.verdict,
                "budget": _budget(budget),
                "metrics": [
                    {
                        "metric": one.metric,
                        "weight": one.weight,
                        "best": list(one.best.mixture.names),
                        "keep": one.best.keep,
                        "error": one.error,
                        "error_of_choice": one.error_of_choice,
                    }
                    for one in plan.by_metric
                ],
            }
            for plan, budget in zip(found, budgets, strict=True)
        ],
        "warnings": [],
    }


def _budget(budget: Budget) -> dict[str, Any]:
    return {
        "unit": budget.unit,
        "amount": budget.amount,
        "scoring": budget.scoring,
        "pilots": budget.pilots,
        "samples_per_unit": budget.samples_per_unit,
    }


def _target(target: Target) -> dict[str, Any]:
    return {
        "error": target.error,
        "probability": target.probability,
        "samples_seen": target.samples_seen,
        "pools": list(target.candidate.mixture.names),
        "expected": target.expected,
        "others": [
            {"pools": list(option.mixture.names), "samples_seen": needed} for option, needed in target.others
        ],
    }
