"""Answers as tables for a terminal; every number has its unit in the heading."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from thresher.fits.fit import Fit, PoolReport
from thresher.fits.predict import Prediction
from thresher.pilots.next_run import NextRuns
from thresher.pilots.recovery import Recovery
from thresher.plans.frontier import Frontier
from thresher.plans.plan import Plan
from thresher.units import format_count

MOST_RUNS = 12
"""Rows of the table of next runs."""


def fit_table(console: Console, fit: Fit) -> None:
    """Utility and half-life of every pool, and what to doubt."""
    table = _table(
        f"{fit.metric}: {_law_name(fit)}",
        [
            "pool",
            "unique samples",
            "utility b (90 %)",
            "worth q",
            "half-life, epochs (90 %)",
            "runs",
            "verdict",
        ],
    )
    for report in fit.reports:
        table.add_row(
            report.pool.name,
            format_count(report.pool.unique_samples),
            f"{report.utility:.3f} ({_range(report.utility_interval, '.3f')})",
            f"{report.worth:.3f}",
            _half_life(report),
            str(report.runs),
            ", ".join(finding.verdict.value for finding in report.findings) or "ok",
        )
    console.print(table)
    console.print(
        f"Residual {fit.rmse:.4f} (root mean square), noise of one run {fit.noise_sd:.4f}, both in {_unit(fit)}."
    )
    if fit.dropped_rows:
        console.print(f"{fit.dropped_rows} rows end before the first epoch and were dropped (--from-epoch).")
    if fit.joint_rows and len(fit.members) == 1:
        console.print(f"{fit.joint_rows} joint rows were left out: they never enter utility or half-life.")
    for text in (*fit.notes, *(finding.message for report in fit.reports for finding in report.findings)):
        console.print(f"- {text}")
    for text in fit.warnings:
        console.print(f"Warning: {text}")


def predictions_table(console: Console, predictions: Sequence[Prediction]) -> None:
    """Predicted errors, one budget a row."""
    table = _table(
        "", ["pools", "weights", "samples seen", "epochs of each pool", "error", "one new run (90 %)"]
    )
    for one in predictions:
        table.add_row(
            " + ".join(one.mixture.names),
            ", ".join(f"{weight:.3g}" for weight in one.mixture.weights),
            format_count(one.samples_seen),
            ", ".join(f"{epochs:.3g}" for epochs in one.epochs),
            f"{one.error:.4f}",
            f"{one.low:.4f} to {one.high:.4f}",
        )
    console.print(table)


def plans_table(console: Console, plans: Sequence[Plan]) -> None:
    """Every candidate at every budget, the verdicts, and simple rules beside them."""
    for plan in plans:
        table = _table(
            f"{format_count(plan.samples_seen)} samples",
            [
                "",
                "trained on",
                "epochs",
                "error",
                "one new run (90 %)",
                "probability best",
                "expected regret",
            ],
        )
        for choice in plan.choices:
            table.add_row(
                "*" if choice is plan.best else "",
                choice.candidate.label,
                f"{max(choice.epochs):.3g}",
                f"{choice.error:.4f}",
                f"{choice.low:.4f} to {choice.high:.4f}",
                f"{choice.probability_best:.2f}",
                f"{choice.expected_regret:.4f}",
            )
        console.print(table)
        rules = [f"{rule.name} {rule.error:.4f}" for rule in plan.baselines if rule.error is not None]
        console.print(f"Simple rules, predicted error: {'; '.join(rules)}.")
        console.print(plan.verdict)
        if plan.weighted:
            console.print(plan.weighted.verdict)
        for text in plan.sensitivity:
            console.print(f"- {text}")


def frontier_table(console: Console, frontier: Frontier) -> None:
    """The best choice at a few budgets, and every budget at which it changes."""
    table = _table("", ["budget, samples", "train on", "error", "one new run (90 %)", "probability best"])
    every = max(1, len(frontier.points) // 10)
    for point in frontier.points[::every]:
        table.add_row(
            format_count(point.samples_seen),
            point.candidate.label,
            f"{point.error:.4f}",
            f"{point.low:.4f} to {point.high:.4f}",
            f"{point.probability_best:.2f}",
        )
    console.print(table)
    for crossover in frontier.crossovers:
        low = format_count(crossover.low) if crossover.low else "below the range"
        high = format_count(crossover.high) if crossover.high else "above the range"
        console.print(
            f"From {format_count(crossover.samples_seen)} samples (90 %: {low} to {high}) the best choice is "
            f"{crossover.after.label} instead of {crossover.before.label}."
        )
    if not frontier.crossovers:
        console.print("The best choice is the same at every budget of this range.")


def next_table(console: Console, found: NextRuns, recoveries: tuple[Recovery, Recovery] | None) -> None:
    """Candidate runs by what they are worth, and whether half-lives can be recovered."""
    table = _table(
        f"Runs that would help to choose at {format_count(found.target)} samples",
        ["train on", "unique samples", "samples to train", "regret falls by", "per billion samples", ""],
    )
    for run in found.runs[:MOST_RUNS]:
        table.add_row(
            " + ".join(run.mixture.names),
            format_count(run.mixture.unique_samples),
            format_count(run.samples_seen),
            f"{run.regret_reduction:.5f}",
            f"{run.regret_reduction / run.cost * 1e9:.4f}",
            "repeat" if run.repeats_a_run else "",
        )
    console.print(table)
    console.print(found.verdict)
    if recoveries:
        now, longer = recoveries
        shares = ", ".join(
            f"{name} {share:.0%} now, {longer.identified[name]:.0%} with a run twice as long"
            for name, share in now.identified.items()
        )
        console.print(f"Half-lives bounded from both sides in {now.simulations} simulated tables: {shares}.")


def _table(title: str, columns: Sequence[str]) -> Table:
    table = Table(title=title or None, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _law_name(fit: Fit) -> str:
    if len(fit.members) > 1:
        return f"ensemble of {len(fit.members)} laws"
    member = fit.members[0]
    best = member.parameters
    return (
        f"kernel {member.kernel}, mixing {member.mixing}, kappa {member.kappa:g}, floor {best.floor[0]:.3g}, "
        f"amplitude {best.amplitude[0]:.4g}, onset {format_count(float(best.onset[0]))} samples"
    )


def _half_life(report: PoolReport) -> str:
    if report.half_life is None or report.half_life_interval is None:
        return "none"
    return f"{report.half_life:.2f} ({_range(report.half_life_interval, '.3g')})"


def _range(interval: tuple[float, float], form: str) -> str:
    return f"{interval[0]:{form}} to {interval[1]:{form}}"


def _unit(fit: Fit) -> str:
    return "loss" if fit.unit == "loss" else "error (fraction)"
