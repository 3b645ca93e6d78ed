"""Simulate and recover: would the half-lives be identifiable with the runs that are planned?"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from thresher.errors import InputError
from thresher.fits.choice import LawChoice
from thresher.fits.fit import Fit, Verdict
from thresher.fits.fit_law import fit_law
from thresher.fits.predict import member_errors
from thresher.pools import union
from thresher.runs import Measurement, RunTable

SIMULATIONS = 20


@dataclass(frozen=True)
class Recovery:
    """How often simulated runs bound each pool's half-life from both sides.

    Attributes:
        identified: Share of simulations, by pool.
        simulations: How many were made.
    """

    identified: Mapping[str, float]
    simulations: int


def simulate_and_recover(
    fit: Fit,
    planned: Sequence[tuple[str, float]] = (),
    *,
    simulations: int = SIMULATIONS,
    seed: int = 0,
    progress: Callable[[str, int, int], None] | None = None,
) -> Recovery:
    """Draw laws from the ensemble, simulate the runs so far and those planned, fit again, and count.

    Each simulation is fitted with the law that made it, which is the best case: what it does not identify, no
    real analysis will.

    Args:
        fit: The current ensemble.
        planned: Single-pool runs to add, as pool and samples seen.
        simulations: How many tables to simulate.
        seed: Seed of the simulation.
        progress: Called after each simulation.

    Raises:
        InputError: A planned run of an unknown pool.
    """
    known = {pool.name: pool for pool in fit.pools}
    for name, _ in planned:
        if name not in known:
            raise InputError(f"There is no pool {name!r} in this fit. It has: {', '.join(known)}.")
    decaying = [member for member in fit.members if np.all(np.isfinite(member.parameters.half_life))]
    if not decaying:
        raise InputError("Every member of this fit has the kernel fresh, which has no half-life to identify.")
    rng = np.random.default_rng(seed)
    weights = np.array([member.weight for member in decaying])
    template = [
        *fit.rows,
        *[_planned_row(fit, known[name].unique_samples, name, n) for name, n in planned],
    ]
    counts = dict.fromkeys(known, 0)
    for step in range(simulations):
        member = decaying[int(rng.choice(len(decaying), p=weights / weights.sum()))]
        draws = member.replicates
        draw = draws.take(np.array([int(rng.integers(len(draws)))]))
        mixtures = [union([replace(known[row.pool], unique_samples=row.unique_samples)]) for row in template]
        clean = [
            float(member_errors(fit, member, draw, [mixture], np.array([row.samples_seen]))[0, 0, 0])
            for mixture, row in zip(mixtures, template, strict=True)
        ]
        noise = rng.normal(0.0, fit.noise_sd, len(clean))
        floor = float(draw.floor[0])
        rows = tuple(
            replace(
                row, error=max(error + e, floor + 1e-4), standard_error=fit.noise_sd, run=f"simulated {i}"
            )
            for i, (row, error, e) in enumerate(zip(template, clean, noise, strict=True))
        )
        choice = LawChoice(kernel=member.kernel, mixing=member.mixing, floor=floor, kappa=member.kappa)
        again = fit_law(
            RunTable(rows, "simulated runs", declared_unit=fit.unit),
            kernel=choice.kernel,
            mixing=choice.mixing,
            floor=floor,
            kappa=choice.kappa,
            chance=fit.chance if fit.chance is not None else 1.0,
            replicates=0,
            unit=fit.unit,
        )
        for report in again.reports:
            verdicts = {finding.verdict for finding in report.findings}
            counts[report.pool.name] += not verdicts & {Verdict.NOT_IDENTIFIABLE, Verdict.AT_BOUND}
        if progress:
            progress("simulations", step + 1, simulations)
    return Recovery({name: count / simulations for name, count in counts.items()}, simulations)


def _planned_row(fit: Fit, unique_samples: float, pool: str, samples_seen: float) -> Measurement:
    like = next(row for row in fit.rows if row.pool == pool)
    return replace(like, unique_samples=unique_samples, samples_seen=samples_seen, seed=None)
