"""What a cut is asked for: a share of the table, a threshold, or buckets with copies."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any, TypeAlias

from thresher.arguments import argument
from thresher.errors import InputError
from thresher.metadata.buckets import Buckets
from thresher.metadata.engine import Engine
from thresher.metadata.id_sets import check_same_sets
from thresher.metadata.order import from_ordered, ordered_of, rounded_threshold
from thresher.metadata.ranks import Census, standings
from thresher.metadata.selection import Edge, Selection, Slice
from thresher.metadata.table import Table
from thresher.metadata.work import WorkFolder
from thresher.units import format_number


@dataclass(frozen=True)
class Keep:
    """The best share of the metadata's rows; of tied scores the smaller ids."""

    fraction: float

    def __post_init__(self) -> None:
        if not 0 < self.fraction <= 1:
            percent = (
                f" For {self.fraction:g} percent write {self.fraction:g}%."
                if 1 < self.fraction <= 100
                else ""
            )
            raise InputError(
                f"{argument('keep')} is {format_number(self.fraction, 6)}, not a share above 0 and up to 1.{percent}"
            )

    def rows(self, rows: int) -> int:
        """The share of `rows`, rounded half to even; 0.3 is read as three tenths, not as its nearest float.

        >>> Keep(0.3).rows(15), Keep(0.5).rows(5)
        (4, 2)
        """
        return int((Decimal(repr(self.fraction)) * rows).quantize(Decimal(1), ROUND_HALF_EVEN))

    def to_json(self) -> dict[str, Any]:
        """For the manifest."""
        return {"keep": self.fraction}


@dataclass(frozen=True)
class Threshold:
    """Every sample whose score is at least `score`, which is rounded to the column's type first."""

    score: float

    def to_json(self) -> dict[str, Any]:
        """For the manifest."""
        return {"threshold": self.score}


@dataclass(frozen=True)
class FromBuckets:
    """Buckets, and how often each of their samples is wanted.

    Attributes:
        buckets: Of this very metadata.
        copies: For each chosen bucket; a fraction is given to that share of its samples, by digest.
        seed: Of the digest.
        plan: What the copies come from, for the manifest; None when they were named directly.
    """

    buckets: Buckets
    copies: Mapping[str, float]
    seed: int = 0
    plan: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        if not self.copies:
            raise InputError(f"No bucket was chosen; name at least one with {argument('pool')}.")
        for name, copies in self.copies.items():
            self.buckets.slice_of(name)
            if not 0 < copies <= MOST_COPIES:
                raise InputError(
                    f"Pool {name!r} is wanted {copies:g} times; give a number above 0, up to {MOST_COPIES:,}."
                )

    def to_json(self) -> dict[str, Any]:
        """For the manifest."""
        plan = {"plan": dict(self.plan)} if self.plan is not None else {}
        return {"copies": dict(self.copies), "seed": self.seed, "edges": self.buckets.fingerprint} | plan


MOST_COPIES = 10_000
"""More epochs than any law was measured at; a larger number is a slip of units."""

Request: TypeAlias = Keep | Threshold | FromBuckets


def check_table(request: Request, table: Table) -> None:
    """Refuse a table that the request does not fit.

    Raises:
        InputError: The buckets were made from other columns, under another filter or with other sets of ids.
    """
    if not isinstance(request, FromBuckets):
        return
    made = request.buckets
    pairs = (
        ("score", made.score, table.score),
        ("id", made.id_column, table.id_column),
        ("where", made.where, table.where_text),
    )
    for flag, theirs, ours in pairs:
        if theirs != ours:
            raise InputError(
                f"The buckets were made with --{flag} {theirs!r}, not {ours!r}; leave --{flag} out, or make them again."
            )
    check_same_sets(table.sets, made.within, made.without, "The buckets were made")
    if (made.id_kind, made.score_width) != (table.id_kind, table.score_width):
        raise InputError(
            "The buckets were made from columns of other types; make them again from this metadata."
        )


