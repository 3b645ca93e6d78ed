"""Run every example of README.md and docs/, and write its real output beneath it.

python docs/update_examples.py [--check]

A `python` block is executed; a `text` block right after it is what it prints. In a `console` block the lines that
start with `$ thresher` are commands, and what follows each is what it prints. The examples of one document share a
folder, a fresh one each time. The test suite runs the same code and compares exactly.
"""

import os
import re
import shlex
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

from thresher.cli.app import run
from thresher.errors import ThresherWarning

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(
    r"^```(?P<kind>python|console)\n(?P<body>.*?)^```\n(?P<output>\n```text\n(?P<text>.*?)^```\n)?",
    re.MULTILINE | re.DOTALL,
)
PROGRAM = "thresher"


def documents() -> list[Path]:
    """README.md and every page of docs/."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def refreshed(text: str) -> str:
    """A document with the output of every example as it is now.

    Raises:
        ValueError: A console block holds a command other than thresher, or one that fails.
    """
    names: dict[str, Any] = {"__name__": "example"}
    with _fresh_folder():
        return BLOCK.sub(lambda block: _block(block, names), text)


def _block(block: re.Match[str], names: dict[str, Any]) -> str:
    if block["kind"] == "console":
        return f"```console\n{_console(block['body'])}```\n{block['output'] or ''}"
    with _captured() as printed, warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", ThresherWarning
        )  # goes to standard error, which a text block does not show
        exec(compile(block["body"], "example", "exec"), names)  # the examples are ours
    start = f"```python\n{block['body']}```\n"
    if printed.getvalue() and block["output"] is None:
        raise ValueError(f"an example prints something, but no text block follows it:\n{block['body']}")
    return start if block["output"] is None else f"{start}\n```text\n{_tidy(printed.getvalue())}```\n"


def _console(body: str) -> str:
    lines = []
    for command in (line for line in body.splitlines() if line.startswith("$ ")):
        lines.append(f"{command}\n{_tidy(_output(command.removeprefix('$ ')))}")
    return "".join(lines)


def _output(command: str) -> str:
    words = shlex.split(command)
    if words[0] != PROGRAM:
        raise ValueError(f"{command!r} is not a {PROGRAM} command; examples run nothing else.")
    with _captured() as printed, patch.object(sys, "argv", [PROGRAM]):
        status = run(words[1:])
    if status != 0:
        raise ValueError(f"{command!r} ended with status {status}: {printed.getvalue()}")
    return printed.getvalue()


@contextmanager
def _captured() -> Iterator[StringIO]:
    printed = StringIO()
    with redirect_stdout(printed), redirect_stderr(printed):
        yield printed


@contextmanager
def _fresh_folder() -> Iterator[None]:
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(before)


def _tidy(text: str) -> str:
    """Text without spaces at the ends of lines, which editors remove."""
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())


def main(arguments: list[str]) -> int:
    """Rewrite the documents whose examples changed; with --check only name them."""
    changed = []
    for path in documents():
        text = path.read_text(encoding="utf-8")
        now = refreshed(text)
        if now != text:
            changed.append(path)
            if "--check" not in arguments:
                path.write_text(now, encoding="utf-8")
    for path in changed:
        print(f"{path.relative_to(ROOT)}: changed")
    return int(bool(changed) and "--check" in arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
