"""How often data may be repeated where nobody says: a choice beyond that is never proposed.

No law here can rise again, so that it takes the thousandth pass for harmless. Real errors do rise: those of language models
from 45 to 115 epochs per unique token and parameter on.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from thresher.arguments import argument
from thresher.fits.fit import Fit
from thresher.plans.constraints import SLACK, Constraints
from thresher.pools import Mixture
from thresher.shapes import Bool, Float
from thresher.units import MOST_SAMPLES, format_count

MOST_EPOCHS = 100.0
"""Passes over a pool that a choice makes at most: ten times the longest pilots of Goyal et al. 2024, and twice the longest runs
that they plan with these laws."""
FURTHER = 10.0
"""Where runs of the fit made more than ten passes, a choice may make so many times as many."""


def most_epochs(fit: Fit, asked: float | None = None) -> float:
    """Most passes over any pool: as asked; else `MOST_EPOCHS`, or `FURTHER` times as many as any run of the fit."""
    return max(MOST_EPOCHS, FURTHER * fit.reach.most_epochs) if asked is None else asked


def beyond(
    epochs: Float[np.ndarray, "candidates budgets"], most: float
) -> Bool[np.ndarray, "candidates budgets"]:
    """Which numbers of passes are more than so many."""
    return epochs > most * (1 + SLACK)


def longest_run(mixture: Mixture, most: float) -> float:
    """Samples after which a mixture has passed so often over a pool; one that never repeats has no limit but that of any run."""
    passes = max(mixture.epochs(1.0))
    return min(most / passes, MOST_SAMPLES) if passes > 0 else MOST_SAMPLES


def with_most_epochs(fit: Fit, limits: Constraints, samples_seen: float) -> Constraints:
    """The limits at one budget, with the default number of passes where none is asked for.

    A present mixture that the weights are to stay near may repeat as often as it does: it is what people run.
    """
    if limits.max_epochs is not None:
        return limits
    sizes = {pool.name: pool.unique_samples for pool in fit.pools}
    present = [samples_seen * share / sizes[name] for name, share in limits.near.items()]
    return replace(limits, max_epochs=max(most_epochs(fit), *present, 0.0))


def allowed(epochs: float, asked: float | None) -> str:
    """The limit in words: whose it is, and how to move it."""
    if asked is not None:
        return argument("max_epochs", int(epochs) if epochs == int(epochs) else epochs)
    return f"the {epochs:.3g} that are allowed unless {argument('max_epochs')} says otherwise"


def why_not(mixture: Mixture, samples_seen: float, limits: Constraints, asked: float | None) -> str:
    """Which limit keeps a mixture out, in words.

    Args:
        mixture: What is left out.
        samples_seen: Budget, in samples.
        limits: At this budget.
        asked: The passes that were asked for; None where the limit is the default.
    """
    most = limits.max_epochs
    epochs = max(mixture.epochs(samples_seen))
    if most is not None and epochs > most * (1 + SLACK):
        return f"passes {epochs:.3g} times over a pool, more than {allowed(most, asked)}"
    if limits.at_most is not None and len(mixture.pools) > limits.at_most:
        return f"holds {len(mixture.pools)} pools, more than {argument('at_most', limits.at_most)} allows"
    stored = format_count(limits.storage) if limits.storage is not None else "unlimited"
    return f"holds {format_count(mixture.unique_samples)} unique samples, more than {argument('storage')} of {stored} allows"


def held_back(names: Sequence[str], epochs: float, asked: float | None) -> str:
    """A sentence on pools that get no larger share only because of the limit on passes; empty for none."""
    if not names:
        return ""
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return (
        f" A limit decided this: {', '.join(names[:4])}{more} would get a larger share, but no pool is repeated more often than "
        f"{allowed(epochs, asked)}."
    )
