"""Errors of mixtures at budgets: the expected one, what the draws say, and how far a new run may lie from them.

The draws are centred, in the logarithm, on the most probable law: what is said to be expected and what is chosen by
regret then agree. Two doubts come on top of the draws. How pools mix is only known where joint runs show it: a union
gets an error of its own in the log excess, larger where its pools are unlike, and shared between unions in proportion
to what they have in common. And the law is less right away from the runs: in samples, in epochs and in pool size.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.special import ndtr, ndtri

from thresher.fits.fit import Fit, drawn
from thresher.fits.priors import DISTANCE
from thresher.fits.quantiles import interval, weighted_quantile
from thresher.fits.union_doubt import draw_doubts
from thresher.laws.kernels import find_kernel
from thresher.laws.one_law import OneLaw
from thresher.laws.paper import PaperLaw
from thresher.laws.settings import Settings
from thresher.pools import Mixture
from thresher.shapes import Float

REPEATS = 10
"""Times that each draw stands in a forecast, each time with another doubt of how its pools mix: 1,600 in all."""
SEED = 0
SIZE_DISTANCE = 0.25
"""A factor in pool size counts as a quarter of the same factor in samples: half-lives alone depend on it."""
ENDLESS = 1e18
"""Unique samples of a pool that never repeats, where sizes are compared."""
LARGEST_ERROR = 1e300
"""Where intervals of losses end; beyond it no file can hold a number."""
ROUNDING = 1e-12
PART = 200_000
"""Effective samples (draws times runs times pools) that are worked out at once: more outgrow the processor's cache, and with
hundreds of pools any memory."""


@dataclass(frozen=True)
class Forecast:
    """Errors of mixtures at budgets.

    Attributes:
        expected: Under the most probable law of each kernel, weighted.
        errors: Noise-free errors; the draws' weights are `weights`.
        weights: They sum to 1.
        noise: Sd of ln y of one new run about a noise-free error.
        chance: Error of guessing, at which intervals end; None for losses.
        parts: Forecasts of the single metrics of a blend, in their order; their draws are not those of the blend.
    """

    expected: Float[np.ndarray, "mixtures budgets"]
    errors: Float[np.ndarray, "draws mixtures budgets"]
    weights: Float[np.ndarray, " draws"]
    noise: Float[np.ndarray, "mixtures budgets"]
    chance: float | None
    parts: "tuple[Forecast, ...]" = field(default=(), repr=False)

    @property
    def mean(self) -> Float[np.ndarray, "mixtures budgets"]:
        """Mean over the draws."""
        return np.tensordot(self.weights, self.errors, axes=1)

    def of(self, mixtures: Sequence[int]) -> "Forecast":
        """The forecast of some of the mixtures."""
        at = list(mixtures)
        parts = tuple(part.of(at) for part in self.parts)
        return replace(
            self, expected=self.expected[at], errors=self.errors[:, at], noise=self.noise[at], parts=parts
        )

    def interval(self) -> tuple[Float[np.ndarray, "mixtures budgets"], Float[np.ndarray, "mixtures budgets"]]:
        """5 % and 95 % point of the error of one new run: above 0, at most at guessing, on either side of what is expected."""
        low, high = interval(self._runs(), self.weights)
        return np.minimum(low, self.expected), np.maximum(high, self.expected)

    def quantile(self, share: float) -> Float[np.ndarray, "mixtures budgets"]:
        """Point below which one new run falls with this probability."""
        return weighted_quantile(self._runs(), self.weights, share)

    def probability_below(self, error: float) -> Float[np.ndarray, "mixtures budgets"]:
        """Probability that one new run has this error or less."""
        return np.tensordot(self.weights, ndtr((np.log(error) - np.log(self.errors)) / self.noise), axes=1)

    def _runs(self) -> Float[np.ndarray, "draws mixtures budgets"]:
        # the same noise in every column: curves over budgets stay smooth, and each column alone is what counts; it is made of
        # the quantiles of a normal distribution, so that few draws have its spread too
        count = len(self.weights)
        noise = np.random.default_rng([SEED, 1]).permutation(ndtri((np.arange(count) + 0.5) / count))
        with np.errstate(over="ignore", under="ignore"):
            runs = self.errors * np.exp(self.noise * noise[:, None, None])
        return np.clip(runs, np.finfo(float).tiny, LARGEST_ERROR if self.chance is None else self.chance)


def forecast(
    fit: Fit,
    mixtures: Sequence[Mixture],
    samples_seen: Float[np.ndarray, " budgets"],
    *,
    repeats: int = REPEATS,
) -> Forecast:
    """Errors of every mixture at every budget.

    Args:
        fit: What was fitted.
        mixtures: Of pools of the fit, at these or at other sizes.
        samples_seen: Budgets in samples, repeats counted.
        repeats: Times that each draw stands in the forecast.
    """
    budgets = np.asarray(samples_seen, dtype=float)
    shape = (len(mixtures), len(budgets))
    return _forecast(fit, lambda part: settings_of(part, mixtures, budgets), shape, repeats)


def forecast_runs(
    fit: Fit, mixtures: Sequence[Mixture], samples_seen: Sequence[float], *, repeats: int = REPEATS
) -> Forecast:
    """Errors of runs, each of its own mixture and length: a forecast whose one column has them in a row.

    Args:
        fit: What was fitted.
        mixtures: Of pools of the fit, one for each run.
        samples_seen: One for each run.
        repeats: Times that each draw stands in the forecast.
    """
    lengths = np.asarray(samples_seen, dtype=float)

    def settings(part: Fit) -> Settings:
        return replace(settings_of(part, mixtures, np.ones(1)), samples_seen=lengths)

    return _forecast(fit, settings, (len(mixtures), 1), repeats)


def _forecast(
    fit: Fit, settings_for: Callable[[Fit], Settings], shape: tuple[int, int], repeats: int
) -> Forecast:
    """Errors of the settings that a fit, or each part of a blend, has for what is asked."""
    if fit.parts:
        return _blended(fit, settings_for, shape, repeats)
    settings = settings_for(fit)
    expected = np.zeros(len(settings))
    for law, weight in zip(fit.laws, fit.weights, strict=True):
        expected += weight * errors_of(law.take(slice(0, 1)), settings)[0]
    parts = [
        _doubted(drawn(law), settings, repeats, at, fit.reach.joint_information)
        for at, law in enumerate(fit.laws)
    ]
    errors, weights = np.concatenate(parts), np.repeat(fit.draw_weights, repeats) / repeats
    if abs(weights.sum() - 1.0) > ROUNDING:  # those of a file may be off by 1e-6
        weights = weights / weights.sum()
    with np.errstate(under="ignore"):
        errors *= expected / np.exp(weights @ np.log(errors))
    least, most = np.finfo(float).tiny, LARGEST_ERROR if fit.chance is None else fit.chance
    errors, expected = np.clip(errors, least, most), np.clip(expected, least, most)
    return Forecast(
        expected=expected.reshape(shape),
        errors=errors.reshape(-1, *shape),
        weights=weights,
        noise=run_noise(fit, settings).reshape(shape),
        chance=fit.chance,
    )


def _blended(
    fit: Fit, settings_for: Callable[[Fit], Settings], shape: tuple[int, int], repeats: int
) -> Forecast:
    """The blend of the forecasts of several metrics, whose draws are independent."""
    parts = [
        _forecast(replace(part, exposure=fit.exposure), settings_for, shape, repeats) for part in fit.parts
    ]
    size = max(len(part.weights) for part in parts)
    rng = np.random.default_rng([SEED, 3])
    errors, expected = [], []
    for part, share in zip(parts, fit.part_weights, strict=True):
        errors.append(share * part.errors[rng.choice(len(part.weights), size=size, p=part.weights)])
        expected.append(share * part.expected)
    noises = np.stack(
        [part.noise * mean for part, mean in zip(parts, expected, strict=True)]
    )  # in the unit of the error
    if fit.worst:
        total, drawn_errors = np.max(expected, axis=0), np.max(errors, axis=0)
        noise = np.take_along_axis(noises, np.argmax(expected, axis=0)[None], axis=0)[0]
    else:
        total, drawn_errors = np.sum(expected, axis=0), np.sum(errors, axis=0)
        noise = np.sum(noises, axis=0)  # one run's misfit is alike in all metrics
    if fit.chance is not None:  # the worst of scaled errors may pass 1, and a sum may by rounding
        total, drawn_errors = np.minimum(total, fit.chance), np.minimum(drawn_errors, fit.chance)
    return Forecast(total, drawn_errors, np.full(size, 1.0 / size), noise / total, fit.chance, tuple(parts))


def errors_of(law: OneLaw | PaperLaw, settings: Settings) -> Float[np.ndarray, "draws runs"]:
    """Errors of every run under every draw, a few runs at a time."""
    widest = int(settings.used.sum(axis=1).max(initial=1))
    at_once = max(PART // (len(law) * widest), 1)
    if len(settings) <= at_once:
        return law.errors(settings)
    return np.concatenate(
        [law.errors(settings.take(slice(i, i + at_once))) for i in range(0, len(settings), at_once)], axis=1
    )


def settings_of(
    fit: Fit, mixtures: Sequence[Mixture], samples_seen: Float[np.ndarray, " budgets"]
) -> Settings:
    """Every mixture at every budget, mixture by mixture."""
    place = {pool.name: i for i, pool in enumerate(fit.pools)}
    weights = np.zeros((len(mixtures), len(fit.pools)))
    sizes = np.tile([pool.unique_samples for pool in fit.pools], (len(mixtures), 1)).astype(float)
    for row, mixture in enumerate(mixtures):
        for pool, weight in zip(mixture.pools, mixture.weights, strict=True):
            weights[row, place[pool.name]] = weight
            sizes[row, place[pool.name]] = pool.unique_samples
    count = len(samples_seen)
    return Settings(
        np.repeat(weights, count, axis=0),
        np.repeat(sizes, count, axis=0),
        np.tile(samples_seen, len(mixtures)).astype(float),
        np.full(len(mixtures) * count, is_resampled(fit)),
    )


def is_resampled(fit: Fit) -> bool:
    """Whether the runs that are predicted draw samples with replacement."""
    if fit.exposure is not None:
        return fit.exposure == "resampled"
    stated = {row.exposure for row in fit.rows if row.exposure not in (None, "unknown")}
    if not stated:  # as the fit took them: with replacement only under a kernel that is for it
        laws = fit.laws or fit.parts[0].laws
        return bool(laws) and find_kernel(laws[0].kernel).exposure == "resampled"
    return stated == {"resampled"}


def _doubted(
    law: OneLaw | PaperLaw,
    settings: Settings,
    repeats: int,
    stream: int,
    information: tuple[tuple[float, ...], ...],
) -> Float[np.ndarray, "draws runs"]:
    """Every draw's errors, repeated, each time with another doubt of how its pools mix; the paper's law has none."""
    errors = np.repeat(errors_of(law, settings), repeats, axis=0)
    unions = settings.used.sum(axis=1) > 1
    if not isinstance(law, OneLaw) or not unions.any():
        return errors
    rng = np.random.default_rng([SEED, 2, stream])
    log_worth = np.repeat(np.log(law.worth), repeats, axis=0)
    doubts = draw_doubts(settings.weights, log_worth, np.array(information), rng)
    floor = np.repeat(law.floor, repeats)[:, None]
    return floor + (errors - floor) * np.exp(doubts)


def run_noise(fit: Fit, settings: Settings) -> Float[np.ndarray, " runs"]:
    """Sd of ln y of one new run: misfit at its distance from the fitted runs, and seed noise."""
    reach = fit.reach
    in_samples = np.log(settings.samples_seen / reach.largest_run)
    most = np.where(settings.used, settings.epochs, 0.0).max(axis=1)
    in_epochs = np.log(np.maximum(most / max(reach.most_epochs, 1.0), 1.0))
    known = np.log(np.minimum(np.unique(reach.sizes), ENDLESS))
    sizes = np.log(np.minimum(settings.unique_samples, ENDLESS))
    above = (
        np.searchsorted(known, sizes).clip(1, len(known) - 1) if len(known) > 1 else np.zeros_like(sizes, int)
    )
    gaps = np.minimum(np.abs(sizes - known[above]), np.abs(sizes - known[above - 1]))
    in_size = SIZE_DISTANCE * np.sum(settings.weights * gaps, axis=1)
    wide = np.sqrt(1.0 + DISTANCE**2 * (in_samples**2 + in_epochs**2 + in_size**2))
    return np.hypot(fit.misfit * wide, fit.seed_sd)
