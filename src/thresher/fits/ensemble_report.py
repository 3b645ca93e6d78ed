"""What an ensemble says of each pool and of itself, in words."""

from collections.abc import Sequence

import numpy as np

from thresher.fits.curves import HALF_LIFE_BOUNDS
from thresher.fits.fit import INTERVAL, Finding, Fit, PoolReport, Verdict
from thresher.pools import Pool
from thresher.shapes import Float

SHARE_AT_BOUND = 0.05
"""Weighted share of draws at the longest half-life beyond which no upper limit is claimed."""
HEAVY = 0.05
"""Members with at least this weight are named."""


def weighted_quantiles(
    values: Float[np.ndarray, " draws"], weights: Float[np.ndarray, " draws"], shares: Sequence[float]
) -> list[float]:
    """Quantiles of weighted draws: the least value at which the cumulative weight reaches each share."""
    order = np.argsort(values)
    cumulative = np.cumsum(weights[order]) / weights.sum()
    at = np.minimum(np.searchsorted(cumulative, np.asarray(shares) - 1e-12), len(values) - 1)
    return [float(value) for value in values[order][at]]


def ensemble_reports(fit: Fit) -> tuple[PoolReport, ...]:
    """Weighted medians and intervals of every pool over all draws of the members that decay."""
    weights = np.concatenate(
        [np.full(len(member.replicates), member.weight / len(member.replicates)) for member in fit.members]
    )
    utility = np.concatenate([member.replicates.utility for member in fit.members])
    worth = np.concatenate([member.replicates.worth for member in fit.members])
    half_life = np.concatenate([member.replicates.half_life for member in fit.members])
    growth = np.concatenate(
        [
            np.broadcast_to(_relative_sizes(fit.pools) ** member.kappa, member.replicates.half_life.shape)
            for member in fit.members
        ]
    )
    # elsewhere worth is 1 by definition and says nothing
    of_worth = [member.mixing == "sample_worth" for member in fit.members]
    valued = np.repeat(of_worth if any(of_worth) else np.ones(len(of_worth), bool), _draws(fit))
    reports = []
    for i, pool in enumerate(fit.pools):
        low, middle, high = weighted_quantiles(utility[:, i], weights, (INTERVAL[0], 0.5, INTERVAL[1]))
        rows = [row for row in fit.rows if row.pool == pool.name]
        # every pool of a quality is at the bound together, whatever its own size makes of it
        bounded = half_life[:, i] / growth[:, i] >= 0.99 * HALF_LIFE_BOUNDS[1]
        tau_low, tau, tau_high = weighted_quantiles(half_life[:, i], weights, (INTERVAL[0], 0.5, INTERVAL[1]))
        unlimited = float(weights[bounded].sum()) >= SHARE_AT_BOUND
        findings = []
        if unlimited:
            findings.append(Finding(Verdict.NOT_IDENTIFIABLE, _unlimited(fit, pool, tau_low)))
        finite = np.isfinite([tau_low, tau, tau_high]).all()
        reports.append(
            PoolReport(
                pool=pool,
                utility=middle,
                utility_interval=(low, high),
                worth=weighted_quantiles(worth[valued, i], weights[valued], (0.5,))[0],
                half_life=tau if np.isfinite(tau) else None,
                half_life_interval=(tau_low, tau_high if finite else HALF_LIFE_BOUNDS[1])
                if np.isfinite(tau)
                else None,
                runs=len(rows),
                findings=tuple(findings),
            )
        )
    return tuple(reports)


def _draws(fit: Fit) -> list[int]:
    return [len(member.replicates) for member in fit.members]


def _relative_sizes(pools: Sequence[Pool]) -> Float[np.ndarray, " pools"]:
    """N of each pool over the geometric mean of the pools of its quality."""
    log_N = np.log([pool.unique_samples for pool in pools])
    alike = [
        [other is pool or (pool.quality is not None and other.quality == pool.quality) for other in pools]
        for pool in pools
    ]
    return np.exp(log_N - np.array([log_N[mine].mean() for mine in alike]))


def _unlimited(fit: Fit, pool: Pool, at_least: float) -> str:
    """Why a half-life has no upper limit, in words."""
    alike = {
        other.name
        for other in fit.pools
        if other is pool or (pool.quality is not None and other.quality == pool.quality)
    }
    epochs = max(row.samples_seen / row.unique_samples for row in fit.rows if row.pool in alike)
    of_quality = f" of quality {pool.quality}" if len(alike) > 1 else ""
    fits = (
        f"anything from {at_least:.2g} epochs up fits"
        if np.isfinite(at_least)
        else "the laws that predict best have no decay at all"
    )
    return (
        f"{pool.name}: half-lives cannot be identified from at most {epochs:.3g} epochs{of_quality}: {fits}. Add a run with more "
        "repetition."
    )


def describe_ensemble(fit: Fit, kinds: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Notes on what decided the weights, and warnings.

    Args:
        fit: Weighted members.
        kinds: Kinds of fold that the runs allowed.
    """
    notes = [
        "Laws are weighed by held-out prediction: " + ", ".join(kinds) + " left out."
        if kinds
        else "There are too few runs to hold any out; all laws keep their prior weights."
    ]
    for what in ("kernel", "mixing", "kappa"):
        shares: dict[object, float] = {}
        for member in fit.members:
            value = getattr(member, what)
            shares[value] = shares.get(value, 0.0) + member.weight
        heavy = sorted(shares.items(), key=lambda item: -item[1])
        words = ", ".join(f"{value} {share:.2f}" for value, share in heavy if share >= HEAVY)
        unknown = what == "mixing" or (what == "kappa" and np.allclose(_relative_sizes(fit.pools), 1.0))
        prior = " (prior: pools alone say nothing of it)" if unknown and not fit.joint_rows else ""
        notes.append(f"Weight by {what}: {words}{prior}.")
    if fit.joint_rows:
        notes.append(
            f"{fit.joint_rows} joint rows weigh mixing rules and kappa; they never enter utility or half-life."
        )
    warnings = () if kinds else ("No hold-out was possible: add runs at more budgets, 4 or more a pool.",)
    return tuple(notes), warnings
