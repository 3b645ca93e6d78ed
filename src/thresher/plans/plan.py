"""The best pool for each budget, beside what simple rules would choose."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from thresher.arguments import argument
from thresher.errors import ExtrapolationWarning, InputError
from thresher.fits.doubts import blocking_doubts, model_warnings, overfitting_warnings
from thresher.fits.fit import Fit
from thresher.fits.forecast import REPEATS, Forecast, forecast, is_resampled
from thresher.fits.predict import extrapolations, find_pools
from thresher.fits.transfer import for_exposure, run_exposures
from thresher.plans.by_metric import MetricChoice, alone_verdict, choices_by_metric
from thresher.plans.candidates import Candidate, candidate, candidates
from thresher.plans.choice import Choice, choices_at, compare, verdict
from thresher.plans.constraints import Constraints
from thresher.plans.evidence import joint_advice
from thresher.plans.mixture import BestMixture, choose_mixture
from thresher.plans.repetition import allowed, why_not, with_most_epochs
from thresher.plans.sensitivity import sensitivity
from thresher.plans.simple_rules import Baseline, baselines, paper_fit
from thresher.pools import Mixture
from thresher.shapes import Float
from thresher.units import check_samples, format_count


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
        weighted: The best mixture over weights, and what it gains; None where no pool is ranked.
        sensitivity: What would be chosen under other assumptions, in sentences.
        advice: What one joint run would settle and what it costs; None where joint runs were fitted.
        warnings: What to doubt.
        exposure: How the law took samples to be drawn, `epochs` or `resampled`; None where neither the runs nor the request say.
        most_epochs: Passes over a pool beyond which nothing was proposed; simple rules may go beyond.
        by_metric: What each metric alone would choose, where the fit is a blend of several.
    """

    samples_seen: float
    best: Choice
    choices: tuple[Choice, ...]
    runner_up: Choice | None
    either: bool
    baselines: tuple[Baseline, ...]
    verdict: str
    weighted: BestMixture | None = None
    sensitivity: tuple[str, ...] = ()
    advice: str | None = None
    warnings: tuple[str, ...] = ()
    exposure: str | None = None
    most_epochs: float = float("inf")
    by_metric: tuple[MetricChoice, ...] = ()

    @property
    def mixture(self) -> Choice | None:
        """The best mixture over weights; the best nested pool where no other weights are offered."""
        return self.weighted.choice if self.weighted else None


