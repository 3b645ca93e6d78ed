"""The program `thresher`: its commands, and how it ends."""

import errno
import io
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
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
from thresher.errors import LostEngineError, ThresherError
from thresher.files import is_full_disk

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
READER_GONE = 141
"""What a shell reports for a program whose reader went away, as in `thresher .. | head`."""
OF_PATHS = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG, errno.ELOOP)
"""What is wrong with a path that was given."""
OF_THE_MACHINE = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE)
"""What no path can mend."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit: 0 done, 1 a fault of ours or of the machines, 2 the user's input, 130 interrupted."""
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
            status = _answer(list(arguments) if arguments is not None else None)
        sys.stdout.flush()  # here, so that a reader that went away or a full disk is noticed
    except LostEngineError as error:
        say(f"Error: {error}")
        return 1
    except ThresherError as error:
        say(f"Error: {error}")
        return 2
    except WRONG_USE as error:
        say(f"Error: {error.format_message()}")
        return 2
    except (KeyboardInterrupt, typer.Abort):
        say("Interrupted.")
        return INTERRUPTED
    except (BrokenPipeError, SystemExit) as stopped:  # Typer makes the second of the first
        if isinstance(stopped, SystemExit) and stopped.code != 1:
            raise
        return _end_unread()
    except OSError as error:
        if error.errno not in (*OF_PATHS, *OF_THE_MACHINE) and not is_full_disk(error):
            raise
        place = error.filename or "What was to be printed or written"
        say(f"Error: {place}: {error.strerror or error}. Nothing more was done.")
        return _end_unread(2 if error.errno in OF_PATHS else 1)
    except MemoryError:
        say("Error: there is not enough memory. Close other programs, or give --memory.")
        return 1
    if status == INTERRUPTED:
        say("Interrupted.")
    return status if isinstance(status, int) else 0


def _answer(arguments: list[str] | None) -> object:
    """Run one command; where it is only the name of others, print its help."""
    try:
        return app(args=arguments, standalone_mode=False)
    except WRONG_USE as error:
        if type(error).__name__ != "NoArgsIsHelpError":  # Typer's way to say so
            raise
        typer.echo(error.format_message())
        return 0


def _end_unread(status: int = READER_GONE) -> int:
    """Let what is still to be printed go nowhere, so that Python does not complain about it when it ends."""
    with suppress(OSError, ValueError):
        sys.stdout.flush()
        return status
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return status
