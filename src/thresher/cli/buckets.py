"""`thresher buckets`: exact quality buckets of a metadata table."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from thresher.cli.metadata import (
    EngineName,
    Id,
    Memory,
    Metadata,
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
)
from thresher.cli.output import Json, Quiet, check_json_path, print_report, say
from thresher.units import format_number


def buckets(
    metadata: Metadata,
    score: Annotated[str, typer.Option(help="Column to rank by; higher is better.", show_default=False)],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="buckets.json to write.", show_default=False)
    ],
    number: Annotated[int, typer.Option("--buckets", help="How many, of equal size.")] = 10,
    id_column: Id = None,
    where: Where = None,
    within: Within = None,
    without: Without = None,
    scores: Scores = None,
    names: Annotated[
        str | None, typer.Option(help="Names, best first, joined by commas.  [default: b0,b1,..]")
    ] = None,
    sample: Annotated[
        str | None, typer.Option(help="Share of each bucket for pilot runs; a larger one contains a smaller.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Decides which samples --sample takes.")] = 0,
    members: Annotated[
        Path | None,
        typer.Option(help="Parquet to write: every sample's id and bucket (with --sample, of the sample)."),
    ] = None,
    chart: Annotated[Path | None, typer.Option(help="Histogram: .png, .svg, .html or .json.")] = None,
    memory: Memory = "512M",
    workers: Workers = None,
    engine: EngineName = "local",
    spark_remote: SparkRemote = None,
    spark_work: SparkWork = None,
    spill: Spill = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Cut a metadata table into buckets of equal size by score, with exact edges.

    Example: thresher buckets metadata/ --score clip_l14_similarity_score --buckets 10 -o buckets.json
    """
    from thresher.cuts.manifest import describe_id_sets
    from thresher.cuts.members import count_sample, write_members
    from thresher.metadata.buckets import make_buckets, write_buckets
    from thresher.metadata.table import DEFAULT_ID
    from thresher.metadata.work import work_folder, work_path
    from thresher.reports.figures import check_chart, save_figure
    from thresher.reports.histogram import histogram_figure
    from thresher.units import format_count, format_percent, parse_number

    check_json_path(output, "a description of buckets")
    if chart is not None:
        check_chart(chart)
    share = parse_number(sample, "--sample") if sample is not None else None
    chosen_names = [name.strip() for name in names.split(",")] if names is not None else None
    beside = spill or output.parent
    with (
        shown_progress(quiet or as_json) as progress,
        chosen_engine(engine, memory, workers, progress, output, spark_remote, spark_work) as querying,
        opened(
            metadata,
            scores,
            beside,
            score=score,
            id_column=id_column or DEFAULT_ID,
            where=where,
            memory=memory,
            engine=querying,
            within=within,
            without=without,
        ) as table,
    ):
        job = {
            "command": "buckets",
            "files": [vars(file) for file in table.sources],
            "where": where,
            "score": score,
            "id": [table.id_column, table.id_kind],
            "once": table.once,
        } | describe_id_sets(table.sets)
        with work_folder(work_path(output, spill), job) as work:
            made = make_buckets(querying, table, number, work, chosen_names)
            if members is not None:
                made = write_members(querying, table, made, members, work, share=share, seed=seed)
            elif share is not None:
                made = count_sample(querying, table, made, work, share=share, seed=seed)
            table.check_unchanged()
        write_buckets(output, made)
    if chart is not None:
        save_figure(histogram_figure(made), chart)

    def show(console: Console) -> None:
        from rich.table import Table as Rows

        rows = Rows(box=None, pad_edge=False, header_style="bold")
        sampled = made.sample["rows"] if made.sample else None
        for column in ("bucket", "scores", "samples", "of all rows", *(["in the sample"] if sampled else [])):
            rows.add_column(column)
        for one in made.buckets:
            extra = [format_count(sampled[one.name])] if sampled else []
            rows.add_row(
                one.name,
                f"{format_number(one.low, 4)} to {format_number(one.high, 4)}",
                format_count(one.rows),
                format_percent(one.fraction),
                *extra,
            )
        console.print(rows)
        console.print(f"{made.rows:,} rows; {made.missing:,} have no score and are in no bucket.")

    print_report(as_json, made.to_json, show)
    if not quiet:
        for path in (output, members, chart):
            if path is not None:
                say(f"Wrote {path}.")
