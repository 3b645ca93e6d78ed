"""`thresher cut`: the subset file that a plan, a share or a threshold asks for, and its proof."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from thresher.cli.metadata import (
    EngineName,
    Id,
    Memory,
    Score,
    Scores,
    SparkRemote,
    SparkWork,
    Spill,
    Where,
    Within,
    Without,
    Workers,
    chosen_engine,
    opened,
    shown_progress,
    typed_command,
)
from thresher.cli.output import Json, Quiet, print_report, say
from thresher.errors import InputError
from thresher.units import format_number

if TYPE_CHECKING:
    from thresher.cuts.index import Index
    from thresher.cuts.requests import Request
    from thresher.metadata.buckets import Buckets
    from thresher.metadata.engine import Engine
    from thresher.metadata.table import Table


def cut(
    metadata: Annotated[
        list[str] | None, typer.Argument(help="Parquet files, their folder, URLs of either, or an index.")
    ] = None,
    keep: Annotated[str | None, typer.Option(help="Best share of all rows, for example 0.3 or 30%.")] = None,
    threshold: Annotated[str | None, typer.Option(help="Least score to keep.")] = None,
    plan: Annotated[Path | None, typer.Option(help="PLAN file; needs --budget and --buckets.")] = None,
    budget: Annotated[str | None, typer.Option(help="Which plan of the PLAN file, in samples.")] = None,
    choice: Annotated[str, typer.Option(help="best or mixture.")] = "best",
    passes: Annotated[float, typer.Option(help="How often the trainer will go through the subset.")] = 1.0,
    pool: Annotated[list[str] | None, typer.Option(help="Bucket to write, whole; repeatable.")] = None,
    sample: Annotated[str | None, typer.Option(help="With --pool: this share of each, by digest.")] = None,
    seed: Annotated[int, typer.Option(help="Of the digest that decides fractions of samples.")] = 0,
    buckets: Annotated[Path | None, typer.Option(help="buckets.json of this metadata.")] = None,
    score: Score = None,
    id_column: Id = None,
    where: Where = None,
    within: Within = None,
    without: Without = None,
    scores: Scores = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Subset to write: .npy, .parquet or .txt.")
    ] = None,
    verify: Annotated[
        Path | None, typer.Option(help="Prove this subset file instead of writing one.")
    ] = None,
    shards: Annotated[
        Path | None,
        typer.Option(help="Folder of one .tar per metadata file: -o is a .txt list of whole shards."),
    ] = None,
    unique: Annotated[
        bool, typer.Option("--unique", help="Refuse metadata that repeats a chosen id.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an output that exists.")] = False,
    memory: Memory = "512M",
    workers: Workers = None,
    engine: EngineName = "local",
    spark_remote: SparkRemote = None,
    spark_work: SparkWork = None,
    spill: Spill = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write exactly the subset that is asked for, and a manifest that proves it.

    Example: thresher cut metadata/ --keep 30% --score clip_l14_similarity_score -o subset.npy
    """
    if verify is not None:
        _verify(
            verify, metadata, output, engine, memory, workers, spill, spark_remote, spark_work, as_json, quiet
        )
        return
    from thresher.cuts.cut import cut as write_cut
    from thresher.cuts.from_index import FromIndex
    from thresher.cuts.index import with_sets
    from thresher.metadata.buckets import read_buckets
    from thresher.metadata.table import DEFAULT_ID
    from thresher.units import parse_number

    if not metadata or output is None:
        raise InputError(
            "Give the metadata and an output: thresher cut METADATA --keep 0.3 --score COL -o subset.npy."
        )
    made = read_buckets(buckets) if buckets is not None else None
    request = _request(keep, threshold, plan, budget, choice, passes, pool, sample, seed, made)
    if made is not None and "copies" in request.to_json():
        score, id_column, where = score or made.score, id_column or made.id_column, where or made.where
        if not within and not without:
            within, without = ([Path(one.path) for one in sets] for sets in (made.within, made.without))
    found = _index(metadata, score, id_column, where, scores)
    if found is None and score is None:
        raise InputError("--score is missing; name the column to rank by.")
    if engine == "spark" and (found is not None or shards is not None):
        what = f"The index {metadata[0]} is cut" if found is not None else "--shards is answered"
        raise InputError(f"{what} on this machine alone; leave --engine spark out.")
    with ExitStack() as stack:
        progress = stack.enter_context(shown_progress(quiet or as_json))
        querying = stack.enter_context(
            chosen_engine(engine, memory, workers, progress, output, spark_remote, spark_work)
        )
        if found is not None:
            table = with_sets(found, within or (), without or ())
            querying = FromIndex(found, progress, parse_number(memory, "--memory"))
        else:
            table = stack.enter_context(
                opened(
                    metadata, scores, spill or output.parent, score=str(score), id_column=id_column or DEFAULT_ID,
                    where=where, memory=memory, engine=querying, within=within, without=without,
                )
            )  # fmt: skip
        if shards is not None:
            _write_shards(request, table, shards, output, querying, as_json)
            return
        try:
            done = write_cut(
                request,
                table,
                output,
                engine=querying,
                spill=spill,
                unique=unique,
                replace=force,
                command=typed_command(),
            )
        except KeyboardInterrupt:
            if table.once is None:
                say("Finished work is kept; the same command goes on from there.")
            raise

    def show(console: Console) -> None:
        made = done.manifest
        again = " (an earlier run had finished it)" if done.already_done else ""
        console.print(
            f"{done.path}: {made.rows_out:,} rows of {made.unique_out:,} samples{again}, from {made.rows_in:,} rows."
        )
        if len(made.counts) > 1:
            for name, count in made.counts.items():
                console.print(f"  {name}: {count['samples']:,} samples, {count['rows']:,} rows")
        if made.missing:
            console.print(f"{made.missing:,} rows have no score and rank last.")
        if made.duplicates:
            console.print(
                f"Warning: {made.duplicates:,} chosen rows repeat an id of another row (--unique refuses that)."
            )
        console.print(f"sha256 {made.sha256}")

    print_report(as_json, done.to_json, show)


