"""The error of a mixture at any budget, from every member of a fit."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtr, ndtri

from thresher.errors import ExtrapolationWarning, InputError
from thresher.fits.fit import INTERVAL, Fit, Member, Parameters
from thresher.laws.mixing import mixing_power, mixture_excess
from thresher.pools import Mixture, Pool, union
from thresher.shapes import Float
from thresher.units import check_samples, format_count

STEPS = 60
"""Steps towards a quantile; Newton's take about six, and bisections, if it came to them, a few dozen."""
CLOSE_ENOUGH = 1e-12
"""A quantile that moves by less than this has been found."""
LEAST_NOISE = 1e-9
"""A run's noise that is smaller than this is taken as this, so that quantiles are smooth."""
DRAWS_AT_ONCE = 2**22
"""Numbers in one block of predictions, to bound memory."""


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
            raise InputError(f"There is no pool {name!r} in this fit. It has: {', '.join(known)}.")
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
        pools: Names of the pools; several are a mixture and must be ranked.
        samples_seen: Budgets in samples, repeats counted.
        weights: Share of each pool, summing to 1; in proportion to unique samples if None.
        unique_samples: Another size of each pool at the same quality; half-lives then change by
            (size / fitted size)^kappa.

    Raises:
        InputError: Unknown pools, weights that are not shares, or a budget that no run can have.
        ExtrapolationWarning: (as a warning) A budget beyond the largest run, in samples or epochs.
    """
    found = find_pools(fit, pools)
    unranked = [pool.name for pool in found if pool.rank is None]
    if len(found) > 1 and unranked and len(unranked) < len(fit.pools):
        raise InputError(
            f"Pool {unranked[0]!r} has no rank and is in no mixture; it may overlap with others. Give it a rank in the run "
            "table if it is a bucket of its own."
        )
    sized = found
    if unique_samples is not None:
        if len(unique_samples) != len(found):
            raise InputError(
                f"{len(unique_samples)} values of unique_samples for {len(found)} pools; give one for each."
            )
        for pool, size in zip(found, unique_samples, strict=True):
            check_samples(size, f"unique_samples of {pool.name}")
        sized = tuple(
            replace(pool, unique_samples=size) for pool, size in zip(found, unique_samples, strict=True)
        )
    mixture = Mixture(sized, tuple(weights)) if weights is not None else union(sized)
    budgets = np.atleast_1d(np.asarray(samples_seen, dtype=float))
    for budget in budgets:
        check_samples(float(budget), "samples_seen")
    for message in extrapolations(fit, mixture, float(budgets.max())):
        warnings.warn(message, ExtrapolationWarning, stacklevel=2)
    best = expected_errors(fit, [mixture], budgets)[0]
    draws, draw_weights = draw_errors(fit, [mixture], budgets)
    low, high = run_interval(draws[:, 0], draw_weights, fit.run_sd)
    top = fit.chance if fit.chance is not None else np.inf
    return tuple(
        Prediction(mixture, float(n), float(e), float(max(lo, 0.0)), float(min(hi, max(top, e))))
        for n, e, lo, hi in zip(budgets, best, low, high, strict=True)
    )


def extrapolations(fit: Fit, mixture: Mixture, samples_seen: float) -> tuple[str, ...]:
    """How far a prediction lies beyond everything measured, in words; empty within the runs."""
    messages = []
    onset = float(np.sum([member.weight * np.log(member.parameters.onset[0]) for member in fit.members]))
    if fit.unit == "fraction" and samples_seen < np.exp(onset):
        messages.append(
            f"{format_count(samples_seen)} samples is before the onset (about {format_count(float(np.exp(onset)))}): no law says "
            "how a model learns there, and every choice is predicted to be near guessing."
        )
    if samples_seen > 1.001 * fit.largest_run:
        messages.append(
            f"{format_count(samples_seen)} samples is {samples_seen / fit.largest_run:.3g}x the largest run "
            f"({format_count(fit.largest_run)}); treat the error as a guess."
        )
    epochs = max(mixture.epochs(samples_seen))
    if epochs > 1.001 * fit.most_epochs:
        messages.append(
            f"{epochs:.3g} epochs over a pool is beyond the {fit.most_epochs:.3g} epochs of any run; no law here can rise "
            "again, and real training may."
        )
    if len(mixture.pools) > fit.widest_mixture:
        measured = f"at most {fit.widest_mixture} pools" if fit.widest_mixture > 1 else "one pool at a time"
        messages.append(
            f"A mixture of {len(mixture.pools)} pools is wider than any run ({measured}); how pools mix is then an assumption. "
            "One joint run would test it."
        )
    return tuple(messages)


def expected_errors(
    fit: Fit, mixtures: Sequence[Mixture], samples_seen: Float[np.ndarray, " budgets"]
) -> Float[np.ndarray, "mixtures budgets"]:
    """Error of each mixture at each budget: the members' best fits, weighted."""
    total = np.zeros((len(mixtures), len(samples_seen)))
    if not mixtures:
        return total
    for member in fit.members:
        total += member.weight * member_errors(fit, member, member.best, mixtures, samples_seen)[0]
    return total


