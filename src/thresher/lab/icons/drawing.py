"""An icon before it is drawn: its set, its name, and its shape as SVG."""

from dataclasses import dataclass

from thresher.lab.icons.captions import caption_of


@dataclass(frozen=True)
class Drawing:
    """One icon.

    Attributes:
        set: Name of its set.
        name: Its name within the set.
        svg: A whole SVG document; shapes are black, or the current colour.
    """

    set: str
    name: str
    svg: str

    @property
    def caption(self) -> str:
        """What it shows, in words."""
        return caption_of(self.name)


@dataclass(frozen=True)
class SetOfDrawings:
    """A set as its source gives it.

    Attributes:
        name: Its name at the source.
        version: Of the set, or of the package that holds it.
        licence: SPDX identifier.
        drawings: All its icons, sorted by name.
    """

    name: str
    version: str
    licence: str
    drawings: tuple[Drawing, ...]
