"""`backtest --json`."""

from collections.abc import Mapping
from typing import Any

from thresher.backtests import Backtest, Score


def backtest_document(found: Backtest) -> Mapping[str, Any]:
    """Every member, the ensemble and the baselines; keys without a value are null."""
    return {
        "members": [_member(score) for score in found.members],
        "ensemble": {"weight": 1.0, **_scores(found.ensemble)},
        "baselines": [{"name": score.name, **_scores(score)} for score in found.baselines],
        "metric": found.metric,
        "unit": found.unit,
        "noise_sd": found.noise_sd,
        "heldout_runs": found.heldout_runs,
        "joint_rows": found.joint_rows,
        "splits": [
            {"kind": split.kind, "left_out": split.label, "runs": split.runs, "rmse": dict(split.rmse)}
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
                "chosen": chosen,
            }
            for contest, chosen in zip(found.contests, found.ensemble.choices, strict=True)
        ],
        "notes": list(found.notes),
        "warnings": list(found.warnings),
    }


def _member(score: Score) -> Mapping[str, Any]:
    law = score.law
    assert law is not None  # members have one
    return {
        "kernel": law.kernel,
        "mixing": law.mixing,
        "kappa": law.kappa,
        "floor": law.floor,
        "weight": score.weight,
        **_scores(score),
    }


def _scores(score: Score) -> Mapping[str, Any]:
    return {
        "heldout_rmse": score.heldout_rmse,
        "joint_rmse": score.joint_rmse,
        "picks_right": score.picks_right,
        "picks": score.picks,
        "mean_regret": score.mean_regret,
        "heldout_by_kind": dict(score.heldout_by_kind) if score.heldout_by_kind is not None else None,
        "heldout_difference": _pair(score.heldout_difference),
        "joint_difference": _pair(score.joint_difference),
        "regret_difference": _pair(score.regret_difference),
        "choices": list(score.choices),
    }


def _pair(interval: tuple[float, float] | None) -> list[float] | None:
    return list(interval) if interval is not None else None
