"""What might be true of buckets before any pilot: draws of borrowed laws, rank by rank."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from thresher.arguments import argument
from thresher.errors import InputError
from thresher.fits.fit import Fit, drawn
from thresher.fits.forecast import settings_of
from thresher.fits.transfer import of_pools
from thresher.fits.union_doubt import draw_doubts
from thresher.laws.one_law import OneLaw
from thresher.laws.paper import PaperLaw
from thresher.laws.settings import Settings
from thresher.metadata.buckets import Buckets
from thresher.plans.repetition import longest_run, most_epochs
from thresher.pools import Mixture, Pool, union
from thresher.shapes import Float, Int
from thresher.units import format_number

DRAWS, DOUBTS = 0, 10
"""Streams of a seed: the draws that are worlds, and from here on the doubts of each kernel; 1 is noise."""


@dataclass(frozen=True)
class Worlds:
    """Draws of a fit, each taken for true. Worlds of one draw still differ in how their pools mix.

    Attributes:
        fit: Whose draws they are.
        laws: Draws of each kernel, one for each world that has it.
        places: Which worlds those are.
        seed: Of how pools mix.
    """

    fit: Fit
    laws: tuple[OneLaw | PaperLaw, ...]
    places: tuple[Int[np.ndarray, " worlds"], ...]
    seed: int

    def __len__(self) -> int:
        return sum(map(len, self.places))

    def settings(self, mixtures: Sequence[Mixture], seen: Sequence[float]) -> Settings:
        """Each mixture after as many samples, as every law takes them."""
        return replace(
            settings_of(self.fit, mixtures, np.ones(1)), samples_seen=np.asarray(seen, dtype=float)
        )

    def errors(self, settings: Settings) -> Float[np.ndarray, "worlds runs"]:
        """Noise-free errors: of the law, and for unions with an error of their own, which no law foresees."""
        found = np.empty((len(self), len(settings)))
        for number, (law, place) in enumerate(zip(self.laws, self.places, strict=True)):
            errors = law.errors(settings)
            if isinstance(law, OneLaw):
                information = np.array(self.fit.reach.joint_information)
                rng = np.random.default_rng([self.seed, DOUBTS + number])  # the same in every call
                doubts = draw_doubts(settings.weights, np.log(law.worth), information, rng)
                floor = law.floor[:, None]
                errors = floor + (errors - floor) * np.exp(doubts)
            found[place] = errors
        return found if self.fit.chance is None else np.minimum(found, self.fit.chance)


def draw_worlds(fit: Fit, count: int, seed: int) -> Worlds:
    """As many worlds, by the weights of the draws; no draw much more often than another of its kernel."""
    repeats = -(-count // fit.draws)
    weights = np.repeat(fit.draw_weights, repeats)
    rows = np.random.default_rng([seed, DRAWS]).choice(
        len(weights), count, replace=False, p=weights / weights.sum()
    )
    before, laws, places = 0, [], []
    for law in fit.laws:
        draws = rows // repeats - before
        places.append(np.flatnonzero((draws >= 0) & (draws < len(drawn(law)))))
        laws.append(drawn(law).take(draws[places[-1]]))
        before += len(drawn(law))
    return Worlds(fit, tuple(laws), tuple(places), seed)


def nested(pools: Sequence[Pool]) -> tuple[Mixture, ...]:
    """Unions of the best 1, 2, .. pools."""
    return tuple(union(pools[:count]) for count in range(1, len(pools) + 1))


def choices(fit: Fit, target: float) -> tuple[Mixture, ...]:
    """Unions of the best 1, 2, .. pools that last so long: what a plan would choose from; all of them together at least."""
    sets = nested(fit.pools)
    lasting = [one for one in sets if target <= longest_run(one, most_epochs(fit))]
    return tuple(lasting or sets[-1:])


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
            f"{argument('pool_size')} is {format_number(pool_size, 6)}, but the buckets were made from "
            f"{made.rows:,} rows; give no less."
        )
    scale = pool_size / made.rows if pool_size is not None else 1.0
    if not 1 <= top <= len(made.buckets):
        raise InputError(
            f"{argument('top')} is {top}; the file has {len(made.buckets)} buckets, so give 1 to {len(made.buckets)}."
        )
    return tuple(
        Pool(bucket.name, scale * bucket.rows, rank=rank)
        for rank, bucket in enumerate(made.buckets[:top], start=1)
    )


def borrowed_world(prior: Fit, pools: tuple[Pool, ...]) -> Fit:
    """The laws of a prior fit for other pools: the i-th best bucket is taken to be like the prior's i-th best pool.

    Half-lives move to the buckets' sizes as each draw's kappa says.

    Raises:
        InputError: The prior has fewer ranked pools, or there is nothing to choose.
    """
    ranked = prior.ranked
    if len(pools) > len(ranked):
        raise InputError(
            f"{len(pools)} buckets are to be piloted, but the prior has {len(ranked)} ranked pools; give "
            f"{argument('top', len(ranked))} or fewer, or a prior with more."
        )
    if len(pools) < 2:
        raise InputError(f"One bucket leaves nothing to choose; give {argument('top', 2)} or more.")
    return of_pools(prior, pools, [prior.pools.index(pool) for pool in ranked[: len(pools)]])
