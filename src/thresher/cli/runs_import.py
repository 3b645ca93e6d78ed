"""`thresher runs import`: logs, exports, tables and swarms to one run table."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from thresher.cli.output import (
    Json,
    Quiet,
    console,
    print_findings,
    print_json,
    print_report,
    progress_bar,
    say,
)

if TYPE_CHECKING:
    from rich.console import Console

    from thresher.runs.importing import Imported, ImportOptions
    from thresher.runs.labels import RunLabel

MOST_PARTS = 4
"""Labels that a line names."""
MOST_PASSED = 100
"""Things passed over that JSON names; the rest are counted."""


def import_command(
    paths: Annotated[
        list[Path],
        typer.Argument(help="Logs, evaluations, exports, run tables, or folders; with --swarm two tables."),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="Run table to write, .csv or .parquet; with --guess the mapping.",
            show_default=False,
        ),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            help="For any other table: pool=Name,samples_seen=Step*4096,error=1-top1,.. or a TOML file."
        ),
    ] = None,
    guess: Annotated[
        bool, typer.Option("--guess", help="Draft the mapping of a table for --columns, and import nothing.")
    ] = False,
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
    samples_seen: Annotated[
        str | None,
        typer.Option(help="Samples at the end of each run, where no file says; with --swarm required."),
    ] = None,
    unit: Annotated[
        str | None,
        typer.Option(help="With --swarm or --columns: fraction or loss, where a metric's name does not say."),
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            help="imagenet1k, paper18, average38, a task or a logged name; repeatable.", show_default=False
        ),
    ] = None,
    direction: Annotated[
        str | None, typer.Option(help="higher or lower is better, where a metric's name does not say.")
    ] = None,
    percent: Annotated[bool, typer.Option("--percent", help="Accuracies are in percent.")] = False,
    model: Annotated[str | None, typer.Option(help="Take the runs of this model only.")] = None,
    samples_per_epoch: Annotated[
        str | None, typer.Option(help="What the trainer calls an epoch, in samples.")
    ] = None,
    batch_size: Annotated[str | None, typer.Option(help="Samples of a batch over all devices.")] = None,
    step: Annotated[
        str | None,
        typer.Option(help="What steps in event files and exports count: epochs, batches, samples, tokens."),
    ] = None,
    schedule: Annotated[
        str | None, typer.Option(help="constant, finished or mid-run, where no file says.")
    ] = None,
    exposure: Annotated[str | None, typer.Option(help="epochs or resampled, where no file says.")] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Make a run table from logs of DataComp, open_clip, CLIP_benchmark, TensorBoard, W&B and MLflow.

    Accuracies become errors. What is doubtful about the logs is listed; what cannot be right is refused. What was not
    asked for is passed over, and listed on standard error.

    Any other table with one row per run or per measurement is read with --columns; --guess drafts what to write there.

    A swarm is many small runs on random mixtures: give its shares and its losses, joined on run, run_id or index.

    Example: thresher runs import logs/ evals/ --labels labels.csv -o runs.csv
    """
    from thresher.errors import InputError
    from thresher.runs.importing import ImportOptions, import_runs
    from thresher.runs.passed import passed_count, passed_lines
    from thresher.runs.tasks import IMAGENET
    from thresher.runs.writing import write_runs
    from thresher.units import parse_samples

    def samples(text: str | None, flag: str) -> float | None:
        return parse_samples(text, flag) if text is not None else None

    if guess:
        _guess(paths, output, as_json=as_json)
        return
    if output is None:
        raise InputError("-o is missing. Give the run table to write, for example -o runs.csv.")
    if swarm and columns is not None:
        raise InputError(
            "Give --swarm or --columns, not both; a swarm is two tables with columns of their own."
        )
    if unit is not None and not (swarm or columns is not None):
        raise InputError("--unit goes with --swarm or --columns; for other logs give --direction.")
    options = ImportOptions(
        tuple(metric or (IMAGENET,)),
        model,
        step,
        samples(samples_per_epoch, "--samples-per-epoch"),
        samples(batch_size, "--batch-size"),
        schedule,
        exposure,
        direction,
        percent,
        samples(samples_seen, "--samples-seen"),
    )
    if swarm:
        found = _swarm(paths, options, unique_samples or [], metric, unit)
    else:
        size = None if not unique_samples else unique_samples[-1]
        chosen = _labels(labels, pool, samples(size, "--unique-samples"))
        if columns is not None:
            idle = {"--metric": metric, "--direction": direction, "--percent": percent or None, "--step": step,
                    "--samples-per-epoch": samples_per_epoch, "--batch-size": batch_size,
                    "--samples-seen": samples_seen, "--model": model, "--schedule": schedule, "--exposure": exposure}  # fmt: skip
            given = next((flag for flag, value in idle.items() if value is not None), None)
            if given is not None:
                raise InputError(
                    f"{given} does not go with --columns, which says it in an expression. Leave it out."
                )
            found = _tabled(paths, columns, chosen, unit)
        else:
            with progress_bar(quiet=quiet or as_json) as progress:
                found = import_runs(paths, chosen, options, progress, without=output)
        found = _with_idle_labels(found, chosen)
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
        "passed_over": {
            "count": passed_count(found.passed),
            "first": [asdict(one) for one in found.passed[:MOST_PASSED]],
        },
    }
    for line in passed_lines(found.passed):
        say(line)

    def show(console: "Console") -> None:
        console.print(
            f"{_count(len(found.table), 'row')} of {_count(runs_found, 'run')}, "
            f"{', '.join(found.table.metrics)}: wrote {output}."
        )
        print_findings(console, found.findings)

    print_report(as_json, lambda: content, show)


