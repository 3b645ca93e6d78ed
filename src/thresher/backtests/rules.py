"""What simple rules take at each budget of joint runs."""

from collections.abc import Mapping, Sequence

import numpy as np

from thresher.backtests.measured import Contest, index_of
from thresher.fits.fit import Fit
from thresher.plans.candidates import FIXED_KEEP, keep_fraction, nested
from thresher.plans.simple_rules import BEST_PILOT, KEEP_ALL, KEEP_FIXED, best_pilot
from thresher.pools import union
from thresher.shapes import Float

BEST_FIXED = "best fixed choice, in hindsight"

Choices = tuple[int | None, ...]
"""Index of the candidate taken at each budget; None where what a rule would take was not measured."""


def rule_choices(contests: Sequence[Contest], fit: Fit, pool_size: float | None) -> Mapping[str, Choices]:
    """What each simple rule takes at each budget.

    Args:
        contests: Budgets with their candidates.
        fit: Its pools and runs.
        pool_size: Rows of the metadata table, which a fixed share kept needs.
    """
    winner = best_pilot(fit.rows, [pool.name for pool in fit.mixable])
    kept = keep_fraction(fit, FIXED_KEEP, pool_size)
    wanted = {
        BEST_PILOT: union([pool for pool in fit.pools if pool.name == winner]) if winner else None,
        KEEP_ALL: union(fit.ranked) if fit.ranked and fit.ranked == nested(fit)[-1] else None,
        KEEP_FIXED: kept.mixture if kept else None,
    }
    found = {name: tuple(index_of(one, mixture) for one in contests) for name, mixture in wanted.items()}
    fixed = (
        [tuple(index_of(one, first.mixture) for one in contests) for first in contests[0].candidates]
        if contests
        else []
    )
    everywhere = [taken for taken in fixed if None not in taken]
    found[BEST_FIXED] = min(
        everywhere, key=lambda taken: regrets_of(contests, taken).mean(), default=(None,) * len(contests)
    )
    return found


def regrets_of(contests: Sequence[Contest], taken: Choices) -> Float[np.ndarray, " budgets"]:
    """Regret of each choice; NaN where it was not measured."""
    return np.array(
        [one.regrets[at] if at is not None else np.nan for one, at in zip(contests, taken, strict=True)],
        dtype=float,
    )
