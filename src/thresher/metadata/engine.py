"""What bucketing and cutting ask of whatever holds the metadata: counts of scores, and sorted ids."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from thresher.metadata.keys import Keys
from thresher.metadata.selection import Selection, Tally
from thresher.metadata.table import Table
from thresher.metadata.types import Carried, Key
from thresher.metadata.work import WorkFolder

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called with what is being done, rows done and rows in all."""
Block: TypeAlias = tuple[Keys, Carried]
"""Keys in ascending order, and the uint32 that each carries (copies or slice number), or None."""


def no_progress(stage: str, done: int, total: int) -> None:
    """Show nothing."""


@dataclass(frozen=True)
class Window:
    """Ordered scores from `low` to `high`, both included."""

    low: int
    high: int


@dataclass(frozen=True)
class Bin:
    """How many rows have an ordered score from `low` to `high`; a finer count may split it further."""

    low: int
    high: int
    rows: int


class SortedIds(ABC):
    """The ids that a selection chose, each once per row of the table, ready to be read in ascending order."""

    @property
    @abstractmethod
    def rows_in(self) -> int:
        """Rows looked at, after `--where`."""

    @property
    @abstractmethod
    def tally(self) -> Tally:
        """Counts per slice."""

    @abstractmethod
    def blocks(self, after: Key = None) -> Iterator[Block]:
        """Keys in ascending order, block by block; equal keys never part.

        Args:
            after: Leave out keys up to this one.
        """


class Engine(ABC):
    """Two queries; everything else about buckets and cuts is computed from their answers."""

    name: str

    @abstractmethod
    def count(self, table: Table, windows: Sequence[Window], work: WorkFolder) -> list[list[Bin]]:
        """Rows per score within each window, one scan of the score column.

        Args:
            table: What to look at.
            windows: Disjoint.
            work: Where to keep unfinished counts.

        Returns:
            For each window its non-empty bins in ascending order. They narrow: counting a bin as a window gives
            finer bins, until `low == high`.

        Raises:
            InputError: A file cannot be read, or changed.
        """

    @abstractmethod
    def select(self, table: Table, selection: Selection, work: WorkFolder) -> SortedIds:
        """The chosen ids, one scan of scores and ids.

        Args:
            table: What to look at.
            selection: Which samples, and how often.
            work: Where to keep what is finished.

        Raises:
            InputError: A file cannot be read or changed, or an id is not of the table's kind.
        """
