"""Fit one law to the single-pool runs of a table."""

import math
from dataclasses import dataclass, replace

import numpy as np

from thresher.errors import FitError, InputError
from thresher.fits.bootstrap import bootstrap
from thresher.fits.choice import (
    DEFAULT_FLOOR,
    DEFAULT_KAPPA,
    DEFAULT_KERNEL,
    DEFAULT_MIXING,
    IMAGENET_CHANCE,
    LawChoice,
    check_chance,
    check_seed,
)
from thresher.fits.curves import HIGHEST_FLOOR, Curves, Sharing
from thresher.fits.fit import Fit, Member, Parameters
from thresher.fits.guards import run_warnings
from thresher.fits.identifiability import describe
from thresher.fits.least_squares import minimise
from thresher.fits.observations import DEFAULT_NOISE_SD, Observations, observe, row_order
from thresher.fits.profiles import profile
from thresher.fits.reports import pool_reports
from thresher.fits.starts import starts
from thresher.laws.kernels import find_kernel
from thresher.runs import RunTable, repeat_noise
from thresher.shapes import Float

AMPLITUDE_PRIOR_SD = 0.1
"""Spread of ln A about ln(chance - d): the curve starts near guessing, up to 10 %."""
FLOOR_POINTS = 9
"""Floors of the coarse search."""
FLOORS_PER_SEARCH = 4
"""Every so many floors the whole grid of starts is searched; those between begin at their neighbour's optimum."""
FLOOR_STARTS = (0.0, 0.5, 0.8, 0.9)
"""Shares of the smallest observed error from which a floor that is a parameter is sought."""
FLOOR_ACCURACY = 1e-4
"""A fitted floor is found to within this share of the highest floor allowed."""
NEAR_GUESSING = 0.02
"""An error this close to guessing may be of a run that has not learned yet; where there is none, curves need no cap."""
REPLICATES = 200
LOG_ONSET_RANGE = (-200.0, 200.0)


@dataclass(frozen=True)
class Point:
    """The optimum of one least-squares problem."""

    curves: Curves
    theta: Float[np.ndarray, " parameters"]
    sum_of_squares: float
    converged: bool

    @property
    def freedom(self) -> int:
        """Measurements less parameters."""
        return self.curves.observations.count - self.curves.size


def fit_law(
    runs: RunTable,
    *,
    kernel: str = DEFAULT_KERNEL,
    mixing: str = DEFAULT_MIXING,
    floor: float | str | None = None,
    kappa: float = DEFAULT_KAPPA,
    onset: float | None = None,
    amplitude: float | None = None,
    chance: float = IMAGENET_CHANCE,
    loss: str = "linear",
    replicates: int = REPLICATES,
    seed: int = 0,
    unit: str | None = None,
) -> Fit:
    """Utility, worth and half-life of every pool under one law, with intervals and replicates.

    Args:
        runs: Runs of one metric and model; joint runs in it are counted and left out.
        kernel: How repeats count; see `thresher.laws.KERNELS`.
        mixing: How pools mix, which decides what they share: `sample_worth` or `utility_mean`.
        floor: Irreducible error d. A number fixes it; `"fit"` finds it between 0 and 0.95 times the smallest
            observed error; None is 0.1 for fractions and `"fit"` for losses.
        kappa: Half-life grows with unique samples to this power.
        onset: n0, in samples, to fix it.
        amplitude: A, in the unit of the metric, to fix it.
        chance: Error of guessing; caps predictions of fractions.
        loss: `linear` for least squares, `soft_l1` to give outliers less pull.
        replicates: Bootstrap refits, for the uncertainty of predictions.
        seed: Seed of the bootstrap.
        unit: `fraction` or `loss` where the metric's name does not say.

    Raises:
        FitError: Too few runs, or runs that never change.
        InputError: An unknown name or a value out of range.
    """
    unit = unit or runs.unit
    choice = LawChoice(kernel, mixing, floor, kappa, onset, amplitude, chance, unit)
    if loss not in ("linear", "soft_l1"):
        raise InputError(f"loss is {loss!r}; it is 'linear' or 'soft_l1'.")
    check_seed(seed)
    if replicates < 0:
        raise InputError(f"replicates is {replicates}; give 0 or more.")
    rows = runs.singles.rows
    if unit == "fraction":
        check_chance(chance, rows)
    repeated, freedom = repeat_noise(rows)
    known_noise = repeated if freedom >= 3 else None
    observations = observe(rows, known_noise or DEFAULT_NOISE_SD)
    point = optimum(observations, choice, soft_l1=loss == "soft_l1")
    scale = residual_scale(
        point, has_noise=known_noise is not None or any(row.standard_error for row in rows)
    )
    noise_sd = known_noise or _noise_from_residuals(point, unit)
    profiles = profile(point.curves, point.theta, point.sum_of_squares, scale)
    parameters = to_parameters(point.curves, point.theta[None], choice)
    if replicates:
        draws = bootstrap(point.curves, point.theta, scale, replicates, seed)
        parameters = parameters.then(to_parameters(point.curves, draws, choice))
    member = Member(kernel, mixing, kappa, 1.0, parameters)
    notes, warnings = describe(point.curves, point.theta, point.sum_of_squares, scale, profiles, choice)
    return Fit(
        metric=runs.metrics[0],
        unit=unit,
        chance=chance if unit == "fraction" else None,
        noise_sd=noise_sd,
        pools=observations.pools,
        members=(member,),
        reports=pool_reports(point.curves, parameters, profiles, converged=point.converged),
        rmse=root_mean_square(point),
        rows=tuple(sorted(rows, key=row_order)),
        dropped_rows=runs.dropped_rows,
        joint_rows=len(runs.joints.rows),
        widest_mixture=widest_mixture(runs),
        notes=notes,
        warnings=(*run_warnings(rows), *warnings),
    )


