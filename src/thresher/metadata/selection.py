"""Which samples, and how often: slices of the ranking by score, best first."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from thresher.metadata.ids import IdKind
from thresher.metadata.keys import Keys
from thresher.metadata.order import MISSING, Ordered
from thresher.metadata.sampling import in_sample, whole_and_part
from thresher.metadata.types import Key, Mask


@dataclass(frozen=True)
class Edge:
    """A place in the ranking: samples at or above it are on its inner side.

    Attributes:
        score: Ordered value of the score (see `order`).
        key: Of the samples with that very score, those up to this key are inside; None for all of them.
        ties: Instead of `key`: how many of those samples are inside, by id; None when `key` says it.
    """

    score: int
    key: Key = None
    ties: int | None = None

    def inside(self, ordered: Ordered, keys: Keys) -> Mask:
        """For each sample, whether it ranks at or above this edge."""
        if self.key is None:
            return ordered >= ordered.dtype.type(self.score)
        above = ordered > ordered.dtype.type(self.score)
        tied = np.flatnonzero(ordered == ordered.dtype.type(self.score))
        if len(tied):
            above[tied] = keys.take(tied).at_most(self.key)
        return above


@dataclass(frozen=True)
class Slice:
    """Consecutive samples of the ranking.

    Attributes:
        name: A bucket's name, or what was asked for.
        above: Everything inside this edge is better than the slice; None when the slice starts at the best.
        last: The slice ends here; None when it ends with the samples without a score.
        copies: How often each sample is wanted: its whole part for all, its fraction by digest.
    """

    name: str
    above: Edge | None
    last: Edge | None
    copies: float = 1.0

    @property
    def lowest(self) -> int:
        """The least ordered score that may be inside."""
        return MISSING if self.last is None else self.last.score

    def may_hold(self, ordered: Ordered) -> Mask:
        """For each sample, whether its score alone allows it to be inside."""
        inside = ordered >= ordered.dtype.type(self.lowest)
        if self.above is not None:
            highest = self.above.score - (self.above.key is None)
            inside &= ordered <= ordered.dtype.type(max(0, highest))
        return inside

    def holds(self, ordered: Ordered, keys: Keys) -> Mask:
        """For each sample, whether it is inside."""
        inside = np.ones(len(ordered), dtype=bool) if self.last is None else self.last.inside(ordered, keys)
        if self.above is not None:
            inside &= ~self.above.inside(ordered, keys)
        return inside


@dataclass(frozen=True)
class Tally:
    """Counts per slice.

    Attributes:
        held: Samples that are in the slice.
        samples: Those of them that are written at least once.
        copies: Rows written, repeats counted.
    """

    held: list[int]
    samples: list[int]
    copies: list[int]

    def __add__(self, other: "Tally") -> "Tally":
        """Counts of two disjoint sets of samples."""
        sums = (
            [a + b for a, b in zip(x, y, strict=True)] for x, y in zip(self.lists, other.lists, strict=True)
        )
        return Tally(*sums)

    @property
    def lists(self) -> tuple[list[int], list[int], list[int]]:
        """The three counts, in the order of the attributes."""
        return self.held, self.samples, self.copies

    @classmethod
    def zero(cls, slices: int) -> "Tally":
        """Nothing counted yet."""
        return cls([0] * slices, [0] * slices, [0] * slices)


@dataclass(frozen=True)
class Selection:
    """What to write.

    Attributes:
        slices: Disjoint.
        seed: Decides which samples get one copy more.
        members: Carry each sample's slice number along instead of its copies.
        scores: Carry each sample's ordered score along; for one slice of one copy each.
    """

    slices: tuple[Slice, ...]
    seed: int = 0
    members: bool = False
    scores: bool = False

    @property
    def open_ties(self) -> Edge | None:
        """The edge of which only a number of tied samples is known; at most the last slice has one."""
        edges = [s.last for s in self.slices if s.last is not None and s.last.ties is not None]
        return edges[-1] if edges else None

    @property
    def carries(self) -> bool:
        """Whether a number goes along with each key: its slice, its score, or copies other than one."""
        return self.members or self.scores or any(s.copies > 1 for s in self.slices)

    def may_hold(self, ordered: Ordered) -> Mask:
        """For each sample, whether its score alone allows it to be in some slice."""
        found = self.slices[0].may_hold(ordered)
        for piece in self.slices[1:]:
            found |= piece.may_hold(ordered)
        return found

    def place(self, ordered: Ordered, keys: Keys, kind: IdKind) -> tuple[Keys, Any, "Tally"]:
        """The chosen keys, what they carry, and the tally per slice.

        Args:
            ordered: Ordered scores of samples that `may_hold` lets through.
            keys: Their ids.
            kind: Of the ids, for the digests.

        Returns:
            Keys in no order; uint32 slice numbers or copies, or None; the tally.
        """
        if self.is_plain:
            return keys, ordered if self.scores else None, Tally([len(keys)], [len(keys)], [len(keys)])
        copies = np.zeros(len(keys), dtype=np.uint32)
        number = np.zeros(len(keys), dtype=np.uint32)
        tally = Tally([], [], [])
        for index, piece in enumerate(self.slices):
            rows = np.flatnonzero(piece.holds(ordered, keys))
            given = copies_of(keys.take(rows), kind, piece.copies, self.seed)
            copies[rows], number[rows] = given, index
            tally.held.append(len(rows))
            tally.samples.append(int((given > 0).sum()))
            tally.copies.append(int(given.sum(dtype=np.uint64)))
        chosen = np.flatnonzero(copies)
        carried = number[chosen] if self.members else copies[chosen]
        return keys.take(chosen), carried if self.carries else None, tally

    @property
    def is_plain(self) -> bool:
        """Whether passing `may_hold` is all it takes: one slice from the top, one copy each, whole ties."""
        piece = self.slices[0]
        whole = piece.last is None or piece.last.key is None
        return (
            len(self.slices) == 1 and piece.above is None and whole and piece.copies == 1 and not self.members
        )


def copies_of(keys: Keys, kind: IdKind, copies: float, seed: int) -> np.ndarray[Any, np.dtype[np.uint32]]:
    """How often each sample is written when `copies` are wanted on average."""
    whole, part = whole_and_part(copies)
    given = np.full(len(keys), whole, dtype=np.uint32)
    if part and len(keys):
        given += in_sample(keys, kind, part, seed)
    return given
