"""Everything that predicts an error: each member of an ensemble, the ensemble, single laws, and copying."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from thresher.errors import FitError, InputError
from thresher.fits.choice import DEFAULT_KERNEL, DEFAULT_MIXING, LawChoice
from thresher.fits.ensemble import Progress, fit_ensemble
from thresher.fits.fit import Fit, Member
from thresher.fits.fit_law import REPLICATES, optimum, to_parameters
from thresher.fits.observations import DEFAULT_NOISE_SD, observe
from thresher.fits.predict import member_errors
from thresher.pools import Mixture, Pool
from thresher.runs import Measurement, RunTable, repeat_noise
from thresher.shapes import Float

SINGLE_LAWS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "plain power law": ("fresh", DEFAULT_MIXING),
        "paper's law": ("utility", "utility_mean"),
        "default single law": (DEFAULT_KERNEL, DEFAULT_MIXING),
    }
)
"""Baselines that are one kernel and mixing rule with the default kappa and floor: repeats as good as new, Goyal et
al. 2024, and what `fit --kernel utility` fits."""
COPY_NEAREST = "copy-nearest"
KEY_DIGITS = 9
SMALLEST_SHARE = 1e-12
"""Added to weights that may all be 0, so that their average exists."""


@dataclass(frozen=True)
class Law:
    """Which member of an ensemble: its parts.

    Attributes:
        floor: Irreducible error d, in the unit of the metric.
        floor_key: What says which floor it is on other runs: d itself for fractions, its share of the smallest
            loss, or None where it was fitted.
    """

    kernel: str
    mixing: str
    kappa: float
    floor: float
    floor_key: float | None

    @property
    def shape(self) -> tuple[str, str, float]:
        """All but its floor."""
        return (self.kernel, self.mixing, self.kappa)

    @property
    def key(self) -> tuple[object, ...]:
        """What makes it the same law on other runs."""
        return (*self.shape, self.floor_key)


@dataclass(frozen=True)
class Predictors:
    """All predictors, fitted to the same runs.

    Attributes:
        ensemble: Every member, however small its weight.
        laws: The baselines that are one law; None where it cannot be fitted to these runs.
        rows: The runs, to copy from.
    """

    ensemble: Fit
    laws: Mapping[str, Fit | None]
    rows: tuple[Measurement, ...]

    def errors(
        self, laws: Sequence[Law], mixtures: Sequence[Mixture], samples_seen: Float[np.ndarray, " items"]
    ) -> Float[np.ndarray, "predictors items"]:
        """Predicted error of each mixture at its budget: by each law, then by those of `others`.

        NaN where a predictor cannot be fitted to these runs, or has nothing to copy.

        Args:
            laws: Members to predict with, in this order.
            mixtures: One for each item; pools are the fit's, perhaps at another size.
            samples_seen: Budget of each item, in samples.
        """
        budgets, at = np.unique(np.asarray(samples_seen, dtype=float), return_inverse=True)
        items = np.arange(len(mixtures))

        def of(fit: Fit, member: Member) -> Float[np.ndarray, " items"]:
            return member_errors(fit, member, member.best, mixtures, budgets)[0][items, at]

        own = laws_of(self.ensemble)
        weights = np.array([member.weight for member in self.ensemble.members])
        predicted = np.array([of(self.ensemble, member) for member in self.ensemble.members])
        found = np.full((len(laws), len(mixtures)), np.nan)
        for i, law in enumerate(laws):
            # a floor that is fitted to all runs is one of several fixed ones where runs are few
            same = [k for k, one in enumerate(own) if one.key == law.key] or [
                k for k, one in enumerate(own) if one.shape == law.shape
            ]
            if same:
                found[i] = np.average(predicted[same], axis=0, weights=weights[same] + SMALLEST_SHARE)
        total = weights @ predicted
        copied = np.array(
            [
                copy_nearest(self.rows, mixture, float(n))
                for mixture, n in zip(mixtures, samples_seen, strict=True)
            ]
        )
        single = [
            of(fit, fit.members[0]) if fit is not None else np.full(len(mixtures), np.nan)
            for fit in self.laws.values()
        ]
        return np.vstack([found, total, copied, *single])


def others() -> tuple[str, ...]:
    """Names of the predictors after the members, in the order of `Predictors.errors`."""
    return ("ensemble", COPY_NEAREST, *SINGLE_LAWS)


def fit_predictors(
    table: RunTable,
    *,
    chance: float,
    unit: str | None,
    replicates: int = REPLICATES,
    seed: int = 0,
    progress: Progress | None = None,
) -> Predictors:
    """Fit everything to the single-pool runs of a table.

    Raises:
        FitError: Too few runs for the ensemble.
        InputError: Errors that no member can have.
    """
    singles = table.singles
    ensemble = fit_ensemble(
        singles,
        chance=chance,
        unit=unit,
        replicates=replicates,
        seed=seed,
        smallest_weight=0.0,
        progress=progress,
    )
    laws = {
        name: _single_law(ensemble, LawChoice(kernel, mixing, chance=chance, unit=ensemble.unit))
        for name, (kernel, mixing) in SINGLE_LAWS.items()
    }
    return Predictors(ensemble, laws, singles.rows)


def _single_law(ensemble: Fit, choice: LawChoice) -> Fit | None:
    """One law fitted to the ensemble's runs as `fit_law` does, without its intervals; None where it cannot be."""
    repeated, freedom = repeat_noise(ensemble.rows)
    observations = observe(ensemble.rows, repeated if freedom >= 3 else DEFAULT_NOISE_SD)
    try:
        point = optimum(observations, choice)
    except (FitError, InputError):  # too few runs, or errors below the default floor
        return None
    parameters = to_parameters(point.curves, point.theta[None], choice)
    return replace(ensemble, members=(Member(choice.kernel, choice.mixing, choice.kappa, 1.0, parameters),))


