"""What the runs of a table can tell: which pools they repeat, and which pools their mixtures tell apart."""

import math
from collections.abc import Mapping

from thresher.runs.measurement import Measurement
from thresher.runs.run_table import RunTable

REPEATED_EPOCHS = 1.05
"""Passes from which a run counts as repeating its pool."""
TOLD_APART = 0.99
"""Share of a pool's direction in the space of the mixtures that were trained, from which they tell its worth."""
MOST_PRODUCTS = 1e10
"""Products that the space of mixtures may take: some seconds; it grows with the cube of pools and mixtures."""
ROUNDED_SHARE = 1e-3
"""Differences of shares that rounding makes: they tell nothing apart."""


def repeated_settings(table: RunTable) -> Mapping[str, int]:
    """How many settings repeat each pool or quality, by name; pools that never repeat are left out.

    A setting is a mixture and a number of samples seen. Pools of one quality share their half-life, so they count
    together, but models do not.
    """
    sizes = table.sizes
    quality_of = {row.pool: row.quality for row in table.rows if row.quality and not row.is_joint}
    several = len(table.models) > 1
    found: dict[str, set[tuple[object, ...]]] = {}
    mixtures: dict[tuple[tuple[str, float | None], ...], int] = {}
    for row in table.rows:
        mixture = mixtures.setdefault(row.shares, len(mixtures))
        for name, share in zip(row.pools, shares_of(row, sizes), strict=False):
            size = sizes.get(name, math.inf)
            if size == math.inf:
                continue
            what = f"quality {quality_of[name]}" if name in quality_of else name
            settings = found.setdefault(f"{what} of {row.model}" if several and row.model else what, set())
            if share * row.samples_seen > REPEATED_EPOCHS * size:
                settings.add((name, row.samples_seen, mixture))
    return {name: len(settings) for name, settings in sorted(found.items())}


def not_told_apart(table: RunTable) -> tuple[str, ...]:
    """Pools never trained alone whose worths could change together without a change in any mixture, sorted.

    Mixtures that are too many to be told apart within seconds are left out.

    A pool is told apart if its own direction lies in the space that the shares of the mixtures span. None are named
    where sizes are missing, because the shares are then unknown.
    """
    sizes = table.sizes
    names = table.untrained_alone
    if not names or not all(name in sizes for name in names):
        return ()
    import numpy as np

    place = {name: at for at, name in enumerate((*names, *table.pools))}
    mixtures: dict[tuple[str, str | None], set[tuple[tuple[str, float], ...]]] = {}
    for row in table.rows:
        mixture = tuple(zip(row.pools, shares_of(row, sizes), strict=False))
        mixtures.setdefault((row.metric, row.model), set()).add(mixture)
    untold: set[str] = set()
    for trained in mixtures.values():
        if len(trained) * len(place) * min(len(trained), len(place)) > MOST_PRODUCTS:
            continue
        shares = np.zeros((len(trained), len(place)))
        for at, mixture in enumerate(sorted(trained)):
            for name, share in mixture:
                shares[at, place[name]] = share
        _, scale, directions = np.linalg.svd(shares, full_matrices=False)
        known = directions[scale > ROUNDED_SHARE * math.sqrt(len(trained))]
        told = np.sum(known**2, axis=0)
        used = np.asarray(shares.any(axis=0))
        untold |= {name for name in names if used[place[name]] and told[place[name]] < TOLD_APART}
    return tuple(sorted(untold))


def shares_of(row: Measurement, sizes: Mapping[str, float]) -> tuple[float, ...]:
    """Shares of a row's pools, which sum to 1; none where neither weights nor finite sizes tell them."""
    if not row.is_joint:
        return (1.0,)
    parts = row.weights or tuple(sizes.get(name, math.inf) for name in row.pools)
    total = sum(parts)
    return tuple(part / total for part in parts) if 0 < total < math.inf else ()
