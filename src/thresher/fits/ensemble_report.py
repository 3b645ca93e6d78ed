"""What an ensemble says of each pool and of itself, in words."""

from collections.abc import Sequence

import numpy as np

from thresher.fits.curves import HALF_LIFE_BOUNDS
from thresher.fits.fit import INTERVAL, Finding, Fit, PoolReport, Verdict
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
    reports = []
    for i, pool in enumerate(fit.pools):
        low, middle, high = weighted_quantiles(utility[:, i], weights, (INTERVAL[0], 0.5, INTERVAL[1]))
        rows = [row for row in fit.rows if row.pool == pool.name]
        tau_low, tau, tau_high = weighted_quantiles(half_life[:, i], weights, (INTERVAL[0], 0.5, INTERVAL[1]))
        unlimited = float(weights[half_life[:, i] >= 0.99 * HALF_LIFE_BOUNDS[1]].sum()) >= SHARE_AT_BOUND
        findings = []
        if unlimited:
            epochs = max(row.samples_seen / row.unique_samples for row in rows)
            findings.append(
                Finding(
                    Verdict.NOT_IDENTIFIABLE,
                    f"{pool.name}: half-lives cannot be identified from at most {epochs:.3g} epochs: anything from "
                    f"{tau_low:.2g} epochs up fits. Add a run with more repetition.",
                )
            )
        finite = np.isfinite([tau_low, tau, tau_high]).all()
        reports.append(
            PoolReport(
                pool=pool,
                utility=middle,
                utility_interval=(low, high),
                worth=weighted_quantiles(worth[:, i], weights, (0.5,))[0],
                half_life=tau if np.isfinite(tau) else None,
                half_life_interval=(tau_low, tau_high if finite else HALF_LIFE_BOUNDS[1])
                if np.isfinite(tau)
                else None,
                runs=len(rows),
                findings=tuple(findings),
            )
        )
    return tuple(reports)


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
        prior = " (prior: single pools say nothing of it)" if what == "mixing" and not fit.joint_rows else ""
        notes.append(f"Weight by {what}: {words}{prior}.")
    warnings = () if kinds else ("No hold-out was possible: add runs at more budgets, 4 or more a pool.",)
    return tuple(notes), warnings
