"""Answers as tables for a terminal; every number has its unit in the heading."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from thresher.backtests.ranking import Ranking
from thresher.fits.doubts import blocking_doubts
from thresher.fits.fit import Fit, LawKind, PoolReport
from thresher.fits.predict import Prediction
from thresher.fits.reports import PASSES
from thresher.pilots.next_run import NextRuns
from thresher.plans.choice import Choice
from thresher.plans.constraints import SLACK
from thresher.plans.frontier import Frontier
from thresher.plans.plan import Plan
from thresher.plans.simple_rules import Baseline
from thresher.units import format_count, format_error, format_number

MOST_FINDINGS = 6
"""Findings about single pools that a fit prints."""
METRICS_ACROSS = 5
"""Metrics beside each other in one table."""
MOST_CHOICES = 10
"""Candidates that a plan shows; --json has all."""
MOST_RUNS = 12
"""Rows of the table of next runs."""


def fit_table(console: Console, fit: Fit, ranking: Ranking | None = None) -> None:
    """Worth, half-life and utility of every pool, what a repetition is worth, and what to doubt."""
    print_blocking(console, fit)
    default = fit.law is LawKind.DEFAULT
    worth = ["worth (90 %)"] if default else []
    tau = ["half-life, epochs"] if any(report.half_life is not None for report in fit.reports) else []
    utility = ["utility b"] if any(report.utility is not None for report in fit.reports) else []
    table = _table(
        f"{fit.metric}: {_law_name(fit)}", ["pool", "unique", *worth, *tau, *utility, "runs", "verdict"]
    )
    for report in fit.reports:
        table.add_row(
            report.pool.name,
            "endless"
            if report.pool.unique_samples == float("inf")
            else format_count(report.pool.unique_samples),
            *([_worth(report)] if default else []),
            *([_half_life(report)] if tau else []),
            *([f"{report.utility:.3f}" if report.utility is not None else "-"] if utility else []),
            str(report.runs),
            ", ".join(dict.fromkeys(finding.verdict.value for finding in report.findings)) or "ok",
        )
    console.print(table)
    if any(len(set(report.worth_by_pass)) > 1 for report in fit.reports):
        console.print("Worth of a sample at each pass over its pool:")
        console.print(_passes_table(fit))
    console.print(
        f"Residual {format_error(fit.rmse)} (root mean square), noise of one run {format_error(fit.noise_sd)}, "
        f"both in {_unit(fit)}; "
        f"{fit.joint_rows} joint rows fitted."
    )
    if default and any(report.utility is not None for report in fit.reports):
        console.print("Utility b is that of the paper's law, fitted to the runs of each pool alone.")
    if ranking is not None:
        console.print(_ranking_words(ranking))
    if fit.dropped_rows:
        console.print(f"{fit.dropped_rows} rows end before the first epoch and were dropped (--from-epoch).")
    findings = [finding.message for report in fit.reports for finding in report.findings]
    for text in (*fit.notes, *findings[:MOST_FINDINGS]):
        console.print(f"- {text}")
    if len(findings) > MOST_FINDINGS:
        console.print(f"- {len(findings) - MOST_FINDINGS} more findings like these are in --json.")
    for text in fit.warnings:
        console.print(f"Warning: {text}")


def blend_table(console: Console, fit: Fit, rankings: Sequence[Ranking | None]) -> None:
    """What each metric's law says, where several are fitted together."""
    print_blocking(console, fit)
    table = _table(fit.metric, ["metric", "times", "residual", "mixing power r (90 %)", "Spearman, left out"])
    for part, weight, ranking in zip(fit.parts, fit.part_weights, rankings, strict=True):
        power = next((one for one in part.shared if one.name == "power"), None)
        table.add_row(
            part.metric,
            format_number(weight),
            format_error(part.rmse),
            f"{format_number(power.value)} ({_range(power.interval, '.2f')})" if power else "-",
            f"{ranking.spearman:.3f}" if ranking else "-",
        )
    console.print(table)
    names = [pool.name for pool in fit.pools]
    worths: dict[str, list[str]] = {report.pool.name: [] for report in fit.parts[0].reports}
    for part in fit.parts:
        for report in part.reports:
            worths[report.pool.name].append(format_number(report.worth))
    for first in range(0, len(fit.parts), METRICS_ACROSS):
        some = slice(first, first + METRICS_ACROSS)
        table = _table(
            "Worth of each pool for each metric", ["pool", *(part.metric for part in fit.parts[some])]
        )
        for name in names:
            table.add_row(name, *worths[name][some])
        console.print(table)
    for text in fit.warnings:
        console.print(f"Warning: {text}")


def _ranking_words(ranking: Ranking) -> str:
    other = (
        f" LightGBM, the regressor of RegMix, ranks them with {ranking.boosted:.3f}."
        if ranking.boosted is not None
        else ""
    )
    return (
        f"Left out a tenth at a time, the {ranking.runs} runs are ranked with a Spearman correlation of {ranking.spearman:.3f}, "
        f"{format_error(ranking.rmse)} off (root mean square).{other}"
    )


def print_blocking(console: Console, fit: Fit) -> None:
    """What has to be settled before any choice is believed, ahead of everything else."""
    for text in blocking_doubts(fit):
        console.print(f"Settle this first: {text}")


