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


def backtest(
    runs: Annotated[Path, typer.Argument(help="Run table, CSV or Parquet.", show_default=False)],
    joint: Annotated[
        Path | None, typer.Option(help="More joint runs to score; none of them is fitted.")
    ] = None,
    law: Annotated[
        str, typer.Option(help="default or paper; with the next flags, one more law to score.")
    ] = "default",
    kernel: Annotated[str | None, typer.Option(help="How repeats count, for that law.")] = None,
    power: Annotated[str | None, typer.Option(help="How its pools mix, r.")] = None,
    kappa: Annotated[str | None, typer.Option(help="How its half-lives grow with unique samples.")] = None,
    floor: Annotated[str | None, typer.Option(help="Its irreducible error.")] = None,
    onset: Annotated[str | None, typer.Option(help="Samples at which its curve starts.")] = None,
    metric: Annotated[str | None, typer.Option(help="Metric, where the table has several.")] = None,
    where: Annotated[str | None, typer.Option(help="Rows to use, e.g. 'model = ViT-B-32'.")] = None,
    from_epoch: Annotated[str, typer.Option(help="Drop checkpoints of a pool before this epoch.")] = "1",
    unit: Annotated[
        str | None, typer.Option(help="fraction or loss, where the metric's name does not say.")
    ] = None,
    pool_size: Annotated[
        str | None, typer.Option(help="Rows of the metadata table, for the baseline 'keep 30 %'.")
    ] = None,
    chance: Annotated[str, typer.Option(help="Error of guessing.")] = "0.999",
    seed: Annotated[int, typer.Option(help="Seed of the draws.")] = 0,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Score the default, the paper's law and simple rules on runs that none of them has seen.

    Example: thresher backtest runs.csv --joint joint.csv --pool-size 128M
    """
    from thresher.backtests import backtest as score
    from thresher.reports.backtests import backtest_document
    from thresher.runs import read_runs
    from thresher.runs.filtering import where_shared
    from thresher.units import parse_number, parse_samples

    def number(text: str | None, flag: str) -> float | None:
        return parse_number(text, flag) if text is not None else None

    table = read_runs(runs, where=where, unit=unit)
    other = read_runs(joint, unit=unit) if joint is not None else None
    if other is not None:
        # a joint run has no rank of its own, for example: only what its table states is compared
        other = where_shared(other, where, table)
    with progress_bar(quiet=quiet) as progress:
        found = score(
            table,
            other,
            law=law,
            kernel=kernel,
            power=number(power, "--power"),
            kappa=number(kappa, "--kappa"),
            floor=number(floor, "--floor"),
            onset=parse_samples(onset, "--onset") if onset else None,
            metric=metric,
            from_epoch=parse_number(from_epoch, "--from-epoch"),
            chance=parse_number(chance, "--chance"),
            pool_size=parse_samples(pool_size, "--pool-size") if pool_size else None,
            seed=seed,
            unit=unit,
            progress=progress,
        )
    print_report(as_json, lambda: backtest_document(found), lambda console: show_backtest(console, found))


def show_backtest(console: Console, found: "Backtest") -> None:
    """Laws and baselines; then every way of holding out and every choice."""
    held = ["RMSE held out", "inside"] if found.splits else []
    joint = ["RMSE joint", "inside", "interval score", "right", "mean regret"] if found.contests else []
    table = _table(f"{found.metric} ({found.unit})", ["", *held, *joint])
    for score in (*found.laws, *(one for one in found.baselines if one.heldout_rmse or one.picks)):
        table.add_row(*_cells(score, found))
    console.print(table)
    if found.splits:
        console.print("Inside: share of runs inside their 90 % intervals.")
        console.print(_splits(found))
    if found.contests:
        console.print(_choices(found))
        console.print(
            "Regret: measured error of the choice less the least measured. A choice is right if its regret is within the noise "
            f"of one run ({found.noise_sd:.4f})."
        )
    for text in found.notes:
        console.print(f"- {text}")
    for text in found.warnings:
        console.print(f"Warning: {text}")


def _cells(score: "Score", found: "Backtest") -> list[str]:
    cells = [score.name]
    if found.splits:
        cells += [_number(score.heldout_rmse), _share(score.heldout_inside)]
    if found.contests:
        right = f"{score.picks_right} of {score.picks}" if score.picks else "-"
        cells += [_number(score.joint_rmse), _share(score.inside), _number(score.interval_score)]
        cells += [right, _number(score.mean_regret)]
    return cells


def _splits(found: "Backtest") -> Table:
    names = list(found.splits[0].said)
    table = _table("RMSE of what was held out", ["held out", "runs", *names])
    for split in found.splits:
        table.add_row(split.label, str(len(split.measured)), *(_number(split.rmse(name)) for name in names))
    return table


def _choices(found: "Backtest") -> Table:
    from thresher.units import format_count

    default, *others = found.laws
    heading = ["samples seen", "measured best", f"choice of {default.name}", "regret"]
    table = _table("Choices", [*heading, *(f"regret of {law.name}" for law in others)])
    for at, contest in enumerate(found.contests):
        table.add_row(
            format_count(contest.samples_seen),
            contest.best.label.replace("+", " + "),
            (default.choices[at] or "-").replace("+", " + "),
            *(_number(law.regrets[at]) for law in found.laws),
        )
    return table


def _table(title: str, columns: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for at, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=at == 0)
    return table


def _number(value: float | None) -> str:
    return f"{value:.4f}" if value is not None else "-"


def _share(value: float | None) -> str:
    return f"{100 * value:.0f} %" if value is not None else "-"