def _write_shards(
    request: "Request", table: "Table", shards: Path, output: Path, engine: "Engine", as_json: bool
) -> None:
    from thresher.cuts.requests import FromBuckets
    from thresher.cuts.shards import write_shards

    if not isinstance(request, FromBuckets) or output.suffix != ".txt":
        raise InputError("--shards lists whole shards of --pool or --plan in a .txt file; name one with -o.")
    lines = write_shards(request, table, shards, output, engine=engine)
    print_report(
        as_json,
        lambda: {"path": str(output), "shards": lines},
        lambda console: console.print(f"{output}: {lines:,} shards."),
    )


def _index(
    metadata: list[str], score: str | None, id_column: str | None, where: str | None, scores: list[str] | None
) -> "Index | None":
    """The index that is given in the place of metadata, if there is one."""
    from thresher.cuts.index import is_index, open_index

    if len(metadata) != 1 or "://" in metadata[0] or not is_index(Path(metadata[0])):
        return None
    found = open_index(Path(metadata[0]))
    made = (("--score", score, found.table.score), ("--id", id_column, found.table.id_column))
    for flag, given, held in (
        *made,
        ("--where", where, found.table.where_text),
        ("--scores", scores or None, None),
    ):
        if given is not None and given != held:
            raise InputError(
                f"The index {metadata[0]} was made with {flag} {held!r}; leave {flag} out, or cut the metadata."
            )
    return found


def _request(
    keep: str | None, threshold: str | None, plan: Path | None, budget: str | None, choice: str, passes: float,
    pool: list[str] | None, sample: str | None, seed: int, made: "Buckets | None",
) -> "Request":  # fmt: skip
    """The one request among the options."""
    from thresher.cuts.requests import FromBuckets, Keep, Threshold, from_plan
    from thresher.units import parse_number, parse_samples

    ways: Mapping[str, Any] = {"--keep": keep, "--threshold": threshold, "--plan": plan, "--pool": pool}
    given = [name for name, value in ways.items() if value]
    if len(given) != 1:
        raise InputError(f"Give exactly one of {', '.join(ways)}; this has {' and '.join(given) or 'none'}.")
    if sample is not None and not pool:
        raise InputError("--sample goes with --pool; to keep a share of everything use --keep.")
    if keep is not None:
        return Keep(parse_number(keep, "--keep"))
    if threshold is not None:
        return Threshold(parse_number(threshold, "--threshold"))
    if made is None:
        raise InputError(f"{given[0]} needs --buckets, the file that says which samples are in which pool.")
    if pool:
        share = parse_number(sample, "--sample") if sample is not None else 1.0
        if not 0 < share <= 1:
            raise InputError(f"--sample is {format_number(share, 6)}, not a share above 0 and up to 1.")
        return FromBuckets(made, dict.fromkeys(pool, share), seed)
    if plan is None or budget is None:
        raise InputError("--plan needs --budget, which of its plans to cut, for example --budget 640M.")
    wanted = parse_samples(budget, "--budget")
    return from_plan(plan, made, budget=wanted, choice=choice, passes=passes, seed=seed)


def _verify(
    subset: Path, metadata: list[str] | None, output: Path | None, engine: str, memory: str, workers: int | None,
    spill: Path | None, spark_remote: str | None, spark_work: str | None, as_json: bool, quiet: bool,
) -> None:  # fmt: skip
    from thresher.cuts.verify import verify

    if metadata or output is not None:
        raise InputError("--verify takes the subset alone; its manifest names the metadata.")
    with (
        shown_progress(quiet or as_json) as progress,
        chosen_engine(engine, memory, workers, progress, subset, spark_remote, spark_work) as querying,
    ):
        proven = verify(subset, engine=querying, spill=spill)
    content = {
        "path": str(subset), "verified": True, "rows_in": proven.rows_in, "rows_out": proven.rows_out,
        "unique_out": proven.unique_out, "sha256": proven.sha256,
    }  # fmt: skip
    print_report(
        as_json,
        lambda: content,
        lambda console: console.print(
            f"{subset} is what its manifest says and its metadata gives: {proven.rows_out:,} rows, "
            f"sha256 {proven.sha256}."
        ),
    )
