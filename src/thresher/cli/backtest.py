"""`thresher backtest`: every law beside the baselines, on runs that none has seen."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from thresher.cli.output import Json, Quiet, print_report, progress_bar

if TYPE_CHECKING:
    from thresher.backtests import Backtest, Score

MEMBERS_SHOWN = 8
"""Members in the table for people; --json has all."""


def backtest(
    runs: Annotated[Path, typer.Argument(help="Run table, CSV or Parquet.", show_default=False)],
    joint: Annotated[
        Path | None, typer.Option(help="More joint runs to score; none of them is fitted.")
    ] = None,
    metric: Annotated[str | None, typer.Option(help="Metric, where the table has several.")] = None,
    where: Annotated[str | None, typer.Option(help="Rows to use, e.g. 'model = ViT-B-32'.")] = None,
    unit: Annotated[
        str | None, typer.Option(help="fraction or loss, where the metric's name does not say.")
    ] = None,
    pool_size: Annotated[
        str | None, typer.Option(help="Rows of the metadata table, for the baseline 'keep 30 %'.")
    ] = None,
    chance: Annotated[str, typer.Option(help="Error of guessing.")] = "0.999",
    seed: Annotated[int, typer.Option(help="Seed of the bootstraps.")] = 0,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Score every law, the ensemble and simple rules on runs that none of them has seen.

    Example: thresher backtest runs.csv --joint joint.csv --pool-size 128M
    """
    from thresher.backtests import backtest as score
    from thresher.filters import comparisons_of
    from thresher.reports.backtests import backtest_document
    from thresher.runs import read_runs
    from thresher.units import parse_number, parse_samples

    table = read_runs(runs, where=where, unit=unit)
    other = read_runs(joint, unit=unit) if joint is not None else None
    if other is not None:
        # a joint run has no rank of its own, for example: only what its table states is compared
        shared = [one for one in comparisons_of(where) if one.column in other.columns]
        other = other.where(shared) if shared else other
    with progress_bar(quiet=quiet) as progress:
        found = score(
            table,
            other,
            metric=metric,
            chance=parse_number(chance, "--chance"),
            pool_size=parse_samples(pool_size, "--pool-size") if pool_size else None,
            seed=seed,
            unit=unit,
            progress=progress,
        )
    print_report(as_json, lambda: backtest_document(found), lambda console: show_backtest(console, found))


def show_backtest(console: Console, found: "Backtest") -> None:
    """The ensemble, the baselines and the heaviest members; then every split and every choice."""
    unit = "loss" if found.unit == "loss" else "fraction"
    weights = ["weight"] + ["RMSE held out", "less ensemble's (90 %)"] * bool(found.splits)
    joint = ["RMSE joint"] * bool(found.joint_rows)
    picks = ["right", "mean regret", "less ensemble's (90 %)"] * bool(found.contests)
    table = _table(f"{found.metric} ({unit})", ["", *weights, *joint, *picks])
    for score in (found.ensemble, *found.baselines, *found.members[:MEMBERS_SHOWN]):
        table.add_row(*_cells(score, found))
    console.print(table)
    if len(found.members) > MEMBERS_SHOWN:
        console.print(f"{len(found.members) - MEMBERS_SHOWN} lighter members are in --json.")
    if found.splits:
        console.print(_splits(found))
    if found.contests:
        console.print(_choices(found))
        console.print(
            f"A choice is right when its measured error is within the noise of one run ({found.noise_sd:.4f}) of the least."
        )
    for text in found.notes:
        console.print(f"- {text}")
    for text in found.warnings:
        console.print(f"Warning: {text}")


def _cells(score: "Score", found: "Backtest") -> list[str]:
    cells = [score.name, _number(score.weight, ".3f") if score.law else ""]
    if found.splits:
        cells += [_number(score.heldout_rmse), _range(score.heldout_difference)]
    if found.joint_rows:
        cells.append(_number(score.joint_rmse))
    if found.contests:
        right = f"{score.picks_right} of {score.picks}" if score.picks else "-"
        cells += [right, _number(score.mean_regret), _range(score.regret_difference)]
    return cells


def _splits(found: "Backtest") -> Table:
    names = list(found.splits[0].rmse)
    table = _table("RMSE of each hold-out", ["left out", "runs", *names])
    for split in found.splits:
        table.add_row(split.label, str(split.runs), *(_number(split.rmse[name]) for name in names))
    return table


def _choices(found: "Backtest") -> Table:
    from thresher.units import format_count

    table = _table("Choices", ["samples seen", "measured best", "ensemble's choice", "regret", "candidates"])
    for contest, chosen in zip(found.contests, found.ensemble.choices, strict=True):
        regret = next(
            gap
            for candidate, gap in zip(contest.candidates, contest.regrets, strict=True)
            if candidate.label == chosen
        )
        table.add_row(
            format_count(contest.samples_seen),
            contest.best.label,
            chosen or "-",
            f"{regret:.4f}",
            str(len(contest.candidates)),
        )
    return table


def _table(title: str, columns: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _number(value: float | None, form: str = ".4f") -> str:
    return f"{value:{form}}" if value is not None else "-"


def _range(interval: tuple[float, float] | None) -> str:
    return f"{interval[0]:+.4f} to {interval[1]:+.4f}" if interval is not None else "-"
