"""What a fit says of each pool: values, intervals and verdicts in words."""

from collections.abc import Sequence

import numpy as np

from thresher.fits.default_law import HALF_LIFE_RANGE
from thresher.fits.fit import Finding, PoolReport, Verdict, drawn
from thresher.fits.observations import Observations
from thresher.fits.priors import Priors
from thresher.fits.quantiles import INTERVAL, interval, weighted_quantile
from thresher.laws.kernels import find_kernel
from thresher.laws.one_law import OneLaw
from thresher.laws.paper import PaperLaw
from thresher.pools import Pool
from thresher.shapes import Float
from thresher.units import format_number

PASSES = (1, 2, 4, 8)
"""Passes whose worth is shown."""
OF_PRIOR = 0.7
"""A half-life whose draws spread by more than this share of its prior rests on the prior."""
WORTH_OF_PRIOR = 0.5
"""The same for a worth. It is less, because a pool that is never told from another is still worth no more than both."""
NEAR_BOUND = 0.98
"""Share of a bound from which a half-life counts as being at it."""
WIDE = 30.0
"""A 90 % interval whose ends differ by more than this factor tells nothing of use."""


def default_reports(
    observed: Observations,
    laws: Sequence[OneLaw],
    weights: Sequence[float],
    priors: Priors,
    utilities: tuple[tuple[str, ...], PaperLaw] | None,
    converged: bool,
) -> tuple[PoolReport, ...]:
    """One report for each pool, in the order of the pools.

    Args:
        observed: What was fitted.
        laws: One stack for each kernel.
        weights: Of the kernels.
        priors: What was taken for true, to say what rests on it.
        utilities: Pools and laws of the paper's fit to the single-pool runs.
        converged: Whether the optimum was reached.
    """
    draws = [drawn(law) for law in laws]
    w = np.repeat(
        [weight / len(law) for weight, law in zip(weights, draws, strict=True)], [len(law) for law in draws]
    )
    log_q = np.log(np.concatenate([law.worth for law in draws]))
    relative = log_q - reference_worth(observed, log_q)[:, None]
    tau = np.concatenate([law.half_lives(observed.sizes) for law in draws])
    by_pass = np.concatenate([_by_pass(law, observed.sizes) for law in draws])
    reports = []
    for i, pool in enumerate(observed.pools):
        decays = _decays(laws, pool)
        utility, utility_interval = _utility(pool.name, utilities)
        low, high = interval(tau[:, i], w)
        worth_low, worth_high = interval(np.exp(relative[:, i]), w)
        findings = [] if converged else [_not_converged(pool.name)]
        if decays:
            findings += _half_life_findings(observed, i, np.log(tau[:, i]), w, priors)
        findings += _worth_findings(
            pool.name, log_q[:, i] - log_q.mean(axis=1), w, priors, len(observed.qualities)
        )
        reports.append(
            PoolReport(
                pool=pool,
                utility=utility,
                utility_interval=utility_interval,
                worth=float(np.exp(weighted_quantile(relative[:, i], w, 0.5))),
                worth_interval=(float(worth_low), float(worth_high)),
                half_life=float(weighted_quantile(tau[:, i], w, 0.5)) if decays else None,
                half_life_interval=(float(low), float(high)) if decays else None,
                worth_by_pass=tuple(
                    float(value)
                    for value in weighted_quantile(np.exp(relative[:, i])[:, None] * by_pass[:, i], w, 0.5)
                ),
                runs=int(observed.seeds[observed.trained_alone(i)].sum()),
                findings=tuple(findings),
            )
        )
    return tuple(reports)


def paper_reports(observed: Observations, law: PaperLaw, converged: bool) -> tuple[PoolReport, ...]:
    """One report for each pool under the paper's law, in the order of the pools."""
    draws = drawn(law)
    w = np.full(len(draws), 1.0 / len(draws))
    tau = draws.half_lives(observed.sizes)
    by_pass = _by_pass(draws, observed.sizes)
    names = tuple(pool.name for pool in observed.pools)
    reports = []
    for i, pool in enumerate(observed.pools):
        decays = _decays([law], pool)
        utility, utility_interval = _utility(pool.name, (names, law))
        low, high = interval(tau[:, i], w)
        findings = [] if converged else [_not_converged(pool.name)]
        if decays and high > WIDE * low:
            findings.append(_unknown_half_life(pool.name, float(low), float(high), _most_epochs(observed, i)))
        best = law.take(slice(0, 1))
        reports.append(
            PoolReport(
                pool=pool,
                utility=utility,
                utility_interval=utility_interval,
                worth=1.0,
                worth_interval=None,
                half_life=float(best.half_lives(observed.sizes)[0, i]) if decays else None,
                half_life_interval=(float(low), float(high)) if decays else None,
                worth_by_pass=tuple(float(value) for value in weighted_quantile(by_pass[:, i], w, 0.5)),
                runs=int(observed.seeds[observed.trained_alone(i)].sum()),
                findings=tuple(findings),
            )
        )
    return tuple(reports)


