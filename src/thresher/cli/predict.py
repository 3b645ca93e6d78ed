"""`thresher predict`: the error of a mixture at any budget."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from thresher.cli.output import Json, print_report


def predict(
    fit: Annotated[Path, typer.Argument(help="FIT file, made by `thresher fit`.", show_default=False)],
    samples_seen: Annotated[
        list[str], typer.Option(help="Budget in samples; repeat for several.", show_default=False)
    ],
    pools: Annotated[
        str | None, typer.Option(help="Pools joined by +, e.g. top_0_10+top_10_20.", show_default=False)
    ] = None,
    mixtures: Annotated[
        Path | None,
        typer.Option(help="CSV with a mixture in each row: run, then a column of shares per pool."),
    ] = None,
    weights: Annotated[str | None, typer.Option(help="Share of each pool, e.g. 0.7,0.3.")] = None,
    unique_samples: Annotated[str | None, typer.Option(help="Another size of each pool, e.g. 1B,2B.")] = None,
    as_json: Json = False,
) -> None:
    """Predict the error of training on some pools.

    Example: thresher predict fit.json --pools top_0_10+top_10_20 --samples-seen 640M
    """
    from thresher.cli.output import say_warnings
    from thresher.cli.tables import predictions_table
    from thresher.errors import InputError
    from thresher.fits.fit_file import read_fit
    from thresher.fits.predict import predict_mixture, predict_shares
    from thresher.reports.documents import predictions
    from thresher.runs.swarms import read_shares_table
    from thresher.units import parse_number, parse_samples

    if (pools is None) == (mixtures is None):
        raise InputError("Give --pools for one mixture, or --mixtures for a table of them; one of the two.")
    budgets = [parse_samples(text, "--samples-seen") for text in samples_seen]
    fitted = read_fit(fit)
    with say_warnings():
        if mixtures is not None:
            if weights is not None or unique_samples is not None:
                raise InputError("--weights and --unique-samples go with --pools; --mixtures has the shares.")
            found = predict_shares(fitted, read_shares_table(mixtures), budgets)
        else:
            found = predict_mixture(
                fitted,
                [name.strip() for name in (pools or "").split("+")],
                budgets,
                weights=[parse_number(text, "--weights") for text in weights.split(",")] if weights else None,
                unique_samples=(
                    [parse_samples(text, "--unique-samples") for text in unique_samples.split(",")]
                    if unique_samples
                    else None
                ),
            )

    def show(console: Console) -> None:
        predictions_table(console, found)

    print_report(as_json, lambda: predictions(found), show)
