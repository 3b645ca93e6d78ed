"""Simulate a design and recover: would it find utilities, half-lives, and the right choice at the target?

Worlds are drawn from an ensemble: a law with one replicate's parameters, a mixing rule, a kappa and a floor. Each
world produces the errors of the planned runs, with noise; every law is fitted to all worlds' errors in one batch; laws
are weighed by how well they fit, joint checks included, and the choice of least expected regret is held against the
world's own best. No law is told which world it is in.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from thresher.fits.choice import LawChoice
from thresher.fits.curves import Curves
from thresher.fits.ensemble import FRACTION_FLOORS, KAPPA_PRIOR, MIXING_PRIOR
from thresher.fits.fit import Fit, Member, Parameters
from thresher.fits.fit_law import sharing, to_parameters
from thresher.fits.least_squares import minimise
from thresher.fits.observations import observe
from thresher.fits.predict import member_errors
from thresher.fits.starts import starts
from thresher.pilots.design import Design, PilotRun
from thresher.pools import Mixture, Pool, union
from thresher.runs import Measurement
from thresher.shapes import Float

ALL_KERNELS = ("utility", "muennighoff", "saturating")
"""Laws that are fitted to every world: one of each shape; `effective_data` lies between the first two."""
QUICK_KERNELS = ("utility", "saturating")
"""Laws that suffice to compare designs."""
JOINT_DOUBT = 1.5
"""Joint errors are weighed as if their noise were this much larger: no mixing rule is exact."""
UTILITY_FACTOR = 1.25
HALF_LIFE_FACTOR = 2.0
"""A utility or half-life counts as recovered within these factors of the world's."""
LEAST_EXCESS = 1e-3
MOST_STARTS = 1


@dataclass(frozen=True)
class Simulation:
    """What a design would tell.

    Attributes:
        replicates: Worlds simulated.
        right: Share of worlds in which the choice is within the noise of one run of the best.
        exact: Share in which it is the best.
        mean_regret: Mean excess of the choice over the best, in the metric's unit.
        utility: Share in which each bucket's utility is recovered.
        half_life: The same of its half-life; worlds in which repeats are as good as new left out.
    """

    replicates: int
    right: float
    exact: float
    mean_regret: float
    utility: Mapping[str, float]
    half_life: Mapping[str, float]


@dataclass(frozen=True)
class Worlds:
    """Laws that might be true: index of the member, and its parameters as one draw each."""

    members: tuple[Member, ...]
    parameters: tuple[Parameters, ...]