def _decays(laws: Sequence[OneLaw | PaperLaw], pool: Pool) -> bool:
    """Whether a pool has a half-life at all: it repeats, and some kernel lets repeats wear out."""
    return bool(np.isfinite(pool.unique_samples)) and all(find_kernel(law.kernel).decays for law in laws)


def reference_worth(
    observed: Observations, log_q: Float[np.ndarray, "draws pools"]
) -> Float[np.ndarray, " draws"]:
    """Ln q that counts as 1: that of the best-ranked pool, or the mean of all where none is ranked."""
    return log_q[:, 0] if observed.pools[0].rank is not None else log_q.mean(axis=1)


def _by_pass(
    law: OneLaw | PaperLaw, sizes: Float[np.ndarray, " pools"]
) -> Float[np.ndarray, "draws pools passes"]:
    """New samples that one sample is worth when it is seen for the 1st, 2nd, 4th and 8th time."""
    tau = law.half_lives(sizes)[..., None]
    kernel = find_kernel(law.kernel)
    k = np.array(PASSES, dtype=float)
    after, before = (
        np.exp(kernel.log_effective_samples(passes, np.ones_like(passes), tau))
        for passes in (k, np.maximum(k - 1.0, 1e-9))
    )
    worth = after - np.where(k > 1, before, 0.0)
    return np.where(np.isfinite(sizes)[:, None], worth, 1.0)  # a pool that never repeats does not wear out


def _utility(
    name: str, utilities: tuple[tuple[str, ...], PaperLaw] | None
) -> tuple[float | None, tuple[float, float] | None]:
    if utilities is None or name not in utilities[0]:
        return None, None
    at, law = utilities[0].index(name), utilities[1]
    draws = drawn(law).utility[:, at]
    low, high = np.quantile(draws, INTERVAL)
    return float(law.utility[0, at]), (float(low), float(high))


def _half_life_findings(
    observed: Observations,
    pool: int,
    log_tau: Float[np.ndarray, " draws"],
    w: Float[np.ndarray, " draws"],
    priors: Priors,
) -> list[Finding]:
    name = observed.pools[pool].name
    low, high = (float(np.exp(end)) for end in interval(log_tau, w))
    size = observed.sizes[pool]
    middle = float(np.exp(weighted_quantile(log_tau, w, 0.5)))
    lowest, highest = HALF_LIFE_RANGE
    if np.isfinite(size) and middle >= NEAR_BOUND * highest:
        return [
            Finding(
                Verdict.AT_BOUND,
                f"{name}: the half-life is at its upper bound of {format_number(highest, 6)} epochs; these "
                "runs show no loss from repetition.",
            )
        ]
    if middle <= lowest / NEAR_BOUND:
        return [
            Finding(
                Verdict.AT_BOUND,
                f"{name}: the half-life is at its lower bound of {format_number(lowest, 6)} epochs; repeats "
                "add nothing, or the error rises.",
            )
        ]
    prior_sd = float(np.hypot(priors.log_half_life.sd, priors.half_life_spread))
    if _spread(log_tau, w) > OF_PRIOR * prior_sd or high > WIDE * low:
        return [_unknown_half_life(name, low, high, _most_epochs(observed, pool))]
    return []


def _unknown_half_life(name: str, low: float, high: float, epochs: float) -> Finding:
    return Finding(
        Verdict.NOT_IDENTIFIABLE,
        f"{name}: the half-life is only known to lie between {format_number(low, 2)} and "
        f"{format_number(high, 2)} epochs; its runs reach {format_number(epochs)}. Add a "
        "run with more repetition.",
    )


def _worth_findings(
    name: str,
    log_q: Float[np.ndarray, " draws"],
    w: Float[np.ndarray, " draws"],
    priors: Priors,
    qualities: int,
) -> list[Finding]:
    """Whether a pool's worth, against the mean of all, rests on its prior: no runs tell it from the others."""
    prior_sd = priors.worth_spread * np.sqrt(1.0 - 1.0 / qualities)
    if qualities == 1 or _spread(log_q, w) <= WORTH_OF_PRIOR * prior_sd:
        return []
    return [
        Finding(
            Verdict.NOT_IDENTIFIABLE,
            f"{name}: its worth rests on the prior, because the runs hardly tell it from other pools. Add a run of it alone, or "
            "one with more of it.",
        )
    ]


def _spread(values: Float[np.ndarray, " draws"], w: Float[np.ndarray, " draws"]) -> float:
    mean = float(w @ values)
    return float(np.sqrt(w @ (values - mean) ** 2))


def _not_converged(name: str) -> Finding:
    return Finding(
        Verdict.NOT_CONVERGED, f"{name}: the fit stopped before it converged; do not use its parameters."
    )


def _most_epochs(observed: Observations, pool: int) -> float:
    return float(observed.settings.epochs[:, pool].max())
