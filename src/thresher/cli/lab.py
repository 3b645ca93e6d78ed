"""`thresher lab`: real pilot and joint runs on this machine."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from thresher.cli.output import Json, Quiet, print_report, progress_bar, say, say_warnings, shown_as_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from thresher.lab.findings import Findings, Outcome
    from thresher.lab.run import Laboratory

app = typer.Typer(
    name="lab", help="Real runs on this machine, end to end.", no_args_is_help=True, rich_markup_mode=None
)


@app.callback()
def lab() -> None:
    """Real runs on this machine, end to end."""


@app.command("run")
def run_command(
    minutes: Annotated[
        float,
        typer.Option(
            help="At most about how long on two idle cores (open_clip: longer); decides how much is trained; from 0.5."
        ),
    ] = 5.0,
    icons: Annotated[
        Path | None, typer.Option(help="An unpacked @iconify/json, instead of fetching one.")
    ] = None,
    source: Annotated[
        str, typer.Option(help="iconify (fetched with npm, 105 MB), wheels (with pip, 18 MB), or auto.")
    ] = "auto",
    trainer: Annotated[str, typer.Option(help="own or open_clip.")] = "own",
    seed: Annotated[int, typer.Option(help="Decides everything that is random.")] = 0,
    processes: Annotated[
        int | None, typer.Option(help="How many train at once.  [default: one a core]", show_default=False)
    ] = None,
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for all results.")] = Path(
        "thresher-lab"
    ),
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train a small CLIP on icons and their names: single quality buckets, a forecast from them, joint runs to check it.

    Interrupted, the same command goes on where it was.

    Example: thresher lab run --minutes 5 -o thresher-lab
    """
    from thresher.lab.report import CHART, lab_document, write_report
    from thresher.lab.run import Request, run_laboratory

    request = Request(minutes, seed, source, icons, trainer, processes)
    with say_warnings(), progress_bar(quiet=quiet) as progress:
        done = run_laboratory(
            request, output, notice=(lambda text: None) if quiet else say, progress=progress
        )
        write_report(done, output, as_text(done))
    print_report(as_json, lambda: lab_document(done), lambda console: show(console, done))
    if not quiet:
        say(f"Wrote {output / CHART} and all that leads to it in {output}.")


def as_text(done: "Laboratory") -> str:
    """What a person is shown, as text."""
    return shown_as_text(lambda console: show(console, done))


def show(console: "Console", done: "Laboratory") -> None:
    """Print a laboratory for a person."""
    from thresher.cli.tables import fit_table
    from thresher.units import format_count

    data, design, found = done.data, done.design, done.findings
    families = {one.family for one in data.sets if one.role == "evaluation"}
    teachers = " and ".join(f"{error:.3f}" for error in done.teacher_errors)
    sizes = f"1 to {len(found.fixed_regrets)}"
    console.print(
        f"Icons of {data.source} with their names; trainer {done.request.trainer}, seed {done.request.seed}. A pool of "
        f"{len(data.pool):,} pairs in {len(done.buckets.names)} buckets by the mean score of two teachers (trained on "
        f"{len(data.teacher):,} other pairs; errors {teachers}). Zero-shot error over {len(data.evaluation.classes)} classes and "
        f"{len(data.evaluation):,} icons of {len(families)} held-out families."
    )
    console.print()
    console.print(f"1. Fit: each of the best buckets trained alone, {design.runs} seeds.", style="bold")
    fit_table(console, found.forecast.fit)
    console.print()
    console.print(
        f"2. Check: the best {sizes} buckets jointly, {design.runs} seeds. Mean measured error ± its standard error over seeds "
        "(predicted).",
        style="bold",
    )
    _outcomes_table(console, found)
    for sentence in sentences(found, format_count):
        console.print(sentence)
    console.print(
        f"{design.samples:,} samples trained on in all; this command took {done.seconds:.0f} seconds."
    )


def _outcomes_table(console: "Console", found: "Findings") -> None:
    from rich.table import Table

    from thresher.units import format_count

    table = Table(box=None, pad_edge=False, header_style="bold")
    sizes = len(found.fixed_regrets)
    for column in ("budget", *(f"best {kept}" for kept in range(1, sizes + 1)), "chosen", "best", "regret"):
        table.add_column(column)
    for one in found.outcomes:
        cells = zip(one.measured, one.standard_error, one.predicted, strict=True)
        table.add_row(
            format_count(one.samples_seen),
            *(f"{error:.4f} ±{spread:.4f} ({predicted:.3f})" for error, spread, predicted in cells),
            str(one.chosen),
            f"{one.best}{'' if one.clearly_best else '?'}",
            f"{one.regret(one.chosen):.4f}",
        )
    console.print(table)
    console.print(
        "'?': not better than every other pool by two standard errors of the difference. Best 1 is a single bucket; the fit has "
        f"seen its measurements up to {format_count(max(row.samples_seen for row in found.forecast.fit.rows))} samples."
    )


def sentences(found: "Findings", count: "Callable[[float], str]") -> list[str]:
    """What the table says, and where the forecast was wrong."""
    rises = [
        f"from best {before} (at {count(at)}) to best {after} (at {count(later)})"
        for before, at, after, later in found.rises
    ]
    said = [
        f"The measured best pool rises {len(rises)} times, each beyond two standard errors of the difference: {'; '.join(rises)}."
        if rises
        else "The measured best pool does not rise beyond two standard errors of the difference."
    ]
    direction = "too pessimistic" if found.mean_gap > 0 else "too optimistic"
    said.append(
        f"Predicted levels are off by {found.root_mean_square:.4f} (root mean square), {abs(found.mean_gap):.4f} {direction} on "
        "average."
    )
    wrong = [one for one in found.outcomes if one.chosen != one.best]
    said += [_wrong(one, count) for one in wrong] or ["Every choice was the measured best."]
    fixed = found.fixed_regrets
    each = ", ".join(f"best {kept} {regret:.4f}" for kept, regret in enumerate(fixed, start=1))
    rule = fixed.index(min(fixed)) + 1
    verdict = (
        f"thresher's choices are better than any fixed number of buckets, of which best {rule} is best"
        if found.mean_regret < min(fixed)
        else f"always keeping the best {rule} would have been as good or better"
    )
    said.append(f"Mean regret {found.mean_regret:.4f}; of fixed rules: {each}. So {verdict}.")
    return said


def _wrong(one: "Outcome", count: "Callable[[float], str]") -> str:
    import math

    spread = math.hypot(one.standard_error[one.chosen - 1], one.standard_error[one.best - 1])
    errors = f"{one.regret(one.chosen) / spread:.1f} standard errors" if spread else "no spread over seeds"
    return (
        f"Wrong at {count(one.samples_seen)}: it chose best {one.chosen} ({100 * one.probability:.0f} % sure); best {one.best} "
        f"measured {one.regret(one.chosen):.4f} less ({errors})."
    )
