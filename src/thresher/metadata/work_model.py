"""What unfinished work must hold before it is gone on from, for pydantic; imported only where there is some."""

from typing import Annotated, Self

from pydantic import Field, Strict, model_validator

from thresher.schemas import Count, Name, Ordered, Stored, one_for_each

FileName = Annotated[str, Field(pattern=r"^[0-9a-z]+-[0-9a-z-]+$")]
"""In the work folder itself: such a name leads to no other place."""
Check = Annotated[int, Field(ge=0, lt=1 << 32)]
"""A CRC-32."""
Tallies = Annotated[list[list[Count]], Field(min_length=3, max_length=3)]


class SavedWritten(Stored):
    """How far a subset was written."""

    after: str | Annotated[tuple[Ordered, Ordered], Strict(strict=False)]
    bytes: Count
    rows: Count
    distinct: Count
    duplicates: Count


class SavedRun(Stored):
    """A sorted run, with its length and checksum."""

    file: FileName
    rows: Count
    carries: Annotated[str, Field(pattern="^[<>|]u[1248]$")] | None
    check: Check


class SavedTask(Stored):
    """What one task of a selection found."""

    rows: Count
    tally: Tallies
    runs: list[SavedRun]
    tied: list[SavedRun]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len({len(counts) for counts in self.tally}) > 1:
            raise ValueError("tally has counts of different numbers of slices")
        if any(kept > self.rows for counts in self.tally[:2] for kept in counts):
            raise ValueError("tally counts more rows than there are")
        return self


class SavedBins(Stored):
    """What a scan of Spark counted: for each window, bins as (low, high, rows)."""

    bins: list[list[Annotated[tuple[Ordered, Ordered, Count], Strict(strict=False)]]]


class SavedPlaces(Stored):
    """Where Spark wrote for this work."""

    places: list[Name]


class SavedParts(Stored):
    """What Spark wrote of a selection, and where."""

    rows: Count
    tally: Tallies
    written: Count
    place: Name


class SavedSorted(Stored):
    """Sorted ids of a set, or of all sets: rows and checksum of each file."""

    rows: list[Count]
    checks: list[Check]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        one_for_each("checks", len(self.checks), "rows", len(self.rows))
        return self


class SavedPlace(Stored):
    """Where the keys of sets of ids were written for Spark; null is the work folder."""

    place: str | None


SCHEMAS: dict[str, type[Stored]] = {
    "written": SavedWritten,
    "task": SavedTask,
    "bins": SavedBins,
    "places": SavedPlaces,
    "parts": SavedParts,
    "sorted": SavedSorted,
    "place": SavedPlace,
}
"""By what `WorkFolder.get` is asked for."""