def simulate_design(
    world: Fit,
    design: Design,
    target: float,
    *,
    replicates: int,
    seed: int = 0,
    quick: bool = False,
    progress: Callable[[str, int, int], None] | None = None,
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
    pools = {pool.name: pool for pool in world.pools}
    singles = [(run, e) for run in design.runs if len(run.pools) == 1 for e in run.epochs]
    joints = [(run, e) for run in design.runs if len(run.pools) > 1 for e in run.epochs]
    clean = _clean(world, worlds, [_mixture(design, run, pools) for run, _ in (*singles, *joints)],
                   [e * run.unique_samples for run, e in (*singles, *joints)])  # fmt: skip
    noisy = clean + rng.normal(0.0, world.noise_sd, clean.shape)
    names = [pool.name for pool in world.pools]
    whole = [union(world.pools[:count]) for count in range(1, len(names) + 1)]
    truth = np.stack(
        [_errors(world, m, p, whole, target) for m, p in zip(worlds.members, worlds.parameters, strict=True)]
    )
    logs, guesses, recovered = _recover(
        world, design, worlds, singles, joints, noisy, whole, target, quick, progress
    )
    weight = np.exp(logs - logs.max(axis=0))
    weight /= weight.sum(axis=0)
    regret = np.einsum("mr,mrc->rc", weight, guesses - guesses.min(axis=2, keepdims=True))
    chosen = truth[np.arange(replicates), regret.argmin(axis=1)]
    excess = chosen - truth.min(axis=1)
    return Simulation(
        replicates,
        float(np.mean(excess <= world.noise_sd)),
        float(np.mean(excess <= 0)),
        float(np.mean(excess)),
        dict(zip(names, recovered[0], strict=True)),
        dict(zip(names, recovered[1], strict=True)),
    )


def draw_worlds(world: Fit, count: int, rng: np.random.Generator) -> Worlds:
    """Members by weight, each with one replicate."""
    weights = np.array([member.weight for member in world.members])
    members, parameters = [], []
    for at in rng.choice(len(weights), count, p=weights / weights.sum()):
        member = world.members[int(at)]
        draw = int(rng.integers(len(member.replicates)))
        members.append(member)
        parameters.append(member.replicates.take(slice(draw, draw + 1)))
    return Worlds(tuple(members), tuple(parameters))


def _mixture(design: Design, run: PilotRun, pools: Mapping[str, Pool]) -> Mixture:
    parts = [pools[name] for name in run.pools]
    total = sum(part.unique_samples for part in parts)
    return union([replace(p, unique_samples=run.unique_samples * p.unique_samples / total) for p in parts])


def _clean(
    world: Fit, worlds: Worlds, mixtures: Sequence[Mixture], seen: Sequence[float]
) -> Float[np.ndarray, "worlds runs"]:
    """Noise-free errors of the planned checkpoints; checkpoints of one length share a call."""
    found = np.empty((len(worlds.members), len(seen)))
    budgets = np.unique(np.array(seen, dtype=float))
    at = np.searchsorted(budgets, np.array(seen, dtype=float))
    distinct = list(dict.fromkeys(mixtures))
    row = np.array([distinct.index(mixture) for mixture in mixtures])
    for number, (member, draw) in enumerate(zip(worlds.members, worlds.parameters, strict=True)):
        errors = member_errors(world, member, draw, distinct, budgets)[0]
        found[number] = errors[row, at]
    return found


def _errors(
    world: Fit, member: Member, draw: Parameters, mixtures: Sequence[Mixture], target: float
) -> np.ndarray:
    return member_errors(world, member, draw, mixtures, np.array([target]))[0, :, 0]


def _recover(
    world: Fit, design: Design, worlds: Worlds, singles: Sequence[tuple[PilotRun, int]],
    joints: Sequence[tuple[PilotRun, int]], noisy: np.ndarray, whole: Sequence[Mixture], target: float,
    quick: bool, progress: Callable[[str, int, int], None] | None,
) -> tuple[np.ndarray, np.ndarray, tuple[list[float], list[float]]]:  # fmt: skip
    """Log weights and predicted errors of every law for every world, and what was recovered of utility and half-life."""
    noise = world.noise_sd
    floors = [d for d in FRACTION_FLOORS if d < 0.95 * float(noisy.min())] or [0.0]
    kernels = QUICK_KERNELS if quick else ALL_KERNELS
    floors = floors[len(floors) // 2 :][:1] if quick else floors
    pools = {pool.name: pool for pool in world.pools}
    rows = [
        Measurement(
            run.pools[0], float(run.unique_samples), float(e * run.unique_samples), world.metric,
            float(np.median(noisy[:, i])) + 1e-9 * i, run=run.name, rank=pools[run.pools[0]].rank, standard_error=noise,
        )
        for i, (run, e) in enumerate(singles)
    ]  # fmt: skip
    observed = observe(rows, noise)
    place = {(row.pool, row.samples_seen, row.error): i for i, row in enumerate(rows)}
    column = np.zeros(observed.error.shape, dtype=int)
    for g, c in zip(*np.nonzero(observed.used), strict=True):
        name = observed.pools[observed.pool[g, c]].name
        column[g, c] = place[name, float(observed.samples_seen[g, c]), float(observed.error[g, c])]
    kept = [_mixture(design, run, {p.name: p for p in observed.pools}) for run, _ in joints]
    seen = [float(e * run.unique_samples) for run, e in joints]
    top = world.chance if world.chance is not None else np.inf
    logs, guesses = [], []
    hits: list[list[list[float]]] = [[[] for _ in world.pools], [[] for _ in world.pools]]
    laws = [(k, s, d) for k in kernels for s in ("sample_worth", "utility_mean") for d in floors]
    for step, (kernel, shared, floor) in enumerate(laws):
        choice = LawChoice(kernel, shared, floor, 1.0, chance=world.chance or 1.0, unit=world.unit)
        errors = np.minimum(np.maximum(noisy[:, : len(singles)], floor + LEAST_EXCESS), top - 1e-4)[:, column]
        curves = Curves(observed, kernel, sharing(observed, choice, floor), floor, 1.0)
        theta, squares = _fit(curves, errors)
        parameters = to_parameters(curves, theta, choice)
        _count_hits(hits, worlds, parameters, world, observed.pools, kernel, shared)
        rules = ("sample_worth",) if shared == "sample_worth" else ("halfway", "utility_mean")
        for rule in rules:
            for kappa, prior in KAPPA_PRIOR[world.unit].items():
                member = Member(kernel, rule, kappa, 1.0, parameters)
                fit = replace(world, pools=observed.pools, members=(member,), rows=tuple(rows))
                log = -0.5 * squares + np.log(prior * MIXING_PRIOR[rule] * FRACTION_FLOORS.get(floor, 1.0))
                for i, (mixture, n) in enumerate(zip(kept, seen, strict=True)):
                    guess = member_errors(fit, member, parameters, [mixture], np.array([n]))[:, 0, 0]
                    log -= 0.5 * ((guess - noisy[:, len(singles) + i]) / (JOINT_DOUBT * noise)) ** 2
                logs.append(log)
                guesses.append(member_errors(fit, member, parameters, whole, np.array([target]))[:, :, 0])
        if progress:
            progress("laws recovered", step + 1, len(laws))
    shares = tuple([float(np.mean(h)) if h else float("nan") for h in kind] for kind in hits)
    return np.array(logs), np.array(guesses), (shares[0], shares[1])


def _fit(curves: Curves, errors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The optimum of every world's errors under one law, from the basins of their median."""
    best_theta, best = None, None
    for start in starts(curves)[:MOST_STARTS]:
        found = minimise(
            lambda theta, index: curves.evaluate(theta, index, errors),
            np.repeat(start[None], len(errors), axis=0),
            *curves.bounds,
        )
        if best_theta is None or best is None:
            best_theta, best = found.parameters, found.sum_of_squares
        else:
            better = found.sum_of_squares < best
            best_theta = np.where(better[:, None], found.parameters, best_theta)
            best = np.where(better, found.sum_of_squares, best)
    assert best_theta is not None
    assert best is not None
    return best_theta, best


def _count_hits(
    hits: list[list[list[float]]], worlds: Worlds, found: Parameters, world: Fit, pools: Sequence[Pool], kernel: str, shared: str
) -> None:  # fmt: skip
    """Note what this law recovers of the worlds that it made."""
    sizes = np.array([pool.unique_samples for pool in pools])
    whole = np.array([pool.unique_samples for pool in world.pools])
    for number, (member, truth) in enumerate(zip(worlds.members, worlds.parameters, strict=True)):
        same = member.kernel == kernel and (member.mixing == "sample_worth") == (shared == "sample_worth")
        if not same or abs(truth.floor[0] - found.floor[number]) > 1e-9:
            continue
        half_life = truth.half_life[0] * (sizes / whole) ** member.kappa
        b = np.abs(np.log(found.utility[number] / truth.utility[0])) <= np.log(UTILITY_FACTOR)
        tau = np.abs(np.log(found.half_life[number] / half_life)) <= np.log(HALF_LIFE_FACTOR)
        for at in range(len(sizes)):
            hits[0][at].append(float(b[at]))
            hits[1][at].append(float(tau[at]))
