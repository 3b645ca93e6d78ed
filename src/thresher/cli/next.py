"""`thresher next`: which pilot run to do next, and whether to stop."""

from pathlib import Path
from typing import Annotated

import typer

from thresher.cli.output import Buckets, Json, MaxEpochs, PoolSize, print_report


def next_command(
    fit: Annotated[Path, typer.Argument(help="FIT file, made by `thresher fit`.", show_default=False)],
    budget: Annotated[
        str, typer.Option(help="Budget of the run that the choice is for.", show_default=False)
    ],
    buckets: Buckets = None,
    pool_size: PoolSize = None,
    max_epochs: MaxEpochs = None,
    most_samples: Annotated[str | None, typer.Option(help="Longest pilot run to consider.")] = None,
    as_json: Json = False,
) -> None:
    """Say which run to do next, what it is expected to tell, and when to stop.

    Example: thresher next fit.json --budget 640M
    """
    from thresher.cli.tables import next_table
    from thresher.fits.fit_file import read_fit
    from thresher.pilots.next_run import choose_next_run
    from thresher.plans.candidates import candidates
    from thresher.plans.saved import in_buckets, read_pool_size
    from thresher.reports.documents import next_runs
    from thresher.units import parse_number, parse_samples

    found_fit = read_fit(fit)
    size = read_pool_size(pool_size, buckets)
    found = choose_next_run(
        found_fit,
        parse_samples(budget, "--budget"),
        options=candidates(in_buckets(found_fit, buckets, size), pool_size=size)
        if found_fit.ranked
        else None,
        most_samples=parse_samples(most_samples, "--most-samples") if most_samples is not None else None,
        max_epochs=parse_number(max_epochs, "--max-epochs") if max_epochs is not None else None,
    )

    print_report(as_json, lambda: next_runs(found), lambda console: next_table(console, found))
