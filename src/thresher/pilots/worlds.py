"""What might be true of buckets before any pilot: borrowed curves, rank by rank, and what runs would measure there."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from thresher.errors import InputError
from thresher.fits.fit import Fit, Member, Parameters
from thresher.fits.predict import member_errors
from thresher.fits.resize import resized
from thresher.metadata.buckets import Buckets
from thresher.pilots.design import Design, PilotRun
from thresher.pools import Mixture, Pool, union
from thresher.shapes import Float


@dataclass(frozen=True)
class Worlds:
    """Laws that might be true of whole buckets: for each world a member, and its parameters as one draw."""

    fit: Fit
    members: tuple[Member, ...]
    parameters: tuple[Parameters, ...]

    def errors(self, mixtures: Sequence[Mixture], seen: Sequence[float]) -> Float[np.ndarray, "worlds runs"]:
        """Noise-free error of each mixture after as many samples; those of one length share a call."""
        budgets = np.unique(np.array(seen, dtype=float))
        at = np.searchsorted(budgets, np.array(seen, dtype=float))
        distinct = list(dict.fromkeys(mixtures))
        row = np.array([distinct.index(mixture) for mixture in mixtures])
        found = np.empty((len(self.members), len(seen)))
        for number, (member, draw) in enumerate(zip(self.members, self.parameters, strict=True)):
            found[number] = member_errors(self.fit, member, draw, distinct, budgets)[0][row, at]
        return found


def draw_worlds(fit: Fit, count: int, rng: np.random.Generator) -> Worlds:
    """Members by weight, each with one replicate."""
    weights = np.array([member.weight for member in fit.members])
    members, parameters = [], []
    for at in rng.choice(len(weights), count, p=weights / weights.sum()):
        member = fit.members[int(at)]
        draw = int(rng.integers(len(member.replicates)))
        members.append(member)
        parameters.append(member.replicates.take(slice(draw, draw + 1)))
    return Worlds(fit, tuple(members), tuple(parameters))


def nested(pools: Sequence[Pool]) -> tuple[Mixture, ...]:
    """Unions of the best 1, 2, .. pools: what there is to choose from."""
    return tuple(union(pools[:count]) for count in range(1, len(pools) + 1))


def trained_on(design: Design, run: PilotRun, pools: Sequence[Pool], *, by_bucket: bool) -> Mixture:
    """What a run trains on, as pools that are called like the buckets, or else like the pilot's own."""
    known = {pool.name: pool for pool in pools}
    parts = {part.name: part for part in design.pools}
    return union(
        [
            replace(
                known[parts[name].bucket if by_bucket else name],
                unique_samples=float(parts[name].unique_samples),
            )
            for name in run.pools
        ]
    )


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
