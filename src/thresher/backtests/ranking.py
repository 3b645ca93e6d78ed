"""How well a law ranks the mixtures of a swarm that it has not seen: a tenth of the runs is left out at a time."""

import importlib.util
from dataclasses import dataclass, replace

import numpy as np

from thresher.fits.default_law import DefaultProblem
from thresher.fits.fit import Fit
from thresher.fits.observations import Observations, observe
from thresher.fits.priors import PRIORS, FixedParts
from thresher.fits.solve import refit
from thresher.laws.one_law import OneLaw
from thresher.shapes import Float, Int

FOLDS = 10
STEPS = 40
"""Most steps of a refit."""
START_EVERY = 4
"""A fold begins from the whole fit's optimum and from every fourth start of a fit; the least sum of squares counts."""
FEWEST_MIXTURES = 20
"""Mixtures from which a tenth of them is two or more, so that leaving them out says something."""
BOOSTING = {
    "objective": "regression", "learning_rate": 1e-2, "verbosity": -1, "seed": 42, "num_threads": 1, "deterministic": True,
}  # fmt: skip
ROUNDS = 1000
"""The settings of RegMix's own regression; it stops early on a validation set, for which few runs leave no room."""


@dataclass(frozen=True)
class Ranking:
    """How left-out mixtures were ranked.

    Attributes:
        runs: How many there were.
        spearman: Rank correlation of predicted and measured errors.
        rmse: Root mean square difference, in the unit of the metric.
        boosted: Rank correlation of LightGBM on the same folds; None where it is not installed.
    """

    runs: int
    spearman: float
    rmse: float
    boosted: float | None


def is_swarm(fit: Fit) -> bool:
    """Whether a fit is of many mixtures, enough to leave a tenth of them out."""
    return len({(row.pools, row.weights) for row in fit.rows if row.is_joint}) >= FEWEST_MIXTURES


def rank_left_out(fit: Fit) -> Ranking | None:
    """The ranking of left-out mixtures; None where the fit is of no swarm, or of another law than the default.

    Every fold is fitted anew with the whole fit's misfit. What was fixed when the fit was made is free here.
    """
    law = fit.laws[0] if fit.laws else None
    if not isinstance(law, OneLaw) or not is_swarm(fit):
        return None
    observed = observe(fit.rows)
    fold = np.random.default_rng(0).permutation(len(observed.settings)) % FOLDS
    predicted = np.empty(len(fold))
    for k in range(FOLDS):
        out = np.flatnonzero(fold == k)
        problem = DefaultProblem(
            _without(observed, out), law.kernel, fit.chance, PRIORS[fit.unit], FixedParts()
        )
        start, centre = problem.theta_of(law.take(slice(0, 1))), problem.prior.centre[None]
        starts = np.concatenate([start, problem.starts[::START_EVERY]])
        found = refit(problem, starts, problem.target[None], centre, fit.misfit, STEPS)
        best = found.parameters[[int(np.argmin(found.sum_of_squares))]]
        predicted[out] = problem.law(best).errors(observed.settings.take(out))[0]
    boosted = _boosted(observed, fold)
    return Ranking(
        len(fold),
        rank_correlation(predicted, observed.error),
        float(np.sqrt(np.mean((predicted - observed.error) ** 2))),
        rank_correlation(boosted, observed.error) if boosted is not None else None,
    )


def rank_correlation(a: Float[np.ndarray, " runs"], b: Float[np.ndarray, " runs"]) -> float:
    """Spearman's rank correlation, ties in their mean rank.

    >>> round(rank_correlation(np.array([1.0, 2.0, 3.0]), np.array([2.0, 9.0, 3.0])), 3)
    0.5
    """
    return float(np.corrcoef(_ranks(a), _ranks(b))[0, 1])


def _ranks(values: Float[np.ndarray, " runs"]) -> Float[np.ndarray, " runs"]:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - 0.5 * (counts - 1))[place]


def _without(observed: Observations, out: Int[np.ndarray, " left_out"]) -> Observations:
    kept = np.setdiff1d(np.arange(len(observed.settings)), out)
    return replace(
        observed,
        settings=observed.settings.take(kept),
        log_error=observed.log_error[kept],
        relative_error=observed.relative_error[kept],
        seeds=observed.seeds[kept],
    )


def _boosted(observed: Observations, fold: Int[np.ndarray, " runs"]) -> Float[np.ndarray, " runs"] | None:
    """What LightGBM predicts of each left-out run from its shares; None where it is not installed."""
    if importlib.util.find_spec("lightgbm") is None:
        return None
    import lightgbm

    shares, predicted = observed.settings.weights, np.empty(len(fold))
    for k in range(FOLDS):
        kept = fold != k
        settings = {**BOOSTING, "min_data_in_leaf": min(20, max(2, int(kept.sum()) // 10))}
        data = lightgbm.Dataset(shares[kept], observed.error[kept])
        predicted[~kept] = lightgbm.train(settings, data, num_boost_round=ROUNDS).predict(shares[~kept])
    return predicted
