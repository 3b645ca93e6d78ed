"""Simulate a design and recover: would it find utilities, half-lives, and the right choice at the target?

Worlds are drawn from an ensemble: a law with one replicate's parameters, a mixing rule, a kappa and a floor. Each
world produces the errors of the planned runs, with noise; every law is fitted to all worlds' errors in one batch; laws
are weighed by how well they fit, joint checks included, and the choice of least expected regret is held against the
world's own best. No law is told which world it is in. `thresher fit` and `plan` on the same simulated runs are right
about as often (docs/benchmarks.md).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from thresher.fits.choice import LawChoice
from thresher.fits.curves import Curves
from thresher.fits.ensemble import FRACTION_FLOORS, KAPPA_PRIOR, MIXING_PRIOR
from thresher.fits.fit import Fit, Member, Parameters
from thresher.fits.fit_law import sharing, to_parameters
from thresher.fits.least_squares import minimise
from thresher.fits.observations import Observations, observe
from thresher.fits.predict import member_errors
from thresher.fits.starts import starts
from thresher.pilots.design import Design, PilotRun
from thresher.pilots.recovered import (
    HALF_LIFE_FACTOR,
    UTILITY_FACTOR,
    Found,
    Recovered,
    found_by,
    recovered,
)
from thresher.pilots.worlds import Worlds, draw_worlds, nested, trained_on
from thresher.pools import Mixture
from thresher.runs import Measurement
from thresher.shapes import Float, Int

ALL_KERNELS = ("utility", "muennighoff", "saturating")
"""Laws that are fitted to every world: one of each shape; `effective_data` lies between the first two."""
QUICK_KERNELS = ("utility", "saturating")
"""Laws that suffice to compare designs."""
JOINT_DOUBT = 1.5
"""Joint errors are weighed as if their noise were this much larger: no mixing rule is exact."""
LEAST_EXCESS = 1e-3
BELOW_CHANCE = 1e-4

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Simulation:
    """What a design would tell.

    Attributes:
        replicates: Worlds simulated.
        right: Share of worlds in which the choice is within the noise of one run of the best.
        exact: Share in which it is the best.
        mean_regret: Mean excess of the choice over the best, in the metric's unit.
        unaided_right: Share of worlds in which the borrowed curves alone, without any pilot, choose right.
        unaided_regret: Mean excess of that choice.
        utility: What is recovered of each bucket's utility.
        half_life: The same of its half-life, at the pilot's size; worlds in which repeats are as good as new left out.
    """

    replicates: int
    right: float
    exact: float
    mean_regret: float
    unaided_right: float
    unaided_regret: float
    utility: Mapping[str, Recovered | None]
    half_life: Mapping[str, Recovered | None]


@dataclass(frozen=True)
class Measured:
    """Simulated errors of a design in every world, and where each stands in the fit of single buckets."""

    singles: Float[np.ndarray, "worlds singles"]
    joints: Float[np.ndarray, "worlds joints"]
    observed: Observations
    column: Int[np.ndarray, "groups runs"]
    unions: tuple[tuple[Mixture, float], ...]


@dataclass
class Gathered:
    """What each fitted law says, law after law."""

    logs: list[np.ndarray] = field(default_factory=list)
    guesses: list[np.ndarray] = field(default_factory=list)
    utility: list[Found] = field(default_factory=list)
    half_life: list[Found] = field(default_factory=list)


def simulate_design(
    world: Fit,
    design: Design,
    target: float,
    *,
    replicates: int,
    seed: int = 0,
    quick: bool = False,
    progress: Progress | None = None,
) -> Simulation:
    """How often a design would lead to the right choice, and recover each bucket's law.

    Args:
        world: What might be true of the whole buckets; an ensemble with replicates.
        design: The runs planned.
        target: Budget of the run that the choice is for, in samples.
        replicates: Worlds to simulate.
        seed: Seed of worlds and noise.
        quick: Whether to fit few laws, which is enough to compare designs.
        progress: Told of each law fitted.
    """
    rng = np.random.default_rng(seed)
    worlds = draw_worlds(world, replicates, rng)
    measured = _measure(worlds, design, rng)
    whole = nested(world.pools)
    truth = worlds.errors(whole, [target] * len(whole))
    excess = truth - truth.min(axis=1, keepdims=True)
    gathered = _fit_laws(worlds, design, measured, whole, target, quick, progress)
    logs, guesses = np.array(gathered.logs), np.array(gathered.guesses)
    weight = np.exp(logs - logs.max(axis=0))
    weight /= weight.sum(axis=0)
    regret = np.einsum("mw,mwc->wc", weight, guesses - guesses.min(axis=2, keepdims=True))
    chosen = excess[np.arange(replicates), regret.argmin(axis=1)]
    unaided = excess[:, excess.mean(axis=0).argmin()]
    names = [pool.name for pool in world.pools]
    return Simulation(
        replicates,
        float(np.mean(chosen <= world.noise_sd)),
        float(np.mean(chosen <= 0)),
        float(np.mean(chosen)),
        float(np.mean(unaided <= world.noise_sd)),
        float(np.mean(unaided)),
        recovered(gathered.utility, names, UTILITY_FACTOR),
        recovered(gathered.half_life, names, HALF_LIFE_FACTOR),
    )


def _measure(worlds: Worlds, design: Design, rng: np.random.Generator) -> Measured:
    """Errors of every planned checkpoint in every world, with noise."""
    world = worlds.fit
    singles = [(run, epoch) for run in design.runs if len(run.pools) == 1 for epoch in run.epochs]
    joints = [(run, epoch) for run in design.runs if len(run.pools) > 1 for epoch in run.epochs]
    clean = worlds.errors(
        [trained_on(design, run, world.pools, by_bucket=True) for run, _ in (*singles, *joints)],
        [epoch * run.unique_samples for run, epoch in (*singles, *joints)],
    )
    noisy = clean + rng.normal(0.0, world.noise_sd, clean.shape)
    rows = _rows(design, singles, np.median(noisy[:, : len(singles)], axis=0).tolist(), world)
    observed = observe(rows, world.noise_sd)
    place = {(row.pool, row.samples_seen, row.error): i for i, row in enumerate(rows)}
    column = np.zeros(observed.error.shape, dtype=int)
    for g, c in zip(*np.nonzero(observed.used), strict=True):
        name = observed.pools[observed.pool[g, c]].name
        column[g, c] = place[name, float(observed.samples_seen[g, c]), float(observed.error[g, c])]
    unions = tuple(
        (
            trained_on(design, run, observed.pools, by_bucket=False),
            float(epoch * run.unique_samples),
        )
        for run, epoch in joints
    )
    return Measured(noisy[:, : len(singles)], noisy[:, len(singles) :], observed, column, unions)


def _rows(
    design: Design, singles: Sequence[tuple[PilotRun, int]], errors: Sequence[float], world: Fit
) -> list[Measurement]:
    """The table of single-bucket runs; errors are told apart by a trifle, so that each row is found again."""
    parts = {part.name: part for part in design.pools}
    return [
        Measurement(
            run.pools[0], float(run.unique_samples), float(epoch * run.unique_samples), world.metric,
            float(error) + 1e-9 * i, run=run.name, rank=parts[run.pools[0]].rank,
            quality=parts[run.pools[0]].bucket, standard_error=world.noise_sd,
        )
        for i, ((run, epoch), error) in enumerate(zip(singles, errors, strict=True))
    ]  # fmt: skip


def _fit_laws(
    worlds: Worlds, design: Design, measured: Measured, whole: Sequence[Mixture], target: float, quick: bool,
    progress: Progress | None,
) -> Gathered:  # fmt: skip
    """Every law, fitted to the single-bucket runs of every world."""
    world = worlds.fit
    smallest = float(min(measured.singles.min(), measured.joints.min(initial=np.inf)))
    floors = [d for d in FRACTION_FLOORS if d < 0.95 * smallest] or [0.0]
    floors = floors[len(floors) // 2 :][:1] if quick else floors
    kappas = list(KAPPA_PRIOR[world.unit]) if design.sizes_differ else [None]
    laws = [
        (kernel, shared, floor, kappa)
        for kernel in (QUICK_KERNELS if quick else ALL_KERNELS)
        for shared in ("sample_worth", "utility_mean")
        for floor in floors
        for kappa in kappas
    ]
    gathered = Gathered()
    top = world.chance if world.chance is not None else np.inf
    for step, (kernel, shared, floor, kappa) in enumerate(laws):
        choice = LawChoice(kernel, shared, floor, 1.0, chance=world.chance or 1.0, unit=world.unit)
        errors = np.clip(measured.singles, floor + LEAST_EXCESS, top - BELOW_CHANCE)[:, measured.column]
        observed = measured.observed
        shares = replace(sharing(observed, choice, floor), guessing=world.chance)
        curves = Curves(observed, kernel, shares, floor, 1.0 if kappa is None else kappa)
        theta, squares = _optima(curves, errors)
        parameters = to_parameters(curves, theta, choice)
        if mine := _made_by(worlds, kernel, shared, floor, kappa):
            utility, half_life = found_by(curves, theta, errors, parameters, worlds, mine)
            gathered.utility.append(utility)
            gathered.half_life.append(half_life)
        _mix(gathered, world, measured, choice, kappa, parameters, squares, whole, target)
        if progress:
            progress("laws recovered", step + 1, len(laws))
    return gathered


def _mix(
    gathered: Gathered, world: Fit, measured: Measured, choice: LawChoice, kappa: float | None, parameters: Parameters,
    squares: np.ndarray, whole: Sequence[Mixture], target: float,
) -> None:  # fmt: skip
    """Note how every mixing rule and kappa that a fitted law allows predicts the joint runs, and the target."""
    rules = ("sample_worth",) if choice.mixing == "sample_worth" else ("halfway", "utility_mean")
    floor = choice.floor if isinstance(choice.floor, float) else 0.0
    priors = KAPPA_PRIOR[world.unit]
    for rule in rules:
        for assumed in priors if kappa is None else (kappa,):
            member = Member(choice.kernel, rule, assumed, 1.0, parameters)
            fit = replace(world, pools=measured.observed.pools, members=(member,))
            log = -0.5 * squares + np.log(
                priors[assumed] * MIXING_PRIOR[rule] * FRACTION_FLOORS.get(floor, 1.0)
            )
            for (mixture, seen), error in zip(measured.unions, measured.joints.T, strict=True):
                guess = member_errors(fit, member, parameters, [mixture], np.array([seen]))[:, 0, 0]
                log -= 0.5 * ((guess - error) / (JOINT_DOUBT * world.noise_sd)) ** 2
            gathered.logs.append(log)
            gathered.guesses.append(
                member_errors(fit, member, parameters, whole, np.array([target]))[:, :, 0]
            )


def _made_by(worlds: Worlds, kernel: str, shared: str, floor: float, kappa: float | None) -> list[int]:
    """The worlds that a law made."""
    return [
        i
        for i, (member, truth) in enumerate(zip(worlds.members, worlds.parameters, strict=True))
        if member.kernel == kernel
        and (member.mixing == "sample_worth") == (shared == "sample_worth")
        and abs(truth.floor[0] - floor) < 1e-9
        and (kappa is None or member.kappa == kappa)
    ]


def _optima(
    curves: Curves, errors: Float[np.ndarray, "worlds groups runs"]
) -> tuple[Float[np.ndarray, "worlds parameters"], Float[np.ndarray, " worlds"]]:
    """The optimum of every world's errors under one law, from the best basin of their median."""
    found = minimise(
        lambda theta, index: curves.evaluate(theta, index, errors),
        np.repeat(starts(curves)[:1], len(errors), axis=0),
        *curves.bounds,
    )
    return found.parameters, found.sum_of_squares
