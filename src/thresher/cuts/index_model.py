"""What an index.json must hold, for pydantic; imported only when one is read."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from thresher.schemas import Count, Name, SavedSet, Sha256, Stored, Whole, one_for_each

Check = Annotated[int, Field(ge=0, lt=1 << 32)]


class SavedInput(Stored):
    """A Parquet file as it was."""

    path: Name
    size: Count
    stamp: str
    rows: Count
    row_groups: list[Count]

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if sum(self.row_groups) != self.rows:
            raise ValueError("rows is not the sum of row_groups")
        return self


class SavedChecks(Stored):
    """CRC-32 of each block, in order."""

    ids: list[Check]
    scores: list[Check]


class SavedIndex(Stored):
    """A whole index.json."""

    score: Name
    score_width: Literal[4, 8]
    score_type: Literal["f2", "f4", "f8", "i"]
    id: Name
    id_kind: Literal["hex", "uuid", "integer"]
    where: str | None
    rows: Whole
    missing: Count
    inputs: Annotated[list[SavedInput], Field(min_length=1)]
    scores: list[SavedInput]
    within: list[SavedSet] = Field(default_factory=list)
    without: list[SavedSet] = Field(default_factory=list)
    block_rows: Whole
    checks: SavedChecks
    sha256: Sha256

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.missing > self.rows:
            raise ValueError("missing is more than rows")
        for what in ("ids", "scores"):
            one_for_each(
                f"checks.{what}", len(getattr(self.checks, what)), "blocks", -(-self.rows // self.block_rows)
            )
        return self
