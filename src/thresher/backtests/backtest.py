"""Score every law, the ensemble and the baselines on runs that none of them has seen."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from thresher.backtests.contests import Contest, JointRuns, fixed_choices, joint_runs
from thresher.backtests.predictors import Law, Predictors, fit_predictors, laws_of, others
from thresher.backtests.scores import (
    Backtest,
    Differences,
    Interval,
    Score,
    SplitScore,
    regret_interval,
    root_mean_squares,
)
from thresher.backtests.splits import HeldOut, hold_out
from thresher.errors import InputError
from thresher.fits.choice import IMAGENET_CHANCE
from thresher.fits.ensemble import Progress
from thresher.fits.fit import Fit
from thresher.fits.fit_law import REPLICATES
from thresher.fits.predict import draw_errors
from thresher.pools import Mixture
from thresher.runs import Measurement, RunTable, select_runs
from thresher.shapes import Float
from thresher.units import check_samples

FROM_EPOCH = 1.0
"""Single-pool runs before one epoch are not fitted, as in `fit`: no law describes them."""
TIE_DIGITS = 9
"""Predictions that agree to so many digits are equal, and the smaller pool is chosen."""


def backtest(
    runs: RunTable,
    joint: RunTable | None = None,
    *,
    metric: str | None = None,
    chance: float = IMAGENET_CHANCE,
    pool_size: float | None = None,
    replicates: int = REPLICATES,
    seed: int = 0,
    unit: str | None = None,
    progress: Progress | None = None,
) -> Backtest:
    """Every member of the ensemble, the ensemble and the baselines, scored on the same unseen runs.

    Single-pool runs are held out (the last epochs, one budget, one pool), everything is fitted to the rest, the
    weights of the ensemble too, and the held-out runs are predicted. Joint runs are predicted from all
    single-pool runs, and at every budget with two or more measured candidates each predictor chooses one.

    Args:
        runs: Runs of one model. Joint runs in it are scored, never fitted.
        joint: More joint runs, and single pools measured beside them; none of it is fitted.
        metric: The metric to score, where there are several.
        chance: Error of guessing, for fractions.
        pool_size: Rows of the metadata table; the baseline `keep 30 %` needs it.
        replicates: Bootstrap refits of each law, over which the ensemble's choice is averaged.
        seed: Seed of the bootstraps.
        unit: `fraction` or `loss` where the metric's name does not say.
        progress: Called after each step.

    Raises:
        FitError: Too few runs to fit anything.
        InputError: Several metrics or models, or joint runs of another model or metric.
    """
    if pool_size is not None:
        check_samples(pool_size, "--pool-size")
    table, notes = _measured(select_runs(runs, metric=metric))
    singles = table.singles.from_epoch(FROM_EPOCH)
    unseen, more = _unseen(table, joint)
    whole = fit_predictors(
        singles,
        chance=chance,
        unit=unit,
        replicates=replicates if unseen else 0,
        seed=seed,
        progress=progress,
    )
    laws = laws_of(whole.ensemble)
    held = hold_out(
        singles,
        laws,
        lambda rest: fit_predictors(rest, chance=chance, unit=unit, replicates=0),
        progress,
    )
    found = joint_runs(unseen, singles.rows, whole.ensemble)
    scores = _scores(whole, laws, held, found, pool_size, seed)
    members = sorted(scores[: len(laws)], key=lambda score: -(score.weight or 0.0))
    return Backtest(
        metric=whole.ensemble.metric,
        unit=whole.ensemble.unit,
        noise_sd=whole.ensemble.noise_sd,
        members=tuple(members),
        ensemble=scores[len(laws)],
        baselines=tuple(scores[len(laws) + 1 :]),
        splits=_split_scores(held, len(laws)),
        contests=found.contests,
        heldout_runs=len(held.rows),
        joint_rows=len(found.rows),
        notes=(*notes, *more, *held.notes, *found.notes, *_what_was_held_out(held)),
        warnings=(*found.warnings, *_what_is_missing(held, found, bool(unseen))),
    )


def _measured(table: RunTable) -> tuple[RunTable, list[str]]:
    """A table without the rows that its column `inferred` says were not measured."""
    rows = tuple(row for row in table.rows if row.other.get("inferred", "").strip().lower() != "yes")
    left_out = len(table.rows) - len(rows)
    what = f"1 row of {table.name} is" if left_out == 1 else f"{left_out} rows of {table.name} are"
    notes = [f"{what} marked inferred and enter nothing."] if left_out else []
    return replace(table, rows=rows), notes


def _unseen(table: RunTable, joint: RunTable | None) -> tuple[tuple[Measurement, ...], list[str]]:
    """Joint runs of both tables, and single pools of the second.

    Raises:
        InputError: The second table has no runs of the first's metric or model.
    """
    if joint is None:
        return table.joints.rows, []
    other = joint.of_metric(table.metrics[0])
    rows = tuple(row for row in other.rows if row.model in (None, *table.models) or not table.models)
    if not rows:
        raise InputError(
            f"{joint.name} has runs of {', '.join(other.models)}, but {table.name} of {', '.join(table.models)}; joint runs "
            "are compared with pools of the same model."
        )
    measured, notes = _measured(replace(other, rows=rows))
    if len(rows) < len(other.rows):
        notes.append(f"{len(other.rows) - len(rows)} rows of {joint.name} are of other models.")
    return (*table.joints.rows, *measured.rows), notes


def _scores(
    whole: Predictors,
    laws: Sequence[Law],
    held: HeldOut,
    joint: JointRuns,
    pool_size: float | None,
    seed: int,
) -> list[Score]:
    """Scores of the members, the ensemble, and the baselines, in this order."""
    fit = whole.ensemble
    weights = [member.weight for member in fit.members]
    names = [
        *(f"{law.kernel}, {law.mixing}, kappa {law.kappa:g}, floor {law.floor:.3g}" for law in laws),
        *others(),
    ]
    reference = len(laws)
    heldout = _differences(
        held.predicted, held.rows, [held.splits[at].kind for at in held.split], reference, seed
    )
    budgets = np.array([row.samples_seen for row in joint.rows])
    predicted = whole.errors(laws, joint.mixtures, budgets) if joint.rows else np.empty((0, 0))
    together = _differences(predicted, joint.rows, ["joint"] * len(joint.rows), reference, seed)
    chosen: list[tuple[int | None, ...]] = _choices(whole, laws, joint.contests, reference)
    rules = fixed_choices(joint.contests, whole.rows, fit, pool_size)
    regrets = [_regrets(joint.contests, choice) for choice in (*chosen, *rules.values())]
    scores = []
    for i, name in enumerate((*names, *rules)):
        one = Score(
            name,
            laws[i] if i < reference else None,
            weights[i] if i < reference else 1.0 if i == reference else None,
        )
        if i < len(names):
            one = _with_errors(one, i, heldout, together)
        scores.append(
            _with_picks(
                one, joint.contests, [*chosen, *rules.values()][i], regrets[i], regrets[reference], fit, seed
            )
            if joint.contests
            else one
        )
    return scores


def _differences(
    predicted: Float[np.ndarray, "predictors predictions"],
    rows: Sequence[Measurement],
    kinds: Sequence[str],
    reference: int,
    seed: int,
) -> Differences | None:
    if not rows:
        return None
    gaps = predicted - np.array([row.error for row in rows])
    return root_mean_squares(gaps, kinds, rows, reference, seed)


def _choices(
    whole: Predictors, laws: Sequence[Law], contests: Sequence[Contest], reference: int
) -> list[tuple[int | None, ...]]:
    """What each predictor chooses at each budget; the ensemble as `plan` does, by its draws."""
    chosen = []
    for contest in contests:
        mixtures: list[Mixture] = [candidate.mixture for candidate in contest.candidates]
        errors = whole.errors(laws, mixtures, np.full(len(mixtures), contest.samples_seen))
        draws, weights = draw_errors(whole.ensemble, mixtures, np.array([contest.samples_seen]))
        errors[reference] = weights @ draws[:, :, 0]
        chosen.append(
            [int(np.argmin(np.round(row, TIE_DIGITS))) if np.isfinite(row).all() else None for row in errors]
        )
    return list(zip(*chosen, strict=True)) if chosen else [()] * (len(laws) + len(others()))


def _regrets(contests: Sequence[Contest], choice: Sequence[int | None]) -> list[float | None]:
    return [
        contest.regrets[i] if i is not None else None for contest, i in zip(contests, choice, strict=True)
    ]


def _with_errors(score: Score, at: int, heldout: Differences | None, joint: Differences | None) -> Score:
    if heldout is not None:
        score = replace(
            score,
            heldout_rmse=_known(heldout.rmse[at]),
            heldout_by_kind={
                kind: float(values[at])
                for kind, values in heldout.by_kind.items()
                if math.isfinite(values[at])
            },
            heldout_difference=_bounds(heldout, at),
        )
    if joint is not None:
        score = replace(score, joint_rmse=_known(joint.rmse[at]), joint_difference=_bounds(joint, at))
    return score


def _with_picks(
    score: Score,
    contests: Sequence[Contest],
    choice: Sequence[int | None],
    regrets: Sequence[float | None],
    reference: Sequence[float | None],
    fit: Fit,
    seed: int,
) -> Score:
    measured = [regret for regret in regrets if regret is not None]
    return replace(
        score,
        picks=len(measured),
        picks_right=sum(regret <= fit.noise_sd for regret in measured),
        mean_regret=math.fsum(measured) / len(measured) if measured else None,
        choices=tuple(
            contest.candidates[i].label if i is not None else None
            for contest, i in zip(contests, choice, strict=True)
        ),
        regret_difference=regret_interval(regrets, reference, seed),
    )


def _split_scores(held: HeldOut, first: int) -> tuple[SplitScore, ...]:
    """RMSE of every split, for all predictors that are not members."""
    scores = []
    measured = np.array([row.error for row in held.rows])
    for at, split in enumerate(held.splits):
        mine = np.array(held.split) == at
        values = np.sqrt(np.mean((held.predicted[first:, mine] - measured[mine]) ** 2, axis=1))
        rmse: Mapping[str, float | None] = {
            name: _known(value) for name, value in zip(others(), values, strict=True)
        }
        scores.append(SplitScore(split.label, split.kind, int(mine.sum()), rmse))
    return tuple(scores)


def _what_was_held_out(held: HeldOut) -> list[str]:
    kinds = sorted({split.kind for split in held.splits})
    return [f"Held out: {', '.join(kinds)}; {len(held.rows)} predictions in all."] if kinds else []


def _what_is_missing(held: HeldOut, joint: JointRuns, any_joint: bool) -> list[str]:
    warnings = []
    if not held.splits:
        warnings.append(
            "Too few single-pool runs to hold any out: no held-out error is known. Add runs at 4 or more budgets a pool."
        )
    elif {split.kind for split in held.splits} == {"one run"}:
        warnings.append(
            "Too few runs to hold out epochs, budgets or pools: single runs are left out one at a time instead, which says "
            "little of larger budgets."
        )
    if any_joint and not joint.contests:
        warnings.append("No budget has two measured candidates, so no choice can be scored.")
    return warnings


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _bounds(differences: Differences, at: int) -> Interval | None:
    low, high = float(differences.low[at]), float(differences.high[at])
    return (low, high) if math.isfinite(low) and math.isfinite(high) else None
