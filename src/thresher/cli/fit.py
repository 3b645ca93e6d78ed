"""`thresher fit`: laws from a run table."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from thresher.cli.output import Json, Quiet, print_report, progress_bar, say


def fit(
    runs: Annotated[list[Path], typer.Argument(help="Run tables, CSV or Parquet.", show_default=False)],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="FIT file to write.")] = None,
    where: Annotated[str | None, typer.Option(help="Rows to use, e.g. 'model = ViT-B-32'.")] = None,
    metric: Annotated[str | None, typer.Option(help="Metric to fit, where the table has several.")] = None,
    unit: Annotated[
        str | None, typer.Option(help="fraction or loss, where the metric's name does not say.")
    ] = None,
    from_epoch: Annotated[str, typer.Option(help="Drop rows that end before this epoch.")] = "1",
    kernel: Annotated[
        str | None, typer.Option(help="How repeats count: utility, effective_data, ...")
    ] = None,
    mixing: Annotated[str | None, typer.Option(help="How pools mix: sample_worth or utility_mean.")] = None,
    floor: Annotated[
        str | None, typer.Option(help="Irreducible error, or 'fit'. Default 0.1 for fractions.")
    ] = None,
    kappa: Annotated[
        str | None, typer.Option(help="Half-life grows with unique samples to this power.")
    ] = None,
    onset: Annotated[
        str | None, typer.Option(help="Sample count at which the curve starts, if known.")
    ] = None,
    amplitude: Annotated[str | None, typer.Option(help="Excess error at the onset, if known.")] = None,
    chance: Annotated[str, typer.Option(help="Error of guessing.")] = "0.999",
    loss: Annotated[
        str, typer.Option(help="linear, or soft_l1 to give outliers less pull (one law).")
    ] = "linear",
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.")] = 0,
    ignore_joint: Annotated[bool, typer.Option("--ignore-joint", help="Leave joint runs out.")] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Fit the laws of each pool to a run table: an ensemble of laws, or one law if any part of it is named.

    Example: thresher fit runs.csv -o fit.json
    """
    from thresher.cli.tables import fit_table
    from thresher.fits.choice import DEFAULT_KAPPA, DEFAULT_KERNEL, DEFAULT_MIXING
    from thresher.fits.ensemble import fit_ensemble
    from thresher.fits.fit_law import fit_law
    from thresher.fits.saved import write_fit
    from thresher.reports.documents import fit_summary
    from thresher.runs import read_runs, select_runs
    from thresher.units import parse_number

    def number(text: str | None, flag: str) -> float | None:
        return None if text is None else parse_number(text, flag)

    table = select_runs(
        read_runs(*runs, where=where, unit=unit),
        metric=metric,
        from_epoch=parse_number(from_epoch, "--from-epoch"),
        ignore_joint=ignore_joint,
    )
    kappa_value = number(kappa, "--kappa")
    if (kernel, mixing, floor, kappa, onset, amplitude) == (None,) * 6 and loss == "linear":
        with progress_bar(quiet=quiet) as progress:
            found = fit_ensemble(
                table, chance=parse_number(chance, "--chance"), seed=seed, unit=unit, progress=progress
            )
    else:
        found = fit_law(
            table,
            kernel=kernel or DEFAULT_KERNEL,
            mixing=mixing or DEFAULT_MIXING,
            floor="fit" if floor == "fit" else number(floor, "--floor"),
            kappa=DEFAULT_KAPPA if kappa_value is None else kappa_value,
            onset=number(onset, "--onset"),
            amplitude=number(amplitude, "--amplitude"),
            chance=parse_number(chance, "--chance"),
            loss=loss,
            seed=seed,
            unit=unit,
        )
    if output is not None:
        write_fit(found, output)

    def show(console: Console) -> None:
        fit_table(console, found)

    print_report(as_json, lambda: fit_summary(found), show)
    if output is not None and not quiet:
        say(f"Wrote {output}.")
