"""`backtest --json`."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from thresher.backtests import Backtest, Score


def backtest_document(found: Backtest) -> Mapping[str, Any]:
    """Every law and the baselines; keys without a value are null."""
    return {
        "laws": [_score(score) for score in found.laws],
        "baselines": [_score(score) for score in found.baselines],
        "metric": found.metric,
        "unit": found.unit,
        "noise_sd": found.noise_sd,
        "splits": [
            {
                "left_out": split.label,
                "runs": len(split.measured),
                "rmse": {name: split.rmse(name) for name in split.said},
            }
            for split in found.splits
        ],
        "budgets": [
            {
                "samples_seen": contest.samples_seen,
                "measured": [
                    {
                        "pools": list(candidate.mixture.names),
                        "weights": list(candidate.mixture.weights),
                        "error": candidate.error,
                        "runs": candidate.runs,
                    }
                    for candidate in contest.candidates
                ],
                "best": contest.best.label,
                "chosen": {score.name: score.choices[at] for score in (*found.laws, *found.baselines)},
            }
            for at, contest in enumerate(found.contests)
        ],
        "notes": list(found.notes),
        "warnings": list(found.warnings),
    }


def _score(score: Score) -> Mapping[str, Any]:
    return {name: value for name, value in asdict(score).items() if name not in ("choices", "regrets")}
