"""Fit a law to a run table: the default, or the paper's."""

import math
from collections.abc import Sequence

import numpy as np

from thresher.arguments import argument
from thresher.errors import FitError, InputError
from thresher.fits import default_law, paper_law
from thresher.fits.default_law import DefaultProblem
from thresher.fits.doubts import run_warnings
from thresher.fits.fit import Fit, LawKind, Reach
from thresher.fits.observations import Observations, observe, row_order
from thresher.fits.paper_law import DEFAULT_NOISE, PaperProblem
from thresher.fits.priors import DEFAULT_KERNELS, IMAGENET_CHANCE, PRIORS, REPEATS, FixedParts
from thresher.fits.reports import default_reports, paper_reports
from thresher.fits.shared_parts import describe_shared, paper_shared
from thresher.fits.solve import Solved, solve
from thresher.fits.union_doubt import joint_information
from thresher.laws.paper import PaperLaw
from thresher.runs import Measurement, RunTable, repeat_noise
from thresher.units import format_number

DRAWS = 80
"""Draws of each kernel."""
FEWEST_REPEATS = 3
"""Degrees of freedom from which the noise of a run is taken from repeats with another seed."""
LEAST_EXCESS = 1e-3
"""Share of an error that lies above the floor, below which it tells nothing of the excess."""
ABOVE_CHANCE = 0.05
"""An untrained model may measure this much worse than guessing, on few classes or few images."""


def fit_law(
    runs: RunTable,
    *,
    law: LawKind | str = LawKind.DEFAULT,
    kernel: str | None = None,
    power: float | None = None,
    kappa: float | None = None,
    floor: float | None = None,
    onset: float | None = None,
    amplitude: float | None = None,
    chance: float = IMAGENET_CHANCE,
    draws: int = DRAWS,
    seed: int = 0,
    unit: str | None = None,
) -> Fit:
    """The law of every pool and of how pools mix, with draws of what else the runs and the priors allow.

    Args:
        runs: Runs of one metric and model, single and joint. The paper's law takes the single ones only.
        law: `default`, or `paper` for Theorem 1 with a utility and a half-life for each pool.
        kernel: How repeats count, to fix it; see `thresher.laws.KERNELS`.
        power: r, how pools mix, to fix it.
        kappa: How half-lives grow with unique samples, to fix it.
        floor: Irreducible error, in the unit of the metric, to fix it.
        onset: n0, in samples, to fix it; of fractions only.
        amplitude: A, in the unit of the metric, to fix it; of the paper's law only.
        chance: Error of guessing, for fractions; no prediction exceeds it.
        draws: Draws of each kernel, for intervals and probabilities.
        seed: Seed of the draws; the same seed gives the same fit.
        unit: `fraction` or `loss` where the metric's name does not say.

    Raises:
        FitError: Runs that cannot tell anything apart.
        InputError: An unknown name or a value out of range.
    """
    try:
        kind = LawKind(law)
    except ValueError as error:
        raise InputError(f"There is no law {law!r}; laws are {' and '.join(LawKind)}.") from error
    fixed = FixedParts(kernel=kernel, power=power, kappa=kappa, floor=floor, onset=onset, amplitude=amplitude)
    if not runs.rows:
        raise FitError(f"{runs.name} has no runs to fit. Add pilot runs of each pool.")
    unit = unit or runs.unit
    _check(runs, unit, chance, draws, seed)
    top = chance if unit == "fraction" else None
    if kind is LawKind.PAPER:
        return _fit_paper(runs, fixed, unit, top, draws, seed)
    observed = observe(runs.rows, unknown_is_resampled=fixed.resampled)
    problems = [
        DefaultProblem(observed, name, top, PRIORS[unit], fixed) for name in _kernels(observed, fixed)
    ]
    default_law.check_fixed(problems[0])
    solved = [
        solve(problem, draws=draws, rng=np.random.default_rng([seed, at]))
        for at, problem in enumerate(problems)
    ]
    weights = tuple(DEFAULT_KERNELS.get(problem.kernel, 1.0) for problem in problems)
    weights = tuple(weight / math.fsum(weights) for weight in weights)
    misfit = math.sqrt(math.fsum(weight * one.misfit**2 for weight, one in zip(weights, solved, strict=True)))
    laws = tuple(problem.law(one.theta) for problem, one in zip(problems, solved, strict=True))
    fitted = sum(
        weight * law.take(slice(0, 1)).errors(observed.settings)[0]
        for weight, law in zip(weights, laws, strict=True)
    )
    converged = all(one.converged for one in solved)
    shared, notes = describe_shared(problems[0], laws, weights)
    reports = default_reports(observed, laws, weights, PRIORS[unit], _utilities(runs, unit, top), converged)
    rmse = _root_mean_square(np.asarray(fitted), observed)
    return Fit(
        law=kind,
        metric=runs.metrics[0],
        unit=unit,
        chance=top,
        noise_sd=_noise(runs.rows, unit, rmse),
        pools=observed.pools,
        laws=laws,
        weights=weights,
        misfit=misfit,
        seed_sd=observed.seed_sd,
        rmse=rmse,
        rows=tuple(sorted(runs.rows, key=row_order)),
        reach=reach_of(observed, _joint_information(problems[0], solved[0], misfit)),
        reports=reports,
        shared=shared,
        dropped_rows=runs.dropped_rows,
        notes=notes,
        warnings=run_warnings(runs.rows, observed, [law.kernel for law in laws], top),
    )


