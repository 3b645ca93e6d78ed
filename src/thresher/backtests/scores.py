"""Scores of predictors and rules, and their intervals against the ensemble."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from thresher.backtests.contests import Contest
from thresher.backtests.predictors import Law
from thresher.fits.fit import INTERVAL
from thresher.runs import Measurement
from thresher.shapes import Float, Int

RESAMPLES = 1000
"""Paired bootstrap resamples; a 5 % point is then known to about 0.7 %."""
Interval = tuple[float, float]


@dataclass(frozen=True)
class Score:
    """How one predictor or rule did; None where it was not or cannot be scored.

    Attributes:
        name: `ensemble`, the name of a baseline, or the parts of a member.
        law: The parts of a member; None for all else.
        weight: Share of the ensemble; None for baselines.
        heldout_rmse: Of held-out single-pool runs, each kind of split alike, in the unit of the metric.
        heldout_by_kind: The same for each kind of split.
        joint_rmse: Of joint runs.
        picks_right: Budgets at which the choice was within the noise of a run of the best.
        picks: Budgets at which its choice was measured.
        mean_regret: Mean over these of the measured error of the choice less the least measured.
        choices: What it chose at each budget.
        heldout_difference: 5-95 % of its held-out RMSE less the ensemble's.
        joint_difference: 5-95 % of its joint RMSE less the ensemble's.
        regret_difference: 5-95 % of its mean regret less the ensemble's.
    """

    name: str
    law: Law | None = None
    weight: float | None = None
    heldout_rmse: float | None = None
    heldout_by_kind: Mapping[str, float] | None = None
    joint_rmse: float | None = None
    picks_right: int | None = None
    picks: int | None = None
    mean_regret: float | None = None
    choices: tuple[str | None, ...] = ()
    heldout_difference: Interval | None = None
    joint_difference: Interval | None = None
    regret_difference: Interval | None = None


@dataclass(frozen=True)
class SplitScore:
    """Held-out RMSE of one split, by name, for all that are not members."""

    label: str
    kind: str
    runs: int
    rmse: Mapping[str, float | None]


@dataclass(frozen=True)
class Backtest:
    """Every law beside the baselines.

    Attributes:
        members: Heaviest first.
        splits: Every way of holding out, with the RMSE of the ensemble and the baselines.
        contests: Budgets with a measured choice.
        heldout_runs: Held-out predictions.
        joint_rows: Joint runs that were scored.
        notes: What was done and left out, in words.
        warnings: What to doubt.
    """

    metric: str
    unit: str
    noise_sd: float
    members: tuple[Score, ...]
    ensemble: Score
    baselines: tuple[Score, ...]
    splits: tuple[SplitScore, ...]
    contests: tuple[Contest, ...]
    heldout_runs: int
    joint_rows: int
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Differences:
    """RMSE of each predictor, and the interval of its difference to one of them.

    Attributes:
        rmse: NaN for a predictor that lacks a prediction.
        by_kind: The same for each kind of prediction.
        low: 5 % point of the difference.
        high: 95 % point.
    """

    rmse: Float[np.ndarray, " predictors"]
    by_kind: Mapping[str, Float[np.ndarray, " predictors"]]
    low: Float[np.ndarray, " predictors"]
    high: Float[np.ndarray, " predictors"]


def root_mean_squares(
    gaps: Float[np.ndarray, "predictors predictions"],
    kinds: Sequence[str],
    rows: Sequence[Measurement],
    reference: int,
    seed: int,
) -> Differences:
    """RMSE with each kind of prediction alike, and paired-bootstrap intervals of differences.

    Runs are resampled, each with all predictions of it by all predictors.

    Args:
        gaps: Predicted less measured error.
        kinds: Kind of each prediction.
        rows: Run of each prediction.
        reference: The predictor that the others are compared with.
        seed: Seed of the bootstrap.
    """
    squares = gaps**2
    run = _identify(rows)
    rng = np.random.default_rng(seed)
    count = int(run.max()) + 1
    drawn = rng.multinomial(count, np.full(count, 1.0 / count), size=RESAMPLES)[:, run].astype(float)
    by_kind, simulated = {}, []
    for kind in sorted(set(kinds)):
        mine = np.array([one == kind for one in kinds])
        by_kind[kind] = np.mean(squares[:, mine], axis=1)
        totals = drawn[:, mine].sum(axis=1)
        usable = np.maximum(totals, 1.0)
        means = squares[:, mine] @ drawn[:, mine].T / usable
        simulated.append(np.where(totals > 0, means, by_kind[kind][:, None]))
    rmse = np.sqrt(np.mean(list(by_kind.values()), axis=0))
    spread = np.sqrt(np.mean(simulated, axis=0))
    low, high = _interval(spread - spread[reference])
    return Differences(rmse, {kind: np.sqrt(value) for kind, value in by_kind.items()}, low, high)


def regret_interval(
    regrets: Sequence[float | None], reference: Sequence[float | None], seed: int
) -> Interval | None:
    """5-95 % of a mean regret less the reference's; budgets are resampled, only those that both have.

    Args:
        regrets: At each budget; None where the choice was not measured.
        reference: The same of what it is compared with.
        seed: Seed of the bootstrap.
    """
    both = [(a, b) for a, b in zip(regrets, reference, strict=True) if a is not None and b is not None]
    if not both:
        return None
    difference = np.array([a - b for a, b in both])
    rng = np.random.default_rng(seed)
    means = difference[rng.integers(0, len(difference), (RESAMPLES, len(difference)))].mean(axis=1)
    low, high = _interval(means[None])
    return float(low[0]), float(high[0])


def _interval(
    values: Float[np.ndarray, "predictors resamples"],
) -> tuple[Float[np.ndarray, " predictors"], Float[np.ndarray, " predictors"]]:
    low, high = np.quantile(values, INTERVAL, axis=1)
    return low, high


def _identify(rows: Sequence[Measurement]) -> Int[np.ndarray, " predictions"]:
    place: dict[int, int] = {}
    return np.array([place.setdefault(id(row), len(place)) for row in rows])
