"""The laws that a backtest scores, and what laws and rules predict."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

import numpy as np

from thresher.backtests.measured import Measured
from thresher.errors import InputError
from thresher.fits.fit import Fit, LawKind
from thresher.fits.fit_law import fit_law
from thresher.fits.forecast import forecast
from thresher.fits.priors import FixedParts
from thresher.plans.simple_rules import copy_nearest
from thresher.runs import Measurement, RunTable
from thresher.shapes import Bool, Float
from thresher.units import format_count, format_number


@dataclass(frozen=True)
class LawChoice:
    """One law to score: which, and what of it is fixed."""

    kind: LawKind = LawKind.DEFAULT
    fixed: FixedParts = field(default_factory=FixedParts)

    @property
    def name(self) -> str:
        """The law and its fixed parts, for example `default, kernel utility, kappa 0`."""
        parts = {name: value for name, value in asdict(self.fixed).items() if value is not None}
        return ", ".join([str(self.kind), *(f"{name} {_shown(value)}" for name, value in parts.items())])

    def fit(self, runs: RunTable, *, chance: float, seed: int, unit: str | None) -> Fit:
        """This law fitted to some runs; arguments as in `fit_law`."""
        return fit_law(runs, law=self.kind, chance=chance, seed=seed, unit=unit, **asdict(self.fixed))


DEFAULT = LawChoice()


def laws_with(kind: str, fixed: FixedParts) -> tuple[LawChoice, ...]:
    """The default, the paper's law, and the named one if it is neither.

    Raises:
        InputError: There is no law of this name.
    """
    if kind not in list(LawKind):
        raise InputError(f"There is no law {kind!r}; laws are {' and '.join(LawKind)}.")
    return tuple(dict.fromkeys([DEFAULT, LawChoice(LawKind.PAPER), LawChoice(LawKind(kind), fixed)]))


@dataclass(frozen=True)
class Predicted:
    """What one law or rule says of some mixtures at their budgets; NaN where it says nothing.

    Attributes:
        error: Predicted error.
        mean: Mean over the draws, by which it chooses.
        low: 5 % point of one new run.
        high: 95 % point.
    """

    error: Float[np.ndarray, " measured"]
    mean: Float[np.ndarray, " measured"]
    low: Float[np.ndarray, " measured"]
    high: Float[np.ndarray, " measured"]

    def where(self, asked: Bool[np.ndarray, " measured"]) -> "Predicted":
        """The same without what is not asked."""
        return Predicted(
            *(np.where(asked, part, np.nan) for part in (self.error, self.mean, self.low, self.high))
        )


def predict(fit: Fit, measured: Sequence[Measured]) -> Predicted:
    """What a fitted law says; nothing of mixtures with pools that it does not know."""
    names = {pool.name for pool in fit.pools}
    known = [at for at, one in enumerate(measured) if names.issuperset(one.mixture.names)]
    said = np.full((4, len(measured)), np.nan)
    if known:
        mixtures = list(dict.fromkeys(measured[at].mixture for at in known))
        budgets = sorted({measured[at].samples_seen for at in known})
        found = forecast(fit, mixtures, np.array(budgets))
        row = [mixtures.index(measured[at].mixture) for at in known]
        column = [budgets.index(measured[at].samples_seen) for at in known]
        said[:, known] = [part[row, column] for part in (found.expected, found.mean, *found.interval())]
    return Predicted(*said)


def copied(rows: Sequence[Measurement], measured: Sequence[Measured]) -> Predicted:
    """What the nearest runs of each pool say; see `copy_nearest`."""
    error = np.array([copy_nearest(rows, one.mixture, one.samples_seen) for one in measured])
    nothing = np.full(len(measured), np.nan)
    return Predicted(error, error, nothing, nothing)


def nothing_of(measured: Sequence[Measured]) -> Predicted:
    """What a rule says that predicts nothing, or a law that cannot be fitted."""
    return Predicted(*np.full((4, len(measured)), np.nan))


def joined(parts: Sequence[Predicted]) -> Predicted:
    """Several predictions in a row."""
    said = [[one.error, one.mean, one.low, one.high] for one in parts]
    return Predicted(*np.concatenate(said, axis=1)) if said else nothing_of(())


def _shown(value: str | float) -> str:
    return (
        value if isinstance(value, str) else format_count(value) if value >= 1e4 else format_number(value, 6)
    )
