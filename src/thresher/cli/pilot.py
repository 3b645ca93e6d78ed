"""`thresher pilot`: which runs to do before the large one, and what they measured."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from thresher.cli.output import Json, Quiet, print_report, progress_bar, say

if TYPE_CHECKING:
    from rich.console import Console

    from thresher.fits.fit import Fit
    from thresher.pilots.collect import Collected
    from thresher.pilots.plan_pilot import PlannedPilot
    from thresher.pilots.recovered import Recovered

WIDEST_SHOWN = 100.0
"""An interval that reaches further than this factor has no limit to speak of."""

app = typer.Typer(
    name="pilot",
    help="Pilot runs: designed, launched, collected.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.callback()
def pilot() -> None:
    """Pilot runs: designed, launched, collected."""


@app.command("plan")
def plan_command(
    buckets: Annotated[
        Path, typer.Argument(help="buckets.json, made by `thresher buckets`.", show_default=False)
    ],
    budget: Annotated[
        str, typer.Option(help="Samples of the run that the choice is for.", show_default=False)
    ],
    pilot_budget: Annotated[
        str,
        typer.Option(
            help="Samples of all pilot runs together, or a share of --budget such as 15%.", show_default=False
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", help="Folder to make, for pilot.yaml and launch files.", show_default=False
        ),
    ],
    metadata: Annotated[
        list[str] | None, typer.Option(help="Metadata of the buckets, for the pilots' uid lists; repeatable.")
    ] = None,
    pool_size: Annotated[
        str | None, typer.Option(help="Rows of the whole pool, if the buckets are of a random part of it.")
    ] = None,
    top: Annotated[int, typer.Option(help="How many of the best buckets to pilot.")] = 4,
    seeds: Annotated[int, typer.Option(help="Runs of each bucket.")] = 1,
    schedule: Annotated[
        str, typer.Option(help="constant, or finished: a run of its own for each length.")
    ] = "constant",
    joint: Annotated[
        bool, typer.Option(help="Train the union of all buckets, and of the best two, as well.")
    ] = True,
    prior: Annotated[
        str, typer.Option(help="Published runs, or a FIT file, to simulate from.")
    ] = "datacomp_medium_tmars",
    model: Annotated[str, typer.Option(help="open_clip's name of the model.")] = "ViT-B-32",
    batch_size: Annotated[int, typer.Option(help="Samples of a batch over all GPUs.")] = 4096,
    gpus: Annotated[int, typer.Option(help="GPUs of one run.")] = 8,
    exposure: Annotated[
        str, typer.Option(help="epochs, or resampled: with replacement, as DataComp trains.")
    ] = "resampled",
    metric: Annotated[str, typer.Option(help="imagenet1k, paper18, average38 or a task.")] = "imagenet1k",
    samples_per_gpu_second: Annotated[
        float,
        typer.Option(help="Training speed of one GPU; the default is an estimate for ViT-B/32 on an A100."),
    ] = 1000.0,
    replicates: Annotated[int, typer.Option(help="Simulated worlds.")] = 200,
    seed: Annotated[int, typer.Option(help="Of the simulation, and of the digest that samples buckets.")] = 0,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Design the pilot runs for a target budget, simulate what they would tell, and write launch files.

    Example: thresher pilot plan buckets.json --budget 640M --pilot-budget 15% -o pilots/
    """
    from thresher.metadata.buckets import read_buckets
    from thresher.pilots.launch import Trainer
    from thresher.pilots.plan_pilot import PilotRequest, check_request, plan_pilot, write_planned
    from thresher.units import parse_number, parse_samples

    target = parse_samples(budget, "--budget")
    paid = (
        target * parse_number(pilot_budget, "--pilot-budget")
        if pilot_budget.strip().endswith("%")
        else parse_samples(pilot_budget, "--pilot-budget")
    )
    request = PilotRequest(
        target, paid, top, seeds, schedule, joint, replicates, seed, samples_per_gpu_second,
        Trainer(model, batch_size, gpus, exposure, metric),
        parse_samples(pool_size, "--pool-size") if pool_size else None,
    )  # fmt: skip
    made = read_buckets(buckets)
    check_request(request, made, output)
    with progress_bar(quiet=quiet or as_json) as progress:
        planned = plan_pilot(request, made, _prior(prior, progress), output, progress)
        planned = write_planned(planned, request, made, output, metadata or [], progress)

    def show(console: "Console") -> None:
        _show_plan(console, planned)

    print_report(as_json, planned.to_json, show)
    if not quiet:
        say(f"Wrote {output / 'pilot.yaml'} and its launch files.")


