"""What each law predicts of runs that it has not seen: the last epochs, one budget, or one pool left out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from thresher.fits.curves import Curves
from thresher.fits.least_squares import minimise
from thresher.fits.observations import Observations
from thresher.shapes import Bool, Float

LAST_SHARE = 0.25
"""Share of each pool's budgets, the largest ones, that `last epochs` leaves out."""
FEWEST_LEFT = 3
"""Budgets of a pool that a fold keeps at least."""
FEWEST_POOLS = 3
"""Sizes of one quality that `one pool` needs: with two, the rest could say nothing of how half-lives grow."""
MOST_BUDGETS = 6
"""Budgets left out one at a time; evenly spread where there are more."""


@dataclass(frozen=True)
class Fold:
    """Measurements to leave out together; `kind` says why."""

    kind: str
    left_out: Bool[np.ndarray, "groups runs"]


def folds(observations: Observations) -> tuple[Fold, ...]:
    """Every way of holding out that these runs allow; empty where they are too few."""
    return (*_last_epochs(observations), *_one_budget(observations), *_one_pool(observations))


def heldout_losses(
    curves: Curves, theta: Float[np.ndarray, " parameters"], held: Sequence[Fold]
) -> dict[str, Float[np.ndarray, " folds"]]:
    """Mean squared held-out error of each fold, in units of the standard error, by kind of fold.

    Args:
        curves: The problem with all runs.
        theta: Its optimum, from which each refit starts.
        held: The folds.
    """
    losses: dict[str, list[float]] = {}
    for fold, z in zip(held, heldout_residuals(curves, theta, held), strict=True):
        losses.setdefault(fold.kind, []).append(float(np.mean(z**2)))
    return {kind: np.array(values) for kind, values in losses.items()}


def heldout_residuals(
    curves: Curves, theta: Float[np.ndarray, " parameters"], held: Sequence[Fold]
) -> list[Float[np.ndarray, " left_out"]]:
    """Predicted less measured error of what each fold leaves out, in units of the standard error.

    Arguments as in `heldout_losses`.
    """
    observations = curves.observations
    residuals = []
    for fold in held:
        kept = replace(
            curves,
            observations=replace(observations, weight=np.where(fold.left_out, 0.0, observations.weight)),
        )
        lower, upper = kept.bounds
        # levels are relative to the mean of ln n, which moved with the runs
        start = _shifted(curves, kept, theta)
        solution = minimise(kept.evaluate, start[None], lower, upper)
        fitted = kept.fitted(solution.parameters)[0]
        residuals.append(((fitted - observations.error) * observations.weight)[fold.left_out])
    return residuals


def _shifted(
    before: Curves, after: Curves, theta: Float[np.ndarray, " parameters"]
) -> Float[np.ndarray, " parameters"]:
    """The same curves, with their levels stated at the reference of other runs."""
    part = before.slices["level"]
    moved = theta.copy()
    if part.stop > part.start:
        b = before.expand(theta[None]).b[0][int(before.anchored) :]
        moved[part] = theta[part] + b * (after.log_reference - before.log_reference)
    return moved


def _last_epochs(observations: Observations) -> list[Fold]:
    left_out = np.zeros(observations.error.shape, dtype=bool)
    for g in range(len(observations.groups)):
        for pool in np.unique(observations.pool[g][observations.used[g]]):
            mine = observations.used[g] & (observations.pool[g] == pool)
            budgets = np.unique(observations.samples_seen[g][mine])
            last = min(max(1, round(LAST_SHARE * len(budgets))), len(budgets) - 1)
            if last > 0 and _enough(observations, g, budgets[:-last]):
                left_out[g] |= mine & (observations.samples_seen[g] > budgets[-last - 1])
    return [Fold("last epochs", left_out)] if left_out.any() else []


def _enough(observations: Observations, g: int, budgets: Float[np.ndarray, " budgets"]) -> bool:
    """Whether a group stays fittable when one of its pools keeps only these budgets."""
    pools = np.unique(observations.pool[g][observations.used[g]])
    return len(budgets) >= FEWEST_LEFT or (len(pools) > 1 and len(budgets) >= 1)


def _one_budget(observations: Observations) -> list[Fold]:
    budgets = np.unique(np.round(np.log(observations.samples_seen[observations.used]), 2))
    if len(budgets) > MOST_BUDGETS:
        budgets = budgets[np.unique(np.linspace(0, len(budgets) - 1, MOST_BUDGETS).round().astype(int))]
    found = []
    for budget in budgets:
        left_out = observations.used & (np.round(np.log(observations.samples_seen), 2) == budget)
        if _each_group_keeps(observations, left_out):
            found.append(Fold("one budget", left_out))
    return found


def _one_pool(observations: Observations) -> list[Fold]:
    found = []
    for g in range(len(observations.groups)):
        pools = np.unique(observations.pool[g][observations.used[g]])
        if len(pools) < FEWEST_POOLS:
            continue
        for pool in pools:
            left_out = observations.used & (observations.pool == pool)
            if _each_group_keeps(observations, left_out):
                found.append(Fold("one pool", left_out))
    return found


def _each_group_keeps(observations: Observations, left_out: Bool[np.ndarray, "groups runs"]) -> bool:
    """Whether every group keeps enough runs at enough budgets."""
    for g in range(len(observations.groups)):
        kept = observations.used[g] & ~left_out[g]
        if np.count_nonzero(kept) < FEWEST_LEFT or len(np.unique(observations.samples_seen[g][kept])) < 2:
            return False
    return True
