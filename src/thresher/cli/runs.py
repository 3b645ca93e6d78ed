"""`thresher runs`: run tables, read and judged."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from thresher.cli.output import Json, print_report

if TYPE_CHECKING:
    from rich.console import Console

    from thresher.runs import Finding, PoolSummary, RunSummary

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

    What cannot be right is refused (exit status 2); what is only doubtful is listed.

    Example: thresher runs check pilot.csv joint.csv --where 'model = ViT-B-32'
    """
    from thresher.runs import check_runs, read_runs, summarise_runs

    table = read_runs(*runs, where=where, unit=unit)
    summary, findings = summarise_runs(table), check_runs(table)
    print_report(
        as_json, lambda: _content(summary, findings), lambda console: _show(console, summary, findings)
    )


def _content(summary: "RunSummary", findings: "tuple[Finding, ...]") -> Mapping[str, Any]:
    return {**asdict(summary), "findings": [asdict(finding) for finding in findings]}


def _show(console: "Console", summary: "RunSummary", findings: "tuple[Finding, ...]") -> None:
    from rich.table import Table
    from rich.text import Text

    models = f", {_count(len(summary.models), 'model')}" if summary.models else ""
    console.print(
        f"{_count(summary.rows, 'row')} of {_count(len(summary.pools), 'pool')}, "
        f"{', '.join(summary.metrics)}{models}",
        markup=False,
    )
    listing = Table(box=None, pad_edge=False)
    for heading in ("pool", "rank", "rows", "unique samples", "epochs", "error"):
        listing.add_column(heading, justify="left" if heading == "pool" else "right", overflow="fold")
    for pool in summary.pools:
        listing.add_row(*map(Text, _cells(pool)))
    console.print(listing)
    for finding in findings:
        console.print(Text(f"{finding.severity}: {finding.message}"))
    if not findings:
        console.print("Nothing risky was found.")


def _cells(pool: "PoolSummary") -> tuple[str, ...]:
    from thresher.units import format_count

    return (
        pool.pool,
        "" if pool.rank is None else str(pool.rank),
        str(pool.rows),
        format_count(pool.unique_samples),
        _range(pool.epochs, "3g"),
        _range(pool.error, "4g"),
    )


def _range(bounds: tuple[float, float], digits: str) -> str:
    low, high = (f"{bound:.{digits}}" for bound in bounds)
    return low if low == high else f"{low} to {high}"


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
