"""What a fit says of the parts that all pools share: prior, posterior, and one sentence on whether the runs tell."""

from collections.abc import Sequence

import numpy as np

from thresher.fits.default_law import EXPONENT, FLOOR, KAPPA, LEVEL, POWER, DefaultProblem
from thresher.fits.fit import SharedReport, drawn
from thresher.fits.paper_law import PaperProblem
from thresher.fits.quantiles import INTERVAL, interval, weighted_quantile
from thresher.laws.one_law import OneLaw
from thresher.laws.paper import PaperLaw
from thresher.shapes import Float
from thresher.units import format_count, format_number

IDENTIFIED = 0.6
"""A part is identified if its interval is at most this share of its prior's, which takes runs that tell about as much again
as the prior does, and more."""
PRIOR_DRAWS = 2000
"""Draws of the prior, for parts that are a function of several parameters."""
MEANING = {
    "kappa": "how half-lives grow with the number of unique samples",
    "power": "how pools mix",
    "floor": "the irreducible error",
    "onset": "samples at which a curve leaves guessing",
    "exponent": "how fast error falls with samples",
}


def describe_shared(
    problem: DefaultProblem, laws: Sequence[OneLaw], weights: Sequence[float]
) -> tuple[tuple[SharedReport, ...], tuple[str, ...]]:
    """A report for each shared part of the default law, and what of it is worth a line."""
    draws = [drawn(law) for law in laws]
    w = np.repeat(
        [weight / len(law) for weight, law in zip(weights, draws, strict=True)], [len(law) for law in draws]
    )
    believed = problem.law(_prior_draws(problem))
    fixed = {
        "kappa": problem.fixed.kappa,
        "power": problem.fixed.power,
        "floor": problem.fixed.floor,
        "onset": problem.fixed.onset,
        "exponent": None,
    }
    reports = []
    for name, number in fixed.items():
        prior = getattr(believed, name)
        if prior is None:  # a loss has no onset
            continue
        values = np.concatenate([np.asarray(getattr(law, name)) for law in draws])
        reports.append(_report(name, values, w, prior, number))
    return tuple(reports), tuple(report.sentence for report in reports if report.name != "exponent")


def _report(
    name: str,
    values: Float[np.ndarray, " draws"],
    w: Float[np.ndarray, " draws"],
    prior: Float[np.ndarray, " prior_draws"],
    fixed: float | None,
) -> SharedReport:
    if fixed is not None:
        return SharedReport(
            name, fixed, (fixed, fixed), None, False, f"{name}: fixed at {_shown(name, fixed)}."
        )
    low, high = (float(end) for end in interval(values, w))
    before = tuple(float(end) for end in np.quantile(prior, INTERVAL))
    scale = np.log if name in ("onset", "exponent") else float
    width, prior_width = scale(high) - scale(low), scale(before[1]) - scale(before[0])
    identified = bool(width <= IDENTIFIED * prior_width)
    middle = float(weighted_quantile(values, w, 0.5))
    found = f"{_shown(name, middle)} ({_shown(name, low)} to {_shown(name, high)})"
    # where a curve leaves guessing follows from other parts, and their priors leave it open
    told = f" (prior {_shown(name, before[0])} to {_shown(name, before[1])})" if name != "onset" else ""
    extra = f"; {power_in_words(low, high)}" if name == "power" and identified else ""
    sentence = (
        f"{name}, {MEANING[name]}: {found} from these runs{extra}{told}."
        if identified
        else f"{name}, {MEANING[name]}: {found}, assumed, because these runs cannot identify it{told}."
    )
    return SharedReport(name, middle, (low, high), (before[0], before[1]), identified, sentence)


def power_in_words(low: float, high: float) -> str:
    """What an interval of the mixing power means."""
    if low > 1:
        return "above 1: concentrating on the best pools pays"
    if high < 1:
        return "below 1: variety pays"
    return "about 1: samples of different pools add up"


def paper_shared(problem: PaperProblem, law: PaperLaw) -> tuple[tuple[SharedReport, ...], tuple[str, ...]]:
    """The shared parts of the paper's law; those that are fixed are assumptions, and are said so."""
    draws = drawn(law)
    w = np.full(len(draws), 1.0 / len(draws))
    reports = []
    for name, values in (("kappa", draws.kappa), ("floor", draws.floor), ("onset", draws.onset)):
        best = float(getattr(law, name)[0])
        low, high = (float(end) for end in interval(values, w))
        moved = high > low
        sentence = (
            f"{name}, {MEANING[name]}: {_shown(name, best)} ({_shown(name, low)} to {_shown(name, high)})."
            if moved
            else f"{name}, {MEANING[name]}: assumed to be {_shown(name, best)}."
        )
        reports.append(SharedReport(name, best, (low, high), None, moved, sentence))
    if problem.chance is None:
        reports = [report for report in reports if report.name != "onset"]
    return tuple(reports), tuple(report.sentence for report in reports)


def _prior_draws(problem: DefaultProblem) -> Float[np.ndarray, "draws parameters"]:
    """Parameters drawn from the prior, within their ranges; always the same ones."""
    prior = problem.prior
    theta = np.repeat(prior.centre[None], PRIOR_DRAWS, axis=0)
    z = np.random.default_rng(0).standard_normal((PRIOR_DRAWS, 5))
    p = problem.priors
    for column, at, sd in (
        (0, LEVEL, p.level), (1, FLOOR, p.floor_share.sd), (2, EXPONENT, p.log_exponent.sd), (3, KAPPA, p.kappa.sd),
        (4, POWER, p.power.sd),
    ):  # fmt: skip
        theta[:, at] += sd * z[:, column]
    return np.clip(theta, prior.low, prior.high)


def _shown(name: str, value: float) -> str:
    return format_count(value) if name == "onset" else format_number(value)
