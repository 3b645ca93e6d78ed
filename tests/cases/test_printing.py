"""Names are data: whatever a pool, a metric, a model or a path is called, commands print it as it is, on one line."""

import ast
import csv
import json
import re
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import thresher
from thresher.cli.app import run
from thresher.cli.output import print_text, progress_bar, say, shown_as_text
from thresher.names import guarded, unguarded, unseen, visible
from thresher.runs import Measurement, RunTable, read_runs, write_runs

CASES = Path(__file__).parent
SOURCE = Path(thresher.__file__).parent
HOSTILE = (
    "[/b]",
    "[b]",
    ":smile:",
    "[link=file:///x]y[/link]",
    "=1-1",
    "@SUM(A1)",
    "{x}%s\\n",
    "a'b\"c",
    "-x",
)
"""Pool names that are markup, emoji codes, formulas or formats to something."""
METRIC, MODEL, RUN = "[red]m[/]_error", "[/i]ViT", "[on red]r"
EXPONENT = re.compile(r"\d[eE][+-]\d")


def table(folder: Path, names=HOSTILE) -> Path:
    rows = [
        Measurement(
            name, 1e6, 1e6 * epochs, METRIC, round(0.2 + (0.6 + 0.02 * rank) * epochs**-0.15, 5),
            rank=rank, model=MODEL, run=f"{RUN}{rank}", schedule="finished",
        )
        for rank, name in enumerate(names, start=1) for epochs in (1, 2, 4, 8)
    ]  # fmt: skip
    path = folder / "runs.csv"
    write_runs(RunTable(tuple(rows), "made"), path)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder whose own name is markup, with runs, a fit, a plan and metadata."""
    made = tmp_path_factory.mktemp("names") / "d[/x]"
    made.mkdir(parents=True)
    table(made)
    shutil.copytree(CASES / "meta", made / "meta[b]")
    assert run(["fit", str(made / "runs.csv"), "-o", str(made / "fit.json"), "--quiet"]) == 0
    return made


COMMANDS = {
    "runs check": (["runs", "check", "@runs.csv"], [*HOSTILE, METRIC]),
    "fit": (["fit", "@runs.csv", "-o", "@again[b].json"], [*HOSTILE, METRIC, "again[b].json", "d[/x]"]),
    "fit, paper": (["fit", "@runs.csv", "--law", "paper"], [*HOSTILE, METRIC]),
    "predict": (["predict", "@fit.json", "--pools", "[/b]+[b]", "--samples-seen", "5M"], ["[/b] + [b]"]),
    "predict, warned": (["predict", "@fit.json", "--pools", "[/b]", "--samples-seen", "1B"], ["[/b]", "is 125x the largest run"]),
    "plan": (["plan", "@fit.json", "--budget", "5M", "-o", "@plan[b].json"], ["[/b]", "plan[b].json"]),
    "frontier": (["frontier", "@fit.json", "-o", "@chart[b].html"], ["[/b]", "chart[b].html"]),
    "next": (["next", "@fit.json", "--budget", "640M"], ["[/b]"]),
    "backtest": (["backtest", "@runs.csv"], [METRIC]),
    "buckets": (
        ["buckets", "@meta[b]", "--score", "s", "--buckets", "2", "--names", "[b],[red]x", "-o", "@b[b].json",
          "--chart", "@b[i].svg"],
        ["[b]", "[red]x", "b[b].json", "b[i].svg"],
    ),
    "index": (["index", "@meta[b]", "--score", "s", "-o", "@ix[b]"], ["ix[b]"]),
    "cut": (["cut", "@meta[b]", "--score", "s", "--keep", "0.1", "-o", "@s[b].npy"], ["s[b].npy"]),
}  # fmt: skip


@pytest.mark.parametrize("terminal", [False, True], ids=["pipe", "terminal"])
@pytest.mark.parametrize("name", COMMANDS)
def test_hostile_names_are_printed_as_they_are(name, terminal, folder, capsys, monkeypatch, tmp_path):
    """No crash, and every name appears literally, without colour in a pipe and with it on a terminal (case R04)."""
    monkeypatch.setenv("COLUMNS", "1000")
    if terminal:
        monkeypatch.setenv("FORCE_COLOR", "1")
    arguments, expected = COMMANDS[name]
    here = tmp_path / "d[/x]"
    shutil.copytree(folder, here)
    status = run([word.replace("@", f"{here}/", 1) if word.startswith("@") else word for word in arguments])
    printed = capsys.readouterr()
    assert status == 0, printed.err
    plain = re.sub(r"\s+", " ", re.sub(r"\x1b\[[0-9;]*m", "", printed.out + printed.err))
    for text in expected:
        assert visible(text) in plain, f"{text!r} is not in {plain}"
    assert not EXPONENT.search(plain), plain


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in ("backtest", "fit, paper")])
def test_a_hostile_json_answer_is_one_object(name, folder, capsys, tmp_path):
    """`--json` prints names through the JSON writer alone."""
    arguments, _ = COMMANDS[name]
    here = tmp_path / "d[/x]"
    shutil.copytree(folder, here)
    words = [word.replace("@", f"{here}/", 1) if word.startswith("@") else word for word in arguments]
    assert run([*words, "--json"]) == 0
    json.loads(capsys.readouterr().out)


MOVING = ("\x1b[2J", "a\nb", "a\rb", "a\u202eb", "\x07", "\u200b", "a\x9bb", "a\u2028b", "\udcff")


@pytest.mark.parametrize("text", MOVING)
def test_what_moves_the_cursor_is_escaped_everywhere(text, capsys):
    """Lines, messages, cells, headings and titles show an escape in place of what cannot be seen."""
    from rich.table import Table

    def show(console):
        listing = Table(title=text)
        listing.add_column(f"head {text}")
        listing.add_row(f"cell {text}")
        console.print(listing)
        console.print(f"line {text}")

    written = shown_as_text(show)
    say(f"Error: {text}")
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    for shown in (written, message):
        assert text not in shown
        assert visible(text) in shown
        assert not any(unseen(line) for line in shown.splitlines())


def test_a_hostile_flag_cannot_fake_a_line(folder, capsys):
    """An error quotes what was typed on its own line."""
    fit = str(folder / "fit.json")
    assert run(["predict", fit, "--pools", "x\nError: disk erased\x1b[2J", "--samples-seen", "5M"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert run(["predict", fit, "--po\x1b[2Jols", "x", "--samples-seen", "5M"]) == 2
    message = capsys.readouterr().err
    assert "\x1b" not in message
    assert len(message.splitlines()) == 1
    assert run(["fit", f"{folder}/no\nsuch\x1b[2J.csv"]) == 2
    message = capsys.readouterr().err
    assert "\x1b" not in message
    assert len(message.splitlines()) == 1


def test_a_progress_bar_shows_its_stage_as_it_is(monkeypatch, capsys):
    """The description of a bar is no markup."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress_bar(quiet=False) as advance:
        advance("reading [/b]\x1b[2J", 1, 2)
    printed = capsys.readouterr().err
    assert "reading [/b]\\x1b[2J" in printed


