"""Every command in README.md, docs/ and the help is quoted for bash: what bash reads is what is meant."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import typer

from thresher.cli.app import app

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCED = re.compile(
    r"^(?P<indent> *)```(?P<kind>\w*)[^\n]*\n(?P<body>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL
)
PROGRAMS = r"(?:thresher|pip|python) "
INLINE = re.compile(rf"`({PROGRAMS}[^`]+)`")
EXAMPLE = re.compile(r"^Example: (.+)$", re.MULTILINE)
pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")

READER = """\
shopt -s failglob
called() { printf '%s\\0' "$@"; printf '\\n\\0'; }
called """
"""Instead of running a program, bash says what it would be called with; a pattern that matches no file is an error."""


def blocks(kinds):
    for page in PAGES:
        for block in FENCED.finditer(page.read_text(encoding="utf-8")):
            if block["kind"] in kinds:
                yield page.name, re.sub(f"^{block['indent']}", "", block["body"], flags=re.MULTILINE)


def commands():
    """Commands, with where they stand; those that continue on the next line are joined."""
    for page, body in blocks(("bash", "sh", "shell")):
        for line in body.replace("\\\n", " ").splitlines():
            for command in line.split(" && "):
                if re.match(PROGRAMS, command):
                    yield page, command
    for page, body in blocks(("console",)):
        for line in body.splitlines():
            if line.startswith("$ thresher "):
                yield page, line.removeprefix("$ ")
    for page in PAGES:
        text = FENCED.sub("", page.read_text(encoding="utf-8"))
        for command in INLINE.findall(text):
            if ".." not in command.split():  # a form, not a command
                yield page.name, command
    for name, command in helped(typer.main.get_command(app), "thresher"):
        for example in EXAMPLE.findall(command.help or ""):
            yield f"{name} --help", example


def helped(command, name):
    yield name, command
    for child, one in getattr(command, "commands", {}).items():
        yield from helped(one, f"{name} {child}")


ALL = sorted(set(commands()))


def test_there_are_commands_of_every_kind():
    places = {place for place, _ in ALL}
    assert {"cli.md", "recipes.md", "README.md", "thresher recipe --help"} <= places


def test_bash_reads_every_command_as_it_is_meant(tmp_path):
    """Words are those of shlex, in which no pattern, brace, variable or redirection is anything but text."""
    wrong = []
    for place, command in ALL:
        done = subprocess.run(
            ["bash"], input=READER + command + "\n", capture_output=True, text=True, check=False, cwd=tmp_path
        )
        if done.stdout.split("\0")[:-2] != shlex.split(command, comments=True):
            wrong.append(f"{place}: {command}: {done.stderr.strip() or done.stdout.split(chr(0))[:20]}")
    assert not wrong, "\n".join(wrong)
    assert not list(tmp_path.iterdir())


def test_bash_accepts_every_block():
    for page, body in blocks(("bash", "sh", "shell")):
        done = subprocess.run(["bash", "-n"], input=body, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{page}: {done.stderr}"
