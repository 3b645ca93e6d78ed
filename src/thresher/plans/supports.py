"""Weights under limits on which pools are used: at most so many, within a storage, or in whole copies."""

from dataclasses import replace
from itertools import combinations

import numpy as np

from thresher.plans.constraints import WHOLE_SLACK, Bounds
from thresher.plans.weights import Objective, Solution, minimise, minimise_near, residual
from thresher.shapes import Bool, Float, Int

ENUMERATED = 128
"""Sets of pools that are all solved; more are searched by exchanging pools."""
MOST_SOLVES = 400
ENDLESS = 1e30
"""Unique samples of a pool that never repeats."""
MOST_COPIES = 12
"""Copies of one sample in a subset; more would be a subset that is all one pool."""


def solve(
    objective: Objective,
    bounds: Bounds,
    *,
    integer_repeats: bool = False,
    tolerance: float = 0.0,
    noise_sd: float = 0.0,
) -> Solution | None:
    """Weights of least error under all bounds; None where no set of pools meets them.

    Without limits on the set of pools, or where few sets are left, the minimum is exact; otherwise a search that drops,
    adds and exchanges pools ends where none of these helps.

    Args:
        objective: Over the weights of `bounds.pools`.
        bounds: What to respect.
        integer_repeats: Whether epochs must be whole multiples of one number of passes.
        tolerance: What leaving out worse pools may cost; see `simpler`.
        noise_sd: Spread of one run's error.
    """
    if bounds.near is not None and bounds.kl is not None:
        return minimise_near(objective, bounds.lower, bounds.upper, bounds.near, bounds.kl)
    relaxed = minimise(objective, bounds.lower, bounds.upper)
    used = relaxed.weights > 0
    found: Solution | None = relaxed if bounds.holds(used) else _limited(objective, bounds, relaxed.weights)
    if found is not None and tolerance > 0:
        found = simpler(objective, bounds, found, tolerance=tolerance, noise_sd=noise_sd)
    return _whole(objective, bounds, found) if found is not None and integer_repeats else found


def simpler(
    objective: Objective, bounds: Bounds, found: Solution, *, tolerance: float, noise_sd: float
) -> Solution:
    """The same weights without worse pools that save next to nothing.

    Once good samples are worn out, any new one is worth more than their next repetition, and weight flows to data that
    is all but worthless. A pool is left out if it is worse than the rest by more than the noise of a run when its samples
    are all new, and leaving it out costs at most `tolerance`, over all pools that are left out.

    Args:
        objective: That the weights minimise.
        bounds: What to respect; required pools stay.
        found: Weights of least error.
        tolerance: What leaving pools out may cost in all, in the unit of the error.
        noise_sd: Spread of one run's error.
    """
    quality = replace(objective, sizes=np.full(len(bounds.pools), ENDLESS)).value(np.eye(len(bounds.pools)))
    w = found.weights
    while (w > 0).sum() > 1:
        others = np.where(np.eye(len(w), dtype=bool), 0.0, w)
        others = others / np.maximum(others.sum(axis=1, keepdims=True), np.finfo(float).tiny)
        costs = objective.value(others) - found.value
        fits = np.array(
            [bounds.holds(one > 0) and np.all(one <= bounds.upper + WHOLE_SLACK) for one in others]
        )
        drop = (
            (w > 0) & ~bounds.required & fits & (costs <= tolerance) & (quality > others @ quality + noise_sd)
        )
        if not drop.any():
            break
        w = others[int(np.argmax(np.where(drop, quality, -np.inf)))]
    return found if np.array_equal(w > 0, found.weights > 0) else _on(objective, bounds, w > 0)


def _on(objective: Objective, bounds: Bounds, used: Bool[np.ndarray, " pools"]) -> Solution:
    """The minimum with weight on some pools only."""
    at = np.flatnonzero(used)
    found = minimise(objective.of(at), bounds.lower[at], bounds.upper[at])
    weights = np.zeros(len(used))
    weights[at] = found.weights
    return Solution(weights, found.value, found.residual)


def _limited(objective: Objective, bounds: Bounds, relaxed: Float[np.ndarray, " pools"]) -> Solution | None:
    every = _few_sets(bounds)
    if every is not None:
        solved = [_on(objective, bounds, used) for used in every]
        return min(solved, key=lambda one: one.value, default=None)
    start = _first_set(bounds, relaxed)
    return None if start is None else _exchanged(objective, bounds, start)


