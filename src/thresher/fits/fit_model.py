"""What a FIT file must hold, for pydantic; imported only when one is read."""

from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from thresher.fits.fit import LawKind, Verdict
from thresher.laws.kernels import KERNELS
from thresher.pools import ROUNDED_WEIGHTS
from thresher.schemas import (
    Count,
    Interval,
    Name,
    NonNegative,
    Positive,
    Probability,
    Samples,
    Stored,
    all_different,
    in_order,
    one_for_each,
)
from thresher.units import format_number

Size = Samples | None
"""Unique samples; null is without end."""
Spread = Annotated[float, Field(ge=0, le=1e3)]
"""An sd of ln y; a factor of e^1000 is no spread of any run."""
MOST_DRAWS = 100_000
LARGEST_ERROR = 1e300
WEIGHTS_SUM = 1e-6
LEAST_ERROR = 0.003
"""The noise of a fraction where nothing is known of it; errors may be smaller."""
MOST_NOISE = 10.0
"""Times the largest error: runs that scatter more have measured nothing."""
POSITIVE = ("exponent", "bend", "worth", "half_life", "onset", "amplitude")


class SavedRow(Stored):
    """One measurement."""

    pool: Name
    unique_samples: Size
    samples_seen: Samples
    metric: Name
    error: Annotated[float, Field(gt=0, le=LARGEST_ERROR)]
    run: str | None = None
    model: str | None = None
    seed: str | None = None
    rank: Annotated[int, Field(ge=1)] | None = None
    quality: str | None = None
    schedule: str | None = None
    exposure: str | None = None
    standard_error: Positive | None = None
    weights: list[Probability] | None = None
    pool_sizes: list[Size] | None = None

    @model_validator(mode="after")
    def _one_for_each_pool(self) -> Self:
        pools = self.pool.count("+") + 1
        for what, found in (("weights", self.weights), ("pool_sizes", self.pool_sizes)):
            if found is not None:
                one_for_each(what, len(found), f"pools in {self.pool!r}", pools)
        if self.weights is not None and abs(sum(self.weights) - 1.0) > ROUNDED_WEIGHTS + WEIGHTS_SUM:
            raise ValueError("the weights of a mixture sum to 1")
        return self


class SavedPool(Stored):
    """One pool."""

    pool: Name
    unique_samples: Size
    rank: Annotated[int, Field(ge=1)] | None
    quality: str | None
    largest_run: Positive | None


class SavedReach(Stored):
    """How far the runs go."""

    largest_run: Samples
    most_epochs: NonNegative
    sizes: Annotated[list[Size], Field(min_length=1)]
    widest_mixture: Annotated[int, Field(ge=1)]
    largest_shares: list[Annotated[float, Field(ge=0, le=1.000001)]]
    joint_information: list[list[float]]


class SavedReference(Stored):
    """What the parameters are relative to."""

    largest_run: Samples | None
    typical_size: list[Positive]


class SavedDraws(Stored):
    """Draws of one kernel."""

    weight: Positive
    values: Annotated[list[list[float]], Field(min_length=1, max_length=MOST_DRAWS)]


class SavedReport(Stored):
    """What was found of one pool."""

    pool: str
    utility: Annotated[float, Field(lt=0)] | None
    utility_interval: Interval | None
    worth: Positive
    worth_interval: Interval | None
    half_life: Positive | None
    half_life_interval: Interval | None
    worth_by_pass: list[NonNegative]
    runs: Count
    findings: list[Annotated[list[str], Field(min_length=2, max_length=2)]]

    @model_validator(mode="after")
    def _known(self) -> Self:
        for name in ("utility", "worth", "half_life"):
            in_order(name, getattr(self, f"{name}_interval"))
        for name, _ in self.findings:
            if name not in Verdict.__members__:
                raise ValueError(f"there is no verdict {name!r}")
        return self


class SavedShared(Stored):
    """What was found of one shared part."""

    name: str
    value: float
    interval: Interval
    prior: Interval | None
    identified: bool
    sentence: str

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        in_order("interval", self.interval)
        in_order("prior", self.prior)
        return self