def selection_of(
    request: Request, table: Table, census: Census, engine: Engine, work: WorkFolder
) -> Selection:
    """The slices of the ranking that were asked for.

    Raises:
        InputError: Nothing would be kept, or the buckets are of other metadata.
    """
    if isinstance(request, Keep):
        wanted = request.rows(census.rows)
        if wanted == 0:
            raise InputError(
                f"{argument('keep')} {format_number(request.fraction, 6)} of {census.rows:,} rows keeps no sample."
            )
        (place,) = standings(engine, table, census, [wanted], work)
        inside = wanted - place.above
        edge = Edge(place.score, ties=None if inside == place.tied else inside)
        return Selection((Slice("kept", None, edge),))
    if isinstance(request, Threshold):
        lowest = ordered_of(rounded_threshold(request.score, table.score_type), table.score_width)
        if not any(found.high >= lowest for found in census.bins):
            raise InputError(
                f"No score reaches {argument('threshold')} {format_number(request.score, 6)}; "
                f"{_highest(engine, table, census, work)}"
            )
        return Selection((Slice("kept", None, Edge(lowest)),))
    if (census.rows, census.missing) != (request.buckets.rows, request.buckets.missing):
        raise InputError(
            f"The buckets were made from other metadata: {request.buckets.rows:,} rows, {request.buckets.missing:,} without "
            f"a score, while this has {census.rows:,} and {census.missing:,}. Make them again with `thresher buckets`."
        )
    chosen = [
        request.buckets.slice_of(name, request.copies[name])
        for name in request.buckets.names
        if name in request.copies
    ]
    return Selection(tuple(chosen), request.seed)


def _highest(engine: Engine, table: Table, census: Census, work: WorkFolder) -> str:
    if not census.scored:
        return f"all {census.rows:,} rows are without a score."
    (best,) = standings(engine, table, census, [1], work)
    return f"the highest is {from_ordered(best.score, table.score_width):g}."


def check_held(request: Request, held: dict[str, int], census: Census) -> None:
    """Refuse counts that prove that the metadata is not what was counted before.

    Raises:
        InputError: A slice holds another number of samples than its request says.
    """
    if isinstance(request, Keep):
        wanted = {"kept": request.rows(census.rows)}
    elif isinstance(request, FromBuckets):
        wanted = {b.name: b.rows for b in request.buckets.buckets if b.name in request.copies}
    else:
        return
    for name, rows in wanted.items():
        if held[name] != rows:
            source = (
                "was made from other metadata"
                if isinstance(request, FromBuckets)
                else "changed while it was read"
            )
            raise InputError(
                f"{name!r} should hold {rows:,} samples, but holds {held[name]:,}: the table or its buckets file {source}."
            )


def from_plan(
    path: Path, buckets: Buckets, *, budget: float, choice: str = "best", passes: float = 1.0, seed: int = 0
) -> FromBuckets:
    """The copies that a plan asks for: planned epochs over each pool, divided by the trainer's passes.

    Args:
        path: A file made by `thresher plan -o`.
        buckets: Whose names are the plan's pools.
        budget: Samples seen of the plan that is meant.
        choice: `best` or `mixture`.
        passes: How often the trainer will go through the subset.
        seed: Decides which samples get one copy more.

    Raises:
        InputError: No such budget or choice in the plan, or a pool that is not a bucket.
    """
    from thresher.plans.saved import read_choice  # loads laws and scipy, which no other cut needs

    if not passes > 0:
        raise InputError(f"{argument('passes')} is {format_number(passes, 6)}; give a number above 0.")
    found = read_choice(path, budget, choice)
    copies = {pool: epochs / passes for pool, epochs in zip(found.pools, found.epochs, strict=True)}
    described = {
        "samples_seen": found.samples_seen,
        "choice": choice,
        "pools": list(found.pools),
        "epochs": list(found.epochs),
        "passes": passes,
    }
    return FromBuckets(buckets, copies, seed, described)
