"""Simulate a design and recover: would it find worths, half-lives, and the right choice at the target?

Worlds are draws of a fit. Each produces the errors of the planned runs, single and joint, with the noise that the default
law expects; that law is fitted to the errors of all worlds in one batch for each kernel; and the candidate of least expected
error at the target is held against the world's own best. No fit is told which world it is in. `thresher fit` and `plan` on
the same simulated runs are right about as often (docs/benchmarks.md).
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from thresher.fits.default_law import DefaultProblem
from thresher.fits.fit import Fit
from thresher.fits.forecast import settings_of
from thresher.fits.observations import Observations
from thresher.fits.priors import DEFAULT_KERNELS, PRIORS, FixedParts
from thresher.fits.solve import refit, solve
from thresher.pilots.design import Design
from thresher.pilots.recovered import Recovered, Refits, recovered
from thresher.pilots.worlds import Worlds, choices, draw_worlds
from thresher.pools import Pool, union

STEPS = 20
"""Most steps of a refit, which starts from the optimum of the median errors."""
BELOW_CHANCE = 0.9999
"""No simulated error of a fraction is higher."""


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
        worth: What is recovered of each bucket's worth, in samples of the best.
        half_life: The same of its half-life, at the pilot's size.
    """

    replicates: int
    right: float
    exact: float
    mean_regret: float
    unaided_right: float
    unaided_regret: float
    worth: Mapping[str, Recovered | None]
    half_life: Mapping[str, Recovered | None]


def simulate_design(
    world: Fit, design: Design, target: float, *, replicates: int, seed: int = 0
) -> Simulation:
    """How often a design would lead to the right choice, and recover each bucket's worth and half-life.

    Args:
        world: What might be true of the whole buckets; every draw is a world.
        design: The runs planned.
        target: Budget of the run that the choice is for, in samples.
        replicates: Worlds to simulate.
        seed: Seed of worlds and noise.
    """
    worlds = draw_worlds(world, replicates, seed)
    refits = _refit(worlds, design, np.random.default_rng([seed, 1]))
    settings = settings_of(world, choices(world, target), np.array([target]))
    truth = worlds.errors(settings)
    excess = truth - truth.min(axis=1, keepdims=True)
    expected = sum(DEFAULT_KERNELS[one.problem.kernel] * one.law.errors(settings) for one in refits)
    chosen = excess[np.arange(replicates), np.argmin(expected, axis=1)]
    unaided = excess[:, excess.mean(axis=0).argmin()]
    worth, half_life = recovered(worlds, refits)
    return Simulation(
        replicates,
        float(np.mean(chosen <= world.noise_sd)),
        float(np.mean(chosen <= 0)),
        float(np.mean(chosen)),
        float(np.mean(unaided <= world.noise_sd)),
        float(np.mean(unaided)),
        worth,
        half_life,
    )


def _refit(worlds: Worlds, design: Design, rng: np.random.Generator) -> tuple[Refits, ...]:
    """Let every world make the errors of the planned runs, and fit the default law to them, kernel by kernel."""
    world = worlds.fit
    parts = {part.name: Pool(part.name, float(part.unique_samples), part.rank) for part in design.pools}
    seeds = Counter(
        (run.pools, float(epoch * run.unique_samples)) for run in design.runs for epoch in run.epochs
    )
    settings = worlds.settings(
        [union([parts[name] for name in names]) for names, _ in seeds], [seen for _, seen in seeds]
    )
    clean = worlds.errors(settings)
    middle = np.median(clean, axis=0)
    runs = np.array(list(seeds.values()), dtype=float)
    observed = Observations(
        pools=tuple(parts.values()),
        qualities=tuple(parts),
        quality_of=np.arange(len(parts)),
        settings=settings,
        log_error=np.log(middle),
        relative_error=world.noise_sd / middle / np.sqrt(runs),
        seeds=runs,
        seed_sd=0.0,
    )
    problems = [
        DefaultProblem(observed, kernel, world.chance, PRIORS[world.unit], FixedParts())
        for kernel in DEFAULT_KERNELS
    ]
    noisy = clean * np.exp(rng.standard_normal(clean.shape) * problems[0].sd(world.misfit))
    target = np.log(noisy if world.chance is None else np.minimum(noisy, BELOW_CHANCE))
    return tuple(
        Refits(problem, _optima(problem, target, world.misfit), world.misfit) for problem in problems
    )


def _optima(problem: DefaultProblem, target: np.ndarray, misfit: float) -> np.ndarray:
    """The most probable parameters for every world's errors."""
    first = solve(problem, draws=0, rng=np.random.default_rng(0)).theta
    start = np.repeat(first, len(target), axis=0)
    return refit(problem, start, target, problem.prior.centre[None], misfit, STEPS).parameters
