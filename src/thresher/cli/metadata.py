"""What the commands that read a metadata table share: their options, and how progress is shown."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from thresher.cli.output import progress_bar, say
from thresher.errors import InputError, ThresherError

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
Within = Annotated[
    list[Path] | None,
    typer.Option(
        "--within",
        help="Only rows whose id is in this subset file (.npy, .txt, Parquet); repeatable: in all.",
    ),
]
Without = Annotated[
    list[Path] | None,
    typer.Option("--without", help="Only rows whose id is not in this subset file; repeatable: in none."),
]
Scores = Annotated[
    list[str] | None,
    typer.Option(help="Parquet with the ids and the score column, joined by id; repeatable."),
]
Memory = Annotated[str, typer.Option(help="Most private memory to use; at least 256M.")]
Workers = Annotated[
    int | None, typer.Option(help="Threads.  [default: one per processor]", show_default=False)
]
EngineName = Annotated[str, typer.Option("--engine", help="Where the metadata is queried: local or spark.")]
LocalOnly = Annotated[str, typer.Option("--engine", help="Where the metadata is queried: local.")]
SparkRemote = Annotated[
    str | None,
    typer.Option(
        "--spark-remote",
        help="Spark Connect server: sc://host:port.  [default: PySpark here]",
        show_default=False,
    ),
]
SparkWork = Annotated[
    str | None,
    typer.Option("--spark-work", help="URI for sorted ids, where Spark shares no folder with this machine."),
]
Spill = Annotated[Path | None, typer.Option(help="Folder for unfinished work.  [default: beside the output]")]


def make_engine(name: str, memory: str, workers: int | None, progress: "Progress") -> "Engine":
    """The engine that the options name.

    Raises:
        InputError: An unknown engine, or too little memory.
    """
    from thresher.metadata.local import Local
    from thresher.units import parse_number

    if name == "spark":
        raise InputError(
            "An index is made on this machine alone; leave --engine spark out, or cut the metadata itself with it."
        )
    if name != "local":
        raise InputError(f"--engine is {name!r}; this command has: local.")
    return Local(parse_number(memory, "--memory"), workers, progress)


@contextmanager
def chosen_engine(
    name: str, memory: str, workers: int | None, progress: "Progress", output: Path, remote: str | None, parts: str | None
) -> "Iterator[Engine]":  # fmt: skip
    """The engine that the options name, a Spark session included, for as long as it is needed.

    Raises:
        InputError: An unknown engine, options of another one, or a Spark that does not start or answer.
        MissingExtraError: PySpark is not installed.
    """
    given = [
        flag for flag, value in (("--spark-remote", remote), ("--spark-work", parts)) if value is not None
    ]
    if name != "spark":
        if given:
            raise InputError(f"{given[0]} goes with --engine spark; add that, or leave {given[0]} out.")
        if name != "local":
            raise InputError(f"--engine is {name!r}; this release has: local, spark.")
        yield make_engine(name, memory, workers, progress)
        return
    if parts is not None and "://" not in parts:
        raise InputError(
            f"--spark-work is {parts!r}; give a URI that Spark reads and writes, or a folder that it shares with this "
            "machine with --spill."
        )
    from thresher.metadata.spark import Spark, open_session

    with open_session(remote) as session:
        engine = Spark(session, parts, progress, output.name)
        try:
            yield engine
        finally:
            for place in engine.unneeded():
                _remove(session, place)


def _remove(session: Any, place: str) -> None:  # noqa: ANN401 - PySpark's session
    """Delete sorted ids at a URI, which nobody needs any more; if Spark cannot, say where they lie."""
    from thresher.metadata.spark.faults import spark_faults
    from thresher.metadata.spark.files import remove_remote

    try:
        with spark_faults(session, "deleting the sorted ids", goes_on=False):
            remove_remote(session, place)
    except ThresherError as error:
        say(f"{place} holds sorted ids that can be deleted; Spark could not. {error}")


@contextmanager
def opened(
    paths: Sequence[str], scores: Sequence[str] | None, folder: Path, *, score: str, id_column: str, where: str | None,
    memory: str, engine: "Engine | None" = None, within: Sequence[Path] | None = None,
    without: Sequence[Path] | None = None,
) -> "Iterator[Table]":  # fmt: skip
    """The table that the options describe; joined scores lie in `folder` until the work is done.

    Spark reads URLs and tables of its own; files of this machine are looked at here, so that a change is noticed.

    Raises:
        InputError: The table cannot be opened.
    """
    from thresher.metadata.joined import open_joined
    from thresher.metadata.table import open_table
    from thresher.metadata.work import fingerprint, work_folder, work_path
    from thresher.units import parse_number

    if engine is not None and engine.name == "spark":
        from thresher.metadata.spark import Spark

        if scores:
            raise InputError(
                "--scores needs --engine local; for Spark, join the scores to the metadata first."
            )
        if isinstance(engine, Spark) and not all(map(os.path.exists, paths)):
            yield engine.named(
                paths,
                score=score,
                id_column=id_column,
                where=where,
                within=within or (),
                without=without or (),
            )
            return
    if not scores:
        yield open_table(
            paths, score=score, id_column=id_column, where=where, within=within or (), without=without or ()
        )
        return
    job = {"command": typed_command(), "folder": str(Path.cwd())}  # the same again when it is resumed
    name = Path(f"joined-{fingerprint(job)[:16]}")
    with work_folder(work_path(name, folder), job) as work:
        yield open_joined(
            paths,
            scores,
            work.path,
            score=score,
            id_column=id_column,
            where=where,
            memory=parse_number(memory, "--memory"),
            within=within or (),
            without=without or (),
        )


@contextmanager
def shown_progress(quiet: bool) -> "Iterator[Progress]":
    """A bar on standard error for every stage; nothing when it is not a terminal, or `quiet`."""
    from thresher.metadata.engine import no_progress

    if quiet or not sys.stderr.isatty():
        yield no_progress
        return
    with progress_bar(quiet=False) as progress:
        yield progress


def typed_command() -> str:
    """The command as it was typed, for manifests."""
    import shlex

    return shlex.join(["thresher", *sys.argv[1:]])
