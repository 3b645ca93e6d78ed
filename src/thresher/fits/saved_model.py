"""What a FIT file must hold, for pydantic; imported only when one is read."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from thresher.fits.fit import Verdict
from thresher.laws.kernels import KERNELS
from thresher.laws.mixing import MIXING_RULES

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Negative = Annotated[float, Field(lt=0, allow_inf_nan=False)]
Interval = tuple[float, float]
Replicate = tuple[Positive, Positive, NonNegative, list[Negative], list[Positive], list[Positive | None]]
WEIGHTS_SUM = 1e-6


class Strict(BaseModel):
    """Numbers are numbers, and unknown keys are a sign of another version."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class SavedRow(BaseModel):
    """One measurement."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)
    pool: str
    unique_samples: Positive
    samples_seen: Positive
    metric: str
    error: NonNegative
    model: str | None = None
    seed: str | None = None
    rank: int | None = None
    quality: str | None = None
    schedule: str | None = None
    exposure: str | None = None
    standard_error: float | None = None


class SavedPool(Strict):
    """One pool."""

    pool: str
    unique_samples: Positive
    rank: int | None
    quality: str | None
    largest_run: Positive | None


class SavedParameters(Strict):
    """One pool's law in one member."""

    utility: Negative
    worth: Positive
    half_life: Positive | None


class SavedMember(Strict):
    """One law with its replicates."""

    kernel: str
    mixing: str
    kappa: NonNegative
    floor: NonNegative
    amplitude: Positive
    onset: Positive
    weight: NonNegative
    parameters: dict[str, SavedParameters]
    replicates: list[Replicate]

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.kernel not in KERNELS:
            raise ValueError(f"there is no kernel {self.kernel!r}")
        if self.mixing not in MIXING_RULES:
            raise ValueError(f"there is no mixing rule {self.mixing!r}")
        return self


class SavedReport(Strict):
    """What was found of one pool."""

    pool: str
    utility: Negative
    utility_interval: Interval
    worth: Positive
    half_life: Positive | None
    half_life_interval: Interval | None
    runs: int
    findings: list[tuple[str, str]]

    @model_validator(mode="after")
    def _known(self) -> Self:
        for name, _ in self.findings:
            if name not in Verdict.__members__:
                raise ValueError(f"there is no verdict {name!r}")
        return self


class SavedFit(BaseModel):
    """A whole FIT file."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)
    metric: str
    unit: Literal["fraction", "loss"]
    chance: Positive | None
    noise_sd: Positive
    rmse: NonNegative
    rows: Annotated[list[SavedRow], Field(min_length=1)]
    pools: Annotated[list[SavedPool], Field(min_length=1)]
    members: Annotated[list[SavedMember], Field(min_length=1)]
    reports: list[SavedReport]
    dropped_rows: int
    joint_rows: int
    widest_mixture: int
    notes: list[str]
    warnings: list[str]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [pool.pool for pool in self.pools]
        if len(set(names)) < len(names):
            raise ValueError("a pool appears twice")
        for member in self.members:
            if set(member.parameters) != set(names):
                raise ValueError(f"the {member.kernel} member does not have exactly the pools of the fit")
            for replicate in member.replicates:
                if any(len(values) != len(names) for values in replicate[3:]):
                    raise ValueError(f"a replicate of the {member.kernel} member lacks a pool")
        for name in [report.pool for report in self.reports] + [row.pool for row in self.rows]:
            if name not in names:
                raise ValueError(f"pool {name!r} is not among the pools of the fit")
        if abs(sum(member.weight for member in self.members) - 1.0) > WEIGHTS_SUM:
            raise ValueError("the weights of the members do not sum to 1")
        return self
