"""What a manifest must hold, for pydantic; imported only when one is read."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from thresher.cuts.requests import MOST_COPIES
from thresher.schemas import (
    AsWritten,
    Count,
    Name,
    Ordered,
    SavedSet,
    Seed,
    Sha256,
    Stored,
    all_different,
    one_for_each,
)


class SavedFile(Stored):
    """A file of the metadata as it was; only its path is known of what is no file."""

    path: Name
    size: Count | None
    changed: str | None
    rows: Count | None
    footer: str | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if len({value is None for value in (self.size, self.changed, self.rows)}) > 1:
            raise ValueError("size, changed and rows are known of a file, all or none")
        return self


class SavedPlanned(Stored):
    """Where copies came from."""

    samples_seen: AsWritten
    choice: Literal["best", "mixture"]
    pools: list[Name]
    epochs: list[AsWritten]
    passes: AsWritten


class SavedRequest(Stored):
    """What was asked for: a share, a threshold, or copies of buckets."""

    keep: AsWritten | None = None
    threshold: AsWritten | None = None
    copies: dict[str, AsWritten] | None = None
    seed: Seed | None = None
    edges: Sha256 | None = None
    plan: SavedPlanned | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = self.model_fields_set
        of_buckets = {"copies", "seed", "edges"}
        if given - {"plan"} not in ({"keep"}, {"threshold"}, of_buckets) or (
            "plan" in given and not given >= of_buckets
        ):
            raise ValueError("a request has keep, or threshold, or copies with seed and edges")
        if any(getattr(self, name) is None for name in given):
            raise ValueError("no part of a request is null")
        if self.keep is not None and not 0 < self.keep <= 1:
            raise ValueError(f"keep is {self.keep:g}, not a share above 0 and up to 1")
        if self.copies is not None and not (
            self.copies and all(copies > 0 for copies in self.copies.values())
        ):
            raise ValueError(f"copies must be above 0, up to {MOST_COPIES:,}")
        return self


class SavedWork(Stored):
    """Everything that decides the bytes of a subset; its digest is compared, so it is kept as it stands."""

    inputs: Annotated[list[SavedFile], Field(min_length=1)]
    scores: list[SavedFile]
    score: Name | None
    id: Name
    where: str | None
    within: list[SavedSet] = Field(default_factory=list)
    without: list[SavedSet] = Field(default_factory=list)
    request: SavedRequest
    format: Literal[".npy", ".parquet", ".txt"]
    unique: bool


class SavedEdge(Stored):
    """An end of a slice."""

    score: float | Literal["inf", "-inf", "nan"]
    ordered: Ordered
    ties: Count | None
    tie_id: str | None


class SavedSlice(Stored):
    """A slice of the ranking."""

    name: Name
    above: SavedEdge | None
    last: SavedEdge | None
    copies: Annotated[float, Field(gt=0, le=MOST_COPIES)]


class SavedCount(Stored):
    """What a slice gave."""

    samples: Count
    rows: Count


class SavedManifest(Stored):
    """A whole manifest."""

    job: SavedWork
    slices: Annotated[list[SavedSlice], Field(min_length=1)]
    counts: dict[str, SavedCount]
    rows_in: Count
    missing: Count
    rows_out: Count
    unique_out: Count
    duplicates: Count
    sha256: Sha256
    engine: Name
    command: str | None
    folder: str | None = None
    thresher: str

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [piece.name for piece in self.slices]
        all_different(names, "slice")
        one_for_each("counts", len(self.counts), "slices", len(names))
        if sorted(names) != sorted(self.counts):
            raise ValueError("counts are not of the slices")
        if self.missing > self.rows_in or self.unique_out > self.rows_out:
            raise ValueError("a part has more rows than the whole")
        if sum(count.rows for count in self.counts.values()) != self.rows_out:
            raise ValueError("rows_out is not the sum of counts")
        if sum(count.samples for count in self.counts.values()) != self.unique_out + self.duplicates:
            raise ValueError("unique_out and duplicates are not the samples of counts")
        if self.job.request.copies is not None and set(self.job.request.copies) != set(names):
            raise ValueError("the slices are not the buckets of the request")
        return self
