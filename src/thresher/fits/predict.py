"""The error of a mixture at any budget, with its interval, and how far it lies beyond the runs."""

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from thresher.arguments import argument
from thresher.errors import ExtrapolationWarning, InputError
from thresher.fits.doubts import untrained_shares
from thresher.fits.fit import Fit
from thresher.fits.forecast import forecast
from thresher.names import did_you_mean, listed
from thresher.pools import Mixture, Pool, rescaled, union
from thresher.runs.swarms import Swarm
from thresher.units import check_samples, format_count, format_number, format_times

MOST_WARNINGS = 3
"""Warnings that are given of a whole table of mixtures."""
SLACK = 1.001
"""A budget this little beyond the largest run is not beyond it."""


@dataclass(frozen=True)
class Prediction:
    """Predicted error of one mixture at one budget; the interval covers one new run."""

    mixture: Mixture
    samples_seen: float
    error: float
    low: float
    high: float

    @property
    def epochs(self) -> tuple[float, ...]:
        """Passes over each pool."""
        return self.mixture.epochs(self.samples_seen)


def find_pools(fit: Fit, names: Sequence[str]) -> tuple[Pool, ...]:
    """Fitted pools by name.

    Raises:
        InputError: An unknown or repeated name.
    """
    known = {pool.name: pool for pool in fit.pools}
    for name in names:
        if name not in known:
            raise InputError(
                f"There is no pool {name!r} in this fit. It has: {listed(known)}.{did_you_mean(name, known)}"
            )
    if len(set(names)) < len(names):
        raise InputError(f"A pool is named twice in {'+'.join(names)}; name each once.")
    return tuple(known[name] for name in names)


def predict_mixture(
    fit: Fit,
    pools: Sequence[str],
    samples_seen: Sequence[float] | float,
    *,
    weights: Sequence[float] | None = None,
    unique_samples: Sequence[float] | None = None,
) -> tuple[Prediction, ...]:
    """Predicted error of training on some pools, at each budget.

    Args:
        fit: What was fitted.
        pools: Names of the pools; several are a mixture, and must be ranked where any pool is.
        samples_seen: Budgets in samples, repeats counted.
        weights: Share of each pool, summing to 1; in proportion to unique samples if None.
        unique_samples: Another size of each pool at the same quality; half-lives then change by
            (size / fitted size)^kappa.

    Raises:
        InputError: Unknown pools, weights that are not shares, or a budget that no run can have.
        ExtrapolationWarning: (as a warning) A budget or a mixture beyond the runs.
    """
    mixture = mixture_of(fit, pools, weights=weights, unique_samples=unique_samples)
    budgets = np.atleast_1d(np.asarray(samples_seen, dtype=float))
    for budget in budgets:
        check_samples(float(budget), argument("samples_seen"))
    for message in extrapolations(fit, mixture, float(budgets.max())):
        warnings.warn(message, ExtrapolationWarning, stacklevel=2)
    return tuple(one for row in predict_mixtures(fit, [mixture], budgets) for one in row)


def predict_mixtures(
    fit: Fit, mixtures: Sequence[Mixture], samples_seen: Sequence[float] | np.ndarray
) -> tuple[tuple[Prediction, ...], ...]:
    """Predicted error of many mixtures at many budgets; no warnings are given.

    Args:
        fit: What was fitted.
        mixtures: Of pools of the fit.
        samples_seen: Budgets in samples, repeats counted.

    Returns:
        For each mixture its prediction at each budget.
    """
    budgets = np.asarray(samples_seen, dtype=float)
    found = forecast(fit, mixtures, budgets)
    low, high = found.interval()
    return tuple(
        tuple(
            Prediction(mixture, float(n), float(found.expected[i, j]), float(low[i, j]), float(high[i, j]))
            for j, n in enumerate(budgets)
        )
        for i, mixture in enumerate(mixtures)
    )