def _guess(paths: Sequence[Path], output: Path | None, *, as_json: bool) -> None:
    """Write or print the draft of a mapping."""
    from thresher.errors import InputError
    from thresher.files import write_text
    from thresher.runs.guessing import drafted, guess_columns
    from thresher.runs.tabled import UNKNOWN

    if len(paths) != 1:
        raise InputError("--guess takes one table. Give one CSV or Parquet file.")
    guesses = guess_columns(paths[0])
    text = drafted(paths[0], guesses, output)
    if output is not None:
        write_text(output, text)
    open_ = [one.column for one in guesses if one.expression == UNKNOWN]
    if as_json:
        content: dict[str, Any] = {
            "columns": {one.column: None if one.expression == UNKNOWN else one.expression for one in guesses},
            "reasons": {one.column: one.reason for one in guesses},
            "path": None if output is None else str(output),
        }
        print_json(content)
    elif output is None:
        typer.echo(text, nl=False)
    else:
        left = f"to fill in: {', '.join(open_)}" if open_ else "check it"
        console().print(f"Drafted {output}; {left}. Then: --columns {output}")


def _with_idle_labels(found: "Imported", labels: "tuple[RunLabel, ...]") -> "Imported":
    """With a warning of labels that name no run: a slip in a name would leave its runs out."""
    from dataclasses import replace

    from thresher.runs import Finding
    from thresher.runs.labels import idle_labels

    idle = idle_labels(labels, [row.run or "" for row in found.table.rows])
    if not idle:
        return found
    shown = ", ".join(idle[:MOST_PARTS]) + (
        f" and {len(idle) - MOST_PARTS} more" if len(idle) > MOST_PARTS else ""
    )
    warning = Finding("warning", f"Labels that name no imported run: {shown}. Is a name misspelt?")
    return replace(found, findings=(warning, *found.findings))


def _tabled(paths: list[Path], columns: str, labels: "tuple[RunLabel, ...]", unit: str | None) -> "Imported":
    """The run table of any tables."""
    from thresher.runs.importing import Imported
    from thresher.runs.tabled import columns_of, read_tables

    table, passed = read_tables(paths, columns_of(columns), labels, unit=unit)
    return Imported(table, len(table), (), passed)


def _swarm(
    paths: list[Path],
    options: "ImportOptions",
    unique_samples: list[str],
    metrics: list[str] | None,
    unit: str | None,
) -> "Imported":
    """The run table of a swarm, and what is doubtful about it."""
    from thresher.errors import InputError
    from thresher.runs import check_runs
    from thresher.runs.importing import Imported
    from thresher.runs.swarms import import_swarm
    from thresher.units import parse_samples

    if len(paths) != 2:
        raise InputError("--swarm takes two tables, SHARES and LOSSES, in this order.")
    if options.samples_seen is None:
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
    table, passed = import_swarm(
        paths[0],
        paths[1],
        samples_seen=options.samples_seen,
        unique_samples=sizes,
        metrics=metrics,
        model=options.model,
        unit=unit,
        direction=options.direction,
        percent=options.percent,
    )
    return Imported(table, len(table), check_runs(table), passed)


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


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
