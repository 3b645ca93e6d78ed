"""Pilots as people see them: the runs, what the simulation told, what was collected."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from thresher.cli.output import print_findings
from thresher.pilots.collect import Collected
from thresher.pilots.plan_pilot import PlannedPilot
from thresher.pilots.recovered import HALF_LIFE_FACTOR, WORTH_FACTOR, Recovered
from thresher.units import format_count, format_number, format_percent, format_times

WIDEST_SHOWN = 100.0
"""An interval that reaches further than this factor has no limit to speak of."""


def planned_table(console: Console, planned: PlannedPilot) -> None:
    """The runs of a pilot, what they cost, and what the simulation told."""
    _table(
        console,
        ("run", "unique samples", "evaluated after epochs", "samples", "GPU-hours"),
        [
            (
                run.name, format_count(run.unique_samples), ", ".join(map(str, run.epochs)),
                format_count(run.samples_seen), format_number(planned.gpu_hours(run.samples_seen)),
            )
            for run in planned.pilot.runs
        ],
    )  # fmt: skip
    pilot, design = planned.pilot, planned.chosen.design
    passes = ", ".join(format_number(epochs) for epochs in planned.chosen.target_epochs)
    fewer = (
        " Smaller parts, passed over as often as the target does, would learn or tell less at this budget."
        if design.most_epochs < planned.chosen.target_epochs[-1]
        else ""
    )
    unions = [" + ".join(run.pools) for run in pilot.runs if len(run.pools) > 1]
    mixing = (
        f"Trained jointly: {', '.join(dict.fromkeys(unions))}. This shows how buckets mix; the fit uses it like every other run."
        if unions
        else "No run is joint, so how buckets mix stays an assumption."
    )
    cost = pilot.samples_seen
    for line in (
        f"{format_count(cost)} samples in all, {format_percent(cost / pilot.target)} of the target; about "
        f"{format_number(planned.gpu_hours(cost))} GPU-hours at "
        f"{format_number(planned.samples_per_gpu_second, 6)} samples per second per GPU.",
        f"The target passes {passes} times over the best 1, 2, .. buckets; the pilots go to {design.most_epochs} epochs over "
        f"{format_percent(design.pools[0].share)} of each bucket.{fewer}",
        mixing,
        planned.chosen.verdict,
    ):
        console.print(line)
    _show_recovered(console, planned)


def _show_recovered(console: Console, planned: PlannedPilot) -> None:
    """Whether the truth lies in the intervals, and whether they are narrow: two questions, told apart."""
    told = planned.chosen.simulation
    console.print(
        "What they tell of each bucket in simulated worlds: the worth of its samples, in samples of the best bucket, and its "
        "half-life, in epochs over the pilot's part. A 90 % interval should hold the true value in 90 % of worlds; fewer do "
        "where buckets mix otherwise than the law says. It is narrow enough to use if it reaches no further than a factor of "
        f"{format_number(WORTH_FACTOR, 6)} for a worth and {format_number(HALF_LIFE_FACTOR, 6)} for a "
        "half-life either way; the median reach is given."
    )
    best, *_ = told.worth
    _table(
        console,
        ("bucket", "worth inside", "narrow", "reach", "half-life inside", "narrow", "reach"),
        [
            (name, *(("is 1", "", "") if name == best else _recovered(told.worth[name])), *_recovered(told.half_life[name]))
            for name in told.worth
        ],
    )  # fmt: skip


def _recovered(found: Recovered | None) -> tuple[str, str, str]:
    if found is None:
        return "unknown", "", ""
    reach = format_times(found.factor) if found.factor < WIDEST_SHOWN else "no limit"
    return format_percent(found.inside, 2), format_percent(found.narrow, 2), reach


def _table(console: Console, headings: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    listing = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        listing.add_column(heading, overflow="fold")
    for row in rows:
        listing.add_row(*row)
    console.print(listing)


def collected_list(console: Console, found: Collected, output: Path) -> None:
    """What was collected, what is doubtful, and what is missing with the commands that make it."""
    console.print(f"{len(found.table)} rows of {len(found.table.pools)} pools: wrote {output}.")
    print_findings(console, found.findings)
    if not found.missing:
        console.print("Every planned checkpoint is there.")
        return
    count = sum(len(one.epochs) for one in found.missing)
    console.print(f"{count} planned checkpoints are missing:")
    for one in found.missing:
        console.print(f"  {one.run}: epoch {', '.join(map(str, one.epochs))}")
    console.print("These commands, in the pilot's folder, produce them:")
    for one in found.missing:
        console.print(f"  {one.command}")