def predict_shares(fit: Fit, swarm: Swarm, samples_seen: Sequence[float]) -> tuple[Prediction, ...]:
    """Predicted error of every row of a table of shares at each budget, in their order.

    Args:
        fit: What was fitted.
        swarm: The table, see `read_shares_table`.
        samples_seen: Budgets in samples, repeats counted.

    Raises:
        InputError: A share of a pool that no run of the fit trains on.
        ExtrapolationWarning: (as a warning) Mixtures or budgets beyond the runs.
    """
    mixtures = [mixture_of_shares(fit, swarm, run) for run in swarm.shares]
    for budget in samples_seen:
        check_samples(budget, argument("samples_seen"))
    told = Counter(
        text for mixture in mixtures for text in extrapolations(fit, mixture, float(max(samples_seen)))
    )
    for text, count in told.most_common(MOST_WARNINGS):
        more = f" ({count} of {len(mixtures)} mixtures)" if count > 1 else ""
        warnings.warn(f"{text}{more}", ExtrapolationWarning, stacklevel=2)
    if len(told) > MOST_WARNINGS:
        left = sum(told.values()) - sum(count for _, count in told.most_common(MOST_WARNINGS))
        warnings.warn(f"{left} more warnings of this kind.", ExtrapolationWarning, stacklevel=2)
    return tuple(one for row in predict_mixtures(fit, mixtures, samples_seen) for one in row)


def mixture_of_shares(fit: Fit, swarm: Swarm, run: str) -> Mixture:
    """The mixture in one row of a table of shares.

    Raises:
        InputError: A share of a pool that no run of the fit trains on.
    """
    known = {pool.name: pool for pool in fit.pools}
    used = [(name, share) for name, share in zip(swarm.pools, swarm.shares[run], strict=True) if share > 0]
    for name, share in used:
        if name not in known:
            raise InputError(
                f"{swarm.source}: run {run!r} gives {format_number(share)} to {name!r}, a pool that no fitted "
                "run trains on. The fit has "
                f"{listed(known)}."
            )
    return Mixture(tuple(known[name] for name, _ in used), tuple(share for _, share in used))


def mixture_of(
    fit: Fit,
    pools: Sequence[str],
    *,
    weights: Sequence[float] | None = None,
    unique_samples: Sequence[float] | None = None,
) -> Mixture:
    """The mixture of some fitted pools; arguments as in `predict_mixture`.

    Raises:
        InputError: Unknown pools, weights that are not shares, or a size that no pool can have.
    """
    found = find_pools(fit, pools)
    unranked = [pool.name for pool in found if pool.rank is None]
    if len(found) > 1 and unranked and fit.ranked:
        raise InputError(
            f"Pool {unranked[0]!r} has no rank and is in no mixture; it may overlap with others. Give it a rank in the run "
            "table if it is a bucket of its own."
        )
    if unique_samples is not None:
        if len(unique_samples) != len(found):
            raise InputError(
                f"{len(unique_samples)} values of {argument('unique_samples')} for {len(found)} pools; give one for each."
            )
        for pool, size in zip(found, unique_samples, strict=True):
            check_samples(size, f"{argument('unique_samples')} of {pool.name}")
        found = tuple(
            replace(pool, unique_samples=size) for pool, size in zip(found, unique_samples, strict=True)
        )
    return Mixture(found, rescaled(pools, weights)) if weights is not None else union(found)


def extrapolations(fit: Fit, mixture: Mixture, samples_seen: float) -> tuple[str, ...]:
    """How far a prediction lies beyond everything measured, in words; empty within the runs."""
    messages = []
    onset = next((part.value for part in fit.shared if part.name == "onset"), 0.0)
    if fit.unit == "fraction" and samples_seen < onset:
        messages.append(
            f"{format_count(samples_seen)} samples is before the onset (about {format_count(onset)}): no law says "
            "how fast a model leaves guessing."
        )
    reach = fit.reach
    if samples_seen > SLACK * reach.largest_run:
        messages.append(
            f"{format_count(samples_seen)} samples is {format_times(samples_seen / reach.largest_run)} the largest run "
            f"({format_count(reach.largest_run)}); treat the error as a guess."
        )
    epochs = max(mixture.epochs(samples_seen))
    if epochs > SLACK * max(reach.most_epochs, 1.0):
        messages.append(
            f"{format_number(epochs)} epochs over a pool is beyond the {format_number(reach.most_epochs)} "
            "epochs of any run; no law here can rise "
            "again, and real training may."
        )
    if len(mixture.pools) > reach.widest_mixture:
        measured = (
            f"at most {reach.widest_mixture} pools" if reach.widest_mixture > 1 else "one pool at a time"
        )
        messages.append(
            f"A mixture of {len(mixture.pools)} pools is wider than any run ({measured}); how pools mix is then an assumption. "
            "One joint run would test it."
        )
    return (*messages, *untrained_shares(fit, mixture))