def _few_sets(bounds: Bounds) -> list[Bool[np.ndarray, " pools"]] | None:
    """Every largest set of pools that the bounds allow; None where there are too many to solve."""
    free = np.flatnonzero(~bounds.required)
    if len(free) > 12:
        return None
    sets: list[Bool[np.ndarray, " pools"]] = []
    for count in range(min(len(free), bounds.at_most - int(bounds.required.sum())), -1, -1):
        for chosen in combinations(free, count):
            used = bounds.required.copy()
            used[list(chosen)] = True
            if used.any() and bounds.holds(used) and not any(np.all(larger >= used) for larger in sets):
                sets.append(used)
                if len(sets) > ENUMERATED:
                    return None
    return sets


def _first_set(bounds: Bounds, relaxed: Float[np.ndarray, " pools"]) -> Bool[np.ndarray, " pools"] | None:
    """A set that holds: the heaviest pools of the relaxed weights, else those with the most room for their size."""
    room = bounds.upper / (bounds.sizes if np.isfinite(bounds.storage) else 1.0)
    for order in (
        np.argsort(-relaxed, kind="stable"),
        np.argsort(-room, kind="stable"),
        np.argsort(-bounds.upper),
    ):
        used = bounds.required.copy()
        for i in order:
            larger = used.copy()
            larger[i] = True
            if larger.sum() <= bounds.at_most and bounds.sizes[larger].sum() <= bounds.storage:
                used = larger
        if bounds.holds(used):
            return used
    return None


def _exchanged(objective: Objective, bounds: Bounds, used: Bool[np.ndarray, " pools"]) -> Solution:
    best, solves = _on(objective, bounds, used), 1
    improved = True
    while improved and solves < MOST_SOLVES:
        improved = False
        for new in _neighbours(objective, bounds, used, best.weights):
            found = _on(objective, bounds, new)
            solves += 1
            if found.value < best.value - 1e-12:
                best, used, improved = found, new, True
                break
            if solves >= MOST_SOLVES:
                break
    return best


def _neighbours(
    objective: Objective, bounds: Bounds, used: Bool[np.ndarray, " pools"], w: Float[np.ndarray, " pools"]
) -> list[Bool[np.ndarray, " pools"]]:
    """Sets with one pool more or another one, the pool whose first sample would help most first."""
    slopes = objective.gradient(w)
    outside = [int(i) for i in np.argsort(slopes, kind="stable") if not used[i]]
    leaving = [int(i) for i in np.argsort(w, kind="stable") if used[i] and not bounds.required[i]]
    found = []
    for new in outside:
        for old in [None, *leaving]:
            other = used.copy()
            other[new] = True
            if old is not None:
                other[old] = False
            if bounds.holds(other):
                found.append(other)
    return found


def _whole(objective: Objective, bounds: Bounds, relaxed: Solution) -> Solution | None:
    """Weights in proportion to whole copies of each pool, near the relaxed ones."""
    sizes = bounds.sizes
    wanted = relaxed.weights / sizes
    shown = wanted[wanted > 0]
    scales = np.unique(np.concatenate([one / np.arange(1, MOST_COPIES + 1) for one in shown]))
    copies = np.unique(np.rint(wanted / scales[:, None]).astype(int).clip(0, MOST_COPIES), axis=0)
    best = _best_copies(objective, bounds, copies)
    while best is not None:
        steps = np.concatenate([np.eye(len(sizes), dtype=int), -np.eye(len(sizes), dtype=int)])
        around = np.concatenate([best[None], (best + steps).clip(0, MOST_COPIES)])
        better = _best_copies(objective, bounds, around)
        if better is None or np.array_equal(better, best):
            break
        best = better
    if best is None:
        return None
    w = best * sizes / (best @ sizes)
    return Solution(w, float(objective.value(w[None])[0]), residual(objective, w, bounds.lower, bounds.upper))


def _best_copies(
    objective: Objective, bounds: Bounds, copies: Int[np.ndarray, "choices pools"]
) -> Int[np.ndarray, " pools"] | None:
    """The copies of least error among those that keep to the bounds; None if there are none."""
    total = copies @ bounds.sizes
    shares = copies[total > 0] * bounds.sizes / total[total > 0, None]
    inside = np.all(
        (shares >= bounds.lower - WHOLE_SLACK) & (shares <= bounds.upper * (1 + WHOLE_SLACK)), axis=1
    )
    kept = np.array([ok and bounds.holds(w > 0) for ok, w in zip(inside, shares, strict=True)], dtype=bool)
    if not kept.any():
        return None
    least = int(np.argmin(objective.value(shares[kept])))
    found: Int[np.ndarray, " pools"] = copies[total > 0][kept][least]
    return found
