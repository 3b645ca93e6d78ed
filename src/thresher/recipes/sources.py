"""Where each bucket's shards are, how many, and how large: what a recipe needs beyond a plan."""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from thresher.arguments import argument
from thresher.errors import FileFormatError, InputError
from thresher.plans.saved import SavedChoice
from thresher.quoting import check_name
from thresher.recipes.shards import ShardSet
from thresher.recipes.urls import MOST_SHARDS, expand
from thresher.stored import DamageError, checked, load_json
from thresher.units import MOST_SAMPLES, parse_number

UNEVEN = 1.05
"""Shards whose sizes differ by less than this do not change a recipe."""
_SHARDS = re.compile(r"(?P<name>.+?)=(?P<count>[^:@=]+)(?:@(?P<samples>[^:=]+))?:(?P<path>.+)", re.DOTALL)
"""A name may hold `=`: the count is what follows the first `=` that a number can follow."""


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
        check_name(self.name, "Pool")
        check_name(self.path, f"{self.name!r}: the path")
        if not 1 <= self.shards <= MOST_SHARDS:
            raise InputError(f"{self.name!r} has {self.shards:,} shards; give 1 to {MOST_SHARDS:,}.")
        counted = len(expand(self.path))
        # one path may be a folder, which MosaicML takes
        if counted not in (1, self.shards):
            raise InputError(
                f"{self.name!r}: {self.path} names {counted:,} shards, not {self.shards:,}; correct one of them."
            )
        if self.samples is not None and not self.shards <= self.samples <= MOST_SAMPLES:
            raise InputError(
                f"{self.name!r} has {self.samples:g} samples in {self.shards} shards; none may be empty."
            )


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
                f"{argument('shards')} is {text!r}; write name=count:path or name=count@samples:path, for example "
                "b0=500:shards/b0/{000..499}.tar."
            )
        name = parts["name"].strip()
        if name in found:
            raise InputError(f"{argument('shards')} names {name!r} twice; join its paths with '::'.")
        what = f"{argument('shards')} of {name!r}"
        count = parse_number(parts["count"], what)
        samples = parse_number(parts["samples"], what) if parts["samples"] else None
        found[name] = Source(name, _whole(count, what), parts["path"].strip(), samples)
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
            f"{argument('shards', f'{missing[0]}=COUNT:PATH')}."
        )
    found = tuple(known[name] for name in choice.pools)
    if sum(source.shards for source in found) > MOST_SHARDS:
        raise InputError(
            f"All pools together have more than {MOST_SHARDS:,} shards; plan for fewer, larger ones."
        )
    times = Counter(shard for source in found for shard in expand(source.path))
    shard, most = times.most_common(1)[0]
    if most > 1:
        raise InputError(f"The path {shard} is given twice; every shard belongs to one pool.")
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
