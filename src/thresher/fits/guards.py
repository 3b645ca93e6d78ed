"""Doubts that a number cannot show: schedules that do not compare, half-lives carried too far, over-fitting."""

from collections.abc import Sequence

from thresher.fits.curves import HIGHEST_FLOOR
from thresher.fits.fit import Fit
from thresher.pools import Mixture
from thresher.runs import Measurement
from thresher.units import format_count

TOLERATED_EPOCHS = (45.0, 115.0)
"""Epochs, times unique tokens per model parameter, after which the loss of language models was seen to rise."""
FAR_BEYOND = 2.0
"""Times the epochs of any pilot from which a plan is called far beyond them."""
SMALL_ROOM = 1e-4
"""Share of the highest floor by which a fitted one must stay below it not to be at its bound."""
AT_EDGE = 0.8
"""Weight at the highest floor from which the floor counts as being at its bound."""


def run_warnings(rows: Sequence[Measurement]) -> tuple[str, ...]:
    """What to doubt about the runs of one fit."""
    messages = []
    schedules = sorted({row.schedule for row in rows if row.schedule is not None})
    if len(schedules) > 1:
        messages.append(
            f"Runs of different schedules are mixed ({', '.join(schedules)}): a checkpoint in the middle of a decaying schedule "
            "is worse than a finished run of the same length. Fit one kind, for example --where 'schedule = finished'."
        )
    elif schedules == ["mid-run"]:
        messages.append(
            "All runs are checkpoints in the middle of a schedule: their errors lie above those of finished runs, so predict "
            "differences between pools from them, not levels of finished runs."
        )
    exposures = sorted({row.exposure for row in rows if row.exposure not in (None, "unknown")})
    if len(exposures) > 1:
        messages.append(
            f"Runs of different exposure are mixed ({', '.join(exposures)}); fit one, for example --where 'exposure = epochs'."
        )
    return (*messages, *_copies(rows))


def _copies(rows: Sequence[Measurement]) -> tuple[str, ...]:
    """Pools whose measurements are the same to the last digit."""
    curves: dict[str, set[tuple[float, float]]] = {}
    for row in rows:
        curves.setdefault(row.pool, set()).add((row.samples_seen, row.error))
    pools: dict[frozenset[tuple[float, float]], list[str]] = {}
    for pool in sorted(curves):
        pools.setdefault(frozenset(curves[pool]), []).append(pool)
    return tuple(
        f"Pools {' and '.join(same)} have the same errors at the same samples_seen. If they are one pool under several names, "
        "keep one: their union is not new data."
        for same in pools.values()
        if len(same) > 1
    )


def floor_warnings(fit: Fit) -> tuple[str, ...]:
    """Whether the floors that were tried stop short of what the runs ask for."""
    weights: dict[float, float] = {}
    for member in fit.members:
        floor = round(float(member.parameters.floor[0]), 6)
        weights[floor] = weights.get(floor, 0.0) + member.weight
    highest = max(weights)
    if fit.unit == "loss" and highest < (1 - SMALL_ROOM) * HIGHEST_FLOOR * min(row.error for row in fit.rows):
        return ()  # fitted, and not at its bound
    if len(weights) > 1 and weights[highest] > AT_EDGE:
        return (
            f"The highest floor tried, {highest:.3g}, has {weights[highest]:.2f} of the weight: the irreducible error may be "
            "higher, and predictions at large budgets too low.",
        )
    return ()


def overfitting_warnings(
    fit: Fit, mixture: Mixture, samples_seen: float, parameters: float | None = None
) -> tuple[str, ...]:
    """Whether a plan repeats data so often that the error may rise, which no law here can say.

    Args:
        fit: What was fitted.
        mixture: What the plan trains on.
        samples_seen: Its budget.
        parameters: Parameters of the model, for losses counted in tokens.
    """
    epochs = max(mixture.epochs(samples_seen))
    messages = []
    if epochs > FAR_BEYOND * fit.most_epochs:
        messages.append(
            f"Over-fitting risk: the plan needs {epochs:.3g} epochs, {epochs / fit.most_epochs:.2g}x the most of any run "
            f"({fit.most_epochs:.3g}); the error may rise. Run a pilot with as many epochs on a small sub-sample first."
        )
    if fit.unit == "loss" and parameters is not None:
        low, high = (times * mixture.unique_samples / parameters for times in TOLERATED_EPOCHS)
        if epochs > low:
            messages.append(
                f"Over-fitting risk: losses of language models were seen to rise after {low:.3g} to {high:.3g} epochs at "
                f"{format_count(mixture.unique_samples)} unique tokens and {format_count(parameters)} parameters; the plan needs "
                f"{epochs:.3g}."
            )
    return tuple(messages)


def model_warnings(fit: Fit, model: str | None) -> tuple[str, ...]:
    """Whether half-lives would be carried from one model to another."""
    models = sorted({row.model for row in fit.rows if row.model is not None})
    if model is None or not models or model in models:
        return ()
    return (
        f"The runs are of {', '.join(models)}, the plan is for {model}: half-lives fall with model size, and utilities differ. "
        "Treat levels as a guess, and check the choice with one joint run of that model.",
    )
