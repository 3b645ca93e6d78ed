"""What a plan's JSON says of budgets, targets and gains."""

from collections.abc import Mapping, Sequence
from typing import Any

from thresher.budget import Budget
from thresher.plans.gain import Gain
from thresher.plans.target import Target


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
