"""PLAN files, and what a plan takes from buckets.json."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thresher.arguments import argument
from thresher.errors import InputError
from thresher.files import write_json
from thresher.fits.fit import Fit
from thresher.fits.transfer import resized
from thresher.metadata.buckets import read_buckets
from thresher.stored import read_stored
from thresher.units import format_count, parse_samples

PLAN_VERSION = 1
CHOICES = ("best", "mixture")
SAME_BUDGET = 1e-9
"""Budgets this close, relatively, are one: 1.28B typed and 1.28e9 computed."""

SAME_SIZE = 1.01
"""A pilot may be larger than its bucket by this factor: sizes are written with three digits."""


@dataclass(frozen=True)
class SavedChoice:
    """What a PLAN file says to train on at one budget.

    Attributes:
        samples_seen: The budget, in samples.
        choice: `best` or `mixture`.
        pools: Names; only those that are trained on.
        weights: Share of the samples seen that each gets.
        epochs: Passes over each.
        exposure: How the law took samples to be drawn, `epochs` or `resampled`; None where the plan does not say.
    """

    samples_seen: float
    choice: str
    pools: tuple[str, ...]
    weights: tuple[float, ...]
    epochs: tuple[float, ...]
    exposure: str | None = None

    @property
    def unique_samples(self) -> tuple[float, ...]:
        """Distinct samples of each pool."""
        return tuple(self.samples_seen * w / e for w, e in zip(self.weights, self.epochs, strict=True))


def write_plans(document: Mapping[str, Any], path: Path) -> None:
    """Write plans, as `thresher plan --json` prints them, to a PLAN file.

    Raises:
        InputError: The path cannot be written.
    """
    write_json(path, "plan", PLAN_VERSION, document)


def read_choice(path: Path, samples_seen: float | None, choice: str = "best") -> SavedChoice:
    """What a PLAN file says to train on at one budget.

    Args:
        path: A file made by `thresher plan -o`.
        samples_seen: Which of its budgets, in samples; None where it has only one.
        choice: `best` or `mixture`.

    Raises:
        FileFormatError: Not such a file, or a damaged one.
        InputError: No such budget or choice in it.
    """
    if choice not in CHOICES:
        raise InputError(f"{argument('choice')} is {choice!r}; give {' or '.join(CHOICES)}.")
    from thresher.plans.plan_model import StoredPlans

    plans = read_stored(path, StoredPlans, "plan", PLAN_VERSION, "thresher plan FIT -o PLAN").plans
    known = ", ".join(f"{plan.samples_seen:.12g}" for plan in plans)
    if samples_seen is None and len(plans) != 1:
        raise InputError(f"{path} has {len(plans)} plans; choose one with {argument('budget')}: {known}.")
    wanted = plans[0].samples_seen if samples_seen is None else samples_seen
    found = next((plan for plan in plans if abs(plan.samples_seen - wanted) <= SAME_BUDGET * wanted), None)
    if found is None:
        raise InputError(f"{path} has no plan for {argument('budget')} {wanted:.12g}; it has {known}.")
    chosen = found.best if choice == "best" else found.mixture
    if chosen is None:
        other = next(name for name in CHOICES if name != choice)
        raise InputError(
            f"{path} has no {choice} for a budget of {wanted:.12g}; give {argument('choice', other)} instead."
        )
    used = [row for row in zip(chosen.pools, chosen.weights, chosen.epochs, strict=True) if row[1]]
    endless = next((pool for pool, _, e in used if e == 0), None)
    if endless is not None:
        raise InputError(
            f"{path}: pool {endless!r} never repeats in this plan (inf), so there is nothing to cut or to rehearse. Give its "
            "unique_samples in the run table, fit and plan again."
        )
    pools, weights, epochs = (tuple(column) for column in zip(*used, strict=True))
    return SavedChoice(found.samples_seen, choice, pools, weights, epochs, found.exposure)


def read_pool_size(pool_size: str | None, buckets: Path | None) -> float | None:
    """Rows of the metadata table, from a stated size or else a buckets.json; None where neither is given.

    Raises:
        InputError: The number or file cannot be read, or the buckets were made from more rows than the pool has.
    """
    size = parse_samples(pool_size, argument("pool_size")) if pool_size is not None else None
    if buckets is None:
        return size
    rows = read_buckets(buckets).rows
    if size is not None and size < rows:
        raise InputError(
            f"{argument('pool_size')} is {format_count(size)}, but {buckets} was made from {rows:,} rows; give no less, or leave "
            "it out if that is the whole pool."
        )
    return float(rows) if size is None else size


def read_bucket_sizes(path: Path, pool_size: float | None = None) -> dict[str, float]:
    """Samples of each bucket of a buckets.json, by name.

    Args:
        path: The file.
        pool_size: Rows of the whole pool, where the buckets were made from a random part of it.

    Raises:
        FileFormatError: Not such a file.
        InputError: The file cannot be read.
    """
    made = read_buckets(path)
    scale = pool_size / made.rows if pool_size is not None else 1.0
    return {bucket.name: scale * bucket.rows for bucket in made.buckets}


def in_buckets(fit: Fit, buckets: Path | None, pool_size: float | None) -> Fit:
    """A fit whose ranked pools are as large as the buckets of the same names; as it is where there are no buckets.

    Pilots are trained on parts of buckets, the choice is between whole ones.

    Args:
        fit: What was fitted.
        buckets: A buckets.json.
        pool_size: As in `read_bucket_sizes`.

    Raises:
        FileFormatError: Not such a file.
        InputError: A ranked pool is no bucket, or is larger than its bucket.
    """
    if buckets is None:
        return fit
    sizes = read_bucket_sizes(buckets, pool_size)
    missing = [pool.name for pool in fit.ranked if pool.name not in sizes]
    if missing:
        raise InputError(
            f"Pool {missing[0]!r} of the fit is not a bucket of {buckets} (it has: {', '.join(sizes)}). Name pools in the run "
            "table as the buckets are named."
        )
    for pool in fit.ranked:
        if SAME_SIZE * sizes[pool.name] < pool.unique_samples < math.inf:
            raise InputError(
                f"Pool {pool.name!r} was piloted on {format_count(pool.unique_samples)} samples, but its bucket in {buckets} has "
                f"{format_count(sizes[pool.name])}. If the buckets were made from a part of the pool, give the whole's rows: "
                f"{argument('pool_size')}; else make the buckets of the pool that was piloted."
            )
    return resized(fit, {pool.name: sizes[pool.name] for pool in fit.ranked})
