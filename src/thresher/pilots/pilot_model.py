"""What a pilot.yaml must hold, for pydantic; imported only when one is read."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from thresher.pilots.design import SCHEDULES
from thresher.schemas import Name, Seed, Share, Stored, Whole, all_different

MOST_RUNS = 10_000
Epochs = Annotated[int, Field(ge=1, le=10**6)]
Rank = Annotated[int, Field(ge=1)]


class SavedPool(Stored):
    """Samples of one bucket."""

    name: Name
    bucket: Name
    share: Share
    unique_samples: Whole
    rank: Rank | None


class SavedTrainer(Stored):
    """How runs are trained."""

    model: Name
    batch_size: Whole
    gpus: Whole
    exposure: Literal["epochs", "resampled"]
    metric: Name


class SavedRun(Stored):
    """One run."""

    run: Name
    pools: Annotated[list[Name], Field(min_length=1)]
    unique_samples: Whole
    epochs: Annotated[list[Epochs], Field(min_length=1)]
    schedule: str
    seed: Seed

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        all_different(self.pools, "pool")
        all_different([str(epoch) for epoch in self.epochs], "epoch")
        if self.schedule not in SCHEDULES:
            raise ValueError(f"schedule is {self.schedule!r}, which should be {' or '.join(SCHEDULES)}")
        return self


class SavedPilot(Stored):
    """A whole pilot.yaml."""

    target_samples_seen: Whole
    pilot_samples_seen: Whole | None = None
    seed: Seed
    pools: Annotated[list[SavedPool], Field(min_length=1)]
    trainer: SavedTrainer
    runs: Annotated[list[SavedRun], Field(min_length=1, max_length=MOST_RUNS)]
    simulation: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        all_different([pool.name for pool in self.pools], "pool")
        all_different([str(pool.rank) for pool in self.pools if pool.rank is not None], "rank")
        all_different([run.run for run in self.runs], "run")
        sizes = {pool.name: pool.unique_samples for pool in self.pools}
        for run in self.runs:
            strange = [name for name in run.pools if name not in sizes]
            if strange:
                raise ValueError(
                    f"run {run.run!r} is of pool {strange[0]!r}, but the pools are {', '.join(sizes)}"
                )
            total = sum(sizes[name] for name in run.pools)
            if run.unique_samples != total:
                raise ValueError(
                    f"unique_samples of run {run.run!r} is {run.unique_samples:,}, but its pools have {total:,} together"
                )
        return self
