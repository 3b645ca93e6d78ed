"""`thresher pilot`: which runs to do before the large one, and what they measured."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from thresher.cli.output import Json, Quiet, print_report, progress_bar, say

if TYPE_CHECKING:
    from thresher.fits.fit import Fit

app = typer.Typer(
    name="pilot",
    help="Pilot runs: designed, launched, collected.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

USUAL_TOP = 4
"""Buckets piloted where nothing else is said; the published curves rank as many pools."""


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
    top: Annotated[
        int | None,
        typer.Option(help="How many of the best buckets to pilot; else 4, or all if there are fewer."),
    ] = None,
    seeds: Annotated[int, typer.Option(help="Runs of each bucket.")] = 1,
    schedule: Annotated[
        str, typer.Option(help="constant, or finished: a run of its own for each length.")
    ] = "constant",
    joint: Annotated[
        bool, typer.Option(help="Train the best three buckets jointly, and more unions where that helps.")
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
    from thresher.cli.pilot_tables import planned_table
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
    made = read_buckets(buckets)
    request = PilotRequest(
        target, paid, min(USUAL_TOP, len(made.buckets)) if top is None else top, seeds, schedule, joint, replicates, seed,
        samples_per_gpu_second,
        Trainer(model, batch_size, gpus, exposure, metric),
        parse_samples(pool_size, "--pool-size") if pool_size else None,
    )  # fmt: skip
    check_request(request, made, output)
    with progress_bar(quiet=quiet or as_json) as progress:
        planned = plan_pilot(request, made, _prior(prior), output, progress)
        planned = write_planned(planned, request, made, output, metadata or [], progress)

    print_report(as_json, planned.to_json, lambda console: planned_table(console, planned))
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

    from thresher.cli.pilot_tables import collected_list
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
    print_report(as_json, lambda: content, lambda console: collected_list(console, found, output))


def _prior(name: str) -> "Fit":
    from thresher.examples.published import EXAMPLES, load_example
    from thresher.fits.fit_file import read_fit
    from thresher.fits.fit_law import fit_law

    return fit_law(load_example(name)) if name in EXAMPLES else read_fit(Path(name))
