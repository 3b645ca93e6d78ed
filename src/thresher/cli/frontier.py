"""`thresher frontier`: the best choice at every budget."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from thresher.cli.output import Buckets, Json, MaxEpochs, PoolSize, Quiet, print_report, say


def frontier(
    fit: Annotated[Path, typer.Argument(help="FIT file, made by `thresher fit`.", show_default=False)],
    smallest: Annotated[str | None, typer.Option("--from", help="First budget, in samples.")] = None,
    largest: Annotated[str | None, typer.Option("--to", help="Last budget, in samples.")] = None,
    pools: Annotated[
        list[str] | None, typer.Option(help="One more set to compare, e.g. a+c; repeatable.")
    ] = None,
    buckets: Buckets = None,
    pool_size: PoolSize = None,
    max_epochs: MaxEpochs = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Chart: .png, .svg, .html or .json.")
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Trace the best choice at every budget, and where it changes.

    Example: thresher frontier fit.json --from 16M --to 2B --pool-size 128M -o frontier.png
    """
    from thresher.cli.output import say_warnings
    from thresher.cli.tables import frontier_table
    from thresher.fits.fit_file import read_fit
    from thresher.plans.candidates import candidates
    from thresher.plans.frontier import trace_frontier
    from thresher.plans.saved import in_buckets, read_pool_size
    from thresher.reports.documents import frontier as frontier_document
    from thresher.reports.figures import check_chart, frontier_figure, save_figure
    from thresher.units import parse_number, parse_samples

    if output is not None:
        check_chart(output)
    size = read_pool_size(pool_size, buckets)
    found_fit = in_buckets(read_fit(fit), buckets, size)
    largest_run = found_fit.reach.largest_run
    with say_warnings():
        found = trace_frontier(
            found_fit,
            candidates(
                found_fit,
                sets=[tuple(name.strip() for name in names.split("+")) for names in pools or ()],
                pool_size=size,
            ),
            smallest=parse_samples(smallest, "--from") if smallest else largest_run / 8,
            largest=parse_samples(largest, "--to") if largest else largest_run * 5,
            max_epochs=parse_number(max_epochs, "--max-epochs") if max_epochs is not None else None,
        )
    if output is not None:
        save_figure(frontier_figure(found, unit=found_fit.unit, title=found_fit.metric), output)

    def show(console: Console) -> None:
        frontier_table(console, found)

    print_report(as_json, lambda: frontier_document(found), show)
    if output is not None and not quiet:
        say(f"Wrote {output}.")
