"""`thresher plan`: the best pool for a budget, and how sure."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from thresher.cli.output import Buckets, Json, MaxEpochs, PoolSize, Quiet, check_json_path, print_report, say
from thresher.errors import InputError

if TYPE_CHECKING:
    from thresher.fits.fit import Fit


def plan(
    fit: Annotated[Path | None, typer.Argument(help="FIT file, made by `thresher fit`.")] = None,
    budget: Annotated[
        list[str] | None, typer.Option(help="Budget in samples; repeat for several, as all budgets.")
    ] = None,
    passes_over_pool: Annotated[
        list[str] | None, typer.Option(help="Budget in passes over the whole metadata; needs its size.")
    ] = None,
    flops: Annotated[
        list[str] | None, typer.Option(help="Budget in FLOPs; needs --model or --flops-per-sample.")
    ] = None,
    gpu_hours: Annotated[
        list[str] | None, typer.Option(help="Budget in GPU-hours; needs --samples-per-second.")
    ] = None,
    cost: Annotated[
        list[str] | None, typer.Option(help="Budget in money; needs --rate and --samples-per-second.")
    ] = None,
    target: Annotated[
        str | None, typer.Option(help="Error to reach, instead of a budget: the cheapest that does.")
    ] = None,
    probability: Annotated[str, typer.Option(help="With --target: how sure to be of it.")] = "0.5",
    flops_per_sample: Annotated[
        str | None, typer.Option(help="FLOPs to train on one sample, for a model not in the table.")
    ] = None,
    samples_per_second: Annotated[
        str | None, typer.Option(help="Samples that one GPU trains on in a second.")
    ] = None,
    rate: Annotated[str | None, typer.Option(help="Price of one GPU-hour.")] = None,
    scoring_cost: Annotated[
        str | None, typer.Option(help="Part of the budget, in its unit, that scoring takes.")
    ] = None,
    pilot_cost: Annotated[
        str | None, typer.Option(help="Part of the budget, in its unit, that pilot runs take.")
    ] = None,
    batch_size: Annotated[str | None, typer.Option(help="Refuse budgets below one batch.")] = None,
    also: Annotated[
        list[Path] | None, typer.Option(help="FIT of another metric of the same pools; repeatable.")
    ] = None,
    metric_weights: Annotated[
        str | None, typer.Option(help="Weight of each FIT in the choice, e.g. 0.7,0.3.")
    ] = None,
    worst_case: Annotated[
        bool, typer.Option("--worst-case", help="With --also: the least error of the worst metric.")
    ] = False,
    prior: Annotated[str | None, typer.Option(help="Borrow published curves instead of a FIT file.")] = None,
    pools: Annotated[
        list[str] | None, typer.Option(help="One more set to compare, e.g. a+c; repeatable.")
    ] = None,
    buckets: Buckets = None,
    pool_size: PoolSize = None,
    max_epochs: MaxEpochs = None,
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
    near: Annotated[
        Path | None,
        typer.Option(help="CSV with one row of shares: a present mixture to stay near; with --kl."),
    ] = None,
    kl: Annotated[
        str | None, typer.Option(help="With --near: greatest divergence from it, in nats, e.g. 0.1.")
    ] = None,
    exposure: Annotated[
        str | None, typer.Option(help="How training draws samples: epochs or resampled.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Model that will be trained, for FLOPs and warnings.")
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
    from thresher.cli import spending
    from thresher.cli.output import say_warnings
    from thresher.cli.tables import plans_table, print_blocking
    from thresher.plans.constraints import Constraints, read_shares
    from thresher.plans.plan import choose_plans
    from thresher.plans.saved import read_pool_size, write_plans
    from thresher.reports.documents import plans
    from thresher.reports.spending import with_spending
    from thresher.units import parse_number, parse_samples

    check_json_path(output, "a plan")
    flags = spending.BudgetFlags(
        budget, passes_over_pool, flops, gpu_hours, cost, target, probability, model, flops_per_sample,
        samples_per_second, rate, scoring_cost, pilot_cost, batch_size,
    )  # fmt: skip
    size = read_pool_size(pool_size, buckets)
    budgets = spending.read_budgets(flags, size)
    if (fit is None) == (prior is None):
        raise InputError("Give a FIT file, or --prior NAME to borrow published curves; one of the two.")
    limits = Constraints(
        max_epochs=parse_number(max_epochs, "--max-epochs") if max_epochs is not None else None,
        min_share=read_shares(min_share or (), "--min-share"),
        max_share=read_shares(max_share or (), "--max-share"),
        must=must or (),
        never=never or (),
        at_most=at_most,
        storage=parse_samples(storage, "--storage") if storage is not None else None,
        integer_repeats=integer_repeats,
        near=_present_mixture(near) if near is not None else {},
        kl=parse_number(kl, "--kl") if kl is not None else None,
    )
    sets = [tuple(name.strip() for name in names.split("+")) for names in pools or ()]
    found_fit = _borrowed(prior, size) if prior is not None else _measured(fit, buckets, size)
    if also or metric_weights is not None or worst_case:
        fits = [found_fit, *[_measured(path, buckets, size) for path in also or ()]]
        found_fit = _blended(fits, metric_weights, worst=worst_case)
    reached = spending.read_target(flags, found_fit, limits, sets, pool_size=size, exposure=exposure)
    if reached is not None:
        budgets = (spending.target_budget(reached.samples_seen, flags),)
    with say_warnings():
        found = choose_plans(
            found_fit,
            spending.samples_of(budgets),
            sets=sets,
            pool_size=size,
            constraints=limits,
            exposure=exposure,
            model=model,
            model_parameters=parse_samples(model_parameters, "--model-parameters")
            if model_parameters is not None
            else None,
            borrowed=prior is not None,
        )
    gains = spending.gains_of(found_fit, found, pool_size=size, exposure=exposure)
    document = with_spending(plans(found), budgets, gains, reached)
    if output is not None:
        write_plans(document, output)

    def show(console: Console) -> None:
        print_blocking(console, found_fit)
        spending.print_budgets(console, budgets, reached)
        for one, gain in zip(found, gains, strict=True):
            plans_table(console, [one])
            spending.print_gains(console, gain)

    print_report(as_json, lambda: document, show)
    if output is not None and not quiet:
        say(f"Wrote {output}.")


def _present_mixture(path: Path) -> dict[str, float]:
    """The one mixture of a table of shares."""
    from thresher.runs.swarms import read_shares_table

    found = read_shares_table(path)
    if len(found.shares) != 1:
        raise InputError(f"{path} has {len(found.shares)} rows of shares; --near takes one present mixture.")
    (shares,) = found.shares.values()
    return {name: share for name, share in zip(found.pools, shares, strict=True) if share > 0}


def _blended(fits: Sequence["Fit"], metric_weights: str | None, *, worst: bool) -> "Fit":
    """Several metrics as one fit; every limit and warning then holds for them as for one."""
    from thresher.fits.blend import blend_fits
    from thresher.units import parse_number

    if len(fits) < 2:
        raise InputError(
            "Several metrics need several fits; add --also FIT2 to --metric-weights or --worst-case."
        )
    if worst and metric_weights is not None:
        raise InputError("--worst-case and --metric-weights exclude each other; give one of them.")
    shares = metric_weights.split(",") if metric_weights is not None else None
    weights = [parse_number(text, "--metric-weights") for text in shares] if shares is not None else None
    return blend_fits(fits, weights, worst=worst)


def _borrowed(prior: str, pool_size: float | None) -> "Fit":
    from thresher.plans.borrowed import borrow

    if pool_size is None:
        raise InputError(
            "--prior needs --pool-size, the rows of your metadata table, for example --pool-size 1.28B."
        )
    return borrow(prior, pool_size)


def _measured(fit: Path | None, buckets: Path | None, pool_size: float | None) -> "Fit":
    from thresher.fits.fit_file import read_fit
    from thresher.plans.saved import in_buckets

    assert fit is not None
    return in_buckets(read_fit(fit), buckets, pool_size)