def optimum(observations: Observations, choice: LawChoice, *, soft_l1: bool = False) -> Point:
    """The best fit of one law; with `floor="fit"` the floor is searched too.

    Raises:
        FitError: More parameters than measurements, or a half-life that nothing can show.
        InputError: The floor is not below every observed error.
    """
    smallest = float(observations.error[observations.used].min())
    floor = (
        choice.floor if choice.floor is not None else DEFAULT_FLOOR if choice.unit == "fraction" else "fit"
    )
    if isinstance(floor, str):
        return _optimum_over_floors(observations, choice, HIGHEST_FLOOR * smallest, soft_l1)
    if not 0 <= floor < smallest:
        raise InputError(
            f"The floor is {floor:g}, but the smallest observed error is {smallest:g}; the irreducible error must be at "
            f"least 0 and below every observed one. Give --floor below {smallest:g}, or --floor fit."
        )
    return _optimum_at(observations, choice, floor, soft_l1)


def optimum_with_floor(observations: Observations, choice: LawChoice) -> Point:
    """The best fit with the floor as one more parameter, so that replicates move along it too.

    Raises:
        FitError: More parameters than measurements, or a half-life that nothing can show.
    """
    smallest = float(observations.error[observations.used].min())
    begun = []
    for share in FLOOR_STARTS:
        fixed = sharing(observations, choice, share * smallest)
        at = Curves(observations, choice.kernel, fixed, share * smallest, choice.kappa)
        found = starts(at)
        begun.append(np.concatenate([found, np.full((len(found), 1), at.floor)], axis=1))
    curves = replace(at, sharing=replace(fixed, free_floor=True))
    _check_count(curves)
    solution = minimise(curves.evaluate, np.concatenate(begun), *curves.bounds)
    best = int(np.argmin(solution.sum_of_squares))
    return Point(
        curves,
        solution.parameters[best],
        float(solution.sum_of_squares[best]),
        bool(solution.converged[best]),
    )


def _optimum_over_floors(
    observations: Observations, choice: LawChoice, highest: float, soft_l1: bool
) -> Point:
    """The best fit over all floors from 0 to `highest`: a coarse grid, then Brent's method in its best bracket."""
    from scipy.optimize import minimize_scalar  # a third of the time of `import thresher`, were it at the top

    grid = np.linspace(0.0, highest, FLOOR_POINTS)
    points: list[Point] = []
    for i, d in enumerate(grid):
        start = None if i % FLOORS_PER_SEARCH == 0 else points[-1].theta
        points.append(_optimum_at(observations, choice, float(d), soft_l1, start))
    best = int(np.argmin([point.sum_of_squares for point in points]))

    def loss(d: float) -> float:
        points.append(_optimum_at(observations, choice, float(d), soft_l1, points[best].theta))
        return points[-1].sum_of_squares

    ends = (grid[max(best - 1, 0)], grid[min(best + 1, FLOOR_POINTS - 1)])
    minimize_scalar(loss, bounds=ends, method="bounded", options={"xatol": FLOOR_ACCURACY * highest})
    return min(points, key=lambda point: point.sum_of_squares)


def _optimum_at(
    observations: Observations,
    choice: LawChoice,
    floor: float,
    soft_l1: bool,
    start: Float[np.ndarray, " parameters"] | None = None,
) -> Point:
    """The best fit at one floor; from `start`, or else from the best basins of a grid."""
    curves = Curves(
        observations, choice.kernel, sharing(observations, choice, floor), floor, choice.kappa, soft_l1
    )
    _check_count(curves)
    lower, upper = curves.bounds
    solution = minimise(curves.evaluate, starts(curves) if start is None else start[None], lower, upper)
    best = int(np.argmin(solution.sum_of_squares))
    return Point(
        curves,
        solution.parameters[best],
        float(solution.sum_of_squares[best]),
        bool(solution.converged[best]),
    )