def _fit_paper(
    runs: RunTable, fixed: FixedParts, unit: str, chance: float | None, draws: int, seed: int
) -> Fit:
    singles = runs.singles.rows
    if not singles:
        raise FitError(
            "The paper's law is fitted to runs of single pools, and the table has none. Fit the default law instead: "
            f"leave {argument('law')} out."
        )
    observed = observe(singles, unknown_is_resampled=fixed.resampled)
    problem, solved = _solve_paper(observed, singles, fixed, chance, draws, seed)
    law = problem.law(solved.theta)
    fitted = law.take(slice(0, 1)).errors(observed.settings)[0]
    rmse = _root_mean_square(fitted, observed)
    noise_sd = _noise(singles, unit, rmse)
    shared, notes = paper_shared(problem, law)
    reports = paper_reports(observed, law, solved.converged)
    joint = len(runs.rows) - len(singles)
    return Fit(
        law=LawKind.PAPER,
        metric=runs.metrics[0],
        unit=unit,
        chance=chance,
        noise_sd=noise_sd,
        pools=observed.pools,
        laws=(law,),
        weights=(1.0,),
        misfit=max(noise_sd, rmse) / float(observed.error.mean()),
        seed_sd=observed.seed_sd,
        rmse=rmse,
        rows=tuple(sorted(singles, key=row_order)),
        reach=reach_of(observed, np.zeros((len(observed.pools),) * 2)),
        reports=reports,
        shared=shared,
        dropped_rows=runs.dropped_rows,
        notes=(*notes, f"{joint} joint rows do not enter the paper's law.") if joint else notes,
        warnings=run_warnings(singles, observed, [law.kernel], chance),
    )


def _solve_paper(
    observed: Observations,
    singles: Sequence[Measurement],
    fixed: FixedParts,
    chance: float | None,
    draws: int,
    seed: int,
) -> tuple[PaperProblem, Solved]:
    noise, freedom = repeat_noise(singles)
    problem = PaperProblem(
        observed, chance, fixed, noise if freedom >= FEWEST_REPEATS and noise > 0 else None
    )
    paper_law.check_fixed(problem)
    return problem, solve(problem, draws=draws, rng=np.random.default_rng([seed, 100]))


