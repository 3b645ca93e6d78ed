"""What the laboratory's stored files must hold, for pydantic; imported only when one is read."""

from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from thresher.schemas import Count, Name, NonNegative, Probability, Stored, Whole, one_for_each

Cosine = Annotated[float, Field(ge=-1.001, le=1.001)]
Checkpoints = Annotated[list[Whole], Field(min_length=1)]


class SavedTexts(Stored):
    """Names and captions of pairs."""

    ids: list[Name]
    captions: list[str]

    @model_validator(mode="after")
    def _pairs(self) -> Self:
        one_for_each("captions", len(self.captions), "ids", len(self.ids))
        return self


class SavedSet(Stored):
    """One set of icons."""

    name: Name
    version: str
    licence: str
    family: str
    role: Literal["pool", "teacher", "evaluation"]
    icons: Count


class SavedData(Stored):
    """words.json: everything of the data but the images."""

    source: Name
    near_duplicates: Count
    classes: Annotated[list[str], Field(min_length=1)]
    sets: list[SavedSet]
    pool: SavedTexts
    teacher: SavedTexts


class SavedMeasured(Stored):
    """One checkpoint's evaluation."""

    samples_seen: Whole
    error: Probability
    standard_error: NonNegative


class SavedTaught(Stored):
    """What a teacher was and gave: its own error, and a score for each pair of the pool."""

    error: Probability
    scores: Annotated[list[Cosine], Field(min_length=1)]


class SavedMeasurements(Stored):
    """What was measured of one job."""

    measured: Annotated[list[SavedMeasured], Field(min_length=1)]


class SavedOther(Stored):
    """The result of a task that is not the laboratory's own."""

    model_config = ConfigDict(extra="allow")


class SavedRequest(Stored):
    """What a laboratory's folder was begun with; another release may have designed or said less."""

    minutes: Annotated[float, Field(gt=0)]
    seed: Count
    source: Name
    icons: str | None
    trainer: Name
    design: dict[str, Any] | None = None
    release: str | None = None


class SavedJob(Stored):
    """Which job a folder of open_clip holds."""

    pairs: Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
    checkpoints: Checkpoints
    arguments: list[str]


class SavedClasses(Stored):
    """Names and prompts for zero-shot evaluation."""

    classes: list[Name]
    templates: list[str]


RESULTS: dict[str, type[Stored]] = {"taught": SavedTaught, "measured": SavedMeasurements, "other": SavedOther}
"""By what a task says that its result is."""