@app.command("collect")
def collect_command(
    plan: Annotated[
        Path, typer.Argument(help="pilot.yaml, made by `thresher pilot plan`.", show_default=False)
    ],
    logs: Annotated[
        list[Path],
        typer.Argument(help="Logs and evaluations of the runs, or their folders.", show_default=False),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Run table to write, .csv or .parquet.", show_default=False)
    ],
    metric: Annotated[
        list[str] | None, typer.Option(help="Instead of the pilot's metric; repeatable.", show_default=False)
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Collect what the pilot runs measured, name what is missing, and print the commands that produce it.

    Example: thresher pilot collect pilots/pilot.yaml logs/ evals/ -o runs.csv
    """
    from dataclasses import asdict

    from thresher.pilots.collect import collect_runs
    from thresher.pilots.pilot_file import read_pilot
    from thresher.runs import write_runs

    with progress_bar(quiet=quiet or as_json) as progress:
        found = collect_runs(
            read_pilot(plan), logs, metrics=tuple(metric) if metric else None, progress=progress
        )
    write_runs(found.table, output)
    content = {
        "rows": len(found.table),
        "pools": list(found.table.pools),
        "metrics": list(found.table.metrics),
        "complete": not found.missing,
        "missing": [{**asdict(one), "epochs": list(one.epochs)} for one in found.missing],
        "findings": [asdict(finding) for finding in found.findings],
        "path": str(output),
    }
    print_report(as_json, lambda: content, lambda console: _show_collected(console, found, output))


def _prior(name: str, progress: Any) -> "Fit":  # noqa: ANN401
    from thresher.examples.published import EXAMPLES, load_example
    from thresher.fits.ensemble import fit_ensemble
    from thresher.fits.saved import read_fit
    from thresher.pilots.plan_pilot import WORLD_REPLICATES

    if name in EXAMPLES:
        return fit_ensemble(load_example(name), replicates=WORLD_REPLICATES, progress=progress)
    return read_fit(Path(name))


def _show_plan(console: "Console", planned: "PlannedPilot") -> None:
    from rich.text import Text

    from thresher.units import format_count, format_percent

    _table(
        console,
        ("run", "unique samples", "evaluated after epochs", "samples", "GPU-hours"),
        [
            (
                run.name, format_count(run.unique_samples), ", ".join(map(str, run.epochs)),
                format_count(run.samples_seen), f"{planned.gpu_hours(run.samples_seen):.3g}",
            )
            for run in planned.pilot.runs
        ],
    )  # fmt: skip
    pilot, design = planned.pilot, planned.chosen.design
    passes = ", ".join(f"{epochs:.3g}" for epochs in planned.chosen.target_epochs)
    first, last = design.pools[0], design.pools[-1]
    fewer = (
        " Designs with as many passes as the target were compared, and tell less at this budget."
        if design.most_epochs < planned.chosen.target_epochs[-1]
        else ""
    )
    again = (
        f" {last.name} is {format_percent(last.share)} of {last.bucket}: beside the smaller pilot it says how half-lives grow "
        "with the samples."
        if design.sizes_differ
        else ""
    )
    cost = pilot.samples_seen
    for line in (
        f"{format_count(cost)} samples in all, {format_percent(cost / pilot.target)} of the target; about "
        f"{planned.gpu_hours(cost):.3g} GPU-hours at {planned.samples_per_gpu_second:g} samples a GPU and second.",
        f"The target passes {passes} times over the best 1, 2, .. buckets; the pilots go to {design.most_epochs} epochs over "
        f"{format_percent(first.share)} of each bucket.{fewer}{again}",
        planned.chosen.verdict,
    ):
        console.print(Text(line))
    _show_recovered(console, planned)


def _show_recovered(console: "Console", planned: "PlannedPilot") -> None:
    """Whether the truth lies in the intervals, and whether they are narrow: two questions, told apart."""
    from rich.text import Text

    from thresher.pilots.recovered import HALF_LIFE_FACTOR, UTILITY_FACTOR

    told = planned.chosen.simulation
    console.print(
        Text(
            "What they tell of each bucket in simulated worlds, by the law that made each; intervals are 5-95 %, so the truth "
            "should be inside in 90 %:"
        )
    )
    headings = (
        "bucket", "utility: truth inside", f"within x{UTILITY_FACTOR:g}", "half-life: truth inside",
        f"within x{HALF_LIFE_FACTOR:g}",
    )  # fmt: skip
    _table(
        console,
        headings,
        [(name, *_recovered(told.utility[name]), *_recovered(told.half_life[name])) for name in told.utility],
    )


def _recovered(found: "Recovered | None") -> tuple[str, str]:
    if found is None:
        return "unknown", "unknown"
    reach = f"x{found.factor:.2f}" if found.factor < WIDEST_SHOWN else "no limit"
    return f"{found.inside:.0%}", f"{found.narrow:.0%} (half within {reach})"


def _table(console: "Console", headings: tuple[str, ...], rows: "Sequence[tuple[str, ...]]") -> None:
    from rich.table import Table
    from rich.text import Text

    listing = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        listing.add_column(heading, overflow="fold")
    for row in rows:
        listing.add_row(*map(Text, row))
    console.print(listing)


def _show_collected(console: "Console", found: "Collected", output: Path) -> None:
    from rich.text import Text

    console.print(Text(f"{len(found.table)} rows of {len(found.table.pools)} pools: wrote {output}."))
    for finding in found.findings:
        console.print(Text(f"{finding.severity}: {finding.message}"))
    if not found.missing:
        console.print("Every planned checkpoint is there.")
        return
    count = sum(len(one.epochs) for one in found.missing)
    console.print(Text(f"{count} planned checkpoints are missing:"))
    for one in found.missing:
        console.print(Text(f"  {one.run}: epoch {', '.join(map(str, one.epochs))}"))
    console.print("These commands, in the pilot's folder, produce them:")
    for one in found.missing:
        console.print(Text(f"  {one.command}"))
