"""Where each bucket's shards are, how many, and how large: what a recipe needs beyond a plan."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from thresher.errors import FileFormatError, InputError
from thresher.plans.saved import SavedChoice
from thresher.recipes.shards import ShardSet
from thresher.stored import DamageError, checked, load_json
from thresher.units import parse_number

MOST_SHARDS = 10**7
"""The dry run holds 8 bytes per shard."""
MOST_SAMPLES = 10**15
UNEVEN = 1.05
"""Shards whose sizes differ by less than this do not change a recipe."""
_SHARDS = re.compile(r"(?P<name>[^=]+)=(?P<count>[^:@]+)(?:@(?P<samples>[^:]+))?:(?P<path>.+)")
_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"(\d+)\.\.(\d+)")


@dataclass(frozen=True)
class Source:
    """The shards of one bucket.

    Attributes:
        name: Of the bucket.
        shards: How many.
        path: Of the shards, in brace notation; several are joined by `::`.
        samples: In all shards together; None where shards of every bucket hold the same number.
    """

    name: str
    shards: int
    path: str
    samples: float | None = None

    def __post_init__(self) -> None:
        if self.shards < 1:
            raise InputError(f"{self.name!r} has {self.shards} shards; it needs at least one.")
        counted = sum(count_braces(part) for part in self.path.split("::"))
        if counted not in (1, self.shards):
            raise InputError(
                f"{self.name!r}: {self.path} names {counted:,} shards, not {self.shards:,}; correct one of them."
            )
        if self.shards > MOST_SHARDS or (self.samples is not None and not self.samples <= MOST_SAMPLES):
            raise InputError(
                f"{self.name!r} has {self.shards:,} shards; a recipe is written for at most {MOST_SHARDS:,}, with "
                f"{MOST_SAMPLES:,} samples. Correct the numbers."
            )
        if self.samples is not None and not self.samples >= self.shards:
            raise InputError(
                f"{self.name!r} has {self.samples:g} samples in {self.shards} shards; none may be empty."
            )


def count_braces(path: str) -> int:
    """How many files a path in brace notation names.

    >>> count_braces("b0/{000..499}.tar"), count_braces("{a,b}/{00..09}.tar"), count_braces("one.tar")
    (500, 20, 1)
    """
    total = 1
    for inside in _BRACES.findall(path):
        found = _RANGE.fullmatch(inside)
        total *= abs(int(found[2]) - int(found[1])) + 1 if found else inside.count(",") + 1
    return total


def parse_shards(texts: Sequence[str]) -> dict[str, Source]:
    """Sources from `name=count:path` or `name=count@samples:path`.

    Raises:
        InputError: A text of another form, or a name given twice.
    """
    found: dict[str, Source] = {}
    for text in texts:
        parts = _SHARDS.fullmatch(text)
        if not parts:
            raise InputError(
                f"--shards is {text!r}; write name=count:path or name=count@samples:path, for example "
                "b0=500:shards/b0/{000..499}.tar."
            )
        name = parts["name"].strip()
        if name in found:
            raise InputError(f"--shards names {name!r} twice; join its paths with '::'.")
        count = parse_number(parts["count"], f"--shards {name}")
        samples = parse_number(parts["samples"], f"--shards {name}") if parts["samples"] else None
        found[name] = Source(name, _whole(count, f"--shards {name}"), parts["path"].strip(), samples)
    return found


def read_shards(path: Path) -> dict[str, Source]:
    """Sources from a JSON file such as `{"b0": {"shards": 500, "path": "b0/{000..499}.tar", "samples": 5000000}}`.

    `samples` may be left out.

    Raises:
        FileFormatError: Not such a file.
        InputError: The file cannot be read.
    """
    from thresher.recipes.shards_model import SavedShards

    try:
        found = checked(load_json(path, "a JSON file of shards"), SavedShards).root
    except DamageError as error:
        raise FileFormatError(
            f'{path} is not a JSON object like {{"b0": {{"shards": 500, "path": "b0/{{000..499}}.tar"}}}}: {error}.'
        ) from error
    return {name: Source(name, one.shards, one.path, one.samples) for name, one in found.items()}


def sources_of(choice: SavedChoice, known: Mapping[str, Source]) -> tuple[Source, ...]:
    """The source of each pool of a choice, in its order.

    Raises:
        InputError: A pool without shards; the message names it.
    """
    missing = [name for name in choice.pools if name not in known]
    if missing:
        raise InputError(
            f"The plan trains on {', '.join(choice.pools)}, but no shards are given for {', '.join(missing)}; add "
            f"--shards {missing[0]}=COUNT:PATH."
        )
    found = tuple(known[name] for name in choice.pools)
    paths = [part for source in found for part in source.path.split("::")]
    for path in paths:
        if paths.count(path) > 1:
            raise InputError(f"The path {path} is given twice; every shard belongs to one pool.")
    if len({source.samples is None for source in found}) > 1:
        raise InputError(
            "Samples are given for the shards of some pools and not of others; give them for all or none."
        )
    return found


def shard_doubts(choice: SavedChoice, sources: Sequence[Source]) -> tuple[str, ...]:
    """Where shards that are taken to hold equal numbers of samples cannot, in words."""
    if sources[0].samples is not None:
        return ()
    held = [n / source.shards for n, source in zip(choice.unique_samples, sources, strict=True)]
    if max(held) <= UNEVEN * min(held):
        return ()
    shown = ", ".join(f"{source.name} {size:,.0f}" for source, size in zip(sources, held, strict=True))
    return (
        f"By the plan's sizes a shard would hold {shown} samples, but shards are taken to hold equal "
        "numbers, and a trainer reads whole shards. If they do not, say so with name=count@samples:path.",
    )


def shard_sets(
    choice: SavedChoice, sources: Sequence[Source], factors: Sequence[float]
) -> tuple[ShardSet, ...]:
    """Sources as what the dry run reads: equal shards within a source, and how often each is drawn."""
    equal = sum(choice.unique_samples) / sum(source.shards for source in sources)
    sets = []
    for source, factor in zip(sources, factors, strict=True):
        samples = round(source.samples) if source.samples is not None else round(equal * source.shards)
        sizes = np.full(source.shards, samples // source.shards)
        sizes[: samples % source.shards] += 1
        sets.append(ShardSet(source.name, np.maximum(sizes, 1), factor))
    return tuple(sets)


def _whole(value: float, what: str) -> int:
    if not (math.isfinite(value) and value == int(value) and value >= 1):
        raise InputError(f"{what} is {value:g}; a number of shards is whole and at least 1.")
    return int(value)
