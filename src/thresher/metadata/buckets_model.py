"""What a buckets.json must hold, for pydantic; imported only when one is read."""

import math
from typing import Annotated, Any, Literal, Self

from pydantic import Field, Strict, model_validator

from thresher.metadata.ids import IdKind, id_key
from thresher.schemas import (
    Count,
    Name,
    Probability,
    SavedSet,
    Seed,
    Share,
    Stored,
    Whole,
    all_different,
    one_for_each,
)

MOST_BUCKETS = 1000
SAME_FRACTION = 1e-9


class SavedBucket(Stored):
    """One bucket; best first."""

    name: Name
    low: float
    high: float
    rows: Count
    fraction: Probability


class SavedSample(Stored):
    """The pilot sample, and how many samples of each bucket it has."""

    share: Share
    seed: Seed
    rows: dict[str, Count]


class SavedBuckets(Stored):
    """A whole buckets.json."""

    rows: Whole
    missing: Count
    edges: list[float]
    buckets: Annotated[list[SavedBucket], Field(min_length=1, max_length=MOST_BUCKETS)]
    sample: SavedSample | None = None
    score: Name
    score_width: Literal[4, 8]
    id: Name
    id_kind: Literal["hex", "uuid", "integer", "text"]
    where: str | None
    within: list[SavedSet] = Field(default_factory=list)
    without: list[SavedSet] = Field(default_factory=list)
    tie_ids: list[str | None]
    histogram: list[Annotated[tuple[float, float, Count], Strict(strict=False)]]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [bucket.name for bucket in self.buckets]
        all_different(names, "bucket")
        joined = next((name for name in names if "+" in name), None)
        if joined is not None:
            raise ValueError(f"the name {joined!r} contains '+', which joins pools")
        one_for_each("tie_ids", len(self.tie_ids), "buckets", len(names))
        inside = sum(bucket.rows for bucket in self.buckets)
        if inside + self.missing != self.rows:
            raise ValueError(
                f"the buckets hold {inside:,} rows and {self.missing:,} have no score, but rows is {self.rows:,}"
            )
        if self.edges != [self.buckets[0].high, *(bucket.low for bucket in self.buckets)]:
            raise ValueError("edges are not those of the buckets")
        high = self.buckets[0].high
        for bucket in self.buckets:
            if bucket.high != high or bucket.low > high:
                raise ValueError(f"bucket {bucket.name!r} does not begin where the one above it ends")
            if not math.isclose(
                bucket.fraction, bucket.rows / self.rows, rel_tol=SAME_FRACTION, abs_tol=SAME_FRACTION
            ):
                raise ValueError(f"fraction of bucket {bucket.name!r} is not its share of the rows")
            high = bucket.low
        for tie in self.tie_ids:
            if tie is not None:
                id_key(tie, IdKind(self.id_kind))
        self._check_counts(names)
        return self

    def _check_counts(self, names: list[str]) -> None:
        if any(low > high for low, high, _ in self.histogram):
            raise ValueError("a bar of the histogram ends before it begins")
        if self.histogram and sum(rows for *_, rows in self.histogram) != self.rows - self.missing:
            raise ValueError("the histogram does not count every row that has a score")
        if self.sample is not None:
            held: dict[str, Any] = {bucket.name: bucket.rows for bucket in self.buckets}
            if list(self.sample.rows) != names or any(n > held[name] for name, n in self.sample.rows.items()):
                raise ValueError("sample.rows does not give a part of each bucket")
