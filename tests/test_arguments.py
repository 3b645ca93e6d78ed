"""What a message calls an argument exists: every name that the library writes is a flag of some command."""

import ast
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
