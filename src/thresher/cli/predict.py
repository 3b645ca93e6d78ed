"""`thresher predict`: the error of a mixture at any budget."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from thresher.cli.output import Json, print_report


def predict(
    fit: Annotated[Path, typer.Argument(help="FIT file, made by `thresher fit`.", show_default=False)],
    pools: Annotated[
        str, typer.Option(help="Pools joined by +, e.g. top_0_10+top_10_20.", show_default=False)
    ],
    samples_seen: Annotated[
        list[str], typer.Option(help="Budget in samples; repeat for several.", show_default=False)
    ],
    weights: Annotated[str | None, typer.Option(help="Share of each pool, e.g. 0.7,0.3.")] = None,
    unique_samples: Annotated[str | None, typer.Option(help="Another size of each pool, e.g. 1B,2B.")] = None,
    as_json: Json = False,
) -> None:
    """Predict the error of training on some pools.

    Example: thresher predict fit.json --pools top_0_10+top_10_20 --samples-seen 640M
    """
    from thresher.cli.output import say_warnings
    from thresher.cli.tables import predictions_table
    from thresher.fits.predict import predict_mixture
    from thresher.fits.saved import read_fit
    from thresher.reports.documents import predictions
    from thresher.units import parse_number, parse_samples

    with say_warnings():
        found = predict_mixture(
            read_fit(fit),
            [name.strip() for name in pools.split("+")],
            [parse_samples(text, "--samples-seen") for text in samples_seen],
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