def draw_errors(
    fit: Fit, mixtures: Sequence[Mixture], samples_seen: Float[np.ndarray, " budgets"]
) -> tuple[Float[np.ndarray, "draws mixtures budgets"], Float[np.ndarray, " draws"]]:
    """Noise-free error of each mixture under every draw (member x replicate), and the draws' weights."""
    errors, weights = [], []
    for member in fit.members:
        draws = member.replicates
        errors.append(member_errors(fit, member, draws, mixtures, samples_seen))
        weights.append(np.full(len(draws), member.weight / len(draws)))
    return np.concatenate(errors), np.concatenate(weights)


def member_errors(
    fit: Fit,
    member: Member,
    draws: Parameters,
    mixtures: Sequence[Mixture],
    samples_seen: Float[np.ndarray, " budgets"],
) -> Float[np.ndarray, "draws mixtures budgets"]:
    """Noise-free error of each mixture under draws of one member, capped at chance."""
    index, sizes, weights = _layout(fit, mixtures)
    block = max(1, DRAWS_AT_ONCE // max(1, weights.size * len(samples_seen)))
    parts = [
        _block_errors(fit, member, draws.take(slice(at, at + block)), index, sizes, weights, samples_seen)
        for at in range(0, len(draws), block)
    ]
    return np.concatenate(parts)


def _block_errors(
    fit: Fit,
    member: Member,
    draws: Parameters,
    index: np.ndarray,
    sizes: np.ndarray,
    weights: np.ndarray,
    samples_seen: Float[np.ndarray, " budgets"],
) -> Float[np.ndarray, "draws mixtures budgets"]:
    fitted = np.array([pool.unique_samples for pool in fit.pools])
    growth = (sizes / fitted[index]) ** member.kappa
    axis = (slice(None), slice(None), None, slice(None))  # draws, mixtures, budgets, pools
    b = draws.utility[:, index][axis]
    excess = mixture_excess(
        samples_seen,
        sizes[None, :, None],
        weights[None, :, None],
        kernel=member.kernel,
        A=draws.amplitude[:, None, None],
        n0=draws.onset[:, None, None],
        b=b,
        tau=(draws.half_life[:, index] * growth)[axis],
        q=draws.worth[:, index][axis],
        kappa=member.kappa,
        m=mixing_power(member.mixing, b, weights[None, :, None]),
    )
    error = excess + draws.floor[:, None, None]
    return np.minimum(error, fit.chance) if fit.chance is not None else error


def _layout(fit: Fit, mixtures: Sequence[Mixture]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pool indices, sizes and weights of each mixture, padded with its first pool at weight 0."""
    position = {pool.name: i for i, pool in enumerate(fit.pools)}
    widest = max(len(mixture.pools) for mixture in mixtures)
    index = np.zeros((len(mixtures), widest), dtype=int)
    sizes = np.ones((len(mixtures), widest))
    weights = np.zeros((len(mixtures), widest))
    for row, mixture in enumerate(mixtures):
        padded = [*mixture.pools, *[mixture.pools[0]] * (widest - len(mixture.pools))]
        index[row] = [position[pool.name] for pool in padded]
        sizes[row] = [pool.unique_samples for pool in padded]
        weights[row, : len(mixture.pools)] = mixture.weights
    return index, sizes, weights


def run_interval(
    draws: Float[np.ndarray, "draws ..."], weights: Float[np.ndarray, " draws"], noise_sd: float
) -> tuple[Float[np.ndarray, "..."], Float[np.ndarray, "..."]]:
    """5 % and 95 % points of one new run: the draws, each blurred by the noise of a run."""
    low, high = (run_quantile(draws, weights, noise_sd, share) for share in INTERVAL)
    return low, high


def run_quantile(
    draws: Float[np.ndarray, "draws ..."], weights: Float[np.ndarray, " draws"], noise_sd: float, share: float
) -> Float[np.ndarray, "..."]:
    """Point below which a new run falls with probability `share`: Newton's method, kept inside a shrinking interval.

    Args:
        draws: Noise-free errors.
        weights: Weights of the draws, summing to 1.
        noise_sd: Spread of one run's error.
        share: Probability, between 0 and 1.
    """
    sd = max(noise_sd, LEAST_NOISE)
    flat = draws.reshape(len(draws), -1)
    low, high = flat.min(axis=0) - 5 * sd, flat.max(axis=0) + 5 * sd
    mean = weights @ flat
    spread = np.sqrt(weights @ (flat - mean) ** 2 + sd**2)
    point = np.clip(mean + ndtri(share) * spread, low, high)
    open_ = np.arange(flat.shape[1])
    for _ in range(STEPS):
        z = (point[open_] - flat[:, open_]) / sd
        excess = weights @ ndtr(z) - share
        with np.errstate(under="ignore"):
            density = weights @ np.exp(-0.5 * z**2) / (np.sqrt(2.0 * np.pi) * sd)
        low[open_] = np.where(excess < 0, point[open_], low[open_])
        high[open_] = np.where(excess < 0, high[open_], point[open_])
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):  # where no draw is near: bisect
            step = point[open_] - excess / density
        inside = (step > low[open_]) & (step < high[open_])
        better = np.where(inside, step, 0.5 * (low[open_] + high[open_]))
        moved = np.abs(better - point[open_])
        point[open_] = better
        open_ = open_[moved > CLOSE_ENOUGH]
        if not len(open_):
            break
    return point.reshape(draws.shape[1:])
