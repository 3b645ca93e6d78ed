"""Scores of laws and rules: errors, intervals, choices, and how far each is from the default."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from thresher.backtests.laws import Predicted
from thresher.backtests.measured import Contest, Measured, candidates_of
from thresher.backtests.rules import Choices, regrets_of
from thresher.fits.quantiles import INTERVAL
from thresher.shapes import Float

BOOTSTRAP = 200
"""Stream of the bootstrap; those of a fit are other numbers."""
RESAMPLES = 1000
"""Paired bootstrap resamples; a 5 % point is then known to about 0.7 %."""
TIE_DIGITS = 9
"""Predictions that agree to so many digits are equal, and the smaller mixture is chosen."""
MISS_COST = 2.0 / (INTERVAL[0] + 1.0 - INTERVAL[1])
"""What a unit outside an interval costs in its score: 20 for 90 % intervals."""
Interval = tuple[float, float]


@dataclass(frozen=True)
class Entry:
    """Everything that one law or rule is scored by.

    Attributes:
        held: What it says of held-out runs.
        joint: What it says of the candidates of every budget.
        chosen: What it takes at each budget.
    """

    name: str
    held: Predicted
    joint: Predicted
    chosen: Choices


@dataclass(frozen=True)
class Score:
    """How one law or rule did, over all runs that it predicts; None where there are none.

    Attributes:
        heldout_rmse: Root mean square error of held-out runs, in the unit of the metric.
        heldout_inside: Share of them inside their 90 % intervals.
        joint_rmse: Root mean square error of unseen joint runs.
        inside: Share of them inside their 90 % intervals.
        interval_score: Mean 90 % interval score of them: the width, and 20 times what lies outside; less is better.
        picks_right: Budgets at which its choice was within the noise of one run of the best.
        picks: Budgets with two or more candidates at which its choice was measured.
        mean_regret: Mean over these of the measured error of the choice less the least measured.
        choices: What it chose at each budget.
        regrets: Regret of each of these.
        differences: 5-95 % of its `heldout_rmse`, `joint_rmse` and `mean_regret` less those of the default on the same runs.
    """

    name: str
    heldout_rmse: float | None
    heldout_inside: float | None
    joint_rmse: float | None
    inside: float | None
    interval_score: float | None
    picks_right: int | None
    picks: int | None
    mean_regret: float | None
    choices: tuple[str | None, ...]
    regrets: tuple[float | None, ...]
    differences: Mapping[str, Interval | None]


@dataclass(frozen=True)
class Asked:
    """What every law, and copying, says of some runs when it has seen others.

    Attributes:
        label: Which runs, in words.
        measured: The runs.
        said: By name.
    """

    label: str
    measured: tuple[Measured, ...]
    said: Mapping[str, Predicted]

    def rmse(self, name: str) -> float | None:
        """Root mean square error of what one of them predicts; None where it predicts nothing."""
        return _root(_mean(_squares(self.said[name], _errors(self.measured))))


@dataclass(frozen=True)
class Backtest:
    """Every law beside the baselines.

    Attributes:
        laws: The default first.
        baselines: Simple rules.
        splits: Held-out runs, one way of holding out after another.
        contests: Budgets of joint runs, with their measured candidates.
        joint: These candidates in a row.
        notes: What was done and left out, in words.
        warnings: What to doubt.
    """

    metric: str
    unit: str
    noise_sd: float
    laws: tuple[Score, ...]
    baselines: tuple[Score, ...]
    splits: tuple[Asked, ...] = field(repr=False)
    contests: tuple[Contest, ...] = field(repr=False)
    joint: Asked = field(repr=False)
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def choices(said: Predicted, contests: Sequence[Contest]) -> Choices:
    """The candidate of least predicted error at each budget; None where not every candidate is predicted."""
    ends = np.cumsum([len(contest.candidates) for contest in contests])[:-1]
    means = np.split(said.mean, ends) if contests else []
    return tuple(int(np.argmin(np.round(m, TIE_DIGITS))) if np.isfinite(m).all() else None for m in means)


def score(
    entry: Entry,
    default: Entry,
    held: Sequence[Measured],
    contests: Sequence[Contest],
    noise_sd: float,
    seed: int,
) -> Score:
    """One law or rule beside the default.

    Args:
        entry: What it says and takes.
        default: The same of the default.
        held: Held-out runs.
        contests: Budgets of joint runs.
        noise_sd: Noise of one run, within which a choice is right.
        seed: Seed of the bootstrap.
    """
    candidates = candidates_of(contests)
    y_held = _errors(held)
    # single pools are only chosen from
    y = np.where([one.is_joint for one in candidates], _errors(candidates), np.nan)
    contested = np.array([len(contest.candidates) > 1 for contest in contests], dtype=bool)
    regrets, its_regrets = (
        np.where(contested, regrets_of(contests, one.chosen), np.nan) for one in (entry, default)
    )
    known = regrets[np.isfinite(regrets)]
    squares, its_squares = (_squares(one.held, y_held) for one in (entry, default))
    joint, its_joint = (_squares(one.joint, y) for one in (entry, default))
    return Score(
        name=entry.name,
        heldout_rmse=_root(_mean(squares)),
        heldout_inside=_mean(_inside(entry.held, y_held)),
        joint_rmse=_root(_mean(joint)),
        inside=_mean(_inside(entry.joint, y)),
        interval_score=_mean(_interval_scores(entry.joint, y)),
        picks_right=int(np.sum(known <= noise_sd)) if contested.any() else None,
        picks=len(known) if contested.any() else None,
        mean_regret=_mean(regrets),
        choices=tuple(
            contest.candidates[at].label if at is not None else None
            for contest, at in zip(contests, entry.chosen, strict=True)
        ),
        regrets=tuple(float(regret) if np.isfinite(regret) else None for regret in regrets),
        differences={
            "heldout_rmse": _difference(squares, its_squares, seed, root=True),
            "joint_rmse": _difference(joint, its_joint, seed, root=True),
            "mean_regret": _difference(regrets, its_regrets, seed, root=False),
        },
    )


def _errors(measured: Sequence[Measured]) -> Float[np.ndarray, " measured"]:
    return np.array([one.error for one in measured], dtype=float)


def _squares(said: Predicted, y: Float[np.ndarray, " measured"]) -> Float[np.ndarray, " measured"]:
    return (said.error - y) ** 2


def _inside(said: Predicted, y: Float[np.ndarray, " measured"]) -> Float[np.ndarray, " measured"]:
    return np.where(np.isfinite(said.low + y), (said.low <= y) & (y <= said.high), np.nan)


def _interval_scores(said: Predicted, y: Float[np.ndarray, " measured"]) -> Float[np.ndarray, " measured"]:
    """The interval score of Gneiting and Raftery 2007: neither wide nor narrow intervals win."""
    outside = np.maximum(said.low - y, 0.0) + np.maximum(y - said.high, 0.0)
    return said.high - said.low + MISS_COST * outside


def _mean(values: Float[np.ndarray, " runs"]) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else None


def _root(value: float | None) -> float | None:
    return value**0.5 if value is not None else None


def _difference(
    mine: Float[np.ndarray, " runs"], default: Float[np.ndarray, " runs"], seed: int, *, root: bool
) -> Interval | None:
    """5-95 % of a mean, or of its root, less the default's: a bootstrap of the runs that both have, each with both values."""
    both = np.isfinite(mine) & np.isfinite(default)
    if not both.any():
        return None
    drawn = np.random.default_rng([seed, BOOTSTRAP]).integers(0, both.sum(), (RESAMPLES, both.sum()))
    means = np.stack([mine[both], default[both]])[:, drawn].mean(axis=2)
    means = np.sqrt(means) if root else means
    low, high = np.quantile(means[0] - means[1], INTERVAL)
    return float(low), float(high)
