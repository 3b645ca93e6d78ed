"""The best pool for each budget, beside what simple rules would choose."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from thresher.errors import ExtrapolationWarning, InputError
from thresher.fits.fit import Fit
from thresher.fits.predict import draw_errors, expected_errors, extrapolations, run_interval
from thresher.plans.candidates import FIXED_KEEP, Candidate, candidate, candidates, keep_fraction, nested
from thresher.shapes import Float
from thresher.units import check_samples, format_count


@dataclass(frozen=True)
class Choice:
    """One candidate at one budget.

    Attributes:
        error: Predicted error.
        low: 5 % point of the error of one new run.
        high: 95 % point.
        probability_best: Weighted share of draws in which its noise-free error is least.
        expected_regret: Mean excess over the best candidate of each draw.
    """

    candidate: Candidate
    samples_seen: float
    error: float
    low: float
    high: float
    probability_best: float
    expected_regret: float

    @property
    def epochs(self) -> tuple[float, ...]:
        """Passes over each pool."""
        return self.candidate.mixture.epochs(self.samples_seen)


@dataclass(frozen=True)
class Baseline:
    """What a simple rule would choose, and its predicted error; None where the rule cannot be applied."""

    name: str
    error: float | None


@dataclass(frozen=True)
class Plan:
    """The choice for one budget.

    Attributes:
        best: The candidate of least expected regret.
        choices: All candidates, nested ones first in rank order.
        runner_up: The next best; None where there is only one candidate.
        either: Whether the runner-up's expected excess is below the noise of one run.
        baselines: Simple rules.
        verdict: One sentence for a person.
        warnings: What to doubt.
    """

    samples_seen: float
    best: Choice
    choices: tuple[Choice, ...]
    runner_up: Choice | None
    either: bool
    baselines: tuple[Baseline, ...]
    verdict: str
    warnings: tuple[str, ...] = ()


def choose_plans(
    fit: Fit,
    samples_seen: Sequence[float],
    *,
    sets: Sequence[Sequence[str]] = (),
    pool_size: float | None = None,
    max_epochs: float | None = None,
    must: Sequence[str] = (),
    never: Sequence[str] = (),
) -> tuple[Plan, ...]:
    """The best pool for each budget, in the order given.

    Args:
        fit: What was fitted.
        samples_seen: Budgets in samples, repeats counted.
        sets: Sets of pools to compare besides the nested top-k ones.
        pool_size: Rows of the metadata table, for the share kept.
        max_epochs: Most passes over any pool.
        must: Pools that every candidate holds.
        never: Pools that no candidate holds.

    Raises:
        InputError: A budget that no run can have, or constraints that leave nothing.
        ExtrapolationWarning: (as a warning) A choice beyond everything measured.
    """
    if not len(samples_seen):
        raise InputError("No budget is given; give one or more, for example --budget 640M.")
    for budget in samples_seen:
        check_samples(budget, "--budget")
    if max_epochs is not None and not max_epochs > 0:
        raise InputError(f"--max-epochs is {max_epochs:g}; it must be positive.")
    options = candidates(fit, sets=sets, pool_size=pool_size, must=must, never=never)
    simple = _baselines(fit, pool_size)
    budgets = np.asarray(samples_seen, dtype=float)
    mixtures = [option.mixture for option in options]
    expected = expected_errors(fit, mixtures, budgets)
    draws, weights = draw_errors(fit, mixtures, budgets)
    low, high = run_interval(draws, weights, fit.noise_sd)
    rules = (
        expected_errors(fit, [rule.mixture for _, rule in simple if rule], budgets)
        if simple
        else np.empty((0, 0))
    )
    plans = []
    for at, budget in enumerate(budgets):
        feasible = [
            i
            for i, option in enumerate(options)
            if max_epochs is None or max(option.mixture.epochs(budget)) <= max_epochs * (1 + 1e-9)
        ]
        if not feasible:
            least = min(max(option.mixture.epochs(budget)) for option in options)
            raise InputError(
                f"At {format_count(budget)} samples every candidate needs at least {least:.3g} epochs, more than --max-epochs "
                f"{max_epochs:g}. Raise it, or rank more pools."
            )
        share, regret = compare(draws[:, feasible, at], weights)
        choices = tuple(
            Choice(
                options[i],
                float(budget),
                float(expected[i, at]),
                float(max(low[i, at], 0.0)),
                float(high[i, at]),
                float(share[k]),
                float(regret[k]),
            )
            for k, i in enumerate(feasible)
        )
        plans.append(_plan(fit, float(budget), choices, _with_errors(simple, rules[:, at])))
    for message in dict.fromkeys(text for plan in plans for text in plan.warnings):
        warnings.warn(message, ExtrapolationWarning, stacklevel=2)
    return tuple(plans)


def choose_plan(fit: Fit, samples_seen: float, *, pool_size: float | None = None) -> Plan:
    """The best nested pool for one budget; `choose_plans` takes constraints and several budgets.

    Args:
        fit: What was fitted.
        samples_seen: Budget in samples, repeats counted.
        pool_size: Rows of the metadata table, for the share kept.

    Raises:
        InputError: A budget that no run can have.
    """
    return choose_plans(fit, [samples_seen], pool_size=pool_size)[0]


def compare(
    errors: Float[np.ndarray, "draws candidates"], weights: Float[np.ndarray, " draws"]
) -> tuple[Float[np.ndarray, " candidates"], Float[np.ndarray, " candidates"]]:
    """Probability of being best, and expected regret, of each candidate; ties share the draw."""
    least = errors.min(axis=1, keepdims=True)
    first = errors <= least
    share = weights @ (first / first.sum(axis=1, keepdims=True))
    return share, weights @ (errors - least)


def _plan(fit: Fit, budget: float, choices: tuple[Choice, ...], baselines: tuple[Baseline, ...]) -> Plan:
    order = sorted(choices, key=lambda choice: choice.expected_regret)
    best, runner_up = order[0], order[1] if len(order) > 1 else None
    either = runner_up is not None and runner_up.expected_regret - best.expected_regret < fit.noise_sd
    return Plan(
        samples_seen=budget,
        best=best,
        choices=choices,
        runner_up=runner_up,
        either=either,
        baselines=baselines,
        verdict=_verdict(fit, best, runner_up, either=either),
        warnings=extrapolations(fit, best.candidate.mixture, budget),
    )


def _verdict(fit: Fit, best: Choice, runner_up: Choice | None, *, either: bool) -> str:
    unit = "loss" if fit.unit == "loss" else "error"
    found = (
        f"predicted {unit} {best.error:.4f} ({best.low:.4f} to {best.high:.4f}), best with probability "
        f"{best.probability_best:.2f}"
    )
    at = f"At {format_count(best.samples_seen)} samples"
    if runner_up is None:
        return f"{at}: {best.candidate.label} is the only candidate, {found}."
    behind = runner_up.expected_regret - best.expected_regret
    if either:
        return (
            f"{at} either {best.candidate.label} or {runner_up.candidate.label}: they differ by {behind:.4f}, below the noise "
            f"of one run ({fit.noise_sd:.4f}); the first has {found}."
        )
    return (
        f"{at} train on {best.candidate.label}: {found}; {runner_up.candidate.label} is {behind:.4f} worse."
    )


def _baselines(fit: Fit, pool_size: float | None) -> list[tuple[str, Candidate | None]]:
    """Simple rules by name, and what each would train on."""
    longest = max(row.samples_seen for row in fit.rows)
    last = [row for row in fit.rows if row.samples_seen == longest]
    ranked = {pool.name for pool in fit.ranked} or {pool.name for pool in fit.pools}
    eligible = [row for row in last if row.pool in ranked]
    winner = min(eligible, key=lambda row: row.error).pool if eligible else None
    best_pilot = candidate([pool for pool in fit.pools if pool.name == winner], pool_size) if winner else None
    everything = candidate(nested(fit)[-1], pool_size) if fit.ranked else None
    return [
        ("best pool at the largest pilot run", best_pilot),
        ("keep everything ranked", everything),
        (f"keep {100 * FIXED_KEEP:.0f} %", keep_fraction(fit, FIXED_KEEP, pool_size)),
    ]


def _with_errors(
    rules: Sequence[tuple[str, Candidate | None]], errors: Float[np.ndarray, " known_rules"]
) -> tuple[Baseline, ...]:
    known = iter(errors)
    return tuple(Baseline(name, float(next(known)) if rule else None) for name, rule in rules)
