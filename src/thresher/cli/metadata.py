"""What the commands that read a metadata table share: their options, and how progress is shown."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from thresher.errors import InputError

if TYPE_CHECKING:
    from thresher.metadata.engine import Engine, Progress
    from thresher.metadata.table import Table

Metadata = Annotated[
    list[str], typer.Argument(help="Parquet files, their folder, or URLs of either.", show_default=False)
]
Score = Annotated[str | None, typer.Option("--score", help="Column to rank by; higher is better.")]
Id = Annotated[
    str | None, typer.Option("--id", help="Column of sample ids.  [default: uid]", show_default=False)
]
Where = Annotated[
    str | None, typer.Option(help="Rows to look at, for example: 'original_width >= 200 and language = en'.")
]
Scores = Annotated[
    list[str] | None,
    typer.Option(help="Parquet with the ids and the score column, joined by id; repeatable."),
]
Memory = Annotated[str, typer.Option(help="Most private memory to use; at least 256M.")]
Workers = Annotated[
    int | None, typer.Option(help="Threads.  [default: one per processor]", show_default=False)
]
EngineName = Annotated[str, typer.Option("--engine", help="Where the metadata is queried: local.")]
Spill = Annotated[Path | None, typer.Option(help="Folder for unfinished work.  [default: beside the output]")]


def make_engine(name: str, memory: str, workers: int | None, progress: "Progress") -> "Engine":
    """The engine that the options name.

    Raises:
        InputError: An unknown engine, or too little memory.
    """
    from thresher.metadata.local import Local
    from thresher.units import parse_number

    if name != "local":
        raise InputError(f"--engine is {name!r}; this release has: local.")
    return Local(parse_number(memory, "--memory"), workers, progress)


@contextmanager
def opened(
    paths: Sequence[str], scores: Sequence[str] | None, folder: Path, *, score: str, id_column: str, where: str | None,
    memory: str,
) -> "Iterator[Table]":  # fmt: skip
    """The table that the options describe; joined scores lie in `folder` until the work is done.

    Raises:
        InputError: The table cannot be opened.
    """
    from thresher.metadata.joined import open_joined
    from thresher.metadata.table import open_table
    from thresher.units import parse_number

    if not scores:
        yield open_table(paths, score=score, id_column=id_column, where=where)
        return
    table = open_joined(
        paths,
        scores,
        folder,
        score=score,
        id_column=id_column,
        where=where,
        memory=parse_number(memory, "--memory"),
    )
    keep = False
    try:
        yield table
    except KeyboardInterrupt:
        keep = True
        raise
    finally:
        if not keep:
            Path(table.files[0].path).unlink(missing_ok=True)


@contextmanager
def shown_progress(quiet: bool) -> "Iterator[Progress]":
    """A bar on standard error for every stage; nothing when it is not a terminal, or `quiet`."""
    from thresher.metadata.engine import no_progress

    if quiet or not sys.stderr.isatty():
        yield no_progress
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:.0f} %"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        stages: dict[str, int] = {}

        def show(stage: str, done: int, total: int) -> None:
            if stage not in stages:
                stages[stage] = bar.add_task(stage, total=total)
            bar.update(stages[stage], completed=done, total=total)  # type: ignore[arg-type]

        yield show


def typed_command() -> str:
    """The command as it was typed, for manifests."""
    import shlex

    return shlex.join(["thresher", *sys.argv[1:]])