def choose_plans(
    fit: Fit,
    samples_seen: Sequence[float],
    *,
    sets: Sequence[Sequence[str]] = (),
    pool_size: float | None = None,
    max_epochs: float | None = None,
    must: Sequence[str] = (),
    never: Sequence[str] = (),
    constraints: Constraints | None = None,
    exposure: str | None = None,
    model: str | None = None,
    model_parameters: float | None = None,
    borrowed: bool = False,
) -> tuple[Plan, ...]:
    """The best pool for each budget, in the order given.

    Args:
        fit: What was fitted.
        samples_seen: Budgets in samples, repeats counted.
        sets: Sets of pools to compare besides the nested top-k ones.
        pool_size: Rows of the metadata table, for the share kept.
        max_epochs: Most passes over any pool; if None, 100, or ten times as many as any run of the fit made.
        must: Pools that every candidate holds.
        never: Pools that no candidate holds.
        constraints: All of these limits and more in one value, instead of `max_epochs`, `must` and `never`. Shares and
            whole repeats limit the mixture alone; the others limit every choice.
        exposure: How training will draw samples, `epochs` or `resampled`; as in the runs if None.
        model: The model that will be trained, to say where half-lives are carried between models.
        model_parameters: Its parameters, to say where language models over-fit.
        borrowed: Whether the fit is of somebody else's runs, which the verdict then says.

    Raises:
        InputError: A budget that no run can have, or constraints that leave nothing.
        ExtrapolationWarning: (as a warning) A choice beyond everything measured.
    """
    if not len(samples_seen):
        raise InputError(f"No {argument('budget')} is given; give one or more, for example 640M.")
    for budget in samples_seen:
        check_samples(budget, argument("budget"))
    if constraints is not None and (max_epochs is not None or must or never):
        raise InputError("Give constraints, or max_epochs, must and never; not both.")
    asked = constraints or Constraints(max_epochs=max_epochs, must=must, never=never)
    find_pools(fit, asked.names)
    options = candidates(fit, sets=sets, pool_size=pool_size, must=asked.must, never=asked.never)
    options = (*options, *_everything(fit, asked, options, max(samples_seen), pool_size))
    fit, doubts = for_exposure(fit, exposure)
    first, doubts = blocking_doubts(fit), (*doubts, *model_warnings(fit, model))
    budgets = np.asarray(samples_seen, dtype=float)
    found = forecast(fit, [option.mixture for option in options], budgets)
    simple = baselines(fit, options, budgets, pool_size=pool_size, paper=paper_fit(fit))
    plans = []
    for at, budget in enumerate(budgets):
        limits = with_most_epochs(fit, asked, float(budget))
        feasible = _feasible(fit, options, limits, asked, float(budget))
        choices = choices_at(found, options, budgets, at, feasible)
        order = sorted(range(len(choices)), key=lambda k: choices[k].expected_regret)
        best, runner_up = choices[order[0]], choices[order[1]] if len(order) > 1 else None
        either = runner_up is not None and runner_up.expected_regret - best.expected_regret < fit.noise_sd
        advice = joint_advice(fit, float(budget), found.of(feasible), at)
        weighted = choose_mixture(
            fit, float(budget), limits, choices, pool_size, asked_epochs=asked.max_epochs
        )
        by_metric = choices_by_metric(fit, found, options, feasible, at, best.candidate)
        sentence = " ".join(
            (
                verdict(fit, best, runner_up, either=either, borrowed=borrowed),
                *_limit_decided(found, options, limits, asked, float(budget), at, feasible),
                *alone_verdict(by_metric, best.candidate),
            )
        )
        mixture = best.candidate.mixture
        plans.append(
            Plan(
                samples_seen=float(budget),
                best=best,
                choices=choices,
                runner_up=runner_up,
                either=either,
                baselines=simple[at],
                verdict=_whole_verdict(fit, sentence, advice, weighted),
                weighted=weighted,
                sensitivity=_sensitivity(fit, found, options, feasible, at, order[0]),
                advice=advice,
                warnings=(
                    *first,
                    *extrapolations(fit, mixture, float(budget)),
                    *overfitting_warnings(fit, mixture, float(budget), model_parameters),
                    *doubts,
                ),
                exposure=_exposure(fit),
                most_epochs=float(limits.max_epochs or 0.0),
                by_metric=by_metric,
            )
        )
    for message in dict.fromkeys(text for plan in plans for text in plan.warnings):
        warnings.warn(message, ExtrapolationWarning, stacklevel=2)
    return tuple(plans)


def _exposure(fit: Fit) -> str | None:
    """What a fit takes exposure to be, where its runs or the request say."""
    if is_resampled(fit):
        return "resampled"
    return "epochs" if fit.exposure is not None or run_exposures(fit) else None


def _everything(
    fit: Fit, asked: Constraints, options: Sequence[Candidate], samples_seen: float, pool_size: float | None
) -> list[Candidate]:
    """All pools together, where none is ranked and the budget wears out each of them alone: so they last longest."""
    limits = with_most_epochs(fit, asked, samples_seen)
    pools = [pool for pool in fit.pools if pool.name not in asked.never and np.isfinite(pool.unique_samples)]
    if fit.ranked or len(pools) < 2 or any(limits.allows(one.mixture, samples_seen) for one in options):
        return []
    every = candidate(pools, pool_size)
    known = {frozenset(one.mixture.names) for one in options}
    return [] if frozenset(every.mixture.names) in known else [every]


