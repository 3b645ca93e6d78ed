"""Ways of weighing the members of an ensemble, compared on the published sets; make_backtests.py prints the table."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from thresher.backtests.contests import Contest, joint_runs
from thresher.backtests.predictors import stand_in
from thresher.backtests.splits import splits
from thresher.examples import load_example
from thresher.fits.choice import IMAGENET_CHANCE
from thresher.fits.ensemble import Base, _bases, _members, _one_size
from thresher.fits.fit import Fit
from thresher.fits.heldout import folds, heldout_residuals
from thresher.fits.observations import DEFAULT_NOISE_SD, observe
from thresher.fits.predict import member_errors
from thresher.fits.weighing import log_weights
from thresher.pools import Mixture, union
from thresher.runs import RunTable, repeat_noise

PIECES = (0.0, 0.25, 0.5, 1.0, 2.0)
SUM_TO_ONE = 1e4
"""Weight of the equation that shares sum to 1, against residuals of about 1."""


@dataclass(frozen=True)
class Weighed:
    """All members of one table, and the weights that each scheme gives them."""

    fit: Fit
    schemes: dict[str, np.ndarray]

    def predict(self, mixtures: Sequence[Mixture], samples_seen: Sequence[float]) -> dict[str, np.ndarray]:
        """Predicted error of each mixture at its budget, by scheme; the members' best fits, weighted."""
        budgets, at = np.unique(np.asarray(samples_seen, dtype=float), return_inverse=True)
        items = np.arange(len(mixtures))
        errors = np.array(
            [
                member_errors(self.fit, member, member.best, mixtures, budgets)[0][items, at]
                for member in self.fit.members
            ]
        )
        return {name: weights @ errors for name, weights in self.schemes.items()}


def weigh(table: RunTable) -> Weighed:
    """Every member, weighed in every way; what is held out is held out of `table`."""
    rows, unit = table.singles.rows, table.unit
    repeated, freedom = repeat_noise(rows)
    known = repeated if freedom >= 3 else None
    observations = observe(rows, known or DEFAULT_NOISE_SD)
    bases = _bases(observations, unit, IMAGENET_CHANCE, None, has_noise=known is not None, progress=None)
    one_size = _one_size(observations)
    priors = [base.prior for base in bases]
    losses = [base.losses for base in bases]

    def weights(logs: np.ndarray) -> np.ndarray:
        members, _ = _members(bases, logs, unit, one_size=one_size)
        values = np.array([member.weight for member in members])
        return values / values.sum()

    schemes = {
        f"pseudo-BMA, {pieces:g} pieces a pool": weights(
            log_weights(losses, priors, len(observations.pools), pieces)
        )
        for pieces in PIECES
    }
    schemes["stacking"] = weights(_stacked(bases))
    count = len(schemes["stacking"])
    schemes["equal"] = np.full(count, 1.0 / count)
    members, _ = _members(bases, np.zeros(len(bases)), unit, one_size=one_size)
    fit = Fit(
        metric=table.metrics[0],
        unit=unit,
        chance=IMAGENET_CHANCE if unit == "fraction" else None,
        noise_sd=known or DEFAULT_NOISE_SD,
        pools=observations.pools,
        members=members,
        reports=(),
        rmse=0.0,
        rows=rows,
    )
    return Weighed(fit, schemes)


def _stacked(bases: Sequence[Base]) -> np.ndarray:
    """Logarithms of the shares, within each way of sharing, that best combine held-out predictions."""
    held = folds(bases[0].point.curves.observations)
    logs = np.full(len(bases), np.log(1e-300))
    for sharing in ("sample_worth", "utility_mean"):
        mine = [i for i, base in enumerate(bases) if base.choice.mixing == sharing]
        columns = []
        for i in mine:
            residuals = heldout_residuals(bases[i].point.curves, bases[i].point.theta, held)
            kinds = [fold.kind for fold in held]
            sizes = {
                kind: sum(len(z) for z, k in zip(residuals, kinds, strict=True) if k == kind)
                for kind in kinds
            }
            columns.append(
                np.concatenate([z / np.sqrt(sizes[k]) for z, k in zip(residuals, kinds, strict=True)])
                if held
                else np.zeros(1)
            )
        Z = np.vstack([np.array(columns).T, np.full(len(mine), SUM_TO_ONE)])
        target = np.zeros(len(Z))
        target[-1] = SUM_TO_ONE
        share, _ = nnls(Z, target)
        logs[mine] = np.log(np.maximum(share, 1e-300))
    return logs


def joint_study(name: str) -> dict[str, tuple[float, float]]:
    """RMSE on joint runs and mean regret of each scheme."""
    pilots = load_example(name).from_epoch(1)
    weighed = weigh(pilots)
    found = joint_runs(load_example(name, "joint").rows, pilots.rows, weighed.fit)
    predicted = weighed.predict(found.mixtures, [row.samples_seen for row in found.rows])
    measured = np.array([row.error for row in found.rows])
    regrets: dict[str, list[float]] = {scheme: [] for scheme in weighed.schemes}
    for contest in found.contests:
        for scheme, index in _picks(weighed, contest).items():
            regrets[scheme].append(contest.regrets[index])
    return {
        scheme: (_rms(errors - measured), float(np.mean(regrets[scheme])))
        for scheme, errors in predicted.items()
    }


def _picks(weighed: Weighed, contest: Contest) -> dict[str, int]:
    mixtures = [candidate.mixture for candidate in contest.candidates]
    predicted = weighed.predict(mixtures, [contest.samples_seen] * len(mixtures))
    return {scheme: int(np.argmin(errors)) for scheme, errors in predicted.items()}


def heldout_study(name: str, model: str, holding: str = "") -> dict[str, float]:
    """Held-out RMSE of each scheme, weights found without the held-out runs; each kind of split alike.

    Args:
        name: The example.
        model: The model, of which there are several.
        holding: Only splits whose label holds this.
    """
    table = load_example(name).where(f"model = {model}").from_epoch(1)
    squares: dict[str, dict[str, list[float]]] = {}
    for split in (split for split in splits(table.rows) if holding in split.label):
        weighed = weigh(RunTable(split.kept, table.name))
        scored = [(row, pool) for row in split.left_out if (pool := stand_in(weighed.fit, row))]
        predicted = weighed.predict(
            [union([pool]) for _, pool in scored], [row.samples_seen for row, _ in scored]
        )
        for scheme, errors in predicted.items():
            gaps = errors - np.array([row.error for row, _ in scored])
            squares.setdefault(scheme, {}).setdefault(split.kind, []).extend(gaps**2)
    return {
        scheme: float(np.sqrt(np.mean([np.mean(values) for values in kinds.values()])))
        for scheme, kinds in squares.items()
    }


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))
