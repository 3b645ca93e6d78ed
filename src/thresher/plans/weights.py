"""The weights of least expected error: sequential least squares (SLSQP) from several starts, over the mean of the draws.

Weights are free only where diluting good data with worthless data cannot help, so the laws enter without dilution
(`OneLaw.without_dilution`): at kappa = 0 and r <= 1 the error is convex in the weights. Where no pool can wear out, nothing
is diluted, and the laws enter as they are.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from thresher.fits.fit import Fit, drawn
from thresher.fits.forecast import is_resampled
from thresher.laws.one_law import OneLaw
from thresher.laws.paper import PaperLaw
from thresher.laws.settings import Settings
from thresher.plans.constraints import comparable_sizes
from thresher.pools import Pool
from thresher.shapes import Float

DRAWS = 24
"""Draws of each kernel in the objective; their mean is within the noise of the rest for any choice of weights."""
STEP = 1e-7
"""Step of the one-sided difference in a weight."""
ACCURACY = 1e-10
"""Relative change of the error at which the search stops."""
STEPS = 200
FIRST_PRICE = 1e-3
"""Price of one nat that is tried first, in the error of the present mixture."""
PRICE_STEP = 8.0
PRICES = 16
"""Steps up to a price that is high enough, and halvings back to the least one."""
SETTLED = 1e-5
"""Relative residual above which the search has stopped at a kink, where a pass over a pool ends, and pairs are moved instead."""
MOVES = 60
NOTHING = 1e-6
"""A weight below this is none; so few samples teach nothing."""


@dataclass(frozen=True)
class Objective:
    """Expected error of free weights at one budget.

    Attributes:
        samples_seen: The budget, in samples.
        sizes: Unique samples of each pool.
        laws: Draws of each kernel, of the same pools.
        shares: What the mean error of each is multiplied by: the weight of its kernel, and of its metric.
        metric_of: Which metric each describes; the largest metric counts if `worst`, else their sum.
        resampled: Whether samples are drawn with replacement.
        worst: Whether the largest metric counts.
        near: A mixture to stay near; None for none.
        pull: Error that one nat of divergence from it costs.
    """

    samples_seen: float
    sizes: Float[np.ndarray, " pools"]
    laws: tuple[OneLaw | PaperLaw, ...]
    shares: tuple[float, ...]
    metric_of: tuple[int, ...]
    resampled: bool
    worst: bool = False
    near: Float[np.ndarray, " pools"] | None = None
    pull: float = 0.0

    def value(self, weights: Float[np.ndarray, "mixtures pools"]) -> Float[np.ndarray, " mixtures"]:
        """Expected error of each mixture."""
        count = len(weights)
        settings = Settings(
            np.maximum(weights, 0.0),
            np.broadcast_to(self.sizes, weights.shape),
            np.full(count, self.samples_seen),
            np.full(count, self.resampled),
        )
        totals = np.zeros((max(self.metric_of) + 1, count))
        for law, share, metric in zip(self.laws, self.shares, self.metric_of, strict=True):
            totals[metric] += share * law.errors(settings).mean(axis=0)
        error = totals.max(axis=0) if self.worst else totals.sum(axis=0)
        return error if self.near is None else error + self.pull * divergence(weights, self.near)

    def gradient(self, w: Float[np.ndarray, " pools"], *, step: float = STEP) -> Float[np.ndarray, " pools"]:
        """Slope of the error in each weight: from the right, or from the left with a negative step."""
        values = self.value(np.concatenate([w[None], w + step * np.eye(len(w))]))
        return (values[1:] - values[0]) / step

    def of(self, pools: Sequence[int] | np.ndarray) -> "Objective":
        """The same for some of the pools."""
        index = np.asarray(pools, dtype=int)
        laws = tuple(law.of_pools(index) for law in self.laws)
        near = self.near[index] if self.near is not None else None
        return replace(self, sizes=self.sizes[index], laws=laws, near=near)


@dataclass(frozen=True)
class Solution:
    """Weights that minimise an objective.

    Attributes:
        weights: Share of each pool; non-negative, summing to 1.
        value: The objective there.
        residual: Error that moving weight from one pool to another could still save, per unit of weight moved: the
            Karush-Kuhn-Tucker residual, which for a convex objective bounds how far the value is above the least.
    """

    weights: Float[np.ndarray, " pools"]
    value: float
    residual: float


def divergence(
    weights: Float[np.ndarray, "mixtures pools"], near: Float[np.ndarray, " pools"]
) -> Float[np.ndarray, " mixtures"]:
    """Kullback-Leibler divergence of mixtures from another, in nats; pools that it lacks do not count."""
    w, known = np.maximum(weights, 0.0), near > 0
    ratio = np.where((w > 0) & known, w / np.where(known, near, 1.0), 1.0)
    return np.sum(w * np.log(ratio), axis=1)


def free_objective(
    fit: Fit, pools: Sequence[Pool], samples_seen: float, *, draw: int | None = None
) -> Objective:
    """The expected error of a fit over the weights of some of its pools, under laws that cannot gain from dilution.

    Args:
        fit: What was fitted.
        pools: Pools of it.
        samples_seen: Budget in samples, repeats counted.
        draw: Take one draw of each law alone, instead of the mean of many.
    """
    sizes = np.array([pool.unique_samples for pool in pools])
    laws, shares, metric_of = [], [], []
    for metric, (part, weight) in enumerate(
        zip(fit.parts or (fit,), fit.part_weights or (1.0,), strict=True)
    ):
        place = {pool.name: i for i, pool in enumerate(part.pools)}
        index = np.array([place[pool.name] for pool in pools])
        for law, share in zip(part.laws, part.weights, strict=True):
            draws = drawn(law)
            some = np.unique(np.linspace(0, len(draws) - 1, DRAWS).astype(int))
            some = some if draw is None else np.array([draw % len(draws)])
            chosen = draws.take(some).of_pools(index)
            laws.append(chosen.without_dilution() if np.isfinite(sizes).any() else chosen)
            shares.append(weight * share)
            metric_of.append(metric)
    return Objective(
        float(samples_seen), sizes, tuple(laws), tuple(shares), tuple(metric_of), is_resampled(fit), fit.worst
    )


def minimise(
    objective: Objective,
    lower: Float[np.ndarray, " pools"],
    upper: Float[np.ndarray, " pools"],
) -> Solution:
    """The weights of least error between two bounds.

    Starts are the pools in proportion to size, nested from the best one, each brought within the bounds.

    Args:
        objective: What to minimise.
        lower: Least weights; their sum is at most 1.
        upper: Greatest weights; their sum is at least 1.
    """
    from scipy.optimize import minimize  # a third of the time of `import thresher`, were it at the top

    count = len(lower)
    if count == 1:
        w = np.ones(1)
        return Solution(w, float(objective.value(w[None])[0]), 0.0)
    found = []
    for start in _starts(objective, lower, upper):
        scale = float(objective.value(start[None])[0])  # losses may be of any size
        with warnings.catch_warnings():
            # SciPy before 1.16 steps a rounding error outside the bounds, clips, and warns.
            warnings.filterwarnings("ignore", "Values in x were outside bounds", RuntimeWarning)
            solved = minimize(
                lambda w, scale=scale: float(objective.value(w[None])[0]) / scale,
                start,
                jac=lambda w, scale=scale: objective.gradient(w) / scale,
                bounds=list(zip(lower, np.minimum(upper, 1.0), strict=True)),
                constraints=[{"type": "eq", "fun": lambda w: w.sum() - 1.0, "jac": np.ones_like}],
                method="SLSQP",
                options={"ftol": ACCURACY, "maxiter": STEPS},
            )
        w = _cleaned(np.clip(solved.x, lower, upper), lower, upper)
        found.append((float(objective.value(w[None])[0]), w))
    _, w = min(found, key=lambda one: one[0])
    w = _moved(objective, w, lower, upper)
    return Solution(w, float(objective.value(w[None])[0]), residual(objective, w, lower, upper))


def minimise_near(
    objective: Objective,
    lower: Float[np.ndarray, " pools"],
    upper: Float[np.ndarray, " pools"],
    near: Float[np.ndarray, " pools"],
    most: float,
) -> Solution:
    """The weights of least error whose divergence from another mixture is at most so many nats.

    Divergence is given a price, and the least price at which it is small enough is sought: where error and divergence are
    convex, these are the best weights within the limit.

    Args:
        objective: What to minimise.
        lower: Least weights.
        upper: Greatest weights; a pool that `near` lacks gets none.
        near: The mixture to stay near; it keeps to the bounds.
        most: Greatest divergence, in nats.
    """
    upper = np.where(near > 0, upper, 0.0)
    found = minimise(objective, lower, upper)
    if divergence(found.weights[None], near)[0] <= most:
        return found

    def at(price: float) -> tuple[Solution, bool]:
        """The weights at a price of divergence, and whether they are near enough."""
        one = minimise(replace(objective, near=near, pull=price), lower, upper)
        return one, bool(divergence(one.weights[None], near)[0] <= most)

    best = Solution(near, float(objective.value(near[None])[0]), 0.0)
    low, high = 0.0, FIRST_PRICE * best.value
    for _ in range(PRICES):
        found, fits = at(high)
        if fits:
            best = found
            break
        low, high = high, PRICE_STEP * high
    for _ in range(PRICES):
        middle = 0.5 * (low + high)
        found, fits = at(middle)
        best, low, high = (found, low, middle) if fits else (best, middle, high)
    return replace(best, value=float(objective.value(best.weights[None])[0]))


def residual(
    objective: Objective,
    w: Float[np.ndarray, " pools"],
    lower: Float[np.ndarray, " pools"],
    upper: Float[np.ndarray, " pools"],
) -> float:
    """Most error that moving weight from one pool to another saves, per unit of weight; 0 at a minimum."""
    return _best_move(objective, w, lower, upper)[0]


def _best_move(
    objective: Objective,
    w: Float[np.ndarray, " pools"],
    lower: Float[np.ndarray, " pools"],
    upper: Float[np.ndarray, " pools"],
) -> tuple[float, int, int]:
    """What moving weight saves at first, per unit, and the pools that lose and gain it."""
    loses, gains = w > lower + NOTHING, w < upper - NOTHING
    if not loses.any() or not gains.any():
        return 0.0, 0, 0
    by_losing = np.where(loses, objective.gradient(w, step=-STEP), -np.inf)
    by_gaining = np.where(gains, objective.gradient(w), np.inf)
    i, j = int(np.argmax(by_losing)), int(np.argmin(by_gaining))
    return max(0.0, float(by_losing[i] - by_gaining[j])), i, j


def _moved(
    objective: Objective,
    w: Float[np.ndarray, " pools"],
    lower: Float[np.ndarray, " pools"],
    upper: Float[np.ndarray, " pools"],
) -> Float[np.ndarray, " pools"]:
    """The weights after moves from one pool to another, as long as these save anything.

    Every kink lies where one pool's pass ends, so that where no pair of pools saves anything, nothing does.
    """
    from scipy.optimize import minimize_scalar

    least = float(objective.value(w[None])[0])
    for _ in range(MOVES):
        saved, i, j = _best_move(objective, w, lower, upper)
        if saved <= SETTLED * least:
            break
        direction = np.zeros(len(w))
        direction[i], direction[j] = -1.0, 1.0
        room = min(w[i] - lower[i], upper[j] - w[j])
        found = minimize_scalar(
            lambda t, w=w, direction=direction: float(objective.value((w + t * direction)[None])[0]),
            bounds=(0.0, room),
            method="bounded",
            options={"xatol": STEP},
        )
        if not found.fun < least:
            break
        w, least = _cleaned(w + found.x * direction, lower, upper), float(found.fun)
    return w


def _starts(
    objective: Objective, lower: Float[np.ndarray, " pools"], upper: Float[np.ndarray, " pools"]
) -> list[Float[np.ndarray, " pools"]]:
    """The two nested sets of least error, and all pools alike, within the bounds."""
    sizes = comparable_sizes(objective.sizes)
    order = np.argsort(objective.value(np.eye(len(sizes))), kind="stable")
    nested = np.zeros((len(sizes), len(sizes)))
    for count in range(1, len(sizes) + 1):
        nested[count - 1, order[:count]] = sizes[order[:count]] / sizes[order[:count]].sum()
    within = np.array([within_bounds(one, lower, upper) for one in nested])
    best = np.argsort(objective.value(within), kind="stable")[:2]
    return [*within[best], within_bounds(np.full(len(sizes), 1.0 / len(sizes)), lower, upper)]


def within_bounds(
    w: Float[np.ndarray, " pools"], lower: Float[np.ndarray, " pools"], upper: Float[np.ndarray, " pools"]
) -> Float[np.ndarray, " pools"]:
    """Weights near `w` within the bounds, summing to 1: what is missing or too much is shared out in proportion to the room."""
    w = np.clip(w, lower, upper)
    gap = 1.0 - w.sum()
    room = upper - w if gap > 0 else w - lower
    total = room.sum()
    return w + gap * room / total if total > 0 else w


def _cleaned(
    w: Float[np.ndarray, " pools"], lower: Float[np.ndarray, " pools"], upper: Float[np.ndarray, " pools"]
) -> Float[np.ndarray, " pools"]:
    """Weights without the dust of rounding, summing to 1."""
    kept = np.where((w < NOTHING) & (lower <= 0), 0.0, w)
    used = kept > 0
    return within_bounds(kept, np.where(used, lower, 0.0), np.where(used, upper, 0.0))