def _feasible(
    fit: Fit, options: Sequence[Candidate], limits: Constraints, asked: Constraints, samples_seen: float
) -> list[int]:
    """Which candidates keep to the limits.

    Raises:
        InputError: None does.
    """
    feasible = [i for i, option in enumerate(options) if limits.allows(option.mixture, samples_seen)]
    if not feasible:
        raise _nothing_feasible([one.mixture for one in options], limits, samples_seen, asked.max_epochs)
    return feasible


def _limit_decided(
    found: Forecast,
    options: Sequence[Candidate],
    limits: Constraints,
    asked: Constraints,
    samples_seen: float,
    at: int,
    feasible: Sequence[int],
) -> list[str]:
    """A sentence where another candidate would have been chosen, had no limit kept it out."""
    _, regret = compare(found.errors[:, :, at], found.weights)
    best = int(np.argmin(regret))
    if best in feasible:
        return []
    option = options[best]
    why = why_not(option.mixture, samples_seen, limits, asked.max_epochs)
    return [f"A limit decided this: {option.label} is predicted to be better, but {why}."]


def _whole_verdict(fit: Fit, sentence: str, advice: str | None, weighted: BestMixture | None) -> str:
    """The choice, then what one joint run would settle; where no pool is ranked, the mixture comes first.

    Pools without an order of quality are domains, and nobody trains on one domain alone if a mixture is better.
    """
    if not fit.ranked and weighted is not None and weighted.offered:
        return f"{weighted.verdict} Of single pools: {sentence}"
    return f"{sentence} {advice}" if advice else sentence


def _sensitivity(
    fit: Fit, found: Forecast, options: Sequence[Candidate], feasible: Sequence[int], at: int, best: int
) -> tuple[str, ...]:
    """What would be chosen under other assumptions: every draw with the mean of its doubts of mixing."""
    errors: Float[np.ndarray, "draws candidates"] = found.errors[:, feasible, at]
    by_draw = errors.reshape(-1, REPEATS, len(feasible)).mean(axis=1)
    return sensitivity(fit, by_draw, [options[i].label for i in feasible], best)


def _nothing_feasible(
    mixtures: Sequence[Mixture], limits: Constraints, samples_seen: float, asked: float | None
) -> InputError:
    """What to say where no candidate keeps to the limits: the least that each would have to be."""
    at = f"At {format_count(samples_seen)} samples every candidate needs"
    epochs = min(max(mixture.epochs(samples_seen)) for mixture in mixtures)
    if limits.max_epochs is not None and epochs > limits.max_epochs:
        return InputError(
            f"{at} at least {epochs:.3g} epochs, more than {allowed(limits.max_epochs, asked)}. Raise that, or add pools."
        )
    size = min(mixture.unique_samples for mixture in mixtures)
    if limits.storage is not None and not np.isfinite(size):
        return InputError(
            f"Every candidate holds a pool that never repeats (inf), which no {argument('storage')} holds; leave it out."
        )
    if limits.storage is not None and size > limits.storage:
        return InputError(
            f"{at} at least {format_count(size)} unique samples, more than {argument('storage')} of "
            f"{format_count(limits.storage)}. Raise it, or name a smaller set to compare."
        )
    count = min(len(mixture.pools) for mixture in mixtures)
    if limits.at_most is not None and count > limits.at_most:
        return InputError(
            f"{at} at least {count} pools, more than {argument('at_most', limits.at_most)}. Raise it."
        )
    given = {"max_epochs": limits.max_epochs, "storage": limits.storage, "at_most": limits.at_most}
    clash = " and ".join(argument(name) for name, limit in given.items() if limit is not None)
    return InputError(
        f"At {format_count(samples_seen)} samples no candidate meets {clash} together; relax one of them."
    )


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
