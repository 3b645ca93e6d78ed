"""`thresher plan`: the best pool for a budget, and how sure."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from thresher.cli.output import Json, Quiet, print_report, progress_bar, say
from thresher.errors import InputError

if TYPE_CHECKING:
    from thresher.fits.fit import Fit


def plan(
    budget: Annotated[
        list[str], typer.Option(help="Budget in samples; repeat for several.", show_default=False)
    ],
    fit: Annotated[Path | None, typer.Argument(help="FIT file, made by `thresher fit`.")] = None,
    prior: Annotated[str | None, typer.Option(help="Borrow published curves instead of a FIT file.")] = None,
    pools: Annotated[
        list[str] | None, typer.Option(help="One more set to compare, e.g. a+c; repeatable.")
    ] = None,
    buckets: Annotated[
        Path | None, typer.Option(help="buckets.json: true bucket sizes, and the share kept.")
    ] = None,
    pool_size: Annotated[
        str | None, typer.Option(help="Rows of the metadata table, for the share kept.")
    ] = None,
    max_epochs: Annotated[str | None, typer.Option(help="Most passes over any pool.")] = None,
    must: Annotated[
        list[str] | None, typer.Option(help="Pool that every candidate holds; repeatable.")
    ] = None,
    never: Annotated[list[str] | None, typer.Option(help="Pool that no candidate holds; repeatable.")] = None,
    min_share: Annotated[
        list[str] | None, typer.Option(help="Least share in the mixture: POOL=0.2, or 0.05 for every pool.")
    ] = None,
    max_share: Annotated[
        list[str] | None, typer.Option(help="Greatest share: POOL=0.5, or 0.5 for every pool.")
    ] = None,
    at_most: Annotated[int | None, typer.Option(help="Most pools in a choice.")] = None,
    storage: Annotated[str | None, typer.Option(help="Most unique samples in a choice.")] = None,
    integer_repeats: Annotated[
        bool, typer.Option("--integer-repeats", help="Write every sample of the mixture in whole copies.")
    ] = False,
    exposure: Annotated[
        str | None, typer.Option(help="How training draws samples: epochs or resampled.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Model that will be trained, to be warned of another.")
    ] = None,
    model_parameters: Annotated[
        str | None, typer.Option(help="Its parameters, e.g. 2.8B, for losses.")
    ] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="PLAN file to write.")] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Choose the best pool for each budget, and say how sure.

    Example: thresher plan fit.json --budget 128M --budget 640M --pool-size 128M
    """
    from thresher.cli.output import say_warnings
    from thresher.cli.tables import plans_table
    from thresher.plans.constraints import Constraints, read_shares
    from thresher.plans.plan import choose_plans
    from thresher.plans.saved import read_pool_size, write_plans
    from thresher.reports.documents import plans
    from thresher.units import parse_number, parse_samples

    budgets = [parse_samples(text, "--budget") for text in budget]
    size = read_pool_size(pool_size, buckets)
    if (fit is None) == (prior is None):
        raise InputError("Give a FIT file, or --prior NAME to borrow published curves; one of the two.")
    found_fit = _borrowed(prior, size, quiet=quiet) if prior is not None else _measured(fit, buckets)
    with say_warnings():
        found = choose_plans(
            found_fit,
            budgets,
            sets=[tuple(name.strip() for name in names.split("+")) for names in pools or ()],
            pool_size=size,
            constraints=Constraints(
                max_epochs=parse_number(max_epochs, "--max-epochs") if max_epochs else None,
                min_share=read_shares(min_share or (), "--min-share"),
                max_share=read_shares(max_share or (), "--max-share"),
                must=must or (),
                never=never or (),
                at_most=at_most,
                storage=parse_samples(storage, "--storage") if storage else None,
                integer_repeats=integer_repeats,
            ),
            exposure=exposure,
            model=model,
            model_parameters=parse_samples(model_parameters, "--model-parameters")
            if model_parameters
            else None,
            borrowed=prior is not None,
        )
    if output is not None:
        write_plans(plans(found), output)

    def show(console: Console) -> None:
        plans_table(console, found)

    print_report(as_json, lambda: plans(found), show)
    if output is not None and not quiet:
        say(f"Wrote {output}.")


def _borrowed(prior: str, pool_size: float | None, *, quiet: bool) -> "Fit":
    from thresher.plans.borrowed import borrow

    if pool_size is None:
        raise InputError(
            "--prior needs --pool-size, the rows of your metadata table, for example --pool-size 1.28B."
        )
    with progress_bar(quiet=quiet) as progress:
        return borrow(prior, pool_size, progress=progress)


def _measured(fit: Path | None, buckets: Path | None) -> "Fit":
    """The fit in a file, its pools as large as the buckets of the same names."""
    from thresher.fits.resize import resized
    from thresher.fits.saved import read_fit
    from thresher.plans.saved import read_bucket_sizes

    assert fit is not None
    found = read_fit(fit)
    if buckets is None:
        return found
    sizes = read_bucket_sizes(buckets)
    missing = [pool.name for pool in found.ranked if pool.name not in sizes]
    if missing:
        raise InputError(
            f"Pool {missing[0]!r} of the fit is not a bucket of {buckets} (it has: {', '.join(sizes)}). Name pools in the run "
            "table as the buckets are named."
        )
    return resized(found, {pool.name: sizes[pool.name] for pool in found.ranked})
