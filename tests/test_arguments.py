"""What a message calls an argument exists: every name that the library writes is a flag of some command."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

import thresher
from thresher.arguments import OTHER_FLAGS
from thresher.cli.app import app

SOURCE = Path(thresher.__file__).parent


def flags(command: Any) -> Iterator[str]:
    for parameter in command.params:
        yield from (*parameter.opts, *parameter.secondary_opts)
    for inner in getattr(command, "commands", {}).values():
        yield from flags(inner)


def named_arguments() -> Iterator[tuple[str, int, str]]:
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "argument":
                name = node.args[0]
                if isinstance(name, ast.Constant):
                    yield str(path.relative_to(SOURCE)), node.lineno, str(name.value)


@pytest.mark.parametrize(("path", "line", "name"), sorted(set(named_arguments())))
def test_a_named_argument_is_a_flag_of_some_command(path: str, line: int, name: str) -> None:
    flag = OTHER_FLAGS.get(name, "--" + name.replace("_", "-"))
    assert flag in set(flags(typer.main.get_command(app))), (
        f"{path}:{line} names {name!r}, which no command has"
    )


OWN_COMMANDS = (
    "cli/",
    "recipes/",
    "pilots/launch.py",
    "lab/open_clip/",
    "lab/icons/",
    "runs/guessing.py",
    "cuts/shards.py",
)
"""Files that write flags of commands, ours or others', on purpose."""
FLAG = re.compile(r"(^|[\s`'\"(])--[a-z]")


def written_flags() -> Iterator[tuple[str, int, str]]:
    """String literals with a flag in them, but for docstrings."""
    for path in sorted(SOURCE.rglob("*.py")):
        name = path.relative_to(SOURCE).as_posix()
        if name.startswith(OWN_COMMANDS) or name == "arguments.py":
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            text = node.value if isinstance(node, ast.Constant) and id(node) not in documentation else ""
            if isinstance(text, str) and not text.startswith("thresher ") and FLAG.search(text):
                yield name, node.lineno, text


def test_the_library_writes_no_flags() -> None:
    """Messages name arguments with `argument(...)`, so that a program is told its own names."""
    assert not list(written_flags())