def laws_of(fit: Fit) -> tuple[Law, ...]:
    """The parts of each member."""
    shapes = [(member.kernel, member.mixing, member.kappa) for member in fit.members]
    smallest = min(row.error for row in fit.rows)
    laws = []
    for member, shape in zip(fit.members, shapes, strict=True):
        floor = float(member.parameters.floor[0])
        if fit.unit == "fraction":
            key: float | None = round(floor, KEY_DIGITS)
        else:
            key = round(floor / smallest, KEY_DIGITS) if shapes.count(shape) > 1 else None
        laws.append(Law(*shape, floor, key))
    return tuple(laws)


def copy_nearest(rows: Sequence[Measurement], mixture: Mixture, samples_seen: float) -> float:
    """Weighted mean of what each pool measured at the nearest samples seen; NaN where it measured nothing.

    Args:
        rows: Single-pool runs to copy from; runs of one pool at one budget are averaged.
        mixture: What is to be predicted. A pool without runs takes those of its quality nearest in size.
        samples_seen: Budget, in samples.
    """
    parts = [
        weight * _nearest(rows, pool, samples_seen)
        for pool, weight in zip(mixture.pools, mixture.weights, strict=True)
    ]
    return float(sum(parts))


def _nearest(rows: Sequence[Measurement], pool: Pool, samples_seen: float) -> float:
    own = [row for row in rows if row.pool == pool.name and row.unique_samples == pool.unique_samples]
    if not own and pool.quality is not None:
        alike = [row for row in rows if row.quality == pool.quality]
        sizes = {row.unique_samples for row in alike}
        if sizes:
            size = min(sizes, key=lambda N: (abs(np.log(N / pool.unique_samples)), N))
            own = [row for row in alike if row.unique_samples == size]
    own = own or [row for row in rows if row.pool == pool.name]
    if not own:
        return float("nan")
    budget = min({row.samples_seen for row in own}, key=lambda n: (abs(np.log(n / samples_seen)), n))
    return float(np.mean([row.error for row in own if row.samples_seen == budget]))


def stand_in(fit: Fit, row: Measurement) -> Pool | None:
    """The pool to predict a single-pool run with: its own, or one of its quality at its size; else None."""
    known = {pool.name: pool for pool in fit.pools}
    if row.pool in known:
        return replace(known[row.pool], unique_samples=row.unique_samples)
    alike = [pool for pool in fit.pools if pool.quality is not None and pool.quality == row.quality]
    if not alike:
        return None
    nearest = min(alike, key=lambda pool: abs(np.log(pool.unique_samples / row.unique_samples)))
    return replace(nearest, unique_samples=row.unique_samples)
