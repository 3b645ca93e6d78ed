"""`thresher index`: sort once, cut in seconds."""

from pathlib import Path
from typing import Annotated

import typer

from thresher.cli.metadata import (
    Id,
    LocalOnly,
    Memory,
    Metadata,
    Scores,
    Spill,
    Where,
    Within,
    Without,
    Workers,
    make_engine,
    opened,
    shown_progress,
)
from thresher.cli.output import Json, Quiet, print_report
from thresher.quoting import as_path, shell_command
from thresher.units import format_count


def index(
    metadata: Metadata,
    score: Annotated[str, typer.Option(help="Column to rank by; higher is better.", show_default=False)],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder to make.", show_default=False)],
    id_column: Id = None,
    where: Where = None,
    within: Within = None,
    without: Without = None,
    scores: Scores = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an index that exists.")] = False,
    memory: Memory = "512M",
    workers: Workers = None,
    engine: LocalOnly = "local",
    spill: Spill = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Sort a metadata table by id once, with its scores, so that later cuts take seconds.

    Example: thresher index metadata/ --score clip_l14_similarity_score -o index/
    """
    from thresher.cuts.index import make_index
    from thresher.metadata.table import DEFAULT_ID

    column = id_column or DEFAULT_ID
    with (
        shown_progress(quiet or as_json) as progress,
        opened(
            metadata,
            scores,
            spill or output.parent,
            score=score,
            id_column=column,
            where=where,
            memory=memory,
            within=within,
            without=without,
        ) as table,
    ):
        querying = make_engine(engine, memory, workers, progress)
        made = make_index(table, output, engine=querying, spill=spill, replace=force)
    content = made.to_json()
    print_report(
        as_json,
        lambda: content,
        lambda console: console.print(
            f"{made.path}: {made.rows:,} rows, {format_count(content['bytes'])} bytes. Cut from it: "
            + shell_command(["thresher", "cut", as_path(str(made.path)), "--keep", "0.3", "-o", "subset.npy"])
        ),
    )
