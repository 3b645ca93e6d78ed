"""What would be chosen if an unknown part of the law were otherwise: told from the draws, without refits.

Over the draws the error of each candidate, less that of the choice, is a function of the unknown part plus everything
else. A curve through it says where the choice would change.
"""

from collections.abc import Sequence

import numpy as np

from thresher.fits.fit import Fit, LawKind
from thresher.fits.quantiles import interval
from thresher.shapes import Float

PARTS = {"kappa": "kappa", "power": "the mixing power", "floor": "the floor"}
FEWEST_DRAWS = 20
DEGREE = 2
"""Of the curve: a straight line misses that more variety pays less and less."""
STEPS = 41
"""Points along the curve, from the mean to either end of the interval."""


def sensitivity(
    fit: Fit,
    errors: Float[np.ndarray, "draws candidates"],
    labels: Sequence[str],
    best: int,
) -> tuple[str, ...]:
    """Sentences on what the choice would be at other values of kappa, the mixing power and the floor.

    Args:
        fit: What was fitted, with the default law.
        errors: Mean noise-free error of the candidates in every draw of the fit, at one budget.
        labels: Names of the candidates.
        best: The candidate that is chosen.
    """
    if fit.law is not LawKind.DEFAULT or fit.draws < FEWEST_DRAWS or len(labels) < 2:
        return ()
    sentences, weights = [], fit.draw_weights
    identified = {part.name: part.identified for part in fit.shared}
    for part, words in PARTS.items():
        values = fit.over_draws(part)
        low, high = (float(end) for end in interval(values, weights))
        if not high > low:
            continue
        change = _first_changes(values, errors - errors[:, [best]], weights, low, high)
        for end, (at, other) in change.items():
            rest = "" if identified.get(part, True) else ", which these runs cannot identify"
            sentences.append(f"It would be {labels[other]} if {words} were {end} {at:.2g}{rest}.")
    return tuple(sentences) or (
        f"It is {labels[best]} whatever kappa, the mixing power and the floor are, within what runs and priors allow.",
    )


def _first_changes(
    values: Float[np.ndarray, " draws"],
    gaps: Float[np.ndarray, "draws candidates"],
    weights: Float[np.ndarray, " draws"],
    low: float,
    high: float,
) -> dict[str, tuple[float, int]]:
    """Nearest value below and above the mean at which another candidate becomes better, within the interval.

    The draws beyond that value have to agree: in them the other candidate has less error on average.
    """
    mean = float(weights @ values)
    found: dict[str, tuple[float, int]] = {}
    width = high - low
    coefficients = np.polynomial.polynomial.polyfit((values - mean) / width, gaps, DEGREE, w=np.sqrt(weights))
    for end, limit, beyond in (("below", low, np.less), ("above", high, np.greater)):
        steps = np.linspace(0.0, limit - mean, STEPS)
        curves = np.polynomial.polynomial.polyval(steps / width, coefficients)
        for i in np.flatnonzero((curves[:, 0] > 0) & (curves.min(axis=1) < 0)):
            after = int(np.argmax(curves[i] < 0))
            before, behind = curves[i, after - 1], curves[i, after]
            at = mean + steps[after - 1] + (steps[after] - steps[after - 1]) * before / (before - behind)
            agree = beyond(values, at)
            nearer = end not in found or abs(at - mean) < abs(found[end][0] - mean)
            if nearer and weights[agree] @ gaps[agree, i] < 0:
                found[end] = (float(at), int(i))
    return found