def _utilities(runs: RunTable, unit: str, chance: float | None) -> tuple[tuple[str, ...], PaperLaw] | None:
    """The paper's law beside the default, for its utilities; None where single-pool runs are too few for it."""
    singles = runs.singles.rows
    try:
        observed = observe(singles)
        problem, solved = _solve_paper(observed, singles, FixedParts(), chance, DRAWS // 2, 0)
    except InputError:
        return None
    return tuple(pool.name for pool in observed.pools), problem.law(solved.theta)


def _kernels(observed: Observations, fixed: FixedParts) -> tuple[str, ...]:
    """The kernel that is fixed; else the default ones, or the first of them alone where no run repeats."""
    if fixed.kernel is not None:
        return (fixed.kernel,)
    repeats = bool(np.any(observed.settings.epochs > REPEATS))
    return tuple(DEFAULT_KERNELS) if repeats else tuple(DEFAULT_KERNELS)[:1]


def _joint_information(problem: DefaultProblem, solved: Solved, misfit: float) -> np.ndarray:
    """What the fitted joint runs tell of the doubt of unions."""
    law = problem.law(solved.theta[:1])
    excess = 1.0 - law.floor[0] / problem.observed.error  # noise is of ln y, the doubt of ln(y - d)
    noise = problem.sd(misfit) / np.maximum(excess, LEAST_EXCESS)
    return joint_information(problem.observed.settings.weights, np.log(law.worth[0]), noise)


def reach_of(observed: Observations, information: np.ndarray) -> Reach:
    """How far the runs go, and what they tell of unions."""
    settings = observed.settings
    trained = settings.used.any(axis=0)
    return Reach(
        largest_run=observed.largest_run,
        most_epochs=float(settings.epochs.max()),
        sizes=tuple(float(size) for size in observed.sizes[trained]),
        widest_mixture=int(settings.used.sum(axis=1).max()),
        largest_shares=tuple(float(share) for share in settings.weights.max(axis=0)),
        joint_information=tuple(tuple(map(float, row)) for row in information),
    )


def _root_mean_square(fitted: np.ndarray, observed: Observations) -> float:
    return float(np.sqrt(np.mean((fitted - observed.error) ** 2)))


def _noise(rows: Sequence[Measurement], unit: str, rmse: float) -> float:
    """Spread of one run between seeds: that of repeats, else the usual one or the residual, whichever is larger."""
    noise, freedom = repeat_noise(rows)
    if freedom >= FEWEST_REPEATS and noise > 0:
        return noise
    least = 1e-12 * math.fsum(row.error for row in rows) / len(rows)  # losses may be of any size
    return max(rmse, DEFAULT_NOISE) if unit == "fraction" else max(rmse, least)


def _check(runs: RunTable, unit: str, chance: float, draws: int, seed: int) -> None:
    for what, found in (("metrics", runs.metrics), ("models", runs.models)):
        if len(found) > 1:
            raise InputError(f"{runs.name} has {len(found)} {what}: {', '.join(found)}. Fit the runs of one.")
    if unit not in PRIORS:
        raise InputError(f"{argument('unit')} is {unit!r}; it is {' or '.join(PRIORS)}.")
    if not 0 < chance <= 1:
        raise InputError(
            f"{argument('chance')} is {format_number(chance, 6)}; it is the error of guessing, a fraction such as 0.999."
        )
    worst = max((row.error for row in runs.rows), default=0.0)
    if unit == "fraction" and worst > chance + ABOVE_CHANCE:
        raise InputError(
            f"{argument('chance')} is {format_number(chance, 6)}, but errors reach {format_number(worst, 6)}; it is the "
            "error of guessing, which no prediction exceeds. "
            f"Give a chance of {format_number(worst, 6)} or more."
        )
    if seed < 0:
        raise InputError(f"{argument('seed')} is {seed}; give a whole number from 0 up.")
    if draws < 0:
        raise InputError(f"draws is {draws}; give 0 or more.")
