"""What a JSON file of shards must hold, for pydantic; imported only when one is read."""

from typing import Annotated

from pydantic import BeforeValidator, Field, RootModel

from thresher.schemas import Name, Positive, Stored


def _whole(value: object) -> object:
    """500.0 is the whole number 500."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Shards = Annotated[int, BeforeValidator(_whole), Field(ge=1)]


class SavedSource(Stored):
    """The shards of one bucket."""

    shards: Shards
    path: Name
    samples: Positive | None = None


class SavedShards(RootModel[dict[str, SavedSource]]):
    """A whole file, by bucket."""
