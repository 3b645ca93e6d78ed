"""What a fit says of each pool: values, intervals and verdicts in words."""

import numpy as np

from thresher.fits.curves import HALF_LIFE_BOUNDS, Curves
from thresher.fits.fit import Finding, Parameters, PoolReport, Verdict
from thresher.fits.profiles import Profiles
from thresher.laws.kernels import find_kernel

SMALL_ROOM = 1e-6
"""Distance from a bound, in the logarithm of a parameter, that counts as being on it."""


def pool_reports(
    curves: Curves, parameters: Parameters, profiles: Profiles, *, converged: bool
) -> tuple[PoolReport, ...]:
    """One report for each pool, in the order of the pools.

    Args:
        curves: The problem that was fitted.
        parameters: Its laws; the first draw is the best fit.
        profiles: Intervals of its parameters.
        converged: Whether the optimum was reached.
    """
    observations = curves.observations
    part = curves.slices
    reports = []
    for i, pool in enumerate(observations.pools):
        group = int(observations.group_of[i])
        at = part["log_utility"].start + (0 if curves.sharing.shared_utility else group)
        utility = (-float(np.exp(profiles.high[at])), -float(np.exp(profiles.low[at])))
        half_life: float | None = None
        interval: tuple[float, float] | None = None
        findings = [] if converged else [_not_converged(pool.name)]
        if find_kernel(curves.kernel).decays:
            at_tau = part["log_half_life"].start + group
            factor = float(observations.pool_size[i] ** curves.kappa)
            half_life = float(parameters.half_life[0, i])
            interval = (
                factor * float(np.exp(profiles.low[at_tau])),
                factor * float(np.exp(profiles.high[at_tau])),
            )
            findings += _half_life_findings(
                pool.name,
                half_life / factor,
                interval,
                closed=(bool(profiles.closed_below[at_tau]), bool(profiles.closed_above[at_tau])),
                epochs=_most_epochs(curves, i),
            )
        if not (profiles.closed_below[at] and profiles.closed_above[at]):
            findings.append(
                Finding(
                    Verdict.NOT_IDENTIFIABLE,
                    f"{pool.name}: the utility is only known to lie in [{utility[0]:.3g}, {utility[1]:.3g}]; the runs span too "
                    "few samples to bound it. Add a longer run.",
                )
            )
        reports.append(
            PoolReport(
                pool=pool,
                utility=float(parameters.utility[0, i]),
                utility_interval=utility,
                worth=float(parameters.worth[0, i]),
                half_life=half_life,
                half_life_interval=interval,
                runs=int(np.count_nonzero((observations.pool == i) & observations.used)),
                findings=tuple(findings),
            )
        )
    return tuple(reports)


def _half_life_findings(
    name: str, half_life: float, interval: tuple[float, float], *, closed: tuple[bool, bool], epochs: float
) -> list[Finding]:
    findings = []
    low, high = HALF_LIFE_BOUNDS
    if half_life >= high * (1 - SMALL_ROOM):
        findings.append(
            Finding(
                Verdict.AT_BOUND,
                f"{name}: the half-life is at its upper bound of {high:g} epochs; these runs show no loss from repetition.",
            )
        )
    elif half_life <= low * (1 + SMALL_ROOM):
        findings.append(
            Finding(
                Verdict.AT_BOUND,
                f"{name}: the half-life is at its lower bound of {low:g} epochs; repeats add nothing, or the error rises.",
            )
        )
    if not all(closed):
        known = (
            f"is at least {interval[0]:.2g} epochs and has no upper limit"
            if closed[0]
            else f"is at most {interval[1]:.2g} epochs and has no lower limit"
            if closed[1]
            else "can be anything"
        )
        findings.append(
            Finding(
                Verdict.NOT_IDENTIFIABLE,
                f"{name}: the half-life {known} within 90 %; its runs reach {epochs:.3g} epochs. Add a run with more repetition.",
            )
        )
    return findings


def _not_converged(name: str) -> Finding:
    return Finding(
        Verdict.NOT_CONVERGED, f"{name}: the fit stopped before it converged; do not use its parameters."
    )


def _most_epochs(curves: Curves, pool: int) -> float:
    observations = curves.observations
    mine = (observations.pool == pool) & observations.used
    return float(np.max(observations.samples_seen[mine] / observations.unique_samples[mine]))
