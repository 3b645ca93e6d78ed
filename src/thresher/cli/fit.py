"""`thresher fit`: laws from a run table."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from thresher.cli.output import Json, Quiet, check_json_path, print_report, say


def fit(
    runs: Annotated[list[Path], typer.Argument(help="Run tables, CSV or Parquet.", show_default=False)],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="FIT file to write.")] = None,
    where: Annotated[str | None, typer.Option(help="Rows to use, e.g. 'model = ViT-B-32'.")] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            help="Metric to fit, where the table has several; repeat for a blend.", show_default=False
        ),
    ] = None,
    weights_of_metrics: Annotated[
        str | None,
        typer.Option(help="With several metrics: their weights, e.g. 0.7,0.3, or worst. Equal by default."),
    ] = None,
    unit: Annotated[
        str | None, typer.Option(help="fraction or loss, where the metric's name does not say.")
    ] = None,
    from_epoch: Annotated[str, typer.Option(help="Drop rows that end before this epoch.")] = "1",
    law: Annotated[str, typer.Option(help="default, or paper for the law of Goyal et al. 2024.")] = "default",
    kernel: Annotated[
        str | None, typer.Option(help="Fix how repeats count: muennighoff, utility, ...")
    ] = None,
    power: Annotated[str | None, typer.Option(help="Fix how pools mix; at 1 samples add up.")] = None,
    floor: Annotated[str | None, typer.Option(help="Fix the irreducible error.")] = None,
    kappa: Annotated[
        str | None, typer.Option(help="Fix how half-lives grow with unique samples: with this power.")
    ] = None,
    onset: Annotated[
        str | None, typer.Option(help="Fix the sample count at which a curve leaves guessing.")
    ] = None,
    amplitude: Annotated[
        str | None, typer.Option(help="With --law paper: fix the excess error at the onset.")
    ] = None,
    chance: Annotated[str, typer.Option(help="Error of guessing.")] = "0.999",
    seed: Annotated[int, typer.Option(help="Seed of the draws.")] = 0,
    ignore_joint: Annotated[bool, typer.Option("--ignore-joint", help="Leave joint runs out.")] = False,
    mixing: Annotated[str | None, typer.Option(hidden=True)] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Fit one law to a run table: what each pool is worth, how repeats wear out, how pools mix.

    Example: thresher fit runs.csv -o fit.json
    """
    from thresher.backtests.ranking import rank_left_out
    from thresher.cli.tables import blend_table, fit_table
    from thresher.errors import InputError
    from thresher.fits.blend import blend_fits
    from thresher.fits.fit_file import write_fit
    from thresher.fits.fit_law import fit_law
    from thresher.reports.documents import blend_summary, fit_summary
    from thresher.runs import read_runs, select_runs
    from thresher.units import parse_number

    def number(text: str | None, flag: str) -> float | None:
        return None if text is None else parse_number(text, flag)

    if mixing is not None:
        raise InputError(
            "--mixing is gone: how pools mix is a parameter now. Fix it with --power (1: samples add up), or use --law paper for "
            "the mean of utilities."
        )
    check_json_path(output, "a fit")
    metrics: list[str | None] = list(dict.fromkeys(metric)) if metric else [None]
    if weights_of_metrics is not None and len(metrics) < 2:
        raise InputError("--weights-of-metrics needs several metrics; repeat --metric.")
    whole = read_runs(*runs, where=where, unit=unit)
    fits = [
        fit_law(
            select_runs(
                whole,
                metric=name,
                from_epoch=parse_number(from_epoch, "--from-epoch"),
                ignore_joint=ignore_joint,
            ),
            law=law,
            kernel=kernel,
            power=number(power, "--power"),
            floor=number(floor, "--floor"),
            kappa=number(kappa, "--kappa"),
            onset=number(onset, "--onset"),
            amplitude=number(amplitude, "--amplitude"),
            chance=parse_number(chance, "--chance"),
            seed=seed,
            unit=unit,
        )
        for name in metrics
    ]
    rankings = [rank_left_out(one) for one in fits]
    found = fits[0]
    if len(fits) > 1:
        worst = weights_of_metrics == "worst"
        shares = None if worst or weights_of_metrics is None else weights_of_metrics.split(",")
        found = blend_fits(
            fits,
            [parse_number(text, "--weights-of-metrics") for text in shares] if shares else None,
            worst=worst,
        )
    if output is not None:
        write_fit(found, output)

    def show(console: Console) -> None:
        if found.parts:
            blend_table(console, found, rankings)
        else:
            fit_table(console, found, rankings[0])

    print_report(
        as_json,
        lambda: blend_summary(found, rankings) if found.parts else fit_summary(found, rankings[0]),
        show,
    )
    if output is not None and not quiet:
        say(f"Wrote {output}.")
