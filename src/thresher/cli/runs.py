"""`thresher runs`: run tables, read and judged."""

from collections.abc import Mapping
from dataclasses import asdict
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from thresher.cli.output import Json, print_findings, print_report
from thresher.cli.runs_import import import_command

if TYPE_CHECKING:
    from rich.console import Console

    from thresher.runs import Finding, PoolSummary, RunSummary

MOST_MIXTURES = 12
"""Mixtures that a person is shown; a swarm has hundreds."""
MOST_PARTS = 4
"""Pools of one mixture that are named in a line."""

app = typer.Typer(
    name="runs",
    help="Run tables: what training runs measured.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.callback()
def runs() -> None:
    """Run tables: what training runs measured."""


@app.command()
def check(
    runs: Annotated[list[Path], typer.Argument(help="Run tables, CSV or Parquet; several are put together.")],
    where: Annotated[
        str | None,
        typer.Option(help="Rows to look at, for example: model = ViT-B-32 and samples_seen >= 100M."),
    ] = None,
    unit: Annotated[
        str | None, typer.Option(help="fraction or loss, for metrics ending in neither _error nor _loss.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what is wrong or risky in run tables, in words.

    Values that cannot be right are refused (exit status 2). Doubtful ones are listed, the worst first.

    Example: thresher runs check pilot.csv joint.csv --where 'model = ViT-B-32'
    """
    from thresher.runs import check_runs, read_runs, summarise_runs

    table = read_runs(*runs, where=where, unit=unit)
    summary, findings = summarise_runs(table), check_runs(table)
    print_report(
        as_json, lambda: _content(summary, findings), lambda console: _show(console, summary, findings)
    )


app.command("import")(import_command)


def _content(summary: "RunSummary", findings: "tuple[Finding, ...]") -> Mapping[str, Any]:
    pools = [
        {**asdict(pool), "unique_samples": pool.unique_samples if pool.unique_samples < inf else None}
        for pool in summary.pools
    ]
    return {**asdict(summary), "pools": pools, "findings": [asdict(finding) for finding in findings]}


def _show(console: "Console", summary: "RunSummary", findings: "tuple[Finding, ...]") -> None:
    from rich.table import Table

    singles = [pool for pool in summary.pools if not pool.joint]
    mixtures = [pool for pool in summary.pools if pool.joint]
    blocking = [finding for finding in findings if finding.severity == "blocking"]
    print_findings(console, blocking)
    trained = [
        _count(len(found), noun) for found, noun in ((singles, "pool"), (mixtures, "mixture")) if found
    ]
    models = f", {_count(len(summary.models), 'model')}" if summary.models else ""
    console.print(
        f"{_count(summary.rows, 'row')} of {' and '.join(trained)}, {', '.join(summary.metrics)}{models}"
    )
    listing = Table(box=None, pad_edge=False)
    for heading in ("pool", "rank", "rows", "unique samples", "epochs", "error"):
        listing.add_column(heading, justify="left" if heading == "pool" else "right", overflow="fold")
    for pool in (*singles, *mixtures[:MOST_MIXTURES]):
        listing.add_row(*_cells(pool))
    console.print(listing)
    if len(mixtures) > MOST_MIXTURES:
        console.print(f"and {_count(len(mixtures) - MOST_MIXTURES, 'more mixture')}; --json lists all.")
    print_findings(console, findings[len(blocking) :])
    if not findings:
        console.print("Nothing risky was found.")


def _cells(pool: "PoolSummary") -> tuple[str, ...]:
    from thresher.units import format_count

    return (
        _short(pool.pool),
        "" if pool.rank is None else str(pool.rank),
        str(pool.rows),
        format_count(pool.unique_samples),
        _range(pool.epochs),
        _range(pool.error, 4),
    )


def _short(pool: str) -> str:
    names = pool.split("+")
    if len(names) <= MOST_PARTS:
        return pool
    return "+".join(names[:MOST_PARTS]) + f" and {_count(len(names) - MOST_PARTS, 'more pool')}"


def _range(bounds: tuple[float, float], digits: int = 3) -> str:
    from thresher.units import format_number

    low, high = (format_number(bound, digits) for bound in bounds)
    return low if low == high else f"{low} to {high}"


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
