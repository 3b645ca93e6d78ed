"""The flags of `thresher plan` that say how much may be spent, as budgets."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich.console import Console

from thresher.arguments import as_flags
from thresher.budget import Budget, check_batch, training_flops
from thresher.errors import InputError
from thresher.fits.fit import Fit
from thresher.fits.transfer import for_exposure
from thresher.plans.candidates import candidates
from thresher.plans.constraints import Constraints
from thresher.plans.gain import Gain, compute_gains
from thresher.plans.plan import Plan
from thresher.plans.target import Target, find_target
from thresher.units import format_count, format_times, parse_number, parse_samples

FLAGS = {
    "samples_seen": "--budget",
    "passes": "--passes-over-pool",
    "flops": "--flops",
    "gpu_hours": "--gpu-hours",
    "cost": "--cost",
    "pool_size": "--pool-size",
    "flops_per_sample": "--flops-per-sample",
    "samples_per_second": "--samples-per-second",
    "rate": "--rate",
    "batch_size": "--batch-size",
    "scoring": "--scoring-cost",
    "pilots": "--pilot-cost",
}
"""The flag of every field of a budget."""


@dataclass(frozen=True)
class BudgetFlags:
    """The flags as typed; None where one was not given."""

    samples_seen: Sequence[str] | None = None
    passes: Sequence[str] | None = None
    flops: Sequence[str] | None = None
    gpu_hours: Sequence[str] | None = None
    cost: Sequence[str] | None = None
    target: str | None = None
    probability: str = "0.5"
    model: str | None = None
    flops_per_sample: str | None = None
    samples_per_second: str | None = None
    rate: str | None = None
    scoring_cost: str | None = None
    pilot_cost: str | None = None
    batch_size: str | None = None

    @property
    def unit(self) -> str:
        """The one way in which the budget is stated; `target` where it is what is asked for.

        Raises:
            InputError: None or several are given.
        """
        ways = ("samples_seen", "passes", "flops", "gpu_hours", "cost", "target")
        given = [way for way in ways if getattr(self, way)]
        if len(given) != 1:
            names = [FLAGS.get(way, "--target") for way in ways]
            shown = " and ".join(FLAGS.get(way, "--target") for way in given) or "none of them"
            raise InputError(f"Give exactly one of {', '.join(names)}; this has {shown}.")
        return given[0]


def read_budgets(flags: BudgetFlags, pool_size: float | None) -> tuple[Budget, ...]:
    """Budgets in the order given; none where a target is asked for instead.

    Raises:
        InputError: What `Budget` refuses, or a budget below one batch.
    """
    unit = flags.unit
    if unit == "target":
        return ()
    with as_flags(**FLAGS):
        return tuple(_budget(flags, unit, text, pool_size) for text in getattr(flags, unit))


def samples_of(budgets: Sequence[Budget]) -> list[float]:
    """Whole samples that each budget trains on."""
    return [float(math.floor(budget.training_samples + 0.5)) for budget in budgets]


def target_budget(samples_seen: float, flags: BudgetFlags) -> Budget:
    """The budget, in samples, that a target was found to need."""
    unused = ("flops_per_sample", "samples_per_second", "rate", "scoring_cost", "pilot_cost")
    for name in unused:
        if getattr(flags, name) is not None:
            raise InputError(f"--{name.replace('_', '-')} has no meaning with --target; leave it out.")
    return Budget(samples_seen=math.ceil(samples_seen))


def _budget(flags: BudgetFlags, unit: str, text: str, pool_size: float | None) -> Budget:
    parse = parse_samples if unit == "samples_seen" else parse_number
    per_sample = _number(flags.flops_per_sample, "--flops-per-sample")
    if unit == "flops" and per_sample is None:
        if flags.model is None:
            raise InputError("--flops needs --model, one of the table of FLOPs, or --flops-per-sample.")
        per_sample = training_flops(flags.model)
    budget = Budget(
        **{unit: parse(text, FLAGS[unit])},
        pool_size=pool_size if unit == "passes" else None,
        flops_per_sample=per_sample,
        samples_per_second=_number(flags.samples_per_second, "--samples-per-second"),
        rate=_number(flags.rate, "--rate"),
        scoring=_number(flags.scoring_cost, "--scoring-cost") or 0.0,
        pilots=_number(flags.pilot_cost, "--pilot-cost") or 0.0,
    )
    if flags.batch_size is not None:
        check_batch(budget.training_samples, parse_number(flags.batch_size, "--batch-size"))
    return budget


def _number(text: str | None, flag: str) -> float | None:
    return None if text is None else parse_number(text, flag)


def read_target(
    flags: BudgetFlags,
    fit: Fit,
    limits: Constraints,
    sets: Sequence[Sequence[str]],
    *,
    pool_size: float | None,
    exposure: str | None,
) -> Target | None:
    """The cheapest budget that reaches `--target`; None where budgets are given instead.

    Raises:
        InputError: The target cannot be reached, or no candidate keeps to the limits.
    """
    if flags.target is None:
        return None
    options = candidates(fit, sets=sets, pool_size=pool_size, must=limits.must, never=limits.never)
    of_sets = replace(limits, max_epochs=None)  # how far each may be searched is the next question
    kept = [option for option in options if of_sets.allows(option.mixture, 1.0)]
    if not kept:
        raise InputError("No candidate keeps to --at-most and --storage; relax one of them.")
    return find_target(
        for_exposure(fit, exposure)[0],
        kept,
        parse_number(flags.target, "--target"),
        probability=parse_number(flags.probability, "--probability"),
        max_epochs=limits.max_epochs,
    )


def gains_of(
    fit: Fit, found: Sequence[Plan], *, pool_size: float | None, exposure: str | None
) -> tuple[tuple[Gain, ...], ...]:
    """Compute-equivalent gains of each plan."""
    exposed = for_exposure(fit, exposure)[0]
    return tuple(compute_gains(exposed, plan, pool_size=pool_size) for plan in found)


def print_budgets(console: Console, budgets: Sequence[Budget], reached: Target | None) -> None:
    """What budgets in other units than samples buy, and what a target takes."""
    for budget in budgets:
        if budget.unit != "samples_seen" or budget.scoring or budget.pilots:
            console.print(budget.describe())
    if reached is not None:
        console.print(reached.verdict)
        needs = [
            f"{option.label}: {'never' if needed is None else format_count(needed)}"
            for option, needed in reached.others
        ]
        if needs:
            console.print(f"The others need: {'; '.join(needs)}.")


def print_gains(console: Console, gains: Sequence[Gain]) -> None:
    """How much more compute simple rules would need."""
    shown = [f"{one.name}: {_times(one.gain)} ({_times(one.low)} to {_times(one.high)})" for one in gains]
    if shown:
        console.print(f"For the same error, compute that simple rules need (90 %): {'; '.join(shown)}.")


def _times(gain: float | None) -> str:
    return "never" if gain is None else format_times(gain)