def sharing(observations: Observations, choice: LawChoice, floor: float) -> Sharing:
    """What the groups share under a choice of law.

    Raises:
        InputError: A fixed amplitude that some observed error exceeds.
    """
    highest = float(observations.error[observations.used].max())
    start = max(choice.chance, highest + 1e-4) - floor if choice.unit == "fraction" else 1.0
    log_amplitude = math.log(choice.amplitude if choice.amplitude is not None else start)
    log_onset = math.log(choice.onset) if choice.onset is not None else None
    unlearned = choice.unit == "fraction" and highest > choice.chance - NEAR_GUESSING
    guessing = choice.chance if unlearned else None
    if choice.mixing == "sample_worth":
        both = choice.amplitude is not None and choice.onset is not None
        return Sharing(True, False, log_amplitude, 0.0, log_onset if both else None, guessing=guessing)
    if choice.unit == "loss" and choice.amplitude is None and choice.onset is None:
        return Sharing(False, False, log_amplitude, 0.0, None)
    if choice.amplitude is not None and choice.amplitude + floor <= highest:
        raise InputError(
            f"Amplitude {choice.amplitude:g} and floor {floor:g} sum to less than the largest observed error, {highest:g}; "
            f"a curve starts at their sum. Give --amplitude above {highest - floor:g}."
        )
    free = choice.amplitude is None and len(observations.groups) >= 3
    return Sharing(
        False, True, log_amplitude, AMPLITUDE_PRIOR_SD if free else 0.0, log_onset, guessing=guessing
    )


def to_parameters(
    curves: Curves, theta: Float[np.ndarray, "draws parameters"], choice: LawChoice
) -> Parameters:
    """Laws of every pool from parameter vectors.

    Where levels are free, either the amplitude or the onset is a convention and the other follows from the
    level of the first group: fractions fix A = chance - d, losses fix n0 = the typical samples seen.
    """
    observations = curves.observations
    at = curves.expand(theta)
    first_level, first_b = at.level[:, 0], at.b[:, 0]
    if curves.sharing.shared_onset or curves.anchored:
        log_A, log_n0 = at.log_A, at.log_n0
    elif choice.onset is not None or (choice.amplitude is None and choice.unit == "loss"):
        log_n0 = np.full(len(theta), math.log(choice.onset) if choice.onset else curves.log_reference)
        log_A = first_level - first_b * (curves.log_reference - log_n0)
    else:
        log_n0 = curves.log_reference - (first_level - at.log_A) / first_b
        log_n0 = np.clip(
            log_n0, *LOG_ONSET_RANGE
        )  # a utility of nearly 0 would put the onset beyond all numbers
        log_A = first_level - first_b * (curves.log_reference - log_n0)
    log_q = (at.level - log_A[:, None]) / at.b - (curves.log_reference - log_n0)[:, None]
    if curves.sharing.shared_onset:
        log_q = np.zeros_like(log_q)
    group = observations.group_of
    tau = np.exp(at.log_tau)[:, group] * observations.pool_size**curves.kappa
    if not find_kernel(curves.kernel).decays:
        tau = np.full_like(tau, np.inf)
    return Parameters(
        np.exp(log_A),
        np.exp(log_n0),
        at.d,
        at.b[:, group],
        np.exp(log_q)[:, group],
        tau,
    )


def widest_mixture(runs: RunTable) -> int:
    """Most pools of any joint run of a table; 1 where there is none."""
    return max((len(row.pools) for row in runs.joints.rows), default=1)


def residual_scale(point: Point, *, has_noise: bool) -> float:
    """Spread of weighted residuals: what the fit leaves, and at least 1 where the noise is known."""
    left = math.sqrt(point.sum_of_squares / point.freedom) if point.freedom > 0 else 1.0
    return max(left, 1.0) if has_noise or point.freedom <= 0 else max(left, 1e-6)


def root_mean_square(point: Point) -> float:
    """Root mean square residual in the unit of the metric."""
    observations = point.curves.observations
    residual = (point.curves.fitted(point.theta[None])[0] - observations.error)[observations.used]
    return float(np.sqrt(np.mean(residual**2)))


def _noise_from_residuals(point: Point, unit: str) -> float:
    observations = point.curves.observations
    residual = (point.curves.fitted(point.theta[None])[0] - observations.error)[observations.used]
    spread = math.sqrt(float(np.sum(residual**2)) / max(point.freedom, 1))
    return max(spread, DEFAULT_NOISE_SD) if unit == "fraction" or point.freedom <= 0 else spread


def _check_count(curves: Curves) -> None:
    observations = curves.observations
    if observations.count < curves.size:
        counts = _counts(observations)
        raise FitError(
            f"{observations.count} runs of {len(observations.pools)} pools ({counts}) cannot fix the {curves.size} parameters of "
            f"this law. Add pilot runs: at least 4 values of samples_seen per pool, two of them past one epoch."
        )
    for g, group in enumerate(observations.groups):
        values = np.unique(observations.samples_seen[g][observations.used[g]])
        if len(values) < 2:
            raise FitError(
                f"Pool {group!r} has runs at {len(values)} value of samples_seen; fitting its utility and half-life needs at "
                "least 3, two of them past one epoch. Add pilot runs, or leave the pool out with --where."
            )


def _counts(observations: Observations) -> str:
    used = np.bincount(observations.pool[observations.used], minlength=len(observations.pools))
    return ", ".join(f"{pool.name}: {count}" for pool, count in zip(observations.pools, used, strict=True))
