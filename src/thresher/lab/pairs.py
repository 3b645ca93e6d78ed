"""The laboratory's data: image-text pairs to train on, and labelled images to evaluate on."""

from dataclasses import dataclass

import numpy as np

from thresher.errors import InputError
from thresher.shapes import Int, UInt8

SIDE = 24
"""Pixels along an image; icons are drawn on a grid of 24 and stay readable on it."""


@dataclass(frozen=True)
class Pairs:
    """Images with captions.

    Attributes:
        images: Ink, 0 none to 255 black; shape (pairs, 24, 24).
        captions: One text each.
        ids: 32 hexadecimal digits each, the md5 of set and name.
    """

    images: UInt8[np.ndarray, "pairs side side"]
    captions: tuple[str, ...]
    ids: tuple[str, ...]

    def __post_init__(self) -> None:
        if not len(self.images) == len(self.captions) == len(self.ids):
            raise InputError(
                f"{len(self.images)} images, {len(self.captions)} captions and {len(self.ids)} ids are not pairs."
            )

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: Int[np.ndarray, " rows"]) -> "Pairs":
        """The pairs of these rows, in their order."""
        return Pairs(
            self.images[rows], tuple(self.captions[i] for i in rows), tuple(self.ids[i] for i in rows)
        )


@dataclass(frozen=True)
class Labelled:
    """Images of known classes, from families that nothing was trained on.

    Attributes:
        images: Ink, as in `Pairs`.
        labels: Place in `classes`.
        classes: Names, which are also the prompts.
    """

    images: UInt8[np.ndarray, "images side side"]
    labels: Int[np.ndarray, " images"]
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class IconSet:
    """One set of icons and what was taken from it.

    Attributes:
        name: Its name at its source.
        version: Of the set, or of the package that holds it.
        licence: SPDX identifier.
        family: Sets of one family share drawings or makers, and never stand on two sides of the split.
        role: `pool`, `teacher` or `evaluation`.
        icons: How many are used.
    """

    name: str
    version: str
    licence: str
    family: str
    role: str
    icons: int


@dataclass(frozen=True)
class LabData:
    """What a laboratory trains and evaluates on.

    Attributes:
        source: `iconify` or `wheels`.
        pool: Pairs to choose from.
        teacher: Pairs that only the teacher is trained on, which scores the pool.
        evaluation: Labelled images.
        sets: Where all this comes from.
        near_duplicates: Pairs left out since an evaluation image looks like theirs.
    """

    source: str
    pool: Pairs
    teacher: Pairs
    evaluation: Labelled
    sets: tuple[IconSet, ...]
    near_duplicates: int
