"""The program `thresher`: its commands, and how it ends."""

import io
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated

import typer

from thresher.arguments import as_flags
from thresher.cli.backtest import backtest
from thresher.cli.buckets import buckets
from thresher.cli.cut import cut
from thresher.cli.demo import demo
from thresher.cli.fit import fit
from thresher.cli.frontier import frontier
from thresher.cli.index import index
from thresher.cli.lab import app as lab
from thresher.cli.next import next_command
from thresher.cli.output import print_line, say
from thresher.cli.pilot import app as pilot
from thresher.cli.plan import plan
from thresher.cli.predict import predict
from thresher.cli.recipe import recipe
from thresher.cli.runs import app as runs
from thresher.errors import ThresherError

app = typer.Typer(
    name="thresher",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _print_version(wanted: bool) -> None:
    """Print the version and end, before any command is looked for."""
    if wanted:
        print_line(f"thresher {version('thresher')}")
        raise typer.Exit


@app.callback()
def thresher(
    show_version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True),
    ] = False,
) -> None:
    """Which web data to keep for a training budget, how often to repeat it, and how sure we are."""


for command in (demo, fit, predict, plan, frontier, backtest, buckets, cut, index, recipe):
    app.command()(command)
app.command(name="next")(next_command)
app.add_typer(runs, name="runs")
app.add_typer(pilot, name="pilot")
app.add_typer(lab, name="lab")

WRONG_USE: type[typer.BadParameter] = typer.BadParameter.__mro__[2]
"""Click's error for wrong use, of the click that typer brings along or of the one installed beside it."""
INTERRUPTED = 130
"""What a shell reports for Ctrl-C; Typer answers with it instead of raising."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit: 0 done, 1 a fault of ours, 2 the user's input, 130 interrupted."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(
            stream, io.TextIOWrapper
        ):  # a name that the terminal's encoding lacks is no reason to stop
            stream.reconfigure(errors="backslashreplace")
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit status. User errors become one sentence on standard error."""
    try:
        with as_flags():
            status = app(args=list(arguments) if arguments is not None else None, standalone_mode=False)
    except ThresherError as error:
        say(f"Error: {error}")
        return 2
    except WRONG_USE as error:
        say(f"Error: {error.format_message()}")
        return 2
    except (KeyboardInterrupt, typer.Abort):
        say("Interrupted.")
        return INTERRUPTED
    if status == INTERRUPTED:
        say("Interrupted.")
    return status if isinstance(status, int) else 0
