"""What the package as a whole keeps to: layers, public names, a light import, help, and documented commands."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
import typer

import thresher
from thresher.cli.app import app, run

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "thresher"
LAYERS = (
    ("errors", "arguments", "names"),
    ("quoting",),
    ("units", "shapes"),
    ("files", "schemas"),
    ("stored",),
    ("stored_arrays",),
    ("where",),
    ("budget",),
    ("pools",),
    ("metadata",),
    ("scores",),
    ("runs",),
    ("examples",),
    ("laws",),
    ("fits",),
    ("plans",),
    ("backtests",),
    ("cuts",),
    ("recipes",),
    ("pilots",),
    ("reports",),
    ("lab",),
    ("web",),
    ("cli",),
)
"""A module imports only from its own part and from those above it."""
LEVEL = {part: level for level, parts in enumerate(LAYERS) for part in parts}
LIGHT = {"lazy_loader", "packaging"}
"""What `import thresher` may load from outside the standard library, until a public name is asked for; releases of
lazy_loader before 0.6 load packaging."""


def part_of(path):
    relative = path.relative_to(SOURCE)
    return relative.parts[0] if len(relative.parts) > 1 else relative.stem


def imported_parts(path):
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            names = [node.module or ""]
            if node.module == "thresher":
                names = [f"thresher.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            if name.startswith("thresher."):
                yield name.split(".")[1], node.lineno


MODULES = sorted(path for path in SOURCE.rglob("*.py") if path != SOURCE / "__init__.py")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_module_imports_only_from_the_layers_above_it(path):
    own = part_of(path)
    assert own in LEVEL, f"{own} has no place in LAYERS"
    for part, line in imported_parts(path):
        assert part in LEVEL, f"{path}:{line} imports {part}, which has no place in LAYERS"
        allowed = part == own or LEVEL[part] < LEVEL[own]
        assert allowed, f"{path.relative_to(ROOT)}:{line}: {own} may not import {part}"


def test_all_lists_exactly_the_public_names_of_the_stub_sorted():
    tree = ast.parse((SOURCE / "__init__.pyi").read_text())
    imported = {
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    (listed,) = (ast.literal_eval(node.value) for node in tree.body if isinstance(node, ast.Assign))
    assert set(listed) == imported == set(thresher.__all__)
    assert len(set(listed)) == len(listed)
    for name in thresher.__all__:
        assert hasattr(thresher, name)


def test_the_package_computes_nothing_in_its_init():
    tree = ast.parse((SOURCE / "__init__.py").read_text())
    assert all(isinstance(node, ast.Import | ast.Assign | ast.Expr) for node in tree.body)


def test_public_names_are_in_the_page_for_python():
    page = (ROOT / "docs" / "api.md").read_text()
    elsewhere = {"KERNELS"}
    for name in set(thresher.__all__) - elsewhere:
        if not name.endswith(("Error", "Warning")):
            assert f"::: thresher.{name}\n" in page, f"docs/api.md lacks {name}"


def loaded_by(code):
    """Top-level packages from outside the standard library that a fresh interpreter has after `code`."""
    listing = (
        f"{code}\nimport sys\n"
        "print(*{name.split('.')[0] for name, module in sys.modules.items()"
        " if 'site-packages' in (getattr(module, '__file__', None) or '')})"
    )
    command = [sys.executable, "-c", listing]
    environment = {"PYTHONPATH": str(ROOT / "src"), "PATH": ""}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return {name for name in done.stdout.split() if not name.startswith("_")} - {"thresher", "sitecustomize"}


def test_importing_thresher_loads_next_to_nothing():
    assert loaded_by("import thresher") <= LIGHT


def test_a_law_needs_only_numpy_and_scipy():
    assert loaded_by("from thresher import Law, fit_law") <= LIGHT | {"numpy", "scipy"}


def test_importing_the_commands_loads_no_charts_engines_or_parquet():
    heavy = {
        "altair",
        "vl_convert",
        "duckdb",
        "pyarrow",
        "narwhals",
        "pandas",
        "pydantic",
        "jaxtyping",
        "beartype",
    }
    assert not loaded_by("import thresher.cli.app") & heavy


def commands(group=None, path=()):
    """Every command with the words that call it."""
    group = group or typer.main.get_command(app)
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield " ".join((*path, name)), command


COMMANDS = dict(commands())


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_has_help_that_ends_with_an_example(words, capsys):
    assert run([*words.split(), "--help"]) == 0
    assert f"Example: thresher {words}" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_and_each_of_its_flags_is_in_the_page_for_the_command_line(words):
    page = (ROOT / "docs" / "cli.md").read_text()
    assert f"## thresher {words}\n" in page, f"docs/cli.md lacks a section '## thresher {words}'"
    section = page.split(f"## thresher {words}\n")[1].split("\n## ")[0]
    for parameter in COMMANDS[words].params:
        flags = [flag for flag in parameter.opts if flag.startswith("--") and flag != "--help"]
        assert all(f"`{flag}`" in section for flag in flags), (
            f"docs/cli.md, thresher {words}: lacks one of {flags}"
        )


def test_the_page_for_the_command_line_has_no_command_that_does_not_exist():
    page = (ROOT / "docs" / "cli.md").read_text()
    described = {
        line.removeprefix("## thresher ") for line in page.splitlines() if line.startswith("## thresher ")
    }
    assert described == set(COMMANDS)


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_speaks_json(words):
    assert any("--json" in parameter.opts for parameter in COMMANDS[words].params)


def test_the_changelog_speaks_of_this_version():
    import tomllib

    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"\n## {version}" in (ROOT / "CHANGELOG.md").read_text()


def test_the_program_says_its_version(capsys):
    import tomllib

    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"thresher {wanted}\n"


def test_a_wrong_flag_is_one_sentence_and_status_2(capsys):
    assert run(["fit", "--nonsense"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("Error: No such option: --nonsense")
    assert len(printed.err.splitlines()) == 1