def _passes_table(fit: Fit) -> Table:
    """What a sample of each pool is worth when it is seen again."""
    passes = [f"pass {k}" for k in PASSES]
    table = _table("", ["pool", *passes])
    for report in fit.reports:
        table.add_row(report.pool.name, *(f"{value:.3f}" for value in report.worth_by_pass))
    return table


def predictions_table(console: Console, predictions: Sequence[Prediction]) -> None:
    """Predicted errors, one budget a row."""
    table = _table(
        "", ["pools", "weights", "samples seen", "epochs of each pool", "error", "one new run (90 %)"]
    )
    for one in predictions:
        table.add_row(
            " + ".join(one.mixture.names),
            ", ".join(format_number(weight) for weight in one.mixture.weights),
            format_count(one.samples_seen),
            ", ".join(format_number(epochs) for epochs in one.epochs),
            format_error(one.error),
            f"{format_error(one.low)} to {format_error(one.high)}",
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
        shown = plan.choices if len(plan.choices) <= MOST_CHOICES else _least_regret(plan)
        for choice in shown:
            table.add_row(
                "*" if choice is plan.best else "",
                choice.candidate.label,
                format_number(max(choice.epochs)),
                format_error(choice.error),
                f"{format_error(choice.low)} to {format_error(choice.high)}",
                f"{choice.probability_best:.2f}",
                f"{choice.expected_regret:.4f}",
            )
        console.print(table)
        rules = [_rule(rule, plan) for rule in plan.baselines if rule.error is not None]
        if rules:
            console.print(f"Simple rules, predicted error: {'; '.join(rules)}.")
        if plan.by_metric:
            console.print(_by_metric(plan))
        console.print(plan.verdict)
        if plan.weighted and plan.weighted.verdict not in plan.verdict:
            console.print(plan.weighted.verdict)
        for text in plan.sensitivity:
            console.print(f"- {text}")


def _rule(rule: Baseline, plan: Plan) -> str:
    """A simple rule and its error, marked where it repeats data more often than any choice may."""
    epochs = max(rule.candidate.mixture.epochs(plan.samples_seen)) if rule.candidate is not None else 0.0
    mark = f" (at {epochs:.3g} epochs)" if epochs > plan.most_epochs * (1 + SLACK) else ""
    return f"{rule.name} {rule.error:.4f}{mark}"


def _by_metric(plan: Plan) -> Table:
    """What each metric alone would choose, and what the joint choice costs it."""
    table = _table("", ["metric", "weight", "best alone", "its error", "error of the joint choice"])
    for one in plan.by_metric:
        weight = "worst" if one.weight is None else f"{one.weight:g}"
        table.add_row(one.metric, weight, one.best.label, f"{one.error:.4f}", f"{one.error_of_choice:.4f}")
    return table


def _least_regret(plan: Plan) -> list[Choice]:
    """The candidates of least expected regret, in their order."""
    best = sorted(plan.choices, key=lambda choice: choice.expected_regret)[:MOST_CHOICES]
    return [choice for choice in plan.choices if choice in best]


def frontier_table(console: Console, frontier: Frontier) -> None:
    """The best choice at a few budgets, and every budget at which it changes."""
    table = _table("", ["budget, samples", "train on", "error", "one new run (90 %)", "probability best"])
    every = max(1, len(frontier.points) // 10)
    for point in frontier.points[::every]:
        table.add_row(
            format_count(point.samples_seen),
            point.candidate.label,
            format_error(point.error),
            f"{format_error(point.low)} to {format_error(point.high)}",
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


def next_table(console: Console, found: NextRuns) -> None:
    """Candidate runs by what they are worth."""
    table = _table(
        f"Runs that would help to choose at {format_count(found.target)} samples",
        ["train on", "unique samples", "samples to train", "regret falls by", "per billion samples", ""],
    )
    for run in found.runs[:MOST_RUNS]:
        table.add_row(
            run.label,
            "endless"
            if run.mixture.unique_samples == float("inf")
            else format_count(run.mixture.unique_samples),
            format_count(run.samples_seen),
            f"{run.regret_reduction:.5f}",
            f"{run.regret_reduction / run.cost * 1e9:.4f}",
            "repeat" if run.repeats_a_run else "",
        )
    console.print(table)
    console.print(found.verdict)


def _table(title: str, columns: Sequence[str]) -> Table:
    table = Table(title=title or None, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _law_name(fit: Fit) -> str:
    kernels = " and ".join(law.kernel for law in fit.laws)
    if fit.law is LawKind.PAPER:
        return f"the paper's law, kernel {kernels}"
    return f"one law, kernel{'s' if len(fit.laws) > 1 else ''} {kernels}"


def _worth(report: PoolReport) -> str:
    if report.worth_interval is None or report.worth_interval[0] == report.worth_interval[1]:
        return f"{report.worth:.3f}"
    return f"{report.worth:.3f} ({_range(report.worth_interval, '.2f')})"


def _half_life(report: PoolReport) -> str:
    if report.half_life is None or report.half_life_interval is None:
        return "none"
    return f"{format_number(report.half_life)} ({' to '.join(map(format_number, report.half_life_interval))})"


def _range(interval: tuple[float, float], form: str) -> str:
    return f"{interval[0]:{form}} to {interval[1]:{form}}"


def _unit(fit: Fit) -> str:
    return "loss" if fit.unit == "loss" else "error (fraction)"
