"""What sets of ids come to: one list of distinct keys in ascending order, in parts that fit in memory."""

import ctypes
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from thresher.arguments import argument
from thresher.errors import InputError
from thresher.metadata.engine import Progress
from thresher.metadata.id_sets import IdSet, mark_of
from thresher.metadata.ids import IdKind
from thresher.metadata.keys import Keys, PairKeys, TextKeys, concatenated
from thresher.metadata.spill import Run, check_files, file_check, merge_runs, write_run
from thresher.metadata.types import Mask
from thresher.metadata.work import WorkFolder

SORT_SHARE = 0.1
"""Of the room, for the keys of one sorted run; sorting holds about seven times as much."""
MERGE_SHARE = 0.04
PART_SHARE, LARGE_PART_SHARE = 0.3, 0.75
"""Of the room, for the part of the keys that is held while rows are looked up; the larger share after `BESIDE_PART`."""
BESIDE_PART = 300_000_000
"""What reading and looking up take, more or less whatever the room."""
HELD_TEXT_BYTES = 100
"""Of a text in a Python set, beside its own bytes."""
LOOKED_UP_AT_ONCE = 1 << 14
COPIED_BYTES = 1 << 20
MERGED_KEY_BYTES = 24
MOST_MERGED_KEYS = 2_000_000

Lookup: TypeAlias = Callable[[Keys], Mask]
"""For keys in any order, whether each is held."""


@dataclass(frozen=True)
class SetKeys:
    """Distinct keys in ascending order.

    Attributes:
        name: Of files in the work folder that depend on the keys and their parts.
        inside: Whether rows with these keys stay (there is a `within`), or go (there are only `without`).
        parts: The keys, in consecutive ranges.
    """

    name: str
    inside: bool
    parts: tuple[Run, ...]


def sort_sets(sets: Sequence[IdSet], work: WorkFolder, room: float, progress: Progress) -> SetKeys:
    """Sort the ids of all sets once, out of core: those that are in every `within` and in no `without`.

    Each set becomes sorted runs whose keys carry a bit: its own if it is a `within`, one for all `without`. Merged, the
    bits of equal keys say which sets hold the key. Without a `within` the keys are those of any `without`.

    Args:
        sets: At least one.
        work: Where runs and parts are kept; what is there already is not done again.
        room: Bytes of memory for all of it.
        progress: Told of every set.

    Raises:
        InputError: A set cannot be read or changed, or no id is left.
    """
    kind = sets[0].id_kind
    text = kind is IdKind.TEXT
    name = f"sets-{mark_of(sets)}-{int(room)}"
    inside = any(one.inside for one in sets)
    kept = _kept(work, name, "part-")
    if kept is None:
        within = [one for one in sets if one.inside]
        bits = {id(one): 1 << (within.index(one) + 1 if one.inside else 0) for one in sets}
        wanted = sum(bits[id(one)] for one in within)
        carries = np.min_scalar_type(wanted | 1)
        runs: list[Run] = []
        for number, one in enumerate(sets):
            progress("sorting sets of ids", number, len(sets))
            runs += _runs(one, work, f"{name}-{number:02d}", room * SORT_SHARE, carries.type(bits[id(one)]))
        progress("sorting sets of ids", len(sets), len(sets))
        capacity = min(MOST_MERGED_KEYS, max(1, int(room * MERGE_SHARE / MERGED_KEY_BYTES)))
        merged = _merged(runs, capacity, wanted if inside else None)
        rows = [
            _write(work.file(f"{name}-part-{number:05d}"), (keys for _, keys in pieces))
            for number, pieces in groupby(_portions(merged, part_bytes(room)), itemgetter(0))
        ]
        if not rows:
            raise InputError(_nothing(sets))
        kept = _put(work, name, "part-", rows)
        for run in runs:
            run.path.unlink(missing_ok=True)
        give_back()
    parts = [
        Run(work.file(f"{name}-part-{number:05d}"), rows, None, text)
        for number, rows in enumerate(kept["rows"])
    ]
    return SetKeys(name, inside, tuple(parts))


def part_bytes(room: float) -> float:
    """Bytes of the keys that are held at a time, of `room` for all of it."""
    return max(PART_SHARE * room, LARGE_PART_SHARE * (room - BESIDE_PART))


def _nothing(sets: Sequence[IdSet]) -> str:
    given = " ".join(argument("within" if one.inside else "without", one.path) for one in sets)
    return f"No id is left by {given}. Check that these are the files you mean."


def _kept(work: WorkFolder, name: str, infix: str) -> dict[str, Any] | None:
    """Rows and checksums of the finished files under a name; None where they are not finished."""
    kept = work.get(f"{name}.json", "sorted")
    if kept is not None:
        check_files(
            work, f"{name}.json", {f"{name}-{infix}{n:05d}": check for n, check in enumerate(kept["checks"])}
        )
    return kept


def _put(work: WorkFolder, name: str, infix: str, rows: list[int]) -> dict[str, Any]:
    checks = [file_check(work.file(f"{name}-{infix}{number:05d}")) for number in range(len(rows))]
    kept = {"rows": rows, "checks": checks}
    work.put(f"{name}.json", kept)
    return kept


