"""`thresher demo`: the whole story on published runs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from thresher.cli.output import Json, Quiet, print_report, say

if TYPE_CHECKING:
    from thresher.reports.demo import Demo, JointRun, Story


def demo(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the chart.")] = Path(
        "thresher-demo"
    ),
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Fit published single-bucket runs, predict joint runs that were never fitted, and choose.

    Example: thresher demo -o thresher-demo
    """
    import warnings

    from thresher.errors import ExtrapolationWarning, InputError
    from thresher.reports.demo import demo_document, run_demo
    from thresher.reports.figures import frontier_figure, save_figure

    if output.exists() and not output.is_dir():
        raise InputError(f"{output} is a file; give a folder with -o.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExtrapolationWarning)  # the demo says where it extrapolates itself
        found = run_demo()
    title = "T-MARS buckets of DataComp medium: predicted from single buckets, measured jointly"
    figure = frontier_figure(found.frontier, found.joint.rows, title=title)
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{output} cannot be made: {error.strerror}. Give another folder with -o."
        ) from error
    chart = output / "demo.png"
    save_figure(figure, chart)
    save_figure(figure, output / "demo.html")

    print_report(as_json, lambda: demo_document(found, str(chart)), lambda console: show(console, found))
    if not quiet:
        say(f"Wrote {chart} and {output / 'demo.html'}.")


def show(console: Console, found: "Demo") -> None:
    """Print the story for a person."""
    from thresher.cli.tables import fit_table
    from thresher.units import format_count

    default, paper = found.stories
    console.print(
        "Published runs of Goyal et al., CVPR 2024 (arXiv:2404.07177): ViT-B/32 on DataComp medium, ImageNet "
        "zero-shot error, T-MARS buckets of 12.8M samples."
    )
    console.print()
    console.print("1. Fit: four ranked buckets, each trained alone.", style="bold")
    fit_table(console, default.fit)
    console.print()
    console.print("2. Predict: joint runs of the best 1 to 4 buckets. No fit has seen them.", style="bold")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in (
        "samples seen",
        "pools",
        "measured",
        "predicted",
        "one new run (90 %)",
        "difference",
        "paper's law",
    ):
        table.add_column(column)
    for run, other in zip(default.joint_runs, paper.joint_runs, strict=True):
        gap = run.predicted.error - run.measured.error
        table.add_row(
            format_count(run.measured.samples_seen),
            f"best {len(run.measured.pools)}",
            f"{run.measured.error:.4f}" + ("" if run.scored else " (inferred)"),
            f"{run.predicted.error:.4f}",
            f"{run.predicted.low:.4f} to {run.predicted.high:.4f}",
            f"{gap:+.4f}",
            f"{other.predicted.error:.4f}",
        )
    console.print(table)
    scored = sum(run.scored for run in default.joint_runs)
    console.print(
        f"Root mean square difference over the {scored} points that the figure shows: {default.rmse:.4f} with {default.name}; "
        f"{paper.rmse:.4f} with {paper.name}. The inferred point is left out of every score."
    )
    one = found.one_joint_run
    console.print(
        f"One joint run in the fit (best {len(one.run.pools)} at {format_count(one.run.samples_seen)} samples) would change the "
        f"difference over the {one.later} points beyond it from {one.before:.4f} to {one.after:.4f}, and the choice at "
        f"{one.choices_changed} budgets."
    )
    console.print()
    console.print("3. Choose: the best pool for each budget.", style="bold")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("budget", "default chooses", "measured best", "regret", "paper's law chooses", "regret"):
        table.add_column(column)
    for ours, theirs in zip(default.outcomes, paper.outcomes, strict=True):
        table.add_row(
            format_count(ours.samples_seen),
            _names(ours.chosen),
            _names(ours.measured_best),
            f"{ours.regret:.4f}",
            _names(theirs.chosen),
            f"{theirs.regret:.4f}",
        )
    console.print(table)
    for story in found.stories:
        console.print(_where_wrong(story))
    for crossover in found.frontier.crossovers:
        console.print(
            f"The predicted best choice changes at {format_count(crossover.samples_seen)} samples: {crossover.before.label} to "
            f"{crossover.after.label}."
        )


def _names(pools: tuple[str, ...]) -> str:
    return f"best {len(pools)}"


def _where_wrong(story: "Story") -> str:
    """What one rule got wrong, in a sentence."""
    from thresher.units import format_count

    wrong = [outcome for outcome in story.outcomes if outcome.regret > 0]
    choices = (
        "; ".join(
            f"at {format_count(outcome.samples_seen)} it chooses the {_names(outcome.chosen)} where the "
            f"{_names(outcome.measured_best)} was {outcome.regret:.4f} better"
            for outcome in wrong
        )
        or "none of its choices is wrong"
    )
    direction = "high (too pessimistic)" if story.mean_error > 0 else "low (too optimistic)"
    largest = max((run for run in story.joint_runs if run.scored), key=_absolute_gap)
    return (
        f"Where {story.name} is wrong: {choices}; its levels are {abs(story.mean_error):.4f} too {direction} on average, and "
        f"{_absolute_gap(largest):.4f} off at worst (best {len(largest.measured.pools)} at "
        f"{format_count(largest.measured.samples_seen)}). Mean regret {story.mean_regret:.4f}."
    )


def _absolute_gap(run: "JointRun") -> float:
    return abs(run.predicted.error - run.measured.error)