class SavedFit(Stored):
    """A whole FIT file."""

    law: Literal["default", "paper"]
    metric: Name
    unit: Literal["fraction", "loss"]
    chance: Annotated[float, Field(gt=0, le=1)] | None
    noise_sd: Annotated[float, Field(gt=0, le=LARGEST_ERROR)]
    misfit: Spread
    seed_sd: Spread
    rmse: NonNegative
    rows: Annotated[list[SavedRow], Field(min_length=1)]
    pools: Annotated[list[SavedPool], Field(min_length=1)]
    priors: dict[str, Any] = Field(default_factory=dict)
    reach: SavedReach
    reference: SavedReference
    parameters: list[str]
    draws: dict[str, SavedDraws]
    reports: list[SavedReport]
    shared: list[SavedShared]
    dropped_rows: Count
    notes: list[str]
    warnings: list[str]
    parts: list["SavedFit"] = Field(default_factory=list)
    part_weights: list[NonNegative] = Field(default_factory=list)
    worst: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.chance is None) != (self.unit == "loss"):
            raise ValueError("a fraction has a chance level, and a loss has none")
        if self.unit == "fraction" and any(row.error > 1 for row in self.rows):
            raise ValueError("an error of a fraction is at most 1")
        if self.unit == "fraction" and self.noise_sd > 1:
            raise ValueError("the noise of a fraction is at most 1")
        largest = max(row.error for row in self.rows)
        for what in ("noise_sd", "rmse"):
            if getattr(self, what) > MOST_NOISE * max(largest, LEAST_ERROR):
                raise ValueError(f"{what} is {getattr(self, what):g}, but no error is above {largest:g}")
        names = [pool.pool for pool in self.pools]
        all_different(names, "pool")
        ranks = [str(pool.rank) for pool in self.pools if pool.rank is not None]
        all_different(ranks, "rank")
        for row in self.rows:
            if any(name.strip() not in names for name in row.pool.split("+")):
                raise ValueError(f"a row is of pool {row.pool!r}, which the fit does not have")
        one_for_each("reach.largest_shares", len(self.reach.largest_shares), "pools", len(names))
        information = self.reach.joint_information
        if len(information) != len(names) or any(len(row) != len(names) for row in information):
            raise ValueError("reach.joint_information needs a number for each pair of pools")
        matrix = np.array(information)
        if not np.allclose(matrix, matrix.T) or np.linalg.eigvalsh(matrix).min() < -1e-6 * (
            1 + np.abs(matrix).max()
        ):
            raise ValueError("reach.joint_information must be symmetric and not negative")
        for report in self.reports:
            if report.pool not in names:
                raise ValueError(f"pool {report.pool!r} is not among the pools of the fit")
        if len(self.part_weights) != len(self.parts) or bool(self.parts) == bool(self.draws):
            raise ValueError("a fit has draws, or parts with a weight each")
        if any([pool.pool for pool in part.pools] != names or part.parts for part in self.parts):
            raise ValueError("every part is the fit of one metric, of the same pools")
        if self.parts:
            return self
        self._check_draws(names)
        if abs(sum(draws.weight for draws in self.draws.values()) - 1.0) > WEIGHTS_SUM:
            raise ValueError("the weights of the kernels do not sum to 1")
        return self

    def _check_draws(self, names: list[str]) -> None:
        from thresher.fits.fit_file import OF_ALL, OF_POOLS

        kind = LawKind(self.law)
        wanted = [*OF_ALL[kind], *[f"{part}:{name}" for part in OF_POOLS[kind] for name in names]]
        if self.parameters != wanted:
            raise ValueError(f"parameters are not {', '.join(wanted[:4])}, .. for the pools of the fit")
        sizes = len(self.reference.typical_size)
        if sizes not in (1, len(names)):
            raise ValueError("reference.typical_size needs one number, or one for each pool")
        if kind is LawKind.DEFAULT and self.reference.largest_run is None:
            raise ValueError("reference.largest_run is missing")
        for kernel, draws in self.draws.items():
            if kernel not in KERNELS:
                raise ValueError(f"there is no kernel {kernel!r}")
            if any(len(row) != len(wanted) for row in draws.values):
                raise ValueError(f"a draw of {kernel} does not have one number for each parameter")
            values = np.array(draws.values)
            for i, name in enumerate(wanted):
                part = name.partition(":")[0]
                column = values[:, i]
                if part in POSITIVE and not np.all(column > 0):
                    raise ValueError(f"{name} of {kernel} must be positive")
                if part == "utility" and not np.all(column < 0):
                    raise ValueError(f"{name} of {kernel} must be negative")
                if part == "floor":
                    top = self.chance if self.chance is not None else LARGEST_ERROR
                    if not np.all((column >= 0) & (column < top)):
                        raise ValueError(f"floor of {kernel} must lie between 0 and {format_number(top, 6)}")
                if part in ("kappa", "power", "level") and not np.all(np.abs(column) < 1e3):
                    raise ValueError(f"{name} of {kernel} is out of range")
