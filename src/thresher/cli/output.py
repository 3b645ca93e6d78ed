"""How commands print: JSON alone on standard output, messages and progress on standard error."""

import json
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress, TaskID

if TYPE_CHECKING:
    from thresher.runs import Finding

PIPED_WIDTH = 100
"""Columns of a table that goes to a file or a pipe, which have no width of their own."""

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Show no progress.")]
Buckets = Annotated[
    Path | None, typer.Option("--buckets", help="buckets.json: the whole buckets' sizes, and the share kept.")
]
PoolSize = Annotated[
    str | None,
    typer.Option(
        "--pool-size",
        help="Rows of the whole pool, for the share kept; --buckets may be of a random part of it.",
    ),
]

MaxEpochs = Annotated[
    str | None,
    typer.Option("--max-epochs", help="Most passes over any pool; by default 100, or 10x those of any run."),
]


def print_json(content: Mapping[str, Any]) -> None:
    """Print `content` as the one JSON object of a command."""
    print(json.dumps(content, allow_nan=False))


def console() -> Console:
    """Standard output for people; names from files are printed as they are, brackets and colons included."""
    return Console(
        highlight=False, markup=False, emoji=False, width=None if sys.stdout.isatty() else PIPED_WIDTH
    )


def say(message: str) -> None:
    """A message to standard error, outside the answer itself."""
    print(message, file=sys.stderr)


def print_report(
    as_json: bool, content: Callable[[], Mapping[str, Any]], show: Callable[[Console], None]
) -> None:
    """Print the JSON of an answer, or show it to a person."""
    if as_json:
        print_json(content())
    else:
        show(console())


def print_findings(console: Console, findings: Iterable["Finding"]) -> None:
    """What is doubtful, one a line."""
    for finding in findings:
        console.print(f"{finding.severity}: {finding.message}", markup=False)


@contextmanager
def progress_bar(*, quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar on standard error, as a function of what is done, steps done and steps in all."""
    terminal = Console(stderr=True)
    # in a file or a pipe a bar would leave empty lines
    with Progress(console=terminal, transient=True, disable=quiet or not terminal.is_terminal) as bar:
        tasks: dict[str, TaskID] = {}

        def advance(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total)
            bar.update(tasks[what], completed=done)

        yield advance


@contextmanager
def say_warnings() -> Iterator[None]:
    """Print the warnings that thresher gives inside the block, each once, to standard error."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for text in dict.fromkeys(f"{type(one.message).__name__}: {one.message}" for one in caught):
        say(text)
