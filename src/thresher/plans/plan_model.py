"""What a PLAN file must hold, for pydantic; imported only when one is read.

Scripts may add keys of their own to a PLAN, and `plan` prints more than is read here: those are passed over.
"""

import math
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator

from thresher.pools import check_weights
from thresher.schemas import (
    MOST_SAMPLES,
    Name,
    NonNegative,
    Probability,
    Samples,
    Share,
    Stored,
    all_different,
    one_for_each,
)


class Open(Stored):
    """Part of a PLAN; keys that are not known are passed over."""

    model_config = ConfigDict(extra="ignore")


class StoredChoice(Open):
    """What to train on, and what that is forecast to give."""

    pools: Annotated[list[Name], Field(min_length=1)]
    weights: list[Probability]
    epochs: list[NonNegative]
    keep: Share | None = None
    error: NonNegative | None = None
    low: NonNegative | None = None
    high: NonNegative | None = None
    probability_best: Probability | None = None
    expected_regret: NonNegative | None = None

    @model_validator(mode="after")
    def _consistent(self) -> "StoredChoice":
        all_different(self.pools, "pool")
        for what in ("weights", "epochs"):
            one_for_each(what, len(getattr(self, what)), "pools", len(self.pools))
        check_weights(self.pools, self.weights)
        wrong = next(
            (p for p, w, e in zip(self.pools, self.weights, self.epochs, strict=True) if e and not w), None
        )
        if wrong is not None:
            raise ValueError(f"pool {wrong!r} is repeated but has no weight")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"low is {self.low:g}, above high, {self.high:g}")
        return self


class StoredBaseline(Open):
    """What a simple rule is forecast to give."""

    name: Name
    error: NonNegative | None


class StoredPlan(Open):
    """The plan of one budget."""

    samples_seen: Samples
    best: StoredChoice
    mixture: StoredChoice | None = None
    candidates: list[StoredChoice] = Field(default_factory=list)
    baselines: list[StoredBaseline] = Field(default_factory=list)
    verdict: str = ""
    exposure: Literal["epochs", "resampled"] | None = None

    @model_validator(mode="after")
    def _of_possible_size(self) -> "StoredPlan":
        for choice in (self.best, self.mixture):
            for pool, w, e in zip(choice.pools, choice.weights, choice.epochs, strict=True) if choice else ():
                size = self.samples_seen * w / e if e else math.inf
                if w and math.isfinite(size) and not 1 <= size <= MOST_SAMPLES:
                    raise ValueError(
                        f"{e:g} epochs over pool {pool!r} would mean that it has {size:g} samples"
                    )
        return self


class StoredPlans(Open):
    """A whole PLAN file."""

    plans: Annotated[list[StoredPlan], Field(min_length=1)]
    warnings: list[str] = Field(default_factory=list)
