"""What the weights of a mixture must respect, and which constraints cannot hold together."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from thresher.arguments import argument
from thresher.errors import InputError
from thresher.pools import Mixture, Pool, adds_up
from thresher.shapes import Bool, Float
from thresher.units import format_count, parse_number

SLACK = 1e-9
"""Relative rounding that a cap forgives."""
WHOLE_SLACK = 1e-6
"""Relative rounding that whole numbers of copies forgive."""
EVERY = "*"
"""Stands for every pool that is not named."""


@dataclass(frozen=True, kw_only=True)
class Constraints:
    """Limits on a mixture.

    Attributes:
        max_epochs: Most passes over any pool; None is as many as `plans/repetition.py` takes for sane.
        min_share: Least share of the samples seen, by pool; the name `*` stands for every pool that is not named.
        max_share: Greatest share, likewise.
        must: Pools that are in: seen once in whole, or at least in proportion to their size if the budget is small.
        never: Pools that are out.
        at_most: Most pools with any weight.
        storage: Most unique samples in all pools with any weight.
        integer_repeats: Whether every sample is written a whole number of times into a subset that is then
            passed over as a whole, so that epochs are in whole ratios to each other.
        near: A present mixture to stay near: share by pool.
        kl: Greatest divergence from it, in nats.
    """

    max_epochs: float | None = None
    min_share: Mapping[str, float] = field(default_factory=dict)
    max_share: Mapping[str, float] = field(default_factory=dict)
    must: Sequence[str] = ()
    never: Sequence[str] = ()
    at_most: int | None = None
    storage: float | None = None
    integer_repeats: bool = False
    near: Mapping[str, float] = field(default_factory=dict)
    kl: float | None = None

    def __post_init__(self) -> None:
        if self.max_epochs is not None and not self.max_epochs > 0:
            raise InputError(f"{argument('max_epochs')} is {self.max_epochs:g}; it must be positive.")
        self._check_near()
        if self.at_most is not None and self.at_most < 1:
            raise InputError(f"{argument('at_most')} is {self.at_most}; a mixture has at least 1 pool.")
        if self.storage is not None and not self.storage >= 1:
            raise InputError(
                f"{argument('storage')} is {self.storage:g}; give unique samples, for example 30M."
            )
        for name, shares in (("min_share", self.min_share), ("max_share", self.max_share)):
            for pool, share in shares.items():
                if not 0 <= share <= 1:
                    raise InputError(f"{argument(name)} of {pool} is {share:g}; a share lies in [0, 1].")
        for pool, least in self.min_share.items():
            most = self.max_share.get(pool, self.max_share.get(EVERY, 1.0))
            asked = f"{argument('min_share')} of {pool}, {least:g},"
            if least > most:
                raise InputError(
                    f"{asked} and {argument('max_share')}, {most:g}, clash; lower one or raise the other."
                )
            if least > 0 and pool in self.never:
                raise InputError(f"{asked} and {argument('never', pool)} clash; drop one of them.")
        check_must_and_never(self.must, self.never)
        total = sum(self.min_share.values())
        if total > 1 + SLACK:
            raise InputError(
                f"{argument('min_share')} adds up to {total:g}, past 1: {_listed(self.min_share)}."
            )

    def _check_near(self) -> None:
        if bool(self.near) != (self.kl is not None):
            raise InputError(
                f"{argument('near')} and {argument('kl')} go together: the present mixture, and how far from it the weights may "
                "go, in nats."
            )
        if self.kl is not None and not (math.isfinite(self.kl) and self.kl >= 0):
            raise InputError(f"{argument('kl')} is {self.kl:g}; a divergence is 0 or more, for example 0.1.")
        if self.near and (self.at_most is not None or self.storage is not None or self.integer_repeats):
            sets = ", ".join(argument(name) for name in ("at_most", "storage", "integer_repeats"))
            raise InputError(f"{argument('near')} does not go with limits on which pools are used ({sets}).")

    @property
    def names(self) -> tuple[str, ...]:
        """Every pool that is named."""
        named = [*self.must, *self.never, *self.min_share, *self.max_share, *self.near]
        return tuple(name for name in dict.fromkeys(named) if name != EVERY)

    def allows(self, mixture: Mixture, samples_seen: float) -> bool:
        """Whether a set of pools sampled evenly keeps to what holds for sets: epochs, number of pools and storage."""
        return not (
            (
                self.max_epochs is not None
                and max(mixture.epochs(samples_seen)) > self.max_epochs * (1 + SLACK)
            )
            or (self.at_most is not None and len(mixture.pools) > self.at_most)
            or (self.storage is not None and mixture.unique_samples > self.storage * (1 + SLACK))
        )


@dataclass(frozen=True)
class Bounds:
    """Constraints as numbers, for the pools that a mixture may hold.

    Attributes:
        pools: Candidates for weight, none of them in `never`.
        lower: Least weights.
        upper: Greatest weights.
        at_most: Most pools with weight.
        storage: Most unique samples in pools with weight.
        near: A mixture to stay near; None for none.
        kl: Greatest divergence from it, in nats.
    """

    pools: tuple[Pool, ...]
    lower: Float[np.ndarray, " pools"]
    upper: Float[np.ndarray, " pools"]
    at_most: int
    storage: float
    near: Float[np.ndarray, " pools"] | None = None
    kl: float | None = None

    @property
    def sizes(self) -> Float[np.ndarray, " pools"]:
        """Unique samples of each pool."""
        return np.array([pool.unique_samples for pool in self.pools])

    @property
    def required(self) -> Bool[np.ndarray, " pools"]:
        """Pools that must have weight."""
        return self.lower > 0

    def holds(self, used: Bool[np.ndarray, " pools"]) -> bool:
        """Whether weights on exactly these pools can keep to every bound."""
        return bool(
            used.sum() <= self.at_most
            and self.sizes[used].sum() <= self.storage * (1 + SLACK)
            and not np.any(self.required & ~used)
            and self.upper[used].sum() >= 1 - SLACK
        )


def bounds(constraints: Constraints, pools: Sequence[Pool], samples_seen: float) -> Bounds:
    """The constraints at one budget.

    Args:
        constraints: What to respect.
        pools: Ranked pools of a fit.
        samples_seen: Budget in samples.

    Raises:
        InputError: A pool that is not among them, or constraints that clash; the message names those.
    """
    known = {pool.name for pool in pools}
    for name in constraints.names:
        if name not in known:
            raise InputError(f"Pool {name!r} is not among the pools that mix: {', '.join(sorted(known))}.")
    allowed = tuple(pool for pool in pools if pool.name not in constraints.never)
    if not allowed:
        raise InputError(f"{argument('never')} leaves out every pool that mixes; drop one of them.")
    sizes = np.array([pool.unique_samples for pool in allowed])
    share = comparable_sizes(sizes)
    fair = np.minimum(sizes / samples_seen, share / share.sum())
    at_least = constraints.min_share.get(EVERY, 0.0)
    lower = np.array(
        [
            max(
                constraints.min_share.get(pool.name, at_least),
                fair[i] if pool.name in constraints.must else 0.0,
            )
            for i, pool in enumerate(allowed)
        ]
    )
    most = constraints.max_share.get(EVERY, 1.0)
    upper = np.array([constraints.max_share.get(pool.name, most) for pool in allowed])
    if constraints.max_epochs is not None:
        upper = np.minimum(upper, constraints.max_epochs * sizes / samples_seen)
    found = Bounds(
        allowed,
        lower,
        np.maximum(upper, 0.0),
        len(allowed) if constraints.at_most is None else constraints.at_most,
        float("inf") if constraints.storage is None else constraints.storage,
        _near(constraints, allowed, lower, upper) if constraints.near else None,
        constraints.kl,
    )
    _check(found, constraints, samples_seen)
    return found


def _near(
    constraints: Constraints,
    pools: Sequence[Pool],
    lower: Float[np.ndarray, " pools"],
    upper: Float[np.ndarray, " pools"],
) -> Float[np.ndarray, " pools"]:
    """The present mixture over the pools that may be used.

    Raises:
        InputError: It breaks another limit itself, so that nothing near it is allowed.
    """
    shares = np.array([constraints.near.get(pool.name, 0.0) for pool in pools])
    total = float(shares.sum())
    if not adds_up(total):
        raise InputError(
            f"The shares of {argument('near')} sum to {total:g} over the pools that may be used, not 1."
        )
    shares = shares / total
    for pool, share, low, high in zip(pools, shares, lower, upper, strict=True):
        if not low - SLACK <= share <= high + SLACK:
            raise InputError(
                f"{argument('near')} gives {pool.name!r} a share of {share:.3g}, which other limits do not allow ({low:.3g} to "
                f"{high:.3g}). Relax them, or start from another mixture."
            )
    return shares


def comparable_sizes(sizes: Float[np.ndarray, " pools"]) -> Float[np.ndarray, " pools"]:
    """Sizes of which shares can be made: a pool that never repeats counts as large as the largest other one."""
    finite = np.isfinite(sizes)
    return np.where(finite, sizes, sizes[finite].max(initial=1.0))


def _check(found: Bounds, constraints: Constraints, samples_seen: float) -> None:
    """Refuse bounds that no mixture can meet.

    Raises:
        InputError: Naming the constraints that clash.
    """
    asking = {"must": constraints.must, "min_share": constraints.min_share}
    least = " and ".join(argument(name) for name, given in asking.items() if given)
    capping = {"max_share": constraints.max_share, "max_epochs": _epochs_bind(found, constraints)}
    caps = " and ".join(argument(name) for name, given in capping.items() if given)
    at = f"at {format_count(samples_seen)} samples"
    for pool, low, high in zip(found.pools, found.lower, found.upper, strict=True):
        if low > high * (1 + SLACK):
            raise InputError(
                f"Pool {pool.name!r} needs a share of {low:.3g} {at} ({least}), but {caps} allows {high:.3g}; relax one of them."
            )
    if found.lower.sum() > 1 + SLACK:
        raise InputError(
            f"Together {least} need {found.lower.sum():.3g} of the samples {at}, past 1; relax one of them."
        )
    if found.upper.sum() < 1 - SLACK:
        never = f" and {argument('never')}" if constraints.never else ""
        raise InputError(
            f"Within {caps}{never} there is room for {found.upper.sum():.3g} of the samples {at}, less than 1; relax one of them."
        )
    endless = next((pool.name for pool in found.pools if not np.isfinite(pool.unique_samples)), None)
    if constraints.integer_repeats and endless is not None:
        raise InputError(
            f"Pool {endless!r} never repeats (inf), so {argument('integer_repeats')} cannot write it in whole copies; leave "
            "one of them out."
        )
    count = int(found.required.sum())
    if count > found.at_most:
        raise InputError(
            f"{argument('at_most', found.at_most)} clashes with the {count} pools of {least}; raise it."
        )
    held = float(found.sizes[found.required].sum())
    if held > found.storage * (1 + SLACK):
        raise InputError(
            f"{argument('storage')} of {format_count(found.storage)} clashes with {least}, whose pools hold "
            f"{format_count(held)}; raise it."
        )
    if found.sizes.min() > found.storage * (1 + SLACK):
        raise InputError(
            f"{argument('storage')} of {format_count(found.storage)} is smaller than every pool (the smallest holds "
            f"{format_count(float(found.sizes.min()))}); raise it."
        )
    widest = np.sort(np.where(found.required, np.inf, found.upper))[::-1][: found.at_most]
    room = float(np.where(np.isinf(widest), 0.0, widest).sum() + found.upper[found.required].sum())
    if room < 1 - SLACK:
        raise InputError(
            f"Within {argument('at_most', found.at_most)} and {caps} there is room for {room:.3g} of the samples {at}, "
            "less than 1; relax one of them."
        )


def read_shares(texts: Sequence[str], flag: str) -> dict[str, float]:
    """Shares by pool from texts such as `top_10_20=0.5`, or `0.5` for every pool.

    Args:
        texts: One for each pool.
        flag: For messages.

    Raises:
        InputError: A text that is neither, or a pool named twice.

    >>> read_shares(["top_10_20=50%", "0.8"], "--max-share")
    {'top_10_20': 0.5, '*': 0.8}
    """
    shares: dict[str, float] = {}
    for text in texts:
        name, separator, share = text.rpartition("=")
        key = name.strip() if separator else EVERY
        if key in shares:
            raise InputError(
                f"{flag} is given twice for {'every pool' if key == EVERY else key}; give it once."
            )
        shares[key] = parse_number(share, flag)
    return shares


def _epochs_bind(found: Bounds, constraints: Constraints) -> bool:
    """Whether the limit on passes, rather than one on shares, is what some pool's greatest weight comes from."""
    every = constraints.max_share.get(EVERY, 1.0)
    shares = [constraints.max_share.get(pool.name, every) for pool in found.pools]
    return bool(np.any(found.upper < np.array(shares)))


def clash_of_sets(found: Bounds, constraints: Constraints) -> InputError:
    """What to say where no set of pools within the storage has room for all samples."""
    given = {
        "storage": constraints.storage is not None,
        "max_epochs": _epochs_bind(found, constraints),
        "max_share": constraints.max_share,
        "at_most": constraints.at_most is not None,
        "must": constraints.must,
        "min_share": constraints.min_share,
        "integer_repeats": constraints.integer_repeats,
    }
    named = ", ".join(argument(name) for name, is_given in given.items() if is_given)
    return InputError(f"No set of pools meets {named} together; relax one of them.")


def check_must_and_never(must: Sequence[str], never: Sequence[str]) -> None:
    """Refuse a pool that must both be in and out.

    Raises:
        InputError: Naming it.
    """
    both = sorted(set(must) & set(never))
    if both:
        raise InputError(
            f"Pool {both[0]!r} is both in {argument('must')} and in {argument('never')}; drop one of them."
        )


def _listed(shares: Mapping[str, float]) -> str:
    return ", ".join(f"{name}={share:g}" for name, share in shares.items())
