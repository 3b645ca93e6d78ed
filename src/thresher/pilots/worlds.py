"""What might be true of buckets before any pilot: borrowed curves, rank by rank."""

from dataclasses import replace

import numpy as np

from thresher.errors import InputError
from thresher.fits.fit import Fit
from thresher.fits.resize import resized
from thresher.metadata.buckets import Buckets
from thresher.pools import Pool


def bucket_pools(made: Buckets, top: int, pool_size: float | None = None) -> tuple[Pool, ...]:
    """The best `top` buckets as pools.

    Args:
        made: The buckets.
        top: How many.
        pool_size: Rows of the whole pool, where the buckets were made from a random part of it.

    Raises:
        InputError: Fewer buckets than that, or a pool smaller than its part.
    """
    if pool_size is not None and pool_size < made.rows:
        raise InputError(
            f"--pool-size is {pool_size:g}, but the buckets were made from {made.rows:,} rows; give no less."
        )
    scale = pool_size / made.rows if pool_size is not None else 1.0
    if not 1 <= top <= len(made.buckets):
        raise InputError(
            f"--top is {top}; the file has {len(made.buckets)} buckets, so give 1 to {len(made.buckets)}."
        )
    return tuple(
        Pool(bucket.name, scale * bucket.rows, rank=rank)
        for rank, bucket in enumerate(made.buckets[:top], start=1)
    )


def borrowed_world(prior: Fit, pools: tuple[Pool, ...]) -> Fit:
    """The laws of a prior fit for other pools: the i-th best bucket is taken to be like the prior's i-th best pool.

    Half-lives move to the buckets' sizes as each member's kappa says.

    Raises:
        InputError: The prior has fewer ranked pools.
    """
    ranked = prior.ranked
    if len(pools) > len(ranked):
        raise InputError(
            f"{len(pools)} buckets are to be piloted, but the prior has {len(ranked)} ranked pools; give --top {len(ranked)} or "
            "fewer, or a --prior with more."
        )
    if len(pools) < 2:
        raise InputError("One bucket leaves nothing to choose; give --top 2 or more.")
    index = np.array([prior.pools.index(pool) for pool in ranked[: len(pools)]])
    members = tuple(
        replace(
            member,
            parameters=replace(
                member.parameters,
                utility=member.parameters.utility[:, index],
                worth=member.parameters.worth[:, index],
                half_life=member.parameters.half_life[:, index],
            ),
        )
        for member in prior.members
    )
    renamed = tuple(
        replace(old, name=new.name, rank=new.rank, quality=None)
        for old, new in zip(ranked[: len(pools)], pools, strict=True)
    )
    fit = replace(prior, pools=renamed, members=members, reports=())
    return resized(fit, {pool.name: pool.unique_samples for pool in pools})


def typical_onset(world: Fit) -> float:
    """The weighted geometric mean of the members' onsets, in samples."""
    return float(np.exp(sum(m.weight * np.log(m.parameters.onset[0]) for m in world.members)))
