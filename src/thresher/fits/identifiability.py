"""How far onset, amplitude, floor, utility and half-life can be told apart on given runs, in words."""

import numpy as np

from thresher.fits.choice import LawChoice
from thresher.fits.curves import HALF_LIFE_BOUNDS, Curves
from thresher.fits.least_squares import minimise
from thresher.fits.profiles import Profiles, threshold
from thresher.fits.starts import starts
from thresher.laws.kernels import find_kernel
from thresher.shapes import Float

FLOOR_SHARES = np.linspace(0.0, 0.95, 14)
"""Floors tried, as shares of the smallest observed error."""
STRONG_CORRELATION = 0.9


def describe(
    curves: Curves,
    theta: Float[np.ndarray, " parameters"],
    sum_of_squares: float,
    scale: float,
    profiles: Profiles,
    choice: LawChoice,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Notes on what the runs can tell apart, and warnings where a conclusion rests on an assumption.

    Args:
        curves: The problem that was fitted.
        theta: Its optimum.
        sum_of_squares: Weighted sum of squares there.
        scale: Standard deviation of the weighted residuals.
        profiles: Intervals of the parameters.
        choice: The law that was asked for.
    """
    notes = [_floor_words(curves, sum_of_squares, scale, choice), _onset_words(curves, profiles, choice)]
    notes += _trade_off_words(curves, theta)
    warnings = []
    freedom = curves.observations.count - curves.size
    if freedom <= 0:
        warnings.append(
            f"The law has as many parameters ({curves.size}) as there are runs; nothing is left to check it against."
        )
    return tuple(notes), tuple(warnings)


def _floor_words(curves: Curves, sum_of_squares: float, scale: float, choice: LawChoice) -> str:
    observations = curves.observations
    smallest = float(observations.error[observations.used].min())
    limit = sum_of_squares + threshold(scale, observations.count - curves.size)
    fits = [_at_floor(curves, float(share * smallest), choice) for share in FLOOR_SHARES]
    allowed = [fit for fit in fits if fit[1] <= limit]
    if not allowed or allowed[0] == allowed[-1]:
        return f"Floor: {curves.floor:.3g}; no floor far from it fits these runs as well."
    first, last = allowed[0], allowed[-1]
    name = observations.pools[0].name
    words = (
        f"Floor: every floor from {first[0]:.2g} to {last[0]:.2g} fits these runs within 90 %, and the utility of {name} "
        f"goes from {first[2]:.3g} to {last[2]:.3g} with it"
    )
    if find_kernel(curves.kernel).decays:
        words += f", its half-life from {_epochs(first[3])} to {_epochs(last[3])}"
    fixed = (
        "is fixed"
        if not isinstance(choice.floor, str) and not _floor_was_fitted(choice)
        else "was found best"
    )
    return f"{words}. The runs do not tell them apart; the floor {fixed} at {curves.floor:.3g}."


def _epochs(half_life: float) -> str:
    return f"{half_life:.2g} epochs" if half_life < 0.999 * HALF_LIFE_BOUNDS[1] else "no visible limit"


def _floor_was_fitted(choice: LawChoice) -> bool:
    return choice.floor == "fit" or (choice.floor is None and choice.unit == "loss")


def _at_floor(curves: Curves, floor: float, choice: LawChoice) -> tuple[float, float, float, float]:
    """Floor, weighted sum of squares, and the first pool's utility and half-life, refitted at that floor."""
    start = choice.amplitude if choice.amplitude is not None else choice.chance - floor
    log_amplitude = float(np.log(start)) if choice.unit == "fraction" else curves.sharing.log_amplitude
    sharing = type(curves.sharing)(
        curves.sharing.shared_utility,
        curves.sharing.shared_onset,
        log_amplitude,
        curves.sharing.amplitude_prior_sd,
        curves.sharing.log_onset,
    )
    moved = Curves(curves.observations, curves.kernel, sharing, floor, curves.kappa, curves.soft_l1)
    lower, upper = moved.bounds
    solution = minimise(moved.evaluate, starts(moved)[:1], lower, upper)
    at = moved.expand(solution.parameters)
    return floor, float(solution.sum_of_squares[0]), float(at.b[0, 0]), float(np.exp(at.log_tau[0, 0]))


def _onset_words(curves: Curves, profiles: Profiles, choice: LawChoice) -> str:
    part = curves.slices["log_onset"]
    if part.stop == part.start:
        if choice.mixing == "sample_worth" or choice.unit == "loss":
            return (
                "Onset and amplitude: only A n0^-b enters this law, so no run can tell them apart; "
                f"{'the onset' if choice.unit == 'loss' else 'the amplitude'} is a convention that predictions do not depend on."
            )
        return "Onset and amplitude: the onset is given."
    low, high = (float(np.exp(end[part][0])) for end in (profiles.low, profiles.high))
    lone = len(curves.observations.groups) < 3
    prior = (
        "with fewer than three pools the amplitude is fixed at guessing less the floor"
        if lone
        else "the amplitude is held near guessing less the floor by its prior"
    )
    return f"Onset and amplitude: {prior}; the onset then lies between {low:.3g} and {high:.3g} samples."


def _trade_off_words(curves: Curves, theta: Float[np.ndarray, " parameters"]) -> list[str]:
    """Words on utility against half-life, from the correlation of their estimates."""
    if not find_kernel(curves.kernel).decays:
        return []
    _, J = curves.evaluate(theta[None], np.arange(1))
    column = np.sqrt(np.sum(J[0] ** 2, axis=0))
    scaled = J[0] / np.where(column > 0, column, 1.0)
    covariance = np.linalg.pinv(scaled.T @ scaled)
    deviation = np.sqrt(np.maximum(np.diag(covariance), 1e-300))
    correlation = covariance / np.outer(deviation, deviation)
    part = curves.slices
    pairs = []
    for g, group in enumerate(curves.observations.groups):
        utility = part["log_utility"].start + (0 if curves.sharing.shared_utility else g)
        pairs.append((group, float(correlation[utility, part["log_half_life"].start + g])))
    condition = float(np.linalg.cond(scaled.T @ scaled))
    strong = [f"{group} {value:.2f}" for group, value in pairs if abs(value) >= STRONG_CORRELATION]
    if not strong:
        return [f"Utility and half-life: told apart in every pool (condition number {condition:.2g})."]
    return [
        "Utility and half-life trade off: a better utility with a shorter half-life fits nearly as well "
        f"(correlation {', '.join(strong)}; condition number {condition:.2g})."
    ]