def test_a_page_cannot_be_left_by_a_name(tmp_path):
    """A pool whose name ends a script stays inside the JSON of the chart."""
    name = "</script><script>alert(1)</script>"
    runs = table(tmp_path, names=(name, "b", "c"))
    assert run(["fit", str(runs), "-o", str(tmp_path / "fit.json"), "--quiet"]) == 0
    assert (
        run(["frontier", str(tmp_path / "fit.json"), "-o", str(tmp_path / "chart.html"), "--json", "--quiet"])
        == 0
    )
    assert "<script>alert" not in (tmp_path / "chart.html").read_text(encoding="utf-8")


def test_commands_print_in_one_place():
    """No command makes a console of its own, prints past it, or hands it text with markup of its own."""
    for path in sorted((SOURCE / "cli").glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            where = f"{path.name}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.ImportFrom) and path.name != "output.py":
                assert node.module != "rich.text", where
            if isinstance(node, ast.Call) and path.name != "output.py":
                called = ast.unparse(node.func)
                assert called not in (
                    "print",
                    "Console",
                    "Progress",
                    "sys.stdout.write",
                    "sys.stderr.write",
                ), where
                assert "markup" not in {keyword.arg for keyword in node.keywords}, where


cells = st.text(st.characters(exclude_categories=("Cs",)), max_size=6) | st.builds(
    "".join, st.lists(st.sampled_from(["'", "=", "+", "-", "@", "\t", "\r", " ", "1", "e", ".", "a"]), max_size=6)
)  # fmt: skip


@given(cells)
def test_a_guarded_cell_reads_back_the_same(text):
    """The guard of a cell is undone exactly, also where the text has apostrophes of its own."""
    assert unguarded(guarded(text)) == text


@given(cells)
def test_a_spreadsheet_runs_no_guarded_cell(text):
    """What starts a formula gets an apostrophe; numbers stay numbers."""
    cell = guarded(text)
    number = re.fullmatch(r"[+-](\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]inf", cell)
    assert number or not re.match(r"\s*[=+\-@]|[\t\r]", cell)


@pytest.mark.parametrize("number", ["-1e-3", "+5", "-.5", "-12.", "-inf", "0.5", "1e18"])
def test_numbers_are_not_guarded(number):
    """A negative number is no formula."""
    assert guarded(number) == number


@given(
    st.lists(st.sampled_from(["=a", "@b", "-c", "'=d", "''e", "'f", "=1;2", "＝g"]), min_size=1, unique=True)
)
def test_names_of_a_run_table_survive_a_spreadsheet(names):
    """A table with formulas for names is written with guards and read with the same names."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = table(Path(folder), names)
        with path.open(encoding="utf-8", newline="") as stream:
            assert not any(
                cell[:1] in ("=", "@", "-", "+", "＝") for row in csv.reader(stream) for cell in row
            )
        assert {row.pool for row in read_runs(path).rows} == set(names)


def test_a_header_is_guarded_too(tmp_path):
    """The name of an unknown column is a cell as well."""
    row = Measurement("a", 1e6, 1e6, "x_error", 0.5, other={"=now()": "@x"})
    write_runs(RunTable((row,), "made"), tmp_path / "runs.csv")
    assert "'=now()" in (tmp_path / "runs.csv").read_text(encoding="utf-8")
    assert read_runs(tmp_path / "runs.csv").rows[0].other == {"=now()": "@x"}


def test_a_script_keeps_its_lines():
    """Several lines that thresher wrote stay several lines, unwrapped; a name in them cannot move the cursor."""
    long = "x " * 100
    assert shown_as_text(lambda console: print_text(console, f"#!/bin/bash\n{long}\n\necho \x1b[2J\n")) == (
        f"#!/bin/bash\n{long.rstrip()}\n\necho \\x1b[2J\n"
    )
