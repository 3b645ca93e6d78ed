"""`thresher runs`: run tables, read and judged."""

from collections.abc import Mapping
from dataclasses import asdict
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from thresher.cli.output import Json, Quiet, print_findings, print_report, progress_bar

if TYPE_CHECKING:
    from rich.console import Console

    from thresher.runs import Finding, PoolSummary, RunSummary
    from thresher.runs.importing import Imported
    from thresher.runs.labels import RunLabel

MOST_MIXTURES = 12
"""Mixtures that a person is shown; a swarm has hundreds."""
MOST_PARTS = 4
"""Pools of one mixture that are named in a line."""

app = typer.Typer(
    name="runs",
    help="Run tables: what training runs measured.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.callback()
def runs() -> None:
    """Run tables: what training runs measured."""


@app.command()
def check(
    runs: Annotated[list[Path], typer.Argument(help="Run tables, CSV or Parquet; several are put together.")],
    where: Annotated[
        str | None,
        typer.Option(help="Rows to look at, for example: model = ViT-B-32 and samples_seen >= 100M."),
    ] = None,
    unit: Annotated[
        str | None, typer.Option(help="fraction or loss, for metrics ending in neither _error nor _loss.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what is wrong or risky in run tables, in words.

    Values that cannot be right are refused (exit status 2). Doubtful ones are listed, the worst first.

    Example: thresher runs check pilot.csv joint.csv --where 'model = ViT-B-32'
    """
    from thresher.runs import check_runs, read_runs, summarise_runs

    table = read_runs(*runs, where=where, unit=unit)
    summary, findings = summarise_runs(table), check_runs(table)
    print_report(
        as_json, lambda: _content(summary, findings), lambda console: _show(console, summary, findings)
    )


@app.command("import")
def import_command(
    paths: Annotated[
        list[Path],
        typer.Argument(help="Logs, evaluations, exports, run tables, or folders; with --swarm two tables."),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Run table to write, .csv or .parquet.", show_default=False)
    ],
    labels: Annotated[
        Path | None, typer.Option(help="CSV: run (a name or pattern), pool, unique_samples, rank, ..")
    ] = None,
    pool: Annotated[str | None, typer.Option(help="Pool that every run was trained on.")] = None,
    unique_samples: Annotated[
        list[str] | None,
        typer.Option(help="With --pool: its distinct samples. With --swarm: POOL=N; repeatable."),
    ] = None,
    swarm: Annotated[
        bool,
        typer.Option("--swarm", help="The paths are a table of shares and one of losses, one row per run."),
    ] = False,
    samples_seen: Annotated[str | None, typer.Option(help="With --swarm: samples of each run.")] = None,
    unit: Annotated[
        str | None, typer.Option(help="With --swarm: fraction or loss, where a metric's name does not say.")
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            help="imagenet1k, paper18, average38, a task or a logged name; repeatable.", show_default=False
        ),
    ] = None,
    model: Annotated[str | None, typer.Option(help="Take the runs of this model only.")] = None,
    samples_per_epoch: Annotated[
        str | None, typer.Option(help="What the trainer calls an epoch, in samples.")
    ] = None,
    batch_size: Annotated[str | None, typer.Option(help="Samples of a batch over all devices.")] = None,
    step: Annotated[
        str | None,
        typer.Option(help="What steps in event files and exports count: epochs, batches, samples."),
    ] = None,
    schedule: Annotated[
        str | None, typer.Option(help="constant, finished or mid-run, where no file says.")
    ] = None,
    exposure: Annotated[str | None, typer.Option(help="epochs or resampled, where no file says.")] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Make a run table from logs of DataComp, open_clip, CLIP_benchmark, TensorBoard, W&B and MLflow.

    Accuracies become errors. What is doubtful about the logs is listed; what cannot be right is refused.

    A swarm is many small runs on random mixtures: give its shares and its losses, joined on run, run_id or index.

    Example: thresher runs import logs/ evals/ --labels labels.csv -o runs.csv
    """
    from thresher.errors import InputError
    from thresher.runs.importing import ImportOptions, import_runs
    from thresher.runs.tasks import IMAGENET
    from thresher.runs.writing import write_runs
    from thresher.units import parse_samples

    def samples(text: str | None, flag: str) -> float | None:
        return parse_samples(text, flag) if text is not None else None

    options = ImportOptions(
        tuple(metric or (IMAGENET,)),
        model,
        step,
        samples(samples_per_epoch, "--samples-per-epoch"),
        samples(batch_size, "--batch-size"),
        schedule,
        exposure,
    )
    if swarm:
        found = _swarm(
            paths, samples(samples_seen, "--samples-seen"), unique_samples or [], metric, model, unit
        )
    else:
        if samples_seen is not None or unit is not None:
            raise InputError("--samples-seen and --unit go with --swarm; other logs say both.")
        size = None if not unique_samples else unique_samples[-1]
        chosen = _labels(labels, pool, samples(size, "--unique-samples"))
        with progress_bar(quiet=quiet or as_json) as progress:
            found = import_runs(paths, chosen, options, progress)
    write_runs(found.table, output)
    runs_found = len({row.run_key for row in found.table.rows})
    content = {
        "rows": len(found.table),
        "runs": runs_found,
        "pools": list(found.table.pools),
        "metrics": list(found.table.metrics),
        "models": list(found.table.models),
        "path": str(output),
        "findings": [asdict(finding) for finding in found.findings],
    }

    def show(console: "Console") -> None:
        console.print(
            f"{_count(len(found.table), 'row')} of {_count(runs_found, 'run')}, "
            f"{', '.join(found.table.metrics)}: wrote {output}."
        )
        print_findings(console, found.findings)

    print_report(as_json, lambda: content, show)


def _swarm(
    paths: list[Path],
    samples_seen: float | None,
    unique_samples: list[str],
    metrics: list[str] | None,
    model: str | None,
    unit: str | None,
) -> "Imported":
    """The run table of a swarm, and what is doubtful about it."""
    from thresher.errors import InputError
    from thresher.runs import check_runs
    from thresher.runs.importing import Imported
    from thresher.runs.swarms import read_swarm
    from thresher.units import parse_samples

    if len(paths) != 2:
        raise InputError("--swarm takes two tables, SHARES and LOSSES, in this order.")
    if samples_seen is None:
        raise InputError("--swarm needs --samples-seen, the samples that each run saw, for example 1B.")
    sizes = {}
    for text in unique_samples:
        name, separator, size = text.rpartition("=")
        if not separator or not name.strip():
            raise InputError(f"--unique-samples {text!r}: with --swarm write POOL=N, for example code=2B.")
        if name.strip() in sizes:
            raise InputError(f"--unique-samples gives {name.strip()!r} twice; give each pool once.")
        sizes[name.strip()] = (
            float("inf") if size.strip() == "inf" else parse_samples(size, "--unique-samples")
        )
    table = read_swarm(
        paths[0],
        paths[1],
        samples_seen=samples_seen,
        unique_samples=sizes,
        metrics=metrics,
        model=model,
        unit=unit,
    )
    return Imported(table, len(table), check_runs(table))


def _labels(file: Path | None, pool: str | None, unique_samples: float | None) -> "tuple[RunLabel, ...]":
    from thresher.errors import InputError
    from thresher.runs.labels import RunLabel, read_labels

    if (pool is None) != (unique_samples is None):
        raise InputError("--pool and --unique-samples go together: a pool is known by its name and its size.")
    if file is not None and pool is not None:
        raise InputError("Give --labels or --pool, not both; --labels names the pool of every run.")
    if file is not None:
        return read_labels(file)
    return (RunLabel("*", pool, unique_samples),) if pool is not None and unique_samples is not None else ()


def _content(summary: "RunSummary", findings: "tuple[Finding, ...]") -> Mapping[str, Any]:
    pools = [
        {**asdict(pool), "unique_samples": pool.unique_samples if pool.unique_samples < inf else None}
        for pool in summary.pools
    ]
    return {**asdict(summary), "pools": pools, "findings": [asdict(finding) for finding in findings]}


def _show(console: "Console", summary: "RunSummary", findings: "tuple[Finding, ...]") -> None:
    from rich.table import Table

    singles = [pool for pool in summary.pools if not pool.joint]
    mixtures = [pool for pool in summary.pools if pool.joint]
    blocking = [finding for finding in findings if finding.severity == "blocking"]
    print_findings(console, blocking)
    trained = [
        _count(len(found), noun) for found, noun in ((singles, "pool"), (mixtures, "mixture")) if found
    ]
    models = f", {_count(len(summary.models), 'model')}" if summary.models else ""
    console.print(
        f"{_count(summary.rows, 'row')} of {' and '.join(trained)}, {', '.join(summary.metrics)}{models}"
    )
    listing = Table(box=None, pad_edge=False)
    for heading in ("pool", "rank", "rows", "unique samples", "epochs", "error"):
        listing.add_column(heading, justify="left" if heading == "pool" else "right", overflow="fold")
    for pool in (*singles, *mixtures[:MOST_MIXTURES]):
        listing.add_row(*_cells(pool))
    console.print(listing)
    if len(mixtures) > MOST_MIXTURES:
        console.print(f"and {_count(len(mixtures) - MOST_MIXTURES, 'more mixture')}; --json lists all.")
    print_findings(console, findings[len(blocking) :])
    if not findings:
        console.print("Nothing risky was found.")


def _cells(pool: "PoolSummary") -> tuple[str, ...]:
    from thresher.units import format_count

    return (
        _short(pool.pool),
        "" if pool.rank is None else str(pool.rank),
        str(pool.rows),
        format_count(pool.unique_samples),
        _range(pool.epochs),
        _range(pool.error, 4),
    )


def _short(pool: str) -> str:
    names = pool.split("+")
    if len(names) <= MOST_PARTS:
        return pool
    return "+".join(names[:MOST_PARTS]) + f" and {_count(len(names) - MOST_PARTS, 'more pool')}"


def _range(bounds: tuple[float, float], digits: int = 3) -> str:
    from thresher.units import format_number

    low, high = (format_number(bound, digits) for bound in bounds)
    return low if low == high else f"{low} to {high}"


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
