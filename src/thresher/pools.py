"""Pools and mixtures: values that every other part passes around."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from thresher.errors import InputError
from thresher.units import format_exact, format_number

WEIGHT_TOLERANCE = 1e-6
"""Weights of a mixture sum to 1 within this: what is left of printing six digits."""
ROUNDED_WEIGHTS = 0.01
"""Weights that people write sum to 1 within this, as three digits of many pools do; they are then rescaled."""
ROUNDING = 1e-9
"""What adding up numbers of two digits leaves: 0.33 + 0.33 + 0.33 is 0.99 within this, and allowed."""


@dataclass(frozen=True)
class Pool:
    """Samples one may train on.

    Attributes:
        name: As in the run table.
        unique_samples: Distinct samples; positive.
        rank: Place in the quality order, 1 the best; None for a pool that is in no mixture.
        quality: Pools of one quality share utility and half-life at one size.
        largest_run: Most samples seen in any of its runs; None if unknown.
    """

    name: str
    unique_samples: float
    rank: int | None = None
    quality: str | None = None
    largest_run: float | None = None


@dataclass(frozen=True)
class Mixture:
    """Pools trained on together, and the share of the samples seen that each gets."""

    pools: tuple[Pool, ...]
    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        check_weights([pool.name for pool in self.pools], self.weights)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the pools, in the order of the weights."""
        return tuple(pool.name for pool in self.pools)

    @property
    def unique_samples(self) -> float:
        """Distinct samples in all pools together."""
        return sum(pool.unique_samples for pool in self.pools)

    def epochs(self, samples_seen: float) -> tuple[float, ...]:
        """Passes over each pool when `samples_seen` are drawn in all."""
        return tuple(
            samples_seen * weight / pool.unique_samples
            for pool, weight in zip(self.pools, self.weights, strict=True)
        )


def union(pools: Sequence[Pool]) -> Mixture:
    """The mixture that samples its pools in proportion to their unique samples.

    >>> union([Pool("a", 3e6), Pool("b", 1e6)]).weights
    (0.75, 0.25)
    """
    total = sum(pool.unique_samples for pool in pools)
    if not math.isfinite(total):
        if len(pools) == 1:
            return Mixture(tuple(pools), (1.0,))
        endless = next(pool.name for pool in pools if not math.isfinite(pool.unique_samples))
        raise InputError(
            f"Pool {endless!r} never repeats (inf), so it has no share in proportion to its size; give weights."
        )
    return Mixture(tuple(pools), tuple(pool.unique_samples / total for pool in pools))


def adds_up(total: float, tolerance: float = ROUNDED_WEIGHTS) -> bool:
    """Whether weights that sum to `total` are shares as people write them.

    >>> adds_up(0.33 + 0.33 + 0.33), adds_up(0.98)
    (True, False)
    """
    return abs(total - 1.0) <= tolerance + ROUNDING


def rescaled(names: Sequence[str], weights: Sequence[float]) -> tuple[float, ...]:
    """Weights as people write them, rescaled to sum to 1.

    Raises:
        InputError: Not one weight per pool, a weight outside [0, 1], or a sum that rounding does not explain.

    >>> rescaled(["a", "b", "c"], [0.333, 0.333, 0.333])
    (0.3333333333333333, 0.3333333333333333, 0.3333333333333333)
    """
    check_weights(names, weights, tolerance=ROUNDED_WEIGHTS)
    total = math.fsum(weights)
    return tuple(weight / total for weight in weights)


def check_weights(
    names: Sequence[str], weights: Sequence[float], *, tolerance: float = WEIGHT_TOLERANCE
) -> None:
    """Refuse weights that are not shares.

    Raises:
        InputError: Not one weight per pool, a weight outside [0, 1], or a sum other than 1.
    """
    if len(names) != len(weights):
        raise InputError(
            f"{len(weights)} weights for {len(names)} pools ({', '.join(names)}); give one for each."
        )
    shown = ", ".join(
        f"{name}={format_number(weight, 6)}" for name, weight in zip(names, weights, strict=True)
    )
    if not all(math.isfinite(weight) and 0 <= weight <= 1 for weight in weights):
        raise InputError(f"Mixture weights must lie in [0, 1]: {shown}.")
    total = math.fsum(weights)
    if not adds_up(total, tolerance):
        raise InputError(f"Mixture weights sum to {format_exact(total)}, not 1: {shown}.")
