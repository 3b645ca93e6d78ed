"""What a plan chooses among: nested top-k pools in rank order, and sets that the user names."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from thresher.arguments import argument
from thresher.errors import InputError
from thresher.fits.fit import Fit
from thresher.fits.predict import find_pools
from thresher.plans.constraints import check_must_and_never
from thresher.pools import Mixture, Pool, union
from thresher.units import MOST_SAMPLES, format_percent

FIXED_KEEP = 0.3
"""The fraction that fixed-threshold filtering keeps; DataComp's best CLIP-score baseline keeps 30 %."""


@dataclass(frozen=True)
class Candidate:
    """One choice that a plan compares; `keep` is its share of the metadata, None where that is unknown."""

    mixture: Mixture
    keep: float | None
    name: str | None = None

    @property
    def label(self) -> str:
        """How a person would name it: by the share kept, or by its pools."""
        if self.name is not None:
            return self.name
        names = " + ".join(self.mixture.names)
        return f"{names} (keep {format_percent(self.keep)})" if self.keep is not None else names


def nested(fit: Fit) -> tuple[tuple[Pool, ...], ...]:
    """The best 1, 2, .. ranked pools; every pool alone where none is ranked.

    Beyond the first pool that never repeats there is no union: such a pool has no share in proportion to its size.
    """
    ranked = fit.ranked
    if not ranked:
        return tuple((pool,) for pool in fit.pools)
    sized = next(
        (at for at, pool in enumerate(ranked) if not math.isfinite(pool.unique_samples)), len(ranked)
    )
    return tuple(ranked[:count] for count in range(1, max(sized, 1) + 1))


def candidates(
    fit: Fit,
    *,
    sets: Sequence[Sequence[str]] = (),
    pool_size: float | None = None,
    must: Sequence[str] = (),
    never: Sequence[str] = (),
) -> tuple[Candidate, ...]:
    """Nested top-k pools in rank order, then the given sets, each sampled in proportion to its unique samples.

    Args:
        fit: What was fitted.
        sets: More sets of pools to compare, by name.
        pool_size: Rows of the metadata table, for the share kept.
        must: Pools that every candidate holds.
        never: Pools that no candidate holds.

    Raises:
        InputError: An unknown pool, a set with a pool that has no rank among ranked ones, a pool size smaller than its
            parts, or no candidate left.
    """
    find_pools(fit, list(dict.fromkeys([*must, *never])))
    check_must_and_never(must, never)
    allowed = [tuple(pool for pool in pools if pool.name not in never) for pools in nested(fit)]
    chosen = [*allowed, *[_asked(fit, names) for names in sets]]
    distinct: dict[frozenset[str], tuple[Pool, ...]] = {}
    for pools in chosen:
        if pools:
            distinct.setdefault(frozenset(pool.name for pool in pools), pools)
    kept = [pools for key, pools in distinct.items() if set(must) <= key and not key & set(never)]
    if not kept:
        raise InputError(
            f"No candidate holds {', '.join(must) or 'anything'} without {', '.join(never) or 'anything else'}; "
            f"relax {argument('must')} or {argument('never')}."
        )
    if pool_size is not None:
        check_pool_size(fit, pool_size)
    return tuple(candidate(pools, pool_size) for pools in kept)


def _asked(fit: Fit, names: Sequence[str]) -> tuple[Pool, ...]:
    """A set that the user names, all of it ranked where any pool is."""
    pools = find_pools(fit, names)
    endless = next((pool.name for pool in pools if not math.isfinite(pool.unique_samples)), None)
    if endless is not None and len(pools) > 1:
        raise InputError(
            f"The set {'+'.join(names)} holds {endless!r}, a pool that never repeats (inf) and so has no share in proportion to "
            "its size. Leave the set out: the mixture of the plan weighs such pools."
        )
    without = next((pool.name for pool in pools if pool.rank is None), None)
    if without is not None and fit.ranked:
        raise InputError(
            f"Pool {without!r} has no rank and is no candidate; it may overlap with others. Give it a rank in the run table if "
            "it is a bucket of its own."
        )
    return pools


def candidate(pools: Sequence[Pool], pool_size: float | None) -> Candidate:
    """The union of some pools as a candidate; pools without a rank are no share of the metadata."""
    mixture = union(pools)
    kept = pool_size is not None and all(pool.rank is not None for pool in pools)
    return Candidate(mixture, mixture.unique_samples / pool_size if kept and pool_size else None)


def keep_fraction(fit: Fit, fraction: float, pool_size: float | None) -> Candidate | None:
    """The best-ranked `fraction` of the metadata, its last pool in part; None where that cannot be known."""
    if pool_size is None or not fit.ranked:
        return None
    wanted = fraction * pool_size
    taken: list[Pool] = []
    for pool in fit.ranked:
        size = min(pool.unique_samples, wanted - sum(part.unique_samples for part in taken))
        if size < 0.5:
            break
        taken.append(replace(pool, unique_samples=size))
    total = sum(pool.unique_samples for pool in taken)
    return candidate(taken, pool_size) if total > wanted * (1 - 1e-6) else None


def check_pool_size(fit: Fit, pool_size: float) -> None:
    """Refuse a metadata table smaller than the ranked pools cut from it.

    Raises:
        InputError: The pools together are larger than the table.
    """
    if not 1 <= pool_size <= MOST_SAMPLES:
        raise InputError(
            f"{argument('pool_size')} is {pool_size:g}; give the rows of the metadata table, for example 128M."
        )
    total = sum(pool.unique_samples for pool in fit.ranked)
    if total > pool_size * (1 + 1e-6):
        raise InputError(
            f"{argument('pool_size')} is {pool_size:.6g}, but the ranked pools hold {total:.6g} unique samples; "
            "give the rows of the whole metadata table."
        )
