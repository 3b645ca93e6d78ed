"""How commands print: JSON alone on standard output, messages and progress on standard error.

Everything that is printed goes through here, because names are data: markup is off, and what would move the cursor,
turn the direction of writing or start another line is written as its escape. So one call prints one line or one table.
"""

import io
import json
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from thresher.errors import InputError
from thresher.names import visible

if TYPE_CHECKING:
    from rich.text import Text

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


OTHER_FORMATS = (
    ".png", ".svg", ".pdf", ".jpg", ".html", ".csv", ".tsv", ".xlsx", ".parquet", ".npy", ".npz", ".yaml", ".yml", ".toml",
)  # fmt: skip
"""Suffixes that promise something other than JSON."""


def check_json_path(path: Path | None, what: str) -> None:
    """Refuse, before any work, a name that says the file is something other than the JSON it will be.

    Raises:
        InputError: The name ends in the suffix of another format, or the path cannot be written.
    """
    if path is None:
        return
    if path.suffix.lower() in OTHER_FORMATS:
        raise InputError(f"{path}: {what} is written as JSON; give -o a name that ends in .json.")
    check_writable(path)


def check_writable(path: Path) -> None:
    """Refuse, before any work, a path that no file can be written to.

    Raises:
        InputError: It is a folder, a device or a pipe, or lies in no folder.
    """
    if path.is_dir():
        raise InputError(f"{path} is a folder; give the path of a file to write.")
    if path.exists() and not path.is_file():
        raise InputError(f"{path} is a device or a pipe; give the path of a file to write.")
    if not path.parent.is_dir():
        raise InputError(f"{path.parent}: no such folder. Make it first, or write elsewhere with -o.")


def print_json(content: Mapping[str, Any]) -> None:
    """Print `content` as the one JSON object of a command."""
    print(json.dumps(content, allow_nan=False))


class PlainConsole(Console):
    """A console to which names are data: no markup, no emoji codes, no control characters."""

    def __init__(self, file: IO[str] | None = None, *, stderr: bool = False) -> None:
        stream = file or (sys.stderr if stderr else sys.stdout)
        width = None if stream.isatty() else PIPED_WIDTH
        super().__init__(file=file, stderr=stderr, width=width, markup=False, emoji=False, highlight=False)

    def render_str(self, text: str, **options: Any) -> "Text":  # noqa: ANN401 - rich's own options
        """The one line that `text` is; cells, titles and headings of tables come through here too."""
        return super().render_str(visible(text), **{**options, "markup": False, "emoji": False})


def console() -> Console:
    """Standard output for people."""
    return PlainConsole()


def shown_as_text(show: Callable[[Console], None]) -> str:
    """What `show` prints, as the text of a file."""
    written = io.StringIO()
    show(PlainConsole(written))
    return "\n".join(line.rstrip() for line in written.getvalue().splitlines()) + "\n"


def print_text(console: Console, text: str) -> None:
    """Several lines that we made, such as a script: not wrapped, and nothing in them moves the cursor."""
    for line in text.removesuffix("\n").split("\n"):
        console.out(line, highlight=False)


def print_line(text: str) -> None:
    """One line on standard output, as it is."""
    print(visible(text))


def say(message: str) -> None:
    """A message to standard error, outside the answer itself; one line."""
    print(visible(message), file=sys.stderr)


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
        console.print(f"{finding.severity}: {finding.message}")


@contextmanager
def progress_bar(*, quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """A bar on standard error for every stage, as a function of the stage, steps done and steps in all.

    There is none if `quiet`, nor where standard error is a file or a pipe, in which bars would leave empty lines.
    """
    terminal = PlainConsole(stderr=True)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:.0f} %", markup=False),
        TimeRemainingColumn(),
    )
    with Progress(
        *columns, console=terminal, transient=True, disable=quiet or not terminal.is_terminal
    ) as bar:
        stages: dict[str, TaskID] = {}

        def advance(stage: str, done: int, total: int) -> None:
            if stage not in stages:
                stages[stage] = bar.add_task(visible(stage), total=total)
            bar.update(stages[stage], completed=done, total=total)

        yield advance


@contextmanager
def say_warnings() -> Iterator[None]:
    """Print the warnings that thresher gives inside the block, each once, to standard error."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for text in dict.fromkeys(f"{type(one.message).__name__}: {one.message}" for one in caught):
        say(text)
