"""PLAN files, and what a plan takes from buckets.json."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thresher.arguments import argument
from thresher.errors import FileFormatError, InputError
from thresher.files import read_json, write_json
from thresher.fits.fit import Fit
from thresher.fits.transfer import resized
from thresher.pools import check_weights
from thresher.units import parse_samples

PLAN_VERSION = 1
BUCKETS_VERSION = 1
CHOICES = ("best", "mixture")
SAME_BUDGET = 1e-9
"""Budgets this close, relatively, are one: 1.28B typed and 1.28e9 computed."""


@dataclass(frozen=True)
class SavedChoice:
    """What a PLAN file says to train on at one budget.

    Attributes:
        samples_seen: The budget, in samples.
        choice: `best` or `mixture`.
        pools: Names; only those that are trained on.
        weights: Share of the samples seen that each gets.
        epochs: Passes over each.
    """

    samples_seen: float
    choice: str
    pools: tuple[str, ...]
    weights: tuple[float, ...]
    epochs: tuple[float, ...]

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
    plans = read_json(path, "plan", PLAN_VERSION, "thresher plan -o")
    try:
        budgets = [float(one["samples_seen"]) for one in plans["plans"]]
        known = ", ".join(f"{budget:.12g}" for budget in budgets)
        if samples_seen is None and len(budgets) != 1:
            raise InputError(
                f"{path} has {len(budgets)} plans; choose one with {argument('budget')}: {known}."
            )
        wanted = budgets[0] if samples_seen is None else samples_seen
        found = [
            one
            for one, budget in zip(plans["plans"], budgets, strict=True)
            if abs(budget - wanted) <= SAME_BUDGET * wanted
        ]
        if not found:
            raise InputError(f"{path} has no plan for a budget of {wanted:g}; it has {known}.")
        chosen = found[0][choice]
        if chosen is None:
            other = next(name for name in CHOICES if name != choice)
            raise InputError(
                f"{path} has no {choice} for a budget of {wanted:g}; use {argument('choice', other)}."
            )
        rows = zip(chosen["pools"], chosen["weights"], chosen["epochs"], strict=True)
        used = [(str(pool), float(w), float(e)) for pool, w, e in rows if w or e]
        endless = next((pool for pool, w, e in used if w > 0 and e == 0), None)
        if endless is not None:
            raise InputError(
                f"{path}: pool {endless!r} never repeats in this plan (inf), so there is nothing to cut or to rehearse. Give its "
                "unique_samples in the run table, fit and plan again."
            )
        if not used or not all(math.isfinite(e) and e > 0 and w > 0 for _, w, e in used):
            raise ValueError("its weights and epochs must be above 0")
        pools, weights, epochs = (tuple(column) for column in zip(*used, strict=True))
        check_weights(pools, weights)
        return SavedChoice(float(found[0]["samples_seen"]), choice, pools, weights, epochs)
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise FileFormatError(
            f"{path} is damaged ({error!r}). Make it again with `thresher plan -o`."
        ) from error


def read_pool_size(pool_size: str | None, buckets: Path | None) -> float | None:
    """Rows of the metadata table, from `--pool-size` or else a buckets.json; None where neither is given.

    Raises:
        InputError: The number or file cannot be read, or the buckets were made from more rows than the pool has.
    """
    size = parse_samples(pool_size, argument("pool_size")) if pool_size is not None else None
    if buckets is None:
        return size
    rows = _rows(buckets)
    if size is not None and size < rows:
        raise InputError(
            f"{argument('pool_size')} is {size:g}, but {buckets} was made from {rows:,} rows; give no less, or leave "
            "it out if that is the whole pool."
        )
    return float(rows) if size is None else size


def read_bucket_sizes(path: Path, pool_size: float | None = None) -> dict[str, float]:
    """Samples of each bucket of a buckets.json, by name.

    Args:
        path: The file.
        pool_size: Rows of the whole pool, where the buckets were made from a random part of it.

    Raises:
        FileFormatError: Not such a file, or one without bucket sizes.
        InputError: The file cannot be read.
    """
    buckets = _buckets(path).get("buckets")
    scale = pool_size / _rows(path) if pool_size is not None else 1.0
    try:
        return {str(bucket["name"]): scale * float(bucket["rows"]) for bucket in buckets or []}
    except (KeyError, TypeError, ValueError) as error:
        raise FileFormatError(
            f"{path}: its buckets have no name or rows. Make the file again with `thresher buckets`."
        ) from error


def in_buckets(fit: Fit, buckets: Path | None, pool_size: float | None) -> Fit:
    """A fit whose ranked pools are as large as the buckets of the same names; as it is where there are no buckets.

    Pilots are trained on parts of buckets, the choice is between whole ones.

    Args:
        fit: What was fitted.
        buckets: A buckets.json.
        pool_size: As in `read_bucket_sizes`.

    Raises:
        FileFormatError: Not such a file.
        InputError: A ranked pool is no bucket.
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
    return resized(fit, {pool.name: sizes[pool.name] for pool in fit.ranked})


def _rows(path: Path) -> int:
    rows = _buckets(path).get("rows")
    if not isinstance(rows, int) or rows < 1:
        raise FileFormatError(
            f"{path}: rows is {rows!r}, not a count. Make the file again with `thresher buckets`."
        )
    return rows


def _buckets(path: Path) -> dict[str, Any]:
    return read_json(path, "buckets", BUCKETS_VERSION, made_by="thresher buckets METADATA --score COL")
