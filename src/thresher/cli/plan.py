"""`thresher plan`: the best pool for a budget, and how sure."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from thresher.cli.output import Json, Quiet, print_report, say


def plan(
    fit: Annotated[Path, typer.Argument(help="FIT file, made by `thresher fit`.", show_default=False)],
    budget: Annotated[
        list[str], typer.Option(help="Budget in samples; repeat for several.", show_default=False)
    ],
    pools: Annotated[
        list[str] | None, typer.Option(help="One more set to compare, e.g. a+c; repeatable.")
    ] = None,
    buckets: Annotated[Path | None, typer.Option(help="buckets.json, for the share kept.")] = None,
    pool_size: Annotated[
        str | None, typer.Option(help="Rows of the metadata table, for the share kept.")
    ] = None,
    max_epochs: Annotated[str | None, typer.Option(help="Most passes over any pool.")] = None,
    must: Annotated[
        list[str] | None, typer.Option(help="Pool that every candidate holds; repeatable.")
    ] = None,
    never: Annotated[list[str] | None, typer.Option(help="Pool that no candidate holds; repeatable.")] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="PLAN file to write.")] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Choose the best pool for each budget.

    Example: thresher plan fit.json --budget 128M --budget 640M --pool-size 128M
    """
    from thresher.cli.output import say_warnings
    from thresher.cli.tables import plans_table
    from thresher.fits.saved import read_fit
    from thresher.plans.plan import choose_plans
    from thresher.plans.saved import read_pool_size, write_plans
    from thresher.reports.documents import plans
    from thresher.units import parse_number, parse_samples

    budgets = [parse_samples(text, "--budget") for text in budget]
    found_fit = read_fit(fit)
    with say_warnings():
        found = choose_plans(
            found_fit,
            budgets,
            sets=[tuple(name.strip() for name in names.split("+")) for names in pools or ()],
            pool_size=read_pool_size(pool_size, buckets),
            max_epochs=parse_number(max_epochs, "--max-epochs") if max_epochs else None,
            must=must or (),
            never=never or (),
        )
    if output is not None:
        write_plans(plans(found), output)

    def show(console: Console) -> None:
        plans_table(console, found)

    print_report(as_json, lambda: plans(found), show)
    if output is not None and not quiet:
        say(f"Wrote {output}.")