def _runs(one: IdSet, work: WorkFolder, name: str, room: float, bit: Any) -> list[Run]:  # noqa: ANN401 - a numpy scalar
    """The ids of one set as sorted runs; each id once in a run, with the set's bit."""
    kept = _kept(work, name, "")
    if kept is None:
        rows = []
        for number, pieces in groupby(_portions(one.blocks(), room), itemgetter(0)):
            keys, _ = concatenated([keys for _, keys in pieces]).sort()
            first = np.ones(len(keys), dtype=bool)
            first[1:] = ~keys.same_as_before()
            keys = keys.take(first)
            write_run(work.file(f"{name}-{number:05d}"), keys, np.full(len(keys), bit))
            rows.append(len(keys))
        one.check_unchanged()
        kept = _put(work, name, "", rows)
    text = one.id_kind is IdKind.TEXT
    return [
        Run(work.file(f"{name}-{number:05d}"), rows, bit.dtype.str, text)
        for number, rows in enumerate(kept["rows"])
    ]


def _portions(blocks: Iterator[Keys], room: float) -> Iterator[tuple[int, Keys]]:
    """The keys of all blocks in order, each piece with its portion's number; no portion takes more than `room` to hold."""
    number, used = 0, 0.0
    for keys in blocks:
        texts = HELD_TEXT_BYTES * len(keys) if isinstance(keys, TextKeys) else 0
        cost = (keys.nbytes + texts) / max(1, len(keys))
        start = 0
        while start < len(keys):
            fitting = min(len(keys) - start, int((room - used) / cost))
            if fitting < 1 and used:
                number, used = number + 1, 0.0
                continue
            rows = max(1, fitting)
            yield number, keys.take(slice(start, start + rows))
            start, used = start + rows, used + rows * cost


def _merged(runs: Sequence[Run], capacity: int, wanted: int | None) -> Iterator[Keys]:
    """Distinct keys in ascending order: those whose bits, of all runs, are `wanted`; all of them where it is None."""
    for keys, bits in merge_runs(runs, capacity):
        first = np.ones(len(keys), dtype=bool)
        first[1:] = ~keys.same_as_before()
        if wanted is not None and bits is not None:
            starts = np.flatnonzero(first)
            first[starts] = np.bitwise_or.reduceat(bits, starts) == wanted
        if first.any():
            yield keys.take(first)


def _write(path: Path, pieces: Iterator[Keys]) -> int:
    """Write consecutive keys as one run, without holding pairs; the number of keys."""
    first = next(pieces)
    if not isinstance(first, PairKeys):
        keys = concatenated([first, *pieces])
        write_run(path, keys, None)
        return len(keys)
    rows = 0
    beside = path.with_name(f"{path.name}-low")  # a run holds all leading integers, then all trailing ones
    with path.open("wb") as high, beside.open("w+b") as low:
        for keys in chain([first], pieces):
            if isinstance(keys, PairKeys):
                high.write(np.ascontiguousarray(keys.high).data)
                low.write(np.ascontiguousarray(keys.low).data)
                rows += len(keys)
        low.seek(0)
        shutil.copyfileobj(low, high, COPIED_BYTES)
    beside.unlink()
    return rows


def give_back() -> None:
    """Return freed memory to the system, which the C library of Linux keeps for later; others need no such call."""
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def lookup_of(part: Run) -> Lookup:
    """A function that says which keys are in a part; it holds the part in memory."""
    keys, _ = part.read(0, part.rows)
    if isinstance(keys, PairKeys):
        held = keys
        return lambda asked: np.concatenate([_pairs_held(held, some) for some in _small(asked)])
    texts: set[bytes] = set()
    for start in range(0, len(keys), 1 << 16):
        texts.update(keys.take(slice(start, start + (1 << 16))).texts.to_pylist())

    def are_held(asked: Keys) -> Mask:
        found = (one in texts for one in asked.texts.to_pylist()) if isinstance(asked, TextKeys) else ()
        return np.fromiter(found, dtype=bool, count=len(asked))

    return are_held


def _small(keys: Keys) -> Iterator[PairKeys]:
    """Pairs a few at a time, whose comparison stays in cache; at least once."""
    for start in range(0, max(1, len(keys)), LOOKED_UP_AT_ONCE):
        some = keys.take(slice(start, start + LOOKED_UP_AT_ONCE))
        if isinstance(some, PairKeys):
            yield some


def _pairs_held(held: PairKeys, asked: PairKeys) -> Mask:
    """For each pair, whether it is among `held`, which are distinct and in ascending order.

    The leading integer is looked up; only where several held keys share it, the trailing one is searched among those.
    """
    found = np.zeros(len(asked), dtype=bool)
    order = np.argsort(asked.high)  # neighbours are then looked up near each other, which caches like
    high = asked.high[order]
    first = np.searchsorted(held.high, high)
    near = np.flatnonzero(first < len(held))
    near = near[held.high[first[near]] == high[near]]
    rows, left = order[near], first[near]
    end = np.searchsorted(held.high, high[near], side="right")
    wanted, right = asked.low[rows], end.copy()
    while (unsettled := np.flatnonzero(left < right)).size:
        middle = (left[unsettled] + right[unsettled]) // 2
        below = held.low[middle] < wanted[unsettled]
        left[unsettled[below]] = middle[below] + 1
        right[unsettled[~below]] = middle[~below]
    there = left < end
    found[rows[there]] = held.low[left[there]] == wanted[there]
    return found
