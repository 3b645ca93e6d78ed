"""How commands print: JSON alone on standard output, messages and progress on standard error."""

import json
import sys
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer
from rich.console import Console

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Show no progress.")]


def print_json(content: Mapping[str, Any]) -> None:
    """Print `content` as the one JSON object of a command."""
    print(json.dumps(content, allow_nan=False))


def console() -> Console:
    """Standard output for people."""
    return Console(highlight=False, soft_wrap=False)


def say(message: str) -> None:
    """A message to standard error, outside the answer itself."""
    print(message, file=sys.stderr)


def print_report(as_json: bool, content: Callable[[], Mapping[str, Any]], show: Callable[[Console], None]) -> None:
    """Print the JSON of an answer, or show it to a person."""
    if as_json:
        print_json(content())
    else:
        show(console())
