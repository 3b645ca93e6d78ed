"""`thresher plan FIT --also FIT2`: one choice for several metrics."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from thresher.budget import Budget
from thresher.cli.output import print_report, say
from thresher.cli.spending import samples_of
from thresher.errors import InputError
from thresher.fits.fit import Fit
from thresher.plans.constraints import Constraints
from thresher.plans.metrics import MetricsPlan, choose_over_metrics
from thresher.plans.saved import write_plans
from thresher.reports.spending import metrics_plans
from thresher.units import format_count, format_number, parse_number


def plan_over_metrics(
    fits: Sequence[Fit],
    budgets: Sequence[Budget],
    metric_weights: str | None,
    limits: Constraints,
    sets: Sequence[Sequence[str]],
    *,
    worst: bool,
    pool_size: float | None,
    output: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Choose, write and print.

    Raises:
        InputError: A flag that goes with one metric only, or what `choose_over_metrics` refuses.
    """
    if not budgets:
        raise InputError("--target is for one metric; give a budget with --also.")
    if limits != Constraints(must=limits.must, never=limits.never):
        raise InputError("With --also, only --must and --never limit the choice; leave other limits out.")
    weights = (
        [parse_number(text, "--metric-weights") for text in metric_weights.split(",")]
        if metric_weights
        else None
    )
    found = choose_over_metrics(
        fits,
        samples_of(budgets),
        weights=weights,
        worst=worst,
        sets=sets,
        pool_size=pool_size,
        must=limits.must,
        never=limits.never,
    )
    document = metrics_plans(found, budgets)
    if output is not None:
        write_plans(document, output)

    def show(console: Console) -> None:
        for plan in found:
            _table(console, plan, worst=worst)

    print_report(as_json, lambda: document, show)
    if output is not None and not quiet:
        say(f"Wrote {output}.")


def _table(console: Console, plan: MetricsPlan, *, worst: bool) -> None:
    goal = "worst regret" if worst else "weighted error"
    table = Table(
        title=f"{format_count(plan.samples_seen)} samples, {len(plan.by_metric)} metrics", title_justify="left", box=None,
        pad_edge=False, header_style="bold",
    )  # fmt: skip
    for column in ("", "trained on", goal, "90 %", "probability best", "expected regret"):
        table.add_column(column, overflow="fold")
    for choice in plan.choices:
        table.add_row(
            "*" if choice is plan.best else "",
            choice.candidate.label,
            f"{choice.error:.4f}",
            f"{choice.low:.4f} to {choice.high:.4f}",
            f"{choice.probability_best:.2f}",
            f"{choice.expected_regret:.4f}",
        )
    console.print(table)
    alone = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("metric", "weight", "best alone", "its error", "error of the joint choice"):
        alone.add_column(column, overflow="fold")
    for one in plan.by_metric:
        weight = "worst" if one.weight is None else format_number(one.weight, 6)
        alone.add_row(one.metric, weight, one.best.label, f"{one.error:.4f}", f"{one.error_of_choice:.4f}")
    console.print(alone)
    console.print(plan.verdict)
