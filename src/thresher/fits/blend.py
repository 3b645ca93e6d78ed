"""Several metrics as one: their weighted mean, or the worst of them, each with a law of its own.

One law cannot describe a mean of losses that prefer different pools: the best mixture of a single law is always at a corner
where nothing wears out. So every metric keeps its law, and what is forecast and minimised is the blend of their errors.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from thresher.errors import InputError
from thresher.fits.fit import Fit, Reach
from thresher.pools import adds_up
from thresher.runs import Measurement
from thresher.units import format_number


def blend_fits(fits: Sequence[Fit], weights: Sequence[float] | None = None, *, worst: bool = False) -> Fit:
    """One fit whose error is the weighted mean of several metrics, or the worst of them.

    Errors of different metrics lie at different levels. The worst is therefore taken of errors that are scaled to the same
    mean over the fitted runs, and is given at the mean level of all.

    Args:
        fits: One for each metric, of the same pools and unit.
        weights: Of each metric, summing to 1; equal if None.
        worst: Whether the largest scaled error counts instead of the mean.

    Raises:
        InputError: Fewer than two fits, fits of other pools or units, or weights that do not fit them.
    """
    shares = _shares(fits, weights, worst=worst)
    if worst:
        levels = np.array([np.mean([row.error for row in fit.rows]) for fit in fits])
        shares = levels.mean() / levels
    names = ", ".join(fit.metric for fit in fits)
    metric = (
        f"worst of {names}"
        if worst
        else " + ".join(
            f"{format_number(share)} {fit.metric}" for share, fit in zip(shares, fits, strict=True)
        )
    )
    noises = shares * np.array([fit.noise_sd for fit in fits])
    tops = [fit.chance for fit in fits if fit.chance is not None]
    scaled = shares[: len(tops)] * np.array(tops)
    first = fits[0]
    return replace(
        first,
        metric=metric,
        chance=None if not tops else min(float(scaled.max() if worst else scaled.sum()), 1.0),
        noise_sd=float(noises.max() if worst else np.sqrt(np.sum(noises**2))),
        laws=(),
        weights=(),
        rmse=float(np.max(shares * [fit.rmse for fit in fits])),
        rows=_rows(fits, shares, metric, worst=worst),
        reach=_reach([fit.reach for fit in fits]),
        reports=(),
        shared=(),
        notes=(),
        warnings=tuple(dict.fromkeys(text for fit in fits for text in fit.warnings)),
        parts=tuple(fits),
        part_weights=tuple(map(float, shares)),
        worst=worst,
    )


def _rows(fits: Sequence[Fit], shares: np.ndarray, metric: str, *, worst: bool) -> tuple[Measurement, ...]:
    """Every run that all metrics measured, with the blend of its errors."""
    for key_of in (_as_named, _as_trained):  # tables of one metric each may name the same runs differently
        measured = [{key_of(row): row.error for row in fit.rows} for fit in fits]
        found = []
        for row in fits[0].rows:
            errors = [one[key_of(row)] for one in measured if key_of(row) in one]
            if len(errors) == len(fits):
                values = shares * errors
                error = float(values.max() if worst else values.sum())
                found.append(replace(row, metric=metric, error=error, standard_error=None))
        if found:
            break
    else:
        raise InputError(
            f"No run was measured by all of {', '.join(fit.metric for fit in fits)}; fit them on the same runs."
        )
    return tuple(found)


def _as_named(row: Measurement) -> tuple[object, ...]:
    return (row.run_key, row.samples_seen)


def _as_trained(row: Measurement) -> tuple[object, ...]:
    return (row.shares, row.unique_samples, row.samples_seen, row.seed)


def _reach(reaches: Sequence[Reach]) -> Reach:
    """What all metrics reach."""
    return replace(
        reaches[0],
        largest_run=min(reach.largest_run for reach in reaches),
        most_epochs=min(reach.most_epochs for reach in reaches),
        widest_mixture=min(reach.widest_mixture for reach in reaches),
    )


def _shares(fits: Sequence[Fit], weights: Sequence[float] | None, *, worst: bool) -> np.ndarray:
    """Weights of the metrics, once everything fits together."""
    if len(fits) < 2:
        raise InputError("Several metrics need several fits; give two or more.")
    if any(fit.parts for fit in fits):
        raise InputError(
            "A fit that is already a blend of metrics cannot be blended again; give the fits of single metrics."
        )
    if worst and weights is not None:
        raise InputError("Weights of metrics and the worst of them exclude each other; give one.")
    first = {pool.name: pool.unique_samples for pool in fits[0].pools}
    for fit in fits[1:]:
        pools = {pool.name: pool.unique_samples for pool in fit.pools}
        if pools != first:
            odd = sorted(set(first.items()) ^ set(pools.items()))[0][0]
            raise InputError(
                f"The fits of {fits[0].metric} and {fit.metric} differ in pool {odd!r}; fit every metric on runs of the "
                "same pools."
            )
        if fit.unit != fits[0].unit:
            raise InputError(
                f"{fits[0].metric} is a {fits[0].unit} and {fit.metric} a {fit.unit}; they cannot be added. Plan for them apart."
            )
    shares = np.full(len(fits), 1.0 / len(fits)) if weights is None else np.asarray(weights, dtype=float)
    if len(shares) != len(fits):
        raise InputError(f"{len(shares)} weights of metrics for {len(fits)} metrics; give one for each.")
    if not (np.all(np.isfinite(shares)) and np.all(shares >= 0)):
        raise InputError("Weights of metrics must be 0 or more.")
    if not adds_up(float(shares.sum())):
        raise InputError(f"The weights of metrics sum to {format_number(shares.sum(), 6)}, not 1.")
    return shares / shares.sum()
